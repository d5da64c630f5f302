"""Sync: everything brought up to date, and all there is where that is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.desk import FILLS_PATH, NOON, Desk, make_account, one, statuses
from trademon.core.model import Position
from trademon.core.reports import ScanReport
from trademon.core.times import EPOCH
from trademon.demo import faults
from trademon.exchanges import binance
from trademon.exchanges.registry import capabilities_of
from trademon.flows.scan import Target
from trademon.flows.sync import sync

D = Decimal
MONTH = timedelta(days=30)


async def bring(
    desk: Desk, *, full: bool = False, sleep: Callable[[float], Awaitable[None]] | None = None
) -> ScanReport:
    async def move_on(seconds: float) -> None:
        desk.clock.move(seconds=seconds)

    targets = [Target(desk.user, broker) for broker in desk.user.brokers()]
    ports = replace(desk.ports, sleep=sleep or move_on)
    return await sync(targets, ports, capabilities_of=capabilities_of, full=full)


async def test_everything_an_account_tells_is_brought_up_to_date(desk: Desk, exchange: str) -> None:
    """Executions, balances and transfers, these also where a scan has just read them; twice adds nothing."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", NOON - timedelta(hours=2))
    await desk.open(exchange, world)
    report = await bring(desk)
    assert (statuses(report), report.new_fills) == (["ok"], 1)
    assert desk.user.balances(desk.account_id())["BTC"].total == 2
    world.deposit("ETH", "3", NOON - timedelta(minutes=5))
    await desk.scan()
    assert desk.user.transfers() == ()
    assert (await bring(desk)).new_fills == 0
    assert [(t.kind, t.coin, t.amount) for t in desk.user.transfers()] == [("deposit", "ETH", D(3))]


async def test_the_first_sync_says_how_far_back_it_is_complete_and_no_later_one(desk: Desk, exchange: str) -> None:
    """With the command that goes further back."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", NOON - timedelta(hours=2))
    await desk.open(exchange, world)
    note = one(await bring(desk)).note
    assert "complete since 2026-04-28 12:00 UTC" in note
    assert "trademon sync --full --broker main" in note
    assert one(await bring(desk)).note is None


async def test_full_goes_back_as_far_as_the_exchange_and_stays_there(desk: Desk, exchange: str) -> None:
    """Whatever the broker's history began with: Binance to the account's beginning, Bitget 90 days. A later scan asks
    from there on too, and drops no older execution that comes again."""
    old = NOON - (40 * MONTH if exchange == "binance" else timedelta(days=80))
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", old)
    world.buy("BTC/USDT", "1", "110", NOON - timedelta(hours=2))
    world.deposit("ETH", "3", old)
    await desk.open(exchange, world)
    assert (await bring(desk)).new_fills == 1
    report = await bring(desk, full=True)
    assert report.new_fills == 1
    assert len(desk.user.transfers()) == 1
    begin = desk.user.broker("main").since
    told = one(report)
    if exchange == "binance":
        assert begin == binance.OPENED == told.complete_since
        assert told.note == "complete since the account's beginning"
    else:
        assert begin == NOON - timedelta(days=90) + timedelta(minutes=1) == told.complete_since
        assert told.note == "complete since 2026-01-31 12:01 UTC, as far back as its exchange tells"

    late = world.buy("BTC/USDT", "3", "90", NOON - timedelta(days=4))  # before the history that it began with
    desk.clock.move(days=1)
    assert (await desk.scan()).new_fills == 1
    assert late.trade_id in {fact[1] for fact in desk.stored()}
    assert desk.user.broker("main").since == begin
    assert (await bring(desk, full=True)).new_fills == 0


async def test_full_waits_for_the_budget_until_every_symbol_was_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute's budget is for a few symbols: it goes on with the next minute's, and not where nothing is left."""
    monkeypatch.setattr(binance, "_SWEEP_BELOW", 500)
    world = desk.scripted()
    world.buy("SOL/USDT", "2", "100", NOON - 30 * MONTH)
    await desk.open("binance", world)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        desk.clock.move(seconds=seconds)

    first = one(await bring(desk))
    assert first.left > 10
    assert "not complete yet" in first.note
    done = one(await bring(desk, full=True, sleep=sleep))
    assert (done.status, done.left, done.complete_since) == ("ok", 0, binance.OPENED)
    assert len(desk.stored()) == 1
    assert 2 <= len(waited) <= 12
    assert all(1 <= seconds <= 61 for seconds in waited)
    waited.clear()
    await bring(desk, full=True, sleep=sleep)
    assert waited == []


async def test_full_gives_up_where_nothing_more_comes_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No budget at all, used up by others: it ends, and says what is left."""
    monkeypatch.setattr(binance, "_SWEEP_BELOW", -1)
    await desk.open("binance", desk.scripted())
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        desk.clock.move(seconds=seconds)

    done = one(await bring(desk, full=True, sleep=sleep))
    assert (done.status, len(waited)) == ("ok", 2)
    assert "were not reached" in done.note


async def test_a_host_that_asks_for_long_is_not_waited_for(desk: Desk) -> None:
    """Five minutes: skipped, as in a scan. The beginning is kept, and the next run goes on from it."""
    server = await desk.open("binance", desk.scripted())
    server.faults.append(faults.status(429, {"Retry-After": "300"}, "{}", path=FILLS_PATH["binance"]))

    async def sleep(seconds: float) -> None:
        raise AssertionError("it waited")

    assert statuses(await bring(desk, full=True, sleep=sleep)) == ["skipped"]
    assert desk.user.broker("main").since == binance.OPENED


async def test_one_that_fails_stops_none_of_the_others(desk: Desk) -> None:
    """The others are read to the end; the exit code says partial."""
    good, bad = desk.scripted(), desk.scripted()
    good.buy("BTC/USDT", "2", "100", NOON - timedelta(hours=2))
    await desk.open("binance", good, name="good")
    server = await desk.open("bitget", bad, name="bad", uid="12")
    server.faults.append(faults.html_with_200())
    report = await bring(desk)
    assert {b.broker: (b.status, b.new_fills) for b in report.brokers} == {"good": ("ok", 1), "bad": ("failed", 0)}
    assert (report.status, report.exit_code) == ("partial", 3)


async def test_a_full_sync_that_fails_to_open_moves_no_beginning(desk: Desk) -> None:
    """Only an account that answered gets another history."""
    server = await desk.open("binance", desk.scripted())
    before = desk.user.broker("main").since
    server.faults.append(faults.status(401, body='{"code": -2015, "msg": "no"}', path="/account"))
    assert statuses(await bring(desk, full=True)) == ["failed"]
    assert desk.user.broker("main").since == before > EPOCH


async def test_stated_positions_are_kept_with_their_time_and_one_told_twice_is_not_believed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaced by each good look. A list that names one twice is doubted; what was kept stays."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", NOON - timedelta(hours=2))
    await desk.open("binance", world)
    long = Position("BTC/USDT:USDT", "long", D("0.5"), "USDT", D(100), D(110), D(5), NOON, "7")
    told: list[Position] = [long]

    async def fetch(self: Any, markets: Any) -> tuple[Position, ...]:
        return tuple(told)

    able = replace(binance.Binance.capabilities, has_positions=True)
    monkeypatch.setattr(binance.Binance, "capabilities", able)
    monkeypatch.setattr(binance.Binance, "fetch_positions", fetch)
    await bring(desk)
    account_id = desk.account_id()
    assert desk.user.positions(account_id) == (long,)
    told.append(long)
    desk.clock.move(minutes=1)
    assert statuses(await bring(desk)) == ["failed"]
    assert desk.user.positions(account_id) == (long,)
    assert desk.user.looked_at(account_id) == NOON
    told.clear()
    assert statuses(await bring(desk)) == ["ok"]
    assert desk.user.positions(account_id) == ()


async def test_two_users_with_equally_named_brokers_never_meet(desk: Desk) -> None:
    """A sync of one sends no request to the other's exchange and shows nothing of it."""
    from trademon.flows.holdings import balances
    from trademon.flows.orders import orders
    from trademon.flows.positions import positions

    mine, theirs = desk.scripted(), desk.scripted()
    mine.buy("BTC/USDT", "2", "100", NOON - timedelta(hours=2))
    theirs.buy("ETH/USDT", "3", "100", NOON - timedelta(hours=2))
    await desk.open("binance", mine)
    desk.store.add_user("bob", method=None, currency=None, telegram_chat=None)
    ann, bob = desk.user, desk.store.for_user("bob")
    account = make_account("binance", theirs, "12")
    server = await desk.serve(account)
    desk.user = bob
    desk.add("main", account, server)
    await bring(desk)
    asked = len(server.requests)
    assert asked > 0

    desk.user = ann
    await bring(desk)
    shown = [
        *(await balances([ann], [], desk.ports)).balances,
        *(await positions([ann], [], desk.ports, capabilities_of=capabilities_of)).positions,
        *orders([ann], [], now=desk.clock()).orders,
    ]
    assert len(server.requests) == asked
    assert {row.user for row in shown} == {ann.user}
    assert {row.symbol for row in shown if hasattr(row, "symbol")} == {"BTC", "BTC/USDT"}
    bobs = bob.broker("main").account_id
    assert bobs is not None
    assert bob.balances(bobs)
    assert (ann.balances(bobs), ann.positions(bobs), ann.open_orders(bobs), ann.filled_orders(bobs)) == ({}, (), (), ())
