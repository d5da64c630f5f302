"""A user's fills and what is derived from them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from trademon.core.model import Broker, Method
from trademon.core.pnl import Tally
from trademon.core.pnl_reports import PnlRow
from trademon.core.reports import ExecutionRow, FillsReport
from trademon.core.symbols import with_sides
from trademon.core.times import to_us
from trademon.errors import Busy
from trademon.store.booking import Bookkeeper
from trademon.store.carried_fees import carried_coins
from trademon.store.database import in_list
from trademon.store.entry_rows import CoinFee, group_fees, read_entries
from trademon.store.fill_rows import IMPORT
from trademon.store.ordered_by import name_strategies, read_ordered_by
from trademon.store.reading import (
    BookRef,
    FillQuery,
    count_untold,
    read_book_refs,
    read_books,
    read_executions,
    read_fills,
    read_known_ids,
    read_tally,
    read_unvalued,
)
from trademon.store.scope import OWNED
from trademon.store.user_brokers import UserBrokers


class UserBooks(UserBrokers):
    """The part of a user's store that holds fills and books."""

    @cached_property
    def books(self) -> Bookkeeper:
        """Books pages of fills, and rebuilds what is derived from them."""
        return Bookkeeper(self._database, self._user_id)

    def fills(self, query: FillQuery) -> FillsReport:
        """The fills found, oldest first."""
        with self._database.read() as sql:
            rows, total = read_fills(sql, self._user_id, query)
            rows = name_strategies(rows, read_ordered_by(sql, self._user_id))
        return FillsReport(rows, total, self.fills_stored())

    def fills_stored(self) -> int:
        """How many fills the user has."""
        with self._database.read() as sql:
            row = sql.one(
                """SELECT (SELECT sum(fills) FROM books WHERE account_id IN own) -
                (SELECT count(*) FROM fills WHERE account_id IN own AND source IN ('opening', 'transfer'))
                FROM (SELECT 1) AS one""".replace("own", "(SELECT id FROM accounts WHERE user_id = ?)"),
                self._user_id,
                self._user_id,
            )
        return (row[0] or 0) if row else 0

    def newest_fill(self, account_id: int, symbol: str, *, before: datetime) -> str | None:
        """The trade id of the newest stored fill executed before that time, on either position side."""
        with self._database.read() as sql:
            row = sql.one(
                f"""SELECT trade_id FROM fills JOIN markets ON markets.id = market_id
                WHERE {OWNED} AND symbol IN {in_list(with_sides(symbol))} AND executed_at < ? AND source = 'api'
                ORDER BY executed_at DESC, length(trade_id) DESC, trade_id DESC LIMIT 1""",
                account_id,
                self._user_id,
                *with_sides(symbol),
                to_us(before),
            )
        return row[0] if row else None

    def known_trade_ids(self, account_id: int, symbol: str, trade_ids: Sequence[str]) -> set[str]:
        """Which of these ids are stored for the symbol, on either position side."""
        with self._database.read() as sql:
            return read_known_ids(sql, account_id, symbol, trade_ids) if self._owns(sql, account_id) else set()

    def row_ids(self, broker: Broker, first: datetime, last: datetime) -> list[str]:
        """The ids that were made up for rows of files, of those executed in the broker's account between these times,
        both included."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT trade_id FROM fills WHERE {OWNED} AND executed_at >= ? AND executed_at <= ?
                AND source = '{IMPORT}' AND trade_id LIKE 'row-%'""",
                broker.account_id,
                self._user_id,
                to_us(first),
                to_us(last),
            )
        return [row[0] for row in rows]

    def book_refs(self) -> tuple[BookRef, ...]:
        with self._database.read() as sql:
            return tuple(read_book_refs(sql, self._user_id))

    @contextlib.contextmanager
    def book_entries(
        self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Iterator[tuple[int, ...]]]:
        """What the fills of a book within [since, until) move, in order, for `core.pnl.fold_entries`."""
        with self._database.read() as sql:
            if not self._owns(sql, ref.account_id):
                yield iter(())
                return
            now = sql.one("SELECT scale, mixed FROM books WHERE account_id = ? AND market_id = ?", *ref.key)
            if now is None or now != (ref.scale_code, int(ref.mixed)):
                raise Busy(f"{ref.symbol} of {ref.broker} is being booked by another run", hint="ask again")
            yield read_entries(
                sql,
                ref.key,
                ref.scale,
                mixed=ref.mixed,
                since_us=None if since is None else to_us(since),
                until_us=None if until is None else to_us(until),
            )

    def arrivals(self, ref: BookRef) -> dict[int, int]:
        """When the lots that were carried into a book arrived there, in microseconds by fill id: what `book_entries`
        gives of them is the time of their acquisition."""
        if not ref.mixed:
            return {}
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT fill_id, at FROM entries WHERE account_id = ? AND market_id = ? AND acquired_at IS NOT NULL
                AND account_id IN (SELECT id FROM accounts WHERE user_id = ?)""",
                *ref.key,
                self._user_id,
            )
        return dict(rows)

    def stored_books(self) -> tuple[PnlRow, ...]:
        """The stored book of every account and symbol, as P&L rows in its own method."""
        with self._database.read() as sql:
            return read_books(sql, self._user_id)

    def stored_book(self, ref: BookRef) -> PnlRow:
        """One stored book as a P&L row in its own method."""
        with self._database.read() as sql:
            self._check_owned(sql, ref.account_id)
            return next(iter(read_books(sql, self._user_id, [ref])))

    def stored_tally(self, ref: BookRef, since_us: int, until_us: int) -> Tally:
        """What a stored book realised within [since, until), in its own method."""
        with self._database.read() as sql:
            self._check_owned(sql, ref.account_id)
            return read_tally(sql, ref, since_us, until_us)

    def unvalued_fees(
        self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[tuple[str, Decimal], ...]:
        """Fees of a book's fills within [since, until) whose price is not known, by coin."""
        with self._database.read() as sql:
            self._check_owned(sql, ref.account_id)
            return read_unvalued(sql, ref, since=since, until=until)

    def costs_untold(self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None) -> int:
        """How many of a book's fills within [since, until) have costs that their exchange has not told yet."""
        with self._database.read() as sql:
            return count_untold(sql, ref, since=since, until=until) if self._owns(sql, ref.account_id) else 0

    def carried_unvalued(
        self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[str, ...]:
        """The coins of fees without a price on lots that were carried into a book within [since, until)."""
        if ref.signed:
            return ()
        with self._database.read() as sql:
            if not self._owns(sql, ref.account_id):
                return ()
            return carried_coins(sql, ref.key, since=since, until=until)

    def accounts_to_derive(self) -> tuple[tuple[int, Method, bool], ...]:
        """Each of the user's accounts with the method its books are kept in, and whether they may go short."""
        with self._database.read() as sql:
            rows = sql.rows("SELECT id, market FROM accounts WHERE user_id = ?", self._user_id)
        return tuple((account_id, self.method_of_account(account_id), market != "spot") for account_id, market in rows)

    def keep_methods(self) -> None:
        """Derive again what is kept in another method than now holds, together with what was carried on from it."""
        for account_id, method, signed in self.accounts_to_derive():
            self.books.keep_method(account_id, method=method, signed=signed)

    def fees_to_value(self, account_id: int) -> tuple[CoinFee, ...]:
        """The account's third-coin fees whose price is not known."""
        with self._database.read() as sql:
            grouped = group_fees(sql, account_id) if self._owns(sql, account_id) else {}
        return tuple(fee for fees in grouped.values() for fee in fees)

    def executions(self, *, after_id: int = 0, limit: int | None = None) -> tuple[ExecutionRow, ...]:
        """Executions stored after the fill `after_id`, newest first, with what each realised."""
        with self._database.read() as sql:
            return read_executions(sql, self._user_id, after_id=after_id, limit=limit)

    def last_fill_id(self) -> int:
        """The number of the user's newest fill; 0 where they have none. What is stored later has a higher one."""
        with self._database.read() as sql:
            row = sql.one(
                """SELECT coalesce(max(newest), 0) FROM (SELECT max(fills.id) AS newest FROM fills
                WHERE account_id IN (SELECT id FROM accounts WHERE user_id = ?)) AS own""",
                self._user_id,
            )
        return row[0] if row else 0
