"""Deriving every book again from its fills."""

from __future__ import annotations

from collections.abc import Sequence

from trademon.core.reports import RebuildReport
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.store import UserStore


def rebuild(stores: Sequence[UserStore]) -> RebuildReport:
    """Derive all books of these users; the report says whether a figure came out otherwise than it was stored."""
    before = pnl(stores, PnlQuery())
    books = 0
    for store in stores:
        for account_id, method, signed in store.accounts_to_derive():
            books += store.books.rebuild(account_id, method=method, signed=signed)
    after = pnl(stores, PnlQuery())
    changed = {(r.user, r.broker, r.symbol) for r in set(before.rows) ^ set(after.rows)}
    return RebuildReport(books, sum(row.fills for row in after.rows), tuple(sorted(changed)))
