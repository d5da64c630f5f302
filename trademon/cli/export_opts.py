"""`fills export`, `lots export`, `pnl export`: their common options, and how rows become a file."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

import typer

from trademon.cli.common import Brokers, MethodOption, Period, Result, Since, Stopped, Symbols, Until, User, run
from trademon.cli.flags import Flags, with_flags
from trademon.cli.pnl_options import View
from trademon.errors import UsageError

if TYPE_CHECKING:
    from trademon.core.export_rows import SoldRow
    from trademon.core.lot_reports import LotRow
    from trademon.core.reports import FillRow
    from trademon.flows.pnl import PnlQuery
    from trademon.store.store import UserStore
    from trademon.ui.export_out import Format, Layout

T = TypeVar("T")
STDOUT = "-"


class FormatName(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="Ends in .csv or .jsonl; - is stdout.")]
FormatOption = Annotated[
    FormatName | None,
    typer.Option(
        "--format", metavar="F", help="csv or jsonl (an object a line), whatever FILE ends in.", case_sensitive=False
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace FILE where it exists.")]


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go, and as what."""

    file: str
    format: FormatName | None = None
    force: bool = False

    @property
    def is_stdout(self) -> bool:
        return self.file == STDOUT

    def format_name(self) -> Format:
        """Raises UsageError where neither the option nor the file's name says it."""
        if self.format is not None:
            return self.format.value
        suffix = Path(self.file).suffix.lower()
        if self.is_stdout or suffix == ".csv":
            return "csv"
        if suffix == ".jsonl":
            return "jsonl"
        raise UsageError(f"{self.file} ends neither in .csv nor in .jsonl", hint="say which: --format csv")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows; `stretch` makes [since, until) of the command line's words."""

    user: str | None
    brokers: Sequence[str]
    symbols: Sequence[str]
    stretch: Callable[[datetime], tuple[datetime | None, datetime | None]]
    method: MethodOption = None

    def query(self, stores: Sequence[UserStore], now: datetime) -> PnlQuery:
        """What the flow is asked."""
        from trademon.flows.pnl import PnlQuery  # noqa: PLC0415
        from trademon.wiring import check_brokers, resolve_symbols  # noqa: PLC0415

        check_brokers(stores, self.brokers)
        symbols, brokers = resolve_symbols(stores, self.symbols), tuple(self.brokers)
        return PnlQuery(self.method, symbols, brokers, *self.stretch(now))


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The rows to write, what they look like, and what one of them is called."""

    what: str
    rows: Iterator[T]
    layout: Layout[T]
    next_step: str | None = None


def export(
    target: Target, asked: Asked, flags: Flags, find: Callable[[Sequence[UserStore], PnlQuery], Found[T]]
) -> Result:
    """Write what is found, as it was at one moment; what to say of it."""
    from trademon.wiring import open_home  # noqa: PLC0415

    format_ = target.format_name()
    if flags.json and target.is_stdout:
        raise UsageError("--json and the rows would mix on stdout", hint="leave --json away, or name a file")
    with _stoppable(), open_home() as home, contextlib.ExitStack() as moments:
        stores = home.users(asked.user)
        query = asked.query(stores, home.clock())
        for store in stores:
            moments.enter_context(store.one_moment())
        return _write(target, format_, find(stores, query))


def _write(target: Target, format_: Format, found: Found[T]) -> Result:
    from trademon.core.reports import Done  # noqa: PLC0415
    from trademon.progress import counted  # noqa: PLC0415
    from trademon.ui.export_out import new_file, standard_output, write_rows  # noqa: PLC0415
    from trademon.ui.text import count  # noqa: PLC0415

    if target.is_stdout:
        with standard_output() as stream:
            write_rows(stream, found.rows, found.layout, format_)
        return Result(None)
    with new_file(Path(target.file), force=target.force) as stream:
        rows = counted(found.rows, f"writing {target.file}", None, f"{found.what}s")
        written = write_rows(stream, rows, found.layout, format_)
    return Result(Done(f"wrote {count(written, found.what)} to {target.file}", found.next_step), is_data=False)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP are raised as `Stopped`, so that a file begun is taken away again."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    known = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before = {n: handler for n, handler in known.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- what each command finds --------------------------------------------------------------------------------------


def find_fills(stores: Sequence[UserStore], query: PnlQuery) -> Found[FillRow]:
    """The fills, with a column more where one of them has several fees or is of a contract."""
    from trademon.flows import export as flow  # noqa: PLC0415
    from trademon.ui.export_out import fill_layout  # noqa: PLC0415

    more = flow.have_more_fees(stores, query)
    warning = "the column more_fees is not read by trademon fills import" if more else None
    layout = fill_layout(more_fees=more, contracts=flow.have_contracts(stores, query))
    return Found("fill", flow.fills(stores, query), layout, warning)


def find_lots(stores: Sequence[UserStore], query: PnlQuery) -> Found[LotRow]:
    """The open lots."""
    from trademon.flows import export as flow  # noqa: PLC0415
    from trademon.ui.export_out import lot_layout  # noqa: PLC0415

    return Found("open lot", flow.lots(stores, query), lot_layout())


def find_disposals(stores: Sequence[UserStore], query: PnlQuery) -> Found[SoldRow]:
    """The disposals, lot by lot."""
    from trademon.flows import export as flow  # noqa: PLC0415
    from trademon.ui.export_out import sold_layout  # noqa: PLC0415

    return Found("row", flow.disposals(stores, query), sold_layout())


# --- pnl export ---------------------------------------------------------------------------------------------------


@with_flags
def pnl_export(
    flags: Flags,
    file: FileArgument,
    format_: FormatOption = None,
    force: ForceOption = False,
    method: MethodOption = None,
    symbol: Symbols = None,
    broker: Brokers = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
    period: Period = None,
) -> None:
    """Write every disposal to a file, lot by lot, for taxes. There is a row for each lot that one closed.

    The nets add up to the net of `trademon pnl`. What was sold without a known cost is a row, too: `unmatched` says
    why, and its cost and net are empty. A row is `provisional` where a fee is in a coin whose price is not known.
    `gross` is proceeds less cost, for a short the other way round; net = gross - opening_fees - closing_fees. Of an
    inverse contract proceeds and cost are its worth in the coin it settles in, which falls as the price rises: there
    gross is cost less proceeds, for a short proceeds less cost. Times are UTC and holding_days whole days of 24 hours;
    by the average method a lot is the pool, acquired when it began. Each figure is rounded once, at 30 decimals.
    """
    view = View(since, until, period)
    asked = Asked(user, broker or [], symbol or [], view.stretch, method)

    def work() -> Result:
        view.check()
        return export(Target(file, format_, force), asked, flags, find_disposals)

    run("pnl export", flags, work)
