"""One unattended round of one user: every account brought up to date, once a day held against its balances, then the
strategies that are on.

Parts that have nothing to do with each other run side by side, each isolated: one that fails stops no other. What a
part did is stored when it ends, so that a round that is killed has told what it did until then.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from trademon.core.reports import BrokerScan, Problem
from trademon.core.rounds import Round, Task, TaskOutcome, Trigger
from trademon.core.session_reports import KeptSession
from trademon.core.verify_reports import BrokerVerify, VerifyStatus
from trademon.exchanges.registry import NEEDS_SIGN_IN, WITHOUT_API
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target, by_account, scan_broker
from trademon.flows.strategies import run_active
from trademon.flows.tokens import keep_sessions
from trademon.flows.verify import verify_broker
from trademon.store.lease import hold
from trademon.store.store import UserStore
from trademon.store.user_rounds import KEPT

BROKER_S = 240.0
"""A broker's part is given up after that: less than the shortest interval, so that no round meets the next."""
STOPPED = "it was stopped before it was done"


async def do_round(
    store: UserStore, ports: Ports, trigger: Trigger, *, only_due: bool, default_minutes: int, kept: timedelta = KEPT
) -> Round | None:
    """Do the user's round, and note how it went; None where none is due any more. `kept`: for how long rounds are.

    Raises:
        Busy: another run does it.
        StoreError: nothing can be noted, so nothing is done.
    """
    with hold(ports.locks, store.round_lock):
        begun = store.begin_round(trigger, only_due=only_due, default_minutes=default_minutes)
        if begun is None:
            return None
        work = _Work(store, ports, begun)
        try:
            await work.run()
        except asyncio.CancelledError:
            problem = Problem("stopped", f"the round: {STOPPED}", user=store.user, at=ports.clock())
            work.note(Task("round", "round", "failed", None, STOPPED, problem=problem))
            store.finish_round(work.round, kept=kept)
            raise
        return store.finish_round(work.round, kept=kept)


@dataclass(slots=True)
class _Work:
    """A round under way; `round` is what is noted of it so far."""

    store: UserStore
    ports: Ports
    round: Round

    async def run(self) -> None:
        brokers = [b for b in self.store.brokers() if b.enabled and b.exchange not in WITHOUT_API]
        targets = [Target(self.store, broker) for broker in brokers]
        if not targets:
            self.note(Task("sync", "sync", "skipped", None, "there is no broker with an API"))
        verified = self._verified_today()
        await asyncio.gather(*(self._in_turn(group, verified) for group in by_account(targets)))
        await self._strategies()

    def note(self, task: Task) -> None:
        """Add what a part did, and store it."""
        self.round = dataclasses.replace(self.round, tasks=(*self.round.tasks, task))
        self.store.note_tasks(self.round)

    async def _in_turn(self, group: Sequence[Target], verified: frozenset[str]) -> None:
        for target in group:
            if target.broker.exchange in NEEDS_SIGN_IN:
                await self._tokens(target)
            done = await self._sync(target)
            if done.status == "ok" and target.broker.name not in verified:
                await self._verify(target)

    async def _tokens(self, target: Target) -> None:
        """Keep a sign-in alive. Of one that is lost the sync that follows tells, in the same words."""
        started = self.ports.monotonic()
        for kept in await keep_sessions([target], self.ports):
            if not kept.is_lost:
                seconds = Decimal(f"{self.ports.monotonic() - started:.3f}")
                outcome = "success" if kept.status == "ok" else kept.status
                name = f"tokens {kept.broker}"
                self.note(
                    Task(name, "tokens", outcome, seconds, _signed_in(kept), broker=kept.broker, problem=kept.problem)
                )

    async def _sync(self, target: Target) -> BrokerScan:
        limits = ScanLimits(broker_s=BROKER_S, transfers_now=True)
        done = await scan_broker(target, self.ports, since=None, limits=limits)
        self.note(
            Task(
                f"sync {done.broker}",
                "sync",
                "success" if done.status == "ok" else done.status,
                done.seconds,
                _told(done),
                broker=done.broker,
                new_fills=done.new_fills,
                positions=self._positions(done.broker),
                requests=done.requests,
                problem=done.problem,
            )
        )
        return done

    def _positions(self, name: str) -> int:
        """How many positions the exchange stated; of a spot account, how many coins are held."""
        broker = self.store.broker(name)
        if broker.account_id is None:
            return 0
        stated = len(self.store.positions(broker.account_id))
        held = sum(bool(balance.total) for balance in self.store.balances(broker.account_id).values())
        return held if broker.market == "spot" and not stated else stated

    async def _strategies(self) -> None:
        """Run what is enabled, once the accounts are up to date."""
        for run in await run_active(self.store, self.ports):
            is_good = run.outcome == "success"
            problem = Problem("strategy", f"{run.strategy}: {run.detail}", user=run.user, at=self.ports.clock())
            self.note(
                Task(
                    f"strategy {run.strategy}",
                    "strategy",
                    "success" if is_good else "skipped" if run.outcome == "skipped" else "failed",
                    run.seconds,
                    run.detail,
                    problem=None if is_good or run.outcome == "skipped" else problem,
                )
            )

    def _verified_today(self) -> frozenset[str]:
        """The brokers whose balances a round of this UTC day has compared: once a day is enough."""
        midnight = datetime.combine(self.ports.clock().astimezone(UTC).date(), time(), UTC)
        return frozenset(
            task.broker
            for one in self.store.rounds(since=midnight)
            for task in one.tasks
            if task.kind == "verify" and task.broker is not None and _compared(task)
        )

    async def _verify(self, target: Target) -> None:
        started, name = self.ports.monotonic(), target.broker.name
        work = verify_broker(target, self.ports, limits=ScanLimits(broker_s=BROKER_S))
        try:
            found = await asyncio.wait_for(work, BROKER_S)
        except TimeoutError:
            told = f"not done in {BROKER_S:g} s"
            problem = Problem("timeout", told, broker=name, user=self.store.user, at=self.ports.clock())
            found = BrokerVerify(name, self.store.user, "failed", problem=problem)
        seconds = Decimal(f"{self.ports.monotonic() - started:.3f}")
        self.note(
            Task(
                f"verify {name}",
                "verify",
                _VERIFIED[found.status],
                seconds,
                found.problem.message if found.problem else "; ".join((_WORDS[found.status], *found.notes)),
                broker=name,
                problem=found.problem,
            )
        )


def _signed_in(kept: KeptSession) -> str:
    """One line of what became of a sign-in's tokens."""
    if kept.problem is not None:
        return kept.problem.message
    if kept.note is not None:
        return kept.note
    until = kept.refresh_until or kept.access_until
    told = "renewed" if kept.is_renewed else "good"
    return told if until is None else f"{told}, until {until:%H:%M} UTC"


def _told(done: BrokerScan) -> str:
    """One line of what a sync did."""
    if done.problem is not None:
        return done.problem.message
    fills = f"{done.new_fills:,} new execution{'' if done.new_fills == 1 else 's'}"
    alert = None if done.alert is None else done.alert.message
    return "; ".join(filter(None, (None if done.status == "skipped" else fills, done.note, alert)))


def _compared(task: Task) -> bool:
    """Whether balances were compared, whatever came out."""
    return task.outcome == "success" or (task.problem is not None and task.problem.kind == "drift")


_VERIFIED: Final[dict[VerifyStatus, TaskOutcome]] = {
    "agrees": "success",
    "recorded": "success",
    "drift": "failed",
    "failed": "failed",
    "skipped": "skipped",
}
_WORDS: Final[dict[VerifyStatus, str]] = {
    "agrees": "stored history explains the balances",
    "recorded": "balances recorded, to compare with from now on",
    "drift": "balances differ",
    "failed": "not compared",
    "skipped": "not compared",
}
