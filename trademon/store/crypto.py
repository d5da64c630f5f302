"""Secrets at rest: each sealed with AES-GCM under a master key, bound to the broker and the field it belongs to.

The master key is 32 random bytes in a file of its own, outside the data directory, readable by its owner alone.
"""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class SecretBox:
    """Seals and opens secrets. The key file is made when the first secret is sealed, never when one is opened."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._aead: AESGCM | None = None

    def seal(self, secret: str, *, bound_to: str) -> bytes:
        """Encrypt `secret` so that it opens only for the same `bound_to`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher(create=True).encrypt(nonce, secret.encode(), bound_to.encode())
        return _VERSION + nonce + sealed

    def open(self, sealed: bytes, *, bound_to: str) -> str:
        """The secret again.

        Raises:
            ConfigError: the key file is missing, open to others, or not the one that sealed it.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - most commands open no secret

        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return self._cipher(create=False).decrypt(nonce, body, bound_to.encode()).decode()
        except (InvalidTag, ValueError):
            raise ConfigError(
                f"the key file {self._key_file} does not open the stored keys",
                hint="put the right key file back, or give the keys again with: trademon broker set NAME",
            ) from None

    def _cipher(self, *, create: bool) -> AESGCM:
        if self._aead is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

            self._aead = AESGCM(_load_key(self._key_file, create=create))
        return self._aead


def _load_key(path: Path, *, create: bool) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        if not create:
            raise ConfigError(f"the key file {path} is missing", hint="put it back, or set TRADEMON_KEY_FILE") from None
        return _make_key(path)
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}") from None
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        os.close(handle)
        raise ConfigError(f"{path} is a directory, not a key file", hint="set TRADEMON_KEY_FILE to a file")
    with os.fdopen(handle, "rb") as file:
        if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"others can read the key file {path}", hint=f"chmod 600 {path}")
        return _decode_key(file.read(1024), path)


def _decode_key(text: bytes, path: Path) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(f"{path} is not a key file of trademon")
    return key


def _make_key(path: Path) -> bytes:
    """A new key, written whole under another name first: no reader sees half a key, and of two writers one wins."""
    key = os.urandom(_KEY_BYTES)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return _load_key(path, create=False)
    except OSError as error:
        raise ConfigError(f"cannot write the key file {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return key
