"""Saxo's instruments: a number (Uic) and an asset type, and what a person calls them.

Shown as `AAPL:xnas`, `EUR/USD`, `AAPL:xnas:cfd`. What is bought for cash is held and never short; everything on margin
(currencies, CFDs, futures, options) is a contract, which may be. A price may be quoted in another unit than the
currency (pence, per cent of a bond): `PriceToContractFactor` turns it into money.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from trademon.core.model import Contract, Market
from trademon.core.symbols import make_symbol
from trademon.errors import BadAnswer
from trademon.exchanges import validate
from trademon.exchanges.saxo_client import NotThere, SaxoClient
from trademon.exchanges.validate import Row

ONE: Final = Decimal(1)
_ASKED_AT_ONCE: Final = 100
_PERCENT: Final = Decimal("0.01")
_PLAIN: Final = frozenset({"FxSpot", "FxCrypto", "ContractFutures", "StockOption", "StockIndexOption", "FuturesOption"})
"""Contracts whose own symbols are told from every other one."""
_SIZED: Final = frozenset({"ContractFutures", "FuturesStrategy", "StockOption", "StockIndexOption", "FuturesOption"})
"""Contracts that stand for many units: without their size no figure can be right."""


class UnknownSize(BadAnswer):
    """How much one of a contract stands for is not told."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A market, what turns a quoted price into its currency, and how many base units an amount of one is."""

    market: Market
    factor: Decimal = ONE
    units: Decimal = ONE


class Instruments:
    """The instruments of one account, as far as it touches them. Asked for once a pass."""

    def __init__(self, client: SaxoClient) -> None:
        self._client = client
        self._known: dict[str, Instrument] = {}
        self._faults: dict[str, BadAnswer] = {}
        self._told: dict[str, Row] = {}

    def name(self, row: Row) -> str:
        """The spelling of the instrument that a row is about, `211:Stock`, whose own words on it are kept."""
        wire = wire_of(row)
        display = row.get("DisplayAndFormat")
        self._told.setdefault(wire, {})
        if isinstance(display, dict):
            self._told[wire] = display
        return wire

    @property
    def named(self) -> frozenset[str]:
        """Every instrument that a row of this pass was about."""
        return frozenset(self._told)

    @property
    def unsized(self) -> frozenset[str]:
        """Contracts of which it is not told how much one stands for."""
        return frozenset(wire for wire, fault in self._faults.items() if isinstance(fault, UnknownSize))

    def learn_size(self, wire: str, size: Decimal) -> None:
        """How much one stands for, from what was paid for some."""
        told = self._told.get(wire, {}) | {"ContractSize": size}
        self._known[wire] = parse_instrument(wire, told, is_whole=False)
        del self._faults[wire]

    async def find(self, wires: Iterable[str]) -> dict[str, Instrument]:
        """These instruments, without those of which Saxo does not tell enough."""
        wanted = {*wires}
        unknown = wanted - self._known.keys() - self._faults.keys()
        details = await self._fetch(unknown) if unknown else {}
        for wire in unknown:
            found = details.get(wire)
            try:
                self._known[wire] = parse_instrument(
                    wire, found or self._told.get(wire, {}), is_whole=found is not None
                )
            except BadAnswer as fault:
                self._faults[wire] = fault
        return {wire: self._known[wire] for wire in wanted if wire in self._known}

    async def one(self, wire: str) -> Instrument:
        """Raises BadAnswer where Saxo does not tell enough of it."""
        await self.find([wire])
        if wire in self._faults:
            raise self._faults[wire]
        return self._known[wire]

    async def _fetch(self, wires: Iterable[str]) -> dict[str, Row]:
        """Their details, by spelling; those that are gone are left out."""
        found: dict[str, Row] = {}
        ordered = sorted(wires)
        for start in range(0, len(ordered), _ASKED_AT_ONCE):
            some = [wire.split(":", 1) for wire in ordered[start : start + _ASKED_AT_ONCE]]
            query = {
                "Uics": ",".join(sorted({uic for uic, _ in some})),
                "AssetTypes": ",".join(sorted({kind for _, kind in some})),
                "$top": str(10 * _ASKED_AT_ONCE),
            }
            with contextlib.suppress(NotThere):  # all of them are gone
                async for rows in self._client.rows("/ref/v1/instruments/details", query):
                    found |= {wire_of(row): row for row in rows}
        return found


def wire_of(row: Row) -> str:
    """`211:Stock`."""
    kind = validate.text(row, "AssetType")
    if not kind.isalnum() or not kind.isascii():
        raise BadAnswer("Saxo: an asset type that is none")
    return f"{validate.identifier(row, 'Uic')}:{kind}"


def is_contract(kind: str) -> bool:
    """Whether an asset type is on margin and may be held short."""
    return kind.startswith(("Fx", "Cfd", "Srd")) or kind in _SIZED


def parse_instrument(wire: str, row: Row, *, is_whole: bool) -> Instrument:
    """What its details say, or (not `is_whole`) what a row about it says of it.

    Raises:
        BadAnswer: its currency is not told, or of a contract that stands for many units how many.
    """
    uic, _, kind = wire.partition(":")
    symbol = str(row.get("Symbol") or "").strip()[:80]
    currency = validate.text(row, "CurrencyCode" if is_whole else "Currency").upper()
    size = validate.positive(row, "ContractSize") if row.get("ContractSize") else None
    factor = validate.positive(row, "PriceToContractFactor") if row.get("PriceToContractFactor") else None
    if kind in _SIZED and size is None:
        raise UnknownSize(f"Saxo: how much one {symbol or wire} stands for is not told")
    base, shown = _names(symbol or f"{kind}:{uic}", kind, currency)
    factor = factor or (_PERCENT if kind == "Bond" else ONE)
    if not is_contract(kind):
        return Instrument(Market(shown, base, currency, wire), factor)
    units = size if size is not None and kind in _SIZED else ONE
    return Instrument(Market(shown, base, currency, wire, Contract(currency, units)), factor, units)


def _names(symbol: str, kind: str, currency: str) -> tuple[str, str]:
    """What is held, and what the market is called."""
    if kind.startswith("Fx"):
        base = symbol.removesuffix(currency).rstrip("/") or symbol
        shown = make_symbol(base, currency)
        return base, shown if kind in _PLAIN else f"{shown}:{kind[2:].lower()}"
    if kind.startswith("Cfd"):
        return symbol, f"{symbol}:cfd"
    return symbol, symbol if kind in _PLAIN or not is_contract(kind) else f"{symbol}:{kind.lower()}"
