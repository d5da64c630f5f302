"""P&L as a table: what a person reads at 120, 80 and 40 columns."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.ui.world import NOW, pnl_row, text_of
from trademon.core.cash_reports import CashTotal
from trademon.core.pnl_reports import UNVALUED_PROCEEDS, Mark, PnlReport, PnlStats, PnlTotal, Unvalued
from trademon.ui.pnl_tables import render_pnl
from trademon.ui.text import ASCII

D = Decimal
DOGE = pnl_row(
    symbol="DOGE/USDT",
    gross=D("-88.2"),
    fees=D("0.00012"),
    open_quantity=D(0),
    open_cost=D(0),
    average_cost=None,
    unmatched_quantity=D("0.5"),
    unmatched_proceeds=D("150.1"),
    unmatched_fees=D("0.1"),
    unmatched_reason="history starts later",
    unvalued_fees=(("BNB", D("0.002")),),
)
PNL = PnlReport("fifo", (pnl_row(), DOGE), (PnlTotal("USDT", D("1115.9"), D("12.33012"), True),))
STATS = PnlStats(12, 7, 4, D(1500), D("-308.23"), D("900.5"), D(-120), D("310.25"), D("0.636363"), D("4.8665"))
MARK = Mark(D(47000), NOW, D("1162.5"))
FULL = PnlReport(
    "lifo",
    (
        replace(pnl_row(), period="2026-11-20", stats=STATS),
        replace(pnl_row(), period="2026-11-21", stats=STATS, mark=MARK),
        replace(DOGE, period="2026-11-21", open_quantity=D(3), stats=STATS, return_percent=D("-3.25")),
    ),
    (PnlTotal("USDT", D("2320"), D("24.66012"), True, STATS, D("1162.5"), D("12.345")),),
    marked=True,
    notes=("no exchange to ask for a price: csv",),
)


def test_pnl_at_eighty_columns_reads_so() -> None:
    """Totals per currency below, the unknown said on its own row with its reason and its bound."""
    assert text_of(render_pnl(PNL), 80).splitlines() == [
        "broker  symbol          gross      fees        net          open  average cost",
        "main    BTC/USDT    +1,204.10  12.33     +1,191.77  USDT  0.4123     44,180.53",
        "main    DOGE/USDT      -88.20   0.00012     -88.20  USDT  0               —",
        "    ? 0.5 sold without known cost (history starts later); at most +150.00 more",
        "    if it had cost nothing, fee 0.002 BNB unvalued",
        "──────────────────────────────────────────────────────────────────────────────",
        "        total USDT  +1,115.90  12.33     +1,103.57  USDT",
        "    ± without what the rows say is missing",
        "not shown at this width: fills (a wider terminal, or --json)",
        "→ sold without known cost: trademon lots open enters what it cost, or an earlier",
        "beginning reads it (trademon broker set NAME --since T)",
        "realised by fifo; net is gross without the fees",
    ]


def test_statistics_stand_in_a_table_of_their_own() -> None:
    """Below the first one, by row and by total; what does not fit leaves by its weight."""
    report = PnlReport("fifo", (replace(pnl_row(), stats=STATS),), (replace(PNL.totals[0], stats=STATS),))
    assert text_of(render_pnl(report), 100).splitlines()[6:10] == [
        "broker  symbol      won  lost  win rate  factor     best    worst  drawdown     profit",
        "main    BTC/USDT      7     4   63.64 %    4.87  +900.50  -120.00    310.25  +1,500.00  USDT",
        "─" * 92,
        "        total USDT    7     4   63.64 %    4.87  +900.50  -120.00    310.25  +1,500.00  USDT",
    ]
    wide = text_of(render_pnl(report), 120)
    assert "closed" in wide
    assert "-308.23" in wide


def test_a_row_without_the_price_that_was_asked_for_says_so() -> None:
    """Only where something is open now: an earlier period has no price of today."""
    lines = text_of(render_pnl(FULL), 160).splitlines()
    assert "+1,162.50" in lines[2]
    assert [line.split()[0] for line in lines[1:4]] == ["2026-11-20", "2026-11-21", "2026-11-21"]
    assert ["no price" in line for line in lines[1:4]] == [False, False, True]
    shown = " ".join(text_of(render_pnl(FULL), 160).split())
    assert "no exchange to ask for a price: csv" in shown
    assert "last prices of 2026-11-21 14:02:14" in shown
    assert "+12.34 %" in shown


def test_a_broker_row_has_no_quantities() -> None:
    """What is open of several symbols is said as money; how much was unmatched is not added up."""
    row = pnl_row(symbol="", open_quantity=None, average_cost=None, unmatched_quantity=None, unmatched_proceeds=D(7))
    shown = text_of(render_pnl(PnlReport("fifo", (row,), ())), 100)
    assert "average cost" not in shown
    assert "18,215.60" in shown
    assert "? some sold without known cost; at most +7.00 more if it had cost nothing" in shown


def test_a_long_and_a_short_have_no_cost_on_the_screen() -> None:
    """A dash where a sum would be neither's."""
    row = pnl_row(symbol="", open_quantity=None, open_cost=None, average_cost=None)
    text = text_of(render_pnl(PnlReport("fifo", (row,), ()), ASCII), 200)
    assert " - " in text


def test_a_fee_that_a_carried_lot_brought_along_is_named() -> None:
    """It is in no figure here either."""
    text = text_of(render_pnl(PnlReport("fifo", (replace(pnl_row(), carried_unvalued=("BNB",)),), ())), 200)
    assert "fee in BNB of a lot from another account unvalued" in text


def test_an_amount_without_a_rate_is_named() -> None:
    """What a conversion could not value stands on its row, as a fee does."""
    row = pnl_row(unvalued=(Unvalued("SOL", D("1.5"), NOW, "proceeds of"),))
    assert "proceeds of 1.50000000 SOL in 1 fill unvalued" in text_of(render_pnl(PnlReport("fifo", (row,), ())), 100)


def test_what_has_no_rate_is_one_sum_a_kind_and_coin() -> None:
    """Not a line a day, not sixty digits."""
    missing = tuple(Unvalued("USDT", D("1") / 3, NOW, "realised", 2) for _ in range(60))
    shown = text_of(render_pnl(PnlReport("fifo", (pnl_row(currency="EUR", unvalued=missing),), ())), 120)
    assert shown.count("unvalued") == 1
    assert "realised 20.00 USDT in 120 disposals unvalued" in shown


def test_where_nothing_has_a_rate_there_is_no_zero() -> None:
    """Neither on the row nor in its total: a zero would be a figure. With one that has a rate the sum is shown."""
    missing = (Unvalued("USDT", D(25), NOW, "realised", 3),)
    blank = pnl_row(symbol="SOL/USDT", currency="EUR", gross=D(0), fees=D(0), unvalued=missing, return_percent=D(0))
    total = PnlTotal("EUR", D(0), D(0), incomplete=True, return_percent=D(0))
    shown = text_of(
        render_pnl(PnlReport("fifo", (blank,), (total,))),
        120,
    )
    assert "0.00" not in shown.replace("25.00", "")
    assert shown.count(" ?  ") >= 6
    rows, total = (blank, pnl_row(currency="EUR")), PnlTotal("EUR", D(5), D(0), incomplete=True)
    shown = text_of(render_pnl(PnlReport("fifo", rows, (total,))), 120)
    assert [line.split()[2] for line in shown.splitlines() if "total EUR" in line] == ["+5.00"]


def test_a_bound_that_was_not_converted_is_not_zero() -> None:
    """`at most 0.00 more` would be a lie."""
    missing = (Unvalued("USDT", D(90), NOW, UNVALUED_PROCEEDS),)
    row = pnl_row(currency="EUR", unmatched_quantity=D(1), unvalued=missing)
    shown = text_of(render_pnl(PnlReport("fifo", (row,), ())), 200)
    assert "at most" not in shown
    assert "what it brought has no price in EUR" in shown
    partly = replace(row, unmatched_proceeds=D(7))
    assert "at most +7.00 more" in text_of(render_pnl(PnlReport("fifo", (partly,), ())), 200)


def test_each_line_of_cash_stands_alone_and_folds() -> None:
    """Two kinds are two lines, and what follows is a third."""
    cash = tuple(
        CashTotal("ann", "perps-with-a-long-name", kind, "USDT", D("-0.4")) for kind in ("funding", "interest")
    )
    lines = text_of(render_pnl(replace(PNL, cash=cash)), 80).splitlines()
    at = lines.index("beside the trades: perps-with-a-long-name funding -0.40 USDT")
    assert lines[at + 1] == "beside the trades: perps-with-a-long-name interest -0.40 USDT"
    assert lines[at + 2].startswith("→ ")
    assert max(map(len, text_of(render_pnl(replace(PNL, cash=cash)), 40).splitlines())) <= 40


def test_the_footer_speaks_of_open_only_where_it_stands() -> None:
    """Rows by month at a width that has no room for it."""
    report = PnlReport("fifo", (replace(pnl_row(), period="2026-11"),), ())
    assert "open is as of" in text_of(render_pnl(report), 120)
    narrow = " ".join(text_of(render_pnl(report), 64).split())
    assert "not shown at this width: open, average cost, fills" in narrow
    assert "open is as of" not in narrow


def test_a_sale_without_known_cost_has_one_remedy_below_the_table() -> None:
    """However many rows have one."""
    shown = " ".join(text_of(render_pnl(replace(PNL, rows=(*PNL.rows, DOGE))), 120).split())
    assert shown.count("trademon lots open") == 1
    assert "lots open" not in text_of(render_pnl(PnlReport("fifo", (pnl_row(),), ())), 120)


@pytest.mark.parametrize("width", [34, 40, 80, 120])
def test_the_unknown_is_said_in_words_on_its_row(width: int) -> None:
    """Between the row it belongs to and the next one."""
    shown = re.sub(r"\s+", " ", text_of(render_pnl(PNL), width))
    assert "? 0.5 sold without known cost" in shown
    assert "fee 0.002 BNB unvalued" in shown
    assert shown.index("DOGE/USDT") < shown.index("? 0.5 sold") < shown.index("total USDT")


@pytest.mark.parametrize("report", [PNL, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("width", [20, 40, 57, 80, 120])
def test_every_line_keeps_within_the_width_and_holds_only_text(report: Any, width: int) -> None:
    """No overflow and no figure cut at any width, with ASCII signs only ASCII."""
    shown = text_of(render_pnl(report, ASCII), width)
    assert shown.isascii()
    assert max(len(line.rstrip()) for line in shown.split("\n")) <= width
    assert "+1,191.77" in shown


def test_gain_and_loss_have_a_sign_and_a_colour() -> None:
    """Green with a plus, red with a minus."""
    shown = text_of(render_pnl(PNL), 120, color=True)
    assert "\x1b[32m+1,191.77\x1b[0m" in shown
    assert "\x1b[31m-88.20\x1b[0m" in shown


def test_users_are_named_where_there_are_several() -> None:
    """And only there."""
    assert "ann" not in text_of(render_pnl(PNL), 120)
    both = PnlReport("fifo", (pnl_row(), pnl_row(user="bea")), ())
    assert [line.split()[0] for line in text_of(render_pnl(both), 120).splitlines()[:3]] == ["user", "ann", "bea"]
