"""Ask an exchange whether a broker's key works; stores no fill."""

from __future__ import annotations

from decimal import Decimal

from trademon.core.key_rights import WITHDRAWS, new_key_hint, warnings
from trademon.core.model import Broker
from trademon.core.reports import BrokerTest, Problem
from trademon.errors import TrademonError
from trademon.flows.key_rights import fetch_rights
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
        rights, unread = await fetch_rights(exchange)
    except TrademonError as error:
        error.broker = broker.name
        raise
    finally:
        await exchange.close()
    if exchange.capabilities.has_rights:
        store.save_key_rights(broker, rights, ports.clock())
    known = store.key_rights(broker)
    notes = [f"what the key may do is not known: {unread}"] if unread else []
    problems: list[Problem] = []
    if known is not None:
        notes += [WITHDRAWS] if known.rights.can_withdraw and not known.is_danger else []
        notes += warnings(known.rights)
        if known.is_danger:
            problems.append(Problem("auth", WITHDRAWS, new_key_hint(broker.name), broker.name, broker.user, 4))
    return BrokerTest(
        broker=broker.name,
        user=broker.user,
        exchange=broker.exchange,
        account=view.uid or "not named by the exchange",
        coins=len(view.balances),
        open_orders=len(orders),
        clock_offset_s=Decimal(f"{offset.total_seconds():.3f}"),
        seconds=Decimal(f"{ports.monotonic() - started:.3f}"),
        notes=tuple(notes),
        key=known,
        problems=tuple(problems),
    )
