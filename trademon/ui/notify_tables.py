"""Messages and channels as a person reads them."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.notice_reports import (
    ChannelInfo,
    ChannelSends,
    DeliveryInfo,
    MessageInfo,
    NotifyReport,
    OutboxReport,
    SendReport,
)
from trademon.core.notices import EVENTS, Mode, NotifyOptions
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import UNICODE, Glyphs, count, format_stamp, plain, sentence, several

NO_CHANNELS: Final = (
    "no channels yet: set TRADEMON_TELEGRAM_TOKEN, then trademon user set NAME --telegram-chat ID; "
    "or set TRADEMON_NOTIFY_URLS"
)
_EMPTY: Final = "nothing waits: trademon notify outbox --all shows what was sent, trademon notify test sends a message"
_STYLES: Final[dict[str, str]] = {"sent": "green", "waiting": "cyan", "refused": "red", "unclear": "yellow"}


# --- the outbox ---------------------------------------------------------------------------------------------------

_OUTBOX_COLUMNS: Final = (Column("user"), Column("since"), Column("event"), Column("state"), Column("says"))


def render_outbox(report: OutboxReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a message, oldest first; below it how it stands with each channel."""
    if not report.messages:
        return sentence(_EMPTY)
    named = several(one.user for one in report.messages)
    rows = tuple(_message_row(one, glyphs, named=named) for one in report.messages)
    waiting = "nothing waits" if not report.waiting else f"{count(report.waiting, 'message')} waiting"
    return Group(Grid(_columns(_OUTBOX_COLUMNS, named=named), rows, glyphs.rule), sentence(waiting, "dim"))


def _columns(columns: tuple[Column, ...], *, named: bool) -> tuple[Column, ...]:
    return columns if named else columns[1:]


def _message_row(one: MessageInfo, glyphs: Glyphs, *, named: bool) -> Row:
    cells = (
        plain(format_stamp(one.created_at)),
        plain(one.notice.event),
        plain(one.state, _STYLES.get(one.state, "dim")),
        plain(one.text.partition("\n")[0] or one.notice.kind),
    )
    said = f" {glyphs.then} ".join(_delivery(delivery) for delivery in one.deliveries)
    return Row((plain(one.user), *cells) if named else cells, plain(said, "dim") if said else None)


def _delivery(one: DeliveryInfo) -> str:
    said = f"{one.channel}: {one.state}"
    if one.ended_at is not None:
        said += f" {format_stamp(one.ended_at)}"
    elif one.tries and one.next_at is not None:
        said += f", {count(one.tries, 'try', 'tries')}, again {format_stamp(one.next_at)}"
    return f"{said} ({one.error})" if one.error and one.state != "sent" else said


# --- what was sent ------------------------------------------------------------------------------------------------

_SEND_COLUMNS: Final = (Column("user"), Column("channel"), Column("sent", "right"), Column("refused", "right"))


def render_send(report: SendReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a channel that something was sent through, or failed."""
    left = f"{count(report.waiting, 'message')} waiting" if report.waiting else "nothing waits"
    if not report.channels:
        return sentence(f"nothing was sent, {left}")
    named = several(one.user for one in report.channels)
    rows = tuple(_send_row(one, glyphs, named=named) for one in report.channels)
    return Group(
        Grid(_columns(_SEND_COLUMNS, named=named), rows, glyphs.rule),
        sentence(f"{count(report.sent, 'message')} sent, {left}"),
    )


def _send_row(one: ChannelSends, glyphs: Glyphs, *, named: bool) -> Row:
    cells = (plain(one.channel), plain(f"{one.sent:,}"), plain(f"{one.refused:,}"))
    said = None
    if one.error:
        hint = f" {glyphs.then} {one.hint}" if one.hint else ""
        said = plain(f"{one.error}{hint}", "cyan" if one.error_kind == "wait" else "red")
    return Row((plain(one.user), *cells) if named else cells, said)


# --- who is told what ---------------------------------------------------------------------------------------------


def render_notify(report: NotifyReport, glyphs: Glyphs = UNICODE) -> RenderableType:
    """A row a channel, a column an event; below it what holds for all of a user's messages."""
    options = [_options(user, of, named=len(report.users) > 1) for user, of in report.users]
    if not report.channels:
        return Group(sentence(NO_CHANNELS), *options)
    named = several(one.user for one in report.channels)
    head = (Column("user"), Column("channel"), Column("goes to", leaves=1), *(Column(event) for event in EVENTS))
    rows = tuple(_channel_row(one, named=named) for one in report.channels)
    return Group(Grid(_columns(head, named=named), rows, glyphs.rule), *options)


def _channel_row(one: ChannelInfo, *, named: bool) -> Row:
    cells = (plain(one.channel), plain(one.goes_to), *(_mode(mode) for _event, mode in one.modes))
    said = plain("the fallback: it gets only what others do not take", "dim") if one.is_fallback else None
    return Row((plain(one.user), *cells) if named else cells, said)


def _mode(mode: Mode) -> Text:
    return plain(mode, {"on": "green", "silent": "cyan", "off": "dim"}[mode])


def _options(user: str, options: NotifyOptions, *, named: bool) -> Text:
    zone = options.zone or "UTC"
    parts = [f"times in {zone}"]
    if options.quiet is not None:
        parts.append(f"quiet {options.quiet}")
    if options.digest_h is not None:
        parts.append(f"executions summed up every {options.digest_h} h")
    if options.daily_loss is not None:
        parts.append(f"an alert at a daily loss of {options.daily_loss} {options.daily_loss_currency}")
    said = ", ".join(parts)
    return sentence(f"{user}: {said}" if named else said, "dim")
