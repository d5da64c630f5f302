"""Which strategy ordered a fill: its order's id at the exchange is kept with the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trademon.core.reports import FillRow
from trademon.store.database import Sql

OrderedBy = dict[tuple[str, str, str], str]


def read_ordered_by(sql: Sql, user_id: int) -> OrderedBy:
    """The strategy behind each order that reached an exchange, by broker, symbol and the exchange's order id. Every
    broker that leads to the same account finds the order's fills."""
    rows = sql.rows(
        """SELECT CASE WHEN leads.removed_at IS NULL THEN leads.name ELSE leads.name || ' (removed)' END,
        symbol, order_id, strategies.name FROM strategy_orders
        JOIN strategies ON strategies.id = strategy_id JOIN brokers ON brokers.id = broker_id
        JOIN brokers AS leads ON leads.id = brokers.id OR leads.account_id = brokers.account_id
        WHERE strategies.user_id = ? AND mode = 'live' AND order_id <> ''""",
        user_id,
    )
    return {(broker, symbol, order_id): name for broker, symbol, order_id, name in rows}


def name_strategies(rows: Sequence[FillRow], ordered_by: OrderedBy) -> tuple[FillRow, ...]:
    """The same fills, those of a strategy's orders with its name."""
    if not ordered_by:
        return tuple(rows)
    named = ((row, ordered_by.get((row.broker, row.symbol, row.order_id))) for row in rows)
    return tuple(row if name is None else replace(row, strategy=name) for row, name in named)
