"""Runs of strategies: read the accounts, ask the strategy what it wants, record it, and send it where it is armed.

Whatever a strategy does wrong ends its own run and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from trademon.core.model import Broker, Market
from trademon.core.money import strip_zeros
from trademon.core.reports import Problem
from trademon.core.strategy_model import UNSETTLED, Mode, RunOutcome, Strategy, StrategyRun
from trademon.core.times import format_time
from trademon.errors import Busy, StrategyError, TrademonError
from trademon.exchanges.base import Exchange
from trademon.exchanges.registry import WITHOUT_API
from trademon.flows.isolate import isolate
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target, scan_broker
from trademon.flows.strategy_live import Live
from trademon.flows.strategy_paper import Paper
from trademon.flows.strategy_view import Desk, context_of
from trademon.store.halts import halted_by_file
from trademon.store.lease import hold
from trademon.store.store import UserStore
from trademon.strategies.runner import Code, Decision, Runner, read_code

if TYPE_CHECKING:
    from trademon.exchanges.order_client import OrderDesk

FRESH = timedelta(minutes=5)
"""On paper an account that was read so lately is not read again. With money it always is."""
_SWEEP_S = 20.0
_PATIENCE_S = (0.5, 1.0, 2.0, 4.0)


async def run_active(store: UserStore, ports: Ports, *, runner: Runner | None = None) -> tuple[StrategyRun, ...]:
    """Run every enabled strategy of the user: those of different brokers together, those that share one in turn."""
    enabled = [strategy for strategy in store.strategies() if strategy.is_enabled]

    async def in_turn(group: Sequence[Strategy]) -> list[StrategyRun]:
        return [await run_strategy(store, strategy.name, ports, runner=runner) for strategy in group]

    done = await asyncio.gather(*map(in_turn, _groups(store, enabled)))
    return tuple(sorted((run for group in done for run in group), key=lambda run: run.strategy))


def _groups(store: UserStore, strategies: Sequence[Strategy]) -> list[list[Strategy]]:
    """Strategies that share an account are in one group."""
    groups: list[tuple[set[object], list[Strategy]]] = []
    for strategy in strategies:
        accounts: set[object] = {b.account_id or b.name for b in _wanted(store, strategy)}
        together = [group for group in groups if group[0] & accounts]
        merged = (
            accounts.union(*(group[0] for group in together)),
            [*(one for group in together for one in group[1]), strategy],
        )
        groups = [*(group for group in groups if group not in together), merged]
    return [group[1] for group in groups]


def _wanted(store: UserStore, strategy: Strategy) -> list[Broker]:
    """The brokers a strategy looks at: those it names, or all spot accounts that are enabled and have an API."""
    brokers = [b for b in store.brokers() if b.enabled and b.exchange not in WITHOUT_API and b.market == "spot"]
    return [b for b in brokers if not strategy.brokers or b.name in strategy.brokers]


async def run_strategy(store: UserStore, name: str, ports: Ports, *, runner: Runner | None = None) -> StrategyRun:
    """One run, whatever happens in it. A strategy that another run is at work on is skipped.

    Raises:
        UnknownName: there is no such strategy.
    """
    strategy, started, at = store.strategy(name), ports.monotonic(), ports.clock()
    lease = f"strategy-{strategy.id}"

    def ended(outcome: RunOutcome, detail: str) -> StrategyRun:
        seconds = Decimal(f"{ports.monotonic() - started:.3f}")
        return StrategyRun(name, store.user, strategy.mode, outcome, seconds, detail, started_at=at)

    try:
        with hold(ports.locks, lease):
            strategy = store.strategy(name)  # as it is now that nobody else is at work on it
            resting = _resting(store, strategy, ports)
            if resting is not None:
                return ended("skipped", resting)
            run_id = store.begin_strategy_run(strategy, strategy.mode, at)
            run = _Run(store, strategy, run_id, lease, ports, runner or _runner(ports))
            done = ended("failed", "it was stopped")
            try:
                _, _, problem = await isolate(run.work(), broker="", user=store.user, at=at)
                done = ended(*run.outcome(problem))
            finally:
                store.end_strategy_run(run_id, done.outcome, done.seconds, done.detail, run.said)
            made = store.strategy_orders(strategy, run_id=run_id)
            return dataclasses.replace(done, intents=run.wanted, orders=run.taken, made=made, said=run.said)
    except Busy as busy:
        return dataclasses.replace(ended("skipped", busy.message), busy=True)
    except TrademonError as error:
        return ended("failed", Problem.of(error).line)


def _runner(ports: Ports) -> Runner:
    return Runner(ports.trading.private if ports.trading else ())


def _resting(store: UserStore, strategy: Strategy, ports: Ports) -> str | None:
    """Why it is not run at all: its code would only decide what may not be done."""
    if not strategy.is_enabled:
        return f"it is disabled: trademon strategy enable {strategy.name}"
    if strategy.arming is None:
        return None
    halted = store.strategy_standing(strategy, ports.clock()).halted
    if halted is None and ports.trading is not None:
        halted = halted_by_file(ports.trading.halt_file)
    if halted is not None:
        return f"halted {halted}: trademon halt --off"
    until = strategy.arming.limits.until
    if until is not None and ports.clock() >= until:
        return f"it was armed until {format_time(until)}: trademon strategy arm {strategy.name}, or disarm"
    return None


@dataclass(slots=True)
class _Run:
    """One run under way; what it came to is read off it whether or not it comes to its end."""

    store: UserStore
    strategy: Strategy
    run_id: int
    lease: str
    ports: Ports
    runner: Runner
    wanted: int = 0
    taken: int = 0
    said: str = ""
    refusals: list[str] = field(default_factory=list)

    async def work(self) -> None:
        """Read, decide, carry out."""
        code = read_code(self.strategy.file)
        arming = self.strategy.arming
        if arming is not None and arming.code_hash != code.hash:
            raise StrategyError(
                "its file is another than when it was armed",
                hint=f"look at it, then: trademon strategy arm {self.strategy.name} ...",
            )
        async with contextlib.AsyncExitStack() as opened:
            if arming is None:
                await self._on_paper(code, await self._read(opened))
            else:
                await self._with_money(code, opened)

    def outcome(self, problem: Problem | None) -> tuple[RunOutcome, str]:
        """How it went, in a word and in a line."""
        done = f"{self.taken} of {self.wanted} " + ("sent" if self.strategy.arming else "on paper")
        parts = [done] if self.wanted else []
        if self.refusals:
            parts.append(f"refused: {self.refusals[0]}")
        if problem is not None:
            parts.append(problem.line)
            return ("partial" if self.taken else "failed"), "; ".join(parts)
        if self.taken < self.wanted:
            return ("partial" if self.taken else "failed"), "; ".join(parts)
        return "success", "; ".join(parts) or "it wants nothing"

    # --- reading --------------------------------------------------------------------------------------------------

    async def _read(self, opened: contextlib.AsyncExitStack) -> list[Desk]:
        """The accounts as they are now, on paper: read again where the last look is too long ago."""
        desks = []
        for broker in self._brokers():
            exchange = await self._open(broker, opened)
            last = self.store.broker_state(broker).last_good_at
            if last is None or broker.account_id is None or self.ports.clock() - last > FRESH:
                await self._scan(broker, ScanLimits(sweep=0))
            desks.append(await self._desk(broker.name, exchange))
        return desks

    def _brokers(self) -> list[Broker]:
        found = _wanted(self.store, self.strategy)
        lacking = set(self.strategy.brokers) - {b.name for b in found}
        if lacking:
            raise StrategyError(
                f"its broker {min(lacking)} is gone, disabled, or no spot account with an API",
                hint="trademon broker list",
            )
        if not found:
            raise StrategyError("there is no broker to look at", hint="trademon broker add NAME --exchange binance")
        return found

    async def _open(self, broker: Broker, opened: contextlib.AsyncExitStack) -> Exchange:
        exchange = await self.ports.open_exchange(self.store, broker)
        opened.push_async_callback(exchange.close)
        await exchange.sync_clock()
        return exchange

    async def _scan(self, broker: Broker, limits: ScanLimits) -> None:
        """Raises what keeps the account from being read: what is not known is not decided on."""
        for pause in (*_PATIENCE_S, None):
            done = await scan_broker(Target(self.store, broker), self.ports, since=None, limits=limits)
            if done.status == "ok":
                return
            if not done.busy or pause is None:
                why = done.problem.message if done.problem else done.note or "it was skipped"
                raise StrategyError(f"it could not be read: {why}", broker=broker.name)
            await self.ports.sleep(pause)

    async def _desk(self, name: str, exchange: Exchange) -> Desk:
        broker = self.store.broker(name)  # bound to its account by now
        markets = {market.symbol: market for market in self.store.markets(broker)}
        told = await exchange.fetch_last_prices()
        prices = {s: strip_zeros(told[m.exchange_symbol]) for s, m in markets.items() if m.exchange_symbol in told}
        return Desk(broker, markets, prices, self.ports.clock())

    async def _decide(self, code: Code, desks: Sequence[Desk], mode: Mode) -> Decision:
        state = self.store.strategy_state(self.strategy, mode)
        context = context_of(self.store, self.strategy, desks, self.ports.clock(), state)
        decision = await self.runner.decide(code, context)
        self.wanted, self.said = len(decision.intents), decision.said
        return decision

    # --- on paper -------------------------------------------------------------------------------------------------

    async def _on_paper(self, code: Code, desks: Sequence[Desk]) -> None:
        before = Paper(self.store, self.strategy, self.run_id, desks)
        before.match_waiting()
        self.store.save_paper(self.strategy, before.fills, before.settled, {})
        decision = await self._decide(code, desks, "paper")
        paper = Paper(self.store, self.strategy, self.run_id, desks)
        for intent in decision.intents:
            self.taken += paper.carry_out(intent)
        states = {"marks": self._marks(desks)}
        if self.taken or not self.wanted:
            states["paper"] = decision.state
        self.store.save_paper(self.strategy, paper.fills, paper.settled, states)
        self._note_refusals()

    def _marks(self, desks: Sequence[Desk]) -> str:
        """The prices of this run for what the paper book has open, by broker and symbol."""
        known = {(number, fill.symbol) for number, _, fill in self.store.paper_fills(self.strategy)}
        known |= {(o.broker_id, o.symbol) for o in self.store.strategy_orders(self.strategy, run_id=self.run_id)}
        marks: dict[str, dict[str, str]] = {}
        for desk in desks:
            symbols = {symbol for number, symbol in known if number == desk.broker.id}
            marks[str(desk.broker.id)] = {s: str(desk.prices[s]) for s in sorted(symbols) if s in desk.prices}
        return json.dumps({"at": format_time(self.ports.clock()), "prices": marks})

    def _note_refusals(self) -> None:
        made = self.store.strategy_orders(self.strategy, run_id=self.run_id)
        self.refusals = [order.detail for order in made if order.status in ("refused", "rejected")]

    # --- with money -----------------------------------------------------------------------------------------------

    async def _with_money(self, code: Code, opened: contextlib.AsyncExitStack) -> None:
        trading, arming = self.ports.trading, self.strategy.arming
        if trading is None or arming is None:
            raise StrategyError("orders cannot be sent from here")
        live = Live(self.store, self.strategy, self.run_id, self.lease, code.hash, self.ports, trading)
        exchanges: dict[str, Exchange] = {}
        markets: dict[int, Mapping[str, Market]] = {}
        unsettled = self.store.strategy_orders(self.strategy, mode="live", statuses=UNSETTLED)
        waiting = {order.broker_id for order in unsettled}
        for broker in self._brokers():
            exchanges[broker.name] = exchange = await self._open(broker, opened)
            if broker.name in arming.limits.brokers or broker.id in waiting:
                live.orders[broker.id] = self._orders(broker, exchange)
                live.rights[broker.id] = await exchange.fetch_rights()
            markets[broker.id] = {market.symbol: market for market in self.store.markets(broker)}
        await live.resolve(markets)
        desks = []
        for broker in self._brokers():
            live.looked_at[broker.id] = exchanges[broker.name].now()
            await self._scan(broker, ScanLimits(sweep_s=_SWEEP_S, also=frozenset(arming.limits.symbols)))
            desks.append(await self._desk(broker.name, exchanges[broker.name]))
        live.desks = desks
        before = json.dumps(self.store.strategy_state(self.strategy, "live"))
        decision = await self._decide(code, desks, "live")
        live.state = decision.state
        try:
            await self._send_all(live, decision)
        finally:
            self._note_refusals()
            if not self.wanted:
                self.store.save_strategy_state(self.strategy, "live", decision.state)
            elif self._nothing_left():
                self.store.save_strategy_state(self.strategy, "live", before)

    async def _send_all(self, live: Live, decision: Decision) -> None:
        for intent in decision.intents:
            self.taken += await live.carry_out(intent)

    def _nothing_left(self) -> bool:
        """Whether every order of the run is known not to exist: then the strategy has decided nothing."""
        made = self.store.strategy_orders(self.strategy, run_id=self.run_id)
        return all(order.status in ("refused", "rejected") for order in made)

    def _orders(self, broker: Broker, exchange: Exchange) -> OrderDesk:
        assert self.ports.trading is not None
        return self.ports.trading.open_orders(self.store, broker, exchange.now)
