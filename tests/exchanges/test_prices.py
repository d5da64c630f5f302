"""Candles and last prices of both exchanges: what is asked, what is believed, and what of an odd answer is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from tests.exchanges.helpers import BTC, DAY, NOW, FakeClient, ago
from tests.exchanges.wallets import BINANCE, BITGET, MINUTE, FakeBitgetMarket, House
from trademon.core.model import Candle
from trademon.core.times import MILLISECOND, to_ms
from trademon.errors import BadAnswer
from trademon.exchanges.prices import wanted_span

HOUSES = pytest.mark.parametrize("house", [BINANCE, BITGET], ids=lambda house: house.name)
MIDNIGHT = datetime(2026, 5, 1, tzinfo=UTC)


def series(start: datetime, count: int, length: timedelta = MINUTE) -> dict[datetime, str]:
    """Opening prices 1.5, 2.5, ... from a time on."""
    return {start + n * length: f"{n + 1}.50000000" for n in range(count)}


def opens(candles: tuple[Candle, ...]) -> dict[datetime, Decimal]:
    return {candle.opened_at: candle.open for candle in candles}


def as_decimals(prices: dict[datetime, str]) -> dict[datetime, Decimal]:
    return {at: Decimal(price) for at, price in prices.items()}


# --- over the wire --------------------------------------------------------------------------------------------------


@HOUSES
@pytest.mark.parametrize(
    ("length", "back"), [(MINUTE, 3 * DAY), (MINUTE, 300 * DAY), (DAY, 30 * DAY), (DAY, 900 * DAY)]
)
async def test_candles_over_the_wire(house: House, length, back, serve, open_client):
    """Minutes and UTC days, lately and long ago, asked without a signature and in the exchange's own words."""
    start = MIDNIGHT - back
    fake = house.market({length: series(start - 5 * length, 40, length)})
    seen: list[Any] = []
    base_url = await serve(house.handler(fake, seen))
    exchange = house.adapter(open_client(house.name, base_url, clock=lambda: NOW))
    candles = await exchange.fetch_candles(BTC, start, 20, length)
    assert opens(candles) == as_decimals(
        {at: p for at, p in fake.tables[length].items() if 0 <= (at - start) / length < 20}
    )
    assert [candle.opened_at for candle in candles] == sorted(opens(candles))
    assert {candle.interval for candle in candles} == {length}
    assert all(isinstance(candle.open, Decimal) for candle in candles)
    assert len(seen) == exchange.requests == 1
    assert "signature" not in seen[0].query
    assert not {"X-MBX-APIKEY", "ACCESS-KEY"} & set(seen[0].headers)


@HOUSES
async def test_last_prices_over_the_wire(house: House, serve, open_client):
    """Every market by the exchange's spelling; one that never traded is left out."""
    fake = house.market({}, {"BTCUSDT": "60000.10", "ETHBTC": "0.00000001", "NEWUSDT": "0.00000000"})
    exchange = house.adapter(open_client(house.name, await serve(house.handler(fake))))
    assert await exchange.fetch_last_prices() == {"BTCUSDT": Decimal("60000.10"), "ETHBTC": Decimal("0.00000001")}


@HOUSES
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html><body>maintenance</body></html>", "text/html"),
        ('[[1714521600000,"1.5","1.', "application/json"),
        ('{"code":"00000","data":[["1714521600000","1.', "application/json"),
        ("", "application/json"),
        ("[[1714521600000,NaN]]", "application/json"),
    ],
    ids=["html", "cut off", "cut off", "empty", "NaN"],
)
async def test_no_json_is_no_price(house: House, body, content_type, serve, open_client):
    async def handle(_: Any) -> web.Response:
        return web.Response(text=body, content_type=content_type)

    exchange = house.adapter(open_client(house.name, await serve(handle), clock=lambda: NOW))
    for question in (exchange.fetch_candles(BTC, ago(days=2), 5, MINUTE), exchange.fetch_last_prices()):
        with pytest.raises(BadAnswer):
            await question


@HOUSES
async def test_a_float_on_the_wire_is_no_price(house: House, serve, open_client):
    """A JSON number where the exchange writes text: exact as read, but of unknown making."""
    candle, last = house.candle(ago(days=2), 60000.1), {"symbol": "BTCUSDT", "price": 60000.1, "lastPr": 60000.1}

    async def handle(request: Any) -> web.Response:
        rows = [last] if "ticker" in request.path else [candle]
        return web.Response(text=json.dumps(house.data(rows)), content_type="application/json")

    exchange = house.adapter(open_client(house.name, await serve(handle), clock=lambda: NOW))
    with pytest.raises(BadAnswer, match="opening price"):
        await exchange.fetch_candles(BTC, ago(days=2), 5, MINUTE)
    with pytest.raises(BadAnswer, match=r"price|lastPr"):
        await exchange.fetch_last_prices()


# --- what is asked --------------------------------------------------------------------------------------------------


def test_a_span_begins_with_the_first_whole_interval():
    """An unaligned start is rounded up: what began before it is not asked for."""
    span = wanted_span(MIDNIGHT + MILLISECOND, 3, MINUTE, most=10)
    assert (span.start, span.end) == (MIDNIGHT + MINUTE, MIDNIGHT + 4 * MINUTE)
    span = wanted_span(MIDNIGHT - MILLISECOND, 2, DAY, most=10)
    assert (span.start, span.end) == (MIDNIGHT, MIDNIGHT + 2 * DAY)
    assert wanted_span(MIDNIGHT, 1, DAY, most=1).start == MIDNIGHT


@HOUSES
@pytest.mark.parametrize("interval", [timedelta(hours=1), timedelta(0), -MINUTE, timedelta(seconds=60.5), 7 * DAY])
async def test_other_intervals_are_not_asked_for(house: House, interval):
    client = FakeClient()
    with pytest.raises(ValueError, match="minute or a day"):
        await house.adapter(client).fetch_candles(BTC, ago(days=2), 5, interval)
    assert client.asked == []


@HOUSES
async def test_counts_that_one_question_cannot_bring(house: House):
    exchange = house.adapter(house.market({MINUTE: {}}))
    assert exchange.capabilities.candles == (1000 if house is BINANCE else 200)
    for count in (0, -1, exchange.capabilities.candles + 1):
        with pytest.raises(ValueError, match="candles"):
            await exchange.fetch_candles(BTC, ago(days=2), count, MINUTE)
    assert await exchange.fetch_candles(BTC, ago(days=2), exchange.capabilities.candles, MINUTE) == ()


@HOUSES
async def test_the_future_has_no_candles(house: House):
    client = FakeClient()
    assert await house.adapter(client).fetch_candles(BTC, NOW + MILLISECOND, 5, MINUTE) == ()
    assert client.asked == []


@HOUSES
async def test_a_range_that_reaches_into_the_future(house: House):
    """What there is up to now, with the candle that is still open."""
    fake = house.market({MINUTE: series(ago(minutes=10), 11)})
    fake.at = NOW + timedelta(seconds=30)
    candles = await house.adapter(fake).fetch_candles(BTC, ago(minutes=3), 100, MINUTE)
    assert [candle.opened_at for candle in candles] == [ago(minutes=n) for n in (3, 2, 1, 0)]


async def test_bitget_is_not_asked_about_the_future():
    """An end that lies ahead is the present instead, as the one known client that works asks it."""
    fake = FakeBitgetMarket({DAY: series(MIDNIGHT - 5 * DAY, 6, DAY)})
    candles = await BITGET.adapter(fake).fetch_candles(BTC, MIDNIGHT - DAY, 30, DAY)
    assert [candle.opened_at for candle in candles] == [MIDNIGHT - DAY, MIDNIGHT]
    assert [asked["endTime"] for _, asked in fake.asked] == [str(to_ms(NOW))]


@pytest.mark.parametrize("back", [2 * DAY, 100 * DAY], ids=["recent", "old"])
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("count", [1, 7, 199])
async def test_bitget_whether_its_bounds_are_included_or_not(back, after, before, count):
    """The same candles come out of every reading of "after" and "before"."""
    start = MIDNIGHT - back
    fake = FakeBitgetMarket({MINUTE: series(start - 300 * MINUTE, 900)}, after=after, before=before)
    candles = await BITGET.adapter(fake).fetch_candles(BTC, start, count, MINUTE)
    assert [candle.opened_at for candle in candles] == [start + n * MINUTE for n in range(count)]


async def test_bitget_asks_where_the_time_is_kept():
    """Lately from `candles`, older from `history-candles`, and 200 of either."""
    for back, length, ending in (
        (timedelta(hours=5), MINUTE, "market/candles"),
        (27 * DAY, MINUTE, "market/candles"),
        (29 * DAY, MINUTE, "market/history-candles"),
        (350 * DAY, DAY, "market/candles"),
        (365 * DAY, DAY, "market/history-candles"),
    ):
        start = MIDNIGHT - back
        fake = FakeBitgetMarket({length: series(start - 300 * length, 600, length)})
        candles = await BITGET.adapter(fake).fetch_candles(BTC, start, 200, length)
        assert [candle.opened_at for candle in candles] == [start + n * length for n in range(200)]
        assert [endpoint for endpoint, _ in fake.asked] == [BITGET.endpoint(ending)]


@HOUSES
@pytest.mark.parametrize("back", [2 * DAY, 100 * DAY], ids=["recent", "old"])
async def test_minutes_without_a_trade_stay_out(house: House, back):
    """Gaps are gaps; what Bitget adds from before the start to fill up the number is not used."""
    start = MIDNIGHT - back
    prices = {start + n * MINUTE: f"{n + 50}.5" for n in (-9, -2, -1, 3, 4, 9, 10)}
    candles = await house.adapter(house.market({MINUTE: prices})).fetch_candles(BTC, start, 10, MINUTE)
    assert opens(candles) == as_decimals({start + n * MINUTE: f"{n + 50}.5" for n in (3, 4, 9)})


# --- what is not believed -------------------------------------------------------------------------------------------


START = ago(days=2)


async def candles_of(house: House, rows: Any, count: int = 5) -> tuple[Candle, ...]:
    client = FakeClient(dict.fromkeys(house.paths.values(), house.data(rows)))
    return await house.adapter(client).fetch_candles(BTC, START, count, MINUTE)


@HOUSES
@pytest.mark.parametrize(
    "price",
    ["NaN", "Infinity", "-1.5", "0", "0.00", "", " ", "1,5", "0x10", None, True, 1.5, Decimal("1.5"), 7, "1e999"],
)
async def test_a_price_that_is_none(house: House, price):
    """One such candle, and none of the answer is used."""
    good = house.candle(START, "1.5")
    with pytest.raises(BadAnswer):
        await candles_of(house, [good, house.candle(START + MINUTE, price)])
    assert len(await candles_of(house, [good])) == 1


@HOUSES
@pytest.mark.parametrize("at", [None, "", "now", 1.5, Decimal("1714521600000.0"), -1, True, "1714521600000.0", 10**18])
async def test_a_time_that_is_none(house: House, at):
    row = house.candle(START, "1.5")
    row[0] = at
    with pytest.raises(BadAnswer, match="opening time"):
        await candles_of(house, [row])


@HOUSES
@pytest.mark.parametrize("off", [MILLISECOND, timedelta(seconds=1), timedelta(seconds=59)])
async def test_a_candle_between_two_minutes(house: House, off):
    with pytest.raises(BadAnswer, match="begin"):
        await candles_of(house, [house.candle(START + off, "1.5")])


@HOUSES
async def test_a_day_that_begins_in_the_afternoon(house: House):
    """Bitget's other days begin at 16:00 UTC."""
    client = FakeClient(
        dict.fromkeys(house.paths.values(), house.data([house.candle(MIDNIGHT - 8 * timedelta(hours=1), "1")]))
    )
    with pytest.raises(BadAnswer, match="begin"):
        await house.adapter(client).fetch_candles(BTC, MIDNIGHT - DAY, 5, DAY)


@HOUSES
@pytest.mark.parametrize("off", [6, 7, 60, 100_000])
async def test_a_candle_from_after_the_range(house: House, off):
    """Whoever answers with another time was not asked, so the good candle beside it is not used either."""
    with pytest.raises(BadAnswer, match="outside"):
        await candles_of(house, [house.candle(START, "1.5"), house.candle(START + off * MINUTE, "9")])


@pytest.mark.parametrize("off", [-1, -2, -100_000])
async def test_a_candle_from_before_the_range(off):
    """Binance has been told where to begin. Bitget answers with the last ones before an end: true, and left out."""
    rows = [(START, "1.5"), (START + off * MINUTE, "9")]
    with pytest.raises(BadAnswer, match="outside"):
        await candles_of(BINANCE, [BINANCE.candle(*row) for row in rows])
    assert opens(await candles_of(BITGET, [BITGET.candle(*row) for row in rows])) == {START: Decimal("1.5")}


async def test_the_candle_at_the_end_of_the_range():
    """Binance's end is the last millisecond of the range. Bitget's may include the candle that begins there."""
    rows = [(START, "1.5"), (START + 5 * MINUTE, "9")]
    with pytest.raises(BadAnswer, match="outside"):
        await candles_of(BINANCE, [BINANCE.candle(*row) for row in rows])
    assert opens(await candles_of(BITGET, [BITGET.candle(*row) for row in rows])) == {START: Decimal("1.5")}


@HOUSES
async def test_two_candles_of_one_minute(house: House):
    """Which of the two holds, nobody knows; nor where they say the same."""
    for price in ("1.5", "9"):
        with pytest.raises(BadAnswer, match="two candles"):
            await candles_of(house, [house.candle(START, "1.5"), house.candle(START, price)])


@HOUSES
async def test_any_order_comes_out_ascending(house: House):
    rows = [house.candle(START + n * MINUTE, f"{n}.5") for n in (3, 0, 4, 1)]
    assert [candle.opened_at for candle in await candles_of(house, rows)] == [START + n * MINUTE for n in (0, 1, 3, 4)]


@HOUSES
@pytest.mark.parametrize("rows", [None, {}, "", 0, [1], [None], [{}], ["x"], [[]], [["1714521600000"]]])
async def test_something_else_than_rows(house: House, rows):
    with pytest.raises(BadAnswer):
        await candles_of(house, rows)


@HOUSES
async def test_a_row_of_another_length(house: House):
    row = house.candle(START, "1.5")
    for changed in (row[:-1], [*row, "0"], row[:2]):
        with pytest.raises(BadAnswer, match="fields"):
            await candles_of(house, [changed])


# --- last prices ----------------------------------------------------------------------------------------------------


async def last_of(house: House, *rows: tuple[Any, Any]) -> dict[str, Decimal]:
    name = "price" if house is BINANCE else "lastPr"
    answer = house.data([{"symbol": symbol, name: price} for symbol, price in rows])
    return await house.adapter(FakeClient(dict.fromkeys(house.paths.values(), answer))).fetch_last_prices()


@HOUSES
@pytest.mark.parametrize("price", ["NaN", "-1", "", None, 1.5, Decimal("1.5"), 7, True, "1e999", "sNaN"])
async def test_a_last_price_that_is_none(house: House, price):
    with pytest.raises(BadAnswer):
        await last_of(house, ("BTCUSDT", "1.5"), ("ETHUSDT", price))


@HOUSES
@pytest.mark.parametrize("price", ["1.5", "9", "0"])
async def test_a_market_with_two_prices(house: House, price):
    with pytest.raises(BadAnswer, match="two last prices"):
        await last_of(house, ("BTCUSDT", "1.5"), ("BTCUSDT", price))
    with pytest.raises(BadAnswer, match="two last prices"):
        await last_of(house, ("BTCUSDT", "0"), ("BTCUSDT", price))


@HOUSES
@pytest.mark.parametrize("symbol", [None, "", 7, "A" * 201, "BTC\nUSDT"])
async def test_a_price_of_nothing(house: House, symbol):
    with pytest.raises(BadAnswer, match="symbol"):
        await last_of(house, (symbol, "1.5"))


@HOUSES
async def test_no_prices_at_all_are_no_answer(house: House):
    """Markets that never traded are an answer."""
    assert await last_of(house, ("NEWUSDT", "0")) == {}
    with pytest.raises(BadAnswer, match="empty"):
        await last_of(house)


async def test_a_refusal_is_what_the_exchange_says_it_is(serve, open_client):
    """An unknown market: -1121 and 40034, both with what they say."""
    bodies = {"binance": '{"code":-1121,"msg":"Invalid symbol."}', "bitget": '{"code":"40034","msg":"does not exist"}'}
    for house in (BINANCE, BITGET):

        async def handle(_: Any, text: str = bodies[house.name]) -> web.Response:
            return web.Response(status=400, text=text, content_type="application/json")

        exchange = house.adapter(open_client(house.name, await serve(handle), clock=lambda: NOW))
        with pytest.raises(BadAnswer, match=r"-1121|40034"):
            await exchange.fetch_candles(BTC, START, 5, MINUTE)
