"""Bitget's v2 spot orders (api-doc, Spot, Trade): placed, asked for and taken back by either id."""

import re
from collections.abc import Callable
from decimal import Decimal

from trademon.demo.bitget_params import empty, unknown
from trademon.demo.bitget_rows import history_row
from trademon.demo.placing import Fault, NotTaken, Ticket, find_order, place, take_back
from trademon.demo.wire import DemoAccount, Json, Question, Refusal, by_wire_name

_TRADE = "/api/v2/spot/trade"
ORDERS = frozenset({("POST", f"{_TRADE}/place-order"), ("POST", f"{_TRADE}/cancel-order")})
_REFUSALS: dict[Fault, tuple[str, str]] = {  # assumed: some of the words
    "duplicate": ("43118", "clientOid is Duplicate"),
    "balance": ("43012", "Insufficient balance"),
    "closed": ("40710", "The account status is abnormal"),
    "lot": ("40808", "Parameter verification exception size checkBDScale error"),
    "price": ("40808", "Parameter verification exception price checkBDScale error"),
    "notional": ("45110", "less than the minimum amount 5 USDT"),
    "unknown": ("43001", "The order does not exist"),
}


def order_paths() -> dict[str, Callable[[Question, DemoAccount], Json]]:
    return {f"{_TRADE}/place-order": _place, f"{_TRADE}/orderInfo": _info, f"{_TRADE}/cancel-order": _cancel}


def _place(q: Question, account: DemoAccount) -> Json:
    _check_rights(account)
    for name in ("symbol", "side", "orderType", "size"):
        if not q.params.get(name):
            raise empty(name)
    market = by_wire_name(account.world).get(q.params["symbol"])
    if market is None:
        raise unknown(q.params["symbol"])
    side, kind = q.params["side"], q.params["orderType"]
    if side not in ("buy", "sell") or kind not in ("limit", "market"):
        raise Refusal(400, "400172", "Parameter verification failed")
    if kind == "limit" and not (q.params.get("price") and q.params.get("force")):
        raise empty("price" if not q.params.get("price") else "force")
    size = _number(q, "size")
    by_amount = kind == "market" and side == "buy"  # such an order is given in the quote coin
    ticket = Ticket(
        market,
        "buy" if side == "buy" else "sell",
        "LIMIT" if kind == "limit" else "MARKET",
        q.params.get("clientOid", ""),
        None if by_amount else size,
        size if by_amount else None,
        _number(q, "price") if kind == "limit" else None,
    )
    try:
        order = place(account.world, ticket, q.now)
    except NotTaken as no:
        raise Refusal(400, *_REFUSALS[no.fault]) from None
    return {"orderId": order.order_id, "clientOid": order.client_id}


def _info(q: Question, account: DemoAccount) -> Json:
    """One order, in a list; an empty one for an order that does not exist (assumed)."""
    client_id, order_id = q.params.get("clientOid", ""), q.params.get("orderId", "")
    if not client_id and not order_id:
        raise empty("orderId")
    found = find_order(account.world, q.now, client_id=client_id, order_id=order_id)
    return [] if found is None else [history_row(account.uid, found) | {"cancelReason": ""}]


def _cancel(q: Question, account: DemoAccount) -> Json:
    _check_rights(account)
    client_id, order_id = q.params.get("clientOid", ""), q.params.get("orderId", "")
    try:
        ended = take_back(account.world, q.now, client_id=client_id, order_id=order_id)
    except NotTaken as no:
        raise Refusal(400, *_REFUSALS[no.fault]) from None
    return {"orderId": ended.order_id, "clientOid": ended.client_id}


def _check_rights(account: DemoAccount) -> None:
    if not account.can_trade:
        raise Refusal(400, "40014", "Incorrect permissions, need spot write permissions")


def _number(q: Question, name: str) -> Decimal:
    text = q.params[name]
    if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text) or not Decimal(text):
        raise Refusal(400, "40020", f"Parameter {name} error")
    return Decimal(text)
