"""Whole copies of a store's file, made while others write, and brought back."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from trademon.errors import Busy, StoreError, UsageError
from trademon.progress import is_heard, tell
from trademon.store import migrations
from trademon.store.lease import holder
from trademon.store.sqlite import backup, connect

BEFORE = ".before-restore"
_PAGES = 2000
_AHEAD = 1_000_000
"""By how much a restored book's version is raised: no process may take it for the one that it has in memory."""


def back_up(path: Path, to: Path) -> int:
    """Write a whole copy of the store `path` to `to`, in the place of an older copy; its size in bytes.

    Examined before it takes that place: whoever finds a copy there finds a good one.

    Raises:
        UsageError: `to` is the store itself, or another file than a copy of a store.
        StoreError: it cannot be written.
    """
    if to.is_dir() or not to.parent.is_dir():
        raise UsageError(f"{to} is no file that can be written", hint="name a file in a directory that is there")
    if to.exists():
        if to.samefile(path):
            raise UsageError(f"{to} is the store itself", hint="name another file")
        examine(to)
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        backup(path, draft)
        examine(draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(to)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"the copy {to} cannot be written: {error}", hint="check its directory and the space"
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return to.stat().st_size


def restore(path: Path, locks: Path, source: Path) -> Path:
    """Put what is in the copy `source` in the place of everything in the store `path`. Where the store as it was is
    kept, beside it.

    Raises:
        UsageError: `source` is no whole copy of a store, or of a newer release.
        Busy: a run is at work on the store.
    """
    examine(source)
    for lock in sorted(locks.glob("*.lock")):
        if (who := holder(locks, lock.stem)) is not None:
            raise Busy(f"a run is at work on the store ({who}): end it first")
    kept = kept_as(path)
    try:
        with contextlib.closing(_read_only(source)) as copy, contextlib.closing(connect(path)) as store:
            copy.execute("SELECT 1 FROM fills LIMIT 1")  # opened now: it may be the very file that is written next
            back_up(path, kept)
            copy.backup(store, pages=_PAGES if is_heard() else -1, progress=_tell_restored)
            store.execute("UPDATE books SET version = version + ?", (_AHEAD,))
    except sqlite3.Error as error:
        raise StoreError(f"the store cannot be restored: {error}", hint=f"as it was it is in {kept}") from None
    return kept


def _tell_restored(_status: int, left: int, total: int) -> None:
    tell("bringing the copy back", total - left, total, "pages")


def examine(path: Path) -> str:
    """The schema of a copy that is whole.

    Raises:
        UsageError: it is none, it is damaged, or a newer release made it.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}", hint="name a copy made by trademon db backup")
    try:
        with contextlib.closing(_read_only(path)) as copy:
            fault = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            row = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            copy.execute("SELECT 1 FROM fills LIMIT 1")
    except sqlite3.Error:
        raise UsageError(f"{path} is no copy of a store", hint="nothing was changed") from None
    if fault != "ok":
        raise UsageError(f"{path} is damaged: {fault}", hint="nothing was changed; take another copy")
    if row is None or row[0] not in migrations.ALL:
        raise UsageError(f"{path} was made by a newer trademon", hint="update trademon; nothing was changed")
    return str(row[0])


def count_fills(copy: Path) -> int:
    """How many executions are in a copy that was examined."""
    with contextlib.closing(_read_only(copy)) as opened:
        return int(opened.execute("SELECT count(*) FROM fills WHERE source IN ('api', 'import')").fetchone()[0])


def kept_as(path: Path) -> Path:
    """Where the store `path` is kept as it was before a restore."""
    return path.with_name(path.name + BEFORE)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
