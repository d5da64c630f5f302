"""Secrets in a store: they open for whom they were sealed, with the key that sealed them, and for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.world import KEYS, add_broker, open_store
from trademon.core.model import Credentials
from trademon.errors import ConfigError, UnknownName
from trademon.store import crypto
from trademon.store.crypto import Place
from trademon.store.database import Database
from trademon.store.key_file import WrongKey
from trademon.store.sqlite import connect
from trademon.store.store import Store, UserStore


def test_credentials_come_back_and_stand_nowhere_in_the_files(ann: UserStore, path: Path) -> None:
    """Neither in the database file nor in its WAL nor beside them; before and after they are replaced."""
    broker = add_broker(ann, credentials=KEYS)
    keeper = connect(path)
    keeper.execute("SELECT count(*) FROM users")
    assert ann.credentials(broker) == KEYS
    ann.set_broker(broker, credentials=Credentials("second-key", "second-secret"))
    assert ann.credentials(broker) == Credentials("second-key", "second-secret")
    secrets = ("the-key-of-ann", "the-secret-of-ann", "the-word-of-ann", "second-key", "second-secret")
    seen = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    assert "trademon.db-wal" in seen
    keeper.close()
    assert not [(name, s) for name, content in seen.items() for s in secrets if s.encode() in content]


@pytest.mark.parametrize(("column", "value"), [("broker_id", 2), ("field", "password")])
def test_a_row_moved_to_another_broker_or_field_does_not_open(
    ann: UserStore, database: Database, column: str, value: object
) -> None:
    """Whoever can write the database cannot make one broker sign with another's key."""
    first = add_broker(ann, "first", credentials=Credentials("k", "s"))
    second = add_broker(ann, "second", uid="8")
    assert (first.id, second.id) == (1, 2)
    with database.write() as sql:
        sql.run(f"UPDATE secrets SET {column} = ? WHERE field = 'api_secret'", value)
    with pytest.raises(ConfigError, match="does not open"):
        ann.credentials(second if column == "broker_id" else first)


def test_a_broker_without_a_key_says_so(ann: UserStore) -> None:
    """The hint is the command that gives it one."""
    with pytest.raises(ConfigError, match="has no key") as caught:
        ann.credentials(add_broker(ann))
    assert "trademon broker set spot --new-key, or with --api-key-env" in (caught.value.hint or "")


def test_further_secrets_stand_beside_the_key_until_it_is_replaced(ann: UserStore) -> None:
    """Tokens: saved by field, each alone or several at once, forgotten by an empty text; a new key ends them all."""
    broker = add_broker(ann, credentials=Credentials("k", "s"))
    ann.save_secrets(broker, {"access_token": "a1", "refresh_token": "r1"})
    ann.save_secrets(broker, {"access_token": "a2"})
    assert ann.secrets(broker) == {"api_key": "k", "api_secret": "s", "access_token": "a2", "refresh_token": "r1"}
    assert ann.credentials(broker) == Credentials("k", "s")
    ann.save_secrets(broker, {"refresh_token": ""})
    assert "refresh_token" not in ann.secrets(broker)
    ann.set_broker(broker, credentials=Credentials("k2", "s2"))
    assert ann.secrets(broker) == {"api_key": "k2", "api_secret": "s2"}


def test_a_removed_broker_and_another_users_are_given_no_secret(store: Store, ann: UserStore) -> None:
    """Neither is written nor read."""
    broker = add_broker(ann, credentials=Credentials("k", "s"))
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    assert bob.secrets(broker) == {}
    with pytest.raises(UnknownName):
        bob.save_secrets(broker, {"api_key": "bob's"})
    assert ann.credentials(broker) == Credentials("k", "s")
    ann.remove_broker(broker)
    with pytest.raises(UnknownName):
        ann.save_secrets(broker, {"access_token": "late"})
    assert ann.secrets(broker) == {}


def test_removing_a_broker_forgets_its_secrets(ann: UserStore, database: Database) -> None:
    """Not a row of them stays."""
    broker = add_broker(ann, credentials=KEYS)
    ann.remove_broker(broker)
    with database.read() as sql:
        assert sql.rows("SELECT * FROM secrets") == []


def test_credentials_never_show_themselves() -> None:
    """Their representation, as in a traceback, holds no value."""
    assert "ann" not in repr(KEYS)


def test_a_lost_key_file_does_not_stop_what_needs_no_secret(path: Path) -> None:
    """Listing works without it."""
    store = open_store(path)
    ann = store.for_user("ann")
    add_broker(ann, credentials=KEYS)
    path.with_name("master.key").unlink()
    again = open_store(path).for_user("ann")
    assert [info.has_key for info in again.broker_infos()] == [True]
    with pytest.raises(ConfigError, match="is missing"):
        again.credentials(again.broker("spot"))
    with pytest.raises(ConfigError, match="is missing"):  # a new key beside sealed secrets would open none of them
        again.save_secrets(again.broker("spot"), {"password": "p"})
    store.close()


def add_bob(store: Store) -> UserStore:
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    return store.for_user("bob")


@pytest.mark.parametrize("with_data_key", [False, True])
def test_a_row_moved_to_another_user_does_not_open(
    store: Store, ann: UserStore, database: Database, with_data_key: bool
) -> None:
    """Not even with the data key of the user it was taken from beside it."""
    bob = add_bob(store)
    theirs = add_broker(ann, credentials=Credentials("ann's", "ann's"))
    own = add_broker(bob, credentials=Credentials("bob's", "bob's"))
    with database.write() as sql:
        sql.run("DELETE FROM secrets WHERE broker_id = ?", own.id)
        sql.run("UPDATE secrets SET broker_id = ? WHERE broker_id = ?", own.id, theirs.id)
        if with_data_key:
            sql.run("DELETE FROM data_keys WHERE user_id = ?", bob._user_id)
            sql.run("UPDATE data_keys SET user_id = ? WHERE user_id = ?", bob._user_id, ann._user_id)
    with pytest.raises(ConfigError, match="does not open") as caught:
        bob.credentials(own)
    assert (caught.value.hint, caught.value.exit_code) == ("give it again: trademon broker set spot --new-key", 4)
    bob.set_broker(own, enabled=True)


def test_each_user_has_a_data_key_of_their_own(store: Store, ann: UserStore, database: Database) -> None:
    """Made with the first secret, and kept for the next ones."""
    bob = add_bob(store)
    first = add_broker(ann, credentials=KEYS)
    add_broker(bob, credentials=KEYS)
    with database.read() as sql:
        before = sql.rows("SELECT user_id, version, wrapped FROM data_keys ORDER BY user_id")
    assert [row[1] for row in before] == [1, 1]
    assert len({bytes(row[2]) for row in before}) == 2
    ann.save_secrets(first, {"access_token": "t"})
    with database.read() as sql:
        assert sql.rows("SELECT user_id, version, wrapped FROM data_keys ORDER BY user_id") == before


# --- what an early release sealed ---------------------------------------------------------------------------------


def make_early(ann: UserStore, database: Database) -> None:
    """The store as it was: secrets sealed with the master key itself, no key rows."""
    master = ann._key_file.load()
    with database.write() as sql:
        rows = sql.rows(
            "SELECT secrets.id, user_id, broker_id, field FROM secrets JOIN brokers ON brokers.id = broker_id"
        )
        for row_id, *place in rows:
            secret = f"early {place[2]}"
            sealed = b"\x01" + crypto.seal(master, secret.encode(), bound_to=str(Place(*place)))
            sql.run("UPDATE secrets SET sealed = ? WHERE id = ?", sealed, row_id)
        sql.run("DELETE FROM data_keys")
        sql.run("DELETE FROM master_keys")


EARLY = Credentials("early api_key", "early api_secret", "early password")


def begins(database: Database) -> set[bytes]:
    with database.read() as sql:
        return {bytes(row[0])[:1] for row in sql.rows("SELECT sealed FROM secrets")}


def test_what_an_early_release_sealed_opens_and_is_sealed_anew_with_the_next_write(
    store: Store, ann: UserStore, database: Database
) -> None:
    """All of the user's at once; another user's stay as they are until they write, and open."""
    bob = add_bob(store)
    main, other = add_broker(ann, credentials=KEYS), add_broker(ann, "other", credentials=KEYS, uid="8")
    theirs = add_broker(bob, credentials=KEYS)
    make_early(ann, database)
    assert ann.credentials(main) == bob.credentials(theirs) == EARLY
    assert begins(database) == {crypto.BY_MASTER_KEY}
    assert store.key_status().early == 9
    ann.save_secrets(main, {"access_token": "t"})
    assert ann.credentials(main) == ann.credentials(other) == bob.credentials(theirs) == EARLY
    assert store.key_status().early == 3
    bob.save_secrets(theirs, {"access_token": "t"})
    assert begins(database) == {crypto.BY_USER_KEY}
    assert bob.credentials(theirs) == EARLY


def test_rotating_seals_anew_what_an_early_release_sealed(store: Store, ann: UserStore, database: Database) -> None:
    """Without a write before."""
    main = add_broker(ann, credentials=KEYS)
    make_early(ann, database)
    assert store.rotate_keys().secrets == 3
    assert begins(database) == {crypto.BY_USER_KEY}
    assert ann.credentials(main) == EARLY


def test_a_wrong_key_file_beside_an_early_store_is_noticed_before_anything_is_sealed_with_it(
    ann: UserStore, database: Database
) -> None:
    """Two keys for one store would be one too many."""
    main = add_broker(ann, credentials=KEYS)
    make_early(ann, database)
    ann._key_file.path.unlink()
    ann._key_file.make()
    for use in (lambda: ann.credentials(main), lambda: ann.save_secrets(main, {"access_token": "t"})):
        with pytest.raises(WrongKey, match="does not open") as caught:
            use()
        assert "rotate --lost" in (caught.value.hint or "")
    assert begins(database) == {crypto.BY_MASTER_KEY}
