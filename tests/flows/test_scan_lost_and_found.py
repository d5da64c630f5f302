"""Ways in which an execution could be lost, doubled or hidden for ever, each of them met once: all are found."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web

from tests.flows.desk import (
    ACCOUNT_PATH,
    FILLS_PATH,
    KEYS,
    NOON,
    TRADED,
    Desk,
    asked,
    make_account,
    one,
    statuses,
    truth,
)
from trademon.core.coverage import Span
from trademon.core.model import Credentials, Fill
from trademon.core.reports import ScanReport
from trademon.demo import faults
from trademon.demo.binance_rows import trade_row
from trademon.demo.model import Execution, Market, WorldOrder
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoServer
from trademon.demo.wire import all_markets
from trademon.flows.scan import ScanLimits, Target, scan
from trademon.store.store import Store, UserStore
from trademon.store.user_brokers import LONGEST_WAIT

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MARKETS_PATH = {"binance": "exchangeInfo", "bitget": "/public/symbols"}
NO_MARKETS = {"binance": '{"symbols": []}', "bitget": '{"code":"00000","data":[]}'}


def market(base: str) -> Market:
    return Market(base, "USDT", Decimal(1), Decimal("0.01"), Decimal("0.001"))


def key_pair(api_key: str, exchange: str) -> Credentials:
    _, secret, passphrase = KEYS[exchange]
    return Credentials(api_key, secret, passphrase)


def at_exchange(server: DemoServer, exchange: str) -> object:
    """The part of the server that plays this exchange."""
    return getattr(server, exchange)


async def scans(desk: Desk, count: int, **apart: float) -> ScanReport:
    """That many passes, each so long after the one before; the report of the last."""
    for _ in range(count):
        desk.clock.move(**apart)
        report = await desk.scan()
    return report


def assert_exact(desk: Desk, world: ScriptedWorld) -> None:
    """Every execution once, and books that a rebuild would make as well."""
    assert desk.stored() == truth(world, desk.clock.at)
    assert desk.derived() == desk.derived_again()


# --- which symbols ------------------------------------------------------------------------------------------------


async def test_a_coin_listed_after_the_market_list_was_read_is_found_by_its_order(desk: Desk) -> None:
    """Bitget's orders name a symbol our list of ten minutes ago has not: the list is fetched again."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open("bitget", world)
    await desk.scan()
    desk.clock.move(minutes=10)
    world.markets["NEW/USDT"] = market("NEW")
    world.buy("NEW/USDT", "5", "10", desk.clock.at - timedelta(minutes=1))
    server.bitget._markets = all_markets([world])
    assert (await desk.scan()).exit_code == 0
    assert_exact(desk, world)


async def test_a_name_in_no_list_is_said_after_the_rest_was_read_and_stays_news(desk: Desk) -> None:
    """BadAnswer, with every other fill stored; balances and the order history count as read only when it is known."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    world.buy("NEW/USDT", "5", "10", NOON - HOUR)
    server = await desk.open("bitget", world)
    hidden = server.bitget._markets.pop("NEWUSDT")
    report = await desk.scan()
    assert (one(report).status, one(report).problem.kind, one(report).new_fills) == ("failed", "answer", 1)
    assert "NEWUSDT" in one(report).problem.message
    assert desk.user.balances(desk.account_id()) == {}
    assert desk.user.coverage(desk.account_id(), "", stream="orders") == ()
    server.bitget._markets["NEWUSDT"] = hidden
    assert statuses(await scans(desk, 1, minutes=1)) == ["ok"]
    assert "NEW" in desk.user.balances(desk.account_id())
    assert desk.user.coverage(desk.account_id(), "", stream="orders") != ()
    assert_exact(desk, world)


async def test_an_order_made_before_since_and_filled_after_it_is_found(desk: Desk) -> None:
    """Five days old, filled twelve hours ago, and history wanted for one day: orders are read as far as they go."""
    world = desk.scripted()
    done = world.buy("LINK/USDT", "1", "14", NOON - 12 * HOUR, order_id=500)
    world._executions.clear()
    world.add_order(
        WorldOrder(
            order_id="500",
            client_id="good-till-cancelled",
            symbol="LINK/USDT",
            side="buy",
            type="LIMIT",
            price=Decimal(14),
            quantity=Decimal(1),
            created_at=NOON - 5 * DAY,
            updated_at=done.executed_at,
            status="FILLED",
            executions=(done,),
        )
    )
    await desk.open("bitget", world, since=NOON - DAY)
    await desk.scan()
    assert_exact(desk, world)


@pytest.mark.parametrize("how", ["scan --since", "broker set --since", "a short first scan"])
async def test_a_history_that_begins_earlier_than_before_is_read_from_there(
    desk: Desk, exchange: str, how: str
) -> None:
    """Symbols asked in vain for the shorter time are asked again, though nothing else points at them."""
    world = desk.scripted()
    world.buy("SOL/USDT", "1", "100", NOON - 5 * DAY)
    long_ago = NOON - 10 * DAY
    short = how == "a short first scan"
    await desk.open(exchange, world, since=long_ago if short else NOON - DAY)
    await desk.scan(since=NOON - HOUR if short else None)
    assert desk.stored() == []
    desk.clock.move(minutes=2)
    if how == "broker set --since":
        desk.user.set_broker(desk.user.broker("main"), since_at=long_ago)
    await desk.scan(since=long_ago if how == "scan --since" else None)
    assert_exact(desk, world)


async def test_an_empty_account_that_is_filled_later_shows_what_it_trades(desk: Desk) -> None:
    """A first look at nothing was a look: the balances of the second are news, and point at the symbol."""
    world = desk.scripted(deposits={})
    await desk.open("binance", world)
    await desk.scan()
    world.deposits["USDT"] = Decimal(1000)
    world.buy("SOL/USDT", "1", "100", NOON + timedelta(minutes=5))
    desk.clock.move(hours=1)
    await desk.scan(limits=ScanLimits(sweep=0))
    assert_exact(desk, world)


async def test_a_delisted_symbol_is_asked_for_as_long_as_it_has_fills(desk: Desk, exchange: str) -> None:
    """The exchange's list names it no more, its fills can still be asked for."""
    world = desk.scripted()
    for symbol in ("ETH/USDT", "SOL/USDT"):
        world.buy(symbol, "1", "100", NOON - HOUR)
    server = await desk.open(exchange, world)
    await desk.scan()
    world.sell("SOL/USDT", "1", "120", NOON + timedelta(minutes=5))
    at_exchange(server, exchange)._markets.pop("SOLUSDT")  # type: ignore[attr-defined]
    assert statuses(await scans(desk, 1, hours=25)) == ["ok"]
    assert_exact(desk, world)


async def test_one_symbol_that_is_refused_stops_no_other(desk: Desk, exchange: str) -> None:
    """The look has failed and says why; what the other symbols did is stored at once."""
    world = desk.scripted()
    for base in ("BTC", "ETH", "SOL"):
        world.buy(f"{base}/USDT", "1", "100", NOON - HOUR)
    server = await desk.open(exchange, world)
    await desk.scan()
    for base in ("ETH", "SOL"):
        world.buy(f"{base}/USDT", "1", "101", NOON + HOUR)
    body = {"code": -1121, "msg": "Invalid symbol."} if exchange == "binance" else {"code": "40034", "msg": "x"}

    async def refuse(request: web.Request) -> web.StreamResponse | None:
        is_it = FILLS_PATH[exchange] in request.path and request.query.get("symbol") == "BTCUSDT"
        return web.json_response(body, status=400) if is_it else None

    server.faults.append(refuse)
    report = await scans(desk, 1, hours=2)
    assert (one(report).status, one(report).problem.kind, one(report).new_fills) == ("failed", "answer", 2)
    assert_exact(desk, world)


async def test_more_busy_symbols_than_a_minute_allows_keep_none_waiting_for_ever(desk: Desk) -> None:
    """The longest unasked come first, after a small slice of those never asked: every symbol has its turn."""
    names = [f"C{n:03d}" for n in range(100)]
    world = desk.scripted(markets=tuple(market(name) for name in names), deposits={"USDT": Decimal(10**9)})
    for name in names:
        world.buy(f"{name}/USDT", "1", "1", NOON - HOUR)
    server = await desk.serve(make_account("binance", world), weight_limit=2000)
    desk.add("main", make_account("binance", world), server)
    for _ in range(14):
        await desk.scan()
        desk.clock.move(seconds=61)
    assert_exact(desk, world)


async def test_a_base_that_is_renamed_keeps_its_fills_in_one_row(desk: Desk) -> None:
    """ETHUSDT is now XETH/USDT: the same wire name, the same fill, no second one."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open("binance", world)
    await desk.scan()

    async def rename(request: web.Request) -> web.StreamResponse | None:
        row = {"symbol": "ETHUSDT", "baseAsset": "XETH", "quoteAsset": "USDT"}
        return web.json_response({"symbols": [row]}) if "exchangeInfo" in request.path else None

    server.faults.append(rename)
    await scans(desk, 1, hours=25)
    assert len(desk.stored()) == 1
    assert [(book.symbol, book.fills) for book in desk.user.stored_books()] == [(desk.stored()[0][0], 1)]


async def test_two_hosts_of_one_exchange_have_a_market_list_each(desk: Desk, exchange: str) -> None:
    """What a test network lists says nothing of the real one: both accounts are read whole."""
    real, test = desk.scripted(), desk.scripted(markets=(market("AAA"),))
    real.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    test.buy("AAA/USDT", "1", "3000", NOON - HOUR)
    await desk.open(exchange, test, name="a_test", uid="12")
    await desk.open(exchange, real, name="main", uid="11")
    await desk.scan("a_test")
    await desk.scan("main")
    assert desk.stored("a_test") == truth(test, NOON)
    assert desk.stored("main") == truth(real, NOON)


# --- late fills, wrong clocks -------------------------------------------------------------------------------------


async def test_a_fill_published_just_after_a_look_is_found_by_the_next_a_day_later(desk: Desk, exchange: str) -> None:
    """The overlap counts back from the last look, not from now: a daily scan leaves no gap of a few seconds."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open(exchange, world)
    await desk.scan()
    world.buy("ETH/USDT", "1", "3001", NOON - timedelta(seconds=2))
    await scans(desk, 1, hours=24, seconds=3)
    assert_exact(desk, world)


async def test_a_fill_late_before_an_outage_of_a_day_is_found_after_it(desk: Desk) -> None:
    """A look every ten seconds, then the machine is off for 25 hours."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open("binance", world)
    await desk.scan()
    await scans(desk, 1, seconds=10)
    world.buy("ETH/USDT", "1", "3001", desk.clock.at - timedelta(seconds=2))
    world.buy("ETH/USDT", "1", "3002", desk.clock.at + HOUR)
    await scans(desk, 1, hours=25)
    assert_exact(desk, world)


class Lagging(ScriptedWorld):
    """Balances show an execution at once, the list of fills only later."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(clock=desk.clock, deposits={"USDT": Decimal(1_000_000)}, markets=TRADED)
        self.hidden_until: dict[str, datetime] = {}

    def executions(self, until: datetime | None = None, symbol: str | None = None) -> list[Execution]:
        found = super().executions(until, symbol)
        return [e for e in found if self._clock() >= self.hidden_until.get(e.trade_id, e.executed_at)]

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        hidden, self.hidden_until = self.hidden_until, {}
        try:
            return super().balances(now)
        finally:
            self.hidden_until = hidden


async def test_a_balance_that_comes_before_its_fill_is_followed_for_an_hour(desk: Desk) -> None:
    """The symbol it pointed at is asked in every look, not again tomorrow."""
    world = Lagging(desk)
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open("binance", world)
    await desk.scan()
    desk.clock.move(minutes=5)
    world.buy("SOL/USDT", "1", "100", desk.clock.at - timedelta(seconds=1), trade_id=7777)
    world.hidden_until["7777"] = desk.clock.at + timedelta(minutes=55)
    assert (await desk.scan()).new_fills == 0
    assert "SOL" in desk.user.balances(desk.account_id())
    before = asked(server, "/myTrades").count("SOLUSDT")
    await scans(desk, 5, minutes=10)
    assert asked(server, "/myTrades").count("SOLUSDT") == before + 5
    assert len(desk.stored()) == 1
    await scans(desk, 1, minutes=6)
    assert_exact(desk, world)


async def test_an_exchange_three_hours_behind_our_clock_hides_nothing(desk: Desk) -> None:
    """Its time is the one that counts, also for the order history of Bitget."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - 4 * HOUR)
    server = await desk.open("bitget", world)
    server.clock_offset = -3 * HOUR
    await desk.scan()
    desk.clock.move(minutes=30)
    world.buy("SOL/USDT", "1", "100", server.now() - timedelta(minutes=2))
    world.sell("SOL/USDT", "1", "100", server.now() - timedelta(minutes=1))
    assert statuses(await scans(desk, 2, minutes=40)) == ["ok"]
    assert desk.stored() == truth(world, server.now())


async def test_a_wait_written_by_a_clock_a_year_ahead_is_ignored(desk: Desk) -> None:
    """No ban lasts a year; the broker is asked once the clock is right."""
    server = await desk.open("binance", desk.scripted())
    server.faults.append(faults.status(429, {"Retry-After": "5"}, "{}", times=1, path="/api/v3/account"))
    desk.clock.move(days=365)
    assert statuses(await desk.scan()) == ["skipped"]
    desk.clock.move(days=-365)
    assert statuses(await scans(desk, 1, hours=1)) == ["ok"]


async def test_a_retry_after_of_five_thousand_digits_is_a_wait_like_others(desk: Desk) -> None:
    """Skipped until a time that exists, and no longer than the longest ban."""
    server = await desk.open("binance", desk.scripted())
    server.faults.append(faults.status(429, {"Retry-After": "9" * 5000}, "{}", times=1, path="/api/v3/account"))
    report = await desk.scan()
    assert (statuses(report), one(report).problem, report.exit_code) == (["skipped"], None, 0)
    wait_until = desk.user.broker_state(desk.user.broker("main")).wait_until
    assert wait_until is not None
    assert NOON < wait_until <= NOON + LONGEST_WAIT
    assert statuses(await scans(desk, 1, days=3, seconds=1)) == ["ok"]


# --- keys and accounts --------------------------------------------------------------------------------------------


async def test_a_key_of_another_account_reads_that_one_from_its_beginning(desk: Desk) -> None:
    """What was read of the first account says nothing of the second."""
    first, second = desk.scripted(), desk.scripted()
    first.buy("ETH/USDT", "1", "3000", NOON - 20 * HOUR)
    second.buy("SOL/USDT", "1", "100", NOON - 20 * HOUR)
    server = await desk.serve(make_account("bitget", first), make_account("bitget", second, uid="99", key="bg_2"))
    desk.add("main", make_account("bitget", first), server)
    await desk.scan()
    desk.user.set_broker(desk.user.broker("main"), credentials=key_pair("bg_2", "bitget"))
    await scans(desk, 1, hours=1.5)
    assert {fact[0] for fact in desk.stored()} >= {"SOL/USDT"}


async def test_a_pass_planned_before_the_key_was_changed_books_into_the_right_account(desk: Desk) -> None:
    """The broker is read again under its lock: no fill of the new account is booked into the old one."""
    first, second = desk.scripted(), desk.scripted()
    first.buy("ETH/USDT", "1", "3000", NOON - 20 * HOUR)
    second.buy("ETH/USDT", "7", "100", NOON - 2 * HOUR, trade_id=900)
    server = await desk.serve(make_account("bitget", first), make_account("bitget", second, uid="99", key="bg_2"))
    desk.add("main", make_account("bitget", first), server)
    await desk.scan()
    old_account, planned = desk.account_id(), desk.user.broker("main")
    desk.user.set_broker(planned, credentials=key_pair("bg_2", "bitget"))
    desk.clock.move(hours=2)
    await scan([Target(desk.user, planned)], desk.ports)
    with desk.user._database.read() as sql:
        rows = {(row[0], row[1]) for row in sql.rows("select account_id, trade_id from fills")}
    assert rows == {(old_account, "101"), (desk.account_id(), "900")}
    assert desk.account_id() != old_account


async def test_a_revoked_key_beside_a_good_one_to_the_same_account_hides_nothing(desk: Desk, exchange: str) -> None:
    """They are asked one after the other: the first fails, the second is not told that the account is held."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    accounts = [make_account(exchange, world), make_account(exchange, world, key="B" * 64)]
    server = await desk.serve(*accounts)
    for name, account in zip("ab", accounts, strict=True):
        desk.add(name, account, server)
        await desk.scan(name)
    world.buy("ETH/USDT", "1", "3000", NOON + HOUR)
    at_exchange(server, exchange)._accounts.pop(accounts[0].api_key)  # type: ignore[attr-defined]
    report = await scans(desk, 1, hours=1, minutes=1)
    assert [(b.broker, b.status, b.busy) for b in report.brokers] == [("a", "failed", False), ("b", "ok", False)]
    assert report.exit_code == 4
    assert desk.stored() == truth(world, desk.clock.at)


# --- answers that cannot be believed ------------------------------------------------------------------------------


async def test_an_empty_market_list_is_not_believed(desk: Desk, exchange: str) -> None:
    """The look fails and the old list stays; the next one finds what was traded meanwhile, new symbols too."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open(exchange, world)
    await desk.scan()
    desk.clock.move(hours=25)
    listed = desk.user.markets(desk.user.broker("main"))
    for symbol in ("SOL/USDT", "ETH/USDT"):
        world.buy(symbol, "1", "100", desk.clock.at - 3 * HOUR)
    empty = faults.status(200, body=NO_MARKETS[exchange], times=1, path=MARKETS_PATH[exchange])
    server.faults.append(empty)
    assert statuses(await desk.scan()) == ["failed"]
    assert desk.user.markets(desk.user.broker("main")) == listed
    assert statuses(await scans(desk, 1, hours=2)) == ["ok"]
    assert_exact(desk, world)


async def test_a_ban_met_while_order_types_are_asked_ends_the_pass(desk: Desk) -> None:
    """The kind of an order is colour, a ban is none: after the 418 not one request more."""
    world = desk.scripted()
    for base in ("BTC", "ETH", "SOL"):
        world.buy(f"{base}/USDT", "1", "100", NOON - HOUR)
    server = await desk.open("binance", world)
    server.faults.append(faults.status(418, {"Retry-After": "600"}, "{}", path="/allOrders"))
    assert statuses(await desk.scan()) == ["skipped"]
    assert [r.status for r in server.requests].index(418) == len(server.requests) - 1
    server.faults.clear()
    await scans(desk, 1, seconds=601)
    assert_exact(desk, world)


async def test_order_types_that_do_not_come_are_waited_for_once(desk: Desk) -> None:
    """Each of them silent would cost a pass seconds a page; the fills are read without."""
    world = desk.scripted()
    for base in ("BTC", "ETH", "SOL"):
        world.buy(f"{base}/USDT", "1", "100", NOON - HOUR)
    server = await desk.open("binance", world)
    server.faults.append(faults.status(503, path="/allOrders"))
    assert statuses(await desk.scan()) == ["ok"]
    assert len(asked(server, "/allOrders")) == 3  # put three times within the one call
    assert_exact(desk, world)


@pytest.mark.parametrize("hours_ago", [2, 60])
async def test_an_exchange_that_ignores_where_to_go_on_proves_nothing(desk: Desk, hours_ago: int) -> None:
    """The newest thousand whatever the id asked for: no stretch counts as read that was not, and all is read later."""
    world = desk.scripted()
    begin = NOON - hours_ago * HOUR
    for n in range(2500):
        world.buy("DOGE/USDT", "1", "0.1", begin + timedelta(seconds=2 * n), trade_id=1000 + n)
    server = await desk.open("binance", world)

    async def newest(request: web.Request) -> web.StreamResponse | None:
        rows = [trade_row(e) for e in world.executions(desk.clock.at, "DOGE/USDT")[-1000:]]
        return web.json_response(rows) if "/myTrades" in request.path and "fromId" in request.query else None

    server.faults.append(newest)
    assert statuses(await desk.scan()) == ["failed"]
    assert not [span for span in desk.coverage(["DOGE/USDT"])["DOGE/USDT"] if span.end > begin]
    server.faults.clear()
    await scans(desk, 1, hours=3)
    assert_exact(desk, world)


async def test_a_key_the_exchange_repeats_is_not_repeated_by_us(desk: Desk, exchange: str) -> None:
    """Neither in the report nor in what the store remembers of the failure."""
    server = await desk.open(exchange, desk.scripted())
    key, _, passphrase = KEYS[exchange]
    header, secret = ("X-MBX-APIKEY", key) if exchange == "binance" else ("ACCESS-PASSPHRASE", passphrase)
    code = -1100 if exchange == "binance" else "40034"

    async def echo(request: web.Request) -> web.StreamResponse | None:
        if ACCOUNT_PATH[exchange] not in request.path:
            return None
        return web.json_response({"code": code, "msg": f"illegal header {request.headers[header]}"}, status=400)

    server.faults.append(echo)
    report = await desk.scan()
    assert "illegal header" in one(report).problem.line
    assert secret not in one(report).problem.line
    assert secret not in (desk.user.broker_state(desk.user.broker("main")).last_error or "")


COINS = {
    "a coin twice": '{"asset": "ETH", "free": "1", "locked": "0"}, {"asset": "ETH", "free": "1", "locked": "0"}',
    "half a character": '{"asset": "\\ud800", "free": "1", "locked": "0"}',
}


@pytest.mark.parametrize(
    "coins",
    [
        "a coin twice",
        "half a character",
    ],
)
async def test_an_impossible_balance_is_a_bad_answer(desk: Desk, coins: str) -> None:
    """It is said as the exchange's fault, and the next look is exact."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open("binance", world)
    body = f'{{"uid": 11, "balances": [{COINS[coins]}]}}'
    server.faults.append(faults.status(200, body=body, times=1, path="/api/v3/account"))
    report = await desk.scan()
    assert report.exit_code == 1
    assert one(report).problem.kind == "answer"
    await scans(desk, 1, minutes=1)
    assert_exact(desk, world)


# --- the store ----------------------------------------------------------------------------------------------------


async def test_a_store_another_program_keeps_locked_fails_every_broker_and_no_report(desk: Desk) -> None:
    """Each broker is told of as failed; when the store is free again nothing is missing."""
    one_world, two_world = desk.scripted(), desk.scripted()
    for world in (one_world, two_world):
        world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open("binance", one_world, name="a")
    await desk.open("bitget", two_world, name="b", uid="12")
    await desk.scan()
    one_world.buy("ETH/USDT", "1", "3001", NOON + timedelta(seconds=5))
    desk.clock.move(minutes=1)
    with desk.user._database.read() as sql:
        sql.connection.execute("PRAGMA busy_timeout=200")
    other = sqlite3.connect(str(desk.user._database.path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        report = await desk.scan()
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert statuses(report) == ["failed", "failed"]
    assert {b.problem.kind for b in report.brokers if b.problem} == {"store"}
    assert statuses(await scans(desk, 1, minutes=1)) == ["ok", "ok"]
    assert desk.stored("a") == truth(one_world, desk.clock.at)


def test_two_processes_that_book_in_turn_leave_the_books_of_a_rebuild(store: Store, tmp_path: Path) -> None:
    """An import, a watch and a scan on one symbol: no process goes on from a state another one has replaced."""
    watch = store.for_user(store.users()[0].name)
    second = Store(f"sqlite:///{watch._database.path}", key_file=tmp_path / "store" / "master.key", clock=lambda: NOON)
    other = second.for_user(watch.user)
    broker = watch.add_broker(
        "m",
        exchange="binance",
        market="spot",
        since=NOON,
        base_url=None,
        symbols=(),
        method=None,
        credentials=Credentials("k", "s"),
    )
    account_id = watch.bind_account(broker, "5")
    broker = watch.broker("m")

    def book(user: UserStore, n: int, side: str, price: int, source: str = "api") -> None:
        at = NOON + timedelta(minutes=n)
        fill = Fill(str(n), "ETH/USDT", "ETH", "USDT", side, Decimal(3 if n == 4 else 1), Decimal(price), at)  # type: ignore[arg-type]
        user.books.book_page(
            broker,
            [fill],
            account_id=account_id,
            method="fifo",
            source=source,  # type: ignore[arg-type]
            seen_at=NOON,
        )

    book(other, 1, "buy", 100, "import")
    book(watch, 2, "buy", 200)
    book(other, 1, "buy", 150)  # the exchange corrects the imported row
    book(other, 3, "buy", 300)
    book(watch, 4, "sell", 400)
    got = watch.stored_books()
    second.close()
    watch.books.rebuild(account_id, method="fifo", signed=False)
    assert got == watch.stored_books()
    assert got[0].gross == 550


async def test_a_sweep_cut_short_is_not_called_complete(desk: Desk) -> None:
    """Three symbols asked of many: complete since no time at all."""
    world = desk.scripted()
    world.buy("ZEC/USDT", "1", "100", NOON - HOUR)
    world.sell("ZEC/USDT", "1", "100", NOON - HOUR)
    await desk.open("binance", world)
    await desk.scan(limits=ScanLimits(sweep=3))
    assert desk.stored() == []
    assert desk.user.complete_since(desk.user.broker("main")) is None


async def test_what_was_read_of_the_order_history_is_not_read_again(desk: Desk) -> None:
    """All of it once, then from an hour before the last look."""
    await desk.open("bitget", desk.scripted())
    await desk.scan()
    (covered,) = desk.user.coverage(desk.account_id(), "", stream="orders")
    assert covered.end == NOON
    assert covered.start < NOON - 80 * DAY
    before = len(asked(desk.servers["main"], "/trade/history-orders"))
    desk.clock.move(minutes=10)
    await desk.scan()
    assert len(asked(desk.servers["main"], "/trade/history-orders")) == before + 1
    assert desk.user.coverage(desk.account_id(), "", stream="orders") == (Span(covered.start, desk.clock.at),)


# --- hundreds of symbols ------------------------------------------------------------------------------------------

TOKENS = tuple(f"TOK{n:03d}" for n in range(300))


async def desk_of_300(desk: Desk) -> tuple[ScriptedWorld, DemoServer]:
    """An account at Binance that traded 300 symbols ten days ago, all of it read, some hours ago."""
    world = desk.scripted(markets=tuple(market(coin) for coin in TOKENS))
    for n, coin in enumerate(TOKENS):
        world.buy(f"{coin}/USDT", "1", "10", NOON - 10 * DAY + timedelta(minutes=n))
    server = await desk.open("binance", world, since=NOON - 20 * DAY)
    for _ in range(6):  # a minute's budget does not reach all of them
        desk.clock.move(seconds=61)
        await desk.scan()
    assert len(desk.stored()) == 300
    desk.clock.move(hours=3)
    return world, server


async def test_of_300_symbols_ever_traded_three_traded_now_are_found_in_one_cycle(desk: Desk) -> None:
    """All 300 are due for their hourly question, which alone would take the minute's budget: signs go first."""
    world, server = await desk_of_300(desk)
    now = desk.clock()
    for coin in ("TOK007", "TOK150", "TOK299"):
        world.buy(f"{coin}/USDT", "2", "11", now - timedelta(seconds=30))
    server.requests.clear()
    report = await desk.scan()
    assert (statuses(report), report.new_fills) == (["ok"], 3)
    first = asked(server, "/myTrades")[:23]  # after at most twenty that were never asked
    assert {"TOK007USDT", "TOK150USDT", "TOK299USDT"} <= set(first)
    assert len(asked(server, "/myTrades")) < 300  # and the budget held


async def test_a_round_trip_that_moved_only_the_quote_coin_is_found_as_soon_as_the_budget_allows(desk: Desk) -> None:
    """Bought and sold again between two looks: any of 300 may explain it. What the first minute does not reach, the
    next ones do, and until then the change of balance stays news."""
    world, _ = await desk_of_300(desk)
    now = desk.clock()
    world.buy("TOK210/USDT", "2", "11", now - timedelta(seconds=40))
    world.sell("TOK210/USDT", "2", "12", now - timedelta(seconds=30))
    found = 0
    for _ in range(3):
        found += (await desk.scan()).new_fills
        desk.clock.move(seconds=61)
    assert found == 2
    assert_exact(desk, world)
