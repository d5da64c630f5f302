"""A raw answer is checked before it is believed: its type, its fields, finite decimals, whole ids.

Everything here raises `BadAnswer`, whose text names the field and shows at most a few characters of what stood there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from trademon.core.money import parse_decimal
from trademon.core.times import parse_ms
from trademon.errors import BadAnswer, DataError

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


def text(row: Row, name: str) -> str:
    """A text that is not empty."""
    value = row.get(name)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise BadAnswer(f"field {name} is missing or no text: {_show(value)}")
    return value


def identifier(row: Row, name: str) -> str:
    """An id: digits as text or a whole number. Never 0-padded, never a float, never negative."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and value and len(value) <= 80 and value.isprintable():
        return value
    raise BadAnswer(f"field {name} is no id: {_show(value)}")


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


def one_of(row: Row, name: str, allowed: dict[str, T]) -> T:
    value = row.get(name)
    if not isinstance(value, str) or value.lower() not in allowed:
        raise BadAnswer(f"field {name} is none of {', '.join(allowed)}: {_show(value)}")
    return allowed[value.lower()]


def raw_text(row: Row) -> str:
    """The row as it came, for the store: one line of JSON, decimals as their text."""
    return json.dumps(row, separators=(",", ":"), default=str, sort_keys=True)


def _field(row: Row, name: str, parse: Callable[[object], T]) -> T:
    if name not in row:
        raise BadAnswer(f"field {name} is missing")
    try:
        return parse(row[name])
    except DataError as error:
        raise BadAnswer(error.message) from None


def _show(value: object) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
