"""What a flow returns and the screen renders: frozen values, computed once, the same for a person and for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Final, Literal

from trademon.core.model import Method
from trademon.core.money import EXACT, ZERO
from trademon.errors import TrademonError

if TYPE_CHECKING:
    from trademon.core.cash_reports import CashTotal

Status = Literal["success", "partial", "failed"]
ScanStatus = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault as a person reads it; `exit_code` is what it alone would end the program with."""

    kind: str
    message: str
    hint: str | None = None
    broker: str | None = None
    user: str | None = None
    exit_code: int = 1
    at: datetime | None = None

    @classmethod
    def of(
        cls, error: TrademonError, *, broker: str | None = None, user: str | None = None, at: datetime | None = None
    ) -> Problem:
        return cls(error.kind, error.message, error.hint, broker or error.broker, user, error.exit_code, at)

    @property
    def line(self) -> str:
        """What, which broker, what to do: one line."""
        where = f"{self.broker}: " if self.broker else ""
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")


def outcome(succeeded: int, problems: Iterable[Problem]) -> Status:
    """success without problems, failed where nothing succeeded, partial between."""
    if not tuple(problems):
        return "success"
    return "partial" if succeeded else "failed"


def exit_code(succeeded: int, problems: Iterable[Problem]) -> int:
    """0 good, 1 nothing succeeded, 3 some of it; 4, a person must act, wins over both."""
    codes = {p.exit_code for p in problems}
    if not codes:
        return 0
    if 4 in codes:
        return 4
    return 3 if succeeded else 1


# --- scan ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BrokerScan:
    """One broker's part of a pass. `skipped`: its host asked us to wait, or another run holds it (`busy`).

    `unread` is the part of `note` that names a stream that could not be read beside the fills."""

    broker: str
    user: str
    status: ScanStatus
    new_fills: int
    requests: int
    seconds: Decimal
    problem: Problem | None = None
    busy: bool = False
    note: str | None = None
    complete_since: datetime | None = None
    """The time since which no execution is missing; None where something that may have some was not asked for yet."""
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class ScanReport:
    """`manual`: brokers without an API, which take files instead."""

    brokers: tuple[BrokerScan, ...]
    manual: tuple[str, ...] = ()

    @property
    def new_fills(self) -> int:
        return sum(b.new_fills for b in self.brokers)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(b.problem for b in self.brokers if b.problem is not None)

    @property
    def status(self) -> Status:
        return outcome(sum(b.status == "ok" for b in self.brokers), self.problems)

    @property
    def exit_code(self) -> int:
        if self.brokers and all(b.busy for b in self.brokers):
            return 75
        return exit_code(sum(b.status == "ok" for b in self.brokers), self.problems)


def takes_files(names: Sequence[str]) -> str:
    """What to do where there are brokers, and none of them has an API."""
    more = f" and {len(names) - 1} more have" if len(names) > 1 else " has"
    return f"{names[0]}{more} no API to ask: trademon fills import FILE.csv --broker {names[0]}"


# --- fills --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FillRow:
    """A stored fill as it is listed. `fee` and `fee_currency` are the first fee's; `more_fees` the others'. Of a
    contract `quantity` counts contracts, each of `contract_size`."""

    id: int
    broker: str
    user: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    executed_at: datetime
    order_id: str
    trade_id: str
    source: str
    more_fees: tuple[tuple[Decimal, str], ...] = ()
    contract_size: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FillsReport:
    """Oldest first. `total` counts what the filters found before `limit`, `stored` all there are."""

    fills: tuple[FillRow, ...]
    total: int
    stored: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """`corrected` rows took the place of what an earlier file said under their ids. `unsized` are contracts whose size
    nothing says: each was taken for one unit."""

    broker: str
    rows: int
    new_fills: int
    corrected: int = 0
    unsized: tuple[str, ...] = ()

    @property
    def note(self) -> str | None:
        """What a reader should know of the sizes."""
        if not self.unsized:
            return None
        return f"a contract of {', '.join(self.unsized)} is taken for one unit: no column contract_size says otherwise"


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """How many books of how many fills were derived again; `changed` names those (user, broker, symbol) whose figures
    came out otherwise than they were stored."""

    books: int
    fills: int
    changed: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """A fill with what it realised by the book's method.

    `net` is None when nothing was closed; `unmatched` is the quantity sold without a known cost; `unvalued` says that
    a fee in a third coin is in no figure.
    """

    fill: FillRow
    currency: str
    net: Decimal | None
    unmatched: Decimal
    unvalued: bool


# --- P&L ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PnlStats:
    """How the disposals of a row or a total went, by their net.

    `profit` and `loss` are the sums of the nets above and below zero, `loss` itself below zero; `max_drawdown` is the
    deepest fall of the running net below what it had been before, zero or above. `win_rate` is a share of one,
    `profit_factor` profit over loss; None where there is nothing to divide by.
    """

    disposals: int
    wins: int
    losses: int
    profit: Decimal
    loss: Decimal
    best: Decimal | None
    worst: Decimal | None
    max_drawdown: Decimal
    win_rate: Decimal | None
    profit_factor: Decimal | None


@dataclass(frozen=True, slots=True)
class Mark:
    """What is open at the exchange's last price: `unrealized` is what closing it there would bring, without its fee.

    `price` is None where a row stands for several; `at` is then the oldest of theirs.
    """

    price: Decimal | None
    at: datetime
    unrealized: Decimal


@dataclass(frozen=True, slots=True)
class Unvalued:
    """An amount that is in no figure of a report in one currency: there was no rate for it at that time. `count`: of
    how many fills (or lots) it is the sum."""

    currency: str
    amount: Decimal
    at: datetime | None
    what: str
    count: int = 1


UNVALUED_NET: Final = "realised"
UNVALUED_PROCEEDS: Final = "proceeds without a known cost"
UNVALUED_COST: Final = "cost of what is open"
"""Kinds of `Unvalued`; others say in words what was done with a coin."""


@dataclass(frozen=True, slots=True)
class PnlRow:
    """One book's figures in `currency` (the symbol's quote, or what was asked for).

    `period` only when grouped by one. Grouped over symbols there is no `open_quantity`, and no `unmatched_quantity`
    where it would add up different coins; `broker` and `symbol` are empty where a row stands for several. Over a long
    and a short there is no `open_cost`: what one cost and the other brought in are no sum.
    `unmatched_reason` says why a sale met no lot. `carried_unvalued` are the coins of fees without a price that lots
    brought along from another account.
    """

    user: str
    broker: str
    symbol: str
    currency: str
    gross: Decimal
    fees: Decimal
    open_quantity: Decimal | None
    open_cost: Decimal | None
    average_cost: Decimal | None
    unmatched_quantity: Decimal | None
    unmatched_proceeds: Decimal
    unvalued_fees: tuple[tuple[str, Decimal], ...]
    disposals: int
    fills: int
    period: str | None = None
    unmatched_fees: Decimal = ZERO
    unmatched_reason: str | None = None
    stats: PnlStats | None = None
    mark: Mark | None = None
    return_percent: Decimal | None = None
    unvalued: tuple[Unvalued, ...] = ()
    carried_unvalued: tuple[str, ...] = ()

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.fees)

    @property
    def has_unmatched(self) -> bool:
        """Whether something was sold whose cost is not known."""
        return self.unmatched_quantity is None or self.unmatched_quantity != 0

    @property
    def net_if_free(self) -> Decimal:
        """The net if what was sold without a known cost had cost nothing: it cannot be more."""
        with localcontext(EXACT):
            return self.gross - self.fees + self.unmatched_proceeds - self.unmatched_fees

    @property
    def provisional(self) -> bool:
        """Whether something is missing from the figures that a price would add."""
        return bool(self.unvalued_fees or self.unvalued or self.carried_unvalued)

    @property
    def unvalued_sums(self) -> tuple[Unvalued, ...]:
        """`unvalued` with one sum a kind and coin, from the first time on."""
        sums: dict[tuple[str, str], Unvalued] = {}
        for one in self.unvalued:
            key = one.what, one.currency
            if (so_far := sums.get(key)) is not None:
                amount = EXACT.add(so_far.amount, one.amount)
                one = replace(so_far, amount=amount, count=so_far.count + one.count)  # noqa: PLW2901
            sums[key] = one
        return tuple(sums.values())


@dataclass(frozen=True, slots=True)
class PnlTotal:
    """Sum over rows of one currency; `incomplete` when a row holds an unmatched sale, an unvalued fee, or something
    open without the price that was asked for."""

    currency: str
    gross: Decimal
    fees: Decimal
    incomplete: bool = False
    stats: PnlStats | None = None
    unrealized: Decimal | None = None
    return_percent: Decimal | None = None

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.fees)


@dataclass(frozen=True, slots=True)
class NetCurve:
    """What was realised in one currency by when, net, summed up from the first disposal of the selection on."""

    currency: str
    points: tuple[tuple[datetime, Decimal], ...]


@dataclass(frozen=True, slots=True)
class PnlReport:
    """`curves` only where they were asked for; `marked`: last prices were asked for. `notes` say what a reader should
    know of the figures, `problems` what could not be asked."""

    method: str
    rows: tuple[PnlRow, ...]
    totals: tuple[PnlTotal, ...]
    stored: int = 0
    """How many fills there are at all, so that an empty answer can say what it means."""
    curves: tuple[NetCurve, ...] = ()
    marked: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    cash: tuple[CashTotal, ...] = ()
    """Funding, interest and the like of the same selection: beside the figures, in none of them."""

    @property
    def status(self) -> Status:
        return outcome(1, self.problems)

    @property
    def exit_code(self) -> int:
        return exit_code(1, self.problems)


# --- brokers, users -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BrokerInfo:
    """A broker as it is listed. Never a secret, not even a part of one."""

    name: str
    user: str
    exchange: str
    market: str
    enabled: bool
    base_url: str | None
    symbols: tuple[str, ...]
    method: Method | None
    since: datetime
    has_key: bool
    last_good_at: datetime | None
    errors_in_row: int
    fills: int
    complete_since: datetime | None


@dataclass(frozen=True, slots=True)
class BrokersReport:
    brokers: tuple[BrokerInfo, ...]


@dataclass(frozen=True, slots=True)
class BrokerTest:
    """What a broker answered to a first question. `clock_offset_s`: its clock minus ours."""

    broker: str
    user: str
    exchange: str
    account: str
    coins: int
    open_orders: int
    clock_offset_s: Decimal
    seconds: Decimal
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserInfo:
    name: str
    active: bool
    method: Method | None
    currency: str | None
    brokers: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UsersReport:
    users: tuple[UserInfo, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: one sentence, what a person does next, and the id of what was made, if it has one."""

    message: str
    next_step: str | None = None
    id: str | None = None


# --- watch --------------------------------------------------------------------------------------------------------

BrokerState = Literal["new", "scanning", "ok", "failed", "waiting", "busy", "action"]


@dataclass(frozen=True, slots=True)
class WatchBroker:
    """One broker on the dashboard. `action`: a person must act; `waiting`: its host asked us to wait."""

    name: str
    user: str
    exchange: str
    state: BrokerState
    last_good_at: datetime | None
    errors_in_row: int
    next_at: datetime | None
    seconds: Decimal | None
    open_orders: int | None
    complete_since: datetime | None
    net: tuple[tuple[str, Decimal], ...]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WatchState:
    """Everything the dashboard shows, at `now`. Executions and problems are newest first."""

    title: str
    method: str
    now: datetime
    started_at: datetime
    cycle: int
    cycle_seconds: Decimal | None
    next_at: datetime | None
    brokers_total: int
    brokers: tuple[WatchBroker, ...]
    totals: tuple[PnlTotal, ...]
    executions: tuple[ExecutionRow, ...]
    executions_total: int
    problems: tuple[Problem, ...]
    errors_total: int
    manual: tuple[str, ...] = ()
    """The brokers there are, where none of them has an API."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One thing that happened, for the line and JSON forms of watch.

    `seconds` is how long a cycle took. An `alert` with `ok` is good news.
    """

    event: Literal["start", "cycle", "fill", "pnl", "error", "alert", "stop"]
    at: datetime
    cycle: int = 0
    text: str = ""
    broker: str | None = None
    user: str | None = None
    execution: ExecutionRow | None = None
    totals: tuple[PnlTotal, ...] = ()
    problem: Problem | None = None
    scan: ScanReport | None = None
    seconds: Decimal | None = None
    ok: bool = True
