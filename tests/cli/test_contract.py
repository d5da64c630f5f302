"""The public interface: documents, exit codes, quietness, as scripts rely on them."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.shell import ENVELOPE, SECRETS, TRADEMON, Done, ServerThread, Shell, all_at_once, now
from trademon.cli import COMMANDS
from trademon.demo import faults
from trademon.demo.scripted import ScriptedWorld
from trademon.demo.server import DemoAccount

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id"
FOUNDING = f"""{HEADER}
2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,45000,,,o1,t1
2026-05-01T10:01:00Z,BTC/USDT,buy,0.002,46000,,,o2,t2
2026-05-01T10:02:00Z,BTC/USDT,sell,0.0015,47000,,,o3,t3
"""
SUBCOMMANDS = {
    "broker": ("add", "set", "list", "test", "enable", "disable", "remove"),
    "db": ("status", "upgrade", "backup", "restore"),
    "config": ("show",),
    "user": ("list", "add", "set", "enable", "disable", "remove"),
    "automation": ("start", "pause", "resume", "stop", "every", "run", "status", "logs"),
    "key": ("rotate", "status"),
    "fills": ("import", "export"),
    "cash": ("import",),
    "lots": ("open", "remove", "export"),
    "pnl": ("explain", "compare", "what-if", "export"),
    "prices": ("list", "fetch"),
    "notify": ("send", "test", "outbox", "list", "set", "quiet", "digest", "fallback", "limit"),
    "strategy": ("add", "list", "show", "run", "enable", "disable", "remove", "arm", "disarm", "log"),
}


def with_fills(shell: Shell) -> Shell:
    """A manual broker `old` with the founding case."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    (shell.cwd / "trades.csv").write_text(FOUNDING)
    shell.run("fills", "import", "trades.csv", "--broker", "old").check(0)
    return shell


# --- help ---------------------------------------------------------------------------------------------------------


def test_every_command_answers_to_h_and_shows_an_example(fresh: Shell) -> None:
    """-h ends with 0 and touches nothing; where there are options of its own, there is an example."""
    paths = [(c,) for c in COMMANDS] + [(c, s) for c, subs in SUBCOMMANDS.items() for s in subs]
    for path, done in zip(paths, all_at_once(fresh, [(*p, "-h") for p in paths]), strict=True):
        done.check(0)
        assert done.err == ""
        assert f"Usage: trademon {' '.join(path)}" in done.out
        plain = path in (
            ("broker",),
            ("user",),
            ("key",),
            ("notify",),
            ("broker", "list"),
            ("user", "list"),
        ) or path[1:] in (
            ("test",),
            ("enable",),
            ("disable",),
            ("remove",),
            ("status",),
        )
        assert plain or "Example: trademon" in done.out, path
        if len(path) == 2 or path[0] not in ("automation", "broker", "config", "db", "key", "notify", "user"):
            for option in ("--json", "--quiet", "-v", "--debug", "--no-color"):
                assert option in done.out, (path, option)
    assert fresh.files() == {}


def test_the_one_line_helps_are_those_of_the_commands() -> None:
    """What `trademon --help` says stands in one place and in the command: both name the same commands."""
    for name, line in COMMANDS.items():
        module = importlib.import_module(f"trademon.cli.{name}_cmd")
        assert module.app
        assert line.endswith(".")
        assert len(line) < 70


def test_help_imports_neither_the_store_nor_ccxt_nor_the_screen(fresh: Shell) -> None:
    """The help of everything is there at once: nothing heavy is loaded for it."""
    code = (
        "import sys; from trademon.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'ccxt', 'sqlmodel', 'sqlalchemy', 'rich.live', 'aiohttp', 'trademon.store.store'};"
        "sys.stderr.write(' '.join(sorted(heavy & sys.modules.keys()))); sys.exit(code)"
    )
    for args in (["--help"], ["--version"], ["scan", "-h"], ["pnl", "-h"], ["broker", "add", "-h"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *args], capture_output=True, text=True, env=fresh.env(), check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), args


# --- documents ----------------------------------------------------------------------------------------------------


def test_an_empty_store_gives_whole_documents(shell: Shell) -> None:
    """Nothing there is no failure: the envelope with empty lists."""
    commands = {"scan": {"brokers": [], "new_fills": 0}, "pnl": {"method": "fifo", "rows": [], "totals": []}}
    commands |= {"fills": {"fills": []}, "broker list": {"brokers": []}}
    ends = all_at_once(shell, [(*c.split(), "--json") for c in commands])
    for (command, data), done in zip(commands.items(), ends, strict=True):
        assert list(done.check(0).json) == ENVELOPE
        assert done.json == {"schema": 1, "command": command, "status": "success", "data": data, "errors": []}
        if command != "scan":
            assert done.err == ""
        else:  # in cron too: a schedule that watches nobody is not what its owner thinks it is
            done.one_line("there is no broker to scan", "trademon broker add")


def test_a_scan_of_nobody_is_one_line_and_no_failure(shell: Shell) -> None:
    """A manual broker has nothing to ask and one that is disabled is not asked: said on stderr, exit 0."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    shell.add("off", "binance", "http://127.0.0.1:9").check(0)
    shell.run("broker", "disable", "off").check(0)
    done = shell.run("scan").check(0)
    done.one_line("there is no broker to scan")
    assert done.out == ""


def test_a_broker_without_an_api_cannot_be_scanned(shell: Shell) -> None:
    """Named on purpose it is a wrong word, with the command that does it instead."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    done = shell.run("scan", "--broker", "old", "--json").check(2)
    done.one_line("old has no API to ask", "trademon fills import FILE.csv --broker old")
    assert (done.json["status"], done.json["errors"][0]["kind"]) == ("failed", "usage")


def test_the_documents_of_a_scanned_account(shell: Shell, exchange: ServerThread) -> None:
    """scan, fills, pnl, broker list and user list: the keys of the contract, text for money, Z for UTC."""
    assert shell.add("main", "binance", exchange.url).check(0).out == ""
    scan = shell.run("scan", "--json").check(0).json
    (broker,) = scan["data"]["brokers"]
    assert {"broker", "user", "status", "new_fills", "requests", "seconds"} <= broker.keys()
    assert (broker["broker"], broker["user"], broker["status"], broker["new_fills"]) == ("main", "ann", "ok", 3)
    assert scan["data"]["new_fills"] == 3
    assert isinstance(broker["requests"], int)
    assert float(broker["seconds"]) > 0

    ends = all_at_once(
        shell,
        [
            ("fills", "--json"),
            ("pnl", "--method", "fifo", "--symbol", "BTCUSDT", "--json"),
            ("pnl", "--method", "average", "--symbol", "btc/usdt", "--json"),
            ("broker", "list", "--json"),
            ("user", "list", "--json"),
            ("scan", "--json"),
        ],
    )
    fills, fifo, average, brokers, users, again = [done.check(0).json["data"] for done in ends]
    keys = ["id", "broker", "user", "symbol", "side", "quantity", "price", "fee", "fee_currency"]
    keys += ["executed_at", "order_id", "trade_id"]
    assert [[*row][: len(keys)] for row in fills["fills"]] == [keys] * 3
    assert [(f["side"], f["quantity"], f["price"]) for f in fills["fills"]] == [
        ("buy", "0.001", "45000"),
        ("buy", "0.002", "46000"),
        ("sell", "0.0015", "47000"),
    ]
    assert all(f["executed_at"].endswith("Z") for f in fills["fills"])
    (row,) = fifo["rows"]
    keys = "user broker symbol currency gross fees net open_quantity open_cost average_cost unmatched_quantity"
    assert set(keys.split()) | {"unvalued_fees", "disposals", "fills"} <= row.keys()
    assert (fifo["method"], row["symbol"], row["gross"], row["net"]) == ("fifo", "BTC/USDT", "2.5", "2.5")
    assert (row["open_quantity"], row["open_cost"], row["average_cost"]) == ("0.0015", "69", "46000")
    assert [(t["currency"], t["gross"], t["fees"], t["net"]) for t in fifo["totals"]] == [("USDT", "2.5", "0", "2.5")]
    assert (average["method"], average["rows"][0]["net"]) == ("average", "2")
    (listed,) = brokers["brokers"]
    assert {"name", "user", "exchange", "market", "enabled"} <= listed.keys()
    assert (listed["name"], listed["market"], listed["enabled"], listed["has_key"]) == ("main", "spot", True, True)
    assert [u["name"] for u in users["users"]] == ["ann"]
    assert again["new_fills"] == 0
    everything = "".join(done.out + done.err for done in ends)
    assert not [s for s in SECRETS.values() if s in everything]


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("nosuch",), 2, "usage"),
    (("scan", "--nosuch"), 2, "usage"),
    (("pnl", "--method", "best"), 2, "usage"),
    (("fills", "--limit", "0"), 2, "usage"),
    (("fills", "--since", "tomorrow-ish"), 2, "usage"),
    (("fills", "--since", "2199-01-01"), 2, "usage"),
    (("fills", "--since", "2026-02-01", "--until", "2026-01-01"), 2, "usage"),
    (("pnl", "--since", "2026-01-01", "--until", "2026-01-01"), 2, "usage"),
    (("broker", "add", "x", "--exchange", "binanse"), 2, "usage"),
    (("broker", "add", "x y", "--exchange", "manual"), 2, "usage"),
    (("broker", "add", "x", "--exchange", "binance", "--base-url", "http://example.com"), 2, "usage"),
    (("broker", "add", "x", "--exchange", "binance", "--market", "margin"), 2, "usage"),
    (("broker", "add", "x", "--exchange", "binance"), 4, "config"),
    (
        ("broker", "add", "x", "--exchange", "binance", "--api-key-env", "NOT_SET", "--api-secret-env", "S"),
        4,
        "config",
    ),
    (("broker", "add", "x", "--exchange", "bitget", "--api-key-env", "K", "--api-secret-env", "S"), 4, "config"),
    (("broker", "remove", "nobody", "--yes"), 4, "unknown"),
    (("broker", "test", "nobody"), 4, "unknown"),
    (("scan", "--broker", "nobody"), 4, "unknown"),
    (("scan", "--user", "nobody"), 4, "unknown"),
    (("pnl", "--user", "nobody"), 4, "unknown"),
    (("fills", "--broker", "nobody"), 4, "unknown"),
    (("watch", "--user", "nobody", "--cycles", "1"), 4, "unknown"),
    (("user", "add", "ann"), 2, "usage"),
    (("user", "add", "a b"), 2, "usage"),
]


@pytest.fixture(scope="module")
def wrong_words(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Done]:
    """How each of WRONG ended, side by side in one home of which not one file may have changed."""
    root = tmp_path_factory.mktemp("wrong")
    shutil.copytree(used_home, root / "home")
    (root / "work").mkdir()
    shell = Shell(root / "home", root / "work")
    before = shell.files()
    ends = all_at_once(shell, [(*args, "--json") for args, _, _ in WRONG], K="k", S="s")
    assert shell.files() == before
    return {args: done for (args, _, _), done in zip(WRONG, ends, strict=True)}


@pytest.mark.parametrize(("args", "code", "kind"), WRONG)
def test_a_wrong_word_is_one_line_a_document_and_its_exit_code(
    wrong_words: dict[tuple[str, ...], Done], args: tuple[str, ...], code: int, kind: str
) -> None:
    """What, and what to do; the same with --json as a failed document; nothing is written."""
    done = wrong_words[args].check(code)
    done.one_line()
    assert list(done.json) == ENVELOPE
    assert done.json["status"] == "failed"
    (error,) = done.json["errors"]
    assert list(error) == ["broker", "kind", "message", "hint"]
    assert error["kind"] == kind
    assert error["message"]
    assert error["hint"] or "needs --api" in error["message"]


@pytest.mark.parametrize("brokers", [0, 1])
def test_a_scan_since_the_future_is_one_line(shell: Shell, brokers: int) -> None:
    """A wrong word, whether there is a broker or none."""
    if brokers:
        shell.add("main", "binance", "http://127.0.0.1:9").check(0)
    done = shell.run("scan", "--since", "2199-01-01", "--json").check(2)
    done.one_line("--since", "lies in the future")
    assert done.json["errors"][0]["kind"] == "usage"


def test_an_answer_that_is_empty_says_what_is_stored(shell: Shell) -> None:
    """A narrow question is not mistaken for an empty store."""
    with_fills(shell)
    shell.run("broker", "add", "new", "--exchange", "manual").check(0)
    asks = [("fills", "--since", "2026-04-01", "--until", "2026-04-02"), ("fills", "--broker", "new")]
    asks.append(("pnl", "--broker", "new"))
    for done in all_at_once(shell, asks):
        assert "nothing matches; 3 fills are stored" in " ".join(done.check(0).out.split())
        assert done.err == ""


def test_an_unknown_symbol_is_named_with_the_nearest(shell: Shell) -> None:
    """A symbol neither traded nor listed is a usage error, not an empty answer."""
    with_fills(shell)
    shell.run("fills", "--symbol", "BTCUSDX").check(2).one_line("BTCUSDX", "did you mean BTC/USDT?")
    shell.run("pnl", "--symbol", "QQQQQQ").check(2).one_line("QQQQQQ")


# --- quietness ----------------------------------------------------------------------------------------------------


def test_success_is_silent_without_a_terminal_and_failure_is_one_line(shell: Shell, exchange: ServerThread) -> None:
    """What cron mails: nothing while all is well, else who failed and what to do."""
    ends = [shell.add("main", "binance", exchange.url), shell.run("scan"), shell.run("scan", "-q")]
    assert [(d.code, d.out, d.err) for d in ends] == [(0, "", "")] * 3
    exchange.server.faults.append(faults.status(500, path="/api/v3/account"))
    shell.run("scan").check(1).one_line("main: ", "500")
    failed = shell.run("scan", "--json").check(1)
    assert (failed.json["status"], failed.json["errors"][0]["broker"]) == ("failed", "main")
    assert failed.json["data"]["brokers"][0]["status"] == "failed"


def test_one_broker_that_fails_is_partial_and_a_refused_key_is_for_a_person(
    shell: Shell, exchange: ServerThread
) -> None:
    """3 where the rest is saved; 4 wins where a person must act."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.add("other", "bitget", exchange.url).check(0)
    exchange.server.faults.append(faults.html_with_200(path="/trade/history-orders"))
    done = shell.run("scan", "--json").check(3)
    assert [(b["broker"], b["status"]) for b in done.json["data"]["brokers"]] == [("main", "ok"), ("other", "failed")]
    assert (done.json["status"], done.json["data"]["new_fills"]) == ("partial", 3)
    done.one_line("other: ")
    keys = ("--api-key-env", "K", "--api-secret-env", "S")
    shell.run("broker", "set", "main", *keys, K="REVOKED", S="x").check(0)
    done = shell.run("scan", "--json").check(4)
    assert {e["kind"] for e in done.json["errors"]} == {"auth", "answer"}


def test_a_host_that_asks_to_wait_is_good(shell: Shell, exchange: ServerThread) -> None:
    """429: skipped, exit 0, nothing said; and the next run leaves it alone."""
    shell.add("main", "binance", exchange.url).check(0)
    exchange.server.faults.append(faults.status(429, {"Retry-After": "60"}, "{}", path="/account"))
    done = shell.run("scan", "--json").check(0)
    assert (done.json["data"]["brokers"][0]["status"], done.err) == ("skipped", "")
    count = len(exchange.server.requests)
    done = shell.run("scan").check(0)
    assert (done.out, done.err, len(exchange.server.requests)) == ("", "", count)


def test_a_run_holds_its_account_and_a_signal_frees_it(shell: Shell, exchange: ServerThread) -> None:
    """75 while another run has all the work; 143 and 130 for the one that is stopped, silently and soon."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.run("scan").check(0)
    for number, code, form in ((signal.SIGTERM, 143, ()), (signal.SIGINT, 130, ()), (signal.SIGTERM, 143, ("--json",))):
        exchange.server.faults[:] = [faults.dripping(path="/openOrders")]
        count = len(exchange.server.requests)
        first = shell.start("scan", *form)
        deadline = time.monotonic() + 10
        while len(exchange.server.requests) < count + 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        second = shell.run("scan", "--json").check(75)
        assert second.json["data"]["brokers"][0]["status"] == "skipped"
        first.send_signal(number)
        out, err = first.communicate(timeout=5)
        ended = Done(first.returncode, out, err).check(code)
        assert err == ""
        if not form:
            assert out == ""
            continue
        assert (list(ended.json), ended.json["status"], ended.json["data"]) == (ENVELOPE, "failed", {})
        assert [(e["kind"], e["message"]) for e in ended.json["errors"]] == [("stopped", "stopped by SIGTERM")]
    exchange.server.faults.clear()
    shell.run("scan").check(0)


def test_data_is_printed_into_a_pipe_without_an_escape_byte(shell: Shell) -> None:
    """fills and pnl are asked for their data: it is printed, plain, whatever the terminal could do."""
    with_fills(shell)
    for env in ({}, {"TERM": "dumb"}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}):
        done = shell.run("pnl", **env).check(0)
        assert "2.5" in done.out
        assert "\x1b" not in done.out + done.err
    assert shell.run("fills", "--csv").check(0).out.startswith(HEADER)
    assert shell.run("pnl", "-q").check(0).out == ""


@pytest.fixture
def many(shell: Shell) -> Shell:
    """A store with more fills than a pipe holds."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    rows = "".join(f"2026-05-01T10:00:00Z,BTC/USDT,buy,0.001,45000,,,o,{n}\n" for n in range(4000))
    (shell.cwd / "many.csv").write_text(f"{HEADER}\n{rows}")
    shell.run("fills", "import", "many.csv", "--broker", "old").check(0)
    return shell


def _first_line(shell: Shell, form: str) -> subprocess.CompletedProcess[str]:
    pipe = f"set -o pipefail; '{TRADEMON}' fills {form} | head -1"
    return subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, env=shell.env(), check=False)


def test_a_reader_that_leaves_early_causes_no_traceback(many: Shell) -> None:
    """`| head -1`: the command says nothing about it."""
    for form in ("--csv", "--json"):
        done = _first_line(many, form)
        assert (done.stderr, done.stdout.count("\n")) == ("", 1)


def test_a_reader_that_leaves_early_is_no_failure(many: Shell) -> None:
    """`| head -1` under pipefail: exit 0."""
    assert _first_line(many, "--csv").returncode == 0


# --- secrets ------------------------------------------------------------------------------------------------------


def test_secrets_never_appear_not_even_with_debug(shell: Shell, exchange: ServerThread) -> None:
    """Neither on stdout nor on stderr nor in any file, whatever goes wrong."""
    shell.add("main", "binance", exchange.url, "--debug", "-vvv").check(0)
    exchange.server.faults.append(faults.status(500, path="/account", times=3))
    ends = [
        shell.run("scan", "--debug", "-vvv").check(1),
        shell.run("broker", "test", "main", "--debug", "-vvv").check(0),
        shell.run("broker", "list", "--json", "--debug").check(0),
    ]
    said = "".join(d.out + d.err for d in ends)
    for secret in SECRETS.values():
        assert secret not in said
        assert not [p for p in shell.home.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
    assert (shell.home / "config" / "master.key").stat().st_mode & 0o077 == 0


def test_a_key_is_taken_from_dot_env_too(shell: Shell, exchange: ServerThread) -> None:
    """A named variable may stand in `.env` of the working directory, dollar signs and all."""
    (shell.cwd / ".env").write_text(f"MY_KEY={SECRETS['K']}\nMY_SECRET='{SECRETS['S']}'\n")
    keys = ("--api-key-env", "MY_KEY", "--api-secret-env", "MY_SECRET")
    shell.run("broker", "add", "main", "--exchange", "binance", "--base-url", exchange.url, *keys).check(0)
    done = shell.run("broker", "test", "main", "--json").check(0)
    assert (done.json["data"]["account"], done.json["data"]["coins"]) == ("11", 2)


# --- files and directories ----------------------------------------------------------------------------------------


def test_a_half_written_csv_is_named_by_its_line_and_nothing_is_stored(shell: Shell) -> None:
    """Exit 1, line and reason; the store is as it was."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    (shell.cwd / "trades.csv").write_text(FOUNDING[:-30])
    done = shell.run("fills", "import", "trades.csv", "--broker", "old", "--json").check(1)
    done.one_line("line 4")
    assert done.json["errors"][0]["kind"] == "data"
    assert shell.run("fills", "--json").json["data"]["fills"] == []
    shell.run("fills", "import", "none.csv", "--broker", "old").check(1).one_line("none.csv", "No such file")


def test_an_import_says_what_was_new(shell: Shell) -> None:
    """The same file twice: three, then none."""
    with_fills(shell)
    done = shell.run("fills", "import", "trades.csv", "--broker", "old", "--json").check(0)
    assert done.json["data"] == {"broker": "old", "rows": 3, "new_fills": 0, "corrected": 0}
    newest = shell.run("fills", "--limit", "2", "--json").json["data"]["fills"]
    assert [f["trade_id"] for f in newest] == ["t2", "t3"]


def test_a_misspelt_setting_in_dot_env_is_refused(shell: Shell) -> None:
    """A setting that silently does nothing is worse than an error."""
    (shell.cwd / ".env").write_text("TRADEMON_DATABSE_URL=sqlite:////nowhere/x.db\n")
    shell.run("fills").check(4).one_line("TRADEMON_DATABSE_URL", "did you mean TRADEMON_DATABASE_URL?")


def test_a_file_that_is_no_database_is_left_as_it_is(fresh: Shell) -> None:
    """Exit 4; not one byte of it changes and nothing is laid beside it."""
    data = fresh.home / "data"
    data.mkdir(parents=True)
    (data / "trademon.db").write_text("my shopping list\n" * 100)
    before = fresh.files()
    done = fresh.run("fills", "--json").check(4)
    done.one_line("is not a database")
    assert done.json["errors"][0]["kind"] == "store"
    assert fresh.files() == before


def test_a_data_directory_below_a_file_is_said(fresh: Shell) -> None:
    """A path that cannot be: one line, exit 4, nothing written."""
    fresh.home.write_text("I am a file")
    fresh.run("scan").check(4).one_line("cannot make the data directory", "TRADEMON_HOME")
    assert fresh.home.read_text() == "I am a file"


def test_a_data_directory_that_cannot_be_written_is_said(fresh: Shell) -> None:
    """A read-only directory: one line, exit 4, nothing written."""
    data = fresh.home / "data"
    data.mkdir(parents=True)
    data.chmod(0o500)
    if os.access(data, os.W_OK):
        pytest.skip("whoever runs this may write anywhere, as root may")
    fresh.run("fills").check(4).one_line(str(data))
    assert fresh.files() == {}
    data.chmod(0o700)


def test_another_kind_of_database_is_refused_with_what_to_do(fresh: Shell) -> None:
    """PostgreSQL is not read by this release, and a password in its address is not repeated."""
    done = fresh.run("fills", TRADEMON_DATABASE_URL="postgresql://me:hush@127.0.0.1/x").check(4)
    assert "hush" not in done.one_line("postgresql")


# --- users --------------------------------------------------------------------------------------------------------


def test_user_a_sees_no_row_of_user_b(shell: Shell) -> None:
    """--user and TRADEMON_USER pin a command: nothing of anybody else is shown, nor can be named."""
    with_fills(shell)
    shell.run("user", "add", "bea").check(0)
    shell.run("broker", "add", "hers", "--exchange", "manual", "--user", "bea").check(0)
    (shell.cwd / "hers.csv").write_text(FOUNDING.replace("BTC/USDT", "ETH/EUR"))
    shell.run("fills", "import", "hers.csv", "--broker", "hers", "--user", "bea").check(0)
    asks = [("fills", "--json"), ("pnl", "--json"), ("broker", "list", "--json")]
    ann = "".join(d.check(0).out for d in all_at_once(shell, [(*a, "--user", "ann") for a in asks]))
    bea = "".join(d.check(0).out for d in all_at_once(shell, asks, TRADEMON_USER="bea"))
    assert "ETH/EUR" not in ann
    assert "hers" not in ann
    assert "bea" not in ann
    assert "BTC/USDT" not in bea
    assert '"old"' not in bea
    both = shell.run("fills", "--json").check(0).json["data"]["fills"]
    assert {f["user"] for f in both} == {"ann", "bea"}
    shell.run("fills", "--broker", "hers", "--user", "ann").check(4).one_line("hers")
    shell.run("fills", "import", "hers.csv", "--broker", "hers", "--user", "ann").check(4)
    shell.run("broker", "add", "x", "--exchange", "manual").check(2).one_line("--user")


# --- brokers ------------------------------------------------------------------------------------------------------


def test_a_broker_is_disabled_enabled_and_removed(shell: Shell) -> None:
    """Its fills stay in the store; without a terminal the removal wants --yes."""
    with_fills(shell)
    shell.run("broker", "disable", "old").check(0)
    assert not shell.run("broker", "list", "--json").json["data"]["brokers"][0]["enabled"]
    shell.run("broker", "enable", "old").check(0)
    shell.run("broker", "remove", "old").check(4).one_line("--yes")
    shell.run("broker", "remove", "old", "--yes").check(0)
    assert shell.run("broker", "list", "--json").json["data"]["brokers"] == []
    assert len(shell.run("fills", "--json").json["data"]["fills"]) == 3


def test_watch_without_a_terminal_tells_lines_and_json_lines(shell: Shell, exchange: ServerThread) -> None:
    """--cycles 1: [START] to [STOP]; with --json one object a line, nothing else."""
    shell.add("main", "binance", exchange.url).check(0)
    out = shell.run("watch", "--cycles", "1", "--json").check(0).out
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["event"] for e in events] == ["start", "fill", "fill", "fill", "pnl", "cycle", "stop"]
    assert all(e["at"].endswith("Z") for e in events)
    assert events[3]["net"] == "2.5"
    plain = shell.run("watch", "--cycles", "1").check(0)
    assert [line.split()[0] for line in plain.out.splitlines()] == ["[START]", "[SCAN]", "[STOP]"]
    assert shell.run("watch", "--cycles", "1", "-q").check(0).out == ""


def test_a_counted_watch_ends_with_the_exit_code_of_a_scan(shell: Shell, exchange: ServerThread) -> None:
    """1 where all failed, 3 where some did, 4 where a person must act; and the last line counts it."""
    shell.add("main", "binance", exchange.url).check(0)
    exchange.server.faults.append(faults.status(500, path="/api/v3/account"))
    failed = shell.run("watch", "--cycles", "1").check(1)
    assert failed.out.splitlines()[-1].startswith("[STOP] ")
    assert failed.out.splitlines()[-1].endswith("Z 1 cycle, 0 new executions, 1 error")
    shell.add("other", "bitget", exchange.url).check(0)
    events = [json.loads(line) for line in shell.run("watch", "--cycles", "1", "--json").check(3).out.splitlines()]
    assert [e["event"] for e in events] == ["start", "error", "cycle", "stop"]
    exchange.server.faults.clear()
    shell.run("broker", "set", "main", "--api-key-env", "K", "--api-secret-env", "S", K="REVOKED", S="x").check(0)
    shell.run("watch", "--cycles", "1").check(4)


def test_an_execution_is_told_with_the_time_it_was_executed_at(shell: Shell) -> None:
    """Published late, it is not told as of the moment it was found."""
    world = ScriptedWorld(clock=now, deposits={"USDT": Decimal(10_000)})
    world.buy("BTC/USDT", "0.001", "45000", now() - timedelta(minutes=5))
    with ServerThread(DemoAccount("binance", SECRETS["K"], SECRETS["S"], "", "11", world)) as running:
        shell.add("main", "binance", running.url).check(0)
        watch = shell.start("watch", "--interval", "1")
        assert watch.stdout
        try:
            assert watch.stdout.readline().startswith("[START]")
            executed_at = now() + timedelta(milliseconds=1)
            time.sleep(2.5)
            world.sell("BTC/USDT", "0.001", "46000", executed_at)
            told = next(line for line in watch.stdout if line.startswith("[EXEC]") and "sell" in line)
        finally:
            watch.terminate()
            watch.communicate(timeout=10)
    assert told.startswith(f"[EXEC] {executed_at:%Y-%m-%dT%H:%M:%SZ} main BTC/USDT sell 0.001 @ ")


def test_watch_json_is_one_object_a_line_to_the_end(shell: Shell) -> None:
    """Whoever reads line by line meets nothing but events."""
    lines = shell.run("watch", "--cycles", "1", "--json").check(0).out.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["start", "cycle", "stop"]


def test_every_file_of_a_home_is_private(shell: Shell) -> None:
    """Nobody else on the machine may read the store or the key."""
    files = list(shell.home.rglob("*.db"))
    assert files
    assert not [p for p in files if p.stat().st_mode & 0o077]


def test_coverage_answers_with_and_without_anything_read(shell: Shell) -> None:
    """A whole document either way; manual accounts have nothing to prove; an unknown broker is one line."""
    shell.run("broker", "add", "hand", "--exchange", "manual").check(0)
    empty = shell.run("coverage", "--json").check(0).json["data"]
    assert (empty["coverage"], empty["brokers"]) == ([], [])
    shell.run("broker", "add", "main", "--exchange", "demo", "--since", "2h").check(0)
    shell.run("scan").check(0)
    data = shell.run("coverage", "--broker", "main", "--json").check(0).json["data"]
    assert data["brokers"][0]["symbols_asked"] > 0
    assert {"fills", "deposits"} <= {row["stream"] for row in data["coverage"]}
    assert "complete since" in shell.run("coverage").check(0).out
    shell.run("coverage", "--broker", "nobody").check(4).one_line("there is no broker 'nobody'")


def test_doctor_ends_with_4_only_where_a_person_must_act(shell: Shell) -> None:
    """A host that is not reached is a warning; a key file that others can read is not."""
    shell.run("broker", "add", "main", "--exchange", "demo", "--since", "2h").check(0)
    shell.run("scan").check(0)
    good = shell.run("doctor", "--json").check(0).json
    assert (good["status"], good["errors"]) == ("success", [])
    assert {"database", "disk", "clock", "key", "rate budget"} <= {c["check"] for c in good["data"]["checks"]}
    assert "all well" in shell.run("doctor").check(0).out
    shell.add("away", "binance", "http://127.0.0.1:9").check(0)
    away = shell.run("doctor", "--broker", "away", "--json").check(0).json["data"]["checks"]
    assert [c["health"] for c in away if c["check"] == "exchange"] == ["warn"]
    (shell.home / "config" / "master.key").chmod(0o644)
    bad = shell.run("doctor", "--broker", "main", "--json").check(4).json
    assert (bad["status"], bad["errors"][0]["hint"][:9]) == ("partial", "chmod 600")
    shell.run("doctor", "--broker", "nobody").check(4).one_line("there is no broker 'nobody'")
