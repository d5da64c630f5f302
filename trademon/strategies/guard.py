"""Whether an order may leave. Asked for every single one, with all it depends on; None is yes, a text is why not.

Whatever is not known is a no.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.money import ZERO, format_decimal
from trademon.core.strategy_model import Arming, Limits, Standing
from trademon.core.times import format_time


@dataclass(frozen=True, slots=True)
class Asked:
    """The order in question: `value` in `currency`, the market's quote coin. `account` is the broker's id and that of
    its account. A cancellation has no value."""

    broker: str
    account: tuple[int, int]
    symbol: str
    currency: str
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out for it. `loss` of the day in the limit's currency, None where `loss_unknown` says why not.
    `can_trade` None: the exchange does not say."""

    now: datetime
    code_hash: str
    loss: Decimal | None
    loss_unknown: str = ""
    can_trade: bool | None = None


def refusal(asked: Asked, standing: Standing, facts: Facts) -> str | None:
    """Why this order may not leave; None where it may."""
    return next(_reasons(asked, standing, facts), None)


def _reasons(asked: Asked, standing: Standing, facts: Facts) -> Iterator[str]:
    """What is against it, the weightiest first."""
    if standing.halted is not None:
        yield f"halted: {standing.halted}"
    arming = standing.arming
    if arming is None:
        yield "it is not armed"
        return
    if not standing.is_enabled:
        yield "it is disabled"
    if arming.code_hash != facts.code_hash:
        yield "its file is another than when it was armed: arm it again"
    if facts.can_trade is False:
        yield "the key may not trade"
    if facts.can_trade is None and not arming.rights_unknown_ok:
        yield "it is not known whether the key may trade"
    yield from _out_of_bounds(asked, arming, facts)
    if standing.unsettled:
        yield "what became of an earlier order is not known yet"
    if asked.value is not None:
        yield from _beyond(asked, asked.value, arming.limits, standing, facts)


def _out_of_bounds(asked: Asked, arming: Arming, facts: Facts) -> Iterator[str]:
    """Where and when it was not armed for."""
    limits = arming.limits
    if limits.until is not None and facts.now >= limits.until:
        yield f"it was armed until {format_time(limits.until)}"
    if asked.broker not in limits.brokers:
        yield f"it is not armed for the broker {asked.broker}"
    if arming.accounts.get(asked.broker) != asked.account:
        yield f"{asked.broker} leads to another account than when it was armed: arm it again"
    if asked.symbol not in limits.symbols:
        yield f"it is not armed for {asked.symbol}"


def _beyond(asked: Asked, value: Decimal, limits: Limits, standing: Standing, facts: Facts) -> Iterator[str]:
    """Which limit an order that trades goes beyond."""
    if asked.currency != limits.order_currency:
        yield f"{asked.symbol} is priced in {asked.currency}, its limit is in {limits.order_currency}"
    if value <= ZERO:
        yield "its value is not known"
    if value > limits.max_order:
        most = f"{format_decimal(limits.max_order)} {limits.order_currency}"
        yield f"over the largest order: {format_decimal(value)} of {most}"
    if standing.sent_today >= limits.orders_a_day:
        yield f"{limits.orders_a_day} orders were sent today (UTC), as many as it may"
    if facts.loss is None:
        yield f"the loss of the day is not known: {facts.loss_unknown}"
    elif facts.loss >= limits.max_daily_loss:
        lost = f"{format_decimal(facts.loss)} of {format_decimal(limits.max_daily_loss)} {limits.loss_currency}"
        yield f"the loss of the day has reached its limit: {lost}"
