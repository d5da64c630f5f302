"""The context and the answer as JSON, between trademon and the process that runs a strategy's code.

What comes back is not trusted: every field is checked, money is text, and one thing that is wrong refuses all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from trademon.core.money import ZERO, parse_decimal
from trademon.errors import DataError, StrategyError
from trademon.strategies.protocol import (
    BrokerView,
    Buy,
    Cancel,
    Coin,
    Context,
    FillView,
    Holding,
    Intent,
    OrderView,
    Sell,
)

Json = dict[str, Any]
MOST_INTENTS = 50
MOST_STATE = 64 * 1024
_LONGEST = {"symbol": 60, "broker": 80, "order": 80}
_REASON = 200


# --- there --------------------------------------------------------------------------------------------------------


def context_to_json(context: Context) -> Json:
    return {
        "name": context.name,
        "now": context.now.isoformat(),
        "is_armed": context.is_armed,
        "parameters": dict(context.parameters),
        "brokers": [_broker_to_json(broker) for broker in context.brokers],
        "state": context.state,
    }


def _broker_to_json(broker: BrokerView) -> Json:
    return {
        "name": broker.name,
        "exchange": broker.exchange,
        "balances": {coin: [str(held.free), str(held.locked)] for coin, held in broker.balances.items()},
        "positions": {symbol: [str(one.quantity), str(one.cost)] for symbol, one in broker.positions.items()},
        "prices": {symbol: str(price) for symbol, price in broker.prices.items()},
        "fills": [
            [f.symbol, f.side, str(f.quantity), str(f.price), str(f.fee), f.fee_currency, f.executed_at.isoformat(),
             f.is_own]
            for f in broker.fills
        ],
        "orders": [
            [o.id, o.symbol, o.side, _text(o.quantity), str(o.filled), _text(o.limit), o.created_at.isoformat()]
            for o in broker.orders
        ],
    }  # fmt: skip


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def context_from_json(data: Json) -> Context:
    """The context as a strategy sees it: what cannot be changed there, but for its state, is not."""
    return Context(
        data["name"],
        datetime.fromisoformat(data["now"]),
        data["is_armed"],
        MappingProxyType(data["parameters"]),
        tuple(_broker_from_json(broker) for broker in data["brokers"]),
        data["state"],
    )


def _broker_from_json(data: Json) -> BrokerView:
    return BrokerView(
        data["name"],
        data["exchange"],
        MappingProxyType({coin: Coin(Decimal(a), Decimal(b)) for coin, (a, b) in data["balances"].items()}),
        MappingProxyType({symbol: Holding(Decimal(a), Decimal(b)) for symbol, (a, b) in data["positions"].items()}),
        MappingProxyType({symbol: Decimal(price) for symbol, price in data["prices"].items()}),
        tuple(
            FillView(f[0], f[1], Decimal(f[2]), Decimal(f[3]), Decimal(f[4]), f[5], datetime.fromisoformat(f[6]), f[7])
            for f in data["fills"]
        ),
        tuple(
            OrderView(o[0], o[1], o[2], _number(o[3]), Decimal(o[4]), _number(o[5]), datetime.fromisoformat(o[6]))
            for o in data["orders"]
        ),
    )


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


# --- and back -----------------------------------------------------------------------------------------------------


def intent_to_json(intent: Intent) -> Json:
    """Raises TypeError for what is no intent, and for an amount that is no Decimal: a float has lost digits."""
    if isinstance(intent, Cancel):
        return {"do": "cancel", "order": intent.order, "reason": intent.reason}
    if not isinstance(intent, (Buy, Sell)):
        raise TypeError(f"decide returned {type(intent).__name__}, not Buy, Sell or Cancel")
    row: Json = {"do": type(intent).__name__.lower(), "symbol": intent.symbol, "broker": intent.broker}
    for name in ("quantity", "quote", "limit"):
        value = getattr(intent, name)
        if isinstance(value, bool) or (value is not None and not isinstance(value, (Decimal, int))):
            raise TypeError(f"{name} of a {type(intent).__name__} is {type(value).__name__}: give a Decimal")
        row[name] = None if value is None else str(value)
    return row | {"reason": intent.reason}


def parse_intents(rows: object) -> tuple[Intent, ...]:
    """What a strategy wants.

    Raises:
        StrategyError: anything in it is not what it should be.
    """
    if not isinstance(rows, list) or len(rows) > MOST_INTENTS:
        raise StrategyError(f"it returned no list of at most {MOST_INTENTS} intents")
    return tuple(_parse_intent(row) for row in rows)


def _parse_intent(row: object) -> Intent:
    if not isinstance(row, dict):
        raise StrategyError("an intent is no object")
    reason = " ".join("".join(c if c.isprintable() else " " for c in str(row.get("reason") or "")).split())[:_REASON]
    if row.get("do") == "cancel":
        return Cancel(_word(row, "order"), reason)
    if row.get("do") not in ("buy", "sell"):
        raise StrategyError("an intent is neither buy, sell nor cancel")
    quantity, quote, limit = (_amount(row, name) for name in ("quantity", "quote", "limit"))
    if (quantity is None) == (quote is None):
        raise StrategyError(f"a {row['do']} needs a quantity or an amount in quote, and not both")
    broker = _word(row, "broker") if row.get("broker") else ""
    if row["do"] == "buy":
        return Buy(_word(row, "symbol"), quantity, quote, limit, reason, broker)
    return Sell(_word(row, "symbol"), quantity, quote, limit, reason, broker)


def _word(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > _LONGEST[name]:
        raise StrategyError(f"{name} of an intent is no name")
    return value


def _amount(row: Mapping[str, Any], name: str) -> Decimal | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise StrategyError(f"{name} of an intent is no number in text")
    try:
        amount = parse_decimal(value, what=f"{name} of an intent")
    except DataError as error:
        raise StrategyError(error.message) from None
    if amount <= ZERO:
        raise StrategyError(f"{name} of an intent is not above zero")
    return amount


def parse_state(state: object) -> str:
    """What it wants kept, as text. Raises StrategyError for what is no JSON object, or too much."""
    if not isinstance(state, dict):
        raise StrategyError("its state is no object")
    text = json.dumps(state, separators=(",", ":"))
    if len(text) > MOST_STATE:
        raise StrategyError(f"its state is over {MOST_STATE // 1024} KB")
    return text


def parse_parameters(found: object) -> dict[str, str]:
    """The parameters a strategy declares, with their defaults."""
    if not isinstance(found, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in found.items()):
        raise StrategyError("its PARAMETERS are no texts by name")
    return dict(found)
