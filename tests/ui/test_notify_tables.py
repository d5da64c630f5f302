"""Messages and channels on a screen: nothing foreign acts, at any width."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.console import Console

from trademon.core.notice_reports import (
    ChannelInfo,
    ChannelSends,
    DeliveryInfo,
    MessageInfo,
    NotifyReport,
    OutboxReport,
    SendReport,
)
from trademon.core.notices import DEFAULT_MODES, EVENTS, Notice, NotifyOptions, parse_quiet
from trademon.ui.tables import render

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def shown(report: object, width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(render(report))
    return capture.get()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_outbox_says_what_waits_and_why(width: int) -> None:
    waiting = DeliveryInfo("telegram", "pending", 3, NOON, "no answer in time", None)
    report = OutboxReport(
        (
            MessageInfo(1, "ann", Notice("must_act", {}), NOON, None, (waiting,), "b [/] needs you\nmore"),
            MessageInfo(2, "bob", Notice("gap", {}), NOON, "expired", ()),
        ),
        1,
    )
    text = shown(report, width)
    for part in ("b [/]", "waiting", "expired", "ann", "bob", "1 message waiting"):
        assert part in text
    assert "(no answer in time)" in " ".join(text.split())
    assert " ".join(shown(OutboxReport((), 0), width).split()).startswith(
        "nothing waits: trademon notify outbox --all "
    )


@pytest.mark.parametrize("width", [40, 200])
def test_what_was_sent_and_where_messages_go(width: int) -> None:
    sent = SendReport((ChannelSends("ann", "telegram", 2, 1, "refused it", "set it", "action"),), 4)
    text = " ".join(shown(sent, width).split())
    assert "2 messages sent, 4 messages waiting" in text
    assert "set it" in text
    modes = tuple((event, DEFAULT_MODES[event]) for event in EVENTS)
    options = NotifyOptions("Europe/Paris", parse_quiet("22:00-07:00"), 6, "mail", "500", "USDT")
    report = NotifyReport((ChannelInfo("ann", "mail", "mailto://…", modes, True),), (("ann", options),))
    text = " ".join(shown(report, width).split())
    for part in ("mail", "silent", "times in Europe/Paris", "quiet 22:00-07:00", "500 USDT"):
        assert part in text
    assert "no channels yet" in shown(NotifyReport((), (("ann", NotifyOptions()),)), width)
