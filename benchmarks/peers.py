"""What other programs take from the same trade history to realised profit and loss.

    python benchmarks/peers.py history.csv [--python PYTHON]... [--limit-s 600] [--only NAME]...
    python benchmarks/peers.py history.csv --made 100000

--made writes a history of that many rows first. --python names an interpreter to look for peers in, and may be given
more than once: a peer runs in the first one that has it, so peers with clashing needs can live in environments of
their own. A peer that none of them has is named with the line that would install it.

A history has the columns of `Row`, in time order, every symbol quoted in USDT with the fee in USDT too, quantities of
5 decimals, prices of 2, and sells no more than is held: what `write_history` writes.

A peer runs as one process of its own, imports included, and what counts is that process's user and system time. A peer
that reads files of its own kind (beancount, rp2, BittyTax) gets the history already converted, the conversion is not
counted; a library gets its objects from the CSV, which is. Peak memory is the process's too.

`run_peers` does the same for another script. Each total is compared with `reference`: a plain loop over exact
fractions, which books gross profit, and net profit with a lot's fee in its cost, first in first out; and at average
cost, with 60 digits, since fractions would grow without end there.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

START = datetime(2026, 1, 1, tzinfo=UTC)
QUOTE = "USDT"
BASES = (
    *("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "BCH", "LINK", "AVAX"),
    *("UNI", "ATOM", "XLM", "ETC", "NEAR", "APT", "ARB", "FIL", "INJ", "TRX"),
)
FEE = Decimal("0.001")

# Starts a command, and prints what it took: small itself, as a child's peak memory is never less than its parent's.
METER = """
import json, resource, subprocess, sys
with open(sys.argv[2], "wb") as out:
    try:
        code = subprocess.call(sys.argv[3:], stdout=out, stderr=out, timeout=float(sys.argv[1]))
    except subprocess.TimeoutExpired:
        code = None
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
PROBE = """
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Row(NamedTuple):
    """One execution, every column as its text."""

    executed_at: str
    symbol: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_currency: str
    order_id: str
    trade_id: str

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.executed_at)


# --- the history


def digits(units: int, places: int) -> str:
    whole, part = divmod(units, 10**places)
    return f"{whole}.{part:0{places}d}"


def made_history(n: int, symbols: int = 20, seed: int = 1) -> Iterator[Row]:
    """Buys and sells about in turn, never more sold than held; sells seldom fit a lot, so lots get split."""
    chance = random.Random(seed)
    bases = [*BASES[:symbols], *(f"C{m:03d}" for m in range(len(BASES), symbols))]
    prices = [chance.randrange(1_000, 5_000_000) for _ in bases]
    held = [0] * len(bases)
    bought = [False] * len(bases)
    for number in range(n):
        m = chance.randrange(len(bases))
        prices[m] = max(100, prices[m] + chance.randint(-prices[m] // 500, prices[m] // 500))
        buy = held[m] == 0 or (chance.random() < 0.8) is not bought[m]
        quantity = chance.randint(1, 200_000)
        if not buy:
            quantity = min(quantity, held[m])
        held[m] += quantity if buy else -quantity
        bought[m] = buy
        yield Row(
            executed_at=f"{START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}",
            symbol=f"{bases[m]}/{QUOTE}",
            side="buy" if buy else "sell",
            quantity=digits(quantity, 5),
            price=digits(prices[m], 2),
            fee=digits(max(1, quantity * prices[m] // 100), 8),  # FEE of the value, cut to 8 places
            fee_currency=QUOTE,
            order_id=str(number + 1),
            trade_id=str(number + 1),
        )


def write_history(path: Path, n: int, symbols: int = 20, seed: int = 1) -> None:
    write_rows(path, made_history(n, symbols, seed))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)


def read_history(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        if tuple(next(lines)) != Row._fields:
            raise SystemExit(f"{path}: the first line has to be {','.join(Row._fields)}")
        yield from map(Row._make, lines)


# --- the reference


@dataclass(frozen=True)
class Realised:
    """A symbol's realised profit, by each way of booking it that a peer has."""

    gross: Fraction  # first in first out, without fees
    net: Fraction  # first in first out, a lot's share of its fee in its cost, a sell's fee off its proceeds
    net_of_buys: Fraction  # as net, without the sells' fees
    average: Fraction  # average cost, all fees paid so far taken off
    average_in_cost: Fraction  # average cost with the fees in it, a sell's fee off its proceeds
    most_lots: int  # open at one time


@dataclass
class _Book:
    lots: deque[list[Fraction]] = field(default_factory=deque)  # what is left of it, its size, its price, its fee
    gross: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    sell_fees: Fraction = Fraction(0)
    most_lots: int = 0
    held: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    cost_fees: Decimal = Decimal(0)
    average: Decimal = Decimal(0)
    average_in_cost: Decimal = Decimal(0)

    def apply(self, row: Row) -> None:
        self.first_in_first_out(row)
        self.at_average(row.side == "buy", Decimal(row.quantity), Decimal(row.price), Decimal(row.fee))

    def first_in_first_out(self, row: Row) -> None:
        left, price, fee = Fraction(row.quantity), Fraction(row.price), Fraction(row.fee)
        self.fees += fee
        if row.side == "buy":
            self.lots.append([left, left, price, fee])
            self.most_lots = max(self.most_lots, len(self.lots))
            return
        self.sell_fees += fee
        while left:
            lot = self.lots[0]
            taken = min(left, lot[0])
            self.gross += taken * (price - lot[2])
            left -= taken
            lot[0] -= taken
            if not lot[0]:
                self.lots.popleft()

    def at_average(self, buy: bool, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        self.average -= fee
        if buy:
            self.held += quantity
            self.cost += quantity * price
            self.cost_fees += fee
            return
        share = quantity / self.held
        cost, fees = self.cost * share, self.cost_fees * share
        self.average += quantity * price - cost
        self.average_in_cost += quantity * price - fee - cost - fees
        self.held, self.cost, self.cost_fees = self.held - quantity, self.cost - cost, self.cost_fees - fees

    @property
    def realised(self) -> Realised:
        net = self.gross - self.fees + sum((left / size * fee for left, size, _, fee in self.lots), Fraction(0))
        return Realised(
            gross=self.gross,
            net=net,
            net_of_buys=net + self.sell_fees,
            average=Fraction(self.average),
            average_in_cost=Fraction(self.average_in_cost),
            most_lots=self.most_lots,
        )


def reference(rows: Iterable[Row]) -> dict[str, Realised]:
    """What is realised per symbol, slowly and exactly."""
    books: dict[str, _Book] = {}
    with localcontext() as context:
        context.prec = 60
        for row in rows:
            book = books.get(row.symbol)
            if book is None:
                book = books[row.symbol] = _Book()
            book.apply(row)
    return {symbol: book.realised for symbol, book in sorted(books.items())}


# --- the peers: the first function of each converts, uncounted; the other is the measured process


def run_reference(history: Path) -> dict[str, str]:
    found = reference(read_history(history))
    return {symbol: str(Decimal(r.gross.numerator) / r.gross.denominator) for symbol, r in found.items()}


def beancount_ledger(history: Path, directory: Path) -> Path:
    """An account per symbol, booked FIFO; the profit's posting is left to be worked out."""
    target = directory / "history.beancount"
    opened: set[str] = set()
    with target.open("w", encoding="utf-8") as file:
        file.write(f"2000-01-01 open Assets:Cash {QUOTE}\n2000-01-01 open Expenses:Fees {QUOTE}\n")
        for row in read_history(history):
            day, base, value = row.executed_at[:10], row.base, Decimal(row.quantity) * Decimal(row.price)
            if base not in opened:
                opened.add(base)
                file.write(f'2000-01-01 open Assets:Held:{base} {base} "FIFO"\n')
                file.write(f"2000-01-01 open Income:Realised:{base} {QUOTE}\n")
            file.write(f'{day} * "{row.side}"\n')
            if row.side == "buy":
                file.write(f"  Assets:Held:{base} {row.quantity} {base} {{{row.price} {QUOTE}}}\n")
                file.write(f"  Assets:Cash {-value - Decimal(row.fee):.8f} {QUOTE}\n")
            else:
                file.write(f"  Assets:Held:{base} -{row.quantity} {base} {{}} @ {row.price} {QUOTE}\n")
                file.write(f"  Assets:Cash {value - Decimal(row.fee):.8f} {QUOTE}\n")
                file.write(f"  Income:Realised:{base}\n")
            file.write(f"  Expenses:Fees {row.fee} {QUOTE}\n")
    return target


def run_beancount(ledger: Path) -> dict[str, str]:
    os.environ["BEANCOUNT_DISABLE_LOAD_CACHE"] = "1"
    from beancount import loader
    from beancount.core.data import Transaction

    entries, errors, _ = loader.load_file(str(ledger))
    if errors:
        raise SystemExit(f"{len(errors)} errors, the first: {errors[0].message}")
    totals: dict[str, Decimal] = {}
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else ():
            if posting.account.startswith("Income:Realised:"):
                symbol = f"{posting.account.rpartition(':')[2]}/{QUOTE}"
                totals[symbol] = totals.get(symbol, Decimal(0)) - posting.units.number
    return {symbol: str(total) for symbol, total in totals.items()}


def run_coinbasis(history: Path) -> dict[str, str]:
    from coinbasis import CostBasisMethod, Portfolio
    from coinbasis.transaction import Buy, Sell

    transactions = [
        (Buy if row.side == "buy" else Sell)(
            timestamp=row.at,
            wallet="w",
            asset=row.base,
            quantity=Decimal(row.quantity),
            unit_price=Decimal(row.price),
            fee=Decimal(row.fee),
        )
        for row in read_history(history)
    ]
    totals: dict[str, Decimal] = {}
    for gain in Portfolio.from_transactions(transactions).realized_gains(CostBasisMethod.FIFO):
        symbol = f"{gain.asset}/{QUOTE}"
        totals[symbol] = totals.get(symbol, Decimal(0)) + gain.gain
    return {symbol: str(total) for symbol, total in totals.items()}


RP2_IN = ("timestamp", "asset", "exchange", "holder", "transaction_type", "spot_price", "crypto_in", "fiat_fee")
RP2_OUT = (*RP2_IN[:6], "crypto_out_no_fee", "crypto_fee")
RP2_INTRA = (
    *("timestamp", "asset", "from_exchange", "from_holder", "to_exchange", "to_holder"),
    *("spot_price", "crypto_sent", "crypto_received"),
)
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODS_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "manifest")
)
ODS_CONTENT, ODS_VERSION = "office:document-content", 'office:version="1.2"'


def ods_row(cells: Sequence[str | Decimal], width: int) -> str:
    out = ["<table:table-row>"]
    for cell in (*cells, *[None] * (width - len(cells))):
        if cell is None:
            out.append("<table:table-cell/>")
        elif isinstance(cell, Decimal):
            out.append(f'<table:table-cell office:value-type="float" office:value="{cell}"><text:p>{cell}</text:p>')
            out.append("</table:table-cell>")
        else:
            out.append(f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>')
    return "".join((*out, "</table:table-row>"))


def ods_sheet(name: str, rows: Iterable[Row]) -> str:
    """A sheet as rp2 wants it: a table of what came in, then one of what went out, each with its header.

    A sell's fee is left out: rp2 would only warn of one that is not paid in what is sold, and not take it off.
    """
    bought, sold = [], []
    for row in rows:
        start = (row.executed_at, row.base, "here", "me", row.side, Decimal(row.price), Decimal(row.quantity))
        if row.side == "buy":
            bought.append((*start, Decimal(row.fee)))
        else:
            sold.append((*start, Decimal(0)))
    lines: list[Sequence[str | Decimal]] = [("IN",), RP2_IN, *bought, ("TABLE END",)]
    if sold:
        lines += [(), ("OUT",), RP2_OUT, *sold, ("TABLE END",)]
    width = len(RP2_OUT)
    body = "".join(ods_row(line, width) for line in lines)
    columns = f'<table:table-column table:number-columns-repeated="{width}"/>'
    return f'<table:table table:name="{name}">{columns}{body}</table:table>'


def rp2_sheets(history: Path, directory: Path) -> Path:
    by_base: dict[str, list[Row]] = {}
    for row in read_history(history):
        by_base.setdefault(row.base, []).append(row)
    target = directory / "history.ods"
    sheets = "".join(ods_sheet(base, rows) for base, rows in by_base.items())
    body = f"<office:body><office:spreadsheet>{sheets}</office:spreadsheet></office:body>"
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{kind}"/>'
        for path, kind in (("/", ODS), ("content.xml", "text/xml"))
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", ODS, zipfile.ZIP_STORED)
        file.writestr("content.xml", f"<{ODS_CONTENT} {ODS_SPACES} {ODS_VERSION}>{body}</{ODS_CONTENT}>")
        file.writestr("META-INF/manifest.xml", f"<manifest:manifest {ODS_SPACES}>{entries}</manifest:manifest>")
    parts = [f"[general]\nassets = {', '.join(by_base)}\nexchanges = here\nholders = me\n"]
    for table, header in (("in_header", RP2_IN), ("out_header", RP2_OUT), ("intra_header", RP2_INTRA)):
        parts.append(f"[{table}]\n" + "".join(f"{name} = {n}\n" for n, name in enumerate(header)))
    target.with_suffix(".ini").write_text("\n".join(parts), encoding="utf-8")
    return target


def run_rp2(sheets: Path) -> dict[str, str]:
    """Reads the sheets and computes; the reports, spreadsheets too, are left out."""
    from prezzemolo.avl_tree import AVLTree
    from rp2.accounting_engine import AccountingEngine
    from rp2.configuration import MIN_DATE, Configuration
    from rp2.ods_parser import open_ods, parse_ods
    from rp2.plugin.accounting_method.fifo import AccountingMethod
    from rp2.plugin.country.us import US
    from rp2.tax_engine import compute_tax

    configuration = Configuration(str(sheets.with_suffix(".ini")), US())
    methods: Any = AVLTree()
    methods.insert_node(MIN_DATE.year, AccountingMethod())
    engine = AccountingEngine(years_2_methods=methods)
    book = open_ods(configuration, str(sheets))
    totals = {}
    for asset in sorted(configuration.assets):
        computed = compute_tax(configuration, engine, parse_ods(configuration, asset, book))
        gains = [year.fiat_gain_loss for year in computed.yearly_gain_loss_list]
        totals[f"{asset}/{QUOTE}"] = str(sum(map(Decimal, gains), Decimal(0)))
    return totals


def run_nautilus(history: Path) -> dict[str, str]:
    from nautilus_trader.core.uuid import UUID4
    from nautilus_trader.model import identifiers as ids
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.enums import CurrencyType, LiquiditySide, OrderSide, OrderType
    from nautilus_trader.model.events import OrderFilled
    from nautilus_trader.model.instruments import CurrencyPair
    from nautilus_trader.model.objects import Currency, Money, Price, Quantity
    from nautilus_trader.model.position import Position

    trader, strategy, account, event = ids.TraderId("T-1"), ids.StrategyId("S-1"), ids.AccountId("V-1"), UUID4()
    instruments: dict[str, CurrencyPair] = {}
    positions: dict[str, Position] = {}
    closed: dict[str, Decimal] = {}
    for row in read_history(history):
        instrument = instruments.get(row.symbol)
        if instrument is None:
            symbol = ids.Symbol(row.symbol)
            instrument = instruments[row.symbol] = CurrencyPair(
                instrument_id=ids.InstrumentId(symbol, ids.Venue("V")),
                raw_symbol=symbol,
                base_currency=Currency(row.base, 8, 0, row.base, CurrencyType.CRYPTO),
                quote_currency=USDT,
                price_precision=2,
                size_precision=5,
                price_increment=Price.from_str("0.01"),
                size_increment=Quantity.from_str("0.00001"),
                ts_event=0,
                ts_init=0,
            )
        at = int(row.at.timestamp()) * 1_000_000_000
        fill = OrderFilled(
            trader_id=trader,
            strategy_id=strategy,
            instrument_id=instrument.id,
            client_order_id=ids.ClientOrderId(row.order_id),
            venue_order_id=ids.VenueOrderId(row.order_id),
            account_id=account,
            trade_id=ids.TradeId(row.trade_id),
            position_id=ids.PositionId(row.symbol),
            order_side=OrderSide.BUY if row.side == "buy" else OrderSide.SELL,
            order_type=OrderType.MARKET,
            last_qty=Quantity.from_str(row.quantity),
            last_px=Price.from_str(row.price),
            currency=USDT,
            commission=Money(row.fee, USDT),
            liquidity_side=LiquiditySide.TAKER,
            event_id=event,
            ts_event=at,
            ts_init=at,
        )
        position = positions.get(row.symbol)
        if position is None:
            positions[row.symbol] = Position(instrument=instrument, fill=fill)
            continue
        if position.is_closed:  # the next fill starts its profit over
            closed[row.symbol] = closed.get(row.symbol, Decimal(0)) + position.realized_pnl.as_decimal()
        position.apply(fill)
    return {s: str(closed.get(s, Decimal(0)) + p.realized_pnl.as_decimal()) for s, p in positions.items()}


def run_freqtrade(history: Path) -> dict[str, str]:
    """A trade per symbol until nothing is held, its profit worked out once at its end; live it is so at every fill."""
    from freqtrade.persistence import LocalTrade, Order
    from freqtrade.persistence.usedb_context import disable_database_use

    disable_database_use("1m")
    trades: dict[str, LocalTrade] = {}
    held: dict[str, Decimal] = {}
    totals: dict[str, float] = {}

    def end(symbol: str) -> None:
        trade = trades.pop(symbol)
        trade.recalc_trade_from_orders()
        totals[symbol] = totals.get(symbol, 0.0) + trade.realized_profit

    for row in read_history(history):
        quantity, price, at = float(row.quantity), float(row.price), row.at
        trade = trades.get(row.symbol)
        if trade is None:
            trade = trades[row.symbol] = LocalTrade(
                pair=row.symbol,
                stake_amount=quantity * price,
                amount=quantity,
                open_rate=price,
                open_date=at,
                fee_open=float(FEE),
                fee_close=float(FEE),
                exchange="binance",
                leverage=1.0,
            )
        order = Order(
            ft_order_side=row.side,
            ft_pair=row.symbol,
            ft_is_open=False,
            ft_amount=quantity,
            ft_price=price,
            order_id=row.order_id,
            status="closed",
            symbol=row.symbol,
            order_type="market",
            side=row.side,
            price=price,
            average=price,
            amount=quantity,
            filled=quantity,
            remaining=0.0,
            cost=quantity * price,
            order_date=at,
            order_filled_date=at,
        )
        trade.orders.append(order)
        left = held.get(row.symbol, Decimal(0)) + (1 if row.side == "buy" else -1) * Decimal(row.quantity)
        held[row.symbol] = left
        if not left:
            end(row.symbol)
    for symbol in list(trades):
        end(symbol)
    return {symbol: repr(total) for symbol, total in totals.items()}


def bittytax_records(history: Path, directory: Path) -> Path:
    """The quote currency is called GBP, so that no price has to be looked up."""
    target = directory / "history.csv"
    sides = ("Quantity", "Asset", "Value in GBP")
    header = ("Type", *(f"{what} {side}" for what in ("Buy", "Sell", "Fee") for side in sides), "Wallet", "Timestamp")
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*header, "Note"))
        for row in read_history(history):
            got = (row.quantity, row.base, "")
            paid = (str(Decimal(row.quantity) * Decimal(row.price)), "GBP", "")
            legs = (*got, *paid) if row.side == "buy" else (*paid, *got)
            writer.writerow(("Trade", *legs, row.fee, "GBP", "", "w", f"{row.at:%Y-%m-%d %H:%M:%S} UTC", ""))
    return target


def run_bittytax(records: Path) -> dict[str, str]:
    """Imports, matches and pools; the reports are left out, and so is the look-up of prices."""
    from bittytax.bt_types import DisposalType, FixedValue, TaxRules
    from bittytax.import_records import ImportRecords
    from bittytax.tax import TaxCalculator
    from bittytax.tax_event import TaxEventCapitalGains
    from bittytax.transactions import TransactionHistory

    class Values:
        def get_value(self, asset: str, _at: datetime, quantity: Decimal) -> tuple[Decimal, FixedValue]:
            if asset != "GBP":
                raise SystemExit(f"a price of {asset} is wanted")
            return quantity, FixedValue(True)

    imported = ImportRecords()
    with records.open(newline="", encoding="utf-8") as file:
        imported.import_csv(file, str(records))
    if imported.failure_cnt:
        raise SystemExit(f"{imported.failure_cnt} records were refused")
    calculator = TaxCalculator(
        TransactionHistory(imported.get_records(), Values()).transactions, TaxRules.UK_INDIVIDUAL
    )
    calculator.pool_same_day()
    calculator.match_sell(DisposalType.SAME_DAY)
    calculator.match_buyback(DisposalType.BED_AND_BREAKFAST)
    calculator.process_section104(False)
    totals: dict[str, Decimal] = {}
    for events in calculator.tax_events.values():
        for event in events:
            if isinstance(event, TaxEventCapitalGains):
                symbol = f"{event.asset}/{QUOTE}"
                totals[symbol] = totals.get(symbol, Decimal(0)) + event.gain
    return {symbol: str(total) for symbol, total in totals.items()}


@dataclass(frozen=True)
class Peer:
    """How one peer is found, fed and compared."""

    name: str
    package: str  # what pip installs; empty: this file itself
    method: str
    compared: str  # the field of Realised its totals should equal; empty: none
    run: Callable[[Path], dict[str, str]]
    convert: Callable[[Path, Path], Path] | None = None
    most_rows: int | None = None


PEERS = (
    Peer("reference", "", "FIFO and average, exact fractions", "", run_reference),
    Peer("beancount", "beancount", "FIFO within a day's lots, gross", "gross", run_beancount, beancount_ledger),
    Peer("coinbasis", "coinbasis", "FIFO, fees in cost", "net", run_coinbasis),
    Peer("rp2", "rp2", "FIFO, buy fees in cost, no others", "net_of_buys", run_rp2, rp2_sheets, most_rows=10_000),
    Peer("nautilus", "nautilus_trader", "average, fees when paid, floats", "average", run_nautilus),
    Peer("freqtrade", "freqtrade", "average, fees in cost, floats", "average_in_cost", run_freqtrade),
    Peer("bittytax", "bittytax", "UK: same day, 30 days, pool", "", run_bittytax, bittytax_records),
)


@dataclass(frozen=True)
class PeerRun:
    """What a peer took, or in `note` why there is no such thing."""

    name: str
    method: str
    version: str = ""
    python: str = ""
    cpu_s: float | None = None
    rss_mb: float | None = None
    totals: dict[str, str] = field(default_factory=dict)
    compared: str = ""
    note: str = ""


def installed(pythons: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The interpreter and the version by package; the first interpreter that has it wins."""
    names = [peer.package for peer in PEERS if peer.package]
    found: dict[str, tuple[str, str]] = {}
    for python in pythons:
        done = subprocess.run([python, "-c", PROBE, *names], capture_output=True, text=True, check=True)
        for name, version in json.loads(done.stdout).items():
            found.setdefault(name, (python, version))
    return found


def measured(peer: Peer, python: str, history: Path, limit_s: float) -> dict[str, Any]:
    """The fields of a PeerRun that a run in a directory of its own gives."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = peer.convert(history, directory) if peer.convert is not None else history.resolve()
        result, log = directory / "result.json", directory / "log.txt"
        command = [python, str(Path(__file__).resolve()), "--run", peer.name, str(source), str(result)]
        meter = [sys.executable, "-I", "-c", METER, str(limit_s), str(log), *command]
        environment = {**os.environ, "HOME": name, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(meter, cwd=name, env=environment, capture_output=True, text=True, check=True)
        code, cpu_s, peak = json.loads(done.stdout)
        if code is None:
            return {"note": f"not done after {limit_s:g} s"}
        if code:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return {"note": f"failed: {lines[-1] if lines else code}"}
        megabyte = 1024 * 1024 if sys.platform == "darwin" else 1024
        totals = json.loads(result.read_text(encoding="utf-8"))
        return {"cpu_s": cpu_s, "rss_mb": peak / megabyte, "totals": totals}


def run_peers(
    history: Path,
    pythons: Sequence[str] = (sys.executable,),
    limit_s: float = 600,
    only: Sequence[str] = (),
    told: Callable[[PeerRun], None] = lambda _: None,
) -> list[PeerRun]:
    """Every peer, or those named, one after the other; `told` hears of each as it ends."""
    with history.open("rb") as file:
        rows = sum(1 for _ in file) - 1
    found = installed(pythons)
    runs = []
    for peer in PEERS:
        if only and peer.name not in only:
            continue
        run = PeerRun(peer.name, peer.method, compared=peer.compared)
        python, version = found.get(peer.package, ("", "")) if peer.package else (pythons[0], "-")
        if not python:
            run = replace(run, note=f"not installed: pip install {peer.package}")
        elif peer.most_rows is not None and rows > peer.most_rows:
            run = replace(run, version=version, note=f"left out: at most {peer.most_rows:,} rows")
        else:
            run = replace(run, version=version, python=python, **measured(peer, python, history, limit_s))
        told(run)
        runs.append(run)
    return runs


def largest_difference(run: PeerRun, expected: dict[str, Realised]) -> str:
    """Of any symbol's total to the reference, exact before it is put in three digits."""
    if not run.compared or run.cpu_s is None:
        return "-"
    worst = max(
        abs(Fraction(run.totals.get(symbol, "0")) - getattr(realised, run.compared))
        for symbol, realised in expected.items()
    )
    return f"{Decimal(worst.numerator) / Decimal(worst.denominator):.2E}" if worst else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description="What other programs take from a history to realised profit and loss.")
    parser.add_argument("history", type=Path, help="a CSV file of trades")
    parser.add_argument("result", type=Path, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--python", action="append", help="an interpreter to look for peers in (default: this one)")
    parser.add_argument("--limit-s", type=float, default=600, help="seconds a peer may take (default: 600)")
    parser.add_argument("--only", action="append", default=[], choices=[p.name for p in PEERS], help="only this peer")
    parser.add_argument("--made", type=int, metavar="N", help="write the history first, of N rows")
    options = parser.parse_args()
    if options.run is not None:
        [peer] = [p for p in PEERS if p.name == options.run]
        options.result.write_text(json.dumps(peer.run(options.history)), encoding="utf-8")
        return
    if options.made is not None:
        write_history(options.history, options.made)
    expected = reference(read_history(options.history))
    with options.history.open("rb") as file:
        rows = sum(1 for _ in file) - 1
    most = max(r.most_lots for r in expected.values())
    print(f"{rows:,} rows, {len(expected)} symbols, at most {most} open lots in one")
    print(f"{'peer':<10} {'version':<9} {'method':<34} {'CPU s':>8} {'us/row':>8} {'peak MB':>8}  largest difference")

    def told(run: PeerRun) -> None:
        start = f"{run.name:<10} {run.version:<9} {run.method:<34}"
        if run.cpu_s is None or run.rss_mb is None:
            print(f"{start} {run.note}", flush=True)
            return
        per_row = run.cpu_s / rows * 1e6
        end = largest_difference(run, expected)
        print(f"{start} {run.cpu_s:>8.2f} {per_row:>8,.0f} {run.rss_mb:>8.0f}  {end}", flush=True)

    run_peers(options.history, options.python or [sys.executable], options.limit_s, options.only, told)


if __name__ == "__main__":
    main()
