"""Booking a page of fills: identity, coverage, lots and disposals in one transaction (invariants 1 to 4).

Fills are the truth. What each of them moves (`entries`) and the books (lots, disposals, unmatched, totals by day and in
all) are derived from them by `core.pnl.fold_entries`. A page that comes after everything booked continues the fold from
the stored checkpoint; one with an earlier fill takes the book back to before it (`rewind`) and books on from there. A
checkpoint is kept in memory between pages and believed only while its version is the stored one.

Plain SQL on purpose: through the ORM a page costs thirty times as much.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from trademon.core.coverage import Span
from trademon.core.entries import moved_by
from trademon.core.model import Broker, Fill, Method
from trademon.core.money import EXACT
from trademon.core.pnl import RawBooked, fold_entries
from trademon.core.times import to_us
from trademon.errors import OtherExecution, UnknownName
from trademon.progress import Count, is_heard
from trademon.store import coverage_rows
from trademon.store.book_rows import (
    Checkpoint,
    insert_lots,
    new_book,
    opened_since,
    read_checkpoint,
    save_checkpoint,
    write_lots,
    write_results,
)
from trademon.store.carrier import carry_on
from trademon.store.carry import account_method, carriages_from, carriages_new
from trademon.store.database import Database, Sql, rerun
from trademon.store.entry_rows import (
    CoinFee,
    Position,
    Step,
    group_fees,
    known_rates,
    note_rate,
    position,
    read_entries,
    value_fees,
    write_entries,
)
from trademon.store.epochs import in_their_epochs
from trademon.store.execution_notices import tell_executions
from trademon.store.fill_rows import (
    API,
    IMPORT,
    TRANSFER,
    BookKey,
    Differences,
    Known,
    content,
    contradictions,
    differences,
    fill_values,
    insert_fills,
    is_contract,
    iter_fills,
    known_rows,
    load_fill,
    market_id,
    paid,
    take_ids,
)
from trademon.store.prices import Rate, find_rate
from trademon.store.rewind import count_from, rewind
from trademon.store.scope import check_account, check_broker, host_of

_BATCH = 1000
_MARKETS_OF_FILLS = "SELECT DISTINCT market_id FROM fills WHERE account_id = ?"
_OF_BOOK = "account_id = ? AND market_id = ?"
_ANY_FILL = f"SELECT 1 FROM fills WHERE {_OF_BOOK} LIMIT 1"
_LAST = f"SELECT at, tie FROM entries WHERE {_OF_BOOK} ORDER BY at DESC, tie DESC LIMIT 1"
_ENTRY = "SELECT market_id, at, tie FROM entries WHERE fill_id = ?"
_PLACE = "SELECT at, tie FROM entries WHERE fill_id = ?"

Row = tuple[Any, ...]


@dataclass(slots=True)
class _Page:
    """What a page changes in one book: fills to add, rows of a file that the exchange's own answer or a later file
    takes the place of (these are `corrected`), and the earliest place in the book that is touched."""

    add: list[tuple[int, Fill]] = field(default_factory=list)
    places: list[Position] = field(default_factory=list)
    replace: list[int] = field(default_factory=list)
    since: Position | None = None
    corrected: int = 0


class Taken(NamedTuple):
    """How many fills were new, and how many of a file took the place of what an earlier one said."""

    new: int
    corrected: int


class Bookkeeper:
    """Writes fills and everything derived from them, for one user's store."""

    def __init__(self, database: Database, user_id: int) -> None:
        self._database = database
        self._user_id = user_id
        self._checkpoints: dict[BookKey, Checkpoint] = {}

    def book_page(
        self,
        broker: Broker,
        fills: Iterable[Fill],
        *,
        account_id: int,
        method: Method,
        source: str,
        seen_at: datetime,
        covered: tuple[str, Span] | None = None,
    ) -> int:
        """Store what is new among `fills` and book its P&L; `covered` (symbol, span) is what the page proves.

        All of it commits together or none of it does. Returns the number of fills that were new.

        Raises:
            OtherExecution: a known id came back as another execution. Nothing is written.
        """
        return self._take(broker, fills, account_id, method, _Said(source), seen_at, covered).new

    def book_file(
        self,
        broker: Broker,
        fills: Iterable[Fill],
        *,
        account_id: int,
        method: Method,
        seen_at: datetime,
        tells_fees: bool = True,
        same_kind: Callable[[str], bool] | None = None,
    ) -> Taken:
        """Store what a file says and book it: what is new, and what it corrects of earlier files of its kind.

        All of it commits together or none of it does. A file that does not tell fees leaves those that are known.
        `same_kind` tells by a stored row, as it stood, whether it is from a file of this kind.

        Raises:
            OtherExecution: the file contradicts itself, one of another kind, or what the exchange itself told. Nothing
                is written.
        """
        return self._take(broker, fills, account_id, method, _Said(IMPORT, tells_fees, same_kind), seen_at)

    @rerun
    def _take(
        self,
        broker: Broker,
        fills: Iterable[Fill],
        account_id: int,
        method: Method,
        said: _Said,
        seen_at: datetime,
        covered: tuple[str, Span] | None = None,
    ) -> Taken:
        ordered = sorted(fills, key=lambda f: f.symbol)
        new = corrected = 0
        first_ids: list[int] = []
        # Each is stored, then valued, then folded.
        count = Count(f"booking {broker.name}", len(ordered), "fills", passes=3) if said.source == IMPORT else None
        with self._writing(account_id) as sql:
            check_broker(sql, broker.id, self._user_id)
            for symbol, group in groupby(ordered, key=lambda f: f.symbol):
                fills_of_symbol = list(group)
                key = (account_id, market_id(sql, broker, symbol, fills_of_symbol[0]))
                page = _sort_page(sql, key, fills_of_symbol, said)
                if page.since is not None:
                    first_ids += [n for n, _ in page.add[:1]]
                    rows = [fill_values(n, key, fill, broker.id, said.source, seen_at) for n, fill in page.add]
                    self._change(
                        sql, key, page, rows, host_of(broker), method, signed=broker.market != "spot", count=count
                    )
                    self._carry_on(sql, account_id, page.since.at_us)
                new += len(page.add) - page.corrected
                corrected += page.corrected
            if first_ids and said.source == API:
                tell_executions(sql, broker, account_id, min(first_ids), seen_at)
            if covered is not None:
                coverage_rows.extend(sql, account_id, "fills", covered[0], covered[1])
        _end(count)
        return Taken(new, corrected)

    @contextlib.contextmanager
    def _writing(self, account_id: int | None = None) -> Iterator[Sql]:
        try:
            with self._database.write(account_id) as sql:
                if account_id is not None:
                    check_account(sql, account_id, self._user_id)
                yield sql
        except BaseException:
            self._checkpoints.clear()  # what was folded in memory was not committed
            raise

    def rebuild(self, account_id: int, *, method: Method, signed: bool) -> int:
        """Derive the account's books again from its fills; returns how many were."""
        with self._database.read() as sql:
            check_account(sql, account_id, self._user_id)
            keys = [(account_id, row[0]) for row in sql.rows(_MARKETS_OF_FILLS, account_id)]
        return self._derive_all(keys, method, signed=signed)

    def keep_method(self, account_id: int, *, method: Method, signed: bool) -> int:
        """Derive again the books that are kept in another method; returns how many were."""
        with self._database.read() as sql:
            check_account(sql, account_id, self._user_id)
            rows = sql.rows("SELECT market_id FROM books WHERE account_id = ? AND method <> ?", account_id, method)
        return self._derive_all([(account_id, row[0]) for row in rows], method, signed=signed)

    @rerun
    def remove_fill(self, fill_id: int, account_id: int, *, method: Method, signed: bool) -> None:
        """Take one fill out of its book, and book what comes after it without."""
        with self._writing(account_id) as sql:
            row = sql.one(f"{_ENTRY} AND account_id = ?", fill_id, account_id)
            if row is None:
                raise UnknownName(f"the account has no fill {fill_id}", hint="trademon fills shows each one's id")
            market, at_us, tie = row
            page = _Page(replace=[fill_id], since=Position(at_us, tie))
            self._change(sql, (account_id, market), page, [], "", method, signed=signed)
            self._carry_on(sql, account_id, at_us)

    @rerun
    def carry_new(self) -> None:
        """Carry lots along with the transfers between the user's accounts that stand in no book yet."""
        with self._writing() as sql:
            carry_on(sql, carriages_new(sql, self._user_id), self.replace_rows)

    def _carry_on(self, sql: Sql, account_id: int, since_us: int) -> None:
        """What changed in an account's books from then on may change which lots left it."""
        carry_on(sql, carriages_from(sql, account_id, since_us), self.replace_rows)

    def replace_rows(self, sql: Sql, key: BookKey, remove: list[int], add: list[Fill]) -> None:
        """Take rows that are no executions out of a book, put others in, and book on from the earliest."""
        account_id, _ = key
        check_account(sql, account_id, self._user_id)
        broker = sql.one("SELECT min(id) FROM brokers WHERE account_id = ?", account_id)
        assert broker is not None
        placed = sorted(((position(fill), fill) for fill in add), key=itemgetter(0))
        page = _Page(
            add=list(zip(take_ids(sql, len(placed)), (fill for _, fill in placed), strict=True)),
            places=[place for place, _ in placed],
            replace=remove,
        )
        gone = [Position(*row) for fill_id in remove for row in sql.rows(_PLACE, fill_id)]
        page.since = min([*page.places[:1], *gone])
        rows = [fill_values(n, key, fill, broker[0], TRANSFER, fill.executed_at) for n, fill in page.add]
        self._change(sql, key, page, rows, "", account_method(sql, account_id), signed=False)

    @rerun
    def revalue(self, broker: Broker, account_id: int, *, method: Method) -> int:
        """Value third-coin fees whose price has become known since they were booked; returns how many were."""
        valued, host = 0, host_of(broker)
        with self._writing(account_id) as sql:
            check_broker(sql, broker.id, self._user_id)
            for key, fees in group_fees(sql, account_id).items():
                rates = [
                    (fee, rate)
                    for fee in fees
                    if (rate := find_rate(sql, host, fee.coin, fee.currency, fee.at, asked=True, account_id=account_id))
                ]
                if rates:
                    self._revalue_book(sql, key, rates, method, signed=broker.market != "spot")
                    self._carry_on(sql, account_id, min(fee.position.at_us for fee, _ in rates))
                valued += len(rates)
        return valued

    def _revalue_book(
        self, sql: Sql, key: BookKey, rates: list[tuple[CoinFee, Rate]], method: Method, *, signed: bool
    ) -> None:
        """Book the fills again whose fees have a price now, and what comes after them."""
        signed = signed or is_contract(sql, key)
        since = min(fee.position for fee, _ in rates)
        point = read_checkpoint(sql, key, method, signed=signed, kept=self._checkpoints.get(key))
        derive = point.last is None or 2 * count_from(sql, key, since) > point.book.tally.fills
        if not derive:
            point = rewind(sql, key, point, since)
        for fee, rate in rates:
            note_rate(sql, fee, rate)
        if derive:
            self._derive(sql, key, method, signed=signed)
            return
        fills = {fee.fill_id: fee.position for fee, _ in rates}
        steps = []
        for fill_id, place in fills.items():
            sql.run("DELETE FROM entries WHERE fill_id = ?", fill_id)
            noted = known_rates(sql, "fill_id = ?", fill_id)
            steps.append(Step(fill_id, *place, moved_by(load_fill(sql, fill_id), noted.get(fill_id))))
        self._write_entries(sql, key, point, steps, beside=True)
        self._book(sql, key, point, read_entries(sql, key, point.book.scale, mixed=point.mixed, start=since))
        self._keep(sql, key, point)

    @rerun
    def _derive_all(self, keys: list[BookKey], method: Method, *, signed: bool) -> int:
        """Derive these books of one account again."""
        if keys:
            with self._writing(keys[0][0]) as sql:
                count = _count_derived(sql, keys[0][0])
                for key in keys:
                    self._derive(sql, key, method, signed=signed, count=count)
                self._carry_on(sql, keys[0][0], 0)
            _end(count)
        return len(keys)

    # --- one book ------------------------------------------------------------------------------------------------

    def _change(
        self,
        sql: Sql,
        key: BookKey,
        page: _Page,
        rows: list[Row],
        host: str,
        method: Method,
        *,
        signed: bool,
        count: Count | None = None,
    ) -> None:
        """Write a page's fills into a book and book them, from the earliest place touched on."""
        assert page.since is not None
        signed = signed or is_contract(sql, key)
        point = read_checkpoint(sql, key, method, signed=signed, kept=self._checkpoints.get(key))
        late = point.last is not None and page.since <= point.last
        # Without a row, or with one in another method, there is nothing to go on from.
        lost = point.last is None and sql.one(_ANY_FILL, *key) is not None
        derive = lost or (late and 2 * count_from(sql, key, page.since) > point.book.tally.fills)
        if late and not derive:
            point = rewind(sql, key, point, page.since)
        for fill_id in page.replace:
            sql.run("DELETE FROM fills WHERE id = ?", fill_id)
        insert_fills(sql, rows)
        _add(count, rows)
        rates = value_fees(sql, host, page.add, key)
        moves = [moved_by(fill, {c: r.rate for c, r in rates.get(n, {}).items()}) for n, fill in page.add]
        steps = [
            Step(n, *place, move, _acquired_us(fill))
            for (n, fill), place, move in zip(page.add, page.places, moves, strict=True)
        ]
        entries = self._write_entries(sql, key, point, steps, beside=point.version > 0)
        _add(count, steps)
        if derive:
            self._derive(sql, key, method, signed=signed)
            return
        if late:
            entries = read_entries(sql, key, point.book.scale, mixed=point.mixed, start=page.since)
        self._book(sql, key, point, entries, count)
        self._keep(sql, key, point, None if late or not page.add else page.places[-1])

    def _write_entries(
        self, sql: Sql, key: BookKey, point: Checkpoint, steps: list[Step], *, beside: bool
    ) -> Iterable[tuple[int, ...]]:
        """Store what fills move, in a scale that holds all of the book; `beside` others that are stored."""
        scale = point.book.scale
        for step in steps:
            scale = scale.holding(step.moved)
        if scale != point.book.scale:
            point.mixed = point.mixed or beside
            point.book.grow(scale)
        entries, odd = write_entries(sql, key, steps, scale)
        point.mixed = point.mixed or odd
        return entries

    def _book(
        self,
        sql: Sql,
        key: BookKey,
        point: Checkpoint,
        entries: Iterable[tuple[int, ...]],
        count: Count | None = None,
    ) -> None:
        """Fold entries into a stored book, and write what that changed."""
        rest = iter(entries)
        while batch := list(islice(rest, _BATCH)):
            booked: list[RawBooked] = []
            fold_entries(point.book, batch, booked)
            write_lots(sql, key, point.book, booked)
            write_results(sql, key, point.book.scale, booked)
            quantity, cost = opened_since(point.book.scale, booked)
            point.open_quantity = EXACT.add(point.open_quantity, quantity)
            point.open_cost = EXACT.add(point.open_cost, cost)
            _add(count, batch)

    def _keep(self, sql: Sql, key: BookKey, point: Checkpoint, last: Position | None = None) -> None:
        """Write the book's row; `last` is its newest entry's place, where that is known."""
        if last is None:
            row = sql.one(_LAST, *key)
            last = Position(*row) if row else None
        if last is None:
            sql.run("DELETE FROM books WHERE account_id = ? AND market_id = ?", *key)
            self._checkpoints.pop(key, None)
            return
        point.last = last
        save_checkpoint(sql, key, point)
        self._checkpoints[key] = point

    def _derive(self, sql: Sql, key: BookKey, method: Method, *, signed: bool, count: Count | None = None) -> None:
        """The book from all its fills. Streams: a million fills are never in memory at once."""
        sql.run(f"DELETE FROM disposals WHERE fill_id IN (SELECT fill_id FROM entries WHERE {_OF_BOOK})", *key)
        for table in ("lots", "unmatched", "days", "entries"):
            sql.run(f"DELETE FROM {table} WHERE {_OF_BOOK}", *key)
        row = sql.one("SELECT version FROM books WHERE account_id = ? AND market_id = ?", *key)
        signed = signed or is_contract(sql, key)
        point = Checkpoint(new_book(sql, key, method, signed=signed), row[0] if row else 0)
        self._derive_entries(sql, key, point, count)
        rest = iter(read_entries(sql, key, point.book.scale, mixed=point.mixed))
        while batch := list(islice(rest, _BATCH)):
            booked: list[RawBooked] = []
            fold_entries(point.book, batch, booked)
            write_results(sql, key, point.book.scale, booked)
            _add(count, batch)
        insert_lots(sql, key, point.book)
        point.open_quantity, point.open_cost = point.book.open_quantity, point.book.open_cost
        self._keep(sql, key, point)

    def _derive_entries(self, sql: Sql, key: BookKey, point: Checkpoint, count: Count | None) -> None:
        """What every fill of the book moves. Rates that are noted stay; a third-coin fee not yet noted is."""
        rates = known_rates(sql, "account_id = ? AND market_id = ?", *key)
        rest, beside = iter(iter_fills(sql, key)), False
        while batch := list(islice(rest, _BATCH)):
            value_fees(sql, "", [(n, fill) for n, fill in batch if n not in rates], key)
            steps = [Step(n, *position(fill), moved_by(fill, rates.get(n)), _acquired_us(fill)) for n, fill in batch]
            self._write_entries(sql, key, point, steps, beside=beside)
            beside = True
            _add(count, batch)


def _add(count: Count | None, part: Sized) -> None:
    if count is not None:
        count.add(len(part))


def _end(count: Count | None) -> None:
    if count is not None:
        count.end()


def _count_derived(sql: Sql, account_id: int) -> Count | None:
    """The fills of an account, each valued and then folded; None where nobody waits for it."""
    if not is_heard():
        return None
    total = sql.rows("SELECT count(*) FROM fills WHERE account_id = ?", account_id)[0][0]
    return Count("deriving books", total, "fills", passes=2)


def _acquired_us(fill: Fill) -> int | None:
    return None if fill.acquired_at is None else to_us(fill.acquired_at)


@dataclass(frozen=True, slots=True)
class _Said:
    """Where a page is from, whether it tells fees at all, and what is of its kind."""

    source: str
    tells_fees: bool = True
    same_kind: Callable[[str], bool] | None = None

    def corrects(self, sql: Sql, fill_id: int) -> bool:
        """Whether this may take the place of a stored fill: of a file that of its own kind."""
        if self.source != IMPORT or self.same_kind is None:
            return True
        return self.same_kind(sql.rows("SELECT raw FROM fills WHERE id = ?", fill_id)[0][0])


def _sort_page(sql: Sql, key: BookKey, fills: list[Fill], said: _Said) -> _Page:
    """What of a page is new to its book, or takes the place of what a file said.

    Raises:
        OtherExecution: a known id came back as another execution.
    """
    known = known_rows(sql, key, [f.trade_id for f in fills])
    if all(fill.revision is None for fill in fills):  # an exchange that tells a fill again does not count anew
        fills = in_their_epochs(sql, key, fills, known, said.source)
    seen: dict[tuple[str, int], Fill] = {}
    fresh: list[Fill] = []
    kept: dict[tuple[str, int], int] = {}
    page = _Page()
    touched: list[Position] = []
    for fill in fills:
        identity = (fill.trade_id, fill.epoch)
        if identity in seen:
            _check_twice(fill, seen[identity], said)
            continue
        seen[identity] = fill
        stored = known.get(identity)
        if stored is None:
            fresh.append(fill)
        elif (taken := _instead_of(stored, fill, said)) is not None:
            if not said.corrects(sql, stored.fill_id):
                raise OtherExecution(_name(fill), differences(stored, taken), fill, source=IMPORT)
            page.replace.append(stored.fill_id)
            if stored.source == said.source == API:  # the same execution told again: it keeps its number
                kept[identity] = stored.fill_id
            page.corrected += said.source == IMPORT or identity in kept
            touched += [Position(*row) for row in sql.rows(_PLACE, stored.fill_id)]
            fresh.append(taken)
    placed = sorted(((position(fill), fill) for fill in fresh), key=itemgetter(0))
    numbers = iter(take_ids(sql, sum((fill.trade_id, fill.epoch) not in kept for _, fill in placed)))
    page.add = [(kept.get((fill.trade_id, fill.epoch)) or next(numbers), fill) for _, fill in placed]
    page.places = [place for place, _ in placed]
    touched += page.places[:1]
    page.since = min(touched, default=None)
    return page


def _instead_of(stored: Known, fill: Fill, said: _Said) -> Fill | None:
    """What takes the place of a stored fill, now that its id was told again; None where it stays as it is.

    The exchange's own answer wins over a file's, whose times often end at the second, and a later file over an earlier
    one. No file wins over the exchange: it may say less, and what it says otherwise is refused.
    """
    if stored.source == said.source == API and stored.revision is not None and fill.revision is not None:
        return _as_told_last(stored, fill)
    if stored.source != IMPORT:
        differs: Differences = ()  # an entered lot and an end of a transfer stay, whoever uses their ids
        if stored.source == said.source:
            differs = differences(stored, fill, fees=False)
        elif (stored.source, said.source) == (API, IMPORT):
            differs = contradictions(stored, fill)
        if differs:
            raise OtherExecution(_name(fill), differs, fill, source=stored.source)
        return None
    if not said.tells_fees and paid(stored.fees) != paid(fill.fees):
        fill = replace(fill, fees=stored.fees)
    return fill if differences(stored, fill) else None


def _as_told_last(stored: Known, fill: Fill) -> Fill | None:
    """What an exchange tells again that corrects itself, or completes what it said: never less than was known."""
    assert stored.revision is not None
    assert fill.revision is not None
    if fill.revision < stored.revision:
        return None
    return fill if fill.revision > stored.revision or differences(stored, fill) else None


def _check_twice(fill: Fill, first: Fill, said: _Said) -> None:
    """What comes twice in a page must be the same execution; in a file, whose rows a person may write, to its fees."""
    known = Known(0, said.source, content(first), first.fees)
    differs = differences(known, fill, fees=said.source == IMPORT)
    if differs:
        raise OtherExecution(_name(fill), differs, fill, first=first)


def _name(fill: Fill) -> str:
    return f"{fill.symbol} fill {fill.trade_id}"
