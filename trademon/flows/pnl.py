"""Realised P&L of stored fills, by any method.

In the method a book is kept in, figures are read from what was booked; in any other they are the same fold from the
book's first fill.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from trademon.core.model import Method
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, Tally, fold_entries
from trademon.core.reports import PnlReport, PnlRow, PnlTotal
from trademon.core.times import to_us
from trademon.store.reading import BookRef, row_of
from trademon.store.store import UserStore

_ALWAYS_US = 2**62


@dataclass(frozen=True, slots=True)
class PnlQuery:
    """Symbols in the shown form, brokers by name. `since` and `until` select disposals, [since, until); all earlier
    fills still feed the matching. `method` None is each broker's own, then the user's, then fifo."""

    method: Method | None = None
    symbols: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


def pnl(stores: Sequence[UserStore], query: PnlQuery) -> PnlReport:
    """One row a book, and the totals per currency."""
    rows: list[PnlRow] = []
    methods: set[Method] = set()
    for store in stores:
        for ref, method in chosen_books(store, query):
            methods.add(method)
            rows.append(_row(store, ref, method, query))
    default = query.method or (stores[0].default_method if stores else "fifo")
    named = methods or {default}
    return PnlReport(
        min(named) if len(named) == 1 else "mixed",
        tuple(rows),
        totals(rows),
        sum(store.fills_stored() for store in stores),
    )


def chosen_books(store: UserStore, query: PnlQuery) -> Iterable[tuple[BookRef, Method]]:
    """The books the query means, each with the method that holds for it."""
    brokers = store.brokers()
    own = {b.account_id: store.method_of(b) for b in reversed(brokers)}
    accounts = {b.account_id for b in brokers if b.name in query.brokers}
    for ref in store.book_refs():
        wanted = not query.brokers or ref.broker in query.brokers or ref.account_id in accounts
        if wanted and (not query.symbols or ref.symbol in query.symbols):
            yield ref, query.method or own.get(ref.account_id, store.default_method)


def _row(store: UserStore, ref: BookRef, method: Method, query: PnlQuery) -> PnlRow:
    unvalued = store.unvalued_fees(ref, since=query.since, until=query.until)
    if ref.method == method and (query.until is None or query.until > ref.last_at):
        if query.since is None:
            return store.stored_book(ref)
        stored = store.stored_book(ref)
        tally = store.stored_tally(ref, to_us(query.since), _ALWAYS_US)
        return row_of(ref, tally, unvalued, stored.open_quantity or ZERO, stored.open_cost)
    book, tally = fold_book(store, ref, method, since=query.since, until=query.until)
    return row_of(ref, tally, unvalued, book.open_quantity, book.open_cost)


def fold_book(
    store: UserStore, ref: BookRef, method: Method, *, since: datetime | None = None, until: datetime | None = None
) -> tuple[Book, Tally]:
    """The book as of `until`, folded from its first fill, and what it realised from `since` on."""
    book = Book(method, signed=ref.signed, scale=ref.scale)
    if since is not None:
        with store.book_entries(ref, until=since) as entries:
            fold_entries(book, entries)
    before = book.tally
    with store.book_entries(ref, since=since, until=until) as entries:
        fold_entries(book, entries)
    return book, book.tally - before


def totals(rows: Iterable[PnlRow]) -> tuple[PnlTotal, ...]:
    """Sums per currency: amounts of different currencies are never added up."""
    gross: dict[str, Decimal] = {}
    fees: dict[str, Decimal] = {}
    incomplete: set[str] = set()
    with localcontext(EXACT):
        for row in rows:
            gross[row.currency] = gross.get(row.currency, ZERO) + row.gross
            fees[row.currency] = fees.get(row.currency, ZERO) + row.fees
            if row.unmatched_quantity or row.unvalued_fees:
                incomplete.add(row.currency)
    return tuple(PnlTotal(c, gross[c], fees[c], c in incomplete) for c in sorted(gross))
