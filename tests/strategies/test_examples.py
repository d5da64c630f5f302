"""The three strategies that come along: what they want, and when they want nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trademon.strategies import BrokerView, Buy, Coin, Context, Holding, OrderView, Sell
from trademon.strategies.examples import dca, exits, rebalance

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
D = Decimal


def ask(
    strategy: Any, broker: BrokerView, state: dict[str, Any] | None = None, now: datetime = NOW, **given: str
) -> list[Any]:
    parameters = strategy.Strategy.PARAMETERS | given
    held = {} if state is None else state
    return list(strategy.Strategy().decide(Context("x", now, False, parameters, (broker,), held)))


def view(balances: dict[str, str] | None = None, positions: Any = None, orders: Any = (), **prices: str) -> BrokerView:
    coins = {coin: Coin(D(amount), D(0)) for coin, amount in (balances or {}).items()}
    told = {f"{coin}/USDT": D(price) for coin, price in prices.items()}
    return BrokerView("main", "binance", coins, positions or {}, told, (), orders)


# --- dca ----------------------------------------------------------------------------------------------------------


def test_dca_buys_at_once_and_then_when_it_is_time() -> None:
    state: dict[str, Any] = {}
    broker = view(BTC="50000")
    (first,) = ask(dca, broker, state)
    assert (first.symbol, first.quote, first.limit) == ("BTC/USDT", D(25), None)
    assert ask(dca, broker, state, NOW + timedelta(hours=23, minutes=59)) == []
    (second,) = ask(dca, broker, state, NOW + timedelta(days=1))
    assert isinstance(second, Buy)
    # After a week in which nothing ran it buys once, not seven times.
    assert len(ask(dca, broker, state, NOW + timedelta(days=8))) == 1
    assert ask(dca, broker, state, NOW + timedelta(days=8, minutes=1)) == []


def test_dca_waits_below_a_price_and_does_not_count_that_as_bought() -> None:
    state: dict[str, Any] = {}
    assert ask(dca, view(BTC="50000"), state, below="49999") == []
    assert state == {}
    assert len(ask(dca, view(BTC="49999"), state, below="49999")) == 1


@pytest.mark.parametrize("wrong", [{"amount": "many"}, {"every": "soon"}, {"symbol": "ETH/USDT"}])
def test_dca_says_what_is_wrong_with_a_parameter(wrong: dict[str, str]) -> None:
    with pytest.raises((ValueError, LookupError)):
        ask(dca, view(BTC="50000"), {"bought_at": "2026-01-01T00:00:00+00:00"}, **wrong)


# --- rebalance ----------------------------------------------------------------------------------------------------


def test_rebalance_sells_first_and_buys_for_what_is_missing() -> None:
    """10,000 in all: BTC at 80 % instead of 50, ETH at 10 % instead of 25."""
    broker = view({"BTC": "0.16", "ETH": "0.5", "USDT": "1000"}, BTC="50000", ETH="2000")
    sale, purchase = ask(rebalance, broker)
    assert isinstance(sale, Sell)
    assert (sale.symbol, sale.quote) == ("BTC/USDT", D(3000))
    assert isinstance(purchase, Buy)
    assert (purchase.symbol, purchase.quote) == ("ETH/USDT", D(1500))


def test_rebalance_leaves_alone_what_is_near_small_or_under_way() -> None:
    near = view({"BTC": "0.104", "ETH": "1.2", "USDT": "2400"}, BTC="50000", ETH="2000")
    assert ask(rebalance, near) == []
    small = view({"BTC": "0", "USDT": "15"}, BTC="50000", ETH="2000")
    assert ask(rebalance, small, least="10") == []
    order = OrderView("tm-1", "BTC/USDT", "buy", D(1), D(0), D(1), NOW)
    waiting = view({"BTC": "0.16", "ETH": "0.5", "USDT": "1000"}, orders=(order,), BTC="50000", ETH="2000")
    assert ask(rebalance, waiting) == []
    assert ask(rebalance, view(BTC="50000", ETH="2000")) == []


@pytest.mark.parametrize("weights", ["BTC", "BTC=60,ETH=50", "BTC=0", "BTC=50,BTC=10", "BTC=-5", ""])
def test_rebalance_refuses_weights_that_are_none(weights: str) -> None:
    with pytest.raises((ValueError, LookupError, ArithmeticError)):
        ask(rebalance, view({"USDT": "1000"}, BTC="50000", ETH="2000"), weights=weights)


def test_rebalance_without_a_price_does_nothing() -> None:
    with pytest.raises(LookupError, match="tells no price of ETH/USDT"):
        ask(rebalance, view({"USDT": "1000"}, BTC="50000"))


# --- exits --------------------------------------------------------------------------------------------------------

HELD = {"BTC/USDT": Holding(D("0.5"), D(20_000))}  # at 40,000


@pytest.mark.parametrize(
    ("price", "said"),
    [("47999", ""), ("48000", "take profit"), ("36000.01", ""), ("36000", "stop loss"), ("1", "stop loss")],
)
def test_exits_at_its_two_prices(price: str, said: str) -> None:
    done = ask(exits, view({"BTC": "0.4"}, HELD, BTC=price))
    if not said:
        assert done == []
        return
    (sale,) = done
    assert isinstance(sale, Sell)
    assert (sale.symbol, sale.quantity) == ("BTC/USDT", D("0.4"))  # what is free of it
    assert said in sale.reason


def test_exits_without_one_of_the_two() -> None:
    low, high = view({"BTC": "1"}, HELD, BTC="1"), view({"BTC": "1"}, HELD, BTC="90000")
    assert ask(exits, low, stop_loss="") == []
    assert ask(exits, high, take_profit="") == []


def test_exits_sells_nothing_whose_cost_is_not_known_or_that_is_being_sold() -> None:
    assert ask(exits, view({"BTC": "1"}, BTC="90000")) == []
    order = OrderView("tm-1", "BTC/USDT", "sell", D(1), D(0), None, NOW)
    assert ask(exits, view({"BTC": "1"}, HELD, (order,), BTC="90000")) == []
