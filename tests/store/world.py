"""The values the tests speak of, what a book must hold by the plain fold, and what the store holds of it."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from trademon.core.coverage import Span
from trademon.core.model import Broker, Credentials, Fee, Fill, Market, Method, fill_order
from trademon.core.money import EXACT, ZERO
from trademon.core.pnl import Book, fold
from trademon.core.times import from_us
from trademon.store.database import Database, Sql
from trademon.store.entry_rows import position
from trademon.store.sqlite import SqliteFile
from trademon.store.store import Store, UserStore

ROOT = Path(__file__).resolve().parents[2]
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEYS = Credentials(api_key="the-key-of-ann", api_secret="the-secret-of-ann", password="the-word-of-ann")
MARKETS = (Market("BTC/USDT", "BTC", "USDT", "BTCUSDT"), Market("ETH/USDT", "ETH", "USDT", "ETHUSDT"))
TABLES = ("fills", "coverage", "books", "lots", "disposals", "unmatched")
KINDS = ("sqlite", "postgresql")
ON_FILES = pytest.mark.parametrize("kind", ["sqlite"])
"""For laws over a hundred stores, and what is the same code on both: on a server they take ten times as long."""
NewStore = Callable[[], str]
"""Makes a store with the user `ann`, and says where it is."""
_KEYS = Path(tempfile.gettempdir()) / f"trademon-keys-{os.getpid()}"
atexit.register(shutil.rmtree, _KEYS, ignore_errors=True)
OPENED: list[Store] = []
"""What the test at hand has opened."""


def minute(n: float) -> datetime:
    return TEN + timedelta(minutes=n)


def open_store(where: Path | str, *, at: datetime = NOON) -> Store:
    """The store in that file or at that URL; a file's key lies beside it. It is closed at the end of the test."""
    url = where if isinstance(where, str) else f"sqlite:///{where}"
    is_file = url.startswith("sqlite:")
    key_file = Path(url.removeprefix("sqlite:///")).with_name("master.key") if is_file else _KEYS / "master.key"
    store = Store(url, key_file=key_file, clock=lambda: at)
    OPENED.append(store)
    return store


def fill(
    trade_id: str = "1",
    side: str = "buy",
    quantity: str = "1",
    price: str = "100",
    *,
    at: datetime | float = 0,
    symbol: str = "BTC/USDT",
    fee: str | None = None,
    **other: Any,
) -> Fill:
    """A fill; `at` in minutes after ten, `fee` as `0.1 USDT, 0.2 BNB`."""
    base, quote = symbol.split("/")
    fees = tuple(Fee(Decimal(f.split()[0]), f.split()[1]) for f in fee.split(",")) if fee else ()
    return Fill(
        trade_id=trade_id,
        symbol=symbol,
        base=base,
        quote=quote,
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at=at if isinstance(at, datetime) else minute(at),
        fees=fees,
        **other,
    )


def add_broker(user: UserStore, name: str = "spot", *, uid: str | None = "7", market: str = "spot", **o: Any) -> Broker:
    """A broker whose account the exchange has named; `uid=None`: nobody has looked yet."""
    options: dict[str, Any] = {"exchange": "binance", "base_url": None, "symbols": (), "method": None, "since": TEN}
    options.update({"credentials": None, **o})
    broker = user.add_broker(name, market=market, **options)
    if uid is not None:
        user.bind_account(broker, uid)
    return user.broker(name)


def book(user: UserStore, broker: Broker, fills: Iterable[Fill], **other: Any) -> int:
    """Book one page, as a scan does."""
    options: dict[str, Any] = {"account_id": broker.account_id, "method": user.method_of(broker), "source": "api"}
    return user.books.book_page(broker, fills, **{**options, "seen_at": NOON, **other})


def span(start: float, end: float, symbol: str = "BTC/USDT") -> tuple[str, Span]:
    """What a page proves: minutes after ten."""
    return symbol, Span(minute(start), minute(end))


# --- books --------------------------------------------------------------------------------------------------------

Derived = dict[str, list[tuple[Any, ...]]]


def expected(fills: Iterable[Fill], method: Method, *, signed: bool) -> Derived:
    """What the books of one account must hold: the plain fold over the set of its fills, symbol by symbol."""
    out: Derived = {"lots": [], "disposals": [], "unmatched": [], "books": [], "days": [], "unvalued": []}
    for symbol in sorted({f.symbol for f in fills}):
        ordered = sorted((f for f in fills if f.symbol == symbol), key=fill_order)
        name = {n: (f.symbol, f.trade_id, f.epoch) for n, f in enumerate(ordered)}
        state = Book(method, signed=signed)
        for done in fold(state, enumerate(ordered)):
            if done.disposal:
                for n, part in enumerate(done.disposal.parts):
                    lot = name[part.lot_fill_id]
                    row = (part.quantity, part.cost, part.gross, part.fees)
                    out["disposals"].append((*name[done.fill_id], n, *lot, *row))
            if done.unmatched:
                gone = done.unmatched
                out["unmatched"].append((*name[done.fill_id], gone.quantity, gone.proceeds, gone.fees))
        for lot in state.open_lots:
            row = (lot.side, lot.quantity, lot.cost, lot.fees, lot.price, lot.opened_at)
            out["lots"].append((*name[lot.fill_id], *row))
        t, last = state.tally, ordered[-1]
        sums = (t.gross, t.fees, t.unmatched_quantity, t.unmatched_proceeds, t.unmatched_fees)
        held = (state.open_quantity, state.open_cost)
        out["books"].append((symbol, method, *sums, *held, t.disposals, t.fills, *position(last)))
        out["unvalued"] += [(symbol, coin, amount) for coin, amount in t.unvalued.items()]
        out["days"] += by_day(symbol, ordered, method, signed=signed)
    return {table: sorted(rows) for table, rows in out.items()}


def by_day(symbol: str, ordered: list[Fill], method: Method, *, signed: bool) -> Iterator[tuple[Any, ...]]:
    """What one book realised on each day: its totals at the day's end less those at its beginning."""
    state = Book(method, signed=signed)
    for day, fills in groupby(enumerate(ordered), key=lambda numbered: numbered[1].executed_at.date()):
        before = state.tally
        list(fold(state, fills))
        t = state.tally - before
        sums = (t.gross, t.fees, t.unmatched_quantity, t.unmatched_proceeds, t.unmatched_fees)
        yield (symbol, (day - date(1970, 1, 1)).days, *sums, t.disposals, t.fills)


def derived(database: Database, account_id: int) -> Derived:
    """What the store holds of it, in the same words: fills by their own names, not by the store's ids."""
    with database.read() as sql:
        return {
            "lots": _lots(sql, account_id),
            "disposals": _disposals(sql, account_id),
            "unmatched": _unmatched(sql, account_id),
            "books": _books(sql, account_id),
            "days": _days(sql, account_id),
            "unvalued": _unvalued(sql, account_id),
        }


_NAME = "markets.symbol, f.trade_id, f.epoch"
_OF = "JOIN fills f ON f.id = {t}.fill_id JOIN markets ON markets.id = {t}.market_id AND markets.id = f.market_id"


def _money(values: Sequence[str]) -> tuple[Decimal, ...]:
    return tuple(Decimal(v) for v in values)


def _lots(sql: Sql, account_id: int) -> list[tuple[Any, ...]]:
    rows = sql.rows(
        f"""SELECT {_NAME}, lots.side, lots.quantity, lots.cost, lots.fees, lots.price, lots.opened_at
        FROM lots {_OF.format(t="lots")} WHERE lots.account_id = ?""",
        account_id,
    )
    return sorted((*r[:4], *_money(r[4:8]), from_us(r[8])) for r in rows)


def _disposals(sql: Sql, account_id: int) -> list[tuple[Any, ...]]:
    rows = sql.rows(
        f"""SELECT {_NAME}, d.part, markets.symbol, l.trade_id, l.epoch, d.quantity, d.cost, d.gross, d.fees
        FROM disposals d {_OF.format(t="d")} JOIN fills l ON l.id = d.lot_fill_id WHERE d.account_id = ?""",
        account_id,
    )
    return sorted((*r[:7], *_money(r[7:])) for r in rows)


def _unmatched(sql: Sql, account_id: int) -> list[tuple[Any, ...]]:
    rows = sql.rows(
        f"""SELECT {_NAME}, u.quantity, u.proceeds, u.fees
        FROM unmatched u {_OF.format(t="u")} WHERE u.account_id = ?""",
        account_id,
    )
    return sorted((*r[:3], *_money(r[3:])) for r in rows)


def _books(sql: Sql, account_id: int) -> list[tuple[Any, ...]]:
    rows = sql.rows(
        """SELECT markets.symbol, method, gross, fees, unmatched_quantity, unmatched_proceeds, unmatched_fees,
        open_quantity, open_cost, disposals, fills, last_at, last_tie
        FROM books JOIN markets ON markets.id = market_id WHERE account_id = ?""",
        account_id,
    )
    return sorted((*r[:2], *_money(r[2:9]), *r[9:]) for r in rows)


def _days(sql: Sql, account_id: int) -> list[tuple[Any, ...]]:
    rows = sql.rows(
        """SELECT markets.symbol, day, gross, fees, unmatched_quantity, unmatched_proceeds, unmatched_fees, disposals,
        fills FROM days JOIN markets ON markets.id = market_id WHERE account_id = ?""",
        account_id,
    )
    return sorted((*r[:2], *_money(r[2:7]), *r[7:]) for r in rows)


def _unvalued(sql: Sql, account_id: int) -> list[tuple[Any, ...]]:
    """The sum of the fees without a price, by symbol and coin."""
    rows = sql.rows(
        """SELECT markets.symbol, coin, amount FROM coin_fees JOIN markets ON markets.id = market_id
        WHERE account_id = ? AND rate IS NULL""",
        account_id,
    )
    sums: dict[tuple[str, str], Decimal] = {}
    for symbol, coin, amount in rows:
        sums[symbol, coin] = EXACT.add(sums.get((symbol, coin), ZERO), Decimal(amount))
    return sorted((*name, amount) for name, amount in sums.items() if amount)


def counts(database: Database) -> dict[str, int]:
    """How many rows each table of the ledger has."""
    with database.read() as sql:
        return {table: sql.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def known(fills: Iterable[Fill]) -> list[tuple[str, str]]:
    return sorted((f.symbol, f.trade_id) for f in fills)


# --- a power cut --------------------------------------------------------------------------------------------------


def fail_writes(database: Database, table: str, event: str = "INSERT", *, when: str = "true") -> None:
    """From here on a write to `table` breaks a constraint, `the power failed`."""
    with database.write() as sql:
        if isinstance(database.backend, SqliteFile):
            stop = "SELECT RAISE(ABORT, 'the power failed')"
            sql.run(f"CREATE TRIGGER stop BEFORE {event} ON {table} WHEN {when} BEGIN {stop}; END")
            return
        stop = "RAISE EXCEPTION 'the power failed' USING ERRCODE = 'integrity_constraint_violation'"
        sql.run(f"CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {stop.replace(_Q, _Q * 2)}; END'")
        each = f"BEFORE {event} ON {table} FOR EACH ROW WHEN ({when})"
        sql.run(f"CREATE TRIGGER stop {each} EXECUTE FUNCTION stop()")


def heal(database: Database, table: str) -> None:
    """The power is back."""
    with database.write() as sql:
        if isinstance(database.backend, SqliteFile):
            sql.run("DROP TRIGGER stop")
        else:
            sql.run(f"DROP TRIGGER stop ON {table}")
            sql.run("DROP FUNCTION stop")


def _broken_constraint() -> tuple[type[Exception], ...]:
    try:
        import psycopg
    except ImportError:
        return (sqlite3.IntegrityError,)
    return (sqlite3.IntegrityError, psycopg.IntegrityError)


BROKEN_CONSTRAINT = _broken_constraint()
"""What either driver raises for one."""
_Q = "'"


# --- other processes ----------------------------------------------------------------------------------------------


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python that runs `code`, its arguments in `sys.argv[1:]`, warnings as errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], say: str | None = None) -> str:
    """What it printed, once it has ended well."""
    out, err = process.communicate(say, timeout=60)
    assert process.returncode == 0, err
    return out.strip()


def all_at_once(code: str, times: int, *arguments: object) -> list[str]:
    """Run `code` in so many processes that wait for each other first, on a line of stdin; what each printed."""
    processes = [start(f"print('ready', flush=True); input()\n{code}", *arguments) for _ in range(times)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [finish(process) for process in processes]
