"""`trademon user`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from trademon.cli.common import Debug, Flags, Json, MethodOption, NoColor, Quiet, Result, Verbose, run
from trademon.core.model import Method

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
_NAME = re.compile(r"[\w.@-]{1,60}")


@app.callback()
def user() -> None:
    """The people whose accounts they are."""


@app.command("list")
def list_(
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """List the users."""
    flags = Flags(json, quiet, verbose, debug, no_color)
    run("user list", flags, _list)


def _list() -> Result:
    from trademon.core.reports import UsersReport  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        return Result(UsersReport(home.store.users()))


@app.command(epilog="Example: trademon user add le-baff --method average --currency EUR")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    method: MethodOption = None,
    currency: Annotated[str | None, typer.Option("--currency", metavar="C", help="Their reporting currency.")] = None,
    telegram_chat: Annotated[str | None, typer.Option("--telegram-chat", metavar="ID")] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """Add a user."""
    flags = Flags(json, quiet, verbose, debug, no_color)
    run("user add", flags, lambda: _add(name, method, currency, telegram_chat))


def _add(name: str, method: Method | None, currency: str | None, telegram_chat: str | None) -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.errors import UsageError  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:60]!r} is no user name", hint="letters, digits and . _ - @")
    with open_home() as home:
        home.store.add_user(
            name, method=method, currency=currency.upper() if currency else None, telegram_chat=telegram_chat
        )
    return Result(
        Done(f"added user {name}", f"trademon broker add NAME --exchange binance --user {name}"), is_data=False
    )
