"""Foreign cells into ours, as text: what is not clear is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, DecimalException
from typing import Final, Literal
from zoneinfo import ZoneInfo

from trademon.core.money import EXACT, parse_decimal
from trademon.errors import DataError, UsageError

_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
_POINTS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?", re.ASCII)
_GLUED: Final = re.compile(r"([+-]?[\d.,]+)\s*([^\W\d_]\w*)?")
_OFFSET: Final = re.compile(r"(?:UTC)?([+-])(\d{1,2}):?(\d\d)?", re.ASCII)
_DAY_FIRST: Final = re.compile(r"(\d\d)-(\d\d|[A-Za-z]{3})-(\d{4})(.*)", re.ASCII)
_SHORT_YEAR: Final = re.compile(r"\d\d-\d\d-\d\d[ T].*", re.ASCII)
_YEAR_FIRST: Final = re.compile(r"(\d{4})[./](\d\d)[./](\d\d)(.*)", re.ASCII)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SIDES: Final = {
    **dict.fromkeys(("buy", "b", "bought", "bid"), "buy"),
    **dict.fromkeys(("sell", "s", "sold", "ask"), "sell"),
}
# What Binance and Bitget trade against besides what our own split knows. AEUR is not here: ADAEUR ends in it.
_MORE_QUOTES: Final = (
    *("ARS", "AUD", "BGB", "BIDR", "BKRW", "BVND", "COP", "CZK", "DOGE", "EURI", "GYEN", "IDRT", "MXN", "NGN", "PAX"),
    *("PLN", "RON", "RUB", "SOL", "TRX", "UAH", "USDP", "USDS", "UST", "VAI", "XRP", "ZAR"),
)
Fix = Callable[[str], str]
Dates = Literal["year first", "day first", "short year"]


def number_of(separator: str, *, groups: bool = False) -> Fix:
    """How the numbers of a file are read: by its separator, and by whether its exchange groups digits."""
    if separator == ";":
        return semicolon_number
    return grouped_number if groups else comma_number


def comma_number(text: str) -> str:
    """A number in a file of commas: a comma within it is refused, for it may group digits or begin the decimals."""
    if "," in text and not ("." in text and _GROUPED.fullmatch(text)):
        raise DataError(f"it is not a number that reads one way only: {text[:40]!r}", hint="write it as in 1234.56")
    return text.replace(",", "")


def grouped_number(text: str) -> str:
    """A number of an exchange that groups digits with commas: `1,234.5` and `1,234`."""
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def semicolon_number(text: str) -> str:
    """A number in a file of semicolons, where a comma begins the decimals and points may group digits."""
    if _POINTS.fullmatch(text):
        if "," not in text and text.count(".") == 1:
            raise DataError(
                f"it is not a number that reads one way only: {text[:40]!r}", hint="write it as in 1234,56 or 1234.50"
            )
        return text.replace(".", "").replace(",", ".")
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def glued(text: str, number: Fix, coins: tuple[str, ...] = ()) -> tuple[str, str]:
    """`0.5BTC` as number and coin. A coin may begin with a digit: one of `coins`, where it fits, is what it ends in."""
    for coin in coins:
        rest = text.removesuffix(coin).rstrip()
        if coin and rest != text and _is_number(rest):
            return number(rest), coin
    found = _GLUED.fullmatch(text)
    if found is None:
        raise DataError(f"it is not a number with a coin behind it: {text[:40]!r}")
    return number(found[1]), found[2] or ""


def split_pair(pair: str, quantity: str, total: str) -> tuple[str, str] | None:
    """Base and quote of `1INCHUSDT`, from the coins behind an amount of each; None where they have none."""
    text = pair.upper().replace("/", "").replace("_", "").replace("-", "")
    for cut in range(len(text) - 1, 0, -1):
        base, quote = text[:cut], text[cut:]
        amounts = (quantity.upper().removesuffix(base), total.upper().removesuffix(quote))
        if amounts != (quantity.upper(), total.upper()) and all(_is_number(a) for a in amounts):
            return base, quote
    return None


def _is_number(text: str) -> bool:
    return bool(text) and all(c in "0123456789.,+- " for c in text)


def more_quotes(pair: str) -> str:
    """A pair with a slash where it ends in a coin that only exchanges quote in; otherwise as it is."""
    name = pair.upper().removesuffix("_SPBL")
    if "/" in name or "-" in name or "_" in name:
        return name.replace("_", "/")
    quote = next((q for q in _MORE_QUOTES if name.endswith(q) and name != q), "")
    return f"{name.removesuffix(quote)}/{quote}" if quote else name


def side(text: str) -> str:
    """`buy` or `sell` for the words that mean one of them; long and short mean neither: one may open or close."""
    try:
        return _SIDES[text.strip().casefold()]
    except KeyError:
        raise DataError(f"{text[:20]!r} is neither buy nor sell") from None


def currency(text: str) -> str:
    """A currency's code. `GBp` are pence: a hundredth of a GBP, and a currency of their own here."""
    return "GBX" if text == "GBp" else text.upper()


def divided(total: str, quantity: str) -> str:
    """`total / quantity` as a price, exactly.

    Raises:
        DataError: it has no end within 30 decimals.
    """
    whole, parts = parse_decimal(total, what="it"), parse_decimal(quantity, what="the quantity")
    try:
        price = EXACT.divide(whole, parts)
        return str(parse_decimal(price, what="it"))
    except (DecimalException, DataError):
        raise DataError(
            f"{total[:40]} divided by {quantity[:40]} is no price of 30 decimals", hint="name a column of prices"
        ) from None


def is_zero(number: str) -> bool:
    """Whether it is a number, and zero."""
    return parse_decimal(number, what="it") == Decimal(0)


# --- times ---------------------------------------------------------------------------------------------------------


def parse_zone(name: str) -> tzinfo:
    """`Europe/Copenhagen`, `UTC`, `+08:00` or `UTC-6`.

    Raises:
        UsageError: there is no such zone.
    """
    if name in ("UTC", "Z"):
        return UTC
    found = _OFFSET.fullmatch(name)
    try:
        if found is None:
            return ZoneInfo(name)
        offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        return timezone(-offset if found[1] == "-" else offset)
    except (ValueError, OSError, KeyError):
        raise UsageError(
            f"there is no time zone {name[:40]!r}", hint="write it as in Europe/Copenhagen or +08:00"
        ) from None


def iso_time(text: str, zone: tzinfo, dates: Dates) -> str:
    """A time as ISO 8601 with its offset; one that names none is in `zone`.

    Raises:
        DataError: no time, or one that the clocks of `zone` show twice or never.
    """
    try:
        at = datetime.fromisoformat(_year_first(text, dates))
    except ValueError:
        raise DataError(f"it is not a time: {text[:40]!r}", hint="write it as in 2026-01-31T10:00:00Z") from None
    if at.tzinfo is not None or zone is UTC:
        return at.isoformat()  # our own parser takes a time that names no zone for UTC
    early, late = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        often = "twice" if early.astimezone(UTC) < late.astimezone(UTC) else "never"
        raise DataError(
            f"{text[:40]!r} happens {often} in {zone}, where the clocks change",
            hint="write this time with its offset, as in 2026-10-25T02:30:00+02:00",
        )
    return early.isoformat()


def _year_first(text: str, dates: Dates) -> str:
    """The spellings of exports, as ISO. `05-01-2026` and `26-01-05` only where the export is known to mean that."""
    if dates == "short year" and _SHORT_YEAR.fullmatch(text):
        return f"20{text}"
    if found := _YEAR_FIRST.fullmatch(text):
        return f"{found[1]}-{found[2]}-{found[3]}{found[4]}"
    found = _DAY_FIRST.fullmatch(text)
    if found is None:
        return text
    day, month, year, rest = found.groups()
    if not month.isdigit():
        if month.lower() not in _MONTHS:
            raise DataError(f"it is not a time: {text[:40]!r}", hint="months are in English: 05-Jan-2026")
        month = f"{_MONTHS.index(month.lower()) + 1:02d}"
    elif dates != "day first":
        raise DataError(f"{text[:40]!r} may begin with the day or the month", hint="write it as in 2026-01-31")
    return f"{year}-{month}-{day}{rest}"
