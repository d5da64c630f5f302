"""Answers recorded in Saxo's simulation, and the examples of its specification, parse to what they say.

Not part of this repository; see `test_recorded.py`.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.saxo_bank import NOW
from trademon.core.model import Contract, Fee, Market
from trademon.exchanges import saxo_activities, saxo_holdings, saxo_report
from trademon.exchanges.saxo_instruments import Instrument, parse_instrument, wire_of
from trademon.exchanges.saxo_login import parse_pair
from trademon.exchanges.validate import time_iso

FOLDER = os.environ.get("TRADEMON_RECORDED_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="TRADEMON_RECORDED_DIR names no folder of recorded answers")


def recorded(name: str) -> Any:
    return json.loads((Path(FOLDER or "") / "saxo" / name).read_text(), parse_float=Decimal)


def responses(name: str) -> dict[str, Any]:
    return {key: entry["response"] for key, entry in recorded(f"{name}.json")["entries"].items()}


def example(path: str) -> Any:
    """The example answer of an endpoint of the specification."""
    return recorded("spec_examples.json")["endpoints"][f"GET {path}"]["responses"]["200"]["example"]


def pair(name: str) -> Instrument:
    """An instrument of currencies as the account knows it."""
    base, quote = name[:3], name[3:]
    return Instrument(Market(f"{base}/{quote}", base, quote, "21:FxSpot", Contract(quote)))


def test_net_positions_are_what_their_fields_say() -> None:
    """Amount, side, prices and the broker's own gain; one that was closed today has an amount of nothing."""
    rows = responses("portfolio_netpositions")["_v3_NetPositionsMe"]["Data"]
    found = {}
    for row in rows:
        assert wire_of(row["NetPositionBase"]).endswith(":FxSpot")
        found[row["NetPositionId"]] = saxo_holdings.parse_position(row, pair(row["NetPositionId"][:6]))
    assert found["EURUSD__FxSpot"] is None
    position = found["GBPAUD__FxSpot"]
    assert position is not None
    assert (position.symbol, position.side, position.quantity) == ("GBP/AUD", "long", Decimal(500000))
    assert (position.entry_price, position.mark_price) == (Decimal("1.86391"), Decimal("1.85813"))
    assert (position.unrealised, position.currency) == (Decimal(-2890), "AUD")


def test_both_ways_of_netting_leave_the_same_net_position() -> None:
    """Recorded at the end-of-day profile: two opposite positions of one pair, beside a net one of nothing."""
    positions = responses("portfolio_positions")["_v3_PositionsMe"]["Data"]
    of_euro = [row["PositionBase"]["Amount"] for row in positions if row["NetPositionId"] == "EURUSD__FxSpot"]
    assert sorted(of_euro) == [-100000, 100000]
    assert responses("portfolio_clients")["_v3_ClientDetailsMe"]["PositionNettingMode"] == "EndOfDay"


def test_closed_positions_are_what_the_broker_states() -> None:
    """Gain by price and costs above zero, of long and short; the stated gain is the difference of the prices."""
    rows = responses("portfolio_closedpositions")["_v3_ClosedPositionList"]["Data"]
    assert len(rows) == 5
    for row in rows:
        closed = row["ClosedPosition"]
        found = saxo_holdings.parse_stated_close(row, pair(row["NetPositionId"][:6]))
        assert found.gross == (closed["ClosingPrice"] - closed["OpenPrice"]) * closed["Amount"]
        assert found.costs == -(closed["CostOpening"] + closed["CostClosing"]) > 0
        assert found.side == ("long" if closed["BuyOrSell"] == "Buy" else "short")
        assert found.close_id == row["ClosedPositionUniqueId"]
        assert found.opened_at < found.closed_at
    first = saxo_holdings.parse_stated_close(rows[0], pair("GBPCAD"))
    assert (first.quantity, first.gross, first.costs) == (Decimal(80000), Decimal(-260), Decimal("14.06"))


def test_orders_and_balances_parse() -> None:
    """Three that wait, and one account's cash."""
    orders = responses("portfolio_orders")["_v3_GetOpenOrdersMe"]["Data"]
    found = [saxo_holdings.parse_order(row, None, wire_of(row)) for row in orders]
    assert [(o.order_id, o.symbol, o.side, o.order_type, o.quantity, o.price) for o in found] == [
        (row["OrderId"], f"{row['Uic']}:FxSpot", "buy", "limit", row["Amount"], row["Price"]) for row in orders
    ]
    cash = saxo_holdings.parse_cash(responses("portfolio_balances")["_v3_AccountBalancesMe"])
    assert (cash.coin, cash.total, cash.locked) == ("EUR", Decimal("999956.74"), Decimal(0))
    assert saxo_holdings.parse_cash(example("/port/v1/balances/me")).total == Decimal("100573853.73")


def test_instruments_parse_and_are_named() -> None:
    """Pairs of currencies, forwards and options on them."""
    for row in responses("referencedata_instruments")["_v3_InstrumentsDetails"]["Data"]:
        market = parse_instrument(wire_of(row), row, is_whole=True).market
        assert (market.base, market.quote, market.contract) == ("GBP", "CAD", Contract("CAD"))
        assert market.symbol.startswith("GBP/CAD")


def test_the_examples_of_the_specification_parse() -> None:
    """A step of an order that executes nothing, a trade, a booking; positions in their newest shape."""
    (row,) = example("/cs/v1/audit/orderactivities")["Data"]
    entry = saxo_activities.parse_entry(row)
    assert (entry.log_id, entry.order_id, entry.wire, entry.piece) == ("260971", "234728341", "2090:CfdOnStock", 0)
    assert (entry.is_placing, entry.side, entry.at) == (True, "buy", time_iso(row, "ActivityTime"))
    (row,) = example("/cs/v1/reports/trades/{ClientKey}")["Data"]
    trade = saxo_report.parse_trade(row)
    assert trade is not None
    assert (trade.trade_id, trade.order_id, trade.wire) == ("861198960", "735126300", "4:FxSpot")
    assert (trade.side, trade.amount, trade.price) == ("sell", Decimal(100000), Decimal("0.73356"))
    (row,) = example("/port/v1/netpositions/me")["Data"]
    position = saxo_holdings.parse_position(row, pair("GBPUSD"))
    assert position is not None
    assert (position.side, position.quantity, position.unrealised) == ("long", Decimal(100000), Decimal(-2979))
    (row,) = example("/port/v1/closedpositions/me")["Data"]
    close = saxo_holdings.parse_stated_close(row, pair("EURUSD"))
    assert (close.gross, close.costs) == (Decimal(9597), Decimal(0))


def test_a_commission_of_the_specification_is_a_cost_and_premium_is_none() -> None:
    """The example is cut off, so its first row is taken from the text."""
    text = example("/cs/v1/reports/bookings/{ClientKey}")["_truncated"]
    row = json.loads(text[text.index("[{") + 1 : text.index("}, {") + 1], parse_float=Decimal)
    costs: saxo_report.Costs = {}
    saxo_report.add_costs(costs, [row])
    assert costs == {"773603907": {"3042746175": Fee(Decimal("1.03999996185303"), "USD")}}


def test_the_token_answer_parses() -> None:
    """The shape of both the code's and the renewal's answer."""
    entries = {e["case"]: e for e in recorded("oauth_and_errors_shapes.json")["entries"]}
    shape = entries["exchange (PKCE app, no secret)"]["response_shape"]
    pair_ = parse_pair(shape, NOW)
    assert pair_.refresh_until is not None
    assert (pair_.access_until - NOW).total_seconds() == 1200
    assert (pair_.refresh_until - NOW).total_seconds() == 3600
