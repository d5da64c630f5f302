"""Reports as tables: what a person reads at 120, 80 and 40 columns."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.ui.world import EXECUTIONS, HOSTILE, NOW, fill, info, pnl_row, scan, text_of
from trademon.core.pnl_reports import PnlReport
from trademon.core.reports import (
    BrokersReport,
    BrokerTest,
    Done,
    FillsReport,
    ImportReport,
    Problem,
    ScanReport,
    UserInfo,
    UsersReport,
)
from trademon.core.transfer_reports import TransferRow, TransfersReport
from trademon.ui.console import make_console
from trademon.ui.tables import render, render_brokers, render_fills, render_scan
from trademon.ui.text import ASCII, format_fee, format_price, format_quantity

FILLS = FillsReport(tuple(e.fill for e in (*EXECUTIONS, *HOSTILE)), 1204)
REPORTS = [
    FILLS,
    PnlReport("fifo", (pnl_row(),), ()),
    ScanReport((scan(), scan("okx", "failed", Problem("network", "no answer", "asked again", "okx")))),
    BrokersReport((info(), info("old", enabled=False))),
    UsersReport((UserInfo("ann", True, None, "EUR", 2, NOW),)),
    BrokerTest("main", "ann", "binance", "123", 3, 2, Decimal("-0.012"), Decimal("0.31"), ("a note",)),
    ImportReport("csv", 12, 10),
    ImportReport("csv", 12, 0, 2, ("BTC/USDT:USDT",)),
    Done("broker main is added", "trademon broker test main"),
]


def test_fills_share_their_day_in_the_title_and_stand_oldest_first() -> None:
    """A day common to all rows is said once; the newest fill is the one above the prompt."""
    report = FillsReport((fill(2, symbol="ETH/USDT", price=Decimal("2512.4")), fill(1)), 2)
    assert text_of(render_fills(report), 80).splitlines() == [
        "2026-11-21  broker  symbol    side  quantity      price        fee  id",
        "14:00:57    main    ETH/USDT  sell    0.0015   2,512.40  0.07 USDT   2",
        "14:01:34    main    BTC/USDT  sell    0.0015  47,000.00  0.07 USDT   1",
    ]


def test_a_cut_list_says_how_to_see_all_of_it() -> None:
    """How many there are, and the command."""
    last = text_of(render_fills(FILLS), 120).splitlines()[-1]
    assert last == "the newest 8 of 1,204 fills; all of them: trademon fills --limit 1204"


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80, 100, 120, 200])
def test_no_figure_of_a_fill_is_ever_cut(width: int) -> None:
    """At any width each figure stands whole, at 24 columns too, where only a foreign name is folded."""
    shown = text_of(render_fills(FILLS), width)
    assert "…" not in shown
    for row in FILLS.fills:
        for figure in (format_quantity(row.quantity), format_price(row.price), format_fee(row.fee, row.fee_currency)):
            assert figure in shown


@pytest.mark.parametrize("report", REPORTS, ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("width", [20, 40, 57, 80, 120])
def test_every_line_keeps_within_the_width_and_holds_only_text(report: Any, width: int) -> None:
    """No overflow and no control byte at any width, with ASCII signs only ASCII of our own."""
    shown = text_of(render(report), width)
    assert all(line.rstrip() == "" or line.replace("\n", "").isprintable() for line in shown.split("\n"))
    assert max(len(line.rstrip()) for line in shown.split("\n")) <= width
    plain = text_of(render(report, ASCII), width)
    assert plain.replace("币安人生", "").isascii()


def test_markup_of_an_exchange_is_three_characters() -> None:
    """A symbol named `[/]` is shown as such, and an escape sequence loses its escape."""
    shown = text_of(render_fills(FILLS), 120)
    assert " [/] " in shown
    assert "[31mX/USDT" in shown
    assert "\x1b" not in shown


def test_rows_of_several_users_say_whose_they_are() -> None:
    """The user column appears with the second user."""
    assert "user" not in text_of(render_fills(FillsReport((fill(),), 1)), 120)
    assert "bob" in text_of(render_fills(FillsReport((fill(), fill(2, user="bob")), 2)), 120)


def test_each_state_of_a_broker_has_a_word_and_a_remedy() -> None:
    """Disabled, without a key, failing, new and import-only each say so."""
    report = BrokersReport(
        (
            info("a", enabled=False),
            info("b", has_key=False),
            info("c", errors_in_row=4),
            info("d", last_good_at=None),
            info("e", exchange="manual", has_key=False),
            info("f"),
        )
    )
    shown = text_of(render_brokers(report), 160).splitlines()[1:]
    words = ["disabled", "no key", "failed ×4", "not asked yet", "imports only", "● ok"]
    assert [word in line for word, line in zip(words, shown, strict=True)] == [True] * 6
    assert "trademon broker enable a" in shown[0]
    assert "trademon broker set b" in shown[1]


def test_a_failed_scan_says_what_to_do_below_the_broker() -> None:
    """Fault and remedy stand on the broker's row."""
    shown = text_of(render_scan(REPORTS[2]), 120)  # type: ignore[arg-type]
    assert "okx     ✖ failed" in shown
    assert "no answer → asked again" in shown
    assert shown.splitlines()[-1] == "6 new fills, 1 of 2 brokers ok"


@pytest.mark.parametrize(
    "report",
    [FillsReport((), 0), PnlReport("fifo", (), ()), ScanReport(()), BrokersReport(()), UsersReport(())],
    ids=lambda r: type(r).__name__,
)
def test_an_empty_list_says_what_to_do_next(report: Any) -> None:
    """One line with a command in it."""
    shown = text_of(render(report), 200)
    assert "trademon " in shown
    assert shown.count("\n") == 1


def test_a_pipe_is_wide_and_columns_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail from cron keeps its columns; whoever says COLUMNS means it."""
    assert make_console(no_color=True).width == 200
    monkeypatch.setenv("COLUMNS", "90")
    assert make_console(no_color=True).width == 90


def test_transfers_without_a_known_other_end_say_what_the_sign_means() -> None:
    """The footer explains what stands there."""
    row = TransferRow(1, "ann", "main", "deposit", "BTC", Decimal(1), Decimal(0), NOW, "tx", "BTC")
    assert "— is one that is not known here" in text_of(render(TransfersReport((row,), 1)), 120)
