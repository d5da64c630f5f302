"""The fixtures of tests/exchanges, and an account of each exchange that lives in the same world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from tests.exchanges.conftest import demo, no_proxy, open_client, serve, session, world
from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY, BTC, wall_clock
from tests.saxo import APP, FixedTokens, wire_of
from trademon.core.model import Credentials, Market
from trademon.demo.faults import Fault, status
from trademon.demo.server import DemoServer
from trademon.exchanges import registry
from trademon.exchanges.base import Exchange
from trademon.exchanges.ccxt_client import CcxtClient
from trademon.exchanges.saxo import Saxo
from trademon.exchanges.saxo_client import SaxoClient

__all__ = ["demo", "no_proxy", "open_client", "serve", "session", "world"]


@dataclass(frozen=True)
class Card:
    """What the suite has to know about an adapter. An adapter without a card fails the suite."""

    key: Credentials
    uid: str
    fills_path: str
    own_coin: str
    refusal: str
    nothing: Any  # a good answer without a row
    market: Market = BTC
    told: dict[str, Any] = field(default_factory=dict)
    """What it says otherwise of each of the scripted fills."""
    has_coins: bool = True
    """Whether fees are paid in coins, and orders lock them: a bank has money."""

    @property
    def pair(self) -> str:
        """The world's name of the market."""
        return f"{self.market.base}/{self.market.quote}"

    def wire(self, symbol: str) -> str:
        """The exchange's own spelling of another of the world's symbols."""
        return wire_of(symbol) if self.market is SHARE else symbol.replace("/", "")

    def refuse(self) -> Fault:
        """A revoked key, as this exchange says it."""
        return status(400, body=self.refusal)


SHARE = Market("BTC:demo", "BTC:demo", "USDT", wire_of("BTC:demo/USDT"))
CARDS = {
    "binance": Card(BINANCE_KEY, "11", "/myTrades", "BNB", '{"code":-2015,"msg":"Invalid API-key"}', {"symbols": []}),
    "bitget": Card(
        BITGET_KEY,
        "22",
        "/fills",
        "BGB",
        '{"code":"40037","msg":"Apikey does not exist"}',
        {"code": "00000", "data": []},
    ),
    "saxo": Card(
        Credentials(APP),
        "33",
        "/orderactivities",
        "USDT",
        '{"ErrorCode":"InvalidClientKey","Message":"no"}',
        {"Data": []},
        market=SHARE,
        told={"is_maker": None, "revision": 2},
        has_coins=False,
    ),
}


@pytest.fixture(params=registry.ADAPTERS)
def name(request: pytest.FixtureRequest) -> str:
    """Every adapter the registry knows."""
    return str(request.param)


@pytest.fixture
def card(name: str) -> Card:
    return CARDS[name]


def signed_in(demo: DemoServer) -> str:
    """A token for the account at Saxo, whose reports tell everything at once."""
    demo.saxo.reported_until = wall_clock() + timedelta(days=1)
    return demo.saxo.logins.sign_in(demo.saxo.logins.accounts[APP], demo.now())


@pytest.fixture
def make(
    name: str,
    card: Card,
    demo: DemoServer,
    open_client: Callable[..., CcxtClient],
    session: aiohttp.ClientSession,
) -> Callable[..., Exchange]:
    """A factory: the adapter at the demo exchange (or at `base_url`), by the registry's own classes."""

    def start(key: Credentials | None = None, base_url: str | None = None, **options: Any) -> Exchange:
        if name in registry.NEEDS_SIGN_IN:
            tokens = FixedTokens(signed_in(demo)) if key in (None, card.key) else FixedTokens("wrong")
            options = {"deadline_s": 5.0} | options
            api = SaxoClient(session, tokens, wall_clock, base_url=base_url or demo.base_url, **options)
            return Saxo(api)
        client = open_client(name, base_url or demo.base_url, **options)
        module = __import__(f"trademon.exchanges.{name}", fromlist=["x"])
        adapter: Exchange = getattr(module, name.capitalize())(client, key or card.key, wall_clock)
        return adapter

    return start


@pytest.fixture
async def exchange(make: Callable[..., Exchange]) -> Exchange:
    """Within the running loop, which ccxt asks for."""
    return make()


@pytest.fixture(autouse=True)
def _quick(asked_again_at_once: None) -> None:
    """Servers in trouble are many here."""
