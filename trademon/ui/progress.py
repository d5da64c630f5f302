"""How far long work is, as bars on standard error: after a second, gone when it ends, and never without a terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

from trademon.progress import Listener, Step
from trademon.ui.console import can_draw, console_glyphs
from trademon.ui.text import ASCII, format_age, plain, sentence

PATIENCE_S: Final = 1.0
"""What takes less is over before anybody has read that it is under way."""
_REPAINT_S: Final = 0.1
_BAR, _WIDE = 24, 90
_MOST: Final = 12
"""Bars at once; a terminal may be low, and brokers many."""


class SteadyConsole(Console):
    """Leaves the cursor as it is: whoever is killed under way leaves a terminal that has one."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


@contextlib.contextmanager
def bars(console: SteadyConsole, monotonic: Callable[[], float] = time.monotonic) -> Iterator[Listener | None]:
    """A listener that draws on `console` (standard error); None where nothing may be drawn."""
    if not can_draw(console):
        yield None
        return
    shown = _Bars(console, monotonic)
    try:
        yield shown.hear
    finally:
        shown.stop()


class _Bars:
    """`progress` stands on the screen while some work is under way, and a second of it is over."""

    def __init__(self, console: Console, monotonic: Callable[[], float]) -> None:
        self._console, self._monotonic = console, monotonic
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._painted_at = 0.0

    def hear(self, step: Step) -> None:
        now = self._monotonic()
        began = self._began.setdefault(step.what, now)
        if step.has_ended:
            self._end(step.what)
        elif now - began >= PATIENCE_S:
            self._show(step, now)

    def stop(self) -> None:
        """Take all of it away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        self._tasks.clear()

    def _show(self, step: Step, now: float) -> None:
        if self._progress is None:
            self._progress = self._made()
            self._progress.start()
        task = self._tasks.get(step.what)
        if task is None:
            if len(self._tasks) >= _MOST:
                return
            task = self._progress.add_task("", total=step.total, what=step.what, unit=step.unit, note="", took_s=0.0)
            self._tasks[step.what] = task
            self._painted_at = -_REPAINT_S
        took_s = now - self._began[step.what]
        self._progress.update(task, completed=step.done, total=step.total, note=step.note, took_s=took_s)
        if now - self._painted_at >= _REPAINT_S:
            self._painted_at = now
            self._progress.refresh()

    def _end(self, what: str) -> None:
        """The last one that ends takes the bars with it: whoever is asked something next sees no old ones."""
        self._began.pop(what, None)
        task = self._tasks.pop(what, None)
        if task is None or self._progress is None:
            return
        self._progress.remove_task(task)
        if not self._tasks:
            self.stop()

    def _made(self) -> Progress:
        spinner = SpinnerColumn("line" if console_glyphs(self._console) is ASCII else "dots")
        bar = [BarColumn(_BAR)] if self._console.width >= _WIDE else []
        return Progress(
            *(spinner, _What(), *bar, _Percent(table_column=Column(no_wrap=True)), _Figures()),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # it may be a pipe
        )


class _What(ProgressColumn):
    def render(self, task: Task) -> Text:
        return plain(task.fields["what"])


class _Percent(ProgressColumn):
    """Nothing where nobody knows how much there is to do."""

    def render(self, task: Task) -> Text:
        return plain("" if task.total is None else f"{task.percentage:>3.0f} %")


class _Figures(ProgressColumn):
    """`1,204 of 5,000 fills, 310 a second, 12 s left; 7 new`."""

    def render(self, task: Task) -> Text:
        done, total, took_s = int(task.completed), task.total, task.fields.get("took_s", 0.0)
        if not task.fields["unit"]:  # nobody can say how much there is to do
            return plain(format_age(took_s), "dim")
        said = f"{done:,}" + ("" if total is None else f" of {int(total):,}") + f" {task.fields['unit']}"
        if done and took_s > 0:
            rate = done / took_s
            said += f", {rate:,.0f} a second" if rate >= 10 else f", {rate:.1f} a second"
            if total is not None:
                said += f", {format_age((total - done) / rate)} left"
        note = task.fields["note"]
        return sentence(f"{said}; {note}" if note else said, "dim")
