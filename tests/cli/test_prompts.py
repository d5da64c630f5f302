"""What a person is asked on a terminal, and what the terminal shows of it."""

from __future__ import annotations

import re

import pexpect
import pytest

from tests.cli.shell import SECRETS, TRADEMON, ServerThread, Shell

pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")


def talk(shell: Shell, *args: str) -> pexpect.spawn:
    return pexpect.spawn(str(TRADEMON), list(args), env=shell.env(), cwd=str(shell.cwd), timeout=15, encoding="utf-8")


def end(child: pexpect.spawn) -> str:
    """Everything it said until it ended."""
    child.expect(pexpect.EOF)
    child.close()
    return child.before or ""


def test_a_key_is_asked_for_without_an_echo(shell: Shell, exchange: ServerThread) -> None:
    """Three hidden prompts for Bitget; nothing typed is shown, and the key works."""
    child = talk(shell, "broker", "add", "main", "--exchange", "bitget", "--base-url", exchange.url)
    said = ""
    for prompt, secret in (("API key: ", "K"), ("API secret: ", "S"), ("API passphrase: ", "P")):
        child.expect_exact(prompt)
        said += child.before or ""
        child.sendline(SECRETS[secret])
    said += end(child)
    assert child.exitstatus == 0
    assert not [s for s in SECRETS.values() if s in said]
    assert "added broker main" in said
    assert shell.run("broker", "test", "main", "--json").check(0).json["data"]["account"] == "22"


def test_an_empty_key_is_refused_and_nothing_is_stored(shell: Shell) -> None:
    """Enter at the first prompt: exit 4, and there is no such broker."""
    child = talk(shell, "broker", "add", "main", "--exchange", "binance")
    child.expect_exact("API key: ")
    child.sendline("")
    assert "empty" in end(child)
    assert child.exitstatus == 4
    assert shell.run("broker", "list", "--json").json["data"]["brokers"] == []


def test_ctrl_c_at_a_prompt_stores_nothing(shell: Shell) -> None:
    """130, one line, no traceback."""
    child = talk(shell, "broker", "add", "main", "--exchange", "binance")
    child.expect_exact("API key: ")
    child.sendintr()
    said = end(child)
    assert child.exitstatus == 130
    assert "Traceback" not in said
    assert shell.run("broker", "list", "--json").json["data"]["brokers"] == []


def test_a_no_removes_nothing_and_a_yes_does(shell: Shell) -> None:
    """The question names the broker."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    for answer, left in (("n", 1), ("y", 0)):
        child = talk(shell, "broker", "remove", "old")
        child.expect("broker old.*: ")
        child.sendline(answer)
        end(child)
        assert child.exitstatus == left
        assert len(shell.run("broker", "list", "--json").json["data"]["brokers"]) == left


def test_ctrl_c_at_a_question_and_the_end_of_input_are_no_faults(shell: Shell) -> None:
    """Ctrl-C ends with 130 as everywhere, Ctrl-D is a no; both leave all as it is."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    for key, code in (("c", 130), ("d", 1)):
        child = talk(shell, "broker", "remove", "old")
        child.expect("broker old.*: ")
        child.sendcontrol(key)
        said = end(child)
        assert child.exitstatus == code
        assert "fault" not in said
    assert [b["name"] for b in shell.run("broker", "list", "--json").json["data"]["brokers"]] == ["old"]


def test_a_terminal_gets_each_fault_once(shell: Shell) -> None:
    """The table has it; where the two streams go apart, each has it."""
    keys = ("--api-key-env", "K", "--api-secret-env", "S", "--base-url", "http://127.0.0.1:9")
    shell.run("broker", "add", "main", "--exchange", "binance", *keys, **SECRETS).check(0)
    for command, code in (("scan", 1), ("doctor", 0)):
        child = talk(shell, command)
        assert end(child).count("cannot reach") == 1
        assert child.exitstatus == code
    shell.run("scan").check(1).one_line("main: cannot reach")


def test_a_terminal_gets_a_sentence_and_no_escape_byte_where_none_is_wanted(shell: Shell) -> None:
    """On a terminal success is said; --no-color says it without an escape byte."""
    child = talk(shell, "broker", "add", "old", "--exchange", "manual", "--no-color")
    said = end(child)
    assert "added broker old (manual)" in re.sub(r"\s+", " ", said)
    assert "\x1b" not in said
