"""The options that every command takes, written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from trademon.cli import complete

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Flags:
    """What every command can be told. Each field is an option; `with_flags` gives them to a command.

    Without slots, for two of its kinds are one (`ListFlags`).
    """

    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing on success.")] = False
    verbose: Annotated[int, typer.Option("-v", count=True, help="Say more on stderr (-vv, -vvv).")] = 0
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour and no escape codes.")] = False

    @property
    def zone(self) -> str | None:
        """What was asked for with `--tz`, where it can be."""
        return None

    @property
    def is_plain(self) -> bool:
        return False

    @property
    def may_page(self) -> bool:
        return False

    def console(self, *, stderr: bool = False) -> Console:
        from trademon.ui.console import make_console  # noqa: PLC0415 - rich only where something is drawn

        return make_console(no_color=self.no_color, stderr=stderr)


@dataclass(frozen=True)
class TimeFlags(Flags):
    """And where times are shown."""

    tz: Annotated[
        str | None,
        typer.Option(
            "--tz",
            metavar="ZONE",
            help="Show times in it: Europe/Paris, UTC, local (TRADEMON_TZ).",
            autocompletion=complete.zones,
        ),
    ] = None

    @property
    def zone(self) -> str | None:
        return self.tz


@dataclass(frozen=True)
class TableFlags(Flags):
    """And where rows are listed."""

    plain: Annotated[bool, typer.Option("--plain", help="Tab-separated lines under a header, in full.")] = False
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Do not page what is longer than the screen.")] = False

    @property
    def is_plain(self) -> bool:
        return self.plain

    @property
    def may_page(self) -> bool:
        return not self.no_pager


@dataclass(frozen=True)
class ListFlags(TableFlags, TimeFlags):
    """Both: rows with times in them."""


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Open the parameter `flags` of a command's function into the options of its class, after those of its own.

    Typer reads a command's options from the signature of what it calls: that is here the function's own without
    `flags`, followed by a parameter for each field of the class that `flags` is annotated with.
    """
    own = dict(inspect.signature(command, eval_str=True).parameters)
    kind: type[Flags] = own.pop("flags").annotation
    shared = _options(kind)

    @functools.wraps(command)
    def called(**given: Any) -> None:
        flags = kind(**{option.name: given.pop(option.name) for option in shared})
        command(flags=flags, **given)

    options = [*(option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own.values()), *shared]
    called.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined] # what inspect looks for
    called.__annotations__ = {option.name: option.annotation for option in options}
    return called


def _options(kind: type[Flags]) -> tuple[inspect.Parameter, ...]:
    hints = get_type_hints(kind, include_extras=True)
    known = {field.name: field for field in fields(kind)}
    # Those of the kind itself stand before those of all commands; one that a kind words anew stays in its place.
    names = [name for part in kind.__mro__ for name in vars(part).get("__annotations__", {})]
    names = list(dict.fromkeys(reversed(names)))[::-1]
    return tuple(
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=known[name].default, annotation=hints[name])
        for name in names
    )
