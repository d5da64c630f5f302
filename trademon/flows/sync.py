"""Everything an account tells, brought up to date: a scan that reads deposits and withdrawals however lately it did.

`full` goes back as far as the exchange does. That may take more than one minute's budget of questions, so it is as
many looks as it takes: each of them an ordinary one, after which everything it proved is stored.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from trademon.core.money import EXACT
from trademon.core.reports import BrokerScan, ScanReport
from trademon.errors import StoreError
from trademon.exchanges.base import Capabilities
from trademon.flows.coverage import CapabilitiesOf
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target, scan, scan_broker
from trademon.flows.tokens import keep_sessions

ALL_SYMBOLS = 10**6
SWEEP_S = 600.0
LONGEST_WAIT = timedelta(seconds=90)
"""What a full sync waits for itself: budgets are a minute's. A host that asks for more is left alone."""
MOST_IDLE = 2
_MINUTE_S = 60


async def sync(
    targets: Sequence[Target],
    ports: Ports,
    *,
    capabilities_of: CapabilitiesOf,
    full: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> ScanReport:
    """Bring these up to date together; one that fails stops none of the others. `full`: from as far back as their
    exchanges go, kept as the beginning of their history; `tell` hears what is waited for."""
    limits = ScanLimits(transfers_now=True)
    if full:
        limits = ScanLimits(sweep=ALL_SYMBOLS, sweep_s=SWEEP_S, transfers_now=True, full=True)

    async def look_at(target: Target, ports: Ports, *, since: datetime | None, limits: ScanLimits) -> BrokerScan:
        first = _is_first(target)
        # What the tokens need is told by `broker refresh`; what keeps the look from its work, by the look.
        await keep_sessions([target], ports)
        if full:
            done = await _to_the_end(target, ports, limits, tell)
        else:
            done = await scan_broker(target, ports, since=since, limits=limits)
        if done.status != "ok" or not (full or first):
            return done
        said = _reaches(done, capabilities_of(target.broker.exchange, target.broker.market), full=full)
        return dataclasses.replace(done, note="; ".join(filter(None, (done.note, said))))

    return await scan(targets, ports, limits=limits, look_at=look_at)


def _is_first(target: Target) -> bool:
    with contextlib.suppress(StoreError):  # the look's own problem is what is told
        return target.store.broker_state(target.broker).last_good_at is None
    return False


def _reaches(done: BrokerScan, able: Capabilities | None, *, full: bool) -> str:
    """How far back it is complete now, and what makes it more."""
    since = done.complete_since
    if since is None or done.left:
        left = f"{done.left:,} symbols" if done.left else "some symbols"
        return f"not complete yet: {left} were not reached, the next runs go on"
    told = f"complete since {since:%Y-%m-%d %H:%M} UTC"
    if not full:
        return f"{told}; what is older: trademon sync --full --broker {done.broker}"
    if able is not None and able.history is None and able.opened is not None and since <= able.opened:
        return "complete since the account's beginning"
    return f"{told}, as far back as its exchange tells"


async def _to_the_end(target: Target, ports: Ports, limits: ScanLimits, tell: Callable[[str], None]) -> BrokerScan:
    """Look again, minute by minute, until there is nothing left to reach or nothing more comes of it."""
    total = await scan_broker(target, ports, since=None, limits=limits)
    idle = 0
    while idle < MOST_IDLE and (pause_s := _pause(target, total, ports)) is not None:
        left = f"{total.left:,} symbols are left, " if total.left else ""
        tell(f"{target.broker.name}: {left}it waits {pause_s:.0f} s for its host's budget; Ctrl-C keeps what is read")
        await ports.sleep(pause_s)
        again = await scan_broker(target, ports, since=None, limits=limits)
        idle = 0 if again.new_fills or again.left < total.left else idle + 1
        total = dataclasses.replace(
            again,
            new_fills=total.new_fills + again.new_fills,
            requests=total.requests + again.requests,
            seconds=EXACT.add(total.seconds, again.seconds),
            alert=total.alert or again.alert,
        )
    return total


def _pause(target: Target, done: BrokerScan, ports: Ports) -> float | None:
    """Seconds until another look is worth it, None where none is."""
    now = ports.clock()
    if done.status == "ok":
        return _MINUTE_S + 1 - now.second if done.left else None
    wait_until = target.store.broker_state(target.broker).wait_until
    if done.status == "failed" or done.busy or wait_until is None or wait_until - now > LONGEST_WAIT:
        return None
    return max(0.0, (wait_until - now).total_seconds()) + 1
