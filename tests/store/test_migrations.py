"""The schema's history: it ends where tables.py stands, and it never loses a row on the way."""

from __future__ import annotations

import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from tests.store.world import KEYS, add_broker, book, fill, finish, open_store, span, start
from trademon.errors import StoreError
from trademon.store import migrations
from trademon.store.database import Database
from trademon.store.sqlite import SqliteFile
from trademon.store.tables import metadata

HERE = Path(migrations.__file__).parent


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def test_head_is_the_last_script_and_all_is_the_whole_chain() -> None:
    """The two constants spare every start an import of alembic: they must say what alembic would say."""
    directory = scripts()
    assert directory.get_heads() == [migrations.HEAD]
    assert tuple(s.revision for s in reversed(list(directory.walk_revisions()))) == migrations.ALL


def test_the_migrated_schema_is_the_declared_one(url: str) -> None:
    """alembic finds no difference between a store and tables.py: no column, key, index or type."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def schema(database: Database) -> dict[str, Any]:
    """Each table's columns, keys and indexes by name, as SQLite itself understands them."""
    out: dict[str, Any] = {}
    with database.read() as sql:
        names = [
            r[0] for r in sql.rows("SELECT name FROM sqlite_master WHERE type = 'table'") if r[0] in metadata.tables
        ]
        for name in names:
            indexes = {
                (row[2], row[4], tuple(c[2] for c in sql.rows(f"PRAGMA index_info('{row[1]}')")))
                for row in sql.rows(f"PRAGMA index_list('{name}')")
            }
            out[name] = {
                "columns": {tuple(r[1:]) for r in sql.rows(f"PRAGMA table_info('{name}')")},
                "references": {tuple(r[2:]) for r in sql.rows(f"PRAGMA foreign_key_list('{name}')")},
                "indexes": indexes,
                "keys": constraint_names(sql.rows("SELECT sql FROM sqlite_master WHERE name = ?", name)[0][0]),
            }
    return out


def constraint_names(sql: str) -> set[str]:
    return set(re.findall(r"CONSTRAINT (\w+)", sql))


def test_sqlite_sees_the_same_schema_as_in_tables(file: Database, tmp_path: Path) -> None:
    """What alembic does not compare: partial indexes, the names of unique keys, what deleting a row takes with it."""
    engine = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(engine)
    engine.dispose()
    with file.read() as sql:
        assert {r[0] for r in sql.rows("SELECT name FROM sqlite_master WHERE type = 'table'")} == {
            *metadata.tables,
            "alembic_version",
        }
    declared = unmigrated(tmp_path / "declared.db")
    assert schema(file) == schema(declared)
    declared.close()


def unmigrated(path: Path) -> Database:
    """A way to a file as it is."""
    database = object.__new__(Database)
    database.backend, database.user_id = SqliteFile(f"sqlite:///{path}"), None
    database._moments, database._rehearsals = {}, []
    return database


@pytest.mark.parametrize(
    ("table", "columns", "partial"),
    [
        ("brokers", ("user_id", "name"), 1),
        ("fills", ("account_id", "market_id", "trade_id", "epoch"), 0),
        ("accounts", ("user_id", "exchange", "uid", "market"), 0),
        ("books", ("account_id", "market_id"), 0),
        ("lots", ("account_id", "market_id", "fill_id"), 0),
        ("disposals", ("fill_id", "part"), 0),
    ],
)
def test_the_keys_that_carry_an_invariant_are_unique(
    file: Database, table: str, columns: tuple[str, ...], partial: int
) -> None:
    """Identity is held by the database: a removed broker's name alone is free again."""
    with file.read() as sql:
        unique = {
            tuple(c[2] for c in sql.rows(f"PRAGMA index_info('{row[1]}')")): row[4]
            for row in sql.rows(f"PRAGMA index_list('{table}')")
            if row[2]
        }
    assert unique[columns] == partial


def test_opening_a_store_that_is_up_to_date_imports_neither_alembic_nor_sqlmodel(path: Path) -> None:
    """They cost 400 ms and 300 ms: only a store that is behind pays for them."""
    code = """
import sys
from pathlib import Path
from tests.store.world import open_store
import trademon.store.store
store = open_store(Path(sys.argv[1]))
store.for_user("ann").brokers()
store.close()
print([name for name in ("alembic", "sqlmodel", "pydantic") if name in sys.modules])
"""
    assert finish(start(code, path)) == "[]"


# --- a store that is behind ---------------------------------------------------------------------------------------

ADD_COLUMN = """
    with op.batch_alter_table("brokers", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.Text(), nullable=True))
"""
SCRIPT = '''"""A second schema."""
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "HEAD"
branch_labels = None
depends_on = None


def upgrade() -> None:
'''


def next_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, upgrade: str) -> None:
    """From here on trademon has a second revision: the real scripts, and one more beside them."""
    copy = tmp_path / "migrations"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "versions" / "9999_second.py").write_text(SCRIPT.replace("HEAD", migrations.HEAD) + upgrade)
    monkeypatch.setattr(migrations, "__file__", str(copy / "__init__.py"))
    monkeypatch.setattr(migrations, "ALL", (*migrations.ALL, "9999"))
    monkeypatch.setattr(migrations, "HEAD", "9999")


def populate(path: Path) -> None:
    """A store with rows in every table that hangs on a broker."""
    store = open_store(path)
    ann = store.for_user("ann")
    broker = add_broker(ann, credentials=KEYS)
    book(ann, broker, [fill("1"), fill("2", "sell", "3", "120", at=1)], covered=span(0, 5))
    store.close()


def contents(path: Path) -> dict[str, list[Any]]:
    """Every row of every table but alembic's; a broker without the new column."""
    database = unmigrated(path)
    with database.read() as sql:
        names = sorted(metadata.tables)
        columns = {n: ", ".join(f'"{c.name}"' for c in metadata.tables[n].columns) for n in names}
        rows = {n: [tuple(r) for r in sql.rows(f"SELECT {columns[n]} FROM {n} ORDER BY 1")] for n in names}
        rows["revision"] = [tuple(r) for r in sql.rows("SELECT version_num FROM alembic_version")]
    database.close()
    return rows


def test_a_populated_store_is_backed_up_before_it_is_migrated(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy has every row and the old schema, only its owner can read it, and the store has the new one."""
    populate(path)
    before = contents(path)
    next_release(monkeypatch, tmp_path, '    op.add_column("users", sa.Column("note", sa.Text(), nullable=True))\n')
    database = Database(f"sqlite:///{path}")
    with database.read() as sql:
        assert sql.one("SELECT note FROM users") == (None,)
    database.close()
    copy = path.with_name("trademon.db.before-9999")
    assert contents(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert contents(path) == {**before, "revision": [("9999",)]}


def test_a_migration_that_rebuilds_a_table_keeps_the_rows_that_hang_on_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite drops the old table on the way: with foreign keys on that takes secrets and states along, or fails."""
    populate(path)
    before = contents(path)
    next_release(monkeypatch, tmp_path, ADD_COLUMN)
    open_store(path).close()
    assert contents(path) == {**before, "revision": [("9999",)]}


def test_a_migration_that_fails_changes_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps before the failure are undone with it, and the next try finds the store as it was."""
    populate(path)
    before = contents(path)
    next_release(
        monkeypatch,
        tmp_path,
        '    op.add_column("users", sa.Column("note", sa.Text(), nullable=True))\n    op.execute("no such thing")\n',
    )
    with pytest.raises(Exception, match="syntax error"):
        Database(f"sqlite:///{path}")
    assert contents(path) == before


def test_a_migration_that_would_break_a_reference_changes_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fills without their broker are never committed: one error, and every row stays."""
    populate(path)
    before = contents(path)
    next_release(monkeypatch, tmp_path, '    op.execute("DELETE FROM brokers")\n')
    with pytest.raises(StoreError, match="would break references"):
        Database(f"sqlite:///{path}")
    assert contents(path) == before


def test_an_empty_database_needs_no_backup(tmp_path: Path) -> None:
    """First use leaves the store and the lock, nothing else."""
    open_store(tmp_path / "trademon.db").close()
    assert {p.name for p in tmp_path.iterdir()} == {"trademon.db", "trademon.db.migrate.lock"}


def test_a_store_that_another_process_migrated_meanwhile_is_not_migrated_again(
    file: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited for the lock looks again: no second backup, no second run."""
    from trademon.store.migrate import migrate_file

    monkeypatch.setattr("trademon.store.migrate.backup", lambda *_: pytest.fail("a second backup"))
    assert isinstance(file.backend, SqliteFile)
    migrate_file(file.backend)
