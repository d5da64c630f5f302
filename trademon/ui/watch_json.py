"""What `watch --json` writes, one object a line. Apart from other documents, which need not load what watch shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from trademon.core.money import format_figure
from trademon.core.reports import ExecutionRow, Problem, ScanReport
from trademon.core.times import format_time
from trademon.core.watch_reports import WatchEvent
from trademon.ui.json_out import fill_to_json, format_millis, problem_to_json, to_json
from trademon.ui.pnl_json import total_to_json

Json = dict[str, Any]


def watch_event_to_json(event: WatchEvent) -> Json:
    """One event of `watch --json`: `event`, `at`, `cycle`, then what this kind of event carries."""
    head: Json = {"event": event.event, "at": format_time(event.at), "cycle": event.cycle}
    return head | _EVENT_BODIES[event.event](event)


def _cycle_body(event: WatchEvent) -> Json:
    scan = event.scan or ScanReport(())
    return {"status": scan.status, "seconds": format_millis(event.seconds or Decimal(0)), **to_json(scan)}


def _fill_body(event: WatchEvent) -> Json:
    return {} if event.execution is None else execution_to_json(event.execution)


def execution_to_json(row: ExecutionRow) -> Json:
    """A fill with what it realised: `net` is null when it closed nothing."""
    return fill_to_json(row.fill) | {
        "net": None if row.net is None else format_figure(row.net),
        "currency": row.currency,
        "unmatched_quantity": format_figure(row.unmatched),
        "fee_unvalued": row.unvalued,
    }


def _pnl_body(event: WatchEvent) -> Json:
    return {"totals": [total_to_json(t) for t in event.totals]}


def _problem_body(event: WatchEvent) -> Json:
    """The problem, or where there is none the event's own words; the same keys either way."""
    said = event.problem or Problem("ok" if event.ok else "alert", event.text, broker=event.broker)
    body = problem_to_json(said)
    return {"user": event.user or said.user} | body | {"broker": said.broker or event.broker}


def _text_body(event: WatchEvent) -> Json:
    return {"message": event.text}


_EVENT_BODIES: Final[Mapping[str, Callable[[WatchEvent], Json]]] = {
    "start": _text_body,
    "stop": _text_body,
    "cycle": _cycle_body,
    "fill": _fill_body,
    "pnl": _pnl_body,
    "error": _problem_body,
    "alert": _problem_body,
}
