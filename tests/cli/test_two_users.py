"""Two users with equally named brokers and equal symbols: no command of the one shows, asks or changes anything of the
other's.

`LINES` has command lines for every command there is; one that is not in it fails a test. Each is run by ann in a home
where zoe has been, too: nothing that only zoe has may come out, her rows stay, and her exchange hears nothing. What
only reads must say, to the letter, what it says in a home in which zoe has never been.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import SECRETS, ServerThread, Shell, now
from trademon.cli import COMMANDS, _loaded, main
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount
from trademon.store.database import Database
from trademon.store.row_security import OWNED, of_user

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"
ANNS_FILE = HEADER + (
    "2026-05-01T10:00:00Z,BTC/USDT,buy,0.3,45000,0.01,BNB,o1,t1\n2026-05-01T10:02:00Z,BTC/USDT,sell,0.1,47000,,,o3,t3\n"
    "2026-05-01T10:03:00Z,ETH/USDT,sell,1,2500,,,o4,t4\n"
)
# The same ids, symbols and times; what tells hers apart is in no row of ann's.
ZOES_FILE = HEADER + (
    "2026-05-01T10:00:00Z,BTC/USDT,buy,0.7070707,45454.54,0.0151515,BNB,o1,t1\n"
    "2026-05-01T10:02:00Z,BTC/USDT,sell,0.2020202,47474.74,,,zoe-o3,zoe-t3\n"
    "2026-05-01T10:03:00Z,ZOECOIN/USDT,buy,31337.31337,2,,,zoe-o4,zoe-t4\n"
)
CASH = "at,kind,currency,amount,symbol,id\n2026-05-01T08:00:00Z,funding,USDT,{amount},,f1\n"
ZOES_KEYS = {"ZK": "Z" * 64, "ZS": "the-secret-of-zoe"}
ONLY_ZOES = (
    "zoe",
    "ZOE",
    *("7070707", "0707070", "2020202", "45454", "47474", "31337", "0151515"),
    *("90909", "91919", "4242424"),
)
"""Names, ids and digits that are in zoe's rows alone; and the address of her exchange."""


@dataclass(frozen=True)
class Line:
    """A command line. `same`: it only reads, so that it says what it says where there is no zoe. `json`: it has a
    document. `seconds`: it runs until it is stopped, and is, after that time. `whole`: it is about the whole store, and
    may seal all secrets anew."""

    words: str
    same: bool = False
    json: bool = True
    seconds: float | None = None
    whole: bool = False

    @property
    def args(self) -> list[str]:
        return self.words.split()


def reads(*lines: str) -> list[Line]:
    return [Line(line, same=True) for line in lines]


def whole(*lines: str) -> list[Line]:
    return [Line(line, whole=True) for line in lines]


def does(*lines: str) -> list[Line]:
    return [Line(line) for line in lines]


LIMITS = "--max-order 10 USDT --orders-a-day 1 --max-daily-loss 5 USDT --symbol BTC/USDT --broker main --yes"
KEYS = "--api-key-env K --api-secret-env S"
# By command. Numbers and addresses: see House.names. A name that is almost hers (zoes-owm,
# ZOECOINS) must not be answered with hers.
LINES: dict[str, list[Line]] = {
    "init": reads("init"),
    "watch": [*does("watch --cycles 1", "watch --cycles 1 --plain --one-by-one")],
    "scan": does("scan", "scan --since 2h", "scan --broker main", "scan --broker zoes-owm"),
    "sync": [*does("sync", "sync --broker zoes-owm"), Line("sync --full", json=False)],
    "pnl": [
        *reads("pnl", "pnl --csv", "pnl --method lifo", "pnl --by month --stats", "pnl --by broker", "pnl --chart"),
        *reads("pnl --in EUR", "pnl --book coin --in USDT", "pnl --broker main --broker hand", "pnl --method average"),
        *reads("pnl --symbol ZOECOINS/USDT", "pnl --broker zoes-owm", "pnl --symbol btcusdt"),
        *does("pnl --unrealized"),
    ],
    "pnl explain": reads("pnl explain 1", "pnl explain HER"),
    "pnl compare": reads("pnl compare", "pnl compare --broker zoes-owm"),
    "pnl export": reads("pnl export out.csv", "pnl export -", "pnl export out.jsonl"),
    "pnl what-if": reads(
        "pnl what-if --sell 0.01 --symbol BTC/USDT --price 50000 --broker hand",
        "pnl what-if --sell 0.01 --symbol BTC/USDT --price 50000",
        "pnl what-if --sell 0.01 --symbol ZOECOINS/USDT --price 5",
    ),
    "fills": reads(
        "fills", "fills --csv", "fills --limit 1", "fills --symbol ZOECOINS/USDT", "fills --broker zoes-owm"
    ),
    "fills import": does("fills import fills.csv --broker hand", "fills import zoe.csv --broker zoes-owm"),
    "fills export": reads("fills export out.csv", "fills export -"),
    "lots": reads("lots", "lots --csv", "lots --method hifo", "lots --symbol BTCUSDT"),
    "lots open": does(
        "lots open --broker hand --symbol BTC/USDT --quantity 1 --price 100 --at 2025",
        "lots open --broker zoes-owm --symbol BTC/USDT --quantity 1 --price 100 --at 2025",
    ),
    "lots remove": does("lots remove LOT", "lots remove HERLOT"),
    "lots export": reads("lots export out.csv", "lots export -"),
    "positions": does("positions", "positions --broker zoes-owm"),
    "balances": reads("balances", "balances --broker main"),
    "orders": reads("orders", "orders --open", "orders --broker zoes-owm"),
    "transfers": reads("transfers", "transfers --broker zoes-owm"),
    "coverage": reads("coverage", "coverage --broker zoes-owm"),
    "automation start": does("automation start --cron"),
    "automation serve": [Line("automation serve", json=False, seconds=2)],
    "automation pause": does("automation pause"),
    "automation resume": does("automation resume"),
    "automation stop": does("automation stop"),
    "automation every": does("automation every 15"),
    "automation run": does("automation run --force", "automation run"),
    "automation status": reads("automation status"),
    "automation logs": reads("automation logs"),
    "verify": does("verify", "verify --accept", "verify --broker zoes-owm"),
    "doctor": does("doctor", "doctor --broker zoes-owm"),
    "prices": reads("prices"),
    "prices list": reads("prices list"),
    "prices fetch": does("prices fetch --in EUR", "prices fetch --in EUR --broker zoes-owm", "prices fetch"),
    "cash": reads("cash", "cash --csv", "cash --broker zoes-owm"),
    "cash import": does("cash import cash.csv --broker hand", "cash import cash.csv --broker zoes-owm"),
    "rebuild": does("rebuild"),
    "broker add": does(
        f"broker add new --exchange binance --base-url HERE {KEYS}", "broker add zoes-own --exchange manual"
    ),
    "broker set": does("broker set main --method lifo", f"broker set main {KEYS}", "broker set zoes-owm --method lifo"),
    "broker list": reads("broker list"),
    "broker test": does("broker test main", "broker test zoes-owm"),
    "broker login": does("broker login main --code 1", "broker login zoes-owm --code 1"),
    "broker refresh": does("broker refresh", "broker refresh main", "broker refresh zoes-owm"),
    "broker enable": does("broker enable main", "broker enable zoes-owm"),
    "broker disable": does("broker disable main", "broker disable zoes-owm"),
    "broker remove": does(
        "broker remove main --yes", "broker remove main --yes --with-fills", "broker remove zoes-owm --yes"
    ),
    "notify list": reads("notify list"),
    "notify outbox": reads("notify outbox", "notify outbox --all"),
    "notify set": does("notify set executions on"),
    "notify quiet": does("notify quiet 22:00-07:00"),
    "notify digest": does("notify digest 6"),
    "notify limit": does("notify limit 500 --currency USDT"),
    "notify fallback": does("notify fallback off"),
    "notify send": does("notify send"),
    "notify test": does("notify test"),
    "strategy": reads("strategy"),
    "strategy list": reads("strategy list"),
    "strategy show": reads("strategy show grid", "strategy show zoes-owm"),
    "strategy log": reads("strategy log", "strategy log grid", "strategy log zoes-owm"),
    "strategy add": does("strategy add more trademon.strategies.examples.dca --param amount=25"),
    "strategy run": does("strategy run grid", "strategy run zoes-owm"),
    "strategy enable": does("strategy enable grid", "strategy enable zoes-owm"),
    "strategy disable": does("strategy disable grid", "strategy disable zoes-owm"),
    "strategy arm": does(f"strategy arm grid {LIMITS}", f"strategy arm zoes-owm {LIMITS}"),
    "strategy disarm": does("strategy disarm grid", "strategy disarm zoes-owm"),
    "strategy remove": does("strategy remove grid --yes", "strategy remove zoes-owm --yes"),
    "halt": whole("halt --yes", "halt --show", "halt --off --yes"),
    "config show": does("config show"),
    "paths": does("paths"),
    # What is about the store as a whole, and nobody's rows: copies, and the key that all others stand under.
    "db status": whole("db status"),
    "db upgrade": whole("db upgrade"),
    "db backup": whole("db backup ../copy.db"),
    "db restore": whole("db restore missing.db --yes"),
    "key status": whole("key status"),
    "key rotate": whole("key rotate --yes"),
    "user list": reads("user list"),
    "user add": does("user add carl --currency EUR"),
    "user set": does("user set ann --method lifo --language de"),
    "user enable": does("user enable ann"),
    "user disable": does("user disable ann"),
    "user remove": does("user remove ann --yes", "user remove ann --yes --with-fills"),
}
ALMOST_HERS = {"zoes-owm", "zoes-own", "ZOECOINS/USDT", "zoe.csv"}


def every_command() -> dict[str, Any]:
    """Each command that can be run, by its words, as the Typer app has them."""
    found: dict[str, Any] = {}
    for name in COMMANDS:
        command = _loaded(name)
        subcommands = getattr(command, "commands", {})
        if not subcommands or command.invoke_without_command:
            found[name] = command
        found.update({f"{name} {word}": sub for word, sub in subcommands.items()})
    return found


def test_every_command_has_its_lines() -> None:
    """A new command needs a row in LINES."""
    missing = every_command().keys() - LINES.keys()
    assert not missing, (
        f"add a row to LINES of {__file__} for: {', '.join(sorted(missing))}. "
        "A command that only reads: reads('NAME --option'); one that asks or writes: does('NAME ...'); about"
        " the whole store: whole('NAME')."
    )
    assert LINES.keys() <= every_command().keys()


# --- two homes ----------------------------------------------------------------------------------------------------


def world(*, price: str, coin: str) -> ScriptedWorld:
    """Some trades an hour ago, a deposit, an open order's worth of coins."""
    made = ScriptedWorld(clock=now, deposits={"USDT": Decimal("10000") if coin == "ETH" else Decimal("12121.21")})
    start = now().replace(microsecond=0) - timedelta(hours=1)
    made.set_candle("EUR/USDT", start - timedelta(days=300), "1.25")
    made.buy("BTC/USDT", "0.004", price, start)
    made.sell("BTC/USDT", "0.001", price, start + timedelta(minutes=1))
    made.buy(f"{coin}/USDT", "0.1", price, start + timedelta(minutes=2))
    return made


@dataclass
class House:
    """A home that is copied for each command line, and the two exchanges."""

    alone: Path
    both: Path
    anns: ServerThread
    zoes: ServerThread
    names: dict[str, str]
    """What stands for a number in LINES: HER, a fill of zoe's; LOT and HERLOT, an entered lot of each; HERE."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Ann in one home, ann and zoe in the other: made by the commands themselves."""
    hers = DemoAccount("binance", ZOES_KEYS["ZK"], ZOES_KEYS["ZS"], "", "90909", world(price="909.09", coin="ZOECOIN"))
    mine = DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", world(price="500", coin="ETH"))
    root = tmp_path_factory.mktemp("house")
    with ServerThread(mine) as anns, ServerThread(hers) as zoes:
        ann = Shell(root / "alone", root)
        first = ann.run("user", "list", USER="ann", LOGNAME="ann").check(0)
        assert "ann" in first.out
        furnish(ann, "ann", anns.url, ANNS_FILE, "-0.42", ("K", "S"), SECRETS)
        lot = enter_lot(ann, "ann")
        shutil.copytree(ann.home, root / "both")
        both = Shell(root / "both", root)
        both.run("user", "add", "zoe", "--currency", "CHF", "--telegram-chat", "4242424").check(0)
        furnish(both, "zoe", zoes.url, ZOES_FILE, "-91919.91919", ("ZK", "ZS"), ZOES_KEYS)
        both.run("broker", "add", "zoes-own", "--exchange", "manual", "--user", "zoe").check(0)
        both.run("strategy", "add", "zoes-own", "trademon.strategies.examples.dca", "--user", "zoe").check(0)
        hers_too = enter_lot(both, "zoe")
        rows = both.run("fills", "--user", "zoe", "--json").check(0).json["data"]["fills"]
        names = {"HER": str(rows[0]["id"]), "LOT": lot, "HERLOT": hers_too, "HERE": anns.url}
        yield House(ann.home, both.home, anns, zoes, names)


def enter_lot(shell: Shell, user: str) -> str:
    """Its number."""
    done = shell.run("lots", "open", "--broker", "hand", "--symbol", "BTC/USDT", *LOT, "--user", user, "--json")
    return str(done.check(0).json["data"]["id"])


LOT = ("--quantity", "0.5", "--price", "20000", "--at", "2024-05-01")


def furnish(
    shell: Shell, user: str, url: str, fills: str, cash: str, names: tuple[str, str], keys: dict[str, str]
) -> None:
    """Brokers `main` and `hand`, scanned, imported, and their prices fetched."""
    own = ("--user", user)
    (shell.cwd / "fills.csv").write_text(fills)
    (shell.cwd / "cash.csv").write_text(CASH.format(amount=cash))
    given = ("--api-key-env", names[0], "--api-secret-env", names[1])
    shell.run(
        "broker", "add", "main", "--exchange", "binance", "--base-url", url, "--since", "3h", *given, *own, **keys
    ).check(0)
    shell.run("broker", "add", "hand", "--exchange", "manual", *own).check(0)
    shell.run("fills", "import", "fills.csv", "--broker", "hand", *own).check(0)
    shell.run("cash", "import", "cash.csv", "--broker", "hand", *own).check(0)
    shell.run("sync", *own).check(0)
    shell.run("verify", *own).check(0)
    shell.run("prices", "fetch", "--in", "EUR", *own)
    grid = ("strategy", "add", "grid", "trademon.strategies.examples.dca", "--param", "symbol=BTC/USDT")
    shell.run(*grid, "--param", "amount=25", "--broker", "main", *own).check(0)
    shell.run("strategy", "run", "grid", *own)
    shell.run("automation", "run", "--force", *own).check(0)


# --- running ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str
    files: str


@dataclass
class Room:
    """A copy of a home, and the command run in it, in this process."""

    home: Path
    cwd: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, args: list[str], **env: str) -> Said:
        for name in ("TRADEMON_USER", "TRADEMON_DATABASE_URL", "COLUMNS"):
            self.patch.delenv(name, raising=False)
        for name, value in {"TRADEMON_HOME": str(self.home), "TZ": "UTC", **SECRETS, **env}.items():
            self.patch.setenv(name, value)
        self.patch.chdir(self.cwd)
        before = {path: path.read_bytes() for path in self.cwd.rglob("*") if path.is_file()}
        self.capture.readouterr()
        code = main(args)
        out, err = self.capture.readouterr()
        new = [p for p in sorted(self.cwd.rglob("*")) if p.is_file() and before.get(p) != p.read_bytes()]
        return Said(code, out, err, "".join(path.read_text() for path in new))

    def run_apart(self, args: list[str], **env: str) -> Said:
        """Run it as a process of its own, and end the scheduler that it may have begun."""
        shell = Shell(self.home, self.cwd)
        done = shell.run(*args, **{**SECRETS, **env})
        scheduler = shell.run("automation", "status", "--json").check(0).json["data"]["users"][0]["scheduler"]
        if scheduler["alive"]:
            os.kill(scheduler["pid"], signal.SIGTERM)
            while Path(f"/proc/{scheduler['pid']}").exists():
                time.sleep(0.05)
        return Said(done.code, done.out, done.err, "")

    def run_for(self, args: list[str], seconds: float, **env: str) -> Said:
        """Run it as a process of its own, and stop it."""
        shell = Shell(self.home, self.cwd)
        process = shell.start(*args, **{**SECRETS, **env})
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        return Said(process.returncode, out, err, "")


def make_room(home: Path, at: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> Room:
    shutil.copytree(home, at / "home")
    (at / "work").mkdir()
    (at / "work" / "fills.csv").write_text(ANNS_FILE + "2026-05-02T10:00:00Z,BTC/USDT,buy,1,45000,,,o9,t9\n")
    (at / "work" / "zoe.csv").write_text(ANNS_FILE)
    (at / "work" / "cash.csv").write_text(CASH.format(amount="-0.5").replace("f1", "f2"))
    return Room(at / "home", at / "work", patch, capture)


def rows_of_zoe(home: Path) -> dict[str, list[str]]:
    """Every row of hers in every table."""
    database = Database(f"sqlite:///{home / 'data' / 'trademon.db'}")
    with contextlib.closing(database), database.read() as sql:
        (zoe,) = sql.rows("SELECT id FROM users WHERE name = 'zoe'")[0]
        rows = {t: sql.rows(f"SELECT * FROM {t} WHERE {of_user(column)}", zoe) for t, column in OWNED.items()}
    return {table: sorted(map(repr, found)) for table, found in rows.items()}


# A plain run takes each command's first line in one form; the nightly one all of them in each.
CASES = [
    *(pytest.param(name, lines[0], 1, id=lines[0].words.replace(" ", "_")) for name, lines in LINES.items()),
    *(
        pytest.param(name, line, 4, id=f"{line.words.replace(' ', '_')}-all", marks=pytest.mark.nightly)
        for name, lines in LINES.items()
        for line in lines
    ),
]
SPAWN = ("automation start", "automation resume")
_TIMES = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?|\d\d:\d\d:\d\d|\"\d+\.\d{3}\"|\d+(\.\d+)? ?(ms|s|min|h)\b"
)


def forms(name: str, line: Line) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The line as ann writes it: as a document and as a table, pinned by the option or by the setting."""
    options = {word for parameter in every_command()[name].params for word in parameter.opts}
    pinned: list[tuple[list[str], dict[str, str]]] = [([], {"TRADEMON_USER": "ann"})]
    if "--user" in options:
        pinned.insert(0, (["--user", "ann"], {}))
    has_document = line.json and "--csv" not in line.args and line.args[-1] != "-" and "--plain" not in line.args
    for user, env in pinned:
        for json in (["--json"], []) if has_document else ([],):
            yield [*line.args, *user, *json], env


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "line", "times"), CASES)
def test_nothing_of_zoe_s_is_shown_asked_or_changed(
    house: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    line: Line,
    times: int,
    request: pytest.FixtureRequest,
) -> None:
    """One command line of ann's, in as many of its forms, each in a home of its own."""
    if times > 1 and not request.config.getoption("markexpr"):
        pytest.skip("the long form: -m nightly")
    for number, (words, env) in enumerate(islice(forms(name, line), times)):
        args = [house.names.get(word, word) for word in words]
        room = make_room(house.both, tmp_path / f"both{number}", monkeypatch, capfd)
        before, heard = rows_of_zoe(room.home), len(house.zoes.server.requests)
        asked = len(house.anns.server.requests)
        if line.seconds:
            said = room.run_for(args, line.seconds, **env)
        else:
            said = (room.run_apart if name in SPAWN else room.run)(args, **env)
        if not line.whole:
            assert rows_of_zoe(room.home) == before, "a row of zoe's was changed"
        assert len(house.zoes.server.requests) == heard, "zoe's exchange was asked"
        questions = "".join(str(request) for request in list(house.anns.server.requests)[asked:])
        told = said.out + said.err + said.files
        for word in ALMOST_HERS & set(args):
            told = told.replace(word, "")
        port = house.zoes.url.rpartition(":")[2]
        found = [word for word in (*ONLY_ZOES, f":{port}") if word in told.replace(str(tmp_path), "") + questions]
        assert not found, f"{' '.join(args)} says {found}:\n{told}"
        if line.same:
            room = make_room(house.alone, tmp_path / f"alone{number}", monkeypatch, capfd)
            other = (room.run_apart if name in SPAWN else room.run)(args, **env)
            assert plain(said) == plain(other)


def plain(said: Said) -> tuple[int, str]:
    """What was said, without the times it was said at."""
    return said.code, _TIMES.sub("TIME", said.out + said.err + said.files)


def test_what_is_looked_for_is_there_to_be_found(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Run by zoe, the same commands say every word that ann's must not: a search that cannot fail proves nothing."""
    room = make_room(house.both, tmp_path / "hers", monkeypatch, capfd)
    told = ""
    for words in ("fills --csv", "pnl --json", "broker list --json", "cash --csv", "balances --json", "prices"):
        told += room.run(words.split(), TRADEMON_USER="zoe").out
    told += room.run(["user", "list"], TRADEMON_USER="zoe").out
    missing = {word for word in ONLY_ZOES if word not in told} - {"90909", "0707070", "7070707"}
    assert not missing, missing
    assert rows_of_zoe(room.home)["secrets"]
    heard = len(house.zoes.server.requests)
    room.run(["sync", "--user", "zoe"])
    assert len(house.zoes.server.requests) > heard


def test_without_a_user_both_are_worked_for_and_told_apart(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A row says whose it is; a command for one user asks which."""
    room = make_room(house.both, tmp_path, monkeypatch, capfd)
    told = room.run(["pnl"]).out
    assert "ann" in told
    assert "zoe" in told
    said = room.run(["broker", "add", "x", "--exchange", "manual"], USER="nobody", LOGNAME="nobody")
    assert (said.code, "--user ann or --user zoe" in said.err) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_processes_of_the_sweep_are_gone(house: House) -> None:
    """Nothing that a command started runs on."""
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(house.both) not in lines
