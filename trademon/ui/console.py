"""Where Rich writes: colours only for a terminal that wants them, and never markup from a broker."""

from __future__ import annotations

import locale
import os
import sys
from typing import Final, TypeVar

from rich.console import Console

from trademon.ui.text import Glyphs, glyphs_for

C = TypeVar("C", bound=Console)
PIPE_WIDTH: Final = 200


def make_console(*, no_color: bool, stderr: bool = False, kind: type[C] = Console) -> C:  # type: ignore[assignment]
    """A console on stdout, or on stderr.

    `no_color`, `NO_COLOR`, `TERM=dumb` and anything but a terminal give no escape byte at all, whatever `FORCE_COLOR`
    says: a pipe into a file must hold text. The width is the terminal's; without one it is wide, so that a pipe and
    a mail from cron keep their columns. COLUMNS in the environment is the width anywhere.
    """
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    if terminal and (encoding := _narrow_locale()) is not None:
        _speak(stream, encoding=encoding)
    _survive_narrow_encoding(stream)
    bare = no_color or not terminal or bool(os.environ.get("NO_COLOR")) or is_dumb()
    return kind(
        file=stream,
        width=None if terminal or _told_width() else PIPE_WIDTH,
        force_terminal=terminal,
        force_jupyter=False,
        color_system=None if bare else "auto",
        no_color=bare,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def _told_width() -> bool:
    columns = os.environ.get("COLUMNS", "")
    return columns.isdigit() and int(columns) > 0


def is_dumb() -> bool:
    """Whether TERM names a terminal that obeys no escape sequence."""
    return os.environ.get("TERM", "").lower() in ("", "dumb", "unknown")


def can_draw(console: Console) -> bool:
    """Whether a dashboard may be drawn here: a terminal, and nobody asked for output without escape bytes."""
    return console.is_terminal and not console.no_color and not is_dumb()


def console_glyphs(console: Console) -> Glyphs:
    """The signs this console's stream can carry, and the locale's terminal behind a pipe: names keep their letters in a
    pipe, signs are ours."""
    return glyphs_for(_narrow_locale() or console.encoding)


def _narrow_locale() -> str | None:
    """The encoding of a locale that is not one of UTF-8; None for one that is.

    In the locales C and POSIX Python speaks UTF-8 all the same (PEP 538 and 540), which the terminal need not.
    """
    given = os.environ.get
    if given("PYTHONIOENCODING") or given("PYTHONUTF8"):
        return None
    coerced = given("LC_CTYPE", "") in ("", "C.UTF-8", "C.utf8", "UTF-8")
    if not given("LC_ALL") and given("LANG") in ("C", "POSIX") and coerced:
        return "ascii"
    encoding = locale.getencoding()
    return None if encoding.upper().replace("-", "") == "UTF8" else encoding


def _speak(stream: object, **how: str) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(**how)


def _survive_narrow_encoding(stream: object) -> None:
    """A symbol in Chinese on an ASCII stream becomes `?` instead of ending the program."""
    if getattr(stream, "errors", None) == "strict":
        _speak(stream, errors="replace")
