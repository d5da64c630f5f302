"""Binance's order endpoint (binance-spot-api-docs, Trading): placed, asked for and taken back by either id."""

import re
from decimal import Decimal, InvalidOperation

from trademon.demo.binance_door import Rule
from trademon.demo.binance_params import missing
from trademon.demo.binance_rows import money, order_row
from trademon.demo.model import Market, WorldOrder, to_ms
from trademon.demo.placing import Fault, NotTaken, Ticket, find_order, place, take_back
from trademon.demo.wire import DemoAccount, Json, Question, Refusal, by_wire_name

ORDER_PATH = "/api/v3/order"
ORDER_RULES = {
    "GET": Rule(frozenset({"symbol", "orderId", "origClientOrderId"}), 4),
    "DELETE": Rule(frozenset({"symbol", "orderId", "origClientOrderId", "newClientOrderId"}), 1),
    "POST": Rule(
        frozenset(
            {"symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId",
             "newOrderRespType"}
        ),
        1,
    ),
}  # fmt: skip
_REFUSALS: dict[Fault, tuple[int, str]] = {
    "duplicate": (-2010, "Duplicate order sent."),
    "balance": (-2010, "Account has insufficient balance for requested action."),
    "closed": (-1013, "Market is closed."),
    "lot": (-1013, "Filter failure: LOT_SIZE"),
    "price": (-1013, "Filter failure: PRICE_FILTER"),
    "notional": (-1013, "Filter failure: NOTIONAL"),
    "unknown": (-2011, "Unknown order sent."),
}


def answer_order(q: Question, account: DemoAccount) -> Json:
    """The answer to a request about one order; its signature was checked before."""
    if q.method != "GET" and not account.can_trade:
        raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
    market = _market(q, account)
    try:
        if q.method == "POST":
            return _placed(place(account.world, _ticket(q, market), q.now))
        client_id, order_id = q.params.get("origClientOrderId", ""), q.params.get("orderId", "")
        if not client_id and not order_id:
            raise Refusal(400, -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        if q.method == "DELETE":
            ended = take_back(account.world, q.now, client_id=client_id, order_id=order_id)
            return order_row(ended) | {"origClientOrderId": ended.client_id, "transactTime": to_ms(q.now)}
    except NotTaken as no:
        raise Refusal(400, *_REFUSALS[no.fault]) from None
    found = find_order(account.world, q.now, client_id=client_id, order_id=order_id)
    if found is None or found.symbol != market.symbol:
        raise Refusal(400, -2013, "Order does not exist.")
    return order_row(found)


def _market(q: Question, account: DemoAccount) -> Market:
    if not q.params.get("symbol"):
        raise missing("symbol")
    market = by_wire_name(account.world).get(q.params["symbol"])
    if market is None:
        raise Refusal(400, -1121, "Invalid symbol.")
    return market


def _ticket(q: Question, market: Market) -> Ticket:
    side, kind = q.params.get("side"), q.params.get("type")
    if side not in ("BUY", "SELL"):
        raise Refusal(400, -1117, "Invalid side.")
    if kind not in ("LIMIT", "MARKET"):
        raise Refusal(400, -1116, "Invalid orderType.")
    wanted = ("timeInForce", "quantity", "price") if kind == "LIMIT" else ()
    for name in wanted:
        if not q.params.get(name):
            raise missing(name)
    quantity, amount = _number(q, "quantity"), _number(q, "quoteOrderQty")
    if (quantity is None) == (amount is None):
        raise missing("quantity")
    client_id = q.params.get("newClientOrderId", "")
    if not re.fullmatch(r"[a-zA-Z0-9-_.:/]{1,36}", client_id):
        raise Refusal(400, -1100, "Illegal characters found in parameter 'newClientOrderId'.")
    price = _number(q, "price") if kind == "LIMIT" else None
    return Ticket(
        market, "buy" if side == "BUY" else "sell", "LIMIT" if price else "MARKET", client_id, quantity, amount, price
    )


def _number(q: Question, name: str) -> Decimal | None:
    text = q.params.get(name)
    if not text:
        return None
    try:
        value = Decimal(text) if re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text) else None
    except InvalidOperation:
        value = None
    if value is None:
        raise Refusal(400, -1100, f"Illegal characters found in parameter '{name}'.")
    if value <= 0:
        raise Refusal(400, -1013, f"Invalid {name}.")
    return value


def _placed(order: WorldOrder) -> Json:
    """The RESULT form of the answer to a new order."""
    row = order_row(order)
    for name in ("stopPrice", "icebergQty", "isWorking", "time", "updateTime"):
        del row[name]
    return row | {"transactTime": to_ms(order.created_at), "price": money(order.price)}
