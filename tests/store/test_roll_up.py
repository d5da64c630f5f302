"""What a book realised within a period, read from the days rolled up and from the rows of the days cut in two."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from tests.store.test_rewind import some_history
from tests.store.world import (
    ON_FILES,
    OPENED,
    NewStore,
    add_broker,
    book,
    derived,
    expected,
    fill,
    open_store,
)
from trademon.core.entries import Scale, moved_by
from trademon.core.model import METHODS, Broker, Fill, Method, fill_order
from trademon.core.money import EXACT, format_figure
from trademon.core.pnl import Book, RawBooked, Tally, fold, fold_entries
from trademon.core.pnl_reports import PnlRow
from trademon.core.times import to_us
from trademon.errors import Busy
from trademon.flows.pnl import PnlQuery, fold_book, pnl
from trademon.store import migrations
from trademon.store.book_rows import opened_since
from trademon.store.booking import Bookkeeper
from trademon.store.database import Database
from trademon.store.fill_rows import fill_values
from trademon.store.store import UserStore

EACH_METHOD = pytest.mark.parametrize("method", METHODS)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
MIDNIGHTS = tuple(FIRST + timedelta(days=n) for n in range(-1, 8))
MICROSECOND = timedelta(microseconds=1)
UNHURRIED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**32)


def _without_acquired(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row of today's fills as the first schema had it."""
    return row[:14] + row[15:19] + row[20:]


EACH_WIDTH = pytest.mark.parametrize(
    "plain",
    [
        pytest.param(True, id="within 63 bits"),
        pytest.param(False, id="beyond"),
    ],
)

moments = st.one_of(
    st.sampled_from(MIDNIGHTS),
    st.builds(lambda at, us: at + us * MICROSECOND, st.sampled_from(MIDNIGHTS), st.sampled_from([-1, 1])),
    st.builds(lambda at, hours: at + timedelta(hours=hours), st.sampled_from(MIDNIGHTS), st.integers(0, 24)),
    st.builds(lambda us: FIRST + us * MICROSECOND, st.integers(-(10**11), 7 * 10**11)),
)
"""Midnights, a microsecond beside them, the full hours at which fills are, and anything else."""


@contextmanager
def account(new_store: NewStore, method: Method, *, signed: bool = False) -> Iterator[tuple[UserStore, Broker]]:
    """A user with one account in a store of its own."""
    user = open_store(new_store()).for_user("ann")
    try:
        yield user, add_broker(user, market="margin" if signed else "spot", method=method)
    finally:
        while OPENED:
            OPENED.pop().close()


def folded(history: Sequence[Fill], method: Method, *, signed: bool, until: datetime | None = None) -> Tally:
    """The totals of the plain fold over what was executed before `until`."""
    ordered = sorted((f for f in history if until is None or f.executed_at < until), key=fill_order)
    state = Book(method, signed=signed)
    list(fold(state, enumerate(ordered)))
    return state.tally


def between(history: Sequence[Fill], method: Method, since: datetime, until: datetime, *, signed: bool) -> Tally:
    """What the fold up to `until` realised beyond the one up to `since`."""
    earlier = folded(history, method, signed=signed, until=min(since, until))
    return folded(history, method, signed=signed, until=until) - earlier


def figures(tally: Tally) -> Tally:
    """A tally without the fees that have no value: those are asked for on their own."""
    return replace(tally, unvalued={})


def stored(user: UserStore, since: datetime, until: datetime) -> Tally:
    (ref,) = user.book_refs()
    return user.stored_tally(ref, to_us(since), to_us(until))


@ON_FILES
@EACH_WIDTH
@UNHURRIED
@example(seed=3960, length=12, method="fifo", signed=False, periods=[(MIDNIGHTS[0], MIDNIGHTS[4] - MICROSECOND)])
@given(
    seed=seeds,
    length=st.integers(1, 25),
    method=st.sampled_from(METHODS),
    signed=st.booleans(),
    periods=st.lists(st.tuples(moments, moments), min_size=1, max_size=8),
)
def test_a_period_is_the_difference_of_two_folds(
    new_store: NewStore,
    seed: int,
    length: int,
    method: Method,
    signed: bool,
    periods: list[tuple[datetime, datetime]],
    plain: bool,
) -> None:
    """For any [since, until): within a day, over days, from midnight to midnight and a microsecond beside; with
    unmatched sales, and fees of fills that moved nothing. `unvalued` fees are those of the fills executed in it."""
    history = some_history(random.Random(seed), length, plain=plain)
    with account(new_store, method, signed=signed) as (user, broker):
        book(user, broker, history)
        (ref,) = user.book_refs()
        for since, until in (sorted(pair) for pair in periods):
            wanted = between(history, method, since, until, signed=signed)
            assert stored(user, since, until) == figures(wanted)
            listed = user.unvalued_fees(ref, since=since, until=until)
            assert {coin: amount for coin, amount in listed if amount} == wanted.unvalued


@ON_FILES
@EACH_WIDTH
@UNHURRIED
@example(seed=73732524, method="fifo", signed=False, cuts=[MIDNIGHTS[2] + MICROSECOND])
@given(seed=seeds, method=st.sampled_from(METHODS), signed=st.booleans(), cuts=st.lists(moments, max_size=6))
def test_periods_that_follow_each_other_add_up_to_the_whole(
    new_store: NewStore, seed: int, method: Method, signed: bool, cuts: list[datetime], plain: bool
) -> None:
    """However time is cut, every disposal is in one piece of it, and a piece turned around holds nothing."""
    history = some_history(random.Random(seed), 20, plain=plain)
    edges = sorted([MIDNIGHTS[0] - timedelta(days=9), *cuts, MIDNIGHTS[-1] + timedelta(days=9)])
    with account(new_store, method, signed=signed) as (user, broker):
        book(user, broker, history)
        total = Tally()
        for since, until in pairwise(edges):
            total += stored(user, since, until)
            assert stored(user, until, until) == Tally()
        assert total == figures(folded(history, method, signed=signed))


def test_the_edges_of_a_day_are_where_they_are_said_to_be(new_store: NewStore) -> None:
    """`since` is in, `until` is out: sales at midnight, a microsecond before and after it."""
    day = FIRST + timedelta(days=2)
    sales = [fill(str(n), "sell", "1", "110", at=day + n * MICROSECOND) for n in (-1, 0, 1)]
    sales = [replace(f, trade_id=str(n)) for n, f in enumerate(sales, start=2)]
    with account(new_store, "fifo") as (user, broker):
        book(user, broker, [fill("1", "buy", "9", "100", at=FIRST), *sales])
        next_day = day + timedelta(days=1)
        assert stored(user, day, next_day).disposals == 2
        assert stored(user, day - MICROSECOND, next_day).disposals == 3
        assert stored(user, day + MICROSECOND, next_day).disposals == 1
        assert stored(user, day - timedelta(days=1), day).disposals == 1
        assert stored(user, day - timedelta(days=1), day + MICROSECOND).disposals == 2
        assert stored(user, day, day + MICROSECOND) == Tally(gross=Decimal(10), disposals=1, fills=1)
        assert stored(user, day + MICROSECOND, day + MICROSECOND) == Tally()


def test_part_of_a_day_has_its_unmatched_sales_and_its_loose_fees(new_store: NewStore) -> None:
    """A fee of a fill that moved nothing is in the period of its fill, also in a day that is cut in two."""
    history = [
        fill("1", "sell", "2", "100", at=FIRST, fee="0.3 USDT"),
        fill("2", "buy", "1", "100", at=FIRST + timedelta(hours=1), fee="1 BTC"),
        fill("3", "buy", "1", "50", at=FIRST + timedelta(hours=2), fee="1 BTC, 0.5 USDT"),
    ]
    with account(new_store, "fifo") as (user, broker):
        book(user, broker, history)
        hour = [FIRST + timedelta(hours=n) for n in range(5)]
        assert stored(user, hour[0], hour[1]) == Tally(
            unmatched_quantity=Decimal(2), unmatched_proceeds=Decimal(200), unmatched_fees=Decimal("0.3"), fills=1
        )
        assert stored(user, hour[1], hour[2]) == Tally(fees=Decimal(100), fills=1)
        assert stored(user, hour[2], hour[4]) == Tally(fees=Decimal("50.5"), fills=1)
        assert stored(user, hour[1], hour[3]) == Tally(fees=Decimal("150.5"), fills=2)


def test_a_loose_fee_too_large_for_a_column_is_in_part_of_a_day(new_store: NewStore) -> None:
    """A base fee ate a fill worth 10,000,000: at twelve decimals that fee is beyond 63 bits. Part of its day still
    holds it, as the whole day does."""
    history = [fill("1", "buy", "100", "100000", at=FIRST + timedelta(hours=1), fee="100 BTC")]
    with account(new_store, "fifo") as (user, broker):
        book(user, broker, history)
        whole = stored(user, FIRST, FIRST + timedelta(days=1))
        assert whole == Tally(fees=Decimal(10_000_000), fills=1)
        assert stored(user, FIRST, FIRST + timedelta(hours=2)) == whole


# --- the same by pnl ----------------------------------------------------------------------------------------------


def rows(user: UserStore, **query: object) -> list[PnlRow]:
    return list(pnl([user], PnlQuery(**query)).rows)  # type: ignore[arg-type]


@ON_FILES
@EACH_WIDTH
@UNHURRIED
@example(seed=73732524, method="fifo", signed=False, since=MIDNIGHTS[2] + MICROSECOND, until=None)
@given(
    seed=seeds,
    method=st.sampled_from(METHODS),
    signed=st.booleans(),
    since=moments,
    until=st.one_of(st.none(), moments),
)
def test_pnl_of_a_period_is_the_same_read_and_folded(
    new_store: NewStore, seed: int, method: Method, signed: bool, since: datetime, until: datetime | None, plain: bool
) -> None:
    """One store keeps its book in the method and reads the period from it; another keeps it in another method and
    folds from the first fill: the same row, digit for digit, also up to a time in the middle."""
    history = some_history(random.Random(seed), 20, plain=plain)
    other: Method = "lifo" if method == "fifo" else "fifo"
    with account(new_store, method, signed=signed) as (user, broker):
        book(user, broker, history)
        assert [ref.method for ref in user.book_refs()] == [method]
        read = rows(user, method=method, since=since, until=until), rows(user, method=method, until=until)
    with account(new_store, other, signed=signed) as (user, broker):
        book(user, broker, history)
        assert [ref.method for ref in user.book_refs()] == [other]
        assert (rows(user, method=method, since=since, until=until), rows(user, method=method, until=until)) == read
    (row,) = read[0]
    wanted = folded(history, method, signed=signed, until=until)
    wanted -= folded(history, method, signed=signed, until=min(since, until or since))
    assert (row.gross, row.fees, row.unmatched_quantity, row.fills) == (
        wanted.gross,
        wanted.fees,
        wanted.unmatched_quantity,
        wanted.fills,
    )


def test_fees_without_a_price_belong_to_the_period_of_their_fill(new_store: NewStore) -> None:
    """Of each day its own; a total over a day without one is complete."""
    history = [
        fill("1", "buy", "3", "100", at=FIRST, fee="0.1 BNB"),
        fill("2", "sell", "1", "110", at=FIRST + timedelta(days=1), fee="0.2 BNB, 3 XYZ"),
        fill("3", "sell", "1", "110", at=FIRST + timedelta(days=2), fee="0.1 USDT"),
    ]
    with account(new_store, "fifo") as (user, broker):
        book(user, broker, history)
        days = [FIRST + timedelta(days=n) for n in range(4)]
        for method in METHODS:
            told = [
                rows(user, method=method, since=since, until=until)[0].unvalued_fees for since, until in pairwise(days)
            ]
            assert told == [(("BNB", Decimal("0.1")),), (("BNB", Decimal("0.2")), ("XYZ", Decimal(3))), ()]
            report = pnl([user], PnlQuery(method=method, since=days[2]))
            assert (report.rows[0].unvalued_fees, report.totals[0].incomplete) == ((), False)
            assert pnl([user], PnlQuery(method=method, since=days[1])).totals[0].incomplete


def many_digits() -> list[Fill]:
    """Integers beyond 63 bits beside small ones, over three days: fortunes, dust, thirds, and their fees."""
    at = [FIRST + timedelta(days=n // 3, hours=n) for n in range(9)]
    return [
        fill("1", "buy", "1e15", "3.000000000001", at=at[0], fee="0.1 USDT"),
        fill("2", "sell", "0.333333333333333333", "1e15", at=at[1], fee="123456789012345.123456789012 USDT"),
        fill("3", "buy", "1e-18", "99999999999999.99", at=at[2]),
        fill("4", "sell", "999999999999999.999999999999999999", "2", at=at[3], fee="0.000000000000000001 BTC"),
        fill("5", "sell", "3", "1e12", at=at[4]),
        fill("6", "buy", "1e15", "1e14", at=at[5]),
        fill("7", "buy", "92233720368.54775807", "1", at=at[6]),
        fill("8", "buy", "92233720368.54775808", "1", at=at[7]),
        fill("9", "sell", "92233720368.54775809", "1", at=at[8]),
    ]


@EACH_METHOD
@pytest.mark.parametrize("signed", [False, True], ids=["spot", "signed"])
@pytest.mark.parametrize("size", [1, 4, 9])
def test_figures_beyond_63_bits_are_exact(new_store: NewStore, method: Method, signed: bool, size: int) -> None:
    """Stored as text where a column is too small, in one scale or in several: the rows, the periods and the folds of
    every method are those of the plain fold."""
    history = many_digits()
    with account(new_store, method, signed=signed) as (user, broker):
        for n in range(0, len(history), size):
            book(user, broker, history[n : n + size])
        (ref,) = user.book_refs()
        assert ref.mixed
        assert derived(user._database, broker.account_id or 0) == expected(history, method, signed=signed)
        for since in (FIRST, FIRST + timedelta(hours=1), FIRST + timedelta(days=1), FIRST + timedelta(days=1, hours=4)):
            until = since + timedelta(days=1, hours=2)
            assert stored(user, since, until) == figures(between(history, method, since, until, signed=signed))
        for asked in METHODS:
            state, tally = fold_book(user, ref, asked)
            assert tally == folded(history, asked, signed=signed)
            assert (state.open_quantity, state.open_cost) == expected(history, asked, signed=signed)["books"][0][7:9]


@EACH_METHOD
def test_a_book_of_two_scales_is_read_in_the_larger(new_store: NewStore, method: Method) -> None:
    """The first page has eight decimals, the second thirty: folded by any method and for any period, old entries mean
    what they meant."""
    history = [
        fill("1", "buy", "3", "100", at=FIRST, fee="0.1 USDT"),
        fill("2", "sell", "1", "110", at=FIRST + timedelta(hours=3), fee="0.1 USDT"),
        fill("3", "sell", "1.000000000000000000000000000001", "120.000000000000000000000000000003",
             at=FIRST + timedelta(days=1), fee="0.000000000000000000000000000001 USDT"),
    ]  # fmt: skip
    with account(new_store, method) as (user, broker):
        book(user, broker, history[:2])
        assert [(r.scale, r.mixed) for r in user.book_refs()] == [(Scale(), False)]
        book(user, broker, history[2:])
        (ref,) = user.book_refs()
        assert (ref.scale, ref.mixed) == (Scale(30, 30, 30), True)
        for asked in METHODS:
            assert fold_book(user, ref, asked)[1] == folded(history, asked, signed=False)
            _, since = fold_book(user, ref, asked, since=FIRST + timedelta(hours=1))
            assert since == between(history, asked, FIRST + timedelta(hours=1), MIDNIGHTS[-1], signed=False)


def test_a_fold_is_right_while_another_process_books_finer_digits(new_store: NewStore) -> None:
    """`pnl` has listed the books; `watch` books a fill of ten decimals; then `pnl` folds: either with or without the
    new fill, never with another price."""
    history = [fill("1", "buy", "2", "100", at=FIRST), fill("2", "sell", "1", "110", at=FIRST + timedelta(hours=1))]
    finer = fill("3", "sell", "1", "120.0000000001", at=FIRST + timedelta(hours=2))
    made: list[str] = []

    def noted() -> str:
        made.append(new_store())
        return made[0]

    with account(noted, "fifo") as (user, broker):
        book(user, broker, history)
        with user.one_moment():
            (ref,) = user.book_refs()
            book(open_store(made[0]).for_user("ann"), broker, [finer])
            tally = fold_book(user, ref, "lifo")[1]
        with pytest.raises(Busy):  # and where that was forgotten, an error and no figure
            fold_book(user, ref, "lifo")
    assert tally in (folded(history, "lifo", signed=False), folded([*history, finer], "lifo", signed=False))


def test_an_average_cost_is_exact_beside_dust(new_store: NewStore) -> None:
    """1e15 and 1e-18 coins at one price cost that price on average: what is shown has thirty decimals."""
    history = [
        fill("1", "buy", "1e15", "50000", at=FIRST),
        fill("2", "buy", "7e-18", "50000", at=FIRST + timedelta(hours=1)),
    ]
    with account(new_store, "fifo") as (user, broker):
        book(user, broker, history)
        (row,) = rows(user)
    assert row.average_cost is not None
    assert format_figure(row.average_cost) == "50000"


@UNHURRIED
@given(seed=seeds, method=st.sampled_from(METHODS), signed=st.booleans(), size=st.integers(1, 7))
def test_what_a_page_opens_adds_up_to_the_open_cost(seed: int, method: Method, signed: bool, size: int) -> None:
    """`opened_since` page by page is what the open lots hold and cost, without looking at one."""
    history = some_history(random.Random(seed), 20)
    moves = [moved_by(f) for f in history]
    state = Book(method, signed=signed)
    for move in moves:
        state.grow(state.scale.holding(move))
    entries = [
        state.scale.entry(n, to_us(f.executed_at), m) for n, (f, m) in enumerate(zip(history, moves, strict=True))
    ]
    quantity = cost = Decimal(0)
    for at in range(0, len(entries), size):
        out: list[RawBooked] = []
        fold_entries(state, entries[at : at + size], out)
        more = opened_since(state.scale, out)
        quantity, cost = EXACT.add(quantity, more[0]), EXACT.add(cost, more[1])
        assert (quantity, cost) == (state.open_quantity, state.open_cost)


# --- a store of the first schema ----------------------------------------------------------------------------------

FILL_COLUMNS = (
    "id, account_id, market_id, trade_id, epoch, broker_id, order_id, side, quantity, price, fee, fee_currency, "
    "more_fees, executed_at, order_type, is_maker, source, seen_at, raw"
)


def first_schema(path: Path) -> None:
    """A store file as trademon's first release made it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()


def fill_first_schema(path: Path, accounts: dict[int, tuple[str, Method | None, list[Fill]]]) -> None:
    """Fills, and books as the first release kept them, with figures that nobody should believe any more; an account
    is a market type, its broker's method and its fills."""
    symbols = {"BTC/USDT": 1, "ETH/USDT": 2}
    at = to_us(FIRST)
    sql = sqlite3.connect(path)
    sql.execute("INSERT INTO users (id, name, active, method, created_at) VALUES (1, 'ann', 1, 'hifo', ?)", (at,))
    fill_id = 0
    for account_id, (market, method, fills) in accounts.items():
        sql.execute(
            "INSERT INTO accounts (id, user_id, exchange, uid, market, created_at) VALUES (?, 1, 'binance', ?, ?, ?)",
            (account_id, f"u{account_id}", market, at),
        )
        sql.execute(
            """INSERT INTO brokers (id, user_id, account_id, name, exchange, market, enabled, symbols, since_at,
            method, created_at) VALUES (?, 1, ?, ?, 'binance', ?, 1, '[]', ?, ?, ?)""",
            (account_id, account_id, f"b{account_id}", market, at, method, at),
        )
        for symbol, n in symbols.items():
            market_id = 10 * account_id + n
            sql.execute(
                """INSERT INTO markets (id, exchange, market, exchange_symbol, symbol, base, quote)
                VALUES (?, 'binance', ?, ?, ?, ?, 'USDT')""",
                (market_id, market, f"{symbol[:3]}{account_id}", symbol, symbol[:3]),
            )
            own = [f for f in fills if f.symbol == symbol]
            for one in own:
                fill_id += 1
                sql.execute(
                    f"INSERT INTO fills ({FILL_COLUMNS}) VALUES ({', '.join('?' * 19)})",
                    _without_acquired(fill_values(fill_id, (account_id, market_id), one, account_id, "api", FIRST)),
                )
            if own:
                sql.execute(
                    """INSERT INTO books (account_id, market_id, method, version, last_at, last_epoch, last_trade_id,
                    gross, fees, unmatched_quantity, unmatched_proceeds, unmatched_fees, unvalued, disposals, fills)
                    VALUES (?, ?, 'lifo', 7, ?, 0, '1', '999', '999', '9', '9', '9', '{"BNB": "9"}', 9, 9)""",
                    (account_id, market_id, at),
                )
                sql.execute(
                    """INSERT INTO lots (account_id, market_id, fill_id, side, quantity, cost, fees, price, opened_at)
                    VALUES (?, ?, ?, 'buy', '999', '999', '9', '1', ?)""",
                    (account_id, market_id, fill_id, at),
                )
                sql.execute(
                    """INSERT INTO disposals (account_id, market_id, fill_id, part, lot_fill_id, quantity, cost,
                    gross, fees) VALUES (?, ?, ?, 9, ?, '9', '9', '9', '9')""",
                    (account_id, market_id, fill_id, fill_id),
                )
                sql.execute(
                    """INSERT INTO unmatched (account_id, market_id, fill_id, quantity, proceeds, fees)
                    VALUES (?, ?, ?, '9', '9', '9')""",
                    (account_id, market_id, fill_id),
                )
    sql.commit()
    sql.close()


def test_books_of_the_first_schema_are_derived_from_its_fills(tmp_path: Path) -> None:
    """Opened today, a store of the first release has every book in its own broker's or user's method, spot and signed,
    third-coin fees listed; no figure of the old books is left. Then it is booked on, late fills too."""
    chance = random.Random(44)
    path = tmp_path / "trademon.db"
    first_schema(path)
    histories = {n: some_history(chance, 25) for n in (1, 2, 3)}
    histories[1] += [replace(f, symbol="ETH/USDT", base="ETH") for f in some_history(chance, 10)]
    histories[1] = [
        replace(
            f, fees=tuple(replace(x, currency="ETH") if f.base == "ETH" and x.currency == "BTC" else x for x in f.fees)
        )
        for f in histories[1]
    ]
    third = sum(1 for f in histories[1] for x in f.fees if x.currency == "BNB")
    assert third > 3
    kinds: dict[int, tuple[str, Method | None]] = {1: ("spot", None), 2: ("margin", "average"), 3: ("swap", "fifo")}
    held = {n: histories[n].pop(4) for n in histories}
    fill_first_schema(path, {n: (*kinds[n], histories[n]) for n in kinds})
    user = open_store(path).for_user("ann")
    database = Database(f"sqlite:///{path}")
    for n, (market, method) in kinds.items():
        assert derived(database, n) == expected(histories[n], method or "hifo", signed=market != "spot")
    with database.read() as sql:
        counted = sql.rows("SELECT count(*), count(rate) FROM coin_fees WHERE account_id = 1")
        assert sql.rows("PRAGMA foreign_key_check") == []
    assert counted[0][0] > 0
    assert counted[0][1] == 0
    for n, (market, method) in kinds.items():
        book(user, user.broker(f"b{n}"), [held[n]])
        all_of_it = [*histories[n], held[n]]
        assert derived(database, n) == expected(all_of_it, method or "hifo", signed=market != "spot")
    database.close()


def test_a_store_of_the_first_schema_is_derived_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time it is opened nothing is derived; where the first was cut short, the next one does it."""
    path = tmp_path / "trademon.db"
    first_schema(path)
    history = some_history(random.Random(45), 20)
    fill_first_schema(path, {1: ("spot", None, history)})
    derive: Callable[..., int] = Bookkeeper.keep_method
    calls: list[int] = []

    def fails_once(self: Bookkeeper, *args: object, **kwargs: object) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the disk is full")
        return derive(self, *args, **kwargs)

    monkeypatch.setattr(Bookkeeper, "keep_method", fails_once)
    with pytest.raises(OSError, match="full"):
        open_store(path)
    for _ in range(2):
        open_store(path)
    assert len(calls) == 2
    database = Database(f"sqlite:///{path}")
    assert derived(database, 1) == expected(history, "hifo", signed=False)
    database.close()
