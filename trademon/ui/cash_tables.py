"""Cash lines as a person reads them, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TextIO

from rich.console import Group, RenderableType

from trademon.core.cash_reports import CashImportReport, CashReport, CashRow, CashTotal
from trademon.core.money import format_decimal
from trademon.core.times import format_time
from trademon.ui.csv_out import write_csv
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import (
    UNICODE,
    Glyphs,
    count,
    format_amount,
    format_stamp,
    money_style,
    plain,
    sentence,
    several,
)

# The first six are what `cash import` reads, so that an export can be brought in again.
CASH_COLUMNS: Final = ("at", "kind", "currency", "amount", "symbol", "id", "broker", "user")
NO_CASH: Final = "no cash lines yet: trademon cash import FILE.csv --broker NAME"
_COLUMNS: Final = (
    Column("time"),
    Column("user"),
    Column("broker"),
    Column("kind"),
    Column("symbol"),
    Column("amount", "point", money=True),
    Column(""),
    Column("id", leaves=1),
)


def render_cash(report: CashReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a line, then the totals; and that no P&L figure has them."""
    if not report.cash:
        if report.stored:
            are = f"{count(report.stored, 'cash line')} {'is' if report.stored == 1 else 'are'}"
            return sentence(f"nothing matches; {are} stored (trademon cash shows all of them)")
        return sentence(NO_CASH)
    named = several(row.user for row in report.cash)
    rows = [_row(row, named=named) for row in report.cash]
    rows += [_total(total, named=named, ruled=not n) for n, total in enumerate(report.totals)]
    said = "received is above zero, paid below it; none of it is in the figures of trademon pnl"
    return Group(_grid(rows, glyphs), sentence(said, "dim"))


def _grid(rows: list[Row], glyphs: Glyphs) -> Grid:
    """The rows without the columns that say nothing in any of them."""
    keep = [i for i in range(len(_COLUMNS)) if any(row.cells[i].plain for row in rows)]
    cut = tuple(row.only(keep) for row in rows)
    return Grid(tuple(_COLUMNS[i] for i in keep), cut, glyphs.rule)


def _row(row: CashRow, *, named: bool) -> Row:
    return Row(
        (
            plain(format_stamp(row.at)),
            plain(row.user if named else ""),
            plain(row.broker),
            plain(row.kind),
            plain(row.symbol or ""),
            plain(format_amount(row.amount, row.currency), money_style(row.amount)),
            plain(row.currency, "dim"),
            plain("" if row.cash_id.startswith("row-") else row.cash_id, "dim"),
        )
    )


def _total(total: CashTotal, *, named: bool, ruled: bool) -> Row:
    return Row(
        (
            plain("total", "bold"),
            plain(total.user if named else ""),
            plain(total.broker),
            plain(total.kind),
            plain(""),
            plain(format_amount(total.amount, total.currency), money_style(total.amount)),
            plain(total.currency, "dim"),
            plain(""),
        ),
        ruled=ruled,
        total=True,
    )


def render_cash_import(report: CashImportReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """How many rows were read and how many of them were new."""
    known = "" if report.new_lines else "; all of them were stored before"
    read = f"{count(report.rows, 'row')} read, {count(report.new_lines, 'new cash line')}"
    return sentence(f"{report.broker}: {read}{known}")


# --- CSV --------------------------------------------------------------------------------------------------------------


def cash_csv(report: CashReport, stream: TextIO) -> None:
    """A header line and one line a line of cash; totals are left to the reader, who must not add currencies up."""
    write_csv(stream, *cash_table(report))


def cash_table(report: CashReport) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """The header and the cells, exact and unescaped."""
    return CASH_COLUMNS, _cells(report)


def _cells(report: CashReport) -> Iterator[tuple[str, ...]]:
    for row in report.cash:
        what = (row.kind, row.currency, format_decimal(row.amount), row.symbol or "", row.cash_id)
        yield (format_time(row.at), *what, row.broker, row.user)
