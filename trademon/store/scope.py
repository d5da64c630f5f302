"""What every part of a user's store shares: the database, and whose rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

from trademon.core.model import Broker, Method
from trademon.core.times import from_us
from trademon.errors import UnknownName
from trademon.store.database import Database, Sql
from trademon.store.key_file import KeyFile

Clock = Callable[[], datetime]
OWNED = "account_id = ? AND account_id IN (SELECT id FROM accounts WHERE user_id = ?)"
"""A condition on (account id, user id): another user's account gives nothing, even by its number."""


def check_account(sql: Sql, account_id: int | None, user_id: int) -> None:
    """Raises UnknownName for an account that is not this user's."""
    if sql.one("SELECT 1 FROM accounts WHERE id = ? AND user_id = ?", account_id, user_id) is None:
        raise UnknownName(
            f"{_name(sql, user_id)} has no account number {account_id}", hint="report it: a fault of ours"
        )


def check_broker(sql: Sql, broker_id: int, user_id: int) -> None:
    """Raises UnknownName for a broker that is not this user's."""
    if sql.one("SELECT 1 FROM brokers WHERE id = ? AND user_id = ?", broker_id, user_id) is None:
        raise UnknownName(f"{_name(sql, user_id)} has no such broker", hint="trademon broker list shows them")


def _name(sql: Sql, user_id: int) -> str:
    row = sql.one("SELECT name FROM users WHERE id = ?", user_id)
    return "a user who is gone" if row is None else str(row[0])


class UserScope:
    """One user's way to the database. Whatever is built on it names `_user_id` in every query."""

    def __init__(
        self, database: Database, key_file: KeyFile, clock: Clock, *, user_id: int, user: str, method: Method | None
    ) -> None:
        self._database = database.for_user(user_id)
        self._key_file = key_file
        self._clock = clock
        self._user_id = user_id
        self.user = user
        self.default_method: Method = method or "fifo"

    def one_moment(self) -> contextlib.AbstractContextManager[None]:
        """All that is read within is of one moment, whatever others write. For code that awaits nothing."""
        return self._database.one_moment()

    def _owns(self, sql: Sql, account_id: int) -> bool:
        return sql.one("SELECT 1 FROM accounts WHERE id = ? AND user_id = ?", account_id, self._user_id) is not None

    def _owns_broker(self, sql: Sql, broker: Broker) -> bool:
        return sql.one("SELECT 1 FROM brokers WHERE id = ? AND user_id = ?", broker.id, self._user_id) is not None

    def _check_owned(self, sql: Sql, account_id: int) -> None:
        check_account(sql, account_id, self._user_id)

    def _check_broker(self, sql: Sql, broker: Broker) -> None:
        check_broker(sql, broker.id, self._user_id)

    def _check_broker_number(self, sql: Sql, broker_id: int) -> None:
        check_broker(sql, broker_id, self._user_id)


def optional_time(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def host_of(broker: Broker) -> str:
    """The address whose market list, and whose wish to be left alone, hold for every account behind it."""
    return broker.base_url or (f"{broker.exchange}-sandbox" if broker.sandbox else broker.exchange)


HOST = "coalesce(base_url, CASE WHEN sandbox THEN brokers.exchange || '-sandbox' ELSE brokers.exchange END)"
"""`host_of` a row of `brokers`."""
