"""`trademon prices`: what is kept, what is fetched, and P&L in one currency by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.cli.shell import ENVELOPE, SECRETS, ServerThread, Shell, now
from trademon.demo import faults
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount


@pytest.fixture
def exchange() -> Iterator[ServerThread]:
    """BTC bought with USDT and half of it given for ETH, two hours ago; EUR at 1.25 USDT."""
    world = ScriptedWorld(clock=now, deposits={"USDT": Decimal(100_000)})
    start = now().replace(microsecond=0) - timedelta(hours=2)
    world.set_candle("EUR/USDT", start - timedelta(days=9), "1.25")
    world.buy("BTC/USDT", "1", "50000", start)
    world.set_candle("BTC/USDT", start + timedelta(minutes=5), "60000")
    world.buy("ETH/BTC", "10", "0.05", start + timedelta(minutes=6))
    with ServerThread(DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", world)) as running:
        yield running


def test_the_help_shows_both_and_examples(fresh: Shell) -> None:
    """The group and its commands."""
    text = fresh.run("prices", "-h").check(0).out
    assert "fetch" in text
    assert "list" in text
    assert "Example: trademon prices fetch --in EUR" in text
    assert "--in" in fresh.run("prices", "fetch", "-h").check(0).out


def test_an_empty_cache_is_no_failure(shell: Shell) -> None:
    """Whole documents; alone it lists."""
    for args in (("prices",), ("prices", "list")):
        done = shell.run(*args, "--json").check(0)
        assert list(done.json) == ENVELOPE
        assert (done.json["command"], done.json["data"]) == (" ".join(args), {"prices": []})
        assert "no prices yet" in shell.run(*args).check(0).out
    done = shell.run("prices", "fetch", "--in", "EUR", "--json").check(0)
    assert done.json["data"] == {"hosts": [], "prices": 0, "wanted": 0, "missing": [], "fees_valued": 0}
    assert "no stored fill needs a price" in shell.run("prices", "fetch", "--in", "EUR").check(0).out


def test_fetched_once_and_then_known(shell: Shell, exchange: ServerThread) -> None:
    """Read, listed, not asked for again; and the figures by it."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.run("scan").check(0)
    done = shell.run("prices", "fetch", "--in", "eur", "--json").check(0).json["data"]
    assert done["missing"] == []
    assert done["prices"] == done["hosts"][0]["prices"] > 0
    assert done["hosts"][0]["broker"] == "main"
    again = shell.run("prices", "fetch", "--in", "EUR").check(0)
    assert "nothing to ask" in again.out
    spans = shell.run("prices", "list", "--json").check(0).json["data"]["prices"]
    assert {(s["symbol"], s["interval"]) for s in spans} >= {("EUR/USDT", "1d"), ("BTC/USDT", "1m")}
    assert all(s["host"] == exchange.url and s["known"] == 1 and s["first_at"].endswith("Z") for s in spans)
    out = shell.run("prices").check(0).out
    assert "EUR/USDT" in out
    assert f"{sum(s['known'] for s in spans)} prices" in out


def test_what_is_missing_is_said(shell: Shell) -> None:
    """By coin, with a reason; without an exchange to ask it is a failure: somebody can help it."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    (shell.cwd / "t.csv").write_text("executed_at,symbol,side,quantity,price\n2026-05-01T10:00:00Z,ETH/XYZ,buy,1,2\n")
    shell.run("fills", "import", "t.csv", "--broker", "old").check(0)
    done = shell.run("prices", "fetch", "--in", "EUR", "--broker", "old", "--json").check(1).json["data"]
    (gap,) = done["missing"]
    assert (gap["coin"], gap["currency"], gap["why"]) == ("XYZ", "EUR", "there is no exchange to ask")
    assert "XYZ in EUR is not known" in shell.run("prices", "fetch", "--in", "EUR").check(1).out


def test_a_host_that_cannot_be_reached_ends_with_1(shell: Shell, exchange: ServerThread) -> None:
    """One line; the document has its error."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.run("scan").check(0)
    exchange.server.faults.append(faults.status(404))
    done = shell.run("prices", "fetch", "--in", "EUR", "--json").check(1)
    assert done.json["status"] == "failed"
    assert done.json["errors"][0]["broker"] == "main"
    assert done.json["data"]["missing"][0]["why"] == "not all was asked"
    done.one_line("main:")


def test_the_currency_is_the_users_where_none_is_named(shell: Shell) -> None:
    """Without either it is a wrong word."""
    shell.run("prices", "fetch").check(2).one_line("ann has no reporting currency", "--in EUR")
    shell.run("user", "add", "bea", "--currency", "chf").check(0)
    shell.run("prices", "fetch", "--user", "bea", "--json").check(0)
    shell.run("prices", "fetch", "--user", "bea", "--broker", "none").check(4).one_line("no broker")
    shell.run("prices", "fetch", "--in", "EUR", "--since", "soon").check(2).one_line("--since")
