"""A desk with strategies: code that wants what a test says, an account that may trade, orders that are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.flows.desk import KEYS, Desk
from trademon.core.model import Broker
from trademon.core.strategy_model import Arming, Limits, StrategyRun
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer, RequestRecord
from trademon.exchanges.order_client import OrderDesk
from trademon.flows.ports import Ports, Trading
from trademon.flows.scan import ScanLimits
from trademon.flows.strategies import run_strategy
from trademon.store.store import UserStore
from trademon.store.user_strategies import NewStrategy
from trademon.strategies.protocol import Context, Intent
from trademon.strategies.runner import Code, Decision, read_code

CODE = '"""Decided by the test."""\n\n\nclass Strategy:\n    def decide(self, context):\n        return []\n'


class Deciding:
    """In place of the process that runs a strategy's code: it wants what the test says, and shows what it was given."""

    def __init__(self, *intents: Intent, state: str = "{}", then: Callable[[], None] | None = None) -> None:
        self.intents = intents
        self.state = state
        self.then = then
        self.seen: list[Context] = []

    async def decide(self, code: Code, context: Context) -> Decision:
        self.seen.append(context)
        if self.then is not None:
            self.then()
        return Decision(self.intents, self.state, "")


@dataclass
class Trader:
    """One user's strategies at one server; `halt_file` is where a halt lies."""

    desk: Desk
    directory: Path
    servers: list[DemoServer] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    gate: Callable[[], None] | None = None
    deadline_s: float = 0.5

    @property
    def halt_file(self) -> Path:
        return self.directory / "state" / "halt"

    @property
    def ports(self) -> Ports:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        def open_orders(store: UserStore, broker: Broker, clock: Callable[[], datetime]) -> OrderDesk:
            return self.desk.connections.open_orders(
                broker.exchange,
                store.credentials(broker),
                clock,
                base_url=broker.base_url,
                deadline_s=self.deadline_s,
            )

        plain = self.desk.ports
        trading = Trading(open_orders, self.halt_file)
        return Ports(plain.open_exchange, plain.locks, plain.clock, sleep=sleep, trading=trading)

    async def open(
        self,
        exchange: str = "binance",
        name: str = "main",
        *,
        world: ScriptedWorld | None = None,
        can_trade: bool = True,
        uid: str = "11",
        limits: ScanLimits | None = None,
    ) -> tuple[ScriptedWorld, DemoServer]:
        """An account that may trade, its broker, and a first look at it."""
        world = world or self.desk.scripted()
        world.set_price("BTC/USDT", "50000")
        world.set_price("ETH/USDT", "2000")
        key, secret, passphrase = KEYS[exchange]
        account = DemoAccount(exchange, key, secret, passphrase, uid, world, can_trade=can_trade)  # type: ignore[arg-type]
        server = await self.desk.serve(account)
        self.desk.add(name, account, server)
        self.servers.append(server)
        await self.desk.scan(name, limits=limits)
        return world, server

    def add(self, name: str = "s", *, code: str = CODE, brokers: Sequence[str] = (), **parameters: str) -> Path:
        """A strategy on paper; its file."""
        file = self.directory / f"{name}.py"
        file.write_text(code)
        self.desk.user.add_strategy(
            NewStrategy(name, str(file), str(file), parameters, tuple(brokers), Decimal("0.001"))
        )
        return file

    def arm(
        self, name: str = "s", *, brokers: Sequence[str] = ("main",), unknown_ok: bool = True, **limits: Any
    ) -> None:
        """Armed for BTC/USDT with wide limits, where nothing else is said."""
        user = self.desk.user
        strategy = user.strategy(name)
        wanted: dict[str, Any] = {
            "max_order": Decimal(1000),
            "order_currency": "USDT",
            "orders_a_day": 1000,
            "max_daily_loss": Decimal(100_000),
            "loss_currency": "USDT",
            "symbols": ("BTC/USDT",),
            "brokers": tuple(brokers),
        } | limits
        found = [user.broker(name) for name in brokers]
        accounts = {broker.name: (broker.id, broker.account_id or 0) for broker in found}
        code = read_code(strategy.file).hash
        user.arm_strategy(strategy, Arming(Limits(**wanted), code, self.desk.clock(), accounts, unknown_ok))

    async def run(self, *intents: Intent, name: str = "s", state: str = "{}", **more: Any) -> StrategyRun:
        """One run of a strategy that wants these intents."""
        return await run_strategy(self.desk.user, name, self.ports, runner=Deciding(*intents, state=state, **more))  # type: ignore[arg-type]

    @property
    def order_requests(self) -> list[RequestRecord]:
        """All that any exchange was asked that could trade."""
        return [record for server in self.servers for record in server.order_requests]

    def statuses(self, name: str = "s") -> list[str]:
        return [order.status for order in self.desk.user.strategy_orders(self.desk.user.strategy(name))]

    def details(self, name: str = "s") -> list[str]:
        return [order.detail for order in self.desk.user.strategy_orders(self.desk.user.strategy(name))]


def placed(world: ScriptedWorld) -> list[str]:
    """The client ids of all orders that really exist there."""
    return [order.client_id for order in world.orders() if order.client_id.startswith("tm-")]
