"""`trademon positions`."""

from __future__ import annotations

import typer

from trademon.cli.common import Brokers, Result, User, run, run_async
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon positions --broker main")
@with_flags
def positions(flags: ListFlags, broker: Brokers = None, user: User = None) -> None:
    """What is held of each coin, and open of each contract, when it was last seen: what it cost on average by your own
    books, and what it would bring at last prices, which are asked for now.

    What no book knows the cost of is said. Where an exchange states positions, its own stand beside ours.
    """
    run("positions", flags, lambda: _positions(broker or [], user))


def _positions(brokers: list[str], user: str | None) -> Result:
    from trademon.exchanges.registry import capabilities_of  # noqa: PLC0415
    from trademon.flows import positions as flow  # noqa: PLC0415
    from trademon.wiring import Home, check_brokers, open_home  # noqa: PLC0415

    async def work(home: Home) -> Result:
        stores = home.users(user)
        check_brokers(stores, brokers)
        async with home.network() as ports:
            return Result(await flow.positions(stores, brokers, ports, capabilities_of=capabilities_of))

    with open_home() as home:
        return run_async(lambda: work(home))
