"""`trademon lots`: what is open, and lots entered by hand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trademon.cli import complete, export_opts
from trademon.cli.common import (
    Brokers,
    MethodOption,
    Result,
    Since,
    Symbols,
    Until,
    User,
    parse_id,
    parse_period,
    refuse_options,
    refuse_two_forms,
    run,
)
from trademon.cli.flags import Flags, ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)


@app.callback(epilog="Example: trademon lots --symbol BTC/USDT --method lifo")
@with_flags
def lots(
    ctx: typer.Context,
    flags: ListFlags,
    method: MethodOption = None,
    symbol: Symbols = None,
    broker: Brokers = None,
    user: User = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
) -> None:
    """List the open lots, oldest first in each book. `cost` is without the fees that a lot carries."""
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
        return
    run("lots", flags, lambda: _list(flags, method, symbol or [], broker or [], user, csv))


def _list(
    flags: Flags, method: MethodOption, symbols: list[str], brokers: list[str], user: str | None, csv: bool
) -> Result:
    from trademon.flows import lots as flow  # noqa: PLC0415
    from trademon.flows.pnl import PnlQuery  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home, resolve_symbols  # noqa: PLC0415

    refuse_two_forms(flags, csv=csv)
    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        report = flow.lots(stores, PnlQuery(method, resolve_symbols(stores, symbols), tuple(brokers)))
    if not csv:
        return Result(report)
    from trademon.ui.lot_tables import lots_csv  # noqa: PLC0415

    return Result(report, write=lambda: lots_csv(report, sys.stdout))


@app.command(
    "open",
    epilog="Example: trademon lots open --broker main --symbol BTC/USDT --quantity 0.5 --price 20000 --at 2023-05-01",
)
@with_flags
def open_(
    flags: Flags,
    broker: Annotated[
        str, typer.Option("--broker", metavar="NAME", help="The account it lies in.", autocompletion=complete.brokers)
    ],
    symbol: Annotated[
        str, typer.Option("--symbol", metavar="S", help="BTC/USDT or BTCUSDT.", autocompletion=complete.symbols)
    ],
    quantity: Annotated[str, typer.Option("--quantity", metavar="Q", help="Base units; of a contract, contracts.")],
    price: Annotated[str, typer.Option("--price", metavar="P", help="Quote per base unit; 0 for a gift.")],
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="T",
            help="When it was bought, as --since of trademon pnl takes it: 2023-05-01, 2025, 7d, an ISO time.",
        ),
    ],
    fee: Annotated[str, typer.Option("--fee", metavar="F", help="Fee paid, in quote.")] = "0",
    user: User = None,
) -> None:
    """Enter a lot that was bought before the known history begins. What was sold from it is booked again with its
    cost; `trademon lots remove` undoes that."""
    run("lots open", flags, lambda: _open(user, broker, symbol, quantity, price, fee, at))


def _open(user: str | None, broker: str, symbol: str, quantity: str, price: str, fee: str, at: str) -> Result:
    from trademon.cli.common import parse_amount, parse_moment  # noqa: PLC0415
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.flows.lots import open_lot  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    entered = {
        "quantity": parse_amount("--quantity", quantity),
        "price": parse_amount("--price", price),
        "fee": parse_amount("--fee", fee),
    }
    with open_home() as home:
        store, now = home.user(user), home.clock()
        lot = open_lot(store, store.broker(broker), symbol, **entered, at=parse_moment("--at", at, now=now), now=now)
    return Result(
        Done(f"entered lot {lot} at {broker}", f"trademon lots remove {lot} undoes it", str(lot)), is_data=False
    )


@app.command(epilog="Example: trademon lots remove 17")
@with_flags
def remove(
    flags: Flags,
    lot: Annotated[str, typer.Argument(metavar="ID", help="As `trademon lots` shows it.")],
    user: User = None,
) -> None:
    """Take an entered lot out again. Lots that executions opened cannot be removed."""
    run("lots remove", flags, lambda: _remove(user, lot))


def _remove(user: str | None, text: str) -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.flows.lots import remove_lot  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    lot = parse_id("ID", text, "trademon lots shows it")
    with open_home() as home:
        symbol = remove_lot(home.user(user), lot)
    return Result(Done(f"removed entered lot {lot} of {symbol}"), is_data=False)


@app.command(epilog="Example: trademon lots export lots.csv --until 2026-01-01")
@with_flags
def export(
    flags: Flags,
    file: export_opts.FileArgument,
    format_: export_opts.FormatOption = None,
    force: export_opts.ForceOption = False,
    method: MethodOption = None,
    symbol: Symbols = None,
    broker: Brokers = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write the open lots to a file. They stand oldest first in each book, as they were at --until, those opened from
    --since on. `cost` is without the fees that a lot carries."""
    target = export_opts.Target(file, format_, force)
    asked = export_opts.Asked(user, broker or [], symbol or [], lambda now: parse_period(since, until, now=now), method)
    run("lots export", flags, lambda: export_opts.export(target, asked, flags, export_opts.find_lots))
