"""Rows for a file: one at a time, or looked up some hundred at once, so that a million of them need no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from trademon.core.model import Lot
from trademon.core.money import ZERO
from trademon.core.reports import FillRow
from trademon.core.times import from_us, to_us
from trademon.store.carried_fees import coins_of_arrivals
from trademon.store.database import Sql, in_list
from trademon.store.fill_rows import TRANSFER, fees_of
from trademon.store.reading import BookRef
from trademon.store.scope import UserScope
from trademon.store.user_lots import OPENING

_MAX_IN = 500
# CROSS JOIN: SQLite reads the entries in their order and looks up each one's fill, and sorts nothing.
_FILLS = """SELECT e.at, e.tie, f.id, f.broker_id, f.side, f.quantity, f.price, f.fee, f.fee_currency, f.more_fees,
    f.order_id, f.trade_id, f.source FROM entries e CROSS JOIN fills f
    WHERE f.id = e.fill_id AND e.account_id = ? AND e.market_id = ? AND f.source NOT IN (?, ?)"""
_LOTS = """SELECT lots.fill_id, lots.side, lots.quantity, lots.cost, lots.fees, lots.price, lots.opened_at
    FROM lots JOIN entries ON entries.fill_id = lots.fill_id
    WHERE lots.account_id = ? AND lots.market_id = ? ORDER BY lots.opened_at, entries.tie"""


class FillName(NamedTuple):
    """What the exchange calls a fill, and where the row is from: OPENING and TRANSFER are no executions. `provisional`:
    a fee of it is in no figure, as its price is not known; of a lot that was carried over, where it was bought."""

    trade_id: str
    order_id: str
    source: str
    provisional: bool


class UserExports(UserScope):
    """The part of a user's store that is read from end to end."""

    def stream_fills(
        self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[tuple[tuple[int, str], FillRow]]:
        """The fills of a book within [since, until) in the order of matching, each with its place in that order. Lots
        entered by hand or carried over are none."""
        where, values = _within("e.at", since, until)
        with self._database.read() as sql:
            if not self._owns(sql, ref.account_id):
                return
            names, size = self._broker_names(sql), _contract_size(sql, ref)
            for row in sql.stream(f"{_FILLS}{where} ORDER BY e.at, e.tie", *ref.key, OPENING, TRANSFER, *values):
                yield (row[0], row[1]), _fill_row(row, ref, names, size)

    def has_more_fees(self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None) -> bool:
        """Whether a fill of the book within [since, until) has more than one fee."""
        where, values = _within("executed_at", since, until)
        with self._database.read() as sql:
            found = sql.one(
                f"""SELECT 1 FROM fills WHERE account_id = ? AND market_id = ? AND more_fees IS NOT NULL{where}
                AND source NOT IN (?, ?) AND account_id IN (SELECT id FROM accounts WHERE user_id = ?) LIMIT 1""",
                *ref.key,
                *values,
                OPENING,
                TRANSFER,
                self._user_id,
            )
        return found is not None

    def has_contracts(self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None) -> bool:
        """Whether the book is of a contract and has a fill within [since, until)."""
        with self._database.read() as sql:
            sized = self._owns(sql, ref.account_id) and _contract_size(sql, ref) is not None
        return sized and next(self.stream_fills(ref, since=since, until=until), None) is not None

    def stream_lots(self, ref: BookRef) -> Iterator[Lot]:
        """The open lots of a stored book, oldest first, in the method it is kept in."""
        with self._database.read() as sql:
            if not self._owns(sql, ref.account_id):
                return
            for fill_id, side, quantity, cost, fees, price, at in sql.stream(_LOTS, *ref.key):
                amounts = (Decimal(quantity), Decimal(cost), Decimal(fees), Decimal(price))
                yield Lot(fill_id, side, *amounts, from_us(at))

    def fill_names(self, fill_ids: Iterable[int]) -> dict[int, FillName]:
        """What these of the user's fills are called, by store id."""
        # The plus keeps SQLite from reading whole accounts by an index of theirs.
        names: dict[int, FillName] = {}
        ids = iter(fill_ids)
        with self._database.read() as sql:
            while some := list(islice(ids, _MAX_IN)):
                rows = sql.rows(
                    f"""SELECT id, trade_id, order_id, source,
                    EXISTS (SELECT 1 FROM coin_fees WHERE fill_id = fills.id AND rate IS NULL)
                    FROM fills WHERE id IN {in_list(some)}
                    AND +account_id IN (SELECT id FROM accounts WHERE user_id = ?)""",
                    *some,
                    self._user_id,
                )
                carried = coins_of_arrivals(sql, (row[0] for row in rows if row[3] == TRANSFER))
                names.update((n, FillName(t, o, source, bool(no) or n in carried)) for n, t, o, source, no in rows)
        return names

    def _broker_names(self, sql: Sql) -> dict[int, str]:
        """Every broker the user has or had, as `reading` shows it."""
        rows = sql.rows("SELECT id, name, removed_at IS NULL FROM brokers WHERE user_id = ?", self._user_id)
        return {n: name if there else f"{name} (removed)" for n, name, there in rows}


def _within(column: str, since: datetime | None, until: datetime | None) -> tuple[str, list[int]]:
    """A condition on [since, until), and its values."""
    bounds = ((f" AND {column} >= ?", since), (f" AND {column} < ?", until))
    return "".join(text for text, at in bounds if at is not None), [to_us(at) for _, at in bounds if at is not None]


def _contract_size(sql: Sql, ref: BookRef) -> Decimal | None:
    """What one contract of a book stands for; None where it is of coins."""
    size = sql.rows("SELECT contract_size FROM markets WHERE id = ?", ref.market_id)[0][0]
    return None if size is None else Decimal(size)


def _fill_row(row: Sequence[Any], ref: BookRef, names: dict[int, str], size: Decimal | None) -> FillRow:
    at_us, _, fill_id, broker_id, side, quantity, price, *fee, order_id, trade_id, source = row
    first, *more = fees_of(*fee) or (None,)
    return FillRow(
        id=fill_id,
        broker=names[broker_id],
        user=ref.user,
        symbol=ref.symbol,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=first.amount if first else ZERO,
        fee_currency=first.currency if first else "",
        executed_at=from_us(at_us),
        order_id=order_id,
        trade_id=trade_id,
        source=source,
        more_fees=tuple((fee.amount, fee.currency) for fee in more if fee),
        contract_size=size,
    )
