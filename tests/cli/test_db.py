"""`trademon db`, `paths` and `config`: copies that are whole, a store brought back, and where things are."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tests.cli.shell import ENVELOPE, Shell
from trademon.store.lease import hold
from trademon.store.migrate import upgrade

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id"


def import_fill(shell: Shell, n: int) -> None:
    """One more fill of the manual broker `old`."""
    (shell.cwd / "one.csv").write_text(f"{HEADER}\n2026-05-01T10:0{n}:00Z,BTC/USDT,buy,1,{100 + n},,,o{n},t{n}\n")
    shell.run("fills", "import", "one.csv", "--broker", "old").check(0)


def ids(shell: Shell) -> list[str]:
    return [row["trade_id"] for row in shell.run("fills", "--json").check(0).json["data"]["fills"]]


@pytest.fixture
def stored(shell: Shell) -> Shell:
    """A store with one fill."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    import_fill(shell, 1)
    return shell


def test_a_copy_brings_the_store_back(stored: Shell) -> None:
    """Silent in cron; a later copy takes the place of the earlier; what was stored since is kept beside."""
    copy = stored.cwd / "copy.db"
    done = stored.run("db", "backup", "copy.db").check(0)
    assert (done.out, done.err) == ("", "")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    import_fill(stored, 2)
    stored.run("db", "backup", "copy.db").check(0)
    import_fill(stored, 3)
    stored.run("db", "restore", "copy.db").check(4).one_line("--yes")
    assert ids(stored) == ["t1", "t2", "t3"]
    stored.run("db", "restore", "copy.db", "--yes").check(0)
    assert ids(stored) == ["t1", "t2"]
    import_fill(stored, 4)
    assert ids(stored) == ["t1", "t2", "t4"]
    kept = stored.home / "data" / "trademon.db.before-restore"
    stored.run("db", "restore", str(kept), "--yes").check(0)
    assert ids(stored) == ["t1", "t2", "t3"]
    assert list(stored.cwd.glob(".copy*")) == []


def test_a_copy_of_an_older_release_is_brought_up_to_date(stored: Shell) -> None:
    """Its schema is that of today afterwards."""
    engine = create_engine(f"sqlite:///{stored.cwd / 'copy.db'}")
    with engine.begin() as connection:
        upgrade(connection, to="0008")
    engine.dispose()
    stored.run("db", "restore", "copy.db", "--yes").check(0)
    assert ids(stored) == []
    stored.run("broker", "add", "old", "--exchange", "manual").check(0)
    import_fill(stored, 1)
    assert ids(stored) == ["t1"]
    assert stored.run("automation", "status", "--json").check(0).json["data"]["users"][0]["state"] == "stopped"


@pytest.mark.parametrize("what", ["nothing", "text", "another database", "cut", "newer"])
def test_what_is_no_copy_changes_nothing(stored: Shell, what: str) -> None:
    """One line that names the file; the store as it was."""
    copy = stored.cwd / "copy.db"
    if what == "text":
        copy.write_text("hello")
    elif what == "another database":
        sqlite3.connect(copy).execute("CREATE TABLE notes (text)").connection.close()
    elif what in ("cut", "newer"):
        stored.run("db", "backup", "copy.db").check(0)
    if what == "cut":
        copy.write_bytes(copy.read_bytes()[:20_000])
    elif what == "newer":
        with sqlite3.connect(copy) as newer:
            newer.execute("UPDATE alembic_version SET version_num = '7777'")
        newer.close()
    stored.run("db", "restore", "copy.db", "--yes").check(2).one_line("copy.db")
    if what not in ("nothing", "cut", "newer"):
        stored.run("db", "backup", "copy.db").check(2).one_line("copy.db")  # nor is it written over
    assert ids(stored) == ["t1"]


def test_where_no_copy_can_be(stored: Shell) -> None:
    stored.run("db", "backup", "nowhere/copy.db").check(2).one_line("nowhere")
    stored.run("db", "backup", ".").check(2).one_line("no file")
    stored.run("db", "backup", str(stored.home / "data" / "trademon.db")).check(2).one_line("the store itself")
    assert ids(stored) == ["t1"]


def test_no_store_is_brought_back_under_a_run(stored: Shell) -> None:
    """While a run holds a broker: 75, nothing changed. A copy can be made meanwhile."""
    with hold(stored.home / "data" / "locks", "broker-1"):
        stored.run("db", "backup", "copy.db").check(0)
        stored.run("db", "restore", "copy.db", "--yes").check(75).one_line("at work")
    stored.run("db", "restore", "copy.db", "--yes").check(0)


def test_the_state_of_the_store(stored: Shell) -> None:
    done = stored.run("db", "status", "--json").check(0).json
    assert list(done) == ENVELOPE
    data = done["data"]
    assert (data["users"], data["brokers"], data["fills"], data["faults"], data["copies"]) == (1, 1, 1, [], [])
    assert "1 fill, 1 broker, 1 user" in stored.run("db", "status").check(0).out
    assert stored.run("db", "upgrade").check(0).out == ""
    stored.run("db", "restore", "nope.db", "--yes").check(2)


def test_paths_and_settings_say_where_they_come_from(shell: Shell, tmp_path: Path) -> None:
    """Without touching anything; a password is not shown."""
    paths = shell.run("paths", "--json").check(0).json["data"]["paths"]
    assert paths["store"] == f"sqlite:///{shell.home}/data/trademon.db"
    assert paths["key_file"].startswith(str(shell.home))
    (shell.cwd / ".env").write_text(
        "AUTOMATION_DEFAULT_FREQUENCY=15\nTRADEMON_HEARTBEAT_URL=https://hc.example/secret\n"
    )
    url = "postgresql://ann:pa%40ss@db.example/t?password=also"
    settings = {
        row["name"]: row
        for row in shell.run("config", "show", "--json", TRADEMON_DATABASE_URL=url).check(0).json["data"]["settings"]
    }
    assert settings["TRADEMON_DATABASE_URL"]["value"] == "postgresql://ann:***@db.example/t?password=***"
    assert settings["TRADEMON_DATABASE_URL"]["source"] == "environment"
    assert settings["AUTOMATION_DEFAULT_FREQUENCY"]["value"] == "15"
    assert settings["AUTOMATION_DEFAULT_FREQUENCY"]["source"].endswith("/.env")
    assert settings["TRADEMON_HEARTBEAT_URL"]["value"] == "***"
    assert (settings["TRADEMON_USER"]["value"], settings["TRADEMON_USER"]["source"]) == (None, "default")
    shutil.rmtree(shell.home / "data", ignore_errors=True)
    assert "secret" not in shell.run("config", "show").check(0).out
    assert not (shell.home / "data").exists()
