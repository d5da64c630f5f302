"""What keys make of the view, of what was typed, and that nothing typed or sent by anybody breaks the screen."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from tests.ui.snapshots import SITUATIONS
from tests.ui.world import (
    EXECUTIONS,
    HOSTILE,
    NOW,
    PROBLEMS,
    book,
    broker,
    execution,
    fill,
    many_executions,
    position,
    screen,
    text_of,
)
from trademon.core.holding_reports import PositionsReport
from trademon.core.reports import Problem
from trademon.core.watch_reports import WatchState
from trademon.ui.text import ASCII, UNICODE
from trademon.ui.watch.keys import KeyDecoder
from trademon.ui.watch.layout import Memo, render_dashboard
from trademon.ui.watch.lists import PANELS
from trademon.ui.watch.view import Cursor, View, press

KEYS = (
    *("up", "down", "left", "right", "tab", "back tab", "enter", "escape", "page up", "page down", "home", "end"),
    *("backspace", "m", "u", "r", "/", "?", "g", "G", "j", "k", "x", "é", "币", "\u202e", "["),
)


def pressed(view: View, keys: str | tuple[str, ...], state: WatchState | None = None) -> View:
    for key in keys:
        view, _ = press(view, key, state or screen(problems=PROBLEMS))
    return view


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_sequence_cut_in_the_middle_waits_for_its_rest() -> None:
    """Whatever a terminal sends in one piece may arrive in two; an escape alone is a key at once."""
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b[") == []
    assert decoder.feed(b"A") == ["up"]
    assert decoder.feed("é".encode()[:1]) == []
    assert decoder.feed("é".encode()[1:]) == ["é"]
    assert decoder.feed(b"\x1b") == ["escape"]
    assert decoder.feed(b"\x1b[15~\x1b[Z\x1b[5~\x7fq\x00\xff") == ["back tab", "page up", "backspace", "q"]


@pytest.mark.parametrize(("key", "action"), [("q", "quit"), ("p", "pause"), ("s", "scan"), ("m", "method")])
def test_some_keys_ask_for_something(key: str, action: str) -> None:
    """The view says what is wanted; who does it is not its business."""
    assert press(View(), key, screen())[1] == action


def test_quitting_works_while_a_row_is_open_and_not_while_typing() -> None:
    """`q` is a letter in a filter, and the way out everywhere else."""
    assert press(View(mode="help"), "q", screen())[1] == "quit"
    view, action = press(View(typing=True), "q", screen())
    assert (view.filter, action) == ("q", None)


def test_panels_follow_each_other_in_both_directions() -> None:
    """`tab` reaches each once and comes back to the first."""
    seen = [view.focus for view in (pressed(View(), ("tab",) * n) for n in range(len(PANELS) + 1))]
    assert sorted(seen[:-1]) == sorted(PANELS)
    assert seen[0] == seen[-1]
    assert pressed(View(), ("tab", "left")) == View()


def test_a_selected_row_stays_selected_while_others_come_in() -> None:
    """A row that was moved to is held by what it is; at the first row, the newest is what stays selected."""
    old = screen(executions=many_executions(5))
    view = pressed(View(), ("down", "down"), old)
    new = screen(executions=(execution("1", fill(77)), *old.executions))
    assert view.cursor("executions") == Cursor(("ann", 3), 2)
    assert view.cursor("executions").place([("ann", row.fill.id) for row in new.executions]) == 3
    assert View().cursor("executions").place([("ann", 77), ("ann", 1)]) == 0
    assert view.cursor("executions").place([("ann", 9)]) == 0


def test_a_long_list_pages_and_says_which_part_it_shows() -> None:
    """Down to the last of 500: the selected row is on the screen, and the border says which rows these are."""
    state = screen(executions=many_executions(500), executions_total=10_000)
    for keys in (("end",), ("end", "up"), ("page down",) * 7, ("down",) * 13):
        view = pressed(View(), keys, state)
        shown = text_of(render_dashboard(state, view, width=120, height=35), 120)
        assert shown.count("│▸") == 1
        at = view.cursor("executions").place([("ann", row.fill.id) for row in state.executions]) + 1
        first, last = map(int, re.findall(r" (\d+) to (\d+) of 500 newest, 10,000 in all", shown)[0])
        assert first <= at <= last


def test_methods_currencies_and_ranges_go_round() -> None:
    """Each key comes back to where it began, through everything there is."""
    methods = [pressed(View(), "m" * n).method for n in range(5)]
    assert methods == [None, "lifo", "hifo", "average", None]
    mixed = screen(method="fifo / lifo")
    assert [pressed(View(), "m" * n, mixed).method for n in range(6)] == [
        *(None, "fifo", "lifo", "hifo", "average", None)
    ]
    assert [pressed(View(), "u" * n).currency for n in range(4)] == [None, "USDT", "EUR", None]
    assert pressed(View(), "u", screen(earned=(book("A/USDT", {0: "1"}),))).currency is None
    assert [pressed(View(), "r" * n).range for n in range(5)] == ["30d", "all", "today", "7d", "30d"]


def test_a_filter_is_typed_kept_and_forgotten() -> None:
    """`/` takes letters until enter or escape."""
    view = pressed(View(), ("/", "s", "o", "x", "backspace", "l"))
    assert (view.filter, view.typing) == ("sol", True)
    assert pressed(view, ("enter",)) == View(filter="sol")
    assert pressed(view, ("escape",)) == View()
    assert pressed(View(filter="sol"), ("escape",)) == View()


def test_enter_opens_the_row_and_escape_closes_it() -> None:
    """What is opened is named by what it goes by; an empty list has nothing to open."""
    view, action = press(View(focus="brokers"), "enter", screen())
    assert (view.mode, view.opened, action) == ("detail", ("brokers", ("ann", "titres")), "open")
    assert press(view, "escape", screen()) == (View(focus="brokers"), None)
    assert press(View(focus="problems"), "enter", screen()) == (View(focus="problems"), None)


# --- whatever comes -------------------------------------------------------------------------------------------------

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def hostile_names(count: int) -> list[str]:
    """Names as an attacker would list a coin: escape sequences, markup, direction marks, formulas, zero width."""
    dice = random.Random(7)
    parts = (
        "\x1b[2J",
        "\x1b]0;x\x07",
        "[/]",
        "[red]",
        "\u202e",
        "\u2066",
        "=CMD|' /C calc'!A0",
        "@SUM(1)",
        "\x9b31m",
        "\u200b",
    )
    letters = ("A", "币", "\n", "\r", "\t", "\x00", "💰", "e\u0301", "%s", "{x}", "\u200b")
    return ["".join(dice.choice(parts + letters) for _ in range(dice.randint(1, 9))) for _ in range(count)]


def test_a_hundred_hostile_names_put_no_control_byte_on_the_screen() -> None:
    """In every panel, in details and in the title, at several sizes: nothing a terminal acts upon, nothing raised."""
    for n, name in enumerate(hostile_names(100)):
        state = screen(
            title=name,
            executions=(
                execution("1.5", fill(n, symbol=name, broker=name, fee_currency=name), currency=name),
                *HOSTILE,
            ),
            earned=(book(name, {0: "12.5", 3: "-1"}, name, name),),
            brokers=(broker(name, exchange=name, note=name), broker(state="action", note=name)),
            problems=(Problem("x", name, name, name, "ann", 4, NOW),),
            positions=PositionsReport((position(name, "1", "2", "3", broker=name, currency=name),), (name,)),
        )
        width, height = ((60, 18), (80, 24), (120, 35), (200, 60))[n % 4]
        glyphs = ASCII if n % 2 else UNICODE
        for panel in PANELS:
            for view in (
                View(focus=panel, filter=name[:9] if n % 5 == 0 else ""),
                pressed(View(focus=panel), ("enter",), state),
            ):
                shown = text_of(render_dashboard(state, view, width=width, height=height, glyphs=glyphs), width)
                assert CONTROL.search(shown) is None, (name, panel)
                lines = shown.split("\n")[:-1]
                assert len(lines) == height
                assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize("seed", range(4))
def test_resizes_and_keys_at_random_while_fills_arrive(seed: int) -> None:
    """100 sizes and 200 keys: every frame is full, no wider and no longer than the terminal, and nothing is raised."""
    dice = random.Random(seed)
    states = [screen(problems=PROBLEMS), *SITUATIONS.values()]
    view, memo, rows = View(), Memo(), list(EXECUTIONS)
    state, width, height = states[0], 120, 35
    for step in range(200):
        if step % 2:
            width, height = dice.randint(1, 240), dice.randint(1, 70)
        if dice.random() < 0.2:
            state = dice.choice(states)
        rows.insert(0, execution("0.5", fill(1000 + step, symbol=dice.choice(hostile_names(9)))))
        state = replace(state, executions=tuple(rows[:500]), executions_total=len(rows))
        view, action = press(view, dice.choice(KEYS), state)
        assert action in (None, "method", "open")
        shown = text_of(render_dashboard(state, view, width=width, height=height, memo=memo), width)
        lines = shown.split("\n")[:-1]
        assert len(lines) == height
        assert all(cell_len(line) <= width for line in lines)
        assert CONTROL.search(shown) is None
