"""A futures account as its exchange knows it: executions by position side, what each realised, funding, transfers.

An exchange states what a fill realised by the average price of its position; here that is reckoned with integers of
the smallest step of money, apart from whatever a reader of the exchange makes of it. One-way mode has one position a
symbol, which may flip; hedge mode a long and a short one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Literal

from trademon.demo.model import Clock, Market, Side

PositionSide = Literal["both", "long", "short"]
EventKind = Literal["funding", "transfer", "rebate", "liquidation fee"]

_CENT = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class FuturesFill:
    """One execution; `realised` is what the exchange states that it realised, `is_forced` a liquidation."""

    symbol: str
    trade_id: str
    order_id: str
    side: Side
    position_side: PositionSide
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    executed_at: datetime
    is_maker: bool
    is_close: bool
    is_forced: bool
    realised: Decimal


@dataclass(frozen=True, slots=True)
class Event:
    """Money that came (above zero) or went without a trade."""

    id: str
    kind: EventKind
    coin: str
    amount: Decimal
    at: datetime
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that waits; `filled` of it is executed."""

    order_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    quantity: Decimal
    filled: Decimal
    price: Decimal
    created_at: datetime


@dataclass(slots=True)
class Held:
    """A position: base units, below zero when short, and what they cost."""

    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    @property
    def entry(self) -> Decimal:
        """The average price."""
        with localcontext() as exact:
            exact.prec = 60
            return abs(self.cost / self.quantity) if self.quantity else Decimal(0)

    def move(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Add a signed quantity; gives what that realised, to eight decimals."""
        with localcontext() as exact:
            exact.prec = 60
            closing = Decimal(0)
            if self.quantity and (self.quantity > 0) != (quantity > 0):
                size = min(abs(quantity), abs(self.quantity))
                closing = size if self.quantity > 0 else -size
            gain = Decimal(0)
            if closing:
                cost = self.cost * closing / self.quantity
                gain = closing * price - cost
                self.cost -= cost
                self.quantity -= closing
            opening = quantity + closing
            self.quantity += opening
            self.cost += opening * price
            return gain.quantize(_CENT, ROUND_HALF_EVEN)


@dataclass(slots=True)
class FuturesWorld:
    """What one account did. What is added with a later time than the clock's has not happened yet."""

    clock: Clock
    markets: tuple[Market, ...]
    is_hedged: bool = False
    deposit: Decimal = Decimal(10_000)
    fills: list[FuturesFill] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    held: dict[tuple[str, PositionSide], Held] = field(default_factory=dict)
    _marks: dict[str, Decimal] = field(default_factory=dict)

    def trade(
        self, symbol: str, side: Side, quantity: str, price: str, at: datetime, **more: str | bool
    ) -> FuturesFill:
        """Add a fill, in the order of time; `more`: position_side ("both"), fee ("0"), fee_currency (the quote),
        trade_id, order_id, is_maker, is_forced."""
        position_side: PositionSide = more.get("position_side", "both")  # type: ignore[assignment] # one of the three
        if (position_side == "both") == self.is_hedged:
            raise ValueError("one-way mode has one position a symbol, hedge mode a long and a short one")
        amount = Decimal(quantity)
        held = self.held.setdefault((symbol, position_side), Held())
        signed = amount if side == "buy" else -amount
        opens = "buy" if position_side != "short" else "sell"
        is_close = side != opens if self.is_hedged else bool(held.quantity) and (held.quantity > 0) != (signed > 0)
        if self.is_hedged and is_close and amount > abs(held.quantity):
            raise ValueError("more closed than is held")
        number = str(more.get("trade_id", 1000 + len(self.fills)))
        fill = FuturesFill(
            symbol=symbol,
            trade_id=number,
            order_id=str(more.get("order_id", 500_000 + int(number))),
            side=side,
            position_side=position_side,
            quantity=amount,
            price=Decimal(price),
            fee=Decimal(str(more.get("fee", "0"))),
            fee_currency=str(more.get("fee_currency", symbol.partition("/")[2])),
            executed_at=at,
            is_maker=bool(more.get("is_maker", False)),
            is_close=is_close,
            is_forced=bool(more.get("is_forced", False)),
            realised=held.move(signed, Decimal(price)),
        )
        self.fills.append(fill)
        self._marks[symbol] = fill.price
        return fill

    def pay(self, kind: EventKind, amount: str, at: datetime, *, symbol: str = "", coin: str = "USDT") -> Event:
        """Add money that comes (above zero) or goes."""
        event = Event(str(7_000_000 + len(self.events)), kind, coin, Decimal(amount), at, symbol)
        self.events.append(event)
        return event

    def wait(self, symbol: str, side: Side, quantity: str, price: str, at: datetime, **more: str) -> Waiting:
        """Add an order that waits; `more`: order_id, position_side, filled."""
        order = Waiting(
            order_id=more.get("order_id", str(900_000 + len(self.waiting))),
            symbol=symbol,
            side=side,
            position_side=more.get("position_side", "long" if self.is_hedged else "both"),  # type: ignore[arg-type]
            quantity=Decimal(quantity),
            filled=Decimal(more.get("filled", "0")),
            price=Decimal(price),
            created_at=at,
        )
        self.waiting.append(order)
        return order

    def executions(self, now: datetime | None = None, symbol: str | None = None) -> list[FuturesFill]:
        """What was executed up to `now`, by time and id."""
        until = now or self.clock()
        found = (f for f in self.fills if f.executed_at <= until and symbol in (None, f.symbol))
        return sorted(found, key=lambda f: (f.executed_at, int(f.trade_id)))

    def cash(self, now: datetime | None = None) -> list[Event]:
        """What came and went up to `now`, by time."""
        until = now or self.clock()
        return sorted((e for e in self.events if e.at <= until), key=lambda e: (e.at, int(e.id)))

    def positions(self, now: datetime | None = None) -> dict[tuple[str, PositionSide], Held]:
        """What is held at `now`."""
        held: dict[tuple[str, PositionSide], Held] = {}
        for fill in self.executions(now):
            signed = fill.quantity if fill.side == "buy" else -fill.quantity
            held.setdefault((fill.symbol, fill.position_side), Held()).move(signed, fill.price)
        return {key: one for key, one in held.items() if one.quantity}

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        """The wallet, by coin: without what open positions have gained."""
        totals = {"USDT": self.deposit}

        def add(coin: str, amount: Decimal) -> None:
            totals[coin] = totals.get(coin, Decimal(0)) + amount

        for fill in self.executions(now):
            add(fill.symbol.partition("/")[2], fill.realised)
            add(fill.fee_currency, -fill.fee)
        for event in self.cash(now):
            add(event.coin, event.amount)
        return {coin: total for coin, total in totals.items() if total}

    def price(self, symbol: str) -> Decimal:
        """The last price paid, the market's own before the first."""
        return self._marks.get(symbol) or next(m.price for m in self.markets if m.symbol == symbol)


def realised_by(fills: Iterable[FuturesFill]) -> dict[tuple[str, PositionSide], Decimal]:
    """What the exchange states that these realised, by symbol and position side."""
    sums: dict[tuple[str, PositionSide], Decimal] = {}
    for fill in fills:
        key = fill.symbol, fill.position_side
        sums[key] = sums.get(key, Decimal(0)) + fill.realised
    return sums
