"""A user's cash lines: funding, interest and the like, beside the trades and in none of their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.cash_reports import CashKind, CashLine, CashRow
from trademon.core.coverage import Span
from trademon.core.times import from_us, to_us
from trademon.errors import DataError
from trademon.store import coverage_rows
from trademon.store.database import Sql, in_list, rerun
from trademon.store.exact import decimal_text
from trademon.store.fill_rows import API, IMPORT
from trademon.store.scope import UserScope

CASH = "cash"
"""The stream of cash lines in coverage."""
_MAX_IN = 500
_COLUMNS = "cash_id, kind, currency, amount, at, symbol"
_OF_USER = "account_id IN (SELECT id FROM accounts WHERE user_id = ?)"
_Known = dict[tuple[CashKind, str], CashLine]


@dataclass(frozen=True, slots=True)
class CashQuery:
    """Which lines: brokers by name, symbols in the shown form; `since` included, `until` excluded."""

    brokers: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    symbols: tuple[str, ...] = ()


class UserCash(UserScope):
    """The part of a user's store that holds cash lines."""

    @rerun
    def save_cash(
        self,
        account_id: int,
        lines: Sequence[CashLine],
        *,
        source: str,
        seen_at: datetime,
        covered: Span | None = None,
    ) -> int:
        """Store what is new among `lines`, all of it or nothing, with the stretch that it proves; how many were new.

        What a file said gives way to the exchange's own answer.

        Raises:
            DataError: a known id came back as another line.
        """
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            if source == API:
                _give_way(sql, account_id, lines)
            known = _known_lines(sql, account_id, lines)
            fresh = [line for line in lines if _is_new(line, known)]
            sql.many(
                f"""INSERT INTO cash (account_id, {_COLUMNS}, source, seen_at, raw)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                [(account_id, *_values(line), source, to_us(seen_at), line.raw) for line in fresh],
            )
            if covered is not None:
                coverage_rows.extend(sql, account_id, CASH, "", covered)
        return len(fresh)

    def cash(self, query: CashQuery) -> tuple[CashRow, ...]:
        """The lines found, oldest first."""
        where, values = _where(self._user_id, query)
        with self._database.read() as sql:
            names = _account_names(sql, self._user_id)
            rows = sql.rows(f"SELECT account_id, {_COLUMNS} FROM cash WHERE {where} ORDER BY at, id", *values)
        return tuple(
            CashRow(from_us(at), self.user, names.get(account, "?"), kind, symbol, currency, Decimal(amount), cash_id)
            for account, cash_id, kind, currency, amount, at, symbol in rows
        )

    def cash_stored(self) -> int:
        """How many lines the user has."""
        with self._database.read() as sql:
            row = sql.one(f"SELECT count(*) FROM cash WHERE {_OF_USER}", self._user_id)
        return int(row[0]) if row else 0


def _account_names(sql: Sql, user_id: int) -> dict[int, str]:
    """The name each account goes by: its first broker's, a removed one's only where there is no other."""
    rows = sql.rows(
        """SELECT account_id, CASE WHEN removed_at IS NULL THEN name ELSE name || ' (removed)' END FROM brokers
        WHERE user_id = ? AND account_id IS NOT NULL ORDER BY removed_at IS NULL, id DESC""",
        user_id,
    )
    return dict(rows)


def _where(user_id: int, query: CashQuery) -> tuple[str, list[Any]]:
    parts: list[str] = [_OF_USER]
    values: list[Any] = [user_id]
    if query.brokers:
        # By account, as fills are chosen: two brokers may lead to one.
        parts.append(
            f"""account_id IN (SELECT account_id FROM brokers
            WHERE user_id = ? AND removed_at IS NULL AND name IN {in_list(query.brokers)})"""
        )
        values += [user_id, *query.brokers]
    if query.symbols:
        parts.append(f"symbol IN {in_list(query.symbols)}")
        values += query.symbols
    for condition, at in (("at >= ?", query.since), ("at < ?", query.until)):
        if at is not None:
            parts.append(condition)
            values.append(to_us(at))
    return " AND ".join(parts), values


def _give_way(sql: Sql, account_id: int, lines: Sequence[CashLine]) -> None:
    """Take out what files said under these ids."""
    sql.many(
        f"DELETE FROM cash WHERE account_id = ? AND kind = ? AND cash_id = ? AND source = '{IMPORT}'",
        [(account_id, line.kind, line.cash_id) for line in lines],
    )


def _known_lines(sql: Sql, account_id: int, lines: Sequence[CashLine]) -> _Known:
    """What is stored under these ids."""
    known: _Known = {}
    for start in range(0, len(lines), _MAX_IN):
        ids = [line.cash_id for line in lines[start : start + _MAX_IN]]
        rows = sql.rows(
            f"SELECT {_COLUMNS} FROM cash WHERE account_id = ? AND cash_id IN {in_list(ids)}", account_id, *ids
        )
        for cash_id, kind, currency, amount, at, symbol in rows:
            known[kind, cash_id] = CashLine(cash_id, kind, currency, Decimal(amount), from_us(at), symbol)
    return known


def _is_new(line: CashLine, known: _Known) -> bool:
    """Whether its id was not seen yet, from now on it was; one that was must be the line it was."""
    first = known.setdefault((line.kind, line.cash_id), line)
    if first != line:
        where = f"line {line.line}, column id: " if line.line else ""
        raise DataError(
            f"{where}{line.kind} {line.cash_id[:60]!r} is there already, and says something else",
            hint="an id names one line: nothing was imported",
        )
    return first is line


def _values(line: CashLine) -> tuple[Any, ...]:
    return line.cash_id, line.kind, line.currency, decimal_text(line.amount), to_us(line.at), line.symbol
