"""`trademon key`: what secrets are sealed with."""

from __future__ import annotations

from typing import Annotated

import typer

from trademon.cli.common import Result, confirm, run
from trademon.cli.flags import Flags, TimeFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback(epilog="Example: trademon key status")
def key() -> None:
    """The keys that seal secrets."""


@app.command(epilog="Example: trademon key rotate")
@with_flags
def rotate(
    flags: Flags,
    lost: Annotated[
        bool, typer.Option("--lost", help="The key file is lost or not the right one: forget what does not open.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """A new master key and new keys under it, for all users; everything stored is sealed anew.

    It may be stopped at any moment, and while scans run. Copies of the store made before open only with the old key.
    """
    run("key rotate", flags, lambda: _rotate(lost=lost, yes=yes))


def _rotate(*, lost: bool, yes: bool) -> Result:
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        if lost and not yes:
            confirm("Forget every stored key that does not open, of all users?")
        return Result(home.store.rotate_keys(lost=lost), is_data=lost)  # what was forgotten is worth a mail


@app.command(epilog="Example: trademon key status")
@with_flags
def status(flags: TimeFlags) -> None:
    """Where the master key lies, since when it is in use, and whether it opens what is stored."""
    run("key status", flags, _status)


def _status() -> Result:
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        return Result(home.store.key_status())
