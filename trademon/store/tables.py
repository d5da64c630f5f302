"""The schema, declared once. Rows never leave this room: `Store` hands out core values.

Times are microseconds since 1970, money is exact (see types.py). Whatever can be XX
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, LargeBinary, Table, Text, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from trademon.store.types import AnyInteger, ExactDecimal, UtcTime


def _money(**kwargs: Any) -> Any:
    return Field(sa_type=ExactDecimal, **kwargs)


def _time(**kwargs: Any) -> Any:
    return Field(sa_type=UtcTime, **kwargs)


class Row(SQLModel):
    __table__: ClassVar[Table]


class UserRow(Row, table=True):
    """A person. `method` and `currency` are their defaults, None where trademon's hold."""

    __tablename__ = "users"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    active: bool = True
    method: str | None = None
    currency: str | None = None
    telegram_chat: str | None = None
    created_at: datetime = _time()
    language: str | None = None
    retired_at: datetime | None = _time(default=None)


class AccountRow(Row, table=True):
    """An account at an exchange, as one user sees it. Two keys to it are one account, whatever the brokers' names."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("user_id", "exchange", "uid", "market", name="one_account"),)
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    exchange: str
    uid: str
    market: str
    created_at: datetime = _time()
    looked_at: datetime | None = _time(default=None)


class BrokerRow(Row, table=True):
    """A named way to an account. Removing one forgets its secrets and keeps what was executed."""

    __tablename__ = "brokers"
    __table_args__ = (
        Index(
            "one_broker_name",
            "user_id",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    account_id: int | None = Field(default=None, foreign_key="accounts.id")
    name: str
    exchange: str
    market: str
    base_url: str | None = None
    sandbox: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    enabled: bool = True
    symbols: str = Field(default="[]", sa_type=Text)
    since_at: datetime = _time()
    method: str | None = None
    initial_capital: Decimal | None = _money(default=None)
    capital_currency: str | None = None
    created_at: datetime = _time()
    removed_at: datetime | None = _time(default=None)


class MasterKeyRow(Row, table=True):
    """Which master key the store is sealed with: the newest row. Never the key itself (see secret_rows.py)."""

    __tablename__ = "master_keys"
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    fingerprint: str
    since_at: datetime = _time()


class DataKeyRow(Row, table=True):
    """The key that a user's secrets are sealed with, itself sealed with the master key."""

    __tablename__ = "data_keys"
    user_id: int = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    version: int
    wrapped: bytes = Field(sa_type=LargeBinary)


class SecretRow(Row, table=True):
    """One sealed secret of a broker (see crypto.py)."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("broker_id", "field", name="one_secret"),)
    id: int | None = Field(default=None, primary_key=True)
    broker_id: int = Field(foreign_key="brokers.id", ondelete="CASCADE")
    field: str
    sealed: bytes = Field(sa_type=LargeBinary)


class SessionRow(Row, table=True):
    """A sign-in at a broker's exchange, beside its sealed tokens.

    `generation` counts the pairs of tokens; `asked_at` is when a new pair was asked for of which no answer is saved
    yet. `started_at`: a person was sent to sign in, and has not come back.
    """

    __tablename__ = "sessions"
    broker_id: int = Field(primary_key=True, foreign_key="brokers.id", ondelete="CASCADE")
    generation: int = 0
    redirect: str = ""
    signed_in_at: datetime | None = _time(default=None)
    renewed_at: datetime | None = _time(default=None)
    access_until: datetime | None = _time(default=None)
    refresh_until: datetime | None = _time(default=None)
    asked_at: datetime | None = _time(default=None)
    lost_at: datetime | None = _time(default=None)
    lost_why: str | None = Field(default=None, sa_type=Text)
    started_at: datetime | None = _time(default=None)
    started_redirect: str | None = None


class BrokerStateRow(Row, table=True):
    """How the last passes over a broker went."""

    __tablename__ = "broker_state"
    broker_id: int = Field(primary_key=True, foreign_key="brokers.id", ondelete="CASCADE")
    last_look_at: datetime | None = _time(default=None)
    last_good_at: datetime | None = _time(default=None)
    errors_in_row: int = 0
    last_error: str | None = Field(default=None, sa_type=Text)


class KeyRightsRow(Row, table=True):
    """What the exchange says a broker's key may do; NULL where it does not say. `asked_at` is the newest attempt."""

    __tablename__ = "key_rights"
    broker_id: int = Field(primary_key=True, foreign_key="brokers.id", ondelete="CASCADE")
    can_trade: bool | None = None
    can_withdraw: bool | None = None
    is_address_limited: bool | None = None
    key_created_at: datetime | None = _time(default=None)
    key_expires_at: datetime | None = _time(default=None)
    asked_at: datetime = _time()
    read_at: datetime | None = _time(default=None)
    withdraw_allowed: bool = False


class QuarantineRow(Row, table=True):
    """An answer that was not believed: why, and how it began. It moved nothing."""

    __tablename__ = "quarantine"
    id: int | None = Field(default=None, primary_key=True)
    broker_id: int = Field(foreign_key="brokers.id", ondelete="CASCADE")
    at: datetime = _time()
    reason: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)


class HostRow(Row, table=True):
    """A host that asked to wait, for whoever asks from here: no user's secret, and no user's row."""

    __tablename__ = "hosts"
    host: str = Field(primary_key=True)
    wait_until: datetime = _time()


class MarketRow(Row, table=True):
    """What an exchange trades: its spelling, ours, and the two coins.

    The exchange's spelling is what a market is known by. It is absent while a file alone named the market; the first
    listing that has our spelling of it takes the row over.
    """

    __tablename__ = "markets"
    __table_args__ = (UniqueConstraint("exchange", "market", "exchange_symbol", name="one_market"),)
    id: int | None = Field(default=None, primary_key=True)
    exchange: str
    market: str
    exchange_symbol: str | None = None
    symbol: str = Field(index=True)
    base: str
    quote: str
    settle: str | None = None
    contract_size: Decimal | None = _money(default=None)
    inverse: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    former: str | None = Field(default=None, sa_type=Text)


class LeaseRow(Row, table=True):
    """Who is at work on what, until when; on a server only (`postgres_leases`). The token grows with each holder."""

    __tablename__ = "leases"
    name: str = Field(primary_key=True)
    token: int = Field(sa_type=BigInteger)
    holder: str
    held_until: datetime = _time()


class ListingRow(Row, table=True):
    """That a host listed a market, and when it last did. A test network lists other markets than the real one."""

    __tablename__ = "listings"
    host: str = Field(primary_key=True)
    market_id: int = Field(primary_key=True, foreign_key="markets.id", ondelete="CASCADE")
    seen_at: datetime = _time()


class FillRow(Row, table=True):
    """One execution. The unique key is its identity: the same id on two symbols is two fills."""

    __tablename__ = "fills"
    __table_args__ = (
        UniqueConstraint("account_id", "market_id", "trade_id", "epoch", name="one_row_per_execution"),
        Index("fills_in_order", "account_id", "market_id", "executed_at"),
        Index(
            "no_executions",
            "account_id",
            "market_id",
            sqlite_where=text("source IN ('opening', 'transfer')"),
            postgresql_where=text("source IN ('opening', 'transfer')"),
        ),
        Index(
            "counted_anew",
            "account_id",
            "market_id",
            "epoch",
            "executed_at",
            sqlite_where=text("epoch > 0"),
            postgresql_where=text("epoch > 0"),
        ),
        Index(
            "costs_untold",
            "account_id",
            "market_id",
            sqlite_where=text("revision < 2"),
            postgresql_where=text("revision < 2"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id")
    market_id: int = Field(foreign_key="markets.id")
    trade_id: str
    epoch: int = 0
    broker_id: int = Field(foreign_key="brokers.id")
    order_id: str
    side: str
    quantity: Decimal = _money()
    price: Decimal = _money()
    fee: Decimal = _money()
    fee_currency: str
    more_fees: str | None = Field(default=None, sa_type=Text)
    executed_at: datetime = _time()
    acquired_at: datetime | None = _time(default=None)
    order_type: str
    is_maker: bool | None = None
    source: str
    seen_at: datetime = _time()
    revision: int | None = None
    raw: str = Field(sa_type=Text)


class CounterRow(Row, table=True):
    """The highest number given so far, where rows are deleted again or not all seen: none is given twice."""

    __tablename__ = "counters"
    name: str = Field(primary_key=True)
    value: int


class CoverageRow(Row, table=True):
    """A stretch of time proved fetched, [start, end). Written with the fills it speaks of."""

    __tablename__ = "coverage"
    __table_args__ = (UniqueConstraint("account_id", "stream", "symbol", "start_at", name="one_span"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    stream: str
    symbol: str
    start_at: datetime = _time()
    end_at: datetime = _time()


class LookRow(Row, table=True):
    """When a symbol of an account was last asked for: the newest look, and the newest that went back a day.

    Until `hot_until` it is asked in every look: a sign pointed at it and its fills may be late.
    """

    __tablename__ = "looks"
    __table_args__ = (UniqueConstraint("account_id", "symbol", name="one_look"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    symbol: str
    looked_at: datetime = _time()
    deep_at: datetime | None = _time(default=None)
    hot_until: datetime | None = _time(default=None)


class BalanceRow(Row, table=True):
    """What the account held of a coin at the last look."""

    __tablename__ = "balances"
    __table_args__ = (UniqueConstraint("account_id", "coin", name="one_balance"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    coin: str
    free: Decimal = _money()
    locked: Decimal = _money()
    seen_at: datetime = _time()


class BalancePointRow(Row, table=True):
    """What an account held in all from `at` to `until_at`, as a JSON object of exact numbers by coin.

    One row an account is `agreed`: up to then stored history explains the balances, and a replay begins there. The
    others are what looks have seen since, thinned with age: they tell when a difference began.
    """

    __tablename__ = "balance_points"
    __table_args__ = (UniqueConstraint("account_id", "kind", "at", name="one_balance_point"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    kind: str
    at: datetime = _time()
    until_at: datetime = _time()
    totals: str = Field(sa_type=Text)


class OpenOrderRow(Row, table=True):
    """An order that was open at the last look."""

    __tablename__ = "open_orders"
    __table_args__ = (UniqueConstraint("account_id", "symbol", "order_id", name="one_open_order"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    order_id: str
    symbol: str
    side: str
    order_type: str
    quantity: Decimal = _money()
    filled: Decimal = _money()
    price: Decimal = _money()
    created_at: datetime = _time()
    seen_at: datetime = _time()


class PositionRow(Row, table=True):
    """What the exchange stated of one market at the last look. Beside the books, never their source."""

    __tablename__ = "positions"
    __table_args__ = (UniqueConstraint("account_id", "symbol", "side", "position_id", name="one_position"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    symbol: str
    side: str
    position_id: str
    quantity: Decimal = _money()
    currency: str
    entry_price: Decimal | None = _money(default=None)
    mark_price: Decimal | None = _money(default=None)
    unrealised: Decimal | None = _money(default=None)
    opened_at: datetime | None = _time(default=None)
    seen_at: datetime = _time()


class BookRow(Row, table=True):
    """Derived: the checkpoint of the fold for one account and symbol, in the user's method."""

    __tablename__ = "books"
    __table_args__ = (UniqueConstraint("account_id", "market_id", name="one_book"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    market_id: int = Field(foreign_key="markets.id")
    method: str
    version: int
    last_at: datetime = _time()
    last_tie: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    gross: Decimal = _money()
    fees: Decimal = _money()
    unmatched_quantity: Decimal = _money()
    unmatched_proceeds: Decimal = _money()
    unmatched_fees: Decimal = _money()
    disposals: int
    fills: int
    open_quantity: Decimal = _money(sa_column_kwargs={"server_default": text("'0'")})
    open_cost: Decimal = _money(sa_column_kwargs={"server_default": text("'0'")})
    scale: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    mixed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class EntryRow(Row, table=True):
    """Derived: what each fill moves, in integers, in the order of the fold (`core.entries`).

    `tie` orders what happened in one microsecond; `scale` says how many decimals the integers stand for.
    """

    __tablename__ = "entries"
    __table_args__ = (Index("entry_of_fill", "fill_id", unique=True), {"sqlite_with_rowid": False})
    account_id: int = Field(primary_key=True, foreign_key="accounts.id", ondelete="CASCADE")
    market_id: int = Field(primary_key=True, foreign_key="markets.id")
    at: datetime = _time(primary_key=True)
    tie: str = Field(primary_key=True)
    fill_id: int = Field(foreign_key="fills.id", ondelete="CASCADE")
    quantity: int = Field(sa_type=AnyInteger)
    price: int = Field(sa_type=AnyInteger)
    fee: int = Field(sa_type=AnyInteger)
    scale: int
    acquired_at: datetime | None = _time(default=None)


class CoinFeeRow(Row, table=True):
    """A fee in a third coin, and what one such coin was worth in the book's currency then; no rate: not known yet."""

    __tablename__ = "coin_fees"
    __table_args__ = (
        Index(
            "coin_fees_unvalued",
            "account_id",
            "market_id",
            sqlite_where=text("rate IS NULL"),
            postgresql_where=text("rate IS NULL"),
        ),
        {"sqlite_with_rowid": False},
    )
    fill_id: int = Field(primary_key=True, foreign_key="fills.id", ondelete="CASCADE")
    coin: str = Field(primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    market_id: int = Field(foreign_key="markets.id")
    amount: Decimal = _money()
    rate: Decimal | None = _money(default=None)
    rate_at: datetime | None = _time(default=None)
    rate_source: str | None = Field(default=None, sa_type=Text)


class CandleRow(Row, table=True):
    """A price that an exchange's candle told: the first one paid from `opened_at` on, for `interval_s`."""

    __tablename__ = "candles"
    __table_args__ = ({"sqlite_with_rowid": False},)
    host: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    interval_s: int = Field(primary_key=True)
    opened_at: datetime = _time(primary_key=True)
    open: Decimal | None = _money(default=None)
    seen_at: datetime = _time()


class StatedCloseRow(Row, table=True):
    """A closed position as its exchange reckons it: beside our own P&L, never part of it."""

    __tablename__ = "stated_closes"
    __table_args__ = (UniqueConstraint("account_id", "close_id", name="one_stated_close"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    close_id: str
    symbol: str
    side: str
    quantity: Decimal = _money()
    open_price: Decimal = _money()
    close_price: Decimal = _money()
    gross: Decimal = _money()
    costs: Decimal = _money()
    currency: str
    opened_at: datetime = _time()
    closed_at: datetime = _time()
    seen_at: datetime = _time()


class TransferRow(Row, table=True):
    """Coins that came into an account or left it without a trade. `peer_id` is the other end, in another account of the
    same user."""

    __tablename__ = "transfers"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "transfer_id", name="one_transfer"),
        Index("transfers_of_coin", "account_id", "coin", "at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    kind: str
    transfer_id: str
    coin: str
    amount: Decimal = _money()
    fee: Decimal = _money()
    at: datetime = _time()
    tx_id: str
    network: str
    peer_id: int | None = Field(default=None, foreign_key="transfers.id", ondelete="SET NULL")
    seen_at: datetime = _time()
    raw: str = Field(sa_type=Text)


class CashRow(Row, table=True):
    """Money that came or went without a trade: funding, interest. `amount` is received when positive."""

    __tablename__ = "cash"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "cash_id", name="one_cash_line"),
        Index("cash_in_order", "account_id", "at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    kind: str
    cash_id: str
    symbol: str | None = None
    currency: str
    amount: Decimal = _money()
    at: datetime = _time()
    source: str
    seen_at: datetime = _time()
    raw: str = Field(sa_type=Text)


class DayRow(Row, table=True):
    """Derived: what a book realised on one UTC day. `day` counts from 1970-01-01."""

    __tablename__ = "days"
    __table_args__ = ({"sqlite_with_rowid": False},)
    account_id: int = Field(primary_key=True, foreign_key="accounts.id", ondelete="CASCADE")
    market_id: int = Field(primary_key=True, foreign_key="markets.id")
    day: int = Field(primary_key=True)
    gross: Decimal = _money()
    fees: Decimal = _money()
    unmatched_quantity: Decimal = _money()
    unmatched_proceeds: Decimal = _money()
    unmatched_fees: Decimal = _money()
    disposals: int
    fills: int


class LotRow(Row, table=True):
    """Derived: what is open of one opening fill."""

    __tablename__ = "lots"
    __table_args__ = (UniqueConstraint("account_id", "market_id", "fill_id", name="one_lot"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    market_id: int = Field(foreign_key="markets.id")
    fill_id: int = Field(foreign_key="fills.id", ondelete="CASCADE")
    side: str
    quantity: Decimal = _money()
    cost: Decimal = _money()
    fees: Decimal = _money()
    price: Decimal = _money()
    opened_at: datetime = _time()


class DisposalRow(Row, table=True):
    """Derived: what one closing fill took from one lot."""

    __tablename__ = "disposals"
    __table_args__ = (UniqueConstraint("fill_id", "part", name="one_part"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    market_id: int = Field(foreign_key="markets.id")
    fill_id: int = Field(foreign_key="fills.id", ondelete="CASCADE")
    part: int
    lot_fill_id: int
    quantity: Decimal = _money()
    cost: Decimal = _money()
    gross: Decimal = _money()
    fees: Decimal = _money()
    lot_fees: Decimal = _money(sa_column_kwargs={"server_default": text("'0'")})


class UnmatchedRow(Row, table=True):
    """Derived: the part of a sale that met no lot."""

    __tablename__ = "unmatched"
    __table_args__ = (Index("unmatched_of_book", "account_id", "market_id"),)
    fill_id: int = Field(primary_key=True, foreign_key="fills.id", ondelete="CASCADE")
    account_id: int = Field(foreign_key="accounts.id", ondelete="CASCADE")
    market_id: int = Field(foreign_key="markets.id")
    quantity: Decimal = _money()
    proceeds: Decimal = _money()
    fees: Decimal = _money()


class ScheduleRow(Row, table=True):
    """When a user's unattended rounds are due. A pause keeps `next_at`."""

    __tablename__ = "schedules"
    user_id: int = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    state: str
    every_minutes: int
    next_at: datetime | None = _time(default=None)


class RoundRow(Row, table=True):
    """One round: what it did, task by task, as a JSON list. Without an end it is under way, or was ended from
    outside."""

    __tablename__ = "rounds"
    __table_args__ = (Index("rounds_in_order", "user_id", "started_at"),)
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id", ondelete="CASCADE")
    trigger_kind: str
    started_at: datetime = _time()
    finished_at: datetime | None = _time(default=None)
    outcome: str | None = None
    tasks: str = Field(sa_type=Text)


class MessageRow(Row, table=True):
    """Something a user is told, as facts (`core.notices`). Until `planned_at` nobody has looked where it goes; `fate`
    says why it goes nowhere."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("user_id", "once_key", name="one_message"),
        Index(
            "messages_to_plan",
            "user_id",
            sqlite_where=text("planned_at IS NULL"),
            postgresql_where=text("planned_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    kind: str
    once_key: str | None = Field(default=None, sa_type=Text)
    payload: str = Field(sa_type=Text)
    created_at: datetime = _time()
    planned_at: datetime | None = _time(default=None)
    fate: str | None = None


class DeliveryRow(Row, table=True):
    """A message on its way through one channel. It is `sending` from just before the request to just after: `claim`
    says by which run, so that one that was cut off is known by the next."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("message_id", "channel", name="one_delivery"),
        Index(
            "deliveries_open",
            "user_id",
            "channel",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    message_id: int = Field(foreign_key="messages.id", ondelete="CASCADE")
    channel: str
    silent: bool
    state: str
    tries: int = 0
    cut_off: int = 0
    claim: str | None = None
    next_at: datetime = _time()
    wait_until: datetime | None = _time(default=None)
    failing_since: datetime | None = _time(default=None)
    error: str | None = Field(default=None, sa_type=Text)
    error_kind: str | None = None
    ended_at: datetime | None = _time(default=None)


class AlertRow(Row, table=True):
    """Something a user was alerted to that is not over yet: it is told once."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("user_id", "name", name="one_alert"),)
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    name: str
    raised_at: datetime = _time()


class NotifyModeRow(Row, table=True):
    """What a user said of an event: on, silent or off in a channel, "" for all of them."""

    __tablename__ = "notify_modes"
    user_id: int = Field(primary_key=True, foreign_key="users.id")
    event: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    mode: str


class NotifyOptionsRow(Row, table=True):
    """What a user wants of messages as a whole; quiet hours as `22:00-07:00`."""

    __tablename__ = "notify_options"
    user_id: int = Field(primary_key=True, foreign_key="users.id")
    zone: str | None = None
    quiet: str | None = None
    digest_h: int | None = None
    fallback: str | None = None
    daily_loss: Decimal | None = _money(default=None)
    daily_loss_currency: str | None = None
    gaps_seen_at: datetime | None = _time(default=None)


class HaltRow(Row, table=True):
    """While there is this one row, no order leaves. A file in the state directory says the same for one machine."""

    __tablename__ = "halts"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _time()
    reason: str = Field(sa_type=Text)


class StrategyRow(Row, table=True):
    """A strategy. `armed` is what it may do with money, as JSON; without it everything is on paper.

    Removing one keeps what it ordered.
    """

    __tablename__ = "strategies"
    __table_args__ = (
        Index(
            "one_strategy_name",
            "user_id",
            "name",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    name: str
    source: str = Field(sa_type=Text)
    file: str = Field(sa_type=Text)
    parameters: str = Field(sa_type=Text)
    brokers: str = Field(sa_type=Text)
    enabled: bool = True
    fee_rate: Decimal = _money()
    armed: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = _time()
    removed_at: datetime | None = _time(default=None)


class StrategyStateRow(Row, table=True):
    """What the last good run of a strategy left for the next one; on paper and with money apart."""

    __tablename__ = "strategy_states"
    strategy_id: int = Field(primary_key=True, foreign_key="strategies.id", ondelete="CASCADE")
    mode: str = Field(primary_key=True)
    state: str = Field(sa_type=Text)
    saved_at: datetime = _time()


class StrategyRunRow(Row, table=True):
    """One run. Without an `outcome` it is under way, or was killed."""

    __tablename__ = "strategy_runs"
    __table_args__ = (Index("runs_of_strategy", "strategy_id", "started_at"),)
    id: int | None = Field(default=None, primary_key=True)
    strategy_id: int = Field(foreign_key="strategies.id", ondelete="CASCADE")
    mode: str
    started_at: datetime = _time()
    seconds: Decimal | None = _money(default=None)
    outcome: str | None = None
    detail: str = Field(default="", sa_type=Text)
    said: str = Field(default="", sa_type=Text)


class StrategyOrderRow(Row, table=True):
    """One intent and what became of it. A row of an order that is sent is committed before it is sent.

    `client_id` is our own name of an order at the exchange; `target` that of the order which a cancellation means.
    """

    __tablename__ = "strategy_orders"
    __table_args__ = (
        UniqueConstraint("client_id", name="one_client_id"),
        Index("orders_of_strategy", "strategy_id", "created_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    strategy_id: int = Field(foreign_key="strategies.id", ondelete="CASCADE")
    run_id: int = Field(foreign_key="strategy_runs.id", ondelete="CASCADE")
    mode: str
    broker_id: int = Field(foreign_key="brokers.id")
    symbol: str
    side: str
    order_type: str
    quantity: Decimal | None = _money(default=None)
    amount: Decimal | None = _money(default=None)
    price: Decimal | None = _money(default=None)
    value: Decimal | None = _money(default=None)
    reason: str = Field(sa_type=Text)
    status: str
    detail: str = Field(sa_type=Text)
    client_id: str
    target: str
    order_id: str
    filled: Decimal = _money()
    filled_value: Decimal = _money()
    created_at: datetime = _time()
    sent_at: datetime | None = _time(default=None)


class PaperFillRow(Row, table=True):
    """What would have been executed. `source` `held` is a lot that the account really had, brought in at its average
    cost when it was sold on paper. No real fill is ever among them, nor one of them among the real ones."""

    __tablename__ = "paper_fills"
    __table_args__ = (Index("paper_of_strategy", "strategy_id", "broker_id", "symbol"),)
    id: int | None = Field(default=None, primary_key=True)
    strategy_id: int = Field(foreign_key="strategies.id", ondelete="CASCADE")
    order_row_id: int = Field(foreign_key="strategy_orders.id", ondelete="CASCADE")
    broker_id: int = Field(foreign_key="brokers.id")
    symbol: str
    base: str
    quote: str
    side: str
    quantity: Decimal = _money()
    price: Decimal = _money()
    fee: Decimal = _money()
    executed_at: datetime = _time()
    source: str


metadata = SQLModel.metadata
