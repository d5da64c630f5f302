"""What reaches the stream: no escape byte where none is wanted, and a terminal left as it was found."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from typing import TextIO

import pexpect
import pyte
import pytest
from rich.console import Console

from tests.ui.world import screen
from trademon.ui.console import can_draw, console_glyphs, make_console
from trademon.ui.text import ASCII
from trademon.ui.watch.keys import KeyDecoder
from trademon.ui.watch.screen import Screen


class Terminal(io.StringIO):
    """A stream that says it is a terminal and counts its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


@pytest.fixture
def tty_out(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


@pytest.fixture
def tty_in() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo terminal: ours to type into, and the program's stdin."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    for fd in (ours, theirs):
        os.close(fd)


def console_on(stream: Terminal, monkeypatch: pytest.MonkeyPatch, *, no_color: bool = False) -> Console:
    monkeypatch.setattr(sys, "stdout", stream)
    return make_console(no_color=no_color)


def shown(console: Console, stream: TextIO) -> str:
    console.print("a", style="bold red")
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def test_a_terminal_gets_colour(tty_out: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any wish to the contrary."""
    console = console_on(tty_out, monkeypatch)
    assert can_draw(console)
    assert "\x1b[" in shown(console, tty_out)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")])
def test_a_terminal_that_wants_none_gets_no_escape_byte(
    tty_out: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """NO_COLOR and TERM=dumb take bold away too, and forbid the dashboard."""
    monkeypatch.setenv(name, value)
    console = console_on(tty_out, monkeypatch)
    assert not can_draw(console)
    assert shown(console, tty_out) == "a\n"


def test_the_option_counts_as_much_as_the_environment(tty_out: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--no-color` gives no escape byte."""
    assert shown(console_on(tty_out, monkeypatch, no_color=True), tty_out) == "a\n"


def test_a_pipe_gets_text_whatever_force_color_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich would obey FORCE_COLOR; a file must not."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    console = make_console(no_color=False, stderr=True)
    assert not can_draw(console)
    assert shown(console, stream) == "a\n"


def test_an_ascii_stream_gets_plain_signs_and_survives_foreign_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chinese symbol becomes question marks instead of an error."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console = make_console(no_color=False)
    assert console_glyphs(console) is ASCII
    console.print("币")
    console.file.flush()
    assert raw.getvalue() == b"?\n"


@pytest.mark.parametrize(
    ("said", "is_plain"),
    [
        ({"LC_ALL": "C"}, True),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX"}, True),
        ({"LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8", "PYTHONUTF8": "1"}, False),
        ({}, False),
    ],
)
def test_a_terminal_whose_locale_is_not_utf8_gets_plain_signs(said: dict[str, str], is_plain: bool) -> None:
    """Python itself speaks UTF-8 in the locale C, whatever the terminal makes of it."""
    program = (
        "from trademon.ui.console import console_glyphs, make_console; from trademon.ui.text import ASCII\n"
        "print('plain' if console_glyphs(make_console(no_color=True)) is ASCII else 'signs')"
    )
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", **said}
    child = pexpect.spawn(sys.executable, ["-c", program], env=env, encoding="ascii")
    child.expect(pexpect.EOF)
    assert child.before is not None
    assert child.before.strip() == ("plain" if is_plain else "signs")


def test_a_pipe_in_such_a_locale_keeps_the_letters_of_names_and_has_plain_signs() -> None:
    program = (
        "from trademon.ui.console import console_glyphs, make_console; from trademon.ui.text import ASCII\n"
        "console = make_console(no_color=True); console.print('币', console_glyphs(console) is ASCII)"
    )
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    assert subprocess.check_output([sys.executable, "-c", program], env=env).decode() == "币 True\n"


def test_keys_have_names() -> None:
    """Characters as they are, arrows by name, unknown sequences not at all."""
    assert KeyDecoder().feed("q\x1b[A\x1b[15~é\r\x1b".encode()) == ["q", "up", "é", "enter", "escape"]


async def test_a_frame_is_one_write_and_shows_the_whole_screen(tty_out: Terminal, tty_in: tuple[int, int]) -> None:
    """Drawn into a terminal emulator, the lines stand where they belong."""
    console = Console(file=tty_out, force_terminal=True, width=100, height=24, color_system="standard")
    with Screen(console, stdin=tty_in[1]) as live:
        live.show(screen())
        before = len(tty_out.writes)
        live.show(screen(cycle=7))
        assert len(tty_out.writes) == before + 1
        emulator = pyte.Screen(100, 24)
        pyte.Stream(emulator).feed(tty_out.writes[-1].replace("\n", "\r\n"))
    assert emulator.display[0].startswith("trademon · ann · all brokers · fifo")
    assert "cycle 7" in emulator.display[0]
    assert emulator.display[23].startswith(" q quit")


async def test_a_key_arrives_without_enter(tty_out: Terminal, tty_in: tuple[int, int]) -> None:
    """Typed into the terminal, read by the loop."""
    pressed = asyncio.Event()
    console = Console(file=tty_out, force_terminal=True, width=100, height=24)
    with Screen(console, on_key=lambda key: pressed.set() if key == "q" else None, stdin=tty_in[1]):
        os.write(tty_in[0], b"xq")
        await asyncio.wait_for(pressed.wait(), 5)


def fail_inside(live: Screen) -> None:
    with live:
        live.show(screen())
        raise RuntimeError("boom")


async def test_the_terminal_is_given_back_after_a_fault(tty_out: Terminal, tty_in: tuple[int, int]) -> None:
    """Attributes, cursor and alternate screen, and giving back twice does no harm."""
    before = termios.tcgetattr(tty_in[1])
    console = Console(file=tty_out, force_terminal=True, width=100, height=24)
    live = Screen(console, stdin=tty_in[1])
    with pytest.raises(RuntimeError, match="boom"):
        fail_inside(live)
    assert termios.tcgetattr(tty_in[1]) == before
    tail = tty_out.getvalue()
    assert tail.rindex("\x1b[?1049l") > tail.rindex("\x1b[?1049h")
    assert tail.rindex("\x1b[?25h") > tail.rindex("\x1b[?25l")
    live.restore()
    assert tty_out.getvalue() == tail


async def test_without_a_terminal_for_stdin_there_are_just_no_keys(tty_out: Terminal) -> None:
    """`watch < /dev/null` draws all the same."""
    console = Console(file=tty_out, force_terminal=True, width=100, height=24)
    reading, writing = os.pipe()
    try:
        with Screen(console, stdin=reading) as live:
            live.show(screen())
    finally:
        os.close(reading)
        os.close(writing)
    assert "trademon" in tty_out.getvalue()
