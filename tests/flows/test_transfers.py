"""Deposits and withdrawals: read with the scan, proved like fills, and paired where both ends are the user's own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.flows.desk import NOON, Desk
from trademon.core.reports import ScanReport
from trademon.demo import faults
from trademon.flows.pnl import PnlQuery, pnl

HOUR = timedelta(hours=1)
PATHS = {"binance": "/sapi/v1/capital", "bitget": "/spot/wallet"}


def statuses(report: ScanReport) -> list[str]:
    return [b.status for b in report.brokers]


def listed(desk: Desk) -> list[tuple[str, str, str, Decimal, str | None]]:
    return [(t.broker, t.kind, t.coin, t.amount, t.peer) for t in desk.user.transfers()]


@pytest.mark.parametrize("exchange", ["binance", "bitget"])
async def test_transfers_are_read_once(desk: Desk, exchange: str) -> None:
    """A deposit and a withdrawal are stored by the first scan; the next ones add nothing and ask seldom."""
    world = desk.scripted()
    world.deposit("BTC", "1", NOON - 3 * HOUR, tx_id="aa")
    world.withdraw("BTC", "0.25", NOON - HOUR, fee="0.001", tx_id="bb")
    server = await desk.open(exchange, world)
    assert statuses(await desk.scan()) == ["ok"]
    both = [("main", "deposit", "BTC", 1, None), ("main", "withdrawal", "BTC", Decimal("0.25"), None)]
    assert listed(desk) == both
    asked = sum(PATHS[exchange] in r.path for r in server.requests)
    desk.clock.move(minutes=1)
    assert statuses(await desk.scan()) == ["ok"]
    assert sum(PATHS[exchange] in r.path for r in server.requests) == asked
    desk.clock.move(minutes=20)
    assert statuses(await desk.scan()) == ["ok"]
    assert sum(PATHS[exchange] in r.path for r in server.requests) > asked
    assert listed(desk) == both


async def test_both_ends_of_a_transfer_between_two_own_accounts_are_paired(desk: Desk) -> None:
    """By the transaction's name, however either exchange writes it; another deposit of that amount is none."""
    one, two = desk.scripted(), desk.scripted()
    one.deposit("BTC", "1", NOON - 5 * HOUR, tx_id="from-outside")
    one.withdraw("BTC", "0.5", NOON - 3 * HOUR, fee="0.0002", tx_id="0xABC")
    two.deposit("BTC", "0.5", NOON - 2 * HOUR, tx_id="abc")
    two.deposit("BTC", "0.5", NOON - HOUR, tx_id="another")
    await desk.open("binance", one, name="one")
    await desk.open("bitget", two, name="two", uid="12")
    assert statuses(await desk.scan()) == ["ok", "ok"]
    assert listed(desk) == [
        ("one", "deposit", "BTC", 1, None),
        ("one", "withdrawal", "BTC", Decimal("0.5"), "two"),
        ("two", "deposit", "BTC", Decimal("0.5"), "one"),
        ("two", "deposit", "BTC", Decimal("0.5"), None),
    ]


async def test_what_is_pending_is_asked_for_again(desk: Desk) -> None:
    """A withdrawal under way is no transfer yet, and its time does not count as read."""
    world = desk.scripted(deposits={"BTC": Decimal(2)})
    world.withdraw("BTC", "0.5", NOON - HOUR, status="pending", completed_at=None)
    await desk.open("binance", world)
    await desk.scan()
    assert listed(desk) == []
    covered = desk.user.coverage(desk.account_id(), "", stream="withdrawals")
    assert covered
    assert covered[-1].end <= NOON - HOUR


async def test_a_host_that_does_not_tell_transfers_costs_a_note_and_no_fill(desk: Desk) -> None:
    """A test network has no /sapi: the scan is good, the fills are there, and the next minutes ask no more."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "2000", NOON - HOUR)
    server = await desk.open("binance", world)
    server.faults.append(faults.status(404, path="/sapi/"))
    report = await desk.scan()
    assert statuses(report) == ["ok"]
    assert report.new_fills == 1
    assert "deposits and withdrawals could not be read" in (report.brokers[0].note or "")
    asked = sum("/sapi/" in r.path for r in server.requests)
    desk.clock.move(minutes=1)
    assert (await desk.scan()).brokers[0].note is None
    assert sum("/sapi/" in r.path for r in server.requests) == asked


async def test_a_sale_of_what_was_deposited_says_so(desk: Desk) -> None:
    """Nobody bought those coins here: the sale is unmatched, and the deposit is named as the reason."""
    world = desk.scripted()
    world.deposit("ETH", "1", NOON - 3 * HOUR, tx_id="aa")
    world.sell("ETH/USDT", "1", "2000", NOON - HOUR)
    await desk.open("binance", world)
    await desk.scan()
    (row,) = pnl([desk.user], PnlQuery()).rows
    assert row.unmatched_quantity == 1
    (ref,) = desk.user.book_refs()
    assert "ETH was deposited on 2026-05-01" in (desk.user.unmatched_reason(ref) or "")
