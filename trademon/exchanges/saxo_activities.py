"""Executions in Saxo's audit of order activities.

One entry a step of an order, numbered by `LogId`. `Fill` and `FinalFill` are executions: `FillAmount` is the piece of
that entry, `FilledAmount` the order's sum so far; a last one is a piece like the others. An entry that fills again what
was filled, without the sum growing, is a correction: it takes the earlier one's place and keeps its id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final

from trademon.core.model import FINAL, Fill, Market, Side
from trademon.core.money import EXACT, ZERO
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.saxo_instruments import Instrument, wire_of
from trademon.exchanges.validate import Row

SIDES: Final[dict[str, Side]] = {"buy": "buy", "sell": "sell"}
OPPOSITE: Final[dict[Side, Side]] = {"buy": "sell", "sell": "buy"}
_FILLS: Final = frozenset({"Fill", "FinalFill"})
FROM_AUDIT: Final = 0
"""The revision of a fill as the audit tells it: its costs come later."""
FROM_REPORT: Final = 1
"""The revision of a fill as the daily report tells it."""
WITH_COSTS: Final = FINAL
"""The same with what it cost: nothing more is to come."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `piece` is what it executed, zero where it executed nothing; `filled` the order's sum after it, None
    where it is not told."""

    log_id: str
    order_id: str
    wire: str
    at: datetime
    piece: Decimal
    filled: Decimal | None
    side: Side
    price: Decimal | None
    position_id: str
    order_type: str
    is_placing: bool
    raw: Row


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as the audit tells it in the end. `trade_id` is the first LogId that told it, `told_at` when it was
    told last."""

    trade_id: str
    entry: Entry
    told_at: datetime


def parse_entry(row: Row) -> Entry:
    """Raises BadAnswer for a row that is none."""
    status = validate.text(row, "Status")
    piece, price = ZERO, None
    if status in _FILLS and row.get("FillAmount") not in (None, 0):
        piece = validate.decimal(row, "FillAmount")
        name = "ExecutionPrice" if row.get("ExecutionPrice") is not None else "AveragePrice"
        price = validate.not_negative(row, name)
    return Entry(
        log_id=validate.identifier(row, "LogId"),
        order_id=validate.identifier(row, "OrderId"),
        wire=wire_of(row),
        at=validate.time_iso(row, "ActivityTime"),
        piece=piece,
        filled=validate.decimal(row, "FilledAmount") if row.get("FilledAmount") is not None else None,
        side=validate.one_of(row, "BuySell", SIDES),
        price=price,
        position_id=validate.identifier(row, "PositionId") if row.get("PositionId") else "",
        order_type=validate.one_line(row.get("OrderType") or "", 40).lower(),
        is_placing=status == "Placed",
        raw=row,
    )


def by_order(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries of each order, in the order of the log; one that came twice once.

    Raises:
        BadAnswer: one LogId with two contents.
    """
    seen: dict[str, Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.log_id, entry)
        if replace(first, raw={}) != replace(entry, raw={}):
            raise BadAnswer(f"Saxo: entry {entry.log_id} came twice, with two contents")
    ordered = sorted(seen.values(), key=lambda e: (e.order_id, _number(e.log_id)))
    return {order_id: list(group) for order_id, group in groupby(ordered, key=lambda e: e.order_id)}


def begins_unseen(entries: list[Entry]) -> bool:
    """Whether a piece may stand there that corrects one of before these entries: the order was placed before them."""
    return any(e.piece for e in entries) and not any(e.is_placing for e in entries)


def executions(entries: list[Entry]) -> list[Execution]:
    """What one order's entries executed, each piece once, as it stands after them."""
    done: list[Execution] = []
    before: Decimal | None = None
    for entry in entries:
        if entry.piece:
            earlier = _corrected(entry, before, done)
            if earlier is None:
                done.append(Execution(entry.log_id, entry, entry.at))
            else:
                done[earlier] = Execution(done[earlier].trade_id, replace(entry, at=done[earlier].entry.at), entry.at)
        before = entry.filled if entry.filled is not None else before
    return done


def _corrected(entry: Entry, before: Decimal | None, done: list[Execution]) -> int | None:
    """Which of the pieces so far the entry tells anew; None where it is one of its own."""
    if entry.filled is None or before is None or entry.filled != before or entry.piece < 0:
        return None
    same = [n for n, one in enumerate(done) if entry.position_id and one.entry.position_id == entry.position_id]
    same = same or [n for n, one in enumerate(done) if one.entry.piece == entry.piece]
    if not same and len(done) == 1:
        same = [0]
    if not same:
        raise BadAnswer(f"Saxo: entry {entry.log_id} fills nothing new of order {entry.order_id}")
    return same[-1]


def to_fill(execution: Execution, market: Market, instrument: Instrument) -> Fill:
    """A fill of `market`; what an entry takes back is a fill of the other side."""
    entry = execution.entry
    assert entry.price is not None
    return Fill(
        trade_id=execution.trade_id,
        order_id=entry.order_id,
        symbol=market.symbol,
        base=market.base,
        quote=market.quote,
        side=entry.side if entry.piece > 0 else OPPOSITE[entry.side],
        quantity=abs(entry.piece),
        price=in_money(entry.price, instrument),
        executed_at=entry.at,
        order_type=entry.order_type,
        contract=instrument.market.contract,
        revision=FROM_AUDIT,
        raw=validate.raw_text(entry.raw),
    )


def in_money(price: Decimal, instrument: Instrument) -> Decimal:
    """A quoted price in the instrument's currency."""
    return price if instrument.factor == 1 else EXACT.multiply(price, instrument.factor)


def _number(log_id: str) -> tuple[int, str]:
    return (int(log_id), "") if log_id.isascii() and log_id.isdigit() else (10**40, log_id)
