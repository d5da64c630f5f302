"""The whole screen of watch, compared as text, and what must hold at every size."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from rich.cells import cell_len

from tests.ui.snapshots import SCREENS, SITUATIONS, cases, painted
from tests.ui.world import (
    BROKERS,
    EXECUTIONS,
    HOSTILE,
    NOW,
    OUTAGE,
    PROBLEMS,
    book,
    broker,
    execution,
    fill,
    position,
    screen,
    text_of,
)
from trademon.core.holding_reports import PositionsReport
from trademon.core.reports import ExecutionRow
from trademon.core.watch_figures import currencies_of
from trademon.core.watch_reports import WatchState
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.text import (
    ASCII,
    UNICODE,
    Glyphs,
    format_amount,
    format_average,
    format_price,
    format_quantity,
    plain,
)
from trademon.ui.watch.detail import lines_of as lines_of_report
from trademon.ui.watch.layout import Memo, dashboard_lines, render_dashboard
from trademon.ui.watch.lists import PANELS, summary_of
from trademon.ui.watch.positions import unrealized_by_currency
from trademon.ui.watch.view import View

BIG = (book("BTC/USDT", {0: "123456789012.345"}), book("ETH/BTC", {3: "-0.00001234"}, currency="BTC"))
STATES = {
    **SITUATIONS,
    "problems": screen(problems=PROBLEMS),
    "hostile": screen(executions=(*HOSTILE, *EXECUTIONS) * 4, earned=BIG, problems=PROBLEMS, title="\x1b[2J" * 99),
    "mixed users": screen(brokers=(broker(), broker(user="bob"))),
    "first seconds": screen(brokers=(broker(state="new"),), executions=(), earned=(), next_at=None, cycle=0),
    "nothing at all": screen(brokers=(), executions=(), earned=()),
    "paused": screen(is_paused=True, next_at=None),
    "working": screen(working_out="average", shown_method="lifo", earned_at=NOW),
}
SIZES = [(w, h) for w in (60, 61, 79, 80, 99, 100, 120, 163, 200, 240) for h in (18, 19, 24, 35, 50, 70)]


def lines(state: WatchState, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[str]:
    return text_of(render_dashboard(state, width=width, height=height, glyphs=glyphs), width).split("\n")[:-1]


@pytest.mark.parametrize("name", cases())
def test_the_screens_are_what_was_looked_at(name: str) -> None:
    """Each situation at each size; `python -m tests.ui.snapshots` paints them anew."""
    assert painted(*cases()[name]) == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_the_screen_is_filled_exactly_at_every_size(name: str, glyphs: Glyphs) -> None:
    """As many lines as asked for, none wider than asked for, every border closed, and no control byte."""
    for width, height in SIZES:
        shown = lines(STATES[name], width, height, glyphs)
        assert len(shown) == height, (width, height)
        assert all(cell_len(line) <= width for line in shown), (width, height)
        assert all(line.isprintable() for line in shown), (width, height)
        framed = [line for line in shown if line[0] in glyphs.borders]
        assert {cell_len(line) for line in framed} == {width}, (width, height)
        assert all(line[-1] in glyphs.borders for line in framed)
        assert shown[-1].startswith(" q quit")
        assert shown[-1].rstrip().endswith(("? help", "automation"))


@pytest.mark.parametrize("name", STATES)
def test_totals_errors_and_health_are_never_left_out(name: str) -> None:
    """P&L of today and in total per currency, brokers in order and the count of errors stand whole at every size."""
    state = STATES[name]
    summary = summary_of(state, "30d")
    for width, height in SIZES:
        head = " ".join(lines(state, width, height)[:6])
        for earned in (*summary.today, *summary.total):
            assert f"{format_amount(earned.net, earned.currency)} {earned.currency}" in head, (width, height)
        assert re.search(r"brokers \d+ of|no broker", head), (width, height)
        assert (f"{state.errors_total} error" if state.errors_total else "no errors") in head


def test_figures_on_the_screen_are_whole_or_not_there_at_all() -> None:
    """Every decimal number in the executions is one of the state's figures to the last digit, and some are shown."""
    whole = {format_quantity(r.fill.quantity) for r in (*HOSTILE, *EXECUTIONS)}
    whole |= {format_price(r.fill.price) for r in (*HOSTILE, *EXECUTIONS)}
    whole |= {format_quantity(r.fill.fee) for r in (*HOSTILE, *EXECUTIONS)}
    whole |= {format_amount(r.net, r.currency) for r in (*HOSTILE, *EXECUTIONS) if r.net is not None}
    for width, height in SIZES:
        shown = "\n".join(lines(STATES["hostile"], width, height))
        panel = re.split("─ (?!executions)[a-zP]", shown[shown.index("─ executions ") :])[0]
        found = re.findall(r"[+-]?\d[\d,]*\.\d+", panel)
        assert found, (width, height)
        assert set(found) <= whole, (width, height)


def test_no_figure_of_any_panel_is_cut() -> None:
    """With numbers as long as an exchange may send, at every size: each that is shown is one of the state's."""
    books = (
        book("BTC/USDT", {2: "123456789012.34", 0: "-98765432109.87"}),
        book("ETH/BTC", {1: "-0.00001234"}, currency="BTC"),
        book("A/EUR", {1: "7654321.99"}, "titres", "EUR"),
    )
    rows = (
        position("BTC", "123456789.12345678", "98765.4321", "123456.789"),
        position("PEPE", "0.000000000000000001", "0.0000012345", "0.000002"),
        position("A", "1234567890.5", "1.25", "1.5", broker="titres", currency="EUR"),
    )
    state = screen(earned=books, positions=PositionsReport(rows), executions=(*HOSTILE, *EXECUTIONS), problems=())
    known = {figure for row in state.executions for figure in _figures_of(row)}
    for row in rows:
        assert row.mark is not None
        known |= {format_quantity(row.quantity or Decimal(0)), format_average(row.average_cost or Decimal(0))}
        known |= {format_price(row.mark.price or Decimal(0)), format_amount(row.mark.unrealized, row.currency or "")}
    for chosen in ("30d", "all", "today"):
        summary = summary_of(state, chosen)
        earned = [*summary.today, *summary.within, *summary.total, *(one.earned for one in summary.symbols)]
        earned += [*unrealized_by_currency(PositionsReport(rows)), *(e for of in summary.brokers.values() for e in of)]
        known |= {format_amount(one.net, one.currency) for one in earned}
    for width, height in [(30, 30), (45, 20), (60, 18), (79, 24), (100, 35), (163, 50)]:
        for panel in PANELS:
            for chosen in ("30d", "today"):
                shown = "\n".join(lines_of(state, View(focus=panel, range=chosen), width, height))
                found = set(re.findall(r"[+-]?\d[\d,]*\.\d+", shown.replace("cycle 1,152 in 0.41 s", "")))
                assert {f for f in found if not f.startswith(("96.00", "11.20"))} <= known, (width, height, panel)


def _figures_of(row: ExecutionRow) -> set[str]:
    shown = {format_quantity(row.fill.quantity), format_price(row.fill.price), format_quantity(row.fill.fee)}
    return shown if row.net is None else shown | {format_amount(row.net, row.currency)}


@pytest.mark.parametrize("name", STATES)
def test_a_screen_too_small_to_read_does_not_fail(name: str) -> None:
    """While a window is dragged smaller than it was made for, nothing is raised and nothing scrolls."""
    for width, height in [(1, 1), (10, 3), (20, 5), (30, 8), (45, 12), (59, 17), (240, 4)]:
        shown = lines(STATES[name], width, height)
        assert len(shown) == height, (width, height)
        assert all(cell_len(line) <= width for line in shown), (width, height)


def test_the_states_and_results_of_all_brokers_that_are_shown_stay() -> None:
    """Columns leave before the state and the P&L do."""
    for width, height in SIZES:
        if height < 24:
            continue
        shown = "\n".join(lines(screen(), width, height))
        for words in ("● ok", "sign-in ends in 2 d", "waits 41 s", "+771.40 USDT", "-12.40 EUR"):
            assert words in shown, (width, height)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_amounts_of_one_currency_stand_under_each_other(width: int) -> None:
    """A broker's USDT never stands under another's BTC, also where one has both."""
    books = (
        book("BTC/USDT", {1: "121.05"}),
        book("ETH/BTC", {1: "0.0012"}, currency="BTC"),
        book("BTC/USDT", {1: "7"}, "okx"),
        book("ETH/BTC", {1: "-0.25"}, "titres", "BTC"),
    )
    screen_lines = lines(screen(earned=books), width, 35)
    panel = screen_lines[: next(n for n, line in enumerate(screen_lines) if "─ executions" in line)]
    shown = [line for line in panel if "okx" in line or "titres" in line or "main b" in line]
    ends = {c: {line.index(f" {c}") for line in shown if f" {c}" in line} for c in ("USDT", "BTC")}
    assert [len(places) for places in ends.values()] == [1, 1], shown


def test_columns_leave_in_the_order_of_their_importance() -> None:
    """On a wide screen all columns; on a narrow one no milliseconds, no open orders, later no fee, no broker."""
    wide, narrow, tiny = ("\n".join(lines(screen(), w, 24)) for w in (120, 79, 60))
    assert " 182 " in wide
    assert " 182 " not in narrow
    assert "0.07" in narrow
    assert "0.07" not in tiny
    assert "14:01:34 BTC/USDT  sell     0.0015 @ 47,000.00     +2.43" in tiny


def test_quantity_and_price_align_on_the_decimal_point() -> None:
    """The points of one column stand below each other."""
    rows = [line for line in lines(screen(), 120, 35) if re.search(r" (buy|sell) ", line)]
    points = {line.index(figure) + figure.index(".") for line, figure in zip(rows, ("0.0015", "0.25"), strict=False)}
    assert len(points) == 1
    prices = ("47,000.00", "2,512.40", "141.22", "0.0812")
    assert len({line.index(p) + p.index(".") for line, p in zip(rows, prices, strict=True)}) == 1


def test_long_lists_say_how_many_more_there_are_and_show_trouble_first() -> None:
    """Of sixty brokers the failed one is on top, the others are counted, as executions are: no command is named."""
    shown = lines(STATES["sixty-brokers"], 120, 35)
    brokers = [line for line in shown if "acct-" in line]
    assert "acct-30" in brokers[0]
    assert "✖ failed ×4" in brokers[0]
    assert f"+ {60 - len(brokers)} more" in "\n".join(shown)
    shown = lines(STATES["many-fills"], 120, 35)
    executions = sum(":" in line[:8] for line in shown)
    assert f" 1 to {executions} of 500 newest, 10,000 in all ─" in "\n".join(shown)
    assert "trademon fills" not in "\n".join(shown)


def test_what_needs_a_person_stands_first_with_its_remedy_whole() -> None:
    """Even at the smallest size the remedy of the sign-in is not cut; without problems the panel folds away."""
    shown = "\n".join(lines(screen(problems=PROBLEMS), 60, 18))
    assert "→ trademon broker login titres" in shown
    assert "+ 2 more" in shown
    assert "needs a look" not in "\n".join(lines(screen(), 60, 18)[:-1])


def test_a_problem_seen_again_is_counted_not_repeated() -> None:
    """Five times the same fault is one line."""
    shown = "\n".join(lines(screen(problems=PROBLEMS), 120, 40))
    assert shown.count("main: no answer") == 1
    assert "no answer (×5)" in shown


def test_before_the_first_execution_the_screen_says_what_it_waits_for() -> None:
    """A friendly line where the executions will be, and one for a store without a broker."""
    assert "the next buy or sell shows here" in "\n".join(lines(STATES["first seconds"], 100, 24))
    assert "trademon broker add NAME" in "\n".join(lines(STATES["nothing at all"], 100, 24))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("new", "· not asked yet"),
        ("scanning", "● asking"),
        ("ok", "● ok"),
        ("failed", "✖ failed ×3"),
        ("waiting", "▲ waits 41 s"),
        ("busy", "● another run"),
        ("action", "✖ needs you"),
    ],
)
def test_every_state_is_a_sign_and_a_word(state: str, words: str) -> None:
    """Colour only repeats what is written."""
    one = broker(state=state, errors_in_row=3, next_at=NOW + timedelta(seconds=41))
    assert words in "\n".join(lines(screen(brokers=(one,)), 100, 20))


def test_brokers_of_several_users_say_whose_they_are() -> None:
    """The same name of two users is told apart."""
    shown = "\n".join(lines(STATES["mixed users"], 100, 24))
    assert "ann/main" in shown
    assert "bob/main" in shown


def test_a_contract_names_the_coin_it_pays_in() -> None:
    """Where the result is not in the quote currency the unit stays, narrow or not."""
    row = execution("0.00123456", fill(symbol="BTC/USD:BTC"), currency="BTC")
    assert "+0.00123456 BTC" in "\n".join(lines(screen(executions=(row,)), 70, 24))


def test_without_colour_the_screen_says_the_same() -> None:
    """The colours of money and health are the terminal's own, and taking them away changes no character."""
    frame = render_dashboard(screen(problems=PROBLEMS), width=100, height=24)
    colored = text_of(frame, 100, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == text_of(frame, 100)
    # No black, white or background: what the terminal's own default is has to be readable already.
    styles = {"0", "1", "2", "32", "31", "36", "1;32", "1;31", "1;36", "2;32", "2;31"}
    assert set(re.findall(r"\x1b\[([0-9;]*)m", colored)) <= styles


def test_all_problems_brokers_and_rows_are_plain_values() -> None:
    """The same state gives the same screen: nothing is read from a clock."""
    first = [line.plain for line in dashboard_lines(screen(brokers=BROKERS), width=90, height=30)]
    assert first == [line.plain for line in dashboard_lines(screen(brokers=BROKERS), width=90, height=30)]


def test_manual_brokers_alone_are_told_the_way() -> None:
    """There are brokers: none of them can be asked."""
    shown = " ".join(lines(screen(brokers=(), manual=("old", "older")), 120, 20))
    assert "no broker yet" not in shown
    assert "old and 1 more have no API to ask: trademon fills import FILE.csv --broker old" in shown


# --- what keys choose -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 35)])
def test_the_panel_that_keys_move_in_is_never_folded(panel: str, size: tuple[int, int]) -> None:
    """Also where it had no room before; its selected row is marked by a sign."""
    names = {"problems": "needs a look", "positions": "open positions", "symbols": "P&L by symbol"}
    shown = lines_of(screen(problems=PROBLEMS), View(focus=panel), *size)  # type: ignore[arg-type]
    assert any(f"─ {names.get(panel, panel)}" in line for line in shown), shown
    assert sum("│▸" in line for line in shown) == 1


def lines_of(state: WatchState, view: View, width: int, height: int) -> list[str]:
    return text_of(render_dashboard(state, view, width=width, height=height), width).split("\n")[:-1]


def test_one_currency_alone_is_said_and_hides_the_others() -> None:
    """`u`: USDT alone stands in the header, brokers, executions, positions and symbols; errors stay."""
    other = execution("1", fill(9, symbol="XRP/EUR", fee_currency="EUR"), currency="EUR")
    state = screen(**OUTAGE, executions=(other, *EXECUTIONS), executions_total=10_000)
    shown = "\n".join(lines_of(state, View(currency="USDT"), 120, 50))
    assert "USDT only" in shown
    assert "─ executions, USDT only ─" in shown
    assert "DOGE/USDT" in shown
    assert "EUR" not in shown
    assert "✖ 23 errors since the start" in shown
    shown = "\n".join(lines_of(state, View(currency="EUR"), 80, 40))
    assert "XRP/EUR" in shown
    assert "SOL/USDT" not in shown
    assert "none of the newest executions is in BTC" in "\n".join(lines_of(state, View(currency="BTC"), 120, 50))
    assert currencies_of(screen().earned) == ["USDT", "EUR"]


def test_a_filter_narrows_lists_and_never_problems() -> None:
    """`/`: rows with these letters; what is wrong is shown whatever was typed."""
    shown = "\n".join(lines_of(screen(problems=PROBLEMS), View(filter="sol"), 120, 35))
    assert 'filter "sol"' in shown
    assert "SOL/USDT" in shown
    assert "14:01:34   main" not in shown
    assert "too many requests" in shown
    assert "no execution with that in it" in "\n".join(lines_of(screen(), View(filter="zzz"), 120, 35))


@pytest.mark.parametrize(
    ("chosen", "words"), [("today", "P&L today"), ("7d", "P&L 7 d"), ("30d", "30 d"), ("all", "P&L all")]
)
def test_the_range_is_said_where_its_figures_stand(chosen: str, words: str) -> None:
    """`r`: brokers, symbols and the curve are of it; today and the total are always there."""
    shown = lines_of(screen(), View(range=chosen), 120, 40)  # type: ignore[arg-type]
    assert words in "\n".join(shown)
    assert "today +80.23 USDT" in shown[1]


@pytest.mark.parametrize(("chosen", "words"), [("today", "today"), ("7d", "7 d"), ("30d", "30 d"), ("all", "all")])
@pytest.mark.parametrize(("width", "height"), [(60, 18), (80, 24)])
def test_a_narrow_screen_says_the_range_too(chosen: str, words: str, width: int, height: int) -> None:
    """Without a row of titles it stands in the panel's own."""
    shown = lines_of(screen(), View(range=chosen), width, height)  # type: ignore[arg-type]
    assert any(f"─ brokers, P&L {words} ─" in line for line in shown)


def test_in_ascii_no_curve_stands_beside_the_amounts_of_the_header() -> None:
    """Its signs would read as digits; in Unicode it is there."""
    assert "771.40 USDT +/-   -12.40 EUR" in lines(screen(), 120, 35, ASCII)[1]
    assert "▁▄" in lines(screen(), 120, 35)[1]


def test_a_detail_points_to_nothing_that_the_dashboard_has_not() -> None:
    """A column that had to leave is seen on a wider terminal; there is no `--json` here."""
    grid = Grid((Column("a"), Column("gross", leaves=1)), (Row((plain("x" * 20), plain("y" * 20))),))
    words = "\n".join(line.plain for line in lines_of_report(grid, 40))
    assert "not shown at this width: gross (a wider" in words
    assert "json" not in words


def test_figures_by_another_method_say_so() -> None:
    """The method of what is shown, of what is being worked out, and that executions and positions stay as kept."""
    shown = "\n".join(lines(STATES["working"], 140, 40))
    assert "lifo as of 14:02:14 → working out average" in shown
    assert "─ executions, P&L by fifo ─" in shown
    assert "─ open positions by fifo, prices 42 s old ─" in shown
    assert "P&L by symbol, 30 d, lifo" in shown


def test_a_pause_says_what_goes_on() -> None:
    """Nobody would take an old screen for a live one."""
    assert "▲ paused: nobody is asked, sign-ins are kept" in lines(STATES["paused"], 120, 35)[0]
    assert "▲ paused, sign-ins kept" in lines(STATES["paused"], 60, 18)[0]


def test_positions_say_what_is_not_known_of_them() -> None:
    """No price, no cost, an exchange that states otherwise: each is a sign and words."""
    rows = PositionsReport(
        (
            position("DOGE", "3000", "0.0812", None, unknown_quantity=Decimal(2000)),
            position("XBT/USD:BTC", "5", "100", "101", side="short", difference=Decimal(-1)),
        )
    )
    shown = "\n".join(lines_of(screen(positions=rows), View(focus="positions"), 120, 40))
    assert "? 2,000 without cost" in shown
    assert "▲ stated nothing, -1 from ours" in shown
    assert "short" in shown


@pytest.mark.parametrize("name", STATES)
def test_what_is_painted_again_is_what_is_painted_anew(name: str) -> None:
    """The memory of what was drawn changes nothing, through changes of size, of focus and of the state."""
    memo = Memo()
    for width, height in [(120, 35), (80, 24), (120, 35), (60, 18)]:
        for view in (View(), View(focus="brokers"), View(range="all"), View()):
            for state in (STATES[name], screen()):
                again = dashboard_lines(state, view, width=width, height=height, memo=memo)
                anew = dashboard_lines(state, view, width=width, height=height)
                assert [line.plain for line in again] == [line.plain for line in anew]
