"""Fetching dated prices: what is asked of whom, what is asked once, and what is said to be missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk
from trademon.core.model import Broker, Fee, Fill
from trademon.core.price_reports import PriceFetchReport
from trademon.demo import faults
from trademon.demo.scripted import ScriptedWorld
from trademon.flows.fetch_prices import PriceQuery, fetch, prices_known
from trademon.flows.pnl import PnlQuery, pnl

D = Decimal
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
AT = NOON - 2 * DAY


def world_of(desk: Desk, *, fee: str = "0.1") -> ScriptedWorld:
    """EUR at 1.25 USDT, BTC at 50,000, then 60,000; ETH bought with BTC, and BTC with USDT."""
    world = desk.scripted(deposits={"USDT": D(1_000_000), "BTC": D(10)})
    world.set_candle("EUR/USDT", NOON - 90 * DAY, "1.25")
    world.set_candle("BTC/USDT", NOON - 90 * DAY, "50000")
    world.set_candle("BNB/USDT", NOON - 90 * DAY, "600")
    world.buy("BTC/USDT", "1", "50000", AT)
    world.set_candle("BTC/USDT", AT + HOUR, "60000")
    world.buy("ETH/BTC", "10", "0.05", AT + HOUR + timedelta(seconds=30), fee=fee, fee_currency="BNB")
    return world


async def ask(desk: Desk, currency: str = "USDT", **query: Any) -> PriceFetchReport:
    return await fetch([desk.user], desk.ports, PriceQuery(**query), [currency])


def asked(desk: Desk, name: str = "main") -> list[tuple[str, str]]:
    """The market and interval of every question for candles."""
    records = desk.servers[name].requests
    found = [r for r in records if "klines" in r.path or "candles" in r.path]
    return [(r.params["symbol"], r.params.get("interval", r.params.get("granularity", ""))) for r in found]


def figures(desk: Desk, currency: str, **query: Any) -> dict[str, tuple[Decimal, Decimal, int]]:
    """Gross, open cost, and how many amounts are without a value, by row."""
    rows = pnl([desk.user], PnlQuery(currency=currency, **query)).rows
    return {row.symbol: (row.gross, row.open_cost, len(row.unvalued)) for row in rows}


async def test_what_is_fetched_is_what_the_figures_need(desk: Desk) -> None:
    """A coin book in USDT needs BTC at the minute it was given, a symbol book BTC on its day; then nothing is without a
    value, and BTC given at 60,000 has gained 5,000."""
    await desk.open("binance", world_of(desk, fee="0"))
    await desk.scan()
    desk.servers["main"].requests.clear()
    assert figures(desk, "USDT", book="coin")["BTC"][2] == 1
    report = await ask(desk)
    assert sorted(asked(desk)) == [("BTCUSDT", "1d"), ("BTCUSDT", "1m")]
    assert (report.wanted, report.gaps, report.status, report.exit_code) == (2, (), "success", 0)
    (host,) = report.hosts
    assert (host.broker, host.prices, report.prices, host.note) == ("main", 2, 2, None)
    coins = figures(desk, "USDT", book="coin")
    assert coins["BTC"] == (5000, 25_000, 0)
    assert coins["ETH"] == (0, 30_000, 0)
    assert figures(desk, "USDT")["ETH/BTC"][2] == 0


async def test_a_second_run_asks_nothing(desk: Desk) -> None:
    """Not even the time."""
    await desk.open("binance", world_of(desk))
    await desk.scan()
    assert (await ask(desk, "EUR")).prices > 0
    desk.servers["main"].requests.clear()
    report = await ask(desk, "EUR")
    assert list(desk.servers["main"].requests) == []
    assert (report.hosts, report.gaps, report.prices) == ((), (), 0)
    assert report.wanted > 0


async def test_money_needs_a_days_price_and_a_coin_a_minutes(desk: Desk, exchange: str) -> None:
    """In EUR: USDT by the day, over the market of the two or its inverse; BTC and BNB at the minute, over USDT."""
    await desk.open(exchange, world_of(desk))
    await desk.scan(since=NOON - 3 * DAY)
    desk.servers["main"].requests.clear()
    report = await ask(desk, "EUR")
    assert report.gaps == ()
    day, minute = ("1d", "1m") if exchange == "binance" else ("1Dutc", "1min")
    assert set(asked(desk)) <= {(s, i) for s in ("EURUSDT", "BTCUSDT", "BNBUSDT") for i in (day, minute)}
    assert ("EURUSDT", day) in asked(desk)
    coins = figures(desk, "EUR", book="coin")
    assert coins["ETH"] == (0, D(24_048), 0)
    assert coins["BTC"] == (4000, 20_000, 0)


async def test_the_spans_of_what_is_kept_are_told(desk: Desk) -> None:
    """By host, market and length of candle."""
    await desk.open("binance", world_of(desk))
    await desk.scan()
    await ask(desk)
    told = {(s.symbol, s.interval): s for s in prices_known([desk.user]).spans}
    assert told.keys() == {
        ("BTC/USDT", DAY),
        ("BTC/USDT", timedelta(minutes=1)),
        ("BNB/USDT", timedelta(minutes=1)),
    } | (told.keys() & {("BNB/BTC", timedelta(minutes=1)), ("BTC/USDT", timedelta(minutes=1))})
    span = told["BTC/USDT", DAY]
    assert (span.host, span.known, span.missing) == (desk.servers["main"].base_url, 1, 0)
    assert span.first_at == span.last_at == AT.replace(hour=0)
    assert prices_known([]).spans == ()


def manual(desk: Desk, *fills: Fill) -> Broker:
    """A broker without an exchange, with these fills."""
    broker = desk.user.add_broker(
        "old", exchange="manual", market="spot", since=NOON, base_url=None, symbols=(), method=None, credentials=None
    )
    assert broker.account_id is not None
    desk.user.books.book_page(broker, fills, account_id=broker.account_id, method="fifo", source="import", seen_at=NOON)
    return broker


def bought(symbol: str, at: Any, *fees: Fee, number: str = "1") -> Fill:
    base, _, quote = symbol.partition("/")
    return Fill(number, symbol, base, quote, "buy", D(1), D(10), at, fees)


async def test_an_account_without_an_exchange_is_priced_by_the_others(desk: Desk) -> None:
    """Also its fees in third coins, which are valued with it; a host never looked at tells its markets first."""
    world = world_of(desk)
    await desk.open("binance", world)
    manual(desk, bought("ETH/USDT", AT, Fee(D("0.1"), "BNB")), bought("ETH/BTC", AT + HOUR, number="2"))
    report = await ask(desk, brokers=("old",))
    assert (report.gaps, report.fees_valued, report.hosts[0].broker) == ((), 1, "main")
    rows = {row.symbol: row for row in pnl([desk.user], PnlQuery()).rows}
    assert (rows["ETH/USDT"].open_cost, rows["ETH/USDT"].unvalued_fees) == (70, ())
    report = pnl([desk.user], PnlQuery(currency="USDT", book="coin"))
    assert report.totals[0].incomplete, "BTC and USDT it never had were given"
    assert [row.unvalued for row in report.rows] == [(), (), ()]
    assert report.notes == (f"old: prices of BNB, BTC are those of {desk.servers['main'].base_url}",)


async def test_without_any_exchange_everything_is_missing(desk: Desk) -> None:
    """Named by coin, with how many times and from when to when."""
    manual(desk, bought("ETH/XYZ", AT), bought("ETH/XYZ", AT + DAY, number="2"), bought("ETH/USDT", AT, number="3"))
    report = await ask(desk, "USDT")
    assert report.hosts == ()
    (gap,) = report.gaps
    assert (gap.coin, gap.currency, gap.times) == ("XYZ", "USDT", 2)
    assert (gap.first_at, gap.last_at, gap.why) == (AT, AT + DAY, "there is no exchange to ask")


async def test_what_no_market_tells_and_what_had_no_price_are_told_apart(desk: Desk) -> None:
    """And neither is asked for again."""
    world = world_of(desk)
    world.omit_candles("SOL/USDT")
    await desk.open("binance", world)
    await desk.scan()
    manual(desk, bought("ETH/XYZ", AT), bought("ETH/SOL", AT, number="2"))
    report = await ask(desk)
    assert [(gap.coin, gap.why) for gap in report.gaps] == [("SOL", "no price then"), ("XYZ", "no market tells it")]
    desk.servers["main"].requests.clear()
    again = await ask(desk)
    assert again.gaps == report.gaps
    assert list(desk.servers["main"].requests) == []


async def test_a_currency_that_no_market_has_is_a_failure_and_may_be_misspelt(desk: Desk) -> None:
    """Nothing of what was asked for was got; where another price is known it is no more than a part."""
    await desk.open("binance", world_of(desk))
    manual(desk, bought("ETH/SOL", AT))
    assert (await ask(desk, "EUR")).exit_code == 0
    assert pnl([desk.user], PnlQuery(currency="XXX")).notes == (
        "no market of your brokers has XXX, so no price in it can be fetched: is it spelt so?",
    )
    report = await ask(desk, "XXX")
    assert (report.known, report.prices, report.untold) == (0, 0, ("XXX",))
    assert (report.status, report.exit_code) == ("failed", 1)
    assert report.problems[-1].line.endswith("no market tells a price in XXX (is XXX spelt so?)")
    assert replace(report, known=1).exit_code == 3


async def test_another_way_is_tried_where_the_first_tells_no_price(desk: Desk) -> None:
    """SOL/EUR is listed and was not traded then: over USDT it is known."""
    world = world_of(desk)
    world.omit_candles("SOL/EUR")
    world.set_candle("SOL/USDT", NOON - 90 * DAY, "100")
    await desk.open("binance", world)
    manual(desk, bought("ETH/SOL", AT))
    report = await ask(desk, "EUR")
    assert report.gaps == ()
    assert figures(desk, "EUR")["ETH/SOL"] == (0, 800, 0)


async def test_another_host_is_asked_for_what_ones_own_does_not_list(desk: Desk) -> None:
    """The own host has no EUR at all."""
    own = desk.scripted()
    own.buy("BTC/USDT", "1", "50000", AT)
    await desk.open("bitget", own, name="small")
    await desk.scan("small")
    assert (await ask(desk, "EUR")).gaps[0].why == "no market tells it"
    await desk.open("binance", world_of(desk), name="big", uid="12")
    report = await ask(desk, "EUR", brokers=("small",))
    assert (report.gaps, [h.broker for h in report.hosts]) == ((), ["big"])
    report_ = pnl([desk.user], PnlQuery(currency="EUR", brokers=("small",)))
    assert report_.rows[0].open_cost == 40_000
    assert report_.notes == (f"small: prices of USDT are those of {desk.servers['big'].base_url}",)


async def test_since_and_until_and_brokers_say_for_which_fills(desk: Desk) -> None:
    """One of two fills, or none."""
    await desk.open("binance", world_of(desk))
    await desk.scan()
    assert (await ask(desk, "EUR", since=NOON - DAY)).wanted == 0
    one = await ask(desk, "EUR", until=AT + timedelta(minutes=1))
    assert (one.wanted, one.prices) == (1, 1)
    manual(desk)
    assert (await ask(desk, "EUR", brokers=("old",))).wanted == 0


async def test_a_host_that_fails_is_a_problem_and_stops_nothing_else(desk: Desk) -> None:
    """The other is read; what is missing was not asked."""
    await desk.open("binance", world_of(desk), name="bad")
    await desk.open("bitget", world_of(desk), name="good", uid="12")
    await desk.scan(since=NOON - 3 * DAY)
    desk.servers["bad"].faults.append(faults.status(404, path="/klines"))
    report = await ask(desk, "EUR")
    problems = {host.broker: host.problem is not None for host in report.hosts}
    assert problems == {"bad": True, "good": False}
    assert (report.status, report.exit_code) == ("partial", 3)
    assert {host.broker: host.prices > 0 for host in report.hosts} == {"bad": False, "good": True}
    desk.servers["bad"].faults.clear()
    assert (await ask(desk, "EUR")).gaps == ()


async def test_a_host_that_asks_us_to_wait_is_left_alone(desk: Desk) -> None:
    """Now and in the next run, until then; it is no problem."""
    await desk.open("binance", world_of(desk))
    await desk.scan()
    server = desk.servers["main"]
    server.faults.append(faults.status(429, path="/klines", headers={"Retry-After": "60"}))
    report = await ask(desk, "EUR")
    assert report.problems == ()
    assert report.hosts[0].note is not None
    assert {gap.why for gap in report.gaps} == {"not all was asked"}
    server.faults.clear()
    server.requests.clear()
    assert "wait until" in ((await ask(desk, "EUR")).hosts[0].note or "")
    assert list(server.requests) == []
    desk.clock.move(minutes=5)
    assert (await ask(desk, "EUR")).gaps == ()


async def test_the_budget_is_kept_and_the_rest_is_read_next_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices can wait. Those of days come first: they are few, and will do for minutes until these are there."""
    world = desk.scripted(deposits={"BTC": D(100)})
    world.set_candle("BTC/USDT", NOON - 90 * DAY, "50000")
    for n in range(40):
        world.buy("ETH/BTC", "0.1", "0.05", NOON - (n + 1) * DAY)
    await desk.open("binance", world)
    await desk.scan(since=NOON - 60 * DAY)
    monkeypatch.setattr("trademon.exchanges.binance._SWEEP_BELOW", 9)
    read: list[int] = []
    note: str | None = "budget"
    while note is not None:
        desk.clock.move(minutes=2)
        (host,) = (await ask(desk)).hosts
        read.append(host.prices)
        note = host.note
        assert note is None or "budget was used up" in note
    assert (sum(read), len(read) > 5) == (80, True)
    desk.clock.move(minutes=2)
    assert (await ask(desk)).hosts == ()


async def test_fees_that_scans_could_not_value_get_a_value(desk: Desk) -> None:
    """What the scan was refused."""
    world = world_of(desk)
    await desk.open("binance", world)
    desk.servers["main"].faults.append(faults.status(404, path="/klines"))
    await desk.scan()
    assert [row.unvalued_fees for row in pnl([desk.user], PnlQuery()).rows if row.symbol == "ETH/BTC"] == [
        (("BNB", D("0.1")),)
    ]
    desk.servers["main"].faults.clear()
    report = await ask(desk, "EUR")
    assert report.fees_valued == 1
    assert all(not row.unvalued_fees for row in pnl([desk.user], PnlQuery()).rows)


async def test_each_user_has_a_currency(desk: Desk) -> None:
    """Prices are everybody's: what one had fetched, the other need not ask."""
    await desk.open("binance", world_of(desk))
    await desk.scan()
    desk.store.add_user("bea", method=None, currency=None, telegram_chat=None)
    stores: Sequence[Any] = [desk.user, desk.store.for_user("bea")]
    report = await fetch(stores, desk.ports, PriceQuery(), ["EUR", "USDT"])
    assert {host.user for host in report.hosts} == {desk.user.user}
    assert (await fetch([], desk.ports, PriceQuery(), [])).status == "success"
