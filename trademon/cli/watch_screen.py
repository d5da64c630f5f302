"""The dashboard at work: keys change the view, the watch and the desk change the state, both have it painted."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from trademon.core.watch_reports import Detail, WatchState
from trademon.exchanges.registry import capabilities_of
from trademon.flows.watch import Watch
from trademon.flows.watch_desk import Desk, Opened
from trademon.store.store import UserStore
from trademon.ui.watch.screen import Screen
from trademon.ui.watch.view import View, press

if TYPE_CHECKING:
    from rich.console import Console

SOONEST_FRAME_S = 0.1
"""However much happens at once, it is painted ten times a second at most; a key at once."""
LATEST_FRAME_S = 1.0
"""Ages and countdowns go on."""


async def watch_on_screen(watch: Watch, console: Console, own: Sequence[UserStore]) -> None:
    """The watch with its dashboard, until it ends. A fault in painting ends it, too: an old screen that looks like a
    live one is worse than none. `own` are stores for what takes reading."""
    cockpit = Cockpit(watch)
    desk = Desk(own, watch.stores, watch.ports, capabilities_of, cockpit.changed)
    watch.on_state = cockpit.hear
    with Screen(console, on_key=cockpit.type, on_resize=cockpit.paint_now) as screen:
        beside = [asyncio.create_task(cockpit.run(screen, desk)), asyncio.create_task(desk.run())]
        for task in beside:
            task.add_done_callback(lambda _: watch.stop.set())
        try:
            await watch.run()
        finally:
            for task in (*beside, *cockpit.opening):
                task.cancel()
            ended = await asyncio.gather(*beside, *cockpit.opening, return_exceptions=True)
    for fault in ended:
        if isinstance(fault, Exception):
            raise fault


@dataclass(slots=True)
class Cockpit:
    """The state shown last, the view of it, and what an opened row came to."""

    watch: Watch
    view: View = field(default_factory=View)
    opening: set[asyncio.Task[None]] = field(default_factory=set)
    _state: WatchState | None = None
    _found: Detail | None = None
    _typed: deque[str] = field(default_factory=deque)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _at_once: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, state: WatchState) -> None:
        """The watch has a new state."""
        self._state = state
        self.changed()

    def type(self, key: str) -> None:
        """A key was typed."""
        self._typed.append(key)
        self.paint_now()

    def changed(self) -> None:
        """Something is to be painted, soon: what comes at once is painted once."""
        self._changed.set()

    def paint_now(self) -> None:
        self._at_once.set()
        self._changed.set()

    async def run(self, screen: Screen, desk: Desk) -> None:
        """Obey keys and paint, until it is cancelled."""
        while True:
            self._changed.clear()
            self._at_once.clear()
            while self._typed:
                self._press(self._typed.popleft(), desk)
            if self._state is not None:
                screen.show(self._now(self._state, desk), self.view, self._found)
            await _within(SOONEST_FRAME_S, self._at_once)
            await _within(LATEST_FRAME_S - SOONEST_FRAME_S, self._changed)

    def _now(self, state: WatchState, desk: Desk) -> WatchState:
        return dataclasses.replace(desk.completed(state), now=self.watch.ports.clock())

    def _press(self, key: str, desk: Desk) -> None:
        """One key: another view, or something to be done."""
        if self._state is None:
            return
        self.view, action = press(self.view, key, self._now(self._state, desk))
        if action == "quit":
            self.watch.stop.set()
        elif action == "pause":
            self.watch.pause(on=not self.watch.is_paused)
        elif action == "scan":
            self.watch.scan_now()
        elif action == "method":
            desk.show(self.view.method)
        elif action == "open":
            self._open(desk)

    def _open(self, desk: Desk) -> None:
        self._found = None
        opened = self.view.opened
        if opened is None or opened[0] in ("problems", "symbols"):
            return  # the state has all of it

        async def read() -> None:
            found = await desk.open(cast("Opened", opened))
            if self.view.opened == opened:
                self._found = found
                self.paint_now()

        task = asyncio.create_task(read())
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Until the event, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
