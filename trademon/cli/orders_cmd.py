"""`trademon orders`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from trademon.cli.common import Brokers, Result, Symbols, User, run
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)
ON_SCREEN = 50


@app.command(epilog="Example: trademon orders --open")
@with_flags
def orders(
    flags: ListFlags,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that wait at the exchange.")] = False,
    broker: Brokers = None,
    symbol: Symbols = None,
    user: User = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the newest N.")] = None,
) -> None:
    """Orders, oldest first: those that were open when last seen, and every other one that a stored execution names,
    with what it filled, at which average price and for which fees. A terminal shows the newest 50.

    An order that never filled is known only while it is open.
    """
    if limit is None and not (flags.json or flags.is_plain) and sys.stdout.isatty():
        limit = ON_SCREEN
    run("orders", flags, lambda: _orders(broker or [], symbol or [], user, limit, only_open=only_open))


def _orders(brokers: list[str], symbols: list[str], user: str | None, limit: int | None, *, only_open: bool) -> Result:
    from trademon.flows import orders as flow  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home, resolve_symbols  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        wanted = resolve_symbols(stores, symbols)
        report = flow.orders(stores, brokers, now=home.clock(), symbols=wanted, only_open=only_open, limit=limit)
    return Result(report)
