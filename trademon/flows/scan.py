"""One pass over accounts: find executions not yet stored, store them, book their P&L.

Per account: the lock, the exchange's clock, what it holds and has open, then the fills of the symbols that may have
some. Each page is booked with the coverage it proves in one transaction, so that being stopped anywhere loses and
doubles nothing: what is not proved is asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trademon.core.coverage import Span, missing, union
from trademon.core.model import Broker, Fill, Market, OpenOrder
from trademon.core.reports import BrokerScan, ScanReport
from trademon.core.symbol_plan import Plan, Signs, plan_symbols
from trademon.core.symbols import compact
from trademon.errors import Busy, ClockSkew, ConfigError, HostAskedToWait, Transient
from trademon.exchanges.base import AccountView, Exchange
from trademon.flows.isolate import isolate
from trademon.flows.ports import Ports
from trademon.store.lease import hold
from trademon.store.store import UserStore

OVERLAP = timedelta(minutes=15)
DEEP_OVERLAP = timedelta(days=1)
DEEP_EVERY = timedelta(hours=1)
MARKETS_EVERY = timedelta(days=1)
# An order is in the exchange's history a moment after it ended; one created this long before the last look and ended
# since then was open at that look.
ORDERS_OVERLAP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """`sweep`: how many symbols never asked before are tried; `sweep_s`: for how long at most; `broker_s`: a hard limit
    on one broker's pass, None without one."""

    sweep: int = 200
    sweep_s: float = 120.0
    broker_s: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A broker, and the store of the user it belongs to."""

    store: UserStore
    broker: Broker


async def scan(
    targets: Sequence[Target],
    ports: Ports,
    *,
    since: datetime | None = None,
    limits: ScanLimits | None = None,
    one_by_one: bool = False,
) -> ScanReport:
    """Scan all of them, together or one after the other; one that fails stops none of the others."""
    limits = limits or ScanLimits()
    passes = [scan_broker(target, ports, since=since, limits=limits) for target in targets]
    if one_by_one:
        return ScanReport(tuple([await one for one in passes]))
    return ScanReport(tuple(await asyncio.gather(*passes)))


async def scan_broker(target: Target, ports: Ports, *, since: datetime | None, limits: ScanLimits) -> BrokerScan:
    """One broker's pass, whatever happens in it."""
    store, broker = target.store, target.broker
    started = ports.monotonic()
    count = _Count()
    wait_until = store.broker_state(broker).wait_until
    if wait_until is not None and ports.clock() < wait_until:
        note = f"its host asked us to wait until {wait_until:%H:%M:%S} UTC"
        return BrokerScan(broker.name, broker.user, "skipped", 0, 0, Decimal("0.000"), note=note)

    _, error, problem = await isolate(
        _hold_and_look(target, ports, since, limits, count), broker=broker.name, user=broker.user, at=ports.clock()
    )
    seconds = Decimal(f"{ports.monotonic() - started:.3f}")
    done = BrokerScan(broker.name, broker.user, "ok", count.new, count.requests, seconds)
    if error is None or problem is None:
        return done
    if isinstance(error, Busy):
        return dataclasses.replace(done, status="skipped", busy=True, note=error.message)
    until = error.until if isinstance(error, HostAskedToWait) else None
    store.note_failed_look(broker, ports.clock(), problem.line, wait_until=until)
    if until is not None:
        return dataclasses.replace(done, status="skipped", note=error.line)
    return dataclasses.replace(done, status="failed", problem=problem)


@dataclass(slots=True)
class _Count:
    """What a pass did so far, kept outside of it: a pass that fails has still stored what it proved."""

    new: int = 0
    requests: int = 0


async def _hold_and_look(
    target: Target, ports: Ports, since: datetime | None, limits: ScanLimits, count: _Count
) -> None:
    store, broker = target.store, target.broker
    with contextlib.ExitStack() as held:
        held.enter_context(hold(ports.locks, f"broker-{broker.id}"))
        if broker.account_id is not None:
            held.enter_context(hold(ports.locks, f"account-{broker.account_id}"))
        exchange = await ports.open_exchange(store, broker)
        look = _Look(target, exchange, ports, since or broker.since, limits, count, held)
        try:
            async with asyncio.timeout(limits.broker_s):
                await exchange.sync_clock()
                try:
                    await look.run()
                except ClockSkew:
                    await exchange.sync_clock()
                    await look.run()
        except TimeoutError:
            raise Transient(f"not done within {limits.broker_s:g} s; the rest is read next time") from None
        finally:
            count.requests = exchange.requests
            await exchange.close()
    store.note_good_look(broker, ports.clock())


@dataclass(slots=True)
class _Look:
    """One look at one account. `since` is where its history begins for us."""

    target: Target
    exchange: Exchange
    ports: Ports
    since: datetime
    limits: ScanLimits
    count: _Count
    held: contextlib.ExitStack
    bound_to: int | None = None

    async def run(self) -> None:
        store, broker = self.target.store, self.target.broker
        view = await self.exchange.fetch_account(with_uid=broker.account_id is None)
        account_id = broker.account_id
        if account_id is None or view.uid is not None:
            account_id = store.bind_account(broker, view.uid)
            if account_id not in (broker.account_id, self.bound_to):
                self.held.enter_context(hold(self.ports.locks, f"account-{account_id}"))
                self.bound_to = account_id
        # Books kept in another method than the one that now holds are derived again before they grow.
        signed = broker.market != "spot"
        store.books.keep_method(account_id, method=store.method_of(broker), signed=signed)
        markets = await self._markets()
        by_name = {m.exchange_symbol: m for m in markets}
        orders = await self.exchange.fetch_open_orders(by_name)
        plan = await self._plan(account_id, view, orders, markets)
        listed = {m.symbol: m for m in markets}

        for symbol in plan.must:
            if symbol in listed:
                await self._read_symbol(account_id, listed[symbol])
        await self._sweep(account_id, plan, listed)
        # Only now: a change of balance is news until the fills that explain it were read.
        store.save_look(account_id, view.balances, orders, self.exchange.now())
        self._name_unlisted(listed)

    async def _markets(self) -> tuple[Market, ...]:
        store, broker, now = self.target.store, self.target.broker, self.ports.clock()
        seen_at = store.markets_seen_at(broker)
        if seen_at is None or now - seen_at >= MARKETS_EVERY:
            store.save_markets(broker, await self.exchange.fetch_markets(), now)
        return store.markets(broker)

    async def _plan(
        self, account_id: int, view: AccountView, orders: Sequence[OpenOrder], markets: Sequence[Market]
    ) -> Plan:
        store, broker = self.target.store, self.target.broker
        before = store.balances(account_id)
        held = {b.coin: b.total for b in view.balances}
        changed = {c for c in held.keys() | before.keys() if held.get(c) != (before[c].total if c in before else None)}
        hinted = {o.symbol for o in orders} | store.open_symbols(account_id)
        hinted |= await self._symbols_of_orders(markets)
        named = {m.symbol for m in markets if compact(m.symbol) in {compact(s) for s in broker.symbols}}
        signs = Signs(
            named=named,
            hinted=hinted,
            traded=store.traded_symbols(account_id),
            looked={symbol: look.looked_at for symbol, look in store.looks(account_id).items()},
            held=held,
            changed=changed if before else (),
        )
        plan = plan_symbols(signs, markets, now=self.ports.clock())
        # Where orders name their symbols there is nothing to guess.
        return Plan(plan.must, ()) if self.exchange.capabilities.orders_name_symbols else plan

    async def _symbols_of_orders(self, markets: Sequence[Market]) -> set[str]:
        if not self.exchange.capabilities.orders_name_symbols:
            return set()
        last = self.target.store.broker_state(self.target.broker).last_good_at
        since = self.since if last is None else max(self.since, last - ORDERS_OVERLAP)
        names = await self.exchange.fetch_traded_symbols(since)
        return {m.symbol for m in markets if m.exchange_symbol in names}

    async def _sweep(self, account_id: int, plan: Plan, listed: dict[str, Market]) -> None:
        stop_at = self.ports.monotonic() + self.limits.sweep_s
        for symbol in plan.sweep[: self.limits.sweep]:
            if self.ports.monotonic() >= stop_at or not self.exchange.has_budget():
                return
            await self._read_symbol(account_id, listed[symbol])

    async def _read_symbol(self, account_id: int, market: Market) -> None:
        store, now = self.target.store, self.exchange.now()
        look = store.looks(account_id).get(market.symbol)
        deep = look is None or look.deep_at is None or now - look.deep_at >= DEEP_EVERY
        reach = self.exchange.capabilities.history
        since = self.since if reach is None else max(self.since, now - reach)
        covered = store.coverage(account_id, market.symbol)
        for span in wanted_spans(covered, since, now, DEEP_OVERLAP if deep else OVERLAP):
            anchor = store.newest_fill(account_id, market.symbol, before=span.start)
            async for page in self.exchange.fetch_fills(market, span, anchor=anchor):
                fills = await self._with_order_types(account_id, market, page.fills)
                self.count.new += store.books.book_page(
                    self.target.broker,
                    fills,
                    account_id=account_id,
                    method=store.method_of(self.target.broker),
                    source="api",
                    seen_at=self.ports.clock(),
                    covered=(market.symbol, page.covered),
                )
        store.save_look_at(account_id, market.symbol, now, deep=deep)

    async def _with_order_types(self, account_id: int, market: Market, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
        """The same fills, the new ones with the kind of order they filled: colour, so a failure to get it is none."""
        if self.exchange.capabilities.fills_name_order_type or not fills:
            return fills
        known = self.target.store.known_trade_ids(account_id, market.symbol, [f.trade_id for f in fills])
        orders = {f.order_id for f in fills if f.trade_id not in known}
        if not orders:
            return fills
        try:
            types = await self.exchange.fetch_order_types(market, orders)
        except (Transient, ValueError):
            return fills
        return tuple(dataclasses.replace(f, order_type=types.get(f.order_id, "")) for f in fills)

    def _name_unlisted(self, listed: dict[str, Market]) -> None:
        """A symbol the user named and the exchange does not know is said, after everything else was read."""
        broker = self.target.broker
        known = {compact(symbol) for symbol in listed}
        unknown = [symbol for symbol in broker.symbols if compact(symbol) not in known]
        if unknown:
            raise ConfigError(
                f"{broker.exchange} does not list {', '.join(unknown)}",
                hint=f"trademon broker set {broker.name} --symbol ...",
            )


def wanted_spans(covered: Sequence[Span], since: datetime, now: datetime, overlap: timedelta) -> list[Span]:
    """What to ask for: the gaps since `since`, and the newest `overlap` again. Newest first."""
    recent = Span(max(since, now - overlap), now)
    return list(reversed(union([*missing(covered, Span(since, now)), recent])))
