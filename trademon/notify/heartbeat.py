"""An address of somebody else's that is asked after each good round, so that silence is noticed from outside."""

from __future__ import annotations

import logging

import aiohttp

DEADLINE_S = 10.0
log = logging.getLogger("trademon.heartbeat")


async def ping(url: str) -> None:
    """Ask it once. What goes wrong is for the log: whoever listens there will say that nothing came."""
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status >= 400:
                log.warning("the heartbeat address answered %d", answer.status)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        log.warning("the heartbeat address cannot be reached: %s", type(error).__name__)
