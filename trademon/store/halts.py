"""What stops every order: a row in the store, for all machines that use it, and a file, for this one. Either stops.

The file is there for when the store is locked or broken, and for speed: it is looked at right before each order leaves.
What cannot be looked at stops, too.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

from trademon.core.times import from_us, to_us
from trademon.errors import StoreError
from trademon.store.database import Database, Sql, rerun

FILE_NAME = "halt"


def read_halt(sql: Sql) -> str | None:
    """Since when and why the store says that no order leaves; None where it does not."""
    row = sql.one("SELECT at, reason FROM halts ORDER BY id LIMIT 1")
    return None if row is None else f"since {_told(from_us(row[0]))}{f' ({row[1]})' if row[1] else ''}"


def _told(at: datetime) -> str:
    """To the second: it is for people."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@rerun
def set_halt(database: Database, at: datetime, reason: str) -> None:
    """Have the store say so. One that already does is left as it is."""
    with database.write() as sql:
        if read_halt(sql) is None:
            sql.insert("halts", at=to_us(at), reason=reason)


@rerun
def end_halt(database: Database) -> bool:
    """Whether the store said so until now."""
    with database.write() as sql:
        return sql.run("DELETE FROM halts") > 0


def halt_by_file(file: Path, at: datetime, reason: str) -> None:
    """Put the file there, for good: it outlives a power cut.

    Raises:
        StoreError: it cannot be written.
    """
    text = f"{_told(at)} {reason}".strip() + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:  # that it is there is what counts: an older one keeps what it says, and on a full disk it says nothing
            with contextlib.suppress(OSError):
                if not os.fstat(handle).st_size:
                    os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror}", hint="make it by hand: touch") from None


def halted_by_file(file: Path) -> str | None:
    """Since when and why the file says that no order leaves; None only where there certainly is none."""
    try:
        file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{file} cannot be looked at: {error.strerror}"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        with file.open(encoding="utf-8") as stream:
            at, _, reason = stream.readline(300).strip().partition(" ")
        if at:
            return f"since {at}{f' ({reason})' if reason else ''}"
    return f"{file} says so"


def end_halt_by_file(file: Path) -> bool:
    """Whether the file was there until now. Raises StoreError where it cannot be removed."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"cannot remove {file}: {error.strerror}", hint="check its rights") from None
    return True
