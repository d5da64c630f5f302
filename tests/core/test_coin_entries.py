"""What a fill moves in the books of its coins: worked examples, and laws that hold whatever the rates are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trademon.core.coin_entries import CoinEntry, coin_entries, rates_wanted
from trademon.core.model import METHODS, Fee, Fill, Method
from trademon.core.pnl import Book, book_moved

D = Decimal
NIL = Fraction(0)
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
RATES = {"BTC": D(50_000), "BNB": D(600), "EUR": D("1.25"), "ETH": D(2_900)}
Rate = Callable[[str, datetime], Decimal | None]


def by(rates: dict[str, Decimal]) -> Rate:
    """The same at any time."""
    return lambda coin, _: rates.get(coin)


def trade(side: str, symbol: str, quantity: str, price: str, *fees: str, at: int = 0) -> Fill:
    """A fill; fees as `0.1 BNB`."""
    base, quote = symbol.split("/")
    paid = tuple(Fee(D(fee.split()[0]), fee.split()[1]) for fee in fees)
    when = TEN + timedelta(minutes=at)
    return Fill(str(at + 1), symbol, base, quote, side, D(quantity), D(price), when, paid)  # type: ignore[arg-type]


def moves(
    fill: Fill, currency: str = "USDT", rates: dict[str, Decimal] | None = None
) -> dict[str, tuple[Decimal, ...]]:
    """Quantity, price and fees by coin."""
    found = coin_entries(fill, currency, by(RATES if rates is None else rates))
    assert len({e.coin for e in found}) == len(found)
    return {e.coin: (e.moved.quantity, e.moved.price, e.moved.fees) for e in found}


# --- worked out by hand -------------------------------------------------------------------------------------------


def test_a_buy_with_the_currency_is_one_entry() -> None:
    """As in the symbol's own book: the fee in the currency is a cost, and the currency has no book."""
    assert moves(trade("buy", "ETH/USDT", "2", "3000", "6 USDT")) == {"ETH": (2, 3000, 6)}
    assert moves(trade("sell", "ETH/USDT", "2", "3000", "6 USDT")) == {"ETH": (-2, 3000, 6)}


def test_a_base_fee_lowers_what_comes_in_and_is_a_cost() -> None:
    """Buy 1 BTC at 100 with a fee of 0.01 BTC: 0.99, carrying 1."""
    assert moves(trade("buy", "BTC/USDT", "1", "100", "0.01 BTC")) == {"BTC": (D("0.99"), 100, 1)}
    assert moves(trade("sell", "BTC/USDT", "0.9", "110", "0.1 BTC")) == {"BTC": (-1, 110, 11)}


def test_a_buy_with_a_coin_is_also_its_sale() -> None:
    """Buy 10 ETH at 0.06 BTC with 0.01 BNB: ETH at 3,000 with a fee of 6, 0.6 BTC and 0.01 BNB sold at their prices."""
    assert moves(trade("buy", "ETH/BTC", "10", "0.06", "0.01 BNB")) == {
        "ETH": (10, 3000, 6),
        "BTC": (D("-0.6"), 50_000, 0),
        "BNB": (D("-0.01"), 600, 0),
    }


def test_a_quote_fee_leaves_the_quote_coins_book() -> None:
    """Sell 10 ETH at 0.06 BTC with 0.0006 BTC: a fee of 30, and 0.5994 BTC come in; on a buy 0.6006 go out."""
    assert moves(trade("sell", "ETH/BTC", "10", "0.06", "0.0006 BTC")) == {
        "ETH": (-10, 3000, 30),
        "BTC": (D("0.5994"), 50_000, 0),
    }
    assert moves(trade("buy", "ETH/BTC", "10", "0.06", "0.0006 BTC"))["BTC"] == (D("-0.6006"), 50_000, 0)


def test_a_rebate_adds_coins_at_market_value() -> None:
    """0.01 BNB received: the trade costs 6 less, and BNB has 0.01 more."""
    assert moves(trade("buy", "ETH/USDT", "1", "3000", "-0.01 BNB")) == {
        "ETH": (1, 3000, -6),
        "BNB": (D("0.01"), 600, 0),
    }


def test_buying_the_currency_is_selling_the_quote() -> None:
    """EUR/USDT in EUR: 1,000 EUR bought at 1.25 are 1,250 USDT sold at 0.8, with no rate looked up. Fees of any kind
    are costs of that sale."""
    assert moves(trade("buy", "EUR/USDT", "1000", "1.25"), "EUR", {}) == {"USDT": (-1250, D("0.8"), 0)}
    assert moves(trade("sell", "EUR/USDT", "1000", "1.25", "2 EUR", "5 USDT", "0.5 BNB"), "EUR", {"BNB": D(500)}) == {
        "USDT": (1245, D("0.8"), 256),
        "BNB": (D("-0.5"), 500, 0),
    }


def test_a_fee_in_the_currency_of_a_trade_between_coins_is_cash() -> None:
    """No book, no rate: a cost as it stands."""
    assert moves(trade("buy", "ETH/BTC", "10", "0.06", "3 USDT")) == {
        "ETH": (10, 3000, 3),
        "BTC": (D("-0.6"), 50_000, 0),
    }


def test_several_fees_each_count_their_own_way() -> None:
    """One in the base, one in the quote, two in a third coin."""
    assert moves(trade("buy", "ETH/BTC", "10", "0.06", "1 ETH", "0.01 BTC", "0.01 BNB", "0.02 BNB")) == {
        "ETH": (9, 3000, 3000 + 500 + 18),
        "BTC": (D("-0.61"), 50_000, 0),
        "BNB": (D("-0.03"), 600, 0),
    }


def test_a_lot_entered_by_hand_pays_with_nothing() -> None:
    """It opens a lot, with its fee, and no coin goes out for it."""
    fill = trade("buy", "ETH/BTC", "10", "0.06", "0.001 BTC")
    (entry,) = coin_entries(fill, "USDT", by(RATES), is_lot=True)
    assert (entry.coin, entry.moved.quantity, entry.moved.price, entry.moved.fees) == ("ETH", 10, 3000, 50)
    assert coin_entries(trade("buy", "EUR/USDT", "10", "1.25"), "EUR", by(RATES), is_lot=True) == []


def test_without_a_rate_the_value_of_a_trade_is_unknown_and_its_fees_are_named() -> None:
    """ETH bought with a coin nobody prices: neither has a price, and the fee of the trade is in no figure. What the fee
    was paid in is sold all the same."""
    found = {e.coin: e for e in coin_entries(trade("buy", "ETH/XYZ", "2", "3", "0.01 BNB"), "USDT", by(RATES))}
    assert {coin: e.valued for coin, e in found.items()} == {"ETH": False, "XYZ": False, "BNB": True}
    assert found["ETH"].moved.unvalued == (("BNB", D("0.01")),)
    assert (found["ETH"].what, found["XYZ"].what, found["BNB"].what) == (
        "received for XYZ",
        "given for ETH",
        "paid as a fee",
    )
    assert (found["XYZ"].moved.quantity, found["BNB"].moved.price) == (-6, 600)


def test_without_a_rate_a_third_coins_fee_is_no_cost() -> None:
    """The trade is booked without it, and names it; the coin leaves its book at a price that is not known."""
    found = {e.coin: e for e in coin_entries(trade("buy", "ETH/USDT", "1", "3000", "5 XYZ"), "USDT", by(RATES))}
    assert found["ETH"].valued
    assert (found["ETH"].moved.fees, found["ETH"].moved.unvalued) == (0, (("XYZ", D(5)),))
    assert (found["XYZ"].valued, found["XYZ"].moved.quantity) == (False, -5)


def test_only_the_rates_that_are_needed_are_wanted() -> None:
    """None where base or quote is the currency; a fee's coin where it is neither."""
    assert rates_wanted(trade("buy", "ETH/USDT", "1", "1", "1 ETH", "1 USDT"), "USDT") == ()
    assert rates_wanted(trade("buy", "ETH/USDT", "1", "1", "1 BNB"), "USDT") == ("BNB",)
    assert rates_wanted(trade("buy", "EUR/USDT", "1", "1"), "EUR") == ()
    assert rates_wanted(trade("buy", "EUR/USDT", "1", "0"), "EUR") == ("USDT",)
    assert rates_wanted(trade("buy", "ETH/BTC", "1", "1", "1 BNB", "1 EUR"), "EUR") == ("BNB", "BTC")


@pytest.mark.parametrize("fees", [(), ("1 EUR",), ("1 USDT",), ("1 BNB",)])
def test_the_currency_received_for_nothing_is_no_trade(fees: tuple[str, ...]) -> None:
    """It has no book. A fee is a cost all the same."""
    found = moves(trade("buy", "EUR/USDT", "10", "0", *fees), "EUR", {"USDT": D("0.8"), "BNB": D(500)})
    assert sum(entry[2] for entry in found.values()) == {(): 0, ("1 EUR",): 1, ("1 USDT",): D("0.8")}.get(fees, 500)


# --- laws ---------------------------------------------------------------------------------------------------------

COINS = ("USDT", "EUR", "BTC", "ETH", "BNB")
amounts = st.integers(1, 10**10).map(lambda n: D(n).scaleb(-6))
rate_tables = st.fixed_dictionaries({coin: st.integers(1, 10**9).map(lambda n: D(n).scaleb(-5)) for coin in COINS})


@st.composite
def trades(draw: st.DrawFn) -> Fill:
    """Any two of the coins, with up to three fees in any of them."""
    base, quote = draw(st.permutations(COINS))[:2]
    paid = st.integers(-(10**6), 10**7).map(lambda n: D(n).scaleb(-6))
    fees = draw(st.lists(st.builds(Fee, paid, st.sampled_from(COINS)), max_size=3))
    side = draw(st.sampled_from(["buy", "sell"]))
    return Fill("1", f"{base}/{quote}", base, quote, side, draw(amounts), draw(amounts), TEN, tuple(fees))


histories = st.lists(trades(), max_size=12)
unhurried = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def flow(fill: Fill) -> dict[str, Fraction]:
    """What really came in and went out, coin by coin."""
    sign = 1 if fill.side == "buy" else -1
    moved = {
        fill.base: sign * Fraction(fill.quantity),
        fill.quote: -sign * Fraction(fill.quantity) * Fraction(fill.price),
    }
    for fee in fill.fees:
        moved[fee.currency] = moved.get(fee.currency, NIL) - Fraction(fee.amount)
    return moved


def close_to(one: Fraction, other: Fraction) -> bool:
    """Equal, but for the thirtieth decimal of a price that is one divided by another."""
    return abs(one - other) <= Fraction(1, 10**15)


def cash_of(entries: Iterable[CoinEntry]) -> Fraction:
    return sum((-Fraction(e.moved.quantity) * Fraction(e.moved.price) - Fraction(e.moved.fees) for e in entries), NIL)


@unhurried
@given(trades(), rate_tables, st.sampled_from(COINS))
def test_every_coin_moves_as_it_really_did(fill: Fill, rates: dict[str, Decimal], currency: str) -> None:
    """No coin is left out or moved twice, and the currency has no book."""
    found = coin_entries(fill, currency, by(rates))
    booked = {e.coin: Fraction(e.moved.quantity) for e in found if e.moved.quantity}
    assert booked == {coin: amount for coin, amount in flow(fill).items() if amount and coin != currency}


@unhurried
@given(trades(), rate_tables, st.sampled_from(COINS))
def test_a_fill_is_worth_the_cash_it_moved(fill: Fill, rates: dict[str, Decimal], currency: str) -> None:
    """Value given less value received less fees, over all of a fill's entries, is what the currency gained by it: a fee
    is a cost exactly once, whatever it was paid in."""
    found = coin_entries(fill, currency, by(rates))
    assert close_to(cash_of(found), flow(fill).get(currency, NIL))


def fold_all(history: list[Fill], rates: dict[str, Decimal], currency: str, method: Method) -> dict[str, Book]:
    """The book of each coin."""
    books: dict[str, Book] = {}
    for n, fill in enumerate(history):
        for entry in coin_entries(fill, currency, by(rates)):
            book_moved(books.setdefault(entry.coin, Book(method)), n, fill, entry.moved)
    return books


@unhurried
@given(histories, rate_tables, st.sampled_from(COINS), st.sampled_from(METHODS))
def test_cash_is_net_less_open_cost_and_what_is_unmatched(
    history: list[Fill], rates: dict[str, Decimal], currency: str, method: Method
) -> None:
    """Over all coins: what the currency gained is what they earned, less what is invested, plus what was sold without a
    known cost, less its fees."""
    books = fold_all(history, rates, currency, method)
    waiting = NIL
    for book in books.values():
        tally = book.tally
        waiting += Fraction(tally.gross) - Fraction(tally.fees) - Fraction(book.open_cost)
        waiting += Fraction(tally.unmatched_proceeds) - Fraction(tally.unmatched_fees)
    cash = sum((flow(fill).get(currency, NIL) for fill in history), NIL)
    assert close_to(waiting, cash)


@unhurried
@given(histories, rate_tables, st.sampled_from(COINS), st.sampled_from(METHODS))
def test_all_net_is_the_change_of_wealth_once_everything_is_sold(
    history: list[Fill], rates: dict[str, Decimal], currency: str, method: Method
) -> None:
    """Bought in beforehand and sold out at the end for cash: the sum of all nets is the cash there is then, less the
    cash there was, by every method and with any rates between."""
    needed = D(10) ** 13
    coins = [coin for coin in COINS if coin != currency]
    stock = [trade("buy", f"{coin}/{currency}", str(needed), "7") for coin in coins]
    held = dict.fromkeys(coins, Fraction(needed))
    for fill in history:
        for coin, amount in flow(fill).items():
            if coin != currency:
                held[coin] += amount
    sold = [trade("sell", f"{coin}/{currency}", _text(held[coin]), "11") for coin in coins]
    whole = [*stock, *history, *sold]
    books = fold_all(whole, rates, currency, method)
    assert all(not book.open_quantity and not book.tally.unmatched_quantity for book in books.values())
    net = sum((Fraction(b.tally.gross) - Fraction(b.tally.fees) for b in books.values()), NIL)
    assert close_to(net, sum((flow(fill).get(currency, NIL) for fill in whole), NIL))


def _text(amount: Fraction) -> str:
    scaled = amount * 10**12
    assert scaled.denominator == 1
    return format(D(scaled.numerator).scaleb(-12), "f")


@unhurried
@given(trades(), rate_tables, st.sampled_from(COINS), st.sets(st.sampled_from(COINS)))
def test_what_is_wanted_is_enough_and_what_is_missing_is_named(
    fill: Fill, rates: dict[str, Decimal], currency: str, lost: set[str]
) -> None:
    """With the rates it wants, every entry has a value; without some, nothing is worth nothing: whatever has no price
    is marked or named."""
    wanted = {coin: rates[coin] for coin in rates_wanted(fill, currency)}
    assert all(e.valued and not e.moved.unvalued for e in coin_entries(fill, currency, by(wanted)))
    known = {coin: rate for coin, rate in wanted.items() if coin not in lost}
    found = coin_entries(fill, currency, by(known))
    assert all(e.valued or (e.moved.price, e.moved.fees) == (0, 0) for e in found)
    gone = {coin for coin in wanted if coin in lost}
    named = {e.coin for e in found if not e.valued} | {coin for e in found for coin, _ in e.moved.unvalued}
    moved = {coin for coin, amount in flow(fill).items() if amount}
    assert (gone & moved) <= named
    assert gone or not named
