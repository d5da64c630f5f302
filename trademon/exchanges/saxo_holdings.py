"""What a Saxo account holds and has open: cash, positions, orders, and what the broker says that it earned.

Net positions are read, so that both ways of netting tell the same: at the end of the day two opposite positions stand
beside each other until then, in real time they are gone. What is held of a share is a balance too, beside the cash.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from trademon.core.model import Balance, Market, OpenOrder, Position, StatedClose
from trademon.core.money import EXACT, ZERO
from trademon.exchanges import validate
from trademon.exchanges.saxo_activities import SIDES
from trademon.exchanges.saxo_instruments import Instrument, is_contract, wire_of
from trademon.exchanges.validate import Row

FIELDS: Final = "NetPositionBase,NetPositionView,DisplayAndFormat"


def part(row: Row, name: str) -> Row:
    """The object in that field."""
    return validate.as_object(validate.present(row, name), f"Saxo: {name}")


def parse_cash(row: Row) -> Balance:
    """The cash of one account; what is blocked of it is locked."""
    total = validate.decimal(row, "CashBalance")
    blocked = validate.decimal(row, "CashBlocked") if row.get("CashBlocked") is not None else ZERO
    locked = abs(blocked)
    return Balance(validate.text(row, "Currency").upper(), EXACT.subtract(total, locked), locked)


def add_up(balances: Iterable[Balance]) -> tuple[Balance, ...]:
    """One for each coin: accounts in one currency are one."""
    sums: dict[str, Balance] = {}
    for one in balances:
        have = sums.get(one.coin, Balance(one.coin, ZERO, ZERO))
        sums[one.coin] = Balance(one.coin, EXACT.add(have.free, one.free), EXACT.add(have.locked, one.locked))
    return tuple(b for b in sums.values() if b.free or b.locked)


def parse_holding(row: Row) -> Balance | None:
    """What is held of a security, by its symbol; None for a contract, of which nothing is held, and for one that is
    closed."""
    base, display = part(row, "NetPositionBase"), part(row, "DisplayAndFormat")
    amount, kind = validate.decimal(base, "Amount"), validate.text(base, "AssetType")
    if not amount or is_contract(kind):
        return None
    symbol = str(display.get("Symbol") or "").strip()
    return Balance(symbol or f"{kind}:{validate.identifier(base, 'Uic')}", amount, ZERO)


def parse_position(row: Row, instrument: Instrument) -> Position | None:
    """A net position; None for one that is closed."""
    base, view = part(row, "NetPositionBase"), part(row, "NetPositionView")
    amount = validate.decimal(base, "Amount")
    if not amount:
        return None
    return Position(
        symbol=instrument.market.symbol,
        side="long" if amount > 0 else "short",
        quantity=EXACT.multiply(abs(amount), instrument.units),
        currency=instrument.market.quote,
        entry_price=_price(view, "AverageOpenPrice", instrument),
        mark_price=_price(view, "CurrentPrice", instrument),
        unrealised=_optional(view, "ProfitLossOnTrade"),
        position_id=validate.identifier(row, "NetPositionId"),
    )


def parse_stated_close(row: Row, instrument: Instrument) -> StatedClose:
    """A closed position as the broker reckons it. Its amount is of the opening trade; costs are below zero there."""
    closed = part(row, "ClosedPosition")
    amount = validate.decimal(closed, "Amount")
    costs = [_optional(closed, name) or ZERO for name in ("CostOpening", "CostClosing")]
    return StatedClose(
        close_id=validate.identifier(row, "ClosedPositionUniqueId"),
        symbol=instrument.market.symbol,
        side="long" if amount > 0 else "short",
        quantity=EXACT.multiply(abs(amount), instrument.units),
        open_price=EXACT.multiply(validate.not_negative(closed, "OpenPrice"), instrument.factor),
        close_price=EXACT.multiply(validate.not_negative(closed, "ClosingPrice"), instrument.factor),
        gross=validate.decimal(closed, "ClosedProfitLoss"),
        costs=EXACT.minus(EXACT.add(*costs)),
        currency=instrument.market.quote,
        opened_at=validate.time_iso(closed, "ExecutionTimeOpen"),
        closed_at=validate.time_iso(closed, "ExecutionTimeClose"),
    )


def parse_order(row: Row, market: Market | None, wire: str) -> OpenOrder:
    return OpenOrder(
        order_id=validate.identifier(row, "OrderId"),
        symbol=market.symbol if market else wire,
        side=validate.one_of(row, "BuySell", SIDES),
        order_type=validate.text(row, "OpenOrderType").lower(),
        quantity=validate.not_negative(row, "Amount"),
        filled=_optional(row, "FilledAmount") or ZERO,
        price=_optional(row, "Price") or ZERO,
        created_at=validate.time_iso(row, "OrderTime"),
    )


def wires_of(rows: Iterable[Row], name: str) -> tuple[str, ...]:
    """The instruments of rows that name theirs in a part of them."""
    return tuple(wire_of(part(row, name)) for row in rows)


def last_price(row: Row, instrument: Instrument) -> Decimal | None:
    """The price that a net position is valued with."""
    return _price(part(row, "NetPositionView"), "CurrentPrice", instrument)


def _price(view: Row, name: str, instrument: Instrument) -> Decimal | None:
    """None where it is not told: a market without data has a price of nothing."""
    price = _optional(view, name)
    return EXACT.multiply(price, instrument.factor) if price else None


def _optional(row: Row, name: str) -> Decimal | None:
    return None if row.get(name) is None else validate.decimal(row, name)
