"""Lots, an explained fill, methods side by side: as a person reads them, and lots as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, TextIO

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.entries import written_decimals
from trademon.core.lot_reports import (
    CompareReport,
    CompareRow,
    ExplainReport,
    FeeLine,
    LotRow,
    LotsReport,
    PartLine,
    WhatIfReport,
    WhatIfRow,
)
from trademon.core.money import EXACT, format_figure
from trademon.core.reports import FillRow
from trademon.core.symbols import position_side
from trademon.core.times import format_time
from trademon.ui.csv_out import write_csv
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import (
    MOST_DECIMALS,
    UNICODE,
    Glyphs,
    count,
    format_amount,
    format_average,
    format_fee,
    format_price,
    format_quantity,
    format_stamp,
    market_places,
    money_style,
    plain,
    sentence,
    several,
    shared_stamps,
    to_begin,
)

LOT_COLUMNS: Final = (
    *("opened_at", "user", "broker", "symbol", "side", "quantity", "price", "cost", "fees", "currency"),
    *("lot_id", "opening"),
)


def _table(columns: tuple[Column, ...], rows: Iterable[Row], glyphs: Glyphs) -> Grid:
    """A grid without the columns that say nothing in any row."""
    rows = tuple(rows)
    keep = [i for i in range(len(columns)) if any(row.cells[i].plain for row in rows)]
    cut = tuple(row.only(keep) for row in rows)
    return Grid(tuple(columns[i] for i in keep), cut, glyphs.rule)


# --- lots ---------------------------------------------------------------------------------------------------------

_LOTS: Final = (
    Column("user"),
    Column("broker"),
    Column("symbol"),
    Column("side"),
    Column("quantity", "point"),
    Column("price", "point"),
    Column("cost", "point", leaves=1, money=True),
    Column("fees", "point", leaves=2, money=True),
    Column(""),
    Column("id", "right"),
)


def render_lots(report: LotsReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a lot; one entered by hand says so."""
    if not report.lots:
        if report.stored:
            return Group(sentence("nothing is open (trademon pnl shows what was closed)"), *_entered(report))
        begin = to_begin("trademon scan", no_broker=report.no_broker)
        return sentence(f"no lots yet, they begin with the first stored fill: {begin}")
    named = several(lot.user for lot in report.lots)
    title, stamps = shared_stamps([format_stamp(lot.opened_at) for lot in report.lots])
    columns = (Column(f"opened {title}" if title[:1].isdigit() else "opened"), *_LOTS)
    places = market_places((lot.symbol, lot.price) for lot in report.lots)
    lots = zip(report.lots, stamps, strict=True)
    rows = [_lot_row(lot, at, places[lot.symbol], glyphs, named=named) for lot, at in lots]
    said = f"{count(len(rows), 'open lot')} by {report.method}; cost is without the fees carried"
    return Group(_table(columns, rows, glyphs), sentence(said, "dim"), *_entered(report))


def _entered(report: LotsReport) -> list[RenderableType]:
    """The lots that a person entered, with what `lots remove` asks for: also those that are sold by now."""
    told = [f"{lot.fill_id} ({format_quantity(lot.quantity)} {lot.symbol})" for lot in report.entered]
    return (
        [sentence(f"entered by hand: {', '.join(told)}; trademon lots remove ID takes one out", "dim")] if told else []
    )


def _lot_row(lot: LotRow, at: str, places: int, glyphs: Glyphs, *, named: bool) -> Row:
    return Row(
        (
            plain(at),
            plain(lot.user if named else ""),
            plain(lot.broker),
            plain(lot.symbol),
            plain("long" if lot.side == "buy" else "short"),
            plain(format_quantity(lot.quantity)),
            plain(_price(lot.price, places)),
            plain(format_amount(lot.cost, lot.currency, sign=False)),
            plain(format_amount(lot.fees, lot.currency, sign=False)),
            plain(lot.currency, "dim"),
            plain(str(lot.fill_id), "dim"),
        ),
        plain(f"{glyphs.about} entered by hand") if lot.opening else None,
    )


def _price(price: Decimal, places: int) -> str:
    return format_price(price, places) if written_decimals(price) <= MOST_DECIMALS else format_average(price)


def lot_cells(lot: LotRow) -> tuple[str, ...]:
    """The cells of LOT_COLUMNS, exact and unescaped."""
    amounts = (lot.quantity, lot.price, lot.cost, lot.fees)
    names = (lot.user, lot.broker, lot.symbol, "long" if lot.side == "buy" else "short")
    ids = (lot.currency, str(lot.fill_id), "yes" if lot.opening else "")
    return (format_time(lot.opened_at), *names, *(format_figure(a) for a in amounts), *ids)


def lots_csv(report: LotsReport, stream: TextIO) -> None:
    """A header line and one line a lot."""
    write_csv(stream, *lots_table(report))


def lots_table(report: LotsReport) -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    """The header and the cells, exact and unescaped."""
    return LOT_COLUMNS, (lot_cells(lot) for lot in report.lots)


# --- explain ------------------------------------------------------------------------------------------------------

_PARTS: Final = (
    Column("lot", "right"),
    Column("opened"),
    Column("quantity", "point"),
    Column("at", "point", leaves=1),
    Column("cost", "point"),
    Column("proceeds", "point"),
    Column("gross", "point", leaves=2),
    Column("its fees", "point"),
    Column("closing", "point"),
    Column("net", "point"),
)


def render_explain(report: ExplainReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """The fill, its fees, the lots it closed, what it opened and what met no lot, and how it was rounded."""
    parts: list[RenderableType] = [*_fill_lines(report), *_fee_lines(report, glyphs)]
    if report.parts:
        rows = [_part_row(part, report.currency, glyphs) for part in report.parts]
        parts += [Text(""), _table(_PARTS, [*rows, _sum_row(report)], glyphs)]
    parts += [Text(""), *_outcome_lines(report, glyphs)]
    return Group(*parts)


def _fill_lines(report: ExplainReport) -> list[RenderableType]:
    fill = report.fill
    what = f"{fill.side} {format_quantity(fill.quantity)} {fill.symbol} at {format_price(fill.price)}"
    if fill.source == "opening":
        what = f"lot of {format_quantity(fill.quantity)} {fill.symbol} at {format_price(fill.price)}, entered by hand"
    where = f"{fill.broker}, {format_stamp(fill.executed_at)}, fill {fill.id}"
    own = _own_ids(fill)
    return [sentence(what, "bold"), sentence(f"{where}; {own}" if own else where, "dim")]


def _own_ids(fill: FillRow) -> str:
    """What the exchange calls it. A row of a file without an id has one that was made for it, which is nobody's."""
    ids = [] if fill.trade_id.startswith("row-") else [f"trade {fill.trade_id}"]
    ids += [f"order {fill.order_id}"] if fill.order_id else []
    return f"the exchange's own: {', '.join(ids)}" if ids and fill.source != "opening" else ""


def _fee_lines(report: ExplainReport, glyphs: Glyphs) -> list[RenderableType]:
    return [sentence(_fee_text(fee, report, glyphs)) for fee in report.fee_lines]


def _fee_text(fee: FeeLine, report: ExplainReport, glyphs: Glyphs) -> str:
    said = f"fee {format_fee(fee.amount, fee.coin)}"
    if fee.value is None:
        return f"{glyphs.warn} {said}: {fee.source}, so it is in no figure"
    if fee.rate is None:
        return said
    worth = f"{format_figure(fee.value)} {report.currency}"
    return f"{said} = {worth} at {format_price(fee.rate)}: {fee.source}"


def _part_row(part: PartLine, currency: str, glyphs: Glyphs) -> Row:
    return Row(
        (
            plain(str(part.lot_fill_id), "dim"),
            plain(format_stamp(part.opened_at)),
            plain(format_quantity(part.quantity)),
            plain(format_average(part.price)),
            *(plain(_money(n, currency, sign=False)) for n in (part.cost, part.proceeds)),
            plain(_money(part.gross, currency)),
            *(plain(_money(n, currency, sign=False)) for n in (part.lot_fees, part.closing_fees)),
            plain(_money(part.net, currency), money_style(part.net)),
        ),
        plain(f"{glyphs.about} entered by hand") if part.opening else None,
    )


def _sum_row(report: ExplainReport) -> Row:
    empty = plain("")
    return Row(
        (
            empty,
            plain("closed", "bold"),
            plain(format_quantity(report.closed)),
            empty,
            empty,
            empty,
            plain(_money(report.gross, report.currency)),
            plain(_money(report.closed_fees, report.currency, sign=False)),
            empty,
            plain(_money(report.net, report.currency), money_style(report.net)),
        ),
        ruled=True,
        total=True,
    )


def _money(amount: Decimal, currency: str, *, sign: bool = True) -> str:
    return format_amount(amount, currency, sign=sign)


def _outcome_lines(report: ExplainReport, glyphs: Glyphs) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if report.closed or not report.moved:
        text = f"realised by {report.method}: {format_figure(report.net)} {report.currency}"
        lines.append(sentence(f"{text} = {format_figure(report.gross)} gross {_less_fees(report.closed_fees)}"))
    if report.opened:
        carried = f"carrying {format_figure(report.opened_fees)} {report.currency} of fees"
        lines.append(sentence(f"opened a lot of {format_quantity(report.opened)}, {carried}"))
    if report.unmatched:
        lines.append(sentence(_unmatched_text(report, glyphs)))
    rounding = "every digit is exact" if report.exact else "a share did not end: it is cut at the 60th decimal"
    lines.append(sentence(f"{rounding}; figures are rounded once, at the 30th", "dim"))
    return lines


def _less_fees(fees: Decimal) -> str:
    """Fees below zero are what was paid back."""
    back = fees < 0
    return f"+ {format_figure(fees.copy_negate())} of fees paid back" if back else f"- {format_figure(fees)} fees"


def _unmatched_text(report: ExplainReport, glyphs: Glyphs) -> str:
    bound = EXACT.subtract(report.unmatched_proceeds, report.unmatched_fees)
    said = (
        f"{glyphs.warn} {format_quantity(report.unmatched)} met no lot and is in no figure: {report.unmatched_reason}"
    )
    if position_side(report.fill.symbol) is not None:
        return said
    return f"{said}. It brought {format_figure(bound)} {report.currency}, which is the most it can have gained"


# --- compare, what-if ---------------------------------------------------------------------------------------------


def render_compare(report: CompareReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Net by each method, the best in its row in bold; the method that is kept is marked."""
    if not report.rows:
        if report.stored:
            are = "1 fill is" if report.stored == 1 else f"{report.stored:,} fills are"
            return sentence(f"nothing to compare; {are} stored (trademon pnl compare takes all of them)")
        return sentence(f"no fills yet: {to_begin('trademon scan', no_broker=True)}")
    methods = [figures.method for figures in report.rows[0].figures]
    columns = (
        Column("user"),
        Column("broker"),
        Column("symbol"),
        *(Column(method, "point", money=True) for method in methods),
        Column(""),
        Column("kept in", leaves=1),
    )
    named = several(row.user for row in report.rows)
    rows = [_compare_row(row, glyphs, named=named) for row in report.rows]
    rows += [_compare_row(row, glyphs, named=named, ruled=not n) for n, row in enumerate(report.totals)]
    said = "net realised by each method, in bold the highest; what is open differs the other way"
    return Group(_table(columns, rows, glyphs), sentence(said, "dim"))


def _compare_row(row: CompareRow, glyphs: Glyphs, *, named: bool, ruled: bool = False) -> Row:
    best = max(figures.net for figures in row.figures)
    differ = len({figures.net for figures in row.figures}) > 1
    nets = (
        plain(
            _money(f.net, row.currency),
            f"bold {money_style(f.net)}".strip() if differ and f.net == best else money_style(f.net),
        )
        for f in row.figures
    )
    label = plain(row.symbol) if row.symbol else plain(f"total {row.currency}", "bold")
    return Row(
        (plain(row.user if named else ""), plain(row.broker), label, *nets, plain(row.currency, "dim"), plain(row.own)),
        plain(f"{glyphs.about} without what is unmatched or unvalued") if row.incomplete else None,
        ruled,
        total=not row.symbol,
    )


_WHAT_IF: Final = (
    Column("method"),
    Column("gross", "point", money=True),
    Column("fees", "point", money=True),
    Column("net", "point", money=True),
    Column(""),
    Column("lots", "right", leaves=1),
    Column("left", "point"),
    Column("cost of the rest", "point", money=True),
)


def render_what_if(report: WhatIfReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """One row a method, and the price it was reckoned with."""
    rows = [_what_if_row(row, report.currency, glyphs) for row in report.rows]
    sale = f"selling {format_quantity(report.quantity)} {report.symbol} at {format_price(report.price)}"
    said = f"{sale} ({report.price_from}); fees are those carried, the sale's own come on top; nothing was stored"
    return Group(_table(_WHAT_IF, rows, glyphs), sentence(said, "dim"))


def _what_if_row(row: WhatIfRow, currency: str, glyphs: Glyphs) -> Row:
    note = (
        f"{glyphs.warn} {format_quantity(row.unmatched)} beyond the known lots, in no figure" if row.unmatched else ""
    )
    return Row(
        (
            plain(row.method),
            plain(_money(row.gross, currency)),
            plain(_money(row.fees, currency, sign=False)),
            plain(_money(row.net, currency), money_style(row.net)),
            plain(currency, "dim"),
            plain(str(row.lots)),
            plain(format_quantity(row.left_quantity)),
            plain(_money(row.left_cost, currency, sign=False)),
        ),
        plain(note) if note else None,
    )
