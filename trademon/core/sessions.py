"""Sign-ins at exchanges that a person has to go through: tokens, how long they live, what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

SIGN_IN_EVERY: Final = timedelta(days=7)
"""How often a person is advised to sign in anew."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login server gave: one token to ask with, one to renew both with, and until when each is good.

    Without a token to renew with (`refresh_token` empty, `refresh_until` None) the session ends with the first.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_until: datetime
    refresh_until: datetime | None


@dataclass(frozen=True, slots=True)
class SessionState:
    """A sign-in without its tokens.

    `generation` counts the pairs. `asked_at`: a new pair was asked for then, and what came of it is not known.
    `lost_at`: the login server refused for good then; nothing asks again until a person signs in.
    """

    generation: int
    signed_in_at: datetime
    renewed_at: datetime
    access_until: datetime
    refresh_until: datetime | None
    redirect: str
    asked_at: datetime | None = None
    lost_at: datetime | None = None
    lost_why: str | None = None

    @property
    def sign_in_due_at(self) -> datetime:
        """When a person is advised to sign in anew."""
        return self.signed_in_at + SIGN_IN_EVERY


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in with its tokens. `verifier` is the secret half of what it was begun with."""

    state: SessionState
    pair: TokenPair
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartedLogin:
    """A sign-in under way: a person was sent to `address` and is to come back to `redirect` with this `state`."""

    address: str
    redirect: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
