"""CSV for spreadsheets, tab-separated lines for pipes."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from tests.ui.world import fill, info, pnl_row, scan
from trademon.core.pnl_reports import PnlReport
from trademon.core.reports import BrokersReport, FillsReport, ScanReport, UsersReport
from trademon.ui.csv_out import fills_csv, safe_cell
from trademon.ui.tsv import tsv


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "+-1"])
def test_a_formula_is_made_inert(cell: str) -> None:
    """What a spreadsheet would run stands behind an apostrophe."""
    assert safe_cell(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["-12.40", "+3", "0.1", "BTC/USDT", ""])
def test_numbers_and_words_stay_as_they_are(cell: str) -> None:
    """A rebate is a number, not a formula."""
    assert safe_cell(cell) == cell


def test_exported_fills_begin_with_the_columns_an_import_reads() -> None:
    """The header, and exact figures under it."""
    stream = io.StringIO()
    fills_csv(FillsReport((fill(fee=Decimal("-0.00001"), trade_id="=1"),), 1), stream)
    stream.seek(0)
    header, row = csv.reader(stream)
    assert ",".join(header[:9]) == "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id"
    assert row == [
        *("2026-11-21T14:01:34.000Z", "BTC/USDT", "sell", "0.0015", "47000", "-0.00001", "USDT", "o1", "'=1"),
        *("main", "ann", "1", "scan"),
    ]


def test_a_line_break_in_a_name_begins_no_row() -> None:
    """A bare carriage return would, in a spreadsheet, and what follows it would be a cell of its own."""
    stream = io.StringIO(newline="")
    fills_csv(FillsReport((fill(symbol="A\r=1+1"), fill(symbol="A\n=1+1")), 2), stream)
    assert '"A\r=1+1"' in stream.getvalue()
    assert "\r\n" not in stream.getvalue()
    _, first, second = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert (first[1], second[1]) == ("A\r=1+1", "A\n=1+1")


def test_a_pipe_gets_tab_separated_lines_without_decoration() -> None:
    """A header in lower case, exact numbers, no escape byte and no stray tab from a hostile name."""
    text = "".join(tsv(FillsReport((fill(symbol="\x1b[1mA\tB"),), 1)))
    header, row = text.splitlines()
    assert header == header.lower()
    assert len(row.split("\t")) == len(header.split("\t"))
    assert "\x1b" not in text


def test_every_list_has_a_form_for_pipes() -> None:
    """Each report has as many cells as titles, and only its header when it is empty."""
    for report in (PnlReport("fifo", (pnl_row(),), ()), ScanReport((scan(),)), BrokersReport((info(),))):
        header, row = "".join(tsv(report)).splitlines()
        assert header.count("\t") == row.count("\t")
    assert len(list(tsv(UsersReport(())))) == 1
