"""What a strategy is given and what it answers with.

A strategy is one file with one class that has a method `decide(context)`; it returns what it wants done. It asks
nobody and sends nothing: whatever it wants is checked, recorded, and on paper unless a person has armed it.

    class Strategy:
        PARAMETERS = {"symbol": "BTC/USDT", "amount": "25"}

        def decide(self, context):
            yield Buy(context.text("symbol"), quote=context.decimal("amount"), reason="a start")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Buy:
    """Buy a `quantity` in base, or for an amount in `quote`. `limit` None is at market; `broker` may be left empty
    where there is only one."""

    symbol: str
    quantity: Decimal | None = None
    quote: Decimal | None = None
    limit: Decimal | None = None
    reason: str = ""
    broker: str = ""


@dataclass(frozen=True, slots=True)
class Sell:
    """Sell a `quantity` in base, or as much as brings an amount in `quote`."""

    symbol: str
    quantity: Decimal | None = None
    quote: Decimal | None = None
    limit: Decimal | None = None
    reason: str = ""
    broker: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take back an order of its own that is still open: `order` is its `OrderView.id`."""

    order: str
    reason: str = ""


Intent = Buy | Sell | Cancel


@dataclass(frozen=True, slots=True)
class Coin:
    """What is held of a coin."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class Holding:
    """What is open of a symbol by the account's own fills: what it cost, with the fees it carries, in quote."""

    quantity: Decimal
    cost: Decimal

    @property
    def average(self) -> Decimal:
        """What one base unit cost; selling above it gains."""
        return self.cost / self.quantity


@dataclass(frozen=True, slots=True)
class FillView:
    """An execution. `is_own`: of an order of this strategy. `fee` is a cost when positive."""

    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    executed_at: datetime
    is_own: bool


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order of this strategy that is still open."""

    id: str
    symbol: str
    side: str
    quantity: Decimal | None
    filled: Decimal
    limit: Decimal | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BrokerView:
    """One account: coins by name, holdings and last prices by symbol, the newest hundred fills (oldest first).

    On paper, balances and holdings are the account's real ones with what the paper fills moved.
    """

    name: str
    exchange: str
    balances: Mapping[str, Coin]
    positions: Mapping[str, Holding]
    prices: Mapping[str, Decimal]
    fills: tuple[FillView, ...] = ()
    orders: tuple[OrderView, ...] = ()

    def free(self, coin: str) -> Decimal:
        """What of a coin can be traded; 0 where there is none."""
        found = self.balances.get(coin)
        return Decimal(0) if found is None else found.free

    def price(self, symbol: str) -> Decimal:
        """The last price. Raises LookupError for a symbol without one: an unknown price is no price."""
        if symbol not in self.prices:
            raise LookupError(f"{self.name} tells no price of {symbol}")
        return self.prices[symbol]


@dataclass(frozen=True, slots=True)
class Context:
    """All that a strategy knows. `state` is what its last good run left there: change it and it is kept (JSON)."""

    name: str
    now: datetime
    is_armed: bool
    parameters: Mapping[str, str]
    brokers: tuple[BrokerView, ...]
    state: dict[str, Any] = field(default_factory=dict)

    def broker(self, name: str = "") -> BrokerView:
        """The named account, or the only one. Raises LookupError where that is none."""
        if not name and len(self.brokers) == 1:
            return self.brokers[0]
        for broker in self.brokers:
            if broker.name == name:
                return broker
        known = ", ".join(broker.name for broker in self.brokers) or "none"
        raise LookupError(f"say which broker: broker={name or '?'} (there is {known})")

    def text(self, name: str) -> str:
        """A parameter. Raises LookupError where it is not set."""
        value = self.parameters.get(name, "")
        if not value:
            raise LookupError(f"the parameter {name} is not set: --param {name}=...")
        return value

    def decimal(self, name: str) -> Decimal:
        """A parameter as a number, exactly."""
        try:
            value = Decimal(self.text(name))
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise ValueError(f"the parameter {name} is no number: {self.text(name)[:40]}")
        return value

    def duration(self, name: str) -> timedelta:
        """A parameter as a length of time: 30m, 12h, 1d, 2w."""
        found = re.fullmatch(r"([0-9]{1,6})([mhdw])", self.text(name))
        if found is None or not int(found[1]):
            raise ValueError(f"the parameter {name} is no length of time such as 12h, 1d or 2w")
        return int(found[1]) * _UNITS[found[2]]
