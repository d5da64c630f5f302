"""`trademon rebuild`."""

from __future__ import annotations

import typer

from trademon.cli.common import Result, User, run
from trademon.cli.flags import Flags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon rebuild")
@with_flags
def rebuild(flags: Flags, user: User = None) -> None:
    """Derive lots, disposals and totals again from the stored fills. The figures come out the same to the last digit:
    this mends what something else has damaged, and proves that nothing was."""
    run("rebuild", flags, lambda: _rebuild(user))


def _rebuild(user: str | None) -> Result:
    from trademon.flows.rebuild import rebuild as flow  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        report = flow(home.users(user))
    return Result(report, is_data=False)
