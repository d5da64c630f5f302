"""A user's lots one by one, the fills they come from, and why a sale met none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.entries import moved_by, written_decimals
from trademon.core.model import Broker, Contract, Fill, Lot, Market
from trademon.core.money import EXACT
from trademon.core.reports import FillRow
from trademon.core.times import from_us, to_us
from trademon.store.book_rows import load_lots
from trademon.store.database import Sql
from trademon.store.fill_rows import load_fill
from trademon.store.reading import BookRef, read_book_refs, read_fill
from trademon.store.scope import OWNED, UserScope

OPENING = "opening"
"""The source of a lot that a person entered: it is in the book, and no execution."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A lot that a person entered."""

    fill_id: int
    account_id: int
    market: str
    symbol: str
    trade_id: str


@dataclass(frozen=True, slots=True)
class NotedFee:
    """A fee in a third coin and what is known of its price: of one coin, at a time, from a source."""

    coin: str
    amount: Decimal
    rate: Decimal | None
    at: datetime | None
    source: str | None


class UserLots(UserScope):
    """The part of a user's store that opens a book down to its rows."""

    def stored_lots(self, ref: BookRef) -> list[Lot]:
        """The open lots of a stored book, oldest first, in the method it is kept in."""
        with self._database.read() as sql:
            return load_lots(sql, ref.key) if self._owns(sql, ref.account_id) else []

    def entered_lots(self, ref: BookRef) -> list[Lot]:
        """The lots of a book that a person entered, as they were entered."""
        with self._database.read() as sql:
            if not self._owns(sql, ref.account_id):
                return []
            rows = sql.rows(
                """SELECT id FROM fills WHERE account_id = ? AND market_id = ? AND source = 'opening'
                ORDER BY executed_at, id""",
                *ref.key,
            )
            fills = [(row[0], load_fill(sql, row[0])) for row in rows]
        return [_entered(fill_id, fill) for fill_id, fill in fills]

    def count_no_executions(self, ref: BookRef, *, since: datetime | None = None, until: datetime | None = None) -> int:
        """How many rows of a book within [since, until) are no executions: entered lots, and ends of transfers."""
        where, values = _within(since, until)
        with self._database.read() as sql:
            row = sql.one(
                f"""SELECT count(*) FROM fills WHERE account_id = ? AND market_id = ?
                AND source IN ('opening', 'transfer'){where}
                AND account_id IN (SELECT id FROM accounts WHERE user_id = ?)""",
                *ref.key,
                *values,
                self._user_id,
            )
        return row[0] if row else 0

    def openings(self) -> dict[int, Opening]:
        """The lots that a person entered, by the id they go by."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT fills.id, account_id, accounts.market, symbol, trade_id FROM fills
                JOIN accounts ON accounts.id = account_id JOIN markets ON markets.id = market_id
                WHERE source = 'opening' AND user_id = ?""",
                self._user_id,
            )
        return {row[0]: Opening(*row) for row in rows}

    def traded_markets(self, broker: Broker) -> tuple[Market, ...]:
        """The markets that the broker's account has a book of."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT symbol, base, quote, exchange_symbol, settle, contract_size, inverse FROM markets
                JOIN books ON market_id = markets.id WHERE {OWNED}""",
                broker.account_id,
                self._user_id,
            )
        return tuple(
            Market(
                symbol,
                base,
                quote,
                wire or "",
                None if settle is None else Contract(settle, Decimal(size), bool(inverse)),
            )
            for symbol, base, quote, wire, settle, size, inverse in rows
        )

    def fill_and_book(self, fill_id: int) -> tuple[FillRow, Fill, BookRef] | None:
        """One of the user's fills as it is listed and as a value, and its book; None where they have no such fill."""
        with self._database.read() as sql:
            row = read_fill(sql, self._user_id, fill_id) if abs(fill_id) < 2**63 else None
            if row is None:
                return None
            account_id, market_id = sql.rows("SELECT account_id, market_id FROM fills WHERE id = ?", fill_id)[0]
            ref = next(r for r in read_book_refs(sql, self._user_id) if r.key == (account_id, market_id))
            return row, load_fill(sql, fill_id), ref

    def noted_fees(self, fill_id: int) -> tuple[NotedFee, ...]:
        """The third-coin fees of one of the user's fills, with what is known of their prices."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT coin, amount, rate, rate_at, rate_source FROM coin_fees WHERE fill_id = ?
                AND account_id IN (SELECT id FROM accounts WHERE user_id = ?)""",
                fill_id,
                self._user_id,
            )
        return tuple(
            NotedFee(
                coin,
                Decimal(amount),
                None if rate is None else Decimal(rate),
                None if at is None else from_us(at),
                source,
            )
            for coin, amount, rate, at, source in rows
        )

    def unmatched_reason(
        self,
        ref: BookRef,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        fill_id: int | None = None,
    ) -> str | None:
        """Why sales of a book within [since, until), or one of them, met no lot; None where all met one.

        What is sold beyond the lots of a spot book, or closes more of a position side than is known, does not depend on
        the method, so that the stored rows tell.
        """
        with self._database.read() as sql:
            return _reason(sql, ref, since, until, fill_id) if self._owns(sql, ref.account_id) else None


def _within(since: datetime | None, until: datetime | None) -> tuple[str, list[int]]:
    """A condition on `executed_at`, and its values."""
    bounds = [(" AND executed_at >= ?", since), (" AND executed_at < ?", until)]
    given = [(condition, to_us(at)) for condition, at in bounds if at is not None]
    return "".join(condition for condition, _ in given), [us for _, us in given]


def _entered(fill_id: int, fill: Fill) -> Lot:
    moved = moved_by(fill)
    cost = EXACT.multiply(moved.quantity, moved.price)
    return Lot(fill_id, fill.side, moved.quantity, cost, moved.fees, moved.price, fill.executed_at)


def _reason(sql: Sql, ref: BookRef, since: datetime | None, until: datetime | None, fill_id: int | None) -> str | None:
    where, times = _within(since, until)
    values = [*ref.key, *times]
    if fill_id is not None:
        where += " AND fill_id = ?"
        values.append(fill_id)
    rows = sql.rows(
        f"""SELECT unmatched.quantity, fills.quantity, executed_at FROM unmatched JOIN fills ON fills.id = fill_id
        WHERE unmatched.account_id = ? AND unmatched.market_id = ?{where} ORDER BY executed_at""",
        *values,
    )
    if not rows:
        return None
    # Less than the last digit that the sale itself was written with: a rest of earlier fees, not a missing purchase.
    real = [at for gone, sold, at in rows if Decimal(gone) >= Decimal(1).scaleb(-written_decimals(Decimal(sold)))]
    causes = _causes(sql, ref, real[-1]) if real else []
    dust = "in part dust" if real else "dust"
    return "; ".join(causes + ([f"{dust}, smaller than the step it was sold in"] if len(real) < len(rows) else []))


def _causes(sql: Sql, ref: BookRef, last_us: int) -> list[str]:
    """What may have brought the coins that were sold: deposits, other symbols, a history that begins too late."""
    if ref.signed:  # a position is opened by fills alone
        return [_begins(sql, ref)]
    base = ref.symbol.partition("/")[0]
    causes = []
    deposit = sql.one(
        """SELECT min(at), count(*) FROM transfers
        WHERE account_id = ? AND coin = ? AND kind = 'deposit' AND at <= ?""",
        ref.account_id,
        base,
        last_us,
    )
    if deposit is not None and deposit[1]:
        causes.append(f"{base} was deposited on {from_us(deposit[0]):%Y-%m-%d}, at a cost that is not known")
    others = sql.rows(
        """SELECT DISTINCT symbol FROM markets JOIN books ON market_id = markets.id
        WHERE account_id = ? AND base = ? AND markets.id <> ? ORDER BY symbol""",
        ref.account_id,
        base,
        ref.market_id,
    )
    if others:
        names = ", ".join(row[0] for row in others)
        causes.append(f"{base} was also traded as {names}: --book coin --in CUR takes them together")
    return [*causes, _begins(sql, ref)]


def _begins(sql: Sql, ref: BookRef) -> str:
    first = sql.one(
        "SELECT min(executed_at) FROM fills WHERE account_id = ? AND market_id = ? AND source IN ('api', 'import')",
        *ref.key,
    )
    begins = sql.one("SELECT min(since_at) FROM brokers WHERE account_id = ?", ref.account_id)
    known = [row[0] for row in (first, begins) if row is not None and row[0] is not None]
    return f"the history known here begins on {from_us(min(known)):%Y-%m-%d}"
