"""The conventions of the command line that show only when it runs: streams, terminals, environments, files.

docs/reference/conventions.md lists them with those of test_conventions.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.cli.shell import ENVELOPE, TRADEMON, Shell, all_at_once

pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"
FILLS = HEADER + (
    "2026-05-01T10:00:00Z,BTC/USDT,buy,0.123456789,45678.12345678,0.01,BNB,o1,t1\n"
    "2026-05-01T10:02:00Z,BTC/USDT,sell,0.1,47000,,,o3,t3\n2026-05-01T10:03:00Z,ETH/USDT,sell,1,2500,,,o4,t4\n"
)
LISTS = [
    *("pnl", "pnl compare", "fills", "lots", "positions", "balances", "orders", "transfers", "coverage", "cash"),
    *("prices", "prices list", "automation status", "automation logs", "strategy list", "broker list", "user list"),
    *("notify list", "notify outbox", "db status", "key status", "paths", "config show", "doctor"),
]
"""What only tells. `doctor` may say 4 where the machine is not as it should be."""


@pytest.fixture(scope="module")
def house(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """ann with a manual broker and three fills of long numbers."""
    root = tmp_path_factory.mktemp("conventions")
    shutil.copytree(used_home, root / "home")
    (root / "work").mkdir()
    shell = Shell(root / "home", root / "work")
    (shell.cwd / "fills.csv").write_text(FILLS)
    shell.run("broker", "add", "old-account", "--exchange", "manual").check(0)
    shell.run("fills", "import", "fills.csv", "--broker", "old-account").check(0)
    return shell


def on_terminal(shell: Shell, *words: str, columns: int = 100, **env: str) -> str:
    """All that a terminal of that width gets."""
    child = pexpect.spawn(
        str(TRADEMON), list(words), env=shell.env(**env), cwd=str(shell.cwd), timeout=30, dimensions=(60, columns)
    )
    child.expect(pexpect.EOF)
    child.close()
    return bytes(child.before or b"").decode()


def bash(shell: Shell, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `trademon` is the one that is tested."""
    line = f'trademon() {{ {TRADEMON} "$@"; }}; set -o pipefail; {line}'
    return subprocess.run(
        ["bash", "-c", line], env=shell.env(**env), cwd=shell.cwd, capture_output=True, text=True, check=False
    )


# --- streams ------------------------------------------------------------------------------------------------------


def test_data_goes_to_stdout_and_all_else_to_stderr(house: Shell) -> None:
    """What only tells says it on stdout alone; a failure has nothing there."""
    ends = all_at_once(house, [line.split() for line in LISTS])
    for line, done in zip(LISTS, ends, strict=True):
        assert done.code in (0, 4) if line == "doctor" else done.code == 0, line
        assert done.out, line
        assert done.err == "" or line == "doctor", line
    failed = house.run("fills", "--broker", "nobody").check(4)
    assert failed.out == ""
    failed.one_line("there is no broker 'nobody'")


def test_json_is_one_document_and_nothing_else(house: Shell) -> None:
    """The envelope, whatever there is to tell: no figure is a float, each time is of UTC."""
    ends = all_at_once(house, [(*line.split(), "--json") for line in LISTS])
    for line, done in zip(LISTS, ends, strict=True):
        assert list(done.json) == ENVELOPE
        assert done.json["command"] == line
        assert not [value for value in leaves(done.json) if isinstance(value, float)], line
        for value in leaves(done.json):
            if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
                assert value.endswith("Z"), (line, value)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    return [leaf for one in value for leaf in leaves(one)] if isinstance(value, list) else [value]


def test_success_is_silent_for_cron(shell: Shell) -> None:
    """What does something says nothing in a pipe, and its failure one line; -q silences what tells, too."""
    (shell.cwd / "fills.csv").write_text(FILLS)
    for line in (
        "broker add old --exchange manual",
        "fills import fills.csv --broker old",
        "lots open --broker old --symbol ETH/USDT --quantity 1 --price 2000 --at 2025",
        "user add bea",
        "broker disable old --user ann",
        "automation pause",
        "rebuild",
        "db backup copy.db",
        "notify digest 6 --user ann",
        "fills -q",
        "pnl -q",
        "config show -q",
    ):
        done = shell.run(*line.split()).check(0)
        assert (done.out, done.err) == ("", ""), line


def test_a_misspelt_name_is_told_with_the_nearest(house: Shell) -> None:
    """Brokers, users, symbols, settings."""
    house.run("fills", "--broker", "old-acount").check(4).one_line("did you mean 'old-account'?")
    house.run("pnl", "--user", "anm").check(4).one_line("did you mean 'ann'?")
    house.run("lots", "--symbol", "BTCUSD").check(2).one_line("did you mean BTC/USDT?")
    house.run("broker", "test", "oldaccount").check(4).one_line("did you mean 'old-account'?")


def test_a_reader_that_leaves_is_no_failure(house: Shell) -> None:
    """`| head -1`: no traceback, exit 0, in whatever form."""
    for line in ("fills", "fills --json", "fills --csv", "fills --plain", "pnl -h", "fills export -", "config show"):
        done = bash(house, f"trademon {line} | head -1")
        assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1), line


def test_a_full_disk_is_one_line_and_a_failure(house: Shell) -> None:
    """What was to be kept is not all there: exit 1, and no traceback of Python's at the end either."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    for line in ("fills", "fills --json", "fills --csv", "-h", "--version", "fills export -"):
        done = bash(house, f"trademon {line} >/dev/full")
        assert done.returncode == 1, line
        assert re.fullmatch(r"trademon: [^\n]*No space left on device[^\n]*\n", done.stderr), (line, done.stderr)


def test_a_stream_that_is_closed_is_a_stream_that_nobody_wants(house: Shell) -> None:
    """No fault, no traceback, and no file of ours in its place."""
    for line in ("fills >&-", "fills --json >&- 2>&-", "fills <&- >/dev/null", "pnl -q <&- >&- 2>&-"):
        done = bash(house, f"trademon {line}")
        assert (done.returncode, done.stderr) == (0, ""), line
    assert bash(house, "trademon nosuch 2>&-").returncode == 2
    assert "no terminal" in bash(house, "trademon init <&-").stderr


def test_help_and_answers_survive_a_terminal_of_another_alphabet(house: Shell) -> None:
    """An ASCII locale: no crash, and no figure lost."""
    for line in ("pnl", "fills", "-h", "lots"):
        done = house.run(*line.split(), LC_ALL="C", LANG="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert (done.code, done.err) == (0, ""), line
        assert done.out.isascii()


# --- terminals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("pnl",), {"NO_COLOR": "1"}),
        (("pnl",), {"TERM": "dumb"}),
        (("pnl", "--no-color"), {}),
        (("pnl", "--no-color"), {"FORCE_COLOR": "1"}),
        (("pnl",), {"NO_COLOR": "1", "FORCE_COLOR": "1"}),
    ],
)
def test_who_wants_no_colour_gets_no_escape_byte(house: Shell, words: tuple[str, ...], env: dict[str, str]) -> None:
    """On a terminal, which has colours otherwise."""
    said = on_terminal(house, *words, "--no-pager", **env)
    assert "BTC/USDT" in said
    assert "\x1b" not in said


def test_a_terminal_has_colours_and_a_pipe_never(house: Shell) -> None:
    """Also with FORCE_COLOR: what a file holds is text."""
    assert "\x1b[" in on_terminal(house, "pnl", "--no-pager")
    for line in ("pnl", "fills", "broker list", "pnl -h", "config show"):
        assert "\x1b" not in house.run(*line.split(), FORCE_COLOR="1", CLICOLOR_FORCE="1").out


@pytest.mark.parametrize("line", ["pnl", "fills", "lots", "coverage", "broker list", "config show", "pnl -h"])
def test_forty_columns_fold_and_cut_no_figure(house: Shell, line: str) -> None:
    """Every number of the wide table is there, whole; and the dots that would stand for a cut one are not."""
    narrow = on_terminal(house, *line.split(), columns=40, NO_COLOR="1", COLUMNS="40", TRADEMON_PAGER="cat")
    wide = house.run(*line.split()).out
    assert not re.search(r"\d…|\d\.\.\.", narrow)
    if line in ("pnl", "fills", "lots"):
        figures = set(re.findall(r"(?<![\w.,:-])\d[\d,]*\.\d+(?![\w.:-])", wide))
        assert figures
        assert not [figure for figure in figures if figure not in narrow]


# --- environments and files ---------------------------------------------------------------------------------------


def test_an_empty_environment_is_enough(tmp_path: Path) -> None:
    """Neither PATH nor HOME nor USER nor a locale: where the account's home is, the system knows."""
    for words in (["--version"], ["paths"], ["scan", "-h"]):
        done = subprocess.run([TRADEMON, *words], env={}, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    env = {"HOME": str(tmp_path)}
    done = subprocess.run([TRADEMON, "fills"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_files_lie_where_xdg_says_and_nowhere_else(tmp_path: Path) -> None:
    """By the variables, else below .local and .config of the home; TRADEMON_HOME puts all in one place."""
    for home, xdg in (
        ("a", {}),
        ("b", {"XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "conf"}),
    ):
        place = tmp_path / home
        place.mkdir()
        env = {"HOME": str(place), **{name: str(place / path) for name, path in xdg.items()}}
        for words in (["broker", "add", "m", "--exchange", "manual"], ["automation", "pause"]):
            subprocess.run([TRADEMON, *words], env=env, cwd=tmp_path, check=True)
        paths = json.loads(
            subprocess.run([TRADEMON, "paths", "--json"], env=env, cwd=tmp_path, capture_output=True, check=True).stdout
        )["data"]["paths"]
        data, state, config = (xdg.get(f"XDG_{kind}_HOME") for kind in ("DATA", "STATE", "CONFIG"))
        assert paths["data"] == str(place / (data or ".local/share") / "trademon")
        assert paths["state"] == str(place / (state or ".local/state") / "trademon")
        assert paths["config"] == str(place / (config or ".config") / "trademon")
        tops = {p.relative_to(place).parts[0] for p in place.rglob("*") if p.is_file()}
        assert tops <= ({".local", ".config"} if not xdg else {"data", "state", "conf"})


def test_a_setting_is_taken_from_the_nearest_source_and_config_show_names_it(shell: Shell) -> None:
    """Flag, environment, .env here, config.env, default: each shown with where it comes from."""
    name = "AUTOMATION_DEFAULT_FREQUENCY"

    def shown(**env: str) -> tuple[str, str]:
        rows = shell.run("config", "show", "--json", **env).check(0).json["data"]["settings"]
        return next((row["value"], row["source"]) for row in rows if row["name"] == name)

    assert shown() == ("30", "default")
    (shell.home / "config").mkdir(exist_ok=True)
    (shell.home / "config" / "config.env").write_text(f"{name}=15\n")
    assert shown() == ("15", str(shell.home / "config" / "config.env"))
    (shell.cwd / ".env").write_text(f"{name}=45\n")
    assert shown() == ("45", str(shell.cwd / ".env"))
    assert shown(**{name: "60"}) == ("60", "environment")
    cron = shell.run("automation", "start", "--cron", "--every", "90", "--json", **{name: "60"}).check(0).json
    assert "90" in json.dumps(cron["data"])


def test_config_show_masks_what_opens_something(shell: Shell) -> None:
    """Tokens, addresses with passwords, in either form."""
    secrets = {
        "TRADEMON_TELEGRAM_TOKEN": "123456:very-secret-token",
        "TRADEMON_NOTIFY_URLS": "mailto://me:hushhush@example.com",
        "TRADEMON_HEARTBEAT_URL": "https://hc.example.com/a-secret-id",
    }
    for form in ((), ("--json",), ("--plain",)):
        done = shell.run("config", "show", *form, **secrets).check(0)
        assert "***" in done.out
        assert not [s for s in ("very-secret-token", "hushhush", "a-secret-id") if s in done.out + done.err]


def test_what_is_made_is_its_owners_alone(house: Shell) -> None:
    """Whatever the umask of whoever starts it."""
    bash(house, "umask 000; trademon fills export out.csv --force; trademon db backup copy.db")
    for path in (*house.home.rglob("*"), house.cwd / "out.csv", house.cwd / "copy.db"):
        assert not path.stat().st_mode & 0o077 or path.stat().st_mode & 0o170000 == 0o120000, path


def test_a_directory_that_is_gone_is_said(house: Shell) -> None:
    """One line, exit 4; and help works anywhere."""
    gone = "mkdir gone && cd gone && rmdir ../gone && trademon"
    done = bash(house, f"{gone} fills")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "trademon: the directory you are in has been removed (cd to one that is there)\n"
    assert bash(house, f"{gone} fills -h").returncode == 0


def test_doing_it_twice_does_it_once(shell: Shell) -> None:
    """Imports, scans, switches: a line in a history can be run again."""
    (shell.cwd / "fills.csv").write_text(FILLS)
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    shell.run("broker", "add", "dem", "--exchange", "demo", "--since", "1h").check(0)
    for line in ("fills import fills.csv --broker old", "scan", "broker enable old", "automation pause", "rebuild"):
        shell.run(*line.split()).check(0)
        before = shell.run("pnl", "--json", "--broker", "old").json
        shell.run(*line.split()).check(0)
        assert shell.run("pnl", "--json", "--broker", "old").json == before


def test_a_child_of_ours_is_told_no_key(house: Shell) -> None:
    """A pager runs with what is ours in the environment, and without what is by its name somebody's key."""
    script = house.cwd / "pager"
    script.write_text("#!/bin/sh\nenv\n")
    script.chmod(0o755)
    rows = "".join(f"2026-05-02T10:00:00Z,BTC/USDT,buy,0.001,45000,,,o,n{n}\n" for n in range(80))
    (house.cwd / "many.csv").write_text(HEADER + rows)
    house.run("fills", "import", "many.csv", "--broker", "old-account").check(0)
    env = {"MY_API_KEY": "k" * 20, "AWS_SECRET_ACCESS_KEY": "s" * 20, "EDITOR": "vi"}
    said = on_terminal(house, "fills", "--limit", "80", TRADEMON_PAGER=str(script), **env)
    assert "EDITOR=vi" in said
    assert "k" * 20 not in said
    assert "s" * 20 not in said
    assert os.environ.get("MY_API_KEY") is None
