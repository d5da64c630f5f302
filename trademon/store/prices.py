"""Dated prices that candles told, and rates made of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from trademon.core.model import Candle
from trademon.core.money import RATE_CONTEXT
from trademon.core.symbols import make_symbol
from trademon.core.times import MICROSECOND, format_time, from_us, to_us
from trademon.store.database import Sql
from trademon.store.exact import decimal_text

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
# How old the newest candle before a moment may be to stand for it: where nothing was traded there is none.
LONGEST_AGE: Final = {MINUTE: timedelta(hours=1), DAY: timedelta(days=4)}
_LONGEST_US: Final = {interval: age // MICROSECOND for interval, age in LONGEST_AGE.items()}
BRIDGES: Final = ("USDT", "USDC", "BTC", "USD", "EUR")
"""Coins that a rate may go through where no market trades the two directly."""
MANUAL: Final = "manual"
"""What stands for a host where an account has no exchange."""
_MADE_UP: Final = "demo"
_MINUTE_US: Final = 60_000_000
_ONE: Final = Decimal(1)


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
    sql: Sql,
    host: str,
    coin: str,
    currency: str,
    at: datetime,
    intervals: tuple[timedelta, ...] = (MINUTE,),
    *,
    asked: bool = False,
    account_id: int | None = None,
) -> Rate | None:
    """What one `coin` was worth in `currency` at that time, by the host's candles; None where that is not known.

    By the market of the two, written either way, else by the contract on it, else over one coin that both are traded
    against. An account without an exchange of its own takes any host's candles that its user may draw from
    (`account_id`: see `cached_hosts`).

    `asked`: an older candle stands for a minute only where the exchange was asked for that minute and has none, so that
    what is booked does not depend on which other minutes happen to be known.
    """
    candle = _asked_candle if asked else _candle
    for one in cached_hosts(sql, account_id) if host == MANUAL and coin != currency else (host,):
        rate = rate_by(partial(candle, sql, one), one, coin, currency, at, intervals)
        if rate is not None:
            return rate
    return None


class Leg(NamedTuple):
    """One market's part of a rate: what it makes of one coin, by a candle opened at `at_us`; `symbol` was read the
    other way round where it `is_inverse`."""

    rate: Decimal
    at_us: int
    symbol: str
    is_inverse: bool


CandleOf = Callable[[str, int, timedelta], tuple[Decimal, int] | None]
"""A host's newest candle of a symbol and an interval that may stand for a time: its price, and when it was opened."""


def rate_by(
    candle: CandleOf, host: str, coin: str, currency: str, at: datetime, intervals: tuple[timedelta, ...]
) -> Rate | None:
    """What `find_rate` says, by any way of looking a candle up."""
    if coin == currency:
        return Rate(coin, currency, _ONE, at, "the same coin")
    for interval in intervals:
        legs = legs_by(candle, coin, currency, to_us(at), interval)
        if legs:
            source = " x ".join(_source(host, leg, interval) for leg in legs)
            return Rate(coin, currency, product_of(legs), from_us(min(leg.at_us for leg in legs)), source)
    return None


def product_of(legs: Sequence[Leg]) -> Decimal:
    return legs[0].rate if len(legs) == 1 else RATE_CONTEXT.multiply(legs[0].rate, legs[1].rate)


def legs_by(candle: CandleOf, coin: str, currency: str, at_us: int, interval: timedelta) -> tuple[Leg, ...]:
    """The markets and prices that make the rate; () where they are not known."""
    direct = _direct(candle, coin, currency, at_us, interval)
    if direct is not None:
        return (direct,)
    for bridge in BRIDGES:
        if bridge in (coin, currency):
            continue
        first = _direct(candle, coin, bridge, at_us, interval)
        second = _direct(candle, bridge, currency, at_us, interval) if first is not None else None
        if first is not None and second is not None:
            return first, second
    return ()


def _direct(candle: CandleOf, coin: str, currency: str, at_us: int, interval: timedelta) -> Leg | None:
    symbol = make_symbol(coin, currency)
    found = candle(symbol, at_us, interval)
    if found is not None:
        return Leg(found[0], found[1], symbol, is_inverse=False)
    symbol = make_symbol(currency, coin)
    found = candle(symbol, at_us, interval)
    if found is not None and found[0]:
        return Leg(RATE_CONTEXT.divide(_ONE, found[0]), found[1], symbol, is_inverse=True)
    symbol = make_symbol(coin, currency, currency)  # an account of contracts lists no coins: the contract on this one
    found = candle(symbol, at_us, interval)
    return None if found is None else Leg(found[0], found[1], symbol, is_inverse=False)


def _asked_candle(sql: Sql, host: str, symbol: str, at_us: int, interval: timedelta) -> tuple[Decimal, int] | None:
    known = asked_for(sql, host, symbol, interval, opened_before(from_us(at_us), interval))
    return _candle(sql, host, symbol, at_us, interval) if known else None


def _candle(sql: Sql, host: str, symbol: str, at_us: int, interval: timedelta) -> tuple[Decimal, int] | None:
    row = sql.one(
        """SELECT open, opened_at FROM candles WHERE host = ? AND symbol = ? AND interval_s = ? AND opened_at <= ?
        AND opened_at > ? AND open IS NOT NULL ORDER BY opened_at DESC LIMIT 1""",
        host,
        symbol,
        _seconds(interval),
        at_us,
        at_us - _LONGEST_US[interval],
    )
    return None if row is None else (Decimal(row[0]), row[1])


def _source(host: str, leg: Leg, interval: timedelta) -> str:
    name = {MINUTE: "1m", DAY: "1d"}[interval]
    told = f"{leg.symbol} {name} candle of {format_time(from_us(leg.at_us))} at {host}"
    return "1 / " + told if leg.is_inverse else told


# --- many rates ---------------------------------------------------------------------------------------------------


class Series(NamedTuple):
    """The candles of one market, oldest first: microseconds, and the price as text."""

    opened: Sequence[int]
    prices: Sequence[str]


def cached_hosts(sql: Sql, account_id: int | None = None) -> tuple[str, ...]:
    """The hosts whose candles an account's user may draw from: the exchanges themselves, and after them the addresses
    of the user's own brokers. What another user has set up as an address may tell anything; a demo's prices are made
    up."""
    rows = sql.rows(
        """WITH RECURSIVE known (host) AS (SELECT min(host) FROM candles UNION ALL
        SELECT (SELECT min(host) FROM candles WHERE candles.host > known.host) FROM known WHERE known.host IS NOT NULL)
        SELECT host FROM known WHERE host IS NOT NULL"""
    )
    own = """SELECT DISTINCT base_url FROM brokers
        WHERE base_url IS NOT NULL AND user_id = (SELECT user_id FROM accounts WHERE id = ?)"""
    addresses = {row[0] for row in sql.rows(own, account_id)}
    hosts = (row[0] for row in rows if row[0] != _MADE_UP)
    return tuple(sorted((h for h in hosts if "/" not in h or h in addresses), key=lambda host: ("/" in host, host)))


def read_series(sql: Sql, host: str, symbol: str, interval: timedelta) -> Series:
    """All that is known of a market's prices at one host."""
    rows = sql.rows(
        """SELECT opened_at, open FROM candles WHERE host = ? AND symbol = ? AND interval_s = ? AND open IS NOT NULL
        ORDER BY opened_at""",
        host,
        symbol,
        _seconds(interval),
    )
    return Series([row[0] for row in rows], [row[1] for row in rows])


class Rates:
    """Rates into one `currency` by the candles of `hosts`, the first of them that knows; a minute's candle goes before
    a day's. Each market is read once and each minute looked up once: what `find_rate` says, for a hundred thousand."""

    def __init__(
        self, load: Callable[[str, str, timedelta], Series], hosts: Sequence[str], currency: str, *, own: int = 1
    ) -> None:
        """`own`: how many of the hosts are the account's own."""
        self.currency = currency
        self.hosts = tuple(hosts)
        self.borrowed: dict[str, set[str]] = {}
        """Hosts that are not the account's own, and the coins whose rate was theirs."""
        self._load = load
        self._own = own
        self._series: dict[tuple[str, str, timedelta], Series] = {}
        self._prices: dict[tuple[str, int], Decimal | None] = {}

    def find(self, coin: str, at: datetime, intervals: tuple[timedelta, ...] = (MINUTE, DAY)) -> Rate | None:
        """What one `coin` was worth at that time, and by which candle; None where no host knows."""
        for host in self.hosts:
            rate = rate_by(partial(self._candle, host), host, coin, self.currency, at, intervals)
            if rate is not None:
                return rate
        return None

    def price(self, coin: str, at: datetime) -> Decimal | None:
        """The same as a number."""
        return self.price_us(coin, to_us(at))

    def price_us(self, coin: str, at_us: int) -> Decimal | None:
        """The same at a time in microseconds. No candle begins within a minute, so that one answer holds for all of
        it."""
        if coin == self.currency:
            return _ONE
        key = coin, at_us // _MINUTE_US
        if key not in self._prices:
            self._prices[key] = self._look_up(coin, at_us)
        return self._prices[key]

    def _look_up(self, coin: str, at_us: int) -> Decimal | None:
        for place, host in enumerate(self.hosts):
            for interval in (MINUTE, DAY):
                legs = legs_by(partial(self._candle, host), coin, self.currency, at_us, interval)
                if legs:
                    if place >= self._own:
                        self.borrowed.setdefault(host, set()).add(coin)
                    return product_of(legs)
        return None

    def _candle(self, host: str, symbol: str, at_us: int, interval: timedelta) -> tuple[Decimal, int] | None:
        key = host, symbol, interval
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._load(host, symbol, interval)
        opened = series.opened
        if not opened:
            return None
        place = bisect_right(opened, at_us) - 1
        if place < 0 or opened[place] <= at_us - _LONGEST_US[interval]:
            return None
        return Decimal(series.prices[place]), opened[place]


def _seconds(interval: timedelta) -> int:
    return interval // timedelta(seconds=1)
