"""What leaves in files: every disposal with the lots it closed, sums that are those of `pnl`, and files all or none."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.test_pnl_laws import TEN, histories
from tests.flows.desk import NOON
from tests.flows.ledger import FOUNDING, Ledger, minute
from tests.store.world import add_broker, book
from trademon.core.export_rows import SoldRow
from trademon.core.model import METHODS, Contract, Fee, Fill, Method
from trademon.core.money import EXACT, round_figure
from trademon.errors import DataError
from trademon.flows import export
from trademon.flows.fills import import_fills
from trademon.flows.lots import lots, open_lot
from trademon.flows.pnl import PnlQuery, pnl
from trademon.store.reading import FillQuery
from trademon.store.store import Store, UserStore
from trademon.ui.csv_out import fills_csv
from trademon.ui.export_out import SOLD_COLUMNS, Layout, fill_layout, lot_layout, new_file, sold_layout, write_rows
from trademon.ui.lot_tables import lots_csv

D = Decimal
DAY = timedelta(days=1)
NUMBERS = count(1)


@pytest.fixture
def user(store: Store) -> UserStore:
    return store.for_user(store.users()[0].name)


@pytest.fixture
def ledger(store: Store, user: UserStore) -> Ledger:
    ledger = Ledger(store, user)
    ledger.broker("main")
    return ledger


def sold(*users: UserStore, **query: Any) -> list[SoldRow]:
    with users[0].one_moment():
        return list(export.disposals(users, PnlQuery(**query)))


def as_csv(rows: Iterable[Any], layout: Layout[Any]) -> list[dict[str, str]]:
    out = io.StringIO()
    write_rows(out, rows, layout, "csv")
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def total(amounts: Iterable[Decimal | None]) -> Decimal:
    with localcontext(EXACT):
        return sum((amount for amount in amounts if amount is not None), D(0))


# --- disposals ----------------------------------------------------------------------------------------------------


def test_a_disposal_is_a_row_for_each_lot_it_closed(ledger: Ledger) -> None:
    """The founding case with a fee of 0.4 each: the whole of one lot and a quarter of the other."""
    ledger.book("main", *FOUNDING, fee="0.4")
    first, second = as_csv(sold(ledger.user, method="fifo"), sold_layout())
    assert tuple(first) == SOLD_COLUMNS
    assert first == {
        "sold_at": "2026-05-01T12:03:00.000Z",
        "acquired_at": "2026-05-01T12:01:00.000Z",
        "holding_days": "0",
        "user": ledger.user.user,
        "broker": "main",
        "symbol": "BTC/USDT",
        "currency": "USDT",
        "side": "long",
        "quantity": "0.001",
        "price": "47000",
        "acquisition_price": "45000",
        "proceeds": "47",
        "cost": "45",
        "gross": "2",
        "opening_fees": "0.4",
        "closing_fees": "0.266666666666666666666666666667",
        "net": "1.333333333333333333333333333333",
        "method": "fifo",
        "fill_id": "3",
        "lot_id": "1",
        "trade_id": "3",
        "order_id": "",
        "acquired_by": "fill",
        "unmatched": "",
        "lot_trade_id": "1",
        "provisional": "",
    }
    assert (second["quantity"], second["cost"], second["gross"], second["opening_fees"]) == (
        "0.0005",
        "23",
        "0.5",
        "0.1",
    )
    assert second["closing_fees"] == "0.133333333333333333333333333333"


@pytest.mark.parametrize(
    ("after", "days"), [(DAY - timedelta(microseconds=1), 0), (DAY, 1), (365 * DAY, 365), (timedelta(hours=3), 0)]
)
def test_holding_days_are_whole_days_of_24_hours(ledger: Ledger, after: timedelta, days: int) -> None:
    """Midnights in between do not count."""
    at = datetime.fromisoformat("2024-02-28T23:00:00+00:00")
    ledger.book("main", ("buy", "1", "10", at), ("sell", "1", "12", at + after))
    (row,) = sold(ledger.user)
    assert row.holding_days == days


def test_what_met_no_lot_is_a_row_that_says_why(ledger: Ledger) -> None:
    """Hold 1, sell 2: cost and net of the second are unknown, and it is in no figure. Its share of the fee is told."""
    ledger.book("main", ("buy", "1", "100"), ("sell", "2", "150"), fee="1")
    matched, missing = sold(ledger.user)
    assert (matched.net, matched.quantity, matched.unmatched) == (D("48.5"), 1, None)
    assert (missing.lot, missing.net, missing.holding_days, missing.acquisition_price) == (None, None, None, None)
    assert (missing.quantity, missing.proceeds, missing.closing_fees) == (1, 150, D("0.5"))
    assert "the history known here begins on 2026-05-01" in (missing.unmatched or "")
    _, told = as_csv([matched, missing], sold_layout())
    empty = (
        "acquired_at",
        "holding_days",
        "cost",
        "gross",
        "opening_fees",
        "net",
        "lot_id",
        "acquired_by",
        "lot_trade_id",
    )
    assert [told[name] for name in empty] == [""] * len(empty)


def test_a_fee_that_ate_its_fill_is_a_row_of_its_own(ledger: Ledger) -> None:
    """Nothing was sold, and it costs all the same: without it the nets would not add up."""
    fill = Fill("1", "BTC/USDT", "BTC", "USDT", "buy", D("0.1"), D(100), NOON, (Fee(D("0.1"), "BTC"),))
    ledger.add("main", fill)
    (row,) = sold(ledger.user)
    assert (row.quantity, row.net, row.lot, row.unmatched, row.sale.side) == (0, D(-10), None, None, None)
    (told,) = as_csv([row], sold_layout())
    assert (told["acquired_by"], told["gross"], told["cost"], told["net"]) == ("fee alone", "0", "0", "-10")
    assert ledger.row().net == -10


def test_a_short_is_opened_by_its_sale_and_closed_by_its_purchase(user: UserStore) -> None:
    """Gross is cost less proceeds there: sell 2 at 110, buy 2 at 100."""
    broker = add_broker(user, "margin", market="margin")
    book(user, broker, [_trade("1", "sell", "2", "110", 0), _trade("2", "buy", "2", "100", 1)])
    (row,) = sold(user)
    assert row.lot is not None
    assert (row.sale.side, row.proceeds, row.lot.cost, row.lot.gross, row.net) == ("short", 200, 220, 20, 20)


def _trade(trade_id: str, side: Any, quantity: str, price: str, at: int, order: str = "") -> Fill:
    return Fill(trade_id, "BTC/USDT", "BTC", "USDT", side, D(quantity), D(price), minute(at), (), order)


def test_a_lot_entered_by_hand_says_so(ledger: Ledger) -> None:
    """And has no trade id of an exchange."""
    ledger.book("main", ("sell", "1", "150"))
    amounts = {"quantity": D(1), "price": D(90), "fee": D(0)}
    open_lot(ledger.user, ledger.user.broker("main"), "BTC/USDT", **amounts, at=NOON - 400 * DAY, now=minute(9))
    (told,) = as_csv(sold(ledger.user), sold_layout())
    assert (told["acquired_by"], told["lot_trade_id"], told["holding_days"]) == ("entered by hand", "", "400")
    assert told["acquired_at"] == "2025-03-27T12:00:00.000Z"


def test_a_fee_without_a_known_price_makes_its_rows_provisional(ledger: Ledger) -> None:
    """Of the sale or of the purchase: it is in no figure."""
    bnb = (Fee(D("0.01"), "BNB"),)
    buys = [
        Fill(str(n), "BTC/USDT", "BTC", "USDT", "buy", D(1), D(100), minute(n), bnb if n == 2 else ()) for n in (1, 2)
    ]
    ledger.add("main", *buys, _trade("3", "sell", "2", "110", 3))
    assert [row.provisional for row in sold(ledger.user, method="fifo")] == [False, True]


def test_rows_of_several_books_and_users_stand_in_order_of_time(store: Store, ledger: Ledger) -> None:
    """A disposal's parts stay together, in the order they were taken."""
    store.add_user("bob", method=None, currency=None, telegram_chat=None)
    bob = Ledger(store, store.for_user("bob"))
    bob.broker("his")
    for n in range(5):
        ledger.book("main", ("buy", "1", "10", minute(n)), symbol=("BTC/USDT", "ETH/USDT")[n % 2])
        bob.book("his", ("buy", "1", "10", minute(n)))
    for n in range(3):
        ledger.book("main", ("sell", "1.5", "11", minute(10 + n)), symbol=("BTC/USDT", "ETH/USDT")[n % 2])
        bob.book("his", ("sell", "1.5", "11", minute(10 + n)))
    rows = sold(ledger.user, bob.user, method="fifo")
    assert len(rows) == 12
    assert all(a.sale.sold_at <= b.sale.sold_at for a, b in pairwise(rows))
    groups = [row.sale.fill_id for row in rows]
    assert len([1 for a, b in pairwise(groups) if a != b]) == len(set(groups)) - 1
    assert {row.sale.user for row in rows} == {"bob", ledger.user.user}


def test_filters_are_those_of_pnl(ledger: Ledger) -> None:
    """Broker, symbol, and [since, until) of the sale; what was bought before still is its cost."""
    ledger.broker("other")
    ledger.book("main", ("buy", "3", "10"), ("sell", "1", "11"), ("sell", "1", "12"), ("sell", "1", "13"))
    ledger.book("other", ("buy", "1", "10"), ("sell", "1", "20"), symbol="ETH/USDT")
    assert [row.net for row in sold(ledger.user, since=minute(3), until=minute(4))] == [2]
    assert [row.net for row in sold(ledger.user, brokers=("other",))] == [10]
    assert [row.net for row in sold(ledger.user, symbols=("BTC/USDT",))] == [1, 2, 3]


def test_what_goes_to_another_account_of_the_user_is_no_disposal(user: UserStore) -> None:
    """A row that `leaves` takes its lot out without a sale, and realises nothing."""
    broker = add_broker(user)
    gone = Fill("t", "BTC/USDT", "BTC", "USDT", "sell", D(1), D(0), minute(1), leaves=True)
    book(user, broker, [_trade("1", "buy", "2", "100", 0)])
    book(user, broker, [gone], source="transfer")
    book(user, broker, [_trade("3", "sell", "1", "110", 2)])
    assert [(row.sale.trade_id, row.net) for row in sold(user)] == [("3", 10)]
    with user.one_moment():
        assert [row.trade_id for row in export.fills([user], PnlQuery())] == ["1", "3"]


edges = st.one_of(st.none(), st.integers(0, 6))


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    history=histories,
    method=st.sampled_from(METHODS),
    own=st.booleans(),
    signed=st.booleans(),
    since=edges,
    until=edges,
)
def test_the_rows_add_up_to_pnl_to_the_last_digit(
    user: UserStore,
    history: list[Fill],
    method: Method,
    own: bool,
    signed: bool,
    since: int | None,
    until: int | None,
) -> None:
    """Gross, fees, net and what met no lot, of any book, by any method, of any stretch of time."""
    number = next(NUMBERS)
    more: dict[str, Any] = {"uid": str(number), "market": "margin" if signed else "spot"}
    broker = add_broker(user, f"b{number}", method=method if own else "fifo", **more)
    book(user, broker, history)
    begin, end = (None if n is None else TEN + timedelta(milliseconds=n) for n in (since, until))
    query: dict[str, Any] = {"brokers": (broker.name,), "method": method, "since": begin, "until": end}
    rows, answer = sold(user, **query), pnl([user], PnlQuery(**query)).rows
    if not answer:
        assert rows == []
        return
    (row,) = answer
    known = [r for r in rows if r.unmatched is None]
    assert total(r.net for r in rows) == row.net
    assert total(r.lot.gross for r in known if r.lot) == row.gross
    assert total([*(r.closing_fees for r in known), *(r.lot.opening_fees for r in known if r.lot)]) == row.fees
    assert total(r.quantity for r in rows if r.unmatched) == row.unmatched_quantity
    assert total(r.proceeds for r in rows if r.unmatched) == row.unmatched_proceeds
    assert total(r.closing_fees for r in rows if r.unmatched) == row.unmatched_fees
    assert len({r.sale.fill_id for r in rows if r.lot}) == row.disposals
    told = total(D(cells["net"] or 0) for cells in as_csv(rows, sold_layout()))
    assert abs(EXACT.subtract(told, round_figure(row.net))) <= len(rows) * D("1e-30")


def test_batches_do_not_show(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows when one entry is folded at a time."""
    ledger.book("main", *(("buy", "1", str(10 + n)) for n in range(40)), *(("sell", "1.5", "90") for _ in range(30)))
    whole = sold(ledger.user)
    monkeypatch.setattr(export, "_AT_ONCE", 1)
    assert sold(ledger.user) == whole
    assert len(whole) > 40


# --- fills, lots --------------------------------------------------------------------------------------------------


def exported(user: UserStore, path: Path, **query: Any) -> Path:
    with user.one_moment(), new_file(path, force=True) as stream:
        asked = PnlQuery(**query)
        contracts = export.have_contracts([user], asked)
        layout = fill_layout(more_fees=export.have_more_fees([user], asked), contracts=contracts)
        write_rows(stream, export.fills([user], asked), layout, "csv")
    return path


def facts(user: UserStore, broker: str) -> list[tuple[Any, ...]]:
    rows = user.fills(FillQuery(brokers=(broker,))).fills
    return [
        (r.executed_at, r.symbol, r.side, r.quantity, r.price, r.fee, r.fee_currency, r.order_id, r.trade_id)
        for r in rows
    ]


@pytest.mark.parametrize("listed", [False, True])
def test_exported_contracts_keep_their_size(store: Store, ledger: Ledger, tmp_path: Path, listed: bool) -> None:
    """1,000 contracts of 0.001 BTC beside a fill of coins, into a store that knows of no contract: 1 BTC still, not
    1,000; by `fills export` and by `fills --csv`."""
    ledger.broker("perps", market="swap")
    swap, inverse = Contract("USDT", D("0.001")), Contract("BTC", D(100), inverse=True)
    ledger.add(
        "perps",
        Fill("1", "BTC/USDT:USDT", "BTC", "USDT", "buy", D(1000), D(50000), NOON, contract=swap),
        Fill("2", "BTC/USD:BTC", "BTC", "USD", "sell", D(7), D(50000), NOON, contract=inverse),
        Fill("3", "ETH/USDT", "ETH", "USDT", "buy", D(2), D(3000), NOON),
    )
    path = tmp_path / "out.csv"
    if listed:
        with path.open("w") as stream:
            fills_csv(ledger.user.fills(FillQuery()), stream)
    else:
        exported(ledger.user, path)
    assert {row["contract_size"] for row in csv.DictReader(io.StringIO(path.read_text()))} == {"0.001", "100", ""}
    other = Store(f"sqlite:///{tmp_path}/other.db", key_file=tmp_path / "other.key", clock=lambda: NOON)
    try:
        fresh = Ledger(other, other.for_user(other.users()[0].name))
        fresh.broker("perps", market="swap")
        report = import_fills(fresh.user, fresh.user.broker("perps"), path, now=NOON)
        assert (report.new_fills, report.unsized) == (3, ())
        assert fresh.ask().rows == ledger.ask().rows
    finally:
        other.close()


def test_without_a_contract_there_is_no_column_for_its_size(ledger: Ledger, tmp_path: Path) -> None:
    """Nor where the only one was executed at another time."""
    ledger.broker("perps", market="swap")
    swap = Contract("USDT", D("0.001"))
    ledger.add("perps", Fill("1", "BTC/USDT:USDT", "BTC", "USDT", "buy", D(1), D(5), minute(-9), contract=swap))
    ledger.book("main", ("buy", "3", "4"))
    path = exported(ledger.user, tmp_path / "out.csv", since=NOON)
    assert "contract_size" not in path.read_text()


def test_exported_fills_are_imported_as_they_were(ledger: Ledger, tmp_path: Path) -> None:
    """Into another broker, to the last digit: ids that look like formulas, microseconds, rebates, ties in time."""
    at = NOON + timedelta(microseconds=7)
    odd = [
        Fill("=1+1", "BTC/USDT", "BTC", "USDT", "buy", D("1e-18"), D("123456789.123456789"), at, (), '-o,"2'),
        Fill("10", "BTC/USDT", "BTC", "USDT", "sell", D(1), D(2), NOON, (Fee(D("-0.1"), "BNB"),), "@x"),
        Fill("9", "BTC/USDT", "BTC", "USDT", "sell", D(1), D(2), NOON, (Fee(D("0.1"), "USDT"),)),
    ]
    ledger.add("main", *odd)
    ledger.book("main", ("buy", "3", "4"), symbol="1000PEPE/USDT", fee="0.3")
    path = exported(ledger.user, tmp_path / "out.csv")
    assert "\n2026-05-01T12:00:00.000Z,BTC/USDT,sell,1,2,0.1,USDT,,9," in path.read_text()
    ledger.broker("new")
    new = import_fills(ledger.user, ledger.user.broker("new"), path, now=minute(60)).new_fills
    assert new == 4
    assert facts(ledger.user, "new") == facts(ledger.user, "main")


def test_fills_are_listed_as_trademon_fills_lists_them(ledger: Ledger, tmp_path: Path) -> None:
    """The same rows in the same order, filters too; a lot entered by hand is no fill."""
    ledger.broker("other")
    ledger.book("main", *FOUNDING)
    ledger.book("other", *FOUNDING, symbol="ETH/USDT")
    amounts = {"quantity": D(1), "price": D(90), "fee": D(0)}
    open_lot(ledger.user, ledger.user.broker("main"), "BTC/USDT", **amounts, at=NOON - DAY, now=minute(9))
    for query in ({}, {"brokers": ("other",)}, {"symbols": ("BTC/USDT",)}, {"since": minute(2), "until": minute(5)}):
        with ledger.user.one_moment():
            rows = tuple(export.fills([ledger.user], PnlQuery(**query)))  # type: ignore[arg-type]
        assert rows == ledger.user.fills(FillQuery(**query)).fills  # type: ignore[arg-type]
        assert rows


def test_further_fees_have_a_column_where_there_are_any(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing is left out silently; the import reads the nine columns it knows."""
    ledger.book("main", *FOUNDING)
    assert exported(ledger.user, tmp_path / "a.csv").read_text().splitlines()[0].endswith(",id,source")
    two = (Fee(D("0.1"), "USDT"), Fee(D("0.002"), "BNB"), Fee(D(-1), "USDT"))
    ledger.add("main", Fill("77", "BTC/USDT", "BTC", "USDT", "buy", D(1), D(2), minute(9), two))
    head, *_, last = exported(ledger.user, tmp_path / "b.csv").read_text().splitlines()
    assert head.endswith(",source,more_fees")
    assert last.endswith(",0.002 BNB; -1 USDT")
    ledger.broker("new")
    assert import_fills(ledger.user, ledger.user.broker("new"), tmp_path / "b.csv", now=minute(60)).new_fills == 4


@pytest.mark.parametrize("method", [None, *METHODS])
def test_exported_lots_are_those_that_trademon_lots_lists(ledger: Ledger, method: Method | None) -> None:
    """By any method and as of any time; `since` leaves out what was opened before."""
    ledger.book("main", ("buy", "1", "10"), ("buy", "2", "12"), ("sell", "1.5", "13"), ("buy", "1", "9"), fee="0.1")
    for until in (None, minute(3), minute(4)):
        query = PnlQuery(method=method, until=until)
        listed, out, mine = lots([ledger.user], query), io.StringIO(), io.StringIO()
        lots_csv(listed, out)
        with ledger.user.one_moment():
            number = write_rows(mine, export.lots([ledger.user], query), lot_layout(), "csv")
        assert (mine.getvalue(), number) == (out.getvalue(), len(listed.lots))
    with ledger.user.one_moment():
        newer = list(export.lots([ledger.user], PnlQuery(method="fifo", since=minute(4))))
    assert [lot.price for lot in newer] == [9]


# --- how rows are written -----------------------------------------------------------------------------------------


def test_json_lines_have_the_columns_as_keys(ledger: Ledger) -> None:
    """An object a line, text for money, null for what is not known."""
    ledger.book("main", ("buy", "1", "100"), ("sell", "2", "150.5"))
    out = io.StringIO()
    assert write_rows(out, sold(ledger.user), sold_layout(), "jsonl") == 2
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert tuple(first) == tuple(second) == SOLD_COLUMNS
    assert (first["net"], first["holding_days"], first["unmatched"], first["provisional"]) == ("50.5", 0, None, False)
    assert (second["net"], second["acquired_at"], second["cost"]) == (None, None, None)
    assert second["unmatched"]


def test_no_cell_is_a_formula(ledger: Ledger) -> None:
    """What an exchange or a person named is text in a spreadsheet, too; numbers below zero stay numbers."""
    ledger.add("main", _trade("=cmd|x", "buy", "1", "100", 1, "+1"), _trade("@SUM(A1)", "sell", "1", "90", 2, "-x"))
    (row,) = as_csv(sold(ledger.user), sold_layout())
    assert (row["trade_id"], row["order_id"], row["lot_trade_id"]) == ("'@SUM(A1)", "'-x", "'=cmd|x")
    assert row["net"] == "-10"


def test_memory_does_not_grow_with_the_number_of_rows(ledger: Ledger) -> None:
    """Thirty times as many rows are written within the memory that the first ones took."""
    trades = [_trade(str(n), "buy" if n % 2 else "sell", "1", str(100 + n % 7), n) for n in range(1, 20_001)]
    ledger.add("main", *trades)

    def peak(until: datetime | None) -> int:
        tracemalloc.start()
        with ledger.user.one_moment(), Path(os.devnull).open("w") as sink:
            query = PnlQuery(until=until, method="lifo")
            write_rows(sink, export.disposals([ledger.user], query), sold_layout(), "csv")
            write_rows(sink, export.fills([ledger.user], query), fill_layout(more_fees=False), "csv")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(minute(10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_AT_ONCE", 256)
        assert peak(None) < 2 * peak(minute(600)) + 100_000


# --- the file -----------------------------------------------------------------------------------------------------


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    """Not before, and for its owner alone."""
    path = tmp_path / "out.csv"
    with new_file(path, force=False) as stream:
        stream.write("a\n")
        assert not path.exists()
    assert (path.read_text(), path.stat().st_mode & 0o777, names(tmp_path)) == ("a\n", 0o600, ["out.csv"])


def test_a_file_that_exists_is_replaced_only_by_force(tmp_path: Path) -> None:
    """Also when it came while rows were written."""
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(DataError, match="exists"), new_file(path, force=False):
        pytest.fail("not reached")
    with new_file(path, force=True) as stream:
        stream.write("new")
    assert path.read_text() == "new"
    path.unlink()
    with pytest.raises(DataError, match="exists"), new_file(path, force=False) as stream:
        path.write_text("faster")
    assert (path.read_text(), names(tmp_path)) == ("faster", ["out.csv"])


def write_half(path: Path, fault: BaseException, *, force: bool) -> None:
    with new_file(path, force=force) as stream:
        stream.write("half")
        raise fault


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_left_of_what_failed(tmp_path: Path, force: bool) -> None:
    """Neither half of a file nor the one it was written to; what was there before stays."""
    path = tmp_path / "out.csv"
    if force:
        path.write_text("old")
    for fault in (ValueError("a fault"), KeyboardInterrupt(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))):
        with pytest.raises((type(fault), DataError)):
            write_half(path, fault, force=force)
        assert names(tmp_path) == (["out.csv"] if force else [])
    assert not force or path.read_text() == "old"


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when only the last flush finds out."""

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"), new_file(tmp_path / "out.csv", force=False) as stream:
        stream.write("a")
    assert names(tmp_path) == []


def test_a_file_system_without_links_is_written_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And still nothing is overwritten there."""

    def no_links(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    path = tmp_path / "out.csv"
    with new_file(path, force=False) as stream:
        stream.write("a")
    assert (path.read_text(), names(tmp_path)) == ("a", ["out.csv"])
    path.unlink()
    with pytest.raises(DataError, match="exists"), new_file(path, force=False):
        path.write_text("faster")
    assert (path.read_text(), names(tmp_path)) == ("faster", ["out.csv"])


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """A directory, a pipe, a device; and a directory that is not there is named."""
    os.mkfifo(tmp_path / "pipe.csv")
    places: Sequence[tuple[Path, str]] = (
        (tmp_path, "is a directory"),
        (tmp_path / "pipe.csv", "is no file"),
        (tmp_path / "none" / "out.csv", "there is no directory"),
        (tmp_path / ("x" * 300), "too long"),
    )
    for path, words in places:
        with pytest.raises(DataError, match=words), new_file(path, force=True):
            pytest.fail("not reached")
    assert names(tmp_path) == ["pipe.csv"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    """As a person means who keeps the file elsewhere."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.csv").write_text("old")
    (tmp_path / "out.csv").symlink_to(tmp_path / "there" / "real.csv")
    with new_file(tmp_path / "out.csv", force=True) as stream:
        stream.write("new")
    assert (tmp_path / "out.csv").is_symlink()
    assert (tmp_path / "there" / "real.csv").read_text() == "new"


def test_a_store_that_fails_in_between_leaves_no_file(ledger: Ledger, tmp_path: Path) -> None:
    """The rows are read while they are written."""

    def rows() -> Iterator[SoldRow]:
        yield from sold(ledger.user)
        raise RuntimeError("the store is gone")

    ledger.book("main", *FOUNDING)
    (tmp_path / "out").mkdir()
    with pytest.raises(RuntimeError), new_file(tmp_path / "out" / "out.csv", force=False) as stream:
        write_rows(stream, rows(), sold_layout(), "csv")
    assert names(tmp_path / "out") == []
