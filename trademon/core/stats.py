"""How a series of closed trades went: wins and losses, the deepest fall, and the curve of what was earned so far.

Accumulators over nets in the fold's integers (`entries.MONEY_DIGITS` decimals): exact, and of a fixed size however many
trades there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from trademon.core.entries import MONEY_DIGITS, to_decimal
from trademon.core.money import MAX_DECIMALS, divide, round_figure
from trademon.core.pnl import RawBooked
from trademon.core.pnl_reports import PnlStats
from trademon.core.times import from_us

# A net that is shown as zero is neither a win nor a loss: the shares it is made of were cut at the last digit.
_DUST: Final = 10 ** (MONEY_DIGITS - MAX_DECIMALS) // 2


@dataclass(slots=True)
class Performance:
    """Wins and losses of disposals, added in the order of time.

    The running net begins at zero; fees that belong to no disposal lower it too, so that it ends at the total's net.
    """

    disposals: int = 0
    wins: int = 0
    losses: int = 0
    profit: int = 0
    loss: int = 0
    best: int | None = None
    worst: int | None = None
    running: int = 0
    peak: int = 0
    drawdown: int = 0

    def add(self, net: int, *, closing: bool = True) -> None:
        """Count one disposal's net in, or a fee that is no part of a disposal."""
        self.running += net
        self.peak = max(self.peak, self.running)
        self.drawdown = max(self.drawdown, self.peak - self.running)
        if not closing:
            return
        self.disposals += 1
        self.best = net if self.best is None else max(self.best, net)
        self.worst = net if self.worst is None else min(self.worst, net)
        if net > _DUST:
            self.wins += 1
            self.profit += net
        elif net < -_DUST:
            self.losses += 1
            self.loss += net

    def figures(self) -> PnlStats:
        """As values. The rate of wins is over wins and losses; what came out even is in neither."""
        decided = self.wins + self.losses
        return PnlStats(
            disposals=self.disposals,
            wins=self.wins,
            losses=self.losses,
            profit=to_decimal(self.profit, MONEY_DIGITS),
            loss=to_decimal(self.loss, MONEY_DIGITS),
            best=None if self.best is None else to_decimal(self.best, MONEY_DIGITS),
            worst=None if self.worst is None else to_decimal(self.worst, MONEY_DIGITS),
            max_drawdown=to_decimal(self.drawdown, MONEY_DIGITS),
            win_rate=_quotient(self.wins, decided),
            profit_factor=_quotient(self.profit, -self.loss),
        )


def _quotient(part: int, whole: int) -> Decimal | None:
    return round_figure(divide(Decimal(part), Decimal(whole))) if whole else None


def net_of(raw: RawBooked, to_money: int) -> int:
    """What an entry realised, net: of its disposal, or of a fill that its own fee ate up. `to_money` brings quantity
    times price to MONEY_DIGITS."""
    gain = raw.closed * raw.entry.price * to_money - sum(part.cost for part in raw.parts)
    fees = raw.closing_fee + sum(part.lot_fees for part in raw.parts)
    return (gain if raw.entry.quantity < 0 else -gain) - fees


class Point(NamedTuple):
    """The running net after the `number`-th step."""

    number: int
    at_us: int
    net: int


@dataclass(slots=True)
class Curve:
    """The running net over time, thinned out: of each of `buckets` stretches of equal length the first, the lowest, the
    highest and the last value stay, in order."""

    begin_us: int
    end_us: int
    buckets: int = 400
    _last: Point = field(default=Point(0, 0, 0))
    _bucket: int = -1
    _kept: list[Point] = field(default_factory=list)
    _points: list[Point] = field(default_factory=list)

    def add(self, at_us: int, net: int) -> None:
        """Go on by what was realised at that time; times only rise."""
        bucket = (at_us - self.begin_us) * self.buckets // (self.end_us - self.begin_us + 1)
        if bucket != self._bucket:
            self._close()
            self._bucket = bucket
        self._last = point = Point(self._last.number + 1, at_us, self._last.net + net)
        first, low, high, _ = self._kept or [point] * 4
        self._kept = [first, min(low, point, key=_net), max(high, point, key=_net), point]

    def _close(self) -> None:
        self._points += sorted(set(self._kept))
        self._kept = []

    def points(self) -> tuple[tuple[datetime, Decimal], ...]:
        """What was earned by when."""
        self._close()
        return tuple((from_us(point.at_us), to_decimal(point.net, MONEY_DIGITS)) for point in self._points)


def _net(point: Point) -> int:
    return point.net
