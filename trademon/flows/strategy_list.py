"""Strategies listed and opened: from the store alone, no exchange is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trademon.core.model import Broker, Fill
from trademon.core.reports import FillRow
from trademon.core.strategy_model import UNSETTLED, Strategy
from trademon.core.strategy_reports import PaperRow, StrategiesReport, StrategyInfo, StrategyReport
from trademon.core.times import parse_time
from trademon.errors import StrategyError
from trademon.flows.strategy_view import paper_book
from trademon.store.halts import halted_by_file
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore
from trademon.strategies.runner import read_code

ORDERS_SHOWN = 20


def list_strategies(store: Store, users: Sequence[UserStore], *, now: datetime, halt_file: Path) -> StrategiesReport:
    """The strategies of these users, with what their paper books say."""
    infos = tuple(info_of(user, strategy, now=now) for user in users for strategy in user.strategies())
    return StrategiesReport(infos, store.halted() or halted_by_file(halt_file))


def show_strategy(store: Store, user: UserStore, name: str, *, now: datetime, halt_file: Path) -> StrategyReport:
    """One strategy with its newest orders and the executions that came of them."""
    strategy = user.strategy(name)
    return StrategyReport(
        info_of(user, strategy, now=now),
        user.strategy_orders(strategy, limit=ORDERS_SHOWN),
        fills_of(user, strategy),
        store.halted() or halted_by_file(halt_file),
    )


def info_of(user: UserStore, strategy: Strategy, *, now: datetime) -> StrategyInfo:
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    standing = user.strategy_standing(strategy, day)
    runs = user.strategy_runs(strategy.name, limit=1)
    return StrategyInfo(
        strategy,
        paper_rows(user, strategy),
        runs[-1] if runs else None,
        standing.sent_today,
        len(user.strategy_orders(strategy, statuses=("open",))),
        len(user.strategy_orders(strategy, mode="live", statuses=UNSETTLED)),
        _is_changed(strategy),
    )


def _is_changed(strategy: Strategy) -> bool:
    """Whether what is armed is not what lies in its file now."""
    if strategy.arming is None:
        return False
    try:
        return read_code(strategy.file).hash != strategy.arming.code_hash
    except StrategyError:
        return True


def fills_of(user: UserStore, strategy: Strategy) -> tuple[FillRow, ...]:
    """The executions of the strategy's orders, oldest first, as far as scans have found them."""
    sent = [order for order in user.strategy_orders(strategy, mode="live") if order.order_id]
    if not sent:
        return ()
    symbols = tuple(sorted({order.symbol for order in sent}))
    since = min(order.created_at for order in sent).replace(microsecond=0)
    found = user.fills(FillQuery(symbols=symbols, since=since)).fills
    return tuple(fill for fill in found if fill.strategy == strategy.name)


# --- the paper book -----------------------------------------------------------------------------------------------


def paper_rows(user: UserStore, strategy: Strategy) -> tuple[PaperRow, ...]:
    """The paper book by broker and symbol: the fold of its fills, and the prices of the last run."""
    names = {broker.id: broker for broker in user.brokers()}
    books: dict[tuple[int, str], list[tuple[bool, Fill]]] = {}
    for broker_id, is_held, fill in user.paper_fills(strategy):
        books.setdefault((broker_id, fill.symbol), []).append((is_held, fill))
    marks = user.strategy_state(strategy, "marks") if books else {}
    return tuple(
        _paper_row(names.get(number), number, symbol, rows, marks) for (number, symbol), rows in sorted(books.items())
    )


def _paper_row(
    broker: Broker | None,
    number: int,
    symbol: str,
    rows: Sequence[tuple[bool, Fill]],
    marks: Mapping[str, Any],
) -> PaperRow:
    book = paper_book(fill for _, fill in rows)
    price = marks.get("prices", {}).get(str(number), {}).get(symbol)
    return PaperRow(
        broker.name if broker else "(removed)",
        symbol,
        rows[0][1].quote,
        book.tally.gross,
        book.tally.fees,
        book.open_quantity,
        book.open_cost,
        book.tally.unmatched_quantity,
        sum(not is_held for is_held, _ in rows),
        None if price is None else Decimal(price),
        parse_time(marks["at"]) if price is not None else None,
    )
