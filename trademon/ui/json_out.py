"""Reports as JSON documents: money and quantities are decimal strings, times ISO 8601 UTC with `Z`."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from trademon.core.key_rights import KnownRights
from trademon.core.money import format_decimal
from trademon.core.reports import (
    DEFAULT_LANGUAGE,
    BrokerInfo,
    BrokerScan,
    BrokersReport,
    BrokerTest,
    Done,
    FillRow,
    FillsReport,
    ImportReport,
    Problem,
    RebuildReport,
    ScanReport,
    Status,
    UserInfo,
    UsersReport,
)
from trademon.core.times import format_time
from trademon.ui.foreign import acts_unseen

Json = dict[str, Any]
SCHEMA: Final = 1
_MILLI: Final = Decimal("0.001")


def envelope(command: str, status: Status, data: Json, problems: Sequence[Problem]) -> Json:
    """What every command with `--json` prints, also when it found nothing or failed."""
    errors = [problem_to_json(p) for p in problems]
    return {"schema": SCHEMA, "command": command, "status": status, "data": data, "errors": errors}


def problem_to_json(problem: Problem) -> Json:
    """`{"broker", "kind", "message", "hint"}`."""
    return {"broker": problem.broker, "kind": problem.kind, "message": problem.message, "hint": problem.hint}


def dump(document: Json, *, ascii_only: bool = False) -> str:
    """One document over several lines, without a newline at its end."""
    return _inert(json.dumps(document, ensure_ascii=ascii_only, indent=2, allow_nan=False))


def dump_line(document: Json, *, ascii_only: bool = False) -> str:
    """One document on one line."""
    return _inert(json.dumps(document, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False))


def _inert(document: str) -> str:
    """C1, DEL, bidi and zero-width characters as `\\u` escapes: the values stay, a terminal sees only text."""
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(_escape(c) if c != "\n" and acts_unseen(c) else c for c in document)


def _escape(char: str) -> str:
    return json.dumps(char, ensure_ascii=True)[1:-1] if char != "\x7f" else "\\u007f"


def to_json(report: object) -> Json:
    """The `data` of a report's envelope."""
    written = _WRITERS[type(report).__name__]
    if isinstance(written, str):
        module, _, name = written.partition(":")
        written = getattr(importlib.import_module(f"trademon.ui.{module}"), name)
    data: Json = written(report)
    return data


# --- scan, fills, imports -----------------------------------------------------------------------------------------


def _scan(report: ScanReport) -> Json:
    return {"brokers": [_broker_scan(b) for b in report.brokers], "new_fills": report.new_fills}


def _broker_scan(scan: BrokerScan) -> Json:
    row: Json = {
        "broker": scan.broker,
        "user": scan.user,
        "status": scan.status,
        "new_fills": scan.new_fills,
        "requests": scan.requests,
        "seconds": format_millis(scan.seconds),
        "complete_since": _time(scan.complete_since),
    }
    return (
        row
        | ({"note": scan.note} if scan.note else {})
        | ({"alert": problem_to_json(scan.alert)} if scan.alert else {})
    )


def _fills(report: FillsReport) -> Json:
    return {"fills": [fill_to_json(f) for f in report.fills]}


def fill_to_json(fill: FillRow) -> Json:
    """A fill; `id` is a string, because it is handed back as an argument. `more_fees`, `contract_size` and `strategy`
    only where there are any."""
    row: Json = {
        "id": str(fill.id),
        "broker": fill.broker,
        "user": fill.user,
        "symbol": fill.symbol,
        "side": fill.side,
        "quantity": format_decimal(fill.quantity),
        "price": format_decimal(fill.price),
        "fee": format_decimal(fill.fee),
        "fee_currency": fill.fee_currency,
        "executed_at": format_time(fill.executed_at),
        "order_id": fill.order_id,
        "trade_id": fill.trade_id,
        "source": fill.source,
    }
    more = [{"fee": format_decimal(amount), "fee_currency": currency} for amount, currency in fill.more_fees]
    if fill.contract_size is not None:
        row["contract_size"] = format_decimal(fill.contract_size)
    if fill.strategy is not None:
        row["strategy"] = fill.strategy
    if not fill.is_cost_told:
        row["cost_told"] = False
    return row | ({"more_fees": more} if more else {})


def _import(report: ImportReport) -> Json:
    row: Json = {"broker": report.broker, "rows": report.rows, "new_fills": report.new_fills}
    row["corrected"] = report.corrected
    return row | ({"notes": [report.note]} if report.note else {})


def _rebuild(report: RebuildReport) -> Json:
    changed = [{"user": user, "broker": broker, "symbol": symbol} for user, broker, symbol in report.changed]
    return {"books": report.books, "fills": report.fills, "changed": changed}


def _done(report: Done) -> Json:
    made: Json = {} if report.id is None else {"id": report.id}
    warned: Json = {"warnings": list(report.warnings)} if report.warnings else {}
    return {"message": report.message, "next_step": report.next_step, **made, **warned}


# --- brokers, users -----------------------------------------------------------------------------------------------


def _brokers(report: BrokersReport) -> Json:
    return {"brokers": [_broker(b) for b in report.brokers]}


def _broker(info: BrokerInfo) -> Json:
    return {
        "name": info.name,
        "user": info.user,
        "exchange": info.exchange,
        "market": info.market,
        "enabled": info.enabled,
        "base_url": info.base_url,
        "symbols": list(info.symbols),
        "method": info.method,
        "since": format_time(info.since),
        "has_key": info.has_key,
        "last_good_at": _time(info.last_good_at),
        "errors_in_row": info.errors_in_row,
        "fills": info.fills,
        "complete_since": _time(info.complete_since),
        "key": None if info.key is None else _key(info.key),
        **({"sandbox": True} if info.sandbox else {}),
        **({"signed_in": info.is_signed_in} if info.needs_sign_in else {}),
    }


def _key(known: KnownRights) -> Json:
    """What a key may do; null where the exchange does not say."""
    rights = known.rights
    return {
        "can_trade": rights.can_trade,
        "can_withdraw": rights.can_withdraw,
        "withdraw_allowed": known.withdraw_allowed,
        "address_limited": rights.is_address_limited,
        "created_at": _time(rights.created_at),
        "expires_at": _time(rights.expires_at),
        "read_at": _time(known.read_at),
    }


def _broker_test(test: BrokerTest) -> Json:
    return {
        "broker": test.broker,
        "user": test.user,
        "exchange": test.exchange,
        "account": test.account,
        "coins": test.coins,
        "open_orders": test.open_orders,
        "clock_offset_s": format_millis(test.clock_offset_s),
        "seconds": format_millis(test.seconds),
        "notes": list(test.notes),
        "key": None if test.key is None else _key(test.key),
    }


def _users(report: UsersReport) -> Json:
    return {"users": [_user(u) for u in report.users]}


def _user(info: UserInfo) -> Json:
    return {
        "name": info.name,
        "active": info.active,
        "method": info.method,
        "currency": info.currency,
        "brokers": info.brokers,
        "created_at": format_time(info.created_at),
        "telegram_chat": info.telegram_chat,
        "language": info.language or DEFAULT_LANGUAGE,
        "last_good_at": format_time(info.last_good_at) if info.last_good_at else None,
    }


def format_millis(seconds: Decimal) -> str:
    """Seconds to the millisecond: `0.412`."""
    return format(seconds.quantize(_MILLI), "f")


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)


# What writes a report, by the report's name; one in another file is imported when there is such a report, so that a
# command pays for its own alone. A test holds the names against the reports there are.
_WRITERS: Final[Mapping[str, str | Callable[[Any], Json]]] = {
    "ScanReport": _scan,
    "FillsReport": _fills,
    "BrokersReport": _brokers,
    "UsersReport": _users,
    "BrokerTest": _broker_test,
    "ImportReport": _import,
    "RebuildReport": _rebuild,
    "Done": _done,
    "PnlReport": "pnl_json:pnl_to_json",
    "LotsReport": "lot_json:lots_to_json",
    "ExplainReport": "lot_json:explain_to_json",
    "CompareReport": "lot_json:compare_to_json",
    "WhatIfReport": "lot_json:what_if_to_json",
    "CashReport": "cash_json:cash_to_json",
    "CashImportReport": "cash_json:cash_import_to_json",
    "DoctorReport": "doctor_json:doctor_to_json",
    "KeyStatus": "key_json:key_status_to_json",
    "KeysRotated": "key_json:keys_rotated_to_json",
    "CoverageReport": "coverage_json:coverage_to_json",
    "BalancesReport": "holding_json:balances_to_json",
    "PositionsReport": "holding_json:positions_to_json",
    "OrdersReport": "holding_json:orders_to_json",
    "TransfersReport": "transfer_json:transfers_to_json",
    "VerifyReport": "verify_json:verify_to_json",
    "DbStatus": "db_json:status_to_json",
    "PathsReport": "db_json:paths_to_json",
    "ConfigReport": "db_json:config_to_json",
    "AutomationStatus": "automation_json:status_to_json",
    "RoundsReport": "automation_json:rounds_to_json",
    "RunReport": "automation_json:rounds_to_json",
    "PricesReport": "price_json:prices_to_json",
    "PriceFetchReport": "price_json:price_fetch_to_json",
    "OutboxReport": "notify_json:outbox_to_json",
    "SendReport": "notify_json:send_to_json",
    "NotifyReport": "notify_json:notify_to_json",
    "StrategiesReport": "strategy_json:strategies_to_json",
    "StrategyReport": "strategy_json:strategy_to_json",
    "StrategyRunsReport": "strategy_json:strategy_runs_to_json",
    "StrategyLogReport": "strategy_json:strategy_runs_to_json",
    "HaltReport": "strategy_json:halt_to_json",
    "RefreshReport": "session_json:refresh_to_json",
    "LoginReport": "session_json:login_to_json",
}
