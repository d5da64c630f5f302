"""Rounds and their schedules as JSON."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.automation_reports import AutomationStatus, RoundsReport, RunReport, UserAutomation
from trademon.core.money import format_figure
from trademon.core.rounds import Round, Task
from trademon.core.times import format_time

Json = dict[str, Any]


def status_to_json(report: AutomationStatus) -> Json:
    """`{"users": [...]}`; each with the scheduler of this machine, since a script asks for one user."""
    scheduler = {"alive": report.scheduler.is_alive, "pid": report.scheduler.pid}
    return {"users": [_user(user, scheduler) for user in report.users]}


def _user(user: UserAutomation, scheduler: Json) -> Json:
    last, schedule = user.last, user.schedule
    return {
        "user": schedule.user,
        "state": schedule.state,
        "every_minutes": schedule.every_minutes,
        "last_run": None
        if last is None
        else {"at": format_time(last.started_at), "outcome": last.outcome, "seconds": _seconds(last)},
        "next_run": _time(schedule.next_at),
        "running_since": _time(user.running.started_at if user.running else None),
        "success_rate": {
            "24h": _rate(user.rates.day),
            "7d": _rate(user.rates.week),
            "30d": _rate(user.rates.month),
        },
        "scheduler": scheduler,
    }


def rounds_to_json(report: RoundsReport | RunReport) -> Json:
    """`{"runs": [...]}`, newest first."""
    data: Json = {"runs": [round_to_json(one) for one in report.rounds]}
    if isinstance(report, RunReport):
        data |= {"busy": list(report.busy), "not_due": list(report.waiting), "off": list(report.off)}
    return data


def round_to_json(one: Round) -> Json:
    """A round with its tasks; `outcome` and `finished_at` are null while it runs."""
    return {
        "id": str(one.id),
        "user": one.user,
        "trigger": one.trigger,
        "started_at": format_time(one.started_at),
        "finished_at": _time(one.finished_at),
        "outcome": one.outcome,
        "tasks": [_task(task) for task in one.tasks],
    }


def _task(task: Task) -> Json:
    return {
        "name": task.name,
        "kind": task.kind,
        "broker": task.broker,
        "outcome": task.outcome,
        "seconds": None if task.seconds is None else format(task.seconds, "f"),
        "detail": task.detail,
        "new_fills": task.new_fills,
        "requests": task.requests,
    }


def _seconds(one: Round) -> str | None:
    return None if one.finished_at is None else f"{(one.finished_at - one.started_at).total_seconds():.3f}"


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)


def _rate(rate: Decimal | None) -> str | None:
    return None if rate is None else format_figure(round(rate, 4))
