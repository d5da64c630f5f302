"""A world written out by a test: the same questions as a seeded one, answered from explicit executions and orders."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trademon.demo.ids import transfer_id
from trademon.demo.model import (
    Clock,
    Execution,
    Market,
    Side,
    Transfer,
    TransferKind,
    WorldOrder,
    by_time_and_id,
    seen_at,
    settle,
    to_ms,
)
from trademon.demo.profiles import THIRD_COINS, quiet_markets

_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_Step = tuple[datetime, bool, int, Decimal]  # when, whether a test set it, the trade's id, price: sorts as it happened


class ScriptedWorld:
    """Executions and orders as given; an execution whose order is not given belongs to a FILLED market order."""

    def __init__(
        self,
        executions: Iterable[Execution] = (),
        orders: Iterable[WorldOrder] = (),
        *,
        clock: Clock,
        deposits: Mapping[str, Decimal] | None = None,
        markets: Iterable[Market] = (),
    ) -> None:
        """Markets of the given symbols are listed by themselves, with the quiet and third coins' ones beside them."""
        self._clock = clock
        self._executions: list[Execution] = []
        self._orders: list[WorldOrder] = []
        self._transfers: list[Transfer] = []
        self._steps: dict[str, list[_Step]] = {}
        self._no_candles: dict[str, list[tuple[datetime, datetime]]] = {}
        self.deposits = dict(deposits or {})
        self.markets: dict[str, Market] = {m.symbol: m for m in (*quiet_markets(), *THIRD_COINS, *markets)}
        self.add(*executions)
        for order in orders:
            self.add_order(order)

    def add(self, *executions: Execution) -> None:
        """Publish executions now, however old their time is: an exchange's history may lag."""
        for e in executions:
            self._executions.append(e)
            self._list(e.symbol)
            self._step(e.symbol, e.executed_at, e.price, trade_id=int(e.trade_id))

    def add_order(self, order: WorldOrder) -> None:
        """Publish an order with its executions."""
        self._orders.append(order)
        self._list(order.symbol)
        self.add(*order.executions)

    def new_ids(self, symbol: str, at: datetime) -> tuple[str, str] | None:
        """The next order and trade id; None for a market that is not listed."""
        if symbol not in self.markets:
            return None
        orders = [int(o.order_id) for o in (*self._orders, *self._implied())]
        trades = [int(e.trade_id) for e in self._executions]
        return str(max(orders, default=10_000) + 1), str(max(trades, default=100) + 1)

    def replace_order(self, order: WorldOrder) -> None:
        """Another state of an order that was added, without new executions."""
        self._orders = [order if o.order_id == order.order_id else o for o in self._orders]

    def buy(self, symbol: str, quantity: str, price: str, at: datetime, **more: str | bool) -> Execution:
        """Add a purchase; `more` as in `trade`."""
        return self.trade("buy", symbol, quantity, price, at, **more)

    def sell(self, symbol: str, quantity: str, price: str, at: datetime, **more: str | bool) -> Execution:
        """Add a sale; `more` as in `trade`."""
        return self.trade("sell", symbol, quantity, price, at, **more)

    def trade(self, side: Side, symbol: str, quantity: str, price: str, at: datetime, **more: str | bool) -> Execution:
        """Add an execution; `more`: fee, fee_currency (default quote), trade_id, order_id, is_maker."""
        count = 1 + sum(e.symbol == symbol for e in self._executions)
        trade_id = str(more.get("trade_id", 100 + count))
        execution = Execution(
            symbol=symbol,
            trade_id=trade_id,
            order_id=str(more.get("order_id", 10_000 + int(trade_id))),
            side=side,
            quantity=Decimal(quantity),
            price=Decimal(price),
            fee=Decimal(str(more.get("fee", "0"))),
            fee_currency=str(more.get("fee_currency", symbol.partition("/")[2])),
            executed_at=at,
            is_maker=bool(more.get("is_maker", False)),
        )
        self.add(execution)
        return execution

    def deposit(self, coin: str, amount: str, at: datetime, **more: str | bool | datetime | None) -> Transfer:
        """Coins that came in at `at`; `more` as in `transfer`."""
        return self.transfer("deposit", coin, amount, at, **more)

    def withdraw(self, coin: str, amount: str, at: datetime, **more: str | bool | datetime | None) -> Transfer:
        """Coins sent away at `at`, `more` as in `transfer`; `amount` is what arrives, `fee` what it costs beside."""
        return self.transfer("withdrawal", coin, amount, at, **more)

    def transfer(
        self, kind: TransferKind, coin: str, amount: str, at: datetime, **more: str | bool | datetime | None
    ) -> Transfer:
        """Add a transfer created at `at`.

        `more`: fee ("0"), status ("completed"), completed_at (`at`; None while "pending"), id, tx_id, network (the
        coin), address, is_internal.
        """
        status = str(more.get("status", "completed"))
        number = str(more.get("id", transfer_id(to_ms(at), len(self._transfers))))
        ended = more.get("completed_at", None if status == "pending" else at)
        assert ended is None or isinstance(ended, datetime)
        made = Transfer(
            id=number,
            kind=kind,
            coin=coin,
            amount=Decimal(amount),
            fee=Decimal(str(more.get("fee", "0"))),
            created_at=at,
            completed_at=ended,
            tx_id=str(more.get("tx_id", f"0x{int(number):064x}")),
            network=str(more.get("network", coin)),
            address=str(more.get("address", f"{coin.lower()}-address")),
            status=status,  # type: ignore[arg-type]  # a test's text is one of the four
            is_internal=bool(more.get("is_internal", False)),
        )
        self._transfers.append(made)
        return made

    def set_price(self, symbol: str, price: str) -> None:
        """The last price from now on, until the next execution."""
        self._list(symbol)
        self._step(symbol, self._clock(), Decimal(price))

    def set_candle(self, symbol: str, at: datetime, price: str) -> None:
        """The price at the beginning of the minute of `at`, and until the next execution or such price.

        The minute has a candle from then on, even where `omit_candles` left none.
        """
        self._list(symbol)
        self._step(symbol, at.replace(second=0, microsecond=0), Decimal(price))

    def omit_candles(self, symbol: str, start: datetime | None = None, end: datetime | None = None) -> None:
        """No candle lies wholly between `start` and `end` (None: without a bound), but those of `set_candle`.

        One minute: `omit_candles(symbol, minute, minute + timedelta(minutes=1))`; a market without any:
        `omit_candles(symbol)`.
        """
        self._list(symbol)
        self._no_candles.setdefault(symbol, []).append((start or _ALWAYS[0], end or _ALWAYS[1]))

    def executions(self, until: datetime | None = None, symbol: str | None = None) -> list[Execution]:
        """Everything published and executed up to `until`, by (time, id)."""
        until = until or self._clock()
        found = (e for e in self._executions if e.executed_at <= until and symbol in (None, e.symbol))
        return sorted(found, key=by_time_and_id)

    def orders(self, now: datetime | None = None, symbol: str | None = None) -> list[WorldOrder]:
        """Every order created up to `now`, as it stood at `now`."""
        now = now or self._clock()
        known = [*self._orders, *self._implied()]
        found = [o.as_of(now) for o in known if o.created_at <= now and symbol in (None, o.symbol)]
        return sorted(found, key=lambda o: (o.created_at, int(o.order_id)))

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        """Opening deposits + executions - fees + transfers; negative if the script spends what it does not have."""
        return settle(self.deposits, self.executions(now), self.transfers(now))

    def transfers(self, now: datetime | None = None) -> list[Transfer]:
        """Every transfer created up to `now`, as it stood at `now`."""
        return seen_at(self._transfers, now or self._clock())

    def price(self, symbol: str, now: datetime | None = None) -> Decimal:
        """The price of the last execution or that set last, at or before `now`; the market's own before the first."""
        steps = self._steps.get(symbol, [])
        at = bisect_right(steps, now or self._clock(), key=lambda step: step[0])
        return steps[at - 1][3] if at else self.markets[symbol].price

    def has_candle(self, symbol: str, opened_at: datetime, length: timedelta) -> bool:
        """Whether the stretch was not left out, or a price was set in it."""
        end = opened_at + length
        if not any(a <= opened_at and end <= b for a, b in self._no_candles.get(symbol, [])):
            return True
        return any(opened_at <= at < end for at, is_set, _, _ in self._steps.get(symbol, []) if is_set)

    def _step(self, symbol: str, at: datetime, price: Decimal, trade_id: int | None = None) -> None:
        # A price set for a moment stands against an execution in the same millisecond.
        steps = self._steps.setdefault(symbol, [])
        insort(steps, (at, trade_id is None, len(steps) if trade_id is None else trade_id, price))

    def _list(self, symbol: str) -> None:
        base, _, quote = symbol.partition("/")
        step = Decimal("0.00000001")
        self.markets.setdefault(symbol, Market(base, quote, Decimal(1), step, step))

    def _implied(self) -> list[WorldOrder]:
        given = {(o.symbol, o.order_id) for o in self._orders}
        groups: dict[tuple[str, str], list[Execution]] = {}
        for e in sorted(self._executions, key=by_time_and_id):
            if (e.symbol, e.order_id) not in given:
                groups.setdefault((e.symbol, e.order_id), []).append(e)
        return [_market_order(group) for group in groups.values()]


def _market_order(executions: list[Execution]) -> WorldOrder:
    first, last = executions[0], executions[-1]
    return WorldOrder(
        order_id=first.order_id,
        client_id=f"script-{first.order_id}",
        symbol=first.symbol,
        side=first.side,
        type="MARKET",
        price=Decimal(0),
        quantity=sum((e.quantity for e in executions), Decimal(0)),
        created_at=first.executed_at,
        updated_at=last.executed_at,
        status="FILLED",
        executions=tuple(executions),
    )
