"""What a watch tells: events as they happen, and the whole picture whenever it changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trademon.core.automation_reports import AutomationStatus, RoundsReport
from trademon.core.coverage_reports import CoverageReport
from trademon.core.holding_reports import PositionsReport
from trademon.core.lot_reports import ExplainReport, LotsReport
from trademon.core.pnl_reports import PnlTotal
from trademon.core.reports import BrokerInfo, ExecutionRow, Problem, ScanReport
from trademon.core.watch_figures import BookEarned

BrokerState = Literal["new", "scanning", "ok", "failed", "waiting", "busy", "action"]


@dataclass(frozen=True, slots=True)
class WatchBroker:
    """One broker on the dashboard. `action`: a person must act; `waiting`: its host asked us to wait.

    `next_at`: when it is asked again, None while the watch is paused. `seconds`: what its last pass took. `budget`:
    what its host's minute has cost so far and may cost, by all programs at this address, None where it does not count.
    """

    name: str
    user: str
    exchange: str
    state: BrokerState
    last_good_at: datetime | None
    errors_in_row: int
    next_at: datetime | None
    seconds: Decimal | None
    open_orders: int | None
    complete_since: datetime | None
    note: str | None = None
    budget: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class WatchState:
    """Everything the dashboard shows, at `now`. Executions, problems and errors are newest first.

    `problems` are those that still are, each once; `errors` what was wrong lately, whether or not it passed.

    `method` is what the books are kept in, and what each execution's P&L is by. `earned` are figures by `shown_method`,
    as they were at `earned_at` where that is not None; `working_out` names a method whose figures are still to come.
    `positions` and `automation` are None until they were read for the first time.
    """

    title: str
    method: str
    now: datetime
    started_at: datetime
    cycle: int
    cycle_seconds: Decimal | None
    next_at: datetime | None
    brokers_total: int
    brokers: tuple[WatchBroker, ...]
    executions: tuple[ExecutionRow, ...]
    executions_total: int
    problems: tuple[Problem, ...]
    errors_total: int
    manual: tuple[str, ...] = ()
    """The brokers there are, where none of them has an API."""
    earned: tuple[BookEarned, ...] = ()
    shown_method: str = ""
    earned_at: datetime | None = None
    working_out: str | None = None
    positions: PositionsReport | None = None
    automation: AutomationStatus | None = None
    is_paused: bool = False
    errors: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokerDetail:
    """What is known of one broker beside its row: `refused` are answers that were not believed, newest first, with
    when and why."""

    info: BrokerInfo
    coverage: CoverageReport
    refused: tuple[tuple[datetime, str], ...] = ()
    last_error: str | None = None


Detail = BrokerDetail | ExplainReport | LotsReport | RoundsReport | Problem
"""What a row opens to where that takes reading; a Problem where it could not be read."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One thing that happened, for the line and JSON forms of watch.

    `seconds` is how long a cycle took. An `alert` with `ok` is good news.
    """

    event: Literal["start", "cycle", "fill", "pnl", "error", "alert", "stop"]
    at: datetime
    cycle: int = 0
    text: str = ""
    broker: str | None = None
    user: str | None = None
    execution: ExecutionRow | None = None
    totals: tuple[PnlTotal, ...] = ()
    problem: Problem | None = None
    scan: ScanReport | None = None
    seconds: Decimal | None = None
    ok: bool = True
