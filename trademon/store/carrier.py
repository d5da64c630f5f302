"""Keeping both ends of transfers between a user's own accounts in step with the books they leave (see `carry`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from trademon.core.entries import to_decimal
from trademon.core.lots import AT, QUANTITY
from trademon.core.model import Fill
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, fold_entries
from trademon.core.times import to_us
from trademon.store.book_rows import read_checkpoint
from trademon.store.carry import (
    Carriage,
    CarriedPart,
    account_method,
    arriving,
    books_of_coin,
    carriages_from,
    carriages_of,
    ends_of,
    last_price,
    leaving,
    paid,
    parts_of,
)
from trademon.store.database import Sql
from trademon.store.entry_rows import read_entries
from trademon.store.fill_rows import BookKey, load_fill, market_of

ReplaceRows = Callable[[Sql, BookKey, list[int], list[Fill]], None]
"""Takes rows out of a book, puts others in, and books on: `Bookkeeper.replace_rows`."""


def carry_on(sql: Sql, carriages: Iterable[Carriage], replace: ReplaceRows) -> None:
    """Make both ends of these transfers anew, and of those that go on with what they brought, oldest first."""
    waiting = {carriage.id: carriage for carriage in carriages}
    while waiting:
        carriage = min(waiting.values(), key=lambda c: (c.left_at, c.id))
        del waiting[carriage.id]
        left, arrived = _carry(sql, carriage, replace)
        # Only what leaves later can have been touched: so this comes to an end.
        later: list[Carriage] = []
        if left:  # other lots are there for what leaves after it
            later += carriages_from(sql, carriage.source, to_us(carriage.left_at))
        if arrived:
            later += carriages_from(sql, carriage.target, to_us(carriage.arrived_at) + 1)
        waiting.update({c.id: c for c in later if (c.left_at, c.id) > (carriage.left_at, carriage.id)})


def forget_transfers(sql: Sql, account_id: int, replace: ReplaceRows) -> None:
    """Forget an account's transfers, and have their other ends stand in no other account's books."""
    stood: dict[BookKey, list[int]] = {}
    for carriage in carriages_of(sql, account_id):
        for key, fill_id in ends_of(sql, carriage):
            if key[0] != account_id:
                stood.setdefault(key, []).append(fill_id)
    sql.run("DELETE FROM transfers WHERE account_id = ?", account_id)
    for key, fill_ids in stood.items():
        replace(sql, key, fill_ids, [])
    for other in sorted({other for other, _ in stood}):
        carry_on(sql, carriages_from(sql, other), replace)


def _carry(sql: Sql, carriage: Carriage, replace: ReplaceRows) -> tuple[bool, bool]:
    """Make both ends of one transfer anew; whether the sending and whether the receiving end changed."""
    stood = ends_of(sql, carriage)
    given, fees = _allocate(sql, carriage)
    left = arrived = False
    for key in _books(carriage.source, [*given, *fees, *(k for k, _ in stood)]):
        rows = _leaving_rows(sql, carriage, key, given.get(key, ZERO), fees.get(key, ZERO))
        left |= _put(sql, key, [n for k, n in stood if k == key], rows, replace)
    reached = _arriving_rows(sql, carriage, list(given))
    for key in _books(carriage.target, [*reached, *(k for k, _ in stood)]):
        arrived |= _put(sql, key, [n for k, n in stood if k == key], reached.get(key, []), replace)
    return left, arrived


def _books(account_id: int, keys: Iterable[BookKey]) -> list[BookKey]:
    return list(dict.fromkeys(key for key in keys if key[0] == account_id))


def _put(sql: Sql, key: BookKey, stood: list[int], rows: list[Fill], replace: ReplaceRows) -> bool:
    """Have these rows stand for the transfer in a book; whether that is a change."""
    before = {fill.trade_id: (fill, n) for fill, n in ((load_fill(sql, n), n) for n in stood)}
    wanted = {fill.trade_id: fill for fill in rows}
    gone = [n for name, (fill, n) in before.items() if wanted.get(name) != fill]
    new = [fill for name, fill in wanted.items() if name not in before or before[name][0] != fill]
    if gone or new:
        replace(sql, key, gone, new)
    return bool(gone or new)


def _allocate(sql: Sql, carriage: Carriage) -> tuple[dict[BookKey, Decimal], dict[BookKey, Decimal]]:
    """How much leaves each book of the coin, and how much of the withdrawal's own fee each pays.

    Where there are several books, the oldest lots over all of them go first, and the fee is paid out of what is next.
    """
    keys = books_of_coin(sql, carriage.source, carriage.coin)
    if len(keys) == 1:
        return {keys[0]: carriage.amount}, {keys[0]: carriage.fee}
    held = sorted(lot for key in keys for lot in _held(sql, key, carriage.left_at))
    given: dict[BookKey, Decimal] = {}
    fees: dict[BookKey, Decimal] = {}
    left, fee = carriage.amount, carriage.fee
    for _, key, quantity in held:
        taken = min(left, quantity)
        paid_here = min(fee, EXACT.subtract(quantity, taken))
        for shares, share in ((given, taken), (fees, paid_here)):
            if share:
                shares[key] = EXACT.add(shares.get(key, ZERO), share)
        left, fee = EXACT.subtract(left, taken), EXACT.subtract(fee, paid_here)
    return given, fees


def _held(sql: Sql, key: BookKey, at: datetime) -> list[tuple[int, BookKey, Decimal]]:
    """The open lots of a book at that time: acquired when, and how much."""
    point = read_checkpoint(sql, key, account_method(sql, key[0]), signed=False, kept=None)
    book = Book("fifo", scale=point.book.scale)
    fold_entries(book, read_entries(sql, key, book.scale, mixed=point.mixed, until_us=to_us(at)))
    digits = book.scale.quantity
    return [(lot[AT], key, to_decimal(lot[QUANTITY], digits)) for lot in book.lots.oldest_first()]


def _leaving_rows(sql: Sql, carriage: Carriage, key: BookKey, quantity: Decimal, fee: Decimal) -> list[Fill]:
    """What stands for the transfer in a book that it leaves: what went over, and what of its fee was paid there."""
    like = market_of(sql, key[1])
    rows = [leaving(carriage, like, quantity)] if quantity else []
    price = last_price(sql, key, carriage.left_at) if fee else None
    return rows if price is None else [*rows, paid(carriage, like, fee, price)]


def _arriving_rows(sql: Sql, carriage: Carriage, sources: list[BookKey]) -> dict[BookKey, list[Fill]]:
    """What stands for the transfer in each book that it reaches: that of the same symbol in the other account."""
    arrived: dict[BookKey, list[Fill]] = {}
    left = carriage.arrived
    for key in sources:
        parts = _parts_left(sql, carriage, key)
        like = market_of(sql, key[1], account_id=carriage.target)
        rows = arriving(carriage, like, parts, left, first=sum(map(len, arrived.values())) + 1)
        left = EXACT.subtract(left, sum((row.quantity for row in rows), ZERO))
        arrived.setdefault((carriage.target, like.market_id), []).extend(rows)
    return arrived


def _parts_left(sql: Sql, carriage: Carriage, key: BookKey) -> list[CarriedPart]:
    own = [n for k, n in ends_of(sql, carriage) if k == key]
    return [part for n in own if load_fill(sql, n).leaves for part in parts_of(sql, n)]
