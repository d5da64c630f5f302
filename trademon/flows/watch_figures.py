"""What a watch says was earned: as books are kept, read again only where one changed, or folded by another method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from trademon.core.model import Method
from trademon.core.pnl_reports import PnlRow
from trademon.core.times import DAY_US, EPOCH, to_us
from trademon.core.watch_figures import BookDay, BookEarned
from trademon.flows.pnl import PnlQuery
from trademon.flows.pnl_figures import BookFigures, figures, told
from trademon.store.fill_rows import BookKey
from trademon.store.reading import BookRef
from trademon.store.store import UserStore


def day_of(at: datetime) -> int:
    """The UTC day, counted from 1970-01-01."""
    return to_us(at) // DAY_US


@dataclass(slots=True)
class KeptFigures:
    """The books of these users as they are kept, in memory. `rows` are all of the time, `earned` the same by day."""

    stores: Sequence[UserStore]
    rows: tuple[PnlRow, ...] = ()
    earned: tuple[BookEarned, ...] = ()
    _books: dict[tuple[str, BookKey], tuple[PnlRow, BookEarned]] = field(default_factory=dict)
    _versions: dict[str, dict[BookKey, int]] = field(default_factory=dict)
    _day: int = -1

    def read(self, now: datetime) -> bool:
        """Take in what changed since the last time: one query where nothing did. Whether something did."""
        day = day_of(now)
        if day != self._day:
            self._versions, self._day = {}, day  # every book's hours are of another day now
        changed = [self._read_user(store, day) for store in self.stores]
        if any(changed):
            found = sorted(self._books.values(), key=lambda book: (book[0].user, book[0].broker, book[0].symbol))
            self.rows = tuple(row for row, _ in found)
            self.earned = tuple(earned for _, earned in found)
        return any(changed)

    @property
    def fills(self) -> int:
        """How many executions there are."""
        return sum(row.fills for row in self.rows)

    def _read_user(self, store: UserStore, day: int) -> bool:
        with store.one_moment():
            before, now = self._versions.get(store.user), store.book_versions()
            if now == before:
                return False
            for ref in store.book_refs():
                if before is None or before.get(ref.key) != now[ref.key]:
                    self._books[store.user, ref.key] = _kept(store, ref, day)
        for key in [key for key in self._books if key[0] == store.user and key[1] not in now]:
            del self._books[key]
        self._versions[store.user] = now
        return True


def _kept(store: UserStore, ref: BookRef, day: int) -> tuple[PnlRow, BookEarned]:
    method = store.method_of_account(ref.account_id)
    row = told(store, BookFigures(ref, method, store.stored_book(ref)), PnlQuery()).row
    days = store.stored_days(ref)
    hours = store.stored_hours(ref, day) if days and days[-1].day >= day else ()
    return row, BookEarned(row.user, row.broker, row.symbol, row.currency, days, hours, row.provisional)


def earned_by(stores: Sequence[UserStore], method: Method) -> tuple[BookEarned, ...]:
    """The same as if all books were kept by `method`: every one folded from its first fill, without the hours."""
    found: list[BookEarned] = []
    for own in stores:
        with own.kept_by(method) as store, store.one_moment():
            for book in figures([store], PnlQuery(method=method, by="day")):
                row, days = book.row, tuple(_day(period) for period in book.periods)
                earned = BookEarned(row.user, row.broker, row.symbol, row.currency, days, provisional=row.provisional)
                found.append(earned)
    return tuple(found)


def _day(row: PnlRow) -> BookDay:
    day = (date.fromisoformat(row.period or "") - EPOCH.date()).days
    return BookDay(day, row.net, row.disposals, unmatched=row.has_unmatched)
