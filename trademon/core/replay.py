"""What stored history makes of an account's balances: arithmetic on coins, exact, without a clock.

A balance is true at a moment that is known only to lie within a window: the exchange answers somewhere between asking
and hearing, and its clock is measured, not shared. So a balance is held against the replay at every place in that
window between two executions (a cut), and agrees where one of them gives it to the last digit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from trademon.core.cash_reports import CashLine
from trademon.core.coverage import Span
from trademon.core.model import Fill, Transfer
from trademon.core.money import EXACT, ZERO
from trademon.core.times import MICROSECOND

Totals = Mapping[str, Decimal]
"""What an account holds by coin, free and locked together; a coin that is not there is zero."""


class Step(NamedTuple):
    """One thing that moved coins at `at`: received above zero, given below it. `what` names it for a person."""

    at: datetime
    coins: tuple[tuple[str, Decimal], ...]
    what: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A balance asked for at `taken` was true at some moment from `start` to `end`, both included."""

    start: datetime
    taken: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """Balances, and the window in which they were true."""

    window: Window
    totals: Totals


@dataclass(frozen=True, slots=True)
class Point:
    """Balances that everything up to and including `at` explains: what a replay begins with."""

    at: datetime
    totals: Totals


@dataclass(frozen=True, slots=True)
class Comparison:
    """Live balances less replayed ones at the cut where the fewest coins differ; none: they agree there."""

    cut: datetime
    differences: Totals

    @property
    def agrees(self) -> bool:
        return not self.differences


# --- what moves coins ---------------------------------------------------------------------------------------------


def step_of_fill(fill: Fill, paid: Decimal | None = None) -> Step:
    """Both legs and every fee of a fill; a rebate comes in. `paid` is the quote amount where the exchange rounded it.

    A contract moves neither leg: only its fees are known, and its settle coin cannot be replayed.
    """
    sums: dict[str, Decimal] = {}
    if fill.contract is None:
        value = EXACT.multiply(fill.quantity, fill.price) if paid is None else paid
        bought = fill.side == "buy"
        _add(sums, fill.base, fill.quantity if bought else fill.quantity.copy_negate())
        _add(sums, fill.quote, value.copy_negate() if bought else value)
    for fee in fill.fees:
        _add(sums, fee.currency, fee.amount.copy_negate())
    return _step(fill.executed_at, sums, f"fill {fill.trade_id} of {fill.symbol}")


def step_of_transfer(transfer: Transfer) -> Step:
    """A deposit as it arrived; a withdrawal with its fee, which came on top."""
    amount = transfer.amount
    if transfer.kind == "withdrawal":
        amount = EXACT.add(amount, transfer.fee).copy_negate()
    return _step(transfer.at, {transfer.coin: amount}, f"a {transfer.kind}")


def step_of_cash(line: CashLine) -> Step:
    """Funding, interest and the like: received above zero."""
    return _step(line.at, {line.currency: line.amount}, line.kind)


def _add(sums: dict[str, Decimal], coin: str, amount: Decimal) -> None:
    sums[coin] = EXACT.add(sums.get(coin, ZERO), amount)


def _step(at: datetime, sums: dict[str, Decimal], what: str) -> Step:
    return Step(at, tuple((coin, amount) for coin, amount in sums.items() if amount), what)


# --- comparing ----------------------------------------------------------------------------------------------------


def in_order(steps: Iterable[Step]) -> list[Step]:
    """By time. What happened in one microsecond is not told apart: a cut never lies within it."""
    return sorted(steps, key=lambda step: step.at)


def cuts(steps: Iterable[Step], window: Window) -> list[datetime]:
    """Every place in the window between two steps, oldest first, each as the time up to which steps are in."""
    inside = sorted({step.at for step in steps if window.start <= step.at <= window.end})
    before = window.start if not inside or inside[0] > window.start else window.start - MICROSECOND
    return [before, *inside]


def is_quiet(steps: Iterable[Step], window: Window) -> bool:
    """Whether nothing moved within the window, so that it does not matter when in it the balance was true."""
    return len(cuts(steps, window)) == 1


def replay(point: Point, steps: Iterable[Step], until: datetime) -> dict[str, Decimal]:
    """What the account holds at `until` by all that is stored; a coin that came to zero is not listed."""
    sums = dict(point.totals)
    for step in steps:
        if point.at < step.at <= until:
            for coin, amount in step.coins:
                _add(sums, coin, amount)
    return {coin: total for coin, total in sums.items() if total}


def compare(
    totals: Totals,
    starts: Sequence[datetime],
    steps: Sequence[Step],
    live: Totals,
    ends: Sequence[datetime],
    *,
    skip: frozenset[str] = frozenset(),
) -> Comparison:
    """`totals` at one of `starts`, replayed to one of `ends`, against `live`: where they agree, or differ the least.

    `steps` and `ends` in order of time; coins of `skip` are not compared. Of several cuts the latest counts.
    """
    best: Comparison | None = None
    for start in starts:
        for found in _at_each_end(totals, start, steps, live, ends):
            kept = {coin: amount for coin, amount in found.differences.items() if coin not in skip}
            if best is None or len(kept) <= len(best.differences):
                best = Comparison(found.cut, kept)
    assert best is not None
    return best


def first_point(steps: Sequence[Step], seen: Seen, earlier: Seen | None = None) -> Point | None:
    """Where to begin: balances of a quiet moment, or those that two looks and the steps between them agree on in one
    place alone. None where there is no such place."""
    if is_quiet(steps, seen.window):
        return Point(seen.window.taken, seen.totals)
    if earlier is None or earlier.window.end >= seen.window.start:
        return None  # two looks within one window tell nothing apart
    found = {
        at.cut
        for start in cuts(steps, earlier.window)
        for at in _at_each_end(earlier.totals, start, steps, seen.totals, cuts(steps, seen.window))
        if at.agrees
    }
    return Point(found.pop(), seen.totals) if len(found) == 1 else None


def _at_each_end(
    totals: Totals, start: datetime, steps: Sequence[Step], live: Totals, ends: Sequence[datetime]
) -> Iterable[Comparison]:
    """What differs at each of `ends`, walked through once."""
    open_: dict[str, Decimal] = {}
    for coin in {*totals, *live}:
        _settle(open_, coin, EXACT.subtract(live.get(coin, ZERO), totals.get(coin, ZERO)))
    at = bisect_right(steps, start, key=lambda step: step.at)
    for end in (max(end, start) for end in ends):  # a balance is never from before what it is held against
        while at < len(steps) and steps[at].at <= end:
            for coin, amount in steps[at].coins:
                _settle(open_, coin, amount.copy_negate())
            at += 1
        yield Comparison(end, dict(open_))


def _settle(open_: dict[str, Decimal], coin: str, amount: Decimal) -> None:
    left = EXACT.add(open_.pop(coin, ZERO), amount)
    if left:
        open_[coin] = left


# --- where a difference began -------------------------------------------------------------------------------------


class Stage(NamedTuple):
    """How far a coin's balance was from the replay at a look."""

    at: datetime
    difference: Decimal


def stages(point: Point, steps: Sequence[Step], looks: Iterable[Seen], coin: str) -> list[Stage]:
    """The coin's difference at the agreed point and at each look since then, oldest first.

    Of the cuts within a look's window the one that agrees counts, else the one that changes the least.
    """
    times, sums = _running(point, steps, coin)
    found = [Stage(point.at, ZERO)]
    for look in sorted(looks, key=lambda look: look.window.taken):
        if look.window.taken <= point.at:
            continue
        held, window = look.totals.get(coin, ZERO), look.window
        first = bisect_right(times, window.start - MICROSECOND)
        last = bisect_right(times, window.end)
        possible = {EXACT.subtract(held, total) for total in sums[first : last + 1]}
        before = found[-1].difference
        nearest = min(possible, key=lambda d: (bool(d), abs(EXACT.subtract(d, before)), d))
        found.append(Stage(window.taken, nearest))
    return found


def _running(point: Point, steps: Sequence[Step], coin: str) -> tuple[list[datetime], list[Decimal]]:
    """When the coin moved, and what there was of it before the first time and after each."""
    times: list[datetime] = []
    sums = [point.totals.get(coin, ZERO)]
    for step in steps:
        if step.at <= point.at:
            continue
        for name, amount in step.coins:
            if name == coin:
                times.append(step.at)
                sums.append(EXACT.add(sums[-1], amount))
    return times, sums


def began(path: Sequence[Stage], now: datetime) -> Span:
    """From the last look at which the replay agreed to the first at which it did not, or to `now`."""
    last = max(n for n, stage in enumerate(path) if not stage.difference)
    return Span(path[last].at, path[last + 1].at if last + 1 < len(path) else now)


def changes(path: Sequence[Stage], final: Decimal) -> list[Decimal]:
    """By how much the difference grew or shrank, each time it did, up to `final`."""
    levels = [*(stage.difference for stage in path), final]
    return [EXACT.subtract(b, a) for a, b in pairwise(levels) if a != b]
