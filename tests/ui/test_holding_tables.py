"""Balances, positions and orders as tables and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.ui.world import NOW, text_of
from trademon.core.holding_reports import (
    BalanceRow,
    BalancesReport,
    CapitalRow,
    OrderRow,
    OrdersReport,
    PositionRow,
    PositionsReport,
    Seen,
)
from trademon.core.model import Position
from trademon.core.pnl_reports import Mark
from trademon.ui.json_out import to_json
from trademon.ui.tables import render
from trademon.ui.text import ASCII

D = Decimal
SEEN = Seen(NOW)
STALE = Seen(NOW - timedelta(days=2), "the last look failed")
BALANCE = BalanceRow("ann", "main", "BTC", D("0.4"), D("0.0123"), SEEN)
BTC = PositionRow(
    "ann",
    "main",
    "BTC",
    "long",
    D("0.4123"),
    "USDT",
    SEEN,
    average_cost=D("44180.5287654321"),
    cost=D("18215.6"),
    mark=Mark(D("47003.1"), NOW, D("1163.74")),
)
DOGE = PositionRow("ann", "main", "DOGE", "long", D(2000), None, STALE, unknown_quantity=D(2000))
SWAP = replace(
    BTC,
    symbol="BTC/USDT:USDT",
    side="short",
    stated=Position("BTC/USDT:USDT", "short", D("0.5"), "USDT", D(44000)),
    difference=D("0.0877"),
)
OPEN = OrderRow("ann", "main", "9001", "BTC/USDT", "buy", "limit", "open", D("0.1"), D(1), D(40000), created_at=NOW)
DONE = OrderRow(
    "ann",
    "main",
    "9000",
    "ETH/USDT",
    "sell",
    "market",
    "done",
    D(3),
    average_price=D(2500) / D(3),
    fees=(("BNB", D("0.01")), ("USDT", D("0.4"))),
    fills=2,
    first_at=NOW - timedelta(hours=1),
    last_at=NOW,
    seen=STALE,
)
REPORTS: list[Any] = [
    BalancesReport((BALANCE, replace(BALANCE, coin="DOGE", seen=STALE)), (), ("late has not answered yet",)),
    PositionsReport((BTC, DOGE, SWAP), ("main: no last price of X",)),
    OrdersReport((DONE, OPEN), 7),
]


def test_a_position_shows_what_of_it_has_no_known_cost() -> None:
    """Beside the figures, which are those of the known part; one that no book knows has none."""
    part = replace(BTC, quantity=D("0.5123"), unknown_quantity=D("0.1"))
    lines = text_of(render(PositionsReport((part, DOGE))), 140).splitlines()
    assert [" ".join(line.split()) for line in lines[1:3]] == [
        "main BTC 0.5123 44,180.53 47,003.10 +1,163.74 USDT 2026-11-21 14:02:14 ? 0.1 without a known cost",
        "main DOGE 2,000 ? — — ▲ 2026-11-19 14:02:14 ? without a known cost",
    ]
    assert lines[3] == "▲ main: the last look failed"


def test_a_difference_from_what_the_exchange_states_is_said() -> None:
    """Both figures and by how much; what agrees says nothing."""
    assert "▲ the exchange states 0.5, 0.0877 from ours" in text_of(render(PositionsReport((SWAP,))), 160)
    agreed = replace(SWAP, difference=D(0))
    assert "states" not in text_of(render(PositionsReport((agreed,))), 160)
    gone = replace(SWAP, stated=None, difference=D("-0.4123"))
    assert "the exchange states nothing, -0.4123 from ours" in text_of(render(PositionsReport((gone,))), 160)


def test_a_capital_is_a_line_below_the_balances() -> None:
    """What it began with, what it holds, and the difference; or why that is not known."""
    known = CapitalRow("ann", "main", "USDT", D(1000), D("1060.5"))
    unknown = CapitalRow("ann", "b", "USDT", D(5), None, "no price of X in USDT")
    lines = text_of(render(BalancesReport((BALANCE,), (known, unknown))), 200).splitlines()
    assert lines[-2] == (
        "main: began with 1,000.00 USDT, holds 1,060.50 USDT at last prices: +60.50 USDT, +6.05 %, deposits and "
        "withdrawals included"
    )
    assert lines[-1] == "b: began with 5.00 USDT; what it holds now is not known: no price of X in USDT"


def test_orders_say_what_is_left_out_and_how_to_see_it() -> None:
    """As the list of fills does."""
    shown = text_of(render(REPORTS[2]), 200)
    assert "the newest 2 of 7 orders; all of them: trademon orders --limit 7" in shown
    assert "0.01 BNB + 0.4 USDT" in shown
    assert (
        text_of(render(OrdersReport((), 0, only_open=True)), 80)
        == "no order is open: trademon sync looks at every account\n"
    )
    assert text_of(render(OrdersReport((), 0)), 80) == "no order is known: trademon sync looks at every account\n"


def test_open_orders_keep_their_size_and_price_where_the_screen_is_narrow() -> None:
    """That they are open is in none of the rows news."""
    head, row = text_of(render(OrdersReport((OPEN,), 1, only_open=True)), 80).splitlines()[:2]
    assert {"quantity", "price"} <= set(head.split())
    assert "40,000" in row
    assert "state" not in head.split()


@pytest.mark.parametrize("report", REPORTS, ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, 200])
def test_no_figure_is_cut_at_any_width_and_no_line_is_wider(report: Any, width: int) -> None:
    """Columns leave or stack; an ASCII stream gets ASCII."""
    shown = text_of(render(report), width)
    assert max(len(line) for line in shown.splitlines()) <= width
    for row in (*getattr(report, "positions", ()), *getattr(report, "balances", ())):
        assert f"{getattr(row, 'quantity', None) or row.total:,f}" in shown
    assert text_of(render(report, ASCII), width).isascii()


@pytest.mark.parametrize("report", REPORTS, ids=lambda r: type(r).__name__)
def test_one_user_needs_no_name_and_two_do(report: Any) -> None:
    """As every other list."""
    assert "user" not in text_of(render(report), 200)
    name = next(f for f in ("balances", "positions", "orders") if hasattr(report, f))
    rows = getattr(report, name)
    both = replace(report, **{name: (*rows, replace(rows[0], user="bob"))})
    assert "bob" in text_of(render(both), 200)


def test_json_has_text_for_figures_and_null_for_what_is_not_known() -> None:
    """One object a row; times in UTC; nothing is a float."""
    (balance, _) = to_json(REPORTS[0])["balances"]
    assert balance == {
        "user": "ann",
        "broker": "main",
        "coin": "BTC",
        "free": "0.4",
        "locked": "0.0123",
        "total": "0.4123",
        "seen_at": "2026-11-21T14:02:14.000Z",
        "stale": False,
        "stale_reason": None,
    }
    btc, doge, swap = to_json(REPORTS[1])["positions"]
    assert (btc["quantity"], btc["unrealized"], btc["stated"]) == ("0.4123", "1163.74", None)
    assert (doge["unknown_quantity"], doge["average_cost"], doge["last_price"], doge["stale"]) == (
        "2000",
        None,
        None,
        True,
    )
    assert (swap["stated"]["quantity"], swap["stated"]["mark_price"], swap["difference"]) == ("0.5", None, "0.0877")
    done, waiting = to_json(REPORTS[2])["orders"]
    assert (done["state"], done["quantity"], done["filled"], done["created_at"]) == ("done", None, "3", None)
    assert done["fees"] == [{"currency": "BNB", "amount": "0.01"}, {"currency": "USDT", "amount": "0.4"}]
    assert (waiting["quantity"], waiting["average_price"], waiting["fills"]) == ("1", None, 0)
    for report in REPORTS:
        assert ".5e" not in json.dumps(to_json(report))
        json.dumps(to_json(report), allow_nan=False)
