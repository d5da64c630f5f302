"""Ids that are counted anew: both counts are kept, each fill once, and nothing else passes for a new count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.world import ON_FILES, NewStore, add_broker, book, fill, open_store
from trademon.core.model import Fill
from trademon.errors import OtherExecution
from trademon.store.store import UserStore

OLD = [fill(str(n), quantity="2", price="100", at=n) for n in (1, 2, 3, 5, 8)]
NEW = [fill(str(n), quantity="3", price="50", at=100 + n) for n in (1, 2, 4, 5, 9)]


def stored(ann: UserStore) -> list[tuple[str, str, int]]:
    """Each stored execution by its id, its quantity and its epoch, in the order of time."""
    with ann._database.read() as sql:
        rows = sql.rows("SELECT trade_id, quantity, epoch FROM fills ORDER BY executed_at, id")
    return [(trade_id, str(quantity), epoch) for trade_id, quantity, epoch in rows]


def open_books(ann: UserStore) -> list[str]:
    return [str(row.open_quantity) for row in ann.stored_books()]


def test_both_counts_are_kept_and_read_again_once(new_store: NewStore) -> None:
    """A page of a new count beside the old one; asked again, nothing is new; the books hold both."""
    ann = open_store(new_store()).for_user("ann")
    broker = add_broker(ann)
    assert book(ann, broker, OLD) == 5
    assert book(ann, broker, NEW) == 5
    assert book(ann, broker, NEW) == 0
    assert book(ann, broker, OLD) == 0
    expected = [(f.trade_id, "2", 0) for f in OLD] + [(f.trade_id, "3", 1) for f in NEW]
    assert stored(ann) == expected
    assert open_books(ann) == ["25"]
    assert ann.books.rebuild(ann.broker("spot").account_id or 0, method="fifo", signed=False) == 1
    assert open_books(ann) == ["25"]


def test_a_count_that_shows_only_later(new_store: NewStore) -> None:
    """The first fills of a new count meet no known id: they stay where they are, and the epoch begins after them."""
    ann = open_store(new_store()).for_user("ann")
    broker = add_broker(ann)
    book(ann, broker, OLD)
    first, second, third = fill("4", at=104), fill("5", price="50", at=105), fill("6", at=106)
    assert book(ann, broker, [first]) == 1
    assert book(ann, broker, [first, second]) == 1
    assert book(ann, broker, [first, second, third]) == 1
    assert [(t, e) for t, _, e in stored(ann)][5:] == [("4", 0), ("5", 1), ("6", 1)]


def test_pages_from_the_newest_back(new_store: NewStore) -> None:
    """A walk back from the newest page finds the beginning of the new count last."""
    ann = open_store(new_store()).for_user("ann")
    broker = add_broker(ann)
    book(ann, broker, OLD)
    assert [book(ann, broker, NEW[3:]), book(ann, broker, NEW[1:3]), book(ann, broker, NEW[:1])] == [2, 2, 1]
    assert book(ann, broker, NEW) == 0
    assert len(stored(ann)) == 10


def test_a_third_count(new_store: NewStore) -> None:
    ann = open_store(new_store()).for_user("ann")
    broker = add_broker(ann)
    third = [fill(str(n), quantity="7", price="20", at=200 + n) for n in (1, 5)]
    for page in (OLD, NEW, third, third):
        book(ann, broker, page)
    assert [e for _, _, e in stored(ann)] == [0] * 5 + [1] * 5 + [2] * 2


REFUSED = {
    "another quantity, the same time": [replace(OLD[4], quantity=NEW[0].quantity)],
    "another time alone": [replace(OLD[4], executed_at=NEW[4].executed_at)],
    "a time before the newest": [fill("2", quantity="9", at=4)],
    "one of a page that else repeats the known": [*OLD[2:], fill("2", quantity="9", at=50)],
    "one of two that is another's time only": [NEW[0], replace(OLD[1], executed_at=NEW[1].executed_at)],
}


@pytest.mark.parametrize("page", REFUSED.values(), ids=REFUSED)
def test_what_is_no_new_count_is_refused(page: Sequence[Fill], new_store: NewStore) -> None:
    """A known id with other content, without the signs of a new count: nothing is written."""
    ann = open_store(new_store()).for_user("ann")
    broker = add_broker(ann)
    book(ann, broker, OLD)
    with pytest.raises(OtherExecution):
        book(ann, broker, [*page, fill("99", at=99)])
    assert len(stored(ann)) == 5


def test_ids_that_are_drawn_do_not_begin_anew(new_store: NewStore) -> None:
    """Nineteen digits are no count: the same one again is an error of the exchange."""
    ann = open_store(new_store()).for_user("ann")
    broker = add_broker(ann)
    long = "1098394857120938475"
    book(ann, broker, [fill(long)])
    with pytest.raises(OtherExecution):
        book(ann, broker, [fill(long, quantity="3", at=50)])


def test_a_file_begins_no_count_and_knows_those_there_are(new_store: NewStore) -> None:
    """Only the exchange itself tells that it counts anew; a file's rows belong to the count of their time."""
    ann = open_store(new_store()).for_user("ann")
    broker = add_broker(ann)
    book(ann, broker, OLD)
    with pytest.raises(OtherExecution):
        book(ann, broker, NEW, source="import")
    book(ann, broker, NEW)
    assert book(ann, broker, [*OLD, *NEW], source="import") == 0


@ON_FILES
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=st.lists(st.integers(1, 40), min_size=1, max_size=15, unique=True),
    new=st.lists(st.integers(1, 40), min_size=1, max_size=15, unique=True),
    cuts=st.lists(st.integers(1, 6), min_size=15, max_size=15),
    again=st.integers(0, 4),
)
def test_any_pages_of_a_new_count_end_in_exactly_the_true_fills(
    new_store: NewStore, old: list[int], new: list[int], cuts: list[int], again: int
) -> None:
    """Ids of both counts drawn freely, the new one told in pages of any length, each repeating the end of the last."""
    store = open_store(new_store())
    ann = store.for_user("ann")
    broker = add_broker(ann)
    book(ann, broker, [fill(str(n), quantity="2", at=n) for n in sorted(old)])
    second = [fill(str(n), quantity="3", at=100 + n) for n in sorted(new)]
    start = 0
    for length in cuts:
        book(ann, broker, second[max(0, start - again) : start + length])
        start += length
    assert book(ann, broker, second) == 0
    told = [(t, q) for t, q, _ in stored(ann)]
    assert told == [(str(n), "2") for n in sorted(old)] + [(str(n), "3") for n in sorted(new)]
    store.close()
