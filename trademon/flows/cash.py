"""Cash lines, listed and summed: they stand beside the trades and are in none of their figures."""

from __future__ import annotations

from collections.abc import Sequence

from trademon.core.cash_reports import CashReport, CashTotal, total_cash
from trademon.store.store import UserStore
from trademon.store.user_cash import CashQuery


def cash(stores: Sequence[UserStore], query: CashQuery) -> CashReport:
    """The lines that `query` means, oldest first, and their totals per broker, kind and currency."""
    rows = sorted((row for store in stores for row in store.cash(query)), key=lambda row: row.at)
    stored = sum(store.cash_stored() for store in stores)
    return CashReport(tuple(rows), total_cash(rows), stored)


def cash_totals(stores: Sequence[UserStore], query: CashQuery) -> tuple[CashTotal, ...]:
    """What came and went without a trade, per user, broker, kind and currency."""
    return total_cash(row for store in stores for row in store.cash(query))
