"""Saxo's candles. Currencies have a bid and an ask, of which the middle is taken; what is traded on an exchange has the
first price that was paid."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from trademon.core.model import Candle
from trademon.core.money import EXACT
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.validate import Row

_HALF: Final = Decimal("0.5")


def read_candles(answer: Row, start: datetime, count: int, interval: timedelta, factor: Decimal) -> tuple[Candle, ...]:
    """The candles of an answer that begin at or after `start`, oldest first, at most `count` of them.

    Raises:
        BadAnswer: a row that is no candle, or two of one time.
    """
    rows = validate.as_rows(validate.present(answer, "Data"), "Saxo: candles")
    candles = sorted((_candle(row, interval, factor) for row in rows), key=lambda c: c.opened_at)
    if len({c.opened_at for c in candles}) != len(candles):
        raise BadAnswer("Saxo: two candles of one time")
    return tuple(c for c in candles if c.opened_at >= start)[:count]


def _candle(row: Row, interval: timedelta, factor: Decimal) -> Candle:
    if row.get("Open") is not None:
        price = validate.positive(row, "Open")
    else:
        both = EXACT.add(validate.positive(row, "OpenBid"), validate.positive(row, "OpenAsk"))
        price = EXACT.multiply(both, _HALF)
    return Candle(validate.time_iso(row, "Time"), interval, EXACT.multiply(price, factor))
