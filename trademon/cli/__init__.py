"""The command line: one file a command, imported when it is called.

`trademon --help` must not pay for the store, ccxt or the screen, so the commands' names and one-line helps stand here
and everything else in their files. A test holds the two together.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from trademon import __version__

COMMANDS: Final[dict[str, str]] = {
    "init": "Set up the first account, question by question.",
    "watch": "Scan every few seconds, live on the screen (try --demo).",
    "scan": "One pass: find new executions, store them, book them.",
    "sync": "Balances, positions, orders, executions, transfers: all up to date.",
    "pnl": "Realised P&L by fifo, lifo, hifo or average cost.",
    "fills": "List the stored fills; import some from a CSV file.",
    "lots": "Open lots; enter one that a missing history opened.",
    "positions": "What is held and open, what it cost, what it would bring now.",
    "balances": "What each account held when it was last seen.",
    "orders": "Open orders, and what each order filled.",
    "transfers": "Deposits and withdrawals, and which are between your own accounts.",
    "coverage": "What is proved fetched, what is missing, until when it can be had.",
    "automation": "The unattended rounds: start, pause, status, logs.",
    "verify": "Hold stored history against the live balances; why they differ.",
    "doctor": "Examine the store, this machine and every broker.",
    "prices": "Dated prices, for P&L in one currency: list, fetch.",
    "cash": "Funding and interest beside the trades; import some from a CSV file.",
    "strategy": "Strategies, on paper until you arm one: add, run, arm.",
    "halt": "Stop every order of every strategy, at once.",
    "rebuild": "Derive all P&L again from the stored fills.",
    "db": "The store: its state, whole copies of it, bring one back.",
    "paths": "Where the store, the key file, logs and settings lie.",
    "config": "The settings that hold, and where each comes from.",
    "broker": "The accounts: add, set, list, test, login, enable, remove.",
    "key": "The keys that seal secrets: rotate, status.",
    "notify": "Messages: who is told what, what waits, send it now, a test.",
    "user": "The people whose accounts they are: add, list, set, enable, remove.",
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when one of them is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in with the one-line help: what listing the commands needs."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The real command, imported now."""
        if args and args[0] in COMMANDS:
            command = _loaded(args[0])
            for each in (command, *getattr(command, "commands", {}).values()):
                each.epilog = unwrapped(each.epilog)
            return args[0], command, args[1:]
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}  # for "did you mean"
        return super().resolve_command(ctx, args)


def unwrapped(epilog: str | None) -> str | None:
    """An example is there to be copied: it stays one line, however narrow the terminal is."""
    return None if epilog is None else "\n\n".join(f"\b\n{part}" for part in epilog.split("\n\n"))


def _loaded(name: str) -> Any:
    """The real command of that name, imported now."""
    command = get_command(importlib.import_module(f"trademon.cli.{name}_cmd").app)
    command.name = name
    return command


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"trademon {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: trademon watch --demo\n\nEach command has its own help: trademon scan -h",
)


@app.callback()
def trademon(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Watches trading accounts, stores each execution exactly once, books profit and loss exactly."""


def main(args: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Usage errors are one line, or a JSON document with `--json`."""
    from typer._click.exceptions import ClickException  # noqa: PLC0415 - typer has no other name for it

    try:
        if args and args[0] in ("--install-completion", "--show-completion"):
            from trademon.cli.shells import set_up_shell  # noqa: PLC0415

            return set_up_shell(args)
        command = get_command(app)
        if "_TRADEMON_COMPLETE" in os.environ:
            from trademon.cli.shells import offer_a_line_each  # noqa: PLC0415

            offer_a_line_each()
        code = command.main(list(args), prog_name="trademon", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        sys.stderr.write("trademon: stopped\n")
        return 130
    except ClickException as error:
        from trademon.cli.usage import tell_usage_error  # noqa: PLC0415

        return tell_usage_error(error, args, *_called(args))


def _called(args: Sequence[str]) -> tuple[list[str], Any]:
    """The command that was meant, as its words and itself: also where an option is in its way."""
    path, command = ["trademon"], None
    for word in args:
        known = COMMANDS if command is None else getattr(command, "commands", {})
        if word in known:
            command = _loaded(word) if command is None else known[word]
            path.append(word)
    return path, command
