"""Methods side by side, and a sale imagined: the same figures as asking each method, and as really selling."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal, localcontext
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flows.desk import NOON, Desk
from tests.flows.test_lots import dump
from tests.store.world import add_broker, book, fill, minute
from trademon.core.lot_reports import CompareRow
from trademon.core.model import METHODS, Fill, fill_order
from trademon.core.pnl import Book, fold
from trademon.demo import faults
from trademon.errors import HostAskedToWait, TrademonError, UsageError
from trademon.flows.compare import compare, the_book, what_if
from trademon.flows.last_price import last_price
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.store import Store, UserStore

FEES = ("", "0.1 USDT", "0.001 BTC", "-0.05 USDT", "0.02 BNB")


@pytest.fixture
def user(store: Store) -> UserStore:
    """The store's one user."""
    return store.for_user(store.users()[0].name)


def history(seed: int, n: int = 14, symbol: str = "BTC/USDT") -> list[Fill]:
    """A random history; third-coin fees and unmatched sales in some."""
    random_ = random.Random(seed)
    return [
        fill(
            str(number),
            random_.choice(("buy", "buy", "sell")),
            random_.choice(("1", "2", "3", "0.7")),
            random_.choice(("100", "110.5", "90", "33.333333")),
            at=number * 300,
            symbol=symbol,
            fee=random_.choice(FEES[: 3 + seed % 3]) or None,
        )
        for number in range(1, n + 1)
    ]


# --- compare ------------------------------------------------------------------------------------------------------


def figures(row: CompareRow) -> dict[str, tuple[Decimal, Decimal, Decimal, Decimal]]:
    return {f.method: (f.gross, f.fees, f.net, f.open_cost) for f in row.figures}


@pytest.mark.parametrize("since", [None, 901, 2700])
@pytest.mark.parametrize("until", [None, 3301])
def test_each_column_is_what_pnl_says_by_that_method(user: UserStore, since: int | None, until: int | None) -> None:
    """Rows and totals, with and without a period: the same digits, and incomplete where pnl's total is."""
    for n, (name, market) in enumerate((("a", "spot"), ("b", "margin"), ("c", "spot"))):
        broker = add_broker(user, name, uid=name, market=market, method=METHODS[n])
        book(user, broker, [*history(n), *history(n + 9, symbol="ETH/USDT"), *history(n + 5, symbol="SOL/EUR")])
    start, end = (None if at is None else minute(at) for at in (since, until))
    report = compare([user], PnlQuery(since=start, until=end))
    assert len(report.rows) == 9
    assert {row.own for row in report.rows} == {"fifo", "lifo", "hifo"}
    for method in METHODS:
        said = pnl([user], PnlQuery(method, since=start, until=end))
        assert [(r.broker, r.symbol, *figures(r)[method], r.open_quantity) for r in report.rows] == [
            (r.broker, r.symbol, r.gross, r.fees, r.net, r.open_cost, r.open_quantity) for r in said.rows
        ]
        assert [(t.currency, *figures(t)[method][:3], t.incomplete) for t in report.totals] == [
            (t.currency, t.gross, t.fees, t.net, t.incomplete) for t in said.totals
        ]
        for row, told in zip(report.rows, said.rows, strict=True):
            assert row.incomplete == bool(told.unmatched_quantity or told.unvalued_fees)
    for total in report.totals:
        same = [row for row in report.rows if row.currency == total.currency]
        with localcontext(prec=300):
            for method in METHODS:
                assert figures(total)[method][3] == sum(figures(row)[method][3] for row in same)
        assert (total.broker, total.symbol, total.own, total.open_quantity) == ("", "", "", None)


def test_once_nothing_is_open_all_methods_agree(user: UserStore) -> None:
    """In net; and there is no cost left."""
    fills = [fill("1", price="10"), fill("2", price="20", at=1), fill("3", "sell", "2", "30", at=2, fee="0.5 USDT")]
    book(user, add_broker(user), fills)
    (row,) = compare([user], PnlQuery()).rows
    assert set(figures(row).values()) == {(30, Decimal("0.5"), Decimal("29.5"), 0)}


def test_compare_writes_nothing_and_of_nothing_says_nothing(user: UserStore) -> None:
    """Empty, and after fills came in."""
    assert compare([user], PnlQuery()).rows == compare([user], PnlQuery()).totals == ()
    book(user, add_broker(user), history(1))
    before = dump(user)
    compare([user], PnlQuery())
    assert dump(user) == before
    assert compare([user], PnlQuery(symbols=("ETH/USDT",))).stored == 14


# --- what-if ------------------------------------------------------------------------------------------------------

_names = count(1)
quantities = st.sampled_from([Decimal(q) for q in ("1", "2", "3", "0.7", "0.123456789012", "1e-18")])
prices = st.sampled_from([Decimal(p) for p in ("100", "110.5", "90", "33.333333333333", "0", "1e-12")])
spot_fills = st.lists(
    st.tuples(st.sampled_from(["buy", "buy", "sell"]), quantities, prices, st.sampled_from(FEES[:4])), max_size=9
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=spot_fills, quantity=st.one_of(quantities, st.just(Decimal(50))), price=prices)
def test_what_if_is_what_selling_would_really_give(
    user: UserStore, rows: list[tuple[str, Decimal, Decimal, str]], quantity: Decimal, price: Decimal
) -> None:
    """By each method: gross, fees, what is left, and what of it met no lot; and nothing is stored."""
    broker = add_broker(user, f"b{next(_names)}", uid=f"u{next(_names)}")
    fills = [fill("0", price="77")]
    for n, (side, q, p, fee) in enumerate(rows, start=1):
        fills.append(fill(str(n), side, str(q), str(p), at=n, fee=fee or None))
    book(user, broker, fills)
    sale = fill("999", "sell", str(quantity), str(price), at=99)
    store, ref = the_book([user], PnlQuery(symbols=("BTC/USDT",), brokers=(broker.name,)))
    before = user.stored_book(ref)
    for row in what_if(store, ref, quantity, price, "said").rows:
        state = Book(row.method)
        list(fold(state, enumerate(sorted(fills, key=fill_order))))
        unsold = state.tally
        (done,) = fold(state, [(999, sale)])
        gained = state.tally - unsold
        assert (row.gross, row.fees) == (gained.gross, gained.fees)
        assert row.unmatched == (done.unmatched.quantity if done.unmatched else 0)
        assert row.matched + row.unmatched == quantity
        assert row.lots == (len(done.disposal.parts) if done.disposal else 0)
        assert (row.left_quantity, row.left_cost) == (state.open_quantity, state.open_cost)
    assert user.stored_book(ref) == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(4))
def test_what_if_is_what_booking_the_sale_in_a_copy_gives(user: UserStore, seed: int, method: str) -> None:
    """The same fills in a second account, and there the sale is made."""
    mine, copy = (add_broker(user, n, uid=n, method=method) for n in ("mine", "copy"))
    for broker in (mine, copy):
        book(user, broker, history(seed))
    store, ref = the_book([user], PnlQuery(symbols=("BTC/USDT",), brokers=("mine",)))
    before = dump(user)
    report = what_if(store, ref, Decimal("2.5"), Decimal("123.45"), "said")
    assert dump(user) == before
    assert (report.quantity, report.price, report.price_from) == (Decimal("2.5"), Decimal("123.45"), "said")
    (unsold,) = pnl([user], PnlQuery(brokers=("copy",))).rows
    book(user, copy, [fill("999", "sell", "2.5", "123.45", at=99_999)])
    (sold,) = pnl([user], PnlQuery(brokers=("copy",))).rows
    (row,) = (r for r in report.rows if r.method == method)
    with localcontext(prec=200):
        assert (row.gross, row.fees, row.net) == tuple(
            getattr(sold, f) - getattr(unsold, f) for f in ("gross", "fees", "net")
        )
        assert row.unmatched == sold.unmatched_quantity - unsold.unmatched_quantity
    assert (row.left_quantity, row.left_cost) == (sold.open_quantity, sold.open_cost)


def test_more_than_is_held_is_unmatched_on_a_margin_account_too(user: UserStore) -> None:
    """A sale there would open a short; only what closes realises anything."""
    book(user, add_broker(user, market="margin"), [fill("1", "buy", "2", "100")])
    for row in what_if(*the_book([user], PnlQuery()), Decimal(5), Decimal(110), "said").rows:
        assert (row.matched, row.unmatched, row.gross, row.left_quantity) == (2, 3, 20, 0)


def test_a_short_book_cannot_be_sold_from(user: UserStore) -> None:
    """A sale would open more: said so."""
    book(user, add_broker(user, market="margin"), [fill("1", "sell")])
    with pytest.raises(UsageError, match="is short"):
        what_if(*the_book([user], PnlQuery()), Decimal(1), Decimal(110), "said")


@pytest.mark.parametrize("quantity", ["0", "-1"])
def test_nothing_cannot_be_sold(user: UserStore, quantity: str) -> None:
    """Nor less."""
    book(user, add_broker(user), [fill("1")])
    with pytest.raises(UsageError, match="above zero"):
        what_if(*the_book([user], PnlQuery()), Decimal(quantity), Decimal(110), "said")


def test_nothing_is_sold_below_zero(user: UserStore) -> None:
    """--price=-110 is a slip, and its figures are nonsense."""
    book(user, add_broker(user), [fill("1")])
    with pytest.raises(UsageError):
        what_if(*the_book([user], PnlQuery()), Decimal(1), Decimal(-110), "said")


def test_of_several_accounts_one_must_be_named(user: UserStore) -> None:
    """The message names them; none at all is an error too."""
    query = PnlQuery(symbols=("BTC/USDT",))
    with pytest.raises(UsageError, match="nothing of BTC/USDT"):
        the_book([user], query)
    for name in ("a", "b"):
        book(user, add_broker(user, name, uid=name), [fill("1")])
    with pytest.raises(UsageError, match="2 accounts have a book of it: a, b") as caught:
        the_book([user], query)
    assert "--broker" in (caught.value.hint or "")
    assert the_book([user], PnlQuery(symbols=("BTC/USDT",), brokers=("b",)))[1].broker == "b"


def test_two_users_with_accounts_of_one_name_are_told_to_name_the_user(store: Store, user: UserStore) -> None:
    """`2 accounts have a book of it: spot`: say which one, --broker spot, would be asked for ever."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    for owner in (user, bob):
        book(owner, add_broker(owner), [fill("1")])
    with pytest.raises(UsageError) as caught:
        the_book([user, bob], PnlQuery(symbols=("BTC/USDT",), brokers=("spot",)))
    assert "--user" in caught.value.line


# --- the last price -----------------------------------------------------------------------------------------------


async def held(desk: Desk, exchange: str) -> None:
    """One BTC at 40,000, bought an hour ago and scanned."""
    world = desk.scripted()
    world.buy("BTC/USDT", "1", "40000", NOON - timedelta(hours=1))
    world.set_price("BTC/USDT", "41234.5")
    await desk.open(exchange, world)
    await desk.scan()


async def test_the_exchange_is_asked_once_for_its_last_price(desk: Desk, exchange: str) -> None:
    """One request, no key in it; price and source go into the report."""
    await held(desk, exchange)
    asked = len(desk.servers["main"].requests)
    store, ref = the_book([desk.user], PnlQuery(symbols=("BTC/USDT",)))
    price, told = await last_price(store, ref, desk.ports)
    assert (price, told) == (Decimal("41234.5"), f"{exchange}'s last price at 2026-05-01T12:00:00.000Z")
    assert len(desk.servers["main"].requests) == asked + 1
    assert {row.gross for row in what_if(store, ref, Decimal(1), price, told).rows} == {Decimal("1234.5")}


async def test_an_exchange_that_does_not_answer_is_an_error_and_no_figure(desk: Desk) -> None:
    """Down, or asked too often: what it is, with its own exit code, and never a price of zero."""
    await held(desk, "binance")
    asking = the_book([desk.user], PnlQuery(symbols=("BTC/USDT",)))
    for fault in (faults.status(500), faults.html_with_200(), faults.status(200, body="[]")):
        desk.servers["main"].faults[:] = [fault]
        with pytest.raises(TrademonError):
            await last_price(*asking, desk.ports)
    desk.servers["main"].faults[:] = [faults.status(429, {"Retry-After": "30"}, "{}")]
    with pytest.raises(HostAskedToWait):
        await last_price(*asking, desk.ports)


async def test_without_an_exchange_a_price_must_be_said(desk: Desk) -> None:
    """A manual account, a removed one, and a symbol that is listed no more."""
    old = add_broker(desk.user, "old", uid=None, exchange="manual")
    gone = add_broker(desk.user, "gone", uid="5")
    for broker in (old, gone):
        book(desk.user, broker, [fill("1")])
    desk.user.remove_broker(gone)
    await held(desk, "binance")
    book(desk.user, desk.user.broker("main"), [fill("1", symbol="LUNA/USDT")])
    queries = [PnlQuery(brokers=(name,)) for name in ("old", "gone (removed)")]
    for query in (*queries, PnlQuery(symbols=("LUNA/USDT",))):
        with pytest.raises(UsageError) as caught:
            await last_price(*the_book([desk.user], query), desk.ports)
        assert "--price" in (caught.value.hint or "")


async def test_a_host_that_asked_to_be_left_alone_is(desk: Desk) -> None:
    """A ban is lengthened by who asks: scan and watch wait, and so must this."""
    await held(desk, "binance")
    broker = desk.user.broker("main")
    desk.user.note_failed_look(broker, NOON, "429", wait_until=NOON + timedelta(minutes=9))
    asked = len(desk.servers["main"].requests)
    with pytest.raises(TrademonError):
        await last_price(*the_book([desk.user], PnlQuery(symbols=("BTC/USDT",))), desk.ports)
    assert len(desk.servers["main"].requests) == asked
