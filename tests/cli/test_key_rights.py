"""Keys that can do more than read, as `broker add`, `set`, `test` and `list` and `doctor` tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.cli.conftest import founding_world
from tests.cli.shell import ENVELOPE, SECRETS, ServerThread, Shell
from trademon.demo.server import DemoAccount

KEYS = ("--api-key-env", "K", "--api-secret-env", "S")
PASSWORD = ("--api-password-env", "P")


@contextmanager
def exchange_with(name: Any = "binance", **rights: bool) -> Iterator[ServerThread]:
    phrase = SECRETS["P"] if name == "bitget" else ""
    account = DemoAccount(name, SECRETS["K"], SECRETS["S"], phrase, "11", founding_world(), **rights)
    with ServerThread(account) as running:
        yield running


def grant(exchange: ServerThread, **changes: Any) -> None:
    """Other rights from now on, or another account."""
    apis: tuple[Any, ...] = (exchange.server.binance, exchange.server.bitget)
    for api in apis:
        api._accounts = {key: replace(account, **changes) for key, account in api._accounts.items()}


def brokers(shell: Shell) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shell.run("broker", "list", "--json").check(0).json["data"]["brokers"]
    return found


def test_a_key_that_can_withdraw_is_refused_and_nothing_is_stored(shell: Shell) -> None:
    """Exit 4 and one line with what to do; with --allow-withdraw-key it is taken, and said."""
    with exchange_with(can_withdraw=True) as exchange:
        refused = shell.add("main", "binance", exchange.url, "--json").check(4)
        refused.one_line("main", "may withdraw", "nothing was stored", "--allow-withdraw-key")
        assert (list(refused.json), refused.json["errors"][0]["kind"]) == (ENVELOPE, "auth")
        assert brokers(shell) == []
        taken = shell.add("main", "binance", exchange.url, "--allow-withdraw-key").check(0)
        assert taken.out == ""
        taken.one_line("main", "may withdraw")
        (listed,) = brokers(shell)
        key = listed["key"]
        assert (key["can_withdraw"], key["withdraw_allowed"], key["can_trade"]) == (True, True, False)
        assert (key["created_at"], key["read_at"][-1]) == ("2021-06-16T10:44:31.000Z", "Z")
        shell.run("broker", "test", "main").check(0)
        shell.run("doctor").check(0)


def test_more_than_reading_is_a_warning_on_stderr(shell: Shell) -> None:
    """Stored, exit 0; in JSON too."""
    with exchange_with(can_trade=True, is_address_limited=False) as exchange:
        added = shell.add("main", "binance", exchange.url, "--json").check(0)
        first, second = added.err.splitlines()
        assert "main: the key may trade" in first
        assert "main: the key works from any address" in second
        assert len(added.json["data"]["warnings"]) == 2
        assert (added.json["status"], added.json["errors"]) == ("success", [])
        assert "may trade" in shell.run("broker", "list").out


def test_a_key_that_reads_only_is_taken_without_a_word(shell: Shell, exchange: ServerThread) -> None:
    """At either exchange."""
    for name in ("binance", "bitget"):
        added = shell.add(name, name, exchange.url).check(0)
        assert (added.out, added.err) == ("", "")
    assert {b["key"]["can_withdraw"] for b in brokers(shell)} == {False}


def test_a_broker_is_added_without_a_network_and_with_a_wrong_key(shell: Shell, exchange: ServerThread) -> None:
    """Stored and said, exit 0: the first look, or `broker test`, will tell; the script goes on."""
    shell.add("away", "binance", "http://127.0.0.1:9").check(0).one_line(
        "away: its key could not be examined", "trademon broker test away"
    )
    wrong = SECRETS | {"S": "another-secret"}
    args = ("broker", "add", "wrong", "--exchange", "binance", "--base-url", exchange.url, *KEYS)
    shell.run(*args, **wrong).check(0).one_line("wrong", "secret is refused", "stored all the same")
    assert [b["name"] for b in brokers(shell)] == ["away", "wrong"]
    assert {b["key"] for b in brokers(shell)} == {None}
    shell.run("broker", "test", "wrong").check(4)
    shell.run("scan", "--broker", "wrong").check(4)


def test_a_new_key_is_examined_before_it_takes_the_place_of_the_old(shell: Shell) -> None:
    """One that can withdraw changes nothing; one of another account is said; the old account's fills stay."""
    with exchange_with("bitget") as exchange:
        shell.add("main", "bitget", exchange.url).check(0)
        shell.run("scan").check(0)
        grant(exchange, can_withdraw=True)
        shell.run("broker", "set", "main", *KEYS, *PASSWORD, **SECRETS).check(4).one_line("main", "may withdraw")
        assert brokers(shell)[0]["key"]["can_withdraw"] is False
        shell.run("scan").check(0)
        grant(exchange, can_withdraw=False, uid="99")
        changed = shell.run("broker", "set", "main", *KEYS, *PASSWORD, "--json", **SECRETS).check(0)
        changed.one_line("main: this key opens account 99, not 11 as the one before")
        assert len(changed.json["data"]["warnings"]) == 1
        shell.run("scan").check(0)
        assert shell.run("broker", "test", "main", "--json").check(0).json["data"]["account"] == "99"
        assert {f["trade_id"] for f in shell.run("fills", "--json").json["data"]["fills"]}
        again = shell.run("broker", "set", "main", *KEYS, *PASSWORD, **SECRETS).check(0)
        assert again.err == ""


def test_a_stored_key_that_gained_the_right_is_told_until_it_is_allowed(shell: Shell) -> None:
    """`broker test` and `doctor` end with 4, scan goes on with one line on stderr, once; insisting ends it."""
    with exchange_with("bitget") as exchange:
        shell.add("main", "bitget", exchange.url).check(0)
        grant(exchange, can_withdraw=True)
        test = shell.run("broker", "test", "main", "--json").check(4)
        test.one_line("main", "may withdraw", "trademon broker set main --new-key")
        assert test.json["data"]["key"]["can_withdraw"] is True
        assert shell.run("scan").check(0).err == ""  # the test has told it
        doctor = shell.run("doctor", "--json").check(4).json
        (line,) = [c for c in doctor["data"]["checks"] if c["check"] == "key rights"]
        assert (line["health"], line["broker"]) == ("act", "main")
        shell.run("broker", "set", "main", "--allow-withdraw-key").check(0)
        shell.run("doctor").check(0)
        shell.run("broker", "test", "main").check(0)


def test_a_scan_that_finds_it_first_says_it_once(shell: Shell) -> None:
    """Added while the network was down: the first look tells, in cron too, and its exit code is that of the look."""
    with exchange_with("bitget", can_withdraw=True) as exchange:
        shell.add("main", "bitget", "http://127.0.0.1:9").check(0)
        shell.run("broker", "set", "main", "--base-url", exchange.url).check(0)
        first = shell.run("sync", "--json").check(0)
        first.one_line("main", "may withdraw", "--allow-withdraw-key")
        (row,) = first.json["data"]["brokers"]
        assert (row["status"], row["alert"]["kind"]) == ("ok", "rights")
        again = shell.run("sync").check(0)
        assert (again.out, again.err) == ("", "")
