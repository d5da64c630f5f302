"""The only door to what is kept. `Store.for_user(name)` hands out core values of that user alone, never rows.

What belongs to everyone (users, the exchanges' markets) hangs on `Store`; whatever belongs to a user is reached
through `UserStore`, whose every query names the user.
"""

from __future__ import annotations

import contextlib
import getpass
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trademon.core.key_reports import KeysRotated, KeyStatus
from trademon.core.model import Method
from trademon.core.reports import UserInfo
from trademon.core.times import to_us
from trademon.store import rotation
from trademon.store.database import Database, rerun
from trademon.store.halts import end_halt, read_halt, set_halt
from trademon.store.key_file import KeyFile
from trademon.store.lease import hold
from trademon.store.migrations import HEAD
from trademon.store.other_method import carrying_accounts, copy_user, kept_otherwise
from trademon.store.scope import Clock
from trademon.store.sqlite import SqliteFile
from trademon.store.user_cash import UserCash
from trademon.store.user_earned import UserEarned
from trademon.store.user_exports import UserExports
from trademon.store.user_keys import UserKeys
from trademon.store.user_looks import UserLooks
from trademon.store.user_lots import UserLots
from trademon.store.user_messages import UserMessages
from trademon.store.user_orders import UserOrders
from trademon.store.user_prices import UserPrices
from trademon.store.user_removal import UserRemoval
from trademon.store.user_rounds import UserRounds
from trademon.store.user_rows import (
    bring_back,
    change_user,
    delete_user,
    find_user,
    insert_user,
    list_users,
    retire,
)
from trademon.store.user_sessions import UserSessions
from trademon.store.user_stated import UserStated
from trademon.store.user_strategy_orders import UserStrategyOrders
from trademon.store.user_verify import UserVerify

if TYPE_CHECKING:
    from trademon.store.postgres_leases import Leases


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """`faults`: what is damaged; `schema`: its revision; `open_to_all`: where no wall stands between users that should
    (on a server)."""

    faults: tuple[str, ...]
    size_bytes: int
    schema: str
    fills: int
    open_to_all: tuple[str, ...] = ()


class Store:
    """An opened store. One without a user gets its first: `first_user`, by default named after the OS account."""

    def __init__(
        self,
        url: str,
        *,
        key_file: Path,
        clock: Clock,
        key_is_credential: bool = False,
        first_user: str | None = None,
    ) -> None:
        self._database = Database(url)
        self._key_file = KeyFile(key_file, is_credential=key_is_credential)
        self._clock = clock
        self._ensure_first_user(first_user)
        self._derive_stale()

    @property
    def path(self) -> Path:
        """The store's file. Raises StoreError for one on a server."""
        return self._database.path

    @property
    def place(self) -> str:
        """Where the store is, as a person reads it."""
        return self._database.place

    @property
    def locks(self) -> Path | Leases:
        """What a pass over an account is held by (`lease.hold`)."""
        return self._database.locks

    @property
    def is_file(self) -> bool:
        """Whether the store is a file of this machine, and not on a server."""
        return isinstance(self._database.backend, SqliteFile)

    def rehearsal(self) -> contextlib.AbstractContextManager[None]:
        """Within it everything is done as ever, and nothing of it is kept."""
        return self._database.rehearsal()

    def health(self) -> StoreHealth:
        """What can be said of the store itself; reads all of a file."""
        backend = self._database.backend
        with self._database.read() as sql:
            faults, gaps = tuple(backend.faults(sql)), tuple(backend.open_to_all(sql))
            fills = sql.rows("SELECT count(*) FROM fills WHERE source IN ('api', 'import')")[0][0]
            return StoreHealth(faults, backend.size_bytes(sql), HEAD, fills, gaps)

    def close(self) -> None:
        self._database.close()

    # --- keys ----------------------------------------------------------------------------------------------------

    def key_status(self) -> KeyStatus:
        """Where the master key lies and what it seals. Raises ConfigError where it cannot be used."""
        return rotation.key_status(self._database, self._key_file)

    def rotate_keys(self, *, lost: bool = False) -> KeysRotated:
        """A new master key, and a new data key for every user, everything sealed anew with them. Killed at any moment
        it leaves everything as it can be opened, and the next call ends what was begun.

        Args:
            lost: What does not open is forgotten, instead of being the reason to change nothing.

        Raises:
            Busy: another run rotates them.
            ConfigError: the key file cannot be used or written, or something does not open.
        """
        with hold(self._database.locks, "master-key"):
            return rotation.rotate(self._database, self._key_file, self._clock, lost=lost)

    # --- what stops every order (see halts.py) -------------------------------------------------------------------

    def halted(self) -> str | None:
        """Since when and why no order leaves, as the store says; None where it does not."""
        with self._database.read() as sql:
            return read_halt(sql)

    def set_halt(self, reason: str) -> None:
        set_halt(self._database, self._clock(), reason)

    def end_halt(self) -> bool:
        """Whether the store said until now that no order leaves."""
        return end_halt(self._database)

    # --- users ---------------------------------------------------------------------------------------------------

    @rerun
    def _ensure_first_user(self, name: str | None) -> None:
        with self._database.read() as sql:
            if sql.one("SELECT 1 FROM users LIMIT 1"):
                return
        with self._database.write() as sql:
            if not sql.one("SELECT 1 FROM users LIMIT 1"):
                sql.insert("users", name=name or account_name(), active=True, created_at=to_us(self._clock()))

    def _derive_stale(self) -> None:
        """Derive the books that a migration has left to be derived again."""
        with self._database.read() as sql:
            rows = sql.rows(
                """SELECT DISTINCT users.name, accounts.id, accounts.market FROM books
                JOIN accounts ON accounts.id = account_id JOIN users ON users.id = user_id WHERE books.method = ''"""
            )
        for user, account_id, market in rows:
            store = self.for_user(user)
            method = store.method_of_account(account_id)
            store.books.keep_method(account_id, method=method, signed=market != "spot")

    def users(self, only: str | None = None) -> tuple[UserInfo, ...]:
        """All users, by name; `only` the one of that name. Those who were removed are not among them."""
        with self._database.read() as sql:
            return list_users(sql, only)

    @rerun
    def add_user(
        self,
        name: str,
        *,
        method: Method | None,
        currency: str | None,
        telegram_chat: str | None,
        language: str | None = None,
    ) -> None:
        """Raises UsageError where the name is taken, also by one who was removed and of whom something is stored."""
        settings = {"method": method, "currency": currency, "telegram_chat": telegram_chat, "language": language}
        with self._database.write() as sql:
            insert_user(sql, name, to_us(self._clock()), **settings)

    @rerun
    def restore_user(self, name: str, **settings: str | None) -> int:
        """Bring a removed user back, with these settings changed; how many fills are there again.

        Raises:
            UnknownName: none of that name was removed.
        """
        with self._database.write() as sql:
            return bring_back(sql, name, **settings)

    @rerun
    def set_user(self, name: str, **changes: str | bool | None) -> None:
        """Change columns of a user: method, currency, telegram_chat, language, active. Raises UnknownName."""
        with self._database.write() as sql:
            user_id, _, _ = find_user(sql, name)
            change_user(sql, user_id, **changes)

    @rerun
    def remove_user(self, name: str, *, with_fills: bool = False) -> int:
        """Forget a user: keys and names at once, what was executed only `with_fills`, then for good, and also of one
        who is removed already. How many fills were deleted. Nobody may be at work on their brokers.

        Raises:
            UnknownName: there is none, or only one who is removed, whose fills are to stay.
        """
        with self._database.write() as sql:
            gone = sql.one("SELECT id FROM users WHERE name = ? AND retired_at IS NOT NULL", name)
            user_id = gone[0] if gone is not None and with_fills else find_user(sql, name)[0]
            if with_fills:
                return delete_user(sql, user_id)
            retire(sql, user_id, to_us(self._clock()))
            return 0

    def for_user(self, name: str) -> UserStore:
        """Raises UnknownName where there is no such user."""
        with self._database.read() as sql:
            user_id, name, method = find_user(sql, name)
        return UserStore(self._database, self._key_file, self._clock, user_id=user_id, user=name, method=method)


def account_name() -> str:
    """Whose session of the operating system this is."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "trader"


class UserStore(
    UserExports,
    UserPrices,
    UserLots,
    UserLooks,
    UserOrders,
    UserKeys,
    UserRemoval,
    UserCash,
    UserVerify,
    UserRounds,
    UserMessages,
    UserStrategyOrders,
    UserSessions,
    UserStated,
    UserEarned,
):
    """What one user has. Every query names that user."""

    @contextlib.contextmanager
    def kept_by(self, method: Method | None) -> Iterator[UserStore]:
        """The user's store as it would be if every account were kept by `method`: itself where that is the same.

        Only where lots were carried between accounts is there a difference that a fold by `method` cannot see; then it
        is a copy, gone afterwards, and what is written into it is lost.
        """
        with self._database.read() as sql:
            same = method is None or not kept_otherwise(sql, self._user_id, method)
        if same or method is None:
            yield self
            return
        with tempfile.TemporaryDirectory(prefix="trademon-") as directory:
            database = Database(f"sqlite:///{directory}/{method}.db")
            try:
                yield self._copied_into(database, method)
            finally:
                database.close()

    def _copied_into(self, database: Database, method: Method) -> UserStore:
        with self._database.read() as source, database.write() as target:
            copy_user(source, target, self._user_id, method)
            accounts = carrying_accounts(target, self._user_id)
        other = UserStore(database, self._key_file, self._clock, user_id=self._user_id, user=self.user, method=method)
        for account_id in accounts:
            other.books.keep_method(account_id, method=method, signed=False)
        return other
