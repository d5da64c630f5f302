"""Late fills booked in their place: a book taken back and booked on is the book derived from all of its fills.

`rewound` keeps a store from ever falling back to deriving everything, so that whatever is late goes through
`store/rewind.py`. What is stored then is held against the plain fold over the set of fills (`expected`) and, text by
text, against what a rebuild writes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.test_booking import run_bookings
from tests.store.world import (
    BROKEN_CONSTRAINT,
    ON_FILES,
    OPENED,
    TEN,
    NewStore,
    add_broker,
    book,
    derived,
    expected,
    fail_writes,
    fill,
    heal,
    minute,
    open_store,
)
from trademon.core.entries import Scale, int_text
from trademon.core.model import METHODS, Broker, Contract, Fee, Fill, Market, Method, fill_order
from trademon.core.money import EXACT
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store import booking
from trademon.store.database import Database, Sql
from trademon.store.store import UserStore
from trademon.ui.json_out import to_json

EACH_METHOD = pytest.mark.parametrize("method", METHODS)
EACH_KIND = pytest.mark.parametrize("signed", [False, True], ids=["spot", "signed"])
BOUNDED = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**32)
methods = st.sampled_from(METHODS)


# --- a store that always rewinds ----------------------------------------------------------------------------------


@dataclass
class Shelf:
    """A store with one account, and what was booked into it."""

    url: str
    database: Database
    user: UserStore
    broker: Broker
    method: Method
    signed: bool
    rewinds: list[int]

    def book(self, fills: Sequence[Fill], **other: Any) -> int:
        """Book a page; returns how often a book was taken back for it."""
        before = len(self.rewinds)
        book(self.user, self.broker, fills, **other)
        return len(self.rewinds) - before

    def restart(self) -> None:
        """Forget what was in memory: the next page goes on from what is stored."""
        self.user = open_store(self.url).for_user("ann")

    def check(self, fills: Sequence[Fill]) -> None:
        """The stored rows are those of the plain fold."""
        assert derived(self.database, self.broker.account_id or 0) == expected(fills, self.method, signed=self.signed)

    def check_texts(self) -> None:
        """And, in every column, those that deriving all of it anew writes."""
        stored = texts(self.database)
        self.user.books.rebuild(self.broker.account_id or 0, method=self.method, signed=self.signed)
        assert texts(self.database) == stored


@contextmanager
def shelf(new_store: NewStore, method: Method, *, signed: bool, undone: int | None = 0) -> Iterator[Shelf]:
    """A copy of the fresh store that is told so many entries would be undone, so that it always takes a book back;
    with None it counts them itself."""
    rewinds: list[int] = []

    def counted(sql: Sql, *rest: Any) -> Any:
        rewinds.append(1)
        return rewind(sql, *rest)

    rewind = booking.rewind
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(booking, "rewind", counted)
        if undone is not None:
            patch.setattr(booking, "count_from", lambda *_: undone)
        url = new_store()
        user = open_store(url).for_user("ann")
        broker = add_broker(user, market="margin" if signed else "spot", method=method)
        database = Database(url)
        try:
            yield Shelf(url, database, user, broker, method, signed, rewinds)
        finally:
            database.close()
            while OPENED:
                OPENED.pop().close()


Texts = dict[str, list[tuple[Any, ...]]]
COLUMNS = {
    "lots": "account_id, market_id, fill_id, side, quantity, cost, fees, price, opened_at",
    "disposals": "account_id, market_id, fill_id, part, lot_fill_id, quantity, cost, gross, fees, lot_fees",
    "unmatched": "account_id, market_id, fill_id, quantity, proceeds, fees",
    "days": "account_id, market_id, day, gross, fees, unmatched_quantity, unmatched_proceeds, unmatched_fees, "
    "disposals, fills",
    "books": "account_id, market_id, method, last_at, last_tie, gross, fees, unmatched_quantity, unmatched_proceeds, "
    "unmatched_fees, disposals, fills, open_quantity, open_cost",
    "coin_fees": "fill_id, coin, account_id, market_id, amount, rate, rate_at, rate_source",
}


def texts(database: Database) -> Texts:
    """Every derived row as the file has it, without row numbers and versions. An entry's integers depend on the scale
    that its book had when it came: they are told as the amounts they stand for."""
    with database.read() as sql:
        out = {
            table: sorted(tuple(r) for r in sql.rows(f"SELECT {columns} FROM {table}"))
            for table, columns in COLUMNS.items()
        }
        rows = sql.rows(
            """SELECT account_id, market_id, at, tie, fill_id, quantity, price, fee, scale FROM entries
            ORDER BY 1, 2, 3, 4"""
        )
    out["entries"] = [(*row[:5], *amounts(Scale.of_code(row[8]), *row[5:8])) for row in rows]
    return out


def amounts(scale: Scale, quantity: Any, price: Any, fee: Any) -> tuple[str, str, str]:
    return (
        int_text(int(quantity), scale.quantity),
        int_text(int(price), scale.price),
        int_text(int(fee), scale.fee),
    )


# --- histories ----------------------------------------------------------------------------------------------------

QUANTITIES = ("1", "2", "3", "0.5", "0.125", "1.00000001", "0.333333333333", "1e-18", "0.000000000000000007")
PRICES = ("100", "110", "90", "100.01", "0", "33.333333333333", "99.999999999999999999", "120")
DAYS = (0, 1, 2, 5)


def some_fees(chance: random.Random, quantity: Decimal) -> tuple[Fee, ...]:
    """None mostly; else in the quote, a third coin, or the base: a part of the fill, all of it, more than it."""
    out = []
    for _ in range(chance.choice([0, 0, 1, 1, 2])):
        coin = chance.choice(["USDT", "USDT", "BTC", "BNB"])
        if coin == "BTC":
            part = Decimal(chance.choice(["0.001", "0.5", "1", "1", "1.5", "-0.25"]))
            out.append(Fee(EXACT.multiply(quantity, part), coin))
        else:
            # rebates that no sum of fees cancels: a coin whose fees add up to nothing is listed by the fold alone
            out.append(Fee(Decimal(chance.choice(["0.1", "1", "-0.0200001", "0.0000000000001", "0.7"])), coin))
    return tuple(out)


def some_history(chance: random.Random, length: int, *, plain: bool = False) -> list[Fill]:
    """Fills in booking order over several days, with ties in one microsecond and at midnight's two sides."""
    out = []
    for n in range(1, length + 1):
        day = TEN.replace(hour=0) + timedelta(days=chance.choice(DAYS))
        at = day + chance.choice([timedelta(), timedelta(microseconds=-1), timedelta(hours=chance.randint(0, 23))])
        quantity = Decimal(chance.choice(QUANTITIES[:4] if plain else QUANTITIES))
        one = fill(
            str(n),
            chance.choice(["buy", "sell"]),
            str(quantity),
            chance.choice(PRICES[:4] if plain else PRICES),
            at=at,
        )
        out.append(replace(one, fees=some_fees(chance, quantity)))
    return sorted(out, key=fill_order)


def arrivals(chance: random.Random, history: list[Fill]) -> list[list[Fill]]:
    """The history in pages, some of its fills held back and handed over later: single ones, and several at once."""
    held = [f for f in history if chance.random() < 0.35]
    early = [f for f in history if f not in held]
    chance.shuffle(held)
    pages: list[list[Fill]] = []
    while early or held:
        if early and (not held or chance.random() < 0.5):
            size = chance.randint(1, 6)
            pages.append(early[:size])
            early = early[size:]
        else:
            size = chance.choice([1, 1, 1, 2, 4])
            pages.append(held[:size] + early[:1] * chance.randint(0, 1))
            early = early if len(pages[-1]) == len(held[:size]) else early[1:]
            held = held[size:]
    return pages


def test_whatever_comes_late_is_booked_in_its_place(new_store: NewStore, kind: str) -> None:
    """Random histories, pages and late fills, from memory and from the store: after every page the plain fold, at the
    end the texts of a rebuild."""

    @settings(BOUNDED, max_examples=120 if kind == "sqlite" else 20)
    @given(seed=seeds, length=st.integers(2, 30), method=methods, signed=st.booleans(), restarts=st.booleans())
    def law(seed: int, length: int, method: Method, signed: bool, restarts: bool) -> None:
        _check_arrivals(new_store, seed, length, method, signed=signed, restarts=restarts)

    law()


def _check_arrivals(
    new_store: NewStore, seed: int, length: int, method: Method, *, signed: bool, restarts: bool
) -> None:
    chance = random.Random(seed)
    history = some_history(chance, length)
    with shelf(new_store, method, signed=signed) as s:
        seen: list[Fill] = []
        for page in arrivals(chance, history):
            if restarts and chance.random() < 0.5:
                s.restart()
            late = bool(seen) and min(map(fill_order, page)) < max(map(fill_order, seen))
            assert s.book(page) == late
            seen += page
            s.check(seen)
        s.check_texts()


@ON_FILES
@BOUNDED
@given(seed=seeds, length=st.integers(2, 25), method=methods, signed=st.booleans(), place=st.integers(0, 24))
def test_a_single_late_fill_may_come_at_any_place(
    new_store: NewStore, seed: int, length: int, method: Method, signed: bool, place: int
) -> None:
    """All in one page but one fill, and then that one."""
    history = some_history(random.Random(seed), length)
    late = history.pop(place % length)
    with shelf(new_store, method, signed=signed) as s:
        s.book(history)
        s.book([late])
        s.check([*history, late])
        s.check_texts()


@EACH_METHOD
@EACH_KIND
def test_a_book_that_was_taken_back_is_booked_on(new_store: NewStore, method: Method, signed: bool) -> None:
    """What follows a late fill, page by page, in memory and after a restart, finds the book as it must be."""
    history = some_history(random.Random(3), 60)
    with shelf(new_store, method, signed=signed) as s:
        s.book(history[10:40])
        s.book(history[5:8])
        for n in range(40, 60, 5):
            s.book(history[n : n + 5])
        s.restart()
        s.book(history[:5] + history[8:10])
        s.check(history)
        s.check_texts()


@EACH_METHOD
@EACH_KIND
def test_more_than_one_batch_is_taken_back_and_booked_on(new_store: NewStore, method: Method, signed: bool) -> None:
    """Booking goes on in batches of a thousand: 2,500 fills after the late one are all undone and done again."""
    history = some_history(random.Random(8), 2500, plain=True)
    with shelf(new_store, method, signed=signed) as s:
        s.book(history[1:])
        assert s.book(history[:1]) == 1
        s.check(history)
        s.check_texts()


@ON_FILES
@EACH_METHOD
@EACH_KIND
@pytest.mark.parametrize("late", [1, 3, 6, 9])
def test_a_late_fill_may_have_more_decimals_than_all_before(
    new_store: NewStore, method: Method, signed: bool, late: int
) -> None:
    """The book's scale grows in the middle of its rows: old entries are read in the new one, and so after a restart."""
    history = [
        fill(str(n), "buy" if n % 3 else "sell", str(n), str(100 + 7 * n % 13), at=n, fee="0.1 USDT")
        for n in range(1, 11)
    ]
    fine = fill(
        str(late),
        history[late - 1].side,
        "1.000000000000000000000000000001",
        "100.123456789012345678901234567891",
        at=late,
        fee="0.000000000000000000000000000007 USDT, 0.000000000000000000000000000001 BTC",
    )
    rest = [f for f in history if f.trade_id != fine.trade_id]
    after = fill("11", "sell", "2.5", "104", at=11)
    for restarts in (False, True):
        with shelf(new_store, method, signed=signed) as s:
            s.book(rest)
            if restarts:
                s.restart()
            assert s.book([fine]) == 1
            s.check([*rest, fine])
            if restarts:
                s.restart()
            s.book([after])
            s.check([*rest, fine, after])
            s.check_texts()


@EACH_METHOD
@EACH_KIND
def test_fills_of_one_microsecond_are_booked_by_number_however_late(
    new_store: NewStore, method: Method, signed: bool
) -> None:
    """Numbers as numbers, texts after them: each of the ties comes last once."""
    ids = ("9", "10", "007", "7", "abc", "1" * 41, "3", "Z", "é")
    ties = [
        fill(i, "sell" if n % 2 else "buy", str(1 + n), str(100 + 3 * n), fee="0.7 USDT") for n, i in enumerate(ids)
    ]
    for late in ties:
        with shelf(new_store, method, signed=signed) as s:
            rest = [f for f in ties if f is not late]
            s.book(rest)
            s.book([late])
            s.check(ties)
            s.check_texts()


@EACH_METHOD
@EACH_KIND
def test_days_are_taken_back_and_filled_again(new_store: NewStore, method: Method, signed: bool) -> None:
    """A late fill on the first of several days, on one that had none, and on either side of a midnight."""
    history = [
        fill("1", "buy", "3", "100", at=TEN, fee="0.3 USDT"),
        fill("2", "sell", "1", "110", at=TEN + timedelta(days=1), fee="0.1 USDT"),
        fill("3", "sell", "1", "120", at=TEN + timedelta(days=3), fee="0.1 USDT"),
        fill("4", "sell", "2", "130", at=TEN + timedelta(days=4), fee="0.1 USDT"),
        fill("5", "buy", "2", "90", at=TEN + timedelta(days=4, hours=1), fee="2 BTC"),
    ]
    midnight = datetime(2026, 1, 3, tzinfo=TEN.tzinfo)
    lates = [
        fill("6", "sell", "1", "105", at=midnight),
        fill("7", "sell", "1", "105", at=midnight - timedelta(microseconds=1)),
        fill("8", "buy", "1", "70", at=TEN - timedelta(days=2), fee="1 BTC"),
    ]
    with shelf(new_store, method, signed=signed) as s:
        s.book(history)
        for n, late in enumerate(lates, start=1):
            assert s.book([late]) == 1
            s.check([*history, *lates[:n]])
        s.check_texts()


@ON_FILES
@EACH_METHOD
@EACH_KIND
def test_base_fees_that_eat_whole_fills_are_undone_and_done_again(
    new_store: NewStore, method: Method, signed: bool
) -> None:
    """An entry that moved nothing has realised its fee; one that moved less than nothing took from the lots. Late
    themselves, and after something late."""
    eaten = fill("3", "buy", "1", "100", at=3, fee="1 BTC, 0.5 USDT")
    beyond = fill("4", "buy", "1", "100", at=4, fee="1.5 BTC")
    rest = [
        fill("2", "buy", "2", "90", at=2, fee="0.2 USDT"),
        fill("5", "sell", "1", "110", at=5, fee="0.01 BTC"),
        fill("6", "buy", "1", "95", at=6, fee="1 BTC"),
        fill("7", "sell", "4", "120", at=7, fee="0.3 USDT"),
    ]
    for lates in ([eaten], [beyond], [eaten, beyond], [beyond, fill("1", "buy", "1", "50", at=1), eaten]):
        with shelf(new_store, method, signed=signed) as s:
            s.book(rest)
            for late in lates:
                s.book([late])
            s.check([*rest, *lates])
            s.check_texts()


@ON_FILES
@EACH_METHOD
def test_flips_are_undone_and_done_again(new_store: NewStore, method: Method) -> None:
    """Long to short and back in single fills; each of them comes late once, and with it the side of all that follows
    may change."""
    flips = [
        fill("1", "buy", "1", "100", at=1, fee="0.1 USDT"),
        fill("2", "sell", "3", "110", at=2, fee="0.3 USDT"),
        fill("3", "buy", "5", "90", at=3, fee="0.7 USDT"),
        fill("4", "sell", "4", "95", at=4, fee="0.1 USDT"),
        fill("5", "sell", "3", "97", at=5, fee="0.02 BTC"),
        fill("6", "buy", "4.02", "99", at=6),
        fill("7", "buy", "3", "98", at=7),
    ]
    for late in flips:
        with shelf(new_store, method, signed=True) as s:
            rest = [f for f in flips if f is not late]
            s.book(rest)
            s.book([late])
            s.check(flips)
            s.check_texts()


@EACH_METHOD
@EACH_KIND
def test_a_book_is_taken_back_to_before_its_first_fill(new_store: NewStore, method: Method, signed: bool) -> None:
    """Nothing is left of it, and all of it is booked again: once, twice, and with several fills at once."""
    history = some_history(random.Random(12), 12)
    with shelf(new_store, method, signed=signed) as s:
        s.book(history[6:])
        assert s.book([history[5]]) == 1
        s.check(history[5:])
        s.restart()
        assert s.book([history[4]]) == 1
        assert s.book(history[:4]) == 1
        s.check(history)
        s.check_texts()


@ON_FILES
@EACH_KIND
@pytest.mark.parametrize("place", range(9))
def test_pools_that_were_emptied_and_begun_anew_come_back(new_store: NewStore, signed: bool, place: int) -> None:
    """An average pool is emptied twice and begun anew; a late fill falls before, between and after: each pool has
    again the opener, the price and the thirds it had."""
    history = [
        fill("1", "buy", "3", "10", at=10, fee="1 USDT"),
        fill("2", "sell", "1", "12", at=20, fee="0.1 USDT"),
        fill("3", "sell", "2", "13", at=30, fee="0.1 USDT"),
        fill("4", "buy", "7", "20", at=40, fee="1 USDT"),
        fill("5", "buy", "6", "33.333333333333", at=50, fee="2 USDT"),
        fill("6", "sell", "13", "31", at=60, fee="0.7 USDT"),
        fill("7", "buy", "3", "11", at=70, fee="0.5 USDT"),
        fill("8", "sell", "1", "14", at=80, fee="0.1 USDT"),
    ]
    for late in (
        fill("90", "buy", "0.7", "17", at=5 + 10 * place, fee="0.3 USDT"),
        fill("90", "sell", "0.7", "17", at=5 + 10 * place, fee="0.3 USDT"),
    ):
        for restarts in (False, True):
            with shelf(new_store, "average", signed=signed) as s:
                s.book(history)
                if restarts:
                    s.restart()
                s.book([late])
                s.check([*history, late])
                s.check_texts()


@EACH_METHOD
@EACH_KIND
def test_rows_of_a_file_in_the_middle_give_way_to_the_exchange_s(
    new_store: NewStore, method: Method, signed: bool
) -> None:
    """Another price, time, side, fee and fewer decimals, one after another and all in one page: each takes the row's
    place, and the book is booked again from the earlier of the two places."""
    rows = [
        fill(str(n), "sell" if n % 3 == 0 else "buy", "2.123456789012", str(100 + n), at=n, fee="0.1 USDT")
        for n in range(1, 13)
    ]
    true = [
        fill("2", "buy", "2", "102.5", at=minute(2) + timedelta(milliseconds=7), fee="0.3 USDT"),
        fill("5", "sell", "1", "105", at=minute(1) - timedelta(seconds=1), fee="0.01 BTC"),
        fill("7", "buy", "1", "90", at=minute(11.5), fee="1 BTC"),
        fill("12", "sell", "9", "90", at=0, fee="0.1 BNB"),
        fill("1", "sell", "9", "90", at=20),
        fill("6", rows[5].side, "2.123456789012", "106", at=6, fee="0.2 USDT"),
    ]
    with shelf(new_store, method, signed=signed) as s:
        s.book(rows, source="import")
        held = {f.trade_id: f for f in rows}
        for one in true:
            assert s.book([one, fill(f"1{one.trade_id}00", "buy", "1", "101", at=one.executed_at)]) == 1
            held |= {one.trade_id: one, f"1{one.trade_id}00": fill(f"1{one.trade_id}00", "buy", "1", "101")}
            held[f"1{one.trade_id}00"] = replace(held[f"1{one.trade_id}00"], executed_at=one.executed_at)
            s.check(list(held.values()))
        s.check_texts()
    with shelf(new_store, method, signed=signed) as s:
        s.book(rows, source="import")
        assert s.book(true) == 1
        s.check([*true, *(f for f in rows if f.trade_id not in {t.trade_id for t in true})])
        s.check_texts()


def test_a_replaced_row_takes_its_third_coin_fees_along(new_store: NewStore) -> None:
    """The file said BNB, the exchange says another amount of it, then none: nothing of the old fees is left."""
    with shelf(new_store, "fifo", signed=False) as s:
        s.book([fill("1", fee="0.1 BNB"), fill("2", at=1, fee="0.3 BNB")], source="import")
        s.book([fill("1", fee="0.2 BNB")])
        s.check([fill("1", fee="0.2 BNB"), fill("2", at=1, fee="0.3 BNB")])
        s.book([fill("2", at=1)])
        s.check([fill("1", fee="0.2 BNB"), fill("2", at=1)])
        s.check_texts()


@EACH_METHOD
@EACH_KIND
def test_integers_beyond_a_column_are_taken_back_exactly(new_store: NewStore, method: Method, signed: bool) -> None:
    """1e15 coins at eight decimals have 24 digits and are kept as text beside small ones: a `mixed` book. Late among
    them, before them, after them; with thirds."""
    history = [
        fill("1", "buy", "1e15", "3.000000000001", at=1, fee="0.1 USDT"),
        fill("2", "sell", "0.333333333333333333", "1e15", at=2, fee="123456789012345.123456789012 USDT"),
        fill("3", "buy", "1e-18", "99999999999999.99", at=3),
        fill("4", "sell", "999999999999999.999999999999999999", "2", at=4, fee="0.000000000000000001 BTC"),
        fill("5", "sell", "3", "1e12", at=5),
        fill("6", "buy", "1e15", "1e14", at=6, fee="1e15 BTC"),
        fill("7", "buy", "92233720368.54775807", "1", at=7),
        fill("8", "buy", "92233720368.54775808", "1", at=8),
        fill("9", "sell", "92233720368.54775809", "1", at=9),
    ]
    for late in history:
        with shelf(new_store, method, signed=signed) as s:
            rest = [f for f in history if f is not late]
            for n in range(0, len(rest), 3):
                s.book(rest[n : n + 3])
            s.restart()
            s.book([late])
            s.check(history)
            s.check_texts()


@EACH_METHOD
def test_a_page_that_fails_after_the_book_was_taken_back_changes_nothing(new_store: NewStore, method: Method) -> None:
    """The power fails in the middle, whatever is written next: the rows stay as they were, and then the page is
    booked, by the process that failed and by another."""
    history = some_history(random.Random(21), 30)
    late, rest = history[7], history[:7] + history[8:]
    for table in ("lots", "disposals", "days", "entries", "fills"):
        with shelf(new_store, method, signed=True) as s:
            s.book(rest)
            before = texts(s.database)
            fail_writes(s.database, table)
            with pytest.raises(BROKEN_CONSTRAINT):
                s.book([late])
            heal(s.database, table)
            assert texts(s.database) == before
            s.book([late])
            s.check(history)
            s.check_texts()


def test_whatever_happens_a_book_that_is_never_derived_is_the_fold_of_the_set(
    new_store: NewStore, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state machine of test_booking.py (two processes, failures, rebuilds, changes of method, restarts) with every
    late page taken back."""
    monkeypatch.setattr(booking, "count_from", lambda *_: 0)
    run_bookings(new_store, 25 if kind == "sqlite" else 4)


def test_taking_a_book_back_and_deriving_it_write_the_same(new_store: NewStore) -> None:
    """A late fill near the end undoes what follows it, one near the beginning derives the book anew; told to do always
    the one or always the other, the store holds the same rows, number for number."""
    history = some_history(random.Random(30), 40)
    held = (history[37], history[2], history[30])
    rest = [f for f in history if f not in held]
    stores: list[Texts] = []
    for undone, taken_back in ((None, [1, 0, 1]), (0, [1, 1, 1]), (10**9, [0, 0, 0])):
        with shelf(new_store, "hifo", signed=True, undone=undone) as s:
            s.book(rest)
            assert [s.book([late]) for late in held] == taken_back
            s.check(history)
            stores.append(texts(s.database))
    assert stores[0] == stores[1] == stores[2]


# --- the order of arrival does not show ---------------------------------------------------------------------------


def report(s: Shelf) -> str:
    """The data of `trademon pnl --json`."""
    return json.dumps(to_json(pnl([s.user], PnlQuery())))


def permuted(new_store: NewStore, times: int, method: Method, *, signed: bool) -> None:
    chance = random.Random(f"{method}{signed}")
    history = some_history(chance, 14) + [
        replace(f, symbol="ETH/BTC", base="ETH", quote="BTC") for f in some_history(chance, 4)
    ]
    with shelf(new_store, method, signed=signed) as s:
        s.book(history)
        told = report(s)
    assert len(json.loads(told)["rows"]) == 2
    for _ in range(times):
        chance.shuffle(history)
        with shelf(new_store, method, signed=signed) as s:
            at = 0
            while at < len(history):
                size = chance.choice([1, 1, 2, 3, 6])
                s.book(history[at : at + size])
                at += size
            assert report(s) == told


@ON_FILES
@EACH_METHOD
@EACH_KIND
def test_the_order_of_arrival_does_not_show_in_a_report(new_store: NewStore, method: Method, signed: bool) -> None:
    """Sixty-four permutations of one history over all methods, in pages of any size: `pnl --json` to the byte."""
    permuted(new_store, 8, method, signed=signed)


@pytest.mark.nightly
@EACH_METHOD
@EACH_KIND
@pytest.mark.timeout(1200)
def test_the_order_of_arrival_does_not_show_in_a_report_at_length(
    new_store: NewStore, method: Method, signed: bool, request: pytest.FixtureRequest
) -> None:
    """And a thousand."""
    if not request.config.getoption("markexpr"):
        pytest.skip("the long form: -m nightly")
    permuted(new_store, 125, method, signed=signed)


# --- what a rebuild may not change --------------------------------------------------------------------------------


def after_a_rebuild(s: Shelf) -> tuple[Texts, Texts]:
    """The derived rows before and after deriving all of it anew."""
    before = texts(s.database)
    s.user.books.rebuild(s.broker.account_id or 0, method=s.method, signed=s.signed)
    return before, texts(s.database)


@pytest.mark.parametrize("late", [False, True])
def test_contracts_of_a_listed_market_stay_contracts(new_store: NewStore, late: bool) -> None:
    """3 contracts of 0.001 BTC, bought and sold 1,000 apart, gain 3; derived again they gain no other amount."""
    contract = Contract("USDT", Decimal("0.001"))
    history = [
        fill("1", "buy", "3", "50000", at=1, symbol="BTC/USDT", contract=contract),
        fill("2", "sell", "3", "51000", at=2, symbol="BTC/USDT", contract=contract),
    ]
    with shelf(new_store, "fifo", signed=True, undone=10**9) as s:
        s.user.save_markets(s.broker, [Market("BTC/USDT", "BTC", "USDT", "BTCUSDT", contract)], minute(0))
        for one in reversed(history) if late else history:
            s.book([one])
        before, rebuilt = after_a_rebuild(s)
        assert [row[5] for row in before["books"]] == ["3"]
        assert rebuilt == before


def test_contracts_of_a_market_that_only_fills_named_stay_contracts(new_store: NewStore) -> None:
    """Linear and inverse, with their size, in the coin they settle in: late or in order, stored as by the fold."""
    linear, inverse = Contract("USDT", Decimal("0.001")), Contract("BTC", Decimal(10), inverse=True)
    for contract in (linear, inverse):
        history = [
            replace(f, contract=contract, fees=(Fee(Decimal("0.00001"), contract.settle), Fee(Decimal("0.1"), "BNB")))
            for f in some_history(random.Random(6), 20, plain=True)
        ]
        for method in METHODS:
            with shelf(new_store, method, signed=True) as s:
                s.book(history[5:])
                for one in history[:5]:
                    assert s.book([one]) == 1
                s.check(history)
                s.check_texts()
                assert [ref.currency for ref in s.user.book_refs()] == [contract.settle]


def test_a_base_fee_stays_one_after_its_coin_was_renamed(new_store: NewStore) -> None:
    """LUNA was bought with a fee in LUNA, then the exchange calls the coin LUNC: a rebuild changes no figure."""
    with shelf(new_store, "fifo", signed=False) as s:
        s.user.save_markets(s.broker, [Market("LUNA/USDT", "LUNA", "USDT", "LUNAUSDT")], minute(1))
        s.book([fill("1", "buy", "1", "100", symbol="LUNA/USDT", fee="0.1 LUNA")])
        s.user.save_markets(s.broker, [Market("LUNC/USDT", "LUNC", "USDT", "LUNAUSDT")], minute(2))
        before, rebuilt = after_a_rebuild(s)
        assert [row[4] for row in before["lots"]] == ["0.9"]
        assert rebuilt == before


@pytest.mark.parametrize("method", ["fifo", "lifo", "hifo"])
def test_a_late_fill_costs_what_it_undoes_and_not_what_is_open(
    new_store: NewStore, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As rewind.py says: the statements sent for a fill that comes one fill late do not grow with the open lots."""
    sent: list[int] = []
    one = Sql.one
    monkeypatch.setattr(Sql, "one", lambda sql, *a: sent.append(1) or one(sql, *a))  # type: ignore[func-returns-value]
    counted = []
    for lots in (20, 320):
        history = [fill(str(n), "buy", "1", str(100 + n % 7), at=n) for n in range(lots)]
        with shelf(new_store, method, signed=False) as s:
            s.book(history[:-2] + history[-1:])
            sent.clear()
            assert s.book([history[-2]]) == 1
            counted.append(len(sent))
            s.check(history)
    assert counted[1] <= counted[0] + 20
