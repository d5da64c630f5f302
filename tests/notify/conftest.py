"""A store, a Telegram on loopback, and a clock that moves when somebody sleeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.notify.desk import CHAT, TOKEN, NotifyDesk
from trademon.demo.telegram import DemoTelegram
from trademon.store.store import Store


@dataclass
class SleepClock:
    """The time, as a person and as a stopwatch read it: sleeping moves both."""

    at: datetime = datetime(2026, 5, 1, 12, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> SleepClock:
    return SleepClock()


@pytest.fixture
def store(tmp_path: Path, clock: SleepClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with the user `ann`, who has a chat."""
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    store = Store(f"sqlite:///{tmp_path / 'trademon.db'}", key_file=tmp_path / "master.key", clock=clock)
    with store._database.write() as sql:
        sql.run("UPDATE users SET telegram_chat = ?", CHAT)
    yield store
    store.close()


@pytest.fixture
async def telegram(clock: SleepClock) -> AsyncIterator[DemoTelegram]:
    async with DemoTelegram(TOKEN, clock=clock) as telegram:
        yield telegram


@pytest.fixture
async def desk(store: Store, telegram: DemoTelegram, clock: SleepClock) -> AsyncIterator[NotifyDesk]:
    desk = NotifyDesk(store, store.for_user("ann"), telegram, clock)
    yield desk
    await desk.close()
