"""What leaves in files: fills, open lots, and each disposal with the lots it closed.

Every flow here is an iterator over stores that the caller holds at one moment (`UserStore.one_moment`). Rows of several
books come in one order of time, so that all books go on side by side and none of them is held.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Final, Literal, NamedTuple

from trademon.core.entries import MONEY_DIGITS, Scale, to_decimal
from trademon.core.export_rows import AcquiredBy, Sale, SoldLot, SoldRow
from trademon.core.lot_reports import LotRow
from trademon.core.model import Lot, Method
from trademon.core.pnl import Book, RawBooked, RawPart, fold_entries, part_figures
from trademon.core.reports import FillRow
from trademon.core.times import from_us
from trademon.flows.lots import lot_row
from trademon.flows.pnl import PnlQuery, book_before, chosen_books, fold_book
from trademon.store.fill_rows import TRANSFER
from trademon.store.reading import BookRef
from trademon.store.store import UserStore
from trademon.store.user_exports import FillName
from trademon.store.user_lots import OPENING

_AT_ONCE: Final = 8192
"""Entries that are folded, and rows whose names are looked up, at once: shared among the books."""
_WAYS: Final[Mapping[str, AcquiredBy]] = {OPENING: "entered by hand", TRANSFER: "transfer"}


# --- fills --------------------------------------------------------------------------------------------------------


def fills(stores: Sequence[UserStore], query: PnlQuery) -> Iterator[FillRow]:
    """The fills that `query` means, oldest first. Lots entered by hand or carried over are none."""
    streams = [
        store.stream_fills(ref, since=query.since, until=query.until)
        for store in stores
        for ref, _ in chosen_books(store, query)
    ]
    return (row for _, row in heapq.merge(*streams, key=itemgetter(0)))


def have_more_fees(stores: Sequence[UserStore], query: PnlQuery) -> bool:
    """Whether one of these fills has several fees, which a file of nine columns cannot say."""
    return any(
        store.has_more_fees(ref, since=query.since, until=query.until)
        for store in stores
        for ref, _ in chosen_books(store, query)
    )


def have_contracts(stores: Sequence[UserStore], query: PnlQuery) -> bool:
    """Whether one of these fills is of a contract, whose size the nine columns do not say."""
    return any(
        store.has_contracts(ref, since=query.since, until=query.until)
        for store in stores
        for ref, _ in chosen_books(store, query)
    )


# --- lots ---------------------------------------------------------------------------------------------------------


def lots(stores: Sequence[UserStore], query: PnlQuery) -> Iterator[LotRow]:
    """The lots open as of `until`, of those opened from `since` on; by book, oldest first."""
    for own in stores:
        with own.kept_by(query.method) as store:
            for ref, method in chosen_books(store, query):
                by_hand = store.entered_lots(ref)
                for lot in _open_lots(store, ref, method, query):
                    if query.since is None or lot.opened_at >= query.since:
                        yield lot_row(ref, lot, by_hand, method, query)


def _open_lots(store: UserStore, ref: BookRef, method: Method, query: PnlQuery) -> Iterator[Lot]:
    if ref.tells(method, query.until):
        return store.stream_lots(ref)
    book, _ = fold_book(store, ref, method, until=query.until)
    return (book.lots.lot(raw, book.scale) for raw in book.lots.oldest_first())


# --- disposals ----------------------------------------------------------------------------------------------------


def disposals(stores: Sequence[UserStore], query: PnlQuery) -> Iterator[SoldRow]:
    """What was closed within [since, until), a row a disposal and lot, by time and then by lot.

    The nets add up to what `pnl` says of the same query. What met no lot is a row without a net.
    """
    with contextlib.ExitStack() as kept:
        others = [kept.enter_context(store.kept_by(query.method)) for store in stores]
        books = [_Sold(store, ref, method, query) for store in others for ref, method in chosen_books(store, query)]
        at_once = max(16, _AT_ONCE // max(1, len(books)))
        yield from heapq.merge(*(book.rows(at_once) for book in books), key=attrgetter("sale.sold_at"))


class _Piece(NamedTuple):
    """A part of what an entry did, in the fold's integers. Without `part` it met no lot, or is a fee alone."""

    raw: RawBooked
    part: RawPart | None
    gross: int
    fees: int


def _pieces(book: Book, raw: RawBooked) -> Iterator[_Piece]:
    if raw.leaves:
        return  # it went to another of the user's accounts: nothing was sold
    for part, gross, fees in part_figures(book.scale, raw):
        yield _Piece(raw, part, gross, fees)
    if raw.unmatched:
        yield _Piece(raw, None, 0, raw.rest_fee)
    if raw.closing_fee and not raw.entry.quantity:
        yield _Piece(raw, None, 0, raw.closing_fee)


@dataclass
class _Sold:
    """One book's rows."""

    store: UserStore
    ref: BookRef
    method: Method
    query: PnlQuery

    def rows(self, at_once: int) -> Iterator[SoldRow]:
        """In the order of the book, which is folded while they are read, so many entries at once."""
        book = book_before(self.store, self.ref, self.method, self.query.since)
        pieces = self._fold(book, at_once)
        while some := list(islice(pieces, at_once)):
            names = self.store.fill_names({n for piece in some for n in _ids(piece)})
            for piece in some:
                yield self._row(book.scale, piece, names)

    def _fold(self, book: Book, at_once: int) -> Iterator[_Piece]:
        with self.store.book_entries(self.ref, since=self.query.since, until=self.query.until) as entries:
            while chunk := list(islice(entries, at_once)):
                out: list[RawBooked] = []
                fold_entries(book, chunk, out)
                for raw in out:
                    yield from _pieces(book, raw)

    def _row(self, scale: Scale, piece: _Piece, names: dict[int, FillName]) -> SoldRow:
        raw, part, gross, fees = piece
        name = names[raw.entry.id]
        sale = self._sale(scale, raw, name)
        if part is None:
            quantity, reason = to_decimal(raw.unmatched, scale.quantity), self._reason if raw.unmatched else None
            return SoldRow(sale, quantity, to_decimal(fees, MONEY_DIGITS), None, reason, name.provisional)
        opener = names[part.lot_id]
        quantity, lot = to_decimal(part.quantity, scale.quantity), _sold_lot(part, gross, opener)
        closing_fees = to_decimal(fees - part.lot_fees, MONEY_DIGITS)
        return SoldRow(sale, quantity, closing_fees, lot, None, name.provisional or opener.provisional)

    def _sale(self, scale: Scale, raw: RawBooked, name: FillName) -> Sale:
        ref, entry = self.ref, raw.entry
        side: Literal["long", "short"] | None = "long" if entry.quantity < 0 else "short" if entry.quantity else None
        price = to_decimal(entry.price, scale.price)
        whose = (ref.user, ref.broker, ref.symbol, ref.currency)
        ids = (entry.id, name.trade_id, name.order_id)
        return Sale(from_us(entry.at_us), *whose, side, price, self.method, *ids, ref.inverse)

    @cached_property
    def _reason(self) -> str:
        """Why sales of this book met no lot, whatever the method."""
        reason = self.store.unmatched_reason(self.ref, since=self.query.since, until=self.query.until)
        return reason or "no lot is known that it could have come from"


def _ids(piece: _Piece) -> tuple[int, ...]:
    return (piece.raw.entry.id, piece.part.lot_id) if piece.part else (piece.raw.entry.id,)


def _sold_lot(part: RawPart, gross: int, name: FillName) -> SoldLot:
    cost, gained, fees = (to_decimal(amount, MONEY_DIGITS) for amount in (part.cost, gross, part.lot_fees))
    acquired_by = _WAYS.get(name.source, "fill")
    return SoldLot(part.lot_id, from_us(part.opened_us), cost, gained, fees, name.trade_id, acquired_by)
