"""Deposits, withdrawals and candles as the exchanges write them, and fakes that answer as their documentation says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY, DAY, NOW, FakeClient, Handler, Row
from trademon.core.coverage import Span
from trademon.core.model import Credentials, TransferKind
from trademon.core.times import from_ms, to_ms
from trademon.exchanges.base import TransferPage
from trademon.exchanges.binance import Binance
from trademon.exchanges.bitget import Bitget

MINUTE = timedelta(minutes=1)
Adapter = Binance | Bitget


def binance_deposit(number: int, at: datetime, **changes: Any) -> Row:
    """A row of `capital/deposit/hisrec`, credited a minute after it was seen."""
    return {
        "id": str(number),
        "amount": "0.001",
        "coin": "BNB",
        "network": "BSC",
        "status": 1,
        "address": "bnb136ns6lfw4zs5hg4n85vdthaad7hq5m4gtkgf23",
        "addressTag": "101764890",
        "txId": f"0x{number:064x}",
        "insertTime": to_ms(at),
        "completeTime": to_ms(at + MINUTE),
        "transferType": 0,
        "confirmTimes": "1/1",
        "unlockConfirm": 0,
        "walletType": 0,
    } | changes


def binance_withdrawal(number: int, at: datetime, **changes: Any) -> Row:
    """A row of `capital/withdraw/history`, whose times are text without a fraction."""
    return {
        "id": f"b{number:031x}",
        "amount": "8.91000000",
        "transactionFee": "0.004",
        "coin": "USDT",
        "status": 6,
        "address": "0x94df8b352de7f46f64b01d3666bf6e936e44ce60",
        "txId": f"0x{number:064x}",
        "applyTime": f"{at:%Y-%m-%d %H:%M:%S}",
        "network": "ETH",
        "transferType": 0,
        "info": "",
        "confirmNo": 3,
        "walletType": 0,
        "txKey": "",
        "completeTime": f"{at + MINUTE:%Y-%m-%d %H:%M:%S}",
    } | changes


def bitget_deposit(number: int, at: datetime, **changes: Any) -> Row:
    """A row of `wallet/deposit-records`."""
    return {
        "orderId": str(number),
        "tradeId": f"{number:064x}",
        "coin": "USDT",
        "type": "deposit",
        "size": "10.00000000",
        "status": "success",
        "toAddress": "0x51",
        "dest": "on_chain",
        "chain": "erc20",
        "fromAddress": None,
        "cTime": str(to_ms(at)),
        "uTime": str(to_ms(at + MINUTE)),
    } | changes


def bitget_withdrawal(number: int, at: datetime, **changes: Any) -> Row:
    """A row of `wallet/withdrawal-records`."""
    changed: Row = {"type": "withdraw", "fee": "-1.00000000", "clientOid": "123", "tag": "", "confirm": "100"}
    return bitget_deposit(number, at) | changed | changes


class FakeBinanceWallet(FakeClient):
    """Both histories as documented: a window of less than 90 days by creation, newest first, `limit` from `offset`.

    `created` remembers the exact time of each row, of which a withdrawal shows only the second.
    """

    def __init__(self, rows: Iterable[tuple[datetime, Row]], *, now: datetime = NOW, cap: int = 1000) -> None:
        super().__init__(now=now)
        self.rows, self.cap = list(rows), cap

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        assert endpoint in ("sapi_get_capital_deposit_hisrec", "sapi_get_capital_withdraw_history")
        start, end = from_ms(int(params["startTime"])), from_ms(int(params["endTime"]))
        assert timedelta(0) <= end - start < 90 * DAY, "-1127: 90 days or more"
        found = sorted(((at, row) for at, row in self.rows if start <= at <= end), key=lambda pair: pair[0])
        offset = int(params["offset"])
        return [row for _, row in found[::-1]][offset : offset + min(int(params["limit"]), self.cap)]


class FakeBitgetWallet(FakeClient):
    """Both histories as documented: the newest `limit` of a window by `cTime`, below `idLessThan`."""

    def __init__(self, rows: Iterable[tuple[datetime, Row]], *, now: datetime = NOW, cap: int = 100) -> None:
        super().__init__(now=now)
        self.rows, self.cap = list(rows), cap

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        assert endpoint in (
            "private_spot_get_v2_spot_wallet_deposit_records",
            "private_spot_get_v2_spot_wallet_withdrawal_records",
        )
        start, end = from_ms(int(params["startTime"])), from_ms(int(params["endTime"]))
        assert timedelta(0) <= end - start <= 90 * DAY, "00001: more than 90 days"
        below = int(params.get("idLessThan", 2**80))
        found = [row for at, row in self.rows if start <= at <= end and int(row["orderId"]) < below]
        newest = sorted(found, key=lambda row: int(row["orderId"]), reverse=True)
        return {"code": "00000", "msg": "success", "data": newest[: min(int(params["limit"]), self.cap)]}


Table = dict[datetime, str]


class FakeBinanceMarket(FakeClient):
    """`klines` and `ticker/price`. `tables` holds the opening prices of minutes and days."""

    def __init__(self, tables: dict[timedelta, Table], last: dict[str, str] | None = None) -> None:
        super().__init__()
        self.tables, self.last = tables, last or {}

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        if endpoint == "public_get_ticker_price":
            return [{"symbol": symbol, "price": price} for symbol, price in self.last.items()]
        assert (endpoint, params["symbol"]) == ("public_get_klines", "BTCUSDT")
        length = {"1m": MINUTE, "1d": DAY}[params["interval"]]
        start, end, limit = (int(params[name]) for name in ("startTime", "endTime", "limit"))
        assert limit <= 1000
        found = [at for at in sorted(self.tables[length]) if start <= to_ms(at) <= end]
        return [kline(at, self.tables[length][at], length) for at in found[:limit]]


class FakeBitgetMarket(FakeClient):
    """`candles`, `history-candles` and `tickers`. What begins at the start or at the end of what is asked for belongs
    to it or not, by `after` and `before`: the documentation says "after" and "before"."""

    def __init__(
        self,
        tables: dict[timedelta, Table],
        last: dict[str, str] | None = None,
        *,
        after: bool = False,
        before: bool = False,
    ) -> None:
        super().__init__()
        self.tables, self.last, self.after, self.before = tables, last or {}, after, before

    def answer(self, endpoint: str, params: dict[str, Any]) -> Any:
        return {"code": "00000", "msg": "success", "requestTime": 1, "data": self.data(endpoint, params)}

    def data(self, endpoint: str, params: dict[str, Any]) -> Any:
        if endpoint == "public_spot_get_v2_spot_market_tickers":
            return [{"symbol": symbol, "lastPr": price, "open": "1"} for symbol, price in self.last.items()]
        is_history = endpoint == "public_spot_get_v2_spot_market_history_candles"
        assert is_history or endpoint == "public_spot_get_v2_spot_market_candles"
        length = {"1min": MINUTE, "1Dutc": DAY}[params["granularity"]]
        start = -1 if is_history else int(params["startTime"]) - (1 if self.after else 0)
        end, limit = int(params["endTime"]) + (1 if self.before else 0), int(params["limit"])
        assert limit <= (200 if is_history else 1000)
        # Each endpoint holds its own stretch of time, with some overlap.
        oldest, newest = (
            (0, to_ms(NOW - 20 * DAY))
            if is_history
            else (to_ms(NOW - (400 * length if length == DAY else 30 * DAY)), end)
        )
        found = [at for at in sorted(self.tables[length]) if start < to_ms(at) < end and oldest <= to_ms(at) <= newest]
        return [bitget_candle(at, self.tables[length][at]) for at in found[-limit:]]


def kline(at: datetime, price: str, length: timedelta = MINUTE) -> list[Any]:
    """A row of Binance's klines."""
    close = to_ms(at + length) - 1
    return [to_ms(at), price, "99999.0", "0.1", "7.0", "148976.1", close, "2434.1", 308, "1756.8", "28.4", "0"]


def bitget_candle(at: datetime, price: str) -> list[Any]:
    return [str(to_ms(at)), price, "99999.0", "0.1", "7.0", "428.3462", "16198849.1079", "16198849.1079"]


@dataclass(frozen=True)
class House:
    """One exchange's side of these tests."""

    name: str
    key: Credentials
    wallet: type[FakeBinanceWallet] | type[FakeBitgetWallet]
    market: type[FakeBinanceMarket] | type[FakeBitgetMarket]
    rows: dict[TransferKind, Callable[..., Row]]
    id_field: str
    paths: dict[str, str]

    def adapter(self, client: Any, key: Credentials | None = None) -> Adapter:
        return {"binance": Binance, "bitget": Bitget}[self.name](client, key or self.key, lambda: NOW)

    def data(self, rows: Any) -> Any:
        """What an answer with these rows is."""
        return rows if self.name == "binance" else {"code": "00000", "msg": "success", "data": rows}

    def candle(self, at: datetime, price: Any) -> list[Any]:
        return kline(at, price) if self.name == "binance" else bitget_candle(at, price)

    def endpoint(self, ending: str) -> str:
        return next(endpoint for path, endpoint in self.paths.items() if path.endswith(ending))

    def handler(self, fake: FakeClient, seen: list[Any] | None = None) -> Handler:
        """The fake behind HTTP, at the exchange's own paths."""

        async def handle(request: Any) -> web.Response:
            if seen is not None:
                seen.append(request)
            endpoint = self.paths.get(request.path)
            if endpoint is None:
                return web.Response(status=404, text="<html>not here</html>", content_type="text/html")
            return web.json_response(fake.answer(endpoint, dict(request.query)))

        return handle


BINANCE = House(
    "binance",
    BINANCE_KEY,
    FakeBinanceWallet,
    FakeBinanceMarket,
    {"deposit": binance_deposit, "withdrawal": binance_withdrawal},
    "id",
    {
        "/sapi/v1/capital/deposit/hisrec": "sapi_get_capital_deposit_hisrec",
        "/sapi/v1/capital/withdraw/history": "sapi_get_capital_withdraw_history",
        "/api/v3/klines": "public_get_klines",
        "/api/v3/ticker/price": "public_get_ticker_price",
    },
)
BITGET = House(
    "bitget",
    BITGET_KEY,
    FakeBitgetWallet,
    FakeBitgetMarket,
    {"deposit": bitget_deposit, "withdrawal": bitget_withdrawal},
    "orderId",
    {
        "/api/v2/spot/wallet/deposit-records": "private_spot_get_v2_spot_wallet_deposit_records",
        "/api/v2/spot/wallet/withdrawal-records": "private_spot_get_v2_spot_wallet_withdrawal_records",
        "/api/v2/spot/market/history-candles": "public_spot_get_v2_spot_market_history_candles",
        "/api/v2/spot/market/candles": "public_spot_get_v2_spot_market_candles",
        "/api/v2/spot/market/tickers": "public_spot_get_v2_spot_market_tickers",
    },
)


async def read(adapter: Adapter, kind: TransferKind, span: Span) -> list[TransferPage]:
    return [page async for page in adapter.fetch_transfers(kind, span)]


def numbers_of(pages: Iterable[TransferPage]) -> list[int]:
    """The number of each row handed on, repeated ones repeatedly, ascending."""
    found = [transfer for page in pages for transfer in page.transfers]
    return sorted(int(t.transfer_id[1:], 16) if t.transfer_id.startswith("b") else int(t.transfer_id) for t in found)
