"""Users as rows: added, changed, listed, removed and brought back. Written inside the caller's transaction.

A user who is removed keeps the row and all that was executed, hidden, unless it is to be deleted: it is theirs, and the
name is not given to another by mistake. Their keys and their brokers' names are gone at once.
"""

from __future__ import annotations

from typing import Any

from trademon.core.model import Method
from trademon.core.reports import UserInfo
from trademon.core.symbols import nearest
from trademon.core.times import from_us
from trademon.errors import UnknownName, UsageError
from trademon.store.database import Sql
from trademon.store.row_security import OWNED, of_user
from trademon.store.scope import optional_time

_FILLS = """SELECT count(*) FROM fills JOIN accounts ON accounts.id = account_id
    WHERE user_id = ? AND source IN ('api', 'import')"""
_KEPT = ("fills", "transfers", "cash")
"""What cannot be made again: without any of it nothing is kept of a user."""


def list_users(sql: Sql, only: str | None = None) -> tuple[UserInfo, ...]:
    """All users who are not removed, by name; `only` the one of that name."""
    rows = sql.rows(
        """SELECT name, active, method, currency, created_at, telegram_chat, language,
            (SELECT count(*) FROM brokers WHERE user_id = users.id AND removed_at IS NULL),
            (SELECT max(last_good_at) FROM broker_state JOIN brokers ON brokers.id = broker_id
                WHERE user_id = users.id AND removed_at IS NULL)
        FROM users WHERE retired_at IS NULL AND (CAST(? AS varchar) IS NULL OR name = ?) ORDER BY name""",
        only,
        only,
    )
    return tuple(
        UserInfo(name, bool(active), method, currency, brokers, from_us(created), chat, language, optional_time(seen))
        for name, active, method, currency, created, chat, language, brokers, seen in rows
    )


def find_user(sql: Sql, name: str) -> tuple[int, str, Method | None]:
    """(number, name, method). Raises UnknownName where there is no such user, or not any more."""
    row = sql.one("SELECT id, name, method, retired_at FROM users WHERE name = ?", name)
    if row is None:
        near = nearest(name, [r[0] for r in sql.rows("SELECT name FROM users WHERE retired_at IS NULL")])
        hint = f"did you mean {near!r}?" if near else "trademon user list shows them"
        raise UnknownName(f"there is no user {name!r}", hint=hint)
    if row[3] is not None:
        raise UnknownName(f"user {name!r} was removed", hint=f"trademon user add {name} --restore brings them back")
    return row[0], row[1], row[2]


def insert_user(sql: Sql, name: str, now_us: int, **settings: Any) -> None:
    """Raises UsageError where the name is taken, also by a user who was removed and of whom something is stored."""
    row = sql.one("SELECT id, retired_at FROM users WHERE name = ?", name)
    if row is not None and row[1] is None:
        raise UsageError(f"there is already a user {name!r}", hint=f"trademon user set {name} changes it")
    if row is not None:
        told = f"{count_fills(sql, row[0]):,} fills of a removed user {name!r} are still stored"
        back, gone = f"trademon user add {name} --restore", f"trademon user remove {name} --with-fills"
        raise UsageError(told, hint=f"{back} brings them back, {gone} deletes them")
    sql.insert("users", name=name, active=True, created_at=now_us, **settings)


def bring_back(sql: Sql, name: str, **settings: Any) -> int:
    """A removed user as they were, but for `settings`; how many fills there are again.

    Raises:
        UnknownName: no user of that name was removed.
    """
    row = sql.one("SELECT id FROM users WHERE name = ? AND retired_at IS NOT NULL", name)
    if row is None:
        raise UnknownName(f"no user {name!r} was removed", hint="leave --restore away to add one")
    change_user(sql, row[0], active=True, retired_at=None, **settings)
    return count_fills(sql, row[0])


def change_user(sql: Sql, user_id: int, **changes: Any) -> None:
    for column, value in changes.items():
        sql.run(f"UPDATE users SET {column} = ? WHERE id = ?", value, user_id)


def retire(sql: Sql, user_id: int, now_us: int) -> None:
    """Forget keys and names, end what is to be done for them; keep what was executed, hidden. Of whom nothing of that
    is stored, nothing is kept."""
    if not any(_has_some(sql, table, user_id) for table in _KEPT):
        delete_user(sql, user_id)
        return
    for table in ("secrets", "schedules"):
        sql.run(f"DELETE FROM {table} WHERE {of_user(OWNED[table])}", user_id)
    # Whoever comes back decides anew what may send orders.
    sql.run("UPDATE strategies SET armed = NULL, enabled = ? WHERE user_id = ?", False, user_id)
    sql.run(
        "UPDATE brokers SET removed_at = ?, enabled = ? WHERE user_id = ? AND removed_at IS NULL",
        now_us,
        False,
        user_id,
    )
    change_user(sql, user_id, active=False, retired_at=now_us)


def delete_user(sql: Sql, user_id: int) -> int:
    """Delete every row of the user's in every table, for good; how many executions there were."""
    fills = count_fills(sql, user_id)
    for table, column in OWNED.items():
        sql.run(f"DELETE FROM {table} WHERE {of_user(column)}", user_id)
    return fills


def count_fills(sql: Sql, user_id: int) -> int:
    return int(sql.rows(_FILLS, user_id)[0][0])


def _has_some(sql: Sql, table: str, user_id: int) -> bool:
    return sql.one(f"SELECT 1 FROM {table} WHERE {of_user(OWNED[table])} LIMIT 1", user_id) is not None
