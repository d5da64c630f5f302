"""The only door to what is kept. `Store.for_user(name)` hands out core values of that user alone, never rows.

What belongs to everyone (users, the exchanges' markets) hangs on `Store`; whatever belongs to a user is reached
through `UserStore`, whose every query names the user.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trademon.core.coverage import Span
from trademon.core.model import Balance, Broker, Credentials, Fill, Market, Method, OpenOrder
from trademon.core.reports import BrokerInfo, ExecutionRow, FillsReport, PnlRow, UserInfo
from trademon.core.symbols import nearest
from trademon.core.times import from_us, to_us
from trademon.errors import ConfigError, UnknownName, UsageError
from trademon.store import coverage_rows
from trademon.store.booking import Bookkeeper, iter_fills
from trademon.store.crypto import SecretBox
from trademon.store.database import Database, Sql
from trademon.store.reading import (
    BookRef,
    FillQuery,
    read_book_refs,
    read_books,
    read_executions,
    read_fills,
    read_known_ids,
)
from trademon.store.types import decimal_text

Clock = Callable[[], datetime]
SECRET_FIELDS = ("api_key", "api_secret", "password")
_BROKER_COLUMNS = """brokers.id, brokers.name, users.name, brokers.exchange, brokers.market, brokers.since_at,
    brokers.created_at, brokers.base_url, brokers.enabled, brokers.symbols, brokers.method, brokers.account_id"""


@dataclass(frozen=True, slots=True)
class BrokerState:
    """How the last passes went."""

    last_look_at: datetime | None = None
    last_good_at: datetime | None = None
    errors_in_row: int = 0
    wait_until: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """When a symbol was last asked for, and when last with a day's overlap."""

    looked_at: datetime
    deep_at: datetime | None


class Store:
    """An opened store."""

    def __init__(self, url: str, *, key_file: Path, clock: Clock) -> None:
        self._database = Database(url)
        self._box = SecretBox(key_file)
        self._clock = clock
        self._ensure_first_user()

    @property
    def path(self) -> Path:
        return self._database.path

    def close(self) -> None:
        self._database.close()

    # --- users ---------------------------------------------------------------------------------------------------

    def _ensure_first_user(self) -> None:
        with self._database.read() as sql:
            if sql.one("SELECT 1 FROM users LIMIT 1"):
                return
        with self._database.write() as sql:
            if not sql.one("SELECT 1 FROM users LIMIT 1"):
                sql.insert("users", name=_account_name(), active=True, created_at=to_us(self._clock()))

    def users(self) -> tuple[UserInfo, ...]:
        """All users, by name."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT name, active, method, currency, created_at,
                    (SELECT count(*) FROM brokers WHERE user_id = users.id AND removed_at IS NULL)
                FROM users ORDER BY name"""
            )
        return tuple(
            UserInfo(name, bool(active), method, currency, brokers, from_us(created))
            for name, active, method, currency, created, brokers in rows
        )

    def add_user(self, name: str, *, method: Method | None, currency: str | None, telegram_chat: str | None) -> None:
        """Raises UsageError where the name is taken."""
        with self._database.write() as sql:
            if sql.one("SELECT 1 FROM users WHERE name = ?", name):
                raise UsageError(f"there is already a user {name!r}", hint="trademon user list")
            sql.insert(
                "users",
                name=name,
                active=True,
                method=method,
                currency=currency,
                telegram_chat=telegram_chat,
                created_at=to_us(self._clock()),
            )

    def for_user(self, name: str) -> UserStore:
        """Raises UnknownName where there is no such user."""
        with self._database.read() as sql:
            row = sql.one("SELECT id, name, method FROM users WHERE name = ?", name)
            if row is None:
                near = nearest(name, [r[0] for r in sql.rows("SELECT name FROM users")])
                hint = f"did you mean {near!r}?" if near else "trademon user list shows them"
                raise UnknownName(f"there is no user {name!r}", hint=hint)
        return UserStore(self._database, self._box, self._clock, user_id=row[0], user=row[1], method=row[2])


def _account_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "trader"


class UserStore:
    """What one user has. Every query in here names that user."""

    def __init__(
        self, database: Database, box: SecretBox, clock: Clock, *, user_id: int, user: str, method: Method | None
    ) -> None:
        self._database = database
        self._box = box
        self._clock = clock
        self._user_id = user_id
        self.user = user
        self.default_method: Method = method or "fifo"
        self._bookkeeper = Bookkeeper(database)

    # --- brokers -------------------------------------------------------------------------------------------------

    def brokers(self) -> tuple[Broker, ...]:
        """The user's brokers, by name."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT {_BROKER_COLUMNS} FROM brokers JOIN users ON users.id = user_id
                WHERE user_id = ? AND removed_at IS NULL ORDER BY brokers.name""",  # noqa: S608
                self._user_id,
            )
        return tuple(_broker(row) for row in rows)

    def broker(self, name: str) -> Broker:
        """Raises UnknownName where the user has no such broker."""
        brokers = self.brokers()
        for broker in brokers:
            if broker.name == name:
                return broker
        near = nearest(name, [b.name for b in brokers])
        hint = f"did you mean {near!r}?" if near else "trademon broker list shows them"
        raise UnknownName(f"{self.user} has no broker {name!r}", hint=hint)

    def add_broker(
        self,
        name: str,
        *,
        exchange: str,
        market: str,
        since: datetime,
        base_url: str | None,
        symbols: Iterable[str],
        method: Method | None,
        credentials: Credentials | None,
    ) -> Broker:
        """Raises UsageError where the name is taken. An account without an API is bound at once, by its name."""
        now = to_us(self._clock())
        with self._database.write() as sql:
            if sql.one(
                "SELECT 1 FROM brokers WHERE user_id = ? AND name = ? AND removed_at IS NULL", self._user_id, name
            ):
                raise UsageError(
                    f"{self.user} already has a broker {name!r}", hint=f"trademon broker set {name} changes it"
                )
            broker_id = sql.insert(
                "brokers",
                user_id=self._user_id,
                name=name,
                exchange=exchange,
                market=market,
                base_url=base_url,
                enabled=True,
                symbols=json.dumps(list(symbols)),
                since_at=to_us(since),
                method=method,
                created_at=now,
            )
            sql.run("INSERT INTO broker_state (broker_id, errors_in_row) VALUES (?, 0)", broker_id)
            if credentials is not None:
                self._save_secrets(sql, broker_id, credentials)
            if exchange == "manual":
                account_id = self._account(sql, exchange, name, market)
                sql.run("UPDATE brokers SET account_id = ? WHERE id = ?", account_id, broker_id)
        return self.broker(name)

    def set_broker(self, broker: Broker, *, credentials: Credentials | None = None, **changes: Any) -> None:
        """Change columns of a broker. New credentials unbind its account: the next look sees whose they are."""
        with self._database.write() as sql:
            for column, value in changes.items():
                sql.run(f"UPDATE brokers SET {column} = ? WHERE id = ?", _stored(value), broker.id)  # noqa: S608
            if credentials is not None:
                self._save_secrets(sql, broker.id, credentials)
                if broker.exchange != "manual":
                    sql.run("UPDATE brokers SET account_id = NULL WHERE id = ?", broker.id)
                sql.run("UPDATE broker_state SET errors_in_row = 0, wait_until = NULL WHERE broker_id = ?", broker.id)

    def remove_broker(self, broker: Broker) -> None:
        """Forget the secrets and the name. What was executed stays: it is the account's history."""
        with self._database.write() as sql:
            sql.run("DELETE FROM secrets WHERE broker_id = ?", broker.id)
            sql.run("UPDATE brokers SET removed_at = ?, enabled = 0 WHERE id = ?", to_us(self._clock()), broker.id)

    def broker_infos(self) -> tuple[BrokerInfo, ...]:
        """The brokers as they are listed."""
        return tuple(self._broker_info(broker) for broker in self.brokers())

    def _broker_info(self, broker: Broker) -> BrokerInfo:
        state = self.broker_state(broker)
        with self._database.read() as sql:
            has_key = sql.one("SELECT 1 FROM secrets WHERE broker_id = ?", broker.id) is not None
            fills = sql.one("SELECT count(*) FROM fills WHERE account_id = ?", broker.account_id)
        return BrokerInfo(
            name=broker.name,
            user=broker.user,
            exchange=broker.exchange,
            market=broker.market,
            enabled=broker.enabled,
            base_url=broker.base_url,
            symbols=broker.symbols,
            method=broker.method,
            since=broker.since,
            has_key=has_key,
            last_good_at=state.last_good_at,
            errors_in_row=state.errors_in_row,
            fills=fills[0] if fills else 0,
            complete_since=self.complete_since(broker),
        )

    # --- secrets -------------------------------------------------------------------------------------------------

    def _save_secrets(self, sql: Sql, broker_id: int, credentials: Credentials) -> None:
        sql.run("DELETE FROM secrets WHERE broker_id = ?", broker_id)
        for field in SECRET_FIELDS:
            secret = getattr(credentials, field)
            if secret:
                sealed = self._box.seal(secret, bound_to=f"{self._user_id}/{broker_id}/{field}")
                sql.insert("secrets", broker_id=broker_id, field=field, sealed=sealed)

    def credentials(self, broker: Broker) -> Credentials:
        """Raises ConfigError where the broker has no key or the key file does not open it."""
        with self._database.read() as sql:
            rows = sql.rows("SELECT field, sealed FROM secrets WHERE broker_id = ?", broker.id)
        if not rows:
            raise ConfigError(
                f"broker {broker.name} has no key",
                hint=f"trademon broker set {broker.name} --api-key-env VAR --api-secret-env VAR",
            )
        opened = {f: self._box.open(sealed, bound_to=f"{self._user_id}/{broker.id}/{f}") for f, sealed in rows}
        return Credentials(**opened)

    # --- accounts and states -------------------------------------------------------------------------------------

    def bind_account(self, broker: Broker, uid: str | None) -> int:
        """The id of the account that the broker's key opens.

        An exchange that names no account gives the broker one of its own, which a later name takes over.
        """
        own = f"broker:{broker.id}"
        with self._database.write() as sql:
            account_id = self._account(sql, broker.exchange, uid or own, broker.market, instead_of=own if uid else None)
            if account_id != broker.account_id:
                sql.run("UPDATE brokers SET account_id = ? WHERE id = ?", account_id, broker.id)
        return account_id

    def _account(self, sql: Sql, exchange: str, uid: str, market: str, *, instead_of: str | None = None) -> int:
        found = "SELECT id FROM accounts WHERE user_id = ? AND exchange = ? AND uid = ? AND market = ?"
        row = sql.one(found, self._user_id, exchange, uid, market)
        if row is None and instead_of is not None:
            row = sql.one(found, self._user_id, exchange, instead_of, market)
            if row is not None:
                sql.run("UPDATE accounts SET uid = ? WHERE id = ?", uid, row[0])
        if row is not None:
            return int(row[0])
        now = to_us(self._clock())
        return sql.insert("accounts", user_id=self._user_id, exchange=exchange, uid=uid, market=market, created_at=now)

    def broker_state(self, broker: Broker) -> BrokerState:
        with self._database.read() as sql:
            row = sql.one(
                """SELECT last_look_at, last_good_at, errors_in_row, wait_until, last_error
                FROM broker_state WHERE broker_id = ?""",
                broker.id,
            )
        if row is None:
            return BrokerState()
        return BrokerState(_time(row[0]), _time(row[1]), row[2], _time(row[3]), row[4])

    def note_good_look(self, broker: Broker, at: datetime) -> None:
        with self._database.write() as sql:
            sql.run(
                """UPDATE broker_state SET last_look_at = ?, last_good_at = ?, errors_in_row = 0, wait_until = NULL,
                last_error = NULL WHERE broker_id = ?""",
                to_us(at),
                to_us(at),
                broker.id,
            )

    def note_failed_look(self, broker: Broker, at: datetime, error: str, wait_until: datetime | None = None) -> None:
        with self._database.write() as sql:
            sql.run(
                """UPDATE broker_state SET last_look_at = ?, errors_in_row = errors_in_row + 1, wait_until = ?,
                last_error = ? WHERE broker_id = ?""",
                to_us(at),
                None if wait_until is None else to_us(wait_until),
                error,
                broker.id,
            )

    # --- markets -------------------------------------------------------------------------------------------------

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
        return _time(row[0]) if row else None

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
                VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (exchange, market, exchange_symbol)
                DO UPDATE SET symbol = excluded.symbol, listed = excluded.listed, seen_at = excluded.seen_at""",
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
                """SELECT markets.symbol, max(executed_at) FROM fills JOIN markets ON markets.id = market_id
                WHERE account_id = ? GROUP BY markets.symbol""",
                account_id,
            )
        return {symbol: from_us(at) for symbol, at in rows}

    # --- what the last look saw ----------------------------------------------------------------------------------

    def balances(self, account_id: int) -> dict[str, Balance]:
        """What the account held at the last look, by coin."""
        with self._database.read() as sql:
            rows = sql.rows("SELECT coin, free, locked FROM balances WHERE account_id = ?", account_id)
        return {coin: Balance(coin, Decimal(free), Decimal(locked)) for coin, free, locked in rows}

    def open_symbols(self, account_id: int) -> set[str]:
        """Symbols with an open order at the last look."""
        with self._database.read() as sql:
            rows = sql.rows("SELECT DISTINCT symbol FROM open_orders WHERE account_id = ?", account_id)
        return {row[0] for row in rows}

    def open_order_count(self, account_id: int) -> int:
        """How many orders were open at the last look."""
        with self._database.read() as sql:
            row = sql.one("SELECT count(*) FROM open_orders WHERE account_id = ?", account_id)
        return row[0] if row else 0

    def save_look(
        self, account_id: int, balances: Iterable[Balance], orders: Iterable[OpenOrder], at: datetime
    ) -> None:
        """Replace what the account was last seen to hold and to have open."""
        seen = to_us(at)
        with self._database.write() as sql:
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
            rows = sql.rows("SELECT symbol, looked_at, deep_at FROM looks WHERE account_id = ?", account_id)
        return {symbol: Look(from_us(looked), _time(deep)) for symbol, looked, deep in rows}

    def save_look_at(self, account_id: int, symbol: str, at: datetime, *, deep: bool) -> None:
        with self._database.write() as sql:
            sql.run(
                """INSERT INTO looks (account_id, symbol, looked_at, deep_at) VALUES (?, ?, ?, ?)
                ON CONFLICT (account_id, symbol) DO UPDATE SET looked_at = excluded.looked_at,
                deep_at = coalesce(excluded.deep_at, looks.deep_at)""",
                account_id,
                symbol,
                to_us(at),
                to_us(at) if deep else None,
            )

    # --- coverage ------------------------------------------------------------------------------------------------

    def coverage(self, account_id: int, symbol: str) -> tuple[Span, ...]:
        """The stretches of the symbol's fills proved fetched, sorted and disjoint."""
        with self._database.read() as sql:
            return coverage_rows.load(sql, account_id, "fills", symbol)

    def complete_since(self, broker: Broker) -> datetime | None:
        """The latest time since which every symbol looked at has no gap; None before the first look."""
        if broker.account_id is None:
            return None
        with self._database.read() as sql:
            return coverage_rows.complete_since(sql, broker.account_id, "fills")

    # --- fills and books -----------------------------------------------------------------------------------------

    @property
    def books(self) -> Bookkeeper:
        """Books pages of fills, and rebuilds what is derived from them."""
        return self._bookkeeper

    def method_of(self, broker: Broker) -> Method:
        """The method the broker's books are kept in."""
        return broker.method or self.default_method

    def fills(self, query: FillQuery) -> FillsReport:
        """The fills found, oldest first."""
        with self._database.read() as sql:
            rows, total = read_fills(sql, self._user_id, query)
        return FillsReport(rows, total)

    def newest_fill(self, account_id: int, symbol: str, *, before: datetime) -> str | None:
        """The trade id of the newest stored fill executed before that time."""
        with self._database.read() as sql:
            row = sql.one(
                """SELECT trade_id FROM fills JOIN markets ON markets.id = market_id
                WHERE account_id = ? AND symbol = ? AND executed_at < ? AND source = 'api'
                ORDER BY executed_at DESC, length(trade_id) DESC, trade_id DESC LIMIT 1""",
                account_id,
                symbol,
                to_us(before),
            )
        return row[0] if row else None

    def known_trade_ids(self, account_id: int, symbol: str, trade_ids: Sequence[str]) -> set[str]:
        """Which of these ids are stored for the symbol."""
        with self._database.read() as sql:
            return read_known_ids(sql, account_id, symbol, trade_ids)

    def book_refs(self) -> tuple[BookRef, ...]:
        with self._database.read() as sql:
            return tuple(read_book_refs(sql, self._user_id))

    def book_fills(self, ref: BookRef) -> Iterator[tuple[int, Fill]]:
        """The fills of one book with their ids, in the order of matching, as of one moment."""
        with self._database.read() as sql:
            yield from iter_fills(sql, (ref.account_id, ref.market_id))

    def stored_books(self) -> tuple[PnlRow, ...]:
        """The stored book of every account and symbol, as P&L rows in its own method."""
        with self._database.read() as sql:
            return read_books(sql, self._user_id)

    def executions(self, *, after_id: int = 0, limit: int | None = None) -> tuple[ExecutionRow, ...]:
        """Executions stored after the fill `after_id`, newest first, with what each realised."""
        with self._database.read() as sql:
            return read_executions(sql, self._user_id, after_id=after_id, limit=limit)

    def last_fill_id(self) -> int:
        with self._database.read() as sql:
            row = sql.one("SELECT coalesce(max(id), 0) FROM fills")
        return row[0] if row else 0


def _broker(row: Sequence[Any]) -> Broker:
    return Broker(
        id=row[0],
        name=row[1],
        user=row[2],
        exchange=row[3],
        market=row[4],
        since=from_us(row[5]),
        created_at=from_us(row[6]),
        base_url=row[7],
        enabled=bool(row[8]),
        symbols=tuple(json.loads(row[9])),
        method=row[10],
        account_id=row[11],
    )


def _time(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def _stored(value: Any) -> Any:
    """A core value as its column holds it."""
    if isinstance(value, datetime):
        return to_us(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return value
