"""What a test of a flow holds: a real store, an exchange on loopback, and a clock that only the test moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.saxo import APP, approve
from trademon.core.coverage import Span
from trademon.core.model import Broker, Credentials, MarketType, Method
from trademon.core.reports import ScanReport
from trademon.demo.model import Execution, Market, Transfer, WorldOrder, WorldView
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer
from trademon.exchanges.base import Exchange
from trademon.exchanges.registry import NEEDS_SIGN_IN, Connections
from trademon.exchanges.saxo_login import SaxoLogin
from trademon.flows.login import begin_login, end_login
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target, scan
from trademon.flows.tokens import Tokens
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FILLS_PATH = {"binance": "/myTrades", "bitget": "/trade/fills"}
ACCOUNT_PATH = {"binance": "/api/v3/account", "bitget": "/account/assets"}
TRADED = tuple(
    Market(base, "USDT", Decimal(1), Decimal("0.01"), Decimal("0.001")) for base in ("BTC", "ETH", "SOL", "BNB")
)
KEYS = {
    "binance": ("A" * 64, "s1", ""),
    "bitget": ("bg_1", "s2", "pass-phrase-2"),
    "saxo": (APP, "", ""),
    "okx": ("okx-key-1", "s3", "p3"),
    "kraken": ("kraken-key-1", "czQ=", ""),
}


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class Stopped:
    """A world in which nothing happens after `at`, however far the clock goes."""

    def __init__(self, world: WorldView, at: datetime) -> None:
        self._world = world
        self._at = at
        self.markets: dict[str, Market] = dict(world.markets)

    def executions(self, until: datetime | None = None, symbol: str | None = None) -> list[Execution]:
        return self._world.executions(min(until or self._at, self._at), symbol)

    def orders(self, now: datetime | None = None, symbol: str | None = None) -> list[WorldOrder]:
        return self._world.orders(min(now or self._at, self._at), symbol)

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        return self._world.balances(min(now or self._at, self._at))

    def price(self, symbol: str, now: datetime | None = None) -> Decimal:
        return self._world.price(symbol, min(now or self._at, self._at))

    def transfers(self, now: datetime | None = None) -> list[Transfer]:
        return self._world.transfers(min(now or self._at, self._at))

    def has_candle(self, symbol: str, opened_at: datetime, length: timedelta) -> bool:
        return self._world.has_candle(symbol, opened_at, length)


def make_account(exchange: str, world: WorldView, uid: str = "11", key: str | None = None) -> DemoAccount:
    """An account at an exchange; `key` another API key than its first one."""
    api_key, secret, passphrase = KEYS[exchange]
    return DemoAccount(exchange, key or api_key, secret, passphrase, uid, world)  # type: ignore[arg-type]


Fact = tuple[str, str, str, str, Decimal, Decimal, Decimal, str, datetime]


def truth(world: WorldView, until: datetime) -> list[Fact]:
    """What was really executed, in the form of `Desk.stored`."""
    return sorted(
        (e.symbol, e.trade_id, e.order_id, e.side, e.quantity, e.price, e.fee, e.fee_currency, e.executed_at)
        for e in world.executions(until)
    )


@dataclass
class Desk:
    """One store with one user; brokers at servers of the test's own."""

    store: Store
    user: UserStore
    clock: HandClock
    connections: Connections
    locks: Path
    closing: contextlib.AsyncExitStack
    deadline_s: float = 20.0
    servers: dict[str, DemoServer] = field(default_factory=dict)

    @property
    def ports(self) -> Ports:
        async def open_exchange(store: UserStore, broker: Broker) -> Exchange:
            keys = store.credentials(broker)
            tokens = Tokens(store, broker, ports) if broker.exchange in NEEDS_SIGN_IN else None
            return self.connections.open(
                broker.exchange,
                keys,
                market=broker.market,
                base_url=broker.base_url,
                deadline_s=self.deadline_s,
                tokens=tokens,
            )

        def open_login(store: UserStore, broker: Broker) -> SaxoLogin:
            return self.connections.login(store.credentials(broker), base_url=broker.base_url)

        ports = Ports(open_exchange, self.locks, self.clock, open_login=open_login)
        return ports

    async def sign_in(self, name: str = "main") -> None:
        """A person signs in at the broker's login server."""
        broker = self.user.broker(name)
        started = begin_login(self.user, broker, self.ports, "http://localhost/trademon")
        await end_login(self.user, broker, self.ports, await asyncio.to_thread(approve, started.address))

    async def serve(self, *accounts: DemoAccount, weight_limit: int = 10**9) -> DemoServer:
        """A server of these accounts, for the length of the test."""
        server = DemoServer(accounts, clock=self.clock, weight_limit=weight_limit, has_rates=False)
        return await self.closing.enter_async_context(server)

    def add(
        self,
        name: str,
        account: DemoAccount,
        server: DemoServer,
        *,
        since: datetime | None = None,
        symbols: Iterable[str] = (),
        method: Method | None = None,
        market: MarketType = "spot",
    ) -> Broker:
        """A broker of that account; its history begins three days before the clock where nothing else is said."""
        return self.user.add_broker(
            name,
            exchange=account.exchange,
            market=market,
            since=since or self.clock() - timedelta(days=3),
            base_url=server.base_url,
            symbols=symbols,
            method=method,
            credentials=Credentials(account.api_key, account.api_secret, account.passphrase),
        )

    async def open(
        self, exchange: str, world: WorldView, *, name: str = "main", uid: str = "11", **more: Any
    ) -> DemoServer:
        """A server with one account of that world, and a broker of it."""
        account = make_account(exchange, world, uid)
        server = await self.serve(account)
        self.add(name, account, server, **more)
        self.servers[name] = server
        return server

    def scripted(self, **more: Any) -> ScriptedWorld:
        """A world to write into, with money to trade with."""
        more.setdefault("deposits", {"USDT": Decimal(1_000_000)})
        more.setdefault("markets", TRADED)
        return ScriptedWorld(clock=self.clock, **more)

    async def scan(
        self,
        *names: str,
        since: datetime | None = None,
        limits: ScanLimits | None = None,
        one_by_one: bool = False,
    ) -> ScanReport:
        brokers = [b for b in self.user.brokers() if not names or b.name in names]
        targets = [Target(self.user, b) for b in brokers]
        return await scan(targets, self.ports, since=since, limits=limits, one_by_one=one_by_one)

    def stored(self, *brokers: str) -> list[Fact]:
        """Every stored row; a fill that is stored twice stands there twice."""
        rows = self.user.fills(FillQuery(brokers=brokers)).fills
        return sorted(
            (f.symbol, f.trade_id, f.order_id, f.side, f.quantity, f.price, f.fee, f.fee_currency, f.executed_at)
            for f in rows
        )

    def account_id(self, name: str = "main") -> int:
        found = self.user.broker(name).account_id
        assert found is not None
        return found

    def coverage(self, symbols: Iterable[str], name: str = "main") -> dict[str, tuple[Span, ...]]:
        if self.user.broker(name).account_id is None:
            return dict.fromkeys(symbols, ())
        return {symbol: self.user.coverage(self.account_id(name), symbol) for symbol in symbols}

    def derived(self) -> tuple[Any, ...]:
        """Everything the store derives from fills, as figures."""
        rows = self.user.executions()
        results = sorted((r.fill.id, r.net, r.unmatched, r.unvalued) for r in rows if r.net is not None)
        return self.user.stored_books(), results

    def derived_again(self, *names: str) -> tuple[Any, ...]:
        """The same after every book was derived anew."""
        for name in names or ("main",):
            broker = self.user.broker(name)
            self.user.books.rebuild(self.account_id(name), method=self.user.method_of(broker), signed=False)
        return self.derived()


def asked(server: DemoServer, part: str) -> list[str]:
    """The symbols asked for at paths with that part, in the order of asking."""
    return [r.params.get("symbol", "") for r in server.requests if part in r.path]


def one(report: ScanReport, name: str = "main") -> Any:
    """One broker's part of a report."""
    return next(b for b in report.brokers if b.broker == name)


def statuses(report: ScanReport) -> Sequence[str]:
    return [b.status for b in report.brokers]
