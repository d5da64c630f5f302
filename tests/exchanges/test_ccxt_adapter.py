"""Exchanges without an adapter of their own: walks that lose nothing whatever the order of rows, rows that are not
believed, errors by what mends them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.helpers import DAY, NOW, Row, ago, collect, fills_of, ids_of, wall_clock
from trademon.core.coverage import Span, union
from trademon.core.model import Credentials, Fee, Market
from trademon.core.times import EPOCH, to_ms
from trademon.errors import AuthError, BadAnswer, ClockSkew, HostAskedToWait, NetworkError, UsageError
from trademon.exchanges import registry
from trademon.exchanges.ccxt_adapter import CcxtAdapter
from trademon.exchanges.ccxt_ids import ccxt_ids
from trademon.exchanges.ccxt_rows import parse_balances, parse_fill, time_of
from trademon.exchanges.ccxt_table import Spec, spec_of
from trademon.exchanges.ccxt_unified import UnifiedClient
from trademon.exchanges.transport import Answer

MARKETS = {
    f"{base}/USDT": {"id": f"{base}USDT", "symbol": f"{base}/USDT", "base": base, "quote": "USDT", "spot": True}
    for base in ("BTC", "ETH")
}
BTC = Market("BTC/USDT", "BTC", "USDT", "BTCUSDT")
D = Decimal


def row(number: int, at: datetime, symbol: str = "BTC/USDT", **changes: Any) -> Row:
    """A trade as ccxt tells it."""
    return {
        "id": str(number),
        "order": f"o{number}",
        "info": {"id": number, "bill": number, "t": str(at.timestamp())},
        "timestamp": to_ms(at),
        "symbol": symbol,
        "side": "buy",
        "amount": "0.001",
        "price": "60000.1",
        "fee": {"cost": "0.06", "currency": "USDT"},
        "fees": [{"cost": "0.06", "currency": "USDT"}],
        "takerOrMaker": "taker",
        "type": "limit",
    } | changes


class FakeUnified:
    """A client that answers `fetch_my_trades` from rows, in one of the orders that exchanges have.

    `cap` is the longest page; with `exclusive` neither end of a window belongs to it.
    """

    def __init__(self, rows: list[Row], *, newest: bool, cap: int, exclusive: bool = False, **more: Any) -> None:
        self.rows = sorted(rows, key=lambda r: (r["timestamp"], int(r["id"])))
        self.newest, self.cap, self.exclusive = newest, cap, exclusive
        self.markets: dict[str, Any] = MARKETS
        self.asked: list[dict[str, Any]] = []
        self.ignores: frozenset[str] = more.get("ignores", frozenset())

    def now(self) -> datetime:
        return NOW

    async def load_markets(self, *, again: bool = False, count: list[int]) -> None:
        """They are there."""

    async def ask(self, method: str, symbol: str | None, since: int, limit: int, **params: Any) -> Any:
        self.asked.append(params | {"since": since, "symbol": symbol})
        assert method == "fetch_my_trades"
        until = params["until"]
        inside: Callable[[int], bool] = lambda ms: since <= ms <= until  # noqa: E731
        if self.exclusive:
            inside = lambda ms: since < ms < until  # noqa: E731
        if "until" in self.ignores:
            inside = lambda ms: since <= ms  # noqa: E731
        found = [r for r in self.rows if inside(r["timestamp"]) and symbol in (None, r["symbol"])]
        if "after" in params:
            found = [r for r in found if r["info"]["bill"] < int(params["after"])]
        found = found[::-1] if self.newest else found
        page = found[params.get("ofs", 0) :][: min(limit, self.cap)]
        return sorted(page, key=lambda r: (r["timestamp"], r["id"]))


def adapter(client: FakeUnified, spec: Spec) -> CcxtAdapter:
    return CcxtAdapter("some", spec, client, Credentials("k", "s"), lambda: NOW)  # type: ignore[arg-type]


SPECS = {
    "by halves": (Spec(page=50), False),
    "by halves, newest first": (Spec(page=50), True),
    "back by time": (Spec(page=50, newest_first=True), True),
    "back by offset": (Spec(page=50, newest_first=True, offset="ofs"), True),
    "back by cursor": (Spec(page=50, newest_first=True, cursor=("after", "bill")), True),
}


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 1, 40, 3_600_000, 5 * 86_400_000]), max_size=150),
    cap=st.sampled_from([50, 50, 37]),
    exclusive=st.booleans(),
    window=st.sampled_from([None, 1, 7, 30]),
    needs_symbol=st.booleans(),
    offset=st.integers(0, 999),
)
@pytest.mark.parametrize("way", SPECS)
async def test_whatever_lies_in_the_span_comes_once_and_the_span_is_proved(
    way: str, gaps: list[int], cap: int, exclusive: bool, window: int | None, needs_symbol: bool, offset: int
) -> None:
    """Whatever the order of rows, however long a window may be, whether its ends belong to it or not."""
    spec, newest = SPECS[way]
    at, rows = to_ms(ago(days=80)), []
    for n, gap in enumerate(gaps):
        at += gap
        if at < to_ms(NOW):
            rows.append(row(n + 1, EPOCH + at * timedelta(milliseconds=1), ("BTC/USDT", "ETH/USDT")[n % 7 == 3]))
    spec = replace(spec, needs_symbol=needs_symbol, window=None if window is None else timedelta(days=window))
    client = FakeUnified(rows, newest=newest, cap=cap, exclusive=exclusive)
    span = Span(ago(days=60).replace(microsecond=offset), NOW)
    exchange = adapter(client, spec)
    if not needs_symbol:
        named = {r["symbol"].replace("/", "") for r in rows if r["timestamp"] >= to_ms(span.start) + 1}
        assert await exchange.fetch_traded_symbols(span.start) == named
    pages = await collect(exchange.fetch_fills(BTC, span, anchor=None))
    inside = [f for f in fills_of(pages) if span.start <= f.executed_at]
    expected = [r for r in rows if r["symbol"] == "BTC/USDT" and r["timestamp"] >= to_ms(span.start) + (offset > 0)]
    assert {f.trade_id for f in inside} == {r["id"] for r in expected}
    assert union(page.covered for page in pages) == (span,)


@pytest.mark.parametrize("way", ["by halves", "back by time"])
async def test_more_in_one_moment_than_a_page_holds_is_refused_and_not_covered(way: str) -> None:
    """Nothing is known of what did not fit: no page says that the stretch is whole."""
    spec, newest = SPECS[way]
    rows = [row(n, ago(hours=5)) for n in range(1, 80)] + [row(200, ago(hours=1))]
    exchange = adapter(FakeUnified(rows, newest=newest, cap=50), spec)
    with pytest.raises(BadAnswer, match="in one moment"):
        await collect(exchange.fetch_fills(BTC, Span(ago(days=1), NOW), anchor=None))


@pytest.mark.parametrize("way", ["back by offset", "back by cursor"])
async def test_an_offset_or_a_cursor_reads_any_number_in_one_moment(way: str) -> None:
    spec, newest = SPECS[way]
    rows = [row(n, ago(hours=5)) for n in range(1, 400)]
    exchange = adapter(FakeUnified(rows, newest=newest, cap=50), spec)
    pages = await collect(exchange.fetch_fills(BTC, Span(ago(days=1), NOW), anchor=None))
    assert ids_of(pages) == list(range(1, 400))


async def test_a_server_that_does_not_keep_to_the_time_asked_for_is_refused() -> None:
    """Nothing can be concluded from a full page of another time."""
    rows = [row(n, ago(hours=n / 10)) for n in range(1, 200)]
    client = FakeUnified(rows, newest=True, cap=50, ignores=frozenset({"until"}))
    with pytest.raises(BadAnswer, match="outside the time"):
        await collect(adapter(client, SPECS["back by time"][0]).fetch_fills(BTC, Span(ago(days=1), NOW), anchor=None))


async def test_one_walk_a_look_serves_every_symbol() -> None:
    """Where no symbol is needed, the second and third symbol cost no question."""
    rows = [row(n, ago(hours=n), ("BTC/USDT", "ETH/USDT")[n % 2]) for n in range(1, 6)]
    client = FakeUnified(rows, newest=True, cap=50)
    exchange = adapter(client, replace(SPECS["back by cursor"][0], needs_symbol=False))
    assert await exchange.fetch_traded_symbols(ago(days=2)) == {"BTCUSDT", "ETHUSDT"}
    asked = len(client.asked)
    for base in ("BTC", "ETH"):
        market = Market(f"{base}/USDT", base, "USDT", f"{base}USDT")
        pages = await collect(exchange.fetch_fills(market, Span(ago(days=1), NOW), anchor=None))
        assert {f.symbol for f in fills_of(pages)} == {market.symbol}
    assert len(client.asked) == asked


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_fill_is_what_the_exchange_said() -> None:
    fill = parse_fill(row(7, NOW), Spec(), MARKETS)
    assert fill is not None
    assert (fill.trade_id, fill.order_id, fill.symbol, fill.side) == ("7", "o7", "BTC/USDT", "buy")
    assert (fill.quantity, fill.price, fill.fees) == (D("0.001"), D("60000.1"), (Fee(D("0.06"), "USDT"),))
    assert (fill.is_maker, fill.order_type) == (False, "limit")
    assert json.loads(fill.raw)["id"] == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "1777766400000-buy-0.001-60000.1"},
        {"info": None},
        {"info": {}},
        {"symbol": "XYZ/USDT"},
        {"symbol": None},
        {"side": None},
        {"amount": None},
        {"amount": 0.001},
        {"amount": "0"},
        {"amount": "NaN"},
        {"price": 1.5},
        {"price": "-1"},
        {"fees": [{"cost": 0.1, "currency": "USDT"}]},
        {"fees": [{"cost": "0.1", "currency": None}]},
        {"fees": [{"cost": "x", "currency": "USDT"}]},
        {"timestamp": None},
        {"timestamp": "soon"},
    ],
)
def test_what_cannot_be_is_refused(changes: Row) -> None:
    """An id that ccxt made of the fill's looks is none: two that look alike would be one."""
    with pytest.raises(BadAnswer):
        parse_fill(row(7, NOW, **changes), Spec(), MARKETS)


def test_fees_are_told_once_and_may_be_missing() -> None:
    """`fee` and `fees` hold the same; a rebate is below zero; without an amount it is not told."""
    told = [
        ({"fees": [], "fee": {"cost": "-0.1", "currency": "OKB"}}, (Fee(D("-0.1"), "OKB"),)),
        ({"fees": None, "fee": None}, ()),
        ({"fees": [{"cost": None, "currency": None}], "fee": {"cost": None}}, ()),
        ({"fees": [{"cost": "1", "currency": "A"}, {"cost": "2", "currency": "B"}]}, (Fee(D(1), "A"), Fee(D(2), "B"))),
    ]
    for changes, fees in told:
        fill = parse_fill(row(7, NOW, **changes), Spec(), MARKETS)
        assert fill is not None
        assert fill.fees == fees


def test_what_is_no_fill_is_left_out_and_what_has_no_id_goes_by_another() -> None:
    """Funding among Bybit's executions; OKX's rows without a trade id."""
    spec = Spec(only=("execType", frozenset({"Trade"})), other_id="bill")
    funding = row(7, NOW, info={"id": 7, "bill": 70, "execType": "Funding"})
    assert parse_fill(funding, spec, MARKETS) is None
    for told in ("-3", "0", "", None):
        fill = parse_fill(row(7, NOW, id=told, info={"id": told, "bill": 70, "execType": "Trade"}), spec, MARKETS)
        assert fill is not None
        assert fill.trade_id == "bill-70"


def test_seconds_are_read_without_a_float() -> None:
    """To the microsecond, and only where that is a time."""
    spec = Spec(seconds="time")
    at = time_of({"info": {"time": D("1621927314.985001")}}, spec)
    assert at == EPOCH + timedelta(seconds=1621927314, microseconds=985001)
    for wrong in (D(0), D("1e30"), "x", None):
        with pytest.raises(BadAnswer):
            time_of({"info": {"time": wrong}}, spec)


def test_balances_are_totals_less_what_is_free() -> None:
    """Coins of nothing are left out; an answer without the exchange's own words is none."""
    told = {"info": {"a": 1}, "free": {}, "total": {}, "USDT": {"free": "1.5", "used": "1", "total": "2.5"}}
    told |= {"BTC": {"free": None, "used": None, "total": "2"}, "X": {"free": "0", "used": "0", "total": "0"}}
    assert [(b.coin, b.free, b.locked) for b in parse_balances(told, Spec())] == [
        ("USDT", D("1.5"), D("1.0")),
        ("BTC", D(2), D(0)),
    ]
    said = {"info": {"a": 1}}
    for wrong in ({}, {"info": {}}, said | {"USDT": {"total": 1.5}}, said | {"USDT": {"free": "1"}}, {"info": [7]}):
        with pytest.raises(BadAnswer):
            parse_balances(wrong, Spec())


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(session: aiohttp.ClientSession) -> AsyncIterator[UnifiedClient]:
    spec = spec_of("okx")
    assert spec is not None
    opened = UnifiedClient("okx", spec, session=session, clock=wall_clock, throttle=False, deadline_s=1)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": "50111", "msg": "Invalid OK-ACCESS-KEY", "data": []}, AuthError),
        ({"code": "50113", "msg": "Invalid Sign", "data": []}, AuthError),
        ({"code": "50110", "msg": "Your IP is not on the list", "data": []}, AuthError),
        ({"code": "50102", "msg": "Timestamp request expired", "data": []}, ClockSkew),
        ({"code": "50011", "msg": "Requests too frequent", "data": []}, HostAskedToWait),
        ({"code": "50001", "msg": "Service temporarily unavailable", "data": []}, NetworkError),
        ({"code": "51001", "msg": "Instrument ID does not exist", "data": []}, BadAnswer),
        ({"code": "99999", "msg": "never seen", "data": []}, BadAnswer),
        ({"code": "0", "msg": ""}, BadAnswer),
        ({}, BadAnswer),
        ([], BadAnswer),
        ("text", BadAnswer),
        (None, BadAnswer),
    ],
)
async def test_a_refusal_is_an_error_by_what_mends_it(client: UnifiedClient, body: Any, kind: type[Exception]) -> None:
    """By ccxt's class; and an answer that does not say that it is one is none."""
    assert type(client._refused(Answer(200, {}, body, True, json.dumps(body)))) is kind


async def test_a_good_answer_is_none_of_them(client: UnifiedClient) -> None:
    assert client._refused(Answer(200, {}, {"code": "0", "msg": "", "data": []}, True)) is None


async def test_what_ccxt_stumbles_over_is_an_answer_that_is_not_believed(
    serve: Callable[..., Any], session: aiohttp.ClientSession
) -> None:
    """A body of another shape than it expects raises everything but an error of its own."""

    async def handler(request: web.Request) -> web.Response:
        data: Any = [{"instType": "SPOT", "instId": "A-B", "baseCcy": "A", "quoteCcy": "B"}]
        if "instruments" not in request.path:
            data = [7]
        return web.json_response({"code": "0", "msg": "", "data": data})

    spec = spec_of("okx")
    assert spec is not None
    address = await serve(handler)
    client = UnifiedClient(
        "okx", spec, session=session, clock=wall_clock, base_url=address, throttle=False, deadline_s=5
    )
    exchange = CcxtAdapter("okx", spec, client, Credentials("k", "s", "p"), wall_clock)
    with pytest.raises(BadAnswer):
        await exchange.fetch_account(with_uid=True)
    with pytest.raises(BadAnswer):
        await exchange.fetch_open_orders({})
    with pytest.raises(BadAnswer):
        await exchange.sync_clock()
    client.close()


# --- which there are -------------------------------------------------------------------------------------------------


def test_the_ids_are_ccxts_own() -> None:
    """Found by its files, without importing them; in a process of its own, as the whole of ccxt is big."""
    code = "import ccxt; print(' '.join(ccxt.exchanges))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(told.stdout.split()) <= ccxt_ids()
    assert len(ccxt_ids() - set(told.stdout.split())) < 5


def test_what_ccxt_says_of_an_exchange_becomes_its_capabilities() -> None:
    """Pages, windows, how far back, whether a symbol is needed and a passphrase."""
    okx, kraken, bybit, mexc = (spec_of(name) for name in ("okx", "kraken", "bybit", "mexc"))
    assert okx is not None
    assert (okx.page, okx.needs_symbol, okx.needs_password) == (100, False, True)
    assert okx.capabilities.orders_name_symbols
    assert okx.capabilities.history is not None
    assert DAY * 89 < okx.capabilities.history < DAY * 90
    assert kraken is not None
    assert (kraken.page, kraken.offset, kraken.needs_password, kraken.history) == (50, "ofs", False, None)
    assert bybit is not None
    assert (bybit.window, bybit.only is not None) == (timedelta(days=7), True)
    assert mexc is not None
    assert mexc.needs_symbol
    assert not mexc.capabilities.orders_name_symbols
    assert not mexc.capabilities.has_transfers
    assert spec_of("hyperliquid") is None  # signed with a wallet's key


@pytest.mark.parametrize("name", ["okx", "kraken", "bybit", "kucoin", "gate", "coinbase"])
async def test_an_exchange_of_ccxt_is_accepted_and_opened(name: str) -> None:
    """By its id; of its markets spot is read."""
    assert registry.check_exchange(name) == name
    assert registry.markets_of(name) == ("spot",)
    assert registry.capabilities_of(name) is not None
    async with registry.Connections(wall_clock) as connections:
        assert connections.open(name, Credentials("k", "s", "p")).requests == 0


def test_what_cannot_be_asked_is_said() -> None:
    """A wallet's key, a typing mistake, a name that is none."""
    assert registry.needs_password("okx")
    assert registry.needs_password("kucoin")
    assert not registry.needs_password("kraken")
    with pytest.raises(UsageError, match="key and a secret"):
        registry.check_exchange("hyperliquid")
    with pytest.raises(UsageError) as caught:
        registry.check_exchange("krakn")
    assert "'kraken'" in str(caught.value.hint)
