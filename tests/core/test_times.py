"""Times are aware UTC, and both of their texts are exact."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trademon.core.times import (
    EPOCH,
    format_time,
    from_ms,
    from_us,
    parse_begin,
    parse_end,
    parse_ms,
    parse_since,
    parse_stretch,
    parse_time,
    period_bounds,
    period_of,
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
        ("30min", timedelta(minutes=30)),
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


@pytest.mark.parametrize("parse", [parse_since, parse_begin, parse_end])
def test_an_m_alone_is_refused_with_what_to_write(parse: Callable[..., datetime]):
    """`3m` may be minutes or months: a guess would show figures of another time."""
    with pytest.raises(DataError, match="3m may be minutes or months") as error:
        parse(" 3M ", now=NOON)
    assert error.value.hint == "write 3min, or for months 90d or a month, as in 2026-08"


# --- days, months, quarters, years --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2025-Q4", "2025-10-01", "2026-01-01"),
        (" 2026-q1 ", "2026-01-01", "2026-04-01"),
        ("2025-Q3", "2025-07-01", "2025-10-01"),
        ("2026-03", "2026-03-01", "2026-04-01"),
        ("2025-12", "2025-12-01", "2026-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("Today", "2026-03-29", "2026-03-30"),
        ("yesterday", "2026-03-28", "2026-03-29"),
        ("1970", "1970-01-01", "1971-01-01"),
    ],
)
def test_a_word_names_a_stretch_from_its_beginning_to_its_end(text: str, begin: str, end: str):
    """As `--since` it is the beginning, as `--until` the end, and both as `--period`."""
    assert parse_begin(text, now=NOON) == parse_time(begin)
    assert parse_end(text, now=NOON) == parse_time(end)
    assert parse_stretch(text, now=NOON) == (parse_time(begin), parse_time(end))


def test_february_has_a_day_more_in_a_leap_year():
    """2024 had one, 2026 has none, nor will 2100."""
    days = [parse_end(f"{year}-02", now=NOON) - parse_time(f"{year}-02-01") for year in (2024, 2026, 2100)]
    assert [d.days for d in days] == [29, 28, 28]


def test_a_date_alone_is_its_midnight_at_either_end_and_a_day_as_a_period():
    """`--until 2026-03-28` ends where that day begins; `--period 2026-03-28` is all of it."""
    midnight = parse_time("2026-03-28")
    assert parse_begin("2026-03-28", now=NOON) == parse_end("2026-03-28", now=NOON) == midnight
    assert parse_stretch("2026-03-28", now=NOON) == (midnight, midnight + timedelta(days=1))
    assert parse_stretch("2024-02-29", now=NOON)[1] == parse_time("2024-03-01")


def test_spans_and_moments_are_as_everywhere_else():
    """`24h` counts back from now, an ISO time is itself, at either end."""
    for parse in (parse_begin, parse_end):
        assert parse("24h", now=NOON) == NOON - timedelta(hours=24)
        assert parse("2026-03-01T10:00:00+02:00", now=NOON) == parse_time("2026-03-01T08:00:00Z")


def test_an_end_may_lie_in_the_future_a_beginning_may_not():
    """The year that runs has an end; nothing was executed in the one to come."""
    assert parse_end("2026-12-31", now=NOON) == parse_time("2026-12-31")
    assert parse_end("2199", now=NOON) == parse_time("2199-12-31") + timedelta(days=1)
    for text in ("2027", "2026-Q2", "2026-04", "2026-03-30"):
        with pytest.raises(DataError, match="future"):
            parse_begin(text, now=NOON)
        with pytest.raises(DataError, match="future"):
            parse_stretch(text, now=NOON)


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "q3", "2026-Q0", "2026-Q5", "2026-Q", "2026Q3", "2026-00", "2026-13", "2026-1", "20260", "-2026"],
        *["1969", "1969-12", "2200", "0000", "9999-Q4", "٢٠٢٦", "2026-\u0660\u0661", "tomorrow", "2026/03"],
        *["2026-02-30", "2026-Q3-01", "1e3", "NaN", "\x1b[31m2026", "2026\x00", "9" * 5000, "2026-Q3; DROP"],
    ],
)
def test_what_names_no_time_is_refused_at_either_end(text: str):
    """Never a crash, never a guess."""
    for parse in (parse_begin, parse_end, parse_stretch):
        with pytest.raises(DataError):
            parse(text, now=NOON)


@given(st.text(max_size=12))
def test_hostile_text_is_a_time_or_a_data_error(text: str):
    """Whatever was typed, nothing else comes of it."""
    for parse in (parse_begin, parse_end, parse_stretch):
        try:
            parse(text, now=NOON)
        except DataError:
            continue


@given(times, st.sampled_from(["day", "month", "year"]))
def test_a_moment_lies_within_the_period_it_is_counted_to(at: datetime, unit):
    """And the period is a word that is understood again."""
    begin, end = period_bounds(period_of(to_us(at), unit))
    assert begin <= at < end
    assert period_of(to_us(begin), unit) == period_of(to_us(end) - 1, unit) == period_of(to_us(at), unit)
    assert period_of(to_us(end), unit) != period_of(to_us(at), unit)
