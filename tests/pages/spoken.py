"""Commands as pages write them, held against the commands there are."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from typing import Any

from trademon.cli import COMMANDS, _loaded, app

_CODE = re.compile(r"`(trademon [^`]+)`")
_SETTING = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_HEREDOC = re.compile(r"<<-?\s*'?(\w+)'?")


def in_prose(text: str) -> Iterator[list[str]]:
    """The words of each command that stands between backticks."""
    for code in _CODE.findall(text):
        yield from in_shell(" ".join(code.split()))


def in_shell(text: str) -> Iterator[list[str]]:
    """The words of each trademon command of a piece of shell, without its redirections."""
    for line in _lines(text):
        command: list[str] = []
        for word in [*_words(line), ";"]:
            if not re.fullmatch(r"[();<>|&]+", word):
                command.append(word)
                continue
            if "<" in word or ">" in word:
                command.append("")  # what follows is the name of a file
                continue
            yield from _trademon(command)
            command = []


def _lines(text: str) -> Iterator[str]:
    """The lines of a piece of shell, continued ones as one, without the text of here-documents."""
    end: str | None = None
    for line in text.replace("\\\n", " ").splitlines():
        if end is not None:
            end = None if line.strip() == end else end
            continue
        found = _HEREDOC.search(line)
        end = found[1] if found else None
        yield line


def _words(line: str) -> list[str]:
    """Raises ValueError where a quotation goes on in the next line, which no page needs."""
    parser = shlex.shlex(line, posix=True, punctuation_chars=True)
    parser.whitespace_split = True
    return list(parser)


def _trademon(command: list[str]) -> Iterator[list[str]]:
    while "" in command:
        at = command.index("")
        del command[at : at + 2]
    while command and (_SETTING.fullmatch(command[0]) or command[0] == "$"):
        command.pop(0)
    if command and command[0].rpartition("/")[2] == "trademon":
        yield command[1:]


@functools.cache
def _command(name: str) -> Any:
    return _loaded(name)


def faults(words: list[str]) -> list[str]:
    """What of a command is not there: the command itself, an option, a place for a word. Empty where all is."""
    from typer.main import get_command

    command, left = get_command(app), list(words)
    if left and left[0] in COMMANDS:
        command = _command(left.pop(0))
    elif left and not left[0].startswith("-"):
        return [f"no command {left[0]}"]
    below = getattr(command, "commands", {})
    while left and left[0] in below:
        command = below[left.pop(0)]
        below = getattr(command, "commands", {})
    return _misfits(command, left)


def _misfits(command: Any, left: list[str]) -> list[str]:
    options = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}
    places = [p for p in command.params if not p.opts[0].startswith("-")]
    wrong, given = [], 0
    while left:
        word = left.pop(0)
        name = word.partition("=")[0]
        if word in ("-h", "--help") or re.fullmatch("-v+", word):
            continue
        if word.startswith("-") and word != "-":
            if name not in options:
                wrong.append(f"no option {word}")
            elif name == word:
                del left[: _values(options[name])]
            continue
        given += 1
        if given > len(places) and not any(p.nargs == -1 for p in places):
            wrong.append(f"no place for {word}")
    return wrong


def _values(option: Any) -> int:
    """How many words an option takes. Those of completion may be told for which shell."""
    if option.opts[0] in ("--install-completion", "--show-completion"):
        return 1
    return 0 if getattr(option, "is_flag", False) or getattr(option, "count", False) else int(option.nargs)
