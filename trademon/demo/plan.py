"""The fate of one order, drawn at its creation: what fills when, and how it ends."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from random import Random

from trademon.demo.model import Market, OrderType, Side
from trademon.demo.profiles import Profile


@dataclass(slots=True)
class PlannedFill:
    """A fill to come; its fee is set when the order is paid for, its id when it executes."""

    symbol: str
    ms: int
    quantity: Decimal
    price: Decimal
    is_maker: bool
    wants_third_coin: bool
    fee: Decimal = Decimal(0)
    fee_currency: str = ""
    order_index: int = -1


@dataclass(frozen=True, slots=True)
class Plan:
    """An order to be: `limit` is 0 for MARKET; `status` holds from `ended_ms` on."""

    side: Side
    type: OrderType
    quantity: Decimal
    limit: Decimal
    status: str
    ended_ms: int
    time_in_force: str
    fills: list[PlannedFill]


def draw_plan(
    rng: Random, profile: Profile, *, market: Market, side: Side, quantity: Decimal, price: Decimal, ms: int
) -> Plan:
    """Draw how an order of `quantity` (base units) at `price`, placed at `ms`, goes on."""
    lots = int(quantity / market.lot)
    fate = _draw_fate(rng, profile, lots)
    wants_third = rng.random() < profile.third_coin_share
    rests = fate in ("RESTING", "CANCELED_PARTLY", "CANCELED")
    filled_lots = _filled_lots(rng, fate, lots)
    pieces = _split(rng, filled_lots, _n_pieces(rng, profile, fate))
    times = _resting_times(rng, profile, ms, len(pieces)) if rests else _instant_times(rng, profile, ms, len(pieces))
    away = market.tick * rng.randint(1, 20)
    sign = 1 if side == "buy" else -1
    # A resting order waits on its own side of the price and fills at its limit; a taker climbs a tick a piece.
    prices = [price - sign * away] * len(pieces) if rests else [price + sign * i * market.tick for i in range(5)]
    limit = prices[0] if rests and pieces else price - sign * away if rests else prices[4]
    fills = [
        PlannedFill(market.symbol, at, n * market.lot, each, rests, wants_third)
        for n, at, each in zip(pieces, times, prices, strict=False)
    ]
    is_market = not rests and fate != "REJECTED" and rng.random() < 0.6
    ended_ms = times[-1] if times else ms
    if fate.startswith("CANCELED"):
        ended_ms += rng.randint(1_000, 120_000)
    return Plan(
        side=side,
        type="MARKET" if is_market else "LIMIT",
        quantity=quantity,
        limit=Decimal(0) if is_market else limit,
        status={"RESTING": "FILLED", "CANCELED_PARTLY": "CANCELED"}.get(fate, fate),
        ended_ms=ended_ms,
        time_in_force="IOC" if fate == "EXPIRED" and not is_market else "GTC",
        fills=fills,
    )


def _draw_fate(rng: Random, profile: Profile, lots: int) -> str:
    roll = rng.random()
    shares = (
        ("CANCELED", profile.cancelled_empty_share),
        ("REJECTED", profile.rejected_share),
        ("CANCELED_PARTLY", profile.cancelled_partly_share),
        ("EXPIRED", profile.expired_share),
        ("EXPIRED_IN_MATCH", profile.expired_in_match_share),
        ("RESTING", profile.resting_share),
    )
    for fate, share in shares:
        if roll < share:
            # One lot cannot fill in part.
            return "FILLED" if lots < 2 and fate not in ("CANCELED", "REJECTED") else fate
        roll -= share
    return "FILLED"


def _filled_lots(rng: Random, fate: str, lots: int) -> int:
    if fate in ("CANCELED", "REJECTED"):
        return 0
    return lots if fate in ("FILLED", "RESTING") else rng.randint(1, lots - 1)


def _n_pieces(rng: Random, profile: Profile, fate: str) -> int:
    if fate == "RESTING" or rng.random() < profile.several_fills_share:
        return rng.randint(2, 5)
    return 1


def _split(rng: Random, lots: int, n: int) -> list[int]:
    """`lots` in at most `n` parts of at least one."""
    if lots == 0:
        return []
    cuts = sorted(rng.sample(range(1, lots), min(n, lots) - 1))
    return [b - a for a, b in pairwise([0, *cuts, lots])]


def _instant_times(rng: Random, profile: Profile, ms: int, n: int) -> list[int]:
    step = 0 if rng.random() < profile.tie_share else rng.randint(1, 40)
    return [ms + i * step for i in range(n)]


def _resting_times(rng: Random, profile: Profile, ms: int, n: int) -> list[int]:
    """Ascending, over the seconds or hours the order rests."""
    length = rng.randint(*profile.rest_s) * 1000
    return sorted(ms + rng.randint(200, max(200, length)) for _ in range(n))
