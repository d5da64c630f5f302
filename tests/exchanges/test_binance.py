"""Binance: fills walked by id so that none is missed, what each page proves, the request budget, the error codes."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.helpers import (
    BINANCE_KEY,
    BTC,
    DAY,
    NOW,
    FakeBinance,
    FakeClient,
    Row,
    ago,
    binance_row,
    collect,
    collect_until,
    fills_of,
    ids_of,
    until_now,
    wall_clock,
)
from trademon.core.coverage import Span, missing, union
from trademon.core.model import Balance, Market
from trademon.core.times import MILLISECOND, from_ms
from trademon.demo.model import WorldOrder
from trademon.errors import AuthError, BadAnswer, ClockSkew, HostAskedToWait, TrademonError
from trademon.exchanges.base import FillPage
from trademon.exchanges.binance import MOST_WINDOWS, PAGE, Binance, explain, parse_fill
from trademon.exchanges.transport import Answer


def adapter(client: FakeClient) -> Binance:
    return Binance(client, BINANCE_KEY, lambda: NOW)  # type: ignore[arg-type]


# What an empty window leaves unproved at its end. It should be nothing, see
# test_empty_windows_leave_no_gap_between_them: when that passes, this becomes timedelta(0).
WINDOW_GAP = timedelta(0)


async def walk(host: FakeBinance, span: Span, *, anchor: int | None = None, most: int | None = None) -> list[FillPage]:
    known = None if anchor is None else str(anchor)
    return await collect(adapter(host).fetch_fills(BTC, span, anchor=known), most=most)


def expected(host: FakeBinance, span: Span) -> list[int]:
    """What lies in the span, by the exchange's own book."""
    return [row["id"] for row in host.rows if span.start <= from_ms(row["time"]) < span.end]


def in_span(pages: list[FillPage], span: Span) -> list[int]:
    """What was handed on of the span itself; rows from before and after it may come along."""
    return sorted(int(f.trade_id) for f in fills_of(pages) if span.start <= f.executed_at < span.end)


def check_whole(pages: list[FillPage], host: FakeBinance, span: Span) -> None:
    """Every fill of the span exactly once, and the span proved without a gap."""
    assert in_span(pages, span) == expected(host, span)
    assert all(gap.end - gap.start <= WINDOW_GAP for gap in missing([page.covered for page in pages], span))
    assert len(ids_of(pages)) == len(set(ids_of(pages)))


def check_honest(pages: list[FillPage], host: FakeBinance) -> None:
    """No page, nor all of them so far, claims time in which there is a fill that was not handed on."""
    got = set(ids_of(pages))
    for span in union(page.covered for page in pages):
        assert set(expected(host, span)) <= got


def steady(count: int, *, every: timedelta, end: datetime = NOW, first_id: int = 100) -> list[Row]:
    """`count` fills at equal distances, the last one `every` before `end`."""
    return [binance_row(first_id + n, end - every * (count - n)) for n in range(count)]


# --- walking --------------------------------------------------------------------------------------------------------


async def test_a_short_history_is_one_question():
    """The newest page is all there is: one request, and the whole span is proved."""
    host = FakeBinance(steady(50, every=timedelta(hours=5)))
    span = until_now(ago(days=30))
    pages = await walk(host, span)
    check_whole(pages, host, span)
    assert len(host.asked) == 1
    assert [page.covered for page in pages] == [span]


async def test_a_span_without_a_fill_is_proved_by_one_question():
    """Never traded, traded long before, traded only afterwards: the span is proved empty, and no more than it."""
    span = Span(ago(days=5), ago(days=4))
    before, after = (steady(20, every=timedelta(hours=1), end=end) for end in (ago(days=20), NOW))
    for rows in ([], before, after):
        host = FakeBinance(rows)
        pages = await walk(host, span)
        assert (in_span(pages, span), [page.covered for page in pages], len(host.asked)) == ([], [span], 1)


@pytest.mark.parametrize("anchor", [None, 100], ids=["newest page", "from an anchor"])
async def test_rows_outside_the_span_are_handed_on_and_not_proved(anchor):
    """They are true, so the caller may keep them; what is claimed is the span and nothing around it."""
    host = FakeBinance(steady(30, every=timedelta(hours=1)))
    span = Span(ago(hours=20), ago(hours=10))
    pages = await walk(host, span, anchor=anchor)
    check_whole(pages, host, span)
    assert ids_of(pages) == [row["id"] for row in host.rows]
    assert union(page.covered for page in pages) == (span,)


@pytest.mark.parametrize("count", [20, 1500], ids=["a short page", "over two pages"])
async def test_a_row_that_comes_late_from_before_the_span_is_handed_on(count):
    """Its id is above the anchor's and its time within a stretch that passed for proved: left out, it is lost."""
    early, *rows = steady(count, every=timedelta(minutes=1))
    late = binance_row(101, ago(days=3))
    host = FakeBinance([early | {"time": late["time"] - 1}, late, *rows[1:]])
    span = until_now(ago(days=2))
    pages = await walk(host, span, anchor=early["id"])
    check_whole(pages, host, span)
    assert late["id"] in ids_of(pages)
    assert union(page.covered for page in pages) == (span,)


async def test_fills_of_one_millisecond_over_a_page_border():
    """Seven to a millisecond, pages of 1,000: none is lost at the border and none comes twice."""
    rows = [binance_row(1 + n, ago(hours=10) + (n // 7) * MILLISECOND) for n in range(2500)]
    host = FakeBinance(rows)
    span = until_now(ago(hours=20))
    check_whole(await walk(host, span), host, span)
    assert len(host.asked) <= 6  # the newest page, one window, three pages, and one that is empty


async def test_fifteen_hundred_fills_in_one_millisecond():
    """A window of that millisecond would show a thousand of them for ever; ids pass it."""
    rows = [binance_row(1 + n, ago(hours=3)) for n in range(1500)]
    host = FakeBinance(rows)
    span = until_now(ago(hours=20))
    pages = await walk(host, span)
    check_whole(pages, host, span)
    check_honest(pages[:1], host)
    assert len(host.asked) <= 5


async def test_a_history_longer_than_a_page_is_walked_to_its_end():
    """5,432 fills over ten days, without an anchor: nine requests."""
    host = FakeBinance(steady(5432, every=timedelta(minutes=2)))
    span = until_now(ago(days=8))
    check_whole(await walk(host, span), host, span)
    assert len(host.asked) <= 9


async def test_a_known_fill_saves_the_search():
    """From an anchor the walk begins at once: one request per thousand fills, and one that finds the end."""
    host = FakeBinance(steady(2500, every=timedelta(minutes=2)))
    span = until_now(ago(days=1))
    before = max(row["id"] for row in host.rows if from_ms(row["time"]) < span.start)
    check_whole(await walk(host, span, anchor=before), host, span)
    assert [asked["fromId"] for _, asked in host.asked] == [before, 2600]


async def test_an_anchor_that_is_gone_is_not_trusted():
    """The exchange counts anew: ids begin again at 1, far below the one known. Nothing may be concluded from it."""
    rows = [binance_row(1 + n, ago(hours=10) + n * MILLISECOND) for n in range(1200)]
    host = FakeBinance(rows)
    span = until_now(ago(days=2))
    check_whole(await walk(host, span, anchor=9_999_999), host, span)
    host = FakeBinance([row | {"id": row["id"] + 500} for row in rows])
    check_whole(await walk(host, span, anchor=7), host, span)


async def test_an_anchor_whose_id_was_given_out_anew_is_not_trusted():
    """Ids began again and went past the one known: it now names a fill within the span, and older ones lie below."""
    host = FakeBinance([binance_row(1 + n, ago(hours=10) + n * MILLISECOND) for n in range(50)])
    span = until_now(ago(days=2))
    check_whole(await walk(host, span, anchor=30), host, span)


async def test_an_anchor_counts_only_when_it_was_executed_before_the_span():
    """A row of the span's first millisecond may have others beside it below its id; one a moment earlier has none."""
    span = until_now(ago(hours=10))
    tied = [binance_row(1 + n, span.start) for n in range(5)]
    host = FakeBinance(tied)
    check_whole(await walk(host, span, anchor=4), host, span)
    assert "fromId" not in host.asked[-1][1]
    host = FakeBinance([binance_row(0, span.start - MILLISECOND), *tied])
    check_whole(await walk(host, span, anchor=0), host, span)
    assert [asked.get("fromId") for _, asked in host.asked] == [0]


@pytest.mark.parametrize("anchor", ["", "abc", "-5", "1.5", " 7"])
async def test_an_anchor_that_is_no_number_is_left_aside(anchor):
    """Imported fills have ids of their own making."""
    host = FakeBinance(steady(5, every=timedelta(hours=1)))
    span = until_now(ago(days=1))
    pages = await collect(adapter(host).fetch_fills(BTC, span, anchor=anchor))
    check_whole(pages, host, span)


@pytest.mark.parametrize("cap", [100, 500, 999])
async def test_a_server_that_cuts_pages_shorter_is_walked_on(cap):
    """1,000 are asked for; one that gives 500, its default, or 100 loses nothing."""
    host = FakeBinance(steady(1234, every=timedelta(minutes=5)), cap=cap)
    span = until_now(ago(days=4))
    pages = await walk(host, span)
    check_whole(pages, host, span)
    assert len(host.asked) <= 3 + 1234 // cap + 2
    host = FakeBinance(host.rows, cap=cap)
    check_whole(await walk(host, span, anchor=host.rows[0]["id"]), host, span)


async def test_more_than_sixty_days_back_ids_are_walked_from_the_first():
    """Windows would cost a request a day; the ids cost one per thousand fills."""
    rows = [binance_row(1 + n, ago(days=400) + n * timedelta(hours=4)) for n in range(2300)]
    host = FakeBinance(rows)
    span = until_now(ago(days=MOST_WINDOWS + 300))
    check_whole(await walk(host, span), host, span)
    assert len(host.asked) <= 5


def quiet_days() -> list[Row]:
    """A burst of 150 fills now, and one fill six and a half days ago."""
    return [binance_row(50, ago(days=6, hours=12)), *steady(150, every=timedelta(minutes=1))]


async def test_quiet_days_within_the_span_are_walked_through():
    """A walk that stops at an empty window loses everything behind it."""
    host = FakeBinance(quiet_days())
    span = until_now(ago(days=9))
    pages = await walk(host, span)
    assert in_span(pages, span) == expected(host, span)
    check_honest(pages, host)
    assert len(host.asked) <= 1 + 3 + 2


async def test_empty_windows_leave_no_gap_between_them():
    """Windows include their last millisecond, and so does what they prove."""
    host = FakeBinance(quiet_days())
    span = until_now(ago(days=9))
    pages = await walk(host, span)
    assert missing([page.covered for page in pages], span) == ()


async def test_windows_begin_at_a_span_with_microseconds():
    """Our clock has microseconds, the exchange's rows have milliseconds: nothing falls between."""
    start = ago(days=3) + timedelta(microseconds=700)
    rows = [binance_row(9, ago(days=2)), *steady(150, every=timedelta(minutes=1))]
    host = FakeBinance(rows)
    pages = await walk(host, until_now(start))
    assert in_span(pages, until_now(start)) == [row["id"] for row in rows]
    check_honest(pages, host)


async def test_a_fill_that_arrives_while_walking_is_not_lost():
    """It lies behind the last page's proof, or within the page: either way it is claimed only when handed on."""

    def trade(n: int) -> None:
        host.at = NOW + n * timedelta(seconds=1)
        host.rows.append(binance_row(90_000 + n, host.at))

    host = FakeBinance(steady(2500, every=timedelta(minutes=1)), on_ask=trade)
    pages = await walk(host, until_now(ago(days=3)))
    check_whole(pages, host, until_now(ago(days=3)))
    check_honest(pages, host)
    later = Span(ago(days=3), NOW + DAY)
    host.rows.sort(key=lambda row: row["id"])
    pages = await walk(host, later)
    check_honest(pages, host)
    assert union(page.covered for page in pages)[0].end <= host.at


async def test_a_span_that_ends_in_the_past_ends_the_walk():
    """A gap last month does not read everything since."""
    host = FakeBinance(steady(9000, every=timedelta(minutes=10)))
    span = Span(ago(days=50), ago(days=48))
    before = max(row["id"] for row in host.rows if from_ms(row["time"]) < span.start)
    pages = await walk(host, span, anchor=before)
    check_whole(pages, host, span)
    assert len(host.asked) == 1
    assert union(page.covered for page in pages) == (span,)


async def test_a_quiet_span_in_the_past_is_not_left():
    """Three quiet days, 150 fills thirty days later: windows past the span's end are requests for nothing."""
    host = FakeBinance(steady(150, every=timedelta(minutes=1)))
    span = Span(ago(days=40), ago(days=37))
    pages = await walk(host, span)
    assert len(host.asked) <= 1 + 3
    assert max(page.covered.end for page in pages) <= span.end


async def test_fills_that_vanish_are_a_bad_answer():
    """Seen on the newest page and then in no window: no conclusion can be drawn."""

    def forget(n: int) -> None:
        if n == 2:
            host.rows.clear()

    host = FakeBinance(steady(150, every=timedelta(minutes=1)), on_ask=forget)
    with pytest.raises(BadAnswer, match="gone"):
        await walk(host, until_now(ago(days=3)))


async def test_a_page_that_goes_backwards_is_a_bad_answer():
    """A server that ignores `fromId` would be asked for ever."""

    class Stubborn(FakeBinance):
        def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
            return super().answer(endpoint, {k: v for k, v in params.items() if k != "fromId"} | {"fromId": 100})

    host = Stubborn(steady(2500, every=timedelta(minutes=1)))
    with pytest.raises(BadAnswer, match="does not follow"):
        await asyncio.wait_for(walk(host, until_now(ago(days=1)), anchor=100), 5)


class Deaf(FakeBinance):
    """A server that does not know `fromId` and answers the newest page in its place."""

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        return super().answer(endpoint, {name: value for name, value in params.items() if name != "fromId"})


@pytest.mark.parametrize(
    ("days", "anchor"),
    [
        pytest.param(30, None, id="no anchor"),
        pytest.param(19, 5, id="an anchor below the newest page"),
        pytest.param(4, 1500, id="an anchor within the newest page"),
        pytest.param(
            120,
            None,
            id="walked from the first id",
        ),
    ],
)
async def test_of_a_server_that_ignores_ids_nothing_is_claimed(days, anchor):
    """Its page is not the one asked for: no fill and no time with a fill in it comes of it, but an error."""
    every = timedelta(hours=1) if days > MOST_WINDOWS else timedelta(minutes=10)
    host = Deaf(steady(2300, every=every, first_id=1))
    pages = await collect_until(
        BadAnswer, adapter(host).fetch_fills(BTC, until_now(ago(days=days)), anchor=anchor and str(anchor))
    )
    assert fills_of(pages) == []
    check_honest(pages, host)


async def test_a_page_below_the_id_asked_for_yields_nothing():
    """One row too low spoils the page, though the anchor is in it and the rest follows."""
    rows = steady(150, every=timedelta(minutes=1))

    class OneTooLow(FakeBinance):
        def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
            return super().answer(endpoint, params | {"fromId": params["fromId"] - 1})

    host = OneTooLow(rows)
    walking = adapter(host).fetch_fills(BTC, until_now(ago(minutes=100)), anchor="110")
    assert await collect_until(BadAnswer, walking, match="does not follow id 110") == []


async def test_a_fill_found_by_a_window_must_be_where_the_walk_begins():
    """It was there a moment ago: a walk without it has not begun where it was told to."""

    def forget(n: int) -> None:
        if n == 3:  # the newest page, the window, then the walk
            del host.rows[0]

    host = FakeBinance(steady(150, every=timedelta(minutes=1)), on_ask=forget)
    pages = await collect_until(
        BadAnswer, adapter(host).fetch_fills(BTC, until_now(ago(hours=20)), anchor=None), match="100 seen"
    )
    assert pages == []


async def test_a_bad_row_spoils_its_page_and_keeps_those_before():
    """What was proved before stays proved; of the spoilt page nothing is handed on."""
    rows = steady(1500, every=timedelta(minutes=1))
    rows[1200] = rows[1200] | {"qty": "NaN"}
    host = FakeBinance(rows)
    walking = adapter(host).fetch_fills(BTC, until_now(ago(hours=23)), anchor="100")
    pages = await collect_until(BadAnswer, walking, match="qty")
    assert ids_of(pages) == [*range(100, 100 + PAGE)]
    check_honest(pages, host)


@pytest.mark.parametrize("body", [None, {}, "", {"code": 0}, [None], [[]]])
async def test_what_is_no_page_is_a_bad_answer(body):
    """HTTP 200 and null or {} never mean "no trades"."""
    client = FakeClient({"private_get_mytrades": body})
    with pytest.raises(BadAnswer):
        await collect(adapter(client).fetch_fills(BTC, until_now(ago(days=1)), anchor=None))


# --- what a page proves, in general ---------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Bursts, ties and quiet days, up to a few pages long; ids with holes, in the order of time."""
    at = NOW - timedelta(days=draw(st.integers(1, 70)))
    rows: list[Row] = []
    trade_id = draw(st.integers(0, 50))
    for _ in range(draw(st.integers(0, 7))):
        at += draw(st.sampled_from([timedelta(0), MILLISECOND, timedelta(minutes=7), timedelta(hours=30), 5 * DAY]))
        step = draw(st.sampled_from([timedelta(0), MILLISECOND, timedelta(seconds=40)]))
        for _ in range(draw(st.sampled_from([1, 3, 99, 100, 101, 350]))):
            if at >= NOW:
                return rows
            rows.append(binance_row(trade_id, at))
            trade_id += draw(st.sampled_from([1, 1, 4])) if len(rows) % 50 == 0 else 1
            at += step
    return rows


@settings(max_examples=250, deadline=None)
@given(
    rows=histories(),
    start=st.integers(0, 75 * 24 * 60),
    length=st.integers(1, 75 * 24 * 60),
    cap=st.sampled_from([100, 150, 500, 1000]),
    stop=st.integers(1, 6),
    anchored=st.booleans(),
)
def test_no_page_claims_time_before_it_was_proved(rows, start, length, cap, stop, anchored):
    """Stop after any page: every fill within the time claimed so far was handed on. Walk on: all of them, once."""

    async def run() -> None:
        began = NOW - timedelta(minutes=start)
        span = Span(began, min(NOW, began + timedelta(minutes=length)))
        older = [row["id"] for row in rows if from_ms(row["time"]) < span.start]
        anchor = older[-1] if anchored and older else None
        host = FakeBinance(rows, cap=cap)
        check_honest(await walk(host, span, anchor=anchor, most=stop), host)
        host = FakeBinance(rows, cap=cap)
        pages = await walk(host, span, anchor=anchor)
        check_honest(pages, host)
        assert in_span(pages, span) == expected(host, span)
        # An anchor that is gone, the newest page, a window a day (the last may be of one millisecond), pages, an end.
        assert len(host.asked) <= 1 + 1 + (MOST_WINDOWS + 1) + len(rows) // cap + 1
        assert all(gap.end - gap.start <= WINDOW_GAP for gap in missing([page.covered for page in pages], span))

    asyncio.run(run())


# --- against the demo exchange, over HTTP ---------------------------------------------------------------------------


async def test_a_scripted_history_comes_over_the_wire_exactly_once(open_client, demo, world):
    """1,700 fills of a busy second and a quiet week, the exchange as strict as the real one: seven requests."""
    now = wall_clock().replace(microsecond=0)
    for n in range(1700):
        at = now - timedelta(days=5) + (n // 9) * MILLISECOND
        world.buy("BTC/USDT", "0.001", "60000", at, trade_id=str(1000 + n))
    world.sell("BTC/USDT", "0.5", "61000", now - timedelta(hours=1), trade_id="2700", fee="0.01", fee_currency="BNB")
    one = Binance(open_client("binance", demo.base_url), BINANCE_KEY, wall_clock)
    await one.sync_clock()
    before = one.requests
    span = Span(now - timedelta(days=7), now)
    pages = await collect(one.fetch_fills(BTC, span, anchor=None))
    assert ids_of(pages) == [*range(1000, 2701)]
    assert one.requests - before <= 7
    assert {r.status for r in demo.requests} == {200}
    sale = next(fill for fill in fills_of(pages) if fill.trade_id == "2700")
    assert (sale.side, sale.quantity, sale.fees[0].amount) == ("sell", Decimal("0.5"), Decimal("0.01"))
    one_page = await collect(one.fetch_fills(BTC, Span(now - timedelta(hours=2), now), anchor="2600"))
    assert ids_of(one_page) == [*range(2600, 2701)]
    assert in_span(one_page, Span(now - timedelta(hours=2), now)) == [2700]


# --- orders, account, markets ---------------------------------------------------------------------------------------


def order_row(order_id: int, **changes: Any) -> Row:
    return {
        "symbol": "BTCUSDT",
        "orderId": order_id,
        "price": "50000.00",
        "origQty": "0.2",
        "executedQty": "0.05",
        "type": "LIMIT_MAKER",
        "side": "SELL",
        "time": 1_700_000_000_000,
    } | changes


async def test_kinds_of_orders_are_asked_in_one_request():
    """From the lowest wanted id upwards; those beyond the page stay unknown, those not wanted are left out."""
    client = FakeClient({"private_get_allorders": [order_row(5), order_row(6, type="MARKET"), order_row(7)]})
    assert await adapter(client).fetch_order_types(BTC, ["9", "5", "6"]) == {"5": "limit_maker", "6": "market"}
    assert [asked["orderId"] for _, asked in client.asked] == [5]


@pytest.mark.parametrize("wanted", [["abc"], [], ["5", ""]], ids=["text", "none", "empty"])
async def test_kinds_of_orders_without_a_number_are_unknown(wanted):
    """Imported fills have none: nothing is known of them and nothing breaks."""
    client = FakeClient({"private_get_allorders": [order_row(5)]})
    assert (await adapter(client).fetch_order_types(BTC, wanted)).keys() <= {"5"}


async def test_open_orders_of_all_symbols_are_one_question():
    """One of a symbol that is not listed keeps the exchange's spelling."""
    client = FakeClient({"private_get_openorders": [order_row(1), order_row(2, symbol="OLDCOIN")]})
    first, second = await adapter(client).fetch_open_orders({"BTCUSDT": BTC})
    assert (first.symbol, first.side, first.order_type) == ("BTC/USDT", "sell", "limit_maker")
    assert (first.quantity, first.filled, first.price) == (Decimal("0.2"), Decimal("0.05"), Decimal(50000))
    assert second.symbol == "OLDCOIN"


async def test_the_account_and_whose_it_is():
    """The uid comes with the balances; coins without a balance are left out; locked ones count."""
    balances = [
        {"asset": "BTC", "free": "1.5", "locked": "0.25"},
        {"asset": "ETH", "free": "0.00000000", "locked": "0.00000000"},
        {"asset": "BNB", "free": "0", "locked": "1"},
    ]
    client = FakeClient({"private_get_account": {"balances": balances, "uid": 354937868}})
    view = await adapter(client).fetch_account(with_uid=False)
    assert view.uid == "354937868"
    assert view.balances == (Balance("BTC", Decimal("1.5"), Decimal("0.25")), Balance("BNB", Decimal(0), Decimal(1)))
    client.answers["private_get_account"] = {"balances": []}
    assert (await adapter(client).fetch_account(with_uid=True)).uid is None


@pytest.mark.parametrize(
    "body",
    [{}, {"balances": None}, {"balances": {}}, {"balances": [{"asset": "BTC"}]}, {"balances": [], "uid": None}],
)
async def test_an_account_without_balances_is_a_bad_answer(body):
    """Shown as empty it would look as if everything had been withdrawn."""
    with pytest.raises(BadAnswer):
        await adapter(FakeClient({"private_get_account": body})).fetch_account(with_uid=True)


async def test_markets_of_any_state_are_listed():
    """One that trades no more may still have history. An exchange that lists nothing has not answered."""
    rows = [
        {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING"},
        {"symbol": "OLDBTC", "baseAsset": "OLD", "quoteAsset": "BTC", "status": "BREAK"},
    ]
    client = FakeClient({"public_get_exchangeinfo": {"symbols": rows}})
    assert await adapter(client).fetch_markets() == (BTC, Market("OLD/BTC", "OLD", "BTC", "OLDBTC"))
    for body in ({}, {"symbols": None}, {"symbols": []}, {"symbols": [{"symbol": "X"}]}, []):
        client.answers["public_get_exchangeinfo"] = body
        with pytest.raises(BadAnswer):
            await adapter(client).fetch_markets()


async def test_there_is_no_order_history_without_a_symbol():
    """The capability says so, and nothing is asked."""
    client = FakeClient()
    assert await adapter(client).fetch_traded_symbols(ago(days=1)) == frozenset()
    assert client.asked == []
    assert not Binance.capabilities.orders_name_symbols


async def test_the_kind_of_order_is_that_of_the_order(open_client, demo, world):
    """Over the wire: a limit order that waits, with one execution so far."""
    now = wall_clock().replace(microsecond=0)
    fill = world.buy("BTC/USDT", "0.1", "100", now - timedelta(hours=1), trade_id="7", order_id="70")
    order = WorldOrder(
        "70", "c", "BTC/USDT", "buy", "LIMIT", Decimal(100), Decimal(1), now - DAY, now, "PARTIALLY_FILLED", (fill,)
    )
    world._orders.append(order)
    one = Binance(open_client("binance", demo.base_url), BINANCE_KEY, wall_clock)
    assert await one.fetch_order_types(BTC, ["70", "71"]) == {"70": "limit"}
    (waiting,) = await one.fetch_open_orders({"BTCUSDT": BTC})
    assert (waiting.order_id, waiting.filled, waiting.quantity) == ("70", Decimal("0.1"), Decimal(1))


# --- the request budget ---------------------------------------------------------------------------------------------


def spent(weight: object, at: datetime = NOW) -> FakeClient:
    """A client whose last answer, at `at`, said what this minute has cost."""
    client = FakeClient({"private_get_openorders": []}, now=NOW)
    client.headers, client.answered_at = {"X-MBX-USED-WEIGHT-1M": str(weight)}, at
    return client


@pytest.mark.parametrize(("weight", "left"), [(0, True), (4500, True), (4501, False), (6000, False), (99999, False)])
def test_questions_that_can_wait_are_left_when_three_quarters_are_used(weight, left):
    """The weight is counted per address, so what other programs used counts as well."""
    assert adapter(spent(weight)).has_budget() is left


@pytest.mark.parametrize("header", ["", "abc", "-1", "٣", "4501.5", "NaN"])
def test_a_weight_that_is_no_number_stops_nobody(header):
    """The exchange still says 429 when it is too much."""
    assert adapter(spent(header)).has_budget()
    assert adapter(FakeClient()).has_budget()


def test_an_absurd_weight_breaks_nothing():
    """A header of 5,000 digits."""
    adapter(spent("9" * 5000)).has_budget()


@pytest.mark.parametrize(("earlier", "left"), [(59.999, True), (0.0, False), (3600.0, True)])
async def test_a_new_minute_is_a_new_budget(earlier, left):
    """What the minute before has cost holds nobody up in this one."""
    client = spent(5900, NOW - timedelta(seconds=earlier))
    one = adapter(client)
    assert one.has_budget() is left
    if left:
        assert await one.fetch_open_orders({}) == ()


async def test_a_used_up_budget_is_a_wait_without_a_request():
    """From 5,800 on the exchange is not asked: the dearest question costs 80, and a ban follows a 429 ignored."""
    client = spent(5800)
    client.at = NOW
    with pytest.raises(HostAskedToWait) as caught:
        await adapter(client).fetch_open_orders({})
    assert caught.value.until == NOW + timedelta(minutes=1)
    assert (client.asked, adapter(client).requests) == ([], 0)
    assert await adapter(spent(5799)).fetch_open_orders({}) == ()


async def test_the_budget_is_read_from_the_exchange(open_client, demo):
    """Over the wire: two accounts behind one address share it, and the exchange's limit is never reached."""
    one, two = (Binance(c, BINANCE_KEY, wall_clock) for c in [open_client("binance", demo.base_url)] * 2)
    # Both on one client, as in a run.
    assert one.has_budget()
    await one.fetch_open_orders({})
    demo.binance.used_weight = 5000
    await two.fetch_open_orders({})
    same_minute = demo.binance.used_weight > 5000
    assert one.has_budget() is two.has_budget() is not same_minute


# --- refusals -------------------------------------------------------------------------------------------------------

CODES = [
    (401, -2014, AuthError, 4, "malformed"),
    (401, -2015, AuthError, 4, "API key is refused"),
    (400, -1022, AuthError, 4, "secret is refused"),
    (400, -1021, ClockSkew, 1, "clock"),
    (400, -1121, BadAnswer, 1, "Invalid symbol"),
    (400, -1127, BadAnswer, 1, "-1127"),
    (400, -9999, BadAnswer, 1, "-9999"),
    (404, -1100, BadAnswer, 1, "-1100"),
]


@pytest.mark.parametrize(("status", "code", "kind", "exit_code", "text"), CODES)
async def test_a_refusal_says_who_must_act(open_client, serve, status, code, kind, exit_code, text):
    """By Binance's error code: the person for a key, the next cycle for the rest; an unknown one is a bad answer."""
    from aiohttp import web

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"code": code, "msg": "Invalid symbol."}, status=status)

    one = Binance(open_client("binance", await serve(handler)), BINANCE_KEY, wall_clock)
    with pytest.raises(TrademonError) as caught:
        await one.fetch_account(with_uid=False)
    assert type(caught.value) is kind
    assert caught.value.exit_code == exit_code
    assert text in caught.value.message
    assert (caught.value.hint is not None) is (kind is AuthError)
    if kind is AuthError:
        assert "trademon broker set" in str(caught.value.hint)


@pytest.mark.parametrize("status", [429, 418])
async def test_too_many_requests_is_a_wait_and_no_refusal(open_client, serve, status):
    """-1003 in the body does not hide the wait that the status asks for."""
    from aiohttp import web

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"code": -1003, "msg": "Too much"}, status=status, headers={"Retry-After": "7"})

    one = Binance(open_client("binance", await serve(handler)), BINANCE_KEY, wall_clock)
    with pytest.raises(HostAskedToWait) as caught:
        await one.fetch_account(with_uid=False)
    assert timedelta(seconds=5) < caught.value.until - wall_clock() <= timedelta(seconds=7)


async def test_a_revoked_key_stays_an_auth_error_after_good_calls(open_client, demo):
    """ccxt takes -2015 for a rate limit once a call went well in the same process."""
    from trademon.demo import faults

    one = Binance(open_client("binance", demo.base_url), BINANCE_KEY, wall_clock)
    await one.fetch_account(with_uid=False)
    demo.faults.append(faults.status(401, body='{"code":-2015,"msg":"Invalid API-key"}'))
    for _ in range(2):
        with pytest.raises(AuthError):
            await one.fetch_account(with_uid=False)


def test_what_is_no_refusal_explains_nothing():
    """An answer without a code, or a good one that has a field of that name, is left to others."""
    for status, data in [(200, {"code": -2015}), (400, {}), (400, []), (500, None), (400, {"code": "-2015"})]:
        assert explain(Answer(status, {}, data, True)) is None


def test_a_long_message_of_the_exchange_is_cut():
    """It may hold anything."""
    error = explain(Answer(400, {}, {"code": -1100, "msg": "x" * 10_000}, True))
    assert error is not None
    assert len(error.message) < 200


def test_a_fee_is_a_cost_and_a_rebate_a_negative_one():
    """`commission` is positive when paid, in whatever coin."""
    paid = parse_fill(binance_row(1, NOW, commission="10.1", commissionAsset="BNB"), BTC)
    rebate = parse_fill(binance_row(2, NOW, commission="-0.5", isMaker=True), BTC)
    assert [(f.fees[0].amount, f.fees[0].currency) for f in (paid, rebate)] == [
        (Decimal("10.1"), "BNB"),
        (Decimal("-0.5"), "USDT"),
    ]
    with pytest.raises(BadAnswer, match="no number"):
        parse_fill(binance_row(1, NOW, id="12a"), BTC)
