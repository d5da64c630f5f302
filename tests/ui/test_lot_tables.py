"""Lots, an explained fill, methods side by side: what a person reads at 120, 80 and 60 columns, and below."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.ui.world import NOW, fill, text_of
from trademon.core.lot_reports import (
    CompareReport,
    CompareRow,
    ExplainReport,
    FeeLine,
    LotRow,
    LotsReport,
    MethodFigures,
    PartLine,
    WhatIfReport,
    WhatIfRow,
)
from trademon.core.model import METHODS
from trademon.ui.grid import Column, Grid, Row
from trademon.ui.json_out import to_json
from trademon.ui.lot_tables import LOT_COLUMNS, lots_csv
from trademon.ui.tables import render
from trademon.ui.text import ASCII, plain

WIDTHS = [20, 40, 60, 80, 120, 200]
AT = datetime(2025, 3, 1, 9, 30, tzinfo=NOW.tzinfo)
ZERO = Decimal(0)


def lot(number: int = 1, **changes: Any) -> LotRow:
    facts: dict[str, Any] = {
        "user": "ann",
        "broker": "main",
        "symbol": "BTC/USDT",
        "currency": "USDT",
        "side": "buy",
        "quantity": Decimal("0.5"),
        "price": Decimal("45000"),
        "cost": Decimal("22500"),
        "fees": Decimal("0.31"),
        "opened_at": AT + timedelta(days=number),
        "fill_id": number,
    }
    return LotRow(**facts | changes)


def part(number: int = 7, **changes: Any) -> PartLine:
    facts: dict[str, Any] = {
        "lot_fill_id": number,
        "opened_at": AT,
        "quantity": Decimal("0.001"),
        "price": Decimal(45000),
        "cost": Decimal(45),
        "proceeds": Decimal(47),
        "gross": Decimal(2),
        "lot_fees": Decimal("0.01"),
        "closing_fees": Decimal("0.02"),
    }
    return PartLine(**facts | changes)


def explained(**changes: Any) -> ExplainReport:
    facts: dict[str, Any] = {
        "fill": fill(17),
        "method": "fifo",
        "currency": "USDT",
        "moved": Decimal("-0.0015"),
        "price": Decimal(47000),
        "fees": Decimal("0.03"),
        "fee_lines": (
            FeeLine(Decimal("0.03"), "USDT", Decimal("0.03"), None, None, "in the book's currency"),
            FeeLine(
                Decimal("0.00001"), "BNB", Decimal("0.006"), Decimal(600), AT, "BNB/USDT 1m candle of X at binance"
            ),
            FeeLine(Decimal(3), "XYZ", None, None, None, "no price is known for that time"),
        ),
        "closed": Decimal("0.0015"),
        "gross": Decimal("2.5"),
        "closed_fees": Decimal("0.045"),
        "parts": (part(7), part(8, opening=True, quantity=Decimal("0.0005"), gross=Decimal("0.5"))),
        "opened": ZERO,
        "opened_fees": ZERO,
        "unmatched": ZERO,
        "unmatched_proceeds": ZERO,
        "unmatched_fees": ZERO,
        "unmatched_reason": None,
        "exact": True,
    }
    return ExplainReport(**facts | changes)


def compared(symbol: str = "BTC/USDT", **changes: Any) -> CompareRow:
    nets = (Decimal("2.5"), Decimal("1.5"), Decimal("1.5"), Decimal(2))
    figures = tuple(MethodFigures(m, net, ZERO, Decimal(69)) for m, net in zip(METHODS, nets, strict=True))
    facts: dict[str, Any] = {"user": "ann", "broker": "main", "symbol": symbol, "currency": "USDT", "own": "fifo"}
    return CompareRow(**facts | {"open_quantity": Decimal(1), "figures": figures, "incomplete": False} | changes)


def imagined(method: str = "fifo", **changes: Any) -> WhatIfRow:
    facts: dict[str, Any] = {
        "method": method,
        "matched": Decimal("0.5"),
        "unmatched": ZERO,
        "gross": Decimal("6364.08"),
    }
    facts |= {"fees": Decimal("0.68"), "lots": 2, "left_quantity": Decimal("0.25"), "left_cost": Decimal("11250.5")}
    return WhatIfRow(**facts | changes)


HUGE = Decimal("123456789012.123456789")
LOTS = LotsReport(
    "fifo", (lot(), lot(2, side="sell", opening=True, quantity=Decimal("0.000000000000000001")), lot(3)), 9
)
HOSTILE = LotsReport(
    "mixed", (lot(symbol="[/]/\x1b[31mX", broker="b" * 60), lot(2, quantity=HUGE, cost=HUGE, user="bob", price=HUGE))
)
COMPARE = CompareReport(
    (compared(), compared("ETH/EUR", currency="EUR", incomplete=True)),
    (compared("", broker="", user="", own="", open_quantity=None, incomplete=True),),
    9,
)
WHAT_IF = WhatIfReport(
    *("ann", "main", "BTC/USDT", "USDT", Decimal("0.5"), Decimal("47000.123456")),
    "binance's last price at 2026-11-21T14:02:14.000Z",
    (imagined(), imagined("lifo", unmatched=Decimal("0.1")), imagined("hifo", left_quantity=HUGE), imagined("average")),
)
UNMATCHED = explained(
    parts=(),
    closed=ZERO,
    gross=ZERO,
    closed_fees=ZERO,
    unmatched=Decimal("0.0015"),
    unmatched_proceeds=Decimal("70.5"),
    unmatched_fees=Decimal("0.5"),
    unmatched_reason="the history known here begins on 2026-01-01",
)
REPORTS = {
    "lots": LOTS,
    "hostile lots": HOSTILE,
    "no lots": LotsReport("fifo", ()),
    "explain": explained(),
    "unmatched": UNMATCHED,
    "opened": explained(parts=(), closed=ZERO, opened=Decimal(2), opened_fees=Decimal("0.3"), exact=False),
    "compare": COMPARE,
    "nothing compared": CompareReport((), ()),
    "what-if": WHAT_IF,
}


def words(report: Any, width: int) -> str:
    """What stands there, with every fold undone."""
    return re.sub(r"\s+", " ", text_of(render(report), width))


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_line_keeps_within_the_width_and_holds_only_text(name: str, width: int) -> None:
    """No overflow, no control byte, no mark of something cut off; with ASCII signs only ASCII."""
    shown = text_of(render(REPORTS[name]), width)
    assert all(line.rstrip() == "" or line.isprintable() for line in shown.split("\n"))
    assert max(len(line.rstrip()) for line in shown.split("\n")) <= width
    assert "…" not in shown
    assert text_of(render(REPORTS[name], ASCII), width).isascii()


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_no_figure_is_ever_cut(width: int) -> None:
    """Each stands whole on one line, from forty columns on, the widest ones too; or its column is named as left."""
    derived = {"22,500.00": "cost", "0.31": "fees", "+2.50": "gross"}
    figures = {
        "lots": ["0.000000000000000001", "45,000.00", "22,500.00", "0.31", "03-02 09:30:00"],
        "hostile lots": ["123,456,789,012.123456789", "123,456,789,012.12"],
        "explain": ["47,000.00", "0.0015", "+2.50", "2.455", "0.045", "0.006", "600.00", "0.00001 BNB", "3 XYZ"],
        "unmatched": ["0.0015", "70", "2026-01-01"],
        "compare": ["+2.50", "+1.50", "+2.00"],
        "what-if": ["+6,364.08", "0.68", "+6,363.40", "11,250.50", "123,456,789,012.123456789", "47,000.123456"],
    }
    for name, wanted in figures.items():
        shown = text_of(render(REPORTS[name]), width)
        gone = re.sub(r"\s+", " ", shown).partition("not shown at this width: ")[2]
        for figure in wanted:
            assert figure in shown or derived.get(figure, "-") in gone, (name, figure)


def test_a_lots_price_is_the_price_of_its_fill() -> None:
    """As `trademon fills` writes it: 47,000.123456."""
    assert "47,000.123456" in words(LotsReport("fifo", (lot(price=Decimal("47000.123456")),)), 120)


def test_what_is_by_hand_says_so_on_its_own_row() -> None:
    """In the list of lots, and in the parts of a sale; once."""
    for width in (60, 80, 120):
        assert words(LOTS, width).count("entered by hand") == 1
        assert words(explained(), width).count("entered by hand") == 1


def test_lots_of_several_users_say_whose_they_are() -> None:
    """The user column appears with the second user."""
    assert "ann" not in words(LOTS, 200)
    assert "bob" in words(HOSTILE, 200)


def test_an_empty_list_says_what_there_is_and_what_to_do() -> None:
    """Nothing stored: a command. Fills stored and nothing open: that."""
    assert "trademon " in words(REPORTS["no lots"], 200)
    assert "trademon " in words(REPORTS["nothing compared"], 200)
    assert words(LotsReport("fifo", (), 3), 200).strip()
    assert "nothing to compare" in words(CompareReport((), (), 3), 200)


def test_explain_at_eighty_columns_reads_so() -> None:
    """The fill, each fee, the lots it took, the sum, and what it comes to."""
    lines = text_of(render(explained()), 80).splitlines()
    assert lines[0] == "sell 0.0015 BTC/USDT at 47,000.00"
    assert lines[1].startswith("main, 2026-11-21 13:51:42, fill 17; the exchange's own: trade t17, order o17")
    assert lines[2] == "fee 0.03 USDT"
    assert lines[3].startswith("fee 0.00001 BNB = 0.006 USDT at 600.00: BNB/USDT 1m candle")
    assert "? fee 3 XYZ" in words(explained(), 200) or "▲ fee 3 XYZ: no price is known" in words(explained(), 200)
    assert "realised by fifo: 2.455 USDT = 2.5 gross - 0.045 fees" in lines
    assert "every digit is exact" in lines[-1]


def test_an_unmatched_sale_says_why_and_what_it_can_have_gained_at_most() -> None:
    """Quantity, reason, and the bound: proceeds less the fee."""
    said = words(UNMATCHED, 80)
    assert "0.0015 met no lot and is in no figure: the history known here begins on 2026-01-01" in said
    assert "It brought 70 USDT, which is the most it can have gained" in said
    assert "realised by" not in said


def test_the_bound_of_an_unmatched_sale_has_all_its_digits() -> None:
    """As the JSON's proceeds and fees have."""
    proceeds = Decimal("1234567890123.12345678901234567890")
    report = replace(UNMATCHED, unmatched_proceeds=proceeds, unmatched_fees=ZERO)
    assert "1234567890123.1234567890123456789 USDT" in words(report, 200)


def test_a_share_that_was_cut_is_said_to_be() -> None:
    """In words, below the figures."""
    assert "a share did not end: it is cut at the 60th decimal" in words(REPORTS["opened"], 80)


def test_compare_marks_the_highest_and_what_is_incomplete() -> None:
    """The highest net in bold; a note on rows that lack something; the total named by its currency."""
    shown = text_of(render(COMPARE), 120, color=True)
    assert "\x1b[1;32m+2.50\x1b[0m" in shown
    assert "\x1b[1;32m+1.50" not in shown
    assert words(COMPARE, 120).count("without what is unmatched or unvalued") == 2
    assert "total USDT" in words(COMPARE, 120)


def test_a_row_that_does_not_fit_is_a_block_of_its_own_among_the_others() -> None:
    """Seen so with real figures: the widest row says what each of its figures is, and all of them."""
    grid = Grid(
        (Column("method"), Column("gross", "right"), Column("lots", "right", leaves=1), Column("left", "right")),
        tuple(
            Row((plain(method), plain(gross), plain("7"), plain("0")))
            for method, gross in (("fifo", "1.00"), ("lifo", "2.00"), ("hifo", "3.00"), ("average", "9" * 17))
        ),
    )
    lines = [line.plain.rstrip() for line in grid.lines(20)]
    assert lines[0].split() == ["method", "gross", "left"]
    assert [line.split()[1:] for line in lines[1:4]] == [["1.00", "0"], ["2.00", "0"], ["3.00", "0"]]
    assert lines[4:8] == ["  method  average", "  gross", "  " + "9" * 17, "  lots    7"]
    assert " ".join(lines[8:]).startswith("  left    0 not shown at this width: lots (")


def test_one_wide_book_does_not_turn_a_short_table_into_blocks() -> None:
    """It makes its total as wide; the other book keeps its columns."""
    columns = (Column("symbol"), Column("net", "right", money=True), Column(""))
    books = [Row((plain(name), plain(net), plain("USDT"))) for name, net in (("A", "1.00"), ("B", "9" * 24))]
    total = Row((plain("total USDT"), plain("9" * 24), plain("USDT")), ruled=True, total=True)
    lines = [line.plain.rstrip() for line in Grid(columns, (*books, total)).lines(30)]
    assert [line.split() for line in lines[:2]] == [["symbol", "net"], ["A", "1.00", "USDT"]]
    assert lines[2:4] == ["  symbol  B", "  net"]
    assert "symbol  total" not in "\n".join(lines)
    assert "  total USDT" in lines


def test_a_block_has_each_unit_behind_its_amount() -> None:
    """No line of its own for the currency, and a total is named plainly."""
    report = LotsReport("fifo", (lot(),), 9)
    shown = text_of(render(report), 30).splitlines()
    assert "fees               0.31 USDT" in shown
    assert "USDT" not in {line.strip() for line in shown}
    assert "total USDT" in text_of(render(COMPARE), 34).splitlines()


def test_what_left_is_named_and_side_unit_and_id_never_leave() -> None:
    """One dim line below the table."""
    shown = text_of(render(LotsReport("fifo", (lot(fill_id=4711),), 9)), 70).splitlines()
    assert shown[1].split()[-2:] == ["USDT", "4711"]
    assert "long" in shown[1]
    assert shown[2] == "not shown at this width: cost, fees (a wider terminal, or --json)"
    assert "not shown" not in text_of(render(LotsReport("fifo", (lot(),), 9)), 120)


def test_an_id_that_was_made_for_a_row_is_not_called_the_exchanges() -> None:
    """Only what the file or the exchange said."""
    assert "exchange's own" not in words(explained(fill=fill(17, trade_id="row-1-000001-ab", order_id="")), 120)
    own = words(explained(fill=fill(17, trade_id="row-1-000001-ab")), 120)
    assert "the exchange's own: order o17" in own


def test_fees_that_were_paid_back_are_added() -> None:
    """Not `5 gross - -0.1 fees`."""
    said = words(explained(gross=Decimal(5), closed_fees=Decimal("-0.1")), 120)
    assert "5.1 USDT = 5 gross + 0.1 of fees paid back" in said


def test_what_if_says_at_what_price_and_that_nothing_happened() -> None:
    """The price with its source, the fee that is not in it, and what no lot is known of."""
    said = words(WHAT_IF, 120)
    assert "selling 0.5 BTC/USDT at 47,000.123456 (binance's last price at 2026-11-21T14:02:14.000Z)" in said
    assert "nothing was stored" in said
    assert said.count("0.1 beyond the known lots, in no figure") == 1


def test_csv_has_a_header_and_every_digit() -> None:
    """Read back by Python's own reader."""
    stream = io.StringIO()
    lots_csv(HOSTILE, stream)
    first, second = csv.DictReader(io.StringIO(stream.getvalue()))
    assert tuple(first) == LOT_COLUMNS
    assert (second["quantity"], second["cost"], second["user"]) == (str(HUGE), str(HUGE), "bob")
    empty = io.StringIO()
    lots_csv(LotsReport("fifo", ()), empty)
    assert empty.getvalue().split() == [",".join(LOT_COLUMNS)]


@pytest.mark.parametrize("name", REPORTS)
def test_json_has_money_as_text_and_times_with_z(name: str) -> None:
    """A valid document without one float."""
    made = json.dumps(to_json(REPORTS[name]))

    def refuse(number: str) -> float:
        raise AssertionError(number)

    read = json.loads(made, parse_float=refuse)
    assert isinstance(read, dict)
    assert all(at.endswith("Z") for at in re.findall(r'"(?:opened|executed|rate)_at": "([^"]*)"', made))
    assert "E-" not in made
