"""What came of keeping sign-ins alive, and of signing in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trademon.core.reports import Problem, ScanStatus, Status, exit_code, outcome


@dataclass(frozen=True, slots=True)
class KeptSession:
    """One broker's sign-in. `is_lost`: only a person can help; `is_news`: nobody was told of that before.

    `access_until` is when the token that asks ends, `refresh_until` when the one that renews both does.
    """

    broker: str
    user: str
    status: ScanStatus
    is_renewed: bool
    is_lost: bool
    is_news: bool
    access_until: datetime | None
    refresh_until: datetime | None
    problem: Problem | None = None
    note: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The user and the broker's name."""
        return self.user, self.broker


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """In the order of the brokers."""

    brokers: tuple[KeptSession, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(b.problem for b in self.brokers if b.problem is not None)

    @property
    def status(self) -> Status:
        return outcome(sum(b.status == "ok" for b in self.brokers), self.problems)

    @property
    def exit_code(self) -> int:
        return exit_code(sum(b.status == "ok" for b in self.brokers), self.problems)


@dataclass(frozen=True, slots=True)
class LoginReport:
    """A person has signed in. `due_at` is when to do it again, as it is advised."""

    broker: str
    user: str
    access_until: datetime
    refresh_until: datetime | None
    due_at: datetime
