"""An examination as JSON."""

from __future__ import annotations

from typing import Any

from trademon.core.doctor_reports import Check, DoctorReport


def doctor_to_json(report: DoctorReport) -> dict[str, Any]:
    """`{"checks": [{"check", "broker", "user", "health", "detail", "hint"}]}`; health is ok, warn or act."""
    return {"checks": [_check(check) for check in report.checks]}


def _check(check: Check) -> dict[str, Any]:
    return {
        "check": check.name,
        "broker": check.broker,
        "user": check.user,
        "health": check.health,
        "detail": check.detail,
        "hint": check.hint,
    }
