"""What the accounts hold, as their exchanges last said, and how old that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from trademon.core.holding_reports import BalanceRow, BalancesReport, CapitalRow, Seen
from trademon.core.model import Broker, Market
from trademon.core.money import EXACT, ZERO, divide, round_figure
from trademon.core.reports import takes_files
from trademon.exchanges.registry import WITHOUT_API, only_manual
from trademon.flows.pnl_marks import Told, host_key, last_prices
from trademon.flows.ports import Ports
from trademon.flows.prices import paths_of
from trademon.store.store import UserStore

STALE = timedelta(days=1)
"""What was said longer ago is marked, however well the last look went."""


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """An account by the first of the brokers that lead to it."""

    store: UserStore
    broker: Broker
    account_id: int
    seen: Seen


def held_accounts(
    stores: Sequence[UserStore], names: Sequence[str], now: datetime
) -> tuple[list[HeldAccount], tuple[str, ...]]:
    """The accounts of the brokers named, or of all there are, and which brokers never said anything yet."""
    found: list[HeldAccount] = []
    silent: list[str] = []
    for store in stores:
        brokers = sorted(store.brokers(), key=lambda broker: broker.id)
        wanted = {b.account_id or -b.id for b in brokers if not names or b.name in names}
        for account_id in dict.fromkeys(b.account_id or -b.id for b in brokers):
            leading = [b for b in brokers if (b.account_id or -b.id) == account_id]
            if account_id not in wanted:
                continue
            seen_at = store.looked_at(account_id)
            if seen_at is None and leading[0].exchange not in WITHOUT_API:
                silent.append(leading[0].name)
            if account_id > 0:
                stale = None if seen_at is None else _staleness(store, leading, seen_at, now)
                found.append(HeldAccount(store, leading[0], account_id, Seen(seen_at, stale)))
    found.sort(key=lambda one: (one.broker.user, one.broker.name))
    return found, tuple(f"{name} has not answered yet: trademon sync" for name in sorted(silent))


def _staleness(store: UserStore, brokers: Sequence[Broker], seen_at: datetime, now: datetime) -> str | None:
    if not any(broker.enabled for broker in brokers):
        return "disabled: nobody asks"
    if all(store.broker_state(broker).errors_in_row for broker in brokers if broker.enabled):
        return "the last look failed"
    return "more than a day old" if now - seen_at >= STALE else None


# --- balances -----------------------------------------------------------------------------------------------------


async def balances(stores: Sequence[UserStore], names: Sequence[str], ports: Ports) -> BalancesReport:
    """What each account was last seen to hold. Only a broker with a capital has its host asked, for last prices."""
    accounts, silent = held_accounts(stores, names, ports.clock())
    rows = [
        BalanceRow(account.broker.user, account.broker.name, one.coin, one.free, one.locked, account.seen)
        for account in accounts
        for one in sorted(account.store.balances(account.account_id).values(), key=lambda b: b.coin)
    ]
    if not rows and (manual := only_manual(broker for store in stores for broker in store.brokers())):
        return BalancesReport((), (), (f"balances are read from exchanges; {takes_files(manual)}",))
    begun = [a for a in accounts if a.broker.initial_capital is not None and a.seen.at is not None]
    told = await last_prices([(a.store, a.broker) for a in begun], ports)
    capital = (_capital(account, told.get(host_key(account.broker))) for account in begun)
    no_broker = not any(store.brokers() for store in stores)
    return BalancesReport(tuple(rows), tuple(row for row in capital if row is not None), silent, no_broker)


def _capital(account: HeldAccount, told: Told | None) -> CapitalRow | None:
    """None where no currency is known: neither named nor the only one that the account trades in."""
    store, broker = account.store, account.broker
    assert broker.initial_capital is not None
    traded = {ref.currency for ref in store.book_refs() if ref.account_id == account.account_id}
    currency = broker.capital_currency or (next(iter(traded)) if len(traded) == 1 else None)
    if currency is None:
        return None
    row = CapitalRow(broker.user, broker.name, currency, broker.initial_capital, None)
    if told is None or not told.prices:
        return replace(row, unknown=_why_no_prices(told))
    markets = {market.symbol: market for market in store.markets(broker)}
    held = store.balances(account.account_id).values()
    worth = {one.coin: worth_of(one.coin, one.total, currency, markets, told.prices) for one in held}
    unpriced = sorted(coin for coin, amount in worth.items() if amount is None)
    if unpriced:
        return replace(row, unknown=f"no price of {', '.join(unpriced)} in {currency}")
    with localcontext(EXACT):
        return replace(row, now=sum((amount for amount in worth.values() if amount is not None), ZERO))


def _why_no_prices(told: Told | None) -> str:
    if told is None:
        return "it is disabled: nobody asks for prices"
    return told.note or (told.problem.message if told.problem is not None else "no price was told")


def worth_of(
    coin: str, amount: Decimal, currency: str, markets: Mapping[str, Market], prices: Mapping[str, Decimal]
) -> Decimal | None:
    """What an amount of a coin is worth in a currency at last prices, by its own market or over one coin between; None
    without a way. `prices` by the exchange's spelling."""
    if coin == currency or not amount:
        return amount
    for path in paths_of(coin, currency, markets):
        worth, at = amount, coin
        for market in path:
            price = prices.get(market.exchange_symbol)
            if not price:
                break
            worth = EXACT.multiply(worth, price) if market.base == at else round_figure(divide(worth, price))
            at = market.quote if market.base == at else market.base
        else:
            return worth
    return None
