"""One pass over accounts: find executions not yet stored, store them, book their P&L.

Per account: the lock, the exchange's clock, what it holds and has open, then the fills of the symbols that may have
some. Each page is booked with the coverage it proves in one transaction, so that being stopped anywhere loses and
doubles nothing: what is not proved is asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from trademon import progress
from trademon.core.coverage import Span, wanted_spans
from trademon.core.entries import third_coins
from trademon.core.model import Broker, Fill, Market, Method, OpenOrder, Position
from trademon.core.reports import BrokerScan, Problem, ScanReport
from trademon.core.symbol_plan import Plan, Signs, plan_symbols
from trademon.core.symbols import compact
from trademon.core.times import EPOCH
from trademon.errors import (
    ActionNeeded,
    BadAnswer,
    Busy,
    ClockSkew,
    ConfigError,
    HostAskedToWait,
    NothingListed,
    StoreError,
    Transient,
    UnknownName,
)
from trademon.exchanges.base import AccountView, Exchange, FillPage, StatesCloses
from trademon.flows.isolate import isolate
from trademon.flows.key_rights import read_if_due
from trademon.flows.ports import Ports
from trademon.flows.prices import Dated, Told, fetch_prices, paths_of
from trademon.flows.read_cash import read_cash
from trademon.store.lease import hold
from trademon.store.store import UserStore
from trademon.store.user_cash import CASH
from trademon.store.user_transfers import STREAMS

OVERLAP = timedelta(minutes=15)
# Fills may be published that long after their time. Once an hour they are looked for, back from the last such look.
DEEP_OVERLAP = timedelta(days=2)
DEEP_EVERY = timedelta(hours=1)
WEEK = timedelta(days=7)
"""What the first look of a UTC day reads again."""
MARKETS_EVERY = timedelta(days=1)
# An order is in the exchange's history a moment after it ended; one created this long before the last look and ended
# since then was open at that look.
ORDERS_OVERLAP = timedelta(hours=1)
# How long a symbol that a change of balance pointed at is asked in every look: its fills may be published late.
PENDING = timedelta(hours=1)
PRICES_A_LOOK = 20
WAYS_TO_A_RATE = 3
TRANSFERS_EVERY = timedelta(minutes=15)
WALLET = ""
"""Stands for a symbol where it is noted when deposits and withdrawals were last asked for."""
SWEEP_FIRST = 20


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """`sweep`: how many symbols never asked before are tried; `sweep_s`: for how long at most; `broker_s`: a hard limit
    on one broker's pass, None without one. `also`: symbols that are read whatever the signs say; `transfers_now`:
    deposits and withdrawals are read however lately they were. `full`: the account's history begins where the
    exchange's does from now on, whatever was said before."""

    sweep: int = 200
    sweep_s: float = 120.0
    broker_s: float | None = None
    also: frozenset[str] = frozenset()
    transfers_now: bool = False
    full: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A broker, and the store of the user it belongs to."""

    store: UserStore
    broker: Broker


class LookAt(Protocol):
    """What is done with each broker of a pass: `scan_broker`, or what is built on it."""

    async def __call__(
        self, target: Target, ports: Ports, *, since: datetime | None, limits: ScanLimits
    ) -> BrokerScan: ...


async def scan(
    targets: Sequence[Target],
    ports: Ports,
    *,
    since: datetime | None = None,
    limits: ScanLimits | None = None,
    one_by_one: bool = False,
    look_at: LookAt | None = None,
) -> ScanReport:
    """Scan all of them, together or one after the other; one that fails stops none of the others."""
    limits = limits or ScanLimits()
    look_at = look_at or scan_broker

    async def in_turn(group: Sequence[Target]) -> list[BrokerScan]:
        return [await look_at(target, ports, since=since, limits=limits) for target in group]

    groups = [list(targets)] if one_by_one else by_account(targets)
    done = [one for group in await asyncio.gather(*map(in_turn, groups)) for one in group]
    # Two new brokers may turn out to lead to one account: the one that found it held by the other comes again.
    if len(targets) > 1:
        by_name = {(t.broker.user, t.broker.name): t for t in targets}
        done = [
            await look_at(by_name[one.user, one.broker], ports, since=since, limits=limits) if one.busy else one
            for one in done
        ]
    order = {(t.broker.user, t.broker.name): n for n, t in enumerate(targets)}
    return ScanReport(tuple(sorted(done, key=lambda one: order[one.user, one.broker])))


def by_account(targets: Sequence[Target]) -> list[list[Target]]:
    """Two brokers that lead to one account are looked at one after the other: together one would find it held."""
    groups: dict[tuple[str, int], list[Target]] = {}
    for target in targets:
        key = -target.broker.id if target.broker.account_id is None else target.broker.account_id
        groups.setdefault((target.broker.user, key), []).append(target)
    return list(groups.values())


async def scan_broker(target: Target, ports: Ports, *, since: datetime | None, limits: ScanLimits) -> BrokerScan:
    """One broker's pass, whatever happens in it."""
    store, broker = target.store, target.broker
    started = ports.monotonic()
    count = _Count()
    now = ports.clock()
    wait_until = store.broker_state(broker).waits_until(now)
    if wait_until is not None:
        note = f"its host asked us to wait until {wait_until:%H:%M:%S} UTC"
        return BrokerScan(broker.name, broker.user, "skipped", 0, 0, Decimal("0.000"), note=note)

    _, error, problem = await isolate(
        _hold_and_look(target, ports, since, limits, count), broker=broker.name, user=broker.user, at=now
    )
    seconds = Decimal(f"{ports.monotonic() - started:.3f}")
    done = BrokerScan(
        broker.name,
        broker.user,
        "ok",
        count.new,
        count.requests,
        seconds,
        note=count.note,
        complete_since=_complete_since(store, broker.name),
        unread=count.unread,
        left=count.left,
        alert=count.alert,
        budget=count.budget,
    )
    if error is None or problem is None:
        return done
    if isinstance(error, Busy):
        return dataclasses.replace(done, status="skipped", busy=True, note=error.message)
    until = error.until if isinstance(error, HostAskedToWait) else None
    with contextlib.suppress(StoreError):  # a store that cannot be written is what the problem says already
        needs_person = isinstance(error, ActionNeeded)
        store.note_failed_look(broker, ports.clock(), problem.line, until, needs_person=needs_person)
    if until is not None:
        return dataclasses.replace(done, status="skipped", note=error.line)
    return dataclasses.replace(done, status="failed", problem=problem)


def _complete_since(store: UserStore, name: str) -> datetime | None:
    """As the store has it now: a first look has given the broker its account."""
    with contextlib.suppress(StoreError, UnknownName):  # as above: the look's own problem is what is told
        return store.complete_since(store.broker(name))
    return None


@dataclass(slots=True)
class _Count:
    """What a pass did so far, kept outside of it: a pass that fails has still stored what it proved."""

    new: int = 0
    requests: int = 0
    note: str | None = None
    unread: str | None = None
    left: int = 0
    alert: Problem | None = None
    budget: tuple[int, int] | None = None


async def _hold_and_look(
    target: Target, ports: Ports, since: datetime | None, limits: ScanLimits, count: _Count
) -> None:
    store = target.store
    with contextlib.ExitStack() as held:
        held.enter_context(hold(ports.locks, f"broker-{target.broker.id}"))
        broker = store.broker(target.broker.name)  # its key may be another than when the pass was planned
        if broker.account_id is not None:
            held.enter_context(hold(ports.locks, f"account-{broker.account_id}"))
        exchange = await ports.open_exchange(store, broker)
        look = _Look(store, broker, exchange, ports, since or broker.since, limits, count, held)
        try:
            async with asyncio.timeout(limits.broker_s):
                await exchange.sync_clock()
                try:
                    await look.run()
                except ClockSkew:
                    await exchange.sync_clock()
                    await look.run()
                news = await read_if_due(store, broker, exchange, ports.clock())
                count.alert, count.note = news.alert, count.note or news.unread
        except TimeoutError:
            raise Transient("not done in the time there was; the rest is read next time") from None
        except BadAnswer as fault:
            if fault not in look.faults:  # what a symbol's answer did wrong is kept already
                store.quarantine(broker, ports.clock(), fault.message, exchange.last_answer())
            raise
        finally:
            look.end()
            count.requests, count.budget = exchange.requests, exchange.budget()
            await exchange.close()
    store.note_good_look(broker, ports.clock())


@dataclass(slots=True)
class _Look:
    """One look at one account. `since` is where its history begins for us."""

    store: UserStore
    broker: Broker
    exchange: Exchange
    ports: Ports
    since: datetime
    limits: ScanLimits
    count: _Count
    held: contextlib.ExitStack
    account_id: int = 0
    method: Method = "fifo"
    told: Told = field(default_factory=Told)
    faults: list[BadAnswer | ConfigError] = field(default_factory=list)
    wants_order_types: bool = True
    planned: int = 0
    read: int = 0
    known: dict[str, Market] = field(default_factory=dict)
    """By symbol, what is listed and what is left of markets that no longer are."""

    async def run(self) -> None:
        """Ask for everything that may be new. What one symbol does wrong is raised after the others were read."""
        self.faults.clear()
        store, broker, exchange = self.store, self.broker, self.exchange
        asked_at = exchange.now()
        view = await exchange.fetch_account(with_uid=not store.has_named_account(broker))
        self._bind(view.uid)
        if self.limits.full:
            self._go_back()
        markets = await self._markets()
        orders = await self._open_orders(markets)
        positions = await self._positions(markets)
        hinted, orders_read = await self._order_history(asked_at)
        hinted |= {o.symbol for o in orders}
        markets, hinted = await self._resolve(markets, hinted)
        plan = self._plan(view, hinted, markets)
        listed = {m.symbol: m for m in markets}

        # A few never asked before come first, so that many busy symbols cannot keep all others waiting for ever.
        first, later = plan.sweep[:SWEEP_FIRST], plan.sweep[SWEEP_FIRST : self.limits.sweep]
        self.read, self.planned = 0, len(plan.must) + len(plan.walk) + len(first) + len(later)
        unswept = len(plan.sweep) - await self._sweep(first, listed)
        self.known = {m.symbol: m for m in store.unlisted_markets(broker)} | listed
        await self._ask(plan.must, plan, listed)
        unasked = await self._walk(plan, listed)
        unswept -= await self._sweep(later, listed)
        self.count.left = len(unasked) + unswept
        await self._value_fees()
        await self._read_beside()
        self._name_unlisted(listed)
        if self.faults:
            raise self.faults[0]
        # Only now: a change of balance and a named order are news until the fills that explain them were read.
        if not unasked & plan.signs:
            store.save_look(self.account_id, view.balances, orders, asked_at, positions)
        for span in orders_read:
            store.cover(self.account_id, "orders", span)

    def _bind(self, uid: str | None) -> None:
        store, broker = self.store, self.broker
        account_id = broker.account_id
        if account_id is None or uid is not None:
            account_id = store.bind_account(broker, uid)
        if account_id not in (broker.account_id, self.account_id):
            self.held.enter_context(hold(self.ports.locks, f"account-{account_id}"))
        self.account_id = account_id
        # Books kept in another method than the one that now holds are derived again before they grow.
        self.method = store.method_of(store.broker(broker.name))
        store.books.keep_method(account_id, method=self.method, signed=broker.market != "spot")

    def _go_back(self) -> None:
        """Have the history begin where the exchange's does, now and in every later look: those go on with what this one
        does not reach, and older fills that come again are not dropped."""
        able, now = self.exchange.capabilities, self.exchange.now()
        start = able.opened or EPOCH if able.history is None else now - able.history
        self.since = min(self.since, start)
        if self.since < self.broker.since:
            self.store.set_broker(self.broker, since_at=self.since)

    async def _markets(self, *, again: bool = False) -> tuple[Market, ...]:
        store, broker, now = self.store, self.broker, self.ports.clock()
        seen_at = store.markets_seen_at(broker)
        if again or seen_at is None or now - seen_at >= MARKETS_EVERY:
            listed, whole = await self._listed(), self.exchange.capabilities.lists_all
            store.save_markets(broker, listed, now, whole=whole)
        return store.markets(broker)

    async def _listed(self) -> tuple[Market, ...]:
        """What the exchange lists; where it tells what the account touches alone, that may be nothing yet."""
        try:
            return await self.exchange.fetch_markets()
        except NothingListed:
            if self.exchange.capabilities.lists_all:
                raise
            return ()

    async def _open_orders(self, markets: Sequence[Market]) -> tuple[OpenOrder, ...]:
        """What is open now: a hint. Fills are read without it, too, and then the look is not a good one."""
        try:
            return await self.exchange.fetch_open_orders({m.exchange_symbol: m for m in markets})
        except BadAnswer as fault:
            self._doubt(fault)
            return ()

    async def _positions(self, markets: Sequence[Market]) -> tuple[Position, ...]:
        """What the exchange states, where it does: beside our books. As with orders, fills are read without it, too."""
        if not self.exchange.capabilities.has_positions:
            return ()
        try:
            found = await self.exchange.fetch_positions({m.exchange_symbol: m for m in markets})
            if len({(p.symbol, p.side, p.position_id) for p in found}) != len(found):
                raise BadAnswer(f"{self.broker.exchange} states one position twice")
        except BadAnswer as fault:
            self._doubt(fault)
            return ()
        return found

    async def _resolve(self, markets: tuple[Market, ...], names: set[str]) -> tuple[tuple[Market, ...], set[str]]:
        """The exchange's spellings among `names` as symbols; a name not listed has the list fetched again."""
        for again in (False, True):
            if again:
                markets = await self._markets(again=True)
            known = {m.exchange_symbol: m.symbol for m in (*self.store.unlisted_markets(self.broker), *markets)}
            unknown = names - known.keys() - set(known.values())
            if not unknown:
                break
        for name in sorted(unknown)[:3]:
            self.faults.append(BadAnswer(f"{self.broker.exchange} names {name}, which is not in its own list"))
        return markets, {known.get(name, name) for name in names - unknown}

    async def _order_history(self, asked_at: datetime) -> tuple[set[str], list[Span]]:
        """Names with an order in the time not yet read, and that time.

        All the history there is, whatever `since` says: an order may be much older than its fills. What tells of the
        fills themselves is asked no further back than they are.
        """
        able = self.exchange.capabilities
        if not able.orders_name_symbols:
            return set(), []
        reach = able.history if able.names_history is None else able.names_history
        start = EPOCH if reach is None else asked_at - reach
        if able.names_by_fills:
            start = max(start, self.since)
        covered = self.store.coverage(self.account_id, "", stream="orders")
        spans = wanted_spans(covered, start, asked_at, ORDERS_OVERLAP)
        names = await self.exchange.fetch_traded_symbols(min(span.start for span in spans))
        return set(names), spans

    def _plan(self, view: AccountView, hinted: set[str], markets: Sequence[Market]) -> Plan:
        store, now = self.store, self.exchange.now()
        before, looks = store.balances(self.account_id), store.looks(self.account_id)
        held = {b.coin: b.total for b in view.balances}
        changed = {c for c in held.keys() | before.keys() if held.get(c) != (before[c].total if c in before else None)}
        wanted = {compact(symbol) for symbol in self.broker.symbols}
        incomplete = store.incomplete_symbols(self.account_id, self._reachable(self.since, now))
        names_symbols = self.exchange.capabilities.orders_name_symbols
        signs = Signs(
            named={m.symbol for m in markets if _is_named(m, wanted)},
            hinted=hinted
            | self.limits.also
            | store.open_symbols(self.account_id)
            | (set(incomplete) if names_symbols else set()),
            traded=store.traded_symbols(self.account_id),
            looked={symbol: look.looked_at for symbol, look in looks.items()},
            held=held,
            changed=changed if store.looked_at(self.account_id) else (),
            seen_at=store.looked_at(self.account_id),
            pending={s for s, look in looks.items() if look.hot_until is not None and look.hot_until > now},
            incomplete=incomplete,
        )
        plan = plan_symbols(signs, markets, now=now)
        # Where orders name their symbols there is nothing to guess.
        return dataclasses.replace(plan, sweep=()) if names_symbols else plan

    async def _walk(self, plan: Plan, listed: dict[str, Market]) -> set[str]:
        """What may have news, as far as the budget goes; returns what it did not reach."""
        for n, symbol in enumerate(plan.walk):
            if not self.exchange.has_budget():
                return set(plan.walk[n:])
            await self._ask((symbol,), plan, listed)
        return set()

    async def _ask(self, symbols: Sequence[str], plan: Plan, listed: dict[str, Market]) -> None:
        """These symbols of the plan; one that fails stops none of the others."""
        for symbol in symbols:
            market = self.known.get(symbol)
            if market is None:
                continue
            try:
                await self._read_symbol(market, pointed_at=symbol in plan.signs)
            except BadAnswer as fault:
                if symbol in listed:  # of one that is gone the exchange need not know any more
                    self._doubt(fault)

    async def _sweep(self, symbols: Sequence[str], listed: dict[str, Market]) -> int:
        """Ask these as far as budget and time go; how many were asked."""
        stop_at = self.ports.monotonic() + self.limits.sweep_s
        for n, symbol in enumerate(symbols):
            if self.ports.monotonic() >= stop_at or not self.exchange.has_budget():
                return n
            try:
                await self._read_symbol(listed[symbol])
            except BadAnswer as fault:
                self._doubt(fault)
        return len(symbols)

    def _doubt(self, fault: BadAnswer) -> None:
        """Remember an answer that is not believed, and how it began: the look goes on, and ends as one that failed."""
        self.faults.append(fault)
        self.store.quarantine(self.broker, self.ports.clock(), fault.message, self.exchange.last_answer())

    def _reachable(self, since: datetime, now: datetime) -> datetime:
        reach = self.exchange.capabilities.history
        return since if reach is None else max(since, now - reach)

    async def _read_symbol(self, market: Market, *, pointed_at: bool = False) -> None:
        store, now, account_id = self.store, self.exchange.now(), self.account_id
        look = store.look(account_id, market.symbol)
        last, last_deep = (now, now) if look is None else (look.looked_at, look.deep_at or now)
        deep = look is None or look.deep_at is None or now - last_deep >= DEEP_EVERY
        # Back from the last look, not from now: between them nobody looked.
        overlap = max(now - last_deep + DEEP_OVERLAP if deep else OVERLAP, now - last + OVERLAP)
        if deep and last_deep.date() < now.date():
            overlap = max(overlap, WEEK)
        covered = store.coverage(account_id, market.symbol)
        for span in wanted_spans(covered, self._reachable(self.since, now), now, overlap):
            anchor = store.newest_fill(account_id, market.symbol, before=span.start)
            async for page in self.exchange.fetch_fills(market, span, anchor=anchor):
                await self._book(market, page)
        hot_until = now + PENDING if pointed_at else None
        store.save_look_at(account_id, market.symbol, now, deep=deep, hot_until=hot_until)
        self.read += 1
        self._tell()

    def _tell(self) -> None:
        """How many symbols were read, for whoever waits for it."""
        note = f"{self.count.new:,} new" if self.count.new else ""
        # What is read and does not exist any more was planned, too: the end is told by `end` alone.
        total = max(self.planned, self.read + 1)
        progress.tell(f"{self.broker.user} {self.broker.name}", self.read, total, "symbols", note)

    def end(self) -> None:
        progress.tell(f"{self.broker.user} {self.broker.name}", self.read, self.read, "symbols")

    async def _book(self, market: Market, page: FillPage) -> None:
        fills = tuple(fill for fill in page.fills if fill.executed_at >= self.since)
        known = self.store.known_trade_ids(self.account_id, market.symbol, [f.trade_id for f in fills])
        new = [fill for fill in fills if fill.trade_id not in known]
        await self._fetch_prices([Dated(c, f.currency, f.executed_at) for f in new for c in third_coins(f)])
        self.count.new += self.store.books.book_page(
            self.broker,
            await self._with_order_types(market, fills, {f.order_id for f in new}),
            account_id=self.account_id,
            method=self.method,
            source="api",
            seen_at=self.ports.clock(),
            covered=(market.symbol, page.covered),
        )
        self._tell()

    async def _fetch_prices(self, wanted: Sequence[Dated], *, rank: int = 0, most: int | None = None) -> None:
        """Prices for fees in third coins. Without one a fee is listed as unvalued, and asked for in the next look."""
        if not wanted or self.count.note:
            return
        markets = {m.symbol: m for m in self.store.markets(self.broker)}
        try:
            await fetch_prices(
                self.store, self.broker, self.exchange, markets, wanted, rank=rank, most=most, told=self.told
            )
        except HostAskedToWait:
            raise
        except (Transient, BadAnswer) as fault:
            coins = ", ".join(sorted({w.coin for w in wanted}))
            self.count.note = f"no price for fees in {coins} yet: {fault.message}"

    async def _read_beside(self) -> None:
        """What is told beside fills, now and then."""
        store, now = self.store, self.exchange.now()
        asked = store.look(self.account_id, WALLET)
        is_due = asked is None or now - asked.looked_at >= TRANSFERS_EVERY or self.limits.transfers_now
        if is_due or self.count.new:
            await self._read_stated_closes()
        if is_due:
            store.save_look_at(self.account_id, WALLET, now, deep=False)
            if self.exchange.capabilities.has_transfers:
                await self._read_transfers(now)

    async def _read_stated_closes(self) -> None:
        """What the exchange says that closed positions earned: kept beside our own figures."""
        if not isinstance(self.exchange, StatesCloses):
            return
        try:
            closes = await self.exchange.fetch_stated_closes(
                {m.exchange_symbol: m for m in self.store.markets(self.broker)}
            )
        except BadAnswer as fault:
            self._doubt(fault)
        else:
            self.store.save_stated_closes(self.account_id, closes, self.ports.clock())

    async def _read_transfers(self, now: datetime) -> None:
        """Deposits and withdrawals: they tell where coins came from that nobody bought here. A host that does not tell
        them (a test network), or a key that may not ask, costs a note and no fill."""
        store = self.store
        try:
            for kind, stream in STREAMS.items() if self.exchange.capabilities.has_transfers else ():
                covered = store.coverage(self.account_id, "", stream=stream)
                since = self._transfers_since(now)
                for span in wanted_spans(covered, since, now, DEEP_OVERLAP):
                    async for page in self.exchange.fetch_transfers(kind, span):
                        seen_at = self.ports.clock()
                        store.save_transfers(self.account_id, kind, page.transfers, page.covered, seen_at)
            store.carry_lots()
        except HostAskedToWait:
            raise
        except (Transient, ActionNeeded) as fault:
            self.count.unread = f"deposits and withdrawals could not be read: {fault.message}"
            self.count.note = self.count.note or self.count.unread
        await self._read_cash(now)

    async def _read_cash(self, now: datetime) -> None:
        """Funding and the like, as seldom: they are in no figure of a trade, and so cost a note and no fill."""
        able = self.exchange.capabilities
        if not able.has_cash:
            return
        since = self.since if able.cash_history is None else max(self.since, now - able.cash_history)
        covered = self.store.coverage(self.account_id, "", stream=CASH)
        spans = wanted_spans(covered, since, now, DEEP_OVERLAP)
        try:
            await read_cash(self.store, self.account_id, self.exchange, spans, self.known.values(), self.ports.clock)
        except HostAskedToWait:
            raise
        except (Transient, ActionNeeded) as fault:
            self.count.note = self.count.note or f"funding and other cash could not be read: {fault.message}"

    def _transfers_since(self, now: datetime) -> datetime:
        able = self.exchange.capabilities
        since = (able.opened or EPOCH) if self.limits.full else self.since
        return since if able.transfer_history is None else max(since, now - able.transfer_history)

    async def _value_fees(self) -> None:
        """Ask again for the prices that were not to be had when fills were booked: by the coin's own market, then by
        two markets over a coin between them."""
        listed = {m.symbol: m for m in self.store.markets(self.broker)}
        for rank in range(WAYS_TO_A_RATE):
            fees = self.store.fees_to_value(self.account_id)
            wanted = [Dated(f.coin, f.currency, f.at) for f in fees if len(paths_of(f.coin, f.currency, listed)) > rank]
            if not wanted:
                return
            await self._fetch_prices(wanted, rank=rank, most=PRICES_A_LOOK)
            self.store.books.revalue(self.broker, self.account_id, method=self.method)

    async def _with_order_types(self, market: Market, fills: tuple[Fill, ...], orders: set[str]) -> tuple[Fill, ...]:
        """The same fills, the new ones with the kind of order they filled: colour, so a failure to get it is none, and
        is not waited for again at the next page."""
        if self.exchange.capabilities.fills_name_order_type or not orders or not self.wants_order_types:
            return fills
        try:
            types = await self.exchange.fetch_order_types(market, orders)
        except HostAskedToWait:
            raise
        except Transient:
            self.wants_order_types = False
            return fills
        return tuple(dataclasses.replace(f, order_type=types.get(f.order_id, "")) for f in fills)

    def _name_unlisted(self, listed: dict[str, Market]) -> None:
        """A symbol the user named and the exchange does not know is said, after everything else was read."""
        known = {compact(name) for market in listed.values() for name in (market.symbol, market.exchange_symbol)}
        unknown = [symbol for symbol in self.broker.symbols if compact(symbol) not in known]
        if unknown:
            hint = f"trademon broker set {self.broker.name} --symbol ..."
            self.faults.append(ConfigError(f"{self.broker.exchange} does not list {', '.join(unknown)}", hint=hint))


def _is_named(market: Market, wanted: Collection[str]) -> bool:
    """Whether a user named it, in our spelling or in the exchange's."""
    return compact(market.symbol) in wanted or compact(market.exchange_symbol) in wanted
