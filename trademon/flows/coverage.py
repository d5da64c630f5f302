"""What is proved fetched, what is not, and what the exchange will have forgotten when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from trademon.core.coverage import Span, missing
from trademon.core.coverage_reports import BrokerCoverage, CoverageReport, CoverageRow, Gap
from trademon.core.model import Broker, MarketType
from trademon.exchanges.base import Capabilities
from trademon.store.store import UserStore
from trademon.store.user_cash import CASH
from trademon.store.user_looks import Covered
from trademon.store.user_transfers import STREAMS

CapabilitiesOf = Callable[[str, MarketType], Capabilities | None]
"""What an exchange can do by its id and the kind of market; None for one that cannot be asked or is not known."""


def coverage(
    stores: Sequence[UserStore], brokers: Sequence[str], *, now: datetime, capabilities_of: CapabilitiesOf
) -> CoverageReport:
    """Every account with an API, of the brokers named or of all."""
    summaries: list[BrokerCoverage] = []
    rows: list[CoverageRow] = []
    for store in stores:
        with store.one_moment():
            for broker in store.brokers():
                if broker.exchange == "manual" or (brokers and broker.name not in brokers):
                    continue
                able = capabilities_of(broker.exchange, broker.market)
                streams = () if broker.account_id is None else store.covered(broker.account_id)
                rows += [_row(broker, stream, able, now) for stream in streams]
                summaries.append(_summary(store, broker, streams, able))
    rows.sort(key=lambda row: (row.user, row.broker, row.stream != "fills", row.stream, row.symbol or ""))
    return CoverageReport(now, tuple(summaries), tuple(rows), no_broker=not any(store.brokers() for store in stores))


def _summary(store: UserStore, broker: Broker, streams: Sequence[Covered], able: Capabilities | None) -> BrokerCoverage:
    asked = {covered.symbol for covered in streams if covered.stream == "fills"}
    listed = {market.symbol for market in store.markets(broker)}
    return BrokerCoverage(
        broker.user,
        broker.name,
        broker.exchange,
        store.complete_since(broker),
        len(asked),
        len(listed | asked),
        names_symbols=able is not None and able.orders_name_symbols,
    )


def _row(broker: Broker, covered: Covered, able: Capabilities | None, now: datetime) -> CoverageRow:
    history = None if able is None else _reach(able, covered.stream)
    wanted = broker.since
    if covered.stream == "orders":  # all there is, whatever `since` says: an order may be much older than its fills
        wanted = covered.spans[0].start
    return CoverageRow(
        broker.user,
        broker.name,
        broker.exchange,
        covered.stream,
        covered.symbol or None,
        wanted,
        covered.spans,
        tuple(gaps_of(covered.spans, wanted, history, now)),
        covered.fills,
    )


def _reach(able: Capabilities, stream: str) -> timedelta | None:
    """How far back a stream can be asked for."""
    if stream == "orders" and able.names_history is not None:
        return able.names_history
    if stream == CASH:
        return able.cash_history
    return able.transfer_history if stream in STREAMS.values() else able.history


def gaps_of(spans: Sequence[Span], wanted_since: datetime, history: timedelta | None, now: datetime) -> list[Gap]:
    """What is missing up to the newest end, oldest first. What comes after it was not looked at yet and is no gap."""
    reach = None if history is None else now - history
    lacking = missing(spans, Span(wanted_since, spans[-1].end)) if spans else ()
    return [Gap(span, None if history is None else span.start + history, reach) for span in lacking]
