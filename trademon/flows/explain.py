"""A figure opened: one fill down to the lots it touched, the fees it paid, and where their prices are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trademon.core.entries import MONEY_DIGITS, Scale, shown_price, to_decimal
from trademon.core.lot_reports import ExplainReport, FeeLine, PartLine
from trademon.core.model import Fee, Fill, Method
from trademon.core.money import EXACT, ZERO, divide
from trademon.core.pnl import Book, RawBooked, disposal_of, fold_entries, part_figures, unmatched_of
from trademon.core.reports import FillRow
from trademon.errors import UsageError
from trademon.store.reading import BookRef
from trademon.store.store import UserStore
from trademon.store.user_lots import NotedFee

# An amount with more decimals than this is a share that was cut: what exchanges tell has far fewer.
_CUT_BEHIND = 45


def explain(stores: Sequence[UserStore], fill_id: int, method: Method | None = None) -> ExplainReport:
    """What one fill did to its book, by `method` or the one the book is kept in.

    Raises:
        UsageError: none of these users has such a fill.
    """
    for own in stores:
        with own.kept_by(method) as store, store.one_moment():
            found = store.fill_and_book(fill_id)
            if found is not None:
                row, fill, ref = found
                chosen = method or store.method_of_account(ref.account_id)
                book, raw = _book_up_to(store, ref, chosen, fill_id)
                return _report(store, row, fill, ref, book, raw)
    raise UsageError(f"there is no fill {fill_id}", hint="trademon fills shows each one's id")


def _book_up_to(store: UserStore, ref: BookRef, method: Method, fill_id: int) -> tuple[Book, RawBooked]:
    """The book just after the fill, and what the fill did to it."""
    book = Book(method, signed=ref.signed, only=ref.only, scale=ref.scale)
    out: list[RawBooked] = []
    found: list[tuple[int, ...]] = []
    with store.book_entries(ref) as entries:
        fold_entries(book, _before(entries, fill_id, found))
        fold_entries(book, found, out)
    return book, out[0]


def _before(
    entries: Iterator[tuple[int, ...]], fill_id: int, found: list[tuple[int, ...]]
) -> Iterator[tuple[int, ...]]:
    """The entries before the fill's own, which is put into `found`."""
    for entry in entries:
        if entry[0] == fill_id:
            found.append(entry)
            return
        yield entry


def _report(store: UserStore, row: FillRow, fill: Fill, ref: BookRef, book: Book, raw: RawBooked) -> ExplainReport:
    disposal, unmatched = disposal_of(book.scale, raw), unmatched_of(book.scale, raw)
    loose = ZERO if raw.entry.quantity else to_decimal(raw.closing_fee, MONEY_DIGITS)
    noted = {fee.coin: fee for fee in store.noted_fees(row.id)}
    return ExplainReport(
        fill=row,
        method=book.method,
        currency=ref.currency,
        moved=to_decimal(raw.entry.quantity, book.scale.quantity),
        price=shown_price(to_decimal(raw.entry.price, book.scale.price), inverse=ref.inverse),
        fees=to_decimal(raw.closing_fee + raw.rest_fee, MONEY_DIGITS),
        fee_lines=tuple(_fee_line(fee, fill, noted.get(fee.currency)) for fee in fill.fees if fee.amount),
        closed=disposal.quantity if disposal else ZERO,
        gross=disposal.gross if disposal else ZERO,
        closed_fees=disposal.fees if disposal else loose,
        parts=tuple(_part_lines(ref, book, raw, set(store.openings()))),
        opened=to_decimal(raw.opened, book.scale.quantity),
        opened_fees=to_decimal(raw.rest_fee if raw.opened else 0, MONEY_DIGITS),
        unmatched=unmatched.quantity if unmatched else ZERO,
        unmatched_proceeds=unmatched.proceeds if unmatched else ZERO,
        unmatched_fees=unmatched.fees if unmatched else ZERO,
        unmatched_reason=store.unmatched_reason(ref, fill_id=row.id) if unmatched else None,
        exact=_is_exact(book.scale, raw),
    )


def _fee_line(fee: Fee, fill: Fill, noted: NotedFee | None) -> FeeLine:
    """What one fee was worth in the book's currency, and how that is known."""
    if fee.currency == fill.currency:
        return FeeLine(fee.amount, fee.currency, fee.amount, None, None, "in the book's currency")
    if fee.currency == fill.base and fill.contract is None:
        value = EXACT.multiply(fee.amount, fill.price)
        return FeeLine(fee.amount, fee.currency, value, fill.price, fill.executed_at, "the fill's own price")
    if noted is None or noted.rate is None:
        return FeeLine(fee.amount, fee.currency, None, None, None, "no price is known for that time")
    value = EXACT.multiply(fee.amount, noted.rate)
    return FeeLine(fee.amount, fee.currency, value, noted.rate, noted.at, noted.source or "")


def _part_lines(ref: BookRef, book: Book, raw: RawBooked, openings: set[int]) -> Iterator[PartLine]:
    """Of an inverse book the worth of what was bought and sold, which the book itself counts below zero."""
    disposal = disposal_of(book.scale, raw)
    price = to_decimal(raw.entry.price, book.scale.price)
    for part in disposal.parts if disposal else ():
        proceeds = EXACT.multiply(part.quantity, price)
        yield PartLine(
            lot_fill_id=part.lot_fill_id,
            opened_at=part.opened_at,
            quantity=part.quantity,
            price=shown_price(divide(part.cost, part.quantity), inverse=ref.inverse),
            cost=part.cost.copy_negate() if ref.inverse else part.cost,
            proceeds=proceeds.copy_negate() if ref.inverse else proceeds,
            gross=part.gross,
            lot_fees=part.lot_fees,
            closing_fees=EXACT.subtract(part.fees, part.lot_fees),
            opening=part.lot_fill_id in openings,
        )


def _is_exact(scale: Scale, raw: RawBooked) -> bool:
    """Whether no share had to be cut."""
    amounts = [raw.closing_fee, raw.rest_fee]
    amounts += [n for part, _, fees in part_figures(scale, raw) for n in (part.cost, part.lot_fees, fees)]
    return not any(amount % 10 ** (MONEY_DIGITS - _CUT_BEHIND) for amount in amounts)
