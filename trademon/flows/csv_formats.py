"""The CSV files people have, as a table: which column of which export means what.

A column is matched without regard to case, footnote marks and a zone in brackets: `Date(UTC)` is `date`, and its zone
counts. Where a field names several columns, the first that the file has is meant. A second column of one name is
`NAME (2)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from trademon.errors import DataError, UsageError
from trademon.flows.csv_cells import Dates

FIELDS: Final = ("executed_at", "symbol", "side", "quantity", "price", "fee", "fee_currency", "order_id", "trade_id")
REQUIRED: Final = ("executed_at", "symbol", "side", "quantity", "price")
SIZE: Final = "contract_size"
MAPPED: Final = (*FIELDS, "base", "quote", "total", SIZE)
FORMATS: Final = ("trademon", "binance", "bitget", "saxo")
_ZONE: Final = re.compile(r"\(UTC-?([+-]?\d{0,2}(?::?\d\d)?)\)")
Columns = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Executions:
    """Rows under an order's row that say how it was filled, below a header of their own. `order` are the order's
    columns that say the same of an order without such rows."""

    header: tuple[str, ...]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """One export: `columns` it must have, `more` it may have.

    `is_glued`: a cell is a number and its coin, `0.5BTC`. `are_orders`: a row is an order, and one that executed
    nothing is left out. `is_signed`: a sale has a negative quantity. `has_ids`: the exchange's own ids of executions.
    `dates`: how they are written besides ISO. `groups`: a comma between digits groups them. `is_fee_unsigned`: a
    negative fee could be a cost or a rebate, and is refused.
    """

    name: str
    title: str
    columns: Columns
    more: Columns = field(default_factory=dict)
    is_glued: bool = False
    are_orders: bool = False
    is_signed: bool = False
    has_ids: bool = False
    dates: Dates = "year first"
    groups: bool = False
    is_fee_unsigned: bool = False
    executions: Executions | None = None


OWN: Final = Format(
    "trademon",
    "trademon's own columns",
    {name: (name,) for name in REQUIRED},
    {name: (name,) for name in (*FIELDS, SIZE) if name not in REQUIRED},
    has_ids=True,
)
_BITGET_PAIR: Final = {"symbol": ("Trading pair",), "base": ("Base Asset",), "quote": ("Quote Asset",)}
EXECUTION_ID: Final = "Execution Id"
_BITGET_EXECUTION: Final = ("Date", "Trading Price", "Executed", "Trading volume", "Fee")
_TABLE: Final = (
    OWN,
    Format(
        "binance",
        "Binance's trade history",
        {
            **{"executed_at": ("Date", "Time"), "symbol": ("Pair",), "side": ("Side",), "price": ("Price",)},
            **{"quantity": ("Executed",), "total": ("Amount",), "fee": ("Fee",)},
        },
        {"order_id": ("Order No", "OrderNo"), "fee_currency": ("Fee Coin",)},
        is_glued=True,
        groups=True,
        dates="short year",
    ),
    Format(
        "binance",
        "Binance's trade history with a fee coin",
        {
            **{"executed_at": ("Date",), "symbol": ("Market", "Pair"), "side": ("Type", "Side"), "price": ("Price",)},
            **{"quantity": ("Amount",), "fee": ("Fee",), "fee_currency": ("Fee Coin",)},
        },
        {"base": ("Base Asset",), "quote": ("Quote Asset",)},
        groups=True,
        dates="short year",
    ),
    Format(
        "binance",
        "Binance's order history",
        {
            **{"executed_at": ("Time (2)", "Time"), "order_id": ("OrderNo", "Order No"), "symbol": ("Pair",)},
            **{"side": ("Side",), "quantity": ("Executed",), "price": ("Average Price",), "total": ("Trading total",)},
        },
        is_glued=True,
        are_orders=True,
        groups=True,
        dates="short year",
    ),
    Format(
        "binance",
        "Binance's older order history",
        {
            **{"executed_at": ("Date",), "symbol": ("Pair",), "side": ("Side", "Type"), "quantity": ("Filled",)},
            **{"price": ("AvgTrading Price", "Avg Trading Price"), "total": ("Total",)},
        },
        {"order_id": ("OrderNo", "Order No"), "fee": ("Fee",)},
        is_glued=True,
        are_orders=True,
        groups=True,
        dates="short year",
    ),
    Format(
        "bitget",
        "Bitget's spot order details",
        {
            **{"executed_at": ("Date",), **_BITGET_PAIR, "side": ("Direction",), "price": ("Price",)},
            **{"quantity": ("Amount",), "fee": ("Fee",), "fee_currency": ("Fee Coin",)},
        },
        is_fee_unsigned=True,
    ),
    Format(
        "bitget",
        "Bitget's spot order history",
        {
            **{"executed_at": ("Execution Date",), **_BITGET_PAIR, "side": ("Direction",)},
            **{"price": ("Execution Trading Price",), "quantity": ("Execution Executed",), "order_id": ("Order Id",)},
        },
        {"fee": ("Execution Fee",), "trade_id": (EXECUTION_ID,)},
        are_orders=True,
        is_fee_unsigned=True,
        executions=Executions(_BITGET_EXECUTION, ("Date", "Average Price", "Executed", "Trading volume")),
    ),
    Format(
        "saxo",
        "Saxo's trades",
        {
            "executed_at": ("Trade Execution Time", "Trade Time", "TradeTime", "Trade execution date"),
            **{"side": ("B/S", "Trade Event Type"), "quantity": ("Amount", "Traded Quantity"), "price": ("Price",)},
            **{"symbol": ("Instrument Symbol", "Symbol"), "quote": ("Instrument currency",)},
        },
        {"trade_id": ("Trade ID",), "order_id": ("Order ID",)},
        is_signed=True,
        has_ids=True,
        dates="day first",
    ),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """A format found in a header: the cell of each field, the file's own name for it, and the zone it names."""

    format: Format
    names: tuple[str, ...]
    index: Mapping[str, int]
    zone: str | None

    def name(self, field: str) -> str:
        """The column as the file calls it; the field's own name where the file has no such column."""
        return self.names[self.index[field]].removeprefix("Execution ") if field in self.index else field


def parse_mapping(items: Iterable[str]) -> dict[str, str]:
    """`price=Price` and the like as field to column.

    Raises:
        UsageError: no such field, one named twice, or no column named.
    """
    found: dict[str, str] = {}
    for item in items:
        name, _, column = item.partition("=")
        name, column = name.strip(), column.strip()
        if name not in MAPPED:
            raise UsageError(f"--map {item[:40]}: {name[:20]!r} is no field", hint=f"one of {', '.join(MAPPED)}")
        if not column or name in found:
            raise UsageError(f"--map {item[:40]}: write {name}=COLUMN, and each field once")
        found[name] = column
    for one, others in (("price", {"total"}), ("symbol", {"base", "quote"})):
        if one in found and others & found.keys():
            raise UsageError(f"--map names {one} and {min(others & found.keys())}, which say the same", hint="drop one")
    return found


def find_layout(
    header: Sequence[str], *, wanted: str = "auto", mapping: Mapping[str, str] | None = None, separator: str = ","
) -> Layout:
    """Which format this header is. A mapping goes over the columns of the format that was named, or of our own.

    Raises:
        UsageError: there is no such format.
        DataError: a column is missing.
    """
    if wanted not in ("auto", *FORMATS):
        raise UsageError(f"there is no format {wanted[:20]!r}", hint=f"one of auto, {', '.join(FORMATS)}")
    if mapping:
        wanted = "trademon" if wanted == "auto" else wanted
    formats = [f if not mapping else _mapped(f, mapping) for f in _TABLE if wanted in ("auto", f.name)]
    names = unique(header)
    # A file of ours has commas: with another separator a spreadsheet has written it, and who knows how its numbers.
    usable = [f for f in formats if f is not OWN or separator == ","]
    found = next((f for f in usable if not _missing(f, names)), None)
    if found is None:
        if separator != "," and OWN in formats and not _missing(OWN, names):
            apart = "tabs" if separator == "\t" else f"{separator!r}"
            hint = "save it with commas, or name the columns, as in --map price=price"
            raise DataError(f"line 1: the columns are apart by {apart}, those of this header by commas", hint=hint)
        raise _unknown(formats, names, mapping)
    return _layout(found, names, mapping)


def _mapped(base: Format, mapping: Mapping[str, str]) -> Format:
    """The format with the named columns instead of its own. `base` and `quote` replace `symbol`, `total` `price`."""
    columns = dict(base.columns)
    if base is OWN and ("base" in mapping or "quote" in mapping):
        columns |= {"base": ("base",), "quote": ("quote",)}
        del columns["symbol"]
    if base is OWN and "total" in mapping:
        del columns["price"]
    columns |= {name: (column,) for name, column in mapping.items()}
    name, title = ("map", "the columns of --map") if base is OWN else (base.name, base.title)
    return replace(base, name=name, title=title, columns=columns)


def unique(header: Sequence[str]) -> tuple[str, ...]:
    """The header with every name once: the second `Time` is `Time (2)`."""
    names: list[str] = []
    for name in header:
        count = 1 + sum(1 for other in header[: len(names)] if other == name)
        names.append(name if count == 1 else f"{name} ({count})")
    return tuple(names)


def normal(name: str) -> str:
    """A column's name as it is compared: lower case, without footnote marks and without a zone."""
    text = re.sub("[¹²³⁴⁵\ufeff*]", "", name)
    return " ".join(_ZONE.sub("", text).split()).casefold()


def named_zone(name: str) -> str | None:
    """The zone in `Date(UTC+8)` and in a file's name with `(UTC--6)`, as `UTC+8`; None where there is none."""
    found = _ZONE.search(name)
    return None if found is None else f"UTC{found[1]}"


def _place(names: Sequence[str], wanted: Iterable[str], *, exact: bool) -> int | None:
    for column in wanted:
        if column in names:
            return names.index(column)
        if not exact and normal(column) in (places := [normal(n) for n in names]):
            return places.index(normal(column))
    return None


def _names(format_: Format, names: Sequence[str]) -> tuple[str, ...]:
    """The file's columns with those of the rows of executions, which the reader puts behind them."""
    if format_.executions is None or not {normal(n) for n in format_.executions.order} <= {normal(n) for n in names}:
        return tuple(names)
    return (*names, *(f"Execution {name}" for name in format_.executions.header), EXECUTION_ID)


def _missing(format_: Format, names: Sequence[str]) -> list[str]:
    there = _names(format_, names)
    exact = format_ is OWN
    return [c[0] for c in format_.columns.values() if _place(there, c, exact=exact) is None]


def _layout(format_: Format, names: Sequence[str], mapping: Mapping[str, str] | None) -> Layout:
    there = _names(format_, names)
    both = {**format_.more, **format_.columns}
    places = {f: _place(there, c, exact=format_ is OWN) for f, c in both.items()}
    index = {f: place for f, place in places.items() if place is not None}
    if format_ is OWN or mapping:
        for name in (there[i] for i in index.values()):
            if f"{name} (2)" in there:
                raise DataError(f"line 1: the column {name} is there twice")
    zones = (named_zone(name) for name in (there[index["executed_at"]], *there))
    return Layout(format_, there, index, next((zone for zone in zones if zone), None))


def _unknown(formats: Sequence[Format], names: Sequence[str], mapping: Mapping[str, str] | None) -> DataError:
    """What the likeliest of them lacks: the one that lacks least, our own for a header like none."""
    lacking = [(len(_missing(f, names)) / len(f.columns), n) for n, f in enumerate(formats)]
    share, nearest = min(lacking)
    format_ = formats[nearest if share < 0.5 else 0]
    absent = next(iter(_missing(format_, names)), REQUIRED[0])
    shown = ", ".join(names)[:200]
    if format_.name == "saxo":
        hint = f"Saxo's export needs it to say what was traded in which currency; the header is {shown}"
    elif mapping:
        hint = f"the header is {shown}"
    elif format_ is OWN:
        hint = f"the header is {','.join(FIELDS)}; for another file name its columns, as in --map price=COLUMN"
    else:
        hint = f"{format_.title} has it; the header is {shown}"
    return DataError(f"line 1: the column {absent} is missing", hint=hint)
