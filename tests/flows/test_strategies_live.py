"""Nothing leaves unless a person has armed it, every limit holds, nothing is halted, and all of it is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.desk import Desk
from tests.flows.trader import Trader, placed
from trademon.core.model import KeyRights
from trademon.exchanges import binance, binance_orders, bitget_orders
from trademon.flows.scan import ScanLimits
from trademon.store.halts import end_halt_by_file, halt_by_file
from trademon.store.reading import FillQuery
from trademon.strategies.protocol import Buy, Cancel, Sell

BUY = Buy("BTC/USDT", quote=Decimal(100))


@pytest.fixture
def trader(desk: Desk, tmp_path: Path) -> Trader:
    return Trader(desk, tmp_path)


async def test_an_armed_strategy_sends_within_its_limits(trader: Trader, exchange: str) -> None:
    world, server = await trader.open(exchange)
    trader.add()
    trader.arm()
    done = await trader.run(Buy("BTC/USDT", quote=Decimal("100.009"), reason="because"))
    assert (done.outcome, done.orders, done.intents) == ("success", 1, 1)
    (order,) = world.orders()
    assert (order.side, order.status, order.quantity) == ("buy", "FILLED", Decimal("0.002"))
    (kept,) = trader.desk.user.strategy_orders()
    assert (kept.status, kept.client_id, kept.order_id) == ("filled", order.client_id, order.order_id)
    assert kept.client_id.startswith("tm-s-")
    assert len(kept.client_id) <= 36
    assert kept.reason == "because"
    assert [record.method for record in server.order_requests] == ["POST"]

    await trader.desk.scan()
    (fill,) = trader.desk.user.fills(FillQuery()).fills
    assert fill.strategy == "s"


async def test_limit_orders_rest_are_shown_and_taken_back(trader: Trader, exchange: str) -> None:
    world, _ = await trader.open(exchange)
    trader.add()
    trader.arm()
    await trader.run(Buy("BTC/USDT", quantity=Decimal("0.00219"), limit=Decimal("40000.019")))
    (order,) = world.orders()
    assert (order.quantity, order.price, order.status) == (Decimal("0.002"), Decimal("40000.01"), "NEW")
    assert trader.statuses() == ["open"]
    (kept,) = trader.desk.user.strategy_orders()
    done = await trader.run(Cancel(kept.client_id))
    assert done.outcome == "success"
    assert [o.status for o in world.orders()] == ["CANCELED"]
    assert trader.statuses() == ["cancelled", "cancelled"]
    refused = await trader.run(Cancel("tm-somebody-elses"))
    assert refused.outcome == "failed"
    assert len(trader.order_requests) == 2


async def test_on_paper_nothing_leaves(trader: Trader) -> None:
    world, _ = await trader.open()
    trader.add()
    for _ in range(3):
        assert (await trader.run(BUY, Sell("BTC/USDT", quantity=Decimal("0.001")), Cancel("x"))).mode == "paper"
    assert trader.order_requests == []
    assert world.orders() == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "over the largest order": ({"max_order": Decimal("99.99")}, "over the largest order"),
    "another symbol": ({"symbols": ("ETH/USDT",)}, "not armed for BTC/USDT"),
    "another currency": ({"order_currency": "EUR"}, "its limit is in EUR"),
    "rights unknown": ({"unknown_ok": False}, "not known whether the key may trade"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_over_a_limit_nothing_leaves(trader: Trader, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(self: object) -> None:
        return None

    monkeypatch.setattr(binance.Binance, "fetch_rights", unknown)
    limits, said = REFUSED[name]
    await trader.open()
    trader.add()
    trader.arm(**limits)
    done = await trader.run(BUY)
    assert done.outcome == "failed"
    assert said in done.detail
    assert trader.statuses() == ["refused"]
    assert trader.order_requests == []


async def test_a_key_that_may_not_trade_sends_nothing(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rights(self: object) -> KeyRights:
        return KeyRights(can_trade=False)

    monkeypatch.setattr(binance.Binance, "fetch_rights", rights)
    await trader.open()
    trader.add()
    trader.arm()
    assert "may not trade" in (await trader.run(BUY)).detail
    assert trader.order_requests == []


async def test_orders_of_a_day_are_counted_as_sent_and_not_as_filled(trader: Trader) -> None:
    """Three rejected by the exchange use up a limit of three; the next UTC day begins anew."""
    world, _ = await trader.open(world=trader.desk.scripted(deposits={"USDT": Decimal(50)}))
    trader.add()
    trader.arm(orders_a_day=3)
    for _ in range(3):
        assert "insufficient balance" in (await trader.run(BUY)).detail
    assert trader.statuses() == ["rejected"] * 3
    assert "3 orders were sent today" in (await trader.run(BUY, BUY)).detail
    assert len(trader.order_requests) == 3
    trader.desk.clock.move(hours=12)
    await trader.run(BUY)
    assert len(trader.order_requests) == 4
    assert placed(world) == []


async def test_one_run_cannot_order_more_than_a_day_may(trader: Trader) -> None:
    world, _ = await trader.open()
    trader.add()
    trader.arm(orders_a_day=2)
    done = await trader.run(*[BUY] * 5)
    assert (done.outcome, done.orders) == ("partial", 2)
    assert len(trader.order_requests) == len(placed(world)) == 2


async def test_the_loss_of_the_day_stops_it(trader: Trader) -> None:
    """A hundred lost by hand, and the limit is ninety; a limit of 110 is not reached."""
    world = trader.desk.scripted()
    world.buy("ETH/USDT", "1", "2000", trader.desk.clock() - timedelta(minutes=5))
    world.sell("ETH/USDT", "1", "1900", trader.desk.clock() - timedelta(minutes=4))
    await trader.open(world=world)
    trader.add()
    trader.arm(max_daily_loss=Decimal(90))
    assert "loss of the day has reached its limit: 100 of 90 USDT" in (await trader.run(BUY)).detail
    assert trader.order_requests == []
    trader.arm(max_daily_loss=Decimal(110))
    assert (await trader.run(BUY)).outcome == "success"


async def test_lots_of_today_under_water_count_as_lost(trader: Trader) -> None:
    world = trader.desk.scripted()
    world.buy("BTC/USDT", "0.1", "51000", trader.desk.clock() - timedelta(minutes=5))
    await trader.open(world=world)
    trader.add()
    trader.arm(max_daily_loss=Decimal(99))
    assert "100 of 99" in (await trader.run(BUY)).detail
    assert trader.order_requests == []


async def test_an_unknown_loss_sends_nothing(trader: Trader) -> None:
    """Sold today without a known cost: what that lost nobody knows."""
    world = trader.desk.scripted()
    world.sell("ETH/USDT", "1", "1900", trader.desk.clock() - timedelta(minutes=4))
    await trader.open(world=world)
    trader.add()
    trader.arm()
    assert "a sale of ETH/USDT has no known cost" in (await trader.run(BUY)).detail
    assert trader.order_requests == []


async def test_a_fee_without_a_price_is_an_unknown_loss(trader: Trader) -> None:
    world = trader.desk.scripted()
    at = trader.desk.clock() - timedelta(minutes=3)
    world.buy("SOL/USDT", "1", "10", at, fee="0.001", fee_currency="XYZ")
    await trader.open(world=world)
    trader.add()
    trader.arm()
    assert "a fee of SOL/USDT in XYZ has no price yet" in (await trader.run(BUY)).detail
    assert trader.order_requests == []


async def test_an_account_that_was_not_read_whole_has_an_unknown_loss(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symbols that were never asked for may hide what was lost."""
    await trader.open(limits=ScanLimits(sweep=0))
    trader.add()
    trader.arm()
    monkeypatch.setattr("trademon.flows.strategies._SWEEP_S", 0.0)
    assert "not every symbol of main was read yet" in (await trader.run(BUY)).detail
    assert trader.order_requests == []


async def test_a_loss_in_another_currency_is_unknown(trader: Trader) -> None:
    world = trader.desk.scripted()
    at = trader.desk.clock() - timedelta(minutes=4)
    world.buy("ETH/BTC", "1", "0.05", at)
    world.sell("ETH/BTC", "1", "0.04", at + timedelta(minutes=1))
    await trader.open(world=world)
    trader.add()
    trader.arm()
    assert "is in BTC, the limit in USDT" in (await trader.run(BUY)).detail
    assert trader.order_requests == []


# --- halt, in every order of events -------------------------------------------------------------------------------


def by_file(trader: Trader) -> None:
    halt_by_file(trader.halt_file, trader.desk.clock(), "enough")


def by_store(trader: Trader) -> None:
    trader.desk.store.set_halt("enough")


def by_disarming(trader: Trader) -> None:
    user = trader.desk.user
    user.arm_strategy(user.strategy("s"), None)


def by_disabling(trader: Trader) -> None:
    user = trader.desk.user
    user.enable_strategy(user.strategy("s"), on=False)


def by_removing(trader: Trader) -> None:
    user = trader.desk.user
    user.remove_strategy(user.strategy("s"))


STOPS = [by_file, by_store, by_disarming, by_disabling, by_removing]


@pytest.mark.parametrize("stop", [by_file, by_store])
async def test_halted_before_the_run(trader: Trader, stop: Callable[[Trader], None]) -> None:
    await trader.open()
    trader.add()
    trader.arm()
    stop(trader)
    done = await trader.run(BUY)
    assert done.outcome == "skipped"
    assert "enough" in done.detail
    assert trader.order_requests == []
    trader.desk.store.end_halt()
    end_halt_by_file(trader.halt_file)
    assert (await trader.run(BUY)).outcome == "success"


@pytest.mark.parametrize("stop", STOPS)
async def test_stopped_while_it_decides(trader: Trader, stop: Callable[[Trader], None]) -> None:
    await trader.open()
    trader.add()
    trader.arm()
    done = await trader.run(BUY, BUY, then=lambda: stop(trader))
    assert done.outcome == "failed"
    assert trader.order_requests == []


@pytest.mark.parametrize("stop", STOPS)
async def test_stopped_between_the_check_and_the_sending(
    trader: Trader, stop: Callable[[Trader], None], exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is committed and signed when somebody stops it: the gate is the last thing asked."""
    await trader.open(exchange)
    trader.add()
    trader.arm()
    module: Any = binance_orders if exchange == "binance" else bitget_orders
    adapter = module.BinanceOrders if exchange == "binance" else module.BitgetOrders
    place = adapter.place

    async def late(self: Any, order: Any, client_id: str, gate: Callable[[], None]) -> Any:
        def stopped_gate() -> None:
            stop(trader)
            gate()

        return await place(self, order, client_id, stopped_gate)

    monkeypatch.setattr(adapter, "place", late)
    await trader.run(BUY)
    assert trader.order_requests == []
    (order,) = trader.desk.user.strategy_orders()
    assert order.status == "refused"
    assert order.sent_at is not None


async def test_stopped_after_the_first_of_several(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = await trader.open()
    trader.add()
    trader.arm()
    place = binance_orders.BinanceOrders.place

    async def then_halted(self: Any, *args: Any) -> Any:
        done = await place(self, *args)
        by_store(trader)
        return done

    monkeypatch.setattr(binance_orders.BinanceOrders, "place", then_halted)
    done = await trader.run(BUY, BUY, BUY)
    assert (done.outcome, done.orders) == ("partial", 1)
    assert len(trader.order_requests) == len(placed(world)) == 1


async def test_a_halt_file_that_cannot_be_looked_at_stops_too(trader: Trader) -> None:
    await trader.open()
    trader.add()
    trader.arm()
    (trader.directory / "state").write_text("not a directory")
    done = await trader.run(BUY)
    assert done.outcome == "skipped"
    assert trader.order_requests == []


async def test_a_cancellation_does_not_leave_after_a_halt(trader: Trader) -> None:
    await trader.open()
    trader.add()
    trader.arm()
    await trader.run(Buy("BTC/USDT", quantity=Decimal("0.002"), limit=Decimal(40000)))
    (kept,) = trader.desk.user.strategy_orders()
    await trader.run(Cancel(kept.client_id), then=lambda: by_store(trader))
    assert len(trader.order_requests) == 1


# --- what else keeps it from sending ------------------------------------------------------------------------------


async def test_a_file_that_changed_after_arming_is_not_even_run(trader: Trader) -> None:
    await trader.open()
    file = trader.add()
    trader.arm()
    file.write_text(file.read_text() + "\n# changed\n")
    done = await trader.run(BUY)
    assert done.outcome == "failed"
    assert "another than when it was armed" in done.detail
    file.unlink()
    assert "cannot read" in (await trader.run(BUY)).detail
    assert trader.order_requests == []


async def test_armed_until_a_time(trader: Trader) -> None:
    await trader.open()
    trader.add()
    trader.arm(until=trader.desk.clock() + timedelta(minutes=5))
    trader.desk.clock.move(minutes=5)
    assert (await trader.run(BUY)).outcome == "skipped"
    assert trader.order_requests == []


async def test_another_key_under_the_same_name_is_another_account(trader: Trader) -> None:
    """The broker is removed and another added under its name: what was armed was the first."""
    await trader.open()
    trader.add()
    trader.arm()
    trader.desk.user.remove_broker(trader.desk.user.broker("main"))
    await trader.open(uid="12")
    done = await trader.run(BUY)
    assert "another account" in done.detail
    assert trader.order_requests == []


async def test_two_rounds_at_once_run_it_once(trader: Trader) -> None:
    world, _ = await trader.open()
    trader.add()
    trader.arm()
    done = await asyncio.gather(*(trader.run(BUY) for _ in range(4)))
    assert sorted(run.outcome for run in done) == ["skipped"] * 3 + ["success"]
    assert len(trader.order_requests) == len(placed(world)) == 1


async def test_an_account_that_cannot_be_read_sends_nothing(trader: Trader) -> None:
    from trademon.demo import faults

    _, server = await trader.open()
    trader.add()
    trader.arm()
    server.faults[:] = [faults.status(503, path="/api/v3/account")]
    done = await trader.run(BUY)
    assert done.outcome == "failed"
    assert trader.order_requests == []


async def test_what_is_under_the_market_s_steps_is_not_sent(trader: Trader) -> None:
    await trader.open()
    trader.add()
    trader.arm()
    done = await trader.run(Buy("BTC/USDT", quantity=Decimal("0.0009")), Sell("BTC/USDT", quantity=Decimal("0.0001")))
    assert done.outcome == "failed"
    assert trader.order_requests == []


async def test_state_is_kept_with_what_left_and_not_with_what_was_refused(trader: Trader) -> None:
    await trader.open()
    trader.add()
    trader.arm(max_order=Decimal(200))
    user = trader.desk.user
    await trader.run(Buy("BTC/USDT", quote=Decimal(300)), state='{"n":1}')
    assert user.strategy_state(user.strategy("s"), "live") == {}
    await trader.run(BUY, state='{"n":2}')
    assert user.strategy_state(user.strategy("s"), "live") == {"n": 2}
    await trader.run(state='{"n":3}')
    assert user.strategy_state(user.strategy("s"), "live") == {"n": 3}
    assert user.strategy_state(user.strategy("s"), "paper") == {}
