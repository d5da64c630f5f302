"""Long answers page by page: when, through what, and what that program is told."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from trademon import redaction
from trademon.ui.pager import show

LONG = Text("\n".join(f"line {n}" for n in range(60)))
PROGRAM = """
import os, sys
open({out!r}, "w").write(repr(dict(os.environ)) + "\\n" + sys.stdin.read({read}))
"""


class Screen:
    """A console on a terminal of 24 lines, and a pager that notes what it gets."""

    def __init__(self, root: Path, *, terminal: bool = True, colour: bool = True, read: int = -1) -> None:
        self.out = io.StringIO()
        self.console = Console(
            file=self.out,
            width=80,
            height=24,
            force_terminal=terminal,
            color_system="standard" if colour else None,
            no_color=not colour,
        )
        self.noted = root / "noted"
        program = root / "pager.py"
        program.write_text(PROGRAM.format(out=str(self.noted), read=read))
        self.pager = f"'{sys.executable}' '{program}'"

    def show(self, parts: Text, *, pager: str | None = None, **environ: str) -> str | None:
        """What the pager got, after its environment; None where it was not called."""
        show(self.console, parts, self.pager if pager is None else pager, environ)
        return self.noted.read_text() if self.noted.exists() else None


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


def test_what_is_longer_than_the_screen_is_paged(tmp_path: Path) -> None:
    """All of it goes to the pager, and nothing beside it."""
    screen = Screen(tmp_path)
    got = screen.show(LONG)
    assert got is not None
    assert "line 0\n" in got
    assert "line 59\n" in got
    assert screen.out.getvalue() == ""


@pytest.mark.parametrize("lines", [1, 23])
def test_what_fits_is_printed(lines: int, tmp_path: Path) -> None:
    """With a line for the prompt."""
    screen = Screen(tmp_path)
    assert screen.show(Text("\n".join("x" * lines))) is None
    assert screen.out.getvalue().count("x") == lines


def test_without_a_terminal_or_on_a_dumb_one_there_is_no_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets all of it at once."""
    for screen in (Screen(tmp_path, terminal=False), Screen(tmp_path, colour=False)):
        assert screen.show(LONG) is None
        assert "line 59" in screen.out.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    assert Screen(tmp_path).show(LONG) is None


@pytest.mark.parametrize("pager", ["", "cat", "no-such-pager --at-all", "'unclosed", "/etc/hostname"])
def test_a_pager_that_is_none_is_passed_over(pager: str, tmp_path: Path) -> None:
    """The answer is what matters: it is printed."""
    screen = Screen(tmp_path)
    assert screen.show(LONG, pager=pager) is None
    assert "line 59" in screen.out.getvalue()


def test_a_pager_that_is_left_early_is_no_fault(tmp_path: Path) -> None:
    """More than a pipe holds, of which three characters are read."""
    screen = Screen(tmp_path, read=3)
    got = screen.show(Text("\n".join("y" * 70 for _ in range(20_000))))
    assert got is not None
    assert got.endswith("yyy")
    assert screen.out.getvalue() == ""


def test_it_inherits_what_it_is_given_and_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is the one it is handed, with less's flags where it has none; a secret is masked in the text."""
    monkeypatch.setenv("MY_API_KEY", "from-the-outside")
    redaction.register("a-secret-of-the-store")
    got = Screen(tmp_path).show(Text(f"{LONG.plain}\na-secret-of-the-store"), PATH="/usr/bin")
    assert got is not None
    assert "MY_API_KEY" not in got
    assert "'LESS': 'FRX'" in got
    assert "a-secret-of-the-store" not in got
    own = Screen(tmp_path).show(LONG, LESS="-S")
    assert own is not None
    assert "'LESS': '-S'" in own
