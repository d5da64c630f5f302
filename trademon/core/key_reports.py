"""What is said of the keys that seal secrets: never a key, nor a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Where the master key lies, which one it is, and what it seals.

    version: how many master keys the store has had; None before anything was sealed with a data key of a user.
    is_unfinished: a rotation was stopped; everything opens, and the next one ends it.
    early: how many of the secrets are still sealed as early releases did.
    """

    path: str
    is_credential: bool
    version: int | None
    since: datetime | None
    is_unfinished: bool
    users: int
    secrets: int
    early: int


@dataclass(frozen=True, slots=True)
class KeysRotated:
    """What a rotation did.

    version: the number of the master key now; None where there was nothing sealed, and so nothing to do.
    was_unfinished: it ended one that had been stopped.
    forgotten: broker and field of what did not open and was forgotten, as `user/broker field`.
    """

    path: str
    version: int | None
    was_unfinished: bool = False
    users: int = 0
    secrets: int = 0
    forgotten: tuple[str, ...] = ()
