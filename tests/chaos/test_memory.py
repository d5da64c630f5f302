"""Answers that are made to use up the memory."""

from __future__ import annotations

import gzip

from aiohttp import web

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import House, account
from tests.chaos.ledger import Ledger
from trademon.demo import faults
from trademon.demo.faults import Fault

MOST_KB = 50 * 1024
BOMBS = {
    "300 kB of gzip that unpack to 300 MB": lambda: gzip.compress(b"[" + b" " * 300 * 1024 * 1024 + b"]"),
    "lists nested 100,000 deep": lambda: b"[" * 100_000 + b"]" * 100_000,
    "objects nested 100,000 deep": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


PLACES = ("/myTrades", "/account", "/exchangeInfo", "/time")


def bomb(body: bytes, place: str) -> Fault:
    """This body in place of every answer there."""
    headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if body[:1] == b"\x1f" else {})

    async def strike(request: web.Request) -> web.StreamResponse | None:
        return web.Response(body=body, headers=headers)

    return faults.limited(strike, None, place)


def test_a_bomb_costs_at_most_50_mb(house: House, serve: Serve, world: Ledger, full: bool, measured: Measured) -> None:
    """The highest memory of a scan that meets one, on each kind of question, beside that of a good scan; it ends as
    after any bad answer, and the next good scan reads all."""
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    untouched = house.copy(house.home.with_name("untouched"))
    done, good = house.counted("scan")
    done.check(0)
    for name, make in BOMBS.items():
        body, more = make(), []
        for n, place in enumerate(PLACES[: None if full else 1]):
            exchange.server.faults[:] = [bomb(body, place)]
            house = untouched.copy(house.home.with_name(f"home{len(body)}-{n}"))
            done, bad = house.counted("scan")
            done.check(1).one_line("main")
            more.append(bad["peak_kb"] - good["peak_kb"])
        assert max(more) < MOST_KB, (name, more)
        measured(f"{name}, {len(body) // 1000} kB on the wire: at most {max(more) / 1024:+.1f} MB beside a good scan")
    exchange.server.faults.clear()
    house.scan().check(0)
    house.check(world)
