"""Take profit and stop loss: sell what is held once its price is far enough from what it cost.

What it cost is the average of the lots that are open in the account's own books, fees included. Where no cost is known,
nothing is sold. It looks when it is run: between two runs the price may go further.
"""

from collections.abc import Iterator
from decimal import Decimal

from trademon.strategies import Context, Sell


class Strategy:
    """Sells all that is free of each of `symbols` (comma between them) `take_profit` percent above its average cost, or
    `stop_loss` percent below it. Leave one empty to do without."""

    PARAMETERS = {"symbols": "BTC/USDT", "take_profit": "20", "stop_loss": "10", "broker": ""}  # noqa: RUF012

    def decide(self, context: Context) -> Iterator[Sell]:
        """At most one sale a symbol; none while an order of it is open."""
        broker = context.broker(context.parameters["broker"])
        waiting = {order.symbol for order in broker.orders}
        for symbol in (part.strip() for part in context.text("symbols").split(",")):
            held = broker.positions.get(symbol)
            if held is None or symbol in waiting:
                continue
            gain = (broker.price(symbol) / held.average - 1) * 100
            reason = self._reason(context, gain)
            quantity = min(held.quantity, broker.free(symbol.partition("/")[0]))
            if reason and quantity > 0:
                yield Sell(symbol, quantity=quantity, broker=broker.name, reason=f"{reason}: {gain:+.2f} %")

    def _reason(self, context: Context, gain: Decimal) -> str:
        if context.parameters["take_profit"] and gain >= context.decimal("take_profit"):
            return f"take profit at {context.text('take_profit')} %"
        if context.parameters["stop_loss"] and gain <= -context.decimal("stop_loss"):
            return f"stop loss at {context.text('stop_loss')} %"
        return ""
