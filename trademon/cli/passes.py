"""What `scan` and `sync` share: whose brokers, a way to the exchanges, and the result of one pass."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from trademon.cli.common import Result, run_async
from trademon.core.reports import ScanReport
from trademon.exchanges.registry import only_manual
from trademon.flows.ports import Ports
from trademon.flows.scan import Target
from trademon.wiring import Home, open_home, pick_targets

Pass = Callable[[Sequence[Target], Ports, datetime | None], Awaitable[ScanReport]]


def run_pass(
    verb: str,
    user: str | None,
    brokers: list[str],
    flow: Pass,
    parse_since: Callable[[datetime], datetime | None] = lambda _: None,
) -> Result:
    """One pass of `flow` over the brokers named, or over all; `parse_since` makes a time of the option, given now."""

    async def work(home: Home) -> Result:
        since = parse_since(home.clock())
        stores = home.users(user)
        targets = pick_targets(stores, brokers)
        manual = only_manual(broker for store in stores for broker in store.brokers())
        if (
            not targets and not manual
        ):  # said in cron too: a schedule that watches nothing is not what its owner thinks it is
            add = "trademon broker add NAME --exchange binance"
            sys.stderr.write(f"trademon: there is no broker to {verb} in {home.store.place} ({add})\n")
        async with home.network() as ports:
            report = replace(await flow(targets, ports, since), manual=manual)
        warnings = tuple(b.alert.line for b in report.brokers if b.alert is not None)
        return Result(report, report.problems, report.status, report.exit_code, is_data=False, warnings=warnings)

    with open_home() as home:
        return run_async(lambda: work(home))
