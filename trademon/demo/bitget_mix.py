"""Bitget's v2 futures (mix) REST interface over demo accounts (bitget.com/api-doc, Contract).

Where the documentation leaves a status or a code open, the comment says "assumed".
"""

from collections.abc import Callable
from typing import Any

from trademon.demo.bitget_mix_rows import (
    account_row,
    bill_rows,
    candle_row,
    contract_row,
    fill_row,
    history_row,
    pending_row,
    position_row,
    ticker_row,
)
from trademon.demo.bitget_params import empty, integer, newest_below, page_limit, reversed_times, too_long, unknown
from trademon.demo.candles import DAY_MS, MINUTE_MS
from trademon.demo.futures import FuturesWorld
from trademon.demo.model import to_ms
from trademon.demo.wire import DemoAccount, Json, Question, Refusal

MIX_RATES = dict.fromkeys(
    (
        "/api/v2/mix/account/accounts",
        "/api/v2/mix/account/bill",
        "/api/v2/mix/position/all-position",
        "/api/v2/mix/order/orders-pending",
        "/api/v2/mix/order/orders-history",
        "/api/v2/mix/order/fills",
        "/api/v2/mix/order/fill-history",
    ),
    10,
)
_PRODUCTS = ("USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES")
_WEEK_MS, _BILLS_MS, _KEPT_MS = 7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS
_LENGTHS = {"1m": MINUTE_MS, "1Dutc": DAY_MS}


def public_paths(worlds: list[FuturesWorld]) -> dict[str, Callable[[Question], Json]]:
    """Handlers of what needs no key."""

    def contracts(q: Question) -> Json:
        return [contract_row(m) for m in _listed(worlds, q)]

    def tickers(q: Question) -> Json:
        return [ticker_row(m, world.price(m.symbol), q.now_ms) for world in worlds for m in _listed([world], q)]

    def candles(q: Question) -> Json:
        """The last `limit` before the end, oldest first; a price that never moves."""
        name, length = q.params.get("symbol", ""), _LENGTHS.get(q.params.get("granularity", ""))
        prices = {m.wire: world.price(m.symbol) for world in worlds for m in world.markets}
        if name not in prices:
            raise unknown(name)
        if length is None:
            raise Refusal(400, "400171", "Parameter verification failed")
        end = min(integer(q, "endTime") or q.now_ms, q.now_ms)
        start = max(integer(q, "startTime") or 0, end - page_limit(q, 100, 1000) * length)
        return [candle_row(ms, prices[name]) for ms in range(-(-start // length) * length, end + 1, length)]

    return {
        "/api/v2/mix/market/contracts": contracts,
        "/api/v2/mix/market/tickers": tickers,
        "/api/v2/mix/market/candles": candles,
        "/api/v2/mix/market/history-candles": candles,
    }


def private_paths() -> dict[str, Callable[[Question, DemoAccount], Json]]:
    """Handlers of what does."""
    return {
        "/api/v2/mix/account/accounts": _accounts,
        "/api/v2/mix/account/bill": _bill,
        "/api/v2/mix/position/all-position": _positions,
        "/api/v2/mix/order/orders-pending": _pending,
        "/api/v2/mix/order/orders-history": _history,
        "/api/v2/mix/order/fills": _fills,
        "/api/v2/mix/order/fill-history": _fills,
    }


def _world(q: Question, account: DemoAccount) -> FuturesWorld | None:
    """What the account did with this product; None for a product that it has nothing of."""
    return account.futures if _product(q) == "USDT-FUTURES" else None


def _product(q: Question) -> str:
    product = q.params.get("productType", "").upper()
    if not product:
        raise empty("productType")
    if product not in _PRODUCTS:
        raise unknown(product)
    return product


def _listed(worlds: list[FuturesWorld], q: Question) -> list[Any]:
    if _product(q) != "USDT-FUTURES":
        return []
    return list({m.symbol: m for world in worlds for m in world.markets}.values())


def _accounts(q: Question, account: DemoAccount) -> Json:
    world = _world(q, account)
    if world is None:
        return []
    held = world.positions(q.now).items()
    gained = sum(one.quantity * world.price(symbol) - one.cost for (symbol, _), one in held)
    return [account_row(coin, total, gained if coin == "USDT" else 0) for coin, total in world.balances(q.now).items()]


def _positions(q: Question, account: DemoAccount) -> Json:
    world = _world(q, account)
    if world is None:
        return []
    return [
        position_row(symbol, one, world.price(symbol), q.now_ms, is_hedged=world.is_hedged)
        for (symbol, _), one in world.positions(q.now).items()
    ]


def _pending(q: Question, account: DemoAccount) -> Json:
    world = _world(q, account)
    orders = [] if world is None else [o for o in world.waiting if o.created_at <= q.now]
    found = newest_below(orders, q, (0, q.now_ms), page_limit(q), lambda o: (int(o.order_id), to_ms(o.created_at)))
    return _page("entrustedList", [pending_row(o) for o in found], "orderId")


def _history(q: Question, account: DemoAccount) -> Json:
    """Ended orders by their creation, each once; a liquidation is an order of the exchange's."""
    world, symbol = _world(q, account), q.params.get("symbol")
    orders = {} if world is None else {f.order_id: f for f in reversed(world.executions(q.now))}
    chosen = [f for f in orders.values() if symbol in (None, "", f.symbol.replace("/", ""))]
    window = _window(q, _KEPT_MS)
    found = newest_below(chosen, q, window, page_limit(q), lambda f: (int(f.order_id), to_ms(f.executed_at)))
    return _page("entrustedList", [history_row(f) for f in found], "orderId")


def _fills(q: Question, account: DemoAccount) -> Json:
    world, symbol = _world(q, account), q.params.get("symbol")
    window = _window(q, _WEEK_MS)
    if world is None:
        return _page("fillList", [], "tradeId")
    if symbol and symbol not in {m.wire for m in world.markets}:
        raise unknown(symbol)
    chosen = [f for f in world.executions(q.now) if symbol in (None, "", f.symbol.replace("/", ""))]
    found = newest_below(chosen, q, window, page_limit(q), lambda f: (int(f.trade_id), to_ms(f.executed_at)))
    return _page("fillList", [fill_row(f) for f in found], "tradeId")


def _bill(q: Question, account: DemoAccount) -> Json:
    world, wanted = _world(q, account), q.params.get("businessType")
    rows = [] if world is None else [r for r in bill_rows(world, q.now) if wanted in (None, "", r["businessType"])]
    window = _window(q, _BILLS_MS)
    found = newest_below(rows, q, window, page_limit(q, 20), lambda r: (int(r["billId"]), int(r["cTime"])))
    return _page("bills", found, "billId")


def _window(q: Question, longest_ms: int) -> tuple[int, int]:
    """Start and end in ms, both included; the last `longest_ms` where nothing is said."""
    start, end = integer(q, "startTime"), integer(q, "endTime")
    end = q.now_ms if end is None else end
    start = end - longest_ms if start is None else start
    if end < start:
        raise reversed_times()
    if end - start > longest_ms or start < q.now_ms - _KEPT_MS:
        raise too_long()
    return start, end


def _page(name: str, rows: list[dict[str, Any]], id_name: str) -> dict[str, Any]:
    """A list with the id of its last row; nothing is null, as recorded."""
    return {name: rows or None, "endId": rows[-1][id_name] if rows else None}
