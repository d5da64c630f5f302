"""What is proved fetched, what is missing, and what the exchange will have forgotten when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.flows.desk import NOON, Desk, asked, one
from trademon.core.coverage import Span
from trademon.core.coverage_reports import CoverageReport, CoverageRow
from trademon.exchanges.registry import capabilities_of
from trademon.flows.coverage import coverage, gaps_of
from trademon.flows.scan import ScanLimits

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def report(desk: Desk) -> CoverageReport:
    return coverage([desk.user], (), now=desk.clock(), capabilities_of=capabilities_of)


def row(desk: Desk, name: str, stream: str = "fills") -> CoverageRow:
    return next(r for r in report(desk).rows if name in (r.symbol, r.stream) and r.stream == stream)


async def test_after_a_whole_look_nothing_is_missing(desk: Desk) -> None:
    """Complete since the account's beginning, in every symbol that was asked for; the scan says so, too."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "2000", NOON - DAY)
    await desk.open("binance", world, since=NOON - 3 * DAY)
    done = one(await desk.scan())
    (whole,) = report(desk).brokers
    assert whole.complete_since == done.complete_since == NOON - 3 * DAY
    assert whole.asked == whole.listed
    eth = row(desk, "ETH/USDT")
    assert (eth.complete_since, eth.until, eth.gaps, eth.fills) == (NOON - 3 * DAY, NOON, (), 1)
    assert row(desk, "deposits", "deposits").gaps == ()


async def test_what_was_not_asked_for_yet_is_said(desk: Desk) -> None:
    """With the budget for twenty symbols a look, the others wait: not complete, and how many is told."""
    await desk.open("binance", desk.scripted())
    done = one(await desk.scan(limits=ScanLimits(sweep=1)))
    (whole,) = report(desk).brokers
    assert whole.complete_since is done.complete_since is None
    assert whole.asked == 20 < whole.listed


async def test_a_stretch_that_failed_is_a_gap_until_it_is_read(desk: Desk) -> None:
    """A week away, and a look that was stopped after its newest part: open, with its borders, until the next look."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "2000", NOON - DAY)
    await desk.open("binance", world)
    await desk.scan()
    desk.clock.move(days=7)
    newest = Span(NOON + 6 * DAY, NOON + 7 * DAY)
    desk.user.books.book_page(
        desk.user.broker("main"),
        (),
        account_id=desk.account_id(),
        method="fifo",
        source="api",
        seen_at=desk.clock(),
        covered=("ETH/USDT", newest),
    )
    (gap,) = row(desk, "ETH/USDT").gaps
    assert (gap.span, gap.lost_from, gap.is_lost) == (Span(NOON, newest.start), None, False)
    await desk.scan()
    assert row(desk, "ETH/USDT").gaps == ()


async def test_bitget_forgets_after_ninety_days(desk: Desk) -> None:
    """A history that begins before that has a part that can no longer be had."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "2000", NOON - DAY)
    await desk.open("bitget", world, since=NOON - 200 * DAY)
    await desk.scan()
    (gap,) = row(desk, "ETH/USDT").gaps
    assert gap.is_lost
    assert gap.span.start == NOON - 200 * DAY
    assert NOON - 90 * DAY <= gap.span.end <= NOON - 89 * DAY
    (whole,) = report(desk).brokers
    assert whole.complete_since == gap.span.end


def test_a_gap_that_can_still_be_filled_says_until_when() -> None:
    """Ten days of it, 85 days back: the exchange begins to forget it in five days."""
    spans = [Span(NOON - 100 * DAY, NOON - 85 * DAY), Span(NOON - 75 * DAY, NOON)]
    (gap,) = gaps_of(spans, NOON - 100 * DAY, 90 * DAY, NOON)
    assert gap.span == Span(NOON - 85 * DAY, NOON - 75 * DAY)
    assert gap.lost_from == NOON + 5 * DAY
    assert not gap.is_lost
    (later,) = gaps_of(spans, NOON - 100 * DAY, 90 * DAY, NOON + 20 * DAY)
    assert later.is_lost


@pytest.mark.parametrize(("later", "back"), [(10 * 60, 15 * 60), (2 * 3600, 86400), (26 * 3600, 7 * 86400)])
async def test_the_newest_time_is_read_again(desk: Desk, later: int, back: int) -> None:
    """A quarter of an hour in every look, a day once an hour, a week once a day: what was published late is found."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "2000", NOON - 20 * DAY)
    server = await desk.open("binance", world, since=NOON - 30 * DAY)
    await desk.scan()
    desk.clock.move(seconds=later)
    at = desk.clock() - timedelta(seconds=back - 60)
    world.buy("ETH/USDT", "1", "2000", at)
    server.requests.clear()
    await desk.scan()
    assert "ETHUSDT" in asked(server, "/myTrades")
    assert len(desk.stored()) == 2
