"""kill -9 around an order: before and after it is stored, with the request sent, with half an answer there."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal
from random import Random

import pytest
from aiohttp import web

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import ChaosClock, House
from tests.chaos.test_kill import KILLED
from tests.cli.shell import SECRETS, ServerThread, now
from trademon.core.strategy_model import Arming, Limits
from trademon.demo.model import Market
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount
from trademon.store.user_strategies import NewStrategy
from trademon.strategies.runner import read_code

PATIENCE_S = 60
CODE = (
    "from decimal import Decimal\nfrom trademon.strategies import Buy\n\n\nclass Strategy:\n"
    "    def decide(self, context):\n        context.state['n'] = context.state.get('n', 0) + 1\n"
    "        yield Buy('BTC/USDT', quote=Decimal(100))\n"
)


class HoldOrder:
    """Takes an order, or not, and then says nothing or half of it; tells when that is so."""

    def __init__(self, how: str) -> None:
        self.reached = threading.Event()
        self._how = how

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET":
            return None
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self._how != "request sent":
            whole = (await request.match_info.handler(request)).body
            if self._how == "half an answer":
                response.content_length = len(whole)
                await response.prepare(request)
                await response.write(whole[: len(whole) // 2])
        self.reached.set()
        await asyncio.sleep(PATIENCE_S)
        return response


@pytest.fixture
def market(clock: ChaosClock) -> ScriptedWorld:
    traded = Market("BTC", "USDT", Decimal(50_000), Decimal("0.01"), Decimal("0.00001"))
    return ScriptedWorld(clock=clock, deposits={"USDT": Decimal(1_000_000)}, markets=(traded,))


@pytest.fixture
def exchange(serve: Serve, market: ScriptedWorld) -> ServerThread:
    return serve(trader(market))


def trader(market: ScriptedWorld) -> DemoAccount:
    """An account that may trade."""
    return DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", market, can_trade=True)


def arm(house: House, exchange: ServerThread, market: ScriptedWorld) -> None:
    """A broker that was read, and a strategy that may buy."""
    house.add("main", trader(market), exchange.url, days=0.01)
    house.run("scan").check(0)
    file = house.home / "s.py"
    file.write_text(CODE)
    with house.opened() as home:
        user = home.store.for_user(home.store.users()[0].name)
        user.add_strategy(NewStrategy("s", str(file), str(file), {}, (), Decimal("0.001")))
        broker = user.broker("main")
        limits = Limits(Decimal(150), "USDT", 10_000, Decimal(10_000), "USDT", ("BTC/USDT",), ("main",), None)
        accounts = {"main": (broker.id, broker.account_id or 0)}
        user.arm_strategy(user.strategy("s"), Arming(limits, read_code(str(file)).hash, now(), accounts, True))


def orders_kept(house: House) -> list[tuple[str, str]]:
    with house.opened() as home:
        user = home.store.for_user(home.store.users()[0].name)
        return [(o.client_id, o.status) for o in user.strategy_orders() if o.sent_at is not None]


def check(house: House, exchange: ServerThread, market: ScriptedWorld) -> None:
    """Each order that was sent was sent once, and is stored; none that is not stored exists."""
    time.sleep(0.3)  # a request whose client was killed is written down when the exchange has noticed
    sent = [record.params["newClientOrderId"] for record in exchange.server.order_requests]
    assert len(sent) == len(set(sent))
    kept = dict(orders_kept(house))
    assert set(sent) <= set(kept)
    there = [order.client_id for order in market.orders()]
    assert len(there) == len(set(there))
    assert set(there) <= set(sent)  # nobody else orders here


@pytest.mark.parametrize("point", ["before-commit", "after-commit", "request sent", "taken", "half an answer"])
def test_killed_around_an_order_nothing_is_doubled(
    house: House,
    exchange: ServerThread,
    market: ScriptedWorld,
    rng: Random,
    full: bool,
    measured: Measured,
    point: str,
) -> None:
    """After each kill the next runs find out what became of it; what is stored and never left is never sent."""
    arm(house, exchange, market)
    kills = 20 if full else 3
    done = 0
    _, counts = house.counted("strategy", "run", "s", "--json")
    commits = counts["before-commit"]
    for _ in range(kills):
        if "commit" in point:
            done += (
                house.run("strategy", "run", "s", kill=f"{point}:{rng.randint(commits - 4, commits)}").code == KILLED
            )
        else:
            hold = HoldOrder(point)
            exchange.server.faults[:] = [hold]
            child = house.start("strategy", "run", "s", "--json")
            assert hold.reached.wait(PATIENCE_S)
            child.kill()
            child.communicate()
            exchange.server.faults.clear()
            done += child.returncode == KILLED
        check(house, exchange, market)
        before = len(exchange.server.order_requests)
        house.run("strategy", "run", "s")
        assert len(exchange.server.order_requests) - before <= 1
        house.clock.move(minutes=2)
    house.clock.move(minutes=2)
    house.run("strategy", "run", "s").check(0)
    check(house, exchange, market)
    kept = orders_kept(house)
    there = {order.client_id for order in market.orders()}
    assert {status for _, status in kept} <= {"filled", "not sent"}
    assert {name for name, status in kept if status == "filled"} == there
    measured(f"{done} kills of armed runs, {point}: {len(there)} orders, 0 doubled, each known")
