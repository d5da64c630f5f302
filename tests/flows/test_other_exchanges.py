"""Exchanges without an adapter of their own, through a scan: their whole truth, and no claim of what is not read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partialmethod

import pytest

from tests.flows.desk import TRADED, Desk, asked, one, truth
from trademon.core.times import MILLISECOND
from trademon.demo import faults
from trademon.demo.profiles import BITGET_TEST
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.world import World
from trademon.exchanges.ccxt_unified import UnifiedClient
from trademon.exchanges.registry import capabilities_of
from trademon.flows.coverage import coverage
from trademon.flows.pnl import PnlQuery, pnl

DAY = timedelta(days=1)
EXCHANGES = pytest.mark.parametrize("exchange", ["okx", "kraken"])


@pytest.fixture(autouse=True)
def _unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kraken allows one question a second; the demo any number."""
    monkeypatch.setattr(UnifiedClient, "__init__", partialmethod(UnifiedClient.__init__, throttle=False))


def busy(desk: Desk) -> ScriptedWorld:
    """400 fills of three symbols in two days, many at once, fees in USDT."""
    world = desk.scripted(markets=TRADED)
    start = desk.clock() - 2 * DAY
    for n in range(400):
        symbol = ("BTC/USDT", "ETH/USDT", "SOL/USDT")[n % 3]
        at = start + n // 40 * timedelta(hours=4) + n % 40 // 20 * MILLISECOND
        side = "buy" if n % 5 else "sell"
        world.trade(side, symbol, "0.01", str(100 + n % 7), at, fee="0.001", trade_id=str(1000 + n))  # type: ignore[arg-type]
    return world


@EXCHANGES
async def test_every_fill_is_stored_once_and_no_symbol_is_asked_for_itself(desk: Desk, exchange: str) -> None:
    """One walk of the account a look; a second look adds nothing, a later fill is found."""
    world = busy(desk)
    server = await desk.open(exchange, world, since=desk.clock() - 4 * DAY)
    report = one(await desk.scan())
    assert report.status == "ok", report.problem
    assert desk.stored() == truth(world, desk.clock())
    assert report.new_fills == 400
    before = len(server.requests)
    assert one(await desk.scan()).new_fills == 0
    assert len(server.requests) - before < 15
    world.buy("BNB/USDT", "1", "500", desk.clock() + timedelta(minutes=3), fee="0.1")
    desk.clock.move(minutes=5)
    assert one(await desk.scan()).new_fills == 1
    assert desk.stored() == truth(world, desk.clock())
    assert desk.user.complete_since(desk.user.broker("main")) == desk.clock() - 4 * DAY - timedelta(minutes=5)
    paths = {"okx": "/trade/fills-history", "kraken": "/TradesHistory"}
    assert set(asked(server, paths[exchange])) == {""}


async def test_a_seeded_account_at_okx_is_what_it_is_elsewhere(desk: Desk) -> None:
    """Fees in three coins, partly filled orders, ties: the demo's truth, and books as any other exchange's."""
    world = World(9, desk.clock(), desk.clock, BITGET_TEST)
    await desk.open("okx", world, since=desk.clock() - 4 * DAY)
    assert one(await desk.scan()).status == "ok"
    assert desk.stored() == truth(world, desk.clock())
    rows = {row.symbol: row for row in pnl([desk.user], PnlQuery()).rows}
    for symbol, row in rows.items():
        held = sum(
            (e.quantity if e.side == "buy" else -e.quantity) - (e.fee if e.fee_currency == e.base else 0)
            for e in world.executions()
            if e.symbol == symbol
        )
        assert (row.open_quantity or 0) - (row.unmatched_quantity or 0) == held


@EXCHANGES
async def test_a_coin_that_is_listed_while_we_run_is_read_at_once(desk: Desk, exchange: str) -> None:
    """ccxt knows the markets of when they were loaded; the list is fetched again, and nothing waits for a day."""
    world = desk.scripted(markets=TRADED)
    await desk.open(exchange, world)
    assert one(await desk.scan()).status == "ok"
    world.markets["NEW/USDT"] = replace(world.markets["SOL/USDT"], base="NEW")
    world.buy("NEW/USDT", "1", "5", desk.clock() + timedelta(seconds=5), fee="0.1", trade_id="7")
    world.buy("SOL/USDT", "1", "100", desk.clock() + timedelta(seconds=6), fee="0.1", trade_id="8")
    desk.clock.move(minutes=1)
    report = one(await desk.scan())
    assert (report.status, report.new_fills) == ("ok", 2), report.problem
    assert desk.stored() == truth(world, desk.clock())


@EXCHANGES
async def test_a_market_that_is_gone_holds_no_other_up(desk: Desk, exchange: str) -> None:
    """Fills of what was traded before it left the list: known by its former listing, or by a name that says both of its
    coins; one that says neither is told, and everything else is stored."""
    for was_listed in (True, False):
        world = desk.scripted(markets=TRADED)
        name = f"gone{was_listed}"
        server = await desk.open(exchange, world, name=name)
        gone = replace(world.markets["SOL/USDT"], base=f"GONE{was_listed}".upper())
        world.markets[gone.symbol] = gone
        if was_listed:
            await desk.scan(name)
        world.buy(gone.symbol, "1", "5", desk.clock() + timedelta(seconds=5), fee="0.1", trade_id="7")
        world.buy("SOL/USDT", "1", "100", desk.clock() + timedelta(seconds=6), fee="0.1", trade_id="8")
        del world.markets[gone.symbol]
        desk.clock.move(days=1, minutes=1)
        report = one(await desk.scan(name), name)
        stored = {fact[0] for fact in desk.stored()}
        assert "SOL/USDT" in stored
        if was_listed or exchange == "okx":
            assert (report.status, report.new_fills) == ("ok", 2), report.problem
            assert gone.symbol in stored
        else:
            assert report.status == "failed"
            assert "GONE" in report.problem.line
        await server.stop()


@EXCHANGES
async def test_a_walk_that_breaks_stores_nothing_that_was_not_proved(desk: Desk, exchange: str) -> None:
    """And the next look reads it all."""
    world = busy(desk)
    server = await desk.open(exchange, world, since=desk.clock() - 4 * DAY)
    path = {"okx": "/fills-history", "kraken": "/TradesHistory"}[exchange]
    struck = 0

    async def second(request: object) -> object:
        nonlocal struck
        struck += path in request.path
        return await faults.cut_json()(request) if struck == 2 else None  # type: ignore[arg-type]

    server.faults.append(second)  # type: ignore[arg-type]
    report = one(await desk.scan())
    assert report.status == "failed"
    assert desk.stored() == []
    server.faults.clear()
    assert one(await desk.scan()).status == "ok"
    assert desk.stored() == truth(world, desk.clock())


@EXCHANGES
async def test_what_is_not_read_is_not_claimed(desk: Desk, exchange: str) -> None:
    """No stream of deposits or withdrawals is proved, and a scan says nothing is wrong."""
    await desk.open(exchange, busy(desk))
    report = one(await desk.scan())
    assert (report.status, report.note) == ("ok", None)
    streams = coverage([desk.user], (), now=desk.clock(), capabilities_of=capabilities_of)
    assert {row.stream for row in streams.rows} == {"fills", "orders"}
    assert streams.brokers[0].names_symbols
    assert Decimal(report.requests) > 0
