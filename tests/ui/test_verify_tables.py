"""A verification on the screen and as JSON: whole figures at every width, the cause beside its coin."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.ui.world import NOW, text_of
from trademon.core.reports import Problem
from trademon.core.verify_reports import BrokerVerify, CoinDrift, VerifyReport, drift_problem
from trademon.ui.json_out import dump, envelope, to_json
from trademon.ui.tables import render
from trademon.ui.text import ASCII


def coin(name: str = "BTC", difference: str = "-0.25", **changes: Any) -> CoinDrift:
    facts: dict[str, Any] = {
        "coin": name,
        "expected": Decimal("1.25"),
        "live": Decimal("1.25") + Decimal(difference),
        "since": NOW - timedelta(minutes=10),
        "until": NOW,
        "cause": "unread_symbol",
        "detail": "BTC/USDT was not read in all of that time",
        "difference": Decimal(difference),
    }
    return CoinDrift(**facts | changes)


def broker(name: str = "main", status: Any = "agrees", **changes: Any) -> BrokerVerify:
    return BrokerVerify(name, "ann", status, **{"agreed_at": NOW, "compared": 7} | changes)


COINS = (coin(), coin("USDT", "12500.000000000000000001", cause="unknown", detail="nothing explains it"))
DRIFT = broker("bitget", "drift", coins=COINS, problem=drift_problem("bitget", "ann", COINS, "-0.25 BTC"))
REPORT = VerifyReport(
    (
        broker(),
        DRIFT,
        broker("gone", "failed", problem=Problem("auth", "the key is refused", "trademon broker set gone", "gone")),
        broker("paper", "skipped", agreed_at=None, compared=0, notes=("it has no API",)),
    )
)


def test_a_drift_stands_below_the_brokers_with_interval_and_cause() -> None:
    """A day that both ends share is said once; figures stand at their points."""
    assert [line.rstrip() for line in text_of(render(REPORT), 80).splitlines()] == [
        "broker  state             coins  agreed at",
        "main    ● agrees              7  2026-11-21 14:02:14",
        "bitget  ▲ 2 coins differ      7  2026-11-21 14:02:14",
        "gone    ✖ failed                 2026-11-21 14:02:14",
        "    the key is refused → trademon broker set gone",
        "paper   · skipped                —                    it has no API",
        "",
        "broker  coin                  difference  expected                       live",
        "bitget  BTC        -0.25                      1.25       1",
        "    between 2026-11-21 13:52:14 and 14:02:14 → a gap: BTC/USDT was not read in",
        "    all of that time",
        "bitget  USDT  +12,500.000000000000000001      1.25  12,501.250000000000000001",
        "    between 2026-11-21 13:52:14 and 14:02:14 → unknown: nothing explains it",
        "difference: what the account holds less what stored history makes of it",
    ]


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, 200])
def test_no_difference_is_ever_cut(width: int) -> None:
    """At any width the figure that matters stands whole, and the cause with it."""
    shown = text_of(render(REPORT), width)
    assert "…" not in shown
    assert all(len(line) <= width for line in shown.splitlines())
    joined = "".join(shown.split())
    assert "+12,500.000000000000000001" in joined
    assert "wasnotreadinallofthattime" in joined


def test_what_was_mended_is_told_beside_its_broker() -> None:
    """Which coin, by how much, and why, though all agrees now."""
    shown = text_of(render(VerifyReport((broker(mended=(coin(),), notes=("read again; now it agrees",)),))), 200)
    assert "-0.25 BTC differed (a gap: BTC/USDT was not read in all of that time); read again; now it agrees" in shown
    assert "expected" not in shown


def test_users_are_named_where_there_are_several() -> None:
    """And only there."""
    other = BrokerVerify("main", "bob", "agrees", NOW)
    assert "bob" in text_of(render(VerifyReport((broker(), other))), 80)
    assert "ann" not in text_of(render(VerifyReport((broker(),))), 80)


def test_no_broker_says_how_to_add_one_and_ascii_stays_ascii() -> None:
    """Empty is no blank screen."""
    assert "trademon broker add" in text_of(render(VerifyReport(())), 80)
    assert text_of(render(REPORT, ASCII), 80).isascii()


def test_json_has_the_keys_of_the_contract() -> None:
    """Amounts as text, times in UTC, an agreed time or null."""
    document = json.loads(dump(envelope("verify", REPORT.status, to_json(REPORT), REPORT.problems)))
    assert document["status"] == "partial"
    rows = {row["broker"]: row for row in document["data"]["brokers"]}
    assert {"broker", "user", "status", "agreed_at", "coins"} <= set(rows["main"])
    assert rows["paper"]["agreed_at"] is None
    assert rows["bitget"]["coins"][0] == {
        "coin": "BTC",
        "expected": "1.25",
        "live": "1",
        "difference": "-0.25",
        "since": "2026-11-21T13:52:14.000Z",
        "until": "2026-11-21T14:02:14.000Z",
        "cause": "unread_symbol",
        "detail": "BTC/USDT was not read in all of that time",
    }


@pytest.mark.parametrize(
    ("brokers", "code", "status"),
    [
        ((broker(), broker("b", "recorded")), 0, "success"),
        ((broker("p", "skipped"),), 0, "success"),
        ((), 0, "success"),
        ((DRIFT,), 3, "partial"),
        ((broker(), DRIFT), 3, "partial"),
        ((broker("f", "failed", problem=Problem("network", "no answer")),), 1, "failed"),
        ((broker(), broker("f", "failed", problem=Problem("network", "no answer"))), 3, "partial"),
        ((DRIFT, broker("f", "failed", problem=Problem("auth", "refused", exit_code=4))), 4, "partial"),
        ((broker("x", "skipped", busy=True), broker("p", "skipped")), 75, "success"),
        ((broker("x", "skipped", busy=True), broker()), 0, "success"),
    ],
)
def test_the_exit_code_says_how_it_went(brokers: tuple[BrokerVerify, ...], code: int, status: str) -> None:
    """0 all agree, 3 something differs or failed, 1 nothing succeeded, 4 a person must act, 75 held by another run."""
    report = VerifyReport(brokers)
    assert (report.exit_code, report.status) == (code, status)
