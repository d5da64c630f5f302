"""`trademon coverage`."""

from __future__ import annotations

import typer

from trademon.cli.common import Brokers, Debug, Flags, Json, NoColor, Quiet, Result, User, Verbose, run

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon coverage --broker main")
def coverage(
    broker: Brokers = None,
    user: User = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """Which stretches of time of which symbol are proved fetched, which gaps are open, and when a gap can no longer be
    filled."""
    flags = Flags(json, quiet, verbose, debug, no_color)
    run("coverage", flags, lambda: _coverage(broker or [], user))


def _coverage(brokers: list[str], user: str | None) -> Result:
    from trademon.exchanges.registry import capabilities_of  # noqa: PLC0415
    from trademon.flows.coverage import coverage as flow  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        return Result(flow(stores, brokers, now=home.clock(), capabilities_of=capabilities_of))
