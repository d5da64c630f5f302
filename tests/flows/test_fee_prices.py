"""Fees in a third coin are valued by the exchange's own candles: when they are booked, or once there is a price."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from tests.flows.desk import NOON, Desk, make_account
from tests.flows.test_lots import COLUMNS, dump
from tests.store.world import add_broker, book, fill
from trademon.core.model import METHODS, Candle, Method
from trademon.core.reports import ScanReport
from trademon.demo import faults
from trademon.demo.faults import Fault
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoServer
from trademon.flows import scan as scanning
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.booking import Bookkeeper
from trademon.store.prices import MINUTE
from trademon.store.store import Store

AT = NOON - timedelta(hours=1)
AGO = NOON - timedelta(hours=9)
"""Long enough ago for a candle that is not there to be known as missing."""


def statuses(report: ScanReport) -> list[str]:
    return [b.status for b in report.brokers]


def figures(desk: Desk, symbol: str = "ETH/USDT") -> tuple[Decimal, Decimal, tuple[tuple[str, Decimal], ...]]:
    """Gross, fees and what of them is unvalued, of one symbol."""
    (row,) = (r for r in pnl([desk.user], PnlQuery()).rows if r.symbol == symbol)
    return row.gross, row.fees, row.unvalued_fees


async def test_a_fee_in_a_third_coin_is_a_cost_at_that_coins_price_then(desk: Desk) -> None:
    """Buy 1 ETH with a fee of 0.002 BNB at 600, sell it with 0.001 BNB at 610: fees of 1.20 and 0.61."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    world.set_candle("BNB/USDT", AT + timedelta(minutes=30), "610")
    world.buy("ETH/USDT", "1", "2000", AT + timedelta(seconds=20), fee="0.002", fee_currency="BNB")
    world.sell("ETH/USDT", "1", "2100", AT + timedelta(minutes=30, seconds=59), fee="0.001", fee_currency="BNB")
    await desk.open("binance", world)
    assert statuses(await desk.scan()) == ["ok"]
    assert figures(desk) == (100, Decimal("1.81"), ())


async def test_a_price_that_cannot_be_had_leaves_the_fee_unvalued_and_the_scan_good(desk: Desk) -> None:
    """Whoever has no candles costs a note; the next look values the fee and books the sale's net again."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    world.buy("ETH/USDT", "1", "2000", AT, fee="0.002", fee_currency="BNB")
    world.sell("ETH/USDT", "1", "2100", AT + timedelta(seconds=1))
    await desk.open("binance", world)
    desk.servers["main"].faults.append(faults.status(404, path="/klines", times=1))
    report = await desk.scan()
    assert statuses(report) == ["ok"]
    assert "no price for fees in BNB" in (report.brokers[0].note or "")
    assert figures(desk) == (100, 0, (("BNB", Decimal("0.002")),))
    desk.clock.move(minutes=1)
    assert statuses(await desk.scan()) == ["ok"]
    assert figures(desk) == (100, Decimal("1.2"), ())


# --- what else fees are paid in -----------------------------------------------------------------------------------


def candle_questions(server: DemoServer) -> list[str]:
    """The symbols whose candles were asked for, in the order of asking."""
    return [r.params.get("symbol", "") for r in server.requests if "klines" in r.path or "candles" in r.path]


def known_candles(store: Store) -> list[tuple[Any, ...]]:
    """What the cache holds of minutes: symbol, when it was opened, price."""
    with store._database.read() as sql:
        rows = sql.rows("SELECT symbol, opened_at, open FROM candles ORDER BY symbol, opened_at")
    return [tuple(row) for row in rows]


def note_of(report: ScanReport) -> str | None:
    (broker,) = report.brokers
    assert broker.status == "ok"
    return broker.note


def buy_eth(
    world: ScriptedWorld, at: datetime, fee: str = "0.002", coin: str = "BNB", symbol: str = "ETH/USDT"
) -> None:
    """Buy 1 ETH at 2,000 and sell it a second later at 2,100; the fee is the purchase's."""
    world.buy(symbol, "1", "2000", at, fee=fee, fee_currency=coin)
    world.sell(symbol, "1", "2100", at + timedelta(seconds=1))


async def test_a_fee_of_a_book_in_btc_is_valued_in_btc(desk: Desk) -> None:
    """ETH/BTC with a fee in BNB and BNB/BTC listed: that one market is asked and no other."""
    world = desk.scripted()
    world.set_candle("BNB/BTC", AT, "0.01")
    world.set_candle("BNB/USDT", AT, "999")
    world.buy("ETH/BTC", "1", "0.05", AT, fee="0.02", fee_currency="BNB")
    world.sell("ETH/BTC", "1", "0.06", AT + timedelta(seconds=1))
    await desk.open("binance", world)
    assert note_of(await desk.scan()) is None
    assert figures(desk, "ETH/BTC") == (Decimal("0.01"), Decimal("0.0002"), ())
    assert set(candle_questions(desk.servers["main"])) == {"BNBBTC"}


async def test_without_such_a_market_the_rate_goes_over_usdt(desk: Desk) -> None:
    """BNB/USDT at 600 and BTC/USDT at 60,000: a BNB is 0.01 BTC."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    world.set_candle("BTC/USDT", AT, "60000")
    world.buy("ETH/BTC", "1", "0.05", AT, fee="0.02", fee_currency="BNB")
    world.sell("ETH/BTC", "1", "0.06", AT + timedelta(seconds=1))
    await desk.open("binance", world)
    assert note_of(await desk.scan()) is None
    assert figures(desk, "ETH/BTC") == (Decimal("0.01"), Decimal("0.0002"), ())
    assert sorted(candle_questions(desk.servers["main"])) == ["BNBUSDT", "BTCUSDT"]


async def test_a_market_nobody_trades_on_does_not_keep_the_fee_unvalued(desk: Desk) -> None:
    """BNB/BTC is listed and was not traded that day; BNB/USDT and BTC/USDT were, every minute."""
    world = desk.scripted()
    world.omit_candles("BNB/BTC")
    world.set_candle("BNB/USDT", AGO, "600")
    world.set_candle("BTC/USDT", AGO, "60000")
    world.buy("ETH/BTC", "1", "0.05", AGO, fee="0.02", fee_currency="BNB")
    world.sell("ETH/BTC", "1", "0.06", AGO + timedelta(seconds=1))
    await desk.open("binance", world)
    for _ in range(2):
        await desk.scan()
    assert figures(desk, "ETH/BTC")[1:] == (Decimal("0.0002"), ())


async def test_bitgets_own_coin_is_valued_too(desk: Desk) -> None:
    """A fee of 2 BGB at 1.5: 3 USDT."""
    world = desk.scripted()
    world.set_candle("BGB/USDT", AT, "1.5")
    buy_eth(world, AT + timedelta(seconds=30), "2", "BGB")
    await desk.open("bitget", world)
    assert note_of(await desk.scan()) is None
    assert figures(desk) == (100, 3, ())


async def test_a_coin_that_no_market_prices_stays_unvalued_and_is_not_asked_for(desk: Desk) -> None:
    """No note in every look either: nothing can be done about it."""
    world = desk.scripted()
    buy_eth(world, AGO, "3", "POINTS")
    await desk.open("binance", world)
    for _ in range(3):
        assert note_of(await desk.scan()) is None
        desk.clock.move(minutes=1)
    assert figures(desk) == (100, 0, (("POINTS", Decimal(3)),))
    assert candle_questions(desk.servers["main"]) == []


async def test_a_rebate_in_a_third_coin_is_a_gain(desk: Desk) -> None:
    """0.002 BNB received, at 600."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    buy_eth(world, AT, "-0.002")
    await desk.open("binance", world)
    await desk.scan()
    assert figures(desk) == (100, Decimal("-1.2"), ())


# --- candles that are not there -----------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", ["binance", "bitget"])
@pytest.mark.parametrize("gap", [1, 29, 30])
async def test_the_candle_before_stands_for_a_minute_without_one(desk: Desk, exchange: str, gap: int) -> None:
    """Nothing was traded for a while: the price is that of the last minute that had one."""
    world = desk.scripted()
    world.omit_candles("BNB/USDT", AGO - timedelta(hours=5), AGO + timedelta(hours=1))
    world.set_candle("BNB/USDT", AGO - timedelta(minutes=gap), "555")
    buy_eth(world, AGO + timedelta(seconds=59))
    await desk.open(exchange, world)
    assert note_of(await desk.scan()) is None
    assert figures(desk) == (100, Decimal("1.11"), ())


@pytest.mark.parametrize("gap", [31, 59])
async def test_a_candle_within_the_hour_stands_for_a_minute_without_one(desk: Desk, gap: int) -> None:
    """LONGEST_AGE is an hour; a fee asked for alone finds what one asked for beside an earlier one would."""
    world = desk.scripted()
    world.omit_candles("BNB/USDT", AGO - timedelta(hours=5), AGO + timedelta(hours=1))
    world.set_candle("BNB/USDT", AGO - timedelta(minutes=gap), "555")
    buy_eth(world, AGO)
    await desk.open("binance", world)
    for _ in range(2):
        await desk.scan()
    assert figures(desk) == (100, Decimal("1.11"), ())


async def test_what_a_fee_is_worth_does_not_depend_on_which_others_were_asked_with_it(desk: Desk) -> None:
    """Two accounts paid the same fee in the same minute; one of them paid another half an hour before."""
    lone, busy = desk.scripted(), desk.scripted()
    for world in (lone, busy):
        world.omit_candles("BNB/USDT", AGO - timedelta(hours=5), AGO + timedelta(hours=1))
        world.set_candle("BNB/USDT", AGO - timedelta(minutes=45), "555")
        buy_eth(world, AGO)
    busy.buy("ETH/USDT", "1", "2000", AGO - timedelta(minutes=30), fee="0.002", fee_currency="BNB")
    await desk.open("binance", lone, name="lone")
    await desk.open("binance", busy, name="busy", uid="12")
    await desk.scan()
    unvalued = {r.broker: r.unvalued_fees for r in pnl([desk.user], PnlQuery()).rows if r.symbol == "ETH/USDT"}
    assert unvalued["lone"] == unvalued["busy"]


async def test_no_candle_within_the_hour_is_noted_and_not_asked_for_again(desk: Desk, exchange: str) -> None:
    """The fee is listed as unvalued for good; later looks ask nothing about it."""
    world = desk.scripted()
    world.omit_candles("BNB/USDT", AGO - timedelta(hours=5), AGO + timedelta(hours=1))
    world.set_candle("BNB/USDT", AGO - timedelta(minutes=61), "555")
    buy_eth(world, AGO)
    await desk.open(exchange, world)
    for _ in range(4):
        assert note_of(await desk.scan()) is None
        desk.clock.move(minutes=1)
    assert figures(desk) == (100, 0, (("BNB", Decimal("0.002")),))
    assert len(candle_questions(desk.servers["main"])) == 1


async def test_fees_that_cannot_be_valued_do_not_keep_others_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many without a price as one look asks for, and an older one whose price was only late: it gets its turn."""
    monkeypatch.setattr(scanning, "PRICES_A_LOOK", 1)
    world = desk.scripted()
    world.omit_candles("BNB/USDT", AGO - timedelta(hours=2), AGO + timedelta(hours=1))
    world.set_candle("BNB/USDT", AGO - timedelta(hours=5), "600")
    buy_eth(world, AGO - timedelta(hours=5))
    buy_eth(world, AGO)
    await desk.open("binance", world)
    desk.servers["main"].faults.append(faults.status(404, path="/klines", times=1))
    for _ in range(5):
        await desk.scan()
        desk.clock.move(minutes=1)
    assert figures(desk)[1] == Decimal("1.2")


# --- hosts that do not answer as they should ----------------------------------------------------------------------


CANDLES = {"binance": "klines", "bitget": "candles"}
BROKEN = {
    "404": partial(faults.status, 404),
    "400": partial(faults.status, 400, body='{"code": -1121, "msg": "Invalid symbol."}'),
    "403": partial(faults.status, 403, body="{}"),
    "451": partial(faults.status, 451, body="{}"),
    "500": partial(faults.status, 500),
    "html": faults.html_with_200,
    "empty": faults.empty_object,
    "reset": faults.reset,
    "cut": faults.cut_json,
    "hang": faults.hang,
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_host_without_candles_costs_a_note_and_one_question_a_look(
    desk: Desk, exchange: str, broken: str
) -> None:
    """However many symbols had such fees: the fills are booked, the scan is good, and it is asked again next time."""
    desk.deadline_s = 0.5
    world = desk.scripted()
    for n, symbol in enumerate(("ETH/USDT", "BTC/USDT", "SOL/USDT")):
        buy_eth(world, AT + timedelta(minutes=n), symbol=symbol)
    server = await desk.open(exchange, world)
    fault, struck = BROKEN[broken](path=CANDLES[exchange]), []

    async def strike(request: web.Request) -> web.StreamResponse | None:
        if CANDLES[exchange] in request.path:
            struck.append(request.path)
        return await fault(request)

    server.faults.append(strike)
    for _ in range(2):
        struck.clear()
        assert "no price for fees in BNB yet" in (note_of(await desk.scan()) or "")
        # What passes is put three times within its call; a connection that breaks before an answer began is opened
        # once more by the library.
        assert len(struck) <= {"500": 3, "reset": 6}.get(broken, 1)
        assert struck
        desk.clock.move(minutes=1)
    assert len(desk.stored()) == 6
    assert {row.unvalued_fees for row in pnl([desk.user], PnlQuery()).rows} == {(("BNB", Decimal("0.002")),)}


@pytest.mark.parametrize("at_last", [False, True])
async def test_a_host_that_asks_to_wait_while_asked_for_candles_is_left_alone(
    desk: Desk, exchange: str, at_last: bool
) -> None:
    """Skipped as anywhere else; when the time is over nothing is missing, and nothing is there twice."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    buy_eth(world, AT)
    server = await desk.open(exchange, world)
    if at_last:  # the fills are booked without, and the price is asked for again at the end of the look
        server.faults.append(faults.status(404, path=CANDLES[exchange], times=1))
        await desk.scan()
    server.faults.append(faults.status(429, {"Retry-After": "30"}, "{}", path=CANDLES[exchange], times=1))
    assert statuses(await desk.scan()) == ["skipped"]
    asked = len(server.requests)
    assert statuses(await desk.scan()) == ["skipped"]
    assert len(server.requests) == asked
    desk.clock.move(minutes=6)
    assert statuses(await desk.scan()) == ["ok"]
    assert figures(desk) == (100, Decimal("1.2"), ())
    assert len(desk.stored()) == 2


def _candles_of(change: Callable[[list[Any]], object]) -> Fault:
    """The right rows of candles, changed."""

    async def strike(request: web.Request) -> web.StreamResponse | None:
        if "klines" not in request.path and "candles" not in request.path:
            return None
        response = await request.match_info.handler(request)
        assert isinstance(response, web.Response)
        said = json.loads(response.text or "")
        rows = said["data"] if isinstance(said, dict) else said
        changed = change(rows)
        return web.json_response({**said, "data": changed} if isinstance(said, dict) else changed)

    return strike


def _priced(price: object) -> Callable[[list[Any]], object]:
    return lambda rows: [[row[0], price, *row[2:]] for row in rows]


HOSTILE: dict[str, Callable[[list[Any]], object]] = {
    "zero": _priced("0"),
    "negative": _priced("-600"),
    "nan": _priced("NaN"),
    "infinite": _priced("Infinity"),
    "a float": _priced(600.1),
    "no text": _priced(None),
    "too long": _priced("6" * 99),
    "one is bad": lambda rows: [*rows[:-1], [rows[-1][0], "0", *rows[-1][2:]]],
    "another time": lambda rows: [[int(row[0]) + 86_400_000, *row[1:]] for row in rows],
    "between minutes": lambda rows: [[int(row[0]) + 1, *row[1:]] for row in rows],
    "twice": lambda rows: [*rows, rows[-1]],
    "short rows": lambda rows: [row[:3] for row in rows],
    "a map": lambda rows: {"rows": rows},
}


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_candle_that_cannot_be_believed_changes_nothing(desk: Desk, exchange: str, hostile: str) -> None:
    """Nothing is kept of the answer; the fee waits, and gets its price from the first honest one."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    buy_eth(world, AT)
    server = await desk.open(exchange, world)
    server.faults.append(_candles_of(HOSTILE[hostile]))
    assert "no price for fees in BNB yet" in (note_of(await desk.scan()) or "")
    assert figures(desk) == (100, 0, (("BNB", Decimal("0.002")),))
    assert known_candles(desk.store) == []
    server.faults.clear()
    desk.clock.move(minutes=1)
    await desk.scan()
    assert figures(desk) == (100, Decimal("1.2"), ())


# --- how often is asked -------------------------------------------------------------------------------------------


async def test_three_thousand_fees_over_sixty_hours_are_a_handful_of_questions(desk: Desk) -> None:
    """A thousand minutes each at Binance: four would do, a few more where a page begins within one."""
    world = desk.scripted()
    for n in range(3000):
        at = NOON - timedelta(hours=60) + timedelta(seconds=72 * n)
        world.buy("ETH/USDT", "0.001", "2000", at, fee="0.000001", fee_currency="BNB")
    await desk.open("binance", world)
    assert note_of(await desk.scan()) is None
    assert figures(desk)[2] == ()
    assert len(desk.stored()) == 3000
    assert len(candle_questions(desk.servers["main"])) <= 8
    before = len(candle_questions(desk.servers["main"]))
    desk.clock.move(minutes=1)
    await desk.scan()
    assert len(candle_questions(desk.servers["main"])) == before


async def test_symbols_traded_side_by_side_share_the_answers(desk: Desk) -> None:
    """Four symbols, each within the same fifteen hours, in minutes of their own: an answer holds what comes after its
    first minute, whichever symbol is read first, and only an earlier one takes another question."""
    world = desk.scripted()
    for n in range(400):
        symbol = ("ETH/USDT", "BTC/USDT", "SOL/USDT", "ADA/USDT")[n % 4]
        world.buy(symbol, "1", "20", NOON - timedelta(minutes=900 - 2 * n), fee="0.001", fee_currency="BNB")
    await desk.open("binance", world)
    assert note_of(await desk.scan()) is None
    assert len(desk.stored()) == 400
    assert len(candle_questions(desk.servers["main"])) <= 3
    assert figures(desk)[2] == ()


async def test_two_accounts_on_one_host_share_its_candles(desk: Desk) -> None:
    """What one was told the other need not ask, however far apart in time."""
    accounts = []
    for uid in ("11", "12"):
        world = desk.scripted()
        world.set_candle("BNB/USDT", AT, "600")
        buy_eth(world, AT)
        accounts.append(make_account("binance", world, uid, key=uid * 32))
    server = await desk.serve(*accounts)
    for account in accounts:
        desk.add(f"b{account.uid}", account, server)
    await desk.scan("b11")
    assert len(candle_questions(server)) == 1
    desk.clock.move(hours=5)
    await desk.scan("b12")
    assert len(candle_questions(server)) == 1
    rows = [r for r in pnl([desk.user], PnlQuery()).rows if r.symbol == "ETH/USDT"]
    assert [(r.fees, r.unvalued_fees) for r in rows] == [(Decimal("1.2"), ())] * 2


async def test_a_host_is_not_believed_about_another(desk: Desk) -> None:
    """Two servers, two prices of one coin: each account's fee is valued by its own."""
    for n, price in enumerate(("600", "700")):
        world = desk.scripted()
        world.set_candle("BNB/USDT", AT, price)
        buy_eth(world, AT)
        await desk.open("binance", world, name=f"b{n}", uid=str(n))
    await desk.scan()
    rows = [r for r in pnl([desk.user], PnlQuery()).rows if r.symbol == "ETH/USDT"]
    assert [(r.broker, r.fees) for r in rows] == [("b0", Decimal("1.2")), ("b1", Decimal("1.4"))]


# --- late and at once ---------------------------------------------------------------------------------------------


def _scaled(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """A dump with entries as figures: their integers may be in one scale or in several."""
    entries = []
    for *place, quantity, price, fee, scale in rows["entries"]:
        digits = (scale // 10_000, scale // 100 % 100, scale % 100)
        amounts = zip((quantity, price, fee), digits, strict=True)
        entries.append((*place, *((Decimal(n).scaleb(-d).normalize() if int(n) else 0) for n, d in amounts)))
    books = [row[:-2] for row in rows["books"]]
    return rows | {"entries": entries, "books": books}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("market", ["spot", "margin"])
@pytest.mark.parametrize("late_from", [0, 2, 30, 38])
def test_valued_late_gives_the_rows_of_having_had_the_price_at_once(
    store: Store, method: Method, market: str, late_from: int
) -> None:
    """Few and many fills after the fee; a rate that does not end; sales that already took a part of its lot. More than
    an hour lies between any two fills, so that no candle stands for another."""
    user = store.for_user(store.users()[0].name)
    fills = []
    for n in range(40):
        side = "sell" if n % 3 == 2 else "buy"
        fee = "0.003 BNB" if n in (2, 30, 31, 38) else "0.001 KCS, 0.1 USDT" if n % 7 == 0 else None
        fills.append(fill(str(n + 1), side, "1.1" if n % 2 else "3", f"{100 + n % 5}", at=70 * n, fee=fee))
    dumps = []
    for name in ("late", "early"):
        broker = add_broker(user, name, uid=name, method=method, market=market, base_url=f"http://127.0.0.1/{name}")
        candles = [Candle(f.executed_at, MINUTE, Decimal(p)) for f, p in zip(fills, ["7", "0.3"] * 20, strict=True)]
        inverse = [Candle(f.executed_at, MINUTE, Decimal(3)) for f in fills]

        def tell(first: int, last: int, broker: Any = broker, candles: Any = candles, inverse: Any = inverse) -> None:
            user.save_candles(broker, "BNB/USDT", candles[first:last], interval=MINUTE)
            user.save_candles(broker, "USDT/KCS", inverse[first:last], interval=MINUTE)

        if name == "late":
            tell(0, late_from)
            book(user, broker, fills[:30])
            book(user, broker, fills[30:])
            # newest first, as looks do; then the rest
            for first, last in ((35, 40), (late_from, 35)):
                tell(first, last)
                user.books.revalue(broker, broker.account_id or 0, method=method)
            assert user.books.revalue(broker, broker.account_id or 0, method=method) == 0
        else:
            tell(0, 40)
            book(user, broker, fills)
        account = broker.account_id
        with user._database.read() as sql:
            names = dict(sql.rows("SELECT id, trade_id FROM fills"))
        rows = _scaled(dump(user))
        mine: dict[str, list[tuple[Any, ...]]] = {}
        for table in set(COLUMNS) - {"fills"}:
            heads = [c.strip() for c in COLUMNS[table].split(",")]
            place = heads.index("account_id")
            kept = [dict(zip(heads, row, strict=False)) for row in rows[table] if row[place] == account]
            for row in kept:
                del row["account_id"]
                row.update({k: names[row[k]] for k in ("fill_id", "lot_fill_id") if k in row})
                if "rate_source" in row:
                    row["rate_source"] = str(row["rate_source"]).replace(name, "")
            mine[table] = sorted((tuple(row.values()) for row in kept), key=repr)
        dumps.append(mine)
    late, early = dumps
    for table, rows in early.items():
        assert late[table] == rows, table


async def test_what_a_fee_is_worth_does_not_depend_on_whether_the_host_answered_at_once(desk: Desk) -> None:
    """BNB falls from 600 to 300 within the hour. The price of the second fee could not be had in the first look."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AGO, "600")
    world.set_candle("BNB/USDT", AGO + timedelta(minutes=50), "300")
    early = world.buy("ETH/USDT", "1", "2000", AGO, fee="0.002", fee_currency="BNB")
    server = await desk.open("binance", world)
    await desk.scan()
    world.sell("ETH/USDT", "1", "2100", early.executed_at + timedelta(minutes=50), fee="0.002", fee_currency="BNB")
    server.faults.append(faults.status(500, path="/klines", times=1))
    for _ in range(3):
        desk.clock.move(minutes=1)
        await desk.scan()
    assert figures(desk) == (100, Decimal("1.2") + Decimal("0.6"), ())


def test_a_fee_valued_late_reaches_sales_already_booked(store: Store) -> None:
    """Buy 2 with a fee worth 2, sell 1 and 1: each sale had no fee, and then has 1 of it."""
    user = store.for_user(store.users()[0].name)
    broker = add_broker(user)
    fills = [fill("1", quantity="2", fee="0.01 BNB"), fill("2", "sell", at=5), fill("3", "sell", at=9)]
    book(user, broker, fills)
    assert [e.net for e in user.executions()][:2] == [0, 0]
    user.save_candles(broker, "BNB/USDT", [Candle(fills[0].executed_at, MINUTE, Decimal(200))], interval=MINUTE)
    assert user.books.revalue(broker, broker.account_id or 0, method="fifo") == 1
    assert [e.net for e in user.executions()][:2] == [-1, -1]


async def test_a_crash_between_price_and_booking_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prices that were told are kept, the page is read again, and nothing is asked or booked twice."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    buy_eth(world, AT)
    server = await desk.open("binance", world)
    right = Bookkeeper.book_page

    def dies(self: Bookkeeper, *args: Any, **options: Any) -> int:
        if options.get("covered", ("",))[0] == "ETH/USDT":
            raise MemoryError
        return right(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Bookkeeper, "book_page", dies)
        assert statuses(await desk.scan()) == ["failed"]
    assert desk.stored() == []
    desk.clock.move(minutes=1)
    assert statuses(await desk.scan()) == ["ok"]
    assert len(candle_questions(server)) == 1
    assert figures(desk) == (100, Decimal("1.2"), ())
    assert desk.derived() == desk.derived_again()
