"""What was typed, key by key."""

from __future__ import annotations

import codecs
from typing import Final

_KEYS: Final = {
    "\x1b": "escape",
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOC": "right",
    "\x1bOD": "left",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[Z": "back tab",
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\b": "backspace",
}


class KeyDecoder:
    """Bytes of a terminal to keys: characters, and the names of arrows and the like; unknown sequences are dropped.

    What is cut in the middle, a character or a sequence, waits for the rest of it.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("ignore")
        self._begun = ""

    def feed(self, data: bytes) -> list[str]:
        """The keys that `data` completes."""
        text = self._begun + self._decode.decode(data)
        self._begun = ""
        keys: list[str] = []
        at = 0
        while at < len(text):
            stop = _key_end(text, at)
            if stop > len(text):
                self._begun = text[at:]
                break
            key = text[at:stop]
            if key in _KEYS or (len(key) == 1 and key.isprintable()):
                keys.append(_KEYS.get(key, key))
            at = stop
        return keys


def _key_end(text: str, at: int) -> int:
    """The end of the key that starts at `at`, beyond the text where it is not all there: an escape sequence runs to its
    letter. An escape alone is the key: nobody types a bracket in the same moment."""
    if text[at] != "\x1b" or text[at + 1 : at + 2] not in ("[", "O"):
        return at + 1
    stop = at + 2
    while stop < len(text) and not "@" <= text[stop] <= "~":
        stop += 1
    return stop + 1
