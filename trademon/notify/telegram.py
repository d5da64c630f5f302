"""Telegram, through python-telegram-bot. It is imported when the first message is sent: that takes 0.6 s and 38 MB.

Texts have no parse mode, so that nothing in them is markup, and no previews, so that nobody's link is fetched. The
token is part of every address the library asks: none of its errors and none of its logs leave this file as they are.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import warnings
from datetime import timedelta
from typing import Any

from trademon.errors import ConfigError
from trademon.notify.base import (
    NotAllowed,
    Pace,
    Refused,
    SlowDown,
    Stumbled,
    Text,
    Unreachable,
    cut,
    scrubbed,
    utf16_length,
)
from trademon.redaction import register

NAME = "telegram"
LONGEST = 4096
DEADLINE_S = 30.0
_LOUD_LOGGERS = ("telegram", "httpx", "httpcore")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class TelegramBot:
    """The bot of one token, for all chats of this process; close it at the end."""

    def __init__(self, token: str, base_url: str | None = None, *, pace: Pace | None = None) -> None:
        """Raises ConfigError for an address that is none."""
        # Its second part is what is secret; a server may say that alone.
        register(token, token.rpartition(":")[2])
        self._token = token
        self._base_url = None if base_url is None else _bot_address(base_url)
        self._pace = pace or Pace()
        self._bot: Any = None
        self._request: Any = None
        for name in _LOUD_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def chat(self, chat: str) -> TelegramChat:
        return TelegramChat(self, chat)

    def next_turn_s(self, chat: str) -> float:
        """Telegram's own limits: 30 messages a second in all, one a second for a chat, 20 a minute for a group."""
        limits = [("", 30, 1.0), (chat, 1, 1.0)]
        if chat.startswith(("-", "@")):
            limits.append((f"group {chat}", 20, 60.0))
        return self._pace.take(limits)

    async def send(self, chat: str, text: str, *, silent: bool) -> None:
        """Raises as `base.Notifier.send` does."""
        telegram = await asyncio.to_thread(importlib.import_module, "telegram")
        errors = telegram.error
        # It says so of `retry_after` each time, and to nobody who could do something about it: both types are taken.
        warnings.filterwarnings("ignore", category=telegram.warnings.PTBDeprecationWarning)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._open(telegram).send_message(
                    chat,
                    text,
                    disable_notification=silent,
                    link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
                )
        except errors.RetryAfter as error:
            wait_s = _seconds(error.retry_after)
            raise SlowDown(f"asked us to wait for {wait_s:g} s", wait_s=wait_s) from None
        except errors.BadRequest as error:  # before NetworkError, of which the library makes it a kind
            raise Refused(f"refused the message: {scrubbed(str(error))}") from None
        except errors.Forbidden as error:
            raise NotAllowed(
                f"refused the chat {chat}: {scrubbed(str(error))}", hint="let the chat's owner start the bot, or add it"
            ) from None
        except errors.InvalidToken:
            raise NotAllowed(
                "refused the bot's token", hint="set TRADEMON_TELEGRAM_TOKEN to what @BotFather says"
            ) from None
        except errors.ChatMigrated as error:
            raise NotAllowed(
                f"the group {chat} has become {error.new_chat_id}", hint="change the user's --telegram-chat"
            ) from None
        except (TimeoutError, errors.TimedOut):
            raise Unreachable("no answer in time") from None
        except errors.NetworkError as error:
            # What was not answered has the cause of another library; what was, with a 5xx, has none or one of its own.
            if error.__cause__ is not None and not isinstance(error.__cause__, errors.TelegramError):
                raise Unreachable(f"no connection ({type(error.__cause__).__name__})") from None
            raise Stumbled(f"failed: {scrubbed(str(error))}") from None
        except Exception as error:  # noqa: BLE001 - a page of a proxy, with status 200, ends in any of them
            raise Stumbled(f"an answer that is none ({type(error).__name__})") from None

    def _open(self, telegram: Any) -> Any:
        if self._bot is None:
            request = importlib.import_module("telegram.request")
            self._request = request.HTTPXRequest(connection_pool_size=4, read_timeout=20.0, connect_timeout=10.0)
            where = {} if self._base_url is None else {"base_url": self._base_url}
            try:
                self._bot = telegram.Bot(self._token, request=self._request, get_updates_request=self._request, **where)
            except telegram.error.InvalidToken:
                raise NotAllowed("the bot's token is none", hint="set TRADEMON_TELEGRAM_TOKEN") from None
        return self._bot

    async def close(self) -> None:
        if self._request is not None:
            await self._request.shutdown()
        self._bot = self._request = None


class TelegramChat:
    """A chat that a bot writes to."""

    name = NAME

    def __init__(self, bot: TelegramBot, chat: str) -> None:
        self._bot = bot
        self._chat = chat

    @property
    def goes_to(self) -> str:
        return f"chat {self._chat}"

    def next_turn_s(self) -> float:
        return self._bot.next_turn_s(self._chat)

    async def send(self, text: Text, *, silent: bool) -> None:
        await self._bot.send(self._chat, cut(text.whole, LONGEST, measure=utf16_length), silent=silent)


def _bot_address(url: str) -> str:
    """As the library wants it, which puts the token right behind it: with or without `/bot`, or with `{token}`."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    plain = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not (url.startswith("https://") or (url.startswith("http://") and plain in _LOOPBACK)) or not host:
        raise ConfigError(
            "TRADEMON_TELEGRAM_BASE_URL is no https address", hint="http is for this machine alone, as in tests"
        )
    if "{token}" in url:
        return url
    url = url.rstrip("/")
    return url if url.endswith("/bot") else f"{url}/bot"


def _seconds(wait: object) -> float:
    """The library says an int now, and will say a timedelta."""
    if isinstance(wait, timedelta):
        return wait.total_seconds()
    return float(wait) if isinstance(wait, int | float) else 1.0
