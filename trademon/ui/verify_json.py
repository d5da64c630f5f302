"""A verification as JSON."""

from __future__ import annotations

from typing import Any

from trademon.core.money import format_decimal, format_figure
from trademon.core.times import format_time
from trademon.core.verify_reports import BrokerVerify, CoinDrift, StatedPnl, VerifyReport


def verify_to_json(report: VerifyReport) -> dict[str, Any]:
    """`{"brokers": [...]}`; `coins` are those that differ, `mended` those that did until their time was read again."""
    return {"brokers": [_broker(one) for one in report.brokers]}


def _broker(one: BrokerVerify) -> dict[str, Any]:
    return {
        "broker": one.broker,
        "user": one.user,
        "status": one.status,
        "agreed_at": None if one.agreed_at is None else format_time(one.agreed_at),
        "compared": one.compared,
        "coins": [_coin(coin) for coin in one.coins],
        "mended": [_coin(coin) for coin in one.mended],
        "not_verified": list(one.not_verified),
        "notes": list(one.notes),
    } | ({"stated_pnl": [_stated(row) for row in one.stated]} if one.stated else {})


def _stated(row: StatedPnl) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "currency": row.currency,
        "positions": row.positions,
        "stated": format_figure(row.stated),
        "ours": format_figure(row.ours),
        "difference": format_figure(row.difference),
        "since": format_time(row.since),
    }


def _coin(coin: CoinDrift) -> dict[str, Any]:
    return {
        "coin": coin.coin,
        "expected": format_decimal(coin.expected),
        "live": format_decimal(coin.live),
        "difference": format_decimal(coin.difference),
        "since": format_time(coin.since),
        "until": format_time(coin.until),
        "cause": coin.cause,
        "detail": coin.detail,
    }
