"""How Bitget reads parameters, and what it refuses about them. Where nothing is documented it says "assumed"."""

import re
from collections.abc import Callable
from typing import TypeVar

from trademon.demo.wire import Question, Refusal

T = TypeVar("T")

_NINETY_DAYS_MS = 90 * 86_400_000


def unknown(name: str) -> Refusal:
    """What is said of a symbol that is not listed."""
    return Refusal(400, "40034", f"Parameter {name} does not exist")


def empty(name: str) -> Refusal:
    """What is said of a required parameter that was not sent."""
    return Refusal(400, "400172", f"Parameter {name} cannot be empty")


def integer(q: Question, name: str) -> int | None:
    """A parameter of digits; None when it was not sent or is empty."""
    text = q.params.get(name)
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise Refusal(400, "40020", f"Parameter {name} error")
    return int(text)


def page_limit(q: Question, default: int = 100, most: int = 100) -> int:
    """How many rows were asked for."""
    limit = integer(q, "limit")
    if limit is not None and not 1 <= limit <= most:
        raise Refusal(400, "400172", "Parameter verification failed limit")  # assumed: it may be cut instead
    return limit or default


def trade_window(q: Question) -> tuple[int, int]:
    """Start and end in ms, both included; 90 days is all there is, and a start before that is refused."""
    start, end = integer(q, "startTime"), integer(q, "endTime")
    oldest = q.now_ms - _NINETY_DAYS_MS
    if start is not None:
        if end is not None and end < start:
            raise reversed_times()
        if start < oldest or (end is not None and end - start > _NINETY_DAYS_MS):
            raise too_long()
    return (oldest if start is None else start), (q.now_ms if end is None else end)


def wallet_window(q: Question) -> tuple[int, int]:
    """Start and end in ms, both required and included, at most 90 days apart; however long ago (assumed)."""
    start, end = integer(q, "startTime"), integer(q, "endTime")
    if start is None or end is None:
        raise empty("startTime" if start is None else "endTime")  # assumed: the code
    if end < start:
        raise reversed_times()
    if end - start > _NINETY_DAYS_MS:
        raise too_long()
    return start, end


def newest_below(
    rows: list[T], q: Question, window: tuple[int, int], limit: int, key: Callable[[T], tuple[int, int]]
) -> list[T]:
    """The newest `limit` rows in the window with an id below `idLessThan`, newest first; `key` is id and time."""
    below = integer(q, "idLessThan")
    found = [r for r in rows if window[0] <= key(r)[1] <= window[1] and (below is None or key(r)[0] < below)]
    return sorted(found, key=key, reverse=True)[:limit]


def reversed_times() -> Refusal:
    """What is said of a window that ends before it begins."""
    return Refusal(400, "40017", "startTime should be less than endTime")  # assumed


def too_long() -> Refusal:
    """What is said of a window that is longer than allowed, or begins before all that is kept."""
    return Refusal(400, "00001", "startTime and endTime interval cannot be greater than 90 days")
