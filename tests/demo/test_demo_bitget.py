"""Bitget's interface: newest first, pages by id, ninety days, its envelope and its refusals."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from trademon.demo.bitget_rows import fee_text, fill_row
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
FILLS = "/api/v2/spot/trade/fills"
HISTORY = "/api/v2/spot/trade/history-orders"
DAY = 86_400_000


async def walk(caller, path, id_name, **params):
    """Every page back to the beginning."""
    rows, more = [], {}
    while True:
        status, body = await caller.bitget(path, **params, **more)
        assert (status, body["code"], body["msg"]) == (200, "00000", "success")
        rows += body["data"]
        if not body["data"]:
            return rows
        more = {"idLessThan": body["data"][-1][id_name]}


@pytest.mark.parametrize("limit", [100, 7])
async def test_paging_by_id_less_than_visits_every_fill_once(caller, accounts, limit):
    """Newest first, several fills in a millisecond, whatever the page length: each exactly once."""
    rows = await walk(caller, FILLS, "tradeId", symbol="ETHUSDT", limit=limit)
    expected = accounts[1].world.executions(symbol="ETH/USDT")
    assert [r["tradeId"] for r in rows] == [e.trade_id for e in reversed(expected)]
    assert [Decimal(r["size"]) for r in rows] == [e.quantity for e in reversed(expected)]
    assert len({r["cTime"] for r in rows}) < len(rows)


async def test_windows_include_both_ends(caller, accounts):
    """startTime and endTime are milliseconds, both included."""
    done = accounts[1].world.executions(symbol="BTC/USDT")
    a, b = done[-30].ms, done[-10].ms
    rows = await walk(caller, FILLS, "tradeId", symbol="BTCUSDT", startTime=a, endTime=b)
    assert {r["tradeId"] for r in rows} == {e.trade_id for e in done if a <= e.ms <= b}


async def test_order_history_needs_no_symbol_and_pages_by_order_id(caller, accounts):
    """Every ended order of every symbol once; a cancelled one may hold fills; an open one is in unfilled-orders."""
    rows = await walk(caller, HISTORY, "orderId")
    orders = accounts[1].world.orders()
    ended = {o.order_id: o for o in orders if not o.is_open}
    assert len(rows) == len(ended)
    assert {r["orderId"] for r in rows} == set(ended)
    assert {r["status"] for r in rows} == {"filled", "cancelled"}
    assert any(r["status"] == "cancelled" and Decimal(r["baseVolume"]) > 0 for r in rows)
    assert all(Decimal(r["baseVolume"]) == ended[r["orderId"]].executed for r in rows)
    open_rows = await walk(caller, "/api/v2/spot/trade/unfilled-orders", "orderId")
    assert {r["orderId"] for r in open_rows} == {o.order_id for o in orders if o.is_open}


def test_fees_have_bitgets_signs_and_shapes():
    """A coin fee is negative when paid, a BGB fee of a fill positive; an order's detail is exact JSON in a string."""
    world = ScriptedWorld(clock=lambda: START)
    coin = world.buy("LTC/USDT", "0.0794", "69.265", START, fee="0.0000794", fee_currency="LTC", order_id="5")
    own = world.buy("LTC/USDT", "1", "69", START, fee="0.0015552795869069", fee_currency="BGB", order_id="5")
    rebate = world.buy("LTC/USDT", "1", "69", START, fee="-0.01", order_id="6")
    details = [fill_row("1", e, "MARKET")["feeDetail"] for e in (coin, own, rebate)]
    assert [(d["deduction"], d["feeCoin"], d["totalFee"]) for d in details] == [
        ("no", "LTC", "-0.0000794"),
        ("yes", "BGB", "0.0015552795869069"),
        ("no", "USDT", "0.01"),
    ]
    parsed = json.loads(fee_text([coin, own]), parse_float=Decimal)
    assert parsed["LTC"]["totalFee"] == Decimal("-0.0000794")
    assert parsed["BGB"]["totalFee"] == parsed["newFees"]["d"] == Decimal("-0.0015552795869069")
    assert fee_text([]) == ""


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "400172"),
        ({"symbol": "NOSUCH"}, "40034"),
        ({"symbol": "BTCUSDT", "limit": 101}, "400172"),
        ({"symbol": "BTCUSDT", "startTime": 91}, "00001"),
        ({"symbol": "BTCUSDT", "startTime": 89, "endTime": -2}, "00001"),
        ({"symbol": "BTCUSDT", "idLessThan": "x"}, "40020"),
    ],
)
async def test_what_bitget_refuses_is_refused(caller, clock, params, code):
    """Times in the cases are days before now; HTTP 400, the code, and no data."""
    sent = {k: clock.ms - v * DAY if k.endswith("Time") else v for k, v in params.items()}
    status, body = await caller.bitget(FILLS, **sent)
    assert (status, body["code"], body["data"]) == (400, code, None)


async def test_fills_older_than_ninety_days_are_gone(clock, connect):
    """Asked without times, only what lies within ninety days is given."""
    world = ScriptedWorld(clock=clock)
    for days in (91, 89):
        world.buy("BTC/USDT", "1", "1", clock.at - timedelta(days=days))
    account = DemoAccount("bitget", "bg_1", "s2", "p2", "22", world)
    async with DemoServer([account], clock=clock) as server:
        _, body = await connect(server).bitget(FILLS, symbol="BTCUSDT")
    assert len(body["data"]) == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"key": "bg_2"}, "40037"),
        ({"key": ""}, "40001"),
        ({"secret": "x"}, "40009"),
        ({"passphrase": "x"}, "40012"),
        ({"late": 30_001}, "40008"),
        ({"late": -30_001}, "40008"),
    ],
)
async def test_keys_signature_passphrase_and_clock_are_checked(caller, wrong, code):
    """Each with its own code."""
    sent = dict(wrong)
    late = sent.pop("late", 0)
    status, body = await caller.bitget("/api/v2/spot/account/assets", timestamp=caller.clock.ms - late, **sent)
    assert (status, body["code"]) == (400, code)


async def test_rates_are_limited_by_uid_and_second(accounts, clock, connect):
    """The eleventh fills request of a second is refused with 429; the next second is free again."""
    async with DemoServer(accounts, clock=clock) as server:
        caller = connect(server)
        answers = [await caller.bitget(FILLS, symbol="BTCUSDT") for _ in range(11)]
        assert [status for status, _ in answers] == [200] * 10 + [429]
        assert answers[-1][1]["code"] == "429"
        clock.at += timedelta(seconds=1)
        assert (await caller.bitget(FILLS, symbol="BTCUSDT"))[0] == 200


async def test_assets_rights_symbols_and_time(caller, accounts, clock):
    """available + frozen is the world's total; rights are those of a reading key; the markets are listed."""
    _, body = await caller.bitget("/api/v2/spot/account/assets")
    shown = {r["coin"]: Decimal(r["available"]) + Decimal(r["frozen"]) for r in body["data"]}
    assert shown == accounts[1].world.balances()
    _, body = await caller.bitget("/api/v2/spot/account/assets", coin="BGB")
    assert [r["coin"] for r in body["data"]] == ["BGB"]
    _, body = await caller.bitget("/api/v2/spot/account/info")
    assert (body["data"]["userId"], body["data"]["authorities"]) == ("22", ["stor"])
    _, body = await caller.get("/api/v2/spot/public/symbols?symbol=BTCUSDT")
    assert [(r["baseCoin"], r["quoteCoin"], r["pricePrecision"]) for r in body["data"]] == [("BTC", "USDT", "2")]
    _, body = await caller.get("/api/v2/spot/market/tickers")
    assert len(body["data"]) >= 60
    _, body = await caller.get("/api/v2/public/time")
    assert (body["data"], body["requestTime"]) == ({"serverTime": str(clock.ms)}, clock.ms)
    assert (await caller.bitget("/api/v2/spot/nothing"))[0] == 404
    assert (await caller.bitget("/api/v3/account/settings"))[1]["code"] == "40084"


async def test_ccxt_is_understood(accounts, clock):
    """ccxt's own client signs as this server expects: fills, orders, assets and rights come back."""
    exchange = ccxt.bitget({"apiKey": "bg_1", "secret": "s2", "password": "p2", "options": {"uta": False}})
    exchange.nonce = lambda: clock.ms
    async with DemoServer(accounts, clock=clock) as server:
        exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], server.base_url)
        try:
            newest = accounts[1].world.executions(symbol="BTC/USDT")[-1]
            fills = await exchange.private_spot_get_v2_spot_trade_fills(
                {"symbol": "BTCUSDT", "limit": "50", "startTime": clock.ms - DAY, "endTime": clock.ms}
            )
            history = await exchange.private_spot_get_v2_spot_trade_history_orders({"limit": 100})
            assets = await exchange.private_spot_get_v2_spot_account_assets()
            info = await exchange.private_spot_get_v2_spot_account_info()
            with pytest.raises(ccxt.ExchangeError):
                await exchange.private_spot_get_v2_spot_trade_fills({"symbol": "NOSUCH"})
        finally:
            await exchange.close()
    assert fills["data"][0]["tradeId"] == newest.trade_id
    assert len(history["data"]) == 100
    assert {row["coin"] for row in assets["data"]} == {c for c, n in accounts[1].world.balances().items() if n}
    assert info["data"]["userId"] == "22"
