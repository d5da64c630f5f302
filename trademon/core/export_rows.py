"""What is written out row by row for a tax report: what each disposal took from each lot."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from trademon.core.entries import shown_price
from trademon.core.model import Method
from trademon.core.money import EXACT, divide
from trademon.core.times import DAY_US, MICROSECOND

AcquiredBy = Literal["fill", "entered by hand", "transfer"]


class Sale(NamedTuple):
    """The fill that closed something, and whose it is. `price` counts as the fold has it; `side` is what was closed,
    None where the fill's own fee left nothing of it."""

    sold_at: datetime
    user: str
    broker: str
    symbol: str
    currency: str
    side: Literal["long", "short"] | None
    price: Decimal
    method: Method
    fill_id: int
    trade_id: str
    order_id: str
    inverse: bool = False


class SoldLot(NamedTuple):
    """What was taken from one lot. `gross` is the proceeds less the cost, for a short the other way round; a lot that a
    transfer carried over from another account keeps the date it was acquired at."""

    lot_id: int
    acquired_at: datetime
    cost: Decimal
    gross: Decimal
    opening_fees: Decimal
    trade_id: str
    acquired_by: AcquiredBy


class SoldRow(NamedTuple):
    """A disposal and one lot that it closed, with its share of the sale's fee.

    Without a lot, `unmatched` says why none was met, and the row is in no P&L figure. With neither, it is the fee of a
    fill of which it left nothing: quantity zero, and a cost all the same. `provisional`: the sale or the fill that
    opened the lot has a fee whose price is not known, which is in no figure.
    """

    sale: Sale
    quantity: Decimal
    closing_fees: Decimal
    lot: SoldLot | None = None
    unmatched: str | None = None
    provisional: bool = False

    @property
    def price(self) -> Decimal:
        """What was paid for one; a book of inverse contracts itself counts in -1/price."""
        return shown_price(self.sale.price, inverse=self.sale.inverse)

    @property
    def proceeds(self) -> Decimal:
        worth = EXACT.multiply(self.quantity, self.sale.price)
        return worth.copy_negate() if self.sale.inverse else worth

    @property
    def cost(self) -> Decimal | None:
        if self.lot is None:
            return None
        return self.lot.cost.copy_negate() if self.sale.inverse else self.lot.cost

    @property
    def acquisition_price(self) -> Decimal | None:
        if self.lot is None:
            return None
        return shown_price(divide(self.lot.cost, self.quantity), inverse=self.sale.inverse)

    @property
    def holding_days(self) -> int | None:
        """Whole days, of 24 hours, from opening to closing."""
        return None if self.lot is None else (self.sale.sold_at - self.lot.acquired_at) // MICROSECOND // DAY_US

    @property
    def net(self) -> Decimal | None:
        """None where the cost is not known."""
        if self.lot is not None:
            return EXACT.subtract(EXACT.subtract(self.lot.gross, self.lot.opening_fees), self.closing_fees)
        return EXACT.minus(self.closing_fees) if self.unmatched is None else None
