"""docs/reference/cli.md: every command with its options, from the commands themselves."""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final, Literal, get_args, get_origin

from docs.generate.markdown import MADE, paragraphs, prose, table
from trademon.cli import COMMANDS, _loaded, app
from trademon.cli.flags import Flags
from trademon.settings import NAMES

EXIT_CODES: Final = {
    0: "good; a broker skipped because its host asked us to wait is good, too",
    1: "failed: nothing succeeded, data that cannot be taken in, or a fault of trademon",
    2: "wrong usage: an unknown option, value or command",
    3: "partial: some brokers or parts failed, or a coin differs (`verify`); the rest is stored",
    4: "a person must act: a login, a key, a setting, an unknown name, an unusable store; it wins over 1 and 3",
    75: "another run holds all of the work: nothing was done",
    130: "stopped by Ctrl-C, after the write in hand",
    143: "stopped by SIGTERM, after the write in hand",
}
# What an option takes where it is not given.
_IN_PLACE: Final = {"--user": "TRADEMON_USER", "--tz": "TRADEMON_TZ", "--every": "AUTOMATION_DEFAULT_FREQUENCY"}
_COMMON: Final = frozenset(field.name for field in fields(Flags))


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command there is with its words: `("pnl",)`, `("pnl", "explain")`."""
    for name in COMMANDS:
        command = _loaded(name)
        yield (name,), command
        yield from _below((name,), command)


def _below(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield (*path, name), child
            yield from _below((*path, name), child)


def options_of(command: Any) -> list[Any]:
    return [p for p in command.params if p.opts[0].startswith("-") and not p.hidden]


def common_options() -> list[Any]:
    """The options of `Flags`, as `scan` has them."""
    return [p for p in options_of(_loaded("scan")) if p.name in _COMMON]


def own_options_of(command: Any) -> list[Any]:
    """Those that not every command takes, or that mean something else here."""
    common = {(p.name, p.help) for p in common_options()}
    return [p for p in options_of(command) if (p.name, p.help) not in common]


def arguments_of(command: Any) -> list[Any]:
    return [p for p in command.params if not p.opts[0].startswith("-") and not p.hidden]


def is_group_alone(command: Any) -> bool:
    """A name above commands that is none itself."""
    return bool(getattr(command, "commands", {})) and not command.invoke_without_command


def commands_page() -> str:
    parts = [_HEAD, _exit_codes(), _common_options()]
    for path, command in commands():
        parts.append(_section(path, command))
    return "\n\n".join(parts) + "\n"


def _exit_codes() -> str:
    return "## Exit codes\n\n" + table(("code", "says"), ((str(c), prose(t)) for c, t in EXIT_CODES.items()))


def _common_options() -> str:
    """The options of `Flags`, as `scan` has them, and those of trademon itself."""
    from typer.main import get_command

    itself: Any = get_command(app)
    own = [p for p in itself.params if p.opts[0].startswith("-") and not p.hidden]
    text = "## What every command takes\n\n" + _options(common_options())
    text += "\n\nEach has `-h`, `--help`, too, which stores and asks nothing. `trademon` itself takes:\n\n"
    return text + _options(own)


def _section(path: tuple[str, ...], command: Any) -> str:
    heading = f"{'#' * (len(path) + 1)} trademon {' '.join(path)}"
    parts = [heading, paragraphs(command.help or COMMANDS.get(path[0], ""))]
    if not is_group_alone(command):
        parts.append(f"```text\n{_usage(path, command)}\n```")
    if arguments := arguments_of(command):
        rows = ((f"`{_metavar(a)}`", prose(a.help or ""), "" if a.required else "may be left out") for a in arguments)
        parts.append(table(("argument", "meaning", ""), rows))
    if own := own_options_of(command):
        parts.append(_options(own))
    if command.epilog:
        parts.append(_example(command.epilog))
    if children := [name for name, child in getattr(command, "commands", {}).items() if not child.hidden]:
        links = (f"[`{name}`](#trademon-{'-'.join((*path, name))})" for name in children)
        parts.append(f"Below it: {', '.join(links)}.")
    return "\n\n".join(part for part in parts if part)


def _example(epilog: str) -> str:
    """An epilog with its command as code, and what is said around it as words."""
    said = re.fullmatch(r"(.*?)(trademon [^,]+)(.*)", " ".join(epilog.split()))
    return prose(epilog) if said is None else f"{prose(said[1])}`{said[2]}`{prose(said[3])}"


def _usage(path: tuple[str, ...], command: Any) -> str:
    words = ["trademon", *path]
    for argument in arguments_of(command):
        word = _metavar(argument) + ("..." if argument.nargs == -1 else "")
        words.append(word if argument.required else f"[{word}]")
    needed = [f"{p.opts[0]} {_metavar(p)}" for p in options_of(command) if p.required]
    return " ".join([*words, *needed, "[OPTIONS]"])


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _options(options: list[Any]) -> str:
    return table(("option", "meaning", "default"), (_option(p) for p in options))


def _option(option: Any) -> tuple[str, str, str]:
    flag = getattr(option, "is_flag", False) or getattr(option, "count", False)
    value = "" if flag else f" {_metavar(option)}"
    names = ", ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))
    return names, _meaning(option), _default(option, flag=flag)


def _meaning(option: Any) -> str:
    text = prose(" ".join((option.help or "").split()))
    least, most = getattr(option, "min", None), getattr(option, "max", None)
    if least is not None and most is not None and str(most) not in text:
        text += f" {least} to {most}."
    left = [choice for choice in _choices(option) if choice not in text]
    return f"{text} One of {', '.join(left)}." if left else text


def _choices(option: Any) -> list[str]:
    kind = option.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(choice.value) for choice in kind]
    return []


def _default(option: Any, *, flag: bool) -> str:
    setting = _IN_PLACE.get(option.opts[0])
    if setting in NAMES:
        return f"`{setting}`"
    if option.required:
        return "must be given"
    value = option.default
    if flag or value is None or value in ((), []):
        return ""
    return f"`{shlex.quote(str(getattr(value, 'value', value)))}`"


_HEAD: Final = f"""{MADE}

# Commands

Every command with its options, as `-h` shows them. Options of a command stand after its name. Data goes to standard
output, everything else to standard error; without a terminal success says nothing, for cron, except where data was
asked for. Where settings come from, and which there are: [settings](settings.md). What `--json` writes:
[JSON](json.md)."""
