"""The guided set-up, and every question that trademon asks: answered, refused, interrupted, and never put to nobody."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pexpect
import pytest

from tests.cli.shell import SECRETS, TRADEMON, ServerThread, Shell
from tests.cli.test_key_rights import exchange_with

pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")


def talk(shell: Shell, *args: str, **env: str) -> pexpect.spawn:
    return pexpect.spawn(
        str(TRADEMON), list(args), env=shell.env(USER="ann", LOGNAME="ann", **env), cwd=str(shell.cwd), timeout=20,
        encoding="utf-8", dimensions=(50, 160),
    )  # fmt: skip


def answer(child: pexpect.spawn, *pairs: tuple[str, str]) -> str:
    """Answer each question as it comes; what was said meanwhile."""
    said = ""
    for question, typed in pairs:
        child.expect_exact(question)
        said += f"{child.before}{question}"
        child.sendline(typed)
    return said


def end(child: pexpect.spawn) -> str:
    child.expect(pexpect.EOF)
    child.close()
    return child.before or ""


STORE = [("Your name in it [", "ann"), ("Make it there? [Y/n]: ", "")]
KEY = [("API key: ", SECRETS["K"]), ("API secret: ", SECRETS["S"])]


def account(name: str = "main", exchange: str = "binance") -> list[tuple[str, str]]:
    market = [("[spot]: ", "")]
    named = [("Exchange [", exchange), *market, ("A name for it, of your own [", name)]
    return named if exchange == "manual" else [*named, ("Its history from ", "2d")]


def test_a_first_person_is_led_to_their_first_figure(fresh: Shell, exchange: ServerThread) -> None:
    """From nothing to booked executions: each answer is checked, the key is never shown and tried at once."""
    child = talk(fresh, "init", "--base-url", exchange.url)
    said = answer(
        child,
        *STORE,
        ("Exchange [", "binanse"),
        ("did you mean 'binance'?", ""),  # and Enter is the default of the question that comes again
        ("Market: spot, swap [spot]: ", ""),
        ("A name for it, of your own [binance]: ", "not a name"),
        ("is no broker name", "main"),
        ("Its history from ", "someday"),
        ("Its history from: time is not an ISO 8601 time: 'someday'", "3m"),
        ("Its history from: 3m may be minutes or months", "2d"),
        *KEY,
        ("Add main (binance spot) for ann? [Y/n]: ", ""),
    )
    said += end(child)
    assert child.exitstatus == 0
    assert not [secret for secret in SECRETS.values() if secret in said]
    for told in ("Enable Reading", "withdrawals", "The key works: account 11, reads only.", str(fresh.home)):
        assert told in said
    assert "main of ann is set up; 3 executions are stored" in re.sub(r"\s+", " ", said)
    pnl = fresh.run("pnl", "--json").check(0).json["data"]
    assert (pnl["rows"][0]["user"], pnl["rows"][0]["net"]) == ("ann", "2.5")


def test_the_first_screen_is_folded_between_words(fresh: Shell) -> None:
    """To the width of the terminal, and below the text that it goes on with."""
    child = pexpect.spawn(
        str(TRADEMON), ["init"], env=fresh.env(), cwd=str(fresh.cwd), timeout=20, encoding="utf-8", dimensions=(50, 60)
    )
    child.expect_exact("Your name in it [")
    rows = (child.before or "").splitlines()
    child.close()
    assert [row for row in rows if len(row) > 60 and str(fresh.home) not in row] == []
    assert "trademon keeps what it reads of your accounts on this" in rows
    assert "             copies of the two apart." in rows


def test_it_adds_to_what_is_there(shell: Shell) -> None:
    """A store that is there is not asked for; a name that is taken is another's; files need no key."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    child = talk(shell, "init")
    said = answer(
        child,
        ("Add another account? [Y/n]: ", "y"),
        *account("old", "manual"),
        ("there is already a broker 'old'", "new"),
        ("Add new (manual spot) for ann? [Y/n]: ", "y"),
    )
    said += end(child)
    assert child.exitstatus == 0
    assert "Your name" not in said
    assert "trademon fills import FILE.csv --broker new" in said
    assert {b["name"] for b in shell.run("broker", "list", "--json").json["data"]["brokers"]} == {"old", "new"}


def test_a_no_to_the_store_writes_nothing(fresh: Shell) -> None:
    """Not a directory, not a file."""
    child = talk(fresh, "init")
    answer(child, STORE[0], (STORE[1][0], "n"))
    assert "nothing was written" in end(child)
    assert child.exitstatus == 1
    assert fresh.files() == {}
    assert not fresh.home.exists()


def test_a_no_at_the_end_stores_no_account(shell: Shell, exchange: ServerThread) -> None:
    """The key was good, and still it is forgotten."""
    child = talk(shell, "init", "--base-url", exchange.url)
    answer(child, *account(), *KEY, ("for ann? [Y/n]: ", "n"))
    assert "the account was not added" in end(child)
    assert child.exitstatus == 1
    assert shell.run("broker", "list", "--json").json["data"]["brokers"] == []


def test_a_key_that_can_withdraw_or_is_refused_is_asked_for_again(shell: Shell) -> None:
    """Until one is good, or it is given up."""
    with exchange_with(can_withdraw=True) as exchange:
        child = talk(shell, "init", "--base-url", exchange.url)
        answer(child, *account(), *KEY)
        child.expect_exact("may withdraw")
        answer(child, ("Another key? [Y/n]: ", "y"), ("API key: ", "wrong"), ("API secret: ", "wrong"))
        child.expect_exact("is refused")
        answer(child, ("Store it all the same?", "n"), ("Another key? [Y/n]: ", "n"))
        end(child)
    assert child.exitstatus == 1
    assert shell.run("broker", "list", "--json").json["data"]["brokers"] == []


def test_broker_add_asks_for_what_was_not_said(shell: Shell, exchange: ServerThread) -> None:
    """Exchange, market and name; what was said is not asked for."""
    child = talk(shell, "broker", "add", "--base-url", exchange.url)
    answer(child, *account()[:-1], *KEY)
    assert "added broker main" in end(child)
    assert child.exitstatus == 0
    child = talk(shell, "broker", "add", "--exchange", "manual")
    answer(child, ("A name for it, of your own [manual]: ", ""))
    end(child)
    assert child.exitstatus == 0
    brokers = shell.run("broker", "list", "--json").json["data"]["brokers"]
    assert {(b["name"], b["exchange"], b["market"]) for b in brokers} == {
        ("main", "binance", "spot"),
        ("manual", "manual", "spot"),
    }


# --- nobody there -------------------------------------------------------------------------------------------------

UNASKED = [
    ("init", 4, "trademon broker add NAME"),
    ("broker add", 2, "as in: trademon broker add main --exchange binance"),
    ("broker add x", 2, "broker add needs --exchange"),
    ("broker add x --exchange binance", 4, "--api-key-env"),
    ("broker remove main", 4, "--yes"),
    ("user remove ann", 4, "--yes"),
    ("db restore copy.db", 4, "--yes"),
    ("strategy remove dca", 4, "--yes"),
]


@pytest.mark.parametrize(("words", "code", "hint"), UNASKED)
def test_nobody_is_asked_where_nobody_is(shell: Shell, words: str, code: int, hint: str) -> None:
    """One line with what to write instead, though an answer could be read; and nothing is changed."""
    if "main" in words or "dca" in words:
        shell.run("broker", "add", "main", "--exchange", "manual").check(0)
        shell.run("strategy", "add", "dca", "trademon.strategies.examples.dca", "--param", "amount=25").check(0)
    if "copy.db" in words:
        shell.run("db", "backup", "copy.db").check(0)
    before = shell.files()
    done = shell.run(*words.split(), input="y\ny\ny\ny\n").check(code)
    done.one_line(hint)
    assert done.out == ""
    assert shell.files() == before


# --- interrupted --------------------------------------------------------------------------------------------------

QUESTIONS = [
    ("init", "Your name in it ["),
    ("broker add", "Exchange ["),
    ("broker add x --exchange binance", "API key: "),
    ("broker remove main", "[y/N]: "),
]


def ended(shell: Shell, words: str, question: str, key: str) -> tuple[int, str]:
    """The exit code after that key at that question, and how the terminal is set afterwards."""
    script = f"bash -c 'echo PID=$$; exec {TRADEMON} {words}'; echo CODE=$?; stty -a"
    child = pexpect.spawn("bash", ["-c", script], env=shell.env(), cwd=str(shell.cwd), timeout=20, encoding="utf-8")
    child.expect(r"PID=(\d+)")
    number = int(child.match.group(1))
    child.expect_exact(question)
    if key == "ctrl-c":
        child.sendintr()
    elif key == "ctrl-d":
        child.sendeof()
    else:
        os.kill(number, signal.SIGTERM)
    child.expect(r"CODE=(\d+)")
    code = int(child.match.group(1))
    said = child.before or ""
    assert "Traceback" not in said
    assert said.endswith("\n")  # and the shell's prompt begins a line
    return code, end(child)


@pytest.mark.parametrize(("words", "question"), QUESTIONS)
@pytest.mark.parametrize(("key", "code"), [("ctrl-c", 130), ("ctrl-d", 1), ("sigterm", 143)])
def test_a_question_that_is_broken_off_stores_nothing(
    shell: Shell, tmp_path: Path, words: str, question: str, key: str, code: int
) -> None:
    """130 for Ctrl-C, 1 for Ctrl-D, 143 for SIGTERM; and what is typed next is seen."""
    if "main" in words:
        shell.run("broker", "add", "main", "--exchange", "manual").check(0)
    if words == "init":
        shell.home = tmp_path / "nowhere"
    before = shell.files()
    found, terminal = ended(shell, words, question, key)
    assert found == code
    assert " echo " in f" {' '.join(terminal.split())} "
    assert " icanon " in f" {' '.join(terminal.split())} "
    assert shell.files() == before
