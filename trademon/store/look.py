"""A store that is only looked at: neither made nor migrated nor locked, and no trace is left of it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

from trademon.errors import StoreError
from trademon.store.sql import Sql, revision_of
from trademon.store.sqlite import SqliteSql, file_of

_PATIENCE_S: Final = 0.1


def look_at(url: str, user: str | None = None) -> AbstractContextManager[Sql]:
    """A way to what is stored, in one transaction that reads; `user`: as that one, whom a server shows nobody else's.

    Raises:
        StoreError: the store's URL is none. Whatever the database raises where there is none.
    """
    return _look_at_file(url) if url.startswith("sqlite") else _look_at_server(url, user)


def schema_at(url: str) -> str | None:
    """The revision of the store's schema; None where there is no store yet.

    Raises:
        StoreError: the store's URL is none, or it cannot be reached.
    """
    if not url.startswith("sqlite"):
        with look_at(url) as sql:
            return _revision(sql, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    path = file_of(url)
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        with look_at(url) as sql:
            return _revision(sql, "SELECT name FROM sqlite_master WHERE type = 'table'")
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}", hint="restore a backup, or move it away") from None


def _revision(sql: Sql, tables: str) -> str | None:
    return revision_of(sql, {row[0] for row in sql.rows(tables)})


@contextlib.contextmanager
def _look_at_file(url: str) -> Iterator[Any]:
    """Nothing is laid beside a file that nobody has open: it is whole, and read as it stands."""
    path = file_of(url).absolute()
    is_open = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S)) as connection:
        yield SqliteSql(connection)


@contextlib.contextmanager
def _look_at_server(url: str, user: str | None) -> Iterator[Any]:
    """As the user, where there is one: the server itself shows no other's row then."""
    from trademon.store.postgres import PostgresServer  # noqa: PLC0415 - its driver is an extra

    with contextlib.closing(PostgresServer(url)) as server:
        number: int | None = None
        if user is not None:
            with server.read() as sql:
                number = next((row[0] for row in sql.rows("SELECT id FROM users WHERE name = ?", user)), -1)
        with server.read(number) as sql:
            yield sql
