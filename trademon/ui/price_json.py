"""Dated prices, kept and fetched, as JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from trademon.core.price_reports import PriceFetchReport, PricesReport
from trademon.core.times import format_time

Json = dict[str, Any]


def candle_length(interval: timedelta) -> str:
    """`1m` or `1d`."""
    return "1d" if interval >= timedelta(days=1) else "1m"


def prices_to_json(report: PricesReport) -> Json:
    """`{"prices": [{"host", "symbol", "interval", "known", "missing", "first_at", "last_at"}]}`."""
    return {
        "prices": [
            {
                "host": span.host,
                "symbol": span.symbol,
                "interval": candle_length(span.interval),
                "known": span.known,
                "missing": span.missing,
                "first_at": format_time(span.first_at),
                "last_at": format_time(span.last_at),
            }
            for span in report.spans
        ]
    }


def price_fetch_to_json(report: PriceFetchReport) -> Json:
    """`{"hosts": [...], "prices", "wanted", "missing": [{"coin", "currency", "times", ...}], "fees_valued"}`."""
    return {
        "hosts": [
            {
                "broker": host.broker,
                "user": host.user,
                "host": host.host,
                "prices": host.prices,
                "requests": host.requests,
                "note": host.note,
            }
            for host in report.hosts
        ],
        "prices": report.prices,
        "wanted": report.wanted,
        "missing": [
            {
                "user": gap.user,
                "coin": gap.coin,
                "currency": gap.currency,
                "times": gap.times,
                "first_at": format_time(gap.first_at),
                "last_at": format_time(gap.last_at),
                "why": gap.why,
            }
            for gap in report.gaps
        ],
        "fees_valued": report.fees_valued,
    }
