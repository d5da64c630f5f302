"""The alert to history that the exchange is about to forget."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.notify.conftest import SleepClock
from tests.notify.desk import NotifyDesk
from tests.store.world import add_broker, fill
from trademon.core.coverage import Span
from trademon.exchanges.registry import capabilities_of
from trademon.flows.alerts import check_gaps

DAY = timedelta(days=1)
HISTORY = 90
"""How many days Bitget tells of."""


def told(desk: NotifyDesk) -> list[str]:
    return [m.notice.kind for m in desk.user.outbox(all_kept=True).messages]


def with_span(desk: NotifyDesk, clock: SleepClock, start: float, end: float, *, broker: Any = None) -> Any:
    """A Bitget broker of which [start, end) is read, in days before now; its history begins 88 days ago."""
    user = desk.user
    broker = broker or add_broker(user, "main", exchange="bitget", since=clock() - 88 * DAY)
    span = Span(clock() - start * DAY, clock() - end * DAY)
    user.books.book_page(
        broker,
        [fill(str(int(start)), at=span.start)],
        account_id=broker.account_id,
        method="fifo",
        source="api",
        seen_at=clock(),
        covered=("BTC/USDT", span),
    )
    return broker


def check(desk: NotifyDesk, clock: SleepClock) -> None:
    check_gaps(desk.user, clock(), capabilities_of=capabilities_of)


async def test_a_gap_is_told_once_when_it_is_about_to_be_lost_and_again_when_there_is_another(
    desk: NotifyDesk, clock: SleepClock
) -> None:
    broker = with_span(desk, clock, 10, 0)
    check(desk, clock)
    assert told(desk) == []  # never read to an end: it is still being read for the first time
    desk.user.note_good_look(broker, clock())
    for _ in range(3):
        check(desk, clock)
    assert told(desk) == ["gap"]
    with_span(desk, clock, 88, 10, broker=broker)
    check(desk, clock)
    clock.move(days=1)
    check(desk, clock)
    assert told(desk) == ["gap"]


async def test_what_came_after_the_last_look_is_about_to_be_lost_too(desk: NotifyDesk, clock: SleepClock) -> None:
    """A broker that nobody could read for 87 days."""
    broker = with_span(desk, clock, 88, 0)
    desk.user.note_good_look(broker, clock())
    clock.move(days=HISTORY - 3.1)
    check(desk, clock)
    assert told(desk) == []
    clock.move(days=0.2)
    check(desk, clock)
    assert told(desk) == ["gap"]


async def test_a_disabled_broker_is_nobodys_alert(desk: NotifyDesk, clock: SleepClock) -> None:
    broker = with_span(desk, clock, 10, 0)
    desk.user.note_good_look(broker, clock())
    desk.user.set_broker(broker, enabled=False)
    check(desk, clock)
    assert told(desk) == []


async def test_a_sender_looks_for_gaps_once_an_hour(desk: NotifyDesk, clock: SleepClock) -> None:
    """Whichever of several does."""
    broker = with_span(desk, clock, 10, 0)
    desk.user.note_good_look(broker, clock())
    desk.sender().look_for_gaps()
    assert told(desk) == ["gap"]
    desk.user.clear_alert(f"gap:{broker.id}")
    desk.sender().look_for_gaps()
    assert told(desk) == ["gap"]
    clock.move(minutes=61)
    desk.sender().look_for_gaps()
    assert told(desk) == ["gap", "gap"]
