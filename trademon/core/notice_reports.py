"""What is said of messages: where they go, what waits, what a run sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trademon.core.notices import ErrorKind, Event, Mode, Notice, NotifyOptions, State
from trademon.core.reports import Problem, Status


@dataclass(frozen=True, slots=True)
class DeliveryInfo:
    """How one delivery stands."""

    channel: str
    state: State
    tries: int
    next_at: datetime | None
    error: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageInfo:
    """A message as it is listed. `fate` says why it has no deliveries: `merged`, `off`, `expired`; None while it waits
    to be sent out, or once it has some."""

    id: int
    user: str
    notice: Notice
    created_at: datetime
    fate: str | None
    deliveries: tuple[DeliveryInfo, ...]
    text: str = ""

    @property
    def waits(self) -> bool:
        if not self.deliveries:
            return self.fate is None
        return any(d.state in ("pending", "sending") for d in self.deliveries)

    @property
    def state(self) -> str:
        """`waiting`; else `sent` where one channel took it, or why none did."""
        if self.waits:
            return "waiting"
        ended = [d.state for d in self.deliveries]
        return "sent" if "sent" in ended else next(iter(ended), self.fate or "off")


@dataclass(frozen=True, slots=True)
class OutboxReport:
    """Oldest first. `waiting` counts all that wait, shown or not."""

    messages: tuple[MessageInfo, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class OutboxHealth:
    """`last_error` is the newest of a delivery that still waits or was given up within a day; `must_act`: of its kind
    that only a person mends. `unclear`: cut off twice within a day while they were being sent."""

    waiting: int = 0
    oldest_at: datetime | None = None
    last_error: str | None = None
    must_act: bool = False
    unclear: int = 0


@dataclass(frozen=True, slots=True)
class ChannelSends:
    """What a run did on one channel of one user. `error`: why something still waits or was refused."""

    user: str
    channel: str
    sent: int = 0
    refused: int = 0
    error: str | None = None
    hint: str | None = None
    error_kind: ErrorKind | None = None


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel as it is listed, with the mode of each event in it."""

    user: str
    channel: str
    goes_to: str
    modes: tuple[tuple[Event, Mode], ...]
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class NotifyReport:
    """`users`: each with their options."""

    channels: tuple[ChannelInfo, ...]
    users: tuple[tuple[str, NotifyOptions], ...]


@dataclass(frozen=True, slots=True)
class SendReport:
    """What a run sent, by user and channel. `waiting` counts the messages left; `busy` names the users whose outbox
    another run is sending; `faults` are of ours."""

    channels: tuple[ChannelSends, ...] = ()
    waiting: int = 0
    busy: tuple[str, ...] = ()
    faults: tuple[Problem, ...] = ()

    @property
    def sent(self) -> int:
        return sum(one.sent for one in self.channels)

    @property
    def refused(self) -> int:
        return sum(one.refused for one in self.channels)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What failed, a line a channel. To have been asked to wait is no failure."""
        told = (
            Problem(
                "notify", f"{one.channel} {one.error}", one.hint, None, one.user, 4 if one.error_kind == "action" else 1
            )
            for one in self.channels
            if one.error is not None and one.error_kind != "wait"
        )
        return (*told, *self.faults)

    @property
    def status(self) -> Status:
        if not self.problems:
            return "success"
        return "partial" if self.sent else "failed"

    @property
    def exit_code(self) -> int:
        codes = {problem.exit_code for problem in self.problems}
        if 4 in codes:
            return 4
        if codes:
            return 3 if self.sent else 1
        return 75 if self.busy and not self.channels else 0
