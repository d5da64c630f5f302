"""`fills export`, `lots export`, `pnl export`: what lands in which file, and how mistakes end."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.shell import TRADEMON, Done, Shell, all_at_once
from trademon.cli.common import Stopped
from trademon.cli.export_opts import _stoppable

TRADES = """executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id
2025-01-01T10:00:00Z,BTC/USDT,buy,0.001,45000,0.045,USDT,o1,t1
2025-01-02T10:00:00Z,BTC/USDT,buy,0.002,46000,,,o2,=t2
2026-03-01T10:00:00Z,BTC/USDT,sell,0.0015,47000,0.1,USDT,o3,t3
2026-03-02T10:00:00Z,ETH/USDT,sell,1,3000,,,o4,t4
"""
KINDS = ("fills", "lots", "pnl")


@pytest.fixture
def traded(shell: Shell) -> Shell:
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    (shell.cwd / "trades.csv").write_text(TRADES)
    shell.run("fills", "import", "trades.csv", "--broker", "old").check(0)
    return shell


def quiet(done: Done) -> None:
    """A success that cron sends no mail about."""
    assert (done.check(0).out, done.err) == ("", "")


def rows(shell: Shell, *args: str) -> list[dict[str, str]]:
    """What an export writes to stdout."""
    return list(csv.DictReader(io.StringIO(shell.run(*args, "-").check(0).out)))


def left(shell: Shell) -> list[str]:
    return sorted(path.name for path in shell.cwd.iterdir() if path.name != "trades.csv")


def test_the_help_says_what_lands_in_the_file(fresh: Shell) -> None:
    """Each command's, and nothing is made by asking."""
    for kind, done in zip(KINDS, all_at_once(fresh, [(kind, "export", "-h") for kind in KINDS]), strict=True):
        assert f"Usage: trademon {kind} export" in done.check(0).out
        for word in ("--format", "--force", ".jsonl", "--since", "Example:"):
            assert word in done.out
    assert not fresh.home.exists()


def test_the_help_says_how_an_inverse_contract_gains(fresh: Shell) -> None:
    """Its worth falls as the price rises."""
    text = " ".join(fresh.run("pnl", "export", "-h").check(0).out.split())
    assert "inverse contract" in text
    assert "gross is cost less proceeds" in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_written_silently_and_for_its_owner_alone(traded: Shell, kind: str) -> None:
    """The file's name says its form, `--format` overrules it, and stdout has the same rows."""
    for name, more in (
        ("a.csv", ()),
        ("b.JSONL", ()),
        ("c.txt", ("--format", "jsonl")),
        ("d.jsonl", ("--format", "csv")),
    ):
        quiet(traded.run(kind, "export", name, *more))
        assert (traded.cwd / name).stat().st_mode & 0o777 == 0o600
    read = {name: (traded.cwd / name).read_text() for name in left(traded)}
    assert (read["a.csv"], read["b.JSONL"]) == (read["d.jsonl"], read["c.txt"])
    assert read["a.csv"] == traded.run(kind, "export", "-").check(0).out
    assert read["b.JSONL"] == traded.run(kind, "export", "-", "--format", "jsonl").check(0).out
    objects = [json.loads(line) for line in read["b.JSONL"].splitlines()]
    assert [list(o) for o in objects] == [read["a.csv"].splitlines()[0].split(",")] * (read["a.csv"].count("\n") - 1)
    assert objects


def test_the_nets_add_up_to_what_pnl_says(traded: Shell) -> None:
    """By every method; the sale without a lot is a row without a net."""
    for method in ("fifo", "lifo", "hifo", "average"):
        found = rows(traded, "pnl", "export", "--method", method)
        told = traded.run("pnl", "--json", "--method", method).check(0).json["data"]
        assert sum(Decimal(row["net"]) for row in found if row["net"]) == Decimal(told["totals"][0]["net"])
        (missing,) = [row for row in found if row["unmatched"]]
        assert (missing["symbol"], missing["net"], missing["proceeds"]) == ("ETH/USDT", "", "3000")
        assert {row["method"] for row in found} == {method}


def test_a_tax_year_is_a_word(traded: Shell) -> None:
    """As in `trademon pnl`; purchases of earlier years are still the cost."""
    found = rows(traded, "pnl", "export", "--period", "2026", "--symbol", "BTCUSDT", "--method", "fifo")
    assert [(row["quantity"], row["holding_days"], row["lot_trade_id"]) for row in found] == [
        ("0.001", "424", "t1"),
        ("0.0005", "423", "'=t2"),
    ]
    assert rows(traded, "pnl", "export", "--period", "2025") == []
    traded.run("pnl", "export", "x.csv", "--period", "2026", "--since", "2025").check(2).one_line("--period")


def test_exported_fills_are_imported_again(traded: Shell) -> None:
    """Into the same account nothing is new, into another all of them are."""
    quiet(traded.run("fills", "export", "out.csv"))
    traded.run("broker", "add", "new", "--exchange", "manual").check(0)
    for broker, new in (("old", 0), ("new", 4)):
        done = traded.run("fills", "import", "out.csv", "--broker", broker, "--json").check(0)
        assert done.json["data"]["new_fills"] == new
    both = [traded.run("fills", "--json", "--broker", name).json["data"]["fills"] for name in ("old", "new")]
    assert [f["trade_id"] for f in both[1]] == [f["trade_id"] for f in both[0]] == ["t1", "=t2", "t3", "t4"]


def test_lots_are_as_they_were(traded: Shell) -> None:
    """At `--until`, by `--method`."""
    assert [row["quantity"] for row in rows(traded, "lots", "export", "--until", "2026-01-01")] == ["0.001", "0.002"]
    assert [row["price"] for row in rows(traded, "lots", "export", "--method", "lifo")] == ["45000", "46000"]
    assert rows(traded, "lots", "export", "--since", "2026-01-01") == []


def test_what_exists_stays_without_force(traded: Shell) -> None:
    """One line, exit 1, also as JSON."""
    (traded.cwd / "out.csv").write_text("mine")
    for kind in KINDS:
        traded.run(kind, "export", "out.csv").check(1).one_line("out.csv exists", "--force replaces it")
    done = traded.run("pnl", "export", "out.csv", "--json").check(1)
    assert (done.json["status"], done.json["errors"][0]["kind"]) == ("failed", "data")
    assert (traded.cwd / "out.csv").read_text() == "mine"
    quiet(traded.run("fills", "export", "out.csv", "--force"))
    assert (traded.cwd / "out.csv").read_text().startswith("executed_at,")


def test_json_says_what_was_written_where(traded: Shell) -> None:
    """The rows and the document do not mix on stdout."""
    done = traded.run("fills", "export", "out.csv", "--json").check(0)
    assert (done.json["command"], done.json["data"]["message"]) == ("fills export", "wrote 4 fills to out.csv")
    traded.run("fills", "export", "-", "--json").check(2).one_line("--json", "name a file")


def test_mistakes_are_one_line_and_leave_nothing(traded: Shell) -> None:
    """Wrong words end with 2 and a place that cannot be written with 1."""
    (traded.cwd / "there").mkdir()
    for args, code, words in (
        (("out.xlsx",), 2, ("ends neither in .csv nor in .jsonl", "--format csv")),
        (("out.csv", "--since", "soon"), 2, ("--since",)),
        (("out.csv", "--symbol", "NOPE/USDT"), 2, ("unknown symbol",)),
        (("out.csv", "--broker", "nope"), 4, ("there is no broker",)),
        (("none/out.csv",), 1, ("there is no directory none",)),
        (("there", "--format", "csv"), 1, ("is a directory",)),
        (("/dev/null", "--format", "csv", "--force"), 1, ("is no file",)),
    ):
        for kind in KINDS:
            traded.run(kind, "export", *args).check(code).one_line(*words)
    assert left(traded) == ["there"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_stdout_is_said(traded: Shell) -> None:
    """One line and exit 1, not a fault of ours."""
    for kind in KINDS:
        with Path("/dev/full").open("w") as full:
            command = [TRADEMON, kind, "export", "-"]
            done = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, text=True, env=traded.env(), cwd=traded.cwd, check=False
            )
        Done(done.returncode, "", done.stderr).check(1).one_line("cannot write to stdout: No space left")


def test_an_empty_store_gives_a_header(shell: Shell) -> None:
    """Nothing to export is no mistake."""
    for kind in KINDS:
        quiet(shell.run(kind, "export", f"{kind}.csv"))
        assert (shell.cwd / f"{kind}.csv").read_text().count("\n") == 1
        assert shell.run(kind, "export", "-", "--format", "jsonl").check(0).out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_raised_so_that_the_file_begun_goes(number: signal.Signals) -> None:
    """And what was set up before holds again afterwards."""
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as caught, _stoppable():
        signal.raise_signal(number)
    assert caught.value.exit_code == 128 + number
    assert signal.getsignal(number) is before
