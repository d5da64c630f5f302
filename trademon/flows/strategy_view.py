"""What a strategy is shown: its user's accounts as they are stored, and on paper what its paper fills made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from trademon.core.model import Broker, Fill, Market
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, fold
from trademon.core.strategy_model import Strategy, StrategyOrder
from trademon.store.reading import FillQuery
from trademon.store.store import UserStore
from trademon.strategies.protocol import BrokerView, Coin, Context, FillView, Holding, OrderView

FILLS_SHOWN = 100
PaperRow = tuple[int, bool, Fill]


@dataclass(frozen=True, slots=True)
class Desk:
    """One account of a run: what its exchange lists, by symbol, and the last prices it told, by symbol, at `now`."""

    broker: Broker
    markets: Mapping[str, Market]
    prices: Mapping[str, Decimal]
    now: datetime


def context_of(
    store: UserStore, strategy: Strategy, desks: Iterable[Desk], now: datetime, state: dict[str, object]
) -> Context:
    """All that `strategy` is to know, of this user alone."""
    paper = () if strategy.arming else store.paper_fills(strategy)
    orders = store.strategy_orders(strategy, mode=strategy.mode, statuses=("open",))
    parameters = dict(strategy.parameters)
    views = tuple(_view(store, strategy, desk, paper, orders) for desk in desks)
    return Context(strategy.name, now, strategy.arming is not None, parameters, views, dict(state))


def _view(
    store: UserStore,
    strategy: Strategy,
    desk: Desk,
    paper: Sequence[PaperRow],
    orders: Sequence[StrategyOrder],
) -> BrokerView:
    broker = desk.broker
    own = [(is_held, fill) for broker_id, is_held, fill in paper if broker_id == broker.id]
    open_orders = [order for order in orders if order.broker_id == broker.id]
    held = real_holdings(store, broker)
    return BrokerView(
        broker.name,
        broker.exchange,
        coins(store, broker, [fill for is_held, fill in own if not is_held], open_orders, strategy),
        _with_paper(held, own) if own else held,
        desk.prices,
        _fills(store, strategy, broker),
        tuple(
            OrderView(o.client_id, o.symbol, o.side, o.quantity, o.filled, o.price, o.created_at) for o in open_orders
        ),
    )


def coins(
    store: UserStore,
    broker: Broker,
    paper: Iterable[Fill],
    open_orders: Iterable[StrategyOrder],
    strategy: Strategy,
) -> dict[str, Coin]:
    """What the account held at the last look; on paper with what paper fills moved and paper orders hold back."""
    real = store.balances(broker.account_id) if broker.account_id is not None else {}
    free = {coin: balance.free for coin, balance in real.items()}
    locked = {coin: balance.locked for coin, balance in real.items()}
    with localcontext(EXACT):
        if strategy.arming is None:
            for coin, moved in paper_moves(paper).items():
                free[coin] = free.get(coin, ZERO) + moved
            for order in open_orders:
                coin, amount = held_back(order)
                free[coin] = free.get(coin, ZERO) - amount
                locked[coin] = locked.get(coin, ZERO) + amount
    return {coin: Coin(max(amount, ZERO), locked.get(coin, ZERO)) for coin, amount in free.items()}


def paper_moves(fills: Iterable[Fill]) -> dict[str, Decimal]:
    """What these fills add to each coin."""
    moved: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for fill in fills:
            sign = 1 if fill.side == "buy" else -1
            fee = sum((one.amount for one in fill.fees), ZERO)
            moved[fill.base] = moved.get(fill.base, ZERO) + sign * fill.quantity
            moved[fill.quote] = moved.get(fill.quote, ZERO) - sign * fill.quantity * fill.price - fee
    return moved


def held_back(order: StrategyOrder) -> tuple[str, Decimal]:
    """The coin, and how much of it, that an open limit order keeps from other use."""
    base, _, quote = order.symbol.partition("/")
    with localcontext(EXACT):
        rest = (order.quantity or ZERO) - order.filled
        return (quote, rest * (order.price or ZERO)) if order.side == "buy" else (base, rest)


def real_holdings(store: UserStore, broker: Broker) -> dict[str, Holding]:
    """What is open in the account's own books, by symbol."""
    found: dict[str, Holding] = {}
    for ref in store.book_refs():
        if ref.account_id == broker.account_id:
            row = store.stored_book(ref)
            if row.open_quantity and row.open_quantity > ZERO and row.open_cost is not None:
                found[row.symbol] = Holding(row.open_quantity, row.open_cost)
    return found


def _with_paper(real: Mapping[str, Holding], paper: Iterable[tuple[bool, Fill]]) -> dict[str, Holding]:
    """The real holdings less what was brought into the paper book, and what is open there."""
    held = dict(real)
    by_symbol: dict[str, list[tuple[bool, Fill]]] = {}
    for is_held, fill in paper:
        by_symbol.setdefault(fill.symbol, []).append((is_held, fill))
    for symbol, rows in by_symbol.items():
        book = paper_book(fill for _, fill in rows)
        own = held.pop(symbol, None)
        with localcontext(EXACT):
            brought = sum((fill.quantity for is_held, fill in rows if is_held), ZERO)
            cost = sum((fill.quantity * fill.price for is_held, fill in rows if is_held), ZERO)
            quantity = book.open_quantity + (own.quantity - brought if own else ZERO)
            left = book.open_cost + (own.cost - cost if own else ZERO)
        if quantity > ZERO:
            held[symbol] = Holding(quantity, max(left, ZERO))
    return held


def paper_book(fills: Iterable[Fill]) -> Book:
    """The book of one symbol on paper: the same fold as every other, first in first out."""
    book = Book("fifo")
    for _ in fold(book, enumerate(fills)):
        pass
    return book


def _fills(store: UserStore, strategy: Strategy, broker: Broker) -> tuple[FillView, ...]:
    found = store.fills(FillQuery(brokers=(broker.name,), limit=FILLS_SHOWN)).fills
    return tuple(
        FillView(
            f.symbol,
            f.side,
            f.quantity,
            f.price,
            f.fee,
            f.fee_currency,
            f.executed_at,
            f.strategy == strategy.name,
        )
        for f in found
    )
