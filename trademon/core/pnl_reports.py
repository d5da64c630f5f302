"""Profit and loss as a flow returns it: rows, totals, how trades went, the curve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Final

from trademon.core.money import EXACT, ZERO
from trademon.core.reports import Problem, Status, exit_code, outcome
from trademon.core.symbols import position_side

if TYPE_CHECKING:
    from trademon.core.cash_reports import CashTotal


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
    costs_untold: int = 0
    """Of how many fills the exchange has not said yet what they cost: nothing of it is in `fees`."""

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.fees)

    @property
    def has_unmatched(self) -> bool:
        """Whether something was sold whose cost is not known."""
        return self.unmatched_quantity is None or self.unmatched_quantity != 0

    @property
    def is_unpriced(self) -> bool:
        """Whether nothing of what was realised has a rate: its zeros are not known to be any."""
        return not self.gross and not self.fees and any(missing.what == UNVALUED_NET for missing in self.unvalued)

    @property
    def net_if_free(self) -> Decimal | None:
        """The net if what was sold without a known cost had cost nothing: it cannot be more. A position has no such
        bound."""
        if position_side(self.symbol) is not None:
            return None
        with localcontext(EXACT):
            return self.gross - self.fees + self.unmatched_proceeds - self.unmatched_fees

    @property
    def provisional(self) -> bool:
        """Whether something is missing from the figures that a price, or what fills cost, would add."""
        return bool(self.unvalued_fees or self.unvalued or self.carried_unvalued or self.costs_untold)

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
