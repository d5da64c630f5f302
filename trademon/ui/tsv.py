"""Reports as tab-separated lines for other programs: a header line, exact figures, UTC times, every value in full.

What there is as CSV has the same columns here. All else takes its rows from the report's document, so that a figure is
written in one place; the columns are named here, since a script counts them: new ones go to the end.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from trademon.core.model import METHODS
from trademon.core.notices import EVENTS
from trademon.core.reports import ScanReport
from trademon.ui.foreign import clean
from trademon.ui.json_out import to_json

Table = tuple[Sequence[str], Iterable[Sequence[str]]]


def tsv(report: object) -> Iterator[str]:
    """`report` as lines, each with its newline; only the header where there is nothing.

    A tab or a line break in foreign text becomes a space, and what a terminal would obey is left out.
    """
    known = _TABLES[type(report).__name__]
    header, rows = known(report) if callable(known) else known.table(report)
    for row in chain((header,), rows):
        yield "\t".join(map(clean, row)) + "\n"


class _Columns:
    """The rows of a document's list `key`. A column is the path of a value in a row, its title the path with `_`; a
    column `title=path` is named otherwise."""

    def __init__(self, key: str, columns: str) -> None:
        self._key = key
        pairs = [column.rpartition("=") for column in columns.split()]
        self._paths = [path.split(".") for _, _, path in pairs]
        self._header = [title or path.replace(".", "_") for title, _, path in pairs]

    def table(self, report: object) -> Table:
        return self._header, ([_cell(_at(row, path)) for path in self._paths] for row in to_json(report)[self._key])


def _at(row: Any, path: Sequence[str]) -> Any:
    for name in path:
        if row is None:
            return None
        row = row.get(name)
    return row


def _cell(value: Any) -> str:
    """A value as one cell; several stand apart with `; `, an amount before its unit, a stretch as `start/end`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(_cell(one) for one in value)
    if isinstance(value, dict):
        return _pair(value)
    return str(value)


def _pair(value: Mapping[str, Any]) -> str:
    for first, apart, second in _PAIRS:
        if first in value and second in value:
            return f"{value[first]}{apart}{value[second]}"
    return json.dumps(value, ensure_ascii=False)


_PAIRS: Final = (
    ("amount", " ", "currency"),
    ("difference", " ", "coin"),
    ("start", "/", "end"),
    ("name", "=", "outcome"),
)


# --- those that no list of a document holds -----------------------------------------------------------------------


def _scan(report: ScanReport) -> Table:
    header, rows = _SCAN.table(report)
    problems = [one.problem.message if one.problem else "" for one in report.brokers]
    return (*header, "problem"), ((*row, problem) for row, problem in zip(rows, problems, strict=True))


def _paths(report: object) -> Table:
    return ("name", "path"), to_json(report)["paths"].items()


def _what_if(report: object) -> Table:
    return _by_method(to_json(report)["methods"])


def _by_method(methods: Mapping[str, Mapping[str, str]]) -> Table:
    names = next(iter(methods.values())).keys()
    return ("method", *names), ((method, *(_cell(figures[n]) for n in names)) for method, figures in methods.items())


def _written(place: str) -> Callable[[Any], Table]:
    """A function of another file, imported when it is called."""

    def table(report: object) -> Table:
        module, _, name = place.partition(":")
        made: Table = getattr(importlib.import_module(f"trademon.ui.{module}"), name)(report)
        return made

    return table


_SCAN: Final = _Columns("brokers", "broker user status new_fills requests seconds complete_since note")

_TABLES: Final[Mapping[str, _Columns | Callable[[Any], Table]]] = {
    "FillsReport": _written("csv_out:fills_table"),
    "PnlReport": _written("csv_out:pnl_table"),
    "LotsReport": _written("lot_tables:lots_table"),
    "CashReport": _written("cash_tables:cash_table"),
    "ScanReport": _scan,
    "WhatIfReport": _what_if,
    "PathsReport": _paths,
    "ConfigReport": _Columns("settings", "name value source"),
    "BrokersReport": _Columns(
        "brokers",
        "name user exchange market enabled has_key fills complete_since last_good_at errors_in_row since method "
        "symbols base_url key.can_trade key.can_withdraw key.expires_at",
    ),
    "UsersReport": _Columns(
        "users", "name active method currency brokers created_at telegram_chat language last_good_at"
    ),
    "BalancesReport": _Columns("balances", "user broker coin total free locked seen_at stale stale_reason"),
    "PositionsReport": _Columns(
        "positions",
        "user broker symbol side quantity unknown_quantity currency average_cost cost last_price last_price_at "
        "unrealized provisional stated.quantity stated.unrealized difference seen_at stale stale_reason",
    ),
    "OrdersReport": _Columns(
        "orders",
        "user broker order_id symbol side type state quantity price filled average_price fees fills created_at "
        "first_fill_at last_fill_at seen_at stale stale_reason",
    ),
    "TransfersReport": _Columns("transfers", "at user broker kind coin amount fee other_end tx_id network id"),
    "CoverageReport": _Columns(
        "coverage", "user broker exchange stream symbol fills wanted_since complete_since until ranges gaps"
    ),
    "PricesReport": _Columns("prices", "host symbol interval known missing first_at last_at"),
    "VerifyReport": _Columns(
        "brokers", "user broker status agreed_at compared differences=coins mended not_verified notes"
    ),
    "DoctorReport": _Columns("checks", "health check user broker detail hint"),
    "ExplainReport": _Columns(
        "lots", "lot_id opened_at opening quantity price cost proceeds gross lot_fees closing_fees net"
    ),
    "CompareReport": _Columns(
        "rows",
        "user broker symbol currency kept_in open_quantity "
        + " ".join(f"{method}_net=methods.{method}.net" for method in METHODS)
        + " incomplete",
    ),
    "AutomationStatus": _Columns(
        "users",
        "user state every_minutes last_run.at last_run.outcome last_run.seconds next_run running_since "
        "success_rate.24h success_rate.7d success_rate.30d scheduler.alive scheduler.pid",
    ),
    "RoundsReport": _Columns("runs", "id user trigger started_at finished_at outcome tasks"),
    "OutboxReport": _Columns("messages", "id user event kind state created_at text"),
    "NotifyReport": _Columns(
        "channels", "channel user goes_to fallback " + " ".join(f"{event}=events.{event}" for event in EVENTS)
    ),
    "StrategiesReport": _Columns(
        "strategies",
        "name user mode enabled source file brokers paper_fee created_at armed.until sent_today open_orders "
        "unknown_orders last_run.started_at last_run.outcome last_run.detail",
    ),
    "StrategyLogReport": _Columns("runs", "strategy user mode outcome started_at seconds intents orders detail"),
}

LISTS: Final = frozenset(_TABLES)
"""The names of the reports that have a form for pipes."""
