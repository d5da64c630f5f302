"""From what a strategy wants to the row of an order: which account it means, and our own name for the order.

The exchange keeps that name, so that an order whose answer was lost can be looked up, and it says whose it is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from trademon.core.order_rules import OrderRequest, Wish
from trademon.core.strategy_model import Strategy, StrategyOrder
from trademon.flows.strategy_view import Desk
from trademon.store.user_strategy_orders import NewOrder
from trademon.strategies.protocol import Buy, Cancel, Intent, Sell


def new_client_id(strategy: Strategy) -> str:
    """Our name of an order: letters, digits and dashes, at most 36 of them, as both exchanges take it. It begins with
    the strategy's name."""
    name = re.sub(r"[^A-Za-z0-9]", "-", strategy.name)[:14]
    return f"tm-{name}-{secrets.token_hex(9)}"


def wish_of(intent: Buy | Sell) -> Wish:
    return Wish("buy" if isinstance(intent, Buy) else "sell", intent.quantity, intent.quote, intent.limit)


def find_desk(desks: Iterable[Desk], name: str) -> Desk | str:
    """The account an intent means: the named one, or the only one; else what is wrong."""
    desks = tuple(desks)
    if not name and len(desks) == 1:
        return desks[0]
    known = ", ".join(desk.broker.name for desk in desks)
    return next((desk for desk in desks if desk.broker.name == name), f"it names no broker of its own ({known})")


def order_of(strategy: Strategy, run_id: int, desk: Desk, intent: Intent, request: OrderRequest | None) -> NewOrder:
    """The row of an intent: as it was shaped, or as it was wanted where nothing came of it."""
    if isinstance(intent, Cancel):
        return NewOrder(
            run_id, strategy.mode, desk.broker.id, "", "cancel", "", new_client_id(strategy), intent.reason,
            target=intent.order,
        )  # fmt: skip
    side = "buy" if isinstance(intent, Buy) else "sell"
    kind = "market" if intent.limit is None else "limit"
    return NewOrder(
        run_id,
        strategy.mode,
        desk.broker.id,
        intent.symbol,
        side,
        kind,
        new_client_id(strategy),
        intent.reason,
        quantity=intent.quantity if request is None else request.quantity,
        amount=intent.quote if request is None else request.amount,
        price=intent.limit if request is None else request.price,
        value=None if request is None else request.value,
    )


def cancel_of(strategy: Strategy, run_id: int, target: StrategyOrder, intent: Cancel) -> NewOrder:
    """The row of a cancellation."""
    return NewOrder(
        run_id, strategy.mode, target.broker_id, target.symbol, "cancel", "", new_client_id(strategy), intent.reason,
        target=target.client_id,
    )  # fmt: skip
