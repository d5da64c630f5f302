"""The curve: within its width, in text alone where it must be, and true at its ends."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ui.world import NOW, text_of
from trademon.core.pnl_reports import NetCurve
from trademon.ui.chart import HEIGHT, Chart, scale_of
from trademon.ui.text import ASCII

D = Decimal
BRAILLE = {chr(n) for n in range(0x2801, 0x2900)}


def curve(*amounts: str, hours: int = 24, currency: str = "USDT") -> NetCurve:
    return NetCurve(currency, tuple((NOW + timedelta(hours=hours * n), D(a)) for n, a in enumerate(amounts)))


UP_AND_DOWN = curve("10", "35.5", "-20", "-45", "5", "80", "72.25")


def test_it_reads_so() -> None:
    """The sum above it, round amounts at its left, zero as a line, dates below; stairs, for nothing is earned between
    two disposals."""
    assert text_of(Chart(UP_AND_DOWN, ASCII), 60).splitlines() == [
        "realised so far +72.25 USDT",
        "                                                   *********",
        "                                                   *       *",
        "+50.00                                             *",
        "                                                   *",
        "                 *********                         *",
        "                 *       *                         *",
        "        **********       *                         *",
        "  0.00  *----------------*----------------**********--------",
        "                         *                *",
        "                         **********       *",
        "                                  *       *",
        "                                  *********",
        "        2026-11-21           2026-11-24           2026-11-27",
    ]


@pytest.mark.parametrize("width", [30, 40, 80, 120, 200])
def test_it_is_as_wide_as_there_is_room(width: int) -> None:
    """And always as high; in Unicode of braille dots."""
    lines = text_of(Chart(UP_AND_DOWN), width).splitlines()
    assert len(lines) == HEIGHT + 2
    assert width - 3 <= max(len(line) for line in lines) <= width
    assert BRAILLE & set("".join(lines))


def test_where_nothing_can_be_drawn_the_sum_is_said() -> None:
    """A terminal of a few columns."""
    assert text_of(Chart(UP_AND_DOWN), 20).split() == ["realised", "so", "far", "+72.25", "USDT"]


def test_it_is_green_above_zero_and_red_below() -> None:
    """With a colour; without one there is no escape byte, whatever plotext draws with."""
    shown = text_of(Chart(UP_AND_DOWN), 80, color=True)
    assert "\x1b[32m" in shown
    assert "\x1b[31m" in shown
    assert "\x1b" not in text_of(Chart(UP_AND_DOWN), 80)
    assert "\x1b[31m" not in text_of(Chart(curve("1", "2")), 80, color=True)


def test_hours_are_named_where_days_are_few() -> None:
    """Within three days the time of day is said, too."""
    assert "2026-11-21 14:02" in text_of(Chart(curve("1", "2", hours=1)), 80)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=8), min_size=1, max_size=9),
    st.integers(0, 10**5),
    st.integers(20, 130),
)
def test_any_curve_is_drawn_within_its_width(amounts: list[Decimal], hours: int, width: int) -> None:
    """One point, one moment, nothing but zero, the largest and the smallest amounts."""
    shown = text_of(Chart(curve(*map(str, amounts), hours=hours % 4000), ASCII), width)
    assert shown.isascii()
    assert max(len(line) for line in shown.splitlines()) <= width


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=8), min_size=1, max_size=9))
def test_ticks_are_round_and_within_the_scale(amounts: list[Decimal]) -> None:
    """Zero is always one of them, and there are never more than a chart has room for."""
    scale = scale_of(amounts, HEIGHT)
    assert scale.low < scale.high
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)
    assert Decimal(0) in scale.ticks
    assert len(scale.ticks) <= HEIGHT // 3 + 1
    assert len({scale.row(tick, HEIGHT) for tick in scale.ticks}) == len(scale.ticks)
