"""What a flow is given from outside: the clock, sleeping, and the way to an exchange."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.core.model import Broker
from trademon.exchanges.base import Exchange
from trademon.store.store import UserStore

if TYPE_CHECKING:
    from trademon.exchanges.order_client import OrderDesk
    from trademon.exchanges.saxo_login import SaxoLogin
    from trademon.store.postgres_leases import Leases

OpenExchange = Callable[[UserStore, Broker], Awaitable[Exchange]]
OpenOrders = Callable[[UserStore, Broker, Callable[[], datetime]], "OrderDesk"]
OpenLogin = Callable[[UserStore, Broker], "SaxoLogin"]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Trading:
    """What strategies need beside what reads. `open_orders` is called for an armed one alone, with the exchange's
    clock; it raises UsageError for an exchange whose orders are not supported. While `halt_file` is there, no order
    leaves. `private` is what a strategy's code may not read."""

    open_orders: OpenOrders
    halt_file: Path
    private: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Ports:
    """`open_exchange` may raise `errors.TrademonError`: no key, an exchange without an API. `locks`: for `hold`.
    Without `trading` no order can leave."""

    open_exchange: OpenExchange
    locks: Path | Leases
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    trading: Trading | None = None
    open_login: OpenLogin | None = None
    """The login server of a broker that needs a person's sign-in."""
