"""Sending what waits in the outbox: each message once through each channel that is to have it.

One run at a time sends a user's messages. What fails is tried again by its kind: a fault of the network for days, less
and less often; a channel that asked for time, after it; what only a person mends, for a day; what was refused, never.
A channel that is down holds up no other, and nobody who scans.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.core.notice_reports import ChannelSends, OutboxReport, SendReport
from trademon.core.notices import Delivery, ErrorKind
from trademon.errors import ActionNeeded, Busy, DataError, TrademonError
from trademon.flows.alerts import check_gaps
from trademon.flows.coverage import CapabilitiesOf
from trademon.flows.isolate import isolate
from trademon.flows.ports import utc_now
from trademon.notify.base import Notifier, Refused, SlowDown, Text, Unreachable
from trademon.notify.messages import Reader, format_notice, format_test
from trademon.store.lease import hold, holder
from trademon.store.store import UserStore

if TYPE_CHECKING:
    from trademon.store.postgres_leases import Leases

LONGEST_BACKOFF_S = 60.0
IN_HAND_S = 10.0
"""How long a run that is stopped waits for the message it is just sending."""
GAPS_EVERY = timedelta(hours=1)
ALONG_EVERY_S = 2.0
_IN_ORDER = 3  # tries
ChannelsOf = Callable[[UserStore], tuple[Notifier, ...]]


@dataclass(frozen=True, slots=True)
class SendPorts:
    """What sending is given from outside; `locks`: for `hold`."""

    locks: Path | Leases
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)


@dataclass(slots=True)
class Sender:
    """Sends what waits for these users."""

    stores: Sequence[UserStore]
    channels_of: ChannelsOf
    ports: SendPorts
    capabilities_of: CapabilitiesOf
    show_user: bool = False
    """Messages on channels that are not the user's alone say whose they are."""
    _gaps_at: float | None = None

    def has_open(self) -> bool:
        return any(store.has_open() for store in self.stores)

    def is_due(self) -> bool:
        """Whether a run would have something to send now, or to take over from one that was killed. Nothing of a
        channel is asked or imported for it."""
        now = self.ports.clock()
        return any(self._is_due(store, [c.name for c in self.channels_of(store)], now) for store in self.stores)

    def _is_due(self, store: UserStore, names: Sequence[str], now: datetime) -> bool:
        if not store.has_open():
            return False
        store.plan(names, now, busy=self._busy(store))
        if store.has_cut_off() and holder(self.ports.locks, store.outbox_lock) is None:
            return True
        due = [store.due_at(name, now, at_once=False) for name in names]
        return any(at is not None and at <= now for at in due)

    def look_for_gaps(self) -> None:
        """Once an hour, whoever does it."""
        now = self.ports.monotonic()
        if self._gaps_at is not None and now - self._gaps_at < GAPS_EVERY.total_seconds():
            return
        self._gaps_at = now
        for store in self.stores:
            if store.take_turn_for_gaps(self.ports.clock(), GAPS_EVERY):
                check_gaps(store, self.ports.clock(), capabilities_of=self.capabilities_of)

    async def send(self, *, at_once: bool = True, patience_s: float = 10.0) -> SendReport:
        """Send what may be sent now, and what may be within `patience_s`. `at_once` passes over waits of our own: who
        calls this on a schedule has its own pauses."""
        self.look_for_gaps()
        deadline = self.ports.monotonic() + patience_s
        work = (self._send_of(store, at_once=at_once, deadline=deadline) for store in self.stores)
        reports = await asyncio.gather(*work)
        return SendReport(
            tuple(one for report in reports for one in report.channels),
            sum(report.waiting for report in reports),
            tuple(user for report in reports for user in report.busy),
            tuple(fault for report in reports for fault in report.faults),
        )

    async def _send_of(self, store: UserStore, *, at_once: bool, deadline: float) -> SendReport:
        """One user's part, whatever happens in it."""
        channels = self.channels_of(store)
        work = self._hold_and_send(store, channels, at_once=at_once, deadline=deadline)
        sent, error, problem = await isolate(work, broker="", user=store.user, at=self.ports.clock())
        if isinstance(error, Busy):
            return SendReport(busy=(store.user,))
        if problem is not None:
            return SendReport(faults=(dataclasses.replace(problem, broker=None),))
        waiting = store.outbox(limit=0).waiting
        return SendReport(tuple(one for one in sent or () if one.sent or one.error), waiting)

    async def _hold_and_send(
        self, store: UserStore, channels: Sequence[Notifier], *, at_once: bool, deadline: float
    ) -> list[ChannelSends]:
        names = [channel.name for channel in channels]
        claim = secrets.token_hex(8)
        with hold(self.ports.locks, store.outbox_lock):
            now = self.ports.clock()
            store.take_over(claim, now)
            store.plan(names, now, busy=self._busy(store))
            store.clear_out(names, now)
            runs = [_Run(self, store, channel, names, claim, at_once) for channel in channels]
            sent = await asyncio.gather(*(run.until(deadline) for run in runs))
            store.clear_out(names, self.ports.clock())
            return list(sent)

    def _busy(self, store: UserStore) -> list[int]:
        """The accounts with executions to tell of that are just being looked at."""
        accounts = store.accounts_telling()
        return [n for n in accounts if holder(self.ports.locks, f"account-{n}") is not None]

    def reader(self, store: UserStore, channel: str) -> Reader:
        whose = store.user if self.show_user and channel != "telegram" else None
        return Reader(store.language(), store.notify_options().zone, whose)


@dataclass(slots=True)
class _Run:
    """One channel of one user, one message after the other."""

    sender: Sender
    store: UserStore
    channel: Notifier
    names: Sequence[str]
    claim: str
    at_once: bool
    sent: int = 0
    refused: int = 0
    error: TrademonError | None = None
    error_kind: ErrorKind | None = None
    stumbled: int | None = None
    """The message that failed last, where none has got through since."""

    async def until(self, deadline: float) -> ChannelSends:
        ports = self.sender.ports
        while True:
            now = ports.clock()
            due = self.store.due_at(self.channel.name, now, at_once=self.at_once)
            wait_s = 0.0 if due is None else (due - now).total_seconds()
            if due is None or (wait_s > 0 and ports.monotonic() + wait_s > deadline):
                break
            if wait_s > 0:
                await ports.sleep(wait_s)
                continue
            turn_s = self.channel.next_turn_s()
            if turn_s > 0:
                await ports.sleep(turn_s)
            delivery = self.store.claim(self.claim, self.channel.name, ports.clock(), at_once=self.at_once)
            if delivery is None:
                break
            await _to_its_end(self._deliver(delivery))
        said = None if self.error is None else self.error.message
        hint = None if self.error is None else self.error.hint
        return ChannelSends(self.store.user, self.channel.name, self.sent, self.refused, said, hint, self.error_kind)

    async def _deliver(self, delivery: Delivery) -> None:
        at = self.sender.ports.clock()
        _, error, _ = await isolate(self._say(delivery), broker=self.channel.name, user=self.store.user, at=at)
        if error is None:
            self.sent, self.stumbled = self.sent + 1, None
            if self.error_kind != "refused":  # what was refused stays told
                self.error = self.error_kind = None
            self.store.end_delivery(delivery, self.claim, self.sender.ports.clock(), "sent")
        elif isinstance(error, Refused):
            self._give_up(delivery, error)
        elif isinstance(error, SlowDown):
            self._put_back(delivery, error, "wait", error.wait_s, whole_channel=True)
        elif isinstance(error, ActionNeeded):
            self._put_back(delivery, error, "action", LONGEST_BACKOFF_S, whole_channel=True)
        else:
            # The channel is down where nothing is heard of it, or where it fails at two messages. At one it may be that
            # message: the others wait for it a moment, for the sake of their order, and pass when it fails again.
            other = self.stumbled is not None and self.stumbled != delivery.id
            first = self.stumbled is None and delivery.tries <= _IN_ORDER
            is_down = isinstance(error, Unreachable) or other or first
            self.stumbled = delivery.id
            pause_s = min(LONGEST_BACKOFF_S, 2.0 ** min(delivery.tries - 1, 10))
            self._put_back(delivery, error, "network", pause_s, whole_channel=is_down)

    async def _say(self, delivery: Delivery) -> None:
        text = format_notice(delivery.notice, self.sender.reader(self.store, self.channel.name))
        await self.channel.send(text, silent=delivery.silent)

    def _give_up(self, delivery: Delivery, error: DataError) -> None:
        self.refused, self.error, self.error_kind = self.refused + 1, error, "refused"
        self.store.end_delivery(
            delivery,
            self.claim,
            self.sender.ports.clock(),
            "refused",
            error=error.message,
            error_kind="refused",
            channels=self.names,
        )

    def _put_back(
        self, delivery: Delivery, error: TrademonError, kind: ErrorKind, pause_s: float, *, whole_channel: bool
    ) -> None:
        self.error, self.error_kind, self.at_once = error, kind, False
        now = self.sender.ports.clock()
        self.store.put_back(
            delivery,
            self.claim,
            now,
            until=now + timedelta(seconds=pause_s),
            error=error.message,
            error_kind=kind,
            whole_channel=whole_channel,
        )


async def _to_its_end(work: Awaitable[None]) -> None:
    """A message that is being sent is not cut off: a stop waits for it, for so long."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=IN_HAND_S)
        raise


async def keep_sending(
    sender: Sender, users: Callable[[], Sequence[UserStore]], send: Callable[[], Awaitable[object]]
) -> None:
    """Until it is cancelled: look every two seconds whether something of these users waits that may be sent, and then
    call `send`. Nothing that happens here reaches who scans beside."""

    async def once() -> None:
        sender.stores = users()
        sender.look_for_gaps()
        if sender.is_due():
            await send()

    while True:
        await isolate(once(), broker="outbox", user="", at=sender.ports.clock())
        await sender.ports.sleep(ALONG_EVERY_S)


# --- tests and lists ----------------------------------------------------------------------------------------------


async def send_test(sender: Sender, channel: str | None) -> SendReport:
    """One message through each channel, or the one named, whatever the user wants to be told and at whatever hour."""
    done: list[ChannelSends] = []
    for store in sender.stores:
        for notifier in sender.channels_of(store):
            if channel not in (None, notifier.name):
                continue
            text = format_test(sender.reader(store, notifier.name), sender.ports.clock())
            sent, error, _ = await isolate(
                _test(notifier, text), broker=notifier.name, user=store.user, at=sender.ports.clock()
            )
            done.append(_tested(store.user, notifier.name, error, sent=bool(sent)))
    return SendReport(tuple(done))


async def _test(notifier: Notifier, text: Text) -> bool:
    await notifier.send(text, silent=False)
    return True


def _tested(user: str, channel: str, error: TrademonError | None, *, sent: bool) -> ChannelSends:
    if sent or error is None:
        return ChannelSends(user, channel, sent=1)
    kind: ErrorKind = "action" if isinstance(error, ActionNeeded) else "refused"
    return ChannelSends(user, channel, error=error.message, hint=error.hint, error_kind=kind)


def outbox(stores: Sequence[UserStore], *, all_kept: bool, limit: int | None) -> OutboxReport:
    """The messages that wait, or all that are kept, with their words."""
    messages = []
    waiting = 0
    for store in stores:
        report = store.outbox(limit=limit, all_kept=all_kept)
        reader = Reader(store.language(), store.notify_options().zone)
        waiting += report.waiting
        for message in report.messages:
            with contextlib.suppress(KeyError, ValueError, TypeError, ArithmeticError):  # one of a newer trademon
                message = dataclasses.replace(message, text=format_notice(message.notice, reader).whole)  # noqa: PLW2901
            messages.append(message)
    messages.sort(key=lambda one: (one.created_at, one.id))
    return OutboxReport(tuple(messages), waiting)
