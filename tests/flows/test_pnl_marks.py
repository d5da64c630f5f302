"""What is open at the exchanges' last prices: asked once a host, and never in the way of what is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk, asked, make_account
from tests.flows.ledger import Ledger
from tests.ui.world import pnl_row
from trademon.core.model import Contract, Market
from trademon.core.pnl_reports import PnlReport
from trademon.demo import faults
from trademon.flows.pnl import PnlQuery
from trademon.flows.pnl_marks import mark_of, pnl_at_last_prices, unrealized

D = Decimal
PRICES = {"binance": "/ticker/price", "bitget": "/market/tickers"}
AT = NOON - timedelta(hours=2)


async def ask(desk: Desk, **query: Any) -> PnlReport:
    return await pnl_at_last_prices([desk.user], PnlQuery(**query), desk.ports)


def held_world(desk: Desk) -> Any:
    """Bought 2 BTC at 100 with a fee of 1, sold 0.5 of them at 120; the last price is 120."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", AT, fee="1", fee_currency="USDT")
    world.sell("BTC/USDT", "0.5", "120", AT + timedelta(minutes=1))
    return world


@pytest.mark.parametrize(
    ("quantity", "cost", "price", "gain"),
    [("2", "201", "120", "39"), ("2", "201", "0", "-201"), ("-2", "199", "90", "19"), ("-2", "199", "110", "-21")],
)
def test_a_long_gains_what_a_short_loses(quantity: str, cost: str, price: str, gain: str) -> None:
    """A long: what it would bring less what it cost; a short: what it brought in less what buying it back takes."""
    assert unrealized(D(quantity), D(cost), D(price)) == D(gain)


def test_an_inverse_contract_is_marked_in_its_coin() -> None:
    """50,000 contracts of 1 USD at 50,000 cost 1 BTC; at 62,500 they gain 0.2 BTC. The price shown is the market's."""
    contract = Contract("BTC", inverse=True)
    market = Market("BTC/USD:BTC", "BTC", "USD", "BTCUSD", contract)
    row = pnl_row(symbol=market.symbol, currency="BTC", open_quantity=D(50_000), open_cost=D(1))
    mark = mark_of(row, market, D(62_500), NOON)
    assert (mark.price, mark.unrealized) == (62_500, D("0.2"))
    short = replace(row, open_quantity=D(-50_000))
    assert mark_of(short, market, D(62_500), NOON).unrealized == D("-0.2")


async def test_what_is_open_is_marked_at_the_last_price(desk: Desk, exchange: str) -> None:
    """1.5 held for 150.75 at 120: 29.25, at either exchange; by any grouping the total is the same."""
    server = await desk.open(exchange, held_world(desk))
    await desk.scan()
    report = await ask(desk)
    (row,) = report.rows
    assert row.mark is not None
    assert (row.mark.price, row.mark.at, row.mark.unrealized) == (120, desk.clock(), D("29.25"))
    assert (report.marked, report.status, report.exit_code, report.notes) == (True, "success", 0, ())
    assert len(asked(server, PRICES[exchange])) == 1
    for by in (None, "symbol", "broker", "day", "year"):
        grouped = await ask(desk, by=by)
        assert [t.unrealized for t in grouped.totals] == [D("29.25")]
        assert [r.mark.unrealized for r in grouped.rows if r.mark] == [D("29.25")]


async def test_a_host_is_asked_once_for_all_of_its_accounts(desk: Desk) -> None:
    """Two accounts behind one address: one question."""
    accounts = [make_account("binance", held_world(desk), uid, key=uid * 32) for uid in ("11", "22")]
    server = await desk.serve(*accounts)
    for name, account in zip(("a", "b"), accounts, strict=True):
        desk.add(name, account, server)
    await desk.scan()
    report = await ask(desk)
    assert [r.mark and r.mark.unrealized for r in report.rows] == [D("29.25")] * 2
    assert len(asked(server, PRICES["binance"])) == 1
    (by_symbol,) = (await ask(desk, by="symbol")).rows
    assert by_symbol.mark is not None
    assert (by_symbol.mark.price, by_symbol.mark.unrealized) == (120, D("58.5"))


async def test_nobody_is_asked_where_nothing_is_open(desk: Desk) -> None:
    """Flat books need no price; their total is zero, not unknown."""
    world = desk.scripted()
    world.buy("BTC/USDT", "1", "100", AT)
    world.sell("BTC/USDT", "1", "120", AT + timedelta(minutes=1))
    server = await desk.open("binance", world)
    await desk.scan()
    report = await ask(desk)
    assert [t.unrealized for t in report.totals] == [0]
    assert asked(server, PRICES["binance"]) == []


async def test_a_host_that_fails_costs_its_own_rows_their_price(desk: Desk) -> None:
    """Partial, exit 3; the other host's rows are marked, and all that was realised is as it was."""
    await desk.open("binance", held_world(desk))
    await desk.open("bitget", held_world(desk), name="other", uid="22")
    await desk.scan()
    desk.servers["main"].faults.append(faults.status(500, path=PRICES["binance"]))
    report = await ask(desk)
    assert [(r.broker, r.mark and r.mark.unrealized, r.net) for r in report.rows] == [
        ("main", None, D("9.75")),
        ("other", D("29.25"), D("9.75")),
    ]
    assert (report.status, report.exit_code, [p.broker for p in report.problems]) == ("partial", 3, ["main"])
    (total,) = report.totals
    assert (total.unrealized, total.incomplete) == (D("29.25"), True)
    desk.servers["other"].faults.append(faults.status(500, path=PRICES["bitget"]))
    report = await ask(desk)
    assert (report.exit_code, report.totals[0].unrealized, report.totals[0].net) == (3, None, D("19.5"))


async def test_an_account_without_an_exchange_is_named(desk: Desk) -> None:
    """A manual account's rows have no price, which is no failure; nor has one that is left alone."""
    ledger = Ledger(desk.store, desk.user)
    ledger.broker("old")
    ledger.book("old", ("buy", 1, 100))
    server = await desk.open("binance", held_world(desk))
    await desk.scan("main")
    desk.user.set_broker(desk.user.broker("main"), enabled=False)
    report = await ask(desk)
    assert [r.mark for r in report.rows] == [None, None]
    assert report.notes == ("no exchange to ask for a price: main, old",)
    assert (report.exit_code, report.totals[0].unrealized, report.totals[0].incomplete) == (0, None, True)
    assert asked(server, PRICES["binance"]) == []


async def test_a_host_that_asked_us_to_wait_is_left_alone(desk: Desk) -> None:
    """No question before its time is over; said, and no failure."""
    server = await desk.open("binance", held_world(desk))
    await desk.scan()
    broker = desk.user.broker("main")
    desk.user.note_failed_look(broker, desk.clock(), "429", desk.clock() + timedelta(minutes=1))
    report = await ask(desk)
    assert "asked us to wait until 12:01:00 UTC" in report.notes[0]
    assert (report.exit_code, report.rows[0].mark, asked(server, PRICES["binance"])) == (0, None, [])


async def test_by_period_what_is_open_now_stands_in_the_newest_row(desk: Desk) -> None:
    """What was open at the end of an earlier day has no price of today."""
    world = desk.scripted()
    world.buy("BTC/USDT", "2", "100", AT - timedelta(days=1))
    world.buy("BTC/USDT", "1", "130", AT)
    await desk.open("binance", world)
    await desk.scan()
    report = await ask(desk, by="day")
    assert [(r.period, r.mark and r.mark.unrealized) for r in report.rows] == [
        ("2026-04-30", None),
        ("2026-05-01", 60),
    ]
    assert not report.totals[0].incomplete
