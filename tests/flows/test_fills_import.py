"""Fills from a CSV file: all rows or none, every fault named by line, column and reason."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.desk import NOON, Desk, make_account, truth
from trademon.core.model import Credentials
from trademon.core.reports import FillRow, ImportReport
from trademon.errors import DataError
from trademon.flows.fills import import_fills, read_csv
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore
from trademon.ui.csv_out import fills_csv

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id"
GOOD = {
    "executed_at": "2026-05-01T10:00:00Z",
    "symbol": "BTC/USDT",
    "side": "buy",
    "quantity": "0.001",
    "price": "45000",
    "fee": "0.045",
    "fee_currency": "USDT",
    "order_id": "o1",
    "trade_id": "t1",
}


def line(**changes: str) -> str:
    return ",".join((GOOD | changes).values())


class Inbox:
    """A manual broker and a file to bring in."""

    def __init__(self, user: UserStore, directory: Path) -> None:
        self.user = user
        self.file = directory / "trades.csv"
        self.add("old")

    def add(self, name: str) -> None:
        self.user.add_broker(
            name,
            exchange="manual",
            market="spot",
            since=NOON,
            base_url=None,
            symbols=(),
            method=None,
            credentials=None,
        )

    def take(self, content: str | bytes, broker: str = "old") -> int:
        """How many fills were new."""
        return self.bring(content, broker).new_fills

    def bring(self, content: str | bytes, broker: str = "old") -> ImportReport:
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return import_fills(self.user, self.user.broker(broker), self.file, now=NOON)

    def rows(self, broker: str = "old") -> tuple[FillRow, ...]:
        return self.user.fills(FillQuery(brokers=(broker,))).fills


@pytest.fixture
def inbox(store: Store, tmp_path: Path) -> Inbox:
    return Inbox(store.for_user(store.users()[0].name), tmp_path)


def test_a_row_is_stored_as_it_stands(inbox: Inbox) -> None:
    """Every column, exactly."""
    assert inbox.take(f"{HEADER}\n{line()}\n") == 1
    (row,) = inbox.rows()
    assert (row.symbol, row.side, row.quantity, row.price) == ("BTC/USDT", "buy", Decimal("0.001"), Decimal(45000))
    assert (row.fee, row.fee_currency, row.order_id, row.trade_id) == (Decimal("0.045"), "USDT", "o1", "t1")
    assert (row.executed_at, row.source) == (datetime(2026, 5, 1, 10, tzinfo=UTC), "import")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("executed_at", "yesterday"),
        ("executed_at", ""),
        ("executed_at", "2026-13-01"),
        ("executed_at", "1777629600000"),
        ("symbol", ""),
        ("symbol", "BTC"),
        ("symbol", "/USDT"),
        ("symbol", "BTC/USDT:USDT"),
        ("side", "bought"),
        ("side", ""),
        ("quantity", "0"),
        ("quantity", "-1"),
        ("quantity", "NaN"),
        ("quantity", "1 000"),
        ("quantity", ""),
        ("quantity", "1e400"),
        ("price", "-1"),
        ("price", "abc"),
        ("price", ""),
        ("price", "Infinity"),
        ("fee", "free"),
        ("fee_currency", ""),
    ],
)
def test_a_bad_row_is_named_by_line_column_and_reason_and_nothing_is_stored(
    inbox: Inbox, column: str, value: str
) -> None:
    """The third line is bad: the good ones before and after it are not stored either."""
    content = "\n".join((HEADER, line(), line(**{"trade_id": "t2", column: value}), line(trade_id="t3"), ""))
    with pytest.raises(DataError, match=rf"^line 3, column {column}: .+"):
        inbox.take(content)
    assert inbox.rows() == ()
    assert inbox.user.stored_books() == ()


@pytest.mark.parametrize("cut", [3, 20, 30, 44, 48])
def test_a_half_written_last_line_is_refused(inbox: Inbox, cut: int) -> None:
    """A file that is still being written: nothing of it is taken in, the line is named."""
    with pytest.raises(DataError, match=r"^line 3"):
        inbox.take(f"{HEADER}\n{line()}\n{line(trade_id='t2')[:cut]}")
    assert inbox.rows() == ()


@pytest.mark.parametrize("header", ["a,b,c", HEADER.replace("symbol", "market")])
def test_a_wrong_header_names_what_is_missing(inbox: Inbox, header: str) -> None:
    """Line 1, the column, and what the header should be."""
    with pytest.raises(DataError, match=r"line 1: the column .* is missing") as caught:
        inbox.take(f"{header}\n{line()}\n")
    assert "executed_at,symbol" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("header", "said"),
    [("", "line 1 of .* is empty"), (HEADER.replace(",", ";"), "apart by ';'"), (HEADER.replace(",", "|"), r"'\|'")],
)
def test_a_header_that_is_none_of_ours_says_why(inbox: Inbox, header: str, said: str) -> None:
    """Empty, or with other separators: no column is missing then."""
    with pytest.raises(DataError, match=said) as caught:
        inbox.take(f"{header}\n{line()}\n")
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + f"{HEADER}\n{line()}\n".encode(),
        f"{HEADER}\r\n{line()}\r\n".encode(),
        f"{HEADER}\n{line()}".encode(),
        f"{HEADER.replace(',', ', ')}\n{line()}\n".encode(),
        f'{HEADER},note\n{line()},"bought, in a hurry"\n'.encode(),
        f"{HEADER}\n{line(symbol='btc/usdt', side='BUY', fee_currency='usdt')}\n".encode(),
        f"{HEADER}\n{line(symbol='BTCUSDT')}\n".encode(),
        f"{HEADER}\n{line(symbol='btc-usdt')}\n".encode(),
        f"{HEADER}\n{line(executed_at='2026-05-01T10:00:00')}\n".encode(),
        f"{HEADER}\n{line(executed_at='2026-05-01 12:00:00+02:00')}\n".encode(),
        f"{HEADER}\n{line()}\n\n".encode(),
    ],
    ids=[
        "BOM",
        "CRLF",
        "no newline",
        "blanks",
        "extra column",
        "case",
        "no slash",
        "dash",
        "naive",
        "zone",
        "blank line",
    ],
)
def test_what_spreadsheets_and_people_write_means_the_same(inbox: Inbox, content: bytes) -> None:
    """A BOM, CRLF, spaces, more columns, another case, no slash: one fill, the same fill."""
    assert inbox.take(content) == 1
    (row,) = inbox.rows()
    assert (row.symbol, row.side, row.fee_currency) == ("BTC/USDT", "buy", "USDT")
    assert row.executed_at == datetime(2026, 5, 1, 10, tzinfo=UTC)


def test_the_last_four_columns_may_be_absent(inbox: Inbox) -> None:
    """And the columns may stand in any order."""
    assert inbox.take("price,quantity,side,symbol,executed_at\n45000,1,sell,ETHBTC,2026-05-01\n") == 1
    (row,) = inbox.rows()
    assert (row.symbol, row.fee, row.fee_currency, row.order_id) == ("ETH/BTC", 0, "", "")


def test_the_same_file_again_adds_nothing(inbox: Inbox) -> None:
    """With ids and without."""
    content = "\n".join((HEADER, line(), line(trade_id=""), line(trade_id="", order_id=""), ""))
    assert [inbox.take(content), inbox.take(content)] == [3, 0]
    assert len(inbox.rows()) == 3


def test_rows_that_merely_look_alike_are_kept(inbox: Inbox) -> None:
    """Two with different ids are two fills, and two without ids are two as well."""
    content = "\n".join((HEADER, line(), line(trade_id="t2"), line(trade_id=""), line(trade_id=""), ""))
    assert inbox.take(content) == 4
    assert inbox.take(content) == 0
    grown = content + line(trade_id="") + "\n"
    assert inbox.take(grown) == 1


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price": "46000"}, "line 4, column price: .* of line 2: price 45000, not 46000"),
        ({"fee": "0.05"}, "line 4, column fee: .* of line 2: fee 0.045 USDT, not 0.05 USDT"),
        ({"fee": "0"}, "line 4, column fee: .* of line 2: fee 0.045 USDT, not 0"),
        ({"quantity": "2", "side": "sell"}, "line 4, column side: .*: side buy, not sell; quantity 0.001, not 2"),
    ],
)
def test_one_id_for_two_different_rows_is_refused(
    inbox: Inbox, changes: dict[str, str], said: str, known: bool
) -> None:
    """In one file it is no second fill and no correction: nothing is stored, whatever is known already."""
    if known:
        inbox.take(f"{HEADER}\n{line()}\n")
    before = inbox.rows()
    with pytest.raises(DataError, match=f"^{said}"):
        inbox.take("\n".join((HEADER, line(), line(trade_id="t2"), line(**changes), line(), "")))
    assert inbox.rows() == before


@pytest.mark.parametrize("changes", [{"fee": "0.05"}, {"fee_currency": "BNB"}, {"fee": ""}, {"price": "44000"}])
def test_a_corrected_row_is_taken_from_a_later_file(inbox: Inbox, changes: dict[str, str]) -> None:
    """Bought for 45 and sold for 50: the book is that of the corrected file alone, and it is told how many were."""
    sale = line(trade_id="t2", side="sell", price="50000", executed_at="2026-05-01T11:00:00Z")
    inbox.take("\n".join((HEADER, line(), sale, "")))
    corrected = "\n".join((HEADER, line(**changes), sale, line(trade_id="t3"), ""))
    reports = [inbox.bring(corrected) for _ in range(2)]
    assert [(r.rows, r.new_fills, r.corrected) for r in reports] == [(3, 1, 1), (3, 0, 0)]
    inbox.add("fresh")
    inbox.take(corrected, "fresh")
    one, other = inbox.user.stored_books()
    assert replace(one, broker=other.broker) == other


def test_a_file_of_another_kind_corrects_nothing(inbox: Inbox) -> None:
    """Ids of two exchanges may be the same number: what Saxo's file says is not what ours said. Further columns of our
    own make no other kind."""
    inbox.take(f"{HEADER}\n{line(trade_id='7', fee='', fee_currency='')}\n")
    header = "Trade ID,Trade Time,B/S,Amount,Price,Instrument Symbol,Instrument currency"
    before = inbox.rows()
    with pytest.raises(
        DataError, match=r"^line 2, column Price: a file of another kind said otherwise .*: Price 45000"
    ):
        inbox.take(f"{header}\n7,2026-05-01T10:00:00Z,Buy,0.001,46000,BTC,USDT\n")
    assert inbox.rows() == before
    assert inbox.take(f"{header}\n7,2026-05-01T10:00:00Z,Buy,0.001,45000,BTC,USDT\n") == 0
    short = "trade_id,note,executed_at,symbol,side,quantity,price\n7,x,2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,46000\n"
    assert inbox.bring(short).corrected == 1


def test_a_file_without_a_column_of_fees_leaves_those_that_are_known(inbox: Inbox) -> None:
    """It says nothing of them, as an empty cell does."""
    inbox.take(f"{HEADER}\n{line()}\n")
    report = inbox.bring(
        "executed_at,symbol,side,quantity,price,trade_id\n2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,45000,t1\n"
    )
    assert (report.new_fills, report.corrected) == (0, 0)
    assert inbox.rows()[0].fee == Decimal("0.045")


ETH = {"symbol": "ETH/USDT", "trade_id": "", "price": "3000"}


def test_a_part_of_a_file_without_ids_and_then_all_of_it_are_one(inbox: Inbox) -> None:
    """Rows of one moment: what other symbols and other rows stand before one does not make it another fill."""
    rows = [line(**ETH), line(trade_id=""), line(**ETH, side="sell"), line(trade_id=""), line(trade_id="", side="sell")]
    assert inbox.take("\n".join((HEADER, rows[1], rows[4], ""))) == 2
    assert inbox.take("\n".join((HEADER, *rows, ""))) == 3
    assert inbox.take("\n".join((HEADER, *rows[2:], ""))) == 0
    assert inbox.take("\n".join((HEADER, *rows, line(**ETH), line(trade_id=""), ""))) == 2
    assert inbox.take("\n".join((HEADER, *rows, line(**ETH), line(trade_id=""), ""))) == 0
    assert len(inbox.rows()) == 7


def test_rows_stored_under_places_counted_over_all_symbols_are_found_again(inbox: Inbox) -> None:
    """As they were counted once: the same file brings nothing new, and more of it only what is more."""
    rows = [line(trade_id=""), line(**ETH), line(**ETH), line(trade_id=""), line(trade_id="")]
    inbox.file.write_text("\n".join((HEADER, *rows, "")))
    fills = [
        replace(fill, trade_id=re.sub(r"-\d{6}-", f"-{place:06d}-", fill.trade_id))
        for place, fill in enumerate(read_csv(inbox.file), start=1)
    ]
    broker = inbox.user.broker("old")
    account_id = inbox.user.bind_account(broker, None)
    inbox.user.books.book_page(broker, fills, account_id=account_id, method="fifo", source="import", seen_at=NOON)
    assert inbox.take("\n".join((HEADER, *rows, ""))) == 0
    assert inbox.take("\n".join((HEADER, *rows, rows[1], rows[0], ""))) == 2
    assert inbox.take("\n".join((HEADER, rows[0], *rows, rows[1], ""))) == 0
    assert len(inbox.rows()) == 7


def test_a_price_of_zero_is_fine(inbox: Inbox) -> None:
    """An airdrop costs nothing; a rebate is a negative fee."""
    assert inbox.take("\n".join((HEADER, line(price="0", fee="-0.1"), ""))) == 1
    assert (inbox.rows()[0].price, inbox.rows()[0].fee) == (0, Decimal("-0.1"))


def test_a_header_alone_is_no_file_of_fills(inbox: Inbox) -> None:
    """A cut or wrong file is said, not taken for an account without trades."""
    with pytest.raises(DataError, match=r"trades\.csv has a header and no row"):
        inbox.take(f"{HEADER}\n")
    assert inbox.user.stored_books() == ()


def test_a_row_without_an_id_is_known_by_what_it_says_however_it_is_written(inbox: Inbox) -> None:
    """1.0 and 1 are one quantity, btcusdt and BTC/USDT one symbol; the number of an order identifies no fill."""
    assert inbox.take(f"{HEADER}\n{line(trade_id='', quantity='1.0', fee='0.0450')}\n") == 1
    again = line(trade_id="", quantity="1", symbol="btcusdt", order_id="other", executed_at="2026-05-01T12:00:00+02:00")
    assert inbox.take(f"{HEADER}\n{again}\n") == 0
    (row,) = inbox.rows()
    assert re.fullmatch(r"row-1777629600000000-000001-[0-9a-f]{16}", row.trade_id)
    assert inbox.take(f"{HEADER}\n{line(trade_id='', quantity='1', side='sell')}\n") == 1


@pytest.mark.parametrize("newest_first", [False, True])
def test_rows_of_one_moment_are_matched_in_the_order_of_the_file(inbox: Inbox, newest_first: bool) -> None:
    """Bought at 100, sold at 110, bought at 120 in one second: +10, also in a file that begins with the newest."""
    at = {"executed_at": "2026-05-01T10:00:01Z", "trade_id": "", "fee": "", "fee_currency": "", "quantity": "1"}
    rows = [line(**at, side=side, price=price) for side, price in (("buy", "100"), ("sell", "110"), ("buy", "120"))]
    rows.append(line(**at | {"executed_at": "2026-05-01T10:00:02Z"}, side="sell", price="125"))
    content = "\n".join((HEADER, *(reversed(rows) if newest_first else rows), ""))
    assert inbox.take(content) == 4
    (book,) = inbox.user.stored_books()
    assert (book.gross, book.unmatched_quantity) == (15, 0)
    assert inbox.take(content) == 0


def test_a_time_in_the_future_is_refused_beyond_a_day(inbox: Inbox) -> None:
    """A clock may be a little off, a year may not."""
    assert inbox.take(f"{HEADER}\n{line(executed_at='2026-05-02T11:00:00Z')}\n") == 1
    with pytest.raises(DataError, match=r"^line 2, column executed_at: it lies in the future"):
        inbox.take(f"{HEADER}\n{line(executed_at='2026-05-02T13:00:00Z', trade_id='t2')}\n")
    assert len(inbox.rows()) == 1


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01\x02", b"PK\x03\x04\x00\x00\x80\x81"])
def test_what_is_no_text_is_said(inbox: Inbox, content: bytes) -> None:
    """A spreadsheet's own format, or another encoding."""
    with pytest.raises(DataError, match=r"trades\.csv"):
        inbox.take(content)


def test_a_file_that_is_not_there_is_said(inbox: Inbox, tmp_path: Path) -> None:
    """With its name and the system's reason."""
    with pytest.raises(DataError, match=r"nothing-here\.csv: No such file"):
        import_fills(inbox.user, inbox.user.broker("old"), tmp_path / "nothing-here.csv", now=NOON)


def test_an_export_brought_into_another_broker_gives_equal_fills(inbox: Inbox) -> None:
    """`fills --csv` is what `fills import` reads: nothing is lost on the way, to the last digit."""
    inbox.take(
        "\n".join(
            (
                HEADER,
                line(quantity="0.000000000000000001", price="123456789.123456789"),
                line(trade_id="t2", fee="-0.1", side="sell", executed_at="2026-05-01T10:00:00.123456Z"),
                line(trade_id="", fee="", fee_currency="", order_id=""),
                line(trade_id="-7", order_id="=1+1", symbol="1000PEPE/USDT"),
                "",
            )
        )
    )
    out = io.StringIO()
    fills_csv(inbox.user.fills(FillQuery()), out)
    inbox.add("new")
    assert inbox.take(out.getvalue(), "new") == 4

    def facts(row: FillRow) -> Any:
        return (row.executed_at, row.symbol, row.side, row.quantity, row.price, row.fee, row.fee_currency)

    assert [facts(r) for r in inbox.rows("new")] == [facts(r) for r in inbox.rows("old")]
    ids = [[(r.order_id, r.trade_id) for r in inbox.rows(name)] for name in ("new", "old")]
    assert len(ids[0]) == 4
    assert [i for i in ids[1] if not i[1].startswith("-") and i not in ids[0]] == []


# --- into an account that has an API ------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
SAME_AS_101 = "2026-05-01T11:00:00Z,ETH/USDT,buy,1,3000,0,USDT,10101,101"


def bring_in(desk: Desk, directory: Path, *rows: str, broker: str = "main") -> int:
    """How many of these rows were new to that broker."""
    file = directory / "trades.csv"
    file.write_text("\n".join((HEADER, *rows, "")))
    return import_fills(desk.user, desk.user.broker(broker), file, now=desk.clock()).new_fills


async def test_a_row_without_an_id_is_refused_where_the_exchange_has_one(
    desk: Desk, exchange: str, tmp_path: Path
) -> None:
    """It would stand beside the same execution from the exchange: nothing is taken in, and the hint says where to."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR, trade_id=101)
    await desk.open(exchange, world)
    await desk.scan()
    with pytest.raises(DataError, match=r"^line 2, column trade_id: it is empty") as caught:
        bring_in(desk, tmp_path, "2026-05-01T11:00:00Z,ETH/USDT,buy,1,3000,0,USDT,,")
    assert "manual broker" in (caught.value.hint or "")
    assert desk.stored() == truth(world, NOON)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (SAME_AS_101.replace("3000", "2999"), "column price: .*: price 3000, not 2999"),
        (SAME_AS_101.replace("3000,0,", "3000,7,"), "column fee: .*: fee .*, not 7 USDT"),
    ],
)
async def test_what_the_exchange_said_is_not_overruled_by_a_file(
    desk: Desk, exchange: str, tmp_path: Path, row: str, said: str
) -> None:
    """Nothing of such a file is taken in; one that says less brings in what else it has."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR, trade_id=101)
    await desk.open(exchange, world)
    await desk.scan()
    other = "2026-03-01T00:00:00Z,ETH/USDT,buy,1,2000,0,USDT,o1,50"
    with pytest.raises(DataError, match=f"^line 3, {said}") as caught:
        bring_in(desk, tmp_path, other, row)
    assert "does not overrule" in (caught.value.hint or "")
    assert desk.stored() == truth(world, NOON)
    assert bring_in(desk, tmp_path, other, SAME_AS_101) == 1


async def test_an_import_before_the_first_scan_is_one_account_with_it(
    desk: Desk, exchange: str, tmp_path: Path
) -> None:
    """An old row beyond the exchange's reach and one it names too: three fills, one book."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR, trade_id=101)
    world.sell("ETH/USDT", "2", "3100", NOON - HOUR / 2, trade_id=102)
    await desk.open(exchange, world)
    assert bring_in(desk, tmp_path, "2026-03-01T00:00:00Z,ETH/USDT,buy,1,2000,0,USDT,o1,50", SAME_AS_101) == 2
    await desk.scan()
    assert [fact[1] for fact in desk.stored()] == ["101", "102", "50"]
    (book,) = desk.user.stored_books()
    assert (book.gross, book.unmatched_quantity, book.open_quantity, book.fills) == (1200, 0, 0, 3)
    assert desk.derived() == desk.derived_again()


async def test_what_the_exchange_says_of_an_imported_row_replaces_it(desk: Desk, exchange: str, tmp_path: Path) -> None:
    """A row without its fee, then the scan: one fill, with the fee."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR, trade_id=101, fee="3", fee_currency="USDT")
    await desk.open(exchange, world, since=NOON - 2 * HOUR)
    await desk.scan()
    world.buy("SOL/USDT", "1", "100", NOON + HOUR, trade_id=201, fee="0.1", fee_currency="USDT")
    desk.clock.move(hours=2)
    assert bring_in(desk, tmp_path, "2026-05-01T13:00:00Z,SOL/USDT,buy,1,100,,,,201") == 1
    await desk.scan()
    assert desk.stored() == truth(world, desk.clock.at)
    assert desk.derived() == desk.derived_again()


async def test_an_import_after_the_key_was_changed_stays_with_the_account(
    desk: Desk, exchange: str, tmp_path: Path
) -> None:
    """A new key to the same account, a file before the next scan: nothing is doubled."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR, trade_id=101)
    account = make_account(exchange, world)
    desk.add("main", account, await desk.serve(account))
    await desk.scan()
    keys = Credentials(account.api_key, account.api_secret, account.passphrase)
    desk.user.set_broker(desk.user.broker("main"), credentials=keys)
    bring_in(desk, tmp_path, SAME_AS_101)
    await desk.scan()
    assert desk.stored() == truth(world, NOON)


async def test_an_import_into_a_second_key_joins_the_account_of_the_first(
    desk: Desk, exchange: str, tmp_path: Path
) -> None:
    """Its first scan shows that both lead to one account: the row it brought is the row that stands there."""
    world = desk.scripted()
    world.buy("ETH/USDT", "1", "3000", NOON - HOUR, trade_id=101)
    accounts = [make_account(exchange, world), make_account(exchange, world, key="B" * 64)]
    server = await desk.serve(*accounts)
    desk.add("a", accounts[0], server)
    await desk.scan("a")
    desk.add("b", accounts[1], server)
    bring_in(desk, tmp_path, SAME_AS_101, broker="b")
    await desk.scan("b")
    assert desk.stored() == truth(world, NOON)
    assert desk.account_id("a") == desk.account_id("b")
