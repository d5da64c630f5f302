"""Futures accounts through a scan: every fill of the exchange's own truth once, lots per position side, and the P&L
that the exchange itself states."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.flows.desk import Desk, asked, make_account, one
from trademon.core.pnl_reports import PnlRow
from trademon.core.times import MILLISECOND
from trademon.demo import faults
from trademon.demo.futures import FuturesWorld, realised_by
from trademon.demo.futures_plan import FUTURES_MARKETS, draw_futures
from trademon.demo.server import DemoServer
from trademon.exchanges.registry import capabilities_of
from trademon.flows.cash import cash
from trademon.flows.coverage import coverage
from trademon.flows.pnl import PnlQuery, pnl
from trademon.flows.pnl_marks import pnl_at_last_prices
from trademon.flows.positions import positions
from trademon.store.reading import FillQuery
from trademon.store.user_cash import CashQuery

D = Decimal
DAY = timedelta(days=1)
Row = tuple[str, str, str, str, Decimal, Decimal, Decimal, str]


def shown(symbol: str, position_side: str) -> str:
    """The symbol of a fill as trademon shows it."""
    return f"{symbol}:USDT" + ("" if position_side == "both" else f" {position_side}")


def truth(world: FuturesWorld) -> list[Row]:
    """What was really executed, in the form of `stored`."""
    return sorted(
        (shown(f.symbol, f.position_side), f.trade_id, f.order_id, f.side, f.quantity, f.price, f.fee, f.fee_currency)
        for f in world.executions()
    )


def stored(desk: Desk) -> list[Row]:
    rows = desk.user.fills(FillQuery()).fills
    return sorted((f.symbol, f.trade_id, f.order_id, f.side, f.quantity, f.price, f.fee, f.fee_currency) for f in rows)


def figures(desk: Desk, method: str = "average") -> dict[str, PnlRow]:
    return {row.symbol: row for row in pnl([desk.user], PnlQuery(method=method)).rows}  # type: ignore[arg-type]


async def open_futures(desk: Desk, exchange: str, world: FuturesWorld, **more: object) -> DemoServer:
    """A server with one account of that futures world, and a broker of it."""
    account = replace(make_account(exchange, desk.scripted()), futures=world)
    server = await desk.serve(account)
    desk.add("main", account, server, market="swap", **more)  # type: ignore[arg-type]
    return server


def empty(desk: Desk, *, is_hedged: bool = False) -> FuturesWorld:
    return FuturesWorld(desk.clock, FUTURES_MARKETS, is_hedged)


EXCHANGES = pytest.mark.parametrize("exchange", ["binance", "bitget"])
MODES = pytest.mark.parametrize("is_hedged", [False, True], ids=["one-way", "hedge"])


# --- the whole truth ------------------------------------------------------------------------------------------------


@EXCHANGES
@MODES
async def test_every_fill_of_a_seeded_account_and_the_profit_its_exchange_states(
    desk: Desk, exchange: str, is_hedged: bool
) -> None:
    """300 orders in three days, with flips or two sides at once, liquidations, ties: stored once each, and by average
    cost what every fill realised is what the exchange says, to its eight decimals."""
    world = draw_futures(11, desk.clock(), desk.clock, exchange=exchange, is_hedged=is_hedged)
    await open_futures(desk, exchange, world, since=desk.clock() - 4 * DAY, method="average")
    report = await desk.scan()
    assert one(report).status == "ok", one(report).problem
    assert stored(desk) == truth(world)
    assert one(report).new_fills == len(world.fills) > 300
    assert one(await desk.scan()).new_fills == 0
    assert stored(desk) == truth(world)

    said = realised_by(world.fills)
    rows = figures(desk)
    assert {shown(*key) for key in said} == rows.keys()
    for key, realised in said.items():
        row = rows[shown(*key)]
        assert abs(row.gross - realised) <= D("0.00000001") * row.disposals
        assert row.currency == "USDT"
        assert row.unmatched_quantity == 0
    held = {shown(*key): one_held.quantity for key, one_held in world.positions().items()}
    assert {s: row.open_quantity for s, row in rows.items() if row.open_quantity} == held
    executions = {e.fill.trade_id: e for e in desk.user.executions()}
    closing = [f for f in world.fills if f.is_close]
    assert len(closing) > 50
    assert any(f.is_forced for f in world.fills) == is_hedged
    for fill in closing:
        assert executions[fill.trade_id].net is not None


@EXCHANGES
@MODES
async def test_derived_again_the_books_are_the_same(desk: Desk, exchange: str, is_hedged: bool) -> None:
    """By every method: kept books and those of a rebuild, figure by figure."""
    world = draw_futures(5, desk.clock(), desk.clock, exchange=exchange, is_hedged=is_hedged, orders=120)
    await open_futures(desk, exchange, world, since=desk.clock() - 4 * DAY)
    await desk.scan()
    broker = desk.user.broker("main")
    before = desk.derived()
    desk.user.books.rebuild(desk.account_id(), method=desk.user.method_of(broker), signed=True)
    assert desk.derived() == before
    for method in ("fifo", "lifo", "hifo", "average"):
        desk.user.books.rebuild(desk.account_id(), method=method, signed=True)  # type: ignore[arg-type]
        kept = {row.symbol: row for row in desk.user.stored_books()}
        asked_for = figures(desk, method)
        assert {s: (r.gross, r.fees, r.open_quantity) for s, r in kept.items()} == {
            s: (r.gross, r.fees, r.open_quantity) for s, r in asked_for.items()
        }


# --- position sides -------------------------------------------------------------------------------------------------


@EXCHANGES
async def test_a_long_and_a_short_of_one_contract_do_not_net(desk: Desk, exchange: str) -> None:
    """One bought long at 100 and one sold short at 110, held together: nothing is realised until each is closed."""
    world, now = empty(desk, is_hedged=True), desk.clock()
    await open_futures(desk, exchange, world)
    world.trade("BTC/USDT", "buy", "1", "100", now - timedelta(hours=3), position_side="long", fee="0.1")
    world.trade("BTC/USDT", "sell", "1", "110", now - timedelta(hours=2), position_side="short")
    await desk.scan()
    rows = figures(desk, "fifo")
    assert {s: (r.open_quantity, r.gross) for s, r in rows.items()} == {
        "BTC/USDT:USDT long": (D(1), D(0)),
        "BTC/USDT:USDT short": (D(-1), D(0)),
    }
    world.trade("BTC/USDT", "sell", "1", "130", now + timedelta(hours=1), position_side="long", fee="0.2")
    world.trade("BTC/USDT", "buy", "1", "120", now + timedelta(hours=2), position_side="short")
    desk.clock.move(hours=3)
    await desk.scan()
    rows = figures(desk, "fifo")
    assert {s: (r.open_quantity, r.gross, r.fees) for s, r in rows.items()} == {
        "BTC/USDT:USDT long": (D(0), D(30), D("0.3")),
        "BTC/USDT:USDT short": (D(0), D(-10), D(0)),
    }
    assert [f.symbol for f in desk.user.fills(FillQuery()).fills] == [
        "BTC/USDT:USDT long",
        "BTC/USDT:USDT short",
        "BTC/USDT:USDT long",
        "BTC/USDT:USDT short",
    ]


@EXCHANGES
@pytest.mark.parametrize("position_side", ["long", "short"])
async def test_a_close_of_what_was_opened_before_the_history_is_in_no_figure(
    desk: Desk, exchange: str, position_side: str
) -> None:
    """It opens nothing on the other side, is unmatched with the reason, and late the missing opening puts it right."""
    world, now = empty(desk, is_hedged=True), desk.clock()
    opens, closes = ("buy", "sell") if position_side == "long" else ("sell", "buy")
    world.trade("BTC/USDT", opens, "2", "100", now - 6 * DAY, position_side=position_side)  # type: ignore[arg-type]
    world.trade("BTC/USDT", closes, "1.5", "120", now - DAY, position_side=position_side)  # type: ignore[arg-type]
    world.trade("BTC/USDT", opens, "1", "130", now - timedelta(hours=1), position_side=position_side)  # type: ignore[arg-type]
    await open_futures(desk, exchange, world, since=now - 3 * DAY)
    await desk.scan()
    symbol = f"BTC/USDT:USDT {position_side}"
    (row,) = figures(desk, "fifo").values()
    sign = 1 if position_side == "long" else -1
    assert (row.symbol, row.unmatched_quantity, row.gross) == (symbol, D("1.5"), D(0))
    assert row.unmatched_proceeds == sign * D(180)
    assert row.open_quantity == sign * D(1)
    assert "history known here begins" in str(row.unmatched_reason)
    assert row.net_if_free is None
    (stored_row,) = desk.user.stored_books()
    assert stored_row.open_quantity == row.open_quantity

    await desk.scan(since=now - 7 * DAY)
    (row,) = figures(desk, "fifo").values()
    assert (row.unmatched_quantity, row.gross, row.open_quantity) == (D(0), sign * D(30), sign * D("1.5"))
    before = desk.derived()
    desk.user.books.rebuild(desk.account_id(), method="fifo", signed=True)
    assert desk.derived() == before


async def test_an_id_is_one_fill_per_contract_and_side(desk: Desk) -> None:
    """The same id on two contracts is two fills; read again they stay what they are."""
    world, now = empty(desk, is_hedged=True), desk.clock()
    world.trade("BTC/USDT", "buy", "1", "100", now - DAY, position_side="long", trade_id="7")
    world.trade("ETH/USDT", "buy", "1", "100", now - DAY, position_side="long", trade_id="7")
    await open_futures(desk, "binance", world)
    for _ in range(3):
        await desk.scan()
        desk.clock.move(hours=2)
    assert stored(desk) == truth(world)


async def test_a_contract_that_is_renamed_keeps_its_sides(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The coin has a new name and the exchange's spelling is the old one: no fill is stored twice."""
    world, now = empty(desk, is_hedged=True), desk.clock()
    world.trade("SOL/USDT", "buy", "1", "100", now - timedelta(hours=2), position_side="long")
    await open_futures(desk, "binance", world)
    await desk.scan()
    broker = desk.user.broker("main")
    renamed = [
        replace(m, symbol="LUNA/USDT:USDT", base="LUNA") if m.exchange_symbol == "SOLUSDT" else m
        for m in desk.user.markets(broker)
    ]
    desk.user.save_markets(broker, renamed, desk.clock())
    monkeypatch.setattr("trademon.exchanges.binance_usdm.BinanceUsdm.fetch_markets", lambda _: _given(renamed))
    assert one(await desk.scan()).new_fills == 0
    assert [f.symbol for f in desk.user.fills(FillQuery()).fills] == ["LUNA/USDT:USDT long"]


async def _given(markets: list[object]) -> tuple[object, ...]:
    return tuple(markets)


# --- finding symbols ------------------------------------------------------------------------------------------------


@EXCHANGES
async def test_symbols_are_named_by_the_exchange_and_no_other_is_asked(desk: Desk, exchange: str) -> None:
    """65 contracts are listed; asked for are the two that were traded."""
    world, now = empty(desk), desk.clock()
    world.trade("BTC/USDT", "buy", "1", "100", now - timedelta(hours=2), fee="0.05")
    world.trade("QUIET7/USDT", "sell", "5", "1", now - timedelta(hours=1), fee="0.001")
    server = await open_futures(desk, exchange, world)
    await desk.scan()
    path = "/fapi/v1/userTrades" if exchange == "binance" else "/mix/order/fills"
    assert set(asked(server, path)) == {"BTCUSDT", "QUIET7USDT"}
    assert stored(desk) == truth(world)


async def test_a_position_that_cost_no_fee_is_found_by_being_held(desk: Desk) -> None:
    """No line of income tells of it."""
    world, now = empty(desk), desk.clock()
    world.trade("QUIET9/USDT", "buy", "5", "1", now - timedelta(hours=1))
    await open_futures(desk, "binance", world)
    await desk.scan()
    assert stored(desk) == truth(world)


@EXCHANGES
async def test_fills_of_three_weeks_with_a_silent_one_between(desk: Desk, exchange: str) -> None:
    """Windows of seven days, more fills than a page holds, many in one millisecond."""
    world, now = empty(desk), desk.clock()
    for n in range(1200):
        world.trade("BTC/USDT", "buy", "0.001", "100", now - 20 * DAY + n // 50 * MILLISECOND, fee="0.00001")
    for n in range(30):
        world.trade("BTC/USDT", "sell", "0.001", "101", now - 2 * DAY + n * MILLISECOND, fee="0.00001")
    await open_futures(desk, exchange, world, since=now - 30 * DAY)
    report = await desk.scan()
    assert one(report).status == "ok"
    assert stored(desk) == truth(world)
    assert desk.user.complete_since(desk.user.broker("main")) == now - 30 * DAY


# --- money without a trade ------------------------------------------------------------------------------------------


@EXCHANGES
async def test_funding_is_kept_beside_the_trades(desk: Desk, exchange: str) -> None:
    """Each line once with its symbol, in no figure of P&L; the stream is proved like any other."""
    world, now = empty(desk), desk.clock()
    world.trade("BTC/USDT", "buy", "1", "100", now - DAY, fee="0.05")
    world.pay("transfer", "500", now - DAY)
    world.pay("funding", "-0.12345678", now - timedelta(hours=16), symbol="BTC/USDT")
    world.pay("funding", "0.02", now - timedelta(hours=8), symbol="BTC/USDT")
    await open_futures(desk, exchange, world)
    await desk.scan()
    report = cash([desk.user], CashQuery())
    assert [(r.kind, r.symbol, r.amount) for r in report.cash if r.kind == "funding"] == [
        ("funding", "BTC/USDT:USDT", D("-0.12345678")),
        ("funding", "BTC/USDT:USDT", D("0.02")),
    ]
    (row,) = figures(desk, "fifo").values()
    assert (row.gross, row.fees, row.open_cost) == (D(0), D(0), D("100.05"))
    (total,) = pnl([desk.user], PnlQuery()).cash
    assert (total.kind, total.amount) == ("funding", D("-0.10345678"))
    (moved,) = desk.user.transfers()
    assert (moved.kind, moved.coin, moved.amount) == ("deposit", "USDT", D(500))

    world.pay("funding", "0.5", now + timedelta(minutes=10), symbol="BTC/USDT")
    for _ in range(2):
        desk.clock.move(minutes=20)
        await desk.scan()
    assert len(cash([desk.user], CashQuery()).cash) == 3
    streams = coverage([desk.user], (), now=desk.clock(), capabilities_of=capabilities_of).rows
    (stream,) = [r for r in streams if r.stream == "cash"]
    assert stream.gaps == ()
    assert stream.until is not None
    assert desk.clock() - stream.until < timedelta(seconds=1)


async def test_funding_that_cannot_be_read_costs_a_note_and_no_fill(desk: Desk) -> None:
    """And is read in a later look, for the time that was missed."""
    world, now = empty(desk), desk.clock()
    world.trade("BTC/USDT", "buy", "1", "100", now - DAY, fee="0.05")
    world.pay("funding", "-0.1", now - timedelta(hours=8), symbol="BTC/USDT")
    server = await open_futures(desk, "bitget", world)
    server.faults.append(faults.status(503, path="/account/bill"))
    report = one(await desk.scan())
    assert report.status == "ok"
    assert "could not be read" in str(report.note)
    assert stored(desk) == truth(world)
    server.faults.clear()
    desk.clock.move(minutes=20)
    assert one(await desk.scan()).status == "ok"
    assert [r.amount for r in cash([desk.user], CashQuery()).cash] == [D("-0.1")]


# --- what stands beside the fills -----------------------------------------------------------------------------------


@EXCHANGES
async def test_what_is_open_is_marked_at_the_contracts_own_price(desk: Desk, exchange: str) -> None:
    """Two sides of one contract at one last price, and not at the price of the coin that a spot account sees."""
    world, now = empty(desk, is_hedged=True), desk.clock()
    world.trade("BTC/USDT", "buy", "2", "100", now - timedelta(hours=3), position_side="long")
    world.trade("BTC/USDT", "sell", "1", "110", now - timedelta(hours=2), position_side="short")
    await open_futures(desk, exchange, world)
    spot = make_account(exchange, desk.scripted(), key="other" * 5)
    server = await desk.serve(spot)
    desk.add("coins", spot, server)
    await desk.scan("main")
    report = await pnl_at_last_prices([desk.user], PnlQuery(), desk.ports)
    marks = {row.symbol: row.mark.unrealized for row in report.rows if row.mark is not None}
    assert marks == {"BTC/USDT:USDT long": D(20), "BTC/USDT:USDT short": D(0)}


@EXCHANGES
async def test_a_fee_in_the_exchanges_own_coin_is_valued_by_its_contract(desk: Desk, exchange: str) -> None:
    """A futures host lists no coins: the contract on the coin tells what it was worth."""
    coin, price = ("BNB", 588) if exchange == "binance" else ("BGB", D("1.184"))
    world, now = empty(desk), desk.clock()
    world.trade("BTC/USDT", "buy", "1", "100", now - DAY, fee="0.01", fee_currency=coin)
    await open_futures(desk, exchange, world)
    await desk.scan()
    (row,) = figures(desk, "fifo").values()
    assert row.unvalued_fees == ()
    assert row.open_cost == 100 + D("0.01") * price


@EXCHANGES
@MODES
async def test_positions_are_ours_beside_what_the_exchange_states(desk: Desk, exchange: str, is_hedged: bool) -> None:
    """By contract and side, without a difference, whichever mode."""
    world = draw_futures(3, desk.clock(), desk.clock, exchange=exchange, is_hedged=is_hedged, orders=60)
    await open_futures(desk, exchange, world, since=desk.clock() - 4 * DAY, method="average")
    assert one(await desk.scan()).status == "ok"
    report = await positions([desk.user], (), desk.ports, capabilities_of=capabilities_of)
    found = {(row.symbol, row.side): row for row in report.positions}
    held = world.positions()
    assert found.keys() == {
        (f"{s}:USDT", "long" if one_held.quantity > 0 else "short") for (s, _), one_held in held.items()
    }
    for row in found.values():
        assert row.difference == 0
        assert row.stated is not None
        assert row.stated.entry_price is not None
        assert row.mark is not None
