"""`trademon rebuild`."""

from __future__ import annotations

import typer

from trademon.cli.common import DryRun, Result, User, run
from trademon.cli.flags import Flags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon rebuild")
@with_flags
def rebuild(flags: Flags, user: User = None, dry_run: DryRun = False) -> None:
    """Derive lots, disposals and totals again from the stored fills. The figures come out the same to the last digit:
    this mends what something else has damaged, and proves that nothing was. With --dry-run it only says which figures
    would change; other writers wait for it."""
    run("rebuild", flags, lambda: _rebuild(user, dry_run=dry_run))


def _rebuild(user: str | None, *, dry_run: bool) -> Result:
    from trademon.flows.rebuild import rebuild as flow  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home(dry_run=dry_run) as home:
        report = flow(home.users(user))
    return Result(report, is_data=False, dry_run=dry_run)
