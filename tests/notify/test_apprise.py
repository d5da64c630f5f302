"""Webhooks and the like through the real apprise, to a receiver on loopback."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.notify.desk import NotifyDesk, alert
from trademon.errors import ActionNeeded, ConfigError
from trademon.notify.apprise import AppriseUrl
from trademon.notify.base import NotAllowed, Refused, SlowDown, Stumbled, Text, Unreachable
from trademon.notify.channels import Channels

HOSTILE = '<b>x</b> [x](http://evil.example) *x* `z` @everyone @here <@123> <!channel> "quoted" \\ {"a": 1}'


@dataclass
class Receiver:
    """A webhook: what came, and the status it answers with."""

    status: int = 200
    bodies: list[Any] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.texts.append(text)
        if request.content_type == "application/json":
            self.bodies.append(json.loads(text))
        return web.Response(status=self.status, text="<html>no</html>")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


async def test_a_webhook_gets_json_whatever_the_text(receiver: Receiver) -> None:
    hook = AppriseUrl("hook", f"json://127.0.0.1:{receiver.port}/x")
    await hook.send(Text(HOSTILE, f"{HOSTILE}\nsecond line"), silent=False)
    (body,) = receiver.bodies
    assert (body["title"], body["message"]) == (HOSTILE, f"{HOSTILE}\nsecond line")


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Refused), (401, NotAllowed), (403, NotAllowed), (404, NotAllowed), (429, SlowDown), (500, Stumbled)],
)
async def test_what_each_status_means(receiver: Receiver, status: int, error: type[Exception]) -> None:
    receiver.status = status
    hook = AppriseUrl("hook", f"json://user:the-password@127.0.0.1:{receiver.port}/the-path")
    with pytest.raises(error) as caught:
        await hook.send(Text("x"), silent=False)
    assert "the-p" not in f"{caught.value!r}{caught.value.__dict__}"


async def test_nobody_there_and_a_url_of_no_service(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the error nor a log shows anything of a URL, which is a secret."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Unreachable):
        await AppriseUrl("hook", "json://127.0.0.1:9/the-path").send(Text("x"), silent=False)
    with pytest.raises(ConfigError) as caught:
        await AppriseUrl("odd", "nosuchthing://the-secret").send(Text("x"), silent=False)
    assert "the-" not in caught.value.line
    assert "the-path" not in caplog.text
    assert "the-secret" not in caplog.text


@pytest.mark.parametrize("scheme", ["discord", "slack", "mmost", "rocket", "tgram"])
def test_services_with_mentions_and_markup_get_neither(scheme: str) -> None:
    """Nobody is called, and no word of an exchange is a link or bold."""
    said = AppriseUrl("c", f"{scheme}://x")._inert(HOSTILE)
    for address in ("@everyone", "@here", "<@123>", "<!channel>"):
        assert address not in said
    if scheme in ("discord", "mmost", "rocket"):
        assert "\\[x\\](" in said
        assert "\\*x\\*" in said


async def test_a_long_text_is_cut_to_what_the_service_takes(receiver: Receiver) -> None:
    hook = AppriseUrl("hook", f"json://127.0.0.1:{receiver.port}/x")
    await hook.send(Text("t", "a line of text\n" * 10_000), silent=False)
    message = receiver.bodies[0]["message"]
    assert len(message) <= 32_768
    assert message.endswith("\n…")


async def test_through_the_outbox(desk: NotifyDesk, receiver: Receiver) -> None:
    """A webhook that is down for a while hears of it in the end; with several users it says whose it is."""
    desk.others.append(AppriseUrl("hook", f"json://127.0.0.1:{receiver.port}/x"))
    receiver.status = 503
    desk.user.tell(alert())
    sender = desk.sender(telegram=False)
    assert (await sender.send(patience_s=0)).exit_code == 1
    receiver.status = 200
    sender.show_user = True
    assert (await sender.send()).sent == 1
    assert receiver.bodies[-1]["title"] == "[ann] b1 needs you"


# --- TRADEMON_NOTIFY_URLS -----------------------------------------------------------------------------------------


def test_urls_are_named_and_may_be_one_users() -> None:
    channels = Channels("1:x", None, "json://h/x, ops=discord://a/b ann/me=ntfy://x,json://h/y")
    assert [c.name for c in channels.of("ann", "4711")] == ["telegram", "json", "ops", "me", "json2"]
    assert [c.name for c in channels.of("bob", None)] == ["json", "ops", "json2"]
    assert all("h/x" not in c.goes_to and "a/b" not in c.goes_to for c in channels.of("bob", None))
    assert Channels(None, None, "").are_none


@pytest.mark.parametrize("urls", ["x", "a=json://h b a=json://h", "telegram=json://h", "a=json://x a=json://y"])
def test_urls_that_cannot_be_used(urls: str) -> None:
    with pytest.raises(ActionNeeded) as caught:
        Channels(None, None, urls)
    assert "//h" not in caught.value.line
