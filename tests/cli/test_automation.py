"""`trademon automation` as a person, cron and systemd call it: real processes, real signals."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiohttp import web

from tests.cli.conftest import founding_world
from tests.cli.shell import ENVELOPE, SECRETS, ServerThread, Shell
from tests.cli.telegram import TelegramThread
from tests.notify.desk import CHAT
from trademon.demo import faults
from trademon.demo.server import DemoAccount
from trademon.demo.telegram import refusing, too_many


@pytest.fixture
def exchange(shell: Shell) -> Iterator[ServerThread]:
    """A broker `main` at an exchange with the founding case."""
    account = DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", founding_world())
    with ServerThread(account) as server:
        shell.add("main", "binance", server.url, "--since", "1d").check(0)
        yield server


@pytest.fixture(autouse=True)
def no_scheduler_left(shell: Shell) -> Iterator[None]:
    yield
    pid = scheduler(shell)["pid"]
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


async def dawdle(request: web.Request) -> None:
    """Each answer takes its time, though none so long that the host is given up: a round of a minute."""
    await asyncio.sleep(2.5)


def asked(shell: Shell) -> dict[str, Any]:
    """The first user's state."""
    user, *_ = shell.run("automation", "status", "--json").check(0).json["data"]["users"]
    return dict(user)


def scheduler(shell: Shell) -> dict[str, Any]:
    return dict(asked(shell)["scheduler"])


def within(seconds: float, found: Callable[[], object]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def rounds(shell: Shell) -> list[dict[str, Any]]:
    return list(shell.run("automation", "logs", "--json").check(0).json["data"]["runs"])


def test_a_round_by_hand_and_what_is_told_of_it(shell: Shell, exchange: ServerThread) -> None:
    """Silent in cron; each part with its outcome; the JSON of the contract."""
    done = shell.run("automation", "run", "--force").check(0)
    assert (done.out, done.err) == ("", "")
    (one,) = rounds(shell)
    assert (one["trigger"], one["outcome"], one["finished_at"] > one["started_at"]) == ("manual", "success", True)
    assert [(t["name"], t["outcome"], t["new_fills"]) for t in one["tasks"]] == [
        ("sync main", "success", 3),
        ("verify main", "success", 0),
    ]
    told = shell.run("automation", "run", "--force", "--json").check(0).json
    assert list(told) == ENVELOPE
    assert (told["command"], [t["name"] for t in told["data"]["runs"][0]["tasks"]]) == ("automation run", ["sync main"])
    user = asked(shell)
    assert (user["state"], user["every_minutes"], user["next_run"]) == ("stopped", 30, None)
    assert (user["last_run"]["outcome"], user["success_rate"]["24h"]) == ("success", "1")
    shown = shell.run("automation", "logs").check(0).out
    assert "1 broker, 3 new executions, 1 verified" in shown


def test_a_broker_that_is_down_ends_in_3(shell: Shell, exchange: ServerThread) -> None:
    """One line names it; the other broker's fills are there."""
    shell.add("other", "binance", exchange.url).check(0)
    shell.run("broker", "set", "other", "--base-url", "http://127.0.0.1:9").check(0)
    done = shell.run("automation", "run", "--force").check(3)
    done.one_line("other")
    (one,) = rounds(shell)
    assert one["outcome"] == "partial"
    assert len(shell.run("fills", "--json").json["data"]["fills"]) == 3
    assert "sync other" in shell.run("automation", "logs", "--outcome", "partial").out


def test_cron_runs_what_is_due_and_says_that_nothing_is_on(shell: Shell, exchange: ServerThread) -> None:
    """A line in a crontab that does nothing is said; one that is not due yet is not."""
    shell.run("automation", "run").check(0).one_line("not on", "automation start --cron")
    line = shell.run("automation", "start", "--cron", "--every", "5").check(0).out
    assert re.search(r"^\S* ?\*/5 \* \* \* \* TRADEMON_HOME=\S+ \S*trademon automation run$", line, re.M)
    assert scheduler(shell) == {"alive": False, "pid": None}
    assert shell.run("automation", "run").check(0).err == ""
    assert [one["trigger"] for one in rounds(shell)] == ["cron"]
    again = shell.run("automation", "run").check(0)
    assert (again.out, again.err, len(rounds(shell))) == ("", "", 1)


def test_start_leaves_a_scheduler_that_obeys_within_two_seconds(shell: Shell, exchange: ServerThread) -> None:
    """It is there when `start` returns, does the first round at once, is not started twice, and ends with `stop`."""
    started = time.monotonic()
    shell.run("automation", "start", "--every", "5").check(0)
    took = time.monotonic() - started
    found = scheduler(shell)
    assert found["alive"]
    assert took < 10
    within(5, lambda: rounds(shell) and rounds(shell)[0]["outcome"] == "success")
    shell.run("automation", "start").check(0)
    assert scheduler(shell)["pid"] == found["pid"]
    shell.run("automation", "pause").check(0)
    assert (asked(shell)["state"], asked(shell)["next_run"]) == ("paused", None)
    shell.run("automation", "every", "15").check(0)
    shell.run("automation", "resume").check(0)
    assert (asked(shell)["state"], asked(shell)["every_minutes"]) == ("active", 15)
    shell.run("automation", "stop").check(0)
    within(2, lambda: not scheduler(shell)["alive"])
    assert "success" in (shell.home / "state" / "automation.log").read_text()
    assert asked(shell)["state"] == "stopped"


def test_stop_ends_a_round_that_hangs(shell: Shell, exchange: ServerThread) -> None:
    """With an end in the log, and the scheduler gone."""
    exchange.server.faults.append(dawdle)
    shell.run("automation", "start").check(0)
    within(5, lambda: asked(shell)["running_since"])
    shell.run("automation", "stop").check(0)
    within(2.5, lambda: not scheduler(shell)["alive"])
    (one,) = rounds(shell)
    assert (one["outcome"], one["tasks"][-1]["detail"]) == ("failed", "it was stopped before it was done")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_front_it_ends_with_its_signal_and_tells_systemd(
    shell: Shell, exchange: ServerThread, tmp_path: Path, number: signal.Signals
) -> None:
    """Ready, alive, stopping: as a service of Type=notify says it."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
        said.bind(str(address))
        said.settimeout(10)
        child = shell.start("automation", "start", "--foreground", NOTIFY_SOCKET=str(address))
        heard = [said.recv(100), said.recv(100)]
        within(5, lambda: rounds(shell) and rounds(shell)[0]["outcome"])
        child.send_signal(number)
        out, err = child.communicate(timeout=5)
        while heard[-1] != b"STOPPING=1":
            heard.append(said.recv(100))
    assert heard[:2] == [b"READY=1", b"WATCHDOG=1"]
    assert (child.returncode, out, "Traceback" in err) == (128 + number, "", False)
    assert asked(shell)["state"] == "active"


def test_a_second_scheduler_does_not_start(shell: Shell) -> None:
    shell.run("automation", "start").check(0)
    shell.run("automation", "start", "--foreground").check(75).one_line(
        "a scheduler is at work here already", "trademon automation stop ends it"
    )


def test_a_killed_scheduler_is_noticed_and_its_round_has_an_end(shell: Shell, exchange: ServerThread) -> None:
    """kill -9 in the middle of a round: `status` says that nobody is at work, `start` begins again."""
    exchange.server.faults.append(dawdle)
    shell.run("automation", "start").check(0)
    within(5, lambda: asked(shell)["running_since"])
    os.kill(scheduler(shell)["pid"], signal.SIGKILL)
    within(2, lambda: not scheduler(shell)["alive"])
    assert rounds(shell)[0]["tasks"][-1]["detail"] == "it was ended from outside before it was done"
    exchange.server.faults.clear()
    shell.run("automation", "run", "--force").check(0)
    assert [one["outcome"] for one in rounds(shell)] == ["success", "failed"]
    shell.run("automation", "resume").check(0)
    assert scheduler(shell)["alive"]


def test_three_messages_after_a_round_with_one_broker_down(
    shell: Shell, exchange: ServerThread, telegram: TelegramThread
) -> None:
    """Telegram asks to wait, then fails: the summary, the answers and the error each arrive once all the same. A kill
    in a round is told of by the next."""
    shell.run("user", "add", "bob", "--telegram-chat", CHAT).check(0)
    shell.add("good", "binance", exchange.url, "--since", "1d", "--user", "bob").check(0)
    shell.add("down", "binance", exchange.url, "--user", "bob").check(0)
    shell.run("broker", "set", "down", "--base-url", "http://127.0.0.1:9", "--user", "bob").check(0)
    telegram.demo.faults[:] = [too_many(1, times=1), refusing(500, "Internal Server Error", times=1)]
    shell.run("automation", "run", "--force", "--user", "bob", **telegram.env).check(3).one_line("down")
    within(20, lambda: shell.run("notify", "send", **telegram.env).code == 0 and len(telegram.demo.texts) >= 3)
    titles = sorted(text.splitlines()[0] for text in telegram.demo.texts)
    assert [re.sub(r"[\d.]+ s$", "N s", title) for title in titles] == [
        "Round: 1 error",
        "Round: partial, N s",
        "What the brokers answered",
    ]
    summary = next(text for text in telegram.demo.texts if "partial" in text)
    assert "good: 3 new trades, 2 positions" in summary
    assert len(shell.run("fills", "--user", "bob", "--json").json["data"]["fills"]) == 3


def test_what_is_no_interval(shell: Shell) -> None:
    for words in (("start", "--every", "4"), ("every", "121")):
        shell.run("automation", *words).check(2).one_line("no interval", "5 to 120")
    shell.run("automation", "start", AUTOMATION_DEFAULT_FREQUENCY="3").check(4).one_line("AUTOMATION_DEFAULT_FREQUENCY")


def test_the_outside_is_told_of_a_good_round(shell: Shell, exchange: ServerThread, tmp_path: Path) -> None:
    """The heartbeat address is asked after a good round only; the metrics are whole after any."""
    beats: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            beats.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the test's screen."""

    listener = HTTPServer(("127.0.0.1", 0), Listener)
    Thread(target=listener.serve_forever, daemon=True).start()
    told = {
        "TRADEMON_HEARTBEAT_URL": f"http://127.0.0.1:{listener.server_port}/ping/secret-path",
        "TRADEMON_METRICS_FILE": str(tmp_path / "trademon.prom"),
    }
    try:
        shell.run("automation", "run", "--force", **told).check(0)
        assert beats == ["/ping/secret-path"]
        exchange.server.faults.append(faults.status(503))
        shell.run("automation", "run", "--force", **told).check(1)
        assert len(beats) == 1
    finally:
        listener.shutdown()
        listener.server_close()
    text = (tmp_path / "trademon.prom").read_text()
    assert re.search(r'^trademon_round_last_success\{user="\w+"\} 0$', text, re.M)
    assert text.count("# TYPE") == 6
