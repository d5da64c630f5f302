"""P&L as a person reads it: rows and totals, how trades went, what is open at its last price, the curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from trademon.core.money import EXACT
from trademon.core.pnl_reports import (
    UNVALUED_COST,
    UNVALUED_NET,
    UNVALUED_PROCEEDS,
    PnlReport,
    PnlRow,
    PnlStats,
    PnlTotal,
    Unvalued,
)
from trademon.core.symbols import position_side
from trademon.ui.chart import Chart
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
    money_style,
    plain,
    sentence,
    several,
)

NO_PNL: Final = (
    "no P&L yet: it starts with the first stored fill (trademon broker add NAME --exchange binance, then trademon scan)"
)
_REMEDY: Final = (
    "sold without known cost: trademon lots open enters what it cost, or an earlier beginning reads it "
    "(trademon broker set NAME --since T)"
)
_COUNTED: Final = {UNVALUED_NET: "disposal", UNVALUED_PROCEEDS: "sale", UNVALUED_COST: "lot"}
_NAMES: Final = (Column("period"), Column("user"), Column("broker"), Column("symbol"))
_COLUMNS: Final = (
    *_NAMES,
    Column("gross", "point", money=True),
    Column("fees", "point", money=True),
    Column("net", "point", money=True),
    Column(""),
    Column("return", "right"),
    Column("unrealized", "point", money=True),
    Column("open", "point"),
    Column("average cost", "point", leaves=1),
    Column("open cost", "point", money=True),
    Column("last price", "point", leaves=2),
    Column("fills", "right", leaves=2),
)
_STATS_COLUMNS: Final = (
    *_NAMES,
    Column("closed", "right", leaves=6),
    Column("won", "right"),
    Column("lost", "right"),
    Column("win rate", "right"),
    Column("factor", "right", leaves=1),
    Column("best", "point", leaves=2, money=True),
    Column("worst", "point", leaves=3, money=True),
    Column("drawdown", "point", money=True),
    Column("profit", "point", leaves=4, money=True),
    Column("loss", "point", leaves=5, money=True),
    Column(""),
)


def render_pnl(report: PnlReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Rows, then a total per currency; what is in no figure is said on the very row it belongs to."""
    if not report.rows:
        return Group(sentence(_nothing(report)), *_cash(report))
    look = _Look.at(report, glyphs)
    rows = [_row(row, look) for row in report.rows]
    rows += [_total(total, report.rows, glyphs, ruled=not i) for i, total in enumerate(report.totals)]
    grid = Grid(_columns(report), tuple(rows), glyphs.rule)
    parts: list[RenderableType] = [grid, *_stats(report, look)]
    for curve in report.curves:
        parts += [Text(), Chart(curve, glyphs)]
    return Group(*parts, *_cash(report), *_said(report, glyphs), _Basis(report, grid))


def _nothing(report: PnlReport) -> str:
    if not report.stored:
        return NO_PNL
    are = f"{count(report.stored, 'fill')} {'is' if report.stored == 1 else 'are'}"
    return f"nothing matches; {are} stored (trademon pnl shows all of them)"


def _cash(report: PnlReport) -> Iterator[Text]:
    """Funding, interest and the like, a line each: money that came and went without a trade."""
    users_mixed = several([*(row.user for row in report.rows), *(total.user for total in report.cash)])
    for total in report.cash:
        whose = f"{total.user} {total.broker}" if users_mixed else total.broker
        amount = plain(format_money(total.amount, total.currency), money_style(total.amount))
        yield sentence(f"beside the trades: {whose} {total.kind} ").append_text(amount)


def _columns(report: PnlReport) -> tuple[Column, ...]:
    """What is asked for beside the plain figures is what stays when the width runs out."""
    leaves: dict[str, int] = {}
    if report.marked:
        leaves = {"average cost": 4, "last price": 3}
    if any(row.period for row in report.rows):
        leaves = {"open": 2, "fills": 3, "average cost": 4, "last price": 5}
    return tuple(replace(column, leaves=leaves.get(column.title, column.leaves)) for column in _COLUMNS)


def _said(report: PnlReport, glyphs: Glyphs) -> list[Text]:
    """What a reader should know, in the order of its weight."""
    lines = [sentence(f"{glyphs.warn} {note}", "cyan") for note in report.notes]
    if any(row.has_unmatched for row in report.rows):
        lines.append(sentence(f"{glyphs.then} {_REMEDY}", "cyan"))
    return lines


@dataclass(frozen=True, slots=True)
class _Basis:
    """How the figures came about. It speaks of a column only where that column has room."""

    report: PnlReport
    grid: Grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        basis = f"realised by {self.report.method}; net is gross without the fees"
        if any(row.period for row in self.report.rows) and self.grid.shows("open", options.max_width):
            basis += "; open is as of each period's end (UTC)"
        marked = [row.mark.at for row in self.report.rows if row.mark is not None]
        if marked:
            basis += f"; last prices of {format_stamp(min(marked))}, without the fee of selling"
        yield sentence(basis, "dim")


# --- rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    """What all rows share: the signs, whether users are mixed, whether prices were asked for, and each book's newest
    period, in which what is open now stands."""

    glyphs: Glyphs
    users_mixed: bool
    marked: bool
    newest: Mapping[tuple[str, ...], str]

    @classmethod
    def at(cls, report: PnlReport, glyphs: Glyphs) -> _Look:
        newest = {_book(row): row.period for row in report.rows if row.period is not None}  # the newest comes last
        return cls(glyphs, several(row.user for row in report.rows), report.marked, newest)

    def names(self, row: PnlRow) -> tuple[Text, ...]:
        """Whose row it is; the user only where there are several."""
        user = row.user if self.users_mixed else ""
        return tuple(plain(name) for name in (row.period or "", user, row.broker, row.symbol))

    def lacks_price(self, row: PnlRow) -> bool:
        """Whether something is open now that no price was told for."""
        held = row.open_cost != 0 if row.open_quantity is None else bool(row.open_quantity)
        return held and row.mark is None and row.period == self.newest.get(_book(row))


def _book(row: PnlRow) -> tuple[str, ...]:
    return row.user, row.broker, row.symbol, row.currency


def _row(row: PnlRow, look: _Look) -> Row:
    cells = (
        *look.names(row),
        *(_unknown(row.currency) if row.is_unpriced else _figures(row.gross, row.fees, row.net, row.currency)),
        _percent(None if row.is_unpriced else row.return_percent),
        _unrealized(row, look),
        *_held(row, look.glyphs),
        plain(format_price(row.mark.price) if row.mark and row.mark.price is not None else ""),
        plain(f"{row.fills:,}", "dim"),
    )
    return Row(cells, not_counted(row))


def _figures(gross: Decimal, fees: Decimal, net: Decimal, currency: str) -> tuple[Text, Text, Text, Text]:
    """Gross, fees, net and their unit."""
    return (
        plain(format_amount(gross, currency)),
        plain(format_amount(fees, currency, sign=False)),
        _money(net, currency),
        plain(currency, "dim"),
    )


def _unknown(currency: str) -> tuple[Text, Text, Text, Text]:
    """The same where nothing has a rate: a zero would be a figure, and an invented one."""
    return plain("?"), plain("?"), plain("?"), plain(currency, "dim")


def _money(amount: Decimal, currency: str) -> Text:
    return plain(format_amount(amount, currency), money_style(amount))


def _percent(value: Decimal | None) -> Text:
    return plain("") if value is None else plain(format_percent(value, sign=True), money_style(value))


def _held(row: PnlRow, glyphs: Glyphs) -> tuple[Text, Text, Text]:
    """What is open, its average cost; of several symbols only what it cost."""
    if row.open_quantity is None:
        cost = glyphs.none if row.open_cost is None else format_amount(row.open_cost, row.currency, sign=False)
        return plain(""), plain(""), plain(cost)
    average = glyphs.none if row.average_cost is None else format_average(row.average_cost)
    return plain(format_quantity(row.open_quantity)), plain(average), plain("")


def _unrealized(row: PnlRow, look: _Look) -> Text:
    if not look.marked:
        return plain("")
    if row.mark is not None:
        return _money(row.mark.unrealized, row.currency)
    return plain("no price" if look.lacks_price(row) else look.glyphs.none, "dim")


def not_counted(row: PnlRow) -> Text | None:
    """What of this row is in no figure: `? 0.5 sold without known cost (history starts later); at most +150.00 more if
    it had cost nothing, fee 0.002 BNB unvalued`."""
    said = [_unmatched(row)] if row.has_unmatched else []
    said += [f"fee {format_fee(amount, currency)} unvalued" for currency, amount in row.unvalued_fees]
    said += [_unvalued(missing) for missing in row.unvalued_sums]
    said += [f"fee in {coin} of a lot from another account unvalued" for coin in row.carried_unvalued]
    if row.costs_untold:
        said.append(f"what {count(row.costs_untold, 'fill')} cost is not told yet")
    return plain(", ".join(said)) if said else None


def _unvalued(missing: Unvalued) -> str:
    """`realised 123.45 USDT in 67 disposals unvalued`."""
    amount = format_money(missing.amount, missing.currency, sign=False)
    return f"{missing.what} {amount} in {count(missing.count, _COUNTED.get(missing.what, 'fill'))} unvalued"


def _unmatched(row: PnlRow) -> str:
    how_much = "some" if row.unmatched_quantity is None else format_quantity(row.unmatched_quantity)
    why = f" ({row.unmatched_reason})" if row.unmatched_reason else ""
    if position_side(row.symbol) is not None:
        return f"? {how_much} closed without a known opening{why}"
    return f"? {how_much} sold without known cost{why}; {_bound(row)}"


def _bound(row: PnlRow) -> str:
    """The most that it can have gained; where its proceeds have no rate, that is not known either."""
    bound = EXACT.subtract(row.unmatched_proceeds, row.unmatched_fees)
    unknown = any(missing.what == UNVALUED_PROCEEDS for missing in row.unvalued)
    if unknown and not bound:
        return f"what it brought has no price in {row.currency}"
    more = f"at most {format_amount(bound, row.currency)} more if it had cost nothing"
    return f"{more}, without what has no price in {row.currency}" if unknown else more


def _total(total: PnlTotal, rows: Sequence[PnlRow], glyphs: Glyphs, *, ruled: bool) -> Row:
    empty = plain("")
    is_unknown = not total.gross and not total.fees and any(r.is_unpriced for r in rows if r.currency == total.currency)
    cells = (
        *(empty, empty, empty, plain(f"total {total.currency}", "bold")),
        *(_unknown(total.currency) if is_unknown else _figures(total.gross, total.fees, total.net, total.currency)),
        _percent(None if is_unknown else total.return_percent),
        empty if total.unrealized is None else _money(total.unrealized, total.currency),
        *(empty, empty, empty, empty, empty),
    )
    note = plain(f"{glyphs.about} without what the rows say is missing") if total.incomplete else None
    return Row(cells, note, ruled, total=True)


# --- how trades went ----------------------------------------------------------------------------------------------


def _stats(report: PnlReport, look: _Look) -> list[RenderableType]:
    """A second table below the first: what was won and lost, by row and by total."""
    rows = [Row((*look.names(r), *_went(r.stats, r.currency, look.glyphs))) for r in report.rows if r.stats]
    empty = plain("")
    for total in report.totals:
        if total.stats:
            label = plain(f"total {total.currency}", "bold")
            cells = (empty, empty, empty, label, *_went(total.stats, total.currency, look.glyphs))
            rows.append(Row(cells, ruled=total is report.totals[0], total=True))
    return [Text(), Grid(_STATS_COLUMNS, tuple(rows), look.glyphs.rule)] if rows else []


def _went(stats: PnlStats, currency: str, glyphs: Glyphs) -> tuple[Text, ...]:
    factor = glyphs.none if stats.profit_factor is None else f"{stats.profit_factor:,.2f}"
    rate = glyphs.none if stats.win_rate is None else format_percent(EXACT.multiply(stats.win_rate, Decimal(100)))
    return (
        *(plain(f"{number:,}") for number in (stats.disposals, stats.wins, stats.losses)),
        plain(rate),
        plain(factor),
        *(plain(glyphs.none) if net is None else _money(net, currency) for net in (stats.best, stats.worst)),
        plain(format_amount(stats.max_drawdown, currency, sign=False)),
        _money(stats.profit, currency),
        _money(stats.loss, currency),
        plain(currency, "dim"),
    )
