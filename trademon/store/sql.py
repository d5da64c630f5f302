"""What every query is sent through, whichever database is behind it, and what happens when a transaction is lost."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from trademon.errors import StoreError

P = ParamSpec("P")
T = TypeVar("T")
RERUNS = 5


class Sql(Protocol):
    """Plain SQL inside one transaction: `?` placeholders, plain tuples back.

    Amounts come back such that `Decimal(...)` takes them, true and false such that `bool(...)` does.
    """

    def run(self, sql: str, *values: Any) -> int:
        """Returns how many rows were changed."""

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...

    def rows(self, sql: str, *values: Any) -> list[Any]: ...

    def one(self, sql: str, *values: Any) -> Any | None: ...

    def stream(self, sql: str, *values: Any) -> Iterator[Any]:
        """Rows one by one, so that a million of them need no memory."""

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row, return its id."""

    def whole(self, column: str) -> str:
        """How a column of integers is read where none of them has more than 64 bits."""


def in_list(values: Sequence[Any]) -> str:
    """Placeholders for an `IN (...)` of that many values."""
    return "(" + ", ".join("?" * len(values)) + ")"


def revision_of(sql: Sql, tables: set[str]) -> str | None:
    """The schema's revision, by the names of the tables there are; None for a store that is empty.

    Raises:
        StoreError: these are another program's tables.
    """
    refuse_foreign_tables(tables)
    row = sql.one("SELECT version_num FROM alembic_version") if tables else None
    return row[0] if row else None


def refuse_foreign_tables(names: set[str]) -> None:
    """Raises StoreError where these are the tables of another program."""
    if names and not {"alembic_version", "fills"} <= names:
        raise StoreError(
            "this database belongs to another program", hint="set TRADEMON_DATABASE_URL to another file or database"
        )


class Lost(StoreError):
    """The database ended the transaction, or went away in it: none of it was kept, and it can be run again."""


def rerun(method: Callable[P, T]) -> Callable[P, T]:
    """For a method that is one writing transaction: run it again, from its beginning, when that was lost.

    Raises:
        Lost: as often as that does not help.
    """

    @functools.wraps(method)
    def until_kept(*args: P.args, **kwargs: P.kwargs) -> T:
        # What can be read only once is kept, or a second run would find nothing of it.
        args = tuple(_kept(a) for a in args)  # type: ignore[assignment]
        kwargs = {name: _kept(a) for name, a in kwargs.items()}  # type: ignore[assignment]
        for n in range(RERUNS):
            try:
                return method(*args, **kwargs)
            except Lost:
                time.sleep(0.02 * 2**n)
        return method(*args, **kwargs)

    return until_kept


def _kept(value: Any) -> Any:
    return list(value) if isinstance(value, Iterator) else value
