"""`trademon init`."""

from __future__ import annotations

import typer

from trademon.cli.broker_cmd import BaseUrl
from trademon.cli.common import User, run
from trademon.cli.flags import Flags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon init")
@with_flags
def init(flags: Flags, user: User = None, base_url: BaseUrl = None) -> None:
    """Set up the first account, question by question: where the store lies, a key that can only read, a first look.

    Nothing is written before you agree, and nothing needs this: every command makes the store by itself. It asks, so it
    wants a terminal; a script says it all to trademon broker add.
    """
    from trademon.cli.init_work import set_up  # noqa: PLC0415

    run("init", flags, lambda: set_up(user, base_url))
