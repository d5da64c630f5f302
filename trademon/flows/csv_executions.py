"""Orders with the rows of their executions under them, each row made one: the order's cells, then the execution's."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from trademon.core.money import parse_decimal
from trademon.errors import DataError
from trademon.flows import csv_cells
from trademon.flows.csv_file import Rows
from trademon.flows.csv_formats import Executions, Layout, normal

Row = tuple[int, list[str]]


def with_executions(rows: Rows, layout: Layout, kind: Executions, separator: str) -> Rows:
    """One row an execution, under an id of none; one row an order that has no such rows, under the order's id.

    Raises:
        DataError: a row of an execution without an order, or executions that do not add up to theirs.
    """
    joiner = _Joiner(layout, kind, csv_cells.number_of(separator))
    for line, row in rows:
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        yield from joiner.take(line, row, cells)
    yield from joiner.flush()


class _Joiner:
    """Keeps an order until its last execution was seen."""

    def __init__(self, layout: Layout, kind: Executions, number: csv_cells.Fix) -> None:
        self._kind = kind
        self._number = number
        self._header = [normal(name) for name in kind.header]
        self._width = len(layout.names) - len(self._header) - 1
        names = [normal(name) for name in layout.names[: self._width]]
        self._same = [names.index(normal(name)) for name in kind.order]
        self._id = layout.index["order_id"]
        self._order: Row | None = None
        self._executions: list[Row] = []

    def take(self, line: int, row: list[str], cells: list[str]) -> Iterator[Row]:
        """The rows that are whole, now that this one is there."""
        if [normal(cell) for cell in cells] == self._header:
            return
        if len(cells) > len(self._header):
            yield from self.flush()
            self._order = (line, fitted(row, self._width, line))
        elif self._order is None:
            raise DataError(f"line {line}: a row of an execution, and no order before it")
        elif cells:
            self._executions.append((line, fitted(row, len(self._header), line)))

    def flush(self) -> Iterator[Row]:
        """What the order that was kept comes to."""
        if self._order is None:
            return
        line, order = self._order
        if not self._executions:
            same = [order[place] for place in self._same]
            rest = [""] * (len(self._header) - len(same))
            yield line, [*order, *same, *rest, f"order-{order[self._id].strip()}"]
        else:
            self._check(line, order)
            for number, cells in self._executions:
                yield number, [*order, *cells, ""]
        self._order, self._executions = None, []

    def _check(self, line: int, order: list[str]) -> None:
        """The executions come to what the order executed: otherwise the file is cut, or not what we take it for."""
        place = self._header.index(normal(self._kind.order[2]))
        executed = self._amount(line, order[self._same[2]])
        found = sum((self._amount(number, cells[place]) for number, cells in self._executions), Decimal(0))
        if found != executed:
            raise DataError(
                f"line {line}, column {self._kind.order[2]}: the rows below come to {found} of {executed}",
                hint="is the file whole?",
            )

    def _amount(self, line: int, text: str) -> Decimal:
        try:
            return parse_decimal(self._number(text.strip()), what="it")
        except DataError as error:
            raise DataError(f"line {line}, column {self._kind.order[2]}: {error.message}", hint=error.hint) from None


def fitted(row: list[str], width: int, line: int) -> list[str]:
    """The row as wide as its header. Exports have blank cells at the end; a row that lacks some was cut."""
    if len(row) < width or any(cell.strip() for cell in row[width:]):
        raise not_whole(line)
    return row if len(row) == width else row[:width]


def not_whole(line: int) -> DataError:
    """A row with other cells than the header: most often a file that is still being written."""
    return DataError(f"line {line}: the row has not as many columns as the header; is the file whole?")
