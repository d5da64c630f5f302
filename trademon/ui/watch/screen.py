"""The dashboard on a real terminal: alternate screen, single keys, resizing, and all left as it was found."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.live import Live

from trademon.core.watch_reports import Detail, WatchState
from trademon.ui.console import console_glyphs
from trademon.ui.watch.keys import KeyDecoder
from trademon.ui.watch.layout import Memo, render_dashboard
from trademon.ui.watch.view import View

_LEAVE: Final = "\x1b[?1049l\x1b[?25h\x1b[0m"


class Screen:
    """The alternate screen of `console`, for the length of a `with` block inside a running event loop.

    Args:
        console: Where to draw; a terminal (`console.can_draw`).
        on_key: Called with each key: a character, or a name such as `up`, `enter`, `escape`.
        on_resize: Called after the terminal changed its size; by default the last state is painted again.
        stdin: File descriptor the keys come from. Where it is no terminal, there are no keys.
    """

    def __init__(
        self,
        console: Console,
        *,
        on_key: Callable[[str], None] | None = None,
        on_resize: Callable[[], None] | None = None,
        stdin: int | None = None,
    ) -> None:
        self._console = console
        self._on_key = on_key
        self._on_resize = on_resize or self.repaint
        self._stdin = _stdin() if stdin is None else stdin
        self._live: Live | None = None
        self._shown: tuple[WatchState, View, Detail | None] | None = None
        self._memo = Memo()
        self._keys = KeyDecoder()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._saved: list[Any] | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        atexit.register(self.restore)
        try:
            self._enter_terminal()
            self._watch_signals(self._loop)
        except BaseException:
            self.restore()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()

    def show(self, state: WatchState, view: View | None = None, found: Detail | None = None) -> None:
        """Paint `state` as `view` wants it over the whole terminal, in one write."""
        self._shown = (state, view or View(), found)
        self.repaint()

    def repaint(self) -> None:
        """Paint what was shown last again, at the size the terminal has now."""
        if self._live is None or self._shown is None:
            return
        state, view, found = self._shown
        width, height = self._console.size
        glyphs = console_glyphs(self._console)
        frame = render_dashboard(state, view, width=width, height=height, glyphs=glyphs, found=found, memo=self._memo)
        self._live.update(frame, refresh=True)

    def restore(self) -> None:
        """Give the terminal back as it was found. Safe to call twice, and when the terminal is gone."""
        atexit.unregister(self.restore)
        self._forget_signals()
        self._leave_terminal()

    # --- terminal ---------------------------------------------------------------------------------------------

    def _enter_terminal(self) -> None:
        self._read_keys()
        # Output of others would be painted between two frames, so Live keeps it above the frame.
        self._live = Live(console=self._console, screen=True, auto_refresh=False)
        self._live.start()

    def _leave_terminal(self) -> None:
        live, self._live = self._live, None
        try:
            if live is not None:
                live.stop()
        except (OSError, ValueError):  # the terminal hung up, or the stream is closed
            self._leave_raw()
        finally:
            self._forget_keys()

    def _leave_raw(self) -> None:
        """The same escape sequences past Rich and its buffers, for what can still be reached."""
        with suppress(OSError, ValueError):
            os.write(self._console.file.fileno(), _LEAVE.encode())

    # --- keys -------------------------------------------------------------------------------------------------

    def _read_keys(self) -> None:
        """Single keys without Enter and without echo; Ctrl-C stays a signal."""
        if self._loop is None or not _in_foreground(self._stdin):
            return
        self._saved = termios.tcgetattr(self._stdin)
        tty.setcbreak(self._stdin, termios.TCSADRAIN)
        self._loop.add_reader(self._stdin, self._key_pressed)

    def _forget_keys(self) -> None:
        if self._saved is None:
            return
        saved, self._saved = self._saved, None
        self._forget_reader()
        with suppress(termios.error, OSError):
            termios.tcsetattr(self._stdin, termios.TCSADRAIN, saved)

    def _forget_reader(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._stdin)

    def _key_pressed(self) -> None:
        try:
            data = os.read(self._stdin, 256)
        except OSError:  # the terminal hung up
            data = b""
        if not data:
            self._forget_reader()
            return
        for key in self._keys.feed(data):
            if self._on_key is not None:
                self._on_key(key)

    # --- signals ----------------------------------------------------------------------------------------------

    def _watch_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        # Only the main thread may watch signals; elsewhere the screen still works, at its first size.
        with suppress(ValueError, RuntimeError):
            loop.add_signal_handler(signal.SIGWINCH, self._on_resize)
            loop.add_signal_handler(signal.SIGTSTP, self._suspend)

    def _forget_signals(self) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        with suppress(ValueError, RuntimeError):
            self._loop.remove_signal_handler(signal.SIGWINCH)
            self._loop.remove_signal_handler(signal.SIGTSTP)

    def _suspend(self) -> None:
        """Ctrl-Z: the shell gets its terminal back as it was, and `fg` brings the dashboard back."""
        self._leave_terminal()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter_terminal()
        self.repaint()


def _stdin() -> int:
    """The descriptor of stdin, or -1 where there is none."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return -1


def _in_foreground(fd: int) -> bool:
    """Whether `fd` is a terminal we may set: from the background that would stop the whole program."""
    try:
        return fd >= 0 and os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        # A terminal that is not our controlling one: nobody can stop us for setting it.
        return fd >= 0 and os.isatty(fd)
