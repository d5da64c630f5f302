"""All methods side by side, and what a sale would realise by each of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

from trademon.core.entries import Moved, inverse_price
from trademon.core.lot_reports import CompareReport, CompareRow, MethodFigures, WhatIfReport, WhatIfRow
from trademon.core.model import METHODS, Disposal, Method
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, RawBooked, disposal_of, fold_entries
from trademon.errors import UsageError
from trademon.flows.pnl import PnlQuery, chosen_books, fold_book
from trademon.store.fill_rows import BookKey
from trademon.store.reading import BookRef
from trademon.store.store import UserStore


def compare(stores: Sequence[UserStore], query: PnlQuery) -> CompareReport:
    """Each book by every method, and the sums per currency."""
    rows = [row for store in stores for row in _compare_books(store, query)]
    return CompareReport(tuple(rows), tuple(_totals(rows)), sum(store.fills_stored() for store in stores))


def _compare_books(own: UserStore, query: PnlQuery) -> list[CompareRow]:
    kept = {ref.key: method for ref, method in chosen_books(own, query)}
    rows: dict[BookKey, CompareRow] = {}
    for method in METHODS:
        with own.kept_by(method) as store, store.one_moment():
            for ref, _ in chosen_books(store, query):
                before = rows.get(ref.key)
                rows[ref.key] = _compare_book(store, ref, method, query, before, kept.get(ref.key, method))
    return list(rows.values())


def _compare_book(
    store: UserStore, ref: BookRef, method: Method, query: PnlQuery, before: CompareRow | None, own: Method
) -> CompareRow:
    """The row of a book with one more method's figures."""
    book, tally = fold_book(store, ref, method, since=query.since, until=query.until)
    cost = book.open_cost.copy_negate() if ref.inverse else book.open_cost
    figures = (*(before.figures if before else ()), MethodFigures(method, tally.gross, tally.fees, cost))
    unvalued = store.unvalued_fees(ref, since=query.since, until=query.until)
    carried = store.carried_unvalued(ref, since=query.since, until=query.until)
    incomplete = bool(unvalued or carried or tally.unmatched_quantity) or (before is not None and before.incomplete)
    return CompareRow(ref.user, ref.broker, ref.symbol, ref.currency, own, book.open_quantity, figures, incomplete)


def _totals(rows: Sequence[CompareRow]) -> list[CompareRow]:
    totals = []
    for currency in sorted({row.currency for row in rows}):
        same = [row for row in rows if row.currency == currency]
        figures = tuple(_sum([row.figures[n] for row in same]) for n in range(len(METHODS)))
        totals.append(CompareRow("", "", "", currency, "", None, figures, any(row.incomplete for row in same)))
    return totals


def _sum(figures: Sequence[MethodFigures]) -> MethodFigures:
    with localcontext(EXACT):
        gross, fees = sum((f.gross for f in figures), ZERO), sum((f.fees for f in figures), ZERO)
        return MethodFigures(figures[0].method, gross, fees, sum((f.open_cost for f in figures), ZERO))


def the_book(stores: Sequence[UserStore], query: PnlQuery) -> tuple[UserStore, BookRef]:
    """The one book that `query` means, with the store it is in.

    Raises:
        UsageError: there is none, or there are several.
    """
    books = [(store, ref) for store in stores for ref, _ in chosen_books(store, query)]
    if not books:
        raise UsageError(f"nothing of {', '.join(query.symbols)} is stored", hint="trademon pnl shows what there is")
    if len(books) > 1:
        names = sorted({ref.broker for _, ref in books})
        hint = "say which one: --broker NAME" if len(names) > 1 else "say whose: --user NAME"
        raise UsageError(f"{len(books)} accounts have a book of it: {', '.join(names)}", hint=hint)
    return books[0]


def what_if(store: UserStore, ref: BookRef, quantity: Decimal, price: Decimal, price_from: str) -> WhatIfReport:
    """What selling `quantity` of one book at `price` would realise by each method.

    Raises:
        UsageError: nothing above zero is to be sold, the book is short, or an inverse contract has no price.
    """
    if quantity <= 0 or price < 0:
        raise UsageError("--sell wants a quantity above zero, and --price none below it")
    if ref.inverse and not price:
        raise UsageError("at a price of zero an inverse contract has no worth")
    rows = tuple(_by_method(store, ref, method, quantity, price) for method in METHODS)
    return WhatIfReport(ref.user, ref.broker, ref.symbol, ref.currency, quantity, price, price_from, rows)


def _by_method(own: UserStore, ref: BookRef, method: Method, quantity: Decimal, price: Decimal) -> WhatIfRow:
    with own.kept_by(method) as store, store.one_moment():
        there = next(other for other in store.book_refs() if other.key == ref.key)
        return _imagine(store, there, method, quantity, price)


def _imagine(store: UserStore, ref: BookRef, method: Method, quantity: Decimal, price: Decimal) -> WhatIfRow:
    book, _ = fold_book(store, ref, method)
    if book.side == "sell":
        raise UsageError(f"{ref.symbol} is short: a sale would open more, and realise nothing")
    matched = min(quantity, book.open_quantity)  # what is sold beyond it would open a short, and realise nothing
    disposal = _sell(book, matched, inverse_price(price) if ref.inverse else price) if matched else None
    return WhatIfRow(
        method=method,
        matched=matched,
        unmatched=EXACT.subtract(quantity, matched),
        gross=disposal.gross if disposal else ZERO,
        fees=disposal.fees if disposal else ZERO,
        lots=len(disposal.parts) if disposal else 0,
        left_quantity=book.open_quantity,
        left_cost=book.open_cost.copy_negate() if ref.inverse else book.open_cost,
    )


def _sell(book: Book, quantity: Decimal, price: Decimal) -> Disposal | None:
    """Sell out of a book at the price that it reckons with."""
    sale = Moved(quantity.copy_negate(), price, ZERO)
    book.grow(book.scale.holding(sale))
    out: list[RawBooked] = []
    fold_entries(book, [book.scale.entry(0, 0, sale)], out)
    return disposal_of(book.scale, out[0])
