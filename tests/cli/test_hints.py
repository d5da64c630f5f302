"""What commands say where something is missing or wrong: the way on, in plain words."""

from __future__ import annotations

import base64
import csv
import io
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import SECRETS, TRADEMON, Shell
from trademon.store.lease import hold

HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"
BUY = "2026-05-01T10:00:00Z,BTC/USDT,buy,1,100,,,o1,t1\n"
SELL = "2026-05-02T10:00:00Z,BTC/USDT,sell,1,150,,,o2,t2\n"
MORE = "2026-05-03T10:00:00Z,BTC/USDT,sell,2,150,,,o3,t3\n"
KEYS = ("--api-key-env", "K", "--api-secret-env", "S")
ENV = {"K": SECRETS["K"], "S": SECRETS["S"]}
NOWHERE = "http://127.0.0.1:9"


def manual(shell: Shell, rows: str = BUY + SELL, name: str = "old") -> Shell:
    """A manual broker with these rows."""
    shell.run("broker", "add", name, "--exchange", "manual").check(0)
    (shell.cwd / "t.csv").write_text(HEADER + rows)
    shell.run("fills", "import", "t.csv", "--broker", name).check(0)
    return shell


# --- nothing there yet ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["positions", "balances", "orders", "coverage", "lots", "fills", "pnl"])
def test_without_a_broker_the_first_step_is_to_add_one(shell: Shell, command: str) -> None:
    """A sync or scan would only say that there is none. With one, that is the step."""
    add = "trademon broker add NAME --exchange binance, then trademon "
    assert add in " ".join(shell.run(command).check(0).out.split())
    if command in ("positions", "balances", "orders", "coverage", "lots"):
        shell.run("broker", "add", "main", "--exchange", "binance", *KEYS, **ENV).check(0)
        said = " ".join(shell.run(command).check(0).out.split())
        assert "broker add" not in said
        assert "trademon sync" in said or "trademon scan" in said


# --- nothing that can be asked ------------------------------------------------------------------------------------


def test_a_scan_of_manual_brokers_alone_is_silent_and_good(shell: Shell) -> None:
    """In cron there is nothing to say; the document is the same as ever."""
    manual(shell)
    done = shell.run("scan").check(0)
    assert (done.out, done.err) == ("", "")
    assert shell.run("scan", "--json").check(0).json["data"] == {"brokers": [], "new_fills": 0}


def test_manual_brokers_are_told_the_way_and_not_that_there_is_none(shell: Shell) -> None:
    """watch, transfers and broker test name the import of fills."""
    manual(shell)
    for args in (("watch", "--cycles", "1"), ("transfers",)):
        said = shell.run(*args).check(0).out
        assert "trademon fills import FILE.csv --broker old" in said
        assert "no broker" not in said
    shell.run("broker", "test", "old").check(2).one_line("trademon fills import FILE.csv --broker old")


def test_fetching_prices_without_an_exchange_fails_and_says_what_helps(shell: Shell) -> None:
    """A broker at any exchange."""
    manual(shell)
    done = shell.run("prices", "fetch", "--in", "EUR", "--json").check(1)
    assert done.json["status"] == "failed"
    done.one_line("there is no exchange to ask", "broker add NAME --exchange", "serve manual brokers too")
    shell.run("prices", "fetch", "--in", "USDT").check(0)


def test_an_empty_currency_is_a_usage_error(shell: Shell) -> None:
    """For prices and for P&L."""
    for args in (("prices", "fetch"), ("pnl",), ("pnl", "--book", "coin")):
        shell.run(*args, "--in", "").check(2).one_line("--in is no currency")


def test_brokers_that_are_all_disabled_are_not_said_to_be_none(shell: Shell) -> None:
    """In cron, where a pass must not be silent, too."""
    none = shell.run("watch", "--cycles", "1").check(0).out
    assert "nothing to watch yet: trademon broker add NAME --exchange binance; from then on it is watched here" in none
    shell.run("broker", "add", "practice", "--exchange", "demo").check(0)
    shell.run("broker", "disable", "practice").check(0)
    assert (
        "yet: broker practice is disabled: trademon broker enable practice" in shell.run("watch", "--cycles", "1").out
    )
    for command in ("scan", "sync", "verify"):
        shell.run(command).check(0).one_line("broker practice is disabled (trademon broker enable practice)")


def test_a_command_that_is_named_says_whose_where_there_are_several_users(shell: Shell) -> None:
    """Copied as it stands it acts for the one it was about; in a store of one nothing is added."""
    done = shell.run("broker", "add", "practice", "--exchange", "demo", "--json").check(0)
    assert done.json["data"]["next_step"] == "trademon broker test practice, then trademon scan"
    shell.run("user", "add", "le-baff").check(0)
    done = shell.run("broker", "add", "main", "--exchange", "demo", "--user", "le-baff", "--json").check(0)
    assert done.json["data"]["next_step"] == "trademon broker test main --user le-baff, then trademon scan"
    saxo = shell.run("broker", "add", "bank", "--exchange", "saxo", *KEYS, "--user", "le-baff", **ENV).check(0)
    assert saxo.err == ""
    for args in (("scan", "--broker", "bank"), ("broker", "test", "bank", "--user", "le-baff")):
        shell.run(*args).check(4).one_line("bank", "(trademon broker login bank --user le-baff)")
    listed = shell.run("broker", "list").check(0).out
    assert "not signed in" in listed
    assert "trademon broker login bank --user le-baff" in listed
    shell.run("user", "add", "LE-BAFF").check(2).one_line("there is a user 'le-baff' already")
    shell.run("broker", "disable", "main", "--user", "le-baff").check(0)
    assert "trademon broker enable main --user le-baff" in shell.run("broker", "list").check(0).out


def test_a_key_that_is_missing_is_asked_for_by_the_command_that_is_named(shell: Shell) -> None:
    """`broker set NAME` alone changes nothing."""
    shell.run("broker", "add", "main", "--exchange", "binance", *KEYS, "--base-url", NOWHERE, **ENV).check(0)
    other = shell.cwd / "key"
    other.write_text("no key")
    other.chmod(0o600)
    for args, code in ((("scan",), 4), (("broker", "test", "main"), 4)):
        done = shell.run(*args, TRADEMON_KEY_FILE=str(other)).check(code)
        done.one_line("is not a key file of trademon", "put the right one there, or name it with TRADEMON_KEY_FILE")
    other.write_text(base64.b64encode(bytes(32)).decode())
    shell.run("key", "rotate", "--lost", "--yes", TRADEMON_KEY_FILE=str(other)).check(0)
    shell.run("scan", TRADEMON_KEY_FILE=str(other)).check(4).one_line("trademon broker set main --new-key")
    said = shell.run("broker", "list", TRADEMON_KEY_FILE=str(other)).check(0).out
    assert "no key" in said
    assert "trademon broker set main --new-key" in said


def test_rounds_that_were_not_asked_for_are_not_said_to_be_none(shell: Shell) -> None:
    """`--outcome failed` after good rounds alone; a scheduler that is at work already is named."""
    assert "no round yet" in shell.run("automation", "logs").check(0).out
    shell.run("automation", "run", "--force").check(0)
    said = shell.run("automation", "logs", "--outcome", "failed").check(0).out
    assert "no such round: trademon automation logs shows all of them" in said
    (shell.home / "state").mkdir(exist_ok=True)
    with hold(shell.home / "state", "scheduler"):
        done = shell.run("automation", "start", "--foreground").check(75)
    done.one_line(f"a scheduler is at work here already, process {os.getpid()}", "trademon automation stop ends it")


def test_a_language_that_is_not_translated_is_said(shell: Shell) -> None:
    """It is kept, and messages are in English."""
    said = shell.run("user", "add", "bea", "--language", "de", "--json").check(0).json["data"]["message"]
    assert said == "added user bea; messages to them are in English, since de is not translated (there are en and fr)"
    assert shell.run("user", "set", "bea", "--language", "fr", "--json").json["data"]["message"] == "changed user bea"


def test_an_output_that_cannot_be_written_is_one_line(shell: Shell) -> None:
    """A full disk behind a `>`: no traceback, no fault of ours, and not the end of an exit code."""
    manual(shell)
    for args in (("pnl",), ("pnl", "--json"), ("fills", "--csv")):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [TRADEMON, *args], stdout=full, stderr=subprocess.PIPE, text=True, env=shell.env(), check=False
            )
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert "fault" not in done.stderr
        assert (
            done.stderr == "trademon: the output cannot be written: No space left on device (what was done is stored)\n"
        )


# --- removed brokers ----------------------------------------------------------------------------------------------


def test_the_fills_of_a_removed_broker_can_still_be_removed(shell: Shell) -> None:
    """By its name; without --with-fills it says so, and afterwards there is nothing left of that name."""
    manual(shell)
    shell.run("broker", "remove", "old", "--yes").check(0)
    assert "old (removed)" in shell.run("pnl").check(0).out
    shell.run("broker", "remove", "old", "--yes").check(4).one_line("removed before", "--with-fills")
    done = shell.run("broker", "remove", "old", "--with-fills", "--yes", "--json").check(0)
    assert "2 fills deleted" in done.json["data"]["message"]
    assert shell.run("pnl", "--json").check(0).json["data"]["rows"] == []
    shell.run("broker", "remove", "old", "--with-fills", "--yes").check(4).one_line("no broker 'old'")


def test_fills_are_not_deleted_while_a_run_is_at_work_on_the_broker(shell: Shell) -> None:
    """It would store some of them again: 75, and nothing is changed. Its name alone goes at any time."""
    manual(shell)
    with hold(shell.home / "data" / "locks", "broker-1"):
        done = shell.run("broker", "remove", "old", "--yes", "--with-fills").check(75)
        done.one_line("a run is at work on old", "nothing was removed")
        shell.run("broker", "remove", "old", "--yes").check(0)
    assert len(shell.run("fills", "--json").check(0).json["data"]["fills"]) == 2
    shell.run("broker", "remove", "old", "--yes", "--with-fills").check(0)


def test_adding_a_removed_name_says_how_many_fills_are_still_stored(shell: Shell) -> None:
    """Whether the account is the same one or not."""
    manual(shell)
    shell.run("broker", "remove", "old", "--yes").check(0)
    done = shell.run("broker", "add", "old", "--exchange", "manual", "--json").check(0)
    assert "2 fills of a removed broker old are still stored" in done.json["data"]["message"]


# --- P&L in one currency ------------------------------------------------------------------------------------------


def test_what_has_no_rate_is_summed_up_and_named_in_csv(shell: Shell) -> None:
    """One sum a kind; the bound is not said to be zero; the CSV says beside its zero what is not in it."""
    rows = "".join(
        f"2026-04-{day:02}T10:00:00Z,BTC/USDT,{side},1,{price},,,,\n"
        for day in range(1, 21)
        for side, price in (("buy", 100), ("sell", 103))
    )
    manual(shell, rows + MORE)
    said = shell.run("pnl", "--in", "EUR").check(0).out
    assert "realised 60.00 USDT in 20 disposals unvalued" in said
    assert "at most" not in said
    (row,) = csv.DictReader(io.StringIO(shell.run("pnl", "--in", "EUR", "--csv").check(0).out))
    assert row["gross"] == "0"
    assert row["unvalued"] == "realised 60 USDT; proceeds without a known cost 300 USDT"
    (detail,) = shell.run("pnl", "--in", "EUR", "--json").check(0).json["data"]["rows"]
    assert len(detail["unvalued"]) == 21


def test_a_coin_sold_under_another_symbol_is_hinted_with_its_currency(shell: Shell) -> None:
    """--book coin alone is refused, so that no hint may name it alone."""
    manual(shell, BUY + "2026-05-02T10:00:00Z,BTC/EUR,sell,1,150,,,o2,t2\n")
    said = shell.run("pnl").check(0).out
    assert "--book coin --in CUR" in said
    assert said.count("trademon lots open") == 1


# --- words on the command line ------------------------------------------------------------------------------------


def test_an_option_before_its_command_is_told_to_stand_behind_it(fresh: Shell) -> None:
    """Also for the commands of a group; an option of neither is just unknown."""
    fresh.run("--user", "ann", "pnl").check(2).one_line("--user stands before 'pnl'", "trademon pnl --user")
    done = fresh.run("--json", "pnl").check(2)
    done.one_line("write it after: trademon pnl --json")
    assert (done.json["command"], done.json["errors"][0]["kind"]) == ("pnl", "usage")
    fresh.run("broker", "--json", "list").check(2).one_line("trademon broker list --json")
    fresh.run("--nothing", "pnl").check(2).one_line("there is no option --nothing")


@pytest.mark.parametrize(
    "words", ["pnl --since", "pnl compare --since", "fills import x.csv --broker", "lots open --at"]
)
def test_a_missing_value_names_the_help_of_its_command(fresh: Shell, words: str) -> None:
    """Not that of the program."""
    path = " ".join(word for word in words.split() if not word.startswith("-") and "." not in word)
    fresh.run(*words.split()).check(2).one_line(f"see trademon {path} --help")


def test_ids_that_are_none_and_two_forms_are_usage_errors(shell: Shell) -> None:
    """2, by the contract: 4 is for users and brokers."""
    manual(shell)
    shell.run("pnl", "explain", "99").check(2).one_line("there is no fill 99")
    shell.run("pnl", "explain", "abc").check(2).one_line("FILL_ID is a number, not 'abc'")
    shell.run("lots", "remove", "99").check(2).one_line("no entered lot 99")
    shell.run("lots", "remove", "abc").check(2).one_line("ID is a number")
    for command in ("pnl", "fills", "lots", "cash"):
        shell.run(command, "--csv", "--json").check(2).one_line("--csv and --json exclude each other")


def test_a_time_is_said_the_same_way_everywhere(shell: Shell) -> None:
    """A lot's, a period of compare and of fills, where a broker's history begins."""
    manual(shell)
    lot = ["lots", "open", "--broker", "old", "--symbol", "BTC/USDT", "--quantity", "1", "--price", "50", "--at"]
    shell.run(*lot, "2025").check(0)
    shell.run(*lot, "7d").check(0)
    shell.run(*lot, "soon").check(2).one_line("--at", "write 24h, 7d, today")
    assert len(shell.run("fills", "--period", "2026-05", "--json").check(0).json["data"]["fills"]) == 2
    assert shell.run("fills", "--period", "2025", "--json").check(0).json["data"]["fills"] == []
    shell.run("fills", "--period", "2025", "--since", "7d").check(2).one_line("--period stands for")
    (row,) = shell.run("pnl", "compare", "--period", "2025", "--json").check(0).json["data"]["rows"]
    assert {figures["net"] for figures in row["methods"].values()} == {"0"}
    shell.run("broker", "set", "old", "--since", "2026-Q1").check(0)


def test_the_help_of_times_says_what_is_accepted_and_no_description_is_cut(fresh: Shell) -> None:
    """At 120 columns no list of commands ends in dots."""
    for command in ("scan", "fills", "cash", "pnl compare", "lots export", "prices fetch", "broker add"):
        said = fresh.run(*command.split(), "-h").check(0).out
        assert all(word in said for word in ("24h", "7d", "today", "2026-Q3", "ISO")), command
    for group in ("pnl", "fills", "lots", "broker", "prices", "cash", "user"):
        lines = fresh.run(group, "-h", COLUMNS="120").check(0).out.partition("\nCommands:")[2].splitlines()
        assert not any(line.endswith(("...", "…")) for line in lines), group


# --- files --------------------------------------------------------------------------------------------------------


def test_an_id_that_means_two_executions_is_named_with_what_differs(shell: Shell) -> None:
    """Twice in one file: line, column, both values, and nothing is imported. A later file corrects, and says so."""
    manual(shell)
    bring = ["fills", "import", "t.csv", "--broker", "old"]
    (shell.cwd / "t.csv").write_text(HEADER + MORE + MORE.replace(",150,", ",151,"))
    shell.run(*bring).check(1).one_line("line 3, column price", "under the id of line 2: price 150, not 151")
    assert len(shell.run("fills", "--json").json["data"]["fills"]) == 2
    (shell.cwd / "t.csv").write_text(HEADER + MORE + BUY.replace(",1,100", ",2,100"))
    done = shell.run(*bring, "--json").check(0).json["data"]
    assert (done["new_fills"], done["corrected"]) == (1, 1)


def test_a_file_that_is_empty_or_has_another_separator_says_so(shell: Shell) -> None:
    """Not that a column is missing."""
    manual(shell)
    bring = ["fills", "import", "t.csv", "--broker", "old"]
    (shell.cwd / "t.csv").write_text("")
    shell.run(*bring).check(1).one_line("t.csv is empty")
    for sign, word in ((";", "apart by ';'"), ("|", "apart by '|'"), ("\t", "apart by tabs")):
        (shell.cwd / "t.csv").write_text((HEADER + BUY).replace(",", sign))
        shell.run(*bring).check(1).one_line(word)


def test_a_pipe_keeps_its_columns(shell: Shell) -> None:
    """Wide without a terminal; COLUMNS is honoured, and what then leaves is named."""
    manual(shell, BUY + MORE)
    assert "average cost" in shell.run("pnl", "--by", "month").check(0).out
    assert "not shown at this width: " in shell.run("pnl", "--by", "month", COLUMNS="60").check(0).out
