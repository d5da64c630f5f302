"""How Binance reads parameters, and what it refuses about them."""

import json
import re
from typing import TypeVar

from trademon.demo.wire import Question, Refusal

T = TypeVar("T")

_DAY_MS = 86_400_000
_NINETY_DAYS_MS = 90 * _DAY_MS


def missing(name: str) -> Refusal:
    """What is said of a mandatory parameter that was not sent."""
    return Refusal(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def bad_combination() -> Refusal:
    """What is said of parameters that cannot be sent together."""
    return Refusal(400, -1128, "Combination of optional parameters invalid.")


def refuse_unread(params: dict[str, str], known: frozenset[str]) -> None:
    """Binance refuses parameters it does not know: a misspelt one is not silently dropped."""
    read = len(params.keys() & known)
    if read < len(params):
        raise Refusal(
            400, -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(params)}'."
        )


def integer(params: dict[str, str], name: str) -> int | None:
    """A parameter of digits; None when it was not sent."""
    if name not in params:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", params[name]):
        raise Refusal(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(params[name])


def array(text: str) -> list[str]:
    """The JSON array of `symbols`."""
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal(400, -1100, "Illegal characters found in parameter 'symbols'.")
    return names


def page_limit(params: dict[str, str], default: int = 500) -> int:
    """How many rows were asked for, at most 1000."""
    limit = integer(params, "limit")
    if limit == 0:
        raise Refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit or default, 1000)  # assumed: a greater one is cut to the maximum


def day_window(params: dict[str, str]) -> tuple[int | None, int | None]:
    """Start and end in ms, both included, at most 24 hours apart; a start alone reaches 24 hours on."""
    start, end = integer(params, "startTime"), integer(params, "endTime")
    if start is not None and end is not None:
        if end < start:
            raise Refusal(400, -1128, "Start time is greater than end time.")  # assumed: the code
        if end - start > _DAY_MS:
            raise Refusal(400, -1127, "More than 24 hours between startTime and endTime.")
    if start is not None and end is None:
        end = start + _DAY_MS
    return start, end


def ninety_day_window(q: Question) -> tuple[int, int]:
    """Start and end in ms, both included; alone, each is paired with its default: 90 days ago, and now.

    The documentation says "less than 90 days"; exactly 90 days pass, as ccxt's own requests do.
    """
    start, end = integer(q.params, "startTime"), integer(q.params, "endTime")
    start = q.now_ms - _NINETY_DAYS_MS if start is None else start
    end = q.now_ms if end is None else end
    if end < start:
        raise Refusal(400, -1128, "Start time is greater than end time.")  # assumed: the code
    if end - start > _NINETY_DAYS_MS:
        raise Refusal(400, -1127, "The time interval must be within 0-90 days.")  # assumed: the words
    return start, end


def is_inside(ms: int, start: int | None, end: int | None) -> bool:
    """Whether a time lies in a window; both ends are included."""
    return (start is None or start <= ms) and (end is None or ms <= end)


def one_page(rows: list[T], limit: int, *, from_oldest: bool) -> list[T]:
    """The first or the last `limit` rows; both ascending."""
    return rows[:limit] if from_oldest else rows[-limit:]
