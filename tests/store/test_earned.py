"""What each day and hour brought, and which books changed, on both databases."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from tests.store.world import TEN, add_broker, book, fill
from trademon.core.times import DAY_US, to_us
from trademon.store.store import UserStore

DAY = to_us(TEN) // DAY_US


def test_days_and_hours_are_what_was_sold_in_them(ann: UserStore) -> None:
    """Net of fees, oldest first; a sale without a lot marks its day and is in no figure."""
    broker = add_broker(ann)
    fills = [
        fill("1", side="buy", price="100", at=TEN),
        fill("2", side="sell", price="110", at=TEN + timedelta(minutes=59)),
        fill("3", side="sell", price="120", at=TEN + timedelta(hours=3)),
        fill("4", side="buy", price="100", at=TEN + timedelta(days=1)),
        fill("5", side="sell", price="90", fee="0.5 USDT", at=TEN + timedelta(days=1, hours=13)),
    ]
    book(ann, broker, fills)
    (ref,) = ann.book_refs()
    first, second = ann.stored_days(ref)
    assert (first.day, second.day) == (DAY, DAY + 1)
    assert first.net + second.net == ann.stored_book(ref).net
    assert (first.disposals, second.disposals) == (1, 1)
    assert (first.unmatched, second.unmatched) == (True, False)
    assert ann.stored_hours(ref, DAY) == ((10, first.net),)
    assert ann.stored_hours(ref, DAY + 1) == ((23, second.net),)
    assert ann.stored_hours(ref, DAY + 2) == ()
    assert first.net > Decimal(0) > second.net


def test_a_version_grows_with_every_change_of_its_book_alone(ann: UserStore) -> None:
    """A page that brings nothing changes nothing."""
    broker = add_broker(ann)
    book(ann, broker, [fill("1", side="buy")])
    before = ann.book_versions()
    book(ann, broker, [fill("1", side="buy")])
    assert ann.book_versions() == before
    book(ann, broker, [fill("2", side="sell", at=TEN + timedelta(hours=1))])
    (key,) = before
    assert ann.book_versions()[key] > before[key]
