"""Coverage as a person reads it: a bar a row, what is missing below the row it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.coverage import Span, union
from trademon.core.coverage_reports import BrokerCoverage, CoverageReport, CoverageRow, Gap
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import UNICODE, Glyphs, count, format_age, format_stamp, plain, sentence, several, to_begin

CELLS: Final = 24
_MOST_GAPS: Final = 3
_COLUMNS: Final = (
    Column("user"),
    Column("broker"),
    Column("of"),
    Column("read", leaves=1),
    Column("complete since"),
    Column("up to", leaves=2),
    Column("fills", "right", leaves=3),
)


def render_coverage(report: CoverageReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Each account's streams and traded symbols; those without fills and without gaps are only counted."""
    if not report.rows:
        return sentence(f"nothing was read yet: {to_begin('trademon scan', no_broker=report.no_broker)}")
    named = several(broker.user for broker in report.brokers)
    shown = [row for row in report.rows if row.stream != "fills" or row.fills or row.gaps]
    rows = tuple(_row(row, report.at, glyphs, named=named) for row in shown)
    grid = Grid(_COLUMNS, rows, glyphs.rule)
    said = [line for broker in report.brokers for line in _said(broker, report.rows, glyphs)]
    return Group(grid, Text(), *(sentence(line) for line in said))


def _row(row: CoverageRow, now: datetime, glyphs: Glyphs, *, named: bool) -> Row:
    since, until = row.complete_since, row.until
    return Row(
        (
            plain(row.user if named else ""),
            plain(row.broker),
            plain(row.symbol or row.stream),
            plain(bar(row.spans, Span(row.wanted_since, until or now), glyphs), "yellow" if row.gaps else "green"),
            plain(format_stamp(since) if since else glyphs.none),
            plain(f"{format_age((now - until).total_seconds())} ago" if until else glyphs.none, "dim"),
            plain(f"{row.fills:,}" if row.stream == "fills" else "", "dim"),
        ),
        _missing(row.gaps, now, glyphs),
    )


def bar(spans: Sequence[Span], wanted: Span, glyphs: Glyphs = UNICODE) -> str:
    """`CELLS` cells over the wanted time: full where all of a cell was read, half where some of it, else empty."""
    full, half, empty = ("█", "▒", "·") if glyphs is UNICODE else ("#", "+", ".")
    length = wanted.end - wanted.start
    if not length:
        return ""
    edges = [wanted.start + length * n / CELLS for n in range(CELLS + 1)]
    cells = (Span(start, end) for start, end in pairwise(edges))
    return "".join(_cell(spans, cell, full, half, empty) for cell in cells)


def _cell(spans: Sequence[Span], cell: Span, full: str, half: str, empty: str) -> str:
    inside = union(Span(max(span.start, cell.start), min(span.end, cell.end)) for span in spans)
    if not inside:
        return empty
    return full if inside == (cell,) else half


def _missing(gaps: Sequence[Gap], now: datetime, glyphs: Glyphs) -> Text | None:
    if not gaps:
        return None
    said = [_gap(gap, now) for gap in gaps[-_MOST_GAPS:]]
    more = f"; and {len(gaps) - _MOST_GAPS} older gaps" if len(gaps) > _MOST_GAPS else ""
    return plain(f"{glyphs.warn} missing: {'; '.join(said)}{more}", "yellow")


def _gap(gap: Gap, now: datetime) -> str:
    stretch = f"{format_stamp(gap.span.start)} to {format_stamp(gap.span.end)}"
    if gap.is_lost:
        return f"{stretch}, which the exchange no longer tells"
    if gap.lost_from is None:
        return stretch
    if gap.lost_from <= now:
        return f"{stretch}, of which the exchange forgets more every hour: scan now"
    return f"{stretch}, which the exchange forgets from in {format_age((gap.lost_from - now).total_seconds())} on"


def _said(broker: BrokerCoverage, rows: Sequence[CoverageRow], glyphs: Glyphs) -> Iterator[str]:
    """What the rows do not show of one account."""
    mine = [row for row in rows if (row.user, row.broker) == (broker.user, broker.broker) and row.stream == "fills"]
    quiet = sum(not row.fills and not row.gaps for row in mine)
    since = (
        "not complete yet" if broker.complete_since is None else f"complete since {format_stamp(broker.complete_since)}"
    )
    parts = [f"{broker.broker}: {since}"]
    if quiet:
        parts.append(f"{count(quiet, 'more symbol')} read, without a fill")
    if not broker.names_symbols and broker.listed > broker.asked:
        parts.append(f"{broker.listed - broker.asked:,} of {broker.listed:,} listed symbols never asked for yet")
    lost = sum(gap.is_lost for row in mine for gap in row.gaps)
    if lost:
        parts.append(f"{count(lost, 'gap')} can no longer be filled: trademon lots open enters what was bought then")
    yield f"{glyphs.warn if broker.complete_since is None else glyphs.ok} " + "; ".join(parts)
