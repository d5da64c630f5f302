"""Rows as a file, CSV or JSON Lines: written one by one, beside the file's place, and moved there when all are."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Generic, Literal, TextIO, TypeVar

from trademon.core.export_rows import SoldRow
from trademon.core.lot_reports import LotRow
from trademon.core.money import ZERO, format_decimal, format_figure
from trademon.core.reports import FillRow
from trademon.core.times import format_time
from trademon.errors import DataError
from trademon.ui.csv_out import FILL_COLUMNS, SIZE_COLUMN, fill_cells, size_cell, write_csv
from trademon.ui.json_out import dump_line
from trademon.ui.lot_tables import LOT_COLUMNS, lot_cells

T = TypeVar("T")
Format = Literal["csv", "jsonl"]
Value = str | int | bool | None
FORMATS: Final[tuple[Format, ...]] = ("csv", "jsonl")
SOLD_COLUMNS: Final = (
    *("sold_at", "acquired_at", "holding_days", "user", "broker", "symbol", "currency", "side", "quantity", "price"),
    *("acquisition_price", "proceeds", "cost", "gross", "opening_fees", "closing_fees", "net", "method"),
    *("fill_id", "lot_id", "trade_id", "order_id", "acquired_by", "unmatched", "lot_trade_id", "provisional"),
)


@dataclass(frozen=True, slots=True)
class Layout(Generic[T]):
    """What a kind of row looks like: the same columns in CSV and as the keys of a JSON object."""

    columns: tuple[str, ...]
    values: Callable[[T], tuple[Value, ...]]


def write_rows(stream: TextIO, rows: Iterable[T], layout: Layout[T], format_: Format) -> int:
    """Write all rows, each as it comes; how many there were."""
    number = count()
    values = (layout.values(row) for row, _ in zip(rows, number))  # noqa: B905 - a count has no end
    if format_ == "csv":
        write_csv(stream, layout.columns, ([_cell(value) for value in row] for row in values))
    else:
        stream.writelines(dump_line(dict(zip(layout.columns, row, strict=True))) + "\n" for row in values)
    return next(number)


def _cell(value: Value) -> str:
    """A value in CSV: nothing for what is not known, `yes` or nothing for a mark."""
    if value is None or value is False:
        return ""
    return "yes" if value is True else str(value)


# --- what the rows look like --------------------------------------------------------------------------------------


def fill_layout(*, more_fees: bool, contracts: bool = False) -> Layout[FillRow]:
    """What `fills import` reads; `contracts` adds a column for sizes, `more_fees` one, which it does not read, for the
    fees behind the first."""
    more: dict[str, Callable[[FillRow], str]] = {}
    more |= {SIZE_COLUMN: size_cell} if contracts else {}
    more |= {"more_fees": _more_fees} if more_fees else {}
    return Layout((*FILL_COLUMNS, *more), lambda fill: (*fill_cells(fill), *(cell(fill) for cell in more.values())))


def _more_fees(fill: FillRow) -> str:
    return "; ".join(f"{format_decimal(amount)} {currency}" for amount, currency in fill.more_fees)


def lot_layout() -> Layout[LotRow]:
    """The columns of `trademon lots --csv`."""
    return Layout(LOT_COLUMNS, lambda lot: (*lot_cells(lot)[:-1], lot.opening))


def sold_layout() -> Layout[SoldRow]:
    """A disposal and a lot."""
    return Layout(SOLD_COLUMNS, _sold_values)


def _sold_values(row: SoldRow) -> tuple[Value, ...]:
    sale, lot = row.sale, row.lot
    acquired_at = None if lot is None else format_time(lot.acquired_at)
    nothing = None if row.unmatched else ZERO
    cost, gross, opening_fees = (nothing,) * 3 if lot is None else (row.cost, lot.gross, lot.opening_fees)
    amounts = (row.acquisition_price, row.proceeds, cost, gross, opening_fees, row.closing_fees, row.net)
    return (
        *(format_time(sale.sold_at), acquired_at, row.holding_days),
        *(sale.user, sale.broker, sale.symbol, sale.currency, sale.side),
        *(format_decimal(row.quantity), format_decimal(row.price)),
        *(None if amount is None else format_figure(amount) for amount in amounts),
        *(sale.method, str(sale.fill_id), None if lot is None else str(lot.lot_id), sale.trade_id, sale.order_id),
        *(_acquired_by(row), row.unmatched, lot.trade_id if lot is not None and lot.acquired_by == "fill" else None),
        row.provisional,
    )


def _acquired_by(row: SoldRow) -> str | None:
    if row.lot is None:
        return None if row.unmatched else "fee alone"
    return row.lot.acquired_by


# --- the file -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[TextIO]:
    """A file that is at `path`, whole and readable by its owner alone, once the block has ended well; else nothing is.

    Raises:
        DataError: it exists and `force` is not given, is no file, or cannot be written.
    """
    try:
        _refuse(path, force=force)
        target = path.resolve()  # what a link leads to is replaced, and not the link
        number, name = tempfile.mkstemp(prefix=".trademon-", suffix=".tmp", dir=target.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8", newline="") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            _move(Path(name), target, force=force)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}", hint="nothing was written there") from None


def _refuse(path: Path, *, force: bool) -> None:
    """Before any work: what is there must be a file, and may be replaced only by `force`."""
    if not path.parent.is_dir():
        raise DataError(f"there is no directory {path.parent}", hint="make it first")
    if path.is_dir():
        raise DataError(f"{path} is a directory", hint="name a file in it")
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file that could be replaced", hint="- is stdout")
    if path.exists() and not force:
        raise _exists(path)


def _move(new: Path, target: Path, *, force: bool) -> None:
    """Put the file in its place. Without `force` a link is made: that fails where somebody was faster."""
    if not force:
        try:
            target.hardlink_to(new)
        except FileExistsError:
            raise _exists(target) from None
        except OSError:  # a file system without links
            if target.exists():
                raise _exists(target) from None
        else:
            return
    new.replace(target)


def _exists(path: Path) -> DataError:
    return DataError(f"{path} exists", hint="--force replaces it")


@contextlib.contextmanager
def standard_output() -> Iterator[TextIO]:
    """stdout for data: UTF-8 whatever the terminal speaks, and an end in one line where it is full."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever reads us has gone: nothing is wrong
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at its end
        raise DataError(f"cannot write to stdout: {error.strerror}", hint="what it holds is not complete") from None
