"""Reports as tab-separated lines for a pipe: exact figures, UTC times, no decoration, a header in lower case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from trademon.core.pnl_reports import PnlReport
from trademon.core.reports import DEFAULT_LANGUAGE, BrokersReport, FillsReport, ScanReport, UsersReport
from trademon.core.times import format_time
from trademon.ui.csv_out import FILL_COLUMNS, fill_cells, pnl_table
from trademon.ui.foreign import clean
from trademon.ui.json_out import format_millis

Table = tuple[tuple[str, ...], Iterable[tuple[str, ...]]]


def tsv(report: FillsReport | PnlReport | ScanReport | BrokersReport | UsersReport) -> str:
    """`report` as lines, each with a newline; only the header where there is nothing."""
    header, rows = _TABLES[type(report)](report)
    return "".join("\t".join(clean(cell) for cell in row) + "\n" for row in (header, *rows))


def _fills(report: FillsReport) -> Table:
    return FILL_COLUMNS, (fill_cells(f) for f in report.fills)


def _scan(report: ScanReport) -> Table:
    header = ("broker", "user", "status", "new_fills", "requests", "seconds", "problem")
    return header, (
        (
            *(b.broker, b.user, b.status, str(b.new_fills), str(b.requests), format_millis(b.seconds)),
            b.problem.message if b.problem else "",
        )
        for b in report.brokers
    )


def _brokers(report: BrokersReport) -> Table:
    header = ("name", "user", "exchange", "market", "enabled", "has_key", "fills", "complete_since", "last_good_at")
    return header, (
        (
            *(b.name, b.user, b.exchange, b.market, _word(b.enabled), _word(b.has_key), str(b.fills)),
            format_time(b.complete_since) if b.complete_since else "",
            format_time(b.last_good_at) if b.last_good_at else "",
        )
        for b in report.brokers
    )


def _users(report: UsersReport) -> Table:
    header = ("name", "active", "method", "currency", "brokers", "created_at")
    more = ("telegram_chat", "language", "last_good_at")
    return header + more, (
        (
            u.name,
            _word(u.active),
            u.method or "",
            u.currency or "",
            str(u.brokers),
            format_time(u.created_at),
            u.telegram_chat or "",
            u.language or DEFAULT_LANGUAGE,
            format_time(u.last_good_at) if u.last_good_at else "",
        )
        for u in report.users
    )


def _word(flag: bool) -> str:
    return "yes" if flag else "no"


_TABLES: Final[Mapping[type, Callable[[Any], Table]]] = {
    FillsReport: _fills,
    PnlReport: pnl_table,
    ScanReport: _scan,
    BrokersReport: _brokers,
    UsersReport: _users,
}
