"""The panels of what is open, with what it would bring now, and of what each symbol brought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from rich.text import Text

from trademon.core.holding_reports import PositionRow, PositionsReport
from trademon.core.money import EXACT, ZERO
from trademon.core.watch_figures import Earned, Summary, SymbolEarned
from trademon.core.watch_reports import WatchState
from trademon.ui.grid import Column, Row, set_rows
from trademon.ui.text import (
    clip,
    format_age,
    format_average,
    format_price,
    format_quantity,
    joined,
    plain,
)
from trademon.ui.watch.brokers import RANGE_WORDS
from trademon.ui.watch.executions import SYMBOL_CELLS
from trademon.ui.watch.frame import Look, Page, Panel, money, words_panel
from trademon.ui.watch.spark import spark

_POSITIONS: Final = (
    Column("position"),
    Column("broker", leaves=4),
    Column("side", leaves=3),
    Column("quantity", "point"),
    Column("avg cost", "point", leaves=2),
    Column("last", "point", leaves=1),
    Column("unrealised", "point"),
)
_SYMBOLS: Final = (
    Column("symbol"),
    Column("broker", leaves=3),
    Column("", leaves=2),
    Column("sales", "right", leaves=4),
    Column("P&L", "point"),
)
_TITLES_FROM: Final = 56
"""A panel of half a screen has room for titles, too."""


def positions_panel(rows: Sequence[PositionRow], page: Page, state: WatchState, look: Look) -> Panel:
    """What is held at last prices; their age is in the title."""
    if state.positions is None:
        return words_panel("open positions", plain("reading what is open", "dim"), look)
    if not rows:
        words = "nothing is open" if not state.positions.positions else "no position with that in it"
        return words_panel("open positions", plain(words, "dim"), look)
    sided = any(row.side == "short" or row.stated for row in rows)
    cells = [_position_row(row, look, sided=sided) for row in page.of(rows)]
    title_row, blocks = set_rows(_POSITIONS, cells, look.inner, gap=look.gap, titles=look.width >= _TITLES_FROM)
    return Panel(_positions_title(rows, state, look), title_row, blocks, page)


def _positions_title(rows: Sequence[PositionRow], state: WatchState, look: Look) -> str:
    """With the method of their cost where other figures are by another one, and the age of the oldest price."""
    title = "open positions" if state.shown_method == state.method else f"open positions by {state.method}"
    told = oldest_price(rows)
    return title if told is None else f"{title}, prices {format_age((look.now - told).total_seconds())} old"


def oldest_price(rows: Sequence[PositionRow]) -> datetime | None:
    return min((row.mark.at for row in rows if row.mark is not None), default=None)


def unrealized_by_currency(report: PositionsReport) -> tuple[Earned, ...]:
    """What closing all that has a price would bring; incomplete where something that was bought has none."""
    nets: dict[str, Decimal] = {}
    incomplete: set[str] = set()
    with localcontext(EXACT):
        for row in report.positions:
            if row.currency is None:
                continue
            if row.mark is None or row.provisional or row.difference:
                incomplete.add(row.currency)
            if row.mark is not None:
                nets[row.currency] = nets.get(row.currency, ZERO) + row.mark.unrealized
    return tuple(Earned(currency, net, currency in incomplete) for currency, net in sorted(nets.items()))


def _position_row(row: PositionRow, look: Look, *, sided: bool) -> Row:
    mark, none = row.mark, look.glyphs.none
    quantity = row.quantity if row.quantity is not None else None if row.stated is None else row.stated.quantity
    gain = plain(none, "dim")
    if mark is not None:
        gain = money(mark.unrealized, row.currency or "")
        gain = joined(gain, plain(f" {look.glyphs.about}", "cyan")) if row.provisional else gain
    stale = plain(f"{look.glyphs.warn} ", "cyan") if row.seen.stale else plain("")
    return Row(
        (
            joined(stale, plain(clip(row.symbol, SYMBOL_CELLS, look.glyphs), "bold")),
            plain(look.owner(row.broker, row.user), "dim"),
            plain(row.side if sided else ""),
            plain(none if quantity is None else format_quantity(quantity)),
            plain("?" if row.average_cost is None else format_average(row.average_cost), "dim"),
            plain(none if mark is None or mark.price is None else format_price(mark.price)),
            gain,
        ),
        _position_note(row, look),
    )


def _position_note(row: PositionRow, look: Look) -> Text | None:
    if row.difference:
        states = "nothing" if row.stated is None else format_quantity(row.stated.quantity)
        return plain(f"{look.glyphs.warn} stated {states}, {format_quantity(row.difference)} from ours", "cyan")
    if not row.unknown_quantity or row.average_cost is None:
        return None
    return plain(f"? {format_quantity(row.unknown_quantity)} without cost", "cyan")


def symbols_panel(rows: Sequence[SymbolEarned], page: Page, summary: Summary, look: Look, *, method: str) -> Panel:
    """What each symbol brought within the range, the greatest first, with the way it went."""
    words = RANGE_WORDS[summary.range]
    title = f"P&L by symbol, {words}" if method == "" else f"P&L by symbol, {words}, {method}"
    if not rows:
        said = "nothing was closed" if summary.range == "all" else f"nothing was closed in this time ({words})"
        return words_panel(title, plain(f"{said}; r: another range", "dim"), look)
    cells = [_symbol_row(row, look) for row in page.of(rows)]
    title_row, blocks = set_rows(_SYMBOLS, cells, look.inner, gap=look.gap, titles=look.width >= _TITLES_FROM)
    return Panel(title, title_row, blocks, page)


def _symbol_row(row: SymbolEarned, look: Look) -> Row:
    net = money(row.earned.net, row.earned.currency)
    about = plain(f" {look.glyphs.about}", "cyan") if row.earned.incomplete else plain("")
    return Row(
        (
            plain(clip(row.symbol, SYMBOL_CELLS, look.glyphs), "bold"),
            plain(look.owner(row.broker, row.user), "dim"),
            spark(row.curve, 16 if look.wide else 10, look.glyphs),
            plain(f"{row.disposals:,}", "dim"),
            joined(net, about),
        )
    )
