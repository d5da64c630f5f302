"""What booking a fill costs: pages through the real Bookkeeper, and the same rows through bare sqlite3 as a yardstick.

    python benchmarks/booking.py [--fills 20000] [--single 2000] [--profile]

A fill booked is: known or new, the row with its raw answer, lots opened and consumed, disposals, the book's totals,
coverage, commit with `synchronous=FULL`. The yardstick inserts as many rows of each kind, already computed, and
nothing else.
"""

from __future__ import annotations

import argparse
import cProfile
import platform
import pstats
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from trademon.core.coverage import Span
from trademon.core.model import Fee, Fill
from trademon.store.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
PAGE = 100
RAW = (
    '{{"symbol":"{symbol}","id":{n},"orderId":{n},"orderListId":-1,"price":"{price}","qty":"{quantity}",'
    '"quoteQty":"0.00000000","commission":"0.00100000","commissionAsset":"USDT","time":{n},"isBuyer":true,'
    '"isMaker":false,"isBestMatch":true}}'
)


@dataclass(frozen=True)
class Timing:
    """What a run took."""

    fills: int
    wall: float
    cpu: float

    @property
    def line(self) -> str:
        per_second, us = self.fills / self.wall, self.cpu / self.fills * 1e6
        return f"{per_second:>8,.0f} fills/s {us:>8,.0f} us CPU/fill {self.wall / self.fills * 1e6:>8,.0f} us wall/fill"


def made_fills(count: int) -> list[Fill]:
    """Buys and sells in turn, four symbols in blocks of a page, quantities that split lots."""
    out = []
    for n in range(count):
        symbol = SYMBOLS[n // PAGE % len(SYMBOLS)]
        side = "buy" if n % 2 == 0 else "sell"
        quantity = Decimal(100 + n * 7919 % 900) / 1000 if side == "buy" else Decimal(100 + n * 104729 % 900) / 1000
        price = Decimal(4_000_000 + n * 31337 % 100_000) / 100
        raw = RAW.format(symbol=symbol.replace("/", ""), n=n + 1, price=price, quantity=quantity)
        out.append(
            Fill(
                trade_id=str(n + 1),
                symbol=symbol,
                base=symbol[:3],
                quote="USDT",
                side="buy" if side == "buy" else "sell",
                quantity=quantity,
                price=price,
                executed_at=START + timedelta(seconds=n),
                fees=(Fee(Decimal("0.001"), "USDT"),),
                order_id=str(n + 1),
                order_type="limit",
                is_maker=False,
                raw=raw,
            )
        )
    return out


def timed(work: Callable[[], None], fills: int) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(fills, time.perf_counter() - wall, time.process_time() - cpu)


def booked(path: Path, fills: Sequence[Fill], page: int) -> list[Timing]:
    """Book all of them; the timing of each tenth of the run."""
    store = Store(f"sqlite:///{path}", key_file=path.with_name("key"), clock=lambda: START)
    user = store.for_user(store.users()[0].name)
    broker = user.add_broker(
        "bench",
        exchange="binance",
        market="spot",
        since=START,
        base_url=None,
        symbols=(),
        method=None,
        credentials=None,
    )
    account_id = user.bind_account(broker, "1")

    def run(part: Sequence[Fill]) -> None:
        for n in range(0, len(part), page):
            some = part[n : n + page]
            covered = Span(some[0].executed_at, some[-1].executed_at)
            user.books.book_page(
                broker,
                some,
                account_id=account_id,
                method="fifo",
                source="api",
                seen_at=START,
                covered=(some[0].symbol, covered),
            )

    tenth = max(page, len(fills) // 10 // page * page)
    parts = [fills[n : n + tenth] for n in range(0, len(fills), tenth)]
    timings = [timed(lambda part=part: run(part), len(part)) for part in parts]  # type: ignore[misc]
    store.close()
    return timings


def inserted(path: Path, template: Path, page: int) -> Timing:
    """The rows that the booking left in fills, lots and disposals, inserted bare, in as many commits."""
    store = Store(f"sqlite:///{path}", key_file=path.with_name("key"), clock=lambda: START)
    store.close()
    source = sqlite3.connect(template)
    rows = {t: source.execute(f"SELECT * FROM {t}").fetchall() for t in ("fills", "disposals", "lots")}
    parents = {t: source.execute(f"SELECT * FROM {t}").fetchall() for t in ("accounts", "brokers", "markets")}
    source.close()
    target = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        target.execute(f"PRAGMA {pragma}")
    insert = {t: f"INSERT INTO {t} VALUES ({', '.join('?' * len(r[0]))})" for t, r in {**parents, **rows}.items()}
    for table, values in parents.items():
        target.executemany(insert[table], values)
    pages = by_page(rows, page)

    def run() -> None:
        for parts in pages:
            target.execute("BEGIN IMMEDIATE")
            for table, part in parts.items():
                target.executemany(insert[table], part)
            target.execute("COMMIT")

    timing = timed(run, len(rows["fills"]))
    target.close()
    print(f"  rows         {', '.join(f'{len(r):,} {t}' for t, r in rows.items())}")
    return timing


def by_page(rows: dict[str, list[Any]], page: int) -> list[dict[str, list[Any]]]:
    """The rows of each page: a disposal and a lot with the fill they belong to, which is their fourth column."""
    pages: list[dict[str, list[Any]]] = [
        {"fills": rows["fills"][n : n + page], "disposals": [], "lots": []} for n in range(0, len(rows["fills"]), page)
    ]
    at = {fill[0]: n // page for n, fill in enumerate(rows["fills"])}
    for table in ("disposals", "lots"):
        for row in rows[table]:
            pages[at[row[3]]][table].append(row)
    return pages


def total(timings: Sequence[Timing]) -> Timing:
    return Timing(sum(t.fills for t in timings), sum(t.wall for t in timings), sum(t.cpu for t in timings))


def compare(directory: Path, fills: Sequence[Fill], page: int) -> None:
    """One size of page: booked, the yardstick, the ratio, first against last tenth."""
    print(f"pages of {page}, {len(fills):,} fills")
    tenths = booked(directory / f"booked{page}.db", fills, page)
    bare = inserted(directory / f"bare{page}.db", directory / f"booked{page}.db", page)
    whole = total(tenths)
    print(f"  booked       {whole.line}")
    print(f"  bare sqlite3 {bare.line}")
    print(f"  ratio        {whole.wall / bare.wall:.1f} wall, {whole.cpu / bare.cpu:.1f} CPU")
    print(f"  first tenth  {tenths[0].line}")
    print(f"  last tenth   {tenths[-1].line}")


def main() -> None:
    parser = argparse.ArgumentParser(description="What booking a fill costs.")
    parser.add_argument("--fills", type=int, default=20_000, help="how many are booked in pages of 100")
    parser.add_argument("--single", type=int, default=2_000, help="how many are booked one by one")
    parser.add_argument("--directory", type=Path, help="where the files go (default: a temporary directory)")
    parser.add_argument("--profile", action="store_true", help="profile the pages of 100 instead")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, synchronous=FULL")
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        fills = made_fills(options.fills)
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(booked, Path(name) / "profiled.db", fills, PAGE)
            pstats.Stats(profile).sort_stats("tottime").print_stats(30)
            return
        compare(Path(name), fills, PAGE)
        compare(Path(name), fills[: options.single], 1)


if __name__ == "__main__":
    main()
