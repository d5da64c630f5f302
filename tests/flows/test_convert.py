"""Symbol books in one currency: every figure at the rate of its own time, what has no rate named and in no figure."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flows.money import D, Purse, day
from trademon.core.model import METHODS, Contract, Fee, Fill, Method
from trademon.core.money import FIGURE_QUANTUM
from trademon.core.pnl_reports import Unvalued
from trademon.store.prices import MINUTE, find_rate
from trademon.store.store import Store

HOUR = timedelta(hours=1)


@pytest.fixture
def purse(store: Store) -> Purse:
    """An account at Binance with EUR at 1.25, 1.00 and 0.80 USDT on three days."""
    purse = Purse(store, "binance")
    for n, price in ((0, "1.25"), (1, "1"), (2, "0.8")):
        purse.tell("EUR/USDT", price, day(n))
    return purse


def test_each_figure_counts_at_the_rate_of_its_own_time(purse: Purse) -> None:
    """Buy 2 at 100 with a fee of 1 when a USDT is 0.80 EUR; sell 1 at 130 with 0.50 when it is 1.00, 1 at 60 with 0.25
    when it is 1.25: gross 30 x 1 - 40 x 1.25 = -20, fees 1 x 1 + 0.75 x 1.25 = 1.9375."""
    purse.trade("buy", "BTC/USDT", "2", "100", day(0) + HOUR, "1 USDT")
    row = purse.row()
    assert (row.currency, row.gross, row.fees, row.open_quantity, row.open_cost) == ("EUR", 0, 0, 2, D("160.8"))
    assert row.average_cost == D("80.4")
    purse.trade("sell", "BTC/USDT", "1", "130", day(1) + HOUR, "0.5 USDT")
    row = purse.row()
    assert (row.gross, row.fees, row.net, row.open_cost) == (30, 1, 29, D("80.4"))
    purse.trade("sell", "BTC/USDT", "1", "60", day(2) + HOUR, "0.25 USDT")
    row = purse.row()
    assert (row.gross, row.fees, row.net) == (-20, D("1.9375"), D("-21.9375"))
    assert (row.open_quantity, row.open_cost, row.disposals, row.fills) == (0, 0, 2, 3)
    assert (purse.total().net, purse.total().incomplete) == (D("-21.9375"), False)


def test_a_minutes_price_goes_before_a_days(purse: Purse) -> None:
    """As long as it is not older than an hour."""
    purse.tell_minute("EUR/USDT", "0.5", day(1) + HOUR)
    purse.trade("buy", "BTC/USDT", "2", "100", day(0))
    purse.trade("sell", "BTC/USDT", "1", "130", day(1) + HOUR + timedelta(seconds=59))
    assert purse.row().gross == 60
    purse.trade("sell", "BTC/USDT", "1", "130", day(1) + 2 * HOUR)
    assert purse.row().gross == 90


def test_what_has_no_rate_is_in_no_figure_and_is_named(purse: Purse) -> None:
    """A sale, an unmatched one, and a lot of a time without prices: amount, time and what it is; the total says that it
    is incomplete, and a note how to get the prices."""
    purse.trade("buy", "BTC/USDT", "2", "100", day(-9), "1 USDT")
    purse.trade("sell", "BTC/USDT", "1", "130", day(-8), "0.5 USDT")
    purse.trade("sell", "ETH/USDT", "3", "10", day(-7), "3 USDT")
    report = purse.ask()
    assert [(r.symbol, r.gross, r.fees, r.open_cost, r.average_cost) for r in report.rows] == [
        ("BTC/USDT", 0, 0, 0, None),
        ("ETH/USDT", 0, 0, 0, None),
    ]
    assert report.rows[0].unvalued == (
        Unvalued("USDT", D(29), day(-8), "realised"),
        Unvalued("USDT", D("100.5"), day(-9), "cost of what is open"),
    )
    assert report.rows[1].unvalued == (Unvalued("USDT", D(27), day(-7), "proceeds without a known cost"),)
    assert (report.rows[1].unmatched_quantity, report.rows[1].unmatched_proceeds) == (3, 0)
    assert report.totals[0].incomplete
    assert report.notes == (
        "some prices are not known here: trademon prices fetch --in EUR asks for them, and says which no market tells",
    )


def test_what_is_known_stands_beside_what_is_not(purse: Purse) -> None:
    """Two sales, one of them on a day without a price; of one day they are named together."""
    purse.trade("buy", "BTC/USDT", "4", "100", day(0))
    for hours in (3, 1, 2):
        purse.trade("sell", "BTC/USDT", "1", "110", day(30) + hours * HOUR)
    purse.trade("sell", "BTC/USDT", "0.5", "110", day(1))
    row = purse.row()
    assert (row.gross, row.open_cost) == (5, 40)
    assert row.unvalued == (Unvalued("USDT", D(30), day(30) + HOUR, "realised", 3),)
    assert purse.total().incomplete


def test_an_unmatched_sale_counts_at_its_own_time(purse: Purse) -> None:
    """Proceeds and fee at the rate of the sale."""
    purse.trade("sell", "BTC/USDT", "2", "100", day(2), "4 USDT")
    row = purse.row()
    assert (row.unmatched_quantity, row.unmatched_proceeds, row.unmatched_fees) == (2, 250, 5)
    assert (row.gross, row.unvalued) == (0, ())
    assert purse.total().incomplete


def test_a_fee_that_took_all_of_a_fill_counts_at_its_time(purse: Purse) -> None:
    """Nothing moved that could carry it."""
    purse.trade("buy", "BTC/USDT", "1", "100", day(2), "1 BTC")
    row = purse.row()
    assert (row.gross, row.fees, row.open_quantity, row.disposals) == (0, 125, 0, 0)


def test_a_book_in_the_currency_needs_no_rate(purse: Purse) -> None:
    """One is one: beside a book that is converted, in one total."""
    purse.trade("buy", "BTC/EUR", "1", "100", day(-50), "1 EUR")
    purse.trade("sell", "BTC/EUR", "1", "110", day(-40), "1 EUR")
    purse.trade("buy", "BTC/USDT", "1", "100", day(0))
    purse.trade("sell", "BTC/USDT", "1", "110", day(0))
    assert [(r.symbol, r.currency, r.net) for r in purse.ask().rows] == [("BTC/EUR", "EUR", 8), ("BTC/USDT", "EUR", 8)]
    assert (purse.total().net, purse.total().incomplete) == (16, False)
    own = purse.row("EUR", symbols=("BTC/EUR",))
    assert own == purse.row(None, symbols=("BTC/EUR",))


def test_fees_without_a_price_stay_what_they_are(purse: Purse) -> None:
    """They are listed by coin as in the book itself."""
    purse.trade("buy", "BTC/USDT", "1", "100", day(0), "0.1 BNB")
    assert purse.row().unvalued_fees == (("BNB", D("0.1")),)
    assert purse.row(by="day").unvalued_fees == (("BNB", D("0.1")),)
    assert purse.row(since=day(1)).unvalued_fees == ()


def test_an_account_without_an_exchange_borrows_prices_and_says_whose(store: Store) -> None:
    """Of the user's other brokers before any other host; and of a demo never."""
    purse = Purse(store)
    purse.tell("EUR/USDT", "1.25", day(0), by=purse.add("play", "demo"))
    purse.trade("buy", "BTC/USDT", "1", "100", day(0))
    purse.trade("sell", "BTC/USDT", "1", "110", day(0) + HOUR)
    assert purse.ask().rows[0].unvalued
    store.add_user("bea", method=None, currency=None, telegram_chat=None)
    other = Purse(store, "bitget", user="bea").teller
    purse.tell("EUR/USDT", "2", day(0), by=other)
    assert (purse.row().gross, purse.ask().notes) == (5, ("main: prices of USDT are those of bitget",))
    purse.tell("EUR/USDT", "1.25", day(0))
    assert (purse.row().gross, purse.ask().notes) == (8, ("main: prices of USDT are those of binance",))


def test_an_accounts_own_exchange_is_asked_first(purse: Purse) -> None:
    """Another host only where it tells nothing."""
    other = purse.add("other", "bitget")
    purse.tell("EUR/USDT", "0.5", day(0), by=other)
    purse.tell("EUR/USDT", "0.5", day(20), by=other)
    purse.trade("buy", "BTC/USDT", "2", "100", day(0))
    purse.trade("sell", "BTC/USDT", "1", "110", day(0))
    assert (purse.row().gross, purse.ask().notes) == (8, ())
    purse.trade("sell", "BTC/USDT", "1", "110", day(20))
    assert (purse.row().gross, purse.ask().notes) == (28, ("main: prices of USDT are those of bitget",))


def test_since_and_until_select_disposals(purse: Purse) -> None:
    """All earlier fills still feed the matching, and what is open is that of the end."""
    purse.trade("buy", "BTC/USDT", "3", "100", day(0))
    purse.trade("sell", "BTC/USDT", "1", "110", day(0) + HOUR)
    purse.trade("sell", "BTC/USDT", "1", "110", day(1))
    purse.trade("sell", "BTC/USDT", "1", "110", day(2))
    for method in METHODS:
        assert purse.row(method=method).gross == D("30.5")
        assert purse.row(method=method, since=day(1)).gross == D("22.5")
        until = purse.row(method=method, since=day(1), until=day(2))
        assert (until.gross, until.open_quantity, until.open_cost, until.fills) == (10, 1, 80, 1)


def test_rows_may_be_grouped_with_their_statistics(purse: Purse) -> None:
    """By day, and over brokers: the same machinery as in the books' own currencies."""
    purse.trade("buy", "BTC/USDT", "3", "100", day(0))
    purse.trade("sell", "BTC/USDT", "1", "110", day(1))
    purse.trade("sell", "BTC/USDT", "1", "90", day(2))
    purse.trade("sell", "BTC/USDT", "1", "100", day(30))
    rows = purse.ask(by="day", stats=True).rows
    assert [(r.period, r.gross, r.open_cost) for r in rows] == [
        (f"{day(0):%Y-%m-%d}", 0, 240),
        (f"{day(1):%Y-%m-%d}", 10, 160),
        (f"{day(2):%Y-%m-%d}", D("-12.5"), 80),
        (f"{day(30):%Y-%m-%d}", 0, 0),
    ]
    assert [len(r.unvalued) for r in rows] == [0, 0, 0, 1]
    stats = purse.total(stats=True).stats
    assert stats is not None
    assert (stats.wins, stats.losses, stats.profit, stats.loss, stats.disposals) == (1, 1, 10, D("-12.5"), 2)
    (row,) = purse.ask(by="broker").rows
    assert (row.broker, row.symbol, row.gross, len(row.unvalued)) == ("main", "", D("-2.5"), 1)
    curve = purse.ask(curve=True).curves[0]
    assert [net for _, net in curve.points] == [10, D("-2.5")]


def test_a_pools_cost_is_what_each_purchase_cost_when_it_was_made(purse: Purse) -> None:
    """Buy 1 at 100 when a USDT is 0.80 EUR, 1 at 200 when it is 1.00, sell 1: half of 280 is left. What joined on a day
    without a price is named, in the same share."""
    purse.trade("buy", "BTC/USDT", "1", "100", day(0))
    purse.trade("buy", "BTC/USDT", "1", "200", day(1))
    purse.trade("sell", "BTC/USDT", "1", "150", day(1))
    assert purse.row(method="average").open_cost == 140
    purse.trade("buy", "BTC/USDT", "1", "300", day(30))
    purse.trade("sell", "BTC/USDT", "1", "225", day(30))
    row = purse.row(method="average")
    assert (row.open_cost, row.average_cost) == (70, None)
    assert row.unvalued[-1] == Unvalued("USDT", D(150), day(0), "cost of what is open")


def test_a_contract_is_converted_from_what_it_settles_in(purse: Purse) -> None:
    """A short of an inverse contract: what it gains is BTC."""
    purse.add("swap", "bitget", "swap")
    purse.tell("BTC/EUR", "40000", day(0))
    contract = Contract("BTC", D(100), inverse=True)
    fills = [
        Fill(str(n), "BTC/USD:BTC", "BTC", "USD", side, D(10), D(price), day(0) + n * HOUR, fees, contract=contract)
        for n, side, price, fees in ((1, "sell", 50_000, (Fee(D("0.001"), "BTC"),)), (2, "buy", 40_000, ()))
    ]
    purse.book(fills, broker="swap")
    row = purse.row(brokers=("swap",))
    assert (row.gross, row.fees) == (200, 40)  # 0.005 BTC, 0.001 BTC


# --- laws ---------------------------------------------------------------------------------------------------------

moves = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 9), st.integers(1, 99), st.integers(0, 4)), max_size=10
)


def another_purse(store: Store) -> Purse:
    """Of a user of its own, since Hypothesis tries many in one store."""
    name = f"u{len(store.users())}"
    store.add_user(name, method=None, currency=None, telegram_chat=None)
    return Purse(store, "binance", user=name)


def coin_of(purse: Purse, symbol: str) -> str:
    """With a coin that only this user trades."""
    return symbol.replace("AA", f"AA{purse.user.user}".upper())


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves, st.sampled_from(METHODS), st.integers(1, 10**6))
def test_with_one_rate_all_the_time_every_figure_is_multiplied_by_it(
    store: Store, history: list[tuple[Any, ...]], method: Method, price: int
) -> None:
    """Gross, fees, open cost and unmatched proceeds, to the last digit that leaves."""
    purse = another_purse(store)
    coin = f"X{purse.user.user}".upper()
    for n in range(5):
        purse.tell(f"{coin}/EUR", f"{price}e-3", day(n))
    for n, (side, quantity, at_price, days) in enumerate(sorted(history, key=lambda m: m[3])):
        at = day(days) + timedelta(minutes=n)
        purse.trade(side, f"BTC/{coin}", str(quantity), str(at_price), at, f"0.{n} {coin}")
    own, inside = purse.ask(None, method=method), purse.ask("EUR", method=method)
    rate = Fraction(price, 1000)
    for one, other in zip(own.rows, inside.rows, strict=True):
        for figure in ("gross", "fees", "open_cost", "unmatched_proceeds", "unmatched_fees"):
            error = Fraction(getattr(one, figure)) * rate - Fraction(getattr(other, figure))
            assert abs(error) < Fraction(FIGURE_QUANTUM)
        assert (one.open_quantity, one.unmatched_quantity) == (other.open_quantity, other.unmatched_quantity)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AA/EUR", "EUR/AA", "AA/AAX", "EUR/AAX", "AA/USDT", "USDT/EUR"]), st.integers(0, 90)
        ),
        max_size=12,
    ),
    st.integers(0, 200 * 60),
)
def test_many_rates_are_those_of_one_look_up_each(store: Store, told: list[tuple[str, int]], second: int) -> None:
    """The cache in memory says what the store says, candle by candle and way by way."""
    purse = another_purse(store)
    for n, (symbol, minutes) in enumerate(told):
        purse.tell(coin_of(purse, symbol), f"{n + 1}.5", day(0) + timedelta(minutes=minutes), MINUTE)
    at = day(0) + timedelta(seconds=second)
    coin, account_id = coin_of(purse, "AA"), purse.teller.account_id
    assert account_id is not None
    rates = purse.user.rates(account_id, "EUR", borrowing=False)
    with store._database.read() as sql:
        assert rates.find(coin, at, (MINUTE,)) == find_rate(sql, "binance", coin, "EUR", at)
