"""`trademon automation`."""

from __future__ import annotations

from typing import Annotated

import typer

from trademon.cli.common import Result, Since, User, run
from trademon.cli.flags import Flags, ListFlags, TimeFlags, with_flags
from trademon.core.reports import Status

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
Every = Annotated[int | None, typer.Option("--every", metavar="MIN", help="Minutes between rounds, 5 to 120.")]


@app.callback(epilog="Example: trademon automation start --every 30")
def automation() -> None:
    """The unattended rounds: sync every account, hold it against its balances once a day, note what happened."""


@app.command(epilog="Example: trademon automation start --every 30")
@with_flags
def start(
    flags: Flags,
    every: Every = None,
    user: User = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, for systemd or a container.")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="Only arm it; print the line for your crontab.")] = False,
) -> None:
    """Turn rounds on, and see to it that a scheduler is at work. Without --user those of every active user."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    def begin() -> Result:
        armed = work.change(user, state="active", minutes=every, cron=cron, spawn=not foreground and not cron)
        return _served(user) if foreground else armed

    run("automation start", flags, begin)


def _served(user: str | None) -> Result:
    from trademon.cli import automation_work as work  # noqa: PLC0415

    return Result(None, exit_code=work.serve(user, in_front=True), write=_nothing)


def _nothing() -> None:
    """What it did is in its log."""


@app.command(hidden=True, epilog="Example: trademon automation serve")
@with_flags
def serve(flags: Flags, user: User = None) -> None:
    """Be the scheduler; what `start` leaves running."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation serve", flags, lambda: Result(None, exit_code=work.serve(user, in_front=False), write=_nothing))


@app.command(epilog="Example: trademon automation pause --user le-baff")
@with_flags
def pause(flags: Flags, user: User = None) -> None:
    """Begin no more rounds for now; one under way ends as usual."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation pause", flags, lambda: work.change(user, state="paused"))


@app.command(epilog="Example: trademon automation resume")
@with_flags
def resume(flags: Flags, user: User = None) -> None:
    """Go on after a pause: one round for all that were missed."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation resume", flags, lambda: work.change(user, state="active", spawn=True))


@app.command(epilog="Example: trademon automation stop")
@with_flags
def stop(flags: Flags, user: User = None) -> None:
    """Turn rounds off; one under way is stopped after the write in hand. The scheduler ends when nobody's are on."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation stop", flags, lambda: work.change(user, state="stopped"))


@app.command(epilog="Example: trademon automation every 15")
@with_flags
def every(
    flags: Flags, minutes: Annotated[int, typer.Argument(metavar="MINUTES", help="5 to 120.")], user: User = None
) -> None:
    """Change the time between rounds: 5 to 120 minutes."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation every", flags, lambda: work.change(user, minutes=minutes))


@app.command("run", epilog="Example: trademon automation run --force --user le-baff")
@with_flags
def run_(
    flags: TimeFlags,
    force: Annotated[bool, typer.Option("--force", help="Also where none is due, or rounds are off.")] = False,
    user: User = None,
) -> None:
    """Do the rounds that are due: what cron calls."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation run", flags, lambda: work.run_due(user, force=force))


@app.command(epilog="Example: trademon automation status --json")
@with_flags
def status(flags: ListFlags, user: User = None) -> None:
    """What is on, how the last round went, and the next."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation status", flags, lambda: work.show_status(user))


@app.command(epilog="Example: trademon automation logs --outcome failed --since 7d")
@with_flags
def logs(
    flags: ListFlags,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="The newest N.")] = 20,
    since: Since = None,
    outcome: Annotated[Status | None, typer.Option("--outcome", help="Only success, partial or failed.")] = None,
    user: User = None,
) -> None:
    """What the rounds did, part by part."""
    from trademon.cli import automation_work as work  # noqa: PLC0415

    run("automation logs", flags, lambda: work.show_rounds(user, since=since, limit=limit, outcome=outcome))
