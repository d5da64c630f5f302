"""The demo exchange takes orders: what is true of them afterwards, in both kinds of worlds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trademon.demo.model import TradedWorld
from trademon.demo.placing import NotTaken, Ticket, find_order, place, take_back
from trademon.demo.profiles import BINANCE_DEMO, BITGET_DEMO, Profile
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.world import World

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
D = Decimal


def buy(world: TradedWorld, amount: str = "100", client_id: str = "a") -> Ticket:
    return Ticket(world.markets["BTC/USDT"], "buy", "MARKET", client_id, None, D(amount), None)


@pytest.mark.parametrize("profile", [BINANCE_DEMO, BITGET_DEMO])
def test_in_a_seeded_world_an_order_is_one_more_fill_and_ids_stay_in_order(profile: Profile) -> None:
    """What it would have done without the order, it still has done; what is asked twice is answered the same."""
    at = [NOW]
    world = World(5, NOW, lambda: at[0], profile)
    at[0] += timedelta(seconds=30)
    before, balances = world.executions(symbol="BTC/USDT"), world.balances()
    order = place(world, buy(world), at[0])
    (made,) = order.executions
    assert world.executions(symbol="BTC/USDT") == [*before, made]
    assert world.balances()["USDT"] == balances["USDT"] - made.quantity * made.price
    assert world.balances()["BTC"] == balances.get("BTC", D(0)) + made.quantity - made.fee
    at[0] += timedelta(minutes=10)
    ids = [int(e.trade_id) for e in world.executions(symbol="BTC/USDT")]
    assert ids == sorted(set(ids))
    assert world.executions() == world.executions()
    assert find_order(world, at[0], client_id="a") == order
    assert all(amount >= 0 for amount in world.balances().values())


def test_a_limit_waits_binds_what_it_needs_and_is_taken_back() -> None:
    world = ScriptedWorld(clock=lambda: NOW, deposits={"USDT": D(100)})
    world.set_price("BTC/USDT", "50000")
    ticket = replace(buy(world), type="LIMIT", quantity=D("0.002"), amount=None, price=D(40000))
    order = place(world, ticket, NOW)
    assert (order.status, order.executions) == ("NEW", ())
    with pytest.raises(NotTaken, match="balance"):
        place(world, buy(world, "50", "b"), NOW)
    assert take_back(world, NOW, client_id="a").status == "CANCELED"
    with pytest.raises(NotTaken, match="unknown"):
        take_back(world, NOW, client_id="a")
    assert place(world, buy(world, "50", "b"), NOW).status == "FILLED"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"amount": D("100.0")}, ""),
        ({"amount": D("4")}, "notional"),
        ({"amount": D("1000000")}, "balance"),
        ({"amount": None, "quantity": D("0.000000001")}, "lot"),
        ({"type": "LIMIT", "amount": None, "quantity": D("0.002"), "price": D("40000.000000001")}, "price"),
    ],
)
def test_what_is_refused(change: dict[str, object], fault: str) -> None:
    world = ScriptedWorld(clock=lambda: NOW, deposits={"USDT": D(1000)})
    world.set_price("BTC/USDT", "50000")
    ticket = replace(buy(world), **change)  # type: ignore[arg-type]
    if not fault:
        place(world, ticket, NOW)
        with pytest.raises(NotTaken, match="duplicate"):
            place(world, ticket, NOW)
        return
    with pytest.raises(NotTaken, match=fault):
        place(world, ticket, NOW)
    assert world.orders() == []


def test_a_market_nobody_trades_takes_no_orders() -> None:
    world = World(5, NOW, lambda: NOW, BINANCE_DEMO)
    with pytest.raises(NotTaken, match="closed"):
        place(world, Ticket(world.markets["ADA/USDT"], "buy", "MARKET", "a", D(100), None, None), NOW)
