"""The zone in which times are shown to a person: one for all that a command shows. Documents and files stay UTC."""

from __future__ import annotations

import contextlib
import difflib
import os
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from trademon.errors import UsageError

LOCAL: Final = "local"
_LOCALTIME: Final = Path("/etc/localtime")
_UTC: Final = ("UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "Universal", "Zulu", "UCT")
_HINT: Final = "as in Europe/Paris, UTC or local"


@dataclass(slots=True)
class Zone:
    """`zone` None is the machine's own. `is_shown`: a time was shown in it, so that its name must be, too. `note`: why
    it is not the one that was wanted."""

    zone: tzinfo | None = None
    name: str = LOCAL
    is_shown: bool = False
    note: str = ""

    @property
    def title(self) -> str:
        """`Europe/Paris`; of the machine's own what it calls it."""
        return _machine_name() if self.zone is None else self.name


_now_shown: ContextVar[Zone | None] = ContextVar("zone", default=None)


@contextlib.contextmanager
def shown_in(zone: Zone) -> Iterator[Zone]:
    """Have `local` use that zone until the end."""
    token = _now_shown.set(zone)
    try:
        yield zone
    finally:
        _now_shown.reset(token)


def local(at: datetime) -> datetime:
    """A time as its clocks show it to the person."""
    shown = _now_shown.get()
    if shown is None:
        return at.astimezone()
    shown.is_shown = True
    return at.astimezone(shown.zone)


def shown_zone() -> str | None:
    """The name of the zone in which times were shown; None where none was."""
    shown = _now_shown.get()
    return shown.title if shown is not None and shown.is_shown else None


def zone_note() -> str:
    """Why times are not shown in the zone that was wanted; nothing where they are."""
    shown = _now_shown.get()
    return shown.note if shown is not None else ""


def find_zone(name: str) -> Zone:
    """The zone of an IANA name, `UTC` or `local`.

    Raises:
        UsageError: there is none of that name; the hint has the one that was probably meant.
    """
    word = name.strip()
    if word.lower() == LOCAL:
        return Zone()
    if word.upper() in ("UTC", "Z"):
        word = "UTC"
    try:
        return Zone(ZoneInfo(word), word)
    except (KeyError, ValueError, OSError):  # what it raises depends on how the name is no name
        near = _nearest(word)
        hint = f"did you mean {near}?" if near else _HINT
        raise UsageError(f"there is no time zone {name[:40]!r}", hint=hint) from None


def _nearest(word: str) -> str | None:
    """`Europe/Berlin` of `europe/berlin`, `Berlin`, `Europe/Belrin` and `berlni`."""
    names = sorted(available_timezones(), key=lambda name: (name.count("/"), name))
    whole = {name.lower(): name for name in reversed(names)}
    cities = {name.lower().rpartition("/")[2]: name for name in reversed(names)}
    word = word.lower().replace(" ", "_")
    for known in (whole, cities):
        if word in known:
            return known[word]
    for known in (whole, cities):
        if close := difflib.get_close_matches(word, known, n=1, cutoff=0.75):
            return known[close[0]]
    return None


def _machine_name() -> str:
    """The IANA name of the machine's zone where it tells one, else what its clock is called just now."""
    told = os.environ.get("TZ", "").removeprefix(":")
    if not told and "zoneinfo/" in (path := str(_LOCALTIME.resolve())):
        told = path.rpartition("zoneinfo/")[2]
    with contextlib.suppress(KeyError, ValueError, OSError):
        if told:
            return "UTC" if ZoneInfo(told).key in _UTC else told
    return time.strftime("%Z")
