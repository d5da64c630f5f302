"""Markets as rows: a host's list taken over, each market known by the exchange's own spelling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trademon.core.model import Market
from trademon.core.symbols import POSITION_SIDES, of_side
from trademon.core.times import to_us
from trademon.store.database import Sql
from trademon.store.exact import decimal_text


def save_listing(sql: Sql, host: str, exchange: str, market: str, listed: tuple[Market, ...], at: datetime) -> None:
    """Make `listed` the host's list. A market keeps its row, and so its fills, whatever else changes about it."""
    rows = sql.rows(
        "SELECT id, exchange_symbol, symbol, base, quote, former FROM markets WHERE exchange = ? AND market = ?",
        exchange,
        market,
    )
    by_wire = {row[1]: row for row in rows if row[1] is not None}
    wires = {m.exchange_symbol for m in listed}
    # A row that a file made, or one under a spelling that no host lists any more, is taken over by our spelling.
    elsewhere = {row[0] for row in sql.rows("SELECT market_id FROM listings WHERE host <> ?", host)}
    free = {row[2]: row for row in rows if row[1] not in wires and row[0] not in elsewhere}
    ids: set[int] = set()
    for m in listed:
        row = by_wire.get(m.exchange_symbol) or free.pop(m.symbol, None)
        if row is None:
            names = {"exchange_symbol": m.exchange_symbol, "symbol": m.symbol, "base": m.base, "quote": m.quote}
            row = (sql.insert("markets", exchange=exchange, market=market, **names),)
        elif tuple(row[1:5]) != (m.exchange_symbol, m.symbol, m.base, m.quote):
            _rename(sql, row, m)
        ids.add(row[0])
        if m.contract is not None:
            sql.run(
                "UPDATE markets SET settle = ?, contract_size = ?, inverse = ? WHERE id = ?",
                m.contract.settle,
                decimal_text(m.contract.size),
                m.contract.inverse,
                row[0],
            )
    sql.run(
        """DELETE FROM listings WHERE host = ?
        AND market_id IN (SELECT id FROM markets WHERE exchange = ? AND market = ?)""",
        host,
        exchange,
        market,
    )
    sql.many(
        "INSERT INTO listings (host, market_id, seen_at) VALUES (?, ?, ?)", [(host, n, to_us(at)) for n in sorted(ids)]
    )


def _rename(sql: Sql, row: Sequence[Any], m: Market) -> None:
    """Take over another spelling. The coins' former names stay known: fees of older fills are in them."""
    former = json.loads(row[5] or "[]")
    for name in row[3:5]:
        if name not in (m.base, m.quote, *(pair[0] for pair in former)):
            former.append([name, "base" if name == row[3] else "quote"])
    sql.run(
        "UPDATE markets SET exchange_symbol = ?, symbol = ?, base = ?, quote = ?, former = ? WHERE id = ?",
        m.exchange_symbol,
        m.symbol,
        m.base,
        m.quote,
        json.dumps(former) if former else None,
        row[0],
    )
    for side in POSITION_SIDES:  # a position side is listed nowhere: it goes by the name of its contract
        sql.run(
            """UPDATE markets SET symbol = ?, base = ?, quote = ? WHERE symbol = ? AND exchange_symbol IS NULL
            AND (exchange, market) = (SELECT exchange, market FROM markets WHERE id = ?)""",
            *(of_side(m.symbol, side), m.base, m.quote, of_side(row[2], side), row[0]),
        )
