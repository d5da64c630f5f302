"""The door to the database: transactions, one moment over several of them, and the schema brought up to date.

What differs between the two databases is in `sqlite.py` and `postgres.py`; the URL says which it is.

SQLModel declares the schema (`tables.py`) and alembic migrates it (`migrate.py`). Neither is imported to use a store
that is up to date: SQLAlchemy alone costs 0.2 s of CPU and 25 MB at each start, and its connection ten times what the
driver's does for each statement.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from trademon.errors import ConfigError, StoreError
from trademon.store import migrations
from trademon.store.sql import Sql, in_list, rerun, revision_of
from trademon.store.sqlite import SqliteFile

if TYPE_CHECKING:
    from trademon.store.postgres import PostgresServer
    from trademon.store.postgres_leases import Leases

__all__ = ["Database", "Sql", "in_list", "rerun"]

_POSTGRES = ("postgresql", "postgres")


class _Rehearsed(Exception):
    """What ends a transaction of which nothing is kept."""


class Database:
    """An opened, migrated database. `read()` and `write()` hand out a way to it inside one transaction.

    As it is made it is the whole store; `for_user` is the same database as one user may see it.
    """

    def __init__(self, url: str) -> None:
        self.backend = _backend_of(url)
        self.user_id: int | None = None
        """Whose rows transactions are about; None: everybody's."""
        self._moments: dict[int | None, Sql] = {}
        self._rehearsals: list[Sql] = []
        try:
            self.backend.open()
            _bring_to_head(self)
        except BaseException as error:
            self.close()
            explained = self.backend.explain(error)
            if explained is not None:
                raise explained from None
            raise

    def for_user(self, user_id: int) -> Self:
        """The same database for one user: its transactions say so, and on a server no other's row is in them."""
        view = copy.copy(self)
        view.user_id = user_id
        return view

    @property
    def place(self) -> str:
        """Where the store is, as a person reads it: a file, or a server without the password."""
        return self.backend.place

    @property
    def path(self) -> Path:
        """The store's file. Raises StoreError for one on a server."""
        if isinstance(self.backend, SqliteFile):
            return self.backend.path
        raise StoreError(f"the store is no file but at {self.place}", hint="use what its server offers: pg_dump")

    @property
    def locks(self) -> Path | Leases:
        """What `lease.hold` holds its locks by."""
        return self.backend.locks

    @contextlib.contextmanager
    def read(self) -> Iterator[Sql]:
        """A consistent view: one read transaction, or the one of `one_moment` around it."""
        moment = next(iter(self._rehearsals), None) or self._moments.get(self._scope)
        if moment is not None:
            yield moment
            return
        with self.backend.read(self.user_id) as sql:
            yield sql

    @contextlib.contextmanager
    def one_moment(self) -> Iterator[None]:
        """Every `read()` within sees the same moment, whatever others write; also those of other users, each of whom
        asked for it. For code that awaits nothing."""
        scope = self._scope
        if scope in self._moments or self._rehearsals:
            yield
            return
        beside = next(iter(self._moments.values()), None)
        with self.backend.read(self.user_id, beside=beside) as sql:
            self._moments[scope] = sql
            try:
                yield
            finally:
                del self._moments[scope]

    @contextlib.contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Whatever is read and written within is one transaction, of which nothing is kept at the end. Other writers
        wait for it."""
        with contextlib.suppress(_Rehearsed), self.backend.write() as sql:
            self._rehearsals.append(sql)
            try:
                yield
            finally:
                self._rehearsals.clear()
            raise _Rehearsed

    @property
    def _scope(self) -> int | None:
        """What transactions differ by: in a file they all see the same."""
        return self.user_id if self.backend.separates_users else None

    def write(self, account_id: int | None = None) -> contextlib.AbstractContextManager[Sql]:
        """One writing transaction: all of it is committed at the end, none of it after an exception.

        `account_id`: whose rows are written. Where this process holds the account's lease, the transaction is
        committed only if nobody else has taken it over since.

        Raises:
            Busy: somebody has.
            Lost: the transaction has to be run again; methods that write are marked with `rerun`.
        """
        if self._rehearsals:
            return contextlib.nullcontext(self._rehearsals[0])
        return self.backend.write(account_id, self.user_id)

    def close(self) -> None:
        self.backend.close()


def _backend_of(url: str) -> SqliteFile | PostgresServer:
    """The URL may hold a password: nothing of it but the first word is ever shown."""
    scheme, colon, _ = url.partition("://")
    name = scheme.partition("+")[0]
    if not colon or not name.isalnum():
        raise StoreError("TRADEMON_DATABASE_URL is not a database URL", hint="sqlite:////absolute/path.db")
    if name == "sqlite":
        return SqliteFile(url)
    if name not in _POSTGRES:
        raise StoreError(
            f"a store is kept in SQLite or PostgreSQL, not in {name}",
            hint="set TRADEMON_DATABASE_URL to sqlite:////absolute/path.db or to postgresql://...",
        )
    try:
        from trademon.store.postgres import PostgresServer  # noqa: PLC0415 - its driver is an extra
    except ImportError:
        raise ConfigError(
            "a store on PostgreSQL needs the extra postgres", hint="pip install 'trademon[postgres]'"
        ) from None
    return PostgresServer(url)


def _bring_to_head(database: Database) -> None:
    with database.read() as sql:
        revision = revision_of(sql, database.backend.tables(sql))
    if revision == migrations.HEAD:
        return
    if revision is not None and revision not in migrations.ALL:
        raise StoreError(
            f"the store {database.place} is newer than this trademon (schema {revision}, known {migrations.HEAD})",
            hint="upgrade trademon: pip install --upgrade trademon",
        )
    database.backend.migrate()
