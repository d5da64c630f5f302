"""Taking fills in from a CSV file: all rows or none, identity by id, errors by line and column."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from trademon.core.model import Broker, Fee, Fill, Market, Side
from trademon.core.money import format_decimal, parse_decimal
from trademon.core.reports import ImportReport
from trademon.core.symbols import compact, make_symbol
from trademon.core.times import parse_time, to_us
from trademon.errors import DataError, TrademonError
from trademon.store.store import UserStore

T = TypeVar("T")
REQUIRED = ("executed_at", "symbol", "side", "quantity", "price")
NO_ID = "-"
CLOCK_MARGIN = timedelta(days=1)
OPTIONAL = ("fee", "fee_currency", "order_id", "trade_id")
_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
# To split a symbol written without a slash, longest first: BTCFDUSD ends in FDUSD before it ends in USD.
_QUOTES = (
    "FDUSD",
    "USDT",
    "USDC",
    "BUSD",
    "TUSD",
    "DAI",
    "USD",
    "EUR",
    "GBP",
    "TRY",
    "BRL",
    "JPY",
    "BTC",
    "ETH",
    "BNB",
)


def import_fills(store: UserStore, broker: Broker, path: Path, *, now: datetime) -> ImportReport:
    """Read `path` and book what is new in it.

    Raises:
        DataError: the file cannot be read or a row is bad; the message names line and column. Nothing is written.
    """
    fills = read_csv(path, store.markets(broker), now=now, ids_needed=broker.exchange != "manual")
    account_id = broker.account_id or store.bind_account(broker, None)
    new = store.books.book_page(
        broker,
        fills,
        account_id=account_id,
        method=store.method_of(broker),
        source="import",
        seen_at=now,
    )
    return ImportReport(broker.name, len(fills), new)


def read_csv(
    path: Path, markets: Iterable[Market] = (), *, now: datetime | None = None, ids_needed: bool = False
) -> list[Fill]:
    """Every row of the file as a Fill, rows without an id given one. Columns may stand in any order.

    `ids_needed`: an account with an API, where a row without the exchange's id would be counted beside the same
    execution from the exchange.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(_read_rows(reader, {compact(m.symbol): m for m in markets}, now, ids_needed))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a text file in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}") from None
    if not rows:
        raise DataError(f"{path} has a header and no row", hint="nothing was imported")
    return _with_ids(rows)


def _with_ids(fills: list[Fill]) -> list[Fill]:
    """Give every fill without an id one: its time, its place among the fills of that time, and what it is.

    So rows that look alike are kept apart, rows of one moment are matched in the order of the file (read backwards
    where the file goes backwards in time), and the same file again brings nothing new, however it is written.
    """
    times = [fill.executed_at for fill in fills]
    newest_first = times[0] > times[-1] and all(a >= b for a, b in pairwise(times))
    seen: Counter[datetime] = Counter()
    named: list[Fill] = []
    for fill in reversed(fills) if newest_first else fills:
        if fill.trade_id != NO_ID:
            named.append(fill)
            continue
        seen[fill.executed_at] += 1
        fees = [f"{format_decimal(fee.amount)} {fee.currency}" for fee in fill.fees if fee.amount]
        what = (fill.symbol, fill.side, format_decimal(fill.quantity), format_decimal(fill.price), *fees)
        digest = hashlib.sha256("|".join(what).encode()).hexdigest()[:16]
        trade_id = f"row-{to_us(fill.executed_at)}-{seen[fill.executed_at]:06d}-{digest}"
        named.append(dataclasses.replace(fill, trade_id=trade_id))
    return named


def _read_rows(
    reader: csv.DictReader[str], markets: dict[str, Market], now: datetime | None, ids_needed: bool
) -> Iterator[Fill]:
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    absent = [name for name in REQUIRED if name not in names]
    if absent:
        raise DataError(
            f"line 1: the column {absent[0]} is missing", hint=f"the header is {','.join(REQUIRED + OPTIONAL)}"
        )
    for row in reader:
        if None in row or any(value is None for value in row.values()):
            raise DataError(
                f"line {reader.line_num}: the row has not as many columns as the header; is the file whole?"
            )
        yield _Row(row, reader.line_num, markets, now, ids_needed).fill()


class _Row:
    """One line of the file; every fault names the line, the column and the reason."""

    def __init__(
        self, row: dict[str, str], line: int, markets: dict[str, Market], now: datetime | None, ids_needed: bool
    ) -> None:
        self._row = row
        self._line = line
        self._markets = markets
        self._now = now
        self._ids_needed = ids_needed

    def fill(self) -> Fill:
        market = self._column("symbol", self._market)
        side = self._column("side", self._side)
        quantity = self._column("quantity", self._quantity)
        price = self._column("price", self._price)
        executed_at = self._column("executed_at", self._time)
        fees = self._fees()
        trade_id = self._cell("trade_id")
        if not trade_id and self._ids_needed:
            raise DataError(
                f"line {self._line}, column trade_id: it is empty",
                hint="an account with an API takes only rows with the exchange's own ids; others into a manual broker",
            )
        return Fill(
            trade_id=trade_id or NO_ID,
            order_id=self._cell("order_id"),
            symbol=market.symbol,
            base=market.base,
            quote=market.quote,
            side=side,
            quantity=quantity,
            price=price,
            fees=fees,
            executed_at=executed_at,
            raw=json.dumps(self._row, ensure_ascii=False),
        )

    def _time(self, text: str) -> datetime:
        at = parse_time(text, what="it")
        if self._now is not None and at > self._now + CLOCK_MARGIN:
            raise DataError(f"it lies in the future: {text[:30]!r}")
        return at

    def _quantity(self, text: str) -> Decimal:
        value = parse_decimal(text, what="it")
        if value <= 0:
            raise DataError(f"it is not above zero: {text[:30]!r}")
        return value

    def _price(self, text: str) -> Decimal:
        value = parse_decimal(text, what="it")
        if value < 0:
            raise DataError(f"it is below zero: {text[:30]!r}")
        return value

    def _cell(self, name: str) -> str:
        text = (self._row.get(name) or "").strip()
        # Our own export makes a cell inert that a spreadsheet would take for a formula.
        return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text

    def _column(self, name: str, parse: Callable[[str], T]) -> T:
        try:
            text = self._cell(name)
            if not text:
                raise DataError("it is empty")
            return parse(text)
        except TrademonError as error:
            raise DataError(f"line {self._line}, column {name}: {error.message}") from None

    def _market(self, text: str) -> Market:
        known = self._markets.get(compact(text))
        if known is not None:
            return known
        name = text.upper()
        base, slash, quote = name.replace("-", "/").partition("/")
        if not slash:
            quote = next((q for q in _QUOTES if name.endswith(q) and name != q), "")
            base = name.removesuffix(quote)
        if not base or not quote or not (base + quote).isprintable() or ":" in name or len(name) > 40:
            raise DataError(f"{text[:20]!r} is no symbol: write BASE/QUOTE, as in BTC/USDT")
        return Market(make_symbol(base, quote), base, quote, base + quote)

    def _side(self, text: str) -> Side:
        if text.lower() not in _SIDES:
            raise DataError(f"{text[:20]!r} is neither buy nor sell")
        return _SIDES[text.lower()]

    def _fees(self) -> tuple[Fee, ...]:
        if not self._cell("fee"):
            return ()
        amount = self._column("fee", lambda text: parse_decimal(text, what="it"))
        currency = self._cell("fee_currency").upper()
        if amount and not currency:
            raise DataError(f"line {self._line}, column fee_currency: it is empty and there is a fee")
        return (Fee(amount, currency),) if currency and amount else ()
