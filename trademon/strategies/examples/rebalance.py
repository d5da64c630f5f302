"""Rebalance to weights: sell what has grown over its share and buy what has fallen under it.

It looks at the coins named in `weights` and at the quote coin, which takes the rest. A coin is traded when its share is
off by more than `tolerance` percent points; sales come before purchases, so that there is something to buy with.
"""

from collections.abc import Iterator
from decimal import Decimal

from trademon.strategies import BrokerView, Buy, Context, Sell


class Strategy:
    """Keeps coins at their `weights` in percent, as in "BTC=50,ETH=30": here the other 20 stay in `quote`. What is off
    by no more than `tolerance`, or worth less than `least`, is left alone."""

    PARAMETERS = {  # noqa: RUF012
        "weights": "BTC=50,ETH=25",
        "quote": "USDT",
        "tolerance": "5",
        "least": "10",
        "broker": "",
    }

    def decide(self, context: Context) -> Iterator[Buy | Sell]:
        """What brings each coin back to its weight; nothing while one of its orders is still open."""
        broker, quote = context.broker(context.parameters["broker"]), context.text("quote")
        if broker.orders:
            return
        weights = _read_weights(context.text("weights"))
        values = {coin: _held(broker, coin) * broker.price(f"{coin}/{quote}") for coin in weights}
        whole = sum(values.values(), _held(broker, quote))
        if whole <= 0:
            return
        off: list[tuple[Decimal, str]] = []
        for coin, weight in weights.items():
            amount = whole * weight / 100 - values[coin]
            if abs(amount) * 100 / whole > context.decimal("tolerance") and abs(amount) >= context.decimal("least"):
                off.append((amount, coin))
        for amount, coin in sorted(off):  # sales, which are below zero, first
            is_at = f"{values[coin] * 100 / whole:.1f} % instead of {weights[coin]} %"
            kind = Buy if amount > 0 else Sell
            yield kind(f"{coin}/{quote}", quote=_cut(abs(amount)), broker=broker.name, reason=f"{coin} is at {is_at}")


def _read_weights(text: str) -> dict[str, Decimal]:
    """Raises ValueError for weights that are none, or over 100 percent in all."""
    weights: dict[str, Decimal] = {}
    for part in text.split(","):
        coin, equals, weight = part.strip().partition("=")
        if not equals or not coin or coin in weights or Decimal(weight) <= 0:
            raise ValueError(f"weights are written BTC=50,ETH=25, not {text[:60]}")
        weights[coin.upper()] = Decimal(weight)
    if sum(weights.values()) > 100:
        raise ValueError("the weights are over 100 percent in all")
    return weights


def _held(broker: BrokerView, coin: str) -> Decimal:
    held = broker.balances.get(coin)
    return Decimal(0) if held is None else held.total


def _cut(amount: Decimal) -> Decimal:
    """Rounded down: never more than there is."""
    return amount.quantize(Decimal("0.00000001"), rounding="ROUND_DOWN")
