"""Ask an exchange whether a broker's key works; stores no fill."""

from __future__ import annotations

from decimal import Decimal

from trademon.core.model import Broker
from trademon.core.reports import BrokerTest
from trademon.errors import TrademonError
from trademon.flows.ports import Ports
from trademon.store.store import UserStore


async def ask_broker(store: UserStore, broker: Broker, ports: Ports) -> BrokerTest:
    """The first questions of a scan, answered. Raises what a scan would report."""
    started = ports.monotonic()
    exchange = await ports.open_exchange(store, broker)
    try:
        offset = await exchange.sync_clock()
        view = await exchange.fetch_account(with_uid=True)
        orders = await exchange.fetch_open_orders({})
    except TrademonError as error:
        error.broker = broker.name
        raise
    finally:
        await exchange.close()
    return BrokerTest(
        broker=broker.name,
        user=broker.user,
        exchange=broker.exchange,
        account=view.uid or "not named by the exchange",
        coins=len(view.balances),
        open_orders=len(orders),
        clock_offset_s=Decimal(f"{offset.total_seconds():.3f}"),
        seconds=Decimal(f"{ports.monotonic() - started:.3f}"),
    )
