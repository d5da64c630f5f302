"""A Saxo account followed like any other: figures from executions, whatever way it nets, costs when they are told."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk, make_account, one, statuses
from tests.saxo import APP, BankWorld, wire_of
from trademon.core.pnl_reports import PnlRow
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount, DemoServer
from trademon.flows.pnl import PnlQuery, pnl
from trademon.flows.scan import ScanLimits, Target
from trademon.flows.verify import verify
from trademon.store.reading import FillQuery

MONEY = {"USD": Decimal(1_000_000), "EUR": Decimal(50_000)}


def bank(desk: Desk) -> ScriptedWorld:
    """A bank's client with money."""
    return BankWorld(clock=desk.clock, deposits=dict(MONEY))


async def opened(desk: Desk, world: ScriptedWorld, name: str = "main", **more: Any) -> DemoServer:
    """A signed-in broker of that world at a server of its own; its reports tell nothing of today."""
    account = DemoAccount("saxo", APP, "", "", more.pop("uid", "11"), world, **more)
    server = await desk.serve(account)
    desk.add(name, account, server)
    await desk.sign_in(name)
    desk.servers[name] = server
    return server


async def later(desk: Desk, **by: float) -> None:
    """Time goes by, in which nobody kept the session: a person signs in again."""
    desk.clock.move(**by)
    for broker in desk.user.brokers():
        await desk.sign_in(broker.name)


def rows(desk: Desk, name: str = "main") -> dict[str, PnlRow]:
    report = pnl([desk.user], PnlQuery(brokers=(name,)))
    return {row.symbol: row for row in report.rows}


def trades(world: ScriptedWorld, start: datetime) -> None:
    """Bought, sold in part and over; currencies bought, flipped short and bought back; a CFD and a future short."""
    world.buy("AAPL:xnas/USD", "10", "100", start, fee="5")
    world.sell("AAPL:xnas/USD", "4", "110", start + timedelta(minutes=1), fee="2")
    world.buy("EUR/USD", "100000", "1.10", start + timedelta(minutes=2), fee="3")
    world.sell("EUR/USD", "150000", "1.11", start + timedelta(minutes=3), fee="3")
    world.buy("EUR/USD", "50000", "1.105", start + timedelta(minutes=4), fee="2")
    world.sell("AAPL:xnas:cfd/USD", "7", "105", start + timedelta(minutes=5))
    world.sell("ESM6:xcme:50/USD", "2", "5000", start + timedelta(minutes=6), fee="4")
    world.buy("ESM6:xcme:50/USD", "1", "4990.25", start + timedelta(minutes=7), fee="2")


async def test_both_ways_of_netting_give_the_same_figures_and_positions(desk: Desk) -> None:
    """P&L is ours, from executions; what the broker reckons stands beside it, where it says so."""
    world = bank(desk)
    trades(world, NOON - timedelta(hours=2))
    await opened(desk, world, "evening", nets_at_once=False)
    await opened(desk, world, "at_once", uid="12", nets_at_once=True)
    desk.clock.move(minutes=1)
    assert statuses(await desk.scan()) == ["ok", "ok"]
    figures = {name: rows(desk, name) for name in ("evening", "at_once")}
    assert figures["evening"].keys() == {"AAPL:xnas", "EUR/USD", "AAPL:xnas:cfd", "ESM6:xcme"}
    for symbol, row in figures["evening"].items():
        other = figures["at_once"][symbol]
        assert (row.gross, row.open_quantity, row.open_cost) == (other.gross, other.open_quantity, other.open_cost)
    mine = figures["at_once"]
    assert mine["AAPL:xnas"].gross == Decimal(40)
    # A thousand on the long part, then 50,000 short at 1.11 bought back at 1.105.
    assert mine["EUR/USD"].gross == Decimal(1000) + Decimal(250)
    assert mine["AAPL:xnas:cfd"].open_quantity == Decimal(-7)
    assert mine["ESM6:xcme"].gross == Decimal("9.75") * 50
    assert mine["ESM6:xcme"].open_quantity == Decimal(-50)
    assert not any(row.has_unmatched for row in mine.values())

    found = {one.broker: one.stated for one in (await verify(_targets(desk), desk.ports)).brokers}
    assert found["evening"] == ()
    stated = {s.symbol: s for s in found["at_once"]}
    assert {symbol: (s.stated, s.difference) for symbol, s in stated.items()} == {
        "AAPL:xnas": (Decimal(40), Decimal(0)),
        "EUR/USD": (Decimal(1250), Decimal(0)),
        "ESM6:xcme": (Decimal("487.5"), Decimal(0)),
    }
    assert stated["EUR/USD"].positions == 2


def _targets(desk: Desk) -> list[Target]:
    return [Target(desk.user, b) for b in desk.user.brokers()]


async def test_a_share_is_never_short_where_currencies_are(desk: Desk) -> None:
    """What was sold beyond what is known to have been bought is in no figure; of a contract it opens a short."""
    world = bank(desk)
    world.sell("AAPL:xnas/USD", "4", "110", NOON - timedelta(hours=2))
    world.sell("EUR/USD", "1000", "1.1", NOON - timedelta(hours=1))
    await opened(desk, world)
    await desk.scan()
    found = rows(desk)
    assert (found["AAPL:xnas"].unmatched_quantity, found["AAPL:xnas"].open_quantity) == (Decimal(4), Decimal(0))
    assert (found["EUR/USD"].unmatched_quantity, found["EUR/USD"].open_quantity) == (Decimal(0), Decimal(-1000))
    before = desk.derived()
    assert desk.derived_again() == before


async def test_what_fills_cost_is_unknown_until_the_report_tells(desk: Desk) -> None:
    """Not nothing: said beside the figures. When it is told the same fill is completed, and is no new one."""
    world = bank(desk)
    world.buy("AAPL:xnas/USD", "10", "100", NOON - timedelta(hours=2), fee="5")
    world.sell("AAPL:xnas/USD", "10", "110", NOON - timedelta(hours=1), fee="6")
    await opened(desk, world)
    assert one(await desk.scan()).new_fills == 2
    row = rows(desk)["AAPL:xnas"]
    assert (row.gross, row.fees, row.costs_untold, row.provisional) == (Decimal(100), Decimal(0), 2, True)
    listed = desk.user.fills(FillQuery()).fills
    assert [(f.fee, f.is_cost_told) for f in listed] == [(Decimal(0), False)] * 2
    last = desk.user.last_fill_id()

    await later(desk, hours=13)  # after midnight the back office has written its reports
    assert one(await desk.scan()).new_fills == 0
    row = rows(desk)["AAPL:xnas"]
    assert (row.gross, row.fees, row.costs_untold, row.provisional) == (Decimal(100), Decimal(11), 0, False)
    completed = desk.user.fills(FillQuery()).fills
    assert [(f.fee, f.is_cost_told) for f in completed] == [(Decimal(5), True), (Decimal(6), True)]
    assert [f.id for f in completed] == [f.id for f in listed]
    assert desk.user.last_fill_id() == last  # whoever waits for new ones is not told of it
    before = desk.derived()
    assert desk.derived_again() == before


async def test_a_look_without_reports_takes_nothing_back(desk: Desk) -> None:
    """The audit alone says less than what is known by then."""
    world = bank(desk)
    world.buy("AAPL:xnas/USD", "10", "100", NOON - timedelta(minutes=2), fee="5")
    server = await opened(desk, world)
    server.saxo.reported_until = NOON + timedelta(days=1)
    await desk.scan()
    assert rows(desk)["AAPL:xnas"].costs_untold == 0
    for _ in range(3):
        desk.clock.move(seconds=10)
        assert one(await desk.scan()).new_fills == 0
    assert [f.is_cost_told for f in desk.user.fills(FillQuery()).fills] == [True]


async def test_a_corrected_trade_is_one_trade_and_every_later_figure_follows(desk: Desk) -> None:
    """The back office says another price the next day."""
    world = bank(desk)
    bought = world.buy("AAPL:xnas/USD", "10", "100", NOON - timedelta(hours=2))
    world.sell("AAPL:xnas/USD", "10", "110", NOON - timedelta(hours=1))
    server = await opened(desk, world)
    await desk.scan()
    server.saxo.reported_prices[bought.trade_id] = Decimal("101.5")
    await later(desk, hours=13)
    assert one(await desk.scan()).new_fills == 0
    assert rows(desk)["AAPL:xnas"].gross == Decimal(85)
    assert len(desk.stored()) == 2
    before = desk.derived()
    assert desk.derived_again() == before
    desk.clock.move(minutes=1)
    assert one(await desk.scan()).status == "ok"
    assert rows(desk)["AAPL:xnas"].gross == Decimal(85)


async def test_nothing_is_lost_over_days_of_looks_and_nothing_doubled(desk: Desk) -> None:
    """Trades between looks, some published late; every look asks for little."""
    world = bank(desk)
    server = await opened(desk, world)
    n = 0
    for day in range(4):
        for hour in range(0, 24, 3):
            await later(desk, hours=3)
            n += 1
            late = timedelta(minutes=40) if hour == 6 else timedelta(seconds=5)
            world.buy("AAPL:xnas/USD", "1", str(100 + n), desk.clock() - late, fee="1", trade_id=str(1000 + n))
            done = one(await desk.scan())
            assert done.status == "ok", (day, hour, done.problem)
            assert done.requests < 30
    await later(desk, days=1)
    await desk.scan()
    assert [(f[1], f[5]) for f in desk.stored()] == [(str(1000 + k), Decimal(100 + k)) for k in range(1, n + 1)]
    assert rows(desk)["AAPL:xnas"].costs_untold == 0
    assert server.saxo.logins.reused == []


async def test_two_clients_of_one_host_keep_their_markets(desk: Desk) -> None:
    """What one touches does not unlist what the other does, and a name stays with whose it is."""
    first, second = bank(desk), bank(desk)
    first.buy("AAPL:xnas/USD", "1", "100", NOON - timedelta(hours=1))
    second.buy("MSFT:xnas/USD", "1", "100", NOON - timedelta(hours=1))
    accounts = [make_account("saxo", first, "11"), make_account("saxo", second, "12", key="other-app")]
    server = await desk.serve(*accounts)
    for name, account in zip(("a", "b"), accounts, strict=True):
        desk.add(name, account, server)
        await desk.sign_in(name)
    await desk.scan("a")
    await desk.scan("b")
    listed = {m.exchange_symbol for m in desk.user.markets(desk.user.broker("a"))}
    assert listed == {wire_of("AAPL:xnas/USD"), wire_of("MSFT:xnas/USD")}
    desk.clock.move(days=1, hours=1)
    assert statuses(await desk.scan()) == ["failed", "failed"]  # the tokens have ended: nobody kept them
    for name in ("a", "b"):
        await desk.sign_in(name)
    assert statuses(await desk.scan()) == ["ok", "ok"]
    assert {m.exchange_symbol for m in desk.user.markets(desk.user.broker("a"))} == listed


async def test_an_empty_account_is_a_good_look(desk: Desk) -> None:
    """It touches nothing yet: nothing is listed, and that is no fault."""
    await opened(desk, ScriptedWorld(clock=desk.clock, deposits={"EUR": Decimal(5)}))
    assert one(await desk.scan()).status == "ok"
    assert desk.user.balances(desk.account_id())["EUR"].total == Decimal(5)


async def test_verify_compares_shares_and_says_why_money_is_not(desk: Desk) -> None:
    """Interest, deposits and conversions move it untold; a share that went without a trade is found."""
    world = bank(desk)
    world.buy("AAPL:xnas/USD", "10", "100", NOON - timedelta(hours=2), fee="5")
    await opened(desk, world)
    (first,) = (await verify(_targets(desk), desk.ports, limits=ScanLimits())).brokers
    assert first.status == "recorded", first
    desk.clock.move(minutes=1)
    world.deposits["USD"] += 7
    world.sell("AAPL:xnas/USD", "3", "101", desk.clock() - timedelta(seconds=20))
    desk.clock.move(minutes=1)
    (second,) = (await verify(_targets(desk), desk.ports, limits=ScanLimits())).brokers
    assert (second.status, set(second.not_verified)) == ("agrees", {"USD", "EUR"})
    assert all("what else moves it is not told" in note for note in second.notes)


@pytest.mark.parametrize("kind", ["EUR/USD", "AAPL:xnas:cfd/USD"])
async def test_a_contract_that_is_rebuilt_stays_one(desk: Desk, kind: str) -> None:
    """Derived again from its fills it may still be short."""
    world = bank(desk)
    world.sell(kind, "10", "100", NOON - timedelta(hours=3), fee="1")
    world.buy(kind, "4", "90", NOON - timedelta(hours=2), fee="1")
    server = await opened(desk, world)
    server.saxo.reported_until = NOON + timedelta(days=1)
    await desk.scan()
    (row,) = rows(desk).values()
    assert (row.open_quantity, row.gross) == (Decimal(-6), Decimal(40))
    before = desk.derived()
    assert desk.derived_again() == before
    # One that comes late, from before all of them, takes the book back and on.
    world.buy(kind, "1", "80", NOON - timedelta(hours=4))
    await later(desk, hours=2)
    await desk.scan()
    (row,) = rows(desk).values()
    assert row.open_quantity == Decimal(-5)
    before = desk.derived()
    assert desk.derived_again() == before
