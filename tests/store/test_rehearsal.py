"""A rehearsal: everything is done as ever, and nothing of it is kept. And the schema of a store that nobody opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.world import add_broker, book, counts, fill
from trademon.errors import StoreError
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.database import Database
from trademon.store.look import schema_at
from trademon.store.migrations import HEAD
from trademon.store.store import Store


def test_what_is_written_is_seen_within_and_gone_after(store: Store, database: Database) -> None:
    """Several methods that each would be a transaction of its own; also reports that want one moment."""
    ann = store.for_user("ann")
    book(ann, add_broker(ann), [fill("1"), fill("2", "sell", price="150", at=1)])
    before = counts(database)
    with store.rehearsal():
        store.add_user("bob", method=None, currency=None, telegram_chat=None)
        book(store.for_user("bob"), add_broker(store.for_user("bob"), uid="9"), [fill("1")])
        book(ann, ann.broker("spot"), [fill("3", "sell", price="200", at=2)])
        assert [user.name for user in store.users()] == ["ann", "bob"]
        assert len(pnl([ann, store.for_user("bob")], PnlQuery()).rows) == 2
    assert counts(database) == before
    assert [user.name for user in store.users()] == ["ann"]


def test_an_error_ends_it_as_any_other(store: Store, database: Database) -> None:
    """It is raised, nothing is kept, and the store goes on."""
    before = counts(database)

    def fail() -> None:
        with store.rehearsal():
            store.add_user("bob", method=None, currency=None, telegram_chat=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert counts(database) == before
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    assert [user.name for user in store.users()] == ["ann", "bob"]


def test_a_schema_is_known_without_a_trace(url: str) -> None:
    """Of a file and of a server."""
    assert schema_at(url) == HEAD


def test_where_no_store_is_none_is_made(tmp_path: Path) -> None:
    """Nor of an empty file, which the next command makes one; another program's is refused."""
    path = tmp_path / "trademon.db"
    assert schema_at(f"sqlite:///{path}") is None
    path.touch()
    assert schema_at(f"sqlite:///{path}") is None
    path.write_text("my shopping list " * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        schema_at(f"sqlite:///{path}")
    assert [p.name for p in tmp_path.iterdir()] == ["trademon.db"]
