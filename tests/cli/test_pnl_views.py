"""`trademon pnl` as it is called: groupings, times, statistics, last prices, the curve, and what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import ServerThread, Shell, all_at_once, now
from tests.cli.test_contract import HEADER
from trademon.demo import faults

HISTORY = f"""{HEADER}
2025-12-30T10:00:00Z,BTC/USDT,buy,2,100,1,USDT,,a1
2026-02-28T23:59:59.999Z,BTC/USDT,sell,1,130,0.5,USDT,,a2
2026-03-31T10:00:00Z,BTC/USDT,sell,0.5,90,,,,a3
2026-04-01T00:00:00Z,ETH/EUR,sell,1,50,,,,a4
"""


@pytest.fixture
def kept(shell: Shell) -> Shell:
    """A manual broker with four executions: a gain of 29, a loss of 5.25, a sale nobody knows the cost of."""
    shell.run("broker", "add", "old", "--exchange", "manual", "--initial-capital", "1000 USDT").check(0)
    (shell.cwd / "trades.csv").write_text(HISTORY)
    shell.run("fills", "import", "trades.csv", "--broker", "old").check(0)
    return shell


def test_rows_by_symbol_broker_and_time(kept: Shell) -> None:
    """The documents of all groupings; a period's row has a period, no other has."""
    words = ("symbol", "broker", "day", "month", "year")
    found = {
        word: done.check(0).json["data"]["rows"]
        for word, done in zip(words, all_at_once(kept, [("pnl", "--by", w, "--json") for w in words]), strict=True)
    }
    assert [(r["symbol"], r["broker"]) for r in found["symbol"]] == [("BTC/USDT", ""), ("ETH/EUR", "")]
    assert [(r["broker"], r["currency"], r["net"]) for r in found["broker"]] == [
        ("old", "EUR", "0"),
        ("old", "USDT", "23.75"),
    ]
    assert [(r["open_quantity"], r["average_cost"], r["open_cost"]) for r in found["broker"]] == [
        (None, None, "0"),
        (None, None, "50.25"),
    ]
    assert [r["return_percent"] for r in found["broker"]] == [None, "2.375"]
    assert [(r["period"], r["net"], r["open_quantity"]) for r in found["month"]] == [
        ("2025-12", "0", "2"),
        ("2026-02", "29", "1"),
        ("2026-03", "-5.25", "0.5"),
        ("2026-04", "0", "0"),
    ]
    assert [r["period"] for r in found["day"]] == ["2025-12-30", "2026-02-28", "2026-03-31", "2026-04-01"]
    assert [(r["period"], r["symbol"]) for r in found["year"]] == [
        ("2025", "BTC/USDT"),
        ("2026", "BTC/USDT"),
        ("2026", "ETH/EUR"),
    ]
    assert "period" not in found["symbol"][0]


def test_a_quarter_is_all_of_it_however_it_is_written(kept: Shell) -> None:
    """--period, --since with --until, and the dates themselves: 23.75 up to the last of March, nothing of April."""
    asks = [
        ("--period", "2026-Q1"),
        ("--since", "2026-Q1", "--until", "2026-q1"),
        ("--since", "2026", "--until", "2026-03"),
        ("--since", "2026-01-01", "--until", "2026-04-01"),
    ]
    for done in all_at_once(kept, [("pnl", "--json", *a) for a in asks]):
        data = done.check(0).json["data"]
        assert [(t["currency"], t["net"]) for t in data["totals"]] == [("EUR", "0"), ("USDT", "23.75")]
        assert [r["fills"] for r in data["rows"]] == [2, 0]
    (row,) = kept.run("pnl", "--period", "2026-02", "--symbol", "BTCUSDT", "--json").check(0).json["data"]["rows"]
    assert (row["net"], row["open_quantity"]) == ("29", "1")


def test_statistics_are_in_rows_and_totals(kept: Shell) -> None:
    """One won, one lost, and down from 29 by 5.25."""
    data = kept.run("pnl", "--stats", "--json").check(0).json["data"]
    assert data["rows"][0]["stats"] == data["totals"][1]["stats"]
    assert data["rows"][0]["stats"] == {
        "disposals": 2,
        "wins": 1,
        "losses": 1,
        "win_rate": "0.5",
        "profit": "29",
        "loss": "-5.25",
        "profit_factor": "5.523809523809523809523809523810".rstrip("0"),
        "best": "29",
        "worst": "-5.25",
        "max_drawdown": "5.25",
    }
    assert data["rows"][1]["stats"]["win_rate"] is None
    assert "win rate" in kept.run("pnl", "--stats").check(0).out


def test_what_is_unmatched_says_its_bound(kept: Shell) -> None:
    """Sold for 50: that much more if it had cost nothing."""
    row = kept.run("pnl", "--symbol", "ETH/EUR", "--json").check(0).json["data"]["rows"][0]
    assert (row["unmatched_quantity"], row["unmatched_proceeds"], row["unmatched_fees"]) == ("1", "50", "0")
    assert (row["net"], row["net_if_unmatched_free"], row["provisional"]) == ("0", "50", False)
    said = " ".join(kept.run("pnl").check(0).out.split())
    assert "? 1 sold without known cost" in said
    assert "at most +50.00 more if it had cost nothing" in said


def test_the_curve_is_plain_text_in_a_pipe(kept: Shell) -> None:
    """No escape byte; braille where the stream carries it, ASCII where it does not; one a currency with a disposal."""
    done = kept.run("pnl", "--chart", COLUMNS="100").check(0)
    assert done.out.count("realised so far") == 1
    assert "realised so far +23.75 USDT" in done.out
    assert "\x1b" not in done.out
    assert not done.out.isascii()
    plain = kept.run("pnl", "--chart", COLUMNS="100", PYTHONIOENCODING="ascii").check(0)
    assert plain.out.isascii()
    assert "****" in plain.out


def test_last_prices_are_asked_only_where_they_are_asked_for(shell: Shell, exchange: ServerThread) -> None:
    """0.0015 held for 69, at 47000: 1.5. Without --unrealized nothing goes out; the manual account is named."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.run("scan").check(0)
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    (shell.cwd / "trades.csv").write_text(HISTORY)
    shell.run("fills", "import", "trades.csv", "--broker", "old").check(0)
    before = len(exchange.server.requests)
    shell.run("pnl", "--json").check(0)
    assert len(exchange.server.requests) == before
    asked_at = now()
    data = shell.run("pnl", "--unrealized", "--json").check(0).json["data"]
    assert [(r["broker"], r["last_price"], r["unrealized"]) for r in data["rows"]] == [
        ("main", "47000", "1.5"),
        ("old", None, None),
        ("old", None, None),
    ]
    assert asked_at.isoformat()[:19] <= data["rows"][0]["last_price_at"][:19]
    assert data["rows"][0]["last_price_at"].endswith("Z")
    assert [(t["currency"], t["unrealized"], t["incomplete"]) for t in data["totals"]] == [
        ("EUR", "0", True),
        ("USDT", "1.5", True),
    ]
    assert data["notes"] == ["no exchange to ask for a price: old"]
    assert len(exchange.server.requests) > before


def test_a_host_that_fails_is_partial(shell: Shell, exchange: ServerThread) -> None:
    """Exit 3, one line, and the document with what is known."""
    shell.add("main", "binance", exchange.url).check(0)
    shell.run("scan").check(0)
    exchange.server.faults.append(faults.status(500, path="/ticker/price"))
    done = shell.run("pnl", "--unrealized", "--json").check(3)
    done.one_line("main: ", "500")
    assert (done.json["status"], done.json["errors"][0]["broker"]) == ("partial", "main")
    assert [(r["net"], r["unrealized"]) for r in done.json["data"]["rows"]] == [("2.5", None)]
    assert [(t["net"], t["unrealized"], t["incomplete"]) for t in done.json["data"]["totals"]] == [("2.5", None, True)]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--by", "week"), "--by"),
        (("--book", "coin"), "--in"),
        (("--book", "lot"), "--book"),
        (("--period", "2026", "--since", "2026"), "--period stands for"),
        (("--period", "7d"), "--period"),
        (("--since", "2026-Q3", "--until", "2026-Q2"), "not before"),
        (("--since", "2026-13"), "out of range"),
        (("--since", "2199"), "future"),
        (("--until", "٢٠٢٦"), "--until"),
        (("--unrealized", "--until", "2026-01-01"), "--unrealized"),
        (("--unrealized", "--in", "EUR"), "--unrealized"),
    ],
)
def test_a_wrong_word_is_a_usage_error(kept: Shell, args: tuple[str, ...], said: str) -> None:
    """Exit 2, one line, a failed document."""
    done = kept.run("pnl", *args, "--json").check(2)
    done.one_line(said)
    assert done.json["errors"][0]["kind"] == "usage"


@pytest.mark.parametrize("capital", ["0 USDT", "-5", "ten", "1,000 USDT", "5 US DT", "NaN", "1e99"])
def test_a_capital_is_an_amount_above_zero(shell: Shell, capital: str) -> None:
    """Anything else is refused before a broker is made."""
    shell.run("broker", "add", "x", "--exchange", "manual", "--initial-capital", capital).check(2).one_line("--initial")
    assert shell.run("broker", "list", "--json").json["data"]["brokers"] == []


def test_a_capital_can_be_set_later(kept: Shell) -> None:
    """A plain number is in the only currency that the broker trades in; here there are two, so there is no return."""
    kept.run("broker", "set", "old", "--initial-capital", "500").check(0)
    assert {r["return_percent"] for r in rows(kept, "--by", "broker")} == {None}
    kept.run("broker", "set", "old", "--initial-capital", "475 usdt").check(0)
    assert [r["return_percent"] for r in rows(kept, "--by", "broker")] == [None, "5"]


def rows(shell: Shell, *args: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = shell.run("pnl", *args, "--json").check(0).json["data"]["rows"]
    return found


def test_plain_pnl_loads_neither_the_network_nor_the_curve(kept: Shell) -> None:
    """Reading the store costs what reading a store costs."""
    code = (
        "import json, sys; from trademon.cli import main; code = main(sys.argv[1:]);"
        "sys.stderr.write(json.dumps(sorted(sys.modules))); sys.exit(code)"
    )
    heavy = {"plotext", "ccxt", "aiohttp", "sqlmodel", "sqlalchemy", "alembic", "trademon.flows.scan"}
    heavy |= {"trademon.exchanges.ccxt_client", "trademon.exchanges.transport", "trademon.demo.server"}
    heavy |= {"trademon.flows.pnl_marks", "trademon.flows.ports"}
    for args in (["pnl"], ["pnl", "--json"], ["pnl", "--by", "month", "--stats"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *args],
            capture_output=True,
            text=True,
            env=kept.env(),
            cwd=Path(kept.cwd),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert heavy & set(json.loads(done.stderr)) == set(), args
