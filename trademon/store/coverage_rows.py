"""Coverage as rows: loaded, merged and written inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from trademon.core.coverage import Span, union
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
    touching = """account_id = ? AND stream = ? AND symbol = ? AND start_at <= ? AND end_at >= ?"""
    values = (account_id, stream, symbol, to_us(span.end), to_us(span.start))
    rows = sql.rows(f"SELECT start_at, end_at FROM coverage WHERE {touching}", *values)
    merged = union([span, *(Span(from_us(start), from_us(end)) for start, end in rows)])
    assert len(merged) == 1
    sql.run(f"DELETE FROM coverage WHERE {touching}", *values)
    sql.insert(
        "coverage",
        account_id=account_id,
        stream=stream,
        symbol=symbol,
        start_at=to_us(merged[0].start),
        end_at=to_us(merged[0].end),
    )


def complete_since(sql: Sql, account_id: int, stream: str) -> datetime | None:
    """The latest start among the newest spans of all symbols: since then no symbol has a gap."""
    row = sql.one(
        """SELECT max(newest) FROM (SELECT max(start_at) AS newest FROM coverage
        WHERE account_id = ? AND stream = ? GROUP BY symbol)""",
        account_id,
        stream,
    )
    return None if row is None or row[0] is None else from_us(row[0])
