"""Deposits and withdrawals as a person reads them."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.reports import takes_files
from trademon.core.transfer_reports import TransferRow, TransfersReport
from trademon.ui.foreign import clean
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import UNICODE, Glyphs, clip, count, format_quantity, format_stamp, plain, sentence, several

_COLUMNS: Final = (
    Column("time"),
    Column("user"),
    Column("broker"),
    Column("kind"),
    Column("coin"),
    Column("amount", "point"),
    Column("fee", "point"),
    Column("other end", leaves=1),
    Column("transaction", leaves=2),
)


def render_transfers(report: TransfersReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a transfer; the other end where it is the user's own account."""
    if report.manual and not report.transfers:
        return sentence(f"deposits and withdrawals are read from exchanges; {takes_files(report.manual)}")
    if not report.transfers:
        read = f"none in {count(report.accounts_read, 'account')}" if report.accounts_read else "not read yet"
        hint = " (trademon sync reads them again)" if report.accounts_read else " (trademon scan reads them)"
        return Text(clean(f"deposits and withdrawals: {read}{hint}"))
    named = several(row.user for row in report.transfers)
    rows = tuple(_row(row, glyphs, named=named) for row in report.transfers)
    own = "other end: the account of your own that tells of the same transaction"
    said = own if all(row.peer for row in report.transfers) else f"{own}; {glyphs.none} is one that is not known here"
    return Group(Grid(_COLUMNS, rows, glyphs.rule), Text(said, style="dim"))


def _row(row: TransferRow, glyphs: Glyphs, *, named: bool) -> Row:
    return Row(
        (
            plain(format_stamp(row.at)),
            plain(row.user if named else ""),
            plain(row.broker),
            plain(row.kind),
            plain(row.coin),
            plain(format_quantity(row.amount)),
            plain(format_quantity(row.fee) if row.fee else ""),
            plain(row.peer or glyphs.none),
            plain(clip(row.tx_id, 16, glyphs), "dim"),
        )
    )
