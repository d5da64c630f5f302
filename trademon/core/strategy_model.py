"""What a strategy is for the store and the flows: its settings, what it may do once armed, its orders and runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trademon.core.model import Side
from trademon.core.money import ZERO

Mode = Literal["paper", "live"]
OrderStatus = Literal[
    "refused",  # by ourselves: it was never sent
    "sending",  # stored; what became of it is not known yet
    "unknown",  # sent, and no answer that says what became of it
    "not sent",  # it never reached the exchange, as that said when it was asked
    "rejected",  # by the exchange
    "open",
    "filled",
    "cancelled",
]
UNSETTLED: tuple[OrderStatus, ...] = ("sending", "unknown")
COUNTED: tuple[OrderStatus, ...] = ("sending", "unknown", "not sent", "rejected", "open", "filled", "cancelled")
"""What counts against the orders of a day: whatever was on its way, whether or not it arrived."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an armed strategy may do. Amounts are in the named currency, counts and losses are of a UTC day."""

    max_order: Decimal
    order_currency: str
    orders_a_day: int
    max_daily_loss: Decimal
    loss_currency: str
    symbols: tuple[str, ...]
    brokers: tuple[str, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Arming:
    """That a strategy was armed: with what, and what it was then. `accounts` are the broker's id and its account's, by
    the broker's name: another key under the same name is another account."""

    limits: Limits
    code_hash: str
    at: datetime
    accounts: Mapping[str, tuple[int, int]]
    rights_unknown_ok: bool = False


@dataclass(frozen=True, slots=True)
class Strategy:
    """A stored strategy. `source` is what it was added by, `file` where its code is read; no brokers is all of them.
    `fee_rate` is what a paper fill is taken to cost, as a part of its value."""

    id: int
    name: str
    user: str
    source: str
    file: str
    parameters: Mapping[str, str]
    brokers: tuple[str, ...]
    is_enabled: bool
    fee_rate: Decimal
    created_at: datetime
    arming: Arming | None = None

    @property
    def mode(self) -> Mode:
        return "live" if self.arming else "paper"


@dataclass(frozen=True, slots=True)
class StrategyOrder:
    """One intent and what became of it. `side` is `cancel` where it takes back the order `target`."""

    id: int
    strategy_id: int
    strategy: str
    run_id: int
    mode: Mode
    broker: str
    broker_id: int
    symbol: str
    side: Side | Literal["cancel"]
    order_type: str
    quantity: Decimal | None
    amount: Decimal | None
    price: Decimal | None
    value: Decimal | None
    reason: str
    status: OrderStatus
    detail: str
    client_id: str
    created_at: datetime
    sent_at: datetime | None = None
    order_id: str = ""
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO
    target: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a strategy stands at the moment of sending, as one transaction sees it.

    `sent_today` counts orders, `unsettled` those of which nobody knows yet what became of them.
    """

    is_enabled: bool
    arming: Arming | None
    sent_today: int
    unsettled: int
    halted: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the exchange said of an order. Amounts are what was executed of it, in base and in quote."""

    status: OrderStatus
    detail: str = ""
    order_id: str = ""
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO


RunOutcome = Literal["success", "partial", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class StrategyRun:
    """One run of one strategy. `orders` were sent (or filled on paper) of its `intents`. `busy`: another run is at work
    on it."""

    strategy: str
    user: str
    mode: Mode
    outcome: RunOutcome
    seconds: Decimal
    detail: str = ""
    intents: int = 0
    orders: int = 0
    started_at: datetime | None = None
    made: tuple[StrategyOrder, ...] = field(default=())
    said: str = ""
    """What its code printed, cut."""
    busy: bool = False
