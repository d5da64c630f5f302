"""Bringing a store that is behind to the schema of today, in one transaction; others wait for it to end.

A file is copied beside itself before. On a server a migration that fails is undone whole, and copies are its
keeper's: `pg_dump`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import StaticPool

from trademon.errors import StoreError
from trademon.progress import is_heard, tell
from trademon.store import migrations
from trademon.store.row_security import scope_of
from trademon.store.sql import revision_of
from trademon.store.sqlite import TOLD_EVERY, SqliteFile, backup, connect

if TYPE_CHECKING:
    from trademon.store.postgres import PostgresServer


def migrate_file(file: SqliteFile) -> None:
    """Run what is missing of the migrations on an SQLite file."""
    path = file.path
    with _file_lock(path.with_name(path.name + ".migrate.lock")):
        with file.read() as sql:
            revision = revision_of(sql, file.tables(sql))  # another process may have done it while we waited
        if revision == migrations.HEAD:
            return
        if revision is not None:
            backup(path, path.with_name(f"{path.name}.before-{migrations.HEAD}"))
        with contextlib.closing(connect(path)) as driver:
            _upgrade_file(driver, path)


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """An operating-system lock: free the moment its holder dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _upgrade_file(driver: sqlite3.Connection, path: Path) -> None:
    # A batch migration rebuilds tables: with foreign keys on, that would delete every child row. Inside a transaction
    # the pragma does nothing, so it is sent before there is one.
    driver.execute("PRAGMA foreign_keys=OFF")
    told = f"bringing the store to schema {migrations.HEAD}"
    if is_heard():
        driver.set_progress_handler(lambda: tell(told, 0, None, ""), TOLD_EVERY)
    engine = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "begin", lambda _: driver.execute("BEGIN IMMEDIATE"))
    with engine.connect() as connection, connection.begin():
        upgrade(connection)
        _check_references(connection, path)
    tell(told, 1, 1, "")


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the migrations up to `to` inside the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _check_references(connection: Connection, path: Path) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError(
            f"migrating {path} would break references: nothing was changed", hint="report it; the store works as before"
        )


def migrate_server(server: PostgresServer) -> None:
    """Run what is missing of the migrations on PostgreSQL."""
    from trademon.store.postgres import WRITERS  # noqa: PLC0415 - its driver is an extra

    with contextlib.closing(server.connect(autocommit=False)) as driver:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: driver,
            poolclass=StaticPool,
            hide_parameters=True,
            use_native_hstore=False,
        )
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")
            connection.exec_driver_sql(scope_of(None))  # what rows it changes are everybody's
            sql = server.sql_on(driver)
            # Another process may have done it while we waited; the names are read after the lock was had.
            if revision_of(sql, server.tables(sql)) != migrations.HEAD:
                server.check_encoding(sql)
                upgrade(connection)
