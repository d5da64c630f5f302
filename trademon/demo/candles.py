"""Candles of a world, before any wire format: which there are, and what each says."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trademon.demo.model import WorldView, from_ms, to_ms

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# A market without candles has none further back either; the real exchanges know when it was listed.
_FURTHEST_BACK = 20_000


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle; `volume` in base units, `turnover` in quote units, both of this account's trades only."""

    ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The candles of one market and one length: they open every `length_ms`, counted from `origin_ms`."""

    world: WorldView
    symbol: str
    length_ms: int
    origin_ms: int = 0

    def ascending(self, first_ms: int, last_ms: int) -> Iterator[int]:
        """When candles open that are there, from `first_ms` up to `last_ms`, both included."""
        aligned = -(-(first_ms - self.origin_ms) // self.length_ms) * self.length_ms + self.origin_ms
        return (ms for ms in range(aligned, last_ms + 1, self.length_ms) if self._is_there(ms))

    def descending(self, last_ms: int, first_ms: int = 0) -> Iterator[int]:
        """The same backwards from `last_ms`, down to `first_ms`."""
        aligned = (last_ms - self.origin_ms) // self.length_ms * self.length_ms + self.origin_ms
        floor = max(first_ms, aligned - _FURTHEST_BACK * self.length_ms)
        return (ms for ms in range(aligned, floor - 1, -self.length_ms) if self._is_there(ms))

    def candles(self, opens: Iterable[int], now: datetime) -> list[Candle]:
        """The candles that open then; one that is not over yet shows what happened up to `now`."""
        done = [(e.ms, e.price, e.quantity) for e in self.world.executions(now, self.symbol)]
        return [self._candle(ms, done, now) for ms in opens]

    def _is_there(self, ms: int) -> bool:
        return self.world.has_candle(self.symbol, from_ms(ms), timedelta(milliseconds=self.length_ms))

    def _candle(self, ms: int, done: list[tuple[int, Decimal, Decimal]], now: datetime) -> Candle:
        end = min(ms + self.length_ms - 1, to_ms(now))
        first, last = bisect_left(done, ms, key=_time), bisect_right(done, end, key=_time)
        inside = done[first:last]
        opened = self.world.price(self.symbol, from_ms(ms))
        closed = self.world.price(self.symbol, from_ms(end))
        paid = [opened, closed, *(price for _, price, _ in inside)]
        return Candle(
            ms=ms,
            open=opened,
            high=max(paid),
            low=min(paid),
            close=closed,
            volume=sum((quantity for _, _, quantity in inside), Decimal(0)),
            turnover=sum((price * quantity for _, price, quantity in inside), Decimal(0)),
            count=len(inside),
        )


def _time(trade: tuple[int, Decimal, Decimal]) -> int:
    return trade[0]
