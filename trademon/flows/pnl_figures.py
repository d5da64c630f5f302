"""The figures of each book a query means: its row, its rows by period, and every step of what it realised.

Periods and steps take the fold itself; a plain question is answered by the stored books.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice

from trademon.core.entries import MONEY_DIGITS, to_decimal
from trademon.core.lots import COST, FEES, PRICE, QUANTITY
from trademon.core.model import Method
from trademon.core.pnl import Book, RawBooked, Tally, fold_entries
from trademon.core.pnl_reports import PnlRow
from trademon.core.stats import Performance, net_of
from trademon.core.times import Unit, period_bounds, period_of
from trademon.flows.pnl import PnlQuery, book_before, book_row, chosen_books
from trademon.store.reading import BookRef, row_of
from trademon.store.store import UserStore

_CHUNK = 5000  # entries folded at once: what each of them did is looked at and forgotten


@dataclass(slots=True)
class Steps:
    """What a book realised, in order: disposals, and fees that belong to none. Kept flat: there may be millions."""

    at_us: array[int] = field(default_factory=lambda: array("q"))
    nets: list[int] = field(default_factory=list)
    closing: bytearray = field(default_factory=bytearray)

    def add(self, raw: RawBooked, net: int) -> None:
        self.at_us.append(raw.entry.at_us)
        self.nets.append(net)
        self.closing.append(raw.disposes)

    def __iter__(self) -> Iterator[tuple[int, int, bool]]:
        """Time, net, and whether it is a disposal."""
        return ((at, net, bool(closing)) for at, net, closing in zip(self.at_us, self.nets, self.closing, strict=True))


@dataclass(frozen=True, slots=True)
class BookFigures:
    """One book: `row` over the whole selection, `periods` where rows are grouped by time, `steps` where each disposal
    counts."""

    ref: BookRef
    method: Method
    row: PnlRow
    periods: tuple[PnlRow, ...] = ()
    steps: Steps = field(default_factory=Steps)


def figures(stores: Sequence[UserStore], query: PnlQuery) -> list[BookFigures]:
    """All books that the query means."""
    return [_figures(store, ref, method, query) for store in stores for ref, method in chosen_books(store, query)]


def unit_of(query: PnlQuery) -> Unit | None:
    """The stretch of time that rows are grouped by."""
    return query.by if query.by in ("day", "month", "year") else None


def _figures(store: UserStore, ref: BookRef, method: Method, query: PnlQuery) -> BookFigures:
    if unit_of(query) is None and not query.stats and not query.curve:
        found = BookFigures(ref, method, book_row(store, ref, method, query))
    else:
        found = _Folding(store, ref, method, query).figures()
    return told(store, found, query)


def told(store: UserStore, found: BookFigures, query: PnlQuery) -> BookFigures:
    """The figures of a symbol book with executions alone counted as fills, and with why sales met no lot."""
    row = _told(store, found.ref, found.row, query)
    asked = bool(row.carried_unvalued)  # where the whole has none, no part of it has any
    periods = tuple(_told(store, found.ref, period, query, carried=asked) for period in found.periods)
    return replace(found, row=row, periods=periods)


def _told(store: UserStore, ref: BookRef, row: PnlRow, query: PnlQuery, *, carried: bool = True) -> PnlRow:
    """The row with executions alone counted as fills, with why sales of it met no lot, and with the coins of fees that
    carried lots brought along without a price."""
    since, until = stretch_of(row, query)
    fills = row.fills - store.count_no_executions(ref, since=since, until=until)
    reason = store.unmatched_reason(ref, since=since, until=until) if row.has_unmatched else None
    coins = store.carried_unvalued(ref, since=since, until=until) if carried else ()
    untold = store.costs_untold(ref, since=since, until=until)
    return replace(row, fills=fills, unmatched_reason=reason, carried_unvalued=coins, costs_untold=untold)


def stretch_of(row: PnlRow, query: PnlQuery) -> tuple[datetime | None, datetime | None]:
    """The time that a row stands for: what the query asks for of its period."""
    if row.period is None:
        return query.since, query.until
    begin, end = period_bounds(row.period)
    return max(begin, query.since or begin), min(end, query.until or end)


def calendar(store: UserStore, ref: BookRef, unit: Unit) -> Callable[[tuple[int, ...]], str]:
    """The period that an entry of a book stands in: of a lot that was carried over that of its arrival, though the
    entry has the date it was acquired at."""
    arrived = store.arrivals(ref)
    return lambda entry: period_of(arrived.get(entry[0], entry[1]), unit)


class _Folding:
    """One book's fold, stopped at the end of each period."""

    def __init__(self, store: UserStore, ref: BookRef, method: Method, query: PnlQuery) -> None:
        self.store, self.ref, self.method, self.query = store, ref, method, query
        self.book = book_before(store, ref, method, query.since)
        self.steps = Steps()
        self.unvalued = store.unvalued_fees(ref, since=query.since, until=query.until)

    def figures(self) -> BookFigures:
        before, unit = self.book.tally, unit_of(self.query)
        with self.store.book_entries(self.ref, since=self.query.since, until=self.query.until) as entries:
            if unit is None:
                return BookFigures(self.ref, self.method, self._fold(entries), steps=self.steps)
            parts = groupby(entries, key=calendar(self.store, self.ref, unit))
            periods = tuple(self._period(name, part) for name, part in parts)
        row = self._row(self.book.tally - before, self.unvalued)
        return BookFigures(self.ref, self.method, row, periods, self.steps)

    def _period(self, name: str, entries: Iterator[tuple[int, ...]]) -> PnlRow:
        row = self._fold(entries)
        unvalued = self._unvalued_within(name) if self.unvalued else ()
        return replace(row, period=name, unvalued_fees=unvalued)

    def _fold(self, entries: Iterator[tuple[int, ...]]) -> PnlRow:
        before, performance = self.book.tally, Performance()
        if self.query.stats or self.query.curve:
            for raw, net in realised(self.book, entries):
                self.steps.add(raw, net)
                performance.add(net, closing=raw.disposes)
        else:
            fold_entries(self.book, entries)
        row = self._row(self.book.tally - before, self.unvalued)
        return replace(row, stats=performance.figures()) if self.query.stats else row

    def _row(self, tally: Tally, unvalued: tuple[tuple[str, Decimal], ...]) -> PnlRow:
        return row_of(self.ref, tally, unvalued, self.book.open_quantity, open_cost(self.book))

    def _unvalued_within(self, period: str) -> tuple[tuple[str, Decimal], ...]:
        begin, end = period_bounds(period)
        since, until = max(begin, self.query.since or begin), min(end, self.query.until or end)
        return self.store.unvalued_fees(self.ref, since=since, until=until)


def realised(book: Book, entries: Iterable[tuple[int, ...]]) -> Iterator[tuple[RawBooked, int]]:
    """Fold `entries` into `book`; each that realised something, with its net in MONEY_DIGITS."""
    entries, to_money = iter(entries), 10 ** (MONEY_DIGITS - book.scale.quantity - book.scale.price)
    while chunk := list(islice(entries, _CHUNK)):
        out: list[RawBooked] = []
        fold_entries(book, chunk, out)
        for raw in out:
            if raw.disposes or (raw.closing_fee and not raw.entry.quantity):
                yield raw, net_of(raw, to_money)


def open_cost(book: Book) -> Decimal:
    """`book.open_cost`, in the fold's integers: asked for at the end of every day, over every open lot."""
    lots = book.lots
    fees = sum(lot[FEES] for lot in lots)
    if lots.pooled:
        cost = sum(lot[COST] for lot in lots)
    else:
        cost = sum(lot[QUANTITY] * lot[PRICE] for lot in lots)
        cost *= 10 ** (MONEY_DIGITS - book.scale.quantity - book.scale.price)
    return to_decimal(cost + fees if lots.long else cost - fees, MONEY_DIGITS)
