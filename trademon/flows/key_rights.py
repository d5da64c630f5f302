"""What keys may do: read before one is stored, and again every day for those that are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from trademon.core.hints import to_copy
from trademon.core.key_rights import WITHDRAWS, new_key_hint, warnings
from trademon.core.model import Broker, KeyRights
from trademon.core.reports import Problem
from trademon.errors import ActionNeeded, AuthError, HostAskedToWait, TrademonError, Transient
from trademon.exchanges.base import Exchange
from trademon.flows.ports import Ports
from trademon.store.store import UserStore

PATIENCE_S = 10.0
"""A person waits for it: a host that is slower than this is asked with the first scan."""


@dataclass(frozen=True, slots=True)
class KeyExam:
    """What an exchange said of a key that is not stored yet.

    `rights` is None where they are not known, `uid` where the exchange names no account. `refused`: it does not take
    the key. `unasked`: why it could not be examined at all; `unread`: why its rights could not.
    """

    uid: str | None = None
    rights: KeyRights | None = None
    refused: TrademonError | None = None
    unasked: str | None = None
    unread: str | None = None

    def check(self, name: str, *, withdraw_allowed: bool) -> None:
        """Raises AuthError for a key that can withdraw, unless the person insists on it."""
        if self.rights is not None and self.rights.can_withdraw and not withdraw_allowed:
            hint = new_key_hint(name).replace(f", then trademon broker set {name} --new-key", "")
            raise AuthError(f"{WITHDRAWS}; nothing was stored", hint=hint, broker=name)

    def warnings(self, name: str, *, withdraw_allowed: bool) -> tuple[str, ...]:
        """What the person should know, a line each."""
        test = to_copy(f"trademon broker test {name}")
        said: list[str] = []
        if self.refused is not None:
            said.append(
                f"{self.refused.message}; it is stored all the same ({to_copy(self.refused.hint, broker=name) or test})"
            )
        elif self.unasked is not None:
            said.append(f"its key could not be examined: {self.unasked} ({test})")
        elif self.unread is not None:
            said.append(f"what its key may do is not known: {self.unread} ({test})")
        if self.rights is not None:
            if self.rights.can_withdraw and withdraw_allowed:
                said.append(WITHDRAWS)
            said += warnings(self.rights)
        return tuple(f"{name}: {one}" for one in said)


async def examine(store: UserStore, broker: Broker, ports: Ports) -> KeyExam:
    """Ask whose key it is and what it may do; `ports` sign with the key in question. Never raises what a network does:
    a broker can be added while there is none."""
    wait_until = store.broker_state(broker).waits_until(ports.clock())
    if wait_until is not None:
        return KeyExam(unasked=f"its host asked us to wait until {wait_until:%H:%M:%S} UTC")
    try:
        async with asyncio.timeout(PATIENCE_S):
            exchange = await ports.open_exchange(store, broker)
            try:
                return await _ask(exchange)
            finally:
                await exchange.close()
    except TimeoutError:
        return KeyExam(unasked=f"no answer in {PATIENCE_S:.0f} s")
    except HostAskedToWait as error:
        store.note_failed_look(broker, ports.clock(), error.line, wait_until=error.until)
        return KeyExam(unasked=error.line)
    except AuthError as error:
        return KeyExam(refused=error)
    except (Transient, ActionNeeded) as error:
        return KeyExam(unasked=error.message)


async def _ask(exchange: Exchange) -> KeyExam:
    await exchange.sync_clock()
    uid = (await exchange.fetch_account(with_uid=True)).uid
    rights, unread = await fetch_rights(exchange)
    return KeyExam(uid, rights, unread=unread)


async def fetch_rights(exchange: Exchange) -> tuple[KeyRights | None, str | None]:
    """What the key may do, and why that is not known where it is not.

    Raises:
        HostAskedToWait: as everywhere, nobody asks before.
    """
    if not exchange.capabilities.has_rights:
        return None, "the exchange does not say"
    try:
        rights = await exchange.fetch_rights()
    except HostAskedToWait:
        raise
    except (Transient, ActionNeeded) as error:
        return None, error.message
    if rights is None or rights == KeyRights():
        return rights, "this host does not say"
    return rights, None


@dataclass(frozen=True, slots=True)
class RightsNews:
    """What reading a stored key's rights came to: `alert` where it can withdraw since, `unread` why it failed."""

    alert: Problem | None = None
    unread: str | None = None


async def read_if_due(store: UserStore, broker: Broker, exchange: Exchange, now: datetime) -> RightsNews:
    """Once a day, read what the key may do and keep it. A key that can withdraw is told when that is first seen, and
    monitoring goes on: not to look would make nothing safer."""
    known = store.key_rights(broker)
    if not exchange.capabilities.has_rights or (known is not None and not known.is_due(now)):
        return RightsNews()
    rights, unread = await fetch_rights(exchange)
    store.save_key_rights(broker, rights, now)
    if rights is None:
        return RightsNews(unread=f"what its key may do could not be read: {unread}")
    now_known = store.key_rights(broker)
    if now_known is not None and now_known.is_danger and not (known is not None and known.is_danger):
        hint = new_key_hint(broker.name)
        return RightsNews(alert=Problem("rights", WITHDRAWS, hint, broker.name, broker.user, 4, now))
    return RightsNews()
