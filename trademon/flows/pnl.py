"""Realised P&L of stored fills, by any method.

In the method a book is kept in, figures are read from what was booked; in any other they are the same fold from the
book's first fill. How rows are grouped, and what stands beside them, is in the `pnl_*` files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Literal

from trademon.core.model import Method
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, Tally, fold_entries
from trademon.core.pnl_reports import PnlReport, PnlRow, PnlTotal
from trademon.core.times import to_us
from trademon.flows.cash import cash_totals
from trademon.progress import counted
from trademon.store.reading import BookRef, row_of
from trademon.store.store import UserStore
from trademon.store.user_cash import CashQuery

_ALWAYS_US = 2**62

Grouping = Literal["symbol", "broker", "day", "month", "year"]
GROUPINGS: tuple[Grouping, ...] = ("symbol", "broker", "day", "month", "year")


@dataclass(frozen=True, slots=True)
class PnlQuery:
    """Symbols in the shown form, brokers by name. `since` and `until` select disposals, [since, until); all earlier
    fills still feed the matching. `method` None is each broker's own, then the user's, then fifo.

    `by` groups rows, None is one a book. `stats` and `curve` ask for what takes every disposal one by one. `book`
    `coin` matches over all symbols of a coin; `currency` is what figures are converted to, None leaves each in its own.
    """

    method: Method | None = None
    symbols: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    by: Grouping | None = None
    stats: bool = False
    currency: str | None = None
    book: Literal["symbol", "coin"] = "symbol"
    curve: bool = False


def pnl(stores: Sequence[UserStore], query: PnlQuery) -> PnlReport:
    """The rows that the query asks for, the totals per currency, and the cash beside them, all as of one moment."""
    with contextlib.ExitStack() as moment:
        stores = [moment.enter_context(store.kept_by(query.method)) for store in stores]
        for store in stores:
            moment.enter_context(store.one_moment())
        beside = CashQuery(query.brokers, query.since, query.until, query.symbols)
        return replace(_pnl(stores, query), cash=cash_totals(stores, beside))


def _pnl(stores: Sequence[UserStore], query: PnlQuery) -> PnlReport:
    if query.book == "coin":
        from trademon.flows.coin_book import coin_pnl  # noqa: PLC0415

        return coin_pnl(stores, query)
    if query.currency is not None:
        from trademon.flows.convert import convert  # noqa: PLC0415

        return convert(stores, query)
    from trademon.flows.pnl_figures import figures  # noqa: PLC0415
    from trademon.flows.pnl_views import view  # noqa: PLC0415

    return view(stores, query, figures(stores, query))


def chosen_books(store: UserStore, query: PnlQuery) -> Iterable[tuple[BookRef, Method]]:
    """The books the query means, each with the method that holds for it."""
    brokers = store.brokers()
    own = {b.account_id: store.method_of(b) for b in reversed(brokers)}
    accounts = {b.account_id for b in brokers if b.name in query.brokers}
    for ref in store.book_refs():
        wanted = not query.brokers or ref.broker in query.brokers or ref.account_id in accounts
        if wanted and (not query.symbols or ref.symbol in query.symbols):
            yield ref, query.method or own.get(ref.account_id, store.default_method)


def book_row(store: UserStore, ref: BookRef, method: Method, query: PnlQuery) -> PnlRow:
    """One book's figures: as they are stored where that answers the query, else folded."""
    if ref.tells(method, query.until):
        stored = store.stored_book(ref)
        if query.since is None:
            return stored
        tally = store.stored_tally(ref, to_us(query.since), _ALWAYS_US)
        row = row_of(ref, tally, store.unvalued_fees(ref, since=query.since), ZERO, ZERO)
        # What is open is already as a person reads it, and does not depend on `since`.
        held = (stored.open_quantity, stored.open_cost, stored.average_cost)
        return replace(row, open_quantity=held[0], open_cost=held[1], average_cost=held[2])
    book, tally = fold_book(store, ref, method, since=query.since, until=query.until)
    unvalued = store.unvalued_fees(ref, since=query.since, until=query.until)
    return row_of(ref, tally, unvalued, book.open_quantity, book.open_cost)


def fold_book(
    store: UserStore, ref: BookRef, method: Method, *, since: datetime | None = None, until: datetime | None = None
) -> tuple[Book, Tally]:
    """The book as of `until`, folded from its first fill, and what it realised from `since` on."""
    book = book_before(store, ref, method, since)
    before = book.tally
    with store.book_entries(ref, since=since, until=until) as entries:
        fold_entries(book, counted(entries, f"{ref.symbol} by {method}", None, "fills"))
    return book, book.tally - before


def book_before(store: UserStore, ref: BookRef, method: Method, since: datetime | None) -> Book:
    """The book as of `since`; without a fill where that is None."""
    book = Book(method, signed=ref.signed, only=ref.only, scale=ref.scale)
    if since is not None:
        with store.book_entries(ref, until=since) as entries:
            fold_entries(book, counted(entries, f"{ref.symbol} by {method}", None, "fills"))
    return book


def totals(rows: Iterable[PnlRow]) -> tuple[PnlTotal, ...]:
    """Sums per currency: amounts of different currencies are never added up."""
    gross: dict[str, Decimal] = {}
    fees: dict[str, Decimal] = {}
    incomplete: set[str] = set()
    with localcontext(EXACT):
        for row in rows:
            gross[row.currency] = gross.get(row.currency, ZERO) + row.gross
            fees[row.currency] = fees.get(row.currency, ZERO) + row.fees
            if row.has_unmatched or row.provisional:
                incomplete.add(row.currency)
    return tuple(PnlTotal(c, gross[c], fees[c], c in incomplete) for c in sorted(gross))
