"""Positions: what is held of each coin with what it cost, and each contract beside what its exchange states.

What is held is what the exchange last said; what it cost is from our own books; what it is worth now is asked for and
never stored. The part of a coin that no book knows has no cost, and is shown as that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, localcontext

from trademon.core.holding_reports import PositionRow, PositionsReport
from trademon.core.model import Position, PositionSide
from trademon.core.money import EXACT, ZERO, divide, format_decimal, round_figure
from trademon.core.pnl_reports import PnlRow
from trademon.core.reports import takes_files
from trademon.core.symbols import is_money, position_side, without_side
from trademon.exchanges.registry import only_manual
from trademon.flows.coverage import CapabilitiesOf
from trademon.flows.holdings import HeldAccount, held_accounts
from trademon.flows.pnl import PnlQuery
from trademon.flows.pnl_figures import BookFigures, figures
from trademon.flows.pnl_marks import Asked, Markets, Told, last_prices, mark_book, unrealized
from trademon.flows.ports import Ports
from trademon.store.store import UserStore


async def positions(
    stores: Sequence[UserStore], names: Sequence[str], ports: Ports, *, capabilities_of: CapabilitiesOf
) -> PositionsReport:
    """The positions of the brokers named, or of all, at their exchanges' last prices. Without a price a row has no
    unrealised P&L, and a note says why."""
    open_ = read_open(stores, names, ports.clock())
    told = await last_prices(open_.asked.values(), ports)
    return positions_at(open_, told, capabilities_of=capabilities_of)


@dataclass(frozen=True, slots=True)
class Open:
    """What is open, as far as stores know: the accounts, their books with something open, and whom to ask for last
    prices, by user and account. `silent`: brokers that never answered; `manual`: those without an API, where there are
    no others."""

    accounts: Sequence[HeldAccount]
    books: Mapping[tuple[str, int], Sequence[BookFigures]]
    silent: tuple[str, ...]
    manual: tuple[str, ...]
    no_broker: bool

    @property
    def asked(self) -> dict[tuple[str, int], Asked]:
        return {_key(a): (a.store, a.broker) for a in self.accounts if self.books.get(_key(a))}


def read_open(stores: Sequence[UserStore], names: Sequence[str], now: datetime) -> Open:
    """What the stores know of what the brokers named, or all, have open."""
    accounts, silent = held_accounts(stores, names, now)
    manual = only_manual(broker for store in stores for broker in store.brokers())
    no_broker = not any(store.brokers() for store in stores)
    return Open(accounts, _open_books(stores), silent, manual, no_broker)


def positions_at(open_: Open, told: dict[object, Told], *, capabilities_of: CapabilitiesOf) -> PositionsReport:
    """The positions at the last prices that hosts have told."""
    rows: list[PositionRow] = []
    notes: list[str] = []
    asked, markets = open_.asked, Markets()
    for account in open_.accounts:
        books = open_.books.get(_key(account), ())
        marked = [mark_book(book, asked[_key(account)], told, markets).row for book in books]
        able = capabilities_of(account.broker.exchange, account.broker.market)
        if account.broker.market != "spot" or (able is not None and able.has_positions):
            rows += _stated_positions(account, marked)
        else:
            found = _Coins(account, marked)
            rows += found.rows()
            notes += found.notes
    if not rows and open_.manual:
        notes.append(takes_files(open_.manual))
    return PositionsReport(tuple(rows), (*notes, *_unpriced(rows, told), *open_.silent), open_.no_broker)


def _key(account: HeldAccount) -> tuple[str, int]:
    return account.broker.user, account.account_id


def _open_books(stores: Sequence[UserStore]) -> dict[tuple[str, int], list[BookFigures]]:
    """The books with something open, by user and account."""
    found: dict[tuple[str, int], list[BookFigures]] = defaultdict(list)
    for store in stores:
        with store.one_moment():
            for book in figures([store], PnlQuery()):
                if book.row.open_quantity:
                    found[book.ref.user, book.ref.account_id].append(book)
    return found


def _unpriced(rows: Iterable[PositionRow], told: Mapping[object, Told]) -> Iterator[str]:
    """Why rows with a known cost have no last price."""
    silent: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.cost is not None and row.mark is None:
            silent[row.broker].append(row.symbol)
    for broker, symbols in sorted(silent.items()):
        yield f"{broker}: no last price of {', '.join(sorted(set(symbols)))}"
    for one in told.values():
        if one.note or one.problem is not None:
            yield one.note or (one.problem.line if one.problem else "")


# --- coins --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Coins:
    """The coins of one account, each with the books that know what it cost."""

    account: HeldAccount
    books: Sequence[PnlRow]
    notes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[PositionRow]:
        account = self.account
        held = {b.coin: b.total for b in account.store.balances(account.account_id).values() if b.total}
        by_coin: dict[str, list[PnlRow]] = defaultdict(list)
        for book in self.books:
            by_coin[book.symbol.partition("/")[0]].append(book)
        for coin in sorted(held.keys() | by_coin.keys()):
            known = sorted(by_coin[coin], key=lambda book: book.open_quantity or ZERO)
            if account.seen.at is None:
                yield from (self._row(coin, book, book.open_quantity or ZERO) for book in known)
            elif known or not is_money(coin):
                yield from self._held(coin, held.get(coin, ZERO), known)

    def _held(self, coin: str, held: Decimal, known: Sequence[PnlRow]) -> Iterator[PositionRow]:
        """What is held of it: first what the books know, then what none does."""
        with localcontext(EXACT):
            in_books = sum((book.open_quantity or ZERO for book in known), ZERO)
            unknown, lacking = max(ZERO, held - in_books), max(ZERO, in_books - held)
        if lacking:
            more = f"books hold {format_decimal(lacking)} {coin} more than the account"
            self.notes.append(f"{self.account.broker.name}: {more}: a fee, a coin paid with, or moved out")
        if len(known) == 1 and not lacking:
            yield self._row(coin, known[0], in_books, unknown=unknown)
            return
        for book in known:
            # What the books have too much is taken from the smallest first: which lots left, nothing says.
            own = book.open_quantity or ZERO
            gone = min(own, lacking)
            lacking = EXACT.subtract(lacking, gone)
            if own != gone:
                yield self._row(coin, book, EXACT.subtract(own, gone))
        if unknown:
            yield self._unknown(coin, unknown)

    def _row(self, coin: str, book: PnlRow, quantity: Decimal, *, unknown: Decimal = ZERO) -> PositionRow:
        """`quantity` of what the book has open, at its average where that is not all of it."""
        cost, mark = book.open_cost or ZERO, book.mark
        if quantity != book.open_quantity:
            assert book.open_quantity
            cost = round_figure(divide(EXACT.multiply(cost, quantity), book.open_quantity))
            if mark is not None and mark.price is not None:
                mark = replace(mark, unrealized=unrealized(quantity, cost, mark.price))
        return PositionRow(
            user=book.user,
            broker=self.account.broker.name,
            symbol=coin,
            side="long",
            quantity=EXACT.add(quantity, unknown),
            currency=book.currency,
            seen=self.account.seen,
            unknown_quantity=unknown,
            average_cost=book.average_cost,
            cost=cost,
            mark=mark,
            provisional=book.provisional,
        )

    def _unknown(self, coin: str, quantity: Decimal) -> PositionRow:
        broker = self.account.broker
        return PositionRow(
            broker.user, broker.name, coin, "long", quantity, None, self.account.seen, unknown_quantity=quantity
        )


# --- what an exchange states --------------------------------------------------------------------------------------


def _stated_positions(account: HeldAccount, books: Sequence[PnlRow]) -> Iterator[PositionRow]:
    """Our books beside what the exchange states, by symbol and side; with the difference where it states any."""
    stated: dict[tuple[str, PositionSide], list[Position]] = defaultdict(list)
    for one in account.store.positions(account.account_id):
        stated[one.symbol, one.side].append(one)
    own: dict[tuple[str, PositionSide], list[PnlRow]] = defaultdict(list)
    for book in sorted(books, key=lambda book: position_side(book.symbol) is None):
        own[without_side(book.symbol), "short" if (book.open_quantity or ZERO) < 0 else "long"].append(book)
    for symbol, side in sorted(own.keys() | stated.keys()):
        # What is left of another mode, in which the contract had one book for both sides, is a row of its own.
        found = own[symbol, side]
        yield _beside(account, symbol, side, found[0] if found else None, stated[symbol, side])
        for book in found[1:]:
            yield _beside(account, book.symbol, side, book, ())


def _beside(
    account: HeldAccount, symbol: str, side: PositionSide, book: PnlRow | None, stated: Sequence[Position]
) -> PositionRow:
    broker, told = account.broker, _joined(stated)
    ours = ZERO if book is None or book.open_quantity is None else book.open_quantity.copy_abs()
    difference = None
    if told is not None or account.seen.at is not None:
        difference = EXACT.subtract(ZERO if told is None else told.quantity, ours)
    row = PositionRow(
        broker.user, broker.name, symbol, side, ours or None, told.currency if told else None, account.seen
    )
    if book is not None:
        row = replace(
            row,
            currency=book.currency,
            average_cost=book.average_cost,
            cost=book.open_cost,
            mark=book.mark,
            provisional=book.provisional,
        )
    return replace(row, stated=told, difference=difference)


def _joined(stated: Sequence[Position]) -> Position | None:
    """Positions of one market and side as one; what is not the same of all of them is not told."""
    if len(stated) < 2:
        return stated[0] if stated else None
    with localcontext(EXACT):
        quantity = sum((one.quantity for one in stated), ZERO)
        gains = [one.unrealised for one in stated]
        whole = None if None in gains else sum((gain for gain in gains if gain is not None), ZERO)
        paid = None if any(one.entry_price is None for one in stated) else _paid(stated)
    entry = None if paid is None else round_figure(divide(paid, quantity))
    marks = {one.mark_price for one in stated}
    opened = min((one.opened_at for one in stated if one.opened_at is not None), default=None)
    mark = marks.pop() if len(marks) == 1 else None
    return replace(stated[0], quantity=quantity, entry_price=entry, mark_price=mark, unrealised=whole, opened_at=opened)


def _paid(stated: Iterable[Position]) -> Decimal:
    with localcontext(EXACT):
        return sum((one.quantity * (one.entry_price or ZERO) for one in stated), ZERO)
