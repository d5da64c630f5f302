"""`trademon doctor`."""

from __future__ import annotations

import typer

from trademon.cli.common import Brokers, Result, User, run, run_async
from trademon.cli.flags import TableFlags, with_flags

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: trademon doctor --json")
@with_flags
def doctor(flags: TableFlags, broker: Brokers = None, user: User = None) -> None:
    """Examine the store, this machine and every broker: damage, disk, clock, key, rate budget, last good scan. Ends
    with 4 when a person must act."""
    run("doctor", flags, lambda: _doctor(broker or [], user))


def _doctor(brokers: list[str], user: str | None) -> Result:
    from trademon.exchanges.registry import capabilities_of  # noqa: PLC0415
    from trademon.flows.doctor import doctor as flow  # noqa: PLC0415
    from trademon.wiring import Home, open_home, targets_with_api  # noqa: PLC0415

    async def work(home: Home) -> Result:
        stores = home.users(user)
        targets = targets_with_api(stores, brokers)
        channels = home.channels()
        async with home.network() as ports:
            report = await flow(
                home.store,
                targets,
                ports,
                capabilities_of=capabilities_of,
                stores=stores,
                has_channel=lambda store: bool(channels.of(store.user, store.telegram_chat())),
            )
        return Result(report, report.problems, report.status, report.exit_code, is_told=True)

    with open_home() as home:
        return run_async(lambda: work(home))
