"""The fills of one symbol of Binance, walked by trade id, which misses nothing that shares a millisecond.

Ids count up per symbol. `fromId` answers with the oldest rows from that id on, a window of time with the oldest of the
window; neither goes together with the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from trademon.core.coverage import Span
from trademon.core.model import Fill
from trademon.core.times import MICROSECOND, MILLISECOND, from_ms, to_ms
from trademon.errors import BadAnswer
from trademon.exchanges.base import FillPage

PAGE = 1000
# A page with fewer rows than this ends a walk. Well below PAGE, so that a server which cuts pages shorter than asked
# (500 is its default) is walked on; at worst one more question is asked.
SHORT_PAGE = 100


@dataclass(frozen=True, slots=True)
class Walk:
    """A way through one symbol: `fetch` answers one question with its fills, ascending by id; `now` is the exchange's
    clock."""

    symbol: str
    fetch: Callable[[Mapping[str, int]], Awaitable[list[Fill]]]
    now: Callable[[], datetime]

    async def from_anchor(self, span: Span, anchor: str | None) -> AsyncIterator[FillPage]:
        """Upwards from a known fill of before the span; nothing where the exchange does not have it as it was, so that
        nothing can be concluded from ids."""
        if anchor is None or not anchor.isdigit():
            return
        known = False
        async for page, rows in self.by_ids(span, span.start, int(anchor)):
            known = known or any(f.trade_id == anchor and f.executed_at < span.start for f in rows)
            if not known:
                return
            yield page

    async def by_windows(
        self, span: Span, stop: datetime, window: timedelta, *, must_find: bool = False
    ) -> AsyncIterator[FillPage]:
        """Windows upwards from the beginning of the span until one has a fill, then by ids from that on.

        Raises:
            BadAnswer: fills that were there are gone: the first one's id leads to others, or there is none though it
                `must_find` one.
        """
        start = from_ms(to_ms(span.start))  # the wire knows milliseconds
        while start < stop:
            last = min(start + window, from_ms(to_ms(stop - MICROSECOND)) + MILLISECOND) - MILLISECOND
            rows = await self.fetch({"startTime": to_ms(start), "endTime": to_ms(last)})
            if rows:
                first: str | None = rows[0].trade_id
                assert first is not None
                async for page, found in self.by_ids(span, start, int(first)):
                    if first is not None and not any(fill.trade_id == first for fill in found):
                        raise BadAnswer(f"Binance: {self.symbol} fill {first} seen a moment ago is gone")
                    first = None
                    yield page
                return
            yield FillPage((), Span(start, min(last + MILLISECOND, span.end)))
            start = last + MILLISECOND
        if must_find:
            raise BadAnswer(f"Binance: {self.symbol} fills seen a moment ago are gone")

    async def by_ids(self, span: Span, start: datetime, from_id: int) -> AsyncIterator[tuple[FillPage, list[Fill]]]:
        """Pages upwards from an id, with all their rows. A full page proves only what lies before its last
        millisecond."""
        waiting: tuple[FillPage, list[Fill]] | None = None
        while True:
            asked_at = self.now()
            rows = await self.fetch({"fromId": from_id})
            if rows and int(rows[0].trade_id) < from_id:
                raise BadAnswer(f"Binance: {self.symbol} page does not follow id {from_id}")
            if waiting is not None:
                yield waiting
                waiting = None
            if len(rows) < SHORT_PAGE:
                yield FillPage(tuple(rows), Span(start, min(span.end, asked_at))), rows
                return
            last = rows[-1]
            page = FillPage(tuple(rows), Span(start, min(span.end, last.executed_at))), rows
            if from_id:
                yield page
                if last.executed_at >= span.end:
                    return
            else:
                # Every id follows 0. Handed on when a next page follows this one: of a server that ignores `fromId`
                # and answers with its newest rows nothing is believed.
                waiting = page
            start = max(start, last.executed_at)
            from_id = int(last.trade_id) + 1
