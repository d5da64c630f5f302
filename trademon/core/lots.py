"""The open lots of one book, and which of them a closing fill consumes.

A method is where the next lot is taken from: `fifo` and `lifo` are the two ends of one queue, `hifo` the end of a list
sorted by price, `average` a pool that every opening joins and every closing takes its share of. Opening and closing
cost O(1), by `hifo` O(log n), however deep the queue.

A lot is a plain list of integers: the fold (`core.pnl`) touches it millions of times.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import localcontext
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from trademon.core.entries import MONEY_DIGITS, Scale, to_decimal, to_int
from trademon.core.model import Lot, Method
from trademon.core.money import EXACT
from trademon.core.times import from_us, to_us

# The places of a lot's list. RANK comes first: it is what lists of lots are compared by.
# QUANTITY > 0 and PRICE are scaled by the book's scale, FEES and COST by MONEY_DIGITS; COST is kept for a pool alone,
# any other lot's is QUANTITY x PRICE.
RANK, AGE, QUANTITY, PRICE, FEES, ID, AT, COST = range(8)
RawLot = list[Any]
_AGE_BITS: Final = 40
_MANY: Final = 1000  # lots: to sort one in among fewer costs less than a heap, and as many are sorted in at once


class OpenLots:
    """All lots are on one side: `long` says which, and means nothing while there are none.

    Attributes for the fold: `items`, the next lot at `items[front]`; `push(lot)` and `drop()` in the method's order.
    Where there is a lot, there is one in `items`; all of them are found by iterating over this object.
    """

    __slots__ = ("_waiting", "age", "drop", "front", "items", "long", "method", "push")

    def __init__(self, method: Method) -> None:
        self.method: Final = method
        self.long = True
        self.age = 0
        self.front = -1 if method in ("lifo", "hifo") else 0
        self.items: Any
        self.push: Callable[[RawLot], None]
        self.drop: Callable[[], Any]
        self._waiting: list[RawLot] = []
        if method == "hifo":
            ranked: list[RawLot] = []
            self.items = ranked
            self.push, self.drop = _by_price(ranked, self._waiting)
        else:
            queue: deque[RawLot] = deque()
            self.items, self.push = queue, queue.append
            self.drop = queue.pop if method == "lifo" else queue.popleft

    def __iter__(self) -> Iterator[RawLot]:
        """Every open lot, in no order."""
        return chain(self.items, self._waiting)

    @property
    def pooled(self) -> bool:
        return self.method == "average"

    @property
    def quantity(self) -> int:
        """What is held, in integers of the book's scale."""
        return sum(lot[QUANTITY] for lot in self)

    def restore(self, lots: Iterable[Lot], scale: Scale) -> None:
        """Take over stored lots, oldest first: their position is their age."""
        for lot in lots:
            self.long = lot.side == "buy"
            self.age += 1
            price = to_int(lot.price, scale.price)
            quantity, fees = to_int(lot.quantity, scale.quantity), to_int(lot.fees, MONEY_DIGITS)
            cost = to_int(lot.cost, MONEY_DIGITS) if self.pooled else 0
            self.push([0, self.age, quantity, price, fees, lot.fill_id, to_us(lot.opened_at), cost])

    def reset(self, lots: Iterable[RawLot], *, long: bool) -> None:
        """Hold these lots and no others; they are handed over oldest first."""
        self.items.clear()
        self._waiting.clear()
        self.age, self.long = 0, long
        for lot in lots:
            self.age += 1
            lot[AGE] = self.age
            self.push(lot)

    def put_in_order(self) -> None:
        """Sort by the date of acquisition: a lot that was carried over may be older than those already here."""
        self.reset(sorted(self, key=lambda lot: (lot[AT], lot[AGE])), long=self.long)

    def rescale(self, quantity: int, price: int) -> None:
        """Multiply what is scaled by the book's scale, after it has grown. The order stays as it is."""
        for lot in self:
            lot[QUANTITY] *= quantity
            lot[PRICE] *= price
        for lot in self.items:
            lot[RANK] = rank_of(lot)
        for lot in self._waiting:
            lot[RANK] = -rank_of(lot)

    def oldest_first(self) -> list[RawLot]:
        return sorted(self, key=lambda lot: lot[AGE])

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


def rank_of(lot: RawLot) -> int:
    """The highest goes first: the highest price, of lots at one price the oldest. No two lots have the same."""
    rank: int = (lot[PRICE] << _AGE_BITS) - lot[AGE]
    return rank


def _by_price(ranked: list[RawLot], waiting: list[RawLot]) -> tuple[Callable[[RawLot], None], Callable[[], None]]:
    """`push` and `drop` for lots by `rank_of`: `ranked` is sorted, the lot that goes first at its end.

    A few lots are sorted in where they belong. Where there are thousands, a lot that ranks before all others is
    appended, so that none waits whose turn has come, and any other waits: in a heap, with its rank negated, or, before
    the first is taken, in no order. Many that wait are sorted in at once.
    """
    in_heap = True

    def push(lot: RawLot) -> None:
        """A lot that is younger than all others."""
        nonlocal in_heap
        rank = lot[RANK] = (lot[PRICE] << _AGE_BITS) - lot[AGE]  # as `rank_of`
        if not ranked or rank > ranked[-1][RANK]:
            ranked.append(lot)
        elif not waiting and len(ranked) < _MANY:
            insort(ranked, lot)
        else:
            lot[RANK] = -rank
            if waiting and in_heap:
                heapq.heappush(waiting, lot)
            else:
                waiting.append(lot)
                in_heap = False

    def drop() -> None:
        """Without the lot that goes first; the next takes its place."""
        nonlocal in_heap
        ranked.pop()
        if not waiting:
            return
        if not in_heap and len(waiting) <= _MANY + len(ranked) // 4:
            heapq.heapify(waiting)
            in_heap = True
        if not in_heap or len(waiting) > _MANY + len(ranked) // 4:
            _sort_in(ranked, waiting)
        elif not ranked or -waiting[0][RANK] > ranked[-1][RANK]:
            lot = heapq.heappop(waiting)
            lot[RANK] = -lot[RANK]
            ranked.append(lot)

    return push, drop


def _sort_in(ranked: list[RawLot], waiting: list[RawLot]) -> None:
    for lot in waiting:
        lot[RANK] = -lot[RANK]
    ranked.extend(waiting)
    waiting.clear()
    ranked.sort(key=itemgetter(RANK))
