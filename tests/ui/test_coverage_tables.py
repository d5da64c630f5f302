"""Coverage as a person reads it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from rich.console import Console

from tests.ui.world import NOW
from trademon.core.coverage import Span
from trademon.core.coverage_reports import BrokerCoverage, CoverageReport, CoverageRow, Gap
from trademon.ui.coverage_tables import bar
from trademon.ui.json_out import to_json
from trademon.ui.tables import render
from trademon.ui.text import ASCII, UNICODE

DAY = timedelta(days=1)
SINCE = NOW - 24 * DAY


def gap(start: int, end: int, history: int | None = None) -> Gap:
    """From and until so many days ago; the exchange keeps `history` days."""
    span = Span(NOW - start * DAY, NOW - end * DAY)
    if history is None:
        return Gap(span, None, None)
    return Gap(span, span.start + history * DAY, NOW - history * DAY)


def row(symbol: str | None, *gaps: Gap, fills: int = 0, stream: str = "fills") -> CoverageRow:
    edges = [SINCE, *(edge for g in gaps for edge in (g.span.start, g.span.end)), NOW]
    spans = tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)
    return CoverageRow("ann", "main", "bitget", stream, symbol, SINCE, spans, gaps, fills)


def report(*rows: CoverageRow, complete: bool = True) -> CoverageReport:
    since = SINCE if complete else None
    return CoverageReport(NOW, (BrokerCoverage("ann", "main", "binance", since, 3, 80, names_symbols=False),), rows)


def shown(what: CoverageReport, width: int = 120, *, ascii_only: bool = False) -> str:
    console = Console(width=width, no_color=True, legacy_windows=False)
    with console.capture() as capture:
        console.print(render(what, ASCII if ascii_only else UNICODE))
    return capture.get()


def test_a_bar_is_full_half_and_empty() -> None:
    """Twenty-four days in twenty-four cells: ten read, one of which half, then four not, then read."""
    spans = (Span(SINCE, SINCE + 9.5 * DAY), Span(SINCE + 14 * DAY, NOW))
    assert bar(spans, Span(SINCE, NOW)) == "█" * 9 + "▒" + "····" + "█" * 10
    assert bar(spans, Span(SINCE, NOW), ASCII) == "#" * 9 + "+" + "...." + "#" * 10
    assert bar((), Span(NOW, NOW)) == ""


def test_what_was_read_whole_is_full_to_its_last_cell() -> None:
    """Lengths that no number of cells divides."""
    for us in range(1_000_000, 1_000_050):
        whole = Span(SINCE, SINCE + timedelta(microseconds=us))
        assert bar((whole,), whole) == "█" * 24


def test_what_is_missing_stands_below_its_row_with_what_can_be_done() -> None:
    """Kept for ever; kept for some days more; being lost; lost."""
    said = " ".join(shown(report(row("BTC/USDT", gap(9, 8), fills=3)), 200).split())
    assert "missing: 20" in said
    assert "forgets" not in said
    assert "forgets from in 11 d" in " ".join(shown(report(row("BTC/USDT", gap(9, 8, 20))), 200).split())
    assert "forgets more every hour: scan now" in shown(report(row("BTC/USDT", gap(21, 8, 20))), 200)
    lost = shown(report(row("BTC/USDT", gap(23, 21, 20))), 250)
    assert "which the exchange no longer tells" in lost
    assert "1 gap can no longer be filled: trademon lots open" in lost


def test_symbols_without_fills_and_gaps_are_counted_and_not_listed() -> None:
    """Two of three; and what was never asked for."""
    said = shown(report(row("BTC/USDT", fills=2), row("ETH/USDT"), row("SOL/USDT"), complete=False), 200)
    assert "ETH/USDT" not in said
    assert "main: not complete yet; 2 more symbols read, without a fill; 77 of 80 listed symbols never asked" in said


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_nothing_is_cut(width: int) -> None:
    """At any width every line fits, and every gap's borders stand whole."""
    text = shown(report(row("BTC/USDT", gap(9, 8, 20), gap(5, 4, 20), fills=12_345)), width, ascii_only=True)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "12,345" in text or width < 120
    text.encode("ascii")


def test_nothing_read_says_what_to_do() -> None:
    """And the document is whole."""
    empty = CoverageReport(NOW, (), ())
    assert shown(empty).strip() == "nothing was read yet: trademon scan"
    assert to_json(empty)["coverage"] == []


def test_the_document_has_ranges_and_gaps() -> None:
    """Times with Z, `lost_from` null where the exchange forgets nothing."""
    data = to_json(report(row("BTC/USDT", gap(9, 8, 20), fills=2), row(None, gap(3, 2), stream="deposits")))
    first, second = data["coverage"]
    assert [len(first["ranges"]), len(first["gaps"]), first["gaps"][0]["lost"]] == [2, 1, False]
    assert first["gaps"][0]["lost_from"].endswith("Z")
    assert (second["symbol"], second["gaps"][0]["lost_from"]) == (None, None)
    json.dumps(data)
