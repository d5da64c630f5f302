"""What a person has chosen to see, and what each key makes of it. Nothing here is read from a store or a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from trademon.core.model import METHODS, Method
from trademon.core.watch_figures import RANGES, Range, currencies_of
from trademon.core.watch_reports import WatchState
from trademon.ui.watch.lists import PANELS, Key, PanelName, keys_of_rows

Mode = Literal["panels", "detail", "help"]
Action = Literal["quit", "pause", "scan", "method", "open"]
"""What a key asks of the program beside another view."""
_MOST_FILTER: Final = 40
_PAGE: Final = 10


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a person stands in a list: at the row of that key, or where it was, if that row is gone. At the first row
    nothing is held: new rows come in above."""

    key: Key | None = None
    index: int = 0

    def place(self, keys: list[Key]) -> int:
        """The row it stands at now."""
        if self.key is None or not keys:
            return 0
        return keys.index(self.key) if self.key in keys else min(self.index, len(keys) - 1)

    def moved(self, keys: list[Key], by: int) -> Cursor:
        at = max(0, min(len(keys) - 1, self.place(keys) + by))
        return Cursor(keys[at], at) if at > 0 else Cursor()


@dataclass(frozen=True, slots=True)
class View:
    """`focus` is the panel that keys move in; `scroll` the first line of a detail or the help; `opened` the row that a
    detail is of. `method` None: as books are kept; `currency` None: all. `typing`: keys go to the filter."""

    focus: PanelName = "executions"
    mode: Mode = "panels"
    cursors: Mapping[PanelName, Cursor] = field(default_factory=dict)
    scroll: int = 0
    opened: tuple[PanelName, Key] | None = None
    filter: str = ""
    typing: bool = False
    method: Method | None = None
    currency: str | None = None
    range: Range = "30d"

    def cursor(self, panel: PanelName) -> Cursor:
        return self.cursors.get(panel, Cursor())


def press(view: View, key: str, state: WatchState) -> tuple[View, Action | None]:
    """The view after a key, and what else the key asks for. A key without a meaning changes nothing.

    Args:
        view: As it was.
        key: A character, or a name such as `up`, `enter`, `escape`.
        state: What is shown: rows can be moved to where there are rows.
    """
    if view.typing:
        return _typed(view, key), None
    if key in _ACTIONS:
        return view, _ACTIONS[key]
    if view.mode != "panels":
        return _in_text(view, key), None
    if key == "enter":
        return _open(view, state)
    return _changed(view, key, state), "method" if key == "m" else None


_MOVES: Final[Mapping[str, int]] = {
    **{"up": -1, "k": -1, "down": 1, "j": 1},
    **{"page up": -_PAGE, "page down": _PAGE, "home": -(10**9), "g": -(10**9), "end": 10**9, "G": 10**9},
}
_TURNS: Final[Mapping[str, int]] = {"tab": 1, "right": 1, "l": 1, "back tab": -1, "left": -1, "h": -1}
_ACTIONS: Final[Mapping[str, Action]] = {"q": "quit", "Q": "quit", "p": "pause", "s": "scan"}


def _open(view: View, state: WatchState) -> tuple[View, Action | None]:
    keys = keys_of_rows(state, view.focus, view.filter, view.range, view.currency)
    if not keys:
        return view, None
    row = keys[view.cursor(view.focus).place(keys)]
    return replace(view, mode="detail", scroll=0, opened=(view.focus, row)), "open"


def _changed(view: View, key: str, state: WatchState) -> View:
    """A key that moves among rows and panels, or chooses what is shown."""
    if key in _MOVES:
        keys = keys_of_rows(state, view.focus, view.filter, view.range, view.currency)
        return replace(view, cursors={**view.cursors, view.focus: view.cursor(view.focus).moved(keys, _MOVES[key])})
    if key in _TURNS:
        return replace(view, focus=PANELS[(PANELS.index(view.focus) + _TURNS[key]) % len(PANELS)])
    choose = _CHOICES.get(key)
    return view if choose is None else choose(view, state)


_CHOICES: Final[Mapping[str, Callable[[View, WatchState], View]]] = {
    "/": lambda view, _: replace(view, typing=True),
    "escape": lambda view, _: replace(view, filter=""),
    "?": lambda view, _: replace(view, mode="help", scroll=0),
    "m": lambda view, state: replace(view, method=_next_method(view.method, state.method)),
    "u": lambda view, state: replace(view, currency=_next_currency(view.currency, state)),
    "r": lambda view, _: replace(view, range=RANGES[(RANGES.index(view.range) + 1) % len(RANGES)]),
}


def _next_method(now: Method | None, kept: str) -> Method | None:
    """Round and round: as books are kept, then by each method that they are not all kept by."""
    others: list[Method | None] = [None, *(method for method in METHODS if method != kept)]
    return others[(others.index(now) + 1) % len(others)] if now in others else None


def _next_currency(now: str | None, state: WatchState) -> str | None:
    """Round and round: all, then each alone. With one currency there is nothing to choose."""
    found = currencies_of(state.earned)
    choices: list[str | None] = [None, *found] if len(found) > 1 else [None]
    return choices[(choices.index(now) + 1) % len(choices)] if now in choices else None


def _typed(view: View, key: str) -> View:
    """A key while the filter is typed."""
    if key == "enter":
        return replace(view, typing=False)
    if key == "escape":
        return replace(view, typing=False, filter="")
    if key == "backspace":
        return replace(view, filter=view.filter[:-1])
    if len(key) == 1 and len(view.filter) < _MOST_FILTER:
        return replace(view, filter=view.filter + key)
    return view


def _in_text(view: View, key: str) -> View:
    """A key while a detail or the help is open."""
    if key in _MOVES:
        return replace(view, scroll=max(0, min(10**6, view.scroll + _MOVES[key])))
    if key in ("escape", "enter", "backspace", "left", "?"):
        return replace(view, mode="panels", scroll=0, opened=None)
    return view
