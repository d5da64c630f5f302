"""What `scan` and `sync` share: whose brokers, a way to the exchanges, and the result of one pass."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from trademon.cli.common import Result, print_warning, run_async
from trademon.core.hints import to_copy
from trademon.core.reports import ScanReport, left_alone
from trademon.exchanges.registry import only_manual
from trademon.flows.ports import Ports
from trademon.flows.scan import Target
from trademon.store.store import UserStore
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
        disabled = () if targets or manual else disabled_of(stores)
        if not targets and not manual:
            tell_nothing(verb, home, disabled)
        async with home.network() as ports:
            report = replace(await flow(targets, ports, since), manual=manual, disabled=disabled)
        warnings = tuple(b.alert.line for b in report.brokers if b.alert is not None)
        return Result(
            report, report.problems, report.status, report.exit_code, is_data=False, warnings=warnings, is_told=True
        )

    with open_home() as home:
        return run_async(lambda: work(home))


def disabled_of(stores: Sequence[UserStore]) -> tuple[str, ...]:
    """The names of these users' brokers that are disabled."""
    return tuple(broker.name for store in stores for broker in store.brokers() if not broker.enabled)


def tell_nothing(verb: str, home: Home, disabled: Sequence[str]) -> None:
    """Said in cron too, and not again on a terminal, where the report says it: a schedule that watches nothing is not
    what its owner thinks it is."""
    if sys.stdout.isatty():
        return
    if disabled:
        what, hint = left_alone(disabled)
        words = f"there is no broker to {verb}: {what} ({to_copy(hint)})"
    else:
        words = f"there is no broker to {verb} in {home.store.place} (trademon broker add NAME --exchange binance)"
    print_warning(words)
