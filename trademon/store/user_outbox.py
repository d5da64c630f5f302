"""A user's outbox as the sender works through it.

A message is planned once: it gets a delivery for each channel that is to have it. A delivery is claimed just before its
request and ended just after, each in a transaction of its own; one that a killed run left claimed is sent once more,
and not a third time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from trademon.core.execution_notices import as_sum, join_sums
from trademon.core.notices import (
    ALERTS,
    EVENT_OF,
    MANY_EXECUTIONS,
    Delivery,
    ErrorKind,
    Event,
    Modes,
    Notice,
    NotifyOptions,
    State,
)
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql, in_list, rerun
from trademon.store.outbox import KEPT, UNSENT_FOR, dump, forget_old, read_modes
from trademon.store.user_notify import UserNotify

ACTION_FOR: Final = timedelta(days=1)
"""How long one waits that only a person could get through."""
FALLBACK_AFTER: Final = timedelta(hours=1)
ROUTINE_FOR: Final = timedelta(hours=3)
"""How old a routine message may be that nobody has looked at: who sets a channel up gets no history of rounds."""
_OPEN = "user_id = ? AND ended_at IS NULL"


class UserOutbox(UserNotify):
    """The part of a user's store that sends messages."""

    @property
    def outbox_lock(self) -> str:
        """The name of the lock that who sends this user's messages holds."""
        return f"outbox-{self._user_id}"

    # --- where messages go ---------------------------------------------------------------------------------------

    def has_open(self) -> bool:
        """Whether anything waits to be planned or sent. Cheap: it is asked every few seconds."""
        with self._database.read() as sql:
            query = f"""SELECT 1 FROM messages WHERE user_id = ? AND planned_at IS NULL
                UNION ALL SELECT 1 FROM deliveries WHERE {_OPEN} LIMIT 1"""
            return sql.one(query, self._user_id, self._user_id) is not None

    def has_cut_off(self) -> bool:
        """Whether a delivery is noted as being sent: by a run that is at it, or that was killed."""
        with self._database.read() as sql:
            query = f"SELECT 1 FROM deliveries WHERE {_OPEN} AND state = 'sending' LIMIT 1"
            return sql.one(query, self._user_id) is not None

    def accounts_telling(self) -> set[int]:
        """The accounts whose executions wait to be told."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT payload FROM messages WHERE user_id = ? AND planned_at IS NULL
                AND kind IN ('order', 'executions')""",
                self._user_id,
            )
        return {facts["account"] for (payload,) in rows if "account" in (facts := json.loads(payload))}

    @rerun
    def plan(self, channels: Sequence[str], now: datetime, *, busy: Iterable[int] = ()) -> None:
        """Decide where each new message goes. Executions of accounts that are being looked at (`busy`) wait for the end
        of the look, so that what is found at once is told at once."""
        with self._database.read() as sql:
            if not sql.one("SELECT 1 FROM messages WHERE user_id = ? AND planned_at IS NULL", self._user_id):
                return
        with self._database.write() as sql:
            rows = sql.rows(
                """SELECT id, kind, payload, created_at FROM messages WHERE user_id = ? AND planned_at IS NULL
                ORDER BY id""",
                self._user_id,
            )
            options, modes = self._options(sql), read_modes(sql, self._user_id)
            receivers = [c for c in channels if c != options.fallback]
            executions: dict[str, list[Any]] = {}
            for row in rows:
                message_id, kind, payload, created = row
                event = EVENT_OF[kind]
                if now - from_us(created) > _unseen_for(event, options):
                    self._end_message(sql, message_id, now, "expired")
                elif not channels or (event != "alerts" and options.is_quiet(now)):
                    continue
                elif event == "executions":
                    facts = json.loads(payload)
                    if facts.get("account") not in set(busy):
                        executions.setdefault(facts["broker"], []).append((message_id, kind, facts, from_us(created)))
                else:
                    self._deliver(sql, message_id, event, modes, receivers, now)
            for group in executions.values():
                self._plan_executions(sql, group, options, modes, receivers, now)

    def _plan_executions(
        self,
        sql: Sql,
        group: Sequence[Any],
        options: NotifyOptions,
        modes: Modes,
        receivers: Sequence[str],
        now: datetime,
    ) -> None:
        """Of one broker: each as it is, or all of them in one message."""
        if options.digest_h and min(created for *_, created in group) + timedelta(hours=options.digest_h) > now:
            return
        recent = [one for one in group if not one[2].get("earlier")]
        fills = sum(facts["fills"] for _, _, facts, _ in recent)
        rest = [one for one in group if one[2].get("earlier")]
        if len(recent) > 1 and (options.digest_h or fills > MANY_EXECUTIONS):
            kept, *merged = recent
            total = as_sum(kept[2])
            for _, _, facts, _ in merged:
                total = join_sums(total, as_sum(facts))
            sql.run("UPDATE messages SET kind = 'executions', payload = ? WHERE id = ?", dump(total), kept[0])
            for message_id, *_ in merged:
                self._end_message(sql, message_id, now, "merged")
            rest.append(kept)
        else:
            rest += recent
        for message_id, *_ in rest:
            self._deliver(sql, message_id, "executions", modes, receivers, now)

    def _deliver(
        self, sql: Sql, message_id: int, event: Event, modes: Modes, receivers: Sequence[str], now: datetime
    ) -> None:
        wanted = [(channel, mode) for channel in receivers if (mode := modes.of(event, channel)) != "off"]
        for channel, mode in wanted:
            self._add_delivery(sql, message_id, channel, now, silent=mode == "silent")
        self._end_message(sql, message_id, now, None if wanted else "off")

    def _add_delivery(self, sql: Sql, message_id: int, channel: str, now: datetime, *, silent: bool) -> None:
        sql.run(
            """INSERT INTO deliveries (user_id, message_id, channel, silent, state, tries, cut_off, next_at)
            VALUES (?, ?, ?, ?, 'pending', 0, 0, ?) ON CONFLICT (message_id, channel) DO NOTHING""",
            self._user_id,
            message_id,
            channel,
            silent,
            to_us(now),
        )

    def _end_message(self, sql: Sql, message_id: int, now: datetime, fate: str | None) -> None:
        sql.run("UPDATE messages SET planned_at = ?, fate = ? WHERE id = ?", to_us(now), fate, message_id)

    # --- one delivery after the other ----------------------------------------------------------------------------

    @rerun
    def take_over(self, claim: str, now: datetime) -> None:
        """What runs before this one were cut off in is sent once more; what was cut off twice is not sent again, since
        it may have arrived both times. For who holds the outbox's lock."""
        with self._database.read() as sql:
            if not sql.one(f"SELECT 1 FROM deliveries WHERE {_OPEN} AND state = 'sending'", self._user_id):
                return
        with self._database.write() as sql:
            cut_off = f"{_OPEN} AND state = 'sending' AND claim <> ?"
            sql.run(
                f"""UPDATE deliveries SET state = 'unclear', ended_at = ?, error = 'cut off twice while it was sent'
                WHERE {cut_off} AND cut_off > 0""",
                to_us(now),
                self._user_id,
                claim,
            )
            sql.run(
                f"UPDATE deliveries SET state = 'pending', cut_off = 1, next_at = ? WHERE {cut_off}",
                to_us(now),
                self._user_id,
                claim,
            )

    def due_at(self, channel: str, now: datetime, *, at_once: bool) -> datetime | None:
        """When the next delivery of the channel may be tried; None where nothing waits. `at_once` passes over waits of
        our own, not over those that the channel asked for."""
        with self._database.read() as sql:
            row = sql.one(
                f"""SELECT min(CASE WHEN coalesce(wait_until, 0) > {"0" if at_once else "next_at"}
                THEN coalesce(wait_until, 0) ELSE {"0" if at_once else "next_at"} END) FROM deliveries
                WHERE {_OPEN} AND channel = ? AND state = 'pending' AND {self._loud(sql, now)}""",
                self._user_id,
                channel,
            )
        return None if row is None or row[0] is None else from_us(row[0])

    def _loud(self, sql: Sql, now: datetime) -> str:
        """What may be sent now: in quiet hours alerts alone."""
        if not self._options(sql).is_quiet(now):
            return "1 = 1"
        kinds = ", ".join(f"'{kind}'" for kind in ALERTS)
        return f"message_id IN (SELECT id FROM messages WHERE kind IN ({kinds}))"

    @rerun
    def claim(self, claim: str, channel: str, now: datetime, *, at_once: bool) -> Delivery | None:
        """The next delivery of the channel, marked as being sent: alerts first, what was cut off before last."""
        alerts = ", ".join(f"'{kind}'" for kind in ALERTS)
        with self._database.write() as sql:
            due = "" if at_once else f" AND next_at <= {to_us(now)}"
            loud = self._loud(sql, now)
            row = sql.one(
                f"""SELECT deliveries.id, message_id, silent, tries, kind, payload, created_at
                FROM deliveries JOIN messages ON messages.id = message_id
                WHERE deliveries.user_id = ? AND ended_at IS NULL AND channel = ? AND state = 'pending'
                AND coalesce(wait_until, 0) <= ?{due} AND {loud}
                ORDER BY cut_off, CASE WHEN kind IN ({alerts}) THEN 0 ELSE 1 END, message_id LIMIT 1""",
                self._user_id,
                channel,
                to_us(now),
            )
            if row is None:
                return None
            delivery_id, message_id, silent, tries, kind, payload, created = row
            sql.run(
                "UPDATE deliveries SET state = 'sending', claim = ?, tries = tries + 1 WHERE id = ?", claim, delivery_id
            )
        notice = Notice(kind, json.loads(payload))
        return Delivery(delivery_id, message_id, channel, bool(silent), tries + 1, notice, from_us(created))

    @rerun
    def end_delivery(
        self,
        delivery: Delivery,
        claim: str,
        now: datetime,
        state: State,
        *,
        error: str | None = None,
        error_kind: ErrorKind | None = None,
        channels: Sequence[str] = (),
    ) -> None:
        """It was sent, or will never be: then the fallback channel gets it, where it is one of `channels`."""
        with self._database.write() as sql:
            self._end(sql, delivery.id, claim, now, state, error, error_kind)
            if state == "refused":
                self._fall_back(sql, now, channels, "deliveries.id = ?", delivery.id)

    def _end(
        self,
        sql: Sql,
        delivery_id: int,
        claim: str,
        now: datetime,
        state: State,
        error: str | None,
        error_kind: ErrorKind | None,
    ) -> None:
        sql.run(
            f"""UPDATE deliveries SET state = ?, ended_at = ?, error = ?, error_kind = ?
            WHERE id = ? AND claim = ? AND {_OPEN}""",
            state,
            to_us(now),
            error,
            error_kind,
            delivery_id,
            claim,
            self._user_id,
        )

    @rerun
    def put_back(
        self,
        delivery: Delivery,
        claim: str,
        now: datetime,
        *,
        until: datetime,
        error: str,
        error_kind: ErrorKind,
        whole_channel: bool,
    ) -> None:
        """It was not sent, and is tried again from `until` on; `whole_channel`: so is all that waits there."""
        asked = error_kind == "wait"
        wait = f"{'wait_until' if asked else 'next_at'} = ?"
        fault = "" if asked else f", failing_since = coalesce(failing_since, {to_us(now)})"
        with self._database.write() as sql:
            sql.run(
                f"""UPDATE deliveries SET state = 'pending', {wait}, error = ?, error_kind = ?{fault}
                WHERE id = ? AND claim = ? AND {_OPEN}""",
                to_us(until),
                error,
                error_kind,
                delivery.id,
                claim,
                self._user_id,
            )
            if whole_channel:
                sql.run(
                    f"UPDATE deliveries SET {wait}{fault} WHERE {_OPEN} AND channel = ? AND state = 'pending'",
                    to_us(until),
                    self._user_id,
                    delivery.channel,
                )

    @rerun
    def clear_out(self, channels: Sequence[str], now: datetime) -> None:
        """Give up what was tried for too long, hand over to the fallback what has failed for an hour, forget what is
        old."""
        with self._database.read() as sql:
            if not self._has_stale(sql, channels, now):
                return
        with self._database.write() as sql:
            failed = "state = 'pending' AND failing_since IS NOT NULL AND failing_since <= ?"
            self._fall_back(sql, now, channels, failed, to_us(now - FALLBACK_AFTER))
            for patience, condition in ((UNSENT_FOR, ""), (ACTION_FOR, " AND error_kind = 'action'")):
                sql.run(
                    f"UPDATE deliveries SET state = 'refused', ended_at = ? WHERE {_OPEN} AND {failed}{condition}",
                    to_us(now),
                    self._user_id,
                    to_us(now - patience),
                )
            gone = f"AND channel NOT IN {in_list(channels)}" if channels else ""
            sql.run(
                f"""UPDATE deliveries SET state = 'expired', ended_at = ? WHERE {_OPEN} AND state = 'pending' {gone}
                AND message_id IN (SELECT id FROM messages WHERE created_at <= ?)""",
                to_us(now),
                self._user_id,
                *channels,
                to_us(now - UNSENT_FOR),
            )
            forget_old(sql, self._user_id, now)

    def _has_stale(self, sql: Sql, channels: Sequence[str], now: datetime) -> bool:
        """Whether there is anything to clear out: mostly there is not, and nothing is written."""
        failing = f"SELECT 1 FROM deliveries WHERE {_OPEN} AND failing_since <= ?"
        if sql.one(failing, self._user_id, to_us(now - FALLBACK_AFTER)):
            return True
        lost = """SELECT 1 FROM deliveries JOIN messages ON messages.id = message_id
            WHERE deliveries.user_id = ? AND ended_at IS NULL AND created_at <= ?"""
        if channels:
            lost += f" AND channel NOT IN {in_list(channels)}"
        if sql.one(f"{lost} LIMIT 1", self._user_id, to_us(now - UNSENT_FOR), *channels):
            return True
        oldest = sql.one("SELECT min(created_at) FROM messages WHERE user_id = ?", self._user_id)
        return bool(oldest and oldest[0] is not None and oldest[0] <= to_us(now - KEPT))

    def _fall_back(self, sql: Sql, now: datetime, channels: Sequence[str], condition: str, *values: Any) -> None:
        fallback = self._options(sql).fallback
        if fallback is None or fallback not in channels:
            return
        rows = sql.rows(
            f"""SELECT id, message_id, silent FROM deliveries WHERE user_id = ? AND channel <> ? AND {condition}
            ORDER BY id""",
            self._user_id,
            fallback,
            *values,
        )
        for delivery_id, message_id, silent in rows:
            self._add_delivery(sql, message_id, fallback, now, silent=bool(silent))
            sql.run("UPDATE deliveries SET state = 'moved', ended_at = ? WHERE id = ?", to_us(now), delivery_id)


def _unseen_for(event: Event, options: NotifyOptions) -> timedelta:
    """How long a message may wait to be planned. Quiet hours and digests keep some unplanned for a while."""
    if event in ("summary", "answers"):
        return ROUTINE_FOR if options.quiet is None else timedelta(days=1)
    return UNSENT_FOR if event != "executions" or options.digest_h is None else timedelta(days=14)
