"""The first lines of the dashboard, how much and whether it is alive; and the last one, which key does what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from trademon.core.watch_figures import Earned, Summary
from trademon.core.watch_reports import WatchState
from trademon.ui.grid import flow
from trademon.ui.text import ASCII, clip, format_age, format_clock, format_seconds, joined, plain
from trademon.ui.watch.brokers import RANGE_WORDS, healthy
from trademon.ui.watch.frame import Look, money
from trademon.ui.watch.positions import unrealized_by_currency
from trademon.ui.watch.spark import spark
from trademon.ui.watch.view import View

_GAP: Final = 3


def header(state: WatchState, view: View, summary: Summary, look: Look, room: int) -> list[Text]:
    """Two lines where they fit, at most `room`: then words of the errors leave, the last execution, the range, what is
    open."""
    figures = _figures(state, view, summary, look, max(1, room - 2))
    health, short = _health(state, look, since=" since the start"), _health(state, look, since="")
    top = _top(state, view, look)
    if beside := _beside(figures, health, look) or _beside(figures, short, look):
        return [*top, *beside]
    lines = [*top, *flow(figures, look.width, indent=4, gap=_GAP)]
    left = max(1, max(room, 3) - len(lines))
    if len(flow(health, look.width, gap=_GAP)) > left:
        health = short
    while len(health) > 1 and len(flow(health, look.width, gap=_GAP)) > left:
        health.pop()
    return [*lines, *flow(health, look.width, gap=_GAP)]


# --- what is watched, and whether it is alive ---------------------------------------------------------------------


def _top(state: WatchState, view: View, look: Look) -> list[Text]:
    """The uptime leaves first, then how long a cycle took, then the name of the watch is clipped."""
    up, cycle, following = _alive(state, look)
    number = plain(f"cycle {state.cycle:,}", "dim")
    title = _title(state, view, look, look.width)
    clipped = _title(state, view, look, look.width - number.cell_len - following.cell_len - 6)
    return (
        _beside([title], [up, cycle, following], look)
        or _beside([title], [cycle, following], look)
        or _beside([title], [number, following], look)
        or _beside([clipped], [number, following], look)
        or _beside([_title(state, view, look, look.width - following.cell_len - _GAP)], [following], look)
        or flow([clipped, following], look.width)
    )


def _title(state: WatchState, view: View, look: Look, room: int) -> Text:
    """`trademon · le-baff · fifo` within `room` cells, the middle clipped to no less than eight."""
    separator = f" {look.glyphs.idle} "
    method = joined(*_method(state, look))
    around = len(f"trademon{separator}{separator}") + method.cell_len
    name = clip(state.title.replace("·", look.glyphs.idle), max(8, room - around), look.glyphs)
    dim = plain(separator, "dim")
    parts = [plain("trademon", "bold"), dim, plain(name), dim, method]
    if view.filter or view.typing:
        parts += [dim, plain(f'filter "{view.filter}"', "cyan")]
    if view.currency is not None:
        parts += [dim, plain(f"{view.currency} only", "cyan")]
    return joined(*parts)


def _method(state: WatchState, look: Look) -> list[Text]:
    """What figures are by, as of when where they are older, and what is being worked out."""
    shown = state.shown_method or state.method
    parts = [plain(shown, "" if shown == state.method else "cyan")]
    if state.earned_at is not None:
        parts.append(plain(f" as of {format_clock(state.earned_at, now=look.now)}", "dim"))
    if state.working_out is not None:
        parts.append(plain(f" {look.glyphs.then} working out {state.working_out}", "cyan"))
    return parts


def _alive(state: WatchState, look: Look) -> tuple[Text, Text, Text]:
    """Uptime, the cycle, when the next one comes."""
    up = plain(f"up {format_age((state.now - state.started_at).total_seconds())}", "dim")
    took = "" if state.cycle_seconds is None else f" in {format_seconds(state.cycle_seconds)}"
    cycle = plain(f"cycle {state.cycle:,}{took}", "dim")
    if state.is_paused:
        words = "paused: nobody is asked, sign-ins are kept" if look.wide else "paused, sign-ins kept"
        return up, cycle, plain(f"{look.glyphs.warn} {words}", "bold cyan")
    if state.next_at is None:
        return up, cycle, plain("asking now", "cyan")
    wait = (state.next_at - state.now).total_seconds()
    return up, cycle, plain(f"next in {format_age(wait)}" if wait > 0 else "next now", "dim")


# --- how much -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """Figures of one stretch of time: `today +184.20 USDT -12.40 EUR`."""

    label: str
    earned: Sequence[Earned]
    has_curve: bool = False


def _figures(state: WatchState, view: View, summary: Summary, look: Look, room: int) -> list[Text]:
    """Today and in total, with the range and what is open where there is room; currencies beyond `room` lines are
    counted."""
    if not summary.total:
        return [plain("P&L nothing realised yet", "dim")]
    today = _Group("today", _only(summary.today, view), summary.range == "today")
    differs = summary.range in ("7d", "30d") and summary.within != summary.total
    total = _Group("total", _only(summary.total, view), summary.range != "today" and not differs)
    within = _Group(RANGE_WORDS[summary.range], _only(summary.within, view), has_curve=True)
    groups = [today, *([within] if differs else []), total]
    unrealized: list[Earned] = []
    if state.positions is not None and state.shown_method == state.method:  # they are at the cost that is kept
        unrealized = _only(unrealized_by_currency(state.positions), view)
    open_ = [_Group("open", sorted(unrealized, key=_like(summary.total)))] if unrealized else []
    cells = 8 if look.width < 120 else 12
    if look.glyphs is ASCII:  # beside an amount, a curve of dots and dashes reads as digits of it
        cells = 0
    for kept, curves in (([*groups, *open_], cells), ([today, total, *open_], cells), ([today, total], 0)):
        parts = _parts(kept, summary, look, curves)
        if len(flow(parts, look.width, indent=4, gap=_GAP)) <= room:
            return parts
    return _as_many(parts, look, room)


def _like(earned: Sequence[Earned]) -> Callable[[Earned], int]:
    """The place of a currency in the order of those above."""
    places = {one.currency: n for n, one in enumerate(earned)}
    return lambda one: places.get(one.currency, len(places))


def _only(earned: Sequence[Earned], view: View) -> list[Earned]:
    return [one for one in earned if view.currency in (None, one.currency)]


def _parts(groups: Sequence[_Group], summary: Summary, look: Look, cells: int) -> list[Text]:
    parts: list[Text] = []
    for group in groups:
        label = plain(f"{group.label} ", "dim")
        if not group.earned:
            parts.append(joined(label, plain(look.glyphs.none, "dim")))
        for n, one in enumerate(group.earned):
            has_room = not n or look.width >= 140
            curve = summary.curves.get(one.currency, ()) if group.has_curve and has_room else ()
            parts.append(joined(label if not n else plain(""), _figure(one, curve, look, cells)))
    return parts


def _figure(one: Earned, curve: Sequence[object], look: Look, cells: int) -> Text:
    part = money(one.net, one.currency, "bold")
    if one.incomplete:
        part = joined(part, plain(f" {look.glyphs.about}", "cyan"))
    drawn = spark(curve, cells, look.glyphs)  # type: ignore[arg-type]
    return joined(part, plain(" "), drawn) if drawn.plain else part


def _as_many(parts: list[Text], look: Look, room: int) -> list[Text]:
    """The first figures, as many as leave a word for the others."""
    for shown in range(len(parts), 0, -1):
        left = len(parts) - shown
        kept = parts[:shown] + ([plain(f"+ {left} more: trademon pnl", "dim")] if left else [])
        if len(flow(kept, look.width, indent=4, gap=_GAP)) <= room:
            return kept
    return parts[:1]


def _health(state: WatchState, look: Look, *, since: str) -> list[Text]:
    """Errors, with the words that say since when, brokers that answer, the last execution."""
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
        return [plain(f"{look.glyphs.fail} {words}{since}", "bold red"), brokers, last]
    return [plain("no errors", "dim"), brokers, last]


def _beside(left: Sequence[Text], right: Sequence[Text], look: Look) -> list[Text]:
    """Both groups on one line, the right one at the right edge; nothing where they do not fit."""
    gap = Text(" " * _GAP, no_wrap=True, end="")
    first, last = gap.join(left), gap.join(right)
    between = look.width - first.cell_len - last.cell_len
    if between < _GAP:
        return []
    return [Text(no_wrap=True, end="").append_text(first).append(" " * between).append_text(last)]


# --- which key does what ------------------------------------------------------------------------------------------

_KEYS: Final = (
    ("q", "quit", 0),
    ("p", "pause", 4),
    ("s", "scan", 3),
    ("tab", "panel", 2),
    ("enter", "detail", 5),
    ("/", "filter", 6),
    ("m", "method", 9),
    ("u", "currency", 8),
    ("r", "range", 7),
    ("?", "help", 0),
)
_TEXT_KEYS: Final = (("esc", "back", 0), ("up, down", "scroll", 1), ("q", "quit", 0))
_FILTER_KEYS: Final = (("enter", "keep it", 0), ("esc", "forget it", 0))


def footer(state: WatchState, view: View, look: Look, folded: Sequence[str]) -> Text:
    """The keys that fit, the less needed leave first; at the right the panels that are folded away."""
    if view.typing:
        typed = plain(f" /{view.filter}", "bold")
        return joined(typed, plain("_", "bold cyan"), plain("  "), _keys(_FILTER_KEYS, look.width - typed.cell_len - 3))
    if view.mode != "panels":
        return _keys(_TEXT_KEYS, look.width)
    keys = [(key, "resume" if key == "p" and state.is_paused else word, leaves) for key, word, leaves in _KEYS]
    line = _keys(keys, look.width)
    said = plain(f"tab: {', '.join(folded)}" if folded else "", "dim")
    between = look.width - line.cell_len - said.cell_len - 1
    return joined(line, plain(" " * between), said) if folded and between > 2 else line


def _keys(keys: Sequence[tuple[str, str, int]], width: int) -> Text:
    kept = list(keys)
    while len(kept) > 1 and sum(len(key) + len(word) + 3 for key, word, _ in kept) > width:
        leaving = max(kept, key=lambda one: one[2])
        if not leaving[2]:
            break
        kept.remove(leaving)
    line = plain("")
    for key, word, _ in kept:
        line = joined(line, plain(f" {key}", "bold"), plain(f" {word} ", "dim"))
    return line
