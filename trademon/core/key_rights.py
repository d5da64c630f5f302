"""What a stored key may do, and what a person should know or do about it. trademon only reads: more is a risk alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from trademon.core.model import KeyRights

READ_EVERY = timedelta(days=1)
TRIED_AGAIN_AFTER = timedelta(hours=1)
"""A question for rights that failed is put again then."""
ENDS_SOON = timedelta(days=14)
WITHDRAWS = "this key may withdraw: whoever gets hold of it takes all there is"
TRADES = "the key may trade, and trademon only reads: one without that right is enough"
ANY_ADDRESS = "the key works from any address: limit it to this machine's at the exchange"


@dataclass(frozen=True, slots=True)
class KnownRights:
    """`rights` as read at `read_at`, None where they never were; `asked_at` is the newest attempt. `withdraw_allowed`:
    the person insisted on a key that can withdraw."""

    rights: KeyRights
    asked_at: datetime
    read_at: datetime | None
    withdraw_allowed: bool = False

    @property
    def is_danger(self) -> bool:
        """Whether it can withdraw, and nobody said that it may."""
        return bool(self.rights.can_withdraw) and not self.withdraw_allowed

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to read them again; also where a clock was wrong and they were read in what is now the
        future."""
        every = READ_EVERY if self.read_at == self.asked_at else TRIED_AGAIN_AFTER
        return not timedelta(0) <= now - self.asked_at < every


def warnings(rights: KeyRights) -> Iterator[str]:
    """What is more than reading takes, beside withdrawing."""
    if rights.can_trade:
        yield TRADES
    if rights.is_address_limited is False:
        yield ANY_ADDRESS


def in_words(rights: KeyRights) -> str:
    """`reads only`, `may trade`, `may withdraw`, or that it is not known."""
    if rights.can_withdraw:
        return "may withdraw"
    if rights.can_trade:
        return "may trade"
    if rights.can_withdraw is None and rights.can_trade is None:
        return "not known"
    return "reads only"


def new_key_hint(name: str) -> str:
    """What replaces a key that can do too much."""
    return f"make one that can only read, then trademon broker set {name} --new-key; or insist: --allow-withdraw-key"
