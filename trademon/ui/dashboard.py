"""The whole screen of `watch`: it fills exactly the width and height it is given and never scrolls.

The two questions come first: how much, per currency and never added up, and is it alive and complete. When the screen
shrinks, columns leave by importance, lists say how many more there are; P&L, state and errors stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.pnl_reports import PnlTotal
from trademon.core.watch_reports import WatchState
from trademon.ui.grid import flow
from trademon.ui.panels import (
    Look,
    Panel,
    brokers_panel,
    draw,
    executions_panel,
    healthy,
    money,
    problems_panel,
)
from trademon.ui.text import UNICODE, Glyphs, clip, format_age, format_clock, format_seconds, joined, plain, several

# Borders and three rows, or two and their titles: less than that is no list.
_LEAST_EXECUTIONS = 5
_LEAST_BROKERS = 3


def render_dashboard(state: WatchState, *, width: int, height: int, glyphs: Glyphs = UNICODE) -> RenderableType:
    """`state` as exactly `height` lines of at most `width` cells; made for 60x18 and more."""
    return Group(*(_ended(line) for line in dashboard_lines(state, width=width, height=height, glyphs=glyphs)))


def _ended(line: Text) -> Text:
    line.no_wrap, line.overflow, line.end = True, "crop", "\n"
    return line


def dashboard_lines(state: WatchState, *, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[Text]:
    """The lines of the screen, top to bottom."""
    look = Look(width, glyphs, state.now, several(b.user for b in state.brokers))
    head = _header(state, look, max(3, height // 5))
    body = _body(state, look, height - len(head) - 1)
    return [*head, *body, plain(" q quit", "dim")][:height]


# --- header -------------------------------------------------------------------------------------------------------


def _header(state: WatchState, look: Look, room: int) -> list[Text]:
    """Two lines where they fit; `room` bounds the lines of the totals."""
    totals = _totals(state.totals, look, room)
    health = _health(state, look)
    return _top(state, look) + (_beside(totals, health, look) or _both(totals, health, look))


def _top(state: WatchState, look: Look) -> list[Text]:
    """What is watched, and whether it is alive; the uptime leaves first, then the name of the watch is clipped."""
    up, cycle, following = _alive(state, look)
    number = plain(f"cycle {state.cycle:,}", "dim")
    title = _title(state, look, look.width)
    clipped = _title(state, look, look.width - number.cell_len - following.cell_len - 6)
    return (
        _beside([title], [up, cycle, following], look)
        or _beside([title], [cycle, following], look)
        or _beside([title], [number, following], look)
        or _beside([clipped], [number, following], look)
        or flow([clipped, number, following], look.width)
    )


def _title(state: WatchState, look: Look, room: int) -> Text:
    """`trademon · le-baff · fifo` within `room` cells, the middle clipped to no less than eight."""
    separator = f" {look.glyphs.idle} "
    around = len(f"trademon{separator}{separator}{state.method}")
    name = clip(state.title.replace("·", look.glyphs.idle), max(8, room - around), look.glyphs)
    dim = plain(separator, "dim")
    return joined(plain("trademon", "bold"), dim, plain(name), dim, plain(state.method))


def _beside(left: Sequence[Text], right: Sequence[Text], look: Look) -> list[Text]:
    """Both groups on one line, the right one at the right edge; nothing where they do not fit."""
    gap = Text("   ", no_wrap=True, end="")
    first, last = gap.join(left), gap.join(right)
    between = look.width - first.cell_len - last.cell_len
    if between < 3:
        return []
    return [Text(no_wrap=True, end="").append_text(first).append(" " * between).append_text(last)]


def _both(left: Sequence[Text], right: Sequence[Text], look: Look) -> list[Text]:
    return flow(left, look.width, indent=4, gap=3) + flow(right, look.width, gap=3)


def _alive(state: WatchState, look: Look) -> tuple[Text, Text, Text]:
    """Uptime, the cycle, when the next one comes."""
    up = plain(f"up {format_age((state.now - state.started_at).total_seconds())}", "dim")
    took = "" if state.cycle_seconds is None else f" in {format_seconds(state.cycle_seconds)}"
    cycle = plain(f"cycle {state.cycle:,}{took}", "dim")
    if state.next_at is None:
        return up, cycle, plain("asking now", "cyan")
    wait = (state.next_at - state.now).total_seconds()
    return up, cycle, plain(f"next in {format_age(wait)}" if wait > 0 else "next now", "dim")


def _totals(totals: Sequence[PnlTotal], look: Look, room: int) -> list[Text]:
    """`P&L +2,431.77 USDT`, one part a currency; those beyond `room` lines are counted."""
    if not totals:
        return [plain("P&L nothing realised yet", "dim")]
    parts = [_total(t, look) for t in totals]
    parts[0] = joined(plain("P&L ", "dim"), parts[0])
    shown = len(parts)
    while shown > 1 and len(flow(_with_rest(parts, shown), look.width, indent=4, gap=3)) > room:
        shown -= 1
    return _with_rest(parts, shown)


def _with_rest(parts: list[Text], shown: int) -> list[Text]:
    left = len(parts) - shown
    return parts[:shown] + ([plain(f"+ {left} more: trademon pnl", "dim")] if left else [])


def _total(total: PnlTotal, look: Look) -> Text:
    part = money(total.net, total.currency, "bold")
    return part.append(f" {look.glyphs.about} incomplete", "cyan") if total.incomplete else part


def _health(state: WatchState, look: Look) -> list[Text]:
    """Brokers that answer, the last execution, errors since the start."""
    good = sum(healthy(b) for b in state.brokers)
    words = f"brokers {good:,} of {state.brokers_total:,} ok" if state.brokers_total else "no broker yet"
    words = "no broker to ask" if state.manual else words
    brokers = plain(words, "" if 0 < good == state.brokers_total else "cyan")
    if state.executions:
        last = plain(f"last execution {format_clock(state.executions[0].fill.executed_at, now=state.now)}", "dim")
    else:
        last = plain("no execution yet", "dim")
    if state.errors_total:
        words = "1 error" if state.errors_total == 1 else f"{state.errors_total:,} errors"
        return [brokers, last, plain(f"{look.glyphs.fail} {words}", "red")]
    return [brokers, last, plain("no errors", "dim")]


# --- body ---------------------------------------------------------------------------------------------------------


def _body(state: WatchState, look: Look, height: int) -> list[Text]:
    """The panels on exactly `height` lines; executions take what the others leave."""
    problems = problems_panel(state.problems, max(2, height // 6), look)
    left = height - (problems.height if problems else 0)
    brokers, brokers_height = _brokers(state, look, left)
    left -= brokers_height
    # Only rows that will be seen are measured, so that none below the edge widens a column.
    executions = _executions(state, look, left - 2 - look.wide)
    lines = draw(brokers, brokers_height, look) + draw(executions, left, look)
    return lines + (draw(problems, problems.height, look) if problems else [])


def _executions(state: WatchState, look: Look, room: int) -> Panel:
    return executions_panel(state.executions, state.executions_total, max(1, room), look, brokers=state.brokers_total)


def _brokers(state: WatchState, look: Look, left: int) -> tuple[Panel, int]:
    """The panel and its lines: two fifths, or more where the executions need less; both keep their least."""
    wanted = brokers_panel(state.brokers, state.brokers_total, max(1, left), look, state.manual).height
    share = max(left * 2 // 5, left - _executions(state, look, left).height)
    height = max(min(wanted, share, left - _LEAST_EXECUTIONS), _LEAST_BROKERS + look.wide)
    panel = brokers_panel(state.brokers, state.brokers_total, height - 2 - look.wide, look, state.manual)
    return panel, min(height, panel.height)
