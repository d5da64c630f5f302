"""Deposits and withdrawals of both exchanges: every row once, only completed ones, and only what is proved."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.helpers import BINANCE_KEY, DAY, NOW, FakeClient, Row, ago, until_now
from tests.exchanges.wallets import BINANCE, BITGET, MINUTE, FakeBinanceWallet, House, numbers_of, read
from trademon.core.coverage import Span, missing, union
from trademon.core.model import Transfer, TransferKind
from trademon.core.times import MICROSECOND, MILLISECOND
from trademon.errors import AuthError, BadAnswer
from trademon.exchanges import binance_wallet
from trademon.exchanges.base import TransferPage
from trademon.exchanges.binance import Binance

SECOND = timedelta(seconds=1)
HOUSES = pytest.mark.parametrize("house", [BINANCE, BITGET], ids=lambda house: house.name)
KINDS = pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
PENDING = {"binance": 0, "bitget": "pending"}
ENDED = {
    ("binance", "deposit"): [2, 7],
    ("binance", "withdrawal"): [1, 3, 5],
    ("bitget", "deposit"): ["fail", "reject"],
    ("bitget", "withdrawal"): ["fail", "reject"],
}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binance_wallet, "WITHDRAWALS_PAUSE_S", 0)


def rows_of(house: House, kind: TransferKind, times: list[datetime], **changes: Any) -> list[tuple[datetime, Row]]:
    """Numbered from 1 in the order of their times."""
    return [(at, house.rows[kind](n, at, **changes)) for n, at in enumerate(sorted(times), 1)]


async def walk(house: House, kind: TransferKind, rows: list[tuple[datetime, Row]], span: Span, **options: Any) -> Any:
    """The pages, and the fake that was asked for them."""
    fake = house.wallet(rows, **options)
    return await read(house.adapter(fake), kind, span), fake


async def pages_of(house: House, kind: TransferKind, *rows: Any, span: Span | None = None) -> list[TransferPage]:
    """What becomes of an answer with these rows, to a question for the last ten days."""
    client = FakeClient(dict.fromkeys(house.paths.values(), house.data(list(rows))))
    return await read(house.adapter(client), kind, span or until_now(ago(days=10)))


async def one(house: House, kind: TransferKind, **changes: Any) -> Transfer:
    ((transfer,),) = [
        page.transfers for page in await pages_of(house, kind, house.rows[kind](7, ago(days=2), **changes))
    ]
    return transfer


# --- a row ----------------------------------------------------------------------------------------------------------


async def test_a_binance_deposit():
    """It counts from when it was credited; the network and the chain's name for it come along."""
    row = BINANCE.rows["deposit"](7, ago(days=2), amount="0.00100000")
    ((deposit,),) = [page.transfers for page in await pages_of(BINANCE, "deposit", row)]
    assert deposit == Transfer(
        "7", "deposit", "BNB", Decimal("0.001"), Decimal(0), ago(days=2) + MINUTE, row["txId"], "BSC"
    )
    assert json.loads(deposit.raw) == row


@pytest.mark.parametrize("given", [{}, {"completeTime": None}, {"completeTime": ""}, {"completeTime": 0}])
async def test_a_binance_deposit_without_a_time_of_completion(given):
    """Older ones have none: then from when it was seen."""
    row = BINANCE.rows["deposit"](7, ago(days=2))
    del row["completeTime"]
    ((deposit,),) = [page.transfers for page in await pages_of(BINANCE, "deposit", row | given)]
    assert deposit.at == ago(days=2)


async def test_a_binance_withdrawal():
    """It counts from when it was applied for, and its amount is without the fee."""
    at = ago(days=2).replace(microsecond=0)
    row = BINANCE.rows["withdrawal"](7, at)
    ((sent,),) = [page.transfers for page in await pages_of(BINANCE, "withdrawal", row)]
    assert (sent.amount, sent.fee, sent.coin, sent.at) == (Decimal("8.91"), Decimal("0.004"), "USDT", at)
    assert (sent.kind, sent.transfer_id, sent.tx_id, sent.network) == ("withdrawal", row["id"], row["txId"], "ETH")
    assert json.loads(sent.raw) == row


async def test_a_bitget_deposit_and_a_bitget_withdrawal():
    """The fee is a cost whatever its sign, and comes out of the size."""
    row = BITGET.rows["deposit"](7, ago(days=2))
    ((deposit,),) = [page.transfers for page in await pages_of(BITGET, "deposit", row)]
    at = ago(days=2)
    assert deposit == Transfer("7", "deposit", "USDT", Decimal(10), Decimal(0), at + MINUTE, row["tradeId"], "erc20")
    for fee in ("-1.00000000", "1.0"):
        sent = await one(BITGET, "withdrawal", fee=fee)
        assert sent == Transfer("7", "withdrawal", "USDT", Decimal(9), Decimal(1), at, row["tradeId"], "erc20")
    assert (await one(BITGET, "deposit", uTime=None)).at == at


async def test_a_transfer_within_an_exchange_has_no_chain():
    """What stands in place of the chain's name is the exchange's own."""
    for changes in ({"transferType": 1}, {"txId": "Internal transfer 51376627901"}, {"txId": "Off-chain transfer 7"}):
        for kind in BINANCE.rows:
            assert (await one(BINANCE, kind, **changes)).tx_id == ""
    for dest in ("internal", "internal_transfer", "inner_address_transfer"):
        for kind in BITGET.rows:
            inside = await one(BITGET, kind, dest=dest, fee="")
            assert (inside.tx_id, inside.network, inside.amount, inside.fee) == ("", "", Decimal(10), Decimal(0))


@HOUSES
@KINDS
@pytest.mark.parametrize("value", [None, ""])
async def test_a_network_or_a_hash_may_be_missing(house: House, kind, value):
    names = {"binance": ("network", "txId"), "bitget": ("chain", "tradeId")}[house.name]
    found = await one(house, kind, **dict.fromkeys(names, value))
    assert (found.network, found.tx_id) == ("", "")


@HOUSES
@KINDS
@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-1", "0", "", None, 1.5, True, "1e999", "1,5"])
async def test_an_amount_that_is_none(house: House, kind, amount):
    with pytest.raises(BadAnswer):
        await one(house, kind, **{"amount": amount, "size": amount})


@HOUSES
@pytest.mark.parametrize("fee", ["NaN", "", None, 1.5, False, "free"])
async def test_a_fee_that_is_none(house: House, fee):
    """On a chain there is a fee, and it is told."""
    with pytest.raises(BadAnswer, match=r"transactionFee|fee"):
        await one(house, "withdrawal", transactionFee=fee, fee=fee)


async def test_a_fee_that_cannot_be():
    """Binance's is positive; Bitget's comes out of the size, so it is less."""
    with pytest.raises(BadAnswer, match="transactionFee"):
        await one(BINANCE, "withdrawal", transactionFee="-0.004")
    for fee in ("-10", "10", "-10.00000001"):
        with pytest.raises(BadAnswer, match="no more than its fee"):
            await one(BITGET, "withdrawal", fee=fee)


@HOUSES
@KINDS
@pytest.mark.parametrize("value", [None, "", "00123", -5, 1.5, True, "x" * 81])
async def test_an_id_that_is_none(house: House, kind, value):
    """Whether it completed or not: without an id it cannot be told from another."""
    for changes in ({}, {"status": PENDING[house.name]}):
        with pytest.raises(BadAnswer, match="no id"):
            await one(house, kind, **{house.id_field: value}, **changes)


@HOUSES
@KINDS
@pytest.mark.parametrize("coin", [None, "", 7, "B\nTC"])
async def test_a_coin_that_is_none(house: House, kind, coin):
    with pytest.raises(BadAnswer, match="coin"):
        await one(house, kind, coin=coin)


@pytest.mark.parametrize(
    "text", [None, "", "2026-04-29", 1714521600000, "now", "2026-04-29 25:00:00", "0001-01-01 00:00:00"]
)
async def test_a_text_that_is_no_time(text):
    """A date alone is cut off, not midnight."""
    with pytest.raises(BadAnswer, match="applyTime"):
        await one(BINANCE, "withdrawal", applyTime=text)


@pytest.mark.parametrize("at", [None, "", "now", 1.5, Decimal("1714521600000.0"), -1, True, 10**18])
async def test_a_number_that_is_no_time(at):
    with pytest.raises(BadAnswer, match="insertTime"):
        await one(BINANCE, "deposit", insertTime=at)
    for kind in BITGET.rows:
        with pytest.raises(BadAnswer, match="cTime"):
            await one(BITGET, kind, cTime=at)


@pytest.mark.parametrize("at", ["now", 1.5, -1])
async def test_a_time_of_completion_that_is_none(at):
    """Missing is one thing, odd another."""
    for house, kind, name in (
        (BINANCE, "deposit", "completeTime"),
        (BINANCE, "withdrawal", "completeTime"),
        (BITGET, "deposit", "uTime"),
        (BITGET, "withdrawal", "uTime"),
    ):
        with pytest.raises(BadAnswer, match=name):
            await one(house, kind, **{name: at})


# --- what a status means --------------------------------------------------------------------------------------------


async def test_every_status_that_means_completed():
    for house, kind, statuses in (
        (BINANCE, "deposit", [1, 6]),
        (BINANCE, "withdrawal", [6]),
        (BITGET, "deposit", ["success", "Success"]),
        (BITGET, "withdrawal", ["success"]),
    ):
        for status in statuses:
            assert (await one(house, kind, status=status)).kind == kind


@HOUSES
@KINDS
async def test_what_ended_without_a_transfer_is_none_and_holds_up_nothing(house: House, kind):
    """Rejected, cancelled, failed, sent wrongly."""
    span = until_now(ago(days=10))
    for status in ENDED[house.name, kind]:
        (page,) = await pages_of(house, kind, house.rows[kind](7, ago(days=2), status=status))
        assert page == TransferPage((), span)


@HOUSES
@KINDS
@pytest.mark.parametrize("status", [9, -1, None, "", True, "1", "6", 1.0, "lost", "SUCCESS!", [1]])
async def test_an_unknown_status_is_named(house: House, kind, status):
    with pytest.raises(BadAnswer, match="unknown status of a transfer") as caught:
        await one(house, kind, status=status)
    assert repr(str(status)) in str(caught.value)


async def test_a_status_of_the_other_history_is_not_taken_over():
    """1 is a completed deposit and a cancelled withdrawal; 7 and 8 there are none."""
    (page,) = await pages_of(BINANCE, "withdrawal", BINANCE.rows["withdrawal"](7, ago(days=2), status=1))
    assert page.transfers == ()
    for status in (7, 8):
        with pytest.raises(BadAnswer, match="unknown status"):
            await one(BINANCE, "withdrawal", status=status)


@HOUSES
@KINDS
async def test_a_long_status_is_cut_and_stays_on_one_line(house: House, kind):
    with pytest.raises(BadAnswer) as caught:
        await one(house, kind, status="\x1b[31m\n" + "s3cr3t" * 20)
    assert len(str(caught.value)) < 90
    assert str(caught.value).isprintable()


@HOUSES
@KINDS
async def test_a_pending_row_holds_up_the_proof(house: House, kind):
    """It may complete tomorrow: what lies after it is handed on and will be asked for again."""
    rows = rows_of(house, kind, [ago(days=n) for n in (8, 6, 4, 2)])
    for n in (1, 2):  # the second and the third
        rows[n][1]["status"] = PENDING[house.name]
    (page,), _ = await walk(house, kind, rows, until_now(ago(days=10)))
    assert numbers_of([page]) == [1, 4]
    assert page.covered == Span(ago(days=10), ago(days=6))
    (page,), _ = await walk(house, kind, rows, until_now(page.covered.end))
    assert numbers_of([page]) == [4]
    assert not page.covered


async def test_every_status_that_is_pending():
    for house, kind, statuses in (
        (BINANCE, "deposit", [0, 8]),
        (BINANCE, "withdrawal", [0, 2, 4]),
        (BITGET, "deposit", ["pending", "Pending", "pending_review"]),
        (BITGET, "withdrawal", ["pending"]),
    ):
        for status in statuses:
            (page,) = await pages_of(house, kind, house.rows[kind](7, ago(days=2), status=status))
            assert page == TransferPage((), Span(ago(days=10), ago(days=2)))


@HOUSES
@KINDS
async def test_a_pending_row_holds_up_its_own_window_only(house: House, kind):
    """What other windows prove is proved."""
    rows = rows_of(house, kind, [ago(days=n) for n in (190, 150, 100, 5)])
    rows[1][1]["status"] = PENDING[house.name]
    pages, _ = await walk(house, kind, rows, until_now(ago(days=200)))
    assert numbers_of(pages) == [1, 3, 4]
    (gap,) = missing([page.covered for page in pages], until_now(ago(days=200)))
    assert gap.start == ago(days=150)
    assert ago(days=115) < gap.end < ago(days=105)


# --- windows and pages ----------------------------------------------------------------------------------------------


def spread(house: House, kind: TransferKind, count: int, days: int) -> list[tuple[datetime, Row]]:
    return rows_of(house, kind, [ago(days=days * n / count) for n in range(1, count + 1)])


@HOUSES
@KINDS
async def test_two_hundred_days(house: House, kind):
    """Three windows of less than 90 days, oldest first, without a gap between them."""
    rows = spread(house, kind, 30, 200)
    span = until_now(ago(days=201))
    pages, fake = await walk(house, kind, rows, span)
    assert numbers_of(pages) == list(range(1, 31))
    assert union(page.covered for page in pages) == (span,)
    assert len(pages) == 3
    assert house.adapter(fake).capabilities.transfer_history is None
    assert [page.covered for page in pages] == sorted(page.covered for page in pages)
    assert len(fake.asked) == 3


@HOUSES
@KINDS
async def test_a_row_on_the_border_of_two_windows_comes_once(house: House, kind):
    """Both windows name it; the later one has it."""
    span = until_now(ago(days=200))
    pages, _ = await walk(house, kind, [], span)
    border = pages[0].covered.end
    rows = rows_of(house, kind, [border - SECOND, border, border + SECOND])
    pages, _ = await walk(house, kind, rows, span)
    assert [len(page.transfers) for page in pages] == [1, 2, 0]
    assert numbers_of(pages) == [1, 2, 3]
    assert union(page.covered for page in pages) == (span,)


@HOUSES
@KINDS
@pytest.mark.parametrize("count", [99, 100, 101, 999, 1000, 1001, 2500])
async def test_more_than_a_page(house: House, kind, count):
    rows = spread(house, kind, count, 60)
    span = until_now(ago(days=61))
    (page,), _ = await walk(house, kind, rows, span)
    assert numbers_of([page]) == list(range(1, count + 1))
    assert page.covered == span


@KINDS
async def test_a_full_page_of_binance_is_followed_by_the_next_offset(kind):
    """Exactly a thousand: the next one is asked for, and is empty."""
    _, fake = await walk(BINANCE, kind, spread(BINANCE, kind, 1000, 60), until_now(ago(days=61)))
    assert [asked["offset"] for _, asked in fake.asked] == [0, 1000]
    assert {asked["limit"] for _, asked in fake.asked} == {1000}


@HOUSES
@KINDS
async def test_pages_cut_shorter_than_asked(house: House, kind):
    cap = 500 if house is BINANCE else 50
    (page,), _ = await walk(house, kind, spread(house, kind, 1234, 60), until_now(ago(days=61)), cap=cap)
    assert numbers_of([page]) == list(range(1, 1235))


@HOUSES
@KINDS
async def test_many_in_one_millisecond(house: House, kind):
    """Neither offsets nor ids mind."""
    rows = rows_of(house, kind, [ago(days=3)] * 1500)
    (page,), _ = await walk(house, kind, rows, until_now(ago(days=61)))
    assert numbers_of([page]) == list(range(1, 1501))


@HOUSES
@KINDS
async def test_no_time_is_no_question(house: House, kind):
    for span in (Span(NOW, NOW), Span(NOW + DAY, NOW + 2 * DAY), Span(ago(days=1), ago(days=2))):
        pages, fake = await walk(house, kind, [], span)
        assert (pages, fake.asked) == ([], [])


@HOUSES
@KINDS
async def test_nothing_is_proved_beyond_the_present(house: House, kind):
    (page,), _ = await walk(house, kind, [], Span(ago(days=2), NOW + 5 * DAY))
    assert page == TransferPage((), until_now(ago(days=2)))


@HOUSES
@KINDS
async def test_what_is_proved_is_what_was_asked_to_the_microsecond(house: House, kind):
    """The wire is coarser; the rows around the ends are handed on all the same."""
    span = Span(ago(days=2) + 7 * MICROSECOND, ago(days=1) + 7 * MICROSECOND)
    rows = rows_of(house, kind, [ago(days=2), ago(days=1)])
    (page,), _ = await walk(house, kind, rows, span)
    assert page.covered == span
    assert numbers_of([page]) == [1, 2]


async def test_a_withdrawal_shows_only_its_second():
    """One of the first half second after the start of the span is in it, though what it shows lies before."""
    at = ago(days=2) + 700 * MILLISECOND
    row = BINANCE.rows["withdrawal"](1, at, completeTime=None)
    span = until_now(at - 100 * MILLISECOND)
    (page,), fake = await walk(BINANCE, "withdrawal", [(at, row)], span)
    assert (numbers_of([page]), page.covered) == ([1], span)
    assert all(asked["startTime"] % 1000 == asked["endTime"] % 1000 == 0 for _, asked in fake.asked)
    (page,), _ = await walk(BINANCE, "withdrawal", [(at, row | {"status": 4})], span)
    assert page.covered == Span(span.start, span.start)


@HOUSES
@KINDS
@settings(max_examples=30, deadline=None)
@given(data=st.data())
async def test_everything_once_and_nothing_claimed_that_is_not_so(house: House, kind, data):
    """Whatever happened when: all that completed is handed on once, and what is proved holds no pending row."""
    hours = data.draw(st.lists(st.integers(0, 24 * 250), max_size=60))
    waiting = data.draw(st.sets(st.integers(0, 60), max_size=4))
    rows = rows_of(house, kind, [ago(hours=hour) for hour in hours])
    for n in waiting & set(range(len(rows))):
        rows[n][1]["status"] = PENDING[house.name]
    start, end = sorted(data.draw(st.lists(st.integers(0, 24 * 250), min_size=2, max_size=2)))
    span = Span(ago(hours=end), ago(hours=start))
    pages, _ = await walk(house, kind, rows, span)
    done = [n for n, (at, _) in enumerate(rows, 1) if n - 1 not in waiting and span.start <= at < span.end]
    assert numbers_of(pages) == done
    proved = union(page.covered for page in pages)
    pending = [at for n, (at, _) in enumerate(rows) if n in waiting and span.start <= at < span.end]
    assert not any(part.start <= at < part.end for part in proved for at in pending)
    assert len(missing(proved, span)) <= len(pending)


# --- servers that cannot be believed --------------------------------------------------------------------------------


@HOUSES
@KINDS
async def test_a_row_twice_on_a_page(house: House, kind):
    row = house.rows[kind](7, ago(days=2))
    with pytest.raises(BadAnswer, match="twice"):
        await pages_of(house, kind, row, row)
    with pytest.raises(BadAnswer, match="twice"):
        await pages_of(house, kind, row, row | {"amount": "9", "size": "9"})


class Moving(FakeBinanceWallet):
    """One more row with every question: the newest first, so that the rest moves on by one."""

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        found = super().answer(endpoint, params)
        kind: TransferKind = "deposit" if "deposit" in endpoint else "withdrawal"
        self.rows.append((NOW - SECOND, BINANCE.rows[kind](10**6 + len(self.rows), NOW - SECOND)))
        return found


@KINDS
async def test_a_list_that_moves_while_it_is_read(kind):
    """The last row of a page comes again as the first of the next: nothing of it is believed."""
    with pytest.raises(BadAnswer, match="twice"):
        await read(BINANCE.adapter(Moving(spread(BINANCE, kind, 1500, 60))), kind, until_now(ago(days=61)))


class Deaf(FakeClient):
    """The same rows whatever was asked: Binance.US ignores the times, others the offset or the id."""

    def __init__(self, house: House, rows: list[tuple[datetime, Row]]) -> None:
        super().__init__()
        self.body = house.data([row for _, row in rows[::-1]])

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        return self.body


@HOUSES
@KINDS
async def test_a_server_that_ignores_the_times(house: House, kind):
    """Its newest rows say nothing about the spring of last year, nor does a window twice."""
    client = Deaf(house, spread(house, kind, 5, 60))
    with pytest.raises(BadAnswer, match="outside the time"):
        await read(house.adapter(client), kind, Span(ago(days=400), ago(days=350)))
    with pytest.raises(BadAnswer, match="outside the time"):
        await read(house.adapter(client), kind, until_now(ago(days=170)))
    with pytest.raises(BadAnswer, match="outside the time"):
        await read(house.adapter(client), kind, until_now(ago(days=20)))
    assert len(await read(house.adapter(client), kind, until_now(ago(days=70)))) == 1


@HOUSES
@KINDS
async def test_a_server_that_ignores_the_offset_or_the_id(house: House, kind):
    client = Deaf(house, spread(house, kind, 1000, 60))
    with pytest.raises(BadAnswer, match=r"twice|does not follow"):
        await read(house.adapter(client), kind, until_now(ago(days=70)))
    assert len(client.asked) == 2


@HOUSES
@KINDS
async def test_a_transfer_that_was_created_before_and_completed_within(house: House, kind):
    """Which of the two times an exchange looks at is not documented: this one is true either way."""
    row = house.rows[kind](7, ago(days=12))
    late = ago(days=2)
    changes = {"completeTime": int(late.timestamp() * 1000), "uTime": str(int(late.timestamp() * 1000))}
    if (house, kind) == (BINANCE, "withdrawal"):
        changes["completeTime"] = f"{late:%Y-%m-%d %H:%M:%S}"
    (page,) = await pages_of(house, kind, row | changes)
    assert page.covered == until_now(ago(days=10))
    assert [transfer.at for transfer in page.transfers] == [late if kind == "deposit" else ago(days=12)]


@HOUSES
@KINDS
@pytest.mark.parametrize("body", [None, 0, "", "rows", {}, [1], [None], [[]], {"rows": []}])
async def test_something_else_than_rows(house: House, kind, body):
    client = FakeClient(dict.fromkeys(house.paths.values(), house.data(body)))
    with pytest.raises(BadAnswer):
        await read(house.adapter(client), kind, until_now(ago(days=10)))


@HOUSES
@KINDS
async def test_pages_before_an_error_stay_proved(house: House, kind):
    """What the first window brought was handed on before the second failed."""
    rows = rows_of(house, kind, [ago(days=150), ago(days=10)])
    rows[1][1]["status"] = "odd"
    pages = house.adapter(house.wallet(rows)).fetch_transfers(kind, until_now(ago(days=170)))
    assert numbers_of([await anext(pages)]) == [1]
    with pytest.raises(BadAnswer, match="unknown status"):
        await anext(pages)


# --- over the wire --------------------------------------------------------------------------------------------------


@HOUSES
@KINDS
async def test_over_the_wire(house: House, kind, serve, open_client):
    """Signed, at the exchange's own paths, with the rows in its own format, over two windows and several pages."""
    rows = spread(house, kind, 1100, 80) + rows_of(house, kind, [ago(days=120)], **{house.id_field: "7777"})
    seen: list[Any] = []
    base_url = await serve(house.handler(house.wallet(rows), seen))
    exchange = house.adapter(open_client(house.name, base_url, clock=lambda: NOW))
    span = until_now(ago(days=130))
    pages = await read(exchange, kind, span)
    assert numbers_of(pages) == [*range(1, 1101), 7777]
    assert union(page.covered for page in pages) == (span,)
    assert exchange.requests == len(seen) > 2
    path = next(path for path in house.paths if kind in path or (kind == "withdrawal" and "withdraw/" in path))
    assert {request.path for request in seen} == {path}
    signs = "signature" if house is BINANCE else "ACCESS-SIGN"
    assert all(signs in request.query or signs in request.headers for request in seen)


@HOUSES
@KINDS
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html><body>maintenance</body></html>", "text/html"),
        ('[{"id":"1","amount":"0.0', "application/json"),
        ('{"code":"00000","data":[{"orderId":"1"', "application/json"),
        ("", "application/json"),
        ('[{"amount":NaN}]', "application/json"),
    ],
    ids=["html", "cut off", "cut off", "empty", "NaN"],
)
async def test_no_json_proves_nothing(house: House, kind, body, content_type, serve, open_client):
    async def handle(_: Any) -> web.Response:
        return web.Response(text=body, content_type=content_type)

    exchange = house.adapter(open_client(house.name, await serve(handle), clock=lambda: NOW))
    with pytest.raises(BadAnswer):
        await read(exchange, kind, until_now(ago(days=10)))


@KINDS
async def test_a_host_without_a_wallet(kind, serve, open_client):
    """Binance's test networks have no /sapi: a 404 is an odd answer, for the caller to judge."""

    async def handle(request: Any) -> web.Response:
        assert request.path.startswith("/sapi/v1/capital/")
        return web.Response(status=404, text="<html>Not Found</html>", content_type="text/html")

    exchange = BINANCE.adapter(open_client("binance", await serve(handle), clock=lambda: NOW))
    with pytest.raises(BadAnswer, match="404"):
        await read(exchange, kind, until_now(ago(days=10)))


@HOUSES
@KINDS
async def test_a_key_without_the_right(house: House, kind, serve, open_client):
    bodies = {
        "binance": '{"code":-2015,"msg":"Invalid API-key, IP, or permissions"}',
        "bitget": '{"code":"40014","msg":"no"}',
    }

    async def handle(_: Any) -> web.Response:
        return web.Response(status=400, text=bodies[house.name], content_type="application/json")

    exchange = house.adapter(open_client(house.name, await serve(handle), clock=lambda: NOW))
    with pytest.raises(AuthError, match=r"-2015|40014"):
        await read(exchange, kind, until_now(ago(days=10)))


# --- what Binance counts --------------------------------------------------------------------------------------------


def binance(client: FakeClient) -> Binance:
    return Binance(client, BINANCE_KEY, lambda: NOW)  # type: ignore[arg-type]


async def test_a_wallet_answer_does_not_empty_the_budget_used():
    """Wallet endpoints have weights of their own and do not report the other: what was used in this minute stays."""
    client = FakeBinanceWallet([])
    exchange = binance(client)
    client.headers, client.answered_at = {"X-MBX-USED-WEIGHT-1M": "4600"}, NOW
    assert not exchange.has_budget()
    client.headers = {"X-SAPI-USED-IP-WEIGHT-1M": "1"}
    await read(exchange, "deposit", until_now(ago(days=10)))
    assert not exchange.has_budget()
    client.headers = {"X-MBX-USED-WEIGHT-1M": "4400"}
    assert exchange.has_budget()
    client.headers = {"X-MBX-USED-WEIGHT-1M": "4600"}
    assert not exchange.has_budget()
    client.headers, client.at = {}, NOW + MINUTE
    assert exchange.has_budget()


async def test_what_an_answer_cost_is_kept_from_the_answer_on():
    """The client is shared: before we look again, another account's wallet may have answered."""

    class Costly(FakeBinanceWallet):
        def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
            self.headers, self.answered_at = {"X-MBX-USED-WEIGHT-1M": "4600"}, NOW
            return super().answer(endpoint, params)

    client = Costly([])
    exchange = binance(client)
    await read(exchange, "deposit", until_now(ago(days=10)))
    client.headers = {}
    assert not exchange.has_budget()


async def test_withdrawals_are_asked_for_at_most_ten_times_a_second(monkeypatch):
    """18,000 of 180,000 weight a second each; deposits cost nothing to speak of."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(binance_wallet, "WITHDRAWALS_PAUSE_S", 0.1)
    monkeypatch.setattr(binance_wallet.asyncio, "sleep", sleep)
    for kind, expected in (("deposit", []), ("withdrawal", [0.1, 0.1, 0.1])):
        slept.clear()
        client = FakeBinanceWallet([])
        await read(binance(client), kind, until_now(ago(days=200)))
        assert (slept, len(client.asked)) == (expected, 3)
