"""What the flows around lots return: open lots, a fill explained, methods side by side, a sale imagined."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.model import Method
from trademon.core.money import EXACT
from trademon.core.reports import FillRow


@dataclass(frozen=True, slots=True)
class LotRow:
    """An open lot. `opening` says that a person entered it; `fill_id` is the fill (or that entry) which opened it."""

    user: str
    broker: str
    symbol: str
    currency: str
    side: str
    quantity: Decimal
    price: Decimal
    cost: Decimal
    fees: Decimal
    opened_at: datetime
    fill_id: int
    opening: bool = False


@dataclass(frozen=True, slots=True)
class LotsReport:
    """Open lots by book, oldest first. `method` is `mixed` where the books are kept in several.

    `entered` are all lots that a person entered, as they were entered, whatever is left of them.
    `no_broker`: there is no account yet that fills could come from.
    """

    method: str
    lots: tuple[LotRow, ...]
    stored: int = 0
    entered: tuple[LotRow, ...] = ()
    no_broker: bool = False


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One fee of a fill: `value` in the book's currency, None where its price is not known; `rate` of one coin, its
    time and where it is from."""

    amount: Decimal
    coin: str
    value: Decimal | None
    rate: Decimal | None
    rate_at: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class PartLine:
    """What one lot gave: `price` it was opened at, `lot_fees` and `closing_fees` its two shares of fees."""

    lot_fill_id: int
    opened_at: datetime
    quantity: Decimal
    price: Decimal
    cost: Decimal
    proceeds: Decimal
    gross: Decimal
    lot_fees: Decimal
    closing_fees: Decimal
    opening: bool = False

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(EXACT.subtract(self.gross, self.lot_fees), self.closing_fees)


@dataclass(frozen=True, slots=True)
class ExplainReport:
    """One fill opened down to the lots it touched.

    `moved` is what it moved in its book, base units, below zero for what left; `fees` all it cost in `currency`.
    `closed` of it met lots (`parts`), `opened` became a lot that carries `opened_fees`, `unmatched` met none.
    `exact` is false where a share of a fee or of a pool's cost had to be cut, at the 60th decimal.
    """

    fill: FillRow
    method: Method
    currency: str
    moved: Decimal
    price: Decimal
    fees: Decimal
    fee_lines: tuple[FeeLine, ...]
    closed: Decimal
    gross: Decimal
    closed_fees: Decimal
    parts: tuple[PartLine, ...]
    opened: Decimal
    opened_fees: Decimal
    unmatched: Decimal
    unmatched_proceeds: Decimal
    unmatched_fees: Decimal
    unmatched_reason: str | None
    exact: bool

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.closed_fees)


@dataclass(frozen=True, slots=True)
class MethodFigures:
    """A book (or all of one currency) by one method."""

    method: Method
    gross: Decimal
    fees: Decimal
    open_cost: Decimal

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.fees)


@dataclass(frozen=True, slots=True)
class CompareRow:
    """One book by every method; `own` is the one it is kept in. A total has neither broker nor symbol."""

    user: str
    broker: str
    symbol: str
    currency: str
    own: str
    open_quantity: Decimal | None
    figures: tuple[MethodFigures, ...]
    incomplete: bool


@dataclass(frozen=True, slots=True)
class CompareReport:
    rows: tuple[CompareRow, ...]
    totals: tuple[CompareRow, ...]
    stored: int = 0


@dataclass(frozen=True, slots=True)
class WhatIfRow:
    """What selling would realise by one method, without the sale's own fee: `fees` are the carried ones alone."""

    method: Method
    matched: Decimal
    unmatched: Decimal
    gross: Decimal
    fees: Decimal
    lots: int
    left_quantity: Decimal
    left_cost: Decimal

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.gross, self.fees)


@dataclass(frozen=True, slots=True)
class WhatIfReport:
    """A sale imagined in one book. `price_from` says where its price is from."""

    user: str
    broker: str
    symbol: str
    currency: str
    quantity: Decimal
    price: Decimal
    price_from: str
    rows: tuple[WhatIfRow, ...]
