"""The second wall between users, on a server: row-level security.

Every query of a user's store names that user. Should one ever forget to, the server itself shows and takes only rows of
the user whose transaction it is: each transaction says so as it begins (`scope_of`), as a range of user numbers, so
that one that says nothing sees nothing, and one for the whole store (the list of users, a migration) says that it is.
It holds faults of ours, not a person with the role's password: who can send SQL can say any number.

`OWNED` names every table with rows of users. A table that is not in it fails a test; a migration that makes one calls
`protect` for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trademon.store.sql import Sql

OWNED: Final[dict[str, str]] = {
    **dict.fromkeys(("coin_fees", "unmatched", "disposals", "lots", "days", "entries", "books"), "account_id"),
    **dict.fromkeys(("fills", "cash", "transfers", "coverage", "looks"), "account_id"),
    **dict.fromkeys(("balances", "balance_points", "open_orders", "positions"), "account_id"),
    "stated_closes": "account_id",
    **dict.fromkeys(("quarantine", "broker_state", "key_rights", "secrets", "sessions"), "broker_id"),
    **dict.fromkeys(("paper_fills", "strategy_orders", "strategy_runs", "strategy_states"), "strategy_id"),
    **dict.fromkeys(("deliveries", "messages", "alerts", "notify_modes", "notify_options"), "user_id"),
    **dict.fromkeys(("strategies", "rounds", "schedules", "brokers", "accounts", "data_keys"), "user_id"),
    "users": "id",
}
"""Each table with rows of users, by the column that says whose they are; in the order in which all that a user has can
be deleted."""

_NAMED_BY: Final = {"account_id": "accounts", "broker_id": "brokers", "strategy_id": "strategies"}
_FIRST, _LAST = "trademon.first_user", "trademon.last_user"
_LARGEST: Final = 2**31 - 1
POLICY: Final = "own_rows"


def scope_of(user_id: int | None) -> str:
    """What a transaction says of itself: whose rows it is about; None for those of the whole store."""
    first, last = (0, _LARGEST) if user_id is None else (int(user_id), int(user_id))
    return f"SET LOCAL {_FIRST} = '{first}'; SET LOCAL {_LAST} = '{last}'"


def _condition(column: str) -> str:
    """Whether a row is one of the transaction's user. What does not depend on the row is a subquery of its own, so that
    it is computed once a statement and not once a row."""
    if column in _NAMED_BY:
        # What that table shows is the user's already: it has a policy, too.
        return f"{column} = ANY (ARRAY(SELECT id FROM {_NAMED_BY[column]}))"
    bounds = (f"nullif(current_setting('{name}', true), '')::integer" for name in (_FIRST, _LAST))
    return "{0} >= {1} AND {0} <= {2}".format(column, *bounds)


def of_user(column: str) -> str:
    """The condition on a user's number that a row is theirs, by the column that says whose it is."""
    named = _NAMED_BY.get(column)
    return f"{column} = ?" if named is None else f"{column} IN (SELECT id FROM {named} WHERE user_id = ?)"


def policies(table: str, column: str) -> Iterator[str]:
    """The statements that put up the wall around a table. Its owner is held by it, too; a superuser is not."""
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    condition = _condition(column)
    yield f"CREATE POLICY {POLICY} ON {table} USING ({condition}) WITH CHECK ({condition})"


def gaps(sql: Sql) -> Iterator[str]:
    """What row-level security does not hold: a role that passes through it, tables that have none."""
    row = sql.rows("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")[0]
    if row[1] or row[2]:
        yield f"the role {row[0]} is {'SUPERUSER' if row[1] else 'BYPASSRLS'}: row-level security does not hold it"
    walled = sql.rows(
        """SELECT relname FROM pg_class JOIN pg_policies ON tablename = relname AND schemaname = current_schema()
        WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity AND relforcerowsecurity
        AND policyname = ?""",
        POLICY,
    )
    lacking = sorted(OWNED.keys() - {name for (name,) in walled})
    if lacking:
        yield f"no row-level security on {', '.join(lacking)}"


def protect(table: str, *, by: str) -> None:
    """In a migration: put up the wall around a table of users' rows, known by the column `by`: `account_id`,
    `broker_id`, `strategy_id` or `user_id`. An SQLite file has no such wall."""
    from alembic import op  # noqa: PLC0415 - only a store that is behind pays for it

    if op.get_bind().dialect.name == "postgresql":
        for statement in policies(table, by):
            op.execute(statement)
