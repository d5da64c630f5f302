"""`trademon lots`, `lots open`, `lots remove` as a script calls them: documents, exit codes, quietness."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.cli.shell import ENVELOPE, ServerThread, Shell, all_at_once
from tests.cli.test_contract import with_fills

LOT = ("lots", "open", "--broker", "old", "--symbol", "btcusdt", "--quantity", "2", "--price", "30000")
OPEN = (*LOT, "--at", "2025-01-31")
KEYS = {"id", "user", "broker", "symbol", "currency", "side", "quantity", "price", "cost", "fees", "opened_at"}


@pytest.fixture
def old(shell: Shell) -> Shell:
    """A manual broker `old` with the founding case: two buys and a sale, ids 1 to 3."""
    return with_fills(shell)


def lots_of(shell: Shell, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shell.run("lots", "--json", *args).check(0).json["data"]["lots"]
    return found


def pnl_row(shell: Shell, *args: str) -> dict[str, Any]:
    (row,) = shell.run("pnl", "--json", *args).check(0).json["data"]["rows"]
    return dict(row)


def test_the_document_of_lots(old: Shell) -> None:
    """Its keys, money as text, times with Z; by each method what the accounting page says stays."""
    done = old.run("lots", "--json").check(0)
    assert list(done.json) == ENVELOPE
    assert (done.json["command"], done.json["data"]["method"]) == ("lots", "fifo")
    (lot,) = done.json["data"]["lots"]
    assert lot.keys() >= {*KEYS, "opening"}
    assert lot == lot | {
        "id": "2",
        "user": "ann",
        "broker": "old",
        "symbol": "BTC/USDT",
        "currency": "USDT",
        "side": "long",
        "quantity": "0.0015",
        "price": "46000",
        "cost": "69",
        "fees": "0",
        "opened_at": "2026-05-01T10:01:00.000Z",
        "opening": False,
    }
    left = {method: lots_of(old, "--method", method) for method in ("lifo", "hifo", "average")}
    assert [(r["quantity"], r["cost"]) for r in left["lifo"]] == [("0.001", "45"), ("0.0005", "23")]
    assert [(r["quantity"], r["cost"]) for r in left["average"]] == [("0.0015", "68.5")]
    assert left["hifo"] == left["lifo"]


def test_lots_as_csv(old: Shell) -> None:
    """A header and a line a lot, exact; the one by hand says yes."""
    old.run(*OPEN).check(0)
    rows = list(csv.DictReader(io.StringIO(old.run("lots", "--csv").check(0).out)))
    assert [(r["lot_id"], r["opening"], r["quantity"], r["cost"], r["opened_at"]) for r in rows] == [
        ("4", "yes", "1.9985", "59955", "2025-01-31T00:00:00.000Z"),
        ("1", "", "0.001", "45", "2026-05-01T10:00:00.000Z"),
        ("2", "", "0.002", "92", "2026-05-01T10:01:00.000Z"),
    ]


def test_csv_and_json_call_a_side_by_the_same_word(old: Shell) -> None:
    """What the column `side` holds does not depend on the format."""
    (row,) = csv.DictReader(io.StringIO(old.run("lots", "--csv").check(0).out))
    (lot,) = lots_of(old)
    assert row["side"] == lot["side"]


def test_what_narrows_the_list(old: Shell) -> None:
    """By broker and symbol in any spelling; a wrong one is not an empty list."""
    old.run("broker", "add", "new", "--exchange", "manual").check(0)
    old.run("lots", "open", "--broker", "new", "--symbol", "ETH/EUR", *LOT[6:], "--at", "2025-01-01").check(0)
    assert [r["broker"] for r in lots_of(old)] == ["new", "old"]
    assert [r["broker"] for r in lots_of(old, "--broker", "old")] == ["old"]
    assert [r["symbol"] for r in lots_of(old, "--symbol", "etheur", "--symbol", "ETH-EUR")] == ["ETH/EUR"]
    assert lots_of(old, "--broker", "old", "--symbol", "ETHEUR") == []
    old.run("lots", "--broker", "nobody").check(4).one_line("nobody")
    old.run("lots", "--symbol", "DOGEUSD").check(2).one_line("DOGEUSD")


def test_an_empty_store_gives_a_whole_document(shell: Shell) -> None:
    """And a header alone, and a line for a person."""
    assert shell.run("lots", "--json").check(0).json["data"] == {"method": "fifo", "lots": [], "entered": []}
    assert shell.run("lots", "--csv").check(0).out.count("\n") == 1
    assert shell.run("lots").check(0).out.count("\n") == 1


# --- open, remove -------------------------------------------------------------------------------------------------


def test_open_changes_the_figures_and_remove_changes_them_back(old: Shell) -> None:
    """Silent for cron, the id in the document; the row of pnl is afterwards what it was before."""
    before = pnl_row(old)
    assert (old.run(*OPEN).check(0).out, old.run(*OPEN, "-q").check(0).out) == ("", "")
    done = old.run(*OPEN, "--fee", "1.5", "--json").check(0).json
    assert (list(done), done["command"], done["status"]) == (ENVELOPE, "lots open", "success")
    assert "lot 6" in done["data"]["message"]
    assert pnl_row(old)["gross"] == "25.5"
    assert [r["id"] for r in lots_of(old) if r["opening"]] == ["4", "5", "6"]
    assert old.run("lots", "remove", "5").check(0).out == ""
    done = old.run("lots", "remove", "4", "--json").check(0).json
    assert (done["command"], done["status"]) == ("lots remove", "success")
    old.run("lots", "remove", "6", "-q").check(0)
    assert pnl_row(old) == before
    assert [f["id"] for f in old.run("fills", "--json").json["data"]["fills"]] == ["1", "2", "3"]


def test_a_script_is_told_the_id_of_what_it_entered(old: Shell) -> None:
    """To take it out again, without reading a sentence."""
    data = old.run(*OPEN, "--json").check(0).json["data"]
    assert "4" in [str(value) for value in data.values()]


def test_the_help_says_in_what_a_lot_is_entered(fresh: Shell) -> None:
    """A fill of contracts counts contracts, and so does a lot of them."""
    assert "Base units; of a contract, contracts." in " ".join(fresh.run("lots", "open", "-h").check(0).out.split())


def test_a_lot_by_hand_that_was_sold_can_still_be_found(old: Shell) -> None:
    """Who typed a wrong price needs the id that `remove` asks for; its help says: as `trademon lots` shows it."""
    (old.cwd / "more.csv").write_text(
        "executed_at,symbol,side,quantity,price\n2026-05-02T10:00:00Z,BTC/USDT,sell,5,50000\n"
    )
    old.run(*OPEN).check(0)
    old.run("fills", "import", "more.csv", "--broker", "old").check(0)
    shown = old.run("lots", "--json").out + old.run("fills", "--json").out + old.run("pnl", "--json").out
    assert '"id": "4"' in shown


def test_rebuild_keeps_what_was_entered(old: Shell) -> None:
    """The same figures before and after."""
    old.run(*OPEN).check(0)
    before = (pnl_row(old), lots_of(old))
    assert old.run("rebuild").check(0).out == ""
    assert (pnl_row(old), lots_of(old)) == before


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("lots", "--method", "best"), 2, "usage"),
    (("lots", "--user", "nobody"), 4, "unknown"),
    (("lots", "nosuch"), 2, "usage"),
    (("lots", "open"), 2, "usage"),
    ((*LOT,), 2, "usage"),
    ((*OPEN, "--quantity", "0"), 2, "usage"),
    ((*OPEN, "--quantity", "-1"), 2, "usage"),
    ((*OPEN, "--quantity", "NaN"), 2, "usage"),
    ((*OPEN, "--quantity", "1,5"), 2, "usage"),
    ((*OPEN, "--quantity", "1e-31"), 2, "usage"),
    ((*OPEN, "--quantity", "1e31"), 2, "usage"),
    ((*OPEN, "--price", "-1"), 2, "usage"),
    ((*OPEN, "--price", "free"), 2, "usage"),
    ((*OPEN, "--fee", "-1"), 2, "usage"),
    ((*OPEN, "--at", "2199-01-01"), 2, "usage"),
    ((*OPEN, "--at", "yesterday-ish"), 2, "usage"),
    ((*OPEN, "--symbol", "QQQ"), 2, "usage"),
    ((*OPEN, "--broker", "nobody"), 4, "unknown"),
    ((*OPEN, "--user", "nobody"), 4, "unknown"),
    (("lots", "remove"), 2, "usage"),
    (("lots", "remove", "x"), 2, "usage"),
    (("lots", "remove", "1"), 2, "usage"),
    (("lots", "remove", "99"), 2, "usage"),
    (("lots", "remove", "9" * 30), 2, "usage"),
]


def test_a_wrong_word_is_one_line_a_document_and_its_exit_code(old: Shell) -> None:
    """And nothing is written: neither a lot nor a byte."""
    before = old.files()
    ends = all_at_once(old, [(*args, "--json") for args, _, _ in WRONG])
    for (args, code, kind), done in zip(WRONG, ends, strict=True):
        assert done.code == code, (args, done)
        done.one_line()
        assert list(done.json) == ENVELOPE, args
        assert (done.json["status"], done.json["errors"][0]["kind"]) == ("failed", kind), args
    assert old.files() == before


def test_an_account_with_an_api_takes_a_lot_and_goes_on_scanning(shell: Shell, exchange: ServerThread) -> None:
    """Before the first scan it knows no symbols; afterwards the sale takes the lot that is older."""
    shell.add("main", "binance", exchange.url).check(0)
    wanted = ("lots", "open", "--broker", "main", *LOT[4:], "--at", "2025-01-31")
    shell.run(*wanted).check(2).one_line("trademon scan")
    shell.run("scan").check(0)
    shell.run(*wanted).check(0)
    assert shell.run("scan", "--json").check(0).json["data"]["new_fills"] == 0
    assert (pnl_row(shell)["gross"], len(lots_of(shell))) == ("25.5", 3)
    assert len(shell.run("fills", "--json").json["data"]["fills"]) == 3


# --- users --------------------------------------------------------------------------------------------------------


def two_users(old: Shell) -> Shell:
    """Beside ann, bob with a manual broker of the same name and the same fills, ids 4 to 6."""
    old.run("user", "add", "bob").check(0)
    old.run("broker", "add", "old", "--exchange", "manual", "--user", "bob").check(0)
    old.run("fills", "import", "trades.csv", "--broker", "old", "--user", "bob").check(0)
    return old


def test_each_users_lots_are_their_own(old: Shell) -> None:
    """Listed together with names, entered for one, and taken out by nobody else."""
    two_users(old)
    assert [r["user"] for r in lots_of(old)] == ["ann", "bob"]
    assert [r["user"] for r in lots_of(old, "--user", "bob")] == ["bob"]
    old.run(*OPEN, USER="nobody").check(2).one_line("--user")
    old.run(*OPEN, "--user", "bob").check(0)
    assert [(r["user"], r["id"]) for r in lots_of(old) if r["opening"]] == [("bob", "7")]
    old.run("lots", "remove", "7", "--user", "ann").check(2).one_line("no entered lot 7")
    old.run("lots", "remove", "7", "--user", "bob").check(0)


def test_a_user_named_before_the_subcommand_is_not_passed_over(old: Shell) -> None:
    """`lots --user bob open ...`: into bob's account or a usage error, but never into ann's."""
    two_users(old)
    done = old.run("lots", "--user", "bob", *OPEN[1:], USER="ann")
    entered = [r["user"] for r in lots_of(old) if r["opening"]]
    assert (done.code, entered) in [(0, ["bob"]), (2, [])]
