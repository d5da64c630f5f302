"""Books of coins: one an account and coin over all its symbols, in one currency by dated rates.

What a fill moves in which book is in `core.coin_entries`; each coin's entries are then folded as a symbol book's are.
Margin and swap accounts hold positions and no coins: their books stay those of their symbols, converted.

What has no rate is named and in no figure. Coins that came in at a value that is not known open no lot, so that a later
sale of as many is unmatched; coins that went out at one leave their lots, and nothing is realised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from trademon.core.coin_entries import CoinEntry, coin_entries
from trademon.core.entries import MONEY_DIGITS, Entry, Scale
from trademon.core.model import Method
from trademon.core.money import MAX_DECIMALS, ZERO
from trademon.core.pnl import Book, Tally, fold_entries
from trademon.core.pnl_reports import PnlReport, PnlRow
from trademon.core.stats import Performance
from trademon.core.times import period_of, to_us
from trademon.errors import UsageError
from trademon.flows.convert import Missing, borrowed, converted, fetch_note
from trademon.flows.pnl import PnlQuery, chosen_books
from trademon.flows.pnl_figures import BookFigures, Steps, open_cost, realised, stretch_of, unit_of
from trademon.flows.pnl_views import view
from trademon.store.prices import Rates
from trademon.store.reading import BookRef, row_of
from trademon.store.store import UserStore

_SCALE = Scale(quantity=MAX_DECIMALS, price=MAX_DECIMALS, fee=MONEY_DIGITS)
"""What holds any entry of a coin's book: none has more decimals."""


def coin_pnl(stores: Sequence[UserStore], query: PnlQuery) -> PnlReport:
    """One row an account and coin, in the query's currency. Symbols mean their base coins.

    Raises:
        UsageError: the query names no currency.
    """
    if query.currency is None:
        raise UsageError("books of coins are kept in one currency", hint="trademon pnl --book coin --in USDT")
    books: list[BookFigures] = []
    notes: dict[str, None] = {}
    for store in stores:
        with store.one_moment():
            for refs, method in _accounts(store, query):
                rates = store.rates(refs[0].account_id, query.currency)
                if refs[0].signed:
                    books += [converted(store, ref, method, query, rates) for ref in _named(refs, query)]
                    notes[f"{refs[0].broker} trades on margin or contracts: counted by symbol"] = None
                else:
                    books += _coin_books(store, refs, method, query, rates)
                notes |= dict.fromkeys(borrowed(refs[0], rates))
    return replace(view(stores, query, books), notes=(*notes, *fetch_note(stores, books, query.currency)))


def _accounts(store: UserStore, query: PnlQuery) -> Iterator[tuple[list[BookRef], Method]]:
    """The accounts that the query means, each with all its symbol books and its method."""
    chosen = sorted(chosen_books(store, replace(query, symbols=())), key=lambda c: (c[0].broker, c[0].account_id))
    for _, group in groupby(chosen, key=lambda c: c[0].account_id):
        books = list(group)
        yield [ref for ref, _ in books], books[0][1]


def _named(refs: Iterable[BookRef], query: PnlQuery) -> list[BookRef]:
    return [ref for ref in refs if not query.symbols or ref.symbol in query.symbols]


@dataclass(frozen=True, slots=True)
class _Step:
    """What one fill moves in one coin's book. Not `executed`: a lot entered by hand, or one end of a transfer."""

    fill_id: int
    at_us: int
    opened_us: int
    entry: CoinEntry
    executed: bool


def _coin_books(
    store: UserStore, refs: Sequence[BookRef], method: Method, query: PnlQuery, rates: Rates
) -> Iterator[BookFigures]:
    """The books of one account's coins; `refs` are all its symbol books."""
    ref = refs[0]
    steps: dict[str, list[_Step]] = {}
    for fill_id, fill, is_lot in store.account_fills(ref.account_id, until=query.until):
        if fill.contract is None:
            at_us, opened_us = to_us(fill.executed_at), to_us(fill.opened_at)
            for entry in coin_entries(fill, rates.currency, rates.price, is_lot=is_lot):
                steps.setdefault(entry.coin, []).append(_Step(fill_id, at_us, opened_us, entry, not is_lot))
    wanted = {symbol.partition("/")[0] for symbol in query.symbols}
    for coin in sorted(steps):
        if not wanted or coin in wanted:
            own = replace(ref, symbol=coin, currency=rates.currency)
            found = _CoinBook(own, method, query, steps[coin]).figures()
            yield replace(
                found,
                row=_with_carried(store, found.row, refs, query),
                periods=tuple(_with_carried(store, row, refs, query) for row in found.periods),
            )


def _with_carried(store: UserStore, row: PnlRow, refs: Sequence[BookRef], query: PnlQuery) -> PnlRow:
    """The row of a coin with the coins of fees that its carried lots brought along without a price."""
    since, until = stretch_of(row, query)
    own = (ref for ref in refs if ref.symbol.partition("/")[0] == row.symbol)
    coins = {coin for ref in own for coin in store.carried_unvalued(ref, since=since, until=until)}
    return replace(row, carried_unvalued=tuple(sorted(coins)))


@dataclass(slots=True)
class _Stretch:
    """What a stretch of a book came to."""

    tally: Tally = field(default_factory=Tally)
    missing: Missing = field(default_factory=Missing)
    performance: Performance = field(default_factory=Performance)
    unknown_cost: bool = False


class _CoinBook:
    """One coin's fold, stopped at the end of each period."""

    def __init__(self, ref: BookRef, method: Method, query: PnlQuery, steps: Sequence[_Step]) -> None:
        self.ref, self.method, self.query = ref, method, query
        self.book = Book(method, scale=_SCALE)
        self.todo = steps
        self.steps = Steps()

    def figures(self) -> BookFigures:
        unit = unit_of(self.query)
        since_us = None if self.query.since is None else to_us(self.query.since)
        before = [step for step in self.todo if since_us is not None and step.at_us < since_us]
        earlier = self._fold(before)
        self.steps = Steps()
        whole, rows = Tally(), []
        stretches = []
        parts = groupby(self.todo[len(before) :], key=lambda s: period_of(s.at_us, unit) if unit else None)
        for name, part in parts:
            stretches.append(stretch := self._fold(part))
            stretch.unknown_cost |= earlier.unknown_cost or any(s.unknown_cost for s in stretches)
            whole += stretch.tally
            if unit is not None:
                rows.append(self._row([stretch], stretch.tally, name))
        row = self._row(stretches, whole, None)
        return BookFigures(self.ref, self.method, row, tuple(rows), self.steps)

    def _fold(self, steps: Iterable[_Step]) -> _Stretch:
        stretch, before, steps = _Stretch(), self.book.tally, list(steps)
        for valued, run in groupby(steps, key=lambda step: step.entry.valued):
            if valued:
                self._book(list(run), stretch)
            else:
                for step in run:
                    self._skip(step, stretch)
        stretch.tally = self.book.tally - before
        stretch.tally.fills = sum(step.executed for step in steps)
        return stretch

    def _book(self, steps: Sequence[_Step], stretch: _Stretch) -> None:
        entries = [self._integers(step) for step in steps]
        if self.query.stats or self.query.curve:
            for raw, net in realised(self.book, entries):
                self.steps.add(raw, net)
                stretch.performance.add(net, closing=raw.disposes)
        else:
            fold_entries(self.book, entries)
        for step in steps:
            for coin, amount in step.entry.moved.unvalued:
                stretch.missing.add(coin, amount, step.at_us, "fee")

    def _skip(self, step: _Step, stretch: _Stretch) -> None:
        """A step without a price: coins that went out leave their lots, and nothing of it is in a figure."""
        coin, moved, _, what = step.entry
        if moved.quantity:
            stretch.missing.add(coin, moved.quantity.copy_abs(), step.at_us, what)
        for fee_coin, amount in moved.unvalued:
            stretch.missing.add(fee_coin, amount, step.at_us, f"fee of what was {what}")
        before = self.book.tally
        if moved.quantity < ZERO:
            fold_entries(self.book, [self._integers(step)])
        stretch.unknown_cost |= moved.quantity > ZERO
        self.book.tally = before + Tally(fills=1)

    def _integers(self, step: _Step) -> Entry:
        return _SCALE.entry(step.fill_id, step.opened_us, step.entry.moved)

    def _row(self, stretches: Sequence[_Stretch], tally: Tally, period: str | None) -> PnlRow:
        row = row_of(self.ref, tally, (), self.book.open_quantity, open_cost(self.book))
        performance = Performance()
        if self.query.stats:
            if period is not None:
                performance = stretches[0].performance
            else:
                for _, net, closing in self.steps:
                    performance.add(net, closing=closing)
        return replace(
            row,
            period=period,
            unvalued=tuple(missing for stretch in stretches for missing in stretch.missing.values()),
            unmatched_reason=_reason(stretches) if row.has_unmatched else None,
            stats=performance.figures() if self.query.stats else None,
        )


def _reason(stretches: Iterable[_Stretch]) -> str:
    """Why something was sold without a lot."""
    if any(stretch.unknown_cost for stretch in stretches):
        return "some of it came in at a value that is not known"
    return "it was deposited, or came in before the history known here begins"
