"""Hosts that ask to wait, clocks that are wrong, and a broker that never answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import BUSY, House, account
from tests.chaos.ledger import Ledger, draw
from trademon.core.times import from_us
from trademon.demo import faults

CYCLE_S = 5


def test_a_host_that_asks_to_wait_37_seconds_is_not_asked_by_20_cron_runs(
    build: Callable[[str], House], serve: Serve, world: Ledger, rng: Random, full: bool, measured: Measured
) -> None:
    """Every run within the 37 s ends well without one request; the first one after them reads everything."""
    runs = 20 if full else 2
    for status in (429, 418) if full else (429,):
        house, exchange = build(f"home{status}"), serve(account(world))
        house.add("main", account(world), exchange.url)
        exchange.server.faults[:] = [faults.status(status, {"Retry-After": "37"}, times=1)]
        house.scan().check(0)
        [(until_us,)] = house.rows("SELECT wait_until FROM hosts")
        assert len(exchange.server.requests) == 1
        for before_s in sorted((rng.uniform(10, 37) for _ in range(runs)), reverse=True):
            house.clock.set(from_us(until_us) - timedelta(seconds=before_s))
            done = house.scan().check(0)
            assert done.json["data"]["brokers"][0]["status"] == "skipped"
        assert len(exchange.server.requests) == 1
        house.clock.set(from_us(until_us) + timedelta(seconds=0.1))
        assert house.scan().check(0).json["data"]["brokers"][0]["status"] == "ok"
        house.check(world)
        measured(f"{status}, Retry-After: 37, {runs} runs within: 0 requests, then all read")


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_one_hour_off_misses_nothing(
    house: House, serve: Serve, rng: Random, full: bool, measured: Measured, hours: int
) -> None:
    """1,000 fills that happen between scans, told by an exchange whose clock is an hour from ours."""
    count, scans = (1000, 20) if full else (100, 2)
    off = timedelta(hours=hours)
    world = Ledger()
    exchange = serve(account(world))
    exchange.server.clock_offset = off
    house.add("main", account(world), exchange.url)
    for n in range(scans):
        end = house.clock() + off
        world.add(*draw(rng, count // scans, end - timedelta(seconds=50), end, first_id=1000 * (n + 1)))
        house.scan().check(0)
        house.clock.move(minutes=1)
    house.check(world)
    assert len(world.facts()) == count
    measured(f"{hours:+d} h, {scans} scans: 0 of {count} missed")


def test_one_broker_of_three_that_hangs_delays_no_other(
    house: House, serve: Serve, world: Ledger, full: bool, measured: Measured
) -> None:
    """In 30 cycles of a watch each is done within 5 s and the other two are read 30 times; so is a scan."""
    cycles = 30 if full else 2
    for uid, name in enumerate(("a", "b", "hangs")):
        whose = account(world, uid=str(uid))
        exchange = serve(whose)
        house.add(name, whose, exchange.url)
    exchange.server.faults[:] = [faults.hang()]
    house.scan("--broker", "a", "--broker", "b").check(0)
    done = house.run("watch", "--json", "--cycles", str(cycles), "--interval", "1")
    done.check(3)
    events = [json.loads(line) for line in done.out.splitlines()]
    told = [event for event in events if event["event"] == "cycle"]
    ended = [(b["broker"], b["status"]) for event in told for b in event["brokers"]]
    longest = max(float(event["seconds"]) for event in told)
    assert len(told) == cycles
    assert [ended.count((name, "ok")) for name in ("a", "b")] == [cycles, cycles]
    slow_s = house.start_s()
    assert longest < CYCLE_S + BUSY * slow_s
    if full:
        scan = house.scan().check(3).json["data"]["brokers"]
        assert max(float(b["seconds"]) for b in scan) < CYCLE_S + BUSY * slow_s
        assert [b["status"] for b in scan] == ["ok", "ok", "failed"]
    for name in ("a", "b"):
        house.check_fills(world, name)
    measured(
        f"{cycles} cycles, the longest {longest:.1f} s (starting takes {slow_s:.2f} s): the other two read {cycles} of "
        f"{cycles}"
    )
