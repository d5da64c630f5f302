"""`trademon user`."""

from __future__ import annotations

from typing import Annotated

import typer

from trademon.cli import complete
from trademon.cli.common import DryRun, MethodOption, Result, User, run
from trademon.cli.flags import Flags, ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.", autocompletion=complete.users)]
Currency = Annotated[
    str | None,
    typer.Option("--currency", metavar="C", help="Their reporting currency, for prices fetch and pnl --book coin."),
]
Chat = Annotated[
    str | None,
    typer.Option("--telegram-chat", metavar="ID", help="Where their messages go: a chat's number or @name."),
]
Language = Annotated[
    str | None, typer.Option("--language", metavar="L", help="The language of messages to them: en or fr.")
]


@app.callback(epilog="Example: trademon user add le-baff --method average --currency EUR")
def user() -> None:
    """The people whose accounts they are."""


@app.command("list", epilog="Example: trademon user list")
@with_flags
def list_(flags: ListFlags, user: User = None) -> None:
    """List the users."""
    run("user list", flags, lambda: _list(user))


def _list(user: str | None) -> Result:
    from trademon.core.reports import UsersReport  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        pinned = home.pinned(user)
        return Result(UsersReport(home.store.users(pinned)))


@app.command(epilog="Example: trademon user add le-baff --method average --currency EUR")
@with_flags
def add(
    flags: Flags,
    name: Name,
    method: MethodOption = None,
    currency: Currency = None,
    telegram_chat: Chat = None,
    language: Language = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="Bring back one who was removed, with all that is stored of them.")
    ] = False,
) -> None:
    """Add a user."""
    from trademon.cli.user_work import Choices, add_user  # noqa: PLC0415

    choices = Choices(method, currency, telegram_chat, language)
    run("user add", flags, lambda: add_user(name, choices, restore=restore))


@app.command("set", epilog="Example: trademon user set le-baff --currency EUR --language fr")
@with_flags
def set_(
    flags: Flags,
    name: Name,
    method: MethodOption = None,
    currency: Currency = None,
    telegram_chat: Chat = None,
    language: Language = None,
) -> None:
    """Change a user. Another method books all their accounts again that name none of their own; '' takes a currency, a
    chat or a language back."""
    from trademon.cli.user_work import Choices, set_user  # noqa: PLC0415

    choices = Choices(method, currency, telegram_chat, language)
    run("user set", flags, lambda: set_user(name, choices))


@app.command(epilog="Example: trademon user enable le-baff")
@with_flags
def enable(flags: Flags, name: Name) -> None:
    """Work for a user again where no user is named."""
    from trademon.cli.user_work import switch_user  # noqa: PLC0415

    run("user enable", flags, lambda: switch_user(name, on=True))


@app.command(epilog="Example: trademon user disable le-baff")
@with_flags
def disable(flags: Flags, name: Name) -> None:
    """Leave a user alone unless a command names them; keys and all that is stored stay."""
    from trademon.cli.user_work import switch_user  # noqa: PLC0415

    run("user disable", flags, lambda: switch_user(name, on=False))


@app.command(epilog="Example: trademon user remove le-baff")
@with_flags
def remove(
    flags: Flags,
    name: Name,
    with_fills: Annotated[
        bool, typer.Option("--with-fills", help="Delete all that is stored of them, too, for good.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Forget a user: their keys and brokers at once. Their fills stay, hidden, for `user add NAME --restore`, unless
    you say --with-fills: also later, when they are already removed."""
    from trademon.cli.user_work import remove_user  # noqa: PLC0415

    run("user remove", flags, lambda: remove_user(name, yes=yes, with_fills=with_fills, dry_run=dry_run))
