"""A world written out by a test: the same questions as a seeded one, answered from explicit executions and orders."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from trademon.demo.model import Clock, Execution, Market, Side, WorldOrder, by_time_and_id, settle
from trademon.demo.profiles import quiet_markets


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
        """Markets of the given symbols are listed by themselves, with the quiet ones beside them."""
        self._clock = clock
        self._executions: list[Execution] = []
        self._orders: list[WorldOrder] = []
        self._prices: dict[str, Decimal] = {}
        self.deposits = dict(deposits or {})
        self.markets: dict[str, Market] = {m.symbol: m for m in (*quiet_markets(), *markets)}
        self.add(*executions)
        for order in orders:
            self.add_order(order)

    def add(self, *executions: Execution) -> None:
        """Publish executions now, however old their time is: an exchange's history may lag."""
        for e in executions:
            self._executions.append(e)
            self._list(e.symbol)

    def add_order(self, order: WorldOrder) -> None:
        """Publish an order with its executions."""
        self._orders.append(order)
        self._list(order.symbol)
        self.add(*order.executions)

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

    def set_price(self, symbol: str, price: str) -> None:
        """The last price from now on, in place of the last execution's."""
        self._list(symbol)
        self._prices[symbol] = Decimal(price)

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
        """Deposits + executions - fees; negative if the script spends what it does not have."""
        return settle(self.deposits, self.executions(now))

    def price(self, symbol: str, now: datetime | None = None) -> Decimal:
        """The price set, or that of the last execution."""
        done = self.executions(now, symbol)
        if symbol in self._prices or not done:
            return self._prices.get(symbol, self.markets[symbol].price)
        return done[-1].price

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
