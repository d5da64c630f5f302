"""What is known of prices, and an account's fills over all symbols, as books of coins need them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from trademon.core.model import Fee, Fill, fill_order
from trademon.core.price_reports import PriceSpan
from trademon.core.times import from_us
from trademon.store.database import Sql
from trademon.store.fill_rows import iter_fills
from trademon.store.prices import MANUAL, Rates, Series, cached_hosts, read_series
from trademon.store.scope import HOST, OWNED, UserScope


class AccountFill(NamedTuple):
    """A stored fill of an account. `is_lot`: a lot entered by hand or carried over; nothing was executed."""

    fill_id: int
    fill: Fill
    is_lot: bool


class UserPrices(UserScope):
    """The part of a user's store that says what coins were worth."""

    def price_hosts(self, account_id: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The account's own hosts, and those whose candles stand in where these know nothing: of the user's other
        brokers, then any others."""
        with self._database.read() as sql:
            self._check_owned(sql, account_id)
            rows = sql.rows(
                f"""SELECT {HOST}, account_id FROM brokers WHERE user_id = ?
                ORDER BY base_url IS NOT NULL, removed_at IS NOT NULL, id""",
                self._user_id,
            )
            cached = cached_hosts(sql, account_id)
        own = dict.fromkeys(host for host, account in rows if account == account_id and host != MANUAL)
        others = dict.fromkeys(host for host, _ in rows if host in cached)
        return tuple(own), tuple(host for host in (others | dict.fromkeys(cached)) if host not in own)

    def rates(self, account_id: int, currency: str, *, borrowing: bool = True) -> Rates:
        """Rates into `currency` for what an account did; `borrowing` from other hosts where its own know nothing."""
        own, others = self.price_hosts(account_id)
        return Rates(self._load_series, (*own, *others) if borrowing else own, currency, own=len(own))

    def _load_series(self, host: str, symbol: str, interval: timedelta) -> Series:
        with self._database.read() as sql:
            return read_series(sql, host, symbol, interval)

    def price_spans(self) -> tuple[PriceSpan, ...]:
        """How many prices are known of each market, by host and length of candle; of other users' own addresses
        nothing."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT host, symbol, interval_s, count(open), count(*) - count(open), min(opened_at), max(opened_at)
                FROM candles WHERE host NOT LIKE '%/%' OR host IN (SELECT base_url FROM brokers WHERE user_id = ?)
                GROUP BY host, symbol, interval_s ORDER BY host, symbol, interval_s""",
                self._user_id,
            )
        return tuple(
            PriceSpan(host, symbol, timedelta(seconds=seconds), known, missing, from_us(first), from_us(last))
            for host, symbol, seconds, known, missing, first, last in rows
        )

    def account_fills(
        self, account_id: int, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[AccountFill]:
        """All fills of an account within [since, until), in the order of matching over all symbols. Of one moment, by
        the exchange's id, then by symbol."""
        with self._database.read() as sql:
            found = _account_fills(sql, account_id, self._user_id)
        wanted = [
            one
            for one in found
            if (since is None or one.fill.executed_at >= since) and (until is None or one.fill.executed_at < until)
        ]
        return sorted(wanted, key=lambda one: (*fill_order(one.fill), one.fill.symbol))


def _account_fills(sql: Sql, account_id: int, user_id: int) -> list[AccountFill]:
    markets = sql.rows(f"SELECT DISTINCT market_id FROM books WHERE {OWNED}", account_id, user_id)
    rows = sql.rows("SELECT id FROM fills WHERE account_id = ? AND source IN ('opening', 'transfer')", account_id)
    lots = {row[0] for row in rows}
    return [
        AccountFill(fill_id, _with_names_of_today(fill), fill_id in lots)
        for (market_id,) in markets
        for fill_id, fill in iter_fills(sql, (account_id, market_id))
    ]


def _with_names_of_today(fill: Fill) -> Fill:
    """A fill that speaks of a coin by its former name is one of the coin that its symbol names now."""
    if fill.contract is not None or f"{fill.base}/{fill.quote}" == fill.symbol or "/" not in fill.symbol:
        return fill
    base, _, quote = fill.symbol.partition("/")
    names = {fill.base: base, fill.quote: quote}
    fees = tuple(Fee(fee.amount, names.get(fee.currency, fee.currency)) for fee in fill.fees)
    return replace(fill, base=base, quote=quote, fees=fees)
