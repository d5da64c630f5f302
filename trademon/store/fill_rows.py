"""Fills as rows: written, recognised, and read back in the order of matching."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from trademon.core.model import Broker, Contract, Fee, Fill, id_order
from trademon.core.money import format_decimal, parse_decimal
from trademon.core.times import format_time, from_us, to_us
from trademon.store.database import Sql, in_list
from trademon.store.exact import decimal_text

API = "api"
"""The source of fills that an exchange itself told."""
IMPORT = "import"
"""The source of fills that a file told."""
TRANSFER = "transfer"
"""The source of rows that stand for one end of a transfer between a user's own accounts."""
CARRIED = f"source IN ('opening', '{TRANSFER}') AND source = '{TRANSFER}'"
"""The condition on such rows: its first half is that of their index, without which all fills would be read."""
OUT = "-out"
"""How the ids of those end that take lots out of a book."""
_MAX_IN = 500
_FILL_COLUMNS = """fills.id, trade_id, epoch, side, quantity, price, fee, fee_currency, more_fees, executed_at,
    order_id, order_type, is_maker, markets.symbol, markets.base, markets.quote, markets.settle,
    markets.contract_size, markets.inverse, markets.former,
    acquired_at, source, fills.revision"""

_FIELDS = ("side", "quantity", "price", "executed_at")

BookKey = tuple[int, int]
"""(account id, market id)"""
Content = tuple[str, Decimal, Decimal, int]
"""(side, quantity, price, microseconds): what may not differ when the same id is seen again"""


@dataclass(frozen=True, slots=True)
class Known:
    """A stored fill as far as it matters to one that comes in under its id."""

    fill_id: int
    source: str
    content: Content
    fees: tuple[Fee, ...]
    revision: int | None = None


Differences = tuple[tuple[str, str, str], ...]
"""What differs between two tellings of one fill: the field, as it was known, as it came back."""


def differences(known: Known, fill: Fill, *, fees: bool = True) -> Differences:
    """In what `fill` is not the execution that is known under its id."""
    one, other = known.content, content(fill)
    if one == other and (not fees or known.fees == fill.fees or paid(known.fees) == paid(fill.fees)):
        return ()
    said = list(zip(_FIELDS, _words(one), _words(other), strict=True))
    if fees:
        said.append(("fee", _fee_words(known.fees), _fee_words(fill.fees)))
    return tuple(each for each in said if each[1] != each[2])


def contradictions(known: Known, fill: Fill) -> Differences:
    """The same for a file against the exchange's own word, of which it may say less: a time that ends at the second,
    no fee, or one of several."""
    at_us, told_us = to_us(fill.executed_at), known.content[3]
    same_time = at_us % 1_000_000 == 0 and 0 <= told_us - at_us < 1_000_000
    less = {"executed_at"} if same_time else set()
    if set(paid(fill.fees)) <= set(paid(known.fees)):
        less.add("fee")
    return tuple(each for each in differences(known, fill) if each[0] not in less)


def paid(fees: tuple[Fee, ...]) -> tuple[Fee, ...]:
    """The fees that come to something: a file says nothing of the others."""
    return tuple(fee for fee in fees if fee.amount)


def _words(known: Content) -> tuple[str, ...]:
    side, quantity, price, at_us = known
    return side, format_decimal(quantity), format_decimal(price), format_time(from_us(at_us))


def _fee_words(fees: tuple[Fee, ...]) -> str:
    return " + ".join(f"{format_decimal(fee.amount)} {fee.currency}" for fee in paid(fees)) or "0"


def iter_fills(sql: Sql, key: BookKey) -> Iterator[tuple[int, Fill]]:
    """The fills of one book with their store ids, in `fill_order`."""
    rows = sql.stream(
        f"""SELECT {_FILL_COLUMNS} FROM fills JOIN markets ON markets.id = market_id
        WHERE account_id = ? AND market_id = ? ORDER BY executed_at, epoch""",
        *key,
    )
    # SQL cannot sort ids as numbers in both databases, so ties in time are put in order here.
    for _, tied in groupby(rows, key=lambda row: (row[9], row[2])):
        for row in sorted(tied, key=lambda row: id_order(row[1])):
            yield row[0], fill_of(row)


def iter_executed_after(sql: Sql, account_id: int, us: int) -> Iterator[tuple[Fill, str]]:
    """The account's executions after that microsecond with their raw rows, in no order: no entered lots, no ends of
    transfers."""
    rows = sql.stream(
        f"""SELECT {_FILL_COLUMNS}, fills.raw FROM fills JOIN markets ON markets.id = market_id
        WHERE account_id = ? AND executed_at > ? AND source NOT IN ('opening', 'transfer')
        AND market_id IN (SELECT market_id FROM books WHERE account_id = ? AND last_at > ?)""",
        account_id,
        us,
        account_id,
        us,
    )
    for row in rows:
        yield fill_of(row), row[-1]


def load_fill(sql: Sql, fill_id: int) -> Fill:
    """One stored fill by its store id, which is known to be there."""
    row = sql.one(
        f"SELECT {_FILL_COLUMNS} FROM fills JOIN markets ON markets.id = market_id WHERE fills.id = ?", fill_id
    )
    assert row is not None
    return fill_of(row)


def fill_of(row: Sequence[Any]) -> Fill:
    """A row of `_FILL_COLUMNS` as a Fill. The raw answer stays in the store.

    A fee in a coin's former name is a fee in that coin: the fill keeps the name that its exchange used then.
    """
    fees, base, quote = fees_of(row[6], row[7], row[8]), row[14], row[15]
    for name, role in json.loads(row[19]) if row[19] else ():
        if any(fee.currency == name for fee in fees):
            base, quote = (name, quote) if role == "base" else (base, name)
    return Fill(
        trade_id=row[1],
        epoch=row[2],
        side=row[3],
        quantity=Decimal(row[4]),
        price=Decimal(row[5]),
        fees=fees,
        executed_at=from_us(row[9]),
        order_id=row[10],
        order_type=row[11],
        is_maker=None if row[12] is None else bool(row[12]),
        symbol=row[13],
        base=base,
        quote=quote,
        contract=_contract(*row[16:19]),
        acquired_at=None if row[20] is None else from_us(row[20]),
        leaves=row[21] == TRANSFER and row[1].endswith(OUT),
        revision=row[22],
    )


def fees_of(fee: str, currency: str, more: str | None) -> tuple[Fee, ...]:
    first = (Fee(Decimal(fee), currency),) if currency else ()
    if not more:
        return first
    return first + tuple(Fee(parse_decimal(amount), coin) for amount, coin in json.loads(more))


def market_id(sql: Sql, broker: Broker, symbol: str, fill: Fill) -> int:
    """The number of the market that a fill of that symbol is of, which is made where there is none yet. What files
    alone name has no exchange to say how much a contract stands for: one of another size is another market."""
    rows = sql.rows(
        """SELECT id, settle, contract_size, inverse FROM markets WHERE exchange = ? AND market = ? AND symbol = ?
        ORDER BY exchange_symbol IS NULL, id DESC""",
        broker.exchange,
        broker.market,
        symbol,
    )
    if broker.exchange == "manual":
        rows = [row for row in rows if _contract(*row[1:]) == fill.contract]
    if rows:
        return int(rows[0][0])
    return sql.insert(
        "markets",
        exchange=broker.exchange,
        market=broker.market,
        symbol=symbol,
        base=fill.base,
        quote=fill.quote,
        settle=fill.contract.settle if fill.contract else None,
        contract_size=decimal_text(fill.contract.size) if fill.contract else None,
        inverse=fill.contract is not None and fill.contract.inverse,
    )


def _contract(settle: str | None, size: str | None, inverse: object) -> Contract | None:
    return None if settle is None or size is None else Contract(settle, Decimal(size), bool(inverse))


def is_contract(sql: Sql, key: BookKey) -> bool:
    """Whether a book is of contracts, so that it may go short also where nothing else of its account may."""
    row = sql.one("SELECT settle FROM markets WHERE id = ?", key[1])
    return row is not None and row[0] is not None


def content(fill: Fill) -> Content:
    return (fill.side, fill.quantity, fill.price, to_us(fill.executed_at))


def known_rows(sql: Sql, key: BookKey, trade_ids: list[str]) -> dict[tuple[str, int], Known]:
    """What is stored under these ids, by (trade id, epoch)."""
    known: dict[tuple[str, int], Known] = {}
    for start in range(0, len(trade_ids), _MAX_IN):
        some = trade_ids[start : start + _MAX_IN]
        rows = sql.rows(
            f"""SELECT trade_id, epoch, id, source, revision, side, quantity, price, executed_at, fee, fee_currency,
            more_fees FROM fills
            WHERE account_id = ? AND market_id = ? AND trade_id IN {in_list(some)}""",
            *key,
            *some,
        )
        for trade_id, epoch, fill_id, source, revision, side, quantity, price, at, *fees in rows:
            same = (side, Decimal(quantity), Decimal(price), at)
            known[trade_id, epoch] = Known(fill_id, source, same, fees_of(*fees), revision)
    return known


def fill_values(
    fill_id: int, key: BookKey, fill: Fill, broker_id: int, source: str, seen_at: datetime
) -> tuple[Any, ...]:
    first, *more = fill.fees or (None,)
    return (
        fill_id,
        *key,
        fill.trade_id,
        fill.epoch,
        broker_id,
        fill.order_id,
        fill.side,
        format_decimal(fill.quantity),  # a Fill has checked its amounts
        format_decimal(fill.price),
        format_decimal(first.amount) if first else "0",
        first.currency if first else "",
        json.dumps([[format_decimal(f.amount), f.currency] for f in more if f]) if more else None,
        to_us(fill.executed_at),
        None if fill.acquired_at is None else to_us(fill.acquired_at),
        fill.order_type,
        fill.is_maker,
        source,
        to_us(seen_at),
        fill.revision,
        fill.raw,
    )


def insert_fills(sql: Sql, rows: list[tuple[Any, ...]]) -> None:
    """Write rows of `fill_values`."""
    sql.many(
        """INSERT INTO fills (id, account_id, market_id, trade_id, epoch, broker_id, order_id, side, quantity,
        price, fee, fee_currency, more_fees, executed_at, acquired_at, order_type, is_maker, source, seen_at,
        revision, raw)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        rows,
    )


def take_ids(sql: Sql, count: int) -> range:
    """As many numbers that no fill has or had, of any user: whoever remembers the last one it saw must not miss the
    next."""
    if not count:
        return range(0)
    (last,) = sql.rows(
        """INSERT INTO counters (name, value) VALUES ('fills', ?)
        ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value""",
        count,
    )[0]
    return range(last - count + 1, last + 1)


class BookMarket(NamedTuple):
    """What a book is of."""

    market_id: int
    symbol: str
    base: str
    quote: str


def market_of(sql: Sql, number: int, *, account_id: int | None = None) -> BookMarket:
    """A market by its number; with an account, the market of the same symbol at that account's exchange, which is made
    where there is none yet."""
    row = sql.rows("SELECT id, symbol, base, quote FROM markets WHERE id = ?", number)[0]
    if account_id is None:
        return BookMarket(*row)
    exchange, market = sql.rows("SELECT exchange, market FROM accounts WHERE id = ?", account_id)[0]
    there = sql.one(
        """SELECT id, symbol, base, quote FROM markets WHERE exchange = ? AND market = ? AND symbol = ?
        ORDER BY exchange_symbol IS NULL, id DESC LIMIT 1""",
        exchange,
        market,
        row[1],
    )
    if there is not None:
        return BookMarket(*there)
    number = sql.insert("markets", exchange=exchange, market=market, symbol=row[1], base=row[2], quote=row[3])
    return BookMarket(number, *row[1:])
