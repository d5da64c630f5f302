"""Realised P&L: the one fold over the fills of one book (an account and a symbol).

The rules, with examples, stand in docs/accounting.md. In short: `gross` is the price difference alone; a
lot carries its opening fee and a disposal takes its share of that and the closing fee; what is sold beyond the known
lots of a spot book is unmatched and in no figure. What a fee is worth and what it moves is settled before
(`core.entries`).

The result is a function of the set of fills: whoever calls sorts them by `model.fill_order`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import NamedTuple

from trademon.core.collector import without_collector
from trademon.core.entries import MONEY_DIGITS, Entry, Moved, Scale, decimals, moved_by, to_decimal
from trademon.core.lots import AT, COST, FEES, ID, PRICE, QUANTITY, OpenLots
from trademon.core.model import Disposal, Fill, Lot, LotPart, Method, PositionSide, Side, Unmatched
from trademon.core.money import EXACT, ZERO
from trademon.core.times import from_us, to_us


class RawPart(NamedTuple):
    """What one lot gave to a disposal, and what is left of it. Quantities in the book's scale, amounts in
    MONEY_DIGITS."""

    lot_id: int
    opened_us: int
    quantity: int
    cost: int
    lot_fees: int
    left: int
    left_fees: int


class RawBooked(NamedTuple):
    """What one entry did to its book, in the fold's integers: `closed`, `opened`, `unmatched` are base units.

    `closing_fee` belongs to what was closed, `rest_fee` to what was opened or met no lot. An entry that moved nothing
    has realised its fee: `closing_fee` with nothing closed. What `leaves` took its parts out without a sale.
    """

    entry: Entry
    closed: int
    parts: tuple[RawPart, ...]
    closing_fee: int
    opened: int
    unmatched: int
    rest_fee: int
    leaves: bool = False

    @property
    def disposes(self) -> bool:
        """Whether lots were sold, and did not only go to another account."""
        return bool(self.closed) and not self.leaves

    @property
    def unmatched_proceeds(self) -> int:
        """What came in for what met no lot; below zero where a short was bought back that is not known here."""
        proceeds = self.unmatched * self.entry.price
        return proceeds if self.entry.quantity < 0 else -proceeds


@dataclass(slots=True)
class Tally:
    """Running totals in the book's currency; `unvalued` per fee coin."""

    gross: Decimal = ZERO
    fees: Decimal = ZERO
    unmatched_quantity: Decimal = ZERO
    unmatched_proceeds: Decimal = ZERO
    unmatched_fees: Decimal = ZERO
    disposals: int = 0
    fills: int = 0
    unvalued: dict[str, Decimal] = field(default_factory=dict)

    @classmethod
    def of(cls, amounts: Iterable[Decimal], disposals: int, fills: int) -> Tally:
        """Totals from the five amounts in the order above and the two counts."""
        gross, fees, quantity, proceeds, unmatched_fees = amounts
        return cls(gross, fees, quantity, proceeds, unmatched_fees, disposals, fills)

    def add_unvalued(self, unvalued: Iterable[tuple[str, Decimal]]) -> None:
        """Count fees in that are in no figure."""
        for coin, amount in unvalued:
            self.unvalued[coin] = EXACT.add(self.unvalued.get(coin, ZERO), amount)

    def __add__(self, other: Tally) -> Tally:
        return self._joined(other, 1)

    def __sub__(self, other: Tally) -> Tally:
        """What is left when `other` is taken away again."""
        return self._joined(other, -1)

    def _joined(self, other: Tally, sign: int) -> Tally:
        with localcontext(EXACT):
            coins = self.unvalued.keys() | other.unvalued.keys()
            left = {c: self.unvalued.get(c, ZERO) + sign * other.unvalued.get(c, ZERO) for c in sorted(coins)}
            return Tally(
                self.gross + sign * other.gross,
                self.fees + sign * other.fees,
                self.unmatched_quantity + sign * other.unmatched_quantity,
                self.unmatched_proceeds + sign * other.unmatched_proceeds,
                self.unmatched_fees + sign * other.unmatched_fees,
                self.disposals + sign * other.disposals,
                self.fills + sign * other.fills,
                {coin: amount for coin, amount in left.items() if amount},
            )


@dataclass(slots=True)
class Book:
    """The state of the fold: open lots and totals. `signed` books (margin, swap) may go short, others never.

    `only`: a signed book of one position side. What closes more than is known here is unmatched, as in a spot book: a
    position of that side was closed, and none of the other was opened.
    """

    method: Method
    signed: bool = False
    only: PositionSide | None = None
    scale: Scale = field(default_factory=Scale)
    lots: OpenLots = field(init=False)
    tally: Tally = field(default_factory=Tally)
    restored: Iterable[Lot] = ()

    def __post_init__(self) -> None:
        self.lots = OpenLots(self.method)
        restored, self.restored = tuple(self.restored), ()
        for lot in restored:
            self.scale |= Scale(decimals(lot.quantity), decimals(lot.price))
        self.lots.restore(restored, self.scale)

    def grow(self, scale: Scale) -> None:
        """Go on in a scale that holds the book's own and `scale`."""
        wider = self.scale | scale
        if wider != self.scale:
            quantity, price, _ = wider.factors_from(self.scale)
            self.lots.rescale(quantity, price)
            self.scale = wider

    @property
    def side(self) -> Side | None:
        """The side that opened the lots, None when nothing is open."""
        return ("buy" if self.lots.long else "sell") if self.lots.items else None

    @property
    def open_quantity(self) -> Decimal:
        """Base units held; below zero when short."""
        held = to_decimal(self.lots.quantity, self.scale.quantity)
        # copy_negate: a minus sign would round to the caller's context
        return held if self.lots.long else held.copy_negate()

    @property
    def open_cost(self) -> Decimal:
        """What the open lots cost with the fees they carry; of a short, what it brought in less those fees."""
        return open_cost(self.open_lots)

    @property
    def open_lots(self) -> list[Lot]:
        """The open lots, oldest first."""
        return self.lots.lots(self.scale)


def open_cost(lots: Iterable[Lot]) -> Decimal:
    """What these lots cost with the fees they carry; of short ones, what they brought in less those fees.

    Divided by the quantity it is the price at which closing them gains nothing.
    """
    with localcontext(EXACT):
        return sum((lot.cost + lot.fees if lot.side == "buy" else lot.cost - lot.fees for lot in lots), ZERO)


def fold_entries(book: Book, entries: Iterable[tuple[int, ...]], out: list[RawBooked] | None = None) -> None:
    """Book `entries`, in order and in integers of `book.scale`, into `book`; what each did is added to `out`."""
    with without_collector():
        _fold(book, entries, out)


def _fold(  # noqa: C901, PLR0912, PLR0915 - a function called in this loop would cost as much as the loop
    book: Book, entries: Iterable[tuple[int, ...]], out: list[RawBooked] | None
) -> None:
    """The loop of `fold_entries`.

    This loop runs over millions of fills: it calls nothing of ours, keeps everything in local names, and tells what
    each entry did only where `out` is given.

    The one division is a share: of a lot's fee, of a pool's cost, of the entry's own fee. It is cut at MONEY_DIGITS,
    and what closes last takes the remainder, so that totals balance to the last digit.
    """
    scale, signed, lots, pooled = book.scale, book.signed, book.lots, book.lots.pooled
    no_short, no_long = book.only == "long" or not signed, book.only == "short"
    items, front, push, drop, long = lots.items, lots.front, lots.push, lots.drop, lots.long
    age = lots.age
    to_fee = 10 ** (MONEY_DIGITS - scale.fee)
    to_money = 10 ** (MONEY_DIGITS - scale.quantity - scale.price)
    cost_unit = 1 if pooled else to_money
    gains = costs = fees = 0  # gains and costs: of longs proceeds and cost, of shorts both below zero
    closing_fees = 0  # of what was closed whole: in the entries' scale, where numbers are short
    missing = missing_proceeds = missing_fees = disposals = count = 0
    parts: list[RawPart] = []
    newest = max((lot[AT] for lot in lots), default=0)

    for entry_id, at_us, quantity, price, fee in entries:
        count += 1
        left = wanted = quantity if quantity > 0 else -quantity
        if left and items and (quantity < 0) == long:
            cost, fees_before = 0, fees
            while items:
                lot = items[front]
                held = lot[QUANTITY]
                if held <= left:
                    drop()
                    part_cost = lot[COST] if pooled else held * lot[PRICE]
                    cost += part_cost
                    fees += lot[FEES]
                    left -= held
                    if out is not None:
                        parts.append(RawPart(lot[ID], lot[AT], held, part_cost * cost_unit, lot[FEES], 0, 0))
                    if left:
                        continue
                    break
                lot_fees = lot[FEES] * left // held
                lot[QUANTITY] = held - left
                lot[FEES] -= lot_fees
                fees += lot_fees
                if pooled:
                    part_cost = lot[COST] * left // held
                    lot[COST] -= part_cost
                else:
                    part_cost = left * lot[PRICE]
                cost += part_cost
                if out is not None:
                    rest = held - left
                    parts.append(RawPart(lot[ID], lot[AT], left, part_cost * cost_unit, lot_fees, rest, lot[FEES]))
                left = 0
                break
            closed = wanted - left
            if price < 0 and not signed:  # they go to another of the user's accounts, with their cost and fees
                fees = fees_before
                if out is not None:
                    moved = Entry(entry_id, at_us, quantity, price, 0)
                    out.append(RawBooked(moved, closed, tuple(parts), 0, 0, 0, 0, leaves=True))
                    parts.clear()
                continue
            disposals += 1
            if long:
                gains += closed * price
                costs += cost
            else:
                gains -= closed * price
                costs -= cost
            if not left:
                closing_fees += fee
                if out is not None:
                    entry = Entry(entry_id, at_us, quantity, price, 0)
                    out.append(RawBooked(entry, closed, tuple(parts), fee * to_fee, 0, 0, 0))
                    parts.clear()
                continue
            fee *= to_fee  # noqa: PLW2901 - in place: this is the hot loop
            closing_fee = fee * closed // wanted
            fee -= closing_fee  # noqa: PLW2901
            fees += closing_fee
        else:
            fee *= to_fee  # noqa: PLW2901
            closed = closing_fee = 0
        opened = unmatched = 0
        if not left:
            closing_fee, fee = fee, 0  # noqa: PLW2901 - a base fee ate all of the fill: nothing is left to carry it
            fees += closing_fee
        elif (quantity < 0 and no_short) or (quantity > 0 and no_long):
            if price < 0 and not signed:  # nothing that is known here left
                left = 0
            unmatched = left
            missing += left
            missing_proceeds += left * price if quantity < 0 else -left * price
            missing_fees += fee
        else:
            opened = left
            if not items:
                long = quantity > 0
            if pooled and items:
                pool = items[0]
                pool[QUANTITY] += left
                pool[COST] += left * price * to_money
                pool[FEES] += fee
            else:
                age += 1
                cost = left * price * to_money if pooled else 0
                push([0, age, left, price, fee, entry_id, at_us, cost])
                if at_us < newest:
                    lots.put_in_order()
                else:
                    newest = at_us
        if out is not None:
            entry = Entry(entry_id, at_us, quantity, price, 0)
            leaves = price < 0 and quantity < 0 and not signed
            out.append(RawBooked(entry, closed, tuple(parts), closing_fee, opened, unmatched, fee, leaves))
            parts.clear()

    lots.long, lots.age = long, age
    book.tally += Tally(
        gross=to_decimal(gains * to_money - costs * cost_unit, MONEY_DIGITS),
        fees=to_decimal(fees + closing_fees * to_fee, MONEY_DIGITS),
        unmatched_quantity=to_decimal(missing, scale.quantity),
        unmatched_proceeds=to_decimal(missing_proceeds * to_money, MONEY_DIGITS),
        unmatched_fees=to_decimal(missing_fees, MONEY_DIGITS),
        disposals=disposals,
        fills=count,
    )


# --- the same with values -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booked:
    """What one fill did to its book. `loose_fees`: of a fill whose base fee ate all of it, nothing moved that could
    carry them."""

    fill_id: int
    fill: Fill
    opened: Lot | None
    disposal: Disposal | None
    unmatched: Unmatched | None
    unvalued: tuple[tuple[str, Decimal], ...]
    loose_fees: Decimal = ZERO


def fold(book: Book, fills: Iterable[tuple[int, Fill]]) -> Iterator[Booked]:
    """Book `fills` (store id and fill, in `fill_order`) into `book`, yielding what each one did.

    `fold_entries` for whoever wants values; a third-coin fee is left unvalued.
    """
    for fill_id, fill in fills:
        moved = moved_by(fill)
        yield book_moved(book, fill_id, fill, moved)


def book_moved(book: Book, fill_id: int, fill: Fill, moved: Moved) -> Booked:
    """Book one fill that moves `moved`."""
    book.grow(book.scale.holding(moved))
    out: list[RawBooked] = []
    fold_entries(book, [book.scale.entry(fill_id, to_us(fill.opened_at), moved)], out)
    book.tally.add_unvalued(moved.unvalued)
    raw = out[0]
    return Booked(
        fill_id,
        fill,
        opened_of(book, raw),
        disposal_of(book.scale, raw),
        unmatched_of(book.scale, raw),
        moved.unvalued,
        ZERO if raw.entry.quantity else to_decimal(raw.closing_fee, MONEY_DIGITS),
    )


def opened_of(book: Book, raw: RawBooked) -> Lot | None:
    """The lot that an entry opened, as it was then; of a pool what joined it."""
    if not raw.opened:
        return None
    with localcontext(EXACT):
        quantity, price = to_decimal(raw.opened, book.scale.quantity), to_decimal(raw.entry.price, book.scale.price)
        return Lot(
            fill_id=raw.entry.id,
            side="buy" if raw.entry.quantity > 0 else "sell",
            quantity=quantity,
            cost=quantity * price,
            fees=to_decimal(raw.rest_fee, MONEY_DIGITS),
            price=price,
            opened_at=from_us(raw.entry.at_us),
        )


def disposal_of(scale: Scale, raw: RawBooked) -> Disposal | None:
    """What an entry closed, as values; the last part takes what is left of the closing fee."""
    if not raw.closed or raw.leaves:
        return None
    with localcontext(EXACT):
        parts = tuple(_part_values(scale, raw))
        return Disposal(
            fill_id=raw.entry.id,
            executed_at=from_us(raw.entry.at_us),
            quantity=to_decimal(raw.closed, scale.quantity),
            proceeds=to_decimal(raw.closed * raw.entry.price, scale.quantity + scale.price),
            gross=sum((p.gross for p in parts), ZERO),
            fees=sum((p.fees for p in parts), ZERO),
            parts=parts,
        )


def _part_values(scale: Scale, raw: RawBooked) -> Iterator[LotPart]:
    for part, gross, fees in part_figures(scale, raw):
        yield LotPart(
            lot_fill_id=part.lot_id,
            opened_at=from_us(part.opened_us),
            quantity=to_decimal(part.quantity, scale.quantity),
            cost=to_decimal(part.cost, MONEY_DIGITS),
            gross=to_decimal(gross, MONEY_DIGITS),
            fees=to_decimal(fees, MONEY_DIGITS),
            lot_fees=to_decimal(part.lot_fees, MONEY_DIGITS),
        )


def part_figures(scale: Scale, raw: RawBooked) -> Iterator[tuple[RawPart, int, int]]:
    """Each part with its gross and its fees (opening and closing share) in MONEY_DIGITS; what leaves realises none."""
    if raw.leaves:
        yield from ((part, 0, 0) for part in raw.parts)
        return
    price = raw.entry.price * 10 ** (MONEY_DIGITS - scale.quantity - scale.price)
    fee_left, long = raw.closing_fee, raw.entry.quantity < 0
    for n, part in enumerate(raw.parts, start=1):
        fee = fee_left if n == len(raw.parts) else raw.closing_fee * part.quantity // raw.closed
        fee_left -= fee
        gain = part.quantity * price - part.cost
        yield part, gain if long else -gain, part.lot_fees + fee


def unmatched_of(scale: Scale, raw: RawBooked) -> Unmatched | None:
    """The part of a sale (or of buying a short back) that met no lot."""
    if not raw.unmatched:
        return None
    return Unmatched(
        raw.entry.id,
        from_us(raw.entry.at_us),
        to_decimal(raw.unmatched, scale.quantity),
        to_decimal(raw.unmatched_proceeds, scale.quantity + scale.price),
        to_decimal(raw.rest_fee, MONEY_DIGITS),
    )
