"""No secret leaves: what was typed, opened or received as one is known here, and every way out asks here.

Found by value, in the forms in which programs repeat it: as it is, URL-encoded, escaped as in JSON or HTML, in base64
of either alphabet at any place of a longer text. A secret of fewer than 6 characters is not looked for: it would turn
every output to asterisks and hide nothing. One of fewer than 15 is masked only where it stands as a word of its own, so
that a passphrase of digits spares an order's number that holds them.

What a text costs hardly depends on how many secrets there are: a thousand accounts have thousands.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

MASK: Final = "***"
SHORTEST: Final = 6
_LONG: Final = 15
_FEW: Final = 32
_MOST: Final = 5000
"""So many secrets are known at most, the newest ones: a run of weeks receives a token every few minutes."""


class Index:
    """Where a text may hold one of many forms, each at least `2 * block - 1` characters long.

    Such a form covers a whole block of the text wherever it stands, so that only the text's blocks are looked up.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self._forms: set[str] = set()
        self._by_block: dict[str, set[str]] = {}

    def add(self, form: str) -> None:
        self._forms.add(form)
        tail = form[-(2 * self._block - 1) :]  # the end of it: tokens of one kind begin alike
        for start in range(self._block):
            self._by_block.setdefault(tail[start : start + self._block], set()).add(form)

    def suspects(self, text: str) -> set[str]:
        """The forms that the text may hold."""
        if len(self._forms) <= _FEW:
            return self._forms
        blocks = {text[n : n + self._block] for n in range(0, len(text) - self._block + 1, self._block)}
        return {form for block in blocks & self._by_block.keys() for form in self._by_block[block]}


class Known:
    """The secrets of this process."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._words: set[str] = set()
        self._long, self._short = Index(8), Index(3)

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def add(self, secret: str) -> None:
        if len(secret) < SHORTEST:
            return
        if secret in self._secrets:
            del self._secrets[secret]
            self._secrets[secret] = None  # the newest again
            return
        self._secrets[secret] = None
        if len(secret) < _LONG:
            self._words.add(secret)
        for form in _forms(secret):
            (self._long if len(form) >= _LONG else self._short).add(form)
        if len(self._secrets) > _MOST:
            newest = list(self._secrets)[_MOST // 2 :]
            self.__init__()  # type: ignore[misc]
            for each in newest:
                self.add(each)

    def mask(self, text: str) -> str:
        """The text with every secret in it masked."""
        if not self._secrets:
            return text
        suspects = self._long.suspects(text) | self._short.suspects(text)
        found = [form for form in suspects if form in text]
        for form in sorted(found, key=len, reverse=True):  # the longest first: one may hold another
            if form in self._words:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])", MASK, text)
            else:
                text = text.replace(form, MASK)
        return text


_known = Known()


def register(*secrets: str) -> None:
    """From now on these leave nowhere."""
    for secret in secrets:
        _known.add(secret)


def redact(text: str) -> str:
    """The text with every known secret in it masked."""
    return _known.mask(text)


def redact_data(text: str, data: Any) -> Any:
    """Parsed JSON with every known secret in its strings masked. `text` is what it was parsed from: where that holds
    none, not even behind a `\\u` escape, `data` is returned as it is."""
    if not _known or ("\\u00" not in text and redact(text) == text):
        return data
    return _redact_strings(data)


def _redact_strings(data: Any) -> Any:
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, list):
        return [_redact_strings(item) for item in data]
    if isinstance(data, dict):
        return {redact(name): _redact_strings(item) for name, item in data.items()}
    return data


def _forms(secret: str) -> set[str]:
    """Every spelling of the secret that is looked for."""
    import html  # noqa: PLC0415 - most commands know no secret
    import json  # noqa: PLC0415
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    forms = set()
    for spelt in {secret, *_in_base64(secret.encode())}:
        escaped = json.dumps(spelt)[1:-1]
        in_url = {quote(spelt), quote(spelt, safe=""), quote_plus(spelt), quote_plus(spelt, safe="")}
        forms |= {spelt, escaped, escaped.replace("/", "\\/"), repr(spelt)[1:-1], html.escape(spelt)}
        forms |= {json.dumps(spelt, ensure_ascii=False)[1:-1], *in_url}
        forms |= {re.sub("%..", lambda code: code[0].lower(), text) for text in in_url}
    return {form for form in forms if len(form) >= SHORTEST}


def _in_base64(secret: bytes) -> Iterator[str]:
    """What base64 makes of it: whole, and the part that stays the same whatever stands before and behind it, which
    differs by how many bytes of three stand before."""
    import base64  # noqa: PLC0415

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode()
        for before, touched in ((0, 0), (1, 2), (2, 3)):
            size = before + len(secret)
            yield encode(bytes(before) + secret).decode()[touched : size * 8 // 6]


# --- ways out -----------------------------------------------------------------------------------------------------


class OutputFailed(OSError):
    """Standard output or error takes no more: a full disk, say. A reader that has gone is a BrokenPipeError as ever."""


class RedactedStream:
    """Standard output or error without a secret in what is written at once.

    Raises:
        OutputFailed: from `write` and `flush`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._write = stream.write

    def write(self, text: str) -> int:
        with _told_apart():
            self._write(redact(text))
        return len(text)

    def flush(self) -> None:
        with _told_apart():
            self._stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """What fails of an output is no fault of the work, which may fail with the same words."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(error.errno, error.strerror) from None


def write_address(stream: TextIO, address: str) -> None:
    """Show a person where to sign in, unmasked: the address names the app and this one sign-in, which is what it is
    for, and is worth nothing without the secret half that stays here. The only thing that leaves so."""
    getattr(stream, "_stream", stream).write(f"{address}\n")
    stream.flush()


class RedactedFormatter(logging.Formatter):
    """A log record without a secret, its traceback as well."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
