"""The names that completion offers, from a store that is only looked at: it is neither made nor migrated nor locked."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any, Final, Literal

from trademon.store.scope import HOST
from trademon.store.sqlite import SqliteSql, file_of

Kind = Literal["user", "broker", "strategy", "symbol", "listed"]

# Whether `users.name` is the user that a command is pinned to; whoever is pinned to nobody sees everybody.
_WHOSE: Final = "(CAST(? AS varchar) IS NULL OR users.name = ?)"
_QUERIES: Final[dict[Kind, str]] = {
    "user": f"SELECT name FROM users WHERE retired_at IS NULL AND {_WHOSE}",
    "broker": f"""SELECT DISTINCT brokers.name FROM brokers JOIN users ON users.id = user_id
        WHERE removed_at IS NULL AND retired_at IS NULL AND {_WHOSE}""",
    "strategy": f"""SELECT DISTINCT strategies.name FROM strategies JOIN users ON users.id = user_id
        WHERE removed_at IS NULL AND retired_at IS NULL AND {_WHOSE}""",
    "symbol": f"""SELECT DISTINCT symbol FROM books JOIN markets ON markets.id = market_id
        JOIN accounts ON accounts.id = account_id JOIN users ON users.id = accounts.user_id
        WHERE retired_at IS NULL AND {_WHOSE}""",
    "listed": f"""SELECT DISTINCT symbol FROM markets JOIN listings ON market_id = markets.id
        JOIN brokers ON {HOST} = host AND brokers.exchange = markets.exchange AND brokers.market = markets.market
        JOIN users ON users.id = brokers.user_id WHERE removed_at IS NULL AND retired_at IS NULL AND {_WHOSE}""",
}
_PATIENCE_S: Final = 0.1


def stored_names(url: str, kind: Kind, *, user: str | None) -> tuple[str, ...]:
    """Names in alphabetical order: of users, brokers or strategies, of symbols with fills, or of all symbols that an
    exchange of theirs lists. `user`: of this one alone.

    Raises:
        StoreError: the store's URL is none. Whatever the database raises where there is none, or another schema.
    """
    with _look_at_file(url) if url.startswith("sqlite") else _look_at_server(url, user) as sql:
        return tuple(sorted({str(row[0]) for row in sql.rows(_QUERIES[kind], user, user)}))


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
