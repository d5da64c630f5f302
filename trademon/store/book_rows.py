"""What is derived from fills, as rows: lots, disposals, unmatched sales, totals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trademon.core.model import Disposal, Lot, id_order
from trademon.core.pnl import Book, Booked, Tally
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql
from trademon.store.fill_rows import BookKey
from trademon.store.types import decimal_text


def read_tally(row: Sequence[Any]) -> Tally:
    return Tally(
        gross=Decimal(row[5]),
        fees=Decimal(row[6]),
        unmatched_quantity=Decimal(row[7]),
        unmatched_proceeds=Decimal(row[8]),
        unmatched_fees=Decimal(row[9]),
        unvalued={coin: Decimal(amount) for coin, amount in json.loads(row[10]).items()},
        disposals=row[11],
        fills=row[12],
    )


def load_lots(sql: Sql, key: BookKey) -> list[Lot]:
    """Open lots, oldest first: in the order of the fills that opened them."""
    rows = sql.rows(
        """SELECT lots.fill_id, lots.side, lots.quantity, lots.cost, lots.fees, lots.price, lots.opened_at,
        fills.epoch, fills.trade_id FROM lots JOIN fills ON fills.id = lots.fill_id
        WHERE lots.account_id = ? AND lots.market_id = ?""",
        *key,
    )
    rows.sort(key=lambda row: (row[6], row[7], *id_order(row[8])))
    return [
        Lot(row[0], row[1], Decimal(row[2]), Decimal(row[3]), Decimal(row[4]), Decimal(row[5]), from_us(row[6]))
        for row in rows
    ]


INSERT_LOT = """INSERT INTO lots (account_id, market_id, fill_id, side, quantity, cost, fees, price, opened_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def lot_values(key: BookKey, lot: Lot) -> tuple[Any, ...]:
    return (
        *key,
        lot.fill_id,
        lot.side,
        decimal_text(lot.quantity),
        decimal_text(lot.cost),
        decimal_text(lot.fees),
        decimal_text(lot.price),
        to_us(lot.opened_at),
    )


def write_lots(sql: Sql, key: BookKey, book: Book, booked: list[Booked]) -> None:
    """Replace the lots that the page touched, and no others."""
    touched = {b.opened.fill_id for b in booked if b.opened}
    touched |= {part.lot_fill_id for b in booked if b.disposal for part in b.disposal.parts}
    if book.method == "average":
        touched |= {lot.fill_id for lot in book.lots.oldest_first()}
    sql.many(
        "DELETE FROM lots WHERE account_id = ? AND market_id = ? AND fill_id = ?", [(*key, fill) for fill in touched]
    )
    left = [lot for lot in (book.lots.of_fill(fill) for fill in sorted(touched)) if lot is not None]
    sql.many(INSERT_LOT, [lot_values(key, lot) for lot in left])


def write_results(sql: Sql, key: BookKey, booked: list[Booked]) -> None:
    sql.many(
        """INSERT INTO disposals (account_id, market_id, fill_id, part, lot_fill_id, quantity, cost, gross, fees)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [row for b in booked if b.disposal for row in _disposal_values(key, b.disposal)],
    )
    sql.many(
        """INSERT INTO unmatched (account_id, market_id, fill_id, quantity, proceeds, fees)
        VALUES (?, ?, ?, ?, ?, ?)""",
        [
            (
                *key,
                b.fill_id,
                *(decimal_text(v) for v in (b.unmatched.quantity, b.unmatched.proceeds, b.unmatched.fees)),
            )
            for b in booked
            if b.unmatched
        ],
    )


def _disposal_values(key: BookKey, disposal: Disposal) -> list[tuple[Any, ...]]:
    return [
        (
            *key,
            disposal.fill_id,
            n,
            part.lot_fill_id,
            decimal_text(part.quantity),
            decimal_text(part.cost),
            decimal_text(part.gross),
            decimal_text(part.fees),
        )
        for n, part in enumerate(disposal.parts)
    ]
