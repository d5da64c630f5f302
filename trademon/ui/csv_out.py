"""Reports as CSV: exact figures, UTC times, and no cell a spreadsheet would run."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, TextIO

from trademon.core.money import format_decimal, format_figure
from trademon.core.pnl_reports import PnlReport, PnlRow
from trademon.core.reports import FillRow, FillsReport
from trademon.core.times import format_time

# The first nine are what `fills import` reads, so that an export can be brought in again.
FILL_COLUMNS: Final = (
    *("executed_at", "symbol", "side", "quantity", "price", "fee", "fee_currency", "order_id", "trade_id"),
    *("broker", "user", "id", "source"),
)
SIZE_COLUMN: Final = "contract_size"
PNL_COLUMNS: Final = (
    *("period", "user", "broker", "symbol", "currency", "gross", "fees", "net", "open_quantity", "open_cost"),
    *("average_cost", "unmatched_quantity", "unmatched_proceeds", "unvalued_fees", "disposals", "fills"),
    *("unmatched_fees", "unmatched_reason", "net_if_unmatched_free", "provisional", "return_percent"),
    "unvalued",
)
STATS_COLUMNS: Final = (
    *("wins", "losses", "win_rate", "profit", "loss", "profit_factor", "best", "worst", "max_drawdown"),
)
MARK_COLUMNS: Final = ("last_price", "last_price_at", "unrealized")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """`text`, with an apostrophe before it where a spreadsheet would take it for a formula. Plain numbers stay."""
    if text.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


def fills_csv(report: FillsReport, stream: TextIO) -> None:
    """A header line and one line a fill, oldest first; with a column of sizes where one is of a contract."""
    write_csv(stream, *fills_table(report))


def pnl_csv(report: PnlReport, stream: TextIO) -> None:
    """A header line and one line a book; totals are left to the reader, who must not add currencies up."""
    write_csv(stream, *pnl_table(report))


def fills_table(report: FillsReport) -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    """The header and the cells, exact and unescaped."""
    if any(fill.contract_size is not None for fill in report.fills):
        return (*FILL_COLUMNS, SIZE_COLUMN), ((*fill_cells(f), size_cell(f)) for f in report.fills)
    return FILL_COLUMNS, (fill_cells(f) for f in report.fills)


def fill_cells(fill: FillRow) -> tuple[str, ...]:
    """The cells of FILL_COLUMNS, exact and unescaped."""
    money = (format_decimal(fill.quantity), format_decimal(fill.price), format_decimal(fill.fee), fill.fee_currency)
    ids = (fill.order_id, fill.trade_id, fill.broker, fill.user, str(fill.id), fill.source)
    return (format_time(fill.executed_at), fill.symbol, fill.side, *money, *ids)


def size_cell(fill: FillRow) -> str:
    """What one contract stands for; nothing where the fill is of coins."""
    return "" if fill.contract_size is None else format_decimal(fill.contract_size)


def pnl_table(report: PnlReport) -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    """The header and the cells, exact and unescaped; further columns only where they were asked for."""
    with_stats = any(row.stats for row in report.rows)
    header = (*PNL_COLUMNS, *(STATS_COLUMNS if with_stats else ()), *(MARK_COLUMNS if report.marked else ()))
    return header, (
        (*pnl_cells(r), *(_stats_cells(r) if with_stats else ()), *(_mark_cells(r) if report.marked else ()))
        for r in report.rows
    )


def pnl_cells(row: PnlRow) -> tuple[str, ...]:
    """The cells of PNL_COLUMNS, exact and unescaped; several unvalued fees stand in one cell, apart with `; `, and so
    do the sums that had no rate: a figure of zero beside them is no known zero."""
    figures = (row.gross, row.fees, row.net, row.open_quantity, row.open_cost, row.average_cost)
    unmatched = (row.unmatched_quantity, row.unmatched_proceeds)
    unvalued = "; ".join(f"{format_figure(amount)} {currency}" for currency, amount in row.unvalued_fees)
    return (
        *(row.period or "", row.user, row.broker, row.symbol, row.currency),
        *(_figure(f) for f in (*figures, *unmatched)),
        *(unvalued, str(row.disposals), str(row.fills)),
        *(_figure(row.unmatched_fees), row.unmatched_reason or "", _figure(row.net_if_free)),
        *("yes" if row.provisional else "no", _figure(row.return_percent)),
        "; ".join(f"{one.what} {format_figure(one.amount)} {one.currency}" for one in row.unvalued_sums),
    )


def _stats_cells(row: PnlRow) -> tuple[str, ...]:
    stats = row.stats
    if stats is None:
        return ("",) * len(STATS_COLUMNS)
    amounts = (stats.win_rate, stats.profit, stats.loss, stats.profit_factor, stats.best, stats.worst)
    return (str(stats.wins), str(stats.losses), *(_figure(a) for a in amounts), _figure(stats.max_drawdown))


def _mark_cells(row: PnlRow) -> tuple[str, ...]:
    if row.mark is None:
        return ("",) * len(MARK_COLUMNS)
    return _figure(row.mark.price), format_time(row.mark.at), _figure(row.mark.unrealized)


def _figure(value: Decimal | None) -> str:
    return "" if value is None else format_figure(value)


def write_csv(stream: TextIO, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A header line and the rows, every cell made inert."""
    writer = csv.writer(_Lines(stream), lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([safe_cell(c) for c in row] for row in rows)


class _Lines:
    """Lines that end with a newline alone. The writer is told otherwise, since it quotes only what is in its own line
    end: a carriage return left bare within a name would begin a new row in a spreadsheet, and a formula in it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n") + "\n")
