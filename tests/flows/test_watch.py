"""Ticks, events and states of a watch, on a clock of the test's own and with exchanges that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk, make_account, truth
from trademon.core.coverage import Span
from trademon.core.model import Balance, Broker, Fee, Fill, Market, OpenOrder, TransferKind
from trademon.core.watch_reports import WatchEvent, WatchState
from trademon.errors import AuthError, Busy, HostAskedToWait, NetworkError, TrademonError
from trademon.exchanges.base import AccountView, Capabilities, CashPage, FillPage, TransferPage
from trademon.flows.ports import Ports
from trademon.flows.watch import Watch, WatchOptions
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore

BTC = Market("BTC/USDT", "BTC", "USDT", "BTCUSDT")


@dataclass
class Time:
    """Seconds since noon; sleeping is what makes them go by."""

    s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.s)

    def monotonic(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.s += seconds
        await asyncio.sleep(0)


@dataclass
class Account:
    """What a made-up exchange answers: `plan` an error, or the seconds a pass takes, a pass each; then all is well."""

    time: Time
    plan: list[TrademonError | float | asyncio.Event] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    on_page: Callable[[], None] | None = None
    asked_at: list[float] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(timedelta(days=90), True, True, 200, None))
    requests: int = 0

    def now(self) -> datetime:
        return self.time.clock()

    def has_budget(self) -> bool:
        return True

    def budget(self) -> tuple[int, int]:
        return 120, 6000

    async def sync_clock(self) -> timedelta:
        self.asked_at.append(self.time.s)
        self.log.append("begin")
        step = self.plan.pop(0) if self.plan else 0.0
        if isinstance(step, TrademonError):
            raise step
        if isinstance(step, asyncio.Event):
            await step.wait()
        else:
            self.time.s += step
        await asyncio.sleep(0)
        return timedelta(0)

    async def fetch_markets(self) -> tuple[Market, ...]:
        return (BTC,)

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        return AccountView(None, (Balance("USDT", Decimal(1), Decimal(0)),))

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        return ()

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        return frozenset({"BTCUSDT"})

    async def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        for fill in [f for f in self.fills if f.executed_at <= self.now()]:
            yield FillPage((fill,), Span(span.start, span.start))
            if self.on_page:
                self.on_page()
                await asyncio.sleep(0)
        yield FillPage((), span)

    async def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        yield TransferPage((), span)

    async def fetch_candles(self, market: Market, start: datetime, count: int, interval: timedelta) -> tuple[()]:
        return ()

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[()]:
        return ()

    async def fetch_rights(self) -> None:
        return None

    async def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        yield CashPage((), span)

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        return {}

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        return {}

    async def close(self) -> None:
        self.log.append("end")


def trade(n: int, side: Any = "buy", price: str = "100", at_s: float = -60) -> Fill:
    """The nth fill: 1 BTC, without a fee, `at_s` seconds after noon."""
    at = NOON + timedelta(seconds=at_s)
    return Fill(str(n), "BTC/USDT", "BTC", "USDT", side, Decimal(1), Decimal(price), at, (Fee(Decimal(0), "USDT"),))


@dataclass
class Stage:
    """A store with a user, made-up exchanges by broker name, and everything a watch told."""

    user: UserStore
    locks: Path
    time: Time = field(default_factory=Time)
    accounts: dict[str, Account] = field(default_factory=dict)
    events: list[WatchEvent] = field(default_factory=list)
    states: list[WatchState] = field(default_factory=list)
    hook: Callable[[WatchEvent], None] | None = None

    def add(self, name: str, **account: Any) -> Account:
        self.user.add_broker(
            name,
            exchange="bitget",
            market="spot",
            since=NOON - timedelta(days=1),
            base_url=None,
            symbols=(),
            method=None,
            credentials=None,
        )
        self.accounts[name] = Account(self.time, **account)
        return self.accounts[name]

    def watch(self, *, real_time: bool = False, **options: Any) -> Watch:
        async def open_exchange(store: UserStore, broker: Broker) -> Account:
            return self.accounts[broker.name]

        ports = Ports(open_exchange, self.locks, self.time.clock, self.time.monotonic, self.time.sleep)
        if real_time:
            ports = Ports(open_exchange, self.locks)
        return Watch((self.user,), ports, WatchOptions(**options), "test", self._hear, self.states.append)

    def _hear(self, event: WatchEvent) -> None:
        self.events.append(event)
        if self.hook:
            self.hook(event)

    def told(self, *kinds: str) -> list[WatchEvent]:
        return [e for e in self.events if e.event in kinds]

    def seen_states(self, name: str) -> list[str]:
        """The broker's states as they were shown, each change once."""
        shown = [b.state for state in self.states for b in state.brokers if b.name == name]
        return [s for i, s in enumerate(shown) if i == 0 or shown[i - 1] != s]


@pytest.fixture
def stage(store: Store, tmp_path: Path) -> Stage:
    return Stage(store.for_user(store.users()[0].name), tmp_path / "locks")


# --- ticks --------------------------------------------------------------------------------------------------------


async def test_ticks_are_whole_intervals_after_the_first(stage: Stage) -> None:
    """Whatever a pass took: no drift adds up."""
    account = stage.add("main", plan=[3.0, 0.5, 7.25, 0.0])
    await stage.watch(interval_s=10, cycles=4).run()
    assert account.asked_at == [0, 10, 20, 30]
    assert stage.time.slept == [7, 9.5, 2.75]


async def test_an_overrun_skips_ticks_and_queues_none(stage: Stage) -> None:
    """A pass of 25 s at an interval of 10: the next tick is at 30, and then it goes on as before."""
    account = stage.add("main", plan=[25.0, 0.0, 41.0])
    await stage.watch(interval_s=10, cycles=4).run()
    assert account.asked_at == [0, 30, 40, 90]


async def test_each_cycle_is_told_with_its_number_and_its_brokers(stage: Stage) -> None:
    """One cycle event a tick, between one start and one stop."""
    stage.add("a")
    stage.add("b", plan=[2.5])
    await stage.watch(interval_s=10, cycles=3).run()
    assert [e.event for e in stage.events] == ["start", "cycle", "cycle", "cycle", "stop"]
    assert [e.cycle for e in stage.told("cycle")] == [1, 2, 3]
    scans = [e.scan for e in stage.told("cycle")]
    assert all(scan and sorted(b.broker for b in scan.brokers) == ["a", "b"] for scan in scans)
    assert stage.told("cycle")[0].seconds == Decimal("2.500")
    assert "every 10 s" in stage.told("start")[0].text


async def test_a_broker_that_hangs_delays_nobody_and_is_told_when_it_ends(stage: Stage) -> None:
    """The ticks go on for the others; its own pass is one, not one a tick, and its end is told."""
    go_on = asyncio.Event()
    slow = stage.add("slow", plan=[go_on])
    quick = stage.add("quick")
    watch = stage.watch(real_time=True, interval_s=0.2)

    def hear(event: WatchEvent) -> None:
        if event.event != "cycle":
            return
        if event.cycle == 4:
            go_on.set()
        names = [b.broker for b in event.scan.brokers] if event.scan else []
        if "slow" in names:
            watch.stop.set()

    stage.hook = hear
    async with asyncio.timeout(10):
        await watch.run()
    cycles = stage.told("cycle")
    assert len(quick.asked_at) >= 5
    assert len(slow.log) <= 4
    with_slow = [e.cycle for e in cycles if e.scan and "slow" in [b.broker for b in e.scan.brokers]]
    assert with_slow
    assert with_slow[0] >= 4
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(cycles)]
    assert max(gaps) < 1.5  # a slow machine, yet far from waiting for the one that hangs


async def test_one_by_one_is_one_after_the_other(stage: Stage) -> None:
    """No broker begins before the one before it ended, in the order of their names."""
    log: list[str] = []
    for name in ("c", "a", "b"):
        account = stage.add(name)
        account.log = _Marked(name, log)  # type: ignore[assignment]
    await stage.watch(interval_s=10, cycles=2, one_by_one=True).run()
    one_round = ["begin a", "end a", "begin b", "end b", "begin c", "end c"]
    assert log == one_round * 2


class _Marked:
    """A log of one broker inside the log of all."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name = name
        self._log = log

    def append(self, word: str) -> None:
        self._log.append(f"{word} {self._name}")


async def test_together_is_together(stage: Stage) -> None:
    """Without --one-by-one all of them begin before the first has ended."""
    log: list[str] = []
    for name in ("a", "b", "c"):
        stage.add(name).log = _Marked(name, log)  # type: ignore[assignment]
    await stage.watch(interval_s=10, cycles=1).run()
    assert [word.split()[0] for word in log[:3]] == ["begin"] * 3


# --- states and news ----------------------------------------------------------------------------------------------


async def test_a_broker_that_fails_is_asked_less_often_and_more_than_five_failures_are_an_alert(stage: Stage) -> None:
    """Every 10 s, then after 20, 40, 60, 60 s; the sixth failure in a row is told once, and so is the recovery."""
    stage.add("main", plan=[*[NetworkError("no answer")] * 7, 0.0, 0.0])
    await stage.watch(interval_s=10, cycles=33).run()
    assert [e.cycle for e in stage.told("error")] == [1, 2, 4, 8, 14, 20, 26]
    alerts = [(e.cycle, e.text, e.ok) for e in stage.told("alert")]
    assert alerts == [(20, "failed 6 times in a row", False), (32, "works again", True)]


async def test_where_a_person_must_act_the_exchange_is_asked_once_a_minute(stage: Stage) -> None:
    """A key that is refused on every tick helps nobody, and angers the host."""
    stage.add("main", plan=[AuthError("the key is refused"), AuthError("the key is refused"), 0.0])
    await stage.watch(interval_s=10, cycles=13).run()
    assert [e.cycle for e in stage.told("error")] == [1, 7]
    assert [(e.cycle, e.text) for e in stage.told("alert")] == [(13, "works again")]


async def test_an_error_is_told_each_time_and_its_end_once(stage: Stage) -> None:
    """Two failed passes, two errors, one [OK]; the problem leaves the screen with it."""
    stage.add("main", plan=[0.0, NetworkError("no answer"), NetworkError("no answer"), 0.0, 0.0])
    await stage.watch(interval_s=10, cycles=6).run()
    kinds = [(e.event, e.cycle, e.ok) for e in stage.told("error", "alert")]
    assert kinds == [("error", 2, False), ("error", 3, False), ("alert", 5, True)]  # the fourth tick is left out
    assert stage.told("error")[0].problem.message == "no answer"
    assert (stage.told("alert")[0].broker, stage.told("alert")[0].text) == ("main", "works again")
    assert stage.seen_states("main") == ["scanning", "ok", "failed", "ok"]
    assert stage.states[-1].problems == ()
    assert stage.states[-1].errors_total == 2
    failed = [s for s in stage.states if s.brokers[0].errors_in_row == 2]
    assert failed
    assert len(failed[-1].problems) == 1


async def test_a_broker_whose_host_asks_to_wait_is_waiting_and_says_until_when(stage: Stage) -> None:
    """No error: a [WARN] line, the state `waiting` with the time of the next question, and then it works on."""
    until = NOON + timedelta(seconds=25)
    account = stage.add("main", plan=[HostAskedToWait("asks to wait (429)", until=until)])
    await stage.watch(interval_s=10, cycles=4).run()
    assert not stage.told("error")
    assert [(e.cycle, e.ok) for e in stage.told("alert")] == [(1, False), (2, False), (3, False)]
    assert account.asked_at == [0, 30]
    waiting = [s.brokers[0] for s in stage.states if s.brokers[0].state == "waiting"]
    assert waiting
    assert waiting[0].next_at == until
    assert stage.seen_states("main")[-1] == "ok"


async def test_a_broker_another_run_holds_is_busy(stage: Stage) -> None:
    """Neither failed nor forgotten: it is asked again at the next tick."""
    account = stage.add("main", plan=[Busy("another run is at work on it")])
    await stage.watch(interval_s=10, cycles=2).run()
    assert stage.seen_states("main") == ["scanning", "busy", "ok"]
    assert account.asked_at == [0, 10]
    assert stage.states[-1].errors_total == 0


async def test_what_a_person_must_mend_is_shown_as_such(stage: Stage) -> None:
    """A refused key is `action`, with what to do."""
    stage.add("main", plan=[AuthError("the API key is refused", hint="trademon broker set main")])
    stage.add("fine")
    await stage.watch(interval_s=10, cycles=1).run()
    assert stage.seen_states("main")[-1] == "action"
    assert stage.seen_states("fine")[-1] == "ok"
    assert stage.told("error")[0].problem.line == "main: the API key is refused (trademon broker set main)"


async def test_a_fault_of_ours_stops_nobody(stage: Stage) -> None:
    """An error nobody foresaw is told as a fault, the other broker and the next tick go on."""
    broken = stage.add("broken")
    broken.fetch_markets = None  # type: ignore[assignment,method-assign]
    fine = stage.add("fine")
    await stage.watch(interval_s=10, cycles=2).run()
    assert {e.problem.kind for e in stage.told("error")} == {"fault"}
    assert fine.asked_at == [0, 10]


# --- what a script gets of it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plans", "code"),
    [
        ({"a": [], "b": []}, 0),
        ({"a": [NetworkError("no answer")], "b": []}, 0),
        ({"a": [0.0, NetworkError("no answer")], "b": []}, 3),
        ({"a": [0.0, NetworkError("no answer")], "b": [0.0, NetworkError("no answer")]}, 1),
        ({"a": [0.0, AuthError("refused", hint="trademon broker set a")], "b": []}, 4),
        ({"a": [0.0, Busy("held")], "b": [0.0, Busy("held")]}, 75),
    ],
    ids=["well", "mended", "partial", "failed", "for a person", "busy"],
)
async def test_a_counted_run_ends_as_a_scan_would(stage: Stage, plans: dict[str, Any], code: int) -> None:
    """What the last pass of each broker would end a scan with."""
    for name, plan in plans.items():
        stage.add(name, plan=list(plan))
    watch = stage.watch(interval_s=10, cycles=2)
    await watch.run()
    assert watch.exit_code() == code


async def test_the_last_words_count_cycles_executions_and_errors(stage: Stage) -> None:
    """[STOP] says what the run came to, one of a kind in the singular."""
    account = stage.add("main", plan=[0.0, NetworkError("no answer")])
    account.fills = [trade(1), trade(2, at_s=15)]
    await stage.watch(interval_s=10, cycles=3).run()
    await stage.watch(interval_s=10, cycles=1).run()
    said = [event.text for event in stage.told("stop")]
    assert said == ["3 cycles, 2 new executions, 1 error", "1 cycle, 0 new executions, 0 errors"]


# --- executions ---------------------------------------------------------------------------------------------------


async def test_each_execution_is_told_once_and_the_figures_after_it(stage: Stage) -> None:
    """A fill is one event in the cycle that stored it; P&L follows each batch, exactly."""
    account = stage.add("main")
    account.fills = [trade(1, at_s=5), trade(2, "sell", "103", at_s=15), trade(3, "sell", "103", at_s=16)]
    await stage.watch(interval_s=10, cycles=4).run()
    fills = stage.told("fill")
    assert [(e.cycle, e.execution.fill.trade_id, e.execution.net) for e in fills] == [
        (2, "1", None),
        (3, "2", Decimal(3)),
        (3, "3", None),
    ]
    assert fills[2].execution.unmatched == 1
    totals = [(e.cycle, [(t.currency, t.net, t.incomplete) for t in e.totals]) for e in stage.told("pnl")]
    assert totals == [(2, [("USDT", 0, False)]), (3, [("USDT", 3, True)])]
    last = stage.states[-1]
    assert [row.fill.trade_id for row in last.executions] == ["3", "2", "1"]
    assert last.executions_total == 3
    assert [(day.net, day.unmatched) for book in last.earned for day in book.days] == [(Decimal(3), True)]


async def test_executions_of_one_moment_are_shown_newest_first_too(stage: Stage) -> None:
    """The screen shows the same order while it runs as after a restart: ties by the exchange's id."""
    account = stage.add("main")
    account.fills = [trade(1), trade(2), trade(3)]
    await stage.watch(interval_s=10, cycles=1).run()
    running = [row.fill.trade_id for row in stage.states[-1].executions]
    stage.states.clear()
    await stage.watch(interval_s=10, cycles=1).run()
    assert running == [row.fill.trade_id for row in stage.states[0].executions]


async def test_what_was_stored_before_the_start_is_shown_and_not_told(stage: Stage) -> None:
    """The screen begins with the newest executions of the store; events are only what is new."""
    account = stage.add("main")
    account.fills = [trade(1), trade(2, "sell", "110", at_s=-30)]
    await stage.watch(interval_s=10, cycles=1).run()
    stage.events.clear()
    stage.states.clear()
    await stage.watch(interval_s=10, cycles=1).run()
    assert not stage.told("fill", "pnl")
    assert [row.fill.trade_id for row in stage.states[0].executions] == ["2", "1"]
    assert [day.net for book in stage.states[0].earned for day in book.days] == [10]


# --- while it runs ------------------------------------------------------------------------------------------------


async def test_a_broker_added_or_disabled_while_it_runs_is_seen_at_the_next_tick(stage: Stage) -> None:
    """The store is asked at each tick, so no restart is needed."""
    first = stage.add("first")

    def change(event: WatchEvent) -> None:
        if event.event == "cycle" and event.cycle == 1:
            stage.add("second")
        if event.event == "cycle" and event.cycle == 2:
            stage.user.set_broker(stage.user.broker("first"), enabled=False)

    stage.hook = change
    await stage.watch(interval_s=10, cycles=3).run()
    assert first.asked_at == [0, 10]
    assert stage.accounts["second"].asked_at == [10, 20]
    assert [b.name for b in stage.states[-1].brokers] == ["second"]


async def test_stop_ends_it_after_the_write_in_hand(stage: Stage) -> None:
    """Told to stop between two pages: what was fetched is stored with its books, and the last event is `stop`."""
    account = stage.add("main")
    account.fills = [trade(n, at_s=-60 + n) for n in range(1, 9)]
    watch = stage.watch(interval_s=10)
    pages = 0

    def stop_after_three() -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            watch.stop.set()

    account.on_page = stop_after_three
    async with asyncio.timeout(5):
        await watch.run()
    stored = [row.trade_id for row in stage.user.fills(FillQuery()).fills]
    assert stored[:3] == ["1", "2", "3"]
    assert stage.user.stored_books()[0].fills == len(stored)
    assert stage.events[-1].event == "stop"
    assert account.log[-1] == "end"

    account.on_page = None
    await stage.watch(interval_s=10, cycles=1).run()
    assert [row.trade_id for row in stage.user.fills(FillQuery()).fills] == [str(n) for n in range(1, 9)]


async def test_stop_ends_it_though_a_broker_hangs(stage: Stage) -> None:
    """A pass that waits for an answer is given up at once."""
    account = stage.add("main", plan=[asyncio.Event()])
    watch = stage.watch(interval_s=10)
    task = asyncio.create_task(watch.run())
    while not account.asked_at:
        await asyncio.sleep(0)
    watch.stop.set()
    async with asyncio.timeout(2):
        await task
    assert account.log == ["begin", "end"]


async def test_a_watch_of_nobody_goes_on(stage: Stage) -> None:
    """Without a broker it ticks and says so; one may be added at any time."""
    await stage.watch(interval_s=10, cycles=2).run()
    assert [e.event for e in stage.events] == ["start", "cycle", "cycle", "stop"]
    assert stage.states[-1].brokers_total == 0


# --- two brokers, one account -------------------------------------------------------------------------------------


@pytest.mark.parametrize("revoked", [False, True])
@pytest.mark.parametrize("one_by_one", [False, True])
async def test_two_keys_to_one_account_are_both_asked(
    desk: Desk, exchange: str, one_by_one: bool, revoked: bool
) -> None:
    """Neither is held up by the other: with the first key revoked, the second still finds what was executed."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - timedelta(hours=1))
    accounts = [make_account(exchange, world), make_account(exchange, world, key="B" * 64)]
    server = await desk.serve(*accounts)
    for name, account in zip("ab", accounts, strict=True):
        desk.add(name, account, server)
        await desk.scan(name)
    world.buy("ETH/USDT", "1", "3001", NOON - timedelta(minutes=1))
    if revoked:
        getattr(server, exchange)._accounts.pop(accounts[0].api_key)
    events: list[WatchEvent] = []
    options = WatchOptions(interval_s=0.2, cycles=2, one_by_one=one_by_one)
    await Watch((desk.user,), desk.ports, options, "test", events.append, lambda state: None).run()
    assert desk.stored() == truth(world, desk.clock.at)
    assert [event.text for event in events if event.event == "alert"] == []


async def test_orders_that_name_symbols_are_read_where_history_has_no_limit(stage: Stage) -> None:
    """No exchange of today is like that; the table of capabilities allows it."""
    account = stage.add("main", capabilities=Capabilities(None, True, True, 200, None))
    account.fills = [trade(1)]
    await stage.watch(interval_s=10, cycles=1).run()
    assert stage.states[-1].executions_total == 1
