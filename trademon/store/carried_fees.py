"""Fees without a price on lots that were carried over from another account: they went along, and are in no figure.

The row by which a lot arrives has what its fee was worth where it came from, and nothing of a fee whose price is not
known there. So the figures of the book that it reached are as provisional as those of the book that it left.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from trademon.core.times import to_us
from trademon.store.database import Sql
from trademon.store.fill_rows import OUT, TRANSFER, BookKey

# In the words of the index over the few rows that are no executions; entered lots are acquired when they are opened.
_ARRIVED = "source IN ('opening', 'transfer') AND fills.acquired_at IS NOT NULL"
_GIVEN = f"""SELECT d.account_id, d.market_id, d.lot_fill_id, o.executed_at, b.method FROM fills o
    JOIN disposals d ON d.fill_id = o.id JOIN entries e ON e.fill_id = d.lot_fill_id
    JOIN books b ON b.account_id = d.account_id AND b.market_id = d.market_id
    WHERE o.account_id = (SELECT account_id FROM transfers WHERE id = ?) AND o.source IN ('opening', 'transfer')
    AND o.trade_id LIKE ? AND o.trade_id LIKE '%{OUT}' AND coalesce(e.acquired_at, e.at) = ?"""


def carried_coins(
    sql: Sql, key: BookKey, *, since: datetime | None = None, until: datetime | None = None
) -> tuple[str, ...]:
    """The coins of such fees on lots that arrived in a book within [since, until)."""
    if not _any_unvalued(sql):
        return ()
    where, values = "", list[int](key)
    for condition, at in ((" AND executed_at >= ?", since), (" AND executed_at < ?", until)):
        if at is not None:
            where += condition
            values.append(to_us(at))
    rows = sql.rows(f"SELECT id FROM fills WHERE account_id = ? AND market_id = ? AND {_ARRIVED}{where}", *values)
    found = coins_of_arrivals(sql, (row[0] for row in rows))
    return tuple(sorted(set().union(*found.values())))


def coins_of_arrivals(sql: Sql, fill_ids: Iterable[int]) -> dict[int, set[str]]:
    """The coins of such fees by the rows by which lots arrived; rows of another kind have none."""
    ids = list(fill_ids) if _any_unvalued(sql) else []
    known: dict[int, set[str]] = {}
    return {fill_id: coins for fill_id in ids if (coins := _coins(sql, fill_id, known))}


def _any_unvalued(sql: Sql) -> bool:
    return sql.one("SELECT 1 FROM coin_fees WHERE rate IS NULL LIMIT 1") is not None


def _coins(sql: Sql, fill_id: int, known: dict[int, set[str]]) -> set[str]:
    """Of one row, by way of the lots that it stands for: each was paid for there, or arrived there, too."""
    if fill_id in known:
        return known[fill_id]
    coins = known[fill_id] = set()  # set before it is filled, so that a circle would end
    row = sql.one(f"SELECT trade_id, acquired_at FROM fills WHERE id = ? AND {_ARRIVED}", fill_id)
    if row is not None:
        number = int(row[0].split("-")[1])
        given = sql.rows(_GIVEN, number, f"{TRANSFER}-{number}-%", row[1])
        for account_id, market_id, lot_id, left_us, method in given:
            lots = [lot_id] if method != "average" else _in_pool(sql, (account_id, market_id), lot_id, left_us)
            for lot in lots:
                coins |= _unvalued(sql, lot) | _coins(sql, lot, known)
    return coins


def _in_pool(sql: Sql, key: BookKey, first: int, until_us: int) -> list[int]:
    """What joined a pool from its first lot on: a part of it has a share of every fee."""
    rows = sql.rows(
        """SELECT fill_id FROM entries WHERE account_id = ? AND market_id = ? AND quantity > 0 AND at <= ?
        AND at >= (SELECT at FROM entries WHERE fill_id = ?)""",
        *key,
        until_us,
        first,
    )
    return [row[0] for row in rows]


def _unvalued(sql: Sql, fill_id: int) -> set[str]:
    return {row[0] for row in sql.rows("SELECT coin FROM coin_fees WHERE fill_id = ? AND rate IS NULL", fill_id)}
