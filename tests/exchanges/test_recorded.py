"""Answers recorded from the real exchanges, and the examples of their documentation, parse to what they say.

They are not part of this repository: the environment variable TRADEMON_RECORDED_DIR names the folder. What is right
is read here from the exchange's own fields; no other program's result is compared with, as those have fee signs wrong.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.exchanges.helpers import FakeClient, Row, wall_clock
from trademon.core.model import Balance, Credentials, Fee, Fill, Market, OpenOrder, Transfer
from trademon.core.times import from_ms
from trademon.errors import AuthError, BadAnswer, ClockSkew, NetworkError
from trademon.exchanges import binance, binance_wallet, bitget, bitget_wallet
from trademon.exchanges.transport import Answer

FOLDER = os.environ.get("TRADEMON_RECORDED_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="TRADEMON_RECORDED_DIR names no folder of recorded answers")


def recorded(name: str) -> list[Row]:
    """The cases of one file, each with its answer as `body` and what it is about as `about`."""
    content = json.loads((Path(FOLDER or "") / name).read_text(), parse_float=Decimal)
    cases = content.get("cases") or content["entries"]
    return [
        case
        | {
            "body": next(case[key] for key in ("httpResponse", "raw", "example") if key in case),
            "about": str(case.get("description") or case.get("endpoint")),
        }
        for case in cases
    ]


def bodies(name: str, *about: str) -> list[Any]:
    """The answers of the cases whose description is, or ends with, one of these; each must exist."""
    found = [case for case in recorded(name) if any(case["about"].endswith(end) for end in about)]
    assert len(found) >= len(about), f"{name} lacks one of {about}"
    return [case["body"] for case in found]


def rows_with(body: Any, *names: str) -> Iterator[Row]:
    """Every object within an answer that has all these fields."""
    if isinstance(body, dict):
        if set(names) <= body.keys():
            yield body
        body = list(body.values())
    if isinstance(body, list):
        for inner in body:
            yield from rows_with(inner, *names)


def market_of(name: str) -> Market:
    quote = next(q for q in ("USDT", "USDC", "BTC", "ETH", "USD") if name.endswith(q) or q == "USD")
    base = name.removesuffix(quote)
    return Market(f"{base}/{quote}", base, quote, name)


WHOLE = ("id", "orderId", "orderListId", "time", "updateTime")


def as_on_the_wire(row: Row) -> Row:
    """Ids and times as JSON numbers, which is how Binance writes them."""
    return row | {name: int(row[name]) for name in WHOLE if name in row}


def as_text(row: Row) -> Row:
    return row | {name: str(row[name]) for name in WHOLE if name in row}


def one_fill(fill: Fill) -> dict[str, Any]:
    names = ("trade_id", "order_id", "symbol", "side", "quantity", "price", "fees", "executed_at", "is_maker")
    return {name: getattr(fill, name) for name in names}


# --- Binance --------------------------------------------------------------------------------------------------------

STATIC, DOCS, SOURCE = (f"binance/{n}.json" for n in ("static_response", "official_docs_examples", "source_examples"))


def spot_fills() -> list[Row]:
    found = [
        *bodies(STATIC, "Spot private trade"),
        *bodies(DOCS, "/api/v3/myTrades"),
        *bodies(SOURCE, "md#account-trade-list-user_data", "fetch_my_trades: spot trade"),
    ]
    return [row for body in found for row in rows_with(body, "commission", "isBuyer")]


def test_every_spot_fill_of_binance_is_what_its_fields_say():
    """Side, amounts, fee as a cost, time, ids and maker of four rows, ids and times as numbers and as texts."""
    rows = spot_fills()
    assert len(rows) >= 4
    for row in rows:
        expected = {
            "trade_id": str(row["id"]),
            "order_id": str(row["orderId"]),
            "symbol": market_of(row["symbol"]).symbol,
            "side": "buy" if row["isBuyer"] else "sell",
            "quantity": Decimal(row["qty"]),
            "price": Decimal(row["price"]),
            "fees": (Fee(Decimal(row["commission"]), row["commissionAsset"]),),
            "executed_at": from_ms(int(row["time"])),
            "is_maker": row["isMaker"],
        }
        for form in (row, as_text(row), as_on_the_wire(row)):
            assert one_fill(binance.parse_fill(form, market_of(row["symbol"]))) == expected
        assert expected["fees"][0].amount > 0  # each of these was paid
        if "quoteQty" in row:
            assert expected["quantity"] * expected["price"] == Decimal(row["quoteQty"])


def test_the_recorded_binance_sale_figure_by_figure():
    """The one row recorded from an account, each figure written out."""
    (row,) = bodies(STATIC, "Spot private trade")[0]
    fill = binance.parse_fill(as_on_the_wire(row), market_of("LTCUSDT"))
    assert (fill.side, fill.quantity, fill.price) == ("sell", Decimal("0.2"), Decimal("69.63"))
    assert fill.fees == (Fee(Decimal("0.013926"), "USDT"),)
    assert (fill.trade_id, fill.order_id, fill.is_maker) == ("309520010", "3784695242", False)
    assert fill.executed_at == from_ms(1698138992358)


def test_no_fill_of_another_binance_market_passes_for_a_spot_fill():
    """Futures, options, allocations and stock rows: BadAnswer. Margin rows look the same and live at an address that
    this adapter never asks."""
    refused = 0
    for name in (STATIC, DOCS, SOURCE):
        for case in recorded(name):
            for row in rows_with(case["body"], "price"):
                if row in spot_fills() or ("margin" in case["about"].lower() and "isBuyer" in row):
                    continue
                with pytest.raises(BadAnswer):
                    binance.parse_fill(row, market_of(str(row.get("symbol", "BTCUSDT"))))
                refused += 1
    assert refused >= 20


def binance_with(endpoint: str, body: Any) -> binance.Binance:
    return binance.Binance(FakeClient({endpoint: body}), Credentials("k", "s"), wall_clock)  # type: ignore[arg-type]


async def test_spot_balances_of_binance():
    """Free and locked per coin, zero ones left out; the answers of other wallets are refused."""
    spot = [
        *bodies(STATIC, "Spot balance"),
        *bodies(DOCS, "/api/v3/account"),
        *bodies(SOURCE, "fetch_balance: spot"),
    ]
    for body in spot:
        view = await binance_with("private_get_account", body).fetch_account(with_uid=True)
        all_rows = [Balance(r["asset"], Decimal(r["free"]), Decimal(r["locked"])) for r in body["balances"]]
        assert view.balances == tuple(b for b in all_rows if b.free or b.locked)
        assert view.uid == (str(body["uid"]) if "uid" in body else None)
    assert len(spot) == 3
    others = [case["body"] for case in recorded(STATIC) + recorded(SOURCE) if case["method"] == "fetchBalance"]
    others = [body for body in others if body not in spot]
    assert len(others) >= 6
    for body in others:
        with pytest.raises(BadAnswer):
            await binance_with("private_get_account", body).fetch_account(with_uid=True)


async def test_spot_orders_of_binance():
    """Open orders, and the kinds of past ones, of the recorded and documented answers."""
    found = [
        *bodies(STATIC, "Fetch spot open orders", "fetch spot orders"),
        *bodies(SOURCE, "fetch_orders: spot", "parse_order: spot"),
        next(b for b in bodies(DOCS, "/api/v3/openOrders") if all("time" in row for row in b)),
        *bodies(DOCS, "/api/v3/allOrders"),
    ]
    rows = [row for body in found for row in (body if isinstance(body, list) else [body])]
    assert len(rows) >= 6
    for row in rows:
        market = market_of(row["symbol"])
        expected = OpenOrder(
            order_id=str(row["orderId"]),
            symbol=market.symbol,
            side=row["side"].lower(),
            order_type=row["type"].lower(),
            quantity=Decimal(row["origQty"]),
            filled=Decimal(row["executedQty"]),
            price=Decimal(row["price"]),
            created_at=from_ms(int(row["time"])),
        )
        for form in (row, as_on_the_wire(row)):
            exchange = binance_with("private_get_openorders", [form])
            assert await exchange.fetch_open_orders({market.exchange_symbol: market}) == (expected,)
            kinds = await binance_with("private_get_allorders", [form]).fetch_order_types(market, [expected.order_id])
            assert kinds == {expected.order_id: expected.order_type}


async def test_the_documented_binance_market_list_and_clock():
    """One market with both its coins; the server's milliseconds."""
    (body,) = bodies(DOCS, "/api/v3/exchangeInfo")
    assert await binance_with("public_get_exchangeinfo", body).fetch_markets() == (
        Market("ETH/BTC", "ETH", "BTC", "ETHBTC"),
    )
    (body,) = bodies(DOCS, "/api/v3/time")
    await binance_with("public_get_time", body).sync_clock()


def test_the_documented_deposit_of_binance():
    """Credited as soon as it was seen; a deposit costs nothing."""
    ((row,),) = bodies(DOCS, "/sapi/v1/capital/deposit/hisrec")
    record = binance_wallet.parse_deposit(row)
    at = from_ms(row["insertTime"])
    assert row["completeTime"] == row["insertTime"]
    assert (record.record_id, record.created, record.changed, record.pending) == (row["id"], at, at, False)
    assert record.transfer == Transfer(
        row["id"], "deposit", "BNB", Decimal("0.001"), Decimal(0), at, row["txId"], row["network"]
    )


def test_the_documented_withdrawal_of_binance():
    """Applied for in 2019, and that is when it counts from, whatever came in 2023."""
    ((row,),) = bodies(DOCS, "/sapi/v1/capital/withdraw/history")
    record = binance_wallet.parse_withdrawal(row)
    applied = datetime(2019, 10, 12, 11, 12, 2, tzinfo=UTC)
    assert (record.record_id, record.created, record.pending) == (row["id"], applied, False)
    assert record.changed == datetime(2023, 3, 23, 16, 52, 41, tzinfo=UTC)
    assert record.transfer == Transfer(
        row["id"], "withdrawal", "USDT", Decimal("8.91"), Decimal("0.004"), applied, row["txId"], "ETH"
    )


def test_no_other_row_of_binance_passes_for_a_transfer():
    """Dust, fills, orders, balances: BadAnswer."""
    transfers = bodies(DOCS, "/sapi/v1/capital/deposit/hisrec", "/sapi/v1/capital/withdraw/history")
    rows = [row for case in recorded(DOCS) if case["body"] not in transfers for row in rows_with(case["body"])]
    assert len(rows) >= 50
    for row in rows:
        for parse in (binance_wallet.parse_deposit, binance_wallet.parse_withdrawal):
            with pytest.raises(BadAnswer):
                parse(row)


# --- Bitget ---------------------------------------------------------------------------------------------------------

B_STATIC, B_DOCS, B_SOURCE = (f"bitget/{n}.json" for n in ("static_response", "docs_examples", "source_examples"))


def bitget_fills() -> list[Row]:
    found = [
        *(body for body in bodies(B_STATIC, "Spot trade")),
        *bodies(B_DOCS, "GET /api/v2/spot/trade/fills"),
        *bodies(B_SOURCE, "parse_trade: spot: fetchMyTrades", "fetch_my_trades: spot"),
    ]
    return [row for body in found for row in rows_with(body, "tradeId", "priceAvg")]


def bitget_cost(detail: Row) -> Decimal:
    """By the documentation: negative is paid; with a deduction in BGB the amount is what was paid."""
    amount = Decimal(detail["totalFee"])
    return abs(amount) if detail["deduction"] == "yes" else -amount


def test_every_spot_fill_of_bitget_is_what_its_fields_say():
    """Side, amounts, fee as a cost, time, ids and maker of four rows."""
    rows = bitget_fills()
    assert len(rows) >= 4
    for row in rows:
        assert one_fill(bitget.parse_fill(row, market_of(row["symbol"]))) == {
            "trade_id": row["tradeId"],
            "order_id": row["orderId"],
            "symbol": market_of(row["symbol"]).symbol,
            "side": row["side"],
            "quantity": Decimal(row["size"]),
            "price": Decimal(row["priceAvg"]),
            "fees": (Fee(bitget_cost(row["feeDetail"]), row["feeDetail"]["feeCoin"]),),
            "executed_at": from_ms(int(row["cTime"])),
            "is_maker": row["tradeScope"] == "maker",
        }
        assert Decimal(row["size"]) * Decimal(row["priceAvg"]) == Decimal(row["amount"])


def test_the_recorded_bitget_purchase_figure_by_figure():
    """The one row recorded from an account, each figure written out: its fee is taken from the coin bought."""
    (row,) = bodies(B_STATIC, "Spot trade")[0]["data"]
    fill = bitget.parse_fill(row, market_of("LTCUSDT"))
    assert (fill.side, fill.quantity, fill.price) == ("buy", Decimal("0.0794"), Decimal("69.265"))
    assert fill.fees == (Fee(Decimal("0.0000794"), "LTC"),)
    assert (fill.trade_id, fill.order_type, fill.is_maker) == ("1109431644504666114", "market", False)


def test_the_three_documented_fee_details():
    """Paid in BGB: a cost though positive. Paid in quote: a cost, as it is negative. A rebate: negative cost."""
    (cases,) = bodies(B_DOCS, "three real cases)")
    fees = {case["case"]: bitget.parse_fees(case["feeDetail"]) for case in cases}
    assert fees == {
        "paid in BGB": (Fee(Decimal("0.0015552795869069"), "BGB"),),
        "paid in base or quote": (Fee(Decimal("0.0074984155298663"), "USDT"),),
        "rebate": (Fee(Decimal("-0.01187046009"), "USDT"),),
    }


def test_a_list_of_fee_details_counts_as_costs_too():
    """Contract rows hold a list, one with BGB and a negative amount: a cost all the same."""
    found = bodies(B_DOCS, "/api/v2/mix/order/fills", "/api/v2/mix/order/fill-history")
    details = [row["feeDetail"] for body in found for row in rows_with(body, "feeDetail")]
    fees = [bitget.parse_fees(detail) for detail in details]
    assert fees == [(Fee(Decimal("0.017118519726"), "BGB"),), (Fee(Decimal("0.02161596"), "USDT"),)]
    assert [bitget.parse_fees(json.dumps(detail)) for detail in details] == fees


def test_no_fill_of_another_bitget_market_passes_for_a_spot_fill():
    """Margin, contract and unified rows, public trades and orders: BadAnswer, so never a fee with the wrong sign."""
    refused = 0
    for name in (B_STATIC, B_DOCS, B_SOURCE):
        for case in recorded(name):
            fills = [*rows_with(case["body"], "tradeId"), *rows_with(case["body"], "execId")]
            for row in [*fills, *rows_with(case["body"], "orderId", "side")]:
                if row in bitget_fills():
                    continue
                with pytest.raises(BadAnswer):
                    bitget.parse_fill(row, market_of(str(row.get("symbol", "BTCUSDT"))))
                refused += 1
    assert refused >= 20


def test_a_unified_fee_is_refused_rather_than_negated():
    """Version 3 writes a paid fee as positive `fee`: not a shape of the spot interface."""
    (body,) = bodies(B_DOCS, "(unified account)")
    with pytest.raises(BadAnswer):
        bitget.parse_fees(body["data"]["list"][0]["feeDetail"])


def bitget_with(endpoint: str, body: Any) -> bitget.Bitget:
    client = FakeClient({endpoint: body}, now=wall_clock())
    return bitget.Bitget(client, Credentials("k", "s", "p"), wall_clock)  # type: ignore[arg-type]


async def test_spot_balances_of_bitget():
    """Available is free; frozen and locked are locked. Margin, contract and unified wallets are refused."""
    endpoint = "private_spot_get_v2_spot_account_assets"
    spot = [*bodies(B_STATIC, "spot balance"), *bodies(B_SOURCE, "fetch_balance: spot")]
    for body in spot:
        view = await bitget_with(endpoint, body).fetch_account(with_uid=False)
        rows = [
            Balance(r["coin"], Decimal(r["available"]), Decimal(r["frozen"]) + Decimal(r["locked"]))
            for r in body["data"]
        ]
        assert view.balances == tuple(b for b in rows if b.free or b.locked)
    held = await bitget_with(endpoint, spot[0]).fetch_account(with_uid=False)
    assert Balance("USDT", Decimal("17.85159289"), Decimal("5.5")) in held.balances
    others = [case["body"] for case in recorded(B_STATIC) + recorded(B_SOURCE) if case["method"] == "fetchBalance"]
    others = [body for body in others if body not in spot]
    assert len(others) >= 6
    for body in others:
        with pytest.raises(BadAnswer):
            await bitget_with(endpoint, body).fetch_account(with_uid=False)


async def test_spot_open_orders_of_bitget():
    """The spot answer, field by field; those of triggers, margin, contracts and unified accounts are refused."""
    endpoint = "private_spot_get_v2_spot_trade_unfilled_orders"
    cases = [case for case in recorded(B_SOURCE) + recorded(B_STATIC) if case["method"] == "fetchOpenOrders"]
    (spot,) = [case["body"] for case in cases if case["about"] == "fetch_open_orders: spot"]
    (row,) = spot["data"]
    market = market_of(row["symbol"])
    assert await bitget_with(endpoint, spot).fetch_open_orders({market.exchange_symbol: market}) == (
        OpenOrder(
            order_id=row["orderId"],
            symbol="BTC/USDT",
            side="buy",
            order_type="limit",
            quantity=Decimal("0.0002"),
            filled=Decimal(0),
            price=Decimal(25000),
            created_at=from_ms(int(row["cTime"])),
        ),
    )
    others = [case["body"] for case in cases if case["body"] is not spot]
    assert len(others) >= 6
    for body in others:
        with pytest.raises(BadAnswer):
            await bitget_with(endpoint, body).fetch_open_orders({})


async def test_symbols_of_recorded_bitget_orders():
    """The order history names what was traded; an order's `feeDetail` is a text and is not read."""
    endpoint = "private_spot_get_v2_spot_trade_history_orders"
    found = {
        "LTCUSDT": bodies(B_STATIC, "Spot closed order (feeDetail is a JSON string)"),
        "ETHUSDT": bodies(B_DOCS, "GET /api/v2/spot/trade/history-orders"),
        "BTCUSDT": bodies(B_SOURCE, "fetch_canceled_and_closed_orders: spot"),
    }
    for symbol, (body,) in found.items():
        assert await bitget_with(endpoint, body).fetch_traded_symbols(from_ms(0)) == {symbol}


def test_recorded_bitget_refusals_are_errors():
    """No refusal without data passes, and 40015 ("system abnormal") is a matter of waiting."""
    refusals = [case["body"] for case in recorded(B_SOURCE) if case["method"] == "handleErrors"]
    coded = {str(body["code"]): bitget.explain(Answer(400, {}, body, True)) for body in refusals if "code" in body}
    assert isinstance(coded.pop("40015"), NetworkError)
    assert len(coded) >= 3
    for error in coded.values():
        assert isinstance(error, BadAnswer)
        assert not isinstance(error, AuthError | ClockSkew)


def test_no_other_row_of_bitget_passes_for_a_transfer():
    """None of its recorded answers is of a deposit or a withdrawal: BadAnswer for every row."""
    rows = [row for name in (B_STATIC, B_DOCS, B_SOURCE) for case in recorded(name) for row in rows_with(case["body"])]
    assert len(rows) >= 50
    for row in rows:
        with pytest.raises(BadAnswer):
            bitget_wallet.parse_record(row, "deposit")
        with pytest.raises(BadAnswer):
            bitget_wallet.parse_record(row, "withdrawal")
