"""`trademon scan`."""

from __future__ import annotations

from datetime import datetime

import typer

from trademon.cli.common import Brokers, Result, Since, User, parse_moment, run
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon scan --broker main --since 7d")
@with_flags
def scan(flags: ListFlags, user: User = None, broker: Brokers = None, since: Since = None) -> None:
    """One pass: find executions not yet stored, store them, book their P&L. Doing it again adds nothing."""
    run("scan", flags, lambda: _scan(user, broker or [], since))


def _scan(user: str | None, brokers: list[str], since: str | None) -> Result:
    from trademon.cli.passes import run_pass  # noqa: PLC0415
    from trademon.flows.scan import scan as flow  # noqa: PLC0415

    def start(now: datetime) -> datetime | None:
        return None if since is None else parse_moment("--since", since, now=now)

    return run_pass("scan", user, brokers, lambda targets, ports, at: flow(targets, ports, since=at), start)
