"""kill -9 while keys are rotated: everything opens afterwards, and the next run ends what was begun."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random

import pytest

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import House, account
from tests.chaos.ledger import Ledger
from trademon.core.model import Credentials

KILLED = -signal.SIGKILL
USERS = ("bob", "carol")


def keys_of(user: str, broker: str) -> Credentials:
    return Credentials(f"the-key-of-{user}-{broker}", f"the-secret-of-{user}-{broker}")


@pytest.fixture
def rich(build: Callable[[str], House]) -> House:
    """A home with two users, two brokers each."""
    house = build("rich")
    with house.opened() as home:
        for user in USERS:
            home.store.add_user(user, method=None, currency=None, telegram_chat=None)
            for name in ("main", "other"):
                home.store.for_user(user).add_broker(
                    name,
                    exchange="binance",
                    market="spot",
                    since=datetime(2026, 1, 1, tzinfo=UTC),
                    base_url=None,
                    symbols=(),
                    method=None,
                    credentials=keys_of(user, name),
                )
    return house


def check_opens(house: House) -> int:
    """Every secret is as it was given; the number of the master key."""
    with house.opened() as home:
        for user in USERS:
            store = home.store.for_user(user)
            for broker in store.brokers():
                assert store.credentials(broker) == keys_of(user, broker.name)
        return int(home.store.key_status().version)


def end_well(house: House) -> None:
    """The next run ends it: nothing of any attempt is left beside the key."""
    house.run("key", "rotate", "--json").check(0)
    check_opens(house)
    status = house.run("key", "status", "--json").check(0).json["data"]
    assert (status["unfinished"], status["secrets"], status["early"]) == (False, 8, 0)
    assert [p.name for p in (house.home / "config").glob("master*")] == ["master.key"]


def test_a_rotation_killed_at_any_step_leaves_everything_openable(
    rich: House, full: bool, rng: Random, measured: Measured
) -> None:
    """Before each call that changes a file or the store, one after the other; the short form takes some of them."""
    trial = rich.copy(rich.home.with_name("trial"))
    done, counts = trial.counted("key", "rotate", "--json")
    assert done.check(0).json["data"]["secrets"] == 8
    steps = list(range(1, counts["step"] + 1))
    assert len(steps) > 20
    done_versions = set()
    for number in steps if full else sorted(rng.sample(steps, 5)):
        house = rich.copy(rich.home.with_name(f"step{number}"))
        assert house.run("key", "rotate", kill=f"step:{number}").code == KILLED
        done_versions.add(check_opens(house))
        end_well(house)
    assert not full or done_versions == {1, 2}  # it died on both sides of the commit
    measured(f"killed before {len(steps) if full else 5} of {len(steps)} steps: everything opens")


def test_a_rotation_killed_at_random_moments_leaves_everything_openable(
    rich: House, full: bool, rng: Random, measured: Measured
) -> None:
    """One after the other in the same home, whatever the one before has left: 50 kills."""
    kills = 50 if full else 5
    started = time.monotonic()
    rich.run("key", "rotate").check(0)
    longest_s = time.monotonic() - started
    done = 0
    while done < kills:
        child = rich.start("key", "rotate")
        try:
            child.communicate(timeout=rng.uniform(longest_s / 3, longest_s))
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
        done += child.returncode == KILLED
        check_opens(rich)
    end_well(rich)
    measured(f"{kills} kills: everything opens")


def test_four_rotations_at_once_are_one_after_the_other(rich: House, measured: Measured) -> None:
    """Each ends well or with 75; everything opens with the one key that is there."""
    children = [rich.start("key", "rotate", "--json") for _ in range(4)]
    codes = []
    for child in children:
        child.communicate()
        codes.append(child.returncode)
    assert set(codes) <= {0, 75}
    assert 0 in codes
    assert check_opens(rich) == 1 + codes.count(0)
    end_well(rich)
    measured(f"4 at once: {codes.count(0)} rotated, {codes.count(75)} were told that another is at work")


def test_a_watch_goes_on_while_keys_are_rotated(
    house: House, serve: Serve, world: Ledger, full: bool, measured: Measured
) -> None:
    """Its cycles find the key wherever it is: no error, all fills."""
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    cycles = 20 if full else 6
    rotations = 0
    with ThreadPoolExecutor(1) as pool:
        watch = pool.submit(house.run, "watch", "--json", "--interval", "1", "--cycles", str(cycles))
        while not watch.done():
            house.run("key", "rotate").check(0)
            rotations += 1
    done = watch.result().check(0)
    assert done.err == ""
    assert not [line for line in done.out.splitlines() if json.loads(line)["event"] in ("error", "alert")]
    house.check_fills(world)
    assert rotations > 2
    measured(f"{rotations} rotations in {cycles} cycles: no error")
