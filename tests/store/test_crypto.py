"""Sealing, and the file with the master key: what opens what, and which files are refused."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.world import all_at_once
from trademon.errors import ConfigError
from trademon.store import crypto
from trademon.store.crypto import DataKey, DoesNotOpen, Place
from trademon.store.key_file import KeyFile, WrongKey, fingerprint, new_key

HERE = Place(1, 2, "api_secret")
MASTER = new_key()
KEY = DataKey(1, new_key())


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "config" / "master.key")


# --- sealing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["s3cret", "x", "ключ 🔑 ${HOME}", "a" * 5_000, " spaces \n"])
def test_a_sealed_secret_opens_as_it_was(secret: str) -> None:
    """And two seals of one secret look different."""
    sealed = crypto.seal_secret(KEY, HERE, secret)
    assert crypto.open_secret(MASTER, KEY, HERE, sealed) == secret
    assert secret.encode() not in sealed or len(secret) < 3
    assert crypto.seal_secret(KEY, HERE, secret) != sealed


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (Place(2, 2, "api_secret"), KEY),
        (Place(1, 3, "api_secret"), KEY),
        (Place(1, 2, "password"), KEY),
        (Place(1, 2, "api_secret "), KEY),
        (Place(12, 2, "api_secret"), KEY),
        (HERE, DataKey(2, KEY.key)),
        (HERE, DataKey(1, new_key())),
        (HERE, None),
    ],
)
def test_a_secret_opens_nowhere_else_and_with_no_other_key(place: Place, key: DataKey | None) -> None:
    """It is bound to its user, broker, field, and the version of its key."""
    sealed = crypto.seal_secret(KEY, HERE, "s3cret")
    with pytest.raises(DoesNotOpen):
        crypto.open_secret(MASTER, key, place, sealed)


def test_a_data_key_opens_for_its_user_and_version_alone() -> None:
    """Another user's row does not give a key; neither does an older one."""
    wrapped = crypto.wrap_data_key(MASTER, 1, KEY)
    assert crypto.unwrap_data_key(MASTER, 1, 1, wrapped) == KEY
    for master, user, version in ((new_key(), 1, 1), (MASTER, 2, 1), (MASTER, 1, 2)):
        with pytest.raises(DoesNotOpen):
            crypto.unwrap_data_key(master, user, version, wrapped)


def test_a_secret_changed_anywhere_does_not_open() -> None:
    """One flipped bit in any byte is noticed."""
    sealed = crypto.seal_secret(KEY, HERE, "s3cret")
    for n in range(len(sealed)):
        with pytest.raises(DoesNotOpen):
            crypto.open_secret(MASTER, KEY, HERE, sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :])


@pytest.mark.parametrize("length", range(35))
def test_a_secret_cut_short_does_not_open(length: int) -> None:
    """Cut anywhere, down to nothing, it is one error, never another's traceback."""
    sealed = crypto.seal_secret(KEY, HERE, "s3cret")
    assert len(sealed) == 35
    with pytest.raises(DoesNotOpen):
        crypto.open_secret(MASTER, KEY, HERE, sealed[:length])


def test_a_key_never_shows_itself() -> None:
    """Its representation, as in a traceback, holds no byte of it."""
    assert repr(KEY) == "DataKey(version=1)"


# --- the key file -------------------------------------------------------------------------------------------------


def test_the_key_file_is_made_for_its_owner_alone(file: KeyFile) -> None:
    """It is 0600, its directory 0700, and no draft stays beside it; what is there is never written over."""
    key = file.make()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert [p.name for p in file.path.parent.iterdir()] == ["master.key"]
    assert file.make() == file.load() == key


def test_opening_without_a_key_file_never_makes_one(file: KeyFile) -> None:
    """A new key would open nothing: the person puts the old one back."""
    for open_it in (file.load, lambda: file.find("0" * 16)):
        with pytest.raises(ConfigError, match="is missing") as caught:
            open_it()
        assert caught.value.hint
    assert not file.path.exists()


Use = Callable[[KeyFile], bytes]
USES: list[Use] = [KeyFile.load, KeyFile.make, lambda file: file.find("0" * 16), KeyFile.make_beside]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601])
def test_a_key_file_that_others_can_reach_is_refused(file: KeyFile, mode: int) -> None:
    """Whatever it is needed for; the hint is the command that mends it."""
    file.make()
    file.path.chmod(mode)
    for use in USES[:3]:
        with pytest.raises(ConfigError, match="others can read") as caught:
            use(file)
        assert (caught.value.hint, caught.value.exit_code) == (f"chmod 600 {file.path}", 4)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_key_file_in_a_directory_that_others_can_write_is_refused(file: KeyFile, mode: int) -> None:
    """They could put another in its place; no key is made there either."""
    file.make()
    file.path.parent.chmod(mode)
    for use in USES:
        with pytest.raises(ConfigError, match="others can write") as caught:
            use(file)
        assert (caught.value.hint or "").endswith(f"chmod go-w {file.path.parent}")
    file.path.unlink()
    with pytest.raises(ConfigError, match="others can write"):
        file.make()
    assert list(file.path.parent.iterdir()) == []


@pytest.mark.parametrize("garbage", [b"", b"not a key", b"AAAA\n", b"\xff" * 32, b"A" * 2_000, bytes(range(32))])
def test_a_key_file_with_anything_else_in_it_is_refused(file: KeyFile, garbage: bytes) -> None:
    """It stays as it is: it may be somebody's file."""
    file.make()
    file.path.write_bytes(garbage)
    for use in USES[:3]:
        with pytest.raises(ConfigError, match="is not a key file"):
            use(file)
    assert file.path.read_bytes() == garbage


def test_a_key_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    """Its directory is a file."""
    (tmp_path / "config").write_text("mine")
    with pytest.raises(ConfigError):
        KeyFile(tmp_path / "config" / "master.key").make()


def test_a_directory_in_place_of_the_key_file_is_one_error(tmp_path: Path) -> None:
    """TRADEMON_KEY_FILE may point at a directory by mistake: one line, no traceback."""
    with pytest.raises(ConfigError, match="is a directory"):
        KeyFile(tmp_path).make()


def test_processes_that_make_the_first_key_at_once_end_with_one(file: KeyFile) -> None:
    """Four processes at the same moment: one key wins, and each of them has it."""
    code = """
import sys
from pathlib import Path
from trademon.store.key_file import KeyFile
print(KeyFile(Path(sys.argv[1])).make().hex())
"""
    for _ in range(2):
        made = all_at_once(code, 4, file.path)
        assert made == [file.load().hex()] * 4
        assert [p.name for p in file.path.parent.iterdir()] == ["master.key"]
        file.path.unlink()


# --- the new key beside it ----------------------------------------------------------------------------------------


def test_the_new_key_is_found_beside_the_old_one_until_it_takes_its_place(file: KeyFile) -> None:
    """By its fingerprint, wherever it lies; a second try takes the one that waits. Nothing else is left in the end."""
    old = file.make()
    new = file.make_beside()
    assert file.make_beside() == new
    assert file.beside.stat().st_mode & 0o777 == 0o600
    assert (file.find(fingerprint(old)), file.find(fingerprint(new))) == (old, new)
    file.path.with_name("master.key.4711").write_text("of a process that was killed")
    file.path.with_name("master.key.new.4711").write_text("of another")
    file.swap()
    assert file.find(fingerprint(new)) == file.load() == new
    assert [p.name for p in file.path.parent.iterdir()] == ["master.key"]
    with pytest.raises(WrongKey, match="does not open"):
        file.find(fingerprint(old))


def test_a_link_to_the_key_file_stays_one(file: KeyFile, tmp_path: Path) -> None:
    """What it leads to is replaced."""
    file.make()
    link = KeyFile(tmp_path / "link")
    link.path.symlink_to(file.path)
    new = link.make_beside()
    link.swap()
    assert link.path.is_symlink()
    assert file.load() == link.load() == new


def test_a_key_that_moves_between_two_looks_is_found(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes its place after the old one was read and before the place beside it is looked at."""
    file.make()
    new = file.make_beside()
    load_beside = KeyFile.load_beside

    def late(self: KeyFile) -> bytes | None:
        if self.beside.exists():
            self.swap()
        return load_beside(self)

    monkeypatch.setattr(KeyFile, "load_beside", late)
    assert file.find(fingerprint(new)) == new


@pytest.mark.parametrize(("mode", "is_good"), [(0o400, True), (0o440, True), (0o444, False), (0o460, False)])
def test_a_credential_is_taken_as_systemd_hands_it_in_and_never_written(
    file: KeyFile, mode: int, is_good: bool
) -> None:
    """Read-only for its owner, or with an access list that shows as the group's right."""
    key = file.make()
    file.path.chmod(mode)
    file.path.parent.chmod(0o550)
    credential = KeyFile(file.path, is_credential=True)
    if is_good:
        assert credential.load() == credential.find(fingerprint(key)) == key
    else:
        with pytest.raises(ConfigError, match="others can read"):
            credential.load()
    with pytest.raises(ConfigError, match="systemd"):
        KeyFile(file.path.with_name("none"), is_credential=True).make()
    file.path.parent.chmod(0o700)
