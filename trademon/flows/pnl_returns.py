"""What was earned beside what was put in: net / capital x 100, where a broker has a capital in that currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext

from trademon.core.money import EXACT, ZERO, divide, round_figure
from trademon.core.pnl_reports import PnlRow, PnlTotal
from trademon.store.store import UserStore

Account = tuple[str, str]
"""User and broker, as rows name them."""
Capital = tuple[Decimal, str | None]
"""An amount and its currency: None is the only one that the broker's rows have."""


def capital_of(stores: Sequence[UserStore]) -> dict[Account, Capital]:
    """What each broker began with, by the name that its account's rows go by."""
    found: dict[Account, Capital] = {}
    for store in stores:
        brokers = [broker for broker in store.brokers() if broker.initial_capital is not None]
        names = {ref.account_id: ref.broker for ref in store.book_refs()} if brokers else {}
        for broker in brokers:
            assert broker.initial_capital is not None
            name = broker.name if broker.account_id is None else names.get(broker.account_id, broker.name)
            found.setdefault((store.user, name), (broker.initial_capital, broker.capital_currency))
    return found


def returns(rows: Sequence[PnlRow], capital_by_broker: Mapping[Account, Capital]) -> list[PnlRow]:
    """The rows, those that stand for a whole broker with their return."""
    amounts = _in_currency(rows, capital_by_broker)
    return [
        row
        if row.symbol or row.period
        else replace(row, return_percent=_percent(row.net, amounts.get((row.user, row.broker, row.currency))))
        for row in rows
    ]


def total_returns(
    totals: Iterable[PnlTotal], rows: Sequence[PnlRow], capital_by_broker: Mapping[Account, Capital]
) -> list[PnlTotal]:
    """The totals with their returns, where every broker that `rows` name in that currency has a capital in it."""
    amounts = _in_currency(rows, capital_by_broker)
    filled = []
    for total in totals:
        named = {(row.user, row.broker, row.currency) for row in rows if row.currency == total.currency}
        with localcontext(EXACT):
            whole = sum((amounts[key] for key in named), ZERO) if named <= amounts.keys() else None
        filled.append(replace(total, return_percent=_percent(total.net, whole)))
    return filled


def _in_currency(
    rows: Iterable[PnlRow], capital_by_broker: Mapping[Account, Capital]
) -> dict[tuple[str, str, str], Decimal]:
    """Capital by user, broker and currency."""
    currencies: dict[Account, set[str]] = {}
    for row in rows:
        currencies.setdefault((row.user, row.broker), set()).add(row.currency)
    amounts = {}
    for account, (amount, currency) in capital_by_broker.items():
        traded = currencies.get(account, set())
        if currency is not None:
            amounts[*account, currency] = amount
        elif len(traded) == 1:
            amounts[*account, next(iter(traded))] = amount
    return amounts


def _percent(net: Decimal, capital: Decimal | None) -> Decimal | None:
    return None if not capital else round_figure(divide(EXACT.multiply(net, Decimal(100)), capital))
