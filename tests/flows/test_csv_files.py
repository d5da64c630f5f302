"""Files as they come: encodings, separators, broken ones, and ones that would eat the memory."""

from __future__ import annotations

import csv
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trademon.errors import DataError
from trademon.flows.csv_cells import comma_number, glued, grouped_number, semicolon_number, split_pair
from trademon.flows.csv_file import MAX_CELL, MAX_LINE
from trademon.flows.fills import read_csv

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id"
ROW = "2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,45000,0.045,USDT,o1,t1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trades.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_decides_the_encoding(file: Path, encoding: str) -> None:
    """UTF-16 with its mark and UTF-8 with and without one."""
    mark = "\ufeff" if encoding.endswith("e") else ""
    file.write_bytes((mark + f"{HEADER},Anmerkung\n{ROW},gekauft für später\n").encode(encoding))
    (fill,) = read_csv(file)
    assert (fill.trade_id, "für später" in fill.raw) == ("t1", True)


def test_another_encoding_is_not_guessed(file: Path) -> None:
    """Windows-1252 says nothing of itself: the file is named, with what to do."""
    file.write_bytes(f"{HEADER},Währung\n{ROW},für\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"trades\.csv is not a text file in UTF-8") as caught:
        read_csv(file)
    assert "UTF-8" in (caught.value.hint or "")


def test_a_wrong_byte_far_down_is_found(file: Path) -> None:
    """Nothing is returned of the rows before it."""
    file.write_bytes(f"{HEADER}\n".encode() + f"{ROW}\n".encode() * 5000 + b"\xff\xfe\n")
    with pytest.raises(DataError, match="is not a text file"):
        read_csv(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'{HEADER}\n{ROW}\n"{ROW}\n{ROW}\n', r"^line 3: .*a quote is opened and not closed"),
        (f'{HEADER}\n{ROW}\n"a"b,{ROW}\n', r"^line 3: .*a quote stands within a cell"),
        (f'"{HEADER}\n{ROW}\n', r"^line 1: .*its quotes do not match"),
        (f"{HEADER}\n{ROW}\n{ROW},\0\n", r"^line 3 of .* has a NUL byte"),
        (f"{HEADER}\0\n{ROW}\n", r"^line 1 of .* has a NUL byte"),
        (f"{HEADER}\n{ROW}{'x' * MAX_CELL}\n", r"^line 2: .*a cell is as long as no export's"),
        (f"{HEADER}\n{ROW}{',x' * MAX_LINE}\n", r"^line 2 of .* is longer than"),
        ("x" * (MAX_LINE + 1), r"^line 1 of .* is longer than"),
    ],
    ids=["open quote", "quote within", "header", "NUL", "NUL in the header", "cell", "line", "one line"],
)
def test_what_is_no_csv_is_named_by_its_line(file: Path, content: str, message: str) -> None:
    """One line, the place, the reason."""
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        read_csv(file)


def test_a_line_of_a_gigabyte_is_not_read_whole(file: Path) -> None:
    """It is refused after the first part; this one has 64 MB."""
    with file.open("w") as out:
        out.write(f"{HEADER}\n")
        for _ in range(64):
            out.write("x" * 1024 * 1024)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"^line 2 of .* is longer than"):
        read_csv(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def test_a_quote_that_is_not_closed_does_not_read_on_to_the_end(file: Path) -> None:
    """The cell's limit stops it."""
    file.write_text(f'{HEADER}\n"{ROW}\n' + f"{ROW}\n" * 20_000)
    with pytest.raises(DataError, match=r"^line 2: .*a quote is opened and not closed"):
        read_csv(file)


def test_the_limit_of_pythons_reader_is_left_as_it_was(file: Path) -> None:
    """It belongs to the whole process."""
    before = csv.field_size_limit()
    file.write_text(f"{HEADER}\n{ROW}\n")
    read_csv(file)
    with pytest.raises(DataError):
        read_csv(file.with_name("nothing.csv"))
    assert csv.field_size_limit() == before


def test_a_cell_over_several_lines_is_one_and_lines_are_counted_as_an_editor_does(file: Path) -> None:
    """The row after it is named by its own line."""
    file.write_text(f'{HEADER},note\n{ROW},"first\nsecond"\n\n{ROW.replace("buy", "hold")},x\n')
    with pytest.raises(DataError, match=r"^line 5, column side: 'hold' is neither"):
        read_csv(file)


@pytest.mark.parametrize("header", [f"{HEADER},price", f"price,{HEADER}"])
def test_a_column_that_is_there_twice_is_refused(file: Path, header: str) -> None:
    """Which of them is the price?"""
    file.write_text(f"{header}\n1,{ROW}\n")
    with pytest.raises(DataError, match="line 1: the column price is there twice"):
        read_csv(file)


def test_cells_that_a_spreadsheet_was_kept_from_running_are_read(file: Path) -> None:
    """An apostrophe before what begins like a formula, blanks around any cell."""
    file.write_text(f"{HEADER}\n 2026-05-01T10:00:00Z , btc/usdt, BUY , 0.001 ,45000,'-0.1,usdt,'=1+1,'-7\n")
    (fill,) = read_csv(file)
    assert (fill.order_id, fill.trade_id, fill.symbol, fill.side) == ("=1+1", "-7", "BTC/USDT", "buy")
    assert [(str(fee.amount), fee.currency) for fee in fill.fees] == [("-0.1", "USDT")]


def test_a_file_of_ten_thousand_rows_backwards_has_the_ids_of_the_file_forwards(file: Path) -> None:
    """Equal-looking rows of one second included."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [(start + timedelta(seconds=n // 3)).isoformat() for n in range(10_000)]
    rows = [f"{at},BTC/USDT,{'buy' if n % 2 else 'sell'},1,{n % 5},,,," for n, at in enumerate(times)]
    ids = []
    for order in (rows, rows[::-1]):
        file.write_text("\n".join((HEADER, *order, "")))
        ids.append([fill.trade_id for fill in read_csv(file)])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 10_000


# --- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1,234.5", "1234.5"), ("1,234", None), ("1,23", None), ("0.5", "0.5"), ("12", "12"), ("1,2345.6", None)],
)
def test_a_comma_in_a_file_of_commas(text: str, expected: str | None) -> None:
    """It groups only where a point follows."""
    if expected is not None:
        assert comma_number(text) == expected
    else:
        with pytest.raises(DataError, match="one way only"):
            comma_number(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0,5", "0.5"), ("1.234,56", "1234.56"), ("1.234.567", "1234567"), ("0.001", "0.001"), ("45.7", "45.7")],
)
def test_a_comma_in_a_file_of_semicolons(text: str, expected: str) -> None:
    """It begins the decimals."""
    assert semicolon_number(text) == expected
    with pytest.raises(DataError, match="one way only"):
        semicolon_number("1.234")


@given(st.decimals(min_value=0, max_value=10**9, places=8))
@settings(max_examples=100)
def test_a_number_grouped_by_an_exchange_is_the_number(value: object) -> None:
    """Whatever its size, with and without its coin."""
    text = f"{value:,f}"
    assert grouped_number(text) == f"{value:f}"
    assert glued(f"{text}BTC", grouped_number, ("BTC",)) == (f"{value:f}", "BTC")


COINS = st.sampled_from(
    ["BTC", "1INCH", "1000SATS", "T", "TUSD", "USDT", "BNB", "ETH", "1MBABYDOGE", "EUR", "AEUR", "A"]
)


@given(
    COINS, COINS, st.decimals(min_value=0, max_value=10**6, places=6), st.decimals(min_value=0, max_value=9, places=8)
)
@settings(max_examples=300)
def test_a_pair_is_split_where_its_amounts_say(base: str, quote: str, quantity: object, total: object) -> None:
    """The coin behind an amount is one end of the pair: any coins, also those that begin with a digit."""
    found = split_pair(base + quote, f"{quantity:f}{base}", f"{total:f}{quote}")
    assert found == (base, quote)
