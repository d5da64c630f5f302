"""Money that came or went without a trade, read from an exchange: each page is stored with the time it proves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from trademon.core.coverage import Span
from trademon.core.model import Market
from trademon.errors import BadAnswer, DataError
from trademon.exchanges.base import Exchange
from trademon.store.fill_rows import API
from trademon.store.store import UserStore


async def read_cash(
    store: UserStore,
    account_id: int,
    exchange: Exchange,
    spans: Iterable[Span],
    markets: Iterable[Market],
    clock: Callable[[], datetime],
) -> int:
    """Read these spans and store what is new; how many lines were. `markets` make the exchange's spelling ours.

    Raises:
        BadAnswer: a known id came back as another line; and whatever asking raises. What was read before is kept.
    """
    names = {market.exchange_symbol: market.symbol for market in markets}
    new = 0
    for span in spans:
        async for page in exchange.fetch_cash(span):
            lines = [replace(line, symbol=names.get(line.symbol or "", line.symbol)) for line in page.lines]
            try:
                new += store.save_cash(account_id, lines, source=API, seen_at=clock(), covered=page.covered)
            except DataError as fault:
                raise BadAnswer(fault.message) from None
    return new
