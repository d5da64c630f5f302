"""What a person waits for after TAB: the whole process that a shell starts, from its start to its last byte.

A home is made with 20 brokers and 200 traded symbols, and each line is completed as all three shells ask for it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRADEMON = Path(sys.executable).with_name("trademon")
HEADER = "executed_at,symbol,side,quantity,price,fee,fee_currency,order_id,trade_id\n"
LINES = (
    "trademon ve",
    "trademon pnl --",
    "trademon pnl --method ",
    "trademon pnl --user ",
    "trademon scan --broker ",
    "trademon pnl --symbol coin1",
    "trademon broker add x --exchange krak",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as directory:
        env = {k: v for k, v in os.environ.items() if not k.startswith("TRADEMON_")} | {"TRADEMON_HOME": directory}
        fill_home(Path(directory), env)
        for line in LINES:
            took, offered = zip(*(tab(line, env) for _ in range(times)), strict=True)
            middle, slowest = (seconds * 1000 for seconds in (statistics.median(took), max(took)))
            print(f"{line + '<TAB>':45} {middle:5.0f} ms {slowest:8.0f} {offered[0]:9}")


def fill_home(directory: Path, env: dict[str, str]) -> None:
    def run(*args: str) -> None:
        subprocess.run([TRADEMON, *args], env=env, check=True)

    for number in range(20):
        run("broker", "add", f"broker{number}", "--exchange", "manual")
    rows = (f"2026-05-01T10:00:00Z,COIN{n}/USDT,buy,1,10,,,o{n},t{n}\n" for n in range(200))
    (directory / "fills.csv").write_text(HEADER + "".join(rows))
    run("fills", "import", str(directory / "fills.csv"), "--broker", "broker0")


def tab(line: str, env: dict[str, str]) -> tuple[float, int]:
    """Seconds, and how many words were offered."""
    asked = {"_TRADEMON_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    began = time.perf_counter()
    done = subprocess.run(
        [TRADEMON], env=env | asked | {"_TYPER_COMPLETE_ARGS": line}, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - began, len(done.stdout.split("\n")) - 1


if __name__ == "__main__":
    print(f"{'line':45} {'median':>8} {'slowest':>8} {'offered':>9}")
    main()
