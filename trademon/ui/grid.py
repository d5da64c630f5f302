"""One way to set rows in columns: nothing is cut, columns leave by importance, and what still does not fit is stacked.

Rich's own table shortens a number to `43127.…` when the width runs out. Here a row that does not fit is set as a block
of its own instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

Align = Literal["left", "right", "point"]
_AIR = 5


@dataclass(frozen=True, slots=True)
class Column:
    """`leaves` 0: never; otherwise the column with the highest number leaves first when the width runs out."""

    title: str
    align: Align = "left"
    leaves: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One cell a column, and a `note` that belongs to this row: beside it where there is room, else below it.

    `ruled`: a line is drawn above this row, as above a total.
    """

    cells: tuple[Text, ...]
    note: Text | None = None
    ruled: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns stay, how wide each is and where its decimal point stands, in cells."""

    kept: tuple[int, ...]
    widths: tuple[int, ...]
    points: tuple[int, ...]
    gaps: tuple[int, ...]

    @property
    def width(self) -> int:
        return sum(self.widths) + sum(self.gaps)

    def stretched(self, width: int) -> Layout:
        """The same over all of `width`: a little more air between columns, the last one at the right edge."""
        spare = width - self.width
        if len(self.gaps) < 2 or spare <= 0:
            return self
        air = min(_AIR, spare // (len(self.gaps) - 1))
        middle = tuple(gap + air for gap in self.gaps[1:-1])
        return replace(self, gaps=(0, *middle, self.gaps[-1] + spare - air * len(middle)))


def measure(columns: Sequence[Column], rows: Sequence[Row], kept: Sequence[int], *, gap: int, titles: bool) -> Layout:
    """The natural widths of the columns `kept`, in cells."""
    widths, points = [], []
    for index in kept:
        cells = [row.cells[index] for row in rows]
        point = max((point_at(cell.plain) for cell in cells), default=0)
        if columns[index].align == "point":
            width = point + max((cell.cell_len - point_at(cell.plain) for cell in cells), default=0)
        else:
            width = max((cell.cell_len for cell in cells), default=0)
        widths.append(max(width, cell_len(columns[index].title) if titles else 0))
        points.append(point + widths[-1] - width)
    gaps = tuple(gap if slot else 0 for slot in range(len(kept)))
    return Layout(tuple(kept), tuple(widths), tuple(points), gaps)


def point_at(text: str) -> int:
    """Cells before the decimal point; before the unit where there is no point."""
    number, _, _ = text.partition(" ")
    return cell_len(number.partition(".")[0])


def choose(columns: Sequence[Column], rows: Sequence[Row], width: int, *, gap: int, titles: bool) -> Layout:
    """The layout with the most columns within `width`; with only those that never leave where none fits.

    A column without a word in it is left out.
    """
    kept = [i for i in range(len(columns)) if any(row.cells[i].plain for row in rows)]
    while True:
        layout = measure(columns, rows, kept, gap=gap, titles=titles)
        leaving = [i for i in kept if columns[i].leaves]
        if layout.width <= width or not leaving:
            return layout
        kept.remove(max(leaving, key=lambda i: columns[i].leaves))


def title_line(columns: Sequence[Column], layout: Layout) -> Text:
    """The column titles, dim, each on the side its figures stand on."""
    line = Text(style="dim", no_wrap=True, end="")
    for slot, (index, width) in enumerate(zip(layout.kept, layout.widths, strict=True)):
        title = columns[index].title
        pad = " " * (width - cell_len(title))
        line.append(" " * layout.gaps[slot])
        line.append(title + pad if columns[index].align == "left" else pad + title)
    line.rstrip()
    return line


def row_line(columns: Sequence[Column], layout: Layout, row: Row) -> Text:
    """One row in its columns."""
    line = Text(no_wrap=True, end="")
    for slot, (index, width) in enumerate(zip(layout.kept, layout.widths, strict=True)):
        cell = row.cells[index]
        before = 0
        if columns[index].align == "point":
            before = layout.points[slot] - point_at(cell.plain)
        elif columns[index].align == "right":
            before = width - cell.cell_len
        line.append(" " * (before + layout.gaps[slot]))
        line.append_text(cell)
        line.append(" " * (width - before - cell.cell_len))
    line.rstrip()
    return line


def set_row(columns: Sequence[Column], layout: Layout, row: Row, width: int, *, right: bool = False) -> list[Text]:
    """A row with its note: one line where both fit, otherwise the note follows, indented or at the right edge."""
    line = row_line(columns, layout, row)
    if row.note is None:
        return [line]
    if layout.width + 2 + row.note.cell_len <= width:
        line.pad_right(layout.width - line.cell_len + 2)
        line.append_text(row.note)
        return [line]
    indent = max(4, width - row.note.cell_len) if right else 4
    return [line, *flow([row.note], width, first=indent, indent=4)]


def set_rows(
    columns: Sequence[Column], rows: Sequence[Row], width: int, *, gap: int = 2, titles: bool = True
) -> tuple[Text | None, list[list[Text]]]:
    """All rows over exactly `width` cells: the title line, and each row as its lines.

    Notes stand before the last column where that costs no other column.
    """
    columns, rows = _notes_as_column(columns, rows, width, gap=gap, titles=titles)
    layout, outliers = fit(columns, rows, width, gap=gap, titles=titles)
    layout = layout.stretched(width)
    blocks = [
        _as_block(row, width, layout.kept) if i in outliers else set_row(columns, layout, row, width, right=True)
        for i, row in enumerate(rows)
    ]
    return (title_line(columns, layout) if titles and layout.kept else None), blocks


def fit(
    columns: Sequence[Column], rows: Sequence[Row], width: int, *, gap: int, titles: bool
) -> tuple[Layout, frozenset[int]]:
    """A layout within `width`, and the rows that are not in it.

    The widest rows are taken out until the others fit, so that one absurd number does not change how all others look.
    """
    outliers: frozenset[int] = frozenset()
    while True:
        regular = [row for i, row in enumerate(rows) if i not in outliers]
        layout = choose(columns, regular, width, gap=gap, titles=titles)
        if layout.width <= width or not regular:
            return layout, outliers
        outliers |= {_widest(rows, layout, outliers)}


def _notes_as_column(
    columns: Sequence[Column], rows: Sequence[Row], width: int, *, gap: int, titles: bool
) -> tuple[Sequence[Column], Sequence[Row]]:
    """Columns and rows with the notes in a column before the last; as they were where a column had to leave for it."""
    if not any(row.note for row in rows):
        return columns, rows
    wider = [*columns[:-1], Column("", "right"), columns[-1]]
    filled = [Row((*r.cells[:-1], r.note or Text(end=""), r.cells[-1]), None, r.ruled) for r in rows]
    full = measure(wider, filled, range(len(wider)), gap=gap, titles=titles)
    return (wider, filled) if full.width <= width else (columns, rows)


def _as_block(row: Row, width: int, kept: Iterable[int]) -> list[Text]:
    """A row that is wider than the columns, in those columns that stay for all: a cell without a head is a riddle."""
    cells = [row.cells[i] for i in kept if row.cells[i].plain]
    return flow([*cells, *([row.note] if row.note else [])], width, indent=2)


def _widest(rows: Sequence[Row], layout: Layout, outliers: frozenset[int]) -> int:
    """The row that makes its columns widest."""
    left = [i for i in range(len(rows)) if i not in outliers]
    return max(left, key=lambda i: sum(rows[i].cells[k].cell_len for k in layout.kept))


# --- text in lines ------------------------------------------------------------------------------------------------


def wrap(text: Text, width: int) -> list[Text]:
    """`text` in lines of at most `width` cells, broken between words; a longer word is folded, never cut."""
    lines: list[Text] = []
    start, end = 0, len(text.plain)
    while start < end:
        stop = _prefix(text.plain, start, max(1, width))
        if stop < end and text.plain[stop] != " ":
            space = text.plain.rfind(" ", start, stop)
            stop = space if space > start else stop
        line = text[start:stop]
        line.rstrip()
        line.no_wrap, line.end = True, ""
        lines.append(line)
        start = stop
        while start < end and text.plain[start] == " ":
            start += 1
    return lines or [Text(no_wrap=True, end="")]


def _prefix(text: str, start: int, width: int) -> int:
    """The end of the longest piece from `start` that is at most `width` cells; at least one character."""
    used, stop = 0, start
    while stop < len(text):
        used += cell_len(text[stop])
        if used > width and stop > start:
            break
        stop += 1
    return stop


def flow(parts: Iterable[Text], width: int, *, first: int = 0, indent: int = 0, gap: int = 2) -> list[Text]:
    """Parts one after the other, a part that does not fit goes to the next line.

    The first line is indented by `first` cells, those that follow by `indent`.
    """
    lines: list[Text] = []
    current = Text(no_wrap=True, end="")
    for part in parts:
        if current.plain.strip() and current.cell_len + gap + part.cell_len <= width:
            current.append(" " * gap).append_text(part)
            continue
        if current.plain:
            lines.append(current)
        # A word as long as the line keeps whole only without the indent.
        hang = indent if _longest_word(part) <= width - indent else 0
        pad = hang if lines else min(first, hang) if part.cell_len > width - first else first
        head, *rest = wrap(part, width - max(pad, hang))
        current = _indented(head, pad)
        for line in rest:
            lines.append(current)
            current = _indented(line, hang)
    return [*lines, current] if current.plain else lines


def _longest_word(text: Text) -> int:
    return max((cell_len(word) for word in text.plain.split(" ")), default=0)


def _indented(line: Text, pad: int) -> Text:
    return Text(" " * pad, no_wrap=True, end="").append_text(line)


# --- as a renderable ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of a report for Rich: columns where the width allows, else one labelled block a row."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rule: str = "─"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(options.max_width):
            line.end = "\n"
            yield line

    def lines(self, width: int) -> list[Text]:
        """All lines within `width` cells. Up to a quarter of the rows may be too wide for the others' columns."""
        for gap in (2, 1):
            if not self._may_fit(width, gap):
                continue
            layout, outliers = fit(self.columns, self.rows, width, gap=gap, titles=True)
            if len(outliers) * 4 <= len(self.rows) and (not outliers or gap == 1):
                return self._in_columns(layout, outliers, width)
        return self._stacked(width)

    def _may_fit(self, width: int, gap: int) -> bool:
        """Whether three quarters of the rows, the narrowest, fit. Asked first: taking out the widest one by one until
        the others fit costs the square of their number."""
        narrow = sorted(self.rows, key=lambda row: sum(cell.cell_len for cell in row.cells))
        narrow = narrow[: len(narrow) - len(narrow) // 4]
        return choose(self.columns, narrow, width, gap=gap, titles=True).width <= width

    def _in_columns(self, layout: Layout, outliers: frozenset[int], width: int) -> list[Text]:
        lines = [title_line(self.columns, layout)]
        for i, row in enumerate(self.rows):
            if row.ruled:
                lines.append(Text(self.rule * layout.width, style="dim", no_wrap=True))
            lines += _as_block(row, width, layout.kept) if i in outliers else set_row(self.columns, layout, row, width)
        return lines

    def _stacked(self, width: int) -> list[Text]:
        lines: list[Text] = []
        for row in self.rows:
            lines += [*self._block(row, width), Text()]
        return lines

    def _block(self, row: Row, width: int) -> list[Text]:
        """One row, a line a cell: the title, then the value on the same line or, if too long, below."""
        label = max(cell_len(c.title) for c in self.columns) + 2
        lines: list[Text] = []
        for column, cell in zip(self.columns, row.cells, strict=True):
            if not cell.plain:
                continue
            head = Text(column.title.ljust(label), style="dim", no_wrap=True, end="")
            if label + cell.cell_len <= width:
                lines.append(Text(no_wrap=True, end="").append_text(head).append_text(cell))
            else:
                lines += [head, *flow([cell], width, indent=2)]
        return lines + (flow([row.note], width) if row.note else [])
