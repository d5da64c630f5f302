"""`trademon scan`."""

from __future__ import annotations

import sys
from dataclasses import replace

import typer

from trademon.cli.common import (
    TIME_HINT,
    Brokers,
    Debug,
    Flags,
    Json,
    NoColor,
    Quiet,
    Result,
    Since,
    User,
    Verbose,
    run,
    run_async,
)

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon scan --broker main --since 7d")
def scan(
    user: User = None,
    broker: Brokers = None,
    since: Since = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """One pass: find executions not yet stored, store them, book their P&L. Doing it again adds nothing."""
    flags = Flags(json, quiet, verbose, debug, no_color)
    run("scan", flags, lambda: _scan(user, broker or [], since))


def _scan(user: str | None, brokers: list[str], since: str | None) -> Result:
    from trademon.core.times import parse_begin  # noqa: PLC0415
    from trademon.errors import DataError, UsageError  # noqa: PLC0415
    from trademon.exchanges.registry import only_manual  # noqa: PLC0415
    from trademon.flows import scan as flow  # noqa: PLC0415
    from trademon.wiring import Home, open_home, pick_targets  # noqa: PLC0415

    async def work(home: Home) -> Result:
        try:
            start = None if since is None else parse_begin(since, now=home.clock())
        except DataError as error:
            raise UsageError(f"--since: {error.message}", hint=TIME_HINT) from None
        stores = home.users(user)
        targets = pick_targets(stores, brokers)
        manual = only_manual(broker for store in stores for broker in store.brokers())
        if (
            not targets and not manual
        ):  # said in cron too: a schedule that watches nothing is not what its owner thinks it is
            add = "trademon broker add NAME --exchange binance"
            sys.stderr.write(f"trademon: there is no broker to scan in {home.store.place} ({add})\n")
        async with home.network() as ports:
            report = replace(await flow.scan(targets, ports, since=start), manual=manual)
        return Result(report, report.problems, report.status, report.exit_code, is_data=False)

    with open_home() as home:
        return run_async(lambda: work(home))
