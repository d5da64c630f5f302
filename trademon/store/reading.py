"""Reading back: fills by filter, the fills of a book for a fold, stored books, the newest executions.

Every query names the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from trademon.core.entries import Scale, shown_price, to_decimal
from trademon.core.model import FINAL, PositionSide
from trademon.core.money import EXACT, ZERO, divide
from trademon.core.pnl import Tally
from trademon.core.pnl_reports import PnlRow
from trademon.core.reports import ExecutionRow, FillRow
from trademon.core.symbols import position_side, with_sides
from trademon.core.times import from_us, to_us
from trademon.store.book_rows import DAY_US, SUMS, tally_of
from trademon.store.database import Sql, in_list
from trademon.store.fill_rows import BookKey, fees_of

# A fill of an account is shown under the name of the broker that found it.
_NAME = "CASE WHEN brokers.removed_at IS NULL THEN brokers.name ELSE brokers.name || ' (removed)' END"
_ROW = f"""fills.id, {_NAME}, users.name, markets.symbol, fills.side, fills.quantity, fills.price, fills.fee,
    fills.fee_currency, fills.more_fees, fills.executed_at, fills.order_id, fills.trade_id, fills.source,
    coalesce(markets.settle, markets.quote), markets.contract_size, fills.revision"""
_FROM = """FROM fills JOIN accounts ON accounts.id = fills.account_id JOIN users ON users.id = accounts.user_id
    JOIN markets ON markets.id = fills.market_id JOIN brokers ON brokers.id = fills.broker_id"""
# The order of matching (`core.model.fill_order`): numeric ids as numbers, that is shorter first, and before all others.
_HAS_LETTERS = "trim(fills.trade_id, '0123456789') <> ''"
_TIES = (
    "fills.executed_at",
    "fills.epoch",
    _HAS_LETTERS,
    f"CASE WHEN {_HAS_LETTERS} THEN 0 ELSE length(fills.trade_id) END",
    "fills.trade_id",
    "fills.id",
)
_ORDER = ", ".join(_TIES)
_REVERSE = ", ".join(f"{tie} DESC" for tie in _TIES)

_ALL = 2**62
"""A limit that is none, in both databases."""


@dataclass(frozen=True, slots=True)
class FillQuery:
    """Which fills: symbols in the shown form, brokers by name; `since` included, `until` excluded; `limit` newest."""

    brokers: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class BookRef:
    """One book: whose, what of, and how it is stored: in which method, up to when (`entry_rows` for the rest)."""

    account_id: int
    market_id: int
    user: str
    broker: str
    symbol: str
    currency: str
    market: str
    method: str
    last_at: datetime
    scale_code: int
    mixed: bool
    inverse: bool = False
    is_contract: bool = False

    @property
    def key(self) -> BookKey:
        return self.account_id, self.market_id

    @property
    def scale(self) -> Scale:
        return Scale.of_code(self.scale_code)

    def tells(self, method: str, until: datetime | None) -> bool:
        """Whether what is stored answers for `method` as of `until`; else the book is folded."""
        return self.method == method and (until is None or until > self.last_at)

    @property
    def signed(self) -> bool:
        """Whether the book may go short."""
        return self.market != "spot" or self.is_contract

    @property
    def only(self) -> PositionSide | None:
        """The one position side that a signed book is of (see `core.pnl.Book`)."""
        return position_side(self.symbol) if self.signed else None


def read_fills(sql: Sql, user_id: int, query: FillQuery) -> tuple[tuple[FillRow, ...], int]:
    """The fills found, oldest first, and how many there are before `limit`."""
    where, values = _where(user_id, query)
    if query.limit is None:
        rows = sql.rows(f"SELECT {_ROW} {_FROM} WHERE {where} ORDER BY {_ORDER}", *values)
        return tuple(_fill_row(row) for row in rows), len(rows)
    count = sql.one(f"SELECT count(*) {_FROM} WHERE {where}", *values)
    newest = sql.rows(
        f"SELECT {_ROW} {_FROM} WHERE {where} ORDER BY {_REVERSE} LIMIT ?",
        *values,
        query.limit,
    )
    return tuple(_fill_row(row) for row in reversed(newest)), count[0] if count else 0


def read_fill(sql: Sql, user_id: int, fill_id: int) -> FillRow | None:
    """One of the user's fills, or lots entered by hand."""
    row = sql.one(f"SELECT {_ROW} {_FROM} WHERE users.id = ? AND fills.id = ?", user_id, fill_id)
    return None if row is None else _fill_row(row)


def _where(user_id: int, query: FillQuery) -> tuple[str, list[Any]]:
    parts: list[str] = ["users.id = ?", "fills.source NOT IN ('opening', 'transfer')"]
    values: list[Any] = [user_id]
    if query.brokers:
        # By account, as P&L does: two brokers may lead to one.
        parts.append(
            f"""fills.account_id IN (SELECT account_id FROM brokers
            WHERE user_id = ? AND removed_at IS NULL AND name IN {in_list(query.brokers)})"""
        )
        values += [user_id, *query.brokers]
    if query.symbols:
        parts.append(f"markets.symbol IN {in_list(query.symbols)}")
        values += query.symbols
    if query.since is not None:
        parts.append("fills.executed_at >= ?")
        values.append(to_us(query.since))
    if query.until is not None:
        parts.append("fills.executed_at < ?")
        values.append(to_us(query.until))
    return " AND ".join(parts), values


def _fill_row(row: Sequence[Any]) -> FillRow:
    first, *more = fees_of(row[7], row[8], row[9]) or (None,)
    return FillRow(
        id=row[0],
        broker=row[1],
        user=row[2],
        symbol=row[3],
        side=row[4],
        quantity=Decimal(row[5]),
        price=Decimal(row[6]),
        fee=first.amount if first else ZERO,
        fee_currency=first.currency if first else "",
        more_fees=tuple((fee.amount, fee.currency) for fee in more if fee),
        executed_at=from_us(row[10]),
        order_id=row[11],
        trade_id=row[12],
        source=row[13],
        contract_size=None if row[15] is None else Decimal(row[15]),
        is_cost_told=row[16] is None or row[16] >= FINAL,
    )


def read_known_ids(sql: Sql, account_id: int, symbol: str, trade_ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(trade_ids), 500):
        some = trade_ids[start : start + 500]
        rows = sql.rows(
            f"""SELECT trade_id FROM fills JOIN markets ON markets.id = market_id
            WHERE account_id = ? AND symbol IN {in_list(with_sides(symbol))} AND trade_id IN {in_list(some)}""",
            account_id,
            *with_sides(symbol),
            *some,
        )
        known.update(row[0] for row in rows)
    return known


def read_book_refs(sql: Sql, user_id: int) -> Iterator[BookRef]:
    """Every account and symbol with a book, under the name of the account's broker."""
    names = account_names(sql, user_id)
    rows = sql.rows(
        """SELECT books.account_id, books.market_id, users.name, markets.symbol,
        coalesce(markets.settle, markets.quote), accounts.market, books.method, books.last_at, books.scale, books.mixed,
        markets.inverse, markets.settle IS NOT NULL
        FROM books JOIN accounts ON accounts.id = books.account_id JOIN users ON users.id = accounts.user_id
        JOIN markets ON markets.id = books.market_id WHERE users.id = ?""",
        user_id,
    )
    refs = [
        BookRef(
            a,
            m,
            user,
            names.get(a, "?"),
            symbol,
            currency,
            market,
            method,
            from_us(last),
            scale,
            bool(mixed),
            bool(inv),
            bool(contract),
        )
        for a, m, user, symbol, currency, market, method, last, scale, mixed, inv, contract in rows
    ]
    yield from sorted(refs, key=lambda ref: (ref.broker, ref.symbol))


def account_names(sql: Sql, user_id: int) -> dict[int, str]:
    """The name an account goes by: its first broker's, a removed one's only where there is no other."""
    rows = sql.rows(
        f"""SELECT account_id, {_NAME} FROM brokers WHERE user_id = ? AND account_id IS NOT NULL
        ORDER BY removed_at IS NULL, id DESC""",
        user_id,
    )
    return dict(rows)


def read_books(sql: Sql, user_id: int, refs: Iterable[BookRef] | None = None) -> tuple[PnlRow, ...]:
    """The stored books (of all the user's, or of `refs`) as P&L rows, each in the method it is kept in."""
    rows = []
    for ref in read_book_refs(sql, user_id) if refs is None else refs:
        book = sql.one(
            """SELECT open_quantity, open_cost, gross, fees, unmatched_quantity, unmatched_proceeds, unmatched_fees,
            disposals, fills FROM books WHERE account_id = ? AND market_id = ?""",
            ref.account_id,
            ref.market_id,
        )
        if book is not None:
            unvalued = read_unvalued(sql, ref)
            rows.append(row_of(ref, tally_of(book[2:]), unvalued, Decimal(book[0]), Decimal(book[1])))
    return tuple(rows)


def row_of(
    ref: BookRef, tally: Tally, unvalued: tuple[tuple[str, Decimal], ...], open_quantity: Decimal, open_cost: Decimal
) -> PnlRow:
    """A book's totals as a P&L row. What an inverse book holds it counts below zero: a person reads its worth."""
    average = divide(open_cost, open_quantity.copy_abs()) if open_quantity else None
    if ref.inverse:
        open_cost = open_cost.copy_negate()
    return PnlRow(
        user=ref.user,
        broker=ref.broker,
        symbol=ref.symbol,
        currency=ref.currency,
        gross=tally.gross,
        fees=tally.fees,
        open_quantity=open_quantity,
        open_cost=open_cost,
        average_cost=None if average is None else shown_price(average, inverse=ref.inverse),
        unmatched_quantity=tally.unmatched_quantity,
        unmatched_proceeds=tally.unmatched_proceeds,
        unmatched_fees=tally.unmatched_fees,
        unvalued_fees=unvalued,
        disposals=tally.disposals,
        fills=tally.fills,
    )


def read_tally(sql: Sql, ref: BookRef, since_us: int, until_us: int) -> Tally:
    """What the stored book realised within [since, until): whole days from the roll-up, the rest from its rows."""
    first, last = -(-since_us // DAY_US), until_us // DAY_US
    if first > last:
        return _tally_between(sql, ref, since_us, until_us)
    tally = _tally_between(sql, ref, since_us, first * DAY_US)
    rows = sql.rows(
        f"SELECT {SUMS} FROM days WHERE account_id = ? AND market_id = ? AND day >= ? AND day < ?",
        *ref.key,
        first,
        last,
    )
    for row in rows:
        tally += tally_of(row)
    return tally + _tally_between(sql, ref, last * DAY_US, until_us)


_INSIDE = " WHERE e.account_id = ? AND e.market_id = ? AND e.at >= ? AND e.at < ?"
_CLOSING = "FROM entries e JOIN disposals d ON d.fill_id = e.fill_id"
_SELLING = "FROM entries e JOIN unmatched u ON u.fill_id = e.fill_id"


def _tally_between(sql: Sql, ref: BookRef, since_us: int, until_us: int) -> Tally:
    """The same from disposals and unmatched sales themselves: for part of a day."""
    if since_us >= until_us:
        return Tally()
    closing, selling, inside = _CLOSING + _INSIDE, _SELLING + _INSIDE, "FROM entries e" + _INSIDE
    values = (*ref.key, since_us, until_us)
    tally = Tally()
    parts = sql.rows(f"SELECT d.gross, d.fees {closing}", *values)
    gone = sql.rows(f"SELECT u.quantity, u.proceeds, u.fees {selling}", *values)
    loose = sql.rows(f"SELECT e.fee, e.scale {inside} AND e.quantity = 0", *values)
    with localcontext(EXACT):
        tally.gross = sum((Decimal(gross) for gross, _ in parts), ZERO)
        tally.fees = sum((Decimal(fees) for _, fees in parts), ZERO)
        tally.fees += sum((to_decimal(int(fee), Scale.of_code(code).fee) for fee, code in loose), ZERO)
        tally.unmatched_quantity = sum((Decimal(row[0]) for row in gone), ZERO)
        tally.unmatched_proceeds = sum((Decimal(row[1]) for row in gone), ZERO)
        tally.unmatched_fees = sum((Decimal(row[2]) for row in gone), ZERO)
    tally.disposals = sql.rows(f"SELECT count(DISTINCT d.fill_id) {closing}", *values)[0][0]
    tally.fills = sql.rows(f"SELECT count(*) {inside}", *values)[0][0]
    return tally


def read_unvalued(
    sql: Sql, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None
) -> tuple[tuple[str, Decimal], ...]:
    """Fees of a book's fills whose price is not known, by coin."""
    where, values = "", [ref.account_id, ref.market_id]
    for condition, at in ((" AND executed_at >= ?", since), (" AND executed_at < ?", until)):
        if at is not None:
            where += condition
            values.append(to_us(at))
    rows = sql.rows(
        f"""SELECT coin, amount FROM coin_fees JOIN fills ON fills.id = fill_id
        WHERE rate IS NULL AND coin_fees.account_id = ? AND coin_fees.market_id = ?{where}""",
        *values,
    )
    tally = Tally()
    tally.add_unvalued((coin, Decimal(amount)) for coin, amount in rows)
    return tuple(sorted(tally.unvalued.items()))


def count_untold(sql: Sql, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """How many of a book's fills have costs that their exchange has not told yet."""
    where, values = "", [ref.account_id, ref.market_id]
    for condition, at in ((" AND executed_at >= ?", since), (" AND executed_at < ?", until)):
        if at is not None:
            where += condition
            values.append(to_us(at))
    query = f"SELECT count(*) FROM fills WHERE account_id = ? AND market_id = ? AND revision < {FINAL}{where}"
    return int(sql.rows(query, *values)[0][0])


def read_executions(sql: Sql, user_id: int, *, after_id: int = 0, limit: int | None = None) -> tuple[ExecutionRow, ...]:
    """Executions stored after the fill `after_id`, newest execution first, with what each realised."""
    rows = sql.rows(
        f"""SELECT {_ROW} {_FROM} WHERE users.id = ? AND fills.id > ? AND fills.source NOT IN ('opening', 'transfer')
        ORDER BY {_REVERSE} LIMIT ?""",
        user_id,
        after_id,
        _ALL if limit is None else limit,
    )
    ids = [row[0] for row in rows]
    realised, unmatched = _results(sql, ids)
    unvalued = _unvalued(sql, ids)
    return tuple(
        _execution(row, realised.get(row[0]), unmatched.get(row[0], ZERO), unvalued=row[0] in unvalued) for row in rows
    )


def _unvalued(sql: Sql, fill_ids: list[int]) -> set[int]:
    """Those of these fills that have a fee whose price is not known."""
    found: set[int] = set()
    for start in range(0, len(fill_ids), 500):
        some = fill_ids[start : start + 500]
        rows = sql.rows(f"SELECT fill_id FROM coin_fees WHERE rate IS NULL AND fill_id IN {in_list(some)}", *some)
        found.update(row[0] for row in rows)
    return found


def _results(sql: Sql, fill_ids: list[int]) -> tuple[dict[int, Decimal], dict[int, Decimal]]:
    """What each of these fills realised, net, and what of it met no lot; by fill."""
    realised: dict[int, Decimal] = {}
    unmatched: dict[int, Decimal] = {}
    for start in range(0, len(fill_ids), 500):
        some = fill_ids[start : start + 500]
        parts = sql.rows(f"SELECT fill_id, gross, fees FROM disposals WHERE fill_id IN {in_list(some)}", *some)
        for fill_id, gross, fees in parts:
            net = EXACT.subtract(Decimal(gross), Decimal(fees))
            realised[fill_id] = EXACT.add(realised.get(fill_id, ZERO), net)
        rows = sql.rows(f"SELECT fill_id, quantity FROM unmatched WHERE fill_id IN {in_list(some)}", *some)
        unmatched.update({fill_id: Decimal(quantity) for fill_id, quantity in rows})
    return realised, unmatched


def _execution(row: Sequence[Any], net: Decimal | None, unmatched: Decimal, *, unvalued: bool) -> ExecutionRow:
    return ExecutionRow(fill=_fill_row(row), currency=row[14], net=net, unmatched=unmatched, unvalued=unvalued)
