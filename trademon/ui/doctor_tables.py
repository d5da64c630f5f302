"""An examination as a person reads it: a line a check, grouped by what was looked at."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType

from trademon.core.doctor_reports import Check, DoctorReport, Health
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import UNICODE, Glyphs, count, joined, plain, sentence, several

_COLUMNS: Final = (Column(""), Column("user"), Column("broker"), Column("check"))
_STYLES: Final[dict[Health, str]] = {"ok": "green", "warn": "yellow", "act": "red"}


def render_doctor(report: DoctorReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Each check with its state as a sign and a word, what to do below it, and the sum."""
    named = several(check.user for check in report.checks if check.user)
    grid = Grid(_COLUMNS, tuple(_row(check, glyphs, named=named) for check in report.checks), glyphs.rule)
    acts = sum(check.health == "act" for check in report.checks)
    warns = sum(check.health == "warn" for check in report.checks)
    if acts:
        said = f"{count(acts, 'thing')} to do, {count(warns, 'warning')}"
    else:
        said = f"{count(warns, 'warning')}, no fault" if warns else "all well"
    return Group(grid, sentence(said, "dim"))


def _row(check: Check, glyphs: Glyphs, *, named: bool) -> Row:
    signs: dict[Health, str] = {"ok": glyphs.ok, "warn": glyphs.warn, "act": glyphs.fail}
    return Row(
        (
            plain(f"{signs[check.health]} {check.health}", _STYLES[check.health]),
            plain(check.user or "" if named else ""),
            plain(check.broker or ""),
            plain(check.name),
        ),
        joined(plain(check.detail), plain(f" {glyphs.then} {check.hint}", "cyan"))
        if check.hint
        else plain(check.detail),
    )
