"""One line an event, for `watch` without a terminal: a word in brackets, the time in UTC, then plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from trademon.core.pnl_reports import PnlTotal
from trademon.core.reports import ExecutionRow, ScanReport
from trademon.core.watch_reports import WatchEvent
from trademon.ui.foreign import clean
from trademon.ui.json_out import format_millis
from trademon.ui.text import count, format_fee, format_money, format_price, format_quantity


def format_event(event: WatchEvent, *, show_user: bool = False) -> str:
    """`event` on one line, without an escape byte or a line break.

    Args:
        event: An `alert` with `ok` and no problem is a recovery: `[OK]`; any other alert is `[WARN]`.
        show_user: Whether rows of several users are mixed, so that each says whose it is.
    """
    words = _WORDS[event.event](event, _owner(event, show_user=show_user))
    return clean(" ".join(part for part in (_prefix(event), _stamp(_at(event)), words) if part))


def _prefix(event: WatchEvent) -> str:
    if event.event == "alert" and event.ok and event.problem is None:
        return "[OK]"
    return _PREFIXES[event.event]


def _at(event: WatchEvent) -> datetime:
    """When it happened: an execution when it was executed, not when it was found."""
    return event.execution.fill.executed_at if event.execution is not None else event.at


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _owner(event: WatchEvent, *, show_user: bool) -> str:
    """`main`, or `ann/main` where users are mixed; empty for what concerns no broker."""
    found = event.execution.fill if event.execution else event.problem
    broker = event.broker or (found.broker if found else None) or ""
    user = event.user or (found.user if found else None)
    return f"{user}/{broker}" if show_user and user else broker


def _text(event: WatchEvent, owner: str) -> str:
    return " ".join(part for part in (owner, event.text) if part)


def _scan(event: WatchEvent, owner: str) -> str:
    scan = event.scan or ScanReport(())
    good = sum(b.status == "ok" for b in scan.brokers)
    brokers = f"{good} of {count(len(scan.brokers), 'broker')} ok"
    new = count(scan.new_fills, "new fill")
    return f"cycle {event.cycle}: {brokers}, {new}, {format_millis(event.seconds or Decimal(0))} s"


def _execution(event: WatchEvent, owner: str) -> str:
    row = event.execution
    if row is None:
        return _text(event, owner)
    fill = row.fill
    what = f"{owner} {fill.symbol} {fill.side} {format_quantity(fill.quantity)} @ {format_price(fill.price)}"
    fees = ((fill.fee, fill.fee_currency), *fill.more_fees)
    paid = " + ".join(format_fee(amount, currency) for amount, currency in fees)
    return " ".join(part for part in (what, f"fee {paid}", result_words(row)) if part)


def result_words(row: ExecutionRow) -> str:
    """What a fill realised and what of it is in no figure: `P&L +2.43 USDT, ? 0.5 without known cost`."""
    said = [] if row.net is None else [f"P&L {format_money(row.net, row.currency)}"]
    if row.unmatched:
        said.append(f"? {format_quantity(row.unmatched)} without known cost")
    if row.unvalued:
        said.append("? fee unvalued")
    return ", ".join(said)


def _totals(event: WatchEvent, owner: str) -> str:
    if not event.totals:
        return "nothing realised yet"
    return "total " + ", ".join(_total(t) for t in event.totals)


def _total(total: PnlTotal) -> str:
    mark = " (incomplete: a sale without known cost or an unvalued fee is not in it)" if total.incomplete else ""
    return format_money(total.net, total.currency) + mark


def _problem(event: WatchEvent, owner: str) -> str:
    if event.problem is None:
        return _text(event, owner)
    hint = f" ({event.problem.hint})" if event.problem.hint else ""
    return f"{owner + ': ' if owner else ''}{event.problem.message}{hint}"


_PREFIXES: Final[Mapping[str, str]] = {
    "start": "[START]",
    "cycle": "[SCAN]",
    "fill": "[EXEC]",
    "pnl": "[PNL]",
    "alert": "[WARN]",
    "error": "[ERROR]",
    "stop": "[STOP]",
}
_WORDS: Final[Mapping[str, Callable[[WatchEvent, str], str]]] = {
    "start": _text,
    "cycle": _scan,
    "fill": _execution,
    "pnl": _totals,
    "alert": _problem,
    "error": _problem,
    "stop": _text,
}
