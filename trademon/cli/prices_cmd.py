"""`trademon prices`: dated prices, listed and fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trademon.cli.common import (
    Brokers,
    Result,
    Since,
    Until,
    User,
    parse_currency,
    parse_period,
    refuse_options,
    run,
    run_async,
)
from trademon.cli.flags import ListFlags, TimeFlags, with_flags

if TYPE_CHECKING:
    from trademon.wiring import Home

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
In = Annotated[
    str | None, typer.Option("--in", metavar="CUR", help="The currency; by default the user's reporting currency.")
]


@app.callback(epilog="Example: trademon prices fetch --in EUR --since 30d")
@with_flags
def prices(ctx: typer.Context, flags: ListFlags) -> None:
    """The dated prices that are kept: for fees in other coins, and for P&L in one currency. Alone it lists them."""
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
    else:
        run("prices", flags, _list)


@app.command("list", epilog="Example: trademon prices list --json")
@with_flags
def list_(flags: ListFlags) -> None:
    """How many prices are kept of each market, and from when to when."""
    run("prices list", flags, _list)


def _list() -> Result:
    from trademon.flows.fetch_prices import prices_known  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    with open_home() as home:
        return Result(prices_known(home.users(None)))


@app.command(epilog="Example: trademon prices fetch --in EUR --broker main")
@with_flags
def fetch(
    flags: TimeFlags,
    currency: In = None,
    broker: Brokers = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Read the prices that P&L in one currency needs. Those for the stored fills that `pnl --in CUR` and `pnl --book
    coin --in CUR` lack; doing it again asks for nothing."""
    run("prices fetch", flags, lambda: _fetch(currency, broker or [], user, since, until))


def _fetch(currency: str | None, brokers: list[str], user: str | None, since: str | None, until: str | None) -> Result:
    from trademon.flows import fetch_prices as flow  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home  # noqa: PLC0415

    named = None if currency is None else parse_currency("--in", currency)

    async def work(home: Home) -> Result:
        stores = home.users(user)
        check_brokers(stores, brokers)
        start, end = parse_period(since, until, now=home.clock())
        query = flow.PriceQuery(tuple(brokers), start, end)
        currencies = home.currencies(stores) if named is None else [named] * len(stores)
        async with home.network() as ports:
            report = await flow.fetch(stores, ports, query, currencies)
        return Result(report, report.problems, report.status, report.exit_code)

    with open_home() as home:
        return run_async(lambda: work(home))
