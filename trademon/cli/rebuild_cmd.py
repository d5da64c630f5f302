"""`trademon rebuild`."""

from __future__ import annotations

import typer

from trademon.cli.common import Debug, Flags, Json, NoColor, Quiet, Result, User, Verbose, run

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon rebuild")
def rebuild(
    user: User = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """Derive lots, disposals and totals again from the stored fills. The figures come out the same to the last digit:
    this mends what something else has damaged, and proves that nothing was."""
    flags = Flags(json, quiet, verbose, debug, no_color)
    run("rebuild", flags, lambda: _rebuild(user))


def _rebuild(user: str | None) -> Result:
    from trademon.flows.rebuild import rebuild as flow  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        report = flow(home.users(user))
    return Result(report, is_data=False)
