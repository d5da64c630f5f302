"""The values trademon speaks of. Frozen, exact, without behaviour beyond their own consistency.

Quantities are in base units and positive, prices are quote per base, fees are a cost when positive and a rebate when
negative, times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from trademon.core.money import EXACT, ZERO, check_decimal
from trademon.errors import DataError

Side = Literal["buy", "sell"]
Method = Literal["fifo", "lifo", "hifo", "average"]
METHODS: tuple[Method, ...] = ("fifo", "lifo", "hifo", "average")
MarketType = Literal["spot", "margin", "swap"]
MARKET_TYPES: tuple[MarketType, ...] = ("spot", "margin", "swap")


@dataclass(frozen=True, slots=True)
class Contract:
    """What one unit of a derivative stands for.

    `size` is base units, of an inverse contract quote units; `settle` is the coin that gains and losses are paid in,
    of an inverse contract the base coin.
    """

    settle: str
    size: Decimal = Decimal(1)
    inverse: bool = False

    def __post_init__(self) -> None:
        if check_decimal(self.size, what="contract size") <= ZERO:
            raise DataError("a contract has no size above zero")


@dataclass(frozen=True, slots=True)
class Market:
    """What can be traded: `symbol` as shown, `exchange_symbol` as the exchange writes it."""

    symbol: str
    base: str
    quote: str
    exchange_symbol: str
    contract: Contract | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """Paid (positive) or received (negative) for one fill."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, as the exchange reported it.

    `trade_id` is the exchange's own and unique only per account, market type and symbol (and `epoch`, where an
    exchange starts counting anew). Never identify a fill by what it looks like.

    Two kinds are no executions and stand for one end of a transfer between a user's own accounts: one that `leaves`
    takes lots out of its book, without a sale; one with `acquired_at` brings a lot in, with its old price and date.
    """

    trade_id: str
    symbol: str
    base: str
    quote: str
    side: Side
    quantity: Decimal
    price: Decimal
    executed_at: datetime
    fees: tuple[Fee, ...] = ()
    order_id: str = ""
    order_type: str = ""
    is_maker: bool | None = None
    epoch: int = 0
    contract: Contract | None = None
    acquired_at: datetime | None = None
    leaves: bool = False
    revision: int | None = None
    """Where an exchange tells an execution more than once, how final this telling is: a later one takes the place of an
    earlier one. Below `FINAL` its costs are not told yet. None where it is told once and for all."""
    raw: str = field(default="", compare=False)

    @property
    def opened_at(self) -> datetime:
        """The date of a lot that it opens: a lot carried over from another account keeps its own."""
        return self.acquired_at or self.executed_at

    @property
    def currency(self) -> str:
        """The coin its book is kept in."""
        return self.quote if self.contract is None else self.contract.settle

    def __post_init__(self) -> None:
        if not self.trade_id:
            raise DataError(f"a fill of {self.symbol} has no trade id")
        if self.side not in ("buy", "sell"):
            raise DataError(f"fill {self.trade_id} of {self.symbol} has an unknown side")
        check_decimal(self.quantity, what=f"quantity of fill {self.trade_id}")
        check_decimal(self.price, what=f"price of fill {self.trade_id}")
        for fee in self.fees:
            if not fee.currency:
                raise DataError(f"fill {self.trade_id} of {self.symbol} has a fee without a currency")
            check_decimal(fee.amount, what=f"fee of fill {self.trade_id}")
        if self.quantity <= ZERO:
            raise DataError(f"fill {self.trade_id} of {self.symbol} has no quantity above zero")
        if self.price < ZERO:
            raise DataError(f"fill {self.trade_id} of {self.symbol} has a price below zero")
        if self.executed_at.tzinfo is None:
            raise DataError(f"fill {self.trade_id} of {self.symbol} has a time without a zone")


FINAL = 2
"""The `revision` of a fill of which nothing more is to be told."""


def fill_order(fill: Fill) -> tuple[datetime, int, int, str]:
    """The order in which fills of one book are matched: by time, ties by the exchange's id (numeric ids as numbers)."""
    return (fill.executed_at, fill.epoch, *id_order(fill.trade_id))


def id_order(trade_id: str) -> tuple[int, str]:
    """Sorts numeric ids as numbers, before all others."""
    numeric = len(trade_id) <= 40 and trade_id.isascii() and trade_id.isdigit()
    return (int(trade_id) if numeric else 10**40, trade_id)


@dataclass(frozen=True, slots=True)
class Lot:
    """What is still open of one opening fill (or of the pool, by `average`).

    `side` is the side that opened it: `buy` a long lot, `sell` a short one. `cost` is the price paid for `quantity`
    without fees, `fees` what is carried of the opening fee, both in quote.
    """

    fill_id: int
    side: Side
    quantity: Decimal
    cost: Decimal
    fees: Decimal
    price: Decimal
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LotPart:
    """The part of one lot that a disposal consumed; all amounts in quote, for `quantity`.

    `fees` = `lot_fees`, its share of the opening fee, and its share of the closing fee.
    """

    lot_fill_id: int
    opened_at: datetime
    quantity: Decimal
    cost: Decimal
    gross: Decimal
    fees: Decimal
    lot_fees: Decimal


@dataclass(frozen=True, slots=True)
class Disposal:
    """One closing fill with the lots it consumed. `fees` = share of the opening fees + the closing fee."""

    fill_id: int
    executed_at: datetime
    quantity: Decimal
    proceeds: Decimal
    gross: Decimal
    fees: Decimal
    parts: tuple[LotPart, ...]

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.fees)


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The part of a sale for which no cost is known: in no P&L figure. `fees` is its share of the sale's fee."""

    fill_id: int
    executed_at: datetime
    quantity: Decimal
    proceeds: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of one coin."""

    coin: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return EXACT.add(self.free, self.locked)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that waits at the exchange: colour, never the source of a fill."""

    order_id: str
    symbol: str
    side: str
    order_type: str
    quantity: Decimal
    filled: Decimal
    price: Decimal
    created_at: datetime


PositionSide = Literal["long", "short"]


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of one market, as its exchange states it: beside our own books, never their source.

    `quantity` is above zero, in base units (of an inverse contract in quote units); prices are quote per base;
    `unrealised` is in `currency`. None where the exchange does not say. `position_id` tells two of one market apart.
    """

    symbol: str
    side: PositionSide
    quantity: Decimal
    currency: str
    entry_price: Decimal | None = None
    mark_price: Decimal | None = None
    unrealised: Decimal | None = None
    opened_at: datetime | None = None
    position_id: str = ""

    def __post_init__(self) -> None:
        if not self.symbol or not self.currency:
            raise DataError("a position without a symbol or a currency")
        if check_decimal(self.quantity, what=f"quantity of a position in {self.symbol}") <= ZERO:
            raise DataError(f"a position in {self.symbol} has no quantity above zero")


@dataclass(frozen=True, slots=True)
class StatedClose:
    """A closed position as its exchange reckons it: beside our own P&L, never part of it.

    `gross` is the difference of the prices, `costs` what opening and closing it cost, above zero when paid, both in
    `currency`; `quantity` is above zero, in base units.
    """

    close_id: str
    symbol: str
    side: PositionSide
    quantity: Decimal
    open_price: Decimal
    close_price: Decimal
    gross: Decimal
    costs: Decimal
    currency: str
    opened_at: datetime
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What a key may do, as its exchange says; None where it does not."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    is_address_limited: bool | None = None
    """Whether it works from listed addresses only."""
    created_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candle:
    """The price of a market over `interval` from `opened_at` on, quote per base: the first one paid in it."""

    opened_at: datetime
    interval: timedelta
    open: Decimal


TransferKind = Literal["deposit", "withdrawal"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Coins that came into an account or left it without a trade, completed.

    `amount` is what arrived or was sent, above zero; `fee` came on top of what was sent, in the same coin. `tx_id` is
    the chain's name for it, empty within an exchange; both ends of a transfer between two accounts share it.
    """

    transfer_id: str
    kind: TransferKind
    coin: str
    amount: Decimal
    fee: Decimal
    at: datetime
    tx_id: str = ""
    network: str = ""
    raw: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.transfer_id or not self.coin:
            raise DataError("a transfer without an id or a coin")
        check_decimal(self.amount, what=f"amount of transfer {self.transfer_id}")
        check_decimal(self.fee, what=f"fee of transfer {self.transfer_id}")
        if self.amount <= ZERO or self.fee < ZERO:
            raise DataError(f"transfer {self.transfer_id} has no amount above zero, or a fee below it")
        if self.at.tzinfo is None:
            raise DataError(f"transfer {self.transfer_id} has a time without a zone")


@dataclass(frozen=True, slots=True)
class Broker:
    """A named way to one account at one exchange, of one user. `since` is where its history begins for us."""

    id: int
    name: str
    user: str
    exchange: str
    market: MarketType
    since: datetime
    created_at: datetime
    base_url: str | None = None
    enabled: bool = True
    symbols: tuple[str, ...] = ()
    sandbox: bool = False
    """At the exchange's own test environment."""
    method: Method | None = None
    account_id: int | None = None
    initial_capital: Decimal | None = None
    """What the account began with, for returns; in `capital_currency`, None being the only one it trades in."""
    capital_currency: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs a broker's requests. Never printed: the representation hides every value."""

    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
