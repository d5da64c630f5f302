"""Coverage as rows: loaded, merged and written inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from trademon.core.coverage import Span, missing, union
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql


def load(sql: Sql, account_id: int, stream: str, symbol: str) -> tuple[Span, ...]:
    rows = sql.rows(
        "SELECT start_at, end_at FROM coverage WHERE account_id = ? AND stream = ? AND symbol = ? ORDER BY start_at",
        account_id,
        stream,
        symbol,
    )
    return tuple(Span(from_us(start), from_us(end)) for start, end in rows)


def extend(sql: Sql, account_id: int, stream: str, symbol: str, span: Span) -> None:
    """Add one proved span; spans that touch become one row."""
    if not span:
        return
    begun, ended = to_us(span.start), to_us(span.end)
    # Spans are disjoint: of those that begin before this one only the last can reach it. So however many there are, two
    # places of the index are looked at.
    last = "SELECT max(start_at) FROM coverage WHERE account_id = ? AND stream = ? AND symbol = ? AND start_at <= ?"
    found = sql.rows(last, account_id, stream, symbol, begun)[0][0]
    touching = "account_id = ? AND stream = ? AND symbol = ? AND start_at >= ? AND start_at <= ? AND end_at >= ?"
    values = (account_id, stream, symbol, begun if found is None else found, ended, begun)
    rows = sql.rows(f"SELECT start_at, end_at FROM coverage WHERE {touching}", *values)
    merged = union([span, *(Span(from_us(start), from_us(end)) for start, end in rows)])
    assert len(merged) == 1
    start, end = to_us(merged[0].start), to_us(merged[0].end)
    if len(rows) == 1:
        sql.run(f"UPDATE coverage SET start_at = ?, end_at = ? WHERE {touching}", start, end, *values)
        return
    sql.run(f"DELETE FROM coverage WHERE {touching}", *values)
    sql.insert("coverage", account_id=account_id, stream=stream, symbol=symbol, start_at=start, end_at=end)


def forget(sql: Sql, account_id: int, stream: str, symbol: str, span: Span) -> None:
    """Take `span` out of what is proved."""
    for proved in load(sql, account_id, stream, symbol):
        left = missing([span], proved)
        if left == (proved,):
            continue
        sql.run(
            "DELETE FROM coverage WHERE account_id = ? AND stream = ? AND symbol = ? AND start_at = ?",
            account_id,
            stream,
            symbol,
            to_us(proved.start),
        )
        for rest in left:
            extend(sql, account_id, stream, symbol, rest)


def incomplete(sql: Sql, account_id: int, stream: str, since: datetime) -> frozenset[str]:
    """Symbols with coverage that begins after `since` or has a hole in it."""
    rows = sql.rows(
        """SELECT symbol FROM coverage WHERE account_id = ? AND stream = ?
        GROUP BY symbol HAVING count(*) > 1 OR min(start_at) > ?""",
        account_id,
        stream,
        to_us(since),
    )
    return frozenset(row[0] for row in rows)


def complete_since(sql: Sql, account_id: int, host: str) -> datetime | None:
    """The latest start among the newest spans of all symbols.

    None while a listed market was never asked for, unless the account's order history, which names every symbol that
    can have fills, was read.
    """
    named = sql.one("SELECT 1 FROM coverage WHERE account_id = ? AND stream = 'orders'", account_id)
    unasked = """SELECT 1 FROM listings JOIN markets ON markets.id = market_id
        JOIN accounts ON accounts.exchange = markets.exchange AND accounts.market = markets.market
        WHERE accounts.id = ? AND host = ? AND symbol NOT IN
        (SELECT symbol FROM coverage WHERE account_id = ? AND stream = 'fills') LIMIT 1"""
    if named is None and sql.one(unasked, account_id, host, account_id) is not None:
        return None
    row = sql.one(
        """SELECT max(newest) FROM (SELECT max(start_at) AS newest FROM coverage
        WHERE account_id = ? AND stream = 'fills' GROUP BY symbol) AS spans""",
        account_id,
    )
    spans = load(sql, account_id, "orders", "")
    begun = [] if row is None or row[0] is None else [from_us(row[0])]
    # What names the symbols may not reach as far back as the fills of those it named.
    return max([*begun, *(span.start for span in spans[-1:])], default=None)
