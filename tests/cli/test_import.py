"""`trademon fills import`: which file, which columns, which zone; and how its mistakes end."""

from __future__ import annotations

from tests.cli.shell import Shell

BINANCE = (
    "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
    "2024-01-05 10:11:12,BTCUSDT,BUY,45000,0.001BTC,45USDT,0.045USDT\n"
    "2024-01-05 10:11:12,BTCUSDT,BUY,45000,0.001BTC,45USDT,0.045USDT\n"
)
OTHER = "Trade date,Coin,Currency,Action,Units,Price\n2024-07-01 12:00:00,BTC,EUR,Bought,0.5,50000\n"
MAPPED = ("executed_at=Trade date", "base=Coin", "quote=Currency", "side=Action", "quantity=Units", "price=Price")


def with_broker(shell: Shell, content: str) -> None:
    shell.run("broker", "add", "old", "--exchange", "manual").check(0)
    (shell.cwd / "trades.csv").write_text(content)


def take(shell: Shell, *more: str) -> tuple[str, ...]:
    return ("fills", "import", "trades.csv", "--broker", "old", *more)


def test_the_help_names_the_formats_and_shows_a_mapping(fresh: Shell) -> None:
    """What a person needs who has a file in hand."""
    text = " ".join(fresh.run("fills", "import", "--help").check(0).out.split())
    for word in ("auto (by the header), trademon, binance, bitget or saxo", '--map executed_at="Trade date"', "--tz"):
        assert word in text


def test_an_exchanges_own_file_is_known_by_its_header(shell: Shell) -> None:
    """Two fills that look alike are two; the file again adds none."""
    with_broker(shell, BINANCE)
    news = [shell.run(*take(shell, "--json")).check(0).json["data"]["new_fills"] for _ in range(2)]
    assert news == [2, 0]
    fills = shell.run("fills", "--json").check(0).json["data"]["fills"]
    assert {(f["symbol"], f["side"], f["quantity"], f["fee_currency"]) for f in fills} == {
        ("BTC/USDT", "buy", "0.001", "USDT")
    }


def test_any_file_by_its_columns_and_zone(shell: Shell) -> None:
    """Each field by its column, times where the person lives."""
    with_broker(shell, OTHER)
    columns = [word for item in MAPPED for word in ("--map", item)]
    shell.run(*take(shell, *columns, "--tz", "Europe/Zurich")).check(0)
    (fill,) = shell.run("fills", "--json").check(0).json["data"]["fills"]
    assert (fill["executed_at"], fill["symbol"]) == ("2024-07-01T10:00:00.000Z", "BTC/EUR")


OWN = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"


def test_a_corrected_row_is_told(shell: Shell) -> None:
    """In the document, and to a person; again there is nothing to correct."""
    with_broker(shell, f"{OWN}2026-01-31T10:00:00Z,BTC/USDT,buy,1,100,0.5,USDT,,1\n")
    first = shell.run(*take(shell, "--json")).check(0).json["data"]
    assert (first["new_fills"], first["corrected"]) == (1, 0)
    (shell.cwd / "trades.csv").write_text(f"{OWN}2026-01-31T10:00:00Z,BTC/USDT,buy,1,100,0.4,USDT,,1\n")
    told = [shell.run(*take(shell, "--json")).check(0).json["data"] for _ in range(2)]
    assert [(data["rows"], data["new_fills"], data["corrected"]) for data in told] == [(1, 0, 1), (1, 0, 0)]
    (row,) = shell.run("pnl", "--json").check(0).json["data"]["rows"]
    assert row["open_cost"] == "100.4"


def test_a_row_that_contradicts_another_is_named(shell: Shell) -> None:
    """By its line and column, with what differs; nothing is stored."""
    row = "2026-01-31T10:00:00Z,BTC/USDT,buy,1,100,0.5,USDT,,1\n"
    with_broker(shell, OWN + row + row.replace("0.5", "0.6"))
    shell.run(*take(shell)).check(1).one_line("line 3, column fee", "line 2", "fee 0.5 USDT, not 0.6 USDT")
    assert shell.run("fills", "--json").check(0).json["data"]["fills"] == []


def test_wrong_words_end_with_2_and_a_wrong_file_with_1(shell: Shell) -> None:
    """One line each, and nothing is stored."""
    with_broker(shell, OTHER)
    shell.run(*take(shell, "--map", "colour=Price")).check(2).one_line("'colour' is no field", "executed_at")
    shell.run(*take(shell, "--format", "kraken")).check(2).one_line("no format 'kraken'", "binance")
    shell.run(*take(shell, "--tz", "Mars/Olympus")).check(2).one_line("no time zone 'Mars/Olympus'")
    shell.run(*take(shell, "--map", "price=Preis")).check(1).one_line("line 1: the column", "is missing")
    shell.run(*take(shell)).check(1).one_line("line 1: the column executed_at is missing", "--map price=COLUMN")
    assert shell.run("fills", "--json").check(0).json["data"]["fills"] == []
