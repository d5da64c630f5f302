"""A world that is nothing but a list of fills, quick to ask, with fills that may be published long after their time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any

from trademon.demo.model import Execution, Market, Transfer, WorldOrder, by_time_and_id, from_ms, settle, to_ms

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
MARKETS = {
    name: Market(name.partition("/")[0], "USDT", Decimal(100), Decimal("0.01"), Decimal("0.001")) for name in SYMBOLS
}
Fact = tuple[str, str, str, str, Decimal, Decimal, Decimal, str, datetime]


def fact(e: Execution) -> Fact:
    """What must be stored of it, to the last digit."""
    return (e.symbol, e.trade_id, e.order_id, e.side, e.quantity, e.price, e.fee, e.fee_currency, e.executed_at)


class Ledger:
    """Published executions; every one belongs to a market order that was filled. `figures` is what a fresh store says
    of them, once it was asked."""

    def __init__(self, executions: Iterable[Execution] = (), symbols: Sequence[str] = SYMBOLS) -> None:
        self.markets = {symbol: MARKETS[symbol] for symbol in symbols}
        self._of: dict[str, list[Execution]] = {}
        self._orders: dict[str, list[WorldOrder]] = {}
        self._all: list[Execution] = []
        self._balances: dict[str, Decimal] = {}
        self.figures: Any = None
        self.add(*executions)

    def add(self, *executions: Execution) -> None:
        """Publish them now, however old they are."""
        self._all = sorted([*self._all, *executions], key=by_time_and_id)
        of = {symbol: [e for e in self._all if e.symbol == symbol] for symbol in self.markets}
        self._orders = {symbol: _orders(found) for symbol, found in of.items()}
        self._balances = settle({"USDT": Decimal(10**9)}, self._all)
        self._of = of
        self.figures = None

    def clear(self) -> None:
        """An exchange that forgot everything."""
        self._all = []
        self.add()

    def facts(self) -> list[Fact]:
        return [fact(e) for e in self._all]

    def executions(self, until: datetime | None = None, symbol: str | None = None) -> list[Execution]:
        found = self._all if symbol is None else self._of.get(symbol, [])
        return found if until is None else found[: bisect_right(found, until, key=attrgetter("executed_at"))]

    def orders(self, now: datetime | None = None, symbol: str | None = None) -> list[WorldOrder]:
        return [o for s in self._orders if symbol in (None, s) for o in self._orders[s]]

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        return self._balances

    def transfers(self, now: datetime | None = None) -> list[Transfer]:
        return []

    def price(self, symbol: str, now: datetime | None = None) -> Decimal:
        return self.markets[symbol].price

    def has_candle(self, symbol: str, opened_at: datetime, length: timedelta) -> bool:
        return True


def draw(
    rng: Random, count: int, start: datetime, end: datetime, symbols: Sequence[str] = SYMBOLS, first_id: int = 1000
) -> list[Execution]:
    """Fills between two moments: ids count up per symbol with gaps, a tenth share the millisecond of the one before,
    fees are paid in either coin of the pair or are rebates, and nothing is sold that is not held."""
    times = sorted(from_ms(rng.randrange(to_ms(start), to_ms(end))) for _ in range(count))
    ids, held = dict.fromkeys(symbols, first_id), dict.fromkeys(symbols, Decimal(0))
    made: list[Execution] = []
    for time in times:
        at, symbol = time, rng.choice(symbols)
        ids[symbol] += rng.randint(1, 3)
        if made and rng.random() < 0.1:
            symbol, at = made[-1].symbol, made[-1].executed_at
            ids[symbol] += 1
        quantity = Decimal(rng.randint(1, 5000)) / 1000
        side = "sell" if held[symbol] > quantity and rng.random() < 0.55 else "buy"
        price = Decimal(rng.randint(9000, 11000)) / 100
        base, _, quote = symbol.partition("/")
        coin = base if side == "buy" and rng.random() < 0.5 else quote
        fee = Decimal(rng.randint(-20 if coin == quote else 0, 200)) / 10**8
        held[symbol] += -quantity if side == "sell" else quantity - (fee if coin == base else 0)
        trade_id = str(ids[symbol])
        order_id = str(50_000 + ids[symbol] // 2)
        made.append(Execution(symbol, trade_id, order_id, side, quantity, price, fee, coin, at, rng.random() < 0.5))
    return made


def _orders(executions: list[Execution]) -> list[WorldOrder]:
    by_order = sorted(executions, key=lambda e: int(e.order_id))
    return [_order(list(group)) for _, group in groupby(by_order, key=attrgetter("order_id"))]


def _order(executions: list[Execution]) -> WorldOrder:
    first, last = executions[0], executions[-1]
    return WorldOrder(
        order_id=first.order_id,
        client_id=f"chaos-{first.order_id}",
        symbol=first.symbol,
        side=first.side,
        type="MARKET",
        price=Decimal(0),
        quantity=sum((e.quantity for e in executions), Decimal(0)),
        created_at=min(first.executed_at, last.executed_at),
        updated_at=max(first.executed_at, last.executed_at),
        status="FILLED",
        executions=tuple(executions),
    )
