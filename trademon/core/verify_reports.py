"""What a verification found: per account whether stored history explains its balances, and where it does not, why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trademon.core.money import EXACT
from trademon.core.reports import Problem, Status, exit_code, outcome

VerifyStatus = Literal["agrees", "recorded", "drift", "failed", "skipped"]
Cause = Literal[
    "unread_symbol",
    "missing_trade",
    "other_coin",
    "dust",
    "earn",
    "pending",
    "unread_stream",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class CoinDrift:
    """A coin whose balance is not what stored history makes of it. `difference` = `live` - `expected`, in coins.

    It began after `since`, when they still agreed, and not after `until`. `cause` is the likeliest, `detail` why.
    """

    coin: str
    expected: Decimal
    live: Decimal
    since: datetime
    until: datetime
    cause: Cause
    detail: str
    difference: Decimal


@dataclass(frozen=True, slots=True)
class StatedPnl:
    """What the exchange says that the positions closed since `since` gained, by price alone, beside what ours of the
    same time did. It need not be the same: the exchange may match other lots than the book's method."""

    symbol: str
    currency: str
    positions: int
    stated: Decimal
    ours: Decimal
    since: datetime

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.stated, self.ours)


@dataclass(frozen=True, slots=True)
class BrokerVerify:
    """One broker's part. `recorded`: there was nothing to compare with, and from now on there is.

    `agreed_at` is the moment up to which history and balances agree, None where there is none yet; `compared` counts
    coins. `busy`: another run holds the account.
    """

    broker: str
    user: str
    status: VerifyStatus
    agreed_at: datetime | None = None
    coins: tuple[CoinDrift, ...] = ()
    compared: int = 0
    notes: tuple[str, ...] = ()
    problem: Problem | None = None
    busy: bool = False
    not_verified: tuple[str, ...] = ()
    """Coins that cannot be replayed: the settle coins of contracts."""
    mended: tuple[CoinDrift, ...] = ()
    """Coins that differed until the time in which that began was read again."""
    stated: tuple[StatedPnl, ...] = ()
    """What the exchange itself reckons, where it says so: for comparing, it decides nothing."""

    @property
    def compared_well(self) -> bool:
        """Whether balances were had and held against history, whatever came out."""
        return self.status in ("agrees", "recorded", "drift")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """In the order of asking. A drift is no failure and no success: it ends in `partial`, exit code 3. `disabled`:
    brokers that are left alone, where there are no others."""

    brokers: tuple[BrokerVerify, ...]
    disabled: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(b.problem for b in self.brokers if b.problem is not None)

    @property
    def status(self) -> Status:
        return outcome(self._compared, self.problems)

    @property
    def exit_code(self) -> int:
        if any(b.busy for b in self.brokers) and all(b.status == "skipped" for b in self.brokers):
            return 75
        return exit_code(self._compared, self.problems)

    @property
    def _compared(self) -> int:
        return sum(b.compared_well for b in self.brokers)


def drift_problem(broker: str, user: str, coins: Sequence[CoinDrift], differences: str) -> Problem:
    """The one line that cron sends: which coins, by how much."""
    what = f"stored history does not explain {differences}"
    return Problem("drift", what, f"trademon verify --broker {broker}", broker, user, exit_code=3, at=coins[0].until)
