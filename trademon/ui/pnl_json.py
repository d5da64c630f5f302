"""P&L as JSON: figures as decimal strings; what was not asked for has no key, what is not known is null."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trademon.core.money import format_figure
from trademon.core.pnl_reports import Mark, PnlReport, PnlRow, PnlStats, PnlTotal
from trademon.core.times import format_time
from trademon.ui.cash_json import cash_total_to_json

Json = dict[str, Any]


def pnl_to_json(report: PnlReport) -> Json:
    """Rows, totals; `cash` and `notes` where there is something beside them to know."""
    document: Json = {
        "method": report.method,
        "rows": [_row(row, marked=report.marked) for row in report.rows],
        "totals": [_total(total, marked=report.marked) for total in report.totals],
    }
    if report.cash:
        document["cash"] = [cash_total_to_json(total) for total in report.cash]
    return document | ({"notes": list(report.notes)} if report.notes else {})


def _row(row: PnlRow, *, marked: bool) -> Json:
    figures: Json = {
        "user": row.user,
        "broker": row.broker,
        "symbol": row.symbol,
        "currency": row.currency,
        "gross": format_figure(row.gross),
        "fees": format_figure(row.fees),
        "net": format_figure(row.net),
        "open_quantity": _figure(row.open_quantity),
        "open_cost": _figure(row.open_cost),
        "average_cost": _figure(row.average_cost),
        "unmatched_quantity": _figure(row.unmatched_quantity),
        "unmatched_proceeds": format_figure(row.unmatched_proceeds),
        "unmatched_fees": format_figure(row.unmatched_fees),
        "unmatched_reason": row.unmatched_reason,
        "net_if_unmatched_free": _figure(row.net_if_free),
        "unvalued_fees": [{"currency": c, "amount": format_figure(a)} for c, a in row.unvalued_fees],
        "provisional": row.provisional,
        "return_percent": _figure(row.return_percent),
        "disposals": row.disposals,
        "fills": row.fills,
    }
    return figures | _more(row, marked=marked)


def _more(row: PnlRow, *, marked: bool) -> Json:
    """What only some rows have."""
    more: Json = {} if row.period is None else {"period": row.period}
    if row.unvalued:
        more["unvalued"] = [
            {
                "currency": missing.currency,
                "amount": format_figure(missing.amount),
                "at": None if missing.at is None else format_time(missing.at),
                "what": missing.what,
                "count": missing.count,
            }
            for missing in row.unvalued
        ]
    if row.carried_unvalued:
        more["carried_unvalued"] = list(row.carried_unvalued)
    if row.costs_untold:
        more["costs_untold"] = row.costs_untold
    if row.stats is not None:
        more["stats"] = stats_to_json(row.stats)
    return more | (_mark(row.mark) if marked else {})


def _mark(mark: Mark | None) -> Json:
    if mark is None:
        return {"last_price": None, "last_price_at": None, "unrealized": None}
    return {
        "last_price": _figure(mark.price),
        "last_price_at": format_time(mark.at),
        "unrealized": format_figure(mark.unrealized),
    }


def total_to_json(total: PnlTotal) -> Json:
    """The sum of one currency; `incomplete` says that something is in no figure."""
    return {
        "currency": total.currency,
        "gross": format_figure(total.gross),
        "fees": format_figure(total.fees),
        "net": format_figure(total.net),
        "incomplete": total.incomplete,
    }


def _total(total: PnlTotal, *, marked: bool) -> Json:
    document = total_to_json(total) | {"return_percent": _figure(total.return_percent)}
    if total.stats is not None:
        document["stats"] = stats_to_json(total.stats)
    return document | ({"unrealized": _figure(total.unrealized)} if marked else {})


def stats_to_json(stats: PnlStats) -> Json:
    """How the disposals went; null where there is nothing to divide by, or no disposal."""
    counts: Json = {"disposals": stats.disposals, "wins": stats.wins, "losses": stats.losses}
    amounts = {
        "win_rate": stats.win_rate,
        "profit": stats.profit,
        "loss": stats.loss,
        "profit_factor": stats.profit_factor,
        "best": stats.best,
        "worst": stats.worst,
        "max_drawdown": stats.max_drawdown,
    }
    return counts | {name: _figure(amount) for name, amount in amounts.items()}


def _figure(value: Decimal | None) -> str | None:
    return None if value is None else format_figure(value)
