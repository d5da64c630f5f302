"""Fetching the dated prices that P&L in one currency needs and the cache lacks.

A symbol book in another currency needs the price of its quote coin on each day on which something was executed; a book
of coins needs it at the minute, where one of the two is no money, and so do fees in third coins. Each account's own
host is asked first; what it does not list, and what accounts without an exchange need, is asked of the user's others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from trademon.core.coin_entries import rates_wanted
from trademon.core.model import Broker, Market
from trademon.core.price_reports import PriceFetchReport, PriceGap, PriceHost, PricesReport
from trademon.core.reports import Problem
from trademon.errors import Busy, HostAskedToWait, StoreError
from trademon.exchanges.base import Exchange
from trademon.exchanges.registry import WITHOUT_API
from trademon.flows.isolate import isolate
from trademon.flows.ports import Ports
from trademon.flows.prices import Dated, fetch_prices, lacking_candles, paths_of
from trademon.store.lease import hold
from trademon.store.prices import DAY, MINUTE, Rates, opened_before
from trademon.store.scope import host_of
from trademon.store.store import UserStore
from trademon.store.user_prices import AccountFill

# Between two of these a day's price is near enough; the price of anything else moves too far within a day.
_MONEY: Final = frozenset(
    (
        *("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USD", "EUR", "GBP", "CHF", "JPY", "AUD", "CAD", "NZD"),
        *("SEK", "NOK", "DKK", "PLN", "CZK", "TRY", "BRL", "MXN", "ZAR", "SGD", "HKD"),
    )
)
_RANKS: Final = 3
"""How many ways to a rate are tried where the first one told no price."""


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """For which fills prices are fetched: of these brokers, executed within [since, until)."""

    brokers: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Need:
    """A price of an account's. `is_fee`: it values a fee when that is booked, by a minute of the account's own host."""

    account_id: int
    dated: Dated
    interval: timedelta
    is_fee: bool = False


@dataclass(slots=True)
class _Host:
    """A host that can be asked, by one of the user's brokers; `exchange` once it was opened."""

    store: UserStore
    broker: Broker
    markets: dict[str, Market]
    exchange: Exchange | None = None
    prices: int = 0
    note: str | None = None
    problem: Problem | None = None

    @property
    def is_silent(self) -> bool:
        return self.problem is not None or self.note is not None

    def report(self) -> PriceHost:
        requests = 0 if self.exchange is None else self.exchange.requests
        broker = self.broker
        return PriceHost(broker.name, broker.user, host_of(broker), self.prices, requests, self.note, self.problem)


def prices_known(stores: Sequence[UserStore]) -> PricesReport:
    """What the cache holds that these users' figures may draw from."""
    spans = {span for store in stores for span in store.price_spans()}
    return PricesReport(tuple(sorted(spans, key=lambda span: (span.host, span.symbol, span.interval))))


async def fetch(
    stores: Sequence[UserStore], ports: Ports, query: PriceQuery, currencies: Sequence[str]
) -> PriceFetchReport:
    """Fetch what these users' fills need; `currencies` is one for each of them."""
    jobs = [_Job(store, ports, query, currency) for store, currency in zip(stores, currencies, strict=True)]
    for job in jobs:
        await job.run()
    gaps = tuple(gap for job in jobs for gap in job.gaps())
    return PriceFetchReport(
        hosts=tuple(host.report() for job in jobs for host in job.hosts.values() if host.exchange or host.is_silent),
        wanted=sum(len(job.needs) for job in jobs),
        gaps=gaps,
        fees_valued=sum(job.fees_valued for job in jobs),
        helpless=tuple(job.store.user for job in jobs if not job.hosts and any(g.user == job.store.user for g in gaps)),
        untold=tuple(dict.fromkeys(job.currency for job in jobs if job.is_untold())),
        known=sum(job.known() for job in jobs),
    )


@dataclass(slots=True)
class _Job:
    """One user's part."""

    store: UserStore
    ports: Ports
    query: PriceQuery
    currency: str
    hosts: dict[str, _Host] = field(default_factory=dict)
    lenders: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    needs: list[_Need] = field(default_factory=list)
    fees_valued: int = 0

    async def run(self) -> None:
        with self.store.one_moment():
            self.needs = list(_needs_of(self.store, self.query, self.currency))
            self.lenders = {n.account_id: self.store.price_hosts(n.account_id) for n in self.needs}
            self.hosts = _hosts_of(self.store) if self.needs else {}
        try:
            for host in self.hosts.values():
                await self._ask(host, self._list_markets(host))
            homes = {need: next(iter(self._able(need)), None) for need in self.needs}
            for name, host in self.hosts.items():
                await self._ask(host, self._fetch(host, [n for n in self.needs if homes[n] == name]))
            for name, host in self.hosts.items():
                rest = [n for n in self._unanswered(self.needs) if name in self._able(n) and homes[n] != name]
                await self._ask(host, self._fetch(host, rest))
        finally:
            for host in self.hosts.values():
                if host.exchange is not None:
                    await host.exchange.close()
        self._value_fees()

    def _may_borrow(self, need: _Need) -> bool:
        """Whether another host's price will do: not for a fee that its own exchange values."""
        return not (need.is_fee and self.lenders[need.account_id][0])

    def _able(self, need: _Need) -> list[str]:
        """The hosts that list what makes the price: the account's own before others."""
        own, _ = self.lenders[need.account_id]
        names = [*own, *(n for n in self.hosts if n not in own)] if self._may_borrow(need) else [*own]
        coin, currency = need.dated.coin, need.dated.currency
        return [n for n in names if n in self.hosts and paths_of(coin, currency, self.hosts[n].markets)]

    # --- asking --------------------------------------------------------------------------------------------------

    async def _ask(self, host: _Host, work: Coroutine[Any, Any, None]) -> None:
        """Have a host asked; one that failed or is to be left alone is not."""
        now, broker = self.ports.clock(), host.broker
        wait_until = self.store.broker_state(broker).waits_until(now)
        if wait_until is not None:
            host.note = f"its host asked us to wait until {wait_until:%H:%M:%S} UTC"
        if host.is_silent:
            work.close()
            return
        _, error, host.problem = await isolate(work, broker=broker.name, user=broker.user, at=now)
        if isinstance(error, HostAskedToWait):
            host.problem, host.note = None, error.line
            with contextlib.suppress(StoreError):
                self.store.note_failed_look(broker, self.ports.clock(), error.line, wait_until=error.until)

    async def _list_markets(self, host: _Host) -> None:
        if not host.markets:
            exchange = await self._open(host)
            self.store.save_markets(host.broker, await exchange.fetch_markets(), self.ports.clock())
            host.markets = {m.symbol: m for m in self.store.markets(host.broker)}

    async def _fetch(self, host: _Host, needs: Sequence[_Need]) -> None:
        for interval in (DAY, MINUTE):
            pending = [n for n in needs if n.interval == interval]
            for rank in range(_RANKS):
                if not await self._fetch_rank(host, [n.dated for n in pending], interval, rank):
                    host.note = "its budget was used up: run it again for the rest"
                    return
                pending = self._unanswered(pending)

    async def _fetch_rank(self, host: _Host, asked: Sequence[Dated], interval: timedelta, rank: int) -> bool:
        """Ask for what is lacking by the `rank`th way to each rate; False where the budget does not allow all of it."""
        options: dict[str, Any] = {"interval": interval, "rank": rank}
        if not lacking_candles(self.store, host.broker, host.markets, asked, **options):
            return True
        exchange = await self._open(host)
        host.prices += await fetch_prices(self.store, host.broker, exchange, host.markets, asked, **options)
        return exchange.has_budget() or not lacking_candles(self.store, host.broker, host.markets, asked, **options)

    async def _open(self, host: _Host) -> Exchange:
        if host.exchange is None:
            host.exchange = await self.ports.open_exchange(self.store, host.broker)
            await host.exchange.sync_clock()
        return host.exchange

    # --- what is known -------------------------------------------------------------------------------------------

    def _unanswered(self, needs: Iterable[_Need], *, at_all: bool = False) -> list[_Need]:
        """Those without a price of their own interval; `at_all`: for which a day's will not do either."""
        known: dict[tuple[int, str, bool], Rates] = {}
        left = []
        with self.store.one_moment():
            for need in needs:
                dated, key = need.dated, (need.account_id, need.dated.currency, need.is_fee)
                if key not in known:
                    known[key] = self.store.rates(need.account_id, dated.currency, borrowing=self._may_borrow(need))
                intervals = (MINUTE, DAY) if at_all and not need.is_fee else (need.interval,)
                if known[key].find(dated.coin, dated.at, intervals) is None:
                    left.append(need)
        return left

    def known(self) -> int:
        """How many of the needs have a price."""
        return len(self.needs) - len(self._unanswered(self.needs, at_all=True))

    def is_untold(self) -> bool:
        """Whether every host was asked, and none has a market that leads to the currency: it may be misspelt."""
        needs = [need for need in self.needs if need.dated.currency == self.currency]
        if not needs or not self.hosts or any(host.is_silent for host in self.hosts.values()):
            return False
        return not any(self._able(need) for need in needs) and len(self._unanswered(needs, at_all=True)) == len(needs)

    def gaps(self) -> Iterator[PriceGap]:
        """What is still not known, by coin."""
        groups: dict[tuple[str, str], list[_Need]] = {}
        for need in self._unanswered(self.needs, at_all=True):
            groups.setdefault((need.dated.coin, need.dated.currency), []).append(need)
        for (coin, currency), needs in sorted(groups.items()):
            times = {need.dated.at for need in needs}
            why = self._why(needs)
            yield PriceGap(self.store.user, coin, currency, len(times), min(times), max(times), why)

    def _why(self, needs: Iterable[_Need]) -> str:
        able = {name for need in needs for name in self._able(need)}
        if any(self.hosts[name].is_silent for name in able or self.hosts):
            return "not all was asked"
        if not able:
            return "no market tells it" if self.hosts else "there is no exchange to ask"
        return "no price then"

    def _value_fees(self) -> None:
        """Value the third-coin fees that there is a price of now."""
        accounts = {need.account_id for need in self.needs if need.is_fee}
        for broker in self.store.brokers():
            if broker.account_id in accounts:
                accounts.discard(broker.account_id)
                with contextlib.suppress(Busy), hold(self.ports.locks, f"account-{broker.account_id}"):
                    method = self.store.method_of(broker)
                    self.fees_valued += self.store.books.revalue(broker, broker.account_id, method=method)


def _hosts_of(store: UserStore) -> dict[str, _Host]:
    """The hosts that the user's brokers lead to, exchanges themselves before other addresses."""
    brokers = [b for b in store.brokers() if b.enabled and b.exchange not in WITHOUT_API]
    hosts: dict[str, _Host] = {}
    for broker in sorted(brokers, key=lambda b: (b.base_url is not None, b.market != "spot", b.id)):
        if host_of(broker) not in hosts:
            hosts[host_of(broker)] = _Host(store, broker, {m.symbol: m for m in store.markets(broker)})
    return hosts


# --- what is needed -----------------------------------------------------------------------------------------------


def _needs_of(store: UserStore, query: PriceQuery, currency: str) -> Iterator[_Need]:
    """Each price that these fills need, once."""
    named = {b.account_id for b in store.brokers() if b.name in query.brokers}
    signed = {ref.account_id: ref.signed for ref in store.book_refs()}
    for account_id, has_positions in signed.items():
        if query.brokers and account_id not in named:
            continue
        found: dict[tuple[str, datetime, timedelta], _Need] = {}
        for one in store.account_fills(account_id, since=query.since, until=query.until):
            for coin, interval in _of_fill(one, currency, has_coins=not has_positions):
                opened = opened_before(one.fill.opened_at, interval)
                need = _Need(account_id, Dated(coin, currency, one.fill.opened_at), interval)
                found.setdefault((coin, opened, interval), need)
        yield from found.values()
        for fee in store.fees_to_value(account_id):
            if (query.since is None or fee.at >= query.since) and (query.until is None or fee.at < query.until):
                yield _Need(account_id, Dated(fee.coin, fee.currency, fee.at), MINUTE, is_fee=True)


def _of_fill(one: AccountFill, currency: str, *, has_coins: bool) -> Iterator[tuple[str, timedelta]]:
    fill = one.fill
    if fill.currency != currency:
        yield fill.currency, DAY
    if has_coins and fill.contract is None:
        for coin in rates_wanted(fill, currency, is_lot=one.is_lot):
            if coin not in _MONEY or currency not in _MONEY:
                yield coin, MINUTE
