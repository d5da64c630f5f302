"""`trademon user`: the people of a store, and what becomes of what is theirs."""

from __future__ import annotations

import pytest

from tests.cli.shell import ServerThread, Shell
from tests.cli.test_contract import with_fills
from trademon.store.lease import hold


def test_what_is_chosen_is_listed(shell: Shell) -> None:
    """Everything in the document and the table; codes and names in their usual form; '' takes a choice back."""
    add = ("user", "add", "bea", "--method", "hifo", "--currency", "chf", "--telegram-chat", "-100123")
    shell.run(*add, "--language", "PT_br").check(0)
    (row,) = shell.run("user", "list", "--user", "bea", "--json").check(0).json["data"]["users"]
    assert row.pop("created_at").endswith("Z")
    assert row == {
        "name": "bea",
        "active": True,
        "method": "hifo",
        "currency": "CHF",
        "brokers": 0,
        "telegram_chat": "-100123",
        "language": "pt-BR",
        "last_good_at": None,
    }
    shell.run(
        "user", "set", "bea", "--currency", "", "--telegram-chat", "@bea_trades", "--language", "zh-hant-tw"
    ).check(0)
    shell.run("user", "disable", "bea").check(0)
    ann, bea = shell.run("user", "list", "--json").check(0).json["data"]["users"]
    assert (ann["name"], ann["language"]) == ("ann", "en")
    assert (bea["active"], bea["currency"], bea["telegram_chat"]) == (False, None, "@bea_trades")
    assert bea["language"] == "zh-Hant-TW"
    said = shell.run("user", "list").check(0).out
    for word in ("inactive", "@bea_trades", "zh-Hant-TW", "never"):
        assert word in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--language", "english"], "--language is no code of a language: 'english'"),
        (["--telegram-chat", "me"], "--telegram-chat is no chat: 'me'"),
        (["--currency", "E$"], "--currency is no currency"),
        ([], "nothing to change was named"),
    ],
)
def test_what_cannot_be_chosen_is_refused(shell: Shell, options: list[str], said: str) -> None:
    """One line, and nothing is changed."""
    before = shell.run("user", "list", "--json").check(0).out
    shell.run("user", "set", "ann", *options).check(2).one_line(said)
    assert shell.run("user", "list", "--json").check(0).out == before


def test_another_method_changes_the_stored_figures(shell: Shell) -> None:
    """As with `broker set`: pnl without --method is by the new one."""
    with_fills(shell)
    assert shell.run("pnl", "--json").check(0).json["data"]["rows"][0]["net"] == "2.5"
    shell.run("user", "set", "ann", "--method", "lifo").check(0)
    assert shell.run("pnl", "--json").check(0).json["data"]["rows"][0]["net"] == "1.5"


def test_one_who_is_disabled_is_worked_for_only_by_name(shell: Shell, exchange: ServerThread) -> None:
    """Without --user a scan passes over them; the last one is not switched off without a word."""
    shell.run("user", "add", "bea").check(0)
    shell.add("main", "binance", exchange.url, "--user", "bea").check(0)
    shell.run("user", "disable", "bea").check(0)
    assert shell.run("scan", "--json").check(0).json["data"]["brokers"] == []
    assert shell.run("scan", "--user", "bea", "--json").check(0).json["data"]["new_fills"] == 3
    done = shell.run("user", "disable", "ann", "--json").check(0).json["data"]
    assert "no user is active now" in done["message"]
    assert "user enable NAME" in done["next_step"]
    shell.run("broker", "add", "x", "--exchange", "manual").check(4).one_line("no user is active", "user enable NAME")
    shell.run("user", "enable", "bea").check(0)
    shell.run("broker", "add", "x", "--exchange", "manual").check(0)
    assert [b["user"] for b in shell.run("broker", "list", "--json").check(0).json["data"]["brokers"]] == ["bea", "bea"]


def test_one_is_removed_and_brought_back(shell: Shell) -> None:
    """Keys gone, fills kept and hidden, the name not given away; then they are back with their fills."""
    with_fills(shell)
    shell.run("user", "remove", "ann").check(4).one_line("asks for a confirmation", "--yes")
    done = shell.run("user", "remove", "ann", "--yes", "--json").check(0).json["data"]
    assert "the fills stay in the store" in done["message"]
    assert "no user is active now" in done["message"]
    shell.run("pnl", "--user", "ann").check(4).one_line("user 'ann' was removed", "user add ann --restore")
    assert shell.run("pnl", "--json").check(0).json["data"]["rows"] == []
    shell.run("user", "add", "ann").check(2).one_line("3 fills of a removed user 'ann'", "--restore", "--with-fills")
    back = shell.run("user", "add", "ann", "--restore", "--json").check(0).json["data"]
    assert "brought back user ann with 3 fills" in back["message"]
    assert shell.run("pnl", "--json").check(0).json["data"]["rows"][0]["net"] == "2.5"
    shell.run("user", "add", "ann", "--restore").check(4).one_line("no user 'ann' was removed")


def test_with_fills_all_of_them_is_gone_for_good(shell: Shell) -> None:
    """Also when they were removed before; a second time there is nobody."""
    with_fills(shell)
    shell.run("user", "add", "bea").check(0)
    shell.run("user", "remove", "ann", "--yes").check(0)
    done = shell.run("user", "remove", "ann", "--yes", "--with-fills", "--json").check(0).json["data"]
    assert "3 fills deleted" in done["message"]
    shell.run("user", "remove", "ann", "--yes", "--with-fills").check(4).one_line("no user 'ann'")
    shell.run("user", "add", "ann").check(0)
    assert shell.run("fills", "--user", "ann", "--json").check(0).json["data"]["fills"] == []


def test_nobody_is_removed_while_a_run_is_at_work_for_them(shell: Shell, exchange: ServerThread) -> None:
    """75, and nothing is changed; afterwards it is done."""
    shell.add("main", "binance", exchange.url).check(0)
    with hold(shell.home / "data" / "locks", "broker-1"):  # as a scan does, for as long as it takes here
        shell.run("user", "remove", "ann", "--yes").check(75).one_line(
            "a run is at work on main", "nothing was removed"
        )
        assert len(shell.run("broker", "list", "--json").check(0).json["data"]["brokers"]) == 1
    shell.run("user", "remove", "ann", "--yes").check(0)


def test_a_setting_pins_every_command_and_a_name_wins_over_it(shell: Shell) -> None:
    """TRADEMON_USER is as --user is; whoever is named on the command line is meant."""
    shell.run("user", "add", "bea", "--currency", "EUR").check(0)
    pinned = {"TRADEMON_USER": "bea"}
    names = [u["name"] for u in shell.run("user", "list", "--json", **pinned).check(0).json["data"]["users"]]
    assert names == ["bea"]
    shell.run("broker", "add", "x", "--exchange", "manual", **pinned).check(0)
    assert shell.run("broker", "list", "--user", "ann", "--json", **pinned).check(0).json["data"]["brokers"] == []
    shell.run("user", "set", "ann", "--language", "de", **pinned).check(0)
    assert shell.run("user", "list", "--user", "ann", "--json").check(0).json["data"]["users"][0]["language"] == "de"


def test_a_book_of_coins_is_in_the_reporting_currency_where_none_is_named(shell: Shell) -> None:
    """It has to be in one; without either it is a wrong word, and --in wins."""
    with_fills(shell)
    shell.run("pnl", "--book", "coin").check(2).one_line("--book coin needs --in CUR", "ann has no reporting currency")
    shell.run("user", "set", "ann", "--currency", "USDT").check(0)
    assert shell.run("pnl", "--book", "coin", "--json").check(0).json["data"]["totals"][0]["currency"] == "USDT"
    assert shell.run("pnl", "--json").check(0).json["data"]["rows"][0]["currency"] == "USDT"
    shell.run("user", "add", "bea", "--currency", "EUR").check(0)
    shell.run("pnl", "--book", "coin").check(2).one_line("--book coin needs --in CUR")
    shell.run("pnl", "--book", "coin", "--in", "USDT").check(0)
