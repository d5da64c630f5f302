"""Symbols in both spellings: `BTC/USDT` is shown, `BTCUSDT` is accepted too."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from trademon.core.model import PositionSide

# Fiat and the coins that follow one.
_MONEY_NAMES: Final = (
    "USD EUR GBP CHF JPY AUD CAD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY BRL MXN ARS CLP COP ZAR NGN INR IDR THB VND "
    "PHP MYR SGD HKD CNY CNH TWD KRW UAH RUB KZT AED SAR ILS USDT USDC FDUSD TUSD BUSD USDP USDD USDE USD1 PYUSD RLUSD "
    "USDG GUSD DAI XUSD BFUSD EURC EURI EURT AEUR EURS SUSD UST USTC"
)
_MONEY: Final = frozenset(_MONEY_NAMES.split())

# A contract that is held long and short at once (hedge mode) has a book for either side: `BTC/USDT:USDT long`.
POSITION_SIDES: tuple[PositionSide, ...] = ("long", "short")


def compact(symbol: str) -> str:
    """The form in which two spellings of one symbol meet: `btc/usdt`, `BTC-USDT` and `BTCUSDT` are all `BTCUSDT`."""
    return symbol.strip().upper().replace("/", "").replace("-", "").replace("_", "")


def match_symbol(wanted: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `wanted` spells, or None. A spelling two symbols share goes to the one written with it,
    then to the first in order."""
    key = compact(wanted)
    found = sorted(s for s in known if compact(s) == key)
    exact = [s for s in found if s == wanted.strip().upper()]
    return next(iter(exact or found), None)


def nearest(wanted: str, known: Iterable[str]) -> str | None:
    """The known name a person probably meant, for a 'did you mean'."""
    by_key = {compact(s): s for s in sorted(known)}
    close = difflib.get_close_matches(compact(wanted), by_key, n=1, cutoff=0.6)
    return by_key[close[0]] if close else None


def make_symbol(base: str, quote: str, settle: str | None = None) -> str:
    """The shown form: `BTC/USDT`, with `:SETTLE` for a contract."""
    return f"{base}/{quote}:{settle}" if settle else f"{base}/{quote}"


def is_money(currency: str) -> bool:
    """Whether it is fiat, or a coin that follows one: what people count in, with two decimals."""
    return currency.upper() in _MONEY


def of_side(symbol: str, side: PositionSide) -> str:
    """The symbol of one position side of a contract."""
    return f"{symbol} {side}"


def position_side(symbol: str) -> PositionSide | None:
    """The side that all positions of a symbol are on; None where they may be on either."""
    return next((side for side in POSITION_SIDES if symbol.endswith(f" {side}")), None)


def without_side(symbol: str) -> str:
    """The contract itself, as its exchange lists it."""
    side = position_side(symbol)
    return symbol if side is None else symbol.removesuffix(f" {side}")


def with_sides(symbol: str) -> tuple[str, ...]:
    """A listed symbol and those of its two position sides: all that one answer of an exchange may hold fills of."""
    return (symbol, *(of_side(symbol, side) for side in POSITION_SIDES))
