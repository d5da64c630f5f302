"""Fills that an exchange tells more than once: the last telling is the one there is, and no earlier one comes back."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from trademon.core.model import Broker, Contract, Credentials, Fee, Fill, Market
from trademon.errors import OtherExecution
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore

AT = datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.fixture
def user(store: Store) -> UserStore:
    return store.for_user(store.users()[0].name)


@pytest.fixture
def broker(user: UserStore) -> Broker:
    made = user.add_broker(
        "bank",
        exchange="saxo",
        market="spot",
        since=AT - timedelta(days=30),
        base_url=None,
        symbols=(),
        method=None,
        credentials=Credentials("k"),
    )
    user.bind_account(made, "1")
    return user.broker("bank")


def fill(trade_id: str, side: Any, quantity: str, price: str, minutes: int, **more: Any) -> Fill:
    more.setdefault("revision", 0)
    return Fill(
        trade_id=trade_id,
        symbol="AAPL:xnas",
        base="AAPL:xnas",
        quote="USD",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at=AT + timedelta(minutes=minutes),
        **more,
    )


def book(user: UserStore, broker: Broker, *fills: Fill, source: str = "api") -> int:
    assert broker.account_id is not None
    return user.books.book_page(
        broker, fills, account_id=broker.account_id, method="fifo", source=source, seen_at=AT + timedelta(days=1)
    )


def stored(user: UserStore) -> list[tuple[Any, ...]]:
    rows = user.fills(FillQuery()).fills
    return [(f.trade_id, f.quantity, f.price, f.fee, f.fee_currency, f.is_cost_told) for f in rows]


def rebuilt(user: UserStore, broker: Broker) -> bool:
    before = user.stored_books()
    assert broker.account_id is not None
    user.books.rebuild(broker.account_id, method="fifo", signed=False)
    return user.stored_books() == before


FIRST = fill("1", "buy", "10", "100", 0)
SOLD = fill("2", "sell", "10", "110", 5)
TOLD = dataclasses.replace(FIRST, price=Decimal(101), fees=(Fee(Decimal(5), "USD"),), revision=2)


def test_a_later_telling_takes_the_place_of_an_earlier_one(user: UserStore, broker: Broker) -> None:
    """Its number stays, nothing is new, and everything after it is booked on it."""
    assert book(user, broker, FIRST, SOLD) == 2
    numbers = [f.id for f in user.fills(FillQuery()).fills]
    assert book(user, broker, TOLD) == 0
    assert stored(user) == [
        ("1", Decimal(10), Decimal(101), Decimal(5), "USD", True),
        ("2", Decimal(10), Decimal(110), Decimal(0), "", False),
    ]
    assert [f.id for f in user.fills(FillQuery()).fills] == numbers
    (row,) = user.stored_books()
    assert (row.gross, row.fees) == (Decimal(90), Decimal(5))
    (ref,) = user.book_refs()
    assert user.costs_untold(ref) == 1
    assert user.costs_untold(ref, until=AT + timedelta(minutes=1)) == 0
    assert rebuilt(user, broker)


def test_an_earlier_telling_never_comes_back(user: UserStore, broker: Broker) -> None:
    """A look that reads less says less."""
    book(user, broker, TOLD, SOLD)
    assert book(user, broker, FIRST) == 0
    assert stored(user)[0] == ("1", Decimal(10), Decimal(101), Decimal(5), "USD", True)


def test_the_same_telling_with_another_content_is_a_correction(user: UserStore, broker: Broker) -> None:
    """An exchange that tells fills again may correct itself at any time; costs that were told anew count, too."""
    book(user, broker, FIRST, SOLD)
    book(user, broker, dataclasses.replace(FIRST, quantity=Decimal(9)))
    assert stored(user)[0][1] == Decimal(9)
    (row,) = user.stored_books()
    assert (row.gross, row.unmatched_quantity) == (Decimal(90), Decimal(1))
    book(user, broker, TOLD)
    again = dataclasses.replace(TOLD, fees=(Fee(Decimal(6), "USD"), Fee(Decimal(1), "GBP")))
    assert book(user, broker, again) == 0
    assert stored(user)[0][3:5] == (Decimal(6), "USD")
    assert rebuilt(user, broker)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_whatever_order_tellings_come_in_the_end_is_the_same(
    user: UserStore, broker: Broker, order: tuple[int, ...]
) -> None:
    """Together with another fill, page by page."""
    tellings = [FIRST, dataclasses.replace(TOLD, revision=1, fees=()), TOLD]
    book(user, broker, SOLD)
    assert sum(book(user, broker, tellings[n]) for n in order) == 1
    assert stored(user)[0] == ("1", Decimal(10), Decimal(101), Decimal(5), "USD", True)
    assert rebuilt(user, broker)


def test_fills_that_are_told_once_are_held_to_it_as_before(user: UserStore, broker: Broker) -> None:
    """No revision on one side: another content under a known id is refused, and nothing is written."""
    once = dataclasses.replace(FIRST, revision=None)
    book(user, broker, once)
    for other in (dataclasses.replace(once, price=Decimal(7)), dataclasses.replace(TOLD, price=Decimal(7))):
        with pytest.raises(OtherExecution):
            book(user, broker, other)
    assert stored(user)[0][:3] == ("1", Decimal(10), Decimal(100))
    assert stored(user)[0][5] is True


def test_a_file_does_not_win_over_the_exchange(user: UserStore, broker: Broker) -> None:
    """However little the exchange has said so far."""
    book(user, broker, FIRST)
    with pytest.raises(OtherExecution):
        book(user, broker, dataclasses.replace(FIRST, price=Decimal(7), revision=None), source="import")


def test_a_market_that_is_a_contract_may_go_short_in_an_account_that_may_not(user: UserStore, broker: Broker) -> None:
    """By its row: for new fills, for late ones, and when all is derived again."""
    short = [
        dataclasses.replace(f, symbol="EUR/USD", base="EUR", contract=Contract("USD"))
        for f in (fill("7", "sell", "10", "1.2", 10), fill("8", "buy", "4", "1.1", 20))
    ]
    book(user, broker, *short, fill("9", "sell", "3", "100", 30))
    found = {row.symbol: row for row in user.stored_books()}
    assert (found["EUR/USD"].open_quantity, found["EUR/USD"].gross) == (Decimal(-6), Decimal("0.4"))
    assert (found["AAPL:xnas"].open_quantity, found["AAPL:xnas"].unmatched_quantity) == (Decimal(0), Decimal(3))
    refs = {ref.symbol: ref.signed for ref in user.book_refs()}
    assert refs == {"EUR/USD": True, "AAPL:xnas": False}
    book(user, broker, dataclasses.replace(short[0], trade_id="6", executed_at=AT))
    assert rebuilt(user, broker)
    user.keep_methods()
    assert {row.symbol: row.open_quantity for row in user.stored_books()}["EUR/USD"] == Decimal(-16)


def test_a_part_of_a_list_leaves_the_rest_listed_and_names_with_who_has_them(user: UserStore, broker: Broker) -> None:
    """Two instruments of one name are told apart, always in the same way."""
    one, two = (Market("AAPL:xnas", "AAPL:xnas", "USD", wire) for wire in ("211:Stock", "999:Stock"))
    other = Market("EUR/USD", "EUR", "USD", "21:FxSpot", Contract("USD"))
    user.save_markets(broker, [one, other], AT, whole=False)
    user.save_markets(broker, [two], AT + timedelta(days=1), whole=False)
    user.save_markets(broker, [two, one], AT + timedelta(days=2), whole=False)
    listed = {m.exchange_symbol: m.symbol for m in user.markets(broker)}
    assert listed == {"211:Stock": "AAPL:xnas", "999:Stock": "AAPL:xnas#999:Stock", "21:FxSpot": "EUR/USD"}
    assert user.markets_seen_at(broker) == AT + timedelta(days=2)
