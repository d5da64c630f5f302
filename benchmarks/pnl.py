"""What P&L costs over many stored fills, beside reading the same columns with bare sqlite3 and beside other programs.

    python benchmarks/pnl.py [--fills 1000000] [--python OTHER_VENV/bin/python]... [--peers]

A history of made fills over 20 symbols is imported from CSV, then `trademon pnl` is run as a whole process for each
method. The store keeps the books in another method, so every figure is a full recompute from the first fill; `stored`
is the method that is kept. Ratios are CPU of the whole process to that of a Python process which reads the same five
columns in the same order and does nothing with them; start-up is `trademon pnl` of an empty store.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from peers import PeerRun, Row, made_history, read_history, reference, run_peers, write_history, write_rows

READ = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for key in db.execute("SELECT account_id, market_id FROM books").fetchall():
    where = "WHERE account_id = ? AND market_id = ? ORDER BY at, tie"
    for row in db.execute(f"SELECT fill_id, at, quantity, price, fee FROM entries {where}", key):
        pass
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system) and peak memory of one process."""

    cpu_s: float
    rss_mb: float
    out: str


def run(*command: str, home: Path) -> Cost:
    """Run a process to its end, pinned to one core where that is possible."""
    environment = {**os.environ, "TRADEMON_HOME": str(home)}
    pinned = ["taskset", "-c", "0"] if Path("/usr/bin/taskset").exists() else []
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([*pinned, *command], stdout=out, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        out.seek(0)
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode())


def trademon(*words: str, home: Path) -> Cost:
    return run(sys.executable, "-m", "trademon", *words, home=home)


def median(command: tuple[str, ...], home: Path, times: int = 3) -> Cost:
    runs = sorted((run(*command, home=home) for _ in range(times)), key=lambda cost: cost.cpu_s)
    return runs[len(runs) // 2]


def make_store(home: Path, fills: int) -> None:
    """A store with that many fills of a manual account, kept by hifo."""
    history = home / "history.csv"
    write_history(history, fills)
    trademon("broker", "add", "made", "--exchange", "manual", "--method", "hifo", home=home)
    cost = trademon("fills", "import", str(history), "--broker", "made", "-q", home=home)
    print(line("CSV import", cost, fills))


def compare(home: Path, fills: int) -> dict[str, Cost]:
    """Each method's full recompute beside the bare read."""
    database = home / "data" / "trademon.db"
    me = (sys.executable, "-m", "trademon", "pnl", "--json")
    bare = median((sys.executable, "-c", READ, str(database)), home)
    empty = Path(tempfile.mkdtemp(dir=home))
    start = median(me, empty)
    print(line("bare sqlite3 read", bare, fills))
    print(line("start-up", start, fills))
    costs = {"bare": bare}
    for method in ("fifo", "lifo", "average"):
        costs[method] = report(method, median((*me, "--method", method), home), bare, fills)
    costs["stored"] = report("stored", median(me, home), bare, fills)
    trademon("broker", "set", "made", "--method", "fifo", home=home)
    rebuilt = trademon("rebuild", "--json", home=home)
    print(line("rebuild", rebuilt, fills))
    costs["hifo"] = report("hifo", median((*me, "--method", "hifo"), home), bare, fills)
    print(f"  stored, beside start-up {costs['stored'].cpu_s - start.cpu_s:6.2f} s")
    check(home, costs["fifo"])
    return costs


def deep(home: Path, fills: int) -> None:
    """All buys, then all sales, beside the same rows as they were made: what a deep queue of lots costs."""
    rows = list(made_history(fills, symbols=1))
    buys_first = sorted(rows, key=lambda row: row.side != "buy")
    places = zip(buys_first, rows, strict=True)
    moved = [row._replace(executed_at=at.executed_at, trade_id=at.trade_id) for row, at in places]
    shallow, deepest = filled(home / "shallow", rows), filled(home / "deep", moved)
    for method in ("fifo", "lifo", "hifo", "average"):
        # No book is kept in the method that is asked for.
        ours = (sys.executable, "-m", "trademon", "pnl", "--json", "--method", method)
        if method == "average":
            for one in (shallow, deepest):
                trademon("broker", "set", "made", "--method", "fifo", home=one)
                trademon("rebuild", "-q", home=one)
        one, many = (median(ours, one) for one in (shallow, deepest))
        print(f"{line(f'deep queue, {method}', many, fills)}  {many.cpu_s / one.cpu_s:5.2f} times the shallow one")


def filled(home: Path, rows: list[Row]) -> Path:
    """A store of these rows, kept by average."""
    home.mkdir()
    history = home / "history.csv"
    write_rows(history, rows)
    trademon("broker", "add", "made", "--exchange", "manual", "--method", "average", home=home)
    trademon("fills", "import", str(history), "--broker", "made", "-q", home=home)
    return home


def line(name: str, cost: Cost, fills: int) -> str:
    return f"  {name:<23} {cost.cpu_s:8.2f} s CPU {fills / cost.cpu_s:10,.0f} fills/s {cost.rss_mb:7,.0f} MB"


def report(name: str, cost: Cost, bare: Cost, fills: int) -> Cost:
    print(f"{line(f'pnl, {name}', cost, fills)}  {cost.cpu_s / bare.cpu_s:5.2f}x")
    return cost


def check(home: Path, cost: Cost) -> None:
    """Hold our figures against the plain reference in fractions."""
    exact = reference(read_history(home / "history.csv"))
    ours = {row["symbol"]: row for row in json.loads(cost.out)["data"]["rows"]}
    gaps = [abs(Fraction(ours[s]["gross"]) - e.gross) + abs(Fraction(ours[s]["net"]) - e.net) for s, e in exact.items()]
    print(f"  fifo beside the reference in fractions: largest difference {float(max(gaps)):.1e}")


def beside_peers(home: Path, costs: dict[str, Cost], pythons: list[str], limit_s: float) -> None:
    """What other programs take from the same history to realised P&L, and how many times our full recompute by fifo."""

    def told(run: PeerRun) -> None:
        if run.cpu_s is None:
            print(f"  {run.name:<23} {run.note}")
            return
        times = run.cpu_s / costs["fifo"].cpu_s
        print(
            f"  {run.name:<23} {run.cpu_s:8.2f} s CPU {times:8.1f} times ours {run.rss_mb or 0:9,.0f} MB  {run.method}"
        )

    run_peers(home / "history.csv", pythons, limit_s, told=told)


def compile_ours() -> None:
    """Bytecode, as pip makes it: without, every start of a checkout would compile the sources again."""
    import trademon

    compileall.compile_dir(Path(trademon.__file__).parent, quiet=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="What P&L costs over many stored fills.")
    parser.add_argument("--fills", type=int, default=1_000_000)
    parser.add_argument("--peers", action="store_true", help="run other programs that are installed, too")
    parser.add_argument("--python", action="append", default=[], help="an interpreter with peers; may be repeated")
    parser.add_argument("--limit-s", type=float, default=600, help="seconds a peer may take (default: 600)")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {options.fills:,} fills, 20 symbols")
    compile_ours()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        make_store(home, options.fills)
        costs = compare(home, options.fills)
        deep(home, options.fills // 2)
        if options.peers:
            beside_peers(home, costs, options.python or [sys.executable], options.limit_s)


if __name__ == "__main__":
    main()
