"""How far long work is: who hears of it, and what the long commands tell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from trademon.cli import main
from trademon.cli.watch_cmd import _to_its_end
from trademon.flows import csv_file
from trademon.progress import Count, Step, counted, heard_by, is_heard, tell
from trademon.store import booking, copies

ROWS = 9000
HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"


@pytest.fixture
def heard() -> Iterator[list[Step]]:
    """All that is told during a test."""
    steps: list[Step] = []
    with heard_by(steps.append):
        yield steps


# --- telling ------------------------------------------------------------------------------------------------------


def test_nobody_hears_what_is_told_without_a_listener() -> None:
    """And nothing is made of it: items are handed on as they are."""
    items = iter([1, 2])
    assert not is_heard()
    tell("work", 1, 2, "parts")
    assert counted(items, "work", 2, "parts") is items


def test_a_listener_hears_until_its_end(heard: list[Step]) -> None:
    """Within it another may stand, or none."""
    tell("work", 1, 2, "parts", "so far")
    with heard_by(None):
        assert not is_heard()
        tell("hidden", 1, 2, "parts")
    tell("work", 2, 2, "parts")
    assert heard == [Step("work", 1, 2, "parts", "so far"), Step("work", 2, 2, "parts")]
    assert [step.has_ended for step in heard] == [False, True]
    assert not Step("work", 7, None, "parts").has_ended


def test_items_are_counted_as_they_are_taken(heard: list[Step]) -> None:
    """The same items, and an end also where there were fewer than was thought."""
    assert list(counted("abcde", "letters", 9, "letters", every=2)) == list("abcde")
    assert [(step.done, step.total) for step in heard] == [(0, 9), (2, 9), (4, 9), (5, 5)]


def test_items_that_are_not_all_taken_end_too(heard: list[Step]) -> None:
    """No bar stays behind for what was given up."""
    for letter in counted("abcde", "letters", 5, "letters", every=1):
        if letter == "c":
            break
    assert heard[-1].has_ended


def test_what_is_gone_through_twice_is_half_done_after_once(heard: list[Step]) -> None:
    """And never more than all of it."""
    count = Count("books", 10, "fills", passes=2)
    for part in (10, 6, 100):
        count.add(part)
    count.end()
    assert [step.done for step in heard] == [0, 5, 8, 10, 10]


# --- who tells ----------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEMON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rising(steps: list[Step], what: str) -> list[Step]:
    """The steps of that work, none of which goes back, the last of which is its end."""
    mine = [step for step in steps if step.what == what]
    assert all(a.done <= b.done for a, b in pairwise(mine) if not b.has_ended)
    assert mine[-1].has_ended
    assert all(step.total is None or step.done <= step.total for step in mine)
    return mine


def test_import_rebuild_backup_and_restore_tell_how_far_they_are(
    home: Path, heard: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them by parts, and each of them its end."""
    monkeypatch.setattr(booking, "_BATCH", 500)
    monkeypatch.setattr(csv_file, "_TOLD_EVERY", 500)
    monkeypatch.setattr(copies, "_PAGES", 50)
    rows = (
        f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z,BTC/USDT,buy,1,{n + 1},,,,t{n}\n"
        for n in range(ROWS)
    )
    (home / "trades.csv").write_text(HEADER + "".join(rows))
    assert main(["broker", "add", "old", "--exchange", "manual"]) == 0
    assert main(["fills", "import", "trades.csv", "--broker", "old"]) == 0
    assert len(rising(heard, "reading trades.csv")) > 10
    assert len(rising(heard, "booking old")) > 10
    assert {step.total for step in heard if step.what == "booking old"} == {ROWS}
    assert main(["rebuild"]) == 0
    assert len(rising(heard, "deriving books")) > 10
    assert main(["db", "backup", "copy.db"]) == 0
    assert rising(heard, "copying the store")
    assert main(["db", "restore", "copy.db", "--yes"]) == 0
    assert len(rising(heard, "bringing the copy back")) > 2


def test_a_first_scan_tells_symbol_by_symbol(home: Path, heard: list[Step]) -> None:
    """With what it found so far."""
    assert main(["user", "add", "ann"]) == 0
    assert main(["broker", "add", "d1", "--exchange", "demo", "--user", "ann"]) == 0
    assert main(["scan", "--user", "ann"]) == 0
    steps = rising(heard, "ann d1")
    assert len(steps) > 20
    assert any(step.note.endswith(" new") for step in steps)


@pytest.mark.parametrize("words", [["--json"], ["-q"], []])
def test_no_bar_is_made_with_json_quiet_or_without_a_terminal(
    words: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even what would draw it."""
    if words:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "trademon.ui.progress", None)  # importing it fails
    assert main(["rebuild", *words]) == 0


def test_what_watch_does_is_told_to_nobody(heard: list[Step]) -> None:
    """Bars would stand in its screen."""

    async def watching() -> int:
        tell("ann main", 1, 2, "symbols")
        return 3

    assert _to_its_end(watching()) == 3
    assert heard == []
