"""Reads the cases of `cases/*.txt` and tells what trademon makes of them.

A case is prose behind `#`, `market swap` where the book may go short, one fill a line, as `2026-01-01 10:00:00 buy
0.001 BTC/USDT @ 45,000 fee 0.045 USDT id 1`, and a line `expect METHOD ...` for each method, which `regenerate`
rewrites. The arithmetic above it is done by hand: where the two differ, one is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path

from trademon.core.model import METHODS, Fee, Fill, Method, fill_order
from trademon.core.money import EXACT, ZERO, format_figure, parse_decimal
from trademon.core.pnl import Book, fold
from trademon.core.times import parse_time

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))


@dataclass(frozen=True)
class Case:
    signed: bool
    fills: tuple[tuple[int, Fill], ...]
    expected: dict[Method, str]


def load(text: str) -> Case:
    """A case from its text; fills without an id are numbered as they stand."""
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    told = [line for line in lines if line[0].isdigit()]
    fills = [(n, parse_fill(line, n)) for n, line in enumerate(told, start=1)]
    expected = {m: line for line in lines for m in METHODS if line.split()[:2] == ["expect", m]}
    assert len(told) + len(expected) + ("market swap" in lines) == len(lines), "a line that means nothing"
    return Case("market swap" in lines, tuple(sorted(fills, key=lambda entry: fill_order(entry[1]))), expected)


def parse_fill(line: str, n: int) -> Fill:
    day, time, side, quantity, symbol, at, price, *rest = line.replace(",", "").split()
    assert at == "@" and side in ("buy", "sell")  # noqa: PT018
    base, quote = symbol.split("/")
    words, fees, trade_id = iter(rest), [], str(n)
    for word in words:
        if word == "fee":
            fees.append(Fee(parse_decimal(next(words)), next(words)))
        else:
            assert word == "id"
            trade_id = next(words)
    amounts, when = (parse_decimal(quantity), parse_decimal(price)), parse_time(f"{day}T{time}Z")
    return Fill(trade_id, symbol, base, quote, "buy" if side == "buy" else "sell", *amounts, when, tuple(fees))


def tell(case: Case, method: Method) -> str:
    """The expected line as trademon would write it today."""
    book = Book(method, case.signed)
    list(fold(book, case.fills))
    tally, lots = book.tally, book.open_lots
    with localcontext(EXACT):
        words = [f"expect {method:<7}", *named(gross=tally.gross, fees=tally.fees, net=tally.gross - tally.fees)]
        cost, carried = sum((lot.cost for lot in lots), ZERO), sum((lot.fees for lot in lots), ZERO)
        words += named(open=book.open_quantity, cost=cost) if lots else ["flat"]
        words += named(carrying=carried) if carried else []
        if tally.unmatched_quantity:
            unmatched = {"unmatched": tally.unmatched_quantity, "proceeds": tally.unmatched_proceeds}
            words += named(**unmatched, **({"fees": tally.unmatched_fees} if tally.unmatched_fees else {}))
        words += [f"unvalued {format_figure(amount)} {coin}" for coin, amount in sorted(tally.unvalued.items())]
    return "  ".join(words)


def named(**figures: Decimal) -> list[str]:
    return [f"{name} {format_figure(figure)}" for name, figure in figures.items()]


def regenerated(text: str) -> str:
    """The same text, its `expect` lines as the code would have them."""
    case = load(text)
    fresh = {line: tell(case, method) for method, line in case.expected.items()}
    return "".join(f"{fresh.get(line.strip(), line)}\n" for line in text.splitlines())
