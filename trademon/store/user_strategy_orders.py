"""The orders of a user's strategies, and their paper books.

An order that is sent has its row, and its name at the exchange, committed before. Whether it may be sent is asked
inside that transaction, so that two runs cannot both be the last one allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trademon.core.model import Fee, Fill
from trademon.core.strategy_model import (
    COUNTED,
    UNSETTLED,
    Mode,
    OrderStatus,
    Outcome,
    Standing,
    Strategy,
    StrategyOrder,
)
from trademon.core.times import from_us, to_us
from trademon.errors import Busy
from trademon.store.database import Sql, in_list, rerun
from trademon.store.exact import decimal_text
from trademon.store.halts import read_halt
from trademon.store.scope import optional_time
from trademon.store.user_strategies import OWN_STRATEGY, UserStrategies, parse_arming, save_state

_COLUMNS = """strategy_orders.id, strategy_id, strategies.name, run_id, mode, brokers.name, broker_id, symbol, side,
    order_type, quantity, amount, price, value, reason, status, detail, client_id, strategy_orders.created_at, sent_at,
    order_id, filled, filled_value, target"""
_FROM = """FROM strategy_orders JOIN strategies ON strategies.id = strategy_id
    JOIN brokers ON brokers.id = broker_id"""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An intent before it is stored; see `core.strategy_model.StrategyOrder`."""

    run_id: int
    mode: Mode
    broker_id: int
    symbol: str
    side: str
    order_type: str
    client_id: str
    reason: str
    quantity: Decimal | None = None
    amount: Decimal | None = None
    price: Decimal | None = None
    value: Decimal | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class PaperFill:
    """A fill of a paper book, before it has a number. `held` is a lot brought in from the real book."""

    order_row_id: int
    broker_id: int
    fill: Fill
    held: bool = False


class UserStrategyOrders(UserStrategies):
    """The part of a user's store that holds what strategies ordered."""

    @rerun
    def note_sending(
        self,
        strategy: Strategy,
        order: NewOrder,
        *,
        account_id: int,
        lease: str,
        day: datetime,
        refusal: Callable[[Standing], str | None],
        state: str,
    ) -> tuple[int, str | None]:
        """Store an order that is about to be sent, and the state its strategy leaves; where `refusal` has something
        against it, that is stored instead.

        `day` is when the UTC day began, for what was sent in it. Returns the row's number, and why it is refused.

        Raises:
            Busy: another run has taken the account or the strategy's `lease` over since.
        """
        now = self._clock()
        with self._database.write(account_id) as sql:
            self._check_strategy(sql, strategy.id)
            self._check_broker_number(sql, order.broker_id)
            self._check_lease(sql, lease)
            refused = refusal(self._standing(sql, strategy.id, day))
            status: OrderStatus = "sending" if refused is None else "refused"
            number = _insert(sql, strategy.id, order, status, refused or "", now, is_sent=refused is None)
            if refused is None:
                save_state(sql, strategy.id, order.mode, state, now)
        return number, refused

    def strategy_standing(self, strategy: Strategy, day: datetime) -> Standing:
        """How it stands now; `day` as in `note_sending`."""
        with self._database.read() as sql:
            return self._standing(sql, strategy.id, day)

    @rerun
    def note_order(self, strategy: Strategy, order: NewOrder, status: OrderStatus, detail: str = "") -> int:
        """Store an intent of which nothing is sent."""
        with self._database.write() as sql:
            self._check_strategy(sql, strategy.id)
            self._check_broker_number(sql, order.broker_id)
            return _insert(sql, strategy.id, order, status, detail, self._clock(), is_sent=False)

    @rerun
    def settle_order(self, order_row_id: int, outcome: Outcome) -> None:
        """Note what became of an order. What the exchange told of it before and does not tell now stays."""
        with self._database.write() as sql:
            sql.run(
                """UPDATE strategy_orders SET status = ?, detail = ?, filled = ?, filled_value = ?,
                order_id = CASE WHEN ? = '' THEN order_id ELSE ? END
                WHERE id = ? AND strategy_id IN (SELECT id FROM strategies WHERE user_id = ?)""",
                outcome.status,
                outcome.detail,
                decimal_text(outcome.filled),
                decimal_text(outcome.filled_value),
                outcome.order_id,
                outcome.order_id,
                order_row_id,
                self._user_id,
            )

    def strategy_orders(
        self,
        strategy: Strategy | None = None,
        *,
        mode: Mode | None = None,
        statuses: Sequence[OrderStatus] = (),
        run_id: int | None = None,
        limit: int = 2**31,
    ) -> tuple[StrategyOrder, ...]:
        """The newest orders found, oldest first."""
        parts, values = ["strategies.user_id = ?"], [self._user_id]
        chosen: tuple[tuple[str, Any], ...] = (
            ("strategy_id = ?", None if strategy is None else strategy.id),
            ("mode = ?", mode),
            ("run_id = ?", run_id),
        )
        for condition, value in chosen:
            if value is not None:
                parts.append(condition)
                values.append(value)
        if statuses:
            parts.append(f"status IN {in_list(statuses)}")
            values += statuses  # type: ignore[arg-type]
        with self._database.read() as sql:
            rows = sql.rows(
                f"SELECT {_COLUMNS} {_FROM} WHERE {' AND '.join(parts)} ORDER BY strategy_orders.id DESC LIMIT ?",
                *values,
                limit,
            )
        return tuple(_order(row) for row in reversed(rows))

    def _standing(self, sql: Sql, strategy_id: int, day: datetime) -> Standing:
        own = (strategy_id, self._user_id)
        row = sql.one("SELECT enabled, armed FROM strategies WHERE id = ? AND user_id = ? AND removed_at IS NULL", *own)
        of_live = f"SELECT count(*) FROM strategy_orders WHERE {OWN_STRATEGY} AND mode = 'live' AND status IN"
        # At or after the day's beginning, so that a clock set back does not give the same day's orders twice.
        sent = sql.one(
            f"{of_live} {in_list(COUNTED)} AND side <> 'cancel' AND sent_at >= ?", *own, *COUNTED, to_us(day)
        )
        unsettled = sql.one(f"{of_live} {in_list(UNSETTLED)}", *own, *UNSETTLED)
        assert sent is not None
        assert unsettled is not None
        return Standing(
            row is not None and bool(row[0]),
            None if row is None else parse_arming(row[1]),
            int(sent[0]),
            int(unsettled[0]),
            read_halt(sql),
        )

    def _check_lease(self, sql: Sql, name: str) -> None:
        """On a server, refuse to go on under a lease that another run has taken over since; beside a file whoever
        holds the lock lives."""
        locks = self._database.locks
        if isinstance(locks, Path):
            return
        row = sql.one("SELECT token FROM leases WHERE name = ? FOR SHARE", name)
        if row is None or row[0] != locks.token(name):
            raise Busy("another run has taken over while this one did not answer")

    # --- paper ----------------------------------------------------------------------------------------------------

    @rerun
    def save_paper(
        self,
        strategy: Strategy,
        fills: Sequence[PaperFill],
        settled: Sequence[tuple[int, Outcome]],
        states: Mapping[str, str],
    ) -> None:
        """Keep paper fills, what they make of their orders, and what the run leaves, together or not at all."""
        with self._database.write() as sql:
            self._check_strategy(sql, strategy.id)
            for one in fills:
                self._check_broker_number(sql, one.broker_id)
                fill = one.fill
                sql.insert(
                    "paper_fills",
                    strategy_id=strategy.id,
                    order_row_id=one.order_row_id,
                    broker_id=one.broker_id,
                    symbol=fill.symbol,
                    base=fill.base,
                    quote=fill.quote,
                    side=fill.side,
                    quantity=decimal_text(fill.quantity),
                    price=decimal_text(fill.price),
                    fee=decimal_text(fill.fees[0].amount if fill.fees else Decimal(0)),
                    executed_at=to_us(fill.executed_at),
                    source="held" if one.held else "paper",
                )
            for number, outcome in settled:
                sql.run(
                    f"""UPDATE strategy_orders SET status = ?, detail = ?, filled = ?, filled_value = ?
                    WHERE id = ? AND mode = 'paper' AND {OWN_STRATEGY}""",
                    outcome.status,
                    outcome.detail,
                    decimal_text(outcome.filled),
                    decimal_text(outcome.filled_value),
                    number,
                    strategy.id,
                    self._user_id,
                )
            for kind, state in states.items():
                save_state(sql, strategy.id, kind, state, self._clock())

    def paper_fills(self, strategy: Strategy) -> tuple[tuple[int, bool, Fill], ...]:
        """Every paper fill with its broker's number and whether it was held before, in the order of the fold."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT id, broker_id, source, symbol, base, quote, side, quantity, price, fee, executed_at
                FROM paper_fills WHERE {OWN_STRATEGY} ORDER BY id""",
                strategy.id,
                self._user_id,
            )
        return tuple((row[1], row[2] == "held", _paper_fill(row)) for row in rows)


def _insert(
    sql: Sql, strategy_id: int, order: NewOrder, status: OrderStatus, detail: str, now: datetime, *, is_sent: bool
) -> int:
    return sql.insert(
        "strategy_orders",
        strategy_id=strategy_id,
        run_id=order.run_id,
        mode=order.mode,
        broker_id=order.broker_id,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=_stored(order.quantity),
        amount=_stored(order.amount),
        price=_stored(order.price),
        value=_stored(order.value),
        reason=order.reason,
        status=status,
        detail=detail,
        client_id=order.client_id,
        target=order.target,
        order_id="",
        filled="0",
        filled_value="0",
        created_at=to_us(now),
        sent_at=to_us(now) if is_sent else None,
    )


def _stored(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _order(row: Any) -> StrategyOrder:
    created, sent, order_id, filled, filled_value, target = row[18:]
    values = (
        *row[:10],
        *(None if amount is None else Decimal(amount) for amount in row[10:14]),
        *row[14:18],
        *(from_us(created), optional_time(sent), order_id, Decimal(filled), Decimal(filled_value), target),
    )
    return StrategyOrder(*values)


def _paper_fill(row: Any) -> Fill:
    number, _, _, symbol, base, quote, side, quantity, price, fee, at = row
    fees = (Fee(Decimal(fee), quote),) if Decimal(fee) else ()
    return Fill(str(number), symbol, base, quote, side, Decimal(quantity), Decimal(price), from_us(at), fees)
