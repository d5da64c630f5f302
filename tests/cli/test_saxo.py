"""Saxo from the shell: an app's key, a person's sign-in, a scan; as at a desk and as over ssh."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import TRADEMON, ServerThread, Shell, now
from tests.saxo import APP, BankWorld, approve, saxo_account, sign_in

KEY = {"APPKEY": APP, "APPSECRET": "an-app-secret-of-the-test"}


@pytest.fixture
def bank() -> Iterator[ServerThread]:
    """A client who bought ten shares and sold four."""
    world = BankWorld(clock=now)
    start = now().replace(microsecond=0) - timedelta(hours=2)
    world.buy("AAPL:xnas/USD", "10", "228.50", start, fee="5")
    world.sell("AAPL:xnas/USD", "4", "230", start + timedelta(minutes=1), fee="2")
    with ServerThread(saxo_account(world)) as running:
        yield running


def add(shell: Shell, bank: ServerThread, *more: str) -> None:
    keys = ["--api-key-env", "APPKEY", *more]
    shell.run("broker", "add", "sx", "--exchange", "saxo", "--base-url", bank.url, *keys, **KEY).check(0)


@pytest.mark.parametrize("more", [(), ("--sandbox",)])
def test_from_an_apps_key_to_figures(shell: Shell, bank: ServerThread, more: tuple[str, ...]) -> None:
    """Live and simulation; what was begun in one run is ended in another."""
    add(shell, bank, *more)
    said = shell.run("scan").check(4).one_line("sx", "nobody has signed in yet", "trademon broker login sx")
    assert APP not in said
    sign_in(shell.run, "sx")
    done = shell.run("scan", "--json").check(0).json["data"]
    assert done["new_fills"] == 2
    (row,) = shell.run("pnl", "--json").check(0).json["data"]["rows"]
    assert (row["symbol"], row["gross"], row["open_quantity"], row["costs_untold"]) == ("AAPL:xnas", "6", "6", 2)
    fills = shell.run("fills", "--json").check(0).json["data"]["fills"]
    assert [(f["side"], f["quantity"], f["price"], f["cost_told"]) for f in fills] == [
        ("buy", "10", "228.5", False),
        ("sell", "4", "230", False),
    ]
    paths = {r.path.split("/openapi")[0] for r in bank.server.requests if "/openapi" in r.path}
    assert paths == {"/sim" if more else ""}
    (listed,) = shell.run("broker", "list", "--json").check(0).json["data"]["brokers"]
    assert listed.get("sandbox", False) is bool(more)
    tested = shell.run("broker", "test", "sx", "--json").check(0).json["data"]
    assert tested["account"] == ("sim-9226397" if more else "9226397")


def test_an_address_is_pasted_where_there_is_no_browser(shell: Shell, bank: ServerThread) -> None:
    """It is read from a pipe as from a terminal; the document on stdout stays one."""
    add(shell, bank)
    with subprocess.Popen(
        [TRADEMON, "broker", "login", "sx", "--no-browser", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=shell.env(),
        cwd=shell.cwd,
    ) as login:
        assert login.stderr is not None
        lines = [login.stderr.readline(), login.stderr.readline()]
        assert lines[1].startswith(f"{bank.url}/authorize?")
        out, _ = login.communicate(approve(lines[1].strip()) + "\n", timeout=30)
    document = json.loads(out)
    assert (login.returncode, document["status"], document["data"]["broker"]) == (0, "success", "sx")
    shell.run("scan").check(0)


def test_a_browser_comes_back_by_itself(shell: Shell, bank: ServerThread, tmp_path: Path) -> None:
    """To a port of this machine, once; what it is started with has no key in it."""
    add(shell, bank, "--api-secret-env", "APPSECRET")
    browser = tmp_path / "browser"
    browser.write_text(
        f"""#!{sys.executable}
import os, sys, urllib.request
open({str(tmp_path / "seen")!r}, "w").write(repr(dict(os.environ)) + repr(sys.argv))
urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(sys.argv[1], timeout=10)
"""
    )
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    bank.server.saxo.logins.accounts = {}
    shell.run("broker", "login", "sx", "--code", "x").check(4).one_line("no sign-in of sx is under way")
    account: Any = saxo_account(BankWorld(clock=now), secret=KEY["APPSECRET"])
    bank.server.saxo.logins.accounts = {APP: account}
    done = shell.run("broker", "login", "sx", BROWSER=f"{browser} %s", **KEY)
    done.check(0)
    seen = (tmp_path / "seen").read_text()
    assert KEY["APPSECRET"] not in seen
    assert "code_challenge_method=S256" in seen
    shell.run("broker", "refresh", "--json").check(0)


def test_what_a_person_does_wrong_is_said(shell: Shell, bank: ServerThread) -> None:
    """Each in one line with a way out; nothing is lost by it."""
    add(shell, bank)
    shell.run("broker", "login", "sx", "--code", "x").check(4).one_line("no sign-in of sx is under way")
    begun = shell.run("broker", "login", "sx", "--no-browser").check(4)
    address = begun.out.split()[0]
    shell.run("broker", "login", "sx", "--code", "http://localhost/trademon?code=x&state=y").check(4).one_line(
        "another sign-in"
    )
    shell.run("broker", "login", "sx", "--code", "wrong").check(4).one_line("refused")
    shell.run("broker", "login", "sx", "--code", approve(address)).check(0)
    shell.run("broker", "login", "sx", "--redirect", "nowhere").check(2).one_line("--redirect")
    shell.run("broker", "login", "other").check(4).one_line("no broker 'other'")
    shell.run("broker", "add", "b", "--exchange", "binance", "--sandbox", "--api-key-env", "APPKEY", **KEY).check(2)
    shell.run("broker", "add", "b", "--exchange", "saxo", **KEY).check(4).one_line("--api-key-env")
    refreshed = shell.run("broker", "refresh", "sx", "--json").check(0).json["data"]["brokers"]
    assert [(b["broker"], b["status"], b["lost"]) for b in refreshed] == [("sx", "ok", False)]
    assert shell.run("broker", "refresh").check(0).out == ""  # silent in cron


def test_a_developer_token_opens_the_simulation(shell: Shell, bank: ServerThread) -> None:
    """From an environment variable, for a day."""
    add(shell, bank, "--sandbox")
    logins = bank.server.saxo.logins
    token = logins.sign_in(logins.accounts[APP], now())
    said = shell.run("broker", "login", "sx", "--token-env", "TOKEN", "--json", TOKEN=token).check(0).json["data"]
    assert said["refresh_until"] is None
    shell.run("scan").check(0)
    assert logins.asked == 0
