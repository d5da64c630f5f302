"""kill -9 anywhere: nothing is lost, nothing is doubled, and nobody has to repair anything."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from aiohttp import web

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import PATIENCE_S, House, account
from tests.chaos.ledger import Ledger
from tests.cli.shell import ServerThread

KILLED = -signal.SIGKILL
WORKERS = 2


class Arrivals:
    """Says when the next request comes in."""

    def __init__(self) -> None:
        self.one = threading.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        self.one.set()
        return None


def kill_at(house: House, seconds: float, arrivals: Arrivals) -> bool:
    """Scan, and kill it so long after its first request; False if it was done before."""
    arrivals.one.clear()
    child = house.start("scan", "--json")
    assert arrivals.one.wait(PATIENCE_S)
    try:
        child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
    return child.returncode == KILLED


def end_well(house: House, world: Ledger) -> None:
    """A scan nobody disturbs and no repair: exactly the truth."""
    house.scan().check(0)
    house.check(world)


def kill_often(build: Callable[[], House], world: Ledger, rng: Random, kills: int, exchange: ServerThread) -> int:
    """Kill scans of one home after the other, each until it is read whole; returns how many homes that took."""
    arrivals = Arrivals()
    exchange.server.faults[:] = [arrivals]
    house = build()
    child = house.start("scan", "--json")
    assert arrivals.one.wait(PATIENCE_S)
    started = time.monotonic()
    child.communicate(timeout=PATIENCE_S)
    longest_s = time.monotonic() - started
    house.check(world)
    done = homes = 0
    while done < kills:
        house, homes = build(), homes + 1
        while done < kills and kill_at(house, rng.uniform(0, longest_s), arrivals):
            done += 1
            house.check_so_far(world)
        if done == kills:
            end_well(house, world)
        else:  # this scan was done before its time had come
            house.check(world)
    return homes


@pytest.mark.parametrize("name", ["binance", pytest.param("bitget", marks=pytest.mark.nightly)])
def test_a_scan_killed_at_random_points_loses_and_doubles_nothing(
    build: Callable[[str], House], serve: Serve, world: Ledger, rng: Random, full: bool, measured: Measured, name: str
) -> None:
    """200 kills in scans over 10,000 fills: after each the file is whole and holds nothing twice; in the end
    everything is in it, without any repair."""
    kills = 200 if full else 20
    names = iter(range(10**6))

    def work(own: Random) -> int:
        whose = account(world, name)
        exchange = serve(whose)

        def new_home() -> House:
            house = build(f"home{next(names)}")
            house.add("main", whose, exchange.url)
            return house

        return kill_often(new_home, world, own, kills // WORKERS, exchange)

    with ThreadPoolExecutor(WORKERS) as pool:
        homes = sum(pool.map(work, [Random(rng.random()) for _ in range(WORKERS)]))
    measured(f"{kills} kills in scans over {len(world.facts()):,} fills, {homes} homes: 0 lost, 0 doubled")


class Stop:
    """Holds the answer to the n-th request from now on, before its first byte or in its middle, and says so."""

    def __init__(self, number: int, *, half: bool) -> None:
        self.reached = threading.Event()
        self._left = number
        self._half = half

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        self._left -= 1
        if self._left:
            return None
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self._half:
            whole = (await request.match_info.handler(request)).body
            response.content_length = len(whole)
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
        self.reached.set()
        await asyncio.sleep(PATIENCE_S)  # ends with its client
        return response


def kill_at_request(house: House, exchange: ServerThread, number: int, *, half: bool) -> int:
    """Kill a scan that waits for the answer to its n-th request; how it ended, if it did not ask so often."""
    stop = Stop(number, half=half)
    exchange.server.faults[:] = [stop]
    child = house.start("scan", "--json")
    while not stop.reached.wait(0.02) and child.poll() is None:
        pass
    exchange.server.faults.clear()
    child.kill()
    child.communicate()
    return child.returncode


BOUNDARIES = [
    "request sent",
    "half an answer",
    "before-commit",
    "after-commit",
    "before-print",
    "after-print",
]


_counted: dict[tuple[str, int], dict[str, int]] = {}


def count_boundaries(untouched: House, exchange: ServerThread, command: list[str]) -> dict[str, int]:
    """How often each boundary is crossed by one run that nothing disturbs."""
    key = (command[0], sum(len(a.world.executions()) for a in exchange.server.binance._accounts.values()))
    if key not in _counted:
        done, counts = untouched.copy(untouched.home.with_name("trial")).counted(*command)
        done.check(0)
        asked = len(exchange.server.requests)
        _counted[key] = {**counts, "request sent": asked, "half an answer": asked}
    return _counted[key]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_kill_at_a_boundary_loses_and_doubles_nothing(
    house: House, serve: Serve, world: Ledger, rng: Random, full: bool, measured: Measured, boundary: str
) -> None:
    """20 kills at each: whatever was committed stays and is told once more at most, whatever was not comes again."""
    kills = 20 if full else 2
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    untouched = house.copy(house.home.with_name("untouched"))
    command = ["watch", "--json", "--cycles", "1"] if "print" in boundary else ["scan", "--json"]
    counts = count_boundaries(untouched, exchange, command)
    done = homes = 0
    while done < kills:
        number = rng.randint(1, counts[boundary])
        if boundary in ("request sent", "half an answer"):
            code = kill_at_request(house, exchange, number, half=boundary != "request sent")
        else:
            code = house.run(*command, kill=f"{boundary}:{number}").code
        done += code == KILLED
        house.check_so_far(world)
        # Where the machine is too busy to answer itself in time, a run gives up and says so; the next one goes on.
        if code == 0:  # what was left to do had fewer of them: it was read whole
            house.check(world)
            homes += 1
            house = untouched.copy(house.home.with_name(f"home{homes}"))
    end_well(house, world)
    measured(f"{kills} kills, one of {counts[boundary]}: 0 lost, 0 doubled")
