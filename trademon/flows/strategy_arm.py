"""Arming: a strategy is given the right to send orders, within limits, once everything about it was found good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.model import Broker, KeyRights, Market
from trademon.core.money import ZERO
from trademon.core.strategy_model import Arming, Limits, Strategy
from trademon.core.symbols import match_symbol, nearest
from trademon.core.times import format_time
from trademon.errors import AuthError, UsageError
from trademon.exchanges.registry import check_takes_orders
from trademon.flows.ports import Ports
from trademon.store.store import UserStore
from trademon.strategies.runner import Runner, read_code


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person arms a strategy with, as it was written."""

    max_order: tuple[Decimal, str]
    orders_a_day: int
    max_daily_loss: tuple[Decimal, str]
    symbols: tuple[str, ...]
    brokers: tuple[str, ...]
    until: datetime | None
    rights_unknown_ok: bool


async def prepare_arming(store: UserStore, strategy: Strategy, wanted: Wanted, ports: Ports) -> Arming:
    """What would be stored. Nothing is armed by it.

    Raises:
        UsageError: a limit that is none, a symbol in another currency, a broker without orders or not read yet.
        AuthError: the key may not trade, or it is not known whether it may.
        StrategyError: its code cannot be loaded.
    """
    _check_numbers(wanted, ports.clock())
    brokers = [_broker(store, strategy, name) for name in dict.fromkeys(wanted.brokers)]
    symbols = tuple(dict.fromkeys(_symbol(store, brokers, text, wanted.max_order[1]) for text in wanted.symbols))
    for broker in brokers:
        _check_rights(broker, await _ask_rights(store, broker, ports), unknown_ok=wanted.rights_unknown_ok)
    code = read_code(strategy.file)
    await Runner(ports.trading.private if ports.trading else ()).describe(code)
    limits = Limits(
        wanted.max_order[0],
        wanted.max_order[1],
        wanted.orders_a_day,
        wanted.max_daily_loss[0],
        wanted.max_daily_loss[1],
        symbols,
        tuple(broker.name for broker in brokers),
        wanted.until,
    )
    accounts = {broker.name: (broker.id, broker.account_id or 0) for broker in brokers}
    return Arming(limits, code.hash, ports.clock().replace(microsecond=0), accounts, wanted.rights_unknown_ok)


def _check_numbers(wanted: Wanted, now: datetime) -> None:
    if wanted.max_order[0] <= ZERO or wanted.max_daily_loss[0] <= ZERO or wanted.orders_a_day < 1:
        raise UsageError("a limit is above zero", hint="--max-order 100 USDT --orders-a-day 5 --max-daily-loss 50 USDT")
    if wanted.until is not None and wanted.until <= now:
        raise UsageError(f"--until lies in the past: {format_time(wanted.until)}")


def _broker(store: UserStore, strategy: Strategy, name: str) -> Broker:
    broker = store.broker(name)
    check_takes_orders(broker.exchange, broker.market)
    if strategy.brokers and name not in strategy.brokers:
        known = ", ".join(strategy.brokers)
        raise UsageError(f"{strategy.name} does not look at {name}", hint=f"it was added with --broker {known}")
    if broker.account_id is None:
        raise UsageError(f"{name} was not read yet", hint=f"trademon scan --broker {name}")
    return broker


def _symbol(store: UserStore, brokers: Sequence[Broker], text: str, currency: str) -> str:
    """The symbol a person means, as every one of the brokers lists it."""
    found: Market | None = None
    for broker in brokers:
        known = {market.symbol: market for market in store.markets(broker)}
        name = match_symbol(text, known)
        if name is None:
            near = nearest(text, known)
            raise UsageError(f"{broker.name} lists no {text!r}", hint=f"did you mean {near}?" if near else None)
        found = known[name]
    assert found is not None
    if found.quote != currency:
        hint = f"a strategy's symbols have one currency: arm it for those in {currency}, or give the limit in another"
        raise UsageError(f"{found.symbol} is priced in {found.quote}, --max-order in {currency}", hint=hint)
    return found.symbol


async def _ask_rights(store: UserStore, broker: Broker, ports: Ports) -> KeyRights | None:
    exchange = await ports.open_exchange(store, broker)
    try:
        await exchange.sync_clock()
        return await exchange.fetch_rights()
    finally:
        await exchange.close()


def _check_rights(broker: Broker, rights: KeyRights | None, *, unknown_ok: bool) -> None:
    can_trade = None if rights is None else rights.can_trade
    if can_trade is False:
        raise AuthError(
            f"the key of {broker.name} may not trade",
            hint=f"make one that may trade and not withdraw, then trademon broker set {broker.name} --new-key",
            broker=broker.name,
        )
    if can_trade is None and not unknown_ok:
        raise AuthError(
            f"it is not known whether the key of {broker.name} may trade",
            hint="look at the exchange; if you are sure, add --rights-unknown-ok",
            broker=broker.name,
        )
