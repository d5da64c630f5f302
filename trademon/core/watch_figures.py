"""What the dashboard says was earned: by range, currency, broker and symbol, from the days that books are kept by.

Days are UTC days, as in `trademon pnl --by day`. Amounts of different currencies are never added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, Literal

from trademon.core.money import EXACT, ZERO

Range = Literal["today", "7d", "30d", "all"]
RANGES: Final[tuple[Range, ...]] = ("today", "7d", "30d", "all")
_DAYS: Final[dict[Range, int | None]] = {"today": 1, "7d": 7, "30d": 30, "all": None}


@dataclass(frozen=True, slots=True)
class BookDay:
    """What a book realised on one UTC day (counted from 1970-01-01), net. `unmatched`: something was sold whose cost
    is not known."""

    day: int
    net: Decimal
    disposals: int
    unmatched: bool = False


@dataclass(frozen=True, slots=True)
class BookEarned:
    """One book by day: `days` oldest first, those with executions alone. `hours` is what each hour of the newest day
    that was asked for brought, empty where that is not known. `provisional`: fees without a price, or costs not told
    yet, are in no figure."""

    user: str
    broker: str
    symbol: str
    currency: str
    days: tuple[BookDay, ...]
    hours: tuple[tuple[int, Decimal], ...] = ()
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Earned:
    """A net in one currency; `incomplete` where something is in no figure."""

    currency: str
    net: Decimal
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class SymbolEarned:
    """What a symbol of a broker brought within the range; `curve` what it had brought by the end of each day (or
    hour)."""

    user: str
    broker: str
    symbol: str
    earned: Earned
    disposals: int
    curve: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures of one range. `today`, `within` (the range) and `total` by currency; `curves` and `brokers` are of
    the range, as `symbols` are, which are sorted by how much they moved."""

    range: Range
    today: tuple[Earned, ...]
    within: tuple[Earned, ...]
    total: tuple[Earned, ...]
    curves: dict[str, tuple[Decimal, ...]]
    brokers: dict[tuple[str, str], tuple[Earned, ...]]
    symbols: tuple[SymbolEarned, ...]


def currencies_of(books: Iterable[BookEarned]) -> list[str]:
    """The currencies of these books, those of most books first: an order that holds still while figures move."""
    counts = Counter(book.currency for book in books)
    return sorted(counts, key=lambda currency: (-counts[currency], currency))


def first_day(books: Iterable[BookEarned], range_: Range, today: int) -> int:
    """The first day of a range that ends with `today`: not before there was anything."""
    first = min((book.days[0].day for book in books if book.days), default=today)
    days = _DAYS[range_]
    return min(today, first if days is None else max(first, today - days + 1))


def summarize(books: Sequence[BookEarned], range_: Range, today: int) -> Summary:
    """The figures of `range_`, which ends with the day `today`."""
    first = first_day(books, range_, today)
    order = currencies_of(books)
    with localcontext(EXACT):
        within, today_sums, total = _Sums(order), _Sums(order), _Sums(order)
        brokers: dict[tuple[str, str], _Sums] = {}
        sums: dict[str, dict[int, Decimal]] = {}
        symbols: list[SymbolEarned] = []
        for book in books:
            inside = [day for day in book.days if first <= day.day]
            total.add(book, book.days)
            today_sums.add(book, [day for day in inside if day.day >= today])
            within.add(book, inside)
            brokers.setdefault((book.user, book.broker), _Sums(order)).add(book, inside)
            steps = _steps(book, inside, range_)
            for at, net in steps:
                of_currency = sums.setdefault(book.currency, {})
                of_currency[at] = of_currency.get(at, ZERO) + net
            if any(day.disposals or day.unmatched or day.net for day in inside):
                symbols.append(_symbol(book, inside, _curve(dict(steps), range_, first, today)))
        curves = {currency: _curve(steps, range_, first, today) for currency, steps in sums.items()}
        symbols.sort(key=lambda one: (-abs(one.earned.net), one.symbol, one.broker))
        return Summary(
            range_,
            today_sums.earned(),
            within.earned(),
            total.earned(),
            curves,
            {key: one.earned() for key, one in brokers.items()},
            tuple(symbols),
        )


class _Sums:
    """Nets by currency; a currency without any execution in the time is not among them."""

    def __init__(self, order: Sequence[str]) -> None:
        self._order = order
        self._net: dict[str, Decimal] = {}
        self._incomplete: set[str] = set()

    def add(self, book: BookEarned, days: Sequence[BookDay]) -> None:
        if not days:
            return
        self._net[book.currency] = sum((day.net for day in days), self._net.get(book.currency, ZERO))
        if book.provisional or any(day.unmatched for day in days):
            self._incomplete.add(book.currency)

    def earned(self) -> tuple[Earned, ...]:
        return tuple(Earned(c, self._net[c], c in self._incomplete) for c in self._order if c in self._net)


def _symbol(book: BookEarned, days: Sequence[BookDay], curve: tuple[Decimal, ...]) -> SymbolEarned:
    net = sum((day.net for day in days), ZERO)
    incomplete = book.provisional or any(day.unmatched for day in days)
    disposals = sum(day.disposals for day in days)
    return SymbolEarned(book.user, book.broker, book.symbol, Earned(book.currency, net, incomplete), disposals, curve)


def _steps(book: BookEarned, inside: Sequence[BookDay], range_: Range) -> list[tuple[int, Decimal]]:
    """What was earned in each hour of today, or on each day of a longer range."""
    if range_ == "today":
        return list(book.hours)
    return [(day.day, day.net) for day in inside]


def _curve(steps: dict[int, Decimal], range_: Range, first: int, today: int) -> tuple[Decimal, ...]:
    """The running sum at the end of each hour up to the last one that brought something, or of each day up to today.
    Nothing where nothing moved."""
    if not any(steps.values()):
        return ()
    times = range(max(steps) + 1) if range_ == "today" else range(first, today + 1)
    so_far, curve = ZERO, []
    for at in times:
        so_far += steps.get(at, ZERO)
        curve.append(so_far)
    return tuple(curve)
