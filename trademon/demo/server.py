"""The demo exchange on loopback: all its interfaces on one port, with a record of what was asked."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import ClassVar, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from trademon.demo.binance import BinanceApi
from trademon.demo.binance_usdm import UsdmApi
from trademon.demo.bitget import BitgetApi
from trademon.demo.demo_transfers import binance_transfers, bitget_transfers
from trademon.demo.faults import Fault
from trademon.demo.kraken import KrakenApi
from trademon.demo.model import Clock
from trademon.demo.okx import OkxApi
from trademon.demo.profiles import BINANCE_DEMO, BITGET_DEMO
from trademon.demo.saxo import SaxoApi
from trademon.demo.wire import DemoAccount, ExchangeName, Question, ask
from trademon.demo.world import World

__all__ = ["DemoAccount", "DemoServer", "RequestRecord", "demo_accounts"]

_KEPT_REQUESTS = 100_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """What was asked and how it ended; `uid` is None without a known key, `status` 0 without an answer."""

    exchange: ExchangeName
    uid: str | None
    method: str
    path: str
    params: dict[str, str]
    status: int
    at: datetime


class DemoServer:
    """Serves accounts on 127.0.0.1; `faults` and `clock_offset` may be changed while it runs."""

    _names: ClassVar[dict[type, ExchangeName]] = {
        BinanceApi: "binance",
        UsdmApi: "binance",
        BitgetApi: "bitget",
        OkxApi: "okx",
        KrakenApi: "kraken",
        SaxoApi: "saxo",
    }

    def __init__(
        self,
        accounts: Sequence[DemoAccount],
        *,
        clock: Clock,
        weight_limit: int = 6000,
        has_rates: bool = True,
        has_sapi: bool = True,
    ) -> None:
        """`weight_limit` is Binance's weight a minute; `has_rates` False drops every limit a second.

        `has_sapi` False is a Binance test network: whatever begins with /sapi is answered 404 by a page.
        """
        self.requests: deque[RequestRecord] = deque(maxlen=_KEPT_REQUESTS)
        self.faults: list[Fault] = []
        self.clock_offset = timedelta(0)
        self.binance = BinanceApi(
            [a for a in accounts if a.exchange == "binance"], weight_limit, has_rates=has_rates, has_sapi=has_sapi
        )
        self.bitget = BitgetApi([a for a in accounts if a.exchange == "bitget"], has_rates=has_rates)
        self.okx = OkxApi([a for a in accounts if a.exchange == "okx"])
        self.kraken = KrakenApi([a for a in accounts if a.exchange == "kraken"])
        self.usdm = UsdmApi([a for a in accounts if a.exchange == "binance"])
        self.saxo = SaxoApi([a for a in accounts if a.exchange == "saxo"], has_rates=has_rates)
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Where it listens, "http://127.0.0.1:PORT"."""
        if not self._port:
            raise RuntimeError("the demo server is not started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def order_requests(self) -> list[RequestRecord]:
        """Everything that was asked for that could trade: orders placed and taken back, however it ended."""
        return [record for record in self.requests if record.method != "GET"]

    def now(self) -> datetime:
        """The server's clock, and the moment its worlds have reached."""
        return self._clock() + self.clock_offset

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application(middlewares=[self._around])
        app.router.add_route("*", "/{path:.*}", self._answer)
        # Cancelled with its client and at stop, a hanging fault holds nobody up.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner, self._port = None, 0

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask the faults first; record the request however it ends."""
        status, question = 0, await ask(request, self.now())
        try:
            response = await self._strike(request) or await handler(request)
            if request.transport is not None and not request.transport.is_closing():
                status = response.status
        finally:
            api = self._api(question)
            account = api.account_of(question)
            self.requests.append(
                RequestRecord(
                    exchange=self._names[type(api)],
                    uid=account.uid if account else None,
                    method=request.method,
                    path=question.path,
                    params=question.params,
                    status=status,
                    at=question.now,
                )
            )
        return response

    async def _strike(self, request: web.Request) -> web.StreamResponse | None:
        for fault in list(self.faults):
            response = await fault(request)
            if response is not None:
                return response
        return None

    async def _answer(self, request: web.Request) -> web.Response:
        question = await ask(request, self.now())
        if question.path == "/token" and request.method == "POST":
            return self.saxo.answer(question, await request.text())
        if not self._takes(request.method, question.path):
            return web.Response(status=405, text="")
        return self._api(question).answer(question)

    def _takes(self, method: str, path: str) -> bool:
        """Kraken's questions are posted; elsewhere only an order is."""
        if method == "GET" or path.startswith("/0/private/"):
            return True
        return (method, path) in BinanceApi.ORDERS | BitgetApi.ORDERS

    def _api(self, question: Question) -> BinanceApi | UsdmApi | BitgetApi | SaxoApi | OkxApi | KrakenApi:
        """By path; /api/v3 is Binance's and, with Bitget's key header, its unified account's."""
        if self.saxo.knows(question.path):
            return self.saxo
        if question.path.startswith("/api/v5/"):
            return self.okx
        if question.path.startswith("/0/"):
            return self.kraken
        if question.path.startswith("/fapi/"):
            return self.usdm
        is_bitget = question.path.startswith("/api/v2/") or "ACCESS-KEY" in question.headers
        return self.bitget if is_bitget else self.binance


def demo_accounts(clock: Clock, seed: int = 5, started_at: datetime | None = None) -> list[DemoAccount]:
    """The two accounts of `--demo`, "binance" and "bitget", with two and a half days of history before `started_at`.

    The same seed and start give the same world in every process; without a start it begins now.
    """
    started_at = started_at or clock()
    return [
        DemoAccount(
            exchange="binance",
            api_key="demo" * 16,
            api_secret="binance-demo-secret",  # noqa: S106 - opens nothing but this demo
            passphrase="",
            uid="100200300",
            world=World(seed, started_at, clock, BINANCE_DEMO, binance_transfers(started_at)),
        ),
        DemoAccount(
            exchange="bitget",
            api_key="bg_demo0demo0demo0demo0demo0demo0demo0",
            api_secret="bitget-demo-secret",  # noqa: S106 - opens nothing but this demo
            passphrase="demopassphrase",  # noqa: S106 - opens nothing but this demo
            uid="7000100200",
            world=World(seed, started_at, clock, BITGET_DEMO, bitget_transfers(started_at)),
        ),
    ]
