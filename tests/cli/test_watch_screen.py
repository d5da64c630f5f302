"""The dashboard at work on a pretended terminal: keys do what they say, and a fault ends it with the terminal sane."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from rich.console import Console

from tests.flows.conftest import clock, empty_store, store  # noqa: F401 - fixtures
from tests.flows.test_watch import Stage, stage, trade  # noqa: F401 - a fixture
from trademon.cli.watch_screen import watch_on_screen
from trademon.flows.watch import Watch
from trademon.store.store import Store
from trademon.ui.watch import screen


@dataclass
class Board:
    """A dashboard that runs, what it painted last, and a keyboard."""

    watch: Watch
    running: asyncio.Task[None]
    painted: io.StringIO
    keyboard: int

    async def press(self, keys: str, until: Callable[[str], object]) -> str:
        """Type, and wait for the frame that shows it."""
        os.write(self.keyboard, keys.encode())
        return await self.shows(until)

    async def shows(self, until: Callable[[str], object]) -> str:
        async with asyncio.timeout(20):
            while not until(frame := self.painted.getvalue().rpartition("\x1b[H")[2]):
                assert not self.running.done(), self.running
                await asyncio.sleep(0.02)
        return frame


@pytest.fixture
async def board(stage: Stage, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Board]:  # noqa: F811
    stage.add("main").fills = [trade(1), trade(2, "sell", "110", at_s=-30)]
    ours, theirs = pty.openpty()
    monkeypatch.setattr(screen, "_stdin", lambda: theirs)
    watch = stage.watch(real_time=True, interval_s=3600)
    painted = io.StringIO()
    console = Console(file=painted, force_terminal=True, width=100, height=30, color_system=None)
    beside = Store(f"sqlite:///{store.path}", key_file=store.path.with_name("master.key"), clock=stage.time.clock)
    own = [beside.for_user(stage.user.user)]
    running = asyncio.create_task(watch_on_screen(watch, console, own))
    before = termios.tcgetattr(theirs)
    yield Board(watch, running, painted, ours)
    watch.stop.set()
    with suppress(RuntimeError):
        await running
    assert termios.tcgetattr(theirs) == before
    tail = painted.getvalue()
    assert tail.rindex("\x1b[?1049l") > tail.rindex("\x1b[?1049h")
    beside.close()
    os.close(ours)
    os.close(theirs)


async def test_keys_do_what_the_footer_says(board: Board, stage: Stage) -> None:  # noqa: F811
    """Pause, look at once, another method, a filter, a row opened as it is kept and closed, help, and out."""
    await board.shows(lambda frame: "+10.00 USDT" in frame)
    assert "resume" in await board.press("p", lambda frame: "paused" in frame)
    stage.accounts["main"].asked_at.clear()
    board.watch._last_tick = -1e9
    await board.press("s", lambda _: stage.accounts["main"].asked_at)
    await board.press("p", lambda frame: "paused" not in frame)
    await board.press("m", lambda frame: "P&L by fifo" in frame and "working out" not in frame)
    await board.press("/zzz\r", lambda frame: "no execution with that in it" in frame)
    await board.press("\x1b", lambda frame: "filter" not in frame.partition("\n")[0])
    await board.press("\r", lambda frame: "execution 2, by fifo" in frame and "lot" in frame)
    await board.press("\x1b", lambda frame: "─ executions" in frame)
    await board.press("?", lambda frame: "─ help" in frame)
    os.write(board.keyboard, b"q")
    async with asyncio.timeout(20):
        await board.running


async def test_a_fault_in_painting_ends_it_and_is_told(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old screen that looks like a live one would be worse."""
    await board.shows(lambda frame: "trademon" in frame)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(screen, "render_dashboard", fail)
    with pytest.raises(RuntimeError, match="boom"):
        async with asyncio.timeout(20):
            await board.running
    assert board.watch.stop.is_set()
