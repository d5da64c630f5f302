"""The store as a whole, paths and settings as a person reads them."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType

from trademon.core.db_reports import ConfigReport, DbStatus, PathsReport
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import UNICODE, Glyphs, count, format_stamp, plain, sentence

MB: Final = 1_000_000


def render_db_status(report: DbStatus, glyphs: Glyphs = UNICODE) -> RenderableType:
    """The facts, then what is damaged, then the copies that lie beside it."""
    size = f"{report.size_bytes / MB:,.1f} MB"
    holds = ", ".join((count(report.fills, "fill"), count(report.brokers, "broker"), count(report.users, "user")))
    lines: list[RenderableType] = [
        sentence(report.place),
        sentence(f"schema {report.schema}, {size}, {holds}"),
        sentence(f"{glyphs.fail} damaged: {'; '.join(report.faults)}", "red")
        if report.faults
        else sentence(f"{glyphs.ok} undamaged", "green"),
    ]
    lines += [
        sentence(f"a copy of {format_stamp(copy.made_at)}, {copy.size_bytes / MB:,.1f} MB: {copy.path}", "dim")
        for copy in report.copies
    ]
    return Group(*lines)


def render_paths(report: PathsReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    rows = tuple(Row((plain(name, "dim"), plain(path))) for name, path in report.paths)
    return Grid((Column("what"), Column("where")), rows, glyphs.rule)


def render_config(report: ConfigReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A setting a line; what nothing sets has its default, or none."""
    rows = tuple(
        Row((plain(s.name), plain(glyphs.none if s.value is None else s.value), plain(s.source, "dim")))
        for s in report.settings
    )
    return Grid((Column("setting"), Column("value"), Column("from")), rows, glyphs.rule)
