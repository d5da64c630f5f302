"""What is held, open and ordered: the exchange's last word beside our own books, and how old it is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk
from trademon.core.holding_reports import BalancesReport, OrderRow, OrdersReport, PositionRow, PositionsReport
from trademon.core.model import Contract, Fee, Fill, OpenOrder, Position
from trademon.demo import faults
from trademon.demo.model import WorldOrder
from trademon.exchanges.base import Capabilities
from trademon.exchanges.registry import capabilities_of
from trademon.flows import holdings, orders, positions

D = Decimal
AT = NOON - timedelta(hours=2)
STATING = Capabilities(None, False, False, 1000, None, has_positions=True)


async def held(desk: Desk, *names: str) -> BalancesReport:
    return await holdings.balances([desk.user], names, desk.ports)


async def open_now(desk: Desk, *names: str, able: Any = capabilities_of) -> PositionsReport:
    return await positions.positions([desk.user], names, desk.ports, capabilities_of=able)


def ordered(desk: Desk, **query: Any) -> OrdersReport:
    return orders.orders([desk.user], (), now=desk.clock(), **query)


def by_symbol(report: PositionsReport) -> dict[tuple[str, str | None], PositionRow]:
    return {(row.symbol, row.currency): row for row in report.positions}


# --- balances -----------------------------------------------------------------------------------------------------


async def test_balances_are_those_of_the_last_good_look_with_its_time(desk: Desk, exchange: str) -> None:
    """What an open order holds back is apart; a look that failed since marks them, a good one clears that."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", AT)
    world.add_order(waiting("900", "10", "3"))
    server = await desk.open(exchange, world)
    assert (await held(desk)).notes == ("main has not answered yet: trademon sync",)
    await desk.scan()
    asked = len(server.requests)
    report = await held(desk)
    assert len(server.requests) == asked
    rows = {row.coin: (row.total, row.free, row.locked) for row in report.balances}
    assert rows == {"BTC": (D(2), D(2), D(0)), "USDT": (D(999_800), D(999_770), D(30))}
    assert {(row.seen.at, row.seen.stale) for row in report.balances} == {(NOON, None)}

    desk.clock.move(minutes=5)
    server.faults.append(faults.html_with_200())
    await desk.scan()
    assert {(row.seen.at, row.seen.stale) for row in (await held(desk)).balances} == {(NOON, "the last look failed")}
    server.faults.clear()
    await desk.scan()
    assert {row.seen.stale for row in (await held(desk)).balances} == {None}
    desk.clock.move(days=1, minutes=1)
    assert {row.seen.stale for row in (await held(desk)).balances} == {"more than a day old"}
    desk.user.set_broker(desk.user.broker("main"), enabled=False)
    assert {row.seen.stale for row in (await held(desk)).balances} == {"disabled: nobody asks"}


async def test_two_brokers_of_one_account_hold_its_coins_once(desk: Desk) -> None:
    """By the name of the first; either name finds them."""
    world = desk.scripted()
    server = await desk.open("binance", world)
    from tests.flows.desk import make_account

    desk.add("second", make_account("binance", world), server)
    await desk.scan()
    assert [(row.broker, row.coin) for row in (await held(desk)).balances] == [("main", "USDT")]
    assert [(row.broker, row.coin) for row in (await held(desk, "second")).balances] == [("main", "USDT")]


async def test_a_capital_is_told_beside_what_the_account_holds_now(desk: Desk, exchange: str) -> None:
    """At last prices, over another coin where there is no market of the two; unknown where one has no price."""
    world = desk.scripted(deposits={"USDT": D(1000)})
    world.buy("BTC/USDT", "2", "100", AT)
    world.set_price("BTC/USDT", "130")
    server = await desk.open(exchange, world)
    broker = desk.user.broker("main")
    desk.user.set_broker(broker, initial_capital=D(1000), capital_currency="USDT")
    await desk.scan()
    (row,) = (await held(desk)).capital
    assert (row.initial, row.now, row.change, row.change_percent, row.unknown) == (1000, 1060, 60, 6, None)
    world.deposits["NOBODY"] = D(1)
    await desk.scan()
    (row,) = (await held(desk)).capital
    assert (row.now, row.change, row.unknown) == (None, None, "no price of NOBODY in USDT")
    await server.stop()
    (row,) = (await held(desk)).capital
    assert row.now is None
    assert row.unknown


# --- positions ----------------------------------------------------------------------------------------------------


async def test_a_coin_is_held_at_what_its_book_says_it_cost(desk: Desk, exchange: str) -> None:
    """2 bought for 201 with the fee, 0.5 sold: 1.5 for 150.75, at 120 worth 29.25 more. Money is no position."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", AT, fee="1")
    world.sell("BTC/USDT", "0.5", "120", AT + timedelta(minutes=1))
    await desk.open(exchange, world)
    await desk.scan()
    report = await open_now(desk)
    (row,) = report.positions
    assert (row.symbol, row.side, row.quantity, row.unknown_quantity) == ("BTC", "long", D("1.5"), D(0))
    assert (row.currency, row.average_cost, row.cost) == ("USDT", D("100.5"), D("150.75"))
    assert row.mark is not None
    assert (row.mark.price, row.mark.unrealized) == (D(120), D("29.25"))
    assert (row.seen.at, row.stated, row.difference, report.notes) == (NOON, None, None, ())


async def test_what_no_book_knows_the_cost_of_is_said_and_in_no_figure(desk: Desk, exchange: str) -> None:
    """3 BTC came without a trade beside the 2 that were bought; DOGE is known to no book at all."""
    world = desk.scripted(deposits={"USDT": D(10_000), "BTC": D(3), "DOGE": D(5)})
    world.buy("BTC/USDT", "2", "100", AT)
    world.set_price("BTC/USDT", "110")
    await desk.open(exchange, world)
    await desk.scan()
    rows = by_symbol(await open_now(desk))
    assert rows.keys() == {("BTC", "USDT"), ("DOGE", None)}
    btc, doge = rows["BTC", "USDT"], rows["DOGE", None]
    assert (btc.quantity, btc.unknown_quantity, btc.average_cost, btc.cost) == (5, 3, 100, 200)
    assert btc.mark is not None
    assert btc.mark.unrealized == 20
    assert (doge.quantity, doge.unknown_quantity, doge.average_cost, doge.cost, doge.mark) == (5, 5, None, None, None)


async def test_a_coin_bought_in_two_currencies_has_a_row_for_each(desk: Desk, exchange: str) -> None:
    """Costs of different currencies are never added up; the rows add up to what is held."""
    world = desk.scripted(deposits={"USDT": D(10_000), "EUR": D(10_000), "BTC": D("0.25")})
    world.buy("BTC/USDT", "2", "100", AT)
    world.buy("BTC/EUR", "1", "90", AT)
    await desk.open(exchange, world)
    await desk.scan()
    rows = by_symbol(await open_now(desk))
    assert {key: (row.quantity, row.unknown_quantity, row.average_cost) for key, row in rows.items()} == {
        ("BTC", "USDT"): (2, 0, 100),
        ("BTC", "EUR"): (1, 0, 90),
        ("BTC", None): (D("0.25"), D("0.25"), None),
    }


async def test_books_that_hold_more_than_the_account_are_said_and_count_what_is_there(
    desk: Desk, exchange: str
) -> None:
    """10 BNB bought at 300, a fee of 1 paid in it elsewhere: 9 at 300 each. What is all gone is a note alone."""
    world = desk.scripted(deposits={"USDT": D(10_000)})
    world.buy("BNB/USDT", "10", "300", AT)
    world.buy("SOL/USDT", "4", "50", AT)
    world.buy("BTC/USDT", "1", "100", AT, fee="1", fee_currency="BNB")
    world.withdraw("SOL", "4", AT + timedelta(minutes=1))
    world.set_price("BNB/USDT", "310")
    await desk.open(exchange, world)
    await desk.scan()
    report = await open_now(desk)
    rows = by_symbol(report)
    assert rows.keys() == {("BNB", "USDT"), ("BTC", "USDT")}
    bnb = rows["BNB", "USDT"]
    assert (bnb.quantity, bnb.average_cost, bnb.cost) == (9, 300, 2700)
    assert bnb.mark is not None
    assert bnb.mark.unrealized == 90
    assert [note.split(":")[1].strip() for note in report.notes] == [
        "books hold 1 BNB more than the account",
        "books hold 4 SOL more than the account",
    ]


async def test_without_prices_positions_are_told_all_the_same(desk: Desk, exchange: str) -> None:
    """The exchange is gone: what is held and what it cost stays, a note says why there is no gain."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", AT)
    server = await desk.open(exchange, world)
    await desk.scan()
    await server.stop()
    report = await open_now(desk)
    (row,) = report.positions
    assert (row.quantity, row.cost, row.mark) == (2, 200, None)
    assert report.notes[0] == "main: no last price of BTC"
    assert len(report.notes) == 2


async def test_an_account_that_files_tell_of_has_the_positions_of_its_books(desk: Desk) -> None:
    """No exchange says what it holds, so nothing is unknown and nothing is missing."""
    broker = desk.user.add_broker(
        "old", exchange="manual", market="spot", since=NOON, base_url=None, symbols=(), method=None, credentials=None
    )
    assert broker.account_id is not None
    imported(desk, broker, trade("buy", "2", "100", "1"), trade("sell", "0.5", "120", "2"))
    report = await open_now(desk)
    (row,) = report.positions
    assert (row.symbol, row.quantity, row.average_cost, row.seen.at, row.mark) == ("BTC", D("1.5"), 100, None, None)


async def test_what_an_exchange_states_stands_beside_ours_with_the_difference(desk: Desk) -> None:
    """By symbol and side; one that only it knows, one that only we know, two of one side as one."""
    broker = desk.user.add_broker(
        "swap", exchange="manual", market="swap", since=NOON, base_url=None, symbols=(), method=None, credentials=None
    )
    assert broker.account_id is not None
    imported(desk, broker, trade("buy", "2", "100", "1"), trade("sell", "3", "50", "2", symbol="ETH/USDT"))
    stated = [
        Position("BTC/USDT", "long", D("1.5"), "USDT", D(100), D(110), D(15), NOON, "a"),
        Position("BTC/USDT", "long", D("0.5"), "USDT", D(120), D(110), D(-5), None, "b"),
        Position("SOL/USDT", "short", D(4), "USDT"),
    ]
    desk.user.save_look(broker.account_id, (), (), NOON, stated)
    report = await open_now(desk, able=lambda *_: STATING)
    rows = {(row.symbol, row.side): row for row in report.positions}
    assert rows.keys() == {("BTC/USDT", "long"), ("ETH/USDT", "short"), ("SOL/USDT", "short")}
    btc, eth, sol = (rows[key] for key in sorted(rows))
    assert (btc.quantity, btc.average_cost, btc.difference) == (2, 100, 0)
    assert btc.stated is not None
    assert (btc.stated.quantity, btc.stated.entry_price, btc.stated.unrealised) == (2, 105, 10)
    assert (btc.stated.mark_price, btc.stated.opened_at) == (110, NOON)
    assert (eth.quantity, eth.stated, eth.difference) == (3, None, -3)
    assert (sol.quantity, sol.cost, sol.difference) == (None, None, 4)


# --- orders -------------------------------------------------------------------------------------------------------


def waiting(order_id: str, price: str, quantity: str, *, symbol: str = "BTC/USDT", at: Any = AT) -> WorldOrder:
    return WorldOrder(order_id, f"c{order_id}", symbol, "buy", "LIMIT", D(price), D(quantity), at, at, "NEW")


def trade(side: Any, quantity: str, price: str, trade_id: str, *, symbol: str = "BTC/USDT", **more: Any) -> Fill:
    base, _, quote = symbol.partition("/")
    return Fill(
        trade_id, symbol, base, quote, side, D(quantity), D(price), AT + timedelta(minutes=int(trade_id)), **more
    )


def imported(desk: Desk, broker: Any, *fills: Fill) -> None:
    signed_method = desk.user.method_of(broker)
    desk.user.books.book_page(
        broker, fills, account_id=broker.account_id, method=signed_method, source="import", seen_at=NOON, covered=None
    )


async def test_an_order_is_what_its_fills_add_up_to(desk: Desk, exchange: str) -> None:
    """Three pieces at two prices, fees in two coins; oldest first; one that waits and one that waits half filled."""
    world = desk.scripted()
    world.buy("BTC/USDT", "1", "100", AT, order_id="70", fee="0.1")
    world.buy("BTC/USDT", "1", "103", AT + timedelta(minutes=1), order_id="70", fee="0.01", fee_currency="BNB")
    world.buy("BTC/USDT", "2", "103", AT + timedelta(minutes=2), order_id="70", fee="0.3")
    world.sell("ETH/USDT", "1", "2000", AT + timedelta(minutes=3), order_id="71")
    world.add_order(waiting("900", "10", "3", at=AT + timedelta(minutes=5)))
    await desk.open(exchange, world)
    await desk.scan()
    report = ordered(desk)
    assert [(o.order_id, o.symbol, o.state) for o in report.orders] == [
        ("70", "BTC/USDT", "done"),
        ("71", "ETH/USDT", "done"),
        ("900", "BTC/USDT", "open"),
    ]
    done, _, open_one = report.orders
    assert (done.side, done.filled, done.average_price, done.fills) == ("buy", 4, D("102.25"), 3)
    assert done.fees == (("BNB", D("0.01")), ("USDT", D("0.4")))
    assert (done.first_at, done.last_at, done.order_type) == (AT, AT + timedelta(minutes=2), "market")
    assert (done.quantity, done.created_at) == (None, None)
    assert (open_one.quantity, open_one.filled, open_one.fills) == (3, 0, 0)
    assert [o.order_id for o in ordered(desk, only_open=True).orders] == ["900"]
    assert [o.order_id for o in ordered(desk, symbols=["ETH/USDT"]).orders] == ["71"]
    newest = ordered(desk, limit=1)
    assert ([o.order_id for o in newest.orders], newest.total) == (["900"], 3)


async def test_an_order_half_filled_is_open_and_one_that_vanished_is_done(desk: Desk) -> None:
    """Cancelled after a part: it is done with what it filled. What was filled after the last look is not known."""
    world = desk.scripted()
    half = world.buy("BTC/USDT", "1", "100", AT, order_id="70")
    await desk.open("binance", world)
    await desk.scan()
    account_id = desk.account_id()
    open_one = OpenOrder("70", "BTC/USDT", "buy", "limit", D(3), D(1), D(100), AT - timedelta(days=1))
    desk.user.save_look(account_id, (), [open_one], NOON)

    def only(report: OrdersReport) -> OrderRow:
        (row,) = report.orders
        return row

    row = only(ordered(desk))
    assert (row.state, row.quantity, row.filled, row.average_price) == ("open", 3, 1, 100)
    assert (row.created_at, row.first_at) == (AT - timedelta(days=1), half.executed_at)
    desk.user.save_look(account_id, (), [], NOON)
    assert only(ordered(desk)).state == "done"
    assert ordered(desk, only_open=True).orders == ()
    desk.user.save_look(account_id, (), [], AT - timedelta(seconds=1))
    assert only(ordered(desk)).state == "unknown"


async def test_what_is_left_of_a_contract_from_before_it_was_held_both_ways_is_shown(desk: Desk) -> None:
    """A close that was never seen leaves the book of one-way mode open: it stands beside the long side's, and what the
    exchange states is held against that one."""
    broker = desk.user.add_broker(
        "swap", exchange="manual", market="swap", since=NOON, base_url=None, symbols=(), method=None, credentials=None
    )
    assert broker.account_id is not None
    perp, long = "BTC/USDT:USDT", "BTC/USDT:USDT long"
    imported(desk, broker, trade("buy", "2", "100", "1", symbol=perp), trade("buy", "3", "110", "2", symbol=long))
    stated = [Position(perp, "long", D(3), "USDT", D(110), D(120), D(30), NOON, "a")]
    desk.user.save_look(broker.account_id, (), [], NOON, stated)
    rows = (await open_now(desk)).positions
    assert [(r.symbol, r.side, r.quantity, r.cost, r.difference) for r in rows] == [
        (perp, "long", 3, 330, 0),
        (perp, "long", 2, 200, -2),
    ]


async def test_an_order_half_filled_of_a_contract_held_both_ways_is_one_order(desk: Desk) -> None:
    """Its fills are of a position side, which the exchange's list of open orders does not name."""
    broker = desk.user.add_broker(
        "perps",
        exchange="binance",
        market="swap",
        since=AT,
        base_url="http://127.0.0.1:9",
        symbols=(),
        method=None,
        credentials=None,
    )
    account_id = desk.user.bind_account(broker, "7")
    contract = Contract("USDT")
    half = Fill("1", "BTC/USDT:USDT long", "BTC", "USDT", "buy", D(1), D(100), AT, order_id="70", contract=contract)
    more = {"account_id": account_id, "method": "fifo", "source": "api", "seen_at": NOON}
    desk.user.books.book_page(desk.user.broker("perps"), [half], **more)
    open_one = OpenOrder("70", "BTC/USDT:USDT", "buy", "limit", D(3), D(1), D(100), AT)
    desk.user.save_look(account_id, (), [open_one], NOON)
    (row,) = ordered(desk).orders
    assert (row.state, row.filled, row.quantity, row.fills, row.average_price) == ("open", 1, 3, 1, 100)


async def test_rows_of_files_are_orders_where_they_name_one(desk: Desk) -> None:
    """A row without an order's id belongs to none; a rebate is a fee below zero."""
    broker = desk.user.add_broker(
        "old", exchange="manual", market="spot", since=NOON, base_url=None, symbols=(), method=None, credentials=None
    )
    rebate = (Fee(D("-0.5"), "USDT"),)
    imported(desk, broker, trade("buy", "2", "100", "1", order_id="o1", fees=rebate), trade("buy", "1", "100", "2"))
    (row,) = ordered(desk).orders
    assert (row.order_id, row.state, row.filled, row.fees) == ("o1", "done", 2, (("USDT", D("-0.5")),))


@pytest.mark.parametrize("market", ["linear", "inverse"])
async def test_the_average_of_an_inverse_order_is_what_its_contracts_bought(desk: Desk, market: str) -> None:
    """100 USD at 50 and 100 at 100 are 3 coins for 200: 66.67, not 75."""
    from trademon.core.model import Contract

    contract = Contract("BTC", inverse=True) if market == "inverse" else Contract("USDT")
    symbol = "BTC/USD:BTC" if market == "inverse" else "BTC/USDT:USDT"
    broker = desk.user.add_broker(
        "swap", exchange="manual", market="swap", since=NOON, base_url=None, symbols=(), method=None, credentials=None
    )
    base, quote = "BTC", symbol.partition("/")[2].partition(":")[0]
    fills = [
        Fill(str(n), symbol, base, quote, "buy", D(100), D(price), AT, order_id="o", contract=contract)
        for n, price in enumerate(("50", "100"))
    ]
    imported(desk, broker, *fills)
    (row,) = ordered(desk).orders
    expected = D(75) if market == "linear" else D(200) / D(3)
    assert row.average_price is not None
    assert abs(row.average_price - expected) < D("0.00001")
