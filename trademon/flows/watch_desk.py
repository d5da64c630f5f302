"""What the dashboard shows beside the watch itself, and what takes reading: figures by another method, open positions
at last prices, a row opened.

All of it is read in a thread, by stores of its own: a fold of a million fills takes seconds, and the screen goes on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from trademon.core.automation_reports import RoundsReport
from trademon.core.holding_reports import PositionsReport
from trademon.core.model import Method
from trademon.core.reports import Problem
from trademon.core.watch_figures import BookEarned
from trademon.core.watch_reports import BrokerDetail, Detail, WatchState
from trademon.flows.coverage import CapabilitiesOf, coverage
from trademon.flows.explain import explain
from trademon.flows.isolate import isolate
from trademon.flows.lots import lots
from trademon.flows.pnl import PnlQuery
from trademon.flows.pnl_marks import Told, host_key, last_prices
from trademon.flows.ports import Ports
from trademon.flows.positions import Open, positions_at, read_open
from trademon.flows.watch_figures import earned_by
from trademon.store.store import UserStore

T = TypeVar("T")
PRICES_EVERY_S = 60.0
"""One question to each host with something open: Binance counts 4 of 6,000 for it."""
REST = 10
"""Another method is worked out anew no sooner than after so many times what it took last."""
_ROUNDS = 50
Opened = tuple[Literal["brokers", "executions", "positions", "automation"], tuple[str | int, ...]]
"""A row that takes reading to open: the panel, and what the row goes by."""


async def in_thread(work: Callable[[], T]) -> T:
    """The result of `work`, in a thread that the end of the program does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[Any], None], value: object) -> None:
        if not done.done():
            act(value)

    def run() -> None:
        try:
            act, value = done.set_result, work()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
            act, value = done.set_exception, error  # type: ignore[assignment]
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, act, value)

    threading.Thread(target=run, daemon=True, name="watch-desk").start()
    return await done


@dataclass(slots=True)
class Desk:
    """One dashboard's readings. `on_change` is called whenever there is something new to show.

    Args:
        stores: Opened for this alone: the thread's.
        asking: The same users' stores of the loop, which last prices are asked with.
        ports: Clock and the way to exchanges.
        capabilities_of: What each exchange can do.
        on_change: Has the screen painted.
    """

    stores: Sequence[UserStore]
    asking: Sequence[UserStore]
    ports: Ports
    capabilities_of: CapabilitiesOf
    on_change: Callable[[], None]
    _method: Method | None = None
    _earned: tuple[BookEarned, ...] | None = None
    _earned_by: Method | None = None
    _earned_at: datetime | None = None
    _earned_of: object = None
    """The watch's own figures that another method's stand beside: others mean that something changed."""
    _next_fold: float = 0.0
    _positions: PositionsReport | None = None
    _positions_of: object = None
    _told: dict[object, Told] = field(default_factory=dict)
    _next_prices: float = 0.0
    _is_paused: bool = False
    _latest: object = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def completed(self, state: WatchState) -> WatchState:
        """The watch's state with what was read here; another method's figures in place of the kept ones."""
        self._is_paused = state.is_paused
        if state.earned is not self._latest:
            self._latest = state.earned
            self._wake.set()
        shown = replace(state, positions=self._positions)
        if self._method is None:
            return shown
        working = None if self._earned_by == self._method and self._earned_of is state.earned else self._method
        if self._earned is None or self._earned_by is None:
            return replace(shown, working_out=working)
        stale = self._earned_at if self._earned_of is not state.earned else None
        if self._earned_by == self._method and stale is not None:
            working = None  # it is worked out again in its time; meanwhile it says as of when it is
        return replace(shown, earned=self._earned, shown_method=self._earned_by, earned_at=stale, working_out=working)

    def show(self, method: Method | None) -> None:
        """Figures by `method` from now on, None: as books are kept. What is shown until they are there says what it
        is."""
        self._method, self._next_fold = method, 0.0
        if method is None:
            self._earned = self._earned_by = None
        self._wake.set()

    async def run(self) -> None:
        """Until it is cancelled: read what changed, and ask for last prices once a minute."""
        while True:
            now = self.ports.monotonic()
            if self._method is not None and self._needs_fold() and now >= self._next_fold:
                await self._fold(self._method)
            elif self._needs_prices(now) or self._positions_of is not self._latest:
                await self._read_positions(ask=self._needs_prices(now))
            else:
                await self._pause(now)

    def _needs_fold(self) -> bool:
        return self._earned_by != self._method or self._earned_of is not self._latest

    def _needs_prices(self, now: float) -> bool:
        return not self._is_paused and now >= self._next_prices

    async def _pause(self, now: float) -> None:
        """Until something changed, or the next thing is due."""
        due = [] if self._is_paused else [self._next_prices]
        due += [self._next_fold] if self._method is not None and self._needs_fold() else []
        self._wake.clear()
        left = min((at - now for at in due), default=PRICES_EVERY_S)
        with suppress(TimeoutError):  # not wait_for: a cancellation in the moment of a wake would be lost in it
            async with asyncio.timeout(max(0.05, left)):
                await self._wake.wait()

    async def _fold(self, method: Method) -> None:
        of, began = self._latest, self.ports.monotonic()
        at = self.ports.clock()
        found, error, _ = await isolate(self._read(lambda: earned_by(self.stores, method)), broker="", user="", at=at)
        took = self.ports.monotonic() - began
        # What cannot be read now (a book that is just being booked) is tried again in its time.
        self._next_fold = self.ports.monotonic() + max(1.0, REST * took)
        if error is None and self._method == method:
            self._earned, self._earned_by, self._earned_at, self._earned_of = found, method, at, of
        elif error is None:
            self._next_fold = 0.0  # another one is wanted by now
        self.on_change()

    async def _read_positions(self, *, ask: bool) -> None:
        """What is open, at the prices told last; `ask`: at new ones."""
        of, at = self._latest, self.ports.clock()
        if ask:
            self._next_prices = self.ports.monotonic() + PRICES_EVERY_S
        found, _, _ = await isolate(self._positions_now(at, ask=ask), broker="", user="", at=at)
        self._positions_of = of
        if found is not None:
            self._positions = found
        self.on_change()

    async def _positions_now(self, at: datetime, *, ask: bool) -> PositionsReport:
        open_: Open = await self._read(lambda: read_open(self.stores, (), at))
        stores = {store.user: store for store in self.asking}
        wanted = [(stores[broker.user], broker) for _, broker in open_.asked.values()]
        if not ask and not self._is_paused:  # a host that was never asked, whose first position was just opened
            wanted = [one for one in wanted if host_key(one[1]) not in self._told]
        if ask or (wanted and not self._is_paused):
            told = await last_prices(wanted, self.ports)
            # A host that does not answer leaves what it said before, with its age.
            self._told |= {host: one for host, one in told.items() if one.prices or host not in self._told}
        return await self._read(lambda: positions_at(open_, self._told, capabilities_of=self.capabilities_of))

    # --- a row opened -----------------------------------------------------------------------------------------

    async def open(self, opened: Opened) -> Detail:
        """What a row is in full, by the method that its book is kept by, as the row itself is; a Problem where that
        cannot be read."""
        user = str(opened[1][0])
        work = self._read(lambda: self._opened(opened))
        found, _, problem = await isolate(work, broker="", user=user, at=self.ports.clock())
        if found is None:
            return problem or Problem("fault", "nothing is known of it", user=user)
        return found

    async def _read(self, work: Callable[[], T]) -> T:
        """One reading at a time: a store's moment is one thread's."""
        async with self._reading:
            return await in_thread(work)

    def _opened(self, opened: Opened) -> Detail:
        panel, key = opened
        store = next(store for store in self.stores if store.user == key[0])
        if panel == "executions":
            return explain([store], int(key[1]))
        if panel == "brokers":
            return self._broker(store, str(key[1]))
        if panel == "automation":
            return RoundsReport(store.rounds(limit=_ROUNDS))
        broker, coin, currency = str(key[1]), str(key[2]), str(key[4])
        found = lots([store], PnlQuery(brokers=(broker,)))
        mine = (one for one in found.lots if one.currency == currency and coin in (one.symbol, _coin(one.symbol)))
        return replace(found, lots=tuple(mine), entered=())

    def _broker(self, store: UserStore, name: str) -> BrokerDetail:
        broker = store.broker(name)
        info = next(info for info in store.broker_infos() if info.name == name)
        report = coverage([store], (name,), now=self.ports.clock(), capabilities_of=self.capabilities_of)
        refused = tuple((one.at, one.reason) for one in store.quarantined(broker)[:_ROUNDS])
        return BrokerDetail(info, report, refused, store.broker_state(broker).last_error)


def _coin(symbol: str) -> str:
    """`BTC` of the spot symbol `BTC/USDT`; of a contract nothing: it is a position by its whole name."""
    return "" if ":" in symbol else symbol.partition("/")[0]
