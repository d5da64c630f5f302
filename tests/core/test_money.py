"""Money is exact from text to text, and the one division loses nothing."""

from __future__ import annotations

import ast
import math
from decimal import Decimal, DivisionByZero, FloatOperation, Inexact, getcontext, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trademon.core
from trademon.core.money import (
    EXACT,
    MAX_DECIMALS,
    MAX_INTEGER_DIGITS,
    check_decimal,
    divide,
    format_decimal,
    format_figure,
    parse_decimal,
    round_figure,
    share,
    strip_zeros,
)
from trademon.errors import DataError

THIRTY_NINES = "9" * MAX_INTEGER_DIGITS
SMALLEST = "0." + "0" * (MAX_DECIMALS - 1) + "1"

plain_amounts = st.builds(
    lambda sign, whole, fraction: f"{sign}{whole}.{fraction}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**MAX_INTEGER_DIGITS - 1).map(str),
    st.text("0123456789", min_size=1, max_size=MAX_DECIMALS),
)
positive = st.integers(1, 10**24).map(lambda n: Decimal(f"{n}e-12"))


# --- text to money ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", "0.1"),
        ("  45000.00 ", "45000"),
        ("-0.00000001", "-0.00000001"),
        ("+7", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e-8", "0.00000001"),
        ("1.5E+3", "1500"),
        (THIRTY_NINES, THIRTY_NINES),
        (SMALLEST, SMALLEST),
        ("0e400", "0"),
        ("0e-400", "0"),
        ("-0.000", "0"),
    ],
)
def test_what_an_exchange_writes_is_read_exactly(text: str, value: str):
    """Signs, exponents and missing digits around the point all mean the number they spell."""
    assert parse_decimal(text) == Decimal(value)
    assert format_decimal(parse_decimal(text)) == value


@pytest.mark.parametrize(
    "raw",
    [
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1e400",
        "1e-400",
        "1e30",
        "1e9999999",
        "1e-31",
        "1" + "0" * MAX_INTEGER_DIGITS,
        SMALLEST + "1",
        "٣",
        "１２",
        "1٫5",
        "",
        " ",
        ".",
        "-",
        "e5",
        "1,000",
        "1_000",
        "0x10",
        "1 2",
        "1.2.3",
        "--1",
        "0" * 81,
    ],
)
def test_what_is_no_number_is_refused(raw: str):
    """Not finite, out of range, non-ASCII digits, separators: none of it becomes money."""
    with pytest.raises(DataError):
        parse_decimal(raw)


@pytest.mark.parametrize(
    "raw", [0.1, 1.0, math.nan, math.inf, True, False, None, b"1", [], {}, 10**30, -(10**30), 10**400]
)
def test_what_is_no_text_is_refused(raw: object):
    """A float has lost digits already, a bool is no amount, and an int has the same limits as text."""
    with pytest.raises(DataError):
        parse_decimal(raw)


@pytest.mark.parametrize("raw", ["NaN", "sNaN", "-Infinity", "1e30", "1e-31"])
def test_a_decimal_is_held_to_the_same_limits(raw: str):
    """A Decimal made elsewhere gets no easier treatment than text."""
    with pytest.raises(DataError):
        parse_decimal(Decimal(raw))
    with pytest.raises(DataError):
        check_decimal(Decimal(raw))


def test_the_error_names_the_field_and_cuts_the_text():
    """Whoever reads the message learns which field was bad, without a screenful of it."""
    with pytest.raises(DataError, match="price is not a number") as caught:
        parse_decimal("x" * 500, what="price")
    assert len(caught.value.message) < 100


def test_trailing_zeros_beyond_the_limit_are_no_digits():
    """Forty written decimals of which one counts are a number of one decimal."""
    assert parse_decimal("1.5" + "0" * 40) == Decimal("1.5")


def test_ints_and_decimals_pass_unchanged():
    """An int or a Decimal within range is taken as it is."""
    assert parse_decimal(42) == 42
    assert parse_decimal(Decimal("0.10")) == Decimal("0.10")


# --- money to text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E-8", "0.00000001"),
        ("4.5E+4", "45000"),
        ("0E-12", "0"),
        ("-0", "0"),
        ("-0.50", "-0.5"),
        ("100", "100"),
        (THIRTY_NINES + "." + "1" * MAX_DECIMALS, THIRTY_NINES + "." + "1" * MAX_DECIMALS),
    ],
)
def test_money_is_written_plainly(value: str, text: str):
    """No exponent, no trailing zero, no negative zero, no digit lost."""
    assert format_decimal(Decimal(value)) == text


def test_stripping_zeros_does_not_round_to_the_callers_context():
    """The default context would cut this at 28 digits."""
    long = Decimal("1." + "0" * 40 + "1")
    assert strip_zeros(long) == long


@given(plain_amounts)
def test_text_to_money_to_text_and_back_is_the_same_number(text: str):
    """Within the limits, nothing is lost on the way in or out."""
    value = parse_decimal(text)
    assert Fraction(value) == Fraction(text)
    assert parse_decimal(format_decimal(value)) == value


@given(plain_amounts)
def test_written_money_has_one_form_only(text: str):
    """Equal numbers are equal text, so text can be compared."""
    written = format_decimal(parse_decimal(text))
    assert written == format_decimal(parse_decimal(text + "0"))
    assert "e" not in written.lower()
    assert written != "-0"


@pytest.mark.parametrize(
    ("value", "figure"),
    [
        ("2.50", "2.5"),
        ("0." + "3" * 60, "0." + "3" * 30),
        ("0." + "6" * 60, "0." + "6" * 29 + "7"),
        ("0." + "9" * 60, "1"),
        ("-0." + "0" * 59 + "1", "0"),
        ("1e15", "1000000000000000"),
    ],
)
def test_a_figure_is_rounded_once_to_thirty_decimals(value: str, figure: str):
    """What a share left in the sixtieth place does not show."""
    assert format_figure(Decimal(value)) == figure


def test_a_half_spoiled_in_the_sixtieth_place_rounds_as_the_half_it_is():
    """Two computations of one figure that differ only by the cut of a share print the same digits."""
    half = Decimal("0." + "0" * 29 + "15")
    spoiled = Decimal("0." + "0" * 29 + "14" + "9" * 29)
    assert round_figure(half) == round_figure(spoiled)


# --- the one division ---------------------------------------------------------------------------------------------


def test_a_third_and_the_rest_are_the_whole():
    """One third is cut; two thirds are what is left; together nothing is missing."""
    third = share(Decimal(1), Decimal(1), Decimal(3))
    assert format_figure(third) == "0." + "3" * 30
    with localcontext(EXACT):
        assert third + (1 - third) == 1


def test_the_last_part_is_the_whole_and_not_a_division():
    """Where the part is the whole, the total comes back digit by digit."""
    total = Decimal("0." + "123456789" * 6)
    assert share(total, Decimal(7), Decimal("7.000")) is total


def test_a_share_of_nothing_is_nothing():
    """No fee has no share."""
    assert share(Decimal(0), Decimal(1), Decimal(3)) == 0


def test_a_share_of_a_rebate_is_a_rebate():
    """Signs pass through."""
    assert share(Decimal(-3), Decimal(1), Decimal(3)) == -1


def test_a_share_of_no_whole_is_an_error_and_not_a_number():
    """A whole of zero cannot be shared out."""
    with pytest.raises(DivisionByZero):
        share(Decimal(1), Decimal(1), Decimal(0))


@given(st.builds(lambda sign, n: sign * n, st.sampled_from([1, -1]), positive), st.lists(positive, min_size=1))
def test_parts_taken_one_after_the_other_add_up_exactly(total: Decimal, parts: list[Decimal]):
    """However a total is shared out, the parts and their remainders sum to it to the last digit."""
    with localcontext(EXACT):
        left, whole = total, sum(parts, Decimal(0))
        taken = []
        for part in parts:
            taken.append(share(left, part, whole))
            left -= taken[-1]
            whole -= part
        assert sum(taken, Decimal(0)) == total
        assert left == 0


@given(positive, positive, positive)
def test_a_share_is_off_by_less_than_its_cut(total: Decimal, part: Decimal, whole: Decimal):
    """The exact fraction is never further away than the sixtieth decimal."""
    part = min(part, whole)
    truth = Fraction(total) * Fraction(part) / Fraction(whole)
    assert abs(Fraction(share(total, part, whole)) - truth) <= Fraction(1, 10**60)


def test_dividing_for_show_keeps_far_more_digits_than_are_shown():
    """An average cost is divided once and rounded once."""
    assert format_figure(divide(Decimal(2), Decimal(3))) == "0." + "6" * 29 + "7"


# --- no float, nowhere --------------------------------------------------------------------------------------------


def test_the_exact_context_raises_instead_of_rounding():
    """A result that does not fit, or a float that slips in, is an error and never a figure."""
    with localcontext(EXACT), pytest.raises(Inexact):
        Decimal(1) / Decimal(3)
    with localcontext(EXACT), pytest.raises(FloatOperation):
        Decimal(0.5)  # noqa: RUF032


def test_money_leaves_the_callers_context_alone():
    """Nothing here changes how the rest of a program computes."""
    before = getcontext().copy()
    format_figure(share(Decimal(1), Decimal(1), Decimal(3)))
    assert str(getcontext()) == str(before)


def _floats(tree: ast.AST) -> list[Any]:
    return [
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Attribute) and node.attr in {"total_seconds", "timestamp"})
    ]


# How alike two spellings are (symbols.nearest) is no money.
MODULES = sorted(p for p in Path(trademon.core.__file__).parent.glob("*.py") if p.stem != "symbols")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_float_is_written_in_core(path: Path):
    """No float literal, no `float`, none of the datetime calls that return one."""
    assert not _floats(ast.parse(path.read_text(encoding="utf-8")))
