"""Books' figures as the rows that were asked for, and the totals beneath them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from heapq import merge
from operator import itemgetter

from trademon.core.money import EXACT, ZERO, divide
from trademon.core.pnl import Tally
from trademon.core.pnl_reports import Mark, NetCurve, PnlReport, PnlRow, PnlStats, PnlTotal
from trademon.core.stats import Curve, Performance
from trademon.flows.pnl import PnlQuery, totals
from trademon.flows.pnl_figures import BookFigures, Steps, unit_of
from trademon.flows.pnl_returns import capital_of, returns, total_returns
from trademon.store.store import UserStore


def view(stores: Sequence[UserStore], query: PnlQuery, books: Sequence[BookFigures]) -> PnlReport:
    """The report of these books: rows as the query groups them, totals over all of them."""
    named = {book.method for book in books} or {query.method or (stores[0].default_method if stores else "fifo")}
    capital = capital_of(stores)
    rows = returns(rows_by(books, query), capital) if capital else rows_by(books, query)
    sums = total_returns(totals_of(books, query), [book.row for book in books], capital)
    return PnlReport(
        min(named) if len(named) == 1 else "mixed",
        tuple(rows),
        tuple(sums),
        sum(store.fills_stored() for store in stores),
        curves=tuple(curves_of(books)) if query.curve else (),
    )


def rows_by(books: Sequence[BookFigures], query: PnlQuery) -> list[PnlRow]:
    """One row a book; or grouped, and by time the newest last."""
    if unit_of(query) is not None:
        return sorted((row for book in books for row in book.periods), key=lambda row: row.period or "")
    if query.by is None:
        return [book.row for book in books]
    groups: dict[tuple[str, str, str], list[BookFigures]] = {}
    for book in books:
        own = book.row.symbol if query.by == "symbol" else book.row.broker
        groups.setdefault((book.row.user, own, book.row.currency), []).append(book)
    return [_joined(groups[key], query) for key in sorted(groups)]


def _joined(books: Sequence[BookFigures], query: PnlQuery) -> PnlRow:
    rows = [book.row for book in books]
    row = join_rows(rows, symbol=rows[0].symbol) if query.by == "symbol" else join_rows(rows, broker=rows[0].broker)
    return replace(row, stats=_stats(books)) if query.stats else row


def join_rows(rows: Sequence[PnlRow], *, broker: str = "", symbol: str = "") -> PnlRow:
    """One row for several of one user and one currency; without a `symbol` it has no quantities."""
    first, short = rows[0], {(row.open_quantity or ZERO) < 0 for row in rows if row.open_quantity}
    with localcontext(EXACT):
        held = sum((row.open_quantity or ZERO for row in rows), ZERO) if symbol else None
        # A long and a short have neither a cost nor a price in common.
        cost = None if len(short) > 1 else sum((row.open_cost or ZERO for row in rows), ZERO)
        return PnlRow(
            user=first.user,
            broker=broker,
            symbol=symbol,
            currency=first.currency,
            gross=sum((row.gross for row in rows), ZERO),
            fees=sum((row.fees for row in rows), ZERO),
            open_quantity=held,
            open_cost=cost,
            average_cost=_average(rows, cost, held) if cost is not None and short else None,
            unmatched_quantity=_unmatched(rows),
            unmatched_proceeds=sum((row.unmatched_proceeds for row in rows), ZERO),
            unmatched_fees=sum((row.unmatched_fees for row in rows), ZERO),
            unmatched_reason=_common(row.unmatched_reason for row in rows if row.has_unmatched),
            unvalued_fees=_unvalued(rows),
            disposals=sum(row.disposals for row in rows),
            fills=sum(row.fills for row in rows),
            mark=_mark(rows),
            unvalued=tuple(missing for row in rows for missing in row.unvalued),
            carried_unvalued=tuple(sorted({coin for row in rows for coin in row.carried_unvalued})),
        )


def _average(rows: Sequence[PnlRow], cost: Decimal, held: Decimal | None) -> Decimal | None:
    """Over several rows of one symbol; what a contract is worth is not the same everywhere."""
    if held is not None and len(rows) == 1:
        return rows[0].average_cost
    linear = not any(":" in row.symbol.rpartition("/")[2] for row in rows)
    return divide(cost, held.copy_abs()) if held and linear else None


def _unmatched(rows: Iterable[PnlRow]) -> Decimal | None:
    """The sum over rows of one base coin; None where it would add up different ones."""
    selling = [row for row in rows if row.has_unmatched]
    if len({row.symbol.partition("/")[0] for row in selling}) > 1:
        return None
    return sum((row.unmatched_quantity or ZERO for row in selling), ZERO)


def _common(texts: Iterable[str | None]) -> str | None:
    found = set(texts)
    return found.pop() if len(found) == 1 else None


def _unvalued(rows: Iterable[PnlRow]) -> tuple[tuple[str, Decimal], ...]:
    tally = Tally()
    for row in rows:
        tally.add_unvalued(row.unvalued_fees)
    return tuple(sorted(tally.unvalued.items()))


def _mark(rows: Iterable[PnlRow]) -> Mark | None:
    """What is open in all of them at its last prices; None where one of them has none."""
    held = [row for row in rows if row.open_quantity]
    marks = [row.mark for row in held if row.mark is not None]
    if not marks or len(marks) < len(held):
        return None
    prices = {mark.price for mark in marks} if len({row.symbol for row in held}) == 1 else set()
    unrealized = sum((mark.unrealized for mark in marks), ZERO)
    return Mark(prices.pop() if len(prices) == 1 else None, min(mark.at for mark in marks), unrealized)


# --- totals -------------------------------------------------------------------------------------------------------


def totals_of(books: Sequence[BookFigures], query: PnlQuery) -> tuple[PnlTotal, ...]:
    """Sums per currency, with what was asked for beside them."""
    sums = totals(book.row for book in books)
    if not query.stats:
        return sums
    return tuple(replace(t, stats=_stats([b for b in books if b.row.currency == t.currency])) for t in sums)


def _stats(books: Iterable[BookFigures]) -> PnlStats:
    performance = Performance()
    for _, net, closing in in_time([book.steps for book in books]):
        performance.add(net, closing=closing)
    return performance.figures()


def in_time(steps: Sequence[Steps]) -> Iterator[tuple[int, int, bool]]:
    """The steps of several books in the order of their time. Of one time they stand in the order of the books: which of
    them became known first must change no figure."""
    return merge(*steps, key=itemgetter(0))


def curves_of(books: Sequence[BookFigures]) -> Iterator[NetCurve]:
    """What was earned by when, a curve a currency."""
    for currency in sorted({book.row.currency for book in books}):
        steps = [book.steps for book in books if book.row.currency == currency and book.steps.nets]
        if steps:
            curve = Curve(min(s.at_us[0] for s in steps), max(s.at_us[-1] for s in steps))
            for at_us, net, _ in in_time(steps):
                curve.add(at_us, net)
            yield NetCurve(currency, curve.points())
