"""Alerts that no look decides by itself: history that the exchange is about to forget."""

from __future__ import annotations

from datetime import datetime, timedelta

from trademon.core.coverage_reports import CoverageRow
from trademon.core.model import Broker
from trademon.flows.coverage import CapabilitiesOf, coverage
from trademon.store.store import UserStore

ABOUT_TO_BE_LOST = timedelta(days=3)


def check_gaps(store: UserStore, now: datetime, *, capabilities_of: CapabilitiesOf) -> None:
    """Alert to each broker of which something that can still be read will soon be forgotten; once, until it was read.

    A broker that was never looked at to the end is still being read for the first time: it has no gaps yet.
    """
    report = coverage([store], [], now=now, capabilities_of=capabilities_of)
    for broker in store.brokers():
        if not broker.enabled or store.broker_state(broker).last_good_at is None:
            continue
        rows = [row for row in report.rows if row.broker == broker.name]
        ends = sorted(
            end for row in rows for end in _ends(row, broker, capabilities_of) if end - now < ABOUT_TO_BE_LOST
        )
        store.alert_gap(broker, ends[0] if ends else None, len(ends))


def _ends(row: CoverageRow, broker: Broker, capabilities_of: CapabilitiesOf) -> list[datetime]:
    """When the exchange begins to forget each stretch that was not read, what came after the last look among them."""
    ends = [gap.lost_from for gap in row.gaps if gap.lost_from is not None and not gap.is_lost]
    able = capabilities_of(broker.exchange, broker.market)
    if row.stream == "fills" and row.until is not None and able is not None and able.history is not None:
        ends.append(row.until + able.history)
    return ends
