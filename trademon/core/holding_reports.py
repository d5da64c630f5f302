"""What the accounts hold and have ordered, as their exchanges last said: balances, positions, orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trademon.core.model import Position, PositionSide
from trademon.core.money import EXACT, divide, round_figure
from trademon.core.pnl_reports import Mark


@dataclass(frozen=True, slots=True)
class Seen:
    """When an exchange said it, and why that is no longer to be relied on, None where it is. `at` is None for what it
    never said: then it is from stored fills alone."""

    at: datetime | None
    stale: str | None = None


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """What an account holds of one coin."""

    user: str
    broker: str
    coin: str
    free: Decimal
    locked: Decimal
    seen: Seen

    @property
    def total(self) -> Decimal:
        return EXACT.add(self.free, self.locked)


@dataclass(frozen=True, slots=True)
class CapitalRow:
    """What an account began with, and what all it holds is worth `now` at last prices, in `currency`.

    What was deposited or withdrawn in between is part of the difference. `now` is None where something it holds has no
    price: `unknown` says what.
    """

    user: str
    broker: str
    currency: str
    initial: Decimal
    now: Decimal | None
    unknown: str | None = None

    @property
    def change(self) -> Decimal | None:
        return None if self.now is None else EXACT.subtract(self.now, self.initial)

    @property
    def change_percent(self) -> Decimal | None:
        if self.change is None or not self.initial:
            return None
        return round_figure(divide(EXACT.multiply(self.change, Decimal(100)), self.initial))


@dataclass(frozen=True, slots=True)
class BalancesReport:
    """`capital` of the brokers that have one; `notes`: what was not asked yet, or could not be. `no_broker`: there is
    none to ask."""

    balances: tuple[BalanceRow, ...]
    capital: tuple[CapitalRow, ...] = ()
    notes: tuple[str, ...] = ()
    no_broker: bool = False


@dataclass(frozen=True, slots=True)
class PositionRow:
    """What an account holds of a coin, or of a contract, with what its own books know of the cost.

    `quantity` is above zero: of a coin what is held of it, of which `unknown_quantity` has no known cost; of a contract
    what our books hold, None where they hold nothing. `cost` (with its fees) and `average_cost` are in `currency` and
    of the known part, as is `mark`. `provisional`: a fee of the known part has no price yet.
    `stated` is what the exchange itself says, where it states positions, and `difference` its quantity less ours.
    A coin that was bought in several currencies has a row for each.
    """

    user: str
    broker: str
    symbol: str
    side: PositionSide
    quantity: Decimal | None
    currency: str | None
    seen: Seen
    unknown_quantity: Decimal = Decimal(0)
    average_cost: Decimal | None = None
    cost: Decimal | None = None
    mark: Mark | None = None
    provisional: bool = False
    stated: Position | None = None
    difference: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PositionsReport:
    """`notes` say what a reader should know of the figures. `no_broker`: there is none to ask."""

    positions: tuple[PositionRow, ...]
    notes: tuple[str, ...] = ()
    no_broker: bool = False


OrderState = Literal["open", "done", "unknown"]
"""`unknown`: it was filled after the open orders were last seen."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order that is open, or that stored fills tell of.

    `quantity` and `price` are what was ordered, known of an open one alone; `filled` is what the exchange says of an
    open one, and what our fills add up to of any other. `average_price`, `fees`, `first_at` and `last_at` are those of
    the stored fills. `created_at` is known of an open one alone.
    """

    user: str
    broker: str
    order_id: str
    symbol: str
    side: str
    order_type: str
    state: OrderState
    filled: Decimal
    quantity: Decimal | None = None
    price: Decimal | None = None
    average_price: Decimal | None = None
    fees: tuple[tuple[str, Decimal], ...] = ()
    fills: int = 0
    created_at: datetime | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    seen: Seen = Seen(None)

    @property
    def begun_at(self) -> datetime | None:
        """The earliest time known of it."""
        return self.created_at or self.first_at


@dataclass(frozen=True, slots=True)
class OrdersReport:
    """Oldest first. `total` counts them before a limit; `only_open`: others were not asked for; `no_broker`: there
    is none to ask."""

    orders: tuple[OrderRow, ...]
    total: int
    only_open: bool = False
    notes: tuple[str, ...] = ()
    no_broker: bool = False
