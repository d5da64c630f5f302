"""Accumulate on a schedule: buy for the same amount again and again, whatever the price.

The first run buys at once, later ones whenever `every` has passed since the last purchase that was taken. Runs that
were missed are not made up for.
"""

from collections.abc import Iterator
from datetime import datetime

from trademon.strategies import Buy, Context


class Strategy:
    """Buys `symbol` for `amount` of its quote coin every so often (12h, 1d, 2w). With `below` it waits while the price
    is above that."""

    PARAMETERS = {"symbol": "BTC/USDT", "amount": "25", "every": "1d", "below": "", "broker": ""}  # noqa: RUF012

    def decide(self, context: Context) -> Iterator[Buy]:
        """At most one purchase a run."""
        broker, symbol = context.broker(context.parameters["broker"]), context.text("symbol")
        last = context.state.get("bought_at")
        if last is not None and context.now - datetime.fromisoformat(last) < context.duration("every"):
            return
        price = broker.price(symbol)
        if context.parameters["below"] and price > context.decimal("below"):
            return
        context.state["bought_at"] = context.now.isoformat()
        reason = f"every {context.text('every')}, at {price}"
        yield Buy(symbol, quote=context.decimal("amount"), broker=broker.name, reason=reason)
