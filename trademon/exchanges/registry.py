"""A name to an adapter, loaded on demand; one client per host, shared by all accounts behind it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from trademon.core.model import MARKET_TYPES, Broker, Credentials, MarketType
from trademon.errors import UsageError
from trademon.exchanges.base import Capabilities, Exchange, TokenSource
from trademon.exchanges.ccxt_ids import ccxt_ids

if TYPE_CHECKING:
    import aiohttp

    from trademon.exchanges.ccxt_client import CcxtClient, Clock, Explain
    from trademon.exchanges.ccxt_table import Spec
    from trademon.exchanges.ccxt_unified import UnifiedClient
    from trademon.exchanges.order_client import OrderDesk
    from trademon.exchanges.saxo_login import SaxoLogin

ADAPTERS = ("binance", "bitget", "saxo")
WITHOUT_API = ("manual",)
DEMO = "demo"
KNOWN = (*ADAPTERS, *WITHOUT_API, DEMO)
TAKES_ORDERS = ("binance", "bitget")
"""Whose spot orders a strategy may send."""
NEEDS_PASSWORD = frozenset({"bitget"})
NEEDS_NO_SECRET = frozenset({"saxo"})
NEEDS_SIGN_IN = frozenset({"saxo"})
"""Where a person signs in, now and then, beside the key of an app."""
HAS_SANDBOX = frozenset({"saxo"})
_CLASSES: dict[tuple[str, MarketType], tuple[str, str]] = {
    ("binance", "spot"): ("binance", "Binance"),
    ("binance", "swap"): ("binance_usdm", "BinanceUsdm"),
    ("bitget", "spot"): ("bitget", "Bitget"),
    ("bitget", "swap"): ("bitget_mix", "BitgetMix"),
    ("saxo", "spot"): ("saxo", "Saxo"),
}


def check_exchange(name: str) -> str:
    """The exchange's id: one with an adapter of its own, or any that ccxt can ask with a key and a secret.

    Raises:
        UsageError: there is none of that name, or it is signed with something else, or does not tell fills.
    """
    if name in KNOWN:
        return name
    from trademon.exchanges.ccxt_table import spec_of  # noqa: PLC0415 - ccxt only where one of its is named

    others = ccxt_ids()
    if name not in others:
        close = difflib.get_close_matches(name, [*KNOWN, *sorted(others)], n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(KNOWN)}, and the ids of ccxt"
        raise UsageError(f"unknown exchange {name!r}", hint=hint)
    if spec_of(name) is None:
        hint = "fills import takes its files into a broker added with --exchange manual"
        raise UsageError(f"{name} has no spot fills that a key and a secret can ask for", hint=hint)
    return name


def names_accounts(exchange: str) -> bool:
    """Whether an exchange says whose account a key opens, so that two keys to one account are known as such."""
    return exchange in KNOWN


def needs_password(exchange: str) -> bool:
    """Whether a key of that exchange has a passphrase beside its secret."""
    if exchange in KNOWN:
        return exchange in NEEDS_PASSWORD
    spec = _spec(exchange)
    return spec is not None and spec.needs_password


def _spec(exchange: str) -> Spec | None:
    """How an exchange without an adapter of its own is asked; None where it cannot be."""
    from trademon.exchanges.ccxt_table import spec_of  # noqa: PLC0415

    return spec_of(exchange) if exchange not in KNOWN and exchange in ccxt_ids() else None


def check_takes_orders(exchange: str, market: MarketType = "spot") -> None:
    """Raises UsageError for an account that no order can be sent to from here."""
    if exchange in TAKES_ORDERS and market == "spot":
        return
    if exchange == DEMO:
        raise UsageError("the demo exchange takes no orders", hint="it is gone after each run: try it on paper")
    raise UsageError(
        f"{market} orders on {exchange} are not supported", hint=f"supported: {', '.join(TAKES_ORDERS)} (spot)"
    )


def markets_of(exchange: str) -> tuple[MarketType, ...]:
    """The kinds of market that an account of that exchange may be of."""
    if exchange in WITHOUT_API:
        return MARKET_TYPES
    return tuple(market for name, market in _CLASSES if name == exchange) or ("spot",)


def capabilities_of(exchange: str, market: MarketType = "spot") -> Capabilities | None:
    """What the adapter of that name can do; None for an exchange without one, and for the demo, which is any."""
    if (exchange, market) not in _CLASSES:
        spec = _spec(exchange)
        return None if spec is None else spec.capabilities
    found: Capabilities = _adapter(exchange, market).capabilities
    return found


def _adapter(exchange: str, market: MarketType) -> Any:
    """The adapter's class: only the exchanges in use are loaded."""
    module, name = _CLASSES[exchange, market]
    return getattr(importlib.import_module(f"trademon.exchanges.{module}"), name)


def only_manual(brokers: Iterable[Broker]) -> tuple[str, ...]:
    """The names of these brokers where none of them can be asked: they take files instead."""
    brokers = tuple(brokers)
    can_ask = any(broker.exchange not in WITHOUT_API for broker in brokers)
    return () if can_ask else tuple(broker.name for broker in brokers)


class Connections:
    """The network side of one run: opened once, shared by every account, closed at the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._order_session: aiohttp.ClientSession | None = None
        self._clients: dict[tuple[str, MarketType, str | None], CcxtClient] = {}
        self._others: dict[tuple[str, MarketType, str | None], UnifiedClient] = {}

    async def __aenter__(self) -> Connections:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for client in (*self._clients.values(), *self._others.values()):
            client.close()
        self._clients.clear()
        self._others.clear()
        for session in (self._session, self._order_session):
            if session is not None:
                await session.close()
        self._session = self._order_session = None

    def open(
        self,
        exchange: str,
        credentials: Credentials,
        *,
        market: MarketType = "spot",
        base_url: str | None = None,
        sandbox: bool = False,
        tokens: TokenSource | None = None,
        deadline_s: float = 20.0,
    ) -> Exchange:
        """The adapter of one account; `tokens` for one that wants a person's sign-in. Raises UsageError for an exchange
        without one."""
        if exchange == "saxo":
            from trademon.exchanges import saxo, saxo_client  # noqa: PLC0415 - only the exchanges in use are loaded

            assert tokens is not None
            return saxo.Saxo(
                saxo_client.SaxoClient(
                    self._session_of_all(),
                    tokens,
                    self._clock,
                    base_url=base_url,
                    sandbox=sandbox,
                    deadline_s=deadline_s,
                )
            )
        if exchange == "binance":
            from trademon.exchanges import binance  # noqa: PLC0415 - only the exchanges in use are loaded

            # Binance budgets a minute, not a second, and says what is used: its adapter keeps that budget itself.
            client = self._client("binance", market, base_url, binance.explain, deadline_s, throttle=False)
            usdm_or_spot: Exchange = _adapter("binance", market)(client, credentials, self._clock)
            return usdm_or_spot
        if exchange == "bitget":
            from trademon.exchanges import bitget  # noqa: PLC0415

            client = self._client("bitget", market, base_url, bitget.explain, deadline_s, throttle=True)
            mix_or_spot: Exchange = _adapter("bitget", market)(client, credentials, self._clock)
            return mix_or_spot
        spec = _spec(exchange)
        if spec is not None:
            from trademon.exchanges.ccxt_adapter import CcxtAdapter  # noqa: PLC0415

            unified = self._unified(exchange, spec, base_url, deadline_s)
            return CcxtAdapter(exchange, spec, unified, credentials, self._clock)
        raise UsageError(f"{exchange} has no API to ask", hint="trademon fills import FILE.csv --broker NAME")

    def open_orders(
        self,
        exchange: str,
        credentials: Credentials,
        clock: Clock,
        *,
        base_url: str | None = None,
        deadline_s: float | None = None,
    ) -> OrderDesk:
        """The way orders of one account take; `clock` is the exchange's. Raises UsageError where there is none."""
        check_takes_orders(exchange)
        from trademon.exchanges import binance_orders, bitget_orders  # noqa: PLC0415 - for an armed strategy alone
        from trademon.exchanges.order_client import DEADLINE_S, OrderClient  # noqa: PLC0415

        module = binance_orders if exchange == "binance" else bitget_orders
        client = OrderClient(
            exchange,
            module.ENDPOINTS,
            credentials,
            session=self._order_session_of_all(),
            clock=clock,
            base_url=base_url,
            deadline_s=deadline_s or DEADLINE_S,
        )
        return binance_orders.BinanceOrders(client) if exchange == "binance" else bitget_orders.BitgetOrders(client)

    def _order_session_of_all(self) -> aiohttp.ClientSession:
        from trademon.exchanges.transport import make_session  # noqa: PLC0415

        if self._order_session is None:
            self._order_session = make_session(for_orders=True)
        return self._order_session

    def login(self, credentials: Credentials, *, base_url: str | None = None, sandbox: bool = False) -> SaxoLogin:
        """The login server of an exchange that needs a person's sign-in."""
        from trademon.exchanges.saxo_login import SaxoLogin  # noqa: PLC0415

        return SaxoLogin(self._session_of_all(), credentials, self._clock, base_url=base_url, sandbox=sandbox)

    def _session_of_all(self) -> aiohttp.ClientSession:
        from trademon.exchanges.transport import make_session  # noqa: PLC0415

        if self._session is None:
            self._session = make_session()
        return self._session

    def _unified(self, exchange: str, spec: Spec, base_url: str | None, deadline_s: float) -> UnifiedClient:
        from trademon.exchanges.ccxt_unified import UnifiedClient  # noqa: PLC0415

        key: tuple[str, MarketType, str | None] = (exchange, "spot", base_url)
        client = self._others.get(key)
        if client is None:
            client = self._others[key] = UnifiedClient(
                exchange,
                spec,
                session=self._session_of_all(),
                clock=self._clock,
                base_url=base_url,
                deadline_s=deadline_s,
            )
        return client

    def _client(
        self,
        exchange: str,
        market: MarketType,
        base_url: str | None,
        explain: Explain,
        deadline_s: float,
        *,
        throttle: bool,
    ) -> CcxtClient:
        from trademon.exchanges.ccxt_client import CcxtClient  # noqa: PLC0415

        key = (exchange, market, base_url)  # spot and futures are hosts of their own, with budgets of their own
        if key not in self._clients:
            self._clients[key] = CcxtClient(
                exchange,
                session=self._session_of_all(),
                clock=self._clock,
                explain=explain,
                base_url=base_url,
                throttle=throttle,
                deadline_s=deadline_s,
            )
        return self._clients[key]
