"""`trademon cash`: money that came or went without a trade, listed and taken in from a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trademon.cli import complete
from trademon.cli.common import (
    Brokers,
    DryRun,
    Result,
    Since,
    Until,
    User,
    parse_period,
    refuse_options,
    refuse_two_forms,
    run,
)
from trademon.cli.flags import Flags, ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)


@app.callback(epilog="Example: trademon cash --broker perps --since 30d")
@with_flags
def cash(
    ctx: typer.Context,
    flags: ListFlags,
    user: User = None,
    broker: Brokers = None,
    since: Since = None,
    until: Until = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
) -> None:
    """List funding, interest and the like, oldest first, with totals per broker, kind and currency. Received is above
    zero, paid below it; none of it is in the figures of trademon pnl."""
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
        return
    run("cash", flags, lambda: _list(flags, user, broker or [], since, until, csv))


def _list(
    flags: Flags, user: str | None, brokers: list[str], since: str | None, until: str | None, csv: bool
) -> Result:
    from trademon.flows import cash as flow  # noqa: PLC0415
    from trademon.store.user_cash import CashQuery  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home  # noqa: PLC0415

    refuse_two_forms(flags, csv=csv)
    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        start, end = parse_period(since, until, now=home.clock())
        report = flow.cash(stores, CashQuery(tuple(brokers), start, end))
    if not csv:
        return Result(report)
    from trademon.ui.cash_tables import cash_csv  # noqa: PLC0415

    return Result(report, write=lambda: cash_csv(report, sys.stdout))


@app.command("import", epilog="Example: trademon cash import funding.csv --broker perps")
@with_flags
def import_(
    flags: Flags,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A header line, then one line of cash a line.")],
    broker: Annotated[
        str,
        typer.Option(
            "--broker", metavar="NAME", help="The account it came into or left.", autocompletion=complete.brokers
        ),
    ],
    user: User = None,
    dry_run: DryRun = False,
) -> None:
    """Take cash lines in from a CSV file. All rows or none; the same file again adds nothing.

    The header is at,kind,currency,amount,symbol,id. The last two may be empty or absent. A row:
    2026-01-31T08:00:00Z,funding,USDT,-0.42,BTC/USDT:USDT,. Kinds are funding, interest, fee, rebate, dividend and
    other; times are UTC unless they say otherwise; an amount is above zero when received, below it when paid.
    """
    run("cash import", flags, lambda: _import(user, broker, file, dry_run=dry_run))


def _import(user: str | None, broker: str, file: Path, *, dry_run: bool) -> Result:
    from trademon.flows.cash_import import import_cash  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home(dry_run=dry_run) as home:
        store = home.user(user)
        report = import_cash(store, store.broker(broker), file, now=home.clock())
    return Result(report, is_data=False, dry_run=dry_run)
