"""An account written by hand, and prices put into the cache: what tests of P&L in one currency begin with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.flows.desk import NOON
from trademon.core.model import Broker, Candle, Credentials, Fee, Fill, Method
from trademon.core.pnl_reports import PnlReport, PnlRow, PnlTotal
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.prices import DAY, MINUTE
from trademon.store.store import Store, UserStore

D = Decimal
MIDNIGHT = NOON.replace(hour=0)


def day(n: float) -> datetime:
    """Midnight, `n` days after that of the tests' day."""
    return MIDNIGHT + timedelta(days=n)


class Purse:
    """A user with an account `main` and a way to say what coins were worth."""

    def __init__(self, store: Store, exchange: str = "manual", *, user: str | None = None) -> None:
        self.store = store
        self.user: UserStore = store.for_user(user or store.users()[0].name)
        self.count = 0
        self.add("main", exchange)
        self.teller = self.user.broker("main") if exchange != "manual" else self.add("teller", "binance")

    def add(self, name: str, exchange: str = "manual", market: str = "spot", method: Method | None = None) -> Broker:
        broker = self.user.add_broker(
            name,
            exchange=exchange,
            market=market,
            since=day(-1000),
            base_url=None,
            symbols=(),
            method=method,
            credentials=None if exchange == "manual" else Credentials("k", "s", ""),
        )
        if broker.account_id is None:
            self.user.bind_account(broker, name)
        return self.user.broker(name)

    def tell(self, symbol: str, price: str, at: datetime, interval: timedelta = DAY, by: Broker | None = None) -> None:
        """Keep a candle that was opened then."""
        candle = Candle(at, interval, D(price))
        teller = by or self.teller
        self.store.for_user(teller.user).save_candles(teller, symbol, [candle], interval=interval)

    def tell_minute(self, symbol: str, price: str, at: datetime) -> None:
        self.tell(symbol, price, at, MINUTE)

    def trade(self, side: str, symbol: str, quantity: str, price: str, at: datetime, *fees: str, **more: Any) -> Fill:
        """An execution; fees as `0.1 BNB`; `broker` by name, `source` as it is stored."""
        self.count += 1
        base, _, quote = symbol.partition("/")
        paid = tuple(Fee(D(fee.split()[0]), fee.split()[1]) for fee in fees)
        fill = Fill(str(self.count), symbol, base, quote, side, D(quantity), D(price), at, paid)  # type: ignore[arg-type]
        self.book([fill], **more)
        return fill

    def book(self, fills: Iterable[Fill], *, broker: str = "main", source: str = "api") -> None:
        at = self.user.broker(broker)
        assert at.account_id is not None
        method = self.user.method_of(at)
        self.user.books.book_page(at, fills, account_id=at.account_id, method=method, source=source, seen_at=NOON)

    def ask(self, currency: str | None = "EUR", **query: Any) -> PnlReport:
        return pnl([self.store.for_user(self.user.user)], PnlQuery(currency=currency, **query))

    def coins(self, currency: str = "USDT", **query: Any) -> dict[str, PnlRow]:
        """The rows of coin books by coin."""
        return {row.symbol: row for row in self.ask(currency, book="coin", **query).rows}

    def row(self, currency: str | None = "EUR", **query: Any) -> PnlRow:
        (row,) = self.ask(currency, **query).rows
        return row

    def total(self, currency: str = "EUR", **query: Any) -> PnlTotal:
        (total,) = self.ask(currency, **query).totals
        return total
