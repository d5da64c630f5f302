"""New keys for everything that is sealed, in an order that can be stopped anywhere.

The new master key is written beside the old one, whole. Then one transaction seals everything anew and notes which key
that was done with; then the new key takes the old one's place. Whoever needs the key looks for the one that the store
names, in both places: before the transaction that is the old one, after it the new one, wherever it lies.
"""

from __future__ import annotations

import contextlib

from trademon.core.key_reports import KeysRotated, KeyStatus
from trademon.core.times import from_us
from trademon.errors import Busy, ConfigError
from trademon.store import crypto, secret_rows
from trademon.store.crypto import DataKey, DoesNotOpen
from trademon.store.database import Database, Sql, rerun
from trademon.store.key_file import KeyFile, WrongKey, fingerprint, new_key
from trademon.store.scope import Clock
from trademon.store.secret_rows import MasterKey, SealedRow, SealedSecrets


def key_status(database: Database, key_file: KeyFile) -> KeyStatus:
    """See `Store.key_status`."""
    with database.read() as sql:
        master = secret_rows.master_key(sql)
        since = sql.one("SELECT max(since_at) FROM master_keys")
        users = sql.rows("SELECT count(*) FROM data_keys")[0][0]
        prefixes = [bytes(row[0])[:1] for row in sql.rows("SELECT sealed FROM secrets")]
    if master is not None:
        key_file.find(master.fingerprint)
    elif prefixes:
        key_file.load()
    return KeyStatus(
        path=str(key_file.path),
        is_credential=key_file.is_credential,
        version=None if master is None else master.version,
        since=None if since is None or since[0] is None else from_us(since[0]),
        is_unfinished=key_file.load_beside() is not None,
        users=users,
        secrets=len(prefixes),
        early=prefixes.count(crypto.BY_MASTER_KEY),
    )


def rotate(database: Database, key_file: KeyFile, clock: Clock, *, lost: bool) -> KeysRotated:
    """See `Store.rotate_keys`. For whoever holds the lock."""
    with database.read() as sql:
        known = secret_rows.master_key(sql)
        has_secrets = sql.one("SELECT 1 FROM secrets") is not None
    beside = key_file.load_beside()
    if known is not None and beside is not None and fingerprint(beside) == known.fingerprint:
        key_file.swap()
        return KeysRotated(str(key_file.path), known.version, was_unfinished=True)
    if known is None and not has_secrets:
        return KeysRotated(str(key_file.path), None)
    if key_file.is_credential:
        raise ConfigError(
            f"the key {key_file.path} is handed in by systemd and cannot be written here",
            hint="docs/how-to/rotate-keys.md says how to rotate such a key",
        )
    old = _old_key(key_file, known, lost=lost)
    new = key_file.make_beside()
    rotated = _seal_anew(database, key_file, clock, known, old, new, lost=lost)
    key_file.swap()
    return rotated


def _old_key(key_file: KeyFile, known: MasterKey | None, *, lost: bool) -> bytes | None:
    """The key that everything is sealed with; None for one that is lost."""
    try:
        key = key_file.load()
        if known is not None and fingerprint(key) != known.fingerprint:
            raise key_file.wrong()
    except ConfigError as error:
        is_gone = isinstance(error, WrongKey) or not key_file.path.exists()
        if lost and is_gone:
            return None
        raise
    return key


@rerun
def _seal_anew(
    database: Database,
    key_file: KeyFile,
    clock: Clock,
    known: MasterKey | None,
    old: bytes | None,
    new: bytes,
    *,
    lost: bool,
) -> KeysRotated:
    """One transaction: every user's data key and secrets, and which master key that was done with."""
    version = 1 if known is None else known.version + 1
    forgotten: list[str] = []
    secrets = users = 0
    with database.write() as sql:
        if secret_rows.master_key(sql) != known:
            raise Busy("another run has rotated the keys meanwhile")
        for user_id, user in sql.rows("SELECT id, name FROM users ORDER BY id"):
            stored = secret_rows.sealed_secrets(sql, user_id)
            if stored.wrapped is None and not stored.rows:
                continue
            opened = _opened(stored, old)
            for row in stored.rows:
                if row not in opened:
                    forgotten.append(f"{user}/{_broker_name(sql, row.place.broker_id)} {row.place.field}")
                    sql.run("DELETE FROM secrets WHERE id = ?", row.id)
            key = DataKey(1 if stored.wrapped is None else stored.wrapped[0] + 1, new_key())
            secret_rows.save_data_key(sql, new, user_id, key)
            secret_rows.reseal(sql, key, opened.items())
            secrets, users = secrets + len(opened), users + 1
        if forgotten and not lost:
            raise ConfigError(
                f"{len(forgotten)} stored keys do not open ({', '.join(forgotten[:3])}): nothing was changed",
                hint="put the right key file back; trademon key rotate --lost forgets what does not open",
            )
        secret_rows.note_master_key(sql, version, new, clock())
    return KeysRotated(str(key_file.path), version, users=users, secrets=secrets, forgotten=tuple(forgotten))


def _opened(stored: SealedSecrets, master: bytes | None) -> dict[SealedRow, str]:
    """What `master` opens of a user's secrets."""
    opened: dict[SealedRow, str] = {}
    if master is None:
        return opened
    key = None
    with contextlib.suppress(DoesNotOpen):
        key = stored.data_key(master)
    for row in stored.rows:
        with contextlib.suppress(DoesNotOpen):
            opened[row] = crypto.open_secret(master, key, row.place, row.sealed)
    return opened


def _broker_name(sql: Sql, broker_id: int) -> str:
    return str(sql.rows("SELECT name FROM brokers WHERE id = ?", broker_id)[0][0])
