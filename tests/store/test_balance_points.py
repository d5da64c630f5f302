"""Agreed points and what looks saw since: kept where they are needed, thinned with age, gone with their account."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.store.world import NOON, add_broker, book, fill, open_store, span
from trademon.core.coverage import Span
from trademon.core.model import Balance
from trademon.core.replay import Seen, Window
from trademon.store.store import Store, UserStore

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOTHING = Span(NOON, NOON)


@pytest.fixture
def one(path: Path) -> tuple[Store, UserStore, int]:
    store = open_store(path)
    ann = store.for_user("ann")
    broker = add_broker(ann)
    book(ann, broker, [fill("1")], covered=span(0, 5))
    account_id = ann.broker(broker.name).account_id
    assert account_id is not None
    return store, ann, account_id


def seen(total: str, minutes: float = 0) -> Seen:
    at = NOON + minutes * MINUTE
    return Seen(Window(at, at, at), {"BTC": Decimal(total)})


def look(ann: UserStore, account_id: int, total: str, minutes: float) -> None:
    ann.save_look(account_id, [Balance("BTC", Decimal(total), Decimal(0))], [], NOON + minutes * MINUTE)


def rows(ann: UserStore) -> list[tuple[str, float, float]]:
    """Kind, and from when until when in minutes after noon."""
    with ann._database.read() as sql:
        found = sql.rows("SELECT kind, at, until_at FROM balance_points ORDER BY at, id")
    start = NOON.timestamp()
    return [(kind, (at / 1e6 - start) / 60, (until / 1e6 - start) / 60) for kind, at, until in found]


def test_looks_are_remembered_only_after_an_agreed_point(one: tuple[Store, UserStore, int]) -> None:
    """Who never verifies pays nothing."""
    _, ann, account_id = one
    look(ann, account_id, "1", 1)
    assert rows(ann) == []
    ann.settle_balances(account_id, seen("1", 2))
    look(ann, account_id, "2", 3)
    assert rows(ann) == [("agreed", 2, 2), ("look", 3, 3)]


def test_the_same_balances_are_one_row_however_often_they_are_seen(one: tuple[Store, UserStore, int]) -> None:
    """A stretch from the first to the last time; a look from before the newest says nothing new."""
    _, ann, account_id = one
    ann.settle_balances(account_id, seen("1", 0))
    for minutes, total in ((1, "1"), (2, "1.0"), (3, "2"), (4, "2"), (3.5, "9"), (5, "1")):
        look(ann, account_id, total, minutes)
    assert rows(ann) == [("agreed", 0, 2), ("look", 3, 4), ("look", 5, 5)]


def test_agreeing_forgets_what_was_seen_before_it_and_a_drift_does_not(one: tuple[Store, UserStore, int]) -> None:
    """The point moves with the result, in one transaction, and stays where nothing agreed."""
    _, ann, account_id = one
    ann.settle_balances(account_id, seen("1", 0))
    look(ann, account_id, "2", 1)
    found = ann.settle_balances(account_id, seen("2", 2))
    assert found.after == found.before
    assert found.comparison is not None
    assert found.comparison.differences == {"BTC": Decimal(1)}
    assert len(found.looks) == 2
    assert len(rows(ann)) == 2
    found = ann.settle_balances(account_id, seen("1", 3))
    assert found.after is not None
    assert found.after.at == NOON + 3 * MINUTE
    assert rows(ann) == [("agreed", 3, 3)]


def test_old_looks_are_thinned_and_the_agreed_point_never(one: tuple[Store, UserStore, int]) -> None:
    """A balance that changes every minute for two days: an hour of minutes, a day of five minutes, then hours."""
    _, ann, account_id = one
    ann.settle_balances(account_id, seen("1", 0))
    last = 2 * 24 * 60
    for minutes in range(1, last + 1, 3):
        look(ann, account_id, str(minutes), minutes)
    kept = rows(ann)
    assert kept[0][0] == "agreed"
    ages = [last - at for kind, at, _ in kept if kind == "look"]
    assert sum(age <= 60 for age in ages) == 20
    assert sum(60 < age <= 24 * 60 for age in ages) <= 23 * 12 + 1
    assert sum(age > 24 * 60 for age in ages) <= 25


def test_forgotten_time_is_missing_and_the_rest_is_not(one: tuple[Store, UserStore, int]) -> None:
    """Cut out of the middle, at an edge, and where nothing was read."""
    _, ann, account_id = one
    (whole,) = ann.coverage(account_id, "BTC/USDT")
    third = (whole.end - whole.start) / 3
    ann.forget_coverage(account_id, ["BTC/USDT", "XYZ/USDT"], Span(whole.start + third, whole.end - third), NOTHING)
    assert ann.coverage(account_id, "BTC/USDT") == (
        Span(whole.start, whole.start + third),
        Span(whole.end - third, whole.end),
    )
    ann.forget_coverage(account_id, ["BTC/USDT"], Span(whole.start - third, whole.start + third / 2), NOTHING)
    assert ann.coverage(account_id, "BTC/USDT")[0] == Span(whole.start + third / 2, whole.start + third)
    ann.forget_coverage(account_id, ["BTC/USDT"], Span(whole.start, whole.end), NOTHING)
    assert ann.coverage(account_id, "BTC/USDT") == ()
    assert ann.coverage(account_id, "XYZ/USDT") == ()


def test_entered_lots_and_ends_of_transfers_move_no_coin(one: tuple[Store, UserStore, int]) -> None:
    """They are rows of fills, and no executions: only what the exchange executed is replayed."""
    _, ann, account_id = one
    ann.settle_balances(account_id, seen("1", -600))
    found = ann.settle_balances(account_id, seen("1", 600))
    assert [step.what for step in found.steps] == ["fill 1 of BTC/USDT"]
    assert found.comparison is not None
    assert not found.comparison.agrees
    for source in ("opening", "transfer"):
        with ann._database.write() as sql:
            sql.run("UPDATE fills SET source = ?", source)
        assert ann.settle_balances(account_id, seen("2", 600)).steps == ()


def test_removing_a_broker_with_its_fills_removes_what_they_are_held_against(
    one: tuple[Store, UserStore, int],
) -> None:
    """An agreed point without its history would make a drift of everything."""
    _, ann, account_id = one
    ann.settle_balances(account_id, seen("1", 0))
    ann.remove_broker(ann.brokers()[0], with_fills=True)
    assert rows(ann) == []
    assert ann.agreed_point(account_id) is None
