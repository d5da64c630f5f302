"""The file with the master key, and the new one beside it while keys are rotated.

32 random bytes as base64, in a file outside the data directory, which its owner alone can read, in a directory which
its owner alone can write. systemd can hand one in as a credential: that one is never written.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trademon.errors import ConfigError
from trademon.redaction import register

KEY_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# As systemd hands a credential in: to root, or with an access list that shows as rights of the group.
_CREDENTIAL = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO

_PUT_BACK = "put the right one there, or name it with TRADEMON_KEY_FILE"


class WrongKey(ConfigError):
    """A key, but not the one that the store is sealed with; or no longer."""


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def fingerprint(key: bytes) -> str:
    """Which key it is, without a word about what it is."""
    return hashlib.sha256(b"trademon master key\0" + key).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Where the master key lies. It is read each time it is needed: it may have been replaced meanwhile."""

    path: Path
    is_credential: bool = False

    @property
    def beside(self) -> Path:
        """Where a new key waits until the store is sealed with it."""
        real = self._real
        return real.with_name(f"{real.name}.new")

    @property
    def _real(self) -> Path:
        """A link stays a link: what it leads to is replaced."""
        return Path(os.path.realpath(self.path))

    def load(self) -> bytes:
        """The key.

        Raises:
            ConfigError: it is missing, others can read or replace it, or it is no key.
        """
        key = self._read(self._real)
        if key is None:
            raise ConfigError(f"the key file {self.path} is missing", hint=_PUT_BACK)
        return key

    def load_beside(self) -> bytes | None:
        """The new key, while keys are rotated or where that was stopped; else None."""
        return None if self.is_credential else self._read(self.beside)

    def find(self, wanted: str) -> bytes:
        """The key with that fingerprint: the file's, or the one beside it where a rotation was stopped.

        Raises:
            WrongKey: it is neither.
            ConfigError: as `load` does.
        """
        for key in self._looks():
            if key is not None and fingerprint(key) == wanted:
                return key
        raise self.wrong()

    def _looks(self) -> Iterator[bytes | None]:
        # The third look is for a key that was moved into its place between the first and the second.
        yield self._read(self._real)
        yield self.load_beside()
        yield self.load()

    def wrong(self) -> WrongKey:
        """The error for a key that is not the store's."""
        return WrongKey(
            f"the key file {self.path} does not open the stored keys",
            hint=f"{_PUT_BACK}; after a rotation elsewhere it is the new one; lost: trademon key rotate --lost",
        )

    def make(self) -> bytes:
        """The key there is, or a new one where there is none. Of two processes that make one, one wins."""
        if not self._real.exists():
            self._write(self._real)
        return self.load()

    def make_beside(self) -> bytes:
        """The new key, whole on the disk before anything is sealed with it; the one that waits there, if one does."""
        if not self.beside.exists():
            self._write(self.beside)
        key = self._read(self.beside)
        assert key is not None  # whoever rotates is alone
        return key

    def swap(self) -> None:
        """The new key becomes the key, at once and for good; the old one is gone, and so is what a killed process
        left of either."""
        try:
            self.beside.replace(self._real)
            for draft in self._real.parent.glob(f"{glob.escape(self._real.name)}.*[0-9]"):
                draft.unlink(missing_ok=True)
            _sync(self._real.parent)
        except OSError as error:
            raise ConfigError(f"cannot replace the key file {self.path}: {error.strerror}") from None

    def _read(self, path: Path) -> bytes | None:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"cannot read the key file {path}: {error.strerror}", hint=_PUT_BACK) from None
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            os.close(handle)
            raise ConfigError(f"{path} is a directory, not a key file", hint="set TRADEMON_KEY_FILE to a file")
        with os.fdopen(handle, "rb") as file:
            self._check_rights(file.fileno(), path)
            text = file.read(1024)
        key = _decode(text, path)
        register(text.strip().decode())
        return key

    def _check_rights(self, handle: int, path: Path) -> None:
        if os.fstat(handle).st_mode & (_CREDENTIAL if self.is_credential else _OTHERS):
            raise ConfigError(f"others can read the key file {path}", hint=f"chmod 600 {path}")
        if not self.is_credential:
            check_directory(path.parent)

    def _write(self, path: Path) -> None:
        """A new key, written whole under another name first: no reader sees half a key, and none is written over."""
        if self.is_credential:
            raise ConfigError(f"the key {path} is systemd's and cannot be written")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            check_directory(path.parent)
            _write_new(path, base64.b64encode(new_key()) + b"\n")
        except FileExistsError:
            pass  # another process was first
        except OSError as error:
            raise ConfigError(f"cannot write the key file {path}: {error.strerror}") from None


def _write_new(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that had our number and was killed
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)


def check_directory(directory: Path) -> None:
    """Raises ConfigError where others can write the directory, and so put another key there."""
    found = directory.stat()
    foreign = os.geteuid() != 0 and found.st_uid not in (0, os.geteuid())
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or foreign:
        hint = f"use a directory of your own: chmod go-w {directory}"
        raise ConfigError(f"others can write the directory of the key file, {directory}", hint=hint)


def _decode(text: bytes, path: Path) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{path} is not a key file of trademon", hint=_PUT_BACK)
    return key


def _sync(directory: Path) -> None:
    """A name that was made or changed is there after a power cut, too."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
