"""What is open at the exchanges' last prices: unrealised P&L, asked for and never stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, localcontext

from trademon.core.entries import inverse_price
from trademon.core.model import Broker, Market
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl_reports import Mark, PnlReport, PnlRow, PnlTotal
from trademon.core.reports import Problem
from trademon.core.symbols import without_side
from trademon.exchanges.registry import DEMO, WITHOUT_API
from trademon.flows.isolate import isolate
from trademon.flows.pnl import PnlQuery
from trademon.flows.pnl_figures import BookFigures, figures
from trademon.flows.pnl_views import view
from trademon.flows.ports import Ports
from trademon.store.scope import host_of
from trademon.store.store import UserStore


@dataclass(frozen=True, slots=True)
class Told:
    """What one host said: prices by the exchange's spelling, and when; or why there are none."""

    prices: dict[str, Decimal]
    at: datetime
    problem: Problem | None = None
    note: str | None = None


Asked = tuple[UserStore, Broker]


async def pnl_at_last_prices(stores: Sequence[UserStore], query: PnlQuery, ports: Ports) -> PnlReport:
    """`pnl` with what is open marked at its exchange's last price. A host that fails leaves its rows without one."""
    books = figures(stores, query)
    brokers = _brokers_of(stores, [book for book in books if book.row.open_quantity])
    told = await last_prices(brokers.values(), ports)
    markets = Markets()
    marked = [mark_book(book, brokers.get(_account(book)), told, markets) for book in books]
    report = view(stores, query, marked)
    return replace(
        report,
        totals=_with_unrealized(report.totals, [book.row for book in marked]),
        marked=True,
        notes=(*report.notes, *_notes(marked, brokers, told)),
        problems=tuple(one.problem for one in told.values() if one.problem is not None),
    )


def unrealized(quantity: Decimal, open_cost: Decimal, price: Decimal) -> Decimal:
    """What closing all of it at `price` would bring, without the fee of closing. Of a short, `quantity` is below zero
    and `open_cost` is what it brought in."""
    with localcontext(EXACT):
        return quantity * price - open_cost if quantity > 0 else open_cost + quantity * price


# --- asking -------------------------------------------------------------------------------------------------------


async def last_prices(asked: Iterable[Asked], ports: Ports) -> dict[object, Told]:
    """What the hosts of these brokers say now, by `host_key`: each is asked once, and one that fails says so."""
    hosts: dict[object, Asked] = {}
    for store, broker in asked:
        if broker.exchange not in WITHOUT_API and broker.enabled:
            hosts.setdefault(host_key(broker), (store, broker))
    return dict(zip(hosts, await asyncio.gather(*(_ask(*one, ports) for one in hosts.values())), strict=True))


def _account(book: BookFigures) -> tuple[str, int]:
    return book.ref.user, book.ref.account_id


def _brokers_of(stores: Iterable[UserStore], books: Iterable[BookFigures]) -> dict[tuple[str, int], Asked]:
    """Whom to ask for the prices of each account's books: its first broker that is enabled."""
    wanted = {_account(book) for book in books}
    found: dict[tuple[str, int], Asked] = {}
    for store in stores:
        for broker in sorted(store.brokers(), key=lambda b: not b.enabled):
            key = (store.user, broker.account_id or 0)
            if key in wanted:
                found.setdefault(key, (store, broker))
    return found


def host_key(broker: Broker) -> object:
    """Whose prices hold for a broker; each demo broker has a world of its own."""
    return broker.id if broker.exchange == DEMO else (host_of(broker), broker.market)


async def _ask(store: UserStore, broker: Broker, ports: Ports) -> Told:
    now = ports.clock()
    wait_until = store.broker_state(broker).waits_until(now)
    if wait_until is not None:
        note = f"{broker.name} was not asked: its host asked us to wait until {wait_until:%H:%M:%S} UTC"
        return Told({}, now, note=note)
    prices, _, problem = await isolate(_fetch(store, broker, ports), broker=broker.name, user=broker.user, at=now)
    return Told(prices or {}, ports.clock(), problem)


async def _fetch(store: UserStore, broker: Broker, ports: Ports) -> dict[str, Decimal]:
    exchange = await ports.open_exchange(store, broker)
    try:
        return await exchange.fetch_last_prices()
    finally:
        await exchange.close()


# --- marking ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Markets:
    """What the hosts of brokers list, read once a broker: one lists thousands."""

    _known: dict[int, dict[str, Market]] = field(default_factory=dict)

    def find(self, store: UserStore, broker: Broker, symbol: str) -> Market | None:
        """A market by its symbol, also one that is no longer listed."""
        if broker.id not in self._known:
            listed = (*store.unlisted_markets(broker), *store.markets(broker))
            self._known[broker.id] = {market.symbol: market for market in listed}
        return self._known[broker.id].get(symbol)


def mark_book(book: BookFigures, asked: Asked | None, told: dict[object, Told], markets: Markets) -> BookFigures:
    """The figures with what is open marked at its host's last price, where that told one."""
    if asked is None or not book.row.open_quantity:
        return book
    store, broker = asked
    answer = told.get(host_key(broker))
    if answer is None:
        return book
    market = markets.find(store, broker, without_side(book.row.symbol))
    price = answer.prices.get(market.exchange_symbol) if market is not None else None
    if market is None or price is None:
        return book
    row = replace(book.row, mark=mark_of(book.row, market, price, answer.at))
    # By period, what is open now stands in the newest row.
    newest = tuple(replace(period, mark=row.mark) for period in book.periods[-1:])
    return replace(book, row=row, periods=(*book.periods[:-1], *newest))


def mark_of(row: PnlRow, market: Market, price: Decimal, at: datetime) -> Mark:
    """What is open of a market at its price; an inverse contract gains by what its coin buys, see `inverse_price`."""
    held, cost = row.open_quantity or ZERO, row.open_cost or ZERO
    if market.contract is not None and market.contract.inverse:
        return Mark(price, at, unrealized(held, cost.copy_negate(), inverse_price(price)))
    return Mark(price, at, unrealized(held, cost, price))


def _with_unrealized(totals: Iterable[PnlTotal], rows: Sequence[PnlRow]) -> tuple[PnlTotal, ...]:
    """Sums of what is marked; a total without all of it says that it is incomplete, one without any of it has none."""
    filled = []
    for total in totals:
        held = [row for row in rows if row.currency == total.currency and row.open_quantity]
        marks = [row.mark.unrealized for row in held if row.mark is not None]
        with localcontext(EXACT):
            amount = sum(marks, ZERO) if marks or not held else None
        incomplete = total.incomplete or len(marks) < len(held)
        filled.append(replace(total, unrealized=amount, incomplete=incomplete))
    return tuple(filled)


def _notes(books: Iterable[BookFigures], brokers: dict[tuple[str, int], Asked], told: dict[object, Told]) -> list[str]:
    """Who has something open and no price, and why; hosts that failed are problems, not notes."""
    silent: dict[str, list[str]] = {}
    for book in books:
        if not book.row.open_quantity or book.row.mark is not None:
            continue
        broker = brokers[_account(book)][1] if _account(book) in brokers else None
        if broker is None or broker.exchange in WITHOUT_API or not broker.enabled:
            silent.setdefault("no exchange to ask for a price", []).append(book.row.broker)
        elif told[host_key(broker)].prices:
            silent.setdefault(f"{broker.name} tells no price", []).append(book.row.symbol)
    waiting = [one.note for one in told.values() if one.note]
    return [f"{why}: {', '.join(sorted(set(whom)))}" for why, whom in silent.items()] + waiting
