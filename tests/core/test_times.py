"""Times are aware UTC, and both of their texts are exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trademon.core.times import (
    EPOCH,
    format_time,
    from_ms,
    from_us,
    parse_ms,
    parse_since,
    parse_time,
    to_ms,
    to_us,
)
from trademon.errors import DataError

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
LAST_MS = to_ms(datetime(2200, 1, 1, tzinfo=UTC)) - 1

times = st.integers(0, to_us(datetime(2200, 1, 1, tzinfo=UTC)) - 1).map(from_us)
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-29T12:00:00Z",
        "2026-03-29T12:00:00.000Z",
        "2026-03-29T14:00:00+02:00",
        "2026-03-29T07:30:00-04:30",
        "2026-03-29 12:00:00",
        "2026-03-29T12:00",
        "20260329T120000Z",
        "  2026-03-29T12:00:00+00:00 ",
    ],
)
def test_every_iso_form_of_one_moment_is_that_moment(text: str):
    """`Z`, an offset or none (then it is UTC): the same noon."""
    at = parse_time(text)
    assert at == NOON
    assert at.tzinfo is UTC


def test_a_date_alone_is_its_midnight():
    """A day begins at 00:00 UTC."""
    assert parse_time("2026-03-29") == datetime(2026, 3, 29, tzinfo=UTC)


def test_an_hour_that_summer_time_skips_is_an_hour_like_any_other():
    """02:30 on the night the clocks go forward in Europe exists in UTC, and so does each offset's own."""
    assert format_time(parse_time("2026-03-29T02:30:00")) == "2026-03-29T02:30:00.000Z"
    assert parse_time("2026-03-29T02:30:00+01:00") == parse_time("2026-03-29T03:30:00+02:00")


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-02-30", "2026-01-01T25:00", "1767225600", "٢٠٢٦-01-01", "2026-01-01T00:00:00+25:00", "NaN"],
)
def test_what_is_no_time_is_refused(text: str):
    """Words, days that do not exist and bare numbers are not times."""
    with pytest.raises(DataError):
        parse_time(text)


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "2200-01-01", "1970-01-01T00:30:00+01:00", "9999-12-31"])
def test_a_time_no_exchange_can_mean_is_refused(text: str):
    """Before 1970 or after 2199 something is wrong with the field, not with the trade."""
    with pytest.raises(DataError, match="out of range"):
        parse_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_an_offset_beyond_the_calendar_is_refused_as_well(text: str):
    """A year that leaves the calendar once its offset is taken off is a DataError, not a crash."""
    with pytest.raises(DataError):
        parse_time(text)


@pytest.mark.parametrize("raw", [1767225600123, "1767225600123"])
def test_milliseconds_come_as_int_or_text(raw: object):
    """Exchanges send both."""
    assert format_time(parse_ms(raw)) == "2026-01-01T00:00:00.123Z"


@pytest.mark.parametrize("raw", [0, "0", LAST_MS, str(LAST_MS)])
def test_the_edges_of_the_range_are_times(raw: object):
    """1970-01-01 and the last millisecond of 2199 are in."""
    assert to_ms(parse_ms(raw)) == int(str(raw))


@pytest.mark.parametrize(
    "raw",
    [
        *[-1, LAST_MS + 1, 10**18, 10**400, 1767225600123.0, True, None, [], {}],
        *["", "-1", " 1", "1.0", "1e12", "0x1", "٣", "²", str(LAST_MS + 1), "9" * 17],
    ],
)
def test_what_is_no_millisecond_is_refused(raw: object):
    """Out of range (seconds or nanoseconds mistaken for it too large), floats, bools and foreign digits."""
    with pytest.raises(DataError, match="fill time is not a time"):
        parse_ms(raw, what="fill time")


@given(times)
def test_microseconds_make_the_round_trip(at: datetime):
    """The store's integer and the time are one and the same."""
    assert from_us(to_us(at)) == at


@given(st.integers(0, LAST_MS))
def test_milliseconds_make_the_round_trip(ms: int):
    """The exchange's integer and the time are one and the same."""
    assert to_ms(from_ms(ms)) == ms
    assert parse_ms(ms) == parse_ms(str(ms)) == from_ms(ms)


@given(times, offsets)
def test_text_makes_the_round_trip_from_any_zone(at: datetime, zone: timezone):
    """What is printed is read back as the same moment, whatever zone it was held in."""
    assert parse_time(format_time(at.astimezone(zone))) == at


def test_milliseconds_are_rounded_down_also_before_1970():
    """A moment belongs to the millisecond it lies in."""
    assert to_ms(EPOCH + timedelta(microseconds=1999)) == 1
    assert to_ms(EPOCH - timedelta(microseconds=1)) == -1


def test_microseconds_are_printed_only_where_there_are_any():
    """Milliseconds by default, so that columns line up."""
    assert format_time(NOON) == "2026-03-29T12:00:00.000Z"
    assert format_time(NOON + timedelta(microseconds=1)) == "2026-03-29T12:00:00.000001Z"


def test_a_naive_time_is_not_counted():
    """Which moment a time without a zone is cannot be known, so it becomes no integer."""
    with pytest.raises(TypeError):
        to_us(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(TypeError):
        to_ms(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("7D", timedelta(days=7)),
        (" 2w ", timedelta(weeks=2)),
        ("0h", timedelta(0)),
        ("2026-03-29T11:00:00Z", timedelta(hours=1)),
    ],
)
def test_since_is_a_span_or_a_time(text: str, ago: timedelta):
    """`24h` counts back from now, an ISO time is itself."""
    assert parse_since(text, now=NOON) == NOON - ago


@pytest.mark.parametrize("text", ["", "h", "-1h", "1.5h", "1y", "٣h", "123456h", "yesterday", "2026-03-29T12:00:01Z"])
def test_since_neither_a_span_nor_a_past_time_is_refused(text: str):
    """Unknown units, foreign digits and the future."""
    with pytest.raises(DataError):
        parse_since(text, now=NOON)
