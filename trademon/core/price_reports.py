"""What the flows around dated prices return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from trademon.core.reports import Problem, Status, exit_code, outcome

_NOBODY: Final = "there is no exchange to ask for prices"
_REMEDY: Final = (
    "add a broker at an exchange, trademon broker add NAME --exchange binance: prices of any exchange account serve "
    "manual brokers too"
)


@dataclass(frozen=True, slots=True)
class PriceSpan:
    """The prices of one market that are kept: `missing` are those the host said it has none of."""

    host: str
    symbol: str
    interval: timedelta
    known: int
    missing: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class PricesReport:
    """Everything the cache holds, by host, market and length of candle."""

    spans: tuple[PriceSpan, ...]


@dataclass(frozen=True, slots=True)
class PriceHost:
    """One host's part of fetching. `unasked`: its budget was used up, or it asked us to wait (`note`)."""

    broker: str
    user: str
    host: str
    prices: int
    requests: int
    note: str | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class PriceGap:
    """Times at which a coin's worth in a currency is still not known."""

    user: str
    coin: str
    currency: str
    times: int
    first_at: datetime
    last_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class PriceFetchReport:
    """What was read, what is still not known, and how many third-coin fees have a value since. `helpless`: users who
    lack prices and have no exchange that could be asked; `untold`: currencies that no market of theirs has. `known` of
    the `wanted` prices are now there."""

    hosts: tuple[PriceHost, ...]
    wanted: int
    gaps: tuple[PriceGap, ...]
    fees_valued: int = 0
    helpless: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    known: int = 0

    @property
    def prices(self) -> int:
        return sum(host.prices for host in self.hosts)

    @property
    def problems(self) -> tuple[Problem, ...]:
        nobody = (Problem("config", _NOBODY, _REMEDY, user=user) for user in self.helpless)
        untold = (Problem("data", f"no market tells a price in {name}", f"is {name} spelt so?") for name in self.untold)
        return (*(host.problem for host in self.hosts if host.problem is not None), *nobody, *untold)

    @property
    def status(self) -> Status:
        return outcome(self._succeeded, self.problems)

    @property
    def exit_code(self) -> int:
        return exit_code(self._succeeded, self.problems)

    @property
    def _succeeded(self) -> int:
        """The hosts that answered; where a currency is not told, the prices that are known all the same."""
        return self.known if self.untold else sum(host.problem is None for host in self.hosts)
