"""The values of the demo exchange: what was really ordered and executed, independent of any wire format.

Quantities are base units, prices quote per base, fees positive when paid; money is Decimal, times are aware UTC
in whole milliseconds, because both exchanges speak in milliseconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

Clock = Callable[[], datetime]
Side = Literal["buy", "sell"]
OrderType = Literal["LIMIT", "MARKET"]
TransferKind = Literal["deposit", "withdrawal"]
TransferStatus = Literal["pending", "credited", "completed", "failed"]

# Binance's eight; Bitget's words are derived from them (see bitget_rows).
STATUSES = (
    "NEW",
    "PENDING_NEW",
    "PARTIALLY_FILLED",
    "FILLED",
    "CANCELED",
    "REJECTED",
    "EXPIRED",
    "EXPIRED_IN_MATCH",
)
OPEN_STATUSES = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970, rounded down, without a float in between."""
    return (at - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """The aware UTC time of integer milliseconds since 1970."""
    return _EPOCH + ms * _MILLISECOND


@dataclass(frozen=True, slots=True)
class Market:
    """A listed pair: `tick` is the price step, `lot` the quantity step, `notional` the range of an order in quote."""

    base: str
    quote: str
    price: Decimal
    tick: Decimal
    lot: Decimal
    notional: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))

    @property
    def symbol(self) -> str:
        """The readable name, "BTC/USDT"."""
        return f"{self.base}/{self.quote}"

    @property
    def wire(self) -> str:
        """The name on both exchanges' wire, "BTCUSDT"."""
        return f"{self.base}{self.quote}"


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as the exchange knows it; `fee` is positive when paid, negative for a rebate."""

    symbol: str
    trade_id: str
    order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    executed_at: datetime
    is_maker: bool

    @property
    def base(self) -> str:
        """The coin bought or sold."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """The coin it is priced in."""
        return self.symbol.partition("/")[2]

    @property
    def ms(self) -> int:
        """`executed_at` as it stands on the wire."""
        return to_ms(self.executed_at)


@dataclass(frozen=True, slots=True)
class WorldOrder:
    """An order with all its executions; `status` holds from `updated_at` on. `price` is 0 for MARKET."""

    order_id: str
    client_id: str
    symbol: str
    side: Side
    type: OrderType
    price: Decimal
    quantity: Decimal
    created_at: datetime
    updated_at: datetime
    status: str
    executions: tuple[Execution, ...] = ()
    time_in_force: str = "GTC"

    @property
    def executed(self) -> Decimal:
        """Executed quantity in base units."""
        return sum((e.quantity for e in self.executions), Decimal(0))

    @property
    def quote_executed(self) -> Decimal:
        """Executed value in quote units."""
        return sum((e.quantity * e.price for e in self.executions), Decimal(0))

    @property
    def is_open(self) -> bool:
        """Whether it can still execute."""
        return self.status in OPEN_STATUSES

    def as_of(self, now: datetime) -> "WorldOrder":
        """The order as the exchange would have shown it at `now` (at or after its creation)."""
        if self.updated_at <= now:
            return self
        done = tuple(e for e in self.executions if e.executed_at <= now)
        status = "PARTIALLY_FILLED" if done else "NEW"
        updated_at = done[-1].executed_at if done else self.created_at
        return replace(self, status=status, executions=done, updated_at=updated_at)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Coins that came in or left without a trade; `fee` comes on top of the `amount` that was sent.

    `status` holds from `completed_at` on, which is when it ended, however it did; None while it never has. "credited"
    is a deposit that counts in the balance and cannot be withdrawn yet. Both ends of a transfer between two accounts
    share `tx_id`; `is_internal` is one within an exchange, which no chain knows of.
    """

    id: str
    kind: TransferKind
    coin: str
    amount: Decimal
    fee: Decimal
    created_at: datetime
    completed_at: datetime | None
    tx_id: str
    network: str
    address: str
    status: TransferStatus = "completed"
    is_internal: bool = False

    def as_of(self, now: datetime) -> "Transfer":
        """The transfer as the exchange would have shown it at `now` (at or after its creation)."""
        if self.completed_at is None or self.completed_at <= now:
            return self
        return replace(self, status="pending", completed_at=None)

    @property
    def change(self) -> Decimal:
        """What it adds to the balance: a deposit when it arrived, a withdrawal at once, a failed one nothing."""
        if self.status == "failed" or (self.kind == "deposit" and self.status == "pending"):
            return Decimal(0)
        return self.amount if self.kind == "deposit" else -(self.amount + self.fee)


class WorldView(Protocol):
    """What the wire formats ask of a world, seeded or scripted. `symbol` is "BTC/USDT"; None means all."""

    @property
    def markets(self) -> Mapping[str, Market]:
        """All listed markets by symbol."""

    def executions(self, until: datetime | None = None, symbol: str | None = None) -> list[Execution]:
        """Everything executed up to and including `until` (default: the clock), by (time, id)."""

    def orders(self, now: datetime | None = None, symbol: str | None = None) -> list[WorldOrder]:
        """Every order created up to `now`, in the state of `now`, by (creation, id)."""

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        """Total per coin: opening deposits + executions - fees + transfers."""

    def transfers(self, now: datetime | None = None) -> list[Transfer]:
        """Every transfer created up to `now`, in the state of `now`, by (creation, id)."""

    def price(self, symbol: str, now: datetime | None = None) -> Decimal:
        """The last price at or before `now` in quote per base, the market's own before the first; any past moment."""

    def has_candle(self, symbol: str, opened_at: datetime, length: timedelta) -> bool:
        """Whether the exchange knows a candle of that stretch."""


class TradedWorld(WorldView, Protocol):
    """A world in which orders can be placed while it runs."""

    def new_ids(self, symbol: str, at: datetime) -> tuple[str, str] | None:
        """An order's and a trade's id for what happens at `at`, after all that did; None for an untraded market."""

    def add_order(self, order: WorldOrder) -> None:
        """Publish an order with its executions."""

    def replace_order(self, order: WorldOrder) -> None:
        """Publish another state of an order without new executions, such as that it was taken back."""


def by_time_and_id(execution: Execution) -> tuple[datetime, int, str]:
    """The order of the truth; the symbol only settles equal ids of two symbols."""
    return execution.executed_at, int(execution.trade_id), execution.symbol


def seen_at(transfers: Iterable[Transfer], now: datetime) -> list[Transfer]:
    """Those created up to `now`, as they stood then, by (creation, id)."""
    found = [t.as_of(now) for t in transfers if t.created_at <= now]
    return sorted(found, key=lambda t: (t.created_at, int(t.id)))


def settle(
    deposits: Mapping[str, Decimal], executions: Iterable[Execution], transfers: Iterable[Transfer] = ()
) -> dict[str, Decimal]:
    """Total per coin after `executions` and `transfers`: exact, nothing is rounded."""
    totals = dict(deposits)

    def add(coin: str, amount: Decimal) -> None:
        totals[coin] = totals.get(coin, Decimal(0)) + amount

    for e in executions:
        sign = 1 if e.side == "buy" else -1
        add(e.base, sign * e.quantity)
        add(e.quote, -sign * e.quantity * e.price)
        add(e.fee_currency, -e.fee)
    for t in transfers:
        if t.change:  # a coin whose only deposit is still under way is not listed
            add(t.coin, t.change)
    return totals


def locked(orders: Iterable[WorldOrder]) -> dict[str, Decimal]:
    """Per coin what open orders hold back: quote for buys, base for sells."""
    held: dict[str, Decimal] = {}
    for order in orders:
        if not order.is_open:
            continue
        base, _, quote = order.symbol.partition("/")
        rest = order.quantity - order.executed
        coin, amount = (quote, rest * order.price) if order.side == "buy" else (base, rest)
        held[coin] = held.get(coin, Decimal(0)) + amount
    return held
