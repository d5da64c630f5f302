"""An examination: the store and this machine, then each broker, asked over the network as a scan would ask."""

from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from trademon.core.doctor_reports import Check, DoctorReport, Health
from trademon.core.hints import to_copy
from trademon.core.key_rights import ENDS_SOON, in_words, new_key_hint, warnings
from trademon.core.model import Broker
from trademon.core.notices import MANY_ERRORS
from trademon.core.sessions import SessionState
from trademon.errors import ActionNeeded, ConfigError, TrademonError
from trademon.exchanges.base import Exchange
from trademon.exchanges.registry import NEEDS_SIGN_IN
from trademon.flows.coverage import CapabilitiesOf, coverage
from trademon.flows.isolate import isolate
from trademon.flows.key_rights import fetch_rights
from trademon.flows.ports import Ports
from trademon.flows.scan import Target
from trademon.store.lease import holder
from trademon.store.store import Store, StoreHealth, UserStore

MB = 1024 * 1024
LITTLE_SPACE, NO_SPACE = 1024 * MB, 64 * MB
STALE = timedelta(days=1)
CLOCK_IS_OFF = timedelta(seconds=1)
SOON_LOST = timedelta(days=14)
BUSY_BUDGET = 0.75
LATE_MESSAGE = timedelta(hours=1)
ADD_BROKER = "trademon broker add NAME --exchange binance"
MUST_BE_KEPT = timedelta(minutes=25)
"""Tokens of that age are kept alive by nobody."""


async def doctor(
    store: Store,
    targets: Sequence[Target],
    ports: Ports,
    *,
    capabilities_of: CapabilitiesOf,
    stores: Sequence[UserStore] = (),
    has_channel: Callable[[UserStore], bool] = lambda _store: True,
) -> DoctorReport:
    """Every check of the machine, of these users' messages and of these brokers; the brokers are asked side by side."""
    checks = [*_machine(store), *(_messages(one, ports.clock(), has_channel(one)) for one in stores)]
    if stores and not any(one.brokers() for one in stores):
        checks.append(Check("brokers", "warn", "there is none: nothing is watched", ADD_BROKER))
    asked = await asyncio.gather(*(_broker(target, ports, capabilities_of) for target in targets))
    of_machine = {
        check.detail for check in checks if check.health == "act"
    }  # the key file's fault is one, not each broker's
    return DoctorReport(
        (
            *checks,
            *(check for group in asked for check in group if check.detail not in of_machine or check.health != "act"),
        )
    )


# --- the machine --------------------------------------------------------------------------------------------------


def _machine(store: Store) -> Iterator[Check]:
    health = store.health()
    yield _database(store, health)
    for gap in health.open_to_all:
        yield Check("row security", "warn", gap, "docs/postgres.md says how the store's role is made")
    if store.is_file:
        yield _disk(store.path.parent)
        yield from _rights(store.path.parent)
    yield _key(store)


def _database(store: Store, health: StoreHealth) -> Check:
    if health.faults:
        return Check("database", "act", f"damaged: {'; '.join(health.faults[:3])}", "restore a backup, or move it away")
    state = "undamaged" if store.is_file else "answers"
    return Check("database", "ok", f"{store.place}, schema {health.schema}, {health.size_bytes / MB:,.1f} MB, {state}")


def _disk(directory: Path) -> Check:
    free = shutil.disk_usage(directory).free
    told = f"{free / MB:,.0f} MB free in {directory}"
    if free < NO_SPACE:
        return Check("disk", "act", told, "free some: a scan that cannot write stores nothing")
    return Check("disk", "warn" if free < LITTLE_SPACE else "ok", told)


def _rights(directory: Path) -> Iterator[Check]:
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Check("data directory", "warn", f"others may look into {directory}", f"chmod 700 {directory}")


def _key(store: Store) -> Check:
    try:
        key = store.key_status()
    except ConfigError as error:
        return Check("key file", "act", error.message, error.hint)
    if not key.secrets:
        return Check("key file", "ok", "no key is stored yet")
    if key.is_unfinished:
        return Check("key file", "warn", f"{key.path}: a rotation was stopped", "trademon key rotate ends it")
    whose = "handed in by systemd" if key.is_credential else "readable by you alone"
    return Check("key file", "ok", f"{key.path}, {whose}")


def _messages(store: UserStore, now: datetime, has_channel: bool) -> Check:
    """What waits in the user's outbox, since when, and why."""
    if not has_channel:
        return Check("messages", "ok", "no channel is set: nobody is told of anything", user=store.user)
    health = store.outbox_health(now)
    told = "none waits"
    if health.oldest_at is not None:
        told = f"{health.waiting} waiting, the oldest since {health.oldest_at:%Y-%m-%d %H:%M:%S} UTC"
    if health.unclear:
        told += f"; {health.unclear} cut off twice within a day, they may have arrived"
    if health.last_error is not None:
        told += f"; {health.last_error}"
    if health.must_act:
        return Check("messages", "act", told, "mend it, then trademon notify send", user=store.user)
    late = health.oldest_at is not None and now - health.oldest_at > LATE_MESSAGE
    warn = late or health.unclear or health.last_error
    hint = "trademon notify outbox" if warn else None
    return Check("messages", "warn" if warn else "ok", told, hint, user=store.user)


# --- a broker -----------------------------------------------------------------------------------------------------


async def _broker(target: Target, ports: Ports, capabilities_of: CapabilitiesOf) -> list[Check]:
    store, broker, now = target.store, target.broker, ports.clock()
    checks = [*_stored(store, broker, now), *_complete(store, broker, now, capabilities_of)]
    if broker.exchange in NEEDS_SIGN_IN:
        checks += _signed_in(broker, store.session_state(broker), now)
    busy = holder(ports.locks, f"broker-{broker.id}")
    if busy is not None:
        checks.append(Check("lease", "ok", f"held by {busy}"))
    if not broker.enabled:
        checks.append(Check("state", "ok", "disabled: it is not scanned"))
    elif not any(check.name == "sign-in" and check.health == "act" for check in checks):
        checks += await _asked(target, ports)
    checks += _key_rights(store, broker, now)
    name, user = broker.name, broker.user
    return [replace(c, hint=to_copy(c.hint, broker=name, user=user), broker=name, user=user) for c in checks]


def _stored(store: UserStore, broker: Broker, now: datetime) -> Iterator[Check]:
    """How its last looks went."""
    state = store.broker_state(broker)
    if state.last_good_at is None:
        yield Check("last good scan", "warn", "none yet", "trademon scan")
    else:
        age = now - state.last_good_at
        told = f"{state.last_good_at:%Y-%m-%d %H:%M:%S} UTC"
        late = age > STALE and broker.enabled
        yield Check("last good scan", "warn" if late else "ok", told, "does cron run trademon scan?" if late else None)
    if state.errors_in_row > MANY_ERRORS:
        yield Check("errors", "warn", f"{state.errors_in_row} in a row, the last: {state.last_error}")
    doubted = [one for one in store.quarantined(broker) if now - one.at < STALE]
    if doubted:
        told = f"{len(doubted)} answers of the last day were not believed, the newest: {doubted[0].reason}"
        yield Check("answers", "warn", told)
    if (wait_until := state.waits_until(now)) is not None:
        yield Check("host", "warn", f"asked us to wait until {wait_until:%H:%M:%S} UTC")


def _complete(store: UserStore, broker: Broker, now: datetime, capabilities_of: CapabilitiesOf) -> Iterator[Check]:
    """What is missing of its history, and what of it will be lost."""
    report = coverage([store], [broker.name], now=now, capabilities_of=capabilities_of)
    since = report.brokers[0].complete_since
    if since is None:
        yield Check("history", "warn", "not complete yet", "trademon coverage shows what is missing")
    else:
        yield Check("history", "ok", f"complete since {since:%Y-%m-%d %H:%M:%S} UTC")
    gaps = [gap for row in report.rows for gap in row.gaps if gap.lost_from is not None and not gap.is_lost]
    soonest = min((gap.lost_from for gap in gaps if gap.lost_from is not None), default=None)
    if soonest is not None and soonest - now < SOON_LOST:
        told = f"{len(gaps)} open, the exchange forgets the first from {soonest:%Y-%m-%d %H:%M} UTC on"
        yield Check("gaps", "warn", told, f"trademon scan --broker {broker.name}")


def _signed_in(broker: Broker, state: SessionState | None, now: datetime) -> Iterator[Check]:
    """When the tokens end, and when a person has to come back."""
    login = f"trademon broker login {broker.name}"
    if state is None:
        yield Check("sign-in", "act", "nobody has signed in yet", login)
        return
    if state.lost_at is not None:
        yield Check("sign-in", "act", f"lost at {state.lost_at:%Y-%m-%d %H:%M} UTC: {state.lost_why}", login)
        return
    if state.refresh_until is None:
        told = f"a developer token, good until {state.access_until:%Y-%m-%d %H:%M} UTC; it cannot be renewed"
        yield Check("tokens", "ok" if state.access_until > now else "act", told, login)
        return
    told = f"the one that asks ends at {state.access_until:%H:%M:%S} UTC, the one that renews at "
    told += f"{state.refresh_until:%H:%M:%S} UTC"
    is_kept = now - state.renewed_at < MUST_BE_KEPT
    hint = None if is_kept else "let trademon watch run, or trademon broker refresh every 10 minutes (crontab.example)"
    yield Check("tokens", "ok" if is_kept else "warn", told, hint)
    due = f"at {state.signed_in_at:%Y-%m-%d %H:%M} UTC; again by {state.sign_in_due_at:%Y-%m-%d}, as is advised"
    yield Check(
        "sign-in", "ok" if now < state.sign_in_due_at else "warn", due, None if now < state.sign_in_due_at else login
    )


async def _asked(target: Target, ports: Ports) -> list[Check]:
    """What the exchange says now."""
    broker = target.broker
    found, error, _ = await isolate(_ask(target, ports), broker=broker.name, user=broker.user, at=ports.clock())
    if found is not None:
        return found
    assert error is not None
    return [_refused(error)]


def _refused(error: TrademonError) -> Check:
    must_act = isinstance(error, ActionNeeded)
    return Check(
        "key" if error.kind == "auth" else "exchange", "act" if must_act else "warn", error.message, error.hint
    )


async def _ask(target: Target, ports: Ports) -> list[Check]:
    exchange = await ports.open_exchange(target.store, target.broker)
    started = ports.monotonic()
    try:
        offset = await exchange.sync_clock()
        view = await exchange.fetch_account(with_uid=True)
        rights, _ = await fetch_rights(exchange)
        if rights is not None:
            target.store.save_key_rights(target.broker, rights, ports.clock())
        took = ports.monotonic() - started
        return [
            _clock(offset),
            Check("key", "ok", f"accepted, {len(view.balances)} coins seen, in {took:.2f} s"),
            *_budget(exchange),
        ]
    finally:
        await exchange.close()


def _key_rights(store: UserStore, broker: Broker, now: datetime) -> Iterator[Check]:
    """What its key may do, as it was last read: now, where the exchange answered."""
    known = store.key_rights(broker)
    if known is None or known.read_at is None:
        return
    rights = known.rights
    told = [in_words(rights)]
    if rights.is_address_limited is not None:
        told.append("from listed addresses only" if rights.is_address_limited else "from any address")
    if rights.created_at is not None:
        told.append(f"{(now - rights.created_at).days:,} days old")
    told.append(f"read {known.read_at:%Y-%m-%d %H:%M} UTC")
    health: Health = "act" if known.is_danger else "warn" if rights.can_withdraw or any(warnings(rights)) else "ok"
    hint = new_key_hint(broker.name) if known.is_danger else next(warnings(rights), None)
    yield Check("key rights", health, ", ".join(told), hint)
    if rights.expires_at is not None:
        soon = rights.expires_at - now < ENDS_SOON
        yield Check("key ends", "warn" if soon else "ok", f"{rights.expires_at:%Y-%m-%d %H:%M} UTC")


def _clock(offset: timedelta) -> Check:
    told = f"{abs(offset).total_seconds():.2f} s {'behind' if offset > timedelta(0) else 'ahead of'} the exchange"
    if abs(offset) < CLOCK_IS_OFF:
        return Check("clock", "ok", told)
    return Check("clock", "warn", f"{told}; requests are dated by the exchange's", "let the system keep time (NTP)")


def _budget(exchange: Exchange) -> Iterator[Check]:
    budget = exchange.budget()
    if budget is not None:
        used, limit = budget
        health: Health = "warn" if used > limit * BUSY_BUDGET else "ok"
        yield Check("rate budget", health, f"{used:,} of {limit:,} used this minute, by all programs at this address")
