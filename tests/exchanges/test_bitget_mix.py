"""Bitget futures: windows of a week walked back by `endId`, what a fill did, bills, rows that are not believed."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.helpers import BITGET_KEY, NOW, FakeClient, Row, ago, collect, fills_of, ids_of
from trademon.core.coverage import Span, union
from trademon.core.model import Balance, Contract, Fee, Market, Position
from trademon.core.times import from_ms, to_ms
from trademon.errors import AuthError, BadAnswer
from trademon.exchanges import bitget_mix
from trademon.exchanges.bitget_mix import BitgetMix
from trademon.exchanges.bitget_mix_rows import (
    parse_balance,
    parse_fill,
    parse_funding,
    parse_market,
    parse_open_order,
    parse_position,
    parse_transfer,
    what_it_did,
)

PERP = Market("BTC/USDT:USDT", "BTC", "USDT", "BTCUSDT", Contract("USDT"))
D = Decimal


def row(trade_id: int, at: Any, **changes: Any) -> Row:
    """A row of fills."""
    return {
        "tradeId": str(trade_id),
        "symbol": "BTCUSDT",
        "orderId": str(9_000 + trade_id),
        "price": "60000.1",
        "baseVolume": "0.001",
        "feeDetail": [{"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": None, "totalFee": "-0.03"}],
        "side": "buy",
        "quoteVolume": "60.0001",
        "profit": "0",
        "enterPointSource": "api",
        "tradeSide": "open",
        "posMode": "hedge_mode",
        "tradeScope": "taker",
        "cTime": str(to_ms(at)),
    } | changes


def bill(number: int, at: Any, kind: str = "contract_settle_fee", amount: str = "-0.1") -> Row:
    return {
        "billId": str(number),
        "symbol": "BTCUSDT",
        "amount": amount,
        "fee": "0",
        "feeByCoupon": "",
        "businessType": kind,
        "coin": "USDT",
        "balance": "1",
        "cTime": str(to_ms(at)),
    }


LISTS = {"bill": ("bills", "billId"), "orders_history": ("entrustedList", "orderId")}


class FakeMix(FakeClient):
    """Fills, orders and bills as documented: the newest `limit` of the window below `idLessThan`, with `endId`."""

    def __init__(self, rows: Iterable[Row], *, cap: int = 100) -> None:
        super().__init__()
        self.rows = list(rows)
        self.cap = cap

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        name, key = next((v for k, v in LISTS.items() if endpoint.endswith(k)), ("fillList", "tradeId"))
        longest = 30 if name == "bills" else 7
        start, end = int(params["startTime"]), int(params["endTime"])
        assert 0 <= end - start <= longest * 86_400_000, "the interval is too long"
        assert start >= to_ms(NOW) - 90 * 86_400_000, "older than what is kept"
        below = int(params.get("idLessThan", 2**80))
        mine = self.rows if params["productType"] == "USDT-FUTURES" else []
        found = [r for r in mine if start <= int(r["cTime"]) <= end and int(r[key]) < below]
        found = [r for r in found if params.get("businessType") in (None, r.get("businessType"))]
        page = sorted(found, key=lambda r: int(r[key]), reverse=True)[: min(int(params["limit"]), self.cap)]
        data = {name: page or None, "endId": page[-1][key] if page else None}
        return {"code": "00000", "msg": "success", "data": data}


def adapter(client: FakeClient) -> BitgetMix:
    return BitgetMix(client, BITGET_KEY, lambda: NOW)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 0, 1, 40, 3_600_000, 9 * 86_400_000]), max_size=60),
    copies=st.integers(1, 40),
    cap=st.sampled_from([20, 57, 100]),
    offset=st.integers(0, 999),
)
async def test_whatever_lies_in_the_span_comes_once_and_the_span_is_proved(
    gaps: list[int], copies: int, cap: int, offset: int
) -> None:
    """Gaps of weeks, many fills in one millisecond, pages cut short, a span that begins within a millisecond."""
    at, rows = to_ms(ago(days=89)), []
    for n, gap in enumerate(one for each in gaps for one in (each, *[0] * (copies - 1))):
        at += gap
        if at >= to_ms(NOW):
            break
        rows.append(row(100 + 2 * n, from_ms(at)))
    span = Span(ago(days=60).replace(microsecond=offset), NOW)
    pages = await collect(adapter(FakeMix(rows, cap=cap)).fetch_fills(PERP, span, anchor=None))
    assert ids_of(pages) == [int(r["tradeId"]) for r in rows if from_ms(int(r["cTime"])) >= span.start]
    assert union(page.covered for page in pages) == (span,)


async def test_chunks_prove_what_lies_after_their_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handed on before the walk is over; stopped between two, nothing is claimed that was not read."""
    monkeypatch.setattr(bitget_mix, "CHUNK", 150)
    rows = [row(n, ago(days=20 - n / 20)) for n in range(1, 401)]
    pages = await collect(adapter(FakeMix(rows)).fetch_fills(PERP, Span(ago(days=30), NOW), anchor=None), most=1)
    (page,) = pages
    had = {f.trade_id for f in fills_of(pages)}
    inside = {r["tradeId"] for r in rows if page.covered.start <= from_ms(int(r["cTime"])) < page.covered.end}
    assert inside <= had
    assert page.covered.start > ago(days=30)


@pytest.mark.parametrize(
    ("told", "did"),
    [
        (("buy", "open"), ("buy", "long")),
        (("sell", "open"), ("sell", "short")),
        (("buy", "close"), ("sell", "long")),
        (("sell", "close"), ("buy", "short")),
        (("buy", "burst_close_long"), ("sell", "long")),
        (("sell", "burst_close_long"), ("sell", "long")),
        (("buy", "burst_close_short"), ("buy", "short")),
        (("sell", "reduce_close_short"), ("buy", "short")),
        (("sell", "dte_sys_adl_close_long"), ("sell", "long")),
        (("sell", "delivery_close_short"), ("buy", "short")),
        (("buy", "offset_close_long"), ("sell", "long")),
    ],
)
def test_in_hedge_mode_a_close_is_a_close_whatever_its_side_says(told: Any, did: Any) -> None:
    """Ordinary ones by the side of the position, forced ones by its name."""
    side, trade_side = told
    assert what_it_did(row(1, NOW, side=side, tradeSide=trade_side)) == did
    fill = parse_fill(row(1, NOW, side=side, tradeSide=trade_side), PERP)
    assert (fill.side, fill.symbol) == (did[0], f"BTC/USDT:USDT {did[1]}")


@pytest.mark.parametrize(
    "does", ["buy_single", "burst_buy_single", "reduce_buy_single", "dte_sys_adl_buy_in_single_side_mode", "open"]
)
def test_in_one_way_mode_the_side_is_what_was_done(does: str) -> None:
    """One position a contract, under the contract's own symbol."""
    assert what_it_did(row(1, NOW, posMode="one_way_mode", tradeSide=does)) == ("buy", None)
    if "buy" in does:
        with pytest.raises(BadAnswer, match="both buy and sell"):
            what_it_did(row(1, NOW, posMode="one_way_mode", tradeSide=does, side="sell"))


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETHUSDT"},
        {"tradeId": ""},
        {"side": "hold"},
        {"tradeSide": "close_something"},
        {"tradeSide": None},
        {"posMode": "net"},
        {"baseVolume": "0"},
        {"baseVolume": 0.1},
        {"price": "Infinity"},
        {"feeDetail": "{"},
        {"feeDetail": [{"feeCoin": "USDT"}]},
        {"cTime": "now"},
    ],
)
def test_a_row_with_a_field_that_cannot_be_is_refused(changes: Row) -> None:
    """And so is one without it."""
    with pytest.raises(BadAnswer):
        parse_fill(row(1, NOW, **changes), PERP)
    for name in changes:
        with pytest.raises(BadAnswer):
            parse_fill({k: v for k, v in row(1, NOW).items() if k != name}, PERP)


def test_fees_come_as_a_list() -> None:
    """Several, in several coins; one paid in BGB is a cost whatever its sign."""
    details = [
        {"deduction": "yes", "feeCoin": "BGB", "totalDeductionFee": "-0.017", "totalFee": "-0.017"},
        {"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": "0", "totalFee": "0.001"},
    ]
    assert parse_fill(row(1, NOW, feeDetail=details), PERP).fees == (Fee(D("0.017"), "BGB"), Fee(D("-0.001"), "USDT"))


def test_contracts_balances_positions_and_orders() -> None:
    """Each field of each, and what is empty."""
    listed = {"baseCoin": "BTC", "quoteCoin": "USD", "symbol": "BTCPERP", "symbolType": "perpetual"}
    assert parse_market(listed, "USDC") == Market("BTC/USDC:USDC", "BTC", "USDC", "BTCPERP", Contract("USDC"))
    dated = listed | {"symbolType": "delivery", "deliveryTime": str(to_ms(NOW))}
    assert parse_market(dated, "USDT").symbol == f"BTC/USDT:USDT-{NOW:%y%m%d}"
    wallet = {"marginCoin": "USDT", "accountEquity": "110", "unrealizedPL": "10", "available": "40"}
    assert parse_balance(wallet) == Balance("USDT", D(40), D(60))
    assert parse_balance(wallet | {"unrealizedPL": "", "available": "500"}) == Balance("USDT", D(110), D(0))
    held = {
        "symbol": "BTCUSDT",
        "marginCoin": "USDT",
        "holdSide": "short",
        "total": "0.5",
        "openPriceAvg": "100",
        "markPrice": "90",
        "unrealizedPL": "5",
        "marginMode": "crossed",
        "cTime": str(to_ms(NOW)),
    }
    at = from_ms(to_ms(NOW))
    assert parse_position(held, {"BTCUSDT": PERP}) == Position(
        "BTC/USDT:USDT", "short", D("0.5"), "USDT", D(100), D(90), D(5), at, "short-crossed"
    )
    assert parse_position(held | {"total": "0"}, {}) is None
    waiting = {
        "symbol": "BTCUSDT",
        "orderId": "1",
        "side": "buy",
        "tradeSide": "close",
        "posMode": "hedge_mode",
        "orderType": "limit",
        "size": "2",
        "baseVolume": "0.5",
        "price": "",
        "cTime": str(to_ms(NOW)),
    }
    order = parse_open_order(waiting, {})
    assert (order.side, order.symbol, order.filled, order.price) == ("sell", "BTCUSDT", D("0.5"), D(0))
    assert parse_open_order(waiting | {"tradeSide": "open"}, {}).side == "buy"


async def test_bills_by_their_type_over_windows_and_pages() -> None:
    """Funding of 80 days, each once and in its window; another type than asked for is not believed."""
    bills = [bill(n, ago(days=80 - n / 4)) for n in range(1, 300)] + [
        bill(900, ago(days=1), "trans_from_exchange", "5")
    ]
    exchange = adapter(FakeMix(bills))
    pages = await collect(exchange.fetch_cash(Span(ago(days=85), NOW)))  # type: ignore[arg-type]
    assert sorted({int(line.cash_id) for page in pages for line in page.lines}) == list(range(1, 300))  # type: ignore[attr-defined]
    assert union(page.covered for page in pages) == (Span(ago(days=85), NOW),)
    (moved,) = [t async for page in exchange.fetch_transfers("deposit", Span(ago(days=5), NOW)) for t in page.transfers]
    assert (moved.transfer_id, moved.amount) == ("900", D(5))
    host = FakeMix([bill(1, ago(days=1), "buy")])
    honest = host.answer
    host.answer = lambda e, p: honest(e, {k: v for k, v in p.items() if k != "businessType"})  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="got others"):
        await collect(adapter(host).fetch_cash(Span(ago(days=5), NOW)))  # type: ignore[arg-type]
    with pytest.raises(BadAnswer):
        parse_transfer(bill(1, NOW, amount="-1"), "deposit")
    assert parse_funding(bill(1, NOW, amount="0")) is None


async def test_a_server_that_ignores_where_a_page_begins_is_not_believed() -> None:
    """The same page over and over."""
    host = FakeMix([row(n, ago(days=1)) for n in range(1, 300)])
    honest = host.answer
    host.answer = lambda e, p: honest(e, {k: v for k, v in p.items() if k != "idLessThan"})  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="does not say where it ends"):
        await collect(adapter(host).fetch_fills(PERP, Span(ago(days=2), NOW), anchor=None))


async def test_a_key_for_futures_alone_names_no_account() -> None:
    """The spot interface refuses it; everything else goes on."""

    class NoSpot(FakeClient):
        def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
            if "spot" in endpoint:
                raise AuthError("the key may not read this")
            return {"code": "00000", "data": []}

    view = await adapter(NoSpot()).fetch_account(with_uid=True)
    assert (view.uid, view.balances) == (None, ())
