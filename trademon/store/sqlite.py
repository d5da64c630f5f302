"""The store in an SQLite file: how the file is opened, shared and refused.

WAL mode with `synchronous=FULL`: a commit survives a power cut. Every writing transaction begins with
`BEGIN IMMEDIATE`: with the default deferred begin, a read followed by a write fails whenever another writer came
between.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from trademon.errors import DataError, StoreError
from trademon.progress import is_heard, tell
from trademon.store.sql import Sql, refuse_foreign_tables

_MAGIC = b"SQLite format 3\x00"
_BUSY_TIMEOUT_S = 30
_PAUSE_S = 0.02
_MB = 1_000_000
TOLD_EVERY = 100_000
"""Instructions of SQLite's machine between two looks at how far it is."""


class SqliteFile:
    """One file, and the connections to it that wait to be used again."""

    separates_users = False
    """Whoever can open a file can read all of it: whose rows a transaction is about makes no difference."""

    def __init__(self, url: str) -> None:
        self.path = file_of(url)
        self._idle: list[sqlite3.Connection] = []

    @property
    def place(self) -> str:
        """Where the store is, as a person reads it."""
        return str(self.path)

    @property
    def locks(self) -> Path:
        """Where `lease.hold` finds its locks: files of the operating system's, free the moment their holder dies."""
        return self.path.parent / "locks"

    def open(self) -> None:
        """Make the file where there is none; StoreError for one that is no store of ours."""
        _prepare_directory(self.path.parent)
        _refuse_foreign_file(self.path)
        _make_file(self.path)

    def read(self, user_id: int | None = None, *, beside: Sql | None = None) -> contextlib.AbstractContextManager[Sql]:
        return self._begin("BEGIN")

    def write(
        self, account_id: int | None = None, user_id: int | None = None
    ) -> contextlib.AbstractContextManager[Sql]:
        """The account is not looked at: whoever holds its lock lives, or the lock would be free."""
        return self._begin("BEGIN IMMEDIATE")

    def tables(self, sql: Sql) -> set[str]:
        """The names of the tables there are."""
        return {row[0] for row in sql.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def faults(self, sql: Sql) -> list[str]:
        """What is damaged, as SQLite says it; nothing where all is well. Reads the whole file."""
        return [row[0] for row in sql.rows("PRAGMA quick_check(5)") if row[0] != "ok"]

    def open_to_all(self, sql: Sql) -> list[str]:
        """Where no wall stands between users that should: in a file there is none to stand."""
        return []

    def size_bytes(self, sql: Sql) -> int:
        """What the store takes, its log beside it."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def migrate(self) -> None:
        """Bring the schema to that of today, after a backup beside the file."""
        from trademon.store.migrate import migrate_file  # noqa: PLC0415 - alembic costs 400 ms: see database.py

        migrate_file(self)

    def explain(self, error: BaseException) -> Exception | None:
        """What went wrong with the file in a person's words; None for an error that is not the file's."""
        is_ours = isinstance(error, (sqlite3.OperationalError, OSError))
        return _explain(error, self.path) if is_ours else None

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextlib.contextmanager
    def _begin(self, begin: str) -> Iterator[Sql]:
        connection: sqlite3.Connection | None = None
        try:
            # A connection is kept: opening one and its pragmas cost more than a small page.
            connection = self._idle.pop() if self._idle else connect(self.path)
            connection.execute(begin)
            yield SqliteSql(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            if connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
                raise _explain(error, self.path) from None
            raise  # a broken constraint is ours: nothing a person could mend
        finally:
            if connection is not None:
                self._idle.append(connection)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that begins no transaction of its own and keeps what it has committed."""
    # Used by one thread at a time; which one is not its concern.
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        # Where another process is just turning a new file to WAL, SQLite says "locked" at once, whatever the timeout.
        give_up_at = time.monotonic() + _BUSY_TIMEOUT_S
        while True:
            try:
                _set_up(connection)
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up_at:
                    raise
            time.sleep(_PAUSE_S)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=FAST")  # what was sealed with an old key is not left in the file
    connection.execute("PRAGMA cache_size=-16000")  # KiB: what a large store touches while a page is booked


class SqliteSql:
    """Plain SQL on one connection: `?` placeholders, plain tuples back. It costs what the driver costs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def run(self, sql: str, *values: Any) -> int:
        """Returns how many rows were changed."""
        return self.connection.execute(sql, values).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        if rows:
            self.connection.executemany(sql, rows)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any | None:
        cursor = self.connection.execute(sql, values)
        row = cursor.fetchone()
        cursor.close()
        return row

    def stream(self, sql: str, *values: Any) -> Iterator[Any]:
        """Rows one by one, so that a million of them need no memory."""
        return self.connection.execute(sql, values)

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row, return its id."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        row = self.one(f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING id", *values.values())
        assert row is not None
        return int(row[0])

    def whole(self, column: str) -> str:
        return column


# --- opening ------------------------------------------------------------------------------------------------------


def file_of(url: str) -> Path:
    """The file that an SQLite URL names: three slashes before a relative path, four before an absolute one."""
    _, _, rest = url.partition("://")
    name = unquote(urlsplit(f"//{rest}").path[1:])
    if not rest.startswith("/") or not name or name == ":memory:":
        raise StoreError("TRADEMON_DATABASE_URL names no file", hint="sqlite:////absolute/path.db")
    return Path(name).expanduser()


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
        _refuse_foreign_database(path)


def _refuse_foreign_database(path: Path) -> None:
    """Looked at without a lock and without the WAL, so that another program's file stays as it is to the last byte.

    Such a look finds a file torn while a process writes its WAL back into it: then a second one takes the lock.
    """
    try:
        refuse_foreign_tables(_peek(path, alone=True))
    except (StoreError, sqlite3.Error):
        try:
            refuse_foreign_tables(_peek(path, alone=not path.with_name(f"{path.name}-wal").exists()))
        except sqlite3.Error as error:
            raise _explain(error, path) from None


def _peek(path: Path, *, alone: bool) -> set[str]:
    """The names of the tables; `alone` is for a file that no process has open."""
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S)) as peek:
        return {row[0] for row in peek.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _make_file(path: Path) -> None:
    """An empty file that only its owner can read; SQLite gives what it writes beside it the same rights."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _explain(error: BaseException, path: Path) -> StoreError | DataError:
    """A database error in a person's words. Constraint errors are ours and pass as they are."""
    text = str(error)
    if "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        return StoreError(f"cannot write the store {path}", hint="check its rights and those of its directory")
    if "not a database" in text or "malformed" in text:
        return StoreError(f"{path} is not a database or is damaged", hint="restore a backup, or move it away")
    if "full" in text or "disk I/O" in text:
        return StoreError(f"cannot write the store {path}: {text}", hint="free some disk space; nothing was lost")
    if "locked" in text:
        return StoreError(f"the store {path} is held by another program", hint="try again when it is done")
    return StoreError(f"the store {path} failed: {text}", hint="run it again with --debug and report it")


def tell_copied(done: int, size: int) -> None:
    """How far a copy of `size` bytes is; a little less than all of it until that is told."""
    total = max(1, size // _MB)
    tell("copying the store", total if done == size else min(done // _MB, total - 1), total, "MB")


def backup(path: Path, to: Path) -> None:
    """A whole copy while others write. Copying the file alone would miss what is still in the WAL."""
    to.unlink(missing_ok=True)
    size = path.stat().st_size
    source = sqlite3.connect(path)
    if is_heard():
        source.set_progress_handler(lambda: tell_copied(to.stat().st_size if to.exists() else 0, size), TOLD_EVERY)
    try:
        source.execute("VACUUM INTO ?", (str(to),))
    finally:
        source.close()
        tell_copied(size, size)
    to.chmod(0o600)
