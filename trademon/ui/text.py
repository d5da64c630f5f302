"""Numbers, times and foreign text as a person reads them.

Decimals are never grouped with spaces: `0.0015` pasted into another program must still be `0.0015`. Thousands are
apart with commas, which every program that refuses them refuses loudly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from rich.text import Text

from trademon.core.entries import written_decimals
from trademon.core.money import ZERO, round_figure, strip_zeros
from trademon.core.symbols import is_money
from trademon.ui.foreign import clean
from trademon.ui.zone import local

_CONTEXT: Final = Context(prec=260, rounding=ROUND_HALF_EVEN)
ADD_BROKER: Final = "trademon broker add NAME --exchange binance"
MOST_DECIMALS: Final = 12
"""A price with more is a quotient, and written as one."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of one screen: `borders` are top left, top right, bottom left, bottom right, across, down; `mark`
    stands before what is selected; `steps` are a small curve's, lowest first."""

    ok: str
    warn: str
    fail: str
    idle: str
    none: str
    about: str
    then: str
    more: str
    cut: str
    borders: str
    rule: str
    mark: str
    steps: str


UNICODE: Final = Glyphs("●", "▲", "✖", "·", "—", "±", "→", "×", "…", "╭╮╰╯─│", "─", "▸", "▁▂▃▄▅▆▇█")
ASCII: Final = Glyphs("*", "!", "x", ".", "-", "+/-", "->", "x", "..", "++++-|", "-", ">", "_.,-~=+#")


def glyphs_for(encoding: str | None) -> Glyphs:
    """The signs a stream of this encoding can carry; ASCII where one of them would raise."""
    try:
        "●▲✖·—±→×…╭─│▸▁█".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


# --- foreign text -------------------------------------------------------------------------------------------------


def plain(text: str, style: str = "") -> Text:
    """Cleaned text as one Rich value: never markup, so `[/]` is three characters."""
    return Text(clean(text), style=style, no_wrap=True, end="")


def to_begin(then: str, *, no_broker: bool) -> str:
    """What to do where nothing is known yet. Without a broker any other command would only say that one is missing."""
    return f"{ADD_BROKER}, then {then}" if no_broker else then


def sentence(text: str, style: str = "") -> Text:
    """Prose that folds between words at any width."""
    return Text(clean(text), style=style, overflow="fold")


def joined(*parts: Text) -> Text:
    """Parts on one line, each in its own style only: a `Text` would lend its style to what is appended to it."""
    line = Text(no_wrap=True, end="")
    for part in parts:
        line.append_text(part)
    return line


def clip(text: str, cells: int, glyphs: Glyphs = UNICODE) -> str:
    """A name of at most `cells` cells. For names only: a number is never clipped."""
    shown = clean(text)
    if Text(shown).cell_len <= cells:
        return shown
    cut = Text(shown)
    cut.truncate(cells - len(glyphs.cut), overflow="crop")
    return cut.plain.rstrip() + glyphs.cut


# --- numbers ------------------------------------------------------------------------------------------------------


def format_quantity(value: Decimal) -> str:
    """Every significant digit, no trailing zeros, thousands apart: `5,000`, `0.00000001`."""
    return format(strip_zeros(value), ",f")


def format_price(value: Decimal, places: int = 2) -> str:
    """Every significant digit, at least that many decimals: `47,000.00`, `0.0812`."""
    return format(_at_least(strip_zeros(value), places), ",f")


def market_places(prices: Iterable[tuple[str, Decimal | None]]) -> dict[str, int]:
    """The decimals in which prices of each market are written below each other: as many as one of them needs, so that
    `0.0519` stands as `0.05190` beside `0.05193`. A price with more than MOST_DECIMALS is a quotient and counts for
    nothing."""
    places: dict[str, int] = {}
    for symbol, price in prices:
        needed = 0 if price is None else written_decimals(strip_zeros(price))
        places[symbol] = max(places.get(symbol, 2), needed if needed <= MOST_DECIMALS else 0)
    return places


def format_average(value: Decimal) -> str:
    """A quotient, which has no last digit: two decimals, more below 10,000 to keep six significant digits."""
    figure = round_figure(value)
    places = max(2, 5 - figure.adjusted()) if figure else 2
    return format_price(_round(figure, places))


def format_amount(value: Decimal, currency: str, *, sign: bool = True) -> str:
    """Money without its unit, in the decimals of `currency`: `+2,431.77`, `-0.00012000`.

    What is not zero never shows as zero: below the last decimal, two significant digits are shown instead.
    """
    figure = round_figure(value)
    if not figure:
        return format(_round(ZERO, decimals_of(currency)), "f")
    shown = _round(figure, decimals_of(currency))
    if not shown:
        shown = strip_zeros(_round(figure, 1 - figure.adjusted()))
    return format(shown, "+,f" if sign else ",f")


def format_money(value: Decimal, currency: str, sign: bool = True) -> str:
    """`format_amount` with its unit: `+2.43 USDT`."""
    return f"{format_amount(value, currency, sign=sign)} {clean(currency)}".rstrip()


def format_percent(value: Decimal, *, sign: bool = False) -> str:
    """A percentage to the hundredth: `60.00 %`, `+12.34 %`."""
    return format(_round(value, 2), "+,f" if sign and value else ",f") + " %"


def format_fee(amount: Decimal, currency: str) -> str:
    """A fee as the exchange charged it, every digit; a rebate has a minus: `0.07 USDT`."""
    return f"{format_quantity(amount)} {clean(currency)}".rstrip()


def decimals_of(currency: str) -> int:
    """2 for fiat and for coins that follow it, 8 for all others."""
    return 2 if is_money(currency) else 8


def quote_of(symbol: str) -> str:
    """`USDT` of `BTC/USDT` and of `BTC/USDT:USDT`; empty where the symbol does not say."""
    _, _, rest = symbol.partition("/")
    return rest.partition(":")[0]


def money_style(value: Decimal) -> str:
    """Green for a gain, red for a loss; the sign says the same without colour."""
    return "green" if value > 0 else "red" if value < 0 else ""


def _round(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), context=_CONTEXT)


def _at_least(value: Decimal, places: int) -> Decimal:
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and -exponent >= places else _round(value, places)


# --- times --------------------------------------------------------------------------------------------------------


def format_age(seconds: float | Decimal) -> str:
    """A span as its two largest units: `41 s`, `2 m`, `3 h 12 m`, `4 d 2 h`. Below zero it is `0 s`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} m"
    if whole < _DAY:
        return _two(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "m")
    return _two(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large:,} {unit} {small} {small_unit}" if small else f"{large:,} {unit}"


def format_clock(at: datetime, *, now: datetime) -> str:
    """Time of day where the person is, or the date there when that is another day than `now`'s."""
    here = local(at)
    return f"{here:%H:%M:%S}" if here.date() == local(now).date() else f"{here:%Y-%m-%d}"


def format_stamp(at: datetime) -> str:
    """Date and time where the person is, to the second: `2026-11-21 14:02:11`."""
    return f"{local(at):%Y-%m-%d %H:%M:%S}"


def shared_stamps(stamps: list[str]) -> tuple[str, list[str]]:
    """A title, and what of each time it does not say: a day or a year that all rows share stands above them."""
    if len({stamp[:10] for stamp in stamps}) == 1:
        return stamps[0][:10], [stamp[11:] for stamp in stamps]
    if len({stamp[:4] for stamp in stamps}) == 1:
        return stamps[0][:4], [stamp[5:] for stamp in stamps]
    return "time", stamps


def format_seconds(seconds: Decimal) -> str:
    """A duration to the hundredth: `0.41 s`."""
    return f"{_round(seconds, 2):,f} s"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 fill`, `1,204 fills`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def several(users: Iterable[str]) -> bool:
    """Whether rows of more than one user are listed, so that each must say whose it is."""
    return len(set(users)) > 1
