"""A person signs in at a broker's exchange: sent to an address, and back with a code.

What was begun is kept sealed before the address is shown, so that whoever has no browser here can end it in another
run: the code is worth nothing without the verifier that stays in the store.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from trademon.core.model import Broker
from trademon.core.session_reports import LoginReport
from trademon.core.sessions import StartedLogin, TokenPair
from trademon.errors import ConfigError, TrademonError, UsageError
from trademon.exchanges.registry import NEEDS_SIGN_IN
from trademon.exchanges.saxo_login import read_redirect
from trademon.flows.ports import Ports
from trademon.store.store import UserStore

_STARTED_FOR: Final = timedelta(hours=1)
_DEVELOPER_TOKEN: Final = timedelta(hours=24)


def check_signs_in(broker: Broker) -> None:
    """Raises UsageError for a broker that has a key and no sign-in."""
    if broker.exchange not in NEEDS_SIGN_IN:
        raise UsageError(
            f"{broker.name} needs no sign-in: {broker.exchange} has keys", hint=f"trademon broker test {broker.name}"
        )


def begin_login(store: UserStore, broker: Broker, ports: Ports, redirect: str) -> StartedLogin:
    """Begin a sign-in that ends at `redirect`; what there was stays until it ended."""
    assert ports.open_login is not None
    started = ports.open_login(store, broker).begin(redirect)
    store.save_started_login(broker, started, ports.clock())
    return started


async def end_login(store: UserStore, broker: Broker, ports: Ports, given: str) -> LoginReport:
    """Trade what the person came back with, a code or the whole address, for tokens.

    Raises:
        ConfigError: no sign-in was begun, or too long ago.
        AuthError: it is refused, or belongs to another sign-in.
    """
    assert ports.open_login is not None
    begun = store.started_login(broker)
    hint = f"trademon broker login {broker.name}"
    if begun is None or abs(ports.clock() - begun[1]) > _STARTED_FOR:
        raise ConfigError(f"no sign-in of {broker.name} is under way", hint=hint, broker=broker.name)
    started = begun[0]
    try:
        pair = await ports.open_login(store, broker).trade_code(read_redirect(given, started.state), started)
    except TrademonError as error:
        error.broker = broker.name
        raise
    now = ports.clock()
    store.save_sign_in(broker, pair, now, verifier=started.verifier, redirect=started.redirect)
    return _report(store, broker)


def keep_developer_token(store: UserStore, broker: Broker, now: datetime, token: str) -> LoginReport:
    """Take the token of a day that the developer portal of the simulation gives: it cannot be renewed.

    Raises:
        UsageError: the broker is not at the simulation.
        ConfigError: the text is no token.
    """
    if not broker.sandbox and broker.base_url is None:
        raise UsageError("a developer token opens the simulation alone", hint="trademon broker add NAME --sandbox ...")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError("that is no token", hint="paste it again; nothing was stored")
    pair = TokenPair(token, "", _ends_at(token) or now + _DEVELOPER_TOKEN, None)
    store.save_sign_in(broker, pair, now, verifier="", redirect="")
    return _report(store, broker)


def _report(store: UserStore, broker: Broker) -> LoginReport:
    state = store.session_state(broker)
    assert state is not None
    return LoginReport(broker.name, broker.user, state.access_until, state.refresh_until, state.sign_in_due_at)


def _ends_at(token: str) -> datetime | None:
    """When a token says that it ends, where it says so: the claim `exp` of a JSON web token. A hint, not believed
    further than that: whether the token is good, its server says."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        return None
