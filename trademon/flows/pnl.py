"""Realised P&L of stored fills, by any method: the fold of every book, from its first fill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import takewhile

from trademon.core.model import Method
from trademon.core.money import EXACT, ZERO, divide
from trademon.core.pnl import Book, Tally, fold
from trademon.core.reports import PnlReport, PnlRow, PnlTotal
from trademon.store.reading import BookRef
from trademon.store.store import UserStore


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
        own = {b.account_id: store.method_of(b) for b in reversed(store.brokers())}
        for ref in _refs(store, query):
            method = query.method or own.get(ref.account_id, store.default_method)
            methods.add(method)
            rows.append(_fold_book(store, ref, method, query))
    default = query.method or (stores[0].default_method if stores else "fifo")
    named = methods or {default}
    return PnlReport(
        min(named) if len(named) == 1 else "mixed",
        tuple(rows),
        totals(rows),
        sum(store.fills_stored() for store in stores),
    )


def _refs(store: UserStore, query: PnlQuery) -> Iterable[BookRef]:
    accounts = {b.account_id for b in store.brokers() if b.name in query.brokers}
    for ref in store.book_refs():
        wanted = not query.brokers or ref.broker in query.brokers or ref.account_id in accounts
        if wanted and (not query.symbols or ref.symbol in query.symbols):
            yield ref


def _fold_book(store: UserStore, ref: BookRef, method: Method, query: PnlQuery) -> PnlRow:
    book = Book(method, signed=ref.market != "spot")
    tally = Tally()
    fills = store.book_fills(ref)
    if query.until is not None:
        until = query.until
        fills = takewhile(lambda numbered: numbered[1].executed_at < until, fills)
    for booked in fold(book, fills):
        if query.since is None or booked.fill.executed_at >= query.since:
            with localcontext(EXACT):
                tally.add(booked)
    return _row(ref, book, tally)


def _row(ref: BookRef, book: Book, tally: Tally) -> PnlRow:
    held, cost = book.open_quantity, book.open_cost
    return PnlRow(
        user=ref.user,
        broker=ref.broker,
        symbol=ref.symbol,
        currency=ref.quote,
        gross=tally.gross,
        fees=tally.fees,
        open_quantity=held,
        open_cost=cost,
        average_cost=divide(cost, abs(held)) if held else None,
        unmatched_quantity=tally.unmatched_quantity,
        unmatched_proceeds=tally.unmatched_proceeds,
        unvalued_fees=tuple(sorted(tally.unvalued.items())),
        disposals=tally.disposals,
        fills=tally.fills,
    )


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
