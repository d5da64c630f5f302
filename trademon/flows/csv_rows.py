"""Our nine cells into what a fill is made of: one pass, every fault named by line, column and reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Final

from trademon.core.model import Contract, Fee, Market, PositionSide, Side
from trademon.core.money import ZERO, format_decimal, parse_decimal
from trademon.core.symbols import compact, make_symbol, of_side, position_side
from trademon.core.times import parse_time
from trademon.errors import DataError, TrademonError
from trademon.flows.csv_cells import number_of
from trademon.flows.csv_executions import fitted, not_whole, with_executions
from trademon.flows.csv_file import Rows, Table
from trademon.flows.csv_formats import FIELDS, OWN, REQUIRED, SIZE, Layout
from trademon.flows.csv_translate import CellError, OwnCells, Translator

CLOCK_MARGIN: Final = timedelta(days=1)
MAX_SYMBOL: Final = 40
NEEDS_IDS: Final = "an account with an API takes only rows with the exchange's own ids; others into a manual broker"
NEEDS_SWAP: Final = "contracts go into a broker that was added with --exchange manual --market swap"
ONE: Final = Decimal(1)
_ALWAYS: Final = datetime(9999, 1, 1, tzinfo=UTC)
_FORMULA: Final = ("=", "+", "-", "@")
_SIDES: Final[dict[str, Side]] = {"buy": "buy", "sell": "sell"}
# To split a symbol written without a slash, longest first: BTCFDUSD ends in FDUSD before it ends in USD.
_QUOTES: Final = (
    *("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "DAI"),
    *("USD", "EUR", "GBP", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB"),
)
# What a fill is made of: its id, empty where the file has none, its order's, what was done, the row as it stood, and
# the line it stood on.
Draft = tuple[str, str, Market, Side, Decimal, Decimal, tuple[Fee, ...], datetime, str, int]


class Parser:
    """Cells to drafts. What repeats (symbols, coins) is looked at once.

    `contracts`: the account may hold them. One symbol has one size, in `markets` and in all rows; those that neither
    tells of are put into `unsized`.
    """

    def __init__(
        self,
        layout: Layout,
        markets: Iterable[Market],
        now: datetime | None,
        *,
        separator: str = ",",
        ids_needed: bool,
        contracts: bool = False,
        unsized: set[str] | None = None,
    ) -> None:
        self._layout = layout
        self._known = {compact(m.symbol): m for m in markets}
        self._markets: dict[str, Market] = {}
        self._takes_contracts = contracts
        self._contracts = {m.symbol: m for m in self._known.values() if m.contract is not None}
        self._size_at = layout.index.get(SIZE)
        self._unsized = set() if unsized is None else unsized
        self._number = number_of(separator, groups=layout.format.groups)
        self._coins: dict[str, str] = {}
        self._latest = _ALWAYS if now is None else now + CLOCK_MARGIN
        self._ids_needed = ids_needed
        names = (encode_basestring(name).replace("%", "%%") for name in layout.names)
        self._raw = "{" + ", ".join(f"{name}: %s" for name in names) + "}"

    def draft(self, line: int, cells: OwnCells, row: list[str]) -> Draft:
        """One row's facts.

        Raises:
            DataError: with line, column and reason.
        """
        at_text, symbol, side_text, quantity_text, price_text, fee, coin, order_id, trade_id = cells
        field = "symbol"
        try:
            market = self._markets.get(symbol) or self._market(symbol)
            if market.contract is not None or self._size_at is not None:
                market = self._sized(market, row)
            field = "side"
            side = _SIDES.get(side_text) or _side(side_text)
            field = "quantity"
            quantity = _quantity(quantity_text)
            field = "price"
            price = _price(price_text, market)
            field = "executed_at"
            executed_at = self._time(at_text)
            field = "fee"
            fees = self._fees(fee, coin) if fee else ()
            field = "trade_id"
            trade_id = trade_id if trade_id.isalnum() else self._trade_id(trade_id)
        except TrademonError as error:
            return self._again(line, cells, row, field, error)
        raw = self._raw % tuple(map(encode_basestring, row))
        order_id = order_id if order_id.isalnum() else clean(order_id)
        return trade_id, order_id, market, side, quantity, price, fees, executed_at, raw, line

    def _again(self, line: int, cells: OwnCells, row: list[str], field: str, error: TrademonError) -> Draft:
        """Once more without blanks and apostrophes, which are rare; then the error stands."""
        cleaned = [clean(cell) for cell in cells]
        if cleaned != list(cells):
            return self.draft(line, _own(cleaned), row)
        raise located(self._layout, line, field, error, is_empty=field in REQUIRED and not cells[FIELDS.index(field)])

    def _time(self, text: str) -> datetime:
        at = parse_time(text, what="it")
        if at > self._latest:
            raise DataError(f"it lies in the future: {text[:30]!r}")
        return at

    def _market(self, symbol: str) -> Market:
        text = clean(symbol)
        market = self._known.get(compact(text)) or parse_market(text)
        if market.contract is not None and not self._takes_contracts:
            raise DataError(f"{market.symbol} is no symbol of a spot account but a contract", hint=NEEDS_SWAP)
        self._markets[symbol] = market
        return market

    def _sized(self, market: Market, row: list[str]) -> Market:
        """The market with the contract size of the row; another than the symbol has so far is refused."""
        size = self._size(row)
        if market.contract is None:
            if size is not None and size != ONE:
                hint = "a contract is written BASE/QUOTE:SETTLE, as in BTC/USDT:USDT"
                raise CellError(SIZE, DataError(f"{market.symbol} is no contract and has no size", hint=hint))
            return market
        known = self._contracts.get(market.symbol)
        if known is None or known.contract is None:
            known = replace(market, contract=replace(market.contract, size=size or ONE))
            self._contracts[market.symbol] = known
            self._unsized |= {market.symbol} if size is None else set()
        elif known.contract.size != (size or ONE):
            sizes = f"{format_decimal(known.contract.size)}, not {format_decimal(size or ONE)}"
            hint = f"one symbol has one size: write it in a column {SIZE}"
            raise CellError(SIZE, DataError(f"a contract of {market.symbol} has a size of {sizes}", hint=hint))
        if size is not None:
            self._unsized.discard(market.symbol)
        return known

    def _size(self, row: list[str]) -> Decimal | None:
        """What the row says one contract stands for."""
        text = "" if self._size_at is None else clean(row[self._size_at])
        if not text:
            return None
        try:
            size = parse_decimal(self._number(text), what="it")
            if size <= ZERO:
                raise DataError(f"it is not above zero: {text[:30]!r}")
        except DataError as error:
            raise CellError(SIZE, error) from None
        return size

    def _fees(self, text: str, coin: str) -> tuple[Fee, ...]:
        amount = parse_decimal(text, what="it")
        currency = self._coins.get(coin)
        if currency is None:
            currency = self._coins[coin] = clean(coin).upper()
        if amount and not currency:
            raise CellError("fee_currency", DataError("it is empty and there is a fee"))
        return (Fee(amount, currency),) if currency and amount else ()

    def _trade_id(self, text: str) -> str:
        trade_id = clean(text)
        if not trade_id and self._ids_needed:
            raise DataError("it is empty", hint=NEEDS_IDS)
        return trade_id


def read_drafts(
    table: Table,
    layout: Layout,
    markets: Iterable[Market],
    *,
    now: datetime | None,
    zone: tzinfo,
    ids_needed: bool,
    contracts: bool = False,
    unsized: set[str] | None = None,
) -> Iterator[Draft]:
    """Every row of the table that executed something; `contracts`: the account may hold them. `unsized` gets those
    whose size nothing tells.

    Raises:
        DataError: the first bad row, by line and column.
    """
    parser = Parser(
        layout,
        markets,
        now,
        separator=table.separator,
        ids_needed=ids_needed,
        contracts=contracts,
        unsized=unsized,
    )
    if layout.format is OWN and zone is UTC:
        pick = _picker(layout)
        return (parser.draft(line, pick(row), row) for line, row in _whole(table.rows, len(layout.names)))
    return _translated(table, layout, zone, parser)


def _translated(table: Table, layout: Layout, zone: tzinfo, parser: Parser) -> Iterator[Draft]:
    translator = Translator(layout, table.separator, zone)
    kind = layout.format.executions
    if kind is None:
        rows: Rows = ((line, fitted(row, len(layout.names), line)) for line, row in table.rows)
    else:
        rows = with_executions(table.rows, layout, kind, table.separator)
    for line, row in rows:
        try:
            cells = translator.cells(row)
        except CellError as error:
            raise located(layout, line, error.field, error) from None
        if cells is not None:
            yield parser.draft(line, cells, row)


def _whole(rows: Rows, width: int) -> Rows:
    for line, row in rows:
        if len(row) != width:
            raise not_whole(line)
        yield line, row


def _picker(layout: Layout) -> Callable[[list[str]], OwnCells]:
    """The cells of FIELDS out of a row, an empty one for a column that the file has not."""
    width = len(layout.names)
    places = [layout.index.get(field, width) for field in FIELDS]
    pick = itemgetter(*places)
    return pick if width not in places else lambda row: _own(pick([*row, ""]))


def _own(cells: Sequence[str]) -> OwnCells:
    at, symbol, side, quantity, price, fee, coin, order_id, trade_id = cells
    return at, symbol, side, quantity, price, fee, coin, order_id, trade_id


def located(layout: Layout, line: int, field: str, error: TrademonError, *, is_empty: bool = False) -> DataError:
    """The error with its line and the column as the file calls it."""
    column = layout.name(error.field if isinstance(error, CellError) else field)
    return DataError(f"line {line}, column {column}: {'it is empty' if is_empty else error.message}", hint=error.hint)


def clean(text: str) -> str:
    """Without blanks around it, and without the apostrophe that our export puts before what a spreadsheet would run."""
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA else text


def parse_market(text: str) -> Market:
    """`BTC/USDT`, `btc-usdt` or `BTCUSDT` as a market; the base of a share is its name at its exchange, `AAPL:XNAS`.

    `BTC/USDT:USDT` is a contract that settles in its quote, `BTC/USD:BTC` an inverse one, which settles in its base;
    each of size 1; `BTC/USDT:USDT long` is one position side of a contract.

    Raises:
        DataError: it is no symbol of something bought and paid for, or a contract that settles in a third coin.
    """
    held = position_side(text.lower())
    if held is not None:
        return _of_side(parse_market(text[: -len(held)].strip()), held)
    name = text.upper()
    base, slash, rest = (name if "/" in name else name.replace("-", "/")).partition("/")
    quote, colon, settle = rest.partition(":")
    if not slash:
        quote = next((q for q in _QUOTES if name.endswith(q) and name != q), "")
        base = name.removesuffix(quote)
    is_odd = bool(colon) != bool(settle) or (":" in base and not slash) or ":" in settle or "/" in rest
    if not base or not quote or is_odd or not name.isprintable() or len(name) > MAX_SYMBOL:
        raise DataError(f"{text[:20]!r} is no symbol: write BASE/QUOTE, as in BTC/USDT")
    contract = _contract(base, quote, settle) if settle else None
    return Market(make_symbol(base, quote, settle or None), base, quote, base + quote + colon + settle, contract)


def _of_side(market: Market, held: PositionSide) -> Market:
    if market.contract is None:
        raise DataError(f"{market.symbol} is no contract and has no side")
    symbol = of_side(market.symbol, held)
    return replace(market, symbol=symbol, exchange_symbol=symbol)


def _contract(base: str, quote: str, settle: str) -> Contract:
    if settle not in (base, quote):
        raise DataError(
            f"a contract of {base[:20]}/{quote[:20]} that settles in {settle[:20]!r} cannot be booked",
            hint=f"one that settles in {quote[:20]} or in {base[:20]} can",
        )
    return Contract(settle, inverse=settle != quote)


def _side(text: str) -> Side:
    side = _SIDES.get(text.strip().lower())
    if side is None:
        raise DataError(f"{text[:20]!r} is neither buy nor sell")
    return side


def _quantity(text: str) -> Decimal:
    value = parse_decimal(text, what="it")
    if value <= ZERO:
        raise DataError(f"it is not above zero: {text[:30]!r}")
    return value


def _price(text: str, market: Market) -> Decimal:
    value = parse_decimal(text, what="it")
    if value < ZERO:
        raise DataError(f"it is below zero: {text[:30]!r}")
    if not value and market.contract is not None and market.contract.inverse:
        raise DataError("it is zero, at which an inverse contract has no worth")
    return value
