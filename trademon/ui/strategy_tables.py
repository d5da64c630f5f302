"""Strategies as a person reads them: what they may do stands first, what they would have earned beside it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.money import EXACT, ZERO, divide
from trademon.core.strategy_model import Arming, RunOutcome, Strategy, StrategyOrder, StrategyRun
from trademon.core.strategy_reports import (
    HaltReport,
    PaperRow,
    StrategiesReport,
    StrategyInfo,
    StrategyLogReport,
    StrategyReport,
    StrategyRunsReport,
)
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import (
    UNICODE,
    Glyphs,
    count,
    format_amount,
    format_average,
    format_money,
    format_quantity,
    format_seconds,
    format_stamp,
    money_style,
    plain,
    quote_of,
    sentence,
    several,
)

NO_STRATEGIES: Final = "no strategies yet: trademon strategy add dca trademon.strategies.examples.dca"
_LIST: Final = (
    Column("strategy"),
    Column("user"),
    Column("state"),
    Column("last run", leaves=2),
    Column("outcome", leaves=1),
    Column("paper P&L", "point", money=True),
    Column(""),
)
_PAPER: Final = (
    Column("broker"),
    Column("symbol"),
    Column("fills", "right", leaves=2),
    Column("open", "point"),
    Column("realised", "point", money=True),
    Column("open P&L", "point", money=True),
    Column(""),
)
_ORDERS: Final = (
    Column("time"),
    Column("broker"),
    Column("side"),
    Column("symbol"),
    Column("quantity", "point"),
    Column("price", "point"),
    Column("state"),
)
_RUNS: Final = (
    Column("time"),
    Column("user"),
    Column("strategy"),
    Column("mode"),
    Column("outcome"),
    Column("seconds", "right", leaves=1),
)
_STYLES: Final[dict[RunOutcome, str]] = {"success": "green", "partial": "yellow", "failed": "red", "skipped": "dim"}


def render_strategies(report: StrategiesReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a strategy; above it that nothing may leave, where that is so."""
    if not report.strategies:
        return Group(*_halted(report.halted, glyphs), sentence(NO_STRATEGIES))
    named = several(info.strategy.user for info in report.strategies)
    rows = tuple(_info_row(info, glyphs, named=named) for info in report.strategies)
    grid = Grid(_LIST, rows, glyphs.rule)
    said = "paper P&L: realised and open, at the prices of the last run; never mixed with real fills"
    return Group(*_halted(report.halted, glyphs), grid, sentence(said, "dim"))


def _halted(halted: str | None, glyphs: Glyphs) -> list[RenderableType]:
    if halted is None:
        return []
    return [sentence(f"{glyphs.fail} halted {halted}: no order leaves {glyphs.then} trademon halt --off", "bold red")]


def _info_row(info: StrategyInfo, glyphs: Glyphs, *, named: bool) -> Row:
    strategy, run = info.strategy, info.last_run
    style, state = _state(strategy, info)
    totals = _paper_totals(info.paper)
    amount, currency = (totals[0][1], totals[0][0]) if len(totals) == 1 else (None, "")
    return Row(
        (
            plain(strategy.name),
            plain(strategy.user if named else ""),
            plain(state, style),
            plain(format_stamp(run.started_at) if run and run.started_at else glyphs.none),
            plain(run.outcome if run else "", _STYLES[run.outcome] if run else ""),
            plain("" if amount is None else format_amount(amount, currency), money_style(amount or ZERO)),
            plain(currency, "dim"),
        ),
        _info_note(totals, run),
    )


def _info_note(totals: Sequence[tuple[str, Decimal]], run: StrategyRun | None) -> Text | None:
    """Figures in several currencies, which no one column can hold, and what went wrong last."""
    parts = [format_money(total, currency) for currency, total in totals] if len(totals) > 1 else []
    if run is not None and run.outcome != "success":
        parts.append(run.detail)
    return plain("; ".join(parts), "dim") if parts else None


def _state(strategy: Strategy, info: StrategyInfo) -> tuple[str, str]:
    if not strategy.is_enabled:
        return "dim", "disabled"
    if strategy.arming is None:
        return "", "on paper"
    if info.armed_file_changed:
        return "yellow", "armed, its file changed"
    if info.unsettled:
        return "yellow", "armed, an order is unknown"
    return "bold red", "ARMED"


def _paper_totals(rows: Sequence[PaperRow]) -> list[tuple[str, Decimal]]:
    """Realised and open together, by currency; what is open without a price is not in it."""
    totals: dict[str, Decimal] = {}
    for row in rows:
        gain = EXACT.add(row.net, row.unrealized or ZERO)
        totals[row.currency] = EXACT.add(totals.get(row.currency, ZERO), gain)
    return sorted(totals.items())


def _limits(arming: Arming) -> str:
    limits = arming.limits
    order = format_money(limits.max_order, limits.order_currency, sign=False)
    loss = format_money(limits.max_daily_loss, limits.loss_currency, sign=False)
    until = f", until {format_stamp(limits.until)}" if limits.until else ""
    where = f"{', '.join(limits.symbols)} at {', '.join(limits.brokers)}"
    return f"armed for {where}: {order} an order, {limits.orders_a_day} a day, no order after a loss of {loss}{until}"


def render_strategy(report: StrategyReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """One strategy opened."""
    info, strategy = report.info, report.info.strategy
    parts: list[RenderableType] = [*_halted(report.halted, glyphs)]
    style, state = _state(strategy, info)
    parts.append(sentence(f"{strategy.name}: {state}", style or "bold"))
    parts.append(sentence(f"{strategy.source} ({strategy.file})", "dim"))
    where = ", ".join(strategy.brokers) or "all brokers"
    given = ", ".join(f"{name}={value}" for name, value in strategy.parameters.items())
    parts.append(sentence(f"{where}{f'; {given}' if given else ''}"))
    if strategy.arming is not None:
        parts.append(sentence(_limits(strategy.arming), "yellow"))
        parts.append(sentence(f"{count(info.sent_today, 'order')} sent today (UTC)"))
    if info.last_run is not None:
        run = info.last_run
        stamp = format_stamp(run.started_at) if run.started_at else ""
        parts.append(sentence(f"last run {stamp}: {run.outcome}, {run.detail}", _STYLES[run.outcome]))
    if info.paper:
        rows = tuple(_paper_row(row, glyphs) for row in info.paper)
        parts += [sentence("on paper", "bold"), Grid(_PAPER, rows, glyphs.rule)]
    if report.orders:
        parts += [sentence("newest orders", "bold"), _orders(report.orders, glyphs)]
    if report.fills:
        parts.append(sentence(f"{count(len(report.fills), 'execution')} of its orders found (trademon fills)", "dim"))
    return Group(*parts)


def _paper_row(row: PaperRow, glyphs: Glyphs) -> Row:
    open_gain = row.unrealized
    if row.unmatched:
        note = f"{format_quantity(row.unmatched)} sold without a known cost: in no figure"
    elif row.open_quantity and open_gain is None:
        note = "no price in the last run"
    else:
        note = ""
    return Row(
        (
            plain(row.broker),
            plain(row.symbol),
            plain(str(row.fills)),
            plain(format_quantity(row.open_quantity) if row.open_quantity else ""),
            plain(format_amount(row.net, row.currency), money_style(row.net)),
            plain(
                format_amount(open_gain, row.currency) if open_gain is not None else glyphs.none,
                money_style(open_gain) if open_gain is not None else "dim",
            ),
            plain(row.currency, "dim"),
        ),
        plain(note, "yellow") if note else None,
    )


def _orders(orders: Sequence[StrategyOrder], glyphs: Glyphs) -> Grid:
    rows = tuple(_order_row(order) for order in orders)
    keep = [i for i in range(len(_ORDERS)) if any(row.cells[i].plain for row in rows)]
    return Grid(tuple(_ORDERS[i] for i in keep), tuple(row.only(keep) for row in rows), glyphs.rule)


def _order_row(order: StrategyOrder) -> Row:
    if order.quantity is not None:
        size = format_quantity(order.quantity)
    else:
        size = f"{format_quantity(order.amount)} {quote_of(order.symbol)}" if order.amount is not None else ""
    paid = divide(order.filled_value, order.filled) if order.filled else None
    price = order.price or (paid if order.mode == "paper" else None)
    said = ", ".join(part for part in (order.reason, order.detail) if part)
    bad = order.status in ("refused", "rejected", "unknown", "sending", "not sent")
    return Row(
        (
            plain(format_stamp(order.created_at)),
            plain(order.broker),
            plain(order.side),
            plain(order.symbol),
            plain(size),
            plain(format_average(price) if price is not None else ""),
            plain(order.status if order.mode == "live" else f"{order.status} (paper)", "yellow" if bad else ""),
        ),
        plain(said, "dim") if said else None,
    )


# --- runs, the halt -----------------------------------------------------------------------------------------------


def render_strategy_runs(report: StrategyRunsReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """What was just run: what each wanted, and what came of it."""
    parts: list[RenderableType] = []
    for run in report.runs:
        said = f"{run.strategy} ({'armed' if run.mode == 'live' else 'on paper'}): {run.outcome}, {run.detail}"
        parts.append(sentence(said, _STYLES[run.outcome]))
        if run.made:
            parts.append(_orders(run.made, glyphs))
        if run.said.strip():
            parts.append(sentence(f"it printed: {run.said.strip()[-500:]}", "dim"))
    return Group(*parts)


def render_strategy_log(report: StrategyLogReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a run, the newest beside the prompt."""
    if not report.runs:
        return sentence("no runs yet: trademon strategy run NAME")
    named = several(run.user for run in report.runs)
    return Grid(_RUNS, tuple(_run_row(run, named=named) for run in report.runs), glyphs.rule)


def _run_row(run: StrategyRun, *, named: bool) -> Row:
    return Row(
        (
            plain(format_stamp(run.started_at) if run.started_at else ""),
            plain(run.user if named else ""),
            plain(run.strategy),
            plain("armed" if run.mode == "live" else "paper"),
            plain(run.outcome, _STYLES[run.outcome]),
            plain(format_seconds(run.seconds)),
        ),
        plain(run.detail, "dim") if run.detail else None,
    )


def render_halt(report: HaltReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Whether anything may leave, and what still waits elsewhere."""
    if not report.is_halted:
        return sentence(f"{glyphs.ok} not halted: armed strategies may send orders", "green")
    parts: list[RenderableType] = [sentence(f"{glyphs.fail} halted: no order of a strategy leaves", "bold red")]
    where = [name for name, said in (("this machine's file", report.file), ("the store", report.store)) if said]
    parts.append(sentence(f"by {' and '.join(where)}, {report.file or report.store}", "dim"))
    if report.note:
        parts.append(sentence(report.note, "yellow"))
    if report.open_orders:
        waiting = count(report.open_orders, "order")
        parts.append(sentence(f"{waiting} of strategies may still be open at the exchange: halt does not take back"))
    return Group(*parts)
