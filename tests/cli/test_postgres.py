"""The command from end to end with its store on a PostgreSQL, against the demo exchange."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.cli.shell import Done, ServerThread, Shell
from tests.postgres import Postgres
from trademon.demo import faults

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

CSV = """executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id
2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,45000,,,o1,t1
2026-05-01T10:01:00Z,BTC/USDT,buy,0.002,46000,,,o2,t2
2026-05-01T10:02:00Z,BTC/USDT,sell,0.0015,47000,,,o3,t3
"""


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """An empty database."""
    made = postgres.make()
    yield made
    postgres.drop(made)


@pytest.fixture
def on_server(fresh: Shell, url: str) -> Shell:
    """A home that does not exist yet, whose `.env` names the server."""
    (fresh.cwd / ".env").write_text(f"TRADEMON_DATABASE_URL={url}\n")
    return fresh


def founding_figures(done: Done) -> tuple[str, int]:
    (row,) = [r for r in done.check(0).json["data"]["rows"] if r["symbol"] == "BTC/USDT"]
    return row["gross"], row["fills"]


def test_scan_and_pnl_on_a_server(on_server: Shell, exchange: ServerThread) -> None:
    """From nothing: a broker, a pass, the figure; a second pass adds nothing, and another machine sees the same."""
    on_server.add("main", "binance", exchange.url).check(0)
    assert on_server.run("scan", "--json").check(0).json["data"]["new_fills"] == 3
    assert on_server.run("scan", "--json").check(0).json["data"]["new_fills"] == 0
    assert founding_figures(on_server.run("pnl", "--json")) == ("2.5", 3)
    assert founding_figures(on_server.run("pnl", "--json", "--method", "lifo")) == ("1.5", 3)
    assert not list(on_server.home.rglob("*.db"))
    machine = Shell(on_server.home.with_name("another"), on_server.cwd)
    assert founding_figures(machine.run("pnl", "--json")) == ("2.5", 3)


def test_import_lots_and_rebuild_on_a_server(on_server: Shell) -> None:
    """A file taken in once and again, what is open of it, an export that is read back, and everything derived anew."""
    on_server.run("broker", "add", "old", "--exchange", "manual").check(0)
    (on_server.cwd / "fills.csv").write_text(CSV)
    for new in (3, 0):
        done = on_server.run("fills", "import", "fills.csv", "--broker", "old", "--json").check(0)
        assert done.json["data"]["new_fills"] == new
    assert founding_figures(on_server.run("pnl", "--json")) == ("2.5", 3)
    (lot,) = on_server.run("lots", "--json").check(0).json["data"]["lots"]
    assert (lot["quantity"], lot["price"]) == ("0.0015", "46000")
    on_server.run("fills", "export", "out.csv").check(0)
    assert len((on_server.cwd / "out.csv").read_text().splitlines()) == 4
    rebuilt = on_server.run("rebuild", "--json").check(0)
    assert founding_figures(on_server.run("pnl", "--json")) == ("2.5", 3)
    assert rebuilt.json["status"] == "success"


def test_a_run_holds_its_account_and_a_killed_one_not_for_long(
    on_server: Shell, exchange: ServerThread, url: str
) -> None:
    """75 while another run has all the work, on whichever machine; after SIGKILL its lease has less than 30 s to go,
    and when they are over the next run reads everything."""
    import psycopg

    on_server.add("main", "binance", exchange.url).check(0)
    exchange.server.faults[:] = [faults.dripping(path="/openOrders")]
    first = on_server.start("scan")
    deadline = time.monotonic() + 15
    while len(exchange.server.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    on_server.run("scan", "--json").check(75)
    first.kill()
    first.communicate()
    exchange.server.faults.clear()
    assert on_server.run("scan", "--json").check(75).json["data"]["brokers"][0]["status"] == "skipped"
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT max(held_until) / 1e6 - extract(epoch FROM now()) FROM leases").fetchone()
        assert row is not None
        assert 0 < row[0] < 30
        connection.execute("UPDATE leases SET held_until = 1")
    assert on_server.run("scan", "--json").check(0).json["data"]["new_fills"] == 3


def test_a_server_that_is_not_there_is_one_line(fresh: Shell) -> None:
    """What, where, what to do, and no password."""
    done = fresh.run("scan", TRADEMON_DATABASE_URL="postgresql://ann:s3cret@127.0.0.1:1/books").check(4)
    line = done.one_line("cannot reach postgresql://127.0.0.1:1/books", "is it running")
    assert "s3cret" not in line
    debug = fresh.run("scan", "--debug", TRADEMON_DATABASE_URL="postgresql://ann:s3cret@127.0.0.1:1/books").check(4)
    assert "s3cret" not in debug.out + debug.err
