"""What a test of messages holds, and the messages it speaks of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trademon.core.notice_reports import SendReport
from trademon.core.notices import Notice
from trademon.demo.telegram import DemoTelegram
from trademon.exchanges.registry import capabilities_of
from trademon.flows.notify import Sender, SendPorts
from trademon.notify.base import Notifier, Pace
from trademon.notify.telegram import TelegramBot
from trademon.store.store import Store, UserStore

TOKEN = "123456:AAF-the-very-secret-token_0"
CHAT = "4711"


def alert(n: object = 1) -> Notice:
    """An alert that is told apart by its number."""
    return Notice("must_act", {"broker": f"b{n}", "error": "key refused"})


def summary(n: object = 1) -> Notice:
    facts = {"outcome": "success", "at": "2026-05-01T12:00:00+00:00", "seconds": "1.5", "others": []}
    return Notice("round_summary", {**facts, "brokers": [{**_BROKER, "broker": f"b{n}"}]})


_BROKER = {"outcome": "success", "new_fills": 1, "positions": 2}


def order(n: object = 1, fills: int = 1, **more: Any) -> Notice:
    """An order of so many executions."""
    at = "2026-05-01T12:00:00+00:00"
    facts = {
        "broker": "main",
        "symbol": "BTC/USDT",
        "order_id": str(n),
        "side": "sell",
        "currency": "USDT",
        "fills": fills,
        "quantity": "0.5",
        "value": "50",
        "fees": {"USDT": "0.05"},
        "net": "1.25",
        "unmatched": "0",
        "unvalued": False,
        "first_at": at,
        "last_at": at,
        "account": 1,
    }
    return Notice("order", {**facts, **more}, f"order:{n}")


@dataclass
class NotifyDesk:
    """A store with one user whose messages go to a Telegram on loopback."""

    store: Store
    user: UserStore
    telegram: DemoTelegram
    clock: Any
    others: list[Notifier] = field(default_factory=list)
    bots: list[TelegramBot] = field(default_factory=list)

    def sender(self, *, telegram: bool = True, token: str = TOKEN) -> Sender:
        """What sends the user's messages, as another process would."""
        channels = list(self.others)
        if telegram:
            bot = TelegramBot(token, self.telegram.base_url, pace=Pace(self.clock.monotonic))
            self.bots.append(bot)
            channels.insert(0, bot.chat(CHAT))
        ports = SendPorts(self.store.locks, self.clock, self.clock.monotonic, self.clock.sleep)
        return Sender([self.user], lambda _store: tuple(channels), ports, capabilities_of)

    async def send(self, **how: Any) -> SendReport:
        return await self.sender().send(**how)

    def states(self) -> dict[int, tuple[str, ...]]:
        """How each message stands with its channels."""
        report = self.user.outbox(all_kept=True)
        return {one.id: tuple(d.state for d in one.deliveries) or (one.fate or "waits",) for one in report.messages}

    async def close(self) -> None:
        for bot in self.bots:
            await bot.close()
