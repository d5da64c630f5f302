"""Markets as rows: a host's list taken over, each market known by the exchange's own spelling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from trademon.core.model import Market
from trademon.core.symbols import POSITION_SIDES, of_side
from trademon.core.times import to_us
from trademon.store.database import Sql
from trademon.store.exact import decimal_text


def save_listing(
    sql: Sql, host: str, exchange: str, market: str, listed: tuple[Market, ...], at: datetime, *, whole: bool = True
) -> None:
    """Make `listed` the host's list. A market keeps its row, and so its fills, whatever else changes about it.

    Not `whole`: they are some of its list, and the others stay. Then a name that is taken stays with who has it.
    """
    if not whole:
        listed = _told_apart(sql, exchange, market, listed)
    rows = sql.rows(
        "SELECT id, exchange_symbol, symbol, base, quote, former FROM markets WHERE exchange = ? AND market = ?",
        exchange,
        market,
    )
    by_wire = {row[1]: row for row in rows if row[1] is not None}
    wires = {m.exchange_symbol for m in listed}
    # A row that a file made, or one under a spelling that no host lists any more, is taken over by our spelling.
    elsewhere = {row[0] for row in sql.rows("SELECT market_id FROM listings WHERE host <> ?", host)}
    gone = (row for row in rows if row[1] not in wires and (whole or row[1] is None))
    free = {row[2]: row for row in gone if row[0] not in elsewhere}
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
    if whole:
        sql.run(
            """DELETE FROM listings WHERE host = ?
            AND market_id IN (SELECT id FROM markets WHERE exchange = ? AND market = ?)""",
            host,
            exchange,
            market,
        )
    sql.many(
        """INSERT INTO listings (host, market_id, seen_at) VALUES (?, ?, ?)
        ON CONFLICT (host, market_id) DO UPDATE SET seen_at = excluded.seen_at""",
        [(host, n, to_us(at)) for n in sorted(ids)],
    )


def _told_apart(sql: Sql, exchange: str, market: str, listed: tuple[Market, ...]) -> tuple[Market, ...]:
    """The same markets, each name with one of them: whoever has a name keeps it, a newcomer says which one it is."""
    rows = sql.rows(
        "SELECT symbol, exchange_symbol FROM markets WHERE exchange = ? AND market = ? AND exchange_symbol IS NOT NULL",
        exchange,
        market,
    )
    names, wires = dict(rows), {wire: symbol for symbol, wire in rows}
    found = []
    for m in listed:
        symbol = wires.get(m.exchange_symbol)
        if symbol is None:
            symbol = m.symbol if m.symbol not in names else f"{m.symbol}#{m.exchange_symbol}"
        names[symbol] = m.exchange_symbol
        found.append(replace(m, symbol=symbol))
    return tuple(found)


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
