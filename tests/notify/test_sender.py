"""Whatever happens to channels, programs and clocks: each message ends, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.notify.conftest import SleepClock
from tests.notify.desk import CHAT, TOKEN, NotifyDesk, alert, order, summary
from trademon.core.notices import Notice
from trademon.demo.telegram import DemoTelegram, refusing
from trademon.exchanges.registry import capabilities_of
from trademon.flows.notify import Sender, SendPorts, keep_sending, send_test
from trademon.notify.base import NotAllowed, Refused, SlowDown, Stumbled, Text, Unreachable
from trademon.store.lease import hold
from trademon.store.store import Store


@dataclass
class Ear:
    """A channel that hears, or fails as it is told: None is to hear."""

    clock: SleepClock
    name: str = "ear"
    fails: list[Exception | None] = field(default_factory=list)
    heard: list[Text] = field(default_factory=list)
    tries: int = 0
    goes_to: str = "an ear"
    before: Any = None

    def next_turn_s(self) -> float:
        return 0.0

    async def send(self, text: Text, *, silent: bool) -> None:
        self.tries += 1
        if self.before is not None:
            await self.before()
        fault = self.fails.pop(0) if self.fails else None
        if fault is not None:
            raise fault
        self.heard.append(text)


def ear(desk: NotifyDesk, name: str = "ear", *fails: Exception | None) -> Ear:
    made = Ear(desk.clock, name, list(fails))
    desk.others.append(made)  # type: ignore[arg-type]
    return made


async def send(desk: NotifyDesk, **how: Any) -> Any:
    return await desk.sender(telegram=False).send(**how)


# --- events and channels ------------------------------------------------------------------------------------------


async def test_events_are_on_silent_or_off_by_channel(desk: NotifyDesk, telegram: DemoTelegram) -> None:
    other = ear(desk)
    desk.user.set_notify_mode("summary", "silent", "telegram")
    desk.user.set_notify_mode("summary", "off", "ear")
    desk.user.set_notify_mode("errors", "off", None)
    errors = Notice("round_errors", {"errors": ["x"], "at": "2026-05-01T12:00:00Z"})
    desk.user.tell(summary(), alert(), errors)
    report = await desk.send()
    assert (report.sent, report.waiting) == (3, 0)
    assert [(one.text[:5], one.silent) for one in telegram.received] == [("b1 ne", False), ("Round", True)]
    assert len(other.heard) == 1
    assert desk.states()[3] == ("off",)


async def test_in_quiet_hours_alerts_alone_go_out(desk: NotifyDesk) -> None:
    """By the clocks of the user's zone, over midnight; the rest comes in the morning."""
    heard = ear(desk)
    desk.user.set_notify_options(quiet="22:00-07:00", zone="Europe/Paris")
    desk.clock.at = desk.clock.at.replace(hour=20, minute=30)  # 22:30 in Paris, in summer
    desk.user.tell(summary(), alert())
    report = await send(desk)
    assert (report.sent, report.waiting, len(heard.heard)) == (1, 1, 1)
    assert heard.heard[0].title == "b1 needs you"
    desk.clock.at += timedelta(hours=8, minutes=29)  # 06:59
    assert (await send(desk)).sent == 0
    desk.clock.at += timedelta(minutes=1)
    assert (await send(desk)).sent == 1


async def test_what_waited_for_a_channel_keeps_quiet_too(desk: NotifyDesk) -> None:
    """It was planned before the quiet hours began."""
    heard = ear(desk, "ear", Unreachable("down"))
    desk.user.set_notify_options(quiet="12:30-13:00")
    desk.user.tell(summary())
    await send(desk, patience_s=0)
    desk.clock.move(minutes=31)
    assert (await send(desk)).sent == 0
    desk.clock.move(minutes=30)
    assert (await send(desk)).sent == 1
    assert len(heard.heard) == 1


async def test_a_digest_sums_executions_up(desk: NotifyDesk) -> None:
    heard = ear(desk)
    desk.user.set_notify_mode("executions", "on", None)
    desk.user.set_notify_options(digest_h=6)
    desk.user.tell(order(1))
    desk.clock.move(hours=5)
    desk.user.tell(order(2, fills=3))
    assert (await send(desk)).sent == 0
    desk.clock.move(hours=1)
    await send(desk)
    (text,) = heard.heard
    assert text.title == "main: 4 executions"
    assert "Realised: +2.5 USDT" in text.body
    desk.clock.move(hours=7)
    assert (await send(desk)).waiting == 0


# --- failures -----------------------------------------------------------------------------------------------------


async def test_a_refused_token_is_a_persons_matter(desk: NotifyDesk, telegram: DemoTelegram) -> None:
    """Exit 4 with what to do; one request a run, whatever waits; a new token gets through at once; without one it is
    given up after a day."""
    desk.user.tell(*(alert(n) for n in range(5)))
    wrong = desk.sender(token="1:wrong")
    report = await wrong.send()
    assert (report.exit_code, report.waiting, len(telegram.requests)) == (4, 5, 1)
    assert "TRADEMON_TELEGRAM_TOKEN" in (report.problems[0].hint or "")
    assert desk.user.outbox_health(desk.clock()).must_act
    assert (await desk.sender().send()).sent == 5
    assert not desk.user.outbox_health(desk.clock()).must_act
    desk.user.tell(alert())
    for _ in range(26):
        await wrong.send(patience_s=0)
        desk.clock.move(hours=1)
    assert desk.states()[6] == ("refused",)
    before = len(telegram.requests)
    await wrong.send()
    assert len(telegram.requests) == before


async def test_a_refused_message_is_never_sent_again_and_holds_up_no_other(desk: NotifyDesk) -> None:
    heard = ear(desk, "ear", Refused("too long"))
    desk.user.tell(summary(1), summary(2))
    report = await send(desk)
    assert (report.sent, report.refused, report.exit_code) == (1, 1, 3)
    for _ in range(3):
        desk.clock.move(days=1)
        await send(desk)
    assert heard.tries == 2
    assert desk.states() == {1: ("refused",), 2: ("sent",)}


async def test_a_message_that_always_fails_lets_the_others_pass(desk: NotifyDesk) -> None:
    """And is given up after three days."""
    heard = ear(desk)

    async def poisoned() -> None:
        if not heard.heard and heard.tries % 2:
            raise Stumbled("500")

    desk.user.tell(summary(1), summary(2))
    heard.fails = [Stumbled("500"), Stumbled("500")]
    report = await send(desk, patience_s=5)
    assert report.sent == 2
    assert [text.body[:2] for text in heard.heard] == ["b2", "b1"]
    desk.user.tell(summary(3))
    heard.fails = [Unreachable("down")] * 10_000
    for _ in range(80):
        await send(desk, patience_s=0)
        desk.clock.move(hours=1)
    assert desk.states()[3] == ("refused",)


async def test_a_fallback_gets_what_was_not_taken_for_an_hour_or_refused(desk: NotifyDesk) -> None:
    """And nothing else; the message is not sent a second time when the first channel is back."""
    first, second = ear(desk, "first"), ear(desk, "second")
    desk.user.set_notify_options(fallback="second")
    desk.user.tell(summary(1))
    await send(desk)
    assert (len(first.heard), len(second.heard)) == (1, 0)
    desk.user.tell(alert(2))
    first.fails = [Unreachable("down")] * 100
    await send(desk, patience_s=0)
    desk.clock.move(minutes=59)
    await send(desk, patience_s=0)
    assert len(second.heard) == 0
    desk.clock.move(minutes=2)
    await send(desk, patience_s=0)
    assert len(second.heard) == 1
    first.fails = [Refused("no")]
    desk.user.tell(alert(3))
    await send(desk)
    await send(desk)
    assert (len(first.heard), len(second.heard)) == (1, 2)
    assert desk.states()[2] == ("moved", "sent")


async def test_a_slow_channel_holds_up_no_other(desk: NotifyDesk) -> None:
    slow, quick = ear(desk, "slow"), ear(desk, "quick")
    release = asyncio.Event()
    slow.before = release.wait
    desk.user.tell(alert())
    running = asyncio.create_task(send(desk))
    for _ in range(200):
        await asyncio.sleep(0.01)
        if quick.heard:
            break
    assert (len(quick.heard), len(slow.heard)) == (1, 0)
    release.set()
    assert (await running).sent == 2


async def test_a_stop_waits_for_the_message_in_hand(desk: NotifyDesk) -> None:
    """Otherwise nobody would know whether it arrived, and it would come twice."""
    heard = ear(desk)
    release = asyncio.Event()
    heard.before = release.wait
    desk.user.tell(alert(1), alert(2))
    running = asyncio.create_task(send(desk))
    while not heard.tries:
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.sleep(0.05)
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert desk.states() == {1: ("sent",), 2: ("pending",)}


# --- several programs ---------------------------------------------------------------------------------------------


async def test_two_senders_at_once_send_nothing_twice(desk: NotifyDesk, telegram: DemoTelegram) -> None:
    """The second finds the outbox held; when it comes to it anyway, a delivery is claimed by one."""
    desk.user.tell(*(alert(n) for n in range(6)))
    first, second = await asyncio.gather(desk.sender().send(patience_s=60), desk.sender().send(patience_s=60))
    assert {first.exit_code, second.exit_code} == {0, 75}
    assert sorted(telegram.texts) == sorted(set(telegram.texts))
    assert len(telegram.texts) == 6


async def test_while_a_watch_runs_messages_go_out_beside_it(desk: NotifyDesk) -> None:
    """And a store that is held by another, or a channel that fails, ends nothing."""
    heard = ear(desk, "ear", Unreachable("down"))
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        desk.clock.move(seconds=seconds)
        await real(0.001)

    ports = SendPorts(desk.store.locks, desk.clock, desk.clock.monotonic, sleep)
    sender = Sender([desk.user], lambda _store: (heard,), ports, capabilities_of)

    async def send_along() -> None:
        await sender.send(at_once=False, patience_s=0.0)

    task = asyncio.create_task(keep_sending(sender, lambda: [desk.user], send_along))
    with hold(desk.store.locks, desk.user.outbox_lock):
        desk.user.tell(alert())
        await real(0.05)
        assert heard.tries == 0
    for _ in range(500):
        await real(0.01)
        if heard.heard:
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(heard.heard) == 1


async def test_a_test_goes_through_every_channel_at_any_hour(desk: NotifyDesk, telegram: DemoTelegram) -> None:
    ear(desk)
    desk.user.set_notify_options(quiet="00:00-23:59")
    telegram.faults[:] = [refusing(403, "Forbidden: bot was blocked by the user")]
    report = await send_test(desk.sender(), None)
    assert [(one.channel, one.sent) for one in report.channels] == [("telegram", 0), ("ear", 1)]
    assert (report.exit_code, report.status) == (4, "partial")
    assert CHAT in report.problems[0].message
    assert TOKEN not in repr(report)


# --- the law ------------------------------------------------------------------------------------------------------

FAILURES = st.sampled_from(
    ["ok", "unreachable", "stumbled", "slow", "action", "refused", "killed before", "killed after"]
)


class Killed(BaseException):
    """What a kill is within one process: nothing that comes after it is run."""


@dataclass
class Fate:
    """A channel that does what an order of failures says."""

    clock: SleepClock
    script: list[str]
    heard: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    kills: dict[str, int] = field(default_factory=dict)
    name: str = "fate"
    goes_to: str = "fate"

    def next_turn_s(self) -> float:
        return 0.0

    async def send(self, text: Text, *, silent: bool) -> None:
        what = self.script.pop(0) if self.script else "ok"
        title = text.title
        if what.startswith("killed"):
            self.kills[title] = self.kills.get(title, 0) + 1
            if what == "killed after":
                self.heard.append(title)
            raise Killed
        failures: dict[str, Exception] = {
            "unreachable": Unreachable("down"),
            "stumbled": Stumbled("500"),
            "slow": SlowDown("429", wait_s=3),
            "action": NotAllowed("401"),
            "refused": Refused("400"),
        }
        if what in failures:
            if what == "refused":
                self.refused.add(title)
            raise failures[what]
        self.heard.append(title)


def run_once(store: Store, fate: Fate, clock: SleepClock) -> None:
    """One program's life, which a kill may end. A lock is the kernel's to free: here `with` does it."""

    async def life() -> None:
        ports = SendPorts(store.locks, clock, clock.monotonic, clock.sleep)
        sender = Sender([store.for_user("ann")], lambda _store: (fate,), ports, capabilities_of)
        await sender.send()

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(life())
    except Killed:
        pass
    finally:
        loop.close()


def check_law(store: Store, clock: SleepClock, script: Sequence[str], count: int) -> None:
    user = store.for_user("ann")
    first = max((m.id for m in user.outbox(all_kept=True).messages), default=0)
    user.tell(*(alert(f"{first}-{n}") for n in range(count)))
    fate = Fate(clock, list(script))
    for _ in range(len(script) + 3):
        run_once(store, fate, clock)
        clock.move(seconds=61)
    ended = [m for m in user.outbox(all_kept=True).messages if m.id > first]
    assert len(ended) == count
    for message in ended:
        title = message.text or f"{message.notice.payload['broker']} needs you"
        (delivery,) = message.deliveries
        heard, kills = fate.heard.count(title), fate.kills.get(title, 0)
        assert delivery.state in ("sent", "refused", "unclear"), delivery
        assert heard <= 2
        if kills == 0:  # nothing is repeated without a kill
            assert heard == (0 if delivery.state == "refused" else 1)
        if delivery.state == "sent":
            assert heard >= 1
        if delivery.state == "refused":
            assert title in fate.refused
        if delivery.state == "unclear":
            assert kills == 2


@pytest.mark.parametrize("examples", [60, pytest.param(600, marks=[pytest.mark.nightly, pytest.mark.timeout(1800)])])
def test_whatever_order_of_failures_each_message_ends(tmp_path: Path, examples: int) -> None:
    """Delivered or finally refused; at most once more after a kill, and lost by nothing but two kills in the middle of
    the same message, which is said."""
    clock = SleepClock()
    store = Store(f"sqlite:///{tmp_path / 'law.db'}", key_file=tmp_path / "master.key", clock=clock)
    name = store.users()[0].name

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(FAILURES, max_size=14), st.integers(1, 4))
    def law(script: list[str], count: int) -> None:
        check_law_of(store, name, clock, script, count)

    law()
    store.close()


def check_law_of(store: Store, name: str, clock: SleepClock, script: list[str], count: int) -> None:
    real = store.for_user
    store.for_user = lambda _name: real(name)  # type: ignore[method-assign]
    try:
        check_law(store, clock, script, count)
    finally:
        store.for_user = real  # type: ignore[method-assign]
