"""What lists look like: lines for programs, times in a zone, and what is said where there is nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.cli.shell import TRADEMON, Shell
from tests.cli.test_two_users import every_command
from trademon.cli import main

HOSTILE = "\x1b[31mred\t[/]\u202e=CMD"
FILE = f"""executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id
2026-03-28T10:00:00Z,BTC/USDT,buy,0.3,45000,0.01,BNB,{HOSTILE},t1
2026-03-29T10:00:00Z,BTC/USDT,sell,0.1,47000,,,o2,{HOSTILE}
2026-03-29T23:30:00Z,ETH/BTC,sell,1,0.0512,,,o3,t3
"""
CASH = "at,kind,currency,amount,symbol,id\n2026-05-01T08:00:00Z,funding,USDT,-0.42,,f1\n"
LISTS = {
    "scan": "",
    "sync": "",
    "pnl": "",
    "pnl explain": "2",
    "pnl compare": "",
    "pnl what-if": "--sell 0.1 --symbol BTC/USDT --price 50000",
    "fills": "",
    "lots": "",
    "positions": "",
    "balances": "",
    "orders": "",
    "transfers": "",
    "coverage": "",
    "automation status": "",
    "automation logs": "",
    "verify": "",
    "doctor": "",
    "prices": "",
    "prices list": "",
    "cash": "",
    "strategy": "",
    "strategy list": "",
    "strategy log": "",
    "config show": "",
    "paths": "",
    "broker list": "",
    "user list": "",
    "notify list": "",
    "notify outbox": "",
}
"""Every command that lists, with what it needs to be told."""
OPENS_ONE = {"pnl explain", "pnl what-if"}
ASKS = {"scan", "sync", "verify"}
"""They tell in a pipe only what went wrong; here there is nobody to ask."""
ALWAYS_THERE = {"doctor", "config show", "paths", "user list", "automation status"}

Run = Callable[..., str]


@pytest.fixture(scope="module")
def filled(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one account that files were taken into, one of them with names that mean harm."""
    root = tmp_path_factory.mktemp("filled")
    shutil.copytree(used_home, root / "home")
    shell = Shell(root / "home", root)
    (root / "fills.csv").write_text(FILE)
    (root / "cash.csv").write_text(CASH)
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    shell.run("fills", "import", "fills.csv", "--broker", "old").check(0)
    shell.run("cash", "import", "cash.csv", "--broker", "old").check(0)
    shell.run("strategy", "add", "dca", "trademon.strategies.examples.dca", "--param", "amount=25").check(0)
    return shell.home


@pytest.fixture
def run_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Run]:
    """Runs a command line within this process, in a home; its standard output."""
    for name in ("TRADEMON_TZ", "TRADEMON_USER", "PAGER", "TRADEMON_PAGER", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def of(home: Path) -> Run:
        monkeypatch.setenv("TRADEMON_HOME", str(home))

        def run(words: str, *, code: int = 0) -> str:
            assert main(words.split()) == code, capsys.readouterr().err
            return capsys.readouterr().out

        return run

    return of


def test_every_list_is_known_here() -> None:
    """A command with `--plain` is a list, and its line belongs above; `watch` has one of its own meaning."""
    plain = {name for name, command in every_command().items() if any("--plain" in p.opts for p in command.params)}
    assert plain - {"watch"} == LISTS.keys()


# --- lines for programs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", LISTS)
def test_plain_is_a_header_and_whole_rows(command: str, run_in: Callable[..., Run], filled: Path) -> None:
    """As many cells in each row as in the header, nothing that a terminal obeys, the names of the JSON document."""
    text = run_in(filled)(f"{command} {LISTS[command]} --plain")
    header, *rows = text.removesuffix("\n").split("\n")
    assert re.fullmatch(r"[a-z0-9_]+(\t[a-z0-9_]+)*", header)
    assert len(set(header.split("\t"))) == header.count("\t") + 1
    assert {row.count("\t") for row in rows} <= {header.count("\t")}
    assert not [c for c in text if c not in "\t\n" and not c.isprintable()]
    assert "\u202e" not in text


@pytest.mark.parametrize("command", sorted(LISTS.keys() - OPENS_ONE - ALWAYS_THERE))
def test_plain_of_nothing_is_its_header(command: str, run_in: Callable[..., Run], used_home: Path) -> None:
    """So that a script finds its columns in an empty store, too."""
    assert run_in(used_home)(f"{command} --plain").count("\n") == 1


def test_plain_holds_every_row_in_full(run_in: Callable[..., Run], filled: Path) -> None:
    """The figures of the document, to the last digit, in UTC."""
    run = run_in(filled)
    header, *rows = (line.split("\t") for line in run("fills --plain --tz Asia/Tokyo").splitlines())
    told = json.loads(run("fills --json"))["data"]["fills"]
    for name in ("executed_at", "symbol", "side", "quantity", "price", "fee", "fee_currency", "id", "broker", "user"):
        assert [row[header.index(name)] for row in rows] == [fill[name] for fill in told]
    lots = [line.split("\t") for line in run("lots --plain").splitlines()]
    assert dict(zip(*lots, strict=True))["price"] == "45000"


def test_plain_is_the_same_on_a_terminal(
    run_in: Callable[..., Run], filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No colour, no pager, and all rows, not the newest."""
    run = run_in(filled)
    piped = run("fills --plain")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("PAGER", "false")
    assert run("fills --plain") == piped


@pytest.mark.parametrize(
    "words", ["fills --plain --json", "fills --plain --csv", "fills --csv --json", "orders --plain --json"]
)
def test_stdout_holds_one_form(words: str, run_in: Callable[..., Run], filled: Path) -> None:
    """Whoever asks for two gets neither, and it is a word that is wrong."""
    run_in(filled)(words, code=2)


# --- times --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", LISTS)
def test_times_say_their_zone_once(command: str, run_in: Callable[..., Run], filled: Path) -> None:
    """A table with a time in it names the zone below it, one without does not; each with times takes `--tz`."""
    run = run_in(filled)
    has_tz = any("--tz" in p.opts for p in every_command()[command].params)
    text = run(f"{command} {LISTS[command]}" + " --tz Asia/Tokyo" * has_tz)
    shows = re.search(r"\d\d:\d\d:\d\d(?! UTC)", text) is not None
    assert text.count("times: Asia/Tokyo\n") == shows, text


def test_a_zone_moves_what_a_person_reads_alone(run_in: Callable[..., Run], filled: Path) -> None:
    """Over a change of the clocks, too; documents stay as they are."""
    run = run_in(filled)
    shown = run("fills --tz Europe/Berlin")
    assert [line.split()[0:2] for line in shown.splitlines()[1:4]] == [
        ["03-28", "11:00:00"],
        ["03-29", "12:00:00"],
        ["03-30", "01:30:00"],
    ]
    for form in ("--json", "--csv", "--plain"):
        assert run(f"fills {form} --tz Europe/Berlin") == run(f"fills {form}")


def test_the_zone_of_the_settings_holds_where_none_is_named(
    run_in: Callable[..., Run], filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRADEMON_TZ before the machine's, `--tz` before it; `local` is the machine's."""
    run = run_in(filled)
    monkeypatch.setenv("TRADEMON_TZ", "Europe/Berlin")
    assert "times: Europe/Berlin\n" in run("fills")
    assert "times: UTC\n" in run("fills --tz utc")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert "times: Asia/Tokyo\n" in run("fills --tz local")
    row = next(line for line in run("config show --plain").splitlines() if line.startswith("TRADEMON_TZ"))
    assert row == "TRADEMON_TZ\tEurope/Berlin\tenvironment"


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("Europe/Belrin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("asia/tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
    ],
)
def test_an_unknown_zone_is_answered_with_the_one_that_was_meant(
    zone: str, meant: str, run_in: Callable[..., Run], filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong word, with any form of output, before anything is done."""
    run_in(filled)
    for more in ([], ["--json"], ["--plain"]):
        assert main(["fills", "--tz", zone, *more]) == 2
        assert f"did you mean {meant}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "/etc/passwd", "Europe", "", "Mars/Olympus", "x" * 5000, "\x1b[31m"]
)
def test_what_is_no_zone_is_one_line(
    zone: str, run_in: Callable[..., Run], filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a path nor a directory of zones is one."""
    run_in(filled)
    assert main(["fills", "--tz", zone]) == 2
    said = capsys.readouterr().err
    assert said.startswith("trademon: there is no time zone")
    assert said.count("\n") == 1
    assert "\x1b" not in said


def test_a_zone_in_the_settings_that_is_none_is_said_and_stops_nothing(
    run_in: Callable[..., Run], filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the times, which are the machine's. Who stops all orders, or a scan in cron, must not fail for it."""
    run = run_in(filled)
    monkeypatch.setenv("TRADEMON_TZ", "Europe/Belrin")
    monkeypatch.setenv("TZ", "UTC")
    said = "times: UTC TRADEMON_TZ: there is no time zone 'Europe/Belrin' (did you mean Europe/Berlin?)"
    assert said in " ".join(run("fills").split())
    assert "times: Asia/Tokyo\n" in run("fills --tz Asia/Tokyo")
    for words in ("fills --json", "fills --plain", "paths", "scan", "halt --show"):
        assert "TRADEMON_TZ:" not in run(words)


# --- nothing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", sorted(LISTS.keys() - OPENS_ONE - ASKS - {"doctor", "config show", "paths", "user list"})
)
@pytest.mark.parametrize("home", ["empty", "with a broker"])
def test_nothing_says_what_to_do_next(command: str, home: str, run_in: Callable[..., Run], shell: Shell) -> None:
    """A list that is empty names the command that would fill it."""
    run = run_in(shell.home)
    if home != "empty":
        run("broker add old --exchange manual")
    said = run(command)
    assert (command == "broker list" and home != "empty") or re.search(r"trademon [a-z]+", said), said


MATCHED_BY_NOTHING = (
    *("fills --until 2020", "lots --symbol ETH/BTC"),
    *(f"{one} --broker empty" for one in ("fills", "pnl", "pnl compare", "lots", "orders", "cash", "positions")),
    *(f"{one} --broker empty" for one in ("balances", "transfers", "coverage")),
)


@pytest.mark.parametrize("words", MATCHED_BY_NOTHING)
def test_a_question_that_nothing_matches_says_so(words: str, run_in: Callable[..., Run], filled: Path) -> None:
    """What is stored is not passed over in silence."""
    run = run_in(filled)
    if "empty" not in run("broker list --plain"):
        run("broker add empty --exchange manual")
    assert re.search(r"trademon [a-z]+", run(words))


# --- pages --------------------------------------------------------------------------------------------------------


def on_a_terminal(home: Path, cwd: Path, words: str, **env: str) -> pexpect.spawn[str]:
    """The command on a terminal of eight lines."""
    kept = Shell(home, cwd).env(**env)
    child: pexpect.spawn[str] = pexpect.spawn(
        str(TRADEMON), words.split(), env=kept, cwd=str(cwd), dimensions=(8, 100), encoding="utf-8", timeout=30
    )
    return child


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_a_long_list_is_paged_and_a_pager_that_is_left_is_no_fault(filled: Path, tmp_path: Path) -> None:
    """The first screen, and after `q` the shell's prompt: no traceback, and it went well."""
    child = on_a_terminal(filled, tmp_path, "config show", PAGER="less")
    child.expect("TRADEMON_HOME")
    child.expect(r"\n:")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert "TRADEMON_NOTIFY_URLS" not in child.before
    assert "Traceback" not in child.before
    assert child.exitstatus == 0


def test_without_a_pager_all_of_it_stands_there(filled: Path, tmp_path: Path) -> None:
    """`--no-pager`, and a `.env` that names one is refused: a directory one works in starts no program."""
    child = on_a_terminal(filled, tmp_path, "config show --no-pager", PAGER="false")
    child.expect(pexpect.EOF)
    assert "TRADEMON_NOTIFY_URLS" in child.before
    child.close()
    (tmp_path / ".env").write_text("TRADEMON_PAGER=touch ran\n")
    child = on_a_terminal(filled, tmp_path, "config show")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 4
    assert "sets TRADEMON_PAGER" in " ".join(child.before.split())
    assert not (tmp_path / "ran").exists()


# --- what a document costs ----------------------------------------------------------------------------------------


def test_a_document_loads_neither_the_screen_nor_what_watch_shows(filled: Path, tmp_path: Path) -> None:
    """Scripts ask often: they pay for what they asked."""
    code = (
        "import sys; from trademon.cli import main; code = main(sys.argv[1:]);"
        "unasked = {'rich', 'trademon.core.watch_reports', 'trademon.ui.tables', 'trademon.ui.progress', 'asyncio'};"
        "sys.stderr.write(' '.join(sorted(unasked & sys.modules.keys()))); sys.exit(code)"
    )
    for words in ("pnl --json", "fills --json", "fills --plain"):
        done = subprocess.run(
            [sys.executable, "-c", code, *words.split()],
            capture_output=True,
            text=True,
            env=Shell(filled, tmp_path).env(),
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), words
