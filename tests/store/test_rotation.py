"""New keys: everything opens before, while and after they are made, and nothing opens with the old ones."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.world import KEYS, add_broker, finish, open_store, start
from trademon.core.key_reports import KeysRotated
from trademon.core.model import Broker, Credentials
from trademon.errors import Busy, ConfigError
from trademon.store import rotation
from trademon.store.database import Database
from trademon.store.key_file import KeyFile, WrongKey
from trademon.store.lease import hold
from trademon.store.store import Store, UserStore

OTHER = Credentials("the-key-of-bob", "the-secret-of-bob")


@pytest.fixture(autouse=True)
def key_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the keys of this test lie: on a server, too, apart from those of other tests."""
    directory = tmp_path / "keys"
    directory.mkdir(mode=0o700)
    monkeypatch.setattr("tests.store.world._KEYS", directory)
    return directory


@pytest.fixture
def bob(store: Store) -> UserStore:
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    return store.for_user("bob")


@pytest.fixture
def brokers(ann: UserStore, bob: UserStore) -> tuple[Broker, Broker]:
    """One broker of each, with its key."""
    return add_broker(ann, credentials=KEYS), add_broker(bob, credentials=OTHER)


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as sql:
        return {t: [tuple(r) for r in sql.rows(f"SELECT * FROM {t} ORDER BY 1")] for t in ("secrets", "data_keys")}


def test_everything_is_sealed_anew_and_opens(
    store: Store, ann: UserStore, bob: UserStore, brokers: tuple[Broker, Broker], database: Database, url: str
) -> None:
    """Another master key, another data key a user, other texts in the rows; also for a store that is open already."""
    key_file = ann._key_file
    old, before = key_file.load(), rows(database)
    also_open = open_store(url).for_user("ann")
    assert also_open.credentials(brokers[0]) == KEYS
    assert store.rotate_keys() == KeysRotated(str(key_file.path), 2, users=2, secrets=5)
    after = rows(database)
    assert key_file.load() != old
    for table, kept in (("secrets", 3), ("data_keys", 1)):
        assert [r[:kept] for r in before[table]] == [r[:kept] for r in after[table]]
        assert not {bytes(r[-1]) for r in before[table]} & {bytes(r[-1]) for r in after[table]}  # type: ignore[call-overload]
    assert [r[1] for r in after["data_keys"]] == [2, 2]
    assert (ann.credentials(brokers[0]), bob.credentials(brokers[1])) == (KEYS, OTHER)
    assert also_open.credentials(brokers[0]) == KEYS
    also_open.save_secrets(brokers[0], {"access_token": "t"})
    assert ann.secrets(brokers[0])["access_token"] == "t"
    status = store.key_status()
    assert (status.version, status.users, status.secrets, status.early, status.is_unfinished) == (2, 2, 6, 0, False)
    assert not key_file.beside.exists()


def test_the_old_key_opens_nothing_any_more(store: Store, ann: UserStore, brokers: tuple[Broker, Broker]) -> None:
    """Put back, it is the wrong one: said with what to do, and nothing is sealed with it."""
    path = ann._key_file.path
    shutil.copy(path, path.with_name("old"))
    store.rotate_keys()
    path.write_bytes(path.with_name("old").read_bytes())
    for use in (
        lambda: ann.credentials(brokers[0]),
        lambda: ann.save_secrets(brokers[0], {"x": "y"}),
        store.rotate_keys,
    ):
        with pytest.raises(WrongKey, match="does not open") as caught:
            use()
        assert caught.value.exit_code == 4
        assert "rotate --lost" in (caught.value.hint or "")


def test_a_store_without_a_secret_has_no_key_to_rotate(store: Store, ann: UserStore) -> None:
    """Nothing is made."""
    assert store.rotate_keys().version is None
    assert not ann._key_file.path.exists()
    assert store.key_status().version is None


class Stopped(BaseException):
    """As if killed there: nothing below is run."""


def stop_at(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, *, after: bool = False) -> None:
    """The next call of it is the last thing that happens."""
    original = getattr(owner, name)

    def last(*args: object, **kwargs: object) -> None:
        if after:
            original(*args, **kwargs)
        raise Stopped

    monkeypatch.setattr(owner, name, last)


@pytest.mark.parametrize(
    ("owner", "name", "after", "is_done"),
    [
        (KeyFile, "make_beside", False, False),
        (KeyFile, "make_beside", True, False),
        (rotation, "_seal_anew", False, False),
        (rotation, "_seal_anew", True, True),
        (KeyFile, "swap", False, True),
        (KeyFile, "swap", True, True),
    ],
)
def test_a_rotation_that_was_stopped_leaves_everything_openable_and_the_next_ends_it(
    store: Store,
    ann: UserStore,
    bob: UserStore,
    brokers: tuple[Broker, Broker],
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    after: bool,
    is_done: bool,
) -> None:
    """At each step; reading and writing go on, and the next run ends with the new key in place."""
    with monkeypatch.context() as patch:
        stop_at(patch, owner, name, after=after)
        with pytest.raises(Stopped):
            store.rotate_keys()
    assert (ann.credentials(brokers[0]), bob.credentials(brokers[1])) == (KEYS, OTHER)
    ann.save_secrets(brokers[0], {"access_token": "t"})
    assert ann.secrets(brokers[0])["access_token"] == "t"
    assert store.key_status().version == (2 if is_done else 1)
    assert store.key_status().is_unfinished == ann._key_file.beside.exists()
    store.rotate_keys()
    assert ann._key_file.load() == ann._key_file.find(_fingerprint(ann))
    assert (ann.credentials(brokers[0]), bob.credentials(brokers[1])) == (KEYS, OTHER)
    assert [p.name for p in ann._key_file.path.parent.glob("master.key*")] == ["master.key"]
    assert store.key_status().version == (3 if (name, after) == ("swap", True) else 2)


def _fingerprint(user: UserStore) -> str:
    with user._database.read() as sql:
        return str(sql.rows("SELECT fingerprint FROM master_keys ORDER BY version DESC")[0][0])


def test_of_two_rotations_at_once_one_waits_for_another_day(store: Store, brokers: tuple[Broker, Broker]) -> None:
    """Exit 75; nothing is changed."""
    with hold(store.locks, "master-key"), pytest.raises(Busy):
        store.rotate_keys()
    assert store.key_status().version == 1


def test_who_reads_and_writes_meanwhile_never_fails(
    store: Store, ann: UserStore, brokers: tuple[Broker, Broker], url: str
) -> None:
    """Two threads with stores of their own, one reads and one writes tokens, while keys are rotated 20 times."""
    faults: list[BaseException] = []
    over = threading.Event()
    reads, writes = [0], [0]

    def read() -> None:
        own = open_store(url).for_user("ann")
        while not over.is_set():
            assert own.credentials(brokers[0]) == KEYS
            reads[0] += 1

    def write() -> None:
        own = open_store(url).for_user("ann")
        while not over.is_set():
            writes[0] += 1
            own.save_secrets(brokers[0], {"access_token": f"t{writes[0]}"})
            assert own.secrets(brokers[0])["access_token"] == f"t{writes[0]}"

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - of a thread: it is looked at below
            faults.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (read, write)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            store.rotate_keys()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not faults
    assert min(reads[0], writes[0]) > 5
    assert store.key_status().version == 21


# --- what does not open -------------------------------------------------------------------------------------------


def test_a_row_that_does_not_open_stops_the_rotation_by_name(
    store: Store, ann: UserStore, bob: UserStore, brokers: tuple[Broker, Broker], database: Database
) -> None:
    """Nothing is changed. With --lost it is forgotten, and everything else is sealed anew."""
    with database.write() as sql:
        sql.run("UPDATE secrets SET sealed = ? WHERE broker_id = ? AND field = 'password'", b"\x02xx", brokers[0].id)
    before = rows(database)
    with pytest.raises(ConfigError, match=r"ann/spot password.*nothing was changed"):
        store.rotate_keys()
    assert rows(database) == before
    assert bob.credentials(brokers[1]) == OTHER
    done = store.rotate_keys(lost=True)
    assert (done.forgotten, done.secrets) == (("ann/spot password",), 4)
    assert ann.credentials(brokers[0]) == Credentials(KEYS.api_key, KEYS.api_secret)
    assert bob.credentials(brokers[1]) == OTHER


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_lost_key_is_replaced_only_when_a_person_says_so(
    store: Store, ann: UserStore, bob: UserStore, brokers: tuple[Broker, Broker], is_missing: bool
) -> None:
    """Missing, or another: with --lost all secrets are forgotten by name, and keys can be given again."""
    ann._key_file.path.unlink()
    if not is_missing:
        ann._key_file.make()
    for use in (store.rotate_keys, lambda: ann.set_broker(brokers[0], credentials=KEYS), store.key_status):
        with pytest.raises(ConfigError, match="is missing" if is_missing else "does not open"):
            use()
    done = store.rotate_keys(lost=True)
    assert (done.secrets, len(done.forgotten)) == (0, 5)
    ann.set_broker(brokers[0], credentials=KEYS)
    assert ann.credentials(brokers[0]) == KEYS
    with pytest.raises(ConfigError, match="has no key"):
        bob.credentials(brokers[1])


def test_a_key_that_others_can_read_is_not_a_lost_one(
    store: Store, ann: UserStore, brokers: tuple[Broker, Broker]
) -> None:
    """--lost does not forget what a chmod would open."""
    ann._key_file.path.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        store.rotate_keys(lost=True)
    ann._key_file.path.chmod(0o600)
    assert ann.credentials(brokers[0]) == KEYS


def test_a_key_handed_in_by_systemd_is_not_written(
    store: Store, ann: UserStore, brokers: tuple[Broker, Broker]
) -> None:
    """It opens what is stored; rotating says where it is written how, and changes nothing."""
    credential = KeyFile(ann._key_file.path, is_credential=True)
    credential.path.chmod(0o400)
    with pytest.raises(ConfigError, match="systemd") as caught:
        rotation.rotate(store._database, credential, store._clock, lost=False)
    assert "docs/how-to/rotate-keys.md" in (caught.value.hint or "")
    assert rotation.key_status(store._database, credential).is_credential
    credential.path.chmod(0o600)
    assert ann.credentials(brokers[0]) == KEYS


def test_an_sqlite_file_keeps_nothing_that_was_sealed_before(new_path: Callable[[str], Path]) -> None:
    """Whoever has the old key and comes by the file later finds no old data key in it, nor an old secret, nor one of a
    broker that was removed."""
    path = new_path("trademon")
    code = """
import sys
from pathlib import Path
from tests.store.world import KEYS, add_broker, open_store
store = open_store(Path(sys.argv[1]))
ann = store.for_user("ann")
add_broker(ann, credentials=KEYS)
gone = add_broker(ann, "gone", credentials=KEYS)
with store._database.read() as sql:
    rows = sql.rows("SELECT sealed FROM secrets UNION ALL SELECT wrapped FROM data_keys")
ann.remove_broker(gone)
store.rotate_keys()
store.close()
print(" ".join(bytes(r[0]).hex() for r in rows))
"""
    old = [bytes.fromhex(text) for text in finish(start(code, path)).split()]
    assert len(old) == 7
    content = path.read_bytes()
    assert not [text for text in old if text in content]
