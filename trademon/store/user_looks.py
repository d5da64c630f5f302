"""What looks at a user's accounts saw: markets, balances, open orders, when which symbol was asked, coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from trademon.core.coverage import Span
from trademon.core.model import Balance, Broker, Candle, Contract, Market, OpenOrder, Position
from trademon.core.symbols import without_side
from trademon.core.times import from_us, to_us
from trademon.store import balance_rows, coverage_rows, prices
from trademon.store.database import Sql, rerun
from trademon.store.exact import decimal_text
from trademon.store.market_rows import save_listing
from trademon.store.scope import HOST, OWNED, UserScope, host_of, optional_time

_MARKET = "symbol, base, quote, coalesce(exchange_symbol, ''), settle, contract_size, inverse"


@dataclass(frozen=True, slots=True)
class Look:
    """When a symbol was last asked for, and when last with a day's overlap."""

    looked_at: datetime
    deep_at: datetime | None = None
    hot_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Covered:
    """A stream of an account, of one symbol where it has any.

    `spans` are proved fetched, sorted and disjoint; `fills` are stored.
    """

    stream: str
    symbol: str
    spans: tuple[Span, ...]
    fills: int


class UserLooks(UserScope):
    """The part of a user's store that remembers what the exchanges said beside fills."""

    def markets(self, broker: Broker) -> tuple[Market, ...]:
        """What the broker's host was last seen to list."""
        with self._database.read() as sql:
            self._check_broker(sql, broker)
            rows = sql.rows(
                f"""SELECT {_MARKET} FROM markets JOIN listings ON market_id = markets.id
                WHERE host = ? AND exchange = ? AND market = ? ORDER BY symbol""",
                host_of(broker),
                broker.exchange,
                broker.market,
            )
        return tuple(map(_market, rows))

    def unlisted_markets(self, broker: Broker) -> tuple[Market, ...]:
        """Markets of the exchange that its host no longer lists: what is left of them may still be asked for."""
        with self._database.read() as sql:
            self._check_broker(sql, broker)
            rows = sql.rows(
                f"""SELECT {_MARKET} FROM markets WHERE exchange = ? AND market = ?
                AND exchange_symbol IS NOT NULL AND id NOT IN (SELECT market_id FROM listings WHERE host = ?)""",
                broker.exchange,
                broker.market,
                host_of(broker),
            )
        return tuple(map(_market, rows))

    def contracts(self, broker: Broker) -> tuple[Market, ...]:
        """The contracts of the broker's exchange that are known with their size, from a list or from a file of the
        user's."""
        with self._database.read() as sql:
            self._check_broker(sql, broker)
            rows = sql.rows(
                f"""SELECT {_MARKET} FROM markets WHERE exchange = ? AND market = ? AND settle IS NOT NULL
                AND (exchange_symbol IS NOT NULL OR EXISTS (SELECT 1 FROM fills WHERE market_id = markets.id
                AND account_id IN (SELECT id FROM accounts WHERE user_id = ?)))""",
                broker.exchange,
                broker.market,
                self._user_id,
            )
        return tuple(map(_market, rows))

    def markets_seen_at(self, broker: Broker) -> datetime | None:
        with self._database.read() as sql:
            self._check_broker(sql, broker)
            row = sql.one(
                """SELECT max(seen_at) FROM listings JOIN markets ON market_id = markets.id
                WHERE host = ? AND exchange = ? AND market = ?""",
                host_of(broker),
                broker.exchange,
                broker.market,
            )
        return optional_time(row[0]) if row else None

    @rerun
    def save_markets(self, broker: Broker, markets: Iterable[Market], at: datetime, *, whole: bool = True) -> None:
        """Take over a host's list. What is no longer in it stays as a market, for the fills it has. Not `whole`: these
        are some of the list."""
        with self._database.write() as sql:
            self._check_broker(sql, broker)
            save_listing(sql, host_of(broker), broker.exchange, broker.market, tuple(markets), at, whole=whole)

    def symbols(self) -> tuple[str, ...]:
        """Every symbol this user has a fill of, or could have at one of their brokers."""
        with self._database.read() as sql:
            traded = sql.rows(
                """SELECT DISTINCT symbol FROM markets JOIN books ON market_id = markets.id
                WHERE account_id IN (SELECT id FROM accounts WHERE user_id = ?)""",
                self._user_id,
            )
            listed = sql.rows(
                f"""SELECT DISTINCT symbol FROM markets JOIN listings ON market_id = markets.id
                JOIN brokers ON {HOST} = host AND brokers.exchange = markets.exchange
                AND brokers.market = markets.market WHERE user_id = ? AND removed_at IS NULL""",
                self._user_id,
            )
        return tuple({row[0] for row in (*traded, *listed)})

    def traded_symbols(self, account_id: int) -> dict[str, datetime]:
        """Symbols with stored fills, and when the newest was executed; both position sides of a contract are one."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT symbol, max(last_at) FROM books JOIN markets ON markets.id = market_id
                WHERE {OWNED} GROUP BY symbol""",
                account_id,
                self._user_id,
            )
        newest: dict[str, datetime] = {}
        for symbol, at in sorted(rows, key=itemgetter(1)):
            newest[without_side(symbol)] = from_us(at)
        return newest

    def balances(self, account_id: int) -> dict[str, Balance]:
        """What the account held at the last look, by coin."""
        with self._database.read() as sql:
            rows = sql.rows(f"SELECT coin, free, locked FROM balances WHERE {OWNED}", account_id, self._user_id)
        return {coin: Balance(coin, Decimal(free), Decimal(locked)) for coin, free, locked in rows}

    def open_symbols(self, account_id: int) -> set[str]:
        """Symbols with an open order at the last look."""
        with self._database.read() as sql:
            rows = sql.rows(f"SELECT DISTINCT symbol FROM open_orders WHERE {OWNED}", account_id, self._user_id)
        return {row[0] for row in rows}

    def open_order_count(self, account_id: int) -> int:
        """How many orders were open at the last look."""
        with self._database.read() as sql:
            row = sql.one(f"SELECT count(*) FROM open_orders WHERE {OWNED}", account_id, self._user_id)
        return row[0] if row else 0

    @rerun
    def save_look(
        self,
        account_id: int,
        balances: Iterable[Balance],
        orders: Iterable[OpenOrder],
        at: datetime,
        positions: Iterable[Position] = (),
    ) -> None:
        """Replace what the account was last seen to hold and to have open."""
        seen, balances = to_us(at), tuple(balances)
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            sql.run("UPDATE accounts SET looked_at = ? WHERE id = ?", seen, account_id)
            sql.run("DELETE FROM balances WHERE account_id = ?", account_id)
            sql.many(
                "INSERT INTO balances (account_id, coin, free, locked, seen_at) VALUES (?, ?, ?, ?, ?)",
                [(account_id, b.coin, decimal_text(b.free), decimal_text(b.locked), seen) for b in balances],
            )
            balance_rows.remember(sql, account_id, balances, at)
            sql.run("DELETE FROM open_orders WHERE account_id = ?", account_id)
            sql.many(
                """INSERT INTO open_orders (account_id, order_id, symbol, side, order_type, quantity, filled, price,
                created_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                [
                    (
                        account_id,
                        o.order_id,
                        o.symbol,
                        o.side,
                        o.order_type,
                        decimal_text(o.quantity),
                        decimal_text(o.filled),
                        decimal_text(o.price),
                        to_us(o.created_at),
                        seen,
                    )
                    for o in orders
                ],
            )
            _replace_positions(sql, account_id, positions, seen)

    def open_orders(self, account_id: int) -> tuple[OpenOrder, ...]:
        """What the account had open at the last look, oldest first."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT order_id, symbol, side, order_type, quantity, filled, price, created_at FROM open_orders
                WHERE {OWNED} ORDER BY created_at, order_id""",
                account_id,
                self._user_id,
            )
        return tuple(
            OpenOrder(order_id, symbol, side, kind, Decimal(quantity), Decimal(filled), Decimal(price), from_us(at))
            for order_id, symbol, side, kind, quantity, filled, price, at in rows
        )

    def positions(self, account_id: int) -> tuple[Position, ...]:
        """What the exchange stated at the last look, by symbol."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT symbol, side, quantity, currency, entry_price, mark_price, unrealised, opened_at, position_id
                FROM positions WHERE {OWNED} ORDER BY symbol, side, position_id""",
                account_id,
                self._user_id,
            )
        return tuple(_position(row) for row in rows)

    def looked_at(self, account_id: int) -> datetime | None:
        """When a look at the account last came to its end."""
        with self._database.read() as sql:
            row = sql.one("SELECT looked_at FROM accounts WHERE id = ? AND user_id = ?", account_id, self._user_id)
        return optional_time(row[0]) if row else None

    def looks(self, account_id: int) -> dict[str, Look]:
        """When each symbol was last asked for."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"SELECT symbol, looked_at, deep_at, hot_until FROM looks WHERE {OWNED} AND symbol <> ''",
                account_id,
                self._user_id,
            )
        return {row[0]: Look(from_us(row[1]), optional_time(row[2]), optional_time(row[3])) for row in rows}

    def look(self, account_id: int, symbol: str) -> Look | None:
        """When one symbol was last asked for."""
        with self._database.read() as sql:
            row = sql.one(
                f"SELECT looked_at, deep_at, hot_until FROM looks WHERE {OWNED} AND symbol = ?",
                account_id,
                self._user_id,
                symbol,
            )
        return None if row is None else Look(from_us(row[0]), optional_time(row[1]), optional_time(row[2]))

    @rerun
    def save_look_at(
        self, account_id: int, symbol: str, at: datetime, *, deep: bool, hot_until: datetime | None = None
    ) -> None:
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            sql.run(
                """INSERT INTO looks (account_id, symbol, looked_at, deep_at, hot_until) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (account_id, symbol) DO UPDATE SET looked_at = excluded.looked_at,
                deep_at = coalesce(excluded.deep_at, looks.deep_at),
                hot_until = coalesce(excluded.hot_until, looks.hot_until)""",
                account_id,
                symbol,
                to_us(at),
                to_us(at) if deep else None,
                None if hot_until is None else to_us(hot_until),
            )

    def incomplete_symbols(self, account_id: int, since: datetime) -> frozenset[str]:
        """Symbols whose fills are not proved fetched in one stretch from `since` on."""
        with self._database.read() as sql:
            if not self._owns(sql, account_id):
                return frozenset()
            return coverage_rows.incomplete(sql, account_id, "fills", since)

    def candles_lacking(
        self, broker: Broker, symbol: str, interval: timedelta, times: Iterable[datetime]
    ) -> list[datetime]:
        """Those of these times, sorted, whose candle of the broker's host is not in the cache."""
        with self._database.read() as sql:
            self._check_broker(sql, broker)
            host = host_of(broker)
            return [at for at in sorted(times) if not prices.asked_for(sql, host, symbol, interval, at)]

    @rerun
    def save_candles(
        self,
        broker: Broker,
        symbol: str,
        candles: Iterable[Candle],
        *,
        interval: timedelta,
        missing: Iterable[datetime] = (),
    ) -> None:
        """Keep prices that the broker's host told, and which it said it has none of."""
        with self._database.write() as sql:
            self._check_broker(sql, broker)
            host, now = host_of(broker), self._clock()
            prices.save_candles(sql, host, symbol, candles, now)
            prices.note_missing(sql, host, symbol, interval, missing, now)

    @rerun
    def cover(self, account_id: int, stream: str, span: Span) -> None:
        """Note that a stretch of a stream that needs no symbol was read to its end."""
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            coverage_rows.extend(sql, account_id, stream, "", span)

    def covered(self, account_id: int) -> tuple[Covered, ...]:
        """Every stream of the account that anything is proved of, by stream and symbol."""
        with self._database.read() as sql:
            if not self._owns(sql, account_id):
                return ()
            rows = sql.rows(
                "SELECT stream, symbol, start_at, end_at FROM coverage WHERE account_id = ? ORDER BY 1, 2, 3",
                account_id,
            )
            counts: Counter[str] = Counter()
            for symbol, fills in sql.rows(
                """SELECT symbol, sum(fills) FROM books JOIN markets ON markets.id = market_id
                WHERE account_id = ? GROUP BY symbol""",
                account_id,
            ):
                counts[without_side(symbol)] += fills
        return tuple(
            Covered(
                stream,
                symbol,
                tuple(Span(from_us(start), from_us(end)) for _, _, start, end in group),
                counts[symbol] if stream == "fills" else 0,
            )
            for (stream, symbol), group in groupby(rows, key=itemgetter(0, 1))
        )

    def coverage(self, account_id: int, symbol: str, *, stream: str = "fills") -> tuple[Span, ...]:
        """The stretches of the symbol's fills (or of another stream) proved fetched, sorted and disjoint."""
        with self._database.read() as sql:
            return coverage_rows.load(sql, account_id, stream, symbol) if self._owns(sql, account_id) else ()


def _replace_positions(sql: Sql, account_id: int, positions: Iterable[Position], seen_us: int) -> None:
    sql.run("DELETE FROM positions WHERE account_id = ?", account_id)
    sql.many(
        """INSERT INTO positions (account_id, symbol, side, position_id, quantity, currency, entry_price, mark_price,
        unrealised, opened_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                account_id,
                p.symbol,
                p.side,
                p.position_id,
                decimal_text(p.quantity),
                p.currency,
                *(None if amount is None else decimal_text(amount) for amount in _stated(p)),
                None if p.opened_at is None else to_us(p.opened_at),
                seen_us,
            )
            for p in positions
        ],
    )


def _position(row: Any) -> Position:
    symbol, side, quantity, currency, *amounts, at, position_id = row
    entry, mark, unrealised = (None if amount is None else Decimal(amount) for amount in amounts)
    opened_at = optional_time(at)
    return Position(symbol, side, Decimal(quantity), currency, entry, mark, unrealised, opened_at, position_id)


def _stated(position: Position) -> tuple[Decimal | None, ...]:
    return position.entry_price, position.mark_price, position.unrealised


def _market(row: Sequence[Any]) -> Market:
    """A row of `_MARKET` as a value."""
    symbol, base, quote, wire, settle, size, inverse = row
    contract = None if settle is None else Contract(settle, Decimal(size), bool(inverse))
    return Market(symbol, base, quote, wire, contract)
