"""The facts of messages about executions: of one order, and of many summed up. Pure: JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from trademon.core.money import EXACT, ZERO, divide, format_decimal
from trademon.core.notices import utc_text
from trademon.core.reports import ExecutionRow

Facts = dict[str, Any]
KEPT_SYMBOLS = 20
"""A sum names so many symbols; the others are counted under "", the rest."""


def order_facts(rows: Sequence[ExecutionRow]) -> Facts:
    """Of executions of one order, found together."""
    first = rows[0]
    facts: Facts = {
        "broker": first.fill.broker,
        "symbol": first.fill.symbol,
        "order_id": first.fill.order_id,
        "side": first.fill.side,
        "currency": first.currency,
        "fills": 0,
        "quantity": "0",
        "value": "0",
        "fees": {},
        "net": None,
        "unmatched": "0",
        "unvalued": False,
        "first_at": utc_text(first.fill.executed_at),
        "last_at": utc_text(first.fill.executed_at),
    }
    for row in rows:
        fill, at = row.fill, utc_text(row.fill.executed_at)
        fees: dict[str, str] = facts["fees"]
        for amount, coin in ((fill.fee, fill.fee_currency), *fill.more_fees):
            if amount:
                fees[coin] = _add(fees.get(coin), amount)
        facts["fills"] += 1
        facts["quantity"] = _add(facts["quantity"], fill.quantity)
        facts["value"] = _add(facts["value"], EXACT.multiply(fill.quantity, fill.price))
        facts["net"] = facts["net"] if row.net is None else _add(facts["net"], row.net)
        facts["unmatched"] = _add(facts["unmatched"], row.unmatched)
        facts["unvalued"] = facts["unvalued"] or row.unvalued
        facts["first_at"], facts["last_at"] = min(facts["first_at"], at), max(facts["last_at"], at)
    return facts


def join_order(before: Mapping[str, Any], more: Mapping[str, Any]) -> Facts:
    """Two parts of one order as one."""
    net = before["net"] if more["net"] is None else _add(before["net"], Decimal(more["net"]))
    return {
        **before,
        "fills": before["fills"] + more["fills"],
        "quantity": _add(before["quantity"], Decimal(more["quantity"])),
        "value": _add(before["value"], Decimal(more["value"])),
        "fees": _add_each(before["fees"], more["fees"]),
        "net": net,
        "unmatched": _add(before["unmatched"], Decimal(more["unmatched"])),
        "unvalued": before["unvalued"] or more["unvalued"],
        "first_at": min(before["first_at"], more["first_at"]),
        "last_at": max(before["last_at"], more["last_at"]),
    }


def average_price(facts: Mapping[str, Any]) -> Decimal:
    """Of an order: what one unit was paid with, rounded where it does not end."""
    quantity = Decimal(facts["quantity"])
    return divide(Decimal(facts["value"]), quantity) if quantity else ZERO


def as_sum(facts: Mapping[str, Any], *, earlier: bool = False) -> Facts:
    """An order's facts as those of a sum; what is one already stays."""
    if "symbols" in facts:
        return dict(facts)
    return {
        "broker": facts["broker"],
        "earlier": earlier,
        "fills": facts["fills"],
        "symbols": {facts["symbol"]: facts["fills"]},
        "net": {} if facts["net"] is None else {facts["currency"]: facts["net"]},
        "unmatched": [facts["symbol"]] if Decimal(facts["unmatched"]) else [],
        "unvalued": facts["unvalued"],
        "first_at": facts["first_at"],
        "last_at": facts["last_at"],
    }


def join_sums(before: Mapping[str, Any], more: Mapping[str, Any]) -> Facts:
    """Two sums as one."""
    symbols = dict(before["symbols"])
    for symbol, count in more["symbols"].items():
        name = symbol if symbol in symbols or len(symbols) < KEPT_SYMBOLS else ""
        symbols[name] = symbols.get(name, 0) + count
    unmatched = sorted({*before["unmatched"], *more["unmatched"]})
    return {
        **before,
        "fills": before["fills"] + more["fills"],
        "symbols": symbols,
        "net": _add_each(before["net"], more["net"]),
        "unmatched": unmatched[:KEPT_SYMBOLS],
        "unvalued": before["unvalued"] or more["unvalued"],
        "first_at": min(before["first_at"], more["first_at"]),
        "last_at": max(before["last_at"], more["last_at"]),
    }


def _add(before: str | None, amount: Decimal) -> str:
    return format_decimal(EXACT.add(Decimal(before or 0), amount))


def _add_each(before: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    return {**before, **{name: _add(before.get(name), Decimal(amount)) for name, amount in more.items()}}
