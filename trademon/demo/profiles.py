"""How a seeded world behaves: its markets, its pace, its fees, its oddities."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from trademon.demo.model import Market

_QUIET = (
    *("ADA", "ALGO", "APT", "ARB", "ATOM", "AVAX", "BCH", "CRV", "DOGE", "DOT", "EGLD", "EOS", "ETC", "FIL", "FLOW"),
    *("FTM", "GALA", "GRT", "HBAR", "ICP", "IMX", "INJ", "KAVA", "LDO", "LINK", "LTC", "MANA", "MKR", "NEAR", "OP"),
    *("PEPE", "POL", "QNT", "RENDER", "RUNE", "SAND", "SEI", "SHIB", "SNX", "STX", "SUI", "THETA", "TIA", "TON"),
    *("AXS", "BAT", "CHZ", "COMP", "DASH", "DYDX", "ENJ", "ENS", "GMX", "IOTA", "JASMY", "KSM", "LRC", "MASK", "NEO"),
    *("TRX", "UNI", "VET", "WIF", "WLD", "XLM", "XMR", "XTZ", "ZEC", "ZIL"),
)


def quiet_markets(bases: tuple[str, ...] = _QUIET, quotes: tuple[str, ...] = ("USDT",)) -> tuple[Market, ...]:
    """Markets that are listed and never traded here: a monitor has to find the used ones among them."""
    step, lot = Decimal("0.0001"), Decimal("0.1")
    return tuple(Market(base, quote, Decimal(1), step, lot) for base in bases for quote in quotes)


def third_coin_market(coin: str, price: Decimal) -> Market:
    """The market that says what an exchange's own coin is worth; nobody here has to trade on it."""
    step = Decimal("0.00000001")
    return Market(coin, "USDT", price, step, step)


@dataclass(frozen=True, slots=True)
class Profile:
    """The knobs of a seeded world; shares are probabilities per order, `_s` are seconds, rates are fractions."""

    name: str
    ids: Literal["per_symbol", "snowflake"]
    markets: tuple[Market, ...]
    deposits: Mapping[str, Decimal]
    third_coin: str
    third_coin_price: Decimal  # in USDT, when it is not a market here
    quiet: tuple[Market, ...] = field(default_factory=quiet_markets)
    history_hours: int = 60
    n_history_orders: int = 3000
    mean_live_s: float = 4.0
    maker_rate: Decimal = Decimal("0.001")
    taker_rate: Decimal = Decimal("0.001")
    fee_decimals: int = 8
    third_coin_share: float = 0.3
    several_fills_share: float = 0.35
    tie_share: float = 0.5  # of several fills: all in one millisecond
    tie_orders_share: float = 0.05  # orders placed in the millisecond of the one before
    cancelled_partly_share: float = 0.06
    cancelled_empty_share: float = 0.06
    expired_share: float = 0.05
    expired_in_match_share: float = 0.01
    rejected_share: float = 0.01
    resting_share: float = 0.06
    rest_s: tuple[int, int] = (60, 4 * 3600)
    fees_in_quote: bool = False  # as a bank takes them
    walk_ppm: int = 2500  # standard deviation of one price step, parts per million

    def __post_init__(self) -> None:
        """Refuse markets whose order values do not fit the eight decimals of the wire."""
        for market in self.markets:
            value = (market.tick * market.lot).normalize()
            if int(value.as_tuple().exponent) < -8:
                raise ValueError(f"{market.symbol}: tick x lot has more than 8 decimals")


def _market(symbol: str, price: str, tick: str, lot: str, notional: tuple[str, str]) -> Market:
    base, _, quote = symbol.partition("/")
    low, high = notional
    return Market(base, quote, Decimal(price), Decimal(tick), Decimal(lot), (Decimal(low), Decimal(high)))


_MAJORS = (
    _market("BTC/USDT", "67250.00", "0.01", "0.00001", ("120", "1900")),
    _market("ETH/USDT", "3460.00", "0.01", "0.0001", ("90", "1400")),
    _market("SOL/USDT", "152.40", "0.01", "0.001", ("60", "900")),
)
# The real ETHBTC has lots of 0.0001; ten times that keeps price x quantity within eight decimals.
_CROSS = _market("ETH/BTC", "0.05145", "0.00001", "0.001", ("0.001", "0.02"))

# What a scripted world lists beside the quiet markets: it may stand behind either exchange.
THIRD_COINS = (third_coin_market("BNB", Decimal(588)), third_coin_market("BGB", Decimal("1.184")))

BINANCE_TEST = Profile(
    name="binance",
    ids="per_symbol",
    markets=(*_MAJORS, _market("BNB/USDT", "588.00", "0.01", "0.001", ("60", "700")), _CROSS),
    deposits={"USDT": Decimal(150_000), "BTC": Decimal(1), "BNB": Decimal(5)},
    third_coin="BNB",
    third_coin_price=Decimal(588),
)
BITGET_TEST = Profile(
    name="bitget",
    ids="snowflake",
    markets=(
        *_MAJORS,
        _market("XRP/USDT", "0.5820", "0.0001", "0.1", ("40", "700")),
        _market("BGB/USDT", "1.1840", "0.0001", "0.01", ("40", "500")),
    ),
    deposits={"USDT": Decimal(120_000), "BGB": Decimal(2_000)},
    third_coin="BGB",
    third_coin_price=Decimal("1.184"),
    fee_decimals=12,
)

BINANCE_DEMO = replace(
    BINANCE_TEST,
    deposits={"USDT": Decimal(40_000), "BTC": Decimal("0.25"), "BNB": Decimal(3)},
    n_history_orders=120,
    mean_live_s=4.5,
    cancelled_empty_share=0.04,
    several_fills_share=0.3,
    tie_orders_share=0.02,
    rest_s=(20, 900),
)
BITGET_DEMO = replace(
    BITGET_TEST,
    deposits={"USDT": Decimal(25_000), "BGB": Decimal(1_500)},
    n_history_orders=80,
    mean_live_s=5.5,
    cancelled_empty_share=0.04,
    several_fills_share=0.3,
    tie_orders_share=0.02,
    rest_s=(20, 900),
)
SAXO_DEMO = Profile(
    name="saxo",
    ids="snowflake",
    markets=(
        _market("AAPL:xnas/USD", "228.50", "0.01", "1", ("500", "6000")),
        _market("NOVOb:xcse/DKK", "612.40", "0.10", "1", ("4000", "40000")),
        _market("EUR/USD", "1.0845", "0.00001", "1000", ("5000", "40000")),
    ),
    deposits={"USD": Decimal(120_000), "DKK": Decimal(300_000)},
    third_coin="DKK",
    third_coin_price=Decimal("0.145"),
    quiet=(),
    fee_decimals=2,
    third_coin_share=0,
    fees_in_quote=True,
    n_history_orders=60,
    mean_live_s=6.0,
    rest_s=(20, 900),
)
