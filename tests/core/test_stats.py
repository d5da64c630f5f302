"""Wins, losses, the deepest fall and the curve: exact, and the same as counting all of it at once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from trademon.core.entries import MONEY_DIGITS, Scale, to_decimal
from trademon.core.model import METHODS
from trademon.core.money import EXACT, FIGURE_QUANTUM
from trademon.core.pnl import Book, RawBooked, disposal_of, fold_entries
from trademon.core.pnl_reports import PnlStats
from trademon.core.stats import Curve, Performance, net_of
from trademon.core.times import EPOCH, from_us

D = Decimal
ONE = 10**MONEY_DIGITS

nets = st.lists(st.one_of(st.integers(-3, 3).map(lambda n: n * ONE), st.integers(-(10**75), 10**75)), max_size=30)


def played(*amounts: int) -> PnlStats:
    performance = Performance()
    for net in amounts:
        performance.add(net)
    return performance.figures()


def test_nothing_has_no_rate_no_factor_no_best_and_no_worst() -> None:
    """There is nothing to divide by, and nothing to choose from."""
    assert played() == PnlStats(0, 0, 0, D(0), D(0), None, None, D(0), None, None)


def test_only_wins_have_a_rate_and_no_factor() -> None:
    """Profit over no loss is no number."""
    stats = played(ONE, 2 * ONE)
    assert (stats.win_rate, stats.profit_factor, stats.max_drawdown) == (1, None, 0)


def test_only_losses_have_a_factor_of_zero() -> None:
    """And fall from zero, where the running net begins."""
    stats = played(-ONE, -2 * ONE)
    assert (stats.win_rate, stats.profit_factor, stats.max_drawdown, stats.worst) == (0, 0, 3, -2)


def test_what_is_shown_as_zero_is_neither_won_nor_lost() -> None:
    """Half a unit of the last digit shown is dust that a cut share left; one more is a loss."""
    dust = 10 ** (MONEY_DIGITS - 30) // 2
    assert (played(dust, -dust).wins, played(dust, -dust).losses, played(0).win_rate) == (0, 0, None)
    assert played(-dust - 1).losses == 1


def test_a_fee_without_a_trade_moves_the_running_net_alone() -> None:
    """It is no disposal, and it is gone all the same."""
    performance = Performance()
    performance.add(-ONE, closing=False)
    stats = performance.figures()
    assert (stats.disposals, stats.losses, stats.worst, stats.max_drawdown) == (0, 0, None, 1)


@given(nets)
def test_the_figures_are_those_of_counting_all_at_once(amounts: list[int]) -> None:
    """Against lists and fractions: every figure but the two quotients to the last digit, those to the thirtieth."""
    stats = played(*amounts)
    running = [sum(amounts[:n]) for n in range(len(amounts) + 1)]
    won = [n for n in amounts if abs(n) * 2 > 10**30 and n > 0]
    lost = [n for n in amounts if abs(n) * 2 > 10**30 and n < 0]
    assert (stats.disposals, stats.wins, stats.losses) == (len(amounts), len(won), len(lost))
    deepest = max(max(running[: n + 1]) - net for n, net in enumerate(running))
    expected = (sum(won), sum(lost), max(amounts, default=None), min(amounts, default=None), deepest)
    found = (stats.profit, stats.loss, stats.best, stats.worst, stats.max_drawdown)
    assert found == tuple(None if n is None else to_decimal(n, MONEY_DIGITS) for n in expected)
    for quotient, part, whole in (
        (stats.win_rate, len(won), len(won) + len(lost)),
        (stats.profit_factor, sum(won), -sum(lost)),
    ):
        assert (quotient is None) == (whole == 0)
        assert quotient is None or abs(Fraction(quotient) - Fraction(part, whole)) <= Fraction(FIGURE_QUANTUM)


entries = st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 10**10), st.integers(-100, 10**9)), max_size=20)


@given(entries, st.sampled_from(METHODS), st.booleans())
def test_a_net_is_that_of_the_disposal_and_all_of_them_that_of_the_book(
    steps: list[tuple[int, int, int]], method, signed: bool
) -> None:
    """Gross less fees of each disposal; with fees that ate their fill, they add up to what the book realised."""
    scale = Scale()
    book, out = Book(method, signed=signed, scale=scale), list[RawBooked]()
    fold_entries(book, [(n, n, quantity * 10**8, price, fee) for n, (quantity, price, fee) in enumerate(steps)], out)
    to_money = 10 ** (MONEY_DIGITS - scale.quantity - scale.price)
    total = 0
    for raw in out:
        if raw.closed or not raw.entry.quantity:
            total += net_of(raw, to_money)
        disposal = disposal_of(scale, raw)
        assert disposal is None or disposal.net == to_decimal(net_of(raw, to_money), MONEY_DIGITS)
    assert to_decimal(total, MONEY_DIGITS) == EXACT.subtract(book.tally.gross, book.tally.fees)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-9, 9)), min_size=1, max_size=200), st.integers(1, 30))
def test_a_thinned_curve_keeps_its_ends_and_its_extremes(steps: list[tuple[int, int]], buckets: int) -> None:
    """In order, on the curve, and never more than four points a stretch."""
    steps.sort(key=lambda step: step[0])
    curve = Curve(steps[0][0], steps[-1][0], buckets)
    whole, running = [], 0
    for at, net in steps:
        curve.add(at, net * ONE)
        running += net
        whole.append((from_us(at), D(running)))
    points = curve.points()
    left = iter(whole)
    assert all(point in left for point in points)  # a subsequence: nothing made up, nothing out of order
    assert (points[0], points[-1]) == (whole[0], whole[-1])
    for choose in (min, max):
        assert choose(net for _, net in points) == choose(net for _, net in whole)
    assert len(points) <= 4 * buckets


def test_a_curve_of_one_moment_is_one_stretch() -> None:
    """No length to divide, and the last value is the one that stays."""
    curve = Curve(5, 5)
    for net in (1, 5, -9, 2):
        curve.add(5, net * ONE)
    assert curve.points()[-1] == (EPOCH + timedelta(microseconds=5), D(-1))
