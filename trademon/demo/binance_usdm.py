"""Binance's USD-M futures REST interface over demo accounts (developers.binance.com, USDⓈ-M futures).

Weights, windows, parameter sets and refusals are the documented ones. What the documentation leaves open is marked
"assumed".
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import islice

from aiohttp import web

from trademon.demo.binance_door import SIGNED, MinuteWeight, Rule, authenticate
from trademon.demo.binance_params import (
    bad_combination,
    integer,
    is_inside,
    missing,
    one_page,
    page_limit,
    refuse_unread,
)
from trademon.demo.binance_usdm_rows import (
    balance_row,
    filled_order_row,
    income_rows,
    kline_row,
    open_order_row,
    position_row,
    symbol_row,
    trade_row,
)
from trademon.demo.candles import DAY_MS, MINUTE_MS
from trademon.demo.futures import FuturesWorld
from trademon.demo.model import to_ms
from trademon.demo.wire import DemoAccount, Json, Question, Refusal, plain

WEIGHT_LIMIT = 2400
_SEVEN_DAYS_MS = 7 * DAY_MS
_TRADES_KEPT_MS = 183 * DAY_MS
_INCOME_KEPT_MS = 92 * DAY_MS
_INTERVALS = {"1m": MINUTE_MS, "1d": DAY_MS}

_RULES = {
    "/fapi/v1/time": Rule(frozenset(), 1),
    "/fapi/v1/exchangeInfo": Rule(frozenset(), 1),
    "/fapi/v2/ticker/price": Rule(frozenset({"symbol"}), 2, "symbol", 1),
    "/fapi/v1/klines": Rule(frozenset({"symbol", "interval", "startTime", "endTime", "limit"}), 5),
    "/fapi/v3/balance": Rule(frozenset(), 5),
    "/fapi/v3/positionRisk": Rule(frozenset({"symbol"}), 5),
    "/fapi/v1/openOrders": Rule(frozenset({"symbol"}), 40, "symbol", 1),
    "/fapi/v1/allOrders": Rule(frozenset({"symbol", "orderId", "startTime", "endTime", "limit"}), 5),
    "/fapi/v1/userTrades": Rule(frozenset({"symbol", "orderId", "startTime", "endTime", "fromId", "limit"}), 5),
    "/fapi/v1/income": Rule(frozenset({"symbol", "incomeType", "startTime", "endTime", "page", "limit"}), 30),
}


class UsdmApi:
    """Answers questions for the accounts that have a futures wallet; its weight is its own host's."""

    def __init__(self, accounts: list[DemoAccount], weight_limit: int = WEIGHT_LIMIT) -> None:
        """`weight_limit` is the weight allowed in a minute."""
        self._accounts = {a.api_key: a for a in accounts if a.futures is not None}
        self._worlds = [a.futures for a in accounts if a.futures is not None]
        self._weight = MinuteWeight()
        self.weight_limit = weight_limit
        self._public: dict[str, Callable[[Question], Json]] = {
            "/fapi/v1/time": lambda q: {"serverTime": q.now_ms},
            "/fapi/v1/exchangeInfo": self._exchange_info,
            "/fapi/v2/ticker/price": self._prices,
            "/fapi/v1/klines": self._klines,
        }
        self._signed: dict[str, Callable[[Question, DemoAccount, FuturesWorld], Json]] = {
            "/fapi/v3/balance": self._balance,
            "/fapi/v3/positionRisk": self._positions,
            "/fapi/v1/openOrders": self._open_orders,
            "/fapi/v1/allOrders": self._all_orders,
            "/fapi/v1/userTrades": self._user_trades,
            "/fapi/v1/income": self._income,
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
        headers["X-MBX-USED-WEIGHT-1M"] = str(self._weight.used)
        return web.json_response(body, status=status, headers=headers)

    def _decide(self, q: Question) -> Json:
        rule = _RULES.get(q.path)
        if rule is None:
            raise Refusal(404, -5000, "Path is invalid")  # assumed: the body
        self._weight.count(q, rule.weight_with if rule.lighter in q.params else rule.weight, self.weight_limit)
        if q.path in self._public:
            refuse_unread(q.params, rule.params)
            return self._public[q.path](q)
        account = authenticate(q, self._accounts)
        refuse_unread(q.params, rule.params | SIGNED)
        assert account.futures is not None
        return self._signed[q.path](q, account, account.futures)

    def _exchange_info(self, q: Question) -> Json:
        listed = {m.symbol: m for world in self._worlds for m in world.markets}
        return {
            "timezone": "UTC",
            "serverTime": q.now_ms,
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.weight_limit}
            ],
            "symbols": [symbol_row(m) for m in listed.values()],
        }

    def _prices(self, q: Question) -> Json:
        prices = {m.wire: plain(world.price(m.symbol)) for world in self._worlds for m in world.markets}
        return [{"symbol": name, "price": price, "time": q.now_ms} for name, price in prices.items()]

    def _klines(self, q: Question) -> Json:
        """A price that never moves, in candles that begin with their interval."""
        name, length = q.params.get("symbol", ""), _INTERVALS.get(q.params.get("interval", ""))
        prices = {m.wire: world.price(m.symbol) for world in self._worlds for m in world.markets}
        if name not in prices:
            raise Refusal(400, -1121, "Invalid symbol.")
        if length is None:
            raise Refusal(400, -1120, "Invalid interval.")
        start, end = integer(q.params, "startTime") or 0, integer(q.params, "endTime") or q.now_ms
        opens = range(-(-start // length) * length, min(end, q.now_ms) + 1, length)
        return [kline_row(ms, length, prices[name]) for ms in islice(opens, page_limit(q.params))]

    def _balance(self, q: Question, account: DemoAccount, world: FuturesWorld) -> Json:
        totals = {"BNB": Decimal(0)} | world.balances(q.now)
        return [balance_row(account.uid, coin, total, q.now_ms) for coin, total in totals.items()]

    def _positions(self, q: Question, account: DemoAccount, world: FuturesWorld) -> Json:
        """Only what is held, or has an order open."""
        held = world.positions(q.now)
        waiting = {(o.symbol, o.position_side) for o in world.waiting if o.created_at <= q.now} - held.keys()
        rows = [position_row(symbol, side, one, world.price(symbol)) for (symbol, side), one in held.items()]
        return rows + [position_row(symbol, side, None, world.price(symbol)) for symbol, side in sorted(waiting)]

    def _open_orders(self, q: Question, account: DemoAccount, world: FuturesWorld) -> Json:
        symbol = _symbol(world, q.params["symbol"]) if "symbol" in q.params else None
        return [open_order_row(o) for o in world.waiting if o.created_at <= q.now and symbol in (None, o.symbol)]

    def _all_orders(self, q: Question, account: DemoAccount, world: FuturesWorld) -> Json:
        """Orders with fills: those without are forgotten after three days, and nobody asks for them."""
        symbol, first = _symbol(world, q.params.get("symbol")), integer(q.params, "orderId") or 0
        orders = {f.order_id: f for f in world.executions(q.now, symbol) if int(f.order_id) >= first}
        found = sorted(orders.values(), key=lambda f: int(f.order_id))
        return [filled_order_row(f) for f in one_page(found, page_limit(q.params), from_oldest=True)]

    def _user_trades(self, q: Question, account: DemoAccount, world: FuturesWorld) -> Json:
        symbol, first = _symbol(world, q.params.get("symbol")), integer(q.params, "fromId")
        if first is not None and {"startTime", "endTime"} & q.params.keys():
            raise bad_combination()
        start, end = _week(q) if first is None else (q.now_ms - _TRADES_KEPT_MS, q.now_ms)
        found = [f for f in world.executions(q.now, symbol) if is_inside(to_ms(f.executed_at), start, end)]
        if first is not None:
            found = sorted((f for f in found if int(f.trade_id) >= first), key=lambda f: int(f.trade_id))
        from_oldest = first is not None or "startTime" in q.params
        return [trade_row(f) for f in one_page(found, page_limit(q.params), from_oldest=from_oldest)]

    def _income(self, q: Question, account: DemoAccount, world: FuturesWorld) -> Json:
        start, end = integer(q.params, "startTime"), integer(q.params, "endTime")
        if start is None and end is None:
            start = q.now_ms - _SEVEN_DAYS_MS
        start = max(start or 0, q.now_ms - _INCOME_KEPT_MS)
        wanted, page, limit = q.params.get("incomeType"), integer(q.params, "page") or 1, page_limit(q.params, 100)
        rows = [
            row
            for row in income_rows(world, q.now)
            if is_inside(row["time"], start, end) and wanted in (None, row["incomeType"])
        ]
        return rows[(page - 1) * limit : page * limit]


def _symbol(world: FuturesWorld, name: str | None) -> str:
    if not name:
        raise missing("symbol")
    found = next((m.symbol for m in world.markets if m.wire == name), None)
    if found is None:
        raise Refusal(400, -1121, "Invalid symbol.")
    return found


def _week(q: Question) -> tuple[int, int]:
    """At most seven days, the last seven where nothing is said; six months back at most."""
    start, end = integer(q.params, "startTime"), integer(q.params, "endTime")
    if start is None:
        end = q.now_ms if end is None else end
        start = end - _SEVEN_DAYS_MS
    end = start + _SEVEN_DAYS_MS if end is None else end
    if end < start:
        raise Refusal(400, -4087, "startTime is greater than endTime")  # assumed: the code
    if end - start > _SEVEN_DAYS_MS:
        raise Refusal(400, -4088, "Maximum time interval is 7 days.")
    if start < q.now_ms - _TRADES_KEPT_MS:
        raise Refusal(400, -4089, "Only the past 6 months can be asked for.")  # assumed: the code
    return start, end
