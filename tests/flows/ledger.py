"""A user with manual brokers, and fills written into their accounts."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.flows.desk import NOON
from trademon.core.model import Fee, Fill, MarketType, Method
from trademon.core.pnl_reports import PnlReport, PnlRow
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.store import Store, UserStore

D = Decimal
FOUNDING = (("buy", "0.001", "45000"), ("buy", "0.002", "46000"), ("sell", "0.0015", "47000"))


def minute(n: float) -> datetime:
    return NOON + timedelta(minutes=n)


class Ledger:
    """Fills a minute apart, unless told when."""

    def __init__(self, store: Store, user: UserStore) -> None:
        self.store = store
        self.user = user
        self.count = 0

    def broker(self, name: str, method: Method | None = None, *, market: MarketType = "spot", **more: Any) -> None:
        self.user.add_broker(
            name,
            exchange="manual",
            market=market,
            since=NOON,
            base_url=None,
            symbols=(),
            method=method,
            credentials=None,
            **more,
        )

    def book(self, name: str, *trades: tuple[Any, ...], symbol: str = "BTC/USDT", fee: str = "0") -> None:
        """Trades as (side, quantity, price) or (side, quantity, price, time), each with that fee in the quote."""
        base, _, quote = symbol.partition("/")
        for side, quantity, price, *when in trades:
            self.count += 1
            at = when[0] if when else minute(self.count)
            fee_of = (Fee(D(fee), quote),)
            self.add(name, Fill(str(self.count), symbol, base, quote, side, D(quantity), D(price), at, fee_of))

    def add(self, name: str, *fills: Fill) -> None:
        """Book these fills as one page."""
        broker = self.user.broker(name)
        self.user.books.book_page(
            broker,
            list(fills),
            account_id=broker.account_id or 0,
            method=self.user.method_of(broker),
            source="import",
            seen_at=max(fill.executed_at for fill in fills),
        )

    def ask(self, **query: Any) -> PnlReport:
        return pnl([self.store.for_user(self.user.user)], PnlQuery(**query))

    def row(self, **query: Any) -> PnlRow:
        (row,) = self.ask(**query).rows
        return row
