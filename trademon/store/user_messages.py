"""A user's messages as they are listed, and how the outbox is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from trademon.core.notice_reports import DeliveryInfo, MessageInfo, OutboxHealth, OutboxReport
from trademon.core.notices import Notice
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql, in_list
from trademon.store.scope import optional_time
from trademon.store.user_outbox import UserOutbox

_WAITS = """(planned_at IS NULL OR EXISTS
    (SELECT 1 FROM deliveries WHERE message_id = messages.id AND ended_at IS NULL))"""
_RECENT = timedelta(days=1)


class UserMessages(UserOutbox):
    """The part of a user's store that lists messages."""

    def outbox(self, *, limit: int | None = None, all_kept: bool = False) -> OutboxReport:
        """The messages that wait, or all that are kept; the newest `limit` of them, oldest first."""
        which = "" if all_kept else f" AND {_WAITS}"
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT id, kind, payload, created_at, fate FROM messages WHERE user_id = ?{which}
                ORDER BY id DESC LIMIT ?""",
                self._user_id,
                2**31 if limit is None else limit,
            )
            waiting = sql.rows(f"SELECT count(*) FROM messages WHERE user_id = ? AND {_WAITS}", self._user_id)
            deliveries = _deliveries(sql, [row[0] for row in rows])
        messages = (
            MessageInfo(
                message_id,
                self.user,
                Notice(kind, json.loads(payload)),
                from_us(created),
                fate,
                tuple(deliveries.get(message_id, ())),
            )
            for message_id, kind, payload, created, fate in reversed(rows)
        )
        return OutboxReport(tuple(messages), waiting[0][0])

    def outbox_health(self, now: datetime) -> OutboxHealth:
        """What waits, since when, and why."""
        recent = to_us(now - _RECENT)
        with self._database.read() as sql:
            count, oldest = sql.rows(
                f"SELECT count(*), min(created_at) FROM messages WHERE user_id = ? AND {_WAITS}", self._user_id
            )[0]
            failed = sql.one(
                """SELECT channel, error, error_kind FROM deliveries WHERE user_id = ? AND error IS NOT NULL
                AND (state = 'pending' OR (state IN ('refused', 'moved') AND ended_at > ?))
                ORDER BY CASE WHEN error_kind = 'action' THEN 0 ELSE 1 END, id DESC LIMIT 1""",
                self._user_id,
                recent,
            )
            unclear = sql.rows(
                "SELECT count(*) FROM deliveries WHERE user_id = ? AND state = 'unclear' AND ended_at > ?",
                self._user_id,
                recent,
            )[0][0]
        error = None if failed is None else f"{failed[0]}: {failed[1]}"
        must_act = failed is not None and failed[2] == "action"
        return OutboxHealth(count, optional_time(oldest), error, must_act, unclear)


def _deliveries(sql: Sql, message_ids: list[int]) -> dict[int, list[DeliveryInfo]]:
    found: dict[int, list[DeliveryInfo]] = {}
    for start in range(0, len(message_ids), 500):
        some = message_ids[start : start + 500]
        rows: list[Any] = sql.rows(
            f"""SELECT message_id, channel, state, tries, next_at, wait_until, error, ended_at FROM deliveries
            WHERE message_id IN {in_list(some)} ORDER BY id""",
            *some,
        )
        for message_id, channel, state, tries, next_at, wait_until, error, ended_at in rows:
            next_try = None if ended_at is not None else from_us(max(next_at, wait_until or 0))
            found.setdefault(message_id, []).append(
                DeliveryInfo(channel, state, tries, next_try, error, optional_time(ended_at))
            )
    return found
