"""Rows as the exchanges write them, and exchanges in memory that answer an adapter without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from trademon.core.coverage import Span
from trademon.core.model import Credentials, Fill, Market
from trademon.core.times import MILLISECOND, from_ms, to_ms
from trademon.exchanges.base import FillPage

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BTC = Market("BTC/USDT", "BTC", "USDT", "BTCUSDT")
BINANCE_KEY = Credentials("A" * 64, "binance-test-secret")
BITGET_KEY = Credentials("bg_test", "bitget-test-secret", "bitget-test-passphrase")

Row = dict[str, Any]
Hook = Callable[[int], None]


def wall_clock() -> datetime:
    """The real time: ccxt signs with it, so a server that checks signatures has to live in it too."""
    return datetime.now(UTC)


def ago(**parts: float) -> datetime:
    """A whole millisecond before NOW."""
    return NOW - timedelta(**parts)


def binance_row(trade_id: int, at: datetime, **changes: Any) -> Row:
    """A `myTrades` row."""
    return {
        "symbol": "BTCUSDT",
        "id": trade_id,
        "orderId": 9_000 + trade_id,
        "orderListId": -1,
        "price": "60000.10000000",
        "qty": "0.00100000",
        "quoteQty": "60.00010000",
        "commission": "0.06000010",
        "commissionAsset": "USDT",
        "time": to_ms(at),
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
    } | changes


def bitget_row(trade_id: int, at: datetime, **changes: Any) -> Row:
    """A row of the spot fills."""
    return {
        "userId": "22",
        "symbol": "BTCUSDT",
        "orderId": str(9_000 + trade_id),
        "tradeId": str(trade_id),
        "orderType": "limit",
        "side": "buy",
        "priceAvg": "60000.1",
        "size": "0.001",
        "amount": "60.0001",
        "feeDetail": {"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": "", "totalFee": "-0.0600001"},
        "tradeScope": "taker",
        "cTime": str(to_ms(at)),
        "uTime": str(to_ms(at) + 33),
    } | changes


class FakeClient:
    """What an adapter needs of a client. `answers` gives the body of an endpoint; what was asked is kept."""

    def __init__(self, answers: Mapping[str, Any] | None = None, *, now: datetime = NOW) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.at = now
        self.headers: Mapping[str, str] = {}
        self.answered_at: datetime | None = None
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return self.at

    def set_server_time(self, at: datetime) -> None:
        self.offset = at - NOW

    async def call(self, endpoint: str, params: Mapping[str, Any], credentials: Credentials | None = None) -> Any:
        self.asked.append((endpoint, dict(params)))
        return self.answer(endpoint, dict(params))

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        return self.answers[endpoint]


class FakeBinance(FakeClient):
    """`myTrades` as Binance documents it, over a list of rows in the order of their ids.

    `cap` cuts pages shorter than asked; `on_ask` is called with the number of each question before it is answered.
    """

    def __init__(
        self, rows: Iterable[Row], *, now: datetime = NOW, cap: int = 1000, on_ask: Hook | None = None
    ) -> None:
        super().__init__(now=now)
        self.rows = sorted(rows, key=lambda row: row["id"])
        self._cap, self._on_ask = cap, on_ask

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        assert endpoint == "private_get_mytrades"
        if self._on_ask is not None:
            self._on_ask(len(self.asked))
        size = min(params["limit"], self._cap)
        if "fromId" in params:
            assert "startTime" not in params
            return [row for row in self.rows if row["id"] >= params["fromId"]][:size]
        by_time = sorted(self.rows, key=lambda row: (row["time"], row["id"]))
        if "startTime" not in params:
            return by_time[-size:]
        assert 0 <= params["endTime"] - params["startTime"] <= 86_400_000, "-1127: more than 24 hours"
        return [row for row in by_time if params["startTime"] <= row["time"] <= params["endTime"]][:size]


class FakeBitget(FakeClient):
    """The spot fills and order histories as Bitget documents them: the newest `limit` below `idLessThan`."""

    def __init__(self, rows: Iterable[Row], *, now: datetime = NOW, cap: int = 100, on_ask: Hook | None = None) -> None:
        super().__init__(now=now)
        self.rows = list(rows)
        self._cap, self._on_ask = cap, on_ask

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        if self._on_ask is not None:
            self._on_ask(len(self.asked))
        key = "tradeId" if endpoint.endswith("fills") else "orderId"
        start, end = int(params.get("startTime", 0)), int(params.get("endTime", 2**60))
        assert not start or start >= to_ms(self.at) - 90 * 86_400_000, "00001: more than 90 days"
        below = int(params.get("idLessThan", 2**80))
        found = [row for row in self.rows if start <= int(row["cTime"]) <= end and int(row[key]) < below]
        newest = sorted(found, key=lambda row: int(row[key]), reverse=True)
        return {"code": "00000", "msg": "success", "data": newest[: min(int(params["limit"]), self._cap)]}


async def collect(pages: AsyncIterator[FillPage], *, most: int | None = None) -> list[FillPage]:
    """The pages, or the first `most` of them."""
    out: list[FillPage] = []
    async for page in pages:
        out.append(page)
        if len(out) == most:
            break
    return out


async def collect_until(error: type[Exception], pages: AsyncIterator[FillPage], *, match: str = "") -> list[FillPage]:
    """The pages before this error, which must come."""
    out: list[FillPage] = []
    try:
        async for page in pages:
            out.append(page)
    except error as caught:
        if match not in str(caught):
            raise
        return out
    raise AssertionError(f"{error.__name__} did not come")


def fills_of(pages: Iterable[FillPage]) -> list[Fill]:
    return [fill for page in pages for fill in page.fills]


def ids_of(pages: Iterable[FillPage]) -> list[int]:
    """Every trade id that was handed on, repeated ones repeatedly, ascending."""
    return sorted(int(fill.trade_id) for fill in fills_of(pages))


def times_of(rows: Iterable[Row], name: str) -> list[datetime]:
    return [from_ms(int(row[name])) for row in rows]


def until_now(since: datetime) -> Span:
    """From then to the exchange's present."""
    return Span(since, NOW)


def just_before(at: datetime) -> datetime:
    return at - MILLISECOND


Handler = Callable[[Any], Awaitable[Any]]
