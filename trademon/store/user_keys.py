"""What a user's keys may do, as their exchanges said when they were last asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trademon.core.key_rights import KnownRights
from trademon.core.model import Broker, KeyRights
from trademon.core.notices import Notice
from trademon.core.times import from_us, to_us
from trademon.store.outbox import clear_alert, raise_alert, withdraw_right
from trademon.store.scope import UserScope, optional_time
from trademon.store.sql import Sql, rerun

_COLUMNS = """can_trade, can_withdraw, is_address_limited, key_created_at, key_expires_at, asked_at, read_at,
    withdraw_allowed"""
_OWN = "broker_id = ? AND broker_id IN (SELECT id FROM brokers WHERE user_id = ?)"


class UserKeys(UserScope):
    """The part of a user's store that knows the rights of keys; never the keys."""

    def key_rights(self, broker: Broker) -> KnownRights | None:
        """None where they were never asked for."""
        with self._database.read() as sql:
            return load_rights(sql, broker.id, self._user_id)

    @rerun
    def save_key_rights(
        self, broker: Broker, rights: KeyRights | None, at: datetime, *, withdraw_allowed: bool | None = None
    ) -> KnownRights | None:
        """Take over what the exchange said of the broker's key, None where it could not be read; returns what was known
        before. `withdraw_allowed` None leaves what the person said of it."""
        with self._database.write() as sql:
            known = load_rights(sql, broker.id, self._user_id)
            if not sql.one("SELECT 1 FROM brokers WHERE id = ? AND user_id = ?", broker.id, self._user_id):
                return None
            allowed = (known is not None and known.withdraw_allowed) if withdraw_allowed is None else withdraw_allowed
            read_at = at if rights is not None else None if known is None else known.read_at
            told = rights or (KeyRights() if known is None else known.rights)
            sql.run(f"DELETE FROM key_rights WHERE {_OWN}", broker.id, self._user_id)
            now_known = KnownRights(told, at, read_at, allowed)
            _insert(sql, broker.id, now_known)
            self._judge(sql, broker, now_known, at)
        return known

    def _judge(self, sql: Sql, broker: Broker, known: KnownRights, at: datetime) -> None:
        """A message to a key that can withdraw, once as long as it is so."""
        if known.is_danger:
            notice = Notice("withdraw_right", {"broker": broker.name})
            raise_alert(sql, self._user_id, withdraw_right(broker.id), notice, at)
        else:
            clear_alert(sql, self._user_id, withdraw_right(broker.id))

    @rerun
    def allow_withdraw_key(self, broker: Broker) -> None:
        """The person insists on the key that is stored."""
        with self._database.write() as sql:
            self._check_broker(sql, broker)
            clear_alert(sql, self._user_id, withdraw_right(broker.id))
            known = load_rights(sql, broker.id, self._user_id)
            if known is not None:
                sql.run(f"UPDATE key_rights SET withdraw_allowed = ? WHERE {_OWN}", True, broker.id, self._user_id)
            elif sql.one("SELECT 1 FROM brokers WHERE id = ? AND user_id = ?", broker.id, self._user_id):
                _insert(sql, broker.id, KnownRights(KeyRights(), from_us(0), None, withdraw_allowed=True))


def load_rights(sql: Sql, broker_id: int, user_id: int) -> KnownRights | None:
    row = sql.one(f"SELECT {_COLUMNS} FROM key_rights WHERE {_OWN}", broker_id, user_id)
    if row is None:
        return None
    *may, created, expires, asked, read, allowed = row
    trade, withdraw, limited = (None if flag is None else bool(flag) for flag in may)
    rights = KeyRights(trade, withdraw, limited, optional_time(created), optional_time(expires))
    return KnownRights(rights, from_us(asked), optional_time(read), bool(allowed))


def _insert(sql: Sql, broker_id: int, known: KnownRights) -> None:
    rights = known.rights
    sql.run(
        f"INSERT INTO key_rights (broker_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        broker_id,
        rights.can_trade,
        rights.can_withdraw,
        rights.is_address_limited,
        _us(rights.created_at),
        _us(rights.expires_at),
        to_us(known.asked_at),
        _us(known.read_at),
        known.withdraw_allowed,
    )


def _us(at: datetime | None) -> Any:
    return None if at is None else to_us(at)
