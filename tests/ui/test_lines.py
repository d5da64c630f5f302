"""Watch without a terminal: one line an event."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.ui.world import HOSTILE, NOW, execution, fill, scan
from trademon.core.pnl_reports import PnlTotal
from trademon.core.reports import Problem, ScanReport
from trademon.core.watch_reports import WatchEvent
from trademon.ui.lines import format_event

DOWN = Problem("network", "no answer within 10 s", "the next cycle asks again", "okx", "ann")
AT = "2026-11-21T14:02:14Z"
EXECUTED_AT = "2026-11-21T14:01:34Z"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (WatchEvent("start", NOW, text="2 brokers, every 10 s"), f"[START] {AT} 2 brokers, every 10 s"),
        (
            WatchEvent(
                "cycle",
                NOW,
                7,
                scan=ScanReport((scan(), scan("okx", "failed", DOWN, new_fills=0))),
                seconds=Decimal("0.412"),
            ),
            f"[SCAN] {AT} cycle 7: 1 of 2 brokers ok, 3 new fills, 0.412 s",
        ),
        (
            WatchEvent("fill", NOW, execution=execution("2.43")),
            f"[EXEC] {EXECUTED_AT} main BTC/USDT sell 0.0015 @ 47,000.00 fee 0.07 USDT P&L +2.43 USDT",
        ),
        (
            WatchEvent("fill", NOW, execution=execution(None, unmatched="0.5", unvalued=True)),
            f"[EXEC] {EXECUTED_AT} main BTC/USDT sell 0.0015 @ 47,000.00 fee 0.07 USDT "
            "? 0.5 without known cost, ? fee unvalued",
        ),
        (
            WatchEvent(
                "pnl",
                NOW,
                totals=(PnlTotal("USDT", Decimal(3), Decimal(1)), PnlTotal("EUR", Decimal(-1), Decimal(0), True)),
            ),
            f"[PNL] {AT} total +2.00 USDT, -1.00 EUR "
            "(incomplete: a sale without known cost or an unvalued fee is not in it)",
        ),
        (
            WatchEvent("error", NOW, problem=DOWN),
            f"[ERROR] {AT} okx: no answer within 10 s (the next cycle asks again)",
        ),
        (WatchEvent("alert", NOW, broker="okx", text="answers again"), f"[OK] {AT} okx answers again"),
        (WatchEvent("alert", NOW, broker="okx", text="sign-in ends", ok=False), f"[WARN] {AT} okx sign-in ends"),
        (WatchEvent("stop", NOW, text="after 7 cycles"), f"[STOP] {AT} after 7 cycles"),
    ],
    ids=lambda value: value.event if isinstance(value, WatchEvent) else "",
)
def test_an_event_is_a_prefix_a_time_and_plain_words(event: WatchEvent, line: str) -> None:
    """Each kind of event reads as one sentence; an execution is dated when it was executed, all else when seen."""
    assert format_event(event) == line


def test_mixed_users_are_named() -> None:
    """With `show_user` a line says whose broker it is."""
    event = WatchEvent("fill", NOW, execution=execution("2.43", fill(user="bob")))
    assert " bob/main BTC/USDT " in format_event(event, show_user=True)


def test_a_hostile_symbol_adds_neither_a_line_nor_an_escape_byte() -> None:
    """Line breaks and escape sequences of an exchange stay out of the log."""
    for row in HOSTILE:
        line = format_event(WatchEvent("fill", NOW, execution=row))
        assert line.isprintable()
