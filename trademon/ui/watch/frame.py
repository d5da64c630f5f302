"""What all panels of the dashboard are made of: a frame on exactly so many lines, and the page of a list in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from rich.cells import cell_len
from rich.text import Text

from trademon.ui.text import Glyphs, clip, format_amount, joined, money_style, plain

WIDE: Final = 100
NAME_CELLS: Final = 24
BORDERS: Final = 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """What all panels share: `width` of the panel in cells, the signs, the time, whether users are mixed."""

    width: int
    glyphs: Glyphs
    now: datetime
    users_mixed: bool

    @property
    def wide(self) -> bool:
        return self.width >= WIDE

    @property
    def inner(self) -> int:
        """Cells between the borders and their spaces."""
        return max(1, self.width - 4)

    @property
    def gap(self) -> int:
        return 2 if self.wide else 1

    def owner(self, broker: str | None, user: str | None) -> str:
        """`main`, or `ann/main` where rows of several users are mixed."""
        name = clip(broker or "", NAME_CELLS, self.glyphs)
        return f"{clip(user, NAME_CELLS, self.glyphs)}/{name}" if self.users_mixed and user else name


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that a panel shows: rows `first` to before `last` of `total`, `at` the one that is selected.

    Rows may take several lines, so that fewer than these may be drawn in the end.
    """

    first: int
    last: int
    total: int
    at: int | None = None

    def of(self, rows: Sequence[T]) -> Sequence[T]:
        return rows[self.first : self.last]


def page_of(total: int, room: int, at: int | None) -> Page:
    """The page of `room` rows that the selected row is on; the first one where none is selected."""
    room = max(1, room)
    first = 0 if at is None else at // room * room
    return Page(first, min(total, first + room), total, at)


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel before it is drawn: `blocks` are whole rows of one to n lines, those of `page`. `beyond`: how many there
    are that the list itself does not hold."""

    title: str
    title_row: Text | None
    blocks: list[list[Text]]
    page: Page
    beyond: int = 0
    focused: bool = False
    loud: bool = False
    """Whether its title is to be seen first."""

    @property
    def height(self) -> int:
        """Lines it takes to show all blocks, borders included."""
        return BORDERS + (self.title_row is not None) + sum(len(b) for b in self.blocks)


def words_panel(title: str, words: Text, look: Look, *, focused: bool = False) -> Panel:
    """A panel without rows, which says why."""
    from trademon.ui.grid import wrap  # noqa: PLC0415

    return Panel(title, None, [wrap(words, look.inner)], Page(0, 0, 0), focused=focused)


def draw(panel: Panel, height: int, look: Look) -> list[Text]:
    """The panel on exactly `height` lines; the lower border says which rows they are, where they are not all."""
    body = [panel.title_row] if panel.title_row is not None and height > BORDERS + 1 else []
    first, last = _fitting(panel, height - BORDERS - len(body))
    marks = [" "] * len(body)
    room = height - BORDERS - len(body)
    for n in range(first, last):
        block = panel.blocks[n][:room]
        room -= len(block)
        body += block
        is_selected = panel.focused and panel.page.at == panel.page.first + n
        marks += [look.glyphs.mark if is_selected else " ", *" " * (len(block) - 1)][: len(block)]
    body += [Text() for _ in range(room)]
    marks += [" "] * room
    shown = (panel.page.first + first, panel.page.first + last)
    style = "bold cyan" if panel.focused else "bold red" if panel.loud else ""
    return frame(panel.title, body, _foot(panel, *shown), look, marks=marks, style=style)


def _fitting(panel: Panel, room: int) -> tuple[int, int]:
    """Which blocks fit: from the first on, or as many before the selected one as leave room for it."""
    blocks = panel.blocks
    at = None if panel.page.at is None else panel.page.at - panel.page.first
    first, last, used = 0, 0, 0
    while last < len(blocks) and (used + len(blocks[last]) <= room or last == first):
        used += len(blocks[last])
        last += 1
    if at is None or at < last:
        return first, last
    first, last, used = at, at + 1, len(blocks[at])
    while first > 0 and used + len(blocks[first - 1]) <= room:
        first -= 1
        used += len(blocks[first])
    return first, last


def _foot(panel: Panel, first: int, last: int) -> str:
    page = panel.page
    everything = page.total + panel.beyond
    if last - first >= everything:
        return ""
    if first == 0 and not panel.focused:
        return f"+ {everything - last:,} more"
    of = f"{page.total:,} newest, {everything:,} in all" if panel.beyond else f"{page.total:,}"
    return f"{first + 1:,} to {last:,} of {of}"


def frame(
    title: str,
    body: Sequence[Text],
    foot: str,
    look: Look,
    *,
    marks: Sequence[str] = (),
    style: str = "",
) -> list[Text]:
    """Borders around `body`, the title in its style in the upper one, `foot` in the lower; `marks` stand before the
    lines."""
    top_left, top_right, low_left, low_right, across, down = tuple(look.glyphs.borders)
    top = _edge(top_left, top_right, across, _fitted(title, look), look.width, style, left=True)
    low = _edge(low_left, low_right, across, _fitted(foot, look), look.width, "dim", left=False)
    signs = [*marks, *" " * (len(body) - len(marks))]
    return [top, *(_sides(line, down, look.inner, sign) for line, sign in zip(body, signs, strict=True)), low]


def _fitted(words: str, look: Look) -> str:
    return f" {clip(words, max(1, look.width - 6), look.glyphs)} " if words else ""


def _edge(first: str, last: str, across: str, words: str, width: int, style: str, *, left: bool) -> Text:
    fill = max(0, width - 3 - cell_len(words))
    line = Text(no_wrap=True, end="")
    line.append(first + across * (1 if left else fill), "dim")
    line.append(words, style)
    line.append(across * (fill if left else 1) + last, "dim")
    return line


def _sides(line: Text, down: str, inner: int, sign: str) -> Text:
    body = line.copy()
    body.truncate(inner, overflow="crop", pad=True)
    left = Text(no_wrap=True, end="").append(down, "dim").append(sign, "bold cyan")
    return left.append_text(body).append(" ").append(down, "dim")


def money(value: Decimal, currency: str, style: str = "") -> Text:
    """The figure in its colour, its unit dim."""
    figure = plain(format_amount(value, currency), f"{style} {money_style(value)}".strip())
    return joined(figure, plain(f" {currency}", "dim"))
