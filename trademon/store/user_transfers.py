"""Deposits and withdrawals of a user's accounts, and which two of them are one transfer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from trademon.core.coverage import Span
from trademon.core.model import Transfer, TransferKind
from trademon.core.times import from_us, to_us
from trademon.core.transfer_reports import TransferRow
from trademon.store import coverage_rows
from trademon.store.database import Sql, rerun
from trademon.store.exact import decimal_text
from trademon.store.reading import account_names
from trademon.store.user_books import UserBooks

STREAMS: dict[TransferKind, str] = {"deposit": "deposits", "withdrawal": "withdrawals"}


class UserTransfers(UserBooks):
    """The part of a user's store that holds deposits and withdrawals."""

    @rerun
    def save_transfers(
        self, account_id: int, kind: TransferKind, transfers: Iterable[Transfer], covered: Span, seen_at: datetime
    ) -> int:
        """Keep what is new of a page, with the stretch it proves, and find the other ends; how many were new."""
        with self._database.write(account_id) as sql:
            self._check_owned(sql, account_id)
            new = sum(_insert(sql, account_id, transfer, seen_at) for transfer in transfers)
            coverage_rows.extend(sql, account_id, STREAMS[kind], "", covered)
            if new:
                _match(sql, self._user_id)
        return new

    def carry_lots(self) -> None:
        """Have lots go along with the transfers between the user's own accounts."""
        self.books.carry_new()

    def transfers(self, brokers: Iterable[str] = ()) -> tuple[TransferRow, ...]:
        """The user's deposits and withdrawals, oldest first; of these brokers' accounts where some are named."""
        wanted = set(brokers)
        with self._database.read() as sql:
            names = account_names(sql, self._user_id)
            rows = sql.rows(
                """SELECT t.id, t.account_id, t.kind, t.coin, t.amount, t.fee, t.at, t.tx_id, t.network, p.account_id
                FROM transfers t JOIN accounts ON accounts.id = t.account_id LEFT JOIN transfers p ON p.id = t.peer_id
                WHERE accounts.user_id = ? ORDER BY t.at, t.id""",
                self._user_id,
            )
        found = [
            TransferRow(
                id=number,
                user=self.user,
                broker=names.get(account_id, "?"),
                kind=kind,
                coin=coin,
                amount=Decimal(amount),
                fee=Decimal(fee),
                at=from_us(at),
                tx_id=tx_id,
                network=network,
                peer=None if peer is None else names.get(peer, "?"),
            )
            for number, account_id, kind, coin, amount, fee, at, tx_id, network, peer in rows
        ]
        return tuple(row for row in found if not wanted or row.broker in wanted)

    def transfers_read(self) -> int:
        """How many of the user's accounts were asked for their transfers."""
        with self._database.read() as sql:
            row = sql.one(
                """SELECT count(DISTINCT account_id) FROM coverage WHERE stream IN ('deposits', 'withdrawals')
                AND account_id IN (SELECT id FROM accounts WHERE user_id = ?)""",
                self._user_id,
            )
        return row[0] if row else 0


def _insert(sql: Sql, account_id: int, transfer: Transfer, seen_at: datetime) -> int:
    return sql.run(
        """INSERT INTO transfers (account_id, kind, transfer_id, coin, amount, fee, at, tx_id, network, seen_at, raw)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account_id, kind, transfer_id) DO NOTHING""",
        account_id,
        transfer.kind,
        transfer.transfer_id,
        transfer.coin,
        decimal_text(transfer.amount),
        decimal_text(transfer.fee),
        to_us(transfer.at),
        transfer.tx_id,
        transfer.network,
        to_us(seen_at),
        transfer.raw,
    )


def _match(sql: Sql, user_id: int) -> None:
    """Pair withdrawals with deposits in another account of the user that have the same coin and the chain's same name.

    Nothing else is taken for proof: that an amount and an hour agree may be chance. Where one transaction paid out
    several deposits, the amount tells which is which.
    """
    rows = sql.rows(
        """SELECT t.id, kind, account_id, coin, amount, tx_id FROM transfers t
        WHERE peer_id IS NULL AND tx_id <> '' AND account_id IN (SELECT id FROM accounts WHERE user_id = ?)
        ORDER BY t.at, t.id""",
        user_id,
    )
    waiting: dict[tuple[str, str], list[tuple[int, int, Decimal]]] = {}
    for number, kind, account_id, coin, amount, tx_id in rows:
        if kind == "deposit":
            waiting.setdefault((coin, _chain_name(tx_id)), []).append((number, account_id, Decimal(amount)))
    for number, kind, account_id, coin, amount, tx_id in rows:
        deposits = waiting.get((coin, _chain_name(tx_id)), []) if kind == "withdrawal" else []
        others = [d for d in deposits if d[1] != account_id]
        same = [d for d in others if d[2] == Decimal(amount)]
        chosen = same[0] if same else others[0] if len(others) == 1 else None
        if chosen is not None:
            deposits.remove(chosen)
            sql.run("UPDATE transfers SET peer_id = ? WHERE id = ?", chosen[0], number)
            sql.run("UPDATE transfers SET peer_id = ? WHERE id = ?", number, chosen[0])


def _chain_name(tx_id: str) -> str:
    """A transaction's name as every exchange writes it: without `0x`, in one case."""
    return tx_id.strip().lower().removeprefix("0x")
