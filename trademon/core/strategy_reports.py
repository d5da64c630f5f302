"""What the flows around strategies return: how they stand, what they ordered, how their runs went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.money import EXACT
from trademon.core.reports import FillRow, Problem, Status
from trademon.core.strategy_model import Strategy, StrategyOrder, StrategyRun


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One symbol of a paper book, in `currency`. `price` is that of the last run, None where there was none: then what
    is open is in no figure. `unmatched` was sold without a known cost."""

    broker: str
    symbol: str
    currency: str
    gross: Decimal
    fees: Decimal
    open_quantity: Decimal
    open_cost: Decimal
    unmatched: Decimal
    fills: int
    price: Decimal | None = None
    price_at: datetime | None = None

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.fees)

    @property
    def unrealized(self) -> Decimal | None:
        """What selling all that is open at that price would bring, without a fee."""
        if self.price is None:
            return None
        return EXACT.subtract(EXACT.multiply(self.open_quantity, self.price), self.open_cost)


@dataclass(frozen=True, slots=True)
class StrategyInfo:
    """A strategy as it is listed. `armed_file_changed`: its file is another than when it was armed, or gone."""

    strategy: Strategy
    paper: tuple[PaperRow, ...]
    last_run: StrategyRun | None
    sent_today: int
    open_orders: int
    unsettled: int
    armed_file_changed: bool = False


@dataclass(frozen=True, slots=True)
class StrategiesReport:
    """`halted`: since when and why no order leaves; None where orders may."""

    strategies: tuple[StrategyInfo, ...]
    halted: str | None = None


@dataclass(frozen=True, slots=True)
class StrategyReport:
    """One strategy opened: its newest orders, and the executions of its orders that were found so far."""

    info: StrategyInfo
    orders: tuple[StrategyOrder, ...]
    fills: tuple[FillRow, ...]
    halted: str | None = None


@dataclass(frozen=True, slots=True)
class StrategyRunsReport:
    """Runs, oldest first; with what each of them wanted where they were just made."""

    runs: tuple[StrategyRun, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        bad = (run for run in self.runs if run.outcome in ("failed", "partial"))
        return tuple(Problem("strategy", f"{run.strategy}: {run.detail}", user=run.user) for run in bad)

    @property
    def status(self) -> Status:
        if not self.problems:
            return "success"
        return "failed" if all(run.outcome == "failed" for run in self.runs) else "partial"

    @property
    def exit_code(self) -> int:
        if self.runs and all(run.busy for run in self.runs):
            return 75
        return {"success": 0, "failed": 1, "partial": 3}[self.status]


@dataclass(frozen=True, slots=True)
class StrategyLogReport:
    """What was asked of the log: runs, oldest first."""

    runs: tuple[StrategyRun, ...]


@dataclass(frozen=True, slots=True)
class HaltReport:
    """Whether orders may leave: what the store says, and what the file says. `open_orders` still wait at exchanges."""

    store: str | None
    file: str | None
    open_orders: int | None = None
    note: str | None = None

    @property
    def is_halted(self) -> bool:
        return self.store is not None or self.file is not None
