"""Sealing with AES-GCM: what was sealed opens only with its key, and only for what it was bound to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from trademon.redaction import register

BY_USER_KEY = b"\x02"
"""How a secret begins that is sealed with its user's data key."""
BY_MASTER_KEY = b"\x01"
"""How one begins that an early release sealed with the master key itself."""
_NONCE_BYTES = 12


class DoesNotOpen(ValueError):
    """Another key sealed it, or for something else, or it was changed since."""


def seal(key: bytes, content: bytes, *, bound_to: str) -> bytes:
    """Encrypt `content` so that it opens only with the same key and for the same `bound_to`."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - most commands seal nothing

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, bound_to.encode())


def unseal(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    """The content again. Raises DoesNotOpen."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError):
        raise DoesNotOpen from None


# --- what is bound to what ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Whose secret it is, and which: in the row of another it does not open."""

    user_id: int
    broker_id: int
    field: str

    def __str__(self) -> str:
        return f"{self.user_id}/{self.broker_id}/{self.field}"


@dataclass(frozen=True, slots=True)
class DataKey:
    """What a user's secrets are sealed with, and how many of them the user has had."""

    version: int
    key: bytes = field(repr=False)


def seal_secret(data_key: DataKey, place: Place, secret: str) -> bytes:
    """A secret as its row holds it."""
    register(secret)
    return BY_USER_KEY + seal(data_key.key, secret.encode(), bound_to=f"secret/{data_key.version}/{place}")


def open_secret(master: bytes, data_key: DataKey | None, place: Place, sealed: bytes) -> str:
    """The secret of a row: sealed with the user's data key or, by an early release, with the master key itself.

    Raises:
        DoesNotOpen: with neither.
    """
    if sealed[:1] == BY_MASTER_KEY:
        secret = unseal(master, sealed[1:], bound_to=str(place)).decode()
    elif sealed[:1] == BY_USER_KEY and data_key is not None:
        secret = unseal(data_key.key, sealed[1:], bound_to=f"secret/{data_key.version}/{place}").decode()
    else:
        raise DoesNotOpen
    register(secret)
    return secret


def wrap_data_key(master: bytes, user_id: int, data_key: DataKey) -> bytes:
    """A user's data key as its row holds it."""
    return seal(master, data_key.key, bound_to=f"data key/{data_key.version}/{user_id}")


def unwrap_data_key(master: bytes, user_id: int, version: int, wrapped: bytes) -> DataKey:
    """A user's data key. Raises DoesNotOpen."""
    return DataKey(version, unseal(master, wrapped, bound_to=f"data key/{version}/{user_id}"))
