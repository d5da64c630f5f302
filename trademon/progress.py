"""How far long work is, told as a log is: to whoever listens, and to nobody where no person waits at a terminal.

A room tells what it does, not how that looks: `ui.progress` draws it. Telling costs nothing when nobody listens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_EVERY = 2000


@dataclass(frozen=True, slots=True)
class Step:
    """`done` of `total` units of `what`; `total` None where nobody knows it. Work with `done` equal to `total` has
    ended. `note`: what came of it so far."""

    what: str
    done: int
    total: int | None
    unit: str
    note: str = ""

    @property
    def has_ended(self) -> bool:
        return self.total is not None and self.done >= self.total


Listener = Callable[[Step], None]
_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


@contextlib.contextmanager
def heard_by(listener: Listener | None) -> Iterator[None]:
    """Have it hear all that is told until the end; None: nobody does."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def is_heard() -> bool:
    """Whether it is worth finding out what there is to tell."""
    return _listener.get() is not None


def tell(what: str, done: int, total: int | None, unit: str, note: str = "") -> None:
    listener = _listener.get()
    if listener is not None:
        listener(Step(what, done, total, unit, note))


def counted(items: Iterable[T], what: str, total: int | None, unit: str, *, every: int = _EVERY) -> Iterator[T]:
    """The same items, told as they are taken, `every` so many; as they are where nobody listens."""
    return _counted(items, what, total, unit, every) if is_heard() else iter(items)


def _counted(items: Iterable[T], what: str, total: int | None, unit: str, every: int) -> Iterator[T]:
    done = 0
    tell(what, done, total, unit)
    try:
        for done, item in enumerate(items, start=1):
            yield item
            if done % every == 0 and done != total:
                tell(what, done, total, unit)
    finally:  # also where not all were taken
        tell(what, done, done, unit)


class Count:
    """What is added up by parts. `passes`: how often each unit is gone through before it is done."""

    def __init__(self, what: str, total: int, unit: str, *, passes: int = 1) -> None:
        self._what, self._total, self._unit, self._passes = what, total, unit, passes
        self._done = 0
        self.add(0)

    def add(self, units: int) -> None:
        self._done += units
        tell(self._what, min(self._done // self._passes, self._total), self._total, self._unit)

    def end(self) -> None:
        tell(self._what, self._total, self._total, self._unit)
