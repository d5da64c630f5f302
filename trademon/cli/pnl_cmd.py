"""`trademon pnl`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trademon.cli.common import (
    Brokers,
    Debug,
    Flags,
    Json,
    MethodOption,
    NoColor,
    Quiet,
    Result,
    Since,
    Symbols,
    Until,
    User,
    Verbose,
    parse_period,
    run,
)

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon pnl --method fifo --symbol BTCUSDT")
def pnl(
    method: MethodOption = None,
    symbol: Symbols = None,
    broker: Brokers = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """Realised P&L of the stored fills. --since and --until select what was closed; all earlier fills still count as
    its cost."""
    flags = Flags(json, quiet, verbose, debug, no_color)
    run("pnl", flags, lambda: _pnl(method, symbol or [], broker or [], user, since, until, csv))


def _pnl(
    method: MethodOption,
    symbols: list[str],
    brokers: list[str],
    user: str | None,
    since: str | None,
    until: str | None,
    csv: bool,
) -> Result:
    from trademon.flows import pnl as flow  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home, resolve_symbols  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        start, end = parse_period(since, until, now=home.clock())
        query = flow.PnlQuery(method, resolve_symbols(stores, symbols), tuple(brokers), start, end)
        report = flow.pnl(stores, query)
    if not csv:
        return Result(report)
    from trademon.ui.csv_out import pnl_csv  # noqa: PLC0415

    return Result(report, write=lambda: pnl_csv(report, sys.stdout))
