"""The guard: an order leaves only where every single condition holds, whatever else is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trademon.core.strategy_model import Arming, Limits, Standing
from trademon.strategies.guard import Asked, Facts, refusal

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIMITS = Limits(Decimal(100), "USDT", 5, Decimal(50), "USDT", ("BTC/USDT",), ("main",), NOW + timedelta(hours=1))
ARMING = Arming(LIMITS, "abc", NOW, {"main": (1, 2)})
STANDING = Standing(True, ARMING, 4, 0, None)
ASKED = Asked("main", (1, 2), "BTC/USDT", "USDT", Decimal(100))
FACTS = Facts(NOW, "abc", Decimal("49.99"), "", can_trade=True)


def test_at_every_limit_it_still_may() -> None:
    assert refusal(ASKED, STANDING, FACTS) is None


@pytest.mark.parametrize(
    ("asked", "standing", "facts", "said"),
    [
        ({}, {"halted": "since noon"}, {}, "halted"),
        ({}, {"arming": None}, {}, "not armed"),
        ({}, {"is_enabled": False}, {}, "disabled"),
        ({}, {}, {"code_hash": "abd"}, "file"),
        ({}, {}, {"now": NOW + timedelta(hours=1)}, "until"),
        ({}, {}, {"can_trade": False}, "may not trade"),
        ({}, {}, {"can_trade": None}, "not known whether"),
        ({"broker": "other"}, {}, {}, "not armed for the broker"),
        ({"account": (1, 3)}, {}, {}, "another account"),
        ({"symbol": "ETH/USDT"}, {}, {}, "not armed for ETH/USDT"),
        ({}, {"unsettled": 1}, {}, "earlier order"),
        ({"currency": "EUR"}, {}, {}, "priced in EUR"),
        ({"value": Decimal(0)}, {}, {}, "not known"),
        ({"value": Decimal("100.00000001")}, {}, {}, "largest order"),
        ({}, {"sent_today": 5}, {}, "5 orders"),
        ({}, {}, {"loss": None, "loss_unknown": "a gap"}, "a gap"),
        ({}, {}, {"loss": Decimal(50)}, "50 of 50 USDT"),
    ],
)
def test_each_condition_alone_stops_it(
    asked: dict[str, object], standing: dict[str, object], facts: dict[str, object], said: str
) -> None:
    no = refusal(replace(ASKED, **asked), replace(STANDING, **standing), replace(FACTS, **facts))  # type: ignore[arg-type]
    assert no is not None
    assert said in no


AMOUNTS = st.decimals(min_value=-10, max_value=200, places=2)
NAMES = st.sampled_from(("main", "other"))
SYMBOLS = st.sampled_from(("BTC/USDT", "ETH/USDT", "ETH/BTC"))
LIMITS_DRAWN = st.builds(
    Limits,
    AMOUNTS,
    st.sampled_from(("USDT", "BTC")),
    st.integers(0, 5),
    AMOUNTS,
    st.just("USDT"),
    st.sets(SYMBOLS).map(tuple),
    st.sets(NAMES).map(tuple),
    st.none() | st.integers(-2, 2).map(lambda hours: NOW + timedelta(hours=hours)),
)
ACCOUNTS = st.tuples(st.integers(1, 2), st.integers(1, 2))
STANDINGS = st.builds(
    Standing,
    st.booleans(),
    st.none()
    | st.builds(
        Arming,
        LIMITS_DRAWN,
        st.sampled_from("ab"),
        st.just(NOW),
        st.dictionaries(NAMES, ACCOUNTS),
        st.booleans(),
    ),
    st.integers(0, 6),
    st.integers(0, 1),
    st.none() | st.just("since noon"),
)
ASKS = st.builds(Asked, NAMES, ACCOUNTS, SYMBOLS, st.sampled_from(("USDT", "BTC")), st.none() | AMOUNTS)
FACTS_DRAWN = st.builds(
    Facts,
    st.integers(-2, 2).map(lambda hours: NOW + timedelta(hours=hours)),
    st.sampled_from("ab"),
    st.none() | AMOUNTS,
    st.just(""),
    st.sampled_from((None, True, False)),
)


@settings(deadline=None)
@given(ASKS, STANDINGS, FACTS_DRAWN)
def test_law_what_may_leave_meets_every_condition_and_only_that(asked: Asked, standing: Standing, facts: Facts) -> None:
    """The conditions written down a second time, another way: both must agree on every order there can be."""
    arming = standing.arming
    may = False
    if arming is not None:
        limits = arming.limits
        may = all(
            (
                standing.halted is None,
                standing.is_enabled,
                standing.unsettled == 0,
                facts.code_hash == arming.code_hash,
                facts.can_trade is True or (facts.can_trade is None and arming.rights_unknown_ok),
                limits.until is None or facts.now < limits.until,
                asked.broker in limits.brokers,
                arming.accounts.get(asked.broker) == asked.account,
                asked.symbol in limits.symbols,
            )
        )
        if asked.value is not None:
            may = may and all(
                (
                    asked.currency == limits.order_currency,
                    0 < asked.value <= limits.max_order,
                    standing.sent_today < limits.orders_a_day,
                    facts.loss is not None and facts.loss < limits.max_daily_loss,
                )
            )
    assert (refusal(asked, standing, facts) is None) == may
