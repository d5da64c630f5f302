"""Books of coins: worked examples in USDT and EUR, what is not known, and what always balances."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flows.money import D, Purse, day
from trademon.core.coverage import Span
from trademon.core.model import METHODS, Contract, Fill, Method, Transfer
from trademon.core.pnl_reports import PnlRow, Unvalued
from trademon.errors import UsageError
from trademon.flows.lots import open_lot
from trademon.store.store import Store

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def purse(store: Store) -> Purse:
    """An account without an exchange; of the days 0 to 2 it is known that BTC was worth 50,000, 52,000 and 40,000 USDT,
    BNB 600, and EUR 1.25 each day."""
    purse = Purse(store)
    for n, price in enumerate(("50000", "52000", "40000")):
        purse.tell("BTC/USDT", price, day(n))
        purse.tell("BNB/USDT", "600", day(n))
        purse.tell("EUR/USDT", "1.25", day(n))
    return purse


def figures(row: PnlRow) -> tuple[Decimal, Decimal, Decimal | None, Decimal]:
    """Gross, fees, what is open and what it cost."""
    return row.gross, row.fees, row.open_quantity, row.open_cost


def test_a_trade_between_coins_realises_what_the_coin_given_has_gained(purse: Purse) -> None:
    """Buy 1 BTC at 45,000; give 0.6 of it for 10 ETH when it is worth 50,000: the 0.6 have gained 3,000, and the ETH
    cost 30,000. The next day, BTC at 52,000, 10 ETH bring 0.6 BTC, worth 31,200: the ETH have gained 1,200."""
    purse.trade("buy", "BTC/USDT", "1", "45000", day(0))
    purse.trade("buy", "ETH/BTC", "10", "0.06", day(0) + HOUR)
    coins = purse.coins()
    assert figures(coins["BTC"]) == (3000, 0, D("0.4"), 18_000)
    assert figures(coins["ETH"]) == (0, 0, 10, 30_000)
    purse.trade("sell", "ETH/BTC", "10", "0.06", day(1))
    coins = purse.coins()
    assert figures(coins["ETH"]) == (1200, 0, 0, 0)
    assert figures(coins["BTC"]) == (3000, 0, 1, 49_200)
    report = purse.ask("USDT", book="coin")
    assert [(t.currency, t.net, t.incomplete) for t in report.totals] == [("USDT", 4200, False)]


def test_a_third_coins_fee_is_a_cost_and_that_coin_is_sold(purse: Purse) -> None:
    """Buy 1 BNB at 500, then 1 ETH at 2,000 with a fee of 0.01 BNB when BNB is worth 600: the ETH carries 6, and the
    0.01 BNB have gained 1. Sold at 2,100, the ETH bring 100 less 6: 94, and 95 with what the BNB gained. It is the 100
    less the 5 that the BNB had cost."""
    purse.trade("buy", "BNB/USDT", "1", "500", day(0))
    purse.trade("buy", "ETH/USDT", "1", "2000", day(0) + HOUR, "0.01 BNB")
    coins = purse.coins()
    assert figures(coins["BNB"]) == (1, 0, D("0.99"), 495)
    assert figures(coins["ETH"]) == (0, 0, 1, 2006)
    purse.trade("sell", "ETH/USDT", "1", "2100", day(1))
    assert figures(purse.coins()["ETH"]) == (100, 6, 0, 0)
    assert purse.total("USDT", book="coin").net == 95


def test_bought_in_one_money_and_sold_for_another(purse: Purse) -> None:
    """1 BTC for 40,000 USDT, sold for 45,000 EUR at 1.25: by symbol a lot and an unmatched sale, by coin 16,250 USDT
    gained, and 45,000 EUR bought for 56,250."""
    purse.trade("buy", "BTC/USDT", "1", "40000", day(0))
    purse.trade("sell", "BTC/EUR", "1", "45000", day(1))
    by_symbol = {r.symbol: r for r in purse.ask(None).rows}
    assert (by_symbol["BTC/USDT"].open_quantity, by_symbol["BTC/EUR"].unmatched_quantity) == (1, 1)
    coins = purse.coins()
    assert figures(coins["BTC"]) == (16_250, 0, 0, 0)
    assert figures(coins["EUR"]) == (0, 0, 45_000, 56_250)
    assert not purse.total("USDT", book="coin").incomplete


def test_in_another_currency_the_money_itself_is_a_coin(purse: Purse) -> None:
    """In EUR: 50,000 USDT bought with 40,000 EUR pay for a BTC; sold at 52,000, it brings 41,600 EUR worth of USDT.
    USDT at the same rate gain nothing, BTC gains 1,600."""
    purse.trade("sell", "EUR/USDT", "40000", "1.25", day(0))
    purse.trade("buy", "BTC/USDT", "1", "50000", day(0) + HOUR)
    purse.trade("sell", "BTC/USDT", "1", "52000", day(1))
    coins = purse.coins("EUR")
    assert figures(coins["USDT"]) == (0, 0, 52_000, 41_600)
    assert figures(coins["BTC"]) == (1600, 0, 0, 0)
    assert {row.currency for row in coins.values()} == {"EUR"}
    assert "EUR" not in coins


@pytest.mark.parametrize(("method", "gross"), [("fifo", 20), ("lifo", 10), ("hifo", 10), ("average", 15)])
def test_the_methods_choose_lots_over_all_symbols(purse: Purse, method: Method, gross: int) -> None:
    """1 ETH bought with USDT at 100, 1 with EUR at 88 x 1.25 = 110; one is sold at 120."""
    purse.trade("buy", "ETH/USDT", "1", "100", day(0))
    purse.trade("buy", "ETH/EUR", "1", "88", day(0) + HOUR)
    purse.trade("sell", "ETH/USDT", "1", "120", day(1))
    assert purse.coins(method=method)["ETH"].gross == gross
    assert purse.ask("USDT", book="coin", method=method).method == method


def test_accounts_never_share_a_lot(purse: Purse) -> None:
    """One book an account and coin; brokers select, and a row may stand for several."""
    purse.add("other", method="lifo")
    purse.trade("buy", "ETH/USDT", "1", "100", day(0))
    purse.trade("sell", "ETH/EUR", "1", "100", day(1), broker="other")
    rows = [r for r in purse.ask("USDT", book="coin").rows if r.symbol == "ETH"]
    assert [(r.broker, r.open_quantity, r.unmatched_quantity) for r in rows] == [("main", 1, 0), ("other", 0, 1)]
    assert rows[1].unmatched_reason == "it was deposited, or came in before the history known here begins"
    assert [r.broker for r in purse.ask("USDT", book="coin", brokers=("main",)).rows] == ["main"]
    joined = [r for r in purse.ask("USDT", book="coin", by="symbol").rows if r.symbol == "ETH"]
    assert [(r.open_quantity, r.unmatched_quantity) for r in joined] == [(1, 1)]
    assert purse.ask("USDT", book="coin").method == "mixed"


def test_a_symbol_means_its_base_coin_over_all_symbols(purse: Purse) -> None:
    """Also what came of it by other symbols."""
    purse.trade("buy", "ETH/BTC", "1", "0.05", day(0))
    purse.trade("sell", "ETH/USDT", "1", "3000", day(1))
    rows = purse.ask("USDT", book="coin", symbols=("ETH/USDT",)).rows
    assert [(r.symbol, r.gross) for r in rows] == [("ETH", 500)]


def test_periods_select_what_was_realised(purse: Purse) -> None:
    """By day, since and until, with statistics."""
    purse.trade("buy", "BTC/USDT", "3", "45000", day(0))
    purse.trade("buy", "ETH/BTC", "10", "0.1", day(0) + HOUR)
    purse.trade("buy", "ETH/BTC", "10", "0.1", day(1))
    purse.trade("buy", "ETH/BTC", "10", "0.1", day(2))
    for method in METHODS:
        btc = {r.period: r for r in purse.ask("USDT", book="coin", by="day", method=method).rows if r.symbol == "BTC"}
        assert [(r.gross, r.open_quantity) for r in btc.values()] == [(5000, 2), (7000, 1), (-5000, 0)]
    row = purse.coins(since=day(1), until=day(2), stats=True)["BTC"]
    assert (row.gross, row.open_quantity, row.fills) == (7000, 1, 1)
    assert row.stats is not None
    assert (row.stats.wins, row.stats.losses, row.stats.profit) == (1, 0, 7000)
    total = purse.total("USDT", book="coin", stats=True).stats
    assert total is not None
    assert (total.wins, total.losses, total.loss) == (2, 1, -5000)


# --- what is not known --------------------------------------------------------------------------------------------


def test_coins_that_came_in_at_an_unknown_value_open_no_lot(purse: Purse) -> None:
    """2 ETH for a coin nobody prices: named, and one of the two sold later met no lot, with the reason."""
    purse.trade("buy", "ETH/XYZ", "2", "3", day(0), "0.01 BNB")
    purse.trade("sell", "ETH/USDT", "1", "2000", day(1))
    report = purse.ask("USDT", book="coin")
    coins = {row.symbol: row for row in report.rows}
    assert coins["ETH"].unvalued == (
        Unvalued("ETH", D(2), day(0), "received for XYZ"),
        Unvalued("BNB", D("0.01"), day(0), "fee of what was received for XYZ"),
    )
    assert (coins["ETH"].open_quantity, coins["ETH"].unmatched_quantity, coins["ETH"].unmatched_proceeds) == (
        0,
        1,
        2000,
    )
    assert coins["ETH"].unmatched_reason == "some of it came in at a value that is not known"
    assert coins["XYZ"].unvalued == (Unvalued("XYZ", D(6), day(0), "given for ETH"),)
    assert (coins["XYZ"].unmatched_quantity, coins["XYZ"].fills) == (0, 1)
    assert report.totals[0].incomplete
    assert "trademon prices fetch --in USDT" in report.notes[-1]


@pytest.mark.parametrize("method", METHODS)
def test_coins_that_went_out_at_an_unknown_value_leave_their_lots(purse: Purse, method: Method) -> None:
    """Nothing is realised by it, neither gain nor the fee carried; what is left of the lots is as after any sale."""
    purse.trade("buy", "ETH/USDT", "2", "1000", day(0), "4 USDT")
    purse.trade("sell", "ETH/XYZ", "1", "3", day(0) + HOUR)
    row = purse.coins(method=method)["ETH"]
    assert figures(row) == (0, 0, 1, 1002)
    assert row.unvalued == (Unvalued("ETH", D(1), day(0) + HOUR, "given for XYZ"),)
    purse.trade("sell", "ETH/USDT", "1", "1100", day(1))
    assert figures(purse.coins(method=method)["ETH"]) == (100, 2, 0, 0)
    assert purse.coins(method=method)["ETH"].disposals == 1


def test_a_fee_in_a_coin_nobody_prices_is_named_at_the_trade_and_in_its_own_book(purse: Purse) -> None:
    """The trade is booked without it."""
    purse.trade("buy", "ETH/USDT", "1", "1000", day(0), "5 XYZ")
    coins = purse.coins()
    assert figures(coins["ETH"]) == (0, 0, 1, 1000)
    assert coins["ETH"].unvalued == (Unvalued("XYZ", D(5), day(0), "fee"),)
    assert coins["XYZ"].unvalued == (Unvalued("XYZ", D(5), day(0), "paid as a fee"),)
    assert purse.total("USDT", book="coin").incomplete


def test_a_price_that_comes_later_is_in_the_next_report(purse: Purse) -> None:
    """Coin books are derived anew each time."""
    purse.trade("buy", "ETH/XYZ", "2", "3", day(0))
    assert purse.total("USDT", book="coin").incomplete
    purse.tell_minute("XYZ/USDT", "500", day(0))
    coins = purse.coins()
    assert figures(coins["ETH"]) == (0, 0, 2, 3000)
    assert coins["XYZ"].unmatched_proceeds == 3000
    assert purse.ask("USDT", book="coin").notes == ("main: prices of XYZ are those of binance",)


def test_a_lot_entered_by_hand_takes_nothing_from_the_quote_coin(purse: Purse) -> None:
    """It only says what was there."""
    broker = purse.user.broker("main")
    open_lot(purse.user, broker, "ETH/BTC", quantity=D(2), price=D("0.05"), fee=D(0), at=day(0), now=day(2))
    coins = purse.coins()
    assert coins.keys() == {"ETH"}
    assert figures(coins["ETH"]) == (0, 0, 2, 5000)


def test_margin_and_contracts_are_counted_by_symbol(purse: Purse) -> None:
    """They hold positions and no coins: their symbol books stand in the report, converted, and a note says so."""
    purse.add("swap", "bitget", "swap")
    purse.tell("EUR/USDT", "1.25", day(0), by=purse.user.broker("swap"))
    contract = Contract("USDT", D("0.1"))
    fills = [
        Fill(str(n), "BTC/USDT:USDT", "BTC", "USDT", side, D(10), D(price), day(0) + n * HOUR, contract=contract)
        for n, side, price in ((1, "sell", 50_000), (2, "buy", 49_000))
    ]
    purse.book(fills, broker="swap")
    purse.trade("buy", "ETH/USDT", "1", "1000", day(0))
    report = purse.ask("EUR", book="coin")
    assert [(r.broker, r.symbol, r.gross) for r in report.rows if r.broker == "swap"] == [
        ("swap", "BTC/USDT:USDT", 800)
    ]
    assert "swap trades on margin or contracts: counted by symbol" in report.notes
    assert report.totals[0].gross == 800


def test_a_coin_book_needs_a_currency(purse: Purse) -> None:
    """There is no value without one."""
    with pytest.raises(UsageError, match="one currency"):
        purse.ask(None, book="coin")


def test_no_fills_no_rows(purse: Purse) -> None:
    """An empty report names the method."""
    report = purse.ask("USDT", book="coin")
    assert (report.method, report.rows, report.totals, report.notes) == ("fifo", (), (), ())


# --- what always balances -----------------------------------------------------------------------------------------

COINS = ("USDT", "EUR", "BTC", "ETH")
steps = st.lists(
    st.tuples(
        st.permutations(COINS),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 50),
        st.integers(1, 10**6),
        st.sampled_from(["", *COINS]),
        st.integers(-9, 99),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps, st.sampled_from(METHODS), st.sampled_from(COINS), st.lists(st.integers(1, 10**6), min_size=12, max_size=12)
)
def test_the_currency_gained_is_net_less_open_cost_and_unmatched(
    store: Store, history: list[tuple[Any, ...]], method: Method, currency: str, told: list[int]
) -> None:
    """Through the store, with prices that change every day: cash in less cash out is the sum over coins of net less
    open cost plus unmatched proceeds less their fees. Each coin's quantity is what came in less what went out."""
    name = f"u{len(store.users())}"
    store.add_user(name, method=None, currency=None, telegram_chat=None)
    purse = Purse(store, user=name)
    purse.teller = purse.user.add_broker(
        "own", exchange="binance", market="spot", since=day(0), base_url=f"http://{name}.test", symbols=(), method=None,
        credentials=None,
    )  # fmt: skip
    flows = dict.fromkeys(COINS, Fraction(0))
    for n, ((base, quote, *_), side, quantity, price, coin, fee) in enumerate(history):
        for shift, other in enumerate(c for c in COINS if c != currency):
            purse.tell_minute(f"{other}/{currency}", f"{told[(n + shift) % 12]}e-3", day(n))
        exact = Fraction(price, 1000) * quantity
        sign = 1 if side == "buy" else -1
        flows[base] += sign * quantity
        flows[quote] -= sign * exact
        if coin:
            flows[coin] -= Fraction(fee, 10)
        fees = (f"{fee}e-1 {coin}",) if coin else ()
        purse.trade(side, f"{base}/{quote}", str(quantity), f"{price}e-3", day(n) + MINUTE / 2, *fees)
    coins = purse.coins(currency, method=method)
    cash = Fraction(0)
    for row in coins.values():
        assert row.unvalued == ()
        cash += Fraction(row.net) - Fraction(row.open_cost)
        cash += Fraction(row.unmatched_proceeds) - Fraction(row.unmatched_fees)
        held = Fraction(row.open_quantity or 0) - Fraction(row.unmatched_quantity or 0)
        assert held == flows[row.symbol]
    assert abs(cash - flows[currency]) < Fraction(1, 10**15)


def test_ten_thousand_fills_take_a_moment(purse: Purse) -> None:
    """A hundred thousand a few seconds."""
    for n in range(10):
        purse.tell_minute("BTC/USDT", "50000", day(0) + n * HOUR)
    fills = [
        Fill(str(n), "ETH/BTC", "ETH", "BTC", "sell" if n % 2 else "buy", D("0.5"), D("0.06"), day(0) + n * MINUTE / 20)
        for n in range(10_000)
    ]
    purse.book(fills)
    began = time.process_time()
    coins = purse.coins()
    assert time.process_time() - began < 5
    assert (coins["ETH"].fills, coins["ETH"].gross, coins["BTC"].fills) == (10_000, 0, 10_000)


def test_a_transfer_between_own_accounts_is_no_sale_in_the_coins_book_either(purse: Purse) -> None:
    """1 BTC bought at 100 USDT goes to the other account: nothing is realised, and its cost in EUR is that of its
    day."""
    other = purse.add("other")
    purse.tell("EUR/USDT", "1.25", day(0))
    purse.tell("EUR/USDT", "1.00", day(2))
    purse.book([purse.trade("buy", "BTC/USDT", "1", "100", day(0))])
    for broker, kind, at in ((purse.user.broker("main"), "withdrawal", day(1)), (other, "deposit", day(2))):
        one = Transfer("t1", kind, "BTC", Decimal(1), Decimal(0), at, "t1")  # type: ignore[arg-type]
        assert broker.account_id is not None
        purse.user.save_transfers(broker.account_id, one.kind, [one], Span(day(0), day(3)), day(3))
    purse.user.carry_lots()
    rows = {(r.broker, r.symbol): r for r in purse.ask("EUR", book="coin").rows if r.symbol == "BTC"}
    assert (rows["main", "BTC"].gross, rows["main", "BTC"].disposals, rows["main", "BTC"].open_quantity) == (0, 0, 0)
    assert (rows["other", "BTC"].open_quantity, rows["other", "BTC"].open_cost) == (1, 80)
