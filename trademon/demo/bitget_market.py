"""Bitget's spot candles (api-doc, Spot, Market). Where the documentation leaves something open it says "assumed"."""

from collections.abc import Callable, Iterable
from itertools import islice

from trademon.demo.bitget_params import empty, integer, page_limit, unknown
from trademon.demo.bitget_rows import candle_row
from trademon.demo.candles import DAY_MS, HOUR_MS, MINUTE_MS, Grid
from trademon.demo.model import WorldView
from trademon.demo.wire import Json, Question, Refusal, find_market

_HONG_KONG_MS = -8 * HOUR_MS  # what is not called "utc" opens by the clock of UTC+8: a "1day" at 16:00 UTC

# (length, origin). Beside these there are three days, weeks and months, which nobody here asks for.
_GRANULARITIES = {
    **{f"{n}min": (n * MINUTE_MS, 0) for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": (n * HOUR_MS, 0) for n in (1, 4)},
    **{f"{n}h": (n * HOUR_MS, _HONG_KONG_MS) for n in (6, 12)},
    **{f"{n}Hutc": (n * HOUR_MS, 0) for n in (6, 12)},
    "1day": (DAY_MS, _HONG_KONG_MS),
    "1Dutc": (DAY_MS, 0),
}
# How many days back `candles` reaches, by length; assumed: without a bound for those that are longer.
_RECENT_DAYS = {
    MINUTE_MS: 30,
    3 * MINUTE_MS: 30,
    5 * MINUTE_MS: 30,
    15 * MINUTE_MS: 52,
    30 * MINUTE_MS: 62,
    HOUR_MS: 83,
    4 * HOUR_MS: 240,
    6 * HOUR_MS: 360,
}


def candle_paths(worlds: list[WorldView]) -> dict[str, Callable[[Question], Json]]:
    """Who answers for the paths of candles."""
    return {
        "/api/v2/spot/market/candles": lambda q: _recent(q, worlds),
        "/api/v2/spot/market/history-candles": lambda q: _history(q, worlds),
    }


def _recent(q: Question, worlds: list[WorldView]) -> Json:
    """The newest before `endTime` that opened at or after `startTime` (assumed: both ends), lately."""
    grid = _grid(q, worlds)
    start, end = integer(q, "startTime"), integer(q, "endTime")
    days = _RECENT_DAYS.get(grid.length_ms)
    oldest = 0 if days is None else q.now_ms - days * DAY_MS
    opens = grid.descending(_last(q, end), max(start or 0, oldest))
    return _rows(q, grid, islice(opens, page_limit(q, most=1000)))


def _history(q: Question, worlds: list[WorldView]) -> Json:
    """The newest before `endTime`, however long ago; a `startTime` is not read here."""
    grid, end = _grid(q, worlds), integer(q, "endTime")
    if end is None:
        raise empty("endTime")  # assumed: the code
    return _rows(q, grid, islice(grid.descending(_last(q, end)), page_limit(q, most=200)))


def _last(q: Question, end: int | None) -> int:
    """When the last candle may open: before `endTime`, and not in the future."""
    return q.now_ms if end is None else min(end - 1, q.now_ms)


def _rows(q: Question, grid: Grid, opens: Iterable[int]) -> Json:
    """Ascending, as the documentation's example shows them."""
    return [candle_row(c) for c in grid.candles(sorted(opens), q.now)]


def _grid(q: Question, worlds: list[WorldView]) -> Grid:
    for name in ("symbol", "granularity"):
        if not q.params.get(name):
            raise empty(name)  # assumed: the code
    found = find_market(worlds, q.params["symbol"])
    if found is None:
        raise unknown(q.params["symbol"])
    if q.params["granularity"] not in _GRANULARITIES:  # case counts; assumed: the words
        raise Refusal(400, "400171", f"Parameter verification failed granularity [{','.join(_GRANULARITIES)}]")
    length, origin = _GRANULARITIES[q.params["granularity"]]
    return Grid(found[1], found[0].symbol, length, origin)
