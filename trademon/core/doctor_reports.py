"""What an examination found: one line a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trademon.core.reports import Problem, Status

Health = Literal["ok", "warn", "act"]
"""`warn`: know it; `act`: nothing gets better until a person does what the hint says."""


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is what was looked at; without a `broker` it is about the store or this machine."""

    name: str
    health: Health
    detail: str
    hint: str | None = None
    broker: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """In the order in which a person should read them: the machine, then each broker."""

    checks: tuple[Check, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What a person must act on, as any command tells it."""
        return tuple(
            Problem("action", f"{check.name}: {check.detail}", check.hint, check.broker, check.user, 4)
            for check in self.checks
            if check.health == "act"
        )

    @property
    def exit_code(self) -> int:
        return 4 if self.problems else 0

    @property
    def status(self) -> Status:
        if not self.problems:
            return "success"
        return "partial" if any(check.health != "act" for check in self.checks) else "failed"
