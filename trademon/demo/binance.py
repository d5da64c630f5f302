"""Binance's spot REST interface over demo worlds, as strict as the real one (binance-spot-api-docs, rest-api.md).

Weights, parameter sets, windows, ordering and refusals are the documented ones. What the documentation leaves open is
marked "assumed".
"""

from collections.abc import Callable
from itertools import islice

from aiohttp import web

from trademon.demo.binance_door import SIGNED, MinuteWeight, Rule, authenticate
from trademon.demo.binance_orders import ORDER_PATH, ORDER_RULES, answer_order
from trademon.demo.binance_params import (
    array,
    bad_combination,
    day_window,
    integer,
    is_inside,
    missing,
    one_page,
    page_limit,
    refuse_unread,
)
from trademon.demo.binance_rows import (
    account_answer,
    balance_rows,
    booked,
    kline_row,
    money,
    order_row,
    symbol_row,
    trade_row,
)
from trademon.demo.binance_wallet import WITHDRAWALS, BinanceWallet
from trademon.demo.candles import DAY_MS, HOUR_MS, MINUTE_MS, Grid
from trademon.demo.model import Execution, Market, locked, to_ms
from trademon.demo.wire import (
    DemoAccount,
    Json,
    Question,
    Refusal,
    all_markets,
    by_wire_name,
    find_market,
)

# Beside these there are seconds, three days, weeks and months, which nobody here asks for.
_INTERVALS = {
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR_MS for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY_MS,
}
_NO_SAPI = "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center></body></html>"
_TRADE_SETS: tuple[set[str], ...] = (  # which of these may be sent together to myTrades
    set(),
    {"orderId"},
    {"startTime"},
    {"endTime"},
    {"fromId"},
    {"startTime", "endTime"},
    {"orderId", "fromId"},
)


_RULES = {
    "/api/v3/ping": Rule(frozenset(), 1),
    "/api/v3/time": Rule(frozenset(), 1),
    "/api/v3/exchangeInfo": Rule(
        frozenset({"symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"}), 20
    ),
    "/api/v3/ticker/price": Rule(frozenset({"symbol", "symbols", "symbolStatus"}), 4, "symbol", 2),
    "/api/v3/klines": Rule(frozenset({"symbol", "interval", "startTime", "endTime", "limit"}), 2),
    "/api/v3/account": Rule(frozenset({"omitZeroBalances"}), 20),
    "/api/v3/openOrders": Rule(frozenset({"symbol"}), 80, "symbol", 6),
    "/api/v3/allOrders": Rule(frozenset({"symbol", "orderId", "startTime", "endTime", "limit"}), 20),
    "/api/v3/myTrades": Rule(
        frozenset({"symbol", "orderId", "startTime", "endTime", "fromId", "limit"}), 20, "orderId", 5
    ),
    "/sapi/v1/account/apiRestrictions": Rule(frozenset(), 1),
    "/sapi/v1/capital/deposit/hisrec": Rule(
        frozenset({"coin", "status", "startTime", "endTime", "offset", "limit", "txId"}), 1
    ),
    # Its weight is the account's own and no part of the address's minute; see binance_wallet.
    WITHDRAWALS: Rule(frozenset({"coin", "status", "startTime", "endTime", "offset", "limit"}), 0),
}


class BinanceApi:
    """Answers questions for a set of accounts; counts weight per clock minute over all of them, as per one address."""

    ORDERS = frozenset({("POST", ORDER_PATH), ("DELETE", ORDER_PATH)})

    def __init__(
        self,
        accounts: list[DemoAccount],
        weight_limit: int = 6000,
        *,
        has_rates: bool = True,
        has_sapi: bool = True,
    ) -> None:
        """`weight_limit` is the weight allowed in a minute; a test network has no /sapi."""
        self._accounts = {a.api_key: a for a in accounts}
        self._worlds = [a.world for a in accounts]
        self._wallet = BinanceWallet(has_rates=has_rates)
        self.has_sapi = has_sapi
        self._markets = all_markets(self._worlds)
        self.weight_limit = weight_limit
        self._weight = MinuteWeight()
        self._public: dict[str, Callable[[Question], Json]] = {
            "/api/v3/ping": lambda q: {},
            "/api/v3/time": lambda q: {"serverTime": q.now_ms},
            "/api/v3/exchangeInfo": self._exchange_info,
            "/api/v3/ticker/price": self._prices,
            "/api/v3/klines": self._klines,
        }
        self._signed: dict[str, Callable[[Question, DemoAccount], Json]] = {
            "/api/v3/account": self._account,
            "/api/v3/openOrders": self._open_orders,
            "/api/v3/allOrders": self._all_orders,
            "/api/v3/myTrades": self._my_trades,
            **self._wallet.handlers,
        }

    def account_of(self, question: Question) -> DemoAccount | None:
        """The account whose key was sent."""
        return self._accounts.get(question.headers.get("X-MBX-APIKEY", ""))

    def answer(self, question: Question) -> web.Response:
        """The answer, or the refusal with Binance's status and body."""
        if question.path.startswith("/sapi/") and not self.has_sapi:
            return web.Response(status=404, text=_NO_SAPI, content_type="text/html")
        try:
            body, status, headers = self._decide(question), 200, {}
        except Refusal as no:
            body, status, headers = {"code": no.code, "msg": no.msg}, no.status, dict(no.headers)
        headers["X-MBX-USED-WEIGHT-1M"] = headers["X-MBX-USED-WEIGHT"] = str(self.used_weight)
        if question.path == WITHDRAWALS:
            headers["X-SAPI-USED-UID-WEIGHT-1S"] = str(self._wallet.used_withdrawal_weight)
        return web.json_response(body, status=status, headers=headers)

    def _decide(self, q: Question) -> Json:
        rule = ORDER_RULES.get(q.method) if q.path == ORDER_PATH else _RULES.get(q.path)
        if rule is None:
            raise Refusal(404, -1000, "Path not found.")  # assumed: the body; the status is the real one's
        self._count(q, rule.weight_with if rule.lighter in q.params else rule.weight)
        if q.path in self._public:
            refuse_unread(q.params, rule.params)
            return self._public[q.path](q)
        account = authenticate(q, self._accounts)
        refuse_unread(q.params, rule.params | SIGNED)
        return answer_order(q, account) if q.path == ORDER_PATH else self._signed[q.path](q, account)

    def _count(self, q: Question, weight: int) -> None:
        """Add `weight` to this minute's; a refused request counts too."""
        self._weight.count(q, weight, self.weight_limit)

    @property
    def used_weight(self) -> int:
        """This minute's weight so far."""
        return self._weight.used

    @used_weight.setter
    def used_weight(self, weight: int) -> None:
        self._weight.used = weight

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
        known = all_markets(self._worlds)  # anew: by now another account may have traded a market
        for name in self._named(q.params) or self._markets:
            market, world = known.get(name, self._markets[name])
            rows.append({"symbol": name, "price": money(world.price(market.symbol, q.now))})
        return dict(rows[0]) if "symbol" in q.params else rows

    def _klines(self, q: Question) -> Json:
        """With a start the oldest from it, else the newest; a candle belongs where it opens, none in the future."""
        grid, limit = self._grid(q.params), page_limit(q.params)
        start, end = integer(q.params, "startTime"), integer(q.params, "endTime")
        last = q.now_ms if end is None else min(end, q.now_ms)
        opens = list(islice(grid.descending(last) if start is None else grid.ascending(start, last), limit))
        return [kline_row(c, grid.length_ms) for c in grid.candles(sorted(opens), q.now)]

    def _grid(self, params: dict[str, str]) -> Grid:
        for name in ("symbol", "interval"):
            if not params.get(name):
                raise missing(name)
        found = find_market(self._worlds, params["symbol"])
        if found is None:
            raise Refusal(400, -1121, "Invalid symbol.")
        if params["interval"] not in _INTERVALS:
            raise Refusal(400, -1120, "Invalid interval.")
        return Grid(found[1], found[0].symbol, _INTERVALS[params["interval"]])

    def _named(self, params: dict[str, str]) -> list[str]:
        """The symbols asked for by `symbol` or `symbols` (a JSON array); empty for all."""
        if "symbol" in params and "symbols" in params:
            raise bad_combination()
        names = [params["symbol"]] if "symbol" in params else array(params.get("symbols", "[]"))
        if any(name not in self._markets for name in names):
            raise Refusal(400, -1121, "Invalid symbol.")
        return names

    def _account(self, q: Question, account: DemoAccount) -> Json:
        totals = booked(account.world.balances(q.now), account.world.executions(q.now))
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
        market, (start, end), limit = _market(account, q.params), day_window(q.params), page_limit(q.params)
        first = integer(q.params, "orderId")
        rows = sorted(account.world.orders(q.now, market.symbol), key=lambda o: int(o.order_id))
        if first is not None:
            rows = [o for o in rows if int(o.order_id) >= first]
        found = [o for o in rows if is_inside(to_ms(o.created_at), start, end)]
        return [order_row(o) for o in one_page(found, limit, from_oldest=first is not None or start is not None)]

    def _my_trades(self, q: Question, account: DemoAccount) -> Json:
        market = _market(account, q.params)
        if {"orderId", "startTime", "endTime", "fromId"} & q.params.keys() not in _TRADE_SETS:
            raise bad_combination()
        (start, end), limit = day_window(q.params), page_limit(q.params)
        order_id, first = integer(q.params, "orderId"), integer(q.params, "fromId")
        found = [
            e
            for e in account.world.executions(q.now, market.symbol)
            if is_inside(e.ms, start, end)
            and (order_id is None or int(e.order_id) == order_id)
            and (first is None or int(e.trade_id) >= first)
        ]
        if first is not None:
            found.sort(key=lambda e: int(e.trade_id))  # a fill published late has an older time than its neighbours
        page: list[Execution] = one_page(found, limit, from_oldest=first is not None or start is not None)
        return [trade_row(e) for e in page]


def _market(account: DemoAccount, params: dict[str, str]) -> Market:
    if not params.get("symbol"):
        raise missing("symbol")
    market = by_wire_name(account.world).get(params["symbol"])
    if market is None:
        raise Refusal(400, -1121, "Invalid symbol.")
    return market
