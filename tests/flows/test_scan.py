"""The promise of a scan: every execution once, exactly, whatever the exchange does meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from aiohttp import web

from tests.flows.desk import (
    ACCOUNT_PATH,
    FILLS_PATH,
    NOON,
    Desk,
    Stopped,
    asked,
    make_account,
    one,
    statuses,
    truth,
)
from trademon.core.coverage import Span
from trademon.core.reports import ScanReport
from trademon.demo import faults
from trademon.demo.model import WorldOrder
from trademon.demo.profiles import BINANCE_TEST, BITGET_TEST
from trademon.demo.world import World
from trademon.flows.pnl import PnlQuery, pnl
from trademon.flows.scan import ScanLimits

PROFILES = {"binance": BINANCE_TEST, "bitget": BITGET_TEST}
HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def worlds() -> dict[str, World]:
    """3,000 orders over 60 hours on each exchange, drawn once: nothing in them can be disturbed."""
    return {name: World(7, NOON, lambda: NOON, profile) for name, profile in PROFILES.items()}


# --- the main promise ---------------------------------------------------------------------------------------------


async def test_three_scans_store_exactly_what_3000_orders_executed(
    desk: Desk, exchange: str, worlds: dict[str, World]
) -> None:
    """Nobody named a symbol, and only thirty are tried a scan: three scans find every fill with all that is true of
    it, a fourth adds nothing."""
    await desk.open(exchange, Stopped(worlds[exchange], NOON))
    expected = truth(worlds[exchange], NOON)
    assert len(expected) > 3000
    assert len({fact[0] for fact in expected}) == 5
    new = 0
    for _ in range(3):
        report = await desk.scan(limits=ScanLimits(sweep=30))
        new += report.new_fills
        assert not report.problems
        desk.clock.move(seconds=61)
        if new == len(expected):
            break
    assert desk.stored() == expected
    assert new == len(expected)
    again = await desk.scan(limits=ScanLimits(sweep=30))
    assert (again.new_fills, again.status) == (0, "success")
    assert desk.stored() == expected


async def test_one_scan_is_enough_within_the_real_budget(desk: Desk, worlds: dict[str, World]) -> None:
    """Seventy symbols and 3,000 orders cost less than Binance's 6,000 weight a minute: one scan finds them all."""
    world = worlds["binance"]
    account = make_account("binance", Stopped(world, NOON))
    server = await desk.serve(account, weight_limit=6000)
    desk.add("main", account, server)
    report = await desk.scan()
    assert report.exit_code == 0
    assert desk.stored() == truth(world, NOON)
    assert all(r.status == 200 for r in server.requests)


async def test_ids_of_several_symbols_coincide_and_none_is_lost(worlds: dict[str, World]) -> None:
    """The world above has what it must: one trade id on several symbols, fills of one millisecond, three fee coins."""
    executions = worlds["binance"].executions(NOON)
    ids = [e.trade_id for e in executions]
    assert len(set(ids)) < len(ids)
    assert len({(e.symbol, e.ms) for e in executions}) < len(executions)
    assert {e.fee_currency for e in executions} >= {"BNB", "USDT", "BTC"}


async def test_what_happens_between_scans_is_found_as_it_happens(desk: Desk, exchange: str) -> None:
    """A living account, looked at every ten seconds: in the end exactly its fills."""
    world = World(3, NOON, desk.clock, PROFILES[exchange])
    await desk.open(exchange, world, since=NOON)
    found = 0
    for _ in range(8):
        report = await desk.scan()
        assert not report.problems
        found += report.new_fills
        desk.clock.move(seconds=10)
    desk.clock.move(minutes=-1 / 6)
    expected = [fact for fact in truth(world, desk.clock.at) if fact[-1] >= NOON]
    assert len(expected) > 10
    assert desk.stored() == expected
    assert found == len(expected)
    assert desk.derived() == desk.derived_again()


async def test_two_exchanges_at_once_disturb_each_other_in_nothing(desk: Desk, worlds: dict[str, World]) -> None:
    """Both accounts in one pass: each broker has its own fills, all of them."""
    for name, world in worlds.items():
        await desk.open(name, Stopped(world, NOON), name=name)
    report = await desk.scan()
    assert statuses(report) == ["ok", "ok"]
    for name, world in worlds.items():
        assert desk.stored(name) == truth(world, NOON)
    assert report.new_fills == len(desk.stored())


# --- late fills, long orders --------------------------------------------------------------------------------------


async def test_a_fill_published_late_with_an_older_time_is_found_at_the_next_scan(desk: Desk, exchange: str) -> None:
    """Within fifteen minutes: its time and its id lie before those of fills already stored."""
    world = desk.scripted()
    await desk.open(exchange, world)
    world.buy("SOL/USDT", "1", "150", NOON - 14 * timedelta(minutes=1), trade_id=101)
    world.buy("SOL/USDT", "3", "152", NOON - timedelta(minutes=1), trade_id=103)
    await desk.scan()
    world.buy("SOL/USDT", "2", "151", NOON - timedelta(minutes=9), trade_id=102)
    desk.clock.move(seconds=10)
    report = await desk.scan()
    assert report.new_fills == 1
    assert desk.stored() == truth(world, desk.clock.at)
    assert desk.derived() == desk.derived_again()


@pytest.mark.parametrize(("late", "apart"), [(20, 1.1), (48, 1.1), (47, 30)])
async def test_a_fill_published_within_two_days_is_found_by_the_hourly_deep_look(
    desk: Desk, exchange: str, late: int, apart: float
) -> None:
    """So late is too late for the short overlap; the next look that goes far back goes back two days from the last,
    however long ago that was."""
    world = desk.scripted()
    await desk.open(exchange, world)
    world.buy("SOL/USDT", "1", "150", NOON - 60 * HOUR, trade_id=101)
    world.buy("SOL/USDT", "3", "152", NOON - HOUR, trade_id=103)
    await desk.scan()
    world.sell("SOL/USDT", "1", "151", NOON - late * HOUR, trade_id=102)
    desk.clock.move(hours=apart)
    await desk.scan()
    assert desk.stored() == truth(world, desk.clock.at)
    assert desk.derived() == desk.derived_again()


async def test_an_order_made_three_days_ago_is_found_piece_by_piece(desk: Desk, exchange: str) -> None:
    """Its creation lies before every window; three pieces in three cycles are three fills, the order none."""
    world = desk.scripted()
    pieces = [
        world.buy("AVAX/USDT", q, "30", NOON + timedelta(minutes=5 * n + 4), order_id=777, fee="0.01")
        for n, q in enumerate(("0.5", "0.2", "0.3"))
    ]
    world._executions.clear()
    world.add_order(
        WorldOrder(
            order_id="777",
            client_id="three-days-old",
            symbol="AVAX/USDT",
            side="buy",
            type="LIMIT",
            price=Decimal(30),
            quantity=Decimal(1),
            created_at=NOON - timedelta(days=3),
            updated_at=pieces[-1].executed_at,
            status="FILLED",
            executions=tuple(pieces),
        )
    )
    await desk.open(exchange, world, since=NOON - HOUR)
    assert (await desk.scan()).new_fills == 0
    assert desk.user.open_order_count(desk.account_id()) == 1
    found = []
    for _ in range(4):
        desk.clock.move(minutes=5)
        found.append((await desk.scan()).new_fills)
    assert found == [1, 1, 1, 0]
    assert desk.stored() == truth(world, desk.clock.at)
    assert desk.user.open_order_count(desk.account_id()) == 0


async def test_orders_in_all_eight_statuses_count_for_what_they_executed(desk: Desk, exchange: str) -> None:
    """Cancelled, expired and half-done orders have fills too: 1.0 + 0.4 + 0.3 + 0.2 + 0.5."""
    world = desk.scripted()
    filled = {
        "FILLED": "1.0",
        "CANCELED": "0.4",
        "EXPIRED": "0.3",
        "EXPIRED_IN_MATCH": "0.2",
        "PARTIALLY_FILLED": "0.5",
    }
    for n, status in enumerate((*filled, "NEW", "PENDING_NEW", "REJECTED")):
        at = NOON - timedelta(minutes=60 - n)
        done = ()
        if status in filled:
            done = (world.buy("LINK/USDT", filled[status], "14", at, order_id=500 + n),)
            world._executions.clear()
        world.add_order(
            WorldOrder(
                order_id=str(500 + n),
                client_id=f"c{n}",
                symbol="LINK/USDT",
                side="buy",
                type="LIMIT",
                price=Decimal(14),
                quantity=Decimal(2) if status != "FILLED" else Decimal(1),
                created_at=at - timedelta(seconds=1),
                updated_at=at,
                status=status,
                executions=done,
            )
        )
        world._executions = [e for o in world._orders for e in o.executions]
    for n, e in enumerate(world._executions):
        object.__setattr__(e, "trade_id", str(900 + n))
    await desk.open(exchange, world)
    assert (await desk.scan()).new_fills == 5
    assert desk.stored() == truth(world, NOON)
    assert sum(fact[4] for fact in desk.stored()) == Decimal("2.4")
    assert desk.user.open_order_count(desk.account_id()) >= 2


async def test_fills_of_one_millisecond_across_a_page_border_are_each_stored_once(desk: Desk, exchange: str) -> None:
    """Seven fills a millisecond, more than two pages of them, most of which look exactly alike."""
    world = desk.scripted()
    count = 2_103 if exchange == "binance" else 331
    for n in range(count):
        world.buy("DOGE/USDT", "10", "0.1", NOON - HOUR + timedelta(milliseconds=n // 7), trade_id=10_000 + n)
    await desk.open(exchange, world)
    assert (await desk.scan()).new_fills == count
    assert desk.stored() == truth(world, NOON)
    world.buy("DOGE/USDT", "10", "0.1", NOON - HOUR + timedelta(milliseconds=count // 7), trade_id=10_000 + count)
    desk.clock.move(seconds=3601)
    assert (await desk.scan()).new_fills == 1
    assert desk.stored() == truth(world, desk.clock.at)


# --- which symbols ------------------------------------------------------------------------------------------------


async def test_a_coin_bought_and_sold_out_leaves_no_balance_and_is_found(desk: Desk, exchange: str) -> None:
    """Nothing of it is left anywhere but in the history of fills."""
    world = desk.scripted()
    world.buy("ZEC/USDT", "4", "25", NOON - 30 * HOUR)
    world.sell("ZEC/USDT", "4", "26", NOON - 29 * HOUR)
    await desk.open(exchange, world)
    assert (await desk.scan()).new_fills == 2
    assert desk.stored() == truth(world, NOON)
    assert not desk.user.balances(desk.account_id())["USDT"].locked
    assert "ZEC" not in desk.user.balances(desk.account_id())


async def test_an_account_that_was_alone_for_ten_days_is_read_whole(desk: Desk, exchange: str) -> None:
    """Quiet stretches longer than a window end no walk; what was traded then is found, known symbols and new ones."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open(exchange, world)
    await desk.scan()
    for day in (2, 5, 9):
        world.buy("ETH/USDT", "0.1", str(3000 + day), NOON + timedelta(days=day))
    world.buy("TIA/USDT", "5", "7", NOON + timedelta(days=3))
    desk.clock.move(days=10)
    report = await desk.scan()
    assert report.new_fills == 4
    assert desk.stored() == truth(world, desk.clock.at)
    covered = desk.coverage(["ETH/USDT"])["ETH/USDT"]
    assert covered == (Span(NOON - timedelta(days=3), desk.clock.at),)


async def test_many_fills_of_ten_days_alone_are_walked_from_the_known_id(desk: Desk) -> None:
    """More than a page since the last look on Binance, spread over windows some of which are empty."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open("binance", world)
    await desk.scan()
    for n in range(1_150):
        day = 2 + n % 2 * 6
        world.buy(
            "ETH/USDT", "0.001", "3000", NOON + timedelta(days=day, seconds=n // 2), trade_id=5_000 + day * 1000 + n
        )
    desk.clock.move(days=10)
    assert (await desk.scan()).new_fills == 1_150
    assert desk.stored() == truth(world, desk.clock.at)


async def test_a_symbol_first_traded_after_the_first_scan_is_found_by_its_balance(desk: Desk, exchange: str) -> None:
    """The next scan, not the next sweep: nobody named it and it was asked for in vain a moment ago."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open(exchange, world)
    await desk.scan()
    world.buy("KAVA/USDT", "12", "0.9", NOON + timedelta(seconds=5), fee="0.001", fee_currency="KAVA")
    desk.clock.move(seconds=10)
    assert (await desk.scan(limits=ScanLimits(sweep=0))).new_fills == 1
    assert desk.stored() == truth(world, desk.clock.at)


async def test_a_named_symbol_is_asked_for_at_every_scan(desk: Desk, exchange: str) -> None:
    """However cold it is, and in whichever spelling it was named."""
    server = await desk.open(exchange, desk.scripted(), symbols=["MKRUSDT", "GALA/USDT"])
    for n in range(1, 4):
        await desk.scan()
        for name in ("MKRUSDT", "GALAUSDT"):
            assert asked(server, FILLS_PATH[exchange]).count(name) >= n
        desk.clock.move(seconds=10)


async def test_a_named_symbol_that_is_not_listed_is_said_after_the_rest_was_read(desk: Desk, exchange: str) -> None:
    """A person must act (exit 4); what the exchange does list is stored all the same."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open(exchange, world, symbols=["NOSUCHCOIN/USDT", "ETH/USDT"])
    report = await desk.scan()
    assert report.exit_code == 4
    assert one(report).problem.kind == "config"
    assert "NOSUCHCOIN/USDT" in one(report).problem.message
    assert "broker set main" in one(report).problem.hint
    assert one(report).new_fills == 1
    assert desk.stored() == truth(world, NOON)


async def test_since_reads_further_back_than_the_account_began(desk: Desk, exchange: str) -> None:
    """--since of one scan overrides where the broker's history begins."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - timedelta(days=6))
    world.sell("ETH/USDT", "0.5", "3100", NOON - HOUR / 2)
    await desk.open(exchange, world, since=NOON - HOUR)
    assert (await desk.scan()).new_fills == 1
    desk.clock.move(seconds=5)
    assert (await desk.scan(since=NOON - timedelta(days=7))).new_fills == 1
    assert desk.stored() == truth(world, desk.clock.at)
    assert desk.derived() == desk.derived_again()


# --- clocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_one_hour_off_hides_nothing(desk: Desk, exchange: str, hours: int) -> None:
    """The exchange's clock is the one that counts, for signatures and for windows."""
    world = desk.scripted()
    server = await desk.open(exchange, world)
    server.clock_offset = timedelta(hours=hours)
    world.buy("ETH/USDT", "1", "3000", NOON - 2 * HOUR)
    world.buy("ETH/USDT", "1", "3001", server.now() - timedelta(seconds=1))
    assert (await desk.scan()).status == "success"
    assert desk.stored() == truth(world, server.now())
    for n in range(3):
        desk.clock.move(minutes=7)
        world.buy("ETH/USDT", "1", f"30{n}0", server.now() - timedelta(seconds=2))
        report = await desk.scan()
        assert (report.new_fills, report.status) == (1, "success")
    assert desk.stored() == truth(world, server.now())


async def test_an_exchange_clock_that_is_put_right_again_hides_nothing(desk: Desk, exchange: str) -> None:
    """What was proved up to a wrong hour ahead is read again: the overlap and the deep look reach over it."""
    world = desk.scripted()
    server = await desk.open(exchange, world)
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server.clock_offset = HOUR
    await desk.scan()
    server.clock_offset = timedelta(0)
    world.buy("ETH/USDT", "1", "3100", NOON + timedelta(minutes=10))
    for _ in range(3):
        desk.clock.move(minutes=70)
        assert (await desk.scan()).status == "success"
    assert desk.stored() == truth(world, desk.clock.at)


async def test_a_clock_that_jumps_in_the_middle_of_a_scan_is_measured_again(desk: Desk, exchange: str) -> None:
    """Refused for its timestamp, the look begins anew with the new offset and ends well."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - 2 * HOUR)
    server = await desk.open(exchange, world)

    async def jump(request: web.Request) -> None:
        if FILLS_PATH[exchange] in request.path:
            server.clock_offset = 2 * HOUR

    server.faults.append(jump)
    report = await desk.scan()
    assert not report.problems
    assert any(r.status == 400 for r in server.requests)
    assert desk.stored() == truth(world, server.now())


# --- answers that cannot be believed --------------------------------------------------------------------------------

BAD = {
    "html": faults.html_with_200,
    "cut": faults.cut_json,
    "null": faults.null_body,
    "empty object": faults.empty_object,
    "reset": faults.reset,
    "hang": faults.hang,
    "500": lambda path: faults.status(500, body="oops", path=path),
    "empty body": lambda path: faults.status(200, path=path),
}


@pytest.mark.parametrize("where", ["fills", "account"])
@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_body_changes_nothing(desk: Desk, exchange: str, bad: str, where: str) -> None:
    """No row, no coverage, no balance moves; the broker has failed, the other one is exact, and the next scan is."""
    other = "bitget" if exchange == "binance" else "binance"
    world, other_world = desk.scripted(), desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open(exchange, world)
    await desk.open(other, other_world, name="other", uid="12")
    assert (await desk.scan()).new_fills == 1

    def picture() -> object:
        account_id = desk.account_id()
        return (
            desk.stored("main"),
            desk.coverage(world.markets),
            desk.user.balances(account_id),
            desk.user.looks(account_id),
            desk.user.complete_since(desk.user.broker("main")),
        )

    before = picture()
    desk.clock.move(minutes=2)
    world.sell("ETH/USDT", "0.5", "3100", NOON + timedelta(minutes=1))
    other_world.buy("SOL/USDT", "2", "150", NOON + timedelta(minutes=1))
    path = FILLS_PATH[exchange] if where == "fills" else ACCOUNT_PATH[exchange]
    server.faults.append(BAD[bad](path=path))
    good_s = desk.deadline_s
    desk.deadline_s = 1.5 if bad == "hang" else good_s  # the other broker's answers take their time on a busy machine
    report = await desk.scan()
    desk.deadline_s = good_s
    assert (one(report).status, one(report).new_fills) == ("failed", 0)
    assert (report.status, report.exit_code) == ("partial", 3)
    assert one(report).problem.kind in ("network", "answer")
    assert picture() == before
    assert one(report, "other").status == "ok"
    assert desk.stored("other") == truth(other_world, desk.clock.at)

    server.faults.clear()
    assert (await desk.scan("main")).new_fills == 1
    assert desk.stored("main") == truth(world, desk.clock.at)


async def test_a_page_that_fails_half_way_keeps_what_was_proved_and_claims_no_more(desk: Desk) -> None:
    """The pages before it are stored with their coverage; the gap after them is read by the next scan."""
    world = desk.scripted()
    for n in range(2_500):
        world.buy("ETH/USDT", "0.001", "3000", NOON - 10 * HOUR + timedelta(seconds=n), trade_id=n + 1)
    server = await desk.open("binance", world, symbols=["ETHUSDT"])
    seen = 0

    async def third_page_is_cut(request: web.Request) -> web.StreamResponse | None:
        nonlocal seen
        seen += "/myTrades" in request.path and "fromId" in request.query
        return web.json_response([{"symbol": "ETHUSDT"}]) if seen == 3 else None

    server.faults.append(third_page_is_cut)
    report = await desk.scan()
    assert one(report).status == "failed"
    assert one(report).new_fills == len(desk.stored()) > 0
    end = desk.coverage(["ETH/USDT"])["ETH/USDT"][-1].end
    assert end < NOON - 5 * HOUR
    proved = [fact for fact in truth(world, NOON) if fact[-1] < end]
    assert [fact for fact in desk.stored() if fact[-1] < end] == proved
    server.faults.clear()
    await desk.scan()
    assert desk.stored() == truth(world, NOON)


async def test_the_failure_is_remembered_and_forgotten(desk: Desk, exchange: str) -> None:
    """Errors in a row are counted until a look goes well."""
    server = await desk.open(exchange, desk.scripted())
    server.faults.append(faults.status(500, times=6, path="time"))
    counts = []
    for _ in range(3):
        await desk.scan()
        counts.append(desk.user.broker_state(desk.user.broker("main")).errors_in_row)
    assert counts == [1, 2, 0]


@pytest.mark.parametrize("code", [429, 418])
async def test_a_host_that_asks_to_wait_is_left_alone_that_long(desk: Desk, exchange: str, code: int) -> None:
    """Retry-After 7: skipped, which is no failure, and for seven seconds not one request; then all is found."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open(exchange, world)
    server.faults.append(faults.status(code, {"Retry-After": "7"}, "{}", times=1, path=FILLS_PATH[exchange]))
    report = await desk.scan()
    assert (statuses(report), report.status, report.exit_code) == (["skipped"], "success", 0)
    assert "wait" in one(report).note
    asked_so_far = len(server.requests)
    for _ in range(6):
        desk.clock.move(seconds=1)
        report = await desk.scan()
        assert (statuses(report), report.exit_code) == (["skipped"], 0)
    desk.clock.move(milliseconds=900)
    await desk.scan()
    assert len(server.requests) == asked_so_far
    desk.clock.move(milliseconds=100)
    assert (await desk.scan()).new_fills == 1
    assert desk.stored() == truth(world, desk.clock.at)


async def test_no_broker_of_the_same_host_asks_it_meanwhile(desk: Desk) -> None:
    """The host limits an address, not an account: another broker there waits too."""
    one_account = make_account("binance", desk.scripted())
    two_account = make_account("binance", desk.scripted(), uid="12", key="B" * 64)
    server = await desk.serve(one_account, two_account)
    desk.add("one", one_account, server)
    desk.add("two", two_account, server)
    server.faults.append(faults.status(429, {"Retry-After": "7"}, "{}", times=1, path="/api/v3/account"))
    await desk.scan("one")
    asked_so_far = len(server.requests)
    desk.clock.move(seconds=6)
    report = await desk.scan("two")
    assert (statuses(report), report.exit_code) == (["skipped"], 0)
    assert len(server.requests) == asked_so_far
    desk.clock.move(seconds=1)
    assert statuses(await desk.scan()) == ["ok", "ok"]


async def test_an_account_that_is_read_to_its_end_does_not_end_the_wait_of_its_host(desk: Desk) -> None:
    """Of two accounts behind one address that are looked at together one is told to wait: in that time nobody asks,
    however well the other one's look went."""
    accounts = [make_account("binance", desk.scripted(), uid=str(n), key=f"{n}" * 64) for n in (1, 2)]
    server = await desk.serve(*accounts)
    for account in accounts:
        desk.add(f"main{account.uid}", account, server)
    server.faults.append(faults.status(429, {"Retry-After": "7"}, "{}", times=1, path="/api/v3/myTrades"))
    for account in accounts:
        desk.user.set_broker(desk.user.broker(f"main{account.uid}"), symbols=("BTC/USDT",))
    assert "skipped" in statuses(await desk.scan())
    asked_so_far = len(server.requests)
    desk.clock.move(seconds=6)
    assert statuses(await desk.scan()) == ["skipped", "skipped"]
    assert len(server.requests) == asked_so_far
    desk.clock.move(seconds=1)
    assert statuses(await desk.scan()) == ["ok", "ok"]


async def test_a_broker_that_is_sent_to_another_host_is_another_account_there(desk: Desk, exchange: str) -> None:
    """As where a test network was meant from the start: its fills do not go among those of the real account. Another
    way to the same account is the same one."""
    real, test = desk.scripted(), desk.scripted()
    for world in (real, test):
        world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    first = await desk.open(exchange, real)
    await desk.scan()
    account = desk.account_id()
    other = await desk.serve(make_account(exchange, test, uid="12"))
    for server, is_same in ((other, False), (first, True)):
        desk.user.set_broker(desk.user.broker("main"), base_url=server.base_url)
        assert statuses(await desk.scan()) == ["ok"]
        assert (desk.account_id() == account) == is_same
    held = [row.open_quantity for row in pnl([desk.user], PnlQuery()).rows]
    assert held == [Decimal(1), Decimal(1)]


# --- several runs -------------------------------------------------------------------------------------------------


async def test_two_keys_to_one_account_store_each_fill_once(desk: Desk, exchange: str) -> None:
    """Whichever broker comes first, together or one after the other: an execution is one row, and neither broker is
    held up by the other."""
    world = desk.scripted()
    for n in range(40):
        world.buy(("ETH/USDT", "SOL/USDT")[n % 2], "0.1", "100", NOON - HOUR + timedelta(seconds=n))
    accounts = [make_account(exchange, world), make_account(exchange, world, key="SECOND_KEY")]
    server = await desk.serve(*accounts)
    for name, account in zip(("one", "two"), accounts, strict=True):
        desk.add(name, account, server)
    report = await desk.scan()
    assert statuses(report) == ["ok", "ok"]
    assert (report.new_fills, report.exit_code) == (40, 0)
    assert desk.stored() == truth(world, NOON)
    assert desk.account_id("one") == desk.account_id("two")
    for one_by_one in (False, True):
        world.buy("ETH/USDT", "0.1", "100", desk.clock.at + timedelta(seconds=1))
        desk.clock.move(seconds=5)
        report = await desk.scan(one_by_one=one_by_one)
        assert statuses(report) == ["ok", "ok"]
        assert report.new_fills == 1
        assert desk.stored() == truth(world, desk.clock.at)
    assert desk.derived() == desk.derived_again("one")


def _gate(path: str) -> tuple[asyncio.Event, asyncio.Event, Callable[[web.Request], Awaitable[None]]]:
    """A fault that lets a request through only when the second event is set; the first says that one waits."""
    reached, opened = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> None:
        if path in request.path:
            reached.set()
            await opened.wait()

    return reached, opened, wait


async def test_an_account_another_run_holds_is_skipped_and_the_rest_is_read(desk: Desk, exchange: str) -> None:
    """Skipped is good while something else was done (exit 0); where all of it is held nothing was (exit 75)."""
    world = desk.scripted()
    server = await desk.open(exchange, world)
    await desk.open("binance" if exchange == "bitget" else "bitget", desk.scripted(), name="free", uid="12")
    await desk.scan()
    world.buy("ETH/USDT", "1", "3000", NOON + timedelta(seconds=1))
    desk.clock.move(seconds=10)
    reached, opened, gate = _gate(FILLS_PATH[exchange])
    server.faults.append(gate)
    first = asyncio.create_task(desk.scan("main"))
    await asyncio.wait_for(reached.wait(), 10)
    both = await desk.scan()
    assert [(b.broker, b.status, b.busy) for b in both.brokers] == [("free", "ok", False), ("main", "skipped", True)]
    assert (both.exit_code, both.status) == (0, "success")
    alone = await desk.scan("main")
    assert (alone.exit_code, statuses(alone)) == (75, ["skipped"])
    opened.set()
    assert (await first).new_fills == 1
    assert desk.stored() == truth(world, desk.clock.at)


async def test_the_first_look_at_an_account_is_held_too(desk: Desk, exchange: str) -> None:
    """Two runs that begin with an account nobody has seen yet: one of them works, the other is told so."""
    server = await desk.open(exchange, desk.scripted(), symbols=["ETHUSDT"])
    reached, opened, gate = _gate(FILLS_PATH[exchange])
    server.faults.append(gate)
    first = asyncio.create_task(desk.scan("main"))
    await asyncio.wait_for(reached.wait(), 10)
    desk.deadline_s = 0.2
    second = await desk.scan("main", limits=ScanLimits(broker_s=0.3))
    opened.set()
    await first
    assert (second.exit_code, statuses(second)) == (75, ["skipped"])


async def test_thirty_scans_cut_anywhere_and_one_to_the_end_give_the_truth(
    desk: Desk, exchange: str, worlds: dict[str, World]
) -> None:
    """Cancelled at any await point, a scan loses and doubles nothing, and the books are those of a rebuild."""
    rng = random.Random(1)
    until = NOON - timedelta(hours=40)
    world = Stopped(worlds[exchange], until)
    await desk.open(exchange, world, since=NOON - 61 * HOUR)
    cut = 0
    for _ in range(30):
        task = asyncio.create_task(desk.scan(limits=ScanLimits(sweep=25)))
        for _ in range(rng.randint(0, 400)):
            await asyncio.sleep(0)
            if task.done():
                break
        cut += task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        desk.clock.move(seconds=rng.choice((1, 30, 3700)))
    assert cut > 10
    for _ in range(3):
        desk.clock.move(seconds=61)
        report = await desk.scan()
        assert not report.problems
    expected = truth(worlds[exchange], until)
    assert len(expected) > 500
    assert desk.stored() == expected
    assert desk.derived() == desk.derived_again()


# --- what is proved, and when it is said ---------------------------------------------------------------------------


async def test_a_scan_proves_the_whole_stretch_since_the_account_began(desk: Desk) -> None:
    """On Binance each symbol that was asked for is covered from the beginning up to now, without a gap."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await desk.open("binance", world)
    await desk.scan()
    since = NOON - timedelta(days=3)
    assert set(desk.coverage(world.markets).values()) == {(Span(since, NOON),)}
    assert desk.user.complete_since(desk.user.broker("main")) == since
    desk.clock.move(minutes=3)
    await desk.scan()
    assert desk.coverage(["ETH/USDT"])["ETH/USDT"] == (Span(since, desk.clock.at),)


async def test_empty_windows_leave_no_hole_in_what_is_proved(desk: Desk) -> None:
    """Two quiet days before 200 fills: one stretch from the beginning up to now, as was asked and answered."""
    world = desk.scripted()
    for n in range(200):
        world.buy("ETH/USDT", "0.1", "3000", NOON - HOUR + timedelta(seconds=n))
    await desk.open("binance", world)
    await desk.scan()
    since = NOON - timedelta(days=3)
    assert desk.coverage(["ETH/USDT"])["ETH/USDT"] == (Span(since, NOON),)
    assert desk.user.complete_since(desk.user.broker("main")) == since


async def test_on_bitget_the_order_history_says_what_to_ask_for(desk: Desk) -> None:
    """Only what was ordered is asked for, and that is covered whole."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    world.sell("ETH/USDT", "1", "3000", NOON - HOUR / 2)
    server = await desk.open("bitget", world)
    await desk.scan()
    assert set(asked(server, "/trade/fills")) == {"ETHUSDT"}
    assert desk.coverage(["ETH/USDT"])["ETH/USDT"] == (Span(NOON - timedelta(days=3), NOON),)


async def test_balances_and_open_orders_are_news_until_their_fills_were_read(desk: Desk, exchange: str) -> None:
    """Saved only after success: a look that failed leaves the change of balance to be explained by the next."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open(exchange, world)
    server.faults.append(faults.status(500, path=FILLS_PATH[exchange]))
    await desk.scan()
    assert desk.user.balances(desk.account_id()) == {}
    server.faults.clear()
    await desk.scan()
    held = {coin: b.total for coin, b in desk.user.balances(desk.account_id()).items()}
    assert held == {"USDT": Decimal(997_000), "ETH": Decimal(1)}

    world.buy("KSM/USDT", "2", "20", NOON + timedelta(seconds=5))
    desk.clock.move(seconds=10)
    server.faults.append(faults.status(500, path=FILLS_PATH[exchange]))
    await desk.scan(limits=ScanLimits(sweep=0))
    assert "KSM" not in desk.user.balances(desk.account_id())
    server.faults.clear()
    desk.clock.move(seconds=10)
    assert (await desk.scan(limits=ScanLimits(sweep=0))).new_fills == 1
    assert desk.stored() == truth(world, desk.clock.at)


async def test_a_pass_has_a_hard_limit_and_keeps_what_it_proved(desk: Desk, exchange: str) -> None:
    """A broker that answers for ever slowly ends as failed at its limit; the fills come with the next pass."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open(exchange, world, symbols=["ETHUSDT"])
    server.faults.append(faults.hang(path=FILLS_PATH[exchange]))
    report = await desk.scan(limits=ScanLimits(broker_s=0.2))
    assert one(report).status == "failed"
    assert "not done in the time there was" in one(report).problem.message
    server.faults.clear()
    assert (await desk.scan()).new_fills == 1
    assert desk.stored() == truth(world, NOON)


async def test_a_revoked_key_is_for_a_person(desk: Desk, exchange: str) -> None:
    """Exit 4 with what to do; the other broker is read."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    server = await desk.open(exchange, world)
    stranger = make_account(exchange, world, uid="99", key="UNKNOWN")
    desk.add("revoked", stranger, server)
    report = await desk.scan()
    assert one(report, "revoked").problem.kind == "auth"
    assert (report.exit_code, report.status) == (4, "partial")
    assert desk.stored() == truth(world, NOON)


async def test_nothing_to_scan_is_no_failure(desk: Desk) -> None:
    """No broker, no error."""
    report = await desk.scan()
    assert (report, report.status, report.exit_code) == (ScanReport(()), "success", 0)


async def test_requests_and_seconds_are_counted(desk: Desk, exchange: str) -> None:
    """The report says how many questions a broker was asked: as many as the exchange answered."""
    server = await desk.open(exchange, desk.scripted())
    report = await desk.scan()
    assert one(report).requests == len(server.requests)
    assert one(report).seconds > 0
