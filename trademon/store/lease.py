"""One holder per account and pass.

Beside a file that is an operating-system lock, free the moment its holder dies; on a server, a lease.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.errors import Busy, StoreError

if TYPE_CHECKING:
    from trademon.store.postgres_leases import Leases


def hold(locks: Path | Leases, name: str) -> contextlib.AbstractContextManager[None]:
    """Hold the lock `name`, or raise at once. `locks`: a directory, or a server's leases (`Store.locks`).

    Raises:
        Busy: another run holds it.
        StoreError: the lock cannot be made.
    """
    return _hold_file(locks, name) if isinstance(locks, Path) else locks.hold(name)


@contextlib.contextmanager
def _hold_file(directory: Path, name: str) -> Iterator[None]:
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
        with contextlib.suppress(OSError):  # a full disk: who holds it is for people, that it is held is the kernel's
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()}".encode())
        yield
    finally:
        os.close(handle)


def holder(locks: Path | Leases, name: str) -> str | None:
    """Who holds the lock `name` now, as a person reads it; None where nobody does."""
    if not isinstance(locks, Path):
        return locks.holder(name)
    try:
        with (locks / f"{name}.lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(100).decode(errors="replace") or "another run"
    except OSError:
        return None  # nobody ever held it
    return None
