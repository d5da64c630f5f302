"""A user's brokers: their settings, secrets, accounts, and how the last looks went."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trademon.core.model import Broker, Credentials, Method
from trademon.core.reports import BrokerInfo
from trademon.core.symbols import nearest
from trademon.core.times import from_us, to_us
from trademon.errors import UnknownName, UsageError
from trademon.store import coverage_rows
from trademon.store.database import Sql, rerun
from trademon.store.exact import decimal_text
from trademon.store.outbox import (
    judge_daily_loss,
    judge_failure,
    judge_success,
    note_acted,
)
from trademon.store.scope import host_of, optional_time
from trademon.store.user_keys import load_rights
from trademon.store.user_secrets import UserSecrets

_IDENTITIES = {
    "fills": "there.market_id = fills.market_id AND there.trade_id = fills.trade_id AND there.epoch = fills.epoch",
    "books": "there.market_id = books.market_id",
    "cash": "there.kind = cash.kind AND there.cash_id = cash.cash_id",
    "transfers": "there.kind = transfers.kind AND there.transfer_id = transfers.transfer_id",
    "stated_closes": "there.close_id = stated_closes.close_id",
}
"""What makes a row of one account the same as a row of another, by table."""
BROKER_COLUMNS = """brokers.id, brokers.name, users.name, brokers.exchange, brokers.market, brokers.since_at,
    brokers.created_at, brokers.base_url, brokers.enabled, brokers.symbols, brokers.method, brokers.account_id,
    brokers.initial_capital, brokers.capital_currency, brokers.sandbox"""


@dataclass(frozen=True, slots=True)
class BrokerState:
    """How the last passes went."""

    last_look_at: datetime | None = None
    last_good_at: datetime | None = None
    errors_in_row: int = 0
    wait_until: datetime | None = None
    """Its host asked everybody here to wait until then."""
    last_error: str | None = None

    def waits_until(self, now: datetime) -> datetime | None:
        """Until when the host is to be left alone; None where that is over, or so far off that a clock was wrong."""
        until = self.wait_until
        return until if until is not None and now < until <= now + LONGEST_WAIT else None


KEPT_ANSWERS = 50
LONGEST_WAIT = timedelta(days=3)
"""No ban is longer."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An answer that was not believed: when, why, and how it began."""

    at: datetime
    reason: str
    answer: str


class UserBrokers(UserSecrets):
    """The part of a user's store that knows their brokers."""

    def brokers(self) -> tuple[Broker, ...]:
        """The user's brokers, by name."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT {BROKER_COLUMNS} FROM brokers JOIN users ON users.id = user_id
                WHERE user_id = ? AND removed_at IS NULL ORDER BY brokers.name""",
                self._user_id,
            )
        return tuple(broker_of(row) for row in rows)

    def broker(self, name: str) -> Broker:
        """Raises UnknownName where the user has no such broker."""
        brokers = self.brokers()
        for broker in brokers:
            if broker.name == name:
                return broker
        near = nearest(name, [b.name for b in brokers])
        hint = f"did you mean {near!r}?" if near else "trademon broker list shows them"
        raise UnknownName(f"{self.user} has no broker {name!r}", hint=hint)

    def method_of(self, broker: Broker) -> Method:
        """The method the books of the broker's account are kept in: of two brokers to one account, the first's."""
        sharing = [
            b for b in self.brokers() if b.id == broker.id or (b.account_id and b.account_id == broker.account_id)
        ]
        return next((b.method for b in sharing if b.method), self.default_method)

    def method_of_account(self, account_id: int) -> Method:
        """The method an account's books are kept in: the user's where no broker leads to it any more."""
        own = [b for b in self.brokers() if b.account_id == account_id]
        return self.method_of(own[0]) if own else self.default_method

    @rerun
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
        initial_capital: Decimal | None = None,
        capital_currency: str | None = None,
        sandbox: bool = False,
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
                sandbox=sandbox,
                enabled=True,
                symbols=json.dumps(list(symbols)),
                since_at=to_us(since),
                method=method,
                initial_capital=_stored(initial_capital),
                capital_currency=capital_currency,
                created_at=now,
            )
            sql.run("INSERT INTO broker_state (broker_id, errors_in_row) VALUES (?, 0)", broker_id)
            if credentials is not None:
                self._save_credentials(sql, broker_id, credentials)
            if exchange == "manual":
                account_id = self._account(sql, exchange, name, market)
                sql.run("UPDATE brokers SET account_id = ? WHERE id = ?", account_id, broker_id)
                hand_over(sql, account_id)
        return self.broker(name)

    @rerun
    def set_broker(self, broker: Broker, *, credentials: Credentials | None = None, **changes: Any) -> None:
        """Change columns of a broker. New credentials, or another address, unbind its account: the next look sees whose
        they are there."""
        with self._database.write() as sql:
            self._check_broker(sql, broker)
            for column, value in changes.items():
                sql.run(
                    f"UPDATE brokers SET {column} = ? WHERE id = ? AND user_id = ?",
                    _stored(value),
                    broker.id,
                    self._user_id,
                )
            elsewhere = changes.get("base_url", broker.base_url) != broker.base_url
            if broker.exchange != "manual" and (credentials is not None or elsewhere):
                sql.run("UPDATE brokers SET account_id = NULL WHERE id = ?", broker.id)
            if credentials is not None:
                self._save_credentials(sql, broker.id, credentials)
                sql.run("DELETE FROM key_rights WHERE broker_id = ?", broker.id)  # those were of another key
                sql.run("UPDATE broker_state SET errors_in_row = 0 WHERE broker_id = ?", broker.id)
                note_acted(sql, self._user_id, broker.id, self._clock())

    def broker_infos(self) -> tuple[BrokerInfo, ...]:
        """The brokers as they are listed."""
        return tuple(self._broker_info(broker) for broker in self.brokers())

    def _broker_info(self, broker: Broker) -> BrokerInfo:
        state = self.broker_state(broker)
        with self._database.read() as sql:
            known = load_rights(sql, broker.id, self._user_id)
            session = "SELECT 1 FROM sessions WHERE broker_id = ? AND signed_in_at IS NOT NULL AND lost_at IS NULL"
            is_signed_in = sql.one(session, broker.id) is not None
            has_key = sql.one("SELECT 1 FROM secrets WHERE broker_id = ?", broker.id) is not None
            fills = sql.one(
                "SELECT count(*) FROM fills WHERE account_id = ? AND source IN ('api', 'import')", broker.account_id
            )
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
            key=known,
            sandbox=broker.sandbox,
            is_signed_in=is_signed_in,
        )

    @rerun
    def bind_account(self, broker: Broker, uid: str | None) -> int:
        """The id of the account that the broker's key opens.

        An exchange that names no account gives the broker one of its own, which a later name takes over.
        """
        own = f"broker:{broker.id}"
        with self._database.write() as sql:
            self._check_broker(sql, broker)
            account_id = self._account(sql, broker.exchange, uid or own, broker.market)
            if uid is not None:
                self._merge(sql, self._find_account(sql, broker.exchange, own, broker.market), account_id)
            if account_id != broker.account_id:
                sql.run(
                    "UPDATE brokers SET account_id = ? WHERE id = ? AND user_id = ?",
                    account_id,
                    broker.id,
                    self._user_id,
                )
                hand_over(sql, account_id)
        return account_id

    def account_uid(self, broker: Broker) -> str | None:
        """The exchange's own id of the account that the broker's key opens; None where that is not known."""
        with self._database.read() as sql:
            row = sql.one("SELECT uid FROM accounts WHERE id = ? AND user_id = ?", broker.account_id, self._user_id)
        return None if row is None or row[0] == f"broker:{broker.id}" else str(row[0])

    def has_named_account(self, broker: Broker) -> bool:
        """Whether the exchange has said whose account the broker's key opens."""
        return self.account_uid(broker) is not None

    def _find_account(self, sql: Sql, exchange: str, uid: str, market: str) -> int | None:
        row = sql.one(
            "SELECT id FROM accounts WHERE user_id = ? AND exchange = ? AND uid = ? AND market = ?",
            self._user_id,
            exchange,
            uid,
            market,
        )
        return None if row is None else int(row[0])

    def _account(self, sql: Sql, exchange: str, uid: str, market: str) -> int:
        found = self._find_account(sql, exchange, uid, market)
        if found is not None:
            return found
        now = to_us(self._clock())
        return sql.insert("accounts", user_id=self._user_id, exchange=exchange, uid=uid, market=market, created_at=now)

    def _merge(self, sql: Sql, nameless: int | None, account_id: int) -> None:
        """What a broker stored before its account had a name becomes the account's, each fill once.

        Its books are marked as in no method, so that the next look derives them again.
        """
        if nameless is None:
            return
        for table in (
            "lots",
            "disposals",
            "unmatched",
            "coverage",
            "looks",
            "balances",
            "balance_points",
            "open_orders",
            "positions",
        ):
            sql.run(f"DELETE FROM {table} WHERE account_id = ?", nameless)
        for table, same in _IDENTITIES.items():
            there = f"SELECT 1 FROM {table} AS there WHERE there.account_id = ? AND {same}"
            sql.run(
                f"UPDATE {table} SET account_id = ? WHERE account_id = ? AND NOT EXISTS ({there})",
                account_id,
                nameless,
                account_id,
            )
            sql.run(f"DELETE FROM {table} WHERE account_id = ?", nameless)
        sql.run("UPDATE books SET method = '' WHERE account_id = ?", account_id)
        sql.run("UPDATE brokers SET account_id = ? WHERE account_id = ?", account_id, nameless)
        sql.run("DELETE FROM accounts WHERE id = ?", nameless)

    def broker_state(self, broker: Broker) -> BrokerState:
        with self._database.read() as sql:
            row = sql.one(
                "SELECT last_look_at, last_good_at, errors_in_row, last_error FROM broker_state "
                "WHERE broker_id = ? AND broker_id IN (SELECT id FROM brokers WHERE user_id = ?)",
                broker.id,
                self._user_id,
            )
            wait = sql.one("SELECT wait_until FROM hosts WHERE host = ?", host_of(broker))
        wait_until = from_us(wait[0]) if wait else None
        if row is None:
            return BrokerState(wait_until=wait_until)
        return BrokerState(optional_time(row[0]), optional_time(row[1]), row[2], wait_until, row[3])

    @rerun
    def note_good_look(self, broker: Broker, at: datetime) -> None:
        with self._database.write() as sql:
            self._check_broker(sql, broker)
            sql.run(
                """UPDATE broker_state SET last_look_at = ?, last_good_at = ?, errors_in_row = 0,
                last_error = NULL WHERE broker_id = ? AND broker_id IN (SELECT id FROM brokers WHERE user_id = ?)""",
                to_us(at),
                to_us(at),
                broker.id,
                self._user_id,
            )
            # One that is not over was asked for while this look was under way, of another account there.
            over = "wait_until <= ? OR wait_until > ?"
            longest = to_us(at + LONGEST_WAIT)
            sql.run(f"DELETE FROM hosts WHERE host = ? AND ({over})", host_of(broker), to_us(at), longest)
            if self._owns_broker(sql, broker):
                judge_success(sql, self._user_id, broker.id, broker.name, at)
                judge_daily_loss(sql, self._user_id, at)

    @rerun
    def note_failed_look(
        self,
        broker: Broker,
        at: datetime,
        error: str,
        wait_until: datetime | None = None,
        *,
        needs_person: bool = False,
    ) -> None:
        """`needs_person`: nothing gets better until somebody acts, as where a key is refused. Of a broker that is not
        stored yet (number 0) only the wait that its host asked for is kept."""
        with self._database.write() as sql:
            if broker.id:
                self._check_broker(sql, broker)
            sql.run(
                """UPDATE broker_state SET last_look_at = ?, errors_in_row = errors_in_row + 1,
                last_error = ? WHERE broker_id = ? AND broker_id IN (SELECT id FROM brokers WHERE user_id = ?)""",
                to_us(at),
                error,
                broker.id,
                self._user_id,
            )
            if wait_until is not None:
                sql.run(
                    """INSERT INTO hosts (host, wait_until) VALUES (?, ?)
                    ON CONFLICT (host) DO UPDATE SET wait_until = excluded.wait_until
                    WHERE hosts.wait_until < excluded.wait_until""",
                    host_of(broker),
                    to_us(wait_until),
                )
            if self._owns_broker(sql, broker):
                judge_failure(sql, self._user_id, broker.id, broker.name, at, error=error, needs_person=needs_person)

    @rerun
    def quarantine(self, broker: Broker, at: datetime, reason: str, answer: str) -> None:
        """Keep how an answer began that was not believed, and why; of each broker the newest of them."""
        with self._database.write() as sql:
            if not self._owns_broker(sql, broker):
                return
            sql.insert("quarantine", broker_id=broker.id, at=to_us(at), reason=reason, answer=answer.replace("\0", "?"))
            sql.run(
                """DELETE FROM quarantine WHERE broker_id = ? AND id NOT IN
                (SELECT id FROM quarantine WHERE broker_id = ? ORDER BY id DESC LIMIT ?)""",
                broker.id,
                broker.id,
                KEPT_ANSWERS,
            )

    def quarantined(self, broker: Broker) -> tuple[Quarantined, ...]:
        """Answers of the broker's exchange that were not believed, newest first."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT at, reason, answer FROM quarantine WHERE broker_id = ?
                AND broker_id IN (SELECT id FROM brokers WHERE user_id = ?) ORDER BY id DESC""",
                broker.id,
                self._user_id,
            )
        return tuple(Quarantined(from_us(at), reason, answer) for at, reason, answer in rows)

    def complete_since(self, broker: Broker) -> datetime | None:
        """The time since which nothing is missing; None where something that may have fills was not asked for yet."""
        if broker.account_id is None:
            return None
        with self._database.read() as sql:
            if not self._owns(sql, broker.account_id):
                return None
            return coverage_rows.complete_since(sql, broker.account_id, host_of(broker))


def hand_over(sql: Sql, account_id: int | None) -> None:
    """What a removed broker found goes by the name the account has now, where another broker leads to it."""
    heir = sql.one("SELECT min(id) FROM brokers WHERE account_id = ? AND removed_at IS NULL", account_id)
    if heir is not None and heir[0] is not None:
        sql.run(
            """UPDATE fills SET broker_id = ? WHERE account_id = ?
            AND broker_id IN (SELECT id FROM brokers WHERE removed_at IS NOT NULL)""",
            heir[0],
            account_id,
        )


def broker_of(row: Sequence[Any]) -> Broker:
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
        initial_capital=None if row[12] is None else Decimal(row[12]),
        capital_currency=row[13],
        sandbox=bool(row[14]),
    )


def _stored(value: Any) -> Any:
    """A core value as its column holds it."""
    if isinstance(value, datetime):
        return to_us(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return value
