"""Unattended rounds that are killed, and several at once: no fill lost or doubled, each round with its entry."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest
from aiohttp import web

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import PATIENCE_S, House, account
from tests.chaos.ledger import Ledger, draw
from trademon.store.user_rounds import ENDED_FROM_OUTSIDE

ROUND = ("automation", "run", "--force")
MOST_KB = 100_000


class Arrivals:
    """Counts requests, and says when the first of a run comes in."""

    def __init__(self) -> None:
        self.first = threading.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        self.first.set()
        return None


def noted(house: House) -> list[tuple[str | None, str]]:
    """Each round's outcome and tasks, in the order in which they began."""
    return list(house.rows("SELECT outcome, tasks FROM rounds ORDER BY id"))


def test_rounds_that_are_killed(
    house: House, serve: Serve, world: Ledger, rng: Random, full: bool, measured: Measured
) -> None:
    """kill -9 at 200 random points of rounds: every round has its entry, every entry an end, and in the end the store
    holds the true fills, without any repair."""
    kills, done = 200 if full else 20, 0
    exchange, arrivals = serve(account(world)), Arrivals()
    house.add("main", account(world), exchange.url)
    exchange.server.faults[:] = [arrivals]
    begun = 0
    while done < kills:
        arrivals.first.clear()
        child = house.start(*ROUND)
        assert arrivals.first.wait(PATIENCE_S)
        begun += 1
        try:
            child.communicate(timeout=rng.uniform(0, 0.3))
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            done += 1
        house.check_so_far(world)
        assert len(noted(house)) == begun
    house.run(*ROUND).check(0)
    house.check(world)
    entries = noted(house)
    assert len(entries) == begun + 1
    assert all(outcome is not None for outcome, _ in entries)
    dead = sum(ENDED_FROM_OUTSIDE in tasks for _, tasks in entries)
    assert dead <= kills
    measured(f"{kills} kills in {begun} rounds, {dead} of them closed by the next: each noted, 0 lost, 0 doubled")


def test_rounds_at_once_are_one(house: House, serve: Serve, world: Ledger, measured: Measured) -> None:
    """Eight runs at the same moment: one does the round, the others end with 75."""
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    with ThreadPoolExecutor(8) as pool:
        codes = sorted(done.code for done in pool.map(lambda _: house.run(*ROUND), range(8)))
    entries = noted(house)
    assert codes.count(0) == len(entries) >= 1
    assert set(codes) <= {0, 75}
    house.check(world)
    measured(f"8 runs at once: {codes.count(0)} did a round, {codes.count(75)} ended with 75, 0 doubled")


@pytest.mark.parametrize("form", ["first", "later"])
def test_a_round_over_two_accounts_is_small(
    form: str, house: House, serve: Serve, rng: Random, measured: Measured
) -> None:
    """Under 100 MB, also where it reads all of a history."""
    end = house.clock()
    for exchange, uid in (("binance", "11"), ("bitget", "12")):
        whose = account(Ledger(draw(rng, 2000, end - timedelta(days=3), end)), exchange, uid=uid)
        house.add(exchange, whose, serve(whose).url)
    if form == "later":
        house.run(*ROUND).check(0)
    done, counts = house.counted(*ROUND)
    done.check(0)
    assert counts["peak_kb"] < MOST_KB
    measured(f"a {form} round over two accounts: {counts['peak_kb'] / 1000:.0f} MB")
