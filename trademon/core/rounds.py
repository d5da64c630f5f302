"""A user's unattended round: what it is made of, what each part did, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trademon.core.reports import Problem, Status

Trigger = Literal["schedule", "manual", "cron"]
TaskKind = Literal["sync", "tokens", "strategy", "verify", "messages", "round"]
TaskOutcome = Literal["success", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Task:
    """One part of a round. `name` is what a person reads, as in `sync main`; `detail` one line of what it did or why
    not. `seconds` is None for one that was stopped before its end, `broker` where it was about one."""

    name: str
    kind: TaskKind
    outcome: TaskOutcome
    seconds: Decimal | None
    detail: str = ""
    broker: str | None = None
    new_fills: int = 0
    positions: int = 0
    requests: int = 0
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one user. `outcome` and `finished_at` are None while it runs."""

    id: int
    user: str
    trigger: Trigger
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Status | None = None
    tasks: tuple[Task, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(task.problem for task in self.tasks if task.problem is not None)


def round_outcome(tasks: Sequence[Task]) -> Status:
    """failed where nothing succeeded and something failed, partial where both; what was skipped counts for neither."""
    failed = any(task.outcome == "failed" for task in tasks)
    if not failed:
        return "success"
    return "partial" if any(task.outcome == "success" for task in tasks) else "failed"
