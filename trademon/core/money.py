"""Exact money: text to `Decimal` and back, and the one division.

A figure is a sum of products of what the exchange said, so it is a finite decimal and can be kept exactly. The only
division is a share of a total (a lot's fee, a pool's cost): it is cut at `SHARE_QUANTUM`, and whoever takes the last
part takes the remainder, so totals balance to the last digit. What leaves trademon is rounded once, to
`FIGURE_QUANTUM`, thirty places behind any currency's smallest unit and thirty before the cut could be seen.
"""

from __future__ import annotations

import re
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Final

from trademon.errors import DataError

ZERO: Final = Decimal(0)
MAX_DECIMALS: Final = 30
MAX_INTEGER_DIGITS: Final = 30
MAX_TEXT: Final = 80
SHARE_QUANTUM: Final = Decimal(1).scaleb(-60)
FIGURE_QUANTUM: Final = Decimal(1).scaleb(-30)

# Two factors of at most 60 digits and sums of a billion of them stay below 200 digits: inside this context every
# addition and multiplication is exact, and one that is not raises instead of rounding.
EXACT: Final = Context(
    prec=200, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, FloatOperation]
)
_ROUNDING: Final = Context(
    prec=260, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation]
)
RATE_CONTEXT: Final = Context(
    prec=18, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation]
)
"""A rate that is itself a quotient or a product of rates: 18 significant digits."""
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def parse_decimal(raw: object, *, what: str = "amount") -> Decimal:
    """One finite number from an exchange's text, exactly.

    Args:
        raw: Text, an int or a Decimal. A float has already lost digits and is refused, as are NaN and infinities.
        what: The field's name, for the error.

    Raises:
        DataError: not a number, a float, not finite, or beyond 30 digits before or behind the point.
    """
    if isinstance(raw, str):
        text = raw.strip()
        found = None if len(text) > MAX_TEXT else _NUMBER.fullmatch(text)
        if found is None:
            raise DataError(f"{what} is not a number: {text[:40]!r}")
        value = Decimal(text)
        if len(text) <= MAX_DECIMALS and found[3] is None:
            return value  # so short and without an exponent, it has no more digits than are kept: most are
    elif isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < 10**MAX_INTEGER_DIGITS:
        value = Decimal(raw)
    elif isinstance(raw, Decimal):
        value = raw
    else:
        raise DataError(f"{what} is not a number in text but {type(raw).__name__}")
    return check_decimal(value, what=what)


def check_decimal(value: Decimal, *, what: str = "amount") -> Decimal:
    """`value` itself when it is finite and within the digits trademon keeps exactly; DataError otherwise."""
    if not isinstance(value, Decimal):
        raise DataError(f"{what} is no Decimal but {type(value).__name__}")
    text = str(value)
    if len(text) <= MAX_DECIMALS and text[-1].isdigit() and "E" not in text:
        return value  # as nearly all are: a look at the text costs a third of taking the number apart
    if not value.is_finite():
        raise DataError(f"{what} is not finite")
    _, digits, exponent = value.as_tuple()
    if len(digits) > MAX_TEXT:
        raise DataError(f"{what} has too many digits")
    if value and value.adjusted() >= MAX_INTEGER_DIGITS:
        raise DataError(f"{what} is out of range")
    if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
        value = strip_zeros(value)
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
            raise DataError(f"{what} has more than {MAX_DECIMALS} decimals")
    return value


def strip_zeros(value: Decimal) -> Decimal:
    """The same number without trailing zeros. `Decimal.normalize` alone would round to the caller's context."""
    return _ROUNDING.normalize(value) if value else ZERO


def format_decimal(value: Decimal) -> str:
    """Plain text, exact, no exponent and no trailing zeros: `0.00000001`, `45000`, `0`."""
    return format(strip_zeros(value), "f")


def round_figure(value: Decimal) -> Decimal:
    """A figure as it leaves trademon. Rounded twice on purpose: the first snaps what a share left in the 60th place,
    so that splitting a fill in two cannot show in the last digit."""
    return strip_zeros(
        value.quantize(FIGURE_QUANTUM.scaleb(-15), context=_ROUNDING).quantize(FIGURE_QUANTUM, context=_ROUNDING)
    )


def format_figure(value: Decimal) -> str:
    """`round_figure` as plain text."""
    return format(round_figure(value), "f")


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`total * part / whole`, cut at `SHARE_QUANTUM`; the whole of it when `part` is the whole."""
    if part == whole:
        return total
    if not total:
        return ZERO
    product = _ROUNDING.multiply(total, part)
    return _ROUNDING.divide(product, whole).quantize(SHARE_QUANTUM, context=_ROUNDING)


def cut_share(value: Decimal) -> Decimal:
    """`value` with at most as many decimals as a share has."""
    exponent = value.as_tuple().exponent
    return value.quantize(SHARE_QUANTUM, context=_ROUNDING) if isinstance(exponent, int) and exponent < -60 else value


def divide(total: Decimal, by: Decimal) -> Decimal:
    """`total / by` for a figure that is shown and never booked, such as an average cost."""
    return _ROUNDING.divide(total, by)
