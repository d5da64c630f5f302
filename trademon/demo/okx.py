"""OKX's v5 REST interface for spot over demo worlds (okx.com/docs-v5), as strict as the real one about keys and pages.

All text; a fee is negative when paid; fills come newest first, 100 at most, further back below a `billId`.
"""

import base64
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from trademon.demo.bitget_params import integer
from trademon.demo.candles import DAY_MS, MINUTE_MS
from trademon.demo.model import Execution, Market, WorldOrder, locked, to_ms
from trademon.demo.wire import DemoAccount, Json, Question, Refusal, all_markets, plain, sha256_mac

_EXPIRY_MS = 30_000
_PAGE = 100
_KEPT_MS = 90 * DAY_MS
_LENGTHS = {"1m": MINUTE_MS, "1Dutc": DAY_MS, "1D": DAY_MS}
Row = dict[str, Any]


def _name(symbol: str) -> str:
    return symbol.replace("/", "-")


class OkxApi:
    """Answers questions for a set of accounts."""

    def __init__(self, accounts: list[DemoAccount]) -> None:
        """By their keys."""
        self._accounts = {a.api_key: a for a in accounts}
        self._worlds = [a.world for a in accounts]
        self._public: dict[str, Callable[[Question], Json]] = {
            "/api/v5/public/time": lambda q: [{"ts": str(q.now_ms)}],
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/market/tickers": self._tickers,
            "/api/v5/market/candles": self._candles,
            "/api/v5/market/history-candles": self._candles,
        }
        self._private: dict[str, Callable[[Question, DemoAccount], Json]] = {
            "/api/v5/account/balance": self._balance,
            "/api/v5/trade/orders-pending": self._pending,
            "/api/v5/trade/fills-history": self._fills,
        }

    def account_of(self, question: Question) -> DemoAccount | None:
        """The account whose key was sent."""
        return self._accounts.get(question.headers.get("OK-ACCESS-KEY", ""))

    def answer(self, question: Question) -> web.Response:
        """The answer in OKX's envelope, or the refusal with its status and code."""
        try:
            return web.json_response({"code": "0", "msg": "", "data": self._decide(question)})
        except Refusal as no:
            return web.json_response({"code": str(no.code), "msg": no.msg, "data": []}, status=no.status)

    def _decide(self, q: Question) -> Json:
        if q.path in self._public:
            return self._public[q.path](q)
        if q.path not in self._private:
            raise Refusal(404, "50404", "Not Found")
        return self._private[q.path](q, self._authenticate(q))

    def _authenticate(self, q: Question) -> DemoAccount:
        account = self.account_of(q)
        if account is None:
            raise Refusal(401, "50111", "Invalid OK-ACCESS-KEY")
        stamp = q.headers.get("OK-ACCESS-TIMESTAMP", "")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp):
            raise Refusal(401, "50112", "Invalid OK-ACCESS-TIMESTAMP")
        sent = datetime.fromisoformat(stamp.removesuffix("Z")).replace(tzinfo=UTC)
        if abs(q.now_ms - to_ms(sent)) > _EXPIRY_MS:
            raise Refusal(401, "50102", "Timestamp request expired")
        query = f"?{q.raw_query}" if q.raw_query else ""
        mac = base64.b64encode(sha256_mac(account.api_secret, f"{stamp}GET{q.path}{query}"))
        if not hmac.compare_digest(mac, q.headers.get("OK-ACCESS-SIGN", "").encode()):
            raise Refusal(401, "50113", "Invalid Sign")
        if q.headers.get("OK-ACCESS-PASSPHRASE") != account.passphrase:
            raise Refusal(401, "50105", "The passphrase in the request header is incorrect")
        return account

    def _listed(self) -> list[Market]:
        return [market for market, _ in all_markets(self._worlds).values()]

    def _instruments(self, q: Question) -> Json:
        return [instrument_row(m) for m in self._listed()] if q.params.get("instType") == "SPOT" else []

    def _tickers(self, q: Question) -> Json:
        found = all_markets(self._worlds).values()
        return [ticker_row(market, world.price(market.symbol, q.now), q.now_ms) for market, world in found]

    def _candles(self, q: Question) -> Json:
        """Newest first, those before `after` and after `before`; a price that stands still is good enough here."""
        name, length = q.params.get("instId", ""), _LENGTHS.get(q.params.get("bar", "1m"))
        found = next(((m, w) for m, w in all_markets(self._worlds).values() if _name(m.symbol) == name), None)
        if found is None or length is None:
            raise Refusal(200, "51001", "Instrument ID does not exist")
        market, world = found
        until, since = integer(q, "after") or q.now_ms + 1, integer(q, "before") or 0
        last = (min(until - 1, q.now_ms)) // length * length
        limit = min(integer(q, "limit") or 100, 300)
        opens = range(last, max(since, last - limit * length), -length)
        return [[str(ms), *[plain(world.price(market.symbol, q.now))] * 4, "0", "0", "0", "1"] for ms in opens]

    def _balance(self, q: Question, account: DemoAccount) -> Json:
        totals, held = account.world.balances(q.now), locked(account.world.orders(q.now))
        details = [balance_row(coin, total, held.get(coin, Decimal(0))) for coin, total in totals.items() if total]
        return [{"uTime": str(q.now_ms), "totalEq": "0", "details": details}]

    def _pending(self, q: Question, account: DemoAccount) -> Json:
        return [order_row(o) for o in account.world.orders(q.now) if o.is_open]

    def _fills(self, q: Question, account: DemoAccount) -> Json:
        if q.params.get("instType") != "SPOT":
            return []
        start = max(integer(q, "begin") or 0, q.now_ms - _KEPT_MS)
        end, below = integer(q, "end") or q.now_ms, integer(q, "after")
        wanted = q.params.get("instId")
        executions = account.world.executions(q.now)
        numbered = [(bill_id(e, n), e) for n, e in enumerate(executions)]
        found = [
            fill_row(number, e)
            for number, e in numbered
            if start <= e.ms <= end and (below is None or number < below) and wanted in (None, "", _name(e.symbol))
        ]
        return found[::-1][: min(integer(q, "limit") or _PAGE, _PAGE)]


def bill_id(e: Execution, n: int) -> int:
    """Counts up with time, over all symbols."""
    return e.ms * 100_000 + n % 100_000


def fill_row(number: int, e: Execution) -> Row:
    """One entry of fills-history."""
    return {
        "instType": "SPOT",
        "instId": _name(e.symbol),
        "tradeId": e.trade_id,
        "ordId": e.order_id,
        "clOrdId": "",
        "billId": str(number),
        "tag": "",
        "fillPx": plain(e.price),
        "fillSz": plain(e.quantity),
        "side": e.side,
        "posSide": "net",
        "execType": "M" if e.is_maker else "T",
        "feeCcy": e.fee_currency,
        "fee": plain(-e.fee),
        "ts": str(e.ms),
        "fillTime": str(e.ms),
    }


def order_row(o: WorldOrder) -> Row:
    """One entry of orders-pending."""
    at = str(to_ms(o.created_at))
    return {
        "instType": "SPOT",
        "instId": _name(o.symbol),
        "ordId": o.order_id,
        "clOrdId": "",
        "side": o.side,
        "posSide": "net",
        "ordType": o.type.lower(),
        "px": plain(o.price),
        "sz": plain(o.quantity),
        "accFillSz": plain(o.executed),
        "avgPx": "",
        "state": "partially_filled" if o.executed else "live",
        "fee": "0",
        "feeCcy": "",
        "tgtCcy": "",
        "cTime": at,
        "uTime": at,
    }


def balance_row(coin: str, total: Decimal, held: Decimal) -> Row:
    """One entry of the balance's details."""
    return {
        "ccy": coin,
        "eq": plain(total),
        "cashBal": plain(total),
        "availBal": plain(total - held),
        "availEq": plain(total - held),
        "frozenBal": plain(held),
        "ordFrozen": plain(held),
        "uTime": "0",
    }


def instrument_row(m: Market) -> Row:
    """One entry of instruments."""
    return {
        "instType": "SPOT",
        "instId": _name(m.symbol),
        "baseCcy": m.base,
        "quoteCcy": m.quote,
        "settleCcy": "",
        "ctVal": "",
        "ctMult": "",
        "ctType": "",
        "listTime": "1548133413000",
        "expTime": "",
        "lever": "",
        "tickSz": plain(m.tick),
        "lotSz": plain(m.lot),
        "minSz": plain(m.lot),
        "state": "live",
        "uly": "",
        "instFamily": "",
    }


def ticker_row(m: Market, price: Decimal, now_ms: int) -> Row:
    """One entry of tickers."""
    last = plain(price)
    return {
        "instType": "SPOT",
        "instId": _name(m.symbol),
        "last": last,
        "askPx": last,
        "bidPx": last,
        "ts": str(now_ms),
    }
