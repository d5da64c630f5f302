"""Answers that are made to use up the memory."""

from __future__ import annotations

import gzip

import pytest
from aiohttp import web

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import House, account
from tests.chaos.ledger import Ledger

MOST_KB = 50 * 1024
BOMBS = {
    "300 kB of gzip that unpack to 300 MB": lambda: gzip.compress(b"[" + b" " * 300 * 1024 * 1024 + b"]"),
    "lists nested 100,000 deep": lambda: b"[" * 100_000 + b"]" * 100_000,
    "objects nested 100,000 deep": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_at_most_50_mb(
    house: House, serve: Serve, world: Ledger, full: bool, measured: Measured, name: str
) -> None:
    """The highest memory of a scan that meets it on every kind of question, beside that of a good one; it ends as after
    any bad answer, and the next scan reads all."""
    body = BOMBS[name]()
    headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if body[:1] == b"\x1f" else {})
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    good, counts = house.copy(house.home.with_name("good")).counted("scan")
    good.check(0)
    more = []

    async def bomb(request: web.Request) -> web.StreamResponse | None:
        return web.Response(body=body, headers=headers) if place in request.path else None

    exchange.server.faults[:] = [bomb]
    for place in ("/time", "/account", "/exchangeInfo", "/myTrades")[:: 1 if full else 3]:
        done, bad = house.counted("scan")
        done.check(1).one_line("main")
        more.append(bad["peak_kb"] - counts["peak_kb"])
    assert max(more) < MOST_KB
    exchange.server.faults.clear()
    house.scan().check(0)
    house.check(world)
    measured(f"{len(body) // 1000} kB, at most {max(more) / 1024:+.1f} MB beside a good scan")
