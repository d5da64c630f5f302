"""Books of one position side: booked in any order and page by page, they are what one fold of all fills makes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.store.world import TEN, add_broker
from trademon.core.model import METHODS, Contract, Fee, Fill, Market, Method, fill_order
from trademon.core.pnl import Book, fold
from trademon.core.symbols import of_side, position_side, with_sides, without_side
from trademon.store.store import UserStore

PERP = Market("BTC/USDT:USDT", "BTC", "USDT", "BTCUSDT", Contract("USDT"))
INVERSE = Market("BTC/USD:BTC", "BTC", "USD", "BTCUSD", Contract("BTC", Decimal(10), inverse=True))


def history(seed: int, market: Market) -> list[Fill]:
    """60 fills on both sides, with more closed than was opened now and then."""
    rng = random.Random(seed)
    fills = []
    for n in range(60):
        held = rng.choice(("long", "short"))
        fills.append(
            Fill(
                trade_id=str(n + 1),
                symbol=of_side(market.symbol, held),
                base=market.base,
                quote=market.quote,
                side=rng.choice(("buy", "sell")),
                quantity=Decimal(rng.randint(1, 5)),
                price=Decimal(100 + rng.randint(-9, 9)),
                executed_at=TEN + timedelta(seconds=rng.randint(0, 40)),
                fees=(Fee(Decimal("0.3"), market.contract.settle if market.contract else "USDT"),),
                contract=market.contract,
            )
        )
    return sorted(fills, key=fill_order)


def figures_of(fills: list[Fill], method: Method) -> dict[str, tuple[Decimal, ...]]:
    found = {}
    for symbol in {f.symbol for f in fills}:
        book = Book(method, signed=True, only=position_side(symbol))
        list(fold(book, enumerate((f for f in fills if f.symbol == symbol), start=1)))
        tally = book.tally
        missing = (tally.unmatched_quantity, tally.unmatched_proceeds, tally.unmatched_fees)
        found[symbol] = (tally.gross, tally.fees, *missing, book.open_quantity, abs(book.open_cost))
    return found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("market", [PERP, INVERSE], ids=["linear", "inverse"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pages_in_any_order_give_what_one_fold_gives(ann: UserStore, method: Method, market: Market, seed: int) -> None:
    """Late pages take the books back; a rebuild changes nothing."""
    swap = add_broker(ann, "perps", market="swap", exchange="manual", method=method)
    account_id = swap.account_id
    assert account_id is not None
    fills = history(seed, market)
    pages = [fills[n : n + 7] for n in range(0, len(fills), 7)]
    random.Random(seed).shuffle(pages)
    for page in pages:
        ann.books.book_page(swap, page, account_id=account_id, method=method, source="api", seen_at=TEN)
    expected = figures_of(fills, method)
    for _ in range(2):
        rows = {row.symbol: row for row in ann.stored_books()}
        assert {
            s: (
                r.gross,
                r.fees,
                r.unmatched_quantity,
                r.unmatched_proceeds,
                r.unmatched_fees,
                r.open_quantity,
                abs(r.open_cost or Decimal(0)),
            )
            for s, r in rows.items()
        } == expected
        assert any(figures[2] for figures in expected.values())
        ann.books.rebuild(account_id, method=method, signed=True)


def test_the_same_id_on_either_side_is_two_fills(ann: UserStore) -> None:
    """And each is known again."""
    broker = add_broker(ann, market="swap")
    account_id = broker.account_id
    assert account_id is not None
    long = Fill("1", of_side(PERP.symbol, "long"), "BTC", "USDT", "buy", Decimal(1), Decimal(1), TEN)
    page = [long, replace(long, symbol=of_side(PERP.symbol, "short"), side="sell")]
    for new in (2, 0):
        assert new == ann.books.book_page(broker, page, account_id=account_id, method="fifo", source="api", seen_at=TEN)
    assert ann.known_trade_ids(account_id, PERP.symbol, ["1", "2"]) == {"1"}
    assert ann.newest_fill(account_id, PERP.symbol, before=TEN + timedelta(seconds=1)) == "1"
    assert ann.traded_symbols(account_id) == {PERP.symbol: TEN}


def test_symbols_of_sides() -> None:
    """There and back."""
    for side in ("long", "short"):
        assert position_side(of_side(PERP.symbol, side)) == side
        assert without_side(of_side(PERP.symbol, side)) == PERP.symbol
    assert position_side(PERP.symbol) is None
    assert without_side(PERP.symbol) == PERP.symbol
    assert with_sides("X/Y:Y") == ("X/Y:Y", "X/Y:Y long", "X/Y:Y short")
