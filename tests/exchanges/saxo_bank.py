"""Saxo in a few rows of a test's own, in the shapes of its documentation; and the adapter that asks it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from tests.exchanges.helpers import Handler
from tests.saxo import FixedTokens
from trademon.core.coverage import Span
from trademon.core.model import Contract, Fill, Market
from trademon.exchanges.base import FillPage
from trademon.exchanges.saxo import Saxo
from trademon.exchanges.saxo_client import SaxoClient

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
AAPL = Market("AAPL:xnas", "AAPL:xnas", "USD", "211:Stock")
EURUSD = Market("EUR/USD", "EUR", "USD", "21:FxSpot", Contract("USD"))
ES = Market("ESM6:xcme", "ESM6:xcme", "USD", "700:ContractFutures")

Row = dict[str, Any]


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def activity(log_id: int, at: datetime, status: str = "FinalFill", **changes: Any) -> Row:
    """A step of order 1000 in AAPL; by default its one fill of ten at 100."""
    fills = {
        "FillAmount": 10,
        "FilledAmount": 10,
        "ExecutionPrice": 100,
        "AveragePrice": 100,
        "PositionId": str(log_id),
    }
    return (
        {
            "AccountId": "1INET",
            "ActivityTime": iso(at),
            "Amount": 10,
            "AssetType": "Stock",
            "BuySell": "Buy",
            "ClientId": "1",
            "DisplayAndFormat": {"Currency": "USD", "Decimals": 2, "Symbol": "AAPL:xnas"},
            "LogId": str(log_id),
            "OrderId": "1000",
            "OrderType": "Market",
            "Status": status,
            "SubStatus": "Confirmed",
            "Uic": 211,
        }
        | (fills if status in ("Fill", "FinalFill") else {})
        | changes
    )


def trade(trade_id: int, at: datetime, **changes: Any) -> Row:
    """A row of the trades report: ten AAPL at 100, bought, with a cost of five."""
    return {
        "AccountCurrency": "USD",
        "AccountId": "1INET",
        "Amount": 10,
        "AssetType": "Stock",
        "BookedAmountAccountCurrency": -1005,
        "InstrumentSymbol": "AAPL:xnas",
        "OrderId": "1000",
        "Price": 100,
        "TradeDate": f"{at:%Y-%m-%d}",
        "TradeExecutionTime": iso(at),
        "TradeId": str(trade_id),
        "TradedValue": -1000,
        "Uic": 211,
    } | changes


_booking_ids = itertools.count(3042746175)


def booking(trade_id: int, amount: float, **changes: Any) -> Row:
    return {
        "Amount": amount,
        "AmountClass": "TransactionCosts",
        "BkAmountId": str(next(_booking_ids)),
        "BkAmountType": "Commission",
        "Currency": "USD",
        "RelatedTradeId": str(trade_id),
    } | changes


def details(uic: int, kind: str, symbol: str, currency: str, **more: Any) -> Row:
    return {"AssetType": kind, "CurrencyCode": currency, "Symbol": symbol, "Uic": uic, "Description": symbol} | more


DETAILS = [
    details(211, "Stock", "AAPL:xnas", "USD"),
    details(21, "FxSpot", "EURUSD", "USD"),
    details(700, "ContractFutures", "ESM6:xcme", "USD", ContractSize=50),
]


@dataclass
class Bank:
    """What it answers. `refusals`: a path's answer instead; `asked` is what came, path and query."""

    activities: list[Row] = field(default_factory=list)
    trades: list[Row] = field(default_factory=list)
    bookings: list[Row] = field(default_factory=list)
    details: list[Row] = field(default_factory=lambda: list(DETAILS))
    answers: dict[str, Any] = field(default_factory=dict)
    refusals: dict[str, Callable[[], web.Response]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    largest_page: int = 1000
    headers: dict[str, str] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        path, query = unquote(request.path), dict(request.query)
        path = path[path.index("/openapi") + len("/openapi") :]
        self.asked.append((path, query))
        for part, refuse in self.refusals.items():
            if part in path:
                return refuse()
        return web.Response(
            text=json.dumps(self._find(path, query)), content_type="application/json", headers=self.headers
        )

    def _find(self, path: str, query: dict[str, str]) -> Any:
        if path in self.answers:
            found = self.answers[path]
            return found if isinstance(found, dict) else self._page(found, query)
        if path == "/port/v1/clients/me":
            return {"ClientId": "1", "ClientKey": "k/1=="}
        if path == "/port/v1/accounts/me":
            return self._page([{"AccountKey": "a/1", "Currency": "USD"}], query)
        if path.startswith("/port/v1/balances"):
            return {"CashBalance": 1000.5, "Currency": "USD"}
        if path == "/cs/v1/audit/orderactivities":
            order = query.get("OrderId")
            first, last = query.get("FromDateTime", ""), query.get("ToDateTime", "9")
            rows = [r for r in self.activities if first <= r["ActivityTime"] <= last]
            return self._page([r for r in rows if order in (None, r["OrderId"])], query)
        if path.startswith("/cs/v1/reports/"):
            return self._page(_of_days(self.trades if "trades" in path else self.bookings, query), query)
        if path == "/ref/v1/instruments/details":
            uics = query["Uics"].split(",")
            return self._page([r for r in self.details if str(r["Uic"]) in uics], query)
        return self._page([], query)

    def _page(self, rows: list[Row], query: dict[str, str]) -> Row:
        size, start = min(int(query.get("$top", 10**6)), self.largest_page), int(query.get("$skiptoken", 0))
        answer: Row = {"Data": rows[start : start + size]}
        if start + size < len(rows):
            answer["__next"] = f"https://elsewhere.example/openapi/x?$top={size}&$skiptoken={start + size}"
        return answer

    def paths(self, part: str) -> list[dict[str, str]]:
        """The queries of what was asked at paths with that part."""
        return [query for path, query in self.asked if part in path]


def _of_days(rows: list[Row], query: dict[str, str]) -> list[Row]:
    """Rows that tell a date are of the days that were asked for."""
    first, last = query["FromDate"], query["ToDate"]
    return [row for row in rows if first <= row.get("TradeDate", row.get("Date", first)) <= last]


Ask = Callable[[Bank], Awaitable[Saxo]]


async def open_saxo(
    session: aiohttp.ClientSession,
    serve: Callable[[Handler], Awaitable[str]],
    bank: Bank,
    tokens: FixedTokens | None = None,
) -> Saxo:
    """The adapter at that bank, at noon of a Monday."""
    url = await serve(bank.answer)
    client = SaxoClient(session, tokens or FixedTokens("token"), lambda: NOW, base_url=url, deadline_s=5)
    return Saxo(client)


async def pages_of(saxo: Saxo, market: Market = AAPL, **since: float) -> list[FillPage]:
    span = Span(ago(**(since or {"days": 3})), NOW)
    return [page async for page in saxo.fetch_fills(market, span, anchor=None)]


async def fills_of(saxo: Saxo, market: Market = AAPL, **since: float) -> list[Fill]:
    found = [fill for page in await pages_of(saxo, market, **since) for fill in page.fills]
    return sorted(found, key=lambda f: (f.executed_at, f.trade_id))
