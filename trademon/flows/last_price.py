"""A symbol's last price, asked of the exchange that trades it."""

from __future__ import annotations

from decimal import Decimal

from trademon.core.symbols import without_side
from trademon.core.times import format_time
from trademon.errors import UsageError
from trademon.flows.ports import Ports
from trademon.store.reading import BookRef
from trademon.store.store import UserStore


async def last_price(store: UserStore, ref: BookRef, ports: Ports) -> tuple[Decimal, str]:
    """The last price of a book's symbol, and where it is from.

    Raises:
        UsageError: the account has no API to ask, or its exchange tells no price of that symbol.
        TrademonError: as asking ends.
    """
    brokers = [b for b in store.brokers() if b.account_id == ref.account_id]
    if not brokers or brokers[0].exchange == "manual":
        raise UsageError(f"{ref.broker} has no exchange to ask for a price", hint="say one: --price P")
    broker = min(brokers, key=lambda b: not b.enabled)
    wait_until = store.broker_state(broker).wait_until
    if wait_until is not None and ports.clock() < wait_until:
        told = f"{broker.exchange} asked to be left alone until {format_time(wait_until)}"
        raise UsageError(told, hint="say a price: --price P")
    wire = {m.symbol: m.exchange_symbol for m in store.markets(broker)}.get(without_side(ref.symbol), "")
    exchange = await ports.open_exchange(store, broker)
    try:
        prices = await exchange.fetch_last_prices()
    finally:
        await exchange.close()
    if wire not in prices:
        raise UsageError(f"{broker.exchange} tells no price of {ref.symbol}", hint="say one: --price P")
    return prices[wire], f"{broker.exchange}'s last price at {format_time(exchange.now().replace(microsecond=0))}"
