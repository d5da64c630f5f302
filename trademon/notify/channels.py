"""The channels there are: Telegram where a token is set, and every URL of TRADEMON_NOTIFY_URLS.

A URL may begin with a name, `ops=discord://...`, and with a user whose alone it is, `ann/ops=discord://...`; without a
name it is called by its scheme, and without a user every user's messages go there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trademon.errors import ConfigError
from trademon.notify.apprise import AppriseUrl
from trademon.notify.base import Notifier
from trademon.notify.telegram import NAME as TELEGRAM
from trademon.notify.telegram import TelegramBot
from trademon.redaction import register

_ENTRY: Final = re.compile(
    r"(?:(?:(?P<user>[\w.@-]{1,60})/)?(?P<name>[A-Za-z][\w-]{0,30})=)?(?P<url>(?P<scheme>[A-Za-z][A-Za-z0-9+]*)://\S+)"
)
_BETWEEN: Final = re.compile(r"[\s,]+(?=(?:[\w.@/-]+=)?[A-Za-z][A-Za-z0-9+]*://)")


@dataclass(frozen=True, slots=True)
class _Entry:
    user: str | None
    notifier: AppriseUrl


class Channels:
    """All of them, for the length of a run; close it at the end."""

    def __init__(self, telegram_token: str | None, telegram_base_url: str | None, urls: str | None) -> None:
        """Raises ConfigError where one of these cannot be used."""
        self._bot = TelegramBot(telegram_token, telegram_base_url) if telegram_token else None
        self._entries = _parse(urls or "")

    @property
    def are_none(self) -> bool:
        return self._bot is None and not self._entries

    @property
    def has_telegram(self) -> bool:
        return self._bot is not None

    def of(self, user: str, telegram_chat: str | None) -> tuple[Notifier, ...]:
        """The channels of one user."""
        found: list[Notifier] = []
        if self._bot is not None and telegram_chat:
            found.append(self._bot.chat(telegram_chat))
        found += [entry.notifier for entry in self._entries if entry.user in (None, user)]
        return tuple(found)

    async def close(self) -> None:
        if self._bot is not None:
            await self._bot.close()


def _parse(urls: str) -> Sequence[_Entry]:
    entries: list[_Entry] = []
    taken = {TELEGRAM}
    for number, part in enumerate(filter(None, _BETWEEN.split(urls.strip(" \t\r\n,"))), start=1):
        match = _ENTRY.fullmatch(part)
        if match is None:
            raise ConfigError(
                f"entry {number} of TRADEMON_NOTIFY_URLS is no URL", hint="as in ops=discord://... json://..."
            )
        name = match["name"] or _free(match["scheme"].lower(), taken)
        if name in taken:
            raise ConfigError(f"TRADEMON_NOTIFY_URLS names two channels {name!r}", hint="each has a name of its own")
        taken.add(name)
        register(match["url"], match["url"].partition("://")[2])
        entries.append(_Entry(match["user"], AppriseUrl(name, match["url"])))
    return entries


def _free(scheme: str, taken: set[str]) -> str:
    """The scheme, numbered where it is taken."""
    names = (scheme if n == 1 else f"{scheme}{n}" for n in range(1, 1000))
    return next(name for name in names if name not in taken)
