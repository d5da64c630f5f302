"""Balances from stored history: exact at every cut, and never agreeing where a digit is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trademon.core.cash_reports import CashLine
from trademon.core.coverage import Span
from trademon.core.model import Contract, Fee, Fill, Transfer
from trademon.core.replay import (
    Point,
    Seen,
    Stage,
    Step,
    Window,
    began,
    changes,
    compare,
    cuts,
    first_point,
    in_order,
    replay,
    stages,
    step_of_cash,
    step_of_fill,
    step_of_transfer,
)

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return TEN + seconds * SECOND


def window(start: float, end: float) -> Window:
    return Window(at(start), at((start + end) / 2), at(end))


def step(seconds: float, **coins: str) -> Step:
    return Step(at(seconds), tuple((coin, Decimal(amount)) for coin, amount in coins.items()))


def fill(side: str = "buy", **more: object) -> Fill:
    facts: dict[str, object] = {
        "trade_id": "1",
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "side": side,
        "quantity": Decimal("0.5"),
        "price": Decimal("30000.1"),
        "executed_at": TEN,
    }
    return Fill(**facts | more)  # type: ignore[arg-type]


# --- what moves coins ---------------------------------------------------------------------------------------------


def test_a_fill_moves_both_legs_and_every_fee() -> None:
    """A base fee lowers what is received, a third coin's stands alone, a rebate comes in."""
    paid = (Fee(Decimal("0.001"), "BTC"), Fee(Decimal("0.02"), "BNB"), Fee(Decimal("-0.3"), "USDT"))
    assert dict(step_of_fill(fill(fees=paid)).coins) == {
        "BTC": Decimal("0.499"),
        "USDT": Decimal("-14999.75"),
        "BNB": Decimal("-0.02"),
    }
    assert dict(step_of_fill(fill("sell")).coins) == {"BTC": Decimal("-0.5"), "USDT": Decimal("15000.05")}


def test_a_quote_amount_that_was_cut_is_the_exchanges() -> None:
    """What it booked, not price times quantity."""
    assert dict(step_of_fill(fill(), Decimal("15000.04")).coins)["USDT"] == Decimal("-15000.04")


def test_a_contract_moves_no_leg_only_its_fees() -> None:
    """Its gains are not in the fill, so nothing is guessed."""
    contract = fill(contract=Contract("USDT"), fees=(Fee(Decimal("0.1"), "BNB"),))
    assert step_of_fill(contract).coins == (("BNB", Decimal("-0.1")),)


def test_transfers_and_cash_lines_move_their_coin() -> None:
    """A withdrawal's fee comes on top of what was sent."""
    sent = Transfer("1", "withdrawal", "BTC", Decimal(1), Decimal("0.001"), TEN)
    came = Transfer("2", "deposit", "BTC", Decimal(2), Decimal(0), TEN)
    paid = CashLine("3", "funding", "USDT", Decimal("-0.4"), TEN)
    moved = [step_of_transfer(sent).coins, step_of_transfer(came).coins, step_of_cash(paid).coins]
    assert moved == [(("BTC", Decimal("-1.001")),), (("BTC", Decimal(2)),), (("USDT", Decimal("-0.4")),)]


# --- laws ---------------------------------------------------------------------------------------------------------

coins = st.sampled_from(["BTC", "ETH", "USDT", "BNB"])
amounts = st.one_of(
    st.integers(-(10**12), 10**12).map(lambda n: Decimal(n).scaleb(-8)),
    st.sampled_from([Decimal(text) for text in ("1e-18", "-1e-18", "1e15", "-0.333333333333333333", "0.1")]),
).filter(bool)
steps = st.lists(
    st.tuples(st.integers(0, 60), coins, amounts).map(lambda t: Step(at(t[0]), ((t[1], t[2]),))), max_size=30
).map(in_order)
totals = st.dictionaries(coins, amounts, max_size=4)


def exact(held: dict[str, Decimal], moved: list[Step]) -> dict[str, Fraction]:
    """The same sum by other means."""
    sums = {coin: Fraction(total) for coin, total in held.items()}
    for one in moved:
        for coin, amount in one.coins:
            sums[coin] = sums.get(coin, Fraction(0)) + Fraction(amount)
    return {coin: total for coin, total in sums.items() if total}


@given(totals, steps, st.integers(0, 60), st.integers(0, 60), st.data())
def test_what_truly_happened_agrees_wherever_in_its_window_it_was_seen(
    held: dict[str, Decimal], history: list[Step], begin: int, when: int, data: st.DataObject
) -> None:
    """Balances as they were at any moment agree with the replay, however wide the window, and the cut that is found
    is as good as the moment: replaying on from it gives every later balance, to the last digit."""
    point = Point(at(min(begin, when)), held)
    truth = replay(point, history, at(max(begin, when)))
    assert {c: Fraction(t) for c, t in truth.items()} == exact(
        held, [s for s in history if point.at < s.at <= at(max(begin, when))]
    )
    early, late = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
    seen = window(max(begin, when) - early, max(begin, when) + late)
    found = compare(held, [point.at], history, truth, cuts(history, seen))
    assert found.agrees
    assert found.cut >= point.at
    later = replay(point, history, at(120))
    assert replay(Point(found.cut, truth), history, at(120)) == later


@given(totals, steps, coins, amounts)
def test_a_missing_amount_is_found_whole(
    held: dict[str, Decimal], history: list[Step], coin: str, lost: Decimal
) -> None:
    """What is not stored is the difference, exactly, and in no other coin; with the coin left out, nothing is."""
    live = replay(Point(at(-1), held), [*history, Step(at(0), ((coin, lost),))], at(99))
    ends = cuts(history, window(99, 100))
    assert compare(held, [at(-1)], history, live, ends).differences == {coin: lost}
    assert compare(held, [at(-1)], history, live, ends, skip=frozenset([coin])).agrees


@given(steps, st.integers(0, 60), st.integers(0, 60))
def test_the_cuts_of_a_window_are_its_moments(history: list[Step], start: int, length: int) -> None:
    """Between two neighbours of them lies at most one moment at which something moved."""
    found = cuts(history, window(start, start + length))
    assert found == sorted(set(found))
    inside = {s.at for s in history if at(start) <= s.at <= at(start + length)}
    assert set(found[1:]) == inside
    assert not any(found[0] < s.at < at(start) for s in history)


@given(totals, st.lists(st.tuples(coins, amounts), min_size=1, max_size=40), st.integers(0, 99))
def test_two_looks_at_an_account_that_never_rests_give_a_true_point_or_none(
    held: dict[str, Decimal], moves: list[tuple[str, Decimal]], offset: int
) -> None:
    """Whatever moves in every tenth of a second: the point found continues to every later balance."""
    history = [Step(at(n / 10), ((coin, amount),)) for n, (coin, amount) in enumerate(moves)]
    origin = Point(at(-1), held)
    first, second = 1 + offset / 100, 4 + offset / 100
    looks = [Seen(window(t - 0.3, t + 0.3), replay(origin, history, at(t))) for t in (first, second)]
    point = first_point(history, looks[1], looks[0])
    assume(point is not None)
    assert point is not None
    assert replay(point, history, at(99)) == replay(origin, history, at(99))


# --- first points and intervals -----------------------------------------------------------------------------------


def test_a_busy_moment_alone_is_no_first_point() -> None:
    """Whether the step is in the balance cannot be known; two looks within one window know no more."""
    busy = Seen(window(0, 2), {"BTC": Decimal(1)})
    history = [step(1, BTC="0.5")]
    assert first_point(history, busy) is None
    assert first_point(history, busy, Seen(window(-1, 1), {"BTC": Decimal(1)})) is None
    assert first_point([step(3, BTC="0.5")], busy) == Point(at(1), {"BTC": Decimal(1)})


def test_a_balance_from_before_the_point_never_moves_it_back() -> None:
    """What the point contains would be replayed a second time."""
    found = compare({"BTC": Decimal(1)}, [at(10)], [step(9.5, BTC="1")], {"BTC": Decimal(1)}, [at(9)])
    assert found.agrees
    assert found.cut == at(10)


def test_of_several_cuts_the_one_with_the_fewest_differences_counts() -> None:
    """A drift in one coin does not blur where in the window the others were."""
    history = [step(1, BTC="1"), step(2, ETH="1")]
    live = {"BTC": Decimal(1), "BNB": Decimal(3)}
    found = compare({}, [at(0)], history, live, cuts(history, window(0.5, 2.5)))
    assert (found.cut, found.differences) == (at(1), {"BNB": Decimal(3)})


def test_a_difference_began_between_the_last_look_that_agreed_and_the_first_that_did_not() -> None:
    """One that went away again began later; one that no look saw began after the last of them."""
    point = Point(at(0), {"BTC": Decimal(1)})
    history = [step(15, BTC="1")]

    def look(seconds: float, total: str) -> Seen:
        return Seen(window(seconds - 1, seconds + 1), {"BTC": Decimal(total)})

    looks = [look(10, "0.9"), look(20, "2"), look(40, "1.5"), look(30, "1.5")]
    path = stages(point, history, looks, "BTC")
    assert [stage.difference for stage in path] == [0, Decimal("-0.1"), 0, Decimal("-0.5"), Decimal("-0.5")]
    assert began(path, at(99)) == Span(at(20), at(30))
    assert changes(path, Decimal("-0.7")) == [Decimal(x) for x in ("-0.1", "0.1", "-0.5", "-0.2")]
    assert began([Stage(at(0), Decimal(0))], at(99)) == Span(at(0), at(99))


@pytest.mark.parametrize("total", ["1", "2"])
def test_a_look_agrees_on_either_side_of_a_step_within_its_window(total: str) -> None:
    """The balance may be from before or from after it."""
    point, history = Point(at(0), {"BTC": Decimal(1)}), [step(10, BTC="1")]
    path = stages(point, history, [Seen(window(9, 11), {"BTC": Decimal(total)})], "BTC")
    assert path[-1].difference == 0
