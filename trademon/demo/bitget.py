"""Bitget's v2 spot REST interface over demo worlds, as strict as the real one (bitget.com/api-doc, Spot).

Where the documentation leaves a status or a code open, the comment says "assumed".
"""

import base64
import hmac
import re
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import unquote

from aiohttp import web

from trademon.demo import bitget_mix
from trademon.demo.bitget_market import candle_paths
from trademon.demo.bitget_orders import ORDERS, order_paths
from trademon.demo.bitget_params import empty, newest_below, page_limit, trade_window, unknown
from trademon.demo.bitget_rows import (
    asset_row,
    fill_row,
    history_row,
    info_row,
    open_order_row,
    symbol_row,
    ticker_row,
)
from trademon.demo.bitget_wallet import wallet_paths
from trademon.demo.model import Execution, Market, WorldOrder, locked, to_ms
from trademon.demo.wire import DemoAccount, Json, PerSecond, Question, Refusal, all_markets, by_wire_name, sha256_mac

_EXPIRY_MS = 30_000
_RATES = {  # requests a second per uid; public ones (20 per address) are never the bottleneck here
    "/api/v2/spot/account/info": 1,
    "/api/v2/spot/account/assets": 10,
    "/api/v2/spot/trade/unfilled-orders": 20,
    "/api/v2/spot/trade/history-orders": 20,
    "/api/v2/spot/trade/fills": 10,
    "/api/v2/spot/trade/orderInfo": 20,
    "/api/v2/spot/trade/place-order": 10,
    "/api/v2/spot/trade/cancel-order": 10,
    "/api/v2/spot/wallet/deposit-records": 10,
    "/api/v2/spot/wallet/withdrawal-records": 10,
    **bitget_mix.MIX_RATES,
}


class BitgetApi:
    """Answers questions for a set of accounts; counts requests per uid, path and clock second."""

    ORDERS = ORDERS

    def __init__(self, accounts: list[DemoAccount], *, has_rates: bool = True) -> None:
        """`has_rates` False lets any number of requests a second pass."""
        self._accounts = {a.api_key: a for a in accounts}
        self._worlds = [a.world for a in accounts]
        self._markets = all_markets(self._worlds)
        self._has_rates = has_rates
        self._counted = PerSecond()
        self._public: dict[str, Callable[[Question], Json]] = {
            "/api/v2/public/time": lambda q: {"serverTime": str(q.now_ms)},
            "/api/v2/spot/public/symbols": self._symbols,
            "/api/v2/spot/market/tickers": self._tickers,
            **candle_paths(self._worlds),
            **bitget_mix.public_paths([a.futures for a in accounts if a.futures is not None]),
        }
        self._private: dict[str, Callable[[Question, DemoAccount], Json]] = {
            "/api/v2/spot/account/info": self._info,
            "/api/v2/spot/account/assets": self._assets,
            "/api/v2/spot/trade/unfilled-orders": self._unfilled,
            "/api/v2/spot/trade/history-orders": self._history,
            "/api/v2/spot/trade/fills": self._fills,
            **wallet_paths(),
            **bitget_mix.private_paths(),
            **order_paths(),
        }

    def account_of(self, question: Question) -> DemoAccount | None:
        """The account whose key was sent."""
        return self._accounts.get(question.headers.get("ACCESS-KEY", ""))

    def answer(self, question: Question) -> web.Response:
        """The answer in Bitget's envelope, or the refusal with its status, code and `data: null`."""
        try:
            data, status, code, msg = self._decide(question), 200, "00000", "success"
        except Refusal as no:
            return web.json_response(self._envelope(question, str(no.code), no.msg, None), status=no.status)
        return web.json_response(self._envelope(question, code, msg, data), status=status)

    def _envelope(self, q: Question, code: str, msg: str, data: Json | None) -> dict[str, object]:
        return {"code": code, "msg": msg, "requestTime": q.now_ms, "data": data}

    def _decide(self, q: Question) -> Json:
        if q.path in self._public:
            return self._public[q.path](q)
        if q.path.startswith("/api/v3/"):  # the unified account's interface; these accounts are classic
            self._authenticate(q)
            msg = "You are in Classic Account mode, and the Unified Account API is not supported at this time"
            raise Refusal(400, "40084", msg)
        if q.path not in self._private or ((q.method != "GET") != (("POST", q.path) in ORDERS)):
            raise Refusal(404, "40404", "Request URL NOT FOUND")
        account = self._authenticate(q)
        self._count(q, account)
        return self._private[q.path](q, account)

    def _count(self, q: Question, account: DemoAccount) -> None:
        asked = self._counted.count(q.now_ms, account.uid, q.path)
        if self._has_rates and asked > _RATES[q.path]:
            raise Refusal(429, "429", "Too Many Requests")

    def _authenticate(self, q: Question) -> DemoAccount:
        """Key, time, signature and passphrase. All refusals are 400, as recorded; assumed for 40008."""
        key, timestamp = q.headers.get("ACCESS-KEY"), q.headers.get("ACCESS-TIMESTAMP", "")
        signature, passphrase = q.headers.get("ACCESS-SIGN"), q.headers.get("ACCESS-PASSPHRASE")
        for value, code, name in (
            (key, "40001", "ACCESS_KEY"),
            (signature, "40003", "ACCESS_SIGN"),
            (timestamp, "40005", "ACCESS_TIMESTAMP"),
            (passphrase, "40011", "ACCESS_PASSPHRASE"),
        ):
            if not value:
                raise Refusal(400, code, f"{name} cannot be empty")
        if not re.fullmatch(r"[0-9]{13}", timestamp):
            raise Refusal(400, "40005", "Invalid ACCESS_TIMESTAMP")
        if abs(q.now_ms - int(timestamp)) > _EXPIRY_MS:
            raise Refusal(400, "40008", "Request timestamp expired")
        account = self._accounts.get(key or "")
        if account is None:
            raise Refusal(400, "40037", "Apikey does not exist")
        # What is signed is the query as decoded text, not as percent codes.
        query = "?" + unquote(q.raw_query) if q.raw_query else ""
        mac = sha256_mac(account.api_secret, f"{timestamp}{q.method}{q.path}{query}{q.body}")
        if not hmac.compare_digest(base64.b64encode(mac), (signature or "").encode()):
            raise Refusal(400, "40009", "sign signature error")
        if passphrase != account.passphrase:
            raise Refusal(400, "40012", "apikey/password is incorrect")
        return account

    def _symbols(self, q: Question) -> Json:
        return [symbol_row(self._markets[name][0]) for name in self._named(q)]

    def _tickers(self, q: Question) -> Json:
        known = all_markets(self._worlds)  # anew: by now another account may have traded a market
        chosen = (known.get(name, self._markets[name]) for name in self._named(q))
        return [ticker_row(market, world.price(market.symbol, q.now), q.now_ms) for market, world in chosen]

    def _named(self, q: Question) -> list[str]:
        name = q.params.get("symbol")
        if name and name not in self._markets:
            raise unknown(name)
        return [name] if name else list(self._markets)

    def _info(self, q: Question, account: DemoAccount) -> Json:
        return info_row(
            account.uid,
            can_trade=account.can_trade,
            can_withdraw=account.can_withdraw,
            is_address_limited=account.is_address_limited,
        )

    def _assets(self, q: Question, account: DemoAccount) -> Json:
        """Coins held; `assetType=all` lists the others too."""
        totals, orders = account.world.balances(q.now), account.world.orders(q.now)
        held = locked(orders)
        coins = [coin for coin, total in totals.items() if total]
        if q.params.get("assetType") == "all":
            listed = {c: None for m, _ in self._markets.values() for c in (m.base, m.quote)}
            coins = list(dict.fromkeys([*coins, *listed]))
        wanted = q.params.get("coin")
        updated = max((to_ms(o.updated_at) for o in orders), default=0)
        zero = Decimal(0)
        return [
            asset_row(coin, totals.get(coin, zero), held.get(coin, zero), updated)
            for coin in coins
            if wanted in (None, "", coin)
        ]

    def _unfilled(self, q: Question, account: DemoAccount) -> Json:
        orders = [o for o in self._orders_asked(q, account) if o.is_open]
        page = newest_below(orders, q, trade_window(q), page_limit(q), _order_key)
        return [open_order_row(account.uid, o) for o in page]

    def _history(self, q: Question, account: DemoAccount) -> Json:
        """Ended orders by creation time: one that still rests is in unfilled-orders only."""
        orders = [o for o in self._orders_asked(q, account) if not o.is_open]
        page = newest_below(orders, q, trade_window(q), page_limit(q), _order_key)
        return [history_row(account.uid, o) for o in page]

    def _orders_asked(self, q: Question, account: DemoAccount) -> list[WorldOrder]:
        name, order_id = q.params.get("symbol"), q.params.get("orderId")
        symbol = _market(account, name).symbol if name else None
        return [o for o in account.world.orders(q.now, symbol) if order_id in (None, "", o.order_id)]

    def _fills(self, q: Question, account: DemoAccount) -> Json:
        name, order_id = q.params.get("symbol"), q.params.get("orderId")
        if not name:
            raise empty("symbol")
        market = _market(account, name)
        types = {o.order_id: o.type for o in account.world.orders(q.now, market.symbol)}
        found = [e for e in account.world.executions(q.now, market.symbol) if order_id in (None, "", e.order_id)]
        page = newest_below(found, q, trade_window(q), page_limit(q), _fill_key)
        return [fill_row(account.uid, e, types[e.order_id]) for e in page]


def _order_key(o: WorldOrder) -> tuple[int, int]:
    """Id and time of an order: the time is that of its creation, whenever it executed."""
    return int(o.order_id), to_ms(o.created_at)


def _fill_key(e: Execution) -> tuple[int, int]:
    return int(e.trade_id), e.ms


def _market(account: DemoAccount, name: str) -> Market:
    market = by_wire_name(account.world).get(name)
    if market is None:
        raise unknown(name)
    return market
