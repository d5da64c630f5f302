"""A seeded world: a pure function of (seed, start, now), generated as far as it is asked.

Orders are drawn one after the other and each draw depends on the draws before it, never on the moment of asking;
executions get their ids when their time has come, in the order of time. So whoever asks, however often, sees the same.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random

from trademon.demo.ids import Ids, make_ids
from trademon.demo.model import (
    Clock,
    Execution,
    Market,
    Side,
    Transfer,
    WorldOrder,
    by_time_and_id,
    from_ms,
    seen_at,
    settle,
    to_ms,
)
from trademon.demo.plan import Plan, PlannedFill, draw_plan
from trademon.demo.profiles import Profile, third_coin_market


@dataclass(slots=True)
class _Symbol:
    """What the world keeps per market."""

    market: Market
    price: Decimal
    executions: list[Execution] = field(default_factory=list)
    orders: list[WorldOrder] = field(default_factory=list)


class World:
    """A trader's account drawn from a seed; `started_at` divides the history from the live part."""

    def __init__(
        self, seed: int, started_at: datetime, clock: Clock, profile: Profile, transfers: Iterable[Transfer] = ()
    ) -> None:
        """`clock` says up to when the world exists; asking for a later time generates on."""
        self.profile = profile
        own = third_coin_market(profile.third_coin, profile.third_coin_price)
        self.markets = {m.symbol: m for m in (*profile.markets, *profile.quiet)}
        self.markets.setdefault(own.symbol, own)
        self._transfers = tuple(transfers)
        self.deposits = dict(profile.deposits)
        self._clock = clock
        self._start = to_ms(started_at)
        self._rng = Random(f"{seed}:{profile.name}")  # noqa: S311 - reproducible, not secret
        self._ids: Ids = make_ids(profile.ids, f"{seed}:{profile.name}:ids")
        self._symbols = {m.symbol: _Symbol(m, m.price) for m in profile.markets}
        self._history = self._history_times()
        self._next_ms = self._history.pop() if self._history else self._start
        # Coins free for a new order, and under "@BTC/USDT" what that symbol's own purchases left to sell.
        self._free: dict[str, Decimal] = dict(profile.deposits)
        self._credits: list[tuple[int, int, str, Decimal]] = []  # heap of (ms, n, key, amount)
        self._pending: list[tuple[int, int, PlannedFill]] = []  # heap of (ms, n, fill): not executed yet
        self._count = 0
        for transfer in self._transfers:
            self._set_aside(transfer)

    def executions(self, until: datetime | None = None, symbol: str | None = None) -> list[Execution]:
        """Everything executed up to `until`, by (time, id)."""
        until = until or self._clock()
        self._advance(to_ms(until))
        chosen = self._chosen(symbol)
        found = [e for s in chosen for e in s.executions[: _count_until(s.executions, until)]]
        return sorted(found, key=by_time_and_id)

    def orders(self, now: datetime | None = None, symbol: str | None = None) -> list[WorldOrder]:
        """Every order created up to `now`, as it stood at `now`."""
        now = now or self._clock()
        self._advance(to_ms(now))
        found = [o.as_of(now) for s in self._chosen(symbol) for o in s.orders if o.created_at <= now]
        return sorted(found, key=lambda o: (o.created_at, int(o.order_id)))

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        """Opening deposits + executions - fees + transfers, per coin."""
        return settle(self.deposits, self.executions(now), self.transfers(now))

    def transfers(self, now: datetime | None = None) -> list[Transfer]:
        """Every transfer created up to `now`, as it stood at `now`."""
        return seen_at(self._transfers, now or self._clock())

    def price(self, symbol: str, now: datetime | None = None) -> Decimal:
        """The price of the last execution at or before `now`, the starting price before the first."""
        if symbol not in self._symbols:
            return self.markets[symbol].price
        now = now or self._clock()
        self._advance(to_ms(now))
        done = self._symbols[symbol].executions
        at = _count_until(done, now)
        return done[at - 1].price if at else self.markets[symbol].price

    def has_candle(self, symbol: str, opened_at: datetime, length: timedelta) -> bool:
        """Always: a minute without a trade shows the price before it."""
        return True

    def new_ids(self, symbol: str, at: datetime) -> tuple[str, str] | None:
        """Ids that follow all that happened up to `at`; None for a market without trades of its own."""
        if symbol not in self._symbols:
            return None
        self._advance(to_ms(at))
        return self._ids.order(symbol, to_ms(at)), self._ids.trade(symbol, to_ms(at))

    def add_order(self, order: WorldOrder) -> None:
        """An order from outside, placed now: it takes what it costs from what the world itself can still trade with."""
        here = self._symbols[order.symbol]
        here.orders.append(order)
        here.executions.extend(order.executions)
        base, _, quote = order.symbol.partition("/")
        rest = order.quantity - order.executed if order.is_open else Decimal(0)
        if order.side == "buy":
            self._take(quote, order.quote_executed + rest * order.price)
        else:
            self._take(base, order.executed + rest)

    def replace_order(self, order: WorldOrder) -> None:
        """Another state of an order from outside."""
        orders = self._symbols[order.symbol].orders
        orders[:] = [order if o.order_id == order.order_id else o for o in orders]

    def _chosen(self, symbol: str | None) -> list[_Symbol]:
        if symbol is None:
            return list(self._symbols.values())
        return [self._symbols[symbol]] if symbol in self._symbols else []

    def _history_times(self) -> list[int]:
        """Creation times of the history's orders in ms, the earliest last, some of them equal."""
        length = self.profile.history_hours * 3_600_000
        times = sorted(self._start - self._rng.randint(1, length) for _ in range(self.profile.n_history_orders))
        for i in range(1, len(times)):
            if self._rng.random() < self.profile.tie_orders_share:
                times[i] = times[i - 1]
        return times[::-1]

    def _advance(self, now_ms: int) -> None:
        while self._next_ms <= now_ms:
            self._place(self._next_ms)
            self._next_ms = self._draw_next(self._next_ms)
        # Any order still to come is created after now, so everything due is known: ids can be given in time order.
        while self._pending and self._pending[0][0] <= now_ms:
            self._execute(heapq.heappop(self._pending)[2])

    def _draw_next(self, ms: int) -> int:
        if self._history:
            return self._history.pop()
        if ms >= self._start and self._rng.random() < self.profile.tie_orders_share:
            return ms
        mean = int(self.profile.mean_live_s * 1000)
        return max(ms, self._start) + self._rng.randint(max(1, mean // 2), max(1, mean * 3 // 2))

    def _place(self, ms: int) -> None:
        """Draw one order: market, price, side, size, fate; set aside what it may cost."""
        while self._credits and self._credits[0][0] <= ms:
            _, _, key, amount = heapq.heappop(self._credits)
            self._take(key, -amount)
        here = self._rng.choice(list(self._symbols.values()))
        self._walk(here)
        side, quantity = self._size(here)
        if quantity < here.market.lot:
            return  # everything is bound in open orders: the trader waits
        plan = draw_plan(
            self._rng, self.profile, market=here.market, side=side, quantity=quantity, price=here.price, ms=ms
        )
        self._reserve(here, plan)
        order_id = self._ids.order(here.market.symbol, ms)
        order = WorldOrder(
            order_id=order_id,
            client_id=f"demo-{here.market.wire}-{order_id}",
            symbol=here.market.symbol,
            side=side,
            type=plan.type,
            price=plan.limit,
            quantity=plan.quantity,
            created_at=from_ms(ms),
            updated_at=from_ms(plan.ended_ms),
            status=plan.status,
            time_in_force=plan.time_in_force,
        )
        here.orders.append(order)
        for fill in plan.fills:
            fill.order_index = len(here.orders) - 1
            heapq.heappush(self._pending, (fill.ms, self._number(), fill))

    def _execute(self, fill: PlannedFill) -> None:
        here = self._symbols[fill.symbol]
        order = here.orders[fill.order_index]
        execution = Execution(
            symbol=fill.symbol,
            trade_id=self._ids.trade(fill.symbol, fill.ms),
            order_id=order.order_id,
            side=order.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            executed_at=from_ms(fill.ms),
            is_maker=fill.is_maker,
        )
        here.executions.append(execution)
        here.orders[fill.order_index] = replace(order, executions=(*order.executions, execution))

    def _walk(self, here: _Symbol) -> None:
        """One step of the random walk, drawn back gently to the start price so that days of it stay realistic."""
        market = here.market
        pull = int((market.price - here.price) / market.price * 20_000)
        ppm = int(self._rng.gauss(0, self.profile.walk_ppm)) + pull
        moved = here.price * (1_000_000 + ppm) / 1_000_000
        here.price = max(_floor(moved, market.tick), market.tick * 10)

    def _size(self, here: _Symbol) -> tuple[Side, Decimal]:
        """Side and quantity the account can afford; never more sold than this symbol's purchases left."""
        market = here.market
        low, high = market.notional
        worst = here.price + 5 * market.tick  # a market order of five pieces climbs four ticks
        held = min(self._free.get(market.base, Decimal(0)), self._free.get(f"@{market.symbol}", Decimal(0)))
        rich, broke = held * here.price > high, self._free.get(market.quote, Decimal(0)) < low
        wants_sale = self._rng.random() < (0.75 if rich else 0.5)
        wanted = low + (high - low) * self._rng.randint(0, 1000) / 1000
        everything = self._rng.random() < 0.15
        if held * here.price >= low and (wants_sale or broke):
            quantity = held if everything else min(held, wanted / here.price)
            return "sell", _floor(quantity, market.lot)
        return "buy", _floor(min(wanted, self._free.get(market.quote, Decimal(0))) / worst, market.lot)

    def _reserve(self, here: _Symbol, plan: Plan) -> None:
        """Take an order's cost now, promise its proceeds for later: so no balance can ever turn negative."""
        market, own = here.market, f"@{here.market.symbol}"
        rest = plan.quantity - sum((f.quantity for f in plan.fills), Decimal(0))
        if plan.side == "sell":
            for key in (market.base, own):
                self._take(key, plan.quantity)
                self._later(plan.ended_ms, key, rest)
        else:
            self._take(market.quote, rest * plan.limit)
            self._later(plan.ended_ms, market.quote, rest * plan.limit)
        for fill in plan.fills:
            self._set_fee(market, plan.side, fill)
            value = fill.quantity * fill.price
            received = market.base if plan.side == "buy" else market.quote
            gain = fill.quantity if plan.side == "buy" else value
            if fill.fee_currency == received:
                gain -= fill.fee
            else:
                self._take(fill.fee_currency, fill.fee)
            self._later(fill.ms, received, gain)
            if plan.side == "buy":
                self._take(market.quote, value)
                self._later(fill.ms, own, gain)

    def _set_fee(self, market: Market, side: Side, fill: PlannedFill) -> None:
        """The fee in the coin received, or in the exchange's own coin while there is some left."""
        third, unit = self.profile.third_coin, Decimal(1).scaleb(-self.profile.fee_decimals)
        rate = self.profile.maker_rate if fill.is_maker else self.profile.taker_rate
        value = fill.quantity * fill.price
        if fill.wants_third_coin and third not in (market.base, market.quote):
            fee = _floor(value * rate * self._usdt(market.quote) / self._usdt(third), unit)
            if fee * 2 <= self._free.get(third, Decimal(0)):
                fill.fee, fill.fee_currency = fee, third
                return
        in_base = side == "buy" and not self.profile.fees_in_quote
        amount, fill.fee_currency = (fill.quantity, market.base) if in_base else (value, market.quote)
        fill.fee = _floor(amount * rate, unit)

    def _usdt(self, coin: str) -> Decimal:
        if coin == "USDT":
            return Decimal(1)
        here = self._symbols.get(f"{coin}/USDT")
        return here.price if here else self.profile.third_coin_price

    def _set_aside(self, transfer: Transfer) -> None:
        """Never trade with what will be withdrawn, nor with a deposit before it arrived: no balance turns negative."""
        if transfer.kind == "withdrawal":
            self._take(transfer.coin, transfer.amount + transfer.fee)
        elif transfer.completed_at is not None and transfer.status != "failed":
            self._later(to_ms(transfer.completed_at), transfer.coin, transfer.amount)
        if self._free.get(transfer.coin, Decimal(0)) < 0:
            raise ValueError(f"more {transfer.coin} withdrawn than there was to begin with")

    def _take(self, key: str, amount: Decimal) -> None:
        self._free[key] = self._free.get(key, Decimal(0)) - amount

    def _later(self, ms: int, key: str, amount: Decimal) -> None:
        heapq.heappush(self._credits, (ms, self._number(), key, amount))

    def _number(self) -> int:
        """A running number: equal times keep the order in which they were drawn."""
        self._count += 1
        return self._count


def _floor(value: Decimal, step: Decimal) -> Decimal:
    """`value` rounded down to a multiple of `step`."""
    return (value / step).to_integral_value(ROUND_DOWN) * step


def _count_until(executions: list[Execution], until: datetime) -> int:
    return bisect_right(executions, until, key=lambda e: e.executed_at)
