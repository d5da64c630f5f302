"""What stored books earned by day, and which books have changed: cheap enough to ask while a screen is open."""

from __future__ import annotations

from decimal import Decimal, localcontext

from trademon.core.money import EXACT, ZERO
from trademon.core.watch_figures import BookDay
from trademon.store.fill_rows import BookKey
from trademon.store.reading import BookRef
from trademon.store.scope import UserScope

_HOUR_US = 3_600_000_000


class UserEarned(UserScope):
    """The part of a user's store that says what each day brought."""

    def book_versions(self) -> dict[BookKey, int]:
        """A number for each book that grows with every change of it."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT account_id, market_id, version FROM books
                WHERE account_id IN (SELECT id FROM accounts WHERE user_id = ?)""",
                self._user_id,
            )
        return {(account_id, market_id): version for account_id, market_id, version in rows}

    def stored_days(self, ref: BookRef) -> tuple[BookDay, ...]:
        """What a book realised on each UTC day with executions, oldest first, in the method it is kept in."""
        with self._database.read() as sql:
            self._check_owned(sql, ref.account_id)
            rows = sql.rows(
                """SELECT day, gross, fees, unmatched_quantity, disposals FROM days
                WHERE account_id = ? AND market_id = ? ORDER BY day""",
                *ref.key,
            )
        return tuple(
            BookDay(day, EXACT.subtract(Decimal(gross), Decimal(fees)), disposals, unmatched=bool(Decimal(unmatched)))
            for day, gross, fees, unmatched, disposals in rows
        )

    def stored_hours(self, ref: BookRef, day: int) -> tuple[tuple[int, Decimal], ...]:
        """What the sales of a book brought in each hour (0 to 23) of a UTC day, net, where they brought anything."""
        begins = day * 24 * _HOUR_US
        with self._database.read() as sql:
            self._check_owned(sql, ref.account_id)
            rows = sql.rows(
                """SELECT e.at, d.gross, d.fees FROM entries e JOIN disposals d ON d.fill_id = e.fill_id
                WHERE e.account_id = ? AND e.market_id = ? AND e.at >= ? AND e.at < ?""",
                *ref.key,
                begins,
                begins + 24 * _HOUR_US,
            )
        hours: dict[int, Decimal] = {}
        with localcontext(EXACT):
            for at, gross, fees in rows:
                hour = (at - begins) // _HOUR_US
                hours[hour] = hours.get(hour, ZERO) + Decimal(gross) - Decimal(fees)
        return tuple(sorted(hours.items()))
