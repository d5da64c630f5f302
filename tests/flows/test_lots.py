"""Open lots by any method, and lots entered by hand: what they change, and that taking them out changes it back."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk, truth
from tests.store.world import add_broker, book, derived, expected, fill, minute
from trademon.core.lot_reports import LotRow
from trademon.core.model import METHODS, Broker, Fee, Fill, Lot, Method, fill_order
from trademon.core.money import divide
from trademon.core.pnl import Book, fold
from trademon.errors import UsageError
from trademon.flows.lots import lots, open_lot, remove_lot
from trademon.flows.pnl import PnlQuery, pnl
from trademon.flows.rebuild import rebuild
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore

# Every column but row numbers, and a book's `version`, which counts writes.
COLUMNS = {
    "lots": "account_id, market_id, fill_id, side, quantity, cost, fees, price, opened_at",
    "disposals": "account_id, market_id, fill_id, part, lot_fill_id, quantity, cost, gross, fees, lot_fees",
    "unmatched": "account_id, market_id, fill_id, quantity, proceeds, fees",
    "days": """account_id, market_id, day, gross, fees, unmatched_quantity, unmatched_proceeds, unmatched_fees,
        disposals, fills""",
    "books": """account_id, market_id, method, last_at, last_tie, gross, fees, unmatched_quantity, unmatched_proceeds,
        unmatched_fees, disposals, fills, open_quantity, open_cost, scale, mixed""",
    "entries": "account_id, market_id, at, tie, fill_id, quantity, price, fee, scale",
    "coin_fees": "fill_id, coin, account_id, market_id, amount, rate, rate_at, rate_source",
    "fills": "id, account_id, market_id, trade_id, source, side, quantity, price, fee, executed_at, seen_at, raw",
}
FEES = ("", "0.1 USDT", "0.001 BTC", "0.02 BNB", "-0.05 USDT", "0.3 USDT, 0.0001 BTC")


def dump(user: UserStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every stored row of fills and of what is derived from them, as it lies in the file."""
    with user._database.read() as sql:
        return {t: sorted(sql.rows(f"SELECT {c} FROM {t}"), key=repr) for t, c in COLUMNS.items()}


def history(seed: int, n: int = 12, *, symbol: str = "BTC/USDT") -> list[Fill]:
    """A random history of one symbol; two of its fills may be of one moment."""
    random_ = random.Random(seed)
    fills, at = [], 0
    for number in range(1, n + 1):
        at += random_.choice((0, 1, 7, 700))
        side = random_.choice(("buy", "sell"))
        quantity = random_.choice(("1", "2", "3", "0.7", "0.123456789"))
        price = random_.choice(("100", "110.5", "90", "100", "33.333333"))
        fee = random_.choice(FEES) or None
        fills.append(fill(str(number), side, quantity, price, at=at, symbol=symbol, fee=fee))
    return fills


_moments = count(1)


def enter(user: UserStore, broker: Broker, quantity: str = "2", price: str = "50", **more: Any) -> int:
    """Enter a lot, each at a moment of its own; `at` a time or minutes after ten, as in `fill`."""
    at = more.pop("at", -5)
    options: dict[str, Any] = {"symbol": "BTC/USDT", "fee": "0"} | more
    return open_lot(
        user,
        broker,
        options["symbol"],
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(options["fee"]),
        at=at if isinstance(at, datetime) else minute(at),
        now=more.get("now", NOON + timedelta(microseconds=next(_moments))),
    )


def entered(user: UserStore, lot: int, quantity: str, price: str, at: datetime | float, fee: str = "0") -> Fill:
    """The purchase that an entered lot stands for."""
    bought = fill(user.openings()[lot].trade_id, "buy", quantity, price, at=at)
    return replace(bought, fees=(Fee(Decimal(fee), "USDT"),)) if fee != "0" else bought


def ids(rows: tuple[LotRow, ...]) -> list[int]:
    return [row.fill_id for row in rows]


def stored_ids(user: UserStore) -> dict[str, int]:
    """The ids of all fills and entered lots by the exchange's own."""
    with user._database.read() as sql:
        return dict(sql.rows("SELECT trade_id, id FROM fills"))


@pytest.fixture
def user(store: Store) -> UserStore:
    """The store's one user."""
    return store.for_user(store.users()[0].name)


# --- listing ------------------------------------------------------------------------------------------------------


def unit_price(lot: Lot, method: Method) -> Decimal:
    """A pool's is what a unit of it cost."""
    return divide(lot.cost, lot.quantity) if method == "average" else lot.price


@pytest.mark.parametrize("market", ["spot", "margin"])
@pytest.mark.parametrize("seed", range(6))
def test_lots_by_each_method_are_those_of_a_plain_fold(user: UserStore, seed: int, market: str) -> None:
    """Stored ones, and those folded for the question: every figure of every lot, in the fold's order."""
    own = METHODS[seed % 4]
    broker = add_broker(user, method=own, market=market)
    fills = history(seed)
    book(user, broker, fills[: seed + 2])
    book(user, broker, fills[seed + 2 :])
    number = stored_ids(user)
    for method in (None, *METHODS):
        state = Book(method or own, signed=market != "spot")
        list(fold(state, ((number[f.trade_id], f) for f in sorted(fills, key=fill_order))))
        report = lots([user], PnlQuery(method))
        assert report.method == (method or own)
        assert [(r.fill_id, r.side, r.quantity, r.price, r.cost, r.fees, r.opened_at) for r in report.lots] == [
            (w.fill_id, w.side, w.quantity, unit_price(w, method or own), w.cost, w.fees, w.opened_at)
            for w in state.open_lots
        ]
        assert all(
            (r.user, r.broker, r.symbol, r.currency) == (user.user, "spot", "BTC/USDT", "USDT") for r in report.lots
        )
        assert not any(r.opening for r in report.lots)


def test_lots_stand_oldest_first_by_book_and_the_query_narrows_them(user: UserStore) -> None:
    """By account and symbol, within them by the order of matching; numbers as numbers; `until` is excluded."""
    one, two = add_broker(user, "a", uid="1"), add_broker(user, "b", uid="2")
    book(user, two, [fill("1", at=0)])
    book(user, one, [fill("10", price="10", at=1), fill("9", price="9", at=1), fill("11", price="11", at=0)])
    book(user, one, [fill("1", at=0, symbol="ETH/USDT")])
    everything = lots([user], PnlQuery()).lots
    assert [(r.broker, r.symbol, r.price) for r in everything] == [
        ("a", "BTC/USDT", 11),
        ("a", "BTC/USDT", 9),
        ("a", "BTC/USDT", 10),
        ("a", "ETH/USDT", 100),
        ("b", "BTC/USDT", 100),
    ]
    assert {r.broker for r in lots([user], PnlQuery(brokers=("b",))).lots} == {"b"}
    assert {r.symbol for r in lots([user], PnlQuery(symbols=("ETH/USDT",))).lots} == {"ETH/USDT"}
    for method in METHODS[:3]:
        before = lots([user], PnlQuery(method, brokers=("a",), symbols=("BTC/USDT",), until=minute(1))).lots
        assert [r.price for r in before] == [11]


def test_books_in_several_methods_say_so_and_each_is_listed_in_its_own(user: UserStore) -> None:
    """fifo leaves the newer lot, lifo the older one."""
    for name, method in (("a", "fifo"), ("b", "lifo")):
        broker = add_broker(user, name, uid=name, method=method)
        book(user, broker, [fill("1", price="1"), fill("2", price="2", at=1), fill("3", "sell", at=2)])
    report = lots([user], PnlQuery())
    assert report.method == "mixed"
    assert [(r.broker, r.price) for r in report.lots] == [("a", 2), ("b", 1)]
    assert lots([user], PnlQuery("lifo")).method == "lifo"


def test_a_broker_whose_method_was_changed_lists_its_lots_in_the_new_one(user: UserStore) -> None:
    """Before the next look derives its book again, too."""
    broker = add_broker(user, method="fifo")
    book(user, broker, [fill("1", price="1"), fill("2", price="2", at=1), fill("3", "sell", at=2)])
    user.set_broker(broker, method="lifo")
    report = lots([user], PnlQuery())
    assert (report.method, [r.price for r in report.lots]) == ("lifo", [1])


def test_lots_of_several_users_say_whose_they_are(store: Store, user: UserStore) -> None:
    """And one user's store holds none of the other's."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    for owner in (user, bob):
        book(owner, add_broker(owner), [fill()])
    assert [r.user for r in lots([user, bob], PnlQuery()).lots] == [user.user, "bob"]
    assert [r.user for r in lots([bob], PnlQuery()).lots] == ["bob"]


def test_a_pools_price_is_what_a_unit_of_it_cost(user: UserStore) -> None:
    """Buy 1 at 100 and 1 at 200 by average: one lot of 2 for 300, so 150 each."""
    broker = add_broker(user, method="average")
    book(user, broker, [fill("1", price="100"), fill("2", price="200", at=1)])
    (row,) = lots([user], PnlQuery()).lots
    assert (row.quantity, row.cost) == (2, 300)
    assert row.price == 150


def test_a_pool_that_is_partly_by_hand_says_the_same_whichever_came_first(user: UserStore) -> None:
    """One bought and two entered, before it or after it: one pool of three, one word about it."""
    for name, at in (("a", -5), ("b", 5)):
        broker = add_broker(user, name, uid=name, method="average")
        book(user, broker, [fill()])
        enter(user, broker, at=at)
    one, other = lots([user], PnlQuery()).lots
    assert one.quantity == other.quantity == 3
    assert one.opening == other.opening


# --- entering -----------------------------------------------------------------------------------------------------


def test_a_sale_that_met_no_lot_gets_its_cost(user: UserStore) -> None:
    """Sold 2 at 150 without a lot; with 5 entered at 20 and a fee of 1: gross 260, fees 0.40 and the sale's own."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell", "2", "150", fee="0.3 USDT")])
    (before,) = pnl([user], PnlQuery()).rows
    assert (before.gross, before.unmatched_quantity) == (0, 2)
    lot = enter(user, broker, "5", "20", fee="1")
    (after,) = pnl([user], PnlQuery()).rows
    assert (after.gross, after.fees, after.unmatched_quantity) == (260, Decimal("0.7"), 0)
    (row,) = lots([user], PnlQuery()).lots
    assert (row.fill_id, row.opening, row.quantity, row.cost, row.fees) == (lot, True, 3, 60, Decimal("0.6"))
    assert row.opened_at == minute(-5)


@pytest.mark.parametrize("market", ["spot", "margin"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_an_entered_lot_gives_the_books_of_a_purchase_at_its_time(
    user: UserStore, seed: int, method: Method, market: str
) -> None:
    """Before, between and after fills, in few and in many of them: every derived row is that of the plain fold."""
    broker = add_broker(user, method=method, market=market)
    fills = history(seed, 8 + 8 * seed)
    book(user, broker, fills)
    account = broker.account_id or 0
    last = fills[-1].executed_at
    known = list(fills)
    for at in (minute(-100), fills[len(fills) // 2].executed_at + timedelta(seconds=1), last + timedelta(minutes=1)):
        lot = enter(user, broker, "1.5", "77.25", fee="0.31", at=at)
        known.append(entered(user, lot, "1.5", "77.25", at, "0.31"))
        assert derived(user._database, account) == expected(known, method, signed=market != "spot")
    assert len(user.openings()) == 3


def test_the_same_lot_entered_twice_is_two_lots(user: UserStore) -> None:
    """Whoever says it twice means it twice."""
    broker = add_broker(user)
    book(user, broker, [fill()])
    assert enter(user, broker) != enter(user, broker)
    assert [r.quantity for r in lots([user], PnlQuery()).lots] == [2, 2, 1]


def test_two_lots_entered_in_one_tick_of_the_clock_are_two_lots(user: UserStore) -> None:
    """A clock that stands still, is set back, or is coarse loses none, and each is named by its own id."""
    broker = add_broker(user)
    book(user, broker, [fill(), fill(symbol="ETH/USDT")])
    first, second = (enter(user, broker, symbol=s, now=NOON) for s in ("BTC/USDT", "ETH/USDT"))
    third = enter(user, broker, now=NOON)
    assert len({first, second, third}) == 3


def test_an_entered_lot_of_a_sales_own_moment_comes_after_it(user: UserStore) -> None:
    """Of one microsecond numeric ids come first: enter it a moment earlier for the sale to find it."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell")])
    enter(user, broker, at=0)
    assert pnl([user], PnlQuery()).rows[0].unmatched_quantity == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"quantity": "0"}, "quantity above zero"),
        ({"quantity": "-1"}, "quantity above zero"),
        ({"price": "-0.01"}, "neither price nor fee below"),
        ({"fee": "-1"}, "neither price nor fee below"),
        ({"at": NOON + timedelta(days=1)}, "lies in the future"),
        ({"symbol": "BTC/USDX"}, "no symbol 'BTC/USDX'"),
        ({"symbol": "DOGE/USDT"}, "no symbol 'DOGE/USDT'"),
        ({"symbol": ""}, "no symbol ''"),
    ],
    ids=str,
)
def test_nonsense_is_refused_and_changes_nothing(user: UserStore, wrong: dict[str, Any], says: str) -> None:
    """A usage error that says what is wrong; not one stored byte is another."""
    broker = add_broker(user)
    book(user, broker, [fill()])
    before = dump(user)
    with pytest.raises(UsageError, match=says):
        enter(user, broker, **wrong)
    assert dump(user) == before


@pytest.mark.parametrize("spelling", ["BTC/USDT", "btcusdt", "btc-usdt", " BTC/usdt "])
def test_every_spelling_of_a_symbol_is_taken(user: UserStore, spelling: str) -> None:
    """As everywhere; the lot is of the one book."""
    broker = add_broker(user)
    book(user, broker, [fill()])
    enter(user, broker, symbol=spelling)
    assert {r.symbol for r in lots([user], PnlQuery()).lots} == {"BTC/USDT"}
    assert len(user.book_refs()) == 1


def test_a_manual_account_takes_a_symbol_it_never_traded(user: UserStore) -> None:
    """Written BASE/QUOTE, in any case; run together nobody knows where it ends."""
    broker = add_broker(user, "old", uid=None, exchange="manual")
    enter(user, broker, symbol="doge/eur")
    (row,) = lots([user], PnlQuery()).lots
    assert (row.symbol, row.currency, row.opening) == ("DOGE/EUR", "EUR", True)
    for bad in ("DOGEUSDT", "DOGE/", "/USDT", "A/B/C", "DO GE/USDT", "DOGE/USDT:USDT"):
        with pytest.raises(UsageError):
            enter(user, broker, symbol=bad)
    assert len(lots([user], PnlQuery()).lots) == 1


def test_a_coin_is_not_priced_in_itself(user: UserStore) -> None:
    """BTC/BTC is a slip of the finger."""
    broker = add_broker(user, "old", uid=None, exchange="manual")
    with pytest.raises(UsageError):
        enter(user, broker, symbol="BTC/BTC")


def test_an_account_nobody_has_looked_at_knows_no_symbols(user: UserStore) -> None:
    """With a way out in the hint, and without an account left behind."""
    broker = add_broker(user, uid=None)
    with pytest.raises(UsageError) as caught:
        enter(user, broker)
    assert "trademon scan" in (caught.value.hint or "")
    assert user.broker("spot").account_id is None


# --- what is no execution -----------------------------------------------------------------------------------------


def test_an_entered_lot_is_in_no_list_of_fills(user: UserStore) -> None:
    """Nor in a watch's executions, nor an anchor to walk ids from, whatever is asked."""
    broker = add_broker(user)
    book(user, broker, [fill("1", at=0), fill("2", at=10)])
    lot = enter(user, broker, at=5)
    for query in (FillQuery(), FillQuery(limit=1), FillQuery(limit=50, brokers=("spot",)), FillQuery(since=minute(1))):
        report = user.fills(query)
        assert lot not in [f.id for f in report.fills]
        assert report.total <= 2
    assert [e.fill.trade_id for e in user.executions()] == ["2", "1"]
    assert user.newest_fill(broker.account_id or 0, "BTC/USDT", before=minute(9)) == "1"


def test_an_entered_lot_is_not_counted_as_a_fill(user: UserStore) -> None:
    """One execution is stored, one lot is entered: there is one fill."""
    broker = add_broker(user)
    book(user, broker, [fill("1")])
    enter(user, broker)
    (row,) = pnl([user], PnlQuery()).rows
    assert (user.fills_stored(), row.fills, user.broker_infos()[0].fills) == (1, 1, 1)


def test_a_file_with_an_entered_lots_id_cannot_take_its_place(user: UserStore) -> None:
    """The exchange's answer replaces a file's row, and never an entered lot."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell")])
    lot = enter(user, broker)
    same = replace(fill("1", at=3), trade_id=user.openings()[lot].trade_id)
    for source in ("api", "import"):
        book(user, broker, [same], source=source)
    assert user.openings().keys() == {lot}
    assert pnl([user], PnlQuery()).rows[0].open_quantity == 1


@pytest.mark.parametrize("method", METHODS)
def test_deriving_everything_again_keeps_entered_lots(user: UserStore, method: Method) -> None:
    """`rebuild` says that nothing changed, and every row is what it was."""
    broker = add_broker(user, method=method)
    book(user, broker, history(3, 30))
    enter(user, broker, "3", "40", fee="0.7", at=20)
    before = dump(user)
    report = rebuild([user])
    assert (report.books, report.changed) == (1, ())
    after = dump(user)
    for table in COLUMNS:
        if table not in ("entries", "books"):  # their integers are the same figures in a scale of its own
            assert after[table] == before[table]


async def test_a_scan_after_it_finds_what_is_new_and_nothing_twice(desk: Desk, exchange: str) -> None:
    """New fills, late fills and the anchor of ids: the exchange's answers are taken as if there was no such lot."""
    world = desk.scripted()
    world.sell("BTC/USDT", "1", "40000", NOON - timedelta(hours=5))
    await desk.open(exchange, world)
    await desk.scan()
    broker = desk.user.broker("main")
    lot = enter(desk.user, broker, "3", "20000", fee="6", at=NOON - timedelta(days=900))
    between = enter(desk.user, broker, "1", "30000", at=NOON - timedelta(minutes=10))
    world.sell("BTC/USDT", "1", "41000", NOON - timedelta(minutes=5))
    world.buy("BTC/USDT", "1", "39000", NOON - timedelta(hours=4))
    for _ in range(3):
        desk.clock.move(minutes=20)
        report = await desk.scan()
        assert [b.status for b in report.brokers] == ["ok"]
    assert desk.stored() == truth(world, desk.clock())
    (row,) = (r for r in pnl([desk.user], PnlQuery()).rows if r.symbol == "BTC/USDT")
    assert (row.gross, row.fees, row.unmatched_quantity) == (20000 + 21000, 4, 0)
    assert [(r.fill_id, r.quantity, r.opening) for r in lots([desk.user], PnlQuery()).lots] == [
        (lot, 1, True),
        (stored_ids(desk.user)[world.executions(symbol="BTC/USDT")[1].trade_id], 1, False),
        (between, 1, True),
    ]
    assert desk.derived() == desk.derived_again()


async def test_a_lot_entered_before_the_account_has_a_name_is_kept_when_it_gets_one(desk: Desk) -> None:
    """Fills were imported, a lot entered, then the first look names the account: one book with all of it."""
    world = desk.scripted()
    sold = world.sell("BTC/USDT", "1", "40000", NOON - timedelta(hours=5))
    await desk.open("binance", world)
    broker = desk.user.broker("main")
    imported = fill(sold.trade_id, "sell", "1", "40000", at=sold.executed_at)
    book(desk.user, broker, [imported], account_id=desk.user.bind_account(broker, None), source="import")
    enter(desk.user, desk.user.broker("main"), "1", "30000", at=NOON - timedelta(days=9))
    assert [b.status for b in (await desk.scan()).brokers] == ["ok"]
    (row,) = pnl([desk.user], PnlQuery()).rows
    assert (row.gross, row.unmatched_quantity, row.open_quantity) == (10000, 0, 0)
    assert len(desk.user.openings()) == 1


# --- taking out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["spot", "margin"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_taking_a_lot_out_leaves_every_row_as_it_was(user: UserStore, seed: int, method: Method, market: str) -> None:
    """Byte for byte, wherever it stood, in few and in many fills."""
    broker = add_broker(user, method=method, market=market)
    fills = history(seed, 4 + 9 * seed)
    book(user, broker, fills)
    book(user, broker, history(seed + 50, symbol="ETH/USDT"))
    before = dump(user)
    for at in (minute(-9), fills[len(fills) // 2].executed_at, fills[-1].executed_at + timedelta(seconds=1)):
        lot = enter(user, broker, "1.5", "77.25", fee="0.31", at=at)
        assert dump(user) != before
        assert remove_lot(user, lot) == "BTC/USDT"
        after = dump(user)
        for table in COLUMNS:
            assert after[table] == before[table], (table, at)
    assert user.openings() == {}


@pytest.mark.parametrize("method", METHODS)
def test_taking_out_one_of_several_leaves_what_the_others_alone_give(user: UserStore, method: Method) -> None:
    """In any order, with lots written in thirty decimals too."""
    broker = add_broker(user, method=method)
    fills = history(7, 25)
    book(user, broker, fills)
    wide = "1.000000000000000000000000000001"
    made = [("1", "80", 30), (wide, "0.000000000000000000000000000007", -3), ("2", "60", 900)]
    found = {enter(user, broker, q, p, at=at): (q, p, at) for q, p, at in made}
    left = {lot: entered(user, lot, q, p, at) for lot, (q, p, at) in found.items()}
    for lot in sorted(found, key=lambda n: n % 2):
        remove_lot(user, lot)
        del left[lot]
        known = [*fills, *left.values()]
        assert derived(user._database, broker.account_id or 0) == expected(known, method, signed=False)


def test_the_last_lot_of_a_book_takes_the_book_with_it(user: UserStore) -> None:
    """Of a symbol that was never traded nothing stays that is shown."""
    broker = add_broker(user, "old", uid=None, exchange="manual")
    before = dump(user)
    remove_lot(user, enter(user, broker, symbol="DOGE/EUR"))
    assert dump(user) == before
    assert pnl([user], PnlQuery()).rows == ()
    assert lots([user], PnlQuery()).lots == ()


def test_only_ones_own_entered_lots_can_be_taken_out(store: Store, user: UserStore) -> None:
    """A fill, another user's lot, an id that is none: unknown, and nothing changes."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    broker, bobs = add_broker(user), add_broker(bob)
    book(user, broker, [fill()])
    book(bob, bobs, [fill()])
    foreign = enter(bob, bobs)
    lot = enter(user, broker)
    before = dump(user)
    for one in (stored_ids(user)["1"], foreign, 0, -1, 10**30):
        with pytest.raises(UsageError, match="no entered lot"):
            remove_lot(user, one)
    assert dump(user) == before
    remove_lot(user, lot)
    with pytest.raises(UsageError):
        remove_lot(user, lot)
    assert bob.openings().keys() == {foreign}


def test_a_lot_of_a_removed_broker_can_be_taken_out(user: UserStore) -> None:
    """Its books stay and so does the right to mend them."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell")])
    lot = enter(user, broker)
    user.remove_broker(broker)
    remove_lot(user, lot)
    assert pnl([user], PnlQuery()).rows[0].unmatched_quantity == 1


def test_a_watch_sees_the_fill_that_comes_after_a_lot_was_taken_out(user: UserStore) -> None:
    """It tells what has an id above the last it saw, which was the lot's."""
    broker = add_broker(user)
    book(user, broker, [fill("1")])
    lot = enter(user, broker)
    seen = user.last_fill_id()
    remove_lot(user, lot)
    book(user, broker, [fill("2", "sell", at=1)])
    assert [e.fill.trade_id for e in user.executions(after_id=seen)] == ["2"]


def test_the_id_of_a_lot_taken_out_never_names_another(user: UserStore) -> None:
    """`lots remove 2` said again must not take out something else."""
    broker = add_broker(user)
    book(user, broker, [fill("1")])
    lot = enter(user, broker)
    remove_lot(user, lot)
    assert enter(user, broker) != lot
