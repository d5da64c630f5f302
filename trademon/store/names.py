"""The names that completion offers, from a store that is only looked at: it is neither made nor migrated nor locked."""

from __future__ import annotations

from typing import Final, Literal

from trademon.store.look import look_at
from trademon.store.scope import HOST

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


def stored_names(url: str, kind: Kind, *, user: str | None) -> tuple[str, ...]:
    """Names in alphabetical order: of users, brokers or strategies, of symbols with fills, or of all symbols that an
    exchange of theirs lists. `user`: of this one alone.

    Raises:
        StoreError: the store's URL is none. Whatever the database raises where there is none, or another schema.
    """
    with look_at(url, user) as sql:
        return tuple(sorted({str(row[0]) for row in sql.rows(_QUERIES[kind], user, user)}))
