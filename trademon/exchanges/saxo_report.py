"""The daily reports: what trades cost, what was corrected, and what happened without an order.

The back office writes them once a day, so that they come hours after the executions. A trade of the report is an
execution of the audit where its `TradeId` is that execution's position, else where it is of the same order, side and
amount. What is of no order (a correction, a corporate action, a transfer of securities) is in the report alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from trademon.core.model import Fee, Fill, Market, Side
from trademon.core.money import EXACT, ZERO, divide
from trademon.exchanges import validate
from trademon.exchanges.saxo_activities import FROM_REPORT, WITH_COSTS, Execution, in_money
from trademon.exchanges.saxo_instruments import Instrument, is_contract, wire_of
from trademon.exchanges.validate import Row

_COSTS: Final = "transactioncosts"
_COST_WORDS: Final = ("commission", "fee", "duty", "levy", "stamp", "tax", "charge", "cost")
_CENT: Final = Decimal("0.01")
OWN: Final = "trade-"
"""How the id of an execution begins that is in the report alone."""

Costs = dict[str, dict[str, Fee]]
"""What trades cost: by the trade's id and the booking's."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One row of the report of trades. `booked` is what moved on the account, in `account_currency`."""

    trade_id: str
    order_id: str
    wire: str
    side: Side
    amount: Decimal
    price: Decimal
    at: datetime
    value: Decimal | None
    booked: Decimal | None
    account_currency: str
    raw: Row


def parse_trade(row: Row) -> Trade | None:
    """None for a row that moves nothing. Raises BadAnswer for one that is no trade."""
    amount = validate.decimal(row, "Amount")
    if not amount:
        return None
    order = row.get("OrderId")
    return Trade(
        trade_id=validate.identifier(row, "TradeId"),
        order_id="" if order in (None, "", "0", 0) else validate.identifier(row, "OrderId"),
        wire=wire_of(row),
        side="buy" if amount > 0 else "sell",
        amount=abs(amount),
        price=validate.not_negative(row, "Price"),
        at=validate.time_iso(row, "TradeExecutionTime"),
        value=_optional(row, "TradedValue"),
        booked=_optional(row, "BookedAmountAccountCurrency"),
        account_currency=str(row.get("AccountCurrency") or "").upper()[:20],
        raw=row,
    )


def add_costs(costs: Costs, rows: Iterable[Row]) -> None:
    """What rows of the report of bookings say that trades cost. A booking that is read twice counts once."""
    for row in rows:
        trade_id = str(row.get("RelatedTradeId") or "")
        if trade_id in ("", "0") or not _is_cost(row):
            continue
        cost = Fee(EXACT.minus(validate.decimal(row, "Amount")), validate.text(row, "Currency").upper())
        costs.setdefault(trade_id, {})[validate.identifier(row, "BkAmountId")] = cost


def _is_cost(row: Row) -> bool:
    """By its class, and where that is not assigned by its name."""
    kind = str(row.get("AmountClass") or "").lower()
    if kind not in ("", "notassigned"):
        return kind == _COSTS
    words = str(row.get("BkAmountType") or "").lower()
    return any(word in words for word in _COST_WORDS)


def match(executions: Iterable[Execution], trades: Iterable[Trade]) -> tuple[dict[str, Trade], list[Trade]]:
    """Each execution's trade, by the execution's id, and the trades that are of no order. A trade of an order whose
    execution is not among these is neither: the audit tells it, now or later."""
    executions, trades = list(executions), list(trades)
    by_position = {one.entry.position_id: one for one in executions if one.entry.position_id}
    found: dict[str, Trade] = {}
    taken: set[str] = set()
    for trade in trades:
        if trade.trade_id in by_position and by_position[trade.trade_id].entry.wire == trade.wire:
            found[by_position[trade.trade_id].trade_id] = trade
            taken.add(trade.trade_id)
    for one in executions:
        if one.trade_id in found:
            continue
        for trade in trades:
            if trade.trade_id not in taken and _is_same(one, trade):
                found[one.trade_id] = trade
                taken.add(trade.trade_id)
                break
    return found, [t for t in trades if t.trade_id not in taken and not t.order_id]


def _is_same(one: Execution, trade: Trade) -> bool:
    entry = one.entry
    amount = entry.piece if entry.side == "buy" else -entry.piece
    return (
        entry.order_id == trade.order_id
        and entry.wire == trade.wire
        and amount == (trade.amount if trade.side == "buy" else -trade.amount)
    )


def as_reported(fill: Fill, trade: Trade, instrument: Instrument, fees: tuple[Fee, ...] | None) -> Fill:
    """The fill as the back office has it: its amount, price and costs. When it was executed the audit knows better."""
    return replace(
        fill,
        side=trade.side,
        quantity=trade.amount,
        price=in_money(trade.price, instrument),
        fees=fees or (),
        revision=FROM_REPORT if fees is None else WITH_COSTS,
        raw=validate.raw_text({"activity": fill.raw, "trade": trade.raw}),
    )


def own_fill(trade: Trade, market: Market, instrument: Instrument, fees: tuple[Fee, ...] | None) -> Fill:
    """An execution that no order made."""
    return Fill(
        trade_id=OWN + trade.trade_id,
        symbol=market.symbol,
        base=market.base,
        quote=market.quote,
        side=trade.side,
        quantity=trade.amount,
        price=in_money(trade.price, instrument),
        executed_at=trade.at,
        fees=fees or (),
        contract=instrument.market.contract,
        revision=FROM_REPORT if fees is None else WITH_COSTS,
        raw=validate.raw_text(trade.raw),
    )


def fees_of(trade: Trade, market: Market, costs: Costs | None) -> tuple[Fee, ...] | None:
    """What a trade cost; None where nothing tells.

    By its bookings (`costs`, None where they cannot be read). Else, of what is bought for cash in the account's own
    currency, the difference between what it was worth and what was booked.
    """
    if costs is not None:
        sums: dict[str, Decimal] = {}
        for cost in costs.get(trade.trade_id, {}).values():
            sums[cost.currency] = EXACT.add(sums.get(cost.currency, ZERO), cost.amount)
        return tuple(Fee(amount, coin) for coin, amount in sums.items() if amount)
    kind = trade.wire.partition(":")[2]
    if is_contract(kind) or trade.account_currency != market.quote or trade.value is None or trade.booked is None:
        return None
    paid = EXACT.subtract(trade.value, trade.booked)
    return (Fee(paid, market.quote),) if paid else ()


def size_of(trade: Trade) -> Decimal | None:
    """How much one of what was traded stands for, where what it was worth tells a whole number: amounts are rounded to
    the currency's smallest unit."""
    worth = EXACT.multiply(trade.amount, trade.price)
    if trade.value is None or not worth:
        return None
    size = divide(abs(trade.value), worth).quantize(Decimal(1))
    return size if size > 0 and abs(EXACT.subtract(EXACT.multiply(size, worth), abs(trade.value))) <= _CENT else None


def _optional(row: Row, name: str) -> Decimal | None:
    return None if row.get(name) is None else validate.decimal(row, name)
