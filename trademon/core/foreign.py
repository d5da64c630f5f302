"""Foreign text made harmless: of an exchange, a file or a person. Without rich, which a JSON document does not need."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Zero cells wide, or blank, though Unicode files them under letters and marks.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def acts_unseen(char: str) -> bool:
    """Whether a terminal might obey this character, or show nothing for it: C0, C1, DEL, bidi, zero-width."""
    if unicodedata.category(char) in _UNSEEN or char in _BLANK:
        return True
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def clean(text: str) -> str:
    """Text of an exchange, a file or a person without anything a terminal acts upon; line breaks become spaces."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if c in "\t\n\v\f\r" else c for c in text if c in "\t\n\v\f\r" or not acts_unseen(c))
