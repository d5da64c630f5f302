"""Lots that move with a transfer between two of a user's own accounts.

Both ends of a paired transfer stand in their books as rows of `fills` that are no executions: one that leaves (a sale
without a price, which realises nothing), and for each lot that it took one that arrives, with that lot's price, date
and carried fee. Which lots leave is decided by the method that the sending book is kept in. What the sender paid for
the withdrawal in the same coin leaves as well, as a fee at the price of the book's last trade: it costs what those
coins had cost.

Both ends are derived: whatever changes the sending book before the transfer has them made again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trademon.core.model import Fee, Fill, Method
from trademon.core.money import EXACT, ZERO, divide, round_figure
from trademon.core.times import from_us, to_us
from trademon.store.database import Sql
from trademon.store.fill_rows import CARRIED, OUT, TRANSFER, BookKey, BookMarket

PAID = "-paid"
"""How the id of the withdrawal's own fee ends: of one moment, it sorts after what left."""


@dataclass(frozen=True, slots=True)
class Carriage:
    """A paired transfer between two spot accounts: `amount` left one at `left_at` with a `fee` on top, `arrived` of it
    came into the other at `arrived_at`."""

    id: int
    coin: str
    amount: Decimal
    fee: Decimal
    arrived: Decimal
    left_at: datetime
    arrived_at: datetime
    source: int
    target: int

    @property
    def all(self) -> Decimal:
        """What left the account."""
        return EXACT.add(self.amount, self.fee)


@dataclass(frozen=True, slots=True)
class CarriedPart:
    """What one lot gave to a transfer: all amounts for `quantity`."""

    quantity: Decimal
    cost: Decimal
    fees: Decimal
    acquired_at: datetime


_CARRIAGES = """SELECT w.id, w.coin, w.amount, w.fee, d.amount, w.at, d.at, w.account_id, d.account_id
    FROM transfers w JOIN transfers d ON d.id = w.peer_id
    JOIN accounts a ON a.id = w.account_id JOIN accounts b ON b.id = d.account_id
    WHERE w.kind = 'withdrawal' AND a.market = 'spot' AND b.market = 'spot' AND a.user_id = b.user_id"""


def carriages_from(sql: Sql, account_id: int, since_us: int = 0) -> list[Carriage]:
    """The account's paired withdrawals from then on, oldest first."""
    rows = sql.rows(f"{_CARRIAGES} AND w.account_id = ? AND w.at >= ? ORDER BY w.at, w.id", account_id, since_us)
    return [_carriage(row) for row in rows]


def carriages_of(sql: Sql, account_id: int) -> list[Carriage]:
    """The paired transfers that leave the account or come into it."""
    rows = sql.rows(f"{_CARRIAGES} AND ? IN (w.account_id, d.account_id) ORDER BY w.at, w.id", account_id)
    return [_carriage(row) for row in rows]


def carriages_new(sql: Sql, user_id: int) -> list[Carriage]:
    """The user's paired withdrawals that stand in no book yet, oldest first."""
    rows = sql.rows(
        f"""{_CARRIAGES} AND a.user_id = ? AND NOT EXISTS (SELECT 1 FROM fills WHERE fills.account_id = w.account_id
        AND {CARRIED} AND trade_id LIKE '{TRANSFER}-' || w.id || '-%') ORDER BY w.at, w.id""",
        user_id,
    )
    return [_carriage(row) for row in rows]


def _carriage(row: tuple[int, str, str, str, str, int, int, int, int]) -> Carriage:
    number, coin, sent, told, came, left_us, arrived_us, source, target = row
    amount, fee, arrived = Decimal(sent), Decimal(told), Decimal(came)
    if arrived < amount:  # what was kept on the way is a fee, too: else its cost would be in no figure
        fee, amount = EXACT.add(fee, EXACT.subtract(amount, arrived)), arrived
    return Carriage(
        number,
        coin,
        amount,
        fee,
        arrived,
        from_us(left_us),
        max(from_us(arrived_us), from_us(left_us)),  # two exchanges' clocks: nothing arrives before it has left
        source,
        target,
    )


def account_method(sql: Sql, account_id: int) -> Method:
    """The method an account's books are kept in: the broker's, else the user's, else fifo."""
    row = sql.one(
        """SELECT coalesce((SELECT method FROM brokers WHERE account_id = accounts.id AND removed_at IS NULL
        AND method IS NOT NULL ORDER BY name LIMIT 1), users.method, 'fifo')
        FROM accounts JOIN users ON users.id = user_id WHERE accounts.id = ?""",
        account_id,
    )
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def last_price(sql: Sql, key: BookKey, before: datetime) -> Decimal | None:
    """The price of the book's last execution before that time."""
    row = sql.one(
        f"""SELECT price FROM fills WHERE account_id = ? AND market_id = ? AND executed_at <= ?
        AND source <> '{TRANSFER}' ORDER BY executed_at DESC LIMIT 1""",
        *key,
        to_us(before),
    )
    return None if row is None else Decimal(row[0])


def books_of_coin(sql: Sql, account_id: int, coin: str) -> list[BookKey]:
    """The account's books whose base is that coin, by symbol."""
    rows = sql.rows(
        """SELECT market_id FROM books JOIN markets ON markets.id = market_id
        WHERE account_id = ? AND base = ? AND settle IS NULL ORDER BY symbol""",
        account_id,
        coin,
    )
    return [(account_id, row[0]) for row in rows]


def ends_of(sql: Sql, carriage: Carriage) -> list[tuple[BookKey, int]]:
    """The rows that stand for the transfer in either account's books: book and fill id."""
    rows = sql.rows(
        f"""SELECT account_id, market_id, id FROM fills WHERE account_id IN (?, ?) AND {CARRIED}
        AND trade_id LIKE ?""",
        carriage.source,
        carriage.target,
        f"{TRANSFER}-{carriage.id}-%",
    )
    return [((account_id, market_id), fill_id) for account_id, market_id, fill_id in rows]


def parts_of(sql: Sql, fill_id: int) -> list[CarriedPart]:
    """The lots that a leaving row took, in the order they were taken."""
    rows = sql.rows(
        """SELECT d.quantity, d.cost, d.lot_fees, coalesce(e.acquired_at, e.at) FROM disposals d
        JOIN entries e ON e.fill_id = d.lot_fill_id WHERE d.fill_id = ? ORDER BY part""",
        fill_id,
    )
    return [CarriedPart(Decimal(q), Decimal(c), Decimal(f), from_us(at)) for q, c, f, at in rows]


def leaving(carriage: Carriage, like: BookMarket, quantity: Decimal) -> Fill:
    """The row by which `quantity` leaves the book that `like` names."""
    return _row(carriage, like, "sell", quantity, ZERO, carriage.left_at, OUT, leaves=True)


def paid(carriage: Carriage, like: BookMarket, quantity: Decimal, price: Decimal) -> Fill:
    """The row by which the withdrawal's own fee leaves: coins given for nothing, at what they were worth there."""
    fee = Fee(EXACT.multiply(quantity, price), like.quote)
    return _row(carriage, like, "sell", quantity, price, carriage.left_at, PAID, fees=(fee,))


def arriving(
    carriage: Carriage, like: BookMarket, parts: Iterable[CarriedPart], left: Decimal, *, first: int
) -> list[Fill]:
    """The rows by which the parts arrive, as far as `left` reaches, numbered from `first` on."""
    rows: list[Fill] = []
    for number, part in enumerate(parts, start=first):
        if not left:
            break
        whole = part.quantity <= left
        quantity = part.quantity if whole else left
        cost = part.cost if whole else round_figure(divide(EXACT.multiply(part.cost, quantity), part.quantity))
        fees = part.fees if whole else round_figure(divide(EXACT.multiply(part.fees, quantity), part.quantity))
        price = round_figure(divide(cost, quantity))
        # A pool's cost by unit need not end: what the price cannot say goes with the fee, so that no money is lost.
        carried = EXACT.add(fees, EXACT.subtract(cost, EXACT.multiply(quantity, price)))
        fee = (Fee(round_figure(carried), like.quote),) if round_figure(carried) else ()
        name, at = f"-in-{number:04d}", carriage.arrived_at
        row = _row(carriage, like, "buy", quantity, price, at, name, fees=fee, acquired_at=part.acquired_at)
        rows.append(row)
        left = EXACT.subtract(left, quantity)
    return rows


def _row(
    carriage: Carriage,
    like: BookMarket,
    side: str,
    quantity: Decimal,
    price: Decimal,
    at: datetime,
    name: str,
    *,
    fees: tuple[Fee, ...] = (),
    leaves: bool = False,
    acquired_at: datetime | None = None,
) -> Fill:
    return Fill(
        trade_id=f"{TRANSFER}-{carriage.id}{name}",
        symbol=like.symbol,
        base=like.base,
        quote=like.quote,
        side="buy" if side == "buy" else "sell",
        quantity=quantity,
        price=price,
        executed_at=at,
        fees=fees,
        leaves=leaves,
        acquired_at=acquired_at,
    )
