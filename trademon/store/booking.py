"""Booking a page of fills: identity, coverage, lots and disposals in one transaction (invariants 1 to 4).

Fills are the truth; a book (lots, disposals, unmatched, totals) is derived from them by `core.pnl.fold`. A page that
comes after everything booked continues the fold from the stored checkpoint; a page with an earlier fill derives that
book again. A checkpoint is kept in memory between pages and believed only while its version is the stored one.

Plain SQL on purpose: through the ORM a page costs thirty times as much.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from trademon.core.coverage import Span
from trademon.core.model import Broker, Disposal, Fee, Fill, Lot, Method, fill_order, id_order
from trademon.core.money import format_decimal, parse_decimal
from trademon.core.pnl import Book, Booked, Tally, fold
from trademon.core.times import from_us, to_us
from trademon.errors import BadAnswer
from trademon.store import coverage_rows
from trademon.store.database import Database, Sql, in_list
from trademon.store.types import decimal_text

_MAX_IN = 500
_FILL_COLUMNS = """fills.id, trade_id, epoch, side, quantity, price, fee, fee_currency, more_fees, executed_at,
    order_id, order_type, is_maker, markets.symbol, markets.base, markets.quote"""

BookKey = tuple[int, int]
"""(account id, market id)"""


@dataclass(slots=True)
class _Checkpoint:
    book: Book
    last: tuple[Any, ...] | None
    version: int


class Bookkeeper:
    """Writes fills and everything derived from them, for one user's store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._checkpoints: dict[BookKey, _Checkpoint] = {}

    def book_page(
        self,
        broker: Broker,
        fills: Iterable[Fill],
        *,
        account_id: int,
        method: Method,
        source: str,
        seen_at: datetime,
        covered: tuple[str, Span] | None = None,
    ) -> int:
        """Store what is new among `fills` and book its P&L; `covered` (symbol, span) is what the page proves.

        All of it commits together or none of it does. Returns the number of fills that were new.

        Raises:
            BadAnswer: a known id came back as another execution. Nothing is written.
        """
        ordered = sorted(fills, key=lambda f: f.symbol)
        new = 0
        touched: list[BookKey] = []
        try:
            with self._database.write() as sql:
                for symbol, group in groupby(ordered, key=lambda f: f.symbol):
                    page = list(group)
                    key = (account_id, _market_id(sql, broker, symbol, page[0], seen_at))
                    touched.append(key)
                    fresh = self._store_new(sql, key, page, broker, source, seen_at)
                    if fresh:
                        self._book(sql, key, fresh, method, signed=broker.market != "spot")
                    new += len(fresh)
                if covered is not None:
                    coverage_rows.extend(sql, account_id, "fills", covered[0], covered[1])
        except BaseException:
            for key in touched:  # what was folded in memory was not committed
                self._checkpoints.pop(key, None)
            raise
        return new

    def rebuild(self, account_id: int, *, method: Method, signed: bool, only_other_method: bool = False) -> int:
        """Derive the account's books again from its fills; returns how many were."""
        with self._database.write() as sql:
            keys = sql.rows("SELECT DISTINCT market_id FROM fills WHERE account_id = ?", account_id)
            done = 0
            for (market_id,) in keys:
                key = (account_id, market_id)
                row = sql.one("SELECT method FROM books WHERE account_id = ? AND market_id = ?", *key)
                if only_other_method and row is not None and row[0] == method:
                    continue
                self._derive(sql, key, method, signed=signed)
                done += 1
        return done

    # --- fills ---------------------------------------------------------------------------------------------------

    def _store_new(
        self, sql: Sql, key: BookKey, page: list[Fill], broker: Broker, source: str, seen_at: datetime
    ) -> list[tuple[int, Fill]]:
        known = _known(sql, key, [f.trade_id for f in page])
        fresh: dict[tuple[str, int], Fill] = {}
        for fill in page:
            identity = (fill.trade_id, fill.epoch)
            stored = known.get(identity) or (_content(fresh[identity]) if identity in fresh else None)
            if stored is None:
                fresh[identity] = fill
            elif stored != _content(fill):
                raise BadAnswer(
                    f"{fill.symbol} fill {fill.trade_id} came back as another execution: nothing was booked"
                )
        ordered = sorted(fresh.values(), key=fill_order)
        row = sql.one("SELECT coalesce(max(id), 0) FROM fills")
        first = (row[0] if row else 0) + 1
        numbered = list(enumerate(ordered, start=first))
        sql.many(
            """INSERT INTO fills (id, account_id, market_id, trade_id, epoch, broker_id, order_id, side, quantity,
            price, fee, fee_currency, more_fees, executed_at, order_type, is_maker, source, seen_at, raw)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [_fill_values(fill_id, key, fill, broker.id, source, seen_at) for fill_id, fill in numbered],
        )
        return numbered

    # --- books ---------------------------------------------------------------------------------------------------

    def _book(self, sql: Sql, key: BookKey, fresh: list[tuple[int, Fill]], method: Method, *, signed: bool) -> None:
        point = self._checkpoint(sql, key, method, signed=signed)
        if point is None or (point.last is not None and fill_order(fresh[0][1]) < point.last):
            self._derive(sql, key, method, signed=signed)
            return
        booked = list(fold(point.book, fresh))
        _write_lots(sql, key, point.book, booked)
        _write_results(sql, key, booked)
        self._save(sql, key, point, fresh[-1][1])

    def _derive(self, sql: Sql, key: BookKey, method: Method, *, signed: bool) -> None:
        """The book from all its fills. Streams: a million fills are never in memory at once."""
        for table in ("lots", "disposals", "unmatched"):
            sql.run(f"DELETE FROM {table} WHERE account_id = ? AND market_id = ?", *key)  # noqa: S608
        row = sql.one("SELECT version FROM books WHERE account_id = ? AND market_id = ?", *key)
        point = _Checkpoint(Book(method, signed=signed), None, row[0] if row else 0)
        last: Fill | None = None
        batch: list[Booked] = []
        for booked in fold(point.book, iter_fills(sql, key)):
            last = booked.fill
            batch.append(booked)
            if len(batch) >= 1000:
                _write_results(sql, key, batch)
                batch.clear()
        _write_results(sql, key, batch)
        sql.many(_INSERT_LOT, [_lot_values(key, lot) for lot in point.book.lots.oldest_first()])
        if last is not None:
            self._save(sql, key, point, last)

    def _checkpoint(self, sql: Sql, key: BookKey, method: Method, *, signed: bool) -> _Checkpoint | None:
        """The book's state as stored, or None where it must be derived (another method)."""
        row = sql.one(
            """SELECT version, method, last_at, last_epoch, last_trade_id, gross, fees, unmatched_quantity,
            unmatched_proceeds, unmatched_fees, unvalued, disposals, fills FROM books
            WHERE account_id = ? AND market_id = ?""",
            *key,
        )
        if row is None:
            return _Checkpoint(Book(method, signed=signed), None, 0)
        if row[1] != method:
            return None
        point = self._checkpoints.get(key)
        if point is not None and point.version == row[0]:
            return point
        book = Book(method, signed=signed, restored=_load_lots(sql, key))
        book.tally = _tally(row)
        last = (from_us(row[2]), row[3], *id_order(row[4]))
        return _Checkpoint(book, last, row[0])

    def _save(self, sql: Sql, key: BookKey, point: _Checkpoint, last: Fill) -> None:
        point.version += 1
        point.last = fill_order(last)
        tally = point.book.tally
        sql.run(
            """INSERT INTO books (account_id, market_id, method, version, last_at, last_epoch, last_trade_id, gross,
            fees, unmatched_quantity, unmatched_proceeds, unmatched_fees, unvalued, disposals, fills)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (account_id, market_id) DO UPDATE SET method = excluded.method, version = excluded.version,
            last_at = excluded.last_at, last_epoch = excluded.last_epoch, last_trade_id = excluded.last_trade_id,
            gross = excluded.gross, fees = excluded.fees, unmatched_quantity = excluded.unmatched_quantity,
            unmatched_proceeds = excluded.unmatched_proceeds, unmatched_fees = excluded.unmatched_fees,
            unvalued = excluded.unvalued, disposals = excluded.disposals, fills = excluded.fills""",
            *key,
            point.book.method,
            point.version,
            to_us(last.executed_at),
            last.epoch,
            last.trade_id,
            decimal_text(tally.gross),
            decimal_text(tally.fees),
            decimal_text(tally.unmatched_quantity),
            decimal_text(tally.unmatched_proceeds),
            decimal_text(tally.unmatched_fees),
            json.dumps({coin: format_decimal(amount) for coin, amount in sorted(tally.unvalued.items())}),
            tally.disposals,
            tally.fills,
        )
        self._checkpoints[key] = point


# --- reading fills back -------------------------------------------------------------------------------------------


def iter_fills(sql: Sql, key: BookKey) -> Iterator[tuple[int, Fill]]:
    """The fills of one book with their store ids, in `fill_order`."""
    rows = sql.stream(
        f"""SELECT {_FILL_COLUMNS} FROM fills JOIN markets ON markets.id = market_id
        WHERE account_id = ? AND market_id = ? ORDER BY executed_at, epoch""",  # noqa: S608
        *key,
    )
    # SQL cannot sort ids as numbers in both databases, so ties in time are put in order here.
    for _, tied in groupby(rows, key=lambda row: (row[9], row[2])):
        for row in sorted(tied, key=lambda row: id_order(row[1])):
            yield row[0], fill_of(row)


def fill_of(row: Sequence[Any]) -> Fill:
    """A row of `_FILL_COLUMNS` as a Fill. The raw answer stays in the store."""
    return Fill(
        trade_id=row[1],
        epoch=row[2],
        side=row[3],
        quantity=Decimal(row[4]),
        price=Decimal(row[5]),
        fees=fees_of(row[6], row[7], row[8]),
        executed_at=from_us(row[9]),
        order_id=row[10],
        order_type=row[11],
        is_maker=None if row[12] is None else bool(row[12]),
        symbol=row[13],
        base=row[14],
        quote=row[15],
    )


def fees_of(fee: str, currency: str, more: str | None) -> tuple[Fee, ...]:
    first = (Fee(Decimal(fee), currency),) if currency else ()
    if not more:
        return first
    return first + tuple(Fee(parse_decimal(amount), coin) for amount, coin in json.loads(more))


# --- rows ---------------------------------------------------------------------------------------------------------


def _market_id(sql: Sql, broker: Broker, symbol: str, fill: Fill, seen_at: datetime) -> int:
    row = sql.one(
        "SELECT id FROM markets WHERE exchange = ? AND market = ? AND symbol = ? ORDER BY listed DESC, id LIMIT 1",
        broker.exchange,
        broker.market,
        symbol,
    )
    if row is not None:
        return int(row[0])
    return sql.insert(
        "markets",
        exchange=broker.exchange,
        market=broker.market,
        exchange_symbol=symbol,
        symbol=symbol,
        base=fill.base,
        quote=fill.quote,
        listed=False,
        seen_at=to_us(seen_at),
    )


Content = tuple[str, Decimal, Decimal, int]


def _content(fill: Fill) -> Content:
    """What may not differ when the same id is seen again."""
    return (fill.side, fill.quantity, fill.price, to_us(fill.executed_at))


def _known(sql: Sql, key: BookKey, trade_ids: list[str]) -> dict[tuple[str, int], Content]:
    known: dict[tuple[str, int], Content] = {}
    for start in range(0, len(trade_ids), _MAX_IN):
        some = trade_ids[start : start + _MAX_IN]
        rows = sql.rows(
            f"""SELECT trade_id, epoch, side, quantity, price, executed_at FROM fills
            WHERE account_id = ? AND market_id = ? AND trade_id IN {in_list(some)}""",  # noqa: S608
            *key,
            *some,
        )
        known.update(
            {(trade_id, epoch): (side, Decimal(q), Decimal(p), at) for trade_id, epoch, side, q, p, at in rows}
        )
    return known


def _fill_values(
    fill_id: int, key: BookKey, fill: Fill, broker_id: int, source: str, seen_at: datetime
) -> tuple[Any, ...]:
    first, *more = fill.fees or (None,)
    return (
        fill_id,
        *key,
        fill.trade_id,
        fill.epoch,
        broker_id,
        fill.order_id,
        fill.side,
        decimal_text(fill.quantity),
        decimal_text(fill.price),
        decimal_text(first.amount) if first else "0",
        first.currency if first else "",
        json.dumps([[format_decimal(f.amount), f.currency] for f in more if f]) if more else None,
        to_us(fill.executed_at),
        fill.order_type,
        fill.is_maker,
        source,
        to_us(seen_at),
        fill.raw,
    )


def _tally(row: Sequence[Any]) -> Tally:
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


def _load_lots(sql: Sql, key: BookKey) -> list[Lot]:
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


_INSERT_LOT = """INSERT INTO lots (account_id, market_id, fill_id, side, quantity, cost, fees, price, opened_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def _lot_values(key: BookKey, lot: Lot) -> tuple[Any, ...]:
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


def _write_lots(sql: Sql, key: BookKey, book: Book, booked: list[Booked]) -> None:
    """Replace the lots that the page touched, and no others."""
    touched = {b.opened.fill_id for b in booked if b.opened}
    touched |= {part.lot_fill_id for b in booked if b.disposal for part in b.disposal.parts}
    if book.method == "average":
        touched |= {lot.fill_id for lot in book.lots.oldest_first()}
    sql.many(
        "DELETE FROM lots WHERE account_id = ? AND market_id = ? AND fill_id = ?", [(*key, fill) for fill in touched]
    )
    left = [lot for lot in (book.lots.of_fill(fill) for fill in sorted(touched)) if lot is not None]
    sql.many(_INSERT_LOT, [_lot_values(key, lot) for lot in left])


def _write_results(sql: Sql, key: BookKey, booked: list[Booked]) -> None:
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
