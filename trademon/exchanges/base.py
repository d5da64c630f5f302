"""What trademon asks of an exchange, whatever it speaks: the Exchange protocol and its capability table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, runtime_checkable

from trademon.core.cash_reports import CashLine
from trademon.core.coverage import Span
from trademon.core.model import (
    Balance,
    Candle,
    Fill,
    KeyRights,
    Market,
    OpenOrder,
    Position,
    StatedClose,
    Transfer,
    TransferKind,
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """How an exchange differs from another, as data.

    history: how far back fills can be asked for, None without a limit.
    orders_name_symbols: past orders (or what else tells of every fill) can be listed without naming a symbol, so traded
        symbols need not be guessed. `names_history`: how far back, where not as far as `history`; `names_by_fills`: it
        tells of a symbol at the time of its fills, not when an order was created.
    fills_name_order_type: a fill's row says what kind of order it filled.
    candles: how many candles one question brings at most.
    transfer_history: how far back deposits and withdrawals can be asked for, None without a limit.
    has_transfers: deposits and withdrawals can be asked for.
    has_positions: it states positions, beside what is held of a coin.
    has_rights: it says what a key may do.
    lists_all: `fetch_markets` tells all that is listed; otherwise what the account touches.
    has_cash: it tells funding, interest and the like; `cash_history`: how far back, None without a limit.
    opened: when the exchange began, where that is known: nothing at it is older.
    """

    history: timedelta | None
    orders_name_symbols: bool
    fills_name_order_type: bool
    candles: int
    transfer_history: timedelta | None
    has_transfers: bool = True
    has_positions: bool = False
    has_rights: bool = False
    has_cash: bool = False
    cash_history: timedelta | None = None
    opened: datetime | None = None
    names_history: timedelta | None = None
    names_by_fills: bool = False
    lists_all: bool = True


@dataclass(frozen=True, slots=True)
class AccountView:
    """Whose key it is and what the account holds; `uid` is None where the exchange does not say."""

    uid: str | None
    balances: tuple[Balance, ...]


@dataclass(frozen=True, slots=True)
class FillPage:
    """A validated page: its fills, and the stretch of time for which it proves that there are no others.

    Fills from before or after that stretch may be among them: they are true, only not proved whole.
    """

    fills: tuple[Fill, ...]
    covered: Span


@dataclass(frozen=True, slots=True)
class TransferPage:
    """Validated transfers of one kind, and the stretch of time for which it is proved that there are no others of that
    kind which completed."""

    transfers: tuple[Transfer, ...]
    covered: Span


@dataclass(frozen=True, slots=True)
class CashPage:
    """Validated cash lines, and the stretch of time for which it is proved that there are no others."""

    lines: tuple[CashLine, ...]
    covered: Span


class TokenSource(Protocol):
    """The tokens of an account whose exchange wants a person's sign-in. Raises SignInNeeded where there are none."""

    async def token(self) -> str:
        """The one to ask with now."""
        ...

    async def after_refusal(self, refused: str) -> str:
        """Another one than this, which the exchange refused."""
        ...


@runtime_checkable
class StatesCloses(Protocol):
    """What an exchange may do beside: say what closed positions earned, as it reckons."""

    async def fetch_stated_closes(self, markets: Mapping[str, Market]) -> tuple[StatedClose, ...]:
        """Those it still tells, usually of today; `markets` by the exchange's spelling."""
        ...


class Exchange(Protocol):
    """One account at one exchange. Every `fetch_` raises `errors.TrademonError` and nothing else on purpose."""

    capabilities: Capabilities

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        ...

    def now(self) -> datetime:
        """The exchange's clock, as last measured."""
        ...

    def has_budget(self) -> bool:
        """Whether the host's request budget leaves room for questions that can wait."""
        ...

    def budget(self) -> tuple[int, int] | None:
        """What this minute's questions have cost so far and what they may cost, by all programs behind our address;
        None where the exchange does not count by the minute."""
        ...

    async def sync_clock(self) -> timedelta:
        """Measure the exchange's clock; returns its offset from ours."""
        ...

    async def fetch_markets(self) -> tuple[Market, ...]:
        """Everything that is or was lately listed."""
        ...

    async def fetch_account(self, *, with_uid: bool) -> AccountView:
        """What the account holds; whose it is where that costs nothing or `with_uid` asks for it."""
        ...

    async def fetch_open_orders(self, markets: Mapping[str, Market]) -> tuple[OpenOrder, ...]:
        """All open orders; `markets` by the exchange's spelling."""
        ...

    async def fetch_traded_symbols(self, since: datetime) -> frozenset[str]:
        """The exchange's spelling of every symbol with an order created since then; empty where it cannot be asked."""
        ...

    def fetch_fills(self, market: Market, span: Span, *, anchor: str | None) -> AsyncIterator[FillPage]:
        """The fills of one symbol within `span`, page by page, until every page of it is proved.

        `anchor` is the id of a stored fill from before the span, where ids can be walked from.
        """
        ...

    async def fetch_order_types(self, market: Market, order_ids: Iterable[str]) -> dict[str, str]:
        """The kind of order (`limit`, `market`, ...) of each of these, as far as it is to be had. Colour only."""
        ...

    async def fetch_candles(
        self, market: Market, start: datetime, count: int, interval: timedelta
    ) -> tuple[Candle, ...]:
        """Candles of a minute or a day that began at or after `start`, oldest first, at most `count` of them.

        Fewer, or none, where nothing was traded or `start` lies in the future. `count` is at most
        `capabilities.candles`.
        """
        ...

    async def fetch_last_prices(self) -> dict[str, Decimal]:
        """The last price of every market, by the exchange's spelling."""
        ...

    def fetch_transfers(self, kind: TransferKind, span: Span) -> AsyncIterator[TransferPage]:
        """Deposits or withdrawals within `span`, page by page, until every page of it is proved."""
        ...

    async def fetch_positions(self, markets: Mapping[str, Market]) -> tuple[Position, ...]:
        """All open positions; `markets` by the exchange's spelling. None without `capabilities.has_positions`."""
        ...

    async def fetch_rights(self) -> KeyRights | None:
        """What the key may do; None without `capabilities.has_rights`."""
        ...

    def fetch_cash(self, span: Span) -> AsyncIterator[CashPage]:
        """Money that came or went without a trade within `span`, page by page, until every page of it is proved; no
        page without `capabilities.has_cash`."""
        ...

    def last_answer(self) -> str:
        """How the answer began that came last in this task, without the key: kept where it is not believed."""
        ...

    async def close(self) -> None: ...
