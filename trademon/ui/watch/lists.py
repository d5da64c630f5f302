"""Which rows each panel lists, in which order: for the screen, and for the keys that move over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from trademon.core.holding_reports import PositionRow
from trademon.core.reports import ExecutionRow, Problem
from trademon.core.times import DAY_US, to_us
from trademon.core.watch_figures import Range, Summary, SymbolEarned, summarize
from trademon.core.watch_reports import BrokerState, WatchBroker, WatchState

PanelName = Literal["problems", "brokers", "executions", "positions", "symbols", "automation"]
PANELS: Final[tuple[PanelName, ...]] = ("problems", "brokers", "executions", "positions", "symbols", "automation")
Key = tuple[str | int, ...]
"""What a row goes by while others come and go."""
# Worst first: what a person must do stands on top when not all brokers fit.
SEVERITY: Final[tuple[BrokerState, ...]] = ("action", "failed", "waiting", "new", "busy", "scanning", "ok")


def summary_of(state: WatchState, range_: Range) -> Summary:
    """The figures of a range that ends with the UTC day of `state.now`."""
    return summarize(state.earned, range_, to_us(state.now) // DAY_US)


def matches(wanted: str, *words: str) -> bool:
    """Whether one of the words has what was typed in it; every word has nothing in it."""
    return not wanted or any(wanted.casefold() in word.casefold() for word in words)


def listed_brokers(state: WatchState, wanted: str) -> list[WatchBroker]:
    return [b for b in state.brokers if matches(wanted, b.name, b.exchange, b.user, b.state)]


def by_severity(brokers: Iterable[WatchBroker]) -> list[WatchBroker]:
    return sorted(brokers, key=lambda broker: SEVERITY.index(broker.state))


def listed_executions(state: WatchState, wanted: str, currency: str | None) -> list[ExecutionRow]:
    """Those of the books in `currency`, whether or not they closed anything."""
    if not wanted and currency is None:
        return list(state.executions)
    return [
        e
        for e in state.executions
        if matches(wanted, e.fill.symbol, e.fill.broker, e.fill.side, e.fill.user) and currency in (None, e.currency)
    ]


def listed_positions(state: WatchState, wanted: str, currency: str | None) -> list[PositionRow]:
    rows = () if state.positions is None else state.positions.positions
    return [
        row
        for row in rows
        if matches(wanted, row.symbol, row.broker, row.side, row.user)
        and (currency is None or row.currency in (None, currency))
    ]


def listed_symbols(summary: Summary, wanted: str, currency: str | None) -> list[SymbolEarned]:
    return [
        row
        for row in summary.symbols
        if matches(wanted, row.symbol, row.broker, row.user) and currency in (None, row.earned.currency)
    ]


def listed_problems(problems: Sequence[Problem]) -> list[tuple[Problem, int]]:
    """Each problem once, at its newest, with how often it was seen; what a person must act on comes first. No filter
    hides one."""
    seen: dict[Key, tuple[Problem, int]] = {}
    for problem in problems:
        first, times = seen.get(problem_key(problem), (problem, 0))
        seen[problem_key(problem)] = (first, times + 1)
    return sorted(seen.values(), key=lambda found: found[0].exit_code != 4)


def broker_key(broker: WatchBroker) -> Key:
    return broker.user, broker.name


def execution_key(row: ExecutionRow) -> Key:
    return row.fill.user, row.fill.id


def position_key(row: PositionRow) -> Key:
    return row.user, row.broker, row.symbol, row.side, row.currency or ""


def symbol_key(row: SymbolEarned) -> Key:
    return row.user, row.broker, row.symbol, row.earned.currency


def problem_key(problem: Problem) -> Key:
    return problem.user or "", problem.broker or "", problem.message


def keys_of_rows(state: WatchState, panel: PanelName, wanted: str, range_: Range, currency: str | None) -> list[Key]:
    """What the rows of a panel go by, top to bottom."""
    if panel == "problems":
        return [problem_key(problem) for problem, _ in listed_problems(state.problems)]
    if panel == "brokers":
        return [broker_key(broker) for broker in by_severity(listed_brokers(state, wanted))]
    if panel == "executions":
        return [execution_key(row) for row in listed_executions(state, wanted, currency)]
    if panel == "positions":
        return [position_key(row) for row in listed_positions(state, wanted, currency)]
    if panel == "symbols":
        return [symbol_key(row) for row in listed_symbols(summary_of(state, range_), wanted, currency)]
    return [(user.schedule.user,) for user in state.automation.users] if state.automation else []
