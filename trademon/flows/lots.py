"""Open lots: listed by any method, and entered by hand where the history that opened them is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from trademon.core.entries import shown_price
from trademon.core.lot_reports import LotRow, LotsReport
from trademon.core.model import Broker, Fee, Fill, Lot, Market, Method
from trademon.core.money import divide
from trademon.core.symbols import make_symbol, match_symbol, nearest
from trademon.core.times import format_time, to_us
from trademon.errors import UsageError
from trademon.flows.pnl import PnlQuery, chosen_books, fold_book
from trademon.store.reading import BookRef
from trademon.store.store import UserStore
from trademon.store.user_lots import OPENING


def lots(stores: Sequence[UserStore], query: PnlQuery) -> LotsReport:
    """The open lots of the books that `query` means, as of its `until`."""
    rows: list[LotRow] = []
    entered: list[LotRow] = []
    methods: set[str] = set()
    for own in stores:
        with own.kept_by(query.method) as store, store.one_moment():
            for ref, method in chosen_books(store, query):
                methods.add(method)
                by_hand = store.entered_lots(ref)
                rows += [lot_row(ref, lot, by_hand, method, query) for lot in _open_lots(store, ref, method, query)]
                entered += [lot_row(ref, lot, by_hand, "fifo", query) for lot in by_hand]
    name = min(methods) if len(methods) == 1 else "mixed" if methods else query.method or "fifo"
    stored = sum(store.fills_stored() for store in stores)
    return LotsReport(name, tuple(rows), stored, tuple(entered), no_broker=not any(store.brokers() for store in stores))


def _open_lots(store: UserStore, ref: BookRef, method: Method, query: PnlQuery) -> list[Lot]:
    if ref.tells(method, query.until):
        return store.stored_lots(ref)
    return fold_book(store, ref, method, until=query.until)[0].open_lots


def lot_row(ref: BookRef, lot: Lot, by_hand: Sequence[Lot], method: str, query: PnlQuery) -> LotRow:
    """An open lot as it is listed; `by_hand` are those of its book that were entered.

    A pool's price is what a unit of it cost, and it is an entered one where anything in it was.
    """
    entered = any(one.fill_id == lot.fill_id for one in by_hand)
    if method == "average":
        joined = (one.opened_at for one in by_hand if query.until is None or one.opened_at < query.until)
        entered = any(at >= lot.opened_at for at in joined)
    price = divide(lot.cost, lot.quantity) if method == "average" else lot.price
    return LotRow(
        user=ref.user,
        broker=ref.broker,
        symbol=ref.symbol,
        currency=ref.currency,
        side=lot.side,
        quantity=lot.quantity,
        price=shown_price(price, inverse=ref.inverse),
        cost=lot.cost.copy_negate() if ref.inverse else lot.cost,
        fees=lot.fees,
        opened_at=lot.opened_at,
        fill_id=lot.fill_id,
        opening=entered,
    )


def open_lot(
    store: UserStore,
    broker: Broker,
    symbol: str,
    *,
    quantity: Decimal,
    price: Decimal,
    fee: Decimal,
    at: datetime,
    now: datetime,
) -> int:
    """Enter a lot that was opened before the history begins, and book again what came after it; the id it goes by.
    Like a fill's, `quantity` counts contracts where the symbol is one.

    Raises:
        UsageError: no quantity above zero, a price or fee below zero, a time to come, no such symbol, or an inverse
            contract without a price.
    """
    if quantity <= 0 or price < 0 or fee < 0:
        raise UsageError("a lot has a quantity above zero, and neither price nor fee below it")
    if at > now:
        raise UsageError(f"--at lies in the future: {format_time(at)}")
    market = _market(store, broker, symbol)
    if not price and market.contract is not None and market.contract.inverse:
        raise UsageError(f"{market.symbol}: at a price of zero an inverse contract has no worth")
    fill = Fill(
        trade_id=f"{OPENING}-{to_us(now)}-{store.last_fill_id()}",
        symbol=market.symbol,
        base=market.base,
        quote=market.quote,
        contract=market.contract,
        side="buy",
        quantity=quantity,
        price=price,
        executed_at=at,
        fees=(Fee(fee, market.contract.settle if market.contract else market.quote),) if fee else (),
    )
    account_id = broker.account_id or store.bind_account(broker, None)
    store.books.book_page(
        broker, [fill], account_id=account_id, method=store.method_of(broker), source=OPENING, seen_at=now
    )
    return next(n for n, o in store.openings().items() if o.trade_id == fill.trade_id)


def _market(store: UserStore, broker: Broker, text: str) -> Market:
    """What the broker's account trades under that name; for one without an API whatever is written BASE/QUOTE."""
    known = {m.symbol: m for m in (*store.markets(broker), *store.traded_markets(broker))}
    found = match_symbol(text, known)
    if found is not None:
        return known[found]
    base, slash, quote = text.strip().upper().partition("/")
    if broker.exchange == "manual" and base and slash and quote and (base + quote).isalnum() and base != quote:
        return Market(make_symbol(base, quote), base, quote, base + quote)
    near = nearest(text, known)
    hint = f"did you mean {near}?" if near else "write BASE/QUOTE, as in BTC/USDT; trademon scan reads what is listed"
    raise UsageError(f"{broker.name} has no symbol {text!r}", hint=hint)


def remove_lot(store: UserStore, fill_id: int) -> str:
    """Take an entered lot out again, and book what came after it without; its symbol.

    Raises:
        UsageError: there is no entered lot of that id.
    """
    found = store.openings().get(fill_id)
    if found is None:
        raise UsageError(f"there is no entered lot {fill_id}", hint="trademon lots shows them; fills stay as they are")
    method = store.method_of_account(found.account_id)
    store.books.remove_fill(fill_id, found.account_id, method=method, signed=found.market != "spot")
    return found.symbol
