"""Cash lines taken in from a CSV file: all rows or none, errors by line and column."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

from trademon.core.cash_reports import CASH_KINDS, CashImportReport, CashKind, CashLine
from trademon.core.model import Broker, Market
from trademon.core.money import ZERO, format_decimal, parse_decimal
from trademon.core.symbols import compact
from trademon.core.times import parse_time, to_us
from trademon.errors import DataError, TrademonError
from trademon.flows.csv_cells import number_of
from trademon.flows.csv_executions import fitted
from trademon.flows.csv_file import Table, open_table
from trademon.flows.csv_formats import unique
from trademon.flows.csv_rows import CLOCK_MARGIN, MAX_SYMBOL, NEEDS_SWAP, clean, parse_market
from trademon.store.store import UserStore

T = TypeVar("T")
REQUIRED: Final = ("at", "kind", "currency", "amount")
COLUMNS: Final = (*REQUIRED, "symbol", "id")


def import_cash(store: UserStore, broker: Broker, path: Path, *, now: datetime) -> CashImportReport:
    """Read `path` and store what is new in it.

    Raises:
        DataError: the file cannot be read or a row is bad; the message names line and column. Nothing is written.
    """
    markets = (*store.markets(broker), *store.traded_markets(broker))
    lines = read_cash(path, markets, now=now, contracts=broker.market != "spot")
    account_id = broker.account_id or store.bind_account(broker, None)
    new = store.save_cash(account_id, lines, source="import", seen_at=now)
    return CashImportReport(broker.name, len(lines), new)


# --- reading ------------------------------------------------------------------------------------------------------


def read_cash(
    path: Path, markets: Iterable[Market] = (), *, now: datetime | None = None, contracts: bool = False
) -> list[CashLine]:
    """Every row of the file as a line, rows without an id given one. Columns may stand in any order, among others.

    `contracts`: the account may hold them, so that a symbol may be one.
    """
    with open_table(path) as table:
        reader = _Reader(table, markets, now, contracts=contracts)
        lines = [reader.line(number, row) for number, row in table.rows]
    if not lines:
        raise DataError(f"{path} has a header and no row", hint="nothing was imported")
    return _with_ids(lines)


class _Reader:
    """Rows to lines. The cell in hand is known, for the error."""

    def __init__(self, table: Table, markets: Iterable[Market], now: datetime | None, *, contracts: bool) -> None:
        self._names = unique(table.header)
        self._places = _places(self._names)
        self._number = number_of(table.separator)
        self._latest = None if now is None else now + CLOCK_MARGIN
        self._symbols = {compact(market.symbol): market.symbol for market in markets}
        self._contracts = contracts
        self._row: list[str] = []
        self._line = 0

    def line(self, number: int, row: list[str]) -> CashLine:
        """One row. A row without an id has `NO_ID`, until all rows are known.

        Raises:
            DataError: with line, column and reason.
        """
        self._line, self._row = number, fitted(row, len(self._names), number)
        return CashLine(
            at=self._read("at", self._time),
            kind=self._read("kind", _kind),
            currency=self._read("currency", _currency),
            amount=self._read("amount", self._amount),
            symbol=self._read("symbol", self._symbol),
            cash_id=self._read("id", _id),
            line=number,
            raw=json.dumps(dict(zip(self._names, self._row, strict=True)), ensure_ascii=False),
        )

    def _read(self, column: str, parse: Callable[[str], T]) -> T:
        place = self._places.get(column)
        text = "" if place is None else clean(self._row[place])
        try:
            if not text and column in REQUIRED:
                raise DataError("it is empty")
            return parse(text)
        except TrademonError as error:
            raise DataError(f"line {self._line}, column {column}: {error.message}", hint=error.hint) from None

    def _time(self, text: str) -> datetime:
        at = parse_time(text, what="it")
        if self._latest is not None and at > self._latest:
            raise DataError(f"it lies in the future: {text[:30]!r}")
        return at

    def _amount(self, text: str) -> Decimal:
        amount = parse_decimal(self._number(text), what="it")
        if amount == ZERO:
            raise DataError("it is zero", hint="received is above zero, paid below it")
        return amount

    def _symbol(self, text: str) -> str | None:
        """The symbol as the account's fills have it; None for a line of the account itself."""
        if not text:
            return None
        known = self._symbols.get(compact(text))
        if known is not None:
            return known
        market = parse_market(text)
        if market.contract is not None and not self._contracts:
            raise DataError(f"{market.symbol} is no symbol of a spot account but a contract", hint=NEEDS_SWAP)
        return market.symbol


def _places(names: Sequence[str]) -> dict[str, int]:
    """The cell of each column that the file has."""
    missing = next((name for name in REQUIRED if name not in names), None)
    if missing is not None:
        hint = f"the header is {','.join(COLUMNS)}, of which the last two may be absent"
        raise DataError(f"line 1: the column {missing} is missing", hint=hint)
    twice = next((name for name in COLUMNS if f"{name} (2)" in names), None)
    if twice is not None:
        raise DataError(f"line 1: the column {twice} is there twice")
    return {name: names.index(name) for name in COLUMNS if name in names}


def _kind(text: str) -> CashKind:
    found = next((kind for kind in CASH_KINDS if kind == text.lower()), None)
    if found is None:
        raise DataError(f"{text[:20]!r} is no kind of cash", hint=f"one of {', '.join(CASH_KINDS)}")
    return found


def _currency(text: str) -> str:
    if not text.isprintable() or " " in text or len(text) > MAX_SYMBOL:
        raise DataError(f"{text[:20]!r} is no currency")
    return text.upper()


# --- identity -----------------------------------------------------------------------------------------------------

NO_ID: Final = "?"


def _id(text: str) -> str:
    if text == NO_ID:
        raise DataError(f"{text!r} is no id", hint="leave it empty where there is none")
    return text or NO_ID


def _with_ids(lines: Iterable[CashLine]) -> list[CashLine]:
    """Give every line without an id one: its time, what it says, and its place among the lines that say the same.

    As rows of fills, with one difference: cash has no order of matching, so the place is counted among lines that look
    alike. Funding of many symbols comes in one moment, and a file of only some of them must find the same ids.
    """
    seen: Counter[str] = Counter()
    return [line if line.cash_id != NO_ID else dataclasses.replace(line, cash_id=_row_id(line, seen)) for line in lines]


def _row_id(line: CashLine, seen: Counter[str]) -> str:
    what = (line.kind, line.symbol or "", line.currency, format_decimal(line.amount))
    digest = hashlib.sha256("|".join(what).encode()).hexdigest()[:16]
    moment = f"row-{to_us(line.at)}-{digest}"
    seen[moment] += 1
    return f"{moment}-{seen[moment]}"
