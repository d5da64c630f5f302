"""Taking a book back to an earlier moment, so that what arrived late is booked in its place.

A disposal remembers what it took of each lot. Put back, the lots are again to the last digit what they were, at the
cost of the entries undone and not of all there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Final, NamedTuple

from trademon.core.entries import MONEY_DIGITS, Scale, to_decimal, to_int
from trademon.core.lots import AT, COST, FEES, ID, QUANTITY, RawLot
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, Tally
from trademon.store.book_rows import Checkpoint, add_day, day_of, insert_lots, replace_lots
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
    lot, what they opened, and by how much they changed what is open."""

    fills: set[int] = field(default_factory=set)
    days: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    given: dict[int, _Amounts] = field(default_factory=dict)
    joined: _Amounts = _NOTHING
    quantity: Decimal = ZERO
    cost: Decimal = ZERO

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
        for table in ("disposals", "unmatched", "lots"):
            sql.run(f"DELETE FROM {table} WHERE fill_id IN (SELECT e.fill_id {_UNDONE})", *key, *since)
        if point.book.lots.pooled:
            _restore_pool(sql, key, point.book, undone)
        else:
            _restore_lots(sql, key, point.book, undone)
        for day, added in undone.days.items():
            add_day(sql, key, day, Tally() - added)
            point.book.tally -= added
        point.open_quantity -= undone.quantity
        point.open_cost -= undone.cost
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
        leaves = price < 0 and not point.book.signed
        tally = Tally(
            gross=sum((p.gross for p in mine), ZERO),
            # a fill whose base fee ate all of it has realised its fee
            fees=sum((p.fees for p in mine), ZERO) if quantity else to_decimal(fee, scale.fee),
            disposals=1 if mine and not leaves else 0,
            fills=1,
        )
        if missing is not None:
            tally.unmatched_quantity, tally.unmatched_proceeds, tally.unmatched_fees = missing
        undone.days[day_of(at_us)] += tally
        for part in mine:
            undone.give_back(part)
        change, sign = to_decimal(quantity, scale.quantity), 1 if quantity > 0 else -1
        gone = sum((p.quantity for p in mine), ZERO)
        undone.quantity += -gone if leaves else change - sign * (missing[0] if missing is not None else ZERO)
        undone.cost -= sum((p.cost - sign * p.lot_fees for p in mine), ZERO)
        opened = abs(change) - gone
        if opened and missing is None and not leaves:
            rest_fee = to_decimal(fee, scale.fee) - sum((p.fees - p.lot_fees for p in mine), ZERO)
            cost = opened * to_decimal(price, scale.price)
            undone.joined = _sum(undone.joined, (opened, cost, rest_fee))
            undone.cost += cost + sign * rest_fee
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


def _restore_lots(sql: Sql, key: BookKey, book: Book, undone: _Undone) -> None:
    """Put back what was taken of older lots, in the book and in the store; the others stay untouched."""
    lots = {raw[ID]: raw for raw in book.lots.oldest_first() if raw[ID] not in undone.fills}
    for fill_id, given in undone.given.items():
        if fill_id in undone.fills:
            continue
        raw = lots.get(fill_id)
        if raw is None:
            raw = lots[fill_id] = _consumed_lot(sql, book, fill_id)
        raw[QUANTITY] += to_int(given[0], book.scale.quantity)
        raw[FEES] += to_int(given[2], MONEY_DIGITS)
    book.lots.reset(_in_order(sql, lots.values()), long=_is_long(sql, lots))
    touched = [lots[fill_id] for fill_id in undone.given if fill_id in lots]
    replace_lots(sql, key, book, touched)


def _restore_pool(sql: Sql, key: BookKey, book: Book, undone: _Undone) -> None:
    """The pool is what it is now, less what joined it since and with what was taken of it since."""
    now = book.open_lots
    amounts = _NOTHING
    for lot in now:
        amounts = _sum(amounts, (lot.quantity, lot.cost, lot.fees))
    for given in undone.given.values():
        amounts = _sum(amounts, given)
    quantity, cost, fees = _sum(amounts, (-undone.joined[0], -undone.joined[1], -undone.joined[2]))
    pools: dict[int, RawLot] = {}
    if quantity:
        begun_by = next(n for n in (*(lot.fill_id for lot in now), *undone.given) if n not in undone.fills)
        raw = pools[begun_by] = _consumed_lot(sql, book, begun_by)
        raw[QUANTITY], raw[COST] = to_int(quantity, book.scale.quantity), to_int(cost, MONEY_DIGITS)
        raw[FEES] = to_int(fees, MONEY_DIGITS)
    book.lots.reset(pools.values(), long=_is_long(sql, pools))
    sql.run("DELETE FROM lots WHERE account_id = ? AND market_id = ?", *key)
    insert_lots(sql, key, book)


def _consumed_lot(sql: Sql, book: Book, fill_id: int) -> RawLot:
    """An empty lot with the price and time of the entry that opened it."""
    row = sql.one("SELECT price, coalesce(acquired_at, at), scale FROM entries WHERE fill_id = ?", fill_id)
    assert row is not None
    price = int(row[0]) * book.scale.factors_from(Scale.of_code(row[2]))[1]
    return [0, 0, 0, price, 0, fill_id, row[1], 0]


def _in_order(sql: Sql, lots: Iterable[RawLot]) -> list[RawLot]:
    """Oldest first. Of one moment, the order of their entries tells."""
    ordered = sorted(lots, key=lambda raw: raw[AT])
    tied = {one[AT] for one, other in pairwise(ordered) if one[AT] == other[AT]}
    ties = {
        raw[ID]: sql.rows("SELECT tie FROM entries WHERE fill_id = ?", raw[ID])[0][0]
        for raw in ordered
        if raw[AT] in tied
    }
    return sorted(ordered, key=lambda raw: (raw[AT], ties.get(raw[ID], "")))


def _is_long(sql: Sql, lots: Iterable[int]) -> bool:
    """The side of these lots, all of which are on one."""
    for fill_id in lots:
        return int(sql.rows("SELECT quantity FROM entries WHERE fill_id = ?", fill_id)[0][0]) > 0
    return True


def _sum(one: Sequence[Decimal], other: Sequence[Decimal]) -> _Amounts:
    quantity, cost, fees = (a + b for a, b in zip(one, other, strict=True))
    return quantity, cost, fees


def _tie(sql: Sql, fill_id: int) -> str:
    return str(sql.rows("SELECT tie FROM entries WHERE fill_id = ?", fill_id)[0][0])
