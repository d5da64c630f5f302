"""`trademon sync`, `positions`, `balances`, `orders` as cron, scripts and a person call them."""

from __future__ import annotations

from decimal import Decimal

from tests.cli.conftest import founding_world
from tests.cli.shell import ENVELOPE, SECRETS, ServerThread, Shell, now
from trademon.demo.model import WorldOrder
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount


def account(world: ScriptedWorld, uid: str = "11") -> DemoAccount:
    return DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", uid, world)


def test_sync_is_silent_in_cron_and_whole_in_json(shell: Shell, exchange: ServerThread) -> None:
    """The body of a scan; the first one says how far back, --full goes further, an unknown broker is for a person."""
    shell.add("main", "binance", exchange.url).check(0)
    first = shell.run("sync", "--json").check(0).json
    assert list(first) == ENVELOPE
    (broker,) = first["data"]["brokers"]
    assert {"broker", "user", "status", "new_fills", "requests", "seconds", "complete_since"} <= broker.keys()
    assert (first["command"], first["data"]["new_fills"], broker["status"]) == ("sync", 3, "ok")
    assert "trademon sync --full --broker main" in broker["note"]
    quiet = shell.run("sync", "--broker", "main").check(0)
    assert (quiet.out, quiet.err) == ("", "")
    shell.run("sync", "--broker", "nobody").check(4).one_line("there is no broker 'nobody'")
    shell.run("sync", "--user", "nobody").check(4)
    shell.run("sync", "--since", "7d").check(2)
    shell.run("broker", "disable", "main").check(0)
    shell.run("sync").check(0).one_line("broker main is disabled (trademon broker enable main)")


def test_one_that_is_away_fails_alone(shell: Shell, exchange: ServerThread) -> None:
    """Exit 3 and one line; the other is up to date."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.add("away", "bitget", "http://127.0.0.1:9").check(0)
    done = shell.run("sync").check(3)
    done.one_line("away")
    data = shell.run("sync", "--json").check(3).json
    assert (data["status"], {b["broker"]: b["status"] for b in data["data"]["brokers"]}) == (
        "partial",
        {"main": "ok", "away": "failed"},
    )
    assert shell.run("sync", "--broker", "away").check(1).out == ""


def test_what_is_held_and_ordered_is_told_with_its_time(shell: Shell) -> None:
    """The founding case: 0.0015 BTC for 69 USDT are left; an order waits; DOGE came from nowhere."""
    world = founding_world()
    world.deposits["DOGE"] = Decimal(5)
    at = now().replace(microsecond=0)
    world.add_order(
        WorldOrder("900", "c", "BTC/USDT", "buy", "LIMIT", Decimal(40000), Decimal("0.1"), at, at, "NEW"),
    )
    with ServerThread(account(world)) as exchange:
        shell.add("main", "binance", exchange.url).check(0)
        for command in ("positions", "balances", "orders"):
            empty = shell.run(command, "--json").check(0).json
            assert (list(empty), empty["data"][command]) == (ENVELOPE, [])
            assert "main has not answered yet: trademon sync" in empty["data"]["notes"]
        shell.run("sync").check(0)
        rows = {p["symbol"]: p for p in shell.run("positions", "--json").check(0).json["data"]["positions"]}
        assert rows.keys() == {"BTC", "DOGE"}
        btc = rows["BTC"]
        assert (btc["quantity"], btc["average_cost"], btc["cost"], btc["currency"]) == ("0.0015", "46000", "69", "USDT")
        assert (btc["last_price"], btc["unrealized"], btc["unknown_quantity"]) == ("47000", "1.5", "0")
        assert (rows["DOGE"]["unknown_quantity"], rows["DOGE"]["cost"]) == ("5", None)
        assert btc["seen_at"].endswith("Z")
        held = {b["coin"]: b for b in shell.run("balances", "--json").check(0).json["data"]["balances"]}
        assert (held["BTC"]["total"], held["USDT"]["locked"]) == ("0.0015", "4000")
        orders = shell.run("orders", "--json").check(0).json["data"]["orders"]
        assert [o["state"] for o in orders] == ["done", "done", "done", "open"]
        (only,) = shell.run("orders", "--open", "--json").check(0).json["data"]["orders"]
        assert (only["order_id"], only["quantity"], only["filled"]) == ("900", "0.1", "0")
        assert [o["order_id"] for o in shell.run("orders", "--limit", "1", "--json").json["data"]["orders"]] == ["900"]
        assert "without a known cost" in shell.run("positions").check(0).out
    gone = shell.run("positions", "--json").check(0).json
    assert gone["data"]["positions"][0]["unrealized"] is None
    assert any("no last price" in note for note in gone["data"]["notes"])
    for command in ("positions", "balances", "orders"):
        shell.run(command, "--broker", "nobody").check(4).one_line("there is no broker 'nobody'")


def test_equally_named_brokers_of_two_users_never_meet(shell: Shell) -> None:
    """`sync --user ann` sends nothing to bob's exchange, and no command of hers has a row of his."""
    theirs = ScriptedWorld(clock=now, deposits={"USDT": Decimal(10_000), "DOGE": Decimal(5)})
    theirs.buy("ETH/USDT", "1", "2000", now().replace(microsecond=0))
    shell.run("user", "add", "bob").check(0)
    with ServerThread(account(founding_world())) as hers, ServerThread(account(theirs, "12")) as his:
        shell.add("main", "binance", hers.url, "--user", "ann").check(0)
        shell.add("main", "binance", his.url, "--user", "bob").check(0)
        shell.run("sync").check(0)
        asked = len(his.server.requests)
        assert asked > 0
        shell.run("sync", "--user", "ann").check(0)
        shell.run("sync", "--user", "ann", "--broker", "main").check(0)
        for command in ("positions", "balances", "orders", "fills", "transfers"):
            rows = shell.run(command, "--user", "ann", "--json").check(0).json["data"][command]
            assert {row["user"] for row in rows} <= {"ann"}
            assert not {"ETH", "DOGE", "ETH/USDT"} & {row.get("coin") or row.get("symbol") for row in rows}
        assert len(his.server.requests) == asked
        both = shell.run("balances", "--json").check(0).json["data"]["balances"]
        assert {row["user"] for row in both} == {"ann", "bob"}
