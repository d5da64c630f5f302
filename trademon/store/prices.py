"""Dated prices that candles told, and rates made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from trademon.core.model import Candle
from trademon.core.money import RATE_CONTEXT
from trademon.core.symbols import make_symbol
from trademon.core.times import format_time, from_us, to_us
from trademon.store.database import Sql
from trademon.store.exact import decimal_text

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
# How old the newest candle before a moment may be to stand for it: where nothing was traded there is none.
LONGEST_AGE: Final = {MINUTE: timedelta(hours=1), DAY: timedelta(days=4)}
BRIDGES: Final = ("USDT", "USDC", "BTC", "USD", "EUR")
"""Coins that a rate may go through where no market trades the two directly."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one `coin` was worth in `currency`. `at` is the time of the price; `source` names market and candle."""

    coin: str
    currency: str
    rate: Decimal
    at: datetime
    source: str


def save_candles(sql: Sql, host: str, symbol: str, candles: Iterable[Candle], seen_at: datetime) -> None:
    """Keep prices. One that is known stays: an exchange does not change the past."""
    sql.many(
        """INSERT INTO candles (host, symbol, interval_s, opened_at, open, seen_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (host, symbol, interval_s, opened_at) DO UPDATE SET open = excluded.open,
        seen_at = excluded.seen_at WHERE candles.open IS NULL""",
        [
            (host, symbol, _seconds(c.interval), to_us(c.opened_at), decimal_text(c.open), to_us(seen_at))
            for c in candles
        ],
    )


def note_missing(
    sql: Sql, host: str, symbol: str, interval: timedelta, opened_at: Iterable[datetime], seen_at: datetime
) -> None:
    """Note that the exchange has no such candle, so that it is not asked for over and over."""
    sql.many(
        """INSERT INTO candles (host, symbol, interval_s, opened_at, open, seen_at) VALUES (?, ?, ?, ?, NULL, ?)
        ON CONFLICT DO NOTHING""",
        [(host, symbol, _seconds(interval), to_us(at), to_us(seen_at)) for at in opened_at],
    )


def asked_for(sql: Sql, host: str, symbol: str, interval: timedelta, opened_at: datetime) -> bool:
    """Whether the candle of that time is known, or known not to be there."""
    row = sql.one(
        "SELECT 1 FROM candles WHERE host = ? AND symbol = ? AND interval_s = ? AND opened_at = ?",
        host,
        symbol,
        _seconds(interval),
        to_us(opened_at),
    )
    return row is not None


def opened_before(at: datetime, interval: timedelta) -> datetime:
    """When the candle that holds `at` was opened."""
    us, length = to_us(at), _seconds(interval) * 1_000_000
    return from_us(us - us % length)


def find_rate(
    sql: Sql, host: str, coin: str, currency: str, at: datetime, intervals: tuple[timedelta, ...] = (MINUTE,)
) -> Rate | None:
    """What one `coin` was worth in `currency` at that time, by the host's candles; None where that is not known.

    By the market of the two, written either way, else over one coin that both are traded against.
    """
    if coin == currency:
        return Rate(coin, currency, Decimal(1), at, "the same coin")
    for interval in intervals:
        direct = _direct(sql, host, coin, currency, at, interval)
        if direct is not None:
            return direct
        for bridge in BRIDGES:
            if bridge in (coin, currency):
                continue
            first = _direct(sql, host, coin, bridge, at, interval)
            second = _direct(sql, host, bridge, currency, at, interval) if first is not None else None
            if first is not None and second is not None:
                rate = RATE_CONTEXT.multiply(first.rate, second.rate)
                return Rate(coin, currency, rate, min(first.at, second.at), f"{first.source} x {second.source}")
    return None


def _direct(sql: Sql, host: str, coin: str, currency: str, at: datetime, interval: timedelta) -> Rate | None:
    found = _candle(sql, host, make_symbol(coin, currency), at, interval)
    if found is not None:
        return Rate(coin, currency, found[0], found[1], _source(host, make_symbol(coin, currency), found[1], interval))
    found = _candle(sql, host, make_symbol(currency, coin), at, interval)
    if found is not None and found[0]:
        source = "1 / " + _source(host, make_symbol(currency, coin), found[1], interval)
        return Rate(coin, currency, RATE_CONTEXT.divide(Decimal(1), found[0]), found[1], source)
    return None


def _candle(sql: Sql, host: str, symbol: str, at: datetime, interval: timedelta) -> tuple[Decimal, datetime] | None:
    row = sql.one(
        """SELECT open, opened_at FROM candles WHERE host = ? AND symbol = ? AND interval_s = ? AND opened_at <= ?
        AND opened_at > ? AND open IS NOT NULL ORDER BY opened_at DESC LIMIT 1""",
        host,
        symbol,
        _seconds(interval),
        to_us(at),
        to_us(at - LONGEST_AGE[interval]),
    )
    return None if row is None else (Decimal(row[0]), from_us(row[1]))


def _source(host: str, symbol: str, at: datetime, interval: timedelta) -> str:
    name = {MINUTE: "1m", DAY: "1d"}[interval]
    return f"{symbol} {name} candle of {format_time(at)} at {host}"


def _seconds(interval: timedelta) -> int:
    return interval // timedelta(seconds=1)
