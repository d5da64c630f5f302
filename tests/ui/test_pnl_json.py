"""P&L as JSON and CSV: the columns of the contract, and further ones where they were asked for."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.ui.test_pnl_tables import DOGE, FULL, PNL
from tests.ui.world import NOW, pnl_row
from trademon.core.pnl_reports import PnlReport, PnlTotal, Unvalued
from trademon.ui.csv_out import pnl_csv
from trademon.ui.json_out import to_json
from trademon.ui.tsv import tsv

D = Decimal


def rows_of(report: PnlReport) -> list[dict[str, str]]:
    stream = io.StringIO()
    pnl_csv(report, stream)
    stream.seek(0)
    return list(csv.DictReader(stream))


def test_a_pnl_row_has_the_columns_of_the_contract() -> None:
    """Every key of the contract, figures as text, unvalued fees as objects."""
    row = pnl_row(unvalued_fees=(("BNB", D("0.002")),))
    data = to_json(PnlReport("fifo", (row,), (PnlTotal("USDT", D("1204.1"), D("12.33"), True),)))
    assert data == {
        "method": "fifo",
        "rows": [
            {
                "user": "ann",
                "broker": "main",
                "symbol": "BTC/USDT",
                "currency": "USDT",
                "gross": "1204.1",
                "fees": "12.33",
                "net": "1191.77",
                "open_quantity": "0.4123",
                "open_cost": "18215.6",
                "average_cost": "44180.5287654321",
                "unmatched_quantity": "0",
                "unmatched_proceeds": "0",
                "unmatched_fees": "0",
                "unmatched_reason": None,
                "net_if_unmatched_free": "1191.77",
                "unvalued_fees": [{"currency": "BNB", "amount": "0.002"}],
                "provisional": True,
                "return_percent": None,
                "disposals": 12,
                "fills": 40,
            }
        ],
        "totals": [
            {
                "currency": "USDT",
                "gross": "1204.1",
                "fees": "12.33",
                "net": "1191.77",
                "incomplete": True,
                "return_percent": None,
            },
        ],
    }


def test_what_is_unmatched_has_a_reason_and_a_bound() -> None:
    """-88.20012 net, and 150 more if it had cost nothing."""
    row = to_json(PNL)["rows"][1]
    assert (row["unmatched_quantity"], row["unmatched_proceeds"], row["unmatched_fees"]) == ("0.5", "150.1", "0.1")
    assert (row["unmatched_reason"], row["net_if_unmatched_free"]) == ("history starts later", "61.79988")


def test_a_period_stands_only_in_grouped_rows_and_no_average_where_nothing_is_open() -> None:
    """`period` when grouped, `average_cost` null when flat."""
    data = to_json(PnlReport("fifo", (pnl_row(period="2026-11", average_cost=None),), ()))
    assert data["rows"][0]["period"] == "2026-11"
    assert data["rows"][0]["average_cost"] is None


def test_statistics_are_strings_or_null_and_only_there_when_asked_for() -> None:
    """In rows and totals alike."""
    data = to_json(FULL)
    assert data["rows"][0]["stats"] == data["totals"][0]["stats"]
    assert data["rows"][0]["stats"] == {
        "disposals": 12,
        "wins": 7,
        "losses": 4,
        "win_rate": "0.636363",
        "profit": "1500",
        "loss": "-308.23",
        "profit_factor": "4.8665",
        "best": "900.5",
        "worst": "-120",
        "max_drawdown": "310.25",
    }
    assert "stats" not in to_json(PNL)["rows"][0]


def test_last_prices_are_strings_or_null_and_only_there_when_asked_for() -> None:
    """A row without a price says null; the total and the note say what is missing."""
    data = to_json(FULL)
    keys = ("last_price", "last_price_at", "unrealized")
    assert [data["rows"][1][k] for k in keys] == ["47000", "2026-11-21T14:02:14.000Z", "1162.5"]
    assert [data["rows"][2][k] for k in keys] == [None] * 3
    assert (data["totals"][0]["unrealized"], data["totals"][0]["incomplete"]) == ("1162.5", True)
    assert data["notes"] == ["no exchange to ask for a price: csv"]
    assert not {*keys, "notes"} & {*to_json(PNL)["rows"][0], *to_json(PNL)}


def test_what_has_no_rate_is_listed_and_makes_a_row_provisional() -> None:
    """With its coin, its amount, its time and what it is."""
    row = to_json(PnlReport("fifo", (pnl_row(unvalued=(Unvalued("SOL", D("1.5"), NOW, "fee"),)),), ()))["rows"][0]
    told = [{"currency": "SOL", "amount": "1.5", "at": "2026-11-21T14:02:14.000Z", "what": "fee", "count": 1}]
    assert (row["provisional"], row["unvalued"]) == (True, told)


def test_no_float_ever_leaves() -> None:
    """Neither of the curve nor of a rate."""

    def floats(value: Any) -> list[float]:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [value] if isinstance(value, float) else [f for v in inner for f in floats(v)]

    assert floats(json.loads(json.dumps(to_json(FULL)))) == []


def test_pnl_csv_has_a_cell_for_each_figure() -> None:
    """As many cells as titles, unvalued fees in one of them."""
    (row,) = rows_of(PnlReport("fifo", (pnl_row(unvalued_fees=(("BNB", D("0.002")), ("OKB", D(1)))),), ()))
    assert (row["net"], row["unvalued_fees"], row["provisional"]) == ("1191.77", "0.002 BNB; 1 OKB", "yes")
    (row,) = rows_of(PnlReport("fifo", (DOGE,), ()))
    assert (row["unmatched_reason"], row["net_if_unmatched_free"]) == ("history starts later", "61.79988")


def test_csv_has_further_columns_where_they_were_asked_for() -> None:
    """Statistics and last prices; a row that has none of them has empty cells."""
    rows = rows_of(replace(FULL, rows=(*FULL.rows, pnl_row())))
    assert (rows[1]["wins"], rows[1]["max_drawdown"], rows[1]["unrealized"]) == ("7", "310.25", "1162.5")
    assert (rows[3]["wins"], rows[3]["max_drawdown"], rows[3]["last_price"]) == ("", "", "")
    assert "wins" not in rows_of(PNL)[0]
    assert "last_price" not in rows_of(PNL)[0]
    header, *lines = "".join(tsv(FULL)).splitlines()
    assert {line.count("\t") for line in lines} == {header.count("\t")}
