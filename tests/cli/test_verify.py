"""`trademon verify` as cron and scripts call it: silent while all agrees, one line and exit code 3 where not."""

from __future__ import annotations

from decimal import Decimal

from tests.cli.conftest import founding_world
from tests.cli.shell import ENVELOPE, SECRETS, ServerThread, Shell
from trademon.demo.server import DemoAccount


def test_verify_records_agrees_and_tells_a_drift(shell: Shell) -> None:
    """From the first point to money that is gone; a broker without an API is skipped, and is no error."""
    world = founding_world()
    account = DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", world)
    with ServerThread(account) as exchange:
        shell.add("main", "binance", exchange.url, "--since", "1d").check(0)
        shell.run("broker", "add", "paper", "--exchange", "manual").check(0)
        first = shell.run("verify", "--json").check(0).json
        assert list(first) == ENVELOPE
        assert (first["command"], first["status"]) == ("verify", "success")
        assert [(b["broker"], b["status"]) for b in first["data"]["brokers"]] == [
            ("main", "recorded"),
            ("paper", "skipped"),
        ]
        again = shell.run("verify").check(0)
        assert (again.out, again.err) == ("", "")
        world.deposits["USDT"] -= Decimal(250)
        drift = shell.run("verify", "--broker", "main").check(3)
        drift.one_line("main", "does not explain -250 USDT", "trademon verify --broker main")
        assert "1 coin differs" in drift.out
        assert shell.run("verify", "-q").check(3).out == ""


def test_verify_knows_its_brokers_and_options(shell: Shell) -> None:
    """An unknown broker is for a person; nothing to verify is said and no failure."""
    shell.run("verify", "--broker", "nope").check(4).one_line("there is no broker 'nope'")
    none = shell.run("verify", "--json").check(0)
    assert none.json["data"] == {"brokers": []}
    assert "no broker to verify" in none.err
