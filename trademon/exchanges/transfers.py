"""Deposits and withdrawals, window by window: what a window's rows prove.

A history is asked for by the time at which a transfer was created, and one still on its way may complete much later.
So a window with such a row is proved only up to it: what follows is asked again until everything in it has ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from trademon.core.coverage import Span
from trademon.core.model import Transfer
from trademon.core.times import EPOCH
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.base import TransferPage
from trademon.exchanges.validate import Row

State = Literal["done", "pending", "ended"]


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a history, validated: `transfer` where it completed; `changed` is the last time it names."""

    record_id: str
    created: datetime
    changed: datetime
    pending: bool
    transfer: Transfer | None


async def walk(
    ask: Callable[[Span], Awaitable[list[Record]]], wanted: Span, *, longest: timedelta, step: timedelta
) -> AsyncIterator[TransferPage]:
    """A page for each window of `wanted`, oldest first. `ask` gets all rows of one; `step` is as fine as the exchange
    tells the time, and windows are whole steps."""
    seen: set[str] = set()
    for window in _windows(wanted, longest, step):
        yield _prove(await ask(window), window, wanted, seen)


def optional_text(row: Row, name: str) -> str:
    """A text that may be missing, null or empty."""
    return validate.text(row, name) if row.get(name) not in (None, "") else ""


def _windows(wanted: Span, longest: timedelta, step: timedelta) -> Iterator[Span]:
    if not wanted:
        return
    start = EPOCH + (wanted.start - EPOCH) // step * step
    last = EPOCH - (EPOCH - wanted.end) // step * step
    while start < last:
        end = min(start + longest, last)
        yield Span(start, end)
        start = end


def _prove(records: list[Record], window: Span, wanted: Span, seen: set[str]) -> TransferPage:
    # Whether the end asked for belongs to a window is not documented everywhere: its rows are left to the next one.
    inside = [record for record in records if record.created != window.end]
    for record in inside:
        # A server that ignores the times asked for says nothing about them. (One that looks at the time of completion
        # may answer with a row that was created earlier.)
        if record.created > window.end or record.changed < window.start:
            raise BadAnswer("a transfer from outside the time asked for")
        if record.record_id in seen:
            raise BadAnswer("a transfer that comes twice: the list moved while it was read")
        seen.add(record.record_id)
    start = max(window.start, wanted.start)
    end = min([window.end, wanted.end, *(record.created for record in inside if record.pending)])
    done = tuple(record.transfer for record in inside if record.transfer is not None)
    return TransferPage(done, Span(start, max(start, end)))
