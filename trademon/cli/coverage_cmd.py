"""`trademon coverage`."""

from __future__ import annotations

import typer

from trademon.cli.common import Brokers, Result, User, run
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon coverage --broker main")
@with_flags
def coverage(flags: ListFlags, broker: Brokers = None, user: User = None) -> None:
    """Which stretches of time of which symbol are proved fetched, which gaps are open, and when a gap can no longer be
    filled."""
    run("coverage", flags, lambda: _coverage(broker or [], user))


def _coverage(brokers: list[str], user: str | None) -> Result:
    from trademon.exchanges.registry import capabilities_of  # noqa: PLC0415
    from trademon.flows.coverage import coverage as flow  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        return Result(flow(stores, brokers, now=home.clock(), capabilities_of=capabilities_of))
