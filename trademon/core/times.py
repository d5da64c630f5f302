"""Aware UTC times, and their two texts: ISO 8601 with `Z`, and microseconds since 1970 for the store."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

from trademon.errors import DataError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)
_FIRST: Final = EPOCH
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DURATION: Final = re.compile(r"(\d{1,5})(min|h|d|w)", re.ASCII)
_M: Final = re.compile(r"(\d{1,5})m", re.ASCII)
_UNITS: Final = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CALENDAR: Final = re.compile(r"(\d{4})(?:-(?:q([1-4])|(\d\d)))?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ONE_DAY: Final = timedelta(days=1)
DAY_US: Final = _ONE_DAY // MICROSECOND

Unit = Literal["day", "month", "year"]


def to_us(at: datetime) -> int:
    """Microseconds since 1970, exactly (a float timestamp is not)."""
    return (at - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return (at - EPOCH) // MILLISECOND


def from_ms(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def parse_ms(raw: object, *, what: str = "time") -> datetime:
    """An exchange's milliseconds, as int or text, to a time between 1970 and 2200.

    Raises:
        DataError: not a whole number, or a time no exchange can mean.
    """
    ms: int | None = None
    if isinstance(raw, int) and not isinstance(raw, bool):
        ms = raw
    elif isinstance(raw, str) and len(raw) <= 16 and raw.isascii() and raw.isdigit():
        ms = int(raw)
    if ms is None or not 0 <= ms < to_ms(_LAST):
        shown = repr(raw[:40]) if isinstance(raw, str) else type(raw).__name__
        raise DataError(f"{what} is not a time in milliseconds: {shown}")
    return from_ms(ms)


def format_time(at: datetime) -> str:
    """ISO 8601 UTC with `Z`, to the millisecond, to the microsecond only where there are any."""
    if at.tzinfo is None:
        raise DataError("only aware times are shown")
    spec = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def parse_time(text: str, *, what: str = "time") -> datetime:
    """ISO 8601 to an aware UTC time. A time without a zone is UTC; a date alone is its midnight.

    Raises:
        DataError: not a time.
    """
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise DataError(f"{what} is not an ISO 8601 time: {text[:40]!r}") from None
    if not _FIRST <= at < _LAST:
        raise DataError(f"{what} is out of range: {text[:40]!r}")
    return at


def parse_since(text: str, *, now: datetime) -> datetime:
    """A point in the past: `24h`, `7d`, `30min`, `2w`, or an ISO time.

    Raises:
        DataError: neither, or in the future.
    """
    _refuse_m(text)
    found = _DURATION.fullmatch(text.strip().lower())
    at = now - timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else parse_time(text)
    if at < _FIRST:
        raise DataError(f"this time is out of range: {text[:40]!r}")
    if at > now:
        raise DataError(f"this time lies in the future: {text[:40]!r}")
    return at


def _refuse_m(text: str) -> None:
    """Who writes `3m` may mean months as well as minutes, and figures of the wrong time look like right ones."""
    found = _M.fullmatch(text.strip().lower())
    if found is not None:
        n = int(found[1])
        hint = f"write {n}min, or for months {30 * n}d or a month, as in 2026-08"
        raise DataError(f"{n}m may be minutes or months", hint=hint)


# --- days, months, quarters, years --------------------------------------------------------------------------------


def parse_begin(text: str, *, now: datetime) -> datetime:
    """Where a selection begins: what `parse_since` takes, or the beginning of what a word for a time names.

    Raises:
        DataError: none of these, or in the future.
    """
    stretch = _named(text, now)
    if stretch is None:
        return parse_since(text, now=now)
    if stretch[0] > now:
        raise DataError(f"this time lies in the future: {text[:40]!r}")
    return stretch[0]


def parse_end(text: str, *, now: datetime) -> datetime:
    """Where a selection ends, itself excluded: the end of what a word names (`2026-Q3`, `today`), a date's midnight, or
    a moment. It may lie in the future: the year that runs has an end, too.

    Raises:
        DataError: none of these.
    """
    _refuse_m(text)
    stretch = _named(text, now)
    if stretch is not None:
        return stretch[1]
    return parse_since(text, now=now) if _DURATION.fullmatch(text.strip().lower()) else parse_time(text)


def parse_stretch(text: str, *, now: datetime) -> tuple[datetime, datetime]:
    """The whole of a day (`today`, `yesterday`, a date), month, quarter or year: [beginning, end).

    Raises:
        DataError: none of these, or in the future.
    """
    stretch = _named(text, now)
    if stretch is None and _DAY.fullmatch(text.strip()):
        midnight = parse_time(text)
        stretch = midnight, midnight + _ONE_DAY
    if stretch is None:
        raise DataError(f"this is no day, month, quarter or year: {text[:40]!r}")
    if stretch[0] > now:
        raise DataError(f"this time lies in the future: {text[:40]!r}")
    return stretch


def _named(text: str, now: datetime) -> tuple[datetime, datetime] | None:
    """The UTC stretch that a word names: `today`, `yesterday`, `2026`, `2026-11`, `2026-Q3`; None for other words."""
    word = text.strip().lower()
    if word in ("today", "yesterday"):
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        begin = midnight - _ONE_DAY * (word == "yesterday")
        return begin, begin + _ONE_DAY
    found = _CALENDAR.fullmatch(word)
    if found is None:
        return None
    year, quarter, month = (int(part) if part else None for part in found.groups())
    assert year is not None
    if not _FIRST.year <= year < _LAST.year or (month is not None and not 1 <= month <= 12):
        raise DataError(f"this time is out of range: {text[:40]!r}")
    months = 3 if quarter else 1 if month else 12
    first = 3 * quarter - 2 if quarter else month or 1
    return _month(year, first), _month(year, first + months)


def _month(year: int, month: int) -> datetime:
    """The beginning of a month; month 13 is the next year's first."""
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)


def period_of(at_us: int, unit: Unit) -> str:
    """The UTC day, month or year that a moment lies in: `2026-11-21`, `2026-11`, `2026`."""
    return _period_of_day(at_us // DAY_US, unit)


@lru_cache(maxsize=4096)
def _period_of_day(day: int, unit: Unit) -> str:
    date = from_us(day * DAY_US)
    return f"{date:%Y-%m-%d}"[: {"day": 10, "month": 7, "year": 4}[unit]]


def period_bounds(period: str) -> tuple[datetime, datetime]:
    """The beginning and the end, itself excluded, of what `period_of` names."""
    return parse_stretch(period, now=_LAST)
