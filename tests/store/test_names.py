"""The names that completion offers: whose they are, and that looking at them leaves no trace."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from tests.store.world import NOON, add_broker, book, fill
from trademon.core.model import Market
from trademon.errors import StoreError
from trademon.store.database import Database
from trademon.store.names import stored_names
from trademon.store.store import Store
from trademon.store.user_strategies import NewStrategy


@pytest.fixture
def two(store: Store) -> Store:
    """ann with two brokers and a strategy, bob with one broker of another symbol; each with a removed broker."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    ann, bob = store.for_user("ann"), store.for_user("bob")
    book(ann, add_broker(ann, "spot"), [fill("1")])
    add_broker(ann, "main", uid="8")
    book(bob, add_broker(bob, "hers", uid="9"), [fill("1", symbol="ETH/EUR")])
    for user in (ann, bob):
        user.remove_broker(add_broker(user, "gone", uid=None))
    ann.add_strategy(NewStrategy("dca", "x.py", "text", {}, (), Decimal("0.001")))
    return store


def test_names_are_those_of_the_user_or_of_all(two: Store, url: str) -> None:
    """A user who is named is alone, also in the list of users; what was removed is not offered."""
    assert stored_names(url, "user", user=None) == ("ann", "bob")
    assert stored_names(url, "user", user="bob") == ("bob",)
    assert stored_names(url, "broker", user=None) == ("hers", "main", "spot")
    assert stored_names(url, "broker", user="ann") == ("main", "spot")
    assert stored_names(url, "symbol", user=None) == ("BTC/USDT", "ETH/EUR")
    assert stored_names(url, "symbol", user="bob") == ("ETH/EUR",)
    assert stored_names(url, "strategy", user=None) == ("dca",)
    assert stored_names(url, "strategy", user="bob") == ()
    assert stored_names(url, "broker", user="nobody") == ()


def test_a_user_who_was_removed_has_no_names(two: Store, url: str) -> None:
    """Nor has anything of theirs one."""
    two.remove_user("bob")
    assert stored_names(url, "user", user=None) == ("ann",)
    assert stored_names(url, "symbol", user=None) == ("BTC/USDT",)


def test_what_another_has_not_committed_is_not_seen_and_not_waited_for(
    two: Store, url: str, database: Database
) -> None:
    """Also while somebody writes, and with what is still in a file's log."""
    with database.write() as sql:
        sql.run("UPDATE users SET name = ? WHERE name = ?", "zoe", "bob")
        assert stored_names(url, "user", user=None) == ("ann", "bob")
    assert stored_names(url, "user", user=None) == ("ann", "zoe")


def test_a_file_that_is_closed_stays_as_it_is(path: Path) -> None:
    """Neither a log nor a lock is laid beside it, and not one byte changes."""
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in path.parent.iterdir()}
    assert stored_names(f"sqlite:///{path}", "user", user=None) == ("ann",)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in path.parent.iterdir()} == before


def test_where_there_is_no_store_none_is_made(tmp_path: Path) -> None:
    """Neither its file nor its directory."""
    with pytest.raises(sqlite3.Error):
        stored_names(f"sqlite:///{tmp_path}/none/trademon.db", "user", user=None)
    with pytest.raises(StoreError):
        stored_names("sqlite://", "user", user=None)
    assert list(tmp_path.iterdir()) == []


def test_symbols_that_are_only_listed_are_a_kind_of_their_own(two: Store, url: str) -> None:
    """What the exchange of somebody's broker lists, of that broker's market."""
    ann = two.for_user("ann")
    ann.save_markets(ann.broker("spot"), [Market("SOL/USDT", "SOL", "USDT", "SOLUSDT")], NOON)
    assert stored_names(url, "listed", user="ann") == ("SOL/USDT",)
    assert "SOL/USDT" not in stored_names(url, "symbol", user="ann")
    assert stored_names(url, "listed", user="nobody") == ()
