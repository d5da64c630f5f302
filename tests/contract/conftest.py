"""The fixtures of tests/exchanges, and an account of each exchange that lives in the same world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.exchanges.conftest import demo, no_proxy, open_client, serve, session, world
from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY, wall_clock
from trademon.core.model import Credentials
from trademon.demo.faults import Fault, status
from trademon.demo.server import DemoServer
from trademon.exchanges import registry
from trademon.exchanges.base import Exchange
from trademon.exchanges.ccxt_client import CcxtClient

__all__ = ["demo", "no_proxy", "open_client", "serve", "session", "world"]


@dataclass(frozen=True)
class Card:
    """What the suite has to know about an adapter. An adapter without a card fails the suite."""

    key: Credentials
    uid: str
    fills_path: str
    own_coin: str
    refusal: str
    is_list: bool  # whether the answer to a question for rows is a plain list

    def refuse(self) -> Fault:
        """A revoked key, as this exchange says it."""
        return status(400, body=self.refusal)


CARDS = {
    "binance": Card(BINANCE_KEY, "11", "/myTrades", "BNB", '{"code":-2015,"msg":"Invalid API-key"}', True),
    "bitget": Card(BITGET_KEY, "22", "/fills", "BGB", '{"code":"40037","msg":"Apikey does not exist"}', False),
}


@pytest.fixture(params=registry.ADAPTERS)
def name(request: pytest.FixtureRequest) -> str:
    """Every adapter the registry knows."""
    return str(request.param)


@pytest.fixture
def card(name: str) -> Card:
    return CARDS[name]


@pytest.fixture
def make(name: str, card: Card, demo: DemoServer, open_client: Callable[..., CcxtClient]) -> Callable[..., Exchange]:
    """A factory: the adapter at the demo exchange (or at `base_url`), by the registry's own classes."""

    def start(key: Credentials | None = None, base_url: str | None = None, **options: Any) -> Exchange:
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
