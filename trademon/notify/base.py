"""What a way to a person is: a name, and one text sent at a time. How it fails says who acts next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from trademon.core.foreign import clean
from trademon.errors import ActionNeeded, DataError, Transient
from trademon.redaction import redact

LONGEST_WAIT_S = 86_400.0
"""No channel's wish to be left alone is believed for longer."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words, without any markup: whatever looks like some is text."""

    title: str
    body: str = ""

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.body}" if self.body else self.title


class Unreachable(Transient):
    """No connection, no answer, or one that means nothing: so it is for every message there."""


class Stumbled(Transient):
    """The channel failed at this message. Others may get through."""


class SlowDown(Transient):
    """The channel asked to be left alone for `wait_s` seconds."""

    kind = "wait"

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = min(max(wait_s, 1.0), LONGEST_WAIT_S)


class NotAllowed(ActionNeeded):
    """The channel refuses us: a token, an address, or a chat that does not want to hear of us."""

    kind = "notify"


class Refused(DataError):
    """The channel refuses this message, and will tomorrow."""

    kind = "notify"


class Notifier(Protocol):
    """A way to a person. `name` is what a user calls it; `goes_to` says where, without a secret."""

    @property
    def name(self) -> str: ...

    @property
    def goes_to(self) -> str: ...

    async def send(self, text: Text, *, silent: bool) -> None:
        """Send one message; it has arrived when this returns.

        Raises:
            Unreachable, Stumbled, SlowDown: it may be tried again.
            NotAllowed: a person must act first.
            Refused: never.
        """

    def next_turn_s(self) -> float:
        """How many seconds from now the channel's own limits allow the next message; its turn is taken."""


class Pace:
    """Turns under several limits at once: each a key, so many in so many seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._taken: dict[str, deque[float]] = {}

    def take(self, limits: Iterable[tuple[str, int, float]]) -> float:
        """Take the first turn that all `limits` (key, count, seconds) allow; how many seconds from now it is."""
        limits = tuple(limits)
        now = turn = self._monotonic()
        for key, count, seconds in limits:
            taken = self._taken.setdefault(key, deque(maxlen=count))
            if len(taken) == count:
                turn = max(turn, taken[0] + seconds)
        for key, _, _ in limits:
            self._taken[key].append(turn)
        return turn - now


def scrubbed(text: str, *, length: int = 200) -> str:
    """Words of somebody else as they may be kept and shown: one line, harmless, short, without any known secret."""
    text = " ".join(clean(redact(text)).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def cut(text: str, limit: int, *, measure: Callable[[str], int] = len) -> str:
    """At most `limit` long by `measure`, cut at the end of a line where there is one, with a sign that it was."""
    if measure(text) <= limit:
        return text
    room = limit - measure("\n…")
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits: `measure` grows with it
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= room else (low, middle - 1)
    kept = text[:low]
    line_end = kept.rfind("\n")
    return (kept[:line_end] if line_end > low // 2 else kept) + "\n…"


def utf16_length(text: str) -> int:
    """How long Telegram takes a text to be: characters beyond the basic plane count twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
