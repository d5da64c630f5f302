"""`trademon transfers`."""

from __future__ import annotations

import typer

from trademon.cli.common import Brokers, Result, User, run
from trademon.cli.flags import ListFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon transfers --broker main")
@with_flags
def transfers(flags: ListFlags, broker: Brokers = None, user: User = None) -> None:
    """Deposits and withdrawals, oldest first, and which two of them are one transfer between your own accounts."""
    run("transfers", flags, lambda: _transfers(broker or [], user))


def _transfers(brokers: list[str], user: str | None) -> Result:
    from trademon.core.transfer_reports import TransfersReport  # noqa: PLC0415
    from trademon.exchanges.registry import only_manual  # noqa: PLC0415
    from trademon.wiring import check_brokers, open_home  # noqa: PLC0415

    with open_home() as home:
        stores = home.users(user)
        check_brokers(stores, brokers)
        rows = [row for store in stores for row in store.transfers(brokers)]
        manual = only_manual(broker for store in stores for broker in store.brokers())
        read = sum(store.transfers_read() for store in stores)
    return Result(TransfersReport(tuple(sorted(rows, key=lambda row: row.at)), read, manual))
