"""What TAB offers, in the shells themselves and in no time: names that are stored, and of nobody else's."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.cli.shell import TRADEMON, Shell
from trademon.cli import COMMANDS, _loaded, main
from trademon.cli.shells import SHELLS

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"
ROW = "2026-05-01T10:00:00Z,{},buy,0.1,45000,,,o1,t1\n"
Offer = Callable[..., list[str]]

pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def two_users(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ann with `binance-main` and `binance-old`, zoe with `hers`; each traded symbols of their own."""
    root = tmp_path_factory.mktemp("completion")
    shutil.copytree(used_home, root / "home")
    shell = Shell(root / "home", root)
    shell.run("user", "add", "zoe").check(0)
    for user, name, symbols in (
        ("ann", "binance-main", ("BTC/USDT", "BTC/USDT:USDT", "ETH/EUR")),
        ("ann", "binance-old", ()),
        ("zoe", "hers", ("ZOE/USDT",)),
    ):
        shell.run("broker", "add", name, "--exchange", "manual", "--market", "swap", "--user", user).check(0)
        if symbols:
            (root / "x.csv").write_text(HEADER + "".join(ROW.format(symbol) for symbol in symbols))
            shell.run("fills", "import", "x.csv", "--broker", name, "--user", user).check(0)
    return shell.home


@pytest.fixture
def home(two_users: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_users, tmp_path / "home"))


@pytest.fixture
def offer(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Offer:
    """What a shell is told for a line whose last word is being typed, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADEMON_HOME", str(home))
    monkeypatch.delenv("TRADEMON_USER", raising=False)

    def ask(line: str, **env: str) -> list[str]:
        asked = {"_TRADEMON_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (asked | {"_TYPER_COMPLETE_ARGS": line} | env).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main([])
        said = capsys.readouterr()
        assert (end.value.code, said.err) == (0, "")
        return [row.partition("\t")[0] for row in said.out.splitlines() if row]

    return ask


def files(root: Path) -> dict[Path, tuple[bytes, int]]:
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("trademon ve", ["verify"]),
        ("trademon pnl exp", ["explain", "export"]),
        ("trademon scan --u", ["--user"]),
        ("trademon pnl --user ", ["ann", "zoe"]),
        ("trademon user set z", ["zoe"]),
        ("trademon scan --broker ", ["binance-main", "binance-old", "hers"]),
        ("trademon scan --user ann --broker ", ["binance-main", "binance-old"]),
        ("trademon scan --user zoe --broker ", ["hers"]),
        ("trademon broker test binance-o", ["binance-old"]),
        ("trademon fills import x.csv --broker h", ["hers"]),
        ("trademon lots --symbol ", ["BTC/USDT", "BTC/USDT:USDT", "ETH/EUR", "ZOE/USDT"]),
        ("trademon lots --user ann --symbol Z", []),
        ("trademon pnl --symbol=ET", ["ETH/EUR"]),
        ("trademon pnl --symbol eth", ["eth/eur"]),
        ("trademon pnl --symbol BTC/USDT:", ["BTC/USDT:USDT"]),
        ("trademon pnl --symbol ethe", ["etheur"]),
        ("trademon pnl --method ", ["fifo", "lifo", "hifo", "average"]),
        ("trademon pnl --by m", ["month"]),
        ("trademon broker add x --exchange bi", ["binance", "bitget"]),
        ("trademon broker add x --exchange krak", ["kraken", "krakenfutures"]),
        ("trademon broker add x --market s", ["spot", "swap"]),
        ("trademon pnl --broker 'unfinished", []),
    ],
)
def test_what_is_offered(offer: Offer, line: str, offered: list[str]) -> None:
    """Commands, options, and whatever a value can be; symbols in the spelling that was begun."""
    assert offer(line) == offered


def test_every_line_offered_for_an_option_is_one(home: Path, offer: Offer) -> None:
    """However long its help is: a shell takes each line as a word of its own, and one that is none is in the way."""
    for name in COMMANDS:
        command = _loaded(name)
        for words in ((name,), *((name, sub) for sub in getattr(command, "commands", {}))):
            offered = offer(f"trademon {' '.join(words)} -")
            assert "--json" in offered or "--help" in offered, words
            assert [word for word in offered if not re.fullmatch(r"-[a-zA-Z]|--[a-z][a-z-]*", word)] == [], words
    assert offer("trademon pnl --si") == ["--since"]


def test_a_pinned_user_is_offered_nothing_of_anybody_else(offer: Offer) -> None:
    """Neither names nor symbols."""
    for line in ("pnl --user ", "scan --broker ", "lots --symbol ", "strategy show ", "user set "):
        assert not [name for name in offer(f"trademon {line}", TRADEMON_USER="ann") if "zoe" in name.lower()]
    assert offer("trademon scan --broker ", TRADEMON_USER="zoe") == ["hers"]


def test_looking_leaves_no_trace(offer: Offer, home: Path) -> None:
    """Not one byte of the home changes, nothing is laid beside it."""
    before = files(home)
    assert offer("trademon scan --broker ")
    assert offer("trademon pnl --symbol B")
    assert files(home) == before


@pytest.mark.parametrize("broken", ["absent", "no database", "empty", "other tables", "setting", "address", "server"])
def test_a_store_that_is_none_offers_nothing_and_is_not_made(offer: Offer, home: Path, broken: str) -> None:
    """In silence: nobody wants to read an error on a half-written line."""
    store, env = home / "data" / "trademon.db", {}
    if broken == "absent":
        shutil.rmtree(home)
    elif broken == "no database":
        store.write_text("my shopping list\n" * 100)
    elif broken == "empty":
        store.write_bytes(b"")
    elif broken == "other tables":
        store.unlink()
        with contextlib.closing(sqlite3.connect(store)) as other:
            other.execute("CREATE TABLE recipes (name TEXT)")
    elif broken == "setting":
        Path(".env").write_text("TRADEMON_NOSUCH=1\n")
    elif broken == "address":
        env["TRADEMON_DATABASE_URL"] = "nonsense"
    else:
        env["TRADEMON_DATABASE_URL"] = "postgresql://127.0.0.1:9/none?connect_timeout=1"
    before = files(home.parent)
    for line in ("scan --broker ", "pnl --symbol ", "pnl --user ", "strategy show "):
        assert offer(f"trademon {line}", **env) == []
    assert files(home.parent) == before
    assert offer("trademon ve", **env) == ["verify"]


def test_a_server_that_does_not_answer_is_not_waited_for(offer: Offer) -> None:
    """It takes the connection and says nothing: libpq would wait for ten minutes here."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none?connect_timeout=600"
        assert offer("trademon scan --broker ", TRADEMON_DATABASE_URL=url) == []


@pytest.mark.parametrize("symbol", ["$(reboot)", "A;B", "A B", "A'B", "`x`", "A\x1b[2J", "A*"])
def test_a_foreign_name_that_a_shell_would_run_is_not_offered(offer: Offer, home: Path, symbol: str) -> None:
    """What an exchange calls a market lands on a command line: it must not be one."""
    with contextlib.closing(sqlite3.connect(home / "data" / "trademon.db")) as store:
        store.execute("UPDATE markets SET symbol = ? WHERE symbol = 'ETH/EUR'", (symbol,))
        store.commit()
    assert offer("trademon lots --symbol ") == ["BTC/USDT", "BTC/USDT:USDT", "ZOE/USDT"]


def test_a_value_costs_neither_the_store_s_library_nor_an_exchange_s(home: Path, tmp_path: Path) -> None:
    """What TAB waits for is what is imported: none of it is heavy."""
    code = (
        "import sys, atexit; heavy = {'ccxt', 'sqlmodel', 'sqlalchemy', 'aiohttp', 'rich', 'alembic'};"
        "atexit.register(lambda: sys.stderr.write(' '.join(sorted(heavy & sys.modules.keys()))));"
        "from trademon.cli import main; main([])"
    )
    for line in ("trademon scan --broker ", "trademon pnl --symbol b", "trademon broker add x --exchange kra"):
        env = Shell(home, tmp_path).env(_TRADEMON_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args")
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=env | {"_TYPER_COMPLETE_ARGS": line},
            cwd=tmp_path,
            check=True,
        )
        assert done.stdout.strip()
        assert done.stderr == ""


# --- in the shells ------------------------------------------------------------------------------------------------


@pytest.fixture
def at_home(home: Path, tmp_path: Path) -> dict[str, str]:
    """A person's home directory, in which nothing is set up, and trademon on the path."""
    path = f"{TRADEMON.parent}:{os.environ['PATH']}"
    env = Shell(home, tmp_path).env(HOME=str(tmp_path), PATH=path, PS1="$ ", ENV="")
    return {name: value for name, value in env.items() if not name.startswith(("XDG_", "ZDOTDIR", "BASH"))}


ECHO = {"bash": 'trademon() { echo "RAN:$*:"; }\n', "fish": 'function trademon; echo "RAN:$argv:"; end\n'}
ECHO["zsh"] = ECHO["bash"]
STARTS_WITH = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_first_tab_completes(shell: str, at_home: dict[str, str], tmp_path: Path) -> None:
    """Installed as a person installs it, typed as a person types it, run with what stands there then."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    installed = subprocess.run(
        [TRADEMON, "--install-completion", shell], env=at_home, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"completion for {shell} is in {tmp_path}" in installed.stdout
    # What is run says what it was; completion asks the program itself.
    with (tmp_path / STARTS_WITH[shell]).open("a") as start:
        start.write(ECHO[shell])
    child = pexpect.spawn(shell, ["-i"], env=at_home, cwd=str(tmp_path), timeout=30, encoding="utf-8")
    child.setecho(False)
    for typed, ran in (
        ("trademon scan --broker binance-o", "scan --broker binance-old"),
        ("trademon pnl --symbol BTC/USDT:U", "pnl --symbol BTC/USDT:USDT"),
        ("trademon veri", "verify"),
    ):
        child.send(f"{typed}\t\r")
        child.expect(r"RAN:([^\r\n]*?) ?:\r")
        assert child.match.group(1) == ran
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.close()


def test_a_shell_that_is_not_known_is_named(fresh: Shell) -> None:
    """One line, exit 2; also where nobody can tell which shell it is."""
    fresh.run("--show-completion", "ksh").check(2).one_line("no shell 'ksh'", "--show-completion bash|zsh|fish")
    assert fresh.files() == {}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_shown_and_one_its_shell_can_read(fresh: Shell, shell: str) -> None:
    """`--show-completion SHELL` installs nothing: it is there for whoever keeps their own files."""
    script = fresh.run("--show-completion", shell).check(0).out
    assert "trademon" in script
    assert fresh.files() == {}
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)
