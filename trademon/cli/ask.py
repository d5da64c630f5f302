"""Questions on a terminal: asked on stderr, answered on stdin, never where nobody can answer.

A question that is not answered stores nothing: Ctrl-C ends with 130, the end of the input with 1, and what was typed
unseen leaves a terminal that shows again what is typed.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from trademon.errors import ConfigError, TrademonError, UsageError
from trademon.redaction import register

T = TypeVar("T")


class NoAnswer(TrademonError):
    """The input ended before an answer came: Ctrl-D, or a terminal that was closed."""

    kind = "unanswered"


class NotAgreed(TrademonError):
    """A person said no: nothing was done, and nothing is wrong."""

    kind = "not agreed"


def can_ask() -> bool:
    """Whether a person sits there."""
    return sys.stdin.isatty()


def say(*lines: str) -> None:
    """What a person should know before the next question, folded between words to a terminal's width."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else 0
    sys.stderr.write("".join(f"{row}\n" for line in lines for row in (_folded(line, width) if width else [line])))
    sys.stderr.flush()


def _folded(line: str, width: int) -> list[str]:
    """A line's rows. Those below the first begin where its text does: `  store      /home/...`."""
    begin = re.match(r" *(?:\S+(?: \S+)* {2,})?", line)
    below = " " * (begin.end() if begin else 0)
    return textwrap.wrap(line, width, subsequent_indent=below, break_long_words=False, break_on_hyphens=False) or [""]


def ask(question: str, check: Callable[[str], T], *, default: str = "") -> T:
    """The first answer that `check` takes, which raises UsageError for one that it does not. Enter alone is `default`.

    Raises:
        NoAnswer: the input ended.
    """
    while True:
        answer = _read(f"{question} [{default}]: " if default else f"{question}: ") or default
        try:
            return check(answer)
        except UsageError as error:
            say(f"  {error.message}" + (f" ({error.hint})" if error.hint else ""))


def agree(question: str, *, default: bool = False) -> bool:
    """A yes or a no; Enter alone is `default`.

    Raises:
        NoAnswer: the input ended.
    """

    def check(answer: str) -> bool:
        word = answer.lower()
        if word not in ("y", "yes", "n", "no", ""):
            raise UsageError("y or n", hint=f"Enter alone is {'yes' if default else 'no'}")
        return word.startswith("y") if word else default

    return ask(f"{question} [{'Y/n' if default else 'y/N'}]", check)


def ask_hidden(what: str, *, may_be_empty: bool = False) -> str:
    """A secret, typed without an echo, masked from then on.

    Raises:
        ConfigError: it is empty.
        NoAnswer: the input ended.
    """
    import getpass  # noqa: PLC0415 - only where a person is asked

    try:
        with _ending_well():
            value = getpass.getpass(f"{what}: ").strip()
    except EOFError:
        raise _no_answer() from None
    if not value and not may_be_empty:
        raise ConfigError(f"the {what} is empty", hint="nothing was stored; try again")
    register(value)
    return value


def _read(prompt: str) -> str:
    with _ending_well():  # from before the question can be seen: whoever sees it may end us
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
    if not line:
        raise _no_answer()
    return line.strip()


def _no_answer() -> NoAnswer:
    sys.stderr.write("\n")
    return NoAnswer("the input ended before an answer", hint="nothing of it was stored; run it again")


@contextmanager
def _ending_well() -> Iterator[None]:
    """A signal that ends the process at once would leave a blind terminal and an open store: it becomes an error."""

    from trademon.cli.common import Stopped  # noqa: PLC0415 - it asks questions by this module

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except (KeyboardInterrupt, Stopped):
        sys.stderr.write("\n")  # what is written next begins a line of its own
        sys.stderr.flush()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
