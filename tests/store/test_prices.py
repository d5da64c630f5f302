"""Dated prices and the rates made of them, and fees that are valued by one when their fill is booked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.world import NOON, TEN, add_broker, book, fill, minute, open_store
from trademon.core.model import METHODS, Broker, Candle, Method
from trademon.core.money import EXACT
from trademon.core.times import to_us
from trademon.store.database import Database
from trademon.store.prices import DAY, MINUTE, Rate, asked_for, find_rate, note_missing, opened_before, save_candles
from trademon.store.store import UserStore

D = Decimal
HOST = "binance"
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
Ask = Callable[..., Rate | None]


@pytest.fixture
def spot(ann: UserStore) -> Broker:
    """Ann's broker at Binance, spot."""
    return add_broker(ann)


@pytest.fixture
def ask(database: Database) -> Ask:
    """`find_rate` in the store at hand, at Binance."""

    def asked(coin: str, currency: str, at: datetime, *intervals: timedelta, host: str = HOST) -> Rate | None:
        with database.read() as sql:
            return find_rate(sql, host, coin, currency, at, intervals or (MINUTE,))

    return asked


def tell(
    database: Database,
    symbol: str,
    price: str,
    at: datetime = TEN,
    *,
    interval: timedelta = MINUTE,
    host: str = HOST,
    seen_at: datetime = NOON,
) -> None:
    """Keep one candle."""
    with database.write() as sql:
        save_candles(sql, host, symbol, [Candle(at, interval, D(price))], seen_at)


def quiet(database: Database, symbol: str, *minutes: int) -> None:
    """The exchange was asked for these minutes after ten, and nothing was traded in them."""
    with database.write() as sql:
        note_missing(sql, HOST, symbol, MINUTE, [minute(n) for n in minutes], NOON)


def candles(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as sql:
        return [tuple(r) for r in sql.rows("SELECT symbol, interval_s, opened_at, open, seen_at FROM candles")]


# --- finding a rate -----------------------------------------------------------------------------------------------


def test_a_rate_is_the_price_of_the_market_of_the_two(database: Database, ask: Ask) -> None:
    """BNB in USDT by BNB/USDT, with the candle's time and where it was read."""
    tell(database, "BNB/USDT", "612.34", minute(3))
    source = "BNB/USDT 1m candle of 2026-01-01T10:03:00.000Z at binance"
    assert ask("BNB", "USDT", minute(3.5)) == Rate("BNB", "USDT", D("612.34"), minute(3), source)


def test_a_rate_may_be_read_from_the_market_written_the_other_way(database: Database, ask: Ask) -> None:
    """USDT in BNB by BNB/USDT: one divided by the price, to 18 digits, and the source says so."""
    tell(database, "BNB/USDT", "600", minute(3))
    source = "1 / BNB/USDT 1m candle of 2026-01-01T10:03:00.000Z at binance"
    assert ask("USDT", "BNB", minute(3)) == Rate("USDT", "BNB", D("0.00166666666666666667"), minute(3), source)


def test_the_market_of_the_two_goes_before_its_inverse(database: Database, ask: Ask) -> None:
    """Where both are told, nothing is divided."""
    tell(database, "EUR/USDT", "1.25", minute(2))
    tell(database, "USDT/EUR", "0.9", minute(1))
    found = ask("USDT", "EUR", minute(3))
    assert found is not None
    assert (found.rate, found.at) == (D("0.9"), minute(1))


def test_a_rate_may_go_over_a_bridge(database: Database, ask: Ask) -> None:
    """BNB in EUR over USDT: the product of the two, the older of the two times, and both sources."""
    tell(database, "BNB/USDT", "600", minute(3))
    tell(database, "EUR/USDT", "1.25", minute(1))
    source = (
        "BNB/USDT 1m candle of 2026-01-01T10:03:00.000Z at binance x "
        "1 / EUR/USDT 1m candle of 2026-01-01T10:01:00.000Z at binance"
    )
    assert ask("BNB", "EUR", minute(3)) == Rate("BNB", "EUR", D("480.0"), minute(1), source)


def test_a_bridge_needs_both_of_its_ends(database: Database, ask: Ask) -> None:
    """Half a bridge is no rate, and neither are two halves of two bridges."""
    tell(database, "BNB/USDT", "600")
    tell(database, "BTC/EUR", "40000")
    assert ask("BNB", "EUR", TEN) is None
    tell(database, "BTC/USDT", "50000")
    assert ask("BNB", "EUR", TEN) is None, "over two bridges nothing is said"
    tell(database, "BNB/BTC", "0.0125")
    found = ask("BNB", "EUR", TEN)
    assert found is not None
    assert found.rate == 500


def test_the_market_of_the_two_goes_before_any_bridge(database: Database, ask: Ask) -> None:
    """Also where it is older, as long as it is not too old."""
    tell(database, "BNB/USDT", "600", minute(50))
    tell(database, "USDT/EUR", "0.8", minute(50))
    tell(database, "BNB/EUR", "500", minute(0))
    found = ask("BNB", "EUR", minute(50))
    assert found is not None
    assert found.rate == 500


def test_no_price_is_no_rate(database: Database, ask: Ask) -> None:
    """Of no market, of another market, of another host, or only noted as not there."""
    tell(database, "ETH/USDT", "2000")
    tell(database, "BNB/USDT", "600", host="https://testnet.example")
    with database.write() as sql:
        note_missing(sql, HOST, "BNB/USDT", MINUTE, [minute(0), minute(1)], NOON)
    assert ask("BNB", "USDT", minute(1)) is None
    assert ask("USDT", "BNB", minute(1)) is None
    assert ask("BNB", "USDT", minute(1), host="https://testnet.example") is not None


def test_one_coin_is_worth_one_of_itself(ask: Ask) -> None:
    """Without any candle."""
    assert ask("BNB", "BNB", TEN) == Rate("BNB", "BNB", D(1), TEN, "the same coin")


def test_a_later_candle_is_never_used(database: Database, ask: Ask) -> None:
    """No figure looks ahead: of the candles around a moment the newest that was open by then, to the microsecond."""
    tell(database, "BNB/USDT", "601", minute(1))
    assert ask("BNB", "USDT", minute(1) - MICROSECOND) is None
    tell(database, "BNB/USDT", "600", minute(0))
    tell(database, "BNB/USDT", "602", minute(2))
    for at, price in (
        (minute(0), 600),
        (minute(1) - MICROSECOND, 600),
        (minute(1), 601),
        (minute(2) - MICROSECOND, 601),
        (minute(2), 602),
        (minute(30), 602),
    ):
        found = ask("BNB", "USDT", at)
        assert found is not None
        assert found.rate == price


@pytest.mark.parametrize(("interval", "longest"), [(MINUTE, timedelta(hours=1)), (DAY, timedelta(days=4))])
def test_a_price_stands_only_so_long(database: Database, ask: Ask, interval: timedelta, longest: timedelta) -> None:
    """An hour for a minute's candle, four days for a day's; then it is not known, also over a bridge."""
    day = TEN.replace(hour=0)
    tell(database, "BNB/USDT", "600", day, interval=interval)
    tell(database, "USDT/EUR", "0.8", day + longest - MINUTE, interval=interval)
    assert ask("BNB", "USDT", day + longest - MICROSECOND, interval) is not None
    assert ask("BNB", "EUR", day + longest - MICROSECOND, interval) is not None
    assert ask("BNB", "USDT", day + longest, interval) is None
    assert ask("BNB", "EUR", day + longest, interval) is None


def test_intervals_are_tried_in_their_order(database: Database, ask: Ask) -> None:
    """A minute's candle over any way goes before a day's; a day's alone is not found among minutes."""
    day = TEN.replace(hour=0)
    tell(database, "BNB/EUR", "400", day, interval=DAY)
    assert ask("BNB", "EUR", TEN) is None
    found = ask("BNB", "EUR", TEN, MINUTE, DAY)
    assert found is not None
    assert (found.rate, found.source) == (400, "BNB/EUR 1d candle of 2026-01-01T00:00:00.000Z at binance")
    tell(database, "BNB/USDT", "600")
    tell(database, "USDT/EUR", "0.8")
    found = ask("BNB", "EUR", TEN, MINUTE, DAY)
    assert found is not None
    assert found.rate == 480


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals("0.000000000001", "1000000", places=12), st.decimals("0.000000000001", "1000000", places=12))
def test_rates_are_exact_to_18_digits(database: Database, ask: Ask, one: Decimal, other: Decimal) -> None:
    """A price as it was told; an inverse within half a unit of the 18th digit; a product of two within a unit and a
    half, each part of it being rounded."""
    with database.write() as sql:
        sql.run("DELETE FROM candles")
    tell(database, "AAA/USDT", str(one))
    tell(database, "BBB/USDT", str(other))
    direct, inverse, bridged = ask("AAA", "USDT", TEN), ask("USDT", "BBB", TEN), ask("AAA", "BBB", TEN)
    assert direct is not None
    assert inverse is not None
    assert bridged is not None
    assert direct.rate == one
    unit = Fraction(1, 10**17)
    assert abs(Fraction(inverse.rate) * Fraction(other) - 1) <= unit / 2
    assert abs(Fraction(bridged.rate) * Fraction(other) / Fraction(one) - 1) <= unit * 3 / 2
    assert len(inverse.rate.as_tuple().digits) <= 18
    assert len(bridged.rate.as_tuple().digits) <= 18


def test_a_price_of_more_than_18_digits_is_kept_as_it_was_told(database: Database, ask: Ask) -> None:
    """Only a rate that is itself worked out is rounded."""
    tell(database, "BNB/USDT", "123456789012.345678901234567891")
    found = ask("BNB", "USDT", TEN)
    assert found is not None
    assert found.rate == D("123456789012.345678901234567891")


def test_a_price_of_zero_is_not_divided_by(database: Database, ask: Ask) -> None:
    """It is a price one way, and none the other."""
    tell(database, "XYZ/USDT", "0")
    found = ask("XYZ", "USDT", TEN)
    assert found is not None
    assert found.rate == 0
    assert ask("USDT", "XYZ", TEN) is None


# --- keeping prices -----------------------------------------------------------------------------------------------


def test_the_first_known_price_is_kept(database: Database, ask: Ask) -> None:
    """An exchange does not change the past: what is told again otherwise is not believed, and no row changes."""
    tell(database, "BNB/USDT", "600")
    before = candles(database)
    tell(database, "BNB/USDT", "999", seen_at=NOON + SECOND)
    with database.write() as sql:
        note_missing(sql, HOST, "BNB/USDT", MINUTE, [TEN], NOON + SECOND)
    assert candles(database) == before == [("BNB/USDT", 60, to_us(TEN), "600", to_us(NOON))]


def test_a_price_that_was_missing_is_taken_when_it_comes(database: Database, ask: Ask) -> None:
    """Noted as not there, so as not to be asked for over and over; told after all, it is known."""
    with database.write() as sql:
        assert not asked_for(sql, HOST, "BNB/USDT", MINUTE, TEN)
        note_missing(sql, HOST, "BNB/USDT", MINUTE, [TEN], NOON)
        assert asked_for(sql, HOST, "BNB/USDT", MINUTE, TEN)
        assert not asked_for(sql, HOST, "BNB/USDT", DAY, TEN)
        assert not asked_for(sql, "bitget", "BNB/USDT", MINUTE, TEN)
    assert ask("BNB", "USDT", TEN) is None
    tell(database, "BNB/USDT", "600.10", seen_at=NOON + SECOND)
    assert candles(database) == [("BNB/USDT", 60, to_us(TEN), "600.1", to_us(NOON + SECOND))]
    assert ask("BNB", "USDT", TEN) is not None


def test_a_missing_candle_does_not_hide_an_older_one(database: Database, ask: Ask) -> None:
    """Where nothing was traded the price before still stands."""
    tell(database, "BNB/USDT", "600", minute(0))
    with database.write() as sql:
        note_missing(sql, HOST, "BNB/USDT", MINUTE, [minute(1), minute(2)], NOON)
    found = ask("BNB", "USDT", minute(2))
    assert found is not None
    assert (found.rate, found.at) == (600, minute(0))


def test_a_moment_belongs_to_the_candle_that_was_open_then() -> None:
    """Its first microsecond is in it, its last too; days are UTC days."""
    assert opened_before(minute(3), MINUTE) == minute(3)
    assert opened_before(minute(4) - MICROSECOND, MINUTE) == minute(3)
    assert opened_before(TEN, DAY) == TEN.replace(hour=0)
    assert opened_before(TEN.replace(hour=0) - MICROSECOND, DAY) == TEN.replace(hour=0) - DAY


# --- fees that are valued -----------------------------------------------------------------------------------------


def coin_fees(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as sql:
        columns = "trade_id, coin, amount, rate, rate_at, rate_source"
        rows = sql.rows(f"SELECT {columns} FROM coin_fees JOIN fills ON fills.id = fill_id ORDER BY fill_id, coin")
    return [tuple(r) for r in rows]


@pytest.mark.parametrize("method", METHODS)
def test_a_fee_with_a_known_price_is_in_the_figures(
    ann: UserStore, spot: Broker, database: Database, method: Method
) -> None:
    """Buy 1 ETH at 2,000 with 0.002 BNB at 600, sell it at 2,100 with 0.001 BNB at 700: gross 100, fees 1.20 + 0.70,
    and beside each fee the rate, its time and where it was read."""
    tell(database, "BNB/USDT", "600", minute(0))
    tell(database, "BNB/USDT", "700", minute(2))
    page = [
        fill("1", "buy", "1", "2000", at=0.5, symbol="ETH/USDT", fee="0.002 BNB"),
        fill("2", "sell", "1", "2100", at=2.5, symbol="ETH/USDT", fee="0.001 BNB"),
    ]
    book(ann, spot, page[:1], method=method)
    assert ann.stored_books()[0].open_cost == D("2001.2")
    book(ann, spot, page[1:], method=method)
    (row,) = ann.stored_books()
    assert (row.gross, row.fees, row.net, row.unvalued_fees) == (100, D("1.9"), D("98.1"), ())
    source = "BNB/USDT 1m candle of 2026-01-01T10:0{}:00.000Z at binance"
    assert coin_fees(database) == [
        ("1", "BNB", "0.002", "600", to_us(minute(0)), source.format(0)),
        ("2", "BNB", "0.001", "700", to_us(minute(2)), source.format(2)),
    ]
    assert [e.unvalued for e in ann.executions()] == [False, False]


def test_only_the_fee_without_a_price_stays_unvalued(ann: UserStore, spot: Broker, database: Database) -> None:
    """Two third coins on one fill, one of them known; a quote and a base fee count as ever, and are no coin fees."""
    tell(database, "BNB/USDT", "600")
    quiet(database, "BNB/USDT", 1)
    book(ann, spot, [fill("1", "buy", "2", "100", fee="0.01 BNB, 5 XYZ, 0.1 USDT, 1 BTC, 0.01 BNB")])
    book(ann, spot, [fill("2", "sell", "1", "100", at=1, fee="-0.01 BNB")])
    (row,) = ann.stored_books()
    # 12 for 0.02 BNB, 0.1, 100 for 1 BTC; a rebate of 6
    assert (row.fees, row.unvalued_fees) == (D("106.1"), (("XYZ", D(5)),))
    assert [r[:4] for r in coin_fees(database)] == [
        ("1", "BNB", "0.02", "600"),
        ("1", "XYZ", "5", None),
        ("2", "BNB", "-0.01", "600"),
    ]
    assert [e.unvalued for e in ann.executions()] == [False, True]


def test_an_older_price_stands_for_a_minute_only_where_the_exchange_has_none(
    ann: UserStore, spot: Broker, database: Database
) -> None:
    """Of a minute nobody asked for the price may yet come: the fee waits for it."""
    tell(database, "BNB/USDT", "600")
    book(ann, spot, [fill("1", at=1, fee="0.01 BNB")])
    quiet(database, "BNB/USDT", 2)
    book(ann, spot, [fill("2", at=2, fee="0.01 BNB")])
    assert [(r[0], r[3]) for r in coin_fees(database)] == [("1", None), ("2", "600")]


def test_a_price_that_comes_later_changes_no_fee_that_is_booked(
    ann: UserStore, spot: Broker, database: Database
) -> None:
    """Neither the next page nor a rebuild looks for it, and a fee once valued keeps its rate whatever is rebuilt."""
    book(ann, spot, [fill("1", fee="0.01 BNB")])
    tell(database, "BNB/USDT", "600")
    quiet(database, "BNB/USDT", 1)
    book(ann, spot, [fill("2", at=1, fee="0.01 BNB")])
    with database.write() as sql:
        sql.run("UPDATE candles SET open = '999'")
    for method in (*METHODS, "fifo"):
        ann.books.rebuild(1, method=method, signed=False)
        assert [(r[0], r[3]) for r in coin_fees(database)] == [("1", None), ("2", "600")]
        (row,) = ann.stored_books()
        assert (row.open_cost, row.unvalued_fees) == (206, (("BNB", D("0.01")),))


def test_a_late_fill_keeps_the_rates_of_those_after_it(
    ann: UserStore, spot: Broker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book is taken back and booked on, or derived: the fees stay valued as they were noted, the late one by the
    price of its own time."""
    tell(database, "BNB/USDT", "600", minute(0))
    tell(database, "BNB/USDT", "700", minute(5))
    quiet(database, "BNB/USDT", 1, 6, 7)
    for undone in (0, 10**9):
        monkeypatch.setattr("trademon.store.booking.count_from", lambda *_, n=undone: n)
        broker = add_broker(ann, f"b{undone}", uid=str(undone))
        book(ann, broker, [fill("2", at=6, fee="0.01 BNB"), fill("3", "sell", "1", "110", at=7, fee="0.01 BNB")])
        book(ann, broker, [fill("1", at=1, fee="0.01 BNB")])
        row = next(r for r in ann.stored_books() if r.broker == broker.name)
        # fifo: the sale closes fill 1, whose fee is 6, with its own of 7; fill 2 carries 7
        assert (row.gross, row.fees, row.open_cost, row.unvalued_fees) == (10, 13, 107, ())


def test_a_replaced_row_of_a_file_has_the_rate_of_the_exchange_s_time(
    ann: UserStore, spot: Broker, database: Database
) -> None:
    """The file said ten o'clock, the exchange five past: another candle, another fee; the old one is gone."""
    tell(database, "BNB/USDT", "600", minute(0))
    tell(database, "BNB/USDT", "700", minute(5))
    book(ann, spot, [fill("1", fee="0.01 BNB")], source="import")
    book(ann, spot, [fill("1", at=5, fee="0.01 BNB")])
    assert [(r[0], r[3]) for r in coin_fees(database)] == [("1", "700")]
    assert ann.stored_books()[0].open_cost == 107


def test_a_fee_is_valued_by_the_broker_s_own_host(ann: UserStore, database: Database) -> None:
    """A test network's prices are its own."""
    tell(database, "BNB/USDT", "600")
    tell(database, "BNB/USDT", "1", host="https://testnet.example")
    for name, url in (("real", None), ("test", "https://testnet.example"), ("other", "https://other.example")):
        book(ann, add_broker(ann, name, uid=name, base_url=url), [fill("1", fee="0.01 BNB")])
    told = {row.broker: (row.open_cost, row.unvalued_fees) for row in ann.stored_books()}
    assert told == {
        "real": (106, ()),
        "test": (D("100.01"), ()),
        "other": (100, (("BNB", D("0.01")),)),
    }


def test_a_valued_fee_is_exact_with_all_the_digits_of_its_rate(
    ann: UserStore, spot: Broker, database: Database, url: str
) -> None:
    """1/3 to 18 digits times a fee of 18 decimals has 36: none is cut, in memory, stored, and after a restart."""
    tell(database, "USDT/XYZ", "3")
    quiet(database, "USDT/XYZ", 1)
    page = [fill("1", fee="0.123456789012345679 XYZ"), fill("2", "sell", "0.4", "110", at=1, fee="1 XYZ")]
    exact = [EXACT.multiply(D("0.123456789012345679"), D("0.333333333333333333")), D("0.333333333333333333")]
    for n, one in enumerate(page):
        book(open_store(url).for_user("ann"), spot, [one])
        (row,) = ann.stored_books()
        assert row.fills == n + 1
    wanted = EXACT.add(EXACT.multiply(exact[0], D("0.4")), exact[1])
    assert row.fees == wanted
    assert row.open_cost == EXACT.add(D(60), EXACT.multiply(exact[0], D("0.6")))
