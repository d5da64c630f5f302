"""What the wire formats share: the account behind a key, the question, a refusal, exact text for money."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal
from urllib.parse import parse_qsl

from aiohttp import web

from trademon.demo.futures import FuturesWorld
from trademon.demo.model import Market, WorldView, to_ms

ExchangeName = Literal["binance", "bitget", "okx", "kraken", "saxo"]


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account at one of the exchanges with its only key; `uid` is a decimal string. `futures` is what it did with
    contracts, in a wallet of its own; `nets_at_once`: Saxo's netting in real time, not at the end of the day."""

    exchange: ExchangeName
    api_key: str
    api_secret: str = field(repr=False)
    passphrase: str = field(repr=False)
    uid: str
    world: WorldView
    can_trade: bool = False
    can_withdraw: bool = False
    is_address_limited: bool = True
    futures: FuturesWorld | None = None
    nets_at_once: bool = False


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """The exchange says no: HTTP status, the exchange's code, its message."""

    status: int
    code: int | str
    msg: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """One request as a handler sees it: `raw_query` undecoded as it was sent, `now` the server's clock. `body` is a
    form or JSON, empty in a question that only reads."""

    path: str
    raw_query: str
    headers: Mapping[str, str]
    now: datetime
    method: str = "GET"
    body: str = ""

    @property
    def now_ms(self) -> int:
        """The server's clock on the wire."""
        return to_ms(self.now)

    @property
    def params(self) -> dict[str, str]:
        """The decoded parameters; an empty value counts as sent, as both exchanges see it. Those of the body stand
        beside those of the address."""
        found = dict(parse_qsl(self.raw_query, keep_blank_values=True))
        if self.body.startswith("{"):
            try:
                return found | {str(name): str(value) for name, value in json.loads(self.body).items()}
            except ValueError:
                return found
        return found | dict(parse_qsl(self.body, keep_blank_values=True))

    @property
    def signed(self) -> str:
        """What Binance signs: the address's parameters and the body's, one after the other."""
        return self.raw_query + self.body


async def ask(request: web.Request, now: datetime) -> Question:
    """The question in a request. The raw path is used: a parsed query may be quoted anew, and no longer be signed."""
    path, _, query = request.raw_path.partition("?")
    body = await request.text() if request.method != "GET" else ""
    return Question(path, query, request.headers, now, request.method, body)


def sha256_mac(secret: str, text: str) -> bytes:
    """The digest both exchanges sign with."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def fixed(amount: Decimal, decimals: int) -> str:
    """Text with exactly `decimals` decimals, the rest cut off, never in exponent notation."""
    return format(amount.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN), "f")


def plain(amount: Decimal) -> str:
    """Text with as many decimals as needed, "0.0794", never in exponent notation."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def decimals_of(step: Decimal) -> int:
    """How many decimals a step such as 0.001 has."""
    return max(0, -int(step.normalize().as_tuple().exponent))


def by_wire_name(world: WorldView) -> dict[str, Market]:
    """The markets by "BTCUSDT"."""
    return {m.wire: m for m in world.markets.values()}


def all_markets(worlds: list[WorldView]) -> dict[str, tuple[Market, WorldView]]:
    """Every market listed in any account's world, by wire name, with a world that knows its price."""
    found: dict[str, tuple[Market, WorldView]] = {}
    for world in worlds:
        for name, market in by_wire_name(world).items():
            # A quiet market of one account may be traded by another; the moving price is the better one.
            if name not in found or world.price(market.symbol) != market.price:
                found[name] = (market, world)
    return found


def find_market(worlds: list[WorldView], name: str) -> tuple[Market, WorldView] | None:
    """One market by wire name as it is listed now, with a world that knows its price; None where nobody lists it."""
    listing = [(m, w) for w in worlds for m in w.markets.values() if m.wire == name]
    moving = ((m, w) for m, w in listing if w.price(m.symbol) != m.price)
    return next(moving, listing[0] if listing else None)


class PerSecond:
    """Counts requests per key and clock second."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._second = -1
        self._asked: dict[tuple[str, str], int] = {}

    def count(self, now_ms: int, uid: str, path: str) -> int:
        """How many there were in this second, with this one."""
        second = now_ms // 1000
        if second != self._second:
            self._second, self._asked = second, {}
        self._asked[uid, path] = self._asked.get((uid, path), 0) + 1
        return self._asked[uid, path]


Json = dict[str, Any] | list[Any]
