"""Stored history against live balances: what agrees is said to, what does not has its interval and its cause."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.desk import ACCOUNT_PATH, NOON, TRADED, Desk, make_account
from trademon.core.coverage import Span
from trademon.core.verify_reports import BrokerVerify, VerifyReport
from trademon.demo import faults
from trademon.demo.profiles import BINANCE_TEST, BITGET_TEST
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.world import World
from trademon.flows.ports import Ports
from trademon.flows.scan import ScanLimits, Target
from trademon.flows.verify import verify

PROFILES = {"binance": BINANCE_TEST, "bitget": BITGET_TEST}
TRANSFER_PATH = {"binance": "/sapi/v1/capital", "bitget": "/spot/wallet"}
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOTHING = Span(NOON, NOON)


class Leaky(ScriptedWorld):
    """A scripted world in which coins also move in ways that no answer names."""

    def __init__(self, **more: Any) -> None:
        more.setdefault("deposits", {"USDT": Decimal(1_000_000), "BNB": Decimal(10)})
        super().__init__(markets=TRADED, **more)
        self.leaks: list[tuple[datetime, str, Decimal]] = []

    def leak(self, coin: str, amount: str, at: datetime) -> None:
        self.leaks.append((at, coin, Decimal(amount)))

    def balances(self, now: datetime | None = None) -> dict[str, Decimal]:
        totals = super().balances(now)
        for at, coin, amount in self.leaks:
            if at <= (now or self._clock()):
                totals[coin] = totals.get(coin, Decimal(0)) + amount
        return totals


def ports_of(desk: Desk) -> Ports:
    """Ports whose sleep moves the hand clock."""

    async def sleep(seconds: float) -> None:
        desk.clock.move(seconds=seconds)

    return dataclasses.replace(desk.ports, sleep=sleep)


async def verified(desk: Desk, *names: str, **more: Any) -> VerifyReport:
    targets = [Target(desk.user, b) for b in desk.user.brokers() if not names or b.name in names]
    return await verify(targets, ports_of(desk), **more)


async def one(desk: Desk, name: str = "main", **more: Any) -> BrokerVerify:
    report = await verified(desk, name, **more)
    return report.brokers[0]


async def begun(desk: Desk, world: ScriptedWorld, exchange: str = "binance") -> Any:
    """A broker of that world with an agreed point, a minute ago."""
    server = await desk.open(exchange, world)
    assert (await one(desk)).status == "recorded"
    desk.clock.move(minutes=1)
    return server


def causes(found: BrokerVerify) -> dict[str, str]:
    return {coin.coin: coin.cause for coin in found.coins}


def differences(found: BrokerVerify) -> dict[str, Decimal]:
    return {coin.coin: coin.difference for coin in found.coins}


# --- what agrees --------------------------------------------------------------------------------------------------


async def test_busy_hours_agree_to_the_last_digit(desk: Desk, exchange: str) -> None:
    """A living account with fees in three coins: recorded, then agreeing after every stretch of trading."""
    world = World(3, NOON, desk.clock, PROFILES[exchange])
    await desk.open(exchange, world, since=NOON)
    first = await one(desk)
    assert first.status == "recorded", first
    for minutes in (1, 7, 50):
        desk.clock.move(minutes=minutes)
        found = await one(desk)
        assert (found.status, found.coins, found.mended) == ("agrees", (), ()), found
        assert found.agreed_at is not None
        assert desk.clock() - found.agreed_at < MINUTE
    fees = {f.fee_currency for f in desk.user.fills(_all()).fills if f.executed_at > NOON}
    assert len(fees) >= 3
    assert (await verified(desk)).exit_code == 0


def _all() -> Any:
    from trademon.store.reading import FillQuery

    return FillQuery()


async def test_the_first_verification_records_and_says_so(desk: Desk, exchange: str) -> None:
    """Nothing could be compared: that is no drift, and no claim either."""
    world = desk.scripted()
    world.buy("ETH/USDT", "2", "3000", NOON - HOUR)
    await desk.open(exchange, world)
    report = await verified(desk)
    found = report.brokers[0]
    assert (report.exit_code, report.status, found.status) == (0, "success", "recorded")
    assert "nothing to compare with yet" in found.notes[0]
    assert "2 ETH" in found.notes[0]
    assert found.agreed_at == NOON
    point = desk.user.agreed_point(desk.account_id())
    assert point is not None
    assert point.totals == {"USDT": Decimal(994_000), "ETH": Decimal(2)}


async def test_base_fees_third_coin_fees_and_rebates_agree(desk: Desk, exchange: str) -> None:
    """Every way a fee is taken moves its own coin."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    at = desk.clock() + MINUTE
    world.buy("BTC/USDT", "0.1", "45000.01", at, fee="0.0001", fee_currency="BTC")
    world.sell("BTC/USDT", "0.03", "45100.77", at + MINUTE, fee="1.353", fee_currency="USDT")
    world.sell("BTC/USDT", "0.02", "45100.77", at + MINUTE, fee="0.0012", fee_currency="BNB")
    world.buy("ETH/USDT", "1", "3000", at + MINUTE, fee="-0.3", fee_currency="USDT")
    desk.clock.move(minutes=10)
    found = await one(desk)
    assert (found.status, found.coins) == ("agrees", ()), found


async def test_a_quote_amount_that_the_exchange_cut_agrees(desk: Desk, exchange: str) -> None:
    """Price times quantity has ten decimals; Binance books eight of them, and says so in each row."""
    world = Leaky(clock=desk.clock, deposits={"BTC": Decimal(1), "ETH": Decimal(10)})
    world.set_price("ETH/BTC", "0.0512")
    await begun(desk, world, exchange)
    world.buy("ETH/BTC", "0.0037", "0.051237", desk.clock(), fee="0.0000037", fee_currency="ETH")
    world.sell("ETH/BTC", "0.0011", "0.051239", desk.clock(), fee="0.00000005", fee_currency="BTC")
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert (found.status, found.coins, found.mended) == ("agrees", (), ()), found
    point = desk.user.agreed_point(desk.account_id())
    assert point is not None
    decimals = -int(point.totals["BTC"].as_tuple().exponent)
    assert decimals <= 8 if exchange == "binance" else decimals > 8


async def test_deposits_and_withdrawals_with_their_fees_agree(desk: Desk, exchange: str) -> None:
    """Read for the verification, however lately a scan read them."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    world.deposit("BTC", "1.5", desk.clock() + MINUTE, tx_id="aa")
    world.withdraw("USDT", "1000", desk.clock() + MINUTE, fee="1", tx_id="bb")
    desk.clock.move(minutes=2)
    found = await one(desk)
    assert (found.status, found.coins) == ("agrees", ()), found


async def test_a_transfer_between_own_accounts_agrees_at_both_ends(desk: Desk) -> None:
    """The lots that go along are no executions: nothing counts twice."""
    near, far = desk.scripted(deposits={"BTC": Decimal(2), "USDT": Decimal(100_000)}), desk.scripted()
    await desk.open("binance", near, name="near")
    await desk.open("bitget", far, name="far", uid="12")
    assert {b.status for b in (await verified(desk)).brokers} == {"recorded"}
    desk.clock.move(minutes=1)
    near.buy("BTC/USDT", "1", "45000", desk.clock(), fee="0.001", fee_currency="BTC")
    near.withdraw("BTC", "1.5", desk.clock() + MINUTE, fee="0.0002", tx_id="0xABC")
    far.deposit("BTC", "1.5", desk.clock() + 3 * MINUTE, tx_id="abc")
    desk.clock.move(minutes=5)
    report = await verified(desk)
    assert [(b.status, b.coins) for b in report.brokers] == [("agrees", ())] * 2, report
    assert {t.peer for t in desk.user.transfers()} == {"near", "far"}


async def test_a_second_run_changes_nothing(desk: Desk, exchange: str) -> None:
    """The same fills, the same agreed balances, no drift."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    world.buy("BTC/USDT", "0.1", "45000", desk.clock(), fee="0.0001", fee_currency="BTC")
    desk.clock.move(minutes=1)
    first = await one(desk)
    stored, point = desk.stored(), desk.user.agreed_point(desk.account_id())
    again = await one(desk)
    assert (first.status, again.status) == ("agrees", "agrees")
    assert desk.stored() == stored
    now = desk.user.agreed_point(desk.account_id())
    assert point is not None
    assert now is not None
    assert (now.totals, now.at) == (point.totals, point.at)


async def test_an_account_that_trades_in_every_second_has_a_first_point_too(desk: Desk, exchange: str) -> None:
    """No moment of it is quiet: two looks and the fills between them tell where in the second the balance was true."""
    world = Leaky(clock=desk.clock)
    await desk.open(exchange, world)
    for n in range(200):
        world.buy("ETH/USDT", "0.01", str(3000 + n), NOON + timedelta(milliseconds=370 * (n - 20)))
    found = await one(desk)
    assert found.status == "recorded", found
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert (found.status, found.coins) == ("agrees", ()), found


# --- races --------------------------------------------------------------------------------------------------------


async def test_a_fill_between_scan_and_balance_is_no_drift(desk: Desk, exchange: str) -> None:
    """Each answer for the balance comes a moment after a new fill: it is found by the scan that follows."""
    world = Leaky(clock=desk.clock)
    server = await begun(desk, world, exchange)

    async def trade_first(request: Any) -> None:
        if ACCOUNT_PATH[exchange] in request.path:
            desk.clock.move(seconds=1)
            world.buy("ETH/USDT", "0.5", "3000", desk.clock(), fee="0.1", fee_currency="USDT")

    server.faults.append(trade_first)
    found = await one(desk)
    assert (found.status, found.coins) == ("agrees", ()), found


async def test_a_fill_published_a_moment_after_its_balance_is_no_drift(desk: Desk, exchange: str) -> None:
    """The history lags behind the balance: the second look finds it."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    at = desk.clock()
    world.leak("ETH", "1", at)
    world.leak("USDT", "-3000", at)
    ports = ports_of(desk)

    async def publish(seconds: float) -> None:
        desk.clock.move(seconds=seconds)
        world.leaks.clear()
        world.buy("ETH/USDT", "1", "3000", at)

    targets = [Target(desk.user, desk.user.broker("main"))]
    report = await verify(targets, dataclasses.replace(ports, sleep=publish))
    assert [(b.status, b.coins, b.mended) for b in report.brokers] == [("agrees", (), ())]


# --- drifts and their causes --------------------------------------------------------------------------------------


async def test_a_drift_names_coin_amounts_and_interval_and_moves_nothing(desk: Desk, exchange: str) -> None:
    """It began between two looks that the store remembers; the agreed point stays for the next time."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    point = desk.user.agreed_point(desk.account_id())
    desk.clock.move(minutes=10)
    await desk.scan()
    before = desk.clock()
    world.leak("USDT", "-500", desk.clock() + MINUTE)
    desk.clock.move(minutes=10)
    await desk.scan()
    after = desk.clock()
    desk.clock.move(minutes=10)
    report = await verified(desk)
    found = report.brokers[0]
    (coin,) = found.coins
    assert (report.exit_code, report.status, found.status) == (3, "partial", "drift")
    assert (coin.coin, coin.expected, coin.live, coin.difference) == ("USDT", 1_000_000, 999_500, -500)
    assert (coin.since, coin.until) == (before, after)
    assert coin.cause == "unread_stream"
    assert desk.user.agreed_point(desk.account_id()) == point
    (problem,) = report.problems
    assert (problem.kind, problem.broker, "-500 USDT" in problem.message) == ("drift", "main", True)
    again = await one(desk)
    assert (again.status, again.coins[0].since, again.coins[0].until) == ("drift", before, after)


async def test_a_difference_that_a_person_knows_is_accepted_once(desk: Desk, exchange: str) -> None:
    """What was moved to another wallet will never be stored: from then on it is compared with what is left."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    world.leak("USDT", "-500", desk.clock())
    desk.clock.move(minutes=1)
    report = await verified(desk, accept=True)
    (found,) = report.brokers
    assert (found.status, differences(found), report.exit_code) == ("recorded", {"USDT": Decimal(-500)}, 0)
    world.buy("ETH/USDT", "1", "3000", desk.clock() + MINUTE)
    desk.clock.move(minutes=2)
    found = await one(desk)
    assert (found.status, found.coins) == ("agrees", ()), found
    world.leak("USDT", "-1", desk.clock())
    desk.clock.move(minutes=1)
    assert differences(await one(desk)) == {"USDT": Decimal(-1)}


def lose(desk: Desk, symbol: str, *, coverage: bool) -> None:
    """Delete a symbol's fills as a damaged store would have it, with or without what says that they were read."""
    account_id = desk.account_id()
    with desk.user._database.write() as sql:
        market = sql.rows("SELECT id FROM markets WHERE symbol = ? AND exchange_symbol IS NOT NULL", symbol)[0][0]
        for table in ("fills", "books"):
            sql.run(f"DELETE FROM {table} WHERE account_id = ? AND market_id = ?", account_id, market)
        if coverage:
            sql.run("DELETE FROM coverage WHERE account_id = ? AND symbol = ?", account_id, symbol)


@pytest.mark.parametrize("coverage", [True, False])
async def test_a_missing_symbol_is_named_and_read_again(desk: Desk, exchange: str, coverage: bool) -> None:
    """Its fills are gone from the store: both coins differ, the symbol is the cause, and reading it again mends it."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    world.buy("SOL/USDT", "1", "150", desk.clock(), fee="0.001", fee_currency="BNB")
    world.buy("ETH/USDT", "1", "3000", desk.clock(), fee="0.001", fee_currency="ETH")
    world.sell("ETH/USDT", "0.4", "3100", desk.clock() + MINUTE, fee="0.002", fee_currency="BNB")
    desk.clock.move(minutes=2)
    await desk.scan()
    assert len(desk.stored()) == 3
    desk.clock.move(hours=2)
    await desk.scan()
    lose(desk, "ETH/USDT", coverage=coverage)
    desk.clock.move(minutes=20)
    found = await one(desk, limits=ScanLimits(sweep=0))
    assert (found.status, found.coins) == ("agrees", ()), found
    mended = {coin.coin: coin for coin in found.mended}
    assert set(mended) == {"ETH", "USDT", "BNB"}
    assert {coin.cause for coin in found.mended} == {"unread_symbol" if coverage else "missing_trade"}
    assert "ETH/USDT" in mended["ETH"].detail
    assert "see ETH" in mended["BNB"].detail
    assert mended["ETH"].difference == Decimal("0.599")
    assert "now it agrees" in found.notes[0]
    assert "2 new fills" in found.notes[0]
    assert len(desk.stored()) == 3
    assert desk.derived() == desk.derived_again()


async def test_time_beyond_the_exchanges_reach_stays_proved(desk: Desk) -> None:
    """Bitget tells the last 90 days: what was read before that could never be read again."""
    world = Leaky(clock=desk.clock)
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR)
    await begun(desk, world, "bitget")
    world.leak("ETH", "1", desk.clock())
    for _ in range(4):
        desk.clock.move(hours=24 * 40)
        world.buy("ETH/USDT", "0.1", "3000", desk.clock())
        await desk.scan()
        if desk.clock() - NOON < 50 * 24 * HOUR:
            world.leaks.clear()
            world.leak("ETH", "1", desk.clock() + HOUR)
    before = desk.coverage(["ETH/USDT"])["ETH/USDT"]
    found = await one(desk)
    assert found.status == "drift"
    assert desk.coverage(["ETH/USDT"])["ETH/USDT"][0].start == before[0].start
    assert len(desk.coverage(["ETH/USDT"])["ETH/USDT"]) == len(before)


async def test_a_dust_conversion_is_recognised(desk: Desk) -> None:
    """Small rests gone to the last digit, and a little BNB for them."""
    world = Leaky(clock=desk.clock)
    world.buy("ETH/USDT", "0.001", "3000", NOON - HOUR)
    world.buy("SOL/USDT", "0.02", "150", NOON - HOUR)
    await begun(desk, world)
    for coin, amount in (("ETH", "-0.001"), ("SOL", "-0.02"), ("BNB", "0.0098")):
        world.leak(coin, amount, desk.clock())
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert causes(found) == {"BNB": "dust", "ETH": "dust", "SOL": "dust"}
    assert "ETH, SOL gone to the last digit and BNB up" in found.coins[0].detail


async def test_coins_in_simple_earn_are_recognised(desk: Desk) -> None:
    """BTC down, LDBTC up by the same."""
    world = Leaky(clock=desk.clock, deposits={"BTC": Decimal(2)})
    await begun(desk, world)
    world.leak("BTC", "-0.5", desk.clock())
    world.leak("LDBTC", "0.5", desk.clock())
    desk.clock.move(minutes=1)
    assert causes(await one(desk)) == {"BTC": "earn", "LDBTC": "earn"}


async def test_rewards_that_come_again_and_again_are_recognised(desk: Desk, exchange: str) -> None:
    """The looks between remember that the coin grew by a little each day."""
    world = Leaky(clock=desk.clock, deposits={"SOL": Decimal(100)})
    await begun(desk, world, exchange)
    for _ in range(3):
        world.leak("SOL", "0.01", desk.clock())
        desk.clock.move(hours=24)
        await desk.scan()
    found = await one(desk)
    assert causes(found) == {"SOL": "earn"}
    assert "3 times" in found.coins[0].detail
    assert differences(found) == {"SOL": Decimal("0.03")}


async def test_transfers_that_could_not_be_read_are_the_cause(desk: Desk, exchange: str) -> None:
    """A deposit came in and its history does not answer: the stream is named, and when it answers, all agrees."""
    world = Leaky(clock=desk.clock)
    server = await begun(desk, world, exchange)
    world.deposit("BTC", "1", desk.clock(), tx_id="aa")
    server.faults.append(faults.status(404, path=TRANSFER_PATH[exchange]))
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert causes(found) == {"BTC": "unread_stream"}
    assert "could not be read" in found.coins[0].detail
    server.faults.clear()
    assert (await one(desk)).status == "agrees"


async def test_a_withdrawal_on_its_way_is_the_cause(desk: Desk, exchange: str) -> None:
    """Its coins are gone, it is no transfer yet; when it is through, all agrees."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world, exchange)
    at = desk.clock()
    world.withdraw("USDT", "700", at, fee="1", completed_at=at + HOUR)
    desk.clock.move(minutes=5)
    found = await one(desk)
    assert causes(found) == {"USDT": "pending"}
    assert "a withdrawal of" in found.coins[0].detail
    desk.clock.move(hours=1)
    assert (await one(desk)).status == "agrees"


async def test_a_conversion_between_coins_without_a_market_is_said(desk: Desk) -> None:
    """No market trades the two: nothing that is read can have moved them."""
    world = Leaky(clock=desk.clock, deposits={"SOL": Decimal(100)})
    await begun(desk, world)
    world.leak("SOL", "-10", desk.clock())
    world.leak("XYZ", "1500", desk.clock())
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert causes(found) == {"SOL": "unread_stream", "XYZ": "unread_stream"}
    assert "conversion" in found.coins[0].detail


async def test_coins_that_moved_in_different_hours_are_told_apart(desk: Desk) -> None:
    """One came, the other went an hour later: no conversion."""
    world = Leaky(clock=desk.clock, deposits={"SOL": Decimal(100)})
    await begun(desk, world)
    world.leak("XYZ", "1500", desk.clock())
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert causes(found) == {"XYZ": "unread_stream"}
    assert found.notes[0].startswith("deposits and withdrawals read again")
    desk.clock.move(hours=1)
    world.leak("SOL", "-10", desk.clock())
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert all("no other coin moved" in coin.detail for coin in found.coins)
    assert found.coins[1].until < found.coins[0].since


# --- what cannot be compared --------------------------------------------------------------------------------------


async def test_hostile_balances_change_nothing(desk: Desk, exchange: str) -> None:
    """Pages of a proxy, cut or hollow answers: failed, with the agreed point where it was."""
    world = Leaky(clock=desk.clock)
    server = await begun(desk, world, exchange)
    point = desk.user.agreed_point(desk.account_id())
    world.buy("ETH/USDT", "1", "3000", desk.clock())
    desk.clock.move(minutes=1)
    path = ACCOUNT_PATH[exchange]
    for fault in (faults.html_with_200, faults.null_body, faults.empty_object, faults.cut_json):
        server.faults[:] = [fault(path=path)]
        report = await verified(desk)
        assert (report.exit_code, report.status, report.brokers[0].status) == (1, "failed", "failed")
        assert report.brokers[0].coins == ()
        assert report.brokers[0].agreed_at == NOON
        assert desk.user.agreed_point(desk.account_id()) == point
    server.faults.clear()
    assert (await one(desk)).status == "agrees"


def from_the_second_time(fault: Any, path: str) -> Any:
    """`fault`, once the scan that goes before was answered."""
    asked = 0

    async def strike(request: Any) -> Any:
        nonlocal asked
        asked += path in request.path
        return await fault(request) if asked > 1 else None

    return strike


@pytest.mark.parametrize("first", [True, False])
async def test_a_balance_that_turns_hostile_after_the_scan_changes_nothing(
    desk: Desk, exchange: str, first: bool
) -> None:
    """The scan was answered, the balance was not: no first point of it, and no other one."""
    world, path = Leaky(clock=desk.clock), ACCOUNT_PATH[exchange]
    server = await (desk.open(exchange, world) if first else begun(desk, world, exchange))
    server.faults.append(from_the_second_time(faults.cut_json(path=path), path))
    assert (await one(desk)).status == "failed"
    point = desk.user.agreed_point(desk.account_id())
    assert (None if point is None else point.at) == (None if first else NOON)


async def test_a_host_that_asks_to_wait_is_left_alone(desk: Desk, exchange: str) -> None:
    """Skipped, as in a scan, and nobody asks it again before."""
    world, path = Leaky(clock=desk.clock), ACCOUNT_PATH[exchange]
    server = await begun(desk, world, exchange)
    server.faults.append(from_the_second_time(faults.status(429, {"Retry-After": "30"}, "{}", path=path), path))
    report = await verified(desk)
    assert (report.exit_code, report.brokers[0].status) == (0, "skipped")
    asked = len(server.requests)
    assert (await one(desk)).status == "skipped"
    assert len(server.requests) == asked


async def test_a_manual_broker_is_skipped_and_no_error(desk: Desk) -> None:
    """It has no live balances; the other one agrees."""
    await begun(desk, Leaky(clock=desk.clock))
    desk.user.add_broker(
        "paper",
        exchange="manual",
        market="spot",
        since=NOON,
        base_url=None,
        symbols=(),
        method=None,
        credentials=None,
    )
    report = await verified(desk)
    assert [(b.broker, b.status) for b in report.brokers] == [("main", "agrees"), ("paper", "skipped")]
    assert "no API" in report.brokers[1].notes[0]
    assert (report.exit_code, report.status) == (0, "success")


async def test_an_account_held_by_another_run_is_skipped(desk: Desk) -> None:
    """75 when there is nothing else."""
    from trademon.store.lease import hold

    await begun(desk, Leaky(clock=desk.clock))
    with hold(desk.locks, f"account-{desk.account_id()}"):
        report = await verified(desk)
    assert (report.exit_code, report.brokers[0].status, report.brokers[0].busy) == (75, "skipped", True)
    with hold(desk.locks, f"verify-{desk.account_id()}"):
        report = await verified(desk)
    assert (report.exit_code, report.brokers[0].busy) == (75, True)


async def test_a_broker_whose_scan_failed_is_failed_beside_one_that_agrees(desk: Desk, exchange: str) -> None:
    """A revoked key is for a person, and never a drift."""
    world = Leaky(clock=desk.clock)
    server = await begun(desk, world, exchange)
    desk.add("revoked", make_account(exchange, world, uid="99", key="UNKNOWN"), server)
    report = await verified(desk)
    assert [(b.broker, b.status) for b in report.brokers] == [("main", "agrees"), ("revoked", "failed")]
    assert (report.exit_code, report.status) == (4, "partial")


async def test_settle_coins_of_contracts_are_not_guessed(desk: Desk) -> None:
    """A contract's gains move its settle coin and no fill says by how much: said, not verified."""
    world = Leaky(clock=desk.clock)
    await begun(desk, world)
    with desk.user._database.write() as sql:
        market = sql.insert(
            "markets",
            exchange="binance",
            market="spot",
            symbol="BTC/USDT:USDT",
            base="BTC",
            quote="USDT",
            settle="USDT",
            contract_size="1",
        )
        sql.run(
            """INSERT INTO books (account_id, market_id, method, version, last_at, gross, fees, unmatched_quantity,
            unmatched_proceeds, unmatched_fees, disposals, fills) VALUES (?, ?, 'fifo', 1, 0, 0, 0, 0, 0, 0, 0, 0)""",
            desk.account_id(),
            market,
        )
    world.leak("USDT", "12.34", desk.clock())
    world.leak("ETH", "1", desk.clock())
    desk.clock.move(minutes=1)
    found = await one(desk)
    assert differences(found) == {"ETH": Decimal(1)}
    assert found.not_verified == ("USDT",)
    assert "USDT is not verified" in " ".join(found.notes)


async def test_two_users_never_see_each_other(desk: Desk, exchange: str) -> None:
    """The same account read by two users: each has a point of their own, and none of the other's."""
    world = Leaky(clock=desk.clock)
    server = await begun(desk, world, exchange)
    desk.store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = desk.store.for_user("bob")
    account_id = desk.account_id()
    assert bob.agreed_point(account_id) is None
    known = bob.known_of(account_id)
    assert not known.covered
    assert not known.traded
    for act in (
        lambda: bob.forget_coverage(account_id, ["ETH/USDT"], Span(NOON, NOON + HOUR), NOTHING),
        lambda: bob.settle_balances(account_id, _seen()),
    ):
        with pytest.raises(Exception, match="has no account number"):
            act()
    mine, desk.user = desk.user, bob
    desk.add("main", make_account(exchange, world), server)
    world.leak("USDT", "-5", desk.clock())
    assert (await one(desk)).status == "recorded"
    desk.user = mine
    assert (await one(desk)).status == "drift"


def _seen() -> Any:
    from trademon.core.replay import Seen, Window

    return Seen(Window(NOON, NOON, NOON), {})
