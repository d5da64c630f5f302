"""`trademon pnl`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from trademon.cli import export_opts, pnl_opened
from trademon.cli.common import (
    Brokers,
    MethodOption,
    Period,
    Result,
    Since,
    Symbols,
    Until,
    User,
    refuse_options,
    refuse_two_forms,
    run,
    run_async,
)
from trademon.cli.flags import Flags, ListFlags, with_flags
from trademon.cli.pnl_options import (
    Book,
    BookOption,
    ByOption,
    ChartOption,
    InOption,
    StatsOption,
    UnrealizedOption,
    View,
)
from trademon.errors import UsageError

if TYPE_CHECKING:
    from trademon.core.pnl_reports import PnlReport
    from trademon.store.store import UserStore
    from trademon.wiring import Home

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)
app.command(epilog="Example: trademon pnl explain 17")(pnl_opened.explain)
app.command(epilog="Example: trademon pnl compare --symbol BTC/USDT")(pnl_opened.compare)
app.command("export", epilog="Example: trademon pnl export tax-2026.csv --period 2026")(export_opts.pnl_export)
app.command("what-if", epilog="Example: trademon pnl what-if --sell 0.5 --symbol BTC/USDT")(pnl_opened.what_if)


@app.callback(epilog="Example: trademon pnl --method fifo --symbol BTCUSDT")
@with_flags
def pnl(
    ctx: typer.Context,
    flags: ListFlags,
    method: MethodOption = None,
    symbol: Symbols = None,
    broker: Brokers = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
    period: Period = None,
    by: ByOption = None,
    book: BookOption = Book.SYMBOL,
    currency: InOption = None,
    stats: StatsOption = False,
    unrealized: UnrealizedOption = False,
    chart: ChartOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
) -> None:
    """Realised P&L of the stored fills. --since and --until select what was closed; all earlier fills still count as
    its cost."""
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
        return
    view = View(since, until, period, by, book, currency, stats, unrealized, chart)
    run("pnl", flags, lambda: _pnl(flags, method, symbol or [], broker or [], user, view, csv))


def _pnl(
    flags: Flags, method: MethodOption, symbols: list[str], brokers: list[str], user: str | None, view: View, csv: bool
) -> Result:
    from trademon.wiring import open_home  # noqa: PLC0415

    view.check()
    refuse_two_forms(flags, csv=csv)
    with open_home() as home:
        report = _report(home, method, symbols, brokers, user, view)
    if not csv:
        return Result(report, report.problems, report.status, report.exit_code)
    from trademon.ui.csv_out import pnl_csv  # noqa: PLC0415

    write = partial(pnl_csv, report, sys.stdout)
    return Result(report, report.problems, report.status, report.exit_code, write=write)


def _report(
    home: Home, method: MethodOption, symbols: list[str], brokers: list[str], user: str | None, view: View
) -> PnlReport:
    from trademon.flows.pnl import pnl as flow  # noqa: PLC0415
    from trademon.wiring import check_brokers, resolve_symbols  # noqa: PLC0415

    stores = home.users(user)
    check_brokers(stores, brokers)
    if view.book is Book.COIN and view.currency is None:
        view = replace(view, currency=_one_currency(home, stores))
    query = view.query(method, resolve_symbols(stores, symbols), tuple(brokers), home.clock())
    if not view.unrealized:
        return flow(stores, query)

    async def ask() -> PnlReport:
        from trademon.flows.pnl_marks import pnl_at_last_prices  # noqa: PLC0415

        async with home.network() as ports:
            return await pnl_at_last_prices(stores, query, ports)

    return run_async(ask)


def _one_currency(home: Home, stores: Sequence[UserStore]) -> str:
    """The reporting currency of all these users: a book of coins is in one. Raises UsageError where there is none."""
    try:
        found = set(home.currencies(stores))
    except UsageError as error:
        raise UsageError(f"--book coin needs --in CUR: {error.message}", hint=error.hint) from None
    if len(found) != 1:
        raise UsageError("--book coin needs --in CUR", hint="its figures are in one currency: --in USDT")
    return found.pop()
