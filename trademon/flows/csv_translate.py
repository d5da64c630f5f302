"""A row of another export into the nine cells of ours, so that one parser with one set of rules reads them all."""

from __future__ import annotations

from datetime import tzinfo

from trademon.errors import DataError, TrademonError
from trademon.flows import csv_cells
from trademon.flows.csv_formats import Layout

OwnCells = tuple[str, str, str, str, str, str, str, str, str]


class CellError(DataError):
    """What is wrong with the cell of one field; the reader adds line and column."""

    def __init__(self, field: str, error: TrademonError) -> None:
        super().__init__(error.message, hint=error.hint)
        self.field = field


class Translator:
    """Foreign rows to our cells, by one layout. Which cell is in hand is kept, for the error."""

    def __init__(self, layout: Layout, separator: str, zone: tzinfo) -> None:
        self._index = layout.index
        self._format = layout.format
        self._zone = zone
        self._pairs: dict[str, tuple[str, str]] = {}
        self._row: list[str] = []
        self._field = ""
        self._number = csv_cells.number_of(separator, groups=self._format.groups)

    def cells(self, row: list[str]) -> OwnCells | None:
        """The row in the order of FIELDS; None for an order that executed nothing.

        Raises:
            CellError: a cell cannot be read, with its field.
        """
        self._row = row
        try:
            return self._translated()
        except CellError:
            raise
        except TrademonError as error:
            raise CellError(self._field, error) from None

    def _translated(self) -> OwnCells | None:
        base, quote = self._coins()
        quantity = self._amount("quantity", base)
        if self._format.are_orders and csv_cells.is_zero(quantity):
            return None
        symbol = f"{base}/{quote}" if base and quote else csv_cells.more_quotes(self._needed("symbol"))
        side = csv_cells.side(self._needed("side"))
        quantity = self._unsigned(quantity, side)
        price = self._price(quantity, quote)
        fee, fee_currency = self._fee(base, quote)
        at = csv_cells.iso_time(self._needed("executed_at"), self._zone, self._format.dates)
        return at, symbol, side, quantity, price, fee, fee_currency, self._cell("order_id"), self._trade_id()

    def _cell(self, field: str) -> str:
        """The field's text, empty where the file has no such column; the apostrophe of a made-safe export is gone."""
        self._field = field
        place = self._index.get(field)
        text = "" if place is None else self._row[place].strip()
        return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text

    def _needed(self, field: str) -> str:
        text = self._cell(field)
        if not text:
            raise DataError("it is empty")
        return text

    def _coins(self) -> tuple[str, str]:
        """Base and quote where the file tells them apart; empty where only the pair's name is left."""
        if self._format.name == "saxo":
            return self._saxo_coins()
        base, quote = self._cell("base"), self._cell("quote")
        if base and quote:
            return base, quote
        if base or quote or "symbol" not in self._index:
            raise CellError("quote" if base else "base", DataError("it is empty"))
        if not self._format.is_glued:
            return "", ""
        return self._glued_coins(self._needed("symbol"), self._needed("quantity").upper(), self._cell("total").upper())

    def _glued_coins(self, pair: str, quantity: str, total: str) -> tuple[str, str]:
        """The coins behind the amounts, which are the two ends of the pair."""
        known = self._pairs.get(pair)
        if known is not None and quantity.endswith(known[0]) and total.endswith(known[1]):
            return known
        found = csv_cells.split_pair(pair, quantity, total)
        if found is None:
            return self._unglued(pair, quantity)
        self._pairs[pair] = found
        return found

    def _unglued(self, pair: str, quantity: str) -> tuple[str, str]:
        """A pair whose amounts have no coins behind them. Coins that are not the pair's are a fault in the file."""
        self._field = "quantity"
        if csv_cells.glued(quantity, self._number)[1]:
            raise CellError("symbol", DataError(f"{pair[:20]!r} is not the pair of the amounts beside it"))
        return "", ""

    def _saxo_coins(self) -> tuple[str, str]:
        """`AAPL:XNAS` against the instrument's currency; six letters are a pair of currencies."""
        symbol = self._needed("symbol").upper()
        if len(symbol) == 6 and symbol.isalpha():
            return symbol[:3], symbol[3:]
        if "/" in symbol:
            base, _, quote = symbol.partition("/")
            return base, quote
        return symbol, csv_cells.currency(self._needed("quote"))

    def _amount(self, field: str, coin: str) -> str:
        text = self._needed(field)
        if not self._format.is_glued:
            return self._number(text)
        return csv_cells.glued(text.upper(), self._number, (coin,))[0]

    def _unsigned(self, quantity: str, side: str) -> str:
        """A quantity without the sign of a sale; a purchase with one says two things."""
        if not self._format.is_signed or not quantity.startswith("-"):
            return quantity
        if side != "sell":
            raise CellError("quantity", DataError(f"it is below zero and the row is a purchase: {quantity[:30]!r}"))
        return quantity[1:]

    def _price(self, quantity: str, quote: str) -> str:
        if "price" in self._index:
            return self._amount("price", quote)
        total = self._number(self._needed("total"))
        # The parser refuses a quantity of zero, by its own name.
        return total if csv_cells.is_zero(quantity) else csv_cells.divided(total, quantity)

    def _fee(self, base: str, quote: str) -> tuple[str, str]:
        currency, text = self._cell("fee_currency"), self._cell("fee")
        if not text or text in ("-", "--"):
            return "", ""
        if "fee_currency" in self._index and currency:
            amount = self._number(text.removesuffix(currency).rstrip())
        else:
            amount, currency = csv_cells.glued(text.upper(), self._number, (base.upper(), quote.upper(), "BNB"))
        if self._format.is_fee_unsigned and amount.startswith("-"):
            raise DataError("it is below zero: paid or received?", hint="write what was paid without a sign")
        return amount, currency

    def _trade_id(self) -> str:
        """The exchange's id of the execution. An order's row is one by its order; what filled it has none."""
        if not self._format.are_orders or "trade_id" in self._index:
            return self._cell("trade_id")
        order_id = self._cell("order_id")
        return f"order-{order_id}" if order_id else ""
