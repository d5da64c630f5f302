"""Balances, positions and orders as a person reads them: what the exchanges last said, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.holding_reports import (
    BalanceRow,
    BalancesReport,
    CapitalRow,
    OrderRow,
    OrdersReport,
    OrderState,
    PositionRow,
    PositionsReport,
    Seen,
)
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import (
    UNICODE,
    Glyphs,
    count,
    format_amount,
    format_average,
    format_fee,
    format_money,
    format_percent,
    format_price,
    format_quantity,
    format_stamp,
    market_places,
    money_style,
    plain,
    sentence,
    several,
    to_begin,
)


def _look(*, no_broker: bool) -> str:
    return to_begin("trademon sync" + ("" if no_broker else " looks at every account"), no_broker=no_broker)


def _seen(seen: Seen, glyphs: Glyphs) -> Text:
    """When it was said; a sign before it where that is not to be relied on."""
    if seen.at is None:
        return plain("from fills", "dim")
    stamp = format_stamp(seen.at)
    return plain(f"{glyphs.warn} {stamp}", "yellow") if seen.stale else plain(stamp, "dim")


def _below(notes: Iterable[str], rows: Iterable[BalanceRow | PositionRow | OrderRow], glyphs: Glyphs) -> list[Text]:
    """Why rows are marked as stale, and what else there is to know, a line each."""
    stale = {f"{row.broker}: {row.seen.stale}": None for row in rows if row.seen.stale}
    return [sentence(f"{glyphs.warn} {said}", "cyan") for said in (*stale, *notes)]


# --- balances -----------------------------------------------------------------------------------------------------

_BALANCES: Final = (
    Column("user"),
    Column("broker"),
    Column("coin"),
    Column("total", "point"),
    Column("free", "point", leaves=2),
    Column("in orders", "point", leaves=1),
    Column("seen"),
)


def render_balances(report: BalancesReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row an account and coin; below them what each account with a capital has come to."""
    below = _below(report.notes, report.balances, glyphs)
    if not report.balances:
        return Group(*below) if below else sentence(f"nothing was seen yet: {_look(no_broker=report.no_broker)}")
    named = several(row.user for row in report.balances)
    grid = Grid(_BALANCES, tuple(_balance_row(row, glyphs, named=named) for row in report.balances), glyphs.rule)
    return Group(grid, *(_capital_line(row, glyphs) for row in report.capital), *below)


def _balance_row(row: BalanceRow, glyphs: Glyphs, *, named: bool) -> Row:
    return Row(
        (
            plain(row.user if named else ""),
            plain(row.broker),
            plain(row.coin),
            plain(format_quantity(row.total)),
            plain(format_quantity(row.free)),
            plain(format_quantity(row.locked) if row.locked else ""),
            _seen(row.seen, glyphs),
        )
    )


def _capital_line(row: CapitalRow, glyphs: Glyphs) -> Text:
    began = f"{row.broker}: began with {format_money(row.initial, row.currency, sign=False)}"
    if row.now is None or row.change is None:
        return sentence(f"{began}; what it holds now is not known: {row.unknown}", "dim")
    now = f"holds {format_money(row.now, row.currency, sign=False)} at last prices"
    percent = "" if row.change_percent is None else f", {format_percent(row.change_percent, sign=True)}"
    change = f"{format_money(row.change, row.currency)}{percent}, deposits and withdrawals included"
    return sentence(f"{began}, {now}: {change}", money_style(row.change))


# --- positions ----------------------------------------------------------------------------------------------------

_POSITIONS: Final = (
    Column("user"),
    Column("broker"),
    Column("position"),
    Column("side", leaves=4),
    Column("quantity", "point"),
    Column("average cost", "point", leaves=2),
    Column("last price", "point", leaves=3),
    Column("unrealised", "point"),
    Column(""),
    Column("stated", "point", leaves=1),
    Column("seen", leaves=5),
)


def render_positions(report: PositionsReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a coin or contract; beside it what of it has no known cost, or what the exchange states otherwise."""
    below = _below(report.notes, report.positions, glyphs)
    if not report.positions:
        return Group(sentence(f"no position is known: {_look(no_broker=report.no_broker)}"), *below)
    rows = report.positions
    named, sided = several(row.user for row in rows), any(row.side == "short" or row.stated for row in rows)
    grid = Grid(_POSITIONS, tuple(_position_row(row, glyphs, named=named, sided=sided) for row in rows), glyphs.rule)
    return Group(grid, *below)


def _position_row(row: PositionRow, glyphs: Glyphs, *, named: bool, sided: bool) -> Row:
    currency, mark = row.currency or "", row.mark
    about = glyphs.about if row.provisional else ""
    gain = plain(glyphs.none)
    if mark is not None:
        gain = plain(f"{format_amount(mark.unrealized, currency)}{about}", money_style(mark.unrealized))
    return Row(
        (
            plain(row.user if named else ""),
            plain(row.broker),
            plain(row.symbol),
            plain(row.side if sided else ""),
            plain(glyphs.none if row.quantity is None else format_quantity(row.quantity)),
            plain("?" if row.average_cost is None else format_average(row.average_cost)),
            plain(glyphs.none if mark is None or mark.price is None else format_price(mark.price)),
            gain,
            plain(currency, "dim"),
            plain("" if row.stated is None else format_quantity(row.stated.quantity)),
            _seen(row.seen, glyphs),
        ),
        _position_note(row, glyphs),
    )


def _position_note(row: PositionRow, glyphs: Glyphs) -> Text | None:
    if row.difference:
        states = "nothing" if row.stated is None else format_quantity(row.stated.quantity)
        return plain(
            f"{glyphs.warn} the exchange states {states}, {format_quantity(row.difference)} from ours", "yellow"
        )
    if not row.unknown_quantity:
        return None
    part = "" if row.unknown_quantity == row.quantity else f"{format_quantity(row.unknown_quantity)} "
    return plain(f"? {part}without a known cost", "yellow")


# --- orders -------------------------------------------------------------------------------------------------------

_ORDERS: Final = (
    Column("begun"),
    Column("user"),
    Column("broker"),
    Column("symbol"),
    Column("side"),
    Column("type", leaves=4),
    Column("state"),
    Column("quantity", "point", leaves=3),
    Column("price", "point", leaves=3),
    Column("filled", "point"),
    Column("at", "point"),
    Column("fees", "point", leaves=2),
    Column("last fill", leaves=5),
    Column("id", "right", leaves=1),
)
_LEAVES_OF_OPEN: Final = {"quantity": 0, "price": 0, "state": 7, "at": 6, "filled": 1}
"""Of an order that waits its size and its price are asked for, and nothing is said by its state."""
_STATES: Final[dict[OrderState, str]] = {"open": "cyan", "done": "", "unknown": "yellow"}


def render_orders(report: OrdersReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Newest at the bottom, beside the prompt; says when older ones were left out and how to see them."""
    below = _below(report.notes, report.orders, glyphs)
    if not report.orders:
        what = "no order is open" if report.only_open else "no order is known"
        return Group(sentence(f"{what}: {_look(no_broker=report.no_broker)}"), *below)
    named = several(row.user for row in report.orders)
    places = market_places((row.symbol, row.price) for row in report.orders)
    rows = tuple(_order_row(row, places[row.symbol], named=named) for row in report.orders)
    columns: tuple[Column, ...] = _ORDERS
    if all(row.state == "open" for row in report.orders):
        columns = tuple(replace(c, leaves=_LEAVES_OF_OPEN.get(c.title, c.leaves)) for c in _ORDERS)
    grid = Grid(columns, rows, glyphs.rule)
    if report.total > len(report.orders):
        shown = f"the newest {len(report.orders):,} of {count(report.total, 'order')}"
        below.insert(0, sentence(f"{shown}; all of them: trademon orders --limit {report.total}", "dim"))
    return Group(grid, *below)


def _order_row(row: OrderRow, places: int, *, named: bool) -> Row:
    begun = row.begun_at
    return Row(
        (
            plain("" if begun is None else format_stamp(begun)),
            plain(row.user if named else ""),
            plain(row.broker),
            plain(row.symbol),
            plain(row.side),
            plain(row.order_type),
            plain(row.state, _STATES[row.state]),
            plain("" if row.quantity is None else format_quantity(row.quantity)),
            plain("" if row.price is None else format_price(row.price, places)),
            plain(format_quantity(row.filled)),
            plain("" if row.average_price is None else format_average(row.average_price)),
            plain(" + ".join(format_fee(amount, currency) for currency, amount in row.fees)),
            plain("" if row.last_at is None else format_stamp(row.last_at), "dim"),
            plain(row.order_id, "dim"),
        )
    )
