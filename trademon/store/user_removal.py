"""Brokers that were removed: how one is, and what is still stored of them."""

from __future__ import annotations

from collections.abc import Iterable

from trademon.core.model import Broker
from trademon.core.times import to_us
from trademon.store.booking import Bookkeeper
from trademon.store.carrier import forget_transfers
from trademon.store.database import rerun
from trademon.store.outbox import forget_alerts
from trademon.store.row_security import OWNED
from trademon.store.user_brokers import BROKER_COLUMNS, broker_of, hand_over
from trademon.store.user_transfers import UserTransfers

_OF_ACCOUNT = tuple(table for table, column in OWNED.items() if column == "account_id")
_EXECUTIONS = "SELECT count(*) FROM fills WHERE account_id = ? AND source IN ('api', 'import')"


class UserRemoval(UserTransfers):
    """The part of a user's store that removes brokers."""

    def removed_brokers(self, name: str) -> tuple[Broker, ...]:
        """Brokers of that name that were removed and of which something is still stored."""
        with self._database.read() as sql:
            rows = sql.rows(
                f"""SELECT {BROKER_COLUMNS} FROM brokers JOIN users ON users.id = user_id
                WHERE user_id = ? AND brokers.name = ? AND removed_at IS NOT NULL
                AND EXISTS (SELECT 1 FROM fills WHERE broker_id = brokers.id) ORDER BY brokers.id""",
                self._user_id,
                name,
            )
        return tuple(broker_of(row) for row in rows)

    def fills_of(self, brokers: Iterable[Broker]) -> int:
        """How many executions these brokers found."""
        with self._database.read() as sql:
            query = """SELECT count(*) FROM fills JOIN brokers ON brokers.id = broker_id
                WHERE broker_id = ? AND user_id = ? AND source IN ('api', 'import')"""
            return sum(int(sql.rows(query, broker.id, self._user_id)[0][0]) for broker in brokers)

    @rerun
    def remove_broker(self, broker: Broker, *, with_fills: bool = False) -> int:
        """Forget the secrets and the name. What was executed stays, unless `with_fills` and no other broker leads to
        the account: then all of it goes, and what other accounts have of it by a transfer. Returns how many fills were
        deleted. Nobody may be at work on the broker then."""
        with self._database.write() as sql:
            row = sql.one("SELECT account_id FROM brokers WHERE id = ? AND user_id = ?", broker.id, self._user_id)
            if row is None:
                return 0
            (account_id,) = row
            sql.run("DELETE FROM secrets WHERE broker_id = ?", broker.id)
            sql.run("DELETE FROM key_rights WHERE broker_id = ?", broker.id)
            sql.run(
                "UPDATE brokers SET removed_at = ?, enabled = ? WHERE id = ?", to_us(self._clock()), False, broker.id
            )
            forget_alerts(sql, self._user_id, broker.id)
            hand_over(sql, account_id)
            shared = sql.one("SELECT 1 FROM brokers WHERE account_id = ? AND removed_at IS NULL", account_id)
            if not with_fills or account_id is None or shared is not None:
                return 0
            # Books of its own: what it keeps of them in memory is not believed after a transaction that failed.
            forget_transfers(sql, account_id, Bookkeeper(self._database, self._user_id).replace_rows)
            fills = sql.rows(_EXECUTIONS, account_id)[0][0]
            for table in _OF_ACCOUNT:
                sql.run(f"DELETE FROM {table} WHERE account_id = ?", account_id)
            sql.run("UPDATE accounts SET looked_at = NULL WHERE id = ?", account_id)
            return int(fills)
