"""The way orders take. It is apart from everything that reads: another object, opened for an armed strategy alone.

What it may send is a list of its own, each entry a method and a path; nothing else leaves here, whatever it is asked
for. ccxt signs (its `sign` alone: none of its sending, retrying or rewriting). A request that could trade is sent once.
`gate` is asked last, when the request is signed and nothing but sending is left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from trademon.core.model import Credentials, Market
from trademon.core.order_rules import MarketRules, OrderRequest
from trademon.core.strategy_model import Outcome
from trademon.core.times import to_ms
from trademon.errors import BadAnswer, HostAskedToWait, NetworkError, TrademonError
from trademon.exchanges import validate
from trademon.exchanges.ccxt_client import load_ccxt_class
from trademon.exchanges.transport import Answer, send

Gate = Callable[[], None]
"""Raises where no order may leave now."""
DEADLINE_S = 10.0
_PAUSES_S = (0.25, 1.0)
_DEFAULT_WAIT_S = 60
_LONGEST_WAIT_S = 3 * 24 * 3600


class OrderRefused(TrademonError):
    """The exchange said no: the order does not exist."""

    kind = "refused"


class UnknownOutcome(TrademonError):
    """Nothing says what became of the request: it may have been done. It is never sent again, only looked up."""

    kind = "unknown outcome"


class OrderDesk(Protocol):
    """Orders of one account at one exchange."""

    async def fetch_rules(self, market: Market) -> MarketRules:
        """The steps and limits of a market."""
        ...

    async def place(self, order: OrderRequest, client_id: str, gate: Gate) -> Outcome:
        """Send an order, once.

        Raises:
            OrderRefused: the exchange took none.
            UnknownOutcome: it may have taken it.
            TrademonError: what `gate` raises; then nothing was sent.
        """
        ...

    async def find(self, market: Market, client_id: str) -> Outcome | None:
        """What became of the order with our id; None where the exchange knows of none. Any TrademonError: unknown."""
        ...

    async def cancel(self, market: Market, client_id: str, gate: Gate) -> None:
        """Take an order back; the same errors as `place`."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that may be asked for: ccxt's path of it and where it stands in ccxt's table; `path` is as it is
    sent."""

    method: str
    path: str
    ccxt_path: str
    api: tuple[str, ...]

    @property
    def is_order(self) -> bool:
        return self.method != "GET"


class OrderClient:
    """One account's requests about orders, of a fixed list of endpoints."""

    def __init__(
        self,
        exchange_id: str,
        endpoints: Mapping[str, Endpoint],
        credentials: Credentials,
        *,
        session: aiohttp.ClientSession,
        clock: Callable[[], datetime],
        base_url: str | None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """`clock` is the exchange's, as last measured: it dates what is signed."""
        self._endpoints = dict(endpoints)
        self._allowed = frozenset((e.method, e.path) for e in endpoints.values())
        self._session = session
        self._clock = clock
        self._base_url = base_url
        self._deadline_s = deadline_s
        self._secrets = sorted(
            filter(None, (credentials.api_key, credentials.api_secret, credentials.password)), key=len, reverse=True
        )
        self._ccxt = load_ccxt_class(exchange_id)(
            {
                "apiKey": credentials.api_key,
                "secret": credentials.api_secret,
                "password": credentials.password,
                "asyncio_loop": asyncio.get_running_loop(),
            }
        )
        self._ccxt.milliseconds = lambda: to_ms(clock())

    async def ask(self, name: str, params: Mapping[str, Any]) -> Answer:
        """Ask for something; what passes is asked again. Refuses to send what could trade."""
        endpoint = self._endpoints[name]
        if endpoint.is_order:
            raise AssertionError(f"{name} is an order: it is sent through a gate")
        for pause in _PAUSES_S:
            try:
                return await self._send(endpoint, params, None)
            except NetworkError:
                await asyncio.sleep(pause)
        return await self._send(endpoint, params, None)

    async def order(self, name: str, params: Mapping[str, Any], gate: Gate) -> Answer:
        """Send what may trade: signed, then the gate, then once over the wire, and never again.

        Raises:
            UnknownOutcome: no whole answer came back.
            TrademonError: what `gate` raises; then nothing was sent.
        """
        return await self._send(self._endpoints[name], params, gate)

    async def _send(self, endpoint: Endpoint, params: Mapping[str, Any], gate: Gate | None) -> Answer:
        signed = self._ccxt.sign(endpoint.ccxt_path, list(endpoint.api), endpoint.method, dict(params))
        url = self._placed(signed["url"])
        if (endpoint.method, urlsplit(url).path) not in self._allowed:
            raise AssertionError(f"{endpoint.method} {urlsplit(url).path} is not on the list of what may be sent")
        if gate is not None:
            gate()
        try:
            return await send(
                self._session,
                endpoint.method,
                url,
                headers=signed["headers"],
                body=signed["body"],
                deadline_s=self._deadline_s,
                # The last word of a slow exchange is worth waiting for: what is cut off has to be looked up.
                silence_s=self._deadline_s,
            )
        except TrademonError as error:
            if gate is None:
                raise
            raise UnknownOutcome(f"the order was sent and no answer came: {error.message}") from None

    def _placed(self, url: str) -> str:
        if self._base_url is None:
            return url
        base, given = urlsplit(self._base_url), urlsplit(url)
        return urlunsplit((base.scheme, base.netloc, given.path, given.query, ""))

    def said(self, words: object) -> str:
        """The exchange's own words for a person: short, on one line, without the key in them."""
        text = str(words)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return validate.one_line(text)

    def waits(self, answer: Answer, name: str) -> HostAskedToWait | None:
        """The wish to be left alone in an answer; None where it has none."""
        if answer.status not in (418, 429):
            return None
        asked = validate.small_number(answer.headers.get("Retry-After", ""))
        seconds = min(max(_DEFAULT_WAIT_S if asked is None else asked, 1), _LONGEST_WAIT_S)
        until = self._clock() + timedelta(seconds=seconds)
        return HostAskedToWait(f"{name} asks to wait ({answer.status}, too many requests)", until=until)


def step_of(decimals: object, what: str) -> Decimal:
    """The step that so many decimals make; BadAnswer for what is no such number."""
    number = validate.not_negative({what: decimals}, what)
    if number > 30 or number != int(number):
        raise BadAnswer(f"field {what} is no number of decimals")
    return Decimal(1).scaleb(-int(number))
