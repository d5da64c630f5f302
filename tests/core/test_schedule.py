"""When rounds are due: exactly one for any time that was slept through, always in the old rhythm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trademon.core.schedule import Schedule, check_minutes, is_due, round_after
from trademon.errors import UsageError

NOON = datetime(2026, 10, 25, 12, tzinfo=UTC)
minutes = st.integers(5, 120)


@given(every=minutes, late=st.integers(0, 10**6))
def test_the_next_round_is_the_first_beat_still_to_come(every: int, late: int) -> None:
    """However many were slept through: one beat, in the rhythm of the first, less than an interval away."""
    schedule = Schedule("ann", "active", every, NOON)
    now = NOON + timedelta(seconds=late)
    after = round_after(schedule, now)
    assert now < after <= now + schedule.every
    assert (after - NOON) % schedule.every == timedelta(0)
    assert not is_due(Schedule("ann", "active", every, after), now)


@given(every=minutes, early=st.integers(1, 10**6))
def test_a_round_before_its_time_begins_a_new_rhythm(every: int, early: int) -> None:
    now = NOON - timedelta(seconds=early)
    assert round_after(Schedule("ann", "active", every, NOON), now) == now + timedelta(minutes=every)


def test_what_is_due() -> None:
    """From its moment on, while it is on; and where a clock that was wrong put it further off than an interval."""
    active = Schedule("ann", "active", 30, NOON)
    assert is_due(active, NOON)
    assert not is_due(active, NOON - timedelta(seconds=1))
    assert is_due(active, NOON - timedelta(minutes=31))
    assert not is_due(Schedule("ann", "paused", 30), NOON)
    assert not is_due(Schedule("ann", "stopped", 30), NOON)


@pytest.mark.parametrize("wrong", [-1, 0, 4, 121])
def test_intervals_that_are_none(wrong: int) -> None:
    with pytest.raises(UsageError, match="no interval"):
        check_minutes(wrong)
    assert [check_minutes(n) for n in (5, 120)] == [5, 120]
