"""What the exchanges of ccxt can do, as data: from ccxt's own tables, and a few facts that those do not hold.

ccxt says of each which questions it knows, how many rows a page has, how long a window may be and how far back it
goes. It does not say in which order rows come and how a page is followed by the next. What is not known here is not
guessed: such an exchange is read by halving the time until every piece fits a page (`ccxt_adapter`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Final

from trademon.exchanges.base import Capabilities
from trademon.exchanges.ccxt_client import load_ccxt_class

DEFAULT_PAGE: Final = 100
_MARGIN: Final = timedelta(minutes=1)  # so that a request under way does not cross how far back it goes


@dataclass(frozen=True, slots=True)
class Spec:
    """How an exchange's list of fills is asked for.

    page: rows asked for. window: the longest time that one question may span. history: how far back it goes.
    needs_symbol: it answers for one symbol at a time. newest_first: a full page holds the newest rows of its window;
    otherwise nothing is known of the order. offset: the parameter that skips rows. cursor: the parameter that goes on
    below a row, and that row's field. step: how fine the times are that it is asked by. seconds: the field that tells
    a fill's time in seconds, where ccxt would round it through a float. other_id: the field that tells rows apart which
    have no trade id of their own. only: a field, and which values of it make a row a fill. fees_in_quote: a fee is in
    the quote, which ccxt cannot say of a market that is gone. envelope: what a good answer says, and the field that
    holds what was asked for.
    """

    page: int = DEFAULT_PAGE
    window: timedelta | None = None
    history: timedelta | None = None
    needs_symbol: bool = True
    newest_first: bool = False
    offset: str | None = None
    cursor: tuple[str, str] | None = None
    step: timedelta = timedelta(milliseconds=1)
    seconds: str | None = None
    other_id: str | None = None
    only: tuple[str, frozenset[str]] | None = None
    fees_in_quote: bool = False
    envelope: tuple[str, object, str] | None = None
    needs_password: bool = False
    has: frozenset[str] = frozenset()

    @property
    def capabilities(self) -> Capabilities:
        """The same as every adapter says it."""
        return Capabilities(
            history=self.history,
            orders_name_symbols=not self.needs_symbol,
            fills_name_order_type=False,
            candles=DEFAULT_PAGE,
            transfer_history=None,
            has_transfers=False,
            names_by_fills=not self.needs_symbol,
        )


# Sources: the exchanges' own API documentation, as ccxt quotes it beside each call.
_KNOWN: Final[dict[str, dict[str, Any]]] = {
    "okx": {
        "newest_first": True,
        "cursor": ("after", "billId"),
        "other_id": "billId",
        "envelope": ("code", "0", "data"),
    },
    "kraken": {
        "page": 50,
        "newest_first": True,
        "offset": "ofs",
        "step": timedelta(seconds=1),
        "seconds": "time",
        "fees_in_quote": True,
        "envelope": ("error", [], "result"),
    },
    "bybit": {
        "newest_first": True,
        "only": ("execType", frozenset({"Trade", "AdlTrade", "BustTrade"})),  # it lists funding among executions, too
        "envelope": ("retCode", 0, "result"),
    },
    "kucoin": {"newest_first": True, "envelope": ("code", "200000", "data")},
    "gate": {"newest_first": True},
    "coinbase": {"newest_first": True},
}
_KEYS: Final = frozenset({"apiKey", "secret", "password"})


@cache
def spec_of(exchange_id: str) -> Spec | None:
    """How an exchange's spot fills are asked for; None where it takes other keys than a key and a secret (a wallet's, a
    login), or its fills cannot be asked for at all."""
    exchange = load_ccxt_class(exchange_id)({})
    needed = {name for name, is_needed in exchange.requiredCredentials.items() if is_needed}
    spot = (exchange.features or {}).get("spot")
    has_fills = exchange.has.get("fetchMyTrades") is True and exchange.has.get("spot") is not False
    if not needed <= _KEYS or not has_fills or spot is None:
        return None
    told = spot.get("fetchMyTrades") or {}
    spec = Spec(
        page=told.get("limit") or DEFAULT_PAGE,
        window=_days(told.get("untilDays")),
        history=_reach(told.get("daysBack")),
        needs_symbol=told.get("symbolRequired") is not False,
        needs_password="password" in needed,
        has=frozenset(name for name, can in exchange.has.items() if can is True),
    )
    return replace(spec, **_KNOWN.get(exchange_id, {}))


def _days(days: Any) -> timedelta | None:
    return timedelta(days=days) if isinstance(days, int) and days < 3650 else None


def _reach(days: Any) -> timedelta | None:
    reach = _days(days)
    return None if reach is None else reach - _MARGIN
