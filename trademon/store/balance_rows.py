"""Balances as rows: the point up to which history and balances agree, and what looks have seen since then.

Written inside the caller's transaction. A row is a stretch of time in which the same balances were seen, so that a
quiet account costs one row. Looks are kept only where there is an agreed point: without one there is nothing to find
the beginning of a difference from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from trademon.core.model import Balance
from trademon.core.replay import Point, Seen, Totals, Window
from trademon.core.times import MICROSECOND, from_us, to_us
from trademon.store.database import Sql
from trademon.store.exact import decimal_text

AGREED, LOOK = "agreed", "look"
# A look's balances are its first question: it was answered within these of the time that is kept.
BEFORE, AFTER = timedelta(seconds=1), timedelta(seconds=5)
# Older than the first, one row each of the second is enough to say when something began.
_THINNED = (
    (timedelta(hours=1), timedelta(minutes=5)),
    (timedelta(days=1), timedelta(hours=1)),
    (timedelta(days=30), timedelta(days=1)),
)


def load_point(sql: Sql, account_id: int) -> Point | None:
    row = sql.one("SELECT at, totals FROM balance_points WHERE account_id = ? AND kind = ?", account_id, AGREED)
    return None if row is None else Point(from_us(row[0]), _totals(row[1]))


def load_looks(sql: Sql, account_id: int) -> tuple[Seen, ...]:
    """What was seen since the agreed point, oldest first; both ends of a stretch in which nothing changed."""
    rows = sql.rows("SELECT at, until_at, totals FROM balance_points WHERE account_id = ? ORDER BY at, id", account_id)
    seen = []
    for first, last, text in rows:
        totals = _totals(text)
        seen += [Seen(_window(from_us(us)), totals) for us in sorted({first, last})]
    return tuple(seen)


def save_point(sql: Sql, account_id: int, point: Point) -> None:
    """Set the agreed point; what was seen before it has served its purpose."""
    sql.run("DELETE FROM balance_points WHERE account_id = ?", account_id)
    _insert(sql, account_id, AGREED, to_us(point.at), _text(point.totals))


def remember(sql: Sql, account_id: int, balances: Iterable[Balance], at: datetime) -> None:
    """Note what a look saw."""
    if sql.one("SELECT 1 FROM balance_points WHERE account_id = ? AND kind = ?", account_id, AGREED) is None:
        return
    text, us = _text({b.coin: b.total for b in balances}), to_us(at)
    newest = sql.one(
        "SELECT id, until_at, totals FROM balance_points WHERE account_id = ? ORDER BY until_at DESC, id DESC LIMIT 1",
        account_id,
    )
    assert newest is not None
    if us <= newest[1]:
        return  # a look that began before the newest one says nothing new
    if text == newest[2]:
        sql.run("UPDATE balance_points SET until_at = ? WHERE id = ?", us, newest[0])
        return
    _insert(sql, account_id, LOOK, us, text)
    _thin(sql, account_id, at)


def _insert(sql: Sql, account_id: int, kind: str, us: int, text: str) -> None:
    sql.insert("balance_points", account_id=account_id, kind=kind, at=us, until_at=us, totals=text)


def _thin(sql: Sql, account_id: int, now: datetime) -> None:
    for age, every in _THINNED:
        sql.run(
            """DELETE FROM balance_points WHERE account_id = ? AND kind = ? AND at < ? AND id NOT IN
            (SELECT max(id) FROM balance_points WHERE account_id = ? AND kind = ? GROUP BY at / ?)""",
            account_id,
            LOOK,
            to_us(now - age),
            account_id,
            LOOK,
            every // MICROSECOND,
        )


def _window(at: datetime) -> Window:
    return Window(at - BEFORE, at, at + AFTER)


def _text(totals: Totals) -> str:
    return json.dumps({coin: decimal_text(total) for coin, total in sorted(totals.items()) if total})


def _totals(text: str) -> dict[str, Decimal]:
    return {coin: Decimal(total) for coin, total in json.loads(text).items()}
