"""Telegram's Bot API on loopback, as far as a bot that only writes needs it: `sendMessage`, and its refusals.

It answers as the real one does: the token is part of the path, a refusal has a code and a description, and one for a
flood says when to come back. `received` is what arrived in a chat, in order.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from trademon.demo.faults import Fault, limited
from trademon.demo.model import Clock

LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it arrived."""

    chat: str
    text: str
    silent: bool
    at: datetime


class DemoTelegram:
    """Serves one bot on 127.0.0.1; `faults` may be changed while it runs."""

    def __init__(self, token: str, *, clock: Clock) -> None:
        self.received: list[Received] = []
        self.requests: list[str] = []
        """The method of every request, refused ones too."""
        self.faults: list[Fault] = []
        self.before_answer: Callable[[], Awaitable[None]] | None = None
        """Called when a message has arrived, before that is said."""
        self._token = token
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Where it listens, "http://127.0.0.1:PORT"."""
        if not self._port:
            raise RuntimeError("the demo Telegram is not started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.received]

    async def start(self, port: int = 0) -> None:
        """Listen, on a free port where none is named."""
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner, self._port = None, 0

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.match_info["method"])
        for fault in list(self.faults):
            response = await fault(request)
            if response is not None:
                return response
        if request.match_info["token"] != self._token:
            return refusal(401, "Unauthorized")
        if request.match_info["method"] != "sendMessage":
            return refusal(404, "Not Found")
        return await self._send_message(await _parameters(request))

    async def _send_message(self, parameters: dict[str, Any]) -> web.Response:
        chat, text = str(parameters.get("chat_id", "")), str(parameters.get("text", ""))
        if not chat.lstrip("-").isdigit() and not chat.startswith("@"):
            return refusal(400, "Bad Request: chat not found")
        if not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            return refusal(400, "Bad Request: message is too long")
        if parameters.get("parse_mode"):
            return refusal(400, "Bad Request: can't parse entities: the demo takes plain text alone")
        silent = str(parameters.get("disable_notification", "")).lower() == "true"
        now = self._clock()
        self.received.append(Received(chat, text, silent, now))
        if self.before_answer is not None:
            await self.before_answer()
        result = {
            "message_id": len(self.received),
            "date": int(now.timestamp()),
            "chat": {"id": int(chat) if chat.lstrip("-").isdigit() else 1, "type": "private"},
            "text": text,
        }
        return web.json_response({"ok": True, "result": result})


async def _parameters(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        parsed: dict[str, Any] = json.loads(await request.text())
        return parsed
    return dict(await request.post())


def refusal(code: int, description: str, **parameters: Any) -> web.Response:
    """A refusal as Telegram writes it."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=code)


def refusing(code: int, description: str, *, times: int | None = None, **parameters: Any) -> Fault:
    """A fault that refuses, so many times."""

    async def strike(request: web.Request) -> web.StreamResponse:
        return refusal(code, description, **parameters)

    return limited(strike, times, "")


def too_many(retry_after: int, *, times: int | None = None) -> Fault:
    """429: come back after so many seconds."""
    said = f"Too Many Requests: retry after {retry_after}"
    return refusing(429, said, times=times, retry_after=retry_after)


def off_until(at: datetime, clock: Clock) -> Fault:
    """Until that time by its clock no request is answered: the connection is closed."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if clock() >= at:
            return None
        if request.transport is not None:
            request.transport.abort()
        await asyncio.sleep(0)
        return web.Response(status=500)

    return fault


def off_for(minutes: float, clock: Clock) -> Fault:
    """`off_until` so many minutes from now."""
    return off_until(clock() + timedelta(minutes=minutes), clock)
