"""Money that came or went without a trade: one line, lists of them, and their sums.

It stands beside trade P&L and is in none of its figures. Amounts are received when positive, paid when negative.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trademon.core.money import EXACT, ZERO, check_decimal
from trademon.errors import DataError

CashKind = Literal["funding", "interest", "fee", "rebate", "dividend", "other"]
CASH_KINDS: tuple[CashKind, ...] = ("funding", "interest", "fee", "rebate", "dividend", "other")


@dataclass(frozen=True, slots=True)
class CashLine:
    """One line as a file tells it. `cash_id` is unique per account and kind; `line` is where it stood, for errors."""

    cash_id: str
    kind: CashKind
    currency: str
    amount: Decimal
    at: datetime
    symbol: str | None = None
    line: int = field(default=0, compare=False)
    raw: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.cash_id or not self.currency:
            raise DataError("a cash line without an id or a currency")
        if not check_decimal(self.amount, what=f"amount of cash line {self.cash_id}"):
            raise DataError(f"cash line {self.cash_id} has no amount")
        if self.at.tzinfo is None:
            raise DataError(f"cash line {self.cash_id} has a time without a zone")


@dataclass(frozen=True, slots=True)
class CashRow:
    """A stored line as it is listed, under the name its account goes by."""

    at: datetime
    user: str
    broker: str
    kind: CashKind
    symbol: str | None
    currency: str
    amount: Decimal
    cash_id: str


@dataclass(frozen=True, slots=True)
class CashTotal:
    """The lines of one account, kind and currency, over all symbols."""

    user: str
    broker: str
    kind: CashKind
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CashReport:
    """Oldest first. `stored` counts what there is at all, so that an empty answer can say what it means."""

    cash: tuple[CashRow, ...]
    totals: tuple[CashTotal, ...]
    stored: int = 0


@dataclass(frozen=True, slots=True)
class CashImportReport:
    broker: str
    rows: int
    new_lines: int


def total_cash(rows: Iterable[CashRow]) -> tuple[CashTotal, ...]:
    """Exact sums per user, broker, kind and currency, over all symbols."""
    totals: dict[tuple[str, str, CashKind, str], Decimal] = {}
    for row in rows:
        key = (row.user, row.broker, row.kind, row.currency)
        totals[key] = EXACT.add(totals.get(key, ZERO), row.amount)
    return tuple(CashTotal(*key, amount) for key, amount in sorted(totals.items()))
