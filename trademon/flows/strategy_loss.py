"""What the accounts of a strategy have lost today (UTC), by their own fills: all of them, whoever ordered them.

It is what was realised since midnight, and how far below their cost the lots opened since then stand at the last price.
What is not known makes the loss unknown, and an unknown loss lets no order leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from trademon.core.coverage import Span, missing
from trademon.core.model import Broker
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl_reports import PnlRow
from trademon.flows.pnl import PnlQuery, book_row
from trademon.store.reading import BookRef
from trademon.store.store import UserStore

# The exchange's clock is measured anew by each look, and may seem to have gone back a little.
_SLACK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Account:
    """One account: when the look began that read it last, the symbols that look asked for, and the last prices."""

    broker: Broker
    looked_at: datetime
    symbols: tuple[str, ...]
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Loss:
    """`amount` in the currency asked for, zero where nothing was lost; None where it is not known, and why."""

    amount: Decimal | None
    unknown: str = ""


def loss_of_day(store: UserStore, accounts: Iterable[Account], currency: str, day: datetime) -> Loss:
    """What was lost since `day` over all of these accounts."""
    result = ZERO
    with store.one_moment(), localcontext(EXACT):
        for account in accounts:
            gap = _unread(store, account, day)
            if gap is not None:
                return Loss(None, gap)
            for ref in store.book_refs():
                if ref.account_id != account.broker.account_id:
                    continue
                change = _change(store, ref, account, currency, day)
                if isinstance(change, str):
                    return Loss(None, f"{account.broker.name}: {change}")
                result += change
    return Loss(max(-result, ZERO))


def _unread(store: UserStore, account: Account, day: datetime) -> str | None:
    """What of the day was not read: of any symbol as far as looks go, of those that the strategy trades up to now."""
    broker = account.broker
    if broker.account_id is None:
        return f"{broker.name} was not read yet"
    start = max(day, broker.since)
    complete = store.complete_since(broker)
    if complete is None or complete > start:
        return f"not every symbol of {broker.name} was read yet (trademon coverage)"
    wanted = Span(start, account.looked_at - _SLACK)
    for symbol in account.symbols:
        if wanted and missing(store.coverage(broker.account_id, symbol), wanted):
            return f"not all of today's {symbol} fills of {broker.name} were read"
    return None


def _change(store: UserStore, ref: BookRef, account: Account, currency: str, day: datetime) -> Decimal | str:
    """What one book realised since `day`, with what its lots of the day are under water; or why that is not known."""
    method = store.method_of_account(ref.account_id)
    row = book_row(store, ref, method, PnlQuery(since=day))
    wrong = _not_known(row)
    if wrong is not None:
        return wrong
    lots = [lot for lot in store.stored_lots(ref) if lot.opened_at >= day]
    if not (row.gross or row.fees or lots):
        return ZERO
    if row.currency != currency:
        return f"what {row.symbol} earned is in {row.currency}, the limit in {currency}"
    if not lots:
        return row.net
    last = account.prices.get(row.symbol)
    if last is None:
        return f"there is no price of {row.symbol}, bought today"
    under = sum((min(lot.quantity * last - lot.cost - lot.fees, ZERO) for lot in lots), ZERO)
    return row.net + under


def _not_known(row: PnlRow) -> str | None:
    if row.has_unmatched:
        return f"a sale of {row.symbol} has no known cost"
    coins = {coin for coin, _ in row.unvalued_fees} | set(row.carried_unvalued)
    return f"a fee of {row.symbol} in {min(coins)} has no price yet" if coins else None
