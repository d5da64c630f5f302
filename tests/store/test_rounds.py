"""Schedules and rounds as the store keeps them: each round begun once, each with an end, none of another user."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest

from tests.store.world import NOON, NewStore, open_store
from trademon.core.reports import Problem
from trademon.core.rounds import Round, Task
from trademon.errors import UnknownName
from trademon.store.store import Store, UserStore
from trademon.store.user_rounds import ENDED_FROM_OUTSIDE

MINUTE = timedelta(minutes=1)


class Clock:
    at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ann(new_store: NewStore, clock: Clock) -> UserStore:
    return opened(new_store(), clock).for_user("ann")


def opened(where: str, clock: Clock) -> Store:
    store = open_store(where)
    store._clock = clock
    return store


def begin(store: UserStore, *, only_due: bool = True) -> Round | None:
    return store.begin_round("schedule", only_due=only_due, default_minutes=30)


def test_a_user_who_never_started_is_stopped(ann: UserStore) -> None:
    schedule = ann.schedule(45)
    assert (schedule.state, schedule.every_minutes, schedule.next_at) == ("stopped", 45, None)
    assert begin(ann) is None


def test_starting_makes_a_round_due_at_once_and_then_in_its_rhythm(ann: UserStore, clock: Clock) -> None:
    assert ann.set_schedule(state="active", every_minutes=10, default=30).next_at == NOON
    first = begin(ann)
    assert first is not None
    ann.finish_round(first)
    assert begin(ann) is None
    assert ann.schedule(30).next_at == NOON + 10 * MINUTE
    clock.at += 35 * MINUTE
    assert begin(ann) is not None
    assert begin(ann) is None  # one for all that were slept through
    assert ann.schedule(30).next_at == NOON + 40 * MINUTE


def test_a_pause_keeps_the_rhythm_and_a_stop_forgets_it(ann: UserStore, clock: Clock) -> None:
    """Resumed in time, the next round comes when it would have; after it, at once."""
    ann.set_schedule(state="active", every_minutes=10, default=30)
    begin(ann)
    paused = ann.set_schedule(state="paused", default=30)
    assert (paused.state, paused.next_at, begin(ann)) == ("paused", None, None)
    clock.at += 4 * MINUTE
    assert ann.set_schedule(state="active", default=30).next_at == NOON + 10 * MINUTE
    ann.set_schedule(state="paused", default=30)
    clock.at += 40 * MINUTE
    assert ann.set_schedule(state="active", default=30).next_at == clock.at
    ann.set_schedule(state="stopped", default=30)
    assert ann.schedule(30).next_at is None


def test_another_interval(ann: UserStore, clock: Clock) -> None:
    """A shorter one brings the next round nearer, a longer one leaves it; the state stays."""
    ann.set_schedule(state="active", every_minutes=60, default=30)
    begin(ann)
    clock.at += 5 * MINUTE
    assert ann.set_schedule(every_minutes=10, default=30).next_at == clock.at + 10 * MINUTE
    assert ann.set_schedule(every_minutes=120, default=30).next_at == clock.at + 10 * MINUTE
    ann.set_schedule(state="stopped", default=30)
    assert ann.set_schedule(every_minutes=15, default=30).state == "stopped"


def test_a_round_is_kept_with_all_its_tasks(ann: UserStore, clock: Clock) -> None:
    problem = Problem("auth", "the key is refused", "give another", "main", "ann", 4)
    tasks = (
        Task("sync main", "sync", "failed", Decimal("1.250"), "the key is refused", "main", problem=problem),
        Task("sync other", "sync", "success", Decimal("0.5"), "3 new executions", "other", 3, 2, 7),
    )
    begun = begin(ann, only_due=False)
    assert begun is not None
    clock.at += MINUTE
    done = ann.finish_round(Round(begun.id, "ann", "schedule", begun.started_at, tasks=tasks))
    assert (done.outcome, done.finished_at) == ("partial", clock.at)
    assert ann.rounds() == (done,)
    assert ann.rounds(outcome="success") == ()
    assert ann.success_rate(NOON) == 0


def test_a_round_that_was_killed_is_closed_by_the_next(ann: UserStore, clock: Clock) -> None:
    """With what it did until then, and that it did not come to its end."""
    begun = begin(ann, only_due=False)
    assert begun is not None
    task = Task("sync main", "sync", "success", Decimal(1), "2 new executions", "main", 2)
    ann.note_tasks(Round(begun.id, "ann", "schedule", begun.started_at, tasks=(task,)))
    clock.at += MINUTE
    begin(ann, only_due=False)
    running, dead = ann.rounds()
    assert (running.outcome, dead.outcome, dead.finished_at) == (None, "partial", clock.at)
    assert [t.detail for t in dead.tasks] == ["2 new executions", ENDED_FROM_OUTSIDE]


def test_rounds_are_forgotten_after_ninety_days(ann: UserStore, clock: Clock) -> None:
    for days in (0, 89, 2):
        clock.at += timedelta(days=days)
        begun = begin(ann, only_due=False)
        assert begun is not None
        ann.finish_round(begun)
    assert [one.started_at for one in ann.rounds()] == [NOON + timedelta(days=91), NOON + timedelta(days=89)]
    assert ann.success_rate(NOON) == 1


def test_of_many_who_want_to_begin_a_round_one_does(new_store: NewStore, clock: Clock) -> None:
    """Eight processes' worth of stores at once: a due round is begun once."""
    where = new_store()
    opened(where, clock).for_user("ann").set_schedule(state="active", every_minutes=30, default=30)
    stores = [opened(where, clock) for _ in range(8)]
    gate, begun = Barrier(8), []

    def want(store: Store) -> None:
        user = store.for_user("ann")
        gate.wait()
        begun.append(begin(user))

    threads = [Thread(target=want, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in begun) == 1


def test_another_users_rounds_are_not_there(new_store: NewStore, clock: Clock) -> None:
    store = opened(new_store(), clock)
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    ann, bob = store.for_user("ann"), store.for_user("bob")
    ann.set_schedule(state="active", default=30)
    begun = begin(ann)
    assert begun is not None
    with pytest.raises(UnknownName):
        bob.finish_round(begun)  # by its number, from another user
    assert (bob.rounds(), bob.schedule(30).state, ann.rounds()[0].outcome) == ((), "stopped", None)
    assert ann.round_lock != bob.round_lock
