"""What is known of coins that moved without a trade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A deposit or withdrawal as it is listed. `peer` names the account at the other end, where that is the user's own
    too: both ends share the chain's name of the transfer, or a person said so."""

    id: int
    user: str
    broker: str
    kind: str
    coin: str
    amount: Decimal
    fee: Decimal
    at: datetime
    tx_id: str
    network: str
    peer: str | None = None


@dataclass(frozen=True, slots=True)
class TransfersReport:
    """Oldest first. `manual`: the brokers there are, where none of them has an API."""

    transfers: tuple[TransferRow, ...]
    accounts_read: int = 0
    """How many accounts were asked for them at all."""
    manual: tuple[str, ...] = ()
