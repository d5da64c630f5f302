"""Binance's interface: pages, windows, refusals and weights are those of the real one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from trademon.demo.profiles import BINANCE_TEST
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = 86_400_000
TRADES = "/api/v3/myTrades"


def truth(accounts, symbol="BTC/USDT"):
    """The world's executions of a symbol as (id, ms)."""
    return [(int(e.trade_id), e.ms) for e in accounts[0].world.executions(symbol=symbol)]


async def test_a_trade_row_has_binances_fields_and_the_worlds_figures(caller, accounts):
    """Names, types and text are Binance's; the money is the world's, digit for digit."""
    status, rows = await caller.binance(TRADES, symbol="BTCUSDT", limit=1)
    e = accounts[0].world.executions(symbol="BTC/USDT")[-1]
    assert status == 200
    assert rows == [
        {
            "symbol": "BTCUSDT",
            "id": int(e.trade_id),
            "orderId": int(e.order_id),
            "orderListId": -1,
            "price": f"{e.price:.8f}",
            "qty": f"{e.quantity:.8f}",
            "quoteQty": f"{e.price * e.quantity:.8f}",
            "commission": f"{e.fee:.8f}",
            "commissionAsset": e.fee_currency,
            "time": e.ms,
            "isBuyer": e.side == "buy",
            "isMaker": e.is_maker,
            "isBestMatch": True,
        }
    ]


async def test_each_parameter_set_gives_its_end_of_the_history(caller, accounts):
    """No time: the newest; a start: the oldest of its day; an end: the newest before it; fromId: the oldest from it."""
    all_ = truth(accounts)
    middle_id, middle_ms = all_[len(all_) // 2]

    async def ids(**params):
        status, rows = await caller.binance(TRADES, symbol="BTCUSDT", **params)
        assert status == 200
        return [row["id"] for row in rows]

    assert await ids() == [i for i, _ in all_][-500:]
    assert await ids(limit=7) == [i for i, _ in all_][-7:]
    assert await ids(startTime=middle_ms, limit=7) == [i for i, ms in all_ if ms >= middle_ms][:7]
    assert await ids(endTime=middle_ms, limit=7) == [i for i, ms in all_ if ms <= middle_ms][-7:]
    assert await ids(fromId=middle_id, limit=7) == [i for i, _ in all_ if i >= middle_id][:7]
    assert await ids(startTime=middle_ms, endTime=middle_ms) == [i for i, ms in all_ if ms == middle_ms]
    first_ms = all_[0][1]
    assert await ids(startTime=first_ms, limit=1000) == [i for i, ms in all_ if ms <= first_ms + DAY][:1000]
    long_ago = first_ms - 2 * DAY
    assert await ids(startTime=long_ago) == []


async def test_a_walk_by_from_id_visits_each_trade_once(caller, accounts):
    """Pages of 50 with ties in time across their borders: everything, once."""
    found, next_id = [], 0
    while True:
        _, rows = await caller.binance(TRADES, symbol="ETHUSDT", fromId=next_id, limit=50)
        found += [(row["id"], row["time"]) for row in rows]
        if len(rows) < 50:
            break
        next_id = rows[-1]["id"] + 1
    assert found == truth(accounts, "ETH/USDT")


async def test_a_fill_published_late_keeps_its_old_time_and_its_id(clock, connect):
    """By fromId it is found in the place of its id, by time in the place of its time."""
    world = ScriptedWorld(clock=clock)
    world.buy("BTC/USDT", "0.001", "45000", clock.at - timedelta(minutes=5), trade_id="10")
    world.buy("BTC/USDT", "0.001", "45000", clock.at - timedelta(minutes=9), trade_id="11")
    account = DemoAccount("binance", "A" * 64, "s1", "", "11", world)
    async with DemoServer([account], clock=clock) as server:
        caller = connect(server)
        _, by_id = await caller.binance(TRADES, symbol="BTCUSDT", fromId=10)
        _, by_time = await caller.binance(TRADES, symbol="BTCUSDT", startTime=clock.ms - DAY)
    assert [row["id"] for row in by_id] == [10, 11]
    assert [row["id"] for row in by_time] == [11, 10]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128),
        ({"symbol": "BTCUSDT", "fromId": 1, "endTime": 1}, -1128),
        ({"symbol": "BTCUSDT", "orderId": 1, "startTime": 1}, -1128),
        ({"symbol": "BTCUSDT", "orderId": 1, "fromId": 1, "endTime": 1}, -1128),
        ({"symbol": "BTCUSDT", "startTime": 1, "endTime": 2 + DAY}, -1127),
        ({"symbol": "NOSUCH"}, -1121),
        ({"symbol": "BTC/USDT"}, -1121),
        ({}, -1102),
        ({"symbol": "BTCUSDT", "fromId": "x"}, -1100),
        ({"symbol": "BTCUSDT", "since": 1}, -1104),
    ],
)
async def test_what_binance_refuses_is_refused(caller, params, code):
    """Each with HTTP 400 and Binance's code."""
    status, body = await caller.binance(TRADES, **params)
    assert (status, body["code"]) == (400, code)


async def test_keys_and_signatures_are_checked(caller):
    """No key -2014, an unknown one -2015 (both 401), a wrong secret -1022, an unsigned request -1102."""
    assert (await caller.get(TRADES + "?symbol=BTCUSDT"))[1]["code"] == -2014
    status, body = await caller.binance(TRADES, key="B" * 64, symbol="BTCUSDT")
    assert (status, body["code"]) == (401, -2015)
    status, body = await caller.binance(TRADES, secret="wrong", symbol="BTCUSDT")
    assert (status, body["code"]) == (400, -1022)
    status, body = await caller.get(f"{TRADES}?symbol=BTCUSDT&timestamp={caller.clock.ms}", {"X-MBX-APIKEY": "A" * 64})
    assert (status, body["code"]) == (400, -1102)


@pytest.mark.parametrize(
    ("late_ms", "window", "accepted"),
    [
        (0, None, True),
        (5000, None, True),
        (5001, None, False),
        (-999, None, True),
        (-1000, None, False),
        (10_000, 10_000, True),
        (10_001, 10_000, False),
    ],
)
async def test_the_clock_is_checked_to_the_millisecond(caller, late_ms, window, accepted):
    """Accepted if timestamp < server + 1000 and server - timestamp <= recvWindow."""
    params = {"recvWindow": window} if window else {}
    status, body = await caller.binance("/api/v3/account", timestamp=caller.clock.ms - late_ms, **params)
    assert (status == 200) is accepted
    assert accepted or (status, body["code"]) == (400, -1021)


async def test_a_skewed_server_shows_its_own_time_and_refuses_ours(caller, server):
    """`clock_offset` moves the whole exchange: its time, its check, its newest executions."""
    server.clock_offset = timedelta(seconds=-10)
    assert (await caller.get("/api/v3/time"))[1] == {"serverTime": caller.clock.ms - 10_000}
    assert (await caller.binance("/api/v3/account"))[1]["code"] == -1021
    assert (await caller.binance("/api/v3/account", timestamp=caller.clock.ms - 10_000))[0] == 200


async def test_weight_is_counted_and_limited_by_the_minute(accounts, clock, connect):
    """The header counts each call's weight over all keys; above the limit 429 with Retry-After to the minute's end."""
    clock.at = START + timedelta(seconds=48)
    async with DemoServer(accounts, clock=clock, weight_limit=130) as server:
        caller = connect(server)
        used = []
        for path, params in (
            (TRADES, {"symbol": "BTCUSDT"}),
            (TRADES, {"symbol": "BTCUSDT", "orderId": 1}),
            ("/api/v3/account", {}),
            ("/api/v3/openOrders", {"symbol": "BTCUSDT"}),
            ("/sapi/v1/account/apiRestrictions", {}),
            (TRADES, {"symbol": "NOSUCH"}),
        ):
            await caller.binance(path, **params)
            used.append(int(caller.headers["X-MBX-USED-WEIGHT-1M"]))
        assert used == [20, 25, 45, 51, 52, 72]
        status, body = await caller.binance("/api/v3/openOrders")
        assert (status, body["code"], caller.headers["Retry-After"]) == (429, -1003, "12")
        clock.at += timedelta(seconds=12)
        assert (await caller.binance("/api/v3/openOrders"))[0] == 200
        assert caller.headers["X-MBX-USED-WEIGHT-1M"] == "80"


async def test_account_lists_the_worlds_balances(caller, accounts):
    """free + locked is the world's total; without omitZeroBalances every listed coin appears."""
    _, body = await caller.binance("/api/v3/account", omitZeroBalances="true")
    shown = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in body["balances"]}
    assert shown == accounts[0].world.balances()
    assert all(Decimal(row["free"]) >= 0 for row in body["balances"])
    assert body["uid"] == 11
    _, body = await caller.binance("/api/v3/account")
    assert {"ADA", "BTC"} <= {row["asset"] for row in body["balances"]}


async def test_orders_show_their_state_and_their_place(caller, accounts, clock):
    """Open orders are those the world has open; allOrders filters on creation and gives every ended state."""
    world = accounts[0].world
    _, rows = await caller.binance("/api/v3/openOrders")
    assert {(r["symbol"], r["orderId"]) for r in rows} == {
        (o.symbol.replace("/", ""), int(o.order_id)) for o in world.orders() if o.is_open
    }
    _, rows = await caller.binance("/api/v3/allOrders", symbol="SOLUSDT", startTime=clock.ms - DAY, limit=1000)
    expected = [o for o in world.orders(symbol="SOL/USDT") if o.created_at >= clock.at - timedelta(days=1)]
    assert [r["orderId"] for r in rows] == [int(o.order_id) for o in expected]
    assert [Decimal(r["executedQty"]) for r in rows] == [o.executed for o in expected]
    assert (await caller.binance("/api/v3/allOrders"))[1]["code"] == -1102


async def test_many_markets_are_listed_and_few_are_traded(caller):
    """60 markets and more; exchangeInfo narrows to the symbols asked for and refuses unknown ones."""
    _, body = await caller.get("/api/v3/exchangeInfo")
    assert len(body["symbols"]) >= 60
    _, body = await caller.get('/api/v3/exchangeInfo?symbols=["BTCUSDT","ETHBTC"]')
    assert [(s["baseAsset"], s["quoteAsset"]) for s in body["symbols"]] == [("BTC", "USDT"), ("ETH", "BTC")]
    assert (await caller.get("/api/v3/exchangeInfo?symbol=NOSUCH"))[1]["code"] == -1121
    _, body = await caller.get("/api/v3/ticker/price?symbol=BTCUSDT")
    assert Decimal(body["price"]) > 10_000
    assert (await caller.get("/api/v3/nothing"))[0] == 404


async def test_rights_of_a_key_are_told(accounts, clock, connect):
    """A key that may withdraw says so."""
    own = DemoAccount("binance", "C" * 64, "s1", "", "11", accounts[0].world, can_withdraw=True)
    async with DemoServer([own], clock=clock) as server:
        _, body = await connect(server).binance("/sapi/v1/account/apiRestrictions", key="C" * 64)
    assert (body["enableReading"], body["enableWithdrawals"]) == (True, True)


async def test_ccxt_is_understood(accounts, clock):
    """ccxt's own client signs as this server expects: trades, account, orders and rights come back."""
    exchange = ccxt.binance({"apiKey": "A" * 64, "secret": "s1"})
    exchange.nonce = lambda: clock.ms
    async with DemoServer(accounts, clock=clock) as server:
        for name, url in exchange.urls["api"].items():
            if isinstance(url, str):
                exchange.urls["api"][name] = server.base_url + "/" + url.split("/", 3)[3]
        try:
            trades = await exchange.private_get_mytrades({"symbol": "BTCUSDT", "limit": 1000})
            account = await exchange.private_get_account({"omitZeroBalances": True})
            info = await exchange.public_get_exchangeinfo({"symbols": '["BTCUSDT","ETHUSDT"]'})
            rights = await exchange.sapi_get_account_apirestrictions()
            with pytest.raises(ccxt.BadSymbol):
                await exchange.private_get_mytrades({"symbol": "NOSUCH"})
        finally:
            await exchange.close()
    assert [int(t["id"]) for t in trades] == [i for i, _ in truth(accounts)][-1000:]
    assert int(account["uid"]) == 11
    assert [s["symbol"] for s in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert rights["enableReading"] is True
    assert {m.symbol for m in BINANCE_TEST.markets} <= set(accounts[0].world.markets)


async def test_balances_are_whole_to_eight_decimals(connect, clock):
    """What a trade moves of its quote coin is its quoteQty, and free and locked add up to what all of them moved."""
    world = ScriptedWorld(clock=clock, deposits={"BTC": Decimal(1)})
    world.buy("ETH/BTC", "0.0037", "0.051237", START)
    world.sell("ETH/BTC", "0.0011", "0.051239", START)
    async with DemoServer([DemoAccount("binance", "A" * 64, "s1", "", "11", world)], clock=clock) as server:
        caller = connect(server)
        _, rows = await caller.binance(TRADES, symbol="ETHBTC")
        _, account = await caller.binance("/api/v3/account")
    bought, sold = (Decimal(row["quoteQty"]) for row in rows)
    assert (bought, sold) == (Decimal("0.00018957"), Decimal("0.00005636"))
    held = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in account["balances"]}
    assert held["BTC"] == 1 - bought + sold
