"""Booking a page of fills: identity, coverage, lots and disposals in one transaction (invariants 1 to 4).

Fills are the truth; a book (lots, disposals, unmatched, totals) is derived from them by `core.pnl.fold`. A page that
comes after everything booked continues the fold from the stored checkpoint; a page with an earlier fill derives that
book again. A checkpoint is kept in memory between pages and believed only while its version is the stored one.

Plain SQL on purpose: through the ORM a page costs thirty times as much.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from trademon.core.coverage import Span
from trademon.core.model import Broker, Fill, Method, fill_order, id_order
from trademon.core.money import format_decimal
from trademon.core.pnl import Book, Booked, fold
from trademon.core.times import from_us, to_us
from trademon.errors import BadAnswer
from trademon.store import coverage_rows
from trademon.store.book_rows import INSERT_LOT, load_lots, lot_values, read_tally, write_lots, write_results
from trademon.store.database import Database, Sql
from trademon.store.fill_rows import BookKey, Content, content, fill_values, iter_fills, known_rows, market_id
from trademon.store.types import decimal_text

_MARKETS_OF_FILLS = "SELECT DISTINCT market_id FROM fills WHERE account_id = ?"


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
                    key = (account_id, market_id(sql, broker, symbol, page[0]))
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

    def rebuild(self, account_id: int, *, method: Method, signed: bool) -> int:
        """Derive the account's books again from its fills; returns how many were."""
        with self._database.read() as sql:
            keys = [(account_id, row[0]) for row in sql.rows(_MARKETS_OF_FILLS, account_id)]
        return self._derive_all(keys, method, signed=signed)

    def keep_method(self, account_id: int, *, method: Method, signed: bool) -> int:
        """Derive again the books that are kept in another method; returns how many were."""
        with self._database.read() as sql:
            rows = sql.rows("SELECT market_id FROM books WHERE account_id = ? AND method <> ?", account_id, method)
        return self._derive_all([(account_id, row[0]) for row in rows], method, signed=signed)

    def _derive_all(self, keys: list[BookKey], method: Method, *, signed: bool) -> int:
        if not keys:
            return 0
        try:
            with self._database.write() as sql:
                for key in keys:
                    self._derive(sql, key, method, signed=signed)
        except BaseException:
            self._checkpoints.clear()  # what was folded in memory was not committed
            raise
        return len(keys)

    # --- fills ---------------------------------------------------------------------------------------------------

    def _store_new(
        self, sql: Sql, key: BookKey, page: list[Fill], broker: Broker, source: str, seen_at: datetime
    ) -> list[tuple[int, Fill]]:
        known = known_rows(sql, key, [f.trade_id for f in page])
        fresh: dict[tuple[str, int], Fill] = {}
        for fill in page:
            identity = (fill.trade_id, fill.epoch)
            if identity in fresh:
                _check_same(fill, content(fresh[identity]))
                continue
            stored = known.get(identity)
            if stored is None:
                fresh[identity] = fill
            elif stored.source == source:
                _check_same(fill, stored.content)
            elif stored.source == "import" and (stored.content, stored.fees) != (content(fill), fill.fees):
                # The exchange's own answer wins over a file's, whose times often end at the second. A book in no
                # method is derived again.
                sql.run("DELETE FROM fills WHERE id = ?", stored.fill_id)
                sql.run("UPDATE books SET method = '' WHERE account_id = ? AND market_id = ?", *key)
                fresh[identity] = fill
        ordered = sorted(fresh.values(), key=fill_order)
        row = sql.one("SELECT coalesce(max(id), 0) FROM fills")
        first = (row[0] if row else 0) + 1
        numbered = list(enumerate(ordered, start=first))
        sql.many(
            """INSERT INTO fills (id, account_id, market_id, trade_id, epoch, broker_id, order_id, side, quantity,
            price, fee, fee_currency, more_fees, executed_at, order_type, is_maker, source, seen_at, raw)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [fill_values(fill_id, key, fill, broker.id, source, seen_at) for fill_id, fill in numbered],
        )
        return numbered

    # --- books ---------------------------------------------------------------------------------------------------

    def _book(self, sql: Sql, key: BookKey, fresh: list[tuple[int, Fill]], method: Method, *, signed: bool) -> None:
        point = self._checkpoint(sql, key, method, signed=signed)
        if point is None or (point.last is not None and fill_order(fresh[0][1]) < point.last):
            self._derive(sql, key, method, signed=signed)
            return
        booked = list(fold(point.book, fresh))
        write_lots(sql, key, point.book, booked)
        write_results(sql, key, booked)
        self._save(sql, key, point, fresh[-1][1])

    def _derive(self, sql: Sql, key: BookKey, method: Method, *, signed: bool) -> None:
        """The book from all its fills. Streams: a million fills are never in memory at once."""
        for table in ("lots", "disposals", "unmatched"):
            sql.run(f"DELETE FROM {table} WHERE account_id = ? AND market_id = ?", *key)
        row = sql.one("SELECT version FROM books WHERE account_id = ? AND market_id = ?", *key)
        point = _Checkpoint(Book(method, signed=signed), None, row[0] if row else 0)
        last: Fill | None = None
        batch: list[Booked] = []
        for booked in fold(point.book, iter_fills(sql, key)):
            last = booked.fill
            batch.append(booked)
            if len(batch) >= 1000:
                write_results(sql, key, batch)
                batch.clear()
        write_results(sql, key, batch)
        sql.many(INSERT_LOT, [lot_values(key, lot) for lot in point.book.lots.oldest_first()])
        if last is not None:
            self._save(sql, key, point, last)

    def _checkpoint(self, sql: Sql, key: BookKey, method: Method, *, signed: bool) -> _Checkpoint | None:
        """The book's state as stored, or None where it must be derived: a new book, or one in another method."""
        row = sql.one(
            """SELECT version, method, last_at, last_epoch, last_trade_id, gross, fees, unmatched_quantity,
            unmatched_proceeds, unmatched_fees, unvalued, disposals, fills FROM books
            WHERE account_id = ? AND market_id = ?""",
            *key,
        )
        if row is None or row[1] != method:
            return None
        point = self._checkpoints.get(key)
        if point is not None and point.version == row[0]:
            return point
        book = Book(method, signed=signed, restored=load_lots(sql, key))
        book.tally = read_tally(row)
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


def _check_same(fill: Fill, known: Content) -> None:
    """A known id must come back as the execution it was. What differs is either damaged or an id counted anew."""
    if content(fill) != known:
        raise BadAnswer(f"{fill.symbol} fill {fill.trade_id} came back as another execution: nothing was booked")
