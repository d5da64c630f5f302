"""Messages that are sent beside something else, which never waits for them and never fails by them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trademon.cli.common import print_problem
from trademon.core.reports import Problem
from trademon.errors import ConfigError
from trademon.settings import child_environment

if TYPE_CHECKING:
    from trademon.store.store import UserStore
    from trademon.wiring import Home

log = logging.getLogger("trademon")
LAST_S = 10.0
"""How long the last sending of a run may take: what is left is sent by the next."""
_IN_HAND_S = 12.0


@dataclass(slots=True)
class Sent:
    """What became of it. `needs_person`: what keeps messages back and nobody but a person mends."""

    needs_person: tuple[Problem, ...] = ()


@contextlib.asynccontextmanager
async def sending(
    home: Home, users: Callable[[], Sequence[UserStore]], *, last: bool, apart: bool = False
) -> AsyncIterator[Sent]:
    """Sends these users' messages while what is within runs; with `last`, what waits at its end, too.

    `apart`: in processes of their own, for who must stay small: the library for Telegram takes 38 MB. A setting of a
    channel that cannot be used is told, and then nothing is sent: what runs within is worth more.
    """
    sent = Sent()
    try:
        is_off = home.channels().are_none
    except ConfigError as error:
        log.info("messages are not sent: %s", error.line)
        print_problem(Problem.of(error))
        is_off = True
    if is_off:
        yield sent
        return
    from trademon.flows.notify import keep_sending  # noqa: PLC0415 - only where there is a channel

    async with home.sender(users()) as sender:

        async def send() -> None:
            if apart:
                await _send_apart(sender.stores, None)
            else:
                await sender.send(at_once=False, patience_s=0.0)

        task = asyncio.create_task(keep_sending(sender, users, send))
        try:
            yield sent
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if last and sender.has_open():
            await (_send_apart(sender.stores, LAST_S) if apart else sender.send(patience_s=LAST_S / 2))
            sent.needs_person = tuple(filter(None, (_needs_person(home, store) for store in sender.stores)))


async def _send_apart(stores: Sequence[UserStore], timeout_s: float | None) -> None:
    """`trademon notify send`; ended with what it runs beside, after the message it has in hand."""
    words = [sys.executable, "-m", "trademon", "notify", "send"]
    if len(stores) == 1:  # whoever is pinned to one user sends nothing of another
        words += ["--user", stores[0].user]
    if timeout_s is None:
        words.append("--due")
    child = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment(),
    )
    try:
        async with asyncio.timeout(timeout_s):
            await child.wait()
    except TimeoutError:
        pass
    finally:
        if child.returncode is None:
            child.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), _IN_HAND_S)


def _needs_person(home: Home, store: UserStore) -> Problem | None:
    health = store.outbox_health(home.clock())
    if not health.must_act:
        return None
    return Problem("notify", health.last_error or "", "trademon doctor", None, store.user, 4)
