"""The suite's own checks, held against programs that are built wrong: each must be found out.

The change is made in the child process (`child/broken.py`), or to the store's file; the product stays as it is.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from random import Random

import pytest

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import House, account
from tests.chaos.ledger import SYMBOLS, Ledger, draw
from tests.chaos.test_bad_answers import in_one_millisecond, small_pages
from tests.chaos.test_kill import KILLED
from trademon.demo.model import to_ms


def small_world(house: House, rng: Random, *, days_ago: float = 0) -> Ledger:
    """300 fills of one symbol within a day."""
    end = house.clock() - timedelta(days=days_ago, minutes=1)
    return Ledger(draw(rng, 300, end - timedelta(hours=20), end, SYMBOLS[:1]), SYMBOLS[:1])


def take_unique_key_away(house: House) -> None:
    """The table of fills as it is, but for what makes an execution one row."""
    with contextlib.closing(sqlite3.connect(house.database)) as file:
        [(made,)] = file.execute("SELECT sql FROM sqlite_master WHERE name = 'fills'").fetchall()
        key = "CONSTRAINT one_row_per_execution UNIQUE (account_id, market_id, trade_id, epoch)"
        assert key in made
        file.execute("PRAGMA writable_schema = ON")
        file.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'fills'", (made.replace(key, "CHECK (1)"),))
        file.execute("DELETE FROM sqlite_master WHERE name LIKE 'sqlite_autoindex_fills%'")
        file.commit()
        file.execute("VACUUM")


def test_a_cursor_committed_before_its_rows_is_found_out(
    house: House, serve: Serve, rng: Random, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two, the next scans believe that the page was read: lost, where it is older than what is read
    again anyway. The program as it is loses nothing by the same kills."""
    small_pages(monkeypatch, 100)
    world = small_world(house, rng, days_ago=2.5)
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    sound = house.copy(house.home.with_name("sound"))
    for number in range(3, 8):  # somewhere among these commits is the one of a page that holds fills
        assert house.scan(break_="cursor-before-rows", kill=f"after-commit:{number}").code in (KILLED, 0)
        assert sound.scan(kill=f"after-commit:{number}").code in (KILLED, 0)
    house.scan(break_="cursor-before-rows").check(0)
    with pytest.raises(AssertionError, match="lost"):
        house.check(world)
    sound.scan().check(0)
    sound.check(world)
    measured("cursor before rows: found out")


def test_a_store_without_the_unique_key_is_found_out(
    house: House, serve: Serve, rng: Random, measured: Measured
) -> None:
    """A program that inserts without a look doubles what it reads twice; with a key left the store refuses, loudly."""
    world = small_world(house, rng)
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    keyed = house.copy(house.home.with_name("keyed"))
    take_unique_key_away(house)
    half = house.copy(house.home.with_name("half"))
    for home in (house, keyed, half):
        home.scan(break_="no-look-up").check(0)
    house.clock.move(minutes=61)
    house.scan(break_="no-look-up-and-no-key").check(0)
    with pytest.raises(AssertionError, match="doubled"):
        house.check(world)
    for home in (keyed, half):  # what a fill moves has a key of its own, which holds where the fills' is gone
        home.scan(break_="no-look-up").check(1)
        home.check(world)
    measured("no unique key: found out; with one: refused")


def test_a_cursor_of_last_plus_one_is_found_out(
    house: House, serve: Serve, rng: Random, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fills of one millisecond on two pages, and one published late: the rest of the millisecond is lost."""
    small_pages(monkeypatch, 100)
    at_ms = to_ms(house.clock() - timedelta(hours=2))
    world = Ledger(in_one_millisecond(rng, 150, at_ms, 1000))
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    sound = house.copy(house.home.with_name("sound"))
    house.scan(break_="since-last-plus-one").check(0)
    with pytest.raises(AssertionError, match=r"50 of 150 lost"):
        house.check(world)
    sound.scan().check(0)
    sound.check(world)
    measured("since = last + 1: found out, 50 of 150 lost")
