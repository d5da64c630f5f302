"""Booking pages of fills: each execution once, all of a page or nothing, figures that do not depend on the order."""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.store.world import (
    BROKEN_CONSTRAINT,
    MARKETS,
    NOON,
    OPENED,
    TEN,
    NewStore,
    add_broker,
    book,
    counts,
    derived,
    expected,
    fail_writes,
    fill,
    heal,
    known,
    minute,
    open_store,
    span,
    start,
)
from trademon.core.coverage import Span
from trademon.core.model import METHODS, Broker, Fee, Fill, Market, Method
from trademon.core.times import to_us
from trademon.errors import BadAnswer, DataError, OtherExecution
from trademon.store.booking import iter_fills
from trademon.store.database import Database
from trademon.store.reading import FillQuery
from trademon.store.sqlite import SqliteFile
from trademon.store.store import UserStore

NOTHING = {"fills": 0, "coverage": 0, "books": 0, "lots": 0, "disposals": 0, "unmatched": 0}


@pytest.fixture
def spot(ann: UserStore) -> Broker:
    """Ann's broker at Binance, spot."""
    return add_broker(ann)


def stored(database: Database, columns: str) -> list[tuple[Any, ...]]:
    with database.read() as sql:
        return [tuple(r) for r in sql.rows(f"SELECT {columns} FROM fills ORDER BY id")]


def versions(database: Database) -> list[tuple[str, int]]:
    with database.read() as sql:
        return [tuple(r) for r in sql.rows("SELECT method, version FROM books ORDER BY id")]


# --- identity -----------------------------------------------------------------------------------------------------


def test_the_same_id_on_two_symbols_is_two_fills(ann: UserStore, spot: Broker, database: Database) -> None:
    """Binance counts ids per symbol: in one page and over two."""
    assert book(ann, spot, [fill("1"), fill("1", symbol="ETH/USDT")]) == 2
    assert book(ann, spot, [fill("1", symbol="SOL/USDT")]) == 1
    assert counts(database)["fills"] == 3


def test_the_same_id_on_two_accounts_is_two_fills(ann: UserStore, database: Database) -> None:
    """Another account's execution is another one; so is the same account's on margin."""
    brokers = [add_broker(ann, "one"), add_broker(ann, "two", uid="8"), add_broker(ann, "three", market="margin")]
    assert [book(ann, broker, [fill("1")]) for broker in brokers] == [1, 1, 1]
    assert counts(database)["fills"] == 3


def test_the_same_page_twice_adds_nothing(ann: UserStore, spot: Broker, database: Database, url: str) -> None:
    """Overlaps are read again all the time: no row changes, also not after a restart."""
    page = [fill("1"), fill("2", "sell", "0.4", "110", at=1, fee="0.1 USDT"), fill("3", symbol="ETH/USDT")]
    assert book(ann, spot, page, covered=span(0, 5)) == 3
    before = (counts(database), derived(database, 1), stored(database, "*"))
    assert book(ann, spot, page, covered=span(0, 5), seen_at=NOON + timedelta(hours=1)) == 0
    again = open_store(url).for_user("ann")
    assert book(again, spot, reversed(page)) == 0
    assert (counts(database), derived(database, 1), stored(database, "*")) == before


def test_two_keys_to_one_account_book_each_fill_once(ann: UserStore, database: Database) -> None:
    """Two brokers whose keys open the same account see the same executions."""
    one, two = add_broker(ann, "one"), add_broker(ann, "two")
    assert [book(ann, b, [fill("1"), fill("2", at=1)]) for b in (one, two)] == [2, 0]
    assert counts(database)["fills"] == 2


def test_two_fills_that_look_alike_are_two(ann: UserStore, spot: Broker) -> None:
    """Same second, side, quantity, price and order, another id: two executions, in one page or two."""
    assert book(ann, spot, [fill("1", order_id="9"), fill("2", order_id="9")]) == 2
    assert book(ann, spot, [fill("3", order_id="9")]) == 1


@pytest.mark.parametrize("change", [{"side": "sell"}, {"quantity": "2"}, {"price": "100.01"}, {"at": 0.5}])
def test_a_known_id_with_other_content_is_refused_and_nothing_is_written(
    ann: UserStore, spot: Broker, database: Database, change: dict[str, Any]
) -> None:
    """An answer that contradicts what is stored is not believed: no fill of its page, no coverage, no figure."""
    book(ann, spot, [fill("1")], covered=span(0, 5))
    before = (counts(database), derived(database, 1), stored(database, "*"), ann.coverage(1, "BTC/USDT"))
    page = [fill("2", at=1), fill("1", **change), fill("3", symbol="AAA/USDT")]
    with pytest.raises(BadAnswer, match="fill 1 came back as another execution"):
        book(ann, spot, page, covered=span(5, 10))
    assert (counts(database), derived(database, 1), stored(database, "*"), ann.coverage(1, "BTC/USDT")) == before
    assert book(ann, spot, [fill("2", at=1)]) == 1


def test_the_same_id_twice_in_one_page_counts_once(ann: UserStore, spot: Broker) -> None:
    """Pages that overlap inside one answer."""
    assert book(ann, spot, [fill("1"), fill("2", at=1), fill("1")]) == 2


def test_the_same_id_twice_in_one_page_with_other_content_is_refused(
    ann: UserStore, spot: Broker, database: Database
) -> None:
    """Which of the two is true nobody knows: neither is stored."""
    with pytest.raises(BadAnswer):
        book(ann, spot, [fill("1"), fill("2", at=1), fill("1", price="101")], covered=span(0, 5))
    assert counts(database) == NOTHING


def test_the_same_number_written_otherwise_is_the_same_fill(ann: UserStore, spot: Broker) -> None:
    """1.500 is 1.5: exchanges pad with zeros now and then."""
    assert book(ann, spot, [fill("1", quantity="1.500", price="1E+2")]) == 1
    assert book(ann, spot, [fill("1", quantity="1.5", price="100.00")]) == 0


def test_fills_of_a_file_are_those_of_the_market_listed_later(ann: UserStore, spot: Broker, database: Database) -> None:
    """A file names the market before its exchange was ever asked: the first listing takes the row over, and the same
    ids from the exchange are the same fills."""
    page = [fill("1"), fill("2", "sell", "0.4", "110", at=1)]
    assert book(ann, spot, page, source="import") == 2
    ann.save_markets(spot, MARKETS, NOON)
    assert [book(ann, spot, page), book(ann, spot, page, source="import")] == [0, 0]
    assert counts(database)["fills"] == 2
    assert market_rows(database) == [("BTCUSDT", "BTC/USDT"), ("ETHUSDT", "ETH/USDT")]


def test_a_market_whose_base_is_renamed_keeps_its_fills(ann: UserStore, spot: Broker, database: Database) -> None:
    """The exchange keeps its spelling and gives the coin another name: the same ids are the same fills, in one book,
    listed under the new name."""
    ann.save_markets(spot, [Market("LUNA/USDT", "LUNA", "USDT", "LUNAUSDT")], minute(1))
    assert book(ann, spot, [fill("1", symbol="LUNA/USDT"), fill("2", at=1, symbol="LUNA/USDT")]) == 2
    ann.save_markets(spot, [Market("LUNC/USDT", "LUNC", "USDT", "LUNAUSDT")], minute(2))
    renamed = [fill("1", symbol="LUNC/USDT"), fill("2", at=1, symbol="LUNC/USDT")]
    assert book(ann, spot, renamed) == 0
    sale = fill("3", "sell", "1", "110", at=2, symbol="LUNC/USDT")
    assert book(ann, spot, [sale]) == 1
    assert derived(database, 1) == expected([*renamed, sale], "fifo", signed=False)
    assert market_rows(database) == [("LUNAUSDT", "LUNC/USDT")]


def test_a_market_whose_spelling_is_given_up_keeps_its_fills(ann: UserStore, spot: Broker, database: Database) -> None:
    """The exchange spells BTC/USDT in another way from today on: the row, and what was booked, goes over."""
    ann.save_markets(spot, MARKETS, minute(1))
    book(ann, spot, [fill("1")])
    ann.save_markets(spot, [Market("BTC/USDT", "BTC", "USDT", "BTC-USDT"), MARKETS[1]], minute(2))
    assert book(ann, spot, [fill("1")]) == 0
    assert market_rows(database) == [("BTC-USDT", "BTC/USDT"), ("ETHUSDT", "ETH/USDT")]


def test_two_markets_that_swap_names_keep_their_fills(ann: UserStore, spot: Broker, database: Database) -> None:
    """The exchange's spelling alone says which is which."""
    one, two = Market("A/USDT", "A", "USDT", "X1"), Market("B/USDT", "B", "USDT", "X2")
    ann.save_markets(spot, [one, two], minute(1))
    book(ann, spot, [fill("1", symbol="A/USDT"), fill("2", symbol="B/USDT")])
    ann.save_markets(spot, [replace(two, exchange_symbol="X1"), replace(one, exchange_symbol="X2")], minute(2))
    assert known(fill(r.trade_id, symbol=r.symbol) for r in ann.fills(FillQuery()).fills) == [
        ("A/USDT", "2"),
        ("B/USDT", "1"),
    ]
    assert book(ann, spot, [fill("1", symbol="B/USDT"), fill("2", symbol="A/USDT")]) == 0


def test_a_row_without_a_spelling_is_taken_over_once(ann: UserStore, spot: Broker, database: Database) -> None:
    """Of two listed markets that we call alike the first takes it, the other is a row of its own; so it stays."""
    book(ann, spot, [fill("1")], source="import")
    assert market_rows(database) == [(None, "BTC/USDT")]
    listed = [Market("BTC/USDT", "BTC", "USDT", "BTCUSDT"), Market("BTC/USDT", "BTC", "USDT", "XBTUSDT")]
    for n in range(3):
        ann.save_markets(spot, listed, minute(n))
        assert market_rows(database) == [("BTCUSDT", "BTC/USDT"), ("XBTUSDT", "BTC/USDT")]
    with database.read() as sql:
        assert sql.rows("SELECT exchange_symbol FROM markets JOIN fills ON market_id = markets.id") == [("BTCUSDT",)]


def market_rows(database: Database) -> list[tuple[str | None, str]]:
    with database.read() as sql:
        return [tuple(r) for r in sql.rows("SELECT exchange_symbol, symbol FROM markets ORDER BY id")]


def test_books_that_were_dropped_are_derived_from_all_fills(ann: UserStore, spot: Broker, database: Database) -> None:
    """tables.py: whatever can be derived may be dropped and derived again."""
    history = [fill("1"), fill("2", "sell", "0.4", "110", at=1), fill("3", "sell", "0.6", "120", at=2)]
    book(ann, spot, history[:2])
    with database.write() as sql:
        for table in ("lots", "disposals", "unmatched", "books"):
            sql.run(f"DELETE FROM {table}")
    book(ann, spot, history[2:])
    assert derived(database, 1) == expected(history, "fifo", signed=False)


def test_a_page_for_a_new_book_derives_it(ann: UserStore, spot: Broker, database: Database) -> None:
    """Where no book is known, nothing derived from before is believed: what is left of it goes."""
    book(ann, spot, [fill("1")])
    with database.write() as sql:
        sql.run("DELETE FROM books")
        sql.run("UPDATE lots SET quantity = '99'")
    book(ann, spot, [fill("2", at=1)])
    assert derived(database, 1) == expected([fill("1"), fill("2", at=1)], "fifo", signed=False)


# --- two sources --------------------------------------------------------------------------------------------------


def test_the_exchange_s_answer_wins_over_a_file_s(ann: UserStore, spot: Broker, database: Database) -> None:
    """A file's times often end at the second: the same id with other content from the API takes its place, once,
    and its book is derived again."""
    book(ann, spot, [fill("1", price="100.5"), fill("2", price="90", at=1)], source="import")
    book(ann, spot, [fill("3", "sell", "1", "110", at=2)], source="import")
    true = [fill("1", price="100.51", at=minute(0) + timedelta(milliseconds=7)), fill("2", price="90", at=1)]
    assert book(ann, spot, true) == 1
    assert derived(database, 1) == expected([*true, fill("3", "sell", "1", "110", at=2)], "fifo", signed=False)
    assert sorted(stored(database, "trade_id, source")) == [("1", "api"), ("2", "import"), ("3", "import")]
    assert book(ann, spot, true) == 0


@pytest.mark.parametrize("fee", [None, "0.1 BNB", "0.2 USDT", "0.1 USDT, 0.01 BNB"])
def test_the_exchange_s_fees_win_over_a_file_s(
    ann: UserStore, spot: Broker, database: Database, fee: str | None
) -> None:
    """The same execution with other fees is replaced too, once, and the book carries the exchange's fees."""
    sale = fill("2", "sell", "1", "110", at=1, fee="0.3 USDT")
    book(ann, spot, [fill("1", fee="0.1 USDT"), sale], source="import")
    true = [fill("1", fee=fee), sale]
    assert [book(ann, spot, true), book(ann, spot, true)] == [1, 0]
    assert derived(database, 1) == expected(true, "fifo", signed=False)
    assert sorted(stored(database, "trade_id, source")) == [("1", "api"), ("2", "import")]


def test_an_import_that_says_what_the_exchange_says_stays(ann: UserStore, spot: Broker, database: Database) -> None:
    """Same content and same fees, however the numbers are written: no row changes and no book is derived again."""
    book(ann, spot, [fill("1", fee="0.10 USDT, -0.2 BNB")], source="import")
    before = (stored(database, "*"), versions(database))
    assert book(ann, spot, [fill("1", quantity="1.0", fee="0.1 USDT, -0.20 BNB")]) == 0
    assert (stored(database, "*"), versions(database)) == before


def test_a_replacement_marks_the_book_and_keeps_its_row(ann: UserStore, spot: Broker, database: Database) -> None:
    """The row and its version stay, so that nobody mistakes the derived book for the one from before."""
    book(ann, spot, [fill("1", price="50")], source="import")
    ((_, version),) = versions(database)
    book(ann, spot, [fill("1", price="100")])
    assert versions(database) == [("fifo", version + 1)]


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (fill("1", price="99", fee="0.1 BNB"), (("price", "100", "99"),)),
        (fill("1", "sell", at=1), (("executed_at", "2026-01-01T10:00:00.007Z", "2026-01-01T10:01:00.000Z"),)),
        (fill("1", fee="0.2 BNB"), (("fee", "0.1 BNB + 1 USDT", "0.2 BNB"),)),
    ],
)
def test_a_file_never_takes_the_place_of_the_exchange_s_answer(
    ann: UserStore, spot: Broker, database: Database, other: Fill, differs: tuple[tuple[str, str, str], ...]
) -> None:
    """Whatever an import says of an id the API has told, the API's stays, and nothing of the file is written."""
    told = fill("1", other.side, at=minute(0) + timedelta(milliseconds=7), fee="0.1 BNB, 1 USDT", raw="{}")
    book(ann, spot, [told])
    before = stored(database, "*")
    with pytest.raises(OtherExecution) as caught:
        book(ann, spot, [other, fill("2", at=1)], source="import")
    assert caught.value.differs == differs
    assert stored(database, "*") == before


def test_a_file_may_say_less_than_the_exchange_did(ann: UserStore, spot: Broker, database: Database) -> None:
    """A time that ends at the second, no fee, or one of two: that is no other execution."""
    book(ann, spot, [fill("1", at=minute(0) + timedelta(milliseconds=7), fee="0.1 BNB, 1 USDT")])
    before = stored(database, "*")
    for fee in (None, "0.1 BNB", "1 USDT"):
        assert book(ann, spot, [fill("1", fee=fee)], source="import") == 0
    assert stored(database, "*") == before


@pytest.mark.parametrize(
    "corrected",
    [fill("1", price="90"), fill("1", fee="0.5 USDT"), fill("1", fee="0.01 BNB"), fill("1", at=-9), fill("1", "sell")],
)
def test_a_corrected_row_takes_the_place_of_the_file_s_earlier_one(
    ann: UserStore, spot: Broker, database: Database, corrected: Fill
) -> None:
    """The book is derived from there on, and the same again corrects nothing."""
    rest = [fill("2", at=1, fee="0.1 USDT"), fill("3", "sell", "1.5", "110", at=2, fee="0.1 USDT")]
    book(ann, spot, [fill("1", fee="0.1 USDT"), *rest], source="import")
    assert [file(ann, spot, [corrected, rest[1], fill("4", at=3)]) for _ in range(2)] == [(1, 1), (0, 0)]
    assert derived(database, 1) == expected([corrected, *rest, fill("4", at=3)], "fifo", signed=False)


def test_a_file_that_tells_no_fees_takes_none_away(ann: UserStore, spot: Broker, database: Database) -> None:
    """What it corrects keeps the fee that another file told."""
    book(ann, spot, [fill("1", fee="0.1 USDT")], source="import")
    assert file(ann, spot, [fill("1")], tells_fees=False) == (0, 0)
    assert file(ann, spot, [fill("1", price="90")], tells_fees=False) == (0, 1)
    assert derived(database, 1) == expected([fill("1", price="90", fee="0.1 USDT")], "fifo", signed=False)


@pytest.mark.parametrize("known", [(), (fill("1", fee="0.1 USDT"),)])
@pytest.mark.parametrize("other", [fill("1", fee="0.2 USDT"), fill("1", price="99", fee="0.1 USDT")])
def test_a_file_that_contradicts_itself_is_refused(
    ann: UserStore, spot: Broker, database: Database, known: tuple[Fill, ...], other: Fill
) -> None:
    """Two rows of one id with another price or other fees: neither is believed, whatever is stored."""
    book(ann, spot, known, source="import")
    before = stored(database, "*")
    with pytest.raises(OtherExecution) as caught:
        file(ann, spot, [fill("1", fee="0.1 USDT"), other])
    assert caught.value.first is not None
    assert stored(database, "*") == before


def file(user: UserStore, broker: Broker, fills: list[Fill], *, tells_fees: bool = True) -> tuple[int, int]:
    """Book a file; how many were new, and how many corrected."""
    assert broker.account_id is not None
    options: dict[str, Any] = {"account_id": broker.account_id, "method": user.method_of(broker), "seen_at": NOON}
    return user.books.book_file(broker, fills, tells_fees=tells_fees, **options)


def test_a_replaced_import_is_seen_by_another_process(
    ann: UserStore, spot: Broker, database: Database, url: str
) -> None:
    """Whoever keeps the book in memory from before must not believe it after the replacement."""
    sale = fill("3", "sell", "1", "110", at=2)
    book(ann, spot, [fill("1", price="50")], source="import")
    other = open_store(url).for_user("ann")
    book(other, spot, [fill("1", price="100")])
    book(ann, spot, [sale])
    assert derived(database, 1) == expected([fill("1", price="100"), sale], "fifo", signed=False)


# --- what is stored -----------------------------------------------------------------------------------------------


def test_a_fill_is_stored_with_where_it_came_from(ann: UserStore, database: Database) -> None:
    """The raw answer, the order's type, the source, the time seen and the broker stand beside it."""
    add_broker(ann, "other", uid="1")
    broker = add_broker(ann, "mine")
    raw = '{"id": 1, "price": "100.00000000", "ü": null}'
    book(
        ann,
        broker,
        [fill("1", raw=raw, order_type="limit", order_id="o-9", is_maker=True), fill("2", is_maker=False), fill("3")],
        source="csv",
        seen_at=minute(7),
    )
    columns = "trade_id, raw, order_type, order_id, is_maker, source, seen_at, broker_id, account_id"
    us = (minute(7) - TEN) // timedelta(microseconds=1) + int(TEN.timestamp()) * 10**6
    rest = ("csv", us, broker.id, broker.account_id)
    assert stored(database, columns) == [
        ("1", raw, "limit", "o-9", 1, *rest),
        ("2", "", "", "", 0, *rest),
        ("3", "", "", "", None, *rest),
    ]


def test_a_fill_comes_back_as_it_was_booked(ann: UserStore, spot: Broker, database: Database) -> None:
    """Every field, and any number of fees: none, one, several in several coins, a rebate."""
    page = [
        fill("1", order_id="o", order_type="market", is_maker=True),
        fill("2", fee="0.1 USDT", at=1),
        fill("3", fee="0.000000000000000001 BTC, -0.02 BNB, 3 USDT", at=2),
        fill("4", "sell", "1e-18", "0", at=minute(3) + timedelta(microseconds=1)),
        fill("5", fee="0 BNB, 0.1 BNB", at=4),
    ]
    book(ann, spot, page)
    with database.read() as sql:
        assert [f for _, f in iter_fills(sql, (1, 1))] == sorted(page, key=lambda f: f.executed_at)


def test_a_fee_without_a_currency_is_refused(ann: UserStore, spot: Broker, database: Database) -> None:
    """It could not be told from no fee once stored: the model refuses it, so none can vanish with a rebuild."""
    for fees in [(Fee(Decimal("0.5"), ""),), (Fee(Decimal("0.1"), "USDT"), Fee(Decimal(0), ""))]:
        with pytest.raises(DataError, match="fill 2 of BTC/USDT has a fee without a currency"):
            book(ann, spot, [fill("1"), replace(fill("2", at=1), fees=fees)])
    assert counts(database) == NOTHING


def test_coverage_is_written_with_the_page_that_proves_it(ann: UserStore, spot: Broker) -> None:
    """Also a page without a fill proves its time; spans that touch become one."""
    book(ann, spot, [fill("1")], covered=span(0, 5))
    book(ann, spot, [], covered=span(10, 15))
    assert ann.coverage(1, "BTC/USDT") == (Span(minute(0), minute(5)), Span(minute(10), minute(15)))
    book(ann, spot, [], covered=span(5, 10))
    assert ann.coverage(1, "BTC/USDT") == (Span(minute(0), minute(15)),)


# --- one transaction ----------------------------------------------------------------------------------------------

WRITES = {
    **dict.fromkeys(("fills", "entries", "books", "days", "lots", "disposals", "unmatched"), "INSERT"),
    "coverage": "UPDATE",
}
"""What a page does to each table."""


@pytest.mark.parametrize("table", WRITES)
def test_whatever_fails_in_a_page_nothing_of_it_stays(
    ann: UserStore, spot: Broker, database: Database, table: str
) -> None:
    """The write into each table fails in turn: the constraint's error passes as it is, fills, coverage and books stay
    as they were; then the page is booked."""
    history = [fill("1"), fill("2", "sell", "0.4", "110", at=1), fill("3", "sell", "2", "120", at=2), fill("4", at=3)]
    book(ann, spot, history[:1], covered=span(0, 1))
    before = (counts(database), derived(database, 1))
    fail_writes(database, table, WRITES[table])
    with pytest.raises(BROKEN_CONSTRAINT, match="the power failed"):
        book(ann, spot, history[1:], covered=span(1, 5))
    assert (counts(database), derived(database, 1)) == before
    heal(database, table)
    assert book(ann, spot, history[1:], covered=span(1, 5)) == 3
    assert derived(database, 1) == expected(history, "fifo", signed=False)


def test_a_fold_that_fails_leaves_nothing(
    ann: UserStore, spot: Broker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of ours in the second symbol undoes the first one too, in the file and in memory."""
    from trademon.core import pnl
    from trademon.store import booking

    history = [fill("1", symbol="AAA/USDT"), fill("2", "sell", "0.5", symbol="AAA/USDT", at=1), fill("3", at=2)]
    book(ann, spot, history[:1])
    before = counts(database)

    def fails_on_the_third(state: pnl.Book, entries: Any, out: Any) -> None:
        pnl.fold_entries(state, entries, out)
        if any(done.entry.at_us == to_us(minute(2)) for done in out):
            raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(booking, "fold_entries", fails_on_the_third)
        with pytest.raises(ZeroDivisionError):
            book(ann, spot, history[1:], covered=span(0, 5))
    assert counts(database) == before
    assert book(ann, spot, history[1:]) == 2
    assert derived(database, 1) == expected(history, "fifo", signed=False)


def test_a_page_undone_in_memory_is_not_believed_after_another_process_booked_it(
    ann: UserStore, spot: Broker, database: Database, url: str
) -> None:
    """The version another process reaches must not be mistaken for the one that was rolled back here."""
    history = [fill(str(n), "buy" if n % 2 else "sell", str(n), "100", at=n) for n in range(1, 8)]
    book(ann, spot, history[:2])
    fail_writes(database, "coverage")
    with pytest.raises(BROKEN_CONSTRAINT):
        book(ann, spot, history[2:5], covered=span(0, 5))
    heal(database, "coverage")
    other = open_store(url).for_user("ann")
    book(other, spot, history[2:4])
    book(ann, spot, history[4:])
    assert derived(database, 1) == expected(history, "fifo", signed=False)


def test_a_book_that_was_deleted_and_made_anew_is_not_taken_for_the_one_in_memory(
    ann: UserStore, spot: Broker, database: Database, url: str
) -> None:
    """Its version counts from the beginning again, and may be the same."""
    book(ann, spot, [fill("1", "buy", "1", "100")])
    other = open_store(url).for_user("ann")
    other.remove_broker(other.broker("spot"), with_fills=True)
    again = add_broker(other)
    history = [fill("2", "buy", "2", "50"), fill("3", "sell", "1", "80", at=1)]
    book(other, again, history[:1])
    book(ann, again, history[1:])
    assert derived(database, 1) == expected(history, "fifo", signed=False)


def test_a_rebuild_undone_in_memory_is_not_believed_either(
    ann: UserStore, spot: Broker, database: Database, url: str
) -> None:
    """A rebuild by another method fails after its first book; another process moves on; this one must look again."""
    history = [fill("1", symbol="AAA/USDT"), fill("2", price="50", symbol="AAA/USDT", at=1), fill("3", at=2)]
    last = [fill("4", "sell", "1", "70", symbol="AAA/USDT", at=3), fill("5", "sell", "0.5", symbol="AAA/USDT", at=4)]
    book(ann, spot, history)
    fail_writes(database, "lots", when="new.market_id = 2")
    with pytest.raises(BROKEN_CONSTRAINT):
        ann.books.rebuild(1, method="lifo", signed=False)
    heal(database, "lots")
    book(open_store(url).for_user("ann"), spot, last[:1])
    book(ann, spot, last[1:])
    assert derived(database, 1) == expected([*history, *last], "fifo", signed=False)


# --- late fills, any order ----------------------------------------------------------------------------------------


def test_a_late_buy_gives_an_unmatched_sale_its_cost(ann: UserStore, spot: Broker, database: Database) -> None:
    """A gap is filled afterwards: the sale was without a cost, now it has one."""
    sale, buy = fill("2", "sell", "1", "120", at=2), fill("1", "buy", "1", "100", at=1, fee="0.5 USDT")
    book(ann, spot, [sale])
    assert [row[3] for row in derived(database, 1)["unmatched"]] == [1]
    book(ann, spot, [buy])
    after = derived(database, 1)
    assert after == expected([sale, buy], "fifo", signed=False)
    assert after["unmatched"] == []
    assert ann.stored_books()[0].gross == 20


def test_ties_in_time_are_matched_by_the_exchange_s_number(ann: UserStore, spot: Broker, database: Database) -> None:
    """9 comes before 10, also when 10 was booked first: the text would say otherwise."""
    nine, ten = fill("9", price="90"), fill("10", price="100")
    book(ann, spot, [ten])
    book(ann, spot, [nine])
    sale = fill("11", "sell", "1", "110")
    book(ann, spot, [sale])
    assert derived(database, 1) == expected([nine, ten, sale], "fifo", signed=False)
    assert ann.stored_books()[0].gross == 20


def test_keeping_another_method_derives_the_books_that_are_kept_otherwise(
    ann: UserStore, spot: Broker, database: Database
) -> None:
    """Those already kept so are passed over; a rebuild passes over none."""
    history = [fill(str(n), "sell" if n % 3 == 0 else "buy", "1.5", str(90 + 7 * n % 31), at=n) for n in range(1, 12)]
    other = [fill("1", symbol="ETH/USDT"), fill("2", "sell", "0.5", "90", symbol="ETH/USDT", at=1)]
    book(ann, spot, [*history, *other])
    assert ann.books.keep_method(1, method="fifo", signed=False) == 0
    for method in ("hifo", "average", "lifo", "fifo"):
        assert ann.books.keep_method(1, method=method, signed=False) == 2
        assert derived(database, 1) == expected([*history, *other], method, signed=False)
    more = fill("3", symbol="ETH/USDT", at=2)
    book(ann, spot, [more], method="lifo")
    assert ann.books.keep_method(1, method="lifo", signed=False) == 1
    assert ann.books.rebuild(1, method="lifo", signed=False) == 2
    assert derived(database, 1) == expected([*history, *other, more], "lifo", signed=False)


def test_a_rebuild_takes_every_book_of_its_account_and_no_other(
    ann: UserStore, spot: Broker, database: Database
) -> None:
    """Also those already in the method; it says how many they were, none where the account has no fill."""
    other = add_broker(ann, "other", uid="8")
    bought = [fill("1"), fill("2", symbol="ETH/USDT")]
    book(ann, spot, bought)
    book(ann, other, bought)
    assert ann.books.rebuild(1, method="fifo", signed=False) == 2
    assert ann.books.rebuild(1, method="lifo", signed=False) == 2
    assert versions(database) == [("lifo", 3), ("lifo", 3), ("fifo", 1), ("fifo", 1)]
    empty = add_broker(ann, "empty", uid="9").account_id or 0
    assert ann.books.rebuild(empty, method="fifo", signed=False) == 0
    assert ann.books.keep_method(empty, method="fifo", signed=False) == 0


def test_a_rebuild_that_is_signed_matches_sales_as_shorts(ann: UserStore, database: Database) -> None:
    """`signed` is what the caller says: a margin book goes short, the same fills of a spot one go unmatched."""
    broker = add_broker(ann, "margin", market="margin")
    sale = fill("1", "sell")
    book(ann, broker, [sale])
    assert ann.books.rebuild(1, method="fifo", signed=True) == 1
    assert derived(database, 1) == expected([sale], "fifo", signed=True)
    assert ann.books.rebuild(1, method="fifo", signed=False) == 1
    assert derived(database, 1) == expected([sale], "fifo", signed=False)


def test_a_change_of_method_undone_in_memory_is_not_believed(ann: UserStore, spot: Broker, database: Database) -> None:
    """`keep_method` fails after its first book: all stay as they were and the next page goes on from the store."""
    history = [fill("1", symbol="AAA/USDT"), fill("2", price="50", symbol="AAA/USDT", at=1), fill("3", at=2)]
    sale = fill("4", "sell", "1", "70", symbol="AAA/USDT", at=3)
    book(ann, spot, history)
    fail_writes(database, "lots", when="new.market_id = 2")
    with pytest.raises(BROKEN_CONSTRAINT):
        ann.books.keep_method(1, method="lifo", signed=False)
    assert derived(database, 1) == expected(history, "fifo", signed=False)
    heal(database, "lots")
    book(ann, spot, [sale])
    assert derived(database, 1) == expected([*history, sale], "fifo", signed=False)
    assert ann.books.keep_method(1, method="lifo", signed=False) == 2
    assert derived(database, 1) == expected([*history, sale], "lifo", signed=False)


def test_a_page_booked_by_another_method_derives_its_book(ann: UserStore, spot: Broker, database: Database) -> None:
    """The user chose another method between two pages: one book is never half one, half the other."""
    history = [fill("1", price="100"), fill("2", price="200", at=1), fill("3", "sell", "1", "300", at=2)]
    book(ann, spot, history[:2])
    book(ann, spot, history[2:], method="lifo")
    assert derived(database, 1) == expected(history, "lifo", signed=False)


def test_the_average_pool_goes_on_over_pages_and_begins_anew_at_zero(
    ann: UserStore, spot: Broker, database: Database
) -> None:
    """One lot that buys join; after all is sold the next buy is a new pool, with its own price."""
    history = [
        fill("1", "buy", "1", "100", at=1),
        fill("2", "buy", "3", "200", at=2),
        fill("3", "sell", "4", "300", at=3),
        fill("4", "buy", "2", "1000", at=4),
        fill("5", "buy", "1", "1", at=5),
    ]
    for n, one in enumerate(history, start=1):
        book(ann, spot, [one], method="average")
        held = derived(database, 1)
        assert held == expected(history[:n], "average", signed=False)
        assert len(held["lots"]) == (0 if n == 3 else 1)
    (pool,) = derived(database, 1)["lots"]
    assert pool[1] == "4"
    assert (pool[4], pool[5]) == (3, 2001)


def test_two_processes_that_take_turns_stay_right(ann: UserStore, spot: Broker, database: Database, url: str) -> None:
    """Each keeps its checkpoint in memory and finds the other's pages in the store: neither books on an old state."""
    history = some_history(random.Random(4), 60)
    other = open_store(url).for_user("ann")
    chance = random.Random(5)
    for n in range(0, 60, 4):
        book(chance.choice([ann, other]), spot, history[n : n + 4])
        assert derived(database, 1) == expected(history[: n + 4], "fifo", signed=False)


def some_history(chance: random.Random, length: int) -> list[Fill]:
    """Buys and sales of two symbols with all sorts of fees and many ties in time, in the order of their ids."""
    out = []
    for n in range(1, length + 1):
        symbol = chance.choice(["BTC/USDT", "ETH/USDT"])
        base = symbol[:3]
        coins = (f"0.1 USDT|0.001 {base}|-0.02 USDT|0.01 BNB|0.001 {base}, 0.02 BNB|0.5 USDT, 0.5 USDT").split("|")
        quantity = str(Decimal(chance.randint(1, 30)) / 8)
        out.append(
            fill(
                str(n),
                chance.choice(["buy", "buy", "sell"]),
                quantity,
                str(Decimal(chance.randint(80, 120)) / 3).strip()[:12],
                at=n // 3,
                symbol=symbol,
                fee=chance.choice([None, *coins]),
            )
        )
    return out


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), length=st.integers(1, 40), method=st.sampled_from(METHODS), signed=st.booleans())
def test_any_order_of_pages_gives_the_same_books(
    fresh_store: Path, seed: int, length: int, method: Method, signed: bool
) -> None:
    """A history cut into pages at random, booked in any order, some of it twice: lots, disposals, unmatched and
    totals are those of a rebuild and of the plain fold over the set, to the last digit."""
    chance = random.Random(seed)
    history = some_history(chance, length)
    shuffled = chance.sample(history, length)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "trademon.db"
        shutil.copy(fresh_store, path)
        ann = open_store(path).for_user("ann")
        broker = add_broker(ann, market="margin" if signed else "spot", method=method)
        new = 0
        while shuffled:
            size = chance.randint(1, 12)
            page, shuffled = shuffled[:size], shuffled[size:]
            new += book(ann, broker, [*page, *chance.sample(history[:1], chance.randint(0, 1))])
            new += book(ann, broker, page)
        database = Database(f"sqlite:///{path}")
        pages = derived(database, 1)
        ann.books.rebuild(1, method=method, signed=signed)
        rebuilt = derived(database, 1)
        database.close()
        while OPENED:
            OPENED.pop().close()
    assert new == length
    assert pages == expected(history, method, signed=signed)
    assert pages == rebuilt


class Bookings(RuleBasedStateMachine):
    """Two processes on one account: pages in any order, failures, rebuilds, changes of method, restarts."""

    new_store: NewStore

    @initialize(
        seed=st.integers(0, 2**32), length=st.integers(3, 40), method=st.sampled_from(METHODS), signed=st.booleans()
    )
    def begin(self, seed: int, length: int, method: Method, signed: bool) -> None:
        self.url = type(self).new_store()
        self.database = Database(self.url)
        self.history = some_history(random.Random(seed), length)
        self.method, self.signed = method, signed
        self.seen: dict[str, Fill] = {}
        self.processes = [open_store(self.url).for_user("ann") for _ in range(2)]
        self.broker = add_broker(self.processes[0], market="swap" if signed else "spot")

    def page(self, data: st.DataObject) -> list[Fill]:
        start_at = data.draw(st.integers(0, len(self.history) - 1), label="from")
        step = data.draw(st.sampled_from([1, 1, 2, -1]), label="step")
        return self.history[start_at::step][: data.draw(st.integers(1, 8), label="size")]

    @rule(data=st.data(), who=st.integers(0, 1))
    def book_page(self, data: st.DataObject, who: int) -> None:
        page = self.page(data)
        new = book(self.processes[who], self.broker, page, method=self.method)
        assert new == len({f.trade_id for f in page} - self.seen.keys())
        self.seen.update({f.trade_id: f for f in page})

    @rule(data=st.data(), who=st.integers(0, 1), table=st.sampled_from(sorted(WRITES)))
    def fail_a_page(self, data: st.DataObject, who: int, table: str) -> None:
        page = self.page(data)
        fresh = [f for f in page if f.trade_id not in self.seen]
        fail_writes(self.database, table, WRITES[table])
        try:
            book(self.processes[who], self.broker, page, method=self.method, covered=span(0, 5))
        except BROKEN_CONSTRAINT:
            pass
        else:  # a page that writes nothing there goes through
            self.seen.update({f.trade_id: f for f in fresh})
        heal(self.database, table)

    @rule(data=st.data(), who=st.integers(0, 1))
    def answer_badly(self, data: st.DataObject, who: int) -> None:
        page = self.page(data)
        bad = replace(page[0], price=page[0].price + 1)
        with pytest.raises(BadAnswer):
            book(self.processes[who], self.broker, [*page, bad], method=self.method)

    @precondition(lambda self: self.seen)
    @rule(who=st.integers(0, 1), method=st.sampled_from(METHODS), only=st.booleans())
    def change_method(self, who: int, method: Method, only: bool) -> None:
        books = self.processes[who].books
        (books.keep_method if only else books.rebuild)(1, method=method, signed=self.signed)
        self.method = method

    @rule(who=st.integers(0, 1))
    def restart(self, who: int) -> None:
        self.processes[who] = open_store(self.url).for_user("ann")

    @invariant()
    def the_books_are_the_fold_of_the_set(self) -> None:
        if hasattr(self, "seen"):
            assert derived(self.database, 1) == expected(self.seen.values(), self.method, signed=self.signed)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            while OPENED:
                OPENED.pop().close()
            self.database.close()


def run_bookings(new_store: NewStore, examples: int) -> None:
    Bookings.new_store = staticmethod(new_store)  # type: ignore[assignment]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Bookings, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None)
    )


def test_whatever_happens_the_books_are_the_fold_of_the_set(new_store: NewStore, kind: str) -> None:
    """A state machine over the store: after every step lots, disposals, unmatched and totals are what the plain
    fold gives for exactly the fills that were booked."""
    run_bookings(new_store, 50 if kind == "sqlite" else 8)


# --- kill -9 ------------------------------------------------------------------------------------------------------

BOOK_IN_A_LOOP = """
import random, sys
from pathlib import Path
from tests.store.test_booking import some_history
from tests.store.world import book, open_store, span
ann = open_store(sys.argv[1]).for_user("ann")
broker = ann.broker("spot")
history = some_history(random.Random(9), 3000)
at = int(sys.argv[2])
print("ready", flush=True)
while True:
    for n in range(at, len(history), 5):
        book(ann, broker, history[n:n + 5], covered=span(n, n + 5))
    at = 0
"""


def test_ten_kills_at_any_moment_lose_and_double_nothing(
    ann: UserStore, spot: Broker, database: Database, url: str
) -> None:
    """SIGKILL while pages are being booked, ten times: what is covered is stored, books match fills, the file is
    sound; rebooking everything gives exactly the true fills and the figures of a rebuild."""
    chance = random.Random()
    history = some_history(random.Random(9), 3000)
    for n in range(10):
        process = start(BOOK_IN_A_LOOP, url, 300 * n)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.005, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with database.read() as sql:
            if isinstance(database.backend, SqliteFile):
                assert sql.rows("PRAGMA integrity_check") == [("ok",)]
            booked = {r[0] for r in sql.rows("SELECT trade_id FROM fills")}
        for proved in ann.coverage(1, "BTC/USDT"):
            first, last = ((at - TEN) // timedelta(minutes=1) for at in (proved.start, proved.end))
            assert {f.trade_id for f in history[first:last]} <= booked
        assert derived(database, 1) == expected([f for f in history if f.trade_id in booked], "fifo", signed=False)
    for n in range(0, len(history), 100):
        book(ann, spot, history[n : n + 100])
    assert sorted(stored(database, "trade_id")) == sorted((f.trade_id,) for f in history)
    after = derived(database, 1)
    ann.books.rebuild(1, method="fifo", signed=False)
    assert after == derived(database, 1) == expected(history, "fifo", signed=False)
    rows = ann.fills(FillQuery()).fills
    assert sorted((r.symbol, r.trade_id) for r in rows) == known(history)
