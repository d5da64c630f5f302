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
from decimal import Decimal

from trademon.core.automation_reports import AutomationStatus
from trademon.core.model import id_order
from trademon.core.reports import BrokerScan, ExecutionRow, Problem, ScanReport, left_alone, takes_files
from trademon.core.session_reports import KeptSession
from trademon.core.watch_reports import WatchEvent, WatchState
from trademon.exchanges.registry import only_manual
from trademon.flows.pnl import totals
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target, scan_broker
from trademon.flows.tokens import keep_alive
from trademon.flows.watch_figures import KeptFigures
from trademon.flows.watch_looks import Looks
from trademon.store.fill_rows import BookKey
from trademon.store.store import UserStore

KEPT_EXECUTIONS = 500
KEPT_PROBLEMS = 50
# A tick waits this share of the interval for its passes: 4 s of the usual 10, then what is left goes on beside it.
_PATIENCE = 0.4
SOONEST_AGAIN_S = 1.0
"""Whoever leans on the key that scans asks an exchange no more often than this."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`interval_s` from tick to tick; `cycles` None without an end."""

    interval_s: float = 10.0
    cycles: int | None = None
    one_by_one: bool = False
    brokers: tuple[str, ...] = ()


@dataclass(slots=True)
class Watch:
    """One run of watch. `on_event` hears everything once, `on_state` the whole picture whenever it changed.
    `automation` is read once a cycle, where it is given."""

    stores: tuple[UserStore, ...]
    ports: Ports
    options: WatchOptions
    title: str
    on_event: Callable[[WatchEvent], None]
    on_state: Callable[[WatchState], None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    automation: Callable[[], AutomationStatus] | None = None
    is_paused: bool = False
    _cycle: int = 0
    _started_at: datetime | None = None
    _next_at: datetime | None = None
    _cycle_seconds: Decimal | None = None
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _last_tick: float = -math.inf
    _passes: dict[int, asyncio.Task[BrokerScan]] = field(default_factory=dict)
    _ended: list[BrokerScan] = field(default_factory=list)
    _last: dict[int, BrokerScan] = field(default_factory=dict)
    _new_fills: int = 0
    _brokers: list[Target] = field(default_factory=list)
    """All with an API, as they were at the last tick."""
    _manual: tuple[str, ...] = ()
    _looks: dict[int, Looks] = field(default_factory=dict)
    _executions: deque[ExecutionRow] = field(default_factory=lambda: deque(maxlen=KEPT_EXECUTIONS))
    _problems: deque[Problem] = field(default_factory=lambda: deque(maxlen=KEPT_PROBLEMS))
    _errors: deque[Problem] = field(default_factory=lambda: deque(maxlen=KEPT_PROBLEMS))
    _errors_total: int = 0
    _last_fill_id: dict[str, int] = field(default_factory=dict)
    _versions: dict[str, dict[BookKey, int]] = field(default_factory=dict)
    _kept: KeptFigures = field(init=False)
    _automation: AutomationStatus | None = None
    _signed_out: set[int] = field(default_factory=set)
    """Brokers whose lost session was told: once, however often they are asked."""

    def __post_init__(self) -> None:
        self._kept = KeptFigures(self.stores)

    async def run(self) -> None:
        """Until `stop` is set or the cycles are done. A pass under way ends its write before this returns."""
        self._begin()
        first = self.ports.monotonic()
        keeper = asyncio.create_task(keep_alive(self._targets, self.ports, self._tell_session))
        try:
            while not self.stop.is_set():
                if not self.is_paused or self._asked.is_set():
                    self._asked.clear()
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

    def pause(self, *, on: bool) -> None:
        """Ask nobody anything from now on, or go on at once. What is being asked comes to its end, and sign-ins are
        kept alive meanwhile."""
        self.is_paused = on
        if not on:
            self._asked.set()
        self._show()

    def scan_now(self) -> None:
        """A tick at once, also for brokers that are asked less often because they failed; also while paused."""
        if self.ports.monotonic() - self._last_tick < SOONEST_AGAIN_S:
            return
        for looks in self._looks.values():
            looks.paused_until = 0.0
        self._asked.set()

    def exit_code(self) -> int:
        """What the last passes would end a `scan` with. For a counted run, which is a script's."""
        return ScanReport(tuple(self._last.values())).exit_code

    def state(self) -> WatchState:
        """The picture now, from what is in memory: nothing is read for it."""
        now, monotonic = self.ports.clock(), self.ports.monotonic()
        next_at = None if self.is_paused else self._next_at
        method = " / ".join(sorted({store.default_method for store in self.stores}))
        return WatchState(
            title=self.title,
            method=method,
            now=now,
            started_at=self._started_at or now,
            cycle=self._cycle,
            cycle_seconds=self._cycle_seconds,
            next_at=next_at,
            brokers_total=len(self._brokers),
            brokers=tuple(
                self._looks[t.broker.id].shown(t.broker, next_at, now, monotonic)
                for t in self._brokers
                if t.broker.enabled
            ),
            totals=totals(self._kept.rows),
            executions=tuple(self._executions),
            executions_total=self._kept.fills,
            problems=tuple(self._problems),
            errors_total=self._errors_total,
            manual=self._manual,
            earned=self._kept.earned,
            shown_method=method,
            automation=self._automation,
            is_paused=self.is_paused,
            errors=tuple(self._errors),
        )

    # --- ticks ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._started_at = self.ports.clock()
        for store in self.stores:
            self._versions[store.user] = store.book_versions()  # before the fills: what comes between is told
            self._last_fill_id[store.user] = store.last_fill_id()
            self._executions.extend(store.executions(limit=KEPT_EXECUTIONS))
        ordered = sorted(self._executions, key=_moment, reverse=True)
        self._executions = deque(ordered, maxlen=KEPT_EXECUTIONS)
        self._kept.read(self._started_at)
        self._read_brokers()
        count = sum(target.broker.enabled for target in self._brokers)
        brokers = "1 broker" if count == 1 else f"{count} brokers"
        text = f"watching {brokers} of {self.title}, every {self.options.interval_s:g} s"
        if self._manual:
            text = f"nothing to watch: {takes_files(self._manual)}"
        elif not count:
            text = f"nothing to watch yet: {self._way_on()}; from then on it is watched here"
        self._tell(WatchEvent("start", self._started_at, text=text))

    def _way_on(self) -> str:
        """Where no broker is watched: the command after which one is."""
        disabled = [target.broker.name for target in self._brokers]
        return ": ".join(left_alone(disabled)) if disabled else "trademon broker add NAME --exchange binance"

    async def _tick(self) -> None:
        started = self._last_tick = self.ports.monotonic()
        self._collect()  # what ended since the last tick, so that its broker is asked again in this one
        self._read_brokers()
        self._start_passes()
        self._show()
        patience = self.options.interval_s * _PATIENCE
        running = set(self._passes.values())
        if self.options.cycles is not None:
            await self._wait(running, None)  # a counted run is a script's: it wants every pass told
        else:
            await self._wait(running, patience)
        self._collect()
        if self._kept.read(self.ports.clock()):  # also what another run did: a rebuild, prices that came late
            self._tell(WatchEvent("pnl", self.ports.clock(), self._cycle, totals=totals(self._kept.rows)))
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
        """Wait for passes, for a stop, or for so long; whatever ends is told and shown when it ends."""
        stopping = asyncio.ensure_future(self.stop.wait())
        deadline = None if patience is None else self.ports.monotonic() + patience
        try:
            while running and not self.stop.is_set():
                left = None if deadline is None else max(0.0, deadline - self.ports.monotonic())
                done, _ = await asyncio.wait({*running, stopping}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    return
                running -= done
                self._collect()
                self._show()
        finally:
            stopping.cancel()

    def _start_passes(self) -> None:
        limits = ScanLimits(sweep=20, sweep_s=self.options.interval_s * _PATIENCE, broker_s=600.0)
        before: asyncio.Task[BrokerScan] | None = None
        # Two brokers may lead to one account: the second's pass follows the first's, together one would find it held.
        of_account: dict[int | None, asyncio.Task[BrokerScan]] = {}
        for target in self._brokers:
            account_id = target.broker.account_id
            if not target.broker.enabled:
                continue
            if target.broker.id in self._passes:
                of_account[account_id] = self._passes[target.broker.id]
                continue
            looks = self._looks[target.broker.id]
            if self.ports.monotonic() < looks.paused_until:
                continue
            if looks.state == "new":
                looks.state = "scanning"
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
        targets = {target.broker.id: target for target in self._brokers}
        for broker_id, task in ended.items():
            del self._passes[broker_id]
            scan = self._last[broker_id] = task.result()
            self._new_fills += scan.new_fills
            self._ended.append(scan)
            self._judge(self._looks[broker_id], scan)
            if broker_id in targets:
                store, name = targets[broker_id].store, targets[broker_id].broker.name
                # Its first look has bound it to an account; or it was removed meanwhile.
                for broker in [broker for broker in store.brokers() if broker.name == name]:
                    self._looks[broker_id].read(store, broker)
        if ended:
            self._tell_executions()

    def _judge(self, looks: Looks, scan: BrokerScan) -> None:
        """Tell what of a look is news, and keep what is wrong until it is no longer."""
        before = looks.problem
        at = WatchEvent("alert", self.ports.clock(), self._cycle, broker=scan.broker, user=scan.user)
        for event in looks.judge(scan, at, self.ports.monotonic()):
            if event.problem is not None:
                self._errors.appendleft(event.problem)
                self._errors_total += event.event == "error"
                if event.event == "alert" or before is None or before.message != event.problem.message:
                    self._problems.appendleft(event.problem)
            self._tell(event)
        if looks.problem is None and before is not None:
            mine = (scan.broker, scan.user)
            kept = (problem for problem in self._problems if (problem.broker, problem.user) != mine)
            self._problems = deque(kept, maxlen=KEPT_PROBLEMS)

    def _tell_executions(self) -> None:
        fresh: list[ExecutionRow] = []
        for store in self.stores:
            versions = store.book_versions()
            if versions == self._versions[store.user]:
                continue  # no book has grown: not asked, since that costs more the more fills there are
            self._versions[store.user] = versions
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
        self._kept.read(self.ports.clock())
        self._tell(WatchEvent("pnl", self.ports.clock(), self._cycle, totals=totals(self._kept.rows)))

    def _until_next(self, first: float) -> float:
        """Seconds to the next tick: a whole number of intervals after the first, whatever the passes took."""
        interval, since = self.options.interval_s, self.ports.monotonic() - first
        return (math.floor(since / interval) + 1) * interval - since

    async def _pause(self, seconds: float) -> None:
        """Until the next tick, a stop, or a wish to ask at once; passes that end meanwhile are told when they do."""
        waiting = {
            asyncio.ensure_future(self.stop.wait()),
            asyncio.ensure_future(self._asked.wait()),
            asyncio.ensure_future(self.ports.sleep(seconds)),
        }
        try:
            while not any(one.done() for one in waiting):
                await asyncio.wait({*waiting, *self._passes.values()}, return_when=asyncio.FIRST_COMPLETED)
                if any(task.done() for task in self._passes.values()):
                    self._collect()
                    self._show()
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

    def _targets(self) -> list[Target]:
        return [target for target in self._all_brokers() if target.broker.enabled]

    def _read_brokers(self) -> None:
        """Which brokers there are, once a tick: they come and go while it runs."""
        self._brokers = list(self._all_brokers())
        self._manual = only_manual(broker for store in self.stores for broker in store.brokers())
        for target in self._brokers:
            if target.broker.id not in self._looks:
                self._looks[target.broker.id] = looks = Looks(target.broker.user, self.options.interval_s)
                looks.read(target.store, target.broker)
        if self.automation is not None:
            self._automation = self.automation()

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
