"""A frozen clock, a small world on each exchange, and callers that sign by hand (not with the code under test)."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from trademon.demo.profiles import BINANCE_TEST, BITGET_TEST, Profile
from trademon.demo.server import DemoAccount, DemoServer
from trademon.demo.world import World

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class FrozenClock:
    """A clock that stands still until it is moved."""

    at: datetime = START + timedelta(hours=1)

    def __call__(self) -> datetime:
        return self.at

    @property
    def ms(self) -> int:
        return int(self.at.timestamp()) * 1000


@dataclass
class Caller:
    """Asks the server and gives (status, decoded body); keeps the last headers."""

    session: aiohttp.ClientSession
    server: DemoServer
    clock: FrozenClock
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path_qs: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        async with self.session.get(URL(self.server.base_url + path_qs, encoded=True), headers=headers) as answer:
            self.headers = dict(answer.headers)
            return answer.status, await answer.json(content_type=None)

    async def binance(
        self, path: str, *, key: str = "A" * 64, secret: str = "s1", timestamp: int | None = None, **params: object
    ) -> tuple[int, Any]:
        """A signed Binance request as the documentation's shell example makes it."""
        query = urlencode({**params, "timestamp": self.clock.ms if timestamp is None else timestamp})
        mac = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return await self.get(f"{path}?{query}&signature={mac}", {"X-MBX-APIKEY": key})

    async def bitget(
        self,
        path: str,
        *,
        key: str = "bg_1",
        secret: str = "s2",
        passphrase: str = "p2",
        timestamp: int | None = None,
        **params: object,
    ) -> tuple[int, Any]:
        """A signed Bitget request as its documentation's Python example makes it."""
        at = str(self.clock.ms if timestamp is None else timestamp)
        path_qs = path + ("?" + urlencode(params) if params else "")
        mac = hmac.new(secret.encode(), f"{at}GET{path_qs}".encode(), hashlib.sha256).digest()
        headers = {
            "ACCESS-KEY": key,
            "ACCESS-SIGN": base64.b64encode(mac).decode(),
            "ACCESS-TIMESTAMP": at,
            "ACCESS-PASSPHRASE": passphrase,
        }
        return await self.get(path_qs, headers)


@pytest.fixture(scope="session")
def shared_clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(scope="session")
def shared_worlds(shared_clock: FrozenClock) -> list[World]:
    """Drawn once for all tests: a world is a function of the time asked for, so nobody can disturb it."""
    return [World(7, START, shared_clock, profile) for profile in (BINANCE_TEST, BITGET_TEST)]


@pytest.fixture
def clock(shared_clock: FrozenClock) -> FrozenClock:
    """The clock, set back."""
    shared_clock.at = FrozenClock().at
    return shared_clock


@pytest.fixture
def make_world() -> Callable[..., World]:
    """A factory: profile, clock, seed to a fresh world that starts at START."""

    def make(profile: Profile, clock: Callable[[], datetime], seed: int = 7) -> World:
        return World(seed, START, clock, profile)

    return make


@pytest.fixture
def accounts(clock: FrozenClock, shared_worlds: list[World]) -> list[DemoAccount]:
    """One on each exchange."""
    return [
        DemoAccount("binance", "A" * 64, "s1", "", "11", shared_worlds[0]),
        DemoAccount("bitget", "bg_1", "s2", "p2", "22", shared_worlds[1]),
    ]


@pytest.fixture
async def server(accounts: list[DemoAccount], clock: FrozenClock) -> AsyncIterator[DemoServer]:
    """Both accounts on loopback; no limits but those a test sets."""
    async with DemoServer(accounts, clock=clock, weight_limit=10**9, has_rates=False) as running:
        yield running


@pytest.fixture
async def connect(clock: FrozenClock) -> AsyncIterator[Callable[[DemoServer], Caller]]:
    """A factory: server to a caller of it."""
    async with aiohttp.ClientSession() as session:
        yield lambda server: Caller(session, server, clock)


@pytest.fixture
def caller(server: DemoServer, connect: Callable[[DemoServer], Caller]) -> Caller:
    """A caller of the server that has both accounts."""
    return connect(server)
