"""One holder per account and pass, on any number of machines: a row with an end and a token.

An operating system's lock ends at the edge of its machine. A lease ends by the server's clock: its holder renews it
while it lives, and one that was killed holds nothing up for longer than `length_s`. A holder that was only asleep does
not know that it lost the lease; but each new holder gets a higher token, and a page is committed only under the token
it was begun with (`postgres.PostgresServer.write`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg

from trademon.errors import Busy, StoreError

_NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_TAKE: Final = f"""INSERT INTO leases (name, token, holder, held_until)
    VALUES (%(name)s, 1, %(holder)s, {_NOW} + %(length_us)s)
    ON CONFLICT (name) DO UPDATE SET token = leases.token + 1, holder = excluded.holder,
    held_until = excluded.held_until WHERE leases.held_until <= {_NOW} RETURNING token""".encode()
_RENEW: Final = f"""UPDATE leases SET held_until = {_NOW} + %(length_us)s
    WHERE name = %(name)s AND token = %(token)s""".encode()
_HOLDER: Final = f"SELECT holder FROM leases WHERE name = %(name)s AND held_until > {_NOW}".encode()
_END: Final = b"UPDATE leases SET held_until = 0 WHERE name = %(name)s AND token = %(token)s"

Connection = psycopg.Connection[tuple[Any, ...]]


def account_lease(account_id: int | None) -> str:
    """The name of the lease that whoever looks at an account holds."""
    return f"account-{account_id}"


class Leases:
    """The leases that this process holds. They have a connection of their own and a thread that renews them, so that
    neither a long computation nor a silent exchange loses them."""

    length_s = 20.0
    """How long a holder that was killed holds others up at most."""
    renew_every_s = 5.0

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._tokens: dict[str, int] = {}
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._over = threading.Event()
        self._holder = f"{socket.gethostname()}:{os.getpid()}"

    def token(self, name: str) -> int | None:
        """What the lease was given to this process under; None where it does not hold it."""
        return self._tokens.get(name)

    def holder(self, name: str) -> str | None:
        """Who holds the lease now: host and process; None where nobody does."""
        with self._lock, self._connect() as connection:
            row = connection.execute(_HOLDER, {"name": name}).fetchone()
        return None if row is None else str(row[0])

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold the lease `name`, or raise at once.

        Raises:
            Busy: another run holds it.
            StoreError: the server cannot be reached.
        """
        token = self._take(name)
        try:
            yield
        finally:
            with self._lock:
                del self._tokens[name]
                # One that cannot be given back ends by itself.
                with contextlib.suppress(psycopg.Error, StoreError):
                    self._send(_END, name, token=token)

    def _take(self, name: str) -> int:
        with self._lock:
            try:
                taken = None if name in self._tokens else self._send(_TAKE, name, holder=self._holder)
            except psycopg.Error as error:
                raise StoreError(f"no lease could be taken: {type(error).__name__}", hint="run it again") from None
            if taken is None:
                raise Busy("another run is at work on it")
            self._tokens[name] = taken
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._keeper.start()
        return taken

    def _keep(self) -> None:
        while not self._over.wait(self.renew_every_s):
            for name in list(self._tokens):
                with self._lock, contextlib.suppress(psycopg.Error, StoreError):  # tried again in a moment
                    token = self._tokens.get(name)  # it may have been given back since
                    if token is not None:
                        self._send(_RENEW, name, token=token)

    def _send(self, statement: bytes, name: str, **values: int | str) -> int | None:
        """Send one statement; on a new connection where the old one was cut. The token it returned, if it did."""
        values |= {"name": name, "length_us": int(self.length_s * 1_000_000)}
        for is_last in (False, True):
            if self._connection is None:
                self._connection = self._connect()
            try:
                cursor = self._connection.execute(statement, values)
                row = cursor.fetchone() if cursor.description else None
            except psycopg.OperationalError:
                if not self._connection.closed:
                    raise
                self._connection = None
                if is_last:
                    raise
            else:
                return None if row is None else int(row[0])
        return None

    def close(self) -> None:
        """Stop renewing, and leave the server."""
        self._over.set()
        if self._keeper is not None:
            self._keeper.join()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
