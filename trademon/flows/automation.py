"""The scheduler: does each user's rounds when they are due, and obeys what was changed within a second.

It keeps nothing in memory that matters: schedules and rounds are in the store, and which of several schedulers and
cron runs does a round is decided there (`UserRounds.begin_round`). It may be killed at any moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.core.automation_reports import AutomationStatus, Rates, RunReport, Scheduler, UserAutomation
from trademon.core.reports import Status
from trademon.core.rounds import Round, Trigger
from trademon.core.schedule import Schedule, is_due
from trademon.core.session_reports import KeptSession
from trademon.errors import Busy, TrademonError
from trademon.flows.isolate import isolate
from trademon.flows.ports import Ports
from trademon.flows.rounds import do_round
from trademon.flows.scan import Target
from trademon.flows.tokens import keep_alive
from trademon.store.lease import holder
from trademon.store.store import UserStore
from trademon.store.user_rounds import KEPT, ended_from_outside

if TYPE_CHECKING:
    from trademon.store.postgres_leases import Leases

TICK_S = 1.0
AFTER_FAULT_S = 60.0
"""How long a user is left alone whose round could not even begin: a store that cannot be written, a fault of ours."""
log = logging.getLogger("trademon.automation")
AfterRound = Callable[[Round], Awaitable[None]]


async def nothing_after(_: Round) -> None:
    """Where nobody is told of a round."""


@dataclass(slots=True)
class Rounds:
    """The rounds of one run: what they are given, and whom to tell when one has ended."""

    ports: Ports
    default_minutes: int
    after: AfterRound = nothing_after
    kept: timedelta = KEPT
    """For how long rounds are kept."""

    async def begin(self, store: UserStore, trigger: Trigger, *, only_due: bool) -> Round | None:
        """Do one of a user's rounds; None where none is due any more. Raises as `do_round` does."""
        return await do_round(
            store,
            self.ports,
            trigger,
            only_due=only_due,
            default_minutes=self.default_minutes,
            kept=self.kept,
        )

    async def tell(self, ended: Round) -> None:
        """What goes wrong in telling is for the log: the round is done and noted, and others are still to be done."""
        _, error, _ = await isolate(self.after(ended), broker="", user=ended.user, at=self.ports.clock())
        if error is not None:
            log.warning("outside is not told of round %d of %s: %s", ended.id, ended.user, error.line)


async def run_due(stores: Sequence[UserStore], rounds: Rounds, *, force: bool) -> RunReport:
    """Do the rounds of these users that are due, or with `force` of all of them; together."""
    busy: list[str] = []
    waiting: list[str] = []
    off: list[str] = []
    done: list[Round] = []

    async def one(store: UserStore) -> None:
        schedule = store.schedule(rounds.default_minutes)
        if not force and schedule.state != "active":
            off.extend([store.user] if schedule.state == "stopped" else [])
            return
        if not force and not is_due(schedule, rounds.ports.clock()):
            waiting.append(store.user)
            return
        trigger: Trigger = "manual" if force else "cron"
        try:
            ended = await rounds.begin(store, trigger, only_due=not force)
        except Busy:
            busy.append(store.user)
            return
        if ended is None:
            waiting.append(store.user)
        else:
            done.append(ended)
            await rounds.tell(ended)

    await asyncio.gather(*map(one, stores))
    return RunReport(tuple(sorted(done, key=lambda r: r.user)), tuple(busy), tuple(waiting), tuple(off))


@dataclass(slots=True)
class Keeper:
    """A scheduler at work. `users` is asked on every tick: they come and go. `on_tick` hears that it is alive."""

    users: Callable[[], Sequence[UserStore]]
    rounds: Rounds
    on_tick: Callable[[], None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[str, asyncio.Task[Round | None]] = field(default_factory=dict)
    _again_at: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until `stop` is set, or nobody's rounds are on any more. Rounds under way end their write in hand. Sign-ins
        are kept alive meanwhile: their tokens may live shorter than the time between two rounds."""
        sessions = asyncio.create_task(keep_alive(self._targets, self.rounds.ports, _tell_session))
        try:
            while not self.stop.is_set():
                if not await self._tick():
                    log.info("nobody's rounds are on: the scheduler ends")
                    return
                self.on_tick()
                await self._pause()
        finally:
            for task in (sessions, *self._running.values()):
                task.cancel()
            await asyncio.gather(sessions, *self._running.values(), return_exceptions=True)

    def _targets(self) -> list[Target]:
        """The brokers whose sign-ins are kept: of everyone whose rounds are not stopped."""
        wanted = (s for s in self.users() if s.schedule(self.rounds.default_minutes).state != "stopped")
        return [Target(store, broker) for store in wanted for broker in store.brokers() if broker.enabled]

    async def _pause(self) -> None:
        waiting = [asyncio.ensure_future(self.stop.wait()), asyncio.ensure_future(self.rounds.ports.sleep(TICK_S))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def _tick(self) -> bool:
        """Collect what ended, stop what was called off, begin what is due. Whether there is anything left to do."""
        await self._collect()
        try:
            stores = self.users()
            schedules = [store.schedule(self.rounds.default_minutes) for store in stores]
        except TrademonError as error:
            log.warning("the schedules cannot be read: %s", error.line)
            return True
        for store, schedule in zip(stores, schedules, strict=True):
            self._see_to(store, schedule)
        return bool(self._running) or any(schedule.state != "stopped" for schedule in schedules)

    def _see_to(self, store: UserStore, schedule: Schedule) -> None:
        running = self._running.get(store.user)
        if running is not None:
            if schedule.state == "stopped":
                running.cancel()
            return
        now = self.rounds.ports.monotonic()
        if now >= self._again_at.get(store.user, now) and is_due(schedule, self.rounds.ports.clock()):
            work = self.rounds.begin(store, "schedule", only_due=True)
            self._running[store.user] = asyncio.create_task(work)

    async def _collect(self) -> None:
        for user in [user for user, task in self._running.items() if task.done()]:
            task = self._running.pop(user)
            if task.cancelled() or isinstance(task.exception(), Busy):
                continue  # called off, or another run does it: the store says when the next one is due
            fault = task.exception()
            if fault is not None:
                self._again_at[user] = self.rounds.ports.monotonic() + AFTER_FAULT_S
                log.error("the round of %s could not be done: %s", user, fault, exc_info=fault)
                continue
            ended = task.result()
            if ended is not None:
                log.info("round %d of %s: %s", ended.id, user, ended.outcome)
                await self.rounds.tell(ended)


def _tell_session(kept: KeptSession) -> None:
    """A lost session is told once; the rounds say so until a person has signed in."""
    if kept.is_news and kept.problem is not None:
        log.error("%s", kept.problem.line)


def status(
    stores: Sequence[UserStore], locks: Path | Leases, scheduler: Scheduler, *, now: datetime, default_minutes: int
) -> AutomationStatus:
    """What is on, what ran last and how it went, user by user."""
    users = tuple(_user_status(store, locks, now, default_minutes) for store in stores)
    return AutomationStatus(users, scheduler, now)


def _user_status(store: UserStore, locks: Path | Leases, now: datetime, default_minutes: int) -> UserAutomation:
    newest = rounds_of(store, locks, now=now, limit=2)
    running = next((one for one in newest if one.outcome is None), None)
    last = next((one for one in newest if one.outcome is not None), None)
    rates = (store.success_rate(now - timedelta(days=days)) for days in (1, 7, 30))
    return UserAutomation(store.schedule(default_minutes), last, running, Rates(*rates))


def rounds_of(
    store: UserStore,
    locks: Path | Leases,
    *,
    now: datetime,
    since: datetime | None = None,
    limit: int | None = None,
    outcome: Status | None = None,
) -> tuple[Round, ...]:
    """The user's rounds, newest first. One without an end that nobody is doing is told as what it is."""
    found = store.rounds(since=since, limit=limit, outcome=outcome)
    if all(one.outcome is not None for one in found) or holder(locks, store.round_lock) is not None:
        return found
    return tuple(one if one.outcome is not None else ended_from_outside(one, now) for one in found)
