"""The store on a PostgreSQL server: how it is reached, and what holds where it may go away at any moment.

One writer at a time, as in an SQLite file: a writing transaction begins by taking a lock that all writers take, and
reads what the one before it committed. So the ids of fills become visible in their order, and nothing that is read in
order to be changed can change meanwhile. Readers take no lock: they see one moment (`REPEATABLE READ`).

A transaction that the server ended, or whose connection broke, kept nothing and is run again (`sql.rerun`). Where the
connection broke while it was being committed, the server is asked what became of it.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import conninfo, errors
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import TextLoader

from trademon.errors import Busy, StoreError
from trademon.redaction import register
from trademon.store.postgres_leases import Leases, account_lease
from trademon.store.row_security import gaps, scope_of
from trademon.store.sql import Lost, Sql

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.Cursor[tuple[Any, ...]]

# A server that restarts or fails over is back within seconds.
_PATIENCE_S: Final = 15.0
_FETCH: Final = 2000
_FIRST_LOOK: Final = 2000
# How the network is watched, unless the URL says otherwise: a server that is gone is noticed within half a minute.
_DEFAULTS: Final = {
    "application_name": "trademon",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
WRITERS: Final = 7_296_014_811_530_221
"""The number of the lock that every writer takes, whatever else uses the same database."""
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# The server ends the transaction of a client that has gone silent, so that it holds up no other writer for longer.
_WRITE: Final = f"""BEGIN ISOLATION LEVEL READ COMMITTED; {{scope}};
    SET LOCAL idle_in_transaction_session_timeout = '25s'; SET LOCAL lock_timeout = '30s';
    SELECT pg_advisory_xact_lock({WRITERS}); SELECT pg_current_xact_id()::text"""


class PostgresServer:
    """A database on a server, and the connections to it that wait to be used again.

    Each transaction begins by saying whose rows it is about (`row_security`), and forgets it with its end.
    """

    separates_users = True

    def __init__(self, url: str) -> None:
        self._conninfo, self._secret, self.place = _read_url(url)
        self._idle: list[Connection] = []
        self._was_reached = False
        self._written, self._next_look = 0, _FIRST_LOOK
        self.locks = Leases(self.connect)

    def open(self) -> None:
        """Nothing is to be made: the first transaction finds the server, or says that it is not there."""

    @contextlib.contextmanager
    def read(self, user_id: int | None = None, *, beside: Sql | None = None) -> Iterator[Sql]:
        """One transaction that sees one moment and changes nothing; `beside`: the moment of that other one."""
        snapshot = ""
        if beside is not None:
            (name,) = beside.rows("SELECT pg_export_snapshot()")[0]
            snapshot = f"SET TRANSACTION SNAPSHOT '{name}'; "
        connection = self._begin(f"{_READ}; {snapshot}{scope_of(user_id)}").connection
        try:
            yield PostgresSql(connection)
        except psycopg.Error as error:
            raise self._in_words(error, connection) from None
        finally:
            _roll_back(connection)  # there is nothing to commit: a connection that breaks here costs nobody anything
            self._give_back(connection)

    @contextlib.contextmanager
    def write(self, account_id: int | None = None, user_id: int | None = None) -> Iterator[Sql]:
        """One transaction with no other writer beside it; see `Database.write`."""
        begun = self._begin(_WRITE.format(scope=scope_of(user_id)))
        connection, number, is_committing = begun.connection, _last_value(begun), False
        sql = PostgresSql(connection)
        try:
            yield sql
            self._check_lease(sql, account_id)
            is_committing = True
            connection.execute(b"COMMIT")
            self._tell_planner(connection, sql.rows_written)
        except BaseException as error:  # noqa: BLE001 - raised again, in a person's words where it is the server's
            _roll_back(connection)
            if not (is_committing and connection.closed and self._was_committed(number)):
                raise self._in_words(error, connection) from None
        finally:
            self._give_back(connection)

    def tables(self, sql: Sql) -> set[str]:
        """The names of the tables there are in the schema that is used."""
        return {row[0] for row in sql.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")}

    def faults(self, sql: Sql) -> list[str]:
        """A server looks after its own files: that it answers is what can be said from here."""
        return []

    def open_to_all(self, sql: Sql) -> list[str]:
        """Where no wall stands between users that should: the role passes through it, or a table has none."""
        return list(gaps(sql))

    def size_bytes(self, sql: Sql) -> int:
        """What the database takes on its server."""
        return int(sql.rows("SELECT pg_database_size(current_database())")[0][0])

    def migrate(self) -> None:
        """Bring the schema to that of today."""
        from trademon.store.migrate import migrate_server  # noqa: PLC0415 - alembic costs 400 ms: see database.py

        migrate_server(self)

    def close(self) -> None:
        self.locks.close()
        while self._idle:
            self._idle.pop().close()

    def connect(self, *, autocommit: bool = True) -> Connection:
        """A new connection. Raises StoreError where there is no way to the server."""
        try:
            connection = psycopg.connect(self._conninfo, autocommit=autocommit, client_encoding="utf8")
        except psycopg.OperationalError as error:
            raise StoreError(f"cannot reach {self.place}: {self._said(error)}", hint=_remedy(str(error))) from None
        except psycopg.Error:  # its text may quote the URL
            raise StoreError("TRADEMON_DATABASE_URL is no URL that PostgreSQL's client takes", hint=_FORM) from None
        # Money comes back as the text it is, and numbers go there in one size, so that a statement is planned once.
        connection.adapters.register_loader("numeric", TextLoader)
        connection.adapters.register_dumper(int, Int8Dumper)
        self._was_reached = True
        return connection

    def explain(self, error: BaseException) -> Exception | None:
        """What went wrong with the server in a person's words; None for an error that is not the server's."""
        cause = getattr(error, "orig", error)  # what SQLAlchemy wraps, in a migration
        return self._explain(cause) if isinstance(cause, psycopg.Error) else None

    # --- transactions --------------------------------------------------------------------------------------------

    def _begin(self, begin: str) -> Cursor:
        """Begin a transaction, on a connection that waits or on a new one where those have been cut."""
        while True:
            is_new = not self._idle
            connection = self._reach() if is_new else self._idle.pop()
            try:
                return connection.execute(begin.encode(), prepare=False)
            except psycopg.Error as error:
                _roll_back(connection)
                self._give_back(connection)
                if is_new or not connection.closed:
                    raise self._in_words(error, connection) from None

    def _reach(self) -> Connection:
        """A new connection; waits for a server that was there before."""
        until = time.monotonic() + (_PATIENCE_S if self._was_reached else 0)
        pause = 0.05
        while True:
            try:
                return self.connect()
            except StoreError:
                if time.monotonic() + pause >= until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def _give_back(self, connection: Connection) -> None:
        if connection.closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _tell_planner(self, connection: Connection, rows: int) -> None:
        """Have the server look at what is in the tables each time it has doubled.

        By itself it does so once a minute. Until then it takes every key to be as good as any other, and a first import
        would read through all of a book for each page.
        """
        self._written += rows
        if self._written >= self._next_look:
            self._next_look = 2 * self._written
            with contextlib.suppress(psycopg.Error):  # it is committed whatever comes of this
                connection.execute(b"ANALYZE fills, entries, disposals, lots")

    def _check_lease(self, sql: Sql, account_id: int | None) -> None:
        """Refuse to commit what was written under a lease that another run has taken over since.

        The lease's row stays locked until the commit is done, so that nobody can take it over in between.
        """
        token = None if account_id is None else self.locks.token(account_lease(account_id))
        if token is None:
            return
        row = sql.one("SELECT token FROM leases WHERE name = ? FOR SHARE", account_lease(account_id))
        if row is None or row[0] != token:
            raise Busy("another run has taken over while this one did not answer")

    def _was_committed(self, number: str) -> bool:
        """What became of a transaction whose connection broke while it was being committed.

        Whoever has the writers' lock knows that it is over: it held that lock itself.
        """
        connection = self._begin(_WRITE.format(scope=scope_of(None))).connection
        try:
            row = connection.execute(b"SELECT pg_xact_status(%s::xid8)", (number,)).fetchone()
            return row is not None and row[0] == "committed"
        except psycopg.Error as error:
            raise StoreError(
                f"the connection to {self.place} broke while it stored something: {self._said(error)}",
                hint="run it again: what is there already is not stored twice",
            ) from None
        finally:
            _roll_back(connection)
            self._give_back(connection)

    # --- migrating (see migrate.py) ------------------------------------------------------------------------------

    def sql_on(self, connection: Connection) -> Sql:
        return PostgresSql(connection)

    def check_encoding(self, sql: Sql) -> None:
        """A database that cannot hold every character is refused before anything is in it."""
        encoding = sql.rows("SHOW server_encoding")[0][0]
        if encoding != "UTF8":
            raise StoreError(
                f"the database at {self.place} keeps {encoding}, not UTF8",
                hint="make one with: createdb --encoding UTF8 --template template0 NAME",
            )

    # --- errors --------------------------------------------------------------------------------------------------

    def _in_words(self, error: BaseException, connection: Connection) -> BaseException:
        """The error to raise for one inside a transaction. A broken constraint is ours, and passes as it is."""
        if not isinstance(error, psycopg.Error):
            return error
        if connection.closed or isinstance(error, (errors.SerializationFailure, errors.DeadlockDetected)):
            return Lost(f"the connection to {self.place} was lost: {self._said(error)}", hint="run it again")
        return error if isinstance(error, psycopg.IntegrityError) else self._explain(error)

    def _explain(self, error: psycopg.Error) -> StoreError:
        if isinstance(error, errors.LockNotAvailable):
            return StoreError(f"the store {self.place} is held by another program", hint="try again when it is done")
        if isinstance(error, errors.InsufficientPrivilege) and "row-level security" in str(error):
            return StoreError(
                f"the store {self.place} kept a row from another user's hands: {self._said(error)}",
                hint="nothing was changed; report it: a fault of ours",
            )
        if isinstance(error, errors.InsufficientPrivilege):
            return StoreError(
                f"the store {self.place} is not ours to write: {self._said(error)}",
                hint="give the user a database or schema of its own",
            )
        return StoreError(
            f"the store {self.place} failed: {self._said(error)}", hint="run it again with --debug and report it"
        )

    def _said(self, error: psycopg.Error) -> str:
        """The first words of what the server said, on one line, without the password."""
        text = " ".join(str(error).split())
        return (text.replace(self._secret, "***") if self._secret else text)[:300] or type(error).__name__


def _last_value(cursor: Cursor) -> str:
    """What the last of several statements gave."""
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    assert row is not None
    return str(row[0])


def _roll_back(connection: Connection) -> None:
    """End what is open, if the connection still can; one that cannot is done for."""
    if not connection.closed:
        with contextlib.suppress(psycopg.Error):
            connection.rollback()


class PostgresSql:
    """Plain SQL on one connection. See `sql.Sql`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._cursor = connection.cursor()
        self._streams = 0
        self.rows_written = 0
        """By `many` alone: what comes in masses."""

    def run(self, sql: str, *values: Any) -> int:
        return self._cursor.execute(_translate(sql), values).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._cursor.executemany(_translate(sql), rows)
        self.rows_written += max(self._cursor.rowcount, 0)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self._cursor.execute(_translate(sql), values).fetchall()

    def one(self, sql: str, *values: Any) -> Any | None:
        return self._cursor.execute(_translate(sql), values).fetchone()

    def stream(self, sql: str, *values: Any) -> Iterator[Any]:
        """The rows as they are now, some thousand at a time. What is left of them ends with the transaction."""
        self._streams += 1
        name = f"stream_{id(self)}_{self._streams}".encode()
        self._cursor.execute(b"DECLARE %b NO SCROLL CURSOR FOR " % name + _translate(sql), values, prepare=False)
        return self._fetched(name)

    def _fetched(self, name: bytes) -> Iterator[Any]:
        fetch = b"FETCH %d FROM %b" % (_FETCH, name)
        while rows := self._cursor.execute(fetch, prepare=False).fetchall():
            yield from rows
            if len(rows) < _FETCH:
                break
        self._cursor.execute(b"CLOSE %b" % name, prepare=False)

    def insert(self, table: str, **values: Any) -> int:
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        row = self.one(f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING id", *values.values())
        assert row is not None
        return int(row[0])

    def whole(self, column: str) -> str:
        return f"CAST({column} AS bigint)"


@functools.lru_cache(maxsize=1024)
def _translate(sql: str) -> bytes:
    """A statement with this driver's placeholders. No text inside a statement has a question mark."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


# --- the URL ------------------------------------------------------------------------------------------------------

_FORM: Final = "postgresql://USER:PASSWORD@HOST:5432/DATABASE, with %40 for an @ in a password"


def _read_url(url: str) -> tuple[str, str, str]:
    """What libpq is given, the password, and the place without it.

    A password with an unescaped `@` or `/` would make libpq take a part of it for a host, and name that in its errors.
    """
    rest = url.partition("://")[2]
    parts = urlsplit(f"//{rest}")
    if rest.count("@") > parts.netloc.count("@") or parts.netloc.count("@") > 1 or parts.fragment:
        raise StoreError("TRADEMON_DATABASE_URL cannot be taken apart", hint=_FORM)
    try:
        given = conninfo.conninfo_to_dict(f"postgresql://{rest}")
    except psycopg.Error:
        raise StoreError("TRADEMON_DATABASE_URL is no URL that PostgreSQL's client takes", hint=_FORM) from None
    secret = str(given.get("password") or unquote(parts.password or ""))
    host, port = given.get("host") or "", given.get("port")
    name = given.get("dbname") or given.get("user") or ""
    is_socket = str(host).startswith("/")  # a directory
    place = (
        f"postgresql:///{name}?host={host}" if is_socket else f"postgresql://{host}{f':{port}' if port else ''}/{name}"
    )
    register(secret)
    return conninfo.make_conninfo("", **{**_DEFAULTS, **given}), secret, place


def _remedy(text: str) -> str:
    """What a person can do about a server that lets nobody in."""
    if "authentication" in text or "password" in text or "role" in text:
        return "check user and password in TRADEMON_DATABASE_URL"
    if "does not exist" in text:
        return "make it with: createdb --encoding UTF8 NAME"
    return "is it running, and is TRADEMON_DATABASE_URL right?"
