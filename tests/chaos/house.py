"""One home directory, the real program run in it as its own process, and what its store must hold in the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.ledger import Fact, Ledger
from tests.cli.shell import SECRETS, Done, now
from trademon.core.model import Credentials, Fee, Fill
from trademon.core.times import from_us
from trademon.demo.model import Execution
from trademon.demo.server import DemoAccount
from trademon.settings import load_settings
from trademon.store.store import UserStore
from trademon.wiring import Home, open_home

CHILD = Path(__file__).with_name("child")
PROGRAM = [sys.executable, "-m", "trademon"]
PATIENCE_S = 300
BUSY = 10
_STORED = """SELECT symbol, trade_id, order_id, side, quantity, price, fee, fee_currency, executed_at
    FROM fills JOIN markets ON markets.id = market_id"""


@dataclass
class ChaosClock:
    """The machine's clock, moved on by as much as a test says: of the exchange and of the children alike."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.ahead

    def move(self, **by: float) -> None:
        self.ahead += timedelta(**by)

    def set(self, at: datetime) -> None:
        self.ahead = at - now()


def account(world: Ledger, exchange: str = "binance", *, key: str = SECRETS["K"], uid: str = "11") -> DemoAccount:
    passphrase = SECRETS["P"] if exchange == "bitget" else ""
    return DemoAccount(exchange, key, SECRETS["S"], passphrase, uid, world)  # type: ignore[arg-type]


@dataclass
class House:
    """A home with one user. Children share the clock of the test; `unused` is a home like it, without a broker."""

    home: Path
    clock: ChaosClock = field(default_factory=ChaosClock)
    unused: Path = Path()

    @property
    def database(self) -> Path:
        return self.home / "data" / "trademon.db"

    @contextlib.contextmanager
    def opened(self) -> Any:
        """Its store, opened in the test's own process."""
        settings = load_settings({"TRADEMON_HOME": str(self.home)}, directory=self.home)
        with open_home(settings) as home:
            yield home

    def copy(self, to: Path) -> House:
        shutil.copytree(self.home, to)
        return House(to, self.clock, self.unused)

    def add(self, name: str, of: DemoAccount, url: str, *, days: float = 4, symbols: tuple[str, ...] = ()) -> None:
        """A broker whose history begins so many days ago."""
        with self.opened() as home:
            the_user(home).add_broker(
                name,
                exchange=of.exchange,
                market="spot",
                since=self.clock() - timedelta(days=days),
                base_url=url,
                symbols=symbols,
                method=None,
                credentials=Credentials(of.api_key, of.api_secret, of.passphrase),
            )

    # --- the program ---------------------------------------------------------------------------------------------

    def env(self, **hooks: object) -> dict[str, str]:
        """Nothing of the outside that is trademon's, and the hooks of `child/sitecustomize.py`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEMON_", "AUTOMATION_", "COV_", "CHAOS_"))}
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONWARNINGS"):
            kept.pop(name, None)
        kept |= {"TRADEMON_HOME": str(self.home), "TERM": "xterm-256color", "TZ": "UTC", "PYTHONUTF8": "1"}
        kept |= {"PYTHONPATH": str(CHILD), "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
        kept["CHAOS_CLOCK_S"] = str(self.clock.ahead.total_seconds() or 0)
        return kept | {
            f"CHAOS_{name.upper().rstrip('_')}": str(value) for name, value in hooks.items() if value is not None
        }

    def start(self, *args: str, **hooks: object) -> subprocess.Popen[str]:
        """Begin it, and leave it running."""
        return subprocess.Popen(
            [*PROGRAM, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env(**hooks),
            cwd=self.home,
        )

    def run(self, *args: str, **hooks: object) -> Done:
        """Run it to its end, however that comes: minus the signal's number where one killed it."""
        child = self.start(*args, **hooks)
        try:
            out, err = child.communicate(timeout=PATIENCE_S)
        except BaseException:
            child.kill()
            child.communicate()
            raise
        return Done(child.returncode, out, err)

    def counted(self, *args: str, **hooks: object) -> tuple[Done, dict[str, int]]:
        """The same, with what `child/sitecustomize.py` counted: commits, prints, the peak of memory in kB."""
        counts = self.home / "counts.json"
        done = self.run(*args, counts=counts, **hooks)
        return done, Counter(json.loads(counts.read_text()))

    def scan(self, *args: str, **hooks: object) -> Done:
        return self.run("scan", "--json", *args, **hooks)

    def start_s(self) -> float:
        """How long the program takes to start and end: next to nothing, but on a machine that is busy with others. What
        is promised in seconds is held to it with `BUSY` times that added."""
        started = time.monotonic()
        self.run("--version").check(0)
        return time.monotonic() - started

    # --- what it left --------------------------------------------------------------------------------------------

    def rows(self, sql: str) -> list[Any]:
        """Asked of the file itself, past all of trademon."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as file:
            return file.execute(sql).fetchall()

    def stored(self, broker: str | None = None) -> list[Fact]:
        """Every row of `fills`, of one broker or of all; a fill that is stored twice stands there twice."""
        of = "" if broker is None else f" WHERE broker_id = (SELECT id FROM brokers WHERE name = '{broker}')"
        return [
            (*texts, *map(Decimal, amounts), coin, from_us(at))  # type: ignore[misc]
            for *texts, quantity, price, fee, coin, at in self.rows(_STORED + of)
            for amounts in [(quantity, price, fee)]
        ]

    def figures(self) -> Any:
        """Everything derived from fills: books, and what each fill earned."""
        with self.opened() as home:
            return figures_of(the_user(home))

    def check_so_far(self, world: Ledger) -> int:
        """After a crash: the file is whole, nothing is in it twice and nothing that never happened. How many rows."""
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        found = Counter(self.stored())
        more = found - Counter(world.facts())
        assert not more, f"{more.total()} doubled or invented: {list(more)[:3]}"
        return found.total()

    def check_fills(self, world: Ledger, broker: str | None = None) -> None:
        """In the end: exactly the true fills, to the last digit, of one broker or of all."""
        found, true = Counter(self.stored(broker)), Counter(world.facts())
        lost, more = true - found, found - true
        assert not lost, f"{lost.total()} of {true.total()} lost, among them {list(lost)[:3]}"
        assert not more, f"{more.total()} doubled or invented, among them {list(more)[:3]}"
        assert self.rows("PRAGMA integrity_check") == [("ok",)]

    def check(self, world: Ledger) -> None:
        """The same of a home with one broker, and the P&L of a fresh store with the same fills."""
        self.check_fills(world)
        if world.figures is None:
            world.figures = fresh_figures(self, world)
        assert self.figures() == world.figures


def the_user(home: Home) -> UserStore:
    return home.store.for_user(home.store.users()[0].name)


def figures_of(user: UserStore) -> Any:
    earned = sorted(
        (r.fill.symbol, int(r.fill.trade_id), r.net, r.unmatched, r.unvalued)
        for r in user.executions()
        if r.net is not None
    )
    return sorted(user.stored_books(), key=lambda row: (row.broker, row.symbol)), earned


def fresh_figures(house: House, world: Ledger) -> Any:
    """What a store says that got the world's fills all at once, in order, past every exchange and every scan."""
    fresh = House(house.unused, house.clock).copy(house.home.with_name(f"{house.home.name}-fresh"))
    with fresh.opened() as home, house.opened() as old:
        user, broker = the_user(home), the_user(old).brokers()[0]
        made = user.add_broker(
            broker.name,
            exchange=broker.exchange,
            market="spot",
            since=broker.since,
            base_url=broker.base_url,
            symbols=(),
            method=None,
            credentials=Credentials("k", "s", "p"),
        )
        account_id = user.bind_account(made, "11")
        user.books.book_page(
            made,
            [to_fill(e) for e in world.executions()],
            account_id=account_id,
            method="fifo",
            source="api",
            seen_at=house.clock(),
        )
        figures = figures_of(user)
    shutil.rmtree(fresh.home)
    return figures


def to_fill(e: Execution) -> Fill:
    """The truth in the store's terms, without any adapter in between."""
    return Fill(
        trade_id=e.trade_id,
        order_id=e.order_id,
        symbol=e.symbol,
        base=e.base,
        quote=e.quote,
        side=e.side,
        quantity=e.quantity,
        price=e.price,
        fees=(Fee(e.fee, e.fee_currency),),
        executed_at=e.executed_at,
        is_maker=e.is_maker,
        raw="{}",
    )
