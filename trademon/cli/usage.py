"""A command line that cannot be understood, in one line: what is wrong, where, and what mends it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from trademon.core.symbols import nearest
from trademon.ui.foreign import clean

_CLIPPED: Final = 40


def tell_usage_error(error: Any, args: Sequence[str], path: list[str], command: Any) -> int:
    """Print what Typer found wrong with `args`, and with `--json` a document; returns the exit code. `path` and
    `command`: what was called, as words and itself (None for trademon without a command)."""
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(error.ctx.get_help() + "\n")
        return 2
    message, hint = _explained(error, args, path, command)
    if "--json" in args:
        import json  # noqa: PLC0415

        called = " ".join(path[1:]) or next((a for a in args if not a.startswith("-")), "trademon")
        fault = {"broker": None, "kind": "usage", "message": message, "hint": hint}
        document = {"schema": 1, "command": called, "status": "failed", "data": {}, "errors": [fault]}
        sys.stdout.write(json.dumps(document) + "\n")
    sys.stderr.write(f"trademon: {clean(' '.join(message.split()))} ({hint})\n")
    return 2


def _explained(error: Any, args: Sequence[str], path: list[str], command: Any) -> tuple[str, str]:
    """What is wrong and where; how to mend it."""
    here, kind = " ".join(path[1:]) or "trademon", type(error).__name__
    see = f"see {' '.join(path)} --help"
    if kind == "NoSuchOption":
        return _no_option(error, path, command, see)
    if error.message.startswith("No such command"):
        return _no_command(error.ctx, args)
    if kind == "BadParameter" and error.param is not None:
        return _wrong_value(error, here, see)
    if kind == "MissingParameter":
        return f"{here} needs {_label(error.param)}", _as_in(command) or see
    return f"{here} {_in_words(error, kind)}", see


def _in_words(error: Any, kind: str) -> str:
    if kind == "BadOptionUsage":
        wants = "needs a value" if "requires an argument" in error.message else "takes no value"
        return f"{error.option_name} {wants}"
    if error.message.startswith("Got unexpected extra argument"):
        extra = error.message.partition(" (")[2].rstrip(").")
        return f"does not take {extra[:_CLIPPED]!r}"
    return f"cannot be understood: {error.format_message()}"


def _no_option(error: Any, path: list[str], command: Any, see: str) -> tuple[str, str]:
    option, ctx = error.option_name, error.ctx
    behind = command is not None and ctx is not None and ctx.command_path != " ".join(path)
    if behind and any(option in parameter.opts for parameter in command.params):
        return f"{option} stands before {path[-1]!r}", f"write it after: {' '.join(path)} {option} ..."
    where = ctx.command_path if ctx is not None else " ".join(path)
    near = nearest(option, [o for parameter in ctx.command.params for o in parameter.opts]) if ctx else None
    hint = f"did you mean {near}?" if near and len(option) > 2 else see if not behind else f"see {where} --help"
    who = "there is" if where == "trademon" else f"{_short(where)} has"
    return f"{who} no option {option[:_CLIPPED]}", hint


def _no_command(ctx: Any, args: Sequence[str]) -> tuple[str, str]:
    """A word that is no command: of the program the subcommands are looked through as well, since `trademon import`
    means one of them."""
    depth = ctx.command_path.count(" ")
    words = [word for word in args if not word.startswith("-")][depth:]
    wrong, group = next(iter(words), ""), ctx.command
    names = group.list_commands(ctx)
    where = f"{_short(ctx.command_path)} has" if depth else "there is"
    message = f"{where} no command {wrong[:_CLIPPED]!r}"
    near = nearest(wrong, names)
    if near:
        return message, f"did you mean {ctx.command_path} {near}?"
    known = (f"{name} {sub}" for name in names for sub in _commands_of(ctx, name) if not depth and sub == wrong)
    meant = " or ".join(f"{ctx.command_path} {name}" for name in known)
    return message, f"did you mean {meant}?" if meant else f"{ctx.command_path} --help lists them"


def _commands_of(ctx: Any, name: str) -> Iterable[str]:
    _, command, _ = ctx.command.resolve_command(ctx, [name])
    return getattr(command, "commands", ())


def _wrong_value(error: Any, here: str, see: str) -> tuple[str, str]:
    label, found = _label(error.param), _first_error(error)
    given = str(found.get("input", ""))
    shown = f", not {given[:_CLIPPED]!r}" if found else ""
    choices = re.findall(r"'([^']*)'", error.message.partition(" is not one of ")[2])
    if choices:
        near = nearest(given, choices)
        *first, last = choices
        hint = f"did you mean {label} {near}?" if near else see
        return f"{here} {label} takes {', '.join(first)} or {last}{shown}", hint
    takes = _takes(found)
    if takes:
        return f"{here} {label} takes {takes}{shown}", see
    return f"{here} {label}: {error.message.removeprefix('Value error, ')}", see


def _takes(found: dict[str, Any]) -> str | None:
    """What pydantic would have taken, in words."""
    limits = found.get("ctx") or {}
    for key, words in (("ge", "{} or more"), ("gt", "more than {}"), ("le", "at most {}"), ("lt", "less than {}")):
        if key in limits:
            return words.format(f"{limits[key]:g}")
    return "a whole number" if str(found.get("type", "")).startswith("int_") else None


def _first_error(error: Any) -> dict[str, Any]:
    errors = getattr(error.__cause__, "errors", None)
    return next(iter(errors()), {}) if errors is not None else {}


def _label(parameter: Any) -> str:
    """An option's long name, an argument's word in the usage line."""
    if parameter.param_type_name == "argument":
        return str(parameter.make_metavar(ctx=None) if parameter.metavar is None else parameter.metavar)
    return max(parameter.opts, key=len, default=str(parameter.name))


def _as_in(command: Any) -> str | None:
    """The example of a command's help."""
    epilog = (getattr(command, "epilog", None) or "").partition("\n")[0]
    return f"as in: {epilog.removeprefix('Example: ')}" if epilog.startswith("Example: ") else None


def _short(path: str) -> str:
    """A command's path without the program's name, which stands before each line anyway."""
    return path.removeprefix("trademon ")
