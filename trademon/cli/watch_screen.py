"""The dashboard at work: keys change the view, the watch and the desk change the state, both have it painted."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
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


async def watch_on_screen(watch: Watch, console: Console, own: Sequence[UserStore]) -> None:
    """Paint on every change, and once a second so that ages and countdowns go on; `own` are stores for what takes
    reading."""
    cockpit = Cockpit(watch)
    cockpit.desk = Desk(own, watch.stores, watch.ports, capabilities_of, cockpit.changed)
    watch.on_state = cockpit.hear
    with Screen(console, on_key=cockpit.press, on_resize=cockpit.paint) as screen:
        cockpit.screen = screen
        beside = [asyncio.create_task(cockpit.every_second()), asyncio.create_task(cockpit.desk.run())]
        try:
            await watch.run()
        finally:
            for task in (*beside, *cockpit.opening):
                task.cancel()
            await asyncio.gather(*beside, *cockpit.opening, return_exceptions=True)


@dataclass(slots=True)
class Cockpit:
    """The state shown last, the view of it, and what an opened row came to."""

    watch: Watch
    view: View = field(default_factory=View)
    screen: Screen | None = None
    desk: Desk | None = None
    opening: set[asyncio.Task[None]] = field(default_factory=set)
    _state: WatchState | None = None
    _found: Detail | None = None
    _due: asyncio.TimerHandle | None = None

    def hear(self, state: WatchState) -> None:
        """The watch has a new state."""
        self._state = state
        self.changed()

    def changed(self) -> None:
        """Something is to be painted, soon: what comes at once is painted once."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(SOONEST_FRAME_S, self.paint)

    def paint(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self.screen is not None and self._state is not None and self.desk is not None:
            self.screen.show(self._now(self._state, self.desk), self.view, self._found)

    def _now(self, state: WatchState, desk: Desk) -> WatchState:
        return dataclasses.replace(desk.completed(state), now=self.watch.ports.clock())

    async def every_second(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.paint()

    def press(self, key: str) -> None:
        """One key: another view, or something to be done."""
        if self._state is None or self.desk is None:
            if key in ("q", "Q"):
                self.watch.stop.set()
            return
        self.view, action = press(self.view, key, self._now(self._state, self.desk))
        if action == "quit":
            self.watch.stop.set()
        elif action == "pause":
            self.watch.pause(on=not self.watch.is_paused)
        elif action == "scan":
            self.watch.scan_now()
        elif action == "method":
            self.desk.show(self.view.method)
        elif action == "open":
            self._open(self.desk)
        self.paint()

    def _open(self, desk: Desk) -> None:
        self._found = None
        opened = self.view.opened
        if opened is None or opened[0] in ("problems", "symbols"):
            return  # the state has all of it

        async def read() -> None:
            found = await desk.open(cast("Opened", opened))
            if self.view.opened == opened:
                self._found = found
                self.paint()

        task = asyncio.create_task(read())
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)
