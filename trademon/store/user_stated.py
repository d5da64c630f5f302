"""What exchanges say that a user's closed positions earned: beside our own figures, never part of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from trademon.core.model import StatedClose
from trademon.core.money import EXACT, ZERO
from trademon.core.times import from_us, to_us
from trademon.core.verify_reports import StatedPnl
from trademon.store.database import rerun
from trademon.store.exact import decimal_text
from trademon.store.scope import OWNED, UserScope

# A broker's own clock and ours of one execution are this close.
_SLACK_US = 1_000_000


class UserStated(UserScope):
    """The part of a user's store that keeps what exchanges reckon."""

    @rerun
    def save_stated_closes(self, account_id: int, closes: Iterable[StatedClose], at: datetime) -> None:
        """Keep them, each as it was told last."""
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            sql.many(
                """INSERT INTO stated_closes (account_id, close_id, symbol, side, quantity, open_price, close_price,
                gross, costs, currency, opened_at, closed_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (account_id, close_id) DO UPDATE SET quantity = excluded.quantity,
                open_price = excluded.open_price, close_price = excluded.close_price, gross = excluded.gross,
                costs = excluded.costs, seen_at = excluded.seen_at""",
                [
                    (
                        account_id,
                        one.close_id,
                        one.symbol,
                        one.side,
                        *map(decimal_text, (one.quantity, one.open_price, one.close_price, one.gross, one.costs)),
                        one.currency,
                        to_us(one.opened_at),
                        to_us(one.closed_at),
                        to_us(at),
                    )
                    for one in closes
                ],
            )

    def stated_closes(self, account_id: int, *, since: datetime | None = None) -> tuple[StatedClose, ...]:
        """What the account's exchange told, oldest first."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT close_id, symbol, side, quantity, open_price, close_price, gross, costs, currency, opened_at,
                closed_at FROM stated_closes WHERE {OWNED} AND closed_at >= ? ORDER BY closed_at, close_id""",
                account_id,
                self._user_id,
                0 if since is None else to_us(since),
            )
        return tuple(_stated_close(row) for row in rows)

    def compare_stated(self, account_id: int, since: datetime) -> tuple[StatedPnl, ...]:
        """The stated gains of positions that were closed since then beside ours of the same time, by symbol."""
        by_symbol: dict[str, list[StatedClose]] = {}
        for one in self.stated_closes(account_id, since=since):
            by_symbol.setdefault(one.symbol, []).append(one)
        found = []
        with self._database.read() as sql:
            for symbol, closes in sorted(by_symbol.items()):
                first = to_us(min(c.closed_at for c in closes)) - _SLACK_US
                last = to_us(max(c.closed_at for c in closes)) + _SLACK_US
                rows = sql.rows(
                    """SELECT disposals.gross FROM disposals JOIN entries ON entries.fill_id = disposals.fill_id
                    JOIN markets ON markets.id = entries.market_id WHERE entries.account_id = ?
                    AND markets.symbol = ? AND entries.at BETWEEN ? AND ?""",
                    account_id,
                    symbol,
                    first,
                    last,
                )
                found.append(
                    StatedPnl(
                        symbol,
                        closes[0].currency,
                        len(closes),
                        _sum(c.gross for c in closes),
                        _sum(Decimal(row[0]) for row in rows),
                        min(c.closed_at for c in closes),
                    )
                )
        return tuple(found)


def _stated_close(row: Sequence[Any]) -> StatedClose:
    return StatedClose(
        close_id=row[0],
        symbol=row[1],
        side=row[2],
        quantity=Decimal(row[3]),
        open_price=Decimal(row[4]),
        close_price=Decimal(row[5]),
        gross=Decimal(row[6]),
        costs=Decimal(row[7]),
        currency=row[8],
        opened_at=from_us(row[9]),
        closed_at=from_us(row[10]),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
