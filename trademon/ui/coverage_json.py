"""Coverage as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trademon.core.coverage_reports import BrokerCoverage, CoverageReport, CoverageRow, Gap
from trademon.core.times import format_time

Json = dict[str, Any]


def coverage_to_json(report: CoverageReport) -> Json:
    """`coverage`: a row a stream and symbol; `brokers`: each account as a whole. Stretches are [start, end)."""
    return {
        "at": format_time(report.at),
        "brokers": [_broker(broker) for broker in report.brokers],
        "coverage": [_row(row) for row in report.rows],
    }


def _broker(broker: BrokerCoverage) -> Json:
    return {
        "broker": broker.broker,
        "user": broker.user,
        "exchange": broker.exchange,
        "complete_since": _time(broker.complete_since),
        "symbols_asked": broker.asked,
        "symbols_listed": broker.listed,
    }


def _row(row: CoverageRow) -> Json:
    return {
        "broker": row.broker,
        "user": row.user,
        "exchange": row.exchange,
        "stream": row.stream,
        "symbol": row.symbol,
        "fills": row.fills,
        "wanted_since": format_time(row.wanted_since),
        "complete_since": _time(row.complete_since),
        "until": _time(row.until),
        "ranges": [{"start": format_time(span.start), "end": format_time(span.end)} for span in row.spans],
        "gaps": [_gap(gap) for gap in row.gaps],
    }


def _gap(gap: Gap) -> Json:
    """`lost_from` is when the exchange begins to forget it, null where it never does; `lost`: nothing is left of it."""
    return {
        "start": format_time(gap.span.start),
        "end": format_time(gap.span.end),
        "lost_from": _time(gap.lost_from),
        "lost": gap.is_lost,
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
