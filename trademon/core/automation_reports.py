"""What `automation` tells: the state of each user's rounds, what rounds did, and what a change of them came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.reports import Problem, Status, exit_code, outcome
from trademon.core.rounds import Round
from trademon.core.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Rates:
    """The share of rounds that were a success, of those begun in the last day, week and month; None without any."""

    day: Decimal | None
    week: Decimal | None
    month: Decimal | None


@dataclass(frozen=True, slots=True)
class UserAutomation:
    """One user's rounds. `running` is the round under way, `last` the newest that has ended."""

    schedule: Schedule
    last: Round | None
    running: Round | None
    rates: Rates


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Whether a scheduler of this machine is alive, and which process it is."""

    is_alive: bool
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class AutomationStatus:
    users: tuple[UserAutomation, ...]
    scheduler: Scheduler
    now: datetime


@dataclass(frozen=True, slots=True)
class RoundsReport:
    """Rounds, newest first; `log_file` is where the scheduler writes what else there is. `is_part`: only some of them
    were asked for, so that none among them is not none at all."""

    rounds: tuple[Round, ...]
    log_file: str | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """What `automation run` did. `busy`: users whose round another run does; `waiting`: those of whom none is due;
    `off`: those that nobody armed."""

    rounds: tuple[Round, ...]
    busy: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    off: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for one in self.rounds for problem in one.problems)

    @property
    def status(self) -> Status:
        return outcome(_succeeded(self.rounds), self.problems)

    @property
    def exit_code(self) -> int:
        if self.busy and not self.rounds:
            return 75
        return exit_code(_succeeded(self.rounds), self.problems)


def _succeeded(rounds: Sequence[Round]) -> int:
    return sum(task.outcome == "success" for one in rounds for task in one.tasks)
