"""`trademon sync`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trademon.cli.common import Brokers, Result, User, run
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon sync --full")
@with_flags
def sync(
    flags: ListFlags,
    user: User = None,
    broker: Brokers = None,
    full: Annotated[
        bool, typer.Option("--full", help="From as far back as the exchange tells, and from then on.")
    ] = False,
) -> None:
    """Bring everything up to date: balances, positions, open orders, executions, deposits and withdrawals.

    Like scan, it adds nothing twice and is silent in cron when all is well. The first time, and with --full, it says
    how far back the history is complete; --full may wait for a minute's budget of questions more than once.
    """
    run("sync", flags, lambda: _sync(user, broker or [], full=full, quiet=flags.quiet))


def _sync(user: str | None, brokers: list[str], *, full: bool, quiet: bool) -> Result:
    from trademon.cli.passes import run_pass  # noqa: PLC0415
    from trademon.exchanges.registry import capabilities_of  # noqa: PLC0415
    from trademon.flows.sync import sync as flow  # noqa: PLC0415

    def tell(text: str) -> None:
        if sys.stderr.isatty() and not quiet:  # to a person who waits, not to cron
            sys.stderr.write(f"trademon: {text}\n")

    return run_pass(
        "sync",
        user,
        brokers,
        lambda targets, ports, _: flow(targets, ports, capabilities_of=capabilities_of, full=full, tell=tell),
    )
