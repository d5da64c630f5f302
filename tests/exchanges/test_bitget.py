"""Bitget: fills walked back from the newest, what each chunk proves, fees in every shape, the error codes."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.helpers import (
    BITGET_KEY,
    BTC,
    DAY,
    NOW,
    FakeBitget,
    FakeClient,
    Row,
    ago,
    bitget_row,
    collect,
    collect_until,
    fills_of,
    ids_of,
    until_now,
    wall_clock,
)
from trademon.core.coverage import Span, missing, union
from trademon.core.model import Balance, Fee, Market
from trademon.core.times import MILLISECOND, from_ms
from trademon.errors import AuthError, BadAnswer, ClockSkew, HostAskedToWait, NetworkError, TrademonError
from trademon.exchanges import bitget
from trademon.exchanges.base import FillPage
from trademon.exchanges.bitget import CHUNK, Bitget, explain, parse_fees
from trademon.exchanges.transport import Answer


def adapter(client: FakeClient) -> Bitget:
    return Bitget(client, BITGET_KEY, lambda: NOW)  # type: ignore[arg-type]


async def walk(host: FakeBitget, span: Span, *, most: int | None = None) -> list[FillPage]:
    return await collect(adapter(host).fetch_fills(BTC, span, anchor=None), most=most)


def expected(host: FakeBitget, span: Span) -> list[int]:
    return sorted(int(r["tradeId"]) for r in host.rows if span.start <= from_ms(int(r["cTime"])) < span.end)


def in_span(pages: list[FillPage], span: Span) -> list[int]:
    return sorted(int(f.trade_id) for f in fills_of(pages) if f.executed_at < span.end)


def check_whole(pages: list[FillPage], host: FakeBitget, span: Span) -> None:
    """Every fill of the span exactly once, and exactly the span proved."""
    assert in_span(pages, span) == expected(host, span)
    assert union(page.covered for page in pages) == (span,)
    assert len(ids_of(pages)) == len(set(ids_of(pages)))


def check_honest(pages: list[FillPage], host: FakeBitget) -> None:
    """Nothing in the time claimed so far was left out."""
    got = set(ids_of(pages))
    for span in union(page.covered for page in pages):
        assert set(expected(host, span)) <= got


def steady(count: int, *, every: timedelta) -> list[Row]:
    return [bitget_row(100 + n, NOW - every * (count - n)) for n in range(count)]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 150 fills, so that a few pages make several."""
    monkeypatch.setattr(bitget, "CHUNK", 150)


# --- walking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 19, 20, 99, 100, 101, 250, 1000])
async def test_histories_of_every_length_come_whole(count):
    """Also those that end with a page: a full page is never the last one. One request per hundred fills, and one."""
    host = FakeBitget(steady(count, every=timedelta(minutes=50)))
    span = until_now(ago(days=60))
    check_whole(await walk(host, span), host, span)
    assert len(host.asked) <= 1 + -(-count // 100)


async def test_fills_of_one_millisecond_over_a_page_border():
    """Seven to a millisecond, pages of a hundred: back by id, so the border falls anywhere."""
    host = FakeBitget([bitget_row(1 + n, ago(hours=9) + (n // 7) * MILLISECOND) for n in range(500)])
    span = until_now(ago(days=1))
    check_whole(await walk(host, span), host, span)


async def test_fifteen_hundred_fills_in_one_millisecond(small_chunks):
    """Over page borders and chunk borders: nothing of that millisecond is claimed before the last of them."""
    host = FakeBitget([bitget_row(1 + n, ago(hours=3)) for n in range(1500)])
    span = until_now(ago(hours=20))
    pages = await walk(host, span)
    check_whole(pages, host, span)
    assert len(pages) > 5
    for count in range(1, len(pages)):
        check_honest(pages[:count], host)


async def test_long_quiet_times_cost_nothing():
    """Two fills eighty days apart: one request, as a page is not a window of time."""
    host = FakeBitget([bitget_row(1, ago(days=85)), bitget_row(2, ago(days=5))])
    span = until_now(ago(days=89))
    check_whole(await walk(host, span), host, span)
    assert len(host.asked) == 1


@pytest.mark.parametrize("cap", [20, 50, 100])
async def test_a_server_that_cuts_pages_shorter_is_walked_on(cap):
    """A hundred are asked for; fewer are no sign of the end until there are very few."""
    host = FakeBitget(steady(333, every=timedelta(minutes=5)), cap=cap)
    span = until_now(ago(days=4))
    check_whole(await walk(host, span), host, span)
    assert len(host.asked) <= 1 + -(-333 // cap)


async def test_a_chunk_proves_only_what_is_newer_than_its_oldest_millisecond(small_chunks):
    """Newest first: each chunk reaches further back, and the last one to the start."""
    host = FakeBitget([bitget_row(1 + n, ago(hours=9) + (n // 7) * MILLISECOND) for n in range(700)])
    span = until_now(ago(days=1))
    pages = await walk(host, span)
    assert len(pages) >= 4
    for count in range(1, len(pages) + 1):
        check_honest(pages[:count], host)
    starts = [page.covered.start for page in pages]
    assert starts == sorted(starts, reverse=True)
    assert starts[-1] == span.start
    check_whole(pages, host, span)


async def test_a_great_history_is_handed_on_in_chunks():
    """Each step back derives the book again, so there are few: 12,000 fills are three."""
    host = FakeBitget(steady(12_000, every=timedelta(minutes=5)))
    span = until_now(ago(days=60))
    pages = await walk(host, span)
    check_whole(pages, host, span)
    assert len(pages) == 12_000 // CHUNK + 1
    assert len(host.asked) <= 121


async def test_what_lies_more_than_ninety_days_back_is_not_claimed():
    """The exchange keeps no more: the span is cut, and only what was asked is proved."""
    host = FakeBitget([bitget_row(1, ago(days=100)), bitget_row(2, ago(days=89))])
    pages = await walk(host, until_now(ago(days=200)))
    assert ids_of(pages) == [2]
    (covered,) = union(page.covered for page in pages)
    reach = Bitget.capabilities.history
    assert reach is not None
    assert covered == Span(NOW - reach, NOW)
    assert timedelta(days=89) < reach < timedelta(days=90)


async def test_a_span_wholly_out_of_reach_proves_nothing():
    """Asked all the same it gives no fill and claims no time."""
    host = FakeBitget([bitget_row(1, ago(days=100))])
    pages = await walk(host, Span(ago(days=120), ago(days=95)))
    assert (fills_of(pages), union(page.covered for page in pages)) == ([], ())


async def test_a_fill_that_arrives_while_walking_is_not_claimed(small_chunks):
    """What happens after the first question lies behind the time that is claimed."""

    def trade(n: int) -> None:
        host.at = NOW + n * timedelta(seconds=1)
        host.rows.append(bitget_row(90_000 + n, host.at))

    host = FakeBitget(steady(500, every=timedelta(minutes=1)), on_ask=trade)
    pages = await walk(host, Span(ago(days=3), NOW + DAY))
    check_honest(pages, host)
    assert union(page.covered for page in pages) == (Span(ago(days=3), NOW),)
    assert in_span(pages, until_now(ago(days=3))) == expected(host, until_now(ago(days=3)))


async def test_a_page_that_does_not_go_back_is_a_bad_answer():
    """A server that ignores `idLessThan` would be asked for ever."""

    class Stubborn(FakeBitget):
        def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
            return super().answer(endpoint, {k: v for k, v in params.items() if k != "idLessThan"})

    host = Stubborn(steady(250, every=timedelta(minutes=1)))
    with pytest.raises(BadAnswer, match="does not follow"):
        await asyncio.wait_for(walk(host, until_now(ago(days=1))), 5)


async def test_a_bad_row_spoils_what_is_not_yet_handed_on(small_chunks):
    """What was proved before stays proved; nothing of the spoilt page is handed on."""
    rows = steady(400, every=timedelta(minutes=1))
    rows[100] = rows[100] | {"size": "-1"}
    host = FakeBitget(rows)
    walking = adapter(host).fetch_fills(BTC, until_now(ago(days=3)), anchor=None)
    pages = await collect_until(BadAnswer, walking, match="size")
    assert len(fills_of(pages)) == 200
    check_honest(pages, host)


@pytest.mark.parametrize("trade_id", ["abc", "", None, 1.5, "٣"])
async def test_a_page_border_without_a_number_is_a_bad_answer(trade_id):
    """The next page is asked by number."""
    rows = steady(100, every=timedelta(minutes=1))
    answers = {
        "private_spot_get_v2_spot_trade_fills": {"code": "00000", "data": [*rows, rows[0] | {"tradeId": trade_id}]}
    }
    with pytest.raises(BadAnswer):
        await collect(adapter(FakeClient(answers)).fetch_fills(BTC, until_now(ago(days=1)), anchor=None))


BAD_BODIES = [
    None,
    [],
    {},
    "",
    {"code": "00000"},
    {"code": "00000", "data": None},
    {"code": "00000", "data": {}},
    {"code": "00000", "data": {"fills": []}},
    {"code": "00000", "data": [None]},
    {"code": 0, "data": []},
    {"data": []},
    {"code": "40037", "data": []},
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=repr)
async def test_what_is_no_page_is_a_bad_answer(body):
    """Only a list under a code that says all is well can be empty."""
    client = FakeClient({"private_spot_get_v2_spot_trade_fills": body})
    with pytest.raises(BadAnswer):
        await collect(adapter(client).fetch_fills(BTC, until_now(ago(days=1)), anchor=None))


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Bursts, ties and quiet days within ninety days; ids with holes, in the order of time."""
    at = NOW - timedelta(days=draw(st.integers(1, 88)))
    rows: list[Row] = []
    trade_id = draw(st.integers(0, 50))
    for _ in range(draw(st.integers(0, 8))):
        at += draw(st.sampled_from([timedelta(0), MILLISECOND, timedelta(minutes=7), timedelta(hours=30), 5 * DAY]))
        step = draw(st.sampled_from([timedelta(0), MILLISECOND, timedelta(seconds=40)]))
        for _ in range(draw(st.sampled_from([1, 19, 20, 21, 99, 100, 101, 230]))):
            if at >= NOW:
                return rows
            rows.append(bitget_row(trade_id, at))
            trade_id += 5 if len(rows) % 50 == 0 else 1
            at += step
    return rows


@settings(max_examples=250, deadline=None)
@given(
    rows=histories(),
    start=st.integers(0, 89 * 24 * 60 - 2),
    length=st.integers(1, 89 * 24 * 60),
    cap=st.sampled_from([20, 50, 100]),
    chunk=st.sampled_from([1, 100, 150, 5000]),
    stop=st.integers(1, 6),
)
def test_no_page_claims_time_before_it_was_proved(rows, start, length, cap, chunk, stop):
    """Stop after any page: every fill within the time claimed so far was handed on. Walk on: all of them, once."""

    async def run() -> None:
        began = NOW - timedelta(minutes=start)
        span = Span(began, min(NOW, began + timedelta(minutes=length)))
        host = FakeBitget(rows, cap=cap)
        check_honest(await walk(host, span, most=stop), host)
        host = FakeBitget(rows, cap=cap)
        pages = await walk(host, span)
        assert in_span(pages, span) == expected(host, span)
        assert missing([page.covered for page in pages], span) == ()
        assert len(host.asked) <= 1 + -(-len(rows) // cap)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bitget, "CHUNK", chunk)
        asyncio.run(run())


async def test_a_scripted_history_comes_over_the_wire_exactly_once(open_client, demo, world):
    """250 fills of a busy second eighty days ago and one now, the exchange as strict as the real one: four requests."""
    now = wall_clock().replace(microsecond=0)
    for n in range(250):
        at = now - timedelta(days=80) + (n // 9) * MILLISECOND
        world.buy("BTC/USDT", "0.001", "60000", at, trade_id=str(1000 + n))
    world.sell("BTC/USDT", "0.5", "61000", now - timedelta(hours=1), trade_id="2700", fee="0.01", fee_currency="BGB")
    one = Bitget(open_client("bitget", demo.base_url), BITGET_KEY, wall_clock)
    await one.sync_clock()
    before = one.requests
    pages = await collect(one.fetch_fills(BTC, Span(now - timedelta(days=300), now), anchor=None))
    assert ids_of(pages) == [*range(1000, 1250), 2700]
    assert one.requests - before <= 4
    assert {r.status for r in demo.requests} == {200}
    sale = next(fill for fill in fills_of(pages) if fill.trade_id == "2700")
    assert (sale.side, sale.order_type, sale.fees) == ("sell", "market", (Fee(Decimal("0.01"), "BGB"),))


# --- fees -----------------------------------------------------------------------------------------------------------


def detail(amount: object, *, coin: str = "USDT", deduction: str = "no") -> Row:
    return {"deduction": deduction, "feeCoin": coin, "totalDeductionFee": "", "totalFee": amount}


FEES = {
    "paid in quote": (detail("-0.00749"), [("0.00749", "USDT")]),
    "paid in base": (detail("-0.0000794", coin="LTC"), [("0.0000794", "LTC")]),
    "rebate": (detail("0.0118"), [("-0.0118", "USDT")]),
    "paid in BGB, positive": (detail("0.00155", coin="BGB", deduction="yes"), [("0.00155", "BGB")]),
    "paid in BGB, negative": (detail("-0.0171", coin="BGB", deduction="yes"), [("0.0171", "BGB")]),
    "free": (detail("0"), [("0", "USDT")]),
    "a list": ([detail("-0.02")], [("0.02", "USDT")]),
    "two coins": (
        [detail("-0.02"), detail("0.5", coin="BGB", deduction="yes")],
        [("0.02", "USDT"), ("0.5", "BGB")],
    ),
    "an empty list": ([], []),
    "JSON in a text": (json.dumps(detail("-0.02")), [("0.02", "USDT")]),
    "a list in a text": (json.dumps([detail("-0.02")]), [("0.02", "USDT")]),
    "numbers in a text": (
        '{"totalFee":-0.000079400000,"feeCoin":"LTC","deduction":false}',
        [("0.0000794", "LTC")],
    ),
    "a deduction in a text": ('{"totalFee":-0.5,"feeCoin":"BGB","deduction":true}', [("0.5", "BGB")]),
    "an empty text": ("", []),
    "null": (None, []),
}


@pytest.mark.parametrize(("shape", "costs"), FEES.values(), ids=FEES)
def test_every_shape_of_fee_is_a_cost_when_paid(shape, costs):
    """Negative is paid; with a deduction it is paid whatever the sign; a positive one without is a rebate."""
    fees = parse_fees(shape)
    assert [(fee.amount, fee.currency) for fee in fees] == [(Decimal(amount), coin) for amount, coin in costs]


@pytest.mark.parametrize(
    "shape",
    [
        "no json",
        "[1]",
        "5",
        5,
        True,
        [None],
        {},
        {"totalFee": "1"},
        detail("NaN"),
        detail(-0.5),
        detail(None),
        detail("-1", coin=""),
        {"feeCoin": "USDT", "fee": "0.0064"},
        '{"totalFee":NaN,"feeCoin":"USDT"}',
    ],
)
def test_what_is_no_fee_is_a_bad_answer(shape):
    """A fee that cannot be read must not become a trade without a fee."""
    with pytest.raises(BadAnswer):
        parse_fees(shape)


# --- orders, account, markets ---------------------------------------------------------------------------------------


def order_row(order_id: int, **changes: Any) -> Row:
    return {
        "symbol": "BTCUSDT",
        "orderId": str(order_id),
        "size": "0.2",
        "orderType": "limit",
        "side": "sell",
        "status": "live",
        "priceAvg": "25000.00",
        "baseVolume": "0.05",
        "cTime": str(1_777_000_000_000 + order_id),
    } | changes


async def test_open_orders_are_walked_to_the_last():
    """250 of them are four questions; one of a symbol that is not listed keeps the exchange's spelling."""
    host = FakeBitget([order_row(n) for n in range(1, 250)] + [order_row(250, symbol="OLDCOIN")])
    orders = await adapter(host).fetch_open_orders({"BTCUSDT": BTC})
    assert sorted(int(order.order_id) for order in orders) == [*range(1, 251)]
    assert len(host.asked) == 4  # the last one finds that there are no more
    assert {order.symbol for order in orders} == {"BTC/USDT", "OLDCOIN"}
    one = next(order for order in orders if order.order_id == "7")
    assert (one.side, one.quantity, one.filled, one.price) == ("sell", Decimal("0.2"), Decimal("0.05"), Decimal(25000))


async def test_traded_symbols_are_those_of_every_past_order():
    """Over several pages, since a time, and no further back than the exchange keeps."""
    rows = [order_row(n, symbol=f"C{n // 60}USDT") for n in range(1, 240)]
    host = FakeBitget(rows)
    assert await adapter(host).fetch_traded_symbols(ago(days=3000)) == {"C0USDT", "C1USDT", "C2USDT", "C3USDT"}
    assert len(host.asked) == 4  # the last one finds that there are no more
    half = from_ms(1_777_000_000_000 + 120)
    assert await adapter(FakeBitget(rows)).fetch_traded_symbols(half) == {"C2USDT", "C3USDT"}
    assert Bitget.capabilities.orders_name_symbols


async def test_the_kind_of_order_is_in_the_fill_already():
    """Nothing is asked for it."""
    client = FakeClient()
    assert await adapter(client).fetch_order_types(BTC, ["1"]) == {}
    assert client.asked == []
    assert Bitget.capabilities.fills_name_order_type


def account(*rows: Row, uid: object = "3704614084") -> FakeClient:
    return FakeClient(
        {
            "private_spot_get_v2_spot_account_info": {"code": "00000", "data": {"userId": uid}},
            "private_spot_get_v2_spot_account_assets": {"code": "00000", "data": list(rows)},
        }
    )


def asset(coin: str, available: str, frozen: str = "0", locked: str = "0") -> Row:
    return {"coin": coin, "available": available, "frozen": frozen, "locked": locked}


async def test_the_account_and_whose_it_is():
    """Frozen and locked are both locked; coins without a balance are left out; the uid is asked only when wanted."""
    client = account(asset("USDT", "17.85", "5.5", "0.25"), asset("BTC", "0.00000000"), asset("BGB", "0", "0", "1"))
    view = await adapter(client).fetch_account(with_uid=True)
    assert view.uid == "3704614084"
    assert view.balances == (
        Balance("USDT", Decimal("17.85"), Decimal("5.75")),
        Balance("BGB", Decimal(0), Decimal(1)),
    )
    client.asked.clear()
    assert (await adapter(client).fetch_account(with_uid=False)).uid is None
    assert [endpoint for endpoint, _ in client.asked] == ["private_spot_get_v2_spot_account_assets"]


async def test_a_balance_is_exact_to_the_last_digit():
    """Coins with eighteen decimals and large supplies exist."""
    client = account(asset("PEPE", "0", "12345678901234567890.123456789012345678", "0"))
    (balance,) = (await adapter(client).fetch_account(with_uid=False)).balances
    assert balance.locked == Decimal("12345678901234567890.123456789012345678")


@pytest.mark.parametrize("uid", [None, "", 1.5, True, []])
async def test_an_account_without_an_owner_is_a_bad_answer(uid):
    """Bound to nobody, its fills could be booked twice."""
    with pytest.raises(BadAnswer):
        await adapter(account(uid=uid)).fetch_account(with_uid=True)


async def test_an_asset_without_its_locked_part_is_a_bad_answer():
    """Margin wallets look alike and lack it."""
    with pytest.raises(BadAnswer, match="locked"):
        await adapter(account({"coin": "USDT", "available": "1", "frozen": "0"})).fetch_account(with_uid=False)


async def test_markets_of_any_state_are_listed():
    """One that trades no more may still have history. An exchange that lists nothing has not answered."""
    rows = [
        {"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "online"},
        {"symbol": "OLDBTC", "baseCoin": "OLD", "quoteCoin": "BTC", "status": "offline"},
    ]
    endpoint = "public_spot_get_v2_spot_public_symbols"
    client = FakeClient({endpoint: {"code": "00000", "data": rows}})
    assert await adapter(client).fetch_markets() == (BTC, Market("OLD/BTC", "OLD", "BTC", "OLDBTC"))
    for data in ([{"symbol": "X"}], []):
        client.answers[endpoint] = {"code": "00000", "data": data}
        with pytest.raises(BadAnswer):
            await adapter(client).fetch_markets()


def test_there_is_always_a_budget():
    """Calls a second are kept by the throttle."""
    assert adapter(FakeClient()).has_budget()


# --- refusals -------------------------------------------------------------------------------------------------------

CODES = [
    ("40006", AuthError, 4, "malformed"),
    ("40009", AuthError, 4, "secret"),
    ("40011", AuthError, 4, "passphrase"),
    ("40012", AuthError, 4, "passphrase"),
    ("40014", AuthError, 4, "may not read"),
    ("40018", AuthError, 4, "address"),
    ("40037", AuthError, 4, "does not exist"),
    ("40085", AuthError, 4, "unified account"),
    ("40005", ClockSkew, 1, "clock"),
    ("40008", ClockSkew, 1, "clock"),
    ("40010", NetworkError, 1, "not available"),
    ("40015", NetworkError, 1, "not available"),
    ("00001", BadAnswer, 1, "00001"),
    ("99999", BadAnswer, 1, "99999"),
    ("40034", BadAnswer, 1, "said by Bitget"),
]


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize(("code", "kind", "exit_code", "text"), CODES)
async def test_a_refusal_says_who_must_act(open_client, serve, status, code, kind, exit_code, text):
    """By Bitget's code, also under HTTP 200: 40010 (timed out) is no matter of the key, whatever ccxt makes of it."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"code": code, "msg": "said by Bitget", "requestTime": 1, "data": None}, status=status)

    one = Bitget(open_client("bitget", await serve(handler)), BITGET_KEY, wall_clock)
    with pytest.raises(TrademonError) as caught:
        await one.fetch_account(with_uid=False)
    assert type(caught.value) is kind
    assert caught.value.exit_code == exit_code
    assert text in caught.value.message
    assert (caught.value.hint is not None) is (kind is AuthError)


@pytest.mark.parametrize("body", ['{"code":"429","msg":"Too Many Requests","data":null}', "", "<html></html>"])
async def test_too_many_requests_is_a_wait_with_and_without_a_body(open_client, serve, body):
    """Bitget sends both, without Retry-After: a minute."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=429, text=body, content_type="application/json")

    one = Bitget(open_client("bitget", await serve(handler)), BITGET_KEY, wall_clock)
    with pytest.raises(HostAskedToWait) as caught:
        await one.fetch_account(with_uid=False)
    assert timedelta(seconds=55) < caught.value.until - wall_clock() <= timedelta(seconds=60)


async def test_one_failure_does_not_change_what_is_asked_later(open_client, demo):
    """ccxt's probe for unified accounts decides for good on any error: it is never made."""
    from trademon.demo import faults

    one = Bitget(open_client("bitget", demo.base_url), BITGET_KEY, wall_clock)
    demo.faults.append(faults.status(503, times=3))  # put again twice within one call
    with pytest.raises(NetworkError):
        await one.fetch_account(with_uid=True)
    assert len(demo.requests) == 3
    assert (await one.fetch_account(with_uid=True)).uid == "22"
    assert all(r.path.startswith("/api/v2/") for r in demo.requests)


def test_what_is_no_refusal_explains_nothing():
    """A good answer, and one without a code."""
    for data in ({"code": "00000", "data": []}, {}, [], None, "x"):
        assert explain(Answer(200, {}, data, True)) is None


def test_an_unknown_code_of_a_server_in_trouble_is_a_matter_of_waiting():
    """5xx: nobody can say what the code means."""
    assert isinstance(explain(Answer(502, {}, {"code": "77777"}, True)), NetworkError)


def test_a_long_message_of_the_exchange_is_cut():
    """It may hold anything."""
    error = explain(Answer(400, {}, {"code": "4" * 1000, "msg": "x" * 10_000}, True))
    assert error is not None
    assert len(error.message) < 200
