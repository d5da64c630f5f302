"""A raw answer is checked before it is believed: its type, its fields, finite decimals, whole ids.

Everything here raises `BadAnswer`, whose text names the field, and what stood there only where that is too short to be
a key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from trademon.core.model import Balance
from trademon.core.money import parse_decimal
from trademon.core.times import parse_ms
from trademon.errors import BadAnswer, DataError, NothingListed

SHOWN = 12
_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
T = TypeVar("T")
Row = dict[str, Any]


def as_rows(answer: object, what: str) -> list[Row]:
    """A list of objects, or BadAnswer."""
    if not isinstance(answer, list):
        raise BadAnswer(f"{what}: expected a list, got {_show(answer)}")
    for row in answer:
        if not isinstance(row, dict):
            raise BadAnswer(f"{what}: expected objects, got {_show(row)}")
    return answer


def as_object(answer: object, what: str) -> Row:
    if not isinstance(answer, dict):
        raise BadAnswer(f"{what}: expected an object, got {_show(answer)}")
    return answer


def not_empty(values: tuple[T, ...], what: str) -> tuple[T, ...]:
    """An exchange that lists nothing at all has not answered."""
    if not values:
        raise NothingListed(f"{what} is empty")
    return values


def each_once(balances: tuple[Balance, ...]) -> tuple[Balance, ...]:
    """Balances of different coins; which of two for one coin holds, nobody knows."""
    if len({balance.coin for balance in balances}) != len(balances):
        raise BadAnswer("a coin is named twice among the balances")
    return balances


def text(row: Row, name: str) -> str:
    """A text that is not empty."""
    value = row.get(name)
    if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
        raise BadAnswer(f"field {name} is missing or no text: {_show(value)}")
    return value


def identifier(row: Row, name: str) -> str:
    """An id: digits as text or a whole number. Never 0-padded, never a float, never negative."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**40:
        return str(value)
    if isinstance(value, str) and value and len(value) <= 80 and value.isprintable():
        padded = value.isdigit() and value.startswith("0") and value != "0"
        if not padded and not value.startswith("-"):
            return value
    raise BadAnswer(f"field {name} is no id: {_show(value)}")


def present(row: Row, name: str) -> object:
    """Whatever stands there, as long as it is there."""
    if name not in row:
        raise BadAnswer(f"field {name} is missing")
    return row[name]


def flag(row: Row, name: str) -> bool:
    value = row.get(name)
    if not isinstance(value, bool):
        raise BadAnswer(f"field {name} is neither true nor false: {_show(value)}")
    return value


def decimal(row: Row, name: str) -> Decimal:
    return _field(row, name, lambda raw: parse_decimal(raw, what=f"field {name}"))


def positive(row: Row, name: str) -> Decimal:
    value = decimal(row, name)
    if value <= 0:
        raise BadAnswer(f"field {name} is not above zero: {_show(row.get(name))}")
    return value


def not_negative(row: Row, name: str) -> Decimal:
    value = decimal(row, name)
    if value < 0:
        raise BadAnswer(f"field {name} is below zero: {_show(row.get(name))}")
    return value


def time_ms(row: Row, name: str) -> datetime:
    return _field(row, name, lambda raw: parse_ms(raw, what=f"field {name}"))


def time_iso(row: Row, name: str) -> datetime:
    """An ISO time with its zone, to the microsecond."""
    value = row.get(name)
    try:
        if not isinstance(value, str) or len(value) > 40:
            raise ValueError
        at = datetime.fromisoformat(value)
        if at.tzinfo is None or not _FIRST <= at.astimezone(UTC) < _LAST:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadAnswer(f"field {name} is no time: {_show(value)}") from None
    return at.astimezone(UTC)


def one_of(row: Row, name: str, allowed: dict[str, T]) -> T:
    value = row.get(name)
    if not isinstance(value, str) or value.lower() not in allowed:
        raise BadAnswer(f"field {name} is none of {', '.join(allowed)}: {_show(value)}")
    return allowed[value.lower()]


def small_number(text: str) -> int | None:
    """A count from a header; None for anything that is no whole number of at most 15 digits."""
    return int(text) if len(text) <= 15 and text.isascii() and text.isdigit() else None


def one_line(value: object, length: int = 120) -> str:
    """An exchange's own words as they may stand in an error: short, on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)[:length]).split())


def raw_text(row: Row) -> str:
    """The row as it came, for the store: one line of JSON, decimals as their text."""
    return json.dumps(row, separators=(",", ":"), default=str, sort_keys=True)


def _field(row: Row, name: str, parse: Callable[[object], T]) -> T:
    if name not in row:
        raise BadAnswer(f"field {name} is missing")
    try:
        return parse(row[name])
    except DataError:
        raise BadAnswer(f"field {name} is not what it should be: {_show(row[name])}") from None


def _show(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        # Shorter than any key: what an exchange echoes must not bring a secret into an error.
        return f"text {value!r}" if len(value) <= SHOWN and value.isprintable() else f"text of {len(value)} characters"
    return type(value).__name__
