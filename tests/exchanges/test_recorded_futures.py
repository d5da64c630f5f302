"""Recorded and documented answers of futures accounts parse to what they say (see test_recorded.py)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.exchanges.test_recorded import (
    B_DOCS,
    B_SOURCE,
    B_STATIC,
    DOCS,
    FOLDER,
    SOURCE,
    STATIC,
    as_on_the_wire,
    bodies,
    recorded,
    rows_with,
)
from trademon.core.model import Contract, Fee, Market
from trademon.core.times import from_ms
from trademon.errors import BadAnswer
from trademon.exchanges import binance_income, binance_usdm, bitget_mix_rows

pytestmark = pytest.mark.skipif(not FOLDER, reason="TRADEMON_RECORDED_DIR names no folder of recorded answers")
D = Decimal


def perp(name: str) -> Market:
    base = name.upper().removesuffix("USDT")
    return Market(f"{base}/USDT:USDT", base, "USDT", name, Contract("USDT"))


def test_the_recorded_close_of_a_long_on_bitget():
    """`side: buy, tradeSide: close` sells 0.1 LTC of the long position at 72.25; the exchange stated -0.002."""
    (body,) = bodies(B_STATIC, "swap trade (hedge mode, close long: raw side buy, tradeSide close)")
    (row,) = body["data"]["fillList"]
    fill = bitget_mix_rows.parse_fill(row, perp("LTCUSDT"))
    assert (fill.symbol, fill.side) == ("LTC/USDT:USDT long", "sell")
    assert (fill.quantity, fill.price, fill.fees) == (D("0.1"), D("72.25"), (Fee(D("0.004335"), "USDT"),))
    (order,) = bodies(B_STATIC, "Swap closed order reduced only (same order as the swap trade)")
    (told,) = order["data"]["entrustedList"]
    assert (told["orderId"], told["posSide"]) == (fill.order_id, "long")
    assert bitget_mix_rows.what_it_did(told) == ("sell", "long")


def test_every_documented_mix_fill_of_bitget():
    """Hedge and one-way, fees as a list, paid in BGB or in the quote."""
    found = [
        *bodies(B_DOCS, "/api/v2/mix/order/fills", "/api/v2/mix/order/fill-history"),
        *bodies(B_SOURCE, "parse_trade: swap and future: fetchMyTrades"),
    ]
    rows = [row for body in found for row in rows_with(body, "tradeId", "baseVolume", "tradeSide")]
    told = [bitget_mix_rows.parse_fill(row, perp(row["symbol"])) for row in rows]
    assert [(f.side, f.symbol.partition(":USDT")[2], f.fees) for f in told] == [
        ("sell", " long", (Fee(D("0.017118519726"), "BGB"),)),
        ("sell", "", (Fee(D("0.02161596"), "USDT"),)),
        ("sell", " long", (Fee(D("0.02236284"), "USDT"),)),
    ]


def test_the_recorded_position_and_orders_of_bitget():
    """The position of 0.1 LTC long; both orders that wait."""
    (body,) = bodies(B_STATIC, "Linear position")
    position = bitget_mix_rows.parse_position(body["data"][0], {"LTCUSDT": perp("LTCUSDT")})
    assert position is not None
    assert (position.side, position.quantity, position.entry_price) == ("long", D("0.1"), D("72.66"))
    assert (position.unrealised, position.currency) == (D("-0.004"), "USDT")
    (pending,) = bodies(B_SOURCE, "fetch_open_orders: swap and future")
    order = bitget_mix_rows.parse_open_order(pending["data"]["entrustedList"][0], {})
    assert (order.side, order.quantity, order.price) == ("buy", D("0.002"), D(25000))
    (wallet,) = bodies(B_SOURCE, "fetch_balance: swap")
    assert bitget_mix_rows.parse_balance(wallet["data"][0]).total == 0


def usdm_trades():
    for name in (STATIC, DOCS, SOURCE):
        for case in recorded(name):
            for row in rows_with(case["body"], "commission", "positionSide", "realizedPnl", "qty"):
                if "pair" not in row and row.get("symbol", "").endswith("USDT"):
                    yield as_on_the_wire(row)


def test_every_usdm_fill_of_binance_is_what_its_fields_say():
    """Side, position side, amounts, the fee as a cost, time and maker."""
    rows = list(usdm_trades())
    assert len(rows) >= 2
    for row in rows:
        fill = binance_usdm.parse_fill(row, perp(row["symbol"]))
        held = row["positionSide"].lower()
        assert fill.symbol == perp(row["symbol"]).symbol + ("" if held == "both" else f" {held}")
        assert fill.side == row["side"].lower()
        assert (fill.quantity, fill.price) == (D(row["qty"]), D(row["price"]))
        assert fill.fees == (Fee(D(row["commission"]), row["commissionAsset"]),)
        assert (fill.executed_at, fill.is_maker) == (from_ms(int(row["time"])), row["maker"])


def test_the_documented_positions_and_income_of_binance():
    """Rows of the position risk and of the income history."""
    rows = [
        row
        for name in (DOCS, SOURCE)
        for case in recorded(name)
        for row in rows_with(case["body"], "positionAmt", "entryPrice", "markPrice", "unRealizedProfit", "positionSide")
        if "pair" not in row and str(row.get("symbol", "")).endswith("USDT")
    ]
    assert rows
    for row in rows:
        position = binance_usdm._parse_position(row, {row["symbol"]: perp(row["symbol"])})
        amount = D(row["positionAmt"])
        assert (position is None) == (amount == 0)
        if position is not None:
            assert position.quantity == abs(amount)
            held = row["positionSide"].lower()
            assert position.side == (("long" if amount > 0 else "short") if held == "both" else held)
    lines = [
        row
        for name in (DOCS, SOURCE)
        for case in recorded(name)
        for row in rows_with(case["body"], "incomeType", "tranId", "asset")
    ]
    for row in lines:
        if row["incomeType"] == "TRANSFER":
            moved = binance_income.parse_transfer(row)
            assert moved is not None
            assert moved.amount == abs(D(row["income"]))
        else:
            line = binance_income.parse_cash(row)
            assert line is not None
            assert (line.amount, line.currency) == (D(row["income"]), row["asset"])


def test_no_other_row_passes_for_a_fill_of_futures():
    """Spot, margin and unified rows, orders and public trades: BadAnswer."""
    refused = 0
    for name in (STATIC, DOCS, SOURCE):
        for case in recorded(name):
            for row in rows_with(case["body"], "price"):
                if {"commission", "positionSide", "realizedPnl"} <= row.keys():
                    continue
                with pytest.raises(BadAnswer):
                    binance_usdm.parse_fill(row, perp(str(row.get("symbol", "BTCUSDT"))))
                refused += 1
    for name in (B_STATIC, B_DOCS, B_SOURCE):
        for case in recorded(name):
            for row in [*rows_with(case["body"], "tradeId"), *rows_with(case["body"], "orderId", "side")]:
                if {"baseVolume", "posMode", "feeDetail", "price", "tradeId"} <= row.keys():
                    continue
                with pytest.raises(BadAnswer):
                    bitget_mix_rows.parse_fill(row, perp(str(row.get("symbol", "BTCUSDT"))))
                refused += 1
    assert refused >= 40
