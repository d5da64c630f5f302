"""What each fill moves, as rows of integers in the order of the fold, and fees in third coins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from trademon.core.entries import Moved, Scale, third_coins
from trademon.core.model import Fill
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql
from trademon.store.exact import decimal_text
from trademon.store.fill_rows import BookKey
from trademon.store.prices import Rate, find_rate

_LARGEST = 2**63 - 1
_FACTORS: dict[tuple[int, int], tuple[int, int, int]] = {}


class Position(NamedTuple):
    """A place in the order of a book: microseconds, and what orders ties."""

    at_us: int
    tie: str


def position(fill: Fill) -> Position:
    """Where `fill` stands in its book: `model.fill_order` in a form that SQL sorts the same way."""
    text = fill.trade_id
    if len(text) <= 40 and text.isascii() and text.isdigit():
        number = text.lstrip("0") or "0"
        tie = f"{fill.epoch:06d}{len(number):02d}{number}/{text}"
    else:
        tie = f"{fill.epoch:06d}~{text}"
    return Position(to_us(fill.executed_at), tie)


def value_fees(sql: Sql, host: str, fills: Iterable[tuple[int, Fill]], key: BookKey) -> dict[int, dict[str, Rate]]:
    """Note the third-coin fees of new fills, with their rates where the price is known; those rates by fill."""
    rates: dict[int, dict[str, Rate]] = {}
    rows = []
    for fill_id, fill in fills:
        for coin, amount in third_coins(fill).items():
            rate = find_rate(sql, host, coin, fill.currency, fill.executed_at, asked=True, account_id=key[0])
            if rate is not None:
                rates.setdefault(fill_id, {})[coin] = rate
            told = (None, None, None) if rate is None else (decimal_text(rate.rate), to_us(rate.at), rate.source)
            rows.append((fill_id, coin, *key, decimal_text(amount), *told))
    sql.many(
        """INSERT INTO coin_fees (fill_id, coin, account_id, market_id, amount, rate, rate_at, rate_source)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
        rows,
    )
    return rates


class CoinFee(NamedTuple):
    """A fee whose price is not known: what to ask for, and where its fill stands in its book."""

    fill_id: int
    coin: str
    currency: str
    at: datetime
    position: Position


def group_fees(sql: Sql, account_id: int) -> dict[BookKey, list[CoinFee]]:
    """The account's fees without a price, by book, newest first."""
    rows = sql.rows(
        """SELECT coin_fees.market_id, coin_fees.fill_id, coin, coalesce(settle, quote), entries.at, tie
        FROM coin_fees JOIN entries ON entries.fill_id = coin_fees.fill_id
        JOIN markets ON markets.id = coin_fees.market_id
        WHERE rate IS NULL AND coin_fees.account_id = ? ORDER BY entries.at DESC""",
        account_id,
    )
    fees: dict[BookKey, list[CoinFee]] = {}
    for market_id, fill_id, coin, currency, at_us, tie in rows:
        fee = CoinFee(fill_id, coin, currency, from_us(at_us), Position(at_us, tie))
        fees.setdefault((account_id, market_id), []).append(fee)
    return fees


def note_rate(sql: Sql, fee: CoinFee, rate: Rate) -> None:
    """Keep what one coin of the fee was worth, and where that is from."""
    sql.run(
        "UPDATE coin_fees SET rate = ?, rate_at = ?, rate_source = ? WHERE fill_id = ? AND coin = ?",
        decimal_text(rate.rate),
        to_us(rate.at),
        rate.source,
        fee.fill_id,
        fee.coin,
    )


def known_rates(sql: Sql, fill_ids: str, *values: object) -> dict[int, dict[str, Decimal]]:
    """The rates noted for the fills that the condition `fill_ids` on `coin_fees` selects."""
    rates: dict[int, dict[str, Decimal]] = {}
    for fill_id, coin, rate in sql.rows(
        f"SELECT fill_id, coin, rate FROM coin_fees WHERE rate IS NOT NULL AND {fill_ids}", *values
    ):
        rates.setdefault(fill_id, {})[coin] = Decimal(rate)
    return rates


class Step(NamedTuple):
    """What one fill moves, and where it stands in its book."""

    fill_id: int
    at_us: int
    tie: str
    moved: Moved
    acquired_us: int | None = None


def write_entries(sql: Sql, key: BookKey, steps: Iterable[Step], scale: Scale) -> tuple[list[tuple[int, ...]], bool]:
    """Store what fills move, in integers of `scale`; those integers, and whether one needs `mixed` reading."""
    entries: list[tuple[int, ...]] = []
    rows: list[tuple[Any, ...]] = []
    code, odd = scale.code, False
    for fill_id, at_us, tie, moved, acquired_us in steps:
        entry = scale.entry(fill_id, at_us if acquired_us is None else acquired_us, moved)
        _, _, quantity, price, fee = entry
        if -_LARGEST <= quantity <= _LARGEST and -_LARGEST <= price <= _LARGEST and -_LARGEST <= fee <= _LARGEST:
            rows.append((*key, at_us, tie, fill_id, quantity, price, fee, code, acquired_us))
        else:
            numbers = (n if -_LARGEST <= n <= _LARGEST else str(n) for n in (quantity, price, fee))
            rows.append((*key, at_us, tie, fill_id, *numbers, code, acquired_us))
            odd = True
        odd = odd or acquired_us is not None
        entries.append(entry)
    sql.many(
        """INSERT INTO entries (account_id, market_id, at, tie, fill_id, quantity, price, fee, scale, acquired_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        rows,
    )
    return entries, odd


def read_entries(
    sql: Sql,
    key: BookKey,
    scale: Scale,
    *,
    mixed: bool,
    start: Position | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
) -> Iterator[tuple[int, ...]]:
    """The book's entries in order, in integers of `scale`; from `start` on, or of [since, until) microseconds.

    `mixed`: the book's rows are not all of one scale, or some are too large for a column, or lots were carried over,
    whose time is that of their acquisition.
    """
    where, values = "account_id = ? AND market_id = ?", list[Any](key)
    if start is not None:
        where += " AND (at, tie) >= (?, ?)"
        values += start
    for condition, us in ((" AND at >= ?", since_us), (" AND at < ?", until_us)):
        if us is not None:
            where += condition
            values.append(us)
    order = f"FROM entries WHERE {where} ORDER BY at, tie"
    if not mixed:
        numbers = ", ".join(map(sql.whole, ("quantity", "price", "fee")))
        return sql.stream(f"SELECT fill_id, at, {numbers} {order}", *values)
    columns = "fill_id, coalesce(acquired_at, at), quantity, price, fee, scale"
    return _scaled(sql.stream(f"SELECT {columns} {order}", *values), scale)


def _scaled(rows: Iterator[tuple[int, ...]], scale: Scale) -> Iterator[tuple[int, ...]]:
    for fill_id, at_us, quantity, price, fee, code in rows:
        factors = _FACTORS.get((code, scale.code))
        if factors is None:
            factors = _FACTORS[code, scale.code] = scale.factors_from(Scale.of_code(code))
        yield fill_id, at_us, int(quantity) * factors[0], int(price) * factors[1], int(fee) * factors[2]
