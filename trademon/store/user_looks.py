"""What looks at a user's accounts saw: markets, balances, open orders, when which symbol was asked, coverage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.coverage import Span
from trademon.core.model import Balance, Broker, Market, OpenOrder
from trademon.core.times import from_us, to_us
from trademon.store import coverage_rows
from trademon.store.scope import OWNED, UserScope, optional_time
from trademon.store.types import decimal_text


@dataclass(frozen=True, slots=True)
class Look:
    """When a symbol was last asked for, and when last with a day's overlap."""

    looked_at: datetime
    deep_at: datetime | None


class UserLooks(UserScope):
    """The part of a user's store that remembers what the exchanges said beside fills."""

    def markets(self, broker: Broker) -> tuple[Market, ...]:
        """What the broker's exchange was last seen to trade."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT symbol, base, quote, exchange_symbol FROM markets
                WHERE exchange = ? AND market = ? AND listed ORDER BY symbol""",
                broker.exchange,
                broker.market,
            )
        return tuple(Market(*row) for row in rows)

    def markets_seen_at(self, broker: Broker) -> datetime | None:
        with self._database.read() as sql:
            row = sql.one(
                "SELECT max(seen_at) FROM markets WHERE exchange = ? AND market = ? AND listed",
                broker.exchange,
                broker.market,
            )
        return optional_time(row[0]) if row else None

    def save_markets(self, broker: Broker, markets: Iterable[Market], at: datetime) -> None:
        """Take over the exchange's list; what is no longer in it stays, unlisted, for the fills it has."""
        rows = [
            (broker.exchange, broker.market, m.exchange_symbol, m.symbol, m.base, m.quote, True, to_us(at))
            for m in markets
        ]
        with self._database.write() as sql:
            sql.run("UPDATE markets SET listed = 0 WHERE exchange = ? AND market = ?", broker.exchange, broker.market)
            sql.many(
                """INSERT INTO markets (exchange, market, exchange_symbol, symbol, base, quote, listed, seen_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (exchange, market, symbol) DO UPDATE
                SET exchange_symbol = excluded.exchange_symbol, listed = excluded.listed, seen_at = excluded.seen_at""",
                rows,
            )

    def symbols(self) -> tuple[str, ...]:
        """Every symbol this user has a fill of, or could have at one of their exchanges."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT DISTINCT markets.symbol FROM markets
                JOIN brokers ON brokers.exchange = markets.exchange AND brokers.market = markets.market
                WHERE brokers.user_id = ?""",
                self._user_id,
            )
        return tuple(row[0] for row in rows)

    def traded_symbols(self, account_id: int) -> dict[str, datetime]:
        """Symbols with stored fills, and when the newest was executed."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT markets.symbol, max(executed_at) FROM fills JOIN markets ON markets.id = market_id
                WHERE {OWNED} GROUP BY markets.symbol""",
                account_id,
                self._user_id,
            )
        return {symbol: from_us(at) for symbol, at in rows}

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

    def save_look(
        self, account_id: int, balances: Iterable[Balance], orders: Iterable[OpenOrder], at: datetime
    ) -> None:
        """Replace what the account was last seen to hold and to have open."""
        seen = to_us(at)
        with self._database.write() as sql:
            self._check_owned(sql, account_id)
            sql.run("DELETE FROM balances WHERE account_id = ?", account_id)
            sql.many(
                "INSERT INTO balances (account_id, coin, free, locked, seen_at) VALUES (?, ?, ?, ?, ?)",
                [(account_id, b.coin, decimal_text(b.free), decimal_text(b.locked), seen) for b in balances],
            )
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

    def looks(self, account_id: int) -> dict[str, Look]:
        with self._database.read() as sql:
            rows = sql.rows(f"SELECT symbol, looked_at, deep_at FROM looks WHERE {OWNED}", account_id, self._user_id)
        return {symbol: Look(from_us(looked), optional_time(deep)) for symbol, looked, deep in rows}

    def save_look_at(self, account_id: int, symbol: str, at: datetime, *, deep: bool) -> None:
        with self._database.write() as sql:
            self._check_owned(sql, account_id)
            sql.run(
                """INSERT INTO looks (account_id, symbol, looked_at, deep_at) VALUES (?, ?, ?, ?)
                ON CONFLICT (account_id, symbol) DO UPDATE SET looked_at = excluded.looked_at,
                deep_at = coalesce(excluded.deep_at, looks.deep_at)""",
                account_id,
                symbol,
                to_us(at),
                to_us(at) if deep else None,
            )

    def coverage(self, account_id: int, symbol: str) -> tuple[Span, ...]:
        """The stretches of the symbol's fills proved fetched, sorted and disjoint."""
        with self._database.read() as sql:
            return coverage_rows.load(sql, account_id, "fills", symbol) if self._owns(sql, account_id) else ()
