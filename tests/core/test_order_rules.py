"""Orders in a market's steps: never more, never worse, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trademon.core.model import Market
from trademon.core.order_rules import MarketRules, OrderRequest, Wish, round_down, round_price, shape, share_down

BTC = Market("BTC/USDT", "BTC", "USDT", "BTCUSDT")
RULES = MarketRules(
    quantity_step=Decimal("0.001"),
    price_step=Decimal("0.01"),
    amount_step=Decimal("0.01"),
    min_quantity=Decimal("0.001"),
    max_quantity=Decimal(10),
    min_notional=Decimal(5),
    max_notional=Decimal(100_000),
)
LAST = Decimal(50_000)
D = Decimal


@pytest.mark.parametrize(
    ("wish", "quantity", "amount", "price", "value"),
    [
        (Wish("buy", D("0.0019"), None, None), None, "95", None, "95"),
        (Wish("buy", None, D("99.999"), None), None, "99.99", None, "99.99"),
        (Wish("sell", D("0.0029"), None, None), "0.002", None, None, "100"),
        (Wish("sell", None, D("149"), None), "0.002", None, None, "100"),
        (Wish("buy", D("0.0029"), None, D("40000.019")), "0.002", None, "40000.01", "80.00002"),
        (Wish("sell", D("0.0029"), None, D("60000.011")), "0.002", None, "60000.02", "120.00004"),
        (Wish("buy", None, D("100"), D("40000")), "0.002", None, "40000", "80"),
    ],
)
def test_shaped(wish: Wish, quantity: str | None, amount: str | None, price: str | None, value: str) -> None:
    made = shape(wish, BTC, RULES, LAST)
    assert isinstance(made, OrderRequest)
    wanted = [None if text is None else Decimal(text) for text in (quantity, amount, price, value)]
    assert [made.quantity, made.amount, made.price, made.value] == wanted


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish("sell", D("0.0009"), None, None), "less than one step"),
        (Wish("buy", None, D("4.99"), None), "less than one step"),
        (Wish("buy", D("0.002"), None, D("2000")), "the least value is 5 USDT"),
        (Wish("sell", D("10.001"), None, None), "the largest quantity is 10 BTC"),
        (Wish("sell", D("2.001"), None, None), "the largest value is 100000 USDT"),
        (Wish("buy", D("1"), None, D("0.001")), "rounds to nothing"),
    ],
)
def test_refused(wish: Wish, said: str) -> None:
    made = shape(wish, BTC, RULES, LAST)
    assert isinstance(made, str)
    assert said in made


def test_what_is_not_traded_takes_no_order() -> None:
    closed = MarketRules(RULES.quantity_step, RULES.price_step, RULES.amount_step, is_trading=False)
    assert shape(Wish("buy", D(1), None, None), BTC, closed, LAST) == "BTC/USDT is not traded now"


AMOUNT = st.decimals(min_value=D("0.00000001"), max_value=D(10**9), places=8)
STEP = st.sampled_from([D(1).scaleb(-n) for n in range(9)] + [D("0.5"), D("0.25"), D(5), D(10)])


@settings(deadline=None)
@given(AMOUNT, STEP)
def test_law_rounded_down_is_the_largest_multiple_below(value: Decimal, step: Decimal) -> None:
    down = round_down(value, step)
    assert down <= value < down + step
    assert down % step == 0


@settings(deadline=None)
@given(AMOUNT, AMOUNT, STEP)
def test_law_a_share_costs_no_more_than_was_given(value: Decimal, by: Decimal, step: Decimal) -> None:
    import decimal

    with decimal.localcontext(prec=200):
        share = share_down(value, by, step)
        assert share * by <= value < (share + step) * by


@settings(deadline=None)
@given(AMOUNT, STEP, st.sampled_from(("buy", "sell")))
def test_law_a_limit_is_never_made_worse(limit: Decimal, step: Decimal, side: str) -> None:
    price = round_price(limit, step, side)  # type: ignore[arg-type]
    assert price % step == 0
    assert abs(price - limit) < step
    assert price <= limit if side == "buy" else price >= limit


@settings(deadline=None)
@given(st.sampled_from(("buy", "sell")), st.booleans(), AMOUNT, st.none() | AMOUNT, AMOUNT, STEP, STEP, STEP)
def test_law_an_order_is_worth_no_more_than_was_wanted(
    side: str,
    by_amount: bool,
    size: Decimal,
    limit: Decimal | None,
    last: Decimal,
    quantity_step: Decimal,
    price_step: Decimal,
    amount_step: Decimal,
) -> None:
    wish = Wish(side, None if by_amount else size, size if by_amount else None, limit)  # type: ignore[arg-type]
    made = shape(wish, BTC, MarketRules(quantity_step, price_step, amount_step), last)
    if isinstance(made, str):
        return
    assert (made.quantity is None) == (made.amount is not None)
    if by_amount:
        assert made.value <= size
    elif made.quantity is not None:
        assert made.quantity <= size
    else:
        assert made.amount is not None
        assert made.amount <= size * last
