"""What is derived from entries, as rows: lots, disposals, unmatched sales, the totals of a day and of a book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trademon.core.entries import MONEY_DIGITS, Scale, int_text, to_decimal
from trademon.core.lots import RawLot
from trademon.core.model import Lot, Method
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, RawBooked, Tally, part_figures
from trademon.core.symbols import position_side
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql
from trademon.store.entry_rows import Position
from trademon.store.exact import decimal_text
from trademon.store.fill_rows import BookKey

DAY_US = 86_400_000_000
SUMS = "gross, fees, unmatched_quantity, unmatched_proceeds, unmatched_fees, disposals, fills"
_NEW_SUMS = ", ".join(f"{column} = excluded.{column}" for column in SUMS.split(", "))


@dataclass(slots=True)
class Checkpoint:
    """A book as it stands after its last entry. `mixed`: see `read_entries`."""

    book: Book
    version: int = 0
    last: Position | None = None
    mixed: bool = False
    open_quantity: Decimal = ZERO
    open_cost: Decimal = ZERO


# --- lots ---------------------------------------------------------------------------------------------------------


def load_lots(sql: Sql, key: BookKey) -> list[Lot]:
    """Open lots, oldest first: in the order of the entries that opened them."""
    rows = sql.rows(
        """SELECT lots.fill_id, lots.side, lots.quantity, lots.cost, lots.fees, lots.price, lots.opened_at
        FROM lots JOIN entries ON entries.fill_id = lots.fill_id
        WHERE lots.account_id = ? AND lots.market_id = ? ORDER BY lots.opened_at, entries.tie""",
        *key,
    )
    return [
        Lot(row[0], row[1], Decimal(row[2]), Decimal(row[3]), Decimal(row[4]), Decimal(row[5]), from_us(row[6]))
        for row in rows
    ]


_INSERT_LOT = """INSERT INTO lots (account_id, market_id, fill_id, side, quantity, cost, fees, price, opened_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def insert_lots(sql: Sql, key: BookKey, book: Book) -> None:
    """Write every open lot of a book that has none written."""
    sql.many(_INSERT_LOT, (_lot_values(key, lot) for lot in map(_value_of(book), book.lots.oldest_first())))


def replace_lots(sql: Sql, key: BookKey, book: Book, lots: Iterable[RawLot]) -> None:
    """Write these open lots of a book anew."""
    values = [_lot_values(key, book.lots.lot(raw, book.scale)) for raw in lots]
    sql.many("DELETE FROM lots WHERE account_id = ? AND market_id = ? AND fill_id = ?", [row[:3] for row in values])
    sql.many(_INSERT_LOT, values)


def _value_of(book: Book) -> Any:
    return lambda raw: book.lots.lot(raw, book.scale)


def _lot_values(key: BookKey, lot: Lot) -> tuple[Any, ...]:
    amounts = (lot.quantity, lot.cost, lot.fees, lot.price)
    return (*key, lot.fill_id, lot.side, *(decimal_text(a) for a in amounts), to_us(lot.opened_at))


def write_lots(sql: Sql, key: BookKey, book: Book, booked: list[RawBooked]) -> None:
    """Write what the page did to lots, and touch no others."""
    if book.lots.pooled:
        sql.run("DELETE FROM lots WHERE account_id = ? AND market_id = ?", *key)
        insert_lots(sql, key, book)
        return
    scale = book.scale
    digits = scale.quantity + scale.price
    opened: dict[int, list[Any]] = {}
    left: dict[int, tuple[int, int]] = {}
    for done in booked:
        for part in done.parts:
            if part.lot_id not in opened:
                left[part.lot_id] = part.left, part.left_fees
            elif part.left:
                opened[part.lot_id][:2] = part.left, part.left_fees
            else:
                del opened[part.lot_id]
        if done.opened:
            opened[done.entry.id] = [done.opened, done.rest_fee, done.entry.price, done]
    sql.many(
        "DELETE FROM lots WHERE account_id = ? AND market_id = ? AND fill_id = ?",
        [(*key, fill_id) for fill_id, (quantity, _) in left.items() if not quantity],
    )
    for fill_id, (quantity, fees) in left.items():
        if quantity:
            _shrink_lot(sql, key, fill_id, quantity, fees, scale)
    sql.many(
        _INSERT_LOT,
        [
            (
                *key,
                fill_id,
                "buy" if done.entry.quantity > 0 else "sell",
                int_text(quantity, scale.quantity),
                int_text(quantity * price, digits),
                int_text(fees, MONEY_DIGITS),
                int_text(price, scale.price),
                done.entry.at_us,
            )
            for fill_id, (quantity, fees, price, done) in opened.items()
        ],
    )


def _shrink_lot(sql: Sql, key: BookKey, fill_id: int, quantity: int, fees: int, scale: Scale) -> None:
    row = sql.one("SELECT price FROM lots WHERE account_id = ? AND market_id = ? AND fill_id = ?", *key, fill_id)
    assert row is not None
    held = to_decimal(quantity, scale.quantity)
    sql.run(
        "UPDATE lots SET quantity = ?, cost = ?, fees = ? WHERE account_id = ? AND market_id = ? AND fill_id = ?",
        decimal_text(held),
        decimal_text(EXACT.multiply(held, Decimal(row[0]))),
        int_text(fees, MONEY_DIGITS),
        *key,
        fill_id,
    )


# --- results ------------------------------------------------------------------------------------------------------


def write_results(sql: Sql, key: BookKey, scale: Scale, booked: list[RawBooked]) -> None:
    """Write what the entries realised, and count it into their days."""
    sql.many(
        """INSERT INTO disposals (account_id, market_id, fill_id, part, lot_fill_id, quantity, cost, gross, fees,
        lot_fees) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [row for done in booked if done.closed for row in _disposal_values(key, scale, done)],
    )
    digits = scale.quantity + scale.price
    sql.many(
        "INSERT INTO unmatched (account_id, market_id, fill_id, quantity, proceeds, fees) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                *key,
                done.entry.id,
                int_text(done.unmatched, scale.quantity),
                int_text(done.unmatched_proceeds, digits),
                int_text(done.rest_fee, MONEY_DIGITS),
            )
            for done in booked
            if done.unmatched
        ],
    )
    for day, tally in _by_day(scale, booked).items():
        add_day(sql, key, day, tally)


def _disposal_values(key: BookKey, scale: Scale, done: RawBooked) -> Iterator[tuple[Any, ...]]:
    digits = scale.quantity + scale.price
    to_money = 10 ** (MONEY_DIGITS - digits)

    def text(amount: int) -> str:
        short, rest = divmod(amount, to_money)  # nearly always exact, and a short number is written twice as fast
        return int_text(amount, MONEY_DIGITS) if rest else int_text(short, digits)

    for n, (part, gross, fees) in enumerate(part_figures(scale, done)):
        amounts = (text(part.cost), text(gross), text(fees), text(part.lot_fees))
        yield (*key, done.entry.id, n, part.lot_id, int_text(part.quantity, scale.quantity), *amounts)


def day_of(at_us: int) -> int:
    """The UTC day, counted from 1970-01-01."""
    return at_us // DAY_US


def _by_day(scale: Scale, booked: list[RawBooked]) -> dict[int, Tally]:
    """What the entries realised, summed up by day."""
    sums: dict[int, list[int]] = {}
    to_money = 10 ** (MONEY_DIGITS - scale.quantity - scale.price)
    for done in booked:
        day = sums.setdefault(done.entry.at_us // DAY_US, [0] * 7)
        day[6] += 1
        day[1] += done.closing_fee
        if done.closed and not done.leaves:
            day[5] += 1
            gain = done.closed * done.entry.price * to_money - sum(part.cost for part in done.parts)
            day[0] += gain if done.entry.quantity < 0 else -gain
            day[1] += sum(part.lot_fees for part in done.parts)
        if done.unmatched:
            day[2] += done.unmatched
            day[3] += done.unmatched_proceeds
            day[4] += done.rest_fee
    digits = (MONEY_DIGITS, MONEY_DIGITS, scale.quantity, scale.quantity + scale.price, MONEY_DIGITS)
    return {
        day: Tally.of((to_decimal(n, d) for n, d in zip(s[:5], digits, strict=True)), s[5], s[6])
        for day, s in sums.items()
    }


def tally_of(row: Iterable[Any]) -> Tally:
    """The columns of `SUMS` as totals."""
    *amounts, disposals, fills = row
    return Tally.of((Decimal(a) for a in amounts), disposals, fills)


def tally_values(tally: Tally) -> tuple[Any, ...]:
    amounts = (tally.gross, tally.fees, tally.unmatched_quantity, tally.unmatched_proceeds, tally.unmatched_fees)
    return (*(decimal_text(a) for a in amounts), tally.disposals, tally.fills)


def add_day(sql: Sql, key: BookKey, day: int, more: Tally) -> None:
    """Count `more` into a day; a day of no fills has no row."""
    row = sql.one(f"SELECT {SUMS} FROM days WHERE account_id = ? AND market_id = ? AND day = ?", *key, day)
    total = more if row is None else tally_of(row) + more
    if not total.fills:
        sql.run("DELETE FROM days WHERE account_id = ? AND market_id = ? AND day = ?", *key, day)
        return
    sql.run(
        f"""INSERT INTO days (account_id, market_id, day, {SUMS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (account_id, market_id, day) DO UPDATE SET {_NEW_SUMS}""",
        *key,
        day,
        *tally_values(total),
    )


# --- books --------------------------------------------------------------------------------------------------------


def read_checkpoint(sql: Sql, key: BookKey, method: Method, *, signed: bool, kept: Checkpoint | None) -> Checkpoint:
    """The book as stored; `kept` itself where it is still that. A new one for a book that has no row.

    A book whose row names another method than `method` comes without lots: it must be derived.
    """
    row = sql.one(
        f"""SELECT version, method, last_at, last_tie, scale, mixed, open_quantity, open_cost, {SUMS} FROM books
        WHERE account_id = ? AND market_id = ?""",
        *key,
    )
    if row is None:
        return Checkpoint(new_book(sql, key, method, signed=signed))
    if kept is not None and kept.book.method == method and _is_still(kept, row):
        return kept
    scale = Scale.of_code(row[4]) if row[4] else Scale()
    lots = load_lots(sql, key) if row[1] == method else []
    book = new_book(sql, key, method, signed=signed, scale=scale, restored=lots, tally=tally_of(row[8:]))
    return Checkpoint(
        book,
        version=row[0],
        last=Position(row[2], row[3]) if row[1] == method else None,
        mixed=bool(row[5]),
        open_quantity=Decimal(row[6]),
        open_cost=Decimal(row[7]),
    )


def _is_still(kept: Checkpoint, row: Sequence[Any]) -> bool:
    """Whether a book in memory is the stored one. The version alone does not tell: an account that was deleted and read
    anew counts from the beginning."""
    stored = (row[0], row[1], (row[2], row[3]), Decimal(row[6]), Decimal(row[7]))
    return stored == (kept.version, kept.book.method, kept.last, kept.open_quantity, kept.open_cost)


def new_book(sql: Sql, key: BookKey, method: Method, *, signed: bool, **more: Any) -> Book:
    """A book of what its market's symbol says: of one position side, or of whatever is traded."""
    symbol = sql.rows("SELECT symbol FROM markets WHERE id = ?", key[1])[0][0]
    return Book(method, signed=signed, only=position_side(symbol) if signed else None, **more)


def save_checkpoint(sql: Sql, key: BookKey, point: Checkpoint) -> None:
    """Write the book's row, one version on."""
    assert point.last is not None
    point.version += 1
    sql.run(
        f"""INSERT INTO books (account_id, market_id, method, version, last_at, last_tie, scale, mixed, open_quantity,
        open_cost, {SUMS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (account_id, market_id) DO UPDATE SET method = excluded.method, version = excluded.version,
        last_at = excluded.last_at, last_tie = excluded.last_tie, scale = excluded.scale, mixed = excluded.mixed,
        open_quantity = excluded.open_quantity, open_cost = excluded.open_cost, {_NEW_SUMS}""",
        *key,
        point.book.method,
        point.version,
        *point.last,
        point.book.scale.code,
        point.mixed,
        decimal_text(point.open_quantity),
        decimal_text(point.open_cost),
        *tally_values(point.book.tally),
    )


def opened_since(scale: Scale, booked: Iterable[RawBooked]) -> tuple[Decimal, Decimal]:
    """By how much the entries changed what a book holds, and what that cost with its fees (see `pnl.open_cost`)."""
    to_money = 10 ** (MONEY_DIGITS - scale.quantity - scale.price)
    quantity = cost = 0
    for done in booked:
        sign = 1 if done.entry.quantity > 0 else -1  # what is opened is long, what is closed was short
        quantity += -done.closed if done.leaves else done.entry.quantity - sign * done.unmatched
        for part in done.parts:
            cost -= part.cost - sign * part.lot_fees
        if done.opened:
            cost += done.opened * done.entry.price * to_money + sign * done.rest_fee
    return to_decimal(quantity, scale.quantity), to_decimal(cost, MONEY_DIGITS)
