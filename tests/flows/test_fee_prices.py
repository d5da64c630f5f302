"""Fees in a third coin are valued by the exchange's own candles, when they are booked or as soon as there is a price."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from tests.flows.desk import NOON, Desk
from trademon.core.reports import ScanReport
from trademon.demo import faults
from trademon.flows.pnl import PnlQuery, pnl

AT = NOON - timedelta(hours=1)


def statuses(report: ScanReport) -> list[str]:
    return [b.status for b in report.brokers]


def figures(desk: Desk, symbol: str = "ETH/USDT") -> tuple[Decimal, Decimal, tuple[tuple[str, Decimal], ...]]:
    """Gross, fees and what of them is unvalued, of one symbol."""
    (row,) = (r for r in pnl([desk.user], PnlQuery()).rows if r.symbol == symbol)
    return row.gross, row.fees, row.unvalued_fees


async def test_a_fee_in_a_third_coin_is_a_cost_at_that_coins_price_then(desk: Desk) -> None:
    """Buy 1 ETH with a fee of 0.002 BNB at 600, sell it with 0.001 BNB at 610: fees of 1.20 and 0.61."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    world.set_candle("BNB/USDT", AT + timedelta(minutes=30), "610")
    world.buy("ETH/USDT", "1", "2000", AT + timedelta(seconds=20), fee="0.002", fee_currency="BNB")
    world.sell("ETH/USDT", "1", "2100", AT + timedelta(minutes=30, seconds=59), fee="0.001", fee_currency="BNB")
    await desk.open("binance", world)
    assert statuses(await desk.scan()) == ["ok"]
    assert figures(desk) == (100, Decimal("1.81"), ())


async def test_a_price_that_cannot_be_had_leaves_the_fee_unvalued_and_the_scan_good(desk: Desk) -> None:
    """Whoever has no candles costs a note; the next look values the fee and books the sale's net again."""
    world = desk.scripted()
    world.set_candle("BNB/USDT", AT, "600")
    world.buy("ETH/USDT", "1", "2000", AT, fee="0.002", fee_currency="BNB")
    world.sell("ETH/USDT", "1", "2100", AT + timedelta(seconds=1))
    await desk.open("binance", world)
    desk.servers["main"].faults.append(faults.status(404, path="/klines", times=1))
    report = await desk.scan()
    assert statuses(report) == ["ok"]
    assert "no price for fees in BNB" in (report.brokers[0].note or "")
    assert figures(desk) == (100, 0, (("BNB", Decimal("0.002")),))
    desk.clock.move(minutes=1)
    assert statuses(await desk.scan()) == ["ok"]
    assert figures(desk) == (100, Decimal("1.2"), ())
