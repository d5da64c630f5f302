"""What is stored of coverage is the union of what was proved, however it came."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from tests.store.world import NOON, add_broker, open_store
from trademon.core.coverage import Span, missing, union
from trademon.store import coverage_rows


@pytest.mark.parametrize("seed", range(6))
def test_spans_in_any_order_are_kept_as_their_union(path: Path, seed: int) -> None:
    """Touching, overlapping, within each other, in many gaps; another symbol's and another stream's stay apart."""
    chance = random.Random(seed)
    user = open_store(path).for_user("ann")
    account_id = add_broker(user).account_id
    assert account_id is not None
    kept: list[Span] = []
    with user._database.write() as sql:
        coverage_rows.extend(sql, account_id, "fills", "ETH/USDT", Span(NOON, NOON + timedelta(days=9)))
        for _ in range(120):
            start = NOON + timedelta(minutes=chance.randrange(200))
            span = Span(start, start + timedelta(minutes=chance.choice([0, 1, 1, 2, 5, 40])))
            if chance.random() < 0.2:
                coverage_rows.forget(sql, account_id, "fills", "BTC/USDT", span)
                kept = [left for one in kept for left in missing([span], one)] if span else kept
            else:
                coverage_rows.extend(sql, account_id, "fills", "BTC/USDT", span)
                kept.append(span)
            assert coverage_rows.load(sql, account_id, "fills", "BTC/USDT") == union(kept)
        assert len(coverage_rows.load(sql, account_id, "fills", "ETH/USDT")) == 1
