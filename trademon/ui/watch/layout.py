"""The whole screen of `watch`: it fills exactly the width and height it is given and never scrolls.

The two questions come first: how much, per currency and never added up, and is it alive and complete; then what needs a
look. When the screen shrinks, columns leave by importance, then panels fold, the one that keys move in last of all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from trademon.core.watch_figures import Summary
from trademon.core.watch_reports import Detail, WatchState
from trademon.ui.text import UNICODE, Glyphs, several
from trademon.ui.watch.brokers import brokers_panel
from trademon.ui.watch.detail import detail, help_lines
from trademon.ui.watch.executions import executions_panel
from trademon.ui.watch.frame import BORDERS, Look, Page, Panel, draw, frame, page_of
from trademon.ui.watch.header import footer, header
from trademon.ui.watch.lists import (
    PANELS,
    Key,
    PanelName,
    broker_key,
    by_severity,
    execution_key,
    listed_brokers,
    listed_executions,
    listed_positions,
    listed_problems,
    listed_symbols,
    position_key,
    problem_key,
    summary_of,
    symbol_key,
)
from trademon.ui.watch.positions import positions_panel, symbols_panel
from trademon.ui.watch.problems import automation_panel, problems_panel
from trademon.ui.watch.view import View
from trademon.ui.zone import local

_NAMES: Final[dict[PanelName, str]] = {
    "problems": "needs a look",
    "brokers": "brokers",
    "executions": "executions",
    "positions": "positions",
    "symbols": "P&L by symbol",
    "automation": "automation",
}


@dataclass(slots=True)
class Memo:
    """Panels as they were drawn last: what did not change is not drawn again, once a second, all day."""

    _kept: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)

    def of(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gave when `key` was last the same."""
        kept = self._kept.get(name)
        if kept is None or kept[0] != key:
            self._kept[name] = kept = (key, make())
        return kept[1]


def render_dashboard(
    state: WatchState,
    view: View | None = None,
    *,
    width: int,
    height: int,
    glyphs: Glyphs = UNICODE,
    found: Detail | None = None,
    memo: Memo | None = None,
) -> RenderableType:
    """`state` as exactly `height` lines of at most `width` cells; made for 60x18 and more.

    Args:
        state: What there is to show.
        view: What of it a person wants to see; by default as it begins.
        width: Cells.
        height: Lines.
        glyphs: The signs that the terminal can show.
        found: What the opened row came to, None where it is still being read.
        memo: What was drawn before, for whoever paints again and again.
    """
    lines = dashboard_lines(state, view, width=width, height=height, glyphs=glyphs, found=found, memo=memo)
    return Group(*(_ended(line) for line in lines))


def _ended(line: Text) -> Text:
    line.no_wrap, line.overflow, line.end = True, "crop", "\n"
    return line


def dashboard_lines(
    state: WatchState,
    view: View | None = None,
    *,
    width: int,
    height: int,
    glyphs: Glyphs = UNICODE,
    found: Detail | None = None,
    memo: Memo | None = None,
) -> list[Text]:
    """The lines of the screen, top to bottom."""
    view = view or View()
    return _Screen(state, view, Look(width, glyphs, state.now, _mixed(state)), memo or Memo()).lines(height, found)


def _mixed(state: WatchState) -> bool:
    return several(b.user for b in state.brokers)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in the body for one panel, or for two side by side. `least` lines show something of it, `wanted` show
    all, up to `share` of the body while others want lines, too."""

    names: tuple[PanelName, ...]
    least: int
    wanted: int
    share: float


@dataclass(frozen=True, slots=True)
class _Screen:
    state: WatchState
    view: View
    look: Look
    memo: Memo

    def lines(self, height: int, found: Detail | None) -> list[Text]:
        state, view, look = self.state, self.view, self.look
        summary = self._summary()
        head = header(state, view, summary, look, max(4 if height > 16 else 3, height // 6))[: max(1, height - 4)]
        room = height - len(head) - 1
        folded: list[str] = []
        if view.mode == "panels":
            body, folded = self._panels(summary, room)
        else:
            body = self._text(found, room)
        foot = footer(state, view, look, folded)
        body = [*body, *(Text() for _ in range(room - len(body)))][: max(0, room)]
        return [*head, *body, foot][-height:] if height < 3 else [*head, *body, foot][:height]

    def _summary(self) -> Summary:
        state, view = self.state, self.view
        key = (state.earned, view.range, state.now.date())
        summary: Summary = self.memo.of("summary", key, lambda: summary_of(state, view.range))
        return summary

    def _text(self, found: Detail | None, room: int) -> list[Text]:
        """A detail or the help over the whole body."""
        if self.view.mode == "help":
            title, lines = "help", help_lines(self.look)
        else:
            title, lines = detail(self.state, self.view, found, self.look)
        space = max(1, room - BORDERS)
        first = max(0, min(self.view.scroll, len(lines) - space))
        shown = lines[first : first + space]
        foot = f"lines {first + 1:,} to {first + len(shown):,} of {len(lines):,}" if len(lines) > space else ""
        shown += [Text() for _ in range(space - len(shown))]
        return frame(title, shown, foot, self.look, style="bold cyan")

    # --- panels -----------------------------------------------------------------------------------------------

    def _panels(self, summary: Summary, room: int) -> tuple[list[Text], list[str]]:
        """The body, and the names of panels that had to fold."""
        slots = self._slots(summary, room)
        kept = _kept(slots, room, self.view.focus)
        heights = _allotted(kept, room, self.view.focus)
        lines: list[Text] = []
        for slot in kept:
            lines += self._drawn(slot, heights[slot.names], summary)
        shown = {name for slot in kept for name in slot.names}
        hidden = [name for name in PANELS if name not in shown and (name != "problems" or self.state.problems)]
        return lines, [_NAMES[name] for name in hidden]

    def _slots(self, summary: Summary, room: int) -> list[_Slot]:
        """What there is to place, top to bottom."""
        state, view = self.state, self.view
        title = int(self.look.wide)
        slots: list[_Slot] = []
        if state.problems or view.focus == "problems":
            whole = self._panel_of_problems(99)
            least = BORDERS + min(2, len(whole.blocks[0]))  # what happened, and below it what mends it
            slots.append(_Slot(("problems",), least, whole.height, 0.2))
        count = BORDERS + title + max(1, len(listed_brokers(state, view.filter)))
        if not title and count <= 10:  # rows have their notes below them
            count = self._built("brokers", 99, self.look, summary).height
        slots.append(_Slot(("brokers",), min(count, BORDERS + title + 3), count, 0.35))
        least, count = 7 if room > 16 else 5, max(1, len(state.executions))
        slots.append(_Slot(("executions",), least, BORDERS + title + count, 0.5))
        positions = len(listed_positions(state, view.filter, view.currency))
        symbols = len(listed_symbols(summary, view.filter, view.currency))
        if self.look.wide:
            slots.append(_Slot(("positions", "symbols"), 6, BORDERS + 1 + max(1, positions, symbols), 0.35))
        else:
            slots.append(_Slot(("positions",), 5, BORDERS + title + max(1, positions), 0.2))
            slots.append(_Slot(("symbols",), 5, BORDERS + title + max(1, symbols), 0.2))
        users = len(state.automation.users) if state.automation else 1
        slots.append(_Slot(("automation",), 3, BORDERS + users, 0.1))
        return slots

    def _drawn(self, slot: _Slot, height: int, summary: Summary) -> list[Text]:
        """A slot on exactly `height` lines."""
        if len(slot.names) == 1:
            return self._panel(slot.names[0], height, self.look, summary)
        half = self.look.width // 2
        widths = (half, self.look.width - half)
        looks = [Look(w, self.look.glyphs, self.look.now, self.look.users_mixed) for w in widths]
        sides = [self._panel(name, height, look, summary) for name, look in zip(slot.names, looks, strict=True)]
        return [left.copy().append_text(right) for left, right in zip(*sides, strict=True)]

    def _panel(self, name: PanelName, height: int, look: Look, summary: Summary) -> list[Text]:
        """One panel, drawn anew only where something of it changed."""
        state, view = self.state, self.view
        key = (
            *(height, look.width, look.glyphs, view.focus == name, view.cursor(name), view.filter, view.currency),
            *(look.users_mixed, *_shown_in(name, state, summary), _time_shown(name, state.now)),
        )
        lines: list[Text] = self.memo.of(name, key, lambda: self._draw(name, height, look, summary))
        return lines

    def _draw(self, name: PanelName, height: int, look: Look, summary: Summary) -> list[Text]:
        panel = self._built(name, height, look, summary)
        return draw(replace(panel, focused=self.view.focus == name), height, look)

    def _built(self, name: PanelName, height: int, look: Look, summary: Summary) -> Panel:
        state, view = self.state, self.view
        room = height - BORDERS
        if name == "problems":
            return self._panel_of_problems(room)
        if name == "brokers":
            brokers = by_severity(listed_brokers(state, view.filter))
            page = self._page(name, [broker_key(b) for b in brokers], room - look.wide)
            return brokers_panel(brokers, page, state, summary, look, only=view.currency)
        if name == "executions":
            rows = listed_executions(state, view.filter, view.currency)
            is_narrowed = view.filter or view.currency is not None
            beyond = 0 if is_narrowed else max(0, state.executions_total - len(rows))
            page = self._page(name, [execution_key(row) for row in rows], room - look.wide)
            return executions_panel(rows, page, state, look, beyond=beyond, only=view.currency)
        if name == "positions":
            held = listed_positions(state, view.filter, view.currency)
            return positions_panel(held, self._page(name, [position_key(p) for p in held], room - 1), state, look)
        if name == "symbols":
            symbols = listed_symbols(summary, view.filter, view.currency)
            page = self._page(name, [symbol_key(row) for row in symbols], room - 1)
            method = "" if state.shown_method == state.method else state.shown_method
            return symbols_panel(symbols, page, summary, look, method=method)
        users = state.automation.users if state.automation else ()
        page = self._page(name, [(user.schedule.user,) for user in users], room)
        return automation_panel(state.automation, page, look)

    def _panel_of_problems(self, room: int) -> Panel:
        problems = listed_problems(self.state.problems)
        page = self._page("problems", [problem_key(problem) for problem, _ in problems], room)
        return problems_panel(problems, page, room, self.look)

    def _page(self, name: PanelName, keys: list[Key], room: int) -> Page:
        at = self.view.cursor(name).place(keys) if self.view.focus == name else None
        return page_of(len(keys), room, at)


def _shown_in(name: PanelName, state: WatchState, summary: Summary) -> tuple[object, ...]:
    """What a panel shows of the state."""
    figures = (state.earned, summary.range, state.now.date())
    of_panel: dict[PanelName, tuple[object, ...]] = {
        "problems": (state.problems,),
        "brokers": (state.brokers, state.manual, state.is_paused, *figures),
        "executions": (state.executions, state.executions_total, state.method, state.shown_method, state.brokers_total),
        "positions": (state.positions, state.method, state.shown_method),
        "symbols": (*figures, state.shown_method),
        "automation": (state.automation,),
    }
    return of_panel[name]


def _time_shown(name: PanelName, now: datetime) -> object:
    """The part of the time that a panel shows: ages to the second, or the day that clock times are of."""
    if name == "brokers":
        return now
    if name in ("positions", "automation"):
        return now.replace(second=now.second // 10 * 10, microsecond=0)
    return local(now).date()


# --- how many lines each gets -------------------------------------------------------------------------------------

_FOLDING: Final[tuple[PanelName, ...]] = ("automation", "symbols", "positions", "brokers", "executions", "problems")
"""Which panels fold first when there are too few lines."""


def _kept(slots: list[_Slot], room: int, focus: PanelName) -> list[_Slot]:
    """The slots that have their least lines; the one that keys move in folds last."""
    kept = list(slots)
    for name in _FOLDING:
        if sum(slot.least for slot in kept) <= room:
            break
        kept = [slot for slot in kept if name not in slot.names or focus in slot.names]
    if room < BORDERS + 1:
        return []
    return kept


def _allotted(slots: list[_Slot], room: int, focus: PanelName) -> dict[tuple[PanelName, ...], int]:
    """How many lines each slot has; together they are `room`."""
    heights = {slot.names: min(slot.least, room) for slot in slots}
    left = room - sum(heights.values())
    in_turn = sorted(slots, key=lambda slot: focus not in slot.names)
    for bounded in (True, False):
        for slot in in_turn:
            share = 0.5 if focus in slot.names else slot.share
            most = min(slot.wanted, max(slot.least, int(room * share))) if bounded else slot.wanted
            more = max(0, min(left, most - heights[slot.names]))
            heights[slot.names] += more
            left -= more
    if slots and left > 0:
        tallest = next((slot for slot in slots if "executions" in slot.names), slots[-1])
        heights[tallest.names] += left
    return heights
