"""Realised P&L: the one fold over the fills of one book (an account and a symbol).

The rules, with examples, stand in docs/accounting.md. In short: `gross` is the price difference alone; a lot carries
its opening fee and a disposal takes its share of that and the closing fee; a fee in the base currency changes the
quantity and is a cost at the fill's price; a fee in a third coin is kept apart, unvalued; what is sold beyond the
known lots of a spot book is unmatched and in no figure.

The result is a function of the set of fills: whoever calls sorts them by `model.fill_order`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from trademon.core.lots import OpenLots, Taken
from trademon.core.model import Disposal, Fill, Lot, LotPart, Method, Unmatched
from trademon.core.money import EXACT, ZERO, share


@dataclass(frozen=True, slots=True)
class Booked:
    """What one fill did to its book."""

    fill_id: int
    fill: Fill
    opened: Lot | None
    disposal: Disposal | None
    unmatched: Unmatched | None
    unvalued: tuple[tuple[str, Decimal], ...]
    loose_fees: Decimal = ZERO
    """Fees of a fill whose base fee ate all of it: nothing moved that could carry them."""


@dataclass(slots=True)
class Tally:
    """Running totals in quote; `unvalued` per fee coin."""

    gross: Decimal = ZERO
    fees: Decimal = ZERO
    unmatched_quantity: Decimal = ZERO
    unmatched_proceeds: Decimal = ZERO
    unmatched_fees: Decimal = ZERO
    unvalued: dict[str, Decimal] = field(default_factory=dict)
    disposals: int = 0
    fills: int = 0

    def add(self, booked: Booked) -> None:
        """Count one fill in."""
        self.fills += 1
        self.fees += booked.loose_fees
        if booked.disposal is not None:
            self.disposals += 1
            self.gross += booked.disposal.gross
            self.fees += booked.disposal.fees
        if booked.unmatched is not None:
            self.unmatched_quantity += booked.unmatched.quantity
            self.unmatched_proceeds += booked.unmatched.proceeds
            self.unmatched_fees += booked.unmatched.fees
        for coin, amount in booked.unvalued:
            self.unvalued[coin] = self.unvalued.get(coin, ZERO) + amount


@dataclass(slots=True)
class Book:
    """The state of the fold: open lots and totals. `signed` books (margin, swap) may go short, others never."""

    method: Method
    signed: bool = False
    lots: OpenLots = field(init=False)
    tally: Tally = field(default_factory=Tally)
    restored: Iterable[Lot] = ()

    def __post_init__(self) -> None:
        self.lots = OpenLots(self.method, self.restored)
        self.restored = ()

    @property
    def open_quantity(self) -> Decimal:
        """Base units held; below zero when short."""
        # copy_negate: a minus sign would round to the caller's context
        return self.lots.quantity.copy_negate() if self.lots.side == "sell" else self.lots.quantity

    @property
    def open_cost(self) -> Decimal:
        """What the open lots cost in quote, with the fees they carry."""
        with localcontext(EXACT):
            return sum((lot.cost + lot.fees for lot in self.lots.oldest_first()), ZERO)


def fold(book: Book, fills: Iterable[tuple[int, Fill]]) -> Iterator[Booked]:
    """Book `fills` (store id and fill, in `fill_order`) into `book`, yielding what each one did."""
    for fill_id, fill in fills:
        with localcontext(EXACT):
            booked = _book_fill(book, fill_id, fill)
            book.tally.add(booked)
        yield booked


def _book_fill(book: Book, fill_id: int, fill: Fill) -> Booked:
    fees, base_fee, unvalued = _value_fees(fill)
    # A base fee lowers what is received and raises what is given; one larger than the fill turns its direction.
    moved = fill.quantity - base_fee if fill.side == "buy" else -fill.quantity - base_fee
    if not moved:
        return Booked(fill_id, fill, None, None, None, unvalued, loose_fees=fees)

    side, quantity = ("buy", moved) if moved > ZERO else ("sell", -moved)
    taken: list[Taken] = []
    if book.lots.side not in (None, side):
        taken = book.lots.close(quantity)
    closed = sum((t.quantity for t in taken), ZERO)
    closing_fees = share(fees, closed, quantity)
    disposal = _dispose(fill_id, fill, taken, closed, closing_fees) if taken else None

    rest, rest_fees = quantity - closed, fees - closing_fees
    opened = unmatched = None
    if rest and (side == "buy" or book.signed):
        opened = Lot(
            fill_id=fill_id,
            side="buy" if side == "buy" else "sell",
            quantity=rest,
            cost=rest * fill.price,
            fees=rest_fees,
            price=fill.price,
            opened_at=fill.executed_at,
        )
        book.lots.open(opened)
    elif rest:
        unmatched = Unmatched(fill_id, fill.executed_at, rest, rest * fill.price, rest_fees)
    return Booked(fill_id, fill, opened, disposal, unmatched, unvalued)


def _value_fees(fill: Fill) -> tuple[Decimal, Decimal, tuple[tuple[str, Decimal], ...]]:
    """Fees in quote (quote and base fees), the base quantity among them, and fees in a third coin."""
    in_quote, in_base = ZERO, ZERO
    unvalued: list[tuple[str, Decimal]] = []
    for fee in fill.fees:
        if not fee.amount:
            continue
        if fee.currency == fill.quote:
            in_quote += fee.amount
        elif fee.currency == fill.base:
            in_base += fee.amount
            in_quote += fee.amount * fill.price
        else:
            unvalued.append((fee.currency, fee.amount))
    return in_quote, in_base, tuple(unvalued)


def _dispose(fill_id: int, fill: Fill, taken: list[Taken], closed: Decimal, closing_fees: Decimal) -> Disposal:
    """Price what was taken at the fill's price; the last part takes what is left of the closing fee."""
    parts: list[LotPart] = []
    fees_left = closing_fees
    for n, part in enumerate(taken, start=1):
        fee = fees_left if n == len(taken) else share(closing_fees, part.quantity, closed)
        fees_left -= fee
        difference = part.quantity * fill.price - part.cost
        parts.append(
            LotPart(
                lot_fill_id=part.lot.fill_id,
                opened_at=part.lot.opened_at,
                quantity=part.quantity,
                cost=part.cost,
                gross=difference if part.lot.side == "buy" else -difference,
                fees=part.fees + fee,
            )
        )
    return Disposal(
        fill_id=fill_id,
        executed_at=fill.executed_at,
        quantity=closed,
        proceeds=closed * fill.price,
        gross=sum((p.gross for p in parts), ZERO),
        fees=sum((p.fees for p in parts), ZERO),
        parts=tuple(parts),
    )
