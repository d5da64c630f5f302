"""Messages queued in the transaction of what they tell of, and alerts that are told once.

Both are for code that is inside a transaction. Sending, and what a user wants of it, is in `user_outbox`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from trademon.core.money import EXACT, ZERO
from trademon.core.notices import MANY_ERRORS, Modes, Notice, utc_text
from trademon.core.times import DAY_US, from_us, to_us
from trademon.store.exact import decimal_text
from trademon.store.sql import Sql

KEPT: Final = timedelta(days=90)
UNSENT_FOR: Final = timedelta(days=3)
"""How long a message waits that no channel takes."""
LONGEST_UNSEEN: Final = timedelta(days=14)


def queue(sql: Sql, user_id: int, notice: Notice, at: datetime) -> bool:
    """Put a message into the user's outbox; False where one of its key is or was there."""
    return bool(
        sql.run(
            """INSERT INTO messages (user_id, kind, once_key, payload, created_at) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (user_id, once_key) DO NOTHING""",
            user_id,
            notice.kind,
            notice.key,
            dump(notice.payload),
            to_us(at),
        )
    )


def forget_old(sql: Sql, user_id: int, now: datetime) -> None:
    """Delete what was told or expired long ago, and let expire what nobody has looked at: also where nobody sends."""
    sql.run(
        """UPDATE messages SET planned_at = ?, fate = 'expired'
        WHERE user_id = ? AND planned_at IS NULL AND created_at <= ?""",
        to_us(now),
        user_id,
        to_us(now - LONGEST_UNSEEN),
    )
    sql.run(
        """DELETE FROM messages WHERE user_id = ? AND created_at <= ? AND planned_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message_id = messages.id AND ended_at IS NULL)""",
        user_id,
        to_us(now - KEPT),
    )


def dump(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, separators=(",", ":"), allow_nan=False)


def read_modes(sql: Sql, user_id: int) -> Modes:
    """What the user said of events and channels."""
    rows = sql.rows("SELECT event, channel, mode FROM notify_modes WHERE user_id = ?", user_id)
    return Modes({(event, channel): mode for event, channel, mode in rows})


# --- alerts -------------------------------------------------------------------------------------------------------


def raise_alert(sql: Sql, user_id: int, name: str, notice: Notice, at: datetime) -> bool:
    """Queue what tells of it, unless the alert `name` is raised already; whether it was not."""
    raised = sql.run(
        "INSERT INTO alerts (user_id, name, raised_at) VALUES (?, ?, ?) ON CONFLICT (user_id, name) DO NOTHING",
        user_id,
        name,
        to_us(at),
    )
    if raised:
        queue(sql, user_id, notice, at)
    return bool(raised)


def clear_alert(sql: Sql, user_id: int, name: str) -> datetime | None:
    """The alert is over: since when it was raised, None where it was not. Nothing is told of that here."""
    row = sql.one("SELECT raised_at FROM alerts WHERE user_id = ? AND name = ?", user_id, name)
    if row is None:
        return None
    sql.run("DELETE FROM alerts WHERE user_id = ? AND name = ?", user_id, name)
    return from_us(row[0])


def failing(broker_id: int) -> str:
    return f"failing:{broker_id}"


def must_act(broker_id: int) -> str:
    return f"act:{broker_id}"


def tell_session_lost(
    sql: Sql, user_id: int, broker_id: int, broker: str, at: datetime, *, error: str, remedy: str
) -> bool:
    """A broker's sign-in is lost: once until a look is good again, together with `must_act`."""
    notice = Notice("session_lost", {"broker": broker, "error": error, "remedy": remedy})
    return raise_alert(sql, user_id, must_act(broker_id), notice, at)


def gap(broker_id: int) -> str:
    return f"gap:{broker_id}"


def withdraw_right(broker_id: int) -> str:
    return f"withdraw:{broker_id}"


def _acted(broker_id: int) -> str:
    return f"acted:{broker_id}"


def judge_failure(
    sql: Sql, user_id: int, broker_id: int, broker: str, at: datetime, *, error: str, needs_person: bool
) -> None:
    """A look failed, and its row says how often in a row: alert once to a fault that stays, once where a person must
    act, until a look is good again."""
    if needs_person:
        notice = Notice("must_act", {"broker": broker, "error": error})
        raise_alert(sql, user_id, must_act(broker_id), notice, at)
        return
    row = sql.one("SELECT errors_in_row FROM broker_state WHERE broker_id = ?", broker_id)
    told = sql.one("SELECT 1 FROM alerts WHERE user_id = ? AND name = ?", user_id, must_act(broker_id))
    if row is not None and row[0] > MANY_ERRORS and told is None:
        notice = Notice("failing", {"broker": broker, "times": row[0], "error": error})
        raise_alert(sql, user_id, failing(broker_id), notice, at)


def judge_success(sql: Sql, user_id: int, broker_id: int, broker: str, at: datetime) -> None:
    """A look was good: what was alerted to is over, and that is told once."""
    since = [clear_alert(sql, user_id, name) for name in (failing(broker_id), must_act(broker_id), _acted(broker_id))]
    began = min((s for s in since if s is not None), default=None)
    if began is not None:
        queue(sql, user_id, Notice("works_again", {"broker": broker, "since": utc_text(began)}), at)


def note_acted(sql: Sql, user_id: int, broker_id: int, at: datetime) -> None:
    """Somebody did what the alert asked for: should that not have mended it, it is told again."""
    if clear_alert(sql, user_id, must_act(broker_id)) is not None:
        sql.run(
            "INSERT INTO alerts (user_id, name, raised_at) VALUES (?, ?, ?) ON CONFLICT (user_id, name) DO NOTHING",
            user_id,
            _acted(broker_id),
            to_us(at),
        )


def forget_alerts(sql: Sql, user_id: int, broker_id: int) -> None:
    """Take back all alerts to a broker without a word: it is no longer there."""
    for name in (failing(broker_id), must_act(broker_id), _acted(broker_id), gap(broker_id), withdraw_right(broker_id)):
        clear_alert(sql, user_id, name)


def judge_daily_loss(sql: Sql, user_id: int, at: datetime) -> None:
    """Alert once a UTC day when the user's accounts together have realised a loss of their limit or more.

    Only books in the currency of the limit count: amounts of different currencies are never added up.
    """
    row = sql.one("SELECT daily_loss, daily_loss_currency FROM notify_options WHERE user_id = ?", user_id)
    if row is None or row[0] is None:
        return
    limit, currency = Decimal(row[0]), row[1]
    day = to_us(at) // DAY_US
    rows = sql.rows(
        """SELECT days.gross, days.fees FROM days JOIN accounts ON accounts.id = days.account_id
        JOIN markets ON markets.id = days.market_id
        WHERE accounts.user_id = ? AND days.day = ? AND coalesce(markets.settle, markets.quote) = ?""",
        user_id,
        day,
        currency,
    )
    net = ZERO
    for gross, fees in rows:
        net = EXACT.add(net, EXACT.subtract(Decimal(gross), Decimal(fees)))
    if net > -limit:
        return
    facts = {"net": decimal_text(net), "limit": decimal_text(limit), "currency": currency, "day": f"{at:%Y-%m-%d}"}
    queue(sql, user_id, Notice("daily_loss", facts, f"daily_loss:{at:%Y-%m-%d}"), at)
