"""Strategies, their orders, their runs and the halt as JSON."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.money import format_decimal, format_figure
from trademon.core.strategy_model import Arming, StrategyOrder, StrategyRun
from trademon.core.strategy_reports import (
    HaltReport,
    PaperRow,
    StrategiesReport,
    StrategyInfo,
    StrategyLogReport,
    StrategyReport,
    StrategyRunsReport,
)
from trademon.core.times import format_time

Json = dict[str, Any]


def strategies_to_json(report: StrategiesReport) -> Json:
    """`{"strategies": [...], "halted": null | text}`."""
    return {"strategies": [_info(info) for info in report.strategies], "halted": report.halted}


def strategy_to_json(report: StrategyReport) -> Json:
    """One strategy, its newest orders, and the executions of its orders."""
    from trademon.ui.json_out import fill_to_json  # noqa: PLC0415 - it imports this module by name

    return {
        "strategy": _info(report.info),
        "orders": [_order(order) for order in report.orders],
        "fills": [fill_to_json(fill) for fill in report.fills],
        "halted": report.halted,
    }


def _info(info: StrategyInfo) -> Json:
    strategy = info.strategy
    return {
        "name": strategy.name,
        "user": strategy.user,
        "source": strategy.source,
        "file": strategy.file,
        "mode": strategy.mode,
        "enabled": strategy.is_enabled,
        "parameters": dict(strategy.parameters),
        "brokers": list(strategy.brokers),
        "paper_fee": format_decimal(strategy.fee_rate),
        "created_at": format_time(strategy.created_at),
        "armed": None if strategy.arming is None else _arming(strategy.arming),
        "armed_file_changed": info.armed_file_changed,
        "sent_today": info.sent_today,
        "open_orders": info.open_orders,
        "unknown_orders": info.unsettled,
        "paper": [_paper(row) for row in info.paper],
        "last_run": None if info.last_run is None else _run(info.last_run),
    }


def _arming(arming: Arming) -> Json:
    limits = arming.limits
    return {
        "at": format_time(arming.at),
        "until": _time(limits.until),
        "max_order": {"amount": format_decimal(limits.max_order), "currency": limits.order_currency},
        "orders_a_day": limits.orders_a_day,
        "max_daily_loss": {"amount": format_decimal(limits.max_daily_loss), "currency": limits.loss_currency},
        "symbols": list(limits.symbols),
        "brokers": list(limits.brokers),
    }


def _paper(row: PaperRow) -> Json:
    return {
        "broker": row.broker,
        "symbol": row.symbol,
        "currency": row.currency,
        "gross": format_figure(row.gross),
        "fees": format_figure(row.fees),
        "net": format_figure(row.net),
        "open_quantity": format_figure(row.open_quantity),
        "open_cost": format_figure(row.open_cost),
        "unmatched_quantity": format_figure(row.unmatched),
        "fills": row.fills,
        "price": _amount(row.price),
        "price_at": _time(row.price_at),
        "unrealized": None if row.unrealized is None else format_figure(row.unrealized),
    }


def _order(order: StrategyOrder) -> Json:
    row: Json = {
        "id": str(order.id),
        "strategy": order.strategy,
        "mode": order.mode,
        "broker": order.broker,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.order_type,
        "quantity": _amount(order.quantity),
        "amount": _amount(order.amount),
        "price": _amount(order.price),
        "value": _amount(order.value),
        "reason": order.reason,
        "status": order.status,
        "detail": order.detail,
        "client_order_id": order.client_id,
        "order_id": order.order_id,
        "filled": format_decimal(order.filled),
        "filled_value": format_decimal(order.filled_value),
        "created_at": format_time(order.created_at),
        "sent_at": _time(order.sent_at),
    }
    return row | ({"cancels": order.target} if order.side == "cancel" else {})


def strategy_runs_to_json(report: StrategyRunsReport | StrategyLogReport) -> Json:
    """`{"runs": [...]}`."""
    return {"runs": [_run(run) for run in report.runs]}


def _run(run: StrategyRun) -> Json:
    row: Json = {
        "strategy": run.strategy,
        "user": run.user,
        "mode": run.mode,
        "outcome": run.outcome,
        "started_at": _time(run.started_at),
        "seconds": format(run.seconds, "f"),
        "detail": run.detail,
        "intents": run.intents,
        "orders": run.orders,
    }
    if run.said:
        row["printed"] = run.said
    return row | ({"made": [_order(order) for order in run.made]} if run.made else {})


def halt_to_json(report: HaltReport) -> Json:
    """`{"halted", "store", "file", "open_orders", "note"}`; `open_orders` is null where the store did not say."""
    return {
        "halted": report.is_halted,
        "store": report.store,
        "file": report.file,
        "open_orders": report.open_orders,
        "note": report.note,
    }


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else format_decimal(value)


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
