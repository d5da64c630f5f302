"""Rounds as a person reads them: what is on, how it went, and what each round did."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.automation_reports import AutomationStatus, RoundsReport, RunReport, UserAutomation
from trademon.core.reports import Status
from trademon.core.rounds import Round, Task
from trademon.core.schedule import State
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import (
    UNICODE,
    Glyphs,
    count,
    format_age,
    format_percent,
    format_seconds,
    format_stamp,
    joined,
    plain,
    sentence,
    several,
)

NO_ROUNDS: Final = "no round yet: trademon automation start, or once: trademon automation run --force"
NO_SUCH_ROUNDS: Final = "no such round: trademon automation logs shows all of them"
_STATUS_COLUMNS: Final = (
    Column("user"),
    Column("state"),
    Column("every", "right"),
    Column("next round"),
    Column("last round"),
    Column("outcome"),
    Column("took", "right", leaves=1),
    Column("good in 24 h", "right", leaves=2),
    Column("7 d", "right", leaves=3),
    Column("30 d", "right", leaves=4),
)
_ROUND_COLUMNS: Final = (
    Column("begun"),
    Column("user"),
    Column("by", leaves=1),
    Column("outcome"),
    Column("took", "right", leaves=2),
    Column("did"),
)
_STATE_STYLES: Final[dict[State, str]] = {"active": "green", "paused": "yellow", "stopped": "dim"}
_OUTCOME_STYLES: Final[dict[Status, str]] = {"success": "green", "partial": "yellow", "failed": "red"}


def render_automation_status(report: AutomationStatus, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A user a line, and whether somebody does the rounds of those that are on."""
    rows = tuple(_status_row(user, report.now, glyphs) for user in report.users)
    scheduler = report.scheduler
    if scheduler.is_alive:
        said = sentence(f"the scheduler is at work, process {scheduler.pid}", "dim")
    elif any(user.schedule.state == "active" for user in report.users):
        words = "no scheduler is at work here: rounds are done by cron alone, or after trademon automation start"
        said = sentence(words, "yellow")
    else:
        said = sentence("nobody's rounds are on: trademon automation start", "dim")
    return Group(Grid(_STATUS_COLUMNS, rows, glyphs.rule), said)


def _status_row(user: UserAutomation, now: datetime, glyphs: Glyphs) -> Row:
    schedule, last = user.schedule, user.last
    return Row(
        (
            plain(schedule.user),
            plain(schedule.state, _STATE_STYLES[schedule.state]),
            plain(f"{schedule.every_minutes} min"),
            plain(_next(user, now, glyphs)),
            plain(format_stamp(last.started_at) if last else glyphs.none),
            _outcome(last.outcome, glyphs) if last and last.outcome else plain(glyphs.none),
            plain(_took(last, glyphs) if last else ""),
            plain(_rate(user.rates.day, glyphs)),
            plain(_rate(user.rates.week, glyphs)),
            plain(_rate(user.rates.month, glyphs)),
        )
    )


def _next(user: UserAutomation, now: datetime, glyphs: Glyphs) -> str:
    if user.running is not None:
        return f"at work for {format_age((now - user.running.started_at).total_seconds())}"
    at = user.schedule.next_at
    if at is None:
        return glyphs.none
    return "now" if at <= now else f"in {format_age((at - now).total_seconds())}"


def _rate(rate: Decimal | None, glyphs: Glyphs) -> str:
    return glyphs.none if rate is None else format_percent(rate * 100)


def render_rounds(report: RoundsReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Newest at the bottom, beside the prompt; what failed below the round it belongs to."""
    if not report.rounds:
        return sentence(NO_SUCH_ROUNDS if report.is_part else NO_ROUNDS)
    grid = _rounds(report.rounds[::-1], glyphs)
    return grid if report.log_file is None else Group(grid, sentence(f"more of it: {report.log_file}", "dim"))


def render_run(report: RunReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """The rounds that were done, and of whom there was none to do."""
    parts: list[RenderableType] = [_rounds(report.rounds, glyphs)] if report.rounds else []
    for users, words in (
        (report.busy, "another run does the round of {}"),
        (report.waiting, "no round of {} is due: --force does one anyway"),
        (report.off, "the rounds of {} are not on: trademon automation start --cron"),
    ):
        if users:
            parts.append(sentence(words.format(", ".join(users)), "dim"))
    return Group(*parts)


def _rounds(rounds: tuple[Round, ...], glyphs: Glyphs) -> Grid:
    named = several(one.user for one in rounds)
    return Grid(_ROUND_COLUMNS, tuple(_round_row(one, glyphs, named=named) for one in rounds), glyphs.rule)


def _round_row(one: Round, glyphs: Glyphs, *, named: bool) -> Row:
    faults = [task for task in one.tasks if task.outcome == "failed"]
    return Row(
        (
            plain(format_stamp(one.started_at)),
            plain(one.user if named else ""),
            plain(one.trigger, "dim"),
            _outcome(one.outcome, glyphs) if one.outcome else plain("at work", "cyan"),
            plain(_took(one, glyphs)),
            plain(_did(one)),
        ),
        _faults(faults, glyphs) if faults else None,
    )


def _did(one: Round) -> str:
    """`2 brokers, 3 new executions` of what was done well."""
    synced = [task for task in one.tasks if task.kind == "sync" and task.outcome == "success"]
    new = sum(task.new_fills for task in one.tasks)
    said = [count(len(synced), "broker"), f"{count(new, 'new execution')}" if new else "nothing new"]
    verified = sum(task.kind == "verify" and task.outcome == "success" for task in one.tasks)
    return ", ".join([*said, *([f"{verified} verified"] if verified else [])])


def _faults(tasks: list[Task], glyphs: Glyphs) -> Text:
    parts = [plain(f"{task.name}: {task.detail}") for task in tasks]
    line = parts[0]
    for part in parts[1:]:
        line = joined(line, plain("; "), part)
    hints = [task.problem.hint for task in tasks if task.problem is not None and task.problem.hint]
    return joined(line, plain(f" {glyphs.then} {hints[0]}", "cyan")) if hints else line


def _outcome(outcome: Status, glyphs: Glyphs) -> Text:
    signs: dict[Status, str] = {"success": glyphs.ok, "partial": glyphs.warn, "failed": glyphs.fail}
    return plain(f"{signs[outcome]} {outcome}", _OUTCOME_STYLES[outcome])


def _took(one: Round, glyphs: Glyphs) -> str:
    if one.finished_at is None:
        return glyphs.none
    return format_seconds(Decimal(f"{(one.finished_at - one.started_at).total_seconds():.3f}"))
