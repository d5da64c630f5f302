"""Taking a book back to an earlier moment, so that what arrived late is booked in its place.

A disposal remembers what it took of each lot. Put back, the lots are again to the last digit what they were, at the
cost of the entries undone and not of all there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Final, NamedTuple

from trademon.core.entries import Scale, to_decimal
from trademon.core.model import Lot, Method
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, Tally, open_cost
from trademon.core.times import from_us
from trademon.store.book_rows import Checkpoint, add_day, day_of, insert_lots, load_lots
from trademon.store.database import Sql
from trademon.store.entry_rows import Position, read_entries
from trademon.store.fill_rows import BookKey

_UNDONE = "FROM entries e WHERE e.account_id = ? AND e.market_id = ? AND (e.at, e.tie) >= (?, ?)"


_Amounts = tuple[Decimal, Decimal, Decimal]
"""(quantity, cost, fees) of a lot or of a part of one"""
_NOTHING: Final[_Amounts] = (ZERO, ZERO, ZERO)


class _Part(NamedTuple):
    """A disposal's row: what it took of one lot."""

    lot_id: int
    quantity: Decimal
    cost: Decimal
    lot_fees: Decimal
    gross: Decimal
    fees: Decimal


@dataclass(slots=True)
class _Undone:
    """What the entries from a position on did: the fills they are of, what they added to days, what they took of each
    lot, and what they opened."""

    fills: set[int] = field(default_factory=set)
    days: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    given: dict[int, _Amounts] = field(default_factory=dict)
    joined: _Amounts = _NOTHING

    def give_back(self, part: _Part) -> None:
        amounts = (part.quantity, part.cost, part.lot_fees)
        self.given[part.lot_id] = _sum(self.given.get(part.lot_id, _NOTHING), amounts)


def count_from(sql: Sql, key: BookKey, since: Position) -> int:
    """How many entries would be undone."""
    row = sql.one(f"SELECT count(*) {_UNDONE}", *key, *since)
    return row[0] if row else 0


def rewind(sql: Sql, key: BookKey, point: Checkpoint, since: Position) -> Checkpoint:
    """Undo every entry at or after `since`; the book as it was before them. The entries stay, to be booked again."""
    with localcontext(EXACT):
        undone = _collect(sql, key, point, since)
        before = _lots_before(sql, key, point.book.method, undone)
        for table in ("disposals", "unmatched"):
            sql.run(f"DELETE FROM {table} WHERE fill_id IN (SELECT e.fill_id {_UNDONE})", *key, *since)
        tally = point.book.tally
        for day, added in undone.days.items():
            add_day(sql, key, day, Tally() - added)
            tally -= added
        old = point.book
        point.book = Book(old.method, signed=old.signed, scale=old.scale, restored=before, tally=tally)
        sql.run("DELETE FROM lots WHERE account_id = ? AND market_id = ?", *key)
        insert_lots(sql, key, point.book)
        point.open_quantity, point.open_cost = point.book.open_quantity, open_cost(before)
    row = sql.one(
        """SELECT at, tie FROM entries WHERE account_id = ? AND market_id = ? AND (at, tie) < (?, ?)
        ORDER BY at DESC, tie DESC LIMIT 1""",
        *key,
        *since,
    )
    point.last = Position(*row) if row else None
    return point


def _collect(sql: Sql, key: BookKey, point: Checkpoint, since: Position) -> _Undone:
    """Read back what the entries from `since` on did."""
    undone, scale = _Undone(), point.book.scale
    parts, unmatched = _read_parts(sql, key, since), _read_unmatched(sql, key, since)
    for fill_id, at_us, quantity, price, fee in read_entries(sql, key, scale, mixed=point.mixed, start=since):
        undone.fills.add(fill_id)
        mine, missing = parts.get(fill_id, []), unmatched.get(fill_id)
        tally = Tally(
            gross=sum((p.gross for p in mine), ZERO),
            # a fill whose base fee ate all of it has realised its fee
            fees=sum((p.fees for p in mine), ZERO) if quantity else to_decimal(fee, scale.fee),
            disposals=1 if mine else 0,
            fills=1,
        )
        if missing is not None:
            tally.unmatched_quantity, tally.unmatched_proceeds, tally.unmatched_fees = missing
        undone.days[day_of(at_us)] += tally
        for part in mine:
            undone.give_back(part)
        opened = abs(to_decimal(quantity, scale.quantity)) - sum((p.quantity for p in mine), ZERO)
        if opened and missing is None:
            closing_fee = sum((p.fees - p.lot_fees for p in mine), ZERO)
            cost = opened * to_decimal(price, scale.price)
            undone.joined = _sum(undone.joined, (opened, cost, to_decimal(fee, scale.fee) - closing_fee))
    return undone


def _read_parts(sql: Sql, key: BookKey, since: Position) -> dict[int, list[_Part]]:
    """What the entries from `since` on took of lots, by fill."""
    parts: dict[int, list[_Part]] = {}
    rows = sql.rows(
        f"""SELECT d.fill_id, d.lot_fill_id, d.quantity, d.cost, d.lot_fees, d.gross, d.fees FROM disposals d
        WHERE d.fill_id IN (SELECT e.fill_id {_UNDONE})""",
        *key,
        *since,
    )
    for fill_id, lot_id, *amounts in rows:
        parts.setdefault(fill_id, []).append(_Part(lot_id, *map(Decimal, amounts)))
    return parts


def _read_unmatched(sql: Sql, key: BookKey, since: Position) -> dict[int, tuple[Decimal, ...]]:
    rows = sql.rows(
        f"SELECT fill_id, quantity, proceeds, fees FROM unmatched WHERE fill_id IN (SELECT e.fill_id {_UNDONE})",
        *key,
        *since,
    )
    return {fill_id: tuple(map(Decimal, amounts)) for fill_id, *amounts in rows}


def _lots_before(sql: Sql, key: BookKey, method: Method, undone: _Undone) -> list[Lot]:
    """The open lots as they were: what is left of the older ones, with what was taken of them put back."""
    now = {lot.fill_id: lot for lot in load_lots(sql, key)}
    if method == "average":
        return _pool_before(sql, now, undone)
    old = {fill_id: _amounts(lot) for fill_id, lot in now.items() if fill_id not in undone.fills}
    for fill_id, given in undone.given.items():
        if fill_id not in undone.fills:
            old[fill_id] = _sum(old.get(fill_id, _NOTHING), given)
    return [_lot(sql, fill_id, amounts) for fill_id, amounts in _oldest_first(sql, old)]


def _pool_before(sql: Sql, now: dict[int, Lot], undone: _Undone) -> list[Lot]:
    """The pool is what it is now, less what joined it since and with what was taken of it since."""
    amounts = _NOTHING
    for lot in now.values():
        amounts = _sum(amounts, _amounts(lot))
    for given in undone.given.values():
        amounts = _sum(amounts, given)
    amounts = _sum(amounts, tuple(-a for a in undone.joined))
    if not amounts[0]:
        return []
    begun_by = next(fill_id for fill_id in (*now, *undone.given) if fill_id not in undone.fills)
    return [_lot(sql, begun_by, amounts)]


def _oldest_first(sql: Sql, lots: dict[int, _Amounts]) -> list[tuple[int, _Amounts]]:
    placed = [(sql.one("SELECT at, tie FROM entries WHERE fill_id = ?", fill_id), fill_id) for fill_id in lots]
    return [(fill_id, lots[fill_id]) for _, fill_id in sorted(placed)]


def _lot(sql: Sql, fill_id: int, amounts: _Amounts) -> Lot:
    """A lot with its side, price and time from the entry that opened it."""
    row = sql.one("SELECT quantity, price, at, scale FROM entries WHERE fill_id = ?", fill_id)
    assert row is not None
    quantity, cost, fees = amounts
    price = to_decimal(int(row[1]), Scale.of_code(row[3]).price)
    return Lot(fill_id, "buy" if int(row[0]) > 0 else "sell", quantity, cost, fees, price, from_us(row[2]))


def _amounts(lot: Lot) -> _Amounts:
    return lot.quantity, lot.cost, lot.fees


def _sum(one: Sequence[Decimal], other: Sequence[Decimal]) -> _Amounts:
    quantity, cost, fees = (a + b for a, b in zip(one, other, strict=True))
    return quantity, cost, fees
