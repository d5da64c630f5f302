"""Binance's spot REST interface over demo worlds, as strict as the real one (binance-spot-api-docs, rest-api.md).

Weights, parameter sets, windows, ordering and refusals are the documented ones. What the documentation leaves open is
marked "assumed".
"""

import hmac
import json
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from aiohttp import web

from trademon.demo.binance_rows import (
    account_answer,
    balance_rows,
    money,
    order_row,
    restrictions_answer,
    symbol_row,
    trade_row,
)
from trademon.demo.model import Execution, Market, WorldOrder, locked, to_ms
from trademon.demo.wire import (
    DemoAccount,
    Json,
    Question,
    Refusal,
    all_markets,
    by_wire_name,
    sha256_mac,
)

T = TypeVar("T", Execution, WorldOrder)

_DAY_MS = 86_400_000
_TRADE_SETS: tuple[set[str], ...] = (  # which of these may be sent together to myTrades
    set(),
    {"orderId"},
    {"startTime"},
    {"endTime"},
    {"fromId"},
    {"startTime", "endTime"},
    {"orderId", "fromId"},
)


_SIGNED = frozenset({"timestamp", "recvWindow", "signature"})


class _Rule(NamedTuple):
    """Weight with and without the parameter `lighter`, and the parameters understood beside the signature's."""

    params: frozenset[str]
    weight: int
    lighter: str = ""
    weight_with: int = 0


_RULES = {
    "/api/v3/ping": _Rule(frozenset(), 1),
    "/api/v3/time": _Rule(frozenset(), 1),
    "/api/v3/exchangeInfo": _Rule(
        frozenset({"symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"}), 20
    ),
    "/api/v3/ticker/price": _Rule(frozenset({"symbol", "symbols", "symbolStatus"}), 4, "symbol", 2),
    "/api/v3/account": _Rule(frozenset({"omitZeroBalances"}), 20),
    "/api/v3/openOrders": _Rule(frozenset({"symbol"}), 80, "symbol", 6),
    "/api/v3/allOrders": _Rule(frozenset({"symbol", "orderId", "startTime", "endTime", "limit"}), 20),
    "/api/v3/myTrades": _Rule(
        frozenset({"symbol", "orderId", "startTime", "endTime", "fromId", "limit"}), 20, "orderId", 5
    ),
    "/sapi/v1/account/apiRestrictions": _Rule(frozenset(), 1),
}


class BinanceApi:
    """Answers questions for a set of accounts; counts weight per clock minute over all of them, as per one address."""

    def __init__(self, accounts: list[DemoAccount], weight_limit: int = 6000) -> None:
        """`weight_limit` is the weight allowed in a minute."""
        self._accounts = {a.api_key: a for a in accounts}
        self._markets = all_markets([a.world for a in accounts])
        self.weight_limit = weight_limit
        self._minute = -1
        self.used_weight = 0
        self._public: dict[str, Callable[[Question], Json]] = {
            "/api/v3/ping": lambda q: {},
            "/api/v3/time": lambda q: {"serverTime": q.now_ms},
            "/api/v3/exchangeInfo": self._exchange_info,
            "/api/v3/ticker/price": self._prices,
        }
        self._signed: dict[str, Callable[[Question, DemoAccount], Json]] = {
            "/api/v3/account": self._account,
            "/api/v3/openOrders": self._open_orders,
            "/api/v3/allOrders": self._all_orders,
            "/api/v3/myTrades": self._my_trades,
            "/sapi/v1/account/apiRestrictions": self._restrictions,
        }

    def account_of(self, question: Question) -> DemoAccount | None:
        """The account whose key was sent."""
        return self._accounts.get(question.headers.get("X-MBX-APIKEY", ""))

    def answer(self, question: Question) -> web.Response:
        """The answer, or the refusal with Binance's status and body."""
        try:
            body, status, headers = self._decide(question), 200, {}
        except Refusal as no:
            body, status, headers = {"code": no.code, "msg": no.msg}, no.status, dict(no.headers)
        headers["X-MBX-USED-WEIGHT-1M"] = headers["X-MBX-USED-WEIGHT"] = str(self.used_weight)
        return web.json_response(body, status=status, headers=headers)

    def _decide(self, q: Question) -> Json:
        rule = _RULES.get(q.path)
        if rule is None:
            raise Refusal(404, -1000, "Path not found.")  # assumed: the body; the status is the real one's
        self._count(q, rule.weight_with if rule.lighter in q.params else rule.weight)
        if q.path in self._public:
            _refuse_unread(q.params, rule.params)
            return self._public[q.path](q)
        account = self._authenticate(q)
        _refuse_unread(q.params, rule.params | _SIGNED)
        return self._signed[q.path](q, account)

    def _count(self, q: Question, weight: int) -> None:
        """Add `weight` to this minute's; a refused request counts too."""
        minute, into = divmod(q.now_ms, 60_000)
        if minute != self._minute:
            self._minute, self.used_weight = minute, 0
        self.used_weight += weight
        if self.used_weight > self.weight_limit:
            msg = (
                f"Too much request weight used; current limit is {self.weight_limit} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
            wait_s = -(-(60_000 - into) // 1000)
            raise Refusal(429, -1003, msg, {"Retry-After": str(wait_s)})

    def _authenticate(self, q: Question) -> DemoAccount:
        key = q.headers.get("X-MBX-APIKEY", "")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", key):
            raise Refusal(401, -2014, "API-key format invalid.")
        account = self._accounts.get(key)
        if account is None:
            raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
        payload, mark, signature = q.raw_query.rpartition("&signature=")
        if not mark or not signature:
            raise _missing("signature")
        if not hmac.compare_digest(sha256_mac(account.api_secret, payload).hex(), signature):
            raise Refusal(400, -1022, "Signature for this request is not valid.")
        self._check_time(q)
        return account

    def _check_time(self, q: Question) -> None:
        timestamp = _integer(q.params, "timestamp")
        if timestamp is None:
            raise _missing("timestamp")
        window = _integer(q.params, "recvWindow")
        window = 5000 if window is None else window
        if window > 60_000:
            raise Refusal(400, -1131, "'recvWindow' must be less than 60000.")
        if timestamp >= q.now_ms + 1000:
            raise Refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if q.now_ms - timestamp > window:
            raise Refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")

    def _exchange_info(self, q: Question) -> Json:
        names = self._named(q.params)
        return {
            "timezone": "UTC",
            "serverTime": q.now_ms,
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.weight_limit},
                {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
            ],
            "exchangeFilters": [],
            "symbols": [symbol_row(self._markets[name][0]) for name in names or self._markets],
        }

    def _prices(self, q: Question) -> Json:
        rows: list[dict[str, str]] = []
        for name in self._named(q.params) or self._markets:
            market, world = self._markets[name]
            rows.append({"symbol": name, "price": money(world.price(market.symbol, q.now))})
        return dict(rows[0]) if "symbol" in q.params else rows

    def _named(self, params: dict[str, str]) -> list[str]:
        """The symbols asked for by `symbol` or `symbols` (a JSON array); empty for all."""
        if "symbol" in params and "symbols" in params:
            raise _bad_combination()
        names = [params["symbol"]] if "symbol" in params else _array(params.get("symbols", "[]"))
        if any(name not in self._markets for name in names):
            raise Refusal(400, -1121, "Invalid symbol.")
        return names

    def _account(self, q: Question, account: DemoAccount) -> Json:
        totals = account.world.balances(q.now)
        orders = account.world.orders(q.now)
        held = locked(orders)
        coins = [coin for coin, total in totals.items() if total]
        if q.params.get("omitZeroBalances") != "true":
            listed = {c: None for m in self._markets.values() for c in (m[0].base, m[0].quote)}
            coins = list(dict.fromkeys([*totals, *listed]))
        updated = max((to_ms(o.updated_at) for o in orders), default=0)
        return account_answer(account.uid, updated, balance_rows(totals, held, coins))

    def _open_orders(self, q: Question, account: DemoAccount) -> Json:
        market = _market(account, q.params) if "symbol" in q.params else None
        orders = account.world.orders(q.now, market.symbol if market else None)
        return [order_row(o) for o in orders if o.is_open]

    def _all_orders(self, q: Question, account: DemoAccount) -> Json:
        market, (start, end), limit = _market(account, q.params), _window(q.params), _limit(q.params)
        first = _integer(q.params, "orderId")
        rows = sorted(account.world.orders(q.now, market.symbol), key=lambda o: int(o.order_id))
        if first is not None:
            rows = [o for o in rows if int(o.order_id) >= first]
        found = [o for o in rows if _inside(to_ms(o.created_at), start, end)]
        return [order_row(o) for o in _page(found, limit, from_oldest=first is not None or start is not None)]

    def _my_trades(self, q: Question, account: DemoAccount) -> Json:
        market = _market(account, q.params)
        if {"orderId", "startTime", "endTime", "fromId"} & q.params.keys() not in _TRADE_SETS:
            raise _bad_combination()
        (start, end), limit = _window(q.params), _limit(q.params)
        order_id, first = _integer(q.params, "orderId"), _integer(q.params, "fromId")
        found = [
            e
            for e in account.world.executions(q.now, market.symbol)
            if _inside(e.ms, start, end)
            and (order_id is None or int(e.order_id) == order_id)
            and (first is None or int(e.trade_id) >= first)
        ]
        if first is not None:
            found.sort(key=lambda e: int(e.trade_id))  # a fill published late has an older time than its neighbours
        page: list[Execution] = _page(found, limit, from_oldest=first is not None or start is not None)
        return [trade_row(e) for e in page]

    def _restrictions(self, q: Question, account: DemoAccount) -> Json:
        return restrictions_answer(can_trade=account.can_trade, can_withdraw=account.can_withdraw)


def _missing(name: str) -> Refusal:
    return Refusal(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _refuse_unread(params: dict[str, str], known: frozenset[str]) -> None:
    """Binance refuses parameters it does not know: a misspelt one is not silently dropped."""
    read = len(params.keys() & known)
    if read < len(params):
        raise Refusal(
            400, -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(params)}'."
        )


def _bad_combination() -> Refusal:
    return Refusal(400, -1128, "Combination of optional parameters invalid.")


def _integer(params: dict[str, str], name: str) -> int | None:
    if name not in params:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", params[name]):
        raise Refusal(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(params[name])


def _array(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal(400, -1100, "Illegal characters found in parameter 'symbols'.")
    return names


def _market(account: DemoAccount, params: dict[str, str]) -> Market:
    if not params.get("symbol"):
        raise _missing("symbol")
    market = by_wire_name(account.world).get(params["symbol"])
    if market is None:
        raise Refusal(400, -1121, "Invalid symbol.")
    return market


def _limit(params: dict[str, str]) -> int:
    limit = _integer(params, "limit")
    if limit == 0:
        raise Refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit or 500, 1000)  # assumed: a greater one is cut to the maximum


def _window(params: dict[str, str]) -> tuple[int | None, int | None]:
    """Start and end in ms, both included, at most 24 hours apart; a start alone reaches 24 hours on."""
    start, end = _integer(params, "startTime"), _integer(params, "endTime")
    if start is not None and end is not None:
        if end < start:
            raise Refusal(400, -1128, "Start time is greater than end time.")  # assumed: the code
        if end - start > _DAY_MS:
            raise Refusal(400, -1127, "More than 24 hours between startTime and endTime.")
    if start is not None and end is None:
        end = start + _DAY_MS
    return start, end


def _inside(ms: int, start: int | None, end: int | None) -> bool:
    return (start is None or start <= ms) and (end is None or ms <= end)


def _page(rows: list[T], limit: int, *, from_oldest: bool) -> list[T]:
    """The first or the last `limit` rows; both ascending."""
    return rows[:limit] if from_oldest else rows[-limit:]
