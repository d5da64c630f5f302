"""`trademon fills`: list them, take them in from a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trademon.cli import complete, export_opts
from trademon.cli.common import (
    Brokers,
    DryRun,
    Period,
    Result,
    Since,
    Symbols,
    Until,
    User,
    parse_period,
    refuse_options,
    refuse_two_forms,
    run,
)
from trademon.cli.flags import Flags, ListFlags, with_flags
from trademon.cli.pnl_options import View

if TYPE_CHECKING:
    from trademon.flows.fills import ReadAs

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
ON_SCREEN = 50


@app.callback(epilog="Example: trademon fills --symbol BTC/USDT --limit 20")
@with_flags
def fills(
    ctx: typer.Context,
    flags: ListFlags,
    user: User = None,
    broker: Brokers = None,
    symbol: Symbols = None,
    since: Since = None,
    until: Until = None,
    period: Period = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the newest N.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
) -> None:
    """List the stored fills, oldest first. A terminal shows the newest 50; JSON, CSV and pipes hold all of them."""
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
        return
    if limit is None and not (flags.json or flags.is_plain or csv) and sys.stdout.isatty():
        limit = ON_SCREEN
    run("fills", flags, lambda: _list(flags, user, broker or [], symbol or [], View(since, until, period), limit, csv))


def _list(
    flags: Flags,
    user: str | None,
    brokers: list[str],
    symbols: list[str],
    view: View,
    limit: int | None,
    csv: bool,
) -> Result:
    from trademon.core.reports import FillsReport  # noqa: PLC0415
    from trademon.store.reading import FillQuery  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home, resolve_symbols  # noqa: PLC0415

    view.check()
    refuse_two_forms(flags, csv=csv)
    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        start, end = view.stretch(home.clock())
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
@with_flags
def import_(
    flags: Flags,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A header line, then one fill a line.")],
    broker: Annotated[
        str,
        typer.Option(
            "--broker", metavar="NAME", help="The account they were executed in.", autocompletion=complete.brokers
        ),
    ],
    format_: Annotated[
        str, typer.Option("--format", metavar="NAME", help="auto (by the header), trademon, binance, bitget or saxo.")
    ] = "auto",
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Where a field stands; repeatable.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--tz", metavar="ZONE", help="Of times that name none, as Europe/Zurich or +08:00.")
    ] = None,
    user: User = None,
    dry_run: DryRun = False,
) -> None:
    """Take fills in from a CSV file. All rows or none; the same file again adds nothing.

    Read as they are: the trade and order histories of Binance, Bitget's spot order details and history, and Saxo's
    trades with symbol and instrument currency. An order history has orders instead of executions, mostly without fees,
    and goes into a manual broker only; the trade history of the same time is the better file.

    Our own header is executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id. The last four may be
    empty or absent. A row: 2026-01-31T10:00:00Z,BTC/USDT,buy,0.001,45000,0.045,USDT,,12. Times are UTC unless they say
    otherwise; side is buy or sell; fee is a cost when positive.

    A manual broker added with --market swap or margin holds contracts, too: BTC/USDT:USDT, which settles in its quote,
    and BTC/USD:BTC, an inverse one. A column contract_size says what one stands for, 1 where there is none.

    Any other file: --map executed_at="Trade date" --map base=Coin --map quote=Currency --map side=Action --map
    quantity=Units --map price=Price. Fields are those of our header, with base and quote for symbol, and total for
    price where total / quantity has an end.
    """
    from trademon.flows.csv_formats import parse_mapping  # noqa: PLC0415
    from trademon.flows.fills import ReadAs  # noqa: PLC0415

    def work() -> Result:
        return _import(user, broker, file, ReadAs(format_, parse_mapping(mapping or []), zone), dry_run=dry_run)

    run("fills import", flags, work)


def _import(user: str | None, broker: str, file: Path, how: ReadAs, *, dry_run: bool) -> Result:
    from trademon.flows.fills import import_fills  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home(dry_run=dry_run) as home:
        store = home.user(user)
        report = import_fills(store, store.broker(broker), file, now=home.clock(), how=how)
    return Result(report, is_data=False, dry_run=dry_run)


@app.command(epilog="Example: trademon fills export fills.csv --since 2026-01-01")
@with_flags
def export(
    flags: Flags,
    file: export_opts.FileArgument,
    format_: export_opts.FormatOption = None,
    force: export_opts.ForceOption = False,
    user: User = None,
    broker: Brokers = None,
    symbol: Symbols = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write the stored fills to a file, oldest first. `trademon fills import` reads the CSV back. Lots entered by hand
    are no fills."""
    target = export_opts.Target(file, format_, force)
    asked = export_opts.Asked(user, broker or [], symbol or [], lambda now: parse_period(since, until, now=now))
    run("fills export", flags, lambda: export_opts.export(target, asked, flags, export_opts.find_fills))
