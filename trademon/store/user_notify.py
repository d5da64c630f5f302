"""What a user wants of messages: events and channels, quiet hours, digest; and how others queue one or alert."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from trademon.core.model import Broker
from trademon.core.notices import Event, Mode, Modes, Notice, NotifyOptions, parse_quiet, utc_text
from trademon.core.times import to_us
from trademon.store.database import Sql, rerun
from trademon.store.exact import decimal_text
from trademon.store.outbox import clear_alert, gap, queue, raise_alert, read_modes
from trademon.store.scope import UserScope


class UserNotify(UserScope):
    """The part of a user's store that knows what they want to be told, and takes what is to be told."""

    def telegram_chat(self) -> str | None:
        with self._database.read() as sql:
            row = sql.one("SELECT telegram_chat FROM users WHERE id = ?", self._user_id)
        return row[0] or None if row else None

    def language(self) -> str:
        """The language that the user reads, by its two letters."""
        with self._database.read() as sql:
            row = sql.one("SELECT language FROM users WHERE id = ?", self._user_id)
        return row[0] or "en" if row else "en"

    # --- what the user wants -------------------------------------------------------------------------------------

    def notify_modes(self) -> Modes:
        with self._database.read() as sql:
            return read_modes(sql, self._user_id)

    @rerun
    def set_notify_mode(self, event: Event, mode: Mode, channel: str | None) -> None:
        """In one channel; without one in all, also in those that something else was said of."""
        with self._database.write() as sql:
            if channel is None:
                sql.run("DELETE FROM notify_modes WHERE user_id = ? AND event = ?", self._user_id, event)
            sql.run(
                """INSERT INTO notify_modes (user_id, event, channel, mode) VALUES (?, ?, ?, ?)
                ON CONFLICT (user_id, event, channel) DO UPDATE SET mode = excluded.mode""",
                self._user_id,
                event,
                channel or "",
                mode,
            )

    def notify_options(self) -> NotifyOptions:
        with self._database.read() as sql:
            return self._options(sql)

    def _options(self, sql: Sql) -> NotifyOptions:
        row = sql.one(
            """SELECT zone, quiet, digest_h, fallback, daily_loss, daily_loss_currency FROM notify_options
            WHERE user_id = ?""",
            self._user_id,
        )
        if row is None:
            return NotifyOptions()
        zone, quiet, digest_h, fallback, loss, currency = row
        hours = None if quiet is None else parse_quiet(quiet)
        return NotifyOptions(zone, hours, digest_h, fallback, None if loss is None else str(loss), currency)

    @rerun
    def set_notify_options(self, **changes: str | int | Decimal | None) -> None:
        """Columns of the user's options: None where nothing is wanted."""
        with self._database.write() as sql:
            self._ensure_options(sql)
            for column, value in changes.items():
                stored = decimal_text(value) if isinstance(value, Decimal) else value
                sql.run(f"UPDATE notify_options SET {column} = ? WHERE user_id = ?", stored, self._user_id)

    def _ensure_options(self, sql: Sql) -> None:
        sql.run("INSERT INTO notify_options (user_id) VALUES (?) ON CONFLICT (user_id) DO NOTHING", self._user_id)

    @rerun
    def take_turn_for_gaps(self, now: datetime, every: timedelta) -> bool:
        """Whether gaps are to be looked at now; who is told so does it, the others need not for so long."""
        with self._database.write() as sql:
            self._ensure_options(sql)
            return bool(
                sql.run(
                    """UPDATE notify_options SET gaps_seen_at = ?
                    WHERE user_id = ? AND (gaps_seen_at IS NULL OR gaps_seen_at <= ?)""",
                    to_us(now),
                    self._user_id,
                    to_us(now - every),
                )
            )

    # --- queueing from outside a transaction ---------------------------------------------------------------------

    @rerun
    def tell(self, *notices: Notice) -> int:
        """Queue messages together; how many were new."""
        with self._database.write() as sql:
            return sum(queue(sql, self._user_id, notice, self._clock()) for notice in notices)

    @rerun
    def raise_alert(self, name: str, notice: Notice) -> bool:
        """Alert once, until `clear_alert`; whether this was the first."""
        with self._database.write() as sql:
            return raise_alert(sql, self._user_id, name, notice, self._clock())

    @rerun
    def clear_alert(self, name: str, notice: Notice | None = None) -> bool:
        """The alert is over; `notice` tells of that where it was raised. Whether it was."""
        with self._database.read() as sql:  # most are not raised: no need to write
            if not sql.one("SELECT 1 FROM alerts WHERE user_id = ? AND name = ?", self._user_id, name):
                return False
        with self._database.write() as sql:
            was = clear_alert(sql, self._user_id, name) is not None
            if was and notice is not None:
                queue(sql, self._user_id, notice, self._clock())
            return was

    # --- what others find ----------------------------------------------------------------------------------------

    def _check_own(self, broker: Broker) -> None:
        with self._database.read() as sql:
            self._check_broker(sql, broker)

    def alert_gap(self, broker: Broker, lost_from: datetime | None, gaps: int) -> bool:
        """The exchange is about to forget what was not read, from `lost_from` on; None: nothing is about to be lost."""
        self._check_own(broker)
        if lost_from is None:
            self.clear_alert(gap(broker.id))
            return False
        facts = {"broker": broker.name, "lost_from": utc_text(lost_from), "gaps": gaps}
        return self.raise_alert(gap(broker.id), Notice("gap", facts))
