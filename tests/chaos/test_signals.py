"""A watch in a terminal that is told to end, at any moment: it is gone soon, and the terminal is as it was."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import BUSY, PATIENCE_S, PROGRAM, House, account
from tests.chaos.ledger import Ledger

GONE_S = 2
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
ENTERED = b"\x1b[?1049h"


class Tty:
    """A child on a pseudo-terminal, and all it ever wrote."""

    def __init__(self, house: House, *args: str) -> None:
        self.master, self.slave = os.openpty()
        termios.tcsetwinsize(self.slave, (35, 120))
        self.before = termios.tcgetattr(self.slave)
        self.written = b""
        ends = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        self.child = subprocess.Popen([*PROGRAM, *args], env=house.env(), cwd=house.home, **ends)

    def read(self, seconds: float) -> bool:
        """Take in what comes within so long; whether something came."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.written += os.read(self.master, 65536)
        return True

    def read_until(self, words: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.written:
            assert time.monotonic() < deadline, self.written[-2000:]
            self.read(0.1)

    def read_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)

    def end(self, number: int) -> float:
        """Send the signal and take in what still comes; how long until it was gone."""
        self.child.send_signal(number)
        started = time.monotonic()
        while self.child.poll() is None:
            assert time.monotonic() - started < PATIENCE_S
            self.read(0.01)
        took = time.monotonic() - started
        while self.read(0):
            pass
        return took

    def assert_sane(self) -> None:
        """Cursor shown, alternate screen left, settings as before."""
        assert self.written.rfind(b"\x1b[?25h") >= self.written.rfind(b"\x1b[?25l")
        assert self.written.rfind(b"\x1b[?1049l") >= self.written.rfind(ENTERED)
        assert termios.tcgetattr(self.slave)[:4] == self.before[:4]


@contextlib.contextmanager
def on_tty(house: House, *args: str) -> Iterator[Tty]:
    tty = Tty(house, *args)
    try:
        yield tty
    finally:
        tty.child.kill()
        tty.child.wait()
        os.close(tty.master)
        os.close(tty.slave)


@pytest.mark.parametrize("number", SIGNALS, ids=["TERM", "INT", "HUP"])
def test_a_signal_at_any_moment_ends_a_watch_and_leaves_the_terminal_sane(
    house: House, serve: Serve, world: Ledger, rng: Random, full: bool, measured: Measured, number: signal.Signals
) -> None:
    """50 times each, in the first second of its life or while it paints, scans and books."""
    times = 50 if full else 5
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    house.scan("--broker", "main").check(0)

    def once(moment: float) -> float:
        with on_tty(house, "watch", "--interval", "1") as tty:
            if moment < 0:  # before its screen is there
                tty.read_for(-moment)
            else:
                tty.read_until(ENTERED)
                tty.read_for(moment)
            took = tty.end(number)
            tty.assert_sane()
            if moment >= 0:
                assert tty.child.returncode == 128 + number
            return took

    slow_s = house.start_s()
    moments = [rng.uniform(-0.5, 1.5) for _ in range(times)]
    with ThreadPoolExecutor(2) as pool:
        longest = max(pool.map(once, moments))
    slow_s = max(slow_s, house.start_s())
    assert longest < GONE_S + BUSY * slow_s
    house.check(world)
    measured(
        f"{times} times {number.name}: gone within {longest:.2f} s (starting takes {slow_s:.2f} s), terminal sane, "
        "0 lost, 0 doubled"
    )


@pytest.mark.parametrize("module", ["typer", "trademon.cli.watch_cmd", "trademon.wiring", "trademon.flows.watch"])
def test_ctrl_c_while_it_starts_prints_no_traceback(house: House, module: str) -> None:
    """A person who notices the wrong command at once: 130, and nothing to read but a word."""
    done = house.run("watch", "--plain", "--cycles", "1", interrupt=module)
    assert done.code == 130, (done.code, done.err[-300:])
    assert "Traceback" not in done.err
