"""Many runs on one store, and a disk on which nothing more fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.conftest import Measured, Serve
from tests.chaos.house import House, account
from tests.chaos.ledger import Ledger


def test_twenty_scans_and_syncs_and_two_watches_at_once_double_nothing(
    house: House, serve: Serve, world: Ledger, full: bool, measured: Measured
) -> None:
    """On one store: each ends well or says that another run is at work, none that the database is locked."""
    scans, cycles = (20, 3) if full else (6, 1)
    exchange = serve(account(world))
    house.add("main", account(world), exchange.url)
    watch = ["watch", "--json", "--interval", "1", "--cycles", str(cycles)]
    passes = [["scan", "--json"], ["sync", "--json"]] * (scans // 2)
    commands = [watch, *passes[: scans // 2], watch, *passes[scans // 2 :]]
    with ThreadPoolExecutor(len(commands)) as pool:
        ends = list(pool.map(lambda command: house.run(*command), commands))
    for done in ends:
        assert done.code in (0, 75), (done.code, done.out[-500:], done.err)
        assert "locked" not in done.out + done.err
        assert "Traceback" not in done.err
    counted = [json.loads(done.out)["data"]["new_fills"] for done in ends if '"command"' in done.out[:40]]
    assert sum(counted) <= len(world.facts())
    house.scan().check(0)
    house.check(world)
    worked = sum(done.code == 0 for done in ends)
    measured(
        f"{scans} scans and syncs and 2 watches at once, {worked} of them at work: 0 lost, 0 doubled, never locked"
    )


def test_a_full_disk_ends_with_the_reason_and_nothing_is_lost_after_it(
    build: Callable[[str], House], serve: Serve, world: Ledger, full: bool, measured: Measured
) -> None:
    """No file may grow beyond a limit: exit 4 and one line that says so, the file whole, all read when there is room
    again; the same for a watch."""
    exchange = serve(account(world))
    for room_kb in (1, 100, 300, 1000) if full else (100,):
        house = build(f"home{room_kb}")
        house.add("main", account(world), exchange.url)
        limit = max(f.stat().st_size for f in house.database.parent.iterdir() if f.is_file()) + room_kb * 1024
        house.run("scan", fsize=limit).check(4).one_line("cannot write", "disk")
        stored = house.check_so_far(world)
        assert stored < len(world.facts())
        house.run("watch", "--json", "--cycles", "1", fsize=limit).check(4)
        house.check_so_far(world)
        house.scan().check(0)
        house.check(world)
        measured(f"{room_kb} kB left: exit 4, {stored} stored until then, 0 lost after it")
