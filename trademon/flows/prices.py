"""Dated prices from an exchange's candles into the store's cache, for fees in third coins and for conversions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from trademon.core.model import Broker, Candle, Market
from trademon.core.symbols import make_symbol
from trademon.exchanges.base import Exchange
from trademon.progress import counted
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


class Answer(NamedTuple):
    """The candles of one market between two times, both included."""

    start: datetime
    end: datetime
    candles: Sequence[Candle]


@dataclass(slots=True)
class Told:
    """What candles an exchange told within one pass, by symbol and interval: symbols that are traded side by side pay
    their fees in one coin, and one answer holds the minutes of all of them."""

    answers: dict[tuple[str, timedelta], list[Answer]] = field(default_factory=dict)

    def holding(self, symbol: str, interval: timedelta, at: datetime) -> Answer | None:
        """An answer that says what there was at that time and in the time whose last candle would stand for it."""
        known = self.answers.get((symbol, interval), ())
        return next((one for one in known if one.start <= at - _LEAD[interval] and at <= one.end), None)


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
    names = (make_symbol(one, other), make_symbol(other, one), make_symbol(one, other, other))
    return next((markets[name] for name in names if name in markets), None)


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
    told: Told | None = None,
) -> int:
    """Fetch the candles that these questions need and the cache lacks, as far as the host's budget and `most` questions
    go; returns how many there were. What `told` holds already is not asked for, and what is told now it holds then.

    Raises:
        TrademonError: as the exchange's `fetch_candles` does. What was fetched before is kept.
    """
    told = told or Told()
    fetched = sent = 0
    lacking = lacking_candles(store, broker, markets, wanted, interval=interval, rank=rank)
    reach = exchange.capabilities.candles
    asked = [(symbol, one) for symbol, times in lacking.items() for one in _windows(times, interval, reach)]
    for symbol, window in counted(asked, f"prices {broker.user} {broker.name}", len(asked), "questions", every=1):
        rest = [at for at in window if told.holding(symbol, interval, at) is None]
        if rest and (not exchange.has_budget() or sent == most):
            return fetched
        if rest:
            sent += 1
            answer = await _ask(exchange, markets[symbol], rest[0], interval)
            told.answers.setdefault((symbol, interval), []).append(answer)
        fetched += _keep(store, broker, exchange, symbol, window, interval, told)
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


async def _ask(exchange: Exchange, market: Market, at: datetime, interval: timedelta) -> Answer:
    """As many candles as one question brings, from before `at` on: they cost what a few cost."""
    start = at - _LEAD[interval]
    until_now = (exchange.now() - start) // interval + 1
    count = max(1, min(exchange.capabilities.candles, until_now))
    candles = await exchange.fetch_candles(market, start, count, interval)
    return Answer(start, start + (count - 1) * interval, candles)


def _keep(
    store: UserStore,
    broker: Broker,
    exchange: Exchange,
    symbol: str,
    window: Sequence[datetime],
    interval: timedelta,
    told: Told,
) -> int:
    """Store what was told of these times, and what there is no candle of; returns how many candles that were."""
    found: dict[datetime, Candle] = {}
    missing: list[datetime] = []
    for at in window:
        answer = told.holding(symbol, interval, at)
        assert answer is not None, "a window is no longer than an answer"
        before = next((c for c in reversed(answer.candles) if c.opened_at <= at), None)
        if before is not None and at - LONGEST_AGE[interval] < before.opened_at:
            found[before.opened_at] = before
        if (before is None or before.opened_at != at) and exchange.now() - at > _SETTLED[interval]:
            missing.append(at)
    store.save_candles(broker, symbol, list(found.values()), interval=interval, missing=missing)
    return len(found)
