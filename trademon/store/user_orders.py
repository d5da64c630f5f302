"""A user's orders, as far as their executions tell of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.entries import inverse_price, shown_price
from trademon.core.money import EXACT, ZERO, divide
from trademon.core.times import from_us
from trademon.store.fill_rows import fees_of
from trademon.store.scope import OWNED, UserScope


@dataclass(slots=True)
class FilledOrder:
    """What the stored fills of one order add up to.

    `quantity` is in base units, of a contract in contracts; `fees` by coin, a cost when positive.
    """

    order_id: str
    symbol: str
    side: str
    order_type: str
    first_at: datetime
    last_at: datetime
    inverse: bool = False
    quantity: Decimal = ZERO
    fills: int = 0
    fees: dict[str, Decimal] = field(default_factory=dict)
    _paid: Decimal = ZERO

    @property
    def average_price(self) -> Decimal:
        """Quote per base over all of it; of an inverse contract what its quote units bought on average."""
        average = divide(self._paid, self.quantity)
        return shown_price(average, inverse=self.inverse)

    def add(self, quantity: Decimal, price: Decimal, at: datetime) -> None:
        """One more fill of it."""
        self.quantity = EXACT.add(self.quantity, quantity)
        paid = inverse_price(price) if self.inverse else price
        self._paid = EXACT.add(self._paid, EXACT.multiply(quantity, paid))
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)
        self.fills += 1


class UserOrders(UserScope):
    """The part of a user's store that knows orders by what was executed of them."""

    def filled_orders(self, account_id: int) -> tuple[FilledOrder, ...]:
        """Every order of the account that a stored fill names, by the time of its first one."""
        found: dict[tuple[str, str], FilledOrder] = {}
        with self._database.read() as sql:
            rows = sql.stream(
                f"""SELECT symbol, order_id, side, quantity, price, fee, fee_currency, more_fees, executed_at,
                order_type, inverse FROM fills JOIN markets ON markets.id = market_id
                WHERE {OWNED} AND source IN ('api', 'import') AND order_id <> ''""",
                account_id,
                self._user_id,
            )
            for row in rows:
                _add(found, row)
        return tuple(sorted(found.values(), key=lambda order: (order.first_at, order.symbol, order.order_id)))


def _add(found: dict[tuple[str, str], FilledOrder], row: Any) -> None:
    symbol, order_id, side, quantity, price, fee, coin, more_fees, at_us, kind, inverse = row
    at = from_us(at_us)
    order = found.get((symbol, order_id))
    if order is None:
        order = found[symbol, order_id] = FilledOrder(order_id, symbol, side, kind, at, at, bool(inverse))
    order.order_type = order.order_type or kind
    order.add(Decimal(quantity), Decimal(price), at)
    for paid in fees_of(fee, coin, more_fees):
        if paid.amount:
            order.fees[paid.currency] = EXACT.add(order.fees.get(paid.currency, ZERO), paid.amount)
