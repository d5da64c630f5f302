"""What a fill moves in the books of its coins: one book an account and coin, valued in one currency.

A symbol book knows one coin and counts in the other. Here every coin that a fill moves has a book of its own, except
the currency that all is valued in: that one is the cash. So a buy of ETH with BTC is also a sale of BTC, and a fee in
BNB is also a sale of BNB.

Each coin moves at its price in the currency at the fill's time: the quote coin at its dated rate, the base coin at the
fill's price times that rate, a fee's coin at its own rate. Where base or quote is the currency itself, the fill's own
price is the rate and nothing is looked up. A fee is a cost once, of the trade's entry: the base coin's (the quote
coin's, where the base is the currency). The coins it was paid in leave their book at market value, as in any sale.

So for each fill, over all of its entries, with any rates whatever:

    value given - value received - fees = what the fill changed in cash

and by the law of a single book (docs/accounting.md) the cash of an account is the sum over its coins of net
less open cost plus unmatched proceeds less their fees. Two examples, in USDT, with BTC at 50,000 and BNB at 600:

- Buy 10 ETH at 0.06 BTC with a fee of 0.01 BNB. ETH: 10 at 3,000, carrying a fee of 6. BTC: 0.6 sold at 50,000. BNB:
  0.01 sold at 600. Value given 30,006, received 30,000, fee 6: no cash moved.
- Sell 10 ETH at 0.06 BTC with a fee of 0.0006 BTC. ETH: 10 sold at 3,000 with a fee of 30. BTC: 0.5994 bought at
  50,000. Value given 30,000, received 29,970, fee 30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from trademon.core.entries import Moved, moved_by, written_decimals
from trademon.core.model import Fill
from trademon.core.money import EXACT, MAX_DECIMALS, ZERO, divide, round_figure

RateOf = Callable[[str, datetime], Decimal | None]
"""What one of a coin was worth in the currency at a time; None where that is not known."""
_ONE = Decimal(1)


class CoinEntry(NamedTuple):
    """What one fill moves in one coin's book. Not `valued`: its price is not known, and `moved` has none."""

    coin: str
    moved: Moved
    valued: bool
    what: str


def coin_entries(fill: Fill, currency: str, rate: RateOf, *, is_lot: bool = False) -> list[CoinEntry]:
    """What `fill`, which is no contract's, moves in the books of its coins, valued in `currency`.

    `is_lot`: nothing was paid or received for it here: a lot entered by hand, or one end of a transfer.
    """
    if fill.leaves:
        return [CoinEntry(fill.base, moved_by(fill), valued=True, what="moved to another account")]
    fees = _by_coin(fill)
    prices = _prices(fill, fees, currency, rate)
    carrier = fill.quote if fill.base == currency else fill.base
    cost, unvalued = _cost(fees, prices)
    entries = []
    for coin, quantity in _deltas(fill, fees, is_lot=is_lot).items():
        fee = cost if coin == carrier else ZERO
        loose = unvalued if coin == carrier else ()
        if coin == currency or not (quantity or fee or loose):
            continue
        price = prices[coin]
        if price is None:  # what cannot be valued carries no fee either: it is named instead
            loose = tuple(fees.items()) if coin == carrier else ()
            moved = Moved(quantity, ZERO, ZERO, tuple((c, a) for c, a in loose if c != coin))
        else:
            moved = Moved(quantity, price, fee, loose)
        entries.append(CoinEntry(coin, moved, price is not None, _what(fill, coin, quantity)))
    return entries


def rates_wanted(fill: Fill, currency: str, *, is_lot: bool = False) -> tuple[str, ...]:
    """The coins whose rate at the fill's time its entries need."""
    third = [c for c in _by_coin(fill) if c not in (fill.base, fill.quote, currency)]
    if currency not in (fill.base, fill.quote) or (fill.base == currency and not fill.price):
        third.append(fill.quote)
    return tuple(third) if not is_lot or fill.base != currency else ()


def _by_coin(fill: Fill) -> dict[str, Decimal]:
    fees: dict[str, Decimal] = {}
    for fee in fill.fees:
        if fee.amount:
            fees[fee.currency] = EXACT.add(fees.get(fee.currency, ZERO), fee.amount)
    return fees


def _prices(fill: Fill, fees: Mapping[str, Decimal], currency: str, rate: RateOf) -> dict[str, Decimal | None]:
    """The price of each coin the fill moves, in `currency`, to 30 decimals."""
    at = fill.opened_at  # a lot that was carried over cost what it cost when it was bought
    prices: dict[str, Decimal | None] = {
        coin: _rounded(rate(coin, at)) for coin in fees if coin not in (currency, fill.base, fill.quote)
    }
    if fill.quote == currency:
        prices[fill.base] = fill.price
    elif fill.base == currency and fill.price:
        prices[fill.quote] = round_figure(divide(_ONE, fill.price))
    else:
        worth = prices[fill.quote] = _rounded(rate(fill.quote, at))
        prices[fill.base] = None if worth is None else _cut(EXACT.multiply(fill.price, worth))
    prices[currency] = _ONE
    return prices


def _rounded(rate: Decimal | None) -> Decimal | None:
    return None if rate is None else _cut(rate)


def _cut(value: Decimal) -> Decimal:
    """`value` with at most 30 decimals: no coin is divided further."""
    return value if written_decimals(value) <= MAX_DECIMALS else round_figure(value)


def _cost(
    fees: Mapping[str, Decimal], prices: Mapping[str, Decimal | None]
) -> tuple[Decimal, tuple[tuple[str, Decimal], ...]]:
    """The value of the fees, and those whose price is not known."""
    cost, unvalued = ZERO, []
    for coin, amount in fees.items():
        price = prices[coin]
        if price is None:
            unvalued.append((coin, amount))
        else:
            cost = EXACT.add(cost, EXACT.multiply(amount, price))
    return cost, tuple(unvalued)


def _deltas(fill: Fill, fees: Mapping[str, Decimal], *, is_lot: bool) -> dict[str, Decimal]:
    """How many of each coin came in, below zero: went out."""
    given = _cut(EXACT.multiply(fill.quantity, fill.price))
    bought = fill.side == "buy"
    deltas = {fill.base: fill.quantity if bought else fill.quantity.copy_negate()}
    if not is_lot:
        deltas[fill.quote] = given.copy_negate() if bought else given
    for coin, amount in fees.items():
        if not is_lot or coin == fill.base:
            deltas[coin] = EXACT.subtract(deltas.get(coin, ZERO), amount)
    return deltas


def _what(fill: Fill, coin: str, quantity: Decimal) -> str:
    if coin not in (fill.base, fill.quote):
        return "paid as a fee" if quantity < ZERO else "received as a rebate"
    other = fill.quote if coin == fill.base else fill.base
    return f"{'received for' if quantity > ZERO else 'given for'} {other}"
