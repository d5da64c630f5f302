"""Realised P&L of stored fills: cases worked out by hand, through the store."""

from __future__ import annotations

import pytest

from tests.flows.desk import NOON, HandClock
from tests.flows.ledger import FOUNDING, D, Ledger, minute
from trademon.core.model import METHODS, Fee, Fill, Method
from trademon.core.pnl_reports import PnlReport
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.store import Store


@pytest.fixture
def ledger(store: Store, clock: HandClock) -> Ledger:
    ledger = Ledger(store, store.for_user(store.users()[0].name))
    ledger.broker("main")
    return ledger


@pytest.mark.parametrize(
    ("method", "gross", "open_cost"),
    [
        # sold 0.0015 for 70.5; cost by fifo 45 + 0.0005 * 46000 = 68
        ("fifo", "2.5", "69"),
        # by lifo and hifo 0.0015 * 46000 = 69
        ("lifo", "1.5", "68"),
        ("hifo", "1.5", "68"),
        # 137 for 0.003: half of it is 68.5
        ("average", "2", "68.5"),
    ],
)
def test_the_founding_case(ledger: Ledger, method: Method, gross: str, open_cost: str) -> None:
    """Buy 0.001 at 45,000 and 0.002 at 46,000, sell 0.0015 at 47,000: worked out by hand for each method."""
    ledger.book("main", *FOUNDING)
    report = ledger.ask(method=method)
    row = report.rows[0]
    assert report.method == method
    assert (row.gross, row.fees, row.net) == (D(gross), 0, D(gross))
    assert (row.open_quantity, row.open_cost) == (D("0.0015"), D(open_cost))
    assert row.average_cost == D(open_cost) / D("0.0015") or abs(row.average_cost * D("0.0015") - D(open_cost)) < D(
        "1e-20"
    )
    assert (row.disposals, row.fills, row.unmatched_quantity) == (1, 3, 0)
    assert [(t.currency, t.net) for t in report.totals] == [("USDT", D(gross))]


def test_fees_stand_beside_the_gross(ledger: Ledger) -> None:
    """A disposal takes its share of the buying fee and its own: fifo closes a whole fee and a quarter of another."""
    ledger.book("main", *FOUNDING, fee="0.4")
    row = ledger.row(method="fifo")
    assert (row.gross, row.fees, row.net) == (D("2.5"), D("0.9"), D("1.6"))
    assert row.open_cost == D("69.3")


def test_since_and_until_select_disposals_and_nothing_else(ledger: Ledger) -> None:
    """Earlier fills still feed the matching; `since` is included, `until` is not."""
    ledger.book("main", ("buy", 3, 100), ("sell", 1, 110), ("sell", 1, 120), ("sell", 1, 130))
    assert ledger.row().gross == 60
    assert ledger.row(since=minute(3)).gross == 50
    assert ledger.row(since=minute(3), until=minute(4)).gross == 20
    assert ledger.row(until=minute(3)).gross == 10
    assert ledger.row(since=minute(3.5)).disposals == 1
    assert ledger.row(since=minute(5)).gross == 0
    assert ledger.row(until=minute(2.5)).open_quantity == 2


def test_a_late_buy_does_not_explain_an_early_sale(ledger: Ledger) -> None:
    """What was sold before it was bought has no known cost, and is in no figure."""
    ledger.book("main", ("sell", 2, 100), ("buy", 2, 90), ("sell", 1, 95))
    row = ledger.row()
    assert (row.gross, row.unmatched_quantity, row.unmatched_proceeds) == (5, 2, 200)
    assert ledger.ask().totals[0].incomplete


def test_the_method_comes_from_the_flag_the_broker_the_user_or_is_fifo(ledger: Ledger) -> None:
    """The first of these that says one."""
    ledger.store.add_user("bea", method="lifo", currency=None, telegram_chat=None)
    bea = Ledger(ledger.store, ledger.store.for_user("bea"))
    bea.broker("plain")
    bea.broker("own", method="average")
    ledger.book("main", *FOUNDING)
    assert (ledger.ask().method, ledger.row().gross) == ("fifo", D("2.5"))
    bea.book("plain", *FOUNDING)
    assert (bea.ask().method, bea.row().gross) == ("lifo", D("1.5"))
    bea.book("own", *FOUNDING)
    assert bea.row(brokers=("own",)).gross == 2
    assert bea.ask(brokers=("own",)).method == "average"
    assert {row.gross for row in bea.ask(method="fifo").rows} == {D("2.5")}
    assert bea.ask(method="fifo").method == "fifo"


def test_books_of_several_methods_are_called_mixed(ledger: Ledger) -> None:
    """Two brokers, two methods, one report."""
    ledger.broker("other", method="average")
    ledger.book("main", *FOUNDING)
    ledger.book("other", *FOUNDING)
    report = ledger.ask()
    assert report.method == "mixed"
    assert [(r.broker, r.gross) for r in report.rows] == [("main", D("2.5")), ("other", D(2))]
    assert report.totals[0].gross == D("4.5")


def test_currencies_are_never_added_up(ledger: Ledger) -> None:
    """A total each for USDT, EUR and BTC, in the order of their names."""
    for symbol in ("BTC/USDT", "BTC/EUR", "ETH/BTC", "ETH/EUR"):
        ledger.book("main", ("buy", 1, 10), ("sell", 1, 13), symbol=symbol, fee="0.5")
    totals = ledger.ask().totals
    assert [(t.currency, t.gross, t.fees, t.net) for t in totals] == [
        ("BTC", 3, 1, 2),
        ("EUR", 6, 2, 4),
        ("USDT", 3, 1, 2),
    ]


def test_symbols_and_brokers_select_books(ledger: Ledger) -> None:
    """One book each; books of two accounts never share a lot."""
    ledger.broker("other")
    ledger.book("main", ("buy", 1, 10))
    ledger.book("other", ("sell", 1, 13))
    ledger.book("other", ("buy", 1, 7), symbol="ETH/USDT")
    assert [(r.broker, r.symbol, r.unmatched_quantity) for r in ledger.ask().rows] == [
        ("main", "BTC/USDT", 0),
        ("other", "BTC/USDT", 1),
        ("other", "ETH/USDT", 0),
    ]
    assert [r.broker for r in ledger.ask(brokers=("other",)).rows] == ["other", "other"]
    assert [r.broker for r in ledger.ask(symbols=("BTC/USDT",), brokers=("main",)).rows] == ["main"]


def test_without_a_fill_there_is_no_row_and_no_total(ledger: Ledger) -> None:
    """An empty report still names the method that would hold."""
    assert ledger.ask() == PnlReport("fifo", (), ())
    assert ledger.ask(method="hifo") == PnlReport("hifo", (), ())
    assert pnl([], PnlQuery()) == PnlReport("fifo", (), ())


def test_a_fee_in_a_third_coin_is_listed_and_in_no_figure(ledger: Ledger) -> None:
    """Without a price it stays unknown, with coin and amount."""
    broker = ledger.user.broker("main")
    fills = [
        Fill("1", "BTC/USDT", "BTC", "USDT", "buy", D(1), D(100), NOON, (Fee(D("0.01"), "BNB"),)),
        Fill("2", "BTC/USDT", "BTC", "USDT", "sell", D(1), D(110), minute(1), (Fee(D("0.02"), "BNB"),)),
    ]
    ledger.user.books.book_page(
        broker, fills, account_id=broker.account_id or 0, method="fifo", source="import", seen_at=NOON
    )
    row = ledger.row()
    assert (row.gross, row.fees, row.unvalued_fees) == (10, 0, (("BNB", D("0.03")),))
    assert ledger.ask().totals[0].incomplete


@pytest.mark.parametrize("method", METHODS)
def test_the_stored_book_and_the_fold_from_the_start_agree(ledger: Ledger, method: Method) -> None:
    """What watch shows from its checkpoint is what pnl computes anew, in every method."""
    ledger.broker("own", method=method)
    trades = [(("buy", "sell")[n % 3 == 2], 1 + n % 4, 100 + n * 7 % 13) for n in range(40)]
    ledger.book("own", *trades, fee="0.37")
    (stored,) = ledger.user.stored_books()
    assert stored == ledger.row(brokers=("own",))
