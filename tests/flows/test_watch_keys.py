"""A watch that is paused, asked to look at once, and shown what brokers and coins are called by an enemy."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.flows.desk import NOON
from tests.flows.test_watch import Account, Stage, stage, trade  # noqa: F401 - a fixture
from tests.ui.test_watch_view import CONTROL, hostile_names
from tests.ui.world import text_of
from trademon.core.model import Broker
from trademon.core.watch_reports import WatchEvent
from trademon.errors import AuthError, NetworkError
from trademon.flows.watch import Watch
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore
from trademon.ui.csv_out import fills_csv
from trademon.ui.watch.layout import render_dashboard
from trademon.ui.watch.view import View


async def test_hostile_names_are_stored_as_they_are_and_shown_harmless(stage: Stage) -> None:  # noqa: F811
    """100 coins that are escape sequences, markup and formulas: exact in the store, inert in CSV and on a screen."""
    broker = stage.user.add_broker(
        "hostile",
        exchange="manual",
        market="spot",
        since=NOON,
        base_url=None,
        symbols=(),
        method=None,
        credentials=None,
    )
    names = sorted(set(hostile_names(100)))
    fills = [replace(trade(n), symbol=f"{name}/USDT", base=name) for n, name in enumerate(names)]
    for fill in fills:
        stage.user.books.book_page(
            broker, [fill], account_id=broker.account_id, method="fifo", source="import", seen_at=NOON
        )
    stored = stage.user.fills(FillQuery()).fills
    assert [row.symbol for row in stored] == [f"{name}/USDT" for name in names]
    await stage.watch(interval_s=10, cycles=1).run()
    for view in (View(), View(focus="symbols", range="all"), View(focus="brokers")):
        shown = text_of(render_dashboard(stage.states[-1], view, width=120, height=60), 120)
        assert CONTROL.search(shown) is None
    table = io.StringIO()
    fills_csv(stage.user.fills(FillQuery()), table)
    rows = list(csv.reader(io.StringIO(table.getvalue(), newline="")))
    assert len(rows) == len(names) + 1
    assert not [cell for row in rows for cell in row if re.match(r"[=@+\t\r]|-[^0-9.]", cell)]


# --- paused, and at once ------------------------------------------------------------------------------------------


async def test_paused_it_asks_nobody_until_it_goes_on(stage: Stage) -> None:  # noqa: F811
    """No look while it is paused, one at once when it goes on; the screen says so all the while."""
    account = stage.add("main")
    watch = stage.watch(interval_s=10, cycles=4)

    async def sleep(seconds: float) -> None:
        await stage.time.sleep(seconds)
        if stage.time.s == 20:
            watch.pause(on=True)
        if stage.time.s == 60:
            watch.pause(on=False)

    watch.ports = replace(watch.ports, sleep=sleep)
    await watch.run()
    assert account.asked_at == [0, 10, 60, 70]
    paused = [state for state in stage.states if state.is_paused]
    assert paused
    assert all(state.next_at is None and state.brokers[0].next_at is None for state in paused)
    assert [e.cycle for e in stage.told("cycle")] == [1, 2, 3, 4]


async def test_scan_now_asks_at_once_also_whom_it_asks_less_often(stage: Stage) -> None:  # noqa: F811
    """A person who has mended something need not wait a minute; ticks stay where they were."""
    account = stage.add("main", plan=[AuthError("refused", hint="x"), 0.0])
    watch = stage.watch(interval_s=10, cycles=4)

    async def sleep(seconds: float) -> None:
        if stage.time.s == 10:
            await stage.time.sleep(4)
            watch.scan_now()
            await asyncio.sleep(3600)  # cancelled: nobody waits for the tick any more
        await stage.time.sleep(seconds)

    watch.ports = replace(watch.ports, sleep=sleep)
    await watch.run()
    assert account.asked_at == [0, 14, 20]  # at 10 it was left alone, at 14 it was asked


async def test_scan_now_while_paused_is_one_look(stage: Stage) -> None:  # noqa: F811
    """And then it is paused as before."""
    account = stage.add("main")
    watch = stage.watch(interval_s=10)
    watch.is_paused = True

    async def sleep(seconds: float) -> None:
        await stage.time.sleep(seconds)
        if stage.time.s == 30:
            watch.scan_now()
        if stage.time.s == 60:
            watch.stop.set()

    watch.ports = replace(watch.ports, sleep=sleep)
    await watch.run()
    assert account.asked_at == [30]


async def test_whoever_leans_on_the_key_asks_once_a_second(stage: Stage) -> None:  # noqa: F811
    """A hundred wishes within a second are none: what was just asked is not asked again."""
    account = stage.add("main")
    watch = stage.watch(interval_s=10, cycles=2)

    def lean(event: WatchEvent) -> None:
        if event.event == "cycle":
            for _ in range(100):
                watch.scan_now()

    stage.hook = lean
    await watch.run()
    assert account.asked_at == [0, 10]


async def test_a_quick_broker_is_told_before_a_slow_one_has_answered(stage: Stage) -> None:  # noqa: F811
    """An execution is on the screen when its own broker's pass ended."""
    go_on = asyncio.Event()
    stage.add("slow", plan=[go_on])
    stage.add("quick").fills = [trade(1)]
    watch = stage.watch(interval_s=10, cycles=1)

    def hear(event: WatchEvent) -> None:
        if event.event == "fill":
            go_on.set()

    stage.hook = hear
    async with asyncio.timeout(10):
        await watch.run()
    assert [e.event for e in stage.events] == ["start", "fill", "pnl", "cycle", "stop"]


async def test_each_broker_says_when_it_is_asked_next_and_what_its_host_has_left(stage: Stage) -> None:  # noqa: F811
    """One that failed is asked at the tick after its pause, and the screen says which; the budget is the host's."""
    stage.add("bad", plan=[NetworkError("no answer")] * 3)
    stage.add("good")
    await stage.watch(interval_s=10, cycles=2).run()
    bad, good = stage.states[-1].brokers
    assert (bad.errors_in_row, bad.next_at, good.next_at) == (
        2,
        NOON + timedelta(seconds=30),
        NOON + timedelta(seconds=20),
    )
    assert good.budget == (120, 6000)


async def test_the_errors_of_one_broker_go_and_those_of_its_namesake_stay(store: Store, tmp_path: Path) -> None:
    """Two users may have a broker of one name."""
    store.add_user("zoe", method=None, currency=None, telegram_chat=None)
    ours = Stage(store.for_user(store.users()[0].name), tmp_path / "locks")
    other = Stage(store.for_user("zoe"), tmp_path / "locks", ours.time)
    ours.add("main", plan=[NetworkError("first"), 0.0])
    other.add("main", plan=[NetworkError("second")] * 2)
    accounts = {ours.user.user: ours.accounts["main"], "zoe": other.accounts["main"]}

    async def open_exchange(told: UserStore, _: Broker) -> Account:
        return accounts[told.user]

    watch = ours.watch(interval_s=10, cycles=2)
    watch = Watch(
        (ours.user, other.user),
        replace(watch.ports, open_exchange=open_exchange),
        watch.options,
        "x",
        ours._hear,
        ours.states.append,
    )
    await watch.run()
    assert [(p.user, p.message) for p in ours.states[-1].problems] == [("zoe", "second")]
    assert {e.message for e in ours.states[-1].errors} == {"first", "second"}
