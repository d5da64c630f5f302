"""What takes reading is read beside the loop, and says what it is until the newer is there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.test_watch import Stage, stage, trade  # noqa: F401 - a fixture
from tests.flows.test_watch_figures import NOON, nets, traded
from trademon.core.automation_reports import RoundsReport
from trademon.core.lot_reports import ExplainReport, LotsReport
from trademon.core.reports import Problem
from trademon.core.watch_figures import summarize
from trademon.core.watch_reports import BrokerDetail, WatchState
from trademon.errors import NetworkError
from trademon.exchanges.registry import capabilities_of
from trademon.flows.pnl import PnlQuery, pnl
from trademon.flows.watch_desk import Desk, in_thread
from trademon.flows.watch_figures import day_of
from trademon.store.store import Store


@dataclass
class Room:
    """A watch that has looked once, a desk at work beside it, and how often prices were asked for."""

    stage: Stage
    desk: Desk
    state: WatchState
    asked: list[float] = field(default_factory=list)

    async def until(self, found: Any) -> WatchState:
        """The completed state, once it is as `found` wants it."""
        async with asyncio.timeout(20):
            while not found(state := self.desk.completed(self.state)):
                await asyncio.sleep(0.01)
        return state


@pytest.fixture
async def room(stage: Stage, store: Store) -> AsyncIterator[Room]:  # noqa: F811
    await traded(stage)
    beside = Store(f"sqlite:///{store.path}", key_file=store.path.with_name("master.key"), clock=stage.time.clock)
    watch = stage.watch(interval_s=10, cycles=1)
    desk = Desk((beside.for_user(stage.user.user),), (stage.user,), watch.ports, capabilities_of, lambda: None)
    room = Room(stage, desk, stage.states[-1])

    async def fetch_last_prices() -> dict[str, Decimal]:
        room.asked.append(stage.time.s)
        return {"BTCUSDT": Decimal(130)}

    for account in stage.accounts.values():
        account.fetch_last_prices = fetch_last_prices  # type: ignore[method-assign]
    desk.completed(room.state)
    running = asyncio.create_task(desk.run())
    yield room
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    beside.close()


# --- positions ------------------------------------------------------------------------------------------------------


async def test_what_is_open_is_shown_at_prices_asked_for_once_a_minute(room: Room) -> None:
    """One question for both brokers of one host; a new execution is read at once, at the prices that are there."""
    state = await room.until(lambda s: s.positions is not None)
    rows = state.positions.positions
    assert {row.symbol for row in rows} == {"BTC"}
    rows = [row for row in rows if row.cost is not None]
    assert all(row.mark.price == 130 and row.mark.at == NOON + timedelta(seconds=room.stage.time.s) for row in rows)
    assert len(room.asked) == 1
    before = {row.broker: row.cost for row in rows}
    room.stage.accounts["main"].fills.append(trade(99, "buy", "150", at_s=3))
    room.stage.time.s += 5
    await room.stage.watch(interval_s=10, cycles=1).run()
    room.state = room.stage.states[-1]
    state = await room.until(lambda s: {r.broker: r.cost for r in s.positions.positions} != before)
    assert len(room.asked) == 1
    room.stage.time.s += 60
    room.desk._wake.set()
    await room.until(lambda _: len(room.asked) == 2)


async def test_while_paused_nobody_is_asked_for_prices(stage: Stage, store: Store) -> None:  # noqa: F811
    """A pause is a pause."""
    await traded(stage)
    asked: list[int] = []

    async def fetch_last_prices() -> dict[str, Decimal]:
        asked.append(1)
        return {}

    for account in stage.accounts.values():
        account.fetch_last_prices = fetch_last_prices  # type: ignore[method-assign]
    watch = stage.watch(interval_s=10)
    watch.pause(on=True)
    desk = Desk((stage.user,), (stage.user,), watch.ports, capabilities_of, lambda: None)
    state = desk.completed(stage.states[-1])
    assert state.is_paused
    running = asyncio.create_task(desk.run())
    async with asyncio.timeout(20):
        while desk.completed(state).positions is None:
            await asyncio.sleep(0.01)
    running.cancel()
    assert asked == []


async def test_a_host_that_does_not_answer_leaves_the_old_prices_with_their_age(room: Room) -> None:
    """And the dashboard goes on."""
    first = (await room.until(lambda s: s.positions is not None)).positions

    async def fails() -> dict[str, Decimal]:
        room.asked.append(room.stage.time.s)
        raise NetworkError("no answer")

    for account in room.stage.accounts.values():
        account.fetch_last_prices = fails  # type: ignore[method-assign]
    room.stage.time.s += 60
    room.desk._wake.set()
    state = await room.until(lambda s: len(room.asked) == 2 and s.positions is not first)
    assert [row.mark for row in state.positions.positions] == [row.mark for row in first.positions]


# --- figures by another method --------------------------------------------------------------------------------------


async def test_another_method_is_worked_out_and_says_so_meanwhile(room: Room) -> None:
    """Until it is there, the kept figures are shown as what they are; then they are what `pnl` says."""
    room.desk.show("hifo")
    state = room.desk.completed(room.state)
    assert (state.working_out, state.shown_method, state.earned) == ("hifo", "fifo", room.state.earned)
    state = await room.until(lambda s: s.shown_method == "hifo")
    assert (state.working_out, state.earned_at) == (None, None)
    totals = pnl((room.stage.user,), PnlQuery(method="hifo")).totals
    assert nets(summarize(state.earned, "all", day_of(NOON)).total) == nets(totals)
    room.desk.show(None)
    assert room.desk.completed(room.state).shown_method == "fifo"


async def test_figures_that_an_execution_made_old_say_as_of_when_they_are(room: Room) -> None:
    """They are worked out anew in their time, and are shown with it until then."""
    room.desk.show("lifo")
    first = await room.until(lambda s: s.shown_method == "lifo")
    room.stage.accounts["main"].fills.append(trade(99, "sell", "150", at_s=3))
    room.stage.time.s += 5
    await room.stage.watch(interval_s=10, cycles=1).run()
    room.state = room.stage.states[-1]
    state = room.desk.completed(room.state)
    assert (state.earned, state.shown_method) == (first.earned, "lifo")
    assert state.earned_at is not None
    room.stage.time.s += 3600
    room.desk._wake.set()
    state = await room.until(lambda s: s.earned_at is None)
    assert state.earned != first.earned


# --- a row opened ---------------------------------------------------------------------------------------------------


async def test_rows_open_to_what_is_stored_of_them(room: Room) -> None:
    """An execution to its lots, a broker to its coverage, a position to its lots."""
    user = room.stage.user.user
    row = next(row for row in room.state.executions if row.net is not None)
    explained = await room.desk.open(("executions", (user, row.fill.id)))
    assert isinstance(explained, ExplainReport)
    assert (explained.fill.id, explained.net) == (row.fill.id, row.net)
    told = await room.desk.open(("brokers", (user, "main")))
    assert isinstance(told, BrokerDetail)
    assert told.info.name == "main"
    assert [row.symbol for row in told.coverage.rows if row.stream == "fills"] == ["BTC/USDT"]
    lots = await room.desk.open(("positions", (user, "main", "BTC", "long", "USDT")))
    assert isinstance(lots, LotsReport)
    assert {(lot.broker, lot.symbol) for lot in lots.lots} == {("main", "BTC/USDT")}
    assert isinstance(await room.desk.open(("automation", (user,))), RoundsReport)


async def test_rows_open_as_their_books_are_kept_whatever_method_is_shown(room: Room) -> None:
    """What a row says and what it opens to are one figure, for every execution and for what is open."""
    user = room.stage.user.user
    opened = [("executions", (user, row.fill.id)) for row in room.state.executions]
    opened.append(("positions", (user, "main", "BTC", "long", "USDT")))
    kept = [await room.desk.open(one) for one in opened]  # type: ignore[arg-type]
    room.desk.show("hifo")
    await room.until(lambda s: s.shown_method == "hifo")
    found = [await room.desk.open(one) for one in opened]  # type: ignore[arg-type]
    assert found == kept
    assert {one.method for one in found} == {"fifo"}  # type: ignore[union-attr]


async def test_a_row_that_is_gone_is_a_problem_and_no_end(room: Room) -> None:
    """A fill deleted meanwhile, a broker removed: the screen says so."""
    user = room.stage.user.user
    for opened in (("executions", (user, 10**9)), ("brokers", (user, "nobody"))):
        found = await room.desk.open(opened)  # type: ignore[arg-type]
        assert isinstance(found, Problem)
        assert "no " in found.message


# --- the thread -----------------------------------------------------------------------------------------------------


async def test_the_loop_goes_on_while_something_is_read() -> None:
    """The reading ends only after the loop has done something meanwhile."""
    meanwhile = threading.Event()
    reading = asyncio.create_task(in_thread(lambda: meanwhile.wait(20)))
    await asyncio.sleep(0)
    meanwhile.set()
    assert await reading is True


async def test_what_goes_wrong_in_the_thread_is_raised_to_whoever_waits() -> None:
    """Nothing is swallowed."""

    def fail() -> None:
        raise NetworkError("no answer")

    with pytest.raises(NetworkError, match="no answer"):
        await in_thread(fail)


async def test_whoever_no_longer_waits_is_not_told() -> None:
    """Given up while it reads: the thread ends by itself, and harms nobody."""
    go_on = threading.Event()
    reading = asyncio.create_task(in_thread(lambda: go_on.wait(20)))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    go_on.set()
    await asyncio.sleep(0.05)
