"""What the chaos suite does to a child process from outside: found on PYTHONPATH by Python itself, at every start.

The product has no switches for tests. `CHAOS_KILL=before-commit:3` kills the process with SIGKILL at the third commit
of a writing transaction, `CHAOS_KILL=step:3` before the third call that changes a file or the store; `CHAOS_CLOCK_S`
moves its clock; `CHAOS_FSIZE` limits the files it may write; `CHAOS_COUNTS` names a file that says at the end what was
counted; `CHAOS_INTERRUPT` names a module at whose import Ctrl-C is pressed; `CHAOS_BREAK` a change of `broken.py`.
"""

from __future__ import annotations

import atexit
import datetime
import json
import os
import resource
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

POINT, _, _number = os.environ.get("CHAOS_KILL", "").partition(":")
NUMBER = int(_number or 0)
counts: Counter[str] = Counter()


def reached(point: str) -> None:
    """Count it; die here if this is the one."""
    counts[point] += 1
    if point == POINT and counts[point] == NUMBER:
        os.kill(os.getpid(), signal.SIGKILL)


class Connection(sqlite3.Connection):
    """Dies before or after it commits what it wrote."""

    _writes = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self._writes:
            reached("step")
        if sql.startswith("BEGIN"):
            self._writes = sql == "BEGIN IMMEDIATE"
        is_commit = sql == "COMMIT" and self._writes
        if is_commit:
            reached("before-commit")
        cursor = super().execute(sql, *values)
        if is_commit:
            reached("after-commit")
        return cursor


def count_steps() -> None:
    """The calls by which a key file is made and replaced."""
    for name in ("link", "replace", "unlink", "fsync"):
        setattr(os, name, _stepped(getattr(os, name)))


def _stepped(call: Any) -> Any:
    def stepped(*args: Any, **more: Any) -> Any:
        reached("step")
        return call(*args, **more)

    return stepped


class Output:
    """Standard output, which dies before or after something is printed."""

    buffer = None
    """Nobody writes past us, also where the stream itself has no buffer (PYTHONUNBUFFERED)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        reached("before-print")
        size = self._stream.write(text)
        self._stream.flush()
        reached("after-print")
        return size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Moved(datetime.datetime):
    """A clock that is off by CHAOS_CLOCK_S seconds."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Moved:
        return super().now(tz) + datetime.timedelta(seconds=float(os.environ["CHAOS_CLOCK_S"]))


class Interrupt:
    """Presses Ctrl-C when a module is about to be imported."""

    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(self, name: str, *_: object) -> None:
        if name == self._module:
            os.kill(os.getpid(), signal.SIGINT)


def around_messages() -> None:
    """Dies before a message is handed to Telegram, or when Telegram has it and nobody here knows."""
    from trademon.notify.telegram import TelegramBot

    send = TelegramBot.send

    async def reaching(self: Any, *args: Any, **more: Any) -> None:
        reached("before-message")
        await send(self, *args, **more)
        reached("after-message")

    TelegramBot.send = reaching  # type: ignore[method-assign]


def write_counts(path: str) -> None:
    """What was counted, and the most memory this process ever had."""
    status = Path("/proc/self/status")
    peak = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    Path(path).write_text(json.dumps({**counts, "peak_kb": int(peak[0])}))


def set_up() -> None:
    """Only what the environment asks for."""
    connect = sqlite3.connect
    if POINT or "CHAOS_COUNTS" in os.environ:
        sqlite3.connect = lambda *args, **more: connect(*args, factory=Connection, **more)  # type: ignore[assignment]
        sys.stdout = Output(sys.stdout)  # type: ignore[assignment]
        count_steps()
    if POINT.endswith("-message"):
        around_messages()
    if "CHAOS_COUNTS" in os.environ:
        atexit.register(write_counts, os.environ["CHAOS_COUNTS"])
    if os.environ.get("CHAOS_CLOCK_S", "0") != "0":
        datetime.datetime = Moved  # type: ignore[misc]
    if "CHAOS_FSIZE" in os.environ:
        limit = int(os.environ["CHAOS_FSIZE"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if "CHAOS_INTERRUPT" in os.environ:
        sys.meta_path.insert(0, Interrupt(os.environ["CHAOS_INTERRUPT"]))  # type: ignore[arg-type]
    if "CHAOS_BREAK" in os.environ:
        import broken

        broken.apply(os.environ["CHAOS_BREAK"])


set_up()
