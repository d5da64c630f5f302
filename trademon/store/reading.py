"""Reading back: fills by filter, the fills of a book for a fold, stored books, the newest executions.

Every query names the user.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from trademon.core.money import EXACT, ZERO, divide
from trademon.core.reports import ExecutionRow, FillRow, PnlRow
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql, in_list
from trademon.store.fill_rows import fees_of

# A fill of an account is shown under the name of the broker that found it.
_NAME = "CASE WHEN brokers.removed_at IS NULL THEN brokers.name ELSE brokers.name || ' (removed)' END"
_ROW = f"""fills.id, {_NAME}, users.name, markets.symbol, fills.side, fills.quantity, fills.price, fills.fee,
    fills.fee_currency, fills.more_fees, fills.executed_at, fills.order_id, fills.trade_id, fills.source,
    markets.quote"""
_FROM = """FROM fills JOIN accounts ON accounts.id = fills.account_id JOIN users ON users.id = accounts.user_id
    JOIN markets ON markets.id = fills.market_id JOIN brokers ON brokers.id = fills.broker_id"""
# The order of matching (`core.model.fill_order`): numeric ids as numbers, that is shorter first, and before all others.
_TIES = (
    "fills.executed_at",
    "fills.epoch",
    "fills.trade_id GLOB '*[^0-9]*'",
    "CASE WHEN fills.trade_id GLOB '*[^0-9]*' THEN 0 ELSE length(fills.trade_id) END",
    "fills.trade_id",
    "fills.id",
)
_ORDER = ", ".join(_TIES)
_REVERSE = ", ".join(f"{tie} DESC" for tie in _TIES)


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
    """One book to fold: whose, and what of."""

    account_id: int
    market_id: int
    user: str
    broker: str
    symbol: str
    quote: str
    market: str


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


def _where(user_id: int, query: FillQuery) -> tuple[str, list[Any]]:
    parts: list[str] = ["users.id = ?"]
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
    )


def read_known_ids(sql: Sql, account_id: int, symbol: str, trade_ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(trade_ids), 500):
        some = trade_ids[start : start + 500]
        rows = sql.rows(
            f"""SELECT trade_id FROM fills JOIN markets ON markets.id = market_id
            WHERE account_id = ? AND symbol = ? AND trade_id IN {in_list(some)}""",
            account_id,
            symbol,
            *some,
        )
        known.update(row[0] for row in rows)
    return known


def read_book_refs(sql: Sql, user_id: int) -> Iterator[BookRef]:
    """Every account and symbol with a book, under the name of the account's broker."""
    names = _account_names(sql, user_id)
    rows = sql.rows(
        """SELECT books.account_id, books.market_id, users.name, markets.symbol, markets.quote, accounts.market
        FROM books JOIN accounts ON accounts.id = books.account_id JOIN users ON users.id = accounts.user_id
        JOIN markets ON markets.id = books.market_id WHERE users.id = ?""",
        user_id,
    )
    refs = [BookRef(a, m, user, names.get(a, "?"), symbol, quote, market) for a, m, user, symbol, quote, market in rows]
    yield from sorted(refs, key=lambda ref: (ref.broker, ref.symbol))


def _account_names(sql: Sql, user_id: int) -> dict[int, str]:
    """The name an account goes by: its first broker's, a removed one's only where there is no other."""
    rows = sql.rows(
        f"""SELECT account_id, {_NAME} FROM brokers WHERE user_id = ? AND account_id IS NOT NULL
        ORDER BY removed_at IS NULL, id DESC""",
        user_id,
    )
    return dict(rows)


def read_books(sql: Sql, user_id: int) -> tuple[PnlRow, ...]:
    """The stored books as P&L rows, each in the method it is kept in."""
    rows = []
    for ref in read_book_refs(sql, user_id):
        book = sql.one(
            """SELECT gross, fees, unmatched_quantity, unmatched_proceeds, unvalued, disposals, fills FROM books
            WHERE account_id = ? AND market_id = ?""",
            ref.account_id,
            ref.market_id,
        )
        if book is None:
            continue
        lots = sql.rows(
            "SELECT side, quantity, cost, fees FROM lots WHERE account_id = ? AND market_id = ?",
            ref.account_id,
            ref.market_id,
        )
        with localcontext(EXACT):
            held = sum((Decimal(q) if side == "buy" else -Decimal(q) for side, q, _, _ in lots), ZERO)
            cost = sum((Decimal(c) + Decimal(f) for _, _, c, f in lots), ZERO)
        rows.append(
            PnlRow(
                user=ref.user,
                broker=ref.broker,
                symbol=ref.symbol,
                currency=ref.quote,
                gross=Decimal(book[0]),
                fees=Decimal(book[1]),
                open_quantity=held,
                open_cost=cost,
                average_cost=divide(cost, abs(held)) if held else None,
                unmatched_quantity=Decimal(book[2]),
                unmatched_proceeds=Decimal(book[3]),
                unvalued_fees=tuple((coin, Decimal(amount)) for coin, amount in json.loads(book[4]).items()),
                disposals=book[5],
                fills=book[6],
            )
        )
    return tuple(rows)


def read_executions(sql: Sql, user_id: int, *, after_id: int = 0, limit: int | None = None) -> tuple[ExecutionRow, ...]:
    """Executions stored after the fill `after_id`, newest execution first, with what each realised."""
    rows = sql.rows(
        f"SELECT {_ROW} {_FROM} WHERE users.id = ? AND fills.id > ? ORDER BY {_REVERSE} LIMIT ?",
        user_id,
        after_id,
        -1 if limit is None else limit,
    )
    realised, unmatched = _results(sql, [row[0] for row in rows])
    return tuple(_execution(row, realised.get(row[0]), unmatched.get(row[0], ZERO)) for row in rows)


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


def _execution(row: Sequence[Any], net: Decimal | None, unmatched: Decimal) -> ExecutionRow:
    fill = _fill_row(row)
    base, quote = fill.symbol.split("/")[0], row[14]
    coins = [(fill.fee, fill.fee_currency), *fill.more_fees]
    return ExecutionRow(
        fill=fill,
        currency=quote,
        net=net,
        unmatched=unmatched,
        unvalued=any(amount and coin not in (base, quote) for amount, coin in coins),
    )
