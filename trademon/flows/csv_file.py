"""A CSV file as lines of cells, each with its line number: encodings, separators, and no file that eats the memory."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from trademon.errors import DataError
from trademon.progress import tell

_TOLD_EVERY: Final = 4096
MAX_CELL: Final = 32 * 1024
MAX_LINE: Final = 256 * 1024
_SEPARATORS: Final = (",", ";", "\t")
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
Rows = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Table:
    """A header, stripped, and the rows below it with the line each begins on. `rows` is read once."""

    path: Path
    separator: str
    header: tuple[str, ...]
    rows: Rows


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """The file, open as long as its rows are read. Blank lines are none.

    Raises:
        DataError: it cannot be read, is no text or no CSV, or has a cell or a line that no export has.
    """
    limit = csv.field_size_limit(MAX_CELL)
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            header, separator = _header(path, file)
            yield Table(path, separator, header, _rows(path, file, separator))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeError:
        raise DataError(
            f"{path} is not a text file in UTF-8", hint="save it as CSV UTF-8 (a spreadsheet offers it)"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _encoding(path: Path) -> str:
    """What the byte order mark says, UTF-8 without one: a wrong guess would change names silently."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for bom, name in _BOMS if start.startswith(bom)), "utf-8")


def _header(path: Path, file: TextIO) -> tuple[tuple[str, ...], str]:
    """The first line's cells, split by the separator that splits it into most."""
    first = _checked(path, file.readline(MAX_LINE + 1), 1)
    if not first.strip():
        raise DataError(f"{path} is empty" if not first else f"line 1 of {path} is empty", hint="a header is needed")
    found = {separator: _split(first, separator) for separator in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda separator: len(found[separator] or ()))
    header = found[best]
    if header is not None and len(header) == 1 and (other := _other_separator(first)):
        raise DataError(
            f"line 1: the columns of {path} are apart by {other!r}", hint="save it with commas, semicolons or tabs"
        )
    if header is None:
        raise DataError(f"line 1: {path} is not a CSV file: its quotes do not match")
    return tuple(header), best


def _other_separator(line: str) -> str | None:
    """What stands between the columns of a file that has none of ours."""
    return next((sign for sign in "|:~^" if line.count(sign) > 1), None)


def _split(line: str, separator: str) -> list[str] | None:
    """The line's cells; None where its quotes do not stand at this separator."""
    try:
        cells = next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return None
    return [" ".join(cell.split()) for cell in cells]


def _rows(path: Path, file: TextIO, separator: str) -> Rows:
    """Every row that is not blank. The header was line 1; a row may go over several."""
    reader = csv.reader(_lines(path, file), delimiter=separator, strict=True)
    line = 2
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 2
    except csv.Error as error:
        raise _broken(path, line, error) from None


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    number, what = 1, f"reading {path.name}"
    size = os.fstat(file.fileno()).st_size // 1000 or None
    readline = file.readline
    while line := readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE or "\0" in line:
            _checked(path, line, number)
        if not number % _TOLD_EVERY:
            if size is None:  # a pipe has no place in it
                tell(what, number, None, "lines")
            else:
                tell(what, min(file.buffer.tell() // 1000, size - 1), size, "kB")
        yield line
    tell(what, 1, 1, "kB")


def _checked(path: Path, line: str, number: int) -> str:
    if len(line) > MAX_LINE:
        raise DataError(f"line {number} of {path} is longer than {MAX_LINE // 1024} KiB", hint="is it a CSV file?")
    if "\0" in line:
        raise DataError(f"line {number} of {path} has a NUL byte", hint="is it a CSV file?")
    return line


def _broken(path: Path, line: int, error: csv.Error) -> DataError:
    """What Python's reader says, in words that help."""
    text = str(error)
    if "field larger" in text or "unexpected end" in text:
        reason = "a quote is opened and not closed, or a cell is as long as no export's"
    elif "expected after" in text:
        reason = "a quote stands within a cell"
    else:
        reason = text
    return DataError(f"line {line}: {path} is not a CSV file: {reason}")
