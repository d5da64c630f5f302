"""The only place that catches everything: one broker's fault never stops the others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from trademon.core.reports import Problem
from trademon.errors import TrademonError, explained

T = TypeVar("T")
log = logging.getLogger("trademon")


async def isolate(
    work: Awaitable[T], *, broker: str, user: str, at: datetime
) -> tuple[T | None, TrademonError | None, Problem | None]:
    """The result of `work`, or the error it ended with and what a person reads of it.

    An error nobody foresaw becomes a fault of ours, its traceback in the debug log. Cancellation passes.
    """
    try:
        return await work, None, None
    except TrademonError as error:
        return None, error, Problem.of(error, broker=broker, user=user, at=at)
    except Exception as error:
        log.debug("fault of ours at %s", broker, exc_info=True)
        fault = explained(error)
        return None, fault, Problem.of(fault, broker=broker, user=user, at=at)
