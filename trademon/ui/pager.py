"""Long answers page by page, as git and man have it: only on a terminal, and only what is longer than the screen."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping

from rich.console import Console, RenderableType

from trademon.redaction import redact
from trademon.ui.console import can_draw

LESS_FLAGS = "FRX"
"""For a `less` without flags of its own: end at once where it fits, pass colours on, leave the text on the screen."""


def show(console: Console, parts: RenderableType, pager: str | None, environ: Mapping[str, str]) -> None:
    """Print, through the program `pager` where there is one and the screen is too short. `environ`: all it inherits."""
    command = _command(pager) if pager and can_draw(console) else None
    if command is None:
        console.print(parts)
        return
    with console.capture() as caught:
        console.print(parts)
    text = caught.get()
    if text.count("\n") < console.height or not _paged(command, redact(text), environ):
        console.file.write(text)


def _command(pager: str) -> list[str] | None:
    """The words of a pager that is there; None for none and for `cat`, which is none."""
    try:
        words = shlex.split(pager)
    except ValueError:
        return None
    return words if words and words != ["cat"] and shutil.which(words[0]) else None


def _paged(command: list[str], text: str, environ: Mapping[str, str]) -> bool:
    """Whether it was shown by that program, which somebody may leave before the end."""
    with _left_to_the_pager():
        try:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, env={"LESS": LESS_FLAGS, **environ})
        except OSError:
            return False
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(text.encode(errors="replace"))
        child.wait()
    return True


@contextlib.contextmanager
def _left_to_the_pager() -> Iterator[None]:
    """Ctrl-C is the pager's while it has the terminal: in `less` it ends a search, and us it must not end before it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
