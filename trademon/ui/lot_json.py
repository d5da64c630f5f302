"""Lots, an explained fill, methods side by side, as JSON."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.lot_reports import (
    CompareReport,
    CompareRow,
    ExplainReport,
    FeeLine,
    LotRow,
    LotsReport,
    PartLine,
    WhatIfReport,
)
from trademon.core.money import format_decimal, format_figure
from trademon.core.times import format_time

Json = dict[str, Any]


def lots_to_json(report: LotsReport) -> Json:
    lots, entered = ([_lot(lot) for lot in rows] for rows in (report.lots, report.entered))
    return {"method": report.method, "lots": lots, "entered": entered}


def _lot(lot: LotRow) -> Json:
    return {
        "id": str(lot.fill_id),
        "user": lot.user,
        "broker": lot.broker,
        "symbol": lot.symbol,
        "currency": lot.currency,
        "side": "long" if lot.side == "buy" else "short",
        "quantity": format_figure(lot.quantity),
        "price": format_figure(lot.price),
        "cost": format_figure(lot.cost),
        "fees": format_figure(lot.fees),
        "opened_at": format_time(lot.opened_at),
        "opening": lot.opening,
    }


def explain_to_json(report: ExplainReport) -> Json:
    """One fill opened: its fees with their rates, the lots it closed, what it opened and what met no lot."""
    fill = report.fill
    return {
        "fill": {
            "id": str(fill.id),
            "broker": fill.broker,
            "user": fill.user,
            "symbol": fill.symbol,
            "side": fill.side,
            "quantity": format_decimal(fill.quantity),
            "price": format_decimal(fill.price),
            "executed_at": format_time(fill.executed_at),
            "order_id": fill.order_id,
            "trade_id": fill.trade_id,
            "source": fill.source,
        },
        "method": report.method,
        "currency": report.currency,
        "moved": format_figure(report.moved),
        "fees_paid": format_figure(report.fees),
        "fees": [_fee(fee) for fee in report.fee_lines],
        "closed": {
            "quantity": format_figure(report.closed),
            "gross": format_figure(report.gross),
            "fees": format_figure(report.closed_fees),
            "net": format_figure(report.net),
        },
        "lots": [_part(part) for part in report.parts],
        "opened": {"quantity": format_figure(report.opened), "fees": format_figure(report.opened_fees)},
        "unmatched": {
            "quantity": format_figure(report.unmatched),
            "proceeds": format_figure(report.unmatched_proceeds),
            "fees": format_figure(report.unmatched_fees),
            "reason": report.unmatched_reason,
        },
        "exact": report.exact,
        "rounding": "shares are cut at 60 decimals, figures rounded half to even at 30",
    }


def _fee(fee: FeeLine) -> Json:
    return {
        "amount": format_decimal(fee.amount),
        "currency": fee.coin,
        "value": _figure(fee.value),
        "rate": _figure(fee.rate),
        "rate_at": _time(fee.rate_at),
        "source": fee.source,
    }


def _part(part: PartLine) -> Json:
    return {
        "lot_id": str(part.lot_fill_id),
        "opened_at": format_time(part.opened_at),
        "opening": part.opening,
        "quantity": format_figure(part.quantity),
        "price": format_figure(part.price),
        "cost": format_figure(part.cost),
        "proceeds": format_figure(part.proceeds),
        "gross": format_figure(part.gross),
        "lot_fees": format_figure(part.lot_fees),
        "closing_fees": format_figure(part.closing_fees),
        "net": format_figure(part.net),
    }


def compare_to_json(report: CompareReport) -> Json:
    return {"rows": [_compared(row) for row in report.rows], "totals": [_compared(row) for row in report.totals]}


def _compared(row: CompareRow) -> Json:
    figures = {
        f.method: {
            "gross": format_figure(f.gross),
            "fees": format_figure(f.fees),
            "net": format_figure(f.net),
            "open_cost": format_figure(f.open_cost),
        }
        for f in row.figures
    }
    named: Json = {}
    if row.symbol:
        held = _figure(row.open_quantity)
        named = {
            "user": row.user,
            "broker": row.broker,
            "symbol": row.symbol,
            "kept_in": row.own,
            "open_quantity": held,
        }
    return {**named, "currency": row.currency, "methods": figures, "incomplete": row.incomplete}


def what_if_to_json(report: WhatIfReport) -> Json:
    return {
        "user": report.user,
        "broker": report.broker,
        "symbol": report.symbol,
        "currency": report.currency,
        "quantity": format_figure(report.quantity),
        "price": format_figure(report.price),
        "price_from": report.price_from,
        "methods": {
            row.method: {
                "matched_quantity": format_figure(row.matched),
                "unmatched_quantity": format_figure(row.unmatched),
                "gross": format_figure(row.gross),
                "fees": format_figure(row.fees),
                "net": format_figure(row.net),
                "lots": row.lots,
                "left_quantity": format_figure(row.left_quantity),
                "left_cost": format_figure(row.left_cost),
            }
            for row in report.rows
        },
    }


def _figure(value: Decimal | None) -> str | None:
    return None if value is None else format_figure(value)


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
