"""The open lots of one book, and which of them a closing fill consumes.

A method is where the next lot is taken from: `fifo` and `lifo` are the two ends of one queue, `hifo` a heap by price,
`average` a pool that every opening joins and every closing takes its share of. Opening and closing cost O(1), by `hifo`
O(log n), however deep the queue.

A lot is a plain list of integers: the fold (`core.pnl`) touches it millions of times.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from decimal import localcontext
from functools import partial
from typing import Any, Final

from trademon.core.entries import MONEY_DIGITS, Scale, to_decimal, to_int
from trademon.core.model import Lot, Method
from trademon.core.money import EXACT
from trademon.core.times import from_us, to_us

# The places of a lot's list. RANK and AGE come first: they are what a heap compares.
# QUANTITY > 0 and PRICE are scaled by the book's scale, FEES and COST by MONEY_DIGITS; COST is kept for a pool alone,
# any other lot's is QUANTITY x PRICE.
RANK, AGE, QUANTITY, PRICE, FEES, ID, AT, COST = range(8)
RawLot = list[Any]


class OpenLots:
    """All lots are on one side: `long` says which, and means nothing while there are none.

    Attributes for the fold: `items`, the next lot at `items[front]`; `push(lot)` and `drop()` in the method's order.
    """

    __slots__ = ("age", "drop", "front", "items", "long", "method", "push")

    def __init__(self, method: Method) -> None:
        self.method: Final = method
        self.long = True
        self.age = 0
        self.front = -1 if method == "lifo" else 0
        self.items: Any
        self.push: Callable[[RawLot], None]
        if method == "hifo":
            heap: list[RawLot] = []
            self.items, self.push = heap, partial(heapq.heappush, heap)
        else:
            queue: deque[RawLot] = deque()
            self.items, self.push = queue, queue.append
        self.drop: Callable[[], Any] = _dropper(method, self.items)

    @property
    def pooled(self) -> bool:
        return self.method == "average"

    @property
    def quantity(self) -> int:
        """What is held, in integers of the book's scale."""
        return sum(lot[QUANTITY] for lot in self.items)

    def restore(self, lots: Iterable[Lot], scale: Scale) -> None:
        """Take over stored lots, oldest first: their position is their age."""
        for lot in lots:
            self.long = lot.side == "buy"
            self.age += 1
            price = to_int(lot.price, scale.price)
            rank = -price if self.method == "hifo" else 0  # highest price first, ties oldest first
            quantity, fees = to_int(lot.quantity, scale.quantity), to_int(lot.fees, MONEY_DIGITS)
            cost = to_int(lot.cost, MONEY_DIGITS) if self.pooled else 0
            self.push([rank, self.age, quantity, price, fees, lot.fill_id, to_us(lot.opened_at), cost])

    def reset(self, lots: Iterable[RawLot], *, long: bool) -> None:
        """Hold these lots and no others; they are handed over oldest first."""
        self.items.clear()
        self.age, self.long = 0, long
        for lot in lots:
            self.age += 1
            lot[AGE] = self.age
            self.push(lot)

    def put_in_order(self) -> None:
        """Sort by the date of acquisition: a lot that was carried over may be older than those already here."""
        self.reset(sorted(self.items, key=lambda lot: (lot[AT], lot[AGE])), long=self.long)

    def rescale(self, quantity: int, price: int) -> None:
        """Multiply what is scaled by the book's scale, after it has grown. The order stays as it is."""
        for lot in self.items:
            lot[RANK] *= price
            lot[QUANTITY] *= quantity
            lot[PRICE] *= price

    def oldest_first(self) -> list[RawLot]:
        return sorted(self.items, key=lambda lot: lot[AGE])

    def lots(self, scale: Scale) -> list[Lot]:
        """The open lots as values, oldest first."""
        return [self.lot(raw, scale) for raw in self.oldest_first()]

    def lot(self, raw: RawLot, scale: Scale) -> Lot:
        """One open lot as a value."""
        with localcontext(EXACT):
            quantity, price = to_decimal(raw[QUANTITY], scale.quantity), to_decimal(raw[PRICE], scale.price)
            return Lot(
                fill_id=raw[ID],
                side="buy" if self.long else "sell",
                quantity=quantity,
                cost=to_decimal(raw[COST], MONEY_DIGITS) if self.pooled else quantity * price,
                fees=to_decimal(raw[FEES], MONEY_DIGITS),
                price=price,
                opened_at=from_us(raw[AT]),
            )


def _dropper(method: Method, items: Any) -> Callable[[], Any]:
    if method == "hifo":
        return partial(heapq.heappop, items)
    return items.pop if method == "lifo" else items.popleft  # type: ignore[no-any-return]
