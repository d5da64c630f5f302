"""Lots go along with a transfer between two of a user's own accounts, with their cost, fee and date.

`Two` is a user with two spot accounts, `one` at Binance and `two` at Bitget. Times are minutes after ten.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from tests.store.world import NOON, add_broker, book, fill, minute
from trademon.core.coverage import Span
from trademon.core.model import METHODS, Broker, Candle, Fill, Lot, Method, Transfer
from trademon.core.money import EXACT, ZERO, format_figure
from trademon.core.pnl_reports import PnlRow
from trademon.flows import export
from trademon.flows.compare import compare, what_if
from trademon.flows.explain import explain
from trademon.flows.lots import lots
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.database import Database
from trademon.store.prices import MINUTE
from trademon.store.reading import FillQuery
from trademon.store.row_security import OWNED
from trademon.store.store import UserStore
from trademon.ui.json_out import to_json

EACH_METHOD = pytest.mark.parametrize("method", METHODS)
WHOLE_DAY = Span(minute(-600), minute(600))


@dataclass
class Two:
    """A user with two accounts."""

    user: UserStore
    one: Broker
    two: Broker

    def book(self, broker: str, *fills: Fill) -> None:
        book(self.user, self.broker(broker), fills)

    def broker(self, name: str) -> Broker:
        return self.one if name == "one" else self.two

    def withdraw(self, broker: str, amount: str, at: float, tx: str, *, fee: str = "0", coin: str = "BTC") -> None:
        self._save(broker, Transfer(tx, "withdrawal", coin, Decimal(amount), Decimal(fee), minute(at), tx))

    def deposit(self, broker: str, amount: str, at: float, tx: str, *, coin: str = "BTC") -> None:
        self._save(broker, Transfer(tx, "deposit", coin, Decimal(amount), ZERO, minute(at), tx))

    def _save(self, broker: str, transfer: Transfer) -> None:
        account_id = self.broker(broker).account_id
        assert account_id is not None
        self.user.save_transfers(account_id, transfer.kind, [transfer], WHOLE_DAY, NOON)
        self.user.carry_lots()

    def lots(self, broker: str) -> list[Lot]:
        """Open lots of all books of an account."""
        refs = [r for r in self.user.book_refs() if r.account_id == self.broker(broker).account_id]
        return [lot for ref in refs for lot in self.user.stored_lots(ref)]

    def open(self, broker: str) -> str:
        """`quantity @ price` of each open lot."""
        lots = self.lots(broker)
        return ", ".join(f"{format_figure(lot.quantity)} @ {format_figure(lot.price)}" for lot in lots)

    def row(self, broker: str, symbol: str = "BTC/USDT") -> PnlRow:
        (found,) = (r for r in pnl([self.user], PnlQuery()).rows if (r.broker, r.symbol) == (broker, symbol))
        return found

    def figures(self) -> list[PnlRow]:
        return list(pnl([self.user], PnlQuery()).rows)

    def rebuild(self) -> None:
        for account_id, method, signed in self.user.accounts_to_derive():
            self.user.books.rebuild(account_id, method=method, signed=signed)


def two(user: UserStore, method: Method = "fifo") -> Two:
    return Two(
        user, add_broker(user, "one", method=method), add_broker(user, "two", exchange="bitget", uid="8", method=method)
    )


def test_a_transfer_carries_the_lots_that_the_method_picks(ann: UserStore) -> None:
    """1 at 100 and half of 1 at 120 go over; sold there at 200 they gain 100 + 40, and nothing was gained by moving."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0), fill("2", "buy", "1", "120", at=1))
    desk.withdraw("one", "1.5", 10, "t1")
    desk.deposit("two", "1.5", 20, "t1")
    assert desk.open("one") == "0.5 @ 120"
    assert desk.open("two") == "1 @ 100, 0.5 @ 120"
    assert [lot.opened_at for lot in desk.lots("two")] == [minute(0), minute(1)]
    desk.book("two", fill("9", "sell", "1.5", "200", at=30))
    assert (desk.row("two").gross, desk.row("two").unmatched_quantity) == (140, 0)
    assert (desk.row("one").gross, desk.row("one").fees, desk.row("one").disposals) == (0, 0, 0)


def test_a_carried_lot_brings_its_buying_fee(ann: UserStore) -> None:
    """Half of the lot goes with half of its fee of 2."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0, fee="2 USDT"))
    desk.withdraw("one", "0.5", 10, "t1")
    desk.deposit("two", "0.5", 20, "t1")
    desk.book("two", fill("9", "sell", "0.5", "200", at=30, fee="1 USDT"))
    assert (desk.row("two").gross, desk.row("two").fees) == (50, 2)
    assert desk.row("one").open_cost == 51


def test_the_withdrawal_s_own_fee_costs_what_its_coins_had_cost(ann: UserStore) -> None:
    """0.1 of a lot at 100 is paid while the last price is 150: gross 5, fees 15, net -10."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0), fill("2", "sell", "0.1", "150", at=1))
    desk.withdraw("one", "0.5", 10, "t1", fee="0.1")
    desk.deposit("two", "0.5", 20, "t1")
    row = desk.row("one")
    assert (row.gross, row.fees, row.net) == (10, 15, -5)
    assert desk.open("one") == "0.3 @ 100"


def test_a_carried_lot_takes_its_place_by_its_date(ann: UserStore) -> None:
    """What was bought first is sold first, though it came later than what was bought there."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.book("two", fill("5", "buy", "1", "130", at=5), fill("6", "sell", "1", "150", at=40))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    assert desk.row("two").gross == 50
    assert desk.open("two") == "1 @ 130"


def test_nothing_is_sold_before_it_has_arrived(ann: UserStore) -> None:
    """A sale between the withdrawal and the deposit meets no lot."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    desk.book("two", fill("9", "sell", "1", "200", at=15))
    assert desk.row("two").unmatched_quantity == 1
    assert desk.open("two") == "1 @ 100"


def test_more_than_the_known_lots_leaves_and_what_is_unknown_stays_unknown(ann: UserStore) -> None:
    """Of 2 that moved 1 has a cost: the sale of 2 is half unmatched."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.withdraw("one", "2", 10, "t1")
    desk.deposit("two", "2", 20, "t1")
    desk.book("two", fill("9", "sell", "2", "200", at=30))
    assert (desk.row("two").gross, desk.row("two").unmatched_quantity) == (100, 1)
    assert (desk.open("one"), desk.row("one").unmatched_quantity) == ("", 0)


DAY = 24 * 60
IN_WHICH_BOOKS: list[dict[str, Any]] = [{}, {"currency": "USDT"}, {"currency": "USDT", "book": "coin"}]


@pytest.mark.parametrize("how", IN_WHICH_BOOKS)
def test_a_carried_lot_belongs_to_the_month_in_which_it_arrived(ann: UserStore, how: dict[str, Any]) -> None:
    """Bought in January, moved in March where something was bought in February: open there from March on, each month
    once, and a row that stands for a transfer counts as no fill."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.book("two", fill("5", "buy", "1", "130", at=35 * DAY))
    desk.withdraw("one", "1", 60 * DAY, "t1")
    desk.deposit("two", "1", 60 * DAY + 5, "t1")
    desk.book("two", fill("6", "sell", "1", "150", at=61 * DAY), fill("7", "sell", "0.5", "150", at=91 * DAY))
    rows = pnl([ann], PnlQuery(by="month", **how)).rows
    assert [(r.period, r.broker, r.open_quantity, r.gross, r.fills) for r in rows] == [
        ("2026-01", "one", 1, 0, 1),
        ("2026-02", "two", 1, 0, 1),
        ("2026-03", "one", 0, 0, 0),
        ("2026-03", "two", 1, 50, 1),
        ("2026-04", "two", Decimal("0.5"), 10, 1),
    ]


@pytest.mark.parametrize("how", IN_WHICH_BOOKS)
def test_rows_that_stand_for_a_transfer_count_as_fills_nowhere(ann: UserStore, how: dict[str, Any]) -> None:
    """Two buys and two sales are four fills, whatever moved between them and with which fee."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0), fill("2", "buy", "1", "120", at=1))
    desk.withdraw("one", "1", 10, "t1", fee="0.1")
    desk.deposit("two", "1", 20, "t1")
    desk.book("one", fill("3", "sell", "0.9", "200", at=30))
    desk.book("two", fill("4", "sell", "1", "200", at=30))
    for by in (None, "day"):
        assert sum(r.fills for r in pnl([ann], PnlQuery(by=by, **how)).rows) == 4  # type: ignore[arg-type]


EACH_CURRENCY = pytest.mark.parametrize("currency", [None, "USDT"])


@EACH_METHOD
@EACH_CURRENCY
def test_a_lot_carried_with_a_fee_that_has_no_price_is_provisional_where_it_arrives(
    ann: UserStore, method: Method, currency: str | None
) -> None:
    """0.01 BNB was paid for it: the sale there is without that fee, and so are a third account's."""
    desk = two(ann, method)
    three = add_broker(ann, "three", uid="9", method=method)
    desk.book("one", fill("1", "buy", "1", "100", at=0, fee="0.01 BNB"))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    desk.withdraw("two", "1", 30, "t2")
    ann.save_transfers(three.account_id or 0, "deposit", [_deposit("t2", 40)], WHOLE_DAY, NOON)
    ann.carry_lots()
    book(ann, three, [fill("9", "sell", "1", "200", at=50)])
    report = pnl([ann], PnlQuery(currency=currency))
    assert [(row.broker, row.provisional) for row in report.rows] == [("one", True), ("three", True), ("two", True)]
    assert {row.broker: row.carried_unvalued for row in report.rows} == {"one": (), "three": ("BNB",), "two": ("BNB",)}
    assert report.totals[0].incomplete
    with ann.one_moment():
        assert [row.provisional for row in export.disposals([ann], PnlQuery())] == [True]
    assert [row.incomplete for row in compare([ann], PnlQuery(brokers=("three",))).rows] == [True]
    ann.save_candles(desk.one, "BNB/USDT", [Candle(minute(0), MINUTE, Decimal(600))], interval=MINUTE)
    ann.books.revalue(desk.one, desk.one.account_id or 0, method=method)
    rows = pnl([ann], PnlQuery(currency=currency)).rows
    assert [(row.broker, row.fees, row.provisional) for row in rows] == [
        ("one", 0, False),
        ("three", 6, False),
        ("two", 0, False),
    ]


def _deposit(tx: str, at: float) -> Transfer:
    return Transfer(tx, "deposit", "BTC", Decimal(1), ZERO, minute(at), tx)


@EACH_METHOD
def test_only_what_a_fee_without_a_price_went_along_with_is_provisional(ann: UserStore, method: Method) -> None:
    """The lot with the fee of BNB stays behind by fifo and lifo; a pool has its share of it in every part."""
    desk = two(ann, method)
    prices = ("100", "110", "120") if method != "lifo" else ("120", "110", "100")
    fees = [None, "0.01 BNB", None] if method == "fifo" else ["0.01 BNB", None, None]
    for n, (price, fee) in enumerate(zip(prices, fees, strict=True)):
        desk.book("one", fill(str(n), "buy", "1", price, at=n, fee=fee))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    desk.book("two", fill("9", "sell", "1", "200", at=30))
    assert desk.row("one").provisional
    assert desk.row("two").provisional == (method == "average")


def test_a_fee_without_a_price_counts_from_when_its_lot_arrived(ann: UserStore) -> None:
    """As one that was paid there would."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0, fee="0.01 BNB"))
    desk.book("two", fill("5", "buy", "1", "130", at=5))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    for since, until, provisional in ((None, 20, False), (None, 21, True), (20, None, True), (21, None, False)):
        bounds = {"since": since and minute(since), "until": until and minute(until)}
        (row,) = pnl([ann], PnlQuery(brokers=("two",), **bounds)).rows
        assert row.provisional == provisional
    for by in ("symbol", "broker", "day"):
        assert all(row.provisional for row in pnl([ann], PnlQuery(by=by, brokers=("two",))).rows)  # type: ignore[arg-type]
    coins = pnl([ann], PnlQuery(book="coin", currency="USDT", brokers=("two",))).rows
    assert [row.provisional for row in coins] == [True]
    assert to_json(pnl([ann], PnlQuery(brokers=("two",))))["rows"][0]["carried_unvalued"] == ["BNB"]


def test_a_late_fill_in_the_sending_book_changes_what_was_carried(ann: UserStore) -> None:
    """An older, cheaper lot becomes known: it is the one that moved."""
    desk = two(ann)
    desk.book("one", fill("2", "buy", "1", "120", at=1))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    desk.book("two", fill("9", "sell", "1", "200", at=30))
    assert desk.row("two").gross == 80
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    assert desk.row("two").gross == 100
    assert desk.open("one") == "1 @ 120"


def test_lots_that_go_on_to_a_third_place_and_back_keep_cost_and_date(ann: UserStore) -> None:
    """One to two and back again; a late fill at the start reaches the end of the chain."""
    desk = two(ann)
    desk.book("one", fill("2", "buy", "1", "120", at=1))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    desk.withdraw("two", "1", 30, "t2")
    desk.deposit("one", "1", 40, "t2")
    desk.book("one", fill("9", "sell", "1", "200", at=50))
    assert (desk.row("one").gross, desk.open("one"), desk.open("two")) == (80, "", "")
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    assert (desk.row("one").gross, desk.open("one"), desk.open("two")) == (100, "1 @ 120", "")


def test_of_several_books_of_the_coin_the_oldest_lots_go(ann: UserStore) -> None:
    """BTC was bought with USDT and with EUR: what is older goes first, each into the book of its own symbol."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "90", at=0, symbol="BTC/EUR"), fill("2", "buy", "1", "120", at=1))
    desk.withdraw("one", "1.5", 10, "t1")
    desk.deposit("two", "1.5", 20, "t1")
    assert desk.open("one") == "0.5 @ 120"
    desk.book("two", fill("8", "sell", "1", "100", at=30, symbol="BTC/EUR"), fill("9", "sell", "0.5", "140", at=30))
    assert (desk.row("two", "BTC/EUR").gross, desk.row("two").gross) == (10, 10)


def test_the_rows_that_stand_for_a_transfer_are_no_executions(ann: UserStore) -> None:
    """They are in no list of fills, and a scan goes on from real ones alone."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    assert [f.trade_id for f in ann.fills(FillQuery()).fills] == ["1"]
    assert [e.fill.trade_id for e in ann.executions()] == ["1"]


@EACH_METHOD
def test_all_orders_of_arrival_and_a_rebuild_give_the_same_figures(ann: UserStore, method: Method) -> None:
    """Fills of both accounts, withdrawal and deposit in any order: the figures are a function of the set."""
    steps = [
        lambda d: d.book("one", fill("1", "buy", "3", "100", at=0, fee="1 USDT")),
        lambda d: d.book("one", fill("2", "buy", "1", "121", at=1), fill("3", "sell", "0.5", "130", at=2)),
        lambda d: d.withdraw("one", "1.7", 10, "t1", fee="0.01"),
        lambda d: d.deposit("two", "1.7", 20, "t1"),
        lambda d: d.book("two", fill("8", "buy", "1", "90", at=5), fill("9", "sell", "2", "200", at=30)),
    ]
    seen = []
    chosen = random.Random(3).sample(list(permutations(range(len(steps)))), 12)
    for number, order in enumerate([tuple(range(len(steps))), *chosen]):
        user = ann if not number else other_user(ann, number)
        desk = two(user, method)
        for step in order:
            steps[step](desk)
        seen.append([figures(row) for row in desk.figures()])
        desk.rebuild()
        seen.append([figures(row) for row in desk.figures()])
    assert all(one == seen[0] for one in seen)


def figures(row: PnlRow) -> tuple[object, ...]:
    """A row's figures as they leave trademon; whose it is left out."""
    amounts = (row.gross, row.fees, row.open_quantity, row.open_cost, row.unmatched_quantity, row.unmatched_proceeds)
    return (row.broker, row.symbol, *(format_figure(a or ZERO) for a in amounts), row.disposals)


def other_user(user: UserStore, number: int) -> UserStore:
    """Another user in the same store."""
    from trademon.store.store import Store

    store = object.__new__(Store)
    store._database, store._key_file, store._clock = copy.copy(user._database), user._key_file, user._clock
    store._database.user_id = None
    store.add_user(f"u{number}", method=None, currency=None, telegram_chat=None)
    return store.for_user(f"u{number}")


@EACH_METHOD
def test_money_is_kept_to_the_last_digit(ann: UserStore, method: Method) -> None:
    """Cash out = what is open over both accounts + what was realised, whatever moved in thirds."""
    desk = two(ann, method)
    chance = random.Random(7)
    spent = ZERO
    for n in range(12):
        price, quantity = Decimal(chance.randint(90, 130)), Decimal(chance.choice(["1", "3", "0.7"]))
        desk.book("one", fill(str(n), "buy", str(quantity), str(price), at=n, fee="0.1 USDT"))
        spent += quantity * price + Decimal("0.1")
    for n in range(3):
        desk.withdraw("one", str(Decimal(n + 1) / 4), 20 + n, f"t{n}")
        desk.deposit("two", str(Decimal(n + 1) / 4), 30 + n, f"t{n}")
    desk.book("two", fill("90", "sell", "0.3", "200", at=60))
    rows = desk.figures()
    cost, net = ZERO, ZERO
    for row in rows:
        cost, net = EXACT.add(cost, row.open_cost), EXACT.add(net, row.net)
    assert format_figure(EXACT.subtract(EXACT.add(cost, Decimal(60)), net)) == format_figure(spent)


def test_another_s_deposit_is_no_end_of_mine(ann: UserStore) -> None:
    """Two users who sent coins to each other: neither sees the other's lots."""
    mine, theirs = two(ann), two(other_user(ann, 1))
    mine.book("one", fill("1", "buy", "1", "100", at=0))
    mine.withdraw("one", "1", 10, "t1")
    theirs.deposit("two", "1", 20, "t1")
    assert mine.open("one") == "1 @ 100"
    assert theirs.open("two") == ""


def test_a_transfer_seen_at_the_other_end_first_waits_for_its_pair(ann: UserStore) -> None:
    """The deposit is known an hour before the withdrawal is."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.deposit("two", "1", 20, "t1")
    assert desk.open("two") == ""
    desk.withdraw("one", "1", 10, "t1")
    assert desk.open("two") == "1 @ 100"
    assert desk.lots("two")[0].opened_at == minute(0)


def moved_and_sold(user: UserStore, method: Method) -> Two:
    """1 at 100 and 1 at 120; one is sold before the other moves; both are gone at 200 in the end: cash 180."""
    desk = two(user, method)
    desk.book("one", fill("1", "buy", "1", "100", at=0), fill("2", "buy", "1", "120", at=1))
    desk.book("one", fill("3", "sell", "0.5", "200", at=5))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    desk.book("one", fill("4", "sell", "0.5", "200", at=30))
    desk.book("two", fill("9", "sell", "1", "200", at=30))
    return desk


@EACH_METHOD
@pytest.mark.parametrize("asked", METHODS)
def test_once_everything_is_sold_all_methods_agree(ann: UserStore, method: Method, asked: Method) -> None:
    """Whatever the accounts are kept by: asked for in another method, other lots went over, with their own cost."""
    moved_and_sold(ann, method)
    assert [total.net for total in pnl([ann], PnlQuery(method=asked)).totals] == [180]
    assert [total.net for total in pnl([ann], PnlQuery(method=asked, by="month")).totals] == [180]
    sold = [row for row in export.disposals([ann], PnlQuery(method=asked)) if row.lot is not None]
    assert sum(row.lot.gross for row in sold if row.lot) == 180


def test_compare_what_if_explain_and_lots_know_what_another_method_had_carried(ann: UserStore) -> None:
    """By lifo the lot at 120 went over, and the one at 100 stayed."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0), fill("2", "buy", "1", "120", at=1))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "1", 20, "t1")
    desk.book("two", fill("9", "sell", "0.5", "200", at=30))
    held = [(lot.broker, lot.price) for lot in lots([ann], PnlQuery(method="lifo")).lots]
    assert held == [("one", 100), ("two", 120)]
    by_method = {
        f.method: f.gross for row in compare([ann], PnlQuery()).rows if row.broker == "two" for f in row.figures
    }
    assert by_method == {"fifo": 50, "lifo": 40, "hifo": 40, "average": 45}
    ref = next(r for r in ann.book_refs() if r.broker == "two")
    assert [row.gross for row in what_if(ann, ref, Decimal("0.5"), Decimal(200), "said").rows] == [50, 40, 40, 45]
    sale = next(e.fill.id for e in ann.executions() if e.fill.trade_id == "9")
    assert explain([ann], sale, "lifo").gross == 40
    assert (desk.row("two").gross, desk.open("one")) == (50, "1 @ 120")  # and nothing of it was stored


def test_a_method_that_is_set_holds_at_once_for_what_was_carried_too(ann: UserStore) -> None:
    """The lots that moved are those of the new method, without a scan and without a rebuild."""
    desk = moved_and_sold(ann, "fifo")
    ann.set_broker(desk.one, method="lifo")
    ann.keep_methods()
    assert sum(row.net for row in desk.figures()) == 180
    before = [figures(row) for row in desk.figures()]
    desk.rebuild()
    assert [figures(row) for row in desk.figures()] == before


def test_a_transfer_that_becomes_known_after_a_later_one_takes_its_lots_first(ann: UserStore) -> None:
    """The later withdrawal was paired first and had taken the oldest lot: it takes the next one now, and no cost is
    lost or counted twice."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0), fill("2", "buy", "1", "130", at=1))
    desk.withdraw("one", "1", 10, "x")
    desk.withdraw("one", "1", 15, "y")
    desk.deposit("two", "1", 20, "y")
    assert desk.open("two") == "1 @ 100"
    desk.deposit("two", "1", 30, "x")
    assert desk.open("two") == "1 @ 100, 1 @ 130"
    desk.book("two", fill("9", "sell", "2", "200", at=40))
    assert (desk.row("two").gross, desk.open("one")) == (170, "")


def test_of_one_coin_only_one_arrives_however_the_transfers_became_known(ann: UserStore) -> None:
    """One was bought, two left, to two places: the first to leave had it, though it was paired last."""
    desk = two(ann)
    three = add_broker(ann, "three", exchange="bitget", uid="9")
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.withdraw("one", "1", 10, "x")
    desk.withdraw("one", "1", 15, "y")
    desk.deposit("two", "1", 20, "y")
    assert three.account_id is not None
    at_three = Transfer("x", "deposit", "BTC", Decimal(1), ZERO, minute(25), "x")
    ann.save_transfers(three.account_id, "deposit", [at_three], WHOLE_DAY, NOON)
    ann.carry_lots()
    held = {ref.broker: [lot.price for lot in ann.stored_lots(ref)] for ref in ann.book_refs()}
    assert held == {"one": [], "three": [100], "two": []} or held == {"one": [], "three": [100]}


def test_the_fee_of_a_withdrawal_out_of_several_books_is_paid_of_what_is_next(ann: UserStore) -> None:
    """0.5 with USDT and 1 with EUR; 0.9 goes over and 0.1 is the fee: all of 0.9 arrives, and 0.5 stays."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "0.5", "100", at=0), fill("2", "buy", "1", "110", at=1, symbol="BTC/EUR"))
    desk.withdraw("one", "0.9", 10, "t1", fee="0.1")
    desk.deposit("two", "0.9", 20, "t1")
    assert desk.open("one") == "0.5 @ 110"
    assert sorted(desk.open("two").split(", ")) == ["0.4 @ 110", "0.5 @ 100"]
    assert desk.row("one", "BTC/EUR").net == -11


@EACH_METHOD
@pytest.mark.parametrize("seed", range(4))
def test_transfers_that_become_known_in_any_order_give_what_a_rebuild_gives(
    ann: UserStore, seed: int, method: Method
) -> None:
    """Many withdrawals between two accounts, both ways, their ends seen in any order."""
    chance = random.Random(seed)
    desk = two(ann, method)
    for n in range(8):
        desk.book("one", fill(str(n), "buy", "1", str(chance.randint(90, 130)), at=n, fee="0.3 USDT"))
    steps = []
    for n in range(6):
        here, there = ("one", "two") if n % 3 else ("two", "one")
        amount, at = str(Decimal(chance.randint(1, 9)) / 4), 10 + 4 * n
        steps.append((desk.withdraw, here, amount, at, f"t{n}"))
        steps.append((desk.deposit, there, amount, at + chance.choice([1, 9]), f"t{n}"))
    chance.shuffle(steps)
    for save, *what in steps:
        save(*what)
    desk.book("two", fill("90", "sell", "2", "200", at=80))
    before = [figures(row) for row in desk.figures()]
    desk.rebuild()
    assert [figures(row) for row in desk.figures()] == before


def test_what_was_kept_on_the_way_is_a_fee(ann: UserStore) -> None:
    """1 left, 0.9 arrived and was sold for what it cost: the 10 that the rest had cost are gone, and say so."""
    desk = two(ann)
    desk.book("one", fill("1", "buy", "1", "100", at=0))
    desk.withdraw("one", "1", 10, "t1")
    desk.deposit("two", "0.9", 20, "t1")
    desk.book("two", fill("9", "sell", "0.9", "100", at=30))
    assert (desk.row("one").net, desk.row("two").net) == (-10, 0)
    assert (desk.open("one"), desk.open("two")) == ("", "")


@pytest.mark.parametrize("gone", ["one", "two"])
def test_an_account_that_is_deleted_takes_its_ends_of_transfers_along(
    ann: UserStore, database: Database, gone: str
) -> None:
    """As if it had never been there: no row of it is left, nothing arrived from it, nothing left for it, and nothing
    brings it back later. Read anew it is as before, each lot once."""
    desk = two(ann)
    third = add_broker(ann, "three", exchange="kraken", uid="9")

    def play(broker: str) -> None:
        if broker == "one":
            desk.book("one", fill("1", "buy", "1", "100", at=0), fill("2", "buy", "1", "120", at=1))
            desk.withdraw("one", "1.5", 10, "t1")
        else:
            desk.deposit("two", "1.5", 20, "t1")
            desk.book("two", fill("9", "sell", "0.25", "200", at=30))
            desk.withdraw("two", "0.5", 40, "t2")

    def on_to_the_third() -> str:
        refs = [r for r in ann.book_refs() if r.account_id == third.account_id]
        lots = [lot for ref in refs for lot in ann.stored_lots(ref)]
        return ", ".join(f"{format_figure(lot.quantity)} @ {format_figure(lot.price)}" for lot in lots)

    play("one")
    play("two")
    assert third.account_id is not None
    arrived = Transfer("t2", "deposit", "BTC", Decimal("0.5"), ZERO, minute(50), "t2")
    ann.save_transfers(third.account_id, "deposit", [arrived], WHOLE_DAY, NOON)
    ann.carry_lots()
    whole = (desk.open("one"), desk.open("two"), on_to_the_third())
    assert whole == ("0.5 @ 120", "0.25 @ 100, 0.5 @ 120", "0.5 @ 100")
    account = desk.broker(gone).account_id
    assert ann.remove_broker(desk.broker(gone), with_fills=True) == (2 if gone == "one" else 1)
    with database.read() as sql:
        of_account = [table for table, column in OWNED.items() if column == "account_id"]
        rows = [sql.rows(f"SELECT count(*) FROM {table} WHERE account_id = ?", account) for table in of_account]
    assert rows == [[(0,)]] * len(of_account)
    left = ("", "", "") if gone == "one" else ("1 @ 100, 1 @ 120", "", "")
    assert (desk.open("one"), desk.open("two"), on_to_the_third()) == left
    assert {row.broker for row in ann.transfers()} == {"one", "two", "three"} - {gone}
    ann.carry_lots()
    desk.rebuild()
    assert (desk.open("one"), desk.open("two"), on_to_the_third()) == left
    again = add_broker(ann, gone, exchange="binance" if gone == "one" else "bitget", uid="7" if gone == "one" else "8")
    setattr(desk, gone, again)
    play(gone)
    assert (desk.open("one"), desk.open("two"), on_to_the_third()) == whole
