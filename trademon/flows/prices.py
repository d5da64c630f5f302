"""Dated prices from an exchange's candles into the store's cache, for fees in third coins and for conversions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from trademon.core.model import Broker, Candle, Market
from trademon.core.symbols import make_symbol
from trademon.exchanges.base import Exchange
from trademon.store.prices import BRIDGES, DAY, LONGEST_AGE, MINUTE, opened_before
from trademon.store.store import UserStore

# A question begins this much before the first candle it needs: where nothing was traded there is none, and the one
# before stands for it.
_LEAD = {interval: age - interval for interval, age in LONGEST_AGE.items()}
# Of a time just past a candle may yet come; where there is none after this long, there never will be.
_SETTLED = {MINUTE: timedelta(minutes=10), DAY: timedelta(days=2)}


@dataclass(frozen=True, slots=True)
class Dated:
    """A question for what one `coin` was worth in `currency` at a time."""

    coin: str
    currency: str
    at: datetime


def paths_of(coin: str, currency: str, markets: Mapping[str, Market]) -> list[tuple[Market, ...]]:
    """All ways to the rate: the market of the two, then two markets over a coin between them."""
    direct = _between(coin, currency, markets)
    paths: list[tuple[Market, ...]] = [] if direct is None else [(direct,)]
    for bridge in BRIDGES:
        first, second = _between(coin, bridge, markets), _between(bridge, currency, markets)
        if first is not None and second is not None:
            paths.append((first, second))
    return paths


def _between(one: str, other: str, markets: Mapping[str, Market]) -> Market | None:
    return markets.get(make_symbol(one, other)) or markets.get(make_symbol(other, one))


def lacking_candles(
    store: UserStore,
    broker: Broker,
    markets: Mapping[str, Market],
    wanted: Iterable[Dated],
    *,
    interval: timedelta = MINUTE,
    rank: int = 0,
) -> dict[str, list[datetime]]:
    """The candles that these questions need and the cache lacks, by symbol; by the `rank`th way to each rate."""
    needed: dict[str, set[datetime]] = {}
    by_pair = sorted(set(wanted), key=lambda w: (w.coin, w.currency, w.at))
    for (coin, currency), asked in groupby(by_pair, key=lambda w: (w.coin, w.currency)):
        times = {opened_before(w.at, interval) for w in asked}
        for market in next(iter(paths_of(coin, currency, markets)[rank:]), ()):
            needed.setdefault(market.symbol, set()).update(times)
    lacking = {symbol: store.candles_lacking(broker, symbol, interval, needed[symbol]) for symbol in sorted(needed)}
    return {symbol: times for symbol, times in lacking.items() if times}


async def fetch_prices(
    store: UserStore,
    broker: Broker,
    exchange: Exchange,
    markets: Mapping[str, Market],
    wanted: Iterable[Dated],
    *,
    interval: timedelta = MINUTE,
    rank: int = 0,
    most: int | None = None,
) -> int:
    """Fetch the candles that these questions need and the cache lacks, as far as the host's budget and `most` questions
    go; returns how many there were.

    Raises:
        TrademonError: as the exchange's `fetch_candles` does. What was fetched before is kept.
    """
    fetched = sent = 0
    lacking = lacking_candles(store, broker, markets, wanted, interval=interval, rank=rank)
    for symbol, times in lacking.items():
        for window in _windows(times, interval, exchange.capabilities.candles):
            if not exchange.has_budget() or sent == most:
                return fetched
            sent += 1
            fetched += await _fetch_window(store, broker, exchange, markets[symbol], window, interval)
    return fetched


def _windows(times: Sequence[datetime], interval: timedelta, most: int) -> list[list[datetime]]:
    """`times`, sorted, in groups that one question each can answer."""
    reach = (most - 1) * interval - _LEAD[interval]
    windows: list[list[datetime]] = []
    for at in times:
        if windows and at - windows[-1][0] <= reach:
            windows[-1].append(at)
        else:
            windows.append([at])
    return windows


async def _fetch_window(
    store: UserStore,
    broker: Broker,
    exchange: Exchange,
    market: Market,
    window: Sequence[datetime],
    interval: timedelta,
) -> int:
    start = window[0] - _LEAD[interval]
    count = (window[-1] - start) // interval + 1
    candles = await exchange.fetch_candles(market, start, count, interval)
    found: list[Candle] = []
    missing: list[datetime] = []
    for at in window:
        before = [c for c in candles if at - LONGEST_AGE[interval] < c.opened_at <= at]
        if before:
            found.append(before[-1])
        if (not before or before[-1].opened_at != at) and exchange.now() - at > _SETTLED[interval]:
            missing.append(at)
    store.save_candles(broker, market.symbol, found, interval=interval, missing=missing)
    return len({candle.opened_at for candle in found})
