"""Cash lines as JSON."""

from __future__ import annotations

from typing import Any

from trademon.core.cash_reports import CashImportReport, CashReport, CashRow, CashTotal
from trademon.core.money import format_decimal
from trademon.core.times import format_time

Json = dict[str, Any]


def cash_to_json(report: CashReport) -> Json:
    """The lines and their totals; `symbol` is null for a line of the account itself."""
    totals = [cash_total_to_json(total) for total in report.totals]
    return {"cash": [_line_to_json(row) for row in report.cash], "totals": totals}


def _line_to_json(row: CashRow) -> Json:
    return {
        "at": format_time(row.at),
        "user": row.user,
        "broker": row.broker,
        "kind": row.kind,
        "symbol": row.symbol,
        "currency": row.currency,
        "amount": format_decimal(row.amount),
        "id": row.cash_id,
    }


def cash_total_to_json(total: CashTotal) -> Json:
    """The lines of one account, kind and currency."""
    return {
        "user": total.user,
        "broker": total.broker,
        "kind": total.kind,
        "currency": total.currency,
        "amount": format_decimal(total.amount),
    }


def cash_import_to_json(report: CashImportReport) -> Json:
    """`{"broker", "rows", "new_lines"}`."""
    return {"broker": report.broker, "rows": report.rows, "new_lines": report.new_lines}
