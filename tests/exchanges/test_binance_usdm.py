"""Binance USD-M: walks by window and id, income to its end, rows that are not believed, position sides."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchanges.helpers import BINANCE_KEY, DAY, NOW, FakeClient, Row, ago, collect, fills_of, ids_of
from trademon.core.cash_reports import CashLine
from trademon.core.coverage import Span, union
from trademon.core.model import Balance, Contract, Fee, Market, Position
from trademon.core.times import from_ms, to_ms
from trademon.errors import BadAnswer, HostAskedToWait
from trademon.exchanges.binance_income import parse_cash, parse_transfer
from trademon.exchanges.binance_usdm import BinanceUsdm, parse_fill

PERP = Market("BTC/USDT:USDT", "BTC", "USDT", "BTCUSDT", Contract("USDT"))
D = Decimal


def row(trade_id: int, at: Any, **changes: Any) -> Row:
    """A `userTrades` row."""
    return {
        "symbol": "BTCUSDT",
        "id": trade_id,
        "orderId": 9_000 + trade_id,
        "side": "SELL",
        "price": "60000.1",
        "qty": "0.001",
        "realizedPnl": "0.5",
        "quoteQty": "60.0001",
        "commission": "0.03",
        "commissionAsset": "USDT",
        "time": to_ms(at),
        "positionSide": "BOTH",
        "maker": False,
        "buyer": False,
    } | changes


def income(number: int, at: Any, kind: str = "FUNDING_FEE", amount: str = "-0.1", symbol: str = "BTCUSDT") -> Row:
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": amount,
        "asset": "USDT",
        "info": kind,
        "time": to_ms(at),
        "tranId": number,
        "tradeId": "",
    }


class FakeUsdm(FakeClient):
    """`userTrades` and `income` as documented; `cap` cuts pages shorter than asked."""

    def __init__(self, rows: Iterable[Row] = (), incomes: Iterable[Row] = (), *, cap: int = 1000) -> None:
        super().__init__()
        self.rows = sorted(rows, key=lambda r: r["id"])
        self.incomes = sorted(incomes, key=lambda r: r["time"])
        self.cap = cap

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        size = min(params.get("limit", 0), self.cap)
        if endpoint == "fapiprivate_get_income":
            found = [r for r in self.incomes if params["startTime"] <= r["time"] <= params["endTime"]]
            found = [r for r in found if params.get("incomeType") in (None, r["incomeType"])]
            return found[(params["page"] - 1) * size : params["page"] * size]
        if endpoint == "fapiprivatev3_get_positionrisk":
            return []
        assert endpoint == "fapiprivate_get_usertrades"
        if "fromId" in params:
            assert "startTime" not in params
            assert params["fromId"] >= self.refused_below, "older than what is kept"
            return [r for r in self.rows if r["id"] >= params["fromId"]][:size]
        assert 0 <= params["endTime"] - params["startTime"] <= 7 * 86_400_000
        return [r for r in self.rows if params["startTime"] <= r["time"] <= params["endTime"]][:size]

    refused_below = 0


def adapter(client: FakeClient) -> BinanceUsdm:
    return BinanceUsdm(client, BINANCE_KEY, lambda: NOW)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 0, 1, 40, 3_600_000, 9 * 86_400_000]), max_size=60),
    copies=st.integers(1, 40),
    cap=st.sampled_from([100, 137, 1000]),
    anchored=st.booleans(),
)
async def test_whatever_lies_in_the_span_comes_once_and_the_span_is_proved(
    gaps: list[int], copies: int, cap: int, anchored: bool
) -> None:
    """Gaps of weeks, many fills in one millisecond, pages cut short, with and without a fill to go on from."""
    at, rows = to_ms(ago(days=170)), []
    for n, gap in enumerate(one for each in gaps for one in (each, *[0] * (copies - 1))):
        at += gap
        if at >= to_ms(NOW):
            break
        rows.append(row(100 + 2 * n, from_ms(at)))
    host = FakeUsdm(rows, cap=cap)
    span = Span(ago(days=100), NOW)
    before = [r["id"] for r in rows if from_ms(r["time"]) < span.start]
    anchor = str(before[-1]) if anchored and before else None
    pages = await collect(adapter(host).fetch_fills(PERP, span, anchor=anchor))
    found = [int(f.trade_id) for f in fills_of(pages) if f.executed_at >= span.start]
    assert sorted(found) == [r["id"] for r in rows if from_ms(r["time"]) >= span.start]
    assert union(page.covered for page in pages) == (span,)


async def test_an_anchor_older_than_what_is_kept_is_walked_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange refuses its id, or answers without it: the windows find the rest."""
    rows = [row(500, ago(days=3)), row(501, ago(days=2))]
    span = Span(ago(days=4), NOW)

    async def refused(self: FakeClient, endpoint: str, params: Any, credentials: Any = None) -> Any:
        if "fromId" in params and params["fromId"] < 400:
            raise BadAnswer("Binance refused a request")
        return self.answer(endpoint, dict(params))

    for patched in (False, True):
        if patched:
            monkeypatch.setattr(FakeUsdm, "call", refused)
        pages = await collect(adapter(FakeUsdm(rows)).fetch_fills(PERP, span, anchor="7"))
        assert ids_of(pages) == [500, 501]
        assert union(page.covered for page in pages) == (span,)


@pytest.mark.parametrize("copies", [1, 150, 1000, 1001, 2500])
@pytest.mark.parametrize("cap", [100, 1000])
async def test_income_is_read_to_its_end_however_much_shares_a_millisecond(copies: int, cap: int) -> None:
    """Funding before, within and after a millisecond that is fuller than a page."""
    many = [income(1000 + n, ago(hours=5), "COMMISSION", "-0.01", f"C{n % 7}USDT") for n in range(copies)]
    lines = [income(1, ago(days=3)), income(2, ago(hours=5)), income(3, ago(hours=1))]
    host = FakeUsdm(incomes=[*many, *lines], cap=cap)
    (page,) = await collect(adapter(host).fetch_cash(Span(ago(days=4), NOW)))  # type: ignore[arg-type]
    assert [line.cash_id for line in page.lines] == ["1", "2", "3"]  # type: ignore[attr-defined]
    assert page.covered == Span(ago(days=4), NOW)
    names = await adapter(host).fetch_traded_symbols(ago(days=1))
    assert names == {"BTCUSDT", *(f"C{n % 7}USDT" for n in range(copies))}


async def test_income_that_repeats_itself_or_lies_outside_is_not_believed() -> None:
    """A server that ignores the page, or the times."""
    host = FakeUsdm(incomes=[income(n, ago(hours=5)) for n in range(300)], cap=100)
    host.answer = lambda endpoint, params: host.incomes[:100]  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="does not go on"):
        await collect(adapter(host).fetch_cash(Span(ago(days=4), NOW)))  # type: ignore[arg-type]
    with pytest.raises(BadAnswer, match="outside"):
        await collect(adapter(host).fetch_cash(Span(ago(hours=2), NOW)))  # type: ignore[arg-type]


def test_a_fill_is_one_of_its_position_side() -> None:
    """Side, size, fee and contract as they stand; BOTH is the contract itself."""
    told = {
        (side, held): parse_fill(row(1, NOW, side=side, buyer=side == "BUY", positionSide=held), PERP)
        for side in ("BUY", "SELL")
        for held in ("BOTH", "LONG", "SHORT")
    }
    assert {key: (fill.symbol, fill.side) for key, fill in told.items()} == {
        ("BUY", "BOTH"): ("BTC/USDT:USDT", "buy"),
        ("SELL", "BOTH"): ("BTC/USDT:USDT", "sell"),
        ("BUY", "LONG"): ("BTC/USDT:USDT long", "buy"),
        ("SELL", "LONG"): ("BTC/USDT:USDT long", "sell"),
        ("BUY", "SHORT"): ("BTC/USDT:USDT short", "buy"),
        ("SELL", "SHORT"): ("BTC/USDT:USDT short", "sell"),
    }
    fill = told["SELL", "BOTH"]
    assert (fill.quantity, fill.price, fill.contract) == (D("0.001"), D("60000.1"), Contract("USDT"))
    assert fill.fees == (Fee(D("0.03"), "USDT"),)
    assert fill.currency == "USDT"


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETHUSDT"},
        {"id": "x"},
        {"id": None},
        {"id": -1},
        {"side": "HOLD"},
        {"side": "BUY"},
        {"buyer": "false"},
        {"positionSide": "NET"},
        {"positionSide": None},
        {"qty": "0"},
        {"qty": 0.1},
        {"price": "NaN"},
        {"price": "-1"},
        {"commission": None},
        {"commissionAsset": ""},
        {"time": "yesterday"},
        {"maker": 1},
    ],
)
def test_a_row_with_a_field_that_cannot_be_is_refused(changes: Row) -> None:
    """And so is one without it."""
    with pytest.raises(BadAnswer):
        parse_fill(row(1, NOW, **changes), PERP)
    for name in changes:
        without = {k: v for k, v in row(1, NOW).items() if k != name}
        with pytest.raises(BadAnswer):
            parse_fill(without, PERP)


async def test_contracts_are_listed_with_what_they_settle_in() -> None:
    """A date stands in the symbol; one that settles in a third coin is left out."""

    def listed(name: str, base: str, quote: str, margin: str) -> Row:
        return {"symbol": name, "baseAsset": base, "quoteAsset": quote, "marginAsset": margin}

    rows = [
        listed("BTCUSDT", "BTC", "USDT", "USDT"),
        listed("BTCUSDT_261225", "BTC", "USDT", "USDT"),
        listed("ETHUSDC", "ETH", "USDC", "USDC"),
        listed("ODDUSD", "ODD", "USD", "BNB"),
    ]
    markets = await adapter(FakeClient({"fapipublic_get_exchangeinfo": {"symbols": rows}})).fetch_markets()
    assert markets == (
        PERP,
        Market("BTC/USDT:USDT-261225", "BTC", "USDT", "BTCUSDT_261225", Contract("USDT")),
        Market("ETH/USDC:USDC", "ETH", "USDC", "ETHUSDC", Contract("USDC")),
    )


async def test_the_wallet_is_what_is_told_without_open_gains() -> None:
    """What is free cannot be more than there is; whose it is stands in every row."""

    def held(asset: str, balance: str, available: str, alias: str = "SgsR") -> Row:
        return {"accountAlias": alias, "asset": asset, "balance": balance, "availableBalance": available}

    rows = [held("USDT", "100", "40"), held("BNB", "2", "9"), held("USDC", "-5", "0"), held("BTC", "0", "0")]
    view = await adapter(FakeClient({"fapiprivatev3_get_balance": rows})).fetch_account(with_uid=False)
    assert view.uid == "SgsR"
    assert view.balances == (
        Balance("USDT", D(40), D(60)),
        Balance("BNB", D(2), D(0)),
        Balance("USDC", D(-5), D(0)),
    )
    with pytest.raises(BadAnswer, match="several accounts"):
        await adapter(FakeClient({"fapiprivatev3_get_balance": [*rows, held("X", "1", "1", "other")]})).fetch_account(
            with_uid=True
        )


async def test_positions_are_what_is_held() -> None:
    """Either mode; a row of nothing is there for an open order."""

    def risk(side: str, amount: str) -> Row:
        return {
            "symbol": "BTCUSDT",
            "positionSide": side,
            "positionAmt": amount,
            "entryPrice": "100.5",
            "markPrice": "110",
            "unRealizedProfit": "9.5",
            "marginAsset": "USDT",
        }

    rows = [risk("BOTH", "-2"), risk("LONG", "1"), risk("SHORT", "-3"), risk("LONG", "0")]
    found = await adapter(FakeClient({"fapiprivatev3_get_positionrisk": rows})).fetch_positions({"BTCUSDT": PERP})
    assert [(p.side, p.quantity, p.position_id) for p in found] == [
        ("short", D(2), "both"),
        ("long", D(1), "long"),
        ("short", D(3), "short"),
    ]
    assert found[1] == Position("BTC/USDT:USDT", "long", D(1), "USDT", D("100.5"), D(110), D("9.5"), position_id="long")


def test_income_by_its_type() -> None:
    """Ids are unique within a type alone; an unknown type is kept, nothing is no line."""
    kinds = {
        kind: parse_cash(income(5, NOW, kind))
        for kind in ("FUNDING_FEE", "INSURANCE_CLEAR", "API_REBATE", "REFERRAL_KICKBACK", "NEW_THING")
    }
    assert {kind: (line.kind, line.cash_id) for kind, line in kinds.items() if line} == {
        "FUNDING_FEE": ("funding", "5"),
        "INSURANCE_CLEAR": ("fee", "INSURANCE_CLEAR-5"),
        "API_REBATE": ("rebate", "API_REBATE-5"),
        "REFERRAL_KICKBACK": ("rebate", "REFERRAL_KICKBACK-5"),
        "NEW_THING": ("other", "NEW_THING-5"),
    }
    assert kinds["FUNDING_FEE"] == CashLine("5", "funding", "USDT", D("-0.1"), from_ms(to_ms(NOW)), "BTCUSDT")
    assert parse_cash(income(5, NOW, amount="0")) is None
    moved = parse_transfer(income(6, NOW, "TRANSFER", "-2.5", ""))
    assert moved is not None
    assert (moved.kind, moved.amount, moved.transfer_id) == ("withdrawal", D("2.5"), "6")
    with pytest.raises(BadAnswer):
        parse_transfer(income(6, NOW))


async def test_its_budget_is_its_own_hosts() -> None:
    """2,400 a minute: what the spot host allows would be a ban here."""
    client = FakeUsdm()
    client.answered_at, client.headers = NOW, {"X-MBX-USED-WEIGHT-1M": "2200"}
    exchange = adapter(client)
    assert exchange.budget() == (2200, 2400)
    assert not exchange.has_budget()
    with pytest.raises(HostAskedToWait):
        await exchange.fetch_positions({})
    client.headers = {"X-MBX-USED-WEIGHT-1M": "1700"}
    assert exchange.has_budget()
    assert await exchange.fetch_positions({}) == ()


async def test_time_that_is_not_asked_for_is_not_claimed() -> None:
    """A span into the future ends at the question."""
    (page,) = await collect(adapter(FakeUsdm()).fetch_fills(PERP, Span(NOW - DAY, NOW + DAY), anchor=None))
    assert page.covered == Span(NOW - DAY, NOW)
    (cash,) = await collect(adapter(FakeUsdm()).fetch_cash(Span(NOW - DAY, NOW + DAY)))  # type: ignore[arg-type]
    assert cash.covered == Span(NOW - DAY, NOW)
