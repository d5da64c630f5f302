"""A seeded futures account: a pure function of (seed, start, mode), drawn as a script of fills, funding and transfers.

It trades three contracts, opens and closes in several fills of one millisecond, flips where the mode allows it, is
liquidated now and then, pays some fees in the exchange's own coin, and pays or receives funding every eight hours.
"""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random

from trademon.demo.futures import FuturesWorld, PositionSide
from trademon.demo.model import Clock, Market, Side, from_ms, to_ms

_EIGHT_HOURS_MS = 8 * 3_600_000
_MARKETS = (
    Market("BTC", "USDT", Decimal(67_250), Decimal("0.1"), Decimal("0.001")),
    Market("ETH", "USDT", Decimal(3_460), Decimal("0.01"), Decimal("0.001")),
    Market("SOL", "USDT", Decimal("152.4"), Decimal("0.01"), Decimal("0.1")),
)
_OWN_COIN = {"binance": "BNB", "bitget": "BGB"}
_OWN_PRICE = {"BNB": Decimal(588), "BGB": Decimal("1.184")}
FUTURES_MARKETS = (
    *_MARKETS,
    *(Market(coin, "USDT", price, Decimal("0.001"), Decimal("0.01")) for coin, price in _OWN_PRICE.items()),
    *(Market(f"QUIET{n}", "USDT", Decimal(1), Decimal("0.0001"), Decimal("0.1")) for n in range(60)),
)


def draw_futures(
    seed: int,
    started_at: datetime,
    clock: Clock,
    *,
    exchange: str = "binance",
    is_hedged: bool = False,
    orders: int = 300,
    days: int = 3,
) -> FuturesWorld:
    """`orders` orders in the `days` before `started_at`, some with a fee in the exchange's own coin."""
    rng = Random(f"{seed}:{exchange}:{is_hedged}")  # noqa: S311 - reproducible, not secret
    world = FuturesWorld(clock, FUTURES_MARKETS, is_hedged, deposit=Decimal(50_000))
    world.pay("transfer", "2500", started_at - timedelta(days=days))
    end = to_ms(started_at)
    begin = end - days * 86_400_000
    times = sorted(rng.randint(begin + 1000, end - 1000) for _ in range(orders))
    prices = {market.symbol: market.price for market in _MARKETS}
    funded = begin // _EIGHT_HOURS_MS + 1
    for n, ms in enumerate(times):
        while funded * _EIGHT_HOURS_MS <= ms:
            _fund(world, rng, from_ms(funded * _EIGHT_HOURS_MS))
            funded += 1
        market = rng.choice(_MARKETS)
        step = 1 + Decimal(rng.randint(-400, 400)) / 100_000
        prices[market.symbol] = (prices[market.symbol] * step / market.tick).to_integral_value() * market.tick
        _order(world, rng, market, prices[market.symbol], ms, order_id=str(800_000 + n), own=_OWN_COIN[exchange])
    world.pay("rebate", "1.25", started_at - timedelta(minutes=5))
    return world


def _order(
    world: FuturesWorld, rng: Random, market: Market, price: Decimal, ms: int, *, order_id: str, own: str
) -> None:
    side, position_side, most = _intent(world, rng, market)
    lots = rng.randint(1, 40)
    if most is not None:
        lots = min(lots, int(most / market.lot))
    if rng.random() < 0.25 and most:  # all of it
        lots = int(most / market.lot)
    is_forced = most is not None and rng.random() < 0.03
    in_own = rng.random() < 0.2
    pieces = rng.randint(1, 4)
    for n in range(pieces):
        part = lots // pieces if n < pieces - 1 else lots - lots // pieces * (pieces - 1)
        if not part:
            continue
        quantity = part * market.lot
        paid = price + n * market.tick * (1 if side == "buy" else -1)
        rate = Decimal("0.0002") if rng.random() < 0.3 else Decimal("0.0005")
        fee = quantity * paid * rate / (_OWN_PRICE[own] if in_own else 1)
        at = from_ms(ms + (0 if rng.random() < 0.5 else n))
        world.trade(
            market.symbol,
            side,
            str(quantity),
            str(paid),
            max(at, world.fills[-1].executed_at if world.fills else at),
            position_side=position_side,
            fee=str(fee.quantize(Decimal("0.00000001"), ROUND_DOWN)),
            fee_currency=own if in_own else "USDT",
            order_id=order_id,
            is_maker=rate < Decimal("0.0005"),
            is_forced=is_forced,
        )
    if is_forced:
        world.pay("liquidation fee", "-0.5", world.fills[-1].executed_at, symbol=market.symbol)


def _intent(world: FuturesWorld, rng: Random, market: Market) -> tuple[Side, PositionSide, Decimal | None]:
    """Side, position side, and how much at most where it closes."""
    if not world.is_hedged:
        return rng.choice(("buy", "sell")), "both", None
    position_side: PositionSide = rng.choice(("long", "short"))
    opens: Side = "buy" if position_side == "long" else "sell"
    held = world.held.get((market.symbol, position_side))
    if held is not None and held.quantity and rng.random() < 0.5:
        return ("sell" if opens == "buy" else "buy"), position_side, abs(held.quantity)
    return opens, position_side, None


def _fund(world: FuturesWorld, rng: Random, at: datetime) -> None:
    """Longs pay shorts, or the other way round."""
    for (symbol, _), held in sorted(world.held.items()):
        if held.quantity:
            amount = -held.quantity * world.price(symbol) * Decimal(rng.randint(-10, 20)) / 100_000
            amount = amount.quantize(Decimal("0.00000001"))
            if amount:
                world.pay("funding", str(amount), at, symbol=symbol)
