"""One holder per account and pass on a server: a lease that ends by itself, and a token that a stale holder lacks."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.store.world import add_broker, book, counts, derived, expected, fill, finish, open_store, span, start
from trademon.core.model import Broker
from trademon.errors import Busy, StoreError
from trademon.store.database import Database
from trademon.store.lease import hold
from trademon.store.store import Store, UserStore

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from trademon.store.postgres_leases import Leases

HISTORY = [fill("1"), fill("2", "sell", "0.4", "110", at=1), fill("3", "sell", "2", "120", at=2)]
HOLDER = """
import sys
from trademon.store.database import Database
from trademon.store.lease import hold
from trademon.store.postgres_leases import Leases
Leases.length_s, Leases.renew_every_s = float(sys.argv[2]), float(sys.argv[3])
database = Database(sys.argv[1])
with hold(database.locks, "account-1"):
    print("held", flush=True)
    input()
database.close()
print("left", flush=True)
"""


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
def spot(ann: UserStore) -> Broker:
    return add_broker(ann)


def holder(url: str, length_s: float = 20, renew_every_s: float = 5) -> subprocess.Popen[str]:
    """Another process that holds the lease by now."""
    process = start(HOLDER, url, length_s, renew_every_s)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_killed_holder_holds_nobody_up_for_half_a_minute() -> None:
    """What is promised in public; and a renewal or two may fail before a lease is lost."""
    assert Leases.length_s <= 30
    assert Leases.renew_every_s * 3 < Leases.length_s


def test_a_second_holder_is_told_at_once(store: Store, url: str) -> None:
    """It does not wait: another run is doing the work, exit code 75."""
    other = holder(url)
    began = time.monotonic()
    with pytest.raises(Busy) as caught, hold(store.locks, "account-1"):
        pytest.fail("held twice")
    assert time.monotonic() - began < 0.5
    assert caught.value.exit_code == 75
    assert finish(other, "\n") == "left"
    with hold(store.locks, "account-1"):
        pass


def test_one_process_cannot_hold_it_twice_either(store: Store) -> None:
    """Two passes in one process, as under watch; not even when the first one's lease has run out."""
    with hold(store.locks, "account-1"):
        with pytest.raises(Busy), hold(store.locks, "account-1"):
            pytest.fail("held twice")
        with store._database.write() as sql:
            sql.run("UPDATE leases SET held_until = 0")
        with pytest.raises(Busy), hold(store.locks, "account-1"):
            pytest.fail("held twice")


def test_it_is_free_after_use(store: Store) -> None:
    """Also after an exception inside, and as often as one likes; others are not held up meanwhile."""
    for _ in range(3):
        with pytest.raises(ValueError, match="oops"), hold(store.locks, "account-1"), hold(store.locks, "account-2"):
            raise ValueError("oops")
    with hold(store.locks, "account-1"):
        pass


def test_the_lease_of_a_killed_holder_runs_out(store: Store, url: str) -> None:
    """SIGKILL leaves no chance to give it back: it is held until its time is over, and free then."""
    other = holder(url, 1.5, 0.3)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    with pytest.raises(Busy), hold(store.locks, "account-1"):
        pytest.fail("held twice")
    time.sleep(1.6)
    with hold(store.locks, "account-1"):
        pass


def test_it_is_renewed_while_its_holder_lives(store: Store, url: str) -> None:
    """For much longer than its length, without the holder's doing."""
    other = holder(url, 0.6, 0.1)
    time.sleep(1.5)
    with pytest.raises(Busy), hold(store.locks, "account-1"):
        pytest.fail("held twice")
    assert finish(other, "\n") == "left"


def test_it_is_renewed_after_its_connection_was_cut(
    store: Store, url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was restarted in the middle of a pass."""
    monkeypatch.setattr(Leases, "length_s", 0.8)
    monkeypatch.setattr(Leases, "renew_every_s", 0.1)
    with hold(store.locks, "account-1"):
        postgres.cut(url)
        time.sleep(1.2)
        other = open_store(url)
        with pytest.raises(Busy), hold(other.locks, "account-1"):
            pytest.fail("held twice")


# --- fencing ------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken_over(store: Store, ann: UserStore, spot: Broker, database: Database, url: str) -> Iterator[Store]:
    """This process holds account 1 and has booked a fill; then it slept, and another took the account over."""
    with hold(store.locks, "account-1"):
        book(ann, spot, HISTORY[:1], covered=span(0, 1))
        with database.write() as sql:
            sql.run("UPDATE leases SET held_until = 0")
        other = open_store(url)
        with hold(other.locks, "account-1"):
            yield other


@pytest.mark.usefixtures("taken_over")
def test_a_stale_holder_commits_no_page(ann: UserStore, spot: Broker, database: Database) -> None:
    """It is told that another run is at work, and neither fills nor coverage nor books have changed."""
    before = counts(database), derived(database, 1)
    for _ in range(2):
        with pytest.raises(Busy, match="taken over") as caught:
            book(ann, spot, HISTORY[1:], covered=span(1, 5))
        assert caught.value.exit_code == 75
    assert (counts(database), derived(database, 1)) == before


@pytest.mark.usefixtures("taken_over")
def test_a_stale_holder_writes_nothing_else_about_the_account_either(ann: UserStore, spot: Broker) -> None:
    """Looks, coverage, books derived again."""
    at = HISTORY[0].executed_at
    with pytest.raises(Busy):
        ann.save_look(1, [], [], at)
    with pytest.raises(Busy):
        ann.save_look_at(1, "BTC/USDT", at, deep=True)
    with pytest.raises(Busy):
        ann.cover(1, "orders", span(0, 1)[1])
    with pytest.raises(Busy):
        ann.books.rebuild(1, method="lifo", signed=False)
    assert (ann.looked_at(1), ann.looks(1), ann.coverage(1, "", stream="orders")) == (None, {}, ())


def test_the_new_holder_goes_on_from_what_was_committed(taken_over: Store, spot: Broker, database: Database) -> None:
    """And its books are the plain fold's."""
    assert book(taken_over.for_user("ann"), spot, HISTORY[1:]) == 2
    assert derived(database, 1) == expected(HISTORY, "fifo", signed=False)


@pytest.mark.usefixtures("taken_over")
def test_other_accounts_of_a_stale_holder_are_not_touched_by_that(ann: UserStore) -> None:
    """A lease is one account's."""
    other = add_broker(ann, "other", uid="8")
    assert book(ann, other, HISTORY) == 3


@pytest.mark.usefixtures("taken_over")
def test_a_stale_holder_gives_back_nothing_that_is_not_its_own(store: Store, url: str) -> None:
    """Its end does not free the account for a third."""
    third = open_store(url)
    store.locks.close()  # type: ignore[union-attr]
    with pytest.raises(Busy), hold(third.locks, "account-1"):
        pytest.fail("held twice")


def test_nobody_takes_over_between_the_check_and_the_commit(
    store: Store, ann: UserStore, spot: Broker, database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's lease runs out while it is being committed: who wants it waits for that commit, then has it."""
    checked, go_on = threading.Event(), threading.Event()
    check = store._database.backend._check_lease  # type: ignore[union-attr]

    def check_and_wait(*args: object) -> None:
        check(*args)
        with database.read() as sql:  # it is over by now
            assert sql.rows("SELECT count(*) FROM fills") == [(0,)]
        checked.set()
        go_on.wait(10)

    monkeypatch.setattr(store._database.backend, "_check_lease", check_and_wait)
    monkeypatch.setattr(Leases, "length_s", 0.1)
    monkeypatch.setattr(Leases, "renew_every_s", 60.0)
    other, seen = open_store(url), []

    def take_over() -> None:
        checked.wait(10)
        time.sleep(0.2)
        threading.Timer(0.3, go_on.set).start()
        with hold(other.locks, "account-1"), database.read() as sql:
            seen.append(sql.rows("SELECT count(*) FROM fills")[0][0])

    thread = threading.Thread(target=take_over)
    with hold(store.locks, "account-1"):
        thread.start()
        assert book(ann, spot, HISTORY) == 3
        thread.join()
    assert seen == [3]


def test_a_server_that_is_gone_gives_no_lease(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One error for the person, not a pass without a lease."""

    def unreachable() -> None:
        raise StoreError("cannot reach it", hint="is it running?")

    monkeypatch.setattr(store.locks, "_connect", unreachable)
    with pytest.raises(StoreError, match="cannot reach"), hold(store.locks, "account-1"):
        pytest.fail("held")


def test_who_holds_what_can_be_seen(store: Store, database: Database) -> None:
    """The machine and the process."""
    import os
    import socket

    with hold(store.locks, "account-1"), database.read() as sql:
        assert sql.rows("SELECT name, token, holder FROM leases") == [
            ("account-1", 1, f"{socket.gethostname()}:{os.getpid()}")
        ]


def test_a_file_has_locks_of_the_operating_system(path: Path) -> None:
    """In a directory beside it."""
    store = open_store(path)
    assert store.locks == path.parent / "locks"
