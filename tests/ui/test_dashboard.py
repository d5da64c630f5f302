"""The whole screen of watch, compared as text, and what must hold at every size."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from rich.cells import cell_len

from tests.ui.world import (
    BROKERS,
    EXECUTIONS,
    HOSTILE,
    NOW,
    PROBLEMS,
    SIXTY,
    broker,
    execution,
    fill,
    screen,
    text_of,
)
from trademon.core.pnl_reports import PnlTotal
from trademon.core.watch_reports import WatchState
from trademon.ui.dashboard import dashboard_lines, render_dashboard
from trademon.ui.text import ASCII, UNICODE, Glyphs, format_amount, format_price, format_quantity

BIG = (PnlTotal("USDT", Decimal("123456789012.345"), Decimal(0)), PnlTotal("BTC", Decimal("-0.00001234"), Decimal(0)))
STATES = {
    "three brokers": screen(),
    "problems": screen(problems=PROBLEMS),
    "hostile": screen(executions=(*HOSTILE, *EXECUTIONS) * 4, totals=BIG, problems=PROBLEMS, title="\x1b[2J" * 99),
    "sixty brokers": screen(brokers=SIXTY, executions=EXECUTIONS * 9, executions_total=1200),
    "mixed users": screen(brokers=(broker(), broker(user="bob"))),
    "first seconds": screen(brokers=(broker(state="new", net=()),), executions=(), totals=(), next_at=None, cycle=0),
    "nothing at all": screen(brokers=(), executions=(), totals=()),
}
SIZES = [(w, h) for w in (60, 61, 79, 80, 99, 100, 120, 163, 200, 240) for h in (18, 19, 24, 35, 50, 70)]


def lines(state: WatchState, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[str]:
    return text_of(render_dashboard(state, width=width, height=height, glyphs=glyphs), width).split("\n")[:-1]


def test_a_wide_screen_reads_so() -> None:
    """The two questions first, then brokers, executions with the unknown below the figure, and the keys."""
    assert lines(screen(), 106, 17) == [
        "trademon · ann · all brokers · fifo                      up 3 h 12 m   cycle 1,152 in 0.41 s   next in 6 s",
        "P&L +2,431.77 USDT ± incomplete   +98.10 EUR       brokers 1 of 3 ok   last execution 14:01:34   no errors",
        "╭─ brokers ──────────────────────────────────────────────────────────────────────────────────────────────╮",
        "│ broker        state                   seen   next   errors    ms   open   complete since           P&L │",
        "│ titres saxo   ✖ sign-in ends in 2 d    3 s               0   182      4   2025-11-02        -12.40 EUR │",
        "│ okx           ▲ waits 41 s             3 s   41 s        0   182      4   not yet             —        │",
        "╰───────────────────────────────────────────────────────────────────────────────────────────── + 1 more ─╯",
        "╭─ executions ───────────────────────────────────────────────────────────────────────────────────────────╮",
        "│ time        broker    symbol       side      quantity          price             fee               P&L │",
        "│ 14:01:34    main      BTC/USDT     sell        0.0015    47,000.00      0.07 USDT           +2.43 USDT │",
        "│ 14:00:57    main      ETH/USDT     buy         0.25       2,512.40      0.00025 USDT         ·         │",
        "│ 14:00:20    main      SOL/USDT     sell       12            141.22      0.07 USDT          +38.90 USDT │",
        "│                                                                                         ? fee unvalued │",
        "│ 13:59:43    main      DOGE/USDT    sell    5,000              0.0812    0.07 USDT            ?         │",
        "│                                                                                   ? 2,000 without cost │",
        "╰────────────────────────────────────────────────────────────────────────────────────────────────────────╯",
        " q quit",
    ]


def test_a_narrow_screen_reads_so() -> None:
    """Columns have left, words took the place of titles; P&L, state and what is unknown are still there."""
    assert lines(screen(problems=PROBLEMS[:1]), 79, 20) == [
        "trademon · ann · all brokers · fifo         cycle 1,152 in 0.41 s   next in 6 s",
        "P&L +2,431.77 USDT ± incomplete   +98.10 EUR",
        "brokers 1 of 3 ok   last execution 14:01:34   ✖ 1 error",
        "╭─ brokers ───────────────────────────────────────────────────────────────────╮",
        "│ main binance ● ok                  complete since 2025-11-02   +121.05 USDT │",
        "│ titres saxo  ✖ sign-in ends in 2 d complete since 2025-11-02    -12.40 EUR  │",
        "│ okx          ▲ waits 41 s          history not complete           —         │",
        "╰─────────────────────────────────────────────────────────────────────────────╯",
        "╭─ executions ────────────────────────────────────────────────────────────────╮",
        "│ 14:01:34 main BTC/USDT  sell     0.0015 @ 47,000.00   0.07 USDT       +2.43 │",
        "│ 14:00:57 main ETH/USDT  buy      0.25   @  2,512.40   0.00025 USDT     ·    │",
        "│ 14:00:20 main SOL/USDT  sell    12      @    141.22   0.07 USDT      +38.90 │",
        "│                                                              ? fee unvalued │",
        "│ 13:59:43 main DOGE/USDT sell 5,000      @      0.0812 0.07 USDT        ?    │",
        "│                                                        ? 2,000 without cost │",
        "╰─────────────────────────────────────────────────────────────────────────────╯",
        "╭─ needs a look ──────────────────────────────────────────────────────────────╮",
        "│ 14:02:14 ▲ okx: too many requests (429)  → waits until 14:02:55 UTC         │",
        "╰─────────────────────────────────────────────────────────────────────────────╯",
        " q quit",
    ]


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
        assert shown[-1].strip() == "q quit"


@pytest.mark.parametrize("name", STATES)
def test_totals_errors_and_health_are_never_left_out(name: str) -> None:
    """P&L per currency, brokers in order and the count of errors stand whole at every size."""
    state = STATES[name]
    for width, height in SIZES:
        head = " ".join(lines(state, width, height)[:6])
        assert all(f"{format_amount(t.net, t.currency)} {t.currency}" in head for t in state.totals)
        assert "brokers " in head
        assert (f"{state.errors_total} error" if state.errors_total else "no errors") in head


def test_figures_on_the_screen_are_whole_or_not_there_at_all() -> None:
    """Every decimal number in the executions is one of the state's figures to the last digit, and some are shown."""
    whole = {format_quantity(r.fill.quantity) for r in (*HOSTILE, *EXECUTIONS)}
    whole |= {format_price(r.fill.price) for r in (*HOSTILE, *EXECUTIONS)}
    whole |= {format_quantity(r.fill.fee) for r in (*HOSTILE, *EXECUTIONS)}
    whole |= {format_amount(r.net, r.currency) for r in (*HOSTILE, *EXECUTIONS) if r.net is not None}
    for width, height in SIZES:
        shown = "\n".join(lines(STATES["hostile"], width, height))
        panel = shown[shown.index("─ executions ") : shown.index("─ needs a look ")]
        found = re.findall(r"[+-]?\d[\d,]*\.\d+", panel)
        assert found, (width, height)
        assert set(found) <= whole, (width, height)


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
        for words in ("● ok", "sign-in ends in 2 d", "waits 41 s", "+121.05 USDT", "-12.40 EUR"):
            assert words in shown, (width, height)


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
    rows = [line for line in lines(screen(), 120, 24) if "/USDT" in line]
    points = {line.index(figure) + figure.index(".") for line, figure in zip(rows, ("0.0015", "0.25"), strict=False)}
    assert len(points) == 1
    prices = ("47,000.00", "2,512.40", "141.22", "0.0812")
    assert len({line.index(p) + p.index(".") for line, p in zip(rows, prices, strict=True)}) == 1


def test_long_lists_say_how_many_more_there_are_and_show_trouble_first() -> None:
    """Of sixty brokers the failed one is on top, the others are counted, as executions are: no command is named."""
    shown = lines(STATES["sixty brokers"], 120, 35)
    brokers = [line for line in shown if "acct-" in line]
    assert "acct-30" in brokers[0]
    assert "✖ failed ×4" in brokers[0]
    assert f"+ {60 - len(brokers)} more" in "\n".join(shown)
    executions = sum("/USDT" in line for line in shown)
    assert f" + {1200 - executions:,} more ─" in "\n".join(shown)
    assert "trademon fills" not in "\n".join(shown)


def test_what_needs_a_person_stands_first_with_its_remedy_whole() -> None:
    """Even at the smallest size the remedy of the sign-in is not cut; without problems the panel folds away."""
    shown = "\n".join(lines(screen(problems=PROBLEMS), 60, 18))
    assert "→ trademon broker login titres" in shown
    assert "+ 2 more" in shown
    assert "needs a look" not in "\n".join(lines(screen(), 60, 18))


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
    assert set(re.findall(r"\x1b\[([0-9;]*)m", colored)) <= {"0", "1", "2", "32", "31", "36", "1;32", "1;31"}


def test_all_problems_brokers_and_rows_are_plain_values() -> None:
    """The same state gives the same screen: nothing is read from a clock."""
    first = [line.plain for line in dashboard_lines(screen(brokers=BROKERS), width=90, height=30)]
    assert first == [line.plain for line in dashboard_lines(screen(brokers=BROKERS), width=90, height=30)]


def test_manual_brokers_alone_are_told_the_way() -> None:
    """There are brokers: none of them can be asked."""
    shown = " ".join(lines(screen(brokers=(), manual=("old", "older")), 120, 20))
    assert "no broker yet" not in shown
    assert "old and 1 more have no API to ask: trademon fills import FILE.csv --broker old" in shown
