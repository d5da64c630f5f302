"""What a flow returns and the screen renders: frozen values, computed once, the same for a person and for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from trademon.core.hints import to_copy
from trademon.core.model import Method
from trademon.errors import TrademonError

if TYPE_CHECKING:
    from trademon.core.key_rights import KnownRights

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
        where = broker or error.broker
        hint = to_copy(error.hint, broker=where, user=user)
        return cls(error.kind, error.message, hint, where, user, error.exit_code, at)

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

    `unread` is the part of `note` that names a stream that could not be read beside the fills; `left` counts
    symbols that may have executions and were not reached. `alert` is what a person must hear of once, though the pass
    was a good one."""

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
    left: int = 0
    alert: Problem | None = None
    budget: tuple[int, int] | None = None
    """What its host's minute has cost so far and may cost; None where the exchange does not count by the minute."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """`manual`: brokers without an API, which take files instead; `disabled`: those that are left alone, where there
    are no others."""

    brokers: tuple[BrokerScan, ...]
    manual: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()

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


def left_alone(names: Sequence[str]) -> tuple[str, str]:
    """What is the matter where there are brokers, and all of them are disabled; and what mends it."""
    which = f"broker {names[0]} is" if len(names) == 1 else f"brokers {', '.join(names)} are"
    return f"{which} disabled", f"trademon broker enable {names[0]}"


def takes_files(names: Sequence[str]) -> str:
    """What to do where there are brokers, and none of them has an API."""
    more = f" and {len(names) - 1} more have" if len(names) > 1 else " has"
    return f"{names[0]}{more} no API to ask: trademon fills import FILE.csv --broker {names[0]}"


# --- fills --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FillRow:
    """A stored fill as it is listed. `fee` and `fee_currency` are the first fee's; `more_fees` the others'. Of a
    contract `quantity` counts contracts, each of `contract_size`. `strategy` is the one that ordered it, if any did."""

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
    strategy: str | None = None
    is_cost_told: bool = True
    """Whether its exchange has said what it cost; until then its fee is nothing, and not known."""


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
    key: KnownRights | None = None
    """What its key may do, where that was ever asked for."""
    sandbox: bool = False
    is_signed_in: bool = False
    """A person signed in, and the session is not lost."""
    needs_sign_in: bool = False

    @property
    def waits_for_person(self) -> bool:
        """Whether nobody can look before a person signs in."""
        return self.needs_sign_in and not self.is_signed_in


@dataclass(frozen=True, slots=True)
class BrokersReport:
    brokers: tuple[BrokerInfo, ...]


@dataclass(frozen=True, slots=True)
class BrokerTest:
    """What a broker answered to a first question. `clock_offset_s`: its clock minus ours; `key`: what its key may do,
    where the exchange says."""

    broker: str
    user: str
    exchange: str
    account: str
    coins: int
    open_orders: int
    clock_offset_s: Decimal
    seconds: Decimal
    notes: tuple[str, ...] = ()
    key: KnownRights | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        return exit_code(1, self.problems)


DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user as they are listed. `language` None is English; `last_good_at`: the newest look at any broker that came
    to its end."""

    name: str
    active: bool
    method: Method | None
    currency: str | None
    brokers: int
    created_at: datetime
    telegram_chat: str | None = None
    language: str | None = None
    last_good_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UsersReport:
    users: tuple[UserInfo, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: one sentence, what a person does next, and the id of what was made, if it has one.
    `warnings` are lines on stderr, in cron too."""

    message: str
    next_step: str | None = None
    id: str | None = None
    warnings: tuple[str, ...] = ()
