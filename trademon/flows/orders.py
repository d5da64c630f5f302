"""Orders: those that are open, as the exchanges last said, and every other one that stored fills tell of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from trademon.core.holding_reports import OrderRow, OrdersReport
from trademon.core.model import OpenOrder
from trademon.core.symbols import without_side
from trademon.core.times import EPOCH
from trademon.exchanges.registry import WITHOUT_API
from trademon.flows.holdings import HeldAccount, held_accounts
from trademon.store.store import UserStore
from trademon.store.user_orders import FilledOrder


def orders(
    stores: Sequence[UserStore],
    names: Sequence[str],
    *,
    now: datetime,
    symbols: Sequence[str] = (),
    only_open: bool = False,
    limit: int | None = None,
) -> OrdersReport:
    """The orders of the brokers named, or of all; `symbols` in the shown form, `limit` the newest of them."""
    accounts, silent = held_accounts(stores, names, now)
    rows = [row for account in accounts for row in _orders_of(account, only_open=only_open)]
    rows = [row for row in rows if not symbols or row.symbol in symbols]
    rows.sort(key=lambda row: (row.begun_at or EPOCH, row.broker, row.order_id))
    no_broker = not any(store.brokers() for store in stores)
    return OrdersReport(tuple(rows if limit is None else rows[-limit:]), len(rows), only_open, silent, no_broker)


def _orders_of(account: HeldAccount, *, only_open: bool) -> Iterator[OrderRow]:
    with account.store.one_moment():
        waiting = {(o.symbol, o.order_id): o for o in account.store.open_orders(account.account_id)}
        filled = account.store.filled_orders(account.account_id) if waiting or not only_open else ()
    for order in filled:
        open_one = waiting.pop((without_side(order.symbol), order.order_id), None)  # listed without a position side
        if open_one is not None:
            yield _open(account, open_one, order)
        elif not only_open:
            yield _ended(account, order)
    for open_one in waiting.values():
        yield _open(account, open_one, None)


def _open(account: HeldAccount, order: OpenOrder, filled: FilledOrder | None) -> OrderRow:
    return OrderRow(
        user=account.broker.user,
        broker=account.broker.name,
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        state="open",
        filled=order.filled,
        quantity=order.quantity,
        price=order.price or None,
        average_price=None if filled is None else filled.average_price,
        fees=() if filled is None else tuple(sorted(filled.fees.items())),
        fills=0 if filled is None else filled.fills,
        created_at=order.created_at,
        first_at=None if filled is None else filled.first_at,
        last_at=None if filled is None else filled.last_at,
        seen=account.seen,
    )


def _ended(account: HeldAccount, order: FilledOrder) -> OrderRow:
    """One that is not among the open ones. What was filled after these were seen may still be open."""
    seen_at = account.seen.at
    asked = account.broker.exchange not in WITHOUT_API
    known = not asked or (seen_at is not None and order.last_at <= seen_at)
    return OrderRow(
        user=account.broker.user,
        broker=account.broker.name,
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        state="done" if known else "unknown",
        filled=order.quantity,
        average_price=order.average_price,
        fees=tuple(sorted(order.fees.items())),
        fills=order.fills,
        first_at=order.first_at,
        last_at=order.last_at,
        seen=account.seen,
    )
