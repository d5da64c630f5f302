"""Taking fills in from a CSV file: all rows or none, identity by id, errors by line and column."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
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
from trademon.flows.csv_rows import NEEDS_IDS, Draft, read_drafts
from trademon.store.fill_rows import IMPORT
from trademon.store.store import UserStore

_NOTHING: Final = "nothing was imported"
StoredIds = Callable[[datetime, datetime], Iterable[str]]
"""The made-up ids that are stored of rows from the one time to the other, both included."""


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
        read = _read(
            path,
            markets,
            now=now,
            ids_needed=has_api,
            how=how,
            contracts=broker.market != "spot",
            stored=lambda since, until: store.row_ids(broker, since, until),
        )
        account_id = broker.account_id or store.bind_account(broker, None)
        try:
            taken = store.books.book_file(
                broker,
                read.fills,
                account_id=account_id,
                method=store.method_of(broker),
                seen_at=now,
                tells_fees="fee" in read.layout.index,
                same_kind=_Kind(read.layout, how),
            )
        except OtherExecution as error:
            raise _located(read, error) from None
    return ImportReport(broker.name, len(read.fills), taken.new, taken.corrected, tuple(sorted(read.unsized)))


@dataclasses.dataclass(frozen=True, slots=True)
class _Read:
    """A file's fills, the line that each stands on, and the contracts whose size nothing tells."""

    layout: Layout
    fills: list[Fill]
    lines: array[int]
    unsized: set[str]

    def line(self, fill: object) -> int:
        return next(line for one, line in zip(self.fills, self.lines, strict=True) if one is fill)


def _located(read: _Read, error: OtherExecution) -> DataError:
    """The clash of ids by line and column."""
    differs = "; ".join(f"{read.layout.name(field)} {known}, not {found}" for field, known, found in error.differs)
    where = f"line {read.line(error.fill)}, column {read.layout.name(error.differs[0][0])}"
    if error.first is not None:
        said = f"it is another execution under the id of line {read.line(error.first)}: {differs}"
        return DataError(f"{where}: {said}", hint=_NOTHING)
    if error.source == IMPORT:
        said = f"a file of another kind said otherwise under this id: {differs}"
        return DataError(f"{where}: {said}", hint=f"files of two accounts go into two brokers; {_NOTHING}")
    said = f"the exchange itself said otherwise under this id: {differs}"
    return DataError(f"{where}: {said}", hint=f"a file does not overrule it; {_NOTHING}")


class _Kind:
    """Tells of a stored row whether its file was of the kind of this one: whether its columns are read in the same way.

    Ids of two exchanges may be the same, so that a file corrects only what its like has said.
    """

    def __init__(self, layout: Layout, how: ReadAs) -> None:
        self._title, self._how = layout.format.title, how
        self._known: dict[tuple[str, ...], bool] = {layout.names: True}

    def __call__(self, raw: str) -> bool:
        names = tuple(json.loads(raw)) if raw else ()
        if names not in self._known:
            self._known[names] = self._is_same(names)
        return self._known[names]

    def _is_same(self, names: tuple[str, ...]) -> bool:
        try:
            found = find_layout(names, wanted=self._how.format, mapping=self._how.columns)
        except DataError:
            return False
        return found.format.title == self._title


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
    return _read(path, markets, now=now, ids_needed=ids_needed, how=how or ReadAs(), contracts=contracts).fills


def _read(
    path: Path,
    markets: Iterable[Market],
    *,
    now: datetime | None,
    ids_needed: bool,
    how: ReadAs,
    contracts: bool,
    stored: StoredIds | None = None,
) -> _Read:
    zone = None if how.zone is None else parse_zone(how.zone)
    unsized: set[str] = set()
    with open_table(path) as table:
        layout = find_layout(table.header, wanted=how.format, mapping=how.columns, separator=table.separator)
        if ids_needed:
            _check_ids(layout, how)
        at = _zone(table, layout, zone)
        drafts = read_drafts(
            table, layout, markets, now=now, zone=at, ids_needed=ids_needed, contracts=contracts, unsized=unsized
        )
        fills, lines = _with_ids(drafts, stored)
    if not fills:
        what = "row that was executed" if layout.format.are_orders else "row"
        raise DataError(f"{path} has a header and no {what}", hint=_NOTHING)
    return _Read(layout, fills, lines, unsized)


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


def _with_ids(drafts: Iterable[Draft], stored: StoredIds | None) -> tuple[list[Fill], array[int]]:
    """Give every fill without an id one: its time, its place among the symbol's rows of that time, and what it is.

    So rows that look alike are kept apart, and rows of one moment are matched in the order of the file (read backwards
    where the file goes backwards in time). Also the line of each.
    """
    lines, kept = array("Q"), list[Fill | Draft]()
    for draft in drafts:
        lines.append(draft[9])
        kept.append(_fill(draft, draft[0]) if draft[0] else draft)
    times = [item.executed_at if isinstance(item, Fill) else item[7] for item in kept]
    if times and times[0] > times[-1] and all(a >= b for a, b in pairwise(times)):
        kept.reverse()
        lines.reverse()
    nameless = stored is not None and any(not isinstance(item, Fill) for item in kept)
    names = _RowIds(stored(min(times), max(times)) if stored is not None and nameless else ())
    return [item if isinstance(item, Fill) else _fill(item, names.next(item)) for item in kept], lines


def _fill(draft: Draft, trade_id: str) -> Fill:
    _, order_id, market, side, quantity, price, fees, at, raw, _ = draft
    symbol, base, quote, contract = market.symbol, market.base, market.quote, market.contract
    # By place: this is done for every row, and keywords cost.
    return Fill(trade_id, symbol, base, quote, side, quantity, price, at, fees, order_id, contract=contract, raw=raw)


class _RowIds:
    """Ids for rows that have none. As many rows of one time and content as are stored are those that are stored: so the
    same file again brings nothing new, nor do another part of it or more of it, whatever else stood beside them."""

    def __init__(self, stored: Iterable[str]) -> None:
        self._stored: dict[str, deque[str]] = {}
        self._given = set(stored)
        for name in sorted(self._given):
            self._stored.setdefault(_without_place(name), deque()).append(name)
        self._seen: Counter[tuple[str, datetime]] = Counter()

    def next(self, draft: Draft) -> str:
        _, _, market, side, quantity, price, fees, at, _, _ = draft
        self._seen[market.symbol, at] += 1
        place = self._seen[market.symbol, at]
        paid = [f"{format_decimal(fee.amount)} {fee.currency}" for fee in fees if fee.amount]
        what = (market.symbol, side, format_decimal(quantity), format_decimal(price), *paid)
        digest = hashlib.sha256("|".join(what).encode()).hexdigest()[:16]
        us = to_us(at)
        known = self._stored.get(f"row-{us}-{digest}")
        if known is None:
            return f"row-{us}-{place:06d}-{digest}"
        if known:
            return known.popleft()
        while (name := f"row-{us}-{place:06d}-{digest}") in self._given:
            place += 1
        self._given.add(name)
        return name


def _without_place(name: str) -> str:
    """`row-TIME-DIGEST` of `row-TIME-PLACE-DIGEST`."""
    head, _, digest = name.rpartition("-")
    return f"{head.rpartition('-')[0]}-{digest}"
