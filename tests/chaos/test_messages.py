"""Messages whose sender is killed: each arrives, once or at most twice."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import PATIENCE_S, House, account, the_user
from tests.chaos.ledger import Ledger, draw
from tests.cli.telegram import TelegramThread
from tests.notify.desk import CHAT, alert

KILLED = -signal.SIGKILL
ROUND = ("automation", "run", "--force")
SEND = ("notify", "send")
MOST_KB = 100_000


@pytest.fixture
def telegram(monkeypatch: pytest.MonkeyPatch, house: House) -> Iterator[TelegramThread]:
    """A Telegram whose bot writes to the home's user; every child is told of it."""
    with TelegramThread() as running:
        env = House.env
        monkeypatch.setattr(House, "env", lambda self, **hooks: env(self, **hooks) | running.env)
        with house.opened() as home, home.store._database.write() as sql:
            sql.run("UPDATE users SET telegram_chat = ?", CHAT)
        yield running


def ends_of(house: House) -> Counter[str]:
    """How deliveries ended, by their state."""
    return Counter(state for (state,) in house.rows("SELECT state FROM deliveries"))


def send_all(house: House) -> None:
    """Runs that nobody disturbs, until nothing waits."""
    for _ in range(20):
        give_up_at = time.monotonic() + PATIENCE_S
        # What a killed round had started to send apart may still be at it: then 75, and it does the same work.
        while (done := house.run(*SEND)).code == 75 and time.monotonic() < give_up_at:
            time.sleep(0.1)
        done.check(0)
        if not house.rows("SELECT 1 FROM messages WHERE planned_at IS NULL") and set(ends_of(house)) <= {
            "sent",
            "unclear",
        }:
            return
    raise AssertionError(ends_of(house))


@pytest.mark.parametrize("boundary", ["before-message", "after-message"])
def test_a_kill_beside_a_message_loses_none_and_repeats_one(
    house: House, telegram: TelegramThread, rng: Random, full: bool, measured: Measured, boundary: str
) -> None:
    """20 kills: just before a message is handed to Telegram, and when Telegram has it but nobody here knows. Whatever
    arrived twice was being sent when its sender was killed."""
    kills = 20 if full else 2
    with house.opened() as home:
        the_user(home).tell(*(alert(n) for n in range(3 * kills)))
    cut: Counter[str] = Counter()
    for _ in range(kills):
        killed = house.run(*SEND, kill=f"{boundary}:{rng.randint(1, 2)}")
        assert killed.code == KILLED
        assert house.rows("PRAGMA integrity_check") == [("ok",)]
        ((message_id,),) = house.rows("SELECT message_id FROM deliveries WHERE state = 'sending'")
        cut[f"b{message_id - 1}"] += 1
    send_all(house)
    arrived = Counter(text.split()[0] for text in telegram.demo.texts)
    assert set(arrived) == {f"b{n}" for n in range(3 * kills)}
    twice = {name for name, count in arrived.items() if count == 2}
    assert max(arrived.values()) <= 2
    assert twice == (set(cut) if boundary == "after-message" else set())
    measured(f"{kills} kills among {3 * kills} messages: 0 lost, {len(twice)} arrived twice, none more often")


def test_rounds_that_are_killed_tell_of_each_round_once_or_twice(
    house: House, serve: Serve, world: Ledger, telegram: TelegramThread, rng: Random, full: bool, measured: Measured
) -> None:
    """kill -9 at random points of rounds and of sending: each round has its messages, each arrives once or twice."""
    kills, begun, done = 200 if full else 10, 0, 0
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    arrived = threading.Event()

    async def heard() -> None:
        arrived.set()

    telegram.demo.before_answer = heard
    while done < kills:
        arrived.clear()
        child = house.start(*ROUND)
        begun += 1
        try:
            if rng.random() < 0.5:  # around the sending, which is the end of a round
                arrived.wait(PATIENCE_S)
                child.communicate(timeout=rng.uniform(0, 0.1))
            else:
                child.communicate(timeout=rng.uniform(0.3, 3))
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            done += 1
        house.check_so_far(world)
    house.run(*ROUND).check(0)
    send_all(house)
    house.check(world)
    entries = house.rows("SELECT id FROM rounds")
    told = house.rows("SELECT once_key FROM messages WHERE kind = 'round_summary'")
    assert {f"round_summary:{n}" for (n,) in entries} == {key for (key,) in told}
    by_text = Counter(telegram.demo.texts)
    messages = house.rows("SELECT count(*) FROM messages")[0][0]
    ended = ends_of(house)
    assert ended["sent"] + ended["unclear"] == messages
    cut = house.rows("SELECT count(*) FROM deliveries WHERE cut_off > 0")[0][0]
    assert messages - ended["unclear"] <= sum(by_text.values()) <= messages + cut
    repeated = sum(by_text.values()) - messages
    measured(f"{kills} kills in {begun} rounds: {messages} messages, {max(repeated, 0)} arrived twice, {dict(ended)}")


def test_a_round_that_sends_its_messages_is_small(
    house: House, serve: Serve, telegram: TelegramThread, rng: Random, measured: Measured
) -> None:
    """Under 100 MB with the library for Telegram, which alone takes 38."""
    end = house.clock()
    for exchange, uid in (("binance", "11"), ("bitget", "12")):
        whose = account(Ledger(draw(rng, 2000, end - timedelta(days=3), end)), exchange, uid=uid)
        house.add(exchange, whose, serve(whose).url)
    done, counts = house.counted(*ROUND)
    done.check(0)
    assert len(telegram.demo.texts) == 2
    measured(f"a round over two accounts that sends by Telegram: {counts['peak_kb'] / 1000:.0f} MB")
    assert counts["peak_kb"] < MOST_KB
