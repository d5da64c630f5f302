"""docs/man/trademon.1: the man page, from the commands themselves and from .env.example.

In the macros of man(7). click-man makes such pages for programs of click; Typer brings a click of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from docs.generate.commands import (
    EXIT_CODES,
    _metavar,
    arguments_of,
    commands,
    common_options,
    is_group_alone,
    options_of,
    own_options_of,
)
from docs.generate.settings import told
from trademon import __version__
from trademon.cli import COMMANDS, app
from trademon.settings import NAMES

_FILES: Final = (
    ("~/.local/share/trademon/trademon.db", "The store. TRADEMON_DATABASE_URL names another."),
    (
        "~/.config/trademon/master.key",
        "What the exchange keys in the store are sealed with. Keep copies of the two apart.",
    ),
    ("~/.config/trademon/config.env", "Settings; so does .env in the working directory, which wins."),
    ("~/.local/state/trademon/", "Logs, and the file that halts every order."),
)
_EXAMPLES: Final = (
    ("The dashboard against an exchange of its own; no key is needed:", "trademon watch --demo"),
    ("The first account, question by question:", "trademon init"),
    ("What 2026 earned, month by month:", "trademon pnl --period 2026 --by month"),
    ("For a crontab: silent while all is well, one line where something is not:", "trademon sync"),
)


def man_page(example: str) -> str:
    """`example`: the text of .env.example."""
    from typer.main import get_command

    itself: Any = get_command(app)
    lines = [
        r".\" Made by python -m docs.generate; changes here are lost.",
        f'.TH TRADEMON 1 "" "trademon {__version__}" "User commands"',
        ".SH NAME",
        rf"trademon \- {_text('watches trading accounts, stores each execution exactly once, books profit and loss')}",
        ".SH SYNOPSIS",
        r".B trademon",
        r".I COMMAND",
        r"[\fIOPTIONS\fR]",
        ".SH DESCRIPTION",
        *_paragraphs(itself.help),
        _text(
            "Options of a command stand after its name. Data goes to standard output, everything else to "
            "standard error. Without a terminal success says nothing, for cron, except where data was asked for."
        ),
        ".SH OPTIONS",
        *_options(common_options()),
        *_options(options_of(itself)),
        _item([r"\fB\-h\fR", r"\fB\-\-help\fR"]),
        "What a command does and takes, with an example.",
        ".SH COMMANDS",
    ]
    for path, command in commands():
        lines += _command(path, command)
    lines += [".SH EXAMPLES"]
    for words, line in _EXAMPLES:
        lines += [".PP", _text(words), ".PP", ".EX", f"    {_code(line)}", ".EE"]
    lines += [".SH EXIT STATUS"]
    for code, words in EXIT_CODES.items():
        lines += [_item([str(code)]), _text(f"{words[0].upper()}{words[1:]}.")]
    lines += [".SH ENVIRONMENT", _text("A flag wins over the environment, that over .env, that over config.env.")]
    known = told(example)
    for name in NAMES:
        lines += [_item([rf"\fB{name}\fR"]), _text(known[name][0])]
    lines += [
        _item([r"\fBNO_COLOR\fR, \fBTERM=dumb\fR"]),
        "No colour and no escape codes; a pipe gets none anyway.",
        ".SH FILES",
        _text("Where XDG says, or all below TRADEMON_HOME if that is set: trademon paths."),
    ]
    for name, words in _FILES:
        lines += [_item([rf"\fI{_code(name)}\fR"]), _text(words)]
    return "\n".join(lines) + "\n"


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    words = ["trademon", *path]
    yield f".SS {_code(' '.join(words))}"
    if not is_group_alone(command):
        arguments = [rf"\fI{_code(_metavar(a))}\fR" for a in arguments_of(command)]
        shown = [f"[{one}]" if not a.required else one for a, one in zip(arguments_of(command), arguments, strict=True)]
        yield " ".join([rf"\fB{_code(' '.join(words))}\fR", *shown, r"[\fIOPTIONS\fR]"])
        yield ".PP"
    yield from _paragraphs(command.help or COMMANDS.get(path[0], ""))
    for argument in arguments_of(command):
        if argument.help:
            yield _item([rf"\fI{_code(_metavar(argument))}\fR"])
            yield _text(argument.help)
    yield from _options(own_options_of(command))
    if command.epilog:
        yield from (".PP", f"Example: \\fB{_code(command.epilog.removeprefix('Example: '))}\\fR")


def _options(options: list[Any]) -> Iterator[str]:
    for option in options:
        flag = getattr(option, "is_flag", False) or getattr(option, "count", False)
        value = "" if flag else rf" \fI{_code(_metavar(option))}\fR"
        yield _item([rf"\fB{_code(name)}\fR{value}" for name in (*option.opts, *option.secondary_opts)])
        yield _text(option.help or "")


def _item(names: list[str]) -> str:
    return f".TP\n{', '.join(names)}"


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield _text(paragraph)
        yield ".PP"


def _text(words: str) -> str:
    """Words as roff takes them: no line of them is a request, no sign of theirs an escape."""
    line = " ".join(words.split()).replace("\\", r"\e").replace("--", r"\-\-")
    return _printable(rf"\&{line}" if line.startswith((".", "'")) else line)


def _code(words: str) -> str:
    """The same for what can be copied: each hyphen is the one of the keyboard."""
    return _printable(words.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq"))


def _printable(words: str) -> str:
    return "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in words)
