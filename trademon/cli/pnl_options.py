"""The options of `trademon pnl` alone, and the query they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from trademon.cli.common import no_time, parse_currency
from trademon.core.times import parse_begin, parse_end, parse_stretch
from trademon.errors import DataError, UsageError

if TYPE_CHECKING:
    from trademon.cli.common import MethodOption
    from trademon.flows.pnl import PnlQuery

T = TypeVar("T")


class By(StrEnum):
    SYMBOL = "symbol"
    BROKER = "broker"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class Book(StrEnum):
    SYMBOL = "symbol"
    COIN = "coin"


ByOption = Annotated[
    By | None,
    typer.Option("--by", metavar="WHAT", help="A row each: symbol, broker, day, month or year.", case_sensitive=False),
]
BookOption = Annotated[
    Book,
    typer.Option(
        "--book",
        metavar="B",
        help="Match within each symbol, or within each coin over all of its symbols (in --in CUR, else in the user's "
        "reporting currency).",
    ),
]
InOption = Annotated[str | None, typer.Option("--in", metavar="CUR", help="All figures in one currency.")]
StatsOption = Annotated[bool, typer.Option("--stats", help="Wins, losses, best, worst, deepest fall.")]
UnrealizedOption = Annotated[
    bool, typer.Option("--unrealized", help="What is open at the exchange's last price; asks the exchange.")
]
ChartOption = Annotated[bool, typer.Option("--chart", help="What was realised so far, as a curve.")]


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown, of which stretch of time."""

    since: str | None = None
    until: str | None = None
    period: str | None = None
    by: By | None = None
    book: Book = Book.SYMBOL
    currency: str | None = None
    stats: bool = False
    unrealized: bool = False
    chart: bool = False

    def check(self) -> None:
        """Raises UsageError for options that contradict each other."""
        if self.period is not None and (self.since is not None or self.until is not None):
            raise UsageError("--period stands for --since and --until", hint="leave them away")
        if self.unrealized and (self.currency is not None or self.book is Book.COIN):
            hint = "leave --in and --book coin away"
            raise UsageError("--unrealized is in the currency of each symbol", hint=hint)
        if self.currency is not None:
            parse_currency("--in", self.currency)

    def stretch(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """[since, until); UsageError for a word that is no time, or where none lies between."""
        if self.period is not None:
            return _parsed("--period", lambda: parse_stretch(self.period or "", now=now))
        since, until = self.since, self.until
        start = None if since is None else _parsed("--since", lambda: parse_begin(since, now=now))
        end = None if until is None else _parsed("--until", lambda: parse_end(until, now=now))
        if start is not None and end is not None and start >= end:
            raise UsageError("--since is not before --until", hint="no time lies between them")
        if self.unrealized and end is not None and end < now:
            raise UsageError("--unrealized is about what is open now", hint="leave --until away, or let it be to come")
        return start, end

    def query(
        self, method: MethodOption, symbols: tuple[str, ...], brokers: tuple[str, ...], now: datetime
    ) -> PnlQuery:
        """What the flow is asked."""
        from trademon.flows.pnl import PnlQuery  # noqa: PLC0415

        start, end = self.stretch(now)
        return PnlQuery(
            method,
            symbols,
            brokers,
            start,
            end,
            by=None if self.by is None else self.by.value,
            stats=self.stats,
            currency=None if self.currency is None else parse_currency("--in", self.currency),
            book=self.book.value,
            curve=self.chart,
        )


def _parsed(option: str, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except DataError as error:
        raise no_time(option, error) from None
