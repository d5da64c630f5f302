"""`trademon fills`: list them, take them in from a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trademon.cli.common import (
    Brokers,
    Debug,
    Flags,
    Json,
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

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
ON_SCREEN = 50


@app.callback(epilog="Example: trademon fills --symbol BTC/USDT --limit 20")
def fills(
    ctx: typer.Context,
    user: User = None,
    broker: Brokers = None,
    symbol: Symbols = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the newest N.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """List the stored fills, oldest first. A terminal shows the newest 50; JSON, CSV and pipes hold all of them."""
    if ctx.invoked_subcommand is not None:
        return
    flags = Flags(json, quiet, verbose, debug, no_color)
    if limit is None and not (json or csv) and sys.stdout.isatty():
        limit = ON_SCREEN
    run("fills", flags, lambda: _list(user, broker or [], symbol or [], since, until, limit, csv))


def _list(
    user: str | None,
    brokers: list[str],
    symbols: list[str],
    since: str | None,
    until: str | None,
    limit: int | None,
    csv: bool,
) -> Result:
    from trademon.core.reports import FillsReport  # noqa: PLC0415
    from trademon.store.reading import FillQuery  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home, resolve_symbols  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        start, end = parse_period(since, until, now=home.clock())
        query = FillQuery(tuple(brokers), resolve_symbols(stores, symbols), start, end, limit)
        found = [store.fills(query) for store in stores]
    rows = sorted((row for report in found for row in report.fills), key=lambda row: row.executed_at)
    newest = rows if limit is None else rows[-limit:]
    report = FillsReport(tuple(newest), sum(r.total for r in found), sum(r.stored for r in found))
    if not csv:
        return Result(report)
    from trademon.ui.csv_out import fills_csv  # noqa: PLC0415

    return Result(report, write=lambda: fills_csv(report, sys.stdout))


@app.command("import", epilog="Example: trademon fills import trades.csv --broker old-account")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A header line, then one fill a line.")],
    broker: Annotated[str, typer.Option("--broker", metavar="NAME", help="The account they were executed in.")],
    user: User = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    no_color: NoColor = False,
) -> None:
    """Take fills in from a CSV file. All rows or none; the same file again adds nothing.

    The first line names the columns: executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id. The
    last four may be empty or absent. A row: 2026-01-31T10:00:00Z,BTC/USDT,buy,0.001,45000,0.045,USDT,,12. Times are UTC
    unless they say otherwise; side is buy or sell; fee is a cost when positive.
    """
    flags = Flags(json, quiet, verbose, debug, no_color)
    run("fills import", flags, lambda: _import(user, broker, file))


def _import(user: str | None, broker: str, file: Path) -> Result:
    from trademon.flows.fills import import_fills  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        store = home.user(user)
        report = import_fills(store, store.broker(broker), file, now=home.clock())
    return Result(report, is_data=False)
