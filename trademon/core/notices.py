"""What a user is told, as it is queued: its kind and the facts, as exact texts. The words are found when it is sent.

Kinds are grouped into the events that a user switches on, silent or off, for each channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from trademon.errors import UsageError

Event = Literal["executions", "summary", "answers", "errors", "alerts"]
Mode = Literal["on", "silent", "off"]
Kind = Literal[
    "order",
    "executions",
    "round_summary",
    "round_answers",
    "round_errors",
    "failing",
    "works_again",
    "must_act",
    "session_lost",
    "withdraw_right",
    "gap",
    "daily_loss",
]
State = Literal["pending", "sending", "sent", "refused", "moved", "unclear", "expired"]
"""How a delivery stands. `moved`: the fallback channel has it; `unclear`: cut off twice while it was being sent, it may
have arrived; `expired`: its channel is gone."""
ErrorKind = Literal["network", "wait", "action", "refused"]

EVENTS: Final[tuple[Event, ...]] = get_args(Event)
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
DEFAULT_MODES: Final[Mapping[Event, Mode]] = {
    "executions": "off",
    "summary": "on",
    "answers": "silent",
    "errors": "on",
    "alerts": "on",
}
EVENT_OF: Final[Mapping[Kind, Event]] = {
    "order": "executions",
    "executions": "executions",
    "round_summary": "summary",
    "round_answers": "answers",
    "round_errors": "errors",
    "failing": "alerts",
    "works_again": "alerts",
    "must_act": "alerts",
    "session_lost": "alerts",
    "withdraw_right": "alerts",
    "gap": "alerts",
    "daily_loss": "alerts",
}
ALERTS: Final[tuple[Kind, ...]] = tuple(kind for kind, event in EVENT_OF.items() if event == "alerts")
MANY_ERRORS: Final = 5
"""More failures in a row than this are an alert of their own."""
MANY_EXECUTIONS: Final = 10
"""More executions than this, found at once, are one message."""

Payload = Mapping[str, Any]
"""JSON: texts, whole numbers, lists, objects; amounts are decimal texts, times ISO 8601 UTC."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell. Of one `key` only the first is ever queued; without one, all."""

    kind: Kind
    payload: Payload
    key: str | None = None

    @property
    def event(self) -> Event:
        return EVENT_OF[self.kind]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` by the clocks of the user's zone, over midnight where `end` is the earlier."""

    start: time
    end: time

    def hold(self, at: datetime, zone: ZoneInfo) -> bool:
        now = at.astimezone(zone).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """What a user wants of messages as a whole. `digest_h`: executions are summed up every so many hours;
    `fallback`: the channel that gets what another one did not take; `daily_loss`: exact text and currency."""

    zone: str | None = None
    quiet: QuietHours | None = None
    digest_h: int | None = None
    fallback: str | None = None
    daily_loss: str | None = None
    daily_loss_currency: str | None = None

    def is_quiet(self, at: datetime) -> bool:
        return self.quiet is not None and self.quiet.hold(at, zone_of(self.zone))


@dataclass(frozen=True, slots=True)
class Modes:
    """Which events go to which channel. `set_for` holds what was said, by event and channel ("" for every channel)."""

    set_for: Mapping[tuple[str, str], Mode] = field(default_factory=dict)

    def of(self, event: Event, channel: str) -> Mode:
        said = self.set_for.get((event, channel)) or self.set_for.get((event, ""))
        return said or DEFAULT_MODES[event]

    def wants(self, event: Event) -> bool:
        """Whether any channel might get it."""
        said = [mode for (of, _), mode in self.set_for.items() if of == event]
        return any(mode != "off" for mode in said) or (
            (event, "") not in self.set_for and DEFAULT_MODES[event] != "off"
        )


def zone_of(name: str | None) -> ZoneInfo:
    """The zone of that name, UTC without one.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):  # what it raises depends on how the name is no name
        raise UsageError(f"there is no time zone {name!r}", hint="as in Europe/Paris, or UTC") from None


def parse_quiet(text: str) -> QuietHours:
    """`22:00-07:00`. Raises UsageError for anything else."""
    start, _, end = text.partition("-")
    try:
        hours = QuietHours(_parse_clock(start), _parse_clock(end))
    except ValueError:
        raise UsageError(f"no quiet hours: {text[:40]!r}", hint="write 22:00-07:00, or off") from None
    if hours.start == hours.end:
        raise UsageError("quiet hours that end when they begin", hint="write 22:00-07:00, or off")
    return hours


def _parse_clock(text: str) -> time:
    hour, colon, minute = text.strip().partition(":")
    if not (hour.isascii() and hour.isdigit() and (minute or "0").isdigit() and (minute or "0").isascii()):
        raise ValueError(text)
    if colon and len(minute) != 2:
        raise ValueError(text)
    return time(int(hour), int(minute or 0))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way through one channel."""

    id: int
    message_id: int
    channel: str
    silent: bool
    tries: int
    notice: Notice
    created_at: datetime


def utc_text(at: datetime) -> str:
    """A time as payloads have it."""
    return at.astimezone(UTC).isoformat()
