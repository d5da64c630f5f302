"""`trademon cash`: taken in from a file, listed, summed; and how its mistakes end."""

from __future__ import annotations

from tests.cli.shell import Shell

FILE = (
    "at,kind,currency,amount,symbol,id\n"
    "2026-05-01T08:00:00Z,funding,USDT,-0.42,BTC/USDT:USDT,f1\n"
    "2026-05-01T16:00:00Z,funding,USDT,0.02,BTC/USDT:USDT,f2\n"
    "2026-05-02T00:00:00Z,interest,BTC,-0.00000001,,\n"
)
TAKE = ("cash", "import", "cash.csv", "--broker", "perps")


def with_broker(shell: Shell, content: str = FILE) -> Shell:
    shell.run("broker", "add", "perps", "--exchange", "manual", "--market", "swap").check(0)
    (shell.cwd / "cash.csv").write_text(content)
    return shell


def test_the_same_file_again_adds_nothing(shell: Shell) -> None:
    """The document says how many rows were read and how many were new."""
    with_broker(shell)
    news = [shell.run(*TAKE, "--json").check(0).json["data"] for _ in range(2)]
    assert news == [{"broker": "perps", "rows": 3, "new_lines": 3}, {"broker": "perps", "rows": 3, "new_lines": 0}]


def test_the_document_has_lines_and_totals(shell: Shell) -> None:
    """Amounts are exact text, a line of the account itself has no symbol."""
    with_broker(shell).run(*TAKE).check(0)
    done = shell.run("cash", "--json").check(0).json
    assert (done["command"], done["status"]) == ("cash", "success")
    assert done["data"]["cash"][0] == {
        "at": "2026-05-01T08:00:00.000Z",
        "user": "ann",
        "broker": "perps",
        "kind": "funding",
        "symbol": "BTC/USDT:USDT",
        "currency": "USDT",
        "amount": "-0.42",
        "id": "f1",
    }
    interest = done["data"]["cash"][2]
    assert (interest["symbol"], interest["amount"], interest["id"][:4]) == (None, "-0.00000001", "row-")
    assert done["data"]["totals"] == [
        {"user": "ann", "broker": "perps", "kind": "funding", "currency": "USDT", "amount": "-0.4"},
        {"user": "ann", "broker": "perps", "kind": "interest", "currency": "BTC", "amount": "-0.00000001"},
    ]


def test_options_choose_lines(shell: Shell) -> None:
    """By broker and period, for lines and totals alike."""
    with_broker(shell).run(*TAKE).check(0)
    chosen = ("--broker", "perps", "--since", "2026-05-01T16:00", "--until", "2026-05-02")
    data = shell.run("cash", *chosen, "--json").check(0).json["data"]
    assert [line["id"] for line in data["cash"]] == ["f2"]
    assert [total["amount"] for total in data["totals"]] == ["0.02"]
    shell.run("cash", "--broker", "nobody").check(4).one_line("there is no broker 'nobody'")


def test_csv_is_taken_in_again(shell: Shell) -> None:
    """What goes out comes in, and adds nothing."""
    with_broker(shell).run(*TAKE).check(0)
    out = shell.run("cash", "--csv").check(0).out
    assert out.splitlines()[:2] == [
        "at,kind,currency,amount,symbol,id,broker,user",
        "2026-05-01T08:00:00.000Z,funding,USDT,-0.42,BTC/USDT:USDT,f1,perps,ann",
    ]
    (shell.cwd / "cash.csv").write_text(out)
    assert shell.run(*TAKE, "--json").check(0).json["data"]["new_lines"] == 0


def test_a_person_reads_lines_totals_and_what_they_are_not(shell: Shell) -> None:
    """Signs and units, and that no P&L figure has them; an empty list says what to do."""
    with_broker(shell)
    assert "no cash lines yet: trademon cash import" in shell.run("cash").check(0).out
    shell.run(*TAKE).check(0)
    lines = shell.run("cash").check(0).out.splitlines()
    assert [word for word in lines[1].split() if word[0] in "+-"] == ["-0.42"]
    totals = [line.split() for line in lines if line.startswith("total")]
    assert totals == [
        ["total", "perps", "funding", "-0.40", "USDT"],
        ["total", "perps", "interest", "-0.00000001", "BTC"],
    ]
    assert "none of it is in the figures of trademon pnl" in " ".join(" ".join(lines).split())
    nothing = shell.run("cash", "--since", "2026-05-03").check(0).out
    assert "nothing matches; 3 cash lines are stored" in nothing


def test_a_wrong_row_is_one_line_and_stores_nothing(shell: Shell) -> None:
    """Exit 1, with line and column."""
    with_broker(shell, FILE + "2026-05-02,bonus,USDT,1,,\n")
    shell.run(*TAKE).check(1).one_line("line 5, column kind: 'bonus' is no kind of cash", "funding, interest")
    assert shell.run("cash", "--json").check(0).json["data"] == {"cash": [], "totals": []}


def test_contracts_go_into_a_manual_broker_for_swaps(shell: Shell) -> None:
    """From the command line to the figure: long 1,000 USD from 1,000 to 1,250 earns 0.2 BTC."""
    with_broker(shell)
    rows = "2026-05-01,BTC/USD:BTC,buy,10,1000,100\n2026-05-02,BTC/USD:BTC,sell,10,1250,100\n"
    (shell.cwd / "trades.csv").write_text("executed_at,symbol,side,quantity,price,contract_size\n" + rows)
    shell.run("fills", "import", "trades.csv", "--broker", "perps").check(0)
    (row,) = shell.run("pnl", "--json").check(0).json["data"]["rows"]
    assert (row["symbol"], row["currency"], row["gross"]) == ("BTC/USD:BTC", "BTC", "0.2")
    shell.run("broker", "add", "x", "--exchange", "binance", "--market", "margin").check(2).one_line(
        "--market margin", "spot, swap"
    )


def test_pnl_shows_it_beside_the_trades_and_in_no_figure(shell: Shell) -> None:
    """A line each for a person, `cash` in the document; the totals are those of the trades alone."""
    with_broker(shell).run(*TAKE).check(0)
    (shell.cwd / "fills.csv").write_text(
        "executed_at,symbol,side,quantity,price\n"
        "2026-05-01T07:00:00Z,BTC/USDT:USDT,buy,1,100\n"
        "2026-05-01T09:00:00Z,BTC/USDT:USDT,sell,1,110\n"
    )
    shell.run("fills", "import", "fills.csv", "--broker", "perps").check(0)

    data = shell.run("pnl", "--json").check(0).json["data"]
    assert [total["net"] for total in data["totals"]] == ["10"]
    assert [(c["kind"], c["currency"], c["amount"]) for c in data["cash"]] == [
        ("funding", "USDT", "-0.4"),
        ("interest", "BTC", "-0.00000001"),
    ]
    assert "beside the trades: perps funding -0.40 USDT" in shell.run("pnl").check(0).out
