"""`trademon strategy` and `trademon halt` as a person and a script use them."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.cli.shell import SECRETS, ServerThread, Shell, now
from trademon.demo.model import Market
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount

BUYS = (
    "from decimal import Decimal\nfrom trademon.strategies import Buy\n\n\nclass Strategy:\n"
    '    PARAMETERS = {"amount": "100"}\n\n    def decide(self, context):\n'
    '        yield Buy("BTC/USDT", quote=context.decimal("amount"), reason="test")\n'
)
LIMITS = ("--max-order", "150", "USDT", "--orders-a-day", "2", "--max-daily-loss", "50", "USDT")
ARM = ("strategy", "arm", "s", *LIMITS, "--symbol", "btcusdt", "--broker", "main", "--rights-unknown-ok", "--yes")


@pytest.fixture
def world() -> ScriptedWorld:
    market = Market("BTC", "USDT", Decimal(50_000), Decimal("0.01"), Decimal("0.00001"))
    return ScriptedWorld(clock=now, deposits={"USDT": Decimal(10_000)}, markets=(market,))


@pytest.fixture
def trading(world: ScriptedWorld) -> Iterator[ServerThread]:
    account = DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", world, can_trade=True)
    with ServerThread(account) as running:
        yield running


def prepared(shell: Shell, trading: ServerThread) -> Shell:
    """A broker that was read, and a strategy that always buys."""
    shell.add("main", "binance", trading.url, "--since", "1h").check(0)
    shell.run("scan").check(0)
    (shell.cwd / "mine.py").write_text(BUYS)
    shell.run("strategy", "add", "s", "mine.py").check(0)
    return shell


def test_from_paper_to_money_and_back(shell: Shell, trading: ServerThread, world: ScriptedWorld) -> None:
    prepared(shell, trading)
    done = shell.run("strategy", "run", "s", "--json").check(0).json["data"]["runs"][0]
    assert (done["mode"], done["outcome"], done["made"][0]["status"]) == ("paper", "success", "filled")
    listed = shell.run("strategy", "list", "--json").check(0).json["data"]["strategies"][0]
    assert (listed["mode"], listed["paper"][0]["fills"], listed["armed"]) == ("paper", 1, None)
    assert trading.server.order_requests == []

    shell.run(*ARM).check(0)
    shown = shell.run("strategy", "show", "s", "--json").check(0).json["data"]["strategy"]
    assert shown["armed"]["symbols"] == ["BTC/USDT"]
    assert shown["armed"]["max_order"] == {"amount": "150", "currency": "USDT"}
    sent = shell.run("strategy", "run", "s", "--json").check(0).json["data"]["runs"][0]
    assert (sent["mode"], sent["orders"]) == ("live", 1)
    assert len(world.orders()) == len(trading.server.order_requests) == 1
    shell.run("scan").check(0)
    assert shell.run("fills", "--json").json["data"]["fills"][0]["strategy"] == "s"
    assert len(shell.run("strategy", "show", "s", "--json").json["data"]["fills"]) == 1

    shell.run("strategy", "run", "s").check(0)
    third = shell.run("strategy", "run", "s").check(1)
    assert "2 orders were sent today" in third.err
    shell.run("strategy", "disarm", "s").check(0)
    shell.run("strategy", "run", "s").check(0)
    assert len(trading.server.order_requests) == 2
    outcomes = [run["outcome"] for run in shell.run("strategy", "log", "--json").check(0).json["data"]["runs"]]
    assert outcomes == ["success", "success", "success", "failed", "success"]


def test_halt_stops_and_ends(shell: Shell, trading: ServerThread) -> None:
    prepared(shell, trading)
    shell.run(*ARM).check(0)
    halted = shell.run("halt", "--reason", "enough", "--json").check(0).json["data"]
    assert halted["halted"]
    assert halted["file"]
    assert halted["store"]
    run = shell.run("strategy", "run", "s", "--json").json["data"]["runs"][0]
    assert (run["outcome"], "enough" in run["detail"]) == ("skipped", True)
    assert "enough" in shell.run("strategy", "list", "--json").json["data"]["halted"]
    assert shell.run("halt", "--off").check(4).one_line("--yes")
    for part in ("file", "store"):  # either is enough
        if part == "file":
            database = sqlite3.connect(shell.home / "data" / "trademon.db")
            database.execute("DELETE FROM halts")
            database.commit()
            database.close()
        else:
            shell.run("halt").check(0)
            (shell.home / "state" / "halt").unlink()
        assert shell.run("strategy", "run", "s", "--json").json["data"]["runs"][0]["outcome"] == "skipped"
    assert trading.server.order_requests == []
    shell.run("halt", "--off", "--yes").check(0)
    assert shell.run("halt", "--show", "--json").json["data"]["halted"] is False
    shell.run("strategy", "run", "s").check(0)
    assert len(trading.server.order_requests) == 1


def test_halt_works_while_the_store_is_locked_broken_or_gone(shell: Shell) -> None:
    """At once, with exit 0: on one machine the file is enough."""
    path, file = shell.home / "data" / "trademon.db", shell.home / "state" / "halt"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    done = shell.run("halt").check(0)
    assert "the store could not be told" in done.err
    assert file.exists()
    assert time.monotonic() - started < 15
    holder.execute("ROLLBACK")
    holder.close()
    file.unlink()
    path.write_bytes(b"no database at all, and longer than a header")
    assert "could not be told" in shell.run("halt").check(0).err
    assert file.exists()
    assert shell.run("halt", "--off", "--yes").check(4).out == ""
    assert file.exists()


def test_halt_that_cannot_be_is_loud(shell: Shell) -> None:
    (shell.home / "state").mkdir(exist_ok=True)
    (shell.home / "state" / "halt").mkdir()
    (shell.home / "data" / "trademon.db").write_bytes(b"no database at all, and longer than a header")
    done = shell.run("halt").check(4)
    done.one_line("NOT halted")


def test_while_the_lock_of_an_account_is_held_nothing_is_sent(shell: Shell, trading: ServerThread) -> None:
    prepared(shell, trading)
    shell.run(*ARM).check(0)
    with (shell.home / "data" / "locks" / "strategy-1.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert shell.run("strategy", "run", "s", "--json").check(75).json["data"]["runs"][0]["outcome"] == "skipped"
    assert trading.server.order_requests == []


def arm_with(at: int, word: str) -> list[str]:
    """The arguments of ARM with another word in one place."""
    return [*ARM[:at], word, *ARM[at + 1 :]]


BAD_ARMING = {
    "no terminal": (list(ARM[:-1]), 4, "--yes"),
    "another currency": (arm_with(5, "EUR"), 2, "priced in USDT"),
    "no symbol": (arm_with(12, "NOPE"), 2, "lists no 'NOPE'"),
    "no broker": (arm_with(14, "other"), 4, "no broker"),
    "demo": (arm_with(14, "demo"), 2, "takes no orders"),
    "zero": (arm_with(7, "0"), 2, "above zero"),
    "no number": (arm_with(9, "some"), 2, "not a number"),
    "unknown": (arm_with(2, "other"), 4, "no strategy"),
    "past": ([*ARM, "--until", "2020-01-01"], 2, "past"),
}


def test_what_cannot_be_armed_is_not(shell: Shell, trading: ServerThread) -> None:
    prepared(shell, trading)
    shell.run("broker", "add", "demo", "--exchange", "demo").check(0)
    for name, (args, code, said) in BAD_ARMING.items():
        done = shell.run(*args).check(code)
        assert said in done.err, (name, done.err)
    assert shell.run("strategy", "list", "--json").json["data"]["strategies"][0]["armed"] is None
    assert trading.server.order_requests == []


def test_what_cannot_be_added_is_not(shell: Shell) -> None:
    (shell.cwd / "bad.py").write_text("import nothing_of_that_name\n")
    (shell.cwd / "mine.py").write_text(BUYS)
    for args, code, said in (
        (("s", "none.py"), 1, "there is no strategy"),
        (("s", "bad.py"), 1, "nothing_of_that_name"),
        (("s/..", "mine.py"), 2, "no strategy name"),
        (("s", "mine.py", "--param", "many=1"), 2, "its parameters: amount"),
        (("s", "mine.py", "--param", "amount"), 2, "no NAME=VALUE"),
        (("s", "mine.py", "--broker", "other"), 4, "no broker"),
        (("s", "mine.py", "--paper-fee", "2"), 2, "part of the value"),
    ):
        assert said in shell.run("strategy", "add", *args).check(code).err
    assert shell.run("strategy", "list", "--json").json["data"]["strategies"] == []
    shell.run("strategy", "add", "s", "mine.py").check(0)
    assert "already has" in shell.run("strategy", "add", "s", "mine.py").check(2).err
    assert "no broker to look at" in shell.run("strategy", "run", "s").check(1).err
    shell.run("strategy", "disable", "s").check(0)
    assert shell.run("strategy", "run", "s", "--json").json["data"]["runs"][0]["outcome"] == "skipped"
    shell.run("strategy", "remove", "s", "--yes").check(0)
