"""How complete the history of each account is: what is proved fetched, what is missing, until when it can be had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trademon.core.coverage import Span


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch not proved fetched.

    The exchange begins to forget it at `lost_from`, None where it never does; what lies before `reach` is forgotten.
    """

    span: Span
    lost_from: datetime | None
    reach: datetime | None

    @property
    def is_lost(self) -> bool:
        """Whether nothing of it can be had any more."""
        return self.reach is not None and self.span.end <= self.reach


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One stream of an account (`fills`, `orders`, `deposits`, `withdrawals`, `cash`), of one symbol where it has any.

    `spans` are proved fetched; `gaps` is what of [`wanted_since`, newest end of `spans`) is not. `fills` counts the
    stored ones.
    """

    user: str
    broker: str
    exchange: str
    stream: str
    symbol: str | None
    wanted_since: datetime
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]
    fills: int = 0

    @property
    def complete_since(self) -> datetime | None:
        """The time since which nothing is missing up to `until`."""
        return self.spans[-1].start if self.spans else None

    @property
    def until(self) -> datetime | None:
        return self.spans[-1].end if self.spans else None


@dataclass(frozen=True, slots=True)
class BrokerCoverage:
    """One account as a whole: complete since when, and how many of the listed symbols were asked for at all.

    `names_symbols`: its order history tells which symbols to ask, so that the others need not be.
    """

    user: str
    broker: str
    exchange: str
    complete_since: datetime | None
    asked: int
    listed: int
    names_symbols: bool


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """As of `at`. Accounts without an API have nothing to prove and are left out. `no_broker`: there is no account."""

    at: datetime
    brokers: tuple[BrokerCoverage, ...]
    rows: tuple[CoverageRow, ...]
    no_broker: bool = False
