"""Many runs on one sign-in whose tokens are good once, and runs that die between an answer and its saving."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import ChaosClock, House
from tests.cli.shell import ServerThread
from tests.saxo import BankWorld, saxo_account, sign_in

LOGIN = "trademon broker login sx"


@pytest.fixture
def saxo(house: House, serve: Serve, clock: ChaosClock) -> ServerThread:
    """A house with a signed-in broker `sx`, and its server."""
    world = BankWorld(clock=clock)
    start = clock().replace(microsecond=0) - timedelta(hours=5)
    world.buy("AAPL:xnas/USD", "10", "228.50", start, fee="5")
    world.sell("AAPL:xnas/USD", "4", "230", start + timedelta(minutes=1), fee="2")
    account = saxo_account(world)
    running = serve(account)
    house.add("sx", account, running.url)
    sign_in(house.run, "sx")
    return running


@pytest.mark.timeout(600)
def test_ten_runs_at_once_never_use_a_token_twice(
    house: House, saxo: ServerThread, clock: ChaosClock, full: bool, measured: Measured
) -> None:
    """Each round finds the token to ask with ended: one renewal serves all ten, scans and renewals alike."""
    rounds = 50 if full else 5
    logins = saxo.server.saxo.logins
    commands = [["scan", "--json"], ["broker", "refresh", "--json"]] * 5
    for n in range(rounds):
        clock.move(minutes=25)
        with ThreadPoolExecutor(len(commands)) as pool:
            ends = list(pool.map(lambda command: house.run(*command), commands))
        for done in ends:
            assert done.code in (0, 75), (n, done.code, done.out[-500:], done.err)
        assert not logins.reused, f"round {n}: a token came twice"
    assert logins.asked == rounds
    assert len(house.stored()) == 2
    measured(f"{rounds} rounds of 10 runs: {logins.asked} renewals, 0 tokens used twice")


def killed_at_the_answer(server: ServerThread, child: Callable[[], subprocess.Popen[str]]) -> int:
    """Start a run, and kill it when the login server has given its answer and before it arrives; how it ended."""
    started: list[subprocess.Popen[str]] = []
    ready = threading.Event()

    async def strike(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/token":
            return None
        answer = await request.match_info.handler(request)  # the token is used from here on
        await asyncio.to_thread(ready.wait, 10)
        os.kill(started[0].pid, signal.SIGKILL)
        await asyncio.to_thread(started[0].wait, 10)
        return answer

    server.server.faults.append(strike)
    try:
        started.append(child())
        ready.set()
        started[0].communicate(timeout=60)
    finally:
        server.server.faults.clear()
    return started[0].returncode


@pytest.mark.timeout(600)
def test_a_run_that_dies_between_answer_and_saving_costs_one_sign_in_and_no_more(
    house: House, saxo: ServerThread, clock: ChaosClock, full: bool, measured: Measured
) -> None:
    """The next run tries the old token once, says so with the command that mends it and exit 4; after that nothing asks
    the login server, however often. Cron's renewal tells it once."""
    times = 50 if full else 5
    logins = saxo.server.saxo.logins
    for n in range(times):
        clock.move(minutes=25)
        run: Any = ["scan"] if n % 2 else ["broker", "refresh"]
        assert killed_at_the_answer(saxo, lambda run=run: house.start(*run)) == -signal.SIGKILL
        asked = logins.asked
        told = [house.run("broker", "refresh"), house.run("broker", "refresh")]
        assert [done.code for done in told] == [4, 4]
        told[0].one_line("sx", "ended before it had saved the answer", LOGIN)
        assert told[1].err == ""
        house.run("scan").check(4).one_line("sx", LOGIN)
        assert logins.asked == asked + 1, "a lost session was asked for again"
        sign_in(house.run, "sx")
        house.run("scan", "--json").check(0)
    assert len(logins.reused) == times  # the one try that a lost answer costs
    measured(f"killed {times} times: each exit 4, told once, 1 more question, mended by a sign-in")


def test_a_watch_tells_a_lost_session_once_and_goes_on_by_itself_after_a_sign_in(
    house: House, saxo: ServerThread, clock: ChaosClock
) -> None:
    """One alert with the command, however many cycles; and one when it works again."""
    clock.move(minutes=25)
    killed_at_the_answer(saxo, lambda: house.start("broker", "refresh"))
    watch = house.start("watch", "--json", "--interval", "1")
    assert watch.stdout is not None
    events: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: events.extend(map(json.loads, watch.stdout or ())))
    reader.start()
    try:
        _until(lambda: sum(e["event"] == "cycle" for e in events) >= 5)
        alerts = [e for e in events if e["event"] == "alert"]
        assert [(a["kind"], a["hint"]) for a in alerts] == [("auth", LOGIN)]
        asked = saxo.server.saxo.logins.asked
        sign_in(house.run, "sx")
        _until(lambda: any(e.get("message") == "signed in again" for e in events))
        assert saxo.server.saxo.logins.asked == asked
    finally:
        watch.send_signal(signal.SIGTERM)
        watch.wait(20)
        reader.join(10)
        watch.stdout.close()
        if watch.stderr is not None:
            watch.stderr.close()
    assert len([e for e in events if e["event"] == "alert"]) <= 3  # lost, signed in again, works again


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
