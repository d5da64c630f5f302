"""Which stretches of time are proved fetched, held against a plain set of minutes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trademon.core.coverage import Span, complete_since, missing, union

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def minute(n: int) -> datetime:
    return MIDNIGHT + timedelta(minutes=n)


def span(start: int, end: int) -> Span:
    return Span(minute(start), minute(end))


def told(spans: tuple[Span, ...]) -> str:
    """`0-10 20-30`: the spans as minutes since midnight."""
    return " ".join("-".join(str((t - MIDNIGHT) // timedelta(minutes=1)) for t in (s.start, s.end)) for s in spans)


def minutes(spans: tuple[Span, ...] | list[Span]) -> set[datetime]:
    """The model: every minute the spans hold, end excluded."""
    return {s.start + timedelta(minutes=n) for s in spans for n in range((s.end - s.start) // timedelta(minutes=1))}


spans = st.builds(span, st.integers(0, 40), st.integers(0, 40))
many = st.lists(spans, max_size=12)


def test_touching_and_overlapping_spans_are_one():
    """Where one ends the next begins, without a gap between."""
    assert told(union([span(10, 20), span(0, 10), span(15, 25)])) == "0-25"


def test_spans_apart_stay_apart():
    """A gap of one minute is a gap."""
    assert told(union([span(11, 20), span(0, 10)])) == "0-10 11-20"


def test_a_span_within_another_adds_nothing():
    """The longer one is what counts, also when it began first."""
    assert told(union([span(0, 30), span(5, 10), span(29, 30)])) == "0-30"


def test_empty_and_backward_spans_cover_nothing():
    """No time is no coverage."""
    assert union([span(5, 5), span(9, 3)]) == ()
    assert not span(5, 5)
    assert not span(9, 3)
    assert span(5, 6)


def test_nothing_covered_leaves_all_that_is_wanted():
    """The first scan has everything before it."""
    assert told(missing([], span(0, 60))) == "0-60"


def test_gaps_come_oldest_first():
    """Before, between and after."""
    assert told(missing([span(40, 50), span(10, 20)], span(0, 60))) == "0-10 20-40 50-60"


def test_what_lies_outside_the_wanted_span_does_not_matter():
    """Coverage that reaches beyond, or lies wholly outside, neither helps nor harms."""
    assert told(missing([span(0, 15), span(18, 99), span(200, 300)], span(10, 20))) == "15-18"
    assert told(missing([span(0, 10), span(20, 30)], span(10, 20))) == "10-20"
    assert missing([span(0, 99)], span(10, 20)) == ()


def test_an_empty_wish_misses_nothing():
    """Also one that runs backward."""
    assert missing([], span(5, 5)) == ()
    assert missing([span(6, 8)], span(10, 5)) == ()


def test_complete_since_is_the_start_of_the_newest_stretch():
    """An older stretch before a gap does not count."""
    assert complete_since([span(0, 10), span(20, 30), span(30, 40)]) == minute(20)
    assert complete_since([]) is None
    assert complete_since([span(5, 5)]) is None


@given(many)
def test_a_union_holds_the_same_minutes_sorted_and_apart(given_spans: list[Span]):
    """Against the model; and no two spans touch."""
    out = union(given_spans)
    assert minutes(out) == minutes(given_spans)
    assert list(out) == sorted(out)
    assert all(a.end < b.start for a, b in itertools.pairwise(out))
    assert all(out)


@given(many, st.randoms())
def test_a_union_does_not_depend_on_order_and_settles_at_once(given_spans: list[Span], random):
    """Order-free and idempotent: what is known of time does not depend on how it was learned."""
    out = union(given_spans)
    shuffled = list(given_spans)
    random.shuffle(shuffled)
    assert union(shuffled) == out
    assert union(out) == out
    assert union([*out, *given_spans]) == out


@given(many, spans)
def test_covered_and_missing_partition_what_is_wanted(covered: list[Span], wanted: Span):
    """No minute of the wanted span is in both or in neither, and nothing outside of it is asked for."""
    gaps = missing(covered, wanted)
    assert minutes(gaps) == minutes([wanted]) - minutes(covered)
    assert union(gaps) == gaps


@given(many, spans)
def test_filling_what_is_missing_leaves_nothing_missing(covered: list[Span], wanted: Span):
    """The next look asks for nothing more."""
    filled = union([*covered, *missing(covered, wanted)])
    assert missing(filled, wanted) == ()
    assert minutes(filled) == minutes(covered) | minutes([wanted])


@given(many)
def test_from_complete_since_to_the_newest_end_there_is_no_gap(covered: list[Span]):
    """And one minute earlier there is one."""
    since = complete_since(covered)
    if since is None:
        assert minutes(covered) == set()
        return
    newest = max(minutes(covered)) + timedelta(minutes=1)
    assert missing(covered, Span(since, newest)) == ()
    assert since - timedelta(minutes=1) not in minutes(covered)
