"""Which stretches of time are proved fetched: arithmetic on sets of half-open intervals.

A set of spans is kept sorted and disjoint; touching spans are one. Gaps are data, never a guess from "last seen".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """`start` included, `end` excluded."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        return self.start < self.end


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time as a sorted, disjoint set."""
    out: list[Span] = []
    for span in sorted(s for s in spans if s):
        if out and span.start <= out[-1].end:
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end))
        else:
            out.append(span)
    return tuple(out)


def missing(covered: Iterable[Span], wanted: Span) -> tuple[Span, ...]:
    """What of `wanted` is not in `covered`, oldest first."""
    gaps: list[Span] = []
    at = wanted.start
    for span in union(covered):
        if span.end <= at:
            continue
        if span.start >= wanted.end:
            break
        if span.start > at:
            gaps.append(Span(at, span.start))
        at = max(at, span.end)
    if at < wanted.end:
        gaps.append(Span(at, wanted.end))
    return tuple(gaps)


def complete_since(covered: Iterable[Span]) -> datetime | None:
    """The time since which there is no gap up to the newest end, or None where nothing is covered."""
    spans = union(covered)
    return spans[-1].start if spans else None


def wanted_spans(covered: Sequence[Span], since: datetime, now: datetime, overlap: timedelta) -> list[Span]:
    """What to ask for: the gaps since `since`, and the newest `overlap` again. Newest first."""
    recent = Span(max(since, now - overlap), now)
    return list(reversed(union([*missing(covered, Span(since, now)), recent])))
