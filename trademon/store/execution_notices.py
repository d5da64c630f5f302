"""Messages about executions, written with the page that brings them.

An order is one message: while that waits, further executions of the order go into it. What was executed before the
broker was entered here, and more than a few at once, is added up in one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from trademon.core.execution_notices import Facts, as_sum, join_order, join_sums, order_facts
from trademon.core.model import Broker
from trademon.core.notices import MANY_EXECUTIONS, Notice
from trademon.core.reports import ExecutionRow
from trademon.store.outbox import dump, queue, read_modes
from trademon.store.reading import read_executions
from trademon.store.sql import Sql


def tell_executions(sql: Sql, broker: Broker, account_id: int, first_id: int, at: datetime) -> None:
    """Queue what the fills from `first_id` on executed, where their user wants to hear of it. They are all of the page
    at hand: nobody else writes in this transaction."""
    row = sql.one("SELECT user_id FROM brokers WHERE id = ?", broker.id)
    if row is None or not read_modes(sql, row[0]).wants("executions"):
        return
    user_id = row[0]
    rows = [r for r in read_executions(sql, user_id, after_id=first_id - 1) if r.fill.broker == broker.name]
    earlier = [r for r in rows if r.fill.executed_at < broker.created_at]
    recent = [r for r in rows if r.fill.executed_at >= broker.created_at]
    if earlier:
        _add_up(sql, user_id, account_id, earlier, at, earlier=True)
    if len(recent) > MANY_EXECUTIONS:
        _add_up(sql, user_id, account_id, recent, at, earlier=False)
    else:
        for facts in _by_order(recent):
            _tell_order(sql, user_id, account_id, facts, at)


def _by_order(rows: Sequence[ExecutionRow]) -> list[Facts]:
    def order(row: ExecutionRow) -> tuple[str, str]:
        return row.fill.symbol, row.fill.order_id

    oldest_first = sorted(rows, key=lambda row: (order(row), row.fill.id))
    return [order_facts(list(group)) for _, group in groupby(oldest_first, key=order)]


def _tell_order(sql: Sql, user_id: int, account_id: int, facts: Facts, at: datetime) -> None:
    facts["account"] = account_id
    key = f"order:{account_id}:{facts['symbol']}:{facts['order_id']}"
    waiting = _waiting(sql, user_id, key)
    if waiting is not None:
        message_id, before = waiting
        _rewrite(sql, message_id, join_order(before, facts))
    elif not queue(sql, user_id, Notice("order", facts, key), at):
        # The order was told of already: what it went on to do is a message of its own.
        queue(sql, user_id, Notice("order", {**facts, "more": True}), at)


def _add_up(
    sql: Sql, user_id: int, account_id: int, rows: Sequence[ExecutionRow], at: datetime, *, earlier: bool
) -> None:
    sums = [as_sum(facts, earlier=earlier) for facts in _by_order(rows)]
    total = sums[0]
    for one in sums[1:]:
        total = join_sums(total, one)
    total["account"] = account_id
    name = "earlier" if earlier else "many"
    waiting = sql.one(
        """SELECT id, payload FROM messages WHERE user_id = ? AND planned_at IS NULL AND kind = 'executions'
        AND once_key LIKE ?""",
        user_id,
        f"{name}:{account_id}:%",
    )
    if waiting is not None:
        _rewrite(sql, waiting[0], join_sums(json.loads(waiting[1]), total))
    else:
        newest = max(row.fill.id for row in rows)
        queue(sql, user_id, Notice("executions", total, f"{name}:{account_id}:{newest}"), at)


def _waiting(sql: Sql, user_id: int, key: str) -> tuple[int, Facts] | None:
    row = sql.one(
        "SELECT id, payload FROM messages WHERE user_id = ? AND once_key = ? AND planned_at IS NULL", user_id, key
    )
    return None if row is None else (row[0], json.loads(row[1]))


def _rewrite(sql: Sql, message_id: int, facts: Facts) -> None:
    sql.run("UPDATE messages SET payload = ? WHERE id = ?", dump(facts), message_id)
