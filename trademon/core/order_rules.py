"""What a market takes: an order in the steps and limits that its exchange states, or why it takes none. Exact."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from trademon.core.model import Market, Side
from trademon.core.money import EXACT, ZERO, format_decimal

OrderType = Literal["market", "limit"]


@dataclass(frozen=True, slots=True)
class MarketRules:
    """The steps that quantity (base), price (quote per base) and an amount in quote are multiples of, and their limits.

    Zero is no limit. `by_amount`: a market purchase may be given as what it costs.
    """

    quantity_step: Decimal
    price_step: Decimal
    amount_step: Decimal
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO
    is_trading: bool = True
    by_amount: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as it is wanted: `quantity` in base or `amount` in quote, one of the two; `limit` None is at market."""

    side: Side
    quantity: Decimal | None
    amount: Decimal | None
    limit: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it is sent: `quantity` or, of a purchase at market, `amount`. `value` is what it is worth in quote at
    its limit or at the last price; a purchase costs no more than that, beside its fee."""

    market: Market
    side: Side
    order_type: OrderType
    quantity: Decimal | None
    amount: Decimal | None
    price: Decimal | None
    value: Decimal


def shape(wish: Wish, market: Market, rules: MarketRules, last: Decimal) -> OrderRequest | str:
    """The order in the market's steps, or why the market would not take it.

    Quantities and amounts are rounded down. A limit is never made worse than it was asked for: of a purchase it is
    rounded down, of a sale up. A purchase at market is given as its amount in quote, so that it cannot cost more than
    was checked, however the price moves.
    """
    if not rules.is_trading:
        return f"{market.symbol} is not traded now"
    price = None if wish.limit is None else round_price(wish.limit, rules.price_step, wish.side)
    at = last if price is None else price
    if at <= ZERO:
        return f"the price of {market.symbol} rounds to nothing"
    if wish.side == "buy" and price is None and rules.by_amount:
        return _purchase_at_market(wish, market, rules, at)
    if wish.quantity is not None:
        quantity = round_down(wish.quantity, rules.quantity_step)
    else:
        quantity = share_down(wish.amount or ZERO, at, rules.quantity_step)
    value = EXACT.multiply(quantity, at)
    wrong = _refusal(quantity, value, market, rules)
    return wrong or OrderRequest(
        market, wish.side, "market" if price is None else "limit", quantity, None, price, value
    )


def _purchase_at_market(wish: Wish, market: Market, rules: MarketRules, last: Decimal) -> OrderRequest | str:
    wanted = EXACT.multiply(wish.quantity, last) if wish.quantity is not None else wish.amount or ZERO
    amount = round_down(wanted, rules.amount_step)
    wrong = _refusal(share_down(amount, last, rules.quantity_step), amount, market, rules)
    return wrong or OrderRequest(market, "buy", "market", None, amount, None, amount)


def _refusal(quantity: Decimal, value: Decimal, market: Market, rules: MarketRules) -> str | None:
    """Why a market takes no order of that size."""
    if quantity <= ZERO:
        return f"less than one step of {market.symbol} ({format_decimal(rules.quantity_step)} {market.base})"
    checks = (
        (quantity < rules.min_quantity, "the least quantity", rules.min_quantity, market.base),
        (value < rules.min_notional, "the least value", rules.min_notional, market.quote),
        (ZERO < rules.max_quantity < quantity, "the largest quantity", rules.max_quantity, market.base),
        (ZERO < rules.max_notional < value, "the largest value", rules.max_notional, market.quote),
    )
    found = ((limit, size, coin) for is_beyond, limit, size, coin in checks if is_beyond)
    said = (f"{market.symbol}: {limit} is {format_decimal(size)} {coin}" for limit, size, coin in found)
    return next(said, None)


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`, exactly; `value` itself where there is no step."""
    return max(value, ZERO) if step <= ZERO else share_down(value, Decimal(1), step)


def share_down(value: Decimal, by: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value / by`, exactly: nothing is rounded on the way."""
    if value <= ZERO:
        return ZERO
    (value_up, value_down), (by_up, by_down) = value.as_integer_ratio(), by.as_integer_ratio()
    step_up, step_down = step.as_integer_ratio()
    steps = value_up * by_down * step_down // (value_down * by_up * step_up)
    return EXACT.multiply(Decimal(steps), step)


def round_price(limit: Decimal, step: Decimal, side: Side) -> Decimal:
    """The price in steps that is nearest to `limit` and not worse for whoever trades at it."""
    down = round_down(limit, step)
    return EXACT.add(down, step) if side == "sell" and down < limit and step > ZERO else down
