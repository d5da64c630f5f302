"""How an exact number is written into a column."""

from __future__ import annotations

from decimal import Decimal

from trademon.core.money import format_decimal
from trademon.errors import DataError


def decimal_text(value: Decimal) -> str:
    """A Decimal as it is stored. A float or a NaN is refused here, on the way in.

    Book totals may have more decimals than an input may, so only what is not a finite Decimal is refused.
    """
    if not isinstance(value, Decimal):
        raise DataError(f"only Decimal is stored as money, not {type(value).__name__}")
    if not value.is_finite():
        raise DataError("a number that is not finite is not stored")
    return format_decimal(value)
