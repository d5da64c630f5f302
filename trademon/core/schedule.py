"""When a user's rounds are due. All of it in UTC, so that no change of clocks gives a round twice or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from trademon.errors import UsageError

State = Literal["active", "paused", "stopped"]
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 120


@dataclass(frozen=True, slots=True)
class Schedule:
    """A user's rounds: `stopped` also stands for one that was never started. `next_at` is None unless `active`."""

    user: str
    state: State
    every_minutes: int
    next_at: datetime | None = None

    @property
    def every(self) -> timedelta:
        return timedelta(minutes=self.every_minutes)


def check_minutes(minutes: int) -> int:
    """Raises UsageError for an interval that is too short for the exchanges, or too long to keep a session alive."""
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise UsageError(
            f"{minutes} minutes is no interval for rounds", hint=f"{SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes"
        )
    return minutes


def is_due(schedule: Schedule, now: datetime) -> bool:
    """Whether a round is due now. One that is further off than an interval was written by a clock that was wrong."""
    if schedule.state != "active" or schedule.next_at is None:
        return False
    return schedule.next_at <= now or schedule.next_at - now > schedule.every


def round_after(schedule: Schedule, now: datetime) -> datetime:
    """When the next round is due after one that begins now: the first beat of the old rhythm that is still to come,
    however many were slept through."""
    due = schedule.next_at
    if due is None or not due <= now:
        return now + schedule.every
    return due + schedule.every * ((now - due) // schedule.every + 1)
