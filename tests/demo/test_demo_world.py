"""The seeded world: the same for everyone who asks, and its money adds up."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trademon.demo.model import STATUSES, locked
from trademon.demo.profiles import BINANCE_DEMO, BINANCE_TEST, BITGET_DEMO, BITGET_TEST
from trademon.demo.scripted import ScriptedWorld

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROFILES = pytest.mark.parametrize("profile", [BINANCE_TEST, BITGET_TEST, BINANCE_DEMO, BITGET_DEMO])
END = START + timedelta(hours=2)


@PROFILES
def test_a_world_is_the_same_however_it_is_asked(make_world, profile):
    """One asked once at the end and one asked in many steps, forth and back, agree on every execution and order."""
    at_once, in_steps = make_world(profile, lambda: END), make_world(profile, lambda: END)
    for minutes in (-3000, -3600, -10, 0, 1, 7, 3, 60, 59):
        in_steps.orders(START + timedelta(minutes=minutes))
        in_steps.executions(START + timedelta(minutes=minutes), "BTC/USDT")
        in_steps.price("ETH/USDT", START + timedelta(minutes=minutes))
    assert in_steps.executions() == at_once.executions()
    assert in_steps.orders() == at_once.orders()
    early = START + timedelta(minutes=5)
    assert in_steps.executions(early) == at_once.executions(early) == make_world(profile, lambda: early).executions()
    assert at_once.orders(early) == make_world(profile, lambda: early).orders()
    assert at_once.price("BTC/USDT", early) == make_world(profile, lambda: early).price("BTC/USDT")


def test_another_seed_is_another_world(make_world):
    """The seed matters: two of them share no history."""
    one, two = (make_world(BINANCE_TEST, lambda: START, seed) for seed in (1, 2))
    assert one.executions() != two.executions()


@PROFILES
def test_balances_are_deposits_plus_fills_less_fees_and_never_negative(make_world, profile):
    """Walked execution by execution with plain arithmetic, no coin ever goes below zero, and the end agrees exactly."""
    world = make_world(profile, lambda: END)
    totals = dict(world.deposits)
    for e in world.executions():
        sign = 1 if e.side == "buy" else -1
        for coin, change in (
            (e.base, sign * e.quantity),
            (e.quote, -sign * e.quantity * e.price),
            (e.fee_currency, -e.fee),
        ):
            totals[coin] = totals.get(coin, Decimal(0)) + change
        assert min(totals.values()) >= 0
    assert world.balances() == totals
    for minutes in (-2000, -500, 0, 60, 120):
        now = START + timedelta(minutes=minutes)
        total = world.balances(now)
        assert all(amount <= total[coin] for coin, amount in locked(world.orders(now)).items())


@PROFILES
def test_no_symbol_sells_more_than_it_bought(make_world, profile):
    """A book per symbol has a lot for each sale: the demo shows profits, not unmatched sales."""
    held: Counter[str] = Counter()
    for e in make_world(profile, lambda: END).executions():
        held[e.symbol] += e.quantity if e.side == "buy" else -e.quantity  # type: ignore[assignment]
        held[e.symbol] -= e.fee if e.fee_currency == e.base else 0  # type: ignore[assignment]
        assert held[e.symbol] >= 0


def test_binance_ids_collide_across_symbols_and_rise_within_one(make_world):
    """The same trade id stands for trades on two symbols; within a symbol ids rise with time and leave gaps."""
    world = make_world(BINANCE_TEST, lambda: END)
    by_id: dict[str, set[str]] = {}
    for e in world.executions():
        by_id.setdefault(e.trade_id, set()).add(e.symbol)
    assert sum(len(symbols) > 1 for symbols in by_id.values()) > 100
    for symbol in (m.symbol for m in BINANCE_TEST.markets):
        ids = [int(e.trade_id) for e in world.executions(symbol=symbol)]
        assert ids == sorted(set(ids))
        assert ids[-1] - ids[0] > len(ids)


def test_bitget_ids_are_unique_nineteen_digits_and_rise_with_time(make_world):
    """Trade ids are unique over all symbols and sort as the executions do; order ids are unique too."""
    world = make_world(BITGET_TEST, lambda: END)
    ids = [int(e.trade_id) for e in world.executions()]
    assert ids == sorted(set(ids))
    assert {len(str(i)) for i in ids} == {19}
    orders = [o.order_id for o in world.orders()]
    assert len(orders) == len(set(orders))
    assert not set(orders) & {str(i) for i in ids}


def test_the_test_worlds_hold_what_loses_trades_elsewhere(make_world):
    """Ties within and across orders, partial fills in every ended state, resting orders, three kinds of fee coin."""
    world = make_world(BINANCE_TEST, lambda: END)
    done = world.executions()
    per_ms: dict[object, set[str]] = {}
    for e in done:
        per_ms.setdefault((e.symbol, e.executed_at), set()).add(e.order_id)
    assert Counter((e.symbol, e.executed_at) for e in done).most_common(1)[0][1] >= 4
    assert any(len(orders) > 1 for orders in per_ms.values())
    ended = {(o.status, 0 < o.executed < o.quantity) for o in world.orders()}
    assert {("CANCELED", True), ("CANCELED", False), ("EXPIRED", True), ("EXPIRED_IN_MATCH", True)} <= ended
    assert {o.status for o in world.orders()} <= set(STATUSES)
    assert any(o.executions and o.updated_at - o.created_at > timedelta(hours=2) for o in world.orders())
    for e in done:
        received = e.base if e.side == "buy" else e.quote
        assert e.fee_currency in (received, "BNB")
    assert {"BNB", "USDT", "BTC"} <= {e.fee_currency for e in done}


@pytest.mark.parametrize("profile", [BINANCE_DEMO, BITGET_DEMO])
def test_the_demo_is_alive(make_world, profile):
    """In an hour's watching there is an execution every few seconds, on every symbol, bought and sold."""
    world = make_world(profile, lambda: START + timedelta(hours=1))
    history, live = world.executions(START), [e for e in world.executions() if e.executed_at > START]
    assert 60 <= len({(e.symbol, e.order_id) for e in history}) <= 150
    assert 3600 / 6 < len(live) < 3600 / 1.5
    assert {e.symbol for e in live} == {m.symbol for m in profile.markets}
    assert min(Counter(e.side for e in live).values()) > len(live) / 4


def test_a_scripted_world_says_what_it_was_told():
    """Explicit executions come back in time order, a late one with its old time, and balances follow."""
    world = ScriptedWorld(clock=lambda: END, deposits={"USDT": Decimal(100)})
    world.buy("BTC/USDT", "0.001", "45000", START + timedelta(minutes=2), fee="0.000001", fee_currency="BTC")
    late = world.sell("BTC/USDT", "0.0005", "46000", START + timedelta(minutes=1), fee="0.023", trade_id="7")
    assert world.executions()[0] is late
    assert world.balances() == {"USDT": Decimal("77.977"), "BTC": Decimal("0.000499")}
    assert [o.status for o in world.orders()] == ["FILLED", "FILLED"]
    assert world.executions(START) == world.orders(START) == []
    assert world.price("BTC/USDT") == Decimal(45000)
