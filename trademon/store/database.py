"""The database behind the store: how it is opened, migrated and locked.

SQLite in WAL mode with `synchronous=FULL`: a commit survives a power cut. Every writing transaction begins with
`BEGIN IMMEDIATE`: with the default deferred begin, a read followed by a write fails whenever another writer came
between. PostgreSQL by URL is foreseen by the types and the migrations and refused until it is tested.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, CursorResult, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from trademon.errors import DataError, StoreError
from trademon.store import migrations

_MAGIC = b"SQLite format 3\x00"
_BUSY_TIMEOUT_S = 30


class Database:
    """An opened, migrated database. `read()` and `write()` hand out a connection inside one transaction."""

    def __init__(self, url: str) -> None:
        self.path = _sqlite_path(url)
        _prepare_directory(self.path.parent)
        _refuse_foreign_file(self.path)
        self.engine = _make_engine(self.path)
        try:
            _make_file(self.path)
            _bring_to_head(self)
        except BaseException as error:
            self.engine.dispose()
            if isinstance(error, (OperationalError, OSError)):
                raise _explain(error, self.path) from None
            raise

    @contextlib.contextmanager
    def read(self) -> Iterator[Sql]:
        """A consistent view: one read transaction."""
        with self._begin(write=False) as sql:
            yield sql

    @contextlib.contextmanager
    def write(self) -> Iterator[Sql]:
        """One writing transaction: all of it is committed at the end, none of it after an exception."""
        with self._begin(write=True) as sql:
            yield sql

    def close(self) -> None:
        self.engine.dispose()

    @contextlib.contextmanager
    def _begin(self, *, write: bool) -> Iterator[Sql]:
        try:
            with self.engine.connect() as raw:
                connection = raw.execution_options(trademon_write=write)
                with connection.begin():
                    yield Sql(connection)
        except IntegrityError:
            raise  # a constraint of ours: nothing a person could mend
        except DatabaseError as error:
            raise _explain(error, self.path) from None


class Sql:
    """Plain SQL on one connection: `?` placeholders, plain tuples back. The hot paths cost what the driver costs."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def run(self, sql: str, *values: Any) -> CursorResult[Any]:
        return self.connection.exec_driver_sql(sql, values)

    def many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self.connection.exec_driver_sql(sql, list(rows))

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return list(self.connection.exec_driver_sql(sql, values))

    def one(self, sql: str, *values: Any) -> Any | None:
        return self.connection.exec_driver_sql(sql, values).first()

    def stream(self, sql: str, *values: Any) -> Iterator[Any]:
        """Rows one by one, so that a million of them need no memory."""
        result = self.connection.execution_options(stream_results=True).exec_driver_sql(sql, values)
        return iter(result)

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row, return its id."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        row = self.one(f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING id", *values.values())
        assert row is not None
        return int(row[0])


def in_list(values: Sequence[Any]) -> str:
    """Placeholders for an `IN (...)` of that many values."""
    return "(" + ", ".join("?" * len(values)) + ")"


# --- opening ------------------------------------------------------------------------------------------------------


def _sqlite_path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("TRADEMON_DATABASE_URL is not a database URL", hint="sqlite:////absolute/path.db") from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise StoreError(
            f"this release keeps its store in an SQLite file, not in {parsed.get_backend_name()}",
            hint="set TRADEMON_DATABASE_URL to sqlite:////absolute/path.db, or unset it",
        )
    return Path(parsed.database).expanduser()


def _prepare_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(
            f"cannot make the data directory {directory}: {error.strerror}",
            hint="set TRADEMON_HOME to a directory you can write to",
        ) from None


def _refuse_foreign_file(path: Path) -> None:
    """A file that is no database is named before SQLite has had a chance to touch it."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"cannot read the store {path}: {error.strerror}", hint="check its rights") from None
    if head and head != _MAGIC:
        raise StoreError(f"{path} is not a database", hint="move it away or set TRADEMON_DATABASE_URL to another file")
    if head:
        # Read without a lock and without the WAL, so that another program's file stays as it is to the last byte.
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as peek:
            try:
                names = {row[0] for row in peek.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            except sqlite3.Error as error:
                raise _explain(error, path) from None
        _refuse_foreign_tables(names)


def _refuse_foreign_tables(names: set[str]) -> None:
    if names and not {"alembic_version", "fills"} <= names:
        raise StoreError("this database belongs to another program", hint="set TRADEMON_DATABASE_URL to another file")


def _make_file(path: Path) -> None:
    """An empty file that only its owner can read; SQLite gives what it writes beside it the same rights."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _make_engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,  # a connection is kept: opening one and its pragmas cost more than a small page
        hide_parameters=True,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("trademon_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _explain(error: Exception, path: Path) -> StoreError | DataError:
    """A database error in a person's words. Constraint errors are ours and pass as they are."""
    text = str(getattr(error, "orig", error))
    if "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        return StoreError(f"cannot write the store {path}", hint="check its rights and those of its directory")
    if "not a database" in text or "malformed" in text:
        return StoreError(f"{path} is not a database or is damaged", hint="restore a backup, or move it away")
    if "full" in text or "disk I/O" in text:
        return StoreError(f"cannot write the store {path}: {text}", hint="free some disk space; nothing was lost")
    if "locked" in text:
        return StoreError(f"the store {path} is held by another program", hint="try again when it is done")
    return StoreError(f"the store {path} failed: {text}", hint="run it again with --debug and report it")


# --- migrations ---------------------------------------------------------------------------------------------------


def _revision(sql: Sql) -> str | None:
    """The schema's revision; None for a store that is empty. StoreError for another program's database."""
    names = {row[0] for row in sql.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    _refuse_foreign_tables(names)
    row = sql.one("SELECT version_num FROM alembic_version") if names else None
    return row[0] if row else None


def _bring_to_head(database: Database) -> None:
    with database.read() as sql:
        revision = _revision(sql)
    if revision == migrations.HEAD:
        return
    if revision is not None and revision not in migrations.ALL:
        raise StoreError(
            f"the store {database.path} is newer than this trademon (schema {revision}, known {migrations.HEAD})",
            hint="upgrade trademon: pip install --upgrade trademon",
        )
    with _file_lock(database.path.with_name(database.path.name + ".migrate.lock")):
        _migrate(database)


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """An operating-system lock: free the moment its holder dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _migrate(database: Database) -> None:
    with database.read() as sql:
        revision = _revision(sql)  # another process may have done it while we waited for the lock
    if revision == migrations.HEAD:
        return
    if revision is not None:
        backup(database, database.path.with_name(f"{database.path.name}.before-{migrations.HEAD}"))

    from alembic import command  # noqa: PLC0415 - 400 ms, only when behind
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with database.engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        # A batch migration rebuilds tables: with foreign keys on, that would delete every child row. Inside a
        # transaction the pragma does nothing, so it is sent before there is one.
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                _check_references(connection, database.path)
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def _check_references(connection: Connection, path: Path) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError(
            f"migrating {path} would break references: nothing was changed", hint="report it; the store works as before"
        )


def backup(database: Database, to: Path) -> None:
    """A whole copy while others write. Copying the file alone would miss what is still in the WAL."""
    to.unlink(missing_ok=True)
    source = sqlite3.connect(database.path)
    try:
        source.execute("VACUUM INTO ?", (str(to),))
    finally:
        source.close()
    to.chmod(0o600)
