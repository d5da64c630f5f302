"""Candles and last prices, from the rows of any exchange: what may be asked, and what of an answer is believed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trademon.core.coverage import Span
from trademon.core.model import Candle
from trademon.core.times import EPOCH
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.validate import Row

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def wanted_span(start: datetime, count: int, interval: timedelta, *, most: int) -> Span:
    """The time of `count` candles, from the first one that begins at or after `start`.

    Raises:
        ValueError: an interval other than a minute or a day, or a count that one question cannot bring.
    """
    if interval not in (MINUTE, DAY):
        raise ValueError(f"candles are of a minute or a day, not of {interval}")
    if not 1 <= count <= most:
        raise ValueError(f"one question brings 1 to {most} candles, not {count}")
    first = EPOCH - (EPOCH - start) // interval * interval  # rounded up: a floor of the negative
    return Span(first, first + count * interval)


def read_candles(
    answer: object, wanted: Span, interval: timedelta, *, columns: int, answered: Span | None = None
) -> tuple[Candle, ...]:
    """The candles of `wanted`, oldest first, from rows that begin with the opening time and the opening price.

    `answered` is what an honest answer may hold, `wanted` itself when not given: of a server that answers with another
    time nothing is believed. What lies in it and not in `wanted` is checked and left out.
    """
    candles = [_read_candle(row, interval, columns) for row in _as_lists(answer)]
    limits = answered or wanted
    if not all(limits.start <= candle.opened_at < limits.end for candle in candles):
        raise BadAnswer("a candle from outside the time asked for")
    if len({candle.opened_at for candle in candles}) != len(candles):
        raise BadAnswer("two candles of one time")
    inside = (candle for candle in candles if wanted.start <= candle.opened_at < wanted.end)
    return tuple(sorted(inside, key=lambda candle: candle.opened_at))


def read_last_prices(answer: object, price_field: str) -> dict[str, Decimal]:
    """Prices by the exchange's spelling. A market that never traded says 0 and is left out."""
    prices: dict[str, Decimal] = {}
    for row in validate.not_empty(tuple(validate.as_rows(answer, "last prices")), "the list of last prices"):
        symbol = validate.text(row, "symbol")
        if symbol in prices:
            raise BadAnswer(f"{symbol[:20]} has two last prices")
        validate.text(row, price_field)
        prices[symbol] = validate.not_negative(row, price_field)
    return {symbol: price for symbol, price in prices.items() if price}


def _as_lists(answer: object) -> Iterable[list[Any]]:
    if not isinstance(answer, list) or not all(isinstance(row, list) for row in answer):
        raise BadAnswer("candles: expected a list of lists")
    return answer


def _read_candle(row: list[Any], interval: timedelta, columns: int) -> Candle:
    if len(row) != columns:
        raise BadAnswer(f"a candle of {len(row)} instead of {columns} fields")
    fields: Row = {"opening time": row[0], "opening price": row[1]}
    opened_at = validate.time_ms(fields, "opening time")
    if (opened_at - EPOCH) % interval:
        raise BadAnswer("a candle that does not begin with its interval")
    # Prices are texts at every exchange; a number in their place has been through somebody's floats.
    validate.text(fields, "opening price")
    return Candle(opened_at, interval, validate.positive(fields, "opening price"))
