"""What every part of a user's store shares: the database, and whose rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from trademon.core.model import Method
from trademon.core.times import from_us
from trademon.store.crypto import SecretBox
from trademon.store.database import Database

Clock = Callable[[], datetime]


class UserScope:
    """One user's way to the database. Whatever is built on it names `_user_id` in every query."""

    def __init__(
        self, database: Database, box: SecretBox, clock: Clock, *, user_id: int, user: str, method: Method | None
    ) -> None:
        self._database = database
        self._box = box
        self._clock = clock
        self._user_id = user_id
        self.user = user
        self.default_method: Method = method or "fifo"


def optional_time(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)
