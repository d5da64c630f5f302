"""What a world is in Saxo's shapes: instruments, steps of orders, positions by both ways of netting."""

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.demo.model import Execution, Market, WorldOrder

Row = dict[str, Any]
_MARK = "@@"
_EVENTS = {"CANCELED": "Cancelled", "EXPIRED": "Expired", "EXPIRED_IN_MATCH": "Expired"}


def dump(answer: object) -> str:
    """JSON in which amounts are numbers with all their digits, as Saxo writes them."""
    text = json.dumps(answer, default=lambda d: f"{_MARK}{d:f}{_MARK}" if isinstance(d, Decimal) else str(d))
    return re.sub(f'"{_MARK}([^"]*){_MARK}"', r"\1", text)


@dataclass(frozen=True, slots=True)
class Instrument:
    """How Saxo lists a market: `AAPL:xnas/USD` is a share, `AAPL:xnas:cfd/USD` a CFD on it, `ES:xcme:50/USD` a future
    of which one is fifty, `EUR/USD` a pair of currencies."""

    market: Market
    uic: int
    kind: str
    symbol: str
    size: int = 1

    @property
    def on_margin(self) -> bool:
        """Whether its value does not move cash."""
        return self.kind not in ("Stock", "Bond")

    @property
    def display(self) -> Row:
        """The names that rows carry along."""
        return {
            "Currency": self.market.quote,
            "Decimals": 2,
            "Description": f"Demo {self.symbol}",
            "Format": "Normal",
            "Symbol": self.symbol,
        }


def instrument_of(market: Market) -> Instrument:
    """The instrument that a market of the world is."""
    uic, (name, *rest) = zlib.crc32(market.symbol.encode()) % 100_000_000 + 1, market.base.split(":")
    if not rest:
        return Instrument(market, uic, "FxSpot", f"{market.base}{market.quote}")
    if rest[-1] == "cfd":
        return Instrument(market, uic, "CfdOnStock", ":".join([name, *rest[:-1]]))
    if rest[-1].isdigit():
        return Instrument(market, uic, "ContractFutures", ":".join([name, *rest[:-1]]), int(rest[-1]))
    return Instrument(market, uic, "Stock", market.base)


def details_row(one: Instrument) -> Row:
    """One row of instruments/details."""
    return {
        "AmountDecimals": 0,
        "AssetType": one.kind,
        "CurrencyCode": one.market.quote,
        "Description": f"Demo {one.symbol}",
        "Exchange": {"CountryCode": "DK", "ExchangeId": "DEMO", "Name": "Demo"},
        "IsTradable": True,
        "Symbol": one.symbol,
        "TradableAs": [one.kind],
        "Uic": one.uic,
    } | ({"ContractSize": one.size} if one.size > 1 else {})


def position_id(execution: Execution) -> str:
    """The position that an execution makes, which is its trade in the reports, too."""
    return f"7{execution.trade_id}"


def activity_rows(order: WorldOrder, one: Instrument, uid: str) -> list[Row]:
    """The steps of an order so far: placed, filled piece by piece, ended."""
    common = {
        "AccountId": f"{uid}EUR",
        "Amount": order.quantity,
        "AssetType": one.kind,
        "BuySell": order.side.capitalize(),
        "ClientId": uid,
        "DisplayAndFormat": one.display,
        "Duration": {"DurationType": "DayOrder" if order.time_in_force == "IOC" else "GoodTillCancel"},
        "HandledBy": uid,
        "OrderId": order.order_id,
        "OrderRelation": "StandAlone",
        "OrderType": order.type.capitalize(),
        "SubStatus": "Confirmed",
        "Uic": one.uic,
    } | ({"Price": order.price} if order.price else {})
    rows = [common | {"ActivityTime": iso(order.created_at), "LogId": order.order_id, "Status": "Placed"}]
    filled = Decimal(0)
    for execution in order.executions:
        filled += execution.quantity
        is_last = filled == order.quantity
        rows.append(
            common
            | {
                "ActivityTime": iso(execution.executed_at),
                "AveragePrice": execution.price,
                "ExecutionPrice": execution.price,
                "FillAmount": execution.quantity,
                "FilledAmount": filled,
                "LogId": execution.trade_id,
                "PositionId": position_id(execution),
                "Status": "FinalFill" if is_last else "Fill",
            }
        )
    if order.status in _EVENTS:
        ended = {"ActivityTime": iso(order.updated_at), "LogId": f"{order.order_id}999", "FilledAmount": filled}
        rows.append(common | ended | {"Status": _EVENTS[order.status]})
    return rows


def order_row(order: WorldOrder, one: Instrument, uid: str) -> Row:
    """One open order."""
    return {
        "AccountId": f"{uid}EUR",
        "Amount": order.quantity,
        "AssetType": one.kind,
        "BuySell": order.side.capitalize(),
        "DisplayAndFormat": one.display,
        "Duration": {"DurationType": "GoodTillCancel"},
        "FilledAmount": order.executed,
        "OpenOrderType": order.type.capitalize(),
        "OrderAmountType": "Quantity",
        "OrderId": order.order_id,
        "OrderRelation": "StandAlone",
        "OrderTime": iso(order.created_at),
        "Price": order.price,
        "Status": "Working",
        "Uic": one.uic,
    }


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an execution that is open, below zero if it was sold."""

    execution: Execution
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Pair:
    """A part of one execution that closed a part of another; `amount` has the sign of the opening one."""

    opening: Execution
    closing: Execution
    amount: Decimal

    @property
    def gain(self) -> Decimal:
        """The difference of the prices, for one unit each."""
        return (self.closing.price - self.opening.price) * self.amount


def netted(executions: Iterable[Execution]) -> tuple[list[Piece], list[Pair]]:
    """What of one instrument is open, first in first out, and what closed what."""
    pieces: list[Piece] = []
    pairs: list[Pair] = []
    for execution in executions:
        left = execution.quantity if execution.side == "buy" else -execution.quantity
        while left and pieces and (pieces[0].amount > 0) != (left > 0):
            first = pieces[0]
            size = min(abs(first.amount), abs(left))
            part = size if first.amount > 0 else -size
            pairs.append(Pair(first.execution, execution, part))
            left += part
            pieces = pieces[1:] if part == first.amount else [Piece(first.execution, first.amount - part), *pieces[1:]]
        if left:
            pieces.append(Piece(execution, left))
    return pieces, pairs


def iso(at: datetime) -> str:
    """`2026-05-01T12:00:00.123000Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
