"""Kraken's spot REST interface over demo worlds (docs.kraken.com): questions with a key are posted.

A refusal is HTTP 200 with words in `error`; times are seconds with a fraction, of which a window's beginning is left
out and its end is in; fills come newest first, 50 at most, further back by an offset.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from trademon.demo.model import Execution, Market, WorldOrder, from_ms, locked, to_ms
from trademon.demo.wire import DemoAccount, Json, Question, all_markets, plain

_PAGE = 50
_CODES = {"BTC": ("XXBT", "XBT"), "ETH": ("XETH", "ETH"), "USD": ("ZUSD", "USD")}
Row = dict[str, Any]


class KrakenApi:
    """Answers questions for a set of accounts."""

    def __init__(self, accounts: list[DemoAccount]) -> None:
        """By their keys."""
        self._accounts = {a.api_key: a for a in accounts}
        self._worlds = [a.world for a in accounts]
        self._public: dict[str, Callable[[Question], Json]] = {
            "/0/public/Time": lambda q: {"unixtime": q.now_ms // 1000, "rfc1123": ""},
            "/0/public/AssetPairs": lambda q: {name(m): pair_row(m) for m in self._listed()},
            "/0/public/Assets": lambda q: {_code(coin)[0]: {"altname": _code(coin)[1]} for coin in self._coins()},
            "/0/public/Ticker": self._tickers,
            "/0/public/OHLC": self._candles,
        }
        self._private: dict[str, Callable[[dict[str, str], DemoAccount, Question], Json]] = {
            "/0/private/BalanceEx": self._balance,
            "/0/private/OpenOrders": self._open_orders,
            "/0/private/TradesHistory": self._trades,
        }

    def account_of(self, question: Question) -> DemoAccount | None:
        """The account whose key was sent."""
        return self._accounts.get(question.headers.get("API-Key", ""))

    def answer(self, question: Question) -> web.Response:
        """The answer in Kraken's envelope, or the refusal in it."""
        if question.path in self._public:
            return web.json_response({"error": [], "result": self._public[question.path](question)})
        account = self.account_of(question)
        refusal = self._refusal(question, account)
        if refusal or account is None:
            return web.json_response({"error": [refusal]})
        params = dict(parse_qsl(question.body))
        return web.json_response({"error": [], "result": self._private[question.path](params, account, question)})

    def _refusal(self, q: Question, account: DemoAccount | None) -> str:
        if q.path not in self._private:
            return "EGeneral:Unknown method"
        if account is None:
            return "EAPI:Invalid key"
        nonce = dict(parse_qsl(q.body)).get("nonce", "")
        digest = hashlib.sha256((nonce + q.body).encode()).digest()
        secret = base64.b64decode(account.api_secret)
        mac = base64.b64encode(hmac.new(secret, q.path.encode() + digest, hashlib.sha512).digest())
        return "" if hmac.compare_digest(mac, q.headers.get("API-Sign", "").encode()) else "EAPI:Invalid signature"

    def _listed(self) -> list[Market]:
        return [market for market, _ in all_markets(self._worlds).values()]

    def _coins(self) -> set[str]:
        return {coin for market in self._listed() for coin in (market.base, market.quote)}

    def _tickers(self, q: Question) -> Json:
        rows = {}
        for market, world in all_markets(self._worlds).values():
            last = plain(world.price(market.symbol, q.now))
            rows[name(market)] = {k: [last, "1", "1"] for k in ("a", "b", "c")} | {
                k: [last, last] for k in ("v", "p", "l", "h")
            } | {"t": [1, 1], "o": last}  # fmt: skip
        return rows

    def _candles(self, q: Question) -> Json:
        """From `since` on, oldest first; each at the price of its beginning."""
        found = next((m, w) for m, w in all_markets(self._worlds).values() if name(m) == q.params.get("pair"))
        market, world = found
        length = int(q.params.get("interval", "1")) * 60
        first = -(-int(q.params.get("since", "0")) // length) * length
        times = range(max(first, q.now_ms // 1000 - 720 * length), q.now_ms // 1000 + 1, length)
        prices = [plain(world.price(market.symbol, from_ms(s * 1000))) for s in times]
        rows = [[s, *[price] * 4, price, "0", 0] for s, price in zip(times, prices, strict=True)]
        return {name(market): rows, "last": times[-1] if times else 0}

    def _balance(self, params: dict[str, str], account: DemoAccount, q: Question) -> Json:
        held = locked(account.world.orders(q.now))
        return {
            _code(coin)[0]: {"balance": plain(total), "hold_trade": plain(held.get(coin, Decimal(0)))}
            for coin, total in account.world.balances(q.now).items()
            if total
        }

    def _open_orders(self, params: dict[str, str], account: DemoAccount, q: Question) -> Json:
        return {"open": {o.order_id: order_row(o) for o in account.world.orders(q.now) if o.is_open}}

    def _trades(self, params: dict[str, str], account: DemoAccount, q: Question) -> Json:
        start, end = Decimal(params.get("start", "0")), Decimal(params.get("end", "99999999999"))
        found = [e for e in account.world.executions(q.now) if start < Decimal(e.ms) / 1000 <= end][::-1]
        skip = int(params.get("ofs", "0"))
        page = found[skip : skip + _PAGE]
        return {"trades": {e.trade_id: trade_row(e) for e in page}, "count": len(found)}


def _code(coin: str) -> tuple[str, str]:
    return _CODES.get(coin, (coin, coin))


def name(m: Market) -> str:
    """The pair's id, "XBTUSDT"."""
    return f"{_code(m.base)[1]}{_code(m.quote)[1]}"


def _pair(symbol: str) -> str:
    base, _, quote = symbol.partition("/")
    return f"{_code(base)[1]}{_code(quote)[1]}"


def trade_row(e: Execution) -> Row:
    """One entry of TradesHistory; its fee is in the quote coin."""
    return {
        "ordertxid": e.order_id,
        "postxid": f"P{e.trade_id}",
        "pair": _pair(e.symbol),
        "time": e.ms / 1000,
        "type": e.side,
        "ordertype": "market",
        "price": plain(e.price),
        "cost": plain(e.price * e.quantity),
        "fee": plain(e.fee),
        "vol": plain(e.quantity),
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": 68230622,
        "maker": e.is_maker,
    }


def order_row(o: WorldOrder) -> Row:
    """One entry of OpenOrders."""
    return {
        "refid": None,
        "userref": None,
        "status": "open",
        "opentm": to_ms(o.created_at) / 1000,
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": _pair(o.symbol),
            "type": o.side,
            "ordertype": o.type.lower(),
            "price": plain(o.price),
            "price2": "0",
            "leverage": "none",
            "order": "",
            "close": "",
        },
        "vol": plain(o.quantity),
        "vol_exec": plain(o.executed),
        "cost": "0",
        "fee": "0",
        "price": "0",
        "misc": "",
        "oflags": "fciq",
    }


def pair_row(m: Market) -> Row:
    """One entry of AssetPairs."""
    return {
        "altname": name(m),
        "wsname": f"{_code(m.base)[1]}/{_code(m.quote)[1]}",
        "aclass_base": "currency",
        "base": _code(m.base)[0],
        "aclass_quote": "currency",
        "quote": _code(m.quote)[0],
        "lot": "unit",
        "cost_decimals": 8,
        "pair_decimals": 8,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.26]],
        "fees_maker": [[0, 0.16]],
        "fee_volume_currency": "ZUSD",
        "ordermin": "0.00000001",
        "costmin": "0.5",
        "tick_size": plain(m.tick),
        "status": "online",
    }
