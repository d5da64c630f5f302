"""Which lot goes first, and what of it: the methods in a trader's words.

`lots("fifo", "b1 50 @ 115", "b2 50 @ 116")` opens two lots by the fills b1 and b2; `sell(book, "75")` closes 75 and
tells what was taken, as `b1 50 = 5750, b2 25 = 2900`: quantity and cost. A lot may carry `fee 1`.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest

from trademon.core.entries import Moved
from trademon.core.lots import AGE, OpenLots
from trademon.core.model import METHODS, Lot, LotPart, Method
from trademon.core.money import EXACT, ZERO, format_figure
from trademon.core.pnl import Book, disposal_of, fold_entries
from trademon.core.times import to_us

OPENED = datetime(2026, 1, 1, 10, tzinfo=UTC)


def lot(words: str) -> Lot:
    """`b1 50 @ 115 fee 1` is a long lot opened by fill 1; with an `s` in front it is a short one."""
    name, quantity, _, price, *fee = words.split()
    with localcontext(EXACT):
        return Lot(
            fill_id=int(name[1:]),
            side="buy" if name[0] == "b" else "sell",
            quantity=Decimal(quantity),
            cost=Decimal(quantity) * Decimal(price),
            fees=Decimal(fee[1]) if fee else ZERO,
            price=Decimal(price),
            opened_at=OPENED + timedelta(minutes=int(name[1:])),
        )


class Lots(Book):
    """A signed book of these lots: what is asked of it here is which of them go."""

    def take(self, quantity: str) -> list[LotPart]:
        """Close that much at a price of zero; nothing is opened beyond what there is."""
        side = -1 if self.side == "buy" else 1
        wanted = min(Decimal(quantity), abs(self.open_quantity))
        if not wanted:
            return []
        entry, out = Moved(side * wanted, ZERO, ZERO), []
        self.grow(self.scale.holding(entry))
        fold_entries(self, [self.scale.entry(99, 0, entry)], out)
        disposal = disposal_of(self.scale, out[0])
        return list(disposal.parts) if disposal else []

    def open(self, lot: Lot) -> None:
        with localcontext(EXACT):
            entry = Moved(lot.quantity if lot.side == "buy" else -lot.quantity, lot.price, lot.fees)
        self.grow(self.scale.holding(entry))
        fold_entries(self, [self.scale.entry(lot.fill_id, to_us(lot.opened_at), entry)])


def lots(method: Method, *words: str) -> Lots:
    book = Lots(method, signed=True)
    for w in words:
        book.open(lot(w))
    return book


def say(name: str, quantity: Decimal, cost: Decimal, fees: Decimal) -> str:
    told = f"{name} {format_figure(quantity)} = {format_figure(cost)}"
    return told + (f" fee {format_figure(fees)}" if fees else "")


def sell(book: Lots, quantity: str) -> str:
    letter = "b" if book.side == "buy" else "s"
    return ", ".join(say(f"{letter}{t.lot_fill_id}", t.quantity, t.cost, t.lot_fees) for t in book.take(quantity))


def left(book: Lots) -> str:
    letter = "b" if book.side == "buy" else "s"
    return ", ".join(say(f"{letter}{x.fill_id}", x.quantity, x.cost, x.fees) for x in book.open_lots)


THREE = ("b1 10 @ 100", "b2 10 @ 120", "b3 10 @ 90")


def test_fifo_takes_the_oldest_lot_first():
    """A sale closes lots in the order they were opened, splitting the last."""
    book = lots("fifo", "b1 50 @ 115", "b2 50 @ 116")
    assert sell(book, "75") == "b1 50 = 5750, b2 25 = 2900"
    assert left(book) == "b2 25 = 2900"


def test_lifo_takes_the_newest_lot_first():
    """The rest of a split lot stays in its place."""
    book = lots("lifo", *THREE)
    assert sell(book, "15") == "b3 10 = 900, b2 5 = 600"
    assert left(book) == "b1 10 = 1000, b2 5 = 600"


def test_lifo_takes_what_was_opened_since_before_the_rest_of_a_split_lot():
    """A new lot is the newest, whatever was begun before."""
    book = lots("lifo", "b1 10 @ 100")
    assert sell(book, "5") == "b1 5 = 500"
    book.open(lot("b2 1 @ 130"))
    assert sell(book, "2") == "b2 1 = 130, b1 1 = 100"


def test_hifo_takes_the_dearest_lot_first():
    """Highest price first, so that the gain is smallest."""
    book = lots("hifo", *THREE)
    assert sell(book, "25") == "b2 10 = 1200, b1 10 = 1000, b3 5 = 450"


def test_hifo_takes_the_older_of_two_lots_at_one_price():
    """A tie is decided by age."""
    book = lots("hifo", "b1 1 @ 100", "b2 1 @ 100.00", "b3 1 @ 99")
    assert sell(book, "1.5") == "b1 1 = 100, b2 0.5 = 50"


def test_hifo_ranks_by_price_and_not_by_price_with_fees():
    """A dear fee does not make a lot dearer."""
    book = lots("hifo", "b1 1 @ 100 fee 50", "b2 1 @ 101")
    assert sell(book, "1") == "b2 1 = 101"


def test_average_takes_its_share_of_the_one_pool():
    """Two buys are one pool of 20 at 110 each."""
    book = lots("average", "b1 10 @ 100", "b2 10 @ 120")
    assert sell(book, "5") == "b1 5 = 550"
    assert left(book) == "b1 15 = 1650"


def test_average_moves_with_what_is_held_and_starts_anew_at_zero():
    """What was sold long ago does not weigh on what is held today."""
    book = lots("average", "b1 1 @ 10")
    assert sell(book, "1") == "b1 1 = 10"
    book.open(lot("b2 1 @ 30"))
    assert sell(book, "1") == "b2 1 = 30"


def test_a_buy_after_a_sale_moves_the_average_of_what_is_left():
    """10 left at 10 and 10 more at 20 are 20 at 15."""
    book = lots("average", "b1 20 @ 10")
    sell(book, "10")
    book.open(lot("b2 10 @ 20"))
    assert sell(book, "10") == "b1 10 = 150"


@pytest.mark.parametrize("method", METHODS)
def test_a_third_of_a_lot_takes_a_third_of_its_fee_and_the_last_takes_the_rest(method: Method):
    """Three sales of one unit each: the three fees add up to the fee, exactly."""
    book = lots(method, "b1 3 @ 10 fee 1")
    with localcontext(EXACT):
        taken = [book.take("1")[0] for _ in range(3)]
        assert sum((t.lot_fees for t in taken), ZERO) == 1
        assert sum((t.cost for t in taken), ZERO) == 30
    assert format_figure(taken[0].lot_fees) == "0." + "3" * 30
    assert left(book) == ""


@pytest.mark.parametrize("method", METHODS)
def test_no_more_is_taken_than_there_is(method: Method):
    """What met no lot is the caller's to name."""
    book = lots(method, "b1 1 @ 100")
    assert sell(book, "2") == "b1 1 = 100"
    assert book.open_quantity == 0
    assert book.side is None
    assert sell(book, "2") == ""


@pytest.mark.parametrize("method", METHODS)
def test_a_lot_that_is_just_emptied_leaves_nothing_behind(method: Method):
    """No lot of quantity zero stays, and none is touched beyond it."""
    book = lots(method, "b1 0.1 @ 100", "b2 0.2 @ 100")
    sell(book, "0.3")
    assert left(book) == ""
    assert book.open_quantity == 0


def test_short_lots_are_lots_like_any_other():
    """A book opened by sales is closed by buys in the same order."""
    book = lots("fifo", "s1 1 @ 100", "s2 1 @ 90")
    assert book.side == "sell"
    assert sell(book, "1.5") == "s1 1 = 100, s2 0.5 = 45"


@pytest.mark.parametrize("method", METHODS)
def test_lots_kept_and_brought_back_are_closed_in_the_same_order(method: Method):
    """What the store keeps, oldest first, is the whole state."""
    book = lots(method, *THREE, "b4 10 @ 120")
    sell(book, "12")
    again = Lots(method, signed=True, restored=book.open_lots)
    assert left(again) == left(book)
    assert sell(again, "17") == sell(book, "17")


@pytest.mark.parametrize("method", METHODS)
def test_dust_beside_a_fortune_keeps_its_digits(method: Method):
    """1e15 and 1e-18 have 34 digits between them, more than Python's own context keeps."""
    book = lots(method, "b1 1e15 @ 1", "b2 1e-18 @ 1")
    assert format_figure(book.open_quantity) == "1000000000000000.000000000000000001"
    sell(book, "1e15")
    assert format_figure(book.open_quantity) == "0.000000000000000001"


@pytest.mark.parametrize("method", METHODS)
def test_a_heap_keeps_its_order_when_the_book_takes_more_decimals(method: Method):
    """Prices of more decimals than all before rescale the book, and change nothing else."""
    finer = (*THREE, "b4 10 @ 120.000000000001")
    book, whole = lots(method, *THREE), lots(method, *finer)
    book.open(lot(finer[-1]))
    assert left(book) == left(whole)
    assert sell(book, "35") == sell(whole, "35")


@pytest.mark.parametrize("method", METHODS)
def test_lots_are_brought_back_exactly_also_outside_of_the_fold(method: Method):
    """Whoever restores a book need not know in which context to do it."""
    book = lots(method, "b1 1e15 @ 1", "b2 1e-18 @ 1")
    again = Lots(method, signed=True, restored=book.open_lots)
    assert format_figure(again.open_quantity) == "1000000000000000.000000000000000001"
    assert left(again) == left(book)


def test_hifo_takes_the_highest_price_and_the_oldest_of_it_however_deep_the_queue() -> None:
    """Thousands wait, many at one price, while lots come and go: held against picking by hand. Deep enough that lots
    are sorted in at once, and few enough at other times that they are taken one by one."""
    chance = random.Random(11)
    lots = OpenLots("hifo")
    held: list[tuple[int, int]] = []  # price below zero and age: the least goes first
    for burst in (4000, 3, 40, 2500, 1):
        for _ in range(burst):
            lots.age += 1
            price = chance.choice((chance.randrange(50), chance.randrange(10**15)))
            lots.push([0, lots.age, 1, price, 0, lots.age, 0, 0])
            held.append((-price, lots.age))
        for _ in range(min(burst, 900)):
            first = min(held)
            held.remove(first)
            assert lots.items[lots.front][AGE] == first[1]
            lots.drop()
        assert sorted(lot[AGE] for lot in lots) == sorted(age for _, age in held)
