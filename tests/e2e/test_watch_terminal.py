"""`trademon watch --demo` as a person meets it: in a real terminal, and in a pipe."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

TRADEMON = Path(sys.executable).with_name("trademon")
pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEMON_", "AUTOMATION_"))}
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        kept.pop(name, None)
    return kept | {"TRADEMON_HOME": str(home), "TERM": "xterm-256color", "TZ": "UTC", "PYTHONUTF8": "1"}


class Terminal:
    """A command in a pseudo-terminal, its screen as a person sees it, and all it ever wrote."""

    def __init__(self, home: Path, columns: int, rows: int, *args: str) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.child = pexpect.spawn(
            str(TRADEMON),
            list(args),
            env=environment(home),
            dimensions=(rows, columns),
            timeout=5,
            cwd=str(home.parent),
        )
        self.before = termios.tcgetattr(self.child.child_fd)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def read(self, seconds: float = 0.1) -> bool:
        """Take in what comes; False at the end."""
        try:
            data = self.child.read_nonblocking(65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.written += data
        self._stream.feed(data)
        return True

    def wait_for(self, found: Callable[[str], object], seconds: float) -> None:
        """Until the screen shows it."""
        deadline = time.monotonic() + seconds
        while not found(self.text):
            assert time.monotonic() < deadline, f"not seen within {seconds} s:\n{self.text}"
            assert self.read(), f"it ended:\n{self.text}"

    def end(self, seconds: float = 3) -> int:
        """Its exit code, once it ended within so long; minus the signal where one killed it."""
        deadline = time.monotonic() + seconds
        while self.read(0.05):
            assert time.monotonic() < deadline, f"still there after {seconds} s"
        after = termios.tcgetattr(self.child.child_fd)
        self.child.close()
        self.settings_kept = after[:4] == self.before[:4]
        return -self.child.signalstatus if self.child.signalstatus else self.child.exitstatus

    def assert_sane(self) -> None:
        """Cursor shown, alternate screen left, settings as before."""
        assert self.written.rfind(b"\x1b[?25h") > self.written.rfind(b"\x1b[?25l")
        assert self.written.rfind(b"\x1b[?1049l") > self.written.rfind(b"\x1b[?1049h") >= 0
        assert self.settings_kept


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def make(columns: int = 120, rows: int = 35, *args: str) -> Terminal:
        opened.append(Terminal(tmp_path / "home", columns, rows, *(args or ("watch", "--demo", "--interval", "2"))))
        return opened[-1]

    yield make
    for terminal in opened:
        terminal.child.close(force=True)


def is_live(text: str) -> bool:
    """Both brokers ok and executions shown."""
    return (
        "binance" in text
        and "bitget" in text
        and len(re.findall(r"\bok\b", text)) >= 2
        and len(re.findall(r"\b(?:BTC|ETH|SOL|BNB|XRP|BGB)/(?:USDT|BTC)\b.*\b(?:buy|sell)\b", text, re.I)) >= 2
    )


@pytest.mark.parametrize(("columns", "rows"), [(120, 35), (80, 24)])
def test_the_demo_is_alive_within_fifteen_seconds_and_q_leaves(
    open_terminal: Callable[..., Terminal], columns: int, rows: int
) -> None:
    """Two brokers ok and executions, without a key; `q` ends with 0 and the terminal is as it was."""
    terminal = open_terminal(columns, rows)
    terminal.wait_for(is_live, 15)
    terminal.child.send("q")
    assert terminal.end() == 0
    terminal.assert_sane()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)], ids=["TERM", "INT", "HUP"]
)
def test_a_signal_ends_it_soon_and_leaves_the_terminal_sane(
    open_terminal: Callable[..., Terminal], number: int, code: int
) -> None:
    """128 + the signal, within three seconds."""
    terminal = open_terminal()
    terminal.wait_for(lambda text: "binance" in text and "bitget" in text, 15)
    terminal.child.kill(number)
    assert terminal.end() == code
    terminal.assert_sane()


def test_it_follows_the_size_of_the_terminal(open_terminal: Callable[..., Terminal]) -> None:
    """Smaller and greater again while it runs: the screen is painted anew, and it still leaves on `q`."""
    terminal = open_terminal()
    terminal.wait_for(is_live, 15)
    for columns, rows in ((80, 24), (140, 40)):
        terminal.child.setwinsize(rows, columns)
        terminal.screen.resize(rows, columns)
        terminal.screen.erase_in_display(2)
        terminal.wait_for(is_live, 5)
    terminal.child.send("q")
    assert terminal.end() == 0
    terminal.assert_sane()


_OURS = re.compile(rb"[^\x00-\x1f\x7f]+|\r?\n|\x1b\[\d*(?:;\d*)*[mHJK]|\x1b\[\?(?:25|1049)[hl]", re.DOTALL)
"""All that a terminal may be sent: text, line ends, colours, where to write, the alternate screen and the cursor."""
_KEYS = (
    "\t",
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\x1b[Z",
    "\r",
    "\x1b",
    "m",
    "u",
    "r",
    "s",
    "p",
    "/",
    "x",
    "?",
    "G",
    "\x1b[6~",
)


@pytest.mark.parametrize(
    ("resizes", "keys"), [(10, 20), pytest.param(100, 200, marks=pytest.mark.nightly)], ids=["a tenth", "all"]
)
def test_resizes_and_keys_at_random_while_it_runs(
    open_terminal: Callable[..., Terminal], resizes: int, keys: int
) -> None:
    """No exception, no byte that a terminal would act upon beyond what is ours; it still leaves on `q`, and sane."""
    dice = random.Random(5)
    terminal = open_terminal(120, 35, "watch", "--demo", "--interval", "1")
    terminal.wait_for(is_live, 15)
    for step in range(keys):
        if step % (keys // resizes) == 0:
            columns, rows = dice.randint(20, 240), dice.randint(6, 70)
            terminal.child.setwinsize(rows, columns)
            terminal.screen.resize(rows, columns)
        terminal.child.send(dice.choice(_KEYS))
        assert terminal.read(0.02), terminal.text
    terminal.child.send("\x1b\x1b\x1b")  # out of a filter, a detail or the help: there `q` may be a letter
    terminal.read(0.5)
    terminal.child.send("q")
    assert terminal.end(10) == 0, terminal.text
    terminal.assert_sane()
    assert _OURS.sub(b"", terminal.written) == b""
    assert b"Traceback" not in terminal.written


def test_without_a_terminal_it_tells_lines(tmp_path: Path) -> None:
    """[START], [EXEC], [PNL], two [SCAN] and [STOP], no escape byte, exit 0."""
    done = subprocess.run(
        [TRADEMON, "watch", "--demo", "--cycles", "2", "--interval", "2"],
        capture_output=True,
        text=True,
        timeout=40,
        env=environment(tmp_path / "home"),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert (words[0], words[-1], words.count("[SCAN]")) == ("[START]", "[STOP]", 2)
    assert {"[EXEC]", "[PNL]"} <= set(words)
    assert re.fullmatch(r"\[STOP\] \S+Z 2 cycles, \d+ new executions, 0 errors", done.stdout.splitlines()[-1])
    assert "\x1b" not in done.stdout
    assert not (tmp_path / "home" / "data").exists()


def test_with_json_each_line_is_an_event(tmp_path: Path) -> None:
    """Every line is one object, from start to stop, and nothing follows."""
    done = subprocess.run(
        [TRADEMON, "watch", "--demo", "--cycles", "2", "--interval", "1", "--json"],
        capture_output=True,
        text=True,
        timeout=40,
        env=environment(tmp_path / "home"),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [e["event"] for e in events]
    assert (kinds[0], kinds[-1], kinds.count("cycle")) == ("start", "stop", 2)
    assert kinds.count("fill") > 100
    assert {"broker", "user", "symbol", "side", "quantity", "price", "executed_at", "net"} <= events[1].keys()
