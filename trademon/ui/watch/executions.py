"""The panel of executions: newest first, with what each realised and what of it is in no figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from trademon.core.reports import ExecutionRow
from trademon.core.watch_reports import WatchState
from trademon.ui.grid import Column, Row, set_rows
from trademon.ui.text import (
    clip,
    format_amount,
    format_clock,
    format_fee,
    format_price,
    format_quantity,
    money_style,
    plain,
    quote_of,
)
from trademon.ui.watch.frame import Look, Page, Panel, money, words_panel
from trademon.ui.zone import shown_zone

SYMBOL_CELLS: Final = 36
_COLUMNS: Final = (
    Column("time"),
    Column("broker", leaves=3),
    Column("symbol"),
    Column("side"),
    Column("quantity", "point"),
    Column(""),
    Column("price", "point"),
    Column("fee", "point", leaves=5),
    Column("P&L", "point"),
)


def executions_panel(
    rows: Sequence[ExecutionRow], page: Page, state: WatchState, look: Look, *, beyond: int, only: str | None
) -> Panel:
    """The rows of `page`, quantity and price aligned on the decimal point; `beyond`: stored, and older than these;
    `only` is the one currency whose P&L they are of, None all of them."""
    title = "executions" if only is None else f"executions, {only} only"
    title = title if (zone := shown_zone()) is None else f"{title}, times in {zone}"
    if state.shown_method not in ("", state.method):
        title = f"{title}, P&L by {state.method}"
    if not rows:
        none_of = "no execution with that in it" if only is None else f"none of the newest executions is in {only}"
        words = none_of if state.executions else _waiting_for(state)
        return words_panel(title, plain(words, "dim"), look)
    cells = [_execution_row(row, look) for row in page.of(rows)]
    title_row, blocks = set_rows(_COLUMNS, cells, look.inner, gap=look.gap, titles=look.wide)
    return Panel(title, title_row, blocks, page, beyond)


def _waiting_for(state: WatchState) -> str:
    if not state.brokers_total:
        return "executions appear here once there is a broker to watch"
    return "no execution yet: the next buy or sell shows here seconds after the exchange reports it"


def _execution_row(row: ExecutionRow, look: Look) -> Row:
    fill = row.fill
    fees = ((fill.fee, fill.fee_currency), *fill.more_fees)
    return Row(
        (
            plain(format_clock(fill.executed_at, now=look.now), "dim"),
            plain(look.owner(fill.broker, fill.user)),
            plain(clip(fill.symbol, SYMBOL_CELLS, look.glyphs), "bold"),
            plain(clip(fill.side, 5, look.glyphs)),
            plain(format_quantity(fill.quantity)),
            plain("" if look.wide else "@", "dim"),
            plain(format_price(fill.price)),
            plain(" + ".join(format_fee(amount, currency) for amount, currency in fees), "dim"),
            _result(row, look),
        ),
        _missing(row),
    )


def _result(row: ExecutionRow, look: Look) -> Text:
    """What it realised; `?` where it sold only what has no known cost, a dot where it closed nothing."""
    if row.net is None:
        return plain("?", "cyan") if row.unmatched else plain(look.glyphs.idle, "dim")
    if look.wide or row.currency != quote_of(row.fill.symbol):
        return money(row.net, row.currency)
    return plain(format_amount(row.net, row.currency), money_style(row.net))


def _missing(row: ExecutionRow) -> Text | None:
    """What of this execution is in no figure."""
    said = [f"? {format_quantity(row.unmatched)} without cost"] if row.unmatched else []
    said += ["? fee unvalued"] if row.unvalued else []
    return plain(", ".join(said), "cyan") if said else None
