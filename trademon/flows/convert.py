"""Symbol books in one currency: each figure at the rate of the moment it came about.

What a disposal realised counts at the rate of its own time, what an unmatched sale brought at that sale's, and what is
open at the rate of the day each lot was opened (a pool's cost, lot by lot as it joined). What has no rate then is in no
figure: it is named with its amount and time, and the total is incomplete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import groupby, islice

from trademon.core.entries import MONEY_DIGITS, to_decimal
from trademon.core.lots import AT, FEES, PRICE, QUANTITY
from trademon.core.model import Method
from trademon.core.money import EXACT, ZERO, cut_share, divide, share
from trademon.core.pnl import Book, RawBooked, Tally, fold_entries
from trademon.core.pnl_reports import UNVALUED_COST, UNVALUED_NET, UNVALUED_PROCEEDS, PnlReport, PnlRow, Unvalued
from trademon.core.stats import Performance, net_of
from trademon.core.times import DAY_US, from_us, period_bounds
from trademon.flows.pnl import PnlQuery, book_before, chosen_books
from trademon.flows.pnl_figures import BookFigures, Steps, calendar, told, unit_of
from trademon.flows.pnl_views import view
from trademon.store.prices import Rates
from trademon.store.reading import BookRef, row_of
from trademon.store.store import UserStore

_CHUNK = 5000


def convert(stores: Sequence[UserStore], query: PnlQuery) -> PnlReport:
    """The symbol books that the query means, in its currency."""
    assert query.currency is not None
    books: list[BookFigures] = []
    notes: dict[str, None] = {}
    for store in stores:
        known: dict[int, Rates] = {}
        with store.one_moment():
            for ref, method in chosen_books(store, query):
                if ref.account_id not in known:
                    known[ref.account_id] = store.rates(ref.account_id, query.currency)
                books.append(converted(store, ref, method, query, known[ref.account_id]))
                notes |= dict.fromkeys(borrowed(ref, known[ref.account_id]))
    return replace(view(stores, query, books), notes=(*notes, *fetch_note(stores, books, query.currency)))


def borrowed(ref: BookRef, rates: Rates) -> Iterator[str]:
    """Whose prices stood in where the account's own exchange told none."""
    for host, coins in sorted(rates.borrowed.items()):
        yield f"{ref.broker}: prices of {', '.join(sorted(coins))} are those of {host}"


def fetch_note(stores: Sequence[UserStore], books: Iterable[BookFigures], currency: str) -> Iterator[str]:
    """How to get the prices that are missing, unless no market is known that could tell one."""
    if any(book.row.unvalued for book in books):
        listed = [m for store in stores for broker in store.brokers() for m in store.markets(broker)]
        if listed and not any(currency in (m.base, m.quote) for m in listed):
            yield f"no market of your brokers has {currency}, so no price in it can be fetched: is it spelt so?"
            return
        fetch = f"trademon prices fetch --in {currency}"
        yield f"some prices are not known here: {fetch} asks for them, and says which no market tells"


def converted(store: UserStore, ref: BookRef, method: Method, query: PnlQuery, rates: Rates) -> BookFigures:
    """One symbol book in the currency of `rates`."""
    return told(store, _Converting(store, ref, method, query, rates).figures(), query)


class Missing:
    """Amounts without a rate: summed up by coin, kind and UTC day, under the time of the first."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, int], tuple[int, Decimal, int]] = {}

    def add(self, coin: str, amount: Decimal, at_us: int, what: str) -> None:
        key = coin, what, at_us // DAY_US
        first, so_far, count = self._sums.get(key, (at_us, ZERO, 0))
        self._sums[key] = min(first, at_us), EXACT.add(so_far, amount), count + 1

    def values(self) -> tuple[Unvalued, ...]:
        """In the order of their time."""
        found = sorted(self._sums.items(), key=lambda item: item[1][0])
        return tuple(Unvalued(coin, amount, from_us(at), what, n) for (coin, what, _), (at, amount, n) in found)


@dataclass(slots=True)
class _Pool:
    """What a pool cost in the wanted currency, and in the book's own what could not be valued."""

    valued: Decimal = ZERO
    unvalued: Decimal = ZERO

    def shrink(self, left: int, whole: int) -> None:
        self.valued = share(self.valued, Decimal(left), Decimal(whole))
        self.unvalued = share(self.unvalued, Decimal(left), Decimal(whole))


@dataclass(slots=True)
class _Figures:
    """What a stretch of a book realised, in the wanted currency."""

    tally: Tally = field(default_factory=Tally)
    missing: Missing = field(default_factory=Missing)
    performance: Performance = field(default_factory=Performance)


class _Converting:
    """One book's fold, each step valued as it comes."""

    def __init__(self, store: UserStore, ref: BookRef, method: Method, query: PnlQuery, rates: Rates) -> None:
        self.store, self.ref, self.method, self.query, self.rates = store, ref, method, query, rates
        pooled = method == "average"
        # A pool's cost is made of all that joined it, so that its fold is looked at from the beginning.
        self.book = Book(method, signed=ref.signed, only=ref.only, scale=ref.scale) if pooled else self._before()
        self.to_money = 10 ** (MONEY_DIGITS - ref.scale.quantity - ref.scale.price)
        self.pool = _Pool() if pooled else None
        self.steps = Steps()

    def _before(self) -> Book:
        return book_before(self.store, self.ref, self.method, self.query.since)

    def figures(self) -> BookFigures:
        query, unit = self.query, unit_of(self.query)
        if self.pool is not None and query.since is not None:
            with self.store.book_entries(self.ref, until=query.since) as entries:
                self._fold(entries, _Figures())
            self.steps = Steps()
        whole, periods = _Figures(), []
        name_of = calendar(self.store, self.ref, unit) if unit else lambda _: ""
        with self.store.book_entries(self.ref, since=query.since, until=query.until) as entries:
            for name, part in groupby(entries, key=name_of):
                self._fold(part, whole, one := _Figures())
                if unit is not None:
                    periods.append(self._row(one, name))
        return BookFigures(self.ref, self.method, self._row(whole, None), tuple(periods), self.steps)

    def _fold(self, entries: Iterator[tuple[int, ...]], *figures: _Figures) -> None:
        while chunk := list(islice(entries, _CHUNK)):
            out: list[RawBooked] = []
            fold_entries(self.book, chunk, out)
            for raw in out:
                self._take(raw, figures)

    def _take(self, raw: RawBooked, figures: Sequence[_Figures]) -> None:
        at_us = raw.entry.at_us
        rate = self.rates.price_us(self.ref.currency, at_us)
        if self.pool is not None:
            self._follow_pool(self.pool, raw, rate)
        for one in figures:
            one.tally.fills += 1
            one.tally.disposals += raw.disposes
        if raw.disposes or raw.closing_fee:
            self._realise(raw, rate, figures)
        if raw.unmatched:
            self._miss(raw, rate, figures)

    def _realise(self, raw: RawBooked, rate: Decimal | None, figures: Sequence[_Figures]) -> None:
        fees = to_decimal(raw.closing_fee + sum(part.lot_fees for part in raw.parts), MONEY_DIGITS)
        net = to_decimal(net_of(raw, self.to_money), MONEY_DIGITS)
        if rate is None:
            for one in figures:
                one.missing.add(self.ref.currency, net, raw.entry.at_us, UNVALUED_NET)
            return
        with localcontext(EXACT):
            for one in figures:
                one.tally.gross += (net + fees) * rate
                one.tally.fees += fees * rate
            self._count(raw, net * rate, figures)

    def _count(self, raw: RawBooked, net: Decimal, figures: Sequence[_Figures]) -> None:
        if not (self.query.stats or self.query.curve):
            return
        cut = int(EXACT.scaleb(cut_share(net), MONEY_DIGITS))
        self.steps.add(raw, cut)
        for one in figures:
            one.performance.add(cut, closing=raw.disposes)

    def _miss(self, raw: RawBooked, rate: Decimal | None, figures: Sequence[_Figures]) -> None:
        """The part of a sale that met no lot."""
        quantity = to_decimal(raw.unmatched, self.book.scale.quantity)
        proceeds = to_decimal(raw.unmatched_proceeds * self.to_money, MONEY_DIGITS)
        fees = to_decimal(raw.rest_fee, MONEY_DIGITS)
        with localcontext(EXACT):
            for one in figures:
                one.tally.unmatched_quantity += quantity
                if rate is None:
                    one.missing.add(self.ref.currency, proceeds - fees, raw.entry.at_us, UNVALUED_PROCEEDS)
                else:
                    one.tally.unmatched_proceeds += proceeds * rate
                    one.tally.unmatched_fees += fees * rate

    # --- what is open --------------------------------------------------------------------------------------------

    def _follow_pool(self, pool: _Pool, raw: RawBooked, rate: Decimal | None) -> None:
        for part in raw.parts:
            pool.shrink(part.left, part.left + part.quantity)
        if not raw.opened:
            return
        fee = raw.rest_fee if raw.entry.quantity > 0 else -raw.rest_fee
        cost = to_decimal(raw.opened * raw.entry.price * self.to_money + fee, MONEY_DIGITS)
        with localcontext(EXACT):
            if rate is None:
                pool.unvalued += cost
            else:
                pool.valued += cost * rate

    def _open_cost(self, missing: Missing) -> Decimal:
        """The cost of what is open, and into `missing` what of it has no rate."""
        lots = self.book.lots
        if self.pool is not None:
            if self.pool.unvalued:
                missing.add(self.ref.currency, self.pool.unvalued, lots.items[0][AT], UNVALUED_COST)
            return self.pool.valued
        total = ZERO
        for at_us, group in groupby(lots.oldest_first(), key=lambda lot: lot[AT]):
            amount = sum(
                lot[QUANTITY] * lot[PRICE] * self.to_money + (lot[FEES] if lots.long else -lot[FEES]) for lot in group
            )
            rate = self.rates.price_us(self.ref.currency, at_us)
            if rate is None:
                missing.add(self.ref.currency, to_decimal(amount, MONEY_DIGITS), at_us, UNVALUED_COST)
            else:
                total = EXACT.add(total, EXACT.multiply(to_decimal(amount, MONEY_DIGITS), rate))
        return total

    # --- rows ----------------------------------------------------------------------------------------------------

    def _row(self, figures: _Figures, period: str | None) -> PnlRow:
        """The row of a stretch, with what is open at its end."""
        own = replace(self.ref, currency=self.rates.currency)
        still = Missing()
        cost = self._open_cost(still)
        row = row_of(own, figures.tally, self._unvalued_fees(period), self.book.open_quantity, cost)
        held, unknown = self.book.open_quantity.copy_abs(), still.values()
        return replace(
            row,
            period=period,
            unvalued=(*figures.missing.values(), *unknown),
            # Of an inverse contract, too, whose price is no amount of this currency.
            average_cost=None if unknown or not held or row.open_cost is None else divide(row.open_cost, held),
            stats=figures.performance.figures() if self.query.stats else None,
        )

    def _unvalued_fees(self, period: str | None) -> tuple[tuple[str, Decimal], ...]:
        since, until = self.query.since, self.query.until
        if period is not None:
            begin, end = period_bounds(period)
            since, until = _later(since, begin), end if until is None else min(end, until)
        return self.store.unvalued_fees(self.ref, since=since, until=until)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
