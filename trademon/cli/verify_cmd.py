"""`trademon verify`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from trademon.cli.common import Brokers, Result, User, run, run_async
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon verify --broker main")
@with_flags
def verify(
    flags: ListFlags,
    broker: Brokers = None,
    user: User = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take over what still differs: you know why, and it is not stored.")
    ] = False,
) -> None:
    """Replay what is stored since the balances last agreed, and hold it against the live balances.

    It scans first. The first time it records the balances; from then on every coin is compared to the last digit, and
    one that differs is shown with the likeliest cause, after the time in which that began was read again. Exit code 3
    where any coin differs, 0 where all agree. A difference stays one until its cause is stored, or you --accept it.
    """
    run("verify", flags, lambda: _verify(broker or [], user, accept=accept))


def _verify(brokers: list[str], user: str | None, *, accept: bool) -> Result:
    from trademon.cli.passes import disabled_of, tell_nothing  # noqa: PLC0415
    from trademon.flows import verify as flow  # noqa: PLC0415
    from trademon.wiring import Home, open_home, pick_targets  # noqa: PLC0415

    async def work(home: Home) -> Result:
        stores = home.users(user)
        targets = pick_targets(stores, brokers, with_manual=True)
        disabled = () if targets else disabled_of(stores)
        if not targets:
            tell_nothing("verify", home, disabled)
        async with home.network() as ports:
            report = replace(await flow.verify(targets, ports, accept=accept), disabled=disabled)
        # Silent in cron while all agree; what differs is printed in a pipe, too, with its cause.
        is_data = bool(report.problems) or accept
        return Result(report, report.problems, report.status, report.exit_code, is_data=is_data, is_told=True)

    with open_home() as home:
        return run_async(lambda: work(home))
