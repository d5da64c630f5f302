"""A user's strategies: their settings, what they are armed with, what they remember, how their runs went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.money import format_decimal
from trademon.core.strategy_model import Arming, Limits, Mode, RunOutcome, Strategy, StrategyRun
from trademon.core.symbols import nearest
from trademon.core.times import format_time, from_us, parse_time, to_us
from trademon.errors import DataError, UnknownName, UsageError
from trademon.store.database import Sql, rerun
from trademon.store.exact import decimal_text
from trademon.store.scope import UserScope

_COLUMNS = """strategies.id, strategies.name, users.name, source, file, parameters, brokers, enabled, fee_rate, armed,
    strategies.created_at"""
OWN_STRATEGY = "strategy_id = ? AND strategy_id IN (SELECT id FROM strategies WHERE user_id = ?)"
KEPT_RUNS = 5000


@dataclass(frozen=True, slots=True)
class NewStrategy:
    """What a strategy is added with; see `core.strategy_model.Strategy`."""

    name: str
    source: str
    file: str
    parameters: Mapping[str, str]
    brokers: tuple[str, ...]
    fee_rate: Decimal


class UserStrategies(UserScope):
    """The part of a user's store that knows their strategies."""

    def strategies(self) -> tuple[Strategy, ...]:
        """The user's strategies, by name."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT {_COLUMNS} FROM strategies JOIN users ON users.id = user_id
                WHERE user_id = ? AND removed_at IS NULL ORDER BY strategies.name""",
                self._user_id,
            )
        return tuple(_strategy(row) for row in rows)

    def strategy(self, name: str) -> Strategy:
        """Raises UnknownName where the user has no such strategy."""
        found = self.strategies()
        for strategy in found:
            if strategy.name == name:
                return strategy
        near = nearest(name, [s.name for s in found])
        hint = f"did you mean {near!r}?" if near else "trademon strategy list shows them"
        raise UnknownName(f"{self.user} has no strategy {name!r}", hint=hint)

    @rerun
    def add_strategy(self, new: NewStrategy) -> None:
        """Raises UsageError where the name is taken."""
        with self._database.write() as sql:
            taken = "SELECT 1 FROM strategies WHERE user_id = ? AND name = ? AND removed_at IS NULL"
            if sql.one(taken, self._user_id, new.name):
                raise UsageError(
                    f"{self.user} already has a strategy {new.name!r}", hint=f"trademon strategy remove {new.name}"
                )
            sql.insert(
                "strategies",
                user_id=self._user_id,
                name=new.name,
                source=new.source,
                file=new.file,
                parameters=json.dumps(dict(new.parameters)),
                brokers=json.dumps(list(new.brokers)),
                enabled=True,
                fee_rate=decimal_text(new.fee_rate),
                created_at=to_us(self._clock()),
            )

    def enable_strategy(self, strategy: Strategy, *, on: bool) -> None:
        self._set(strategy, "enabled", on)

    def arm_strategy(self, strategy: Strategy, arming: Arming | None) -> None:
        """None takes the right to send orders away again."""
        self._set(strategy, "armed", None if arming is None else _arming_text(arming))

    @rerun
    def remove_strategy(self, strategy: Strategy) -> None:
        """It is disarmed and forgotten by name; its orders stay."""
        with self._database.write() as sql:
            sql.run(
                "UPDATE strategies SET removed_at = ?, armed = NULL, enabled = ? WHERE id = ? AND user_id = ?",
                to_us(self._clock()),
                False,
                strategy.id,
                self._user_id,
            )

    @rerun
    def _set(self, strategy: Strategy, column: str, value: Any) -> None:
        with self._database.write() as sql:
            sql.run(
                f"UPDATE strategies SET {column} = ? WHERE id = ? AND user_id = ?", value, strategy.id, self._user_id
            )

    # --- what it remembers, how its runs went ---------------------------------------------------------------------

    def strategy_state(self, strategy: Strategy, kind: str) -> dict[str, Any]:
        """What its last good run of a mode left, or its `marks`: the prices that a paper run was reckoned at. Empty
        before the first."""
        with self._database.read() as sql:
            row = sql.one(
                f"SELECT state FROM strategy_states WHERE {OWN_STRATEGY} AND mode = ?",
                strategy.id,
                self._user_id,
                kind,
            )
        found: dict[str, Any] = json.loads(row[0]) if row else {}
        return found

    @rerun
    def save_strategy_state(self, strategy: Strategy, kind: str, state: str) -> None:
        with self._database.write() as sql:
            self._check_strategy(sql, strategy.id)
            save_state(sql, strategy.id, kind, state, self._clock())

    @rerun
    def begin_strategy_run(self, strategy: Strategy, mode: Mode, at: datetime) -> int:
        """The run's number."""
        with self._database.write() as sql:
            self._check_strategy(sql, strategy.id)
            sql.run(
                """DELETE FROM strategy_runs WHERE strategy_id = ? AND id NOT IN
                (SELECT run_id FROM strategy_orders WHERE strategy_id = ?) AND id <= (SELECT max(id) - ?
                FROM strategy_runs)""",
                strategy.id,
                strategy.id,
                KEPT_RUNS,
            )
            return sql.insert(
                "strategy_runs", strategy_id=strategy.id, mode=mode, started_at=to_us(at), detail="", said=""
            )

    @rerun
    def end_strategy_run(self, run_id: int, outcome: RunOutcome, seconds: Decimal, detail: str, said: str = "") -> None:
        with self._database.write() as sql:
            sql.run(
                """UPDATE strategy_runs SET outcome = ?, seconds = ?, detail = ?, said = ? WHERE id = ?
                AND strategy_id IN (SELECT id FROM strategies WHERE user_id = ?)""",
                outcome,
                decimal_text(seconds),
                detail,
                said,
                run_id,
                self._user_id,
            )

    def strategy_runs(self, name: str | None = None, *, limit: int) -> tuple[StrategyRun, ...]:
        """The newest runs, oldest first, of removed strategies too; of one name where one is given."""
        where, values = ("", ()) if name is None else (" AND strategies.name = ?", (name,))
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT strategies.name, mode, outcome, seconds, detail, started_at, said,
                (SELECT count(*) FROM strategy_orders WHERE run_id = strategy_runs.id),
                (SELECT count(*) FROM strategy_orders WHERE run_id = strategy_runs.id AND side <> 'cancel'
                    AND status <> 'refused')
                FROM strategy_runs JOIN strategies ON strategies.id = strategy_id
                WHERE user_id = ?{where} ORDER BY started_at DESC, strategy_runs.id DESC LIMIT ?""",
                self._user_id,
                *values,
                limit,
            )
        return tuple(
            StrategyRun(
                row[0],
                self.user,
                row[1],
                row[2] or "failed",
                Decimal(row[3] or 0),
                row[4] if row[2] else "it did not come to its end",
                row[7],
                row[8],
                from_us(row[5]),
                said=row[6],
            )
            for row in reversed(rows)
        )

    def _check_strategy(self, sql: Sql, strategy_id: int) -> None:
        if not sql.one("SELECT 1 FROM strategies WHERE id = ? AND user_id = ?", strategy_id, self._user_id):
            raise UnknownName(f"{self.user} has no strategy number {strategy_id}", hint="report it: a fault of ours")


def save_state(sql: Sql, strategy_id: int, kind: str, state: str, at: datetime) -> None:
    """Within a transaction that has seen whose strategy it is."""
    sql.run(
        """INSERT INTO strategy_states (strategy_id, mode, state, saved_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (strategy_id, mode) DO UPDATE SET state = excluded.state, saved_at = excluded.saved_at""",
        strategy_id,
        kind,
        state,
        to_us(at),
    )


def _strategy(row: Any) -> Strategy:
    number, name, user, source, file, parameters, brokers, enabled, fee_rate, armed, created = row
    return Strategy(
        number,
        name,
        user,
        source,
        file,
        json.loads(parameters),
        tuple(json.loads(brokers)),
        bool(enabled),
        Decimal(fee_rate),
        from_us(created),
        parse_arming(armed),
    )


def _arming_text(arming: Arming) -> str:
    limits = arming.limits
    return json.dumps(
        {
            "max_order": format_decimal(limits.max_order),
            "order_currency": limits.order_currency,
            "orders_a_day": limits.orders_a_day,
            "max_daily_loss": format_decimal(limits.max_daily_loss),
            "loss_currency": limits.loss_currency,
            "symbols": list(limits.symbols),
            "brokers": list(limits.brokers),
            "until": None if limits.until is None else format_time(limits.until),
            "code_hash": arming.code_hash,
            "at": format_time(arming.at),
            "accounts": {name: list(pair) for name, pair in arming.accounts.items()},
            "rights_unknown_ok": arming.rights_unknown_ok,
        }
    )


def parse_arming(text: str | None) -> Arming | None:
    """What is stored of an arming. What cannot be read arms nothing."""
    if text is None:
        return None
    try:
        data = json.loads(text)
        limits = Limits(
            Decimal(data["max_order"]),
            data["order_currency"],
            int(data["orders_a_day"]),
            Decimal(data["max_daily_loss"]),
            data["loss_currency"],
            tuple(data["symbols"]),
            tuple(data["brokers"]),
            None if data["until"] is None else parse_time(data["until"]),
        )
        accounts = {name: (int(pair[0]), int(pair[1])) for name, pair in data["accounts"].items()}
        return Arming(limits, data["code_hash"], parse_time(data["at"]), accounts, data["rights_unknown_ok"] is True)
    except (ArithmeticError, DataError, KeyError, TypeError, ValueError):
        return None
