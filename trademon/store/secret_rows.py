"""The rows that hold sealed secrets: under the master key a data key for each user, under that the user's secrets.

`master_keys` says by its newest row which master key the store is sealed with. What an early release sealed with the
master key itself (no row of `data_keys` for its user) still opens, and is sealed anew with the user's first write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trademon.core.times import to_us
from trademon.errors import ConfigError
from trademon.store import crypto
from trademon.store.crypto import DataKey, DoesNotOpen, Place
from trademon.store.key_file import KeyFile, fingerprint, new_key
from trademon.store.sql import Sql


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Which master key the store is sealed with: the number of it, and its fingerprint."""

    version: int
    fingerprint: str


def master_key(sql: Sql) -> MasterKey | None:
    """The store's master key; None before anything was sealed with a data key."""
    row = sql.one("SELECT version, fingerprint FROM master_keys ORDER BY version DESC LIMIT 1")
    return None if row is None else MasterKey(*row)


def note_master_key(sql: Sql, version: int, key: bytes, at: datetime) -> None:
    """From this transaction on, `key` is the store's master key."""
    values = (version, fingerprint(key), to_us(at))
    sql.run("INSERT INTO master_keys (version, fingerprint, since_at) VALUES (?, ?, ?)", *values)


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row of `secrets`."""

    id: int
    place: Place
    sealed: bytes


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """Sealed secrets of one user as one moment of the store had them, and what they are sealed with."""

    user_id: int
    rows: Sequence[SealedRow]
    wrapped: tuple[int, bytes] | None
    """The user's data key, sealed, and its version; None where they have none yet."""
    master: MasterKey | None

    def open(self, key_file: KeyFile) -> dict[str, str]:
        """The secrets by field; of one broker.

        Raises:
            WrongKey: another key sealed them.
            ConfigError: the key file cannot be used, or a row was changed.
        """
        if not self.rows:
            return {}
        master = key_file.load() if self.master is None else key_file.find(self.master.fingerprint)
        try:
            key = self.data_key(master)
            return {row.place.field: crypto.open_secret(master, key, row.place, row.sealed) for row in self.rows}
        except DoesNotOpen:
            if self.master is None:
                raise key_file.wrong() from None
            raise ConfigError("a stored key does not open: its row was changed, or is another's") from None

    def data_key(self, master: bytes) -> DataKey | None:
        """The user's data key. Raises DoesNotOpen."""
        return None if self.wrapped is None else crypto.unwrap_data_key(master, self.user_id, *self.wrapped)


def sealed_secrets(sql: Sql, user_id: int, broker_id: int | None = None) -> SealedSecrets:
    """What is stored for the user, or for one of their brokers; nothing for another user's."""
    rows: list[Any] = sql.rows(
        f"""SELECT secrets.id, broker_id, field, sealed FROM secrets JOIN brokers ON brokers.id = broker_id
        WHERE user_id = ? {"" if broker_id is None else "AND broker_id = ?"} ORDER BY secrets.id""",
        *((user_id,) if broker_id is None else (user_id, broker_id)),
    )
    wrapped = sql.one("SELECT version, wrapped FROM data_keys WHERE user_id = ?", user_id)
    return SealedSecrets(
        user_id,
        tuple(SealedRow(row[0], Place(user_id, row[1], row[2]), bytes(row[3])) for row in rows),
        None if wrapped is None else (wrapped[0], bytes(wrapped[1])),
        master_key(sql),
    )


def save_secrets(
    sql: Sql, key_file: KeyFile, user_id: int, broker_id: int, secrets: Mapping[str, str], at: datetime
) -> None:
    """Keep these fields of a broker that is the user's, sealed; an empty text forgets its field.

    Raises:
        ConfigError: the key file cannot be used, or is not the store's.
    """
    for field in secrets:
        sql.run("DELETE FROM secrets WHERE broker_id = ? AND field = ?", broker_id, field)
    given = {field: secret for field, secret in secrets.items() if secret}
    if given:
        key = _data_key_to_write(sql, key_file, user_id, at)
        for field, secret in given.items():
            sealed = crypto.seal_secret(key, Place(user_id, broker_id, field), secret)
            sql.insert("secrets", broker_id=broker_id, field=field, sealed=sealed)


def _data_key_to_write(sql: Sql, key_file: KeyFile, user_id: int, at: datetime) -> DataKey:
    """The user's data key; made where there is none yet, and what an early release sealed is sealed with it, too."""
    master = _master_to_write(sql, key_file, at)
    stored = sealed_secrets(sql, user_id)
    try:
        found = stored.data_key(master)
        if found is not None:
            return found
        key = DataKey(1, new_key())
        reseal(sql, key, [(row, crypto.open_secret(master, None, row.place, row.sealed)) for row in stored.rows])
    except DoesNotOpen:
        raise key_file.wrong() from None
    save_data_key(sql, master, user_id, key)
    return key


def _master_to_write(sql: Sql, key_file: KeyFile, at: datetime) -> bytes:
    """The store's master key. With the first secret of a store it is made; never where something is sealed already."""
    known = master_key(sql)
    if known is not None:
        return key_file.find(known.fingerprint)
    early = sql.one("SELECT user_id, broker_id, field, sealed FROM secrets JOIN brokers ON brokers.id = broker_id")
    key = key_file.make() if early is None else key_file.load()
    if early is not None:
        try:
            crypto.open_secret(key, None, Place(*early[:3]), bytes(early[3]))
        except DoesNotOpen:
            raise key_file.wrong() from None
    note_master_key(sql, 1, key, at)
    return key


def reseal(sql: Sql, key: DataKey, opened: Iterable[tuple[SealedRow, str]]) -> None:
    """The same secrets in the same rows, sealed with another key."""
    for row, secret in opened:
        sql.run("UPDATE secrets SET sealed = ? WHERE id = ?", crypto.seal_secret(key, row.place, secret), row.id)


def save_data_key(sql: Sql, master: bytes, user_id: int, key: DataKey) -> None:
    """The user's data key from now on, in the place of the one before."""
    wrapped = crypto.wrap_data_key(master, user_id, key)
    sql.run("DELETE FROM data_keys WHERE user_id = ?", user_id)
    sql.run("INSERT INTO data_keys (user_id, version, wrapped) VALUES (?, ?, ?)", user_id, key.version, wrapped)
