"""`trademon notify` as a script and a person use it, with a Telegram on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cli.shell import ENVELOPE, ServerThread, Shell
from tests.cli.telegram import TelegramThread
from tests.notify.desk import CHAT, TOKEN, alert, summary
from trademon.core.notices import Notice
from trademon.demo import faults
from trademon.demo.telegram import refusing
from trademon.settings import load_settings
from trademon.wiring import open_home


def tell(shell: Shell, user: str, *notices: Notice) -> None:
    with open_home(load_settings({"TRADEMON_HOME": str(shell.home)}, directory=shell.cwd)) as home:
        home.store.for_user(user).tell(*notices)


@pytest.fixture
def bob(shell: Shell) -> Shell:
    """A home with the user bob, who has a chat, beside ann, who has none."""
    shell.run("user", "add", "bob", "--telegram-chat", CHAT).check(0)
    return shell


def test_without_a_channel_a_person_is_told_what_to_set(shell: Shell) -> None:
    done = shell.run("notify", "send").check(0)
    done.one_line("there is no channel to send messages to", "TRADEMON_TELEGRAM_TOKEN")
    done = shell.run("notify", "test", "--json").check(4)
    assert done.json["errors"][0]["kind"] == "config"
    assert shell.run("notify", "list", "--json").check(0).json["data"]["channels"] == []


def test_what_waits_is_listed_sent_in_silence_and_kept(bob: Shell, telegram: TelegramThread) -> None:
    """Each document with the envelope; success prints nothing in cron."""
    empty = bob.run("notify", "outbox", "--json").check(0).json
    assert list(empty) == ENVELOPE
    assert empty["data"] == {"messages": [], "waiting": 0}
    tell(bob, "bob", summary(), alert())
    (first, second) = bob.run("notify", "outbox", "--json").check(0).json["data"]["messages"]
    assert first.keys() == {"id", "user", "event", "kind", "state", "text", "created_at", "deliveries"}
    assert (first["event"], first["state"], second["text"]) == ("summary", "waiting", "b1 needs you\nkey refused")
    assert "b1 needs you" in bob.run("notify", "outbox").check(0).out
    done = bob.run("notify", "send", **telegram.env).check(0)
    assert (done.out, done.err) == ("", "")
    assert [text.splitlines()[0] for text in telegram.demo.texts] == ["b1 needs you", "Round: success, 1.5 s"]
    assert bob.run("notify", "outbox", "--json").json["data"] == {"messages": [], "waiting": 0}
    kept = bob.run("notify", "outbox", "--all", "--json").json["data"]["messages"]
    assert [(m["state"], m["deliveries"][0]["tries"]) for m in kept] == [("sent", 1), ("sent", 1)]


@pytest.mark.parametrize(("code", "exit_code"), [(401, 4), (403, 4), (400, 1), (502, 1)])
def test_a_refusal_is_one_line_and_never_shows_the_token(
    bob: Shell, telegram: TelegramThread, code: int, exit_code: int
) -> None:
    """At the loudest, too; with what a person can do where one must."""
    tell(bob, "bob", alert())
    telegram.demo.faults[:] = [refusing(code, f"said {TOKEN} about it")]
    done = bob.run("notify", "send", **telegram.env).check(exit_code)
    done.one_line("telegram")
    loud = bob.run("notify", "send", "-vvv", "--debug", "--json", **telegram.env)
    tested = bob.run("notify", "test", "--user", "bob", "-vvv", "--debug", **telegram.env)
    listed = bob.run("notify", "outbox", "--all", "--json")
    seen = "".join(one.out + one.err for one in (done, loud, tested, listed))
    assert TOKEN not in seen
    assert TOKEN.partition(":")[2] not in seen
    for file in bob.home.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()


def test_a_test_message_and_its_failure(bob: Shell, telegram: TelegramThread) -> None:
    bob.run("notify", "test", "--user", "bob", **telegram.env).check(0)
    assert telegram.demo.texts[0].startswith("trademon: a test")
    done = bob.run("notify", "test", "--user", "bob", "--channel", "fax", **telegram.env).check(2)
    done.one_line("there is no channel 'fax'", "known: telegram")


def test_what_a_user_sets_is_listed(bob: Shell, telegram: TelegramThread) -> None:
    env = telegram.env | {"TRADEMON_NOTIFY_URLS": "hook=json://127.0.0.1:9/a-secret-path"}
    for args in (
        "set executions on --channel telegram",
        "set answers off",
        "quiet 22:00-07:00 --zone Europe/Paris",
        "digest 6",
        "fallback hook",
        "limit 500 --currency usdt",
    ):
        done = bob.run("notify", *args.split(), "--user", "bob", **env).check(0)
        assert (done.out, done.err) == ("", "")
    data = bob.run("notify", "list", "--user", "bob", "--json", **env).check(0).json["data"]
    events = {"executions": "on", "summary": "on", "answers": "off", "errors": "on", "alerts": "on"}
    assert data["channels"] == [
        {"channel": "telegram", "user": "bob", "goes_to": f"chat {CHAT}", "fallback": False, "events": events},
        {
            "channel": "hook",
            "user": "bob",
            "goes_to": "json://…",
            "fallback": True,
            "events": events | {"executions": "off"},
        },
    ]
    options = {"user": "bob", "zone": "Europe/Paris", "quiet": "22:00-07:00", "digest_hours": 6, "fallback": "hook"}
    assert data["users"] == [options | {"daily_loss": "500", "daily_loss_currency": "USDT"}]
    shown = bob.run("notify", "list", "--user", "bob", **env).check(0).out
    assert "a-secret-path" not in shown
    assert "quiet 22:00-07:00" in shown
    for args in ("quiet off", "digest off", "fallback off", "limit off"):
        bob.run("notify", *args.split(), "--user", "bob", **env).check(0)
    data = bob.run("notify", "list", "--user", "bob", "--json", **env).check(0).json["data"]
    assert [v for k, v in data["users"][0].items() if k not in ("user", "zone")] == [None] * 5


@pytest.mark.parametrize(
    "args",
    [
        "set nothing on",
        "set alerts loud",
        "set alerts on --channel fax",
        "quiet 22",
        "quiet 22:00-07:00 --zone Mars/Base",
        "digest 0",
        "digest x",
        "fallback fax",
        "limit 5",
        "limit -5 --currency EUR",
        "limit x --currency EUR",
    ],
)
def test_what_cannot_be_set_is_a_usage_error(shell: Shell, args: str) -> None:
    done = shell.run("notify", *args.split(), "--json").check(2)
    assert done.json["errors"][0]["kind"] == "usage"


def test_a_setting_that_cannot_be_used_is_named_without_its_value(shell: Shell) -> None:
    for env in (
        {"TRADEMON_NOTIFY_URLS": "the-secret"},
        {"TRADEMON_TELEGRAM_TOKEN": TOKEN, "TRADEMON_TELEGRAM_BASE_URL": "http://the-secret.example"},
    ):
        done = shell.run("notify", "send", **env).check(4)
        done.one_line("TRADEMON_")
        assert "the-secret" not in done.err


def test_a_users_messages_are_his_own(bob: Shell, telegram: TelegramThread) -> None:
    """Pinned to ann nothing of bob's is shown or sent."""
    tell(bob, "bob", alert())
    assert bob.run("notify", "outbox", "--user", "ann", "--json").json["data"]["messages"] == []
    bob.run("notify", "send", "--user", "ann", **telegram.env).check(0)
    assert telegram.demo.texts == []
    bob.run("notify", "send", **telegram.env).check(0)
    assert len(telegram.demo.texts) == 1


def test_doctor_says_what_waits_and_why(bob: Shell, telegram: TelegramThread) -> None:
    def check(**env: Any) -> Any:
        done = bob.run("doctor", "--user", "bob", "--json", **env)
        (found,) = [c for c in done.json["data"]["checks"] if c["check"] == "messages"]
        return done.code, found["health"], found["detail"]

    assert "no channel is set" in check()[2]
    tell(bob, "bob", alert())
    code, health, detail = check(**telegram.env)
    assert (code, health) == (0, "ok")
    assert "1 waiting" in detail
    telegram.demo.faults[:] = [refusing(401, "Unauthorized")]
    bob.run("notify", "send", **telegram.env).check(4)
    code, health, detail = check(**telegram.env)
    assert (code, health) == (4, "act")
    assert "token" in detail
    telegram.demo.faults.clear()
    bob.run("notify", "send", **telegram.env).check(0)
    assert check(**telegram.env)[:2] == (0, "ok")


def test_a_watch_tells_of_an_order_by_itself(bob: Shell, exchange: ServerThread, telegram: TelegramThread) -> None:
    """Each order once, with what it realised; also when Telegram is slow, which no scan waits for."""
    bob.run("notify", "set", "executions", "on", "--user", "bob", **telegram.env).check(0)
    bob.add("main", "binance", exchange.url, "--user", "bob", "--since", "2h").check(0)

    async def slow() -> None:
        await asyncio.sleep(1)

    telegram.demo.before_answer = slow
    args = ("watch", "--json", "--cycles", "2", "--interval", "1", "--user", "bob")
    bob.run(*args, **telegram.env).check(0)
    (text,) = telegram.demo.texts
    assert text.startswith("main: 3 executions from before it was added")
    assert "Realised: +2.5 USDT" in text
    bob.run(*args, **telegram.env).check(0)
    assert len(telegram.demo.texts) == 1


def test_an_alert_of_cron_and_of_watch_is_one(bob: Shell, exchange: ServerThread, telegram: TelegramThread) -> None:
    """A refused key: scans by cron and a watch share it, and so they do its end."""
    bob.add("main", "binance", exchange.url, "--user", "bob").check(0)
    exchange.server.faults[:] = [faults.status(401, body='{"code":-2015,"msg":"Invalid API-key"}')]
    for args in (("scan",), ("watch", "--cycles", "2", "--interval", "1"), ("scan",)):
        bob.run(*args, "--user", "bob", **telegram.env).check(4)
    bob.run("notify", "send", **telegram.env).check(0)
    assert [text.splitlines()[0] for text in telegram.demo.texts] == ["main needs you"]
    exchange.server.faults.clear()
    for _ in range(2):
        bob.run("scan", "--user", "bob").check(0)
    bob.run("notify", "send", **telegram.env).check(0)
    assert [text.splitlines()[0] for text in telegram.demo.texts] == ["main needs you", "main works again"]


def test_a_round_waits_for_no_channel_and_says_where_a_person_must_act(
    bob: Shell, exchange: ServerThread, telegram: TelegramThread
) -> None:
    """Nobody answers at Telegram: the round is as good as ever. A refused token is told to cron, exit 4. A setting that
    is none keeps no round from its work."""
    bob.add("main", "binance", exchange.url, "--user", "bob", "--since", "2h").check(0)
    run = ("automation", "run", "--force", "--user", "bob")
    bob.run(*run, TRADEMON_TELEGRAM_TOKEN=TOKEN, TRADEMON_TELEGRAM_BASE_URL="http://127.0.0.1:9").check(0)
    bob.run(*run, TRADEMON_NOTIFY_URLS="no url").check(0).one_line("TRADEMON_NOTIFY_URLS")
    telegram.demo.faults[:] = [refusing(401, "Unauthorized")]
    bob.run(*run, **telegram.env).check(4).one_line("telegram: refused the bot's token")
    logs = bob.run("automation", "logs", "--user", "bob", "--json").json["data"]["runs"]
    assert [one["outcome"] for one in logs] == ["success"] * 3
    telegram.demo.faults.clear()
    bob.run("notify", "send", **telegram.env).check(0)
    assert len(telegram.demo.texts) == 6


def test_a_round_of_one_user_sends_nothing_of_another(
    bob: Shell, exchange: ServerThread, telegram: TelegramThread
) -> None:
    """Not in its own process, nor in the one it sends from."""
    bob.run("user", "add", "cleo", "--telegram-chat", "5").check(0)
    tell(bob, "bob", alert())
    run = ("automation", "run", "--force", "--user")
    bob.run(*run, "cleo", **telegram.env).check(0)
    assert {one.chat for one in telegram.demo.received} == {"5"}
    bob.run(*run, "bob", **telegram.env).check(0)
    assert {one.chat for one in telegram.demo.received} == {"5", CHAT}
