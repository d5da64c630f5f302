"""A user's balances held against their stored history: what moved coins, agreed points, what was read."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter

from trademon.core.cash_reports import CashLine
from trademon.core.coverage import Span
from trademon.core.entries import written_decimals
from trademon.core.model import Fill, Transfer
from trademon.core.money import EXACT, parse_decimal
from trademon.core.replay import (
    Comparison,
    Point,
    Seen,
    Step,
    compare,
    cuts,
    first_point,
    in_order,
    step_of_cash,
    step_of_fill,
    step_of_transfer,
)
from trademon.core.symbols import without_side
from trademon.core.times import MICROSECOND, from_us, to_us
from trademon.errors import DataError
from trademon.store import balance_rows, coverage_rows
from trademon.store.database import Sql, rerun
from trademon.store.fill_rows import iter_executed_after
from trademon.store.scope import OWNED, UserScope

# Exchanges book a quote amount to this many decimals; what they cut is in the row they sent.
_BOOKED_DECIMALS = 8
_CURRENCY = re.compile("[A-Z]{3}")
_PAID_NAMES = ("quoteQty", "amount")


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of holding live balances against history.

    `before` is the agreed point they were held against, `after` the one there is now; both None where an account that
    trades every second gave no moment to begin with. `comparison` is None for a first point.
    """

    before: Point | None
    after: Point | None
    comparison: Comparison | None
    steps: tuple[Step, ...]
    looks: tuple[Seen, ...] = ()
    not_verified: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an account's symbols: see `core.drift_causes.Evidence`."""

    traded: dict[str, datetime]
    prices: dict[str, Decimal]
    covered: dict[str, tuple[Span, ...]]
    orders: tuple[Span, ...]
    transfers: dict[str, tuple[Span, ...]]


class UserVerify(UserScope):
    """The part of a user's store that holds balances against history."""

    def agreed_point(self, account_id: int) -> Point | None:
        """The newest balances that stored history explains, None before the first verification."""
        with self._database.read() as sql:
            return balance_rows.load_point(sql, account_id) if self._owns(sql, account_id) else None

    @rerun
    def settle_balances(
        self, account_id: int, seen: Seen, *, earlier: Seen | None = None, with_money: bool = True
    ) -> Settlement:
        """Hold live balances against all that is stored, and move the agreed point where they agree: one transaction.

        `earlier` are balances seen before in the same run: with two looks an account that never rests has a first
        point, too. `with_money`: its currencies are compared, too; not where their deposits, interest and conversions
        are not told.
        """
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            before = balance_rows.load_point(sql, account_id)
            skip = _contract_coins(sql, account_id)
            if not with_money:
                skip |= {
                    coin for coin in (*seen.totals, *(before.totals if before else ())) if _CURRENCY.fullmatch(coin)
                }
            since = before.at if before else (earlier or seen).window.start - MICROSECOND
            steps = tuple(in_order(_steps(sql, account_id, since)))
            if before is None:
                after, comparison = first_point(steps, seen, earlier), None
            else:
                ends = cuts(steps, seen.window)
                comparison = compare(before.totals, [before.at], steps, seen.totals, ends, skip=skip)
                after = Point(comparison.cut, seen.totals) if comparison.agrees else before
            looks = balance_rows.load_looks(sql, account_id) if after is before else ()
            if after is not None and after is not before:
                balance_rows.save_point(sql, account_id, after)
        return Settlement(before, after, comparison, steps, looks, skip)

    @rerun
    def accept_balances(self, account_id: int, point: Point) -> None:
        """Set the agreed point though history does not explain it: a person says that it is so."""
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            balance_rows.save_point(sql, account_id, point)

    def known_of(self, account_id: int) -> Known:
        """What was read of the account's symbols and streams, and what they last cost."""
        with self._database.read() as sql:
            mine = (account_id, self._user_id)
            books = sql.rows(
                f"""SELECT symbol, last_at, (SELECT price FROM fills f WHERE f.account_id = books.account_id
                AND f.market_id = books.market_id AND f.executed_at = last_at LIMIT 1)
                FROM books JOIN markets ON markets.id = market_id WHERE {OWNED}""",
                *mine,
            )
            spans = sql.rows(
                f"SELECT stream, symbol, start_at, end_at FROM coverage WHERE {OWNED} ORDER BY start_at", *mine
            )
        covered: dict[tuple[str, str], list[Span]] = {}
        for stream, symbol, start, end in spans:
            covered.setdefault((stream, symbol), []).append(Span(from_us(start), from_us(end)))
        return Known(
            traded={without_side(symbol): from_us(at) for symbol, at, _ in sorted(books, key=itemgetter(1))},
            prices={
                without_side(s): Decimal(price) for s, _, price in books if price is not None and Decimal(price) > 0
            },
            covered={symbol: tuple(found) for (stream, symbol), found in covered.items() if stream == "fills"},
            orders=tuple(covered.get(("orders", ""), ())),
            transfers={s: tuple(covered.get((s, ""), ())) for s in ("deposits", "withdrawals")},
        )

    @rerun
    def forget_coverage(self, account_id: int, symbols: Collection[str], fills: Span, transfers: Span) -> None:
        """Have that time of these symbols' fills and of the order history, and that of all transfers, read again. What
        is stored of it stays."""
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            for symbol in symbols:
                coverage_rows.forget(sql, account_id, "fills", symbol, fills)
            coverage_rows.forget(sql, account_id, "orders", "", fills)
            for stream in ("deposits", "withdrawals"):
                coverage_rows.forget(sql, account_id, stream, "", transfers)


def _steps(sql: Sql, account_id: int, after: datetime) -> Iterator[Step]:
    """Everything stored that moved coins after that time, in no order."""
    us = to_us(after)
    for fill, raw in iter_executed_after(sql, account_id, us):
        yield step_of_fill(fill, _paid(fill, raw))
    transfers = sql.rows(
        "SELECT transfer_id, kind, coin, amount, fee, at FROM transfers WHERE account_id = ? AND at > ?", account_id, us
    )
    for number, kind, coin, amount, fee, at in transfers:
        yield step_of_transfer(Transfer(number, kind, coin, Decimal(amount), Decimal(fee), from_us(at)))
    cash = sql.rows(
        "SELECT cash_id, kind, currency, amount, at FROM cash WHERE account_id = ? AND at > ?", account_id, us
    )
    for number, kind, currency, amount, at in cash:
        yield step_of_cash(CashLine(number, kind, currency, Decimal(amount), from_us(at)))


def _paid(fill: Fill, raw: str) -> Decimal | None:
    """The quote amount as the exchange booked it, where price times quantity has more decimals than it books."""
    value = EXACT.multiply(fill.quantity, fill.price)
    if fill.contract is not None or written_decimals(value) <= _BOOKED_DECIMALS or not raw.startswith("{"):
        return None
    row = json.loads(raw)
    said = next((row[name] for name in _PAID_NAMES if name in row), None)
    try:
        paid = parse_decimal(said)
    except DataError:
        return None
    # Further off than a cut of the last digit, it is not the amount of this fill.
    return paid if abs(EXACT.subtract(paid, value)) < Decimal(1).scaleb(-_BOOKED_DECIMALS) else None


def _contract_coins(sql: Sql, account_id: int) -> frozenset[str]:
    """Coins that contracts of the account settle in: gains and losses move them, and no fill says by how much."""
    rows = sql.rows(
        """SELECT DISTINCT settle FROM books JOIN markets ON markets.id = market_id
        WHERE account_id = ? AND settle IS NOT NULL""",
        account_id,
    )
    return frozenset(row[0] for row in rows)
