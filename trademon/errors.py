"""Every deliberate error of trademon, split by who acts next: the person, the next cycle, or nobody.

The exit code and the `kind` of the JSON envelope hang on the class, so a flow never chooses them.
"""

from __future__ import annotations

import errno
import os
from datetime import datetime
from typing import Final

from trademon.redaction import redact


class TrademonError(Exception):
    """Something trademon knows how to explain: what happened, and what to do about it.

    Args:
        message: What happened and where, one line. A secret in it is masked.
        hint: What mends it, as a command where there is one.
        broker: The broker's name when the fault belongs to one.
    """

    kind = "fault"
    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None, broker: str | None = None) -> None:
        self.message = redact(message)
        self.hint = None if hint is None else redact(hint)
        super().__init__(self.message)
        self.broker = broker

    @property
    def line(self) -> str:
        """The one line a person reads."""
        return f"{self.message}: {self.hint}" if self.hint else self.message


class UsageError(TrademonError):
    """The command line itself is wrong: an unknown value, options that exclude each other."""

    kind = "usage"
    exit_code = 2


class DataError(TrademonError):
    """A value that cannot be money, a time or a fill; a file that cannot be taken in."""

    kind = "data"


class StrategyError(TrademonError):
    """A strategy whose code cannot be run, fails, takes too long or answers with nonsense. Nothing of it is done."""

    kind = "strategy"


# --- a person must act -------------------------------------------------------------------------------------------


class ActionNeeded(TrademonError):
    """Nothing gets better until a person does something; asking again is no use."""

    kind = "action"
    exit_code = 4


class ConfigError(ActionNeeded):
    """A setting, a directory or a key file that cannot be used."""

    kind = "config"


class UnknownName(ActionNeeded):
    """A user or a broker that does not exist."""

    kind = "unknown"


class AuthError(ActionNeeded):
    """The exchange refuses the key: revoked, wrong, without the right, or not from this address."""

    kind = "auth"


class SignInNeeded(AuthError):
    """A session that ended, or never began: only a person can sign in. `is_news`: it was lost just now."""

    is_news = False


class StoreError(ActionNeeded):
    """The store is none, is newer than this program, or cannot be written."""

    kind = "store"


# --- the next cycle will do ---------------------------------------------------------------------------------------


class Transient(TrademonError):
    """The next cycle asks again; nothing moved, nothing is lost."""

    kind = "network"


class NetworkError(Transient):
    """No answer, or none in time."""


class Unreachable(NetworkError):
    """No connection came about: nothing was sent."""


class NoAnswer(NetworkError):
    """Silence, or not all of an answer in time: asking again within the look would cost as long again."""


class BadAnswer(Transient):
    """An answer that cannot be believed: it changes nothing."""

    kind = "answer"


class NotServed(BadAnswer):
    """The host has no such address: a test network, say, that leaves some of them out."""


class NothingListed(BadAnswer):
    """A list that names nothing at all."""


class OtherExecution(BadAnswer):
    """A known id that came back as another execution.

    `differs` is what, as it was known and as it came back. `fill` is what came back, `first` what it differs from
    where that came in the same page or file, None where it is stored: `source` says from where.
    """

    def __init__(
        self,
        name: str,
        differs: tuple[tuple[str, str, str], ...],
        fill: object,
        *,
        first: object = None,
        source: str = "",
    ) -> None:
        said = "; ".join(f"{what} {one}, not {other}" for what, one, other in differs)
        super().__init__(f"{name} came back as another execution ({said}): nothing was booked")
        self.differs, self.fill, self.first, self.source = differs, fill, first, source


class HostAskedToWait(Transient):
    """429 or 418: nobody asks that host again before `until`."""

    kind = "wait"

    def __init__(self, message: str, *, until: datetime, broker: str | None = None) -> None:
        super().__init__(message, hint=f"waits until {until:%H:%M:%S} UTC", broker=broker)
        self.until = until


class ClockSkew(Transient):
    """The exchange says our timestamp is off: the offset is measured again."""

    kind = "clock"


# --- nobody needs to act ------------------------------------------------------------------------------------------


class Busy(TrademonError):
    """Another run holds the account and is doing the work."""

    kind = "busy"
    exit_code = 75


# --- what is no error of ours -------------------------------------------------------------------------------------

_FREE_SPACE: Final = "free some disk space; nothing was lost"
_SYSTEM_HINTS: Final = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EACCES: "check its rights, and whose it is",
    errno.EPERM: "check its rights, and whose it is",
    errno.EROFS: "the file system is mounted to be read only",
    errno.EMFILE: "too many files are open: raise ulimit -n",
}


def explained(error: Exception) -> TrademonError:
    """Any other error as one of these: what the operating system refuses is for a person, all else a fault of ours."""
    if isinstance(error, OSError) and error.errno in _SYSTEM_HINTS:
        where = f"{error.filename}: " if error.filename else ""
        return ActionNeeded(f"{where}{os.strerror(error.errno)}", hint=_SYSTEM_HINTS[error.errno])
    return TrademonError(f"a fault in trademon: {type(error).__name__}", hint="add --debug to see where; report it")
