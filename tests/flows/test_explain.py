"""A fill opened: its parts add up to what was booked, and every fee says what it was worth and how that is known."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk
from tests.store.world import add_broker, book, fill, minute
from trademon.core.lot_reports import ExplainReport
from trademon.core.model import METHODS, Broker, Candle, Contract, Fill, Method, fill_order
from trademon.core.pnl import Book, Booked, fold
from trademon.core.times import to_us
from trademon.errors import UsageError
from trademon.flows.explain import explain
from trademon.flows.lots import open_lot
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.prices import MINUTE
from trademon.store.store import Store, UserStore

FEES = ("", "0.1 USDT", "0.001 BTC", "0.02 BNB", "-0.05 USDT", "0.3 USDT, 0.0001 BTC", "1 BTC", "1.5 BTC", "7 USDT")


@pytest.fixture
def user(store: Store) -> UserStore:
    """The store's one user."""
    return store.for_user(store.users()[0].name)


def total(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=400):
        return sum(amounts, Decimal(0))


def history(seed: int, n: int = 20) -> list[Fill]:
    """Random fills; base fees as large as the fill and larger among them."""
    random_ = random.Random(seed)
    return [
        fill(
            str(number),
            random_.choice(("buy", "sell")),
            random_.choice(("1", "2", "3", "0.7")),
            random_.choice(("100", "110.5", "90", "33.333333")),
            at=number // 2,
            fee=random_.choice(FEES) or None,
        )
        for number in range(1, n + 1)
    ]


def stored_ids(user: UserStore) -> dict[str, int]:
    """The ids of fills by the exchange's own."""
    with user._database.read() as sql:
        return dict(sql.rows("SELECT trade_id, id FROM fills"))


def opened(user: UserStore, trade_id: str, method: Method | None = None) -> ExplainReport:
    """What explain says of a fill, checked for what must always hold."""
    report = explain([user], stored_ids(user)[trade_id], method)
    with localcontext(prec=400):
        check_sums(report)
    return report


def check_sums(report: ExplainReport) -> None:
    """What must hold for any fill, to the last digit."""
    sign = 1 if report.moved >= 0 else -1
    lot_fees = total(p.lot_fees for p in report.parts)
    assert report.moved == sign * total((report.closed, report.opened, report.unmatched))
    assert report.closed == total(p.quantity for p in report.parts)
    assert report.gross == total(p.gross for p in report.parts)
    assert report.net == total((report.gross, -report.closed_fees))
    if report.parts:
        assert report.closed_fees == total(fee for p in report.parts for fee in (p.lot_fees, p.closing_fees))
        assert report.net == total(p.net for p in report.parts)
    assert report.fees == total((report.closed_fees, -lot_fees, report.opened_fees, report.unmatched_fees))
    assert report.fees == total(line.value for line in report.fee_lines if line.value is not None)
    for part in report.parts:
        assert part.proceeds == total([part.quantity * report.price])
        assert abs(part.gross) == abs(part.proceeds - part.cost)
        assert abs(part.price * part.quantity - part.cost) < Decimal("1e-50")


def keep_candle(user: UserStore, broker: Broker, symbol: str, price: str, at: datetime) -> None:
    """A price that the broker's host told."""
    candle = Candle(at.replace(second=0, microsecond=0), MINUTE, Decimal(price))
    user.save_candles(broker, symbol, [candle], interval=MINUTE)


# --- sums ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["spot", "margin"])
@pytest.mark.parametrize("seed", range(5))
def test_each_fill_says_what_the_plain_fold_did_with_it(user: UserStore, seed: int, market: str) -> None:
    """By every method, whatever the stored one is; all of them together are the row of pnl."""
    broker = add_broker(user, market=market, method=METHODS[seed % 4])
    fills = history(seed)
    book(user, broker, fills[10:])
    book(user, broker, fills[:10])
    number = stored_ids(user)
    for method in METHODS:
        state = Book(method, signed=market != "spot")
        reports = []
        for done in fold(state, ((number[f.trade_id], f) for f in sorted(fills, key=fill_order))):
            report = opened(user, done.fill.trade_id, method)
            assert (report.fill.id, report.method, report.currency) == (done.fill_id, method, "USDT")
            check_same(report, done)
            reports.append(report)
        (row,) = pnl([user], PnlQuery(method)).rows
        assert (row.gross, row.fees) == (total(r.gross for r in reports), total(r.closed_fees for r in reports))
        assert row.unmatched_quantity == total(r.unmatched for r in reports)
        assert row.unmatched_proceeds == total(r.unmatched_proceeds for r in reports)


def check_same(report: ExplainReport, done: Booked) -> None:
    """What explain says is what the fold did."""
    disposal, unmatched = done.disposal, done.unmatched
    assert report.closed == (disposal.quantity if disposal else 0)
    assert report.gross == (disposal.gross if disposal else 0)
    assert report.closed_fees == (disposal.fees if disposal else done.loose_fees)
    assert [(p.lot_fill_id, p.opened_at, p.quantity, p.cost, p.gross, p.lot_fees) for p in report.parts] == [
        (p.lot_fill_id, p.opened_at, p.quantity, p.cost, p.gross, p.lot_fees)
        for p in (disposal.parts if disposal else ())
    ]
    assert (report.opened, report.opened_fees) == ((done.opened.quantity, done.opened.fees) if done.opened else (0, 0))
    told = (report.unmatched, report.unmatched_proceeds, report.unmatched_fees)
    assert told == ((unmatched.quantity, unmatched.proceeds, unmatched.fees) if unmatched else (0, 0, 0))
    assert (report.unmatched_reason is None) == (unmatched is None)


def test_the_stored_method_is_the_default_and_what_was_booked(user: UserStore) -> None:
    """The stored disposal of each fill is the one that explain shows."""
    broker = add_broker(user, method="hifo")
    book(user, broker, history(2))
    with user._database.read() as sql:
        rows = sql.rows(
            "SELECT fill_id, lot_fill_id, quantity, cost, gross, fees FROM disposals ORDER BY fill_id, part"
        )
    found = []
    for trade_id, number in stored_ids(user).items():
        report = opened(user, trade_id)
        assert report.method == "hifo"
        for p in report.parts:
            found.append((number, p.lot_fill_id, p.quantity, p.cost, p.gross, total((p.lot_fees, p.closing_fees))))
    assert sorted(found) == sorted((row[0], row[1], *map(Decimal, row[2:])) for row in rows)


def test_a_flip_closes_and_opens(user: UserStore) -> None:
    """Long 1 at 100, sell 3 at 110 with a fee of 0.30: 10 gross with 0.10, and a short of 2 that carries 0.20."""
    book(user, add_broker(user, market="margin"), [fill("1"), fill("2", "sell", "3", "110", at=1, fee="0.3 USDT")])
    report = opened(user, "2")
    assert (report.moved, report.closed, report.gross, report.closed_fees) == (-3, 1, 10, Decimal("0.1"))
    assert (report.opened, report.opened_fees, report.unmatched) == (2, Decimal("0.2"), 0)


def test_buying_a_short_back_is_a_gain_when_it_was_sold_for_more(user: UserStore) -> None:
    """Sell 2 at 110, buy 2 at 100: 20, from the lot that the sale opened."""
    book(user, add_broker(user, market="margin"), [fill("1", "sell", "2", "110"), fill("2", "buy", "2", "100", at=1)])
    report = opened(user, "2")
    assert (report.moved, report.gross, [p.cost for p in report.parts]) == (2, 20, [220])
    assert opened(user, "1").opened == 2


def test_a_base_fee_as_large_as_the_buy_realises_the_fee(user: UserStore) -> None:
    """Nothing moved; 100 of fees are realised, by a line that says where the value is from."""
    book(user, add_broker(user), [fill("1", fee="1 BTC")])
    report = opened(user, "1")
    assert (report.moved, report.closed, report.opened, report.net) == (0, 0, 0, -100)
    (line,) = report.fee_lines
    assert (line.value, line.rate, line.rate_at, line.source) == (100, 100, minute(0), "the fill's own price")


def test_the_average_takes_a_share_of_the_pool(user: UserStore) -> None:
    """Pool of 2 for 300, sell 1 at 250: one part that cost 150, at 150, though 100 was the first price."""
    fills = [fill("1", price="100"), fill("2", price="200", at=1), fill("3", "sell", "1", "250", at=2)]
    book(user, add_broker(user, method="average"), fills)
    (part,) = opened(user, "3").parts
    assert (part.price, part.cost, part.gross) == (150, 150, 100)
    assert [p.cost for p in opened(user, "3", "lifo").parts] == [200]


def test_an_entered_lot_is_told_as_such(user: UserStore) -> None:
    """In the part of the sale that took it, and when it is asked for itself."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell", "3", "150")])
    now = NOON - timedelta(days=1)
    lot = open_lot(
        user,
        broker,
        "BTC/USDT",
        quantity=Decimal(2),
        price=Decimal(50),
        fee=Decimal(1),
        at=minute(-9),
        now=now,
    )
    report = opened(user, "1")
    assert [(p.lot_fill_id, p.opening, p.gross, p.lot_fees) for p in report.parts] == [(lot, True, 200, 1)]
    assert (report.unmatched, report.net) == (1, 199)
    mine = explain([user], lot)
    assert (mine.fill.source, mine.opened, mine.opened_fees) == ("opening", 2, 1)


def test_an_unknown_fill_is_unknown_and_so_is_another_users(store: Store, user: UserStore) -> None:
    """By any method."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    book(user, add_broker(user), [fill("1")])
    book(bob, add_broker(bob), [fill("2")])
    bobs = stored_ids(user)["2"]
    for number in (bobs, 0, -1, 99):
        with pytest.raises(UsageError, match="there is no fill"):
            explain([user], number, "lifo")
    assert explain([user, bob], bobs).fill.user == "bob"


# --- fees ---------------------------------------------------------------------------------------------------------


def test_each_fee_says_what_it_was_worth(user: UserStore) -> None:
    """In quote, in base, in a third coin with a price, a rebate, and one whose price nobody knows."""
    broker = add_broker(user)
    keep_candle(user, broker, "BNB/USDT", "600", minute(0))
    book(user, broker, [fill("1", fee="0.1 USDT, 0.001 BTC, 0.002 BNB, -0.05 USDT, 3 XYZ")])
    report = opened(user, "1")
    quote, base, third, rebate, unknown = report.fee_lines
    assert (quote.value, quote.rate) == (Decimal("0.1"), None)
    assert (base.value, base.rate, base.rate_at) == (Decimal("0.1"), 100, minute(0))
    assert (third.value, third.rate, third.rate_at) == (Decimal("1.2"), 600, minute(0))
    assert third.source == "BNB/USDT 1m candle of 2026-01-01T10:00:00.000Z at binance"
    assert rebate.value == Decimal("-0.05")
    assert (unknown.value, unknown.rate, unknown.amount, unknown.coin) == (None, None, 3, "XYZ")
    assert report.fees == Decimal("1.35")


def test_two_fees_in_one_third_coin_have_one_rate(user: UserStore) -> None:
    """Two lines, and together they are what was booked."""
    broker = add_broker(user)
    keep_candle(user, broker, "BNB/USDT", "600", minute(0))
    book(user, broker, [fill("1", fee="0.002 BNB, -0.001 BNB")])
    report = opened(user, "1")
    assert [line.value for line in report.fee_lines] == [Decimal("1.2"), Decimal("-0.6")]
    assert report.fees == report.opened_fees == Decimal("0.6")


def test_a_rate_over_a_bridge_names_both_candles(user: UserStore) -> None:
    """ETH/BTC with a fee in BNB: BNB/USDT, and BTC/USDT turned round."""
    broker = add_broker(user)
    keep_candle(user, broker, "BNB/USDT", "600", minute(0))
    keep_candle(user, broker, "BTC/USDT", "60000", minute(0))
    book(user, broker, [fill("1", price="0.05", symbol="ETH/BTC", fee="0.1 BNB")])
    (line,) = opened(user, "1").fee_lines
    assert (line.rate, line.value) == (Decimal("0.01"), Decimal("0.001"))
    assert line.source.startswith("BNB/USDT 1m candle of")
    assert " x 1 / BTC/USDT 1m candle of" in line.source


def test_a_rate_that_does_not_end_gives_the_value_that_was_booked(user: UserStore) -> None:
    """A price of 3 turned round has eighteen digits: line, fee and lot agree to the last of them."""
    broker = add_broker(user)
    keep_candle(user, broker, "USDT/BNB", "3", minute(0))
    book(user, broker, [fill("1", fee="0.000000000000000001 BNB")])
    report = opened(user, "1")
    assert report.fee_lines[0].value == report.opened_fees == Decimal("0.333333333333333333e-18")


def test_a_swaps_fee_in_its_base_coin_is_a_third_coins(user: UserStore) -> None:
    """A contract moves no coins; one settled in its base coin is kept in it."""
    broker = add_broker(user, market="swap")
    linear, inverse = Contract("USDT", Decimal("0.1")), Contract("BTC", Decimal(100), inverse=True)
    book(user, broker, [fill("1", fee="0.01 BTC", contract=linear)])
    book(user, broker, [replace(fill("2", fee="0.01 BTC", contract=inverse), symbol="BTC/USD:BTC", quote="USD")])
    assert opened(user, "1").fee_lines[0].value is None
    report = opened(user, "2")
    assert (report.currency, report.fees, report.fee_lines[0].value) == ("BTC", Decimal("0.01"), Decimal("0.01"))


async def test_a_scanned_fee_names_the_candle_it_was_valued_by(desk: Desk) -> None:
    """From the exchange to the line, with the host that told it."""
    world = desk.scripted()
    at = NOON - timedelta(hours=1)
    world.set_candle("BNB/USDT", at, "600")
    bought = world.buy("ETH/USDT", "1", "2000", at + timedelta(seconds=9), fee="0.002", fee_currency="BNB")
    await desk.open("binance", world)
    await desk.scan()
    (line,) = opened(desk.user, bought.trade_id).fee_lines
    assert (line.value, line.rate, line.rate_at) == (Decimal("1.2"), 600, at)
    assert line.source == f"BNB/USDT 1m candle of 2026-05-01T11:00:00.000Z at {desk.servers['main'].base_url}"


# --- how exact ----------------------------------------------------------------------------------------------------


def test_exact_is_said_of_figures_that_end(user: UserStore) -> None:
    """Half a lot's fee, an eighth of a pool, a fee valued by a rate of eighteen digits."""
    fills = [fill("1", "buy", "8", "100", fee="1 USDT"), fill("2", "sell", "1", "120", at=1, fee="0.3 USDT")]
    book(user, add_broker(user), fills)
    for method in METHODS:
        assert [opened(user, t, method).exact for t in "12"] == [True, True]


def test_exact_is_denied_where_a_share_was_cut(user: UserStore) -> None:
    """A third of a lot's fee, what is left of it after, and a third of a pool's cost."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "buy", "3", "10", fee="1 USDT"), fill("2", "sell", "1", at=1)])
    book(user, broker, [fill("3", "sell", "2", at=2)])
    assert [opened(user, t).exact for t in "123"] == [True, False, False]


def test_exact_is_told_of_the_method_that_was_asked_for(user: UserStore) -> None:
    """A third of a pool of 31 does not end; the lot of 10 does."""
    buys = [fill(str(n), "buy", "1", p, at=n) for n, p in ((1, "10"), (2, "10"), (3, "11"))]
    book(user, add_broker(user), [*buys, fill("4", "sell", "1", at=4)])
    assert (opened(user, "4", "average").exact, opened(user, "4", "fifo").exact) == (False, True)


def test_exact_is_denied_where_a_sales_fee_was_cut_for_its_unmatched_part(user: UserStore) -> None:
    """One of three met a lot: a third of the fee."""
    book(user, add_broker(user), [fill("1"), fill("2", "sell", "3", at=1, fee="1 USDT")])
    assert opened(user, "2").exact is False


def test_exact_is_denied_where_the_closing_fee_was_cut_between_lots(user: UserStore) -> None:
    """Three lots of one and a fee of one: each line shows a third that does not end."""
    book(user, add_broker(user), [*(fill(str(n), at=n) for n in (1, 2, 3)), fill("4", "sell", "3", at=4, fee="1 USDT")])
    report = opened(user, "4")
    assert [str(p.closing_fees)[:6] for p in report.parts] == ["0.3333"] * 3
    assert report.exact is False


# --- why it met no lot --------------------------------------------------------------------------------------------


def deposit(user: UserStore, broker: Broker, coin: str, at: datetime) -> None:
    """Coins came in from outside."""
    with user._database.write() as sql:
        sql.insert(
            "transfers",
            account_id=broker.account_id,
            kind="deposit",
            transfer_id=str(to_us(at)),
            coin=coin,
            amount="1",
            fee="0",
            at=to_us(at),
            tx_id="",
            network="",
            seen_at=to_us(at),
            raw="",
        )


def reason(user: UserStore, trade_id: str) -> str:
    return opened(user, trade_id).unmatched_reason or ""


def test_a_history_that_begins_too_late_is_the_reason_that_is_left(user: UserStore) -> None:
    """With the day it begins on."""
    book(user, add_broker(user, since=minute(-60 * 24)), [fill("1", "sell")])
    assert reason(user, "1") == "the history known here begins on 2025-12-31"


def test_a_deposit_and_another_symbol_are_named(user: UserStore) -> None:
    """Of the coin that was sold, and of no other; the deposit with its day, before the sale."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell", at=60), fill("2", symbol="BTC/EUR"), fill("3", symbol="ETH/USDT")])
    deposit(user, broker, "BTC", minute(30))
    deposit(user, broker, "ETH", minute(20))
    said = reason(user, "1")
    assert "BTC was deposited on 2026-01-01, at a cost that is not known" in said
    assert "BTC was also traded as BTC/EUR" in said
    assert "ETH" not in said


def test_a_deposit_after_the_sale_is_no_reason(user: UserStore) -> None:
    """What came later was not what was sold."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell")])
    deposit(user, broker, "BTC", minute(30))
    assert "deposited" not in reason(user, "1")


def test_dust_is_said_to_be_dust(user: UserStore) -> None:
    """Bought 1 with a base fee of 0.00001, sold 1.00 written with two decimals: the fee is what is missing."""
    fills = [fill("1", fee="0.00001 BTC"), fill("2", "sell", "1.01", at=1), fill("3", "buy", "0.01", at=0)]
    book(user, add_broker(user), fills)
    assert opened(user, "2").unmatched == Decimal("0.00001")
    assert reason(user, "2") == "dust, smaller than the step it was sold in"


def test_the_reason_is_that_of_the_fill_that_was_asked_for(user: UserStore) -> None:
    """Sold before the coins came, and again after: the first sale cannot have been of them."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell"), fill("2", "sell", at=60)])
    deposit(user, broker, "BTC", minute(30))
    assert "deposited" in reason(user, "2")
    assert "deposited" not in reason(user, "1")


def test_dust_is_dust_beside_a_sale_that_is_not(user: UserStore) -> None:
    """Another sale without a lot changes nothing about this one."""
    fills = [fill("1", fee="0.00001 BTC"), fill("2", "sell", "1.01", at=1), fill("3", "buy", "0.01", at=0)]
    book(user, add_broker(user), [*fills, fill("4", "sell", "5", at=9)])
    assert reason(user, "2") == "dust, smaller than the step it was sold in"


def test_an_entered_lot_does_not_make_the_history_begin_earlier(user: UserStore) -> None:
    """Too small a lot was entered for 2020: what is known still begins in 2026."""
    broker = add_broker(user)
    book(user, broker, [fill("1", "sell", "3")])
    long_ago = NOON - timedelta(days=2000)
    amounts: dict[str, Any] = {"quantity": Decimal(1), "price": Decimal(1), "fee": Decimal(0)}
    open_lot(user, broker, "BTC/USDT", **amounts, at=long_ago, now=NOON)
    assert reason(user, "1") == "the history known here begins on 2026-01-01"
