"""Answers to orders that get lost: no order is ever sent twice, and in the end it is known what became of each."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from tests.flows.desk import Desk
from tests.flows.trader import Trader, placed
from trademon.demo import faults, order_faults
from trademon.demo.faults import Fault
from trademon.demo.scripted import ScriptedWorld
from trademon.exchanges import order_client
from trademon.strategies.protocol import Buy, Cancel

BUY = Buy("BTC/USDT", quote=Decimal(100))
TIMEOUT = {
    "binance": json.dumps({"code": -1007, "msg": "Timeout waiting for response from backend server."}),
    "bitget": json.dumps({"code": "40010", "msg": "Request timed out", "requestTime": 1, "data": None}),
}


@pytest.fixture
def trader(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trader:
    monkeypatch.setattr(order_client, "_PAUSES_S", (0.0, 0.0))
    return Trader(desk, tmp_path)


def lost(exchange: str) -> dict[str, Fault]:
    """Every way in which one answer is lost."""
    return {
        "taken, reset": order_faults.reset_after(1),
        "taken, silent": order_faults.hang_after(1),
        "taken, cut": order_faults.cut_after(1),
        "taken, 502": order_faults.status_after(502, times=1),
        "taken, 500 and a code": order_faults.status_after(500, TIMEOUT[exchange], times=1),
        "taken, 400 and a code": order_faults.status_after(400, TIMEOUT[exchange], times=1),
        "taken, {}": order_faults.status_after(200, "{}", times=1),
        "taken, a page": order_faults.html_after(1),
        "not taken, reset": order_faults.reset_before(1),
        "not taken, 503": order_faults.status_before(503, times=1),
        "not taken, 200 and nothing": order_faults.status_before(200, times=1),
    }


def check(trader: Trader, world: ScriptedWorld) -> Counter[str]:
    """Each order was sent once, is there once or not at all, and is known as what it is; how many of which."""
    kept = [order for order in trader.desk.user.strategy_orders() if order.sent_at is not None]
    there = placed(world)
    assert len(there) == len(set(there))
    sent = [r.params.get("newClientOrderId") or r.params.get("clientOid") for r in trader.order_requests]
    assert len(sent) == len(set(sent))
    assert set(sent) == {order.client_id for order in kept}
    assert {o.client_id for o in kept if o.status == "filled"} == set(there)
    assert all(order.status in ("filled", "not sent") for order in kept)
    return Counter(order.status for order in kept)


@pytest.mark.parametrize(
    ("exchange", "number"),
    [("binance", 20), ("bitget", 20)]
    + [pytest.param(name, 200, marks=pytest.mark.nightly) for name in ("binance", "bitget")],
)
async def test_lost_answers_double_nothing(trader: Trader, exchange: str, number: int) -> None:
    rng = Random(int(os.environ.get("CHAOS_SEED", "7")))
    world, server = await trader.open(exchange)
    trader.add()
    trader.arm(orders_a_day=10**6)
    kinds: Counter[str] = Counter()
    while sum(kinds.values()) < number:
        name, fault = rng.choice(list(lost(exchange).items()))
        # Now and then the look-up fails, too: what is not known is looked up again in the next run.
        blind = [faults.status(503, path="order")] if rng.random() < 0.3 else []
        server.faults[:] = [fault, *blind]
        before = len(trader.order_requests)
        await trader.run(BUY)
        kinds[name] += len(trader.order_requests) - before
        trader.desk.clock.move(seconds=rng.choice((1, 30, 100)))
    server.faults.clear()
    for _ in range(3):
        trader.desk.clock.move(minutes=2)
        await trader.run()
    outcomes = check(trader, world)
    assert sum(outcomes.values()) == number
    assert outcomes["not sent"] == sum(n for name, n in kinds.items() if name.startswith("not"))
    # And it goes on as if nothing had been.
    assert (await trader.run(BUY)).outcome == "success"
    check(trader, world)


@pytest.mark.parametrize("name", lost("binance"))
async def test_each_way_to_lose_an_answer_ends_known(trader: Trader, exchange: str, name: str) -> None:
    world, server = await trader.open(exchange)
    trader.add()
    trader.arm()
    server.faults[:] = [lost(exchange)[name]]
    done = await trader.run(BUY, BUY)
    (first, *rest) = trader.desk.user.strategy_orders()
    if name.startswith("taken"):
        assert done.outcome == "success"  # found by our own id at once, and so the second could follow
        assert [first.status, *(o.status for o in rest)] == ["filled", "filled"]
    else:
        assert first.status == "unknown"
        assert [o.status for o in rest] == ["refused"]
        assert "not known yet" in rest[0].detail
        again = await trader.run(BUY)
        assert (again.outcome, len(trader.order_requests)) == ("failed", 1)
        trader.desk.clock.move(minutes=2)
        assert (await trader.run(BUY)).outcome == "success"
        assert trader.statuses() == ["not sent", "refused", "filled"]
    assert len(placed(world)) == len(set(placed(world)))


async def test_a_definite_refusal_is_recorded_and_not_repeated(trader: Trader, exchange: str) -> None:
    world, _ = await trader.open(exchange, can_trade=False)
    trader.add()
    trader.arm()
    done = await trader.run(BUY)
    assert done.outcome == "failed"
    assert trader.statuses() in (["rejected"], ["refused"])  # by the exchange, or by its key's rights before
    assert placed(world) == []
    await trader.run()
    assert len(trader.order_requests) <= 1


async def test_a_host_that_asks_to_wait_is_left_alone(trader: Trader, exchange: str) -> None:
    world, server = await trader.open(exchange)
    trader.add()
    trader.arm()
    path = "/api/v3/order" if exchange == "binance" else "place-order"
    server.faults[:] = [faults.status(429, {"Retry-After": "30"}, times=1, path=path)]
    done = await trader.run(BUY, BUY)
    assert done.outcome == "failed"
    assert len(trader.order_requests) <= 1
    server.faults.clear()
    asked = len(server.requests)
    assert "wait" in (await trader.run(BUY)).detail
    assert len(server.order_requests) <= 1
    assert [r for r in list(server.requests)[asked:] if "order" in r.path.lower()] == []
    trader.desk.clock.move(seconds=31)
    assert (await trader.run(BUY)).outcome == "success"
    assert len(placed(world)) == 1


async def test_a_cancellation_whose_answer_is_lost_is_known_by_the_order_itself(trader: Trader, exchange: str) -> None:
    world, server = await trader.open(exchange)
    trader.add()
    trader.arm()
    await trader.run(Buy("BTC/USDT", quantity=Decimal("0.002"), limit=Decimal(40000)))
    (kept,) = trader.desk.user.strategy_orders()
    server.faults[:] = [order_faults.reset_after(1)]
    await trader.run(Cancel(kept.client_id))
    assert [order.status for order in world.orders()] == ["CANCELED"]
    assert trader.statuses()[0] == "cancelled"
    assert (await trader.run(BUY)).outcome == "success"
    assert len(trader.order_requests) == 3


async def test_an_answer_about_another_order_is_not_believed(trader: Trader) -> None:
    """Whatever an answer says, it is about our order only if it names it."""
    _, server = await trader.open("bitget")
    trader.add()
    trader.arm()
    row = {"orderId": "5", "clientOid": "somebody-elses"}
    body = json.dumps({"code": "00000", "msg": "success", "requestTime": 1, "data": row})
    server.faults[:] = [order_faults.status_after(200, body, times=1)]
    await trader.run(BUY)
    (kept,) = trader.desk.user.strategy_orders()
    assert (kept.status, kept.order_id != "5") == ("filled", True)


async def test_cancelled_while_sending_it_is_looked_up_afterwards(trader: Trader) -> None:
    """Ctrl-C with the order on its way: the next run finds out, and sends nothing meanwhile."""
    world, server = await trader.open()
    trader.deadline_s = 5.0
    trader.add()
    trader.arm()
    server.faults[:] = [order_faults.hang_after(1)]
    running = asyncio.create_task(trader.run(BUY))
    while not placed(world):
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert trader.statuses() == ["sending"]
    assert (await trader.run()).outcome == "success"
    assert trader.statuses() == ["filled"]
    assert len(trader.order_requests) == 1
