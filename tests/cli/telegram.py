"""Telegram on loopback, beside tests that run the command itself."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

from tests.cli.shell import now
from tests.notify.desk import TOKEN
from trademon.demo.telegram import DemoTelegram


class TelegramThread:
    """A Telegram beside the test."""

    def __init__(self) -> None:
        self.demo = DemoTelegram(TOKEN, clock=now)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def env(self) -> dict[str, str]:
        return {"TRADEMON_TELEGRAM_TOKEN": TOKEN, "TRADEMON_TELEGRAM_BASE_URL": self.demo.base_url}

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.demo.start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.demo.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
