"""Local servers and clients that are closed behind each test; no proxy of the environment is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY, Handler, wall_clock
from tests.saxo import saxo_account
from trademon.demo.model import WorldView
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer
from trademon.exchanges import binance, bitget
from trademon.exchanges.ccxt_client import CcxtClient
from trademon.exchanges.transport import make_session


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 is asked directly, whatever the machine's environment says."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The session that trademon itself would use."""
    async with make_session() as opened:
        yield opened


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """A factory: a handler to the address of a server that answers everything with it."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def serve_bytes() -> AsyncIterator[Callable[[bytes], Awaitable[str]]]:
    """A factory: bytes to the address of a server that sends exactly these and closes."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> str:
        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def open_client(session: aiohttp.ClientSession) -> AsyncIterator[Callable[..., CcxtClient]]:
    """A factory: exchange id and base URL to a client without throttle, closed at the end."""
    clients: list[CcxtClient] = []

    def start(exchange: str, base_url: str | None, **options: Any) -> CcxtClient:
        explain = binance.explain if exchange == "binance" else bitget.explain
        given = {"clock": wall_clock, "explain": explain, "throttle": False, "deadline_s": 5.0} | options
        client = CcxtClient(exchange, session=session, base_url=base_url, **given)
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def world() -> ScriptedWorld:
    """An account that did nothing yet, in the present, where two coins can be traded."""
    made = ScriptedWorld(clock=wall_clock)
    made.set_price("BTC/USDT", "60000")
    made.set_price("ETH/USDT", "3000")
    return made


@pytest.fixture
async def demo(world: WorldView) -> AsyncIterator[DemoServer]:
    """The demo exchange with that account at each of its exchanges; without limits."""
    accounts = [
        DemoAccount("binance", BINANCE_KEY.api_key, BINANCE_KEY.api_secret, "", "11", world),
        DemoAccount("bitget", BITGET_KEY.api_key, BITGET_KEY.api_secret, BITGET_KEY.password, "22", world),
        saxo_account(world, uid="33"),
    ]
    async with DemoServer(accounts, clock=wall_clock, weight_limit=10**9, has_rates=False) as server:
        yield server


@pytest.fixture(autouse=True)
def _quick(asked_again_at_once: None) -> None:
    """Servers in trouble are many here."""
