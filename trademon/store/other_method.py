"""A user's books as they would be if every account were kept by another method.

A transfer between a user's own accounts carries the lots that the sending account's method gives away. By another
method other lots leave, and arrive with their own cost: no fold of one book by itself can say what came of that. So the
user's rows are copied into a store that is gone afterwards, and derived there.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import islice

from trademon.core.model import Method
from trademon.store.carry import account_method
from trademon.store.database import Sql
from trademon.store.fill_rows import CARRIED

_BATCH = 10_000
_OWN = "(SELECT id FROM accounts WHERE user_id = ?)"
# In the order in which rows refer to each other. Raw answers, keys and what looks saw stay where they are.
_TABLES = {
    "users": "id = ?",
    "accounts": "user_id = ?",
    "brokers": "user_id = ?",
    "markets": "0 <> ?",
    "candles": "0 <> ?",
    "counters": "0 <> ?",
    **dict.fromkeys(("fills", "transfers", "cash", "books", "entries", "coin_fees"), f"account_id IN {_OWN}"),
    **dict.fromkeys(("days", "lots", "disposals", "unmatched"), f"account_id IN {_OWN}"),
}


def carrying_accounts(sql: Sql, user_id: int) -> list[int]:
    """The user's accounts that lots came into or left by a transfer."""
    rows = sql.rows(f"SELECT DISTINCT account_id FROM fills WHERE {CARRIED} AND account_id IN {_OWN}", user_id)
    return [row[0] for row in rows]


def kept_otherwise(sql: Sql, user_id: int, method: Method) -> bool:
    """Whether lots were carried that `method` might not have given away."""
    return any(account_method(sql, account_id) != method for account_id in carrying_accounts(sql, user_id))


def copy_user(source: Sql, target: Sql, user_id: int, method: Method) -> None:
    """The user's rows into an empty store, every account of theirs kept by `method` from now on; nothing is derived."""
    target.run("PRAGMA defer_foreign_keys = ON")
    target.run("DELETE FROM counters")
    for table, condition in _TABLES.items():
        _copy(source, target, table, condition, user_id)
    target.run("UPDATE brokers SET method = NULL")
    target.run("UPDATE users SET method = ?", method)


def _copy(source: Sql, target: Sql, table: str, condition: str, user_id: int) -> None:
    columns = [row[1] for row in target.rows(f"PRAGMA table_info({table})")]
    wanted = ", ".join("''" if (table, column) == ("fills", "raw") else column for column in columns)
    rows = iter(source.stream(f"SELECT {wanted} FROM {table} WHERE {condition}", user_id))
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    while batch := list(islice(rows, _BATCH)):
        target.many(insert, [tuple(str(v) if isinstance(v, Decimal) else v for v in row) for row in batch])
