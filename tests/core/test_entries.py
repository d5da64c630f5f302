"""What a fill moves, and the integers it is folded in: nothing is cut, and how a book came to its scale never shows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trademon.core.entries import (
    MONEY_DIGITS,
    Moved,
    Scale,
    decimals,
    int_text,
    inverse_price,
    moved_by,
    to_decimal,
    to_int,
)
from trademon.core.model import METHODS, Contract, Disposal, Fee, Fill, Method, Unmatched
from trademon.core.money import EXACT, RATE_CONTEXT, format_decimal
from trademon.core.pnl import Book, RawBooked, disposal_of, fold_entries, unmatched_of
from trademon.errors import DataError

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
D = Decimal
LINEAR = Contract("USDT")
INVERSE = Contract("BTC", inverse=True)
SIDES = pytest.mark.parametrize(("side", "sign"), [("buy", 1), ("sell", -1)])


def fill(
    side: str = "buy", quantity: str = "2", price: str = "100", *fees: str, contract: Contract | None = None
) -> Fill:
    """A fill of BTC/USDT with fees as `0.1 USDT`."""
    paid = tuple(Fee(D(f.split()[0]), f.split()[1]) for f in fees)
    return Fill("1", "BTC/USDT", "BTC", "USDT", side, D(quantity), D(price), TEN, paid, contract=contract)  # type: ignore[arg-type]


def moved(quantity: str, price: str, fees: str = "0", *unvalued: tuple[str, str]) -> Moved:
    return Moved(D(quantity), D(price), D(fees), tuple((coin, D(amount)) for coin, amount in unvalued))


# --- what a fill moves --------------------------------------------------------------------------------------------


@SIDES
def test_a_fill_without_fees_moves_its_quantity_at_its_price(side: str, sign: int):
    """Bought coins count above zero, sold ones below."""
    assert moved_by(fill(side)) == Moved(D(2) * sign, D(100), D(0))


@SIDES
def test_a_quote_fee_is_a_cost_and_moves_nothing(side: str, sign: int):
    """The coins are those of the fill, whatever was paid beside them."""
    assert moved_by(fill(side, "2", "100", "0.3 USDT")) == Moved(D(2) * sign, D(100), D("0.3"))


@pytest.mark.parametrize(("side", "quantity"), [("buy", "1.99"), ("sell", "-2.01")])
def test_a_base_fee_moves_coins_and_is_a_cost_at_the_fill_s_price(side: str, quantity: str):
    """Less is received on a buy, more is given on a sale; both cost 0.01 at 100."""
    assert moved_by(fill(side, "2", "100", "0.01 BTC")) == moved(quantity, "100", "1")


def test_a_base_fee_as_large_as_the_buy_moves_nothing_and_costs_all_of_it():
    """Nothing is left to carry the fee: the entry is of quantity zero."""
    assert moved_by(fill("buy", "2", "100", "2 BTC")) == moved("0", "100", "200")


def test_a_base_fee_larger_than_the_buy_takes_coins_away():
    """A buy of 2 with a fee of 2.5 is half a coin less than before."""
    assert moved_by(fill("buy", "2", "100", "2.5 BTC")) == moved("-0.5", "100", "250")


def test_a_third_coin_fee_without_a_rate_is_unvalued():
    """Neither a known rate of another coin nor an empty table of rates makes it a figure."""
    for rates in (None, {}, {"ETH": D(2000)}):
        assert moved_by(fill("buy", "2", "100", "0.1 BNB"), rates) == moved("2", "100", "0", ("BNB", "0.1"))


def test_a_third_coin_fee_with_a_rate_is_a_cost():
    """0.1 BNB at 600 cost 60, and it is listed nowhere else; the coins stay."""
    assert moved_by(fill("sell", "2", "100", "0.1 BNB"), {"BNB": D(600)}) == moved("-2", "100", "60")


def test_a_rate_of_zero_is_a_known_rate():
    """A coin known to be worth nothing costs nothing: that is not the same as unknown."""
    assert moved_by(fill("buy", "2", "100", "0.1 BNB"), {"BNB": D(0)}) == moved("2", "100", "0")


def test_no_rate_is_ever_asked_for_the_book_s_own_coins():
    """A rate that names the quote or the base coin changes nothing: their worth is in the fill."""
    one = fill("buy", "2", "100", "0.3 USDT", "0.01 BTC")
    assert moved_by(one, {"USDT": D(9), "BTC": D(9)}) == moved_by(one) == moved("1.99", "100", "1.3")


def test_several_fees_each_count_their_own_way():
    """Two of one coin add up, one with a rate is a cost, one without is listed, one of nothing is forgotten."""
    one = fill("buy", "2", "100", "0.1 USDT", "0.2 USDT", "0.01 BTC", "0.1 BNB", "5 XYZ", "7 XYZ", "0 ABC", "0 USDT")
    assert moved_by(one, {"BNB": D(600)}) == moved("1.99", "100", "61.3", ("XYZ", "5"), ("XYZ", "7"))


def test_rebates_are_negative_costs():
    """In the quote, in the base (coins come in), and in a third coin with and without a rate."""
    assert moved_by(fill("buy", "2", "100", "-0.3 USDT")) == moved("2", "100", "-0.3")
    assert moved_by(fill("buy", "2", "100", "-0.01 BTC")) == moved("2.01", "100", "-1")
    assert moved_by(fill("sell", "2", "100", "-0.01 BTC")) == moved("-1.99", "100", "-1")
    assert moved_by(fill("buy", "2", "100", "-0.1 BNB"), {"BNB": D(600)}) == moved("2", "100", "-60")
    assert moved_by(fill("buy", "2", "100", "-0.1 BNB")) == moved("2", "100", "0", ("BNB", "-0.1"))


def test_a_linear_contract_moves_its_size_in_base_units():
    """3 contracts of 0.001 BTC are 0.003 BTC; the fee is in the coin it settles in."""
    one = fill("sell", "3", "50000", "0.09 USDT", contract=Contract("USDT", D("0.001")))
    assert moved_by(one) == moved("-0.003", "50000", "0.09")


def test_a_contract_settled_in_a_coin_of_its_own_keeps_its_book_in_it():
    """BTC/USDT settled in USDC: USDC is the book's coin, USDT is a third one."""
    one = fill("buy", "1", "50000", "1 USDC", "2 USDT", contract=Contract("USDC"))
    assert moved_by(one) == moved("1", "50000", "1", ("USDT", "2"))
    assert moved_by(one, {"USDT": D("0.5")}) == moved("1", "50000", "2")


def test_a_base_fee_of_a_linear_contract_is_a_third_coin_s():
    """A contract hands over no coins: a fee in BTC lowers nothing and needs a rate."""
    one = fill("buy", "1", "50000", "0.01 BTC", contract=LINEAR)
    assert moved_by(one) == moved("1", "50000", "0", ("BTC", "0.01"))
    assert moved_by(one, {"BTC": D(49000)}) == moved("1", "50000", "490")


def test_an_inverse_contract_is_kept_in_its_base_coin():
    """100 contracts of 10 USD at 50,000: 1,000 quote units at -1/50000, the fee in BTC as it is."""
    one = fill("buy", "100", "50000", "0.00001 BTC", contract=Contract("BTC", D(10), inverse=True))
    assert moved_by(one) == moved("1000", "-0.00002", "0.00001")
    assert moved_by(fill("sell", "1", "50000", "0.1 USDT", contract=INVERSE)) == moved(
        "-1", "-0.00002", "0", ("USDT", "0.1")
    )


def test_an_inverse_contract_gains_what_the_reciprocals_differ_by():
    """1,000 USD long from 50,000 to 62,500 gain 1000/50000 - 1000/62500 = 0.004 BTC; short, they lose it."""
    contract = Contract("BTC", D(10), inverse=True)
    for sides, gross in ((("buy", "sell"), "0.004"), (("sell", "buy"), "-0.004")):
        book = Book("fifo", signed=True)
        moves = [moved_by(fill(s, "100", p, contract=contract)) for s, p in zip(sides, ("50000", "62500"), strict=True)]
        book_all(book, moves)
        assert book.tally.gross == D(gross)


# --- inverse prices -----------------------------------------------------------------------------------------------


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_inverse_prices_are_in_the_order_of_prices(one: int, other: int):
    """Whatever is dearer in quote stays dearer: `hifo` ranks an inverse book as any other. Five decimals of price."""
    dear, cheap = (D(n).scaleb(-5) for n in (max(one, other), min(one, other)))
    assert inverse_price(cheap) <= inverse_price(dear) < 0
    assert (inverse_price(cheap) == inverse_price(dear)) == (cheap == dear)


@given(st.integers(1, 10**12))
def test_an_inverse_price_is_the_reciprocal_to_thirty_decimals(n: int):
    """Nearer than half a unit of the thirtieth decimal."""
    price = D(n).scaleb(-5)
    told = inverse_price(price)
    assert abs(Fraction(told) + 1 / Fraction(price)) <= Fraction(51, 100) / 10**30
    assert decimals(told) <= 30


def test_the_inverse_of_no_price_is_none():
    """A contract at a price of zero is worth nothing in coins, instead of infinitely much."""
    assert inverse_price(D(0)) == 0


# --- integers -----------------------------------------------------------------------------------------------------

numbers = st.builds(
    lambda n, places: EXACT.scaleb(D(n), -places), st.integers(-(10**60) + 1, 10**60 - 1), st.integers(0, 30)
)
"""Up to thirty digits before and thirty behind the point, and some more before it."""
padded = st.builds(lambda v, zeros: EXACT.quantize(v, D(1).scaleb(-30 - zeros)), numbers, st.integers(0, 5))


@given(st.one_of(numbers, padded), st.integers(0, 40))
@example(D("-0"), 5)
@example(D("1E+20"), 0)
@example(D("-0.000000000000000000000000000001"), 0)
def test_a_decimal_becomes_an_integer_and_comes_back_as_itself(value: Decimal, more: int):
    """At its own decimals and at any more; the text is that of `format_decimal`, without its way through Decimal."""
    digits = decimals(value) + more
    number = to_int(value, digits)
    assert Fraction(number, 10**digits) == Fraction(value)
    assert to_decimal(number, digits) == value
    assert int_text(number, digits) == format_decimal(value)


@given(numbers.filter(lambda v: decimals(v) > 0), st.integers(1, 30))
def test_no_decimal_is_ever_cut_off(value: Decimal, less: int):
    """One digit too many is an error, never another number."""
    with pytest.raises(DataError, match="more decimals than its book"):
        to_int(value, max(0, decimals(value) - less))


@given(st.integers(-(10**120), 10**120), st.integers(0, 60))
def test_a_total_is_written_as_it_is(number: int, digits: int):
    """Sums of products, with more digits than any input: the text is still exact and without trailing zeros."""
    text = int_text(number, digits)
    assert Fraction(text) == Fraction(number, 10**digits)
    assert text == format_decimal(to_decimal(number, digits))


def test_conversions_do_not_depend_on_the_caller_s_context():
    """Python's own context keeps 28 digits, and whoever calls may have set fewer."""
    value = D("123456789012345678901234567890.123456789012345678901234567890")
    with localcontext(prec=5, rounding=ROUND_HALF_EVEN):
        assert decimals(value) == 29
        assert to_decimal(to_int(value, 30), 30) == value
        assert int_text(to_int(value, 30), 30) == format_decimal(value)
        one = Fill("1", "B/U", "B", "U", "sell", value, D("1.1"), TEN, (Fee(D("0.123456"), "B"),))
        assert moved_by(one).quantity == D("-123456789012345678901234567890.246912789012345678901234567890")


# --- scales -------------------------------------------------------------------------------------------------------

scales = st.builds(Scale, st.integers(0, 30), st.integers(0, 30), st.integers(0, 60))


@given(scales)
def test_a_scale_s_code_is_the_scale(scale: Scale):
    """What the store keeps of it gives it back."""
    assert Scale.of_code(scale.code) == scale


@given(scales, scales, scales)
def test_a_scale_only_grows(one: Scale, two: Scale, three: Scale):
    """Joined, it holds both, is no larger than it must be, and the order of joining does not matter."""
    joined = one | two
    assert all(isinstance(n, int) and n >= 1 for n in joined.factors_from(one))
    assert (joined.quantity, joined.price, joined.fee) == tuple(
        max(pair) for pair in zip((one.quantity, one.price, one.fee), (two.quantity, two.price, two.fee), strict=True)
    )
    assert joined == two | one
    assert joined | joined == joined
    assert (one | two) | three == one | (two | three)


@given(scales, scales, st.integers(-(10**20), 10**20))
def test_factors_bring_an_integer_into_the_larger_scale(one: Scale, two: Scale, number: int):
    """The same amount, in other integers."""
    larger = one | two
    for factor, before, after in zip(
        larger.factors_from(one),
        (one.quantity, one.price, one.fee),
        (larger.quantity, larger.price, larger.fee),
        strict=True,
    ):
        assert isinstance(factor, int)
        assert to_decimal(number * factor, after) == to_decimal(number, before)


def test_a_scale_holds_what_it_was_grown_for():
    """Trailing zeros do not count; what it does not hold is refused."""
    small = Scale()
    fine = Moved(D("0.123456789"), D("1.5000000000"), D("0.1234567890123"))
    grown = small.holding(fine)
    assert grown == Scale(9, 8, 13)
    assert grown.entry(7, 5, fine) == (7, 5, 123456789, 150000000, 1234567890123)
    with pytest.raises(DataError):
        small.entry(7, 5, fine)
    assert small.holding(Moved(D("1.10"), D("100"), D("0"))) == small


# --- the fold, however it came to its scale -----------------------------------------------------------------------


def book_all(book: Book, moves: Iterable[Moved]) -> list[RawBooked]:
    """Each move booked as it comes, in a scale grown when it must be."""
    out: list[RawBooked] = []
    for n, move in enumerate(moves):
        book.grow(book.scale.holding(move))
        fold_entries(book, [book.scale.entry(n, n, move)], out)
    return out


def amount(whole: int, places: int) -> st.SearchStrategy[Decimal]:
    """Most of them small and alike, so that lots are met exactly; some with many decimals."""
    few = st.integers(0, 5).map(D)
    many = st.builds(lambda n, p: EXACT.scaleb(D(n), -p), st.integers(0, 10**whole), st.integers(0, places))
    return st.one_of(few, few, many)


signs = st.sampled_from([D(1), D(-1)])


@st.composite
def any_move(draw: st.DrawFn) -> Moved:
    """Coins in or out, at a price above zero or at none, with a fee or a rebate."""
    quantity = EXACT.multiply(draw(signs), draw(amount(20, 30)))
    return Moved(quantity, draw(amount(20, 30)), EXACT.multiply(draw(signs), draw(amount(20, 60))))


moves = any_move()
Told = tuple[object, ...]


def state(book: Book) -> Told:
    """All that a book knows, as values."""
    return book.tally, book.open_lots, book.open_quantity, book.open_cost, book.side


def values(scale: Scale, out: Iterable[RawBooked]) -> list[tuple[Disposal | None, Unmatched | None]]:
    return [(disposal_of(scale, raw), unmatched_of(scale, raw)) for raw in out]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moves, max_size=14), st.sampled_from(METHODS), st.booleans(), st.integers(1, 5))
def test_one_go_one_by_one_and_a_scale_that_grows_are_one_fold(
    history: list[Moved], method: Method, signed: bool, step: int
):
    """All entries at once in the final scale; in pages; one at a time; and one at a time in a scale that grows as the
    digits come: lots, totals and every disposal are the same to the last digit, told or not."""
    final = Scale()
    for move in history:
        final = final.holding(move)
    entries = [final.entry(n, n, move) for n, move in enumerate(history)]

    whole, told = Book(method, signed, scale=final), []
    fold_entries(whole, entries, told)
    silent = Book(method, signed, scale=final)
    fold_entries(silent, entries)
    paged, paged_told = Book(method, signed, scale=final), []
    for n in range(0, len(entries), step):
        fold_entries(paged, entries[n : n + step], paged_told)
    grown = Book(method, signed)
    grown_told = []
    for n, move in enumerate(history):
        grown.grow(grown.scale.holding(move))
        out: list[RawBooked] = []
        fold_entries(grown, [grown.scale.entry(n, n, move)], out)
        grown_told += values(grown.scale, out)

    assert state(silent) == state(paged) == state(grown) == state(whole)
    assert paged_told == told
    assert grown_told == values(final, told)
    assert grown.scale == final
    assert whole.tally.fills == len(history)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moves, max_size=12), st.sampled_from(METHODS), st.booleans(), st.integers(0, 12), scales)
def test_a_book_that_is_brought_back_mid_way_goes_on_as_if_it_had_never_stopped(
    history: list[Moved], method: Method, signed: bool, stop: int, wider: Scale
):
    """From its open lots and its totals, in whatever larger scale: that is all a checkpoint keeps."""
    whole = Book(method, signed)
    told = book_all(whole, history)
    first = Book(method, signed)
    book_all(first, history[:stop])
    second = Book(method, signed, scale=first.scale | wider, tally=first.tally, restored=first.open_lots)
    out: list[RawBooked] = []
    for n, move in list(enumerate(history))[stop:]:
        second.grow(second.scale.holding(move))
        fold_entries(second, [second.scale.entry(n, n, move)], out)
    assert state(second) == state(whole)
    assert [raw.entry.id for raw in told[stop:]] == [raw.entry.id for raw in out]
    assert [len(raw.parts) for raw in told[stop:]] == [len(raw.parts) for raw in out]


def test_what_is_told_is_not_changed_by_what_comes_later():
    """Parts of one entry do not turn up in the next one's."""
    book, out = Book("fifo"), []
    scale = book.scale
    history = [moved("1", "10", "1"), moved("1", "20"), moved("-1.5", "30"), moved("-0.25", "30"), moved("5", "1")]
    fold_entries(book, [scale.entry(n, n, move) for n, move in enumerate(history)], out)
    assert [len(raw.parts) for raw in out] == [0, 0, 2, 1, 0]


def test_a_fee_of_more_decimals_than_the_fold_keeps_is_exact_or_refused():
    """A fee of thirty decimals at 1/price of a dear coin: the figure is exact, or an error says that it cannot be."""
    multiply, rate = EXACT.multiply, RATE_CONTEXT.divide(D(1), D("123456789012345"))
    fee = "1234567.000000000000000000000000000001"
    move = moved_by(fill("buy", "1", "100", f"{fee} BNB"), {"BNB": rate})
    assert decimals(multiply(D(fee), rate)) > MONEY_DIGITS >= decimals(move.fees)
    book = Book("fifo")
    try:
        book_all(book, [move, moved("-1", "110")])
    except DataError:
        return
    assert abs(Fraction(book.tally.fees) - Fraction(fee) * Fraction(rate)) < Fraction(1, 10**59)


def test_a_contract_of_many_decimals_is_exact_or_refused():
    """A size of thirty decimals and a quantity of thirty more, at a price with decimals of its own."""
    contract = Contract("USDT", D("1.000000000000000000000000000001"))
    sizes = ("3.000000000000000000000000000001", "100.01"), ("3.000000000000000000000000000001", "100.03")
    book = Book("fifo", signed=True)
    try:
        book_all(book, [moved_by(fill(s, *q, contract=contract)) for s, q in zip(("buy", "sell"), sizes, strict=True)])
    except DataError:
        return
    exact = Fraction(sizes[0][0]) * Fraction(contract.size) * Fraction("0.02")
    assert abs(Fraction(book.tally.gross) - exact) < Fraction(1, 10**59)
