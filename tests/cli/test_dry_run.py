"""`--dry-run`: what would be done is said by doing it, and not one byte of it stays."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from trademon.cli import main

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"
FILLS = (
    "2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,45000,,,o1,t1\n2026-05-01T10:02:00Z,BTC/USDT,sell,0.0005,47000,,,o2,t2\n"
)
MORE = "2026-05-01T10:01:00Z,BTC/USDT,buy,0.001,40000,,,o3,t3\n"
CASH = "at,kind,currency,amount,symbol,id\n2026-05-01T08:00:00Z,funding,USDT,-1,,f1\n"

Run = Callable[[str], tuple[int, str, str]]
RUNS = {
    "fills import more.csv --broker old": "3 rows read, 1 new fill",
    "cash import cash.csv --broker old": "1 new",
    "broker remove old": "removed broker old; its fills stay",
    "broker remove old --with-fills": "removed broker old; 2 fills deleted",
    "user remove bea": "removed user bea",
    "user remove ann --with-fills": "2 fills deleted",
    "rebuild": "1 book",
    "db upgrade": "nothing is done",
    "db restore copy.db": "2 fills) comes in the place of",
}


@pytest.fixture(scope="module")
def furnished(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """ann with two fills of a manual broker, bea with nothing, and the files that commands are given."""
    root = tmp_path_factory.mktemp("dry")
    shutil.copytree(used_home, root / "home")
    (root / "work").mkdir()
    shell = Shell(root / "home", root / "work")
    for name, text in (("fills", HEADER + FILLS), ("more", HEADER + FILLS + MORE), ("cash", CASH)):
        (shell.cwd / f"{name}.csv").write_text(text)
    for words in (
        "broker add old --exchange manual --user ann",
        "fills import fills.csv --broker old --user ann",
        "user add bea",
        "db backup copy.db",
    ):
        shell.run(*words.split()).check(0)
    return shell


@pytest.fixture
def house(furnished: Shell, tmp_path: Path) -> Shell:
    for place in ("home", "work"):
        shutil.copytree(furnished.home.with_name(place), tmp_path / place)
    return Shell(tmp_path / "home", tmp_path / "work")


def content(shell: Shell) -> dict[str, str]:
    """Every file and directory there is, byte for byte."""
    found = [p for root in (shell.home, shell.cwd) for p in sorted(root.rglob("*"))]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "" for p in found}


@pytest.fixture
def run(house: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a line in this process: exit code, stdout on one line, stderr."""
    monkeypatch.chdir(house.cwd)
    for name, value in house.env().items():
        monkeypatch.setenv(name, value)

    def call(words: str) -> tuple[int, str, str]:
        code = main(words.split())
        said = capsys.readouterr()
        return code, " ".join(said.out.split()), said.err

    return call


@pytest.mark.parametrize(("words", "told"), RUNS.items())
def test_it_says_what_would_be_done_and_writes_nothing(run: Run, house: Shell, words: str, told: str) -> None:
    """In a pipe too, without a question; the home is byte for byte what it was."""
    user = "" if words.startswith(("db", "user")) else " --user ann"
    before = content(house)
    code, out, err = run(f"{words} --dry-run{user}")
    assert (code, err) == (0, "")
    assert out.startswith("A dry run, nothing was written.")
    assert told in out
    assert content(house) == before
    code, out, err = run(f"{words} -n --json{user}")
    assert '"dry_run": true' in out
    assert content(house) == before


def test_what_it_says_is_what_is_done(run: Run, house: Shell) -> None:
    """The same document, but for the word that it was a rehearsal; and then it is there."""
    words = "fills import more.csv --broker old --user ann --json"
    rehearsed = run(f"{words} --dry-run")[1]
    assert rehearsed.replace(', "dry_run": true', "") == run(words)[1]
    assert '"new_fills": 1' in rehearsed
    assert '"new_fills": 0' in run(f"{words} --dry-run")[1]


def test_a_bad_file_is_told_as_ever(run: Run, house: Shell) -> None:
    """Its line, and exit 1."""
    (house.cwd / "bad.csv").write_text(HEADER + FILLS[:-30])
    code, _, err = run("fills import bad.csv --broker old --user ann --dry-run")
    assert code == 1
    assert "line 3" in err


def test_a_damaged_book_is_said_and_left_damaged(run: Run, house: Shell) -> None:
    """`rebuild --dry-run`: would a figure change?"""
    store = house.home / "data" / "trademon.db"
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE books SET gross = '77777'")
    before = content(house)
    assert "BTC/USDT" in run("rebuild --dry-run --user ann")[1]
    assert content(house) == before
    assert "BTC/USDT" in run("rebuild --user ann --json")[1]
    assert "BTC/USDT" not in run("rebuild --dry-run --user ann")[1]


@pytest.mark.parametrize("words", RUNS)
def test_where_there_is_no_store_none_is_made(fresh: Shell, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """4, one line; of `db upgrade` it is the answer."""
    monkeypatch.chdir(fresh.cwd)
    for name, value in fresh.env().items():
        monkeypatch.setenv(name, value)
    assert main([*words.split(), "--dry-run"]) == (0 if words == "db upgrade" else 4)
    assert not fresh.home.exists()


def test_a_store_of_an_older_release_stays_one(run: Run, house: Shell) -> None:
    """It says what an upgrade would do; everything else would have to do it first."""
    store = house.home / "data" / "trademon.db"
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '0012'")
    before = content(house)
    assert "from schema 0012" in run("db upgrade --dry-run")[1]
    code, _, err = run("rebuild --dry-run")
    assert (code, "trademon db upgrade" in err) == (4, True)
    assert content(house) == before
