"""Taking fills in from a CSV file: all rows or none, identity by id, errors by line and column."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from trademon.core.model import Broker, Fee, Fill, Market, Side
from trademon.core.money import parse_decimal
from trademon.core.reports import ImportReport
from trademon.core.symbols import compact, make_symbol
from trademon.core.times import parse_time
from trademon.errors import DataError, TrademonError
from trademon.store.store import UserStore

T = TypeVar("T")
REQUIRED = ("executed_at", "symbol", "side", "quantity", "price")
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
    fills = read_csv(path, store.markets(broker))
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


def read_csv(path: Path, markets: Iterable[Market] = ()) -> list[Fill]:
    """Every row of the file as a Fill. Columns may stand in any order; others than ours are passed over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_read_rows(csv.DictReader(file, strict=True), {compact(m.symbol): m for m in markets}))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a text file in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}") from None


def _read_rows(reader: csv.DictReader[str], markets: dict[str, Market]) -> Iterator[Fill]:
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    absent = [name for name in REQUIRED if name not in names]
    if absent:
        raise DataError(
            f"line 1: the column {absent[0]} is missing", hint=f"the header is {','.join(REQUIRED + OPTIONAL)}"
        )
    seen: Counter[str] = Counter()
    for row in reader:
        if None in row or any(value is None for value in row.values()):
            raise DataError(
                f"line {reader.line_num}: the row has not as many columns as the header; is the file whole?"
            )
        yield _Row(row, reader.line_num, markets, seen).fill()


class _Row:
    """One line of the file; every fault names the line, the column and the reason."""

    def __init__(self, row: dict[str, str], line: int, markets: dict[str, Market], seen: Counter[str]) -> None:
        self._row = row
        self._line = line
        self._markets = markets
        self._seen = seen

    def fill(self) -> Fill:
        market = self._column("symbol", self._market)
        side = self._column("side", self._side)
        quantity = self._column("quantity", lambda text: parse_decimal(text, what="it"))
        price = self._column("price", lambda text: parse_decimal(text, what="it"))
        executed_at = self._column("executed_at", lambda text: parse_time(text, what="it"))
        fees = self._fees()
        try:
            return Fill(
                trade_id=self._cell("trade_id") or self._own_id(),
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
        except DataError as error:
            column = "quantity" if quantity <= 0 else "price"
            raise DataError(f"line {self._line}, column {column}: {error.message}") from None

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
        if not base or not quote or not (base + quote).isprintable() or len(name) > 40:
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
        return (Fee(amount, currency),) if currency else ()

    def _own_id(self) -> str:
        """An id for a row without one: its content and how often that stood above it.

        So rows that look alike are kept apart, and the same file again brings nothing new.
        """
        content = "|".join(self._cell(name) for name in (*REQUIRED, *OPTIONAL))
        self._seen[content] += 1
        digest = hashlib.sha256(f"{content}|{self._seen[content]}".encode()).hexdigest()
        return f"row-{digest[:24]}"
