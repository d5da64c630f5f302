"""Laws that hold for every history of fills, by every method, on spot and on signed books.

Each law is a function with a docstring; `test_law` tries it on some histories, `test_law_at_length` (nightly) on ten
thousand. Sums are made of `Fraction`, so that nothing here rounds: what is said to be equal is equal to the last digit.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trademon.core.model import METHODS, Fee, Fill, Method, fill_order
from trademon.core.money import EXACT, format_decimal, round_figure
from trademon.core.pnl import Book, Booked, fold

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
NIL = Fraction(0)
CUT = Fraction(1, 10**50)  # a fold cuts shares at the 60th place; thousands of cuts stay below the 50th


def scaled(digits: int, decimals: int) -> Decimal:
    return Decimal(f"{digits}e-{decimals}")


# --- histories ----------------------------------------------------------------------------------------------------

few = st.integers(1, 5).map(Decimal)
quantities = st.one_of(
    few,
    few,
    st.integers(1, 10**10).map(lambda n: scaled(n, 8)),
    st.sampled_from([Decimal(q) for q in ("1e-18", "1e15", "0.333333333333333333", "0.1", "7", "3")]),
)
prices = st.one_of(
    st.integers(0, 4).map(lambda n: Decimal(100 + 10 * n)),
    st.integers(0, 10**18).map(lambda n: scaled(n, 12)),
    st.sampled_from([Decimal(0), Decimal("1e-12"), Decimal("33.333333333333")]),
)
rates = st.sampled_from([Decimal(r) for r in ("0.001", "0.0003", "0.1", "-0.0002", "-0.3", "1", "1.5", "-1.5")])


@st.composite
def fees(draw: st.DrawFn, quantity: Decimal) -> Fee:
    """Base fees are a part of the fill, now and then all of it or more; others are any amount."""
    currency = draw(st.sampled_from(["USDT", "BTC", "BNB"]))
    with localcontext(EXACT):
        if currency == "BTC":
            return Fee(quantity * draw(rates), currency)
        return Fee(scaled(draw(st.integers(-300, 10**4)), 3), currency)


@st.composite
def fills(draw: st.DrawFn) -> Fill:
    quantity = draw(quantities)
    return Fill(
        trade_id="1",
        symbol="BTC/USDT",
        base="BTC",
        quote="USDT",
        side=draw(st.sampled_from(["buy", "sell"])),
        quantity=quantity,
        price=draw(prices),
        executed_at=TEN + timedelta(milliseconds=draw(st.integers(0, 5))),
        fees=tuple(draw(st.lists(fees(quantity), max_size=2))),
    )


def numbered(history: list[Fill]) -> list[Fill]:
    """Distinct ids around the step from one digit to two, in booking order; ties in time are common."""
    return sorted((replace(f, trade_id=str(7 + n)) for n, f in enumerate(history)), key=fill_order)


histories = st.lists(fills(), max_size=12).map(numbered)


def entries(history: list[Fill]) -> list[tuple[int, Fill]]:
    """Fills with a store id each: fill 7 is 70, and were it reported as two, 71 and 72."""
    ids = [f.trade_id.split(".") for f in history]
    return [(int(whole) * 10 + int(part[0] if part else 0), f) for (whole, *part), f in zip(ids, history, strict=True)]


@dataclass(frozen=True)
class Case:
    """One history, booked one way; `dice` for what a law leaves to chance."""

    history: list[Fill]
    method: Method
    signed: bool
    dice: random.Random

    def fold(self, history: list[Fill] | None = None, method: Method | None = None) -> tuple[Book, list[Booked]]:
        book = Book(method or self.method, self.signed)
        return book, list(fold(book, entries(self.history if history is None else history)))


cases = st.builds(Case, histories, st.sampled_from(METHODS), st.booleans(), st.randoms(use_true_random=False))


# --- small exact sums ---------------------------------------------------------------------------------------------


def base_fee(fill: Fill) -> Fraction:
    return sum((Fraction(fee.amount) for fee in fill.fees if fee.currency == "BTC"), NIL)


def quote_fee(fill: Fill) -> Fraction:
    return sum((Fraction(fee.amount) for fee in fill.fees if fee.currency == "USDT"), NIL)


def fee_value(fill: Fill) -> Fraction:
    return quote_fee(fill) + base_fee(fill) * Fraction(fill.price)


def moved(fill: Fill) -> Fraction:
    """What the account's base coins changed by."""
    return (1 if fill.side == "buy" else -1) * Fraction(fill.quantity) - base_fee(fill)


def held(book: Book) -> Fraction:
    """The open quantity, below zero when short."""
    return sum((Fraction(x.quantity) * (1 if x.side == "buy" else -1) for x in book.open_lots), NIL)


def carried(book: Book) -> Fraction:
    return sum((Fraction(lot.fees) for lot in book.open_lots), NIL)


def invested(book: Book) -> Fraction:
    """What was paid for the open lots without fees; what a short lot brought in counts against it."""
    return sum((Fraction(x.cost) * (1 if x.side == "buy" else -1) for x in book.open_lots), NIL)


def totals(book: Book, *, rounded: bool = False) -> dict[str, object]:
    """Every total of a book except how many fills it took to get there."""
    tally = book.tally
    with localcontext(EXACT):
        lots = book.open_lots
        figures = {
            "gross": tally.gross,
            "fees": tally.fees,
            "unmatched_quantity": tally.unmatched_quantity,
            "unmatched_proceeds": tally.unmatched_proceeds,
            "unmatched_fees": tally.unmatched_fees,
            "open_quantity": abs(book.open_quantity),
            "open_cost": sum((lot.cost for lot in lots), Decimal(0)),
            "open_fees": sum((lot.fees for lot in lots), Decimal(0)),
        }
    told: dict[str, object] = {k: format_decimal(round_figure(v) if rounded else v) for k, v in figures.items()}
    return told | {"unvalued": dict(tally.unvalued), "side": book.side}


# --- the laws -----------------------------------------------------------------------------------------------------


def every_coin_is_closed_open_or_unmatched(case: Case) -> None:
    """What moved in and out of the account is what the lots hold, less what was sold unmatched."""
    book, booked = case.fold()
    moves = sum((moved(f) for f in case.history), NIL)
    assert moves == held(book) - Fraction(book.tally.unmatched_quantity)
    for fill, told in zip(case.history, booked, strict=True):
        parts = [part.quantity for part in (told.disposal, told.opened, told.unmatched) if part is not None]
        assert sum(map(Fraction, parts), NIL) == abs(moved(fill))
    assert abs(Fraction(book.open_quantity)) == abs(held(book))
    assert all(lot.quantity > 0 for lot in book.open_lots)
    assert len({lot.side for lot in book.open_lots}) <= 1


def every_fee_is_realised_carried_or_unmatched(case: Case) -> None:
    """Fees with a known value are in exactly one of three places; those without are listed by coin."""
    book, _ = case.fold()
    paid = sum((fee_value(f) for f in case.history), NIL)
    assert paid == Fraction(book.tally.fees) + carried(book) + Fraction(book.tally.unmatched_fees)
    listed = sum((Fraction(fee.amount) for f in case.history for fee in f.fees if fee.currency == "BNB"), NIL)
    assert listed == Fraction(book.tally.unvalued.get("BNB", Decimal(0)))
    assert set(book.tally.unvalued) <= {"BNB"}


def cash_is_net_less_what_is_invested_and_what_is_unmatched(case: Case) -> None:
    """Cash in less cash out is the net, less the open lots with their fees, plus what unmatched sales brought."""
    book, _ = case.fold()
    tally = book.tally
    cash = sum(
        (
            Fraction(f.quantity) * Fraction(f.price) * (-1 if f.side == "buy" else 1) - quote_fee(f)
            for f in case.history
        ),
        NIL,
    )
    net = Fraction(tally.gross) - Fraction(tally.fees)
    unmatched = Fraction(tally.unmatched_proceeds) - Fraction(tally.unmatched_fees)
    assert cash == net - invested(book) - carried(book) + unmatched


def parts_add_up_to_their_disposal(case: Case) -> None:
    """A disposal is the sum of its lot parts, and the tally is the sum of its disposals."""
    book, booked = case.fold()
    disposals = [b.disposal for b in booked if b.disposal is not None]
    for d in disposals:
        assert sum((Fraction(p.quantity) for p in d.parts), NIL) == Fraction(d.quantity)
        assert sum((Fraction(p.gross) for p in d.parts), NIL) == Fraction(d.gross)
        assert sum((Fraction(p.fees) for p in d.parts), NIL) == Fraction(d.fees)
        cost = sum((Fraction(p.cost) for p in d.parts), NIL)
        assert abs(Fraction(d.proceeds) - cost) == abs(Fraction(d.gross))
    assert sum((Fraction(d.gross) for d in disposals), NIL) == Fraction(book.tally.gross)
    assert (len(disposals), len(booked)) == (book.tally.disposals, book.tally.fills)


def once_flat_all_methods_agree(case: Case) -> None:
    """Methods share out the same gain differently in time; when nothing is open there is nothing left to share."""
    book, _ = case.fold()
    history = list(case.history)
    if open_now := held(book):
        with localcontext(EXACT):
            closing = Fill("99", "BTC/USDT", "BTC", "USDT", "sell" if open_now > 0 else "buy", abs(book.open_quantity),
                           Decimal(105), TEN + timedelta(days=1))  # fmt: skip
        history.append(closing)
    told = [totals(case.fold(history, method)[0]) for method in METHODS]
    assert told[0]["open_quantity"] == "0"
    assert all(figures == told[0] for figures in told)


def splitting_a_fill_changes_no_total(case: Case) -> None:
    """One execution reported as two, its fees split in the same proportion, earns the same."""
    if not case.history:
        return
    at = case.dice.randrange(len(case.history))
    whole, part = case.history[at], Decimal(case.dice.choice(["0.5", "0.25", "0.1", "0.9"]))
    with localcontext(EXACT):
        halves = [
            replace(
                whole,
                trade_id=f"{whole.trade_id}.{n}",
                quantity=whole.quantity * p,
                fees=tuple(Fee(fee.amount * p, fee.currency) for fee in whole.fees),
            )
            for n, p in ((1, part), (2, 1 - part))
        ]
    book, _ = case.fold()
    split, _ = case.fold([*case.history[:at], *halves, *case.history[at + 1 :]])
    assert totals(split, rounded=True) == totals(book, rounded=True)


def the_order_of_arrival_changes_nothing(case: Case) -> None:
    """Sorted by `fill_order`, a shuffled history gives every disposal and lot again."""
    shuffled = list(case.history)
    case.dice.shuffle(shuffled)
    book, booked = case.fold()
    again, rebooked = case.fold(sorted(shuffled, key=fill_order))
    assert rebooked == booked
    assert again.open_lots == book.open_lots
    assert again.tally == book.tally


def a_fold_resumed_is_a_fold_uninterrupted(case: Case) -> None:
    """The open lots, oldest first, and the tally are the whole state, wherever the fold stopped."""
    stop = case.dice.randint(0, len(case.history))
    book, booked = case.fold()
    first, told = case.fold(case.history[:stop])
    with localcontext(EXACT):  # see test_a_book_of_many_digits_is_brought_back_exactly
        second = Book(case.method, case.signed, tally=first.tally, restored=first.open_lots)
    told += list(fold(second, entries(case.history[stop:])))
    assert told == booked
    assert second.open_lots == book.open_lots
    assert totals(second) == totals(book)


def a_slow_matcher_in_fractions_agrees_on_every_disposal(case: Case) -> None:
    """A list, sorted anew for each sale, in exact fractions, takes the same lots at the same cost."""
    book, booked = case.fold()
    slow = Slow(case.method, case.signed)
    for told in booked:
        expected = slow.book(told.fill_id, told.fill)
        d = told.disposal
        assert [(p.lot_fill_id, Fraction(p.quantity)) for p in (d.parts if d else ())] == expected.parts
        assert (Fraction(told.unmatched.quantity) if told.unmatched else NIL) == expected.unmatched
        if d is not None:
            assert abs(Fraction(d.gross) - expected.gross) < CUT
            assert abs(Fraction(d.fees) - expected.fees) < CUT
    assert abs(invested(book) - slow.invested) < CUT
    assert held(book) == slow.held


def cash(history: list[Fill]) -> Fraction:
    """What came into the account in quote, less what went out."""
    flow = ((-1 if f.side == "buy" else 1) * Fraction(f.quantity) * Fraction(f.price) - quote_fee(f) for f in history)
    return sum(flow, NIL)


def open_cost_is_the_cash_that_waits_in_what_is_open(case: Case) -> None:
    """Of longs the cost with the fees carried, of shorts the proceeds less them; and cash in less cash out is the net
    less the one or plus the other, plus what unmatched sales brought."""
    book, _ = case.fold()
    lots, tally = book.open_lots, book.tally
    cost = sum((Fraction(lot.cost) for lot in lots), NIL)
    assert Fraction(book.open_cost) == (cost - carried(book) if book.side == "sell" else cost + carried(book))
    waiting = Fraction(book.open_cost) if book.side == "sell" else -Fraction(book.open_cost)
    net = Fraction(tally.gross) - Fraction(tally.fees)
    unmatched = Fraction(tally.unmatched_proceeds) - Fraction(tally.unmatched_fees)
    assert cash(case.history) == net + waiting + unmatched


def what_each_fill_opens_and_closes_adds_up_to_what_is_open(case: Case) -> None:
    """Quantity and open cost can be carried on fill by fill, without looking at any lot: what is opened is added, what
    is closed is taken off with its share of the opening fees."""
    book = Book(case.method, case.signed)
    quantity = cost = NIL
    for told in fold(book, entries(case.history)):
        bought = moved(told.fill) > 0
        sign = 1 if bought else -1  # what a buy opens is long, what it closes was short
        quantity += moved(told.fill) + (Fraction(told.unmatched.quantity) if told.unmatched else NIL)
        for part in told.disposal.parts if told.disposal else ():
            cost -= Fraction(part.cost) - sign * Fraction(part.lot_fees)
        if told.opened:
            cost += Fraction(told.opened.cost) + sign * Fraction(told.opened.fees)
        assert quantity == Fraction(book.open_quantity)
        assert cost == Fraction(book.open_cost)


def closing_all_at_a_price_gains_what_it_lies_beyond_the_open_cost(case: Case) -> None:
    """Sold for more than the open cost, bought back for less than it: the difference is the net, by every method."""
    book, _ = case.fold()
    if book.side is None:
        return
    before = Fraction(book.tally.gross) - Fraction(book.tally.fees)
    price, sign = Decimal("105.000000000007"), 1 if book.side == "buy" else -1
    with localcontext(EXACT):
        value = abs(book.open_quantity) * price
        side = "sell" if book.side == "buy" else "buy"
        closing = Fill("99", "BTC/USDT", "BTC", "USDT", side, abs(book.open_quantity), price, TEN)
    wanted = sign * (Fraction(value) - Fraction(book.open_cost))
    list(fold(book, [(990, closing)]))
    assert Fraction(book.tally.gross) - Fraction(book.tally.fees) == before + wanted
    assert (book.side, book.open_quantity, book.open_cost) == (None, 0, 0)


LAWS = [
    every_coin_is_closed_open_or_unmatched,
    every_fee_is_realised_carried_or_unmatched,
    cash_is_net_less_what_is_invested_and_what_is_unmatched,
    parts_add_up_to_their_disposal,
    once_flat_all_methods_agree,
    splitting_a_fill_changes_no_total,
    the_order_of_arrival_changes_nothing,
    a_fold_resumed_is_a_fold_uninterrupted,
    a_slow_matcher_in_fractions_agrees_on_every_disposal,
    open_cost_is_the_cash_that_waits_in_what_is_open,
    what_each_fill_opens_and_closes_adds_up_to_what_is_open,
    closing_all_at_a_price_gains_what_it_lies_beyond_the_open_cost,
]

# --- the slow matcher ---------------------------------------------------------------------------------------------


@dataclass
class SlowLot:
    id: int
    quantity: Fraction  # below zero: short
    price: Fraction
    unit_cost: Fraction
    unit_fee: Fraction


@dataclass
class Expected:
    parts: list[tuple[int, Fraction]]
    gross: Fraction = NIL
    fees: Fraction = NIL
    unmatched: Fraction = NIL


class Slow:
    """The rules once more, written for plainness: signed unit lots in a list."""

    def __init__(self, method: Method, signed: bool) -> None:
        self.method, self.signed = method, signed
        self.lots: list[SlowLot] = []

    @property
    def held(self) -> Fraction:
        return sum((lot.quantity for lot in self.lots), NIL)

    @property
    def invested(self) -> Fraction:
        return sum((lot.quantity * lot.unit_cost for lot in self.lots), NIL)

    def in_order(self) -> list[SlowLot]:
        if self.method == "lifo":
            return self.lots[::-1]
        if self.method == "hifo":
            return sorted(self.lots, key=lambda lot: -lot.price)
        return list(self.lots)

    def book(self, id_: int, fill: Fill) -> Expected:
        change, price = moved(fill), Fraction(fill.price)
        done = Expected([])
        if not change:
            return done
        unit_fee = fee_value(fill) / abs(change)
        for lot in self.in_order():
            if not change or lot.quantity * change > 0:
                break
            part = min(abs(lot.quantity), abs(change)) * (1 if lot.quantity > 0 else -1)
            done.parts.append((lot.id, abs(part)))
            done.gross += part * (price - lot.unit_cost)
            done.fees += abs(part) * (lot.unit_fee + unit_fee)
            lot.quantity -= part
            change += part
        self.lots = [lot for lot in self.lots if lot.quantity]
        if change > 0 or (change and self.signed):
            self.lots.append(SlowLot(id_, change, price, price, unit_fee))
            if self.method == "average":
                self.pool()
        else:
            done.unmatched = -change
        return done

    def pool(self) -> None:
        first, quantity = self.lots[0], self.held
        fee = sum((abs(lot.quantity) * lot.unit_fee for lot in self.lots), NIL)
        self.lots = [SlowLot(first.id, quantity, first.price, self.invested / quantity, fee / abs(quantity))]


# --- the tests ----------------------------------------------------------------------------------------------------

Law = Callable[[Case], None]
each_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
EMPTY = Case([], "fifo", False, random.Random(0))


@each_law
@settings(unhurried, max_examples=200)
@example(EMPTY)
@given(cases)
def test_law(law: Law, case: Case):
    """The law holds for what Hypothesis thinks of in a moment."""
    law(case)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@each_law
@settings(unhurried, max_examples=10_000)
@given(cases)
def test_law_at_length(law: Law, case: Case):
    """And for ten thousand histories."""
    law(case)


extremes = st.sampled_from([Decimal(q) for q in ("1e-18", "3e-18", "1e15", "999999999999999.999999999999999999", "3")])
fine_prices = st.one_of(
    st.sampled_from([Decimal(p) for p in ("0.333333333333", "66666.666666666667", "0.000000000001", "1e15")]),
    st.integers(1, 10**17).map(lambda n: scaled(n, 12)),
)


@st.composite
def extreme_fills(draw: st.DrawFn) -> Fill:
    """Dust and fortunes, prices of twelve decimals, fees that do not divide."""
    fill = draw(fills())
    quantity = draw(st.one_of(extremes, extremes, quantities))
    paid = tuple(draw(st.lists(fees(quantity), max_size=3)))
    return replace(fill, quantity=quantity, price=draw(fine_prices), fees=paid)


extreme_cases = st.builds(
    Case,
    st.lists(extreme_fills(), max_size=12).map(numbered),
    st.sampled_from(METHODS),
    st.booleans(),
    st.randoms(use_true_random=False),
)


@each_law
@settings(unhurried, max_examples=100)
@given(extreme_cases)
def test_law_at_extremes(law: Law, case: Case):
    """Quantities of 1e-18 beside 1e15, prices of twelve decimals, thirds of both: the law holds to the last digit."""
    law(case)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@each_law
@settings(unhurried, max_examples=10_000)
@given(extreme_cases)
def test_law_at_extremes_at_length(law: Law, case: Case):
    """And for ten thousand such histories."""
    law(case)


def test_every_law_says_what_it_proves():
    """A law is read before it is believed."""
    assert all(law.__doc__ for law in LAWS)


def test_a_history_of_a_thousand_fills_obeys_every_law():
    """Long queues and many cuts: every law once, for every method, on spot and on a signed book."""
    dice = random.Random(20260101)
    history = [
        Fill(
            trade_id=str(n),
            symbol="BTC/USDT",
            base="BTC",
            quote="USDT",
            side=dice.choice(["buy", "buy", "sell", "sell", "sell"]) if n % 3 else "buy",
            quantity=scaled(dice.randint(1, 10**9), 8),
            price=scaled(dice.randint(10**9, 10**10), 5),
            executed_at=TEN + timedelta(milliseconds=n // 3),
            fees=(Fee(scaled(dice.randint(-10, 1000), 3), "USDT"),),
        )
        for n in range(1000, 2000)
    ]
    for method in METHODS:
        for signed in (False, True):
            for law in LAWS:
                law(Case(history, method, signed, random.Random(1)))
