"""`trademon balances`."""

from __future__ import annotations

import typer

from trademon.cli.common import Brokers, Result, User, run, run_async
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon balances --broker main")
@with_flags
def balances(flags: ListFlags, broker: Brokers = None, user: User = None) -> None:
    """What each account held of each coin when it was last seen, and when that was: trademon sync looks again.

    Below it, for a broker with an --initial-capital, what all of it is worth now.
    """
    run("balances", flags, lambda: _balances(broker or [], user))


def _balances(brokers: list[str], user: str | None) -> Result:
    from trademon.flows import holdings  # noqa: PLC0415
    from trademon.wiring import Home, check_brokers, open_home  # noqa: PLC0415

    async def work(home: Home) -> Result:
        stores = home.users(user)
        check_brokers(stores, brokers)
        async with home.network() as ports:
            return Result(await holdings.balances(stores, brokers, ports))

    with open_home() as home:
        return run_async(lambda: work(home))
