"""What a watch says was earned is what `pnl` says, by every method and range; it reads no more than what changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.flows.test_watch import Stage, stage, trade  # noqa: F401 - a fixture
from trademon.core.model import METHODS, Balance, Method
from trademon.core.watch_figures import RANGES, BookEarned, Range, summarize
from trademon.exchanges.base import AccountView
from trademon.flows.pnl import PnlQuery, pnl
from trademon.flows.watch_figures import KeptFigures, day_of, earned_by

NOON = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
DAYS: dict[Range, int | None] = {"today": 0, "7d": 6, "30d": 29, "all": None}


async def traded(stage: Stage) -> None:  # noqa: F811
    """Two brokers with buys and sales over 40 days, some of which meet no lot, all read and booked."""
    for n, name in enumerate(("main", "okx")):
        account = stage.add(name)
        account.fetch_account = holding  # type: ignore[method-assign]
        stage.user.set_broker(stage.user.broker(name), since_at=NOON - timedelta(days=60))
        for i in range(60):
            side = "sell" if i % 3 == 2 or (n and not i) else "buy"
            price = str(100 + i * 7 % 31)
            account.fills.append(trade(i + 1, side, price, at_s=-3600 * 16 * (59 - i) - 60 - n))
    await stage.watch(interval_s=10, cycles=1).run()


async def holding(*, with_uid: bool) -> AccountView:
    return AccountView(None, (Balance("BTC", Decimal(1000), Decimal(0)),))


def nets(report: Iterable[object]) -> dict[str, Decimal]:
    return {one.currency: one.net for one in report}  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", METHODS)
async def test_every_range_is_what_pnl_says_of_its_days(stage: Stage, method: Method) -> None:  # noqa: F811
    """Today, 7 d, 30 d and all, by broker, by symbol and in total, to the last digit."""
    await traded(stage)
    kept = KeptFigures((stage.user,))
    kept.read(NOON)
    books: tuple[BookEarned, ...] = kept.earned if method == "fifo" else earned_by((stage.user,), method)
    midnight = NOON.replace(hour=0)
    for range_ in RANGES:
        days = DAYS[range_]
        since = None if days is None else midnight - timedelta(days=days)
        summary = summarize(books, range_, day_of(NOON))
        report = pnl((stage.user,), PnlQuery(method=method, since=since))
        assert nets(summary.within) == nets(report.totals)
        by_broker = {(row.user, row.broker): row.net for row in report.rows}
        assert {key: one[0].net for key, one in summary.brokers.items() if one} == by_broker
        assert {(s.broker, s.earned.net) for s in summary.symbols} <= {(row.broker, row.net) for row in report.rows}
        assert nets(summary.total) == nets(pnl((stage.user,), PnlQuery(method=method)).totals)
        assert summary.within[0].incomplete is any(row.has_unmatched for row in report.rows)


async def test_a_curve_ends_at_what_was_earned(stage: Stage) -> None:  # noqa: F811
    """Of every range, also of today's hours: its last point is the figure beside it."""
    await traded(stage)
    kept = KeptFigures((stage.user,))
    kept.read(NOON)
    for range_ in RANGES:
        summary = summarize(kept.earned, range_, day_of(NOON))
        (earned,) = summary.within
        assert summary.curves["USDT"][-1] == earned.net
        assert all(symbol.curve[-1] == symbol.earned.net for symbol in summary.symbols if symbol.curve)
    assert len(summarize(kept.earned, "7d", day_of(NOON)).curves["USDT"]) == 7


async def test_only_books_that_changed_are_read_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Nothing where nothing did, one book where one did, and all of them on a new day."""
    await traded(stage)
    kept, read = KeptFigures((stage.user,)), []
    original = stage.user.stored_days
    monkeypatch.setattr(stage.user, "stored_days", lambda ref: read.append(ref.broker) or original(ref))
    assert kept.read(NOON)
    assert sorted(read) == ["main", "okx"]
    read.clear()
    assert not kept.read(NOON)
    assert read == []
    stage.accounts["okx"].fills.append(trade(99, "sell", "150", at_s=5))
    stage.time.s = 10
    await stage.watch(interval_s=10, cycles=1).run()
    read.clear()
    assert kept.read(NOON)
    assert read == ["okx"]
    read.clear()
    assert kept.read(NOON + timedelta(days=1))
    assert sorted(read) == ["main", "okx"]
    assert all(not book.hours for book in kept.earned)


async def test_a_book_that_is_gone_is_no_longer_shown(stage: Stage) -> None:  # noqa: F811
    """`broker remove --with-fills` in another window leaves nothing on the screen."""
    await traded(stage)
    kept = KeptFigures((stage.user,))
    kept.read(NOON)
    stage.user.remove_broker(stage.user.broker("okx"), with_fills=True)
    assert kept.read(NOON)
    assert {book.broker for book in kept.earned} == {"main"}
    assert kept.fills == 60
