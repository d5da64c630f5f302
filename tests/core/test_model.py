"""A fill that cannot be true is not made, and fills of one book have one order."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trademon.core.model import Balance, Disposal, Fee, Fill, fill_order, id_order
from trademon.errors import DataError

AT = datetime(2026, 1, 1, 10, tzinfo=UTC)
GOOD = Fill(
    trade_id="1",
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    side="buy",
    quantity=Decimal("0.001"),
    price=Decimal(45000),
    executed_at=AT,
    fees=(Fee(Decimal("0.045"), "USDT"),),
)


def ids(fills: list[Fill]) -> list[str]:
    return [fill.trade_id for fill in sorted(fills, key=fill_order)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"trade_id": ""}, "no trade id"),
        ({"side": "BUY"}, "unknown side"),
        ({"side": ""}, "unknown side"),
        ({"quantity": Decimal(0)}, "no quantity above zero"),
        ({"quantity": Decimal("-0")}, "no quantity above zero"),
        ({"quantity": Decimal(-1)}, "no quantity above zero"),
        ({"quantity": Decimal("NaN")}, "quantity of fill 1 is not finite"),
        ({"quantity": Decimal("Infinity")}, "quantity of fill 1 is not finite"),
        ({"quantity": Decimal("1e30")}, "quantity of fill 1 is out of range"),
        ({"quantity": Decimal("1e-31")}, "quantity of fill 1 has more than 30 decimals"),
        ({"price": Decimal("-0.01")}, "price below zero"),
        ({"price": Decimal("NaN")}, "price of fill 1 is not finite"),
        ({"price": Decimal("1e400")}, "price of fill 1 is out of range"),
        ({"fees": (Fee(Decimal("Infinity"), "BNB"),)}, "fee of fill 1 is not finite"),
        ({"fees": (Fee(Decimal(1), "BNB"), Fee(Decimal("NaN"), "BNB"))}, "fee of fill 1 is not finite"),
        ({"executed_at": datetime(2026, 1, 1)}, "time without a zone"),  # noqa: DTZ001
    ],
)
def test_a_fill_that_cannot_be_true_is_refused(wrong: dict[str, Any], message: str):
    """Each impossible field is named, with the fill it came in."""
    with pytest.raises(DataError, match=message):
        replace(GOOD, **wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"price": Decimal(0)},
        {"fees": ()},
        {"fees": (Fee(Decimal("-0.01"), "USDT"),)},
        {"fees": (Fee(Decimal(0), "BNB"),)},
        {"quantity": Decimal("1e-18")},
        {"quantity": Decimal("1e15")},
        {"trade_id": "0xabc-7"},
        {"executed_at": AT.astimezone()},
    ],
)
def test_odd_but_possible_fills_are_taken(right: dict[str, Any]):
    """A gift, a rebate, dust and a fortune are all executions."""
    assert replace(GOOD, **right).symbol == "BTC/USDT"


def test_a_fill_cannot_be_changed():
    """Values are frozen: a correction is another fill."""
    with pytest.raises(FrozenInstanceError):
        GOOD.price = Decimal(1)  # type: ignore[misc]


def test_the_raw_answer_does_not_make_two_fills_differ():
    """The same execution seen through two endpoints is the same fill."""
    assert replace(GOOD, raw='{"a":1}') == replace(GOOD, raw='{"b":2}')


def test_earlier_fills_come_first_whatever_their_ids():
    """Time decides before the id does."""
    assert ids(
        [replace(GOOD, trade_id="1", executed_at=AT + timedelta(microseconds=1)), replace(GOOD, trade_id="2")]
    ) == [
        "2",
        "1",
    ]


def test_ties_in_time_are_ordered_by_number():
    """Nine comes before ten, which it would not as text."""
    for order in itertools.permutations(["10", "9", "100"]):
        assert ids([replace(GOOD, trade_id=i) for i in order]) == ["9", "10", "100"]


def test_ids_that_are_no_numbers_come_after_those_that_are():
    """A mixed book still has one order."""
    for order in itertools.permutations(["b", "7", "a", "12"]):
        assert ids([replace(GOOD, trade_id=i) for i in order]) == ["7", "12", "a", "b"]


def test_a_new_epoch_comes_after_the_old_one_in_a_tie():
    """Where an exchange starts counting anew, its small ids are the newer ones."""
    assert ids([replace(GOOD, trade_id="1", epoch=1), replace(GOOD, trade_id="9")]) == ["9", "1"]


@pytest.mark.parametrize("text", ["²", "٣", "-1", "1.0", "1e5", " 1"])
def test_only_ascii_digits_make_a_numeric_id(text: str):
    """What merely looks like a number is text."""
    assert id_order(text) == (10**40, text)


def test_a_disposals_net_is_its_gross_less_its_fees():
    """And a rebate adds to it."""
    disposal = Disposal(1, AT, Decimal(1), Decimal(110), Decimal(10), Decimal("-0.5"), ())
    assert disposal.net == Decimal("10.5")


def test_a_balance_is_what_is_free_and_what_is_locked():
    """Both belong to the account."""
    assert Balance("BTC", Decimal("0.75"), Decimal("0.25")).total == 1
