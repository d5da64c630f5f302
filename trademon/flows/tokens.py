"""Tokens that live for minutes: renewed once for everybody, never twice with the same one.

Under a lease of their own: what is there is read again, the renewal is noted, then asked for, then its pair is saved,
and only then used. Whoever comes meanwhile waits and finds the new pair. A run that was killed in between leaves its
note: the next one tries the old token once more, since the login server may never have seen the request. What that
server refuses for good is lost, and nothing asks again until a person signs in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Final

from trademon.core.model import Broker
from trademon.core.reports import ScanStatus
from trademon.core.session_reports import KeptSession
from trademon.core.sessions import Session, SessionState
from trademon.errors import Busy, HostAskedToWait, SignInNeeded, StoreError, Unreachable
from trademon.exchanges.registry import NEEDS_SIGN_IN
from trademon.exchanges.saxo_login import RenewalNotDone
from trademon.flows.isolate import isolate
from trademon.flows.ports import Ports
from trademon.flows.scan import Target
from trademon.store.lease import hold
from trademon.store.store import UserStore

KEEP_EVERY: Final = timedelta(minutes=10)
"""A pair that is older is renewed by whoever keeps sessions alive: the first token lives 20 minutes, the other 60."""
KEEP_LOOK_S = 30.0
"""How often `keep_alive` looks how old they are."""
AT_ONCE: Final = timedelta(minutes=1)
_SPARE: Final = timedelta(seconds=60)
_NEW: Final = timedelta(seconds=60)
# A renewal takes a login server's patience at most; whoever waits for it waits that long.
_TRIES: Final = 600
_PAUSE_S: Final = 0.1


class Tokens:
    """The tokens of one broker, as its adapter asks for them."""

    def __init__(self, store: UserStore, broker: Broker, ports: Ports) -> None:
        self._store = store
        self._broker = broker
        self._ports = ports
        self._session: Session | None = None

    async def token(self) -> str:
        """The token to ask with, renewed where it is about to end. Raises SignInNeeded where there is none."""
        session = self._session or signed_in(self._store, self._broker)
        if session.state.access_until - self._ports.clock() < _SPARE:
            session = await renew(self._store, self._broker, self._ports, after=session.state)
        self._session = session
        return session.pair.access_token

    async def after_refusal(self, refused: str) -> str:
        """Another token than this one, which was refused though it should be good; the same where it is new."""
        session = signed_in(self._store, self._broker)
        age = self._ports.clock() - session.state.renewed_at
        # One that is new is refused for another reason: a newer one would be, too.
        if session.pair.access_token == refused and not timedelta(0) <= age < _NEW:
            session = await renew(self._store, self._broker, self._ports, after=session.state)
        self._session = session
        return session.pair.access_token


async def keep_sessions(
    targets: Sequence[Target], ports: Ports, *, older_than: timedelta = KEEP_EVERY
) -> tuple[KeptSession, ...]:
    """Renew the tokens of every broker among these that needs a person's sign-in, where its pair is older than that.

    One that fails stops none of the others. For `watch`, the scheduler, `sync` and `broker refresh`.
    """
    wanted = [t for t in targets if t.broker.exchange in NEEDS_SIGN_IN]
    return tuple(await asyncio.gather(*(_keep(t, ports, older_than) for t in wanted)))


async def keep_alive(
    targets: Callable[[], Sequence[Target]], ports: Ports, tell: Callable[[KeptSession], None]
) -> None:
    """Renew in time until cancelled, whatever else goes on; `tell` hears of each broker at every look."""
    while True:
        with contextlib.suppress(StoreError):  # a store that cannot be read is what everything else says
            for kept in await keep_sessions(targets(), ports):
                tell(kept)
        await asyncio.sleep(KEEP_LOOK_S)


async def _keep(target: Target, ports: Ports, older_than: timedelta) -> KeptSession:
    store, broker = target.store, target.broker
    is_renewed, error, problem = await isolate(
        _renew_old(store, broker, ports, older_than), broker=broker.name, user=broker.user, at=ports.clock()
    )
    state = None
    with contextlib.suppress(StoreError):  # as the problem says
        state = store.session_state(broker)
    status: ScanStatus = "ok" if error is None else "skipped" if isinstance(error, Busy | HostAskedToWait) else "failed"
    return KeptSession(
        broker.name,
        broker.user,
        status,
        is_renewed=bool(is_renewed),
        is_lost=isinstance(error, SignInNeeded),
        is_news=isinstance(error, SignInNeeded) and error.is_news,
        access_until=None if state is None else state.access_until,
        refresh_until=None if state is None else state.refresh_until,
        problem=problem if status == "failed" else None,
        note=error.message if error is not None and status == "skipped" else None,
    )


async def _renew_old(store: UserStore, broker: Broker, ports: Ports, older_than: timedelta) -> bool:
    session = signed_in(store, broker)
    age = ports.clock() - session.state.renewed_at
    # A clock that was set back tells no age. A pair that cannot be renewed is left to end.
    if session.state.refresh_until is None or timedelta(0) <= age < older_than:
        return False
    await renew(store, broker, ports, after=session.state)
    return True


async def renew(store: UserStore, broker: Broker, ports: Ports, *, after: SessionState) -> Session:
    """The pair that follows the one of `after`: what another run got meanwhile, else a new one.

    Being stopped waits for the answer under way: a pair that was given and not saved is a session lost.

    Raises:
        SignInNeeded: only a person can help.
        Busy: another run holds it for too long.
        Transient: the next run asks again.
    """
    work = asyncio.ensure_future(_renew(store, broker, ports, after))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        work.cancelled() or work.exception()  # looked at, so that nobody complains of it
        raise


async def _renew(store: UserStore, broker: Broker, ports: Ports, after: SessionState) -> Session:
    async with _lease(broker, ports):
        session = signed_in(store, broker)
        generation = session.state.generation
        if generation != after.generation:
            return session
        if not session.pair.refresh_token:
            why = "its token has ended and cannot be renewed"
            raise _lost(store, broker, generation, why, ports)
        assert ports.open_login is not None
        login = ports.open_login(store, broker)
        if not store.note_renewal(broker, generation, ports.clock()):
            return signed_in(store, broker)
        try:
            pair = await login.renew(
                session.pair.refresh_token, verifier=session.verifier, redirect=session.state.redirect
            )
        except (Unreachable, RenewalNotDone, HostAskedToWait):
            store.forget_renewal(broker, generation)
            raise
        except SignInNeeded as error:
            raise _lost(store, broker, generation, _why(session, error), ports) from None
        store.save_renewal(broker, generation, pair, ports.clock())
        return signed_in(store, broker)


def _lost(store: UserStore, broker: Broker, generation: int, why: str, ports: Ports) -> SignInNeeded:
    """The error of a session that is lost from now on."""
    error = _sign_in(broker, why)
    error.is_news = store.lose_session(broker, generation, why, ports.clock())
    return error


def _why(session: Session, error: SignInNeeded) -> str:
    asked_at = session.state.asked_at
    if asked_at is None:
        return error.message.removeprefix("Saxo: ")
    return f"the run that renewed it at {asked_at:%H:%M:%S} UTC ended before it had saved the answer"


@contextlib.asynccontextmanager
async def _lease(broker: Broker, ports: Ports) -> AsyncIterator[None]:
    """The lease on the broker's tokens; waits while another run renews them."""
    for left in range(_TRIES, -1, -1):
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(hold(ports.locks, f"tokens-{broker.id}"))
            except Busy:
                if not left:
                    raise
            else:
                yield
                return
        await asyncio.sleep(_PAUSE_S)


def signed_in(store: UserStore, broker: Broker) -> Session:
    """The broker's session. Raises SignInNeeded where nobody signed in, or it is lost."""
    session = store.session(broker)
    if session is None:
        raise _sign_in(broker, "nobody has signed in yet")
    if session.state.lost_at is not None:
        raise _sign_in(broker, session.state.lost_why or "its session was lost")
    return session


def _sign_in(broker: Broker, why: str) -> SignInNeeded:
    return SignInNeeded(f"not signed in: {why}", hint=f"trademon broker login {broker.name}", broker=broker.name)
