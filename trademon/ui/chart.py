"""The curve of what was earned so far, drawn in characters.

plotext sets the dots; labels are ours, so that money and dates read as everywhere else. Dots are made of floats, which
touch no figure. plotext is imported where a curve is drawn and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from trademon.core.pnl_reports import NetCurve
from trademon.core.times import to_us
from trademon.ui.grid import flow
from trademon.ui.text import UNICODE, Glyphs, format_amount, format_money, format_stamp, money_style, plain

HEIGHT: Final = 12
LOWEST_WIDTH: Final = 16
_STEPS: Final = tuple(Decimal(n) for n in ("1", "2", "2.5", "5", "10"))
_ESCAPE: Final = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True, slots=True)
class Scale:
    """Which amounts the rows of a chart stand for: from `low` to `high`, with `ticks` between them."""

    low: Decimal
    high: Decimal
    ticks: tuple[Decimal, ...]

    def row(self, amount: Decimal, height: int) -> int:
        """The row an amount lies in, counted from the top."""
        share = (self.high - amount) / (self.high - self.low)
        return min(height - 1, int(share * height))


def scale_of(amounts: Sequence[Decimal], rows: int) -> Scale:
    """From the lowest to the highest amount, zero among them, with a round tick at most every third row."""
    low, high = min(*amounts, Decimal(0)), max(*amounts, Decimal(0))
    if low == high:
        high = Decimal(1)
    step = _round_step((high - low) / max(1, rows // 3))
    first, last = (low / step).to_integral_value(ROUND_CEILING), (high / step).to_integral_value(ROUND_FLOOR)
    return Scale(low, high, tuple(step * n for n in range(int(first), int(last) + 1)))


def _round_step(raw: Decimal) -> Decimal:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = Decimal(1).scaleb(raw.adjusted())
    return next(step * power for step in _STEPS if step * power >= raw)


@dataclass(frozen=True, slots=True)
class Chart:
    """One curve for Rich, as wide as there is room; with ASCII signs it is made of ASCII alone."""

    curve: NetCurve
    glyphs: Glyphs = UNICODE

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(options.max_width):
            line.end = "\n"
            yield line

    def lines(self, width: int) -> list[Text]:
        """Title, canvas with amounts at its left, dates below it."""
        amounts = [amount for _, amount in self.curve.points]
        scale = scale_of(amounts, HEIGHT)
        labels = {scale.row(tick, HEIGHT): format_amount(tick, self.curve.currency) for tick in scale.ticks}
        margin = max(cell_len(label) for label in labels.values()) + 2
        room = width - margin
        if room < LOWEST_WIDTH:
            return flow([_title(self.curve)], width, indent=2)
        zero = scale.row(Decimal(0), HEIGHT)
        canvas = _dots(self.curve, scale, room, ascii_only=self.glyphs.rule.isascii())
        rows = [
            self._line(labels.get(n, ""), dots, margin, room, above=n <= zero, axis=n == zero)
            for n, dots in enumerate(canvas)
        ]
        return [*flow([_title(self.curve)], width, indent=2), *rows, *_dates(self.curve.points, margin, room)]

    def _line(self, label: str, dots: str, margin: int, room: int, *, above: bool, axis: bool) -> Text:
        line = Text(no_wrap=True, end="")
        line.append(label.rjust(margin - 2), "dim").append("  ")
        for run in re.finditer(r" +|[^ ]+", dots.ljust(room)):
            if run[0][0] != " ":
                line.append(run[0], "green" if above else "red")
            else:
                line.append(self.glyphs.rule * len(run[0]) if axis else run[0], "dim")
        line.rstrip()
        return line


def _title(curve: NetCurve) -> Text:
    last = curve.points[-1][1]
    line = Text(no_wrap=True, end="").append("realised so far ", "dim")
    return line.append_text(plain(format_money(last, curve.currency), money_style(last)))


def _dots(curve: NetCurve, scale: Scale, width: int, *, ascii_only: bool) -> list[str]:
    """The rows of the canvas, without colour."""
    import plotext as plt  # noqa: PLC0415 - 80 ms, for a curve alone

    times, nets = _stairs(curve.points)
    plt.clear_figure()
    plt.plot_size(width, HEIGHT)
    plt.frame(False)
    plt.xticks([])
    plt.yticks([])
    plt.xlim(times[0], max(times[-1], times[0] + 1))
    plt.ylim(float(scale.low), float(scale.high))
    plt.plot(times, nets, marker="*" if ascii_only else "braille")
    drawn = _ESCAPE.sub("", plt.build()).split("\n")
    return [row.rstrip() for row in (*drawn, *[""] * HEIGHT)[:HEIGHT]]


def _stairs(points: Sequence[tuple[datetime, Decimal]]) -> tuple[list[float], list[float]]:
    """What was earned stays until the next disposal: two dots a point, not a slope between them."""
    times, nets, before = [], [], 0.0
    for at, amount in points:
        moment, net = to_us(at) / 1e6, float(amount)
        times += [moment, moment]
        nets += [before, net]
        before = net
    return times, nets


def _dates(points: Sequence[tuple[datetime, Decimal]], margin: int, room: int) -> list[Text]:
    """Beginning, middle and end below the canvas; the day alone where it is enough."""
    first, last = points[0][0], points[-1][0]
    fine = last - first < timedelta(days=3)
    stamps = [format_stamp(at)[: 16 if fine else 10] for at in (first, first + (last - first) / 2, last)]
    if first == last:
        return [Text(" " * margin + stamps[0], style="dim", no_wrap=True, end="")]
    start, middle, end = stamps
    gap = room - sum(map(len, stamps))
    if gap < 4:
        middle, gap = "", room - len(start) - len(end)
    if gap < 1:
        return [Text(" " * margin + end.rjust(room), style="dim", no_wrap=True, end="")]
    left = max(1, (room - len(middle)) // 2 - len(start))
    line = start + (" " * left + middle if middle else "")
    return [Text(" " * margin + line + end.rjust(room - len(line)), style="dim", no_wrap=True, end="")]
