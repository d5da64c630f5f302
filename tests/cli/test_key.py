"""`trademon key`, and what a process keeps to itself."""

from __future__ import annotations

import base64
import os
import shutil
import stat
from pathlib import Path

from tests.cli.shell import SECRETS, ServerThread, Shell


def key_file(shell: Shell) -> Path:
    return shell.home / "config" / "master.key"


def test_keys_are_rotated_and_the_broker_still_answers(shell: Shell, exchange: ServerThread) -> None:
    """Silent without a terminal; the document says what was done, the status which key it is now."""
    assert shell.run("key", "rotate", "--json").check(0).json["data"]["version"] is None
    shell.add("main", "binance", exchange.url).check(0)
    before = key_file(shell).read_bytes()
    done = shell.run("key", "rotate").check(0)
    assert (done.out, done.err) == ("", "")
    assert key_file(shell).read_bytes() != before
    again = shell.run("key", "rotate", "--json").check(0).json
    assert again["command"] == "key rotate"
    assert again["data"] == {
        "key_file": str(key_file(shell)),
        "version": 3,
        "was_unfinished": False,
        "users": 1,
        "secrets": 2,
        "forgotten": [],
    }
    shell.run("broker", "test", "main").check(0)
    status = shell.run("key", "status", "--json").check(0).json["data"]
    assert (status["version"], status["secrets"], status["early"], status["unfinished"]) == (3, 2, 0, False)
    assert "number 3, in use since 20" in shell.run("key", "status").check(0).out


def test_a_lost_key_is_given_up_only_after_a_question(shell: Shell, exchange: ServerThread) -> None:
    """Without a terminal to ask on it is not; with --yes it says what has to be given again."""
    shell.add("main", "binance", exchange.url).check(0)
    key_file(shell).unlink()
    shell.run("scan").check(4).one_line("is missing")
    shell.run("key", "rotate").check(4).one_line("is missing")
    shell.run("key", "rotate", "--lost").check(4).one_line("--yes")
    said = shell.run("key", "rotate", "--lost", "--yes").check(0).out
    assert "main api_key" in said
    assert "main api_secret" in said
    shell.run("scan").check(4).one_line("main", "has no key")
    keys = ("--api-key-env", "K", "--api-secret-env", "S")
    shell.run("broker", "set", "main", *keys, **SECRETS).check(0)
    shell.run("broker", "test", "main").check(0)


def test_a_key_file_that_others_can_read_or_replace_is_refused_in_one_line(
    shell: Shell, exchange: ServerThread
) -> None:
    """Exit 4, and the command that mends it."""
    shell.add("main", "binance", exchange.url).check(0)
    key_file(shell).chmod(0o640)
    shell.run("scan").check(4).one_line("others can read", f"chmod 600 {key_file(shell)}")
    key_file(shell).chmod(0o600)
    key_file(shell).parent.chmod(0o770)
    shell.run("scan").check(4).one_line("others can write", f"chmod go-w {key_file(shell).parent}")
    key_file(shell).parent.chmod(0o700)
    shell.run("scan").check(0)


def test_a_credential_of_systemd_opens_the_store_and_is_not_rotated(
    shell: Shell, exchange: ServerThread, tmp_path: Path
) -> None:
    """Read-only as it is handed in; the one line names the page that says how."""
    shell.add("main", "binance", exchange.url).check(0)
    directory = tmp_path / "credentials"
    directory.mkdir()
    credential = directory / "trademon-key"
    shutil.move(key_file(shell), credential)
    credential.chmod(0o440)
    shell.run("broker", "test", "main", CREDENTIALS_DIRECTORY=str(directory)).check(0)
    refused = shell.run("key", "rotate", CREDENTIALS_DIRECTORY=str(directory)).check(4)
    refused.one_line("systemd", "docs/how-to/rotate-keys.md")
    # As that page says: into a file of one's own, rotated with that, handed in again.
    own = tmp_path / "own.key"
    own.write_bytes(credential.read_bytes())
    own.chmod(0o600)
    tmp_path.chmod(0o700)
    shell.run("key", "rotate", TRADEMON_KEY_FILE=str(own)).check(0)
    shell.run("broker", "test", "main", CREDENTIALS_DIRECTORY=str(directory)).check(4).one_line("does not open")
    credential.chmod(0o600)
    credential.write_bytes(own.read_bytes())
    credential.chmod(0o440)
    shell.run("broker", "test", "main", CREDENTIALS_DIRECTORY=str(directory)).check(0)


def test_files_are_their_owner_s_alone_whatever_the_umask(fresh: Shell, exchange: ServerThread) -> None:
    """The store and what lies beside it, locks, key, an export: 0600; every directory 0700."""
    old = os.umask(0)
    try:
        fresh.add("main", "binance", exchange.url, "--since", "24h").check(0)
        fresh.run("scan").check(0)
        fresh.run("key", "rotate").check(0)
        fresh.run("fills", "export", str(fresh.home / "fills.csv")).check(0)
    finally:
        os.umask(old)
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (fresh.home, *fresh.home.rglob("*"))}
    assert {m for p, m in modes.items() if p.is_dir()} == {0o700}
    assert {m for p, m in modes.items() if p.is_file()} == {0o600}
    assert "master.key" in {p.name for p in modes}


def test_the_master_key_itself_is_never_said(shell: Shell, exchange: ServerThread) -> None:
    """Nor is it stored."""
    shell.add("main", "binance", exchange.url).check(0)
    text = key_file(shell).read_bytes().strip()
    done = [shell.run("key", "status", "-vvv", "--debug"), shell.run("doctor", "-vvv", "--debug", "--json")]
    assert text.decode() not in "".join(d.out + d.err for d in done)
    for path in (shell.home / "data").rglob("*"):
        content = b"" if path.is_dir() else path.read_bytes()
        assert text not in content
        assert base64.b64decode(text) not in content
