"""What can be said of a store as a whole, and of where things lie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoreCopy:
    """A copy beside the store."""

    path: str
    size_bytes: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class DbStatus:
    """`faults` is what is damaged; `copies` are those that trademon made beside the store before it changed it."""

    place: str
    schema: str
    size_bytes: int
    users: int
    brokers: int
    fills: int
    faults: tuple[str, ...]
    copies: tuple[StoreCopy, ...]


@dataclass(frozen=True, slots=True)
class PathsReport:
    """Where things lie, by what they are."""

    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting: its value as it may be shown, None where it has none, and where that comes from."""

    name: str
    value: str | None
    source: str


@dataclass(frozen=True, slots=True)
class ConfigReport:
    settings: tuple[SettingRow, ...]
