"""`trademon pnl explain`, `compare`, `what-if`: a figure opened, and methods held against each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from trademon.cli import complete
from trademon.cli.common import (
    Brokers,
    MethodOption,
    Period,
    Result,
    Since,
    Symbols,
    Until,
    User,
    parse_amount,
    parse_id,
    run,
    run_async,
)
from trademon.cli.flags import ListFlags, TableFlags, with_flags
from trademon.cli.pnl_options import View


@with_flags
def explain(
    flags: ListFlags,
    fill: Annotated[str, typer.Argument(metavar="FILL_ID", help="As `trademon fills` shows it.")],
    method: MethodOption = None,
    user: User = None,
) -> None:
    """Open the figure of one fill: lots, costs, fees.

    The lots it closed, what each cost, every fee with its rate and where that is from.
    """
    run("pnl explain", flags, lambda: _explain(fill, method, user))


def _explain(text: str, method: MethodOption, user: str | None) -> Result:
    from trademon.flows.explain import explain as flow  # noqa: PLC0415
    from trademon.wiring import open_home  # noqa: PLC0415

    fill = parse_id("FILL_ID", text, "trademon fills shows each one's id")
    with open_home() as home:
        return Result(flow(home.users(user), fill, method))


@with_flags
def compare(
    flags: TableFlags,
    symbol: Symbols = None,
    broker: Brokers = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
    period: Period = None,
) -> None:
    """The net of the same fills by each method, side by side. --json also has what the open rest cost."""
    run("pnl compare", flags, lambda: _compare(symbol or [], broker or [], user, View(since, until, period)))


def _compare(symbols: list[str], brokers: list[str], user: str | None, view: View) -> Result:
    from trademon.flows.compare import compare as flow  # noqa: PLC0415
    from trademon.flows.pnl import PnlQuery  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home, resolve_symbols  # noqa: PLC0415

    view.check()
    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        start, end = view.stretch(home.clock())
        return Result(flow(stores, PnlQuery(None, resolve_symbols(stores, symbols), tuple(brokers), start, end)))


@with_flags
def what_if(
    flags: ListFlags,
    sell: Annotated[str, typer.Option("--sell", metavar="Q", help="How much would be sold, in base units.")],
    symbol: Annotated[
        str, typer.Option("--symbol", metavar="S", help="BTC/USDT or BTCUSDT.", autocompletion=complete.symbols)
    ],
    price: Annotated[
        str | None, typer.Option("--price", metavar="P", help="At what price (default: the exchange's last one).")
    ] = None,
    broker: Brokers = None,
    user: User = None,
) -> None:
    """Before selling: what each method would realise. The sale's own fee is not in it; nothing is stored, no order is
    sent."""
    run("pnl what-if", flags, lambda: _what_if(sell, symbol, price, broker or [], user))


def _what_if(sell: str, symbol: str, price: str | None, brokers: list[str], user: str | None) -> Result:
    from trademon.flows.compare import what_if as flow  # noqa: PLC0415
    from trademon.flows.pnl import PnlQuery  # noqa: PLC0415
    from trademon.wiring import Home, check_brokers, open_home, resolve_symbols  # noqa: PLC0415

    quantity = parse_amount("--sell", sell)
    at_price = None if price is None else parse_amount("--price", price)
    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        query = PnlQuery(symbols=resolve_symbols(stores, [symbol]), brokers=tuple(brokers))

        async def work(home: Home = home) -> Result:
            from trademon.flows.compare import the_book  # noqa: PLC0415

            store, ref = the_book(stores, query)
            if at_price is not None:
                known: tuple[Decimal, str] = at_price, "the price that was given"
            else:
                from trademon.flows.last_price import last_price  # noqa: PLC0415

                async with home.network() as ports:
                    known = await last_price(store, ref, ports)
            return Result(flow(store, ref, quantity, *known))

        return run_async(work)
