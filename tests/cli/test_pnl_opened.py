"""`pnl explain`, `pnl compare`, `pnl what-if` as a script calls them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.shell import ENVELOPE, ServerThread, Shell, all_at_once
from tests.cli.test_contract import with_fills
from trademon.demo import faults

METHODS = ("fifo", "lifo", "hifo", "average")
WHAT_IF = ("pnl", "what-if", "--sell", "0.001", "--symbol", "btcusdt")


@pytest.fixture
def old(shell: Shell) -> Shell:
    """A manual broker `old` with the founding case: two buys and a sale, ids 1 to 3."""
    return with_fills(shell)


def data(shell: Shell, *args: str) -> Any:
    done = shell.run(*args, "--json").check(0)
    assert list(done.json) == ENVELOPE
    assert (done.json["status"], done.json["errors"], done.err) == ("success", [], "")
    return done.json["data"]


def texts(found: Any) -> list[Any]:
    """Every value in a document that is neither a list nor an object."""
    if isinstance(found, dict):
        return [leaf for value in found.values() for leaf in texts(value)]
    return [leaf for value in found for leaf in texts(value)] if isinstance(found, list) else [found]


def test_the_document_of_explain(old: Shell) -> None:
    """Its keys and figures: the sale of the founding case, by the stored method."""
    said = data(old, "pnl", "explain", "3")
    assert said["fill"] == said["fill"] | {
        "id": "3",
        "broker": "old",
        "user": "ann",
        "symbol": "BTC/USDT",
        "side": "sell",
        "quantity": "0.0015",
        "price": "47000",
        "executed_at": "2026-05-01T10:02:00.000Z",
        "order_id": "o3",
        "trade_id": "t3",
        "source": "import",
    }
    assert (said["method"], said["currency"], said["moved"], said["fees_paid"]) == ("fifo", "USDT", "-0.0015", "0")
    assert said["closed"] == {"quantity": "0.0015", "gross": "2.5", "fees": "0", "net": "2.5"}
    first, second = said["lots"]
    assert first == first | {
        "lot_id": "1",
        "opened_at": "2026-05-01T10:00:00.000Z",
        "opening": False,
        "quantity": "0.001",
        "price": "45000",
        "cost": "45",
        "proceeds": "47",
        "gross": "2",
        "lot_fees": "0",
        "closing_fees": "0",
        "net": "2",
    }
    assert (second["lot_id"], second["gross"]) == ("2", "0.5")
    assert said["opened"] == {"quantity": "0", "fees": "0"}
    assert said["unmatched"] == {"quantity": "0", "proceeds": "0", "fees": "0", "reason": None}
    assert said["exact"] is True
    assert not [v for v in texts(said) if not (v is None or isinstance(v, str | bool))]
    by_lifo = data(old, "pnl", "explain", "3", "--method", "LIFO")
    assert (by_lifo["method"], by_lifo["closed"]["gross"]) == ("lifo", "1.5")


def test_fees_in_the_document_have_rate_time_and_source(shell: Shell) -> None:
    """One in the quote coin, one in the base coin, and one in a third coin that nobody priced."""
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    (shell.cwd / "t.csv").write_text(
        "executed_at,symbol,side,quantity,price,fee,fee_currency\n"
        "2026-05-01T10:00:00Z,BTC/USDT,buy,1,100,0.1,USDT\n"
        "2026-05-01T10:01:00Z,BTC/USDT,buy,1,100,0.01,BTC\n"
        "2026-05-01T10:02:00Z,BTC/USDT,buy,1,100,3,BNB\n"
    )
    shell.run("fills", "import", "t.csv", "--broker", "old").check(0)
    found = [data(shell, "pnl", "explain", str(n))["fees"] for n in (1, 2, 3)]
    keys = ["amount", "currency", "value", "rate", "rate_at", "source"]
    assert all(list(fee)[:6] == keys for (fee,) in found)
    assert [tuple(fee.values())[:5] for (fee,) in found] == [
        ("0.1", "USDT", "0.1", None, None),
        ("0.01", "BTC", "1", "100", "2026-05-01T10:01:00.000Z"),
        ("3", "BNB", None, None, None),
    ]


def test_the_document_of_compare(old: Shell) -> None:
    """A row a book and a total a currency, with each method's figures as `pnl --method` says them."""
    said = data(old, "pnl", "compare")
    (row,), (total,) = said["rows"], said["totals"]
    assert row == row | {
        "user": "ann",
        "broker": "old",
        "symbol": "BTC/USDT",
        "kept_in": "fifo",
        "open_quantity": "0.0015",
        "currency": "USDT",
        "incomplete": False,
    }
    assert list(row["methods"]) == list(METHODS)
    for method, done in zip(
        METHODS, all_at_once(old, [("pnl", "--method", m, "--json") for m in METHODS]), strict=True
    ):
        (told,) = done.check(0).json["data"]["rows"]
        assert row["methods"][method] == {k: told[k] for k in ("gross", "fees", "net", "open_cost")}
        assert total["methods"][method] == row["methods"][method]
    assert "symbol" not in total
    assert data(old, "pnl", "compare", "--until", "2026-05-01T10:02:00Z")["totals"][0]["methods"]["fifo"]["net"] == "0"
    assert data(old, "pnl", "compare", "--broker", "old", "--symbol", "BTC-USDT") == said


def test_the_document_of_what_if(old: Shell) -> None:
    """Each method's figures at the price that was said; nothing in the store is another."""
    before = (data(old, "pnl"), data(old, "fills"), data(old, "lots"))
    said = data(old, *WHAT_IF, "--price", "50000")
    assert list(said["methods"]) == list(METHODS)
    assert (said["symbol"], said["broker"], said["quantity"], said["price"]) == ("BTC/USDT", "old", "0.001", "50000")
    assert (said["user"], said["currency"]) == ("ann", "USDT")
    fifo = said["methods"]["fifo"]
    assert fifo == fifo | {
        "matched_quantity": "0.001",
        "unmatched_quantity": "0",
        "gross": "4",
        "fees": "0",
        "net": "4",
        "left_quantity": "0.0005",
        "left_cost": "23",
    }
    assert [said["methods"][m]["gross"] for m in METHODS[1:3]] == ["4.5", "4.5"]
    assert (data(old, "pnl"), data(old, "fills"), data(old, "lots")) == before


def test_what_if_asks_the_exchange_once_when_no_price_is_said(shell: Shell, exchange: ServerThread) -> None:
    """One request; when the exchange is down it is an error and no figure."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.run("scan").check(0)
    asked = len(exchange.server.requests)
    said = data(shell, *WHAT_IF)
    assert len(exchange.server.requests) == asked + 1
    assert said["price"] == "47000"
    assert said["price_from"].startswith("binance's last price at 20")
    exchange.server.faults.append(faults.status(500))
    done = shell.run(*WHAT_IF, "--json").check(1)
    assert (done.json["status"], done.json["data"]) == ("failed", {})
    done.one_line("500")


def test_an_empty_store_gives_whole_documents(shell: Shell) -> None:
    """Nothing to compare is no failure; nothing to sell and nothing to explain are."""
    assert data(shell, "pnl", "compare") == {"rows": [], "totals": []}
    assert shell.run("pnl", "compare").check(0).out.count("\n") == 1
    shell.run(*WHAT_IF, "--price", "1").check(2).one_line("btcusdt")
    shell.run("pnl", "explain", "1").check(2).one_line("there is no fill 1")


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("pnl", "explain"), 2, "usage"),
    (("pnl", "explain", "x"), 2, "usage"),
    (("pnl", "explain", "1.5"), 2, "usage"),
    (("pnl", "explain", "3", "--method", "best"), 2, "usage"),
    (("pnl", "explain", "99"), 2, "usage"),
    (("pnl", "explain", "3", "--user", "nobody"), 4, "unknown"),
    (("pnl", "compare", "--since", "tomorrow-ish"), 2, "usage"),
    (("pnl", "compare", "--since", "2026-02-01", "--until", "2026-01-01"), 2, "usage"),
    (("pnl", "compare", "--symbol", "QQQQQQ"), 2, "usage"),
    (("pnl", "compare", "--broker", "nobody"), 4, "unknown"),
    (("pnl", "compare", "--user", "nobody"), 4, "unknown"),
    (("pnl", "what-if"), 2, "usage"),
    ((*WHAT_IF,), 2, "usage"),
    ((*WHAT_IF, "--price", "x"), 2, "usage"),
    ((*WHAT_IF, "--price", "1", "--sell", "0"), 2, "usage"),
    ((*WHAT_IF, "--price", "1", "--sell", "-1"), 2, "usage"),
    ((*WHAT_IF, "--price", "1", "--sell", "NaN"), 2, "usage"),
    ((*WHAT_IF, "--price", "1", "--symbol", "QQQQQQ"), 2, "usage"),
    ((*WHAT_IF, "--price", "1", "--broker", "nobody"), 4, "unknown"),
    ((*WHAT_IF, "--price", "1", "--user", "nobody"), 4, "unknown"),
]


def test_a_wrong_word_is_one_line_a_document_and_its_exit_code(old: Shell) -> None:
    """And nothing is written."""
    before = old.files()
    ends = all_at_once(old, [(*args, "--json") for args, _, _ in WRONG])
    for (args, code, kind), done in zip(WRONG, ends, strict=True):
        assert done.code == code, (args, done)
        done.one_line()
        assert list(done.json) == ENVELOPE, args
        assert (done.json["status"], done.json["errors"][0]["kind"]) == ("failed", kind), args
    assert old.files() == before


def test_a_number_too_long_for_an_id_is_an_unknown_fill(old: Shell) -> None:
    """As `lots remove` says it."""
    old.run("pnl", "explain", "9" * 30).check(2).one_line("there is no fill")


def test_nothing_is_sold_below_zero(old: Shell) -> None:
    """A usage error, as in `lots open`."""
    old.run(*WHAT_IF, "--price=-1").check(2)


@pytest.mark.parametrize("words", [("--since", "2026-05"), ("--since", "2026-Q2"), ("--until", "2099-01-01")])
def test_compare_takes_the_times_that_pnl_takes(old: Shell, words: tuple[str, str]) -> None:
    """What works beside it works here."""
    old.run("pnl", *words).check(0)
    old.run("pnl", "compare", *words).check(0)


@pytest.mark.parametrize(
    "words",
    [
        ("--method", "lifo", "explain", "3"),
        ("--symbol", "ETHEUR", "compare"),
        ("--user", "nobody", "explain", "3"),
        ("--until", "2026-01-01", "compare"),
    ],
)
def test_an_option_before_the_subcommand_counts_or_is_refused(old: Shell, words: tuple[str, ...]) -> None:
    """Another figure than the one asked for, and exit 0, is the one thing that must not come out."""
    plain = old.run("pnl", *words[2:], "--json").check(0)
    done = old.run("pnl", *words, "--json")
    assert done.code != 0 or done.out != plain.out


def test_every_one_of_them_is_silent_when_asked_to_be_and_plain_when_piped(old: Shell) -> None:
    """-q prints nothing; a pipe gets no escape byte, and neither does --no-color."""
    commands = [("pnl", "explain", "3"), ("pnl", "compare"), (*WHAT_IF, "--price", "50000"), ("lots",)]
    for done in all_at_once(old, [(*c, "-q") for c in commands]):
        assert (done.check(0).out, done.err) == ("", "")
    for done in all_at_once(old, [(*c, "--no-color") for c in commands], FORCE_COLOR="1"):
        assert done.check(0).out
        assert "\x1b" not in done.out
    for done in all_at_once(old, commands):
        assert "\x1b" not in done.check(0).out


HELP = [
    (*("pnl", "explain"), "FILL_ID"),
    (*("pnl", "compare"), "--since"),
    (*("pnl", "what-if"), "--sell"),
    (*("lots", "open"), "--quantity"),
    (*("lots", "remove"), "ID"),
]


def test_each_help_shows_usage_options_and_an_example(fresh: Shell) -> None:
    """And makes no file."""
    for path, done in zip(HELP, all_at_once(fresh, [(*p[:2], "-h") for p in HELP]), strict=True):
        assert f"Usage: trademon {' '.join(path[:2])}" in done.check(0).out
        assert "Example: trademon" in done.out
        for option in ("--json", "--quiet", "-v", "--debug", "--no-color", "--user", path[2]):
            assert option in done.out, (path, option)
    assert fresh.files() == {}


def test_another_users_fill_is_unknown(old: Shell) -> None:
    """With --user; without it all users' fills can be explained."""
    old.run("user", "add", "bob").check(0)
    old.run("broker", "add", "old", "--exchange", "manual", "--user", "bob").check(0)
    old.run("fills", "import", "trades.csv", "--broker", "old", "--user", "bob").check(0)
    old.run("pnl", "explain", "6", "--user", "ann").check(2).one_line("there is no fill 6")
    assert data(old, "pnl", "explain", "6")["fill"]["user"] == "bob"
    assert [r["user"] for r in data(old, "pnl", "compare")["rows"]] == ["ann", "bob"]
    assert data(old, "pnl", "compare")["totals"][0]["methods"]["fifo"]["net"] == "5"
    assert [r["user"] for r in data(old, "pnl", "compare", "--user", "bob")["rows"]] == ["bob"]
    old.run(*WHAT_IF, "--price", "1").check(2).one_line("2 accounts")
    assert data(old, *WHAT_IF, "--price", "1", "--user", "bob")["methods"]["fifo"]["gross"] == "-45.999"
