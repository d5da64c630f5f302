"""Dated prices, kept and fetched, as a person reads them."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType

from trademon.core.price_reports import PriceFetchReport, PriceGap, PriceHost, PriceSpan, PricesReport
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.price_json import candle_length
from trademon.ui.text import UNICODE, Glyphs, count, format_stamp, plain, sentence, several

_NO_PRICES: Final = "no prices yet: trademon prices fetch --in EUR"
_COLUMNS: Final = (
    Column("host", leaves=1),
    Column("market"),
    Column("candle", leaves=2),
    Column("prices", "right"),
    Column("none", "right", leaves=3),
    Column("first"),
    Column("last"),
)


# --- what is kept -------------------------------------------------------------------------------------------------


def render_prices(report: PricesReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a host, market and length of candle."""
    if not report.spans:
        return sentence(_NO_PRICES)
    rows = tuple(_span_row(span) for span in report.spans)
    known = sum(span.known for span in report.spans)
    said = f"{count(known, 'price')}; none: times at which the host says there was no trade"
    return Group(Grid(_COLUMNS, rows, glyphs.rule), sentence(said, "dim"))


def _span_row(span: PriceSpan) -> Row:
    return Row(
        (
            plain(span.host),
            plain(span.symbol),
            plain(candle_length(span.interval)),
            plain(f"{span.known:,}"),
            plain(f"{span.missing:,}" if span.missing else ""),
            plain(format_stamp(span.first_at)),
            plain(format_stamp(span.last_at)),
        )
    )


# --- what was fetched ---------------------------------------------------------------------------------------------


def render_price_fetch(report: PriceFetchReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A line a host, then what is still not known, by coin."""
    if not report.wanted:
        return sentence("no stored fill needs a price in that currency")
    hosts, named = [host for host in report.hosts if host.problem is None], several(gap.user for gap in report.gaps)
    lines = [sentence(_host_line(host)) for host in hosts]
    lines += [sentence(_gap_line(gap, glyphs, named=named), "yellow") for gap in report.gaps]
    if not lines:
        lines = [sentence(f"nothing to ask: all of {count(report.wanted, 'price')} are known")]
    elif not report.gaps and not report.problems:
        lines.append(sentence(f"all of {count(report.wanted, 'price')} are known", "dim"))
    if report.fees_valued:
        lines.append(sentence(f"{count(report.fees_valued, 'fee')} got a value"))
    return Group(*lines)


def _host_line(host: PriceHost) -> str:
    said = f"{host.broker}: {count(host.prices, 'price')} read in {count(host.requests, 'request')}"
    return f"{said}; {host.note}" if host.note else said


def _gap_line(gap: PriceGap, glyphs: Glyphs, *, named: bool) -> str:
    owner = f"{gap.user}: " if named else ""
    times = f"{format_stamp(gap.first_at)}" + (f" to {format_stamp(gap.last_at)}" if gap.times > 1 else "")
    return f"{owner}{gap.coin} in {gap.currency} is not known at {count(gap.times, 'time')}, {times}: {gap.why}"
