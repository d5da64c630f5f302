"""What a watch knows of each broker: how its looks went, and when it is asked again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from trademon.core.model import Broker
from trademon.core.notices import MANY_ERRORS
from trademon.core.reports import BrokerScan, Problem
from trademon.core.watch_reports import BrokerState, WatchBroker, WatchEvent
from trademon.store.store import UserStore

LONGEST_PAUSE_S = 60.0
_ACTION_TICKS = 6  # where a person must act, asking on every tick helps nobody


@dataclass(slots=True)
class Looks:
    """One broker's looks. What the store knows is read when one ended, not whenever the screen is painted."""

    user: str
    interval_s: float
    state: BrokerState = "new"
    seconds: Decimal | None = None
    problem: Problem | None = None
    note: str | None = None
    failures: int = 0
    paused_until: float = 0.0
    """By the monotonic clock: a broker that fails is asked less often, at least once a minute."""
    budget: tuple[int, int] | None = None
    last_good_at: datetime | None = None
    errors_in_row: int = 0
    wait_until: datetime | None = None
    open_orders: int | None = None
    complete_since: datetime | None = None

    def read(self, store: UserStore, broker: Broker) -> None:
        """What is stored of it now."""
        stored = store.broker_state(broker)
        self.last_good_at, self.errors_in_row = stored.last_good_at, stored.errors_in_row
        self.wait_until = stored.wait_until
        self.open_orders = None if broker.account_id is None else store.open_order_count(broker.account_id)
        self.complete_since = store.complete_since(broker)

    def judge(self, scan: BrokerScan, at: WatchEvent, monotonic: float) -> list[WatchEvent]:
        """Its new state after a look, and what of that is news. `at` is an event of that time, cycle and broker."""
        before, self.problem, self.note, self.seconds = self.problem, scan.problem, scan.note, scan.seconds
        self.budget = scan.budget or self.budget
        news = [] if scan.alert is None else [replace(at, event="alert", problem=scan.alert, ok=False)]
        if scan.problem is not None:
            self.state = "action" if scan.problem.exit_code == 4 else "failed"
            news.append(replace(at, event="error", problem=scan.problem, ok=False))
            self._ask_less_often(monotonic)
            # What a person must do was told already, and stays true.
            if self.failures == MANY_ERRORS + 1 and self.state != "action":
                news.append(replace(at, event="alert", text=f"failed {self.failures} times in a row", ok=False))
        elif scan.status == "skipped":
            self.state = "busy" if scan.busy else "waiting"
            self.problem = before
            news.append(replace(at, event="alert", text=f"skipped: {scan.note}", ok=False))
        else:
            if before is not None:
                news.append(replace(at, event="alert", text="works again"))
            self.state, self.failures, self.paused_until = "ok", 0, 0.0
        return news

    def _ask_less_often(self, monotonic: float) -> None:
        """Twice the time with each failure."""
        self.failures += 1
        ticks = _ACTION_TICKS if self.state == "action" else 2 ** min(self.failures - 1, 10)
        pause = min(LONGEST_PAUSE_S, ticks * self.interval_s)
        # Half a tick less, so that the tick it is meant for finds it over.
        self.paused_until = monotonic + pause - self.interval_s / 2 if ticks > 1 else 0.0

    def shown(self, broker: Broker, next_tick: datetime | None, now: datetime, monotonic: float) -> WatchBroker:
        """As the dashboard shows it; `next_tick` None while nothing is asked."""
        next_at = next_tick
        if next_tick is not None and self.state == "waiting" and self.wait_until is not None:
            next_at = self.wait_until
        elif next_tick is not None and self.paused_until > monotonic:
            # The first tick at or after the end of its pause.
            ends = now + timedelta(seconds=self.paused_until - monotonic)
            ticks = max(0, -((next_tick - ends) // timedelta(seconds=self.interval_s)))
            next_at = next_tick + ticks * timedelta(seconds=self.interval_s)
        return WatchBroker(
            name=broker.name,
            user=broker.user,
            exchange=broker.exchange,
            state=self.state,
            last_good_at=self.last_good_at,
            errors_in_row=self.errors_in_row,
            next_at=next_at,
            seconds=self.seconds,
            open_orders=self.open_orders,
            complete_since=self.complete_since,
            note=self.note,
            budget=self.budget,
        )
