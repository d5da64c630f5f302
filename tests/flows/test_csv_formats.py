"""The exports of exchanges: each header known by itself, each row one fill, what is not clear refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from trademon.core.model import Fill
from trademon.errors import DataError, UsageError
from trademon.flows.csv_formats import parse_mapping
from trademon.flows.fills import ReadAs, read_csv

Read = Callable[..., list[Fill]]
BINANCE = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee"
BINANCE_TIME = '"Time","Pair","Side","Price","Executed","Amount","Fee"'
BINANCE_MARKET = "Date(UTC),Market,Type,Price,Amount,Total,Fee,Fee Coin"
BINANCE_ASSETS = "Date(UTC),Pair,Base Asset,Quote Asset,Type,Price,Amount,Total,Fee,Fee Coin"
BINANCE_ORDERS = (
    "Time,OrderNo,Pair,Type¹,Side,Order Price,Order Amount,Time,Executed²,Average Price,Trading total³,Status"
)
BINANCE_OLD_ORDERS = "Date(UTC),Pair,Type,Order Price,Order Amount,AvgTrading Price,Filled,Total,status"
BITGET = "Date,Trading pair,Base Asset,Quote Asset,Direction,Price,Amount,Total,Fee,Fee Coin"
BITGET_ORDERS = (
    "Date,Type,Order Id,Trading pair,Base Asset,Quote Asset,Direction,Price,Order amount,Executed,Average Price,"
    "Trading volume,Status"
)
BITGET_EXECUTIONS = "Date,Trading Price,Executed,Trading volume,Fee"
SAXO = "Trade ID,Account ID,Instrument,Trade Time,B/S,Amount,Price,Instrument Symbol,Instrument currency,Order ID"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Lines as a file, and the fills of it."""

    def of(
        *lines: str, name: str = "trades.csv", zone: str | None = None, format: str = "auto", **columns: str
    ) -> list[Fill]:
        file = tmp_path / name
        file.write_text("\n".join((*lines, "")), encoding="utf-8")
        return read_csv(file, how=ReadAs(format, columns, zone))

    return of


def facts(fill: Fill) -> tuple[str, ...]:
    """What was done, as text."""
    fees = (f"{fee.amount} {fee.currency}" for fee in fill.fees)
    at = fill.executed_at.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (at, fill.symbol, fill.side, str(fill.quantity), str(fill.price), *fees)


# --- Binance -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (
            BINANCE,
            '2024-01-05 10:11:12,BTCUSDT,BUY,"45,000.00",0.0010000000BTC,45.0000USDT,0.00000100BTC',
            ("2024-01-05T10:11:12", "BTC/USDT", "buy", "0.0010000000", "45000.00", "0.00000100 BTC"),
        ),
        (
            BINANCE,
            '2024-01-05 10:11:12,SHIBUSDT,SELL,0.00001,"1,234,567.00SHIB",12.34567USDT,0.0006100BNB',
            ("2024-01-05T10:11:12", "SHIB/USDT", "sell", "1234567.00", "0.00001", "0.0006100 BNB"),
        ),
        (
            BINANCE,
            "2024-01-05 10:11:12,1INCHUSDT,BUY,0.5,10.51INCH,5.25USDT,0.011INCH",
            ("2024-01-05T10:11:12", "1INCH/USDT", "buy", "10.5", "0.5", "0.01 1INCH"),
        ),
        (
            BINANCE,
            "2024-01-05 10:11:12,TUSDT,SELL,0.5,10T,5USDT,0.01USDT",
            ("2024-01-05T10:11:12", "T/USDT", "sell", "10", "0.5", "0.01 USDT"),
        ),
        (
            BINANCE,
            "2024-01-05 10:11:12,ADAEUR,BUY,0.5,10ADA,5EUR,0.01ADA",
            ("2024-01-05T10:11:12", "ADA/EUR", "buy", "10", "0.5", "0.01 ADA"),
        ),
        (
            BINANCE_TIME,
            '"25-10-11 01:01:13","BTCUSDT","BUY","60000","0.01000000BTC","600.00000000USDT","0.00001000BTC"',
            ("2025-10-11T01:01:13", "BTC/USDT", "buy", "0.01000000", "60000", "0.00001000 BTC"),
        ),
        (
            "Order No,Time,Pair,Side,Price,Executed,Amount,Fee,AOR Conversion Pair,AOR Conversion Rate",
            "650006707,2026-03-23 11:49:10,PAXGUSDT,BUY,4271.1,0.075PAXG,320.3325USDT,0.000075PAXG,,",
            ("2026-03-23T11:49:10", "PAXG/USDT", "buy", "0.075", "4271.1", "0.000075 PAXG"),
        ),
        (
            BINANCE_MARKET,
            "2018-02-12 15:17:22,LTCETH,SELL,0.18,1.5,0.27,0.00027,ETH",
            ("2018-02-12T15:17:22", "LTC/ETH", "sell", "1.5", "0.18", "0.00027 ETH"),
        ),
        (
            BINANCE_MARKET.replace(",", ";"),
            "2018-02-12 15:17:22;BTCPLN;BUY;0,18;1,5;0,27;0,00027;PLN",
            ("2018-02-12T15:17:22", "BTC/PLN", "buy", "1.5", "0.18", "0.00027 PLN"),
        ),
        (
            BINANCE_ASSETS,
            "2025-12-25 14:00:15,BTC/USDT,BTC,USDT,BUY,80000.00,0.00100,80.00000,0.0001,BNB",
            ("2025-12-25T14:00:15", "BTC/USDT", "buy", "0.00100", "80000.00", "0.0001 BNB"),
        ),
    ],
    ids=[
        "glued",
        "groups",
        "coin of a digit",
        "coin of one letter",
        "ADAEUR",
        "short year",
        "order no",
        "market",
        "semicolon",
        "assets",
    ],
)
def test_binance_trades(read: Read, header: str, row: str, expected: tuple[str, ...]) -> None:
    """Every header it has had, and cells that are a number with its coin."""
    (fill,) = read(header, row)
    assert facts(fill) == expected


def test_binance_rows_have_blank_cells_at_their_end(read: Read) -> None:
    """They are no columns; a filled one would be."""
    row = "2026-01-02 18:31:37,XAUTUSDT,BUY,4000.00,0.1234XAUT,493.6USDT,0.0006100BNB"
    assert len(read(BINANCE, row + ",,,")) == 1
    with pytest.raises(DataError, match=r"^line 2: the row has not as many columns as the header"):
        read(BINANCE, row + ",,x,")


def test_binance_fills_that_look_alike_are_all_kept(read: Read) -> None:
    """The file has no ids: the third of a second is the third."""
    row = "2024-01-05 10:11:12,BTCUSDT,BUY,45000,0.001BTC,45USDT,0.0006BNB"
    fills = read(BINANCE, row, row, row)
    assert [f.trade_id.split("-")[2] for f in fills] == ["000001", "000002", "000003"]
    assert {f.order_id for f in fills} == {""}


def test_binance_writes_the_zone_into_the_name_of_the_file(read: Read) -> None:
    """As `(UTC+7)` or `(UTC--6)`; a header that says UTC, and what the person says, count more."""
    row = "25-10-11 01:01:13,BTCUSDT,BUY,60000,0.01BTC,600USDT,0.00001BTC"
    name = "Binance-Spot-Trade-History-202604201027({}).csv"
    hours = {"UTC+7": "2025-10-10T18:01:13", "UTC--6": "2025-10-11T07:01:13", "UTC": "2025-10-11T01:01:13"}
    for zone, at in hours.items():
        assert facts(read(BINANCE_TIME, row, name=name.format(zone))[0])[0] == at
    assert facts(read(BINANCE_TIME, row, name=name.format("UTC+7"), zone="+02:00")[0])[0] == "2025-10-10T23:01:13"
    assert facts(read(BINANCE, row, name=name.format("UTC+7"), zone="+02:00")[0])[0] == "2025-10-11T01:01:13"


def test_binance_orders_are_fills_by_their_order_and_without_fees(read: Read) -> None:
    """The time of the update, the average price; what executed nothing is left out."""
    fills = read(
        BINANCE_ORDERS,
        "2026-01-01 09:00:00,1002,ASSETUSDT,Limit,SELL,100,2.0000ASSET,2026-01-02 10:00:00,2ASSET,100,200USDT,FILLED",
        "2026-01-01 09:00:00,1003,BTCUSDT,Limit,BUY,1,5BTC,2026-01-03 10:00:00,0BTC,0,0USDT,CANCELED",
    )
    assert [facts(f) for f in fills] == [("2026-01-02T10:00:00", "ASSET/USDT", "sell", "2", "100")]
    assert (fills[0].trade_id, fills[0].order_id) == ("order-1002", "1002")
    assert json.loads(fills[0].raw)["Time (2)"] == "2026-01-02 10:00:00"


def test_binance_orders_of_older_files(read: Read) -> None:
    """Type says the side, or Side does where Type says limit."""
    (old,) = read(BINANCE_OLD_ORDERS, "2018-02-12 15:17:22,LTCETH,BUY,0.2,1.5,0.18,1.5,0.27,Filled")
    assert facts(old) == ("2018-02-12T15:17:22", "LTC/ETH", "buy", "1.5", "0.18")
    (new,) = read(
        "Date(UTC),OrderNo,Pair,Type,Side,Order Price,Order Amount,AvgTrading Price,Filled,Total,status",
        "2025-03-01 00:00:00,12345,ETH/USDT,LIMIT,BUY,3000,2.0,3000,2.0,6000,Filled",
    )
    assert (facts(new)[1:], new.trade_id) == (("ETH/USDT", "buy", "2.0", "3000"), "order-12345")


def test_a_file_of_orders_that_executed_nothing_is_said(read: Read) -> None:
    """It is not an account without trades."""
    with pytest.raises(DataError, match=r"trades\.csv has a header and no row that was executed"):
        read(BINANCE_OLD_ORDERS, "2018-02-12 15:17:22,LTCETH,BUY,0.2,1.5,0,0,0,Canceled")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2024-01-05 10:11:12,BTCUSDT,BUY,1,1ETH,1USDT,", "column Pair: 'BTCUSDT' is not the pair"),
        ("2024-01-05 10:11:12,BTCUSDT,BUY,1,oneBTC,1USDT,", "column Executed: it is not a number with a coin"),
        ("2024-01-05 10:11:12,BTCUSDT,HOLD,1,1BTC,1USDT,", "column Side: 'HOLD' is neither buy nor sell"),
        ("2024-01-05 10:11:12,BTCUSDT,BUY,x,1BTC,1USDT,", "column Price: it is not a number"),
        ("2024-01-05 10:11:12,BTCUSDT,BUY,-1,1BTC,1USDT,", "column Price: it is below zero"),
        ("2024-01-05 10:11:12,BTCUSDT,BUY,1,0BTC,1USDT,", "column Executed: it is not above zero"),
        ("2024-01-05 10:11:12,BTCUSDT,BUY,1,1BTC,1USDT,free", r"column Fee: it is not a number with a coin"),
        ("2024-01-05 10:11:12,BTCUSDT,BUY,1,1BTC,1USDT,1", r"column Fee Coin|column fee_currency: it is empty"),
        ("05/01/2024 10:11,BTCUSDT,BUY,1,1BTC,1USDT,", r"column Date\(UTC\): it is not a time"),
        ("2024-01-05 10:11:12,BTCUSDT,BUY,1,,1USDT,", "column Executed: it is empty"),
        ('2024-01-05 10:11:12,BTCUSDT,BUY,1,"1,23BTC",1USDT,', "column Executed: it is not a number"),
    ],
)
def test_a_bad_cell_is_named_as_the_file_names_it(read: Read, row: str, message: str) -> None:
    """Line, the file's column, the reason."""
    good = "2024-01-05 10:11:12,BTCUSDT,BUY,1,1BTC,1USDT,0BNB"
    with pytest.raises(DataError, match=rf"^line 3, {message}"):
        read(BINANCE, good, row, good)


# --- Bitget --------------------------------------------------------------------------------------------------------


def test_bitget_order_details(read: Read) -> None:
    """One row a fill, equal rows are several, and cells that the header has not are blank."""
    buy = "2026-09-01 16:47:01,KAS/USDT,KAS,USDT,Buy,0.025,1000,25,1,KAS,"
    fills = read(
        BITGET, buy, buy, "2026-09-02 10:00:00,BTC/USDC,BTC,USDC,Sell,100000,0.001,100,0.1,USDC,", zone="-03:00"
    )
    assert [facts(f) for f in fills] == [
        ("2026-09-01T19:47:01", "KAS/USDT", "buy", "1000", "0.025", "1 KAS"),
        ("2026-09-01T19:47:01", "KAS/USDT", "buy", "1000", "0.025", "1 KAS"),
        ("2026-09-02T13:00:00", "BTC/USDC", "sell", "0.001", "100000", "0.1 USDC"),
    ]
    assert len({f.trade_id for f in fills}) == 3


def test_a_negative_fee_of_bitget_is_refused(read: Read) -> None:
    """Its exports and its API do not agree on the sign: a guess would turn costs into income."""
    with pytest.raises(DataError, match=r"^line 2, column Fee: it is below zero"):
        read(BITGET, "2026-09-01 16:47:01,KAS/USDT,KAS,USDT,Buy,0.025,1000,25,-1,KAS")


def test_bitget_orders_with_their_executions(read: Read) -> None:
    """The executions are the fills, with the order's id; an order without such rows stands for itself."""
    fills = read(
        BITGET_ORDERS,
        "2025-01-05 10:00:00,Limit,\t700001,AAA/USDT,AAA,USDT,Buy,7.6,10,10,7.54,75.4,fully executed",
        BITGET_EXECUTIONS,
        "2025-01-05 10:00:01,7.5,6,45,0.045 USDT",
        "2025-01-05 10:00:02,7.6,4,30.4,0.004 AAA",
        "2025-01-05 11:00:00,Limit,700002,BBB/USDT,BBB,USDT,Sell,0.1,100,0,0,0,cancelled",
        "2025-01-05 12:00:00,Market,700003,BBB/USDT,BBB,USDT,Sell,0,100,100,0.1,10,fully executed",
    )
    assert [(*facts(f), f.order_id) for f in fills] == [
        ("2025-01-05T10:00:01", "AAA/USDT", "buy", "6", "7.5", "0.045 USDT", "700001"),
        ("2025-01-05T10:00:02", "AAA/USDT", "buy", "4", "7.6", "0.004 AAA", "700001"),
        ("2025-01-05T12:00:00", "BBB/USDT", "sell", "100", "0.1", "700003"),
    ]
    assert [f.trade_id[:6] for f in fills] == ["row-17", "row-17", "order-"]


def test_executions_that_do_not_add_up_to_their_order_are_refused(read: Read) -> None:
    """A file that was cut within an order."""
    order = "2025-01-05 10:00:00,Limit,700001,AAA/USDT,AAA,USDT,Buy,7.6,10,10,7.54,75.4,fully executed"
    with pytest.raises(DataError, match=r"^line 2, column Executed: the rows below come to 6 of 10"):
        read(BITGET_ORDERS, order, BITGET_EXECUTIONS, "2025-01-05 10:00:01,7.5,6,45,0.045 USDT")
    with pytest.raises(DataError, match=r"^line 3: a row of an execution, and no order"):
        read(BITGET_ORDERS, BITGET_EXECUTIONS, "2025-01-05 10:00:01,7.5,6,45,0.045 USDT")
    with pytest.raises(DataError, match=r"^line 4, column Trading Price: it is not a number"):
        read(BITGET_ORDERS, order, BITGET_EXECUTIONS, "2025-01-05 10:00:01,x,10,75.4,0.045 USDT")


@pytest.mark.parametrize("header", [BINANCE, BINANCE_MARKET, BITGET, SAXO])
def test_a_half_written_last_line_is_refused_in_every_format(read: Read, header: str) -> None:
    """A row that lacks its last cells could lack its fee."""
    cells = ["x"] * (header.count(",") + 1)
    with pytest.raises(DataError, match=r"^line 2: the row has not as many columns as the header"):
        read(header, ",".join(cells[:-1]))


def test_a_zone_does_not_make_a_cut_row_whole(read: Read) -> None:
    """Nor in a file of our own."""
    with pytest.raises(DataError, match=r"^line 2: the row has not as many columns as the header"):
        read("executed_at,symbol,side,quantity,price,trade_id", "2026-01-01,BTC/EUR,buy,1,2", zone="Asia/Tokyo")


# --- Saxo ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            "05-Jan-2024 14:30:00,Bought,10,125.00,AAPL:xnas,USD",
            ("2024-01-05T14:30:00", "AAPL:XNAS/USD", "buy", "10", "125.00"),
        ),
        (
            '05-01-2024,Sold,-10,"1,125.50",AAPL:xnas,USD',
            ("2024-01-05T00:00:00", "AAPL:XNAS/USD", "sell", "10", "1125.50"),
        ),
        ("2024-01-04T09:00:00,S,1000,1.09,EURUSD,USD", ("2024-01-04T09:00:00", "EUR/USD", "sell", "1000", "1.09")),
        ("2024-01-04,B,3,455.5,VOD:xlon,GBp", ("2024-01-04T00:00:00", "VOD:XLON/GBX", "buy", "3", "455.5")),
    ],
    ids=["share", "signed", "currencies", "pence"],
)
def test_saxo_trades(read: Read, cells: str, expected: tuple[str, ...]) -> None:
    """A share is its name at its exchange against the currency of its price; Saxo's trade ids are the fills' ids."""
    at, side, amount, rest = cells.split(",", 3)
    (fill,) = read(SAXO, f"1890580164,hidden,Apple Inc.,{at},{side},{amount},{rest},77")
    assert facts(fill) == expected
    assert (fill.trade_id, fill.order_id) == ("1890580164", "77")


def test_saxo_with_semicolons_has_decimal_commas(read: Read) -> None:
    """And a number that could be read two ways is refused."""
    header = SAXO.replace(",", ";")
    (fill,) = read(header, "1;h;GE;10-12-2020;Bought;50;1.011,09;GE:xnys;USD;77")
    assert facts(fill) == ("2020-12-10T00:00:00", "GE:XNYS/USD", "buy", "50", "1011.09")
    with pytest.raises(DataError, match=r"^line 2, column Amount: it is not a number that reads one way only: '1.234'"):
        read(header, "1;h;GE;10-12-2020;Bought;1.234;11,09;GE:xnys;USD;77")
    with pytest.raises(DataError, match=r"^line 2, column Price: it is not a number that reads one way only: '11,09'"):
        read(SAXO, '1,h,GE,10-12-2020,Bought,50,"11,09",GE:xnys,USD,77')


def test_saxo_trades_by_the_names_of_newer_files(read: Read) -> None:
    """A sale is negative, and there is no id of an order."""
    header = "Trade execution date,Trade Event Type,Traded Quantity,Price,Instrument Symbol,Instrument,"
    bought, sold = read(
        header + "Instrument currency,Trade ID",
        "2026-01-15,Bought,10,150.25,AMZN:xnas,Amazon.com Inc.,USD,T1",
        "2026-02-20,Sold,-4,160,AMZN:xnas,Amazon.com Inc.,USD,T2",
    )
    assert (bought.quantity, bought.side, sold.quantity, sold.side) == (10, "buy", 4, "sell")
    with pytest.raises(DataError, match=r"^line 2, column Traded Quantity: it is below zero and the row is a purchase"):
        read(header + "Instrument currency", "2026-02-20,Bought,-4,160,AMZN:xnas,Amazon.com Inc.,USD")


def test_saxo_trades_without_a_currency_are_refused(read: Read) -> None:
    """The plain sheet says neither symbol nor currency: 11.09 of what?"""
    header = (
        "Trade ID;Account ID;Instrument;TradeTime;B/S;Open/Close;Amount;Price;Trade Value;Spread Costs;Booked Amount"
    )
    row = (
        "1890580164;hidden;General Electric Co. (ISIN: US3696043013);10-12-2020;Bought;Open;50;11,09;-554,5;0;-3443,48"
    )
    with pytest.raises(DataError, match=r"^line 1: the column Instrument Symbol is missing") as caught:
        read(header, row)
    assert "which currency" in (caught.value.hint or "")
    (fill,) = read(f"{header};Code;Coin", f"{row};GE;USD", format="saxo", symbol="Code", quote="Coin")
    assert facts(fill) == ("2020-12-10T00:00:00", "GE/USD", "buy", "50", "11.09")


# --- any other file ------------------------------------------------------------------------------------------------

OTHER = "Trade date,Coin,Currency,Action,Units,Price,Value,Paid"


def test_a_mapping_names_the_columns(read: Read) -> None:
    """Base and quote for the symbol; what is not mapped is looked for by our name."""
    columns = {"executed_at": "Trade date", "base": "Coin", "quote": "Currency", "side": "Action", "quantity": "Units"}
    row = "2026/01/31 10:00:00,BTC,EUR,Bought,0.5,50000,25000,12.5 EUR"
    (fill,) = read(OTHER, row, price="Price", fee="Paid", **columns)
    assert facts(fill) == ("2026-01-31T10:00:00", "BTC/EUR", "buy", "0.5", "50000", "12.5 EUR")
    (same,) = read(OTHER, row, total="Value", **columns)
    assert facts(same)[3:] == ("0.5", "5E+4") or same.price == 50000
    (ours,) = read("Trade date,symbol,side,quantity,price", "2026-01-31,BTC/EUR,buy,1,2", executed_at="Trade date")
    assert facts(ours)[1:] == ("BTC/EUR", "buy", "1", "2")


def test_a_total_gives_a_price_only_exactly(read: Read) -> None:
    """100 for 3 has no end: named by line and column."""
    columns = {"executed_at": "Trade date", "base": "Coin", "quote": "Currency", "side": "Action", "quantity": "Units"}
    with pytest.raises(DataError, match=r"^line 2, column Value: 100 divided by 3 is no price"):
        read(OTHER, "2026-01-31,BTC,EUR,Buy,3,,100,", total="Value", **columns)
    (fill,) = read(OTHER, "2026-01-31,BTC,EUR,Buy,3,,0,", total="Value", **columns)
    assert fill.price == 0
    with pytest.raises(DataError, match=r"^line 2, column Units: it is not above zero"):
        read(OTHER, "2026-01-31,BTC,EUR,Buy,0,,100,", total="Value", **columns)


@pytest.mark.parametrize(
    "items",
    [["colour=Price"], ["price"], ["price="], ["price=A", "price=B"], ["symbol=A", "base=B"], ["total=A", "price=B"]],
)
def test_a_mapping_of_no_field_is_a_wrong_word(items: list[str]) -> None:
    """Exit 2, with the fields there are."""
    with pytest.raises(UsageError, match="--map"):
        parse_mapping(items)
    assert parse_mapping(["price=Price", " executed_at = Trade date "]) == {
        "price": "Price",
        "executed_at": "Trade date",
    }


def test_a_mapped_column_that_is_not_there_is_named(read: Read) -> None:
    """With the header that is."""
    with pytest.raises(DataError, match=r"^line 1: the column Preis is missing") as caught:
        read("executed_at,symbol,side,quantity,Price", "2026-01-31,BTC/EUR,buy,1,2", price="Preis")
    assert "Price" in (caught.value.hint or "")
    with pytest.raises(DataError, match=r"^line 1: the column side is missing"):
        read("executed_at,symbol,quantity,Price", "2026-01-31,BTC/EUR,1,2", price="Price")
    with pytest.raises(DataError, match=r"^line 1: the column Price is there twice"):
        read("executed_at,symbol,side,quantity,Price,Price", "2026-01-31,BTC/EUR,buy,1,2,3", price="Price")


@pytest.mark.parametrize("word", ["long", "short", "open", "cover", "1", "deposit"])
def test_words_that_could_mean_either_side_are_refused(read: Read, word: str) -> None:
    """Long is bought to open and sold to close."""
    with pytest.raises(DataError, match=r"^line 2, column Way: .* is neither buy nor sell"):
        read("executed_at,symbol,Way,quantity,price", f"2026-01-31,BTC/EUR,{word},1,2", side="Way")


@pytest.mark.parametrize("text", ["05-01-2026", "25-10-11 01:01:13", "01/05/2026", "1777629600000", "5 Mai 2026"])
def test_dates_that_could_be_several_days_are_refused(read: Read, text: str) -> None:
    """Nobody knows whether the day or the month stands first."""
    with pytest.raises(DataError, match=r"^line 2, column When: "):
        read("When,symbol,side,quantity,price", f"{text},BTC/EUR,buy,1,2", executed_at="When")


# --- zones ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "at"),
    [
        ("2026-07-01 12:00:00", "Europe/Copenhagen", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-01-01 12:00:00", "Europe/Copenhagen", datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ("2026-01-01 12:00:00", None, datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01 12:00:00", "UTC-6", datetime(2026, 1, 1, 18, tzinfo=UTC)),
        ("2026-01-01 12:00:00", "+05:30", datetime(2026, 1, 1, 6, 30, tzinfo=UTC)),
        ("2026-01-01T12:00:00Z", "Asia/Tokyo", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-10-25T02:30:00+02:00", "Europe/Copenhagen", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_in_the_one_that_was_given(
    read: Read, text: str, zone: str | None, at: datetime
) -> None:
    """Also in a file of our own columns; a time that names its zone keeps it."""
    header = "executed_at,symbol,side,quantity,price"
    assert read(header, f"{text},BTC/EUR,buy,1,2", zone=zone)[0].executed_at == at


@pytest.mark.parametrize(("text", "often"), [("2026-10-25 02:30:00", "twice"), ("2026-03-29 02:30:00", "never")])
def test_an_hour_that_the_clocks_show_twice_or_never_is_refused(read: Read, text: str, often: str) -> None:
    """With the line, and how to write it."""
    with pytest.raises(
        DataError, match=rf"^line 2, column executed_at: .* happens {often} in Europe/Copenhagen"
    ) as caught:
        read("executed_at,symbol,side,quantity,price", f"{text},BTC/EUR,buy,1,2", zone="Europe/Copenhagen")
    assert "+02:00" in (caught.value.hint or "")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "+99:00", "utc+x"])
def test_a_zone_that_is_none_is_a_wrong_word(read: Read, zone: str) -> None:
    """Exit 2."""
    with pytest.raises(UsageError, match="there is no time zone"):
        read("executed_at,symbol,side,quantity,price", "2026-01-01,BTC/EUR,buy,1,2", zone=zone)


# --- which format --------------------------------------------------------------------------------------------------


def test_a_format_that_was_named_is_the_only_one_looked_for(read: Read) -> None:
    """An unknown one is a wrong word; one that the header is not says what it lacks."""
    row = "2024-01-05 10:11:12,BTCUSDT,BUY,1,1BTC,1USDT,0BNB"
    assert len(read(BINANCE, row, format="binance")) == 1
    with pytest.raises(UsageError, match="there is no format 'kraken'"):
        read(BINANCE, row, format="kraken")
    with pytest.raises(DataError, match=r"^line 1: the column .* is missing"):
        read(BINANCE, row, format="bitget")


def test_the_raw_row_is_kept_as_the_file_had_it(read: Read) -> None:
    """With the file's own names and cells."""
    (fill,) = read(BINANCE + ",100% sure", '2024-01-05 10:11:12,BTCUSDT,BUY,1,1BTC,1USDT,0BNB,"a ""quote"" é"')
    raw = json.loads(fill.raw)
    assert (raw["Executed"], raw["Pair"], raw["100% sure"]) == ("1BTC", "BTCUSDT", 'a "quote" é')


@pytest.mark.parametrize("header", [BINANCE, BINANCE_ORDERS, BITGET, BITGET_ORDERS, SAXO])
def test_an_account_with_an_api_takes_only_files_with_ids_of_its_own(tmp_path: Path, header: str) -> None:
    """Orders are no executions, and Saxo's ids are not Binance's."""
    file = tmp_path / "x.csv"
    file.write_text(f"{header}\n{header}\n")
    with pytest.raises(DataError, match=r"^line 1: ") as caught:
        read_csv(file, ids_needed=True, how=ReadAs(exchange="binance"))
    assert "manual broker" in (caught.value.hint or "")


def test_a_share_is_brought_in_again_under_the_same_symbol(read: Read) -> None:
    """Our export writes AAPL:XNAS/USD, and our import reads it; a contract's symbol stays refused."""
    header = "executed_at,symbol,side,quantity,price"
    (fill,) = read(header, "2026-01-01,AAPL:XNAS/USD,buy,1,2")
    assert (fill.symbol, fill.base, fill.quote) == ("AAPL:XNAS/USD", "AAPL:XNAS", "USD")
    with pytest.raises(DataError, match="is no symbol"):
        read(header, "2026-01-01,BTC/USDT:USDT,buy,1,2")


def test_money_is_exact_from_cell_to_fill(read: Read) -> None:
    """To the last of thirty decimals, also behind a coin."""
    tiny = "0.000000000000000000000000000001"
    (fill,) = read(BINANCE, f"2024-01-05 10:11:12,BTCUSDT,BUY,{tiny},{tiny}BTC,1USDT,{tiny}BNB")
    assert (fill.quantity, fill.price, fill.fees[0].amount) == (Decimal(tiny),) * 3
