"""The JSON contract: shapes, decimal strings, times."""

from __future__ import annotations

import importlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import trademon.core
from tests.ui.world import NOW, execution, fill, info, pnl_row, scan
from trademon.core.pnl_reports import PnlReport, PnlTotal
from trademon.core.reports import (
    BrokersReport,
    BrokerTest,
    Done,
    FillsReport,
    ImportReport,
    Problem,
    ScanReport,
    UserInfo,
    UsersReport,
)
from trademon.core.watch_reports import WatchEvent
from trademon.ui.json_out import _WRITERS, dump, dump_line, envelope, to_json
from trademon.ui.watch_json import watch_event_to_json

AUTH = Problem("auth", "the exchange refuses the key", "trademon broker set main", "main", "ann", 4)


def floats_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [f for v in value.values() for f in floats_in(v)]
    if isinstance(value, list):
        return [f for v in value for f in floats_in(v)]
    return [value] if isinstance(value, float) else []


def test_the_envelope_is_the_same_for_every_command() -> None:
    """Exactly the keys of the contract, in errors too."""
    assert envelope("scan", "failed", {}, [AUTH]) == {
        "schema": 1,
        "command": "scan",
        "status": "failed",
        "data": {},
        "errors": [
            {
                "broker": "main",
                "kind": "auth",
                "message": "the exchange refuses the key",
                "hint": "trademon broker set main",
            }
        ],
    }


def test_a_fill_has_the_columns_of_the_contract() -> None:
    """Quantities, prices and fees are exact strings, the time is UTC with Z, the id is text."""
    row = fill(quantity=Decimal("0.00150"), fee=Decimal("-0.00001"))
    assert to_json(FillsReport((row,), 1)) == {
        "fills": [
            {
                "id": "1",
                "broker": "main",
                "user": "ann",
                "symbol": "BTC/USDT",
                "side": "sell",
                "quantity": "0.0015",
                "price": "47000",
                "fee": "-0.00001",
                "fee_currency": "USDT",
                "executed_at": "2026-11-21T14:01:34.000Z",
                "order_id": "o1",
                "trade_id": "t1",
                "source": "scan",
            }
        ]
    }


def test_further_fees_are_listed_only_where_there_are_any() -> None:
    """`more_fees` carries amount and currency as text."""
    report = FillsReport((fill(more_fees=((Decimal("0.002"), "BNB"),)),), 1)
    assert to_json(report)["fills"][0]["more_fees"] == [{"fee": "0.002", "fee_currency": "BNB"}]


def test_a_scan_counts_and_times_its_brokers() -> None:
    """Seconds are text with three decimals."""
    data = to_json(ScanReport((scan(), scan("okx", "failed", AUTH, new_fills=0, seconds=Decimal(10)))))
    assert data["new_fills"] == 3
    assert [row.pop("complete_since") for row in data["brokers"]] == [None, None]
    assert data["brokers"] == [
        {"broker": "main", "user": "ann", "status": "ok", "new_fills": 3, "requests": 7, "seconds": "0.412"},
        {"broker": "okx", "user": "ann", "status": "failed", "new_fills": 0, "requests": 7, "seconds": "10.000"},
    ]


REPORTS = [
    FillsReport((fill(),), 1),
    PnlReport("fifo", (pnl_row(),), ()),
    ScanReport((scan(),)),
    BrokersReport((info(),)),
    UsersReport((UserInfo("ann", True, None, None, 2, NOW),)),
    BrokerTest("main", "ann", "binance", "123", 3, 2, Decimal("-0.0124"), Decimal("0.31"), ("a note",)),
    ImportReport("csv", 12, 10),
    ImportReport("csv", 12, 0, 2, ("BTC/USDT:USDT",)),
    Done("added", "trademon scan"),
]


@pytest.mark.parametrize("report", REPORTS, ids=lambda r: type(r).__name__)
def test_no_float_ever_leaves(report: Any) -> None:
    """Every report becomes one valid document without a float in it."""
    text = dump(envelope("x", "success", to_json(report), []))
    assert floats_in(json.loads(text)) == []


def test_an_empty_report_is_a_whole_document() -> None:
    """Nothing found is an empty list, not a missing key."""
    assert to_json(FillsReport((), 0)) == {"fills": []}
    assert to_json(PnlReport("fifo", (), ())) == {"method": "fifo", "rows": [], "totals": []}
    assert to_json(BrokersReport(())) == {"brokers": []}


def test_hostile_text_survives_json_and_harms_no_terminal() -> None:
    """C1, DEL, bidi and lone surrogates are escaped, so the value stays and the bytes are plain."""
    name = "\x1b[31m\x9b\x7f\u202e\ud800币\U000e0001"
    for text in (dump({"s": name}), dump_line({"s": name})):
        assert json.loads(text) == {"s": name}
        assert not set("\x1b\x9b\x7f\u202e\ud800\U000e0001") & set(text)
        assert "币" in text
    assert dump_line({"s": name}, ascii_only=True).isascii()


def test_a_line_is_one_line() -> None:
    """`watch --json` writes one object a line."""
    assert "\n" not in dump_line({"text": "a\nb", "list": [1, 2]})


def test_a_fill_event_carries_the_fill_and_what_it_realised() -> None:
    """Net and unmatched as text, beside the fill's own columns."""
    event = WatchEvent("fill", NOW, 7, execution=execution("2.43", unmatched="0.5"))
    data = watch_event_to_json(event)
    assert (data["event"], data["at"], data["cycle"]) == ("fill", "2026-11-21T14:02:14.000Z", 7)
    assert (data["symbol"], data["net"], data["currency"], data["unmatched_quantity"]) == (
        "BTC/USDT",
        "2.43",
        "USDT",
        "0.5",
    )
    assert watch_event_to_json(WatchEvent("fill", NOW, execution=execution(None)))["net"] is None


def test_cycle_pnl_error_and_alert_events_have_their_keys() -> None:
    """Each kind of event carries what a script looks for."""
    cycle = watch_event_to_json(WatchEvent("cycle", NOW, 7, scan=ScanReport((scan(),))))
    assert {"status", "seconds", "new_fills", "brokers"} <= set(cycle)
    pnl = watch_event_to_json(WatchEvent("pnl", NOW, totals=(PnlTotal("EUR", Decimal(3), Decimal(1)),)))
    assert pnl["totals"] == [{"currency": "EUR", "gross": "3", "fees": "1", "net": "2", "incomplete": False}]
    error = watch_event_to_json(WatchEvent("error", NOW, problem=AUTH))
    assert {k: error[k] for k in ("broker", "kind", "hint")} == {"broker": "main", "kind": "auth", "hint": AUTH.hint}
    alert = watch_event_to_json(WatchEvent("alert", NOW, broker="main", text="answers again"))
    assert (alert["broker"], alert["message"]) == ("main", "answers again")


def test_every_report_there_is_has_a_writer() -> None:
    """Writers are found by name and imported late: a name that leads nowhere must not wait for its first user."""
    core = Path(trademon.core.__file__).parent
    modules = [importlib.import_module(f"trademon.core.{path.stem}") for path in core.glob("*reports.py")]
    reports = {name for module in modules for name in vars(module) if name.endswith("Report")}

    assert reports <= set(_WRITERS)
    for written in _WRITERS.values():
        module, _, function = written.partition(":") if isinstance(written, str) else ("", "", "")
        assert callable(getattr(importlib.import_module(f"trademon.ui.{module}"), function) if module else written)
