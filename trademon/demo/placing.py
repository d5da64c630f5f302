"""Orders placed from outside, whatever the wire format: checked, filled at the last price or left open, taken back."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Literal, cast

from trademon.demo.model import Execution, Market, OrderType, Side, TradedWorld, WorldOrder, WorldView, from_ms, to_ms

TAKER_RATE = Decimal("0.001")
MIN_NOTIONAL = Decimal(5)
_FEE_UNIT = Decimal("0.00000001")
Fault = Literal["duplicate", "balance", "lot", "price", "notional", "closed", "unknown"]


@dataclass(frozen=True, slots=True)
class NotTaken(Exception):
    """Why an order is refused."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as it was sent: `quantity` in base, or the `amount` in quote that a market order is to cost."""

    market: Market
    side: Side
    type: OrderType
    client_id: str
    quantity: Decimal | None
    amount: Decimal | None
    price: Decimal | None


def find_order(world: WorldView, now: datetime, *, client_id: str = "", order_id: str = "") -> WorldOrder | None:
    """The order of that name, as it stands now."""
    for order in world.orders(now):
        if (client_id and order.client_id == client_id) or (order_id and order.order_id == order_id):
            return order
    return None


def place(world: WorldView, ticket: Ticket, now: datetime) -> WorldOrder:
    """Take the order, or raise NotTaken. What can be filled at the last price is; a limit it does not meet waits."""
    if not hasattr(world, "new_ids"):
        raise NotTaken("closed")
    traded = cast(TradedWorld, world)
    if find_order(world, now, client_id=ticket.client_id) is not None:
        raise NotTaken("duplicate")
    now, market = from_ms(to_ms(now)), ticket.market
    last = world.price(market.symbol, now)
    quantity = _quantity(ticket, last)
    at = last if ticket.price is None else ticket.price
    _check(world, ticket, quantity, at, now)
    ids = traded.new_ids(market.symbol, now)
    if ids is None:
        raise NotTaken("closed")
    order_id, trade_id = ids
    order = WorldOrder(
        order_id=order_id,
        client_id=ticket.client_id,
        symbol=market.symbol,
        side=ticket.side,
        type=ticket.type,
        price=ticket.price or Decimal(0),
        quantity=quantity,
        created_at=now,
        updated_at=now,
        status="NEW",
    )
    meets = ticket.price is None or (ticket.price >= last if ticket.side == "buy" else ticket.price <= last)
    if meets:
        order = replace(order, status="FILLED", executions=(_execution(order, market, trade_id, last, now),))
    traded.add_order(order)
    return order


def take_back(world: WorldView, now: datetime, *, client_id: str = "", order_id: str = "") -> WorldOrder:
    """Cancel an open order, or raise NotTaken."""
    order = find_order(world, now, client_id=client_id, order_id=order_id)
    if order is None or not order.is_open or not hasattr(world, "replace_order"):
        raise NotTaken("unknown")
    ended = replace(order, status="CANCELED", updated_at=from_ms(to_ms(now)))
    cast(TradedWorld, world).replace_order(ended)
    return ended


def _quantity(ticket: Ticket, last: Decimal) -> Decimal:
    if ticket.quantity is not None:
        return ticket.quantity
    return ((ticket.amount or Decimal(0)) / last / ticket.market.lot).to_integral_value(ROUND_DOWN) * ticket.market.lot


def _check(world: WorldView, ticket: Ticket, quantity: Decimal, at: Decimal, now: datetime) -> None:
    market = ticket.market
    if quantity < market.lot or quantity % market.lot:
        raise NotTaken("lot")
    if ticket.price is not None and (ticket.price <= 0 or ticket.price % market.tick):
        raise NotTaken("price")
    if (ticket.amount or quantity * at) < MIN_NOTIONAL:
        raise NotTaken("notional")
    coin, needed = (market.quote, quantity * at) if ticket.side == "buy" else (market.base, quantity)
    bound = sum((_bound(o, coin) for o in world.orders(now) if o.is_open), Decimal(0))
    if world.balances(now).get(coin, Decimal(0)) - bound < needed:
        raise NotTaken("balance")


def _bound(order: WorldOrder, coin: str) -> Decimal:
    base, _, quote = order.symbol.partition("/")
    rest = order.quantity - order.executed
    if order.side == "buy":
        return rest * order.price if coin == quote else Decimal(0)
    return rest if coin == base else Decimal(0)


def _execution(order: WorldOrder, market: Market, trade_id: str, price: Decimal, now: datetime) -> Execution:
    gained, coin = (order.quantity, market.base) if order.side == "buy" else (order.quantity * price, market.quote)
    return Execution(
        symbol=order.symbol,
        trade_id=trade_id,
        order_id=order.order_id,
        side=order.side,
        quantity=order.quantity,
        price=price,
        fee=(gained * TAKER_RATE).quantize(_FEE_UNIT, ROUND_DOWN),
        fee_currency=coin,
        executed_at=now,
        is_maker=False,
    )
