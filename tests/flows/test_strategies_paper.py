"""On paper: priced at the last price, kept apart from real fills, and figures only where costs are known."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flows.desk import Desk
from tests.flows.trader import Deciding, Trader
from trademon.core.strategy_reports import PaperRow
from trademon.flows.strategies import run_active, run_strategy
from trademon.flows.strategy_list import list_strategies, paper_rows, show_strategy
from trademon.store.reading import FillQuery
from trademon.store.store import UserStore
from trademon.strategies.protocol import Buy, Cancel, Intent, Sell

D = Decimal


@pytest.fixture
def trader(desk: Desk, tmp_path: Path) -> Trader:
    return Trader(desk, tmp_path)


def rows(trader: Trader, name: str = "s") -> tuple[PaperRow, ...]:
    return paper_rows(trader.desk.user, trader.desk.user.strategy(name))


async def seen(trader: Trader, *intents: Intent, name: str = "s"):  # type: ignore[no-untyped-def]
    """One run; the account as the strategy was shown it."""
    deciding = Deciding(*intents)
    await run_strategy(trader.desk.user, name, trader.ports, runner=deciding)  # type: ignore[arg-type]
    return deciding.seen[0].brokers[0]


async def test_bought_and_sold_again_by_hand_reckoned(trader: Trader) -> None:
    """0.01 at 50,000 and sold at 55,000: 50 gross, 0.1 % of 500 and of 550 as fees."""
    world, _ = await trader.open()
    trader.add()
    await trader.run(Buy("BTC/USDT", quantity=D("0.01")))
    world.set_price("BTC/USDT", "55000")
    trader.desk.clock.move(minutes=1)
    (row,) = rows(trader)
    assert (row.open_quantity, row.open_cost, row.net) == (D("0.01"), D("500.5"), 0)
    assert row.unrealized == D("-0.5")  # at the price of the last run
    await trader.run(Sell("BTC/USDT", quantity=D("0.01")))
    (row,) = rows(trader)
    assert (row.gross, row.fees, row.net, row.open_quantity) == (D(50), D("1.05"), D("48.95"), 0)
    assert trader.desk.user.fills(FillQuery()).fills == ()
    assert trader.desk.user.stored_books() == ()
    assert trader.order_requests == []


async def test_what_is_shown_is_the_account_with_what_paper_moved(trader: Trader) -> None:
    world = trader.desk.scripted(deposits={"USDT": D(10_000)})
    world.buy("ETH/USDT", "2", "1900", trader.desk.clock() - timedelta(hours=1))
    await trader.open(world=world)
    trader.add()
    first = await seen(trader, Buy("BTC/USDT", quote=D(1000)), Sell("ETH/USDT", quantity=D("0.5")))
    assert (first.free("USDT"), first.free("ETH"), first.free("BTC")) == (D(6200), D(2), D(0))
    assert first.positions["ETH/USDT"].cost == D(3800)
    assert first.fills[0].symbol == "ETH/USDT"
    second = await seen(trader)
    assert second.free("USDT") == D(6200) - D("1001") + D("1000") - D("1")
    assert (second.free("ETH"), second.free("BTC")) == (D("1.5"), D("0.02"))
    assert second.positions["ETH/USDT"].quantity == D("1.5")
    assert second.positions["ETH/USDT"].cost == D(2850)
    assert second.positions["BTC/USDT"].cost == D(1001)


async def test_a_sale_of_what_is_really_held_gains_over_its_real_cost(trader: Trader) -> None:
    world = trader.desk.scripted()
    world.buy("ETH/USDT", "2", "1900", trader.desk.clock() - timedelta(hours=1))
    await trader.open(world=world)
    trader.add()
    await trader.run(Sell("ETH/USDT", quantity=D("0.5")))
    (row,) = rows(trader)
    assert (row.gross, row.fees, row.unmatched, row.fills) == (D(50), D(1), 0, 1)
    await trader.run(Sell("ETH/USDT", quantity=D("1.5")))
    (row,) = rows(trader)
    assert (row.gross, row.open_quantity, row.unmatched) == (D(200), 0, 0)
    done = await trader.run(Sell("ETH/USDT", quantity=D("0.1")))
    assert "not enough ETH: 0 of 0.1" in done.detail


async def test_a_sale_without_a_known_cost_is_in_no_figure(trader: Trader) -> None:
    await trader.open(world=trader.desk.scripted(deposits={"USDT": D(10_000), "ETH": D(3)}))
    trader.add()
    await trader.run(Sell("ETH/USDT", quantity=D(1)))
    (row,) = rows(trader)
    assert (row.gross, row.net, row.unmatched) == (0, 0, 1)


async def test_limits_wait_bind_and_are_filled_when_the_price_gets_there(trader: Trader) -> None:
    world, _ = await trader.open(world=trader.desk.scripted(deposits={"USDT": D(1000)}))
    trader.add()
    await trader.run(Buy("BTC/USDT", quantity=D("0.02"), limit=D(40000)))
    assert trader.statuses() == ["open"]
    assert rows(trader) == ()
    view = await seen(trader, Buy("BTC/USDT", quote=D(300)))
    assert view.free("USDT") == D(200)
    assert [(order.side, order.limit) for order in view.orders] == [("buy", D(40000))]
    assert trader.details()[-1].startswith("not enough USDT: 200 of 300.3")
    world.set_price("BTC/USDT", "39000")
    trader.desk.clock.move(minutes=1)
    await trader.run()
    assert trader.statuses()[0] == "filled"
    (row,) = rows(trader)
    assert row.open_cost == D(800) + D("0.8")  # at its limit, as an exchange would have

    await trader.run(Sell("BTC/USDT", quantity=D("0.01"), limit=D(60000)))
    waiting = trader.desk.user.strategy_orders(trader.desk.user.strategy("s"))[-1]
    assert (await trader.run(Cancel(waiting.client_id))).outcome == "success"
    assert (await trader.run(Cancel(waiting.client_id))).outcome == "failed"


async def test_a_limit_that_the_price_meets_is_filled_at_the_price(trader: Trader) -> None:
    await trader.open()
    trader.add()
    await trader.run(Buy("BTC/USDT", quantity=D("0.01"), limit=D(51000)))
    assert rows(trader)[0].open_cost == D("500.5")


@pytest.mark.parametrize(
    ("intent", "said"),
    [
        (Buy("NO/USDT", quote=D(10)), "main tells no price of NO/USDT"),
        (Buy("BTC/USDT", quote=D(10), broker="other"), "it names no broker of its own (main)"),
        (Buy("BTC/USDT", quote=D(10**9)), "not enough USDT"),
        (Sell("BTC/USDT", quantity=D(1)), "not enough BTC"),
        (Cancel("tm-x"), "it has no open order tm-x"),
    ],
)
async def test_what_cannot_be_is_recorded_with_the_reason(trader: Trader, intent: Intent, said: str) -> None:
    await trader.open()
    trader.add()
    done = await trader.run(intent)
    assert done.outcome == "failed"
    assert said in done.detail
    assert trader.statuses() == ["refused"]


async def test_state_comes_back_and_is_kept_only_from_a_good_run(trader: Trader) -> None:
    await trader.open()
    file = trader.add(
        code="class Strategy:\n    def decide(self, context):\n"
        "        context.state['n'] = context.state.get('n', 0) + 1\n"
        "        if context.state['n'] == 3:\n            raise ValueError('three')\n        return []\n"
    )
    user = trader.desk.user
    outcomes = [(await run_strategy(user, "s", trader.ports)).outcome for _ in range(4)]
    assert outcomes == ["success", "success", "failed", "failed"]
    assert user.strategy_state(user.strategy("s"), "paper") == {"n": 2}
    log = user.strategy_runs(limit=10)
    assert [run.outcome for run in log] == outcomes
    assert "ValueError: three" in log[-1].detail
    assert file.exists()


async def test_what_one_strategy_does_wrong_stops_no_other(trader: Trader) -> None:
    """In a round: one raises, one hangs, one is gone, one prints nonsense, one is disabled, one is good."""
    from trademon.strategies.runner import Runner

    await trader.open()
    decide = "class Strategy:\n    def decide(self, context):\n        "
    trader.add("raises", code=decide + "raise RuntimeError('x')\n")
    trader.add("hangs", code=decide + "while True: pass\n")
    trader.add("nonsense", code=decide + "import os; os._exit(0)\n")
    trader.add("gone").unlink()
    trader.add("off")
    trader.desk.user.enable_strategy(trader.desk.user.strategy("off"), on=False)
    good = (
        "from decimal import Decimal\nfrom trademon.strategies import Buy\n"
        "class Strategy:\n    def decide(self, context):\n        yield Buy('BTC/USDT', quote=Decimal(10))\n"
    )
    trader.add("good", code=good)
    runs = await run_active(trader.desk.user, trader.ports, runner=Runner(deadline_s=1.5))
    assert {run.strategy: run.outcome for run in runs} == {
        "raises": "failed",
        "hangs": "failed",
        "nonsense": "failed",
        "gone": "failed",
        "good": "success",
    }
    assert all(run.seconds >= 0 and run.detail for run in runs)
    assert trader.order_requests == []


async def test_brokers_apart_run_together_and_brokers_shared_in_turn(trader: Trader) -> None:
    from trademon.flows.strategies import _groups

    await trader.open("binance", "one", uid="1")
    await trader.open("bitget", "two", uid="2")
    trader.add("a", brokers=["one"])
    trader.add("b", brokers=["two"])
    trader.add("c", brokers=["one"])
    user = trader.desk.user
    names = sorted(sorted(s.name for s in group) for group in _groups(user, user.strategies()))
    assert names == [["a", "c"], ["b"]]
    trader.add("all")
    assert len(_groups(user, user.strategies())) == 1
    runs = await run_active(user, trader.ports)
    assert [(run.strategy, run.outcome) for run in runs] == [(n, "success") for n in ("a", "all", "b", "c")]


async def test_one_user_s_strategy_sees_nothing_of_another(trader: Trader) -> None:
    world = trader.desk.scripted()
    world.buy("ETH/USDT", "2", "1900", trader.desk.clock() - timedelta(hours=1))
    await trader.open(world=world)
    trader.add()
    trader.desk.store.add_user("bob", method=None, currency=None, telegram_chat=None)
    ann, bob = trader.desk.user, trader.desk.store.for_user("bob")
    trader.desk.user = bob
    await trader.open("bitget", "main", uid="99")
    trader.add("t")
    view = await seen(trader, Buy("BTC/USDT", quote=D(10)), name="t")
    assert (view.name, view.exchange, view.fills, dict(view.positions)) == ("main", "bitget", (), {})
    assert set(view.balances) == {"USDT"}
    trader.desk.user = ann
    await trader.run(Buy("BTC/USDT", quote=D(10)))
    theirs: list[tuple[UserStore, str]] = [(ann, "s"), (bob, "t")]
    for user, name in theirs:
        assert [s.name for s in user.strategies()] == [name]
        assert {order.strategy for order in user.strategy_orders()} == {name}
        assert {run.strategy for run in user.strategy_runs(limit=9)} == {name}
    # Even by its number another user's strategy gives nothing.
    stolen = ann.strategy("s")
    assert bob.paper_fills(stolen) == ()
    assert bob.strategy_state(stolen, "paper") == {}
    assert bob.strategy_orders(stolen) == ()
    bob.enable_strategy(stolen, on=False)
    bob.arm_strategy(stolen, None)
    bob.remove_strategy(stolen)
    assert ann.strategy("s").is_enabled


async def test_listed_and_opened(trader: Trader) -> None:
    await trader.open()
    trader.add()
    await trader.run(Buy("BTC/USDT", quote=D(100)))
    now = trader.desk.clock()
    report = list_strategies(trader.desk.store, [trader.desk.user], now=now, halt_file=trader.halt_file)
    (info,) = report.strategies
    assert (info.strategy.mode, report.halted, len(info.paper)) == ("paper", None, 1)
    assert info.last_run is not None
    assert info.last_run.outcome == "success"
    file = trader.directory / "s.py"
    trader.arm()
    file.write_text("# changed")
    trader.desk.store.set_halt("tired")
    shown = show_strategy(trader.desk.store, trader.desk.user, "s", now=now, halt_file=trader.halt_file)
    assert shown.info.armed_file_changed
    assert "tired" in (shown.halted or "")
    assert len(shown.orders) == 1


async def test_a_round_runs_the_strategies_that_are_on(trader: Trader) -> None:
    """Once the accounts were read; one that fails makes the round partial and stops nothing."""
    from trademon.flows.rounds import do_round

    await trader.open()
    imports = "from decimal import Decimal\nfrom trademon.strategies import Buy\n\n\n"
    decide = imports + "class Strategy:\n    def decide(self, context):\n        "
    trader.add("good", code=decide + "return [Buy('BTC/USDT', quote=Decimal(10))]\n")
    trader.add("raises", code=decide + "raise RuntimeError('x')\n")
    done = await do_round(trader.desk.user, trader.ports, "manual", only_due=False, default_minutes=30)
    assert done is not None
    parts = {task.name: task for task in done.tasks}
    assert parts["sync main"].outcome == "success"
    assert (parts["strategy good"].outcome, parts["strategy good"].detail) == ("success", "1 of 1 on paper")
    assert parts["strategy raises"].outcome == "failed"
    assert "RuntimeError: x" in parts["strategy raises"].detail
    assert done.outcome == "partial"
    assert trader.order_requests == []
