"""Bringing a store that is behind to the schema of today, after a backup beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import StaticPool

from trademon.errors import StoreError
from trademon.store import migrations
from trademon.store.database import Database, backup, connect, revision_of


def migrate(database: Database) -> None:
    """Run what is missing of the migrations, in one transaction. Others wait for it to end."""
    with _file_lock(database.path.with_name(database.path.name + ".migrate.lock")):
        with database.read() as sql:
            revision = revision_of(sql)  # another process may have done it while we waited for the lock
        if revision == migrations.HEAD:
            return
        if revision is not None:
            backup(database, database.path.with_name(f"{database.path.name}.before-{migrations.HEAD}"))
        with contextlib.closing(connect(database.path)) as driver:
            _upgrade(driver, database.path)


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """An operating-system lock: free the moment its holder dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _upgrade(driver: sqlite3.Connection, path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    # A batch migration rebuilds tables: with foreign keys on, that would delete every child row. Inside a transaction
    # the pragma does nothing, so it is sent before there is one.
    driver.execute("PRAGMA foreign_keys=OFF")
    engine = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "begin", lambda _: driver.execute("BEGIN IMMEDIATE"))
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _check_references(connection, path)


def _check_references(connection: Connection, path: Path) -> None:
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError(
            f"migrating {path} would break references: nothing was changed", hint="report it; the store works as before"
        )
