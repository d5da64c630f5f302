"""How the two exchanges number orders and trades."""

from random import Random
from typing import Literal, Protocol

_FIRST_ID = 1000  # the same for every symbol, so that ids of two symbols coincide as they do on Binance
_BITGET_EPOCH_MS = 1_435_725_000_000  # recorded ids, shifted right by 22 bits, count milliseconds from mid-2015
_SEQUENCE_BITS = 22


class Ids(Protocol):
    """Ids as decimal strings, ascending with the calls."""

    def order(self, symbol: str, ms: int) -> str:
        """The next order id."""

    def trade(self, symbol: str, ms: int) -> str:
        """The next trade id."""


class PerSymbolIds:
    """Binance: each symbol counts for itself; an account sees gaps, for most ids belong to others."""

    def __init__(self, seed: str) -> None:
        """`seed` fixes the gaps."""
        self._seed = seed
        self._last: dict[tuple[str, str], int] = {}
        self._rng: dict[tuple[str, str], Random] = {}

    def order(self, symbol: str, ms: int) -> str:
        """The next order id of the symbol."""
        return self._next("order", symbol, 4)

    def trade(self, symbol: str, ms: int) -> str:
        """The next trade id of the symbol."""
        return self._next("trade", symbol, 3)

    def _next(self, kind: str, symbol: str, gap: int) -> str:
        # A generator for each kind and symbol: orders are numbered when placed, trades when executed, and how the two
        # interleave depends on the moment of asking. One shared stream would make the ids depend on it too.
        key = (kind, symbol)
        if key not in self._last:
            self._last[key] = _FIRST_ID
            self._rng[key] = Random(f"{self._seed}:{kind}:{symbol}")  # noqa: S311 - reproducible, not secret
        self._last[key] += self._rng[key].randint(1, gap)
        return str(self._last[key])


class SnowflakeIds:
    """Bitget: 19 digits, the time in the high bits, unique over all symbols; odd for trades, even for orders."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._last = {"order": (0, 0), "trade": (0, 0)}

    def order(self, symbol: str, ms: int) -> str:
        """The next order id."""
        return str(self._next("order", ms))

    def trade(self, symbol: str, ms: int) -> str:
        """The next trade id."""
        return str(self._next("trade", ms) + 1)

    def _next(self, kind: str, ms: int) -> int:
        last_ms, n = self._last[kind]
        n = n + 1 if ms == last_ms else 0
        self._last[kind] = (ms, n)
        return ((ms - _BITGET_EPOCH_MS) << _SEQUENCE_BITS) + 2 * n


def transfer_id(ms: int, n: int) -> str:
    """The id of the `n`th transfer, made at `ms`: decimal digits that sort as the times do."""
    return str(((ms - _BITGET_EPOCH_MS) << _SEQUENCE_BITS) + 2 * n)


def make_ids(style: Literal["per_symbol", "snowflake"], seed: str) -> Ids:
    """The numbering of an exchange."""
    return PerSymbolIds(seed) if style == "per_symbol" else SnowflakeIds()
