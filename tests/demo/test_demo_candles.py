"""Prices of the past: a world's own truth, and the candles each exchange makes of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from trademon.demo import faults
from trademon.demo.model import Market
from trademon.demo.profiles import BINANCE_DEMO, BITGET_DEMO, BITGET_TEST
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
KLINES = "/api/v3/klines"
HISTORY = "/api/v2/spot/market/history-candles"
RECENT = "/api/v2/spot/market/candles"
TICKERS = "/api/v2/spot/market/tickers"
BTC = Market("BTC", "USDT", Decimal(60_000), Decimal("0.01"), Decimal("0.00001"))


def ms(at):
    return int(at.timestamp() * 1000)


def truth(world, symbol, at_ms):
    """By plain reading: the price of the last execution at or before that moment."""
    done = [e.price for e in world.executions(symbol=symbol) if e.ms <= at_ms]
    return done[-1] if done else world.markets[symbol].price


@pytest.fixture
def scripted(clock):
    """A world to write into; the clock stands at 13:00."""
    return ScriptedWorld(clock=clock, markets=[BTC])


@pytest.fixture
async def both(scripted, clock, connect):
    """A caller of a server with that world behind an account of each exchange."""
    accounts = [
        DemoAccount("binance", "A" * 64, "s1", "", "11", scripted),
        DemoAccount("bitget", "bg_1", "s2", "p2", "22", scripted),
    ]
    async with DemoServer(accounts, clock=clock, weight_limit=10**9, has_rates=False) as server:
        yield connect(server)


async def klines(caller, symbol="BTCUSDT", interval="1m", **params):
    query = "&".join(f"{k}={v}" for k, v in params.items())
    status, rows = await caller.get(f"{KLINES}?symbol={symbol}&interval={interval}&{query}".rstrip("&"))
    assert status == 200, rows
    return rows


async def candles(caller, path=HISTORY, symbol="BTCUSDT", granularity="1min", **params):
    query = "&".join(f"{k}={v}" for k, v in params.items())
    status, body = await caller.get(f"{path}?symbol={symbol}&granularity={granularity}&{query}".rstrip("&"))
    assert (status, body["code"]) == (200, "00000"), body
    return body["data"]


@pytest.mark.parametrize("symbol", ["BTC/USDT", "SOL/USDT"])
def test_a_seeded_price_is_that_of_the_last_execution_at_any_moment_of_the_past(shared_worlds, clock, symbol):
    """Long before the first execution the starting price, then each execution's from its own millisecond on."""
    world = shared_worlds[0]
    done = world.executions(symbol=symbol)
    assert world.price(symbol, done[0].executed_at - timedelta(milliseconds=1)) == world.markets[symbol].price
    for e in done[:: len(done) // 40]:
        assert world.price(symbol, e.executed_at) == truth(world, symbol, e.ms)
        assert world.price(symbol, e.executed_at - timedelta(milliseconds=1)) == truth(world, symbol, e.ms - 1)
    assert world.price(symbol) == done[-1].price


def test_the_past_price_does_not_change_when_the_future_comes(make_world):
    """Asked before and after the world went on, a minute has the same price."""
    early = make_world(BITGET_TEST, lambda: START)
    late = make_world(BITGET_TEST, lambda: START + timedelta(hours=2))
    late.executions()
    for minutes in (0, 5, 600, 3000):
        at = START - timedelta(minutes=minutes)
        assert early.price("BTC/USDT", at) == late.price("BTC/USDT", at)


@pytest.mark.parametrize(("profile", "symbol"), [(BINANCE_DEMO, "BNB/USDT"), (BITGET_DEMO, "BGB/USDT")])
def test_the_exchanges_own_coin_has_a_market_even_where_nobody_trades_it(make_world, profile, symbol):
    """Taken out of the traded markets, it is still listed, at the price its fees are reckoned with."""
    import dataclasses

    rest = tuple(m for m in profile.markets if m.symbol != symbol)
    world = make_world(dataclasses.replace(profile, markets=rest), lambda: START)
    assert world.price(symbol, START - timedelta(days=300)) == profile.third_coin_price
    assert symbol in world.markets
    assert symbol in ScriptedWorld(clock=lambda: START).markets


async def test_a_kline_has_twelve_places_and_says_what_was_traded_in_its_minute(both, scripted, clock):
    """Open is the price at the minute's beginning; the minute's trades make the rest; prices are text."""
    noon = START.replace(hour=12, minute=30)
    scripted.buy("BTC/USDT", "1", "59000", noon - timedelta(minutes=2))
    scripted.buy("BTC/USDT", "0.5", "59500", noon + timedelta(seconds=10))
    scripted.sell("BTC/USDT", "0.25", "58800", noon + timedelta(seconds=59))
    row, after = await klines(both, startTime=ms(noon), limit=2)
    begin = ms(noon)
    assert row == [
        *(begin, "59000.00000000", "59500.00000000", "58800.00000000", "58800.00000000", "0.75000000"),
        *(begin + MINUTE - 1, "44450.00000000", 2, "0.37500000", "22225.00000000", "0"),
    ]
    assert after[:6] == [begin + MINUTE, *["58800.00000000"] * 4, "0.00000000"]


async def test_a_minute_without_trades_shows_the_close_before_it(both, scripted, clock):
    """Binance leaves no gap: the opens go on at the last price, and before the first at the market's."""
    scripted.buy("BTC/USDT", "1", "59000", clock.at - timedelta(minutes=3, seconds=30))
    rows = await klines(both, startTime=clock.ms - 5 * MINUTE)
    assert [row[0] for row in rows] == [clock.ms - n * MINUTE for n in (5, 4, 3, 2, 1, 0)]
    assert [Decimal(row[1]) for row in rows] == [60_000, 60_000, 59_000, 59_000, 59_000, 59_000]


async def test_klines_of_a_seeded_world_open_at_its_own_prices(caller, shared_worlds):
    """Every open of two hours is the last execution before it, and a chain of closes and opens."""
    start = ms(START) - 2 * HOUR
    rows = await klines(caller, "ETHUSDT", startTime=start, limit=120)
    assert len(rows) == 120
    assert [Decimal(row[1]) for row in rows] == [truth(shared_worlds[0], "ETH/USDT", row[0]) for row in rows]
    assert any(rows[n][1] != rows[n + 1][1] for n in range(119))


async def test_klines_begin_aligned_at_or_after_the_start_and_never_in_the_future(both, clock):
    """A start in the middle of a minute gives the next; an end counts the minute that opens on it; asc, limited."""
    clock.at += timedelta(seconds=30)
    now, minute = clock.ms, clock.ms - 30_000

    async def opens(**params):
        return [row[0] for row in await klines(both, **params)]

    assert await opens(startTime=minute - 2 * MINUTE + 1) == [minute - MINUTE, minute]
    assert await opens(startTime=minute - 2 * MINUTE) == [minute - 2 * MINUTE, minute - MINUTE, minute]
    assert await opens(startTime=minute - 9 * MINUTE, endTime=minute - 8 * MINUTE) == [
        minute - 9 * MINUTE,
        minute - 8 * MINUTE,
    ]
    assert await opens(startTime=minute - 9 * MINUTE, limit=1) == [minute - 9 * MINUTE]
    assert await opens(endTime=minute - 1, limit=2) == [minute - 2 * MINUTE, minute - MINUTE]
    assert await opens(startTime=now + 1) == []
    assert await opens(startTime=minute, endTime=now + HOUR) == [minute]
    assert (await opens(endTime=now + HOUR, limit=1)) == [minute]
    assert len(await opens()) == 500
    assert (await opens())[-1] == minute
    assert len(await opens(startTime=minute - 2000 * MINUTE, limit=1000)) == 1000
    assert len(await opens(startTime=minute - 2000 * MINUTE, limit=5000)) == 1000
    assert await opens(interval="1h", startTime=minute - HOUR + 1) == [minute]
    assert await opens(interval="1d", startTime=ms(START) - DAY) == [ms(START) - 12 * HOUR]


async def test_what_binance_refuses_about_klines(caller):
    """Unknown symbols and intervals, missing ones, a parameter it does not know."""
    for query, code in (
        ("symbol=NOSUCH&interval=1m", -1121),
        ("symbol=BTCUSDT&interval=2m", -1120),
        ("symbol=BTCUSDT", -1102),
        ("interval=1m", -1102),
        ("symbol=BTCUSDT&interval=1m&since=1", -1104),
        ("symbol=BTCUSDT&interval=1m&startTime=x", -1100),
    ):
        status, body = await caller.get(f"{KLINES}?{query}")
        assert (status, body["code"]) == (400, code), query


async def test_klines_weigh_two(caller):
    """The header counts them among the address's minute."""
    await caller.get("/api/v3/ping")
    before = int(caller.headers["X-MBX-USED-WEIGHT-1M"])
    await klines(caller)
    assert int(caller.headers["X-MBX-USED-WEIGHT-1M"]) == before + 2


async def test_a_scripted_minute_opens_as_it_was_told(both, scripted, clock):
    """Exact on both exchanges, until the next trade, and the last price follows."""
    begin = clock.at - timedelta(minutes=10)
    scripted.set_candle("BTC/USDT", begin + timedelta(seconds=40), "61234.56")
    scripted.buy("BTC/USDT", "1", "61300", begin + timedelta(minutes=1, seconds=1))
    expected = [Decimal(60_000), Decimal("61234.56"), Decimal("61234.56"), Decimal(61_300)]
    rows = await klines(both, startTime=ms(begin) - MINUTE, limit=4)
    assert [Decimal(row[1]) for row in rows] == expected
    rows = await candles(both, endTime=ms(begin) + 3 * MINUTE, limit=4)
    assert [Decimal(row[1]) for row in rows] == expected
    _, body = await both.get(f"{TICKERS}?symbol=BTCUSDT")
    assert (body["data"][0]["lastPr"], body["data"][0]["ts"]) == ("61300", str(clock.ms))
    scripted.set_candle("BTC/USDT", clock.at, "70000")
    _, body = await both.get(f"{TICKERS}?symbol=BTCUSDT")
    assert body["data"][0]["lastPr"] == "70000"


def test_a_price_set_for_a_moment_stands_against_a_trade_in_it(scripted, clock):
    """Whichever was written first."""
    for symbol, first in (("BTC/USDT", True), ("ETH/USDT", False)):
        if first:
            scripted.set_candle(symbol, clock.at, "5")
        scripted.buy(symbol, "1", "7", clock.at)
        if not first:
            scripted.set_candle(symbol, clock.at, "5")
        assert scripted.price(symbol) == 5


def test_a_set_price_holds_from_now_on_and_not_before(scripted, clock):
    """The past keeps its own price, and the next execution makes another."""
    scripted.set_price("BTC/USDT", "65000")
    assert scripted.price("BTC/USDT", clock.at - timedelta(milliseconds=1)) == 60_000
    assert scripted.price("BTC/USDT") == 65_000
    scripted.buy("BTC/USDT", "1", "64000", clock.at + timedelta(seconds=1))
    assert scripted.price("BTC/USDT", clock.at + timedelta(seconds=1)) == 64_000


async def test_candles_can_be_absent(both, scripted, clock):
    """A minute left out is skipped over, a market left out has none, and a price set is a candle all the same."""
    minute = clock.at - timedelta(minutes=5)
    scripted.omit_candles("BTC/USDT", minute, minute + timedelta(minutes=1))
    rows = await candles(both, endTime=ms(minute) + 2 * MINUTE, limit=2)
    assert [int(row[0]) for row in rows] == [ms(minute) - MINUTE, ms(minute) + MINUTE]
    rows = await klines(both, startTime=ms(minute), limit=2)
    assert [row[0] for row in rows] == [ms(minute) + MINUTE, ms(minute) + 2 * MINUTE]
    assert len(await candles(both, granularity="1Dutc", endTime=clock.ms, limit=1)) == 1

    scripted.omit_candles("ETH/USDT")
    assert await candles(both, symbol="ETHUSDT", endTime=clock.ms) == []
    assert await klines(both, "ETHUSDT", startTime=clock.ms - HOUR) == []
    scripted.set_candle("ETH/USDT", minute, "3000")
    rows = await candles(both, symbol="ETHUSDT", endTime=clock.ms)
    assert [(int(row[0]), row[1]) for row in rows] == [(ms(minute), "3000")]

    scripted.omit_candles("SOL/USDT", None, minute)
    rows = await klines(both, "SOLUSDT", startTime=0, endTime=clock.ms, interval="1d")
    assert [row[0] for row in rows] == [ms(START) - 12 * HOUR]


async def test_bitgets_history_gives_the_newest_before_the_end_ascending(both, scripted, clock):
    """endTime is not included; 100 by default, 200 at most, however long ago; eight texts a row."""
    scripted.buy("BTC/USDT", "0.5", "59000", clock.at - timedelta(minutes=3))
    rows = await candles(both, endTime=clock.ms)
    assert [int(row[0]) for row in rows] == [clock.ms - n * MINUTE for n in range(100, 0, -1)]
    assert rows[-3] == [str(clock.ms - 3 * MINUTE), *["59000"] * 4, "0.5", "29500", "29500"]
    rows = await candles(both, endTime=clock.ms + 1, limit=200)
    assert (len(rows), int(rows[-1][0])) == (200, clock.ms)
    assert int((await candles(both, endTime=clock.ms + HOUR, limit=1))[0][0]) == clock.ms
    long_ago = clock.ms - 700 * DAY
    assert int((await candles(both, endTime=long_ago, limit=1))[0][0]) == long_ago - MINUTE


async def test_bitgets_recent_candles_reach_a_month_back_and_a_thousand_far(both, clock):
    """Between startTime and endTime the newest; what lies a month back is in the history only."""
    rows = await candles(both, RECENT, startTime=clock.ms - 5 * MINUTE, endTime=clock.ms)
    assert [int(row[0]) for row in rows] == [clock.ms - n * MINUTE for n in (5, 4, 3, 2, 1)]
    assert len(await candles(both, RECENT)) == 100
    rows = await candles(both, RECENT, startTime=clock.ms - 2 * DAY, endTime=clock.ms, limit=1000)
    assert [int(row[0]) for row in (rows[0], rows[-1])] == [clock.ms - 1000 * MINUTE, clock.ms - MINUTE]
    edge = clock.ms - 30 * DAY
    rows = await candles(both, RECENT, startTime=edge - HOUR, endTime=edge + 2 * MINUTE)
    assert [int(row[0]) for row in rows] == [edge, edge + MINUTE]
    assert await candles(both, RECENT, startTime=edge - HOUR, endTime=edge) == []
    assert len(await candles(both, endTime=edge)) == 100


async def test_bitgets_day_opens_in_hong_kong_unless_it_is_called_utc(both, clock):
    """A "1day" opens at 16:00 UTC, a "1Dutc" at midnight."""
    (hong_kong,) = await candles(both, granularity="1day", endTime=clock.ms, limit=1)
    (utc,) = await candles(both, granularity="1Dutc", endTime=clock.ms, limit=1)
    midnight = ms(START) - 12 * HOUR
    assert [int(hong_kong[0]), int(utc[0])] == [midnight - 8 * HOUR, midnight]


async def test_what_bitget_refuses_about_candles(caller, clock):
    """Missing and unknown parameters, a granularity in the wrong case, a limit too high."""
    for path, query, code in (
        (HISTORY, "symbol=BTCUSDT&granularity=1min", "400172"),
        (HISTORY, f"granularity=1min&endTime={clock.ms}", "400172"),
        (HISTORY, f"symbol=BTCUSDT&endTime={clock.ms}", "400172"),
        (HISTORY, f"symbol=NOSUCH&granularity=1min&endTime={clock.ms}", "40034"),
        (HISTORY, f"symbol=BTCUSDT&granularity=1m&endTime={clock.ms}", "400171"),
        (HISTORY, f"symbol=BTCUSDT&granularity=1H&endTime={clock.ms}", "400171"),
        (HISTORY, f"symbol=BTCUSDT&granularity=1min&endTime={clock.ms}&limit=201", "400172"),
        (HISTORY, "symbol=BTCUSDT&granularity=1min&endTime=x", "40020"),
        (RECENT, "symbol=BTCUSDT&granularity=1min&limit=1001", "400172"),
        (RECENT, "symbol=NOSUCH&granularity=1min", "40034"),
    ):
        status, body = await caller.get(f"{path}?{query}")
        assert (status, body["code"], body["data"]) == (400, code, None), query


async def test_the_last_prices_of_every_market_come_in_one_answer(caller, shared_worlds, clock):
    """Bitget's tickers without a symbol name every market; a symbol nobody lists is refused."""
    _, body = await caller.get(TICKERS)
    shown = {row["symbol"]: Decimal(row["lastPr"]) for row in body["data"]}
    world = shared_worlds[1]
    assert shown == {m.wire: world.price(m.symbol) for m in world.markets.values()}
    assert {row["ts"] for row in body["data"]} == {str(clock.ms)}
    assert (await caller.get(f"{TICKERS}?symbol=NOSUCH"))[1]["code"] == "40034"


async def test_candles_come_from_the_world_in_which_the_market_moves(clock, connect):
    """Of two accounts at one exchange the one that traded the market knows its price."""
    quiet, busy = ScriptedWorld(clock=clock, markets=[BTC]), ScriptedWorld(clock=clock, markets=[BTC])
    accounts = [
        DemoAccount("binance", key * 64, "s1", "", uid, world)
        for key, uid, world in (("A", "11", quiet), ("B", "12", busy))
    ]
    async with DemoServer(accounts, clock=clock) as server:
        busy.buy("BTC/USDT", "1", "59000", clock.at - timedelta(minutes=5))
        (row,) = await klines(connect(server), startTime=clock.ms - MINUTE, limit=1)
        _, last = await connect(server).get("/api/v3/ticker/price?symbol=BTCUSDT")
    assert Decimal(row[1]) == Decimal(last["price"]) == 59_000


async def test_faults_strike_candles_too(both):
    """The new public paths are reached through the same door."""
    both.server.faults += [faults.status(503, times=1, path="/klines"), faults.null_body(times=1, path="-candles")]
    assert (await both.get(f"{KLINES}?symbol=BTCUSDT&interval=1m"))[0] == 503
    assert await both.get(f"{HISTORY}?symbol=BTCUSDT&granularity=1min&endTime=1") == (200, None)
    assert len(await klines(both, limit=1)) == 1


async def test_ccxt_reads_the_same_candles_from_both(both, scripted, clock):
    """Its own fetch_ohlcv understands the rows, opens and all."""
    scripted.set_candle("BTC/USDT", clock.at - timedelta(minutes=2), "61000.5")
    found = []
    for exchange in (ccxt.binance(), ccxt.bitget({"options": {"uta": False}})):
        exchange.milliseconds = lambda: clock.ms
        api = exchange.urls["api"]
        path = {"binance": "/api/v3", "bitget": ""}[exchange.id]
        exchange.urls["api"] = dict.fromkeys(api, both.server.base_url + path)
        exchange.set_markets([exchange.safe_market_structure(market(exchange))])
        try:
            rows = await exchange.fetch_ohlcv("BTC/USDT", "1m", since=clock.ms - 3 * MINUTE, limit=3)
        finally:
            await exchange.close()
        found.append([row[:2] for row in rows])
    opens = [60_000.0, 61_000.5, 61_000.5]
    assert found == [[[clock.ms - (3 - n) * MINUTE, price] for n, price in enumerate(opens)]] * 2


def market(exchange):
    """What ccxt has to know of BTC/USDT."""
    return {
        **{"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT"},
        **{"type": "spot", "spot": True, "swap": False, "option": False, "linear": None, "inverse": None},
    }
