"""Which symbols of an account to ask for in one look, and in which order.

An exchange that wants a symbol for fills has to be asked one by one, and each question costs budget. What a sign
points at is asked at once, then hot symbols, every time. As far as the budget goes come those that could explain a
change of the quote coin alone, those traded long ago (every hour), and those never asked, once each, the likeliest
first: the rest stays a gap, and is asked in the next looks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from trademon.core.model import Market
from trademon.core.times import EPOCH

HOT = timedelta(days=3)
WARM_EVERY = timedelta(hours=1)
COLD_EVERY = timedelta(days=1)
# The coins most things are bought and sold with: without other signs, their pairs are asked first.
COMMON_QUOTES = ("USDT", "USDC", "FDUSD", "BTC", "EUR", "ETH", "BNB", "TRY", "USD", "BRL")


FEE_COINS = frozenset({"BNB", "BGB"})


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known before fills are asked for. Symbols are in the shown form.

    Args:
        named: the user names them for this broker.
        hinted: with an open order now or at the last look, or in the order history.
        traded: with stored fills, and when the newest was executed.
        looked: when each symbol was last asked for.
        held: coins with a balance.
        changed: coins whose balance is not what it was at the last look.
        pending: a sign pointed at them within the last hour; their fills may be late.
        incomplete: asked before, but not for all of the time now wanted.
        seen_at: when the balances were seen from which `changed` is counted.
    """

    named: Collection[str] = ()
    hinted: Collection[str] = ()
    traded: Mapping[str, datetime] | None = None
    looked: Mapping[str, datetime] | None = None
    held: Collection[str] = ()
    changed: Collection[str] = ()
    pending: Collection[str] = ()
    incomplete: Collection[str] = ()
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`must` are asked whatever it costs, those with a sign first, of each the longest unasked first.

    As far as the budget goes: `walk`, traded symbols that may explain a change of their quote coin or whose time has
    come, and `sweep`, the likeliest first. `signs` are those that a change of balance points at.
    """

    must: tuple[str, ...]
    sweep: tuple[str, ...]
    signs: frozenset[str] = frozenset()
    walk: tuple[str, ...] = ()


def plan_symbols(signs: Signs, markets: Collection[Market], *, now: datetime) -> Plan:
    """What to ask for now."""
    traded, looked = signs.traded or {}, signs.looked or {}
    listed = {m.symbol: m for m in markets}
    held_before = {s: listed[s] for s in traded if s in listed}
    pointed = _pointed_at(signs, markets, held_before)
    urgent = {*signs.named, *signs.hinted, *signs.pending, *pointed}
    must = urgent | {s for s, newest in traded.items() if now - newest <= HOT}
    weak = _perhaps_pointed_at(signs, markets, held_before) - must
    walk = weak | {s for s in traded if _due(looked.get(s), now, WARM_EVERY)} | (traded.keys() & set(signs.incomplete))
    rest = [m for m in markets if m.symbol not in must | walk and _worth_asking(m.symbol, signs, looked, now)]
    rest.sort(key=lambda m: (_unlikely(m, signs), m.symbol in looked, m.symbol))
    return Plan(
        tuple(sorted(must, key=lambda s: (s not in urgent, looked.get(s, EPOCH), s))),
        tuple(m.symbol for m in rest),
        frozenset(pointed | weak),
        tuple(sorted(walk - must, key=lambda s: (s not in weak, looked.get(s, EPOCH), s))),
    )


def _pointed_at(signs: Signs, markets: Collection[Market], traded: Mapping[str, Market]) -> set[str]:
    """Symbols whose coins changed, or of which at least the base did where they were traded before."""
    found = {m.symbol for m in markets if m.base in signs.changed and m.quote in signs.changed}
    return found | {s for s, m in traded.items() if m.base in signs.changed}


def _perhaps_pointed_at(signs: Signs, markets: Collection[Market], traded: Mapping[str, Market]) -> set[str]:
    """Traded symbols that could explain a quote coin that changed alone: there may be hundreds. One that was asked
    since the balances were seen that it differs from has had its say."""
    unexplained, looked = _unexplained(signs, markets), signs.looked or {}
    said = {s for s, at in looked.items() if signs.seen_at is not None and at > signs.seen_at}
    return {s for s, m in traded.items() if m.quote in unexplained} - said


def _worth_asking(symbol: str, signs: Signs, looked: Mapping[str, datetime], now: datetime) -> bool:
    return symbol in signs.incomplete or _due(looked.get(symbol), now, COLD_EVERY)


def _unexplained(signs: Signs, markets: Collection[Market]) -> set[str]:
    """Coins that changed while nothing that is traded for them did: a purchase sold again between two looks.

    A fee coin that changed explains nothing: it changes with every trade that pays in it.
    """
    bought = set(signs.changed) - FEE_COINS
    return set(signs.changed) - {m.quote for m in markets if m.base in bought}


def _due(looked_at: datetime | None, now: datetime, every: timedelta) -> bool:
    return looked_at is None or now - looked_at >= every


def _unlikely(market: Market, signs: Signs) -> int:
    """0 for the likeliest. A coin that is held was bought somewhere; one that changed, lately."""
    common = COMMON_QUOTES.index(market.quote) if market.quote in COMMON_QUOTES else len(COMMON_QUOTES)
    both = market.base in signs.held and market.quote in signs.held
    rank = 0 if market.base in signs.changed else 1 if both else 2 if market.base in signs.held else 3
    return rank * (len(COMMON_QUOTES) + 1) + common
