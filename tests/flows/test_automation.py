"""Unattended rounds: exactly those that are due, each once, each with what it did, whatever goes wrong in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.desk import NOON, Desk, HandClock
from trademon.core.automation_reports import Scheduler
from trademon.core.rounds import Round
from trademon.demo import faults
from trademon.demo.scripted import ScriptedWorld
from trademon.errors import ConfigError
from trademon.flows import automation
from trademon.flows.automation import Keeper, Rounds, rounds_of, run_due, status
from trademon.flows.ports import Ports
from trademon.flows.rounds import STOPPED, do_round
from trademon.store.lease import hold
from trademon.store.store import Store, UserStore
from trademon.store.user_rounds import ENDED_FROM_OUTSIDE

MINUTE = timedelta(minutes=1)
FAR = datetime(3000, 1, 1, tzinfo=UTC)


def traded(desk: Desk) -> ScriptedWorld:
    """A world with three fills in it."""
    world = desk.scripted()
    for n in range(3):
        world.buy("BTC/USDT", "0.1", "100", NOON - (n + 1) * MINUTE)
    return world


async def due(user: UserStore, ports: Ports, *, force: bool = True) -> Round:
    """One round, done."""
    report = await run_due([user], Rounds(ports, 30), force=force)
    assert len(report.rounds) == 1
    return report.rounds[0]


# --- a round ------------------------------------------------------------------------------------------------------


async def test_a_round_syncs_every_account_and_verifies_it_once_a_day(desk: Desk, clock: HandClock) -> None:
    await desk.open("binance", traded(desk))
    await desk.open("bitget", traded(desk), name="other", uid="12")
    first = await due(desk.user, desk.ports)
    assert first.outcome == "success"
    assert {t.name for t in first.tasks} == {"sync main", "sync other", "verify main", "verify other"}
    assert sum(t.new_fills for t in first.tasks) == 6 == len(desk.stored())
    clock.move(minutes=30)
    assert {t.name for t in (await due(desk.user, desk.ports)).tasks} == {"sync main", "sync other"}
    clock.move(days=1)
    assert "verify main" in {t.name for t in (await due(desk.user, desk.ports)).tasks}


async def test_a_broker_that_is_down_makes_it_partial(desk: Desk) -> None:
    """The other one is read to its last fill; what failed says what and where."""
    server = await desk.open("binance", traded(desk))
    await desk.open("bitget", traded(desk), name="other", uid="12")
    server.faults.append(faults.status(503))
    done = await due(desk.user, desk.ports)
    failed = next(t for t in done.tasks if t.name == "sync main")
    assert (done.outcome, failed.outcome, failed.broker) == ("partial", "failed", "main")
    assert failed.problem is not None
    assert failed.detail == failed.problem.message
    assert "verify main" not in {t.name for t in done.tasks}
    assert next(t for t in done.tasks if t.name == "sync other").new_fills == len(desk.stored("other")) == 3
    report = await run_due([desk.user], Rounds(desk.ports, 30), force=True)
    assert (report.status, report.exit_code) == ("partial", 3)


async def test_a_drift_is_a_failed_part_and_is_told_once_a_day(desk: Desk, clock: HandClock) -> None:
    world = desk.scripted()
    await desk.open("binance", world)
    await due(desk.user, desk.ports)
    clock.move(days=1)
    world.deposits["USDT"] -= 250
    done = await due(desk.user, desk.ports)
    verified = next(t for t in done.tasks if t.name == "verify main")
    assert (done.outcome, verified.outcome) == ("partial", "failed")
    assert "USDT" in verified.detail
    clock.move(minutes=30)
    assert (await due(desk.user, desk.ports)).outcome == "success"


async def test_a_round_that_is_called_off_says_so(desk: Desk) -> None:
    """Stopped in the middle of a question: it has an end, with what it did, and the next one is free to begin."""
    server = await desk.open("binance", desk.scripted())
    server.faults.append(faults.hang())
    round_ = asyncio.create_task(do_round(desk.user, desk.ports, "manual", only_due=False, default_minutes=30))
    await asyncio.sleep(0.2)
    round_.cancel()
    with pytest.raises(asyncio.CancelledError):
        await round_
    (done,) = desk.user.rounds()
    assert (done.outcome, done.tasks[-1].detail) == ("failed", STOPPED)
    server.faults.clear()
    assert (await due(desk.user, desk.ports)).outcome == "success"


async def test_a_user_without_brokers_has_nothing_to_do(desk: Desk) -> None:
    done = await due(desk.user, desk.ports)
    assert (done.outcome, [t.outcome for t in done.tasks]) == ("success", ["skipped"])


async def test_rounds_are_forgotten_after_the_days_that_are_set(desk: Desk, clock: HandClock) -> None:
    rounds = Rounds(desk.ports, 30, kept=timedelta(days=2))
    for _ in range(4):
        await run_due([desk.user], rounds, force=True)
        clock.move(days=1)
    assert [r.started_at.day - NOON.day for r in reversed(desk.user.rounds())] == [1, 2, 3]


async def test_another_run_holds_the_round(desk: Desk) -> None:
    with hold(desk.locks, desk.user.round_lock):
        report = await run_due([desk.user], Rounds(desk.ports, 30), force=True)
    assert (report.busy, report.exit_code, report.rounds) == ((desk.user.user,), 75, ())
    assert desk.user.rounds() == ()


async def test_what_is_not_on_is_not_run(desk: Desk, clock: HandClock) -> None:
    """Never started, paused, not due: told apart. `force` does them all."""
    rounds = Rounds(desk.ports, 30)
    name = desk.user.user
    assert (await run_due([desk.user], rounds, force=False)).off == (name,)
    desk.user.set_schedule(state="paused", default=30)
    assert await run_due([desk.user], rounds, force=False) == automation.RunReport(())
    desk.user.set_schedule(state="active", default=30)
    assert len((await run_due([desk.user], rounds, force=False)).rounds) == 1
    assert (await run_due([desk.user], rounds, force=False)).waiting == (name,)
    assert (await due(desk.user, desk.ports, force=True)).trigger == "manual"


async def test_the_state_of_rounds(desk: Desk, clock: HandClock) -> None:
    """Rates of the last day, week and month; one that was killed is told as what it is, and one at work as such."""
    desk.user.set_schedule(state="active", every_minutes=30, default=30)
    await due(desk.user, desk.ports)
    clock.move(days=3)
    desk.user.begin_round("cron", only_due=False, default_minutes=30)

    def asked() -> automation.AutomationStatus:
        return status([desk.user], desk.locks, Scheduler(is_alive=False), now=clock(), default_minutes=30)

    (found,) = asked().users
    assert found.last is not None
    assert (found.running, found.last.tasks[-1].detail) == (None, ENDED_FROM_OUTSIDE)
    assert (found.rates.day, found.rates.week, found.rates.month) == (None, 1, 1)
    with hold(desk.locks, desk.user.round_lock):
        (found,) = asked().users
        assert found.running is not None
        assert found.last is not None
        assert found.last.started_at == NOON
    assert rounds_of(desk.user, desk.locks, now=clock(), limit=1)[0].outcome == "failed"


# --- the scheduler ------------------------------------------------------------------------------------------------


@dataclass
class FakeTime:
    """A machine's clock that a test runs, and that sleeps through some of it."""

    at: datetime
    asleep: list[tuple[datetime, timedelta]] = field(default_factory=list)
    end: datetime = FAR
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def clock(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        if self.asleep and self.at >= self.asleep[0][0]:
            self.at += self.asleep.pop(0)[1]
        if self.at >= self.end:
            self.stop.set()
        await asyncio.sleep(0)


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def simulated(store: Store, fake: FakeTime, locks: Path) -> tuple[UserStore, Keeper]:
    """The store's user under a scheduler that lives in that time, looking every half minute."""
    store._clock = fake.clock
    user = store.for_user(store.users()[0].name)

    async def nowhere(*_: object) -> object:
        raise AssertionError("there is no broker")

    ports = Ports(nowhere, locks, fake.clock, fake.monotonic, fake.sleep)  # type: ignore[arg-type]
    return user, Keeper(lambda: [user], Rounds(ports, 30), lambda: None, fake.stop)


@pytest.mark.parametrize("change", ["2026-03-29", "2026-10-25"])
async def test_a_week_over_a_change_of_clocks(
    change: str, in_paris: None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every half hour by UTC, whatever the clock on the wall does; one round for a night that was slept through."""
    monkeypatch.setattr(automation, "TICK_S", 30.0)
    start = datetime.fromisoformat(change).replace(tzinfo=UTC) - timedelta(days=3, hours=1)
    nights = [(start + timedelta(days=day, hours=12, seconds=10), timedelta(hours=8)) for day in (1, 3, 5)]
    fake = FakeTime(start, nights.copy(), start + timedelta(days=7))
    user, keeper = simulated(store, fake, tmp_path / "locks")
    user.set_schedule(state="active", every_minutes=30, default=30)
    await keeper.run()
    begun = sorted(one.started_at for one in user.rounds())
    beats = [start + 30 * MINUTE * n for n in range(7 * 48)]
    missed = [b for b in beats if any(s < b < s + slept for s, slept in nights)]
    awake = [b for b in beats if b not in missed]
    woken = {s + slept for s, slept in nights}
    assert len(begun) == len(awake) + len(nights)
    for beat in awake:
        assert any(timedelta(0) <= at - beat <= MINUTE for at in begun), beat
    for at in woken:
        assert any(timedelta(0) <= one - at <= MINUTE for one in begun), at


async def test_two_schedulers_and_a_cron_every_minute(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round of a day once."""
    monkeypatch.setattr(automation, "TICK_S", 20.0)
    start = datetime(2026, 11, 26, tzinfo=UTC)
    fake = FakeTime(start, end=start + timedelta(days=1))
    user, one = simulated(store, fake, tmp_path / "locks")
    two = Keeper(one.users, one.rounds, lambda: None, fake.stop)
    user.set_schedule(state="active", every_minutes=30, default=30)

    async def cron() -> None:
        while not fake.stop.is_set():
            await run_due([user], one.rounds, force=False)
            await fake.sleep(15)

    await asyncio.gather(one.run(), two.run(), cron())
    begun = sorted(done.started_at for done in user.rounds())
    assert len(begun) == 48
    assert [(at - start) // (30 * MINUTE) for at in begun] == list(range(48))
    assert {done.outcome for done in user.rounds()} == {"success"}


async def test_a_running_scheduler_obeys_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause lets a round end, stop calls it off, and with nobody's rounds on the scheduler is done."""
    monkeypatch.setattr(automation, "TICK_S", 0.02)
    server = await desk.open("binance", desk.scripted())
    server.faults.append(faults.hang())
    desk.user.set_schedule(state="active", every_minutes=5, default=30)
    told: list[Round] = []

    async def after(ended: Round) -> None:
        told.append(ended)

    keeper = Keeper(lambda: [desk.user], Rounds(desk.ports, 30, after), lambda: None)
    running = asyncio.create_task(keeper.run())
    await until(lambda: bool(desk.user.rounds()))
    desk.user.set_schedule(state="paused", default=30)
    await asyncio.sleep(0.2)
    assert desk.user.rounds()[0].outcome is None
    desk.user.set_schedule(state="stopped", default=30)
    await asyncio.wait_for(running, 2)
    assert desk.user.rounds()[0].tasks[-1].detail == STOPPED
    assert told == []


async def test_a_scheduler_outlives_a_round_that_cannot_be_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, clock: HandClock
) -> None:
    """A fault of ours in one round: logged, that user left alone for a minute, the scheduler at work."""
    monkeypatch.setattr(automation, "TICK_S", 0.01)
    tried: list[datetime] = []

    async def broken(*_: object, **__: object) -> None:
        tried.append(clock())
        raise RuntimeError("no")

    monkeypatch.setattr(automation, "do_round", broken)
    desk.user.set_schedule(state="active", every_minutes=5, default=30)
    keeper = Keeper(lambda: [desk.user], Rounds(desk.ports, 30), lambda: None)
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(0.3)
    assert (len(tried), running.done()) == (1, False)
    keeper.stop.set()
    await running


async def test_a_scheduler_outlives_who_is_told_of_a_round(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of metrics that cannot be written, a fault of ours: the round stands, the scheduler goes on."""
    monkeypatch.setattr(automation, "TICK_S", 0.01)
    told: list[Round] = []

    async def after(ended: Round) -> None:
        told.append(ended)
        raise ConfigError("cannot write it") if len(told) == 1 else RuntimeError("no")

    rounds = Rounds(desk.ports, 30, after)
    desk.user.set_schedule(state="active", every_minutes=5, default=30)
    keeper = Keeper(lambda: [desk.user], rounds, lambda: None)
    running = asyncio.create_task(keeper.run())
    await until(lambda: bool(told))
    await asyncio.sleep(0.1)
    assert not running.done()
    keeper.stop.set()
    await running
    report = await run_due([desk.user], rounds, force=True)
    assert (len(told), report.status, report.exit_code) == (2, "success", 0)


async def until(found: object, seconds: float = 5.0) -> None:
    """Wait until it is so."""
    for _ in range(int(seconds / 0.01)):
        if found():  # type: ignore[operator]
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")
