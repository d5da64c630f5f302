"""What a person is asked who adds a broker without saying everything: each answer is checked at once."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from trademon.cli.ask import ask, can_ask, say
from trademon.cli.broker_work import check_broker_name, check_market
from trademon.errors import UsageError
from trademon.exchanges.registry import ADAPTERS, DEMO, WITHOUT_API, check_exchange, markets_of

MANUAL = WITHOUT_API[0]
EXAMPLE = "as in: trademon broker add main --exchange binance"


def complete_broker(
    name: str | None, exchange: str | None, market: str | None, *, taken: Collection[str] = ()
) -> tuple[str, str, str]:
    """Name, exchange and market of a new broker; what was not said is asked for on a terminal. `taken`: names that the
    user's brokers have.

    Raises:
        UsageError: something is missing and there is nobody to ask.
    """
    if not can_ask():
        if name is None or exchange is None:
            raise UsageError(f"broker add needs {'NAME' if name is None else '--exchange'}", hint=EXAMPLE)
        return name, exchange, market or "spot"
    if exchange is None:
        say(
            f"{', '.join(ADAPTERS)}; okx, kraken, bybit or another of ccxt;",
            f"{MANUAL} for an account of files alone; {DEMO} to practise.",
        )
        exchange = ask("Exchange", lambda text: check_exchange(text.lower()), default=ADAPTERS[0])
        if market is None and len(markets_of(exchange)) > 1:
            market = ask(f"Market: {', '.join(markets_of(exchange))}", partial(_known_market, exchange), default="spot")
    if name is None:
        default = exchange if exchange not in taken else ""
        name = ask("A name for it, of your own", partial(_free_name, taken), default=default)
    return name, exchange, market or "spot"


def _known_market(exchange: str, text: str) -> str:
    return check_market(exchange, text.lower())


def _free_name(taken: Collection[str], name: str) -> str:
    if name in taken:
        raise UsageError(f"there is already a broker {name!r}", hint="another name")
    return check_broker_name(name)
