"""Reports as CSV: exact figures, UTC times, and no cell a spreadsheet would run."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Final, TextIO

from trademon.core.money import format_decimal, format_figure
from trademon.core.reports import FillRow, FillsReport, PnlReport, PnlRow
from trademon.core.times import format_time

# The first nine are what `fills import` reads, so that an export can be brought in again.
FILL_COLUMNS: Final = (
    *("executed_at", "symbol", "side", "quantity", "price", "fee", "fee_currency", "order_id", "trade_id"),
    *("broker", "user", "id", "source"),
)
PNL_COLUMNS: Final = (
    *("period", "user", "broker", "symbol", "currency", "gross", "fees", "net", "open_quantity", "open_cost"),
    *("average_cost", "unmatched_quantity", "unmatched_proceeds", "unvalued_fees", "disposals", "fills"),
)
_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """`text`, with an apostrophe before it where a spreadsheet would take it for a formula. Plain numbers stay."""
    if text.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


def fills_csv(report: FillsReport, stream: TextIO) -> None:
    """A header line and one line a fill, oldest first."""
    _write(stream, FILL_COLUMNS, (fill_cells(f) for f in report.fills))


def pnl_csv(report: PnlReport, stream: TextIO) -> None:
    """A header line and one line a book; totals are left to the reader, who must not add currencies up."""
    _write(stream, PNL_COLUMNS, (pnl_cells(r) for r in report.rows))


def fill_cells(fill: FillRow) -> tuple[str, ...]:
    """The cells of FILL_COLUMNS, exact and unescaped."""
    money = (format_decimal(fill.quantity), format_decimal(fill.price), format_decimal(fill.fee), fill.fee_currency)
    ids = (fill.order_id, fill.trade_id, fill.broker, fill.user, str(fill.id), fill.source)
    return (format_time(fill.executed_at), fill.symbol, fill.side, *money, *ids)


def pnl_cells(row: PnlRow) -> tuple[str, ...]:
    """The cells of PNL_COLUMNS, exact and unescaped; several unvalued fees stand in one cell, apart with `; `."""
    figures = (row.gross, row.fees, row.net)
    held = "" if row.open_quantity is None else format_figure(row.open_quantity)
    average = "" if row.average_cost is None else format_figure(row.average_cost)
    unmatched = (format_figure(row.unmatched_quantity), format_figure(row.unmatched_proceeds))
    unvalued = "; ".join(f"{format_figure(amount)} {currency}" for currency, amount in row.unvalued_fees)
    return (
        *(row.period or "", row.user, row.broker, row.symbol, row.currency),
        *(format_figure(f) for f in figures),
        *(held, format_figure(row.open_cost)),
        *(average, *unmatched, unvalued, str(row.disposals), str(row.fills)),
    )


def _write(stream: TextIO, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([safe_cell(c) for c in row] for row in rows)
