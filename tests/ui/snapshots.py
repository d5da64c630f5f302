"""`python -m tests.ui.snapshots` paints every screen of `tests/ui/screens` anew: then look at the difference.

A screen is what the dashboard shows of one situation at one size, as text; its name says which.
"""

from __future__ import annotations

from pathlib import Path

from tests.ui.world import MANY_BOOKS, OUTAGE, SIXTY, many_executions, screen, text_of
from trademon.ui.text import ASCII, UNICODE, Glyphs
from trademon.ui.watch.layout import render_dashboard

SCREENS = Path(__file__).with_name("screens")
SITUATIONS = {
    "three-brokers": screen(),
    "sixty-brokers": screen(brokers=SIXTY),
    "no-fills": screen(executions=(), earned=(), positions=None, automation=None),
    "many-fills": screen(executions=many_executions(500), executions_total=10_000, earned=MANY_BOOKS),
    "outage": screen(**OUTAGE),
}
SIZES = ((60, 18), (80, 24), (120, 35), (200, 60))


def painted(situation: str, width: int, height: int, glyphs: Glyphs) -> str:
    """The screen, a line a line, without spaces at the ends."""
    frame = render_dashboard(SITUATIONS[situation], width=width, height=height, glyphs=glyphs)
    return "".join(f"{line.rstrip()}\n" for line in text_of(frame, width).split("\n")[:height])


def cases() -> dict[str, tuple[str, int, int, Glyphs]]:
    """Every screen by its name; in ASCII each situation at one size."""
    found = {f"{s}-{w}x{h}": (s, w, h, UNICODE) for s in SITUATIONS for w, h in SIZES}
    for n, situation in enumerate(SITUATIONS):
        width, height = SIZES[n % len(SIZES)]
        found[f"{situation}-{width}x{height}-ascii"] = (situation, width, height, ASCII)
    return found


if __name__ == "__main__":
    SCREENS.mkdir(exist_ok=True)
    for name, case in cases().items():
        (SCREENS / f"{name}.txt").write_text(painted(*case), encoding="utf-8")
