"""Cash lines from a CSV file: all rows or none, each once, summed exactly, and in no figure of the trades."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flows.desk import NOON
from trademon.core.cash_reports import CashImportReport, CashRow, CashTotal
from trademon.core.model import MarketType
from trademon.errors import DataError
from trademon.flows.cash import cash
from trademon.flows.cash_import import import_cash
from trademon.flows.fills import import_fills
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.store import Store, UserStore
from trademon.store.user_cash import CashQuery
from trademon.ui.cash_tables import cash_csv

HEADER = "at,kind,currency,amount,symbol,id"
FUNDING = "2026-05-01T08:00:00Z,funding,USDT,-0.42,BTC/USDT:USDT,f1"
D = Decimal


class Inbox:
    """Manual brokers, `perps` for swaps and `plain` for spot, and a file to bring in."""

    def __init__(self, user: UserStore, directory: Path) -> None:
        self.user = user
        self.file = directory / "cash.csv"
        self.add("perps", "swap")
        self.add("plain", "spot")

    def add(self, name: str, market: MarketType) -> None:
        self.user.add_broker(
            name,
            exchange="manual",
            market=market,
            since=NOON,
            base_url=None,
            symbols=(),
            method=None,
            credentials=None,
        )

    def take(self, *lines: str, broker: str = "perps") -> int:
        """How many lines were new."""
        return self.report(*lines, broker=broker).new_lines

    def report(self, *lines: str, broker: str = "perps") -> CashImportReport:
        self.file.write_text("\n".join(lines) + "\n")
        return import_cash(self.user, self.user.broker(broker), self.file, now=NOON)

    @property
    def rows(self) -> tuple[CashRow, ...]:
        return cash([self.user], CashQuery()).cash


@pytest.fixture
def inbox(store: Store, tmp_path: Path) -> Inbox:
    return Inbox(store.for_user(store.users()[0].name), tmp_path)


def test_a_row_is_stored_as_it_stands(inbox: Inbox) -> None:
    """Every column, exactly; a symbol and an id may be empty or absent."""
    tiny = "0.000000000000000000000000000001"
    assert inbox.report(HEADER, FUNDING) == CashImportReport("perps", 1, 1)
    assert inbox.take("amount,currency,kind,at,note", f"{tiny},btc,Interest,2026-05-02,mine", broker="plain") == 1
    funding, interest = inbox.rows
    at = datetime(2026, 5, 1, 8, tzinfo=UTC)
    who = inbox.user.user
    assert funding == CashRow(at, who, "perps", "funding", "BTC/USDT:USDT", "USDT", D("-0.42"), "f1")
    assert (interest.kind, interest.currency, interest.amount, interest.symbol) == ("interest", "BTC", D(tiny), None)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("at", "", "it is empty"),
        ("at", "yesterday", "it is not an ISO 8601 time"),
        ("at", "2027-05-01", "it lies in the future"),
        ("kind", "", "it is empty"),
        ("kind", "bonus", "'bonus' is no kind of cash"),
        ("currency", "", "it is empty"),
        ("currency", "US DT", "'US DT' is no currency"),
        ("amount", "", "it is empty"),
        ("amount", "0.00", "it is zero"),
        ("amount", "NaN", "it is not a number"),
        ("amount", "1e400", "it is out of range"),
        ("symbol", "BTC", "'BTC' is no symbol"),
        ("symbol", "BTC/USD:ETH", "a contract of BTC/USD that settles in 'ETH'"),
        ("id", "?", "'?' is no id"),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_stored(inbox: Inbox, column: str, value: str, message: str) -> None:
    """Line, column as the file calls it, reason; the good row before it is left out too."""
    names = HEADER.split(",")
    cells = FUNDING.split(",")
    cells[names.index(column)] = value
    with pytest.raises(DataError) as caught:
        inbox.take(HEADER, FUNDING, ",".join(cells))
    assert str(caught.value).startswith(f"line 3, column {column}: {message}")
    assert inbox.rows == ()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((HEADER,), "has a header and no row"),
        (("at,kind,currency", "2026-05-01,funding,USDT"), "^line 1: the column amount is missing"),
        ((f"{HEADER},amount", f"{FUNDING},1"), "^line 1: the column amount is there twice"),
        ((HEADER, FUNDING, "2026-05-01,funding"), "^line 3: the row has not as many columns as the header"),
    ],
)
def test_a_file_that_is_no_list_of_cash_is_refused(inbox: Inbox, lines: tuple[str, ...], message: str) -> None:
    """By its header, or by the line that was cut."""
    with pytest.raises(DataError, match=message):
        inbox.take(*lines)
    assert inbox.rows == ()


def test_a_contract_is_no_symbol_of_a_spot_account(inbox: Inbox) -> None:
    """As for fills."""
    with pytest.raises(DataError, match=r"^line 2, column symbol: .* is no symbol of a spot account but a contract"):
        inbox.take(HEADER, FUNDING, broker="plain")


def test_numbers_are_read_by_the_separator_of_the_file(inbox: Inbox) -> None:
    """In a file of semicolons a comma begins the decimals; in one of commas it could mean two things."""
    inbox.take("at;kind;currency;amount", "2026-05-01;funding;USDT;-1.234,5")
    assert [row.amount for row in inbox.rows] == [D("-1234.5")]
    with pytest.raises(DataError, match=r"^line 2, column amount: it is not a number that reads one way only"):
        inbox.take("at,kind,currency,amount", '2026-05-01,funding,USDT,"1,234"')


# --- identity -----------------------------------------------------------------------------------------------------


def test_an_id_is_a_line_of_its_kind(inbox: Inbox) -> None:
    """The same file again adds nothing; the same id of another kind or in another account is another line."""
    assert [inbox.take(HEADER, FUNDING), inbox.take(HEADER, FUNDING)] == [1, 0]
    assert inbox.take(HEADER, FUNDING.replace("funding", "fee")) == 1
    inbox.add("more", "swap")
    assert inbox.take(HEADER, FUNDING, broker="more") == 1


@pytest.mark.parametrize(
    ("old", "new"), [("-0.42", "0.42"), ("funding,USDT", "funding,USDC"), ("08:00", "09:00"), ("BTC/USDT:USDT", "")]
)
def test_a_known_id_that_says_something_else_is_refused(inbox: Inbox, old: str, new: str) -> None:
    """In one file or in two: nothing is stored of the file, and the line stays as it was."""
    other = FUNDING.replace(old, new)
    with pytest.raises(DataError, match=r"^line 3, column id: funding 'f1' is there already, and says something else"):
        inbox.take(HEADER, FUNDING, other)
    assert inbox.take(HEADER, FUNDING) == 1
    with pytest.raises(DataError, match=r"^line 3, column id: "):
        inbox.take(HEADER, FUNDING.replace("f1", "f2"), other)
    assert [(row.cash_id, row.amount) for row in inbox.rows] == [("f1", D("-0.42"))]


def test_lines_without_an_id_that_look_alike_are_two(inbox: Inbox) -> None:
    """And the same file again, or its rows in any other order, adds nothing."""
    lines = [f"2026-05-01T08:00:00Z,funding,USDT,{n}" for n in ("-0.42", "1", "-0.42")]
    lines.append("2026-05-01T16:00:00Z,funding,USDT,-0.42")
    assert inbox.take("at,kind,currency,amount", *lines) == 4
    assert inbox.take("at,kind,currency,amount", *lines[::-1]) == 0
    assert sum(row.amount for row in inbox.rows) == D("-0.26")


def test_a_file_of_one_symbol_finds_the_lines_of_a_file_of_all(inbox: Inbox) -> None:
    """Funding of all symbols comes in one moment: the place within it must not depend on the others."""
    lines = [f"2026-05-01T08:00:00Z,funding,USDT,-1,{coin}/USDT:USDT" for coin in ("BTC", "ETH", "SOL")]
    assert inbox.take("at,kind,currency,amount,symbol", *lines) == 3
    assert inbox.take("at,kind,currency,amount,symbol", lines[2]) == 0


def test_a_number_written_otherwise_is_the_same_line(inbox: Inbox) -> None:
    """What it says counts, not how; a trailing zero and a zone are ways of writing."""
    assert inbox.take("at,kind,currency,amount", "2026-05-01T08:00:00Z,funding,USDT,-0.420") == 1
    assert inbox.take("at,kind,currency,amount", "2026-05-01T10:00:00+02:00,FUNDING,usdt,-.42") == 0


def test_an_export_is_taken_in_again_and_adds_nothing(inbox: Inbox) -> None:
    """Our own CSV is a file like any other, ids that we gave included."""
    inbox.take(HEADER, FUNDING, "2026-05-01T08:00:00Z,interest,EUR,3,,=1+1", "2026-05-01,other,EUR,-3,,")
    out = io.StringIO()
    cash_csv(cash([inbox.user], CashQuery()), out)
    assert inbox.report(*out.getvalue().splitlines()) == CashImportReport("perps", 3, 0)


# --- lists and sums -----------------------------------------------------------------------------------------------


def fill_two_brokers(inbox: Inbox) -> None:
    inbox.take(
        HEADER,
        "2026-05-01T08:00:00Z,funding,USDT,-0.1,BTC/USDT:USDT,1",
        "2026-05-01T16:00:00Z,funding,USDT,-0.2,ETH/USDT:USDT,2",
        "2026-05-02T00:00:00Z,funding,BTC,0.3,BTC/USD:BTC,3",
        "2026-05-02T08:00:00Z,interest,USDT,-5,,4",
    )
    inbox.take(HEADER, "2026-05-01T12:00:00Z,dividend,USD,7,AAPL:XNAS/USD,1", broker="plain")


def test_totals_are_per_broker_kind_and_currency(inbox: Inbox) -> None:
    """Currencies are not added up, symbols are; a tenth and two tenths are three tenths."""
    fill_two_brokers(inbox)
    who = inbox.user.user
    assert cash([inbox.user], CashQuery()).totals == (
        CashTotal(who, "perps", "funding", "BTC", D("0.3")),
        CashTotal(who, "perps", "funding", "USDT", D("-0.3")),
        CashTotal(who, "perps", "interest", "USDT", D(-5)),
        CashTotal(who, "plain", "dividend", "USD", D(7)),
    )


def test_pnl_has_the_cash_of_the_same_selection_beside_it(inbox: Inbox) -> None:
    """By period, broker and symbol, as the trades are chosen; a line without a symbol is the account's own."""
    fill_two_brokers(inbox)
    who = inbox.user.user
    since, until = datetime(2026, 5, 1, 16, tzinfo=UTC), datetime(2026, 5, 2, 8, tzinfo=UTC)

    def beside(query: PnlQuery) -> tuple[CashTotal, ...]:
        report = pnl([inbox.user], query)
        assert not report.totals, "cash is in no figure"
        return report.cash

    assert beside(PnlQuery(brokers=("perps",), since=since, until=until)) == (
        CashTotal(who, "perps", "funding", "BTC", D("0.3")),
        CashTotal(who, "perps", "funding", "USDT", D("-0.2")),
    )
    assert beside(PnlQuery(symbols=("ETH/USDT:USDT",))) == (CashTotal(who, "perps", "funding", "USDT", D("-0.2")),)
    assert beside(PnlQuery(since=until, brokers=("perps",))) == (CashTotal(who, "perps", "interest", "USDT", D(-5)),)


def test_lines_are_listed_by_time_and_chosen_by_broker_and_period(inbox: Inbox) -> None:
    """`since` is included, `until` is not; what is stored at all is told beside."""
    fill_two_brokers(inbox)
    since = datetime(2026, 5, 1, 12, tzinfo=UTC)
    found = cash([inbox.user], CashQuery(since=since, until=since + timedelta(hours=12)))
    assert ([row.cash_id for row in found.cash], found.stored) == (["1", "2"], 5)
    assert [row.broker for row in found.cash] == ["plain", "perps"]
    assert [row.cash_id for row in cash([inbox.user], CashQuery(brokers=("plain",))).cash] == ["1"]


def test_nobody_sees_or_writes_the_lines_of_another(inbox: Inbox, store: Store) -> None:
    """Every query names the user."""
    fill_two_brokers(inbox)
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = store.for_user("bob")
    assert (cash([bob], CashQuery(brokers=("perps",))).cash, bob.cash_stored()) == ((), 0)
    with pytest.raises(Exception, match="bob has no account number"):
        bob.save_cash(inbox.user.broker("perps").account_id or 0, (), source="import", seen_at=NOON)


def test_lines_go_by_the_name_of_a_removed_broker(inbox: Inbox) -> None:
    """What came in stays, as fills do."""
    inbox.take(HEADER, FUNDING)
    inbox.user.remove_broker(inbox.user.broker("perps"))
    assert [row.broker for row in inbox.rows] == ["perps (removed)"]


def test_a_broker_removed_with_its_fills_leaves_no_cash(inbox: Inbox) -> None:
    """Its funding would stand beside nothing."""
    inbox.take(HEADER, FUNDING)
    inbox.user.remove_broker(inbox.user.broker("perps"), with_fills=True)
    assert inbox.rows == ()


def test_an_account_that_gets_its_name_keeps_its_cash(inbox: Inbox) -> None:
    """Lines of before the first look, when the exchange had not said whose account it is."""
    inbox.user.add_broker(
        "api", exchange="binance", market="spot", since=NOON, base_url=None, symbols=(), method=None, credentials=None
    )
    inbox.take(HEADER, "2026-05-01,rebate,BNB,1,,r1", broker="api")
    inbox.user.bind_account(inbox.user.broker("api"), "4711")
    assert [(row.broker, row.cash_id) for row in inbox.rows] == [("api", "r1")]


def test_cash_is_in_no_figure_of_the_trades(inbox: Inbox) -> None:
    """The same P&L with it as without."""
    header = "executed_at,symbol,side,quantity,price"
    rows = ("2026-05-01,ETH/USDT,buy,1,100", "2026-05-02,ETH/USDT,sell,1,110")
    inbox.file.write_text("\n".join((header, *rows)))
    import_fills(inbox.user, inbox.user.broker("perps"), inbox.file, now=NOON)
    before = pnl([inbox.user], PnlQuery())
    inbox.take(HEADER, "2026-05-02,fee,USDT,-3,ETH/USDT,1", "2026-05-02,rebate,USDT,1,eth-usdt,2")
    after = pnl([inbox.user], PnlQuery())
    assert (after.rows, after.totals) == (before.rows, before.totals)
    assert [(line.kind, line.amount) for line in after.cash] == [("fee", D(-3)), ("rebate", D(1))]
    assert {row.symbol for row in inbox.rows} == {"ETH/USDT"}
