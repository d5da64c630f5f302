"""Sign-ins as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trademon.core.session_reports import KeptSession, LoginReport, RefreshReport
from trademon.core.times import format_time

Json = dict[str, Any]


def refresh_to_json(report: RefreshReport) -> Json:
    """`{"brokers": [...]}`, one row a broker that needs a sign-in."""
    return {"brokers": [_kept(b) for b in report.brokers]}


def _kept(kept: KeptSession) -> Json:
    row: Json = {
        "broker": kept.broker,
        "user": kept.user,
        "status": kept.status,
        "renewed": kept.is_renewed,
        "lost": kept.is_lost,
        "access_until": _time(kept.access_until),
        "refresh_until": _time(kept.refresh_until),
    }
    return row | ({"note": kept.note} if kept.note else {})


def login_to_json(report: LoginReport) -> Json:
    """Until when the session lives, and when to sign in again."""
    return {
        "broker": report.broker,
        "user": report.user,
        "access_until": _time(report.access_until),
        "refresh_until": _time(report.refresh_until),
        "sign_in_due_at": _time(report.due_at),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
