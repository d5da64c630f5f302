"""Bars on standard error: after a second, as long as work is under way, and then as if they had never been."""

from __future__ import annotations

import io

import pyte
import pytest

from trademon.progress import Listener, Step
from trademon.ui.progress import SteadyConsole, bars


class Screen:
    """A terminal of some columns, a clock that is set by hand, and what one sees."""

    def __init__(self, width: int = 110, *, terminal: bool = True, encoding: str = "utf-8") -> None:
        self.raw = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
        self.console = SteadyConsole(
            file=self.raw,
            width=width,
            height=24,
            force_terminal=terminal,
            color_system="standard",
            no_color=not terminal,
            legacy_windows=False,
        )
        self.now = 0.0
        self.width = width

    def clock(self) -> float:
        return self.now

    @property
    def written(self) -> str:
        buffer = self.raw.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.raw.encoding)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        screen = pyte.Screen(self.width, 24)
        stream = pyte.Stream(screen)
        stream.feed(self.written.replace("\n", "\r\n"))
        return [line.rstrip() for line in screen.display if line.strip()]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


def hear(
    screen: Screen, listener: Listener | None, at: float, done: int, what: str = "booking old", note: str = ""
) -> None:
    assert listener is not None
    screen.now = at
    listener(Step(what, done, 1000, "fills", note))


def test_a_bar_stands_after_a_second_and_is_gone_at_the_end() -> None:
    """With rate and time left; the cursor is never hidden, since who is killed could not bring it back."""
    screen = Screen()
    with bars(screen.console, screen.clock) as listener:
        hear(screen, listener, 0.0, 0)
        hear(screen, listener, 0.9, 400)
        assert screen.written == ""
        hear(screen, listener, 2.0, 500, note="7 new")
        (line,) = screen.lines
        assert "booking old" in line
        assert "50 % 500 of 1,000 fills, 250 a second, 2 s left; 7 new" in line
        hear(screen, listener, 3.0, 1000)
        assert screen.lines == []
    assert "\x1b[?25" not in screen.written


def test_what_ends_within_a_second_is_never_seen() -> None:
    """A flash tells nobody anything."""
    screen = Screen()
    with bars(screen.console, screen.clock) as listener:
        hear(screen, listener, 0.0, 0)
        hear(screen, listener, 0.8, 1000)
        hear(screen, listener, 5.0, 0)  # the same again begins anew
        hear(screen, listener, 5.5, 900)
    assert screen.written == ""


def test_several_stand_below_each_other_until_the_last_has_ended() -> None:
    """Brokers that are read together."""
    screen = Screen()
    with bars(screen.console, screen.clock) as listener:
        for what in ("ann main", "ann other"):
            hear(screen, listener, 0.0, 0, what)
            hear(screen, listener, 2.0, 10, what)
        hear(screen, listener, 3.0, 20, "ann other")
        assert len(screen.lines) == 2
        hear(screen, listener, 4.0, 1000, "ann main")
        hear(screen, listener, 4.2, 30, "ann other")
        (line,) = screen.lines
        assert "ann other" in line


def test_what_breaks_off_leaves_nothing_behind() -> None:
    """An error is told below the prompt, not behind half a bar."""
    screen = Screen()

    def stopped() -> None:
        with bars(screen.console, screen.clock) as listener:
            hear(screen, listener, 0.0, 0)
            hear(screen, listener, 2.0, 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert "booking old" in screen.written
    assert screen.lines == []


@pytest.mark.parametrize("width", [40, 60, 80, 110])
def test_no_figure_is_cut_and_no_name_is_obeyed(width: int) -> None:
    """At any width; a name with escape codes and markup is text."""
    screen = Screen(width)
    with bars(screen.console, screen.clock) as listener:
        hear(screen, listener, 0.0, 0, "\x1b[2Jann [/] \x07x")
        hear(screen, listener, 2.0, 543, "\x1b[2Jann [/] \x07x")
        text = " ".join(" ".join(screen.lines).split())
    assert "\x07" not in screen.written
    assert "\x1b[2J" not in screen.written
    for word in ("543", "1,000", "272", "left"):
        assert word in text, text
    assert "…" not in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """Instead of an error in the middle of an import."""
    screen = Screen(encoding="ascii")
    with bars(screen.console, screen.clock) as listener:
        hear(screen, listener, 0.0, 0)
        hear(screen, listener, 2.0, 500)
        assert screen.written.isascii()
        assert "50 %" in screen.lines[0]


def test_nothing_is_drawn_without_a_terminal_or_on_a_dumb_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody to hear then."""
    with bars(Screen(terminal=False).console) as listener:
        assert listener is None
    monkeypatch.setenv("TERM", "dumb")
    with bars(Screen().console) as listener:
        assert listener is None


def test_work_of_unknown_length_shows_that_it_goes_on() -> None:
    """How long it has been at it."""
    screen = Screen()
    with bars(screen.console, screen.clock) as listener:
        assert listener is not None
        for at in (0.0, 9.0):
            screen.now = at
            listener(Step("bringing the store to schema 0014", 0, None, ""))
        assert screen.lines[0].endswith("9 s")
        assert "%" not in screen.lines[0]
