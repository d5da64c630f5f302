"""Secrets at rest: they open for whom they were sealed, with the key that sealed them, and for nobody else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.store.world import KEYS, add_broker, all_at_once, open_store
from trademon.core.model import Credentials
from trademon.errors import ConfigError, UnknownName
from trademon.store.crypto import SecretBox
from trademon.store.database import Database
from trademon.store.sqlite import connect
from trademon.store.store import Store, UserStore

WHERE = "1/2/api_secret"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "master.key"


@pytest.fixture
def box(key_file: Path) -> SecretBox:
    return SecretBox(key_file)


@pytest.mark.parametrize("secret", ["s3cret", "x", "ключ 🔑 ${HOME}", "a" * 5_000, " spaces \n"])
def test_a_sealed_secret_opens_as_it_was(box: SecretBox, key_file: Path, secret: str) -> None:
    """Also in another process, which has only the key file; and two seals of one secret look different."""
    sealed = box.seal(secret, bound_to=WHERE)
    assert SecretBox(key_file).open(sealed, bound_to=WHERE) == secret
    assert secret.encode() not in sealed or len(secret) < 3
    assert box.seal(secret, bound_to=WHERE) != sealed


@pytest.mark.parametrize("elsewhere", ["1/3/api_secret", "2/2/api_secret", "1/2/password", "", "1/2/api_secret "])
def test_a_secret_moved_elsewhere_does_not_open(box: SecretBox, elsewhere: str) -> None:
    """It is bound to its user, broker and field."""
    sealed = box.seal("s3cret", bound_to=WHERE)
    with pytest.raises(ConfigError, match="does not open"):
        box.open(sealed, bound_to=elsewhere)


def test_a_secret_changed_anywhere_does_not_open(box: SecretBox) -> None:
    """One flipped bit in any byte is noticed."""
    sealed = box.seal("s3cret", bound_to=WHERE)
    for n in range(len(sealed)):
        changed = sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :]
        with pytest.raises(ConfigError, match="does not open"):
            box.open(changed, bound_to=WHERE)


@pytest.mark.parametrize("length", range(35))
def test_a_secret_cut_short_does_not_open(box: SecretBox, length: int) -> None:
    """Cut anywhere, down to nothing, it is one error for a person, never a traceback."""
    sealed = box.seal("s3cret", bound_to=WHERE)
    assert len(sealed) == 35
    with pytest.raises(ConfigError, match="does not open"):
        box.open(sealed[:length], bound_to=WHERE)


# --- the key file -------------------------------------------------------------------------------------------------


def test_the_key_file_is_made_with_the_first_secret_for_its_owner_alone(box: SecretBox, key_file: Path) -> None:
    """Nothing is made before; then the file is 0600, its directory 0700, and no draft stays beside it."""
    assert not key_file.parent.exists()
    box.seal("s3cret", bound_to=WHERE)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert [p.name for p in key_file.parent.iterdir()] == ["master.key"]


def test_a_second_secret_uses_the_key_there_is(box: SecretBox, key_file: Path) -> None:
    """Also from another process: no key is ever written over."""
    box.seal("one", bound_to=WHERE)
    before = key_file.read_bytes()
    SecretBox(key_file).seal("two", bound_to=WHERE)
    assert key_file.read_bytes() == before


def test_opening_without_a_key_file_never_makes_one(box: SecretBox, key_file: Path) -> None:
    """A new key would open nothing: the person puts the old one back."""
    sealed = box.seal("s3cret", bound_to=WHERE)
    key_file.unlink()
    with pytest.raises(ConfigError, match="is missing") as caught:
        SecretBox(key_file).open(sealed, bound_to=WHERE)
    assert caught.value.hint
    assert not key_file.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601])
def test_a_key_file_that_others_can_reach_is_refused(box: SecretBox, key_file: Path, mode: int) -> None:
    """For sealing as for opening; the hint is the command that mends it."""
    sealed = box.seal("s3cret", bound_to=WHERE)
    key_file.chmod(mode)
    for use in (lambda b: b.open(sealed, bound_to=WHERE), lambda b: b.seal("more", bound_to=WHERE)):
        with pytest.raises(ConfigError, match="others can read") as caught:
            use(SecretBox(key_file))
        assert caught.value.hint == f"chmod 600 {key_file}"


@pytest.mark.parametrize("garbage", [b"", b"not a key", b"AAAA\n", b"\xff" * 32, b"A" * 2_000, bytes(range(32))])
def test_a_key_file_with_anything_else_in_it_is_refused(box: SecretBox, key_file: Path, garbage: bytes) -> None:
    """It stays as it is: it may be somebody's file."""
    sealed = box.seal("s3cret", bound_to=WHERE)
    key_file.write_bytes(garbage)
    with pytest.raises(ConfigError, match="is not a key file"):
        SecretBox(key_file).open(sealed, bound_to=WHERE)
    with pytest.raises(ConfigError, match="is not a key file"):
        SecretBox(key_file).seal("more", bound_to=WHERE)
    assert key_file.read_bytes() == garbage


def test_another_key_opens_nothing(box: SecretBox, key_file: Path, tmp_path: Path) -> None:
    """The message names the file and says what to do."""
    sealed = box.seal("s3cret", bound_to=WHERE)
    other = SecretBox(tmp_path / "other.key")
    other.seal("x", bound_to=WHERE)
    with pytest.raises(ConfigError, match=r"other\.key") as caught:
        other.open(sealed, bound_to=WHERE)
    assert "broker set" in (caught.value.hint or "")


def test_a_key_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    """Its directory is a file."""
    (tmp_path / "config").write_text("mine")
    with pytest.raises(ConfigError):
        SecretBox(tmp_path / "config" / "master.key").seal("s3cret", bound_to=WHERE)


def test_a_directory_in_place_of_the_key_file_is_one_error(tmp_path: Path) -> None:
    """TRADEMON_KEY_FILE may point at a directory by mistake: one line, no traceback."""
    with pytest.raises(ConfigError):
        SecretBox(tmp_path).seal("s3cret", bound_to=WHERE)


def test_processes_that_make_the_first_key_at_once_end_with_one(tmp_path: Path) -> None:
    """Four processes seal at the same moment: one key wins and opens what each of them sealed."""
    key_file = tmp_path / "config" / "master.key"
    code = """
import sys
from pathlib import Path
from trademon.store.crypto import SecretBox
print(SecretBox(Path(sys.argv[1])).seal("s3cret", bound_to="1").hex())
"""
    for _ in range(2):
        sealed = all_at_once(code, 4, key_file)
        assert [SecretBox(key_file).open(bytes.fromhex(s), bound_to="1") for s in sealed] == ["s3cret"] * 4
        assert [p.name for p in key_file.parent.iterdir()] == ["master.key"]
        key_file.unlink()


# --- in the store -------------------------------------------------------------------------------------------------


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
    assert "broker set spot --api-key-env" in (caught.value.hint or "")


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
    store.close()
