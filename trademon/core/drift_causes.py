"""Why a balance may differ from what stored history makes of it: the likeliest cause, by what speaks for it.

The strongest evidence comes first: time that is known not to have been read, then two coins that moved against each
other, then what is known to be on its way. What nothing speaks for is unknown, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Final

from trademon.core.coverage import Span, missing
from trademon.core.model import Market, TransferKind
from trademon.core.money import EXACT, format_decimal
from trademon.core.replay import Step
from trademon.core.symbol_plan import FEE_COINS
from trademon.core.times import to_us
from trademon.core.verify_reports import Cause

EARN = "LD"
"""How Binance writes a coin that was put into Simple Earn: LDBTC."""
NOT_READ = "convert, margin, futures, earn and funding wallets, sub-accounts"
_NAMED = 3
_REWARD_SHARE = Decimal("0.05")
_DUST_WORTH = Decimal(20)
"""In a coin that follows the dollar: more than what both exchanges let pass as dust."""
_DOLLARS = ("USDT", "USDC", "FDUSD", "USD")
_PRICE_FACTOR = Decimal(2)

Verdict = tuple[Cause, str]
Look = Callable[["Drift", Sequence["Drift"], "Evidence"], Verdict | None]


@dataclass(frozen=True, slots=True)
class Drift:
    """A coin that differs: the interval in which that began, and the steps in which it grew."""

    coin: str
    expected: Decimal
    live: Decimal
    difference: Decimal
    span: Span
    changes: tuple[Decimal, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What is known beside the balances.

    Args:
        markets: everything that can be traded there.
        traded: symbols with stored fills, and when the newest was executed.
        covered: which time of each symbol's fills was read.
        orders: which time of the order history was read, where it names every symbol that may have fills.
        unread: what this pass could not read, as it was said.
        waiting: since when a deposit or a withdrawal is on its way.
        steps: what was replayed.
        prices: the last price of each symbol, as far as it is known.
    """

    markets: Sequence[Market] = ()
    traded: Mapping[str, datetime] = field(default_factory=dict)
    covered: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    orders: tuple[Span, ...] | None = None
    unread: str | None = None
    waiting: Mapping[TransferKind, datetime] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    @cached_property
    def between(self) -> Mapping[frozenset[str], Sequence[Market]]:
        """The markets of each two coins."""
        found: dict[frozenset[str], list[Market]] = {}
        for market in self.markets:
            found.setdefault(frozenset((market.base, market.quote)), []).append(market)
        return found

    def gap(self, symbol: str, span: Span) -> bool:
        """Whether some of that time of the symbol's fills was not read."""
        return bool(missing(self.covered.get(symbol, ()), span))

    def unread_of(self, coin: str, span: Span) -> list[str]:
        """The symbols with `coin` whose fills were not read in all of that time; traded ones first, newest first."""
        if self.orders is not None and not missing(self.orders, span):
            return []  # no order in that time, no fill
        found = [m.symbol for m in self.markets if coin in (m.base, m.quote) and self.gap(m.symbol, span)]
        return sorted(found, key=lambda s: (-to_us(self.traded[s]) if s in self.traded else 0, s))


def find_causes(drifts: Sequence[Drift], evidence: Evidence) -> tuple[Verdict, ...]:
    """For each of all the drifts of an account the likeliest cause, and what speaks for it."""
    patterns = [_first(_PATTERNS, drift, _beside(drift, drifts), evidence) for drift in drifts]
    # A coin that is explained already took no part in what happened to the others.
    open_ = [drift for drift, verdict in zip(drifts, patterns, strict=True) if verdict is None]
    return tuple(
        verdict or _alone(drift, _beside(drift, open_), evidence)
        for drift, verdict in zip(drifts, patterns, strict=True)
    )


def _alone(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict:
    return _first(_SIGNS, drift, others, evidence) or _nothing_known(drift, others, evidence)


def _beside(drift: Drift, drifts: Sequence[Drift]) -> list[Drift]:
    """The other coins that began to differ at a time that may be the same."""
    return [d for d in drifts if d.coin != drift.coin and _overlap(d.span, drift.span)]


def _first(looks: Sequence[Look], drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    return next((found for look in looks if (found := look(drift, others, evidence)) is not None), None)


def _overlap(one: Span, two: Span) -> bool:
    return one.start < two.end and two.start < one.end


def _against(one: Drift, two: Drift) -> bool:
    return (one.difference > 0) != (two.difference > 0)


def _amount(drift: Drift) -> str:
    return format_decimal(abs(drift.difference))


# --- the looks ----------------------------------------------------------------------------------------------------


def _earn_wallet(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """A coin that went into Simple Earn, or came back."""
    names = {drift.coin.removeprefix(EARN), EARN + drift.coin}
    for other in others:
        if other.coin in names and _against(drift, other):
            coin, into = (drift.coin, other.coin) if other.coin.startswith(EARN) else (other.coin, drift.coin)
            return "earn", f"{coin} and {into} moved against each other: Simple Earn, which is not read"
    if drift.coin.startswith(EARN) and drift.coin.removeprefix(EARN) in {m.base for m in evidence.markets}:
        return "earn", f"{drift.coin} stands for {drift.coin.removeprefix(EARN)} in Simple Earn, which is not read"
    return None


def _other_coin(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """Something that is stored as having moved another coin, by exactly what this one is off."""
    for other in others:
        if EXACT.add(other.difference, drift.difference):
            continue
        for step in evidence.steps:
            moved = dict(step.coins)
            if drift.span.start < step.at <= drift.span.end and moved.get(other.coin) == drift.difference:
                return "other_coin", f"{step.what} moved the same amount of {other.coin}, which is off by the opposite"
            if drift.span.start < step.at <= drift.span.end and moved.get(drift.coin) == other.difference:
                return "other_coin", f"{step.what} moved {drift.coin} by what {other.coin} is off"
    return None


def _dust(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """Small rests that are gone to the last digit, while the exchange's own coin is up."""
    together = [drift, *others]
    own = next((d for d in together if d.coin in FEE_COINS and d.difference > 0), None)
    gone = [d for d in together if d is not own and d.difference < 0 and not d.live and _is_small(d, evidence)]
    if own is None or not gone or (drift is not own and drift not in gone):
        return None
    if len(gone) == 1 and _worth(gone[0], evidence) is None:
        return None  # one coin of unknown worth may as well have been sold
    names = ", ".join(sorted(d.coin for d in gone)[:_NAMED]) + (" ..." if len(gone) > _NAMED else "")
    return "dust", f"{names} gone to the last digit and {own.coin} up: a dust conversion, which is not read"


def _trade(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """Two coins of one market that moved against each other: a trade that is not stored."""
    found = [(m, other) for other in others if _against(drift, other) for m in _between(drift, other, evidence)]
    if not found:
        return None
    for market, other in found:
        if evidence.gap(market.symbol, _both(drift.span, other.span)):
            return "unread_symbol", f"{market.symbol} was not read in all of that time, and {_moved(other)} with it"
    market, other = found[0]
    return "missing_trade", f"{_moved(other)} with it: a trade of {market.symbol} that is not stored, or a conversion"


def _fee_of_a_trade(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """A fee coin that is down while two others look like a trade."""
    if drift.coin not in FEE_COINS or drift.difference > 0:
        return None
    for other in others:
        verdict = _trade(other, [o for o in others if o is not other], evidence)
        if verdict is not None:
            return verdict[0], f"the fee of a trade that is not stored: see {other.coin}"
    return None


def _not_read(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    return None if evidence.unread is None else ("unread_stream", evidence.unread)


def _on_its_way(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """A withdrawal takes its coins at once and is stored when it is through; a deposit may come in in parts."""
    kind: TransferKind = "deposit" if drift.difference > 0 else "withdrawal"
    since = evidence.waiting.get(kind)
    if since is None or since > drift.span.end:
        return None
    return "pending", f"a {kind} of {stamp(since)} is still on its way"


def _reward(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """A little more, again and again."""
    small = EXACT.multiply(drift.live, _REWARD_SHARE)
    if len(drift.changes) < 2 or any(change < 0 for change in drift.changes) or drift.difference > small:
        return None
    times = f"{len(drift.changes)} times"
    return "earn", f"a little more {drift.coin}, {times}: rewards of earn or staking, which are not read"


def _traded(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict | None:
    """Traded symbols that were not read: bought and sold again, only the coin paid with has changed."""
    symbols = [s for s in evidence.unread_of(drift.coin, drift.span) if s in evidence.traded]
    return ("unread_symbol", f"{_names(symbols)} not read in all of that time") if symbols else None


def _nothing_known(drift: Drift, others: Sequence[Drift], evidence: Evidence) -> Verdict:
    unread = evidence.unread_of(drift.coin, drift.span)
    rest = f"; not read in all of that time: {_names(unread)}" if unread else ""
    against = next((other for other in others if _against(drift, other)), None)
    if against is not None:
        return "unread_stream", f"{_moved(against)}, and no market trades the two: a conversion is not read{rest}"
    if not others and len(drift.changes) == 1:
        return "unread_stream", f"no other coin moved: a move between wallets is not read ({NOT_READ}){rest}"
    return "unknown", f"nothing that is read explains it; not read: {NOT_READ}{rest}"


# Patterns in which several coins moved by one cause, then signs that hold for a coin alone or a pair.
_PATTERNS: Final[tuple[Look, ...]] = (_earn_wallet, _other_coin, _dust)
_SIGNS: Final[tuple[Look, ...]] = (_trade, _fee_of_a_trade, _not_read, _on_its_way, _reward, _traded)

# --- what the looks share -----------------------------------------------------------------------------------------


def _between(one: Drift, two: Drift, evidence: Evidence) -> Iterable[Market]:
    """Markets of the two coins at a price that is not absurd."""
    for market in evidence.between.get(frozenset((one.coin, two.coin)), ()):
        base, quote = (one, two) if market.base == one.coin else (two, one)
        if _is_plausible(market, base, quote, evidence):
            yield market


def _is_plausible(market: Market, base: Drift, quote: Drift, evidence: Evidence) -> bool:
    """Whether the two are worth about the same, by the market's last price or in dollars; also where nobody knows."""
    usual, taken = evidence.prices.get(market.symbol), abs(quote.difference)
    given = None if usual is None else EXACT.multiply(abs(base.difference), usual)
    if given is None:
        worths = _worth(base, evidence), _worth(quote, evidence)
        if worths[0] is None or worths[1] is None:
            return True
        given, taken = worths[0], worths[1]
    return given <= EXACT.multiply(taken, _PRICE_FACTOR) and taken <= EXACT.multiply(given, _PRICE_FACTOR)


def _both(one: Span, two: Span) -> Span:
    return Span(max(one.start, two.start), min(one.end, two.end))


def _moved(drift: Drift) -> str:
    return f"{drift.coin} is {'up' if drift.difference > 0 else 'down'} by {_amount(drift)}"


def _is_small(drift: Drift, evidence: Evidence) -> bool:
    worth = _worth(drift, evidence)
    return worth is None or worth <= _DUST_WORTH


def _worth(drift: Drift, evidence: Evidence) -> Decimal | None:
    """About what it is worth in dollars, by the newest stored price; None where there is none."""
    if drift.coin in _DOLLARS:
        return abs(drift.difference)
    for quote in _DOLLARS:
        price = evidence.prices.get(f"{drift.coin}/{quote}")
        if price is not None:
            return EXACT.multiply(abs(drift.difference), price)
    return None


def _names(symbols: Sequence[str]) -> str:
    more = len(symbols) - _NAMED
    return ", ".join(symbols[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def stamp(at: datetime) -> str:
    """A time within a sentence."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
