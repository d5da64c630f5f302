"""Taking fills in from a CSV file: all rows or none, identity by id, errors by line and column."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Final

from trademon.core.collector import without_collector
from trademon.core.model import Broker, Fill, Market
from trademon.core.money import format_decimal
from trademon.core.reports import ImportReport
from trademon.core.times import to_us
from trademon.errors import DataError, OtherExecution
from trademon.flows.csv_cells import parse_zone
from trademon.flows.csv_file import Table, open_table
from trademon.flows.csv_formats import Layout, find_layout, named_zone
from trademon.flows.csv_rows import NEEDS_IDS, Draft, clean, read_drafts
from trademon.store.store import UserStore

_NOTHING: Final = "nothing was imported"


@dataclasses.dataclass(frozen=True, slots=True)
class ReadAs:
    """How a person says a file is to be read: its format, its columns, and the zone of times that name none.

    `exchange` is the account's, where it has an API: the ids of another exchange are not its own.
    """

    format: str = "auto"
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    zone: str | None = None
    exchange: str | None = None


def import_fills(
    store: UserStore, broker: Broker, path: Path, *, now: datetime, how: ReadAs | None = None
) -> ImportReport:
    """Read `path` and book what is new in it.

    Raises:
        UsageError: there is no such format, field or zone.
        DataError: the file cannot be read or a row is bad; the message names line and column. Nothing is written.
    """
    has_api = broker.exchange != "manual"
    how = dataclasses.replace(how or ReadAs(), exchange=broker.exchange if has_api else None)
    with without_collector():
        markets = (*store.markets(broker), *store.contracts(broker))
        contracts = broker.market != "spot"
        fills = read_csv(path, markets, now=now, ids_needed=has_api, how=how, contracts=contracts)
        account_id = broker.account_id or store.bind_account(broker, None)
        try:
            new = store.books.book_page(
                broker,
                fills,
                account_id=account_id,
                method=store.method_of(broker),
                source="import",
                seen_at=now,
            )
        except OtherExecution as error:
            raise _located(path, how, error) from None
    return ImportReport(broker.name, len(fills), new)


def _located(path: Path, how: ReadAs, error: OtherExecution) -> DataError:
    """The clash of ids by line and column, which are looked for only now."""
    with open_table(path) as table:
        layout = find_layout(table.header, wanted=how.format, mapping=how.columns, separator=table.separator)
        at = layout.index.get("trade_id", len(layout.names))
        lines = [line for line, row in table.rows if at < len(row) and clean(row[at]) == error.trade_id]
    if not lines:  # an id that stands in a row of its own below its order
        return DataError(error.message, hint=_NOTHING)
    where = f"line {lines[-1]}, column {layout.name('trade_id')}: {error.trade_id}"
    if error.twice and len(lines) > 1:
        return DataError(f"{where} is in line {lines[0]}, too, with another {error.differs}", hint=_NOTHING)
    return DataError(f"{where} is stored with another {error.differs}", hint=_NOTHING)


def read_csv(
    path: Path,
    markets: Iterable[Market] = (),
    *,
    now: datetime | None = None,
    ids_needed: bool = False,
    how: ReadAs | None = None,
    contracts: bool = False,
) -> list[Fill]:
    """Every row of the file as a Fill, rows without an id given one. Columns may stand in any order.

    `contracts`: the account may hold them; the size of one in `markets` holds for the file, too.

    `ids_needed`: an account with an API, where a row without the exchange's id would be counted beside the same
    execution from the exchange.
    """
    how = how or ReadAs()
    zone = None if how.zone is None else parse_zone(how.zone)
    with open_table(path) as table:
        layout = find_layout(table.header, wanted=how.format, mapping=how.columns, separator=table.separator)
        if ids_needed:
            _check_ids(layout, how)
        at = _zone(table, layout, zone)
        drafts = read_drafts(table, layout, markets, now=now, zone=at, ids_needed=ids_needed, contracts=contracts)
        fills = _with_ids(drafts)
    if not fills:
        what = "row that was executed" if layout.format.are_orders else "row"
        raise DataError(f"{path} has a header and no {what}", hint=_NOTHING)
    return fills


def _check_ids(layout: Layout, how: ReadAs) -> None:
    """An account with an API takes no file of orders, and none with another exchange's ids."""
    format_ = layout.format
    if format_.are_orders or not format_.has_ids:
        raise DataError(f"line 1: {format_.title} has no ids of executions", hint=NEEDS_IDS)
    if format_.name not in ("trademon", "map", how.exchange):
        raise DataError(f"line 1: this is {format_.title}, and the account is at {how.exchange}", hint=NEEDS_IDS)


def _zone(table: Table, layout: Layout, asked: tzinfo | None) -> tzinfo:
    """Of times that name none: what the header says, what was asked for, what Binance wrote in the file's name."""
    in_name = named_zone(table.path.name) if layout.format.name == "binance" else None
    if layout.zone is not None:
        return parse_zone(layout.zone)
    return asked or (parse_zone(in_name) if in_name else UTC)


def _with_ids(drafts: Iterable[Draft]) -> list[Fill]:
    """Give every fill without an id one: its time, its place among the fills of that time, and what it is.

    So rows that look alike are kept apart, rows of one moment are matched in the order of the file (read backwards
    where the file goes backwards in time), and the same file again brings nothing new, however it is written.
    """
    kept = [_fill(draft, draft[0]) if draft[0] else draft for draft in drafts]
    times = [item.executed_at if isinstance(item, Fill) else item[7] for item in kept]
    if times and times[0] > times[-1] and all(a >= b for a, b in pairwise(times)):
        kept.reverse()
    seen: Counter[datetime] = Counter()
    return [item if isinstance(item, Fill) else _fill(item, _row_id(item, seen)) for item in kept]


def _fill(draft: Draft, trade_id: str) -> Fill:
    _, order_id, market, side, quantity, price, fees, at, raw = draft
    symbol, base, quote, contract = market.symbol, market.base, market.quote, market.contract
    # By place: this is done for every row, and keywords cost.
    return Fill(trade_id, symbol, base, quote, side, quantity, price, at, fees, order_id, contract=contract, raw=raw)


def _row_id(draft: Draft, seen: Counter[datetime]) -> str:
    _, _, market, side, quantity, price, fees, at, _ = draft
    seen[at] += 1
    paid = [f"{format_decimal(fee.amount)} {fee.currency}" for fee in fees if fee.amount]
    what = (market.symbol, side, format_decimal(quantity), format_decimal(price), *paid)
    digest = hashlib.sha256("|".join(what).encode()).hexdigest()[:16]
    return f"row-{to_us(at)}-{seen[at]:06d}-{digest}"
