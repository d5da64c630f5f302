"""Scan on every tick and tell what happens, until told to stop.

A tick starts a pass for every broker that is not still busy with the last one, and waits for them only so long: a
broker that hangs delays nobody, its pass goes on and is told of when it ends.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from trademon.core.model import Broker, id_order
from trademon.core.money import EXACT, ZERO
from trademon.core.notices import MANY_ERRORS
from trademon.core.pnl_reports import PnlTotal
from trademon.core.reports import BrokerScan, ExecutionRow, Problem, ScanReport, takes_files
from trademon.core.session_reports import KeptSession
from trademon.core.watch_reports import BrokerState, WatchBroker, WatchEvent, WatchState
from trademon.exchanges.registry import only_manual
from trademon.flows.pnl import totals
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target, scan_broker
from trademon.flows.tokens import keep_alive
from trademon.store.store import UserStore

KEPT_EXECUTIONS = 200
KEPT_PROBLEMS = 50
# A tick waits this share of the interval for its passes: 4 s of the usual 10, then what is left goes on beside it.
_PATIENCE = 0.4
LONGEST_PAUSE_S = 60.0
_ACTION_TICKS = 6  # where a person must act, asking on every tick helps nobody


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`interval_s` from tick to tick; `cycles` None without an end."""

    interval_s: float = 10.0
    cycles: int | None = None
    one_by_one: bool = False
    brokers: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seen:
    """What the watch itself knows of one broker, beside what the store does."""

    user: str
    state: BrokerState = "new"
    seconds: Decimal | None = None
    problem: Problem | None = None
    note: str | None = None
    failures: int = 0
    paused_until: float = 0.0
    """By the monotonic clock: a broker that fails is asked less often, at least once a minute."""


@dataclass(slots=True)
class Watch:
    """One run of watch. `on_event` hears everything once, `on_state` the whole picture whenever it changed."""

    stores: tuple[UserStore, ...]
    ports: Ports
    options: WatchOptions
    title: str
    on_event: Callable[[WatchEvent], None]
    on_state: Callable[[WatchState], None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _cycle: int = 0
    _started_at: datetime | None = None
    _next_at: datetime | None = None
    _cycle_seconds: Decimal | None = None
    _passes: dict[int, asyncio.Task[BrokerScan]] = field(default_factory=dict)
    _ended: list[BrokerScan] = field(default_factory=list)
    _last: dict[int, BrokerScan] = field(default_factory=dict)
    _new_fills: int = 0
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _executions: deque[ExecutionRow] = field(default_factory=lambda: deque(maxlen=KEPT_EXECUTIONS))
    _problems: deque[Problem] = field(default_factory=lambda: deque(maxlen=KEPT_PROBLEMS))
    _errors_total: int = 0
    _last_fill_id: dict[str, int] = field(default_factory=dict)
    _totals: tuple[PnlTotal, ...] = ()
    _net: dict[tuple[str, str], dict[str, Decimal]] = field(default_factory=dict)
    _fills_total: int = 0
    _signed_out: set[int] = field(default_factory=set)
    """Brokers whose lost session was told: once, however often they are asked."""

    async def run(self) -> None:
        """Until `stop` is set or the cycles are done. A pass under way ends its write before this returns."""
        self._begin()
        first = self.ports.monotonic()
        keeper = asyncio.create_task(keep_alive(self._targets, self.ports, self._tell_session))
        try:
            while not self.stop.is_set():
                self._cycle += 1
                self._next_at = self.ports.clock() + timedelta(seconds=self._until_next(first))
                await self._tick()
                if self.options.cycles is not None and self._cycle >= self.options.cycles:
                    break
                await self._pause(self._until_next(first))
        finally:
            await self._end_passes()
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)  # a cancellation that is our own passes
            self._tell(WatchEvent("stop", self.ports.clock(), self._cycle, text=self._closing_words()))

    def exit_code(self) -> int:
        """What the last passes would end a `scan` with. For a counted run, which is a script's."""
        return ScanReport(tuple(self._last.values())).exit_code

    def state(self) -> WatchState:
        """The picture now."""
        now = self.ports.clock()
        targets = list(self._all_brokers())
        return WatchState(
            title=self.title,
            method=" / ".join(sorted({store.default_method for store in self.stores})),
            now=now,
            started_at=self._started_at or now,
            cycle=self._cycle,
            cycle_seconds=self._cycle_seconds,
            next_at=self._next_at,
            brokers_total=len(targets),
            brokers=tuple(self._watch_broker(t) for t in targets if t.broker.enabled),
            totals=self._totals,
            executions=tuple(self._executions),
            executions_total=self._fills_total,
            problems=tuple(self._problems),
            errors_total=self._errors_total,
            manual=self._manual(),
        )

    # --- ticks ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._started_at = self.ports.clock()
        for store in self.stores:
            self._last_fill_id[store.user] = store.last_fill_id()
            self._executions.extend(store.executions(limit=KEPT_EXECUTIONS))
        ordered = sorted(self._executions, key=_moment, reverse=True)
        self._executions = deque(ordered, maxlen=KEPT_EXECUTIONS)
        self._read_figures()
        count = len(self._targets())
        brokers = "1 broker" if count == 1 else f"{count} brokers"
        text = f"watching {brokers} of {self.title}, every {self.options.interval_s:g} s"
        if manual := self._manual():
            text = f"nothing to watch: {takes_files(manual)}"
        self._tell(WatchEvent("start", self._started_at, text=text))

    async def _tick(self) -> None:
        started = self.ports.monotonic()
        self._collect()  # what ended since the last tick, so that its broker is asked again in this one
        self._start_passes()
        self._show()
        patience = self.options.interval_s * _PATIENCE
        running = set(self._passes.values())
        if self.options.cycles is not None:
            await self._wait(running, None)  # a counted run is a script's: it wants every pass told
        else:
            await self._wait(running, patience)
        self._collect()
        self._cycle_seconds = Decimal(f"{self.ports.monotonic() - started:.3f}")
        report, self._ended = ScanReport(tuple(self._ended)), []
        self._tell(
            WatchEvent(
                "cycle",
                self.ports.clock(),
                self._cycle,
                scan=report,
                seconds=self._cycle_seconds,
                ok=not report.problems,
            )
        )
        self._show()

    def _tell_session(self, kept: KeptSession) -> None:
        """A lost session is one alert with what mends it, and one when it is found again."""
        broker_id = next((t.broker.id for t in self._targets() if (t.broker.user, t.broker.name) == kept.key), None)
        if broker_id is None or kept.is_lost == (broker_id in self._signed_out):
            return
        event = WatchEvent("alert", self.ports.clock(), self._cycle, broker=kept.broker, user=kept.user)
        if kept.is_lost:
            self._signed_out.add(broker_id)
            self._tell(replace(event, problem=kept.problem, ok=False))
        elif kept.status == "ok":
            self._signed_out.discard(broker_id)
            self._tell(replace(event, text="signed in again"))

    async def _wait(self, running: set[asyncio.Task[BrokerScan]], patience: float | None) -> None:
        """Wait for passes, for a stop, or for so long; whatever ends is shown when it ends."""
        stopping = asyncio.ensure_future(self.stop.wait())
        deadline = None if patience is None else self.ports.monotonic() + patience
        try:
            while running and not self.stop.is_set():
                left = None if deadline is None else max(0.0, deadline - self.ports.monotonic())
                done, _ = await asyncio.wait({*running, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    return
                running -= done
                self._show()
        finally:
            stopping.cancel()

    def _start_passes(self) -> None:
        limits = ScanLimits(sweep=20, sweep_s=self.options.interval_s * _PATIENCE, broker_s=600.0)
        before: asyncio.Task[BrokerScan] | None = None
        # Two brokers may lead to one account: the second's pass follows the first's, together one would find it held.
        of_account: dict[int | None, asyncio.Task[BrokerScan]] = {}
        for target in self._targets():
            account_id = target.broker.account_id
            if target.broker.id in self._passes:
                of_account[account_id] = self._passes[target.broker.id]
                continue
            seen = self._seen.setdefault(target.broker.id, _Seen(target.broker.user))
            if self.ports.monotonic() < seen.paused_until:
                continue
            if seen.state == "new":
                seen.state = "scanning"
            after = before if self.options.one_by_one else of_account.get(account_id) if account_id else None
            task = asyncio.create_task(self._pass(target, limits, after))
            self._passes[target.broker.id] = of_account[account_id] = before = task

    async def _pass(self, target: Target, limits: ScanLimits, after: asyncio.Task[BrokerScan] | None) -> BrokerScan:
        if after is not None:
            await asyncio.wait({after})
        return await scan_broker(target, self.ports, since=None, limits=limits)

    def _collect(self) -> None:
        """Tell of every pass that ended."""
        ended = {broker_id: task for broker_id, task in self._passes.items() if task.done()}
        for broker_id, task in ended.items():
            del self._passes[broker_id]
            scan = self._last[broker_id] = task.result()
            self._new_fills += scan.new_fills
            self._ended.append(scan)
            self._judge(self._seen[broker_id], scan)
        if ended:
            self._tell_executions()

    def _judge(self, seen: _Seen, scan: BrokerScan) -> None:
        """One broker's new state, and whether it is news."""
        before, seen.problem, seen.note, seen.seconds = seen.problem, scan.problem, scan.note, scan.seconds
        at = self.ports.clock()
        if scan.alert is not None:
            self._problems.appendleft(scan.alert)
            event = WatchEvent(
                "alert", at, self._cycle, broker=scan.broker, user=scan.user, problem=scan.alert, ok=False
            )
            self._tell(event)
        if scan.problem is not None:
            seen.state = "action" if scan.problem.exit_code == 4 else "failed"
            self._errors_total += 1
            if before is None or before.message != scan.problem.message:
                self._problems.appendleft(scan.problem)
            event = WatchEvent(
                "error", at, self._cycle, broker=scan.broker, user=scan.user, problem=scan.problem, ok=False
            )
            self._tell(event)
            self._count_failure(seen, scan)
            return
        if scan.status == "skipped":
            seen.state = "busy" if scan.busy else "waiting"
            seen.problem = before
            text = f"skipped: {scan.note}"
            self._tell(WatchEvent("alert", at, self._cycle, text=text, broker=scan.broker, user=scan.user, ok=False))
            return
        if before is not None:
            self._tell(WatchEvent("alert", at, self._cycle, text="works again", broker=scan.broker, user=scan.user))
            self._problems = deque((p for p in self._problems if p.broker != scan.broker), maxlen=KEPT_PROBLEMS)
        seen.state, seen.failures, seen.paused_until = "ok", 0, 0.0

    def _count_failure(self, seen: _Seen, scan: BrokerScan) -> None:
        """Ask less often, twice the time each time; and say once when a fault does not pass."""
        seen.failures += 1
        ticks = _ACTION_TICKS if seen.state == "action" else 2 ** min(seen.failures - 1, 10)
        pause = min(LONGEST_PAUSE_S, ticks * self.options.interval_s)
        # Half a tick less, so that the tick it is meant for finds it over.
        seen.paused_until = self.ports.monotonic() + pause - self.options.interval_s / 2 if ticks > 1 else 0.0
        # What a person must do was told already, and stays true.
        if seen.failures == MANY_ERRORS + 1 and seen.state != "action":
            text = f"failed {seen.failures} times in a row"
            at = self.ports.clock()
            self._tell(WatchEvent("alert", at, self._cycle, text=text, broker=scan.broker, user=scan.user, ok=False))

    def _tell_executions(self) -> None:
        fresh: list[ExecutionRow] = []
        for store in self.stores:
            rows = store.executions(after_id=self._last_fill_id[store.user])
            self._last_fill_id[store.user] = max((r.fill.id for r in rows), default=self._last_fill_id[store.user])
            fresh.extend(rows)
        if not fresh:
            return
        fresh.sort(key=_moment)
        for row in fresh:
            at = self.ports.clock()
            event = WatchEvent("fill", at, self._cycle, broker=row.fill.broker, user=row.fill.user, execution=row)
            self._tell(event)
        newest = sorted([*self._executions, *fresh], key=_moment, reverse=True)
        self._executions = deque(newest[:KEPT_EXECUTIONS], maxlen=KEPT_EXECUTIONS)
        self._read_figures()
        self._tell(WatchEvent("pnl", self.ports.clock(), self._cycle, totals=self._totals))

    def _until_next(self, first: float) -> float:
        """Seconds to the next tick: a whole number of intervals after the first, whatever the passes took."""
        interval, since = self.options.interval_s, self.ports.monotonic() - first
        return (math.floor(since / interval) + 1) * interval - since

    async def _pause(self, seconds: float) -> None:
        waiting = {asyncio.ensure_future(self.stop.wait()), asyncio.ensure_future(self.ports.sleep(seconds))}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def _end_passes(self) -> None:
        """Cancel what is still asking; a write in hand is never cut, it does not await."""
        for task in self._passes.values():
            task.cancel()
        await asyncio.gather(*self._passes.values(), return_exceptions=True)
        self._passes.clear()

    # --- the picture ---------------------------------------------------------------------------------------------

    def _all_brokers(self) -> Iterable[Target]:
        for store in self.stores:
            for broker in store.brokers():
                if broker.exchange != "manual" and (not self.options.brokers or broker.name in self.options.brokers):
                    yield Target(store, broker)

    def _manual(self) -> tuple[str, ...]:
        return only_manual(broker for store in self.stores for broker in store.brokers())

    def _targets(self) -> list[Target]:
        return [target for target in self._all_brokers() if target.broker.enabled]

    def _read_figures(self) -> None:
        rows = [row for store in self.stores for row in store.stored_books()]
        self._totals = totals(rows)
        self._net = {}
        with localcontext(EXACT):
            for row in rows:
                of_broker = self._net.setdefault((row.user, row.broker), {})
                of_broker[row.currency] = of_broker.get(row.currency, ZERO) + row.net
        self._fills_total = sum(row.fills for row in rows)

    def _watch_broker(self, target: Target) -> WatchBroker:
        store, broker = target.store, target.broker
        seen = self._seen.get(broker.id, _Seen(broker.user))
        stored = store.broker_state(broker)
        waiting = seen.state == "waiting" and stored.wait_until is not None
        return WatchBroker(
            name=broker.name,
            user=broker.user,
            exchange=broker.exchange,
            state=seen.state,
            last_good_at=stored.last_good_at,
            errors_in_row=stored.errors_in_row,
            next_at=stored.wait_until if waiting else self._next_at,
            seconds=seen.seconds,
            open_orders=self._open_orders(store, broker),
            complete_since=store.complete_since(broker),
            net=tuple(sorted(self._net.get((broker.user, broker.name), {}).items())),
            note=seen.note,
        )

    def _open_orders(self, store: UserStore, broker: Broker) -> int | None:
        return None if broker.account_id is None else store.open_order_count(broker.account_id)

    def _tell(self, event: WatchEvent) -> None:
        self.on_event(event)

    def _show(self) -> None:
        self.on_state(self.state())

    def _closing_words(self) -> str:
        cycles = "1 cycle" if self._cycle == 1 else f"{self._cycle} cycles"
        new = "1 new execution" if self._new_fills == 1 else f"{self._new_fills} new executions"
        errors = "1 error" if self._errors_total == 1 else f"{self._errors_total} errors"
        return f"{cycles}, {new}, {errors}"


def _moment(row: ExecutionRow) -> tuple[datetime, tuple[int, str], int]:
    """The order of execution, ties by the exchange's id."""
    return (row.fill.executed_at, id_order(row.fill.trade_id), row.fill.id)
