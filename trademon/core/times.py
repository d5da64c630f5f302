"""Aware UTC times, and their two texts: ISO 8601 with `Z`, and microseconds since 1970 for the store."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from trademon.errors import DataError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)
_FIRST: Final = EPOCH
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DURATION: Final = re.compile(r"(\d{1,5})(m|h|d|w)", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


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
    """A point in the past: `24h`, `7d`, `30m`, `2w`, or an ISO time.

    Raises:
        DataError: neither, or in the future.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    at = now - timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else parse_time(text)
    if at < _FIRST:
        raise DataError(f"this time is out of range: {text[:40]!r}")
    if at > now:
        raise DataError(f"this time lies in the future: {text[:40]!r}")
    return at
