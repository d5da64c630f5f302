"""Ids that an exchange counts anew: which count a fill's id belongs to (invariant 1).

A test network is wiped and begins again at 1; a new engine does, too. An id alone then names two executions. Which
count it belongs to is told by time: each count (an epoch) begins with its oldest fill and lasts until the next begins.
A new one is begun only on clear evidence, all else stays another execution under a known id, which is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from trademon.core.model import Fill, id_order
from trademon.core.times import to_us
from trademon.store.database import Sql
from trademon.store.fill_rows import API, IMPORT, BookKey, Known, content

LONGEST_COUNTED = 12
"""Digits. Longer ids hold a time or a machine's number: they are drawn, not counted."""
_BEGAN = """SELECT epoch, min(executed_at) FROM fills WHERE account_id = ? AND market_id = ? AND epoch > 0
    GROUP BY epoch ORDER BY epoch"""
_NEWEST_BEFORE = """SELECT max(executed_at) FROM fills
    WHERE account_id = ? AND market_id = ? AND executed_at < ? AND source IN ('api', 'import')"""
_FAR = 2**62

_AllKnown = dict[tuple[str, int], Known]


def in_their_epochs(sql: Sql, key: BookKey, fills: Sequence[Fill], known: _AllKnown, source: str) -> list[Fill]:
    """The same fills, each in the epoch of its time; `known` is what is stored under their ids.

    A new epoch begins where the exchange itself tells another trade (not only another time) under known ids, all of
    them later than everything stored, and the page counts as one: what it repeats unchanged has lower ids.
    """
    if source not in (API, IMPORT):
        return list(fills)  # no execution: an entered lot, an end of a transfer
    began = [(0, 0), *sql.rows(_BEGAN, *key)]
    if len(began) == 1 and not known:
        return list(fills)  # almost every page
    placed = [_at(fill, began) for fill in fills]
    others = [fill for fill in placed if (fill.trade_id, fill.epoch) in known and not _same(fill, known)]
    if source == API and others and _count_anew(others, placed, known):
        newest = {epoch: _newest(sql, key, epoch, began) for epoch in {fill.epoch for fill in others}}
        if all(to_us(fill.executed_at) > newest[fill.epoch] for fill in others):
            return _begin(placed, others, began)
    return placed


def _count_anew(others: list[Fill], placed: list[Fill], known: _AllKnown) -> bool:
    """Whether these fills under known ids are others, in a page that counts as one."""
    lowest = min(id_order(fill.trade_id) for fill in others)
    return all(_is_another(fill, known) for fill in others) and not any(
        _same(fill, known) and id_order(fill.trade_id) > lowest for fill in placed
    )


def _begin(placed: Iterable[Fill], others: Iterable[Fill], began: list[tuple[int, int]]) -> list[Fill]:
    """With the epoch after each one's own beginning at its oldest fill that is another under a known id."""
    starts = dict(began)
    for fill in others:
        at_us = to_us(fill.executed_at)
        starts[fill.epoch + 1] = min(at_us, starts.get(fill.epoch + 1, at_us))
    return [_at(fill, sorted(starts.items())) for fill in placed]


def _at(fill: Fill, began: list[tuple[int, int]]) -> Fill:
    """In the epoch of its time."""
    at_us = to_us(fill.executed_at)
    epoch = next((n for n, start in reversed(began) if start <= at_us), 0)
    return fill if epoch == fill.epoch else replace(fill, epoch=epoch)


def _same(fill: Fill, known: _AllKnown) -> bool:
    stored = known.get((fill.trade_id, fill.epoch))
    return stored is not None and stored.content == content(fill)


def _is_another(fill: Fill, known: _AllKnown) -> bool:
    """Whether its id can be one that is counted, and it is another trade than each that is known under it."""
    counted = fill.trade_id.isascii() and fill.trade_id.isdigit() and len(fill.trade_id) <= LONGEST_COUNTED
    stored = (row for (trade_id, _), row in known.items() if trade_id == fill.trade_id)
    return counted and all(row.source == API and row.content[:3] != content(fill)[:3] for row in stored)


def _newest(sql: Sql, key: BookKey, epoch: int, began: list[tuple[int, int]]) -> int:
    """When the newest stored execution of that epoch was, in microseconds."""
    end = next((start for n, start in began if n > epoch), _FAR)
    return int(sql.rows(_NEWEST_BEFORE, *key, end)[0][0] or 0)
