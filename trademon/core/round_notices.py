"""The three messages that tell of a round: the summary, what the brokers answered, and the errors."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from trademon.core.notices import Kind, Notice, utc_text
from trademon.core.rounds import Round, Task, round_outcome
from trademon.core.times import MICROSECOND


def round_notices(done: Round) -> tuple[Notice, ...]:
    """The summary, the answers where any broker was asked, and the errors where there were some.

    By the round's number each is queued once, however often it is handed over: write them in the transaction that
    ends the round (`store.outbox.queue`).
    """
    facts = {"summary": _summary(done), "answers": _answers(done), "errors": _errors(done)}
    notices = [_notice(done, "round_summary", facts["summary"])]
    if facts["answers"]["tasks"]:
        notices.append(_notice(done, "round_answers", facts["answers"]))
    if facts["errors"]["errors"]:
        notices.append(_notice(done, "round_errors", facts["errors"]))
    return tuple(notices)


def _notice(done: Round, kind: Kind, facts: dict[str, Any]) -> Notice:
    ended = done.finished_at or done.started_at
    took = None if done.finished_at is None else str(_seconds(done.finished_at - done.started_at))
    outcome = done.outcome or round_outcome(done.tasks)
    return Notice(kind, {"outcome": outcome, "at": utc_text(ended), "seconds": took, **facts}, f"{kind}:{done.id}")


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // MICROSECOND).scaleb(-6)


def _summary(done: Round) -> dict[str, Any]:
    synced = [
        {
            "broker": task.broker or task.name,
            "outcome": task.outcome,
            "new_fills": task.new_fills,
            "positions": task.positions,
        }
        for task in done.tasks
        if task.kind == "sync"
    ]
    others = [
        {"name": task.name, "outcome": task.outcome, "detail": task.detail}
        for task in done.tasks
        if task.kind in ("strategy", "verify")
    ]
    return {"brokers": synced, "others": others}


def _answers(done: Round) -> dict[str, Any]:
    asked = [
        {
            "name": task.name,
            "outcome": task.outcome,
            "requests": task.requests,
            "seconds": None if task.seconds is None else str(task.seconds),
            "detail": task.detail,
        }
        for task in done.tasks
        if task.kind in ("sync", "tokens")
    ]
    return {"tasks": asked}


def _errors(done: Round) -> dict[str, Any]:
    return {"errors": [_error(task) for task in done.tasks if task.problem is not None or task.outcome == "failed"]}


def _error(task: Task) -> str:
    if task.problem is not None:
        return task.problem.line
    return f"{task.name}: {task.detail}" if task.detail else task.name
