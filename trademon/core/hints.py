"""Hints that can be copied: the broker's own name in a command, and whose it is, where the store has several users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

_FOR_ONE_USER: Final = re.compile(
    r"trademon (?:broker (?:add|set|test|login|refresh|enable|disable|remove)"
    r"|strategy (?:add|show|run|enable|disable|remove|arm|disarm)) [\w.-]*\w(?! --user)"
)
"""The commands that act for one user alone, with the name they take: without --user they ask whose is meant, or act for
somebody else who has a broker of that name."""
_PLACE: Final = re.compile(r"(trademon broker \w+) NAME\b")


@dataclass(slots=True)
class _Acting:
    """`user` is whom the command works for, where that is one; `several`: the store has more than one."""

    several: bool = False
    user: str | None = None


_acting: ContextVar[_Acting | None] = ContextVar("acting", default=None)


@contextmanager
def one_command() -> Iterator[None]:
    """What is noted holds until its end, also for the errors that leave an opened store."""
    token = _acting.set(_Acting())
    try:
        yield
    finally:
        _acting.reset(token)


def note_users(count: int) -> None:
    """A store was opened, with that many users."""
    acting = _acting.get()
    if acting is not None:
        acting.several = count > 1


def note_user(name: str) -> None:
    """From now on the command works for this user alone."""
    acting = _acting.get()
    if acting is not None:
        acting.user = name


def to_copy(hint: str | None, *, broker: str | None = None, user: str | None = None) -> str | None:
    """The hint as it can be run: NAME is the broker, and in a store of several users each command for one says whose
    (`user`, else whom the command works for)."""
    if hint is None:
        return None
    if broker is not None and "broker add" not in hint:
        hint = _PLACE.sub(lambda found: f"{found[1]} {broker}", hint)
    acting = _acting.get()
    if acting is None or not acting.several or (whose := user or acting.user) is None:
        return hint
    return _FOR_ONE_USER.sub(lambda found: f"{found[0]} --user {whose}", hint)
