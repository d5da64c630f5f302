"""A Saxo account at the demo exchange, and a person who signs in at it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trademon.demo.model import Execution, Market, Side, WorldView
from trademon.demo.saxo_rows import instrument_of
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount

APP = "demo-app-key"


class FixedTokens:
    """Tokens that somebody else renews: `token` is the one to ask with, `next` what comes after a refusal."""

    def __init__(self, token: str, *following: str) -> None:
        self.now = token
        self.following = list(following)
        self.refused: list[str] = []

    async def token(self) -> str:
        return self.now

    async def after_refusal(self, refused: str) -> str:
        self.refused.append(refused)
        self.now = self.following.pop(0) if self.following else self.now
        return self.now


class BankWorld(ScriptedWorld):
    """A world that numbers executions over all symbols together, as Saxo does."""

    def trade(self, side: Side, symbol: str, quantity: str, price: str, at: datetime, **more: Any) -> Execution:
        more.setdefault("trade_id", str(101 + len(self.executions(datetime.max.replace(tzinfo=UTC)))))
        return super().trade(side, symbol, quantity, price, at, **more)


def saxo_account(world: WorldView, *, uid: str = "9226397", secret: str = "", **more: Any) -> DemoAccount:
    """An account whose app has no secret where none is given."""
    return DemoAccount("saxo", APP, secret, "", uid, world, **more)


def wire_of(symbol: str) -> str:
    """The exchange's spelling of one of the world's symbols."""
    base, _, quote = symbol.partition("/")
    step = Decimal("0.01")
    one = instrument_of(Market(base, quote, step, step, step))
    return f"{one.uic}:{one.kind}"


def approve(address: str) -> str:
    """What a person's browser ends at who says yes there."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}))
    try:
        opener.open(address, timeout=10)
    except urllib.error.HTTPError as answer:
        if answer.code == 302:
            return str(answer.headers["Location"])
        raise
    raise AssertionError("the login server did not send the person back")


def sign_in(run: Callable[..., Any], name: str) -> None:
    """As over ssh without a terminal: one run shows the address, another takes where the browser ended."""
    begun = run("broker", "login", name, "--no-browser").check(4)
    run("broker", "login", name, "--code", approve(begun.out.split()[0])).check(0)
