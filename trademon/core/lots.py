"""Open lots and which of them a closing fill consumes.

One structure serves all methods: a heap ordered by the method's sort key, so opening a lot and closing one cost
O(log n) whatever the method and however deep the queue. `average` keeps one pool instead: each opening merges into it
and each closing takes its share, so the average moves with what is held and starts anew at zero.

A lot keeps totals (quantity, cost, fees), never a rounded unit cost: the part that closes last takes the remainder.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from trademon.core.model import Lot, Method, Side
from trademon.core.money import EXACT, ZERO, share

LotKey = tuple[Decimal, int]

LOT_ORDERS: dict[Method, Callable[[Lot, int], LotKey]] = {
    "fifo": lambda lot, n: (ZERO, n),
    "lifo": lambda lot, n: (ZERO, -n),
    "hifo": lambda lot, n: (-lot.price, n),  # highest price first, ties oldest first
    "average": lambda lot, n: (ZERO, n),  # there is only ever one
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What a closing fill took from one lot: `cost` and `fees` in quote, for `quantity`."""

    lot: Lot
    quantity: Decimal
    cost: Decimal
    fees: Decimal


class OpenLots:
    """The open lots of one book, all on one side.

    Lots restored from the store must be handed over oldest first: their position is their age.
    """

    __slots__ = ("_by_fill", "_heap", "_key", "_n", "_pooled", "quantity")

    def __init__(self, method: Method, lots: Iterable[Lot] = ()) -> None:
        self._key = LOT_ORDERS[method]
        self._pooled = method == "average"
        self._heap: list[tuple[LotKey, Lot]] = []
        self._by_fill: dict[int, Lot] = {}
        self._n = 0
        self.quantity = ZERO
        with localcontext(EXACT):
            for lot in lots:
                self.open(lot)

    @property
    def side(self) -> Side | None:
        """The side that opened them, or None when nothing is open."""
        return self._heap[0][1].side if self._heap else None

    def of_fill(self, fill_id: int) -> Lot | None:
        """What is still open of the lot that this fill opened."""
        return self._by_fill.get(fill_id)

    def oldest_first(self) -> list[Lot]:
        return [lot for _, lot in sorted(self._heap, key=lambda entry: abs(entry[0][1]))]

    def open(self, lot: Lot) -> None:
        """Add a lot; by `average` it joins the pool."""
        self.quantity += lot.quantity
        if self._pooled and self._heap:
            pool = self._heap[0][1]
            merged = Lot(
                fill_id=pool.fill_id,
                side=pool.side,
                quantity=pool.quantity + lot.quantity,
                cost=pool.cost + lot.cost,
                fees=pool.fees + lot.fees,
                price=lot.price,
                opened_at=pool.opened_at,
            )
            self._heap[0] = (self._heap[0][0], merged)
            self._by_fill[pool.fill_id] = merged
            return
        self._n += 1
        heapq.heappush(self._heap, (self._key(lot, self._n), lot))
        self._by_fill[lot.fill_id] = lot

    def close(self, quantity: Decimal) -> list[Taken]:
        """Take up to `quantity` (base units, > 0) in the method's order, splitting the last lot touched.

        Returns what was taken from each lot, in order. The sum of its quantities is
        `min(quantity, self.quantity)`: what met no lot is the caller's to name.
        """
        taken: list[Taken] = []
        left = min(quantity, self.quantity)
        self.quantity -= left
        while left:
            key, lot = self._heap[0]
            if lot.quantity <= left:
                heapq.heappop(self._heap)
                del self._by_fill[lot.fill_id]
                taken.append(Taken(lot, lot.quantity, lot.cost, lot.fees))
                left -= lot.quantity
                continue
            part = Taken(
                lot,
                left,
                share(lot.cost, left, lot.quantity),
                share(lot.fees, left, lot.quantity),
            )
            rest = Lot(
                fill_id=lot.fill_id,
                side=lot.side,
                quantity=lot.quantity - left,
                cost=lot.cost - part.cost,
                fees=lot.fees - part.fees,
                price=lot.price,
                opened_at=lot.opened_at,
            )
            self._heap[0] = (key, rest)
            self._by_fill[lot.fill_id] = rest
            taken.append(part)
            break
        return taken
