"""Telegram through the real library: what each refusal means, what a person and a log get to see."""

from __future__ import annotations

import logging

import pytest

from tests.notify.desk import CHAT, TOKEN, NotifyDesk, alert, summary
from trademon.demo import faults
from trademon.demo.telegram import DemoTelegram, off_for, refusing, too_many
from trademon.errors import ConfigError
from trademon.notify.base import NotAllowed, Pace, Refused, SlowDown, Stumbled, Text, Unreachable, cut, utf16_length
from trademon.notify.telegram import LONGEST, TelegramBot, _bot_address


async def test_three_messages_arrive_once_after_429_500_and_ten_minutes_off(
    desk: NotifyDesk, telegram: DemoTelegram
) -> None:
    """The order of the day: asked to wait, then a fault, then nothing at all for ten minutes; in the end each is there,
    once, and in its order."""
    desk.user.tell(summary(1), summary(2), summary(3))
    telegram.faults[:] = [
        too_many(1, times=1),
        refusing(500, "Internal Server Error", times=1),
        off_for(10, desk.clock),
    ]
    first = await desk.send()
    assert (first.sent, first.waiting, first.exit_code) == (0, 3, 1)
    for _ in range(12):
        desk.clock.move(seconds=60)
        report = await desk.send(at_once=False)
    assert (report.exit_code, report.waiting) == (0, 0)
    assert [text.splitlines()[1][:2] for text in telegram.texts] == ["b1", "b2", "b3"]
    assert not (await desk.send()).sent
    assert set(desk.states().values()) == {("sent",)}


async def test_429_is_obeyed_to_the_second_and_is_no_failure(desk: NotifyDesk, telegram: DemoTelegram) -> None:
    """Nobody asks before the time is over, not even who passes over waits of our own; exit 0, as with an exchange."""
    desk.user.tell(alert(1), alert(2))
    telegram.faults[:] = [too_many(300, times=1)]
    report = await desk.send()
    assert (report.exit_code, report.waiting, len(telegram.requests)) == (0, 2, 1)
    desk.clock.move(seconds=290)
    await desk.send(patience_s=5)
    assert len(telegram.requests) == 1
    desk.clock.move(seconds=11)
    assert (await desk.send()).sent == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (refusing(400, "Bad Request: chat not found"), Refused),
        (refusing(401, "Unauthorized"), NotAllowed),
        (refusing(403, "Forbidden: bot was blocked by the user"), NotAllowed),
        (refusing(404, "Not Found"), NotAllowed),
        (refusing(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1009), NotAllowed),
        (too_many(7), SlowDown),
        (refusing(500, "Internal Server Error"), Stumbled),
        (refusing(502, "Bad Gateway"), Stumbled),
        (faults.reset(), Unreachable),
        (faults.html_with_200(), Stumbled),
        (faults.null_body(), Stumbled),
        (faults.empty_object(), Stumbled),
        (faults.status(503, body="<html>down</html>", content_type="text/html"), Stumbled),
        (faults.redirect("http://127.0.0.1:9/"), Stumbled),
    ],
)
async def test_what_each_refusal_means(
    telegram: DemoTelegram, fault: faults.Fault, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """BadRequest is final, though the library makes it a kind of network error; nothing anywhere shows the token."""
    caplog.set_level(logging.DEBUG)
    telegram.faults[:] = [fault]
    bot = TelegramBot(TOKEN, telegram.base_url)
    with pytest.raises(error) as caught:
        await bot.send(CHAT, "hello", silent=False)
    await bot.close()
    assert type(caught.value) is error
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__dict__} {caplog.text}"
    if error is SlowDown:
        assert caught.value.wait_s == 7  # type: ignore[attr-defined]


async def test_no_server_at_all_and_a_token_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bot = TelegramBot(TOKEN, "http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        await bot.send(CHAT, "hello", silent=False)
    await bot.close()
    assert TOKEN not in caplog.text


async def test_hostile_text_arrives_as_text(telegram: DemoTelegram) -> None:
    """No parse mode: the demo refuses any, as it would misread these. Silent is what the chat sees as silent."""
    hostile = "<b>x</b> [x](http://evil.example) *x* _y_ @everyone `z` </b>"
    bot = TelegramBot(TOKEN, telegram.base_url)
    await bot.chat(CHAT).send(Text(hostile, hostile), silent=True)
    await bot.close()
    assert telegram.texts == [f"{hostile}\n{hostile}"]
    assert telegram.received[0].silent


async def test_a_long_text_is_cut_where_telegram_counts(telegram: DemoTelegram) -> None:
    """Characters beyond the basic plane count twice there; none is cut in its middle, and lines stay whole."""
    bot = TelegramBot(TOKEN, telegram.base_url)
    for text in ("x" * 5000, "\N{MONEY BAG}" * 5000, "\n".join(["a line of text"] * 600)):
        await bot.chat(CHAT).send(Text(text), silent=False)
    await bot.close()
    assert all(utf16_length(text) <= LONGEST and text.endswith("\n…") for text in telegram.texts)
    assert all(utf16_length(text) > LONGEST - 20 for text in telegram.texts)
    assert set(telegram.texts[2].splitlines()) == {"a line of text", "…"}


def test_a_text_that_fits_is_not_touched() -> None:
    assert cut("x" * 10, 10) == "x" * 10
    assert cut("x" * 11, 10) == "x" * 8 + "\n…"


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081/bot"),
        ("http://127.0.0.1:8081/bot", "http://127.0.0.1:8081/bot"),
        ("https://tg.example/x/", "https://tg.example/x/bot"),
        ("https://tg.example/{token}/x", "https://tg.example/{token}/x"),
        ("http://[::1]:8081", "http://[::1]:8081/bot"),
    ],
)
def test_the_base_address_with_and_without_bot(url: str, used: str) -> None:
    assert _bot_address(url) == used


@pytest.mark.parametrize(
    "url", ["http://tg.example", "ftp://x", "tg.example", "https://", "http://127.0.0.1.evil.example"]
)
def test_a_token_is_not_sent_in_the_open(url: str) -> None:
    with pytest.raises(ConfigError):
        _bot_address(url)


def test_turns_keep_to_telegrams_limits() -> None:
    """30 a second in all, one a second for a chat, 20 a minute for a group."""
    pace = Pace(lambda: 100.0)
    bot = TelegramBot(TOKEN, pace=pace)
    assert [bot.next_turn_s(CHAT) for _ in range(3)] == [0.0, 1.0, 2.0]
    group = [bot.next_turn_s("-5") for _ in range(21)]
    assert group[:20] == [float(n) for n in range(20)]
    assert group[20] == 60.0
    pace = Pace(lambda: 100.0)
    bot = TelegramBot(TOKEN, pace=pace)
    turns = [bot.next_turn_s(str(n)) for n in range(61)]
    assert [turns.count(s) for s in (0.0, 1.0, 2.0)] == [30, 30, 1]
