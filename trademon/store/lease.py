"""One holder per account and pass: an operating-system lock on a file, free the moment its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from trademon.errors import Busy, StoreError


@contextlib.contextmanager
def hold(directory: Path, name: str) -> Iterator[None]:
    """Hold the lock `name`, or raise at once.

    Raises:
        Busy: another run holds it.
        StoreError: the lock file cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot write in {directory}: {error.strerror}", hint="check its rights") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("another run is at work on it") from None
        yield
    finally:
        os.close(handle)
