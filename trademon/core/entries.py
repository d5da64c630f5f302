"""What a fill does to its book: coins that moved, at a price, with fees in the book's currency.

The fold (`core.pnl`) knows nothing of fee coins and contracts: they are settled here, once, when a fill is booked.
Amounts enter the fold as integers, scaled to the most decimals a book has seen: exact, and several times as fast as
`Decimal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from trademon.core.model import Fill
from trademon.core.money import EXACT, RATE_CONTEXT, ZERO, cut_share, divide, round_figure, strip_zeros
from trademon.errors import DataError

MONEY_DIGITS: Final = 60
"""Decimals of an amount inside the fold: what a share of a fee or of a pool's cost is cut at."""


LEAVES: Final = Decimal(-1)
"""The price that stands for none: coins that leave a spot book without a sale. No spot price is below zero."""


class Entry(NamedTuple):
    """One step of the fold in integers: `quantity` in base units, above zero when coins came in; `price` in currency
    per base unit, `fee` a cost when positive; each scaled by its own part of a `Scale`. `at_us` is its time."""

    id: int
    at_us: int
    quantity: int
    price: int
    fee: int


@dataclass(frozen=True, slots=True)
class Scale:
    """How many decimals the integers of a book stand for. It only ever grows.

    It begins where the exchanges' own figures end, so that nearly every book has one scale from its first fill on.
    """

    quantity: int = 8
    price: int = 8
    fee: int = 12

    @classmethod
    def of_code(cls, code: int) -> Scale:
        return cls(code // 10_000, code // 100 % 100, code % 100)

    @property
    def code(self) -> int:
        """The three numbers in one, as the store keeps them beside each row."""
        return self.quantity * 10_000 + self.price * 100 + self.fee

    def __or__(self, other: Scale) -> Scale:
        """The smaller scale that holds both."""
        return Scale(max(self.quantity, other.quantity), max(self.price, other.price), max(self.fee, other.fee))

    def holding(self, moved: Moved) -> Scale:
        """This scale, grown where `moved` has more decimals."""
        if (
            written_decimals(moved.quantity) <= self.quantity
            and written_decimals(moved.price) <= self.price
            and written_decimals(moved.fees) <= self.fee
        ):
            return self
        scale = self | Scale(decimals(moved.quantity), decimals(moved.price), decimals(moved.fees))
        if scale.quantity + scale.price > MONEY_DIGITS or scale.fee > MONEY_DIGITS:
            raise DataError(f"figures with more than {MONEY_DIGITS} decimals cannot be kept exactly")
        return scale

    def entry(self, entry_id: int, at_us: int, moved: Moved) -> Entry:
        """`moved` in integers of this scale, which must hold it."""
        return Entry(
            entry_id,
            at_us,
            to_int(moved.quantity, self.quantity),
            to_int(moved.price, self.price),
            to_int(moved.fees, self.fee),
        )

    def factors_from(self, other: Scale) -> tuple[int, int, int]:
        """What integers of a smaller scale are multiplied with to be of this one."""
        return (
            10 ** (self.quantity - other.quantity),
            10 ** (self.price - other.price),
            10 ** (self.fee - other.fee),
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """What one fill moves: base units (above zero: received), the price they count at, and the fees it costs.

    `unvalued` are fees in a coin whose price then is not known: in no figure.
    """

    quantity: Decimal
    price: Decimal
    fees: Decimal
    unvalued: tuple[tuple[str, Decimal], ...] = ()


def moved_by(fill: Fill, rates: Mapping[str, Decimal] | None = None) -> Moved:
    """What `fill` moves in its book.

    A fee in the book's currency is a cost. One in the base coin lowers what is received and raises what is given, and
    is a cost at the fill's price. One in a third coin is a cost at `rates` (currency per coin, at the fill's time).
    A contract moves no coins: its fee in the base coin is a third coin's, or the book's own where it settles in it.
    """
    if fill.leaves:
        return Moved(fill.quantity.copy_negate(), LEAVES, ZERO)
    contract, add, multiply = fill.contract, EXACT.add, EXACT.multiply
    fees, in_base = ZERO, ZERO
    unvalued: list[tuple[str, Decimal]] = []
    for fee in fill.fees:
        if not fee.amount:
            continue
        if fee.currency == fill.currency:
            fees = add(fees, fee.amount)
        elif fee.currency == fill.base and contract is None:
            in_base = add(in_base, fee.amount)
            fees = add(fees, multiply(fee.amount, fill.price))
        elif rates is not None and fee.currency in rates:
            fees = add(fees, cut_share(multiply(fee.amount, rates[fee.currency])))
        else:
            unvalued.append((fee.currency, fee.amount))
    quantity, price = fill.quantity if fill.side == "buy" else fill.quantity.copy_negate(), fill.price
    if contract is not None:
        quantity = multiply(quantity, contract.size)
        price = inverse_price(price) if contract.inverse else price
    return Moved(EXACT.subtract(quantity, in_base) if in_base else quantity, price, fees, tuple(unvalued))


def third_coins(fill: Fill) -> dict[str, Decimal]:
    """The fees of `fill` that are neither in its book's currency nor in the coin it moves, by coin."""
    coins: dict[str, Decimal] = {}
    for fee in fill.fees:
        if fee.amount and fee.currency != fill.currency and (fill.contract is not None or fee.currency != fill.base):
            coins[fee.currency] = EXACT.add(coins.get(fee.currency, ZERO), fee.amount)
    return coins


def inverse_price(price: Decimal) -> Decimal:
    """What one quote unit of an inverse contract is worth in its base coin, below zero.

    A contract of 1 USD bought at 50,000 and sold at 60,000 gains 1/50,000 - 1/60,000 BTC: with the price turned into
    -1/price that is the same `quantity x (price - cost)` as everywhere, and the ranking by price stays.
    """
    if not price:
        return ZERO
    return round_figure(divide(Decimal(-1), price))


def shown_price(price: Decimal, *, inverse: bool) -> Decimal:
    """The price a person paid, out of the one that a book of inverse contracts reckons with."""
    return strip_zeros(RATE_CONTEXT.divide(Decimal(-1), price)) if inverse and price else price


# --- integers and decimals ----------------------------------------------------------------------------------------


def decimals(value: Decimal) -> int:
    """How many decimals `value` has, without trailing zeros."""
    return max(0, written_decimals(strip_zeros(value)))


def written_decimals(value: Decimal) -> int:
    """How many decimals `value` is written with; below zero where it ends before the point."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


def to_int(value: Decimal, digits: int) -> int:
    """`value` times ten to the `digits`. Raises DataError where it has more decimals: nothing is cut."""
    scaled = EXACT.scaleb(value, digits)
    number = int(scaled)
    if number != scaled:
        raise DataError("a figure has more decimals than its book")
    return number


def to_decimal(number: int, digits: int) -> Decimal:
    """The Decimal that `number` stands for at that many decimals."""
    return EXACT.scaleb(Decimal(number), -digits)


def int_text(number: int, digits: int) -> str:
    """`format_decimal(to_decimal(number, digits))`, at a third of the cost."""
    if not number:
        return "0"
    if number < 0:
        return "-" + int_text(-number, digits)
    text = str(number)
    if not digits:
        return text
    if len(text) <= digits:
        text = text.zfill(digits + 1)
    behind = text[-digits:].rstrip("0")
    return f"{text[:-digits]}.{behind}" if behind else text[:-digits]
