"""Messages and channels as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trademon.core.notice_reports import (
    ChannelInfo,
    ChannelSends,
    DeliveryInfo,
    MessageInfo,
    NotifyReport,
    OutboxReport,
    SendReport,
)
from trademon.core.notices import NotifyOptions
from trademon.core.times import format_time

Json = dict[str, Any]


def outbox_to_json(report: OutboxReport) -> Json:
    """`{"messages": [{"id", "user", "event", "kind", "state", "text", "created_at", "deliveries": [...]}], "waiting"}`;
    the state is waiting, sent, or why it is neither."""
    return {"messages": [_message(one) for one in report.messages], "waiting": report.waiting}


def _message(one: MessageInfo) -> Json:
    return {
        "id": str(one.id),
        "user": one.user,
        "event": one.notice.event,
        "kind": one.notice.kind,
        "state": one.state,
        "text": one.text,
        "created_at": format_time(one.created_at),
        "deliveries": [_delivery(delivery) for delivery in one.deliveries],
    }


def _delivery(one: DeliveryInfo) -> Json:
    return {
        "channel": one.channel,
        "state": one.state,
        "tries": one.tries,
        "next_at": _time(one.next_at),
        "error": one.error,
        "ended_at": _time(one.ended_at),
    }


def send_to_json(report: SendReport) -> Json:
    """`{"channels": [{"channel", "user", "sent", "refused", "error"}], "sent", "refused", "waiting"}`."""
    return {
        "channels": [_sends(one) for one in report.channels],
        "sent": report.sent,
        "refused": report.refused,
        "waiting": report.waiting,
    }


def _sends(one: ChannelSends) -> Json:
    return {
        "channel": one.channel,
        "user": one.user,
        "sent": one.sent,
        "refused": one.refused,
        "error": one.error,
    }


def notify_to_json(report: NotifyReport) -> Json:
    """`{"channels": [{"channel", "user", "goes_to", "fallback", "events"}], "users": [{"user", "zone", ...}]}`."""
    return {
        "channels": [_channel(one) for one in report.channels],
        "users": [_options(user, options) for user, options in report.users],
    }


def _channel(one: ChannelInfo) -> Json:
    return {
        "channel": one.channel,
        "user": one.user,
        "goes_to": one.goes_to,
        "fallback": one.is_fallback,
        "events": dict(one.modes),
    }


def _options(user: str, options: NotifyOptions) -> Json:
    return {
        "user": user,
        "zone": options.zone or "UTC",
        "quiet": None if options.quiet is None else str(options.quiet),
        "digest_hours": options.digest_h,
        "fallback": options.fallback,
        "daily_loss": options.daily_loss,
        "daily_loss_currency": options.daily_loss_currency,
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
