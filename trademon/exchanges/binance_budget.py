"""Binance's request budget: weight per minute and address, of each host its own, told with every answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from trademon.core.model import Credentials
from trademon.core.times import EPOCH
from trademon.errors import HostAskedToWait
from trademon.exchanges import validate
from trademon.exchanges.ccxt_client import CcxtClient, Clock

RESERVE = 200  # a question is not asked above the limit less this: the dearest one costs 80


class BudgetedCaller:
    """Sends one account's questions as long as its host's budget lasts, and counts them."""

    def __init__(self, client: CcxtClient, credentials: Credentials, clock: Clock, *, limit: int) -> None:
        self.limit = limit
        self.requests = 0
        self._client = client
        self._credentials = credentials
        self._clock = clock
        self._weight = (EPOCH, 0)

    def used(self) -> int:
        """What this minute has cost so far, by all programs behind our address, as the exchange counts it.

        Answers of the wallet endpoints do not carry the header: then what an earlier one of the minute said holds.
        """
        at, used = self._client.answered_at, self._client.headers.get("X-MBX-USED-WEIGHT-1M")
        if at is not None and used is not None:
            self._weight = (_minute(at), validate.small_number(used) or 0)
        minute, weight = self._weight
        return weight if minute == _minute(self._client.now()) else 0

    async def ask(self, endpoint: str, params: Mapping[str, object] | None = None, *, signed: bool = True) -> object:
        """One answer. Raises HostAskedToWait until the next minute where the budget is used up."""
        if self.used() >= self.limit - RESERVE:
            until = _minute(self._clock()) + timedelta(minutes=1)
            raise HostAskedToWait("Binance: this minute's request budget is used up", until=until)
        self.requests += 1
        answer: object = await self._client.call(endpoint, params or {}, self._credentials if signed else None)
        self.used()  # the client is shared: the next answer may be of another account's wallet
        return answer


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
