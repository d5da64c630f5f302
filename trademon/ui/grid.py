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
    """`leaves` 0: never; otherwise the column with the highest number leaves first when the width runs out.

    `money`: an amount in the unit that stands in the row's column without a title.
    """

    title: str
    align: Align = "left"
    leaves: int = 0
    money: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One cell a column, and a `note` that belongs to this row: beside it where there is room, else below it.

    `ruled`: a line is drawn above this row, as above a total. `total`: its first cell with a word is its name.
    """

    cells: tuple[Text, ...]
    note: Text | None = None
    ruled: bool = False
    total: bool = False

    def only(self, keep: Sequence[int]) -> Row:
        """The same row with these cells."""
        return replace(self, cells=tuple(self.cells[i] for i in keep))


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
    # Where no row fits at all there is no layout, and each has what never leaves.
    kept = layout.kept or [i for i, column in enumerate(columns) if not column.leaves]
    blocks = [
        _as_block(row, width, kept) if i in outliers else set_row(columns, layout, row, width, right=True)
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
    filled = [Row((*r.cells[:-1], r.note or Text(end=""), r.cells[-1]), None, r.ruled, r.total) for r in rows]
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


def _with_unit(column: Column, cell: Text, unit: Text) -> Text:
    """An amount with its unit; what is no number has none."""
    if not column.money or not any(char.isdigit() for char in cell.plain):
        return cell
    return Text(no_wrap=True, end="").append_text(cell).append(" ").append_text(unit)


def _longest_word(text: Text) -> int:
    return max((cell_len(word) for word in text.plain.split(" ")), default=0)


def _indented(line: Text, pad: int) -> Text:
    return Text(" " * pad, no_wrap=True, end="").append_text(line)


# --- as a renderable ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of a report for Rich: columns where the width allows, else one labelled block a row. `remedy` says how to
    see a column that had to leave."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rule: str = "─"
    remedy: str = "a wider terminal, or --json"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(options.max_width):
            line.end = "\n"
            yield line

    def lines(self, width: int) -> list[Text]:
        """All lines within `width` cells. A few rows may be too wide for the others' columns."""
        found = self._fitted(width)
        return self._stacked(width) if found is None else self._in_columns(*found, width)

    def shows(self, title: str, width: int) -> bool:
        """Whether the column of that title stands there at `width`."""
        index = next((i for i, column in enumerate(self.columns) if column.title == title), None)
        if index is None or not any(row.cells[index].plain for row in self.rows):
            return False
        found = self._fitted(width)
        return found is None or index in found[0].kept

    def _fitted(self, width: int) -> tuple[Layout, frozenset[int]] | None:
        """The columns, and the rows too wide for them, which are set as blocks; None where all rows are."""
        for gap in (2, 1):
            if not self._may_fit(width, gap):
                continue
            layout, outliers = fit(self.columns, self.rows, width, gap=gap, titles=True)
            if not outliers or (gap == 1 and self._may_stand_out(outliers)):
                return layout, outliers
        return None

    @property
    def _most_outliers(self) -> int:
        """A quarter of the rows; two in a short table, where a book of many digits makes its total as wide."""
        return max(len(self.rows) // 4, min(2, len(self.rows) - 1))

    def _may_stand_out(self, outliers: frozenset[int]) -> bool:
        """Whether what is left is worth columns: a total alone is none."""
        left = [row for i, row in enumerate(self.rows) if i not in outliers]
        return len(outliers) <= self._most_outliers and not all(row.total for row in left)

    def _may_fit(self, width: int, gap: int) -> bool:
        """Whether the narrowest rows fit without as many as may stand out. Asked first: taking out the widest one by
        one until the others fit costs the square of their number."""
        stay = [i for i, column in enumerate(self.columns) if not column.leaves]
        narrow = sorted(self.rows, key=lambda row: sum(row.cells[i].cell_len for i in stay))
        narrow = narrow[: len(narrow) - self._most_outliers]
        return choose(self.columns, narrow, width, gap=gap, titles=True).width <= width

    def _in_columns(self, layout: Layout, outliers: frozenset[int], width: int) -> list[Text]:
        lines = [title_line(self.columns, layout)]
        for i, row in enumerate(self.rows):
            if row.ruled:
                lines.append(Text(self.rule * layout.width, style="dim", no_wrap=True))
            if i in outliers:
                lines += [_indented(line, 2) for line in self._block(row, width - 2)]
            else:
                lines += set_row(self.columns, layout, row, width)
        return [*lines, *self._hidden(layout, outliers, width)]

    def _hidden(self, layout: Layout, outliers: frozenset[int], width: int) -> list[Text]:
        """Which columns had to leave, and how to see them: what is not there must not go unseen."""
        rows = [row for i, row in enumerate(self.rows) if i not in outliers]
        gone = [
            column.title
            for i, column in enumerate(self.columns)
            if i not in layout.kept and column.title and any(row.cells[i].plain for row in rows)
        ]
        said = f"not shown at this width: {', '.join(gone)} ({self.remedy})"
        return wrap(Text(said, style="dim"), width) if gone else []

    def _stacked(self, width: int) -> list[Text]:
        lines: list[Text] = []
        for row in self.rows:
            lines += [*self._block(row, width), Text()]
        return lines

    def _block(self, row: Row, width: int) -> list[Text]:
        """One row, a line a cell: the title, then the value on the same line or, if too long, below."""
        label = max(cell_len(c.title) for c in self.columns) + 2
        lines: list[Text] = []
        for column, cell in self._named_cells(row):
            if not column.title:
                lines += flow([cell], width)
                continue
            head = Text(column.title.ljust(label), style="dim", no_wrap=True, end="")
            if label + cell.cell_len <= width:
                lines.append(Text(no_wrap=True, end="").append_text(head).append_text(cell))
            else:
                lines += [head, *flow([cell], width, indent=2)]
        return lines + (flow([row.note], width) if row.note else [])

    def _named_cells(self, row: Row) -> list[tuple[Column, Text]]:
        """The cells with a word in them, each amount with its unit behind it; a total's name has no title."""
        found = [(column, cell) for column, cell in zip(self.columns, row.cells, strict=True) if cell.plain]
        if row.total and found:
            found[0] = Column(""), found[0][1]
        unit = next((cell for column, cell in found[1:] if not column.title), None)
        if unit is None or not any(column.money for column, _ in found):
            return found
        return [(column, _with_unit(column, cell, unit)) for column, cell in found if cell is not unit]
