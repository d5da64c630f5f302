"""The languages of messages: English, which is in the code, and what stands in `locale/*.po`.

A catalogue is read as its translators write it: no compiled file has to be kept in step.
"""

from __future__ import annotations

import ast
import gettext
import io
import struct
from functools import cache
from importlib.resources import files

ENGLISH = "en"
LANGUAGES = (ENGLISH, "fr")


@cache
def words_of(language: str) -> gettext.NullTranslations:
    """The words of a language; those of English for one that is not there."""
    if language not in LANGUAGES or language == ENGLISH:
        return gettext.NullTranslations()
    text = files("trademon.notify").joinpath("locale", f"{language}.po").read_text(encoding="utf-8")
    return gettext.GNUTranslations(io.BytesIO(_compiled(read_po(text))))


def read_po(text: str) -> dict[str, str]:
    """A catalogue as gettext keeps it: plural forms stand behind one another, divided by NULs."""
    entries: dict[str, str] = {}
    parts: dict[str, str] = {}
    field = ""
    for line in [*map(str.strip, text.splitlines()), ""]:
        if line.startswith("#"):
            continue
        if line.startswith('"'):
            parts[field] += ast.literal_eval(line)
            continue
        word, _, quoted = line.partition(" ")
        if word in ("", "msgid") and "msgid" in parts:
            _add(entries, parts)
            parts = {}
        if word:
            field = word
            parts[field] = ast.literal_eval(quoted)
    return entries


def _add(entries: dict[str, str], parts: dict[str, str]) -> None:
    key = parts["msgid"]
    if "msgid_plural" in parts:
        key = f"{key}\0{parts['msgid_plural']}"
    forms = [parts[name] for name in sorted(parts) if name.startswith("msgstr")]
    if all(forms):  # what is not translated stays English
        entries[key] = "\0".join(forms)


def _compiled(entries: dict[str, str]) -> bytes:
    """The form that Python's gettext reads: two tables of lengths and offsets, then the texts."""
    keys = sorted(entries)
    texts = [text.encode() for text in (*keys, *(entries[key] for key in keys))]
    count, first = len(keys), 28
    offset = first + 16 * count
    tables = b""
    for text in texts:
        tables += struct.pack("<II", len(text), offset)
        offset += len(text) + 1
    head = struct.pack("<7I", 0x950412DE, 0, count, first, first + 8 * count, 0, 0)
    return head + tables + b"".join(text + b"\0" for text in texts)
