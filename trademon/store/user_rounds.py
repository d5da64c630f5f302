"""A user's schedule and what their rounds did. Which round is done by whom is decided here, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trademon.core.reports import Problem, Status
from trademon.core.round_notices import round_notices
from trademon.core.rounds import Round, Task, Trigger, round_outcome
from trademon.core.schedule import Schedule, State, is_due, round_after
from trademon.core.times import from_us, to_us
from trademon.errors import UnknownName
from trademon.store import outbox
from trademon.store.database import Sql, rerun
from trademon.store.scope import UserScope, optional_time

KEPT = timedelta(days=90)
ENDED_FROM_OUTSIDE = "it was ended from outside before it was done"
_COLUMNS = "id, trigger_kind, started_at, finished_at, outcome, tasks"


class UserRounds(UserScope):
    """The part of a user's store that knows when their rounds are due and what became of them."""

    @property
    def round_lock(self) -> str:
        """What whoever does one of the user's rounds holds (`lease.hold`)."""
        return f"round-{self._user_id}"

    # --- the schedule --------------------------------------------------------------------------------------------

    def schedule(self, default_minutes: int) -> Schedule:
        """The user's schedule; `default_minutes` is the interval of one that was never started."""
        with self._database.read() as sql:
            return self._schedule(sql, default_minutes)

    def _schedule(self, sql: Sql, default_minutes: int) -> Schedule:
        row = sql.one("SELECT state, every_minutes, next_at FROM schedules WHERE user_id = ?", self._user_id)
        if row is None:
            return Schedule(self.user, "stopped", default_minutes)
        return Schedule(self.user, row[0], row[1], optional_time(row[2]) if row[0] == "active" else None)

    @rerun
    def set_schedule(self, *, state: State | None = None, every_minutes: int | None = None, default: int) -> Schedule:
        """Change the state, the interval, or both.

        One that becomes active begins with a round at once, unless its old next one is still to come; a shorter
        interval brings the next round nearer, a longer one leaves it where it is.
        """
        now = self._clock()
        with self._database.write() as sql:
            old = self._schedule(sql, default)
            new = replace(old, state=state or old.state, every_minutes=every_minutes or old.every_minutes)
            next_at = self._remembered(sql)
            if new.state == "stopped":
                next_at = None
            elif new.state == "active":
                begins = now if next_at is None or next_at < now else next_at
                next_at = min(begins, now + new.every)
            sql.run(
                """INSERT INTO schedules (user_id, state, every_minutes, next_at) VALUES (?, ?, ?, ?)
                ON CONFLICT (user_id) DO UPDATE SET state = excluded.state,
                every_minutes = excluded.every_minutes, next_at = excluded.next_at""",
                self._user_id,
                new.state,
                new.every_minutes,
                None if next_at is None else to_us(next_at),
            )
        return replace(new, next_at=next_at if new.state == "active" else None)

    def _remembered(self, sql: Sql) -> datetime | None:
        """The next round's time, which a pause keeps."""
        row = sql.one("SELECT next_at FROM schedules WHERE user_id = ?", self._user_id)
        return None if row is None else optional_time(row[0])

    # --- rounds --------------------------------------------------------------------------------------------------

    @rerun
    def begin_round(self, trigger: Trigger, *, only_due: bool, default_minutes: int) -> Round | None:
        """Note that a round begins, and when the next one is due; None where none is due any more.

        For whoever holds `round_lock`: a round that is still noted as running was ended from outside, and is closed.
        """
        now = self._clock()
        with self._database.write() as sql:
            self._close_dead(sql, now)
            schedule = self._schedule(sql, default_minutes)
            if only_due and not is_due(schedule, now):
                return None
            if schedule.state == "active":
                next_at = to_us(round_after(schedule, now))
                sql.run("UPDATE schedules SET next_at = ? WHERE user_id = ?", next_at, self._user_id)
            number = sql.insert(
                "rounds", user_id=self._user_id, trigger_kind=trigger, started_at=to_us(now), tasks="[]"
            )
        return Round(number, self.user, trigger, now)

    @rerun
    def note_tasks(self, round_: Round) -> None:
        """Keep what a round did so far, for the case that it does not come to its end."""
        with self._database.write() as sql:
            self._update(sql, round_)

    @rerun
    def finish_round(self, round_: Round, *, kept: timedelta = KEPT) -> Round:
        """Note how a round ended, and forget those that began longer than `kept` ago."""
        done = replace(round_, finished_at=self._clock(), outcome=round_outcome(round_.tasks))
        with self._database.write() as sql:
            if not self._update(sql, done):
                raise UnknownName(f"{self.user} has no round {done.id}", hint="report it: a fault of ours")
            self._tell(sql, done)
            oldest = to_us(self._clock() - kept)
            sql.run("DELETE FROM rounds WHERE user_id = ? AND started_at < ?", self._user_id, oldest)
            outbox.forget_old(sql, self._user_id, self._clock())
        return done

    def _update(self, sql: Sql, round_: Round) -> int:
        """How many there were of it: none where it is another's."""
        return sql.run(
            "UPDATE rounds SET finished_at = ?, outcome = ?, tasks = ? WHERE id = ? AND user_id = ?",
            None if round_.finished_at is None else to_us(round_.finished_at),
            round_.outcome,
            _tasks_text(round_.tasks),
            round_.id,
            self._user_id,
        )

    def _close_dead(self, sql: Sql, now: datetime) -> None:
        rows = sql.rows(f"SELECT {_COLUMNS} FROM rounds WHERE user_id = ? AND finished_at IS NULL", self._user_id)
        for row in rows:
            dead = ended_from_outside(self._round(row), now)
            self._update(sql, dead)
            self._tell(sql, dead)

    def _tell(self, sql: Sql, done: Round) -> None:
        """Queue what the user is told of a round, in the transaction that ends it."""
        for notice in round_notices(done):
            outbox.queue(sql, self._user_id, notice, self._clock())

    def rounds(
        self, *, since: datetime | None = None, limit: int | None = None, outcome: Status | None = None
    ) -> tuple[Round, ...]:
        """The user's rounds, newest first."""
        where = "user_id = ?"
        values: list[Any] = [self._user_id]
        if since is not None:
            where, values = f"{where} AND started_at >= ?", [*values, to_us(since)]
        if outcome is not None:
            where, values = f"{where} AND outcome = ?", [*values, outcome]
        query = f"SELECT {_COLUMNS} FROM rounds WHERE {where} ORDER BY started_at DESC, id DESC"
        if limit is not None:
            query, values = f"{query} LIMIT ?", [*values, limit]
        with self._database.read() as sql:
            return tuple(self._round(row) for row in sql.rows(query, *values))

    def success_rate(self, since: datetime) -> Decimal | None:
        """The share of the rounds begun since then that were a success; None where none has ended."""
        with self._database.read() as sql:
            row = sql.rows(
                """SELECT count(*), sum(CASE WHEN outcome = 'success' THEN 1 ELSE 0 END) FROM rounds
                WHERE user_id = ? AND started_at >= ? AND outcome IS NOT NULL""",
                self._user_id,
                to_us(since),
            )[0]
        return None if not row[0] else Decimal(int(row[1])) / Decimal(int(row[0]))

    def _round(self, row: Any) -> Round:
        number, trigger, started, finished, outcome, tasks = row
        done = tuple(_task(values) for values in json.loads(tasks))
        return Round(number, self.user, trigger, from_us(started), optional_time(finished), outcome, done)


def ended_from_outside(round_: Round, at: datetime) -> Round:
    """A round that nobody is doing any more, as it is told: what it did stands, and that it did not come to its end."""
    problem = Problem("stopped", f"the round {ENDED_FROM_OUTSIDE}", user=round_.user, at=at)
    tasks = (*round_.tasks, Task("round", "round", "failed", None, ENDED_FROM_OUTSIDE, problem=problem))
    return replace(round_, finished_at=at, outcome=round_outcome(tasks), tasks=tasks)


def _tasks_text(tasks: Iterable[Task]) -> str:
    return json.dumps([_task_values(task) for task in tasks], separators=(",", ":"))


def _task_values(task: Task) -> dict[str, Any]:
    problem = task.problem
    return {
        "name": task.name,
        "kind": task.kind,
        "outcome": task.outcome,
        "seconds": None if task.seconds is None else str(task.seconds),
        "detail": task.detail,
        "broker": task.broker,
        "new_fills": task.new_fills,
        "positions": task.positions,
        "requests": task.requests,
        "problem": None
        if problem is None
        else [problem.kind, problem.message, problem.hint, problem.broker, problem.user, problem.exit_code],
    }


def _task(values: dict[str, Any]) -> Task:
    problem, seconds = values.pop("problem"), values.pop("seconds")
    return Task(
        **values,
        seconds=None if seconds is None else Decimal(seconds),
        problem=None if problem is None else Problem(*problem),
    )
