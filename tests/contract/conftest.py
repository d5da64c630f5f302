"""An account of each exchange and kind of market that lives in the same world, and what the suite knows of each."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.exchanges.conftest import no_proxy, open_client, serve, session
from tests.exchanges.helpers import BINANCE_KEY, BITGET_KEY, BTC, wall_clock
from tests.saxo import APP, FixedTokens, saxo_account, wire_of
from trademon.core.model import Contract, Credentials, Market, MarketType
from trademon.demo.faults import Fault, status
from trademon.demo.futures import FuturesWorld
from trademon.demo.futures_plan import FUTURES_MARKETS
from trademon.demo.model import WorldOrder
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer
from trademon.exchanges import registry
from trademon.exchanges.base import Exchange
from trademon.exchanges.ccxt_adapter import CcxtAdapter
from trademon.exchanges.ccxt_client import CcxtClient
from trademon.exchanges.ccxt_table import spec_of
from trademon.exchanges.ccxt_unified import UnifiedClient
from trademon.exchanges.saxo import Saxo
from trademon.exchanges.saxo_client import SaxoClient

__all__ = ["no_proxy", "open_client", "serve", "session"]

OKX_KEY = Credentials("okx-test-key-0001", "okx-test-secret", "okx-test-passphrase")
KRAKEN_KEY = Credentials("kraken-test-key-01", base64.b64encode(b"kraken-test-secret").decode())
SWAP = Market("BTC/USDT:USDT", "BTC", "USDT", "BTCUSDT", Contract("USDT"))
SHARE = Market("BTC:demo", "BTC:demo", "USDT", wire_of("BTC:demo/USDT"))
Kind = tuple[str, MarketType]


@dataclass(frozen=True)
class Card:
    """What the suite has to know about an adapter. An adapter without a card fails the suite."""

    key: Credentials
    uid: str | None
    fills_path: str
    own_coin: str
    refusal: str
    nothing: Any  # a good answer without a row
    market: Market = BTC
    told: dict[str, Any] = field(default_factory=dict)
    """What it says otherwise of each of the scripted fills."""
    has_coins: bool = True
    """Whether fees are paid in coins, and orders lock them: a bank has money."""
    fees_in_quote: bool = False
    tells_order_type: bool = True

    @property
    def pair(self) -> str:
        """The world's name of the market."""
        return f"{self.market.base}/{self.market.quote}"

    def wire(self, symbol: str) -> str:
        """The exchange's own spelling of another of the world's symbols."""
        if self.market is SHARE:
            return wire_of(symbol)
        return symbol.replace("/", "-" if "-" in self.market.exchange_symbol else "")

    def fee_coin(self, coin: str) -> str:
        """The coin that a fee is told in."""
        return "USDT" if self.fees_in_quote else coin

    def refuse(self) -> Fault:
        """A revoked key, as this exchange says it."""
        return status(400, body=self.refusal)


_BINANCE = Card(BINANCE_KEY, "11", "/myTrades", "BNB", '{"code":-2015,"msg":"Invalid API-key"}', {"symbols": []})
_BITGET = Card(
    BITGET_KEY,
    "22",
    "/fills",
    "BGB",
    '{"code":"40037","msg":"Apikey does not exist"}',
    {"code": "00000", "data": []},
)
CARDS: dict[Kind, Card] = {
    ("binance", "spot"): _BINANCE,
    ("binance", "swap"): replace(_BINANCE, uid="alias11", fills_path="/userTrades", market=SWAP),
    ("bitget", "spot"): _BITGET,
    ("bitget", "swap"): replace(_BITGET, fills_path="/order/fill", market=SWAP),
    ("saxo", "spot"): Card(
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
    ("okx", "spot"): Card(
        OKX_KEY,
        None,
        "/fills-history",
        "OKB",
        '{"code":"50111","msg":"Invalid OK-ACCESS-KEY","data":[]}',
        {"code": "0", "msg": "", "data": []},
        market=replace(BTC, exchange_symbol="BTC-USDT"),
        tells_order_type=False,
    ),
    ("kraken", "spot"): Card(
        KRAKEN_KEY,
        None,
        "/TradesHistory",
        "KFEE",
        '{"error":["EAPI:Invalid key"]}',
        {"error": [], "result": {}},
        market=replace(BTC, exchange_symbol="XBTUSDT"),
        fees_in_quote=True,
    ),
}


class FuturesStage:
    """A one-way futures account, written as a spot world is."""

    def __init__(self) -> None:
        self.futures = FuturesWorld(wall_clock, FUTURES_MARKETS, deposit=Decimal("1000.5"))

    def trade(self, side: Any, symbol: str, quantity: str, price: str, at: datetime, **more: Any) -> Any:
        return self.futures.trade(symbol, side, quantity, price, at, **more)

    def buy(self, symbol: str, quantity: str, price: str, at: datetime, **more: Any) -> Any:
        return self.trade("buy", symbol, quantity, price, at, **{"fee": "0.001", **more})

    def sell(self, symbol: str, quantity: str, price: str, at: datetime, **more: Any) -> Any:
        return self.trade("sell", symbol, quantity, price, at, **{"fee": "0.001", **more})

    def add_order(self, order: WorldOrder) -> None:
        price, quantity = str(order.price), str(order.quantity)
        self.futures.wait(order.symbol, order.side, quantity, price, order.created_at, order_id=order.order_id)

    def executions(self, now: datetime) -> list[Any]:
        return list(self.futures.executions(now))


@pytest.fixture(params=CARDS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every adapter the registry knows, and two exchanges that have none of their own."""
    found: Kind = request.param
    return found


@pytest.fixture
def name(kind: Kind) -> str:
    return kind[0]


@pytest.fixture
def card(kind: Kind) -> Card:
    return CARDS[kind]


@pytest.fixture
def coins() -> ScriptedWorld:
    """Coins that did nothing yet, in the present, where two can be traded."""
    made = ScriptedWorld(clock=wall_clock)
    made.set_price("BTC/USDT", "60000")
    made.set_price("ETH/USDT", "3000")
    return made


@pytest.fixture
def world(kind: Kind, coins: ScriptedWorld) -> Any:
    """What the account does is written here."""
    return FuturesStage() if kind[1] == "swap" else coins


@pytest.fixture
async def demo(kind: Kind, card: Card, world: Any, coins: ScriptedWorld) -> AsyncIterator[DemoServer]:
    """The demo exchange with that account; without limits."""
    uid, key = (card.uid or "44").removeprefix("alias"), card.key
    futures = world.futures if isinstance(world, FuturesStage) else None
    account = saxo_account(coins, uid=uid)
    if kind[0] != "saxo":
        secrets = (key.api_key, key.api_secret, key.password)
        account = DemoAccount(kind[0], *secrets, uid, coins, futures=futures)  # type: ignore[arg-type]
    async with DemoServer([account], clock=wall_clock, weight_limit=10**9, has_rates=False) as server:
        server.usdm.weight_limit = 10**9
        yield server


def signed_in(demo: DemoServer) -> str:
    """A token for the account at Saxo, whose reports tell everything at once."""
    demo.saxo.reported_until = wall_clock() + timedelta(days=1)
    return demo.saxo.logins.sign_in(demo.saxo.logins.accounts[APP], demo.now())


@pytest.fixture
def make(
    kind: Kind,
    card: Card,
    demo: DemoServer,
    open_client: Callable[..., CcxtClient],
    session: aiohttp.ClientSession,
) -> Iterator[Callable[..., Exchange]]:
    """A factory: the adapter at the demo exchange (or at `base_url`), by the registry's own classes."""
    opened: list[UnifiedClient] = []

    def start(key: Credentials | None = None, base_url: str | None = None, **options: Any) -> Exchange:
        name, market = kind
        address = base_url or demo.base_url
        if name in registry.NEEDS_SIGN_IN:
            tokens = FixedTokens(signed_in(demo)) if key in (None, card.key) else FixedTokens("wrong")
            return Saxo(SaxoClient(session, tokens, wall_clock, base_url=address, **({"deadline_s": 5.0} | options)))
        if kind in registry._CLASSES:
            client = open_client(name, address, **options)
            adapter: Exchange = registry._adapter(name, market)(client, key or card.key, wall_clock)
            return adapter
        spec = spec_of(name)
        assert spec is not None
        given: dict[str, Any] = {"deadline_s": 5.0, "throttle": False} | options
        unified = UnifiedClient(name, spec, session=session, clock=wall_clock, base_url=address, **given)
        opened.append(unified)
        return CcxtAdapter(name, spec, unified, key or card.key, wall_clock)

    yield start
    for unified in opened:
        unified.close()


@pytest.fixture
async def exchange(make: Callable[..., Exchange]) -> Exchange:
    """Within the running loop, which ccxt asks for."""
    return make()


@pytest.fixture(autouse=True)
def _quick(asked_again_at_once: None) -> None:
    """Servers in trouble are many here."""
