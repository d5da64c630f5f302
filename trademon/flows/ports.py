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
    from trademon.store.postgres_leases import Leases

OpenExchange = Callable[[UserStore, Broker], Awaitable[Exchange]]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ports:
    """`open_exchange` may raise `errors.TrademonError`: no key, an exchange without an API. `locks`: for `hold`."""

    open_exchange: OpenExchange
    locks: Path | Leases
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
