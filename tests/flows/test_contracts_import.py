"""Contracts from a CSV file: which are taken, with which size, and what they earned, worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.desk import NOON
from tests.store.world import add_broker
from trademon.core.model import METHODS, Candle, Contract, Fee, MarketType, Method
from trademon.core.money import round_figure
from trademon.core.pnl_reports import PnlRow
from trademon.core.times import format_time
from trademon.errors import DataError, UsageError
from trademon.flows.compare import the_book, what_if
from trademon.flows.fills import ReadAs, import_fills
from trademon.flows.lots import lots, open_lot
from trademon.flows.pnl import PnlQuery, pnl
from trademon.flows.rebuild import rebuild
from trademon.store.prices import DAY
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore

LINEAR, INVERSE = "BTC/USDT:USDT", "BTC/USD:BTC"
HEADER = "executed_at,symbol,side,quantity,price"
D = Decimal
Trade = tuple[str, str, str]


class Inbox:
    """A manual broker `perps` for swaps, `lent` for margin, `plain` for spot, and a file to bring in."""

    def __init__(self, user: UserStore, directory: Path) -> None:
        self.user = user
        self.file = directory / "trades.csv"
        markets: tuple[tuple[str, MarketType], ...] = (("perps", "swap"), ("lent", "margin"), ("plain", "spot"))
        for name, market in markets:
            user.add_broker(
                name,
                exchange="manual",
                market=market,
                since=NOON,
                base_url=None,
                symbols=(),
                method=None,
                credentials=None,
            )

    def take(self, *lines: str, broker: str = "perps", how: ReadAs | None = None) -> int:
        """How many fills were new."""
        self.file.write_text("\n".join(lines) + "\n")
        return import_fills(self.user, self.user.broker(broker), self.file, now=NOON, how=how).new_fills

    def trade(self, symbol: str, *trades: Trade, size: str = "1") -> None:
        """Bring in trades a minute apart."""
        rows = (f"{at(n)},{symbol},{','.join(trade)},{size}" for n, trade in enumerate(trades))
        assert self.take(f"{HEADER},contract_size", *rows) == len(trades)

    def row(self, method: Method = "fifo") -> PnlRow:
        (row,) = pnl([self.user], PnlQuery(method=method)).rows
        return row

    @property
    def stored(self) -> int:
        return self.user.fills(FillQuery()).total


def at(minutes: int) -> str:
    return format_time(NOON - timedelta(days=1) + timedelta(minutes=minutes))


@pytest.fixture
def inbox(store: Store, tmp_path: Path) -> Inbox:
    return Inbox(store.for_user(store.users()[0].name), tmp_path)


# --- which are taken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broker", ["perps", "lent"])
def test_a_contract_is_kept_with_what_it_settles_in_and_its_size(inbox: Inbox, broker: str) -> None:
    """Settling in the quote is linear, in the base inverse; without a size it is 1."""
    rows = (f"{at(0)},{LINEAR},buy,3,100,0.001", f"{at(0)},btc-usd:btc,buy,3,100,", f"{at(0)},ETH/USDT,buy,3,100,1")
    assert inbox.take(f"{HEADER},contract_size", *rows, broker=broker) == 3
    kept = {m.symbol: m.contract for m in inbox.user.traded_markets(inbox.user.broker(broker))}
    assert kept == {
        LINEAR: Contract("USDT", D("0.001")),
        INVERSE: Contract("BTC", D(1), inverse=True),
        "ETH/USDT": None,
    }


@pytest.mark.parametrize(
    ("broker", "row", "message"),
    [
        ("plain", f"{LINEAR},buy,1,100,", "symbol: BTC/USDT:USDT is no symbol of a spot account but a contract"),
        ("perps", "BTC/USD:ETH,buy,1,100,", "symbol: a contract of BTC/USD that settles in 'ETH' cannot be booked"),
        ("perps", "BTC/USDT:,buy,1,100,", "symbol: 'BTC/USDT:' is no symbol"),
        ("perps", "BTCUSDT:USDT,buy,1,100,", "symbol: 'BTCUSDT:USDT' is no symbol"),
        ("perps", "BTC-USDT-SWAP,buy,1,100,", "symbol: 'BTC-USDT-SWAP' is no symbol"),
        ("perps", f"{LINEAR},buy,1,100,0", "contract_size: it is not above zero: '0'"),
        ("perps", f"{LINEAR},buy,1,100,-1", "contract_size: it is not above zero: '-1'"),
        ("perps", f"{LINEAR},buy,1,100,ten", "contract_size: it is not a number: 'ten'"),
        ("perps", "BTC/USDT,buy,1,100,10", "contract_size: BTC/USDT is no contract and has no size"),
        ("plain", "BTC/USDT,buy,1,100,10", "contract_size: BTC/USDT is no contract and has no size"),
        ("perps", f"{INVERSE},buy,1,0,1", "price: it is zero, at which an inverse contract has no worth"),
    ],
)
def test_what_cannot_be_booked_is_named_by_line_and_column(inbox: Inbox, broker: str, row: str, message: str) -> None:
    """And the good row before it is not stored either."""
    with pytest.raises(DataError) as caught:
        inbox.take(f"{HEADER},contract_size", f"{at(0)},ETH/BTC,buy,1,1,", f"{at(1)},{row}", broker=broker)
    assert str(caught.value).startswith(f"line 3, column {message}")
    assert inbox.stored == 0


def test_one_symbol_has_one_size_within_a_file(inbox: Inbox) -> None:
    """However the symbol is spelled."""
    rows = (f"{at(0)},{LINEAR},buy,1,100,0.01", f"{at(1)},btc-usdt:usdt,buy,1,100,0.1")
    with pytest.raises(DataError, match=r"^line 3, column contract_size: .* has a size of 0\.01, not 0\.1"):
        inbox.take(f"{HEADER},contract_size", *rows)
    assert inbox.stored == 0


def test_another_size_in_a_later_file_is_refused(inbox: Inbox) -> None:
    """The same size goes on, another one and none at all (which is 1) do not."""
    inbox.trade(LINEAR, ("buy", "1", "100"), size="0.01")
    assert inbox.take(f"{HEADER},contract_size", f"{at(5)},{LINEAR},buy,1,100,0.010") == 1
    with pytest.raises(DataError, match=r"^line 2, column contract_size: .* has a size of 0\.01, not 0\.1"):
        inbox.take(f"{HEADER},contract_size", f"{at(6)},{LINEAR},buy,1,100,0.1")
    with pytest.raises(DataError, match=r"^line 2, column contract_size: .* has a size of 0\.01, not 1") as caught:
        inbox.take(HEADER, f"{at(6)},{LINEAR},buy,1,100")
    assert "column contract_size" in (caught.value.hint or "")
    assert inbox.stored == 2


def test_a_size_is_of_the_user_whose_file_says_it(store: Store, inbox: Inbox, tmp_path: Path) -> None:
    """Another user's file may say another one of the same symbol, or none at all; each has the gain of their own, also
    after a rebuild, and a deleted account leaves no size behind."""
    trades = (("buy", "10", "100"), ("sell", "10", "110"))
    gains, bob = {}, inbox
    for name, size in (("ann", "0.01"), ("bob", "0.5"), ("carl", "1")):
        store.add_user(name, method=None, currency=None, telegram_chat=None)
        theirs = Inbox(store.for_user(name), tmp_path)
        if size == "1":
            assert theirs.take(HEADER, *(f"{at(n)},{LINEAR},{','.join(t)}" for n, t in enumerate(trades))) == 2
        else:
            theirs.trade(LINEAR, *trades, size=size)
        rebuild([theirs.user])
        gains[name] = theirs.row().gross
        bob = theirs if name == "bob" else bob
    assert gains == {"ann": D(1), "bob": D(50), "carl": D(100)}
    bob.user.remove_broker(bob.user.broker("perps"), with_fills=True)
    bob.user.add_broker(
        "again",
        exchange="manual",
        market="swap",
        since=NOON,
        base_url=None,
        symbols=(),
        method=None,
        credentials=None,
    )
    rows = (f"{at(n)},{LINEAR},{','.join(trade)},2" for n, trade in enumerate(trades))
    assert bob.take(f"{HEADER},contract_size", *rows, broker="again") == 2
    assert bob.row().gross == D(200)


def test_the_same_file_again_adds_nothing(inbox: Inbox) -> None:
    """Rows of contracts are recognised as rows of coins are."""
    rows = (f"{HEADER},contract_size", f"{at(0)},{INVERSE},sell,100,9000,10", f"{at(0)},{INVERSE},sell,100,9000,10")
    assert [inbox.take(*rows), inbox.take(*rows)] == [2, 0]


def test_the_size_may_stand_in_a_column_of_another_name(inbox: Inbox) -> None:
    """Also in a file of semicolons, where a comma begins the decimals."""
    columns = {"executed_at": "When", "symbol": "What", "side": "Side", "quantity": "Lots", "price": "At"}
    how = ReadAs(columns=columns | {"contract_size": "Multiplier"})
    assert inbox.take("When;What;Side;Lots;At;Multiplier", f"{at(0)};{LINEAR};buy;2;100,5;0,01", how=how) == 1
    assert inbox.row().open_quantity == D("0.02")


@pytest.mark.parametrize("header", [HEADER, f"{HEADER},contract_size"])
def test_a_size_that_nothing_tells_is_said(inbox: Inbox, header: str) -> None:
    """One contract is then taken for one unit; what a file or the exchange has told before is known."""
    cell = ",\n" if "," in header.removeprefix(HEADER) else "\n"
    eth = "ETH/USD:ETH"
    inbox.file.write_text(f"{header}\n{at(0)},{LINEAR},buy,1,100{cell}{at(1)},{eth},buy,1,100{cell}")
    report = import_fills(inbox.user, inbox.user.broker("perps"), inbox.file, now=NOON)
    assert report.unsized == (LINEAR, eth)
    assert report.note is not None
    assert "contract_size" in report.note
    report = import_fills(inbox.user, inbox.user.broker("perps"), inbox.file, now=NOON)
    assert (report.new_fills, report.unsized, report.note) == (0, (), None)


def test_a_size_that_one_row_tells_is_known(inbox: Inbox) -> None:
    """Whichever row it is."""
    rows = f"{at(0)},{LINEAR},buy,1,100,\n{at(1)},{LINEAR},buy,1,100,1\n"
    inbox.file.write_text(f"{HEADER},contract_size\n{rows}")
    assert import_fills(inbox.user, inbox.user.broker("perps"), inbox.file, now=NOON).unsized == ()


# --- what they earned ---------------------------------------------------------------------------------------------


def test_a_linear_contract_counts_its_size_in_base_units(inbox: Inbox) -> None:
    """1,000 contracts of 0.001 BTC, bought at 50,000 and sold at 51,000: 1 BTC and 1,000 USDT."""
    inbox.trade(LINEAR, ("buy", "1000", "50000"), ("sell", "1000", "51000"), size="0.001")
    row = inbox.row()
    assert (row.currency, row.gross, row.open_quantity, row.disposals) == ("USDT", D(1000), D(0), 1)


def test_a_long_inverse_position_earns_what_the_bitmex_guide_says(inbox: Inbox) -> None:
    """1,000 contracts of 1 USD from 1,000 to 1,250: 1,000 x (1/1,000 - 1/1,250) = 0.2 BTC."""
    inbox.trade(INVERSE, ("buy", "1000", "1000"), ("sell", "1000", "1250"))
    row = inbox.row()
    assert (row.currency, row.gross, row.open_quantity) == ("BTC", D("0.2"), D(0))


@pytest.mark.parametrize(("contracts", "size"), [("100000", "1"), ("1000", "100")])
def test_a_short_inverse_position_loses_as_the_price_rises(inbox: Inbox, contracts: str, size: str) -> None:
    """100,000 USD from 10,000 to 11,000: 100,000 x (1/11,000 - 1/10,000) = -0.90909091 BTC, in any size of contract."""
    inbox.trade(INVERSE, ("sell", contracts, "10000"), ("buy", contracts, "11000"), size=size)
    assert inbox.row().gross.quantize(D("1e-8")) == D("-0.90909091")


@pytest.mark.parametrize(
    ("method", "gross", "left"),
    [
        ("fifo", "150", "200"),  # 250 - 100
        ("lifo", "50", "100"),  # 250 - 200
        ("hifo", "50", "100"),
        ("average", "100", "150"),  # 250 - 150
    ],
)
def test_the_methods_on_a_linear_contract(inbox: Inbox, method: Method, gross: str, left: str) -> None:
    """Ten contracts of 0.1 BTC at 100, ten at 200, ten sold at 250: one BTC of two is closed."""
    inbox.trade(LINEAR, ("buy", "10", "100"), ("buy", "10", "200"), ("sell", "10", "250"), size="0.1")
    row = inbox.row(method)
    assert (row.gross, row.open_quantity, row.open_cost) == (D(gross), D(1), D(left))


@pytest.mark.parametrize(
    ("method", "gross", "left"),
    [
        ("fifo", "0.06", "0.05"),  # 1/10,000 - 1/25,000
        ("lifo", "0.01", "0.1"),  # 1/20,000 - 1/25,000
        ("hifo", "0.01", "0.1"),  # 20,000 is the higher price
        ("average", "0.035", "0.075"),  # (1/10,000 + 1/20,000) / 2 - 1/25,000
    ],
)
def test_the_methods_on_an_inverse_contract(inbox: Inbox, method: Method, gross: str, left: str) -> None:
    """1,000 USD at 10,000, 1,000 at 20,000, 1,000 sold at 25,000; what is left cost 1,000 / its price in BTC."""
    inbox.trade(INVERSE, ("buy", "1000", "10000"), ("buy", "1000", "20000"), ("sell", "1000", "25000"))
    row = inbox.row(method)
    assert (row.gross, row.open_quantity, row.open_cost) == (D(gross), D(1000), D(left))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("symbol", "trades", "after_flip", "after_all"),
    [
        # long 2 at 100; 5 sold at 110 close them for 20 and open a short of 3; bought back at 100 it earns 30
        (LINEAR, (("buy", "2", "100"), ("sell", "5", "110"), ("buy", "3", "100")), "20", "50"),
        # long 1,000 from 1,000 to 1,250 earns 0.2; a short of 2,000 from 1,250 to 1,000 earns 0.4
        (INVERSE, (("buy", "1000", "1000"), ("sell", "3000", "1250"), ("buy", "2000", "1000")), "0.2", "0.6"),
    ],
)
def test_a_position_flips_through_zero(
    inbox: Inbox, symbol: str, trades: tuple[Trade, ...], after_flip: str, after_all: str, method: Method
) -> None:
    """One fill closes and opens; with one lot at a time all methods agree."""
    inbox.trade(symbol, *trades[:2])
    assert (inbox.row(method).gross, inbox.row(method).open_quantity) == (D(after_flip), -D(trades[2][1]))
    inbox.take(f"{HEADER},contract_size", f"{at(9)},{symbol},{','.join(trades[2])},1")
    assert (inbox.row(method).gross, inbox.row(method).open_quantity) == (D(after_all), D(0))


@pytest.mark.parametrize("method", METHODS)
def test_an_inverse_lot_whose_price_does_not_end_is_closed_without_a_rest(inbox: Inbox, method: Method) -> None:
    """1/3,000 has no end: cut at the thirtieth decimal, it is the same when opened and when closed."""
    trades = (("buy", "100", "3000"), ("buy", "200", "7000"), ("sell", "150", "3000"), ("sell", "150", "7000"))
    inbox.trade(INVERSE, *trades)
    row = inbox.row(method)
    exact = 100 / D(3000) + 200 / D(7000) - 150 / D(3000) - 150 / D(7000)
    assert abs(row.gross - round_figure(exact)) < D("1e-25")
    assert (row.open_quantity, row.open_cost) == (D(0), D(0))


def test_fees_are_costs_in_the_coin_that_the_contract_settles_in(inbox: Inbox) -> None:
    """In BTC for an inverse one; a fee in the base of a linear one moves no coin and is unvalued."""
    header = f"{HEADER},fee,fee_currency"
    rows = (f"{at(0)},{INVERSE},buy,1000,1000,0.001,BTC", f"{at(1)},{INVERSE},sell,1000,1250,0.002,BTC")
    inbox.take(header, *rows)
    assert (inbox.row().fees, inbox.row().net, inbox.row().unvalued_fees) == (D("0.003"), D("0.197"), ())
    inbox.take(header, f"{at(0)},{LINEAR},buy,1,100,0.5,BTC", broker="lent")
    (row,) = pnl([inbox.user], PnlQuery(brokers=("lent",))).rows
    assert (row.open_quantity, row.unvalued_fees) == (D(1), (("BTC", D("0.5")),))


def test_late_rows_and_a_rebuild_read_the_contract_back_from_the_store(inbox: Inbox) -> None:
    """An earlier trade in a later file, and everything derived again: the size and the inverse price still hold."""
    inbox.trade(INVERSE, ("buy", "20", "2000"), ("sell", "10", "2500"), size="100")
    assert inbox.row().gross == D("0.1")  # 1,000 x (1/2,000 - 1/2,500)
    earlier = format_time(NOON - timedelta(days=2))
    inbox.take(f"{HEADER},contract_size", f"{earlier},{INVERSE},buy,10,1000,100")
    assert inbox.row().gross == D("0.6")  # 1,000 x (1/1,000 - 1/2,500)
    assert rebuild([inbox.user]).changed == ()
    (lot,) = lots([inbox.user], PnlQuery(method="fifo")).lots
    assert (lot.quantity, lot.currency) == (D(2000), "BTC")


def test_a_fill_keeps_the_price_that_was_paid(inbox: Inbox) -> None:
    """Contracts and quote per base, as the file has them, whatever the book reckons in."""
    inbox.take(f"{HEADER},contract_size,fee,fee_currency", f"{at(0)},{INVERSE},sell,7,9000.5,100,-0.1,BTC")
    (fill,) = inbox.user.fills(FillQuery()).fills
    assert (fill.quantity, fill.price, Fee(fill.fee, fill.fee_currency)) == (D(7), D("9000.5"), Fee(D("-0.1"), "BTC"))


@pytest.mark.parametrize("by", [None, "symbol", "broker"])
def test_what_an_inverse_book_holds_is_the_same_since_any_time(inbox: Inbox, by: Any) -> None:
    """1,000 contracts at 1,000 cost 1 BTC, 1,000 each, however little of the past the figures are of."""
    inbox.trade(INVERSE, ("buy", "2000", "1000"), ("sell", "1000", "1250"))
    (whole,) = pnl([inbox.user], PnlQuery(by=by)).rows
    (later,) = pnl([inbox.user], PnlQuery(by=by, since=NOON)).rows
    assert (later.gross, later.open_cost, later.open_quantity) == (0, 1, whole.open_quantity)
    assert later.average_cost == whole.average_cost == (None if by == "broker" else 1000)


@pytest.mark.parametrize("method", METHODS)
def test_a_sale_imagined_on_an_inverse_contract_gains_what_it_would(inbox: Inbox, method: Method) -> None:
    """1,000 at 1,000, sold at 1,250: 0.2 BTC; of 1,500 asked for 500 are more than is held."""
    inbox.trade(INVERSE, ("buy", "1000", "1000"))
    store, ref = the_book([inbox.user], PnlQuery())
    rows = {row.method: row for row in what_if(store, ref, D(1000), D(1250), "said").rows}
    assert (rows[method].gross, rows[method].matched, rows[method].unmatched) == (D("0.2"), 1000, 0)
    assert (rows[method].left_quantity, rows[method].left_cost) == (0, 0)
    rows = {row.method: row for row in what_if(store, ref, D(1500), D(1250), "said").rows}
    assert (rows[method].gross, rows[method].matched, rows[method].unmatched) == (D("0.2"), 1000, 500)
    rows = {row.method: row for row in what_if(store, ref, D(400), D(1250), "said").rows}
    assert (rows[method].gross, rows[method].left_quantity, rows[method].left_cost) == (D("0.08"), 600, D("0.6"))


def test_an_inverse_contract_has_no_worth_at_a_price_of_zero(inbox: Inbox) -> None:
    """Neither imagined nor entered by hand: as a file's row is refused, so are they."""
    inbox.trade(INVERSE, ("buy", "1000", "1000"))
    store, ref = the_book([inbox.user], PnlQuery())
    with pytest.raises(UsageError, match="an inverse contract has no worth"):
        what_if(store, ref, D(1), D(0), "said")
    entered = {"quantity": D(1), "price": D(0), "fee": D(0), "at": NOON - timedelta(days=9), "now": NOON}
    with pytest.raises(UsageError, match="an inverse contract has no worth"):
        open_lot(inbox.user, inbox.user.broker("perps"), INVERSE, **entered)
    assert lots([inbox.user], PnlQuery()).entered == ()


def test_a_lot_of_contracts_is_entered_in_contracts(inbox: Inbox) -> None:
    """Three of size 0.001 at 100 are 0.003 BTC for 0.3."""
    inbox.trade(LINEAR, ("buy", "1000", "100"), size="0.001")
    at = NOON - timedelta(days=9)
    open_lot(inbox.user, inbox.user.broker("perps"), LINEAR, quantity=D(3), price=D(100), fee=D(0), at=at, now=NOON)
    (lot,) = lots([inbox.user], PnlQuery()).entered
    assert (lot.quantity, lot.cost) == (D("0.003"), D("0.3"))


def test_the_average_cost_of_an_inverse_book_in_another_currency_is_cost_by_quantity(inbox: Inbox) -> None:
    """A BTC worth 20,000 EUR: 1,000 USD at 1,000 cost 1 BTC, 20,000 EUR, 20 EUR for each USD."""
    inbox.trade(INVERSE, ("buy", "1000", "1000"))
    teller = add_broker(inbox.user, "teller", since=NOON)
    day = NOON.replace(hour=0) - timedelta(days=1)
    inbox.user.save_candles(teller, "BTC/EUR", [Candle(day, DAY, D(20000))], interval=DAY)
    (row,) = pnl([inbox.user], PnlQuery(currency="EUR")).rows
    assert (row.open_quantity, row.open_cost, row.average_cost) == (1000, 20000, 20)


def test_a_position_side_is_a_book_of_its_own(inbox: Inbox) -> None:
    """Written as it is shown, so that what was exported comes in again; a coin has none."""
    rows = (
        f"{at(0)},BTC/USDT:USDT long,buy,1,100",
        f"{at(1)},btc/usdt:usdt short,sell,1,110",
        f"{at(2)},BTC/USDT:USDT long,sell,2,120",
    )
    assert inbox.take(HEADER, *rows) == 3
    rows_of = {row.symbol: row for row in pnl([inbox.user], PnlQuery()).rows}
    long, short = rows_of["BTC/USDT:USDT long"], rows_of["BTC/USDT:USDT short"]
    assert (long.gross, long.open_quantity, long.unmatched_quantity) == (20, 0, 1)
    assert (short.gross, short.open_quantity) == (0, -1)
    with pytest.raises(DataError, match="no contract and has no side"):
        inbox.take(HEADER, f"{at(3)},BTC/USDT long,buy,1,100")
