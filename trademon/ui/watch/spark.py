"""A small curve in one line of text: what was earned so far. It is drawn from floats, which touch no figure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.text import Text

from trademon.ui.text import Glyphs, money_style, plain


def spark(curve: Sequence[Decimal], cells: int, glyphs: Glyphs) -> Text:
    """The curve in at most `cells` cells, zero among its heights; empty where nothing moved. Its colour is that of how
    it ended, which the figure beside it says too."""
    if not curve or cells < 1:
        return plain("")
    points = _sampled([float(value) for value in curve], cells)
    low, high = min(0.0, *points), max(0.0, *points)
    steps, height = glyphs.steps, (high - low) or 1.0
    shown = "".join(steps[min(len(steps) - 1, int((point - low) / height * len(steps)))] for point in points)
    return plain(shown, f"dim {money_style(curve[-1])}".rstrip())


def _sampled(points: Sequence[float], cells: int) -> list[float]:
    """The points themselves, or the last one of each of `cells` stretches of equal length."""
    if len(points) <= cells:
        return list(points)
    return [points[(n + 1) * len(points) // cells - 1] for n in range(cells)]
