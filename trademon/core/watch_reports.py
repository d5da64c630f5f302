"""What a watch tells: events as they happen, and the whole picture whenever it changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trademon.core.pnl_reports import PnlTotal
from trademon.core.reports import ExecutionRow, Problem, ScanReport

BrokerState = Literal["new", "scanning", "ok", "failed", "waiting", "busy", "action"]


@dataclass(frozen=True, slots=True)
class WatchBroker:
    """One broker on the dashboard. `action`: a person must act; `waiting`: its host asked us to wait."""

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
    net: tuple[tuple[str, Decimal], ...]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WatchState:
    """Everything the dashboard shows, at `now`. Executions and problems are newest first."""

    title: str
    method: str
    now: datetime
    started_at: datetime
    cycle: int
    cycle_seconds: Decimal | None
    next_at: datetime | None
    brokers_total: int
    brokers: tuple[WatchBroker, ...]
    totals: tuple[PnlTotal, ...]
    executions: tuple[ExecutionRow, ...]
    executions_total: int
    problems: tuple[Problem, ...]
    errors_total: int
    manual: tuple[str, ...] = ()
    """The brokers there are, where none of them has an API."""


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
