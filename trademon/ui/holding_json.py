"""Balances, positions and orders as JSON: what is not known is null."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.holding_reports import (
    BalanceRow,
    BalancesReport,
    CapitalRow,
    OrderRow,
    OrdersReport,
    PositionRow,
    PositionsReport,
    Seen,
)
from trademon.core.model import Position
from trademon.core.money import format_decimal, format_figure
from trademon.core.times import format_time

Json = dict[str, Any]


def balances_to_json(report: BalancesReport) -> Json:
    """`{"balances": [...]}`; `capital` and `notes` where there are any."""
    more: Json = {"capital": [_capital(row) for row in report.capital]} if report.capital else {}
    return {"balances": [_balance(row) for row in report.balances]} | more | _notes(report.notes)


def positions_to_json(report: PositionsReport) -> Json:
    """`{"positions": [...]}`; `notes` where there are any."""
    return {"positions": [_position(row) for row in report.positions]} | _notes(report.notes)


def orders_to_json(report: OrdersReport) -> Json:
    """`{"orders": [...]}`, oldest first; `notes` where there are any."""
    return {"orders": [_order(row) for row in report.orders]} | _notes(report.notes)


def _notes(notes: tuple[str, ...]) -> Json:
    return {"notes": list(notes)} if notes else {}


def _seen(seen: Seen) -> Json:
    return {"seen_at": _time(seen.at), "stale": seen.stale is not None, "stale_reason": seen.stale}


def _balance(row: BalanceRow) -> Json:
    return {
        "user": row.user,
        "broker": row.broker,
        "coin": row.coin,
        "free": format_decimal(row.free),
        "locked": format_decimal(row.locked),
        "total": format_decimal(row.total),
        **_seen(row.seen),
    }


def _capital(row: CapitalRow) -> Json:
    return {
        "user": row.user,
        "broker": row.broker,
        "currency": row.currency,
        "initial": format_decimal(row.initial),
        "now": _figure(row.now),
        "change": _figure(row.change),
        "change_percent": _figure(row.change_percent),
        "unknown": row.unknown,
    }


def _position(row: PositionRow) -> Json:
    mark = row.mark
    return {
        "user": row.user,
        "broker": row.broker,
        "symbol": row.symbol,
        "side": row.side,
        "quantity": _figure(row.quantity),
        "unknown_quantity": format_figure(row.unknown_quantity),
        "currency": row.currency,
        "average_cost": _figure(row.average_cost),
        "cost": _figure(row.cost),
        "last_price": None if mark is None else _figure(mark.price),
        "last_price_at": None if mark is None else format_time(mark.at),
        "unrealized": None if mark is None else format_figure(mark.unrealized),
        "provisional": row.provisional,
        "stated": None if row.stated is None else _stated(row.stated),
        "difference": _figure(row.difference),
        **_seen(row.seen),
    }


def _stated(position: Position) -> Json:
    return {
        "quantity": format_decimal(position.quantity),
        "entry_price": _figure(position.entry_price),
        "mark_price": _figure(position.mark_price),
        "unrealized": _figure(position.unrealised),
        "currency": position.currency,
        "opened_at": _time(position.opened_at),
    }


def _order(row: OrderRow) -> Json:
    return {
        "user": row.user,
        "broker": row.broker,
        "order_id": row.order_id,
        "symbol": row.symbol,
        "side": row.side,
        "type": row.order_type,
        "state": row.state,
        "quantity": _figure(row.quantity),
        "price": _figure(row.price),
        "filled": format_figure(row.filled),
        "average_price": _figure(row.average_price),
        "fees": [{"currency": currency, "amount": format_figure(amount)} for currency, amount in row.fees],
        "fills": row.fills,
        "created_at": _time(row.created_at),
        "first_fill_at": _time(row.first_at),
        "last_fill_at": _time(row.last_at),
        **_seen(row.seen),
    }


def _figure(value: Decimal | None) -> str | None:
    return None if value is None else format_figure(value)


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
