"""Rows by symbol, broker and time, how trades went, returns: through the store."""

from __future__ import annotations

import contextlib
import csv
import io
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flows.desk import NOON, HandClock
from tests.flows.ledger import D, Ledger, minute
from trademon.core.model import METHODS, Fee, Fill, Method
from trademon.core.money import EXACT
from trademon.core.pnl_reports import PnlRow
from trademon.core.times import period_bounds
from trademon.store.store import Store
from trademon.ui.csv_out import pnl_csv
from trademon.ui.json_out import to_json


@pytest.fixture
def ledger(store: Store, clock: HandClock) -> Ledger:
    ledger = Ledger(store, store.for_user(store.users()[0].name))
    ledger.broker("main")
    return ledger


def day(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


# --- by symbol, by broker -----------------------------------------------------------------------------------------


def three_books(ledger: Ledger) -> Ledger:
    """BTC at two brokers, ETH at one of them; the second sold what it never bought."""
    ledger.broker("other")
    ledger.book("main", ("buy", 2, 100), ("sell", 1, 110), fee="0.5")
    ledger.book("main", ("buy", 4, 10), ("sell", 1, 9), symbol="ETH/USDT")
    ledger.book("other", ("sell", 1, 100), ("buy", 2, 120), ("sell", 1, 150))
    return ledger


def test_by_symbol_the_brokers_of_a_user_are_one_row(ledger: Ledger) -> None:
    """1 held for 100.25 and 1 for 120: 2 for 220.25, 110.125 each; the unmatched sale is still said."""
    btc, eth = three_books(ledger).ask(by="symbol").rows
    assert (btc.broker, btc.symbol, btc.gross, btc.fees, btc.net) == ("", "BTC/USDT", 40, D("0.75"), D("39.25"))
    assert (btc.open_quantity, btc.open_cost, btc.average_cost) == (2, D("220.25"), D("110.125"))
    assert (btc.unmatched_quantity, btc.unmatched_proceeds, btc.disposals, btc.fills) == (1, 100, 2, 5)
    assert (eth.symbol, eth.gross, eth.open_quantity, eth.open_cost) == ("ETH/USDT", -1, 3, 30)


def test_by_symbol_a_long_and_a_short_have_no_cost_in_common(ledger: Ledger) -> None:
    """1 long for 100, 1 short for 110: nothing is held in all, and 210 would be neither's cost. Alone each has one."""
    ledger.broker("lent", market="margin")
    ledger.book("main", ("buy", 1, 100))
    ledger.book("lent", ("sell", 1, 110))
    (row,) = ledger.ask(by="symbol").rows
    assert (row.open_quantity, row.open_cost, row.average_cost) == (0, None, None)
    assert [(r.broker, r.open_cost, r.average_cost) for r in ledger.ask().rows] == [
        ("lent", 110, 110),
        ("main", 100, 100),
    ]
    document = to_json(ledger.ask(by="symbol"))["rows"][0]
    assert (document["open_cost"], document["average_cost"]) == (None, None)
    out = io.StringIO()
    pnl_csv(ledger.ask(by="symbol"), out)
    (cells,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (cells["open_quantity"], cells["open_cost"], cells["average_cost"]) == ("0", "", "")


def test_by_broker_the_symbols_are_one_row_a_currency(ledger: Ledger) -> None:
    """Quantities of different coins are not added up; costs in one currency are."""
    three_books(ledger).book("main", ("buy", 1, 7), symbol="BTC/EUR")
    rows = ledger.ask(by="broker").rows
    assert [(r.broker, r.symbol, r.currency, r.gross, r.open_cost) for r in rows] == [
        ("main", "", "EUR", 0, 7),
        ("main", "", "USDT", 9, D("130.25")),
        ("other", "", "USDT", 30, 120),
    ]
    assert {(r.open_quantity, r.average_cost) for r in rows} == {(None, None)}


def test_unmatched_sales_of_different_coins_have_no_quantity_together(ledger: Ledger) -> None:
    """Half a bitcoin and a hundred dogecoins are not 100.5 of anything; what they brought in is a sum of money."""
    ledger.book("main", ("sell", "0.5", 100))
    assert ledger.ask(by="broker").rows[0].unmatched_quantity == D("0.5")
    ledger.book("main", ("sell", 100, 1), symbol="DOGE/USDT")
    report = ledger.ask(by="broker")
    (row,) = report.rows
    assert (row.unmatched_quantity, row.has_unmatched, row.unmatched_proceeds) == (None, True, 150)
    assert row.net_if_free == 150
    assert report.totals[0].incomplete


def test_users_are_never_one_row(ledger: Ledger) -> None:
    """Each user's symbols stand for themselves."""
    from trademon.flows.pnl import PnlQuery, pnl

    ledger.store.add_user("bea", method=None, currency=None, telegram_chat=None)
    bea = Ledger(ledger.store, ledger.store.for_user("bea"))
    bea.broker("main")
    for one in (ledger, bea):
        one.book("main", ("buy", 1, 10), ("sell", 1, 13))
    for by in ("symbol", "broker"):
        rows = pnl([bea.user, ledger.user], PnlQuery(by=by)).rows  # type: ignore[arg-type]
        assert {r.user for r in rows} == {"bea", ledger.user.user}
        assert [r.gross for r in rows] == [3, 3]


@pytest.mark.parametrize("by", [None, "symbol", "broker", "day", "month", "year"])
def test_however_rows_are_grouped_the_totals_are_the_same(ledger: Ledger, by: Any) -> None:
    """Grouping moves figures between rows and changes none."""
    plain = three_books(ledger).ask().totals
    assert ledger.ask(by=by).totals == plain


# --- by time ------------------------------------------------------------------------------------------------------


def test_by_month_a_row_stands_for_what_was_closed_in_it_and_what_was_open_at_its_end(ledger: Ledger) -> None:
    """Bought in January, sold in March and at the last moment of April; no fill in February, so no row."""
    last_of_april = datetime(2026, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)
    ledger.book("main", ("buy", 3, 100, day(1, 31)), ("sell", 1, 110, day(3, 1)), ("sell", 2, 130, last_of_april))
    rows = ledger.ask(by="month").rows
    assert [(r.period, r.gross, r.open_quantity, r.open_cost, r.fills) for r in rows] == [
        ("2026-01", 0, 3, 300, 1),
        ("2026-03", 10, 2, 200, 1),
        ("2026-04", 60, 0, 0, 1),
    ]
    assert [r.period for r in ledger.ask(by="day").rows] == ["2026-01-31", "2026-03-01", "2026-04-30"]
    assert [(r.period, r.gross) for r in ledger.ask(by="year").rows] == [("2026", 70)]


def test_periods_of_several_books_stand_newest_last(ledger: Ledger) -> None:
    """All of January, then all of February."""
    ledger.book("main", ("buy", 1, 1, day(1, 1)), ("buy", 1, 1, day(2, 1)))
    ledger.book("main", ("buy", 1, 1, day(1, 5)), ("buy", 1, 1, day(2, 5)), symbol="ETH/USDT")
    assert [(r.period, r.symbol) for r in ledger.ask(by="month").rows] == [
        ("2026-01", "BTC/USDT"),
        ("2026-01", "ETH/USDT"),
        ("2026-02", "BTC/USDT"),
        ("2026-02", "ETH/USDT"),
    ]


def test_an_unvalued_fee_stands_in_the_period_it_was_paid_in(ledger: Ledger) -> None:
    """And a selection that begins or ends within a period takes its part of it."""
    for n, at in enumerate((day(1, 3), day(1, 20), day(2, 1)), start=1):
        fee = (Fee(D(n), "BNB"),)
        ledger.add("main", Fill(f"b{n}", "BTC/USDT", "BTC", "USDT", "buy", D(1), D(10), at, fee))
    assert [(r.period, r.unvalued_fees) for r in ledger.ask(by="month").rows] == [
        ("2026-01", (("BNB", D(3)),)),
        ("2026-02", (("BNB", D(3)),)),
    ]
    inside = ledger.ask(by="month", since=day(1, 10), until=day(1, 31)).rows
    assert [(r.period, r.unvalued_fees, r.fills) for r in inside] == [("2026-01", (("BNB", D(2)),), 1)]


# --- laws of time -------------------------------------------------------------------------------------------------

trades = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.one_of(st.integers(1, 4).map(Decimal), st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-8))),
        st.integers(1, 10**6).map(lambda n: Decimal(n).scaleb(-3)),
        st.integers(0, 800 * 24 * 60),
        st.sampled_from([("USDT", "0.37"), ("BTC", "0.0000017"), ("BNB", "0.002"), ("USDT", "-0.1")]),
    ),
    min_size=1,
    max_size=14,
)
START = datetime(2025, 11, 30, tzinfo=UTC)


@contextlib.contextmanager
def ledger_of(empty: Path, history: list[Any], method: Method) -> Iterator[Ledger]:
    """A store of its own with that history."""
    with tempfile.TemporaryDirectory() as root:
        home = shutil.copytree(empty, Path(root) / "store")
        store = Store(f"sqlite:///{home / 'trademon.db'}", key_file=home / "master.key", clock=lambda: NOON)
        ledger = Ledger(store, store.for_user(store.users()[0].name))
        ledger.broker("main", method)
        fills = [
            Fill(str(n), "BTC/USDT", "BTC", "USDT", side, quantity, price, START + timedelta(minutes=at), fees)
            for n, (side, quantity, price, at, (coin, fee)) in enumerate(history)
            for fees in [(Fee(D(fee), coin),)]
        ]
        ledger.add("main", *fills)
        yield ledger
        store.close()


def total(rows: tuple[PnlRow, ...]) -> dict[str, Any]:
    """Every figure of the rows that is a sum."""
    names = ("gross", "fees", "unmatched_quantity", "unmatched_proceeds", "unmatched_fees", "disposals", "fills")
    with localcontext(EXACT):
        sums: dict[str, Any] = {name: sum(getattr(r, name) for r in rows) for name in names}
        sums["BNB"] = sum(amount for r in rows for _, amount in r.unvalued_fees)
    return sums


@settings(max_examples=25, deadline=None)
@given(history=trades, method=st.sampled_from(METHODS), kept=st.sampled_from(METHODS), cut=st.data())
def test_the_periods_add_up_to_the_whole_to_the_last_digit(
    empty_store: Path, history: list[Any], method: Method, kept: Method, cut: st.DataObject
) -> None:
    """For random histories, in the stored method and in others, cut at random times; what is open at a period's end
    is what a question until then finds, and the newest period ends with what is open now."""
    bounds = st.one_of(st.none(), st.integers(0, 800 * 24 * 60).map(lambda n: START + timedelta(minutes=n)))
    since, until = cut.draw(bounds), cut.draw(bounds)
    with ledger_of(empty_store, history, kept) as ledger:
        whole = ledger.row(method=method, since=since, until=until)
        for by in ("day", "month", "year"):
            rows = ledger.ask(method=method, since=since, until=until, by=by, stats=by == "month").rows
            assert total(rows) == total((whole,))
            for row in rows:
                end = period_bounds(row.period or "")[1]
                then = ledger.row(method=method, until=min(end, until or end))
                assert (row.open_quantity, row.open_cost) == (then.open_quantity, then.open_cost)
            assert not rows or rows[-1].open_cost == whole.open_cost


# --- how trades went ----------------------------------------------------------------------------------------------


def test_the_statistics_of_a_book_worked_out_by_hand(ledger: Ledger) -> None:
    """Nets +10, -4, 0, +6, -9: two of four decided trades won, 16 / 13, and from the peak of 12 down to 3."""
    ledger.book("main", ("buy", 5, 100), *(("sell", 1, price) for price in (110, 96, 100, 106, 91)))
    stats = ledger.row(stats=True).stats
    assert stats is not None
    assert (stats.disposals, stats.wins, stats.losses) == (5, 2, 2)
    assert (stats.profit, stats.loss, stats.best, stats.worst) == (16, -13, 10, -9)
    assert (stats.win_rate, stats.max_drawdown) == (D("0.5"), 9)
    assert stats.profit_factor == D("1.230769230769230769230769230769")


def test_statistics_are_of_the_selection_and_begin_at_zero(ledger: Ledger) -> None:
    """What was lost before `since` is no drawdown; a first loss is one."""
    ledger.book("main", ("buy", 3, 100), ("sell", 1, 60), ("sell", 1, 90), ("sell", 1, 130))
    stats = ledger.row(stats=True, since=minute(3)).stats
    assert stats is not None
    assert (stats.disposals, stats.max_drawdown, stats.worst) == (2, 10, -10)


def test_a_total_merges_its_books_by_time(ledger: Ledger) -> None:
    """+10 and -4 in one book, -8 between them in another: the total falls by 12, no book by more than 8."""
    at = [NOON + timedelta(hours=n) for n in range(6)]
    ledger.book("main", ("buy", 2, 100, at[0]), ("sell", 1, 110, at[1]), ("sell", 1, 96, at[4]))
    ledger.book("main", ("buy", 1, 100, at[0]), ("sell", 1, 92, at[2]), symbol="ETH/USDT")
    report = ledger.ask(stats=True)
    assert [r.stats and r.stats.max_drawdown for r in report.rows] == [4, 8]
    assert report.totals[0].stats is not None
    assert (report.totals[0].stats.max_drawdown, report.totals[0].stats.disposals) == (12, 3)
    (row,) = ledger.ask(stats=True, by="broker").rows
    assert row.stats == report.totals[0].stats
    assert ledger.ask().totals[0].stats is None


def test_by_period_each_row_has_statistics_of_its_own(ledger: Ledger) -> None:
    """A fall within March is March's; the total's goes over the turn of the month."""
    ledger.book("main", ("buy", 3, 100, day(1, 1)), ("sell", 1, 95, day(1, 9)), ("sell", 1, 97, day(3, 1)))
    report = ledger.ask(by="month", stats=True)
    assert [r.stats and r.stats.max_drawdown for r in report.rows] == [5, 3]
    assert report.totals[0].stats is not None
    assert report.totals[0].stats.max_drawdown == 8


def test_a_fee_that_ate_its_fill_lowers_the_running_net_and_is_no_trade(ledger: Ledger) -> None:
    """Bought 1 with a fee of 1 in the coin itself: the fee is realised, nothing was closed."""
    fee = (Fee(D(1), "BTC"),)
    ledger.add("main", Fill("1", "BTC/USDT", "BTC", "USDT", "buy", D(1), D(100), NOON, fee))
    row = ledger.row(stats=True, curve=True)
    assert row.stats is not None
    assert (row.net, row.stats.disposals, row.stats.max_drawdown, row.stats.loss) == (-100, 0, 100, 0)
    assert ledger.ask(curve=True).curves[0].points == ((NOON, D(-100)),)


# --- curve --------------------------------------------------------------------------------------------------------


def test_a_curve_a_currency_ends_at_the_total(ledger: Ledger) -> None:
    """Cumulative net by time, over all books of the currency; a currency without a disposal has none."""
    ledger.book("main", ("buy", 2, 100), ("sell", 1, 110), fee="0.5")
    ledger.book("main", ("buy", 2, 10), ("sell", 1, 9), symbol="ETH/USDT")
    ledger.book("main", ("buy", 2, 10), symbol="ETH/EUR")
    report = ledger.ask(curve=True)
    assert [(c.currency, [n for _, n in c.points]) for c in report.curves] == [("USDT", [D("9.25"), D("8.25")])]
    assert report.curves[0].points[-1][1] == report.totals[1].net
    assert ledger.ask().curves == ()


# --- returns ------------------------------------------------------------------------------------------------------


def test_a_broker_with_a_capital_has_a_return_and_so_has_a_total_of_such(ledger: Ledger) -> None:
    """12 on 300 is 4 %; the total only once every broker in it has a capital."""
    ledger.broker("other", initial_capital=D(300), capital_currency="USDT")
    ledger.book("other", ("buy", 1, 100), ("sell", 1, 112))
    report = ledger.ask(by="broker")
    assert [r.return_percent for r in report.rows] == [4]
    assert report.totals[0].return_percent == 4
    ledger.book("main", ("buy", 1, 100), ("sell", 1, 90))
    report = ledger.ask(by="broker")
    assert [r.return_percent for r in report.rows] == [None, 4]
    assert report.totals[0].return_percent is None
    ledger.user.set_broker(ledger.user.broker("main"), initial_capital=D(100), capital_currency="USDT")
    report = ledger.ask(by="broker")
    assert [r.return_percent for r in report.rows] == [-10, 4]
    assert report.totals[0].return_percent == D("0.5")
    assert {r.return_percent for r in ledger.ask().rows} == {None}


def test_a_capital_without_a_currency_is_in_the_only_one_the_broker_trades_in(ledger: Ledger) -> None:
    """With two it is in neither: nobody said which."""
    ledger.user.set_broker(ledger.user.broker("main"), initial_capital=D(100))
    ledger.book("main", ("buy", 1, 100), ("sell", 1, 103))
    assert ledger.ask(by="broker").rows[0].return_percent == 3
    ledger.book("main", ("buy", 1, 100), ("sell", 1, 103), symbol="ETH/EUR")
    assert {r.return_percent for r in ledger.ask(by="broker").rows} == {None}
